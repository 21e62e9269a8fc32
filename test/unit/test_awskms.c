/*
 * test_awskms.c
 *		AWS KMS as a key provider, against a server that does as badly as it is told.
 */
#include "unit/crypto_check.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include "net/awskms.h"
#include "stub_client.h"

#define ID     "AKIDEXAMPLE"
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define FIRST  "11111111-1111-1111-1111-111111111111"

static const LhProviderKind *kind = &lh_provider_awskms;
static char root[64], endpoint[64], secure_endpoint[64], metadata[64], certificate[128], file[128];
static Stub stub, secure, instance;
static LhHost host;
static int polls, waits;

static bool
interrupted(void *arg)
{
	(void) arg;
	if (polls > 0)
		polls--;
	return polls == 0;
}

static int
wait_fds(void *arg, LhWaitFd *fds, int nfds, int timeout_ms)
{
	LhCtx plain = {0};

	(void) arg;
	waits++;
	return lh_host_wait(&plain, fds, nfds, timeout_ms > 20 ? 20 : timeout_ms);
}

static void
write_file(const char *text)
{
	FILE *f = fopen(file, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(file, 0600), 0);
}

static int
start_group(void **state)
{
	const char *const plain[] = {"--kms", "--key", ID ":" SECRET, "--key", "OTHER:other:token-1",
								 NULL};
	const char *const tls[] = {"--kms", "--tls", certificate, NULL};
	const char *const role[] = {"--instance", "lake", "--key", "OTHER:other:token-1",
								"--seconds",  "3600", NULL};

	(void) state;
	strcpy(root, "/tmp/lakehouse-awskms.XXXXXX");
	if (mkdtemp(root) == NULL)
		return 1;
	snprintf(certificate, sizeof(certificate), "%s/ca.pem", root);
	snprintf(file, sizeof(file), "%s/credentials", root);
	stub_start(&stub, root, plain);
	stub_start(&secure, root, tls);
	stub_start(&instance, root, role);
	snprintf(endpoint, sizeof(endpoint), "http://127.0.0.1:%d", stub.port);
	snprintf(secure_endpoint, sizeof(secure_endpoint), "https://localhost:%d", secure.port);
	snprintf(metadata, sizeof(metadata), "http://127.0.0.1:%d", instance.port);
	return 0;
}

static int
end_group(void **state)
{
	char command[128];

	(void) state;
	stub_stop(&stub);
	stub_stop(&secure);
	stub_stop(&instance);
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

static int
set_up(void **state)
{
	int failed = setup(state);

	polls = -1;
	waits = 0;
	host = (LhHost){.interrupted = interrupted, .wait = wait_fds};
	ctx->host = &host;
	write_file("[default]\naws_access_key_id = " ID "\naws_secret_access_key = " SECRET "\n");
	stub_tell(&stub, "reset");
	stub_tell(&instance, "reset");
	free(stub_get(&stub, "/_kms/reset"));
	return failed;
}

/* extra: one more option, or NULL. */
static LhProvider *
open_file(const char *name, const char *value)
{
	LhProviderOption options[] = {{"region", "eu-central-1"},
								  {"endpoint", endpoint},
								  {"credentials_file", file},
								  {"attempts", "3"},
								  {name, value}};
	LhProvider *p;

	ASSERT_OK(kind->open(ctx, options, name != NULL ? 5 : 4, &p));
	return p;
}

static void
tell(const char *what)
{
	char path[64];

	sprintf(path, "/_kms/%s", what);
	free(stub_get(&stub, path));
}

/* Nothing that is secret, and nothing that the server says in words, may be in an error. */
static void
assert_error_clean(void)
{
	static const char *const secrets[] = {SECRET, "wJalr", "token-1", "arn:aws", "it is "};

	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
	{
		assert_null(strstr(ctx->error->message, secrets[i]));
		assert_null(strstr(ctx->error->detail, secrets[i]));
		assert_null(strstr(ctx->error->hint, secrets[i]));
	}
}

#define ASSERT_REFUSED(call, code, part) \
	do                                   \
	{                                    \
		lh_error_clear(ctx);             \
		ASSERT_FAILS(call, code, part);  \
		assert_error_clean();            \
	} while (0)

/* ---- what works ---- */

static void
keys_go_and_come_back_over_rotations(void **state)
{
	LhProvider *p = open_file(NULL, NULL);
	LhProviderStatus status;
	LhSlice key, wrapped, back, newer;
	uint32_t version;

	(void) state;
	ASSERT_OK(kind->generate(ctx, p, "app", &key, &wrapped));
	assert_int_equal(key.len, LH_PROVIDER_KEY);
	assert_true(kind->version(wrapped, &version));
	assert_int_equal(version, 1);
	assert_memory_equal(wrapped.data, "awskms:v1:" FIRST ":", strlen("awskms:v1:" FIRST ":"));
	ASSERT_OK(kind->unwrap(ctx, p, "app", wrapped, &back));
	assert_bytes(back, key);
	/* two a page: four are counted in two requests */
	for (int i = 0; i < 4; i++)
		tell("rotate");
	ASSERT_OK(kind->status(ctx, p, "app", &status));
	assert_int_equal(status.latest, 5);
	assert_int_equal(status.oldest, 1);
	ASSERT_OK(kind->rewrap(ctx, p, "app", wrapped, &newer));
	assert_true(kind->version(newer, &version));
	assert_int_equal(version, 5);
	ASSERT_OK(kind->unwrap(ctx, p, "app", newer, &back));
	assert_bytes(back, key);
	ASSERT_OK(kind->unwrap(ctx, p, "app", wrapped, &back));
	assert_bytes(back, key);
	assert_true(waits > 0);
}

/* An alias that names another key by now: what the old one wrapped opens, and is rewrapped by the new one. */
static void
aliases_may_name_another_key(void **state)
{
	LhProvider *p = open_file(NULL, NULL);
	LhSlice key, wrapped, back, newer;

	(void) state;
	ASSERT_OK(kind->generate(ctx, p, "app", &key, &wrapped));
	tell("retarget");
	ASSERT_OK(kind->unwrap(ctx, p, "app", wrapped, &back));
	assert_bytes(back, key);
	ASSERT_OK(kind->rewrap(ctx, p, "app", wrapped, &newer));
	assert_memory_equal(newer.data, "awskms:v1:22222222-", 19);
	ASSERT_OK(kind->unwrap(ctx, p, "app", newer, &back));
	assert_bytes(back, key);
}

static void
keys_are_named_by_id_too(void **state)
{
	static const char *const names[] = {FIRST, "mrk-33333333333333333333333333333333"};
	LhProvider *p = open_file(NULL, NULL);
	LhSlice key, wrapped, back;

	(void) state;
	for (int i = 0; i < 2; i++)
	{
		ASSERT_OK(kind->generate(ctx, p, names[i], &key, &wrapped));
		ASSERT_OK(kind->unwrap(ctx, p, names[i], wrapped, &back));
		assert_bytes(back, key);
	}
	ASSERT_REFUSED(kind->generate(ctx, p, "missing", &key, &wrapped), LH_NOT_FOUND,
				   "no such key (NotFoundException)");
	ASSERT_REFUSED(kind->generate(ctx, p, "a\"b", &key, &wrapped), LH_INVALID, "letters, digits");
}

static void
keys_of_all_lengths_are_wrapped(void **state)
{
	LhProvider *p = open_file(NULL, NULL);
	static uint8_t bytes[LH_PROVIDER_MOST + 1];
	static const size_t lengths[] = {1, 2, 3, 16, 32, 64, LH_PROVIDER_MOST};
	LhSlice wrapped, back;

	(void) state;
	memset(bytes, 0xfb, sizeof(bytes));
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
	{
		ASSERT_OK(kind->wrap(ctx, p, "app", lh_slice(bytes, lengths[i]), &wrapped));
		ASSERT_OK(kind->unwrap(ctx, p, "app", wrapped, &back));
		assert_bytes(back, lh_slice(bytes, lengths[i]));
	}
	ASSERT_REFUSED(kind->wrap(ctx, p, "app", lh_slice(bytes, 0), &wrapped), LH_INVALID, "not 0");
	ASSERT_REFUSED(kind->wrap(ctx, p, "app", lh_slice(bytes, sizeof(bytes)), &wrapped), LH_INVALID,
				   "not 4097");
}

static void
who_may_not_list_rotations_gets_version_one(void **state)
{
	LhProvider *p = open_file(NULL, NULL);
	LhProviderStatus status;

	(void) state;
	tell("rotate");
	tell("unlisted");
	ASSERT_OK(kind->status(ctx, p, "app", &status));
	assert_int_equal(status.latest, 1);
}

static void
tls_with_its_own_certificate(void **state)
{
	LhProviderOption options[] = {{"region", "eu-central-1"},
								  {"endpoint", secure_endpoint},
								  {"credentials_file", file},
								  {"attempts", "1"},
								  {"ca_file", certificate}};
	LhSlice key, wrapped;
	LhProvider *p;

	(void) state;
	ASSERT_OK(kind->open(ctx, options, 5, &p));
	ASSERT_OK(kind->generate(ctx, p, "app", &key, &wrapped));
	ASSERT_OK(kind->open(ctx, options, 4, &p));
	ASSERT_REFUSED(kind->generate(ctx, p, "app", &key, &wrapped), LH_IO, "could not reach");
}

/* ---- credentials ---- */

static void
profiles_have_their_own_credentials(void **state)
{
	LhProvider *p = open_file("profile", "lake");
	LhSlice key, wrapped;

	(void) state;
	ASSERT_REFUSED(kind->generate(ctx, p, "app", &key, &wrapped), LH_INVALID, "section [lake]");
	/* the file is read anew; comments, blanks and names of others are passed over */
	write_file("# a comment\n\n[default]\naws_access_key_id=x\naws_secret_access_key=y\n"
			   "[ lake ]\r\n  aws_access_key_id\t=  OTHER\r\n; another\nregion = moon\n"
			   "aws_secret_access_key =other\naws_session_token=token-1");
	ASSERT_OK(kind->generate(ctx, p, "app", &key, &wrapped));
	write_file("[lake]\naws_access_key_id=OTHER\naws_secret_access_key=other\n");
	ASSERT_REFUSED(kind->generate(ctx, p, "app", &key, &wrapped), LH_DENIED, "session has ended");
	write_file("[lake]\naws_access_key_id=OTHER\naws_secret_access_key=wrong\naws_session_token="
			   "token-1\n");
	ASSERT_REFUSED(kind->generate(ctx, p, "app", &key, &wrapped), LH_DENIED,
				   "InvalidSignatureException");
	write_file("[lake]\naws_access_key_id=NOBODY\naws_secret_access_key=wrong\n");
	ASSERT_REFUSED(kind->generate(ctx, p, "app", &key, &wrapped), LH_DENIED, "not known");
}

static void
credentials_files_are_read_strictly(void **state)
{
	static const struct
	{
		const char *text, *part;
	} cases[] = {{"", "section [default]"},
				 {"[default]\naws_access_key_id=x\n", "section [default]"},
				 {"[default]\naws_access_key_id\n", "line 2"},
				 {"[default\n", "line 1"},
				 {"[default]\n=x\n", "line 2"},
				 {"[default]\naws_access_key_id=x\naws_access_key_id=y\n", "line 3"},
				 {"[default]\naws_access_key_id=x y\n", "line 2"},
				 {"[default]\naws_access_key_id=\n", "line 2"},
				 {"[default]\naws_secret_access_key=\xc3\xa4\n", "line 2"}};
	LhProvider *p = open_file(NULL, NULL);
	LhSlice key, wrapped;

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		write_file(cases[i].text);
		ASSERT_REFUSED(kind->generate(ctx, p, "app", &key, &wrapped), LH_INVALID, cases[i].part);
	}
	assert_int_equal(chmod(file, 0604), 0);
	ASSERT_REFUSED(kind->generate(ctx, p, "app", &key, &wrapped), LH_INVALID,
				   "gives rights to others");
	unlink(file);
	ASSERT_REFUSED(kind->generate(ctx, p, "app", &key, &wrapped), LH_IO,
				   "cannot open credentials file");
	assert_int_equal(stub_count(&stub, "POST"), 0);
}

static void
a_role_is_asked_once_while_it_lasts(void **state)
{
	LhProviderOption options[] = {{"region", "eu-central-1"},
								  {"endpoint", endpoint},
								  {"instance_role", "on"},
								  {"metadata_endpoint", metadata}};
	LhSlice key, wrapped;
	LhProvider *p;

	(void) state;
	ASSERT_OK(kind->open(ctx, options, 4, &p));
	for (int i = 0; i < 3; i++)
		ASSERT_OK(kind->generate(ctx, p, "app", &key, &wrapped));
	assert_int_equal(stub_count(&instance, "PUT"), 1);
	stub_tell(&instance, "fault?kind=status&status=404");
	ASSERT_OK(kind->open(ctx, options, 4, &p));
	ASSERT_REFUSED(kind->generate(ctx, p, "app", &key, &wrapped), LH_DENIED, "metadata service");
	/* nor is it followed elsewhere: the second request is a GET */
	stub_tell(&instance, "reset");
	stub_tell(&instance, "fault?kind=redirect&every=2&times=1&arg=http://127.0.0.1:1/stolen");
	ASSERT_OK(kind->open(ctx, options, 4, &p));
	ASSERT_REFUSED(kind->generate(ctx, p, "app", &key, &wrapped), LH_DENIED, "status 302");
	stub_tell(&instance, "reset");
}

/* ---- servers in trouble ---- */

static void
throttling_is_waited_for(void **state)
{
	LhProvider *p = open_file(NULL, NULL);
	LhSlice key, wrapped;

	(void) state;
	/* the service's own throttling is a 400 */
	stub_tell(&stub,
			  "fault?kind=body&status=400&times=2&arg={%22__type%22:%22ThrottlingException%22}");
	ASSERT_OK(kind->generate(ctx, p, "app", &key, &wrapped));
	stub_tell(&stub, "reset");
	stub_tell(&stub, "fault?kind=status&status=500&times=2");
	ASSERT_OK(kind->generate(ctx, p, "app", &key, &wrapped));
	stub_tell(&stub, "reset");
	stub_tell(&stub, "fault?kind=body&status=400&arg={%22__type%22:%22ThrottlingException%22}");
	ASSERT_REFUSED(kind->generate(ctx, p, "app", &key, &wrapped), LH_IO, "fewer requests");
	assert_int_equal(stub_count(&stub, "POST"), 4);
}

static void
refusals_are_told_apart(void **state)
{
	static const struct
	{
		const char *type;
		LhStatus code;
	} cases[] = {{"AccessDeniedException", LH_DENIED},
				 {"com.amazonaws.kms%23NotFoundException", LH_NOT_FOUND},
				 {"InvalidCiphertextException", LH_CORRUPT},
				 {"IncorrectKeyException", LH_CORRUPT},
				 {"KMSInvalidStateException", LH_IO},
				 {"ValidationException", LH_INVALID},
				 {"NeverHeardOf", LH_IO},
				 {"", LH_IO}};
	LhProvider *p = open_file(NULL, NULL);
	LhSlice key, wrapped;
	char fault[256];

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		stub_tell(&stub, "reset");
		sprintf(
			fault,
			"fault?kind=body&status=400&arg={%%22__type%%22:%%22%s%%22,%%22message%%22:%%22it%%20is%%20so%%22}",
			cases[i].type);
		stub_tell(&stub, fault);
		ASSERT_REFUSED(kind->generate(ctx, p, "app", &key, &wrapped), cases[i].code,
					   "could not look at key \"app\"");
		assert_int_equal(stub_count(&stub, "POST"), 1);
	}
	stub_tell(&stub, "reset");
	tell("disable");
	ASSERT_REFUSED(kind->generate(ctx, p, "app", &key, &wrapped), LH_IO, "disabled");
	/* no JSON, or none of the service's */
	stub_tell(&stub, "fault?kind=status&status=403");
	ASSERT_REFUSED(kind->generate(ctx, p, "app", &key, &wrapped), LH_DENIED, "status 403");
	stub_tell(&stub, "reset");
	stub_tell(&stub, "fault?kind=redirect&arg=http://127.0.0.1:1/stolen");
	ASSERT_REFUSED(kind->generate(ctx, p, "app", &key, &wrapped), LH_IO, "status 302");
}

static void
answers_are_read_strictly(void **state)
{
	/* in turn: DescribeKey, ListKeyRotations, GenerateDataKey */
	static const struct
	{
		int request;
		const char *answer, *part;
	} cases[] = {{1, "{}", "KeyId"},
				 {1, "[]", "KeyId"},
				 {1, "", "KeyId"},
				 {1, "{%22KeyMetadata%22:{%22KeyId%22:7}}", "KeyId"},
				 {1, "{%22KeyMetadata%22:{%22KeyId%22:%22../../x%22}}", "KeyId"},
				 {1, "{%22KeyMetadata%22:{%22KeyId%22:%22a%5c%22b%22}}", "KeyId"},
				 {2, "{}", "Rotations"},
				 {2, "{%22Rotations%22:7}", "Rotations"},
				 {2, "{%22Rotations%22:[],%22Truncated%22:true}", "Rotations"},
				 {2, "{%22Rotations%22:[],%22Truncated%22:true,%22NextMarker%22:%22a%5c%22b%22}",
				  "Rotations"},
				 {3, "{}", "Plaintext"},
				 {3, "{%22Plaintext%22:%22QUJD%22}", "Plaintext"},
				 {3, "{%22Plaintext%22:%22*%22}", "Plaintext"},
				 {3, "{%22Plaintext%22:%22QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=%22}",
				  "CiphertextBlob"},
				 {3,
				  "{%22Plaintext%22:%22QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=%22,"
				  "%22CiphertextBlob%22:%22a:b%22}",
				  "CiphertextBlob"}};
	LhProvider *p = open_file(NULL, NULL);
	LhSlice key, wrapped;
	char fault[512];

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		stub_tell(&stub, "reset");
		sprintf(fault, "fault?kind=body&status=200&every=%d&times=1&arg=%s", cases[i].request,
				cases[i].answer);
		stub_tell(&stub, fault);
		ASSERT_REFUSED(kind->generate(ctx, p, "app", &key, &wrapped), LH_IO, cases[i].part);
	}
	stub_tell(&stub, "reset");
	/* pages without end */
	sprintf(fault,
			"fault?kind=body&status=200&arg={%%22KeyMetadata%%22:{%%22KeyId%%22:%%22%s%%22},"
			"%%22Rotations%%22:[],%%22Truncated%%22:true,%%22NextMarker%%22:%%22a%%22}",
			FIRST);
	stub_tell(&stub, fault);
	polls = 20000;
	ASSERT_REFUSED(kind->generate(ctx, p, "app", &key, &wrapped), LH_IO, "Rotations");
	polls = -1;
	stub_tell(&stub, "reset");
	stub_tell(&stub, "fault?kind=huge&status=200&arg=100000");
	ASSERT_REFUSED(kind->generate(ctx, p, "app", &key, &wrapped), LH_IO, "longer than");
}

static void
waiting_can_be_cancelled(void **state)
{
	LhProvider *p = open_file(NULL, NULL);
	LhSlice key, wrapped;

	(void) state;
	stub_tell(&stub, "fault?kind=hang");
	polls = 5;
	ASSERT_REFUSED(kind->generate(ctx, p, "app", &key, &wrapped), LH_CANCELLED, "");
	polls = -1;
	stub_tell(&stub, "reset");
	stub_tell(&stub, "fault?kind=body&status=400&arg={%22__type%22:%22ThrottlingException%22}");
	polls = 12;
	ASSERT_REFUSED(kind->generate(ctx, p, "app", &key, &wrapped), LH_CANCELLED, "");
}

/* ---- what we are given ---- */

static void
wrapped_keys_are_checked_before_they_are_sent(void **state)
{
	static const char *const wrong[] = {"",
										"awskms:",
										"awskms:v",
										"awskms:v1",
										"awskms:v1:",
										"awskms:v0:" FIRST ":QUJD",
										"awskms:v1:" FIRST,
										"awskms:v1:" FIRST ":",
										"awskms:v1:other:QUJD",
										"awskms:v1::QUJD",
										"awskms:v1:" FIRST ":QU\"D",
										"awskms:v1:" FIRST ":QU:D",
										"awskms:v99999999999:" FIRST ":QUJD",
										"awskms:v1:11111111-1111-1111-1111-11111111111x:QUJD",
										"vault:v1:QUJD"};
	LhProvider *p = open_file(NULL, NULL);
	LhSlice back;
	uint32_t version;

	(void) state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
	{
		LhSlice w = lh_slice(wrong[i], strlen(wrong[i]));

		assert_false(kind->version(w, &version));
		ASSERT_REFUSED(kind->unwrap(ctx, p, "app", w, &back), LH_CORRUPT, "none of key provider");
		ASSERT_REFUSED(kind->rewrap(ctx, p, "app", w, &back), LH_CORRUPT, "none of key provider");
	}
	assert_false(kind->version(lh_slice("awskms:v1:" FIRST ":QU\0D", 51), &version));
	assert_false(kind->version(lh_slice("awskms:v1:" FIRST "\0x:QUJD", 53), &version));
	assert_int_equal(stub_count(&stub, "POST"), 0);
	/* one that looks right and is not */
	ASSERT_REFUSED(kind->unwrap(ctx, p, "app", lh_slice("awskms:v1:" FIRST ":QUJD", 51), &back),
				   LH_CORRUPT, "damaged");
}

static void
settings_are_checked(void **state)
{
	static const struct
	{
		LhProviderOption options[5];
		int n;
		const char *part;
	} cases[] = {
		{{{"credentials_file", "/x"}}, 1, "needs option \"region\""},
		{{{"region", "a"}}, 1, "credentials_file"},
		{{{"region", "a"}, {"credentials_file", "/x"}, {"instance_role", "on"}},
		 3,
		 "credentials_file"},
		{{{"region", "a"}, {"instance_role", "yes"}}, 2, "\"on\" or \"off\""},
		{{{"region", "a.b"}, {"instance_role", "on"}}, 2, "region"},
		{{{"region", "a"}, {"credentials_file", "/x"}, {"metadata_endpoint", "http://127.0.0.1"}},
		 3,
		 "goes with"},
		{{{"region", "a"}, {"instance_role", "on"}, {"endpoint", "http://kms.example.com"}},
		 3,
		 "clear text"},
		{{{"region", "a"}, {"instance_role", "on"}, {"endpoint", "https://kms.example.com/x"}},
		 3,
		 "neither path"},
		{{{"region", "a"}, {"instance_role", "on"}, {"timeout_ms", "0"}}, 3, "from 1 to"},
		{{{"region", "a"}, {"instance_role", "on"}, {"attempts", "21"}}, 3, "from 1 to 20"},
		{{{"region", "a"}, {"instance_role", "on"}, {"key_id", "x"}}, 3, "no option"}};
	LhProviderOption good[] = {{"region", "cn-north-1"}, {"instance_role", "on"}};
	LhProvider *p;

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ASSERT_REFUSED(kind->open(ctx, cases[i].options, cases[i].n, &p), LH_INVALID,
					   cases[i].part);
	/* the endpoint follows from the region */
	ASSERT_OK(kind->open(ctx, good, 2, &p));
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, teardown)
	const struct CMUnitTest tests[] = {
		T(keys_go_and_come_back_over_rotations),
		T(aliases_may_name_another_key),
		T(keys_are_named_by_id_too),
		T(keys_of_all_lengths_are_wrapped),
		T(who_may_not_list_rotations_gets_version_one),
		T(tls_with_its_own_certificate),
		T(profiles_have_their_own_credentials),
		T(credentials_files_are_read_strictly),
		T(a_role_is_asked_once_while_it_lasts),
		T(throttling_is_waited_for),
		T(refusals_are_told_apart),
		T(answers_are_read_strictly),
		T(waiting_can_be_cancelled),
		T(wrapped_keys_are_checked_before_they_are_sent),
		T(settings_are_checked),
	};

	return cmocka_run_group_tests(tests, start_group, end_group);
}
