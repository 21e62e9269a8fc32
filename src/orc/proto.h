/*
 * proto.h
 *		Internal: reader of protocol buffers over borrowed bytes.
 *
 * Errors are sticky: after the first one the reader stands at its end, every
 * call gives zeros and "no more", and who asked for a whole message looks at
 * the status once.  So parsing code is a plain switch over field numbers:
 *
 *	LhProtoField f;
 *	while (lh_proto_next(r, &f))
 *		switch (f.id)
 *		{
 *			case 1: lh_proto_u64(r, &f, &x); break;
 *			default: break;
 *		}
 *
 * A field's value has been taken when lh_proto_next returns; one of another
 * wire type than expected is ignored, as if it were unknown.  Fields may repeat: the
 * last one counts.  Nothing recurses: messages inside messages are bytes, read by a
 * reader of their own; groups, which proto 3 has not, end the reading.
 *
 * Format: https://protobuf.dev/programming-guides/encoding/
 */
#ifndef LH_ORC_PROTO_H
#define LH_ORC_PROTO_H

#include "core/core.h"

typedef enum LhProtoWire
{
	LH_PROTO_VARINT = 0,
	LH_PROTO_FIXED64 = 1,
	LH_PROTO_BYTES = 2,
	LH_PROTO_FIXED32 = 5
} LhProtoWire;

typedef struct LhProto
{
	const uint8_t *begin;
	const uint8_t *p;
	const uint8_t *end;
	const char *why; /* of the first error, static text; NULL: none */
	size_t where;    /* its offset from begin */
} LhProto;

typedef struct LhProtoField
{
	uint32_t id;
	int wire;
	uint64_t number; /* VARINT, FIXED64, FIXED32 */
	LhSlice bytes;   /* BYTES */
} LhProtoField;

/* Numbers of a repeated field, packed or not: one call a field gives those of that field. */
typedef struct LhProtoPacked
{
	LhProto in;
	bool single;
	uint64_t number;
} LhProtoPacked;

extern void lh_proto_init(LhProto *r, LhSlice bytes);
/* Note the first error; what the reader holds is over. */
extern void lh_proto_fail(LhProto *r, const char *why) __attribute__((cold));
/* LH_OK, or LH_CORRUPT: "what: expected ... at byte n of m". */
extern LhStatus lh_proto_status(LhCtx *ctx, const LhProto *r, const char *what);

/* Next field with its value; false at the end and after an error. */
extern bool lh_proto_next(LhProto *r, LhProtoField *f);

/* A field's value; false, and *out left alone, when the field has another wire type. */
extern bool lh_proto_u64(const LhProtoField *f, uint64_t *out);
extern bool lh_proto_s64(const LhProtoField *f, int64_t *out); /* sint64: zigzag */
extern bool lh_proto_double(const LhProtoField *f, double *out);
extern bool lh_proto_bytes(const LhProtoField *f, LhSlice *out);
/* As above, but a number beyond most is an error of r. */
extern bool lh_proto_int(LhProto *r, const LhProtoField *f, uint64_t most, int *out);
extern bool lh_proto_i64(LhProto *r, const LhProtoField *f, int64_t *out); /* 0 .. INT64_MAX */

/* Begin with the numbers of a field; then one after the other. */
extern void lh_proto_packed(const LhProtoField *f, LhProtoPacked *out);
extern bool lh_proto_packed_next(LhProtoPacked *p, uint64_t *out);

/* Bytes of a varint at p, at most 10; 0: there is none before end. */
extern int lh_proto_varint(const uint8_t *p, const uint8_t *end, uint64_t *out);

#endif
