/*
 * test_ice_prune.c
 *		Pruning against brute force: files of known rows under random predicates;
 *		and the rules that are easily got wrong, by their names.
 */
#include "unit/ice_manifest_make.h"

#include <math.h>

#define NCOLS 5
#define ROWS  6

static LhCtx *ctx;
static LhIceTable *table;
static LhScanColumn cols[NCOLS];

static int
setup(void **state)
{
	(void) state;
	ctx = lh_ctx_create();
	if (ctx == NULL)
		return 1;
	table = ice_make_table(ctx);
	cols[0] = ice_column(table, "id");
	cols[1] = ice_column(table, "p");
	cols[2] = ice_column(table, "d");
	cols[3] = ice_column(table, "s");
	cols[4] = ice_column(table, "t");
	return 0;
}

static int
teardown(void **state)
{
	(void) state;
	lh_ctx_destroy(ctx);
	return 0;
}

static void
release(void *m)
{
	lh_ice_manifest_unref(m);
}

/* What becomes of one file under filters. */
static LhIceFate
fate_of(const IceEntry *e, bool parts, LhPred **filters, int nfilters, uint64_t *satisfied)
{
	LhTaskFilter filter = {.ncols = NCOLS, .cols = cols, .nfilters = nfilters, .filters = filters};
	const int32_t *ids;
	LhIcePrune *prune;
	LhIceManifest *m;
	LhIceView *view;
	LhIceFate fate;
	int nids;

	ASSERT_OK(ctx, lh_ice_prune_create(ctx, table, &filter, &prune));
	nids = lh_ice_prune_ids(prune, &ids);
	m = ice_decode(ctx, e, 1, parts, nids, ids);
	ASSERT_OK(ctx, lh_arena_on_reset(ctx, ctx->arena, release, m));
	ASSERT_OK(ctx, lh_ice_view_create(ctx, prune, parts, m, &view));
	ASSERT_OK(ctx, lh_ice_prune_file(ctx, view, 0, &fate, satisfied));
	return fate;
}

/*
 * Random
 */

static LhValue
random_value(IceRandom *r, int col)
{
	static const double doubles[] = {-2.5, -0.0, 0.0, 1, 3, INFINITY, -INFINITY};
	static const char *const strings[] = {"", "a", "ab", "abc", "abd", "abzz", "b", "ba", "bb"};
	const LhType *type = &cols[col].type;

	if (ice_below(r, 6) == 0)
		return ice_null(*type);
	switch (col)
	{
		case 2: return ice_float(*type, ice_below(r, 5) == 0 ? NAN : doubles[ice_below(r, 7)]);
		case 3:
		{
			const char *s = strings[ice_below(r, 9)];

			return ice_bytes(*type, s, strlen(s));
		}
		default: return ice_int(*type, ice_below(r, 12) - 6);
	}
}

static LhPred *
random_leaf(IceRandom *r)
{
	int col = ice_below(r, NCOLS);
	const LhType *type = &cols[col].type;
	LhValue v, values[3];
	LhPred *p;

	do
		v = random_value(r, col);
	while (v.null);
	/* constants of other types, too */
	if (col == 0 && ice_below(r, 3) == 0)
		v = ice_int(ICE_DEC_9_2, v.i64 * 100 + (ice_below(r, 2) ? 50 : 0));
	if (col == 4 && ice_below(r, 3) == 0)
		v = ice_int(ICE_DATE, ice_below(r, 3) - 1);
	switch (ice_below(r, col == 3 ? 10 : 8))
	{
		case 0:
		case 1:
		case 2:
		case 3: ASSERT_OK(ctx, lh_pred_cmp(ctx, col, (LhCmp) ice_below(r, 6), &v, &p)); break;
		case 4:
			for (int i = 0; i < 3; i++)
				values[i] = random_value(r, col);
			ASSERT_OK(ctx, lh_pred_in(ctx, col, ice_below(r, 2) == 0, values, 3, false, &p));
			break;
		case 5: ASSERT_OK(ctx, lh_pred_leaf(ctx, LH_P_IS_NULL, col, NULL, &p)); break;
		case 6: ASSERT_OK(ctx, lh_pred_leaf(ctx, LH_P_NOT_NULL, col, NULL, &p)); break;
		case 7:
			ASSERT_OK(ctx, lh_pred_leaf(ctx, ice_below(r, 2) ? LH_P_DISTINCT : LH_P_NOT_DISTINCT, col,
										&v, &p));
			break;
		default:
			assert_int_equal(type->id, LH_T_STRING);
			ASSERT_OK(ctx, lh_pred_leaf(ctx, ice_below(r, 2) ? LH_P_PREFIX : LH_P_NOT_PREFIX, col, &v,
										&p));
	}
	return p;
}

static LhPred *
random_pred(IceRandom *r, int depth)
{
	LhPred *args[3], *p;
	int n = 2 + ice_below(r, 2);

	if (depth == 0 || ice_below(r, 3) > 0)
		return random_leaf(r);
	for (int i = 0; i < n; i++)
		args[i] = random_pred(r, depth - 1);
	ASSERT_OK(ctx, lh_pred_list(ctx, ice_below(r, 2) ? LH_P_AND : LH_P_OR, args, n, &p));
	return p;
}

static LhSlice
bytes_of(const LhValue *v)
{
	switch (v->type.id)
	{
		case LH_T_DOUBLE: return ice_double_bytes(ctx, v->f64);
		case LH_T_INT32: return ice_int_bytes(ctx, (int32_t) v->i64);
		case LH_T_STRING: return lh_slice(v->str.ptr, v->str.len);
		default: return ice_long_bytes(ctx, v->i64);
	}
}

/* Bounds as writers cut them: to a character, the upper one then raised. */
static void
cut(IceRandom *r, IceStat *s)
{
	static const char *const next[] = {"b", "c"};

	if (ice_below(r, 2) == 0)
		return;
	if (s->lower.len > 1)
		s->lower.len = 1;
	if (s->upper.len > 1)
		s->upper = ice_text_bytes(next[s->upper.data[0] - 'a']);
}

/* True statistics of a column, some of them left out. */
static IceStat
stat_of(IceRandom *r, LhValue rows[ROWS][NCOLS], int n, int col)
{
	IceStat s = {.id = cols[col].field_id, .values = n};
	const LhValue *min = NULL, *max = NULL;

	for (int i = 0; i < n; i++)
	{
		const LhValue *v = &rows[i][col];
		bool nan = !v->null && col == 2 && isnan(v->f64);

		s.nulls += v->null;
		s.nans += nan;
		if (v->null || nan)
			continue;
		if (min == NULL || lh_value_compare(v, min) < 0)
			min = v;
		if (max == NULL || lh_value_compare(v, max) > 0)
			max = v;
	}
	if (min != NULL && ice_below(r, 6) > 0)
		s.lower = bytes_of(min);
	if (max != NULL && ice_below(r, 6) > 0)
		s.upper = bytes_of(max);
	if (col == 3)
		cut(r, &s);
	if (col != 2 || ice_below(r, 4) == 0)
		s.nans = ICE_NULL;
	if (ice_below(r, 5) == 0)
		s.nulls = ICE_NULL;
	if (ice_below(r, 5) == 0)
		s.values = ICE_NULL;
	return s;
}

static const char *
told(const LhPred *p)
{
	static const char *const names[] = {"id", "p", "d", "s", "t"};
	LhBuf out;

	ASSERT_OK(ctx, lh_buf_init(ctx, &out, false));
	ASSERT_OK(ctx, lh_pred_format(ctx, p, names, &out));
	ASSERT_OK(ctx, lh_buf_putc(ctx, &out, '\0'));
	return (const char *) out.data;
}

typedef struct Tally
{
	int files, pruned_partition, pruned_bounds, satisfied;
} Tally;

static void
one_file(IceRandom *r, Tally *tally)
{
	LhValue rows[ROWS][NCOLS];
	IceEntry e = {ICE_ENTRY, .path = "/t/data/f"};
	int n = 1 + ice_below(r, ROWS), none = 0, all = 0;
	bool parts = ice_below(r, 2) == 0;
	uint64_t satisfied;
	LhPred *filter = random_pred(r, 2);
	LhIceFate fate;

	for (int i = 0; i < n; i++)
		for (int c = 0; c < NCOLS; c++)
			rows[i][c] = random_value(r, c);
	if (ice_below(r, 3) == 0)
	{
		/* a column that is null or NaN or one value all over */
		int c = ice_below(r, NCOLS);

		for (int i = 1; i < n; i++)
			rows[i][c] = rows[0][c];
	}
	if (parts)
	{
		LhIceTransform t = {.kind = LH_ICE_TRUNCATE, .param = 2};
		LhValue part;
		bool known;

		for (int i = 1; i < n; i++)
		{
			rows[i][1] = rows[0][1];
			/* the same first two characters */
			if (rows[0][3].null || rows[0][3].str.len < 2 || rows[i][3].null ||
				rows[i][3].str.len < 2 || memcmp(rows[0][3].str.ptr, rows[i][3].str.ptr, 2) != 0)
				rows[i][3] = rows[0][3];
		}
		ASSERT_OK(ctx, lh_ice_transform_apply(ctx, &t, &rows[0][3], &part, &known));
		e.part = rows[0][1].null ? ICE_NULL : rows[0][1].i64;
		e.part_str = part.null ? NULL
							   : lh_strndup(ctx, (const char *) part.str.ptr, part.str.len);
	}
	e.records = n;
	for (int c = 0; c < NCOLS; c++)
	{
		if (ice_below(r, 5) > 0 && e.nstats < 4)
			e.stats[e.nstats++] = stat_of(r, rows, n, c);
	}
	fate = fate_of(&e, parts, &filter, 1, &satisfied);
	for (int i = 0; i < n; i++)
		all += lh_pred_reference(filter, rows[i]);
	none = n - all;
	if (fate != LH_ICE_KEEP && all > 0)
		fail_msg("%s: a file with %d rows that pass was pruned (%d)", told(filter), all, fate);
	if ((satisfied & 1) != 0 && none > 0)
		fail_msg("%s: said to be satisfied, but %d rows do not pass", told(filter), none);
	tally->files++;
	tally->pruned_partition += fate == LH_ICE_BY_PARTITION;
	tally->pruned_bounds += fate == LH_ICE_BY_BOUNDS;
	tally->satisfied += (satisfied & 1) != 0;
}

static void
pruning_never_loses_a_row(void **state)
{
	IceRandom r = {3};
	LhArena *outer = ctx->arena, *arena = lh_arena_child(outer);
	Tally tally = {0};

	(void) state;
	for (int i = 0; i < 20000; i++)
	{
		lh_use(ctx, arena);
		one_file(&r, &tally);
		lh_arena_reset(arena);
	}
	lh_use(ctx, outer);
	print_message("%d files: %d pruned by partition, %d by bounds, %d satisfied\n", tally.files,
				  tally.pruned_partition, tally.pruned_bounds, tally.satisfied);
	/* and prunes */
	assert_true(tally.pruned_partition > 1000);
	assert_true(tally.pruned_bounds > 2000);
	assert_true(tally.satisfied > 1000);
}

/* Summaries of several files, as a list has them. */
static void
summaries_never_lose_a_manifest(void **state)
{
	IceRandom r = {4};
	LhArena *outer = ctx->arena, *arena = lh_arena_child(outer);
	int pruned = 0;

	(void) state;
	for (int i = 0; i < 10000; i++)
	{
		LhIceManifestFile line = {.path = "m", .spec_id = 1, .added_files = 3, .nsummaries = 2};
		struct LhIceSummary summaries[2] = {{.contains_nan = -1}, {.contains_nan = -1}};
		LhValue rows[3][NCOLS];
		const LhValue *min[2] = {NULL, NULL}, *max[2] = {NULL, NULL};
		LhTaskFilter filter = {.ncols = NCOLS, .cols = cols, .nfilters = 1};
		LhPred *pred;
		LhIcePrune *prune;
		bool may, passes = false;

		lh_use(ctx, arena);
		pred = random_pred(&r, 2);
		filter.filters = &pred;
		line.summaries = summaries;
		for (int k = 0; k < 3; k++)
		{
			for (int c = 0; c < NCOLS; c++)
				rows[k][c] = random_value(&r, c);
			passes |= lh_pred_reference(pred, rows[k]);
			for (int f = 0; f < 2; f++)
			{
				LhValue *v = lh_memdup(ctx, &rows[k][f == 0 ? 1 : 3], sizeof(LhValue));

				if (!v->null && f == 1 && v->str.len > 2)
					v->str.len = 2;
				summaries[f].contains_null |= v->null;
				if (v->null)
					continue;
				if (min[f] == NULL || lh_value_compare(v, min[f]) < 0)
					min[f] = v;
				if (max[f] == NULL || lh_value_compare(v, max[f]) > 0)
					max[f] = v;
			}
		}
		for (int f = 0; f < 2; f++)
		{
			summaries[f].has_lower = min[f] != NULL;
			summaries[f].has_upper = max[f] != NULL;
			if (min[f] != NULL)
			{
				summaries[f].lower = bytes_of(min[f]);
				summaries[f].upper = bytes_of(max[f]);
			}
		}
		ASSERT_OK(ctx, lh_ice_prune_create(ctx, table, &filter, &prune));
		ASSERT_OK(ctx, lh_ice_prune_manifest(ctx, prune, &line, &may));
		if (!may && passes)
			fail_msg("%s: a manifest with a row that passes was pruned", told(pred));
		pruned += !may;
		lh_arena_reset(arena);
	}
	lh_use(ctx, outer);
	assert_true(pruned > 500);
}

/*
 * Rules
 */

static LhPred *
cmp(int col, LhCmp op, LhValue v)
{
	LhPred *p;

	ASSERT_OK(ctx, lh_pred_cmp(ctx, col, op, &v, &p));
	return p;
}

static LhIceFate
under(const IceEntry *e, LhPred *p)
{
	uint64_t satisfied;

	return fate_of(e, false, &p, 1, &satisfied);
}

static bool
all_pass(const IceEntry *e, LhPred *p)
{
	uint64_t satisfied;

	assert_int_equal(fate_of(e, false, &p, 1, &satisfied), LH_ICE_KEEP);
	return (satisfied & 1) != 0;
}

/* 6.4 no. 1 */
static void
nan_is_above_all_numbers_and_bounds_do_not_know_it(void **state)
{
	IceEntry e = {ICE_ENTRY, .path = "f", .nstats = 1,
				  .stats = {{3, 10, 0, ICE_NULL, ice_double_bytes(ctx, 1), ice_double_bytes(ctx, 2)}}};
	LhValue nan = ice_float(ICE_DOUBLE, NAN), ten = ice_float(ICE_DOUBLE, 10);

	(void) state;
	assert_int_equal(under(&e, cmp(2, LH_GT, ten)), LH_ICE_KEEP);
	assert_int_equal(under(&e, cmp(2, LH_GE, ten)), LH_ICE_KEEP);
	assert_int_equal(under(&e, cmp(2, LH_EQ, nan)), LH_ICE_KEEP);
	assert_int_equal(under(&e, cmp(2, LH_EQ, ten)), LH_ICE_BY_BOUNDS);
	assert_false(all_pass(&e, cmp(2, LH_LT, ten)));
	/* known to be none */
	e.stats[0].nans = 0;
	assert_int_equal(under(&e, cmp(2, LH_GT, ten)), LH_ICE_BY_BOUNDS);
	assert_int_equal(under(&e, cmp(2, LH_EQ, nan)), LH_ICE_BY_BOUNDS);
	assert_true(all_pass(&e, cmp(2, LH_LT, ten)));
	/* known to be some */
	e.stats[0].nans = 3;
	assert_int_equal(under(&e, cmp(2, LH_GT, ten)), LH_ICE_KEEP);
	/* nothing else */
	e.stats[0] = (IceStat){.id = 3, .values = 10, .nulls = 2, .nans = 8};
	assert_int_equal(under(&e, cmp(2, LH_LT, ten)), LH_ICE_BY_BOUNDS);
	assert_int_equal(under(&e, cmp(2, LH_GT, ten)), LH_ICE_KEEP);
	e.stats[0].nulls = 0;
	e.stats[0].nans = 10;
	assert_true(all_pass(&e, cmp(2, LH_GT, ten)));
	/* 8 of 10 and nulls unknown: the others may be numbers */
	e.stats[0].nulls = ICE_NULL;
	e.stats[0].nans = 8;
	assert_int_equal(under(&e, cmp(2, LH_LT, ten)), LH_ICE_KEEP);
	/* a bound that is NaN says nothing */
	e.stats[0] = (IceStat){3, 10, 0, ICE_NULL, ice_double_bytes(ctx, NAN), ice_double_bytes(ctx, NAN)};
	assert_int_equal(under(&e, cmp(2, LH_EQ, ten)), LH_ICE_KEEP);
}

/* What writers of old got wrong says nothing; a lower bound that is NaN would be above all numbers. */
static void
bounds_that_cannot_be_true_are_none(void **state)
{
	IceEntry e = {ICE_ENTRY, .path = "f", .nstats = 1,
				  .stats = {{3, 10, 0, 0, ice_double_bytes(ctx, NAN), ice_double_bytes(ctx, 20)}}};
	LhIceManifestFile line = {.path = "m", .spec_id = 1, .added_files = 1, .nsummaries = 2};
	struct LhIceSummary summaries[2] = {{.contains_nan = -1, .has_lower = true, .has_upper = true},
										{.contains_nan = -1}};
	LhValue ten = ice_float(ICE_DOUBLE, 10), five = ice_int(ICE_LONG, 5);
	uint8_t low[16] = {0x10}, high[16] = {0xf0};
	const int32_t id = 3;
	LhPred *p = cmp(1, LH_EQ, ice_int(ICE_INT, 5));
	LhTaskFilter filter = {.ncols = NCOLS, .cols = cols, .nfilters = 1, .filters = &p};
	LhIcePrune *prune;
	LhIceManifest *m;
	LhBounds b;
	bool may;

	(void) state;
	/* the other bound is as good as ever */
	assert_int_equal(under(&e, cmp(2, LH_EQ, ten)), LH_ICE_KEEP);
	assert_int_equal(under(&e, cmp(2, LH_LT, ten)), LH_ICE_KEEP);
	assert_int_equal(under(&e, cmp(2, LH_GT, ice_float(ICE_DOUBLE, 21))), LH_ICE_BY_BOUNDS);
	e.stats[0].lower = ice_double_bytes(ctx, 1);
	e.stats[0].upper = ice_double_bytes(ctx, NAN);
	assert_int_equal(under(&e, cmp(2, LH_EQ, ten)), LH_ICE_KEEP);
	assert_int_equal(under(&e, cmp(2, LH_LT, ice_float(ICE_DOUBLE, 1))), LH_ICE_BY_BOUNDS);
	e.stats[0] = (IceStat){1, 10, 0, ICE_NULL, ice_long_bytes(ctx, 9), ice_long_bytes(ctx, 3)};
	for (int op = LH_EQ; op <= LH_GE; op++)
	{
		assert_int_equal(under(&e, cmp(0, (LhCmp) op, five)), LH_ICE_KEEP);
		assert_false(all_pass(&e, cmp(0, (LhCmp) op, five)));
	}
	/* so it is with summaries */
	summaries[0].lower = ice_int_bytes(ctx, 9);
	summaries[0].upper = ice_int_bytes(ctx, 3);
	line.summaries = summaries;
	ASSERT_OK(ctx, lh_ice_prune_create(ctx, table, &filter, &prune));
	ASSERT_OK(ctx, lh_ice_prune_manifest(ctx, prune, &line, &may));
	assert_true(may);
	summaries[0].upper = ice_int_bytes(ctx, 10);
	ASSERT_OK(ctx, lh_ice_prune_manifest(ctx, prune, &line, &may));
	assert_false(may);
	/* by unsigned bytes in order, which is no proof of anything */
	e.stats[0] = (IceStat){3, 10, 0, ICE_NULL, lh_slice(low, 16), lh_slice(high, 16)};
	m = ice_decode(ctx, &e, 1, false, 1, &id);
	lh_ice_stats_bounds(lh_ice_manifest_stats(m, id), &ICE_UUID, 0, 10, &b);
	assert_false(b.has_min || b.has_max);
	assert_int_equal(b.nulls, 0);
	lh_ice_manifest_unref(m);
}

/* 6.4 no. 3 */
static void
a_cut_bound_is_no_value_that_occurs(void **state)
{
	IceEntry e = {ICE_ENTRY, .path = "f", .nstats = 1,
				  .stats = {{4, 10, 0, ICE_NULL, ice_text_bytes("abc"), ice_text_bytes("abd")}}};

	(void) state;
	assert_int_equal(under(&e, cmp(3, LH_EQ, ice_text("abcz"))), LH_ICE_KEEP);
	assert_int_equal(under(&e, cmp(3, LH_EQ, ice_text("abe"))), LH_ICE_BY_BOUNDS);
	assert_false(all_pass(&e, cmp(3, LH_GT, ice_text("abc"))));
	assert_true(all_pass(&e, cmp(3, LH_GE, ice_text("abc"))));
	/* equal bounds: still a range */
	e.stats[0].upper = ice_text_bytes("abc");
	assert_true(all_pass(&e, cmp(3, LH_EQ, ice_text("abc"))));
	/* no upper bound */
	e.stats[0].upper = (LhSlice){0};
	assert_int_equal(under(&e, cmp(3, LH_GT, ice_text("zzz"))), LH_ICE_KEEP);
	assert_int_equal(under(&e, cmp(3, LH_LT, ice_text("abc"))), LH_ICE_BY_BOUNDS);
}

/* 6.4 no. 4 */
static void
bounds_of_promoted_columns_keep_their_old_width(void **state)
{
	IceEntry e = {ICE_ENTRY, .path = "f", .nstats = 1,
				  .stats = {{1, 10, 0, ICE_NULL, ice_int_bytes(ctx, -5), ice_int_bytes(ctx, 9)}}};

	(void) state;
	assert_int_equal(under(&e, cmp(0, LH_EQ, ice_int(ICE_LONG, -6))), LH_ICE_BY_BOUNDS);
	assert_int_equal(under(&e, cmp(0, LH_EQ, ice_int(ICE_LONG, -5))), LH_ICE_KEEP);
	e.stats[0] = (IceStat){5, 10, 0, ICE_NULL, ice_int_bytes(ctx, 1), ice_int_bytes(ctx, 1)};
	assert_int_equal(under(&e, cmp(4, LH_GE, ice_json(ctx, ICE_TS, "\"1970-01-03T00:00:00\""))),
					 LH_ICE_BY_BOUNDS);
	assert_int_equal(under(&e, cmp(4, LH_GE, ice_json(ctx, ICE_TS, "\"1970-01-02T00:00:00\""))),
					 LH_ICE_KEEP);
}

/* 6.4 no. 5 */
static void
missing_counts_are_unknown_not_zero(void **state)
{
	IceEntry e = {ICE_ENTRY, .path = "f", .nstats = 1,
				  .stats = {{1, ICE_NULL, ICE_NULL, ICE_NULL, ice_long_bytes(ctx, 1),
							 ice_long_bytes(ctx, 2)}}};
	LhPred *null, *not_null;

	(void) state;
	ASSERT_OK(ctx, lh_pred_leaf(ctx, LH_P_IS_NULL, 0, NULL, &null));
	ASSERT_OK(ctx, lh_pred_leaf(ctx, LH_P_NOT_NULL, 0, NULL, &not_null));
	assert_int_equal(under(&e, null), LH_ICE_KEEP);
	assert_false(all_pass(&e, not_null));
	assert_false(all_pass(&e, cmp(0, LH_GT, ice_int(ICE_LONG, 0))));
	e.stats[0].nulls = 0;
	assert_int_equal(under(&e, null), LH_ICE_BY_BOUNDS);
	assert_true(all_pass(&e, not_null));
	e.stats[0] = (IceStat){.id = 1, .values = 10, .nulls = 10, .nans = ICE_NULL};
	assert_int_equal(under(&e, not_null), LH_ICE_BY_BOUNDS);
	assert_true(all_pass(&e, null));
	/* more nulls than rows are none that can be believed */
	e.stats[0].nulls = 11;
	assert_int_equal(under(&e, not_null), LH_ICE_KEEP);
	/* nor are counts below zero */
	e.stats[0].nulls = -1;
	assert_int_equal(under(&e, null), LH_ICE_KEEP);
}

/* 6.4 no. 17: values that are not one a row, as those of elements */
static void
statistics_of_elements_are_not_of_rows(void **state)
{
	IceEntry e = {ICE_ENTRY, .path = "f", .nstats = 1,
				  .stats = {{1, 30, 0, ICE_NULL, ice_long_bytes(ctx, 1), ice_long_bytes(ctx, 2)}}};

	(void) state;
	assert_int_equal(under(&e, cmp(0, LH_EQ, ice_int(ICE_LONG, 9))), LH_ICE_KEEP);
	e.stats[0].values = 10;
	assert_int_equal(under(&e, cmp(0, LH_EQ, ice_int(ICE_LONG, 9))), LH_ICE_BY_BOUNDS);
}

/* 6.4 no. 11: fields stand in another order in the manifest than in the spec. */
static void
tuples_are_matched_by_field_id(void **state)
{
	IceEntry e = {ICE_ENTRY, .path = "f", .part = 3, .part_str = "ab"};
	LhPred *p = cmp(1, LH_EQ, ice_int(ICE_INT, 3)), *q = cmp(1, LH_EQ, ice_int(ICE_INT, 4)),
		   *s = cmp(3, LH_EQ, ice_text("abc")), *t = cmp(3, LH_EQ, ice_text("bbc"));
	uint64_t satisfied;

	(void) state;
	assert_int_equal(fate_of(&e, true, &p, 1, &satisfied), LH_ICE_KEEP);
	/* an identity partition knows all values */
	assert_int_equal(satisfied, 1);
	assert_int_equal(fate_of(&e, true, &q, 1, &satisfied), LH_ICE_BY_PARTITION);
	assert_int_equal(fate_of(&e, true, &s, 1, &satisfied), LH_ICE_KEEP);
	assert_int_equal(satisfied, 0);
	assert_int_equal(fate_of(&e, true, &t, 1, &satisfied), LH_ICE_BY_PARTITION);
	/* null */
	e.part = ICE_NULL;
	assert_int_equal(fate_of(&e, true, &p, 1, &satisfied), LH_ICE_BY_PARTITION);
	ASSERT_OK(ctx, lh_pred_leaf(ctx, LH_P_IS_NULL, 1, NULL, &p));
	assert_int_equal(fate_of(&e, true, &p, 1, &satisfied), LH_ICE_KEEP);
	assert_int_equal(satisfied, 1);
}

/* A date hashes to another bucket than its midnight: of a column that became a moment buckets say nothing, days do. */
static void
buckets_of_a_date_that_became_a_moment_say_nothing(void **state)
{
	LhIceSpecField bucket = {.field_id = 1007, .source_id = 5, .name = "b", .transform = {LH_ICE_BUCKET, 4, "bucket[4]"}},
				   day = {.field_id = 1008, .source_id = 5, .name = "y", .transform = {LH_ICE_DAY, 0, "day"}};
	LhIceSpec specs[] = {{7, 1, &bucket}, {8, 1, &day}};
	LhField before = {.name = "t", .type = ICE_DATE, .field_id = 5};
	LhIceSchema schemas[] = {*table->schema, {.schema_id = 6, .root = {.id = LH_T_STRUCT, .nfields = 1, .fields = &before}}};
	LhIceMetadata m = *table->metadata;
	LhIceTable t = *table;
	LhIceSpecInfo *s;
	LhIcePrune *prune;

	(void) state;
	t.metadata = &m;
	m.specs = specs;
	m.nspecs = 2;
	for (int promoted = 0; promoted <= 1; promoted++)
	{
		m.schemas = schemas;
		m.nschemas = 1 + promoted;
		ASSERT_OK(ctx, lh_ice_prune_create(ctx, &t, NULL, &prune));
		ASSERT_OK(ctx, lh_ice_prune_spec(ctx, prune, 7, &s));
		assert_int_equal(s->fields[0].known, !promoted);
		ASSERT_OK(ctx, lh_ice_prune_spec(ctx, prune, 8, &s));
		assert_true(s->fields[0].known);
	}
}

static void
manifests_without_live_files_are_passed(void **state)
{
	LhIceManifestFile line = {.path = "m", .spec_id = 0, .deleted_files = 7};
	LhIcePrune *prune;
	bool may;

	(void) state;
	ASSERT_OK(ctx, lh_ice_prune_create(ctx, table, NULL, &prune));
	ASSERT_OK(ctx, lh_ice_prune_manifest(ctx, prune, &line, &may));
	assert_false(may);
	line.existing_files = -1;
	ASSERT_OK(ctx, lh_ice_prune_manifest(ctx, prune, &line, &may));
	assert_true(may);
	line.spec_id = 77;
	assert_int_equal(lh_ice_prune_manifest(ctx, prune, &line, &may), LH_CORRUPT);
	assert_non_null(strstr(ctx->error->message, "77"));
}

/* Columns that are no data of files, constants that do not fit: nothing is said. */
static void
what_cannot_be_said_leaves_the_file(void **state)
{
	IceEntry e = {ICE_ENTRY, .path = "f", .nstats = 1,
				  .stats = {{1, 10, 0, ICE_NULL, ice_long_bytes(ctx, 1), ice_long_bytes(ctx, 2)}}};
	LhPred *host = lh_alloc0(ctx, sizeof(*host));

	(void) state;
	assert_int_equal(under(&e, cmp(0, LH_EQ, ice_text("x"))), LH_ICE_KEEP);
	host->kind = LH_P_HOST;
	host->col = 0;
	assert_int_equal(under(&e, host), LH_ICE_KEEP);
	cols[0].source = LH_SRC_POSITION;
	assert_int_equal(under(&e, cmp(0, LH_EQ, ice_int(ICE_LONG, 9))), LH_ICE_KEEP);
	cols[0].source = LH_SRC_DATA;
	cols[0].field_id = 99;
	assert_int_equal(under(&e, cmp(0, LH_EQ, ice_int(ICE_LONG, 9))), LH_ICE_KEEP);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pruning_never_loses_a_row),
		TEST(summaries_never_lose_a_manifest),
		TEST(nan_is_above_all_numbers_and_bounds_do_not_know_it),
		TEST(bounds_that_cannot_be_true_are_none),
		TEST(a_cut_bound_is_no_value_that_occurs),
		TEST(bounds_of_promoted_columns_keep_their_old_width),
		TEST(missing_counts_are_unknown_not_zero),
		TEST(statistics_of_elements_are_not_of_rows),
		TEST(tuples_are_matched_by_field_id),
		TEST(buckets_of_a_date_that_became_a_moment_say_nothing),
		TEST(manifests_without_live_files_are_passed),
		TEST(what_cannot_be_said_leaves_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
