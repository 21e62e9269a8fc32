/*
 * typemap.c
 *		Which PostgreSQL type a file type becomes; docs/types.md is this table.
 */
#include "pg/bridge/bridge.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* Largest precision that numeric(p,s) can say. */
#define NUMERIC_PRECISION_MAX 1000

static int32
numeric_typmod(int precision, int scale)
{
	if (precision < 1 || precision > NUMERIC_PRECISION_MAX || scale < 0 || scale > precision)
		return -1;
	return ((precision << 16) | scale) + (int32) VARHDRSZ;
}

/* Lists of scalars only: inner lists may be ragged, which no array can be. */
static Oid
list_type(const LhType *type)
{
	const LhType *element = &type->fields[0].type;
	int32		typmod;

	if (type->nfields != 1 || lh_type_is_nested(element))
		return JSONBOID;
	return get_array_type(lh_pg_type(element, &typmod));
}

Oid
lh_pg_type(const LhType *type, int32 *typmod)
{
	*typmod = -1;
	switch (type->id)
	{
		case LH_T_BOOL:
			return BOOLOID;
		case LH_T_INT8:
		case LH_T_INT16:
		case LH_T_UINT8:
			return INT2OID;
		case LH_T_INT32:
		case LH_T_UINT16:
			return INT4OID;
		case LH_T_INT64:
		case LH_T_UINT32:
			return INT8OID;
		case LH_T_UINT64:
			*typmod = numeric_typmod(20, 0);
			return NUMERICOID;
		case LH_T_FLOAT16:
		case LH_T_FLOAT:
			return FLOAT4OID;
		case LH_T_DOUBLE:
			return FLOAT8OID;
		case LH_T_DECIMAL:
			*typmod = numeric_typmod(type->precision, type->scale);
			return NUMERICOID;
		case LH_T_DATE:
			return DATEOID;
		case LH_T_TIME:
			return TIMEOID;
		case LH_T_TIMESTAMP:
			return type->utc ? TIMESTAMPTZOID : TIMESTAMPOID;
		case LH_T_INTERVAL:
			return INTERVALOID;
		case LH_T_JSON:
			return JSONOID;
		case LH_T_BSON:
		case LH_T_BINARY:
		case LH_T_FIXED:
		case LH_T_GEOMETRY:
		case LH_T_GEOGRAPHY:
			return BYTEAOID;
		case LH_T_UUID:
			return UUIDOID;
		case LH_T_LIST:
			return list_type(type);
		case LH_T_MAP:
		case LH_T_STRUCT:
		case LH_T_VARIANT:
			return JSONBOID;
		case LH_T_NULL:
		case LH_T_STRING:
		case LH_T_ENUM:
		case LH_N_TYPES:
			break;
	}
	return TEXTOID;
}

char *
lh_pg_type_sql(const LhType *type)
{
	int32		typmod;
	Oid			typid = lh_pg_type(type, &typmod);

	return format_type_with_typemod(typid, typmod);
}
