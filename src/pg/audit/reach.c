/*
 * reach.c
 *		Relations that a utility statement reaches without naming them.
 *
 *	TRUNCATE				children and partitions; with CASCADE what refers to them
 *	DROP, DROP OWNED		what goes with what is dropped: all that is in a schema, of an extension or an owner, partitions; with CASCADE views
 *							over tables, and tables that lose a column of a type
 *	VACUUM, ANALYZE, CLUSTER, REINDEX	of a partitioned table its partitions; of a schema, or of everything, all that the user may do it to
 *
 * It is found in the catalogs before the statement runs, as its record comes before it.  No locks are taken that the statement itself
 * would not take; what others make or drop meanwhile may be in the record and not in what was done, or the other way round.
 *
 * The objects that go are found as PostgreSQL finds them (dependency.c): from an object to those that depend on it, and from a part to its whole.
 */
#include "pg/audit/audit.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/heap.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_database.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_foreign_data_wrapper.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_shdepend.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "commands/user.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_func.h"
#include "parser/parse_type.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"

#include "pg/util/features.h"

/* ---- sets ---- */

/* Relations in the order in which they were found, once each. */
typedef struct Found
{
	List	   *relations;
	HTAB	   *seen;			/* of ObjectAddress */
	List	   *left;			/* ObjectAddress: what hangs on it was not looked for yet */
} Found;

static Found
found_none(void)
{
	HASHCTL		ctl = {.keysize = sizeof(ObjectAddress), .entrysize = sizeof(ObjectAddress), .hcxt = CurrentMemoryContext};

	return (Found) {.seen = hash_create("lakehouse audit, reached objects", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT)};
}

/* In place of a column's number: the relation is in the list. */
#define LISTED (-1)

static bool
has_rows(char relkind)
{
	return relkind == RELKIND_RELATION || relkind == RELKIND_PARTITIONED_TABLE || relkind == RELKIND_VIEW || relkind == RELKIND_MATVIEW ||
		relkind == RELKIND_FOREIGN_TABLE;
}

static void
add_object(Found *found, Oid class, Oid object, int32 part)
{
	ObjectAddress address = {.classId = class, .objectId = object, .objectSubId = part};
	bool		there;

	if (!OidIsValid(object))
		return;
	(void) hash_search(found->seen, &address, HASH_ENTER, &there);
	if (there)
		return;
	found->left = lappend(found->left, memcpy(palloc(sizeof(address)), &address, sizeof(address)));
	if (class != RelationRelationId || !has_rows(get_rel_relkind(object)))
		return;
	/* once, whether it was found itself or by its columns */
	address.objectSubId = LISTED;
	(void) hash_search(found->seen, &address, HASH_ENTER, &there);
	if (!there)
		found->relations = lappend_oid(found->relations, object);
}

static void
add_table(Found *found, Oid relid)
{
	add_object(found, RelationRelationId, relid, 0);
}

/* ---- what goes with an object ---- */

/* Those that depend on it; cascade: also those that RESTRICT would refuse for. */
static void
add_dependents(Found *found, Relation depend, const ObjectAddress *on, bool cascade)
{
	ScanKeyData key[3];
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(on->classId));
	ScanKeyInit(&key[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(on->objectId));
	ScanKeyInit(&key[2], Anum_pg_depend_refobjsubid, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(on->objectSubId));
	scan = systable_beginscan(depend, DependReferenceIndexId, true, NULL, on->objectSubId != 0 ? 3 : 2, key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		if (cascade || form->deptype != DEPENDENCY_NORMAL)
			add_object(found, form->classid, form->objid, form->objsubid);
	}
	systable_endscan(scan);
}

/* A part (the rule of a view) takes its whole with it. */
static void
add_wholes(Found *found, Relation depend, const ObjectAddress *of)
{
	ScanKeyData key[2];
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key[0], Anum_pg_depend_classid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(of->classId));
	ScanKeyInit(&key[1], Anum_pg_depend_objid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(of->objectId));
	scan = systable_beginscan(depend, DependDependerIndexId, true, NULL, 2, key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		if (form->deptype == DEPENDENCY_INTERNAL && form->objsubid == of->objectSubId)
			add_object(found, form->refclassid, form->refobjid, form->refobjsubid);
	}
	systable_endscan(scan);
}

static void
add_all_that_goes(Found *found, bool cascade)
{
	Relation	depend = table_open(DependRelationId, AccessShareLock);

	/* it grows while we walk */
	for (int i = 0; i < list_length(found->left); i++)
	{
		const ObjectAddress *object = list_nth(found->left, i);

		CHECK_FOR_INTERRUPTS();
		add_dependents(found, depend, object, cascade);
		add_wholes(found, depend, object);
	}
	table_close(depend, AccessShareLock);
}

/* ---- DROP ---- */

/* By name, as it is now; what is not there, or of a kind on which no relation can hang, is left to PostgreSQL. */
static void
add_dropped(Found *found, ObjectType type, Node *name)
{
	switch (type)
	{
		case OBJECT_TABLE:
		case OBJECT_VIEW:
		case OBJECT_MATVIEW:
		case OBJECT_FOREIGN_TABLE:
			add_table(found, RangeVarGetRelid(makeRangeVarFromNameList(castNode(List, name)), NoLock, true));
			break;
		case OBJECT_SCHEMA:
			add_object(found, NamespaceRelationId, get_namespace_oid(strVal(name), true), 0);
			break;
		case OBJECT_TYPE:
		case OBJECT_DOMAIN:
			add_object(found, TypeRelationId, LookupTypeNameOid(NULL, castNode(TypeName, name), true), 0);
			break;
		case OBJECT_FUNCTION:
		case OBJECT_PROCEDURE:
		case OBJECT_ROUTINE:
		case OBJECT_AGGREGATE:
			add_object(found, ProcedureRelationId, LookupFuncWithArgs(type, castNode(ObjectWithArgs, name), true), 0);
			break;
		case OBJECT_EXTENSION:
			add_object(found, ExtensionRelationId, get_extension_oid(strVal(name), true), 0);
			break;
		case OBJECT_FOREIGN_SERVER:
			add_object(found, ForeignServerRelationId, get_foreign_server_oid(strVal(name), true), 0);
			break;
		case OBJECT_FDW:
			add_object(found, ForeignDataWrapperRelationId, get_foreign_data_wrapper_oid(strVal(name), true), 0);
			break;
		case OBJECT_COLLATION:
			add_object(found, CollationRelationId, get_collation_oid(castNode(List, name), true), 0);
			break;
		default:
			break;
	}
}

List *
lh_audit_reached_by_drop(const DropStmt *stmt)
{
	Found		found = found_none();
	ListCell   *lc;

	foreach(lc, stmt->objects)
		add_dropped(&found, stmt->removeType, lfirst(lc));
	add_all_that_goes(&found, stmt->behavior == DROP_CASCADE);
	return found.relations;
}

/* Objects of this database that the roles own. */
static void
add_owned(Found *found, Oid role)
{
	Relation	depend = table_open(SharedDependRelationId, AccessShareLock);
	ScanKeyData key[2];
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key[0], Anum_pg_shdepend_refclassid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(AuthIdRelationId));
	ScanKeyInit(&key[1], Anum_pg_shdepend_refobjid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(role));
	scan = systable_beginscan(depend, SharedDependReferenceIndexId, true, NULL, 2, key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_shdepend form = (Form_pg_shdepend) GETSTRUCT(tuple);

		if (form->dbid == MyDatabaseId && form->deptype == SHARED_DEPENDENCY_OWNER)
			add_object(found, form->classid, form->objid, form->objsubid);
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);
}

List *
lh_audit_reached_by_drop_owned(const DropOwnedStmt *stmt)
{
	Found		found = found_none();
	ListCell   *lc;

	foreach(lc, roleSpecsToIds(stmt->roles))
		add_owned(&found, lfirst_oid(lc));
	add_all_that_goes(&found, stmt->behavior == DROP_CASCADE);
	return found.relations;
}

/* ---- TRUNCATE ---- */

static void
add_with_children(Found *found, Oid relid, bool children)
{
	ListCell   *lc;

	add_table(found, relid);
	if (!OidIsValid(relid) || !children)
		return;
	foreach(lc, find_all_inheritors(relid, NoLock, NULL))
		add_table(found, lfirst_oid(lc));
}

List *
lh_audit_reached_by_truncate(const TruncateStmt *stmt)
{
	Found		found = found_none();
	List	   *more;
	ListCell   *lc;

	foreach(lc, stmt->relations)
	{
		const RangeVar *name = lfirst(lc);

		add_table(&found, RangeVarGetRelid(name, NoLock, true));
	}
	foreach(lc, stmt->relations)
	{
		const RangeVar *name = lfirst(lc);

		add_with_children(&found, RangeVarGetRelid(name, NoLock, true), name->inh);
	}
	if (stmt->behavior != DROP_CASCADE)
		return found.relations;
	while (found.relations != NIL && (more = heap_truncate_find_FKs(found.relations)) != NIL)
	{
		CHECK_FOR_INTERRUPTS();
		foreach(lc, more)
			add_with_children(&found, lfirst_oid(lc), true);
	}
	return found.relations;
}

/* ---- VACUUM, ANALYZE, CLUSTER, REINDEX ---- */

static bool
owns_database(void)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(DatabaseRelationId, MyDatabaseId, GetUserId());
#else
	return pg_database_ownercheck(MyDatabaseId, GetUserId());
#endif
}

static bool
may_maintain(Oid relid)
{
#if PG_VERSION_NUM >= 170000
	return pg_class_aclcheck(relid, GetUserId(), ACL_MAINTAIN) == ACLCHECK_OK;
#else
	return lh_relation_owner(relid, GetUserId());
#endif
}

/* Tables and materialized views of a schema, or of all; mine: that the user may do it to. */
static List *
all_tables(Oid schema, bool mine)
{
	Relation	class = table_open(RelationRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(class, InvalidOid, false, NULL, 0, NULL);
	List	   *list = NIL;
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		if ((form->relkind == RELKIND_RELATION || form->relkind == RELKIND_PARTITIONED_TABLE || form->relkind == RELKIND_MATVIEW) &&
			(!OidIsValid(schema) || form->relnamespace == schema) && (!mine || may_maintain(form->oid)))
			list = lappend_oid(list, form->oid);
	}
	systable_endscan(scan);
	table_close(class, AccessShareLock);
	list_sort(list, list_oid_cmp);
	return list;
}

/* Of a partitioned table its partitions, after all that is named. */
static List *
with_partitions(List *named)
{
	Found		found = found_none();
	ListCell   *lc;

	foreach(lc, named)
		add_table(&found, lfirst_oid(lc));
	foreach(lc, named)
		add_with_children(&found, lfirst_oid(lc), get_rel_relkind(lfirst_oid(lc)) == RELKIND_PARTITIONED_TABLE);
	return found.relations;
}

List *
lh_audit_reached_by_vacuum(List *named)
{
	return named != NIL ? with_partitions(named) : all_tables(InvalidOid, !owns_database());
}

List *
lh_audit_reached_by_reindex(const ReindexStmt *stmt, List *named)
{
	if (stmt->kind == REINDEX_OBJECT_SCHEMA)
	{
		Oid			schema = get_namespace_oid(stmt->name, true);

		return OidIsValid(schema) ? all_tables(schema, false) : NIL;
	}
	if (stmt->kind == REINDEX_OBJECT_DATABASE)
		return all_tables(InvalidOid, false);
	return with_partitions(named);
}

/* Without a table: all that were clustered before. */
List *
lh_audit_reached_by_cluster(List *named)
{
	Relation	index;
	ScanKeyData key;
	SysScanDesc scan;
	List	   *list = NIL;
	HeapTuple	tuple;

	if (named != NIL)
		return with_partitions(named);
	index = table_open(IndexRelationId, AccessShareLock);
	ScanKeyInit(&key, Anum_pg_index_indisclustered, BTEqualStrategyNumber, F_BOOLEQ, BoolGetDatum(true));
	scan = systable_beginscan(index, InvalidOid, false, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Oid			relid = ((Form_pg_index) GETSTRUCT(tuple))->indrelid;

		if (may_maintain(relid))
			list = lappend_oid(list, relid);
	}
	systable_endscan(scan);
	table_close(index, AccessShareLock);
	list_sort(list, list_oid_cmp);
	return list;
}

/* ---- all ---- */

List *
lh_audit_told(const LhAuditUtility *what, uint64 *more)
{
	List	   *first = NIL;
	List	   *rest = NIL;
	uint64		n = 0;
	ListCell   *lc;

	foreach(lc, what->relations)
	{
		Oid			relid = lfirst_oid(lc);
		bool		before = foreach_current_index(lc) < what->named || (lh_features.has_policy != NULL && lh_features.has_policy(relid));

		if (!lh_audit_is_told(relid))
			continue;
		n++;
		if (before && list_length(first) < LH_AUDIT_RELATIONS_MOST)
			first = lappend_oid(first, relid);
		else if (list_length(rest) < LH_AUDIT_RELATIONS_MOST)
			rest = lappend_oid(rest, relid);
	}
	first = list_concat(first, rest);
	if (list_length(first) > LH_AUDIT_RELATIONS_MOST)
		first = list_truncate(first, LH_AUDIT_RELATIONS_MOST);
	*more = n - list_length(first);
	return first;
}
