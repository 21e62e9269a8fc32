/*
 * test_envelope.c
 *		Envelopes: another implementation's bytes, what is refused, counts, forks.
 */
#include "unit/crypto_check.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/envelope.h"

static const uint8_t data_key[LH_ENVELOPE_KEY] = "a data key that nobody knows    ";
static const LhKeyRef some_ref = {UINT64_C(0x1122334455667788), 3};
static const LhEnvelopeAlgorithm algorithms[] = {LH_ENVELOPE_GCM, LH_ENVELOPE_SIV};

static LhEnvelopeKey *
key_of(LhKeyRef ref, const uint8_t *bytes, uint64_t sealed)
{
	LhEnvelopeKey *key;

	ASSERT_OK(lh_envelope_key_create(ctx, ref, lh_slice(bytes, LH_ENVELOPE_KEY), sealed, &key));
	return key;
}

static LhBinding
bind_to(LhEnvelopeKey *key, const char *domain, const char *context)
{
	LhBinding b;

	ASSERT_OK(lh_envelope_bind(ctx, key, of_text(domain), of_text(context), &b));
	return b;
}

static LhSlice
seal(LhEnvelopeKey *key, LhEnvelopeAlgorithm algorithm, const LhBinding *b, LhSlice plain)
{
	size_t n = lh_envelope_size(algorithm, plain.len);
	uint8_t *out = lh_alloc(ctx, n);

	ASSERT_OK(lh_envelope_seal(ctx, key, algorithm, b, plain, out));
	return lh_slice(out, n);
}

/* Parse and open; *plain is of exactly its length. */
static LhStatus
open_bytes(LhEnvelopeKey *key, const LhBinding *b, LhSlice bytes, LhSlice *plain)
{
	LhEnvelope e;
	uint8_t *out;

	LH_TRY(lh_envelope_parse(ctx, bytes, &e));
	LH_ALLOC(ctx, out, e.plain_len + 1);
	memset(out, 0x55, e.plain_len + 1);
	*plain = lh_slice(out, e.plain_len);
	return lh_envelope_open(ctx, key, b, &e, out);
}

static void
bytes_are_what_the_documentation_says(void **state)
{
	json_t *root = own_json("envelopes.json"), *test;
	size_t i;
	int both[3] = {0};

	(void) state;
	json_array_foreach(json_object_get(root, "envelopes"), i, test)
	{
		LhKeyRef ref = {strtoull(member(test, "id"), NULL, 16),
						(uint32_t) number_member(test, "version")};
		LhSlice plain = bytes_member(test, "msg"), sealed = bytes_member(test, "sealed"), got, back;
		LhEnvelopeAlgorithm algorithm = (LhEnvelopeAlgorithm) number_member(test, "algorithm");
		LhEnvelopeKey *key = key_of(ref, bytes_member(test, "key").data, 0);
		LhBinding b;
		LhBuf text;

		both[algorithm]++;
		ASSERT_OK(lh_envelope_bind(ctx, key, bytes_member(test, "domain"),
								   bytes_member(test, "context"), &b));
		ASSERT_OK(open_bytes(key, &b, sealed, &got));
		assert_bytes(got, plain);
		if (algorithm == LH_ENVELOPE_SIV)
			assert_bytes(seal(key, algorithm, &b, plain), sealed);
		ASSERT_OK(lh_buf_init(ctx, &text, false));
		ASSERT_OK(lh_envelope_to_text(ctx, sealed, &text));
		assert_bytes(lh_slice(text.data, text.len), of_text(member(test, "text")));
		assert_true(lh_envelope_is_text(of_text(member(test, "text"))));
		ASSERT_OK(lh_envelope_from_text(ctx, of_text(member(test, "text")), &back));
		assert_bytes(back, sealed);
	}
	assert_int_equal(both[LH_ENVELOPE_GCM], 6);
	assert_int_equal(both[LH_ENVELOPE_SIV], 6);
	json_decref(root);
}

static void
one_is_the_same_each_time_and_one_is_not(void **state)
{
	LhEnvelopeKey *key = key_of(some_ref, data_key, 0);
	LhBinding b = bind_to(key, "t.c", "");
	LhSlice siv = seal(key, LH_ENVELOPE_SIV, &b, of_text("value"));
	LhSlice gcm = seal(key, LH_ENVELOPE_GCM, &b, of_text("value")), again, got;

	(void) state;
	assert_bytes(seal(key, LH_ENVELOPE_SIV, &b, of_text("value")), siv);
	again = seal(key, LH_ENVELOPE_GCM, &b, of_text("value"));
	assert_memory_not_equal(again.data, gcm.data, gcm.len);
	assert_memory_not_equal(again.data + LH_ENVELOPE_HEADER, gcm.data + LH_ENVELOPE_HEADER,
							LH_AES_NONCE);
	ASSERT_OK(open_bytes(key, &b, again, &got));
	assert_bytes(got, of_text("value"));
}

/* Zeros where the value would be, whatever the error. */
static void
assert_nothing_told(LhSlice plain)
{
	for (size_t i = 0; i < plain.len; i++)
		assert_int_equal(plain.data[i], 0);
	assert_null(strstr(ctx->error->message, "secret"));
}

static void
every_changed_bit_and_every_length_is_refused(void **state)
{
	LhEnvelopeKey *key = key_of(some_ref, data_key, 0);
	LhBinding b = bind_to(key, "t.c", "7");

	(void) state;
	for (int a = 0; a < 2; a++)
	{
		LhSlice sealed = seal(key, algorithms[a], &b, of_text("a secret value")), got = {0};
		uint8_t *bytes = lh_alloc0(ctx, sealed.len + 1);

		for (size_t len = 0; len < sealed.len; len++)
		{
			LhArena *arena = lh_arena_child(ctx->arena), *old = lh_use(ctx, arena);
			LhSlice cut = lh_slice(lh_memdup(ctx, sealed.data, len), len);

			got = (LhSlice){0};
			assert_int_equal(open_bytes(key, &b, cut, &got), LH_CORRUPT);
			assert_nothing_told(got);
			lh_use(ctx, old);
			lh_arena_destroy(arena);
		}
		memcpy(bytes, sealed.data, sealed.len);
		got = (LhSlice){0};
		assert_int_equal(open_bytes(key, &b, lh_slice(bytes, sealed.len + 1), &got), LH_CORRUPT);
		assert_nothing_told(got);
		for (size_t bit = 0; bit < 8 * sealed.len; bit++)
		{
			LhStatus expected = LH_CORRUPT;

			/* magic, version and algorithm, key; the rest only the tag tells */
			if (bit / 8 == 2 || (bit / 8 == 3 && bit % 8 > 1))
				expected = LH_UNSUPPORTED;
			else if (bit / 8 >= 4 && bit / 8 < LH_ENVELOPE_HEADER)
				expected = LH_MISMATCH;
			bytes[bit / 8] ^= (uint8_t) (1 << bit % 8);
			got = (LhSlice){0};
			if (bit / 8 == 3 && bit % 8 <= 1)
			{
				/* 1 to 0 and 3, 2 to 3 and 0: neither is known */
				assert_int_equal(open_bytes(key, &b, lh_slice(bytes, sealed.len), &got),
								 LH_UNSUPPORTED);
			}
			else
			{
				assert_int_equal(open_bytes(key, &b, lh_slice(bytes, sealed.len), &got), expected);
				if (expected != LH_MISMATCH)
					assert_nothing_told(got);
			}
			bytes[bit / 8] ^= (uint8_t) (1 << bit % 8);
		}
	}
}

/* One algorithm's envelope under the other's name is refused by its tag. */
static void
algorithms_are_not_exchanged(void **state)
{
	LhEnvelopeKey *key = key_of(some_ref, data_key, 0);
	LhBinding b = bind_to(key, "t.c", "7");

	(void) state;
	for (int a = 0; a < 2; a++)
	{
		LhSlice sealed = seal(key, algorithms[a], &b, of_text("long enough for either of them")),
				got;
		uint8_t *bytes = lh_memdup(ctx, sealed.data, sealed.len);

		bytes[3] = (uint8_t) algorithms[1 - a];
		ASSERT_FAILS(open_bytes(key, &b, lh_slice(bytes, sealed.len), &got), LH_CORRUPT,
					 "does not belong");
		assert_nothing_told(got);
	}
}

static void
values_open_only_where_they_belong(void **state)
{
	static const char *const places[][2] = {{"t.c", "7"}, {"t.d", "7"}, {"t.c", "8"}, {"t.c", ""},
											{"t.c7", ""}, {"t.", "c7"}, {"", "t.c7"}, {"", ""}};
	LhEnvelopeKey *key = key_of(some_ref, data_key, 0);

	(void) state;
	for (int a = 0; a < 2; a++)
		for (int i = 0; i < 8; i++)
		{
			LhBinding from = bind_to(key, places[i][0], places[i][1]);
			LhSlice sealed = seal(key, algorithms[a], &from, of_text("secret")), got;

			for (int k = 0; k < 8; k++)
			{
				LhBinding to = bind_to(key, places[k][0], places[k][1]);

				assert_int_equal(open_bytes(key, &to, sealed, &got), i == k ? LH_OK : LH_CORRUPT);
				if (i != k)
					assert_nothing_told(got);
			}
		}
}

static void
keys_open_only_their_own(void **state)
{
	static const uint8_t other_key[LH_ENVELOPE_KEY] = "another data key                ";
	LhKeyRef next = {some_ref.id, some_ref.version + 1},
			 other = {some_ref.id + 1, some_ref.version};
	LhEnvelopeKey *key = key_of(some_ref, data_key, 0);
	LhBinding b = bind_to(key, "d", "c");

	(void) state;
	for (int a = 0; a < 2; a++)
	{
		LhSlice sealed = seal(key, algorithms[a], &b, of_text("secret")), got;
		uint8_t *renamed = lh_memdup(ctx, sealed.data, sealed.len);
		LhEnvelopeKey *wrong = key_of(some_ref, other_key, 0);
		LhBinding wrong_binding = bind_to(wrong, "d", "c");

		ASSERT_FAILS(open_bytes(wrong, &wrong_binding, sealed, &got), LH_CORRUPT,
					 "does not belong");
		assert_nothing_told(got);
		/* the same bytes of key under another name are another key */
		wrong = key_of(next, data_key, 0);
		wrong_binding = bind_to(wrong, "d", "c");
		ASSERT_FAILS(open_bytes(wrong, &wrong_binding, sealed, &got), LH_MISMATCH,
					 "version 3 of key 1122334455667788");
		renamed[7]++;
		ASSERT_FAILS(open_bytes(wrong, &wrong_binding, lh_slice(renamed, sealed.len), &got),
					 LH_CORRUPT, "does not belong");
		wrong = key_of(other, data_key, 0);
		wrong_binding = bind_to(wrong, "d", "c");
		ASSERT_FAILS(open_bytes(wrong, &wrong_binding, sealed, &got), LH_MISMATCH,
					 "not version 3 of key 1122334455667789");
	}
	for (size_t len = 0; len < 70; len++)
	{
		uint8_t bytes[70] = {0};
		LhEnvelopeKey *k;

		assert_int_equal(lh_envelope_key_create(ctx, some_ref, lh_slice(bytes, len), 0, &k),
						 len == LH_ENVELOPE_KEY ? LH_OK : LH_INVALID);
	}
}

/* ---- text ---- */

static void
text_is_strict(void **state)
{
	LhEnvelopeKey *key = key_of(some_ref, data_key, 0);
	LhBinding b = bind_to(key, "d", "c");
	LhSlice sealed = seal(key, LH_ENVELOPE_SIV, &b, of_text("x")), out;
	LhBuf text;
	char *s;

	(void) state;
	ASSERT_OK(lh_buf_init(ctx, &text, false));
	ASSERT_OK(lh_envelope_to_text(ctx, sealed, &text));
	for (size_t n = 0; n < text.len; n++)
	{
		LhStatus status = lh_envelope_from_text(ctx, lh_slice(text.data, n), &out);

		/* 24 bytes and more of 33 may be an envelope by its form */
		if (status == LH_OK)
			assert_int_equal(out.len, LH_ENVELOPE_SIV_OVERHEAD);
	}
	s = lh_strndup(ctx, (const char *) text.data, text.len);
	ASSERT_FAILS(lh_envelope_from_text(ctx, of_text(lh_sprintf(ctx, "%s=", s)), &out), LH_CORRUPT,
				 "base64");
	ASSERT_FAILS(lh_envelope_from_text(ctx, of_text(lh_sprintf(ctx, "%s\n", s)), &out), LH_CORRUPT,
				 "base64");
	ASSERT_FAILS(lh_envelope_from_text(ctx, of_text(lh_sprintf(ctx, " %s", s)), &out), LH_CORRUPT,
				 "begins");
	ASSERT_FAILS(lh_envelope_from_text(ctx, of_text("lhe2:TEUB"), &out), LH_CORRUPT, "begins");
	ASSERT_FAILS(lh_envelope_from_text(ctx, of_text("lhe1:"), &out), LH_CORRUPT, "0 bytes");
	ASSERT_FAILS(lh_envelope_from_text(ctx, (LhSlice){0}, &out), LH_CORRUPT, "begins");
	ASSERT_FAILS(lh_envelope_to_text(ctx, of_text("no envelope"), &text), LH_CORRUPT, "11 bytes");
	assert_false(lh_envelope_is_text(of_text("lhe1")));
}

/* ---- counting ---- */

static void
the_last_nonce_is_counted(void **state)
{
	LhEnvelopeKey *key = key_of(some_ref, data_key, LH_ENVELOPE_NEAR - 1);
	LhBinding b = bind_to(key, "d", "c");
	uint8_t out[100];

	(void) state;
	assert_false(lh_envelope_key_near(key));
	seal(key, LH_ENVELOPE_SIV, &b, of_text("is not counted"));
	assert_false(lh_envelope_key_near(key));
	seal(key, LH_ENVELOPE_GCM, &b, of_text("is counted"));
	assert_true(lh_envelope_key_near(key));
	assert_int_equal(lh_envelope_key_sealed(key), LH_ENVELOPE_NEAR);
	key = key_of(some_ref, data_key, LH_ENVELOPE_LAST - 1);
	seal(key, LH_ENVELOPE_GCM, &b, of_text("the last"));
	ASSERT_FAILS(lh_envelope_seal(ctx, key, LH_ENVELOPE_GCM, &b, of_text("one more"), out),
				 LH_LIMIT, "2^32");
	assert_int_equal(lh_envelope_key_sealed(key), LH_ENVELOPE_LAST);
	seal(key, LH_ENVELOPE_SIV, &b, of_text("SIV has no nonce"));
}

/* A child must not find the nonces that its parent goes on using. */
static void
forks_do_not_share_nonces(void **state)
{
	LhEnvelopeKey *key = key_of(some_ref, data_key, 0);
	LhBinding b = bind_to(key, "d", "c");
	uint8_t theirs[80][LH_AES_NONCE];
	int ends[2], status;
	pid_t child;

	(void) state;
	seal(key, LH_ENVELOPE_GCM, &b, of_text("fills the supply"));
	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
	{
		for (int i = 0; i < 80; i++)
		{
			uint8_t out[64];

			if (lh_envelope_seal(ctx, key, LH_ENVELOPE_GCM, &b, of_text("x"), out) != LH_OK ||
				write(ends[1], out + LH_ENVELOPE_HEADER, LH_AES_NONCE) != LH_AES_NONCE)
				_exit(1);
		}
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(read(ends[0], theirs, sizeof(theirs)), sizeof(theirs));
	for (int i = 0; i < 80; i++)
	{
		LhSlice ours = seal(key, LH_ENVELOPE_GCM, &b, of_text("x"));

		for (int k = 0; k < 80; k++)
			assert_memory_not_equal(ours.data + LH_ENVELOPE_HEADER, theirs[k], LH_AES_NONCE);
	}
	close(ends[0]);
	close(ends[1]);
}

static int
compare_nonces(const void *a, const void *b)
{
	return memcmp(a, b, LH_AES_NONCE);
}

static void
nonces_do_not_repeat(void **state)
{
	enum
	{
		N = 20000
	};
	LhEnvelopeKey *key = key_of(some_ref, data_key, 0);
	LhBinding b = bind_to(key, "d", "c");
	uint8_t(*all)[LH_AES_NONCE] = malloc(N * LH_AES_NONCE), out[64];

	(void) state;
	for (int i = 0; i < N; i++)
	{
		ASSERT_OK(lh_envelope_seal(ctx, key, LH_ENVELOPE_GCM, &b, of_text("x"), out));
		memcpy(all[i], out + LH_ENVELOPE_HEADER, LH_AES_NONCE);
	}
	qsort(all, N, LH_AES_NONCE, compare_nonces);
	for (int i = 1; i < N; i++)
		assert_memory_not_equal(all[i - 1], all[i], LH_AES_NONCE);
	assert_int_equal(lh_envelope_key_sealed(key), N);
	free(all);
}

/* ---- batches ---- */

static void
batches_are_values_one_by_one(void **state)
{
	enum
	{
		N = 600
	};
	LhEnvelopeKey *key = key_of(some_ref, data_key, 0);
	LhBinding b = bind_to(key, "d", "c");
	LhSlice plain[N], sealed[N], back[N];
	LhBuf out, opened;

	(void) state;
	for (int i = 0; i < N; i++)
		plain[i] = of_text(lh_sprintf(ctx, "%0*d", i % 90, i));
	for (int a = 0; a < 2; a++)
	{
		ASSERT_OK(lh_buf_init(ctx, &out, false));
		ASSERT_OK(lh_buf_init(ctx, &opened, false));
		ASSERT_OK(lh_buf_append_str(ctx, &out, "before"));
		ASSERT_OK(lh_buf_append_str(ctx, &opened, "before"));
		ASSERT_OK(lh_envelope_seal_batch(ctx, key, algorithms[a], &b, plain, N, &out, sealed));
		ASSERT_OK(lh_envelope_open_batch(ctx, key, &b, sealed, N, &opened, back));
		for (int i = 0; i < N; i++)
		{
			LhSlice got;

			ASSERT_OK(open_bytes(key, &b, sealed[i], &got));
			assert_bytes(got, plain[i]);
			assert_bytes(back[i], plain[i]);
		}
		/* one that is damaged fails all of them, and nothing of the others is left */
		((uint8_t *) (uintptr_t) sealed[400].data)[sealed[400].len - 1] ^= 1;
		opened.len = 6;
		ASSERT_FAILS(lh_envelope_open_batch(ctx, key, &b, sealed, N, &opened, back), LH_CORRUPT,
					 "value 401 of 600: ");
		assert_int_equal(opened.len, 6);
		for (size_t i = 6; i < 6 + 400; i++)
			assert_int_equal(opened.data[i], 0);
	}
	ASSERT_OK(lh_envelope_seal_batch(ctx, key, LH_ENVELOPE_GCM, &b, plain, 0, &out, sealed));
	ASSERT_OK(lh_envelope_open_batch(ctx, key, &b, sealed, 0, &opened, back));
	key = key_of(some_ref, data_key, LH_ENVELOPE_LAST - 2);
	out.len = 0;
	ASSERT_FAILS(lh_envelope_seal_batch(ctx, key, LH_ENVELOPE_GCM, &b, plain, 3, &out, sealed),
				 LH_LIMIT, "value 3 of 3: ");
	assert_int_equal(out.len, 0);
}

static bool
interrupted(void *arg)
{
	return --*(int *) arg < 0;
}

static void
batches_can_be_cancelled(void **state)
{
	static const LhHost host = {.interrupted = interrupted};
	enum
	{
		N = 1000
	};
	LhEnvelopeKey *key = key_of(some_ref, data_key, 0);
	LhBinding b = bind_to(key, "d", "c");
	LhSlice plain[N] = {{0}}, sealed[N];
	int polls = 2;
	LhBuf out;

	(void) state;
	ASSERT_OK(lh_buf_init(ctx, &out, false));
	ctx->host = &host;
	ctx->host_arg = &polls;
	assert_int_equal(lh_envelope_seal_batch(ctx, key, LH_ENVELOPE_SIV, &b, plain, N, &out, sealed),
					 LH_CANCELLED);
	ctx->host = NULL;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(bytes_are_what_the_documentation_says, setup, teardown),
		cmocka_unit_test_setup_teardown(one_is_the_same_each_time_and_one_is_not, setup, teardown),
		cmocka_unit_test_setup_teardown(every_changed_bit_and_every_length_is_refused, setup,
										teardown),
		cmocka_unit_test_setup_teardown(algorithms_are_not_exchanged, setup, teardown),
		cmocka_unit_test_setup_teardown(values_open_only_where_they_belong, setup, teardown),
		cmocka_unit_test_setup_teardown(keys_open_only_their_own, setup, teardown),
		cmocka_unit_test_setup_teardown(text_is_strict, setup, teardown),
		cmocka_unit_test_setup_teardown(the_last_nonce_is_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(forks_do_not_share_nonces, setup, teardown),
		cmocka_unit_test_setup_teardown(nonces_do_not_repeat, setup, teardown),
		cmocka_unit_test_setup_teardown(batches_are_values_one_by_one, setup, teardown),
		cmocka_unit_test_setup_teardown(batches_can_be_cancelled, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
