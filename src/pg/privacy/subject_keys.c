/*
 * subject_keys.c
 *		Keys of subjects: found, made, loaded.
 *
 *	1. A subject's blind index under its parent, and from that the number of its key: the entry is found by its name, no list
 *	   is kept anywhere.  Numbers are tried from ordinal 0 on until one is free: a subject whose key was erased and that
 *	   was given a new one, on demand, has several; and two subjects may meet by chance.
 *	2. A key is made under the store's shared lock: the parent's newest version is marked as one that wraps, then looked up again.  So who retires
 *	   or destroys a version either sees the mark, or is seen here.
 *	3. Of several sessions that make one key at once the store lets one win; the others find that one.
 */
#include "pg/privacy/subject_store.h"

#include "access/xlog.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "pg/privacy/token_state.h"

/* ---- parents ---- */

uint64
lh_subject_parent_id(const char *name)
{
	LhKeyRow	row;
	uint64		id = lh_key_id(name);

	if (!lh_key_row(id, &row) || row.kind != LH_KEY_KIND_DATA)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("key \"%s\" is no data key", name),
				 errdetail("Keys of subjects are wrapped by data keys.")));
	return id;
}

LhEnvelopeKey *
lh_subject_parent(LhSubjectStore *s, LhKeyRef ref)
{
	LhSubjectParent *p;
	LhEnvelopeKey *key;
	LhArena    *scratch, *keep;
	LhSlice		bytes;

	for (int i = 0; i < LH_SUBJECT_PARENTS; i++)
		if (s->parents[i].ref.version != 0 && s->parents[i].ref.id == ref.id && s->parents[i].ref.version == ref.version)
			return s->parents[i].key;
	keep = s->ctx->arena;
	scratch = lh_arena_child(keep);
	if (scratch == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	PG_TRY();
	{
		lh_use(s->ctx, scratch);
		bytes = lh_key_load_parent(s->ctx, ref);
		lh_use(s->ctx, keep);
		lh_subject_check(s, lh_envelope_key_create(s->ctx, ref, bytes, 0, &key));
	}
	PG_FINALLY();
	{
		lh_use(s->ctx, keep);
		lh_arena_destroy(scratch);
	}
	PG_END_TRY();
	p = &s->parents[s->next_parent++ % LH_SUBJECT_PARENTS];
	*p = (LhSubjectParent) {ref, key};
	return key;
}

LhKeyRef
lh_subject_newest(LhSubjectStore *s, uint64 parent)
{
	LhKeyRef	ref = {parent, lh_key_newest(parent)};

	for (;;)
	{
		uint32		again;

		if (ref.version == 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("key \"%s\" has no active version", lh_key_name(parent)),
					 errhint("lakehouse.key_rotate makes a new one.")));
		lh_subject_check(s, lh_keystore_mark(s->ctx, s->store, ref));
		again = lh_key_newest(parent);
		if (again == ref.version)
			return ref;
		ref.version = again;
		CHECK_FOR_INTERRUPTS();
	}
}

/* ---- wrapping and unwrapping in memory that goes ---- */

static LhSlice
unwrap(LhSubjectStore *s, LhCtx *ctx, const LhKeyStoreEntry *entry)
{
	LhArena    *keep = s->ctx->arena, *scratch;
	LhEnvelopeKey *parent;
	LhKeyRef	ref;
	LhSlice		inner;
	void	   *p;

	lh_subject_check(s, lh_subject_wrapped_by(s->ctx, entry, &ref));
	parent = lh_subject_parent(s, ref);
	lh_pg_check(ctx, lh_secret_alloc(ctx, LH_SUBJECT_KEY_BYTES, &p));
	scratch = lh_arena_child(keep);
	if (scratch == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	PG_TRY();
	{
		lh_use(s->ctx, scratch);
		lh_subject_check(s, lh_subject_unwrap(s->ctx, parent, entry, &inner));
		memcpy(p, inner.data, LH_SUBJECT_KEY_BYTES);
	}
	PG_FINALLY();
	{
		lh_use(s->ctx, keep);
		lh_arena_destroy(scratch);
	}
	PG_END_TRY();
	return lh_slice(p, LH_SUBJECT_KEY_BYTES);
}

/* A new entry of these numbers; under the lock. */
typedef struct Making
{
	LhKeyStoreEntry entry;
	bool		made;
} Making;

static void
make_entry(LhSubjectStore *s, void *arg)
{
	Making	   *m = arg;
	LhKeyRef	newest = lh_subject_newest(s, m->entry.parent);
	LhEnvelopeKey *parent = lh_subject_parent(s, newest);
	LhArena    *keep = s->ctx->arena, *scratch = lh_arena_child(keep);
	LhSlice		key, again;

	if (scratch == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	m->entry.state = LH_KEYSTORE_ACTIVE;
	m->entry.created = lh_subject_now();
	PG_TRY();
	{
		lh_use(s->ctx, scratch);
		lh_subject_check(s, lh_subject_make(s->ctx, &key));
		lh_subject_check(s, lh_subject_wrap(s->ctx, parent, key, &m->entry));
		/* what does not open now never will */
		lh_subject_check(s, lh_subject_unwrap(s->ctx, parent, &m->entry, &again));
		if (!lh_same_secret(key.data, again.data, LH_SUBJECT_KEY_BYTES))
			elog(ERROR, "a key of a subject was not wrapped as it is");
		lh_subject_check(s, lh_keystore_add(s->ctx, s->store, &m->entry, &m->made));
	}
	PG_FINALLY();
	{
		lh_use(s->ctx, keep);
		lh_arena_destroy(scratch);
	}
	PG_END_TRY();
}

/*
 * Entries whose names this process knows to be durable, each in its place by its number: what was made a moment ago by
 * somebody else is synced once before values depend on it.
 */
#define SETTLED 4096
static uint64 settled[SETTLED];

static uint64 *
settled_place(uint64 id)
{
	return &settled[(id >> 12) % SETTLED];
}

static void
settle(LhSubjectStore *s, const LhKeyStoreEntry *entry)
{
	uint64	   *place = settled_place(entry->id);

	if (*place == entry->id)
		return;
	lh_subject_check(s, lh_keystore_settle(s->ctx, s->store, entry, lh_subject_now()));
	*place = entry->id;
}

static void
check_may_make(void)
{
	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("a subject without a key is not given one on a standby")));
}

/* ---- index keys ---- */

/* LH_NOT_FOUND is false. */
static bool
get_entry(LhSubjectStore *s, uint64 id, LhKeyStoreEntry *out)
{
	LhStatus	status = lh_keystore_get(s->ctx, s->store, id, out);

	if (status == LH_NOT_FOUND)
	{
		lh_error_clear(s->ctx);
		return false;
	}
	lh_subject_check(s, status);
	return true;
}

const LhHmac *
lh_subject_index(LhSubjectStore *s, uint64 parent, bool make)
{
	LhKeyStoreEntry entry;
	LhSubjectIndex *slot;
	LhCtx	   *ctx;
	LhSlice		key;
	LhHmac	   *hmac;

	for (int i = 0; i < LH_SUBJECT_PARENTS; i++)
		if (s->indexes[i].parent == parent)
			return s->indexes[i].hmac;
	if (!get_entry(s, parent, &entry))
	{
		Making		m = {.entry = {.id = parent, .parent = parent}};

		if (!make)
			return NULL;
		check_may_make();
		lh_subject_locked(s, LH_KEYSTORE_SHARED, make_entry, &m);
		if (!get_entry(s, parent, &entry))
			elog(ERROR, "the index key of key " UINT64_FORMAT " is not there", parent);
	}
	else if (make)
		settle(s, &entry);
	if (entry.state != LH_KEYSTORE_ACTIVE || entry.parent != parent)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the store of keys of subjects has no index key of key \"%s\"", lh_key_name(parent))));
	ctx = lh_pg_ctx(CurrentMemoryContext, 0, NULL);
	key = unwrap(s, ctx, &entry);
	lh_subject_check(s, lh_hmac_create(s->ctx, key, &hmac));
	lh_arena_reset(ctx->arena);
	slot = &s->indexes[s->next_index++ % LH_SUBJECT_PARENTS];
	*slot = (LhSubjectIndex) {parent, hmac};
	return hmac;
}

/* ---- entries of a subject ---- */

int
lh_subject_entries(LhSubjectStore *s, uint64 parent, const LhHmac *index, LhSlice subject, uint8_t blind[LH_SHA256],
				   LhKeyStoreEntry *last, uint32 *free)
{
	int			n = 0;

	lh_subject_check(s, lh_subject_blind(s->ctx, index, subject, blind));
	for (*free = 0; *free < LH_SUBJECT_ORDINALS; (*free)++)
	{
		LhKeyStoreEntry entry;

		CHECK_FOR_INTERRUPTS();
		if (!get_entry(s, lh_subject_id(index, blind, *free), &entry))
			return n;
		if (entry.parent != parent || memcmp(entry.blind, blind, LH_SHA256) != 0)
			continue;
		*last = entry;
		n++;
	}
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("a subject has had %d keys, and gets no more", LH_SUBJECT_ORDINALS)));
}

/* The subject as the store knows it, in UTF-8: databases of all encodings agree. */
static LhSlice
subject_bytes(LhSlice subject)
{
	LhSlice		utf8 = lh_token_utf8(subject);

	if (subject.len == 0 || subject.len > LH_SUBJECT_MOST || utf8.data == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the name of a subject has 1 to %d bytes", LH_SUBJECT_MOST)));
	return utf8;
}

static void erased_error(const LhKeyStoreEntry *entry) __attribute__((noreturn));

static void
erased_error(const LhKeyStoreEntry *entry)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the key of this subject has been erased"),
			 errdetail("Key " INT64_FORMAT ", at %s.", (int64) entry->id, lh_subject_time_text(entry->erased))));
}

LhKeyRef
lh_subject_add(LhSubjectStore *s, uint64 parent, LhSlice subject)
{
	const LhHmac *index = lh_subject_index(s, parent, true);
	LhKeyStoreEntry last;
	Making		m;

	check_may_make();
	for (;;)
	{
		uint8_t		blind[LH_SHA256];
		uint32		free;

		if (lh_subject_entries(s, parent, index, subject, blind, &last, &free) > 0 &&
			last.state == LH_KEYSTORE_ACTIVE)
		{
			settle(s, &last);
			return (LhKeyRef) {last.id, 1};
		}
		m = (Making) {.entry = {.id = lh_subject_id(index, blind, free), .parent = parent, .ordinal = free}};
		memcpy(m.entry.blind, blind, LH_SHA256);
		lh_subject_locked(s, LH_KEYSTORE_SHARED, make_entry, &m);
		if (m.made)
		{
			*settled_place(m.entry.id) = m.entry.id;
			return (LhKeyRef) {m.entry.id, 1};
		}
		/* somebody else was faster: with this subject's key, most likely */
		CHECK_FOR_INTERRUPTS();
	}
}

LhKeyRef
lh_subject_key_of(uint64 parent, LhSlice name, bool make)
{
	LhSlice		subject = subject_bytes(name);
	LhSubjectStore *s = lh_subject_store();
	const LhHmac *index = lh_subject_index(s, parent, make);
	uint8_t		blind[LH_SHA256];
	LhKeyStoreEntry last;
	uint32		free;

	if (index == NULL)
		return (LhKeyRef) {0};
	if (lh_subject_entries(s, parent, index, subject, blind, &last, &free) == 0)
		return make ? lh_subject_add(s, parent, subject) : (LhKeyRef) {0};
	if (last.state == LH_KEYSTORE_ERASED)
		erased_error(&last);
	if (make)
		settle(s, &last);
	return (LhKeyRef) {last.id, 1};
}

LhKeyRef
lh_subject_key(const char *parent, const char *subject, bool make)
{
	return lh_subject_key_of(lh_subject_parent_id(parent), lh_slice(subject, strlen(subject)), make);
}

/* ---- by number ---- */

static void
get_subject_entry(LhSubjectStore *s, uint64 id, LhKeyStoreEntry *entry)
{
	if ((id & LH_SUBJECT_KEY) == 0 || !get_entry(s, id, entry))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("there is no key of a subject of number " INT64_FORMAT, (int64) id)));
}

LhSlice
lh_subject_load(LhCtx *ctx, LhKeyRef ref, uint64 *parent)
{
	LhSubjectStore *s = lh_subject_store();
	LhKeyStoreEntry entry;

	lh_crypto_ready();
	get_subject_entry(s, ref.id, &entry);
	if (ref.version != 1)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("key " INT64_FORMAT " of a subject has no version %u", (int64) ref.id, ref.version)));
	if (entry.state == LH_KEYSTORE_ERASED)
		erased_error(&entry);
	*parent = entry.parent;
	return unwrap(s, ctx, &entry);
}

LhSlice
lh_subject_key_load(LhCtx *ctx, LhKeyRef ref)
{
	uint64		parent;

	return lh_subject_load(ctx, ref, &parent);
}

bool
lh_subject_key_erased(uint64 id)
{
	LhSubjectStore *s = lh_subject_store();
	LhKeyStoreEntry entry;

	get_subject_entry(s, id, &entry);
	return entry.state == LH_KEYSTORE_ERASED;
}

uint64
lh_subject_erasures(void)
{
	LhSubjectStore *s = lh_subject_store();
	uint64		n;

	lh_subject_check(s, lh_keystore_erasures(s->ctx, s->store, &n));
	return n;
}

/* ---- lakehouse.subject_key ---- */

PG_FUNCTION_INFO_V1(lakehouse_subject_key);
extern PGDLLEXPORT Datum lakehouse_subject_key(PG_FUNCTION_ARGS);

Datum
lakehouse_subject_key(PG_FUNCTION_ARGS)
{
	const char *parent = text_to_cstring(PG_GETARG_TEXT_PP(0));
	text	   *subject = PG_GETARG_TEXT_PP(1);
	LhSlice		name = lh_slice(VARDATA_ANY(subject), VARSIZE_ANY_EXHDR(subject));
	LhKeyRef	ref;

	lh_right_require(LH_RIGHT_KEY_ADMIN, "to make keys of subjects");
	PreventCommandIfReadOnly("lakehouse.subject_key()");
	lh_crypto_ready();
	if (PG_GETARG_BOOL(2))
		ref = lh_subject_add(lh_subject_store(), lh_subject_parent_id(parent), subject_bytes(name));
	else
		ref = lh_subject_key_of(lh_subject_parent_id(parent), name, true);
	PG_RETURN_INT64((int64) ref.id);
}
