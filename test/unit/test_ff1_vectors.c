/*
 * test_ff1_vectors.c
 *		FF1 against vectors of others: Wycheproof's, and a small file of our own.
 *
 * Wycheproof's lie in ../shared/fixtures, which not all have; then that is said loudly, and the
 * vectors of test/fixtures/crypto are the proof (test/fixtures/make/ff1.py made them, a second
 * implementation).  Flags are respected: SmallMessageSize is refused by default and right in
 * legacy mode; everything "invalid" is an error in both.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <unistd.h>

#include "crypto/ff1_internal.h"

#define SHARED "../shared/fixtures/crypto/wycheproof"
#define MOST   100000

static int
setup(void **state)
{
	*state = lh_ctx_create();
	return *state == NULL;
}

static int
teardown(void **state)
{
	lh_isa_choose(LH_ISA_AVX512);
	lh_ctx_destroy(*state);
	return 0;
}

static size_t
bytes_of(json_t *hex, uint8_t *out, size_t most)
{
	const char *s = json_string_value(hex);
	size_t n = strlen(s) / 2;

	assert_true(n <= most);
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t) (lh_hex_digit((uint8_t) s[2 * i]) << 4 |
							lh_hex_digit((uint8_t) s[2 * i + 1]));
	return n;
}

/* Numerals of a list, or of a string by its alphabet; false: there is one that FF1 cannot even be asked with. */
static bool
numerals_of(json_t *value, const char *alphabet, uint16_t *out, size_t *n)
{
	*n = 0;
	if (json_is_string(value))
	{
		for (const char *p = json_string_value(value); *p != '\0'; p++)
		{
			const char *at = strchr(alphabet, *p);

			if (at == NULL)
				return false;
			out[(*n)++] = (uint16_t) (at - alphabet);
		}
		return true;
	}
	for (size_t i = 0; i < json_array_size(value); i++)
	{
		json_int_t x = json_integer_value(json_array_get(value, i));

		if (x < 0 || x > UINT16_MAX)
			return false;
		out[(*n)++] = (uint16_t) x;
	}
	return true;
}

typedef struct Result
{
	bool made;
	uint16_t out[2][1024];
} Result;

/* Both ways; false: refused somewhere. */
static bool
run(LhCtx *ctx, const LhKey *key, LhFf1Spec spec, const uint8_t *tweak, const uint16_t *msg,
	const uint16_t *ct, Result *r)
{
	LhFf1Tweaks t = {tweak, 0};
	LhFf1Key *k;
	LhFf1 *f;

	r->made = lh_ff1_key_create(ctx, key, &k) == LH_OK &&
			  lh_ff1_create(ctx, k, &spec, &f) == LH_OK &&
			  lh_ff1_numerals(ctx, f, LH_FF1_ENCRYPT, t, msg, r->out[0], 1) == LH_OK &&
			  lh_ff1_numerals(ctx, f, LH_FF1_DECRYPT, t, ct, r->out[1], 1) == LH_OK;
	if (!r->made)
		assert_int_equal(ctx->error->code, LH_INVALID);
	return r->made;
}

static bool
has_flag(json_t *test, const char *flag)
{
	json_t *flags = json_object_get(test, "flags");

	for (size_t i = 0; i < json_array_size(flags); i++)
	{
		if (strcmp(json_string_value(json_array_get(flags, i)), flag) == 0)
			return true;
	}
	return false;
}

typedef struct Tally
{
	size_t valid, invalid, legacy, text;
} Tally;

static void
one_test(LhCtx *ctx, json_t *test, const char *alphabet, uint32_t radix, Tally *tally)
{
	int id = (int) json_integer_value(json_object_get(test, "tcId"));
	bool valid = strcmp(json_string_value(json_object_get(test, "result")), "valid") == 0;
	uint16_t msg[1024], ct[1024];
	uint8_t tweak[256], bytes[256];
	size_t n, m, key_len;
	LhFf1Spec spec = {radix, 0, 0, false};
	LhKey key = {0};
	Result r;

	key_len = bytes_of(json_object_get(test, "key"), bytes, sizeof(bytes));
	key.len = key_len;
	memcpy(key.bytes, bytes, key_len < LH_KEY_MAX ? key_len : LH_KEY_MAX);
	spec.tweak_len = bytes_of(json_object_get(test, "tweak"), tweak, sizeof(tweak));
	if (!numerals_of(json_object_get(test, "msg"), alphabet, msg, &n))
	{
		/* a character outside of the alphabet has no numeral at all */
		assert_false(valid);
		tally->text++;
		return;
	}
	if (!numerals_of(json_object_get(test, "ct"), alphabet, ct, &m) || m != n)
	{
		assert_false(valid);
		memcpy(ct, msg, sizeof(ct));
	}
	spec.length = n;
	if (!valid || has_flag(test, "SmallMessageSize"))
	{
		if (run(ctx, &key, spec, tweak, msg, ct, &r))
			fail_msg("test %d is not refused", id);
		tally->invalid += !valid;
		lh_error_clear(ctx);
		spec.legacy = true;
	}
	if (run(ctx, &key, spec, tweak, msg, ct, &r) != valid)
		fail_msg("test %d: %s", id, valid ? ctx->error->message : "not refused in legacy mode");
	if (!valid)
		return;
	tally->valid++;
	tally->legacy += spec.legacy;
	if (memcmp(r.out[0], ct, 2 * n) != 0 || memcmp(r.out[1], msg, 2 * n) != 0)
		fail_msg("test %d: another result", id);
}

static Tally
all_tests(LhCtx *ctx, const char *path)
{
	json_error_t error;
	json_t *root = json_load_file(path, 0, &error), *groups;
	Tally tally = {0};

	if (root == NULL)
		fail_msg("%s: %s", path, error.text);
	groups = json_object_get(root, "testGroups");
	for (size_t i = 0; i < json_array_size(groups); i++)
	{
		json_t *group = json_array_get(groups, i), *tests = json_object_get(group, "tests");
		json_t *alphabet = json_object_get(group, "alphabet");
		uint32_t radix = (uint32_t) json_integer_value(json_object_get(group, "radix"));

		for (size_t j = 0; j < json_array_size(tests); j++)
		{
			one_test(ctx, json_array_get(tests, j), json_string_value(alphabet), radix, &tally);
			lh_error_clear(ctx);
			lh_arena_reset(ctx->arena);
		}
	}
	/* no test is passed over */
	assert_int_equal(json_integer_value(json_object_get(root, "numberOfTests")),
					 tally.valid + tally.invalid + tally.text);
	json_decref(root);
	return tally;
}

static void
by_all_kernels(LhCtx *ctx, const char *path, size_t valid, size_t invalid, size_t legacy)
{
	for (const LhFf1Kernels *const *k = lh_ff1_kernels_all; *k != NULL; k++)
	{
		Tally t;

		if (!(*k)->supported())
			continue;
		lh_ff1_kernels_force(*k);
		t = all_tests(ctx, path);
		assert_int_equal(t.valid, valid);
		assert_int_equal(t.invalid + t.text, invalid);
		assert_int_equal(t.legacy, legacy);
		print_message("%s, %s: %zu valid (%zu legacy), %zu invalid\n", strrchr(path, '/') + 1,
					  (*k)->name, t.valid, t.legacy, t.invalid + t.text);
	}
}

static void
wycheproof(void **state)
{
	static const struct
	{
		const char *name;
		size_t valid, invalid, legacy;
	} files[] = {{"base10", 3312, 533, 12},
				 {"base36", 2465, 389, 6},
				 {"radix10", 3312, 533, 12},
				 {"radix65536", 918, 131, 0}};
	LhCtx *ctx = *state;
	char path[256];

	if (access(SHARED, R_OK) != 0)
	{
		print_message("SKIPPED: " SHARED " is not there; no vectors of Wycheproof were tried\n");
		skip();
	}
	for (int i = 0; i < 4; i++)
	{
		snprintf(path, sizeof(path), SHARED "/aes_ff1_%s_test.json", files[i].name);
		by_all_kernels(ctx, path, files[i].valid, files[i].invalid, files[i].legacy);
	}
}

static void
our_own_vectors(void **state)
{
	const char *fixtures = getenv("LAKEHOUSE_FIXTURES");
	char path[512];

	snprintf(path, sizeof(path), "%s/crypto/ff1.json",
			 fixtures != NULL ? fixtures : "test/fixtures");
	by_all_kernels(*state, path, 172, 12, 24);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(wycheproof, setup, teardown),
		cmocka_unit_test_setup_teardown(our_own_vectors, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
