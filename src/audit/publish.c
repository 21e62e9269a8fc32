/*
 * publish.c
 *		Checkpoints brought outside.
 *
 *	1. The newest checkpoint is looked up, and whether the target took it: "sent-HASH" in the log's directory, named by
 *	   the target, holds the size and the hash of the note that it took last.
 *	2. A file is appended to and synced.  A note that a crash tore is cut off; a file that holds anything else is refused.
 *	3. In a directory, or below a URL that ends with "/", each note has its own name.  A name that is taken is never
 *	   replaced: if it says something else, somebody has put the log back.
 *	4. Over HTTP an answer 2xx is the only success.  Redirects are not followed, for the credentials are for this host;
 *	   repeats, time-outs, address rules and cancels are the client's (net.h).
 */
#include "audit/proof.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/log_internal.h"
#include "net/net.h"

#define TAIL            ((size_t) 2 * LH_NOTE_MOST)
#define MOST_CREDENTIAL ((size_t) 8192)
#define SENT_MOST       256

struct LhAuditPublisher
{
	LhAuditPublishOptions o;
	bool each;  /* a name for each note */
	LhNet *net; /* NULL: a file, or a directory */
	LhNetRule rule;
	LhUrl url;
	char sent_name[LH_AUDIT_NAME];
};

/*
 * Opening
 */

static bool
is_this_machine(const LhUrl *url)
{
	LhAddress numeric;

	return strcmp(url->host, "localhost") == 0 || strcmp(url->host, "::1") == 0 ||
		   (strncmp(url->host, "127.", 4) == 0 && lh_address_parse(url->host, &numeric));
}

static LhStatus
open_url(LhCtx *ctx, LhAuditPublisher *p)
{
	LhNetOptions net = {
		.rules = &p->rule, .nrules = 1, .backoff_max_ms = 5000, .ca_file = p->o.ca_file};

	if (lh_url_parse(ctx, p->o.target, &p->url) != LH_OK)
	{
		lh_error_prefix(ctx, "target of audit checkpoints");
		return ctx->error->code;
	}
	if (!p->url.https && !is_this_machine(&p->url))
	{
		lh_fail(ctx, LH_INVALID, "audit checkpoints would go to host \"%s\" in clear text",
				p->url.host);
		lh_hint(ctx, "Use a URL that begins with https://.");
		return LH_INVALID;
	}
	/* it is named on purpose, so it may be a private address */
	p->rule.host = p->url.host;
	net.attempts = p->o.attempts > 0 ? p->o.attempts : 3;
	net.connect_timeout_ms = net.stall_timeout_ms = net.total_timeout_ms =
		p->o.timeout_ms > 0 ? p->o.timeout_ms : 10000;
	return lh_net_create(ctx, &net, &p->net);
}

static LhStatus
copy_text(LhCtx *ctx, const char **text)
{
	if (*text != NULL && (*text = lh_strdup(ctx, *text)) == NULL)
		return ctx->error->code;
	return LH_OK;
}

LhStatus
lh_audit_publisher_open(LhCtx *ctx, const LhAuditPublishOptions *options, LhAuditPublisher **out)
{
	size_t len = options->target != NULL ? strlen(options->target) : 0;
	uint8_t hash[LH_SHA256];
	LhAuditPublisher *p;

	if (len == 0)
		LH_FAIL(ctx, LH_INVALID, "audit checkpoints need a target");
	LH_NEW(ctx, p);
	p->o = *options;
	LH_TRY(copy_text(ctx, &p->o.target));
	LH_TRY(copy_text(ctx, &p->o.credentials_file));
	LH_TRY(copy_text(ctx, &p->o.ca_file));
	p->each = p->o.target[len - 1] == '/';
	lh_sha256(lh_slice(p->o.target, len), hash);
	snprintf(p->sent_name, sizeof(p->sent_name), "sent-%016llx",
			 (unsigned long long) lh_load_be64(hash));
	if (strncmp(p->o.target, "https://", 8) == 0 || strncmp(p->o.target, "http://", 7) == 0)
		LH_TRY(open_url(ctx, p));
	else if (p->o.target[0] != '/')
		LH_FAIL(ctx, LH_INVALID,
				"the target of audit checkpoints is an absolute path, or a URL of http: or https:");
	*out = p;
	return LH_OK;
}

/*
 * Files
 */

static LhStatus
fail_file(LhCtx *ctx, const char *what, const char *path, int error)
{
	LH_FAIL(ctx, LH_IO, "could not %s \"%s\" for audit checkpoints: %s", what, path,
			lh_errno_text(error));
}

static LhStatus
write_all(LhCtx *ctx, int fd, const char *path, LhSlice bytes)
{
	while (bytes.len > 0)
	{
		ssize_t n = write(fd, bytes.data, bytes.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fail_file(ctx, "write", path, n < 0 ? errno : ENOSPC);
		bytes = lh_slice(bytes.data + n, bytes.len - (size_t) n);
	}
	return fsync(fd) == 0 ? LH_OK : fail_file(ctx, "sync", path, errno);
}

static LhStatus
sync_dir(LhCtx *ctx, const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), error = 0;

	if (fd < 0 || fsync(fd) != 0)
		error = errno;
	lh_audit_close_fd(&fd);
	return error == 0 ? LH_OK : fail_file(ctx, "sync directory", path, error);
}

/* The directory of a path. */
static LhStatus
sync_parent(LhCtx *ctx, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *dir = slash == path ? "/" : lh_strndup(ctx, path, (size_t) (slash - path));

	return dir != NULL ? sync_dir(ctx, dir) : ctx->error->code;
}

/* Bytes of an open file, from a place on. */
static LhStatus
read_from(LhCtx *ctx, int fd, const char *path, off_t from, size_t size, LhSlice *out)
{
	uint8_t *p;
	ssize_t n;

	LH_ALLOC(ctx, p, size + 1);
	n = pread(fd, p, size, from);
	if (n < 0)
		return fail_file(ctx, "read", path, errno);
	*out = lh_slice(p, (size_t) n);
	return LH_OK;
}

/* Behind the last whole note; *there: it is this one already. */
static LhStatus
find_end(LhCtx *ctx, int fd, const char *path, LhSlice note, off_t *end, bool *there)
{
	struct stat st;
	LhSlice bytes, last;
	size_t at = 0;
	off_t from;

	*there = false;
	*end = 0;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		LH_FAIL(ctx, LH_INVALID, "\"%s\" is no regular file for audit checkpoints", path);
	from = st.st_size > (off_t) TAIL ? st.st_size - (off_t) TAIL : 0;
	LH_TRY(read_from(ctx, fd, path, from, TAIL, &bytes));
	if (lh_audit_notes_end(bytes, from == 0, &last, &at))
		*there = last.len == note.len && memcmp(last.data, note.data, note.len) == 0;
	else if (bytes.len > 0 &&
			 (from > 0 || bytes.len >= note.len || memcmp(bytes.data, note.data, bytes.len) != 0))
		LH_FAIL(ctx, LH_INVALID,
				"\"%s\" holds something else than audit checkpoints, and is not written to", path);
	*end = from + (off_t) at;
	return LH_OK;
}

static LhStatus
append_note(LhCtx *ctx, int fd, const char *path, LhSlice note)
{
	struct stat st;
	off_t end;
	bool there;
	LhBuf text;

	LH_TRY(find_end(ctx, fd, path, note, &end, &there));
	if (there)
		return fsync(fd) == 0 ? LH_OK : fail_file(ctx, "sync", path, errno);
	if (fstat(fd, &st) == 0 && st.st_size > end && ftruncate(fd, end) != 0)
		return fail_file(ctx, "cut the torn note of", path, errno);
	LH_TRY(lh_buf_init(ctx, &text, false));
	LH_TRY(lh_buf_append(ctx, &text, note.data, note.len));
	LH_TRY(lh_buf_putc(ctx, &text, '\n'));
	LH_TRY(write_all(ctx, fd, path, lh_slice(text.data, text.len)));
	return sync_parent(ctx, path);
}

static LhStatus
publish_file(LhCtx *ctx, LhAuditPublisher *p, LhSlice note)
{
	int fd =
		open(p->o.target,
			 O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);
	LhStatus status;

	if (fd < 0)
		return fail_file(ctx, "open", p->o.target, errno);
	status = append_note(ctx, fd, p->o.target, note);
	close(fd);
	return status;
}

static const char *
name_of(LhCtx *ctx, const LhAuditPublisher *p, uint64_t size)
{
	return lh_sprintf(ctx, "%s%020llu.checkpoint", p->o.target, (unsigned long long) size);
}

/* What has the name already has to say the same. */
static LhStatus
compare_named(LhCtx *ctx, const char *path, LhSlice note)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	LhSlice bytes = {0};
	LhStatus status;

	if (fd < 0)
		return fail_file(ctx, "open", path, errno);
	status = read_from(ctx, fd, path, 0, LH_NOTE_MOST + 1, &bytes);
	close(fd);
	LH_TRY(status);
	if (bytes.len == note.len && memcmp(bytes.data, note.data, note.len) == 0)
		return LH_OK;
	lh_fail(ctx, LH_EXISTS, "\"%s\" is another checkpoint of the same size", path);
	lh_hint(ctx,
			"The log may have been put back to an earlier state and gone on since.  Verify it.");
	return LH_EXISTS;
}

static LhStatus
publish_named(LhCtx *ctx, LhAuditPublisher *p, LhSlice note, uint64_t size)
{
	const char *path = name_of(ctx, p, size);
	char *temp = lh_sprintf(ctx, "%s.new-checkpoint", p->o.target);
	LhStatus status;
	int fd;

	if (path == NULL || temp == NULL)
		return ctx->error->code;
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0644);
	if (fd < 0)
		return fail_file(ctx, "create", temp, errno);
	status = write_all(ctx, fd, temp, note);
	close(fd);
	if (status == LH_OK && link(temp, path) != 0)
		status = errno == EEXIST ? compare_named(ctx, path, note)
								 : fail_file(ctx, "create", path, errno);
	unlink(temp);
	LH_TRY(status);
	return sync_dir(ctx, p->o.target);
}

/*
 * HTTP
 */

/* LhHttpSignFn */
static LhStatus
sign(LhCtx *ctx, void *arg, const LhHttp *http, const char **headers, int max, int *n)
{
	static const char name[] = "Authorization: ";
	const LhAuditPublisher *p = arg;
	uint8_t *bytes = NULL;
	size_t len = 0;
	void *memory;

	(void) http;
	(void) max;
	LH_TRY(lh_secret_file(ctx, "credentials file", p->o.credentials_file, &bytes, &len));
	while (len > 0 && (bytes[len - 1] == '\n' || bytes[len - 1] == '\r'))
		len--;
	for (size_t i = 0; i < len; i++)
		if (bytes[i] < ' ' || bytes[i] > '~')
			len = 0;
	if (len == 0 || len > MOST_CREDENTIAL)
		LH_FAIL(ctx, LH_INVALID, "credentials file \"%s\" must hold one line of printable ASCII",
				p->o.credentials_file);
	LH_TRY(lh_secret_alloc(ctx, sizeof(name) + len, &memory));
	memcpy(memory, name, sizeof(name) - 1);
	memcpy((char *) memory + sizeof(name) - 1, bytes, len);
	headers[(*n)++] = memory;
	return LH_OK;
}

static LhStatus
publish_http(LhCtx *ctx, LhAuditPublisher *p, LhSlice note, uint64_t size)
{
	LhHttp *http;

	LH_NEW(ctx, http);
	http->method = p->each ? LH_HTTP_PUT : LH_HTTP_POST;
	http->url = p->url;
	if (p->each && (http->url.path = lh_sprintf(ctx, "%s%020llu.checkpoint", p->url.path,
												(unsigned long long) size)) == NULL)
		return ctx->error->code;
	http->headers[http->nheaders++] = "Content-Type: text/plain; charset=utf-8";
	http->body = note.data;
	http->body_len = note.len;
	http->no_redirect = true;
	if (p->o.credentials_file != NULL)
	{
		http->sign = sign;
		http->sign_arg = p;
	}
	LH_TRY(lh_http_run(ctx, p->net, http));
	if (http->reply.status >= 200 && http->reply.status < 300)
		return LH_OK;
	lh_fail(ctx, http->reply.status == 401 || http->reply.status == 403 ? LH_DENIED : LH_IO,
			"host \"%s\" did not take the audit checkpoint: it answered with status %d",
			p->url.host, http->reply.status);
	if (http->reply.status >= 300 && http->reply.status < 400)
		lh_hint(ctx, "Redirects are not followed: name the address that it leads to.");
	return ctx->error->code;
}

/*
 * What is sent
 */

/* "<size> <hash of the note>\n" */
static LhStatus
sent_text(LhCtx *ctx, LhSlice note, uint64_t size, LhBuf *out)
{
	char hash[65];

	LH_TRY(lh_buf_init(ctx, out, false));
	lh_sha256_hex(note.data, note.len, hash);
	return lh_buf_printf(ctx, out, "%llu %s\n", (unsigned long long) size, hash);
}

static LhStatus
publish(LhCtx *ctx, LhAuditPublisher *p, LhAuditLog *log, uint64_t *sent)
{
	LhSlice note, origin, last;
	LhMerkleHash root;
	LhStatus status;
	uint64_t size;
	bool there;
	LhBuf now;

	status = lh_audit_log_note(ctx, log, UINT64_MAX, &note);
	if (status == LH_NOT_FOUND)
	{
		lh_error_clear(ctx);
		return LH_OK;
	}
	LH_TRY(status);
	if (!lh_audit_note_peek(note, &origin, &size, &root))
		LH_FAIL(ctx, LH_CORRUPT, "a checkpoint of audit log \"%s\" is none", log->path);
	LH_TRY(sent_text(ctx, note, size, &now));
	LH_TRY(lh_audit_load(ctx, log, p->sent_name, SENT_MOST, &there, &last));
	if (!there || last.len != now.len || memcmp(last.data, now.data, now.len) != 0)
	{
		if (p->net != NULL)
			LH_TRY(publish_http(ctx, p, note, size));
		else if (p->each)
			LH_TRY(publish_named(ctx, p, note, size));
		else
			LH_TRY(publish_file(ctx, p, note));
		LH_TRY(lh_audit_replace(ctx, log, p->sent_name, lh_slice(now.data, now.len)));
	}
	*sent = size;
	return LH_OK;
}

LhStatus
lh_audit_publish(LhCtx *ctx, LhAuditPublisher *publisher, LhAuditLog *log, uint64_t *sent)
{
	LhArena *keep = ctx->arena, *scratch = lh_arena_child(keep);
	uint64_t size = UINT64_MAX;
	LhStatus status;

	if (scratch == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory for audit checkpoints");
	lh_use(ctx, scratch);
	status = publish(ctx, publisher, log, &size);
	lh_use(ctx, keep);
	lh_arena_destroy(scratch);
	if (sent != NULL)
		*sent = size;
	return status;
}
