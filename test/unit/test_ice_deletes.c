/*
 * test_ice_deletes.c
 *		Which deletes apply to which data file: each rule by its name.
 */
#include "unit/ice_manifest_make.h"

static LhCtx *ctx;
static LhIceTable *table;
static LhIcePrune *prune;
static LhIceDeletes *deletes;
static LhIceDeleteFiles files;

static int
setup(void **state)
{
	(void) state;
	ctx = lh_ctx_create();
	if (ctx == NULL)
		return 1;
	table = ice_make_table(ctx);
	ASSERT_OK(ctx, lh_ice_prune_create(ctx, table, NULL, &prune));
	ASSERT_OK(ctx, lh_ice_delete_files_init(ctx, &files));
	ASSERT_OK(ctx, lh_ice_deletes_create(ctx, table, prune, &files, &deletes));
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

static LhIceManifest *
decoded(const IceEntry *e, int n, bool parts)
{
	const int32_t ids[] = {1, 2, 3, LH_ID_DELETE_PATH};
	LhIceManifest *m = ice_decode(ctx, e, n, parts, 4, ids);

	ASSERT_OK(ctx, lh_arena_on_reset(ctx, ctx->arena, release, m));
	return m;
}

static LhIceManifestFile *
line_of(bool parts, bool is_deletes)
{
	LhIceManifestFile *line = lh_alloc0(ctx, sizeof(*line));

	*line = (LhIceManifestFile){.path = is_deletes ? "/t/metadata/deletes.avro" : "/t/metadata/data.avro",
								.spec_id = parts, .deletes = is_deletes, .sequence = 100,
								.added_snapshot = 1};
	return line;
}

static LhStatus
add(const IceEntry *e, int n, bool parts)
{
	return lh_ice_deletes_add(ctx, deletes, line_of(parts, true), decoded(e, n, parts), 0);
}

/* "pos.parquet@0 eq.parquet" for a data file; the error's name on failure. */
static const char *
applied(const IceEntry *e, bool parts)
{
	LhIceManifest *m = decoded(e, 1, parts);
	LhIceDataFile file = {.entry = 0, .sequence = e->sequence, .path = e->path};
	const uint32_t *list;
	LhStatus status;
	LhBuf out;
	int n;

	ASSERT_OK(ctx, lh_ice_deletes_finish(ctx, deletes));
	ASSERT_OK(ctx, lh_ice_view_create(ctx, prune, parts, m, &file.view));
	status = lh_ice_deletes_find(ctx, deletes, &file, &n, &list);
	if (status != LH_OK)
		return lh_status_name(status);
	ASSERT_OK(ctx, lh_buf_init(ctx, &out, false));
	for (int i = 0; i < n; i++)
	{
		const LhDeleteFile *f = (const LhDeleteFile *) (const void *) files.files.data + list[i];

		ASSERT_OK(ctx, lh_buf_printf(ctx, &out, "%s%s", i > 0 ? " " : "", strrchr(f->path, '/') + 1));
	}
	ASSERT_OK(ctx, lh_buf_putc(ctx, &out, '\0'));
	return (const char *) out.data;
}

#define DATA(seq, ...)                                                                       \
	((IceEntry){ICE_ENTRY, .status = 0, .path = "/t/data/f.parquet", .sequence = (seq), __VA_ARGS__})
#define POS(name, seq, ...)                                                                  \
	{ICE_ENTRY, .status = 0, .content = 1, .path = "/t/data/" name, .sequence = (seq), __VA_ARGS__}
#define EQ(name, seq, ...)                                                                   \
	{ICE_ENTRY, .status = 0, .content = 2, .path = "/t/data/" name, .sequence = (seq), .nids = 1,  \
	 .ids = {1}, __VA_ARGS__}
#define DV(name, seq, file, ...)                                                             \
	{ICE_ENTRY, .status = 0, .content = 1, .format = "PUFFIN", .path = "/t/data/" name,            \
	 .sequence = (seq), .referenced = (file), .offset = 4, .length = 40, __VA_ARGS__}

/* 6.4 no. 6 */
static void
position_deletes_apply_to_files_as_old_or_older(void **state)
{
	const IceEntry e[] = {POS("p", 5, )};

	(void) state;
	ASSERT_OK(ctx, add(e, 1, false));
	assert_string_equal(applied(&DATA(4, ), false), "p");
	assert_string_equal(applied(&DATA(5, ), false), "p");
	assert_string_equal(applied(&DATA(6, ), false), "");
}

static void
equality_deletes_apply_to_strictly_older_files(void **state)
{
	const IceEntry e[] = {EQ("e", 5, )};

	(void) state;
	ASSERT_OK(ctx, add(e, 1, false));
	assert_string_equal(applied(&DATA(4, ), false), "e");
	assert_string_equal(applied(&DATA(5, ), false), "");
}

static void
sequences_of_added_entries_come_from_the_manifest(void **state)
{
	const IceEntry e[] = {{ICE_ENTRY, .content = 2, .path = "/t/data/e", .nids = 1, .ids = {1}}};

	(void) state;
	ASSERT_OK(ctx, add(e, 1, false));
	assert_string_equal(applied(&DATA(99, ), false), "e");
	assert_string_equal(applied(&DATA(100, ), false), "");
}

static void
equality_deletes_without_partition_are_for_all(void **state)
{
	const IceEntry global[] = {EQ("g", 5, )}, own[] = {EQ("o", 5, .part = 1, .part_str = "ab")};

	(void) state;
	ASSERT_OK(ctx, add(global, 1, false));
	ASSERT_OK(ctx, add(own, 1, true));
	assert_string_equal(applied(&DATA(4, .part = 1, .part_str = "ab"), true), "g o");
	assert_string_equal(applied(&DATA(4, .part = 2, .part_str = "ab"), true), "g");
	assert_string_equal(applied(&DATA(4, .part = 1, .part_str = "a"), true), "g");
	assert_string_equal(applied(&DATA(4, ), false), "g");
}

static void
position_deletes_are_for_their_own_spec_and_tuple(void **state)
{
	const IceEntry zero[] = {POS("z", 5, )},
				   one[] = {POS("a", 5, .part = 1, .part_str = "ab"), POS("n", 5, .part_str = "ab")};

	(void) state;
	ASSERT_OK(ctx, add(zero, 1, false));
	ASSERT_OK(ctx, add(one, 2, true));
	assert_string_equal(applied(&DATA(4, ), false), "z");
	assert_string_equal(applied(&DATA(4, .part = 1, .part_str = "ab"), true), "a");
	/* null equals null */
	assert_string_equal(applied(&DATA(4, .part_str = "ab"), true), "n");
	assert_string_equal(applied(&DATA(4, .part = 3), true), "");
}

static void
a_file_that_is_named_has_its_deletes_alone(void **state)
{
	const char *path = "/t/data/f.parquet";
	const IceEntry e[] = {
		POS("named", 5, .referenced = path),
		POS("other", 5, .referenced = "/t/data/g.parquet"),
		/* bounds of the paths in it say that there is one */
		POS("bounds", 5, .nstats = 1,
			.stats = {{LH_ID_DELETE_PATH, ICE_NULL, ICE_NULL, ICE_NULL, ice_text_bytes(path),
					   ice_text_bytes(path)}}),
		POS("old", 3, .referenced = path)};

	(void) state;
	ASSERT_OK(ctx, add(e, 4, false));
	assert_string_equal(applied(&DATA(4, ), false), "named bounds");
	assert_string_equal(applied(&DATA(3, ), false), "named bounds old");
	assert_string_equal(applied(&DATA(4, .path = "/t/data/h.parquet"), false), "");
}

/* They would be for no file at all. */
static void
inverted_bounds_of_paths_are_none(void **state)
{
	const IceEntry e[] = {
		POS("p", 5, .nstats = 1,
			.stats = {{LH_ID_DELETE_PATH, ICE_NULL, ICE_NULL, ICE_NULL,
					   ice_text_bytes("/t/data/z.parquet"), ice_text_bytes("/t/data/a.parquet")}}),
		POS("q", 5, .nstats = 1,
			.stats = {{LH_ID_DELETE_PATH, ICE_NULL, ICE_NULL, ICE_NULL,
					   ice_text_bytes("/t/data/x.parquet"), ice_text_bytes("/t/data/z.parquet")}})};

	(void) state;
	ASSERT_OK(ctx, add(e, 2, false));
	assert_string_equal(applied(&DATA(4, ), false), "p");
}

/* 6.4 no. 8: the same file in two spellings */
static void
paths_are_compared_without_scheme_and_authority(void **state)
{
	const IceEntry e[] = {POS("p", 5, .referenced = "file:///t/data/f.parquet"),
						  POS("q", 5, .referenced = "file:/t/data/f.parquet"),
						  POS("h", 5, .referenced = "hdfs://localhost:20500/t/data/f.parquet")};

	(void) state;
	ASSERT_OK(ctx, add(e, 3, false));
	assert_string_equal(applied(&DATA(4, ), false), "p q h");
}

static void
bounds_of_paths_leave_other_files_out(void **state)
{
	const char *root = "file:///t/data/f.parquet";
	const IceEntry e[] = {
		POS("a_c", 5, .nstats = 1,
			.stats = {{LH_ID_DELETE_PATH, ICE_NULL, ICE_NULL, ICE_NULL, ice_text_bytes("/t/data/a"),
					   ice_text_bytes("/t/data/c")}}),
		POS("e_g", 5, .nstats = 1,
			.stats = {{LH_ID_DELETE_PATH, ICE_NULL, ICE_NULL, ICE_NULL, ice_text_bytes("/t/data/e"),
					   ice_text_bytes("/t/data/g")}}),
		POS("a_z", 5, .nstats = 1,
			.stats = {{LH_ID_DELETE_PATH, ICE_NULL, ICE_NULL, ICE_NULL, ice_text_bytes("/t/data/a"),
					   ice_text_bytes("/t/data/z")}}),
		POS("scheme", 5, .nstats = 1,
			.stats = {{LH_ID_DELETE_PATH, ICE_NULL, ICE_NULL, ICE_NULL, ice_text_bytes(root),
					   ice_text_bytes("file:///t/data/g")}}),
		POS("unknown", 5, )};

	(void) state;
	ASSERT_OK(ctx, add(e, 5, false));
	/* what is spelled otherwise cannot be compared, and stays */
	assert_string_equal(applied(&DATA(4, ), false), "e_g a_z scheme unknown");
	assert_string_equal(applied(&DATA(4, .path = "/t/data/b"), false), "a_c a_z scheme unknown");
	/* as old as the file is old enough */
	assert_string_equal(applied(&DATA(5, .path = "/t/data/b"), false), "a_c a_z scheme unknown");
	assert_string_equal(applied(&DATA(6, .path = "/t/data/b"), false), "");
	/* the same file as above, but not byte for byte */
	assert_string_equal(applied(&DATA(4, .path = "/t//data/f.parquet"), false), "a_c e_g a_z scheme unknown");
	assert_string_equal(applied(&DATA(4, .path = "/t/data/./f.parquet"), false), "a_c e_g a_z scheme unknown");
}

/* Nor is the bound of a delete file that names paths so. */
static void
bounds_of_paths_with_empty_parts_are_none(void **state)
{
	const IceEntry e[] = {
		POS("slashes", 5, .nstats = 1,
			.stats = {{LH_ID_DELETE_PATH, ICE_NULL, ICE_NULL, ICE_NULL, ice_text_bytes("/t//data/a"),
					   ice_text_bytes("/t//data/g")}}),
		POS("dot", 5, .nstats = 1,
			.stats = {{LH_ID_DELETE_PATH, ICE_NULL, ICE_NULL, ICE_NULL, ice_text_bytes("/t/data/./a"),
					   ice_text_bytes("/t/data/./g")}}),
		POS("plain", 5, .nstats = 1,
			.stats = {{LH_ID_DELETE_PATH, ICE_NULL, ICE_NULL, ICE_NULL, ice_text_bytes("/t/data/.a"),
					   ice_text_bytes("/t/data/.g")}})};

	(void) state;
	ASSERT_OK(ctx, add(e, 3, false));
	assert_string_equal(applied(&DATA(4, ), false), "slashes dot");
}

static void
a_deletion_vector_replaces_position_deletes(void **state)
{
	const IceEntry e[] = {POS("p", 5, ), POS("q", 5, .referenced = "/t/data/f.parquet"), EQ("e", 5, ),
						  DV("v", 5, "/t/data/f.parquet", )};

	(void) state;
	ASSERT_OK(ctx, add(e, 4, false));
	assert_string_equal(applied(&DATA(4, ), false), "e v");
	assert_string_equal(applied(&DATA(4, .path = "/t/data/g.parquet"), false), "p e");
	assert_int_equal(((const LhDeleteFile *) (const void *) files.files.data)[1].kind,
					 LH_DELETE_VECTOR);
	assert_int_equal(((const LhDeleteFile *) (const void *) files.files.data)[1].offset, 4);
	assert_int_equal(((const LhDeleteFile *) (const void *) files.files.data)[1].length, 40);
	assert_int_equal(((const LhDeleteFile *) (const void *) files.files.data)[1].records, 10);
}

static void
two_vectors_for_one_file_are_an_error(void **state)
{
	const IceEntry e[] = {DV("v", 5, "/t/data/f.parquet", ), DV("w", 6, "/t/data/f.parquet", )};

	(void) state;
	assert_int_equal(add(e, 2, false), LH_CORRUPT);
	assert_non_null(strstr(ctx->error->message, "/t/data/f.parquet"));
	assert_non_null(strstr(ctx->error->detail, "deletes.avro"));
}

static void
a_vector_for_a_file_that_is_not_there_is_ignored(void **state)
{
	const IceEntry e[] = {DV("v", 5, "/t/data/gone.parquet", )};

	(void) state;
	ASSERT_OK(ctx, add(e, 1, false));
	assert_string_equal(applied(&DATA(4, ), false), "");
	assert_int_equal(files.n, 0);
}

static void
a_vector_older_than_its_file_is_an_error(void **state)
{
	const IceEntry e[] = {DV("v", 5, "/t/data/f.parquet", )};

	(void) state;
	ASSERT_OK(ctx, add(e, 1, false));
	assert_string_equal(applied(&DATA(5, ), false), "v");
	assert_string_equal(applied(&DATA(6, ), false), lh_status_name(LH_CORRUPT));
	assert_non_null(strstr(ctx->error->message, "sequence"));
}

/* apache/iceberg #16957 */
static void
a_delete_that_names_a_file_of_another_partition_is_an_error(void **state)
{
	const IceEntry e[] = {DV("v", 5, "/t/data/f.parquet", .part = 1, .part_str = "ab"),
						  POS("p", 5, .referenced = "/t/data/g.parquet", .part = 1, .part_str = "ab")};

	(void) state;
	ASSERT_OK(ctx, add(e, 2, true));
	assert_string_equal(applied(&DATA(4, .part = 1, .part_str = "ab"), true), "v");
	assert_string_equal(applied(&DATA(4, .part = 2, .part_str = "ab"), true),
						lh_status_name(LH_CORRUPT));
	assert_non_null(strstr(ctx->error->message, "partition"));
	assert_string_equal(applied(&DATA(4, ), false), lh_status_name(LH_CORRUPT));
	assert_string_equal(
		applied(&DATA(4, .path = "/t/data/g.parquet", .part = 2, .part_str = "ab"), true),
		lh_status_name(LH_CORRUPT));
}

static void
entries_that_were_deleted_delete_nothing(void **state)
{
	IceEntry e[] = {POS("p", 5, ), EQ("e", 5, )};

	(void) state;
	e[0].status = e[1].status = 2;
	ASSERT_OK(ctx, add(e, 2, false));
	assert_true(lh_ice_deletes_empty(deletes));
	assert_string_equal(applied(&DATA(4, ), false), "");
}

#define STATS(id, nulls, lo, hi) .nstats = 1, .stats = {{id, 10, nulls, ICE_NULL, lo, hi}}

static void
bounds_of_keys_leave_other_files_out(void **state)
{
	const LhSlice none = {0};
	const IceEntry e[] = {
		EQ("low", 5, STATS(1, 0, ice_long_bytes(ctx, 1), ice_long_bytes(ctx, 10))),
		EQ("high", 5, STATS(1, 0, ice_long_bytes(ctx, 90), ice_long_bytes(ctx, 99))),
		EQ("null", 5, STATS(1, 10, none, none)),
		EQ("some", 5, STATS(1, 1, ice_long_bytes(ctx, 90), ice_long_bytes(ctx, 99))),
		EQ("unknown", 5, )};

	(void) state;
	ASSERT_OK(ctx, add(e, 5, false));
	assert_string_equal(
		applied(&DATA(4, STATS(1, 0, ice_long_bytes(ctx, 5), ice_long_bytes(ctx, 50))), false),
		"low unknown");
	/* null deletes null */
	assert_string_equal(
		applied(&DATA(4, STATS(1, 3, ice_long_bytes(ctx, 5), ice_long_bytes(ctx, 50))), false),
		"low null some unknown");
	assert_string_equal(applied(&DATA(4, STATS(1, 10, none, none)), false), "null some unknown");
	/* missing counts are unknown */
	assert_string_equal(applied(&DATA(4, STATS(1, ICE_NULL, ice_long_bytes(ctx, 5),
											   ice_long_bytes(ctx, 50))),
								false),
						"low null some unknown");
	assert_string_equal(applied(&DATA(4, ), false), "low high null some unknown");
}

/* Files without ids may hold other data in such a field than the manifest was told of. */
static void
bounds_of_a_field_whose_name_was_given_away_say_nothing(void **state)
{
	const char *const names[] = {"other", "id"};
	LhNameMapping field = {.field_id = 1, .nnames = 2, .names = names};
	const LhNameMapping root = {.field_id = -1, .nchildren = 1, .children = &field};
	const IceEntry e[] = {
		EQ("high", 5, STATS(1, 0, ice_long_bytes(ctx, 90), ice_long_bytes(ctx, 99)))};
	const IceEntry data =
		DATA(4, STATS(1, 0, ice_long_bytes(ctx, 5), ice_long_bytes(ctx, 50)));
	LhIceMetadata metadata = *table->metadata;

	(void) state;
	table->metadata = &metadata;
	metadata.mapping = &root;
	assert_true(lh_ice_field_described(&metadata, 1));
	ASSERT_OK(ctx, add(e, 1, false));
	assert_string_equal(applied(&data, false), "");

	field.nnames = 1;
	assert_false(lh_ice_field_described(&metadata, 1));
	ASSERT_OK(ctx, lh_ice_deletes_create(ctx, table, prune, &files, &deletes));
	ASSERT_OK(ctx, add(e, 1, false));
	assert_string_equal(applied(&data, false), "high");
}

/* Keys that no row which passes can have are not looked for. */
static void
keys_beyond_the_filter_are_left_out(void **state)
{
	const IceEntry e[] = {
		EQ("low", 5, STATS(1, 0, ice_long_bytes(ctx, 1), ice_long_bytes(ctx, 10))),
		EQ("null", 5, STATS(1, 1, ice_long_bytes(ctx, 1), ice_long_bytes(ctx, 10))),
		EQ("unknown", 5, ),
		/* p is no key, whatever the file says of it */
		EQ("other", 5, .nstats = 1,
		   .stats = {{2, 10, 0, ICE_NULL, ice_int_bytes(ctx, 1), ice_int_bytes(ctx, 1)}})};
	LhScanColumn cols[2] = {ice_column(table, "id"), ice_column(table, "p")};
	LhValue hundred = ice_int(ICE_LONG, 100), two = ice_int(ICE_INT, 2);
	LhPred *filters[2];
	LhTaskFilter filter = {.ncols = 2, .cols = cols, .nfilters = 2, .filters = filters};

	(void) state;
	ASSERT_OK(ctx, lh_pred_cmp(ctx, 0, LH_GE, &hundred, &filters[0]));
	ASSERT_OK(ctx, lh_pred_cmp(ctx, 1, LH_EQ, &two, &filters[1]));
	ASSERT_OK(ctx, lh_ice_prune_create(ctx, table, &filter, &prune));
	ASSERT_OK(ctx, lh_ice_deletes_create(ctx, table, prune, &files, &deletes));
	ASSERT_OK(ctx, add(e, 4, false));
	assert_string_equal(applied(&DATA(4, ), false), "unknown other");
	/* null keys delete null rows */
	ASSERT_OK(ctx, lh_pred_leaf(ctx, LH_P_IS_NULL, 0, NULL, &filters[0]));
	ASSERT_OK(ctx, lh_ice_prune_create(ctx, table, &filter, &prune));
	ASSERT_OK(ctx, lh_ice_deletes_create(ctx, table, prune, &files, &deletes));
	ASSERT_OK(ctx, add(e, 4, false));
	assert_string_equal(applied(&DATA(4, ), false), "null unknown other");
}

/* Bounds say nothing of NaN. */
static void
nan_is_equal_to_nan(void **state)
{
	IceEntry e[] = {EQ("e", 5, .nstats = 1,
					   .stats = {{3, 10, 0, ICE_NULL, ice_double_bytes(ctx, 1), ice_double_bytes(ctx, 2)}})};
	IceEntry data = DATA(4, .nstats = 1,
						 .stats = {{3, 10, 0, ICE_NULL, ice_double_bytes(ctx, 5),
									ice_double_bytes(ctx, 6)}});

	(void) state;
	e[0].ids[0] = 3;
	ASSERT_OK(ctx, add(e, 1, false));
	assert_string_equal(applied(&data, false), "e");
	data.stats[0].nans = 0;
	assert_string_equal(applied(&data, false), "");
}

static void
entries_that_lack_what_they_need_are_refused(void **state)
{
	IceEntry eq[] = {EQ("e", 5, )}, dv[] = {DV("v", 5, NULL, )}, data[] = {DATA(5, )};

	(void) state;
	eq[0].nids = -1;
	assert_int_equal(add(eq, 1, false), LH_CORRUPT);
	assert_non_null(strstr(ctx->error->message, "equality_ids"));
	lh_error_clear(ctx);
	assert_int_equal(add(dv, 1, false), LH_CORRUPT);
	assert_non_null(strstr(ctx->error->message, "referenced_data_file"));
	lh_error_clear(ctx);
	dv[0].referenced = "/t/data/f.parquet";
	dv[0].offset = ICE_NULL;
	assert_int_equal(add(dv, 1, false), LH_CORRUPT);
	assert_non_null(strstr(ctx->error->message, "content_offset"));
	lh_error_clear(ctx);
	assert_int_equal(add(data, 1, false), LH_CORRUPT);
}

/* Only what a snapshot added, for scans of changes. */
static void
deletes_that_one_snapshot_added(void **state)
{
	IceEntry e[] = {POS("mine", 5, ), POS("old", 5, ), POS("kept", 5, )};

	(void) state;
	e[0].status = 1;
	e[0].snapshot = 7;
	e[1].status = 1;
	e[1].snapshot = 6;
	e[2].snapshot = 7;
	ASSERT_OK(ctx, lh_ice_deletes_add(ctx, deletes, line_of(false, true), decoded(e, 3, false), 7));
	assert_string_equal(applied(&DATA(4, ), false), "mine");
}

/* 20,000 files under 2,000 deletes: more pairs than are looked at, and every list right. */
static void
many_files_under_many_deletes_share_their_lists(void **state)
{
	enum { DELETES = 2000, FILES = 20000 };
	IceEntry *e = lh_alloc_array(ctx, DELETES, sizeof(*e));
	IceEntry *data = lh_alloc_array(ctx, FILES, sizeof(*data));
	LhIceManifest *m;
	LhIceDataFile file = {0};

	(void) state;
	for (int i = 0; i < DELETES; i++)
		e[i] = (IceEntry)EQ("e", i + 1, .path = lh_sprintf(ctx, "/t/data/e%d", i));
	for (int i = 0; i < FILES; i++)
		data[i] = DATA(i % 10, .path = lh_sprintf(ctx, "/t/data/f%d", i));
	ASSERT_OK(ctx, add(e, DELETES, false));
	ASSERT_OK(ctx, lh_ice_deletes_finish(ctx, deletes));
	m = decoded(data, FILES, false);
	ASSERT_OK(ctx, lh_ice_view_create(ctx, prune, 0, m, &file.view));
	for (int i = 0; i < FILES; i++)
	{
		const uint32_t *list;
		int n;

		file.entry = (size_t) i;
		file.sequence = i % 10;
		file.path = data[i].path;
		ASSERT_OK(ctx, lh_ice_deletes_find(ctx, deletes, &file, &n, &list));
		/* delete k has sequence k + 1, which must be above the file's */
		assert_int_equal(n, DELETES - i % 10);
		assert_string_equal(((const LhDeleteFile *) (const void *) files.files.data)[list[0]].path,
							lh_sprintf(ctx, "/t/data/e%d", i % 10));
	}
	assert_int_equal(files.n, DELETES);
	assert_true(files.lists.n <= 10);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(position_deletes_apply_to_files_as_old_or_older),
		TEST(equality_deletes_apply_to_strictly_older_files),
		TEST(sequences_of_added_entries_come_from_the_manifest),
		TEST(equality_deletes_without_partition_are_for_all),
		TEST(position_deletes_are_for_their_own_spec_and_tuple),
		TEST(a_file_that_is_named_has_its_deletes_alone),
		TEST(inverted_bounds_of_paths_are_none),
		TEST(paths_are_compared_without_scheme_and_authority),
		TEST(bounds_of_paths_leave_other_files_out),
		TEST(bounds_of_paths_with_empty_parts_are_none),
		TEST(a_deletion_vector_replaces_position_deletes),
		TEST(two_vectors_for_one_file_are_an_error),
		TEST(a_vector_for_a_file_that_is_not_there_is_ignored),
		TEST(a_vector_older_than_its_file_is_an_error),
		TEST(a_delete_that_names_a_file_of_another_partition_is_an_error),
		TEST(entries_that_were_deleted_delete_nothing),
		TEST(bounds_of_keys_leave_other_files_out),
		TEST(bounds_of_a_field_whose_name_was_given_away_say_nothing),
		TEST(keys_beyond_the_filter_are_left_out),
		TEST(nan_is_equal_to_nan),
		TEST(entries_that_lack_what_they_need_are_refused),
		TEST(deletes_that_one_snapshot_added),
		TEST(many_files_under_many_deletes_share_their_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
