/*
 * take_scalar.c
 *		Booleans, integers, floats and uuid.
 */
#include "pg/bridge/take_impl.h"

#include "catalog/pg_type.h"
#include "utils/uuid.h"

#define TAKE(name, ctype, value) \
	static bool \
	name(LhTaker *t, Datum d) \
	{ \
		((ctype *) t->data.data)[t->n] = value; \
		return true; \
	}

TAKE(take_bool, uint8_t, DatumGetBool(d))
TAKE(take_int2, int32_t, DatumGetInt16(d))
TAKE(take_int4, int32_t, DatumGetInt32(d))
TAKE(take_int8, int64_t, DatumGetInt64(d))
TAKE(take_oid, int64_t, DatumGetObjectId(d))
TAKE(take_float4, float, DatumGetFloat4(d))
TAKE(take_float8, double, DatumGetFloat8(d))
TAKE(take_uuid, pg_uuid_t, *DatumGetUUIDP(d))

bool
lh_take_scalar(LhTaker *t)
{
	static const struct
	{
		Oid			typid;
		LhTypeId	id;
		LhLane		lane;
		int			width;
		LhTakeFn	fn;
	}			table[] = {
		{BOOLOID, LH_T_BOOL, LH_LANE_U8, 0, take_bool},
		{INT2OID, LH_T_INT16, LH_LANE_I32, 0, take_int2},
		{INT4OID, LH_T_INT32, LH_LANE_I32, 0, take_int4},
		{INT8OID, LH_T_INT64, LH_LANE_I64, 0, take_int8},
		{OIDOID, LH_T_UINT32, LH_LANE_I64, 0, take_oid},
		{FLOAT4OID, LH_T_FLOAT, LH_LANE_F32, 0, take_float4},
		{FLOAT8OID, LH_T_DOUBLE, LH_LANE_F64, 0, take_float8},
		{UUIDOID, LH_T_UUID, LH_LANE_FIX, UUID_LEN, take_uuid},
	};

	for (int i = 0; i < (int) lengthof(table); i++)
	{
		if (table[i].typid != t->typid)
			continue;
		t->type.id = table[i].id;
		t->type.lane = table[i].lane;
		t->type.width = table[i].width;
		t->fn = table[i].fn;
		return true;
	}
	return false;
}
