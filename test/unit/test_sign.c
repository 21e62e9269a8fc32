/*
 * test_sign.c
 *		Ed25519, signed notes and checkpoints, and the self-tests.
 */
#include "unit/crypto_check.h"

#include "crypto/selftest.h"
#include "crypto/sign.h"

static LhSigner *
signer_of(const char *name, const char *seed)
{
	LhSigner *s;

	ASSERT_OK(lh_signer_create(ctx, name, of_hex(seed), &s));
	return s;
}

#define SEED  "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define OTHER "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"

static LhVerifier *
verifier_of(const char *name, const LhSigner *signer)
{
	LhVerifier *v;

	ASSERT_OK(
		lh_verifier_create(ctx, name, lh_slice(lh_signer_public(signer), LH_ED25519_PUBLIC), &v));
	return v;
}

/* RFC 8032, section 7.1 */
static void
signatures_are_those_of_the_standard(void **state)
{
	static const struct
	{
		const char *seed, *public_key, *message, *signature;
	} cases[] = {
		{"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
		 "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
		 "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
		 "d25bf5f0595bbe24655141438e7a100b"},
		{OTHER, "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
		 "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
		 "387b2eaeb4302aeeb00d291612bb0c00"},
		{"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
		 "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
		 "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
		 "4a7c15e9716ed28dc027beceea1ec40a"},
	};

	(void) state;
	for (int i = 0; i < 3; i++)
	{
		LhSigner *s = signer_of("k", cases[i].seed);
		LhVerifier *v = verifier_of("k", s);
		uint8_t signature[LH_ED25519_SIGNATURE];
		bool authentic;

		assert_bytes(lh_slice(lh_signer_public(s), LH_ED25519_PUBLIC), of_hex(cases[i].public_key));
		ASSERT_OK(lh_sign(ctx, s, of_hex(cases[i].message), signature));
		assert_bytes(lh_slice(signature, sizeof(signature)), of_hex(cases[i].signature));
		ASSERT_OK(
			lh_verify(ctx, v, of_hex(cases[i].message), of_hex(cases[i].signature), &authentic));
		assert_true(authentic);
		for (int bit = 0; bit < 8 * LH_ED25519_SIGNATURE; bit++)
		{
			signature[bit / 8] ^= (uint8_t) (1 << bit % 8);
			ASSERT_OK(lh_verify(ctx, v, of_hex(cases[i].message),
								lh_slice(signature, sizeof(signature)), &authentic));
			assert_false(authentic);
			signature[bit / 8] ^= (uint8_t) (1 << bit % 8);
		}
		ASSERT_OK(lh_verify(ctx, v, of_text("other"), lh_slice(signature, sizeof(signature)),
							&authentic));
		assert_false(authentic);
		ASSERT_OK(lh_verify(ctx, v, of_hex(cases[i].message), lh_slice(signature, 63), &authentic));
		assert_false(authentic);
	}
}

static void
seeds_are_random(void **state)
{
	uint8_t *a, *b;

	(void) state;
	ASSERT_OK(lh_ed25519_seed(ctx, &a));
	ASSERT_OK(lh_ed25519_seed(ctx, &b));
	assert_memory_not_equal(a, b, LH_ED25519_SEED);
}

/* A checkpoint of another implementation is ours, byte for byte. */
static void
checkpoints_are_what_others_make(void **state)
{
	json_t *json = own_json("note.json");
	LhSigner *s = signer_of(member(json, "name"), member(json, "seed"));
	LhCheckpoint made = {.origin = of_text(member(json, "name")),
						 .size = (uint64_t) number_member(json, "size")},
				 read;
	LhVerifier *v;
	LhBuf out;

	(void) state;
	memcpy(made.root.b, bytes_member(json, "root").data, LH_SHA256);
	ASSERT_OK(lh_buf_init(ctx, &out, false));
	ASSERT_OK(lh_checkpoint_sign(ctx, s, &made, &out));
	assert_bytes(lh_slice(out.data, out.len), of_text(member(json, "note")));
	ASSERT_OK(lh_verifier_parse(ctx, of_text(member(json, "verifier")), &v));
	assert_string_equal(lh_verifier_text(ctx, v), member(json, "verifier"));
	ASSERT_OK(
		lh_checkpoint_open(ctx, "note", of_text(member(json, "note")), v, made.origin, &read));
	assert_int_equal(read.size, made.size);
	assert_memory_equal(read.root.b, made.root.b, LH_SHA256);
	assert_int_equal(read.extensions.len, 0);
	json_decref(json);
}

/* The example in the documentation of Go's package golang.org/x/mod/sumdb/note. */
static void
a_note_of_gos_package_is_read(void **state)
{
	static const char note[] =
		"If you think cryptography is the answer to your problem,\n"
		"then you don't know what your problem is.\n"
		"\n"
		"\xe2\x80\x94 PeterNeumann "
		"x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
	LhVerifier *v;
	LhSlice text;

	(void) state;
	ASSERT_OK(lh_verifier_parse(
		ctx, of_text("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"), &v));
	ASSERT_OK(lh_note_open(ctx, "note", of_text(note), v, &text));
	assert_int_equal(text.len, 99);
}

/* ---- hostile notes ---- */

static char *
note_of(const char *text)
{
	LhSigner *s = signer_of("k", SEED);
	LhBuf out;

	ASSERT_OK(lh_buf_init(ctx, &out, false));
	ASSERT_OK(lh_note_sign(ctx, s, of_text(text), &out));
	return lh_strndup(ctx, (const char *) out.data, out.len);
}

static void
open_fails(const char *note, LhStatus code, const char *part)
{
	LhSlice text;

	ASSERT_FAILS(
		lh_note_open(ctx, "note", of_text(note), verifier_of("k", signer_of("k", SEED)), &text),
		code, part);
}

static void
notes_are_strict(void **state)
{
	char *note = note_of("a\nb\n"), *blank = strstr(note, "\n\n");
	const char *line = blank + 2;
	size_t len = strlen(note);
	char *many = lh_strdup(ctx, "a\n\n");
	LhSlice text;

	(void) state;
	ASSERT_OK(
		lh_note_open(ctx, "note", of_text(note), verifier_of("k", signer_of("k", SEED)), &text));
	assert_bytes(text, of_text("a\nb\n"));
	/* every truncation */
	for (size_t n = 0; n < len; n++)
		assert_int_not_equal(lh_note_open(ctx, "note", lh_slice(lh_memdup(ctx, note, n), n),
										  verifier_of("k", signer_of("k", SEED)), &text),
							 LH_OK);
	/* every changed byte */
	for (size_t i = 0; i < len; i++)
	{
		char *changed = lh_strdup(ctx, note);

		changed[i] ^= 1;
		assert_int_not_equal(lh_note_open(ctx, "note", of_text(changed),
										  verifier_of("k", signer_of("k", SEED)), &text),
							 LH_OK);
	}
	open_fails(lh_sprintf(ctx, "%s\n", note), LH_CORRUPT, "no signature");
	open_fails(lh_sprintf(ctx, "%sx\n", note), LH_CORRUPT, "signature line that is none");
	open_fails(lh_sprintf(ctx, "%s%s", note, line), LH_CORRUPT, "two signatures of one key");
	open_fails(lh_sprintf(ctx, "\r%s", note), LH_CORRUPT, "lines of UTF-8");
	open_fails(lh_sprintf(ctx, "\xff%s", note), LH_CORRUPT, "lines of UTF-8");
	open_fails(lh_sprintf(ctx, "x%s", note), LH_DENIED, "wrong signature");
	open_fails("a\n", LH_CORRUPT, "no empty line");
	open_fails("a\n\n\xe2\x80\x94 k AAAA\n", LH_CORRUPT, "none");
	open_fails("a\n\n\xe2\x80\x94 k AAAAAAA\n", LH_CORRUPT, "none");
	open_fails("a\n\n\xe2\x80\x94  AAAAAAAA\n", LH_CORRUPT, "none");
	open_fails("a\n\n\xe2\x80\x94 k+ AAAAAAAA\n", LH_CORRUPT, "none");
	open_fails("a\n\n- k AAAAAAAA\n", LH_CORRUPT, "none");
	open_fails("a\n\n\xe2\x80\x94 k AAAAAAAA\n", LH_DENIED, "not signed by \"k\"");
	for (int i = 0; i < LH_NOTE_SIGNATURES; i++)
		many = lh_sprintf(ctx, "%s\xe2\x80\x94 k%d AAAAAAAA\n", many, i);
	open_fails(many, LH_DENIED, "not signed");
	open_fails(lh_sprintf(ctx, "%s\xe2\x80\x94 kx AAAAAAAA\n", many), LH_CORRUPT, "too many");
	open_fails(lh_sprintf(ctx, "%*s\n", LH_NOTE_MOST, "x"), LH_LIMIT, "65537");
}

/* Another key under the same name, and the right key under another. */
static void
only_the_key_itself_counts(void **state)
{
	char *note = note_of("a\n");
	LhSlice text;

	(void) state;
	ASSERT_FAILS(
		lh_note_open(ctx, "note", of_text(note), verifier_of("k", signer_of("k", OTHER)), &text),
		LH_DENIED, "not signed by \"k\"");
	ASSERT_FAILS(
		lh_note_open(ctx, "note", of_text(note), verifier_of("l", signer_of("l", SEED)), &text),
		LH_DENIED, "not signed by \"l\"");
	/* beside a stranger's signature ours is found */
	note = lh_sprintf(ctx, "a\n\n\xe2\x80\x94 stranger AAAAAAAA\n%s", strstr(note, "\n\n") + 2);
	ASSERT_OK(
		lh_note_open(ctx, "note", of_text(note), verifier_of("k", signer_of("k", SEED)), &text));
}

#define ROOT "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static void
checkpoints_are_strict(void **state)
{
	static const struct
	{
		const char *text, *why;
	} wrong[] = {
		{"log\n", "no size"},
		{"log\n1\n", "no root"},
		{"log\n\n" ROOT "\n", "no size"},
		{"\n1\n" ROOT "\n", "no origin"},
		{"log\n01\n" ROOT "\n", "no size"},
		{"log\n+1\n" ROOT "\n", "no size"},
		{"log\n-1\n" ROOT "\n", "no size"},
		{"log\n1 \n" ROOT "\n", "no size"},
		{"log\n9223372036854775808\n" ROOT "\n", "no size"},
		{"log\n99999999999999999999\n" ROOT "\n", "no size"},
		{"log\n1\nAAAA\n", "no root"},
		{"log\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\n", "no root"},
		{"log\n1\n" ROOT "A\n", "no root"},
		{"log\n1\n" ROOT "\nx\n\ny\n", "empty line"},
		{"log\n1\n" ROOT "\n\nx\n", "empty line"},
	};
	LhVerifier *v = verifier_of("k", signer_of("k", SEED));
	LhCheckpoint c;

	(void) state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ASSERT_FAILS(
			lh_checkpoint_open(ctx, "note", of_text(note_of(wrong[i].text)), v, of_text("log"), &c),
			LH_CORRUPT, wrong[i].why);
	ASSERT_OK(lh_checkpoint_open(ctx, "note",
								 of_text(note_of("log\n9223372036854775807\n" ROOT "\nmore\n")), v,
								 of_text("log"), &c));
	assert_int_equal(c.size, LH_MERKLE_MOST);
	assert_bytes(c.extensions, of_text("more\n"));
	ASSERT_OK(lh_checkpoint_open(ctx, "note", of_text(note_of("log\n0\n" ROOT "\n")), v,
								 of_text("log"), &c));
	ASSERT_FAILS(lh_checkpoint_open(ctx, "note", of_text(note_of("log2\n0\n" ROOT "\n")), v,
									of_text("log"), &c),
				 LH_MISMATCH, "another log than \"log\"");
}

static void
what_cannot_be_written_is_refused(void **state)
{
	LhSigner *s = signer_of("k", SEED);
	static const char *const names[] = {"",     "a b",       "a+b",          "a\tb",        "a\n",
										"\xff", "a\xc2\xa0", "\xe3\x80\x80", "\xe2\x80\x83"};
	static const char *const texts[] = {"", "a", "a\r\n", "\xff\n", "a\n\x7f\x01\n"};
	LhCheckpoint c = {.origin = of_text("two\nlines"), .size = 1};
	LhBuf out;
	LhSigner *other;
	LhVerifier *v;

	(void) state;
	ASSERT_OK(lh_buf_init(ctx, &out, false));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ASSERT_FAILS(lh_signer_create(ctx, names[i], of_hex(SEED), &other), LH_INVALID, "name");
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		ASSERT_FAILS(lh_note_sign(ctx, s, of_text(texts[i]), &out), LH_INVALID, "ended lines");
	ASSERT_FAILS(lh_checkpoint_sign(ctx, s, &c, &out), LH_INVALID, "origin");
	c.origin = (LhSlice){0};
	ASSERT_FAILS(lh_checkpoint_sign(ctx, s, &c, &out), LH_INVALID, "origin");
	c.origin = of_text("log");
	c.extensions = of_text("not ended");
	ASSERT_FAILS(lh_checkpoint_sign(ctx, s, &c, &out), LH_INVALID, "extensions");
	c.extensions = (LhSlice){0};
	c.size = LH_MERKLE_MOST + 1;
	ASSERT_FAILS(lh_checkpoint_sign(ctx, s, &c, &out), LH_OUT_OF_RANGE, "2^63");
	assert_int_equal(out.len, 0);
	ASSERT_FAILS(lh_signer_create(ctx, "k", of_hex("00"), &other), LH_INVALID, "32 bytes, not 1");
	ASSERT_FAILS(lh_verifier_create(ctx, "k", of_hex("00"), &v), LH_INVALID, "32 bytes, not 1");
}

static void
public_keys_as_text_are_strict(void **state)
{
	LhVerifier *v = verifier_of("k", signer_of("k", SEED));
	char *text = lh_verifier_text(ctx, v);
	size_t len = strlen(text);

	(void) state;
	ASSERT_OK(lh_verifier_parse(ctx, of_text(text), &v));
	for (size_t n = 0; n < len; n++)
		assert_int_equal(lh_verifier_parse(ctx, lh_slice(lh_memdup(ctx, text, n), n), &v),
						 LH_INVALID);
	for (size_t i = 0; i < len; i++)
	{
		char *changed = lh_strdup(ctx, text);
		LhStatus status;

		changed[i] ^= 1;
		status = lh_verifier_parse(ctx, of_text(changed), &v);
		assert_true(status == LH_INVALID || status == LH_UNSUPPORTED);
	}
	assert_int_equal(lh_verifier_parse(ctx, (LhSlice){0}, &v), LH_INVALID);
	assert_int_equal(lh_verifier_parse(ctx, of_text(lh_sprintf(ctx, "%sx", text)), &v), LH_INVALID);
}

/* ---- self-tests ---- */

static void
the_library_knows_the_answers(void **state)
{
	static const LhIsa sets[] = {LH_ISA_BASE, LH_ISA_AVX2, LH_ISA_AVX512};

	(void) state;
	for (int i = 0; i < 3; i++)
	{
		lh_isa_choose(sets[i]);
		ASSERT_OK(lh_crypto_selftest(ctx));
	}
	assert_int_equal(lh_crypto_nselftests, 11);
}

static void
every_wrong_answer_is_noticed(void **state)
{
	(void) state;
	for (int i = 0; i < lh_crypto_nselftests; i++)
	{
		lh_error_clear(ctx);
		ASSERT_FAILS(lh_selftest_run(ctx, lh_crypto_selftests, lh_crypto_nselftests, i), LH_CORRUPT,
					 lh_crypto_selftests[i].algorithm);
	}
}

/* An answer that compute did not give at all is wrong, too. */
static LhStatus
no_answer(LhCtx *c, uint8_t *out)
{
	(void) c, (void) out;
	return LH_OK;
}

static void
a_missing_answer_is_wrong(void **state)
{
	(void) state;
	for (int i = 0; i < lh_crypto_nselftests; i++)
	{
		LhSelfTest test = lh_crypto_selftests[i];

		test.compute = no_answer;
		assert_int_equal(lh_selftest_run(ctx, &test, 1, -1), LH_CORRUPT);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(signatures_are_those_of_the_standard, setup, teardown),
		cmocka_unit_test_setup_teardown(seeds_are_random, setup, teardown),
		cmocka_unit_test_setup_teardown(checkpoints_are_what_others_make, setup, teardown),
		cmocka_unit_test_setup_teardown(a_note_of_gos_package_is_read, setup, teardown),
		cmocka_unit_test_setup_teardown(notes_are_strict, setup, teardown),
		cmocka_unit_test_setup_teardown(only_the_key_itself_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(checkpoints_are_strict, setup, teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_written_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(public_keys_as_text_are_strict, setup, teardown),
		cmocka_unit_test_setup_teardown(the_library_knows_the_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(every_wrong_answer_is_noticed, setup, teardown),
		cmocka_unit_test_setup_teardown(a_missing_answer_is_wrong, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
