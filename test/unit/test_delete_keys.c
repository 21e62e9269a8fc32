/*
 * test_delete_keys.c
 *		Rows that equal a key of an equality delete file do not come; what is kept of
 *		such files.
 */
#include "test_deletes.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "scan/keycache.h"

static void
equal_rows_are_deleted(void **state)
{
	World *w = *state;
	Lake lake;
	LhField id[] = {field("id", lake_long, 1)};
	LhValue values[] = {num(3), num(19999), num(-1), num(3)};
	int64_t rows;

	one_file(w, &lake);
	equality_file(w, &lake, "e", 1, id, values, 4);
	lake_applies(&lake, 0, 0);
	reset_counters(w);
	assert_int_equal(sum_of(w, &lake.spec, &rows), SUM - 3 - 19999);
	assert_int_equal(rows, ROWS - 2);
	assert_int_equal(counter(w, LH_CTR_EQUALITY_KEYS), 3);
	assert_int_equal(counter(w, LH_CTR_ROWS_DELETED_EQUALITY), 2);
	assert_int_equal(counter(w, LH_CTR_DELETE_FILES_READ), 1);
	/* the key need not be a column of the scan */
	lake.cols[0] = lake.cols[2];
	lake.spec.ncols = 1;
	assert_int_equal(count_rows(w, &lake.spec), ROWS - 2);
	assert_int_equal(ask_meta(w, &lake.spec, &rows).calls, 0);
	assert_int_equal(rows, ROWS - 2);
}

/* Null in an equality delete means IS NULL. */
static void
null_equals_null(void **state)
{
	World *w = *state;
	Lake lake;
	LhField key[] = {field("key", lake_int, 2)}, two[] = {field("key", lake_int, 2), field("name", lake_text, 3)};
	LhValue values[] = {null_value(), num(5)};
	LhValue pairs[] = {null_value(), text_value("n9"), num(5), text_value("n4"), num(7), null_value()};
	int64_t rows;

	one_file(w, &lake);
	equality_file(w, &lake, "e", 1, key, values, 2);
	lake_applies(&lake, 0, 0);
	sum_of(w, &lake.spec, &rows);
	assert_int_equal(rows, ROWS - ROWS / 10 - ROWS / 100);
	one_file(w, &lake);
	equality_file(w, &lake, "f", 1, key, values + 1, 1);
	lake_applies(&lake, 0, 0);
	sum_of(w, &lake.spec, &rows);
	assert_int_equal(rows, ROWS - ROWS / 100);
	/* of several columns all must be equal */
	one_file(w, &lake);
	equality_file(w, &lake, "g", 2, two, pairs, 3);
	lake_applies(&lake, 0, 0);
	sum_of(w, &lake.spec, &rows);
	assert_int_equal(rows, ROWS - ROWS / 10);
}

/* Only its equality ids count; order of columns does not. */
static void
extra_columns_of_a_delete_file_are_ignored(void **state)
{
	World *w = *state;
	Lake lake;
	LhField fields[] = {field("name", lake_text, 3), field("id", lake_long, 1)};
	LhValue values[] = {text_value("something else"), num(3)};
	static const int only_id[] = {1};
	LhDeleteFile *d;
	int64_t rows;

	one_file(w, &lake);
	d = equality_file(w, &lake, "e", 2, fields, values, 1);
	d->nids = 1;
	d->ids = only_id;
	lake_applies(&lake, 0, 0);
	sum_of(w, &lake.spec, &rows);
	assert_int_equal(rows, ROWS - 1);
}

/* Several files with the same columns: each applies to its data files only. */
static void
keys_apply_where_their_file_does(void **state)
{
	World *w = *state;
	Lake lake;
	LhField id[] = {field("id", lake_long, 1)};
	LhValue a[] = {num(1), num(2)}, b[] = {num(2), num(3), num(4)};
	int64_t rows;

	lake_init(w, &lake);
	lake_column(&lake, "id", lake_long, 1);
	for (int i = 0; i < 3; i++)
		lake_task(&lake, data_file(w, lh_sprintf(w->ctx, "d%d", i), 10, 0, 0));
	equality_file(w, &lake, "a", 1, id, a, 2);
	equality_file(w, &lake, "b", 1, id, b, 3);
	lake_applies(&lake, 0, 0);
	lake_applies(&lake, 0, 1);
	lake_applies(&lake, 1, 1);
	reset_counters(w);
	assert_string_equal(lake_rows(w, &lake.spec), "0 5 6 7 8 9 0 1 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9");
	assert_int_equal(counter(w, LH_CTR_DELETE_FILES_READ), 2);
	assert_int_equal(counter(w, LH_CTR_EQUALITY_KEYS), 4);
	sum_of(w, &lake.spec, &rows);
}

static LhValue
floats(World *w, int64_t row, int col)
{
	static const double values[] = {0.0, -0.0, 1.5, 0.0 / 0.0, 2.5};

	return real(values[row]);
}

/* Values are compared after promotion; floats as Java's Double.equals does. */
static void
keys_are_compared_by_value(void **state)
{
	World *w = *state;
	Lake lake;
	LhField f[] = {field("x", lake_float, 1)}, d[] = {field("x", lake_double, 1)};
	LhField narrow[] = {field("id", lake_int, 1)}, date[] = {field("t", lake_date, 1)}, stamp[] = {field("t", lake_stamp, 1)};
	LhValue zero[] = {real(0.0)}, nan[] = {real(-(0.0 / 0.0)), real(1.5)}, three[] = {num(3)}, day[] = {num(2 * INT64_C(86400000000))};

	lake_init(w, &lake);
	lake_column(&lake, "x", lake_double, 1);
	lake_task(&lake, lake_file(w, "d", 1, f, 5, 0, 0, floats));
	equality_file(w, &lake, "z", 1, d, zero, 1);
	lake_applies(&lake, 0, 0);
	assert_int_equal(count_rows(w, &lake.spec), 4);
	equality_file(w, &lake, "n", 1, d, nan, 2);
	lake_applies(&lake, 0, 1);
	assert_int_equal(count_rows(w, &lake.spec), 2);

	/* an int key file of before the promotion */
	one_file(w, &lake);
	equality_file(w, &lake, "i", 1, narrow, three, 1);
	lake_applies(&lake, 0, 0);
	assert_int_equal(count_rows(w, &lake.spec), ROWS - 1);

	/* a date that became a time stamp */
	lake_init(w, &lake);
	lake_column(&lake, "t", lake_stamp, 1);
	lake_task(&lake, lake_file(w, "dates", 1, date, 5, 0, 0, data_value));
	equality_file(w, &lake, "s", 1, stamp, day, 1);
	lake_applies(&lake, 0, 0);
	assert_int_equal(count_rows(w, &lake.spec), 4);
}

/* A key column that the table has dropped is read by its id all the same; one that a file lacks is its default. */
static void
dropped_and_added_key_columns(void **state)
{
	World *w = *state;
	Lake lake;
	LhField key[] = {field("key", lake_int, 2)}, added[] = {field("added", lake_int, 9)};
	LhValue five[] = {num(5)}, seven[] = {num(7)}, none[] = {null_value()};
	LhDefault defaults[] = {{9, num(7)}};

	lake_init(w, &lake);
	lake_column(&lake, "id", lake_long, 1);
	lake_task(&lake, data_file(w, "data.parquet", ROWS, 0, 0));
	equality_file(w, &lake, "k", 1, key, five, 1);
	lake_applies(&lake, 0, 0);
	assert_int_equal(count_rows(w, &lake.spec), ROWS - ROWS / 100);

	lake_column(&lake, "added", lake_int, 9);
	equality_file(w, &lake, "a", 1, added, seven, 1);
	lake.applied[0][0] = 1;
	assert_int_equal(count_rows(w, &lake.spec), ROWS);
	lake.schema.defaults = defaults;
	lake.schema.ndefaults = 1;
	assert_int_equal(count_rows(w, &lake.spec), 0);
	lake.schema.ndefaults = 0;
	equality_file(w, &lake, "n", 1, added, none, 1);
	lake.applied[0][0] = 2;
	assert_int_equal(count_rows(w, &lake.spec), 0);
}

static void
key_columns_must_fit(void **state)
{
	World *w = *state;
	Lake lake;
	LhField text[] = {field("id", lake_text, 1)}, other[] = {field("other", lake_long, 77)};
	LhValue values[] = {text_value("x")}, number[] = {num(1)};
	LhDeleteFile *d;
	static const int id[] = {1};

	one_file(w, &lake);
	equality_file(w, &lake, "e", 1, text, values, 1);
	lake_applies(&lake, 0, 0);
	refused(w, run_scan(w, &lake.spec), LH_MISMATCH, "/e\"", "string", "int64");
	d = equality_file(w, &lake, "f", 1, other, number, 1);
	d->ids = id;
	lake.applied[0][0] = 1;
	refused(w, run_scan(w, &lake.spec), LH_CORRUPT, "/f\"", "no column with field id 1", NULL);
	d->nids = 0;
	refused(w, run_scan(w, &lake.spec), LH_CORRUPT, "/f\"", "no equality ids", NULL);
}

static void
make_old(const char *path, time_t when)
{
	const struct timespec times[2] = {{.tv_sec = when}, {.tv_sec = when}};

	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void
sum_and_files(World *w, const Lake *lake, int64_t sum, int64_t read, int64_t cached)
{
	int64_t rows;

	reset_counters(w);
	assert_int_equal(sum_of(w, &lake->spec, &rows), sum);
	assert_int_equal(counter(w, LH_CTR_DELETE_FILES_READ), read);
	assert_int_equal(counter(w, LH_CTR_DELETE_FILES_CACHED), cached);
}

/* Keys that lie close together are not read again by the next scan, as long as the file is the same. */
static void
keys_of_the_scan_before_are_kept(void **state)
{
	World *w = *state;
	Lake lake;
	LhField id[] = {field("id", lake_long, 1)}, key[] = {field("key", lake_int, 2)};
	LhValue values[] = {num(3), null_value(), num(90), num(3)}, others[] = {num(4), null_value(), num(91), num(4)},
			far[] = {num(5), num(INT64_C(1) << 40)}, sevens[] = {num(7)};
	LhKeyCache *cache = lh_key_cache_create(1 << 20);
	LhDeleteFile *d;
	size_t one;

	lh_use_key_cache(cache);
	one_file(w, &lake);
	d = equality_file(w, &lake, "e", 1, id, values, 4);
	lake_applies(&lake, 0, 0);
	/* a young file may be written again within the tick of a clock */
	sum_and_files(w, &lake, SUM - 3 - 90, 1, 0);
	sum_and_files(w, &lake, SUM - 3 - 90, 1, 0);
	assert_int_equal(lh_key_cache_bytes(cache), 0);
	make_old(d->path, 1000000000);
	sum_and_files(w, &lake, SUM - 3 - 90, 1, 0);
	one = lh_key_cache_bytes(cache);
	assert_true(one > 0);
	sum_and_files(w, &lake, SUM - 3 - 90, 0, 1);
	assert_int_equal(counter(w, LH_CTR_EQUALITY_KEYS), 3);
	assert_int_equal(counter(w, LH_CTR_ROWS_DELETED_EQUALITY), 2);
	/* another file under the name */
	one_file(w, &lake);
	d = equality_file(w, &lake, "e", 1, id, others, 4);
	lake_applies(&lake, 0, 0);
	make_old(d->path, 1000000001);
	sum_and_files(w, &lake, SUM - 4 - 91, 1, 0);
	sum_and_files(w, &lake, SUM - 4 - 91, 0, 1);
	assert_int_equal(lh_key_cache_bytes(cache), 2 * one);
	/* the least recently used goes; one that is too large is not kept at all */
	lh_key_cache_resize(cache, one);
	assert_int_equal(lh_key_cache_bytes(cache), one);
	sum_and_files(w, &lake, SUM - 4 - 91, 0, 1);
	lh_key_cache_resize(cache, one - 1);
	assert_int_equal(lh_key_cache_bytes(cache), 0);
	sum_and_files(w, &lake, SUM - 4 - 91, 1, 0);
	assert_int_equal(lh_key_cache_bytes(cache), 0);
	lh_key_cache_resize(cache, 1 << 20);
	/* keys behind those that were kept */
	sum_and_files(w, &lake, SUM - 4 - 91, 1, 0);
	make_old(equality_file(w, &lake, "f", 1, id, sevens, 1)->path, 1000000000);
	lake_applies(&lake, 0, 1);
	sum_and_files(w, &lake, SUM - 4 - 7 - 91, 1, 1);
	sum_and_files(w, &lake, SUM - 4 - 7 - 91, 1, 1);
	/* far apart: in no bitmap */
	one_file(w, &lake);
	make_old(equality_file(w, &lake, "far", 1, id, far, 2)->path, 1000000000);
	lake_applies(&lake, 0, 0);
	sum_and_files(w, &lake, SUM - 5, 1, 0);
	sum_and_files(w, &lake, SUM - 5, 1, 0);
	/* keys of another column of the same file are others */
	one_file(w, &lake);
	d = equality_file(w, &lake, "k", 1, key, sevens, 1);
	make_old(d->path, 1000000000);
	lake_applies(&lake, 0, 0);
	count_rows(w, &lake.spec);
	one = lh_key_cache_bytes(cache);
	reset_counters(w);
	assert_int_equal(count_rows(w, &lake.spec), ROWS - ROWS / 100);
	assert_int_equal(counter(w, LH_CTR_DELETE_FILES_CACHED), 1);
	lh_key_cache_destroy(cache);
	/* none at all */
	sum_and_files(w, &lake, SUM - ROWS / 100 * 7 - (INT64_C(199) * 200 / 2) * 100, 1, 0);
}

/* Keys of every kind of type against a plain comparison, in files with and without dictionaries. */
static void
many_keys(void **state)
{
	World *w = *state;
	Lake lake;
	enum { KEYS = 30000 };
	LhField id[] = {field("id", lake_long, 1)};
	LhField pair[] = {field("id", lake_long, 1), field("name", lake_text, 3)};
	LhValue *values = lh_alloc(w->ctx, 2 * KEYS * sizeof(*values));
	int64_t rows, sum = 0, count = 0;

	one_file(w, &lake);
	for (int i = 0; i < KEYS; i++)
		values[i] = num((int64_t) i * 7 - 20000);
	for (int64_t row = 0; row < ROWS; row++)
		if ((row + 20000) % 7 != 0)
		{
			sum += row;
			count++;
		}
	equality_file(w, &lake, "e", 1, id, values, KEYS);
	lake_applies(&lake, 0, 0);
	assert_int_equal(sum_of(w, &lake.spec, &rows), sum);
	assert_int_equal(rows, count);
	/* pairs, half of which differ in the name */
	one_file(w, &lake);
	sum = SUM;
	for (int i = 0; i < KEYS; i++)
	{
		values[2 * i] = num(i * 3);
		values[2 * i + 1] = text_value(lh_sprintf(w->ctx, "n%d", i % 2 ? i * 3 % 10 : 11));
		if (i % 2 && i * 3 < ROWS)
			sum -= i * 3;
	}
	equality_file(w, &lake, "p", 2, pair, values, KEYS);
	lake_applies(&lake, 0, 0);
	assert_int_equal(sum_of(w, &lake.spec, &rows), sum);
}

/* The host must not be asked about rows that are no more. */
static void
the_host_sees_no_deleted_rows(void **state)
{
	World *w = *state;
	Lake lake;
	LhField id[] = {field("id", lake_long, 1)};
	LhValue values[] = {num(0), num(1), num(2), num(3), num(4)};
	LhPred host = {.kind = LH_P_HOST, .col = 0, .host_id = 1};
	LhPred *f[] = {&host};
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan *scan;

	one_file(w, &lake);
	equality_file(w, &lake, "e", 1, id, values, 5);
	lake_applies(&lake, 0, 0);
	lake.spec.filters = f;
	lake.spec.nfilters = 1;
	lake.spec.first_batch = 64;
	ok(w, lh_scan_open(w->ctx, &lake.spec, &scan));
	assert_int_equal(lh_scan_next(w->ctx, scan, &batch, &request), LH_NEED_HOST);
	for (int i = 0; i < request->n; i++)
	{
		LhValue v = request->dict != NULL ? lh_dict_value(request->dict, request->items[i])
										  : lh_vec_value(request->vec, (int) request->items[i]);

		assert_true(v.i64 >= 5);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(equal_rows_are_deleted),
		TEST(null_equals_null),
		TEST(extra_columns_of_a_delete_file_are_ignored),
		TEST(keys_apply_where_their_file_does),
		TEST(keys_are_compared_by_value),
		TEST(dropped_and_added_key_columns),
		TEST(key_columns_must_fit),
		TEST(keys_of_the_scan_before_are_kept),
		TEST(many_keys),
		TEST(the_host_sees_no_deleted_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
