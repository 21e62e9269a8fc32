/*
 * avro.h
 *		Avro's binary encoding and schemas, for the formats "avro" and "debezium-avro".
 *
 *	avro.c			schemas: parsing canonical form and fingerprint
 *	avro_connect.c	Kafka Connect's schemas and values, as JSON, to Avro's
 *	avro_row.c		a table's columns as the fields of "avro", rows as records
 *	format_avro.c	what that format says of events
 *	debezium_avro.c, format_debezium_avro.c	the same of Debezium's
 *
 * Values are appended to a buffer, never gathered in trees.  Writers without ctx
 * need room for what their constant says (text.h).
 *
 * Format: https://avro.apache.org/docs/1.11.1/specification/
 */
#ifndef LH_CHANGE_AVRO_H
#define LH_CHANGE_AVRO_H

#include <jansson.h>

#include "change/change.h"
#include "change/schema.h"
#include "change/text.h"

/* ---- values ---- */

#define LH_AVRO_LONG 10			/* most bytes of an int or long */

/* int and long: zig-zag, seven bits a byte, the lowest first. */
static inline char *
lh_avro_long(char *p, int64_t v)
{
	uint64_t	z = ((uint64_t) v << 1) ^ (uint64_t) (v >> 63);

	while (z >= 0x80)
	{
		*p++ = (char) (z | 0x80);
		z >>= 7;
	}
	*p++ = (char) z;
	return p;
}

static inline char *
lh_avro_float(char *p, float v)
{
	memcpy(p, &v, 4);
	return p + 4;
}

static inline char *
lh_avro_double(char *p, double v)
{
	memcpy(p, &v, 8);
	return p + 8;
}

/* bytes and string: their length, and they. */
static inline LhStatus
lh_avro_bytes(LhCtx *ctx, LhBuf *buf, const void *bytes, size_t n)
{
	char	   *p;

	LH_TRY(lh_put_room(ctx, buf, n + LH_AVRO_LONG, &p));
	p = lh_avro_long(p, (int64_t) n);
	if (n > 0)
		memcpy(p, bytes, n);
	lh_put_end(buf, p + n);
	return LH_OK;
}

static inline LhStatus
lh_avro_string(LhCtx *ctx, LhBuf *buf, const char *s)
{
	return lh_avro_bytes(ctx, buf, s, strlen(s));
}

/* For "describe": a schema, and what lakehouse.cdc_schemas calls it. */
static inline LhStatus
lh_avro_tell(LhCtx *ctx, LhChangeOut *out, const char *part, const LhSchema *schema)
{
	out->part = part;
	return lh_out_schema(ctx, out, schema);
}

/* A string whose length nobody knows yet: what is appended between the two. */
static inline LhStatus
lh_avro_begin(LhCtx *ctx, LhBuf *buf, size_t *at)
{
	*at = buf->len;
	return lh_put(ctx, buf, "", 1);
}

extern LhStatus lh_avro_end(LhCtx *ctx, LhBuf *buf, size_t at);
/* A cell's canonical text (text.h) as a string. */
extern LhStatus lh_avro_cell_text(LhCtx *ctx, LhBuf *buf, const LhCell *c);

/* ---- schemas ---- */

/* Deeper is no schema of ours. */
#define LH_AVRO_DEPTH 64

/* The parsing canonical form of a schema's JSON.  LH_CORRUPT: it is none. */
extern LhStatus lh_avro_canonical(LhCtx *ctx, LhSlice json, LhBuf *out);
/* Copies the text to ctx->arena, and fingerprints its canonical form. */
extern LhStatus lh_avro_schema(LhCtx *ctx, LhSlice json, LhSchema *out);

/* ---- Kafka Connect (avro_connect.c) ---- */

/* Connect's schema as the JSON converter shows it, to what Confluent's AvroConverter makes of it. */
extern LhStatus lh_avro_of_connect(LhCtx *ctx, LhSlice connect, LhBuf *out);
/* A value as the JSON converter writes it, by that schema: Avro's bytes. */
extern LhStatus lh_avro_connect_value(LhCtx *ctx, LhSlice connect, LhSlice value, LhBuf *out);

#endif
