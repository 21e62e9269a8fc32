/*
 * explain.c
 *		What EXPLAIN shows of a scan.
 *
 * Without ANALYZE: what the plan says, no file is opened.  With it: the
 * counters of the core that are not zero; with VERBOSE, or in a format for
 * programs, all of them, and memory and instruction set.
 */
#include "pg/fdw/fdw.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/ruleutils.h"

static bool
show_all(const ExplainState *es)
{
	return es->verbose || es->format != EXPLAIN_FORMAT_TEXT;
}

void
lh_fdw_explain_source(const LhSource *source, ExplainState *es)
{
	const char *format = source->table ? source->table->format->name : source->options.format;

	ExplainPropertyText("Location", lh_pg_text(source->options.table.location ? source->options.table.location : ""), es);
	if (format != NULL)
		ExplainPropertyText("Format", format, es);
}

void
lh_fdw_explain_counters(const LhSource *source, ExplainState *es)
{
	const LhBudget *budget = lh_pg_budget(source->ctx);

	for (int i = 0; i < LH_N_COUNTERS; i++)
	{
		uint64_t	v = source->ctx->counters->v[i];

		if (v != 0 || show_all(es))
			ExplainPropertyUInteger(lh_counter_label[i], NULL, v, es);
	}
	if (!show_all(es))
		return;
	ExplainPropertyUInteger("Memory Floor", "kB", (budget->floor_peak + 1023) / 1024, es);
	ExplainPropertyUInteger("Memory Peak", "kB", (budget->peak + 1023) / 1024, es);
	ExplainPropertyText("Instruction Set", lh_isa_name(lh_isa()), es);
}

/* Names in the files, of the columns that the scan reads. */
static void
explain_columns(const LhSource *source, List *attnos, ExplainState *es)
{
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, attnos)
		names = lappend(names, lh_pg_text(source->names[lfirst_int(lc) - 1]));
	if (names != NIL || es->format != EXPLAIN_FORMAT_TEXT)
		ExplainPropertyList("Columns", names, es);
}

static char *
deparse(ForeignScanState *node, ExplainState *es, Node *expr)
{
	List	   *context = set_deparse_context_plan(es->deparse_cxt, node->ss.ps.plan, NIL);

	return deparse_expression(expr, context, es->verbose, false);
}

static void
explain_clauses(ForeignScanState *node, ExplainState *es, const char *label, List *clauses)
{
	if (clauses != NIL)
		ExplainPropertyText(label, deparse(node, es, (Node *) make_ands_explicit(clauses)), es);
}

/* Each clause that is left to PostgreSQL, and why. */
static void
explain_reasons(ForeignScanState *node, ExplainState *es, List *reasons)
{
	List	   *texts = NIL;
	ListCell   *clause,
			   *reason;

	forboth(clause, node->ss.ps.plan->qual, reason, reasons)
		texts = lappend(texts, psprintf("%s: %s", deparse(node, es, lfirst(clause)), strVal(lfirst(reason))));
	if (texts != NIL)
		ExplainPropertyList("Not Vectorized", texts, es);
}

/* All attributes that are read: emitted ones, and those that only pushed clauses need. */
static List *
attrs_read(ForeignScan *plan, const LhSource *source)
{
	List	   *list = list_copy(list_nth(plan->fdw_private, LH_FDW_ATTRS));
	List	   *vars = pull_var_clause((Node *) plan->fdw_exprs, 0);
	ListCell   *lc;

	foreach(lc, vars)
	{
		Var		   *var = lfirst_node(Var, lc);

		if (var->varattno > 0 && var->varattno <= source->desc->natts)
			list = list_append_unique_int(list, var->varattno);
	}
	list_sort(list, list_int_cmp);
	return list;
}

void
lh_fdw_explain(ForeignScanState *node, ExplainState *es)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	LhFdwScan  *scan = node->fdw_state;

	lh_fdw_explain_source(scan->source, es);
	explain_columns(scan->source, attrs_read(plan, scan->source), es);
	explain_clauses(node, es, "Vector Filter", plan->fdw_exprs);
	if (es->verbose)
		explain_reasons(node, es, list_nth(plan->fdw_private, LH_FDW_REASONS));
	if (!es->analyze)
		return;
	explain_clauses(node, es, "Fallback Filter", scan->local_clauses);
	lh_fdw_explain_counters(scan->source, es);
}
