/*
 * stdout.c
 *		"stdout:": values to standard output, for pipes and for people.
 *
 * Text formats: a value a line; with key=tab the key, a tab and the value (an
 * empty key for a message without one).  Other formats: u32 little-endian
 * length and value; with key=tab length and key come first.  Messages without a
 * value (tombstones) are left out.
 *
 * A pipe keeps no position: the sink is always new, and after a restart what was
 * not confirmed comes again (at least once).  Durable means written to the pipe,
 * not that the reader has done anything with it.
 */
#include "sink/internal.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

/* Written when there is so much, else at flush. */
#define WRITE_SIZE ((size_t) 64 << 10)

typedef struct Stdout
{
	LhSink sink;
	bool text;
	bool keys;
	LhChangePos committed;
	LhBuf buf;
} Stdout;

static LhStatus
stdout_open(LhCtx *ctx, const LhSinkConfig *config, LhSink **out)
{
	static const char *const known[] = {"key", NULL};
	static const char *const keys[] = {"none", "tab", NULL};
	Stdout *s;
	int choice;

	LH_TRY(lh_sink_check_options(ctx, config, known));
	if (config->host[0] != '\0' || config->path[0] != '\0')
		LH_FAIL(ctx, LH_INVALID, "sink \"%s\": write \"stdout:\" without host and path",
				config->uri);
	LH_TRY(lh_sink_option_choice(ctx, config, "key", keys, &choice));
	LH_NEW(ctx, s);
	LH_TRY(lh_buf_init(ctx, &s->buf, false));
	s->text = config->text;
	s->keys = choice == 1;
	*out = &s->sink;
	return LH_OK;
}

static LhStatus
stdout_recover(LhCtx *ctx, LhSink *sink, LhChangePos *durable, bool *known)
{
	Stdout *s = (Stdout *) sink;

	s->buf.len = 0;
	*durable = (LhChangePos){0};
	*known = false;
	return LH_OK;
}

/* Another program may have made the pipe non-blocking for all who share it. */
static LhStatus
wait_writable(LhCtx *ctx)
{
	LhWaitFd fd = {.fd = STDOUT_FILENO, .events = POLLOUT};

	LH_TRY(lh_poll(ctx));
	if (lh_host_wait(ctx, &fd, 1, -1) < 0 && errno != EINTR)
		LH_FAIL(ctx, LH_IO, "could not wait for standard output: %s", lh_errno_text(errno));
	return lh_poll(ctx);
}

static LhStatus
write_out(LhCtx *ctx, Stdout *s)
{
	size_t at = 0;

	while (at < s->buf.len)
	{
		size_t n = s->buf.len - at < PIPE_BUF ? s->buf.len - at : PIPE_BUF;
		ssize_t done;

		/* a writable pipe takes PIPE_BUF: we block in the host's wait, which can be cancelled */
		LH_TRY(wait_writable(ctx));
		done = write(STDOUT_FILENO, s->buf.data + at, n);
		if (done < 0 && errno != EINTR && errno != EAGAIN)
			LH_FAIL(ctx, LH_IO, "could not write to standard output: %s", lh_errno_text(errno));
		at += done > 0 ? (size_t) done : 0;
	}
	s->buf.len = 0;
	return LH_OK;
}

static LhStatus
add(LhCtx *ctx, Stdout *s, LhSlice bytes, char end)
{
	if (s->text)
	{
		LH_TRY(lh_buf_append(ctx, &s->buf, bytes.data, bytes.len));
		return lh_buf_putc(ctx, &s->buf, end);
	}
	if (bytes.len > UINT32_MAX)
		LH_FAIL(ctx, LH_LIMIT, "a value of %zu bytes is too long for a length of 32 bits",
				bytes.len);
	LH_TRY(lh_buf_append(ctx, &s->buf, &(uint32_t){(uint32_t) bytes.len}, 4));
	return lh_buf_append(ctx, &s->buf, bytes.data, bytes.len);
}

static LhStatus
stdout_put(LhCtx *ctx, LhSink *sink, const LhSinkMessage *message)
{
	Stdout *s = (Stdout *) sink;

	if (message->tombstone)
		return LH_OK;
	if (s->keys)
		LH_TRY(add(ctx, s, message->has_key ? message->key : lh_slice("", 0), '\t'));
	LH_TRY(add(ctx, s, message->value, '\n'));
	sink->messages++;
	sink->bytes += message->key.len + message->value.len;
	return s->buf.len >= WRITE_SIZE ? write_out(ctx, s) : LH_OK;
}

static LhStatus
stdout_commit(LhCtx *ctx, LhSink *sink, const LhChangePos *pos)
{
	((Stdout *) sink)->committed = *pos;
	return LH_OK;
}

static LhStatus
stdout_flush(LhCtx *ctx, LhSink *sink)
{
	Stdout *s = (Stdout *) sink;

	LH_TRY(write_out(ctx, s));
	sink->durable = s->committed;
	return LH_OK;
}

static LhStatus
stdout_close(LhCtx *ctx, LhSink *sink)
{
	return LH_OK;
}

const LhSinkKind lh_sink_stdout = {
	.scheme = "stdout",
	.lines = true,
	.summary = "values to standard output (at least once)",
	.open = stdout_open,
	.recover = stdout_recover,
	.put = stdout_put,
	.commit = stdout_commit,
	.flush = stdout_flush,
	.close = stdout_close,
};
