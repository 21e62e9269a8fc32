/*
 * logical.c
 *		Annotations of one schema element -> LhType.
 *
 * An element may carry a LogicalType, the older ConvertedType, both or none.
 *
 *	1. A logical type that we know and that fits the physical type decides.
 *	2. Else the converted type, under the same condition.
 *	3. Else the physical type alone: an annotation that is unknown, or that the
 *	   format forbids on this physical type, is no reason to refuse the bytes.
 *
 * Times and timestamps that have only a converted type count as adjusted to UTC,
 * as LogicalTypes.md says and pyarrow reads them (DuckDB takes them as local).
 *
 * Format: https://github.com/apache/parquet-format/blob/master/LogicalTypes.md
 */
#include "parquet/meta.h"

/* About what the text of an annotation with parameters takes. */
#define TEXT_SIZE 64

static void
parse_decimal(LhThrift *r, LhPqLogical *out)
{
	LhThriftField f = {0};

	while (lh_thrift_next(r, &f))
		switch (f.id)
		{
			case 1: lh_thrift_i32(r, &f, &out->scale); break;
			case 2: lh_thrift_i32(r, &f, &out->precision); break;
			default: lh_thrift_skip(r, f.type);
		}
}

/* Union TimeUnit */
static int
parse_unit(LhThrift *r)
{
	LhThriftField f = {0};
	int unit = -1;

	while (lh_thrift_next(r, &f))
	{
		if (f.id >= 1 && f.id <= 3 && f.type == LH_THRIFT_STRUCT)
			unit = LH_UNIT_MS + f.id - 1;
		lh_thrift_skip(r, f.type);
	}
	return unit;
}

/* TimeType and TimestampType */
static void
parse_time(LhThrift *r, LhPqLogical *out)
{
	LhThriftField f = {0};

	while (lh_thrift_next(r, &f))
		switch (f.id)
		{
			case 1: lh_thrift_bool(r, &f, &out->utc); break;
			case 2:
				if (lh_thrift_struct(r, &f))
					out->unit = parse_unit(r);
				break;
			default: lh_thrift_skip(r, f.type);
		}
}

static void
parse_integer(LhThrift *r, LhPqLogical *out)
{
	LhThriftField f = {0};

	while (lh_thrift_next(r, &f))
		switch (f.id)
		{
			case 1: lh_thrift_i8(r, &f, &out->bits); break;
			case 2: lh_thrift_bool(r, &f, &out->is_signed); break;
			default: lh_thrift_skip(r, f.type);
		}
}

static void
parse_variant(LhThrift *r, LhPqLogical *out)
{
	LhThriftField f = {0};

	while (lh_thrift_next(r, &f))
		switch (f.id)
		{
			case 1: lh_thrift_i8(r, &f, &out->version); break;
			default: lh_thrift_skip(r, f.type);
		}
}

/* GeometryType and GeographyType */
static void
parse_geo(LhThrift *r, LhPqLogical *out)
{
	LhThriftField f = {0};

	while (lh_thrift_next(r, &f))
		switch (f.id)
		{
			case 1: lh_thrift_binary(r, &f, &out->crs); break;
			case 2: lh_thrift_i32(r, &f, &out->edges); break;
			default: lh_thrift_skip(r, f.type);
		}
}

void
lh_pq_logical_parse(LhThrift *r, LhPqLogical *out)
{
	LhThriftField f = {0};

	*out = (LhPqLogical){.unit = -1, .edges = -1, .is_signed = true};
	while (lh_thrift_next(r, &f))
	{
		out->id = f.id;
		if (f.type != LH_THRIFT_STRUCT)
		{
			lh_thrift_skip(r, f.type);
			continue;
		}
		switch (f.id)
		{
			case LH_PQ_LOGICAL_DECIMAL: parse_decimal(r, out); break;
			case LH_PQ_LOGICAL_TIME:
			case LH_PQ_LOGICAL_TIMESTAMP: parse_time(r, out); break;
			case LH_PQ_LOGICAL_INTEGER: parse_integer(r, out); break;
			case LH_PQ_LOGICAL_VARIANT: parse_variant(r, out); break;
			case LH_PQ_LOGICAL_GEOMETRY:
			case LH_PQ_LOGICAL_GEOGRAPHY: parse_geo(r, out); break;
			default: lh_thrift_skip(r, f.type);
		}
	}
}

static LhType
type_of(LhTypeId id, LhLane lane)
{
	return (LhType){.id = id, .lane = lane};
}

static LhType
physical_type(const LhPqNode *node)
{
	LhType t;

	switch (node->physical)
	{
		case LH_PQ_BOOLEAN: return type_of(LH_T_BOOL, LH_LANE_U8);
		case LH_PQ_INT32: return type_of(LH_T_INT32, LH_LANE_I32);
		case LH_PQ_INT64: return type_of(LH_T_INT64, LH_LANE_I64);
		case LH_PQ_FLOAT: return type_of(LH_T_FLOAT, LH_LANE_F32);
		case LH_PQ_DOUBLE: return type_of(LH_T_DOUBLE, LH_LANE_F64);
		case LH_PQ_BYTE_ARRAY: return type_of(LH_T_BINARY, LH_LANE_STR);
		case LH_PQ_INT96:
			t = type_of(LH_T_TIMESTAMP, LH_LANE_I64);
			t.unit = LH_UNIT_US;
			t.int96 = true;
			return t;
		default:
			t = type_of(LH_T_FIXED, LH_LANE_FIX);
			t.width = node->type_length;
			return t;
	}
}

/* False: the annotation does not fit, *out is untouched. */
static bool
decimal_type(const LhPqNode *node, int32_t precision, int32_t scale, LhType *out)
{
	LhType t = {.id = LH_T_DECIMAL};

	if (precision < 1 || precision > INT16_MAX || scale < 0 || scale > precision)
		return false;
	switch (node->physical)
	{
		case LH_PQ_INT32: t.lane = LH_LANE_I32; break;
		case LH_PQ_INT64: t.lane = LH_LANE_I64; break;
		case LH_PQ_BYTE_ARRAY:
		case LH_PQ_FLBA:
			t.lane = precision <= 18                         ? LH_LANE_I64
					 : precision <= LH_DECIMAL_MAX_PRECISION ? LH_LANE_I128
															 : LH_LANE_STR;
			break;
		default: return false;
	}
	t.precision = (int16_t) precision;
	t.scale = (int16_t) scale;
	*out = t;
	return true;
}

static bool
integer_type(const LhPqNode *node, int bits, bool is_signed, LhType *out)
{
	LhPqPhysical physical = bits == 64 ? LH_PQ_INT64 : LH_PQ_INT32;

	if (node->physical != physical)
		return false;
	switch (bits)
	{
		case 8: *out = type_of(is_signed ? LH_T_INT8 : LH_T_UINT8, LH_LANE_I32); return true;
		case 16: *out = type_of(is_signed ? LH_T_INT16 : LH_T_UINT16, LH_LANE_I32); return true;
		case 32:
			*out = is_signed ? type_of(LH_T_INT32, LH_LANE_I32) : type_of(LH_T_UINT32, LH_LANE_I64);
			return true;
		case 64:
			*out =
				is_signed ? type_of(LH_T_INT64, LH_LANE_I64) : type_of(LH_T_UINT64, LH_LANE_I128);
			return true;
		default: return false;
	}
}

static bool
time_type(const LhPqNode *node, LhTypeId id, int unit, bool utc, LhType *out)
{
	LhPqPhysical physical = LH_PQ_INT64;

	if (id == LH_T_TIME && unit == LH_UNIT_MS)
		physical = LH_PQ_INT32;
	if (node->physical != physical || unit < 0)
		return false;
	*out = type_of(id, LH_LANE_I64);
	out->unit = (uint8_t) unit;
	out->utc = utc;
	return true;
}

/* A type that lies on one physical type (and width, for FLBA). */
static bool
plain_type(const LhPqNode *node, LhPqPhysical physical, int width, LhTypeId id, LhLane lane,
		   LhType *out)
{
	if (node->physical != physical || (width != 0 && node->type_length != width))
		return false;
	*out = type_of(id, lane);
	if (lane == LH_LANE_FIX)
		out->width = width;
	return true;
}

static bool
logical_type(const LhPqNode *node, const LhPqLogical *l, LhType *out)
{
	switch (l->id)
	{
		case LH_PQ_LOGICAL_STRING:
			return plain_type(node, LH_PQ_BYTE_ARRAY, 0, LH_T_STRING, LH_LANE_STR, out);
		case LH_PQ_LOGICAL_ENUM:
			return plain_type(node, LH_PQ_BYTE_ARRAY, 0, LH_T_ENUM, LH_LANE_STR, out);
		case LH_PQ_LOGICAL_JSON:
			return plain_type(node, LH_PQ_BYTE_ARRAY, 0, LH_T_JSON, LH_LANE_STR, out);
		case LH_PQ_LOGICAL_BSON:
			return plain_type(node, LH_PQ_BYTE_ARRAY, 0, LH_T_BSON, LH_LANE_STR, out);
		case LH_PQ_LOGICAL_GEOMETRY:
			return plain_type(node, LH_PQ_BYTE_ARRAY, 0, LH_T_GEOMETRY, LH_LANE_STR, out);
		case LH_PQ_LOGICAL_GEOGRAPHY:
			return plain_type(node, LH_PQ_BYTE_ARRAY, 0, LH_T_GEOGRAPHY, LH_LANE_STR, out);
		case LH_PQ_LOGICAL_DATE:
			return plain_type(node, LH_PQ_INT32, 0, LH_T_DATE, LH_LANE_I32, out);
		case LH_PQ_LOGICAL_UUID:
			return plain_type(node, LH_PQ_FLBA, 16, LH_T_UUID, LH_LANE_FIX, out);
		case LH_PQ_LOGICAL_FLOAT16:
			return plain_type(node, LH_PQ_FLBA, 2, LH_T_FLOAT16, LH_LANE_F32, out);
		case LH_PQ_LOGICAL_NULL: *out = type_of(LH_T_NULL, LH_LANE_NONE); return true;
		case LH_PQ_LOGICAL_DECIMAL: return decimal_type(node, l->precision, l->scale, out);
		case LH_PQ_LOGICAL_INTEGER: return integer_type(node, l->bits, l->is_signed, out);
		case LH_PQ_LOGICAL_TIME: return time_type(node, LH_T_TIME, l->unit, l->utc, out);
		case LH_PQ_LOGICAL_TIMESTAMP: return time_type(node, LH_T_TIMESTAMP, l->unit, l->utc, out);
		default: return false;
	}
}

static bool
converted_type(const LhPqNode *node, LhType *out)
{
	switch (node->converted)
	{
		case LH_PQ_CONV_UTF8:
			return plain_type(node, LH_PQ_BYTE_ARRAY, 0, LH_T_STRING, LH_LANE_STR, out);
		case LH_PQ_CONV_ENUM:
			return plain_type(node, LH_PQ_BYTE_ARRAY, 0, LH_T_ENUM, LH_LANE_STR, out);
		case LH_PQ_CONV_JSON:
			return plain_type(node, LH_PQ_BYTE_ARRAY, 0, LH_T_JSON, LH_LANE_STR, out);
		case LH_PQ_CONV_BSON:
			return plain_type(node, LH_PQ_BYTE_ARRAY, 0, LH_T_BSON, LH_LANE_STR, out);
		case LH_PQ_CONV_INTERVAL:
			return plain_type(node, LH_PQ_FLBA, 12, LH_T_INTERVAL, LH_LANE_FIX, out);
		case LH_PQ_CONV_DATE: return plain_type(node, LH_PQ_INT32, 0, LH_T_DATE, LH_LANE_I32, out);
		case LH_PQ_CONV_DECIMAL: return decimal_type(node, node->precision, node->scale, out);
		case LH_PQ_CONV_TIME_MILLIS: return time_type(node, LH_T_TIME, LH_UNIT_MS, true, out);
		case LH_PQ_CONV_TIME_MICROS: return time_type(node, LH_T_TIME, LH_UNIT_US, true, out);
		case LH_PQ_CONV_TIMESTAMP_MILLIS:
			return time_type(node, LH_T_TIMESTAMP, LH_UNIT_MS, true, out);
		case LH_PQ_CONV_TIMESTAMP_MICROS:
			return time_type(node, LH_T_TIMESTAMP, LH_UNIT_US, true, out);
		case LH_PQ_CONV_UINT_8: return integer_type(node, 8, false, out);
		case LH_PQ_CONV_UINT_16: return integer_type(node, 16, false, out);
		case LH_PQ_CONV_UINT_32: return integer_type(node, 32, false, out);
		case LH_PQ_CONV_UINT_64: return integer_type(node, 64, false, out);
		case LH_PQ_CONV_INT_8: return integer_type(node, 8, true, out);
		case LH_PQ_CONV_INT_16: return integer_type(node, 16, true, out);
		case LH_PQ_CONV_INT_32: return integer_type(node, 32, true, out);
		case LH_PQ_CONV_INT_64: return integer_type(node, 64, true, out);
		default: return false;
	}
}

void
lh_pq_leaf_type(LhPqNode *node, const LhPqLogical *logical)
{
	if (!logical_type(node, logical, &node->type) && !converted_type(node, &node->type))
		node->type = physical_type(node);
	switch (node->type.id)
	{
		case LH_T_UINT8:
		case LH_T_UINT16:
		case LH_T_UINT32:
		case LH_T_UINT64: node->unsigned_order = true; break;
		case LH_T_DECIMAL:
		case LH_T_FLOAT16: node->unsigned_order = false; break;
		default:
			node->unsigned_order =
				node->physical == LH_PQ_BYTE_ARRAY || node->physical == LH_PQ_FLBA;
	}
}

static const char *
unit_name(int unit)
{
	switch (unit)
	{
		case LH_UNIT_MS: return "MILLIS";
		case LH_UNIT_US: return "MICROS";
		case LH_UNIT_NS: return "NANOS";
		default: return "unknown unit";
	}
}

static const char *
edges_name(int edges)
{
	static const char *const names[] = {"SPHERICAL", "VINCENTY", "THOMAS", "ANDOYER", "KARNEY"};

	if (edges >= 0 && edges < (int) (sizeof(names) / sizeof(names[0])))
		return names[edges];
	return "unknown algorithm";
}

/* Names of those that have no parameters; NULL for the others. */
static const char *
fixed_text(int id)
{
	switch (id)
	{
		case LH_PQ_LOGICAL_STRING: return "STRING";
		case LH_PQ_LOGICAL_MAP: return "MAP";
		case LH_PQ_LOGICAL_LIST: return "LIST";
		case LH_PQ_LOGICAL_ENUM: return "ENUM";
		case LH_PQ_LOGICAL_DATE: return "DATE";
		case LH_PQ_LOGICAL_NULL: return "UNKNOWN";
		case LH_PQ_LOGICAL_JSON: return "JSON";
		case LH_PQ_LOGICAL_BSON: return "BSON";
		case LH_PQ_LOGICAL_UUID: return "UUID";
		case LH_PQ_LOGICAL_FLOAT16: return "FLOAT16";
		default: return NULL;
	}
}

static LhStatus
geo_text(LhCtx *ctx, LhPqAllowance *allowance, const LhPqLogical *l, char **text)
{
	const char *crs = "OGC:CRS84"; /* the default of the format */

	if (l->crs.len > 0)
		LH_TRY(lh_pq_text(ctx, allowance, l->crs, &crs));
	if (l->id == LH_PQ_LOGICAL_GEOMETRY)
		*text = lh_sprintf(ctx, "GEOMETRY(%s)", crs);
	else
		*text = lh_sprintf(ctx, "GEOGRAPHY(%s,%s)", crs, edges_name(l->edges < 0 ? 0 : l->edges));
	return LH_OK;
}

LhStatus
lh_pq_logical_text(LhCtx *ctx, LhPqAllowance *allowance, const LhPqLogical *l, const char **out)
{
	char *text = NULL;

	*out = l->id == LH_PQ_LOGICAL_NONE ? NULL : fixed_text(l->id);
	if (l->id == LH_PQ_LOGICAL_NONE || *out != NULL)
		return LH_OK;
	LH_TRY(lh_pq_spend(ctx, allowance, TEXT_SIZE));
	switch (l->id)
	{
		case LH_PQ_LOGICAL_DECIMAL:
			text = lh_sprintf(ctx, "DECIMAL(%d,%d)", l->precision, l->scale);
			break;
		case LH_PQ_LOGICAL_TIME:
		case LH_PQ_LOGICAL_TIMESTAMP:
			text = lh_sprintf(ctx, "%s(%s,%s)", l->id == LH_PQ_LOGICAL_TIME ? "TIME" : "TIMESTAMP",
							  unit_name(l->unit), l->utc ? "true" : "false");
			break;
		case LH_PQ_LOGICAL_INTEGER:
			text = lh_sprintf(ctx, "INTEGER(%d,%s)", l->bits, l->is_signed ? "true" : "false");
			break;
		case LH_PQ_LOGICAL_VARIANT: text = lh_sprintf(ctx, "VARIANT(%d)", l->version); break;
		case LH_PQ_LOGICAL_GEOMETRY:
		case LH_PQ_LOGICAL_GEOGRAPHY: LH_TRY(geo_text(ctx, allowance, l, &text)); break;
		default: text = lh_sprintf(ctx, "unknown logical type %d", l->id);
	}
	if (text == NULL)
		return ctx->error->code;
	*out = text;
	return LH_OK;
}
