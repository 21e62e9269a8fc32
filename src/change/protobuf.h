/*
 * protobuf.h
 *		What the files of the format "protobuf" share.
 *
 *	protobuf_type.c		which field a column is
 *	protobuf_schema.c	names, and the text of .proto files
 *	protobuf_row.c		rows and keys as bytes
 *	format_protobuf.c	events
 *
 * A column's field has its attnum as number.  PostgreSQL gives no attnum twice in
 * the life of a table, so what was written before a column was added, dropped or
 * renamed reads with the schema of today.  docs/cdc-protobuf.md tells the rest.
 *
 * Wire format: https://protobuf.dev/programming-guides/encoding/
 */
#ifndef LH_CHANGE_PROTOBUF_H
#define LH_CHANGE_PROTOBUF_H

#include "change/change.h"
#include "change/text.h"
#include "core/bits.h"

typedef enum LhPbWire { LH_PB_VARINT, LH_PB_FIXED64, LH_PB_BYTES, LH_PB_FIXED32 = 5 } LhPbWire;

typedef enum LhPbType
{
	LH_PB_BOOL,
	LH_PB_SINT32,				/* smallint, integer; dates */
	LH_PB_SINT64,				/* bigint; times of day */
	LH_PB_UINT32,				/* oid, xid */
	LH_PB_FLOAT,
	LH_PB_DOUBLE,
	LH_PB_SFIXED64,				/* timestamps */
	LH_PB_STRING,				/* text, and whatever is said as text */
	LH_PB_BYTES_TYPE,			/* bytea */
	LH_N_PB_TYPES,
	LH_PB_ARRAY = LH_N_PB_TYPES	/* a message of the file: lh_pb_types[elem].array */
} LhPbType;

typedef struct LhPbTypeInfo
{
	const char *name;			/* "sint32" */
	const char *array;			/* "Int32Array" */
	LhPbWire	wire;
} LhPbTypeInfo;

extern const LhPbTypeInfo lh_pb_types[LH_N_PB_TYPES];

/* How cells of one kind become a field's bytes. */
typedef struct LhPbField
{
	uint8_t		type;			/* LhPbType */
	uint8_t		kind;			/* LhCellKind of its cells; others go to LH_PB_TEXTS */
	uint8_t		elem_type;		/* ARRAY */
	uint8_t		elem_kind;
	uint8_t		ntag;
	uint8_t		tag[2];
	uint32_t	room;			/* for what is bounded of this column and those after it */
	int			attnum;
} LhPbField;

extern LhPbType lh_pb_type_of(const LhChangeColumn *column);
extern void lh_pb_field_init(const LhChangeColumn *column, LhPbField *field);

/* Columns of a message, by attnum. */
typedef struct LhPbRow
{
	int			n;
	const int  *columns;		/* of the relation */
	LhPbField  *fields;			/* one more than n: room for what follows */
} LhPbRow;

/* In ctx->arena; columns in any order, named twice or not; NULL: all. */
extern LhStatus lh_pb_row_create(LhCtx *ctx, const LhChangeRel *rel, int n, const int *columns, LhPbRow *row);

/*
 * The fields of a row, cells[i] of fields[i].  What is no value is left out;
 * *unchanged counts those that are not in the log.
 */
extern LhStatus lh_pb_put_row(LhCtx *ctx, LhBuf *buf, const LhPbRow *row, const LhCell *cells, int *unchanged);

/*
 * What a column's own field cannot say, for the row's last field: text that is no
 * UTF-8, timestamps whose microseconds since 1970 exceed 64 bits.  Attnums end at 1,600.
 */
#define LH_PB_TEXTS 2000

/* ---- schemas ---- */

/* The .proto file of a relation's values, of its keys (row: of the key's columns), of what is of no relation. */
extern LhStatus lh_pb_value_schema(LhCtx *ctx, LhBuf *buf, const LhChangeOptions *options, const LhChangeRel *rel,
								   const LhPbRow *row);
extern LhStatus lh_pb_key_schema(LhCtx *ctx, LhBuf *buf, const LhChangeOptions *options, const LhChangeRel *rel,
								 const LhPbRow *row);
extern LhStatus lh_pb_event_schema(LhCtx *ctx, LhBuf *buf, const LhChangeOptions *options);

/* Readers take messages of up to 2 GB: a larger row is in quarantine.  Fewer in tests. */
extern size_t lh_pb_message_max;

/* ---- bytes ---- */

#define LH_PB_VARINT_MAX 10

static inline char *
lh_pb_varint(char *p, uint64_t v)
{
	while (v >= 0x80)
	{
		*p++ = (char) (v | 0x80);
		v >>= 7;
	}
	*p = (char) v;
	return p + 1;
}

static inline size_t
lh_pb_varint_size(uint64_t v)
{
	return (size_t) (63 - __builtin_clzll(v | 1)) / 7 + 1;
}

static inline uint64_t
lh_pb_zigzag(int64_t v)
{
	return (uint64_t) v << 1 ^ (uint64_t) (v >> 63);
}

/* A tag of a field below 16 whose number is known. */
#define LH_PB_TAG(number, wire) ((char) ((number) << 3 | (wire)))

/* A field that is left out when it is zero, as proto3 does with fields that are not optional. */
static inline char *
lh_pb_uint_field(char *p, int number, uint64_t v)
{
	if (v == 0)
		return p;
	*p = LH_PB_TAG(number, LH_PB_VARINT);
	return lh_pb_varint(p + 1, v);
}

/*
 * A length before content whose size is not known yet.  *width bytes are kept free
 * for it; when it needs another number of them, the content moves.  So lengths are
 * always the shortest, and nothing moves while sizes stay as they are: who writes
 * many of a kind keeps *width from one to the next.
 */
typedef struct LhPbOpen
{
	size_t		at;
	size_t		width;
} LhPbOpen;

extern LhStatus lh_pb_open(LhCtx *ctx, LhBuf *buf, size_t width, LhPbOpen *open);
/* The width that it took. */
extern LhStatus lh_pb_close(LhCtx *ctx, LhBuf *buf, LhPbOpen open, uint8_t *width);

#endif
