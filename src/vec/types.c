/*
 * types.c
 *		Names, equality and unions of logical types.
 *
 * The union of two types is the narrowest type that holds all values of both
 * exactly; a scan over several files uses it to reconcile their schemas.
 */
#include <stdio.h>
#include <string.h>

#include "vec/types.h"

static const char *const type_names[LH_N_TYPES] = {
	[LH_T_NULL] = "null",
	[LH_T_BOOL] = "bool",
	[LH_T_INT8] = "int8",
	[LH_T_INT16] = "int16",
	[LH_T_INT32] = "int32",
	[LH_T_INT64] = "int64",
	[LH_T_UINT8] = "uint8",
	[LH_T_UINT16] = "uint16",
	[LH_T_UINT32] = "uint32",
	[LH_T_UINT64] = "uint64",
	[LH_T_FLOAT16] = "float16",
	[LH_T_FLOAT] = "float",
	[LH_T_DOUBLE] = "double",
	[LH_T_DECIMAL] = "decimal",
	[LH_T_DATE] = "date",
	[LH_T_TIME] = "time",
	[LH_T_TIMESTAMP] = "timestamp",
	[LH_T_INTERVAL] = "interval",
	[LH_T_STRING] = "string",
	[LH_T_ENUM] = "enum",
	[LH_T_JSON] = "json",
	[LH_T_BSON] = "bson",
	[LH_T_BINARY] = "binary",
	[LH_T_FIXED] = "fixed",
	[LH_T_UUID] = "uuid",
	[LH_T_GEOMETRY] = "geometry",
	[LH_T_GEOGRAPHY] = "geography",
	[LH_T_LIST] = "list",
	[LH_T_MAP] = "map",
	[LH_T_STRUCT] = "struct",
	[LH_T_VARIANT] = "variant",
};

const char *
lh_type_name(const LhType *t)
{
	return (unsigned) t->id < LH_N_TYPES ? type_names[t->id] : "unknown";
}

bool
lh_type_equal(const LhType *a, const LhType *b)
{
	if (a->id != b->id || a->lane != b->lane)
		return false;
	switch (a->id)
	{
		case LH_T_DECIMAL: return a->precision == b->precision && a->scale == b->scale;
		case LH_T_TIME:
		case LH_T_TIMESTAMP: return a->unit == b->unit && a->utc == b->utc && a->int96 == b->int96;
		case LH_T_FIXED: return a->width == b->width;
		case LH_T_LIST:
		case LH_T_MAP:
		case LH_T_STRUCT:
			if (a->nfields != b->nfields)
				return false;
			for (int i = 0; i < a->nfields; i++)
			{
				if (strcmp(a->fields[i].name, b->fields[i].name) != 0 ||
					a->fields[i].required != b->fields[i].required ||
					!lh_type_equal(&a->fields[i].type, &b->fields[i].type))
					return false;
			}
			return true;
		default: return true;
	}
}

LhType
lh_type_bare(const LhType *t)
{
	LhType		bare = *t;

	bare.nfields = 0;
	bare.fields = NULL;
	return bare;
}

static LhStatus
format_fields(LhCtx *ctx, const LhType *t, LhBuf *out)
{
	LH_TRY(lh_buf_putc(ctx, out, '<'));
	for (int i = 0; i < t->nfields; i++)
	{
		if (i > 0)
			LH_TRY(lh_buf_append_str(ctx, out, ", "));
		if (t->id == LH_T_STRUCT)
		{
			LH_TRY(lh_buf_append_str(ctx, out, t->fields[i].name));
			LH_TRY(lh_buf_append_str(ctx, out, ": "));
		}
		LH_TRY(lh_type_format(ctx, &t->fields[i].type, out));
	}
	return lh_buf_putc(ctx, out, '>');
}

LhStatus
lh_type_format(LhCtx *ctx, const LhType *t, LhBuf *out)
{
	static const char *const units[] = {"s", "ms", "us", "ns"};
	const char *name = lh_type_name(t);

	switch (t->id)
	{
		case LH_T_DECIMAL:
			return lh_buf_printf(ctx, out, "%s(%d,%d)", name, t->precision, t->scale);
		case LH_T_TIME:
		case LH_T_TIMESTAMP:
			return lh_buf_printf(ctx, out, "%s(%s%s%s)", name, units[t->unit & 3],
								 t->utc ? ", utc" : "", t->int96 ? ", int96" : "");
		case LH_T_FIXED: return lh_buf_printf(ctx, out, "%s(%d)", name, t->width);
		case LH_T_LIST:
		case LH_T_MAP:
		case LH_T_STRUCT:
			LH_TRY(lh_buf_append_str(ctx, out, name));
			return format_fields(ctx, t, out);
		default: return lh_buf_append_str(ctx, out, name);
	}
}

/* Bits of the integer types; 0 for others. */
static int
int_bits(LhTypeId id)
{
	switch (id)
	{
		case LH_T_INT8:
		case LH_T_UINT8: return 8;
		case LH_T_INT16:
		case LH_T_UINT16: return 16;
		case LH_T_INT32:
		case LH_T_UINT32: return 32;
		case LH_T_INT64:
		case LH_T_UINT64: return 64;
		default: return 0;
	}
}

static bool
int_is_unsigned(LhTypeId id)
{
	return id >= LH_T_UINT8 && id <= LH_T_UINT64;
}

static int
int_digits(LhTypeId id)
{
	switch (int_bits(id))
	{
		case 8: return 3;
		case 16: return 5;
		case 32: return 10;
		default: return int_is_unsigned(id) ? 20 : 19;
	}
}

static bool
is_float(LhTypeId id)
{
	return id >= LH_T_FLOAT16 && id <= LH_T_DOUBLE;
}

static LhType
scalar_type(LhTypeId id, LhLane lane)
{
	LhType t = {0};

	t.id = id;
	t.lane = lane;
	return t;
}

static LhType
decimal_type(int precision, int scale)
{
	LhType t = {0};

	t.id = LH_T_DECIMAL;
	t.precision = (int16_t) precision;
	t.scale = (int16_t) scale;
	t.lane = precision <= 18                         ? LH_LANE_I64
			 : precision <= LH_DECIMAL_MAX_PRECISION ? LH_LANE_I128
													 : LH_LANE_STR;
	return t;
}

static LhType
signed_int_type(int bits)
{
	switch (bits)
	{
		case 8: return scalar_type(LH_T_INT8, LH_LANE_I32);
		case 16: return scalar_type(LH_T_INT16, LH_LANE_I32);
		case 32: return scalar_type(LH_T_INT32, LH_LANE_I32);
		case 64: return scalar_type(LH_T_INT64, LH_LANE_I64);
		default: return decimal_type(20, 0);
	}
}

static bool
union_ints(const LhType *a, const LhType *b, LhType *out)
{
	int abits = int_bits(a->id), bbits = int_bits(b->id);

	if (int_is_unsigned(a->id) == int_is_unsigned(b->id))
		*out = abits >= bbits ? *a : *b;
	else
	{
		int need = int_is_unsigned(a->id) ? 2 * abits : 2 * bbits;
		int have = int_is_unsigned(a->id) ? bbits : abits;

		*out = signed_int_type(need > have ? need : have);
	}
	return true;
}

/* A float holds an int exactly when its significand has as many bits. */
static bool
union_int_float(const LhType *i, const LhType *f, LhType *out)
{
	int bits = int_bits(i->id) - !int_is_unsigned(i->id);

	if (f->id == LH_T_FLOAT16 && bits <= 11)
		*out = *f;
	else if (f->id != LH_T_DOUBLE && bits <= 24)
		*out = scalar_type(LH_T_FLOAT, LH_LANE_F32);
	else if (bits <= 53)
		*out = scalar_type(LH_T_DOUBLE, LH_LANE_F64);
	else
		return false;
	return true;
}

static bool
union_decimals(int pa, int sa, int pb, int sb, LhType *out)
{
	int scale = sa > sb ? sa : sb;
	int whole = pa - sa > pb - sb ? pa - sa : pb - sb;

	if (whole + scale > INT16_MAX)
		return false;
	*out = decimal_type(whole + scale, scale);
	return true;
}

static bool
union_numbers(const LhType *a, const LhType *b, LhType *out)
{
	bool aint = int_bits(a->id) > 0, bint = int_bits(b->id) > 0;

	if (aint && bint)
		return union_ints(a, b, out);
	if (aint && is_float(b->id))
		return union_int_float(a, b, out);
	if (bint && is_float(a->id))
		return union_int_float(b, a, out);
	if (is_float(a->id) && is_float(b->id))
	{
		*out = a->id > b->id ? *a : *b;
		return true;
	}
	if (a->id == LH_T_DECIMAL && b->id == LH_T_DECIMAL)
		return union_decimals(a->precision, a->scale, b->precision, b->scale, out);
	if (a->id == LH_T_DECIMAL && bint)
		return union_decimals(a->precision, a->scale, int_digits(b->id), 0, out);
	if (b->id == LH_T_DECIMAL && aint)
		return union_decimals(int_digits(a->id), 0, b->precision, b->scale, out);
	return false;
}

static int
find_field(const LhType *t, const char *name)
{
	for (int i = 0; i < t->nfields; i++)
	{
		if (strcmp(t->fields[i].name, name) == 0)
			return i;
	}
	return -1;
}

/* Members of both structs by name; a member that only one has is not required. */
static bool
union_structs(LhCtx *ctx, const LhType *a, const LhType *b, LhType *out)
{
	LhField *fields = lh_alloc_array(ctx, (size_t) (a->nfields + b->nfields), sizeof(LhField));
	int n = 0;

	if (fields == NULL)
		return false;
	for (int i = 0; i < a->nfields; i++, n++)
	{
		int j = find_field(b, a->fields[i].name);

		fields[n] = a->fields[i];
		if (j < 0)
			fields[n].required = false;
		else
		{
			if (!lh_type_union(ctx, &a->fields[i].type, &b->fields[j].type, &fields[n].type))
				return false;
			fields[n].required = a->fields[i].required && b->fields[j].required;
		}
	}
	for (int j = 0; j < b->nfields; j++)
	{
		if (find_field(a, b->fields[j].name) >= 0)
			continue;
		fields[n] = b->fields[j];
		fields[n++].required = false;
	}
	*out = *a;
	out->nfields = n;
	out->fields = fields;
	return true;
}

/* LIST and MAP: names of element, key and value do not matter. */
static bool
union_children(LhCtx *ctx, const LhType *a, const LhType *b, LhType *out)
{
	LhField *fields;

	if (a->nfields != b->nfields)
		return false;
	fields = lh_alloc_array(ctx, (size_t) a->nfields, sizeof(LhField));
	if (fields == NULL)
		return false;
	for (int i = 0; i < a->nfields; i++)
	{
		fields[i] = a->fields[i];
		fields[i].required = a->fields[i].required && b->fields[i].required;
		if (!lh_type_union(ctx, &a->fields[i].type, &b->fields[i].type, &fields[i].type))
			return false;
	}
	*out = *a;
	out->fields = fields;
	return true;
}

static bool
is_text(LhTypeId id)
{
	return id == LH_T_STRING || id == LH_T_ENUM || id == LH_T_JSON;
}

static bool
is_bytes(LhTypeId id)
{
	return id == LH_T_BINARY || id == LH_T_FIXED || id == LH_T_BSON;
}

/* Two types of one id that are not equal. */
static bool
union_same_id(LhCtx *ctx, const LhType *a, const LhType *b, LhType *out)
{
	switch (a->id)
	{
		case LH_T_TIME:
		case LH_T_TIMESTAMP:
			if (a->utc != b->utc)
				return false;
			*out = a->unit >= b->unit ? *a : *b;
			out->int96 = a->int96 && b->int96;
			return true;
		case LH_T_FIXED: *out = scalar_type(LH_T_BINARY, LH_LANE_STR); return true;
		case LH_T_LIST:
		case LH_T_MAP: return union_children(ctx, a, b, out);
		case LH_T_STRUCT: return union_structs(ctx, a, b, out);
		default: *out = *a; return true;
	}
}

bool
lh_type_union(LhCtx *ctx, const LhType *a, const LhType *b, LhType *out)
{
	if (lh_type_equal(a, b) || b->id == LH_T_NULL)
	{
		*out = *a;
		return true;
	}
	if (a->id == LH_T_NULL)
	{
		*out = *b;
		return true;
	}
	if (union_numbers(a, b, out))
		return true;
	if (a->id == b->id)
		return a->id != LH_T_DECIMAL && union_same_id(ctx, a, b, out);
	if (is_text(a->id) && is_text(b->id))
		*out = scalar_type(LH_T_STRING, LH_LANE_STR);
	else if (is_bytes(a->id) && is_bytes(b->id))
		*out = scalar_type(LH_T_BINARY, LH_LANE_STR);
	else
		return false;
	return true;
}
