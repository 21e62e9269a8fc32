/*
 * test_crypto.c
 *		Ciphers against published vectors, memory that is wiped, files of keys.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/crypto.h"

static LhCtx *ctx;

static int
setup(void **state)
{
	(void) state;
	ctx = lh_ctx_create();
	return ctx == NULL;
}

static int
teardown(void **state)
{
	(void) state;
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

/* Bytes of hexadecimal digits. */
static size_t
unhex(const char *hex, uint8_t *out)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++)
	{
		unsigned v;

		assert_int_equal(sscanf(hex + 2 * i, "%2x", &v), 1);
		out[i] = (uint8_t) v;
	}
	return n;
}

static LhKey
key_of(const char *hex)
{
	LhKey key = {0};

	key.len = unhex(hex, key.bytes);
	return key;
}

/*
 * Ciphers
 */

#define GCM_KEY "feffe9928665731c6d6a8f9467308308"
#define GCM_PLAIN                                                      \
	"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72" \
	"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
#define GCM_NONCE "cafebabefacedbaddecaf888"
#define GCM_AAD   "feedfacedeadbeeffeedfacedeadbeefabaddad2"

/* Test cases 4, 10 and 16 of "The Galois/Counter Mode of Operation", McGrew and Viega. */
static const struct
{
	const char *key, *cipher, *tag;
} gcm_cases[] = {
	{GCM_KEY,
	 "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
	 "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
	 "5bc94fbc3221a5db94fae95ae7121a47"},
	{GCM_KEY "feffe9928665731c",
	 "3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c"
	 "7d773d00c144c525ac619d18c84a3f4718e2448b2fe324d9ccda2710",
	 "2519498e80f1478f37ba55bd6d27618c"},
	{GCM_KEY GCM_KEY,
	 "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
	 "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
	 "76fc6ece0f4e1768cddf8853bb2d551b"},
};

static void
gcm_agrees_with_published_vectors(void **state)
{
	uint8_t plain[64], nonce[12], aad[32];
	size_t len = unhex(GCM_PLAIN, plain), aad_len = unhex(GCM_AAD, aad);

	(void) state;
	unhex(GCM_NONCE, nonce);
	for (int i = 0; i < 3; i++)
	{
		LhKey key = key_of(gcm_cases[i].key);
		uint8_t in[64], out[64], tag[16], made[16];
		bool authentic;
		LhAes *aes;

		unhex(gcm_cases[i].cipher, in);
		unhex(gcm_cases[i].tag, tag);
		ASSERT_OK(lh_aes_create(ctx, LH_AES_GCM, &key, &aes));
		/* twice with one context, and in place */
		for (int k = 0; k < 2; k++)
		{
			ASSERT_OK(lh_aes_gcm_open(ctx, aes, nonce, lh_slice(aad, aad_len), in, len, tag, out,
									  &authentic));
			assert_true(authentic);
			assert_memory_equal(out, plain, len);
			ASSERT_OK(lh_aes_gcm_tag(ctx, aes, nonce, lh_slice(aad, aad_len), lh_slice(plain, len),
									 made));
			assert_memory_equal(made, tag, 16);
		}
		ASSERT_OK(
			lh_aes_gcm_open(ctx, aes, nonce, lh_slice(aad, aad_len), in, len, tag, in, &authentic));
		assert_true(authentic);
		assert_memory_equal(in, plain, len);
	}
}

static void
whatever_is_changed_is_not_authentic_and_leaves_no_plaintext(void **state)
{
	static const uint8_t zeros[64];
	LhKey key = key_of(GCM_KEY);
	LhAes *aes;

	(void) state;
	ASSERT_OK(lh_aes_create(ctx, LH_AES_GCM, &key, &aes));
	for (int what = 0; what < 4; what++)
	{
		uint8_t in[64], out[64], tag[16], nonce[12], aad[32];
		size_t len = unhex(gcm_cases[0].cipher, in), aad_len = unhex(GCM_AAD, aad);
		uint8_t *parts[] = {in, tag, nonce, aad};
		bool authentic;

		unhex(gcm_cases[0].tag, tag);
		unhex(GCM_NONCE, nonce);
		parts[what][7] ^= 1;
		ASSERT_OK(lh_aes_gcm_open(ctx, aes, nonce, lh_slice(aad, aad_len), in, len, tag, out,
								  &authentic));
		assert_false(authentic);
		assert_memory_equal(out, zeros, len);
	}
}

static void
ctr_agrees_with_rfc_3686(void **state)
{
	static const struct
	{
		const char *key, *nonce, *plain, *cipher;
	} cases[] = {
		{"ae6852f8121067cc4bf7a5765577f39e", "000000300000000000000000",
		 "53696e676c6520626c6f636b206d7367", "e4095d4fb7a7b3792d6175a3261311b8"},
		{"7e24067817fae0d743d6ce1f32539163", "006cb6dbc0543b59da48d90b",
		 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
		 "5104a106168a72d9790d41ee8edad388eb2e1efc46da57c8fce630df9141be28"},
		{"16af5b145fc9f579c175f93e3bfb0eed863d06ccfdb78515", "0000004836733c147d6d93cb",
		 "53696e676c6520626c6f636b206d7367", "4b55384fe259c9c84e7935a003cbe928"},
		{"776beff2851db06f4c8a0542c8696f6c6a81af1eec96b4d37fc1d689e6c1c104",
		 "00000060db5672c97aa8f0b2", "53696e676c6520626c6f636b206d7367",
		 "145ad01dbf824ec7560863dc71e3e0c0"},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		LhKey key = key_of(cases[i].key);
		uint8_t nonce[12], plain[64], in[64], out[64];
		size_t len = unhex(cases[i].plain, plain);
		LhAes *aes;

		unhex(cases[i].nonce, nonce);
		unhex(cases[i].cipher, in);
		ASSERT_OK(lh_aes_create(ctx, LH_AES_CTR, &key, &aes));
		ASSERT_OK(lh_aes_ctr(ctx, aes, nonce, in, len, out));
		assert_memory_equal(out, plain, len);
		/* again with the same context: the counter begins anew */
		ASSERT_OK(lh_aes_ctr(ctx, aes, nonce, in, len, in));
		assert_memory_equal(in, plain, len);
	}
}

/* Messages longer than a piece go through in one stream. */
static void
long_messages_are_one_message(void **state)
{
	size_t len = ((size_t) 9 << 20) + 5;
	uint8_t *plain = calloc(1, len), *sealed = malloc(len);
	uint8_t nonce[12] = {1}, tag[16], out_tag[16];
	LhKey key = key_of(GCM_KEY);
	LhAes *ctr, *gcm;
	bool authentic;

	(void) state;
	for (size_t i = 0; i < len; i += 4099)
		plain[i] = (uint8_t) i;
	ASSERT_OK(lh_aes_create(ctx, LH_AES_CTR, &key, &ctr));
	ASSERT_OK(lh_aes_create(ctx, LH_AES_GCM, &key, &gcm));
	/* GCM encrypts from counter 2 on: one block of zeros before the text aligns the two */
	memcpy(sealed, plain, len);
	ASSERT_OK(lh_aes_gcm_tag(ctx, gcm, nonce, (LhSlice){0}, lh_slice(plain, len), tag));
	{
		uint8_t *shifted = calloc(1, len + 16);

		memcpy(shifted + 16, plain, len);
		ASSERT_OK(lh_aes_ctr(ctx, ctr, nonce, shifted, len + 16, shifted));
		memcpy(sealed, shifted + 16, len);
		free(shifted);
	}
	ASSERT_OK(lh_aes_gcm_open(ctx, gcm, nonce, (LhSlice){0}, sealed, len, tag, sealed, &authentic));
	assert_true(authentic);
	assert_memory_equal(sealed, plain, len);
	ASSERT_OK(lh_aes_gcm_tag(ctx, gcm, nonce, (LhSlice){0}, lh_slice(plain, len - 1), out_tag));
	assert_memory_not_equal(tag, out_tag, 16);
	free(plain);
	free(sealed);
}

static bool
interrupted(void *arg)
{
	return --*(int *) arg < 0;
}

static void
long_messages_can_be_cancelled(void **state)
{
	static const LhHost host = {.interrupted = interrupted};
	size_t len = (size_t) 12 << 20;
	uint8_t *bytes = calloc(1, len);
	uint8_t nonce[12] = {0};
	LhKey key = key_of(GCM_KEY);
	int polls = 1;
	LhAes *aes;

	(void) state;
	ASSERT_OK(lh_aes_create(ctx, LH_AES_CTR, &key, &aes));
	ctx->host = &host;
	ctx->host_arg = &polls;
	assert_int_equal(lh_aes_ctr(ctx, aes, nonce, bytes, len, bytes), LH_CANCELLED);
	ctx->host = NULL;
	free(bytes);
}

static void
keys_of_other_lengths_are_refused(void **state)
{
	(void) state;
	for (size_t len = 0; len <= LH_KEY_MAX; len++)
	{
		LhKey key = {.len = len};
		LhAes *aes;

		assert_int_equal(lh_aes_create(ctx, LH_AES_GCM, &key, &aes),
						 len == 16 || len == 24 || len == 32 ? LH_OK : LH_INVALID);
	}
}

static void
secrets_are_compared_whole(void **state)
{
	(void) state;
	assert_true(lh_same_secret("abcdef", "abcdef", 6));
	assert_false(lh_same_secret("abcdef", "abcdeg", 6));
	assert_false(lh_same_secret("abcdef", "bbcdef", 6));
}

/*
 * Memory
 */

/* Release functions run in reverse order: one that was registered before sees what the wiping left. */
static uint8_t seen[LH_KEY_MAX];

static void
look(void *arg)
{
	memcpy(seen, ((LhKey **) arg)[0]->bytes, LH_KEY_MAX);
}

static void
copies_of_keys_are_wiped_with_their_arena(void **state)
{
	static const uint8_t zeros[LH_KEY_MAX];
	LhKey key = key_of(GCM_KEY GCM_KEY);
	LhArena *arena = lh_arena_child(ctx->arena), *old = lh_use(ctx, arena);
	const LhKey *copy;
	const LhKey **place;

	(void) state;
	LhKey **holder = (LhKey **) lh_alloc0(ctx, sizeof(LhKey *));

	ASSERT_OK(lh_arena_on_reset(ctx, arena, look, holder));
	ASSERT_OK(lh_key_copy(ctx, &key, &copy));
	place = (const LhKey **) holder;
	*place = copy;
	assert_memory_equal(copy->bytes, key.bytes, LH_KEY_MAX);
	memset(seen, 0xff, sizeof(seen));
	lh_use(ctx, old);
	lh_arena_destroy(arena);
	assert_memory_equal(seen, zeros, LH_KEY_MAX);
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
secret_memory_is_zeroed_and_goes_with_its_arena(void **state)
{
	LhArena *arena = lh_arena_child(ctx->arena), *old = lh_use(ctx, arena);
	void *p;

	(void) state;
	ASSERT_OK(lh_secret_alloc(ctx, 100000, &p));
	for (size_t i = 0; i < 100000; i++)
		assert_int_equal(((uint8_t *) p)[i], 0);
	memset(p, 0x55, 100000);
	assert_true(mapped(p));
	lh_use(ctx, old);
	lh_arena_destroy(arena);
	assert_false(mapped(p));
}

/*
 * References
 */

static void
reference_is(const char *metadata, const char *reference, const char *name)
{
	LhSlice got;
	const char *shown;

	ASSERT_OK(lh_key_reference(ctx, lh_slice(metadata, strlen(metadata)), &got, &shown));
	assert_string_equal(shown, name);
	assert_int_equal(got.len, strlen(reference));
	assert_memory_equal(got.data, reference, got.len);
}

static void
references_are_names_or_json_of_key_tools(void **state)
{
	LhSlice got;
	const char *name;

	(void) state;
	reference_is("kf", "kf", "\"kf\"");
	reference_is(
		"{\"keyMaterialType\":\"PKMT1\",\"internalStorage\":false,\"keyReference\":\"footerKey\"}",
		"footerKey", "\"footerKey\"");
	reference_is(
		"{\"keyMaterialType\":\"PKMT1\",\"internalStorage\":true,\"masterKeyID\":\"m\",\"wrappedDEK\":"
		"\"c2VjcmV0\"}",
		"", "wrapped under master key \"m\"");
	/* what is no JSON, or says nothing, is a name */
	reference_is("{\"a\":", "{\"a\":", "\"{\"a\":\"");
	reference_is("{\"a\":1}", "{\"a\":1}", "\"{\"a\":1}\"");
	reference_is("\x01\x02", "\x01\x02", "of 2 bytes of metadata (0102)");
	reference_is("\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xf7", "\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xf7",
				 "of 9 bytes of metadata (fffefdfcfbfaf9f8...)");
	ASSERT_OK(lh_key_reference(ctx, (LhSlice){0}, &got, &name));
	assert_int_equal(got.len, 0);
	assert_string_equal(name, "without a name");
}

/*
 * Files of keys
 */

#define K16 "000102030405060708090a0b0c0d0e0f"

static LhStatus
parse(const char *text, LhKeySet **set)
{
	void *p;

	ASSERT_OK(lh_secret_alloc(ctx, strlen(text) + 1, &p));
	memcpy(p, text, strlen(text));
	return lh_keyset_parse(ctx, "keys", p, strlen(text), set);
}

static LhStatus
find(const LhKeySet *set, const char *reference, const char *column, const char *path, LhKey *key)
{
	LhKeyRequest request = {.path = path,
							.column = column,
							.reference = lh_slice(reference, strlen(reference)),
							.name = "\"it\""};

	return lh_keyset_find(ctx, set, &request, key);
}

static void
keys_are_found_by_reference_column_or_as_the_footers(void **state)
{
	LhKeySet *set;
	LhKey key;

	(void) state;
	ASSERT_OK(parse(" {\"keys\" : {\"kf\":\"" K16 "\",\"k\\u00fc\\ud83d\\ude00\\n\":\"" K16
					"0011223344556677\",\n"
					"\"big\":\"" K16 K16
					"\"}, \"footer_key\":\"kf\", \"column_keys\":{\"a.b\":\"big\", \"c\":\"none\"},"
					"\"aad_prefix\":\"all\",\"aad_prefixes\":{\"f.parquet\":\"one\"}}\n",
					&set));
	ASSERT_OK(find(set, "kf", NULL, "/d/f.parquet", &key));
	assert_int_equal(key.len, 16);
	assert_int_equal(key.bytes[15], 15);
	assert_int_equal(key.aad_prefix.len, 3);
	assert_memory_equal(key.aad_prefix.data, "one", 3);
	ASSERT_OK(find(set, "kf", NULL, "/d/g.parquet", &key));
	assert_memory_equal(key.aad_prefix.data, "all", 3);
	ASSERT_OK(find(set, "k\xc3\xbc\xf0\x9f\x98\x80\n", "x", "f.parquet", &key));
	assert_int_equal(key.len, 24);
	assert_int_equal(key.bytes[23], 0x77);
	/* prefixes are asked for with the footer */
	assert_null(key.aad_prefix.data);
	ASSERT_OK(find(set, "", NULL, "f", &key));
	assert_int_equal(key.len, 16);
	ASSERT_OK(find(set, "", "a.b", "f", &key));
	assert_int_equal(key.len, 32);
	ASSERT_FAILS(find(set, "other", NULL, "f", &key), LH_DENIED,
				 "footer is encrypted with key \"it\", which is not");
	ASSERT_FAILS(find(set, "", "c", "f", &key), LH_DENIED,
				 "column is encrypted with key \"it\", which is not");
	ASSERT_FAILS(find(set, "", "a", "f", &key), LH_DENIED, "not among the keys of \"keys\"");
	assert_non_null(strstr(ctx->error->hint, "column_keys"));
	/* no prefix, no footer key */
	ASSERT_OK(
		parse("{\"keys\":{\"kf\":\"" K16 "\"},\"footer_key\":null,\"aad_prefix\":null}", &set));
	ASSERT_OK(find(set, "kf", NULL, "f", &key));
	assert_null(key.aad_prefix.data);
	ASSERT_FAILS(find(set, "", NULL, "f", &key), LH_DENIED, "not among");
	ASSERT_OK(parse("{}", &set));
}

static LhStatus
find_plain(const LhKeySet *set)
{
	LhKeyRequest request = {.path = "/d/f.parquet", .name = "", .plain = true};
	LhKey key;

	return lh_keyset_find(ctx, set, &request, &key);
}

static void
encryption_is_required_when_the_file_says_so(void **state)
{
	LhKeySet *set;

	(void) state;
	ASSERT_OK(parse("{}", &set));
	ASSERT_OK(find_plain(set));
	ASSERT_OK(parse("{\"require_encryption\": false}", &set));
	ASSERT_OK(find_plain(set));
	ASSERT_OK(parse("{\"require_encryption\": true}", &set));
	ASSERT_FAILS(find_plain(set), LH_DENIED,
				 "\"/d/f.parquet\" is not encrypted, but the keys of \"keys\" require it");
	ASSERT_FAILS(parse("{\"require_encryption\": 1}", &set), LH_INVALID, "true or false");
}

static void
errors_in_files_of_keys_name_a_place_and_never_what_stands_there(void **state)
{
	static const struct
	{
		const char *text, *expected;
	} bad[] = {
		{"", "an object at byte 1 (line 1)"},
		{"[]", "an object"},
		{"{\"keys\":{\"k\":\"" K16 "\"}", "end of an object"},
		{"{\"keys\":{\"k\":\"" K16 "\"}}x", "nothing more at byte"},
		{"{\"keys\":{\"k\":\"" K16 "\",\n\"k\":\"" K16 "\"}}",
		 "a name that no other key has at byte 50 (line 2)"},
		{"{\"keys\":{\"\":\"" K16 "\"}}", "a key with a name"},
		{"{\"keys\":{\"k\":\"" K16 "0\"}}", "hexadecimal digits"},
		{"{\"keys\":{\"k\":\"DEADBEEF0405060708090a0b0c0d0exx\"}}", "hexadecimal digits"},
		{"{\"keys\":{\"k\":\"\"}}", "hexadecimal digits"},
		{"{\"keys\":{\"k\":12}}", "a string"},
		{"{\"keys\":{\"k\" \"" K16 "\"}}", "a colon"},
		{"{\"DEADBEEF\":\"k\"}", "\"keys\", \"footer_key\""},
		{"{\"footer_key\":\"DEADBEEF", "a string that ends"},
		{"{\"footer_key\":\"DEADBEEF\\x\"}", "escape sequence"},
		{"{\"footer_key\":\"DEADBEEF\\u12\"}", "escape sequence"},
		{"{\"footer_key\":\"DEADBEEF\\u0000\"}", "escape sequence"},
		{"{\"footer_key\":\"DEADBEEF\\ud800\"}", "escape sequence"},
		{"{\"footer_key\":\"DEADBEEF\\ud800\\u0041\"}", "escape sequence"},
		{"{\"footer_key\":\"DEADBEEF\\udc00\"}", "escape sequence"},
		{"{\"footer_key\":\"DEADBEEF\\", "escape sequence"},
		{"{\"footer_key\":\"DEADBEEF\n\"}", "control character"},
		{"{\"footer_key\":\"DEADBEEF\xff\"}", "UTF-8"},
		{"{\"column_keys\":{\"a\":\"DEADBEEF\",\"a\":\"b\"}}", "not there twice"},
		{"{\"column_keys\":{\"a\":{}}}", "a string"},
		{"{\"column_keys\":\"DEADBEEF\"}", "an object"},
		{"{,}", "a string"},
		{"{\"footer_key\":nul}", "a string"},
	};
	LhKeySet *set;

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		ASSERT_FAILS(parse(bad[i].text, &set), LH_INVALID, bad[i].expected);
		assert_null(strstr(ctx->error->message, "DEADBEEF"));
		assert_null(strstr(ctx->error->detail, "DEADBEEF"));
	}
}

/* A file of these bytes and this mode. */
static const char *
put_file(const char *text, size_t len, mode_t mode)
{
	static char path[64];
	int fd;

	strcpy(path, "/tmp/lh_keys_XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	return path;
}

static void
only_files_that_nobody_else_may_read_are_taken(void **state)
{
	static const char text[] = "{\"keys\":{\"k\":\"" K16 "\"}}";
	static const mode_t wrong[] = {0640, 0604, 0620, 0602, 0610, 0601, 0666, 0777};
	const char *path = put_file(text, sizeof(text) - 1, 0600);
	char link[80];
	LhKeySet *set;
	LhKey key;

	(void) state;
	ASSERT_OK(lh_keyset_load(ctx, path, &set));
	ASSERT_OK(find(set, "k", NULL, "f", &key));
	assert_int_equal(chmod(path, 0400), 0);
	ASSERT_OK(lh_keyset_load(ctx, path, &set));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
	{
		assert_int_equal(chmod(path, wrong[i]), 0);
		ASSERT_FAILS(lh_keyset_load(ctx, path, &set), LH_INVALID, "gives rights to others");
	}
	assert_int_equal(chmod(path, 0600), 0);
	snprintf(link, sizeof(link), "%s_link", path);
	assert_int_equal(symlink(path, link), 0);
	ASSERT_FAILS(lh_keyset_load(ctx, link, &set), LH_INVALID, "symbolic link");
	unlink(link);
	if (geteuid() == 0)
	{
		assert_int_equal(chown(path, 65534, 65534), 0);
		ASSERT_FAILS(lh_keyset_load(ctx, path, &set), LH_INVALID, "must belong to");
	}
	unlink(path);
	ASSERT_FAILS(lh_keyset_load(ctx, path, &set), LH_IO, "No such file");
	ASSERT_FAILS(lh_keyset_load(ctx, "/tmp", &set), LH_INVALID, "not a regular file");
	ASSERT_FAILS(lh_keyset_load(ctx, "/dev/null", &set), LH_INVALID, "not a regular file");
	assert_int_equal(mkfifo(link, 0600), 0);
	ASSERT_FAILS(lh_keyset_load(ctx, link, &set), LH_INVALID, "not a regular file");
	unlink(link);
}

static void
large_files_of_keys_are_refused(void **state)
{
	char *text = malloc(LH_KEYS_MAX + 1);
	const char *path;
	LhKeySet *set;

	(void) state;
	memset(text, ' ', LH_KEYS_MAX + 1);
	path = put_file(text, LH_KEYS_MAX + 1, 0600);
	ASSERT_FAILS(lh_keyset_load(ctx, path, &set), LH_LIMIT, "above the limit");
	unlink(path);
	memcpy(text, "{}", 2);
	path = put_file(text, LH_KEYS_MAX, 0600);
	ASSERT_OK(lh_keyset_load(ctx, path, &set));
	unlink(path);
	free(text);
}

static void
many_keys_are_all_found(void **state)
{
	enum
	{
		N = 5000
	};
	LhBuf text;
	LhKeySet *set;
	void *p;

	(void) state;
	ASSERT_OK(lh_buf_init(ctx, &text, false));
	ASSERT_OK(lh_buf_append_str(ctx, &text, "{\"keys\":{"));
	for (int i = 0; i < N; i++)
		ASSERT_OK(lh_buf_printf(ctx, &text, "%s\"key %d\":\"%032x\"", i > 0 ? "," : "", i, i));
	ASSERT_OK(lh_buf_append_str(ctx, &text, "}}"));
	ASSERT_OK(lh_secret_alloc(ctx, text.len, &p));
	memcpy(p, text.data, text.len);
	ASSERT_OK(lh_keyset_parse(ctx, "keys", p, text.len, &set));
	for (int i = 0; i < N; i++)
	{
		char name[32];
		LhKey key;

		snprintf(name, sizeof(name), "key %d", i);
		ASSERT_OK(find(set, name, "c", "f", &key));
		assert_int_equal(key.bytes[14] << 8 | key.bytes[15], i);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(gcm_agrees_with_published_vectors),
		TEST(whatever_is_changed_is_not_authentic_and_leaves_no_plaintext),
		TEST(ctr_agrees_with_rfc_3686),
		TEST(long_messages_are_one_message),
		TEST(long_messages_can_be_cancelled),
		TEST(keys_of_other_lengths_are_refused),
		TEST(secrets_are_compared_whole),
		TEST(copies_of_keys_are_wiped_with_their_arena),
		TEST(secret_memory_is_zeroed_and_goes_with_its_arena),
		TEST(references_are_names_or_json_of_key_tools),
		TEST(keys_are_found_by_reference_column_or_as_the_footers),
		TEST(encryption_is_required_when_the_file_says_so),
		TEST(errors_in_files_of_keys_name_a_place_and_never_what_stands_there),
		TEST(only_files_that_nobody_else_may_read_are_taken),
		TEST(large_files_of_keys_are_refused),
		TEST(many_keys_are_all_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
