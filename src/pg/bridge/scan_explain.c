/*
 * scan_explain.c
 *		What EXPLAIN shows of a source.
 *
 * Without ANALYZE: what the plan says, no file is opened.  With it: the
 * counters of the core that are not zero; with VERBOSE, or in a format for
 * programs, all of them, and memory and instruction set.  Counters of parallel
 * workers are in the sums; memory is that of the process that took most.
 */
#include "pg/bridge/reader.h"

#include "nodes/makefuncs.h"
#include "utils/ruleutils.h"

static bool
show_all(const ExplainState *es)
{
	return es->verbose || es->format != EXPLAIN_FORMAT_TEXT;
}

void
lh_explain_location(const LhSource *source, ExplainState *es)
{
	const char *format = source->table ? source->table->format->name : source->options.format;

	ExplainPropertyText("Location", lh_pg_text(source->options.table.location ? source->options.table.location : ""), es);
	if (format != NULL)
		ExplainPropertyText("Format", format, es);
}

void
lh_explain_columns(List *utf8_names, ExplainState *es)
{
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, utf8_names)
		names = lappend(names, lh_pg_text(lfirst(lc)));
	if (names != NIL || es->format != EXPLAIN_FORMAT_TEXT)
		ExplainPropertyList("Columns", names, es);
}

static char *
deparse(PlanState *ps, ExplainState *es, Node *expr)
{
	return deparse_expression(expr, set_deparse_context_plan(es->deparse_cxt, ps->plan, NIL),
							  es->verbose, false);
}

void
lh_explain_clauses(PlanState *ps, ExplainState *es, const char *label, List *clauses)
{
	if (clauses != NIL)
		ExplainPropertyText(label, deparse(ps, es, (Node *) make_ands_explicit(clauses)), es);
}

void
lh_explain_list(PlanState *ps, ExplainState *es, const char *label, List *exprs)
{
	List	   *texts = NIL;
	ListCell   *lc;

	foreach(lc, exprs)
		texts = lappend(texts, deparse(ps, es, lfirst(lc)));
	ExplainPropertyList(label, texts, es);
}

void
lh_explain_pushed(PlanState *ps, ExplainState *es, List *clauses, Index rti)
{
	List	   *vector = NIL,
			   *hosts = NIL;
	ListCell   *lc;

	foreach(lc, clauses)
	{
		if (lh_qual_pushable(lfirst(lc), rti, NULL))
			vector = lappend(vector, lfirst(lc));
		else
			hosts = lappend(hosts, lfirst(lc));
	}
	lh_explain_clauses(ps, es, "Vector Filter", vector);
	lh_explain_clauses(ps, es, "Dictionary Filter", hosts);
}

void
lh_explain_reasons(PlanState *ps, ExplainState *es, List *reasons)
{
	List	   *texts = NIL;
	ListCell   *clause,
			   *reason;

	forboth(clause, ps->plan->qual, reason, reasons)
		texts = lappend(texts, psprintf("%s: %s", deparse(ps, es, lfirst(clause)), strVal(lfirst(reason))));
	if (texts != NIL)
		ExplainPropertyList("Not Vectorized", texts, es);
}

void
lh_explain_counters(const LhSource *source, ExplainState *es)
{
	const LhBudget *budget = lh_pg_budget(source->ctx);

	for (int i = 0; i < LH_N_COUNTERS; i++)
	{
		uint64_t	v = source->ctx->counters->v[i] + source->workers.v[i];

		if (v != 0 || show_all(es))
			ExplainPropertyUInteger(lh_counter_label[i], NULL, v, es);
	}
	if (!show_all(es))
		return;
	ExplainPropertyUInteger("Memory Floor", "kB", (Max(budget->floor_peak, source->workers_floor) + 1023) / 1024, es);
	ExplainPropertyUInteger("Memory Peak", "kB", (Max(budget->peak, source->workers_peak) + 1023) / 1024, es);
	ExplainPropertyText("Instruction Set", lh_isa_name(lh_isa()), es);
}
