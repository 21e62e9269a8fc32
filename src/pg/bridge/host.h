/*
 * host.h
 *		Conditions that PostgreSQL evaluates, once for each dictionary entry.
 *
 * The engine has no form for upper(vendor) = 'ACME'.  But a dictionary column
 * holds few different values, so PostgreSQL's own functions are called for an
 * entry the first time a row that passed all earlier conditions carries it,
 * and the answer holds for every other row with that entry (DESIGN D2:
 * LH_NEED_HOST).  Columns without a dictionary are asked row by row, which
 * costs what the executor's own qual would.
 *
 * A condition is taken when it uses one column and nothing else that varies,
 * is immutable and strict: then its result is a function of the value, and a
 * null value never passes.
 */
#ifndef LH_PG_BRIDGE_HOST_H
#define LH_PG_BRIDGE_HOST_H

#include "pg/bridge/bridge.h"

struct LhSource;

/* The attribute that the clause depends on, or 0 when it cannot be asked so. */
extern AttrNumber lh_qual_hostable(Expr *clause, Index rti);

typedef struct LhHostQuals LhHostQuals;

/* All host conditions of a source; lives in its memory context. */
extern LhHostQuals *lh_host_create(struct LhSource *source, PlanState *parent);
/* A leaf for the clause, whose column is already a scan column. */
extern void lh_host_add(LhHostQuals *hosts, Expr *clause, AttrNumber attno, LhPred **out);
/* Fill request->result.  Runs user code: may raise. */
extern void lh_host_answer(LhHostQuals *hosts, LhHostRequest *request);

#endif
