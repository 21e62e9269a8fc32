/*
 * policy_diff.c
 *		lakehouse.policy_diff: what two roles see differently.
 *
 *	1. Each role is taken as if it had logged in, with the purpose that the session claims, now.
 *	2. For each column of the relations: may it be read, is it masked, by what; for each relation: which rows.
 *	3. A row of the result is what is not the same for both.
 *
 * Two states of policies are compared in policies.sql (policy_export, policy_changes).
 */
#include "pg/privacy/policy_internal.h"
#include "pg/privacy/utility_parts.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

extern PGDLLEXPORT Datum lakehouse_policy_diff(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(lakehouse_policy_diff);

enum
{
	DIFF_RELATION, DIFF_COLUMN, DIFF_ACCESS_A, DIFF_MASK_A, DIFF_POLICY_A, DIFF_ACCESS_B, DIFF_MASK_B, DIFF_POLICY_B,
	DIFF_COLUMNS
};

/* A column, or the rows of a relation, as one role sees it. */
typedef struct Sight
{
	const char *access;
	char	   *expression;		/* the mask, or the filter; NULL: none */
	char	   *policy;			/* NULL: none; of filters none is named */
} Sight;

List *
lh_policy_governed(void)
{
	List	   *all = NIL;
	ListCell   *lc;

	foreach(lc, lh_policy_relations())
	{
		all = list_append_unique_oid(all, lfirst_oid(lc));
		all = list_concat_unique_oid(all, lh_policy_ancestors(lfirst_oid(lc)));
		all = list_concat_unique_oid(all, lh_policy_descendants(lfirst_oid(lc)));
	}
	return all;
}

/* ---- what one role sees ---- */

static Sight
sight_of_column(Oid relid, AttrNumber attnum, const LhSubject *subject)
{
	const LhColumnPolicy *column = lh_policy_column(lh_policy_effective(relid, subject), attnum);
	Sight		sight = {.access = "plain"};
	bool		granted = column != NULL && column->granted;
	Node	   *mask = NULL;

	/* what is cached may go with the next look into a catalog */
	if (column != NULL)
	{
		sight.policy = pstrdup(column->policy);
		mask = copyObject((Node *) column->mask);
	}
	if (!granted && pg_class_aclcheck(relid, subject->role, ACL_SELECT) != ACLCHECK_OK &&
		pg_attribute_aclcheck(relid, attnum, subject->role, ACL_SELECT) != ACLCHECK_OK)
		return (Sight) {.access = "denied"};
	if (mask == NULL)
		return sight;
	sight.access = "masked";
	sight.expression = lh_policy_deparse(mask, relid);
	return sight;
}

static int
by_text(const ListCell *a, const ListCell *b)
{
	return strcmp(lfirst(a), lfirst(b));
}

/* All filters in one text, whatever order they are kept in. */
static Sight
sight_of_rows(Oid relid, const LhSubject *subject)
{
	const LhEffective *effective = lh_policy_effective(relid, subject);
	List	   *filters = effective == NULL ? NIL : copyObject(effective->filters);
	List	   *texts = NIL;
	StringInfoData all;
	ListCell   *lc;

	if (filters == NIL)
		return (Sight) {.access = "all rows"};
	foreach(lc, filters)
		texts = lappend(texts, lh_policy_deparse(lfirst(lc), relid));
	list_sort(texts, by_text);
	initStringInfo(&all);
	foreach(lc, texts)
		appendStringInfo(&all, "%s%s", all.len > 0 ? " AND " : "", (const char *) lfirst(lc));
	return (Sight) {.access = "filtered", .expression = all.data};
}

/* ---- compared ---- */

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void
put_text(Datum *values, bool *nulls, int at, const char *text)
{
	nulls[at] = text == NULL;
	if (text != NULL)
		values[at] = CStringGetTextDatum(text);
}

/* column NULL: rows. */
static void
compare(ReturnSetInfo *result, Oid relid, const char *column, const Sight *a, const Sight *b)
{
	Datum		values[DIFF_COLUMNS] = {0};
	bool		nulls[DIFF_COLUMNS] = {0};

	if (strcmp(a->access, b->access) == 0 && same_text(a->expression, b->expression))
		return;
	values[DIFF_RELATION] = ObjectIdGetDatum(relid);
	nulls[DIFF_COLUMN] = column == NULL;
	if (column != NULL)
		values[DIFF_COLUMN] = DirectFunctionCall1(namein, CStringGetDatum(column));
	put_text(values, nulls, DIFF_ACCESS_A, a->access);
	put_text(values, nulls, DIFF_MASK_A, a->expression);
	put_text(values, nulls, DIFF_POLICY_A, a->policy);
	put_text(values, nulls, DIFF_ACCESS_B, b->access);
	put_text(values, nulls, DIFF_MASK_B, b->expression);
	put_text(values, nulls, DIFF_POLICY_B, b->policy);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static void
compare_relation(ReturnSetInfo *result, Oid relid, const LhSubject *a, const LhSubject *b)
{
	AttrNumber	natts = lh_utility_natts(relid);
	Sight		sight_a,
				sight_b;

	for (AttrNumber attnum = 1; attnum <= natts; attnum++)
	{
		const char *name;

		CHECK_FOR_INTERRUPTS();
		/* NULL: dropped */
		name = get_attname(relid, attnum, true);
		if (name == NULL || get_atttype(relid, attnum) == InvalidOid)
			continue;
		sight_a = sight_of_column(relid, attnum, a);
		sight_b = sight_of_column(relid, attnum, b);
		compare(result, relid, name, &sight_a, &sight_b);
	}
	sight_a = sight_of_rows(relid, a);
	sight_b = sight_of_rows(relid, b);
	compare(result, relid, NULL, &sight_a, &sight_b);
}

static List *
given_relations(ArrayType *array)
{
	Datum	   *values;
	bool	   *nulls;
	int			n;
	List	   *relations = NIL;

	deconstruct_array(array, REGCLASSOID, sizeof(Oid), true, TYPALIGN_INT, &values, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		if (nulls[i] || lh_utility_natts(DatumGetObjectId(values[i])) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_TABLE), errmsg("there is no relation that is number %d of the list", i + 1)));
		relations = list_append_unique_oid(relations, DatumGetObjectId(values[i]));
	}
	return relations;
}

Datum
lakehouse_policy_diff(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	LhSubject	a,
				b;
	ListCell   *lc;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("policy_diff compares two roles, and was given none")));
	lh_policy_require_reader();
	/* ERROR: there is no such role */
	(void) GetUserNameFromId(PG_GETARG_OID(0), false);
	(void) GetUserNameFromId(PG_GETARG_OID(1), false);
	a = lh_subject_of(PG_GETARG_OID(0));
	b = lh_subject_of(PG_GETARG_OID(1));
	InitMaterializedSRF(fcinfo, 0);
	foreach(lc, PG_ARGISNULL(2) ? lh_policy_governed() : given_relations(PG_GETARG_ARRAYTYPE_P(2)))
		compare_relation(result, lfirst_oid(lc), &a, &b);
	return (Datum) 0;
}
