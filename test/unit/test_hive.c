/*
 * test_hive.c
 *		Partitions in the names of directories: keys, values, types.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "files/table.h"

static int
setup(void **state)
{
	*state = lh_ctx_create();
	return *state == NULL;
}

static int
teardown(void **state)
{
	lh_ctx_destroy(*state);
	return 0;
}

/* "a=1 b=null" of a path; the error's name on failure. */
static const char *
parsed(LhCtx *ctx, const char *path, size_t root)
{
	const char **names, **values;
	LhBuf out;
	LhStatus status;
	int n;

	lh_error_clear(ctx);
	status = lh_hive_parse(ctx, path, root, &n, &names, &values);
	if (status != LH_OK)
		return lh_status_name(status);
	assert_int_equal(lh_buf_init(ctx, &out, false), LH_OK);
	for (int i = 0; i < n; i++)
		assert_int_equal(lh_buf_printf(ctx, &out, "%s%s=%s", i ? " " : "", names[i],
									   values[i] ? values[i] : "NULL"),
						 LH_OK);
	assert_int_equal(lh_buf_putc(ctx, &out, '\0'), LH_OK);
	return (const char *) out.data;
}

static void
directories_give_keys_and_values(void **state)
{
	assert_string_equal(parsed(*state, "/t/year=2023/month=1/f.parquet", 0), "year=2023 month=1");
	assert_string_equal(parsed(*state, "/t/a=1/x/b=2/f", 0), "a=1 b=2");
	assert_string_equal(parsed(*state, "/t/f=1", 0), "");
	assert_string_equal(parsed(*state, "/t/=1/f", 0), "");
	assert_string_equal(parsed(*state, "/t/a=/f", 0), "a=");
	assert_string_equal(parsed(*state, "/t/a=b=c/f", 0), "a=b=c");
	assert_string_equal(parsed(*state, "/x=1/t/y=2/f", 6), "y=2");
	assert_string_equal(parsed(*state, "/x=1/t/y=2/f", 5), "y=2");
	assert_string_equal(parsed(*state, "f", 0), "");
}

static void
both_sides_are_url_decoded(void **state)
{
	assert_string_equal(parsed(*state, "/t/city=S%C3%A3o%20Paulo/f", 0), "city=S\xc3\xa3o Paulo");
	assert_string_equal(parsed(*state, "/t/a%3Db=x%2Fy/f", 0), "a=b=x/y");
	assert_string_equal(parsed(*state, "/t/a=50%25/f", 0), "a=50%");
	/* what is no escape stays */
	assert_string_equal(parsed(*state, "/t/a=50%/f", 0), "a=50%");
	assert_string_equal(parsed(*state, "/t/a=%zz/f", 0), "a=%zz");
	assert_string_equal(parsed(*state, "/t/a=x+y/f", 0), "a=x+y");
}

static void
text_that_postgres_cannot_hold_is_refused(void **state)
{
	assert_string_equal(parsed(*state, "/t/a=%FF/f", 0), lh_status_name(LH_BAD_TEXT));
	assert_string_equal(parsed(*state, "/t/a=x%00y/f", 0), lh_status_name(LH_BAD_TEXT));
	assert_string_equal(parsed(*state, "/t/%FF=a/f", 0), lh_status_name(LH_BAD_TEXT));
}

static void
the_default_partition_is_null(void **state)
{
	assert_string_equal(parsed(*state, "/t/a=__HIVE_DEFAULT_PARTITION__/f", 0), "a=NULL");
	assert_string_equal(parsed(*state, "/t/a=x__HIVE_DEFAULT_PARTITION__/f", 0),
						"a=x__HIVE_DEFAULT_PARTITION__");
}

static void
a_key_must_not_occur_twice(void **state)
{
	assert_string_equal(parsed(*state, "/t/a=1/a=2/f", 0), lh_status_name(LH_MISMATCH));
}

/* Type of key "k" over some values (NULL-terminated), as files /k=value/f. */
static LhTypeId
inferred(LhCtx *ctx, const char *const *values, LhHive *hive)
{
	LhList list = {0};

	list.entries = lh_alloc_array(ctx, 16, sizeof(LhListEntry));
	for (; values[list.n] != NULL; list.n++)
		list.entries[list.n].path = lh_sprintf(ctx, "/t/k=%s/f", values[list.n]);
	assert_int_equal(lh_hive_infer(ctx, &list, -1, hive), LH_OK);
	assert_true(hive->on);
	assert_int_equal(hive->nkeys, 1);
	return hive->types[0].id;
}
#define INFERRED(hive, ...) inferred(*state, (const char *const[]){__VA_ARGS__, NULL}, hive)

static void
types_hold_the_values_of_all_files(void **state)
{
	LhHive h;

	assert_int_equal(INFERRED(&h, "1", "-7", "0", "2147483647", "-2147483648"), LH_T_INT32);
	assert_int_equal(h.dirs[1]->values[0].i64, -7);
	assert_int_equal(INFERRED(&h, "1", "2147483648"), LH_T_INT64);
	assert_true(h.dirs[1]->values[0].i64 == INT64_C(2147483648) && h.dirs[0]->values[0].i64 == 1);
	assert_int_equal(INFERRED(&h, "9223372036854775807", "-9223372036854775808"), LH_T_INT64);
	assert_int_equal(INFERRED(&h, "9223372036854775808"), LH_T_STRING);
	assert_int_equal(INFERRED(&h, "2024-02-29", "0001-01-01", "9999-12-31"), LH_T_DATE);
	assert_int_equal(h.dirs[0]->values[0].i64, 19782);
	assert_int_equal(INFERRED(&h, "1", "x"), LH_T_STRING);
	assert_memory_equal(h.dirs[0]->values[0].str.ptr, "1", 1);
	assert_int_equal(INFERRED(&h, "2024-02-29", "7"), LH_T_STRING);
	assert_int_equal(INFERRED(&h, "true", "false"), LH_T_STRING);
	assert_int_equal(INFERRED(&h, ""), LH_T_STRING);
}

/* A text is a number only when the number gives it back, else a query could find the wrong folder. */
static void
odd_spellings_are_strings(void **state)
{
	LhHive h;
	static const char *const odd[] = {
		"01",         "007",        "00",          "-0",          "+1",
		"--1",        "-",          " 1",          "1 ",          "1.0",
		"1e3",        "0x1",        "1_000",       "2024-1-1",    "2024-02-30",
		"2023-02-29", "0000-01-01", "2024-01-01 ", "-2024-01-01", "99999999999999999999999",
	};

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		if (INFERRED(&h, odd[i]) != LH_T_STRING)
			fail_msg("\"%s\" is no string", odd[i]);
}

static void
null_says_nothing_about_the_type(void **state)
{
	LhHive h;

	assert_int_equal(INFERRED(&h, "1", LH_HIVE_NULL), LH_T_INT32);
	assert_true(h.has_null[0]);
	assert_true(h.dirs[1]->values[0].null);
	assert_int_equal(h.dirs[1]->values[0].type.id, LH_T_INT32);
	assert_int_equal(INFERRED(&h, LH_HIVE_NULL), LH_T_STRING);
	assert_int_equal(INFERRED(&h, "1"), LH_T_INT32);
	assert_false(h.has_null[0]);
}

static LhStatus
infer_paths(LhCtx *ctx, int mode, LhHive *hive, const char *a, const char *b, const char *c)
{
	LhListEntry entries[3] = {{a, 1, 1}, {b, 1, 1}, {c, 1, 1}};
	LhList list = {c ? 3 : b ? 2 : 1, entries};

	lh_error_clear(ctx);
	return lh_hive_infer(ctx, &list, mode, hive);
}

static void
all_files_need_the_same_keys(void **state)
{
	LhCtx *ctx = *state;
	LhHive h;

	assert_int_equal(infer_paths(ctx, 1, &h, "/t/a=1/b=2/f", "/t/b=3/a=4/f", NULL), LH_OK);
	assert_string_equal(h.names[0], "a");
	assert_int_equal(h.dirs[1]->values[0].i64, 4);
	assert_int_equal(h.dirs[1]->values[1].i64, 3);
	assert_int_equal(infer_paths(ctx, 1, &h, "/t/a=1/f", "/t/b=1/g", NULL), LH_MISMATCH);
	assert_non_null(strstr(ctx->error->message, "/t/a=1/f"));
	assert_non_null(strstr(ctx->error->message, "/t/b=1/g"));
	assert_int_equal(infer_paths(ctx, -1, &h, "/t/a=1/f", "/t/a=1/b=1/g", NULL), LH_MISMATCH);
	assert_int_equal(infer_paths(ctx, 1, &h, "/t/a=1/f", "/t/g", NULL), LH_MISMATCH);
	assert_int_equal(infer_paths(ctx, 1, &h, "/t/f", "/t/a=1/g", NULL), LH_MISMATCH);
}

static void
automatic_is_on_only_when_every_file_has_keys(void **state)
{
	LhHive h;

	assert_int_equal(infer_paths(*state, -1, &h, "/t/a=1/f", "/t/a=2/f", "/t/g"), LH_OK);
	assert_false(h.on);
	assert_int_equal(infer_paths(*state, -1, &h, "/t/f", "/t/x=1/g", NULL), LH_OK);
	assert_false(h.on);
	assert_int_equal(infer_paths(*state, -1, &h, "/t/a=1/f", "/t/a=2/f", "/t/a=2/g"), LH_OK);
	assert_true(h.on);
	assert_ptr_equal(h.dirs[1], h.dirs[2]);
	assert_int_equal(infer_paths(*state, 0, &h, "/t/a=1/f", NULL, NULL), LH_OK);
	assert_false(h.on);
	assert_int_equal(infer_paths(*state, 1, &h, "/t/f", NULL, NULL), LH_OK);
	assert_false(h.on);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(directories_give_keys_and_values),
		TEST(both_sides_are_url_decoded),
		TEST(text_that_postgres_cannot_hold_is_refused),
		TEST(the_default_partition_is_null),
		TEST(a_key_must_not_occur_twice),
		TEST(types_hold_the_values_of_all_files),
		TEST(odd_spellings_are_strings),
		TEST(null_says_nothing_about_the_type),
		TEST(all_files_need_the_same_keys),
		TEST(automatic_is_on_only_when_every_file_has_keys),
	};

	return cmocka_run_group_tests_name("hive", tests, NULL, NULL);
}
