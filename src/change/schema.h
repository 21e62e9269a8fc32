/*
 * schema.h
 *		Schemas of formats whose values cannot be read without one (Avro, Protobuf).
 *
 * Such a format says so in LhChangeFormat.schemas.  Each of its keys and values in a
 * frame begins with LH_SCHEMA_HEAD bytes that name the schema it was written with:
 *
 *	Avro		0xC3 0x01, then the CRC-64-AVRO of the schema's parsing canonical form,
 *				little-endian: the single-object encoding of the Avro specification,
 *				which bare output has, too
 *	Protobuf	0xC3 0x02, then a fingerprint of the schema's text, little-endian; bare
 *				output does not have it
 *
 * (Messages of an outbox are what the table holds, and have no such head.)  Before its
 * first use in a stream each schema comes whole, as a message of format
 * LH_MESSAGE_SCHEMA (frame.h).  So whoever takes frames apart needs no second channel,
 * and a registry (sink/registry.h) learns schemas in time.
 */
#ifndef LH_CHANGE_SCHEMA_H
#define LH_CHANGE_SCHEMA_H

#include "core/buffer.h"
#include "core/ctx.h"

#define LH_SCHEMA_HEAD 10
/* A table of 1,600 columns in the widest format has less. */
#define LH_SCHEMA_TEXT_MAX ((size_t) 8 << 20)

typedef enum LhSchemaKind
{
	LH_SCHEMA_NONE, LH_SCHEMA_AVRO, LH_SCHEMA_PROTOBUF
} LhSchemaKind;

typedef struct LhSchema
{
	LhSchemaKind kind;
	uint64_t	fingerprint;
	LhSlice		text;			/* Avro: JSON; Protobuf: a .proto file.  UTF-8, a NUL behind it */
	uint64_t	text_hash;		/* of it, set by the store: Avro's fingerprints leave out defaults and logical types */
} LhSchema;

/* CRC-64-AVRO (Avro specification, "Schema Fingerprints"). */
extern uint64_t lh_schema_fingerprint(const void *bytes, size_t len);

static inline void
lh_schema_head(LhSchemaKind kind, uint64_t fingerprint, uint8_t out[LH_SCHEMA_HEAD])
{
	out[0] = 0xC3;
	out[1] = (uint8_t) kind;
	for (int i = 0; i < 8; i++)
		out[2 + i] = (uint8_t) (fingerprint >> (8 * i));
}

/* False: bytes do not begin with a head of this kind. */
static inline bool
lh_schema_head_read(LhSchemaKind kind, LhSlice bytes, uint64_t *fingerprint)
{
	if (bytes.len < LH_SCHEMA_HEAD || bytes.data[0] != 0xC3 || bytes.data[1] != (uint8_t) kind)
		return false;
	*fingerprint = 0;
	for (int i = 0; i < 8; i++)
		*fingerprint |= (uint64_t) bytes.data[2 + i] << (8 * i);
	return true;
}

/*
 * What a stream told of, by kind and fingerprint.  A fingerprint does not tell all:
 * Avro's leaves out defaults, logical types and properties, so a table that has another
 * default has another schema of the same fingerprint.  The one that was told last is what
 * is found, since a stream tells of a schema before it uses it; so a store is for what
 * comes in one order.  Grows only: schemas stay where they are as long as the store, so
 * that other threads may read one that they were given, and compare it by its address.
 * The store itself is one thread's.
 */
typedef struct LhSchemaStore LhSchemaStore;

/* In ctx->arena, with all that is added. */
extern LhStatus lh_schema_store_create(LhCtx *ctx, LhSchemaStore **out);
/* Text is copied, once; LH_CORRUPT: it is none. */
extern LhStatus lh_schema_store_add(LhCtx *ctx, LhSchemaStore *store, LhSchemaKind kind, uint64_t fingerprint, LhSlice text);
/* NULL: not there. */
extern const LhSchema *lh_schema_store_find(const LhSchemaStore *store, LhSchemaKind kind, uint64_t fingerprint);

#endif
