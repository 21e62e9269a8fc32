/*
 * test_cpu.c
 *		Choosing the instruction set of the kernels.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/cpu.h"

static int calls;
static LhIsa heard;

static void
hear(LhIsa isa)
{
	calls++;
	heard = isa;
}

static void
the_best_set_is_chosen_at_load(void **state)
{
	(void) state;
	assert_int_equal(lh_isa(), lh_isa_best());
}

static void
a_listener_hears_at_once_and_at_every_choice(void **state)
{
	(void) state;
	lh_isa_listen(hear);
	assert_int_equal(calls, 1);
	assert_int_equal(heard, lh_isa());
	lh_isa_choose(LH_ISA_BASE);
	assert_int_equal(calls, 2);
	assert_int_equal(heard, LH_ISA_BASE);
	assert_int_equal(lh_isa(), LH_ISA_BASE);
	/* twice registered is once called */
	lh_isa_listen(hear);
	calls = 0;
	lh_isa_choose(LH_ISA_AVX2);
	assert_int_equal(calls, 1);
}

static void
no_choice_goes_beyond_the_machine(void **state)
{
	(void) state;
	lh_isa_choose(LH_ISA_AVX512);
	assert_int_equal(lh_isa(), lh_isa_best());
}

static void
sets_have_names(void **state)
{
	(void) state;
	assert_string_equal(lh_isa_name(LH_ISA_BASE), "base");
	assert_string_equal(lh_isa_name(LH_ISA_AVX2), "avx2");
	assert_string_equal(lh_isa_name(LH_ISA_AVX512), "avx512");
	assert_string_equal(lh_isa_name((LhIsa) 77), "unknown");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_best_set_is_chosen_at_load),
		cmocka_unit_test(a_listener_hears_at_once_and_at_every_choice),
		cmocka_unit_test(no_choice_goes_beyond_the_machine),
		cmocka_unit_test(sets_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
