/*
 * selftest.c
 *		Known answers of the algorithms of crypto/.
 *
 * Questions and answers are those of the standards.  Where there is another direction, a
 * last byte says what it gave: 1, it led back; 2, a changed tag was refused.
 */
#include "crypto/selftest.h"
#include "crypto/ff1.h"
#include "crypto/kdf.h"
#include "crypto/kwp.h"
#include "crypto/merkle.h"
#include "crypto/sign.h"
#include "crypto/siv.h"

#define LED_BACK 1
#define REFUSED  2

/* Digits of this file: even, and right. */
static size_t
unhex(const char *hex, uint8_t *out)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t) (lh_hex_digit((uint8_t) hex[2 * i]) << 4 |
							lh_hex_digit((uint8_t) hex[2 * i + 1]));
	return n;
}

/* FIPS 180-4 */
static LhStatus
sha256(LhCtx *ctx, uint8_t *out)
{
	(void) ctx;
	lh_sha256(lh_slice("abc", 3), out);
	return LH_OK;
}

/* RFC 4231, test case 2 */
static LhStatus
hmac(LhCtx *ctx, uint8_t *out)
{
	LhSlice parts[] = {lh_slice("what do ya want ", 16), lh_slice("for nothing?", 12)};
	LhHmac *h;

	LH_TRY(lh_hmac_create(ctx, lh_slice("Jefe", 4), &h));
	lh_hmac(h, parts, 2, out);
	return LH_OK;
}

/* RFC 5869, test case 1 */
static LhStatus
hkdf(LhCtx *ctx, uint8_t *out)
{
	uint8_t material[22], salt[13], info[10];

	memset(material, 0x0b, sizeof(material));
	unhex("000102030405060708090a0b0c", salt);
	unhex("f0f1f2f3f4f5f6f7f8f9", info);
	return lh_hkdf(ctx, lh_slice(material, sizeof(material)), lh_slice(salt, sizeof(salt)),
				   lh_slice(info, sizeof(info)), out, 42);
}

/* RFC 4493, example 3 */
static LhStatus
cmac(LhCtx *ctx, uint8_t *out)
{
	uint8_t key[16], message[40];
	LhCmac *m;

	unhex("2b7e151628aed2a6abf7158809cf4f3c", key);
	unhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411",
		  message);
	LH_TRY(lh_cmac_create(ctx, key, sizeof(key), &m));
	return lh_cmac(ctx, m, lh_slice(message, sizeof(message)), out);
}

/* "The Galois/Counter Mode of Operation", test case 16 */
static LhStatus
gcm(LhCtx *ctx, uint8_t *out)
{
	LhKey key = {.len = 32};
	uint8_t nonce[12], plain[60], aad[20], back[60];
	bool right, wrong;
	LhAes *aes;

	unhex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", key.bytes);
	unhex("cafebabefacedbaddecaf888", nonce);
	unhex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
		  "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
		  plain);
	unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2", aad);
	LH_TRY(lh_aes_create(ctx, LH_AES_GCM, &key, &aes));
	LH_TRY(lh_aes_gcm_seal(ctx, aes, nonce, lh_slice(aad, 20), lh_slice(plain, 60), out, out + 60));
	LH_TRY(lh_aes_gcm_open(ctx, aes, nonce, lh_slice(aad, 20), out, 60, out + 60, back, &right));
	right = right && memcmp(back, plain, 60) == 0;
	out[75] ^= 1;
	LH_TRY(lh_aes_gcm_open(ctx, aes, nonce, lh_slice(aad, 20), out, 60, out + 60, back, &wrong));
	out[75] ^= 1;
	out[76] = (uint8_t) ((right ? LED_BACK : 0) | (wrong ? 0 : REFUSED));
	return LH_OK;
}

/* RFC 3686, test vector 9 without its last block */
static LhStatus
ctr(LhCtx *ctx, uint8_t *out)
{
	LhKey key = {.len = 32};
	uint8_t nonce[12];
	LhAes *aes;

	unhex("ff7a617ce69148e4f1726e2f43581de2aa62d9f805532edff1eed687fb54153d", key.bytes);
	unhex("001cc5b751a51d70a1c11148", nonce);
	for (int i = 0; i < 32; i++)
		out[i] = (uint8_t) i;
	LH_TRY(lh_aes_create(ctx, LH_AES_CTR, &key, &aes));
	return lh_aes_ctr(ctx, aes, nonce, out, 32, out);
}

/* RFC 5297, appendix A.1 */
static LhStatus
siv(LhCtx *ctx, uint8_t *out)
{
	uint8_t key[32], ad[24], plain[14], back[14];
	LhSlice strings[] = {lh_slice(ad, sizeof(ad))};
	LhSivData bound;
	bool right, wrong;
	LhSiv *s;

	unhex("fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff", key);
	unhex("101112131415161718191a1b1c1d1e1f2021222324252627", ad);
	unhex("112233445566778899aabbccddee", plain);
	LH_TRY(lh_siv_create(ctx, key, sizeof(key), &s));
	LH_TRY(lh_siv_bind(ctx, s, strings, 1, &bound));
	LH_TRY(lh_siv_seal(ctx, s, &bound, lh_slice(plain, 14), out));
	LH_TRY(lh_siv_open(ctx, s, &bound, lh_slice(out, 30), back, &right));
	right = right && memcmp(back, plain, 14) == 0;
	out[15] ^= 1;
	LH_TRY(lh_siv_open(ctx, s, &bound, lh_slice(out, 30), back, &wrong));
	out[15] ^= 1;
	out[30] = (uint8_t) ((right ? LED_BACK : 0) | (wrong ? 0 : REFUSED));
	return LH_OK;
}

/* RFC 5649, section 6 */
static LhStatus
kwp(LhCtx *ctx, uint8_t *out)
{
	LhKey kek = {.len = 24};
	uint8_t key[20];
	LhSlice back, none;
	bool right, wrong;

	unhex("5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8", kek.bytes);
	unhex("c37b7e6492584340bed12207808941155068f738", key);
	LH_TRY(lh_kwp_wrap(ctx, &kek, lh_slice(key, sizeof(key)), out));
	LH_TRY(lh_kwp_unwrap(ctx, &kek, lh_slice(out, 32), &back, &right));
	right = right && back.len == sizeof(key) && memcmp(back.data, key, sizeof(key)) == 0;
	out[31] ^= 1;
	LH_TRY(lh_kwp_unwrap(ctx, &kek, lh_slice(out, 32), &none, &wrong));
	out[31] ^= 1;
	out[32] = (uint8_t) ((right ? LED_BACK : 0) | (wrong ? 0 : REFUSED));
	return LH_OK;
}

/* RFC 8032, section 7.1, test 2 */
static LhStatus
ed25519(LhCtx *ctx, uint8_t *out)
{
	static const uint8_t message[1] = {0x72};
	LhSlice signature = lh_slice(out + LH_ED25519_PUBLIC, LH_ED25519_SIGNATURE);
	uint8_t seed[LH_ED25519_SEED];
	bool right, wrong;
	LhSigner *signer;
	LhVerifier *verifier;

	unhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", seed);
	LH_TRY(lh_signer_create(ctx, "selftest", lh_slice(seed, sizeof(seed)), &signer));
	memcpy(out, lh_signer_public(signer), LH_ED25519_PUBLIC);
	LH_TRY(lh_sign(ctx, signer, lh_slice(message, 1), out + LH_ED25519_PUBLIC));
	LH_TRY(lh_verifier_create(ctx, "selftest", lh_slice(out, LH_ED25519_PUBLIC), &verifier));
	LH_TRY(lh_verify(ctx, verifier, lh_slice(message, 1), signature, &right));
	LH_TRY(lh_verify(ctx, verifier, lh_slice(message, 0), signature, &wrong));
	out[96] = (uint8_t) ((right ? LED_BACK : 0) | (wrong ? 0 : REFUSED));
	return LH_OK;
}

/* The tree of eight entries that the tests of Certificate Transparency share. */
static LhStatus
merkle(LhCtx *ctx, uint8_t *out)
{
	static const char *const entries[] = {"",
										  "00",
										  "10",
										  "2021",
										  "3031",
										  "40414243",
										  "5051525354555657",
										  "606162636465666768696a6b6c6d6e6f"};
	LhMerkle tree = {0};
	LhMerkleHash root;

	for (int i = 0; i < 8; i++)
	{
		uint8_t entry[16];
		size_t n = unhex(entries[i], entry);
		LhMerkleHash leaf;

		lh_merkle_leaf(lh_slice(entry, n), &leaf);
		LH_TRY(lh_merkle_append(ctx, &tree, &leaf, NULL, NULL));
	}
	lh_merkle_root(&tree, &root);
	memcpy(out, root.b, LH_SHA256);
	return LH_OK;
}

/*
 * NIST's samples of FF1, sample 1: the value alone, and so many of it that the widest kernel
 * has its share.
 */
static LhStatus
ff1(LhCtx *ctx, uint8_t *out)
{
	enum
	{
		LENGTH = 10,
		COUNT = 40
	};
	static const char question[] = "0123456789";
	LhFf1Spec spec = {.radix = 10, .length = LENGTH};
	char one[LENGTH], many[COUNT * LENGTH];
	LhKey key = {.len = 16};
	LhFf1Key *expanded;
	LhFf1 *f;
	bool back = true;

	unhex("2b7e151628aed2a6abf7158809cf4f3c", key.bytes);
	LH_TRY(lh_ff1_key_create(ctx, &key, &expanded));
	LH_TRY(lh_ff1_create(ctx, expanded, &spec, &f));
	LH_TRY(lh_ff1_digits(ctx, f, LH_FF1_ENCRYPT, (LhFf1Tweaks){0}, question, one, 1));
	for (int i = 0; i < COUNT; i++)
		memcpy(many + i * LENGTH, question, LENGTH);
	LH_TRY(lh_ff1_digits(ctx, f, LH_FF1_ENCRYPT, (LhFf1Tweaks){0}, many, many, COUNT));
	for (int i = 0; i < COUNT; i++)
		back = back && memcmp(many + i * LENGTH, one, LENGTH) == 0;
	LH_TRY(lh_ff1_digits(ctx, f, LH_FF1_DECRYPT, (LhFf1Tweaks){0}, many, many, COUNT));
	for (int i = 0; i < COUNT; i++)
		back = back && memcmp(many + i * LENGTH, question, LENGTH) == 0;
	memcpy(out, one, LENGTH);
	out[LENGTH] = back ? LED_BACK : 0;
	return LH_OK;
}

const LhSelfTest lh_crypto_selftests[] = {
	{"SHA-256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", sha256},
	{"HMAC-SHA256", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", hmac},
	{"HKDF-SHA256",
	 "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865", hkdf},
	{"AES-CMAC", "dfa66747de9ae63030ca32611497c827", cmac},
	{"AES-GCM",
	 "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
	 "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
	 "76fc6ece0f4e1768cddf8853bb2d551b03",
	 gcm},
	{"AES-CTR", "eb6c52821d0bbbf7ce7594462aca4faab407df866569fd07f48cc0b583d6071f", ctr},
	{"AES-SIV", "85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c03", siv},
	{"AES-KWP", "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a03", kwp},
	{"FF1", "3234333334373734383401", ff1},
	{"Ed25519",
	 "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
	 "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
	 "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c0003",
	 ed25519},
	{"Merkle trees", "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328", merkle},
};

const int lh_crypto_nselftests = sizeof(lh_crypto_selftests) / sizeof(lh_crypto_selftests[0]);

static LhStatus
run_one(LhCtx *ctx, const LhSelfTest *test, bool broken)
{
	uint8_t expected[LH_SELFTEST_MOST], got[LH_SELFTEST_MOST] = {0};
	size_t n;

	if (strlen(test->expected) > 2 * LH_SELFTEST_MOST)
		LH_FAIL(ctx, LH_BUG, "the self-test of %s has too long an answer", test->algorithm);
	n = unhex(test->expected, expected);
	if (test->compute(ctx, got) != LH_OK)
	{
		lh_error_prefix(ctx, "self-test of %s", test->algorithm);
		return ctx->error->code;
	}
	if (broken)
		got[n - 1] ^= 1;
	if (memcmp(got, expected, n) != 0)
	{
		lh_fail(ctx, LH_CORRUPT, "the self-test of %s gave a wrong answer", test->algorithm);
		lh_hint(ctx,
				"Nothing is encrypted or decrypted with it: library, OpenSSL or processor are not "
				"what they should be.");
		return LH_CORRUPT;
	}
	return LH_OK;
}

LhStatus
lh_selftest_run(LhCtx *ctx, const LhSelfTest *tests, int n, int broken)
{
	LhArena *keep = ctx->arena, *scratch = lh_arena_child(keep);
	LhStatus status = LH_OK;

	if (scratch == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory for the self-tests");
	lh_use(ctx, scratch);
	for (int i = 0; i < n && status == LH_OK; i++)
		status = run_one(ctx, &tests[i], i == broken);
	lh_use(ctx, keep);
	lh_arena_destroy(scratch);
	return status;
}

LhStatus
lh_crypto_selftest(LhCtx *ctx)
{
	return lh_selftest_run(ctx, lh_crypto_selftests, lh_crypto_nselftests, -1);
}
