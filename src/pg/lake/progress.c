/*
 * progress.c
 *		lakehouse.running_scans(), which the view lakehouse.scan_progress reads.
 *
 * Everybody sees that a scan runs and how far it is; where its files are only who
 * would see the query in pg_stat_activity.
 */
#include "pg/lake/lake.h"

#include "catalog/pg_authid.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "pg/util/progress.h"

extern PGDLLEXPORT Datum lakehouse_running_scans(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(lakehouse_running_scans);

/* By files, and within a file by row groups; a scan without files is done. */
static double
percent(const LhScanProgress *scan)
{
	double		done = (double) scan->files_done;

	if (scan->ngroups > 0)
		done += (double) scan->group / (double) scan->ngroups;
	return scan->files_total > 0 ? 100.0 * done / (double) scan->files_total : 100.0;
}

static void
put_scan(LhRows *rows, const LhScanProgress *scan)
{
	bool		allowed = has_privs_of_role(GetUserId(), scan->userid) ||
		has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS);

	lh_rows_int(rows, scan->pid);
	lh_rows_datum(rows, ObjectIdGetDatum(scan->datid));
	lh_rows_datum(rows, ObjectIdGetDatum(scan->userid));
	if (OidIsValid(scan->relid))
		lh_rows_datum(rows, ObjectIdGetDatum(scan->relid));
	else
		lh_rows_null(rows);
	if (allowed)
		lh_rows_datum(rows, CStringGetTextDatum(scan->location));
	else
		lh_rows_null(rows);
	lh_rows_datum(rows, TimestampTzGetDatum(scan->started));
	lh_rows_bigint(rows, scan->files_total);
	lh_rows_bigint(rows, scan->files_done);
	lh_rows_bigint(rows, scan->row_groups_done);
	lh_rows_bigint(rows, scan->rows_scanned);
	lh_rows_bigint(rows, scan->bytes_read);
	lh_rows_datum(rows, Float8GetDatum(percent(scan)));
	lh_rows_put(rows);
}

Datum
lakehouse_running_scans(PG_FUNCTION_ARGS)
{
	LhRows		rows;
	LhScanProgress scan;
	int			n = lh_pg_progress_slots();

	if (n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the progress of scans is not recorded"),
				 errdetail("It is kept in shared memory, which a library gets only when the server starts."),
				 errhint("Add lakehouse to shared_preload_libraries and restart the server.")));
	lh_rows_begin(&rows, fcinfo);
	for (int i = 0; i < n; i++)
	{
		if (lh_pg_progress_read(i, &scan))
			put_scan(&rows, &scan);
	}
	return (Datum) 0;
}
