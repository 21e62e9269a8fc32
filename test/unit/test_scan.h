/*
 * test_scan.h
 *		What the tests of scan/ and files/ share: a table over fixtures, all of
 *		its rows in memory, and one scan of it.
 */
#ifndef TEST_SCAN_H
#define TEST_SCAN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files/files.h"

typedef struct World
{
	LhCtx *ctx;
	LhAccess access;
	LhStore *store;
	LhPqCache *cache;
	char dir[64]; /* scratch, removed afterwards */
} World;

static const LhAccess any_file = {.local_any = true};
static LhPqCache *one_cache; /* process-wide, as in a backend */

static inline int
world_setup(void **state)
{
	World *w = calloc(1, sizeof(*w));

	w->ctx = lh_ctx_create();
	w->access = any_file;
	if (one_cache == NULL)
		one_cache = lh_pq_cache_create((size_t) 8 << 20);
	w->cache = one_cache;
	lh_format_register(&lh_files_format);
	lh_format_register(&lh_files_avro);
	lh_format_register(&lh_files_orc);
	strcpy(w->dir, "/tmp/lh_scan_XXXXXX");
	*state = w;
	return lh_store_create(w->ctx, &w->access, &w->store) != LH_OK || mkdtemp(w->dir) == NULL;
}

static inline int
world_teardown(void **state)
{
	World *w = *state;
	char command[128];

	lh_ctx_destroy(w->ctx);
	lh_pq_cache_clear(w->cache);
	snprintf(command, sizeof(command), "rm -rf %s", w->dir);
	if (system(command) != 0)
		return 1;
	free(w);
	return 0;
}

/* Absolute path of a fixture. */
static inline const char *
fixture(World *w, const char *name)
{
	char root[PATH_MAX];

	if (realpath("test/fixtures", root) == NULL)
		fail_msg("run from the repository: no test/fixtures here");
	return lh_sprintf(w->ctx, "%s/%s", root, name);
}

static inline uint64_t
counter(const World *w, LhCounterId id)
{
	return w->ctx->counters->v[id];
}

static inline void
reset_counters(World *w)
{
	memset(w->ctx->counters, 0, sizeof(*w->ctx->counters));
}

static inline void
ok(World *w, LhStatus status)
{
	if (status != LH_OK)
		fail_msg("%s: %s (%s)", lh_status_name(status), w->ctx->error->message,
				 w->ctx->error->detail);
}

/* The call must fail with this code and a message that names all of the (up to three) words. */
static inline void
refused(World *w, LhStatus status, LhStatus code, const char *a, const char *b, const char *c)
{
	const char *words[] = {a, b, c};

	if (status != code)
		fail_msg("expected %s, got %s: %s", lh_status_name(code), lh_status_name(status),
				 status == LH_OK ? "" : w->ctx->error->message);
	for (int i = 0; i < 3; i++)
		if (words[i] != NULL && strstr(w->ctx->error->message, words[i]) == NULL)
			fail_msg("\"%s\" is not in: %s", words[i], w->ctx->error->message);
	lh_error_clear(w->ctx);
}

/* Copy a fixture into the scratch directory. */
static inline const char *
copied(World *w, const char *name, const char *as)
{
	char *to = lh_sprintf(w->ctx, "%s/%s", w->dir, as);
	char *command = lh_sprintf(w->ctx, "mkdir -p \"$(dirname '%s')\" && cp '%s' '%s'", to,
							   fixture(w, name), to);

	assert_int_equal(system(command), 0);
	return to;
}

/* A table with its schema. */
typedef struct Table
{
	LhTable *table;
	LhTableSchema schema;
} Table;

static inline LhStatus
open_table(World *w, const LhTableOptions *options, Table *out)
{
	LH_TRY(lh_table_open(w->ctx, w->store, w->cache, "parquet", options, &out->table));
	return out->table->schema(w->ctx, out->table, &out->schema);
}

static inline Table
table_of(World *w, const char *location)
{
	LhTableOptions options = {.location = location, .hive_partitioning = -1, .union_by_name = true};
	Table t;

	ok(w, open_table(w, &options, &t));
	return t;
}

static inline int
column_of(const Table *t, const char *name)
{
	for (int i = 0; i < t->schema.ncols; i++)
		if (strcmp(t->schema.cols[i].name, name) == 0)
			return i;
	fail_msg("no column %s", name);
	return -1;
}

/* A scan of all columns of the table, none of them required. */
static inline LhScanSpec
spec_of(World *w, const Table *t, LhPred **filters, int nfilters)
{
	LhScanSpec spec = {.table = t->table,
					   .ncols = t->schema.ncols,
					   .nfilters = nfilters,
					   .filters = filters,
					   .prune = true};
	LhScanColumn *cols = lh_alloc_array(w->ctx, (size_t) t->schema.ncols + 1, sizeof(*cols));

	for (int i = 0; i < t->schema.ncols; i++)
	{
		cols[i].name = t->schema.cols[i].name;
		cols[i].source = t->schema.cols[i].source;
		cols[i].type = t->schema.cols[i].type;
	}
	spec.cols = cols;
	return spec;
}

static inline LhValue
int_value(int64_t v)
{
	return (LhValue){.type = {.id = LH_T_INT64, .lane = LH_LANE_I64}, .i64 = v};
}

static inline LhValue
text_value(const char *s)
{
	return (LhValue){.type = {.id = LH_T_STRING, .lane = LH_LANE_STR},
					 .str = {(const uint8_t *) s, (uint32_t) strlen(s), 0}};
}

static inline LhPred *
cmp(World *w, int col, LhCmp op, LhValue value)
{
	LhPred *p;

	ok(w, lh_pred_cmp(w->ctx, col, op, &value, &p));
	return p;
}

/* Rows of a whole scan. */
static inline int64_t
count_rows(World *w, const LhScanSpec *spec)
{
	LhHostRequest *request;
	const LhBatch *batch;
	int64_t rows = 0;
	LhScan *scan;

	ok(w, lh_scan_open(w->ctx, spec, &scan));
	for (;;)
	{
		ok(w, lh_scan_next(w->ctx, scan, &batch, &request));
		if (batch == NULL)
			return rows;
		rows += batch->sel.count;
	}
}

/* Run a scan to its end or first error. */
static inline LhStatus
run_scan(World *w, const LhScanSpec *spec)
{
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan *scan;

	LH_TRY(lh_scan_open(w->ctx, spec, &scan));
	do
		LH_TRY(lh_scan_next(w->ctx, scan, &batch, &request));
	while (batch != NULL);
	return LH_OK;
}

/* Text of one value of a batch; "null" for null. */
static inline const char *
cell(World *w, const LhBatch *batch, int col, int row)
{
	LhValue v = lh_vec_value(batch->vecs[col], row);
	LhBuf out;

	if (v.null)
		return "null";
	ok(w, lh_buf_init(w->ctx, &out, false));
	ok(w, lh_value_format(w->ctx, &v, &out));
	ok(w, lh_buf_putc(w->ctx, &out, '\0'));
	return (const char *) out.data;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

#endif
