/*
 * instance.c
 *		The credentials of the machine's role, from the cloud's metadata service.
 *
 *	1. PUT asks for a token; a request that somebody else was made to send, which
 *	   is a GET, gets none (version 2 of the service, "IMDSv2").
 *	2. With it, GET names the role, and
 *	3. another GET has its credentials as JSON, with the time when they end.
 *
 * The service's address is refused to every other client (address.c).  This one
 * connects to it and nothing else, and follows no redirect.
 *
 * Format: AWS, "Use the Instance Metadata Service", "Retrieve security
 * credentials from instance metadata".
 */
#include "net/net.h"

#include <jansson.h>
#include <time.h>


#define TOKEN_PATH "/latest/api/token"
#define ROLE_PATH  "/latest/meta-data/iam/security-credentials/"
/* How long the token is good for, in seconds: three requests. */
#define TOKEN_TTL  "X-aws-ec2-metadata-token-ttl-seconds: 60"

/* Answers are short, and come at once or never: where there is no service nobody answers. */
#define MAX_ANSWER ((int64_t) 16 << 10)
#define CONNECT_MS 1000
#define TOTAL_MS   5000
#define ATTEMPTS   2

typedef struct Service
{
	const char *endpoint;
	LhNet *net;
	char *token; /* its header; NULL: not yet */
} Service;

/* *text: the body, NUL-terminated. */
static LhStatus
ask(LhCtx *ctx, Service *service, LhHttpMethod method, const char *path, const char *header,
	char **text)
{
	LhHttp *http;
	char *url;

	LH_NEW(ctx, http);
	url = lh_sprintf(ctx, "%s%s", service->endpoint, path);
	if (url == NULL)
		return ctx->error->code;
	LH_TRY(lh_url_parse(ctx, url, &http->url));
	http->method = method;
	http->headers[http->nheaders++] = header;
	http->no_redirect = true;
	http->max_body = MAX_ANSWER;
	LH_TRY(lh_http_run(ctx, service->net, http));
	if (http->reply.status != 200)
	{
		lh_fail(ctx, LH_DENIED, "the instance metadata service answered with status %d",
				http->reply.status);
		lh_detail(ctx, "It was asked for \"%s\".", path);
		lh_hint(ctx, "A role must be attached to the machine.");
		return LH_DENIED;
	}
	*text = (char *) http->text.data;
	return *text == NULL ? lh_fail(ctx, LH_CORRUPT, "the instance metadata service says nothing")
						 : LH_OK;
}

/* The first line, which must be one word. */
static LhStatus
word_of(LhCtx *ctx, char *text)
{
	text[strcspn(text, "\r\n")] = '\0';
	for (const char *p = text; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~' || *p == '/' || *p == '?')
			text = "";
	if (text[0] == '\0')
		LH_FAIL(ctx, LH_CORRUPT, "the instance metadata service answered with something else than a name");
	return LH_OK;
}

/* A member as text of its own; LH_CORRUPT when it is missing, or could not be a header. */
static LhStatus
member(LhCtx *ctx, const json_t *object, const char *name, const char **out)
{
	const char *value = json_string_value(json_object_get(object, name));

	if (value == NULL || value[0] == '\0' || value[strcspn(value, "\r\n")] != '\0')
		LH_FAIL(ctx, LH_CORRUPT, "the instance metadata service names no %s", name);
	*out = lh_strdup(ctx, value);
	return *out == NULL ? ctx->error->code : LH_OK;
}

static LhStatus
take_json(LhCtx *ctx, const json_t *object, LhInstanceCredentials *out)
{
	const char *expires;
	struct tm tm = {0};
	const char *end;

	LH_TRY(member(ctx, object, "AccessKeyId", &out->access_key_id));
	LH_TRY(member(ctx, object, "SecretAccessKey", &out->secret_access_key));
	LH_TRY(member(ctx, object, "Token", &out->session_token));
	LH_TRY(member(ctx, object, "Expiration", &expires));
	end = strptime(expires, "%Y-%m-%dT%H:%M:%S", &tm);
	if (end == NULL || strcmp(end, "Z") != 0)
		LH_FAIL(ctx, LH_CORRUPT, "the instance metadata service says no time when credentials end");
	out->expires = timegm(&tm);
	return LH_OK;
}

static LhStatus
fetch(LhCtx *ctx, Service *service, LhInstanceCredentials *out)
{
	char *token, *role, *text, *path;
	json_t *object;
	LhStatus status;

	LH_TRY(ask(ctx, service, LH_HTTP_PUT, TOKEN_PATH, TOKEN_TTL, &token));
	LH_TRY(word_of(ctx, token));
	service->token = lh_sprintf(ctx, "X-aws-ec2-metadata-token: %s", token);
	if (service->token == NULL)
		return ctx->error->code;
	LH_TRY(ask(ctx, service, LH_HTTP_GET, ROLE_PATH, service->token, &role));
	LH_TRY(word_of(ctx, role));
	path = lh_sprintf(ctx, "%s%s", ROLE_PATH, role);
	if (path == NULL)
		return ctx->error->code;
	LH_TRY(ask(ctx, service, LH_HTTP_GET, path, service->token, &text));
	/* jansson's message could quote the answer */
	object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	explicit_bzero(text, strlen(text));
	status = take_json(ctx, object, out);
	json_decref(object);
	return status;
}

LhStatus
lh_instance_credentials(LhCtx *ctx, const char *endpoint, LhInstanceCredentials *out)
{
	bool real = endpoint == NULL;
	Service service = {.endpoint = real ? LH_INSTANCE_ENDPOINT : endpoint};
	LhNetOptions options = {.metadata_service = real,
							.connect_timeout_ms = CONNECT_MS,
							.stall_timeout_ms = TOTAL_MS,
							.total_timeout_ms = TOTAL_MS,
							.attempts = ATTEMPTS};
	LhNetRule rule = {0};
	LhUrl url;

	if (!real)
	{
		LH_TRY(lh_url_parse(ctx, endpoint, &url));
		rule.host = url.host;
		options.rules = &rule;
		options.nrules = 1;
	}
	LH_TRY(lh_net_create(ctx, &options, &service.net));
	return fetch(ctx, &service, out);
}
