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

struct LhSchemaStore
{
	LhArena *arena;
	const LhSchema **v; /* open addressing; NULL: free */
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

static const LhSchema **
place_of(const LhSchema **v, uint32_t capacity, LhSchemaKind kind, uint64_t fingerprint)
{
	uint32_t i = (uint32_t) (fingerprint >> 32 ^ fingerprint) & (capacity - 1);

	while (v[i] != NULL && (v[i]->fingerprint != fingerprint || v[i]->kind != kind))
		i = (i + 1) & (capacity - 1);
	return &v[i];
}

const LhSchema *
lh_schema_store_find(const LhSchemaStore *store, LhSchemaKind kind, uint64_t fingerprint)
{
	return *place_of(store->v, store->capacity, kind, fingerprint);
}

static LhStatus
grow(LhCtx *ctx, LhSchemaStore *store)
{
	const LhSchema **more;

	LH_NEW_ARRAY(ctx, more, store->capacity * 2);
	for (uint32_t i = 0; i < store->capacity; i++)
	{
		const LhSchema *s = store->v[i];

		if (s != NULL)
			*place_of(more, store->capacity * 2, s->kind, s->fingerprint) = s;
	}
	store->v = more;
	store->capacity *= 2;
	return LH_OK;
}

static LhStatus
add(LhCtx *ctx, LhSchemaStore *store, LhSchemaKind kind, uint64_t fingerprint, LhSlice text)
{
	LhSchema *s;
	const char *copy;

	if (store->n == MAX_SCHEMAS)
		LH_FAIL(ctx, LH_LIMIT, "a stream told of more than %d schemas", MAX_SCHEMAS);
	if (store->n * 2 >= store->capacity)
		LH_TRY(grow(ctx, store));
	LH_NEW(ctx, s);
	copy = lh_strndup(ctx, (const char *) text.data, text.len);
	if (copy == NULL)
		return ctx->error->code;
	*s = (LhSchema){kind, fingerprint, lh_slice(copy, text.len)};
	*place_of(store->v, store->capacity, kind, fingerprint) = s;
	store->n++;
	return LH_OK;
}

LhStatus
lh_schema_store_add(LhCtx *ctx, LhSchemaStore *store, LhSchemaKind kind, uint64_t fingerprint,
					LhSlice text)
{
	const LhSchema *s;
	LhArena *old;
	LhStatus status;

	if ((kind != LH_SCHEMA_AVRO && kind != LH_SCHEMA_PROTOBUF) || text.len == 0 ||
		text.len > LH_SCHEMA_TEXT_MAX || memchr(text.data, '\0', text.len) != NULL)
		LH_FAIL(ctx, LH_CORRUPT, "schema %016llx of kind %d with %zu bytes is none",
				(unsigned long long) fingerprint, (int) kind, text.len);
	s = lh_schema_store_find(store, kind, fingerprint);
	if (s != NULL)
	{
		if (s->text.len != text.len || memcmp(s->text.data, text.data, text.len) != 0)
			LH_FAIL(ctx, LH_CORRUPT, "two schemas have the fingerprint %016llx",
					(unsigned long long) fingerprint);
		return LH_OK;
	}
	old = lh_use(ctx, store->arena);
	status = add(ctx, store, kind, fingerprint, text);
	lh_use(ctx, old);
	return status;
}
