/*
 * threads.c
 *		How many helper threads a statement may have.
 *
 * Making a thread and waking it costs some tens of microseconds, and so does a
 * row group more or less at the end: work of less than about 3 ms, 4 MB of
 * columns, is not worth one.
 */
#include "pg/util/util.h"

#include "access/parallel.h"

int
lh_pg_helpers(double bytes)
{
	double		worth = lakehouse_threads_min_kb > 0 ? bytes / (lakehouse_threads_min_kb * 1024.0) : LH_POOL_MAX;

	if (IsParallelWorker())
		return 0;
	return (int) Min((double) lakehouse_threads - 1, worth);
}
