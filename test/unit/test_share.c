/*
 * test_share.c
 *		Scans that share a table read each row once, and count what one scan counts.
 *
 * All scans run in one thread, and whose turn it is is drawn by lot: so every
 * order of events can happen, and happens again with the same seed.
 */
#include "test_scan.h"

#include "scan/share.h"

#define MAX_SCANS 5
#define ROUNDS    15

static uint64_t seed = 1;

static int
pick(int n)
{
	seed += UINT64_C(0x9e3779b97f4a7c15);
	return (int) (lh_hash_u64(seed) % (uint64_t) n);
}

/* What a scan found, whatever the order: rows, and a sum over where they are. */
typedef struct Answer
{
	int64_t rows;
	uint64_t sum;
	LhCounters counters;
} Answer;

static void
add_batch(Answer *a, const LhBatch *batch)
{
	uint64_t file = lh_hash_bytes(batch->task->path, strlen(batch->task->path), 7);

	for (int i = 0; i < batch->n; i++)
		if (lh_bit_get(batch->sel.w, (size_t) i))
		{
			a->rows++;
			a->sum += lh_hash_u64(file + (uint64_t) (batch->first_row + i));
		}
}

/* The whole scan, or the rest of a taken unit; at most "most" batches.  True at its end. */
static bool
run(World *w, LhScan *scan, int most, Answer *a)
{
	LhHostRequest *request;
	const LhBatch *batch;

	while (most-- > 0)
	{
		ok(w, lh_scan_next(w->ctx, scan, &batch, &request));
		if (batch == NULL)
			return true;
		add_batch(a, batch);
	}
	return false;
}

static Answer
serial(World *w, const LhScanSpec *spec)
{
	Answer a = {0};
	LhScan *scan;

	reset_counters(w);
	ok(w, lh_scan_open(w->ctx, spec, &scan));
	run(w, scan, INT_MAX, &a);
	a.counters = *w->ctx->counters;
	return a;
}

/* n scans until all of them have run out of units. */
static Answer
drawn(World *w, LhScan **scans, int n)
{
	bool busy[MAX_SCANS] = {false}, done[MAX_SCANS] = {false};
	LhScanUnit last = {0, -2}, unit;
	int left = n;
	Answer a = {0};

	reset_counters(w);
	while (left > 0)
	{
		int i = pick(n);

		if (done[i])
			continue;
		if (busy[i])
		{
			busy[i] = !run(w, scans[i], 1 + pick(3), &a);
			continue;
		}
		busy[i] = lh_scan_take(scans[i], &unit);
		done[i] = !busy[i];
		left -= done[i];
		if (busy[i])
		{
			assert_true(lh_unit_before(&last, &unit));
			last = unit;
		}
	}
	a.counters = *w->ctx->counters;
	return a;
}

/*
 * Footers and bytes apart: every scan opens the files for itself.  Rewound ones may
 * have dictionaries of the row group that they read last.
 */
static void
assert_same(const Answer *want, const Answer *found, bool rewound)
{
	assert_int_equal(want->rows, found->rows);
	assert_true(want->sum == found->sum);
	for (int i = 0; i < LH_N_COUNTERS; i++)
		if (i < LH_CTR_BYTES_READ && want->counters.v[i] != found->counters.v[i] &&
			!(rewound && i == LH_CTR_DICT_PAGES_READ && found->counters.v[i] < want->counters.v[i]))
			fail_msg("%s: %llu, alone %llu", lh_counter_name[i],
					 (unsigned long long) found->counters.v[i],
					 (unsigned long long) want->counters.v[i]);
}

static void
compare(World *w, const char *location, LhPred **filters, int nfilters)
{
	Table t = table_of(w, location);
	LhScanSpec spec = spec_of(w, &t, filters, nfilters);
	Answer want = serial(w, &spec);
	LhScanShare share;

	spec.share = &share;
	for (int n = 1; n <= MAX_SCANS; n++)
	{
		LhScan *scans[MAX_SCANS];

		lh_share_init(&share);
		for (int i = 0; i < n; i++)
			ok(w, lh_scan_open(w->ctx, &spec, &scans[i]));
		for (int round = 0; round < ROUNDS / n; round++)
		{
			Answer found = drawn(w, scans, n);

			assert_same(&want, &found, round > 0);
			lh_share_init(&share);
			for (int i = 0; i < n; i++)
				ok(w, lh_scan_rewind(w->ctx, scans[i], nfilters, filters));
		}
	}
}

static void
row_groups_of_one_file(void **state)
{
	World *w = *state;
	const char *trips = fixture(w, "flat/trips.parquet");
	Table t = table_of(w, trips);
	LhPred *filters[2];

	compare(w, trips, NULL, 0);
	filters[0] = cmp(w, column_of(&t, "trip_id"), LH_GT, int_value(11000));
	compare(w, trips, filters, 1);
	filters[1] = cmp(w, column_of(&t, "trip_id"), LH_LT, int_value(12000));
	compare(w, trips, filters, 2);
	/* no row group is read: the file is counted as pruned, once */
	filters[0] = cmp(w, column_of(&t, "trip_id"), LH_LT, int_value(-1));
	compare(w, trips, filters, 1);
}

static void
row_groups_without_rows_and_files_without_row_groups(void **state)
{
	World *w = *state;

	compare(w, fixture(w, "rules/empty_group.parquet"), NULL, 0);
	compare(w, fixture(w, "rules/no_groups.parquet"), NULL, 0);
	compare(w, fixture(w, "stats/zeros.parquet"), NULL, 0);
}

static void
many_files_some_of_them_pruned(void **state)
{
	World *w = *state;
	Table t = table_of(w, fixture(w, "hive"));
	LhPred *filter = cmp(w, column_of(&t, "year"), LH_EQ, int_value(2023));

	compare(w, fixture(w, "hive"), NULL, 0);
	compare(w, fixture(w, "hive"), &filter, 1);
	compare(w, fixture(w, "union_wide"), NULL, 0);
}

/* Beside a large one, small files are units of their own: each is opened once. */
static void
small_files_are_opened_once(void **state)
{
	enum
	{
		FILES = 70
	};
	World *w = *state;
	LhScanShare share;
	LhScanSpec spec;
	LhScan *scans[3];
	Answer a;
	Table t;

	copied(w, "flat/trips.parquet", "large/a.parquet");
	for (int i = 0; i < FILES; i++)
		copied(w, "flat/decimals.parquet", lh_sprintf(w->ctx, "many/%03d.parquet", i));
	compare(w, lh_sprintf(w->ctx, "%s/large", w->dir), NULL, 0);
	compare(w, lh_sprintf(w->ctx, "%s/many", w->dir), NULL, 0);

	w->cache = NULL;
	t = table_of(w, lh_sprintf(w->ctx, "%s/many", w->dir));
	spec = spec_of(w, &t, NULL, 0);
	spec.share = &share;
	lh_share_init(&share);
	for (int i = 0; i < 3; i++)
		ok(w, lh_scan_open(w->ctx, &spec, &scans[i]));
	a = drawn(w, scans, 3);
	assert_int_equal(a.counters.v[LH_CTR_FOOTERS_READ], FILES);
	w->cache = one_cache;
}

/* Metadata answers for each row group once. */
static LhStatus
take_all(LhCtx *ctx, void *arg, const LhMetaGroup *group, bool *taken)
{
	*(int64_t *) arg += group->rows;
	*taken = true;
	return LH_OK;
}

static void
metadata_answers_once(void **state)
{
	World *w = *state;
	Table t = table_of(w, fixture(w, "flat/trips.parquet"));
	LhScanSpec spec = spec_of(w, &t, NULL, 0);
	LhScan *scans[3];
	LhScanShare share;
	int64_t rows = 0;
	Answer a;

	spec.share = &share;
	lh_share_init(&share);
	for (int i = 0; i < 3; i++)
	{
		ok(w, lh_scan_open(w->ctx, &spec, &scans[i]));
		lh_scan_set_meta(scans[i], take_all, &rows);
	}
	a = drawn(w, scans, 3);
	assert_int_equal(rows, 20000);
	assert_int_equal(a.rows, 0);
	assert_int_equal(a.counters.v[LH_CTR_FILES_METADATA_ONLY], 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(row_groups_of_one_file),
		TEST(row_groups_without_rows_and_files_without_row_groups),
		TEST(many_files_some_of_them_pruned),
		TEST(small_files_are_opened_once),
		TEST(metadata_answers_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
