/*
 * stream_policy.h
 *		What policies make of a change stream: from privacy, which reads them, to cdc, which decodes.
 *
 * Policies are the present ones, also for rows that were written long ago, and rows are decoded under the catalog
 * of their time, where a mask's function may not exist yet.  So all of them are read at once, with the present catalog,
 * and made ready to run without any.
 *
 * A stream's subject is the role that decodes (lh_subject), superusers included.  No purpose counts.
 */
#ifndef LH_PG_STREAM_POLICY_H
#define LH_PG_STREAM_POLICY_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "nodes/bitmapset.h"
#include "nodes/execnodes.h"
#include "utils/hsearch.h"

/* An expression over the columns of a table (varno 1), ready to run. */
typedef struct LhStreamExpr
{
	ExprState  *state;
	Expr	   *expr;
	Bitmapset  *reads;			/* attribute numbers */
	bool		risky;			/* it calls what may raise errors about values */
	bool		settings;		/* it may look at settings of the session */
	bool		keyed;			/* it uses keys: see LhStreamApi.ready */
} LhStreamExpr;

typedef struct LhStreamMask
{
	AttrNumber	attnum;
	LhStreamExpr *mask;
	bool		arrives;		/* in rows that a query of the subject reads it is masked already (a snapshot's) */
} LhStreamMask;

typedef struct LhStreamTable
{
	Oid			relid;			/* the hash table's key */
	const char *closed;			/* why nothing of it may go out, for errmsg ("its policy ..."); NULL: it may */
	List	   *masks;			/* of LhStreamMask: columns that are not here are not masked */
	LhStreamExpr *filter;		/* rows for which it is true go out; NULL: all */
	bool		passed;			/* rows that a query of the subject reads have passed it already */
} LhStreamTable;

typedef struct LhStreamPolicies
{
	MemoryContext mcxt;			/* of all below and of this */
	HTAB	   *tables;			/* of LhStreamTable; NULL: no policy concerns any table */
	EState	   *estate;			/* its per-tuple context is for values that masks make */
	uint64		version,
				domains;
	TimestampTz until;			/* they hold until then at most */
	Oid			role,
				session;
} LhStreamPolicies;

typedef struct LhStreamApi
{
	/*
	 * The present catalog is to be seen.  In a context of its own below parent.  snapshot: rows come from queries of this
	 * subject, so what policies mask for it is masked already.
	 */
	LhStreamPolicies *(*read) (MemoryContext parent, bool snapshot);
	/* Nothing changed since?  Cheap; NULL: false. */
	bool		(*current) (const LhStreamPolicies *policies);
	/* May keyed masks run: are their domains those that were made ready?  A comparison. */
	bool		(*ready) (const LhStreamPolicies *policies);
	/* Be told when "current" may have become false, but for times; no catalog access within. */
	void		(*watch) (void (*changed) (void));
	/*
	 * The columns of the table that policies name in the catalog in sight (a past one), attribute numbers, 0 among them when the
	 * table is named at all; NULL: it is not.  In CurrentMemoryContext.
	 */
	Bitmapset  *(*named) (Oid relid);
} LhStreamApi;

#endif
