/*
 * test_provider.c
 *		Key providers: settings, and the one that reads a file.
 */
#include "unit/crypto_check.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/envelope.h"
#include "crypto/provider.h"

#define K1 "0101010101010101010101010101010101010101010101010101010101010101"
#define K2 "0202020202020202020202020202020202020202020202020202020202020202"
#define K3 "0303030303030303030303030303030303030303030303030303030303030303"

static const LhProviderKind *kind = &lh_provider_file;
static char path[] = "/tmp/lakehouse-keys.XXXXXX";

static int
start_group(void **state)
{
	int fd = mkstemp(path);

	(void) state;
	close(fd);
	return fd < 0;
}

static int
end_group(void **state)
{
	(void) state;
	return unlink(path);
}

static void
write_keys(const char *keys)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fprintf(f, "{\"keys\": {%s}}", keys);
	fclose(f);
	assert_int_equal(chmod(path, 0600), 0);
}

static LhProvider *
open_file(void)
{
	LhProviderOption option = {"path", path};
	LhProvider *p;

	ASSERT_OK(kind->open(ctx, &option, 1, &p));
	assert_ptr_equal(p->kind, kind);
	return p;
}

static void
keys_go_and_come_back_over_versions(void **state)
{
	LhProvider *p = open_file();
	LhProviderStatus status;
	LhSlice key, wrapped, back, newer, same;
	uint32_t version;

	(void) state;
	write_keys("\"app:1\": \"" K1 "\", \"other:1\": \"" K1 "\"");
	ASSERT_OK(kind->generate(ctx, p, "app", &key, &wrapped));
	assert_int_equal(key.len, LH_PROVIDER_KEY);
	assert_true(kind->version(wrapped, &version));
	assert_int_equal(version, 1);
	ASSERT_OK(kind->unwrap(ctx, p, "app", wrapped, &back));
	assert_bytes(back, key);
	/* a new version in the file is used at once, the old one goes on unwrapping */
	write_keys("\"app:1\": \"" K1 "\", \"app:3\": \"" K2 "\"");
	ASSERT_OK(kind->status(ctx, p, "app", &status));
	assert_int_equal(status.latest, 3);
	assert_int_equal(status.oldest, 1);
	ASSERT_OK(kind->unwrap(ctx, p, "app", wrapped, &back));
	assert_bytes(back, key);
	ASSERT_OK(kind->rewrap(ctx, p, "app", wrapped, &newer));
	assert_true(kind->version(newer, &version));
	assert_int_equal(version, 3);
	ASSERT_OK(kind->unwrap(ctx, p, "app", newer, &back));
	assert_bytes(back, key);
	ASSERT_OK(kind->wrap(ctx, p, "app", key, &same));
	assert_bytes(same, newer);
	/* and when it is gone, so is what it wrapped */
	write_keys("\"app:3\": \"" K2 "\"");
	ASSERT_FAILS(kind->unwrap(ctx, p, "app", wrapped, &back), LH_NOT_FOUND,
				 "no version 1 of key \"app\"");
	ASSERT_FAILS(kind->rewrap(ctx, p, "app", wrapped, &newer), LH_NOT_FOUND, "no version 1");
	ASSERT_OK(kind->status(ctx, p, "app", &status));
	assert_int_equal(status.oldest, 3);
}

static void
what_was_not_wrapped_by_the_key_is_refused(void **state)
{
	LhProvider *p = open_file();
	LhSlice key = of_text("sixteen bytes..."), wrapped, back, cut;
	uint8_t *changed;
	uint32_t version;

	(void) state;
	/* two keys of equal bytes are still two */
	write_keys("\"app:1\": \"" K1 "\", \"other:1\": \"" K1 "\"");
	ASSERT_OK(kind->wrap(ctx, p, "app", key, &wrapped));
	ASSERT_FAILS(kind->unwrap(ctx, p, "other", wrapped, &back), LH_CORRUPT,
				 "not one of key \"other\"");
	changed = lh_memdup(ctx, wrapped.data, wrapped.len);
	for (size_t i = 0; i < wrapped.len; i++)
	{
		LhStatus status;

		changed[i] ^= 1;
		status = kind->unwrap(ctx, p, "app", lh_slice(changed, wrapped.len), &back);
		assert_true(status == LH_CORRUPT || status == LH_UNSUPPORTED || status == LH_NOT_FOUND);
		changed[i] ^= 1;
		cut = lh_slice(lh_memdup(ctx, wrapped.data, i), i);
		assert_int_equal(kind->unwrap(ctx, p, "app", cut, &back), LH_CORRUPT);
		if (i < LH_ENVELOPE_SIV_OVERHEAD)
			assert_false(kind->version(cut, &version));
	}
	write_keys("\"app:1\": \"" K3 "\"");
	ASSERT_FAILS(kind->unwrap(ctx, p, "app", wrapped, &back), LH_CORRUPT, "does not belong");
}

static void
files_and_keys_that_will_not_do(void **state)
{
	LhProvider *p = open_file();
	LhSlice key = of_text("0123456789abcdef"), out;
	static uint8_t huge[LH_PROVIDER_MOST + 1];
	LhProviderStatus status;

	(void) state;
	write_keys("\"app:257\": \"" K1 "\", \"short:1\": \"01010101010101010101010101010101\"");
	ASSERT_FAILS(kind->wrap(ctx, p, "app", key, &out), LH_NOT_FOUND, "no version of key \"app\"");
	ASSERT_FAILS(kind->status(ctx, p, "none", &status), LH_NOT_FOUND, "no version of key \"none\"");
	ASSERT_FAILS(kind->wrap(ctx, p, "short", key, &out), LH_INVALID, "16 bytes, not 32");
	ASSERT_FAILS(kind->wrap(ctx, p, "app", lh_slice(huge, sizeof(huge)), &out), LH_INVALID,
				 "not 4097");
	ASSERT_FAILS(kind->wrap(ctx, p, "app", lh_slice(huge, 0), &out), LH_INVALID, "not 0");
	write_keys("\"app:1\": \"" K1 "\"");
	ASSERT_OK(kind->wrap(ctx, p, "app", lh_slice(huge, LH_PROVIDER_MOST), &out));
	ASSERT_OK(kind->unwrap(ctx, p, "app", out, &out));
	assert_int_equal(out.len, LH_PROVIDER_MOST);
	assert_int_equal(chmod(path, 0640), 0);
	ASSERT_FAILS(kind->wrap(ctx, p, "app", key, &out), LH_INVALID, "gives rights to others");
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(truncate(path, 5), 0);
	ASSERT_FAILS(kind->wrap(ctx, p, "app", key, &out), LH_INVALID, "cannot be used");
}

static void
settings_and_names_are_checked(void **state)
{
	static const char *const names[] = {"",     ".",   "..",       "a/b",  "a b",
										"a\"b", "a:1", "\xc3\xa4", "a%2fb"};
	LhProviderOption twice[] = {{"path", "/a"}, {"path", "/b"}}, unknown = {"file", "/a"};
	LhProviderOption empty = {"path", ""}, relative = {"path", "keys.json"}, null = {"path", NULL};
	LhProvider *p;
	LhSlice out;

	(void) state;
	ASSERT_FAILS(kind->open(ctx, twice, 2, &p), LH_INVALID, "given twice");
	ASSERT_FAILS(kind->open(ctx, &unknown, 1, &p), LH_INVALID, "no option \"file\"");
	ASSERT_FAILS(kind->open(ctx, &empty, 1, &p), LH_INVALID, "is empty");
	ASSERT_FAILS(kind->open(ctx, &null, 1, &p), LH_INVALID, "is empty");
	ASSERT_FAILS(kind->open(ctx, &relative, 1, &p), LH_INVALID, "absolute path");
	ASSERT_FAILS(kind->open(ctx, NULL, 0, &p), LH_INVALID, "needs option \"path\"");
	p = open_file();
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ASSERT_FAILS(kind->wrap(ctx, p, names[i], of_text("key"), &out), LH_INVALID, "name of a");
	ASSERT_FAILS(kind->wrap(ctx, p, lh_sprintf(ctx, "%0129d", 0), of_text("key"), &out), LH_INVALID,
				 "1 to 128");
}

/* Is this address mapped? */
static bool
mapped(const void *p)
{
	size_t page = (size_t) sysconf(_SC_PAGESIZE);
	unsigned char vec;

	return mincore((void *) ((uintptr_t) p & ~(page - 1)), 1, &vec) == 0;
}

/* Errors tell no digit of a key, and keys go with the arena. */
static void
keys_do_not_stay(void **state)
{
	LhArena *arena = lh_arena_child(ctx->arena), *old = lh_use(ctx, arena);
	LhProvider *p = open_file();
	LhSlice key, wrapped, back;

	(void) state;
	write_keys("\"app:1\": \"" K1 "\"");
	ASSERT_OK(kind->generate(ctx, p, "app", &key, &wrapped));
	ASSERT_OK(kind->unwrap(ctx, p, "app", wrapped, &back));
	assert_true(mapped(key.data) && mapped(back.data));
	lh_use(ctx, old);
	lh_arena_destroy(arena);
	assert_false(mapped(key.data) || mapped(back.data));
	p = open_file();
	write_keys("\"app:1\": \"" K1 "01\"");
	ASSERT_FAILS(kind->generate(ctx, p, "app", &key, &wrapped), LH_INVALID, "cannot be used");
	assert_null(strstr(ctx->error->message, "0101"));
	assert_null(strstr(ctx->error->detail, "0101"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(keys_go_and_come_back_over_versions, setup, teardown),
		cmocka_unit_test_setup_teardown(what_was_not_wrapped_by_the_key_is_refused, setup,
										teardown),
		cmocka_unit_test_setup_teardown(files_and_keys_that_will_not_do, setup, teardown),
		cmocka_unit_test_setup_teardown(settings_and_names_are_checked, setup, teardown),
		cmocka_unit_test_setup_teardown(keys_do_not_stay, setup, teardown),
	};

	return cmocka_run_group_tests(tests, start_group, end_group);
}
