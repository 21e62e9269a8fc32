/*
 * revec.h
 *		Datums back into vectors: columns whose declared type is not what the
 *		file holds, for operators that work on vectors.
 */
#ifndef LH_PG_BRIDGE_REVEC_H
#define LH_PG_BRIDGE_REVEC_H

#include "pg/bridge/bridge.h"

/* The core type whose values are exactly those of a PostgreSQL type; false when there is none. */
extern bool lh_natural_type(Oid typid, int32 typmod, LhType *out);

typedef struct LhRevec LhRevec;

/* For one column; in ctx->arena.  Raises when the declared type has no core type. */
extern LhRevec *lh_revec_create(LhCtx *ctx, const char *column, Oid typid, int32 typmod);
/*
 * values[k], nulls[k] of the k-th selected row -> a FLAT vector that has them at
 * the rows' places.  Points into values (text) until these are freed.
 */
extern const LhVec *lh_revec(LhRevec *r, const LhSel *sel, const Datum *values, const bool *nulls);

#endif
