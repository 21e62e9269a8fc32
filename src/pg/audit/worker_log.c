/*
 * worker_log.c
 *		The worker's side of the log: its directory, key, checkpoints and retention.
 *
 * Errors of the core are values, and stay such: they are told in lakehouse.audit_status() and, when they are new, in
 * the server's log; the log is closed and opened again a second later.
 *
 * A worker that dies between writing and saying so finds, at its next start, entries that the ring has as well.  The state in
 * shared memory knows how many entries were said to be durable, and those behind are compared with what
 * comes from the ring: nothing is logged twice.
 */
#include "pg/audit/worker.h"

#include <errno.h>
#include <sys/stat.h>

#include "audit/place.h"
#include "audit/proof.h"
#include "miscadmin.h"
#include "postmaster/interrupt.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

static MemoryContext context;	/* of the log; NULL: it is closed */
static LhCtx *ctx;
static LhAuditLog *log_;
static LhSigner *signer;
static LhArena *work;			/* of one record */
static uint64 extra;			/* entries from here to extra_end may come from the ring once more */
static uint64 extra_end;
static bool unfinished;			/* the run before did not end in order */

/* ---- failures ---- */

void
lh_worker_close(void)
{
	if (context != NULL)
		MemoryContextDelete(context);
	context = NULL;
	ctx = NULL;
	log_ = NULL;
	signer = NULL;
	work = NULL;
}

/* Told once, until something works again. */
static void
tell(char *place, const char *what, const LhError *error)
{
	char		text[LH_AUDIT_TEXT];

	snprintf(text, sizeof(text), "%s", error->message);
	if (strcmp(text, place) != 0)
		ereport(LOG, (errmsg("%s: %s", what, lh_pg_text(text)),
					  error->detail[0] != '\0' ? errdetail("%s", lh_pg_text(error->detail)) : 0,
					  error->hint[0] != '\0' ? errhint("%s", lh_pg_text(error->hint)) : 0));
	LWLockAcquire(lh_ring->state_lock, LW_EXCLUSIVE);
	strlcpy(place, text, LH_AUDIT_TEXT);
	LWLockRelease(lh_ring->state_lock);
}

static bool
fail(const char *what)
{
	tell(lh_ring->state.error, what, ctx->error);
	LWLockAcquire(lh_ring->state_lock, LW_EXCLUSIVE);
	lh_ring->state.open = false;
	LWLockRelease(lh_ring->state_lock);
	lh_worker_close();
	return false;
}

/* What the log has is known to all. */
static void
show(bool works)
{
	LhAuditWorkerState *s = &lh_ring->state;

	LWLockAcquire(lh_ring->state_lock, LW_EXCLUSIVE);
	s->open = true;
	s->size = lh_audit_log_size(log_);
	s->first = lh_audit_log_first(log_);
	if (works)
		s->error[0] = '\0';
	LWLockRelease(lh_ring->state_lock);
}

/* ---- the key ---- */

/* The file's key; a new one when there is neither a key nor a log that another has signed. */
static LhStatus
load_signer(const char *path, const char *dir)
{
	struct stat st;
	const char *public = lh_sprintf(ctx, "%s/public", dir);

	if (public == NULL)
		return ctx->error->code;
	if (lstat(path, &st) != 0 && errno == ENOENT && lstat(public, &st) != 0 && errno == ENOENT)
		LH_TRY(lh_audit_key_make(ctx, path));
	return lh_audit_key_load(ctx, path, lakehouse_audit_origin, &signer);
}

/* ---- opening ---- */

static LhStatus
open_log(const char *dir, const char *key)
{
	LhAuditLogOptions options = {.origin = lh_slice(lakehouse_audit_origin, strlen(lakehouse_audit_origin))};

	LH_TRY(lh_audit_place_check(ctx, dir, LH_AUDIT_PLACE_OWN, "lakehouse.audit_directory"));
	LH_TRY(load_signer(key, dir));
	LH_TRY(lh_audit_log_open(ctx, dir, &options, &log_));
	work = lh_arena_child(ctx->arena);
	return work != NULL ? LH_OK : lh_fail(ctx, LH_NO_MEMORY, "out of memory");
}

/* The last record is no "stop". */
static LhStatus
look_for_stop(void)
{
	LhAuditRecord record;
	LhSlice		line;
	uint64		size = lh_audit_log_size(log_);

	unfinished = false;
	if (size == 0 || size == lh_audit_log_first(log_))
		return LH_OK;
	LH_TRY(lh_audit_log_entry(ctx, log_, size - 1, &line));
	LH_TRY(lh_audit_read_line(ctx, line, &record));
	unfinished = record.kind != LH_AUDIT_STOP;
	return LH_OK;
}

bool
lh_worker_found_unfinished(void)
{
	return unfinished;
}

bool
lh_worker_is_open(void)
{
	return log_ != NULL;
}

uint64
lh_worker_size(void)
{
	return log_ != NULL ? lh_audit_log_size(log_) : 0;
}

bool
lh_worker_open(void)
{
	MemoryContext old;
	LhStatus	status;

	context = AllocSetContextCreate(TopMemoryContext, "lakehouse audit log", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	ctx = lh_pg_ctx(context, 0, NULL);
	status = open_log(lh_audit_directory(), lh_audit_key_path());
	unfinished = false;
	if (status == LH_OK && !lh_ring->state.known)
		status = look_for_stop();
	MemoryContextSwitchTo(old);
	if (status != LH_OK)
		return fail("the audit log cannot be opened");
	extra_end = lh_audit_log_size(log_);
	/* of the server's last run nothing is in the ring */
	extra = lh_ring->state.known ? lh_ring->state.durable : extra_end;
	LWLockAcquire(lh_ring->state_lock, LW_EXCLUSIVE);
	if (!lh_ring->state.known)
		lh_ring->state.durable = extra_end;
	lh_ring->state.known = true;
	LWLockRelease(lh_ring->state_lock);
	show(false);
	return true;
}

/* ---- appending ---- */

/* The line is among those that were written before the worker died. */
static LhStatus
find_extra(LhSlice line, bool *found)
{
	*found = false;
	for (uint64 i = extra; i < extra_end; i++)
	{
		LhSlice		there;

		LH_TRY(lh_audit_log_entry(ctx, log_, i, &there));
		if (there.len == line.len && memcmp(there.data, line.data, line.len) == 0)
		{
			*found = true;
			extra = i + 1;
			return LH_OK;
		}
	}
	return LH_OK;
}

static LhStatus
append_record(const LhAuditRecord *record, bool from_ring)
{
	bool		found = false;
	uint64_t	number;
	LhBuf		line;

	LH_TRY(lh_buf_init(ctx, &line, false));
	LH_TRY(lh_audit_line(ctx, record, &line));
	if (from_ring && extra < extra_end)
		LH_TRY(find_extra(lh_slice(line.data, line.len), &found));
	return found ? LH_OK : lh_audit_log_append(ctx, log_, lh_slice(line.data, line.len), &number);
}

static LhStatus
append_message(const LhAuditMessage *m, const uint8 *body)
{
	LhAuditRecord record = {0};

	if (m->body > 0)
		LH_TRY(lh_audit_decode(ctx, lh_slice(body, m->body), &record));
	record.kind = m->kind;
	record.time = m->time;
	record.pid = m->pid;
	record.session_start = m->session_start;
	record.transaction = m->transaction;
	record.statement = m->statement;
	record.rows = m->rows;
	record.result = m->result;
	memcpy(record.sqlstate, m->sqlstate, sizeof(record.sqlstate));
	return append_record(&record, true);
}

/* In an arena that is emptied after each record. */
static bool
finish_append(LhStatus status, LhArena *old)
{
	lh_use(ctx, old);
	lh_arena_reset(work);
	return status == LH_OK || fail("the audit log cannot be written");
}

bool
lh_worker_append(const LhAuditMessage *message, const uint8 *body, bool again)
{
	LhArena    *old = lh_use(ctx, work);

	if (!again)
		extra = extra_end;
	return finish_append(append_message(message, body), old);
}

bool
lh_worker_note(LhAuditKind kind, uint64 count, const char *detail)
{
	LhArena    *old = lh_use(ctx, work);
	LhAuditRecord record = {.kind = kind, .time = lh_audit_now(), .pid = MyProcPid, .count = count};

	record.detail = lh_slice(detail, strlen(detail));
	return finish_append(append_record(&record, false), old);
}

bool
lh_worker_sync(void)
{
	if (lh_audit_log_sync(ctx, log_) != LH_OK)
		return fail("the audit log cannot be written");
	show(true);
	return true;
}

/* ---- checkpoints and retention ---- */

/*
 * Nobody who waits for a record waits for a slow target: then sending is given up, and tried again later.  A target that
 * answers in less than this is never given up.
 */
#define SEND_PATIENCE_MS 500
#define SEND_TIMEOUT_MS  5000

static const LhHost *usual;
static TimestampTz send_began;

static bool
send_interrupted(void *arg)
{
	if (usual->interrupted(arg))
		return true;
	return (ShutdownRequestPending || lh_worker_is_awaited()) &&
		TimestampDifferenceExceeds(send_began, GetCurrentTimestamp(), SEND_PATIENCE_MS);
}

/* In slices, between which the above is asked. */
static int
send_wait(void *arg, LhWaitFd *fds, int nfds, int timeout_ms)
{
	return usual->wait(arg, fds, nfds, timeout_ms < 0 || timeout_ms > 50 ? 50 : timeout_ms);
}

static LhStatus
send_outside(const char *target)
{
	LhAuditPublishOptions options = {.target = target, .timeout_ms = SEND_TIMEOUT_MS, .attempts = 1};
	LhAuditPublisher *publisher;

	if (lakehouse_audit_checkpoint_credentials[0] != '\0')
		options.credentials_file = lakehouse_audit_checkpoint_credentials;
	if (lakehouse_audit_checkpoint_ca[0] != '\0')
		options.ca_file = lakehouse_audit_checkpoint_ca;
	if (target[0] == '/')
		LH_TRY(lh_audit_place_check_parent(ctx, target, LH_AUDIT_PLACE_OWN_OR_ROOT, "lakehouse.audit_checkpoint_target"));
	LH_TRY(lh_audit_publisher_open(ctx, &options, &publisher));
	return lh_audit_publish(ctx, publisher, log_, NULL);
}

bool
lh_worker_send(void)
{
	const char *target = lakehouse_audit_checkpoint_target;
	LhArena    *old;
	LhStatus	status;
	LhHost		host = *ctx->host;

	if (target[0] == '\0')
		return true;
	usual = ctx->host;
	host.interrupted = send_interrupted;
	host.wait = send_wait;
	send_began = GetCurrentTimestamp();
	old = lh_use(ctx, work);
	ctx->host = &host;
	status = send_outside(target);
	ctx->host = usual;
	lh_use(ctx, old);
	if (status != LH_OK && status != LH_CANCELLED)
		tell(lh_ring->state.target_error, "a checkpoint of the audit log did not reach its target", ctx->error);
	lh_arena_reset(work);
	LWLockAcquire(lh_ring->state_lock, LW_EXCLUSIVE);
	if (status == LH_OK)
		lh_ring->state.target_error[0] = '\0';
	LWLockRelease(lh_ring->state_lock);
	return status == LH_OK;
}

bool
lh_worker_checkpoint(void)
{
	LhArena    *old = lh_use(ctx, work);
	LhStatus	status;
	LhBuf		note;

	status = lh_buf_init(ctx, &note, false);
	if (status == LH_OK)
		status = lh_audit_log_checkpoint(ctx, log_, signer, &note);
	if (!finish_append(status, old))
		return false;
	LWLockAcquire(lh_ring->state_lock, LW_EXCLUSIVE);
	lh_ring->state.checkpoint_size = lh_audit_log_size(log_);
	lh_ring->state.checkpoint_time = GetCurrentTimestamp();
	LWLockRelease(lh_ring->state_lock);
	return true;
}

bool
lh_worker_retain(int64 before, uint64 *removed)
{
	uint64_t	n = 0;
	LhArena    *old = lh_use(ctx, work);

	if (!finish_append(lh_audit_log_retain(ctx, log_, before, &n), old))
		return false;
	*removed = n;
	show(true);
	return true;
}
