/*
 * test_provider_env.c
 *		Key encryption keys from the environment: taken once, and gone from there.
 */
#include "unit/crypto_check.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/provider.h"

#define K1  "0101010101010101010101010101010101010101010101010101010101010101"
#define K2  "0202020202020202020202020202020202020202020202020202020202020202"
#define ONE "{\"keys\": {\"app:1\": \"" K1 "\"}}"
#define TWO "{\"keys\": {\"app:1\": \"" K1 "\", \"app:2\": \"" K2 "\"}}"

extern char **environ;

static const LhProviderKind *kind = &lh_provider_env;

static void
take(const char *variable, const char *value)
{
	assert_int_equal(setenv(variable, value, 1), 0);
	ASSERT_OK(lh_provider_env_take(ctx));
	assert_null(getenv(variable));
}

static LhProvider *
open_env(const char *variable)
{
	LhProviderOption option = {"variable", variable};
	LhProvider *p;

	ASSERT_OK(kind->open(ctx, &option, variable != NULL ? 1 : 0, &p));
	assert_ptr_equal(p->kind, kind);
	return p;
}

static void
keys_go_and_come_back_over_versions(void **state)
{
	LhProvider *p = open_env(NULL);
	LhProviderStatus status;
	LhSlice key, wrapped, back, newer;
	uint32_t version;

	(void) state;
	take("LAKEHOUSE_KEYS", ONE);
	ASSERT_OK(kind->generate(ctx, p, "app", &key, &wrapped));
	assert_int_equal(key.len, LH_PROVIDER_KEY);
	assert_true(kind->version(wrapped, &version));
	assert_int_equal(version, 1);
	ASSERT_OK(kind->unwrap(ctx, p, "app", wrapped, &back));
	assert_bytes(back, key);
	/* what is taken later counts */
	take("LAKEHOUSE_KEYS", TWO);
	ASSERT_OK(kind->status(ctx, p, "app", &status));
	assert_int_equal(status.latest, 2);
	assert_int_equal(status.oldest, 1);
	ASSERT_OK(kind->rewrap(ctx, p, "app", wrapped, &newer));
	assert_true(kind->version(newer, &version));
	assert_int_equal(version, 2);
	ASSERT_OK(kind->unwrap(ctx, p, "app", newer, &back));
	assert_bytes(back, key);
	/* parsing has not changed what is kept */
	ASSERT_OK(kind->unwrap(ctx, p, "app", wrapped, &back));
	assert_bytes(back, key);
}

/* One form: keys move from a file to the environment and back. */
static void
a_file_with_the_same_keys_unwraps_them(void **state)
{
	char path[] = "/tmp/lakehouse-env.XXXXXX";
	int fd = mkstemp(path);
	LhProviderOption option = {"path", path};
	LhProvider *p = open_env(NULL), *file;
	LhSlice key, wrapped, back;

	(void) state;
	take("LAKEHOUSE_KEYS", ONE);
	assert_int_equal(write(fd, ONE, strlen(ONE)), (ssize_t) strlen(ONE));
	close(fd);
	ASSERT_OK(lh_provider_file.open(ctx, &option, 1, &file));
	ASSERT_OK(kind->generate(ctx, p, "app", &key, &wrapped));
	ASSERT_OK(lh_provider_file.unwrap(ctx, file, "app", wrapped, &back));
	assert_bytes(back, key);
	unlink(path);
}

static void
only_variables_of_ours_are_taken(void **state)
{
	LhProviderOption others[] = {{"variable", "PATH"},
								 {"variable", "LAKEHOUSE_KEY"},
								 {"variable", "lakehouse_keys"},
								 {"variable", "LAKEHOUSE_KEYS=X"},
								 {"variable", "LAKEHOUSE_KEYS-2"}};
	LhProviderOption unknown = {"path", "/tmp"}, empty = {"variable", ""};
	LhProvider *p;
	LhSlice key, wrapped;

	(void) state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		ASSERT_FAILS(kind->open(ctx, &others[i], 1, &p), LH_INVALID,
					 "begins with \"LAKEHOUSE_KEYS\"");
	ASSERT_FAILS(kind->open(ctx, &unknown, 1, &p), LH_INVALID, "no option \"path\"");
	ASSERT_FAILS(kind->open(ctx, &empty, 1, &p), LH_INVALID, "is empty");
	setenv("LAKEHOUSE_OTHER", "stays", 1);
	take("LAKEHOUSE_KEYS_TENANT", ONE);
	assert_string_equal(getenv("LAKEHOUSE_OTHER"), "stays");
	unsetenv("LAKEHOUSE_OTHER");
	p = open_env("LAKEHOUSE_KEYS_TENANT");
	ASSERT_OK(kind->generate(ctx, p, "app", &key, &wrapped));
	p = open_env("LAKEHOUSE_KEYS_NONE");
	ASSERT_FAILS(kind->generate(ctx, p, "app", &key, &wrapped), LH_NOT_FOUND,
				 "started without environment variable \"LAKEHOUSE_KEYS_NONE\"");
	p = open_env("LAKEHOUSE_KEYS_TENANT");
	ASSERT_FAILS(kind->generate(ctx, p, "other", &key, &wrapped), LH_NOT_FOUND,
				 "environment variable \"LAKEHOUSE_KEYS_TENANT\" has no version of key \"other\"");
}

/* Errors tell where, never what stands there; too long a value goes from the environment as well. */
static void
values_that_will_not_do(void **state)
{
	char *huge = malloc(LH_KEYS_MAX + 2);
	LhProvider *p = open_env("LAKEHOUSE_KEYS_BAD");
	LhSlice key, wrapped;

	(void) state;
	take("LAKEHOUSE_KEYS_BAD", "{\"keys\": {\"app:1\": \"" K1 "01\"}}");
	ASSERT_FAILS(kind->generate(ctx, p, "app", &key, &wrapped), LH_INVALID,
				 "keys of \"LAKEHOUSE_KEYS_BAD\" cannot be used");
	assert_null(strstr(ctx->error->message, "0101"));
	take("LAKEHOUSE_KEYS_BAD", "");
	ASSERT_FAILS(kind->generate(ctx, p, "app", &key, &wrapped), LH_INVALID, "cannot be used");
	memset(huge, ' ', LH_KEYS_MAX + 1);
	huge[LH_KEYS_MAX + 1] = '\0';
	setenv("LAKEHOUSE_KEYS_BAD", huge, 1);
	setenv("LAKEHOUSE_KEYS_GOOD", ONE, 1);
	ASSERT_FAILS(lh_provider_env_take(ctx), LH_LIMIT, "\"LAKEHOUSE_KEYS_BAD\" has 1048577 bytes");
	assert_null(getenv("LAKEHOUSE_KEYS_BAD"));
	assert_null(getenv("LAKEHOUSE_KEYS_GOOD"));
	p = open_env("LAKEHOUSE_KEYS_GOOD");
	ASSERT_OK(kind->generate(ctx, p, "app", &key, &wrapped));
	free(huge);
}

/* How often the digits are in a file. */
static int
found_in(const char *path)
{
	static char bytes[1 << 18];
	int fd = open(path, O_RDONLY), n = 0;
	ssize_t len = read(fd, bytes, sizeof(bytes));

	close(fd);
	for (ssize_t i = 0; i + 64 <= len; i++)
		n += memcmp(bytes + i, K1, 64) == 0;
	return n;
}

/* In a process that was started with the variable: what the system shows of it, and of its children. */
static int
child(void)
{
	LhCtx *own = lh_ctx_create();
	int before = found_in("/proc/self/environ");

	if (before != 2 || own == NULL || lh_provider_env_take(own) != LH_OK)
		return 2;
	if (found_in("/proc/self/environ") != 0)
		return 3;
	if (system("tr '\\0' '\\n' < /proc/self/environ | grep -q 0101 && exit 1; "
			   "tr '\\0' '\\n' < /proc/$PPID/environ | grep -q OTHER=stays") != 0)
		return 4;
	lh_ctx_destroy(own);
	return 0;
}

static void
the_system_shows_them_no_more(void **state)
{
	char *argv[] = {"test_provider_env", "child", NULL};
	char *envp[] = {"A=b", "LAKEHOUSE_KEYS=" ONE, "OTHER=stays", "LAKEHOUSE_KEYS_B=" ONE, NULL};
	int status;
	pid_t pid;

	(void) state;
	assert_int_equal(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, envp), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(keys_go_and_come_back_over_versions, setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_with_the_same_keys_unwraps_them, setup, teardown),
		cmocka_unit_test_setup_teardown(only_variables_of_ours_are_taken, setup, teardown),
		cmocka_unit_test_setup_teardown(values_that_will_not_do, setup, teardown),
		cmocka_unit_test_setup_teardown(the_system_shows_them_no_more, setup, teardown),
	};

	if (argc > 1 && strcmp(argv[1], "child") == 0)
		return child();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
