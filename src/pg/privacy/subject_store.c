/*
 * subject_store.c
 *		The store of keys of subjects: opened for a statement, as the one that this database knows.
 *
 *	1. Setting lakehouse.subject_key_store says where it is.  It must lie outside of what base backups have: neither it nor a directory
 *	   above it is the data directory, its WAL or a tablespace.  Directories are compared by device and inode, so links
 *	   do not matter.
 *	2. Table lakehouse.subject_stores has the number of the store that this database uses, so that another one in its place, an empty one
 *	   above all, is an error and not a new beginning.
 *	3. It also has the last erasure that this database knows of, by number and receipt.  A store whose log does not have it is a backup that
 *	   brings erased keys back: nothing is read from it until lakehouse.subject_store_reconcile() has erased them again.
 *
 * The handle is opened anew for each statement, which finds out when a directory was exchanged, and costs some twenty system calls.
 * Keys of parents in it are wiped with it, at the latest at the end of the transaction.
 */
#include "pg/privacy/subject_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "pg/util/catalog.h"

enum
{
	STORES_STORE = 1, STORES_ERASURES, STORES_RECEIPT
};

/* Directories above each other. */
#define MAX_DEPTH 256

static LhSubjectStore *current = NULL;	/* in TopTransactionContext */
static bool stale = false;		/* keys have changed */
/* the root whose place was found to be right last */
static dev_t good_dev;
static ino_t good_ino;

static void
transaction_ends(XactEvent event, void *arg)
{
	/* its memory goes with the transaction's */
	if (event != XACT_EVENT_PRE_COMMIT && event != XACT_EVENT_PARALLEL_PRE_COMMIT && event != XACT_EVENT_PRE_PREPARE)
		current = NULL;
}

static void
keys_changed(void)
{
	stale = true;
}

static void
watch(void)
{
	static bool watching = false;

	if (watching)
		return;
	RegisterXactCallback(transaction_ends, NULL);
	lh_keys_watch(keys_changed);
	watching = true;
}

void
lh_subject_check(LhSubjectStore *s, LhStatus status)
{
	lh_pg_check(s->ctx, status);
}

int64
lh_subject_now(void)
{
	return GetCurrentTimestamp() + (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
}

TimestampTz
lh_subject_time(int64 us)
{
	return us - (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
}

/* What a hostile store has as a time need not be one. */
char *
lh_subject_time_text(int64 us)
{
	if (us <= 0 || !IS_VALID_TIMESTAMP(us))
		return pstrdup("an unknown time");
	return pstrdup(timestamptz_to_str(lh_subject_time(us)));
}

/* ---- where it lies ---- */

/* Is this directory, or one above it, the other?  fd is of the first. */
static bool
lies_in(int fd, const struct stat *other)
{
	int			at = openat(fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat here, before = {0};
	bool		found = false;

	for (int i = 0; at >= 0 && i < MAX_DEPTH && !found; i++)
	{
		int			above;

		if (fstat(at, &here) != 0)
			break;
		if (i > 0 && here.st_dev == before.st_dev && here.st_ino == before.st_ino)
			break;
		found = here.st_dev == other->st_dev && here.st_ino == other->st_ino;
		before = here;
		above = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		close(at);
		at = above;
	}
	if (at >= 0)
		close(at);
	return found;
}

static void
check_not_in(int fd, const char *path, const char *other, const char *what)
{
	struct stat st;

	if (stat(other, &st) != 0)
		return;
	if (lies_in(fd, &st))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the store of keys of subjects lies in %s", what),
				 errdetail("Base backups have it, and a restored backup would bring erased keys back."),
				 errhint("Set lakehouse.subject_key_store to a directory elsewhere.")));
}

static void
check_tablespaces(int fd, const char *path)
{
	DIR		   *dir = AllocateDir("pg_tblspc");
	struct dirent *e;

	while ((e = ReadDir(dir, "pg_tblspc")) != NULL)
	{
		char		other[MAXPGPATH];

		CHECK_FOR_INTERRUPTS();
		if (e->d_name[0] == '.')
			continue;
		snprintf(other, sizeof(other), "pg_tblspc/%s", e->d_name);
		check_not_in(fd, path, other, "a tablespace");
	}
	FreeDir(dir);
}

static void
check_place(int fd, const char *path)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not examine the store of keys of subjects: %m")));
	if (st.st_ino == good_ino && st.st_dev == good_dev)
		return;
	check_not_in(fd, path, DataDir, "the data directory");
	check_not_in(fd, path, "pg_wal", "the directory of WAL");
	check_tablespaces(fd, path);
	good_dev = st.st_dev;
	good_ino = st.st_ino;
}

/* ---- what this database knows ---- */

static void
copy_bytes(Datum value, bool null, uint8_t *out, size_t n)
{
	bytea	   *b = null ? NULL : DatumGetByteaPCopy(value);

	if (b == NULL || VARSIZE(b) - VARHDRSZ != n)
		elog(ERROR, "table lakehouse.subject_stores is not whole");
	memcpy(out, VARDATA(b), n);
}

bool
lh_subject_store_known(LhSubjectKnown *out)
{
	Relation	rel = table_open(lh_keys_table("subject_stores", false), AccessShareLock);
	Snapshot	snapshot = RegisterSnapshot(lh_pg_catalog_now(RelationGetRelid(rel)));
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, snapshot, 0, NULL);
	HeapTuple	tuple = systable_getnext(scan);
	bool		found = HeapTupleIsValid(tuple);

	if (found)
	{
		TupleDesc	desc = RelationGetDescr(rel);
		bool		null[3];
		Datum		store = heap_getattr(tuple, STORES_STORE, desc, &null[0]);
		Datum		n = heap_getattr(tuple, STORES_ERASURES, desc, &null[1]);
		Datum		receipt = heap_getattr(tuple, STORES_RECEIPT, desc, &null[2]);

		copy_bytes(store, null[0], out->id, LH_KEYSTORE_ID);
		copy_bytes(receipt, null[2], out->receipt, LH_SHA256);
		out->erasures = null[1] ? 0 : (uint64) DatumGetInt64(n);
	}
	systable_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(rel, AccessShareLock);
	return found;
}

/* Does its log have what we know to be its last erasure?  Receipts are a chain, so it then has all before that, too. */
static bool
has_known(LhSubjectStore *s, const LhSubjectKnown *known)
{
	LhErasure	e;
	LhStatus	status;

	if (known->erasures == 0)
		return true;
	status = lh_keystore_erasure(s->ctx, s->store, known->erasures, &e);
	if (status == LH_NOT_FOUND || status == LH_CORRUPT)
	{
		lh_error_clear(s->ctx);
		return false;
	}
	lh_subject_check(s, status);
	return memcmp(e.receipt, known->receipt, LH_SHA256) == 0;
}

static void
check_known(LhSubjectStore *s, bool older)
{
	LhSubjectKnown known;

	if (!lh_subject_store_known(&known))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("this database has no store of keys of subjects"),
				 errhint("lakehouse.subject_store_create() makes the one of lakehouse.subject_key_store, or takes what is there.")));
	if (memcmp(known.id, lh_keystore_id(s->store), LH_KEYSTORE_ID) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the store of keys of subjects is not the one of this database"),
				 errdetail("Keys that this database uses are in another."),
				 errhint("Set lakehouse.subject_key_store to that one.")));
	if (!older && !has_known(s, &known))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the store of keys of subjects is older than this database"),
				 errdetail("Its log does not have erasure " UINT64_FORMAT ", of which this database has a proof.", known.erasures),
				 errhint("If it was restored from a backup: lakehouse.subject_store_reconcile() erases again what was erased.")));
}

/* ---- opening ---- */

static LhSubjectStore *
open_store(bool older)
{
	MemoryContext mcxt = AllocSetContextCreate(TopTransactionContext, "lakehouse keys of subjects", ALLOCSET_SMALL_SIZES);
	LhSubjectStore *s = MemoryContextAllocZero(mcxt, sizeof(LhSubjectStore));

	s->mcxt = mcxt;
	s->ctx = lh_pg_ctx(mcxt, 0, NULL);
	s->path = MemoryContextStrdup(mcxt, lakehouse_subject_key_store);
	s->statement = GetCurrentStatementStartTimestamp();
	/* of a failed call nothing stays open until the transaction's end */
	PG_TRY();
	{
		lh_subject_check(s, lh_keystore_open(s->ctx, s->path, &s->store));
		check_place(lh_keystore_fd(s->store), s->path);
		check_known(s, older);
	}
	PG_CATCH();
	{
		MemoryContextDelete(mcxt);
		PG_RE_THROW();
	}
	PG_END_TRY();
	return s;
}

static void
require_setting(void)
{
	if (lakehouse_subject_key_store == NULL || lakehouse_subject_key_store[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("there is no store of keys of subjects"),
				 errhint("Set lakehouse.subject_key_store to a directory outside of the data directory.")));
	if (!IsTransactionState())
		ereport(ERROR,
				(errcode(ERRCODE_NO_ACTIVE_SQL_TRANSACTION),
				 errmsg("keys are not read outside of transactions, or in failed ones")));
}

LhSubjectStore *
lh_subject_store(void)
{
	LhSubjectStore *old = current;

	require_setting();
	if (old != NULL && !stale && old->statement == GetCurrentStatementStartTimestamp() &&
		strcmp(old->path, lakehouse_subject_key_store) == 0)
		return old;
	watch();
	current = NULL;
	if (old != NULL)
		MemoryContextDelete(old->mcxt);
	stale = false;
	current = open_store(false);
	return current;
}

LhSubjectStore *
lh_subject_store_older(void)
{
	require_setting();
	watch();
	return open_store(true);
}

typedef struct Locked
{
	void		(*fn) (LhSubjectStore *s, void *arg);
	void	   *arg;
} Locked;

void
lh_subject_locked(LhSubjectStore *s, LhKeyStoreLock how, void (*fn) (LhSubjectStore *s, void *arg), void *arg)
{
	lh_subject_check(s, lh_keystore_lock(s->ctx, s->store, how));
	PG_TRY();
	{
		fn(s, arg);
	}
	PG_FINALLY();
	{
		lh_keystore_unlock(s->store);
	}
	PG_END_TRY();
}

/* ---- lakehouse.subject_store_create ---- */

PG_FUNCTION_INFO_V1(lakehouse_subject_store_create);
extern PGDLLEXPORT Datum lakehouse_subject_store_create(PG_FUNCTION_ARGS);

/* The directory is there, and where it may be: before anything is put into it. */
static void
check_directory(const char *path)
{
	int			fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not open the directory of lakehouse.subject_key_store: %m"),
				 errhint("Make it, with mode 0700, as the server's user.")));
	PG_TRY();
	{
		good_ino = 0;
		check_place(fd, path);
	}
	PG_FINALLY();
	{
		close(fd);
	}
	PG_END_TRY();
}

/* Of this database: what is recorded. */
static void
take_store(LhSubjectStore *s)
{
	LhSubjectKnown known;
	LhErasure	last = {0};
	uint64		has;
	Datum		values[3];
	LhKeysSql	sql;

	lh_subject_check(s, lh_keystore_erasures(s->ctx, s->store, &has));
	if (has > 0)
		lh_subject_check(s, lh_keystore_erasure(s->ctx, s->store, has, &last));
	values[0] = lh_keys_bytea(lh_slice(lh_keystore_id(s->store), LH_KEYSTORE_ID));
	values[1] = Int64GetDatum((int64) has);
	values[2] = lh_keys_bytea(lh_slice(last.receipt, LH_SHA256));
	lh_keys_begin(&sql, "lakehouse.subject_store_create()", true, true);
	(void) lh_keys_sql("LOCK TABLE lakehouse.subject_stores IN SHARE ROW EXCLUSIVE MODE", "", NULL, NULL);
	if (!lh_subject_store_known(&known))
		(void) lh_keys_sql("INSERT INTO lakehouse.subject_stores (store, erasures, receipt) VALUES ($1, $2, $3)", "blb", values, NULL);
	else if (memcmp(known.id, lh_keystore_id(s->store), LH_KEYSTORE_ID) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("this database has a store of keys of subjects already, and it is another one"),
				 errdetail("Keys that this database uses are in it.")));
	lh_keys_end(&sql);
}

Datum
lakehouse_subject_store_create(PG_FUNCTION_ARGS)
{
	LhSubjectStore s = {.mcxt = CurrentMemoryContext};
	LhSubjectKnown known;
	LhStatus	status;

	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to make a store of keys of subjects"),
				 errdetail("Only superusers may: it is a directory of the server.")));
	require_setting();
	PreventCommandIfReadOnly("lakehouse.subject_store_create()");
	check_directory(lakehouse_subject_key_store);
	s.ctx = lh_pg_ctx(CurrentMemoryContext, 0, NULL);
	/* a database that has one gets no other, so it makes none */
	status = lh_subject_store_known(&known) ? LH_EXISTS : lh_keystore_create(s.ctx, lakehouse_subject_key_store);
	if (status != LH_EXISTS)
		lh_subject_check(&s, status);
	lh_error_clear(s.ctx);
	lh_subject_check(&s, lh_keystore_open(s.ctx, lakehouse_subject_key_store, &s.store));
	take_store(&s);
	PG_RETURN_BOOL(status == LH_OK);
}
