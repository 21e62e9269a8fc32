/*
 * test_pqmeta.c
 *		Footers and column chunks: what is read, what is refused, and what it costs.
 */
#include <math.h>

#include "unit/pq_file.h"

static LhCtx *ctx;

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
	return 0;
}

static const PqEl two_columns[] = {PQ_ROOT(2), PQ_LEAF("a", PQ_OPT, 1), PQ_LEAF("b", PQ_REQ, 6)};

static const PqCol sound_cols[] = {
	{.type = 1, .values = 10, .data = 4, .csize = 50, .stats = true, .nulls = 1 + 2},
	{.type = 6, .values = 10, .data = 60, .dict = 54, .csize = 40, .codec = 1}};
static const PqGroup sound_groups[] = {{10, 2, sound_cols}, {10, 2, sound_cols}};

static PqFooter
sound(void)
{
	return (PqFooter){.els = two_columns,
					  .nels = 3,
					  .groups = sound_groups,
					  .ngroups = 2,
					  .rows = 20,
					  .created_by = "test \xff"};
}

static LhStatus
parse(const PqFooter *f, LhPqMeta **meta)
{
	Tw w = {0};
	LhStatus status;

	pq_write_footer(&w, f);
	status = lh_pq_meta_parse(ctx, w.p, w.len, 1000000, meta);
	tw_free(&w);
	return status;
}

static void
a_footer_is_read(void **state)
{
	PqFooter f = sound();
	LhPqMeta *m;

	(void) state;
	ASSERT_OK(ctx, parse(&f, &m));
	assert_int_equal(m->version, 2);
	assert_int_equal(m->num_rows, 20);
	assert_int_equal(m->ngroups, 2);
	assert_int_equal(m->groups[1].first_row, 10);
	assert_int_equal(m->groups[1].num_rows, 10);
	assert_int_equal(m->groups[1].total_byte_size, 1000);
	assert_int_equal(m->groups[1].compressed_size, 500);
	assert_string_equal(m->created_by, "test \xef\xbf\xbd");
	assert_false(m->has_column_orders);
}

static void
row_groups_may_come_before_the_schema(void **state)
{
	PqFooter f = sound();
	LhPqMeta *m;

	(void) state;
	f.groups_first = true;
	ASSERT_OK(ctx, parse(&f, &m));
	assert_int_equal(m->ngroups, 2);
	assert_int_equal(m->num_rows, 20);
}

static void
row_groups_decide_how_many_rows_there_are(void **state)
{
	PqFooter f = sound();
	LhPqMeta *m;

	(void) state;
	f.rows = 0;
	ASSERT_OK(ctx, parse(&f, &m));
	assert_int_equal(m->num_rows, 20);
}

static void
a_file_may_have_no_row_groups(void **state)
{
	PqFooter f = sound();
	LhPqMeta *m;

	(void) state;
	f.ngroups = 0;
	ASSERT_OK(ctx, parse(&f, &m));
	assert_int_equal(m->ngroups, 0);
	assert_int_equal(m->num_rows, 0);
}

static void
what_a_footer_must_have(void **state)
{
	PqFooter f = sound();
	LhPqMeta *m;

	(void) state;
	f.no_schema = true;
	ASSERT_FAILS(ctx, parse(&f, &m), LH_CORRUPT, "expected a schema");
	f = sound();
	f.no_groups = true;
	ASSERT_FAILS(ctx, parse(&f, &m), LH_CORRUPT, "expected a list of row groups");
	f = sound();
	f.nels = 0;
	ASSERT_FAILS(ctx, parse(&f, &m), LH_CORRUPT, "at least its root");
}

static void
row_groups_have_a_chunk_for_each_column(void **state)
{
	const PqGroup few[] = {{10, 1, sound_cols}};
	PqFooter f = sound();
	LhPqMeta *m;

	(void) state;
	f.groups = few;
	f.ngroups = 1;
	ASSERT_FAILS(ctx, parse(&f, &m), LH_CORRUPT,
				 "row group 0: expected 2 columns as in the schema, found 1");
}

static void
rows_are_not_negative_and_do_not_overflow(void **state)
{
	const PqGroup negative[] = {{-1, 2, sound_cols}};
	const PqGroup huge[] = {{INT64_MAX, 2, sound_cols}, {1, 2, sound_cols}};
	PqFooter f = sound();
	LhPqMeta *m;

	(void) state;
	f.groups = negative;
	f.ngroups = 1;
	ASSERT_FAILS(ctx, parse(&f, &m), LH_CORRUPT, "row group 0: expected a number of rows");
	f.groups = huge;
	f.ngroups = 2;
	ASSERT_FAILS(ctx, parse(&f, &m), LH_CORRUPT, "row group 1: the number of rows overflows");
}

static void
every_cut_of_a_footer_is_refused(void **state)
{
	PqFooter f = sound();
	Tw w = {0};

	(void) state;
	pq_write_footer(&w, &f);
	for (size_t n = 0; n < w.len; n++)
	{
		LhCtx *own = lh_ctx_create();
		LhPqMeta *m;

		assert_int_equal(lh_pq_meta_parse(own, w.p, n, 1000000, &m), LH_CORRUPT);
		assert_true(own->error->message[0] != '\0');
		lh_ctx_destroy(own);
	}
	tw_free(&w);
}

/* Chunks and bounds of whatever a footer turned out to be. */
static void
touch_everything(LhCtx *own, LhPqMeta *meta)
{
	LhPqFile file = {.meta = meta, .path = "x", .arena = own->arena, .size = 1000000};

	file.chunks = lh_alloc_array(own, (size_t) meta->ngroups * (size_t) meta->nleaves + 1,
								 sizeof(*file.chunks));
	for (int g = 0; g < meta->ngroups; g++)
		for (int leaf = 0; leaf < meta->nleaves; leaf++)
		{
			LhBounds b;

			if (lh_pq_bounds(own, &file, g, leaf, &b) != LH_OK)
				assert_true(own->error->message[0] != '\0');
		}
}

static void
every_flipped_bit_is_survived(void **state)
{
	PqFooter f = sound();
	Tw w = {0};

	(void) state;
	pq_write_footer(&w, &f);
	for (size_t i = 0; i < w.len * 8; i++)
	{
		LhCtx *own = lh_ctx_create();
		LhPqMeta *m;

		w.p[i / 8] ^= (uint8_t) (1 << i % 8);
		if (lh_pq_meta_parse(own, w.p, w.len, 1000000, &m) == LH_OK)
			touch_everything(own, m);
		else
			assert_true(own->error->message[0] != '\0');
		w.p[i / 8] ^= (uint8_t) (1 << i % 8);
		lh_ctx_destroy(own);
	}
	tw_free(&w);
}

static void
lies_cost_no_more_memory_than_four_times_the_footer_and_64_mb(void **state)
{
	size_t n = 3000000;
	Tw w = {0};
	LhPqMeta *m;
	LhStatus status;
	LhBudget budget = {.limit = 0};
	LhArena *arena = lh_arena_create(&budget);
	LhArena *old = ctx->arena;

	(void) state;
	/* three million elements of two bytes: as nodes they would take a gigabyte */
	tw_open(&w);
	tw_list(&w, 2, TW_STRUCT, n);
	for (size_t i = 0; i < n; i++)
		tw_bytes(&w, "\x48\0\0", 3);
	tw_close(&w);
	ctx->arena = arena;
	status = lh_pq_meta_parse(ctx, w.p, w.len, 1000000, &m);
	ctx->arena = old;
	assert_int_equal(status, LH_LIMIT);
	assert_true(budget.peak <= 6 * w.len + ((size_t) 65 << 20));
	lh_arena_destroy(arena);
	tw_free(&w);
}

static void
a_count_of_row_groups_is_not_believed(void **state)
{
	Tw w = {0};
	LhPqMeta *m;

	(void) state;
	tw_open(&w);
	tw_list(&w, 2, TW_STRUCT, 3);
	for (int i = 0; i < 3; i++)
		pq_write_el(&w, &two_columns[i]);
	tw_list(&w, 4, TW_STRUCT, 100);
	for (int i = 0; i < 200; i++)
		tw_byte(&w, 0);
	tw_close(&w);
	ASSERT_FAILS(ctx, lh_pq_meta_parse(ctx, w.p, w.len, 1000, &m), LH_CORRUPT,
				 "expected 100 row groups of 2 columns each, found only");
	tw_free(&w);
}

static void
key_values_may_lack_the_value(void **state)
{
	PqFooter f = sound();
	Tw w = {0};
	LhPqMeta *m;

	(void) state;
	pq_write_footer(&w, &f);
	w.len--; /* one field more: the writer above ends with field 6 */
	w.depth = 0;
	w.last[0] = 6;
	tw_list(&w, 5, TW_STRUCT, 2);
	tw_open(&w);
	tw_string(&w, 1, "key");
	tw_string(&w, 2, "value");
	tw_close(&w);
	tw_open(&w);
	tw_string(&w, 1, "alone");
	tw_close(&w);
	tw_byte(&w, 0);
	ASSERT_OK(ctx, lh_pq_meta_parse(ctx, w.p, w.len, 1000000, &m));
	assert_int_equal(m->nkv, 2);
	assert_string_equal(m->kv[0], "key");
	assert_string_equal(m->kv[1], "value");
	assert_string_equal(m->kv[2], "alone");
	assert_null(m->kv[3]);
	tw_free(&w);
}

/* Opening */

static void
a_file_is_opened(void **state)
{
	PqFooter f = sound();
	uint8_t body[200] = {0};
	LhPqFile *file;
	const LhPqChunk *c;

	(void) state;
	ASSERT_OK(ctx, pq_open_footer(ctx, &f, body, sizeof(body), &file));
	assert_int_equal(lh_pq_meta(file)->num_rows, 20);
	assert_int_equal(ctx->counters->v[LH_CTR_FOOTERS_READ], 1);
	assert_int_equal(ctx->counters->v[LH_CTR_READS], 1);
	ASSERT_OK(ctx, lh_pq_chunk(ctx, file, 1, 1, &c));
	assert_int_equal(c->codec, 1);
	assert_int_equal(c->physical, LH_PQ_BYTE_ARRAY);
	assert_int_equal(c->num_values, 10);
	/* kept: asked again it is the same */
	{
		const LhPqChunk *again;

		ASSERT_OK(ctx, lh_pq_chunk(ctx, file, 1, 1, &again));
		assert_ptr_equal(c, again);
	}
	assert_int_equal(lh_pq_chunk(ctx, file, 2, 0, &c), LH_BUG);
	assert_int_equal(lh_pq_chunk(ctx, file, 0, 2, &c), LH_BUG);
	assert_int_equal(lh_pq_chunk(ctx, file, -1, 0, &c), LH_BUG);
}

static void
a_footer_beyond_64_kb_costs_a_second_read(void **state)
{
	enum
	{
		N = 5000
	};
	static char names[N][24];
	static PqEl els[N + 1];
	static PqCol cols[N];
	PqGroup group = {7, N, cols};
	PqFooter f = {.els = els, .nels = N + 1, .groups = &group, .ngroups = 1, .rows = 7};
	static uint8_t body[1000];
	LhPqFile *file;
	const LhPqChunk *c;

	(void) state;
	els[0] = (PqEl) PQ_ROOT(N);
	for (int i = 0; i < N; i++)
	{
		snprintf(names[i], sizeof(names[i]), "column_%d", i);
		els[i + 1] = (PqEl) PQ_LEAF(names[i], PQ_REQ, 2);
		cols[i] = (PqCol){.type = 2, .values = 7, .data = 4 + i % 800};
	}
	ASSERT_OK(ctx, pq_open_footer(ctx, &f, body, sizeof(body), &file));
	assert_true(file->meta->footer_size > 65536);
	assert_int_equal(ctx->counters->v[LH_CTR_READS], 2);
	assert_int_equal(lh_pq_find(file->meta, "column_4321"), 4322);
	ASSERT_OK(ctx, lh_pq_chunk(ctx, file, 0, 4321, &c));
	assert_int_equal(c->data_offset, 4 + 4321 % 800);
}

static void
a_file_that_is_none_says_so(void **state)
{
	PqFooter f = sound();
	Tw footer = {0}, w = {0};
	LhPqFile *file;

	(void) state;
	ASSERT_FAILS(ctx, pq_open_bytes(ctx, "", 0, &file), LH_CORRUPT,
				 "expected at least 13 bytes, found 0");
	ASSERT_FAILS(ctx, pq_open_bytes(ctx, "PAR1\0\0\0\0PAR1", 12, &file), LH_CORRUPT,
				 "expected at least 13 bytes, found 12");
	assert_int_equal(pq_open_bytes(ctx, "ORC and more of that kind", 25, &file), LH_CORRUPT);
	assert_non_null(strstr(ctx->error->message, "expected magic number \"PAR1\""));
	assert_non_null(strstr(ctx->error->message, "found \"kind\""));
	assert_non_null(strstr(ctx->error->detail, "ORC file"));
	lh_error_clear(ctx);
	pq_write_footer(&footer, &f);
	pq_write_file(&w, "", 0, &footer, "PARE");
	/* the magic number of an encrypted footer before one in clear text */
	assert_int_equal(pq_open_bytes(ctx, w.p, w.len, &file), LH_CORRUPT);
	assert_non_null(strstr(ctx->error->message, "/tmp/lh_pq_"));
	assert_non_null(strstr(ctx->error->message, "encryption metadata of the footer: expected an algorithm"));
	lh_error_clear(ctx);
	tw_free(&footer);
	tw_free(&w);
}

static void
the_length_of_the_footer_is_checked(void **state)
{
	uint8_t bytes[100] = "PAR1";
	const uint32_t lengths[] = {0, 100 - 8 - 4 + 1, 100, UINT32_MAX, INT32_MAX, 0x80000000};
	LhPqFile *file;

	(void) state;
	memcpy(bytes + 96, "PAR1", 4);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
	{
		memcpy(bytes + 92, &lengths[i], 4);
		ASSERT_FAILS(ctx, pq_open_bytes(ctx, bytes, sizeof(bytes), &file), LH_CORRUPT,
					 "expected a footer of 1 to 88 bytes in a file of 100");
	}
}

static void
errors_name_the_file_and_the_place(void **state)
{
	PqFooter f = sound();
	uint8_t body[200] = {0};
	LhPqFile *file;

	(void) state;
	ASSERT_OK(ctx, pq_open_footer(ctx, &f, body, sizeof(body), &file));
	assert_non_null(strstr(lh_pq_where(ctx, file, 3, 2), "lh_pq_"));
	assert_non_null(strstr(lh_pq_where(ctx, file, 3, 2), ", row group 3, column b"));
	assert_non_null(strstr(lh_pq_where(ctx, file, -1, 2), ", column b"));
	assert_null(strstr(lh_pq_where(ctx, file, -1, 2), "row group"));
	assert_null(strstr(lh_pq_where(ctx, file, -1, -1), ","));
}

/* Column chunks */

/* The first chunk of a file of one column of this kind; 10 rows, 1000 bytes before the footer. */
static LhStatus
one_chunk(const PqCol *col, int rep, const LhPqChunk **out)
{
	PqEl els[] = {PQ_ROOT(1), PQ_LEAF("a", rep, 1)};
	PqGroup group = {10, 1, col};
	PqFooter f = {.els = els, .nels = 2, .groups = &group, .ngroups = 1, .rows = 10};
	uint8_t body[996] = {0};
	LhPqFile *file;

	LH_TRY(pq_open_footer(ctx, &f, body, sizeof(body), &file));
	return lh_pq_chunk(ctx, file, 0, 0, out);
}

static void
chunk_start_follows_the_dictionary(void **state)
{
	const struct
	{
		int64_t data, dict, start;
	} cases[] = {{100, 0, 100},   /* no dictionary named */
				 {100, 50, 50},   /* before the data */
				 {100, 150, 100}, /* nonsense: it comes first or not at all */
				 {100, -1, 100}};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		PqCol col = {.type = 1, .values = 10, .data = cases[i].data, .dict = cases[i].dict};
		const LhPqChunk *c;

		ASSERT_OK(ctx, one_chunk(&col, PQ_OPT, &c));
		assert_int_equal(c->start, cases[i].start);
	}
}

static void
chunks_lie_between_magic_and_footer(void **state)
{
	const PqCol bad[] = {{.type = 1, .values = 10, .data = 3},
						 {.type = 1, .values = 10, .data = 1000},
						 {.type = 1, .values = 10, .data = -5},
						 {.type = 1, .values = 10, .data = INT64_MAX},
						 {.type = 1, .values = 10, .data = 901, .csize = 100},
						 {.type = 1, .values = 10, .data = 4, .csize = INT64_MAX}};
	const PqCol good = {.type = 1, .values = 10, .data = 900, .csize = 100};
	const PqCol empty = {.type = 1, .values = 0, .data = 0, .csize = 100};
	const LhPqChunk *c;

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ASSERT_FAILS(ctx, one_chunk(&bad[i], PQ_OPT, &c), LH_CORRUPT,
					 "row group 0, column a: column chunk: expected its pages between byte 4 and "
					 "the footer at byte 1000");
	ASSERT_OK(ctx, one_chunk(&good, PQ_OPT, &c));
	ASSERT_OK(ctx, one_chunk(&empty, PQ_OPT, &c));
}

static void
negative_counts_and_sizes_are_refused(void **state)
{
	const PqCol bad[] = {{.type = 1, .values = -1, .data = 4},
						 {.type = 1, .values = 10, .data = 4, .csize = -1},
						 {.type = 1, .values = 10, .data = 4, .usize = -1}};
	const LhPqChunk *c;

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ASSERT_FAILS(ctx, one_chunk(&bad[i], PQ_OPT, &c), LH_CORRUPT, "expected counts and sizes");
}

static void
the_type_is_the_schemas(void **state)
{
	const PqCol other = {.type = 2, .values = 10, .data = 4};
	const LhPqChunk *c;

	(void) state;
	ASSERT_FAILS(ctx, one_chunk(&other, PQ_OPT, &c), LH_CORRUPT,
				 "expected type INT32 as in the schema, found INT64");
}

static void
metadata_may_be_missing_only_when_encrypted(void **state)
{
	const PqCol nothing = {.no_meta = true};
	const PqCol none = {.no_meta = true, .offset_index = 10, .offset_index_length = 10};
	const PqCol encrypted = {.no_meta = true, .encrypted = true};
	const PqCol both = {.type = 1, .values = 10, .data = 4, .encrypted = true};
	const LhPqChunk *c;

	(void) state;
	ASSERT_FAILS(ctx, one_chunk(&nothing, PQ_OPT, &c), LH_CORRUPT, "expected metadata");
	ASSERT_FAILS(ctx, one_chunk(&none, PQ_OPT, &c), LH_CORRUPT, "expected its metadata");
	ASSERT_OK(ctx, one_chunk(&encrypted, PQ_OPT, &c));
	assert_true(c->encrypted);
	ASSERT_OK(ctx, one_chunk(&both, PQ_OPT, &c));
	assert_true(c->encrypted);
	assert_int_equal(c->num_values, 10);
}

static void
metadata_given_twice_is_checked(void **state)
{
	const PqEl els[] = {PQ_ROOT(1), PQ_LEAF("a", PQ_OPT, 1)};
	const PqCol col = {.type = 1, .values = -7, .data = 4};
	Tw w = {0};
	LhPqMeta *m;
	LhPqFile file = {.path = "x", .arena = ctx->arena};
	const LhPqChunk *slot = NULL;
	const LhPqChunk *c;

	(void) state;
	/* encrypted, with negative counts, then the same field as a number: found by fuzzing */
	tw_open(&w);
	tw_list(&w, 2, TW_STRUCT, 2);
	pq_write_el(&w, &els[0]);
	pq_write_el(&w, &els[1]);
	tw_list(&w, 4, TW_STRUCT, 1);
	tw_open(&w);
	tw_list(&w, 1, TW_STRUCT, 1);
	tw_open(&w);
	pq_write_meta_data(&w, &col);
	tw_i64(&w, 3, 5);
	tw_binary(&w, 9, "secret", 6);
	tw_close(&w);
	tw_i64(&w, 3, 10);
	tw_close(&w);
	tw_close(&w);
	ASSERT_OK(ctx, lh_pq_meta_parse(ctx, w.p, w.len, 1000, &m));
	file.meta = m;
	file.chunks = &slot;
	ASSERT_FAILS(ctx, lh_pq_chunk(ctx, &file, 0, 0, &c), LH_CORRUPT, "expected counts");
	tw_free(&w);
}

static void
a_broken_chunk_does_not_harm_the_others(void **state)
{
	const PqCol cols[] = {{.type = 1, .values = 10, .data = -1}, sound_cols[1]};
	const PqGroup group = {10, 2, cols};
	PqFooter f = sound();
	uint8_t body[200] = {0};
	const LhPqChunk *c;
	LhPqFile *file;

	(void) state;
	f.groups = &group;
	f.ngroups = 1;
	ASSERT_OK(ctx, pq_open_footer(ctx, &f, body, sizeof(body), &file));
	assert_int_equal(lh_pq_chunk(ctx, file, 0, 0, &c), LH_CORRUPT);
	assert_int_equal(lh_pq_chunk(ctx, file, 0, 0, &c), LH_CORRUPT);
	ASSERT_OK(ctx, lh_pq_chunk(ctx, file, 0, 1, &c));
}

static void
all_dictionary_is_said_only_when_known(void **state)
{
	const int all[] = {2, 0, 1, 0, 8, 4, -1};        /* dictionary page, data pages in codes */
	const int mixed[] = {0, 8, 4, 0, 0, 1, -1};      /* one page PLAIN */
	const int mixed_v2[] = {0, 8, 4, 3, 5, 1, -1};   /* one page DELTA, version 2 */
	const int none_of_it[] = {0, 8, 4, 3, 0, 0, -1}; /* no page PLAIN, and it says so */
	const int codes_only[] = {2, 3, 4, -1};
	const int codes_and_plain[] = {2, 3, 0, -1};
	const int new_codes[] = {8, 3, -1};
	const int no_codes[] = {3, -1};
	const struct
	{
		const int *pages, *encodings;
		bool want;
	} cases[] = {
		{all, codes_and_plain, true}, {mixed, NULL, false},     {mixed_v2, NULL, false},
		{none_of_it, NULL, true},     {NULL, codes_only, true}, {NULL, codes_and_plain, false},
		{NULL, new_codes, true},      {NULL, no_codes, false},  {mixed, codes_only, false}};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		PqCol col = {.type = 1,
					 .values = 10,
					 .data = 4,
					 .pages = cases[i].pages,
					 .encodings = cases[i].encodings};
		const LhPqChunk *c;

		ASSERT_OK(ctx, one_chunk(&col, PQ_OPT, &c));
		if (c->all_dictionary != cases[i].want)
			fail_msg("case %zu", i);
	}
}

static bool
always(void *arg)
{
	(void) arg;
	return true;
}

static void
statistics_of_geometries_are_kept_as_they_are(void **state)
{
	const double box[8] = {170, -170, -5.5, 5.5, NAN, NAN, 1, NAN};
	const int shapes[] = {1, 1001, 3006, -1};
	const PqCol col = {.type = 1, .values = 10, .data = 4, .box = box, .shapes = shapes};
	const PqCol none = {.type = 1, .values = 10, .data = 4};
	const LhPqChunk *chunk;

	(void) state;
	ASSERT_OK(ctx, one_chunk(&col, PQ_OPT, &chunk));
	assert_true(chunk->geo.present && !chunk->stats.present);
	/* the box crosses the antimeridian */
	assert_true(chunk->geo.known[0] && chunk->geo.low[0] == 170 && chunk->geo.high[0] == -170);
	assert_true(chunk->geo.known[1] && chunk->geo.low[1] == -5.5 && chunk->geo.high[1] == 5.5);
	/* half a pair is none */
	assert_false(chunk->geo.known[2] || chunk->geo.known[3]);
	assert_int_equal(chunk->geo.ntypes, 3);
	assert_int_equal(chunk->geo.types[2], 3006);
	ASSERT_OK(ctx, one_chunk(&none, PQ_OPT, &chunk));
	assert_false(chunk->geo.present);
}

static void
the_host_can_stop_it(void **state)
{
	const LhHost host = {.interrupted = always};
	PqFooter f = sound();
	LhPqMeta *m;

	(void) state;
	ctx->host = &host;
	assert_int_equal(parse(&f, &m), LH_CANCELLED);
	ctx->host = NULL;
	lh_error_clear(ctx);
}

static void
the_budget_of_a_scan_does_not_pay_for_footers(void **state)
{
	PqFooter f = sound();
	uint8_t body[200] = {0};
	LhPqFile *file;
	LhBudget budget = {.limit = 256 << 10, .setting = "work_mem"};
	LhArena *arena = lh_arena_create(&budget);
	LhArena *old = lh_use(ctx, arena);

	(void) state;
	ASSERT_OK(ctx, pq_open_footer(ctx, &f, body, sizeof(body), &file));
	lh_use(ctx, old);
	lh_arena_destroy(arena);
	assert_int_equal(budget.used, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_footer_is_read),
		T(row_groups_may_come_before_the_schema),
		T(row_groups_decide_how_many_rows_there_are),
		T(a_file_may_have_no_row_groups),
		T(what_a_footer_must_have),
		T(row_groups_have_a_chunk_for_each_column),
		T(rows_are_not_negative_and_do_not_overflow),
		T(every_cut_of_a_footer_is_refused),
		T(every_flipped_bit_is_survived),
		T(lies_cost_no_more_memory_than_four_times_the_footer_and_64_mb),
		T(a_count_of_row_groups_is_not_believed),
		T(key_values_may_lack_the_value),
		T(a_file_is_opened),
		T(a_footer_beyond_64_kb_costs_a_second_read),
		T(a_file_that_is_none_says_so),
		T(the_length_of_the_footer_is_checked),
		T(errors_name_the_file_and_the_place),
		T(chunk_start_follows_the_dictionary),
		T(chunks_lie_between_magic_and_footer),
		T(negative_counts_and_sizes_are_refused),
		T(the_type_is_the_schemas),
		T(metadata_may_be_missing_only_when_encrypted),
		T(metadata_given_twice_is_checked),
		T(a_broken_chunk_does_not_harm_the_others),
		T(all_dictionary_is_said_only_when_known),
		T(statistics_of_geometries_are_kept_as_they_are),
		T(the_host_can_stop_it),
		T(the_budget_of_a_scan_does_not_pay_for_footers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
