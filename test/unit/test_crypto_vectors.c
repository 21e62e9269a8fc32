/*
 * test_crypto_vectors.c
 *		Algorithms against vectors of others: our fixtures, which Python's cryptography made,
 *		and Project Wycheproof's (../shared/fixtures), with every kernel.
 *
 * What a file says to be valid must come out exactly and be accepted; what it says to be
 * invalid must be refused.  How many of each there are is asserted: a reader that skips
 * passes nothing.
 */
#include "unit/crypto_check.h"

#include <unistd.h>

#include "crypto/kdf.h"
#include "crypto/kwp.h"
#include "crypto/siv.h"

#define SHARED "../shared/fixtures/crypto/wycheproof"

typedef struct Tally
{
	int valid, invalid;
	int foreign; /* of kinds that we have no call for: GCM nonces that have not 96 bits */
} Tally;

/* One test: was it valid, and as expected?  Sets *foreign when there is no call for it. */
typedef bool (*CheckFn)(const json_t *group, const json_t *test, bool valid, bool *foreign);

static Tally
run_json(json_t *root, CheckFn check)
{
	Tally tally = {0};
	json_t *group, *test;
	size_t i, k;

	json_array_foreach(json_object_get(root, "testGroups"), i, group)
	{
		json_array_foreach(json_object_get(group, "tests"), k, test)
		{
			bool valid = strcmp(member(test, "result"), "valid") == 0, foreign = false;
			LhArena *arena = lh_arena_child(ctx->arena), *old = lh_use(ctx, arena);
			bool good = check(group, test, valid, &foreign);

			lh_use(ctx, old);
			lh_arena_destroy(arena);
			if (!valid)
				assert_string_equal(member(test, "result"), "invalid");
			if (!good)
				fail_msg("test %zu of group %zu (%s, tcId %d)", k, i, valid ? "valid" : "invalid",
						 (int) json_integer_value(json_object_get(test, "tcId")));
			*(foreign ? &tally.foreign : (valid ? &tally.valid : &tally.invalid)) += 1;
		}
	}
	json_decref(root);
	return tally;
}

static void
check_tally(Tally t, int valid, int invalid, int foreign)
{
	assert_int_equal(t.valid, valid);
	assert_int_equal(t.invalid, invalid);
	assert_int_equal(t.foreign, foreign);
}

/* Our file, then Wycheproof's, each with the kernel and without. */
static void
run(const char *name, CheckFn check, Tally own, Tally shared)
{
	static const LhIsa sets[] = {LH_ISA_AVX512, LH_ISA_BASE};
	const char *path = lh_sprintf(ctx, SHARED "/%s", name);

	for (int i = 0; i < 2; i++)
	{
		lh_isa_choose(sets[i]);
		check_tally(run_json(own_json(name), check), own.valid, own.invalid, own.foreign);
		if (access(path, R_OK) != 0)
		{
			print_message("SKIPPED: %s is not there\n", path);
			continue;
		}
		check_tally(run_json(json_load_file(path, 0, NULL), check), shared.valid, shared.invalid,
					shared.foreign);
	}
}

static LhKey
key_of(LhSlice bytes)
{
	LhKey key = {.len = bytes.len};

	assert_true(bytes.len <= LH_KEY_MAX);
	memcpy(key.bytes, bytes.data, bytes.len);
	return key;
}

static LhSlice
joined(LhSlice a, LhSlice b)
{
	uint8_t *p = lh_alloc(ctx, a.len + b.len + 1);

	if (a.len > 0)
		memcpy(p, a.data, a.len);
	if (b.len > 0)
		memcpy(p + a.len, b.data, b.len);
	return lh_slice(p, a.len + b.len);
}

static bool
equal(LhSlice a, LhSlice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* ---- AES-SIV ---- */

static bool
check_siv(LhSlice key, const LhSlice *strings, int n, LhSlice plain, LhSlice sealed, bool valid)
{
	uint8_t *made = lh_alloc(ctx, plain.len + LH_SIV_TAG);
	uint8_t *back = lh_alloc0(ctx, sealed.len + 1);
	size_t back_len = sealed.len < LH_SIV_TAG ? 0 : sealed.len - LH_SIV_TAG;
	LhSivData bound;
	bool authentic;
	LhSiv *siv;

	ASSERT_OK(lh_siv_create(ctx, key.data, key.len, &siv));
	ASSERT_OK(lh_siv_bind(ctx, siv, strings, n, &bound));
	ASSERT_OK(lh_siv_seal(ctx, siv, &bound, plain, made));
	ASSERT_OK(lh_siv_open(ctx, siv, &bound, sealed, back, &authentic));
	for (size_t i = 0; !authentic && i < back_len; i++)
		assert_int_equal(back[i], 0);
	if (!valid)
		return !authentic && !equal(lh_slice(made, plain.len + LH_SIV_TAG), sealed);
	return authentic && equal(lh_slice(made, plain.len + LH_SIV_TAG), sealed) &&
		   equal(lh_slice(back, back_len), plain);
}

static bool
siv(const json_t *group, const json_t *test, bool valid, bool *foreign)
{
	LhSlice ad = bytes_member(test, "aad");

	return check_siv(bytes_member(test, "key"), &ad, 1, bytes_member(test, "msg"),
					 bytes_member(test, "ct"), valid);
}

static bool
aead_siv(const json_t *group, const json_t *test, bool valid, bool *foreign)
{
	LhSlice strings[] = {bytes_member(test, "aad"), bytes_member(test, "iv")};

	return check_siv(bytes_member(test, "key"), strings, 2, bytes_member(test, "msg"),
					 joined(bytes_member(test, "tag"), bytes_member(test, "ct")), valid);
}

static void
siv_agrees(void **state)
{
	(void) state;
	run("aes_siv_cmac_test.json", siv, (Tally){36, 36, 0}, (Tally){118, 324, 0});
}

static void
siv_with_several_strings_agrees(void **state)
{
	(void) state;
	run("aead_aes_siv_cmac_test.json", aead_siv, (Tally){36, 36, 0}, (Tally){252, 648, 0});
}

/* ---- AES-CMAC ---- */

static bool
cmac(const json_t *group, const json_t *test, bool valid, bool *foreign)
{
	LhSlice key = bytes_member(test, "key"), tag = bytes_member(test, "tag");
	uint8_t made[LH_CMAC_TAG];
	LhCmac *m;

	if (key.len != 16 && key.len != 24 && key.len != 32)
		return !valid && lh_cmac_create(ctx, key.data, key.len, &m) == LH_INVALID;
	ASSERT_OK(lh_cmac_create(ctx, key.data, key.len, &m));
	ASSERT_OK(lh_cmac(ctx, m, bytes_member(test, "msg"), made));
	return equal(lh_slice(made, sizeof(made)), tag) == valid;
}

static void
cmac_agrees(void **state)
{
	(void) state;
	run("aes_cmac_test.json", cmac, (Tally){36, 36, 0}, (Tally){63, 248, 0});
}

/* ---- AES-GCM ---- */

static bool
gcm(const json_t *group, const json_t *test, bool valid, bool *foreign)
{
	LhKey key = key_of(bytes_member(test, "key"));
	LhSlice nonce = bytes_member(test, "iv"), aad = bytes_member(test, "aad");
	LhSlice plain = bytes_member(test, "msg"), sealed = bytes_member(test, "ct");
	LhSlice tag = bytes_member(test, "tag");
	uint8_t *out = lh_alloc0(ctx, sealed.len + 1), made[LH_AES_TAG];
	bool authentic;
	LhAes *aes;

	if (nonce.len != LH_AES_NONCE)
	{
		*foreign = true;
		return true;
	}
	ASSERT_OK(lh_aes_create(ctx, LH_AES_GCM, &key, &aes));
	ASSERT_OK(lh_aes_gcm_open(ctx, aes, nonce.data, aad, sealed.data, sealed.len, tag.data, out,
							  &authentic));
	if (authentic != valid || (valid && !equal(lh_slice(out, sealed.len), plain)))
		return false;
	ASSERT_OK(lh_aes_gcm_seal(ctx, aes, nonce.data, aad, plain, out, made));
	return (equal(lh_slice(out, plain.len), sealed) && memcmp(made, tag.data, LH_AES_TAG) == 0) ==
		   valid;
}

/* 119 of Wycheproof's have nonces of other lengths, which no call of ours takes. */
static void
gcm_agrees(void **state)
{
	(void) state;
	run("aes_gcm_test.json", gcm, (Tally){36, 36, 0}, (Tally){116, 81, 119});
}

/* ---- AES-KWP ---- */

static bool
kwp(const json_t *group, const json_t *test, bool valid, bool *foreign)
{
	LhKey key = key_of(bytes_member(test, "key"));
	LhSlice plain = bytes_member(test, "msg"), wrapped = bytes_member(test, "ct"), back;
	uint8_t *made = lh_alloc(ctx, LH_KWP_SIZE(plain.len));
	bool authentic;

	ASSERT_OK(lh_kwp_unwrap(ctx, &key, wrapped, &back, &authentic));
	if (authentic != valid || !equal(back, valid ? plain : (LhSlice){0}))
		return false;
	if (plain.len == 0)
		return !valid && lh_kwp_wrap(ctx, &key, plain, made) == LH_LIMIT;
	ASSERT_OK(lh_kwp_wrap(ctx, &key, plain, made));
	return equal(lh_slice(made, LH_KWP_SIZE(plain.len)), wrapped) == valid;
}

static void
kwp_agrees(void **state)
{
	(void) state;
	run("aes_kwp_test.json", kwp, (Tally){33, 33, 0}, (Tally){77, 177, 0});
}

/* ---- HMAC and HKDF ---- */

static bool
hmac(const json_t *group, const json_t *test, bool valid, bool *foreign)
{
	size_t size = (size_t) number_member(group, "tagSize") / 8;
	LhSlice message = bytes_member(test, "msg"), parts[2];
	uint8_t made[LH_SHA256];
	LhHmac *h;

	parts[0] = lh_slice(message.data, message.len / 3);
	parts[1] = lh_slice(message.data + message.len / 3, message.len - message.len / 3);
	ASSERT_OK(lh_hmac_create(ctx, bytes_member(test, "key"), &h));
	lh_hmac(h, parts, 2, made);
	return equal(lh_slice(made, size), bytes_member(test, "tag")) == valid;
}

static void
hmac_agrees(void **state)
{
	(void) state;
	run("hmac_sha256_test.json", hmac, (Tally){24, 24, 0}, (Tally){66, 108, 0});
}

static bool
hkdf(const json_t *group, const json_t *test, bool valid, bool *foreign)
{
	size_t size = (size_t) number_member(test, "size");
	uint8_t *made = lh_alloc(ctx, size);
	LhStatus status = lh_hkdf(ctx, bytes_member(test, "ikm"), bytes_member(test, "salt"),
							  bytes_member(test, "info"), made, size);

	if (!valid)
		return status == LH_INVALID;
	return status == LH_OK && equal(lh_slice(made, size), bytes_member(test, "okm"));
}

static void
hkdf_agrees(void **state)
{
	(void) state;
	run("hkdf_sha256_test.json", hkdf, (Tally){8, 1, 0}, (Tally){83, 3, 0});
}

/* ---- what only our own file has ---- */

static void
blind_indexes_agree(void **state)
{
	json_t *root = own_json("blind_index.json"), *test;
	size_t i;

	(void) state;
	assert_int_equal(json_array_size(json_object_get(root, "indexes")), 6);
	json_array_foreach(json_object_get(root, "indexes"), i, test)
	{
		uint8_t out[LH_SHA256], some[5];
		LhHmac *key;

		ASSERT_OK(lh_hmac_create(ctx, bytes_member(test, "key"), &key));
		ASSERT_OK(lh_blind_index(ctx, key, bytes_member(test, "domain"),
								 bytes_member(test, "value"), out, sizeof(out)));
		assert_bytes(lh_slice(out, sizeof(out)), bytes_member(test, "index"));
		ASSERT_OK(lh_blind_index(ctx, key, bytes_member(test, "domain"),
								 bytes_member(test, "value"), some, sizeof(some)));
		assert_memory_equal(some, out, sizeof(some));
	}
	json_decref(root);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(siv_agrees, setup, teardown),
		cmocka_unit_test_setup_teardown(siv_with_several_strings_agrees, setup, teardown),
		cmocka_unit_test_setup_teardown(cmac_agrees, setup, teardown),
		cmocka_unit_test_setup_teardown(gcm_agrees, setup, teardown),
		cmocka_unit_test_setup_teardown(kwp_agrees, setup, teardown),
		cmocka_unit_test_setup_teardown(hmac_agrees, setup, teardown),
		cmocka_unit_test_setup_teardown(hkdf_agrees, setup, teardown),
		cmocka_unit_test_setup_teardown(blind_indexes_agree, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
