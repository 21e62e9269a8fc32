/*
 * test_scan_random.c
 *		Pruning never changes an answer: random predicates over many files.
 *
 * All rows of a table are loaded once.  Each predicate is then answered three
 * times: by the scan with pruning, by the scan without, and row by row by
 * lh_pred_reference; the three sets of rows must be equal, and the values of
 * sampled rows must be those that were loaded.  Scans are rewound or opened
 * anew, batches begin small or large, columns are payload or filter only, all
 * by chance.  Counters say that pruning really happened.
 *
 * LH_PREDICATES=200000 sets the number of predicates, LH_SEED the seed.
 */
#include "test_scan.h"

#define DEFAULT_PREDICATES 20000
#define ENOUGH             600
#define MAX_FILTERS        3
/* Sampled cells of each answer. */
#define SAMPLE_ROWS        48

/* All rows of a table, row-major. */
typedef struct Rows
{
	Table t;
	int64_t n;
	int ncols;
	LhValue *values;
	int64_t *first; /* row numbers of the files' first rows */
	const char **paths;
	int nfiles;
} Rows;

static uint64_t seed;

static uint64_t
next_random(void)
{
	seed += UINT64_C(0x9e3779b97f4a7c15);
	return lh_hash_u64(seed);
}

static int
pick(int n)
{
	return (int) (next_random() % (uint64_t) n);
}

static bool
chance(int percent)
{
	return pick(100) < percent;
}

/*
 * Loading
 */

static LhValue
owned(World *w, LhValue v)
{
	if (!v.null && (v.type.lane == LH_LANE_STR || v.type.lane == LH_LANE_FIX))
		v.str.ptr = lh_memdup(w->ctx, v.str.ptr, v.str.len + 1);
	return v;
}

static bool
is_comparable(const LhType *type)
{
	switch (type->id)
	{
		case LH_T_NULL:
		case LH_T_INTERVAL:
		case LH_T_BSON:
		case LH_T_GEOMETRY:
		case LH_T_GEOGRAPHY: return false;
		default: return !lh_type_is_nested(type);
	}
}

static void
append_batch(World *w, Rows *rows, const LhBatch *batch)
{
	if (batch->new_file)
	{
		rows->paths[rows->nfiles] = batch->task->path;
		rows->first[rows->nfiles++] = rows->n;
	}
	for (int i = 0; i < batch->n; i++, rows->n++)
		for (int c = 0; c < rows->ncols; c++)
		{
			LhValue *v = &rows->values[rows->n * rows->ncols + c];

			if (lh_type_is_nested(&batch->vecs[c]->type))
				*v = (LhValue){.null = true};
			else
				*v = owned(w, lh_vec_value(batch->vecs[c], i));
		}
}

static Rows
load(World *w, const char *location)
{
	Rows rows = {.t = table_of(w, location)};
	LhScanSpec spec = spec_of(w, &rows.t, NULL, 0);
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan *scan;

	rows.ncols = rows.t.schema.ncols;
	rows.values = lh_alloc_array(w->ctx, (size_t) rows.t.schema.rows * (size_t) rows.ncols + 1,
								 sizeof(LhValue));
	rows.first = lh_alloc_array(w->ctx, (size_t) rows.t.schema.files + 1, sizeof(*rows.first));
	rows.paths = lh_alloc_array(w->ctx, (size_t) rows.t.schema.files + 1, sizeof(*rows.paths));
	ok(w, lh_scan_open(w->ctx, &spec, &scan));
	for (;;)
	{
		ok(w, lh_scan_next(w->ctx, scan, &batch, &request));
		if (batch == NULL)
			break;
		append_batch(w, &rows, batch);
	}
	assert_true((double) rows.n == rows.t.schema.rows);
	return rows;
}

static int64_t
row_of(const Rows *rows, const LhBatch *batch, int i)
{
	for (int f = 0; f < rows->nfiles; f++)
		if (strcmp(rows->paths[f], batch->task->path) == 0)
			return rows->first[f] + batch->first_row + i;
	fail_msg("unknown file %s", batch->task->path);
	return -1;
}

/*
 * Random predicates
 */

/* A value near another: the same, a little more or less, or cut. */
static LhValue
nearby(World *w, LhValue v)
{
	int64_t delta = chance(50) ? 0 : pick(5) - 2;
	char *text;

	switch (v.type.lane)
	{
		case LH_LANE_I32:
			if (v.i64 + delta >= INT32_MIN && v.i64 + delta <= INT32_MAX)
				v.i64 += delta;
			break;
		case LH_LANE_I64:
			if ((delta > 0) == (v.i64 < 0) || (v.i64 < INT64_MAX / 2 && v.i64 > INT64_MIN / 2))
				v.i64 += delta;
			break;
		case LH_LANE_I128: v.i128 += delta; break;
		case LH_LANE_F32:
		case LH_LANE_F64:
			v.f64 += (double) delta / 2;
			if (v.type.lane == LH_LANE_F32)
				v.f64 = (float) v.f64;
			break;
		case LH_LANE_STR:
			if (delta == 0 || v.type.id == LH_T_DECIMAL)
				break;
			text = lh_alloc0(w->ctx, v.str.len + 2);
			memcpy(text, v.str.ptr, v.str.len);
			text[v.str.len] = "0~"[pick(2)];
			v.str.ptr = (uint8_t *) text;
			v.str.len = delta > 0 ? v.str.len + 1 : v.str.len / 2;
			if (v.type.id != LH_T_BINARY)
				v.str.len = (uint32_t) lh_utf8_clip(text, v.str.len, v.str.len);
			break;
		default: break;
	}
	return v;
}

/* A constant for a column: a value that occurs in some row, or one near it; false: all null. */
static bool
constant(World *w, const Rows *rows, int col, LhValue *out)
{
	for (int tries = 0; tries < 20; tries++)
	{
		*out = rows->values[(int64_t) (next_random() % (uint64_t) rows->n) * rows->ncols + col];
		if (out->null)
			continue;
		*out = nearby(w, *out);
		return true;
	}
	return false;
}

static LhStatus
random_in(World *w, const Rows *rows, int col, LhPred **out)
{
	LhValue values[40];
	int n = chance(70) ? 1 + pick(5) : pick(40);

	for (int i = 0; i < n; i++)
		if (!constant(w, rows, col, &values[i]))
			n = i;
	return lh_pred_in(w->ctx, col, chance(40), values, n, chance(10), out);
}

/* "abc%", "%abc%", "a_c%" of a text, or the text itself. */
static LhStatus
random_like(World *w, int col, LhValue v, LhPred **out)
{
	static const LhPredKind kinds[] = {LH_P_LIKE, LH_P_LIKE, LH_P_NOT_LIKE, LH_P_PREFIX,
									   LH_P_NOT_PREFIX};
	LhPredKind kind = kinds[pick(5)];
	char *text = lh_alloc0(w->ctx, v.str.len + 3);
	size_t from = chance(50) ? 0 : (size_t) pick((int) v.str.len + 1),
		   len = (size_t) pick((int) (v.str.len - from) + 1), n = 0;

	if (kind == LH_P_LIKE || kind == LH_P_NOT_LIKE)
	{
		if (from > 0 || chance(20))
			text[n++] = '%';
		for (size_t i = 0; i < len; i++)
			text[n++] = v.str.ptr[from + i] < 0x80 && v.str.ptr[from + i] != '\\' && !chance(10)
							? (char) v.str.ptr[from + i]
							: '_';
		if (chance(80))
			text[n++] = '%';
	}
	else
	{
		n = lh_utf8_clip(v.str.ptr, v.str.len, len);
		memcpy(text, v.str.ptr, n);
	}
	v.type = (LhType){.id = LH_T_STRING, .lane = LH_LANE_STR};
	v.str = (LhStr){(uint8_t *) text, (uint32_t) n, 0};
	return lh_pred_leaf(w->ctx, kind, col, &v, out);
}

static LhStatus
random_leaf(World *w, const Rows *rows, LhPred **out)
{
	int col, what = pick(100);
	LhValue v;

	do
		col = pick(rows->ncols);
	while (!is_comparable(&rows->t.schema.cols[col].type));
	if (what < 6 || !constant(w, rows, col, &v))
		return lh_pred_leaf(w->ctx, chance(50) ? LH_P_IS_NULL : LH_P_NOT_NULL, col, NULL, out);
	if (v.type.id == LH_T_BOOL && chance(50))
		return lh_pred_leaf(w->ctx, chance(50) ? LH_P_IS_TRUE_BOOL : LH_P_IS_FALSE_BOOL, col, NULL,
							out);
	if (what < 14)
		return lh_pred_leaf(w->ctx, chance(30) ? LH_P_DISTINCT : LH_P_NOT_DISTINCT, col, &v, out);
	if (what < 30)
		return random_in(w, rows, col, out);
	if (what < 50 && (v.type.id == LH_T_STRING || v.type.id == LH_T_JSON || v.type.id == LH_T_ENUM))
		return random_like(w, col, v, out);
	return lh_pred_cmp(w->ctx, col, chance(40) ? LH_EQ : (LhCmp) pick(6), &v, out);
}

static LhStatus
random_pred(World *w, const Rows *rows, int depth, LhPred **out)
{
	LhPred *args[3];
	int n = 1 + pick(3);

	if (depth == 0 || chance(55))
		return random_leaf(w, rows, out);
	for (int i = 0; i < n; i++)
		LH_TRY(random_pred(w, rows, depth - 1, &args[i]));
	LH_TRY(lh_pred_list(w->ctx, chance(50) ? LH_P_AND : LH_P_OR, args, n, out));
	return chance(20) ? lh_pred_not(w->ctx, *out, out) : LH_OK;
}

/*
 * Answers
 */

static void
reference(const Rows *rows, LhPred **filters, int nfilters, uint64_t *out)
{
	memset(out, 0, LH_WORDS(rows->n) * sizeof(*out));
	for (int64_t r = 0; r < rows->n; r++)
	{
		bool pass = true;

		for (int f = 0; f < nfilters && pass; f++)
			pass = lh_pred_reference(filters[f], &rows->values[r * rows->ncols]);
		if (pass)
			lh_bit_set(out, (size_t) r);
	}
}

/* The values of some selected rows must be the loaded ones. */
static void
check_values(World *w, const Rows *rows, const LhBatch *batch, const LhScanColumn *cols)
{
	for (int k = 0; k < SAMPLE_ROWS; k++)
	{
		int i = pick(batch->n), c = pick(rows->ncols);
		LhValue found, *want;

		if (!lh_bit_get(batch->sel.w, (size_t) i) || cols[c].filter_only ||
			lh_type_is_nested(&batch->vecs[c]->type))
			continue;
		found = lh_vec_value(batch->vecs[c], i);
		want = &rows->values[row_of(rows, batch, i) * rows->ncols + c];
		if (found.null != want->null ||
			(!found.null && is_comparable(&found.type) && lh_value_compare(&found, want) != 0))
			fail_msg("row %lld, column %s: %s", (long long) batch->first_row + i, cols[c].name,
					 cell(w, batch, c, i));
	}
}

static LhStatus
answer(World *w, const Rows *rows, LhScan *scan, const LhScanColumn *cols, uint64_t *out)
{
	LhHostRequest *request;
	const LhBatch *batch;

	memset(out, 0, LH_WORDS(rows->n) * sizeof(*out));
	for (;;)
	{
		LH_TRY(lh_scan_next(w->ctx, scan, &batch, &request));
		if (batch == NULL)
			return LH_OK;
		assert_true(batch->sel.count > 0 && batch->sel.n == batch->n && batch->n <= LH_BATCH);
		for (int i = 0; i < batch->n; i++)
			if (lh_bit_get(batch->sel.w, (size_t) i))
			{
				int64_t row = row_of(rows, batch, i);

				if (lh_bit_get(out, (size_t) row))
					fail_msg("row %lld came twice", (long long) row);
				lh_bit_set(out, (size_t) row);
			}
		check_values(w, rows, batch, cols);
	}
}

static const char *
format_filters(World *w, const Rows *rows, LhPred **filters, int nfilters)
{
	const char **names = lh_alloc_array(w->ctx, (size_t) rows->ncols + 1, sizeof(*names));
	LhBuf out;

	for (int i = 0; i < rows->ncols; i++)
		names[i] = rows->t.schema.cols[i].name;
	ok(w, lh_buf_init(w->ctx, &out, false));
	for (int i = 0; i < nfilters; i++)
	{
		ok(w, lh_buf_append_str(w->ctx, &out, i ? " ; " : ""));
		ok(w, lh_pred_format(w->ctx, filters[i], names, &out));
	}
	ok(w, lh_buf_putc(w->ctx, &out, '\0'));
	return (const char *) out.data;
}

static void
assert_same(World *w, const Rows *rows, const char *what, const uint64_t *a, const uint64_t *b,
			LhPred **filters, int nfilters)
{
	for (int64_t r = 0; r < rows->n; r++)
		if (lh_bit_get(a, (size_t) r) != lh_bit_get(b, (size_t) r))
			fail_msg("%s: row %lld %s for %s", what, (long long) r,
					 lh_bit_get(b, (size_t) r) ? "is lost" : "is too much",
					 format_filters(w, rows, filters, nfilters));
}

/* A scan with the filters, from a new or a rewound scan. */
static LhStatus
begin(World *w, LhScanSpec *spec, LhScan **scan)
{
	if (*scan != NULL && chance(60))
		return lh_scan_rewind(w->ctx, *scan, spec->nfilters, spec->filters);
	spec->first_batch = chance(50) ? 0 : 1 + pick(700);
	for (int i = 0; i < spec->ncols; i++)
		((LhScanColumn *) spec->cols)[i].filter_only = chance(50);
	return lh_scan_open(w->ctx, spec, scan);
}

typedef struct Tally
{
	int64_t predicates;
	int64_t unsupported;
	int64_t matched; /* predicates that some, but not all rows pass */
	LhCounters counters;
} Tally;

/* Compare the three answers to n random predicates. */
static Tally
compare(World *w, const char *location, int64_t n)
{
	Rows rows = load(w, location);
	uint64_t *want = lh_alloc_array(w->ctx, LH_WORDS(rows.n) + 1, sizeof(uint64_t)),
			 *found = lh_alloc_array(w->ctx, LH_WORDS(rows.n) + 1, sizeof(uint64_t));
	LhArena *arena = NULL, *main_arena = w->ctx->arena;
	LhScanSpec spec[2];
	LhScan *scan[2] = {NULL, NULL};
	LhPred *filters[MAX_FILTERS];
	Tally tally = {0};

	reset_counters(w);
	while (tally.predicates < n)
	{
		LhStatus status = LH_OK;
		int nfilters = 1 + (chance(30) ? pick(MAX_FILTERS) : 0);
		size_t count;

		/* scans live for some predicates, so that they are rewound, then their memory goes */
		if (tally.predicates % 16 == 0 || arena == NULL)
		{
			w->ctx->arena = main_arena;
			lh_arena_destroy(arena);
			arena = lh_arena_child(main_arena);
			w->ctx->arena = arena;
			scan[0] = scan[1] = NULL;
			for (int p = 0; p < 2; p++)
			{
				spec[p] = spec_of(w, &rows.t, filters, 0);
				spec[p].prune = p == 0;
			}
		}
		tally.predicates++;
		for (int i = 0; i < nfilters && status == LH_OK; i++)
			status = random_pred(w, &rows, 2, &filters[i]);
		if (status != LH_OK)
		{
			assert_int_equal(status, LH_UNSUPPORTED);
			lh_error_clear(w->ctx);
			tally.unsupported++;
			continue;
		}
		reference(&rows, filters, nfilters, want);
		count = lh_bits_count(want, LH_WORDS(rows.n));
		for (int p = 0; p < 2; p++)
		{
			LhCounters before = *w->ctx->counters;

			spec[p].nfilters = nfilters;
			status = begin(w, &spec[p], &scan[p]);
			if (status == LH_OK)
				status = answer(w, &rows, scan[p], spec[p].cols, found);
			if (status == LH_UNSUPPORTED)
			{
				lh_error_clear(w->ctx);
				tally.unsupported++;
				scan[p] = NULL;
				break;
			}
			ok(w, status);
			assert_same(w, &rows, p == 0 ? "pruned" : "not pruned", want, found, filters, nfilters);
#define DELTA(id) (int64_t)(w->ctx->counters->v[LH_CTR_##id] - before.v[LH_CTR_##id])
			assert_int_equal(DELTA(ROWS_SELECTED), count);
			if (DELTA(FILES_PRUNED_PARTITION) == 0)
				assert_int_equal(DELTA(ROWS_SCANNED) + DELTA(ROWS_PRUNED), rows.n);
			for (int i = 0; p == 0 && i < LH_N_COUNTERS; i++)
				tally.counters.v[i] += w->ctx->counters->v[i] - before.v[i];
		}
		tally.matched += count > 0 && (int64_t) count < rows.n;
	}
	w->ctx->arena = main_arena;
	/* hardly any predicate may be one that cannot be bound, and many must select something */
	assert_true(tally.unsupported * 20 <= tally.predicates);
	assert_true(tally.matched * 4 > tally.predicates);
	return tally;
}

/* This test's share of the predicates, in thousandths. */
static int64_t
share(int thousandths)
{
	const char *all = getenv("LH_PREDICATES");
	int64_t n = (all ? atoll(all) : DEFAULT_PREDICATES) * thousandths / 1000;

	seed = lh_hash_u64((uint64_t) (getenv("LH_SEED") ? atoll(getenv("LH_SEED")) : 1) * 1000 +
					   (uint64_t) thousandths);
	return n > 0 ? n : 1;
}

/* Only where there were enough predicates for chance to meet every case. */
#define PRUNED(tally, id) \
	assert_true((tally).predicates<ENOUGH || (tally).counters.v[LH_CTR_##id]> 0)

static void
a_sorted_table_is_pruned_by_every_means(void **state)
{
	World *w = *state;
	Tally t = compare(w, fixture(w, "flat/trips.parquet"), share(100));

	PRUNED(t, FILES_PRUNED_STATS);
	PRUNED(t, ROW_GROUPS_PRUNED_STATS);
	PRUNED(t, ROW_GROUPS_PRUNED_BLOOM);
	PRUNED(t, ROW_GROUPS_PRUNED_INDEX);
	PRUNED(t, ROW_GROUPS_PRUNED_DICT);
	PRUNED(t, PAGES_PRUNED_INDEX);
	/* a good part of all rows is never looked at */
	assert_true(t.counters.v[LH_CTR_ROWS_PRUNED] * 4 > t.counters.v[LH_CTR_ROWS_SCANNED]);
}

static void
all_types(void **state)
{
	static const char *const files[] = {"alltypes", "alltypes_plain", "alltypes_v2"};
	World *w = *state;

	for (int i = 0; i < 3; i++)
	{
		Tally t =
			compare(w, fixture(w, lh_sprintf(w->ctx, "flat/%s.parquet", files[i])), share(150 + i));

		PRUNED(t, ROW_GROUPS_PRUNED_STATS);
	}
}

static void
all_encodings(void **state)
{
	World *w = *state;

	compare(w, fixture(w, "flat/encodings.parquet"), share(80));
	compare(w, fixture(w, "flat/encodings_v2.parquet"), share(81));
}

static void
bloom_filters_of_all_types(void **state)
{
	World *w = *state;
	Tally t = compare(w, fixture(w, "flat/bloom.parquet"), share(100));

	PRUNED(t, ROW_GROUPS_PRUNED_BLOOM);
	t = compare(w, fixture(w, "flat/bloom_duckdb.parquet"), share(60));
	PRUNED(t, ROW_GROUPS_PRUNED_BLOOM);
}

static void
tables_of_many_files(void **state)
{
	World *w = *state;
	Tally t = compare(w, fixture(w, "hive"), share(61));

	PRUNED(t, FILES_PRUNED_PARTITION);
	t = compare(w, fixture(w, "hive_types"), share(31));
	PRUNED(t, FILES_PRUNED_PARTITION);
	t = compare(w, fixture(w, "hive_text"), share(32));
	PRUNED(t, FILES_PRUNED_PARTITION);
	compare(w, fixture(w, "union"), share(33));
	compare(w, fixture(w, "union_wide"), share(34));
}

/*
 * Columns whose pages do not begin at the same rows: alltypes_tiny_pages of
 * apache/parquet-testing, 7,300 rows in pages of 10 to 20 kB.
 */
static void
pages_that_begin_at_different_rows(void **state)
{
	World *w = *state;
	const char *file = "../shared/fixtures/parquet/data/alltypes_tiny_pages_plain.parquet";
	char path[PATH_MAX];
	Tally t;

	if (realpath(file, path) == NULL)
	{
		print_message("no %s\n", file);
		skip();
	}
	t = compare(w, path, share(35));
	PRUNED(t, PAGES_PRUNED_INDEX);
	PRUNED(t, ROW_GROUPS_PRUNED_INDEX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_sorted_table_is_pruned_by_every_means),
		TEST(all_types),
		TEST(all_encodings),
		TEST(bloom_filters_of_all_types),
		TEST(tables_of_many_files),
		TEST(pages_that_begin_at_different_rows),
	};

	return cmocka_run_group_tests_name("scan_random", tests, NULL, NULL);
}
