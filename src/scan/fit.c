/*
 * fit.c
 *		Which types of a file's columns fit which types of the table's.
 *
 *	1. Where columns are found by name, anything of the same family fits, and what
 *	   the table's type holds exactly (an int where the table has a decimal).
 *	2. Where they are found by field id, the table's history says what a file may
 *	   have: the type itself or one that can be promoted to it.  Ways of storing
 *	   that say less than the table (bytes without a logical type, time stamps
 *	   whose zone is unknown) take the table's meaning, as Iceberg's Java readers,
 *	   which look at the table's type only, see them.
 */
#include "scan/fit.h"

typedef enum Family
{
	FAM_NULL,
	FAM_BOOL,
	FAM_INT,
	FAM_FLOAT,
	FAM_DECIMAL,
	FAM_DATE,
	FAM_TIME,
	FAM_TIMESTAMP,
	FAM_INTERVAL,
	FAM_TEXT,
	FAM_BYTES,
	FAM_UUID,
	FAM_GEOMETRY,
	FAM_GEOGRAPHY,
	FAM_LIST,
	FAM_MAP,
	FAM_STRUCT,
	FAM_VARIANT
} Family;

static Family
family(const LhType *type)
{
	static const Family of[LH_N_TYPES] = {
		[LH_T_NULL] = FAM_NULL,
		[LH_T_BOOL] = FAM_BOOL,
		[LH_T_INT8] = FAM_INT,
		[LH_T_INT16] = FAM_INT,
		[LH_T_INT32] = FAM_INT,
		[LH_T_INT64] = FAM_INT,
		[LH_T_UINT8] = FAM_INT,
		[LH_T_UINT16] = FAM_INT,
		[LH_T_UINT32] = FAM_INT,
		[LH_T_UINT64] = FAM_INT,
		[LH_T_FLOAT16] = FAM_FLOAT,
		[LH_T_FLOAT] = FAM_FLOAT,
		[LH_T_DOUBLE] = FAM_FLOAT,
		[LH_T_DECIMAL] = FAM_DECIMAL,
		[LH_T_DATE] = FAM_DATE,
		[LH_T_TIME] = FAM_TIME,
		[LH_T_TIMESTAMP] = FAM_TIMESTAMP,
		[LH_T_INTERVAL] = FAM_INTERVAL,
		[LH_T_STRING] = FAM_TEXT,
		[LH_T_ENUM] = FAM_TEXT,
		[LH_T_JSON] = FAM_TEXT,
		[LH_T_BSON] = FAM_BYTES,
		[LH_T_BINARY] = FAM_BYTES,
		[LH_T_FIXED] = FAM_BYTES,
		[LH_T_UUID] = FAM_UUID,
		[LH_T_GEOMETRY] = FAM_GEOMETRY,
		[LH_T_GEOGRAPHY] = FAM_GEOGRAPHY,
		[LH_T_LIST] = FAM_LIST,
		[LH_T_MAP] = FAM_MAP,
		[LH_T_STRUCT] = FAM_STRUCT,
		[LH_T_VARIANT] = FAM_VARIANT,
	};

	return of[type->id];
}

/* INT96 says nothing about time zones, so it goes with both kinds. */
static bool
same_clock(const LhType *a, const LhType *b)
{
	return a->utc == b->utc || a->int96 || b->int96;
}

/* Members by name (structs) or by place; what one side lacks is null. */
static bool
fields_fit(LhCtx *ctx, const LhType *file, const LhType *table)
{
	for (int i = 0; i < table->nfields; i++)
	{
		int j = i;

		if (table->id == LH_T_STRUCT)
			for (j = 0; j < file->nfields; j++)
				if (strcmp(file->fields[j].name, table->fields[i].name) == 0)
					break;
		if (j < file->nfields && !lh_type_fits(ctx, &file->fields[j].type, &table->fields[i].type))
			return false;
	}
	return true;
}

bool
lh_type_fits(LhCtx *ctx, const LhType *file, const LhType *table)
{
	Family f = family(file), t = family(table);
	LhType both;

	if (f == FAM_NULL)
		return true;
	if (f == t)
	{
		if (f == FAM_TIME || f == FAM_TIMESTAMP)
			return same_clock(file, table);
		if (f == FAM_LIST || f == FAM_MAP || f == FAM_STRUCT)
			return fields_fit(ctx, file, table);
		return true;
	}
	return !lh_type_is_nested(file) && !lh_type_is_nested(table) &&
		   lh_type_union(ctx, file, table, &both) && family(&both) == t;
}

/* Bytes that mean text, numbers of a UUID or shapes only by the table's word. */
static bool
same_bytes(const LhType *file, const LhType *table)
{
	if (file->id == LH_T_BINARY || file->id == LH_T_STRING || file->id == LH_T_ENUM ||
		file->id == LH_T_JSON)
		return table->lane == LH_LANE_STR && family(table) != FAM_DECIMAL;
	if (file->id == LH_T_FIXED || file->id == LH_T_UUID)
		return table->lane == LH_LANE_FIX && file->width == table->width &&
			   (table->id == LH_T_FIXED || table->id == LH_T_UUID);
	return false;
}

bool
lh_type_promotes(LhCtx *ctx, const LhType *file, const LhType *table, LhType *as)
{
	Family f = family(file), t = family(table);
	LhType both;

	*as = *file;
	if (f == FAM_NULL || t == FAM_NULL)
		return true;
	if (lh_type_is_nested(file) || lh_type_is_nested(table))
		return false;
	switch (t)
	{
		case FAM_INT:
		case FAM_FLOAT:
			return f == t && lh_type_union(ctx, file, table, &both) && both.id == table->id;
		case FAM_DECIMAL:
			return f == t && file->scale == table->scale && file->precision <= table->precision;
		case FAM_DATE: return f == t;
		case FAM_TIMESTAMP:
			if (f == FAM_DATE)
				return !table->utc;
			as->utc = table->utc;
			return f == t;
		case FAM_TIME: as->utc = table->utc; return f == t;
		case FAM_BOOL:
		case FAM_INTERVAL: return f == t;
		default: break;
	}
	if (file->id == table->id && file->lane == table->lane && file->width == table->width)
		return true;
	if (file->id == LH_T_BINARY && table->id == LH_T_FIXED)
		return true; /* ORC: fixed bytes are stored as any bytes */
	if (!same_bytes(file, table))
		return false;
	as->id = table->id;
	return true;
}
