/*
 * utility_derive.c
 *		Copies of what is under policies: CREATE TABLE AS, SELECT INTO, materialized views.
 *
 * What a copy holds is what its maker may see: the planner hook masks for him, and REFRESH, which runs as the owner of the materialized view, masks
 * for the owner.  When the maker sees values as they are the copy has them, and no policy by itself.  So:
 *
 *	1. For each output column it is found from which columns of tables it comes (utility_origin.c).
 *	2. A policy on one of these that does not hold for the maker is one that the copy would get round.
 *	3. A materialized view inherits it: a policy for the same roles, with the same mask where the column is the very value and
 *	   the mask looks at nothing else, and NULL otherwise; what has rows of a table with a filter shows no rows to them.  At each REFRESH
 *	   what is missing is made, as policies may have been made and roles exempted since.
 *	   A policy that is made or changed later is inherited at once by the materialized views that are there, whoever it holds for:
 *	   what is in them was made without it.
 *	4. Of tables (and SELECT INTO) a WARNING names the columns: they are made to be worked with, and belong to who
 *	   made them.
 */
#include "pg/privacy/policy_internal.h"
#include "pg/privacy/utility_parts.h"
#include "pg/util/catalog.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/createas.h"
#include "commands/prepare.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteManip.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_rewrite.h"
#include "mb/pg_wchar.h"
#include "utils/fmgroids.h"
#include "utils/syscache.h"

/* ---- which policies a copy would get round ---- */

/* Is the relation one that the policy has to do with? */
static bool
concerns(const LhPolicy *policy, Oid relid)
{
	return policy->relid == relid || list_member_oid(lh_policy_ancestors(relid), policy->relid) ||
		list_member_oid(lh_policy_descendants(relid), policy->relid);
}

static bool
holds(const LhPolicy *policy, const LhSubject *subject)
{
	TimestampTz until = DT_NOEND;

	return lh_policy_holds(policy, subject, GetCurrentTimestamp(), &until);
}

/* The policy's mask of what an output column comes from; NULL: none. */
static const LhPolicyColumn *
masked_origin(const LhPolicy *policy, const LhOrigins *output, bool *very)
{
	const LhPolicyColumn *found = NULL;
	ListCell   *o;
	ListCell   *c;

	*very = list_length(output->origins) == 1;
	foreach(o, output->origins)
	{
		LhOrigin   *origin = lfirst(o);

		if (!lh_policy_any(origin->relid) || !concerns(policy, origin->relid))
			continue;
		foreach(c, policy->columns)
		{
			const LhPolicyColumn *column = lfirst(c);

			if (column->mask != NULL &&
				lh_policy_map_column(policy->relid, column->attnum, origin->relid) == origin->attnum)
			{
				found = column;
				*very &= origin->plain;
			}
		}
	}
	return found;
}

/* ---- what a materialized view inherits ---- */

/* The mask over a column of the copy; NULL when it looks at other columns, or is of another type. */
static const char *
same_mask(const LhPolicy *policy, const LhPolicyColumn *column, Oid relid, AttrNumber attnum)
{
	Node	   *mask = copyObject((Node *) column->mask);
	List	   *vars = pull_var_clause(mask, 0);
	ListCell   *lc;

	foreach(lc, vars)
	{
		Var		   *var = lfirst(lc);

		if (var->varattno != column->attnum || var->varlevelsup != 0)
			return NULL;
		if (var->vartype != get_atttype(relid, attnum))
			return NULL;
	}
	/* pull_var_clause gave the very nodes */
	foreach(lc, vars)
	{
		((Var *) lfirst(lc))->varattno = attnum;
		((Var *) lfirst(lc))->varattnosyn = attnum;
	}
	return lh_policy_deparse(mask, relid);
}

static List *
inherited_masks(const LhPolicy *policy, List *outputs, Oid relid)
{
	List	   *masks = NIL;
	AttrNumber	attnum = 0;
	ListCell   *lc;

	foreach(lc, outputs)
	{
		char	   *name = get_attname(relid, ++attnum, false);
		bool		very;
		const LhPolicyColumn *column = masked_origin(policy, lfirst(lc), &very);
		const char *mask = NULL;

		if (column == NULL)
			continue;
		if (very)
			mask = same_mask(policy, column, relid, attnum);
		if (mask == NULL)
			mask = psprintf("lakehouse.mask_null(%s)", quote_identifier(name));
		masks = lappend(lappend(masks, name), (char *) mask);
	}
	return masks;
}

/* The policy of the materialized view that stands for this one, also if an administrator has changed it since; NULL: none. */
static char *
inherited_before(const LhPolicy *policy, Oid relid)
{
	const LhPolicyRelation *relation = lh_policy_relation(relid);
	ListCell   *lc;

	foreach(lc, relation != NULL ? relation->policies : NIL)
	{
		const LhPolicy *own = lfirst(lc);

		if (own->inherits != NULL && strcmp(own->inherits, policy->name) == 0)
			return pstrdup(own->name);
	}
	return NULL;
}

/* "policy/view", cut and numbered where that is needed. */
static char *
free_name(const LhPolicy *policy, Oid relid)
{
	char	   *name = psprintf("%s/%s", policy->name, get_rel_name(relid));

	for (int i = 0;; i++)
	{
		char	   *suffix = i == 0 ? "" : psprintf("/%d", i);
		char	   *tried = pnstrdup(name, pg_mbcliplen(name, strlen(name), NAMEDATALEN - 1 - strlen(suffix)));

		tried = psprintf("%s%s", tried, suffix);
		if (!OidIsValid(lh_hidden_find(LH_HIDDEN_POLICY, tried)))
			return tried;
	}
}

static bool
filters_rows(const LhPolicy *policy, List *relations)
{
	ListCell   *lc;

	if (policy->filter == NULL)
		return false;
	foreach(lc, relations)
	{
		if (concerns(policy, lfirst_oid(lc)))
			return true;
	}
	return false;
}

/* anew: the policy was made or changed just now, and what was inherited from it before is made again. */
static void
inherit(const LhPolicy *policy, List *outputs, List *relations, Oid relid, bool anew)
{
	LhPolicySpec spec = lh_policy_spec(policy);
	bool		filtered = filters_rows(policy, relations);
	char	   *before = inherited_before(policy, relid);

	spec.masks = inherited_masks(policy, outputs, relid);
	if ((spec.masks == NIL && !filtered) || (before != NULL && !anew))
		return;
	if (before != NULL)
		lh_hidden_drop(LH_HIDDEN_POLICY, before);
	spec.filter = filtered ? "false" : NULL;
	spec.name = free_name(policy, relid);
	spec.relid = relid;
	spec.revoke = true;
	spec.origin = NULL;
	spec.inherits = policy->name;
	lh_policy_make(&spec);
	ereport(NOTICE,
			(errmsg("materialized view \"%s\" inherits policy \"%s\" as \"%s\"", get_rel_name(relid), policy->name, spec.name)));
}

/* ---- statements ---- */

/* Policies that the copy would get round; what an error callback or a cache reset frees is copied. */
static List *
policies_evaded(const LhSubject *maker)
{
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, lh_policies())
	{
		const LhPolicy *policy = lfirst(lc);

		if (policy->wrong == NULL && OidIsValid(policy->relid) && !holds(policy, maker))
			names = lappend(names, pstrdup(policy->name));
	}
	return names;
}

/* made: the policy that was made just now; NULL: all that do not hold for the owner. */
static void
derive(Query *query, Oid relid, Oid owner, const char *made)
{
	LhSubject	maker = lh_subject();
	List	   *relations = NIL;
	List	   *outputs;
	ListCell   *lc;

	maker.role = owner;
	maker.superuser = superuser_arg(owner);
	maker.integrity = false;
	maker.unknown = false;
	outputs = lh_utility_origins(query, &relations);
	foreach(lc, made != NULL ? list_make1(pstrdup(made)) : policies_evaded(&maker))
	{
		LhPolicy   *policy = lh_policy_named(lfirst(lc));

		/* a policy of the copy itself is none that it gets round */
		if (policy->relid != relid)
			inherit(policy, outputs, relations, relid, made != NULL);
	}
}

static void
report(Query *query, const char *name)
{
	LhSubject	maker = lh_subject();
	List	   *relations = NIL;
	List	   *outputs = lh_utility_origins(query, &relations);
	StringInfoData columns;
	ListCell   *lc;
	ListCell   *p;

	initStringInfo(&columns);
	foreach(lc, outputs)
	{
		LhOrigins  *output = lfirst(lc);

		foreach(p, policies_evaded(&maker))
		{
			bool		very;

			if (masked_origin(lh_policy_named(lfirst(p)), output, &very) == NULL)
				continue;
			appendStringInfo(&columns, "%s\"%s\"", columns.len > 0 ? ", " : "", output->name);
			break;
		}
	}
	if (columns.len > 0)
		ereport(WARNING,
				(errmsg("table \"%s\" has copies of masked columns as they are: %s", name, columns.data),
				 errdetail("A table has no policy by being made from one that has."),
				 errhint("Make a policy for it with lakehouse.policy_create.")));
}

/* The query that a materialized view is kept as. */
static Query *
query_of(Oid relid)
{
	Relation	rel = table_open(relid, NoLock);
	Query	   *query = NULL;

	if (rel->rd_rel->relkind == RELKIND_MATVIEW && rel->rd_rules != NULL && rel->rd_rules->numLocks == 1)
		query = copyObject(linitial_node(Query, rel->rd_rules->rules[0]->actions));
	table_close(rel, NoLock);
	return query;
}

/* The query of CREATE TABLE AS, also of what it EXECUTEs. */
static Query *
selected(const CreateTableAsStmt *stmt)
{
	Query	   *query = castNode(Query, stmt->query);
	PreparedStatement *prepared = NULL;

	if (query->commandType == CMD_UTILITY && IsA(query->utilityStmt, ExecuteStmt))
		prepared = FetchPreparedStatement(((ExecuteStmt *) query->utilityStmt)->name, false);
	if (prepared != NULL)
		query = prepared->plansource->query_list == NIL ? NULL : linitial_node(Query, prepared->plansource->query_list);
	return query != NULL && query->commandType == CMD_SELECT ? query : NULL;
}

/* Before it runs: that changes the tree. */
void
lh_utility_report(const CreateTableAsStmt *stmt)
{
	Query	   *query;

	if (lh_policy_none() || stmt->objtype == OBJECT_MATVIEW)
		return;
	if (stmt->if_not_exists && OidIsValid(RangeVarGetRelid(stmt->into->rel, NoLock, true)))
		return;
	query = selected(stmt);
	if (query != NULL)
		report(query, stmt->into->rel->relname);
}

/* A materialized view, which is locked. */
static void
derive_of(Oid relid, const char *made)
{
	Query	   *query = query_of(relid);
	HeapTuple	tuple;
	Oid			owner;

	if (query == NULL)
		return;
	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	derive(query, relid, owner, made);
}

/* Does the relation have data, in the catalog's words? */
static bool
is_filled(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	bool		filled;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	filled = ((Form_pg_class) GETSTRUCT(tuple))->relispopulated;
	ReleaseSysCache(tuple);
	return filled;
}

/* The statement has run: the materialized view is there, and locked. */
void
lh_utility_derive(const RangeVar *name, bool filled)
{
	Oid			relid;

	if (lh_policy_none())
		return;
	CommandCounterIncrement();
	relid = RangeVarGetRelid(name, NoLock, true);
	if (OidIsValid(relid) && get_rel_relkind(relid) == RELKIND_MATVIEW && (!filled || is_filled(relid)))
		derive_of(relid, NULL);
}

/* ---- a policy that is made later ---- */

/* Which relation has the rule; InvalidOid: it is gone. */
static Oid
relation_of_rule(Oid rule)
{
	Relation	rel = table_open(RewriteRelationId, AccessShareLock);
	Oid			relid = InvalidOid;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_rewrite_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(rule));
	scan = systable_beginscan(rel, RewriteOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		relid = ((Form_pg_rewrite) GETSTRUCT(tuple))->ev_class;
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return relid;
}

/* Views of both kinds that read the relation. */
static List *
views_of(Oid relid)
{
	List	   *views = NIL;
	ListCell   *lc;

	foreach(lc, lh_pg_dependents(RelationRelationId, relid, RewriteRelationId, 0))
		views = list_append_unique_oid(views, relation_of_rule(lfirst_oid(lc)));
	return views;
}

/*
 * Materialized views over the relations, also through views; of these only the nearest.  Anybody may make views over a table, in
 * circles too, and as many ways from one to another as he likes: each is looked at once.
 */
static List *
views_over(List *relations)
{
	List	   *seen = list_copy(relations);	/* grows while it is walked */
	List	   *found = NIL;
	ListCell   *lc;

	for (int i = 0; i < list_length(seen); i++)
	{
		CHECK_FOR_INTERRUPTS();
		foreach(lc, views_of(list_nth_oid(seen, i)))
		{
			char		relkind = get_rel_relkind(lfirst_oid(lc));

			if (relkind == RELKIND_MATVIEW && !list_member_oid(relations, lfirst_oid(lc)))
				found = list_append_unique_oid(found, lfirst_oid(lc));
			else if (relkind == RELKIND_VIEW)
				seen = list_append_unique_oid(seen, lfirst_oid(lc));
		}
	}
	return found;
}

/* Cancelled, a deadlock, out of memory. */
static bool
not_of_view(int category)
{
	return category == ERRCODE_OPERATOR_INTERVENTION || category == ERRCODE_TRANSACTION_ROLLBACK ||
		category == ERRCODE_INSUFFICIENT_RESOURCES;
}

/*
 * Whoever may make views over a table may make ones that cannot be followed (in circles); he must not keep the table from having
 * policies by that.
 */
static void
derive_or_warn(Oid view, const char *made)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(caller);
	PG_TRY();
	{
		derive_of(view, made);
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(caller);
		CurrentResourceOwner = owner;
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(caller);
		CurrentResourceOwner = owner;
		if (not_of_view(ERRCODE_TO_CATEGORY(error->sqlerrcode)))
			ReThrowError(error);
		ereport(WARNING,
				(errcode(error->sqlerrcode),
				 errmsg("materialized view \"%s\" could not inherit policy \"%s\"", get_rel_name(view), made),
				 errdetail("%s", error->message), errhint("Who may read it sees what it holds. Make a policy for it, or drop it.")));
	}
	PG_END_TRY();
}

void
lh_utility_derive_over(Oid relid, const char *made)
{
	List	   *relations = lcons_oid(relid, list_concat_copy(lh_policy_ancestors(relid), lh_policy_descendants(relid)));
	ListCell   *lc;

	foreach(lc, views_over(relations))
	{
		Oid			view = lfirst_oid(lc);
		Relation	rel = try_relation_open(view, ShareUpdateExclusiveLock);

		if (rel == NULL)
			continue;
		derive_or_warn(view, made);
		relation_close(rel, NoLock);
	}
}
