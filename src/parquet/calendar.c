/*
 * calendar.c
 *		Which dates of a file are Julian.
 *
 * Spark before 3.0 and Hive wrote dates and timestamps before 1582-10-15 in the
 * hybrid calendar of java.util.GregorianCalendar; the format knows only the
 * proleptic Gregorian one.  The file's key/value metadata tells, as Spark 3
 * reads it:
 *
 *	org.apache.spark.version		older than 3.0: dates and timestamps are hybrid;
 *									older than 3.1: so are those in INT96
 *	org.apache.spark.legacyDateTime	dates and timestamps are hybrid, where the
 *									version above is there too
 *	org.apache.spark.legacyINT96	so are those in INT96, likewise
 *	writer.date.proleptic			of Hive; "false": dates are hybrid
 *
 * Files that say nothing hold what the format says.  Timestamps without time
 * zone never were hybrid: older writers had none.  Values are rebased where
 * they become lane values (convert.c) and where statistics become bounds
 * (stats.c); both keep the order.
 *
 * Source: Spark, DataSourceUtils.datetimeRebaseSpec; Hive, HIVE-22589.
 */
#include "parquet/meta.h"

#include <stdlib.h>
#include <string.h>

#define SPARK_VERSION	"org.apache.spark.version"
#define SPARK_DATETIME	"org.apache.spark.legacyDateTime"
#define SPARK_INT96		"org.apache.spark.legacyINT96"
#define HIVE_PROLEPTIC	"writer.date.proleptic"

/* Value of a key; "" when it has none, NULL when the key is not there. */
static const char *
value_of(const LhPqMeta *meta, const char *key)
{
	for (int i = 0; i < meta->nkv; i++)
		if (strcmp(meta->kv[2 * i], key) == 0)
			return meta->kv[2 * i + 1] != NULL ? meta->kv[2 * i + 1] : "";
	return NULL;
}

/* Is a version "major.minor..." older than this one?  What is no version is not. */
static bool
older_than(const char *version, long major, long minor)
{
	char *end;
	long a = strtol(version, &end, 10), b = 0;

	if (end == version || a < 0)
		return false;
	if (*end == '.')
		b = strtol(end + 1, NULL, 10);
	return a < major || (a == major && b < minor);
}

static bool
is_hybrid(const LhType *type, bool dates, bool timestamps, bool int96)
{
	if (type->id == LH_T_DATE)
		return dates;
	if (type->id != LH_T_TIMESTAMP)
		return false;
	return type->int96 ? int96 : timestamps && type->utc;
}

void
lh_pq_calendar_mark(LhPqMeta *meta)
{
	const char *version = value_of(meta, SPARK_VERSION);
	const char *hive = value_of(meta, HIVE_PROLEPTIC);
	bool spark = version != NULL &&
				 (older_than(version, 3, 0) || value_of(meta, SPARK_DATETIME) != NULL);
	bool int96 = version != NULL &&
				 (older_than(version, 3, 1) || value_of(meta, SPARK_INT96) != NULL);
	bool dates = spark || (hive != NULL && strcmp(hive, "false") == 0);

	if (!dates && !int96)
		return;
	for (int i = 0; i < meta->nleaves; i++)
	{
		LhPqNode *node = &meta->nodes[meta->leaf_nodes[i]];

		node->hybrid = is_hybrid(lh_pq_value_type(node), dates, spark, int96);
	}
}
