/*
 * hidden_watch.c
 *		Changes of definitions are noticed, and not all are let pass.
 *
 * Who caches definitions is told of a change by an invalidation of the relcache:
 *
 *	1. that of the anchor, which every change sends that comes through lh_hidden_put and its like, or, as
 *	   views come in by pg_restore and go by DROP ... CASCADE, through the hook on objects that is installed here;
 *	2. that of a view that was read before: GRANT, ALTER and CREATE OR REPLACE send it by themselves.
 *
 * An extension that is created while a backend believes that there is none is noticed by its schemas.
 *
 * DROP TABLE ... CASCADE by a table's owner would take a policy with it, and DROP COLUMN ... CASCADE the masks of
 * all other columns: a definition goes only by who may administer policies.
 */
#include "pg/privacy/hidden.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "pg/privacy/hidden_internal.h"

#define MAX_WATCHERS 8

static void (*watchers[MAX_WATCHERS]) (void);
static int	nwatchers = 0;
static bool registered = false;

static Oid	anchor = InvalidOid;	/* as it was when definitions were read last */
static HTAB *known = NULL;			/* views that were read: Oid */

static object_access_hook_type next_object_access;

static void
tell(void)
{
	for (int i = 0; i < nwatchers; i++)
		watchers[i]();
}

static void
relcache_changed(Datum arg, Oid relid)
{
	if (!OidIsValid(relid) || relid == anchor ||
		(known != NULL && hash_search(known, &relid, HASH_FIND, NULL) != NULL))
		tell();
}

/* A schema came or went: perhaps the extension. */
static void
schemas_changed(Datum arg, int cacheid, uint32 hash)
{
	anchor = InvalidOid;
	tell();
}

static void
listen(void)
{
	if (registered)
		return;
	CacheRegisterRelcacheCallback(relcache_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, schemas_changed, (Datum) 0);
	registered = true;
}

void
lh_hidden_watch(void (*changed) (void))
{
	listen();
	if (nwatchers >= MAX_WATCHERS)
		elog(ERROR, "too many watch definitions");
	watchers[nwatchers++] = changed;
}

/*
 * Names are not enough: who may create schemas in a database without the extension could make all of these himself, and policies
 * grant.
 */
static bool
of_extension(Oid classid, Oid objid)
{
	Oid			extension = get_extension_oid("lakehouse", true);

	return OidIsValid(extension) && getExtensionOfObject(classid, objid) == extension;
}

static Oid
find_anchor(void)
{
	Oid			schema = get_namespace_oid("lakehouse", true);
	Oid			relid = OidIsValid(schema) ? get_relname_relid("privacy_anchor", schema) : InvalidOid;

	return OidIsValid(relid) && of_extension(RelationRelationId, relid) ? relid : InvalidOid;
}

Oid
lh_hidden_schema(LhHiddenKind kind)
{
	Oid			schema;

	listen();
	/* before anything is read: a change after this is told */
	anchor = find_anchor();
	schema = OidIsValid(anchor) ? get_namespace_oid(lh_hidden_schemas[kind], true) : InvalidOid;
	return OidIsValid(schema) && of_extension(NamespaceRelationId, schema) ? schema : InvalidOid;
}

void
lh_hidden_know(Oid view)
{
	listen();
	if (known == NULL)
	{
		HASHCTL		ctl = {.keysize = sizeof(Oid), .entrysize = sizeof(Oid), .hcxt = TopMemoryContext};

		known = hash_create("lakehouse definitions", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	(void) hash_search(known, &view, HASH_ENTER, NULL);
}

static void
announce(void)
{
	Oid			relid = find_anchor();

	/* it may be going in this very transaction, with the extension */
	if (OidIsValid(relid) && SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)))
		CacheInvalidateRelcacheByRelid(relid);
}

void
lh_hidden_changed(void)
{
	announce();
	CommandCounterIncrement();
}

void
lh_hidden_lock(void)
{
	Oid			relid = find_anchor();

	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("extension \"lakehouse\" is not in this database"),
				 errhint("CREATE EXTENSION lakehouse.")));
	LockRelationOid(relid, ShareRowExclusiveLock);
}

/* ---- the hook ---- */

/* The schema of a relation that may have been made by this very command. */
static Oid
schema_of(Oid relid)
{
	Relation	rel = table_open(RelationRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	Oid			schema = InvalidOid;

	ScanKeyInit(&key, Anum_pg_class_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(rel, ClassOidIndexId, true, SnapshotSelf, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		schema = ((Form_pg_class) GETSTRUCT(tuple))->relnamespace;
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return schema;
}

static bool
is_hidden(Oid relid)
{
	Oid			schema = schema_of(relid);

	return OidIsValid(schema) && (schema == get_namespace_oid(lh_hidden_schemas[LH_HIDDEN_POLICY], true) ||
								  schema == get_namespace_oid(lh_hidden_schemas[LH_HIDDEN_DOMAIN], true));
}

static void
refuse_drop(Oid relid)
{
	char	   *name = get_rel_name(relid);

	if (superuser() || lh_right_has(LH_RIGHT_POLICY_ADMIN, GetUserId()))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to drop policy or domain \"%s\" with what it is about", name != NULL ? name : ""),
			 errdetail("It takes the right \"policy_admin\"."),
			 errhint("Who has it can drop it with lakehouse.policy_drop() or lakehouse.domain_drop() first.")));
}

static void
object_access(ObjectAccessType access, Oid classid, Oid objid, int subid, void *arg)
{
	if (next_object_access != NULL)
		next_object_access(access, classid, objid, subid, arg);
	if (classid != RelationRelationId || subid != 0 || objid < FirstNormalObjectId || !IsTransactionState())
		return;
	if (access != OAT_POST_CREATE && access != OAT_POST_ALTER && access != OAT_DROP)
		return;
	if (!is_hidden(objid))
		return;
	if (access == OAT_DROP)
		refuse_drop(objid);
	announce();
}

void
lh_hidden_init(void)
{
	next_object_access = object_access_hook;
	object_access_hook = object_access;
}
