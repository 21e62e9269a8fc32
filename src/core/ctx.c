/*
 * ctx.c
 *		Errors, counters and the host's defaults.
 *
 * An error is written once, by whoever fails first, into fixed buffers of the
 * caller's LhError: writing it can neither fail nor allocate.  Texts that do
 * not fit are cut at a character boundary, because they end up in ereport.
 */
#include "core/ctx.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/arena.h"
#include "core/key.h"
#include "core/text.h"

const char *const lh_counter_name[LH_N_COUNTERS] = {
#define X(id, name, label) [LH_CTR_##id] = name,
	LH_COUNTERS(X)
#undef X
};

const char *const lh_counter_label[LH_N_COUNTERS] = {
#define X(id, name, label) [LH_CTR_##id] = label,
	LH_COUNTERS(X)
#undef X
};

static const char *const status_name[] = {
	[LH_OK] = "ok",
	[LH_CANCELLED] = "cancelled",
	[LH_NEED_HOST] = "need host",
	[LH_NO_MEMORY] = "no memory",
	[LH_IO] = "input/output error",
	[LH_NOT_FOUND] = "not found",
	[LH_DENIED] = "denied",
	[LH_CORRUPT] = "corrupt",
	[LH_UNSUPPORTED] = "unsupported",
	[LH_INVALID] = "invalid",
	[LH_OUT_OF_RANGE] = "out of range",
	[LH_BAD_DATETIME] = "bad date or time",
	[LH_BAD_TEXT] = "bad text",
	[LH_CHANGED] = "changed",
	[LH_LIMIT] = "limit",
	[LH_MISMATCH] = "mismatch",
	[LH_NULL_VALUE] = "null value",
	[LH_EXISTS] = "exists",
	[LH_BUG] = "bug",
};

/* What lh_ctx_create hands out: the context with all it points to. */
typedef struct OwnCtx
{
	LhCtx ctx; /* first: lh_ctx_destroy casts back */
	LhError error;
	LhCounters counters;
} OwnCtx;

LhCtx *
lh_ctx_create(void)
{
	OwnCtx *own = calloc(1, sizeof(*own));

	if (own == NULL)
		return NULL;
	own->ctx.arena = lh_arena_create(NULL);
	if (own->ctx.arena == NULL)
	{
		free(own);
		return NULL;
	}
	own->ctx.error = &own->error;
	own->ctx.counters = &own->counters;
	return &own->ctx;
}

void
lh_ctx_destroy(LhCtx *ctx)
{
	if (ctx == NULL)
		return;
	lh_arena_destroy(ctx->arena);
	free((OwnCtx *) ctx);
}

const char *
lh_status_name(LhStatus code)
{
	if ((unsigned) code >= sizeof(status_name) / sizeof(status_name[0]))
		return "unknown status";
	return status_name[code];
}

/* Cut off the begin of a character at the end of a text of n > 0 bytes. */
static void
drop_partial_character(char *text, size_t n)
{
	size_t last = n - 1;

	while (last > 0 && n - last < 4 && ((uint8_t) text[last] & 0xc0) == 0x80)
		last--;
	if (!lh_utf8_valid(text + last, n - last))
		text[last] = '\0';
}

/* Format into an error text; a text that was cut ends at a whole character. */
static void __attribute__((format(printf, 2, 0))) write_text(char *out, const char *fmt, va_list ap)
{
	int n = vsnprintf(out, LH_ERROR_TEXT, fmt, ap);

	if (n < 0)
		out[0] = '\0';
	else if (n >= LH_ERROR_TEXT)
		drop_partial_character(out, LH_ERROR_TEXT - 1);
}

LhStatus
lh_fail(LhCtx *ctx, LhStatus code, const char *fmt, ...)
{
	va_list ap;

	ctx->error->code = code == LH_OK ? LH_BUG : code;
	ctx->error->detail[0] = '\0';
	ctx->error->hint[0] = '\0';
	va_start(ap, fmt);
	write_text(ctx->error->message, fmt, ap);
	va_end(ap);
	return ctx->error->code;
}

void
lh_detail(LhCtx *ctx, const char *fmt, ...)
{
	va_list ap;

	if (ctx->error->detail[0] != '\0')
		return;
	va_start(ap, fmt);
	write_text(ctx->error->detail, fmt, ap);
	va_end(ap);
}

void
lh_hint(LhCtx *ctx, const char *fmt, ...)
{
	va_list ap;

	if (ctx->error->hint[0] != '\0')
		return;
	va_start(ap, fmt);
	write_text(ctx->error->hint, fmt, ap);
	va_end(ap);
}

void
lh_error_prefix(LhCtx *ctx, const char *fmt, ...)
{
	char text[LH_ERROR_TEXT];
	size_t prefix, keep;
	va_list ap;

	va_start(ap, fmt);
	write_text(text, fmt, ap);
	va_end(ap);

	prefix = strlen(text);
	if (prefix + 2 >= LH_ERROR_TEXT)
		prefix = lh_utf8_clip(text, prefix, LH_ERROR_TEXT - 3);
	text[prefix++] = ':';
	text[prefix++] = ' ';
	keep = strlen(ctx->error->message);
	keep = lh_utf8_clip(ctx->error->message, keep, LH_ERROR_TEXT - 1 - prefix);
	memcpy(text + prefix, ctx->error->message, keep);
	text[prefix + keep] = '\0';
	memcpy(ctx->error->message, text, prefix + keep + 1);
}

void
lh_error_clear(LhCtx *ctx)
{
	ctx->error->code = LH_OK;
	ctx->error->message[0] = '\0';
	ctx->error->detail[0] = '\0';
	ctx->error->hint[0] = '\0';
}

LhStatus
lh_poll(LhCtx *ctx)
{
	if (ctx->host == NULL || ctx->host->interrupted == NULL)
		return LH_OK;
	if (!ctx->host->interrupted(ctx->host_arg))
		return LH_OK;
	LH_FAIL(ctx, LH_CANCELLED, "canceled on request of the host");
}

int
lh_host_wait(LhCtx *ctx, LhWaitFd *fds, int nfds, int timeout_ms)
{
	struct pollfd few[64];
	int n;

	if (ctx->host != NULL && ctx->host->wait != NULL)
		return ctx->host->wait(ctx->host_arg, fds, nfds, timeout_ms);
	if (nfds < 0 || nfds > (int) (sizeof(few) / sizeof(few[0])))
	{
		errno = EINVAL;
		return -1;
	}
	for (int i = 0; i < nfds; i++)
		few[i] = (struct pollfd){.fd = fds[i].fd, .events = fds[i].events};
	n = poll(few, (nfds_t) nfds, timeout_ms);
	for (int i = 0; i < nfds; i++)
		fds[i].revents = n > 0 ? few[i].revents : 0;
	return n < 0 && errno == EINTR ? 0 : n;
}

/* What the host wants to raise comes first. */
static LhStatus
temp_failed(LhCtx *ctx, const char *what, int error)
{
	LH_TRY(lh_poll(ctx));
	LH_FAIL(ctx, LH_IO, "could not %s: %s", what, lh_errno_text(error));
}

LhStatus
lh_host_temp_file(LhCtx *ctx, int *file)
{
	if (ctx->host != NULL && ctx->host->temp_file != NULL)
		*file = ctx->host->temp_file(ctx->host_arg);
	else
		*file = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (*file >= 0)
		return LH_OK;
	return temp_failed(ctx, "create a temporary file", errno);
}

LhStatus
lh_host_temp_write(LhCtx *ctx, int file, const void *p, size_t n, int64_t at)
{
	while (n > 0)
	{
		ssize_t k = ctx->host != NULL && ctx->host->temp_write != NULL
						? ctx->host->temp_write(ctx->host_arg, file, p, n, at)
						: pwrite(file, p, n, at);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return temp_failed(ctx, "write to a temporary file", k < 0 ? errno : ENOSPC);
		p = (const uint8_t *) p + k;
		n -= (size_t) k;
		at += k;
	}
	return LH_OK;
}

LhStatus
lh_host_temp_read(LhCtx *ctx, int file, void *p, size_t n, int64_t at)
{
	while (n > 0)
	{
		ssize_t k = ctx->host != NULL && ctx->host->temp_read != NULL
						? ctx->host->temp_read(ctx->host_arg, file, p, n, at)
						: pread(file, p, n, at);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return temp_failed(ctx, "read a temporary file", errno);
		if (k == 0)
			LH_FAIL(ctx, LH_IO, "could not read a temporary file: it ends early");
		p = (uint8_t *) p + k;
		n -= (size_t) k;
		at += k;
	}
	return LH_OK;
}

void
lh_host_temp_close(const LhHost *host, void *host_arg, int file)
{
	if (host != NULL && host->temp_close != NULL)
		host->temp_close(host_arg, file);
	else
		close(file);
}

void
lh_progress(LhCtx *ctx, const char *what, int64_t done, int64_t total)
{
	if (ctx->host != NULL && ctx->host->progress != NULL)
		ctx->host->progress(ctx->host_arg, what, done, total);
}

LhStatus
lh_host_key(LhCtx *ctx, const LhKeyRequest *request, LhKey *key)
{
	*key = (LhKey){0};
	if (ctx->host != NULL && ctx->host->key != NULL)
		return ctx->host->key(ctx->host_arg, ctx, request, key);
	if (request->plain)
		return LH_OK;
	LH_FAIL(ctx, LH_UNSUPPORTED, "%s is encrypted with key %s, and no keys are given",
			request->column != NULL ? "the column" : "the footer", request->name);
}

const char *
lh_errno_text(int error)
{
	const char *text = strerrordesc_np(error);

	return text != NULL ? text : "unknown error";
}
