/*
 * test_ice_hostile_files.c
 *		Adversities in manifests and delete files, from file to rows: each gives an
 *		error that names file and field, or the right rows.
 */
#include "unit/ice_hostile.h"

/* Healthy again but for what follows. */
#define HEAL(h) house_healthy(&(h))

/*
 * Manifests
 */

static void
entries_out_of_range_are_named(void **state)
{
	House h = house_setup(*state);
	static const struct
	{
		IceEntry entry;
		const char *field;
	} cases[] = {
		{{ICE_ENTRY, .sequence = 1, .records = -1}, "record_count"},
		{{ICE_ENTRY, .sequence = 1, .records = INT64_MIN + 1}, "record_count"},
		{{ICE_ENTRY, .sequence = 1, .size = -1}, "file_size_in_bytes"},
		{{ICE_ENTRY, .sequence = 1, .status = 3}, "status"},
		{{ICE_ENTRY, .sequence = 1, .status = -1}, "status"},
		{{ICE_ENTRY, .sequence = 1, .content = 3}, "content"},
		{{ICE_ENTRY, .sequence = 1, .content = -1}, "content"},
		{{ICE_ENTRY, .sequence = 1, .content = 1}, "content"},
		{{ICE_ENTRY, .sequence = 1, .content = 2}, "content"},
		{{ICE_ENTRY, .sequence = -1}, "sequence_number"},
		{{ICE_ENTRY, .sequence = 1, .file_sequence = -1}, "file_sequence_number"},
		{{ICE_ENTRY, .sequence = ICE_NULL, .status = 0}, "sequence_number"},
		{{ICE_ENTRY, .sequence = 1, .first_row_id = -1}, "first_row_id"},
		{{ICE_ENTRY, .sequence = 1, .offset = -1}, "content_offset"},
		{{ICE_ENTRY, .sequence = 1, .length = -1}, "content_size_in_bytes"},
		{{ICE_ENTRY, .sequence = 1, .nids = 1, .ids = {-1}}, "equality_ids"},
		{{ICE_ENTRY, .sequence = 1, .path = ""}, "file_path"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		int64_t size;

		HEAL(h);
		size = h.data[0].size;
		h.data[0] = cases[i].entry;
		if (h.data[0].path == NULL)
			h.data[0].path = house_path(&h, "data/a.parquet");
		if (h.data[0].size == 100)
			h.data[0].size = size;
		falls(&h, LH_CORRUPT, "data.avro", cases[i].field, NULL);
	}
}

static void
formats_are_known_or_refused(void **state)
{
	House h = house_setup(*state);
	static const char *const unknown[] = {"lance", "", "PARQUETS", "puffin", "metadata"};

	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
	{
		HEAL(h);
		h.data[0].format = unknown[i];
		falls(&h, LH_UNSUPPORTED, "data.avro", "file_format", "a.parquet");
	}
	/* a format that it is not */
	HEAL(h);
	h.data[0].format = "ORC";
	falls(&h, LH_CORRUPT, "a.parquet", NULL, NULL);
	h.data[0].format = "avro";
	falls(&h, LH_CORRUPT, "a.parquet", NULL, NULL);
	HEAL(h);
	h.deletes[0].format = "LANCE";
	falls(&h, LH_CORRUPT, "deletes.avro", "p.parquet", "format");
	HEAL(h);
	h.deletes[2].format = "puffin";
	falls(&h, LH_CORRUPT, "deletes.avro", "e.parquet", "format");
}

/* The file's own footer counts. */
static void
wrong_counts_of_rows_are_not_believed(void **state)
{
	House h = house_setup(*state);
	static const int64_t wrong[] = {0, 1, 9, 11, INT64_MAX};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
	{
		HEAL(h);
		h.data[0].records = wrong[i];
		stands(&h, HOUSE_ROWS);
		/* of delete files, too; those of vectors are checked */
		HEAL(h);
		h.deletes[0].records = h.deletes[2].records = wrong[i];
		stands(&h, HOUSE_ROWS);
	}
}

static void
wrong_sizes_are_named(void **state)
{
	House h = house_setup(*state);
	static const int64_t wrong[] = {0, 1, 100, INT64_MAX};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
	{
		HEAL(h);
		h.data[0].size = wrong[i];
		stands(&h, HOUSE_ROWS);
		HEAL(h);
		h.deletes[0].size = h.deletes[2].size = wrong[i];
		stands(&h, HOUSE_ROWS);
	}
}

static void
sequence_numbers_out_of_order(void **state)
{
	House h = house_setup(*state);

	/* deletes older than the data delete nothing */
	h.data[0].sequence = h.data[1].sequence = 9;
	h.deletes[1] = h.deletes[2];
	h.ndeletes = 2;
	h.lines[1].added = 2;
	stands(&h, "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19");
	h.data[0].sequence = h.data[1].sequence = INT64_MAX;
	stands(&h, "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19");
	/* a vector cannot be */
	HEAL(h);
	h.data[1].sequence = 9;
	falls(&h, LH_CORRUPT, "deletes.avro", "b.parquet", "sequence number 2");
	/* those of the future do what those of today do */
	HEAL(h);
	for (int i = 0; i < 3; i++)
		h.deletes[i].sequence = INT64_MAX;
	stands(&h, HOUSE_ROWS);
	HEAL(h);
	h.lines[0].sequence = h.lines[1].sequence = 0;
	stands(&h, HOUSE_ROWS);
}

/* As Iceberg's library reads it: what stands twice is there twice, and deleted twice. */
static void
data_files_that_stand_twice(void **state)
{
	House h = house_setup(*state);

	h.data[2] = h.data[0];
	h.ndata = 3;
	h.lines[0].added = 3;
	stands(&h, HOUSE_ROWS " 2 3 4 5 6 7 8 9");
	h.data[2] = h.data[1];
	stands(&h, HOUSE_ROWS " 10 11 12 14 16 17 18");
	/* other spellings of its path are the same file */
	h.data[2].path = lh_sprintf(h.w->ctx, "file:%s", h.data[1].path);
	stands(&h, HOUSE_ROWS " 10 11 12 14 16 17 18");
	h.data[2].path = lh_sprintf(h.w->ctx, "file://%s", h.data[1].path);
	stands(&h, HOUSE_ROWS " 10 11 12 14 16 17 18");
	/* deleted in one entry, existing in another */
	h.data[2].status = 2;
	stands(&h, HOUSE_ROWS);
}

static void
data_files_that_are_not_there(void **state)
{
	House h = house_setup(*state);

	h.data[1].path = house_path(&h, "data/nothing.parquet");
	falls(&h, LH_NOT_FOUND, "nothing.parquet", NULL, NULL);
	h.data[1].path = house_path(&h, "data");
	falls(&h, LH_INVALID, "/data", NULL, NULL);
	h.data[1].path = lh_sprintf(h.w->ctx, "/%0*d", 70000, 7);
	falls(&h, LH_LIMIT, "data file", "data.avro", "70001 bytes");
}

static void
partition_fields_are_those_of_the_spec(void **state)
{
	House h = house_setup(*state);
	static const char other[] = ICE_ENTRY_SCHEMA(ICE_OPT("s", "2001", "string") "," ICE_OPT("p", "2000", "int"));
	static const char text[] = ICE_ENTRY_SCHEMA(ICE_OPT("s", "1001", "string") "," ICE_OPT("p", "1000", "string"));

	/* deletes of spec 0 that name their file are for another partition than its */
	h.parts = true;
	h.lines[0].spec = 1;
	falls(&h, LH_CORRUPT, "deletes.avro", "partition", "b.parquet");
	h.nlines = 1;
	stands(&h, "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19");
	/* fields that the spec does not know: its own are null */
	h.schema = other;
	stands(&h, "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19");
	/* one of another type */
	h.schema = text;
	h.no_manifests = true;
	{
		AvroMake m = avro_new(h.w->ctx), rows = avro_new(h.w->ctx);
		IceEntry e = h.data[0];

		avro_header(&m, text, NULL, (const char *const[]){"partition-spec-id", "1", NULL});
		avro_long(&rows, 1);
		ice_put_long(&rows, ICE_NULL);
		ice_put_long(&rows, 1);
		ice_put_long(&rows, 1);
		avro_long(&rows, 0);
		avro_text(&rows, e.path);
		avro_text(&rows, e.format);
		ice_put_text(&rows, "s");
		ice_put_text(&rows, "five");
		avro_long(&rows, 10);
		avro_long(&rows, e.size);
		for (int i = 0; i < 10; i++)
			avro_long(&rows, 0);
		avro_block(&m, 1, &rows.b, NULL);
		house_put(&h, "metadata/data.avro", m.b.data, m.b.len);
	}
	falls(&h, LH_CORRUPT, "data.avro", "\"p\"", NULL);
}

/* Bounds only leave files out: none is right about a width that the type does not have. */
static void
bounds_of_a_wrong_width_say_nothing(void **state)
{
	House h = house_setup(*state);
	LhSlice nine = lh_slice("\xff\xff\xff\xff\xff\xff\xff\xff\xff", 9);

	for (size_t n = 0; n <= 9; n++)
	{
		if (n == 4 || n == 8)
			continue;
		HEAL(h);
		for (int i = 0; i < 2; i++)
		{
			h.data[i].nstats = 1;
			h.data[i].stats[0] = (IceStat){.id = 1, .values = -5, .nulls = INT64_MAX, .nans = ICE_NULL,
										   .lower = lh_slice(nine.data, n), .upper = lh_slice(nine.data, n)};
		}
		/* of the key, too: the deletion of 19 must not be left out */
		h.deletes[2].nstats = 1;
		h.deletes[2].stats[0] = h.data[0].stats[0];
		h.deletes[2].stats[0].nulls = ICE_NULL;
		stands(&h, HOUSE_ROWS);
	}
}

static void
lengths_in_a_manifest_are_checked(void **state)
{
	House h = house_setup(*state);
	static const int64_t absurd[] = {-1, INT64_MIN, INT64_MAX, INT64_C(1) << 40};

	stands(&h, HOUSE_ROWS);
	h.no_manifests = true;
	for (size_t i = 0; i < sizeof(absurd) / sizeof(absurd[0]); i++)
	{
		for (int which = 0; which < 3; which++)
		{
			AvroMake m = avro_new(h.w->ctx), rows = avro_new(h.w->ctx);

			avro_header(&m, ICE_ENTRY_SCHEMA(""), NULL, NULL);
			avro_long(&rows, 1);
			for (int k = 0; k < 3; k++)
				avro_long(&rows, 0);
			avro_long(&rows, 0);
			avro_long(&rows, which == 0 ? absurd[i] : 2); /* length of file_path */
			avro_raw(&rows, "/x", 2);
			avro_text(&rows, "PARQUET");
			avro_long(&rows, 1);
			avro_long(&rows, 1);
			avro_long(&rows, 1);
			avro_long(&rows, which == 1 ? absurd[i] : 0); /* value_counts: how many */
			for (int k = 0; k < 9; k++)
				avro_long(&rows, 0);
			avro_block(&m, which == 2 ? absurd[i] : 1, &rows.b, NULL);
			house_put(&h, "metadata/data.avro", m.b.data, m.b.len);
			falls(&h, LH_CORRUPT, "data.avro", NULL, NULL);
		}
	}
}

/*
 * Delete files
 */

static void
delete_files_that_are_not_there(void **state)
{
	House h = house_setup(*state);

	for (int i = 0; i < 3; i++)
	{
		HEAL(h);
		h.deletes[i].path = house_path(&h, "data/nothing");
		falls(&h, LH_NOT_FOUND, "data/nothing", NULL, NULL);
	}
	/* something else in its place */
	HEAL(h);
	for (int i = 0; i < 3; i += 2)
	{
		house_put(&h, i == 0 ? "data/p.parquet" : "data/e.parquet", "PAR1 nothing of it PAR1", 23);
		falls(&h, LH_CORRUPT, i == 0 ? "p.parquet" : "e.parquet", NULL, NULL);
		HEAL(h);
	}
}

static void
positions_of_every_kind(void **state)
{
	House h = house_setup(*state);
	const char *a = house_path(&h, "data/a.parquet"), *b = house_path(&h, "data/b.parquet");
	HousePosition unsorted[] = {{b, 9}, {a, 5}, {b, 0}, {a, 1}, {a, 0}, {a, 1}, {a, 5}},
				  beyond[] = {{a, 0}, {a, 1}, {a, 10}, {a, INT64_C(1) << 40}, {a, INT64_MAX}},
				  negative[] = {{a, 0}, {a, -1}}, least[] = {{a, INT64_MIN}}, pathless[] = {{NULL, 3}, {a, 0}, {NULL, -1}, {a, 1}},
				  others[] = {{a, 0}, {"/nobody", 3}, {"", 4}, {"::::", 5}, {"s3://", 5}, {"http://169.254.169.254/", 6}, {a, 1}};

	house_positions(&h, unsorted, 7);
	h.deletes[0].size = house_size(h.deletes[0].path);
	h.deletes[1] = h.deletes[0]; /* a vector would replace what says b; twice the same changes nothing */
	stands(&h, "2 3 4 6 7 8 9 11 12 13 14 15 16 17 18");
	HEAL(h);
	house_positions(&h, beyond, 5);
	stands(&h, HOUSE_ROWS);
	house_positions(&h, negative, 2);
	falls(&h, LH_CORRUPT, "p.parquet", "position in row 2", "negative");
	house_positions(&h, least, 1);
	falls(&h, LH_CORRUPT, "p.parquet", "position in row 1", "negative");
	house_positions(&h, pathless, 4);
	stands(&h, HOUSE_ROWS);
	/* paths are compared, not opened */
	house_positions(&h, others, 7);
	stands(&h, HOUSE_ROWS);
}

static void
position_deletes_have_their_columns(void **state)
{
	House h = house_setup(*state);
	const HousePosition one[] = {{house_path(&h, "data/a.parquet"), 0}};
	LhField fields[] = {field("file_path", lake_text, LH_ID_DELETE_PATH)},
			ids[] = {field("file_path", lake_long, LH_ID_DELETE_PATH), field("pos", lake_long, LH_ID_DELETE_POS)};

	/* a data file for a delete file */
	h.deletes[0].path = h.data[0].path;
	falls(&h, LH_CORRUPT, "a.parquet", "2147483546", NULL);
	HEAL(h);
	house_positions_of = one;
	lake_file(h.w, "t/data/p.parquet", 1, fields, 1, 0, 0, house_position);
	falls(&h, LH_CORRUPT, "p.parquet", "2147483545", NULL);
	lake_file(h.w, "t/data/p.parquet", 2, ids, 1, 0, 0, house_key);
	falls(&h, LH_MISMATCH, "p.parquet", "file_path", "int64");
}

static uint8_t *
vector_bytes(House *h, size_t *n)
{
	FILE *f = fopen(house_path(h, "data/v.puffin"), "rb");
	uint8_t *bytes = lh_alloc(h->w->ctx, 4096);

	assert_non_null(f);
	*n = fread(bytes, 1, 4096, f);
	fclose(f);
	return bytes;
}

static void
no_byte_of_a_vector_can_be_changed(void **state)
{
	House h = house_setup(*state);
	size_t n;
	uint8_t *bytes = vector_bytes(&h, &n);

	/* behind the file's own magic */
	for (size_t i = 4; i < n; i++)
	{
		bytes[i] ^= 0x10;
		house_put(&h, "data/v.puffin", bytes, n);
		falls(&h, LH_CORRUPT, "v.puffin", "deletion vector at offset 4", NULL);
		bytes[i] ^= 0x10;
	}
	for (size_t len = 0; len < n; len += 3)
	{
		house_put(&h, "data/v.puffin", bytes, len);
		falls(&h, LH_CORRUPT, "v.puffin", "does not lie within", NULL);
	}
}

static void
vectors_lie_where_they_are_said_to(void **state)
{
	House h = house_setup(*state);
	static const int64_t absurd[] = {5, 1000, INT64_C(1) << 32, INT64_MAX, INT64_MAX - 8};

	for (size_t i = 0; i < sizeof(absurd) / sizeof(absurd[0]); i++)
	{
		HEAL(h);
		h.deletes[1].offset = absurd[i];
		falls(&h, LH_CORRUPT, "v.puffin", "offset", "does not lie within");
		HEAL(h);
		h.deletes[1].length = absurd[i];
		falls(&h, LH_CORRUPT, "v.puffin", "bytes", "does not lie within");
	}
	HEAL(h);
	h.deletes[1].length--;
	falls(&h, LH_CORRUPT, "v.puffin", "length field", NULL);
	HEAL(h);
	h.deletes[1].offset = ICE_NULL;
	falls(&h, LH_CORRUPT, "deletes.avro", "v.puffin", "content_offset");
	HEAL(h);
	h.deletes[1].length = ICE_NULL;
	falls(&h, LH_CORRUPT, "deletes.avro", "v.puffin", "content_size_in_bytes");
	HEAL(h);
	h.deletes[1].offset = 0;
	falls(&h, LH_UNSUPPORTED, "v.puffin", "offset 0", NULL);
	HEAL(h);
	for (int64_t records = 0; records < 5; records++)
	{
		h.deletes[1].records = records;
		if (records != 2)
			falls(&h, LH_CORRUPT, "v.puffin", "deletes 2 rows", "the metadata says");
	}
}

static void
vectors_are_for_one_file_that_is_there(void **state)
{
	House h = house_setup(*state);

	h.deletes[3] = h.deletes[1];
	h.ndeletes = 4;
	h.lines[1].added = 4;
	falls(&h, LH_CORRUPT, "b.parquet", "two deletion vectors", NULL);
	/* spelled otherwise */
	h.deletes[3].referenced = lh_sprintf(h.w->ctx, "file://%s", h.deletes[1].referenced);
	falls(&h, LH_CORRUPT, "b.parquet", "two deletion vectors", NULL);
	HEAL(h);
	h.deletes[1].referenced = NULL;
	falls(&h, LH_CORRUPT, "deletes.avro", "v.puffin", "referenced_data_file");
	/* of a file that is no longer there it deletes nothing, and is not looked at */
	h.deletes[1].referenced = "/nowhere/x.parquet";
	h.deletes[1].offset = INT64_MAX;
	stands(&h, "2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18");
	/* nor is one of a file that was deleted */
	HEAL(h);
	h.data[1].status = 2;
	stands(&h, "2 3 4 5 6 7 8 9");
}

static void
positions_of_a_vector_beyond_the_file(void **state)
{
	House h = house_setup(*state);
	static Lake lake;
	int64_t rows[] = {3, 5, 60000};

	memset(&lake, 0, sizeof(lake));
	h.deletes[1].length = vector_file(h.w, &lake, "t/data/v.puffin", rows, 3)->length;
	h.deletes[1].records = 3;
	h.deletes[1].size = house_size(h.deletes[1].path);
	stands(&h, HOUSE_ROWS);
}

static void
equality_ids_are_fields_of_the_table(void **state)
{
	House h = house_setup(*state);
	IceEntry *e = &h.deletes[2];

	e->nids = -1;
	falls(&h, LH_CORRUPT, "deletes.avro", "e.parquet", "equality_ids");
	e->nids = 0;
	falls(&h, LH_CORRUPT, "deletes.avro", "e.parquet", "equality_ids");
	e->nids = 1;
	e->ids[0] = 99; /* nobody has it: neither table nor file */
	falls(&h, LH_CORRUPT, "e.parquet", "field id 99", NULL);
	e->ids[0] = 2; /* the table has it, the delete file does not */
	falls(&h, LH_CORRUPT, "e.parquet", "field id 2", NULL);
	e->nids = 2;
	e->ids[0] = 1;
	e->ids[1] = 2;
	falls(&h, LH_CORRUPT, "e.parquet", "field id 2", NULL);
	e->ids[1] = 1; /* twice the same */
	stands(&h, HOUSE_ROWS);
	e->nids = 4;
	e->ids[1] = e->ids[2] = e->ids[3] = 1;
	stands(&h, HOUSE_ROWS);
	/* an unknown field that the file does have: of a column that was dropped, null in all rows */
	HEAL(h);
	house_keys(&h, 99);
	e->ids[0] = 99;
	stands(&h, HOUSE_ROWS " 19");
}

/* A list, a list's element and a struct are no keys; a member of a struct is one. */
static void
keys_are_single_values_of_a_row(void **state)
{
	House h = house_setup(*state);
	static const int nested[] = {3, 4, 5};

	for (size_t i = 0; i < sizeof(nested) / sizeof(nested[0]); i++)
	{
		HEAL(h);
		house_keys(&h, nested[i]);
		h.deletes[2].ids[0] = nested[i];
		falls(&h, LH_CORRUPT, "deletes.avro", "e.parquet", lh_sprintf(h.w->ctx, "equality_ids: field %d", nested[i]));
		/* beside others, and of a file that is gone: nobody needs it */
		h.deletes[2].nids = 2;
		h.deletes[2].ids[1] = 1;
		falls(&h, LH_CORRUPT, "deletes.avro", "e.parquet", "equality_ids");
		h.deletes[2].status = 2;
		stands(&h, HOUSE_ROWS " 19");
	}
	HEAL(h);
	house_keys(&h, 6);
	h.deletes[2].ids[0] = 6;
	stands(&h, HOUSE_ROWS " 19");
}

static void
keys_fit_their_columns(void **state)
{
	House h = house_setup(*state);

	house_keys(&h, 2);
	h.deletes[2].ids[0] = 2;
	falls(&h, LH_MISMATCH, "e.parquet", NULL, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(entries_out_of_range_are_named),
		TEST(formats_are_known_or_refused),
		TEST(wrong_counts_of_rows_are_not_believed),
		TEST(wrong_sizes_are_named),
		TEST(sequence_numbers_out_of_order),
		TEST(data_files_that_stand_twice),
		TEST(data_files_that_are_not_there),
		TEST(partition_fields_are_those_of_the_spec),
		TEST(bounds_of_a_wrong_width_say_nothing),
		TEST(lengths_in_a_manifest_are_checked),
		TEST(delete_files_that_are_not_there),
		TEST(positions_of_every_kind),
		TEST(position_deletes_have_their_columns),
		TEST(no_byte_of_a_vector_can_be_changed),
		TEST(vectors_lie_where_they_are_said_to),
		TEST(vectors_are_for_one_file_that_is_there),
		TEST(positions_of_a_vector_beyond_the_file),
		TEST(equality_ids_are_fields_of_the_table),
		TEST(keys_are_single_values_of_a_row),
		TEST(keys_fit_their_columns),
	};

	return house_main(tests, sizeof(tests) / sizeof(tests[0]));
}
