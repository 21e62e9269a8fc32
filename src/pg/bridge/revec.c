/*
 * revec.c
 *		Datums back into vectors.
 */
#include "pg/bridge/revec.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

struct LhRevec
{
	LhCtx	   *ctx;
	const char *column;
	Oid			typid;
	LhVec		vec;
	uint64_t	valid[LH_BATCH_WORDS];
	uint8_t    *data;
	uint16_t	rows[LH_BATCH];
};

static bool
flat_type(LhType *out, LhTypeId id, LhLane lane)
{
	out->id = id;
	out->lane = lane;
	return true;
}

bool
lh_natural_type(Oid typid, int32 typmod, LhType *out)
{
	memset(out, 0, sizeof(*out));
	switch (typid)
	{
		case BOOLOID:
			return flat_type(out, LH_T_BOOL, LH_LANE_U8);
		case INT2OID:
			return flat_type(out, LH_T_INT16, LH_LANE_I32);
		case INT4OID:
			return flat_type(out, LH_T_INT32, LH_LANE_I32);
		case INT8OID:
			return flat_type(out, LH_T_INT64, LH_LANE_I64);
		case FLOAT4OID:
			return flat_type(out, LH_T_FLOAT, LH_LANE_F32);
		case FLOAT8OID:
			return flat_type(out, LH_T_DOUBLE, LH_LANE_F64);
		case DATEOID:
			return flat_type(out, LH_T_DATE, LH_LANE_I32);
		case TIMEOID:
			out->unit = LH_UNIT_US;
			return flat_type(out, LH_T_TIME, LH_LANE_I64);
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			out->unit = LH_UNIT_US;
			out->utc = typid == TIMESTAMPTZOID;
			return flat_type(out, LH_T_TIMESTAMP, LH_LANE_I64);
		case TEXTOID:
		case VARCHAROID:
			return GetDatabaseEncoding() == PG_UTF8 && flat_type(out, LH_T_STRING, LH_LANE_STR);
		case BYTEAOID:
			return flat_type(out, LH_T_BINARY, LH_LANE_STR);
		case UUIDOID:
			out->width = 16;
			return flat_type(out, LH_T_UUID, LH_LANE_FIX);
		case NUMERICOID:
			{
				int32		mod = typmod - (int32) VARHDRSZ;

				if (mod < 0)
					return false;
				out->precision = (int16_t) ((mod >> 16) & 0xffff);
				out->scale = (int16_t) (((mod & 0x7ff) ^ 1024) - 1024);
				return out->precision <= LH_DECIMAL_MAX_PRECISION && out->scale >= 0 &&
					flat_type(out, LH_T_DECIMAL, LH_LANE_I128);
			}
		default:
			return false;
	}
}

LhRevec *
lh_revec_create(LhCtx *ctx, const char *column, Oid typid, int32 typmod)
{
	LhRevec    *r = lh_alloc0(ctx, sizeof(LhRevec));
	LhType		type;

	if (r == NULL)
		lh_pg_raise(ctx);
	if (!lh_natural_type(typid, typmod, &type))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("column \"%s\" is declared as %s, which is not what its files hold, and cannot be aggregated by the vector engine",
						column, format_type_with_typemod(typid, typmod)),
				 errhint("Declare the type that lakehouse.ddl() shows, or set lakehouse.pushdown to off.")));
	r->ctx = ctx;
	r->column = column;
	r->typid = typid;
	r->data = lh_alloc_array(ctx, LH_BATCH, Max(lh_lane_size(type.lane, type.width), 1));
	if (r->data == NULL)
		lh_pg_raise(ctx);
	r->vec.type = type;
	r->vec.kind = LH_VEC_FLAT;
	r->vec.data = r->data;
	return r;
}

/* The value in the lane of r's type; numerics are brought to the declared scale. */
static void
store(LhRevec *r, int row, const LhValue *v)
{
	LhI128		scaled;
	bool		exact;

	switch (r->vec.type.lane)
	{
		case LH_LANE_U8:
			r->data[row] = v->b;
			break;
		case LH_LANE_I32:
			((int32_t *) r->data)[row] = (int32_t) v->i64;
			break;
		case LH_LANE_I64:
			((int64_t *) r->data)[row] = v->i64;
			break;
		case LH_LANE_F32:
			((float *) r->data)[row] = (float) v->f64;
			break;
		case LH_LANE_F64:
			((double *) r->data)[row] = v->f64;
			break;
		case LH_LANE_STR:
			((LhStr *) r->data)[row] = v->str;
			break;
		case LH_LANE_FIX:
			memcpy(r->data + (size_t) row * r->vec.type.width, v->str.ptr, r->vec.type.width);
			break;
		case LH_LANE_I128:
			if (!lh_decimal_rescale(v->i128, v->type.scale, r->vec.type.scale, &scaled, &exact) || !exact)
				elog(ERROR, "numeric value does not fit its column's declared type");
			memcpy(r->data + (size_t) row * sizeof(scaled), &scaled, sizeof(scaled));
			break;
		default:
			break;
	}
}

const LhVec *
lh_revec(LhRevec *r, const LhSel *sel, const Datum *values, const bool *nulls)
{
	int			n = lh_sel_rows(sel, r->rows);
	LhValue		v;
	bool		any_null = false;

	memset(r->valid, 0, sizeof(r->valid));
	memset(r->data, 0, (size_t) sel->n * lh_lane_size(r->vec.type.lane, r->vec.type.width));
	for (int k = 0; k < n; k++)
	{
		if (nulls[k])
		{
			any_null = true;
			continue;
		}
		if (!lh_value_from_datum(values[k], r->typid, &v))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("a value of column \"%s\" cannot be held exactly by the vector engine", r->column),
					 errhint("Set lakehouse.pushdown to off for this query.")));
		lh_bit_set(r->valid, r->rows[k]);
		store(r, r->rows[k], &v);
	}
	r->vec.n = sel->n;
	r->vec.valid = any_null ? r->valid : NULL;
	return &r->vec;
}
