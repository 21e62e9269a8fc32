/*
 * present.c
 *		The present catalog, for a moment, while a past one is decoded under.
 *
 * PostgreSQL decodes a row under the catalog as it was when the row was written.  Policies are the present ones, so
 * that catalog is put aside while they are read:
 *
 *	1. the historic snapshot goes, and with it the watch over the transaction that is decoded (CheckXidAlive);
 *	2. what caches know of the past is dropped.  The table whose row is at hand is open, and its
 *	   entry has to stay what it is, so entries of the relcache stay, but for the extension's own tables, which may be
 *	   read;
 *	3. afterwards all caches are dropped, under the historic snapshot again: the table at hand is read anew from the past, as
 *	   an invalidation that came meanwhile may have made it one of the present.
 *
 * Callbacks of invalidation are not called: nothing changed, and what policies and keys have cached is of the present.
 *
 * An ERROR needs no care: decoding ends, and takes the historic snapshot with it.
 *
 * What is read is there: a slot keeps the rows of catalogs from its catalog_xmin on, which is older than any snapshot of now.
 */
#include "pg/cdc/cdc.h"

#include "access/xact.h"
#include "utils/catcache.h"
#include "utils/snapmgr.h"

void
lh_cdc_present_begin(LhCdc *cdc, LhCdcPresent *was)
{
	ListCell   *lc;

	*was = (LhCdcPresent) {.historic = HistoricSnapshotActive()};
	if (!was->historic)
		return;
	was->snapshot = GetCatalogSnapshot(InvalidOid);
	was->tuplecids = HistoricSnapshotGetTupleCids();
	was->alive = CheckXidAlive;
	was->scanning = bsysscan;
	TeardownHistoricSnapshot(false);
	CheckXidAlive = InvalidTransactionId;
	bsysscan = false;
	InvalidateCatalogSnapshot();
	ResetCatalogCaches();
	foreach(lc, lh_cdc_own_tables(cdc))
		RelationCacheInvalidateEntry(lfirst_oid(lc));
}

void
lh_cdc_present_end(const LhCdcPresent *was)
{
	if (!was->historic)
		return;
	SetupHistoricSnapshot(was->snapshot, was->tuplecids);
	CheckXidAlive = was->alive;
	bsysscan = was->scanning;
	lh_cdc_drop_caches();
}

void
lh_cdc_drop_caches(void)
{
	InvalidateCatalogSnapshot();
	ResetCatalogCaches();
	RelationCacheInvalidate(false);
}
