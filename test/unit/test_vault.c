/*
 * test_vault.c
 *		Vault as a key provider, against a server that does as badly as it is told.
 */
#include "unit/crypto_check.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include "net/vault.h"
#include "stub_client.h"

#define TOKEN "token-of-mine"

static const LhProviderKind *kind = &lh_provider_vault;
static char root[64], address[64], token_file[128], role_file[128], secret_file[128];
static char certificate[128], secure_address[64];
static Stub stub, secure;
static LhHost host;
static int polls; /* until the host interrupts; -1: never */
static int waits;

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
write_secret(char *path, const char *name, const char *text)
{
	FILE *f;

	sprintf(path, "%s/%s", root, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, 0600), 0);
}

static int
start_group(void **state)
{
	const char *const plain[] = {"--vault", TOKEN, NULL};
	const char *const tls[] = {"--vault", TOKEN, "--tls", certificate, NULL};

	(void) state;
	strcpy(root, "/tmp/lakehouse-vault.XXXXXX");
	if (mkdtemp(root) == NULL)
		return 1;
	snprintf(certificate, sizeof(certificate), "%s/ca.pem", root);
	stub_start(&stub, root, plain);
	stub_start(&secure, root, tls);
	snprintf(address, sizeof(address), "http://127.0.0.1:%d", stub.port);
	snprintf(secure_address, sizeof(secure_address), "https://localhost:%d", secure.port);
	return 0;
}

static int
end_group(void **state)
{
	char command[128];

	(void) state;
	stub_stop(&stub);
	stub_stop(&secure);
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
	write_secret(token_file, "token", TOKEN "\n");
	write_secret(role_file, "role", "role-1\n");
	write_secret(secret_file, "secret", "secret-1\n");
	stub_tell(&stub, "reset");
	free(stub_get(&stub, "/_vault/reset"));
	return failed;
}

/* By token; extra: one more option, or NULL. */
static LhProvider *
open_token(const char *name, const char *value)
{
	LhProviderOption options[] = {
		{"address", address}, {"token_file", token_file}, {"attempts", "3"}, {name, value}};
	LhProvider *p;

	ASSERT_OK(kind->open(ctx, options, name != NULL ? 4 : 3, &p));
	return p;
}

static LhProvider *
open_approle(void)
{
	LhProviderOption options[] = {
		{"address", address}, {"role_id_file", role_file}, {"secret_id_file", secret_file}};
	LhProvider *p;

	ASSERT_OK(kind->open(ctx, options, 3, &p));
	return p;
}

static int
logins(void)
{
	char *text = stub_get(&stub, "/_vault/logins");
	int n = atoi(text);

	free(text);
	return n;
}

/* Nothing that is secret may be in an error. */
static void
assert_error_clean(void)
{
	static const char *const secrets[] = {TOKEN, "hvs.", "secret-1", "c2l4dGVlbiBieXRlcy4uLg"};

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
keys_go_and_come_back_over_versions(void **state)
{
	LhProvider *p = open_token(NULL, NULL);
	LhProviderStatus status;
	LhSlice key, wrapped, back, newer;
	uint32_t version;

	(void) state;
	ASSERT_OK(kind->generate(ctx, p, "app", &key, &wrapped));
	assert_int_equal(key.len, LH_PROVIDER_KEY);
	assert_true(kind->version(wrapped, &version));
	assert_int_equal(version, 1);
	ASSERT_OK(kind->unwrap(ctx, p, "app", wrapped, &back));
	assert_bytes(back, key);
	free(stub_get(&stub, "/_vault/rotate"));
	ASSERT_OK(kind->status(ctx, p, "app", &status));
	assert_int_equal(status.latest, 2);
	assert_int_equal(status.oldest, 1);
	ASSERT_OK(kind->rewrap(ctx, p, "app", wrapped, &newer));
	assert_true(kind->version(newer, &version));
	assert_int_equal(version, 2);
	ASSERT_OK(kind->unwrap(ctx, p, "app", newer, &back));
	assert_bytes(back, key);
	ASSERT_OK(kind->unwrap(ctx, p, "app", wrapped, &back));
	assert_bytes(back, key);
	free(stub_get(&stub, "/_vault/retire"));
	ASSERT_REFUSED(kind->unwrap(ctx, p, "app", wrapped, &back), LH_CORRUPT,
				   "refuses the request's content");
	ASSERT_OK(kind->status(ctx, p, "app", &status));
	assert_int_equal(status.oldest, 2);
	ASSERT_OK(kind->unwrap(ctx, p, "app", newer, &back));
	assert_true(waits > 0);
}

static void
keys_of_all_lengths_are_wrapped(void **state)
{
	LhProvider *p = open_token(NULL, NULL);
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
	ASSERT_REFUSED(kind->unwrap(ctx, p, "other", wrapped, &back), LH_CORRUPT,
				   "refuses the request's content");
}

static void
tls_with_its_own_certificate(void **state)
{
	LhProviderOption options[] = {{"address", secure_address},
								  {"token_file", token_file},
								  {"attempts", "1"},
								  {"ca_file", certificate}};
	LhSlice key, wrapped, back;
	LhProvider *p;

	(void) state;
	ASSERT_OK(kind->open(ctx, options, 4, &p));
	ASSERT_OK(kind->generate(ctx, p, "app", &key, &wrapped));
	ASSERT_OK(kind->unwrap(ctx, p, "app", wrapped, &back));
	assert_bytes(back, key);
	/* without it the server is a stranger */
	ASSERT_OK(kind->open(ctx, options, 3, &p));
	ASSERT_REFUSED(kind->generate(ctx, p, "app", &key, &wrapped), LH_IO, "could not reach");
}

static void
namespaces_are_named(void **state)
{
	LhProvider *p = open_token(NULL, NULL), *in = open_token("namespace", "team/a");
	LhSlice key, wrapped;

	(void) state;
	free(stub_get(&stub, "/_vault/namespace?ns=team/a"));
	ASSERT_REFUSED(kind->generate(ctx, p, "app", &key, &wrapped), LH_NOT_FOUND, "404");
	ASSERT_OK(kind->generate(ctx, in, "app", &key, &wrapped));
}

/* ---- logins ---- */

static void
a_login_is_used_until_it_ends(void **state)
{
	LhProvider *p = open_approle();
	LhSlice key, wrapped;

	(void) state;
	for (int i = 0; i < 3; i++)
		ASSERT_OK(kind->generate(ctx, p, "app", &key, &wrapped));
	assert_int_equal(logins(), 1);
	/* revoked: one more login, and the request is made again */
	free(stub_get(&stub, "/_vault/revoke"));
	ASSERT_OK(kind->generate(ctx, p, "app", &key, &wrapped));
	assert_int_equal(logins(), 2);
	/* a right that is missing does not become one by logging in for ever */
	ASSERT_REFUSED(kind->generate(ctx, p, "forbidden", &key, &wrapped), LH_DENIED, "may not");
	assert_int_equal(logins(), 3);
	ASSERT_OK(kind->generate(ctx, p, "app", &key, &wrapped));
	assert_int_equal(logins(), 4);
}

/* A lease of which nothing is left is not used; one without an end is. */
static void
leases_are_believed(void **state)
{
	LhProvider *p = open_approle();
	LhSlice key, wrapped;

	(void) state;
	stub_tell(&stub, "fault?kind=body&match=/login&times=1&arg="
					 "{%22auth%22:{%22client_token%22:%22" TOKEN "%22,%22lease_duration%22:0}}");
	ASSERT_OK(kind->generate(ctx, p, "app", &key, &wrapped));
	ASSERT_OK(kind->generate(ctx, p, "app", &key, &wrapped));
	assert_int_equal(stub_count(&stub, "/login"), 1);
}

static void
wrong_secrets_are_denied(void **state)
{
	LhProvider *p = open_approle();
	LhSlice key, wrapped;

	(void) state;
	write_secret(secret_file, "secret", "secret-2");
	ASSERT_REFUSED(kind->generate(ctx, p, "app", &key, &wrapped), LH_DENIED, "may not log in");
	write_secret(token_file, "token", "another");
	p = open_token(NULL, NULL);
	ASSERT_REFUSED(kind->generate(ctx, p, "app", &key, &wrapped), LH_DENIED, "403");
	/* the file is read anew */
	write_secret(token_file, "token", TOKEN);
	ASSERT_OK(kind->generate(ctx, p, "app", &key, &wrapped));
}

static void
files_of_credentials_follow_the_rules_of_keys(void **state)
{
	static const char *const texts[] = {"",        "\n",          "two\nlines\n", "with blank",
										"quote\"", "back\\slash", "tab\t",        "\xc3\xa4"};
	LhProvider *p = open_token(NULL, NULL);
	LhSlice key, wrapped;
	int before;

	(void) state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		write_secret(token_file, "token", texts[i]);
		ASSERT_REFUSED(kind->generate(ctx, p, "app", &key, &wrapped), LH_INVALID,
					   "printable ASCII");
	}
	write_secret(token_file, "token", TOKEN);
	before = stub_count(&stub, "POST");
	assert_int_equal(before, 0);
	assert_int_equal(chmod(token_file, 0604), 0);
	ASSERT_REFUSED(kind->generate(ctx, p, "app", &key, &wrapped), LH_INVALID,
				   "gives rights to others");
	unlink(token_file);
	ASSERT_REFUSED(kind->generate(ctx, p, "app", &key, &wrapped), LH_IO, "cannot open token file");
	assert_int_equal(symlink(role_file, token_file), 0);
	ASSERT_REFUSED(kind->generate(ctx, p, "app", &key, &wrapped), LH_INVALID, "symbolic link");
	unlink(token_file);
}

/* ---- servers in trouble ---- */

static void
trouble_that_passes_is_waited_for(void **state)
{
	static const int statuses[] = {429, 500, 502, 503, 504};
	LhProvider *p = open_token(NULL, NULL);
	LhSlice key, wrapped;
	char fault[128];

	(void) state;
	for (int i = 0; i < 5; i++)
	{
		stub_tell(&stub, "reset");
		sprintf(fault, "fault?kind=status&status=%d&times=2", statuses[i]);
		stub_tell(&stub, fault);
		ASSERT_OK(kind->generate(ctx, p, "app", &key, &wrapped));
		assert_int_equal(stub_count(&stub, "datakey"), 3);
	}
	stub_tell(&stub, "reset");
	stub_tell(&stub, "fault?kind=reset&times=2");
	ASSERT_OK(kind->generate(ctx, p, "app", &key, &wrapped));
}

static void
trouble_that_stays_is_an_error(void **state)
{
	static const struct
	{
		int status;
		LhStatus code;
		const char *part;
		int requests;
	} cases[] = {{503, LH_IO, "sealed", 3},         {429, LH_IO, "fewer requests", 3},
				 {500, LH_IO, "status 500", 3},     {400, LH_CORRUPT, "status 400", 1},
				 {403, LH_DENIED, "status 403", 1}, {404, LH_NOT_FOUND, "status 404", 1},
				 {405, LH_IO, "status 405", 1},     {204, LH_IO, "status 204", 1},
				 {473, LH_IO, "status 473", 1},     {418, LH_IO, "status 418", 1}};
	LhProvider *p = open_token(NULL, NULL);
	LhSlice key, wrapped;
	char fault[128];

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		stub_tell(&stub, "reset");
		sprintf(fault, "fault?kind=status&status=%d", cases[i].status);
		stub_tell(&stub, fault);
		ASSERT_REFUSED(kind->generate(ctx, p, "app", &key, &wrapped), cases[i].code, cases[i].part);
		assert_int_equal(stub_count(&stub, "datakey"), cases[i].requests);
	}
	/* longer than we wait */
	stub_tell(&stub, "reset");
	stub_tell(&stub, "fault?kind=status&status=429&arg=3600");
	ASSERT_REFUSED(kind->generate(ctx, p, "app", &key, &wrapped), LH_IO, "fewer requests");
	assert_int_equal(stub_count(&stub, "datakey"), 1);
}

static void
redirects_are_not_followed(void **state)
{
	LhProvider *p = open_token(NULL, NULL);
	LhSlice key, wrapped;
	char fault[256];

	(void) state;
	sprintf(fault, "fault?kind=redirect&match=datakey&arg=http://127.0.0.1:%d/v1/stolen",
			stub.port);
	stub_tell(&stub, fault);
	ASSERT_REFUSED(kind->generate(ctx, p, "app", &key, &wrapped), LH_IO, "status 302");
	assert_int_equal(stub_count(&stub, "stolen"), 0);
}

static void
servers_that_hang_are_left(void **state)
{
	LhProvider *p = open_token("timeout_ms", "200");
	LhSlice key, wrapped;

	(void) state;
	stub_tell(&stub, "fault?kind=hang");
	ASSERT_REFUSED(kind->generate(ctx, p, "app", &key, &wrapped), LH_IO, "could not reach");
	assert_int_equal(stub_count(&stub, "datakey"), 3);
}

static void
waiting_can_be_cancelled(void **state)
{
	LhProvider *p = open_token(NULL, NULL);
	LhSlice key, wrapped;

	(void) state;
	stub_tell(&stub, "fault?kind=hang&times=1");
	polls = 4;
	assert_int_equal(kind->generate(ctx, p, "app", &key, &wrapped), LH_CANCELLED);
	/* and the provider is as good as before */
	polls = -1;
	ASSERT_OK(kind->generate(ctx, p, "app", &key, &wrapped));
}

static void
addresses_obey_the_rules(void **state)
{
	LhProviderOption options[] = {
		{"address", "https://169.254.169.254"}, {"token_file", token_file}, {"attempts", "1"}};
	LhSlice key, wrapped;
	LhProvider *p;

	(void) state;
	ASSERT_OK(kind->open(ctx, options, 3, &p));
	ASSERT_REFUSED(kind->generate(ctx, p, "app", &key, &wrapped), LH_DENIED, "169.254.169.254");
}

/* ---- answers that make no sense ---- */

static void
answers_are_read_strictly(void **state)
{
	/* of datakey, where both members are wanted */
#define PLAIN "%22plaintext%22:%22AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=%22"
	static const char *const bad[] = {
		"",
		"no%20json",
		"[]",
		"{",
		"{%22data%22",
		"{%22data%22:{" PLAIN ",%22ciphertext%22:%22vault:v1:QUFB",
		"{%22data%22:{" PLAIN ",%22ciphertext%22:%22vault:v1:QUFB%22",
		"{%22data%22:{" PLAIN ",%22ciphertext%22:%22vault:v1:QUFB%22}}x",
		"{%22data%22:{" PLAIN ",%22ciphertext%22:%22vault:v1:QUFB%22}}{}",
		"{%22data%22:null}",
		"{%22data%22:%22x%22}",
		"{%22data%22:[{" PLAIN ",%22ciphertext%22:%22vault:v1:QUFB%22}]}",
		"{%22data%22:{" PLAIN "}}",
		"{%22data%22:{%22ciphertext%22:%22vault:v1:QUFB%22}}",
		"{%22data%22:{" PLAIN "," PLAIN ",%22ciphertext%22:%22vault:v1:QUFB%22}}",
		"{%22data%22:{" PLAIN ",%22ciphertext%22:%22vault:v1:QUFB%22},%22data%22:{" PLAIN "}}",
		"{%22data%22:{" PLAIN ",%22ciphertext%22:7}}",
		"{%22data%22:{" PLAIN ",%22ciphertext%22:%22%22}}",
		"{%22data%22:{" PLAIN ",%22ciphertext%22:%22vault:v0:QUFB%22}}",
		"{%22data%22:{" PLAIN ",%22ciphertext%22:%22vault:v1:%22}}",
		"{%22data%22:{" PLAIN ",%22ciphertext%22:%22vault:v99999999999:QUFB%22}}",
		"{%22data%22:{" PLAIN ",%22ciphertext%22:%22transit:v1:QUFB%22}}",
		"{%22data%22:{%22plaintext%22:7,%22ciphertext%22:%22vault:v1:QUFB%22}}",
		"{%22data%22:{%22plaintext%22:%22%22,%22ciphertext%22:%22vault:v1:QUFB%22}}",
		"{%22data%22:{%22plaintext%22:%22QUFB%22,%22ciphertext%22:%22vault:v1:QUFB%22}}",
		"{%22data%22:{%22plaintext%22:%22*%22,%22ciphertext%22:%22vault:v1:QUFB%22}}",
		"{%22data%22:{%22plaintext%22:%22A%5cu0041%22,%22ciphertext%22:%22vault:v1:QUFB%22}}",
	};
	LhProvider *p = open_token(NULL, NULL);
	LhSlice key, wrapped;
	char fault[900];

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		stub_tell(&stub, "reset");
		snprintf(fault, sizeof(fault), "fault?kind=body&match=datakey&arg=%s", bad[i]);
		stub_tell(&stub, fault);
		if (kind->generate(ctx, p, "app", &key, &wrapped) != LH_IO)
			fail_msg("answer %zu: %s", i, ctx->error->message);
		assert_non_null(strstr(ctx->error->message, "no usable"));
		assert_error_clean();
	}
	/* the same with nothing wrong */
	stub_tell(&stub, "reset");
	stub_tell(&stub, "fault?kind=body&match=datakey&arg={%22data%22:{" PLAIN
					 ",%22ciphertext%22:%22vault:v1:QUFB%22}}");
	ASSERT_OK(kind->generate(ctx, p, "app", &key, &wrapped));
}

static void
numbers_are_read_strictly(void **state)
{
	static const char *const bad[] = {"%221%22", "-1",          "1.5",        "1e3", "null",
									  "true",    "99999999999", "4294967296", "0",   "[]"};
	LhProvider *p = open_token(NULL, NULL);
	LhProviderStatus status;
	char fault[256];

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		stub_tell(&stub, "reset");
		snprintf(fault, sizeof(fault),
				 "fault?kind=body&match=keys&arg={%%22data%%22:{%%22latest_version%%22:%s,"
				 "%%22min_decryption_version%%22:1}}",
				 bad[i]);
		stub_tell(&stub, fault);
		ASSERT_REFUSED(kind->status(ctx, p, "app", &status), LH_IO, "no usable \"latest_version\"");
	}
}

static void
huge_answers_are_cut(void **state)
{
	LhProvider *p = open_token(NULL, NULL);
	LhSlice key, wrapped;

	(void) state;
	stub_tell(&stub, "fault?kind=huge&match=datakey&status=200&arg=30000000");
	ASSERT_REFUSED(kind->generate(ctx, p, "app", &key, &wrapped), LH_IO, "longer than 65536 bytes");
	/* an error's body is not wanted at all */
	stub_tell(&stub, "reset");
	stub_tell(&stub, "fault?kind=huge&match=datakey&status=403&arg=30000000");
	ASSERT_REFUSED(kind->generate(ctx, p, "app", &key, &wrapped), LH_DENIED, "403");
	/* nested beyond reason */
	stub_tell(&stub, "reset");
	{
		char fault[900] = "fault?kind=body&match=datakey&arg=";

		for (int i = 0; i < 400; i++)
			strcat(fault, "[");
		stub_tell(&stub, fault);
	}
	ASSERT_REFUSED(kind->generate(ctx, p, "app", &key, &wrapped), LH_IO, "no usable");
}

static void
tokens_of_logins_are_checked(void **state)
{
	static const char *const bad[] = {"%22%22", "7", "%22with%20blank%22", "%22tab%09%22", "null"};
	LhSlice key, wrapped;
	char fault[256];

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		stub_tell(&stub, "reset");
		snprintf(fault, sizeof(fault),
				 "fault?kind=body&match=login&arg={%%22auth%%22:{%%22client_token%%22:%s,"
				 "%%22lease_duration%%22:9}}",
				 bad[i]);
		stub_tell(&stub, fault);
		ASSERT_REFUSED(kind->generate(ctx, open_approle(), "app", &key, &wrapped), LH_IO,
					   "no usable \"client_token\"");
	}
}

/* What is no wrapped key never gets to the server. */
static void
wrapped_keys_are_checked_before_they_are_sent(void **state)
{
	static const char *const bad[] = {"",
									  "vault",
									  "vault:v",
									  "vault:v1",
									  "vault:v1:",
									  "vault:v:AA",
									  "vault:v-1:AA",
									  "vault:v0:AA",
									  "vault:v1:a\"",
									  "vault:v1:a\\b",
									  "vault:v1:a b",
									  "vault:v2147483648:AA",
									  "Vault:v1:AA",
									  "vault:v1:a\n"};
	LhProvider *p = open_token(NULL, NULL);
	LhSlice key, wrapped;
	uint32_t version;

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		assert_false(kind->version(of_text(bad[i]), &version));
		ASSERT_REFUSED(kind->unwrap(ctx, p, "app", of_text(bad[i]), &key), LH_CORRUPT,
					   "is none of");
		ASSERT_REFUSED(kind->rewrap(ctx, p, "app", of_text(bad[i]), &wrapped), LH_CORRUPT,
					   "is none of");
	}
	ASSERT_REFUSED(kind->unwrap(ctx, p, "a/b", of_text("vault:v1:AA"), &key), LH_INVALID,
				   "name of a");
	assert_int_equal(stub_count(&stub, "POST"), 0);
	assert_true(kind->version(of_text("vault:v2147483647:A"), &version));
	assert_int_equal(version, 2147483647);
}

/* ---- settings ---- */

static void
settings_are_checked(void **state)
{
	static const struct
	{
		const char *name, *value, *part;
	} bad[] = {
		{"address", "ftp://h", "address"},
		{"address", "http://vault.example.com:8200", "clear text"},
		{"address", "http://10.0.0.1:8200", "clear text"},
		{"address", "http://127.0.0.1.example.com", "clear text"},
		{"address", "https://user:secret@h", "address"},
		{"address", "https://h/v1", "neither path nor query"},
		{"address", "https://h/?x", "neither path nor query"},
		{"mount", "/transit", "mount"},
		{"mount", "transit/", "mount"},
		{"mount", "a/../b", "mount"},
		{"mount", "a?b", "mount"},
		{"namespace", "a\r\nX: y", "namespace"},
		{"timeout_ms", "0", "number from 1"},
		{"timeout_ms", "-5", "number from 1"},
		{"timeout_ms", "99999999999", "number from 1"},
		{"timeout_ms", "1s", "number from 1"},
		{"attempts", "21", "1 to 20"},
		{"role_id_file", "/r", "needs option \"token_file\""},
		{"color", "red", "no option \"color\""},
	};
	LhProviderOption none = {"address", "https://h"};
	LhProvider *p;

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		LhProviderOption options[] = {
			{"token_file", token_file}, {bad[i].name, bad[i].value}, {"address", "https://h"}};

		ASSERT_REFUSED(kind->open(ctx, options, strcmp(bad[i].name, "address") == 0 ? 2 : 3, &p),
					   LH_INVALID, bad[i].part);
	}
	ASSERT_REFUSED(kind->open(ctx, &none, 1, &p), LH_INVALID, "needs option \"token_file\"");
	ASSERT_REFUSED(kind->open(ctx, NULL, 0, &p), LH_INVALID, "needs option \"address\"");
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
keys_go_with_their_arena(void **state)
{
	LhProvider *p = open_token(NULL, NULL);
	LhArena *arena = lh_arena_child(ctx->arena), *old = lh_use(ctx, arena);
	LhSlice key, wrapped, back;

	(void) state;
	ASSERT_OK(kind->generate(ctx, p, "app", &key, &wrapped));
	ASSERT_OK(kind->unwrap(ctx, p, "app", wrapped, &back));
	assert_true(mapped(key.data) && mapped(back.data));
	lh_use(ctx, old);
	lh_arena_destroy(arena);
	assert_false(mapped(key.data) || mapped(back.data));
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, teardown)
	const struct CMUnitTest tests[] = {
		T(keys_go_and_come_back_over_versions),
		T(keys_of_all_lengths_are_wrapped),
		T(tls_with_its_own_certificate),
		T(namespaces_are_named),
		T(a_login_is_used_until_it_ends),
		T(leases_are_believed),
		T(wrong_secrets_are_denied),
		T(files_of_credentials_follow_the_rules_of_keys),
		T(trouble_that_passes_is_waited_for),
		T(trouble_that_stays_is_an_error),
		T(redirects_are_not_followed),
		T(servers_that_hang_are_left),
		T(waiting_can_be_cancelled),
		T(addresses_obey_the_rules),
		T(answers_are_read_strictly),
		T(numbers_are_read_strictly),
		T(huge_answers_are_cut),
		T(tokens_of_logins_are_checked),
		T(wrapped_keys_are_checked_before_they_are_sent),
		T(settings_are_checked),
		T(keys_go_with_their_arena),
	};

	return cmocka_run_group_tests(tests, start_group, end_group);
}
