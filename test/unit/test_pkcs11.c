/*
 * test_pkcs11.c
 *		Hardware security modules as key providers, against a token of software (package softhsm2).
 */
#include "unit/crypto_check.h"

#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/provider_pkcs11.h"

#define PIN "pin-of-mine"

static const LhProviderKind *kind = &lh_provider_pkcs11;
static char root[64], pin_file[128];
static const char *module;
static CK_FUNCTION_LIST_PTR calls;

static void
write_pin(const char *text)
{
	FILE *f = fopen(pin_file, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(pin_file, 0600), 0);
}

static void
run(const char *format, const char *label)
{
	char command[512];

	snprintf(command, sizeof(command), format, label);
	assert_int_equal(system(command), 0);
}

static int
start_group(void **state)
{
	static const char *const places[] = {"/usr/lib/softhsm/libsofthsm2.so",
										 "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
										 "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so"};
	char path[128];
	FILE *f;

	(void) state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && module == NULL; i++)
		if (access(places[i], R_OK) == 0)
			module = places[i];
	if (module == NULL)
	{
		print_message("no module of softhsm2: its tests are skipped (apt-get install softhsm2)\n");
		return 0;
	}
	strcpy(root, "/tmp/lakehouse-pkcs11.XXXXXX");
	if (mkdtemp(root) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/tokens", root);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/softhsm2.conf", root);
	snprintf(pin_file, sizeof(pin_file), "%s/pin", root);
	f = fopen(path, "w");
	fprintf(f, "directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = ERROR\n",
			root);
	fclose(f);
	setenv("SOFTHSM2_CONF", path, 1);
	run("softhsm2-util --init-token --free --label %s --pin " PIN " --so-pin so-pin > /dev/null",
		"lake");
	run("softhsm2-util --init-token --free --label %s --pin " PIN " --so-pin so-pin > /dev/null",
		"twin");
	run("softhsm2-util --init-token --free --label %s --pin " PIN " --so-pin so-pin > /dev/null",
		"twin");
	return 0;
}

static int
end_group(void **state)
{
	char command[128];

	(void) state;
	if (module == NULL)
		return 0;
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

static int
set_up(void **state)
{
	int failed = setup(state);

	if (module != NULL)
		write_pin(PIN "\n");
	return failed;
}

static LhProvider *
open_token(const char *token)
{
	LhProviderOption options[] = {{"module", module}, {"token", token}, {"pin_file", pin_file}};
	LhProvider *p;

	ASSERT_OK(kind->open(ctx, options, 3, &p));
	return p;
}

/* The module's table of calls: the provider has the same. */
static void
load(void)
{
	CK_C_GetFunctionList get;
	CK_RV rv;

	if (calls != NULL)
		return;
	*(void **) &get = dlsym(dlopen(module, RTLD_NOW | RTLD_LOCAL), "C_GetFunctionList");
	assert_int_equal(get(&calls), CKR_OK);
	rv = calls->C_Initialize(&(CK_C_INITIALIZE_ARGS){.flags = CKF_OS_LOCKING_OK});
	assert_true(rv == CKR_OK || rv == CKR_CRYPTOKI_ALREADY_INITIALIZED);
}

/* An AES key on token "lake", as the maker's tools would make it; of these bytes, or (NULL) of its own. */
static void
put_key(const char *label, const void *id, size_t id_len, const uint8_t *bytes)
{
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_AES;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_ULONG len = 32;
	CK_ATTRIBUTE template[] = {{CKA_LABEL, (void *) label, strlen(label)},
							   {CKA_ID, (void *) id, id_len},
							   {bytes != NULL ? CKA_VALUE : CKA_VALUE_LEN,
								bytes != NULL ? (void *) bytes : &len,
								bytes != NULL ? len : sizeof(len)},
							   {CKA_TOKEN, &yes, sizeof(yes)},
							   {CKA_SENSITIVE, &yes, sizeof(yes)},
							   {CKA_EXTRACTABLE, &no, sizeof(no)},
							   {CKA_ENCRYPT, &yes, sizeof(yes)},
							   {CKA_DECRYPT, &yes, sizeof(yes)},
							   {CKA_CLASS, &class, sizeof(class)},
							   {CKA_KEY_TYPE, &type, sizeof(type)}};
	CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, NULL, 0};
	CK_SLOT_ID slots[16];
	CK_ULONG n = 16;
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE key;
	CK_TOKEN_INFO info;
	CK_RV rv;

	load();
	assert_int_equal(calls->C_GetSlotList(CK_TRUE, slots, &n), CKR_OK);
	for (CK_ULONG i = 0; i < n; i++)
	{
		assert_int_equal(calls->C_GetTokenInfo(slots[i], &info), CKR_OK);
		if (memcmp(info.label, "lake ", 5) == 0)
			slots[0] = slots[i];
	}
	assert_int_equal(
		calls->C_OpenSession(slots[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session),
		CKR_OK);
	rv = calls->C_Login(session, CKU_USER, (CK_UTF8CHAR_PTR) PIN, strlen(PIN));
	assert_true(rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN);
	rv = bytes != NULL ? calls->C_CreateObject(session, template, 10, &key)
					   : calls->C_GenerateKey(session, &mechanism, template, 8, &key);
	assert_int_equal(rv, CKR_OK);
	calls->C_CloseSession(session);
}

static void
make_key(const char *label, const void *id, size_t id_len)
{
	put_key(label, id, id_len, NULL);
}

#define NEED_TOKEN()        \
	do                      \
	{                       \
		(void) state;       \
		if (module == NULL) \
			skip();         \
	} while (0)

static void
assert_error_clean(void)
{
	assert_null(strstr(ctx->error->message, PIN));
	assert_null(strstr(ctx->error->detail, PIN));
	assert_null(strstr(ctx->error->hint, PIN));
}

#define ASSERT_REFUSED(call, code, part) \
	do                                   \
	{                                    \
		lh_error_clear(ctx);             \
		ASSERT_FAILS(call, code, part);  \
		assert_error_clean();            \
	} while (0)

static CK_RV (*real_login)(CK_SESSION_HANDLE, CK_USER_TYPE, CK_UTF8CHAR_PTR, CK_ULONG);
static CK_RV (*real_info)(CK_SESSION_HANDLE, CK_SESSION_INFO_PTR);
static int tries, arrived;

/* Whoever asks this wants to log in. */
static CK_RV
counted_info(CK_SESSION_HANDLE session, CK_SESSION_INFO_PTR info)
{
	__atomic_add_fetch(&arrived, 1, __ATOMIC_SEQ_CST);
	return real_info(session, info);
}

static CK_RV
counted_login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin, CK_ULONG len)
{
	__atomic_add_fetch(&tries, 1, __ATOMIC_SEQ_CST);
	/* until all threads want to */
	while (__atomic_load_n(&arrived, __ATOMIC_SEQ_CST) < 4)
		usleep(1000);
	return real_login(session, user, pin, len);
}

static void *
log_in_wrongly(void *arg)
{
	LhCtx *mine = lh_ctx_create();
	LhProviderOption options[] = {{"module", module}, {"token", "lake"}, {"pin_file", pin_file}};
	LhProviderStatus status;
	LhProvider *p;
	int *denied = arg;

	*denied = kind->open(mine, options, 3, &p) == LH_OK &&
			  kind->status(mine, p, "app", &status) == LH_DENIED;
	lh_ctx_destroy(mine);
	return NULL;
}

/* A token locks itself after a few: neither operations, configurations opened anew, nor threads try it again. */
static void
a_wrong_pin_is_tried_once(void **state)
{
	pthread_t threads[4];
	int denied[4];
	LhProvider *p;
	LhProviderStatus status;

	/* first of all: a login is the process's, and lasts */
	NEED_TOKEN();
	load();
	real_login = calls->C_Login;
	real_info = calls->C_GetSessionInfo;
	calls->C_GetSessionInfo = counted_info;
	calls->C_Login = counted_login;
	p = open_token("lake");
	write_pin("another-pin");
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, log_in_wrongly, &denied[i]), 0);
	for (int i = 0; i < 4; i++)
	{
		pthread_join(threads[i], NULL);
		assert_true(denied[i]);
	}
	assert_int_equal(tries, 1);
	ASSERT_REFUSED(kind->status(ctx, p, "app", &status), LH_DENIED, "refused the PIN of file");
	ASSERT_REFUSED(kind->status(ctx, open_token("lake"), "app", &status), LH_DENIED,
				   "refused the PIN of file");
	assert_int_equal(tries, 1);
	/* another file is another PIN, for all that is known */
	unlink(pin_file);
	write_pin("a-third-pin");
	ASSERT_REFUSED(kind->status(ctx, p, "app", &status), LH_DENIED, "the PIN is wrong");
	ASSERT_REFUSED(kind->status(ctx, p, "app", &status), LH_DENIED, "refused the PIN of file");
	assert_int_equal(tries, 2);
	calls->C_Login = real_login;
	calls->C_GetSessionInfo = real_info;
}

static void
a_wrong_pin_is_denied(void **state)
{
	LhProvider *p;
	LhProviderStatus status;

	/* first of all: a login is the process's, and lasts */
	NEED_TOKEN();
	p = open_token("lake");
	unlink(pin_file);
	write_pin("another-pin");
	ASSERT_REFUSED(kind->status(ctx, p, "app", &status), LH_DENIED, "the PIN is wrong");
	write_pin("");
	ASSERT_REFUSED(kind->status(ctx, p, "app", &status), LH_INVALID, "one line");
	write_pin("two\nlines\n");
	ASSERT_REFUSED(kind->status(ctx, p, "app", &status), LH_INVALID, "one line");
	assert_int_equal(chmod(pin_file, 0604), 0);
	ASSERT_REFUSED(kind->status(ctx, p, "app", &status), LH_INVALID, "gives rights to others");
	unlink(pin_file);
	ASSERT_REFUSED(kind->status(ctx, p, "app", &status), LH_IO, "cannot open PIN file");
}

static void
keys_go_and_come_back_over_versions(void **state)
{
	LhProvider *p;
	LhProviderStatus status;
	LhSlice key, wrapped, back, newer;
	uint32_t version;

	NEED_TOKEN();
	p = open_token("lake");
	ASSERT_REFUSED(kind->generate(ctx, p, "app", &key, &wrapped), LH_NOT_FOUND,
				   "has no key \"app\"");
	make_key("app", "\1", 1);
	ASSERT_OK(kind->generate(ctx, p, "app", &key, &wrapped));
	assert_int_equal(key.len, LH_PROVIDER_KEY);
	assert_true(kind->version(wrapped, &version));
	assert_int_equal(version, 1);
	ASSERT_OK(kind->unwrap(ctx, p, "app", wrapped, &back));
	assert_bytes(back, key);
	/* of another length, and out of order */
	make_key("app", "\0\0\0\3", 4);
	make_key("app", "\0\2", 2);
	ASSERT_OK(kind->status(ctx, p, "app", &status));
	assert_int_equal(status.latest, 3);
	assert_int_equal(status.oldest, 1);
	ASSERT_OK(kind->rewrap(ctx, p, "app", wrapped, &newer));
	assert_true(kind->version(newer, &version));
	assert_int_equal(version, 3);
	ASSERT_OK(kind->unwrap(ctx, p, "app", newer, &back));
	assert_bytes(back, key);
	ASSERT_OK(kind->unwrap(ctx, p, "app", wrapped, &back));
	assert_bytes(back, key);
	/* the same key twice is never wrapped alike */
	ASSERT_OK(kind->wrap(ctx, p, "app", key, &wrapped));
	assert_false(wrapped.len == newer.len && memcmp(wrapped.data, newer.data, wrapped.len) == 0);
}

static void
keys_of_all_lengths_are_wrapped(void **state)
{
	static uint8_t bytes[LH_PROVIDER_MOST + 1];
	static const size_t lengths[] = {1, 2, 15, 16, 17, 32, 64, LH_PROVIDER_MOST};
	LhProvider *p;
	LhSlice wrapped, back;

	NEED_TOKEN();
	p = open_token("lake");
	make_key("long", "\1", 1);
	memset(bytes, 0xfb, sizeof(bytes));
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
	{
		ASSERT_OK(kind->wrap(ctx, p, "long", lh_slice(bytes, lengths[i]), &wrapped));
		ASSERT_OK(kind->unwrap(ctx, p, "long", wrapped, &back));
		assert_bytes(back, lh_slice(bytes, lengths[i]));
	}
	ASSERT_REFUSED(kind->wrap(ctx, p, "long", lh_slice(bytes, 0), &wrapped), LH_INVALID, "not 0");
	ASSERT_REFUSED(kind->wrap(ctx, p, "long", lh_slice(bytes, sizeof(bytes)), &wrapped), LH_INVALID,
				   "not 4097");
}

/* A wrapped key is of its name and version, and of no other. */
static void
wrapped_keys_are_bound(void **state)
{
	static const char *const wrong[] = {"",
										"pkcs11:",
										"pkcs11:v",
										"pkcs11:v1",
										"pkcs11:v1:",
										"pkcs11:v0:QUJD",
										"pkcs11:v1:*",
										"pkcs11:v1:QUJD",
										"pkcs11:v99999999999:QUJD",
										"vault:v1:QUJD"};
	static const uint8_t copied[32] = {7, 7, 7};
	LhProvider *p;
	LhSlice key, wrapped, back;
	char changed[512];

	NEED_TOKEN();
	p = open_token("lake");
	make_key("bound", "\1", 1);
	make_key("bound", "\2", 1);
	make_key("other", "\2", 1);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ASSERT_REFUSED(kind->unwrap(ctx, p, "bound", lh_slice(wrong[i], strlen(wrong[i])), &back),
					   LH_CORRUPT, "none of key provider");
	ASSERT_OK(kind->generate(ctx, p, "bound", &key, &wrapped));
	ASSERT_REFUSED(kind->unwrap(ctx, p, "other", wrapped, &back), LH_CORRUPT,
				   "not what this key wrapped");
	for (size_t i = strlen("pkcs11:v2:"); i < wrapped.len; i++)
	{
		memcpy(changed, wrapped.data, wrapped.len);
		changed[i] = changed[i] == 'A' ? 'B' : 'A';
		lh_error_clear(ctx);
		assert_int_equal(kind->unwrap(ctx, p, "bound", lh_slice(changed, wrapped.len), &back),
						 LH_CORRUPT);
	}
	memcpy(changed, wrapped.data, wrapped.len);
	changed[strlen("pkcs11:v")] = '1';
	ASSERT_REFUSED(kind->unwrap(ctx, p, "bound", lh_slice(changed, wrapped.len), &back), LH_CORRUPT,
				   "not what this key wrapped");
	changed[strlen("pkcs11:v")] = '7';
	ASSERT_REFUSED(kind->unwrap(ctx, p, "bound", lh_slice(changed, wrapped.len), &back),
				   LH_NOT_FOUND, "no version 7 of key \"bound\"");
	/* nor where the token has the same key by another name, or of another version */
	put_key("copied", "\1", 1, copied);
	put_key("twice", "\1", 1, copied);
	put_key("twice", "\2", 1, copied);
	ASSERT_OK(kind->generate(ctx, p, "copied", &key, &wrapped));
	ASSERT_REFUSED(kind->unwrap(ctx, p, "twice", wrapped, &back), LH_CORRUPT,
				   "not what this key wrapped");
	ASSERT_OK(kind->generate(ctx, p, "twice", &key, &wrapped));
	ASSERT_OK(kind->unwrap(ctx, p, "twice", wrapped, &back));
	memcpy(changed, wrapped.data, wrapped.len);
	changed[strlen("pkcs11:v")] = '1';
	ASSERT_REFUSED(kind->unwrap(ctx, p, "twice", lh_slice(changed, wrapped.len), &back), LH_CORRUPT,
				   "not what this key wrapped");
}

static void
versions_are_numbers_and_unique(void **state)
{
	LhProvider *p;
	LhProviderStatus status;

	NEED_TOKEN();
	p = open_token("lake");
	make_key("none", "", 0);
	ASSERT_REFUSED(kind->status(ctx, p, "none", &status), LH_INVALID, "CKA_ID is no number");
	make_key("zero", "\0", 1);
	ASSERT_REFUSED(kind->status(ctx, p, "zero", &status), LH_INVALID, "CKA_ID is no number");
	make_key("large", "\1\0\0\0\1", 5);
	ASSERT_REFUSED(kind->status(ctx, p, "large", &status), LH_INVALID, "CKA_ID is no number");
	make_key("two", "\1", 1);
	make_key("two", "\0\1", 2);
	ASSERT_REFUSED(kind->status(ctx, p, "two", &status), LH_INVALID,
				   "two keys \"two\" of version 1");
}

static CK_RV (*real_find)(CK_SESSION_HANDLE, CK_OBJECT_HANDLE_PTR, CK_ULONG, CK_ULONG_PTR);

static CK_RV
find_one(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE_PTR out, CK_ULONG most, CK_ULONG_PTR n)
{
	return real_find(session, out, most < 1 ? most : 1, n);
}

static CK_RV
find_endlessly(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE_PTR out, CK_ULONG most, CK_ULONG_PTR n)
{
	(void) session;
	for (CK_ULONG i = 0; i < most; i++)
		out[i] = i;
	*n = most;
	return CKR_OK;
}

static void
all_keys_of_a_label_are_seen(void **state)
{
	LhProvider *p;
	LhProviderStatus status;

	NEED_TOKEN();
	p = open_token("lake");
	make_key("pages", "\2", 1);
	make_key("pages", "\1", 1);
	make_key("pages", "\3", 1);
	load();
	real_find = calls->C_FindObjects;
	calls->C_FindObjects = find_one;
	ASSERT_OK(kind->status(ctx, p, "pages", &status));
	assert_int_equal(status.latest, 3);
	assert_int_equal(status.oldest, 1);
	calls->C_FindObjects = find_endlessly;
	ASSERT_REFUSED(kind->status(ctx, p, "pages", &status), LH_LIMIT, "more than 65536 keys");
	calls->C_FindObjects = real_find;
	ASSERT_OK(kind->status(ctx, p, "pages", &status));
}

static void
tokens_are_found_by_their_label(void **state)
{
	LhProviderStatus status;

	NEED_TOKEN();
	ASSERT_REFUSED(kind->status(ctx, open_token("nowhere"), "app", &status), LH_NOT_FOUND,
				   "no token \"nowhere\"");
	ASSERT_REFUSED(kind->status(ctx, open_token("lak"), "app", &status), LH_NOT_FOUND,
				   "no token \"lak\"");
	ASSERT_REFUSED(kind->status(ctx, open_token("twin"), "app", &status), LH_NOT_FOUND,
				   "more than one");
}

static void *
work(void *arg)
{
	LhCtx *mine = lh_ctx_create();
	LhProviderOption options[] = {{"module", module}, {"token", "lake"}, {"pin_file", pin_file}};
	LhSlice key, wrapped, back;
	LhProvider *p;
	int *good = arg;

	if (kind->open(mine, options, 3, &p) == LH_OK)
		for (int i = 0; i < 50; i++)
			*good += kind->generate(mine, p, "threads", &key, &wrapped) == LH_OK &&
					 kind->unwrap(mine, p, "threads", wrapped, &back) == LH_OK &&
					 back.len == key.len && memcmp(back.data, key.data, key.len) == 0;
	lh_ctx_destroy(mine);
	return NULL;
}

static void
threads_share_a_module(void **state)
{
	pthread_t threads[4];
	int good[4] = {0};

	NEED_TOKEN();
	make_key("threads", "\1", 1);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, work, &good[i]), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 4; i++)
		assert_int_equal(good[i], 50);
}

static void
settings_and_modules_are_checked(void **state)
{
	static const struct
	{
		LhProviderOption options[4];
		int n;
		const char *part;
	} cases[] = {
		{{{"token", "x"}, {"pin_file", "/x"}}, 2, "needs option \"module\""},
		{{{"module", "/x"}, {"pin_file", "/x"}}, 2, "needs option \"token\""},
		{{{"module", "/x"}, {"token", "x"}}, 2, "needs option \"pin_file\""},
		{{{"module", "x.so"}, {"token", "x"}, {"pin_file", "/x"}}, 3, "absolute path"},
		{{{"module", "/x"}, {"token", "123456789012345678901234567890123"}, {"pin_file", "/x"}},
		 3,
		 "at most 32"},
		{{{"module", "/x"}, {"token", "x"}, {"pin_file", "/x"}, {"pin", "1234"}},
		 4,
		 "no option \"pin\""}};
	LhProviderStatus status;
	char path[128];
	LhProvider *p;
	FILE *f;

	NEED_TOKEN();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ASSERT_REFUSED(kind->open(ctx, cases[i].options, cases[i].n, &p), LH_INVALID,
					   cases[i].part);
	snprintf(path, sizeof(path), "%s/module.so", root);
	{
		LhProviderOption options[] = {{"module", path}, {"token", "lake"}, {"pin_file", pin_file}};

		ASSERT_OK(kind->open(ctx, options, 3, &p));
		ASSERT_REFUSED(kind->status(ctx, p, "app", &status), LH_IO, "cannot open module");
		f = fopen(path, "w");
		fputs("no library", f);
		fclose(f);
		ASSERT_REFUSED(kind->status(ctx, p, "app", &status), LH_INVALID, "is no module");
		/* code that others may change is not loaded */
		assert_int_equal(chmod(path, 0666), 0);
		ASSERT_REFUSED(kind->status(ctx, p, "app", &status), LH_INVALID, "may change");
		unlink(path);
	}
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, teardown)
	const struct CMUnitTest tests[] = {
		T(a_wrong_pin_is_tried_once),       T(a_wrong_pin_is_denied),
		T(all_keys_of_a_label_are_seen),    T(keys_go_and_come_back_over_versions),
		T(keys_of_all_lengths_are_wrapped), T(wrapped_keys_are_bound),
		T(versions_are_numbers_and_unique), T(tokens_are_found_by_their_label),
		T(threads_share_a_module),          T(settings_and_modules_are_checked),
	};

	return cmocka_run_group_tests(tests, start_group, end_group);
}
