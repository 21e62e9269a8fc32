/*
 * static_plan.c
 *		What a static copy will be: tables, masks, and what stands in the way.
 */
#include "pg/privacy/static.h"
#include "pg/privacy/policy_internal.h"
#include "pg/privacy/utility_parts.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"

/* ---- for all files of static copies ---- */

static LhStaticNote *
make_note(const char *kind, const LhStaticTable *table, const char *object, const char *treatment)
{
	LhStaticNote *note = palloc0(sizeof(LhStaticNote));

	note->kind = kind;
	note->table = table;
	note->object = object;
	note->treatment = treatment;
	note->rows = -1;
	return note;
}

void
lh_static_note(LhStaticPlan *plan, const char *kind, const LhStaticTable *table, const char *object, const char *treatment,
			   const char *policy, double rows)
{
	LhStaticNote *note = make_note(kind, table, object, treatment);

	note->policy = policy;
	note->rows = rows;
	plan->notes = lappend(plan->notes, note);
}

void
lh_static_problem(LhStaticPlan *plan, const char *kind, const LhStaticTable *table, const char *object, const char *remedy)
{
	plan->problems = lappend(plan->problems, make_note(kind, table, object, remedy));
}

LhStaticTable *
lh_static_table(const LhStaticPlan *plan, Oid relid)
{
	ListCell   *lc;

	foreach(lc, plan->tables)
	{
		if (((LhStaticTable *) lfirst(lc))->relid == relid)
			return lfirst(lc);
	}
	return NULL;
}

LhStaticColumn *
lh_static_column(const LhStaticTable *table, AttrNumber attnum)
{
	ListCell   *lc;

	foreach(lc, table->columns)
	{
		if (((LhStaticColumn *) lfirst(lc))->attnum == attnum)
			return lfirst(lc);
	}
	return NULL;
}

/* ---- which tables ---- */

static void __attribute__((noreturn))
no_table(Oid relid)
{
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" cannot be copied", get_rel_name(relid)),
			 errdetail("It is no table, foreign table or materialized view."),
			 errhint("For a schema take lakehouse.static_copy_schema.")));
}

static bool
is_table(char relkind)
{
	return relkind == RELKIND_RELATION || relkind == RELKIND_PARTITIONED_TABLE || relkind == RELKIND_FOREIGN_TABLE ||
		relkind == RELKIND_MATVIEW;
}

/* With partitions and children, each once, parents first. */
static List *
family(List *relations, bool flatten)
{
	List	   *all = NIL;
	ListCell   *lc;

	foreach(lc, relations)
	{
		Oid			relid = lfirst_oid(lc);
		char		relkind;

		LockRelationOid(relid, AccessShareLock);
		relkind = get_rel_relkind(relid);
		if (relkind == '\0')
			ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation with OID %u does not exist", relid)));
		if (!is_table(relkind))
			no_table(relid);
		all = list_append_unique_oid(all, relid);
		if (relkind == RELKIND_PARTITIONED_TABLE && flatten)
			(void) find_all_inheritors(relid, AccessShareLock, NULL);
		else
			all = list_concat_unique_oid(all, find_all_inheritors(relid, AccessShareLock, NULL));
	}
	return all;
}

/* Is an ancestor of it among the others? */
static bool
waits(Oid relid, const List *others)
{
	ListCell   *lc;

	foreach(lc, lh_policy_ancestors(relid))
	{
		if (list_member_oid(others, lfirst_oid(lc)))
			return true;
	}
	return false;
}

/* A child that was named before its parent comes behind it. */
static List *
parents_first(List *relations)
{
	List	   *sorted = NIL;

	while (list_length(sorted) < list_length(relations))
	{
		ListCell   *lc;

		foreach(lc, relations)
		{
			if (!waits(lfirst_oid(lc), list_difference_oid(relations, sorted)))
				sorted = list_append_unique_oid(sorted, lfirst_oid(lc));
		}
	}
	return sorted;
}

static List *
direct_parents(const LhStaticPlan *plan, Oid relid)
{
	List	   *parents = NIL;
	ListCell   *lc;

	foreach(lc, plan->tables)
	{
		Oid			candidate = ((LhStaticTable *) lfirst(lc))->relid;

		if (list_member_oid(find_inheritance_children(candidate, NoLock), relid))
			parents = lappend_oid(parents, candidate);
	}
	return parents;
}

static char *
qualified(const char *schema, const char *name)
{
	return psprintf("%s.%s", quote_identifier(schema), quote_identifier(name));
}

static LhStaticTable *
make_table(Oid relid)
{
	LhStaticTable *table = palloc0(sizeof(LhStaticTable));

	table->relid = relid;
	table->relkind = get_rel_relkind(relid);
	table->name = get_rel_name(relid);
	table->source = qualified(get_namespace_name(get_rel_namespace(relid)), table->name);
	return table;
}

static void
add_table(LhStaticPlan *plan, Oid relid)
{
	LhStaticTable *table = make_table(relid);
	ListCell   *lc;

	table->copied = true;
	table->copy = qualified(plan->options->schema, table->name);
	/* of a flattened table no partitions are made, but what was named beside it */
	table->parents = direct_parents(plan, relid);
	if (get_rel_relispartition(relid) && table->parents != NIL)
	{
		if (plan->options->flatten)
			lh_static_problem(plan, "partition", table, NULL, "it would be copied twice, as a table and with its root: name one of them");
		else
			table->bound = lh_static_ask("SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE oid = %u", relid);
	}
	if (table->relkind == RELKIND_PARTITIONED_TABLE && !plan->options->flatten)
		table->partition_key = lh_static_ask("SELECT pg_get_partkeydef(%u)", relid);
	foreach(lc, plan->tables)
	{
		if (strcmp(((LhStaticTable *) lfirst(lc))->name, table->name) == 0)
			lh_static_problem(plan, "table", table, NULL, "another table of its name is copied too: copy one of them to another schema");
	}
	plan->tables = lappend(plan->tables, table);
}

/* ---- what the role sees ---- */

static void
masks_of(const LhStaticPlan *plan, LhStaticTable *table)
{
	const LhEffective *effective = lh_policy_effective(table->relid, &plan->subject);
	LhEffective copy = {0};
	ListCell   *lc;

	/* what is cached may go with the next look into a catalog */
	if (effective != NULL)
	{
		copy.filters = list_copy(effective->filters);
		foreach(lc, effective->columns)
		{
			LhColumnPolicy *column = palloc(sizeof(LhColumnPolicy));

			*column = *(const LhColumnPolicy *) lfirst(lc);
			column->mask = copyObject(column->mask);
			column->policy = pstrdup(column->policy);
			copy.columns = lappend(copy.columns, column);
		}
	}
	table->filtered = copy.filters != NIL;
	foreach(lc, table->columns)
	{
		LhStaticColumn *column = lfirst(lc);
		const LhColumnPolicy *policy = lh_policy_column(&copy, column->attnum);
		const LhColumnPolicy *any;

		if (policy != NULL && policy->mask != NULL)
		{
			column->mask = policy->mask;
			column->policy = policy->policy;
			continue;
		}
		column->role_may_read = (policy != NULL && policy->granted) ||
			pg_class_aclcheck(table->relid, plan->subject.role, ACL_SELECT) == ACLCHECK_OK ||
			pg_attribute_aclcheck(table->relid, column->attnum, plan->subject.role, ACL_SELECT) == ACLCHECK_OK;
		any = lh_policy_strictest(table->relid, column->attnum);
		column->masked_for_others = any != NULL ? pstrdup(any->policy) : NULL;
	}
}

LhStaticTable *
lh_static_referred(LhStaticPlan *plan, Oid relid)
{
	LhStaticTable *table = OidIsValid(relid) ? lh_static_table(plan, relid) : NULL;
	ListCell   *lc;

	if (table != NULL || !OidIsValid(relid))
		return table;
	foreach(lc, plan->referred)
	{
		if (((LhStaticTable *) lfirst(lc))->relid == relid)
			return lfirst(lc);
	}
	table = make_table(relid);
	lh_static_read_columns(table);
	masks_of(plan, table);
	plan->referred = lappend(plan->referred, table);
	return table;
}

/* A domain's CHECKs are not applied to masks, so the copy's column is of what the domain is made of. */
static void
base_types(LhStaticTable *table)
{
	ListCell   *lc;

	foreach(lc, table->columns)
	{
		LhStaticColumn *column = lfirst(lc);
		int32		typmod = column->typmod;
		Oid			base = getBaseTypeAndTypmod(column->type, &typmod);

		if (lh_static_mask(column) != NULL && base != column->type)
			column->definition = format_type_extended(base, typmod, FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);
	}
}

/* ---- what is left out ---- */

static void
leave_out(LhStaticPlan *plan, LhStaticObject *object)
{
	ListCell   *lc;

	foreach(lc, plan->options->without)
	{
		if (strcmp(lfirst(lc), object->name) == 0)
			object->left_out = "left out: named in \"without\"";
	}
	if (object->left_out == NULL && object->foreign_code)
		object->left_out = "left out: it calls functions of another user";
	if (object->left_out == NULL && object->kind == 'f' && !object->refers->copied)
		object->left_out = psprintf("left out: it refers to %s, which is not copied", object->refers->source);
}

static void
check_without(LhStaticPlan *plan)
{
	ListCell   *lc;
	ListCell   *o;

	foreach(lc, plan->options->without)
	{
		bool		found = false;

		foreach(o, plan->objects)
			found |= strcmp(((LhStaticObject *) lfirst(o))->name, lfirst(lc)) == 0;
		if (!found)
			lh_static_problem(plan, "without", NULL, lfirst(lc), "the tables have no constraint or index of this name");
	}
}

/* ---- the report ---- */

static const char *
treatment_of(const LhStaticTable *table, const LhStaticColumn *column)
{
	if (column->mask != NULL)
		return lh_policy_deparse((Node *) column->mask, table->relid);
	if (column->derived != NULL)
		return psprintf("%s, as %s", lh_policy_deparse((Node *) column->derived, table->relid), column->derived_from);
	if (lh_static_computed(column))
		return "computed anew from the copy";
	if (column->refers_masked != NULL)
		return psprintf("copied as it is; %s, which it refers to, is masked", column->refers_masked);
	if (column->masked_for_others != NULL)
		return "copied as it is; a policy masks it, for others";
	if (!column->role_may_read)
		return "copied as it is; the role may not read it";
	return "copied as it is";
}

const char *
lh_static_no_default(const LhStaticColumn *column)
{
	if (column->expression == NULL || column->generated != '\0' || lh_static_serial(column))
		return NULL;
	if (OidIsValid(column->takes))
		return "left out: it takes numbers of a sequence";
	if (column->foreign_code)
		return "left out: it calls functions of another user";
	return lh_static_mask(column) != NULL ? "left out: its column is masked" : NULL;
}

static void
note_table(LhStaticPlan *plan, const LhStaticTable *table)
{
	ListCell   *lc;

	if (table->bound != NULL)
	{
		lh_static_note(plan, "partition", table, NULL, "copied with its root", NULL, -1);
		return;
	}
	if (table->filtered)
		lh_static_note(plan, "rows", table, NULL, "filtered", NULL, -1);
	foreach(lc, table->columns)
	{
		const LhStaticColumn *column = lfirst(lc);
		bool		masked = lh_static_mask(column) != NULL;

		lh_static_note(plan, "column", table, column->name, treatment_of(table, column),
					   masked ? column->policy : column->masked_for_others, -1);
		if (column->generated != '\0' && !lh_static_computed(column))
			lh_static_note(plan, "generated", table, column->name, "an ordinary column in the copy", NULL, -1);
		if (lh_static_no_default(column) != NULL)
			lh_static_note(plan, "default", table, column->name, lh_static_no_default(column), NULL, -1);
	}
}

/* Counted, not listed: of these nothing comes along. */
static void
note_others(LhStaticPlan *plan, const LhStaticTable *table)
{
	static const struct
	{
		const char *kind;
		const char *sql;
	}			others[] = {
		{"triggers", "SELECT nullif(count(*), 0) FROM pg_trigger WHERE tgrelid = %u AND NOT tgisinternal"},
		{"rules", "SELECT nullif(count(*), 0) FROM pg_rewrite WHERE ev_class = %u AND rulename <> '_RETURN'"},
		{"row security", "SELECT nullif(count(*), 0) FROM pg_policy WHERE polrelid = %u"},
		{"statistics", "SELECT nullif(count(*), 0) FROM pg_statistic_ext WHERE stxrelid = %u"},
	};

	for (int i = 0; i < lengthof(others); i++)
	{
		const char *count = lh_static_ask(others[i].sql, table->relid);

		if (count != NULL)
			lh_static_note(plan, others[i].kind, table, NULL, psprintf("left out: %s", count), NULL, -1);
	}
}

LhStaticPlan *
lh_static_plan(List *relations, const LhStaticOptions *options)
{
	LhStaticPlan *plan = palloc0(sizeof(LhStaticPlan));
	ListCell   *lc;

	plan->options = options;
	plan->subject = lh_subject_of(options->role);
	foreach(lc, parents_first(family(relations, options->flatten)))
		add_table(plan, lfirst_oid(lc));
	foreach(lc, plan->tables)
	{
		lh_static_read_columns(lfirst(lc));
		masks_of(plan, lfirst(lc));
	}
	foreach(lc, plan->tables)
		lh_static_read_objects(plan, lfirst(lc));
	foreach(lc, plan->objects)
		leave_out(plan, lfirst(lc));
	check_without(plan);
	lh_static_keys(plan);
	foreach(lc, plan->tables)
	{
		base_types(lfirst(lc));
		note_table(plan, lfirst(lc));
		note_others(plan, lfirst(lc));
	}
	return plan;
}
