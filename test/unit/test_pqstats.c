/*
 * test_pqstats.c
 *		Statistics: each rule of reference 6.3(8), with what a careless reader would prune.
 */
#include "unit/pq_file.h"

#include <math.h>

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

#define ROWS 10

/* What one column of ROWS rows with these statistics is worth. */
static LhBounds
bounds_of(PqEl el, PqCol col, int order)
{
	PqEl els[] = {PQ_ROOT(1), el};
	PqGroup group = {ROWS, 1, &col};
	PqFooter f = {.els = els,
				  .nels = 2,
				  .groups = &group,
				  .ngroups = 1,
				  .rows = ROWS,
				  .orders = order >= 0 ? &order : NULL,
				  .norders = 1};
	uint8_t body[200] = {0};
	LhPqFile *file;
	LhBounds b;

	if (col.values == 0)
		col.values = ROWS;
	col.type = el.type;
	col.data = 4;
	col.stats = true;
	ASSERT_OK(ctx, pq_open_footer(ctx, &f, body, sizeof(body), &file));
	ASSERT_OK(ctx, lh_pq_bounds(ctx, file, 0, 0, &b));
	return b;
}

#define NO_ORDER    (-1)
#define TYPE_ORDER  1
#define IEEE_ORDER  2
#define INT96_ORDER 3

#define MINMAX(lo, hi, n) .min_value = (lo), .max_value = (hi), .len = (n)
#define LEGACY(lo, hi, n) .min = (lo), .max = (hi), .len = (n)

#define ASSERT_NOTHING(b)                             \
	do                                                \
	{                                                 \
		assert_false((b).known);                      \
		assert_false((b).has_min);                    \
		assert_false((b).has_max);                    \
		assert_false((b).min_exact || (b).max_exact); \
	} while (0)

static const PqEl int32_el = PQ_LEAF("c", PQ_OPT, 1);
static const PqEl string_el = PQ_LEAF_AS("c", PQ_OPT, 6, LH_PQ_CONV_UTF8);
static const PqEl double_el = PQ_LEAF("c", PQ_OPT, 5);

static const char *
d(double v)
{
	static char buf[4][8];
	static int turn;

	return memcpy(buf[turn++ % 4], &v, 8);
}

static void
min_and_max_in_a_known_order(void **state)
{
	LhBounds b =
		bounds_of(int32_el, (PqCol){MINMAX("\xfe\xff\xff\xff", "\x07\0\0\0", 4)}, TYPE_ORDER);

	(void) state;
	assert_true(b.known && b.has_min && b.has_max);
	assert_int_equal(b.min.i64, -2);
	assert_int_equal(b.max.i64, 7);
	assert_int_equal(b.rows, ROWS);
	assert_int_equal(b.nulls, -1);
	assert_false(b.may_nan);
}

static void
no_order_no_bounds(void **state)
{
	const PqCol col = {MINMAX("\1\0\0\0", "\7\0\0\0", 4)};

	(void) state;
	ASSERT_NOTHING(bounds_of(int32_el, col, NO_ORDER));
	ASSERT_NOTHING(bounds_of(int32_el, col, 0));
	ASSERT_NOTHING(bounds_of(int32_el, col, 77));
	ASSERT_NOTHING(bounds_of(string_el, (PqCol){MINMAX("a", "b", 0)}, NO_ORDER));
}

static void
orders_that_do_not_match_the_columns_say_nothing(void **state)
{
	const PqEl els[] = {PQ_ROOT(1), int32_el};
	const PqCol col = {
		.type = 1, .values = ROWS, .data = 4, .stats = true, MINMAX("\1\0\0\0", "\7\0\0\0", 4)};
	const PqGroup group = {ROWS, 1, &col};
	const int orders[] = {1, 1};
	const PqFooter f = {.els = els,
						.nels = 2,
						.groups = &group,
						.ngroups = 1,
						.rows = ROWS,
						.orders = orders,
						.norders = 2};
	uint8_t body[200] = {0};
	LhPqFile *file;
	LhBounds b;

	(void) state;
	ASSERT_OK(ctx, pq_open_footer(ctx, &f, body, sizeof(body), &file));
	assert_false(file->meta->has_column_orders);
	ASSERT_OK(ctx, lh_pq_bounds(ctx, file, 0, 0, &b));
	ASSERT_NOTHING(b);
}

static void
deprecated_bounds_count_for_signed_numbers(void **state)
{
	const PqEl decimal = {"c", PQ_OPT, 2, -1, LH_PQ_CONV_DECIMAL, .precision = 10, .scale = 2};
	const PqCol four = {LEGACY("\1\0\0\0", "\7\0\0\0", 4)};
	const PqCol eight = {LEGACY("\1\0\0\0\0\0\0\0", "\7\0\0\0\0\0\0\0", 8)};

	(void) state;
	assert_true(bounds_of(int32_el, four, NO_ORDER).known);
	assert_true(bounds_of((PqEl) PQ_LEAF_AS("c", 1, 1, LH_PQ_CONV_DATE), four, NO_ORDER).known);
	assert_true(bounds_of(decimal, eight, NO_ORDER).known);
	assert_true(
		bounds_of((PqEl) PQ_LEAF("c", 1, 0), (PqCol){LEGACY("\0", "\1", 1)}, NO_ORDER).known);
	assert_true(bounds_of(double_el, (PqCol){LEGACY(d(1), d(2), 8)}, NO_ORDER).known);
	/* the new ones win, even with an order that forbids them for this type */
	assert_int_equal(
		bounds_of(int32_el,
				  (PqCol){.min = "\1\0\0\0", .max = "\2\0\0\0", MINMAX("\3\0\0\0", "\4\0\0\0", 4)},
				  TYPE_ORDER)
			.min.i64,
		3);
}

static void
deprecated_bounds_lie_for_everything_else(void **state)
{
	const PqEl fixed_decimal = {"c",         PQ_OPT,        7, -1, LH_PQ_CONV_DECIMAL,
								.length = 2, .precision = 4};
	const PqEl fixed = {"c", PQ_OPT, 7, -1, -1, .length = 2};
	const PqCol four = {LEGACY("\1\0\0\0", "\7\0\0\0", 4)};

	(void) state;
	ASSERT_NOTHING(bounds_of(string_el, (PqCol){LEGACY("a", "b", 0)}, TYPE_ORDER));
	ASSERT_NOTHING(bounds_of((PqEl) PQ_LEAF("c", 1, 6), (PqCol){LEGACY("a", "a", 0)}, NO_ORDER));
	ASSERT_NOTHING(bounds_of(fixed_decimal, (PqCol){LEGACY("\0\1", "\0\2", 2)}, TYPE_ORDER));
	ASSERT_NOTHING(bounds_of(fixed, (PqCol){LEGACY("\0\1", "\0\2", 2)}, TYPE_ORDER));
	ASSERT_NOTHING(bounds_of((PqEl) PQ_LEAF_AS("c", 1, 1, LH_PQ_CONV_UINT_32), four, TYPE_ORDER));
	ASSERT_NOTHING(bounds_of((PqEl) PQ_LEAF_AS("c", 1, 1, LH_PQ_CONV_UINT_8), four, TYPE_ORDER));
}

static void
types_without_an_order_have_no_bounds(void **state)
{
	const PqEl interval = {"c", PQ_OPT, 7, -1, LH_PQ_CONV_INTERVAL, .length = 12};
	const PqEl geometry = {"c", PQ_OPT, 6, -1, -1, .logical = LH_PQ_LOGICAL_GEOMETRY};
	const PqEl geography = {"c", PQ_OPT, 6, -1, -1, .logical = LH_PQ_LOGICAL_GEOGRAPHY};
	const PqEl null = {"c", PQ_OPT, 1, -1, -1, .logical = LH_PQ_LOGICAL_NULL};
	const PqEl wide = {"c", PQ_OPT, 7, -1, LH_PQ_CONV_DECIMAL, .length = 20, .precision = 45};
	const PqCol twelve = {MINMAX("aaaaaaaaaaaa", "bbbbbbbbbbbb", 12)};

	(void) state;
	ASSERT_NOTHING(bounds_of((PqEl) PQ_LEAF("c", 1, 3), twelve, TYPE_ORDER));
	ASSERT_NOTHING(bounds_of((PqEl) PQ_LEAF("c", 1, 3), twelve, INT96_ORDER));
	ASSERT_NOTHING(bounds_of(interval, twelve, TYPE_ORDER));
	ASSERT_NOTHING(bounds_of(geometry, twelve, TYPE_ORDER));
	ASSERT_NOTHING(bounds_of(geography, twelve, TYPE_ORDER));
	ASSERT_NOTHING(bounds_of(null, (PqCol){MINMAX("\1\0\0\0", "\2\0\0\0", 4)}, TYPE_ORDER));
	ASSERT_NOTHING(bounds_of(
		wide, (PqCol){MINMAX("aaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbbb", 20)}, TYPE_ORDER));
	/* an order for floats on something else */
	ASSERT_NOTHING(bounds_of(int32_el, (PqCol){MINMAX("\1\0\0\0", "\7\0\0\0", 4)}, IEEE_ORDER));
}

static void
unsigned_numbers_are_read_unsigned(void **state)
{
	const PqEl u32 = PQ_LEAF_AS("c", PQ_OPT, 1, LH_PQ_CONV_UINT_32);
	const PqEl u64 = PQ_LEAF_AS("c", PQ_OPT, 2, LH_PQ_CONV_UINT_64);
	LhBounds b = bounds_of(u32, (PqCol){MINMAX("\1\0\0\0", "\xff\xff\xff\xff", 4)}, TYPE_ORDER);

	(void) state;
	assert_int_equal(b.min.i64, 1);
	assert_true(b.max.i64 == UINT32_MAX);
	b = bounds_of(u64, (PqCol){MINMAX("\1\0\0\0\0\0\0\0", "\xff\xff\xff\xff\xff\xff\xff\xff", 8)},
				  TYPE_ORDER);
	assert_true(b.has_min && b.max.i128 == (LhI128) UINT64_MAX);
}

static void
values_outside_the_annotated_width_are_no_bounds(void **state)
{
	const PqCol col = {MINMAX("\1\0\0\0", "\0\1\0\0", 4)}; /* 1, 256 */
	LhBounds b = bounds_of((PqEl) PQ_LEAF_AS("c", 1, 1, LH_PQ_CONV_UINT_8), col, TYPE_ORDER);

	(void) state;
	assert_true(b.has_min && !b.has_max);
	b = bounds_of((PqEl) PQ_LEAF_AS("c", 1, 1, LH_PQ_CONV_INT_8), col, TYPE_ORDER);
	assert_true(b.has_min && !b.has_max);
}

static void
bounds_of_another_width_are_ignored(void **state)
{
	const PqEl fixed_decimal = {"c",         PQ_OPT,        7, -1, LH_PQ_CONV_DECIMAL,
								.length = 4, .precision = 9};

	(void) state;
	ASSERT_NOTHING(bounds_of(int32_el, (PqCol){MINMAX("\1\0\0", "\7\0\0", 3)}, TYPE_ORDER));
	ASSERT_NOTHING(bounds_of(int32_el, (PqCol){MINMAX("\1\0\0\0\0\0\0\0", "\7\0\0\0\0\0\0\0", 8)},
							 TYPE_ORDER));
	ASSERT_NOTHING(bounds_of(double_el, (PqCol){MINMAX("\1\0\0\0", "\7\0\0\0", 4)}, TYPE_ORDER));
	assert_false(
		bounds_of((PqEl) PQ_LEAF("c", 1, 0), (PqCol){MINMAX("\0", "\2", 1)}, TYPE_ORDER).has_max);
	/* half a decimal is another number */
	ASSERT_NOTHING(bounds_of(fixed_decimal, (PqCol){MINMAX("\0\1", "\0\2", 2)}, TYPE_ORDER));
	assert_true(
		bounds_of(fixed_decimal, (PqCol){MINMAX("\0\0\0\1", "\0\0\0\2", 4)}, TYPE_ORDER).known);
}

static void
decimals_of_every_storage(void **state)
{
	const PqEl fixed = {"c", PQ_OPT, 7, -1, LH_PQ_CONV_DECIMAL, .length = 3, .precision = 5};
	const PqEl fixed16 = {"c", PQ_OPT, 7, -1, LH_PQ_CONV_DECIMAL, .length = 16, .precision = 38};
	const PqEl bytes = {"c", PQ_OPT, 6, -1, LH_PQ_CONV_DECIMAL, .precision = 30};
	LhBounds b = bounds_of(fixed, (PqCol){MINMAX("\xff\xff\xfe", "\0\1\0", 3)}, TYPE_ORDER);

	(void) state;
	assert_int_equal(b.min.i64, -2);
	assert_int_equal(b.max.i64, 256);
	b = bounds_of(fixed16,
				  (PqCol){MINMAX("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfd",
								 "\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16)},
				  TYPE_ORDER);
	assert_true(b.min.i128 == -3);
	assert_true(b.max.i128 == (LhI128) 1 << 120);
	b = bounds_of(bytes, (PqCol){MINMAX("\xfe", "\x7f", 1)}, TYPE_ORDER);
	assert_true(b.min.i128 == -2 && b.max.i128 == 127);
	/* more than 128 bits, and nothing at all */
	b = bounds_of(bytes, (PqCol){MINMAX("\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", NULL, 17)},
				  TYPE_ORDER);
	ASSERT_NOTHING(b);
	/* one that was cut says so */
	b = bounds_of(bytes, (PqCol){MINMAX("\1", "\2", 1), .max_exact = 2}, TYPE_ORDER);
	assert_true(b.has_min && !b.has_max);
}

static void
truncated_fixed_binary_stays_a_bound(void **state)
{
	const PqEl fixed = {"c", PQ_OPT, 7, -1, -1, .length = 5};
	LhBounds b = bounds_of(fixed, (PqCol){MINMAX("ab", "ac", 2), .min_exact = 2, .max_exact = 2},
						   TYPE_ORDER);

	(void) state;
	assert_true(b.has_min && b.has_max);
	assert_int_equal(b.min.str.len, 5);
	assert_memory_equal(b.min.str.ptr, "ab\0\0\0", 5);
	assert_memory_equal(b.max.str.ptr, "ac\0\0\0", 5);
	assert_false(b.min_exact || b.max_exact);
	ASSERT_NOTHING(bounds_of(fixed, (PqCol){MINMAX("abcdef", "bcdefg", 6)}, TYPE_ORDER));
}

static void
nan_in_a_bound_spoils_both(void **state)
{
	LhBounds b;

	(void) state;
	ASSERT_NOTHING(bounds_of(double_el, (PqCol){MINMAX(d(NAN), d(2), 8)}, TYPE_ORDER));
	ASSERT_NOTHING(bounds_of(double_el, (PqCol){MINMAX(d(1), d(NAN), 8)}, TYPE_ORDER));
	ASSERT_NOTHING(bounds_of(double_el, (PqCol){MINMAX(d(NAN), NULL, 8)}, TYPE_ORDER));
	ASSERT_NOTHING(bounds_of(double_el, (PqCol){MINMAX(NULL, d(NAN), 8)}, TYPE_ORDER));
	ASSERT_NOTHING(bounds_of(double_el, (PqCol){MINMAX(d(-NAN), d(NAN), 8)}, IEEE_ORDER));
	ASSERT_NOTHING(bounds_of(double_el, (PqCol){LEGACY(d(1), d(NAN), 8)}, NO_ORDER));
	/* infinities are values */
	b = bounds_of(double_el, (PqCol){MINMAX(d(-INFINITY), d(INFINITY), 8)}, TYPE_ORDER);
	assert_true(b.has_min && isinf(b.min.f64) && b.has_max && isinf(b.max.f64));
}

static void
without_a_nan_count_there_may_be_nans(void **state)
{
	const PqCol unknown = {MINMAX(d(1), d(2), 8)}, none = {MINMAX(d(1), d(2), 8), .nans = 1 + 0},
				some = {MINMAX(d(1), d(2), 8), .nans = 1 + 3},
				negative = {MINMAX(d(1), d(2), 8), .nans = 1 - 5},
				too_many = {MINMAX(d(1), d(2), 8), .nans = 1 + 11};

	(void) state;
	assert_true(bounds_of(double_el, unknown, TYPE_ORDER).may_nan);
	assert_false(bounds_of(double_el, none, TYPE_ORDER).may_nan);
	assert_true(bounds_of(double_el, some, TYPE_ORDER).may_nan);
	assert_true(bounds_of(double_el, negative, TYPE_ORDER).may_nan);
	assert_true(bounds_of(double_el, too_many, TYPE_ORDER).may_nan);
	assert_true(bounds_of(double_el, unknown, IEEE_ORDER).may_nan);
	assert_false(
		bounds_of(int32_el, (PqCol){MINMAX("\1\0\0\0", "\2\0\0\0", 4)}, TYPE_ORDER).may_nan);
}

static void
zeros_are_widened_and_never_exact(void **state)
{
	LhBounds b = bounds_of(
		double_el, (PqCol){MINMAX(d(0.0), d(-0.0), 8), .min_exact = 1, .max_exact = 1}, TYPE_ORDER);

	(void) state;
	assert_true(b.has_min && signbit(b.min.f64));
	assert_true(b.has_max && !signbit(b.max.f64));
	assert_false(b.min_exact || b.max_exact);
	b = bounds_of(double_el, (PqCol){MINMAX(d(1), d(2), 8), .min_exact = 1, .max_exact = 1},
				  TYPE_ORDER);
	assert_true(b.min_exact && b.max_exact);
}

static void
halves_are_read(void **state)
{
	const PqEl half = {"c", PQ_OPT, 7, -1, -1, .logical = LH_PQ_LOGICAL_FLOAT16, .length = 2};
	const struct
	{
		const char *bytes;
		double value;
	} cases[] = {{"\x00\x3c", 1},
				 {"\x00\xc0", -2},
				 {"\xff\x7b", 65504},
				 {"\x01\x00", 0x1p-24},
				 {"\x00\x04", 0x1p-14},
				 {"\x00\x7c", INFINITY},
				 {"\xff\x03", 1023 * 0x1p-24}};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		LhBounds b = bounds_of(half, (PqCol){MINMAX(cases[i].bytes, NULL, 2)}, TYPE_ORDER);

		assert_true(b.has_min && !b.has_max);
		assert_true(b.min.f64 == cases[i].value);
	}
	ASSERT_NOTHING(bounds_of(half, (PqCol){MINMAX("\x01\x7e", "\0\x3c", 2)}, TYPE_ORDER));
	assert_true(bounds_of(half, (PqCol){MINMAX("\0\x3c", "\0\x40", 2)}, IEEE_ORDER).known);
	/* deprecated bounds of halves were compared as bytes */
	ASSERT_NOTHING(bounds_of(half, (PqCol){LEGACY("\0\x3c", "\0\x40", 2)}, TYPE_ORDER));
}

static void
bounds_that_contradict_each_other_are_ignored(void **state)
{
	(void) state;
	ASSERT_NOTHING(bounds_of(int32_el, (PqCol){MINMAX("\7\0\0\0", "\1\0\0\0", 4)}, TYPE_ORDER));
	ASSERT_NOTHING(bounds_of(string_el, (PqCol){MINMAX("b", "a", 0)}, TYPE_ORDER));
}

static void
one_bound_may_stand_alone(void **state)
{
	LhBounds b = bounds_of(int32_el, (PqCol){MINMAX("\7\0\0\0", NULL, 4)}, TYPE_ORDER);

	(void) state;
	assert_true(b.known && b.has_min && !b.has_max);
	b = bounds_of(string_el, (PqCol){MINMAX(NULL, "z", 0)}, TYPE_ORDER);
	assert_true(b.known && !b.has_min && b.has_max);
}

static void
text_is_exact_only_when_the_file_says_so(void **state)
{
	LhBounds b = bounds_of(string_el, (PqCol){MINMAX("a", "b", 0)}, TYPE_ORDER);

	(void) state;
	assert_false(b.min_exact || b.max_exact);
	b = bounds_of(string_el, (PqCol){MINMAX("a", "b", 0), .min_exact = 1, .max_exact = 2},
				  TYPE_ORDER);
	assert_true(b.min_exact && !b.max_exact);
	/* numbers are exact unless the file denies it */
	b = bounds_of(int32_el, (PqCol){MINMAX("\1\0\0\0", "\2\0\0\0", 4)}, TYPE_ORDER);
	assert_true(b.min_exact && b.max_exact);
	b = bounds_of(int32_el, (PqCol){MINMAX("\1\0\0\0", "\2\0\0\0", 4), .max_exact = 2}, TYPE_ORDER);
	assert_true(b.min_exact && !b.max_exact && b.has_max);
	b = bounds_of(double_el, (PqCol){MINMAX(d(1), d(2), 8)}, TYPE_ORDER);
	assert_false(b.min_exact || b.max_exact);
}

static void
a_missing_null_count_is_not_zero(void **state)
{
	const PqEl required = PQ_LEAF("c", PQ_REQ, 1);

	(void) state;
	assert_int_equal(bounds_of(int32_el, (PqCol){0}, TYPE_ORDER).nulls, -1);
	assert_int_equal(bounds_of(int32_el, (PqCol){.nulls = 1 + 0}, TYPE_ORDER).nulls, 0);
	assert_int_equal(bounds_of(int32_el, (PqCol){.nulls = 1 + 10}, TYPE_ORDER).nulls, 10);
	assert_int_equal(bounds_of(int32_el, (PqCol){.nulls = 1 + 11}, TYPE_ORDER).nulls, -1);
	assert_int_equal(bounds_of(int32_el, (PqCol){.nulls = 1 - 3}, TYPE_ORDER).nulls, -1);
	/* a column without definition levels cannot hold any */
	assert_int_equal(bounds_of(required, (PqCol){0}, TYPE_ORDER).nulls, 0);
	assert_int_equal(bounds_of(required, (PqCol){.nulls = 1 + 3}, TYPE_ORDER).nulls, 0);
}

static void
lists_have_bounds_but_no_rows(void **state)
{
	const PqEl list = PQ_LEAF("c", PQ_REP, 1);
	LhBounds b = bounds_of(
		list, (PqCol){.values = 25, MINMAX("\1\0\0\0", "\2\0\0\0", 4), .nulls = 1 + 4}, TYPE_ORDER);

	(void) state;
	assert_true(b.has_min && b.has_max);
	assert_int_equal(b.min.type.id, LH_T_INT32);
	assert_int_equal(b.rows, -1);
	assert_int_equal(b.nulls, -1);
}

static void
a_chunk_with_another_number_of_values_than_rows_proves_nothing(void **state)
{
	LhBounds b =
		bounds_of(int32_el, (PqCol){.values = 9, MINMAX("\1\0\0\0", "\2\0\0\0", 4), .nulls = 1 + 0},
				  TYPE_ORDER);

	(void) state;
	ASSERT_NOTHING(b);
	assert_int_equal(b.rows, ROWS);
	assert_int_equal(b.nulls, -1);
}

static void
encrypted_chunks_prove_nothing(void **state)
{
	LhBounds b = bounds_of(
		int32_el, (PqCol){MINMAX("\1\0\0\0", "\2\0\0\0", 4), .encrypted = true, .nulls = 1 + 0},
		TYPE_ORDER);

	(void) state;
	ASSERT_NOTHING(b);
	assert_int_equal(b.nulls, -1);
}

static void
what_the_file_says_is_kept_for_description(void **state)
{
	const PqEl els[] = {PQ_ROOT(1), string_el};
	const PqCol col = {.type = 6,
					   .values = ROWS,
					   .data = 4,
					   .stats = true,
					   LEGACY("a", "b", 0),
					   .nulls = 1 + 2,
					   .nans = 1 + 11};
	const PqGroup group = {ROWS, 1, &col};
	const PqFooter f = {.els = els, .nels = 2, .groups = &group, .ngroups = 1, .rows = ROWS};
	uint8_t body[200] = {0};
	LhPqFile *file;
	const LhPqChunk *c;

	(void) state;
	ASSERT_OK(ctx, pq_open_footer(ctx, &f, body, sizeof(body), &file));
	ASSERT_OK(ctx, lh_pq_chunk(ctx, file, 0, 0, &c));
	assert_true(c->stats.present);
	assert_false(c->stats.has_min || c->stats.has_max);
	assert_memory_equal(c->stats.raw_min.data, "a", 1);
	assert_memory_equal(c->stats.raw_max.data, "b", 1);
	assert_int_equal(c->stats.nulls, 2);
	assert_int_equal(c->stats.distinct, -1);
	assert_int_equal(c->stats.nans, -1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(min_and_max_in_a_known_order),
		T(no_order_no_bounds),
		T(orders_that_do_not_match_the_columns_say_nothing),
		T(deprecated_bounds_count_for_signed_numbers),
		T(deprecated_bounds_lie_for_everything_else),
		T(types_without_an_order_have_no_bounds),
		T(unsigned_numbers_are_read_unsigned),
		T(values_outside_the_annotated_width_are_no_bounds),
		T(bounds_of_another_width_are_ignored),
		T(decimals_of_every_storage),
		T(truncated_fixed_binary_stays_a_bound),
		T(nan_in_a_bound_spoils_both),
		T(without_a_nan_count_there_may_be_nans),
		T(zeros_are_widened_and_never_exact),
		T(halves_are_read),
		T(bounds_that_contradict_each_other_are_ignored),
		T(one_bound_may_stand_alone),
		T(text_is_exact_only_when_the_file_says_so),
		T(a_missing_null_count_is_not_zero),
		T(lists_have_bounds_but_no_rows),
		T(a_chunk_with_another_number_of_values_than_rows_proves_nothing),
		T(encrypted_chunks_prove_nothing),
		T(what_the_file_says_is_kept_for_description),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
