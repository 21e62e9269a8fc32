/*
 * expr_value.c
 *		Constants of PostgreSQL types as core values, and which file types
 *		compare in core exactly as the declared type compares in PostgreSQL.
 *
 * A value is only handed to core when it is represented there exactly.  The
 * infinities and digits that PostgreSQL knows and files do not are reported as
 * such: the caller folds the comparison.
 */
#include "pg/bridge/bridge.h"

#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "mb/pg_wchar.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "pg/bridge/expr.h"

static void
set_type(LhValue *out, LhTypeId id, LhLane lane)
{
	memset(out, 0, sizeof(*out));
	out->type.id = id;
	out->type.lane = lane;
}

/*
 * A numeric as 128-bit unscaled integer.  Its first 38 digits are kept; when
 * others follow that are not zero, the value lies between two such numbers.
 * No decimal of 38 digits lies between them either, except far below in size:
 * so comparing with the smaller one as "between" is exact.
 */
static void
numeric_digits(const char *text, LhValue *out, LhFit *fit)
{
	LhU128		v = 0;
	int			scale = 0,
				digits = 0;
	bool		negative = *text == '-',
				point = false,
				cut = false;

	for (const char *p = text + negative; *p; p++)
	{
		if (*p == '.')
		{
			point = true;
			continue;
		}
		if (digits == LH_DECIMAL_MAX_PRECISION || scale == LH_DECIMAL_MAX_PRECISION)
		{
			if (!point)
			{
				*fit = negative ? LH_FIT_BELOW_ALL : LH_FIT_ABOVE_ALL;
				return;
			}
			cut |= *p != '0';
			continue;
		}
		v = v * 10 + (LhU128) (*p - '0');
		digits += v != 0;
		scale += point;
	}
	set_type(out, LH_T_DECIMAL, LH_LANE_I128);
	out->type.precision = LH_DECIMAL_MAX_PRECISION;
	out->type.scale = (int16_t) scale;
	out->i128 = negative ? -(LhI128) v - cut : (LhI128) v;
	*fit = cut ? LH_FIT_BETWEEN : LH_FIT_EXACT;
}

static bool
numeric_value(Datum d, LhValue *out, LhFit *fit)
{
	Numeric		num = DatumGetNumeric(d);
	char	   *text;

	if (numeric_is_nan(num))
	{
		*fit = LH_FIT_ABOVE_ALL;	/* NaN sorts above every number */
		return true;
	}
	text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(num)));
	if (numeric_is_inf(num))
		*fit = text[0] == '-' ? LH_FIT_BELOW_ALL : LH_FIT_ABOVE_ALL;
	else
		numeric_digits(text, out, fit);
	/* one past 38 digits, by rounding a negative number down */
	return *fit != LH_FIT_BETWEEN || out->i128 >= -lh_pow10[LH_DECIMAL_MAX_PRECISION];
}

static bool
bytes_value(Datum d, LhTypeId id, LhValue *out)
{
	text	   *t = (text *) PG_DETOAST_DATUM_PACKED(d);

	set_type(out, id, LH_LANE_STR);
	out->str.ptr = (const uint8_t *) VARDATA_ANY(t);
	out->str.len = (uint32_t) VARSIZE_ANY_EXHDR(t);
	return true;
}

static bool
date_value(DateADT date, LhValue *out, LhFit *fit)
{
	if (DATE_IS_NOBEGIN(date))
		*fit = LH_FIT_BELOW_ALL;
	else if (DATE_IS_NOEND(date))
		*fit = LH_FIT_ABOVE_ALL;
	set_type(out, LH_T_DATE, LH_LANE_I32);
	out->i64 = (int64_t) date + LH_PG_EPOCH_DAYS;
	return true;
}

static bool
timestamp_value(Timestamp ts, bool utc, LhValue *out, LhFit *fit)
{
	set_type(out, LH_T_TIMESTAMP, LH_LANE_I64);
	out->type.unit = LH_UNIT_US;
	out->type.utc = utc;
	if (TIMESTAMP_IS_NOBEGIN(ts))
		*fit = LH_FIT_BELOW_ALL;
	else if (TIMESTAMP_IS_NOEND(ts))
		*fit = LH_FIT_ABOVE_ALL;
	else if (__builtin_add_overflow((int64_t) ts, LH_PG_EPOCH_US, &out->i64))
	{
		/* the last years of PostgreSQL's range: only ms columns reach them */
		out->type.unit = LH_UNIT_MS;
		out->i64 = (int64_t) ts / 1000 + LH_PG_EPOCH_US / 1000;
		*fit = (int64_t) ts % 1000 == 0 ? LH_FIT_EXACT : LH_FIT_BETWEEN;
	}
	return true;
}

bool
lh_expr_value(Datum d, Oid typid, LhValue *out, LhFit *fit)
{
	*fit = LH_FIT_EXACT;
	switch (typid)
	{
		case BOOLOID:
			set_type(out, LH_T_BOOL, LH_LANE_U8);
			out->b = DatumGetBool(d);
			return true;
		case INT2OID:
		case INT4OID:
		case INT8OID:
			set_type(out, LH_T_INT64, LH_LANE_I64);
			out->i64 = typid == INT2OID ? DatumGetInt16(d) :
				typid == INT4OID ? DatumGetInt32(d) : DatumGetInt64(d);
			return true;
		case FLOAT4OID:
		case FLOAT8OID:
			set_type(out, LH_T_DOUBLE, LH_LANE_F64);
			out->f64 = typid == FLOAT4OID ? (double) DatumGetFloat4(d) : DatumGetFloat8(d);
			return true;
		case NUMERICOID:
			return numeric_value(d, out, fit);
		case DATEOID:
			return date_value(DatumGetDateADT(d), out, fit);
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return timestamp_value(DatumGetTimestamp(d), typid == TIMESTAMPTZOID, out, fit);
		case TIMEOID:
			set_type(out, LH_T_TIME, LH_LANE_I64);
			out->type.unit = LH_UNIT_US;
			out->i64 = DatumGetTimeADT(d);
			return true;
		case UUIDOID:
			set_type(out, LH_T_UUID, LH_LANE_FIX);
			out->type.width = UUID_LEN;
			out->str.ptr = DatumGetUUIDP(d)->data;
			out->str.len = UUID_LEN;
			return true;
		case BYTEAOID:
			return bytes_value(d, LH_T_BINARY, out);
		case TEXTOID:
		case VARCHAROID:
			return GetDatabaseEncoding() == PG_UTF8 && bytes_value(d, LH_T_STRING, out);
		default:
			return false;
	}
}

bool
lh_value_from_datum(Datum d, Oid typid, LhValue *out)
{
	LhFit		fit;

	return lh_expr_value(d, typid, out, &fit) && fit == LH_FIT_EXACT;
}

static bool
is_int_family(LhTypeId id)
{
	return id == LH_T_INT8 || id == LH_T_INT16 || id == LH_T_INT32 || id == LH_T_INT64 ||
		id == LH_T_UINT8 || id == LH_T_UINT16 || id == LH_T_UINT32;
}

/* Digits before the point that an int type may need. */
static bool
int_fits(LhTypeId id, Oid typid)
{
	switch (typid)
	{
		case INT2OID:
			return id == LH_T_INT8 || id == LH_T_INT16 || id == LH_T_UINT8;
		case INT4OID:
			return id != LH_T_INT64 && id != LH_T_UINT32;
		case INT8OID:
			return true;
		default:
			return false;
	}
}

bool
lh_type_exact(const LhType *type, Oid typid, int32 typmod, const LhEmitOptions *emit)
{
	switch (type->id)
	{
		case LH_T_NULL:
			return true;
		case LH_T_BOOL:
			return typid == BOOLOID;
		case LH_T_FLOAT16:
		case LH_T_FLOAT:
			return typid == FLOAT4OID || typid == FLOAT8OID;
		case LH_T_DOUBLE:
			return typid == FLOAT8OID;
		case LH_T_UINT64:
			return typid == NUMERICOID && (typmod < (int32) VARHDRSZ ||
										   typmod == (int32) (((20 << 16) | 0) + VARHDRSZ));
		case LH_T_DECIMAL:
			if (typid != NUMERICOID || type->lane == LH_LANE_STR)
				return false;
			if (typmod < (int32) VARHDRSZ)
				return true;
			/* numeric(p,s) must keep every digit */
			{
				int			mod = typmod - (int) VARHDRSZ;
				int			precision = (mod >> 16) & 0xffff;
				int			scale = ((mod & 0x7ff) ^ 1024) - 1024;

				return scale >= type->scale && precision - scale >= type->precision - type->scale;
			}
		case LH_T_DATE:
			return typid == DATEOID && emit->out_of_range == LH_RANGE_ERROR;
		case LH_T_TIME:
			return typid == TIMEOID && typmod < 0 && emit->out_of_range == LH_RANGE_ERROR &&
				(type->unit != LH_UNIT_NS || emit->timestamp_ns == LH_NANOS_FLOOR);
		case LH_T_TIMESTAMP:
			return typid == (type->utc ? TIMESTAMPTZOID : TIMESTAMPOID) && typmod < 0 &&
				emit->out_of_range == LH_RANGE_ERROR &&
				((type->unit != LH_UNIT_NS && !type->int96) || emit->timestamp_ns == LH_NANOS_FLOOR);
		case LH_T_STRING:
		case LH_T_ENUM:
			return (typid == TEXTOID || typid == VARCHAROID) && typmod < 0;
		case LH_T_BINARY:
			return typid == BYTEAOID;
		case LH_T_FIXED:
			return typid == BYTEAOID;
		case LH_T_UUID:
			return typid == UUIDOID;
		default:
			return is_int_family(type->id) && int_fits(type->id, typid);
	}
}
