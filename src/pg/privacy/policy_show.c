/*
 * policy_show.c
 *		What policies there are, and what they mean for somebody's query.
 *
 *	policy_list()				each policy as policy_create would make it
 *	policy_columns()			columns that policies hide, with those of partitions and parents
 *	policy_concerns(name, role)	is a policy for a role
 *	policy_explain(role, query)	each column that a query reads, and how the role would see it
 *
 * policy_holes() is made of these in holes.sql.
 */
#include "pg/privacy/policy_internal.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_relation.h"
#include "parser/parser.h"
#include "tcop/tcopprot.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

void
lh_policy_require_reader(void)
{
	if (!lh_right_has(LH_RIGHT_AUDITOR, GetUserId()))
		lh_right_require(LH_RIGHT_POLICY_ADMIN, "to see policies");
}

static void
put(ReturnSetInfo *result, Datum *values, bool *nulls)
{
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static Datum
text_array(const List *texts)
{
	Datum	   *values = palloc(sizeof(Datum) * (list_length(texts) + 1));
	ListCell   *cell;
	int			n = 0;

	foreach(cell, texts)
		values[n++] = CStringGetTextDatum((char *) lfirst(cell));
	return PointerGetDatum(construct_array(values, n, TEXTOID, -1, false, TYPALIGN_INT));
}

static Datum
role_array(const List *roles)
{
	List	   *names = NIL;
	ListCell   *cell;

	foreach(cell, roles)
		names = lappend(names, lfirst_oid(cell) == ACL_ID_PUBLIC ? pstrdup("public") :
						GetUserNameFromId(lfirst_oid(cell), false));
	return text_array(names);
}

/* ---- policy_list ---- */

enum
{
	LIST_NAME, LIST_RELATION, LIST_MASKS, LIST_FILTER, LIST_FOR, LIST_EXCEPT, LIST_PURPOSES, LIST_UNTIL, LIST_OPTIONS,
	LIST_ORIGIN, LIST_PROBLEM, LIST_COLUMNS
};

static void
list_policy(ReturnSetInfo *result, const LhPolicy *policy)
{
	Datum		values[LIST_COLUMNS] = {0};
	bool		nulls[LIST_COLUMNS];
	LhPolicySpec spec;

	memset(nulls, true, sizeof(nulls));
	values[LIST_NAME] = CStringGetTextDatum(policy->name);
	nulls[LIST_NAME] = false;
	values[LIST_RELATION] = ObjectIdGetDatum(policy->relid);
	nulls[LIST_RELATION] = !OidIsValid(policy->relid);
	if (policy->wrong != NULL)
	{
		values[LIST_PROBLEM] = CStringGetTextDatum(policy->wrong);
		nulls[LIST_PROBLEM] = false;
		put(result, values, nulls);
		return;
	}
	spec = lh_policy_spec(policy);
	values[LIST_MASKS] = text_array(spec.masks);
	values[LIST_FOR] = role_array(spec.for_roles);
	values[LIST_EXCEPT] = role_array(spec.except_roles);
	values[LIST_PURPOSES] = text_array(spec.purposes);
	values[LIST_OPTIONS] = JsonbPGetDatum(spec.options);
	for (int i = LIST_MASKS; i <= LIST_OPTIONS; i++)
		nulls[i] = false;
	nulls[LIST_FILTER] = spec.filter == NULL;
	if (spec.filter != NULL)
		values[LIST_FILTER] = CStringGetTextDatum(spec.filter);
	nulls[LIST_UNTIL] = spec.until == DT_NOEND;
	values[LIST_UNTIL] = TimestampTzGetDatum(spec.until);
	nulls[LIST_ORIGIN] = spec.origin == NULL;
	if (spec.origin != NULL)
		values[LIST_ORIGIN] = CStringGetTextDatum(spec.origin);
	put(result, values, nulls);
}

PG_FUNCTION_INFO_V1(lakehouse_policy_list);

Datum
lakehouse_policy_list(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *cell;

	lh_policy_require_reader();
	InitMaterializedSRF(fcinfo, 0);
	foreach(cell, lh_policies_read())
		list_policy(result, lfirst(cell));
	return (Datum) 0;
}

/* ---- policy_columns, policy_concerns ---- */

static void
list_columns(ReturnSetInfo *result, const LhPolicy *policy, Oid relid)
{
	ListCell   *cell;

	foreach(cell, policy->columns)
	{
		const LhPolicyColumn *column = lfirst(cell);
		AttrNumber	attnum = lh_policy_map_column(policy->relid, column->attnum, relid);
		Datum		values[5];
		bool		nulls[5] = {0};

		if (attnum == InvalidAttrNumber || (column->mask == NULL && policy->filter == NULL))
			continue;
		values[0] = CStringGetTextDatum(policy->name);
		values[1] = ObjectIdGetDatum(relid);
		values[2] = Int16GetDatum(attnum);
		values[3] = CStringGetDatum(get_attname(relid, attnum, false));
		values[3] = DirectFunctionCall1(namein, values[3]);
		values[4] = BoolGetDatum(column->mask != NULL);
		put(result, values, nulls);
	}
}

PG_FUNCTION_INFO_V1(lakehouse_policy_columns);

Datum
lakehouse_policy_columns(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *cell,
			   *of;

	lh_policy_require_reader();
	InitMaterializedSRF(fcinfo, 0);
	foreach(cell, lh_policies_read())
	{
		const LhPolicy *policy = lfirst(cell);

		CHECK_FOR_INTERRUPTS();
		if (policy->wrong != NULL || !OidIsValid(policy->relid))
			continue;
		list_columns(result, policy, policy->relid);
		foreach(of, lh_policy_descendants(policy->relid))
			list_columns(result, policy, lfirst_oid(of));
		foreach(of, lh_policy_ancestors(policy->relid))
			list_columns(result, policy, lfirst_oid(of));
	}
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(lakehouse_policy_concerns);

/* By its roles: whatever they claim, and be its time over. */
Datum
lakehouse_policy_concerns(PG_FUNCTION_ARGS)
{
	const LhPolicy *policy;
	Oid			role = PG_GETARG_OID(1);

	lh_policy_require_reader();
	policy = lh_policy_named(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	PG_RETURN_BOOL((policy->superusers || !superuser_arg(role)) &&
				   lh_hidden_has(policy->hidden, role, LH_HIDDEN_FOR) &&
				   !(lh_hidden_has(policy->hidden, role, LH_HIDDEN_EXCEPT) && GetCurrentTimestamp() < policy->except_until));
}

PG_FUNCTION_INFO_V1(lakehouse_policy_enforced);

Datum
lakehouse_policy_enforced(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(lh_privacy_loaded());
}

/* ---- policy_explain ---- */

/* A relation that the query reads, as whom core checks it. */
typedef struct Read
{
	Oid			relid;
	Oid			as;				/* InvalidOid: whoever runs the query */
	bool		target;			/* of INSERT, UPDATE and the like: what they test must not be masked */
	Bitmapset  *columns;		/* offset FirstLowInvalidHeapAttributeNumber */
} Read;

static void
add_read(List **reads, Oid relid, Oid as, bool target, const Bitmapset *columns)
{
	Read	   *read;
	ListCell   *cell;

	foreach(cell, *reads)
	{
		read = lfirst(cell);
		if (read->relid == relid && read->as == as && read->target == target)
		{
			read->columns = bms_add_members(read->columns, columns);
			return;
		}
	}
	read = palloc(sizeof(Read));
	read->relid = relid;
	read->as = as;
	read->target = target;
	read->columns = bms_copy(columns);
	*reads = lappend(*reads, read);
}

static void
add_rte(List **reads, Query *query, RangeTblEntry *rte, bool target)
{
	if (rte->rtekind != RTE_RELATION || get_rel_relkind(rte->relid) == RELKIND_VIEW)
		return;
#if PG_VERSION_NUM >= 160000
	if (rte->perminfoindex != 0)
	{
		RTEPermissionInfo *info = getRTEPermissionInfo(query->rteperminfos, rte);

		add_read(reads, rte->relid, info->checkAsUser, target, info->selectedCols);
	}
#else
	if (rte->requiredPerms != 0)
		add_read(reads, rte->relid, rte->checkAsUser, target, rte->selectedCols);
#endif
}

static bool
find_reads(Node *node, void *reads)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;
		ListCell   *cell;

		foreach(cell, query->rtable)
			add_rte(reads, query, lfirst(cell), foreach_current_index(cell) + 1 == query->resultRelation);
		return query_tree_walker(query, find_reads, reads, 0);
	}
	return expression_tree_walker(node, find_reads, reads);
}

static const char *
access_of(const Read *read, const LhColumnPolicy *column, AttrNumber attnum, Oid role)
{
	Oid			as = OidIsValid(read->as) ? read->as : role;
	bool		granted = pg_class_aclcheck(read->relid, as, ACL_SELECT) == ACLCHECK_OK ||
		pg_attribute_aclcheck(read->relid, attnum, as, ACL_SELECT) == ACLCHECK_OK;

	if (read->target && column != NULL && column->mask != NULL && !column->writable)
		return "denied";
	if (!granted && !(column != NULL && column->granted && (!read->target || column->writable)))
		return "denied";
	return column != NULL && column->mask != NULL ? "masked" : "plain";
}

static void
explain_column(ReturnSetInfo *result, const Read *read, const LhEffective *effective, AttrNumber attnum, Oid role)
{
	const LhColumnPolicy *column = lh_policy_column(effective, attnum);
	Datum		values[5] = {0};
	bool		nulls[5] = {false, false, false, true, true};
	char	   *name = get_attname(read->relid, attnum, true);

	if (name == NULL)
		return;
	values[0] = ObjectIdGetDatum(read->relid);
	values[1] = DirectFunctionCall1(namein, CStringGetDatum(name));
	values[2] = CStringGetTextDatum(access_of(read, column, attnum, role));
	if (column != NULL)
	{
		values[3] = CStringGetTextDatum(column->policy);
		nulls[3] = false;
	}
	if (column != NULL && column->mask != NULL)
	{
		values[4] = CStringGetTextDatum(lh_policy_deparse((Node *) column->mask, read->relid));
		nulls[4] = false;
	}
	put(result, values, nulls);
}

static void
explain_filters(ReturnSetInfo *result, const Read *read, const LhEffective *effective)
{
	ListCell   *cell;

	if (effective == NULL)
		return;
	foreach(cell, effective->filters)
	{
		Datum		values[5] = {0};
		bool		nulls[5] = {false, true, false, true, false};

		values[0] = ObjectIdGetDatum(read->relid);
		values[2] = CStringGetTextDatum("filtered");
		values[4] = CStringGetTextDatum(lh_policy_deparse(lfirst(cell), read->relid));
		put(result, values, nulls);
	}
}

static void
explain_read(ReturnSetInfo *result, const Read *read, const LhSubject *subject)
{
	const LhEffective *held = lh_policy_effective(read->relid, subject);
	bool		whole = bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, read->columns);
	AttrNumber	attnum = 1;
	HeapTuple	tuple;

	for (; HeapTupleIsValid(tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(read->relid), Int16GetDatum(attnum))); attnum++)
	{
		bool		dropped = ((Form_pg_attribute) GETSTRUCT(tuple))->attisdropped;

		ReleaseSysCache(tuple);
		if (!dropped && (whole || bms_is_member(attnum - FirstLowInvalidHeapAttributeNumber, read->columns)))
			explain_column(result, read, held, attnum, subject->role);
	}
	explain_filters(result, read, held);
}

static List *
reads_of(const char *text)
{
	List	   *statements = raw_parser(text, RAW_PARSE_DEFAULT);
	List	   *reads = NIL;
	ListCell   *cell;

	if (list_length(statements) != 1)
		ereport(ERROR, (errcode(ERRCODE_SYNTAX_ERROR), errmsg("policy_explain takes one statement")));
	foreach(cell, pg_analyze_and_rewrite_fixedparams(linitial_node(RawStmt, statements), text, NULL, 0, NULL))
	{
		Query	   *query = lfirst_node(Query, cell);

		if (query->commandType == CMD_UTILITY)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("policy_explain takes SELECT, INSERT, UPDATE, DELETE or MERGE")));
		(void) find_reads((Node *) query, &reads);
	}
	return reads;
}

PG_FUNCTION_INFO_V1(lakehouse_policy_explain);

Datum
lakehouse_policy_explain(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	LhSubject	subject;
	ListCell   *cell;

	lh_policy_require_reader();
	(void) GetUserNameFromId(PG_GETARG_OID(0), false);
	subject = lh_subject_of(PG_GETARG_OID(0));
	InitMaterializedSRF(fcinfo, 0);
	foreach(cell, reads_of(text_to_cstring(PG_GETARG_TEXT_PP(1))))
		explain_read(result, lfirst(cell), &subject);
	return (Datum) 0;
}
