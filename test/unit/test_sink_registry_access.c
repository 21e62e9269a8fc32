/*
 * test_sink_registry_access.c
 *		Where a schema registry may be, and who says what to whom: addresses, redirects,
 *		credentials, certificates.
 */
#include "unit/registry_stub.h"

#include <sys/stat.h>

static Stub other, guarded, secure;
static char certificate[128];

static int
start_group(void **state)
{
	static const char *const plain[] = {"--registry", NULL};
	/* user:secret */
	static const char *const guard[] = {"--registry", "--require", "Basic dXNlcjpzZWNyZXQ=", NULL};
	static const char *const tls[] = {"--registry", "--require", "Bearer token-of-mine",
									  "--tls",      certificate, NULL};

	if (registry_start(state) != 0)
		return 1;
	snprintf(certificate, sizeof(certificate), "%s/ca.pem", root);
	stub_start(&other, root, plain);
	stub_start(&guarded, root, guard);
	stub_start(&secure, root, tls);
	return 0;
}

static int
end_group(void **state)
{
	stub_stop(&other);
	stub_stop(&guarded);
	stub_stop(&secure);
	return registry_end(state);
}

static int
set_up(void **state)
{
	stub_tell(&other, "reset");
	stub_tell(&guarded, "reset");
	return context_start(state);
}

/* Another host hears nothing, credentials least of all. */
static void
redirects_are_not_followed(void **state)
{
	LhRegistryOptions o = options_of(&stub);
	LhSchema a = avro("Elsewhere");
	LhRegistry *r;
	char tell[256];
	uint32_t id;

	(void) state;
	o.user = "user";
	o.password = "secret";
	r = open_with(&o);
	snprintf(tell, sizeof(tell),
			 "fault?kind=redirect&match=POST&arg=http://127.0.0.1:%d/subjects/x/versions",
			 other.port);
	stub_tell(&stub, tell);
	assert_int_equal(lh_registry_id(ctx, r, "t", false, &a, &id), LH_INVALID);
	holds(ctx->error->message, "302");
	holds(ctx->error->hint, "not followed");
	assert_int_equal(stub_count(&other, "/"), 0);
	assert_int_equal(stub_count(&stub, "POST"), 1);
}

static const char *
write_secret(const char *name, const char *text, mode_t mode)
{
	char *path = lh_sprintf(ctx, "%s/%s", root, name);
	FILE *f;

	unlink(path);
	f = fopen(path, "w");
	fputs(text, f);
	fclose(f);
	chmod(path, mode);
	return path;
}

static void
hides(const char *secret)
{
	assert_null(strstr(ctx->error->message, secret));
	assert_null(strstr(ctx->error->detail, secret));
	assert_null(strstr(ctx->error->hint, secret));
}

static void
credentials(void **state)
{
	LhRegistryOptions o = options_of(&guarded);
	LhSchema a = avro("Guarded");
	LhRegistry *r = open_with(&o);
	uint32_t id;

	(void) state;
	assert_int_equal(lh_registry_id(ctx, r, "t", false, &a, &id), LH_DENIED);
	holds(ctx->error->hint, "registry.user");
	o.user = "user";
	o.password = "wrong-one";
	r = open_with(&o);
	assert_int_equal(lh_registry_id(ctx, r, "t", false, &a, &id), LH_DENIED);
	hides("wrong-one");
	o.password = "secret";
	r = open_with(&o);
	FINE(lh_registry_id(ctx, r, "t", false, &a, &id));
	o.user = o.password = NULL;
	o.auth_file = write_secret("auth", "user:secret\n", 0600);
	r = open_with(&o);
	FINE(lh_registry_id(ctx, r, "t", false, &a, &id));
}

/* Files that others could read or that are more than one line are not used. */
static void
files_of_credentials(void **state)
{
	static const struct
	{
		const char *text;
		mode_t mode;
		const char *says;
	} cases[] = {
		{"user:secret\n", 0640, "0600"},
		{"user:secret\n", 0604, "0600"},
		{"user:secret\nX-Evil: 1\n", 0600, "one line"},
		{"user:sec\033ret", 0600, "control"},
		{"", 0600, "one line"},
		{"\n", 0600, "one line"},
		{"secret", 0600, "user:password"},
	};
	LhRegistryOptions o = options_of(&guarded);
	LhSchema a = avro("Files");
	char large[9000];
	uint32_t id;

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		o.auth_file = write_secret("bad", cases[i].text, cases[i].mode);
		assert_int_equal(lh_registry_id(ctx, open_with(&o), "t", false, &a, &id), LH_INVALID);
		holds(lh_sprintf(ctx, "%s %s", ctx->error->message, ctx->error->hint), cases[i].says);
		hides("secret");
	}
	memset(large, 'x', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	o.auth_file = write_secret("bad", large, 0600);
	assert_int_equal(lh_registry_id(ctx, open_with(&o), "t", false, &a, &id), LH_INVALID);
	o.auth_file = root;
	assert_int_equal(lh_registry_id(ctx, open_with(&o), "t", false, &a, &id), LH_INVALID);
	holds(ctx->error->message, "regular file");
	o.auth_file = lh_sprintf(ctx, "%s/nowhere", root);
	assert_int_equal(lh_registry_id(ctx, open_with(&o), "t", false, &a, &id), LH_INVALID);
	assert_int_equal(stub_count(&guarded, "POST"), 0);
}

/* The certificate is checked, and nothing is said to a server that has another. */
static void
tls(void **state)
{
	LhRegistryOptions o = {.timeout_ms = 20000, .attempts = 1};
	LhSchema a = avro("Tls");
	uint32_t id;

	(void) state;
	o.url = lh_sprintf(ctx, "https://127.0.0.1:%d/", secure.port);
	o.token_file = write_secret("token", "token-of-mine\n", 0400);
	assert_int_equal(lh_registry_id(ctx, open_with(&o), "t", false, &a, &id), LH_IO);
	holds(ctx->error->message, "certificate");
	hides("token-of-mine");
	o.ca_file = certificate;
	FINE(lh_registry_id(ctx, open_with(&o), "t", false, &a, &id));
}

static void
addresses(void **state)
{
	static const char *const wrong[] = {"",
										"registry:8081",
										"ftp://h/",
										"http://",
										"http://u:geheim@h/",
										"http://h/?key=geheim",
										"http://h/a/../b",
										"http://h:99999/"};
	LhRegistryOptions o = options_of(&stub);
	LhSchema a = avro("Addresses");
	LhRegistry *r;
	uint32_t id;

	(void) state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
	{
		o.url = wrong[i];
		if (lh_registry_open(ctx, &o, &r) != LH_INVALID)
			fail_msg("\"%s\" is taken", wrong[i]);
		hides("geheim");
	}
	o.url = lh_sprintf(ctx, "http://127.0.0.1:%d/apis/ccompat/v7//", stub.port);
	assert_int_equal(lh_registry_id(ctx, open_with(&o), "t", false, &a, &id), LH_INVALID);
	assert_int_equal(stub_count(&stub, "POST /apis/ccompat/v7/subjects/t-value/versions "), 1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, context_end)
	const struct CMUnitTest tests[] = {
		TEST(redirects_are_not_followed),
		TEST(credentials),
		TEST(files_of_credentials),
		TEST(tls),
		TEST(addresses),
	};

	return cmocka_run_group_tests(tests, start_group, end_group);
}
