/*
 * keystore_erase.c
 *		Erasure, and the log of erasures.
 *
 *	1. Under the exclusive lock a record is appended to the log and synced: from here on the key is to go.
 *	2. The tombstone, which names the record, is written over the entry and synced: the key is gone.
 *
 * Whoever takes the lock next looks at the last record: an erasure between both steps is finished before anything else. So a record
 * without a tombstone is the last one only.  One that seems to be finished is synced again: who wrote it may have been killed before
 * he did, and after the next record nobody looks at it any more.  A record that is cut off, or the last one when it is not whole, was never synced, so its key
 * is still there and the record is taken away.
 *
 * Each record has the receipt (hash) of the one before.  Who keeps a receipt outside, as the database's proof does, finds out
 * when the log was shortened or rewritten.
 */
#include "crypto/keystore_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

/* Records that are read at once. */
#define PIECE 256

static int64_t
place(uint64_t seq)
{
	return (int64_t) ((seq - 1) * LH_KEYSTORE_RECORD);
}

LhStatus
lh_keystore_erasure(LhCtx *ctx, LhKeyStore *store, uint64_t seq, LhErasure *out)
{
	uint8_t bytes[LH_KEYSTORE_RECORD];
	uint64_t n;
	size_t got;

	LH_TRY(lh_keystore_erasures(ctx, store, &n));
	if (seq == 0 || seq > n)
		LH_FAIL(ctx, LH_NOT_FOUND,
				"the log of key store \"%s\" has %" PRIu64 " erasures, and no number %" PRIu64,
				store->path, n, seq);
	LH_TRY(
		lh_keystore_read(ctx, store, store->log, "erased", bytes, sizeof(bytes), place(seq), &got));
	LH_TRY(lh_erasure_read(ctx, lh_slice(bytes, got), out));
	if (out->seq != seq)
		LH_FAIL(ctx, LH_CORRUPT,
				"record %" PRIu64 " of the log of key store \"%s\" has another number", seq,
				store->path);
	return LH_OK;
}

static void
first_link(const LhKeyStore *store, uint8_t out[LH_SHA256])
{
	lh_sha256(lh_slice(store->id, LH_KEYSTORE_ID), out);
}

static LhStatus
check_piece(LhCtx *ctx, LhKeyStore *store, const uint8_t *bytes, size_t n, uint64_t *seq,
			uint8_t link[LH_SHA256], LhErasureFn fn, void *arg)
{
	LhErasure e;

	for (size_t i = 0; i < n; i++)
	{
		LH_TRY(
			lh_erasure_read(ctx, lh_slice(bytes + i * LH_KEYSTORE_RECORD, LH_KEYSTORE_RECORD), &e));
		if (e.seq != *seq + 1 || memcmp(e.before, link, LH_SHA256) != 0)
			LH_FAIL(ctx, LH_CORRUPT,
					"record %" PRIu64
					" of the log of key store \"%s\" does not follow the one before",
					*seq + 1, store->path);
		(*seq)++;
		memcpy(link, e.receipt, LH_SHA256);
		if (fn != NULL)
			LH_TRY(fn(ctx, arg, &e));
	}
	return LH_OK;
}

LhStatus
lh_keystore_log(LhCtx *ctx, LhKeyStore *store, LhErasureFn fn, void *arg, uint64_t *n)
{
	uint8_t *bytes, link[LH_SHA256];
	uint64_t total, seq = 0;
	size_t got;

	LH_ALLOC(ctx, bytes, PIECE * LH_KEYSTORE_RECORD);
	LH_TRY(lh_keystore_erasures(ctx, store, &total));
	first_link(store, link);
	while (seq < total)
	{
		uint64_t want = total - seq < PIECE ? total - seq : PIECE;

		LH_TRY(lh_poll(ctx));
		LH_TRY(lh_keystore_read(ctx, store, store->log, "erased", bytes, want * LH_KEYSTORE_RECORD,
								place(seq + 1), &got));
		if (got != want * LH_KEYSTORE_RECORD)
			LH_FAIL(ctx, LH_CORRUPT, "the log of key store \"%s\" was cut while it was read",
					store->path);
		LH_TRY(check_piece(ctx, store, bytes, want, &seq, link, fn, arg));
	}
	*n = seq;
	return LH_OK;
}

/* ---- writing ---- */

static void
fill_tombstone(const LhErasure *e, int64_t created, LhKeyStoreEntry *out)
{
	*out = (LhKeyStoreEntry){.state = LH_KEYSTORE_ERASED,
							 .id = e->id,
							 .parent = e->parent,
							 .ordinal = e->ordinal,
							 .created = created,
							 .erased = e->erased,
							 .seq = e->seq};
	memcpy(out->blind, e->blind, LH_SHA256);
	memcpy(out->receipt, e->receipt, LH_SHA256);
}

/* Over what is there, whatever it is; in one write, within one sector. */
static LhStatus
bury(LhCtx *ctx, LhKeyStore *store, const LhErasure *e, int64_t created)
{
	uint8_t bytes[LH_KEYSTORE_ENTRY];
	char name[LH_KEYSTORE_NAME];
	LhKeyStoreEntry tombstone;
	LhStatus status;
	int fd;

	lh_keystore_name(e->id, name);
	fill_tombstone(e, created, &tombstone);
	lh_keystore_entry_write(&tombstone, bytes);
	LH_TRY(lh_keystore_entry_file(ctx, store, e->id, O_WRONLY | O_CREAT, &fd));
	status = lh_keystore_write(ctx, store, fd, name, bytes, sizeof(bytes), 0);
	/* what somebody made too long */
	if (status == LH_OK && ftruncate(fd, LH_KEYSTORE_ENTRY) != 0)
		status = lh_keystore_failed(ctx, store, "cut", name);
	if (status == LH_OK)
		status = lh_keystore_sync(ctx, store, fd, name);
	close(fd);
	return status;
}

/* The log, to be written; the caller closes it. */
static LhStatus
open_log(LhCtx *ctx, LhKeyStore *store, int *fd)
{
	int64_t size;

	return lh_keystore_file(ctx, store, store->root, "erased", O_RDWR, &size, fd);
}

static LhStatus
cut_log(LhCtx *ctx, LhKeyStore *store, uint64_t n)
{
	LhStatus status = LH_OK;
	int fd;

	LH_TRY(open_log(ctx, store, &fd));
	if (ftruncate(fd, (off_t) (n * LH_KEYSTORE_RECORD)) != 0)
		status = lh_keystore_failed(ctx, store, "cut", "erased");
	else
		status = lh_keystore_sync(ctx, store, fd, "erased");
	close(fd);
	return status;
}

static LhStatus
sync_entry(LhCtx *ctx, LhKeyStore *store, uint64_t id)
{
	char name[LH_KEYSTORE_NAME];
	LhStatus status;
	int fd;

	lh_keystore_name(id, name);
	LH_TRY(lh_keystore_entry_file(ctx, store, id, O_WRONLY, &fd));
	status = lh_keystore_sync(ctx, store, fd, name);
	close(fd);
	return status;
}

static LhStatus
finish(LhCtx *ctx, LhKeyStore *store, const LhErasure *last)
{
	LhKeyStoreEntry entry = {0};
	LhStatus status;

	LH_TRY(lh_keystore_sync(ctx, store, store->log, "erased"));
	status = lh_keystore_get(ctx, store, last->id, &entry);
	if (status == LH_OK && entry.state == LH_KEYSTORE_ERASED)
	{
		LH_TRY(lh_keystore_settle_name(ctx, store, last->id));
		return sync_entry(ctx, store, last->id);
	}
	if (status != LH_OK && status != LH_CORRUPT && status != LH_NOT_FOUND)
		return status;
	lh_error_clear(ctx);
	return bury(ctx, store, last, status == LH_OK ? entry.created : 0);
}

LhStatus
lh_keystore_recover(LhCtx *ctx, LhKeyStore *store)
{
	LhErasure last;
	LhStatus status;
	struct stat st;
	uint64_t n;

	LH_TRY(lh_keystore_need(ctx, store, LH_KEYSTORE_EXCLUSIVE));
	LH_TRY(lh_keystore_erasures(ctx, store, &n));
	if (fstat(store->log, &st) != 0)
		return lh_keystore_failed(ctx, store, "examine", "erased");
	if (st.st_size % LH_KEYSTORE_RECORD != 0)
		LH_TRY(cut_log(ctx, store, n));
	if (n == 0 || n == store->finished)
		return LH_OK;
	status = lh_keystore_erasure(ctx, store, n, &last);
	if (status == LH_OK)
	{
		LH_TRY(finish(ctx, store, &last));
		store->finished = n;
		return LH_OK;
	}
	if (status != LH_CORRUPT)
		return status;
	lh_error_clear(ctx);
	return cut_log(ctx, store, n - 1);
}

static LhStatus
append(LhCtx *ctx, LhKeyStore *store, const LhKeyStoreEntry *what, LhErasure *e)
{
	uint8_t bytes[LH_KEYSTORE_RECORD];
	LhErasure last;
	LhStatus status;
	uint64_t n;
	int fd;

	LH_TRY(lh_keystore_erasures(ctx, store, &n));
	*e = (LhErasure){.seq = n + 1,
					 .id = what->id,
					 .parent = what->parent,
					 .ordinal = what->ordinal,
					 .erased = what->erased};
	memcpy(e->blind, what->blind, LH_SHA256);
	first_link(store, e->before);
	if (n > 0)
	{
		LH_TRY(lh_keystore_erasure(ctx, store, n, &last));
		memcpy(e->before, last.receipt, LH_SHA256);
	}
	lh_erasure_write(e, bytes);
	LH_TRY(open_log(ctx, store, &fd));
	status = lh_keystore_write(ctx, store, fd, "erased", bytes, sizeof(bytes), place(e->seq));
	if (status == LH_OK)
		status = lh_keystore_sync(ctx, store, fd, "erased");
	close(fd);
	return status;
}

/* ---- erasing ---- */

static LhStatus
erase(LhCtx *ctx, LhKeyStore *store, const LhKeyStoreEntry *what, bool absent, LhErasure *out)
{
	LhKeyStoreEntry entry = {0};
	LhStatus status = lh_keystore_get(ctx, store, what->id, &entry);

	if (status == LH_OK && (entry.parent != what->parent || entry.ordinal != what->ordinal ||
							memcmp(entry.blind, what->blind, LH_SHA256) != 0))
		LH_FAIL(ctx, LH_MISMATCH, "entry %016" PRIx64 " of key store \"%s\" is another subject's",
				what->id, store->path);
	if (status == LH_OK && entry.state == LH_KEYSTORE_ERASED)
	{
		status = lh_keystore_erasure(ctx, store, entry.seq, out);
		if (status == LH_OK && memcmp(out->receipt, entry.receipt, LH_SHA256) == 0)
			return LH_OK;
		/* a tombstone of a log that is not this one, from a backup say: it gets a record here */
		if (status != LH_OK && status != LH_NOT_FOUND && status != LH_CORRUPT)
			return status;
	}
	else if (status != LH_OK && status != LH_CORRUPT && (status != LH_NOT_FOUND || !absent))
		return status;
	lh_error_clear(ctx);
	LH_TRY(append(ctx, store, what, out));
	return bury(ctx, store, out, entry.created);
}

LhStatus
lh_keystore_erase(LhCtx *ctx, LhKeyStore *store, const LhKeyStoreEntry *what, bool absent,
				  LhErasure *out)
{
	LhStatus status;

	if ((what->id & LH_KEYSTORE_SUBJECT) == 0)
		LH_FAIL(ctx, LH_INVALID, "only keys of subjects are erased");
	LH_TRY(lh_keystore_lock(ctx, store, LH_KEYSTORE_EXCLUSIVE));
	status = erase(ctx, store, what, absent, out);
	lh_keystore_unlock(store);
	return status;
}
