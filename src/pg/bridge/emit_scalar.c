/*
 * emit_scalar.c
 *		Booleans, integers, floats, uuid and bytes of fixed width.
 *
 * Integers go to every integer type directly, checked where the declared type
 * is narrower than the lane: a file may also hold values that its own
 * annotation forbids.
 */
#include "pg/bridge/emit.h"

#include "catalog/pg_type.h"
#include "utils/uuid.h"
#include "utils/memutils.h"

static void
emit_bool(LhEmitter *em, const void *data, const uint32_t *src, int n, Datum *out, bool *nulls)
{
	const uint8_t *v = data;

	LH_EMIT_LOOP(src, n, out[j] = BoolGetDatum(v[i] != 0););
}

static void
emit_i32(LhEmitter *em, const void *data, const uint32_t *src, int n, Datum *out, bool *nulls)
{
	const LhAnyI32 *v = data;

	LH_EMIT_LOOP(src, n, out[j] = Int32GetDatum(v[i]););
}

static void
emit_i32_as_i64(LhEmitter *em, const void *data, const uint32_t *src, int n, Datum *out, bool *nulls)
{
	const LhAnyI32 *v = data;

	LH_EMIT_LOOP(src, n, out[j] = Int64GetDatum((int64) v[i]););
}

static void
emit_i64(LhEmitter *em, const void *data, const uint32_t *src, int n, Datum *out, bool *nulls)
{
	const LhAnyI64 *v = data;

	LH_EMIT_LOOP(src, n, out[j] = Int64GetDatum(v[i]););
}

/* A value of a wider lane, cold path of the narrowing kernels. */
static Datum
int_out_of_range(LhEmitter *em, int j, int64_t v, Datum low, Datum high, bool *null)
{
	char		text[32];

	snprintf(text, sizeof(text), INT64_FORMAT, v);
	return lh_emit_out_of_range(em, j, ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE, text, v < 0 ? low : high, null);
}

/* One pass converts and collects whether anything was out of range; a second one looks for it. */
#define NARROW(name, from, any, to, getdatum, low, high) \
	static void \
	name(LhEmitter *em, const void *data, const uint32_t *src, int n, Datum *out, bool *nulls) \
	{ \
		const any  *v = data; \
		from		bad = 0; \
\
		LH_EMIT_LOOP(src, n, out[j] = getdatum((to) v[i]); bad |= v[i] ^ (from) (to) v[i];); \
		if (likely(bad == 0)) \
			return; \
		LH_EMIT_LOOP(src, n, \
					 if (v[i] != (from) (to) v[i]) \
						 out[j] = int_out_of_range(em, j, v[i], getdatum(low), getdatum(high), &nulls[j]);); \
	}

NARROW(emit_i32_as_i16, int32_t, LhAnyI32, int16, Int16GetDatum, PG_INT16_MIN, PG_INT16_MAX)
NARROW(emit_i64_as_i16, int64_t, LhAnyI64, int16, Int16GetDatum, PG_INT16_MIN, PG_INT16_MAX)
NARROW(emit_i64_as_i32, int64_t, LhAnyI64, int32, Int32GetDatum, PG_INT32_MIN, PG_INT32_MAX)

static void
emit_f32(LhEmitter *em, const void *data, const uint32_t *src, int n, Datum *out, bool *nulls)
{
	const LhAnyF32 *v = data;

	LH_EMIT_LOOP(src, n, out[j] = Float4GetDatum(v[i]););
}

static void
emit_f32_as_f64(LhEmitter *em, const void *data, const uint32_t *src, int n, Datum *out, bool *nulls)
{
	const LhAnyF32 *v = data;

	LH_EMIT_LOOP(src, n, out[j] = Float8GetDatum((double) v[i]););
}

static void
emit_f64(LhEmitter *em, const void *data, const uint32_t *src, int n, Datum *out, bool *nulls)
{
	const LhAnyF64 *v = data;

	LH_EMIT_LOOP(src, n, out[j] = Float8GetDatum(v[i]););
}

static void
emit_uuid(LhEmitter *em, const void *data, const uint32_t *src, int n, Datum *out, bool *nulls)
{
	const pg_uuid_t *v = data;
	pg_uuid_t  *copy = MemoryContextAlloc(em->target, sizeof(pg_uuid_t) * n);

	LH_EMIT_LOOP(src, n, copy[j] = v[i]; out[j] = UUIDPGetDatum(&copy[j]););
}

static LhEmitKernel
int_kernel(LhLane lane, Oid base)
{
	bool		wide = lane == LH_LANE_I64;

	switch (base)
	{
		case INT2OID:
			return wide ? emit_i64_as_i16 : emit_i32_as_i16;
		case INT4OID:
			return wide ? emit_i64_as_i32 : emit_i32;
		case INT8OID:
			return wide ? emit_i64 : emit_i32_as_i64;
		default:
			return NULL;
	}
}

bool
lh_kernel_scalar(const LhType *type, Oid base, LhEmitRoute *route)
{
	LhEmitKernel kernel = NULL;

	switch (type->id)
	{
		case LH_T_BOOL:
			kernel = base == BOOLOID ? emit_bool : NULL;
			break;
		case LH_T_INT8:
		case LH_T_INT16:
		case LH_T_INT32:
		case LH_T_INT64:
		case LH_T_UINT8:
		case LH_T_UINT16:
		case LH_T_UINT32:
			kernel = int_kernel(type->lane, base);
			break;
		case LH_T_FLOAT16:
		case LH_T_FLOAT:
			kernel = base == FLOAT4OID ? emit_f32 : base == FLOAT8OID ? emit_f32_as_f64 : NULL;
			break;
		case LH_T_DOUBLE:
			kernel = base == FLOAT8OID ? emit_f64 : NULL;
			break;
		case LH_T_UUID:
			kernel = base == UUIDOID ? emit_uuid : NULL;
			route->by_ref = true;
			break;
		default:
			break;
	}
	route->kernel = kernel;
	return kernel != NULL;
}
