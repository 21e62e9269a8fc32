/*
 * test_mask.c
 *		Masks over cells: what they put in place of a value, and that nothing of it stays.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cdc_make.h"
#include "change/text.h"
#include "mask/mask.h"

static LhBuf scratch;

static int
setup(void **state)
{
	LhCtx *ctx = lh_ctx_create();

	*state = ctx;
	return ctx == NULL || lh_buf_init(ctx, &scratch, false) != LH_OK;
}

static int
teardown(void **state)
{
	lh_ctx_destroy(*state);
	return 0;
}

static const uint8_t rfc_key[20] = {0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b,
									0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b};

static const LhMask *
mask(LhCtx *ctx, const char *text)
{
	LhSlice key = lh_slice(rfc_key, sizeof(rfc_key));
	LhMask *m;

	LH_OK_(ctx, lh_mask_create(ctx, text, &key, &m));
	return m;
}

/* The masked cell as text; "<null>". */
static const char *
masked(LhCtx *ctx, const char *description, LhCell c)
{
	static char out[256];

	LH_OK_(ctx, lh_mask_apply(ctx, mask(ctx, description), lh_put_cell_text, &scratch, &c));
	if (c.kind == LH_CELL_NULL)
		return "<null>";
	assert_int_equal(c.kind, LH_CELL_TEXT);
	assert_true(lh_utf8_valid(c.ptr, c.len));
	snprintf(out, sizeof(out), "%.*s", (int) c.len, (const char *) c.ptr);
	return out;
}

static void
masks_put_something_else_in_place(void **state)
{
	LhCtx *ctx = *state;
	LhCell secret = cdc_string(LH_CELL_TEXT, "h\xc3\xa9llo w\xe2\x82\xacrld");

	assert_string_equal(masked(ctx, "null", secret), "<null>");
	assert_string_equal(masked(ctx, "constant:x:y", secret), "x:y");
	assert_string_equal(masked(ctx, "constant:", secret), "");
	assert_string_equal(masked(ctx, "constant:x", lh_cell_null()), "x");
	assert_string_equal(masked(ctx, "truncate:0", secret), "");
	assert_string_equal(masked(ctx, "truncate:2", secret), "h\xc3\xa9");
	assert_string_equal(masked(ctx, "truncate:8", secret), "h\xc3\xa9llo w\xe2\x82\xac");
	assert_string_equal(masked(ctx, "truncate:11", secret), "h\xc3\xa9llo w\xe2\x82\xacrld");
	assert_string_equal(masked(ctx, "truncate:1000", secret), "h\xc3\xa9llo w\xe2\x82\xacrld");
	assert_string_equal(masked(ctx, "truncate:4", cdc_time(LH_CELL_DATE, 0)), "2000");
	assert_string_equal(masked(ctx, "truncate:4", lh_cell_null()), "<null>");
	assert_string_equal(masked(ctx, "hash", lh_cell_null()), "<null>");
}

static void
hashes_are_hmac_sha_256(void **state)
{
	LhCtx *ctx = *state;
	const int16_t five[] = {5};
	uint8_t key[131], fifty[50];
	LhMask *m;
	LhCell c;

	memset(fifty, 0xcd, sizeof(fifty));

	/* RFC 4231, test case 1 */
	assert_string_equal(masked(ctx, "hash", cdc_string(LH_CELL_TEXT, "Hi There")),
						"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	/* test cases 4 (a key of 25 bytes) and 6 (of 131, longer than a block) */
	for (int i = 0; i < 25; i++)
		key[i] = (uint8_t) (i + 1);
	c = lh_cell_text(fifty, 50);
	LH_OK_(ctx, lh_mask_create(ctx, "hash", &(LhSlice){key, 25}, &m));
	LH_OK_(ctx, lh_mask_apply(ctx, m, lh_put_cell_text, &scratch, &c));
	assert_memory_equal(c.ptr, "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
						64);
	memset(key, 0xaa, sizeof(key));
	c = cdc_string(LH_CELL_TEXT, "Test Using Larger Than Block-Size Key - Hash Key First");
	LH_OK_(ctx, lh_mask_create(ctx, "hash", &(LhSlice){key, 131}, &m));
	LH_OK_(ctx, lh_mask_apply(ctx, m, lh_put_cell_text, &scratch, &c));
	assert_memory_equal(c.ptr, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
						64);
	for (int i = 0; i < 3; i++)
	{
		char first[65];

		strcpy(first, masked(ctx, "hash", cdc_int(5)));
		assert_string_equal(masked(ctx, "hash", cdc_numeric(LH_SIGN_PLUS, 0, 0, 1, five)), first);
		assert_string_equal(masked(ctx, "hash", cdc_string(LH_CELL_TEXT, "5")), first);
		assert_string_not_equal(masked(ctx, "hash", cdc_int(6)), first);
	}
}

static void
unchanged_and_absent_pass(void **state)
{
	static const char *const all[] = {"null", "constant:x", "truncate:1", "hash"};
	LhCtx *ctx = *state;

	for (int i = 0; i < 4; i++)
	{
		LhCell u = {.kind = LH_CELL_UNCHANGED}, a = {.kind = LH_CELL_ABSENT};

		LH_OK_(ctx, lh_mask_apply(ctx, mask(ctx, all[i]), lh_put_cell_text, &scratch, &u));
		LH_OK_(ctx, lh_mask_apply(ctx, mask(ctx, all[i]), lh_put_cell_text, &scratch, &a));
		assert_int_equal(u.kind, LH_CELL_UNCHANGED);
		assert_int_equal(a.kind, LH_CELL_ABSENT);
	}
}

static LhStatus
no_text(LhCtx *ctx, LhBuf *buf, const LhCell *c)
{
	LH_FAIL(ctx, LH_NO_MEMORY, "no text");
}

static void
what_cannot_be_masked_becomes_null(void **state)
{
	LhCtx *ctx = *state;
	LhCell c = cdc_int(12345);

	assert_int_equal(lh_mask_apply(ctx, mask(ctx, "truncate:9"), no_text, &scratch, &c),
					 LH_NO_MEMORY);
	assert_int_equal(c.kind, LH_CELL_NULL);
	lh_error_clear(ctx);
	/* bytes that are no UTF-8, in a cell that says they are */
	assert_string_equal(masked(ctx, "truncate:9", cdc_string(LH_CELL_TEXT, "ab\xff")), "<null>");
}

static void
masked_cells_own_their_bytes(void **state)
{
	LhCtx *ctx = *state;
	char secret[] = "secret value";
	LhCell c = cdc_string(LH_CELL_TEXT, secret);

	LH_OK_(ctx, lh_mask_apply(ctx, mask(ctx, "truncate:3"), lh_put_cell_text, &scratch, &c));
	memset(secret, 'x', sizeof(secret));
	assert_memory_equal(c.ptr, "sec", 3);
}

/* Of valid UTF-8 */
static size_t
characters(const uint8_t *p, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += (p[i] & 0xc0) != 0x80;
	return count;
}

static void
any_cell_becomes_text_or_null(void **state)
{
	static const char *const all[] = {"null", "constant:x", "truncate:1", "hash"};
	LhCtx *ctx = *state;
	const LhMask *masks[4];

	for (int i = 0; i < 4; i++)
		masks[i] = mask(ctx, all[i]);
	for (int i = 0; i < 4000; i++)
	{
		LhCell c = cdc_any_cell(ctx, 0), was = c;

		LH_OK_(ctx, lh_mask_apply(ctx, masks[i % 4], lh_put_cell_text, &scratch, &c));
		if (was.kind == LH_CELL_UNCHANGED || was.kind == LH_CELL_ABSENT)
			assert_int_equal(c.kind, was.kind);
		else if (i % 4 == 0 || (was.kind == LH_CELL_NULL && i % 4 != 1))
			assert_int_equal(c.kind, LH_CELL_NULL);
		else
		{
			assert_int_equal(c.kind, LH_CELL_TEXT);
			assert_true(i % 4 == 3 ? c.len == 64 : characters(c.ptr, c.len) <= 1);
		}
	}
}

static void
bad_descriptions_are_refused(void **state)
{
	static const char *const bad[] = {"",
									  "nul",
									  "null:",
									  "constant",
									  "truncate",
									  "truncate:",
									  "truncate:-1",
									  "truncate:1x",
									  "truncate: 1",
									  "hash:sha1",
									  "truncate:99999999999999999999",
									  "truncate:1073741825",
									  "constant:\xff"};
	LhCtx *ctx = *state;
	LhSlice key = lh_slice(rfc_key, 20), little = lh_slice(rfc_key, 15);
	LhMask *m;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		assert_int_equal(lh_mask_create(ctx, bad[i], &key, &m), LH_INVALID);
		lh_error_clear(ctx);
	}
	assert_int_equal(lh_mask_create(ctx, "hash", NULL, &m), LH_INVALID);
	assert_non_null(strstr(ctx->error->hint, "key file"));
	lh_error_clear(ctx);
	assert_int_equal(lh_mask_create(ctx, "hash", &little, &m), LH_INVALID);
}

static void
the_stricter_mask_wins(void **state)
{
	static const char *const order[] = {"null",       "constant:a", "hash",
										"truncate:0", "truncate:3", "truncate:4"};
	LhCtx *ctx = *state;

	for (int i = 0; i < 6; i++)
	{
		for (int k = 0; k < 6; k++)
		{
			const LhMask *a = mask(ctx, order[i]), *b = mask(ctx, order[k]);

			assert_ptr_equal(lh_mask_stricter(a, b), i <= k ? a : b);
		}
		assert_int_equal(lh_mask_cell_kind(mask(ctx, order[i]), LH_CELL_INT),
						 i == 0 ? LH_CELL_INT : LH_CELL_TEXT);
	}
	assert_int_equal(lh_mask_kind(lh_mask_stricter(NULL, mask(ctx, "hash"))), LH_MASK_HASH);
	assert_int_equal(lh_mask_kind(lh_mask_stricter(mask(ctx, "hash"), NULL)), LH_MASK_HASH);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(masks_put_something_else_in_place), T(hashes_are_hmac_sha_256),
		T(unchanged_and_absent_pass),         T(what_cannot_be_masked_becomes_null),
		T(masked_cells_own_their_bytes),      T(any_cell_becomes_text_or_null),
		T(bad_descriptions_are_refused),      T(the_stricter_mask_wins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
