/*
 * redis_config.c
 *		The Redis sink's URI and options.
 *
 *		redis://host:6379/DB?...		rediss://... with TLS
 *		redis:///run/redis/redis.sock?db=DB
 */
#include "sink/redis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define PORT 6379

static const char *const known[] = {"prefix",       "position",   "db",
									"user",         "password",   "password.file",
									"password.env", "fields",     "field.key",
									"field.value",  "field.op",   "field.position",
									"field.header", "maxlen",     "minid",
									"batch.bytes",  "timeout.ms", "connect.timeout.ms",
									"wait",         "durability", "max.bulk.bytes",
									"tls.ca",       "tls.cert",   "tls.key",
									"tls.verify",   NULL};

/* What the client hands over is borrowed for the call. */
static LhStatus
text_option(LhCtx *ctx, const LhSinkConfig *c, const char *name, const char *preset,
			const char **out)
{
	const char *text = lh_sink_option(c, name, preset);

	*out = text;
	if (text == NULL)
		return LH_OK;
	*out = lh_strdup(ctx, text);
	return *out != NULL ? LH_OK : ctx->error->code;
}

static LhStatus
bad_address(LhCtx *ctx, const LhSinkConfig *c)
{
	lh_fail(ctx, LH_INVALID, "sink \"%s\": this is no address of one server", c->uri);
	lh_hint(ctx, "Write \"redis://host:port/DB?...\", with TLS \"rediss://...\", IPv6 as "
				 "\"redis://[::1]:6379\", or \"redis:///path/of/socket?db=DB&...\".");
	return LH_INVALID;
}

static bool
read_port(const char *text, int *port)
{
	char *end;
	long v;

	if (text[0] < '0' || text[0] > '9')
		return false;
	v = strtol(text, &end, 10);
	*port = (int) v;
	return *end == '\0' && v > 0 && v <= 65535;
}

static LhStatus
read_host(LhCtx *ctx, const LhSinkConfig *c, LhRedisTarget *t)
{
	const char *host = c->host, *behind;
	size_t n;

	t->port = PORT;
	if (host[0] == '[')
	{
		n = strcspn(++host, "]");
		behind = host + n;
		if (*behind != ']')
			return bad_address(ctx, c);
		behind++;
	}
	else
	{
		n = strcspn(host, ":");
		behind = host + n;
	}
	if (n == 0 || n > 255 || strcspn(host, ",[]") < n ||
		(*behind != '\0' && (*behind != ':' || !read_port(behind + 1, &t->port))))
		return bad_address(ctx, c);
	t->host = lh_strndup(ctx, host, n);
	return t->host != NULL ? LH_OK : ctx->error->code;
}

static bool
is_number(const char *text)
{
	size_t n = strlen(text);

	return n > 0 && n <= 9 && strspn(text, "0123456789") == n;
}

static LhStatus
read_address(LhCtx *ctx, const LhSinkConfig *c, LhRedis *r)
{
	const char *db = lh_sink_option(c, "db", NULL);

	if (c->host[0] != '\0')
	{
		LH_TRY(read_host(ctx, c, &r->target));
		if (c->path[0] != '\0' && c->path[1] != '\0')
		{
			if (db != NULL && strcmp(db, c->path + 1) != 0)
				LH_FAIL(ctx, LH_INVALID, "sink \"%s\": two databases are named", c->uri);
			db = c->path + 1;
		}
	}
	else
	{
		if (c->path[0] == '\0' || c->path[1] == '\0')
			return bad_address(ctx, c);
		if (strlen(c->path) >= sizeof(((struct sockaddr_un *) NULL)->sun_path))
			LH_FAIL(ctx, LH_INVALID, "sink \"%s\": the path of its socket is too long", c->uri);
		r->target.socket = lh_strdup(ctx, c->path);
		if (r->target.socket == NULL)
			return ctx->error->code;
	}
	if (db != NULL && !is_number(db))
		LH_FAIL(ctx, LH_INVALID, "sink \"%s\": a database is a number", c->uri);
	r->db = lh_strdup(ctx, db != NULL ? db : "0");
	return r->db != NULL ? LH_OK : ctx->error->code;
}

static LhStatus
read_tls(LhCtx *ctx, const LhSinkConfig *c, bool tls, LhRedisTarget *t)
{
	static const char *const verify[] = {"full", "ca", "no", NULL};
	int choice;

	t->tls = tls;
	for (int i = 0; i < c->noptions && !tls; i++)
		if (strncmp(c->options[i].name, "tls.", 4) == 0)
		{
			lh_fail(ctx, LH_INVALID, "sink \"%s\": option \"%s\" is of TLS, which it does not use",
					c->uri, c->options[i].name);
			lh_hint(ctx, "With TLS the scheme is rediss:.");
			return LH_INVALID;
		}
	LH_TRY(text_option(ctx, c, "tls.ca", NULL, &t->ca));
	LH_TRY(text_option(ctx, c, "tls.cert", NULL, &t->cert));
	LH_TRY(text_option(ctx, c, "tls.key", NULL, &t->key));
	LH_TRY(lh_sink_option_choice(ctx, c, "tls.verify", verify, &choice));
	t->verify = (LhRedisVerify) choice;
	if ((t->cert == NULL) != (t->key == NULL))
		LH_FAIL(ctx, LH_INVALID, "sink \"%s\": tls.cert and tls.key need each other", c->uri);
	if (tls && t->host == NULL && t->verify == LH_REDIS_VERIFY_FULL)
		LH_FAIL(ctx, LH_INVALID, "sink \"%s\": a socket has no name to verify: tls.verify=ca",
				c->uri);
	return LH_OK;
}

static LhStatus
read_secrets(LhCtx *ctx, const LhSinkConfig *c, LhRedis *r)
{
	LH_TRY(text_option(ctx, c, "user", NULL, &r->user));
	LH_TRY(text_option(ctx, c, "password", NULL, &r->password));
	LH_TRY(text_option(ctx, c, "password.file", NULL, &r->password_file));
	LH_TRY(text_option(ctx, c, "password.env", NULL, &r->password_env));
	if ((r->password != NULL) + (r->password_file != NULL) + (r->password_env != NULL) > 1)
		LH_FAIL(ctx, LH_INVALID,
				"sink \"%s\": give password, password.file or password.env, not two of them",
				c->uri);
	if (r->user != NULL && r->password == NULL && r->password_file == NULL &&
		r->password_env == NULL)
		LH_FAIL(ctx, LH_INVALID, "sink \"%s\": user needs a password: password.file", c->uri);
	return LH_OK;
}

static LhStatus
read_fields(LhCtx *ctx, const LhSinkConfig *c, LhRedisFields *f)
{
	static const char *const all[] = {"all", "value", NULL};
	const char *names[4];
	int choice;

	LH_TRY(lh_sink_option_choice(ctx, c, "fields", all, &choice));
	f->value_only = choice == 1;
	LH_TRY(text_option(ctx, c, "field.key", f->value_only ? "" : "key", &f->key));
	LH_TRY(text_option(ctx, c, "field.value", "value", &f->value));
	LH_TRY(text_option(ctx, c, "field.op", f->value_only ? "" : "op", &f->op));
	LH_TRY(text_option(ctx, c, "field.position", f->value_only ? "" : "position", &f->position));
	LH_TRY(text_option(ctx, c, "field.header", f->value_only ? "" : "header.", &f->header));
	names[0] = f->key;
	names[1] = f->value;
	names[2] = f->op;
	names[3] = f->position;
	for (int i = 0; i < 4; i++)
		for (int k = 0; k < i; k++)
			if (names[i][0] != '\0' && strcmp(names[i], names[k]) == 0)
				LH_FAIL(ctx, LH_INVALID, "sink \"%s\": two fields have the name \"%s\"", c->uri,
						names[i]);
	if (f->value[0] == '\0')
		LH_FAIL(ctx, LH_INVALID, "sink \"%s\": option \"field.value\" cannot be empty", c->uri);
	return LH_OK;
}

static LhStatus
read_trimming(LhCtx *ctx, const LhSinkConfig *c, LhRedis *r)
{
	uint64_t minid;

	/* preset 0: never */
	LH_TRY(lh_sink_option_number(ctx, c, "maxlen", 0, 1, INT64_MAX, &r->trim_n));
	LH_TRY(lh_sink_option_number(ctx, c, "minid", 0, 1, INT64_MAX, &minid));
	if (r->trim_n > 0 && minid > 0)
		LH_FAIL(ctx, LH_INVALID, "sink \"%s\": give maxlen or minid, not both", c->uri);
	r->trim = r->trim_n > 0 ? "MAXLEN" : minid > 0 ? "MINID" : "";
	if (minid > 0)
		r->trim_n = minid;
	return LH_OK;
}

LhStatus
lh_redis_read_options(LhCtx *ctx, const LhSinkConfig *c, bool tls, LhRedis *r)
{
	static const char *const durability[] = {"check", "trust", NULL};
	uint64_t connect_ms;
	int choice;

	LH_TRY(lh_sink_check_options(ctx, c, known));
	r->uri = r->target.uri = lh_strdup(ctx, c->uri);
	r->stream = lh_strdup(ctx, c->stream);
	if (r->uri == NULL || r->stream == NULL)
		return ctx->error->code;
	LH_TRY(read_address(ctx, c, r));
	LH_TRY(read_tls(ctx, c, tls, &r->target));
	LH_TRY(read_secrets(ctx, c, r));
	LH_TRY(read_fields(ctx, c, &r->fields));
	LH_TRY(read_trimming(ctx, c, r));
	LH_TRY(text_option(ctx, c, "prefix", "", &r->prefix));
	LH_TRY(text_option(ctx, c, "position", NULL, &r->position_key));
	if (r->position_key == NULL)
		r->position_key = lh_sprintf(ctx, "%slakehouse:position:%s", r->prefix, r->stream);
	if (r->position_key == NULL)
		return ctx->error->code;
	if (r->position_key[0] == '\0')
		LH_FAIL(ctx, LH_INVALID, "sink \"%s\": option \"position\" cannot be empty", c->uri);
	LH_TRY(lh_sink_option_number(ctx, c, "batch.bytes", 1 << 20, 1, 256 << 20, &r->batch_bytes));
	LH_TRY(lh_sink_option_number(ctx, c, "timeout.ms", 60000, 100, 3600000, &r->timeout_ms));
	LH_TRY(lh_sink_option_number(ctx, c, "connect.timeout.ms", 10000, 100, 3600000, &connect_ms));
	LH_TRY(lh_sink_option_number(ctx, c, "wait", 0, 0, 1000, &r->replicas));
	LH_TRY(lh_sink_option_number(ctx, c, "max.bulk.bytes", LH_REDIS_BULK_MAX, 1 << 20,
								 LH_REDIS_BULK_MAX, &r->bulk_max));
	LH_TRY(lh_sink_option_choice(ctx, c, "durability", durability, &choice));
	r->trust = choice == 1;
	r->target.connect_ms = (int) connect_ms;
	r->target.timeout_ms = (int) r->timeout_ms;
	return LH_OK;
}
