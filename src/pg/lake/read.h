/*
 * read.h
 *		Internal: lakehouse.read, by file.
 *
 *	read.c			the functions themselves, and what plans share with them
 *	read_plan.c		a CustomScan in place of the function
 *	read_exec.c		its execution
 */
#ifndef LH_PG_LAKE_READ_H
#define LH_PG_LAKE_READ_H

#include "pg/lake/lake.h"

#include "nodes/extensible.h"
#include "nodes/plannodes.h"

#include "pg/bridge/parallel.h"
#include "pg/bridge/reader.h"

/* Arguments of both functions behind the row type. */
enum
{
	LH_READ_LOCATION, LH_READ_OPTIONS, LH_READ_SERVER, LH_READ_ARGS
};

/*
 * The source of a call, read with the caller's rights; NULL when the location
 * is null.  rowtype: composite type whose table may name columns otherwise, or
 * InvalidOid.
 */
extern LhSource *lh_read_source(const Datum *values, const bool *nulls, TupleDesc desc,
								const char *relname, Oid rowtype, MemoryContext mcxt);

/* Raise when the user may not execute the function. */
extern void lh_read_check_execute(Oid funcid);

/*
 * The form of a call that COPY FROM made: SQL cannot write this function so, and
 * it stays with the call through analysis and planning.  EXECUTE is not asked for,
 * since COPY has checked what it needs.
 */
#define LH_READ_BY_COPY COERCE_SQL_SYNTAX

/* What planning knows of a call: false when it knows nothing. */
typedef struct LhReadSize
{
	double		rows;
	double		bytes;
	double		groups;
	int			columns;
	bool		states;			/* the table has snapshots: only parallel-aware scans see the pinned one in workers */
} LhReadSize;

extern bool lh_read_size(PlannerInfo *root, FuncExpr *call, LhReadSize *out);
/* The call's last arguments, LH_READ_ARGS of them. */
extern List *lh_read_arguments(FuncExpr *call);

/*
 * custom_private of the plan: core nodes only, because it is copied and printed.
 * custom_exprs holds the LH_READ_ARGS arguments, then the pushed clauses.
 */
enum LhReadPrivate
{
	LH_READ_OIDS,				/* List of Oid: the function, the composite type or InvalidOid */
	LH_READ_ATTRS,				/* List of int: attribute numbers to emit */
	LH_READ_REASONS,			/* List of String: why clauses of the plan's qual were not pushed */
	LH_READ_NAMES,				/* List of String: columns; empty: dropped */
	LH_READ_TYPES,				/* List of Oid */
	LH_READ_TYPMODS,			/* List of int */
	LH_READ_COLLATIONS,			/* List of Oid */
	LH_READ_ALIAS,				/* String: what messages call it */
	LH_READ_WHOLE_ROW,			/* Integer: 1 when the last column of the scan tuple is the whole row */
	LH_READ_MEMBERS,			/* paths of members to emit of other attributes (bridge/members.h) */
	LH_READ_COPY				/* Integer: 1 when COPY FROM made the call */
};

extern Node *lh_read_create_state(CustomScan *plan);

#endif
