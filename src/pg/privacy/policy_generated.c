/*
 * policy_generated.c
 *		Generated columns that are made from masked ones.
 *
 * Such a column is computed from the row as it is, be it stored or not (18), and is shown as it is when no policy masks it.  That may be
 * wanted: a year is less than a date of birth.  So nothing is refused: who makes or changes a policy is warned, and policy_holes() lists
 * what is there.
 */
#include "pg/privacy/policy_internal.h"

#include "access/relation.h"
#include "access/sysattr.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "commands/seclabel.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

static bool
masks(const LhPolicy *policy, Oid relid, AttrNumber attnum)
{
	ListCell   *cell;

	foreach(cell, policy->columns)
	{
		const LhPolicyColumn *column = lfirst(cell);

		if (column->mask != NULL && lh_policy_map_column(policy->relid, column->attnum, relid) == attnum)
			return true;
	}
	return false;
}

static bool
same_origin(const LhPolicy *a, const LhPolicy *b)
{
	return a->origin != NULL && b->origin != NULL && strcmp(a->origin, b->origin) == 0;
}

/* Does another policy hold for all that this one does, always? */
static bool
covers(const LhPolicy *other, const LhPolicySpec *spec)
{
	LhPolicySpec of = lh_policy_spec(other);

	return other->purposes == NIL && other->except_purposes == NIL && other->until == DT_NOEND && !other->session_user &&
		(list_member_oid(of.for_roles, ACL_ID_PUBLIC) || list_difference_oid(spec->for_roles, of.for_roles) == NIL) &&
		list_difference_oid(of.except_roles, spec->except_roles) == NIL;
}

static bool
tagged(Oid relid, AttrNumber attnum, const char *tag)
{
	ObjectAddress object;
	const char *label;

	if (attnum == InvalidAttrNumber)
		return false;
	ObjectAddressSubSet(object, RelationRelationId, relid, attnum);
	label = GetSecurityLabel(&object, "lakehouse");
	return label != NULL && lh_tags_contain(label, tag);
}

/* By another policy, or by one that is about to be made of the same tag. */
static bool
masked_otherwise(const LhPolicySpec *spec, const LhPolicy *policy, List *policies, Oid relid, AttrNumber attnum)
{
	const char *tag;
	ListCell   *cell;

	foreach(cell, policies)
	{
		const LhPolicy *other = lfirst(cell);

		if (other->wrong == NULL && OidIsValid(other->relid) && strcmp(other->name, policy->name) != 0 &&
			masks(other, relid, attnum) && (same_origin(policy, other) || covers(other, spec)))
			return true;
	}
	if (policy->origin == NULL || !OidIsValid(lh_hidden_find(LH_HIDDEN_POLICY, policy->origin)))
		return false;
	tag = lh_policy_named(policy->origin)->tag;
	/* or its parent's column */
	return tag != NULL && (tagged(relid, attnum, tag) || tagged(policy->relid, lh_policy_map_column(relid, attnum, policy->relid), tag));
}

/* A masked column that the expression reads; InvalidAttrNumber: none. */
static AttrNumber
masked_source(const LhPolicy *policy, Oid relid, const char *expression)
{
	Bitmapset  *columns = NULL;
	int			column = -1;

	pull_varattnos(stringToNode(expression), 1, &columns);
	while ((column = bms_next_member(columns, column)) >= 0)
	{
		AttrNumber	attnum = column + FirstLowInvalidHeapAttributeNumber;

		if (attnum > 0 && masks(policy, relid, attnum))
			return attnum;
	}
	return InvalidAttrNumber;
}

/* Partitions have the columns of their parents: each name once. */
static List *
warn_of_relation(const LhPolicySpec *spec, const LhPolicy *policy, List *policies, Oid relid, List *warned)
{
	Relation	rel = try_relation_open(relid, AccessShareLock);
	TupleDesc	desc;

	if (rel == NULL)
		return warned;
	desc = RelationGetDescr(rel);
	for (int i = 0; desc->constr != NULL && i < desc->constr->num_defval; i++)
	{
		AttrNumber	attnum = desc->constr->defval[i].adnum;
		Form_pg_attribute att = TupleDescAttr(desc, attnum - 1);
		AttrNumber	source;

		if (att->attgenerated == '\0' || list_member(warned, makeString(NameStr(att->attname))) || masks(policy, relid, attnum))
			continue;
		source = masked_source(policy, relid, desc->constr->defval[i].adbin);
		if (source == InvalidAttrNumber || masked_otherwise(spec, policy, policies, relid, attnum))
			continue;
		ereport(WARNING,
				(errmsg("generated column \"%s\" of \"%s\" is made from \"%s\", which policy \"%s\" masks, and is shown as it is",
						NameStr(att->attname), RelationGetRelationName(rel), get_attname(relid, source, false), policy->name),
				 errhint("Mask it as well, unless what it tells of the other may be known.")));
		warned = lappend(warned, makeString(pstrdup(NameStr(att->attname))));
	}
	relation_close(rel, AccessShareLock);
	return warned;
}

void
lh_policy_warn_of_generated(const LhPolicySpec *spec, const LhPolicy *policy)
{
	List	   *policies = lh_policies_read();
	List	   *warned = warn_of_relation(spec, policy, policies, policy->relid, NIL);
	ListCell   *cell;

	foreach(cell, lh_policy_descendants(policy->relid))
	{
		CHECK_FOR_INTERRUPTS();
		warned = warn_of_relation(spec, policy, policies, lfirst_oid(cell), warned);
	}
	foreach(cell, lh_policy_ancestors(policy->relid))
		warned = warn_of_relation(spec, policy, policies, lfirst_oid(cell), warned);
}
