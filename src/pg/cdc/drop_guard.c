/*
 * drop_guard.c
 *		Tables that streams read as they read catalogs stay while a stream has their rows to come.
 *
 * Decoding a change of a table with user_catalog_table looks up where the table lies now, and
 * fails for one that is gone: RelationInitPhysicalAddr (relcache.c), for every output plugin and
 * for good, so that the slot could only be dropped.  DROP EXTENSION would do that to all
 * slots of the database which have the last rows of lakehouse.keys still before them.
 *
 * A slot has none of them before it when it will begin to read behind the last record
 * that changed a page of the table (restart_lsn: it is on disk, as confirmed_flush_lsn need
 * not be, and transactions that it still has to tell do not begin before it).  Records that are no changes of
 * rows, VACUUM's say, count as well: to wait longer than needed does no harm.
 *
 * VACUUM takes no page away meanwhile, as the slots' catalog_xmin keeps the rows in it.  Only TRUNCATE
 * by hand leaves none to look at.
 */
#include "pg/cdc/cdc.h"

#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "replication/slot.h"
#include "storage/bufmgr.h"
#include "utils/lsyscache.h"
#include "utils/pg_lsn.h"
#include "utils/rel.h"
#include "utils/relcache.h"

static object_access_hook_type next_object_access;

/* The last record that changed a page of the table, which is locked. */
static XLogRecPtr
last_change(Relation relation)
{
	BlockNumber n = RelationGetNumberOfBlocks(relation);
	XLogRecPtr	last = InvalidXLogRecPtr;

	for (BlockNumber i = 0; i < n; i++)
	{
		Buffer		buffer = ReadBuffer(relation, i);
		XLogRecPtr	lsn;

		CHECK_FOR_INTERRUPTS();
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		lsn = BufferGetLSNAtomic(buffer);
		UnlockReleaseBuffer(buffer);
		last = Max(last, lsn);
	}
	return last;
}

/* One that was invalidated reads nothing any more. */
static bool
is_readable(const ReplicationSlotPersistentData *slot)
{
#if PG_VERSION_NUM >= 160000
	if (slot->invalidated != RS_INVAL_NONE)
		return false;
#endif
	return !XLogRecPtrIsInvalid(slot->restart_lsn);
}

/* Names of the logical slots of this database that begin to read at or before the record. */
static char *
slots_before(XLogRecPtr last)
{
	StringInfoData names;

	initStringInfo(&names);
	LWLockAcquire(ReplicationSlotControlLock, LW_SHARED);
	for (int i = 0; i < max_replication_slots; i++)
	{
		ReplicationSlot *slot = &ReplicationSlotCtl->replication_slots[i];
		ReplicationSlotPersistentData data;

		if (!slot->in_use)
			continue;
		SpinLockAcquire(&slot->mutex);
		data = slot->data;
		SpinLockRelease(&slot->mutex);
		if (data.database == MyDatabaseId && is_readable(&data) && data.restart_lsn <= last)
			appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "", NameStr(data.name));
	}
	LWLockRelease(ReplicationSlotControlLock);
	return names.len > 0 ? names.data : NULL;
}

static void
check_drop(Oid relid)
{
	Relation	relation;
	XLogRecPtr	last = InvalidXLogRecPtr;
	char	   *slots = NULL;

	relation = RelationIdGetRelation(relid);
	if (!RelationIsValid(relation))
		return;
	if (RelationIsUsedAsCatalogTable(relation))
		last = last_change(relation);
	if (!XLogRecPtrIsInvalid(last))
		slots = slots_before(last);
	if (slots != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("cannot drop table \"%s\" while streams have not read its last rows", RelationGetRelationName(relation)),
				 errdetail("Replication slots that begin before %X/%X could not be read any more: %s.",
						   LSN_FORMAT_ARGS(last), slots),
				 errhint("Let their consumers read on, with the help of lakehouse.cdc_heartbeat(), until restart_lsn in pg_replication_slots is behind that, or drop them.")));
	RelationClose(relation);
}

/* Of a table that is rewritten the old pages go, under another name: the table stays. */
static bool
is_rewrite(const ObjectAccessDrop *drop)
{
	return drop != NULL && (drop->dropflags & PERFORM_DELETION_INTERNAL) != 0;
}

static void
object_access(ObjectAccessType access, Oid classid, Oid objid, int subid, void *arg)
{
	if (next_object_access != NULL)
		next_object_access(access, classid, objid, subid, arg);
	if (access == OAT_DROP && classid == RelationRelationId && subid == 0 && objid >= FirstNormalObjectId &&
		XLogLogicalInfoActive() && IsTransactionState() && !is_rewrite(arg) && get_rel_relkind(objid) == RELKIND_RELATION &&
		get_rel_namespace(objid) == get_namespace_oid("lakehouse", true))
		check_drop(objid);
}

void
lh_cdc_drop_guard_init(void)
{
	next_object_access = object_access_hook;
	object_access_hook = object_access;
}
