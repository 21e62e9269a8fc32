/*
 * crypto_check.h
 *		What the tests of crypto/ share: a context, bytes of hexadecimal digits, JSON files.
 */
#ifndef CRYPTO_CHECK_H
#define CRYPTO_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <jansson.h>

#include "core/core.h"

static LhCtx *ctx;

static inline int
setup(void **state)
{
	(void) state;
	ctx = lh_ctx_create();
	return ctx == NULL;
}

static inline int
teardown(void **state)
{
	(void) state;
	lh_isa_choose(LH_ISA_AVX512);
	lh_ctx_destroy(ctx);
	return 0;
}

#define ASSERT_OK(call)                          \
	do                                           \
	{                                            \
		if ((call) != LH_OK)                     \
			fail_msg("%s", ctx->error->message); \
	} while (0)

#define ASSERT_FAILS(call, code, part)                               \
	do                                                               \
	{                                                                \
		assert_int_equal(call, code);                                \
		if (strstr(ctx->error->message, part) == NULL)               \
			fail_msg("no \"%s\" in: %s", part, ctx->error->message); \
	} while (0)

static inline LhSlice
of_text(const char *s)
{
	return lh_slice(s, strlen(s));
}

/* Bytes of hexadecimal digits; exactly as long, so that a sanitizer sees an overrun. */
static inline LhSlice
of_hex(const char *hex)
{
	size_t n = strlen(hex) / 2;
	uint8_t *out = lh_alloc(ctx, n > 0 ? n : 1);

	assert_int_equal(strlen(hex) % 2, 0);
	for (size_t i = 0; i < n; i++)
	{
		int high = lh_hex_digit((uint8_t) hex[2 * i]), low = lh_hex_digit((uint8_t) hex[2 * i + 1]);

		assert_true(high >= 0 && low >= 0);
		out[i] = (uint8_t) (high << 4 | low);
	}
	return lh_slice(out, n);
}

static inline void
assert_bytes(LhSlice got, LhSlice expected)
{
	assert_int_equal(got.len, expected.len);
	if (got.len > 0)
		assert_memory_equal(got.data, expected.data, got.len);
}

static inline const char *
member(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	if (text == NULL)
		fail_msg("no text \"%s\"", name);
	return text;
}

static inline LhSlice
bytes_member(const json_t *object, const char *name)
{
	return of_hex(member(object, name));
}

static inline json_int_t
number_member(const json_t *object, const char *name)
{
	json_t *v = json_object_get(object, name);

	if (!json_is_integer(v))
		fail_msg("no number \"%s\"", name);
	return json_integer_value(v);
}

/* A file of ours, which is there. */
static inline json_t *
own_json(const char *name)
{
	const char *root = getenv("LAKEHOUSE_FIXTURES");
	json_error_t error;
	json_t *root_value = json_load_file(
		lh_sprintf(ctx, "%s/crypto/%s", root != NULL ? root : "test/fixtures", name), 0, &error);

	if (root_value == NULL)
		fail_msg("%s: %s", name, error.text);
	return root_value;
}

/* Deterministic numbers for tests. */
static inline uint64_t
next_random(uint64_t *seed)
{
	*seed += UINT64_C(0x9e3779b97f4a7c15);
	return lh_hash_u64(*seed);
}

#endif
