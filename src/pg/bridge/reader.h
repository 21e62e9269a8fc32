/*
 * reader.h
 *		Rows of a source, one at a time, for executor nodes and functions; which
 *		clauses go to the engine; and what EXPLAIN shows of it.
 */
#ifndef LH_PG_BRIDGE_READER_H
#define LH_PG_BRIDGE_READER_H

#include "pg/bridge/source.h"

#include "commands/explain.h"
#include "nodes/pathnodes.h"

/* ---- planning (pushdown.c) ---- */

/*
 * Split RestrictInfos of a base relation into those that the engine evaluates
 * and the others, with a String for each of the latter: why.  A pushed clause is
 * evaluated before every local one, so it must not belong to a higher security
 * level than any of these, unless it is leakproof.  Pseudoconstants are left
 * out: a gating Result evaluates them.
 */
extern void lh_push_clauses(RelOptInfo *rel, List *clauses, List **pushed, List **local, List **reasons);

/* ---- execution (reader.c) ---- */

/*
 * Around what makes values of a table's files: while a policy of it holds for the subject, errors that quote a value
 * ("value 17 is out of range") come without it.  Pushed and popped like any callback of error_context_stack.
 */
typedef struct LhHiddenErrors
{
	ErrorContextCallback callback;
	const LhSource *source;
} LhHiddenErrors;

extern bool lh_source_hides(const LhSource *source);
extern void lh_hidden_errors_push(LhHiddenErrors *errors, const LhSource *source);
extern void lh_hidden_errors_pop(const LhHiddenErrors *errors);

typedef struct LhReaderColumn
{
	AttrNumber	attno;
	int			place;			/* in the caller's row; attno - 1 unless the caller changes it */
	int			col;			/* scan column */
	bool		notnull;		/* declared: null is an error */
	LhEmitter  *emitter;
	struct LhMembers *members;	/* only these of a composite column, without emitter; NULL: all */
	Datum	   *values;			/* of the window of rows, LH_BATCH */
	bool	   *nulls;
	bool		any_null;		/* in the window */
} LhReaderColumn;

typedef struct LhReader
{
	LhSource   *source;
	List	   *clauses;		/* pushed; Vars of rti */
	Index		rti;
	List	   *refused;		/* of clauses: the caller evaluates them on each row */

	List	   *members;		/* paths of all members that columns emit */
	int			ncolumns;
	LhReaderColumn *columns;
	const LhBatch *batch;
	uint32_t	rows[LH_BATCH]; /* selected rows of the batch */
	int			nrows;
	int			emitted;		/* of rows: up to where columns hold values */
	int			first;			/* of rows: what values[0] belongs to */
	int			next;			/* of rows: to be returned next */
	bool		done;
	bool		hides;			/* lh_source_hides */
	MemoryContext batch_mcxt;	/* values of the window */
} LhReader;

/*
 * Opens the source, binds the columns of attnos (List of int) and, of other
 * columns, the members in source->wanted_members, and pushes the clauses with the values that parameters have now.  Lives in the source's
 * memory context.  econtext and parent may be NULL without clauses.
 */
extern LhReader *lh_reader_start(LhSource *source, List *attnos, List *clauses, Index rti,
								 ExprContext *econtext, PlanState *parent);
/* Emit one more attribute, before any row was asked for. */
extern void lh_reader_add(LhReader *reader, AttrNumber attno);
/*
 * For those who look at columns themselves: when it returns true, rows next up
 * to emitted have their values in columns, at next - first.  False at the end.
 */
extern bool lh_reader_fill(LhReader *reader);
/* The next row into values and nulls, by place; others are left alone.  False at the end. */
extern bool lh_reader_next(LhReader *reader, Datum *values, bool *nulls);
/* From the beginning; with parent, the clauses are pushed again for parameters that changed. */
extern void lh_reader_rewind(LhReader *reader, ExprContext *econtext, PlanState *parent);

/* ---- EXPLAIN (scan_explain.c) ---- */

extern void lh_explain_location(const LhSource *source, ExplainState *es);
extern void lh_explain_columns(List *utf8_names, ExplainState *es);
extern void lh_explain_clauses(PlanState *ps, ExplainState *es, const char *label, List *clauses);
extern void lh_explain_list(PlanState *ps, ExplainState *es, const char *label, List *exprs);
/* "Vector Filter": what the engine evaluates; "Dictionary Filter": what PostgreSQL does, entry by entry (host.h). */
extern void lh_explain_pushed(PlanState *ps, ExplainState *es, List *clauses, Index rti);
/* Each clause of the plan's qual, and why it is there. */
extern void lh_explain_reasons(PlanState *ps, ExplainState *es, List *reasons);
extern void lh_explain_counters(const LhSource *source, ExplainState *es);

#endif
