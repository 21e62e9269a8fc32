/*
 * test_ice_choose.c
 *		Which snapshot and schema of a metadata file is read.
 */
#include "unit/ice_metadata.h"

/* main: 1 (at 100), 2 (at 300, after a rollback), branch b: 3 (at 900), tag t: 1; snapshot 2 has schema 1. */
#define HISTORY                                                                                                                                                                                                                \
	V2_OF(                                                                                                                                                                                                                     \
		"2", SCHEMA("0", "now") "," SCHEMA("1", "then"),                                                                                                                                                                       \
		",\"current-snapshot-id\":2,\"snapshots\":[" SNAPSHOT("1", "100", ",\"schema-id\":1") "," SNAPSHOT(                                                                                                                    \
			"2", "300",                                                                                                                                                                                                        \
			",\"schema-id\":1,\"parent-snapshot-id\":1") "," SNAPSHOT("3", "900",                                                                                                                                              \
																	  ",\"schema-id\":1,\"parent-snapshot-id\":2") "],"                                                                                                        \
																												   "\"snapshot-log\":[{\"timestamp-ms\":100,\"snapshot-id\":1},{\"timestamp-ms\":200,\"snapshot-id\":4},"      \
																												   "{\"timestamp-ms\":250,\"snapshot-id\":1},{\"timestamp-ms\":300,\"snapshot-id\":2}],"                       \
																												   "\"refs\":{\"main\":{\"snapshot-id\":2,\"type\":\"branch\"},\"b\":{\"snapshot-id\":3,\"type\":\"branch\"}," \
																												   "\"t\":{\"snapshot-id\":1,\"type\":\"tag\",\"max-ref-age-ms\":7},\"gone\":{\"snapshot-id\":8,\"type\":\"tag\"}}")

static void
the_current_snapshot_is_that_of_main_not_the_newest(void **state)
{
	World *w = *state;
	LhIceMetadata *m = metadata(w, HISTORY);

	assert_string_equal(chosen(w, m, (LhTableOptions){0}), "2 now");
	assert_string_equal(chosen(w, m, (LhTableOptions){.ref = "main"}), "2 now");
}

static void
a_snapshot_by_id_or_tag_is_shown_with_its_own_schema_a_branch_with_the_current(void **state)
{
	World *w = *state;
	LhIceMetadata *m = metadata(w, HISTORY);

	assert_string_equal(chosen(w, m, (LhTableOptions){.snapshot_id = 3}), "3 then");
	assert_string_equal(chosen(w, m, (LhTableOptions){.ref = "t"}), "1 then");
	assert_string_equal(chosen(w, m, (LhTableOptions){.ref = "b"}), "3 now");
}

static void
time_travel_follows_the_log_of_main(void **state)
{
	World *w = *state;
	LhIceMetadata *m = metadata(w, HISTORY);
	LhTableOptions at = {.has_time = true};

	at.snapshot_time_us = 100 * 1000;
	assert_string_equal(chosen(w, m, at), "1 then");
	at.snapshot_time_us = 299 * 1000 + 999;
	assert_string_equal(chosen(w, m, at), "1 then");
	at.snapshot_time_us = 300 * 1000;
	assert_string_equal(chosen(w, m, at), "2 then");
	/* branch b has a newer snapshot, but not main */
	at.snapshot_time_us = INT64_C(1) << 60;
	assert_string_equal(chosen(w, m, at), "2 then");
	at.snapshot_time_us = 100 * 1000 - 1;
	refused(w, not_chosen(w, m, at), LH_NOT_FOUND, "/t/m.json", "1970-01-01T00:00:00.099999", NULL);
	at.snapshot_time_us = 200 * 1000;
	refused(w, not_chosen(w, m, at), LH_NOT_FOUND, "snapshot 4", "expired", NULL);
}

/* The oldest time and the names are in the detail. */
static void
errors_list_what_there_is(void **state)
{
	World *w = *state;
	LhIceMetadata *m = metadata(w, HISTORY);

	assert_int_equal(not_chosen(w, m, (LhTableOptions){.has_time = true}), LH_NOT_FOUND);
	assert_non_null(strstr(w->ctx->error->detail, "1970-01-01T00:00:00.1"));
	assert_int_equal(not_chosen(w, m, (LhTableOptions){.ref = "B"}), LH_NOT_FOUND);
	assert_string_equal(w->ctx->error->detail, "It has branches: main, b; tags: t, gone.");
	refused(w, not_chosen(w, m, (LhTableOptions){.snapshot_id = 5}), LH_NOT_FOUND, "snapshot 5",
			NULL, NULL);
	refused(w, not_chosen(w, m, (LhTableOptions){.ref = "gone"}), LH_NOT_FOUND, "snapshot 8", NULL,
			NULL);
	refused(w, not_chosen(w, m, (LhTableOptions){.ref = "b", .snapshot_id = 1}), LH_INVALID,
			"only one", NULL, NULL);
}

static void
without_a_log_time_travel_follows_the_parents(void **state)
{
	World *w = *state;
	LhIceMetadata *m = metadata(
		w, V2(",\"current-snapshot-id\":2,\"snapshots\":[" SNAPSHOT("1", "100", "") "," SNAPSHOT(
			   "2", "300", ",\"parent-snapshot-id\":1") "," SNAPSHOT("3", "200", "") "]"));
	LhTableOptions at = {.has_time = true, .snapshot_time_us = 250 * 1000};

	assert_string_equal(chosen(w, m, at), "1 x");
	at.snapshot_time_us = 99 * 1000;
	refused(w, not_chosen(w, m, at), LH_NOT_FOUND, "as of", NULL, NULL);
}

static void
parents_in_a_circle_end(void **state)
{
	World *w = *state;
	LhIceMetadata *m = metadata(
		w,
		V2(",\"current-snapshot-id\":1,\"snapshots\":[" SNAPSHOT(
			"1", "100",
			",\"parent-snapshot-id\":2") "," SNAPSHOT("2", "90", ",\"parent-snapshot-id\":1") "]"));

	refused(w, not_chosen(w, m, (LhTableOptions){.has_time = true, .snapshot_time_us = 5}),
			LH_NOT_FOUND, "as of", NULL, NULL);
}

static void
minus_one_and_nothing_are_no_snapshot(void **state)
{
	World *w = *state;

	assert_string_equal(chosen(w, metadata(w, V2("")), (LhTableOptions){0}), "-1 x");
	assert_string_equal(
		chosen(w, metadata(w, V2(",\"current-snapshot-id\":-1")), (LhTableOptions){0}), "-1 x");
	assert_string_equal(chosen(w, metadata(w, V2(",\"current-snapshot-id\":null")),
							   (LhTableOptions){.ref = "main"}),
						"-1 x");
	refused(w, not_chosen(w, metadata(w, V2("")), (LhTableOptions){.snapshot_id = -1}), LH_INVALID,
			"-1", NULL, NULL);
	refused(w, not_chosen(w, metadata(w, V2(",\"current-snapshot-id\":77")), (LhTableOptions){0}),
			LH_NOT_FOUND, "77", NULL, NULL);
	refused(w, not_chosen(w, metadata(w, V2("")), (LhTableOptions){.ref = "x"}), LH_NOT_FOUND,
			"\"x\"", NULL, NULL);
}

static void
main_is_a_ref_even_when_only_the_current_snapshot_says_so(void **state)
{
	World *w = *state;
	LhIceMetadata *m =
		metadata(w, V2(",\"current-snapshot-id\":1,\"snapshots\":[" SNAPSHOT("1", "1", "") "]"));

	assert_int_equal(m->nrefs, 1);
	assert_string_equal(m->refs[0].name, "main");
	assert_true(!m->refs[0].is_tag && m->refs[0].max_ref_age_ms == -1);
	refused(
		w,
		parsed(
			w,
			V2(",\"current-snapshot-id\":1,\"refs\":{\"main\":{\"snapshot-id\":2,\"type\":\"branch\"}}"),
			&m),
		LH_CORRUPT, "main", "2", "1");
}

static void
snapshot_ids_have_64_bits(void **state)
{
	World *w = *state;
	LhIceMetadata *m =
		metadata(w, V2(",\"current-snapshot-id\":9876543210123456789,\"snapshots\":[" SNAPSHOT(
						"9007199254740993", "1",
						"") "," SNAPSHOT("9007199254740992", "1",
										 "") "," SNAPSHOT("9876543210123456789", "1", "") "]"));
	LhTableOptions options = {.snapshot_id = INT64_C(9007199254740993)};

	assert_string_equal(chosen(w, m, options), "9007199254740993 x");
	assert_true((uint64_t) m->current_snapshot == UINT64_C(9876543210123456789));
	assert_non_null(lh_ice_snapshot_find(m, m->current_snapshot));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_current_snapshot_is_that_of_main_not_the_newest),
		TEST(a_snapshot_by_id_or_tag_is_shown_with_its_own_schema_a_branch_with_the_current),
		TEST(time_travel_follows_the_log_of_main),
		TEST(errors_list_what_there_is),
		TEST(without_a_log_time_travel_follows_the_parents),
		TEST(parents_in_a_circle_end),
		TEST(minus_one_and_nothing_are_no_snapshot),
		TEST(main_is_a_ref_even_when_only_the_current_snapshot_says_so),
		TEST(snapshot_ids_have_64_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
