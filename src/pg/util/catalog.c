/*
 * catalog.c
 *		Questions to catalogs that several features ask.
 */
#include "pg/util/catalog.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/xlog.h"
#include "catalog/indexing.h"
#include "catalog/pg_depend.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

List *
lh_pg_dependents(Oid class, Oid object, Oid dependent_class, char type)
{
	Relation	rel = table_open(DependRelationId, AccessShareLock);
	List	   *found = NIL;
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(class));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(object));
	scan = systable_beginscan(rel, DependReferenceIndexId, true, NULL, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend d = (Form_pg_depend) GETSTRUCT(tuple);

		if (d->classid == dependent_class && (type == 0 || d->deptype == type))
			found = list_append_unique_oid(found, d->objid);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

AttrNumber
lh_pg_copy_column(Relation rel, const char *name)
{
	TupleDesc	desc = RelationGetDescr(rel);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped || strcmp(NameStr(att->attname), name) != 0)
			continue;
		if (att->attgenerated)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
					 errmsg("column \"%s\" is a generated column", name),
					 errdetail("Generated columns cannot be used in COPY.")));
		return att->attnum;
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("column \"%s\" of relation \"%s\" does not exist", name, RelationGetRelationName(rel))));
}

/* ---- the catalog of now ---- */

static Snapshot catalog_now = NULL;

void
lh_pg_set_catalog_now(Snapshot snapshot)
{
	catalog_now = snapshot;
}

Snapshot
lh_pg_catalog_now(Oid relid)
{
	return catalog_now != NULL ? catalog_now : GetNonHistoricCatalogSnapshot(relid);
}

/* Those that have not committed; the others go.  Whether one went. */
static bool
keep_running(TransactionId *xids, uint32 *n)
{
	uint32		kept = 0;
	bool		gone;

	for (uint32 i = 0; i < *n; i++)
	{
		if (i % 4096 == 0)
			CHECK_FOR_INTERRUPTS();
		if (!TransactionIdDidCommit(xids[i]))
			xids[kept++] = xids[i];
	}
	gone = kept < *n;
	*n = kept;
	return gone;
}

/* What began after the last transaction that ended is running for the snapshot, without being listed. */
static void
add_later(Snapshot s, TransactionId next)
{
	TransactionId *xids;

	if (!TransactionIdPrecedes(s->xmax, next))
		return;
	xids = palloc(sizeof(TransactionId) * ((Size) s->xcnt + (uint32) (next - s->xmax)));
	if (s->xcnt > 0)
		memcpy(xids, s->xip, sizeof(TransactionId) * s->xcnt);
	for (TransactionId xid = s->xmax; TransactionIdPrecedes(xid, next);)
	{
		xids[s->xcnt++] = xid;
		TransactionIdAdvance(xid);
	}
	s->xip = xids;
	s->xmax = next;
}

/*
 * One that commits while they are asked would be there in part: seen as running, and its subtransactions as committed, or the other way
 * round.  So they are asked until none goes: then all that is left was running when the last round began, and all that
 * went had committed before.
 */
Snapshot
lh_pg_snapshot_of_committed(void)
{
	Snapshot	s;
	uint32		subs;
	bool		gone;
	bool		found = false;

	if (RecoveryInProgress())
		return NULL;
	/* a copy, which is ours to change */
	s = RegisterSnapshot(GetNonHistoricCatalogSnapshot(InvalidOid));
	/* with too many subtransactions their parents are looked up: there is no list, whatever its length is said to be */
	subs = s->suboverflowed ? 0 : (uint32) s->subxcnt;
	do
	{
		add_later(s, ReadNextTransactionId());
		gone = keep_running(s->xip, &s->xcnt);
		gone |= keep_running(s->subxip, &subs);
		found |= gone;
	} while (gone);
	s->subxcnt = (int32) subs;
	if (found)
		return s;
	UnregisterSnapshot(s);
	return NULL;
}
