/*
 * utility_function.c
 *		Functions that are called with rows of tables under policies.
 *
 * A function that a trigger, CHECK, generated column, expression of an index or of statistics, rule or row security condition calls gets
 * values as they are.  To make such a thing takes a policy administrator (utility_ddl.c); but one that was there before the policy
 * calls what its function is now, and the function's owner may replace it.  So to replace, or to alter, a function
 * that rows of such a table go to takes the right as well.
 *
 *	1. pg_depend says what depends on the function: operators and casts are followed to what depends on them;
 *	2. of the rest each belongs to a table, or to a domain of columns: that is what it depends on automatically.  Views do not: what
 *	   they read is masked.
 *
 * What the function itself calls is in its body, and nowhere else: policy_holes() lists who owns such functions.
 */
#include "pg/privacy/policy_internal.h"
#include "pg/privacy/utility_parts.h"
#include "pg/util/catalog.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_cast.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "parser/parse_func.h"
#include "parser/parse_type.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/* An index of a constraint, its constraint, its table: no longer than that. */
#define MOST_STEPS 4

/* ---- which tables something belongs to ---- */

static void belongs_to(Oid class, Oid object, int steps, List **relations, List **domains);

/* What it depends on by its nature: a table, a domain, a constraint. */
static void
follow(const FormData_pg_depend *d, int steps, List **relations, List **domains)
{
	if (d->deptype != DEPENDENCY_INTERNAL && d->deptype != DEPENDENCY_AUTO)
		return;
	/* a default gets no row; what generates a column does, and is a part of it */
	if (d->classid == AttrDefaultRelationId && d->deptype != DEPENDENCY_INTERNAL)
		return;
	if (d->refclassid == TypeRelationId)
		*domains = list_append_unique_oid(*domains, d->refobjid);
	else if (d->refclassid == RelationRelationId)
		*relations = list_append_unique_oid(*relations, d->refobjid);
	else if (d->refclassid == ConstraintRelationId && steps > 0)
		belongs_to(d->refclassid, d->refobjid, steps - 1, relations, domains);
}

static void
belongs_to(Oid class, Oid object, int steps, List **relations, List **domains)
{
	Relation	rel = table_open(DependRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&keys[0], Anum_pg_depend_classid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(class));
	ScanKeyInit(&keys[1], Anum_pg_depend_objid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(object));
	scan = systable_beginscan(rel, DependDependerIndexId, true, NULL, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		follow((const FormData_pg_depend *) GETSTRUCT(tuple), steps, relations, domains);
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

/* Tables whose rows, and domains whose values, are given to it; class: of functions, operators or casts. */
static void
given_to(Oid class, Oid object, List **relations, List **domains)
{
	static const Oid classes[] = {TriggerRelationId, ConstraintRelationId, AttrDefaultRelationId, RelationRelationId,
		StatisticExtRelationId, RewriteRelationId, PolicyRelationId};
	ListCell   *lc;

	for (int i = 0; i < lengthof(classes); i++)
	{
		foreach(lc, lh_pg_dependents(class, object, classes[i], 0))
			belongs_to(classes[i], lfirst_oid(lc), MOST_STEPS, relations, domains);
	}
	if (class != ProcedureRelationId)
		return;
	foreach(lc, lh_pg_dependents(class, object, OperatorRelationId, 0))
		given_to(OperatorRelationId, lfirst_oid(lc), relations, domains);
	foreach(lc, lh_pg_dependents(class, object, CastRelationId, 0))
		given_to(CastRelationId, lfirst_oid(lc), relations, domains);
}

/* ---- which function ---- */

static Oid
type_of(const TypeName *name)
{
	return LookupTypeNameOid(NULL, name, true);
}

/* The function that CREATE OR REPLACE would replace; InvalidOid: it makes one, or says itself what is wrong. */
static Oid
replaced(const CreateFunctionStmt *stmt)
{
	Oid			types[FUNC_MAX_ARGS];
	int			n = 0;
	char	   *name;
	Oid			schema = QualifiedNameGetCreationNamespace(stmt->funcname, &name);
	ListCell   *lc;

	foreach(lc, stmt->parameters)
	{
		const FunctionParameter *parameter = lfirst_node(FunctionParameter, lc);

		if (parameter->mode == FUNC_PARAM_OUT || parameter->mode == FUNC_PARAM_TABLE)
			continue;
		if (n == FUNC_MAX_ARGS || !OidIsValid(types[n] = type_of(parameter->argType)))
			return InvalidOid;
		n++;
	}
	return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum(name), PointerGetDatum(buildoidvector(types, n)),
						   ObjectIdGetDatum(schema));
}

/* ---- guarded ---- */

static void __attribute__((noreturn))
refuse(Oid function, Oid relid)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to change function \"%s\": rows of \"%s\" go to it, which has a policy",
					get_func_name(function), get_rel_name(relid)),
			 errdetail("It takes the right \"policy_admin\"; to own the function is not enough."),
			 errhint("A superuser, or who may grant it, gives it with lakehouse.right_grant('policy_admin', role).")));
}

static void
guard(Oid function)
{
	List	   *relations = NIL;
	List	   *domains = NIL;
	ListCell   *lc;

	/* who may not gets PostgreSQL's own error */
	if (!OidIsValid(function) || !lh_function_owner(function, GetUserId()))
		return;
	given_to(ProcedureRelationId, function, &relations, &domains);
	foreach(lc, relations)
	{
		if (lh_policy_any(lfirst_oid(lc)))
			refuse(function, lfirst_oid(lc));
	}
	foreach(lc, domains)
	{
		Oid			relid = lh_utility_domain_table(lfirst_oid(lc));

		if (OidIsValid(relid))
			refuse(function, relid);
	}
}

void
lh_utility_create_function(const CreateFunctionStmt *stmt)
{
	if (stmt->replace)
		guard(replaced(stmt));
}

/* SET search_path changes what it calls as well. */
void
lh_utility_alter_function(const AlterFunctionStmt *stmt)
{
	guard(LookupFuncWithArgs(OBJECT_ROUTINE, stmt->func, true));
}
