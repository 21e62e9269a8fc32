/*
 * test_client_units.c
 *		Units of a snapshot: their numbers, their turns, and how much is held.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/units.h"

#define MEMORY ((size_t) 1 << 20)

static int
setup(void **state)
{
	*state = lh_ctx_create();
	return 0;
}

static int
teardown(void **state)
{
	lh_ctx_destroy(*state);
	return 0;
}

static LhUnits *
make(LhCtx *ctx, int workers, uint32_t n, const uint64_t *blocks)
{
	LhUnits *u;

	assert_int_equal(lh_units_create(ctx, 10, n, blocks, workers, MEMORY, &u), LH_OK);
	lh_units_begin(u, 1);
	return u;
}

static void
hold(LhCtx *ctx, LhUnits *u, int worker, size_t n, char c)
{
	char *rows = malloc(n > 0 ? n : 1);

	memset(rows, c, n);
	assert_int_equal(lh_units_hold(ctx, u, worker, lh_slice(rows, n)), LH_OK);
	free(rows);
}

static void
range(LhUnits *u, uint64_t unit, uint32_t table, uint64_t from, uint64_t to)
{
	uint32_t t;
	uint64_t f, e;

	lh_units_range(u, unit, &t, &f, &e);
	assert_int_equal(t, table);
	assert_true(f == from && e == to);
}

static void
numbers(void **state)
{
	LhUnits *u = make(*state, 2, 5, (uint64_t[]){25, 0, 10, 11, UINT64_C(1) << 32});

	assert_true(lh_units_total(u) == 3 + 1 + 1 + 2 + ((UINT64_C(1) << 32) + 9) / 10);
	range(u, 1, 0, 0, 10);
	range(u, 2, 0, 10, 20);
	range(u, 3, 0, 20, LH_UNITS_OPEN);
	range(u, 4, 1, 0, LH_UNITS_OPEN);
	range(u, 5, 2, 0, LH_UNITS_OPEN);
	range(u, 6, 3, 0, 10);
	range(u, 7, 3, 10, LH_UNITS_OPEN);
	range(u, 8, 4, 0, 10);
	range(u, lh_units_total(u), 4, (lh_units_total(u) - 8) * 10, LH_UNITS_OPEN);
	assert_true(lh_units_table(u, 3)->first == 6 && lh_units_table(u, 3)->units == 2);
	assert_true(lh_units_blocks_before(u, 1) == 0);
	assert_true(lh_units_blocks_before(u, 3) == 20);
	assert_true(lh_units_blocks_before(u, 4) == 25);
	assert_true(lh_units_blocks_before(u, 7) == 25 + 10 + 10);
}

static void
none_at_all(void **state)
{
	LhUnits *u = make(*state, 2, 0, NULL);

	assert_true(lh_units_total(u) == 0);
	assert_true(lh_units_take(u, 0) == 0);
	assert_true(lh_units_turn(u) > lh_units_total(u));
}

static void
in_turn(void **state)
{
	LhCtx *ctx = *state;
	LhUnits *u = make(ctx, 2, 1, (uint64_t[]){40});
	LhSlice rows;

	assert_true(lh_units_take(u, 1) == 1);
	assert_true(lh_units_take(u, 1) == 0);
	assert_true(lh_units_take(u, 0) == 2);
	hold(ctx, u, 0, 3, 'b');
	hold(ctx, u, 0, 0, 'b');
	lh_units_read(u, 0);
	assert_false(lh_units_finish(u)); /* the first is not read */
	assert_false(lh_units_next_held(u, &rows));
	lh_units_read(u, 1);
	assert_true(lh_units_finish(u));
	assert_true(lh_units_turn(u) == 2);
	assert_false(lh_units_finish(u)); /* its rows are still held */
	assert_true(lh_units_next_held(u, &rows));
	assert_true(rows.len == 3 && memcmp(rows.data, "bbb", 3) == 0);
	assert_true(lh_units_next_held(u, &rows));
	assert_true(rows.len == 0);
	assert_false(lh_units_next_held(u, &rows));
	assert_true(lh_units_finish(u));
	assert_true(lh_units_held(u, 0) == 0);
	assert_true(lh_units_take(u, 0) == 3 && lh_units_take(u, 1) == 4);
}

static void
memory_is_bounded(void **state)
{
	LhCtx *ctx = *state;
	LhUnits *u = make(ctx, 2, 1, (uint64_t[]){1000});
	LhSlice rows;
	size_t n = 0;

	assert_true(lh_units_take(u, 0) == 1 && lh_units_take(u, 1) == 2);
	while (lh_units_may_read(u, 1))
	{
		hold(ctx, u, 1, 1000, 'x');
		n++;
		assert_true(lh_units_held(u, 1) < MEMORY + ((size_t) 512 << 10));
	}
	assert_true(n > MEMORY / 2 / 1000);
	/* nor does it take another */
	lh_units_read(u, 1);
	assert_true(lh_units_take(u, 1) == 0);
	/* whose turn it is knows no limit */
	for (int i = 0; i < 3000; i++)
		hold(ctx, u, 0, 1000, 'y');
	assert_true(lh_units_may_read(u, 0));
	while (lh_units_next_held(u, &rows))
		assert_true(rows.len == 1000 && rows.data[0] == 'y');
	assert_true(lh_units_held(u, 0) == 0);
	lh_units_read(u, 0);
	assert_true(lh_units_finish(u));
	while (lh_units_next_held(u, &rows))
		n--;
	assert_true(n == 0 && lh_units_held(u, 1) == 0);
	assert_true(lh_units_finish(u));
	assert_true(lh_units_take(u, 1) == 3);
	/* a row that is larger than all is held alone */
	assert_true(lh_units_take(u, 0) == 4);
	hold(ctx, u, 0, 2 * MEMORY, 'z');
	assert_false(lh_units_may_read(u, 0));
}

static void
not_too_far_ahead(void **state)
{
	LhUnits *u = make(*state, 2, 1, (uint64_t[]){10000});

	assert_true(lh_units_take(u, 0) == 1);
	for (uint64_t unit = 2; unit <= 2 * LH_UNITS_AHEAD; unit++)
	{
		assert_true(lh_units_take(u, 1) == unit);
		lh_units_read(u, 1);
	}
	assert_true(lh_units_take(u, 1) == 0);
	lh_units_read(u, 0);
	assert_true(lh_units_finish(u));
	assert_true(lh_units_take(u, 1) == 2 * LH_UNITS_AHEAD + 1);
}

static void
what_is_lost_is_read_again(void **state)
{
	LhCtx *ctx = *state;
	LhUnits *u = make(ctx, 2, 1, (uint64_t[]){1000});
	LhSlice rows;

	assert_true(lh_units_take(u, 0) == 1 && lh_units_take(u, 1) == 2);
	lh_units_lost(u, 1);
	lh_units_lost(u, 1); /* idle: nothing happens */
	assert_true(lh_units_take(u, 1) == 2);
	hold(ctx, u, 1, 10, 'a');
	lh_units_read(u, 1);
	assert_true(lh_units_take(u, 1) == 3);
	hold(ctx, u, 1, 10, 'b');
	lh_units_lost(u, 1);
	/* what was read whole stays */
	assert_true(lh_units_take(u, 1) == 3);
	lh_units_read(u, 0);
	assert_true(lh_units_finish(u));
	assert_true(lh_units_next_held(u, &rows) && rows.data[0] == 'a');
	assert_false(lh_units_next_held(u, &rows));
	assert_true(lh_units_finish(u));
	assert_false(lh_units_next_held(u, &rows));
}

static void
reserved_tables_are_for_one(void **state)
{
	LhCtx *ctx = *state;
	LhUnits *u = make(ctx, 2, 3, (uint64_t[]){10, 10, 10});

	assert_true(lh_units_take(u, 1) == 1 && lh_units_take(u, 0) == 2);
	while (lh_units_may_read(u, 0))
		hold(ctx, u, 0, 1000, 'x');
	lh_units_lost(u, 1);
	lh_units_reserve(u, 0);
	assert_true(lh_units_take(u, 1) == 3);
	/* over its limit, as nobody else can take the unit whose turn it is */
	assert_true(lh_units_may_read(u, 0));
	lh_units_read(u, 0);
	assert_true(lh_units_take(u, 0) == 1);
	lh_units_read(u, 0);
	assert_true(lh_units_finish(u));
}

/* The place of a unit that nobody may take is not given to another. */
static void
not_too_far_ahead_of_a_reserved_one(void **state)
{
	LhUnits *u = make(*state, 2, 2, (uint64_t[]){10, 10000});

	lh_units_reserve(u, 0);
	for (uint64_t unit = 2; unit <= 2 * LH_UNITS_AHEAD; unit++)
	{
		assert_true(lh_units_take(u, 1) == unit);
		lh_units_read(u, 1);
	}
	assert_true(lh_units_take(u, 1) == 0);
	assert_true(lh_units_take(u, 0) == 1);
}

static void
begun_anew(void **state)
{
	LhCtx *ctx = *state;
	LhUnits *u = make(ctx, 2, 1, (uint64_t[]){1000});
	LhSlice rows;

	assert_true(lh_units_take(u, 0) == 1 && lh_units_take(u, 1) == 2);
	hold(ctx, u, 1, 10, 'a');
	lh_units_begin(u, 2);
	assert_true(lh_units_held(u, 1) == 0 && lh_units_reading(u, 1) == 0);
	assert_true(lh_units_turn(u) == 2);
	assert_false(lh_units_next_held(u, &rows));
	assert_true(lh_units_take(u, 0) == 2);
}

/* Workers of any speed, losses, reserved tables: each unit whole, once, in order. */
static void
any_course(void **state)
{
	LhCtx *ctx = *state;
	unsigned seed = 7;

	for (int round = 0; round < 200; round++)
	{
		enum
		{
			WORKERS = 4
		};
		uint64_t blocks[6], left[WORKERS] = {0}, delivered = 0, rows_of_turn = 0, steps = 0;
		LhUnits *u;

		for (int i = 0; i < 6; i++)
			blocks[i] = (uint64_t) rand_r(&seed) % 120;
		assert_int_equal(lh_units_create(ctx, 10, 6, blocks, WORKERS, 65536, &u), LH_OK);
		lh_units_begin(u, 1);
		while (lh_units_turn(u) <= lh_units_total(u))
		{
			int w = rand_r(&seed) % WORKERS;
			uint64_t unit = lh_units_reading(u, w);
			LhSlice rows;

			assert_true(steps++ < 1000000); /* nobody waits for ever */
			if (unit == 0)
			{
				unit = lh_units_take(u, w);
				left[w] = unit % 40;
			}
			else if (w != 0 && rand_r(&seed) % 50 == 0)
			{
				uint32_t table;
				uint64_t from, to;

				lh_units_range(u, unit, &table, &from, &to);
				lh_units_lost(u, w);
				if (rand_r(&seed) % 2)
					lh_units_reserve(u, table);
				if (unit == lh_units_turn(u))
					rows_of_turn = 0;
			}
			else if (lh_units_may_read(u, w))
			{
				uint64_t row[512] = {unit};

				if (left[w]-- > 0)
					assert_int_equal(lh_units_hold(ctx, u, w, lh_slice(row, sizeof(row))), LH_OK);
				else
					lh_units_read(u, w);
			}
			while (lh_units_next_held(u, &rows))
			{
				assert_true(rows.len == 4096 && lh_load_u64(rows.data) == lh_units_turn(u));
				rows_of_turn++;
			}
			if (lh_units_finish(u))
			{
				assert_true(rows_of_turn == ++delivered % 40);
				assert_true(lh_units_turn(u) == delivered + 1);
				rows_of_turn = 0;
			}
		}
		for (int w = 0; w < WORKERS; w++)
			assert_true(lh_units_held(u, w) == 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(numbers, setup, teardown),
		cmocka_unit_test_setup_teardown(none_at_all, setup, teardown),
		cmocka_unit_test_setup_teardown(in_turn, setup, teardown),
		cmocka_unit_test_setup_teardown(memory_is_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(not_too_far_ahead, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_lost_is_read_again, setup, teardown),
		cmocka_unit_test_setup_teardown(reserved_tables_are_for_one, setup, teardown),
		cmocka_unit_test_setup_teardown(not_too_far_ahead_of_a_reserved_one, setup, teardown),
		cmocka_unit_test_setup_teardown(begun_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(any_course, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
