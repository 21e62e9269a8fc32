/*
 * protobuf_type.c
 *		Which field of a message a column is.
 *
 *	1. Integers are zigzag (sint32, sint64), in which small numbers are short whatever
 *	   their sign: an int32 of -1 has ten bytes.  smallint, integer and bigint read as
 *	   one another, so widening a column is compatible.
 *	2. Timestamps are sfixed64: those of our time have eight bytes as a varint, too, and
 *	   infinities are the ends of the range, as in PostgreSQL itself.
 *	3. Whatever has no natural type (numeric, uuid, interval, json, ...) is its text, and
 *	   so are enumerations: a label more or less, or another text type, is no other schema.
 */
#include "change/protobuf.h"

#define INT8_OID 20
#define OID_OID  26
#define XID_OID  28

const LhPbTypeInfo lh_pb_types[LH_N_PB_TYPES] = {
	[LH_PB_BOOL] = {"bool", "BoolArray", LH_PB_VARINT},
	[LH_PB_SINT32] = {"sint32", "Int32Array", LH_PB_VARINT},
	[LH_PB_SINT64] = {"sint64", "Int64Array", LH_PB_VARINT},
	[LH_PB_UINT32] = {"uint32", "UInt32Array", LH_PB_VARINT},
	[LH_PB_FLOAT] = {"float", "FloatArray", LH_PB_FIXED32},
	[LH_PB_DOUBLE] = {"double", "DoubleArray", LH_PB_FIXED64},
	[LH_PB_SFIXED64] = {"sfixed64", "TimestampArray", LH_PB_FIXED64},
	[LH_PB_STRING] = {"string", "StringArray", LH_PB_BYTES},
	[LH_PB_BYTES_TYPE] = {"bytes", "BytesArray", LH_PB_BYTES},
};

static LhPbType
type_of(LhCellKind kind, uint32_t typid)
{
	switch (kind)
	{
		case LH_CELL_BOOL: return LH_PB_BOOL;
		case LH_CELL_INT:
			if (typid == OID_OID || typid == XID_OID)
				return LH_PB_UINT32;
			return typid == INT8_OID ? LH_PB_SINT64 : LH_PB_SINT32;
		case LH_CELL_FLOAT4: return LH_PB_FLOAT;
		case LH_CELL_FLOAT8: return LH_PB_DOUBLE;
		case LH_CELL_BYTES: return LH_PB_BYTES_TYPE;
		case LH_CELL_DATE: return LH_PB_SINT32;
		case LH_CELL_TIME: return LH_PB_SINT64;
		case LH_CELL_TIMESTAMP:
		case LH_CELL_TIMESTAMPTZ: return LH_PB_SFIXED64;
		case LH_CELL_ARRAY: return LH_PB_ARRAY;
		default: return LH_PB_STRING;
	}
}

LhPbType
lh_pb_type_of(const LhChangeColumn *column)
{
	return type_of(column->kind, column->base_typid);
}

void
lh_pb_field_init(const LhChangeColumn *column, LhPbField *field)
{
	LhPbType elem = type_of(column->elem_kind, column->elem_typid);
	LhPbWire wire;
	char tag[LH_PB_VARINT_MAX];

	*field = (LhPbField){
		.type = (uint8_t) lh_pb_type_of(column),
		.kind = (uint8_t) column->kind,
		.attnum = column->attnum,
		/* arrays whose elements are arrays (of a domain) have them as text */
		.elem_type = (uint8_t) (elem == LH_PB_ARRAY ? LH_PB_STRING : elem),
		.elem_kind = (uint8_t) column->elem_kind,
	};
	wire = field->type == LH_PB_ARRAY ? LH_PB_BYTES : lh_pb_types[field->type].wire;
	field->ntag = (uint8_t) (lh_pb_varint(tag, (uint64_t) column->attnum << 3 | wire) - tag);
	memcpy(field->tag, tag, 2);
}
