/*
 * nats_config.c
 *		The NATS sink's options, and those of the library.
 *
 * Secrets are options whose values are never shown (uri.c), or files that are read when a
 * connection is made, so that new ones are taken without a restart.
 */
#include "sink/nats.h"

#include <openssl/x509.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SUBJECTS_MAX 64

static const char *const known[] = {"subject.prefix",
									"position.subject",
									"create",
									"subjects",
									"replicas",
									"duplicate.window.ms",
									"max.message.size",
									"max.bytes",
									"max.age.s",
									"discard",
									"durability",
									"lost",
									"headers",
									"waiting.messages",
									"waiting.bytes",
									"timeout.ms",
									"connect.timeout.ms",
									"domain",
									"inbox.prefix",
									"user",
									"password",
									"password.file",
									"token",
									"token.file",
									"credentials.file",
									"nkey",
									"nkey.file",
									"tls.ca.file",
									"tls.cert.file",
									"tls.key.file",
									"tls.host",
									NULL};

/* JetStream's rule for names of streams, which stand in subjects. */
static bool
is_stream_name(const char *name)
{
	size_t n = strlen(name);

	return n > 0 && n <= 255 && strcspn(name, " \t\r\n\f.*>/\\") == n;
}

/* May it be subscribed to? */
static bool
is_pattern(const char *text)
{
	if (strlen(text) > LH_NATS_SUBJECT_MAX)
		return false;
	for (;;)
	{
		size_t n = strcspn(text, ".");

		if (n == 0 || strcspn(text, " \t\r\n") < n ||
			(n > 1 && (memchr(text, '*', n) != NULL || memchr(text, '>', n) != NULL)) ||
			(text[0] == '>' && text[n] != '\0'))
			return false;
		if (text[n] == '\0')
			return true;
		text += n + 1;
	}
}

static LhStatus
read_subjects(LhCtx *ctx, LhNats *n)
{
	const char *text = lh_sink_option(&n->config, "subjects", NULL);
	LhNatsOptions *o = &n->o;
	char own[LH_NATS_SUBJECT_MAX + 1];

	LH_NEW_ARRAY(ctx, o->subjects, SUBJECTS_MAX);
	if (text == NULL)
	{
		/* the topics that there are when nothing is said of them */
		if (!lh_nats_subject(o->prefix, n->config.stream, own))
			LH_FAIL(ctx, LH_INVALID, "sink \"%s\": option \"subject.prefix\" is too long",
					n->config.uri);
		o->nsubjects = 2;
		o->subjects[0] = lh_strdup(ctx, own);
		o->subjects[1] = lh_sprintf(ctx, "%s.>", own);
		return o->subjects[0] == NULL || o->subjects[1] == NULL ? ctx->error->code : LH_OK;
	}
	while (*text != '\0')
	{
		size_t len = strcspn(text, ",");
		const char *subject = lh_strndup(ctx, text, len);

		if (subject == NULL)
			return ctx->error->code;
		if (o->nsubjects == SUBJECTS_MAX || !is_pattern(subject))
			LH_FAIL(ctx, LH_INVALID,
					"sink \"%s\": option \"subjects\" must be 1 to %d subjects with commas between "
					"them",
					n->config.uri, SUBJECTS_MAX);
		o->subjects[o->nsubjects++] = subject;
		text += len + (text[len] == ',');
	}
	if (o->nsubjects == 0)
		LH_FAIL(ctx, LH_INVALID, "sink \"%s\": option \"subjects\" is empty", n->config.uri);
	return LH_OK;
}

/* Options that go together, or not. */
static LhStatus
check_credentials(LhCtx *ctx, const LhSinkConfig *c, bool tls)
{
	static const char *const one_of[] = {"user", "token", "token.file", "credentials.file",
										 "nkey", NULL};
	static const char *const pairs[][2] = {{"nkey", "nkey.file"},
										   {"tls.cert.file", "tls.key.file"}};
	int given = 0;

	for (int i = 0; one_of[i] != NULL; i++)
		given += lh_sink_option(c, one_of[i], NULL) != NULL;
	if (given > 1)
		LH_FAIL(ctx, LH_INVALID,
				"sink \"%s\": give one of user, token, token.file, credentials.file and nkey",
				c->uri);
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if ((lh_sink_option(c, pairs[i][0], NULL) == NULL) !=
			(lh_sink_option(c, pairs[i][1], NULL) == NULL))
			LH_FAIL(ctx, LH_INVALID, "sink \"%s\": %s and %s go together", c->uri, pairs[i][0],
					pairs[i][1]);
	given = (lh_sink_option(c, "password", NULL) != NULL) +
			(lh_sink_option(c, "password.file", NULL) != NULL);
	if (given != (lh_sink_option(c, "user", NULL) != NULL))
		LH_FAIL(ctx, LH_INVALID,
				"sink \"%s\": user and one of password and password.file go "
				"together",
				c->uri);
	for (int i = 0; i < c->noptions && !tls; i++)
		if (strncmp(c->options[i].name, "tls.", 4) == 0)
			LH_FAIL(ctx, LH_INVALID, "sink \"%s\": option \"%s\" needs tls:// instead of nats://",
					c->uri, c->options[i].name);
	return LH_OK;
}

static LhStatus
read_stream(LhCtx *ctx, LhNats *n)
{
	static const char *const no_yes[] = {"no", "yes", NULL}, *const yes_no[] = {"yes", "no", NULL},
							 *const discards[] = {"new", "old", NULL},
							 *const durabilities[] = {"file", "trust", NULL},
							 *const losses[] = {"error", "anew", NULL};
	static const char *const of_create[] = {"subjects",         "replicas",  "duplicate.window.ms",
											"max.message.size", "max.bytes", "max.age.s",
											"discard",          NULL};
	const LhSinkConfig *c = &n->config;
	LhNatsOptions *o = &n->o;
	int choice;

	LH_TRY(lh_sink_option_choice(ctx, c, "create", no_yes, &choice));
	o->create = choice == 1;
	for (int i = 0; of_create[i] != NULL && !o->create; i++)
		if (lh_sink_option(c, of_create[i], NULL) != NULL)
			LH_FAIL(ctx, LH_INVALID, "sink \"%s\": option \"%s\" is for create=yes", c->uri,
					of_create[i]);
	LH_TRY(read_subjects(ctx, n));
	LH_TRY(lh_sink_option_number(ctx, c, "replicas", 1, 1, 5, &o->replicas));
	LH_TRY(
		lh_sink_option_number(ctx, c, "duplicate.window.ms", 120000, 100, 86400000, &o->window_ms));
	LH_TRY(lh_sink_option_number(ctx, c, "max.message.size", 0, 0, INT32_MAX, &o->max_msg_size));
	LH_TRY(lh_sink_option_number(ctx, c, "max.bytes", 0, 0, UINT64_C(1) << 50, &o->max_bytes));
	LH_TRY(lh_sink_option_number(ctx, c, "max.age.s", 0, 0, UINT64_C(1) << 32, &o->max_age_s));
	LH_TRY(lh_sink_option_choice(ctx, c, "discard", discards, &choice));
	o->discard_new = choice == 0;
	LH_TRY(lh_sink_option_choice(ctx, c, "durability", durabilities, &choice));
	o->trust = choice == 1;
	LH_TRY(lh_sink_option_choice(ctx, c, "lost", losses, &choice));
	o->anew = choice == 1;
	LH_TRY(lh_sink_option_choice(ctx, c, "headers", yes_no, &choice));
	o->headers = choice == 0;
	return LH_OK;
}

LhStatus
lh_nats_read_options(LhCtx *ctx, LhNats *n)
{
	const LhSinkConfig *c = &n->config;
	const char *scheme = n->o.tls ? "tls" : "nats", *text;
	LhNatsOptions *o = &n->o;

	LH_TRY(lh_sink_check_options(ctx, c, known));
	if (c->host[0] == '\0' || c->path[0] == '\0' || !is_stream_name(c->path + 1))
	{
		lh_fail(ctx, LH_INVALID, "sink \"%s\": write \"%s://host:port[,host:port...]/STREAM?...\"",
				c->uri, scheme);
		lh_hint(ctx, "STREAM is JetStream's name, without blanks and any of . * > / \\.");
		return LH_INVALID;
	}
	o->stream = c->path + 1;
	o->prefix = lh_sink_option(c, "subject.prefix", "");
	o->inbox = lh_sink_option(c, "inbox.prefix", "_INBOX");
	if (strlen(o->inbox) > 48 || !is_pattern(o->inbox) || strpbrk(o->inbox, "*>") != NULL)
		LH_FAIL(ctx, LH_INVALID,
				"sink \"%s\": option \"inbox.prefix\" must be a subject of at most "
				"48 bytes",
				c->uri);
	text = lh_sink_option(c, "domain", NULL);
	if (text != NULL && !is_stream_name(text))
		LH_FAIL(ctx, LH_INVALID, "sink \"%s\": option \"domain\" must be a name", c->uri);
	o->api = text == NULL ? "$JS.API" : lh_sprintf(ctx, "$JS.%s.API", text);
	if (o->api == NULL)
		return ctx->error->code;
	LH_TRY(check_credentials(ctx, c, o->tls));
	LH_TRY(read_stream(ctx, n));
	o->position_subject = lh_sink_option(c, "position.subject", NULL);
	if (o->position_subject == NULL)
	{
		char own[LH_NATS_SUBJECT_MAX + 1];

		if (lh_nats_subject(o->prefix, c->stream, own))
			o->position_subject = lh_sprintf(ctx, "%s._position", own);
	}
	if (o->position_subject == NULL || !is_pattern(o->position_subject) ||
		strpbrk(o->position_subject, "*>") != NULL)
		LH_FAIL(ctx, LH_INVALID, "sink \"%s\": option \"position.subject\" must be a subject",
				c->uri);
	LH_TRY(lh_sink_option_number(ctx, c, "waiting.messages", 1024, 1, 65536, &o->max_waiting));
	LH_TRY(lh_sink_option_number(ctx, c, "waiting.bytes", 8 << 20, 1, UINT64_C(1) << 32,
								 &o->max_waiting_bytes));
	LH_TRY(lh_sink_option_number(ctx, c, "timeout.ms", 30000, 100, 3600000, &o->timeout_ms));
	return lh_sink_option_number(ctx, c, "connect.timeout.ms", 5000, 100, 300000, &o->connect_ms);
}

/*
 * The library
 */

/* The first line of a file; *secret is wiped by who asked. */
static LhStatus
read_secret(LhCtx *ctx, const LhNats *n, const char *option, const char *path, char *secret,
			size_t size)
{
	FILE *f = fopen(path, "re");
	size_t len;

	if (f == NULL)
		LH_FAIL(ctx, LH_INVALID, "sink \"%s\": option \"%s\": its file cannot be read: %s",
				n->config.uri, option, strerror(errno));
	len = fread(secret, 1, size - 1, f);
	fclose(f);
	secret[len] = '\0';
	secret[strcspn(secret, "\r\n")] = '\0';
	if (secret[0] == '\0')
		LH_FAIL(ctx, LH_INVALID, "sink \"%s\": option \"%s\": its file is empty", n->config.uri,
				option);
	return LH_OK;
}

/* A file that the library reads: its own error would say nothing. */
static LhStatus
check_file(LhCtx *ctx, const LhNats *n, const char *option, const char **path)
{
	*path = lh_sink_option(&n->config, option, NULL);
	if (*path != NULL && access(*path, R_OK) != 0)
		LH_FAIL(ctx, LH_INVALID, "sink \"%s\": option \"%s\": its file cannot be read: %s",
				n->config.uri, option, strerror(errno));
	return LH_OK;
}

static LhStatus
library(LhCtx *ctx, const LhNats *n, const char *what, natsStatus s)
{
	if (s == NATS_OK)
		return LH_OK;
	LH_FAIL(ctx, s == NATS_NO_MEMORY ? LH_NO_MEMORY : LH_INVALID,
			"sink \"%s\": the library does not take %s: %s", n->config.uri, what,
			natsStatus_GetText(s));
}

static LhStatus
set_user(LhCtx *ctx, const LhNats *n, natsOptions *options)
{
	const LhSinkConfig *c = &n->config;
	const char *user = lh_sink_option(c, "user", NULL);
	const char *password = lh_sink_option(c, "password", NULL);
	const char *token = lh_sink_option(c, "token", NULL);
	const char *file = lh_sink_option(c, user != NULL ? "password.file" : "token.file", NULL);
	char secret[4096];
	LhStatus status = LH_OK;

	if (file != NULL)
		status = read_secret(ctx, n, user != NULL ? "password.file" : "token.file", file, secret,
							 sizeof(secret));
	if (status == LH_OK && user != NULL)
		status = library(ctx, n, "user and password",
						 natsOptions_SetUserInfo(options, user, file != NULL ? secret : password));
	else if (status == LH_OK && (token != NULL || file != NULL))
		status = library(ctx, n, "a token",
						 natsOptions_SetToken(options, file != NULL ? secret : token));
	explicit_bzero(secret, sizeof(secret));
	return status;
}

static LhStatus
set_credentials(LhCtx *ctx, const LhNats *n, natsOptions *options)
{
	const char *nkey = lh_sink_option(&n->config, "nkey", NULL), *file;

	LH_TRY(set_user(ctx, n, options));
	LH_TRY(check_file(ctx, n, "credentials.file", &file));
	if (file != NULL)
		LH_TRY(library(ctx, n, "credentials.file",
					   natsOptions_SetUserCredentialsFromFiles(options, file, NULL)));
	LH_TRY(check_file(ctx, n, "nkey.file", &file));
	return file == NULL ? LH_OK
						: library(ctx, n, "nkey and nkey.file",
								  natsOptions_SetNKeyFromSeed(options, nkey, file));
}

static LhStatus
set_tls(LhCtx *ctx, const LhNats *n, natsOptions *options)
{
	const char *host = lh_sink_option(&n->config, "tls.host", NULL), *ca, *cert, *key;

	LH_TRY(check_file(ctx, n, "tls.ca.file", &ca));
	LH_TRY(check_file(ctx, n, "tls.cert.file", &cert));
	LH_TRY(check_file(ctx, n, "tls.key.file", &key));
	LH_TRY(library(ctx, n, "TLS", natsOptions_SetSecure(options, true)));
	if (ca == NULL)
		ca = X509_get_default_cert_file();
	LH_TRY(library(ctx, n, "tls.ca.file", natsOptions_LoadCATrustedCertificates(options, ca)));
	if (cert != NULL)
		LH_TRY(library(ctx, n, "tls.cert.file and tls.key.file",
					   natsOptions_LoadCertificatesChain(options, cert, key)));
	return host == NULL
			   ? LH_OK
			   : library(ctx, n, "tls.host", natsOptions_SetExpectedHostname(options, host));
}

/* "tls://a:4222" of each host. */
static LhStatus
set_servers(LhCtx *ctx, const LhNats *n, natsOptions *options)
{
	const char *host = n->config.host;
	const char *servers[64];
	int count = 0;

	while (*host != '\0')
	{
		size_t len = strcspn(host, ",");

		if (len == 0 || count == (int) (sizeof(servers) / sizeof(servers[0])))
			LH_FAIL(ctx, LH_INVALID,
					"sink \"%s\": its hosts must be 1 to %zu with commas between "
					"them",
					n->config.uri, sizeof(servers) / sizeof(servers[0]));
		servers[count] = lh_sprintf(ctx, "%s://%.*s", n->o.tls ? "tls" : "nats", (int) len, host);
		if (servers[count++] == NULL)
			return ctx->error->code;
		host += len + (host[len] == ',');
	}
	return library(ctx, n, "the hosts", natsOptions_SetServers(options, servers, count));
}

static LhStatus
fill(LhCtx *ctx, const LhNats *n, natsOptions *options)
{
	int64_t ms = (int64_t) n->o.timeout_ms;

	LH_TRY(set_servers(ctx, n, options));
	LH_TRY(library(ctx, n, "a name", natsOptions_SetName(options, "lakehouse_cdc")));
	LH_TRY(
		library(ctx, n, "time-outs", natsOptions_SetTimeout(options, (int64_t) n->o.connect_ms)));
	LH_TRY(library(ctx, n, "time-outs", natsOptions_SetWriteDeadline(options, ms)));
	/* what the library would send again is ours to decide (nats_link.c) */
	LH_TRY(library(ctx, n, "no reconnect", natsOptions_SetAllowReconnect(options, false)));
	LH_TRY(library(ctx, n, "no discovery", natsOptions_SetIgnoreDiscoveredServers(options, true)));
	LH_TRY(set_credentials(ctx, n, options));
	return n->o.tls ? set_tls(ctx, n, options) : LH_OK;
}

LhStatus
lh_nats_make_options(LhCtx *ctx, LhNats *n, natsOptions **out)
{
	sigset_t old;
	LhStatus status;
	natsStatus s;

	LH_TRY(lh_nats_begin(ctx, &old, sizeof(old)));
	s = natsOptions_Create(out);
	status = library(ctx, n, "any options", s);
	if (status == LH_OK)
		status = fill(ctx, n, *out);
	lh_nats_end(&old);
	if (status != LH_OK && s == NATS_OK)
		natsOptions_Destroy(*out);
	return status;
}
