/*
 * emit_nested.c
 *		Lists as arrays, and everything else that is nested as jsonb.
 */
#include "pg/bridge/emit.h"

void
lh_emit_nested(LhEmitter *em, const LhVec *vec, const uint32_t *rows, int n, Datum *values, bool *nulls)
{
	ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("nested columns cannot be read yet")));
}
