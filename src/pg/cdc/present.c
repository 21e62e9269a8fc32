/*
 * present.c
 *		The present catalog, for a moment, while a past one is decoded under.
 *
 * PostgreSQL decodes a row under the catalog as it was when the row was written.  Policies are the present ones, so
 * that catalog is put aside while they are read:
 *
 *	1. the historic snapshot goes, and with it the watch over the transaction that is decoded (CheckXidAlive);
 *	2. what the caches of system catalogs know of the past is dropped, and afterwards what they know of the present;
 *	3. entries of the relcache stay: an SQL function's caller has relations open that are not there yet in the past.  Who
 *	   reads policies opens system catalogs, which are of no time, and tables of the extension, which are dropped on both ways;
 *	4. tables whose rows are at hand are read anew from the past afterwards, as an invalidation that came meanwhile may have
 *	   made them ones of the present.
 *
 * The present is what has committed, even where a session waits for a synchronous standby before it tells others: the standby may be the
 * receiver of this stream, and a policy holds for what comes after it in the log.  Such transactions are in sight by a snapshot in the place
 * of the historic one.
 *
 * Callbacks of invalidation are not called: nothing changed, and what policies and keys have cached is of the present; but when a stream
 * begins while there are such transactions.
 *
 * After an ERROR decoding ends, and takes the historic snapshot with it; ours goes before.
 *
 * What is read is there: a slot keeps the rows of catalogs from its catalog_xmin on, which is older than any snapshot of now.
 */
#include "pg/cdc/cdc.h"
#include "pg/util/catalog.h"

#include "access/xact.h"
#include "utils/catcache.h"
#include "utils/inval.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

static void
drop(LhCdc *cdc)
{
	ListCell   *lc;

	InvalidateCatalogSnapshot();
	ResetCatalogCaches();
	foreach(lc, lh_cdc_own_tables(cdc))
		RelationCacheInvalidateEntry(lfirst_oid(lc));
}

void
lh_cdc_present_begin(LhCdc *cdc, LhCdcPresent *was)
{
	*was = (LhCdcPresent) {.historic = HistoricSnapshotActive()};
	if (was->historic)
	{
		was->snapshot = GetCatalogSnapshot(InvalidOid);
		was->tuplecids = HistoricSnapshotGetTupleCids();
		was->alive = CheckXidAlive;
		was->scanning = bsysscan;
		TeardownHistoricSnapshot(false);
		CheckXidAlive = InvalidTransactionId;
		bsysscan = false;
		drop(cdc);
	}
	/* queries see what other queries see */
	if (cdc->pg == NULL)
		return;
	was->committed = lh_pg_snapshot_of_committed();
	if (was->committed == NULL)
		return;
	/* nobody has told us of them: what was cached before this stream began may be without them, and their changes need not come by it */
	if (cdc->policies == NULL)
		InvalidateSystemCaches();
	else if (!was->historic)
		drop(cdc);
	SetupHistoricSnapshot(was->committed, NULL);
	lh_pg_set_catalog_now(was->committed);
}

void
lh_cdc_present_failed(const LhCdcPresent *was)
{
	if (was->committed == NULL)
		return;
	lh_pg_set_catalog_now(NULL);
	TeardownHistoricSnapshot(true);
}

void
lh_cdc_present_end(LhCdc *cdc, const LhCdcPresent *was)
{
	if (was->committed != NULL)
	{
		lh_pg_set_catalog_now(NULL);
		TeardownHistoricSnapshot(false);
		UnregisterSnapshot(was->committed);
		if (!was->historic)
			drop(cdc);
	}
	if (!was->historic)
		return;
	SetupHistoricSnapshot(was->snapshot, was->tuplecids);
	CheckXidAlive = was->alive;
	bsysscan = was->scanning;
	drop(cdc);
	for (int i = 0; i < cdc->nat_hand; i++)
		RelationCacheInvalidateEntry(RelationGetRelid(cdc->at_hand[i]));
}

void
lh_cdc_drop_caches(void)
{
	InvalidateCatalogSnapshot();
	ResetCatalogCaches();
	RelationCacheInvalidate(false);
}
