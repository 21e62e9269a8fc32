/*
 * test_siv.c
 *		CMAC, SIV, KWP, HMAC and blind indexes: kernel and fallback, limits, memory.
 */
#include "unit/crypto_check.h"

#include <openssl/evp.h>
#include <sys/mman.h>
#include <unistd.h>

#include "crypto/base64.h"
#include "crypto/kdf.h"
#include "crypto/kwp.h"
#include "crypto/siv.h"

#define MOST 400

static void
fill(uint64_t *seed, uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t) next_random(seed);
}

/* OpenSSL's own SIV, which takes no empty text. */
static void
openssl_siv(const uint8_t *key, size_t key_len, const LhSlice *strings, int n, LhSlice plain,
			uint8_t *out)
{
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(
		NULL, key_len == 32 ? "AES-128-SIV" : (key_len == 48 ? "AES-192-SIV" : "AES-256-SIV"),
		NULL);
	EVP_CIPHER_CTX *evp = EVP_CIPHER_CTX_new();
	int k;

	assert_int_equal(EVP_EncryptInit_ex2(evp, cipher, key, NULL, NULL), 1);
	for (int i = 0; i < n; i++)
		assert_int_equal(EVP_EncryptUpdate(evp, NULL, &k, strings[i].data, (int) strings[i].len),
						 1);
	assert_int_equal(EVP_EncryptUpdate(evp, out + LH_SIV_TAG, &k, plain.data, (int) plain.len), 1);
	assert_int_equal(EVP_EncryptFinal_ex(evp, out + LH_SIV_TAG + k, &k), 1);
	assert_int_equal(EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_GET_TAG, LH_SIV_TAG, out), 1);
	EVP_CIPHER_CTX_free(evp);
	EVP_CIPHER_free(cipher);
}

static void
seal_with(LhIsa isa, const uint8_t *key, size_t key_len, const LhSlice *strings, int n,
		  LhSlice plain, uint8_t *out)
{
	LhSivData bound;
	LhSiv *siv;

	lh_isa_choose(isa);
	ASSERT_OK(lh_siv_create(ctx, key, key_len, &siv));
	ASSERT_OK(lh_siv_bind(ctx, siv, strings, n, &bound));
	ASSERT_OK(lh_siv_seal(ctx, siv, &bound, plain, out));
}

/* Every length, every size of key: the kernel, EVP by the block, and OpenSSL's SIV. */
static void
three_ways_give_one_cipher_text(void **state)
{
	uint8_t key[64], plain[MOST], ad[2][64], made[3][MOST + LH_SIV_TAG], back[MOST];
	uint64_t seed = 1;

	(void) state;
	for (size_t len = 0; len < 3 * MOST; len++)
	{
		size_t n = len % MOST, key_len = 32 + 16 * (len / MOST);
		LhArena *arena = lh_arena_child(ctx->arena), *old = lh_use(ctx, arena);
		LhSlice strings[2];
		LhSivData bound;
		bool authentic;
		LhSiv *siv;

		fill(&seed, key, key_len);
		fill(&seed, plain, n);
		for (int i = 0; i < 2; i++)
		{
			/* OpenSSL passes over an empty string */
			strings[i] = lh_slice(ad[i], 1 + next_random(&seed) % 63);
			fill(&seed, ad[i], 64);
		}
		seal_with(LH_ISA_AVX512, key, key_len, strings, 2, lh_slice(plain, n), made[0]);
		seal_with(LH_ISA_BASE, key, key_len, strings, 2, lh_slice(plain, n), made[1]);
		assert_memory_equal(made[0], made[1], n + LH_SIV_TAG);
		if (n > 0)
		{
			openssl_siv(key, key_len, strings, 2, lh_slice(plain, n), made[2]);
			assert_memory_equal(made[0], made[2], n + LH_SIV_TAG);
		}
		lh_isa_choose(len % 2 == 0 ? LH_ISA_AVX512 : LH_ISA_BASE);
		ASSERT_OK(lh_siv_create(ctx, key, key_len, &siv));
		ASSERT_OK(lh_siv_bind(ctx, siv, strings, 2, &bound));
		ASSERT_OK(
			lh_siv_open(ctx, siv, &bound, lh_slice(made[0], n + LH_SIV_TAG), back, &authentic));
		assert_true(authentic);
		assert_memory_equal(back, plain, n);
		lh_use(ctx, old);
		lh_arena_destroy(arena);
	}
}

static LhSiv *
some_siv(void)
{
	static const uint8_t key[64] =
		"0123456789abcdef0123456789ABCDEFfedcba9876543210FEDCBA9876543210";
	LhSiv *siv;

	ASSERT_OK(lh_siv_create(ctx, key, sizeof(key), &siv));
	return siv;
}

static void
any_changed_bit_is_refused_and_leaves_no_text(void **state)
{
	static const uint8_t zeros[64];
	LhSiv *siv = some_siv();
	LhSivData bound;
	uint8_t sealed[64], out[64];
	bool authentic;

	(void) state;
	for (size_t n = 0; n <= 33; n += 11)
	{
		size_t len = n + LH_SIV_TAG;

		ASSERT_OK(lh_siv_bind(ctx, siv, NULL, 0, &bound));
		ASSERT_OK(lh_siv_seal(ctx, siv, &bound, lh_slice("thirty-three bytes of secret text", n),
							  sealed));
		for (size_t bit = 0; bit < 8 * len; bit++)
		{
			memset(out, 0x55, sizeof(out));
			sealed[bit / 8] ^= (uint8_t) (1 << bit % 8);
			ASSERT_OK(lh_siv_open(ctx, siv, &bound, lh_slice(sealed, len), out, &authentic));
			assert_false(authentic);
			assert_memory_equal(out, zeros, n);
			sealed[bit / 8] ^= (uint8_t) (1 << bit % 8);
		}
		for (size_t cut = 0; cut < len; cut++)
		{
			ASSERT_OK(lh_siv_open(ctx, siv, &bound, lh_slice(sealed, cut), out, &authentic));
			assert_false(authentic);
		}
	}
}

static void
sealed_and_opened_in_place(void **state)
{
	LhSiv *siv = some_siv();
	uint8_t text[LH_SIV_TAG + 100], apart[LH_SIV_TAG + 100];
	LhSivData bound;
	bool authentic;

	(void) state;
	memset(text, 7, sizeof(text));
	ASSERT_OK(lh_siv_bind(ctx, siv, NULL, 0, &bound));
	ASSERT_OK(lh_siv_seal(ctx, siv, &bound, lh_slice(text + LH_SIV_TAG, 100), apart));
	ASSERT_OK(lh_siv_seal(ctx, siv, &bound, lh_slice(text + LH_SIV_TAG, 100), text));
	assert_memory_equal(text, apart, sizeof(text));
	ASSERT_OK(
		lh_siv_open(ctx, siv, &bound, lh_slice(text, sizeof(text)), text + LH_SIV_TAG, &authentic));
	assert_true(authentic);
	for (int i = 0; i < 100; i++)
		assert_int_equal(text[LH_SIV_TAG + i], 7);
}

static void
strings_are_not_their_concatenation(void **state)
{
	LhSlice strings[][3] = {{of_text("a"), of_text("bc")},
							{of_text("ab"), of_text("c")},
							{of_text("abc"), of_text("")},
							{of_text(""), of_text("abc")},
							{of_text("abc")},
							{of_text("abc"), of_text(""), of_text("")}};
	static const int counts[] = {2, 2, 2, 2, 1, 3};
	LhSiv *siv = some_siv();
	uint8_t made[6][LH_SIV_TAG + 1];

	(void) state;
	for (int i = 0; i < 6; i++)
	{
		LhSivData bound;

		ASSERT_OK(lh_siv_bind(ctx, siv, strings[i], counts[i], &bound));
		ASSERT_OK(lh_siv_seal(ctx, siv, &bound, of_text("x"), made[i]));
		for (int k = 0; k < i; k++)
			assert_memory_not_equal(made[i], made[k], LH_SIV_TAG);
	}
}

static bool
interrupted(void *arg)
{
	return --*(int *) arg < 0;
}

/* Pieces are one message, and the counter goes on between them. */
static void
long_messages_are_one_message_and_can_be_cancelled(void **state)
{
	static const LhHost host = {.interrupted = interrupted};
	size_t len = ((size_t) 9 << 20) + 5;
	uint8_t *plain = calloc(1, len),
			*made[2] = {malloc(len + LH_SIV_TAG), malloc(len + LH_SIV_TAG)};
	int polls = 1;
	bool authentic;

	(void) state;
	for (size_t i = 0; i < len; i += 4099)
		plain[i] = (uint8_t) i;
	for (int i = 0; i < 2; i++)
	{
		LhSivData bound;
		LhSiv *siv;

		lh_isa_choose(i == 0 ? LH_ISA_AVX512 : LH_ISA_BASE);
		siv = some_siv();
		ASSERT_OK(lh_siv_bind(ctx, siv, NULL, 0, &bound));
		ASSERT_OK(lh_siv_seal(ctx, siv, &bound, lh_slice(plain, len), made[i]));
		if (i == 1)
			assert_memory_equal(made[0], made[1], len + LH_SIV_TAG);
		ctx->host = &host;
		ctx->host_arg = &polls;
		assert_int_equal(
			lh_siv_open(ctx, siv, &bound, lh_slice(made[i], len + LH_SIV_TAG), plain, &authentic),
			LH_CANCELLED);
		assert_false(authentic);
		/* what was decrypted until then is no answer */
		for (size_t k = 0; k < len; k++)
			if (plain[k] != 0)
				fail_msg("byte %zu is left", k);
		ctx->host = NULL;
		polls = 1;
		ASSERT_OK(
			lh_siv_open(ctx, siv, &bound, lh_slice(made[i], len + LH_SIV_TAG), plain, &authentic));
		assert_true(authentic);
	}
	free(plain);
	free(made[0]);
	free(made[1]);
}

static void
what_is_no_key_is_refused(void **state)
{
	uint8_t key[80] = {0}, out[LH_KWP_SIZE(LH_KWP_MOST + 1)];
	static const uint8_t long_key[LH_KWP_MOST + 1];
	LhSlice strings[LH_SIV_MOST + 1] = {{0}}, back;
	LhKey kek = {.len = 16};
	LhSivData bound;
	bool authentic;
	LhCmac *cmac;
	LhHmac *hmac;
	LhSiv *siv;

	(void) state;
	for (size_t len = 0; len <= sizeof(key); len++)
	{
		assert_int_equal(lh_siv_create(ctx, key, len, &siv),
						 len == 32 || len == 48 || len == 64 ? LH_OK : LH_INVALID);
		assert_int_equal(lh_cmac_create(ctx, key, len, &cmac),
						 len == 16 || len == 24 || len == 32 ? LH_OK : LH_INVALID);
	}
	ASSERT_OK(lh_siv_bind(ctx, some_siv(), strings, LH_SIV_MOST, &bound));
	ASSERT_FAILS(lh_siv_bind(ctx, some_siv(), strings, LH_SIV_MOST + 1, &bound), LH_LIMIT, "126");
	ASSERT_OK(lh_kwp_wrap(ctx, &kek, lh_slice(long_key, LH_KWP_MOST), out));
	ASSERT_FAILS(lh_kwp_wrap(ctx, &kek, lh_slice(long_key, LH_KWP_MOST + 1), out), LH_LIMIT,
				 "4096");
	ASSERT_FAILS(lh_kwp_wrap(ctx, &kek, lh_slice(key, 0), out), LH_LIMIT, "not 0");
	ASSERT_OK(lh_kwp_unwrap(ctx, &kek, lh_slice(out, LH_KWP_SIZE(LH_KWP_MOST)), &back, &authentic));
	assert_true(authentic);
	for (size_t len = 0; len < 48; len++)
	{
		ASSERT_OK(lh_kwp_unwrap(ctx, &kek, lh_slice(out, len), &back, &authentic));
		assert_false(authentic);
	}
	kek.len = 20;
	ASSERT_FAILS(lh_kwp_wrap(ctx, &kek, lh_slice(key, 16), out), LH_INVALID, "not 20");
	ASSERT_FAILS(lh_kwp_unwrap(ctx, &kek, lh_slice(out, 24), &back, &authentic), LH_INVALID, "20");
	ASSERT_OK(lh_hmac_create(ctx, lh_slice(key, 32), &hmac));
	ASSERT_FAILS(lh_blind_index(ctx, hmac, strings[0], strings[0], out, 0), LH_INVALID, "1 to 32");
	ASSERT_FAILS(lh_blind_index(ctx, hmac, strings[0], strings[0], out, 33), LH_INVALID, "1 to 32");
	ASSERT_FAILS(lh_hkdf(ctx, strings[0], strings[0], strings[0], out, 0), LH_INVALID, "not 0");
}

/* Where one ends and the other begins is part of what is hashed. */
static void
no_two_pairs_of_domain_and_value_are_one(void **state)
{
	static const char *const pairs[][2] = {{"a", "bc"}, {"ab", "c"}, {"abc", ""},
										   {"", "abc"}, {"", ""},    {"b", "ac"}};
	LhSlice values[3] = {of_text("bc"), of_text(""), of_text("longer than that")};
	uint8_t made[6][16], batch[3][16];
	LhHmac *key, *other;

	(void) state;
	ASSERT_OK(lh_hmac_create(ctx, of_text("a key of some length"), &key));
	ASSERT_OK(lh_hmac_create(ctx, of_text("another key"), &other));
	for (int i = 0; i < 6; i++)
	{
		ASSERT_OK(
			lh_blind_index(ctx, key, of_text(pairs[i][0]), of_text(pairs[i][1]), made[i], 16));
		for (int k = 0; k < i; k++)
			assert_memory_not_equal(made[i], made[k], 16);
	}
	ASSERT_OK(lh_blind_index_batch(ctx, key, of_text("a"), values, 3, batch[0], 16));
	assert_memory_equal(batch[0], made[0], 16);
	for (int i = 0; i < 3; i++)
	{
		ASSERT_OK(lh_blind_index(ctx, key, of_text("a"), values[i], made[0], 16));
		assert_memory_equal(batch[i], made[0], 16);
	}
	ASSERT_OK(lh_blind_index(ctx, other, of_text("a"), values[0], made[1], 16));
	assert_memory_not_equal(made[1], batch[0], 16);
}

/* Is this address mapped? */
static bool
mapped(const void *p)
{
	size_t page = (size_t) sysconf(_SC_PAGESIZE);
	unsigned char vec;

	return mincore((void *) ((uintptr_t) p & ~(page - 1)), 1, &vec) == 0;
}

static void
schedules_and_unwrapped_keys_go_with_their_arena(void **state)
{
	LhArena *arena = lh_arena_child(ctx->arena), *old = lh_use(ctx, arena);
	LhKey kek = {.len = 32};
	const void *secrets[4];
	uint8_t wrapped[24];
	bool authentic;
	LhSlice back;
	LhCmac *cmac;
	LhHmac *hmac;

	(void) state;
	secrets[0] = some_siv();
	ASSERT_OK(lh_cmac_create(ctx, kek.bytes, 32, &cmac));
	ASSERT_OK(lh_hmac_create(ctx, of_text("secret"), &hmac));
	ASSERT_OK(lh_kwp_wrap(ctx, &kek, of_text("another key!"), wrapped));
	ASSERT_OK(lh_kwp_unwrap(ctx, &kek, lh_slice(wrapped, 24), &back, &authentic));
	assert_bytes(back, of_text("another key!"));
	secrets[1] = cmac;
	secrets[2] = hmac;
	secrets[3] = back.data;
	for (int i = 0; i < 4; i++)
		assert_true(mapped(secrets[i]));
	lh_use(ctx, old);
	lh_arena_destroy(arena);
	for (int i = 0; i < 4; i++)
		assert_false(mapped(secrets[i]));
}

/* ---- base64 ---- */

static bool
decodes(LhBase64 kind, const char *text, const char *expected)
{
	uint8_t out[64];
	size_t len;

	if (!lh_base64_decode(kind, text, strlen(text), out, &len))
		return false;
	assert_bytes(lh_slice(out, len), of_text(expected));
	return true;
}

static void
base64_is_one_text_for_one_value(void **state)
{
	static const char *const wrong[] = {
		"Zg",     "Zg=",      "Zh==",     "Z===",  "====",   "=",    "Zm9=", "Zm9v=",
		"Zm9v==", "Zm9v====", "Zg==Zg==", "Z m8=", "Zm9v\n", "Zm8-", "Zm8_", "Zm9vYg"};
	static const char *const wrong_url[] = {"Zg==", "Zh",   "Z",     "Zm9",
											"Zm8+", "Zm8/", "Zm9vY", " Zg"};

	(void) state;
	assert_true(decodes(LH_BASE64_STANDARD, "", ""));
	assert_true(decodes(LH_BASE64_STANDARD, "Zg==", "f"));
	assert_true(decodes(LH_BASE64_STANDARD, "Zm8=", "fo"));
	assert_true(decodes(LH_BASE64_STANDARD, "Zm9v", "foo"));
	assert_true(decodes(LH_BASE64_STANDARD, "Zm9vYmFy", "foobar"));
	assert_true(decodes(LH_BASE64_STANDARD, "Pj4+Pz8/", ">>>???"));
	assert_true(decodes(LH_BASE64_URL, "Pj4-Pz8_", ">>>???"));
	assert_true(decodes(LH_BASE64_URL, "Zg", "f"));
	assert_true(decodes(LH_BASE64_URL, "Zm8", "fo"));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (decodes(LH_BASE64_STANDARD, wrong[i], ""))
			fail_msg("accepted: %s", wrong[i]);
	for (size_t i = 0; i < sizeof(wrong_url) / sizeof(wrong_url[0]); i++)
		if (decodes(LH_BASE64_URL, wrong_url[i], ""))
			fail_msg("accepted: %s", wrong_url[i]);
	for (size_t n = 0; n < 40; n++)
	{
		uint8_t bytes[40], back[64];
		char text[64];
		uint64_t seed = n;
		size_t len;

		fill(&seed, bytes, n);
		for (LhBase64 kind = LH_BASE64_STANDARD; kind <= LH_BASE64_URL; kind++)
		{
			size_t k = lh_base64_encode(kind, bytes, n, text);

			assert_true(k <= LH_BASE64_TEXT(n));
			assert_true(lh_base64_decode(kind, text, k, back, &len));
			assert_bytes(lh_slice(back, len), lh_slice(bytes, n));
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(three_ways_give_one_cipher_text, setup, teardown),
		cmocka_unit_test_setup_teardown(any_changed_bit_is_refused_and_leaves_no_text, setup,
										teardown),
		cmocka_unit_test_setup_teardown(sealed_and_opened_in_place, setup, teardown),
		cmocka_unit_test_setup_teardown(strings_are_not_their_concatenation, setup, teardown),
		cmocka_unit_test_setup_teardown(long_messages_are_one_message_and_can_be_cancelled, setup,
										teardown),
		cmocka_unit_test_setup_teardown(what_is_no_key_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(no_two_pairs_of_domain_and_value_are_one, setup, teardown),
		cmocka_unit_test_setup_teardown(schedules_and_unwrapped_keys_go_with_their_arena, setup,
										teardown),
		cmocka_unit_test_setup_teardown(base64_is_one_text_for_one_value, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
