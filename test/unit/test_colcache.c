/*
 * test_colcache.c
 *		Columns of Avro files that are kept: what a scan reads again, what it must not find, and
 *		that its rows are the same with and without.
 */
#include "test_scan.h"

#include <fcntl.h>
#include <pthread.h>

#include "scan/colcache.h"
#include "scan/datafile.h"
#include "unit/avro_make.h"

#define ROWS   200000
#define BLOCK  3000
/* A group ends with the block that brings it to 65536 rows. */
#define GROUPS 4
#define ROOM   ((size_t) 64 << 20)
/* Less than any column takes, more than the list of groups, which a statement reads twice. */
#define LIST_BYTES 4096
/* Room for some of the groups. */
#define SOME   ((size_t) 1500 << 10)

static LhKeep *keep;
static uint64_t stamp;

static int
setup(void **state)
{
	keep = lh_keep_create(ROOM);
	if (keep == NULL)
		return 1;
	lh_use_column_cache(keep, ++stamp);
	return world_setup(state);
}

static int
teardown(void **state)
{
	lh_use_column_cache(NULL, 0);
	lh_keep_destroy(keep);
	return world_teardown(state);
}

/*
 * Files: id long, name string or null (50 of them), note string (all different), y double or
 * null, many array of long.
 */

static const char schema[] =
	"{\"type\": \"record\", \"name\": \"r\", \"fields\": ["
	"{\"name\": \"id\", \"type\": \"long\"},"
	"{\"name\": \"name\", \"type\": [\"null\", \"string\"]},"
	"{\"name\": \"note\", \"type\": \"string\"},"
	"{\"name\": \"y\", \"type\": [\"double\", \"null\"]},"
	"{\"name\": \"many\", \"type\": {\"type\": \"array\", \"items\": \"long\"}}]}";

enum { ID = 1, NAME = 2, NOTE = 4, Y = 8, MANY = 16 };

static double
y_of(int64_t row)
{
	return row % 11 == 0 ? -0.0 : (double) row / 4;
}

static void
put_row(AvroMake *m, int64_t row, const char *word)
{
	char text[32];

	avro_long(m, row);
	avro_long(m, row % 7 != 0);
	if (row % 7 != 0)
	{
		snprintf(text, sizeof(text), "%s%d", word, (int) (row % 50));
		avro_text(m, text);
	}
	snprintf(text, sizeof(text), row % 13 == 0 ? "" : "%s %lld", word, (long long) row);
	avro_text(m, text);
	avro_long(m, row % 5 == 0);
	if (row % 5 != 0)
		avro_double(m, y_of(row));
	avro_long(m, 0);
}

/* damaged: a block whose last row is cut off; -1: none.  age: seconds since it was written. */
static const char *
make_file(World *w, const char *name, const char *word, int damaged, int age)
{
	const char *path = lh_sprintf(w->ctx, "%s/%s", w->dir, name);
	AvroMake m = avro_new(w->ctx);
	struct timespec times[2];
	FILE *f;

	avro_header(&m, schema, "deflate", NULL);
	for (int64_t row = 0; row < ROWS; row += BLOCK)
	{
		AvroMake rows = avro_new(w->ctx);
		int64_t end = row + BLOCK < ROWS ? row + BLOCK : ROWS;

		for (int64_t i = row; i < end; i++)
			put_row(&rows, i, word);
		if (row / BLOCK == damaged)
			rows.b.len--;
		avro_block(&m, end - row, &rows.b, "deflate");
		lh_buf_free(&rows.b);
	}
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(m.b.data, 1, m.b.len, f), m.b.len);
	fclose(f);
	lh_buf_free(&m.b);
	clock_gettime(CLOCK_REALTIME, &times[0]);
	times[0].tv_sec -= age;
	times[1] = times[0];
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	return path;
}

typedef struct Wanted
{
	const char *path;
	int columns;
	int first_batch;
	int64_t most;  /* rows, then the scan ends */
	int64_t above; /* only rows with id above this; -1: all */
	const char *word;
} Wanted;

static void
check_text(const LhValue *v, bool null, const char *expected)
{
	assert_int_equal(v->null, null);
	if (!null && (v->str.len != strlen(expected) || memcmp(v->str.ptr, expected, v->str.len) != 0))
		fail_msg("\"%.*s\" instead of \"%s\"", (int) v->str.len, (const char *) v->str.ptr, expected);
}

/* Row i of a batch is this row of the file, in all columns that are wanted. */
static void
check_row(const LhBatch *batch, const Wanted *want, int i, int64_t row)
{
	char text[32];
	int col = 0;

	if (want->columns & ID)
		assert_int_equal(lh_vec_value(batch->vecs[col++], i).i64, row);
	if (want->columns & NAME)
	{
		LhValue v = lh_vec_value(batch->vecs[col++], i);

		snprintf(text, sizeof(text), "%s%d", want->word, (int) (row % 50));
		check_text(&v, row % 7 == 0, text);
	}
	if (want->columns & NOTE)
	{
		LhValue v = lh_vec_value(batch->vecs[col++], i);

		snprintf(text, sizeof(text), row % 13 == 0 ? "" : "%s %lld", want->word, (long long) row);
		check_text(&v, false, text);
	}
	if (want->columns & Y)
	{
		LhValue v = lh_vec_value(batch->vecs[col++], i);
		double y = y_of(row);

		assert_int_equal(v.null, row % 5 == 0);
		assert_true(v.null || memcmp(&v.f64, &y, sizeof(y)) == 0);
	}
}

static LhStatus
open_scan(World *w, const Wanted *want, LhScan **scan)
{
	LhTableOptions options = {.location = want->path};
	LhScanColumn *cols = lh_alloc_array(w->ctx, 8, sizeof(*cols));
	LhPred **filters = lh_alloc_array(w->ctx, 1, sizeof(*filters));
	LhScanSpec spec;
	Table t;

	LH_TRY(lh_table_open(w->ctx, w->store, w->cache, "avro", &options, &t.table));
	LH_TRY(t.table->schema(w->ctx, t.table, &t.schema));
	spec = spec_of(w, &t, NULL, 0);
	spec.ncols = 0;
	for (int i = 0; i < 5; i++)
		if (want->columns & 1 << i)
			cols[spec.ncols++] = spec.cols[i];
	spec.cols = cols;
	spec.first_batch = want->first_batch;
	if (want->above >= 0)
	{
		spec.nfilters = 1;
		spec.filters = filters;
		filters[0] = cmp(w, 0, LH_GT, int_value(want->above));
	}
	return lh_scan_open(w->ctx, &spec, scan);
}

/* A statement; all rows come, in order, with the values they have. */
static LhStatus
read_rows(World *w, const Wanted *want, int64_t *rows)
{
	LhArena *arena = lh_arena_child(w->ctx->arena), *old = lh_use(w->ctx, arena);
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan *scan;
	LhStatus status;

	*rows = 0;
	reset_counters(w);
	lh_use_column_cache(keep, ++stamp);
	status = open_scan(w, want, &scan);
	while (status == LH_OK && *rows < want->most)
	{
		status = lh_scan_next(w->ctx, scan, &batch, &request);
		if (status != LH_OK || batch == NULL)
			break;
		for (int i = 0; i < batch->n; i++)
			if (lh_bit_get(batch->sel.w, (size_t) i))
				check_row(batch, want, i, want->above + 1 + (*rows)++);
	}
	lh_use(w->ctx, old);
	lh_arena_destroy(arena);
	return status;
}

static void
read_all(World *w, const char *path, int columns)
{
	Wanted want = {path, columns, 0, INT64_MAX, -1, "n"};
	int64_t rows;

	ok(w, read_rows(w, &want, &rows));
	assert_int_equal(rows, ROWS);
}

static int
hits(const World *w)
{
	return (int) counter(w, LH_CTR_COLUMN_CACHE_HITS);
}

static void
the_third_scan_reads_the_header_only(void **state)
{
	World *w = *state;
	const char *path = make_file(w, "a", "n", -1, 3600);

	read_all(w, path, ID | NAME | NOTE | Y);
	assert_int_equal(hits(w), 0);
	assert_true(lh_keep_bytes(keep) < LIST_BYTES);
	read_all(w, path, ID | NAME | NOTE | Y);
	assert_int_equal(hits(w), 0);
	assert_true(counter(w, LH_CTR_BYTES_DECOMPRESSED) > 0);
	assert_true(lh_keep_bytes(keep) > ROWS);
	for (int i = 0; i < 2; i++)
	{
		read_all(w, path, ID | NAME | NOTE | Y);
		assert_int_equal(hits(w), 4 * GROUPS);
		assert_int_equal(counter(w, LH_CTR_BYTES_DECOMPRESSED), 0);
		assert_true(counter(w, LH_CTR_BYTES_READ) <= 128 << 10);
		assert_true(counter(w, LH_CTR_COLUMN_CACHE_BYTES) <= lh_keep_bytes(keep));
	}
	/* ids take two bytes, names one: compact is what was promised */
	read_all(w, path, ID | NAME);
	assert_true(counter(w, LH_CTR_COLUMN_CACHE_BYTES) < 4 * ROWS);
	/* any of them alone */
	read_all(w, path, Y);
	assert_int_equal(hits(w), GROUPS);
}

static void
rows_are_found_wherever_a_batch_begins(void **state)
{
	World *w = *state;
	Wanted want = {make_file(w, "a", "n", -1, 3600), ID | NAME | NOTE | Y, 0, INT64_MAX, -1, "n"};
	int64_t rows;

	for (int i = 0; i < 12; i++)
	{
		static const int firsts[] = {0, 0, 1, 7, 64, 100, 2000, 0, 3, 65, 1, 0};

		want.first_batch = firsts[i];
		want.above = i > 6 ? 65530 + i * 1000 : -1;
		ok(w, read_rows(w, &want, &rows));
		assert_int_equal(rows, ROWS - want.above - 1);
		assert_true(i < 2 || hits(w) > 0);
	}
}

/* One that is missing makes all of them be read; then it is there, too. */
static void
columns_come_one_after_the_other(void **state)
{
	World *w = *state;
	const char *path = make_file(w, "a", "n", -1, 3600);
	size_t one;

	for (int i = 0; i < 3; i++)
		read_all(w, path, ID);
	assert_int_equal(hits(w), GROUPS);
	one = lh_keep_bytes(keep);
	read_all(w, path, ID | NAME);
	assert_int_equal(hits(w), 0);
	assert_int_equal(lh_keep_bytes(keep), one);
	read_all(w, path, ID | NAME);
	assert_int_equal(hits(w), 0);
	assert_true(lh_keep_bytes(keep) > one);
	read_all(w, path, ID | NAME);
	assert_int_equal(hits(w), 2 * GROUPS);
}

/* What cannot be kept spares nothing, so nothing beside it is kept. */
static void
lists_are_not_kept(void **state)
{
	World *w = *state;
	const char *path = make_file(w, "a", "n", -1, 3600);

	for (int i = 0; i < 4; i++)
	{
		read_all(w, path, ID | MANY);
		assert_int_equal(hits(w), 0);
	}
	assert_true(lh_keep_bytes(keep) < LIST_BYTES);
}

static void
a_scan_that_ends_early_keeps_no_part_of_a_group(void **state)
{
	World *w = *state;
	Wanted want = {make_file(w, "a", "n", -1, 3600), ID | NOTE, 0, 30000, -1, "n"};
	int64_t rows;

	for (int i = 0; i < 4; i++)
	{
		ok(w, read_rows(w, &want, &rows));
		assert_int_equal(hits(w), 0);
	}
	assert_true(lh_keep_bytes(keep) < LIST_BYTES);
	/* what it read wholly is kept */
	want.most = 70000;
	for (int i = 0; i < 3; i++)
		ok(w, read_rows(w, &want, &rows));
	assert_int_equal(hits(w), 2);
}

/* The group with the damaged block is read, and fails, each time; the one before it is kept. */
static void
a_damaged_block_is_found_each_time(void **state)
{
	World *w = *state;
	Wanted want = {make_file(w, "a", "n", 30, 3600), ID | NAME | NOTE, 0, INT64_MAX, -1, "n"};
	int64_t first = 0, rows;
	size_t kept = 0;

	for (int i = 0; i < 5; i++)
	{
		LhStatus status = read_rows(w, &want, &rows);

		refused(w, status, LH_CORRUPT, "block 30", NULL, NULL);
		if (i == 0)
			first = rows;
		if (i == 1)
			kept = lh_keep_bytes(keep);
		assert_int_equal(rows, first);
		assert_int_equal(hits(w), i < 2 ? 0 : 3);
	}
	assert_int_equal(lh_keep_bytes(keep), kept);
}

/* A row of a group, behind others that nobody wants; its id, -1: this failed. */
static int64_t
go_to(World *w, const char *path, int64_t row)
{
	LhArena *arena = lh_arena_child(w->ctx->arena), *old = lh_use(w->ctx, arena);
	LhDataOptions options = {.cache = w->cache};
	int nodes[2], n = 1;
	int64_t id = -1;
	LhDataColumn *col;
	LhDataFile *file;
	LhObject *obj;
	LhVec vec;

	lh_use_column_cache(keep, ++stamp);
	ok(w, lh_object_open(w->ctx, w->store, path, &obj));
	ok(w, lh_data_open(w->ctx, LH_FILE_AVRO, obj, &options, &file));
	nodes[0] = file->format->find(file, "id");
	nodes[1] = file->format->find(file, "note");
	ok(w, file->format->wants(w->ctx, file, 2, nodes));
	ok(w, file->format->together(w->ctx, file, 0, 0, &n));
	ok(w, file->format->column_open(w->ctx, file, 0, nodes[0], &col));
	n = 1;
	if (file->format->together(w->ctx, file, 0, row, &n) == LH_OK)
	{
		ok(w, file->format->column_read(w->ctx, col, row, n, NULL, &vec));
		id = lh_vec_value(&vec, 0).i64;
	}
	lh_error_clear(w->ctx);
	lh_use(w->ctx, old);
	lh_arena_destroy(arena);
	return id;
}

/* Blocks that are passed need not be sound: not for the first scan, nor for those that would keep the group. */
static void
what_nobody_wants_is_not_missed(void **state)
{
	World *w = *state;
	const char *path = make_file(w, "a", "n", 5, 3600);

	for (int i = 0; i < 4; i++)
	{
		assert_int_equal(go_to(w, path, 7 * BLOCK + 11), 7 * BLOCK + 11);
		assert_int_equal(go_to(w, path, 6 * BLOCK - 1), -1);
	}
	assert_true(lh_keep_bytes(keep) < LIST_BYTES);
	/* of a sound one it is kept, when it is read to its end */
	path = make_file(w, "b", "n", -1, 3600);
	for (int i = 0; i < 3; i++)
		assert_int_equal(go_to(w, path, 22 * BLOCK - 1), 22 * BLOCK - 1);
	assert_true(lh_keep_bytes(keep) > LIST_BYTES);
}

static void
a_file_that_was_replaced_is_another(void **state)
{
	World *w = *state;
	Wanted want = {make_file(w, "a", "n", -1, 3600), ID | NAME | NOTE, 0, INT64_MAX, -1, "n"};
	int64_t rows;

	for (int i = 0; i < 3; i++)
		ok(w, read_rows(w, &want, &rows));
	assert_int_equal(hits(w), 3 * GROUPS);
	/* by another name it is the same */
	want.path = lh_sprintf(w->ctx, "%s/b", w->dir);
	assert_int_equal(link(lh_sprintf(w->ctx, "%s/a", w->dir), want.path), 0);
	ok(w, read_rows(w, &want, &rows));
	assert_int_equal(hits(w), 3 * GROUPS);
	/* written again in its place, as long as before: the time tells */
	want.path = make_file(w, "a", "m", -1, 1800);
	want.word = "m";
	for (int i = 0; i < 3; i++)
	{
		ok(w, read_rows(w, &want, &rows));
		assert_int_equal(hits(w), i < 2 ? 0 : 3 * GROUPS);
	}
}

static void
a_young_file_is_not_kept(void **state)
{
	World *w = *state;
	const char *path = make_file(w, "a", "n", -1, -3600);

	for (int i = 0; i < 4; i++)
	{
		read_all(w, path, ID);
		assert_int_equal(hits(w), 0);
	}
	assert_int_equal(lh_keep_bytes(keep), 0);
}

static void
a_scan_of_more_than_fits_keeps_what_it_has(void **state)
{
	World *w = *state;
	const char *path = make_file(w, "a", "n", -1, 3600);
	int first;

	lh_keep_resize(keep, SOME);
	read_all(w, path, ID | NAME | NOTE);
	read_all(w, path, ID | NAME | NOTE);
	read_all(w, path, ID | NAME | NOTE);
	first = hits(w);
	/* whole groups, not this column of one and that of another */
	assert_true(first > 0 && first < 3 * GROUPS);
	assert_int_equal(first % 3, 0);
	for (int i = 0; i < 10; i++)
	{
		read_all(w, path, ID | NAME | NOTE);
		assert_int_equal(hits(w), first);
		assert_true(lh_keep_bytes(keep) <= SOME);
	}
	lh_keep_resize(keep, 0);
	for (int i = 0; i < 3; i++)
		read_all(w, path, ID);
	assert_int_equal(hits(w), 0);
	assert_int_equal(lh_keep_bytes(keep), 0);
}

/* A column that was there but of no use, for another one was missing, was not used. */
static void
what_spared_nothing_makes_way(void **state)
{
	World *w = *state;
	const char *a = make_file(w, "a", "n", -1, 3600), *b = make_file(w, "b", "n", -1, 3600);

	/* ids of one file, and no notes beside them but those of the last group, which is small */
	lh_keep_resize(keep, (size_t) 700 << 10);
	for (int i = 0; i < 3; i++)
		read_all(w, a, ID);
	assert_int_equal(hits(w), GROUPS);
	for (int i = 0; i < LH_KEEP_TURNS - 1; i++)
	{
		read_all(w, a, ID | NOTE);
		assert_true(hits(w) <= 2);
	}
	for (int i = 0; i < 3; i++)
		read_all(w, b, ID);
	assert_int_equal(hits(w), GROUPS);
}

/* With little memory rows come as ever, and nothing is kept that there is no room to gather. */
static void
short_memory_spoils_nothing(void **state)
{
	World *w = *state;
	const char *path = make_file(w, "a", "n", -1, 3600);
	int kept = 0, not_kept = 0;

	for (size_t limit = (size_t) 256 << 10; limit < (size_t) 64 << 20; limit *= 4)
	{
		LhBudget budget = {.limit = limit, .setting = "work_mem"};
		LhArena *arena = lh_arena_create(&budget), *old = lh_use(w->ctx, arena);
		LhStore *store = w->store;

		lh_keep_resize(keep, 0);
		lh_keep_resize(keep, ROOM);
		ok(w, lh_store_create(w->ctx, &w->access, &w->store));
		for (int i = 0; i < 3; i++)
			read_all(w, path, ID | NAME | NOTE | Y);
		kept += hits(w) > 0;
		not_kept += hits(w) == 0;
		lh_use(w->ctx, old);
		w->store = store;
		lh_arena_destroy(arena);
	}
	assert_true(kept > 0 && not_kept > 0);
}

/* Rows of wide notes, and one that alone needs a block of 24 MB. */
static const char *
make_wide_file(World *w)
{
	const char *path = lh_sprintf(w->ctx, "%s/wide", w->dir);
	struct timespec times[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
	size_t large = (size_t) 24 << 20;
	char text[2000], *z = malloc(large);
	AvroMake m = avro_new(w->ctx), rows = avro_new(w->ctx);
	FILE *f;

	avro_header(&m, "{\"type\": \"record\", \"name\": \"r\", \"fields\": [{\"name\": \"note\", \"type\": \"string\"}]}", "deflate", NULL);
	memset(text, 'n', sizeof(text));
	for (int row = 0; row < 15000; row++)
	{
		memcpy(text, &row, sizeof(row));
		avro_bytes(&rows, text, sizeof(text));
		if (row % 500 != 499)
			continue;
		avro_block(&m, 500, &rows.b, "deflate");
		rows.b.len = 0;
	}
	assert_non_null(z);
	memset(z, 'z', large);
	avro_bytes(&rows, z, large);
	avro_block(&m, 1, &rows.b, "deflate");
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(m.b.data, 1, m.b.len, f), m.b.len);
	fclose(f);
	free(z);
	lh_buf_free(&m.b);
	lh_buf_free(&rows.b);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	return path;
}

static LhStatus
read_wide(World *w, const char *path, size_t limit)
{
	LhBudget budget = {.limit = limit, .setting = "work_mem"};
	LhArena *arena = lh_arena_create(&budget), *old = lh_use(w->ctx, arena);
	Wanted want = {path, ID, 0, INT64_MAX, -1, ""};
	LhStore *store = w->store;
	LhHostRequest *request;
	const LhBatch *batch;
	LhStatus status;
	LhScan *scan;

	ok(w, lh_store_create(w->ctx, &w->access, &w->store));
	status = open_scan(w, &want, &scan);
	do
		if (status == LH_OK)
			status = lh_scan_next(w->ctx, scan, &batch, &request);
	while (status == LH_OK && batch != NULL);
	lh_use(w->ctx, old);
	w->store = store;
	lh_arena_destroy(arena);
	return status;
}

/* Memory that the gathered takes is given back when the scan needs it. */
static void
gathering_fails_no_scan(void **state)
{
	World *w = *state;
	const char *path = make_wide_file(w);
	int enough = 0;

	for (size_t limit = (size_t) 40 << 20; limit < (size_t) 80 << 20; limit += (size_t) 8 << 20)
	{
		LhStatus without;

		lh_use_column_cache(NULL, 0);
		without = read_wide(w, path, limit);
		enough += without == LH_OK;
		lh_keep_resize(keep, 0);
		lh_keep_resize(keep, ROOM);
		for (int i = 0; i < 3; i++)
		{
			lh_use_column_cache(keep, ++stamp);
			if (read_wide(w, path, limit) != without)
				fail_msg("with %zu bytes scan %d ends otherwise than without a cache", limit, i);
		}
	}
	assert_true(enough > 0);
}

static void
without_a_cache_nothing_is_kept(void **state)
{
	World *w = *state;
	const char *path = make_file(w, "a", "n", -1, 3600);

	for (int i = 0; i < 3; i++)
		read_all(w, path, ID);
	lh_use_column_cache(NULL, 0);
	assert_false(lh_column_cache_on());
	{
		Wanted want = {path, ID, 0, INT64_MAX, -1, "n"};
		LhScan *scan;

		reset_counters(w);
		ok(w, open_scan(w, &want, &scan));
		assert_int_equal(hits(w), 0);
	}
}

static const char *shared_path;

static void *
work(void *arg)
{
	World *w = arg;
	Wanted want = {shared_path, ID | NAME | NOTE, 0, INT64_MAX, -1, "n"};

	for (int i = 0; i < 6; i++)
	{
		LhHostRequest *request;
		const LhBatch *batch;
		int64_t rows = 0;
		LhScan *scan;

		if (open_scan(w, &want, &scan) != LH_OK)
			abort();
		for (;;)
		{
			if (lh_scan_next(w->ctx, scan, &batch, &request) != LH_OK)
				abort();
			if (batch == NULL)
				break;
			if (lh_vec_value(batch->vecs[0], 0).i64 != rows)
				abort();
			rows += batch->n;
		}
		if (rows != ROWS)
			abort();
		lh_keep_resize(keep, i % 3 == 2 ? (size_t) 1 << 20 : ROOM);
	}
	return NULL;
}

static void
threads_share_it(void **state)
{
	World *w = *state;
	World worlds[3];
	pthread_t threads[3];

	shared_path = make_file(w, "a", "n", -1, 3600);
	for (int i = 0; i < 3; i++)
	{
		worlds[i] = *w;
		worlds[i].ctx = lh_ctx_create();
		ok(&worlds[i], lh_store_create(worlds[i].ctx, &w->access, &worlds[i].store));
		assert_int_equal(pthread_create(&threads[i], NULL, work, &worlds[i]), 0);
	}
	for (int i = 0; i < 3; i++)
	{
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		lh_ctx_destroy(worlds[i].ctx);
	}
	assert_true(lh_keep_bytes(keep) <= ROOM);
}

int
main(void)
{
#define CACHED(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CACHED(the_third_scan_reads_the_header_only),
		CACHED(rows_are_found_wherever_a_batch_begins),
		CACHED(columns_come_one_after_the_other),
		CACHED(lists_are_not_kept),
		CACHED(a_scan_that_ends_early_keeps_no_part_of_a_group),
		CACHED(a_damaged_block_is_found_each_time),
		CACHED(what_nobody_wants_is_not_missed),
		CACHED(a_file_that_was_replaced_is_another),
		CACHED(a_young_file_is_not_kept),
		CACHED(a_scan_of_more_than_fits_keeps_what_it_has),
		CACHED(what_spared_nothing_makes_way),
		CACHED(short_memory_spoils_nothing),
		CACHED(gathering_fails_no_scan),
		CACHED(without_a_cache_nothing_is_kept),
		CACHED(threads_share_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
