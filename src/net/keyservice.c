/*
 * keyservice.c
 *		What key providers behind HTTP share.
 *
 * Pauses, repeats, time-outs, address rules and cancels are the HTTP client's.  A request that came through twice
 * does no harm: nothing is stored at a provider but logins.
 */
#include "net/keyservice.h"

#include "crypto/base64.h"
#include "net/client.h"
#include "net/secret_json.h"

#define DEFAULT_MS    10000
#define DEFAULT_TRIES 5

/*
 * Opening
 */

LhSlice
lh_keyservice_text(const char *s)
{
	return lh_slice(s, strlen(s));
}

/* Text of a number from 1 to most. */
static LhStatus
parse_count(LhCtx *ctx, const LhKeyService *service, const char *name, const char *text, int most,
			int *out)
{
	int v = 0;

	for (const char *p = text; *p != '\0'; p++)
	{
		if (*p < '0' || *p > '9' || (v = v * 10 + (*p - '0')) > most)
			v = -1;
		if (v < 0)
			break;
	}
	if (v <= 0)
		LH_FAIL(ctx, LH_INVALID,
				"option \"%s\" of key provider \"%s\" must be a number from 1 to %d", name,
				service->base.kind->name, most);
	*out = v;
	return LH_OK;
}

static bool
is_this_machine(const LhUrl *url)
{
	return strcmp(url->host, "localhost") == 0 || strncmp(url->host, "127.", 4) == 0 ||
		   strcmp(url->host, "::1") == 0;
}

static LhStatus
check_address(LhCtx *ctx, LhKeyService *service, const LhKeyServiceOptions *options)
{
	const char *kind = service->base.kind->name;
	LhAddress numeric;
	LhUrl url;

	if (lh_url_parse(ctx, options->address, &url) != LH_OK)
	{
		lh_error_prefix(ctx, "option \"%s\" of key provider \"%s\"", options->address_option, kind);
		return ctx->error->code;
	}
	if (url.query != NULL || strcmp(url.path, "/") != 0)
		LH_FAIL(ctx, LH_INVALID, "option \"%s\" of key provider \"%s\" has neither path nor query",
				options->address_option, kind);
	/* a name that only looks like an address of this machine is none */
	if (!url.https && !(is_this_machine(&url) && (strcmp(url.host, "localhost") == 0 ||
												  lh_address_parse(url.host, &numeric))))
	{
		lh_fail(ctx, LH_INVALID, "key provider \"%s\" would send %s to host \"%s\" in clear text",
				kind, options->carries, url.host);
		lh_hint(ctx, "Use an address that begins with https://.");
		return LH_INVALID;
	}
	service->rule.host = url.host;
	service->host = lh_url_authority(ctx, &url);
	url.path = "";
	service->root = lh_url_text(ctx, &url);
	return service->root != NULL && service->host != NULL ? LH_OK : ctx->error->code;
}

LhStatus
lh_keyservice_open(LhCtx *ctx, LhKeyService *service, const LhKeyServiceOptions *options)
{
	LhNetOptions net = {.backoff_max_ms = 5000,
						.connect_timeout_ms = DEFAULT_MS,
						.attempts = DEFAULT_TRIES,
						.ca_file = options->ca_file,
						.rules = &service->rule,
						.nrules = 1};

	LH_TRY(check_address(ctx, service, options));
	if (options->timeout_ms != NULL)
		LH_TRY(parse_count(ctx, service, "timeout_ms", options->timeout_ms, 600000,
						   &net.connect_timeout_ms));
	if (options->attempts != NULL)
		LH_TRY(parse_count(ctx, service, "attempts", options->attempts, 20, &net.attempts));
	net.stall_timeout_ms = net.total_timeout_ms = net.connect_timeout_ms;
	return lh_net_create(ctx, &net, &service->net);
}

LhStatus
lh_keyservice_settings(LhCtx *ctx, const LhProviderKind *kind, const LhProviderOption *options,
					   int n, const LhProviderField *fields, int nfields)
{
	LH_TRY(lh_provider_options(ctx, kind, options, n, fields, nfields));
	for (int i = 0; i < nfields; i++)
		if (*fields[i].value != NULL &&
			(*fields[i].value = lh_strdup(ctx, *fields[i].value)) == NULL)
			return ctx->error->code;
	return LH_OK;
}

/*
 * Secrets
 */

LhStatus
lh_keyservice_credential(LhCtx *ctx, const char *what, const char *path, LhSlice *out)
{
	uint8_t *bytes = NULL;
	size_t len = 0;

	LH_TRY(lh_secret_file(ctx, what, path, &bytes, &len));
	while (len > 0 && (bytes[len - 1] == '\n' || bytes[len - 1] == '\r'))
		len--;
	for (size_t i = 0; i < len; i++)
		if (bytes[i] <= ' ' || bytes[i] > '~' || bytes[i] == '"' || bytes[i] == '\\')
			len = 0;
	if (len == 0 || len >= LH_KEYSERVICE_CREDENTIAL)
		LH_FAIL(ctx, LH_INVALID, "%s \"%s\" must hold one line of printable ASCII", what, path);
	*out = lh_slice(bytes, len);
	return LH_OK;
}

LhStatus
lh_keyservice_join(LhCtx *ctx, const LhSlice *parts, int n, LhSlice *out)
{
	size_t len = 0;
	void *memory;
	uint8_t *p;

	for (int i = 0; i < n; i++)
		len += parts[i].len;
	LH_TRY(lh_secret_alloc(ctx, len + 1, &memory));
	p = memory;
	for (int i = 0; i < n; i++)
	{
		if (parts[i].len > 0)
			memcpy(p, parts[i].data, parts[i].len);
		p += parts[i].len;
	}
	*out = lh_slice(memory, len);
	return LH_OK;
}

LhStatus
lh_keyservice_base64(LhCtx *ctx, LhSlice bytes, LhSlice *out)
{
	void *text;

	LH_TRY(lh_secret_alloc(ctx, LH_BASE64_TEXT(bytes.len), &text));
	*out = lh_slice(text, lh_base64_encode(LH_BASE64_STANDARD, bytes.data, bytes.len, text));
	return LH_OK;
}

/*
 * Requests
 */

typedef struct Reading
{
	const LhKeyService *service;
	LhKeyServiceAnswer *answer;
} Reading;

/* LhHttpBodyFn */
static LhStatus
take_answer(LhCtx *ctx, void *arg, int64_t at, const uint8_t *bytes, size_t n)
{
	Reading *r = arg;

	if (at < 0 || (uint64_t) at > LH_KEYSERVICE_ANSWER || n > LH_KEYSERVICE_ANSWER - (size_t) at)
		LH_FAIL(ctx, LH_IO, "the answer of key provider \"%s\" is longer than %zu bytes",
				r->service->base.kind->name, LH_KEYSERVICE_ANSWER);
	memcpy(r->answer->bytes + at, bytes, n);
	r->answer->len = (size_t) at + n;
	return LH_OK;
}

LhStatus
lh_keyservice_ask(LhCtx *ctx, LhKeyService *service, const char *path, LhHttp *http, LhSlice body,
				  LhKeyServiceAnswer *answer)
{
	Reading reading = {service, answer};
	void *memory;
	char *url;

	LH_TRY(lh_secret_alloc(ctx, LH_KEYSERVICE_ANSWER, &memory));
	*answer = (LhKeyServiceAnswer){.bytes = memory};
	url = lh_sprintf(ctx, "%s%s", service->root, path);
	if (url == NULL)
		return ctx->error->code;
	LH_TRY(lh_url_parse(ctx, url, &http->url));
	http->body = body.data;
	http->body_len = body.len;
	http->no_redirect = true;
	http->on_body = take_answer;
	http->on_body_arg = &reading;
	LH_TRY(lh_http_run(ctx, service->net, http));
	answer->status = http->reply.status;
	/* the body of a refusal is the client's to keep */
	if (answer->status >= 300)
	{
		answer->len = http->text.len < LH_KEYSERVICE_ANSWER ? http->text.len : LH_KEYSERVICE_ANSWER;
		if (answer->len > 0)
			memcpy(answer->bytes, http->text.data, answer->len);
	}
	return LH_OK;
}

LhStatus
lh_keyservice_bad_answer(LhCtx *ctx, const LhKeyService *service, const char *member)
{
	LH_FAIL(ctx, LH_IO, "the answer of key provider \"%s\" has no usable \"%s\"",
			service->base.kind->name, member);
}

LhStatus
lh_keyservice_find(LhCtx *ctx, const LhKeyService *service, const LhKeyServiceAnswer *answer,
				   const char *const *path, int n, LhSlice *out)
{
	bool number;

	if (!lh_secret_json_find(lh_slice(answer->bytes, answer->len), path, n, out, &number) ||
		number || out->len == 0)
		return lh_keyservice_bad_answer(ctx, service, path[n - 1]);
	return LH_OK;
}

LhStatus
lh_keyservice_number(LhCtx *ctx, const LhKeyService *service, const LhKeyServiceAnswer *answer,
					 const char *const *path, int n, uint32_t *out)
{
	LhSlice text;
	uint64_t v = 0;
	bool number;

	if (!lh_secret_json_find(lh_slice(answer->bytes, answer->len), path, n, &text, &number) ||
		!number || text.len > 10)
		return lh_keyservice_bad_answer(ctx, service, path[n - 1]);
	for (size_t i = 0; i < text.len; i++)
	{
		if (text.data[i] < '0' || text.data[i] > '9')
			return lh_keyservice_bad_answer(ctx, service, path[n - 1]);
		v = v * 10 + (uint64_t) (text.data[i] - '0');
	}
	if (v > INT32_MAX)
		return lh_keyservice_bad_answer(ctx, service, path[n - 1]);
	*out = (uint32_t) v;
	return LH_OK;
}

/*
 * Results
 */

LhStatus
lh_keyservice_keep_key(LhCtx *ctx, LhProviderJob *job, LhSlice text, const char *member)
{
	void *memory;
	size_t len;

	LH_TRY(lh_provider_keep_secret(ctx, job, LH_BASE64_BYTES(text.len), &memory));
	if (!lh_base64_decode(LH_BASE64_STANDARD, (const char *) text.data, text.len, memory, &len) ||
		len == 0 || len > LH_PROVIDER_MOST)
		return lh_keyservice_bad_answer(ctx, lh_keyservice_of(job), member);
	job->key = lh_slice(memory, len);
	return LH_OK;
}

LhStatus
lh_keyservice_keep_wrapped(LhCtx *ctx, LhProviderJob *job, LhSlice text)
{
	void *copy = lh_provider_keep(ctx, job, text.len + 1);

	if (copy == NULL)
		return ctx->error->code;
	memcpy(copy, text.data, text.len);
	job->wrapped = lh_slice(copy, text.len);
	return LH_OK;
}
