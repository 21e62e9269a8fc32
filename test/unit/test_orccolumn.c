/*
 * test_orccolumn.c
 *		Columns: the rows of other writers' files, any ranges and selections, bounds, bloom filters,
 *		and columns made by hand that are right, damaged or at the end of their range.
 */
#include "unit/orc_make.h"

#include "unit/orc_text.h"

static LhCtx *ctx;
static uint64_t seed = 1;

static int
setup(void **state)
{
	(void) state;
	ctx = lh_ctx_create();
	return ctx == NULL;
}

static int
teardown(void **state)
{
	(void) state;
	lh_ctx_destroy(ctx);
	ob_free_all();
	return 0;
}

static uint64_t
below(uint64_t n)
{
	seed += UINT64_C(0x9e3779b97f4a7c15);
	return lh_hash_u64(seed) % n;
}

static LhOrcFile *
open_fixture(const char *name)
{
	char *path = orc_fixture(name);
	char *kept;
	LhOrcFile *file;

	if (path == NULL)
		fail_msg("no fixture %s: set LAKEHOUSE_FIXTURES or run in the top folder", name);
	kept = lh_strdup(ctx, path);
	free(path);
	ASSERT_OK(ctx, orc_open_path(ctx, kept, NULL, &file));
	return file;
}

/* Row i of a vector of node as text, which the caller frees. */
static char *
row_text(const LhOrcMeta *meta, int node, const LhVec *v, int i)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	orc_put_value(out, meta, node, v, i);
	fclose(out);
	return text;
}

/* All rows of a node of a stripe. */
static char **
all_rows(LhOrcFile *file, int stripe, int node)
{
	const LhOrcMeta *meta = lh_orc_meta(file);
	int64_t rows = meta->stripes[stripe].rows;
	char **texts = malloc(((size_t) rows + 1) * sizeof(*texts));
	LhOrcColumn *col;
	int n;

	ASSERT_OK(ctx, lh_orc_column_open(ctx, file, stripe, node, &col));
	for (int64_t row = 0; row < rows; row += n)
	{
		LhVec v;

		n = lh_orc_column_natural(col, row, rows - row < LH_BATCH ? (int) (rows - row) : LH_BATCH);
		ASSERT_OK(ctx, lh_orc_column_read(ctx, col, row, n, NULL, &v));
		assert_int_equal(v.n, n);
		for (int i = 0; i < n; i++)
			texts[row + i] = row_text(meta, node, &v, i);
	}
	lh_orc_column_close(col);
	return texts;
}

static void
free_rows(char **texts, int64_t n)
{
	for (int64_t i = 0; i < n; i++)
		free(texts[i]);
	free(texts);
}

/*
 * Fixtures
 */

static void
rows_are_those_of_the_jsonl(void **unused)
{
	static const char *const files[][2] = {
		{"types_uncompressed.orc", "types.jsonl"}, {"types_zlib.orc", "types.jsonl"},
		{"types_snappy.orc", "types.jsonl"},       {"types_lz4.orc", "types.jsonl"},
		{"types_zstd.orc", "types.jsonl"},         {"types_v1.orc", "types.jsonl"},
		{"java_la.orc", "java_la.jsonl"},          {"java_berlin.orc", "java_berlin.jsonl"}};

	for (size_t f = 0; f < sizeof(files) / sizeof(files[0]); f++)
	{
		LhOrcFile *file = open_fixture(files[f][0]);
		char *path = orc_fixture(files[f][1]);
		FILE *want = fopen(path, "r");
		char *line = NULL;
		size_t cap = 0;
		int rows = 0;

		assert_non_null(want);
		for (int s = 0; s < lh_orc_meta(file)->nstripes; s++)
		{
			char **texts = all_rows(file, s, 0);

			for (int64_t i = 0; i < lh_orc_meta(file)->stripes[s].rows; i++, rows++)
			{
				ssize_t len = getline(&line, &cap, want);

				assert_true(len > 0);
				line[len - 1] = '\0';
				if (strcmp(texts[i], line) != 0)
					fail_msg("%s, row %d: %s, not %s", files[f][0], rows, texts[i], line);
			}
			free_rows(texts, lh_orc_meta(file)->stripes[s].rows);
		}
		assert_true(getline(&line, &cap, want) < 0 && rows > 0);
		free(line);
		free(path);
		fclose(want);
	}
}

static void
random_sel(LhSel *sel, int n)
{
	int kind = (int) below(4);

	lh_sel_none(sel, n);
	for (int i = 0; i < n; i++)
	{
		bool in = kind == 0 || (kind == 1 && below(50) == 0) ||
				  (kind == 2 && i > n / 3 && i < n / 2 && below(4)) || (kind == 3 && i == n - 1);

		if (in)
		{
			lh_bit_set(sel->w, (size_t) i);
			sel->count++;
		}
	}
}

/* Every node that can be read alone, by random pieces, against all of it. */
static void
any_ranges_and_selections_give_the_same_rows(void **unused)
{
	static const char *const files[] = {
		"many.orc",     "many_plain.orc",         "java_index.orc", "types_zlib.orc",
		"types_v1.orc", "types_uncompressed.orc", "java_la.orc"};

	for (size_t f = 0; f < sizeof(files) / sizeof(files[0]); f++)
	{
		LhOrcFile *file = open_fixture(files[f]);
		const LhOrcMeta *meta = lh_orc_meta(file);

		for (int node = 0; node < meta->nnodes; node++)
		{
			int stripe = (int) below((uint64_t) meta->nstripes);
			int64_t rows = meta->stripes[stripe].rows;
			char **want;
			LhOrcColumn *col;

			if (meta->nodes[node].repeated)
				continue;
			want = all_rows(file, stripe, node);
			ASSERT_OK(ctx, lh_orc_column_open(ctx, file, stripe, node, &col));
			for (int round = 0; round < 12; round++)
			{
				for (int64_t row = 0; row < rows;)
				{
					int n = (int) below(below(2) ? 60 : LH_BATCH);
					LhSel sel;
					LhVec v;

					if (below(3) == 0)
						row += (int64_t) below(3000);
					if (row >= rows)
						break;
					if (n > rows - row)
						n = (int) (rows - row);
					random_sel(&sel, n);
					ASSERT_OK(ctx,
							  lh_orc_column_read(ctx, col, row, n, below(3) ? &sel : NULL, &v));
					for (int i = 0; i < n; i++)
					{
						char *got;

						if (!lh_bit_get(sel.w, (size_t) i))
							continue;
						got = row_text(meta, node, &v, i);
						if (strcmp(got, want[row + i]) != 0)
							fail_msg("%s, node %d, row %lld: %s, not %s", files[f], node,
									 (long long) row + i, got, want[row + i]);
						free(got);
					}
					row += n;
				}
				assert_true(lh_orc_column_can_rewind(col));
				lh_orc_column_rewind(col);
			}
			lh_orc_column_close(col);
			free_rows(want, rows);
		}
	}
}

/* Is a value of a leaf within bounds? */
static void
expect_within(const LhBounds *b, const LhVec *v, int from, int to)
{
	int64_t nulls = 0;

	for (int i = from; i < to; i++)
	{
		LhValue value;

		if (lh_vec_is_null(v, i))
		{
			nulls++;
			continue;
		}
		value = lh_vec_value(v, i);
		if ((value.type.id == LH_T_FLOAT || value.type.id == LH_T_DOUBLE) && value.f64 != value.f64)
		{
			assert_true(b->may_nan);
			continue;
		}
		assert_true(!b->has_min || lh_value_compare(&b->min, &value) <= 0);
		assert_true(!b->has_max || lh_value_compare(&b->max, &value) >= 0);
	}
	assert_true(b->nulls < 0 || b->nulls == nulls);
}

static void
bounds_and_bloom_filters_hold_what_there_is(void **unused)
{
	static const char *const files[] = {"many.orc", "many_plain.orc", "java_index.orc",
										"types_zlib.orc", "java_la.orc"};
	int blooms = 0, indexes = 0, bounds = 0, denied = 0;

	for (size_t f = 0; f < sizeof(files) / sizeof(files[0]); f++)
	{
		LhOrcFile *file = open_fixture(files[f]);
		const LhOrcMeta *meta = lh_orc_meta(file);

		for (int s = 0; s < meta->nstripes; s++)
			for (int node = 0; node < meta->nnodes; node++)
			{
				const LhOrcNode *n = &meta->nodes[node];
				int stride = meta->row_index_stride;
				const LhOrcRowIndex *index;
				const LhOrcBloom *bloom;
				LhBounds b;
				LhOrcColumn *col;

				if (n->repeated || n->leaf < 0)
					continue;
				ASSERT_OK(ctx, lh_orc_bounds(ctx, file, s, node, &b));
				ASSERT_OK(ctx, lh_orc_row_index(ctx, file, s, node, &index));
				ASSERT_OK(ctx, lh_orc_bloom(ctx, file, s, node, &bloom));
				bounds += b.known;
				ASSERT_OK(ctx, lh_orc_column_open(ctx, file, s, node, &col));
				for (int64_t row = 0, e = 0; row < meta->stripes[s].rows; row += stride, e++)
				{
					int64_t k = meta->stripes[s].rows - row;
					LhBounds whole = b;
					LhVec v;

					if (k > stride)
						k = stride;
					ASSERT_OK(ctx, lh_orc_column_read(ctx, col, row, (int) k, NULL, &v));
					whole.nulls = -1;
					expect_within(&whole, &v, 0, (int) k);
					if (index != NULL)
					{
						assert_int_equal(index->first_row[e], row);
						assert_int_equal(index->bounds[e].rows, k);
						expect_within(&index->bounds[e], &v, 0, (int) k);
						indexes++;
					}
					for (int i = 0; bloom != NULL && i < k; i++)
					{
						LhValue value = lh_vec_value(&v, i);

						assert_true(lh_orc_bloom_may_hold(bloom, (int) e, n, &value));
						assert_true(lh_orc_bloom_may_hold(bloom, -1, n, &value));
						if (value.null || n->type.lane == LH_LANE_STR || n->kind == LH_ORC_DECIMAL)
							continue;
						/* a number that is not there is mostly denied */
						value.i64 ^= INT64_C(0x5a5a5a5a00000000);
						denied += !lh_orc_bloom_may_hold(bloom, (int) e, n, &value);
						blooms++;
					}
				}
				lh_orc_column_close(col);
			}
	}
	assert_true(bounds > 20 && indexes > 100);
	assert_true(blooms > 1000 && denied > blooms * 8 / 10);
}

static void
skipped_rows_are_neither_read_nor_decompressed(void **unused)
{
	LhOrcFile *file = open_fixture("java_index.orc");
	int node = lh_orc_find(lh_orc_meta(file), "text");
	LhCounters before;
	LhOrcColumn *col;
	LhVec v;
	uint64_t all, some;

	ASSERT_OK(ctx, lh_orc_column_open(ctx, file, 0, node, &col));
	before = *ctx->counters;
	for (int64_t row = 0; row < 7000; row += 1000)
		ASSERT_OK(ctx, lh_orc_column_read(ctx, col, row, 1000, NULL, &v));
	all = ctx->counters->v[LH_CTR_BYTES_DECOMPRESSED] - before.v[LH_CTR_BYTES_DECOMPRESSED];
	lh_orc_column_close(col);
	ASSERT_OK(ctx, lh_orc_column_open(ctx, file, 0, node, &col));
	ASSERT_OK(ctx, lh_orc_column_read(ctx, col, 0, 1, NULL, &v));
	before = *ctx->counters;
	ASSERT_OK(ctx, lh_orc_column_read(ctx, col, 6000, 1, NULL, &v));
	some = ctx->counters->v[LH_CTR_BYTES_DECOMPRESSED] - before.v[LH_CTR_BYTES_DECOMPRESSED];
	assert_true(some < all / 3);
	lh_orc_column_close(col);
}

/*
 * Columns made by hand
 */

static LhStatus
read_made(const OrcFileMaker *m, int node, LhVec *out)
{
	LhOrcColumn *col;
	LhOrcFile *file;

	LH_TRY(orc_open_made(ctx, m, NULL, &file));
	LH_TRY(lh_orc_column_open(ctx, file, 0, node, &col));
	return lh_orc_column_read(ctx, col, 0, (int) m->rows, NULL, out);
}

static void
decimals_keep_every_digit(void **unused)
{
	Ob data = {0}, scales = {0};
	OrcFileMaker m;
	LhVec v;

	/* literals: 12 of scale 1, -345 of scale 2, 7 of scale 0 */
	ob_zigzag(&data, 12);
	ob_zigzag(&data, -345);
	ob_zigzag(&data, 7);
	ob_byte(&scales, 256 - 3);
	ob_zigzag(&scales, 1);
	ob_zigzag(&scales, 2);
	ob_zigzag(&scales, 0);
	m = orc_one(LH_ORC_DECIMAL, LH_ORC_DIRECT, 3, data.p, data.len);
	orc_add(&m, LH_ORC_SECONDARY, 1, scales.p, scales.len);
	m.types[1].precision = 9;
	m.types[1].scale = 2;
	ASSERT_OK(ctx, read_made(&m, 1, &v));
	assert_int_equal(lh_vec_value(&v, 0).i64, 120);
	assert_int_equal(lh_vec_value(&v, 1).i64, -345);
	assert_int_equal(lh_vec_value(&v, 2).i64, 700);
	m.types[1].precision = 30;
	ASSERT_OK(ctx, read_made(&m, 1, &v));
	assert_true(lh_vec_value(&v, 2).i128 == 700);
	/* a digit would be lost */
	m.types[1].scale = 1;
	ASSERT_FAILS(ctx, read_made(&m, 1, &v), LH_OUT_OF_RANGE, "does not fit into decimal(30,1)");
	/* 19 bytes: more than 128 bits */
	data.len = 0;
	for (int i = 0; i < 20; i++)
		ob_byte(&data, 0xff);
	m = orc_one(LH_ORC_DECIMAL, LH_ORC_DIRECT, 1, data.p, data.len);
	orc_add(&m, LH_ORC_SECONDARY, 1, scales.p, scales.len);
	ASSERT_FAILS(ctx, read_made(&m, 1, &v), LH_CORRUPT, "128 bits");
}

/* Long runs stay runs; when they become short the batch has codes. */
static void
codes_come_as_runs_while_these_are_long(void **unused)
{
	Ob codes = {0};
	static const uint8_t lengths[] = {0xfe, 1, 2};
	OrcFileMaker m;
	LhOrcColumn *col;
	LhOrcFile *file;
	LhVec v;

	/* version 1: 130 ones, 130 zeros, 130 ones; then 126 codes one by one, then 130 zeros */
	for (unsigned i = 0; i < 3; i++)
	{
		ob_byte(&codes, 127);
		ob_byte(&codes, 0);
		ob_byte(&codes, i != 1);
	}
	ob_byte(&codes, 256 - 126);
	for (unsigned i = 0; i < 126; i++)
		ob_byte(&codes, i & 1);
	ob_byte(&codes, 127);
	ob_byte(&codes, 0);
	ob_byte(&codes, 0);
	m = orc_one(LH_ORC_STRING, LH_ORC_DICTIONARY, 646, codes.p, codes.len);
	m.dictionary_sizes[1] = 2;
	orc_add(&m, LH_ORC_LENGTH, 1, lengths, sizeof(lengths));
	orc_add(&m, LH_ORC_DICTIONARY_DATA, 1, "abb", 3);
	ASSERT_OK(ctx, orc_open_made(ctx, &m, NULL, &file));
	ASSERT_OK(ctx, lh_orc_column_open(ctx, file, 0, 1, &col));
	ASSERT_OK(ctx, lh_orc_column_read(ctx, col, 0, 300, NULL, &v));
	assert_int_equal(v.kind, LH_VEC_RUNS);
	assert_int_equal(v.nruns, 3);
	assert_int_equal(v.runs[2].end, 300);
	assert_int_equal(lh_vec_value(&v, 129).str.len, 2);
	assert_int_equal(lh_vec_value(&v, 130).str.len, 1);
	ASSERT_OK(ctx, lh_orc_column_read(ctx, col, 300, 346, NULL, &v));
	assert_int_equal(v.kind, LH_VEC_DICT);
	for (int i = 0; i < 346; i++)
		assert_int_equal(v.codes[i], i < 90 ? 1 : i < 216 ? (i - 90) & 1 : 0);
}

static OrcFileMaker
stamp(int64_t seconds, uint64_t nanos, const char *zone)
{
	Ob data = {0}, second = {0};
	OrcFileMaker m;

	ob_byte(&data, 255);
	ob_zigzag(&data, seconds);
	ob_byte(&second, 255);
	ob_varint(&second, nanos);
	m = orc_one(LH_ORC_TIMESTAMP, LH_ORC_DIRECT, 1, data.p, data.len);
	orc_add(&m, LH_ORC_SECONDARY, 1, second.p, second.len);
	m.zone = zone;
	return m;
}

#define BEGIN_2015 INT64_C(1420070400)

static void
time_stamps_are_wall_clocks(void **unused)
{
	const LhOrcOptions ns = {.nanoseconds = true};
	OrcFileMaker m = stamp(0, 0, "GMT-08:00");
	LhOrcColumn *col;
	LhOrcFile *file;
	LhVec v;

	/* 2015 begins at midnight wherever the writer is */
	ASSERT_OK(ctx, read_made(&m, 1, &v));
	assert_int_equal(lh_vec_value(&v, 0).i64, BEGIN_2015 * 1000000);
	/* the specification's 1000 ns = 0x0a and 100000 ns = 0x0c */
	m = stamp(1, 0x0a, NULL);
	ASSERT_OK(ctx, read_made(&m, 1, &v));
	assert_int_equal(lh_vec_value(&v, 0).i64, (BEGIN_2015 + 1) * 1000000 + 1);
	m = stamp(1, 0x0c, NULL);
	ASSERT_OK(ctx, read_made(&m, 1, &v));
	assert_int_equal(lh_vec_value(&v, 0).i64, (BEGIN_2015 + 1) * 1000000 + 100);
	/* before 1970 a second is taken back when there is a millisecond */
	m = stamp(-BEGIN_2015 - 10, 500 << 3 | 5, NULL);
	ASSERT_OK(ctx, read_made(&m, 1, &v));
	assert_int_equal(lh_vec_value(&v, 0).i64, -11 * 1000000 + 500000);
	m = stamp(-BEGIN_2015 - 10, 999999 << 3, NULL);
	ASSERT_OK(ctx, read_made(&m, 1, &v));
	assert_int_equal(lh_vec_value(&v, 0).i64, -10 * 1000000 + 999);
	/* digits beyond microseconds are cut, and counted */
	ctx->counters->v[LH_CTR_DIGITS_LOST] = 0;
	m = stamp(0, 1999 << 3, NULL);
	ASSERT_OK(ctx, read_made(&m, 1, &v));
	assert_int_equal(lh_vec_value(&v, 0).i64, BEGIN_2015 * 1000000 + 1);
	assert_int_equal(ctx->counters->v[LH_CTR_DIGITS_LOST], 1);
	ASSERT_OK(ctx, orc_open_made(ctx, &m, &ns, &file));
	ASSERT_OK(ctx, lh_orc_column_open(ctx, file, 0, 1, &col));
	ASSERT_OK(ctx, lh_orc_column_read(ctx, col, 0, 1, NULL, &v));
	assert_int_equal(lh_vec_value(&v, 0).i64, BEGIN_2015 * 1000000000 + 1999);
	/* what cannot be */
	m = stamp(0, UINT64_C(1000000000) << 3, NULL);
	ASSERT_FAILS(ctx, read_made(&m, 1, &v), LH_CORRUPT, "10^9 nanoseconds");
	m = stamp(INT64_MAX - 5, 0, NULL);
	ASSERT_FAILS(ctx, read_made(&m, 1, &v), LH_OUT_OF_RANGE, "microseconds");
	m = stamp(0, 0, "No/Where");
	ASSERT_FAILS(ctx, read_made(&m, 1, &v), LH_UNSUPPORTED, "No/Where");
}

static void
julian_days_become_gregorian_ones(void **unused)
{
	Ob data = {0};
	OrcFileMaker m;
	LhVec v;

	/* the day before 1582-10-15 was the 4th; day 0 of both */
	ob_byte(&data, 256 - 2);
	ob_zigzag(&data, LH_GREGORIAN_START - 1);
	ob_zigzag(&data, 0);
	m = orc_one(LH_ORC_DATE, LH_ORC_DIRECT, 2, data.p, data.len);
	m.calendar = 1;
	ASSERT_OK(ctx, read_made(&m, 1, &v));
	assert_int_equal(lh_vec_value(&v, 0).i64, lh_days_from_civil(1582, 10, 4));
	assert_int_equal(lh_vec_value(&v, 1).i64, 0);
	m.calendar = 2;
	ASSERT_OK(ctx, read_made(&m, 1, &v));
	assert_int_equal(lh_vec_value(&v, 0).i64, LH_GREGORIAN_START - 1);
	/* Java that says nothing is hybrid, other writers are not, nor is Iceberg whatever it says */
	m.calendar = 0;
	ASSERT_OK(ctx, read_made(&m, 1, &v));
	assert_int_equal(lh_vec_value(&v, 0).i64, lh_days_from_civil(1582, 10, 4));
	m.writer = LH_ORC_CPP;
	ASSERT_OK(ctx, read_made(&m, 1, &v));
	assert_int_equal(lh_vec_value(&v, 0).i64, LH_GREGORIAN_START - 1);
	m.calendar = 1;
	m.types[1].attributes[0] = "iceberg.id";
	m.types[1].attributes[1] = "1";
	ASSERT_OK(ctx, read_made(&m, 1, &v));
	assert_int_equal(lh_vec_value(&v, 0).i64, LH_GREGORIAN_START - 1);
}

static void
damaged_columns_are_refused_with_their_place(void **unused)
{
	static const uint8_t codes[] = {253, 0, 1, 2}, lengths[] = {254, 1, 2},
						 negative[] = {255,  0xff, 0xff, 0xff, 0xff, 0xff,
									   0xff, 0xff, 0xff, 0xff, 1};
	OrcFileMaker m = orc_one(LH_ORC_STRING, LH_ORC_DICTIONARY, 3, codes, sizeof(codes));
	LhOrcColumn *col;
	LhOrcFile *file;
	LhVec v;

	/* code 2 of a dictionary of two */
	m.dictionary_sizes[1] = 2;
	orc_add(&m, LH_ORC_LENGTH, 1, lengths, sizeof(lengths));
	orc_add(&m, LH_ORC_DICTIONARY_DATA, 1, "abb", 3);
	ASSERT_FAILS(ctx, read_made(&m, 1, &v), LH_CORRUPT,
				 "stripe 0, column a: stream DATA is damaged");
	/* the dictionary promises more bytes, or more entries, than there are */
	m.streams[2].bytes.len = 2;
	ASSERT_FAILS(ctx, read_made(&m, 1, &v), LH_CORRUPT,
				 "dictionary: stream DICTIONARY_DATA of 2 bytes");
	m.dictionary_sizes[1] = INT32_MAX;
	ASSERT_FAILS(ctx, read_made(&m, 1, &v), LH_CORRUPT, "dictionary: stream LENGTH");
	/* lengths below zero */
	m = orc_one(LH_ORC_STRING, LH_ORC_DIRECT, 1, "x", 1);
	orc_add(&m, LH_ORC_LENGTH, 1, negative, sizeof(negative));
	ASSERT_FAILS(ctx, read_made(&m, 1, &v), LH_CORRUPT, "lengths of at most");
	/* a stream that is missing */
	m = orc_one(LH_ORC_LONG, LH_ORC_DIRECT_V2, 1, "", 0);
	m.streams[0].kind = LH_ORC_SECONDARY;
	ASSERT_FAILS(ctx, read_made(&m, 1, &v), LH_CORRUPT, "stream DATA of 0 bytes");
	/* an encoding that the kind has not */
	m = orc_one(LH_ORC_LONG, LH_ORC_DICTIONARY_V2, 1, "", 0);
	ASSERT_FAILS(ctx, read_made(&m, 1, &v), LH_CORRUPT, "a long is coded as DICTIONARY_V2");
	/* a tag without branch */
	m = orc_one(LH_ORC_UNION, LH_ORC_DIRECT, 3, "\x00\x01", 2);
	m.ntypes = 3;
	m.types[1].nchildren = 1;
	m.types[1].children[0] = 2;
	m.types[2].kind = LH_ORC_BYTE;
	ASSERT_FAILS(ctx, read_made(&m, 1, &v), LH_CORRUPT, "tags of branches");
	/* what has failed stays so */
	ASSERT_OK(ctx, orc_open_made(ctx, &m, NULL, &file));
	ASSERT_OK(ctx, lh_orc_column_open(ctx, file, 0, 1, &col));
	assert_int_not_equal(lh_orc_column_read(ctx, col, 0, 1, NULL, &v), LH_OK);
	assert_false(lh_orc_column_can_rewind(col));
	assert_int_equal(lh_orc_column_read(ctx, col, 0, 1, NULL, &v), LH_BUG);
	lh_error_clear(ctx);
}

static void
put_stats(OrcFileMaker *m, int column, unsigned field, const Ob *inner, uint64_t count)
{
	ob_num(&m->stats[column], 1, count);
	ob_msg(&m->stats[column], field, inner);
	m->has_stats = true;
}

static void
statistics_that_may_not_be_believed_are_not(void **unused)
{
	OrcFileMaker m = orc_one(LH_ORC_LONG, LH_ORC_DIRECT_V2, 10, "", 0);
	Ob inner = {0};
	LhOrcFile *file;
	LhBounds b;

	ob_num(&inner, 1, 6);  /* 3 */
	ob_num(&inner, 2, 10); /* 5 */
	put_stats(&m, 1, 2, &inner, 9);
	ASSERT_OK(ctx, orc_open_made(ctx, &m, NULL, &file));
	ASSERT_OK(ctx, lh_orc_bounds(ctx, file, 0, 1, &b));
	assert_true(b.known && b.min.i64 == 3 && b.max.i64 == 5 && b.nulls == 1 && b.rows == 10 &&
				b.min_exact);
	/* before HIVE-8732 */
	m.writer_version = 0;
	ASSERT_OK(ctx, orc_open_made(ctx, &m, NULL, &file));
	ASSERT_OK(ctx, lh_orc_bounds(ctx, file, 0, 1, &b));
	assert_true(!b.known && b.nulls == -1);
	/* more values than rows */
	m.writer_version = 9;
	m.stats[1].len = 0;
	put_stats(&m, 1, 2, &inner, 11);
	ASSERT_OK(ctx, orc_open_made(ctx, &m, NULL, &file));
	ASSERT_OK(ctx, lh_orc_bounds(ctx, file, 0, 1, &b));
	assert_true(!b.known && b.nulls == -1);
	/* a string that was cut: a bound, no value */
	m.types[1].kind = LH_ORC_STRING;
	inner.len = 0;
	ob_str(&inner, 4, "abc");
	ob_str(&inner, 5, "abd");
	m.stats[1].len = 0;
	put_stats(&m, 1, 4, &inner, 10);
	ASSERT_OK(ctx, orc_open_made(ctx, &m, NULL, &file));
	ASSERT_OK(ctx, lh_orc_bounds(ctx, file, 0, 1, &b));
	assert_true(b.has_min && b.has_max && !b.min_exact && !b.max_exact && b.nulls == 0);
	/* a decimal64 of the one broken version */
	m.types[1] = (OrcType){.kind = LH_ORC_DECIMAL, .precision = 9, .scale = 2};
	inner.len = 0;
	ob_str(&inner, 1, "-1.5");
	ob_str(&inner, 2, "12.345");
	m.stats[1].len = 0;
	put_stats(&m, 1, 6, &inner, 10);
	ASSERT_OK(ctx, orc_open_made(ctx, &m, NULL, &file));
	ASSERT_OK(ctx, lh_orc_bounds(ctx, file, 0, 1, &b));
	assert_true(b.min.i64 == -150 && b.max.i64 == 1235 && b.min_exact && !b.max_exact);
	m.writer_version = LH_ORC_135;
	ASSERT_OK(ctx, orc_open_made(ctx, &m, NULL, &file));
	ASSERT_OK(ctx, lh_orc_bounds(ctx, file, 0, 1, &b));
	assert_false(b.known);
	/* floats: NaN as a bound, and sums that prove that there is none */
	m.writer_version = 9;
	m.types[1] = (OrcType){.kind = LH_ORC_DOUBLE};
	for (int nan = 0; nan < 3; nan++)
	{
		double min = nan == 1 ? __builtin_nan("") : 0.0, max = 2,
			   sum = nan == 2 ? __builtin_nan("") : 3;

		inner.len = 0;
		ob_byte(&inner, 1 << 3 | 1);
		ob_put(&inner, &min, 8);
		ob_byte(&inner, 2 << 3 | 1);
		ob_put(&inner, &max, 8);
		ob_byte(&inner, 3 << 3 | 1);
		ob_put(&inner, &sum, 8);
		m.stats[1].len = 0;
		put_stats(&m, 1, 3, &inner, 10);
		ASSERT_OK(ctx, orc_open_made(ctx, &m, NULL, &file));
		ASSERT_OK(ctx, lh_orc_bounds(ctx, file, 0, 1, &b));
		assert_int_equal(b.known, nan != 1);
		assert_int_equal(b.may_nan, nan != 0);
	}
	/* time stamps in the writer's zone, from before ORC-135 */
	m.types[1] = (OrcType){.kind = LH_ORC_TIMESTAMP};
	inner.len = 0;
	ob_num(&inner, 3, 2 * UINT64_C(1600000000000));
	ob_num(&inner, 4, 2 * UINT64_C(1600000000001));
	m.stats[1].len = 0;
	put_stats(&m, 1, 9, &inner, 10);
	ASSERT_OK(ctx, orc_open_made(ctx, &m, NULL, &file));
	ASSERT_OK(ctx, lh_orc_bounds(ctx, file, 0, 1, &b));
	assert_true(b.known && b.min.i64 == INT64_C(1600000000000000) &&
				b.max.i64 == INT64_C(1600000000001999));
	assert_false(b.max_exact);
	m.writer_version = 5;
	ASSERT_OK(ctx, orc_open_made(ctx, &m, NULL, &file));
	ASSERT_OK(ctx, lh_orc_bounds(ctx, file, 0, 1, &b));
	assert_false(b.known);
}

/* Columns that nobody closed go with their arena, before or after the file's other stripes. */
static void
columns_go_with_their_arena(void **unused)
{
	LhOrcFile *file = open_fixture("many_plain.orc");
	LhArena *old, *arena = lh_arena_child(ctx->arena);
	LhOrcColumn *a, *b;
	LhVec v;

	old = lh_use(ctx, arena);
	ASSERT_OK(ctx, lh_orc_column_open(ctx, file, 0, 1, &a));
	ASSERT_OK(ctx, lh_orc_column_open(ctx, file, 1, 1, &b));
	ASSERT_OK(ctx, lh_orc_column_read(ctx, a, 0, 10, NULL, &v));
	ASSERT_OK(ctx, lh_orc_column_read(ctx, b, 700, 10, NULL, &v));
	ASSERT_OK(ctx, lh_orc_column_read(ctx, a, 700, 10, NULL, &v));
	lh_use(ctx, old);
	lh_arena_destroy(arena);
	ASSERT_OK(ctx, lh_orc_column_open(ctx, file, 0, 1, &a));
	ASSERT_OK(ctx, lh_orc_column_read(ctx, a, 700, 10, NULL, &v));
	/* left open: it goes with the file */
}

/* With a budget that is too small a long string is refused, not taken. */
static void
memory_stays_within_the_budget(void **unused)
{
	LhBudget budget = {.limit = 4 << 20, .setting = "work_mem"};
	size_t n = (size_t) 40 << 20;
	uint8_t *text = calloc(1, n);
	Ob length = {0};
	OrcFileMaker m;
	LhArena *arena = lh_arena_create(&budget), *old;
	LhVec v;

	ob_byte(&length, 255);
	ob_varint(&length, n);
	m = orc_one(LH_ORC_STRING, LH_ORC_DIRECT, 1, text, n);
	orc_add(&m, LH_ORC_LENGTH, 1, length.p, length.len);
	free(text);
	old = lh_use(ctx, arena);
	assert_int_equal(read_made(&m, 1, &v), LH_NO_MEMORY);
	lh_error_clear(ctx);
	lh_use(ctx, old);
	lh_arena_destroy(arena);
	ASSERT_OK(ctx, read_made(&m, 1, &v));
	assert_int_equal(lh_vec_value(&v, 0).str.len, n);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_those_of_the_jsonl),
		cmocka_unit_test(any_ranges_and_selections_give_the_same_rows),
		cmocka_unit_test(bounds_and_bloom_filters_hold_what_there_is),
		cmocka_unit_test(skipped_rows_are_neither_read_nor_decompressed),
		cmocka_unit_test(codes_come_as_runs_while_these_are_long),
		cmocka_unit_test(decimals_keep_every_digit),
		cmocka_unit_test(time_stamps_are_wall_clocks),
		cmocka_unit_test(julian_days_become_gregorian_ones),
		cmocka_unit_test(damaged_columns_are_refused_with_their_place),
		cmocka_unit_test(statistics_that_may_not_be_believed_are_not),
		cmocka_unit_test(columns_go_with_their_arena),
		cmocka_unit_test(memory_stays_within_the_budget),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
