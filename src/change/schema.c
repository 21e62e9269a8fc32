/*
 * schema.c
 *		Fingerprints of schemas, and the schemas that a stream told of.
 */
#include "change/schema.h"

#include "core/core.h"

#define START_CAPACITY 64
/* A stream that tells of more is not ours, or never ends to change its tables. */
#define MAX_SCHEMAS    1000000

/* The polynomial, which is the fingerprint of no bytes, too. */
#define EMPTY UINT64_C(0xc15d213aa4d7a795)

uint64_t
lh_schema_fingerprint(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	uint64_t crc = EMPTY;

	for (size_t i = 0; i < len; i++)
	{
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (EMPTY & -(crc & 1));
	}
	return crc;
}

/* Schemas of one fingerprint, the last told first. */
typedef struct Entry
{
	LhSchema schema;
	struct Entry *older;
} Entry;

struct LhSchemaStore
{
	LhArena *arena;
	Entry **v; /* open addressing; NULL: free */
	uint32_t n, capacity;
};

LhStatus
lh_schema_store_create(LhCtx *ctx, LhSchemaStore **out)
{
	LhSchemaStore *store;

	LH_NEW(ctx, store);
	store->arena = ctx->arena;
	store->capacity = START_CAPACITY;
	LH_NEW_ARRAY(ctx, store->v, store->capacity);
	*out = store;
	return LH_OK;
}

static Entry **
place_of(Entry **v, uint32_t capacity, LhSchemaKind kind, uint64_t fingerprint)
{
	uint32_t i = (uint32_t) (fingerprint >> 32 ^ fingerprint) & (capacity - 1);

	while (v[i] != NULL && (v[i]->schema.fingerprint != fingerprint || v[i]->schema.kind != kind))
		i = (i + 1) & (capacity - 1);
	return &v[i];
}

const LhSchema *
lh_schema_store_find(const LhSchemaStore *store, LhSchemaKind kind, uint64_t fingerprint)
{
	const Entry *e = *place_of(store->v, store->capacity, kind, fingerprint);

	return e != NULL ? &e->schema : NULL;
}

static LhStatus
grow(LhCtx *ctx, LhSchemaStore *store)
{
	Entry **more;

	LH_NEW_ARRAY(ctx, more, store->capacity * 2);
	for (uint32_t i = 0; i < store->capacity; i++)
	{
		Entry *e = store->v[i];

		if (e != NULL)
			*place_of(more, store->capacity * 2, e->schema.kind, e->schema.fingerprint) = e;
	}
	store->v = more;
	store->capacity *= 2;
	return LH_OK;
}

/* One that was told before comes first again. */
static bool
use_known(LhSchemaStore *store, LhSchemaKind kind, uint64_t fingerprint, LhSlice text)
{
	Entry **place = place_of(store->v, store->capacity, kind, fingerprint);

	for (Entry **e = place; *e != NULL; e = &(*e)->older)
	{
		Entry *known = *e;

		if (known->schema.text.len != text.len ||
			memcmp(known->schema.text.data, text.data, text.len) != 0)
			continue;
		*e = known->older;
		known->older = *place;
		*place = known;
		return true;
	}
	return false;
}

static LhStatus
add(LhCtx *ctx, LhSchemaStore *store, LhSchemaKind kind, uint64_t fingerprint, LhSlice text)
{
	Entry *e, **place;
	const char *copy;

	if (store->n == MAX_SCHEMAS)
		LH_FAIL(ctx, LH_LIMIT, "a stream told of more than %d schemas", MAX_SCHEMAS);
	if (store->n * 2 >= store->capacity)
		LH_TRY(grow(ctx, store));
	LH_NEW(ctx, e);
	copy = lh_strndup(ctx, (const char *) text.data, text.len);
	if (copy == NULL)
		return ctx->error->code;
	place = place_of(store->v, store->capacity, kind, fingerprint);
	*e = (Entry){
		{kind, fingerprint, lh_slice(copy, text.len), lh_hash_bytes(text.data, text.len, 0)},
		*place};
	*place = e;
	store->n++;
	return LH_OK;
}

LhStatus
lh_schema_store_add(LhCtx *ctx, LhSchemaStore *store, LhSchemaKind kind, uint64_t fingerprint,
					LhSlice text)
{
	LhArena *old;
	LhStatus status;

	if ((kind != LH_SCHEMA_AVRO && kind != LH_SCHEMA_PROTOBUF) || text.len == 0 ||
		text.len > LH_SCHEMA_TEXT_MAX || memchr(text.data, '\0', text.len) != NULL)
		LH_FAIL(ctx, LH_CORRUPT, "schema %016llx of kind %d with %zu bytes is none",
				(unsigned long long) fingerprint, (int) kind, text.len);
	if (use_known(store, kind, fingerprint, text))
		return LH_OK;
	old = lh_use(ctx, store->arena);
	status = add(ctx, store, kind, fingerprint, text);
	lh_use(ctx, old);
	return status;
}
