/*
 * test_ice_transform.c
 *		Partition transforms: the specification's tables, and projections against
 *		brute force.
 */
#include "unit/ice_make.h"

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

static LhIceTransform
transform(const char *text)
{
	LhIceTransform t;

	ASSERT_OK(ctx, lh_ice_transform_parse(ctx, text, strlen(text), &t));
	assert_string_equal(t.text, text);
	return t;
}

static int32_t
hash(LhValue v)
{
	uint32_t h;

	assert_true(lh_ice_hash(&v, &h));
	return (int32_t) h;
}

static void
names_are_read(void **state)
{
	LhIceTransform t;

	(void) state;
	assert_int_equal(transform("identity").kind, LH_ICE_IDENTITY);
	assert_int_equal(transform("bucket[16]").kind, LH_ICE_BUCKET);
	assert_int_equal(transform("bucket[16]").param, 16);
	assert_int_equal(transform("truncate[2147483647]").param, INT32_MAX);
	assert_int_equal(transform("year").kind, LH_ICE_YEAR);
	assert_int_equal(transform("month").kind, LH_ICE_MONTH);
	assert_int_equal(transform("day").kind, LH_ICE_DAY);
	assert_int_equal(transform("hour").kind, LH_ICE_HOUR);
	assert_int_equal(transform("void").kind, LH_ICE_VOID);
	assert_int_equal(transform("Day").kind, LH_ICE_DAY);
	/* readable, not prunable */
	assert_int_equal(transform("zorder").kind, LH_ICE_UNKNOWN);
	assert_int_equal(transform("bucketv2[4]").kind, LH_ICE_UNKNOWN);
	assert_int_equal(transform("").kind, LH_ICE_UNKNOWN);
	for (const char *const *p =
			 (const char *const[]){"bucket[0]", "bucket[-1]", "bucket[]", "bucket[4", "bucket[4]]",
								   "truncate[2147483648]", "truncate[99999999999999999999]", NULL};
		 *p != NULL; p++)
	{
		assert_int_equal(lh_ice_transform_parse(ctx, *p, strlen(*p), &t), LH_CORRUPT);
		assert_non_null(strstr(ctx->error->message, *p));
		lh_error_clear(ctx);
	}
}

/* Appendix B */
static void
hashes_of_the_specification(void **state)
{
	(void) state;
	assert_int_equal(hash(ice_int(ICE_INT, 34)), 2017239379);
	assert_int_equal(hash(ice_int(ICE_LONG, 34)), 2017239379);
	assert_int_equal(hash(ice_json(ctx, ICE_DEC_9_2, "\"14.20\"")), -500754589);
	assert_int_equal(hash(ice_json(ctx, ICE_DEC_38_2, "\"14.20\"")), -500754589);
	assert_int_equal(hash(ice_json(ctx, ICE_DATE, "\"2017-11-16\"")), -653330422);
	assert_int_equal(hash(ice_json(ctx, ICE_TIME, "\"22:31:08\"")), -662762989);
	assert_int_equal(hash(ice_json(ctx, ICE_TS, "\"2017-11-16T22:31:08\"")), -2047944441);
	assert_int_equal(hash(ice_json(ctx, ICE_TS, "\"2017-11-16T22:31:08.000001\"")), -1207196810);
	assert_int_equal(hash(ice_json(ctx, ICE_TSTZ, "\"2017-11-16T14:31:08-08:00\"")), -2047944441);
	assert_int_equal(hash(ice_json(ctx, ICE_TSTZ, "\"2017-11-16T14:31:08.000001-08:00\"")),
					 -1207196810);
	assert_int_equal(hash(ice_json(ctx, ICE_TS_NS, "\"2017-11-16T22:31:08\"")), -2047944441);
	assert_int_equal(hash(ice_json(ctx, ICE_TS_NS, "\"2017-11-16T22:31:08.000001001\"")),
					 -1207196810);
	assert_int_equal(hash(ice_text("iceberg")), 1210000089);
	assert_int_equal(hash(ice_json(ctx, ICE_UUID, "\"f79c3e09-677c-4bbd-a479-3f349cb785e7\"")),
					 1488055340);
	assert_int_equal(hash(ice_bytes(ICE_FIXED4, "\0\x01\x02\x03", 4)), -188683207);
	assert_int_equal(hash(ice_bytes(ICE_BINARY, "\0\x01\x02\x03", 4)), -188683207);
}

/* The partition value as JSON; "-" when the transform does not know the type. */
static const char *
applied(const char *text, LhValue v)
{
	LhIceTransform t = transform(text);
	LhValue out;
	bool known;

	ASSERT_OK(ctx, lh_ice_transform_apply(ctx, &t, &v, &out, &known));
	return known ? ice_written(ctx, &out) : "-";
}

static void
truncation_as_the_specification_has_it(void **state)
{
	(void) state;
	assert_string_equal(applied("truncate[10]", ice_int(ICE_INT, 1)), "0");
	assert_string_equal(applied("truncate[10]", ice_int(ICE_INT, -1)), "-10");
	assert_string_equal(applied("truncate[10]", ice_int(ICE_LONG, 1)), "0");
	assert_string_equal(applied("truncate[10]", ice_int(ICE_LONG, -1)), "-10");
	assert_string_equal(applied("truncate[50]", ice_json(ctx, ICE_DEC_9_2, "\"10.65\"")), "10.50");
	assert_string_equal(applied("truncate[50]", ice_json(ctx, ICE_DEC_38_2, "\"-10.65\"")), "-11.00");
	assert_string_equal(applied("truncate[3]", ice_text("iceberg")), "\"ice\"");
	assert_string_equal(applied("truncate[3]", ice_text("ic")), "\"ic\"");
	assert_string_equal(applied("truncate[3]", ice_bytes(ICE_BINARY, "\1\2\3\4\5", 5)), "\"\\\\x010203\"");
	assert_string_equal(applied("truncate[10]", ice_int(ICE_INT, INT32_MIN)), "-");
	assert_string_equal(applied("truncate[10]", ice_float(ICE_DOUBLE, 1)), "-");
	assert_string_equal(applied("truncate[3]", ice_bytes(ICE_FIXED4, "abcd", 4)), "-");
}

/* 6.4 no. 10 */
static void
strings_are_cut_by_code_points_and_binary_by_bytes(void **state)
{
	(void) state;
	assert_string_equal(applied("truncate[2]", ice_text("\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x98")),
						"\"\xc3\xa9\xe2\x82\xac\"");
	assert_string_equal(applied("truncate[2]", ice_bytes(ICE_BINARY, "\xc3\xa9\xe2", 3)), "\"\\\\xc3a9\"");
}

static void
times_are_floored_also_below_zero(void **state)
{
	(void) state;
	assert_string_equal(applied("year", ice_json(ctx, ICE_TS, "\"2017-11-16T22:31:08\"")), "47");
	assert_string_equal(applied("month", ice_json(ctx, ICE_TS, "\"2017-11-16T22:31:08\"")), "574");
	assert_string_equal(applied("day", ice_json(ctx, ICE_TS, "\"2017-11-16T22:31:08\"")),
						"\"2017-11-16\"");
	assert_string_equal(applied("hour", ice_json(ctx, ICE_TS, "\"2017-11-16T22:31:08\"")), "419686");
	assert_string_equal(applied("hour", ice_json(ctx, ICE_TS_NS, "\"2017-11-16T22:31:08\"")),
						"419686");
	assert_string_equal(applied("day", ice_json(ctx, ICE_DATE, "\"2017-11-16\"")), "\"2017-11-16\"");
	for (int i = 0; i < 2; i++)
	{
		LhType type = i == 0 ? ICE_TS : ICE_TS_NS;

		assert_string_equal(applied("year", ice_int(type, -1)), "-1");
		assert_string_equal(applied("month", ice_int(type, -1)), "-1");
		assert_string_equal(applied("day", ice_int(type, -1)), "\"1969-12-31\"");
		assert_string_equal(applied("hour", ice_int(type, -1)), "-1");
		assert_string_equal(applied("hour", ice_int(type, 0)), "0");
	}
	assert_string_equal(applied("month", ice_json(ctx, ICE_DATE, "\"1968-12-31\"")), "-13");
	assert_string_equal(applied("hour", ice_int(ICE_DATE, 1)), "-");
	assert_string_equal(applied("day", ice_int(ICE_LONG, 1)), "-");
}

static void
buckets_are_of_the_positive_hash(void **state)
{
	(void) state;
	/* (1210000089 & 0x7fffffff) % 16; -500754589 & 0x7fffffff = 1646729059 */
	assert_string_equal(applied("bucket[16]", ice_text("iceberg")), "9");
	assert_string_equal(applied("bucket[16]", ice_json(ctx, ICE_DEC_9_2, "\"14.20\"")), "3");
	/* a number of buckets that is no power of two: 3794212707 % 10 would be 7 */
	assert_string_equal(applied("bucket[10]", ice_json(ctx, ICE_DEC_9_2, "\"14.20\"")), "9");
	assert_string_equal(applied("bucket[1]", ice_text("iceberg")), "0");
	assert_string_equal(applied("bucket[16]", ice_float(ICE_DOUBLE, 1)), "-");
	assert_string_equal(applied("bucket[16]", ice_int(ICE_BOOL, 1)), "-");
}

static void
null_stays_null_and_void_is_null(void **state)
{
	(void) state;
	assert_string_equal(applied("bucket[16]", ice_null(ICE_INT)), "null");
	assert_string_equal(applied("day", ice_null(ICE_TS)), "null");
	assert_string_equal(applied("identity", ice_null(ICE_STRING)), "null");
	assert_string_equal(applied("void", ice_text("a")), "null");
	assert_string_equal(applied("zorder", ice_text("a")), "-");
}

/*
 * Projections: brute force
 */

typedef struct Case
{
	const char *transform;
	const LhType *type;
} Case;

static const Case cases[] = {
	{"identity", &ICE_INT},       {"identity", &ICE_STRING},  {"identity", &ICE_DOUBLE},
	{"bucket[3]", &ICE_INT},      {"bucket[7]", &ICE_STRING}, {"bucket[5]", &ICE_DEC_9_2},
	{"bucket[4]", &ICE_TS_NS},    {"bucket[4]", &ICE_DATE},   {"truncate[10]", &ICE_INT},
	{"truncate[7]", &ICE_LONG},   {"truncate[50]", &ICE_DEC_38_2},
	{"truncate[2]", &ICE_STRING}, {"truncate[1]", &ICE_BINARY},
	{"year", &ICE_DATE},          {"year", &ICE_TS},          {"month", &ICE_TSTZ},
	{"month", &ICE_DATE},         {"day", &ICE_TS},           {"day", &ICE_TS_NS},
	{"day", &ICE_DATE},           {"hour", &ICE_TS},          {"hour", &ICE_TS_NS},
	{"void", &ICE_INT},           {"zorder", &ICE_INT},
};

/* Few different values, so that predicates meet them; ends of the range, too. */
static LhValue
random_value(IceRandom *r, const LhType *type)
{
	static const char *const strings[] = {"",       "a",       "ab",      "abc",  "abd", "b",
										  "\xc3\xa9", "\xc3\xa9z", "\xc3\xa9zz", "zzzz", "ac",  "aba"};
	static const double doubles[] = {-1.5, -0.0, 0, 1, 2.5, 1e300};

	if (ice_below(r, 12) == 0)
		return ice_null(*type);
	switch (type->id)
	{
		case LH_T_STRING:
		case LH_T_BINARY:
		{
			const char *s = strings[ice_below(r, 12)];

			return ice_bytes(*type, s, strlen(s));
		}
		case LH_T_DOUBLE:
			return ice_float(*type, ice_below(r, 8) == 0 ? NAN : doubles[ice_below(r, 6)]);
		case LH_T_TIMESTAMP:
		{
			int64_t unit = type->unit == LH_UNIT_NS ? 1000 : 1;

			return ice_int(*type, (ice_below(r, 200) - 100) * INT64_C(3600000000) * unit *
										  (ice_below(r, 2) ? 1 : 300) +
									  ice_below(r, 3) - 1);
		}
		case LH_T_DATE: return ice_int(*type, ice_below(r, 2000) - 1000);
		case LH_T_DECIMAL: return ice_int(*type, ice_below(r, 400) - 200);
		default:
		{
			bool narrow = type->id == LH_T_INT32;

			switch (ice_below(r, 20))
			{
				case 0: return ice_int(*type, narrow ? INT32_MIN : INT64_MIN);
				case 1: return ice_int(*type, (narrow ? INT32_MIN : INT64_MIN) + ice_below(r, 12));
				case 2: return ice_int(*type, narrow ? INT32_MAX : INT64_MAX);
				default: return ice_int(*type, ice_below(r, 60) - 30);
			}
		}
	}
}

/* As Java does it: ints wrap. */
static LhValue
written_value(const LhIceTransform *t, LhValue v)
{
	LhValue out;
	bool known;

	ASSERT_OK(ctx, lh_ice_transform_apply(ctx, t, &v, &out, &known));
	if (known)
		return out;
	assert_int_equal(t->kind, LH_ICE_TRUNCATE);
	out = v;
	if (v.type.id == LH_T_INT32)
		out.i64 = (int32_t) (uint32_t) (v.i64 - lh_floor_mod(v.i64, t->param));
	else
		out.i64 = (int64_t) ((uint64_t) v.i64 - (uint64_t) lh_floor_mod(v.i64, t->param));
	return out;
}

static LhPred *
random_leaf(IceRandom *r, const LhType *type)
{
	bool bytes = type->lane == LH_LANE_STR;
	LhValue v, values[3];
	LhPred *p;

	do
		v = random_value(r, type);
	while (v.null);
	switch (ice_below(r, bytes ? 12 : 9))
	{
		case 0:
		case 1:
		case 2:
		case 3: ASSERT_OK(ctx, lh_pred_cmp(ctx, 0, (LhCmp) ice_below(r, 6), &v, &p)); break;
		case 4:
		case 5:
			for (int i = 0; i < 3; i++)
				values[i] = random_value(r, type);
			ASSERT_OK(ctx, lh_pred_in(ctx, 0, ice_below(r, 2) == 0, values, 3, false, &p));
			break;
		case 6: ASSERT_OK(ctx, lh_pred_leaf(ctx, LH_P_IS_NULL, 0, NULL, &p)); break;
		case 7: ASSERT_OK(ctx, lh_pred_leaf(ctx, LH_P_NOT_NULL, 0, NULL, &p)); break;
		case 8:
			ASSERT_OK(ctx, lh_pred_leaf(ctx, ice_below(r, 2) ? LH_P_DISTINCT : LH_P_NOT_DISTINCT, 0,
										&v, &p));
			break;
		case 9:
			ASSERT_OK(ctx, lh_pred_leaf(ctx, ice_below(r, 4) ? LH_P_PREFIX : LH_P_NOT_PREFIX, 0, &v,
										&p));
			break;
		default:
		{
			char *pattern = lh_sprintf(ctx, "%.*s%s", (int) v.str.len, (const char *) v.str.ptr,
									   (const char *[]){"%", "_", "%a", ""}[ice_below(r, 4)]);

			v.str = (LhStr){(const uint8_t *) pattern, (uint32_t) strlen(pattern), 0};
			ASSERT_OK(ctx, lh_pred_leaf(ctx, ice_below(r, 4) ? LH_P_LIKE : LH_P_NOT_LIKE, 0, &v, &p));
		}
	}
	return p;
}

static const char *
told(const LhPred *p)
{
	static const char *const names[] = {"x"};
	LhBuf out;

	if (p == NULL)
		return "nothing";
	ASSERT_OK(ctx, lh_buf_init(ctx, &out, false));
	ASSERT_OK(ctx, lh_pred_format(ctx, p, names, &out));
	ASSERT_OK(ctx, lh_buf_putc(ctx, &out, '\0'));
	return (const char *) out.data;
}

/* Wherever the leaf is true of a value, its projection is of the partition. */
static void
projections_are_inclusive(void **state)
{
	IceRandom r = {1};
	LhArena *outer = ctx->arena;

	(void) state;
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++)
	{
		LhArena *arena = lh_arena_child(outer);
		int said = 0, refused = 0;

		for (int i = 0; i < 4000; i++)
		{
			LhIceTransform t;
			LhPred *leaf, *projected;

			lh_use(ctx, arena);
			t = transform(cases[c].transform);
			leaf = random_leaf(&r, cases[c].type);
			ASSERT_OK(ctx, lh_ice_project(ctx, &t, cases[c].type, leaf, 0, &projected));
			if (leaf->kind == LH_P_NEVER)
				continue;
			said += projected != NULL;
			for (int k = 0; k < 20 && projected != NULL; k++)
			{
				LhValue v = random_value(&r, cases[c].type), part = written_value(&t, v);
				bool may = lh_pred_reference(projected, &part);

				refused += !may;
				if (lh_pred_reference(leaf, &v) && !may)
					fail_msg("%s: %s became %s, which is false of %s for %s", t.text, told(leaf),
							 told(projected), ice_written(ctx, &part), ice_written(ctx, &v));
			}
			lh_arena_reset(arena);
		}
		lh_use(ctx, outer);
		lh_arena_destroy(arena);
		/* what can be said is said */
		if (strcmp(cases[c].transform, "void") == 0 || strcmp(cases[c].transform, "zorder") == 0)
			assert_int_equal(said, 0);
		else
			assert_true(said > 1000 && refused > 3000);
	}
}

/* The range of a partition value holds every source value that has it. */
static void
ranges_hold_their_values(void **state)
{
	IceRandom r = {2};

	(void) state;
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++)
	{
		LhIceTransform t = transform(cases[c].transform);
		int known = 0;

		for (int i = 0; i < 2000; i++)
		{
			LhValue v = random_value(&r, cases[c].type), part;
			LhBounds b;
			bool applies;

			if (v.null || t.kind == LH_ICE_UNKNOWN)
				continue;
			ASSERT_OK(ctx, lh_ice_transform_apply(ctx, &t, &v, &part, &applies));
			if (!applies)
				continue;
			ASSERT_OK(ctx, lh_ice_transform_range(ctx, &t, cases[c].type, &part, &b));
			known += b.known;
			if (b.known && b.has_min && lh_value_compare(&b.min, &v) > 0)
				fail_msg("%s: %s is below the least of its partition", t.text, ice_written(ctx, &v));
			if (b.known && b.has_max && lh_value_compare(&b.max, &v) < 0)
				fail_msg("%s: %s is above the most of its partition", t.text, ice_written(ctx, &v));
			if (b.min_exact)
				assert_true(t.kind == LH_ICE_IDENTITY && lh_value_compare(&b.min, &v) == 0);
		}
		if (t.kind == LH_ICE_BUCKET || t.kind == LH_ICE_VOID || t.kind == LH_ICE_UNKNOWN)
			assert_int_equal(known, 0);
		else
			assert_true(known > 1000);
	}
}

static const char *
projected(const char *text, LhType type, LhPred *leaf)
{
	LhIceTransform t = transform(text);
	LhPred *out;

	ASSERT_OK(ctx, lh_ice_project(ctx, &t, &type, leaf, 0, &out));
	return told(out);
}

static LhPred *
cmp(LhCmp op, LhValue v)
{
	LhPred *p;

	ASSERT_OK(ctx, lh_pred_cmp(ctx, 0, op, &v, &p));
	return p;
}

static void
projections_are_as_narrow_as_they_can_be(void **state)
{
	LhValue noon = ice_json(ctx, ICE_TS, "\"2017-11-16T12:00:00\"");
	LhPred *p;
	LhValue v;

	(void) state;
	/* known results of the Java project: less than the first tick of a day is the day before */
	assert_string_equal(projected("day", ICE_TS, cmp(LH_LT, noon)), "x <= '2017-11-16'");
	assert_string_equal(projected("day", ICE_TS,
								  cmp(LH_LT, ice_json(ctx, ICE_TS, "\"2017-11-16T00:00:00\""))),
						"x <= '2017-11-15'");
	assert_string_equal(projected("day", ICE_TS, cmp(LH_GT, noon)), "x >= '2017-11-16'");
	assert_string_equal(projected("day", ICE_TS, cmp(LH_EQ, noon)), "x = '2017-11-16'");
	assert_string_equal(projected("day", ICE_TS, cmp(LH_NE, noon)), "nothing");
	assert_string_equal(projected("bucket[16]", ICE_STRING, cmp(LH_EQ, ice_text("iceberg"))), "x IN (9)");
	assert_string_equal(projected("bucket[16]", ICE_STRING, cmp(LH_LT, ice_text("iceberg"))), "nothing");
	assert_string_equal(projected("truncate[10]", ICE_INT, cmp(LH_GT, ice_int(ICE_INT, 99))), "x >= 100");
	assert_string_equal(projected("truncate[10]", ICE_INT, cmp(LH_GE, ice_int(ICE_LONG, 99))), "x >= 90");
	assert_string_equal(projected("truncate[10]", ICE_INT, cmp(LH_GT, ice_int(ICE_LONG, INT64_MAX))), "false");
	/* a constant of another type is one of the source's first */
	assert_string_equal(projected("truncate[10]", ICE_INT,
								  cmp(LH_GT, ice_json(ctx, ICE_DEC_9_2, "\"99.50\""))), "x >= 100");
	v = ice_text("icebergs");
	ASSERT_OK(ctx, lh_pred_leaf(ctx, LH_P_PREFIX, 0, &v, &p));
	assert_string_equal(projected("truncate[3]", ICE_STRING, p), "x = 'ice'");
	v = ice_text("ic%");
	ASSERT_OK(ctx, lh_pred_leaf(ctx, LH_P_LIKE, 0, &v, &p));
	assert_non_null(strstr(projected("truncate[3]", ICE_STRING, p), "ic"));
	v = noon;
	ASSERT_OK(ctx, lh_pred_leaf(ctx, LH_P_IS_NULL, 0, &v, &p));
	assert_string_equal(projected("bucket[3]", ICE_TS, p), "x IS NULL");
	assert_string_equal(projected("void", ICE_TS, p), "nothing");
	/* a date says nothing of moments in UTC: that depends on the zone */
	assert_string_equal(projected("day", ICE_TSTZ, cmp(LH_EQ, ice_int(ICE_DATE, 3))), "nothing");
}

/*
 * Before 1970, as writers of old had it
 */

/* Whole years, months, days or hours between 1970 and v, rounded towards zero. */
static LhValue
towards_zero(const LhIceTransform *t, LhValue v)
{
	LhValue part = written_value(t, v), back, before;

	if (part.null || part.i64 >= 0 || t->kind == LH_ICE_IDENTITY ||
		(t->kind == LH_ICE_DAY && v.type.id == LH_T_DATE))
		return part;
	/* what begins a unit is not rounded: the tick before it has another value */
	back = v;
	back.i64--;
	before = written_value(t, back);
	if (before.i64 == part.i64)
		part.i64++;
	return part;
}

static LhValue
old_moment(IceRandom *r, const LhIceTransform *t, const LhType *type)
{
	int64_t day = type->id == LH_T_DATE ? 1 : type->unit == LH_UNIT_NS ? INT64_C(86400000000000)
																		: INT64_C(86400000000);
	/* first days of years and months around 1970, and of any */
	static const int days[] = {-365, -334, -31, -1, 0, 31, 365, -730, -30, 1};
	int64_t d = ice_below(r, 3) > 0 ? days[ice_below(r, 10)] : ice_below(r, 1200) - 900;
	int64_t v = d * day;

	if (t->kind == LH_ICE_HOUR)
		v = (ice_below(r, 9) - 6) * (day / 24);
	if (type->id != LH_T_DATE)
		v += ice_below(r, 3) == 0 ? ice_below(r, 1000) * (day / 24000) : ice_below(r, 3) - 1;
	return ice_int(*type, v);
}

static void
moments_before_1970_may_have_been_rounded_towards_zero(void **state)
{
	static const Case old[] = {
		{"year", &ICE_DATE},  {"year", &ICE_TS},     {"year", &ICE_TS_NS}, {"month", &ICE_DATE},
		{"month", &ICE_TSTZ}, {"month", &ICE_TS_NS}, {"day", &ICE_TS},     {"day", &ICE_TS_NS},
		{"day", &ICE_DATE},   {"hour", &ICE_TS},     {"hour", &ICE_TS_NS},
	};
	IceRandom r = {3};
	LhArena *outer = ctx->arena;

	(void) state;
	for (size_t c = 0; c < sizeof(old) / sizeof(old[0]); c++)
	{
		LhArena *arena = lh_arena_child(outer);
		int differs = 0, refused = 0;
		int passed[9] = {0};

		for (int i = 0; i < 9000; i++)
		{
			LhIceTransform t;
			LhPred *leaf, *projected = NULL;
			LhValue v, w[3];
			int form = i % 9;

			lh_use(ctx, arena);
			t = transform(old[c].transform);
			for (int k = 0; k < 3; k++)
				w[k] = old_moment(&r, &t, old[c].type);
			if (form < 6)
				ASSERT_OK(ctx, lh_pred_cmp(ctx, 0, (LhCmp) form, &w[0], &leaf));
			else if (form < 8)
				ASSERT_OK(ctx, lh_pred_in(ctx, 0, form == 7, w, 3, false, &leaf));
			else
				ASSERT_OK(ctx, lh_pred_leaf(ctx, LH_P_NOT_DISTINCT, 0, &w[0], &leaf));
			ASSERT_OK(ctx, lh_ice_project(ctx, &t, old[c].type, leaf, 0, &projected));
			for (int k = 0; k < 20; k++)
			{
				LhValue written[2];
				LhBounds b;

				v = k < 3 ? w[k] : old_moment(&r, &t, old[c].type);
				written[0] = written_value(&t, v);
				written[1] = towards_zero(&t, v);
				differs += written[0].i64 != written[1].i64;
				for (int how = 0; how < 2; how++)
				{
					bool may = projected == NULL || lh_pred_reference(projected, &written[how]);

					refused += !may;
					passed[form] += lh_pred_reference(leaf, &v);
					if (lh_pred_reference(leaf, &v) && !may)
						fail_msg("%s: %s became %s, which is false of %s for %s", t.text, told(leaf),
								 told(projected), ice_written(ctx, &written[how]),
								 ice_written(ctx, &v));
					ASSERT_OK(ctx, lh_ice_transform_range(ctx, &t, old[c].type, &written[how], &b));
					assert_true(b.known && b.has_min && b.has_max);
					if (lh_value_compare(&b.min, &v) > 0 || lh_value_compare(&b.max, &v) < 0)
						fail_msg("%s: %s lies outside of partition %s", t.text,
								 ice_written(ctx, &v), ice_written(ctx, &written[how]));
				}
			}
			lh_arena_reset(arena);
		}
		lh_use(ctx, outer);
		lh_arena_destroy(arena);
		for (int form = 0; form < 9; form++)
			assert_true(passed[form] > 0);
		assert_true(refused > 10000);
		if (old[c].type == &ICE_DATE && strcmp(old[c].transform, "day") == 0)
			assert_int_equal(differs, 0);
		else
			assert_true(differs > 1000);
	}
}

/* Not wider than they must be. */
static void
projections_before_1970_look_one_further(void **state)
{
	LhValue day = ice_int(ICE_TS, INT64_C(-86400000000)), later = ice_int(ICE_TS, 1);
	LhValue both[2] = {day, later};
	LhPred *p;

	(void) state;
	assert_string_equal(projected("day", ICE_TS, cmp(LH_LT, day)), "x <= '1969-12-31'");
	assert_string_equal(projected("day", ICE_TS, cmp(LH_LE, day)), "x <= '1970-01-01'");
	assert_string_equal(projected("day", ICE_TS, cmp(LH_GT, day)), "x >= '1969-12-31'");
	assert_string_equal(projected("day", ICE_TS, cmp(LH_GE, day)), "x >= '1969-12-31'");
	assert_string_equal(projected("day", ICE_TS, cmp(LH_NE, day)), "nothing");
	assert_string_equal(projected("day", ICE_TS, cmp(LH_EQ, later)), "x = '1970-01-01'");
	assert_string_equal(projected("year", ICE_DATE, cmp(LH_LT, ice_int(ICE_DATE, 0))), "x <= 0");
	assert_string_equal(projected("year", ICE_DATE, cmp(LH_LT, ice_int(ICE_DATE, 1))), "x <= 0");
	assert_string_equal(projected("day", ICE_DATE, cmp(LH_EQ, ice_int(ICE_DATE, -3))),
						"x = '1969-12-29'");
	ASSERT_OK(ctx, lh_pred_in(ctx, 0, false, both, 2, false, &p));
	assert_string_equal(projected("hour", ICE_TS, p), "x IN (-24, -23, 0)");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names_are_read),
		TEST(hashes_of_the_specification),
		TEST(truncation_as_the_specification_has_it),
		TEST(strings_are_cut_by_code_points_and_binary_by_bytes),
		TEST(times_are_floored_also_below_zero),
		TEST(buckets_are_of_the_positive_hash),
		TEST(null_stays_null_and_void_is_null),
		TEST(projections_are_inclusive),
		TEST(ranges_hold_their_values),
		TEST(projections_are_as_narrow_as_they_can_be),
		TEST(moments_before_1970_may_have_been_rounded_towards_zero),
		TEST(projections_before_1970_look_one_further),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
