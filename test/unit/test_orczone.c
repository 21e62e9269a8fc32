/*
 * test_orczone.c
 *		Time zones: offsets, rules of POSIX, damaged files, names that lead nowhere.
 */
#include "unit/orc_make.h"

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
	ob_free_all();
	return 0;
}

static void
be(Ob *b, uint64_t v, int bytes)
{
	for (int i = bytes - 1; i >= 0; i--)
		ob_byte(b, v >> (8 * i) & 255);
}

/* A file of version 2: nothing in the first part, then these moments, types and rule. */
static Ob
tzif(int n, const int64_t *times, const uint8_t *types, int ntypes, const int32_t *offsets,
	 const char *rule)
{
	Ob b = {0};

	for (int part = 0; part < 2; part++)
	{
		ob_put(&b, "TZif2", 5);
		for (int i = 0; i < 15; i++)
			ob_byte(&b, 0);
		be(&b, 0, 4);
		be(&b, 0, 4);
		be(&b, 0, 4);
		be(&b, part == 0 ? 0 : (uint64_t) n, 4);
		be(&b, part == 0 ? 1 : (uint64_t) ntypes, 4);
		be(&b, 4, 4);
		for (int i = 0; part == 1 && i < n; i++)
			be(&b, (uint64_t) times[i], 8);
		for (int i = 0; part == 1 && i < n; i++)
			ob_byte(&b, types[i]);
		for (int i = 0; i < (part == 0 ? 1 : ntypes); i++)
		{
			be(&b, part == 0 ? 0 : (uint32_t) offsets[i], 4);
			be(&b, 0, 2);
		}
		ob_put(&b, "ABC", 4);
	}
	ob_put(&b, "\n", 1);
	ob_put(&b, rule, strlen(rule));
	ob_put(&b, "\n", 1);
	return b;
}

static int32_t
offset_at(const LhZone *z, int64_t utc)
{
	int64_t from, until;
	int32_t offset = lh_zone_offset(z, utc, &from, &until);

	assert_true(from <= utc && utc < until);
	return offset;
}

static void
changes_hold_from_their_moment_on(void **unused)
{
	static const int64_t times[] = {-1000, 0, 5000};
	static const uint8_t types[] = {1, 0, 1};
	static const int32_t offsets[] = {3600, -7200};
	Ob b = tzif(3, times, types, 2, offsets, "");
	LhZone *z;

	ASSERT_OK(ctx, lh_zone_parse(ctx, "X", b.p, b.len, &z));
	assert_int_equal(offset_at(z, INT64_MIN + 1), 3600);
	assert_int_equal(offset_at(z, -1001), 3600);
	assert_int_equal(offset_at(z, -1000), -7200);
	assert_int_equal(offset_at(z, -1), -7200);
	assert_int_equal(offset_at(z, 0), 3600);
	assert_int_equal(offset_at(z, 5000), -7200);
	assert_int_equal(offset_at(z, INT64_MAX - 1), -7200);
	assert_false(lh_zone_is_utc(z));
}

static int64_t
at(int64_t y, int m, int d, int h)
{
	return lh_days_from_civil(y, m, d) * 86400 + h * 3600;
}

static void
rules_go_on_where_the_moments_end(void **unused)
{
	static const int32_t offsets[] = {0};
	Ob b = tzif(0, NULL, NULL, 1, offsets, "PST8PDT,M3.2.0,M11.1.0");
	LhZone *z;

	/* 2024: 10 March 2:00 PST = 10:00 UTC; 3 November 2:00 PDT = 9:00 UTC */
	ASSERT_OK(ctx, lh_zone_parse(ctx, "X", b.p, b.len, &z));
	assert_int_equal(offset_at(z, at(2024, 3, 10, 10) - 1), -8 * 3600);
	assert_int_equal(offset_at(z, at(2024, 3, 10, 10)), -7 * 3600);
	assert_int_equal(offset_at(z, at(2024, 11, 3, 9) - 1), -7 * 3600);
	assert_int_equal(offset_at(z, at(2024, 11, 3, 9)), -8 * 3600);
	assert_int_equal(offset_at(z, at(2400, 7, 1, 0)), -7 * 3600);
	assert_int_equal(lh_zone_to_utc(z, at(2024, 7, 1, 12)), at(2024, 7, 1, 19));
	/* southern: summer time over the turn of the year */
	b = tzif(0, NULL, NULL, 1, offsets, "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0");
	ASSERT_OK(ctx, lh_zone_parse(ctx, "X", b.p, b.len, &z));
	assert_int_equal(offset_at(z, at(2024, 1, 1, 0)), 11 * 3600);
	assert_int_equal(offset_at(z, at(2024, 7, 1, 0)), 10 * 3600 + 1800);
	/* days of the year, negative times, no summer time */
	b = tzif(0, NULL, NULL, 1, offsets, "IST-2IDT,J60/-1,300/25:30:15");
	ASSERT_OK(ctx, lh_zone_parse(ctx, "X", b.p, b.len, &z));
	assert_int_equal(offset_at(z, at(2024, 3, 1, 0) - 3 * 3600), 3 * 3600);
	assert_int_equal(offset_at(z, at(2024, 3, 1, 0) - 3 * 3600 - 1), 2 * 3600);
	b = tzif(0, NULL, NULL, 1, offsets, "EST5");
	ASSERT_OK(ctx, lh_zone_parse(ctx, "X", b.p, b.len, &z));
	assert_int_equal(offset_at(z, at(2024, 7, 1, 0)), -5 * 3600);
}

static void
damaged_files_are_refused(void **unused)
{
	static const int64_t times[] = {0, 5000}, unordered[] = {5000, 0};
	static const uint8_t types[] = {1, 0}, beyond[] = {1, 2};
	static const int32_t offsets[] = {3600, -7200}, far[] = {3600, 999999};
	static const char *const rules[] = {"PST",
										"PST8PDT",
										"P8",
										"PST8PDT,M13.1.0,M1.1.0",
										"PST8PDT,M3.6.0,M1.1.0",
										"PST8PDT,J0,J5",
										"PST8PDT,M3.2.0,M11.1.0x",
										"PST900"};
	Ob b = tzif(2, times, types, 2, offsets, "PST8PDT,M3.2.0,M11.1.0");
	LhZone *z;

	ASSERT_OK(ctx, lh_zone_parse(ctx, "X", b.p, b.len, &z));
	for (size_t n = 0; n < b.len; n++)
	{
		assert_int_not_equal(lh_zone_parse(ctx, "X", b.p, n, &z), LH_OK);
		lh_error_clear(ctx);
	}
	b = tzif(2, unordered, types, 2, offsets, "");
	ASSERT_FAILS(ctx, lh_zone_parse(ctx, "X", b.p, b.len, &z), LH_CORRUPT, "ascending moments");
	b = tzif(2, times, beyond, 2, offsets, "");
	ASSERT_FAILS(ctx, lh_zone_parse(ctx, "X", b.p, b.len, &z), LH_CORRUPT, "types that exist");
	b = tzif(2, times, types, 2, far, "");
	ASSERT_FAILS(ctx, lh_zone_parse(ctx, "X", b.p, b.len, &z), LH_CORRUPT, "two days");
	b = tzif(0, NULL, NULL, 0, offsets, "");
	ASSERT_FAILS(ctx, lh_zone_parse(ctx, "X", b.p, b.len, &z), LH_CORRUPT, "local time types");
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
	{
		b = tzif(0, NULL, NULL, 1, offsets, rules[i]);
		ASSERT_FAILS(ctx, lh_zone_parse(ctx, "X", b.p, b.len, &z), LH_CORRUPT, "POSIX");
	}
}

static void
names_need_no_file_or_stay_in_the_folder(void **unused)
{
	static const struct
	{
		const char *name;
		int offset;
	} fixed[] = {
		{"UTC", 0},        {"GMT", 0},           {"", 0},         {"Z", 0}, {"GMT+08:00", 28800},
		{"GMT-3", -10800}, {"UTC+05:30", 19800}, {"+01:00", 3600}};
	static const char *const bad[] = {"../UTC", "/etc/passwd", "Europe/../../../etc/passwd",
									  "a b",    "No/Where",    "GMT+99",
									  "x\x01"};
	const LhZone *z, *again;

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
	{
		ASSERT_OK(ctx, lh_zone_get(ctx, "/nowhere", fixed[i].name, &z));
		assert_int_equal(offset_at(z, 1000), fixed[i].offset);
		assert_int_equal(lh_zone_is_utc(z), fixed[i].offset == 0);
	}
	ASSERT_OK(ctx, lh_zone_get(ctx, NULL, NULL, &z));
	assert_true(lh_zone_is_utc(z));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		assert_int_equal(lh_zone_get(ctx, NULL, bad[i], &z), LH_UNSUPPORTED);
		assert_non_null(strstr(ctx->error->hint, "tzdata"));
		lh_error_clear(ctx);
	}
	if (access(LH_ZONEINFO "/Europe/Berlin", R_OK) != 0)
	{
		print_message("SKIPPED: no " LH_ZONEINFO "/Europe/Berlin\n");
		skip();
	}
	ASSERT_OK(ctx, lh_zone_get(ctx, NULL, "Europe/Berlin", &z));
	ASSERT_OK(ctx, lh_zone_get(ctx, NULL, "Europe/Berlin", &again));
	assert_ptr_equal(z, again);
	assert_int_equal(offset_at(z, at(2024, 1, 1, 0)), 3600);
	assert_int_equal(offset_at(z, at(2024, 7, 1, 0)), 7200);
	assert_int_equal(offset_at(z, at(2099, 7, 1, 0)), 7200);
	assert_int_equal(offset_at(z, at(1960, 7, 1, 0)), 3600);
}

/* What it takes to read a file is gone when the zone is there; a name that is too long to keep is no trouble. */
static void
zones_leave_nothing_behind(void **unused)
{
	static const int64_t times[] = {0};
	static const uint8_t types[] = {1};
	static const int32_t offsets[] = {0, 3600};
	Ob b = tzif(1, times, types, 2, offsets, "XST-1");
	char dir[] = "/tmp/lh_zone_XXXXXX", path[64], name[200] = "GMT+";
	const LhZone *z;
	size_t before;
	FILE *f;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/Zone", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(b.p, 1, b.len, f), b.len);
	fclose(f);
	before = lh_arena_used(ctx->arena);
	ASSERT_OK(ctx, lh_zone_get(ctx, dir, "Zone", &z));
	assert_int_equal(offset_at(z, -1), 0);
	assert_int_equal(offset_at(z, 1), 3600);
	assert_true(lh_arena_used(ctx->arena) - before < 64 * 1024);
	/* a hundred zeros in front of two hours */
	memset(name + 4, '0', 100);
	strcpy(name + 104, "2");
	for (int i = 0; i < 200; i++)
	{
		ASSERT_OK(ctx, lh_zone_get(ctx, dir, name, &z));
		assert_int_equal(offset_at(z, 1), 7200);
	}
	/* there is still room for others: twice the same is one */
	for (int i = 0; i < 2; i++)
	{
		const LhZone *again;

		ASSERT_OK(ctx, lh_zone_get(ctx, dir, i == 0 ? "GMT+11" : "GMT-11", &z));
		ASSERT_OK(ctx, lh_zone_get(ctx, dir, i == 0 ? "GMT+11" : "GMT-11", &again));
		assert_ptr_equal(z, again);
	}
	unlink(path);
	rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changes_hold_from_their_moment_on),
		cmocka_unit_test(rules_go_on_where_the_moments_end),
		cmocka_unit_test(damaged_files_are_refused),
		cmocka_unit_test(names_need_no_file_or_stay_in_the_folder),
		cmocka_unit_test(zones_leave_nothing_behind),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
