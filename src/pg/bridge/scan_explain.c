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

#include "catalog/pg_authid.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/acl.h"
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

	if (source->options.catalog_table != NULL)
		ExplainPropertyText("Catalog Table", lh_pg_text(psprintf("%s%s%s", source->options.catalog_namespace ?
																 source->options.catalog_namespace : "",
																 source->options.catalog_namespace ? "." : "",
																 source->options.catalog_table)), es);
	if (source->options.catalog_table == NULL || source->options.table.location != NULL)
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

static bool find_plan(Plan *top, const Plan *wanted, List **ancestors);

static bool
find_in_list(List *plans, const Plan *wanted, List **ancestors)
{
	ListCell   *lc;

	foreach(lc, plans)
	{
		if (find_plan(lfirst(lc), wanted, ancestors))
			return true;
	}
	return false;
}

static bool
find_below(Plan *top, const Plan *wanted, List **ancestors)
{
	if (find_plan(outerPlan(top), wanted, ancestors) || find_plan(innerPlan(top), wanted, ancestors))
		return true;
	switch (nodeTag(top))
	{
		case T_Append:
			return find_in_list(((Append *) top)->appendplans, wanted, ancestors);
		case T_MergeAppend:
			return find_in_list(((MergeAppend *) top)->mergeplans, wanted, ancestors);
		case T_SubqueryScan:
			return find_plan(((SubqueryScan *) top)->subplan, wanted, ancestors);
		case T_CustomScan:
			return find_in_list(((CustomScan *) top)->custom_plans, wanted, ancestors);
		default:
			return false;
	}
}

/* Is the plan in this tree?  *ancestors: the plans above it, the nearest first. */
static bool
find_plan(Plan *top, const Plan *wanted, List **ancestors)
{
	if (top == NULL)
		return false;
	check_stack_depth();
	if (top == wanted)
		return true;
	if (!find_below(top, wanted, ancestors))
		return false;
	*ancestors = lappend(*ancestors, top);
	return true;
}

/* Parameters of nested loops are shown as the columns they stand for, which the plans above know. */
static char *
deparse(PlanState *ps, ExplainState *es, Node *expr)
{
	List	   *ancestors = NIL;

	if (!find_plan(es->pstmt->planTree, ps->plan, &ancestors))
		find_in_list(es->pstmt->subplans, ps->plan, &ancestors);
	return deparse_expression(expr, set_deparse_context_plan(es->deparse_cxt, ps->plan, ancestors),
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

/* What a counter says, too, is said once. */
static void
show_fact(void *arg, const char *label, const char *text)
{
	for (int i = 0; i < LH_N_COUNTERS; i++)
	{
		if (strcmp(label, lh_counter_label[i]) == 0)
			return;
	}
	ExplainPropertyText(label, lh_pg_text(text), arg);
}

/* What the table says of the state that was read; workers say nothing else. */
static void
show_facts(const LhSource *source, ExplainState *es)
{
	if (source->table != NULL && source->has_tasks && source->table->facts != NULL)
		lh_pg_check(source->ctx, source->table->facts(source->ctx, source->table, show_fact, es));
}

/*
 * Counters that depend on values which the reader of a plan may see masked: how many different ones some rows have, how
 * well their pages were packed.  What prunes is no masked value.
 */
static bool
tells_of_values(LhCounterId id)
{
	switch (id)
	{
		case LH_CTR_HOST_EVALS:
		case LH_CTR_ENTRIES_COMPUTED:
		case LH_CTR_RUNS_FOLDED:
		case LH_CTR_PAGES_READ:
		case LH_CTR_PAGES_SKIPPED:
		case LH_CTR_DICT_PAGES_READ:
		case LH_CTR_DICT_CACHE_HITS:
		case LH_CTR_DICT_CACHE_BYTES:
		case LH_CTR_COLUMN_CACHE_HITS:
		case LH_CTR_COLUMN_CACHE_BYTES:
		case LH_CTR_BYTES_READ:
		case LH_CTR_BYTES_DECOMPRESSED:
		case LH_CTR_BYTES_AHEAD:
		case LH_CTR_READS:
		case LH_CTR_HTTP_REQUESTS:
		case LH_CTR_MODULES_DECRYPTED:
		case LH_CTR_DIGITS_LOST:
			return true;
		default:
			return false;
	}
}

/* Whoever a policy of the table holds for sees no such counters, unless he watches the server. */
static bool
hides_values(const LhSource *source)
{
	return lh_source_hides(source) && !has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS);
}

void
lh_explain_counters(const LhSource *source, ExplainState *es)
{
	const LhBudget *budget = lh_pg_budget(source->ctx);
	bool		hide = hides_values(source);

	show_facts(source, es);

	for (int i = 0; i < LH_N_COUNTERS; i++)
	{
		uint64_t	v = source->ctx->counters->v[i] + source->workers.v[i];

		if ((v != 0 || show_all(es)) && !(hide && tells_of_values(i)))
			ExplainPropertyUInteger(lh_counter_label[i], NULL, v, es);
	}
	if (!show_all(es) || hide)
		return;
	ExplainPropertyUInteger("Memory Floor", "kB", (Max(budget->floor_peak, source->workers_floor) + 1023) / 1024, es);
	ExplainPropertyUInteger("Memory Peak", "kB", (Max(budget->peak, source->workers_peak) + 1023) / 1024, es);
	ExplainPropertyText("Instruction Set", lh_isa_name(lh_isa()), es);
}
