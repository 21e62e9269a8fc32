/*
 * tags.c
 *		Tags of columns, and what policies of tags make of them.
 *
 * A tag is a word of a column's security label of provider lakehouse ("pii.ssn, gdpr"): PostgreSQL keeps it with
 * the column, drops it with the column and dumps it.
 *
 * A policy of a tag has no relation; its mask is an expression over "value".  From it comes a
 * policy of its own for each tagged column, with the column's name where "value" was, when the policy is made or a
 * column is tagged.  That is the one place where an expression is kept as text, as it has no types before there is
 * a column: it is parsed again by the act of an administrator only, and vetted as if he had written it.
 *
 * A label that came by SECURITY LABEL (a restored dump, by hand) makes no policies: those of a dump are in the dump.
 * tags_apply() makes what is lacking, policy_holes() tells of it.
 */
#include "pg/privacy/policy_internal.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_seclabel.h"
#include "commands/seclabel.h"
#include "common/hashfn.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "pg/util/features.h"

#define PROVIDER "lakehouse"

/* ---- labels ---- */

/* Letters, digits and ._- : so no tag has to be quoted anywhere. */
static bool
tag_valid(const char *tag)
{
	if (tag[0] == '\0' || strlen(tag) >= NAMEDATALEN)
		return false;
	for (const char *p = tag; *p != '\0'; p++)
		if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
			  *p == '.' || *p == '_' || *p == '-'))
			return false;
	return true;
}

/* The tags of a label; *wrong: one that is none. */
static List *
split(const char *label, const char **wrong)
{
	List	   *tags = NIL;
	char	   *copy = pstrdup(label);
	char	   *next = copy;

	*wrong = NULL;
	while (next != NULL)
	{
		char	   *tag = next;
		char	   *end;

		next = strchr(tag, ',');
		if (next != NULL)
			*next++ = '\0';
		while (*tag == ' ')
			tag++;
		for (end = tag + strlen(tag); end > tag && end[-1] == ' ';)
			*--end = '\0';
		if (!tag_valid(tag))
			*wrong = tag;
		tags = lappend(tags, tag);
	}
	return tags;
}

static bool
contains(List *tags, const char *tag)
{
	ListCell   *cell;

	foreach(cell, tags)
		if (strcmp(lfirst(cell), tag) == 0)
			return true;
	return false;
}

bool
lh_tags_contain(const char *label, const char *tag)
{
	const char *wrong;

	return contains(split(label, &wrong), tag);
}

static void
check_tag(const char *tag)
{
	if (!tag_valid(tag))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME), errmsg("tag \"%s\" is not valid", tag),
				 errdetail("Tags are of letters, digits, points, hyphens and underscores, %d at most.", NAMEDATALEN - 1)));
}

/* SECURITY LABEL FOR lakehouse: who may change what policies are made of. */
static void
check_label(const ObjectAddress *object, const char *label)
{
	const char *wrong = NULL;

	lh_right_require(LH_RIGHT_POLICY_ADMIN, "to tag columns");
	if (object->classId != RelationRelationId || object->objectSubId <= 0)
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("only columns have tags")));
	if (label == NULL)
		return;
	(void) split(label, &wrong);
	if (wrong != NULL)
		check_tag(wrong);
}

void
lh_tags_init(void)
{
	register_label_provider(PROVIDER, check_label);
}

/* ---- policies of tags ---- */

static bool
taggable(Oid relid)
{
	char		relkind = get_rel_relkind(relid);

	return relkind == RELKIND_RELATION || relkind == RELKIND_PARTITIONED_TABLE || relkind == RELKIND_FOREIGN_TABLE ||
		relkind == RELKIND_MATVIEW;
}

/* Each column that has the tag. */
typedef struct Tagged
{
	Oid			relid;
	AttrNumber	attnum;
} Tagged;

static List *
tagged_columns(const char *tag)
{
	Relation	rel = table_open(SecLabelRelationId, AccessShareLock);
	List	   *columns = NIL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_seclabel_classoid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(RelationRelationId));
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		const FormData_pg_seclabel *form = (FormData_pg_seclabel *) GETSTRUCT(tuple);
		bool		isnull;
		Datum		provider = heap_getattr(tuple, Anum_pg_seclabel_provider, RelationGetDescr(rel), &isnull);
		Datum		label = heap_getattr(tuple, Anum_pg_seclabel_label, RelationGetDescr(rel), &isnull);
		Tagged	   *tagged;

		CHECK_FOR_INTERRUPTS();
		if (form->objsubid <= 0 || !taggable(form->objoid) || strcmp(TextDatumGetCString(provider), PROVIDER) != 0 ||
			!lh_tags_contain(TextDatumGetCString(label), tag))
			continue;
		tagged = palloc(sizeof(Tagged));
		tagged->relid = form->objoid;
		tagged->attnum = (AttrNumber) form->objsubid;
		columns = lappend(columns, tagged);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return columns;
}

static const LhPolicy *
made_for(List *policies, const char *origin, Oid relid, AttrNumber attnum)
{
	ListCell   *cell;

	foreach(cell, policies)
	{
		const LhPolicy *policy = lfirst(cell);

		if (policy->origin != NULL && strcmp(policy->origin, origin) == 0 && policy->relid == relid &&
			list_length(policy->columns) == 1 && ((LhPolicyColumn *) linitial(policy->columns))->attnum == attnum)
			return policy;
	}
	return NULL;
}

/* "name:table.column", cut to fit, with a mark of what was cut; unlike any other. */
static char *
made_name(const char *origin, Oid relid, AttrNumber attnum)
{
	char	   *column = get_attname(relid, attnum, false);
	char	   *full = psprintf("%s:%s.%s.%s", origin, get_namespace_name(get_rel_namespace(relid)),
								get_rel_name(relid), column);
	char	   *name = psprintf("%s:%s.%s", origin, get_rel_name(relid), column);
	uint32		salt = hash_bytes((unsigned char *) full, (int) strlen(full));

	if (strlen(name) < NAMEDATALEN && !OidIsValid(lh_hidden_find(LH_HIDDEN_POLICY, name)))
		return name;
	do
	{
		int			keep = pg_mbcliplen(name, (int) strlen(name), NAMEDATALEN - 1 - 9);
		char	   *salted = psprintf("%.*s#%08x", keep, name, salt++);

		if (!OidIsValid(lh_hidden_find(LH_HIDDEN_POLICY, salted)))
			return salted;
		CHECK_FOR_INTERRUPTS();
	} while (true);
}

/* The column's name in place of "value", anywhere in the raw expression. */
static bool
put_name(Node *node, void *name)
{
	if (node == NULL)
		return false;
	if (IsA(node, ColumnRef))
	{
		ColumnRef  *ref = (ColumnRef *) node;

		if (list_length(ref->fields) == 1 && IsA(linitial(ref->fields), String) &&
			strcmp(strVal(linitial(ref->fields)), "value") == 0)
			ref->fields = list_make1(makeString(name));
		return false;
	}
	return raw_expression_tree_walker(node, put_name, name);
}

static void
make_one(const LhPolicy *of_tag, const Tagged *tagged)
{
	LhPolicySpec spec = lh_policy_spec(of_tag);
	LhPolicy	options = {0};

	spec.name = made_name(of_tag->name, tagged->relid, tagged->attnum);
	spec.relid = tagged->relid;
	spec.masks = list_make2(get_attname(tagged->relid, tagged->attnum, false), unconstify(char *, of_tag->tag_mask));
	spec.tag_mask = NULL;
	spec.origin = of_tag->name;
	/* all its options but the tag itself */
	options = *of_tag;
	options.tag = NULL;
	spec.options = lh_policy_options_of(&options);
	spec.substitute = put_name;
	lh_policy_make(&spec);
}

int
lh_tags_apply(const char *name)
{
	List	   *policies = lh_policies_read();
	int			made = 0;
	ListCell   *p,
			   *c;

	foreach(p, policies)
	{
		const LhPolicy *policy = lfirst(p);

		if (policy->tag == NULL || policy->wrong != NULL || (name != NULL && strcmp(policy->name, name) != 0))
			continue;
		foreach(c, tagged_columns(policy->tag))
		{
			const Tagged *tagged = lfirst(c);

			if (made_for(policies, policy->name, tagged->relid, tagged->attnum) != NULL)
				continue;
			make_one(policy, tagged);
			made++;
		}
	}
	return made;
}

void
lh_tags_withdraw(const char *name)
{
	ListCell   *cell;

	foreach(cell, lh_policies_read())
	{
		const LhPolicy *policy = lfirst(cell);

		if (policy->origin != NULL && strcmp(policy->origin, name) == 0)
			lh_hidden_drop(LH_HIDDEN_POLICY, policy->name);
	}
}

/* ---- SQL ---- */

static AttrNumber
column_of(Oid relid, const char *name)
{
	AttrNumber	attnum = get_attnum(relid, name);

	if (attnum <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist", name, get_rel_name(relid))));
	return attnum;
}

static void
check_table(Oid relid)
{
	if (!taggable(relid))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("columns of \"%s\" cannot be tagged", get_rel_name(relid)),
				 errdetail("Those of tables, partitioned tables, foreign tables and materialized views can.")));
}

static void
set_tags(const ObjectAddress *object, List *tags)
{
	StringInfoData label;
	ListCell   *cell;

	initStringInfo(&label);
	foreach(cell, tags)
		appendStringInfo(&label, "%s%s", label.len > 0 ? ", " : "", (char *) lfirst(cell));
	SetSecurityLabel(object, PROVIDER, label.len > 0 ? label.data : NULL);
	lh_hidden_changed();
}

/* Arguments of tag and untag: the column and its tags as they are. */
static List *
present_tags(FunctionCallInfo fcinfo, ObjectAddress *object, const char **tag)
{
	Oid			relid = PG_GETARG_OID(0);
	const char *wrong;
	char	   *label;

	lh_right_require(LH_RIGHT_POLICY_ADMIN, "to tag columns");
	lh_hidden_lock();
	LockRelationOid(relid, ShareUpdateExclusiveLock);
	if (get_rel_name(relid) == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation with OID %u does not exist", relid)));
	check_table(relid);
	ObjectAddressSubSet(*object, RelationRelationId, relid, column_of(relid, NameStr(*PG_GETARG_NAME(1))));
	*tag = text_to_cstring(PG_GETARG_TEXT_PP(2));
	check_tag(*tag);
	label = GetSecurityLabel(object, PROVIDER);
	return label == NULL ? NIL : split(label, &wrong);
}

/* As the audit names it. */
static const char *
column_text(const ObjectAddress *object)
{
	return psprintf("%s.%s.%s", get_namespace_name(get_rel_namespace(object->objectId)), get_rel_name(object->objectId),
					get_attname(object->objectId, (AttrNumber) object->objectSubId, false));
}

PG_FUNCTION_INFO_V1(lakehouse_tag);

Datum
lakehouse_tag(PG_FUNCTION_ARGS)
{
	ObjectAddress object;
	const char *tag;
	List	   *tags = present_tags(fcinfo, &object, &tag);

	lh_privacy_require();
	lh_audit_event("tag", "column", column_text(&object), tag);
	if (!contains(tags, tag))
		set_tags(&object, lappend(tags, unconstify(char *, tag)));
	(void) lh_tags_apply(NULL);
	PG_RETURN_VOID();
}

static void
withdraw_from(const char *tag, Oid relid, AttrNumber attnum)
{
	List	   *policies = lh_policies_read();
	ListCell   *cell;

	foreach(cell, policies)
	{
		const LhPolicy *policy = lfirst(cell);
		const LhPolicy *made;

		if (policy->tag == NULL || strcmp(policy->tag, tag) != 0)
			continue;
		made = made_for(policies, policy->name, relid, attnum);
		if (made != NULL)
			lh_hidden_drop(LH_HIDDEN_POLICY, made->name);
	}
}

PG_FUNCTION_INFO_V1(lakehouse_untag);

Datum
lakehouse_untag(PG_FUNCTION_ARGS)
{
	ObjectAddress object;
	const char *tag;
	List	   *tags = present_tags(fcinfo, &object, &tag);
	List	   *rest = NIL;
	ListCell   *cell;

	foreach(cell, tags)
		if (strcmp(lfirst(cell), tag) != 0)
			rest = lappend(rest, lfirst(cell));
	if (list_length(rest) == list_length(tags))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("column \"%s\" of \"%s\" has no tag \"%s\"", NameStr(*PG_GETARG_NAME(1)),
						get_rel_name(object.objectId), tag)));
	lh_audit_event("untag", "column", column_text(&object), tag);
	set_tags(&object, rest);
	withdraw_from(tag, object.objectId, (AttrNumber) object.objectSubId);
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(lakehouse_tags_apply);

Datum
lakehouse_tags_apply(PG_FUNCTION_ARGS)
{
	lh_privacy_require();
	lh_right_require(LH_RIGHT_POLICY_ADMIN, "to apply policies of tags");
	lh_audit_event("tags_apply", "policy", "all", NULL);
	lh_hidden_lock();
	PG_RETURN_INT32(lh_tags_apply(NULL));
}
