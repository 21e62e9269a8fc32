/*
 * awskms.c
 *		AWS Key Management Service as a key provider.
 *
 *	1. A request is a POST of JSON to "/", named by a header and signed (sigv4.c).  Credentials are read anew for each
 *	   attempt from a file, or asked of the machine's service of roles and kept until they end.
 *	2. The service says 400 to nearly everything that it will not do; "__type" says what it was.  Some of that is repeated
 *	   here (throttling), as the HTTP client repeats 429 and 5xx.
 *	3. Which version wrapped a key is asked of the key's list of rotations before it wraps: a rotation between both makes the
 *	   number one too small, and rewrapping it does no harm.
 */
#include "net/awskms.h"

#include <jansson.h>
#include <stdio.h>
#include <time.h>

#include "net/awscreds.h"
#include "net/client.h"
#include "net/keyservice.h"
#include "net/secret_json.h"

#define PREFIX           "awskms:v"
#define CONTEXT          "\"EncryptionContext\":{\"application\":\"lakehouse\"}"
#define MAX_KEY_ID       64
#define MAX_ROTATIONS    10000 /* that are counted */
#define ROTATIONS_A_PAGE 1000
#define MAX_PAGES        100 /* some may be empty */
/* Repeats of what is throttled: 0.2, 0.4, 0.8 s. */
#define REPEATS          3
/* Credentials of a role are renewed so long before they end. */
#define BEFORE_END_S     120

typedef struct Settings
{
	const char *region, *endpoint, *credentials_file, *profile, *instance_role, *metadata_endpoint,
		*ca_file, *timeout_ms, *attempts;
} Settings;

typedef struct Kms
{
	LhKeyService base;
	Settings s;
	LhArena *role_arena; /* of what role has; NULL: nothing yet */
	LhInstanceCredentials role;
} Kms;

static const LhProviderSteps steps; /* at the end */

/*
 * Opening
 */

static LhStatus
check_settings(LhCtx *ctx, Settings *s)
{
	bool role = s->instance_role != NULL && strcmp(s->instance_role, "on") == 0;

	if (s->instance_role != NULL && !role && strcmp(s->instance_role, "off") != 0)
		LH_FAIL(ctx, LH_INVALID,
				"option \"instance_role\" of key provider \"awskms\" is \"on\" or \"off\"");
	if (role == (s->credentials_file != NULL))
		LH_FAIL(ctx, LH_INVALID,
				"key provider \"awskms\" needs option \"credentials_file\", or \"instance_role\"");
	if (s->metadata_endpoint != NULL && !role)
		LH_FAIL(
			ctx, LH_INVALID,
			"option \"metadata_endpoint\" of key provider \"awskms\" goes with \"instance_role\"");
	/* it becomes a part of a host's name */
	if (strlen(s->region) > 32 ||
		strspn(s->region, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(s->region))
		LH_FAIL(
			ctx, LH_INVALID,
			"option \"region\" of key provider \"awskms\" must be a name such as \"eu-central-1\"");
	if (s->endpoint == NULL)
		s->endpoint = lh_sprintf(ctx, "https://kms.%s.amazonaws.com%s", s->region,
								 strncmp(s->region, "cn-", 3) == 0 ? ".cn" : "");
	return s->endpoint != NULL ? LH_OK : ctx->error->code;
}

static LhStatus
kms_open(LhCtx *ctx, const LhProviderOption *options, int n, LhProvider **out)
{
	Kms *k;

	LH_NEW(ctx, k);
	k->base.base.kind = &lh_provider_awskms;
	k->base.base.steps = &steps;
	k->s.profile = "default";
	{
		const LhProviderField fields[] = {{"region", &k->s.region, true},
										  {"endpoint", &k->s.endpoint, false},
										  {"credentials_file", &k->s.credentials_file, false},
										  {"profile", &k->s.profile, false},
										  {"instance_role", &k->s.instance_role, false},
										  {"metadata_endpoint", &k->s.metadata_endpoint, false},
										  {"ca_file", &k->s.ca_file, false},
										  {"timeout_ms", &k->s.timeout_ms, false},
										  {"attempts", &k->s.attempts, false}};

		LH_TRY(lh_keyservice_settings(ctx, &lh_provider_awskms, options, n, fields,
									  sizeof(fields) / sizeof(fields[0])));
	}
	LH_TRY(check_settings(ctx, &k->s));
	LH_TRY(lh_keyservice_open(ctx, &k->base,
							  &(LhKeyServiceOptions){.address_option = "endpoint",
													 .address = k->s.endpoint,
													 .carries = "keys",
													 .ca_file = k->s.ca_file,
													 .timeout_ms = k->s.timeout_ms,
													 .attempts = k->s.attempts}));
	*out = &k->base.base;
	return LH_OK;
}

/*
 * Credentials
 */

/* Those of the role, asked anew shortly before they end. */
static LhStatus
role_credentials(LhCtx *ctx, Kms *k, LhAwsCredentials *out)
{
	if (k->role_arena == NULL || k->role.expires - BEFORE_END_S <= (int64_t) time(NULL))
	{
		/* of the provider's own memory: the request's goes with it */
		LhArena *arena = lh_arena_child(k->base.net != NULL ? k->base.net->arena : ctx->arena),
				*old;
		LhInstanceCredentials fresh;
		LhStatus status;

		if (arena == NULL)
			LH_FAIL(ctx, LH_NO_MEMORY, "out of memory for key provider \"awskms\"");
		old = lh_use(ctx, arena);
		status = lh_instance_credentials(ctx, k->s.metadata_endpoint, &fresh);
		lh_use(ctx, old);
		if (status != LH_OK)
		{
			lh_arena_destroy(arena);
			return status;
		}
		if (k->role_arena != NULL)
			lh_arena_destroy(k->role_arena);
		k->role_arena = arena;
		k->role = fresh;
	}
	*out =
		(LhAwsCredentials){k->role.access_key_id, k->role.secret_access_key, k->role.session_token};
	return LH_OK;
}

/* LhHttpSignFn */
static LhStatus
sign(LhCtx *ctx, void *arg, const LhHttp *http, const char **headers, int max, int *n)
{
	Kms *k = arg;
	const char *signed_headers[LH_HTTP_MAX_HEADERS];
	char hash[65], time_text[17], *authorization;
	LhAwsCredentials c;
	LhSigV4 in = {.method = "POST",
				  .path = http->url.path,
				  .query = http->url.query,
				  .headers = signed_headers,
				  .payload_hash = hash,
				  .time = time_text,
				  .region = k->s.region,
				  .service = "kms"};
	LhSlice token[2];

	(void) max;
	if (k->s.credentials_file != NULL)
		LH_TRY(lh_aws_credentials(ctx, k->s.credentials_file, k->s.profile, &c));
	else
		LH_TRY(role_credentials(ctx, k, &c));
	in.access_key_id = c.access_key_id;
	in.secret_access_key = c.secret_access_key;
	lh_sha256_hex(http->body, http->body_len, hash);
	lh_sigv4_time((int64_t) time(NULL), time_text);
	headers[(*n)++] = lh_sprintf(ctx, "x-amz-date: %s", time_text);
	if (c.session_token != NULL)
	{
		token[0] = lh_keyservice_text("x-amz-security-token: ");
		token[1] = lh_keyservice_text(c.session_token);
		LH_TRY(lh_keyservice_join(ctx, token, 2, &token[0]));
		headers[(*n)++] = (const char *) token[0].data;
	}
	for (int i = 0; i < http->nheaders; i++)
		signed_headers[in.nheaders++] = http->headers[i];
	for (int i = 0; i < *n; i++)
	{
		if (headers[i] == NULL)
			return ctx->error->code;
		signed_headers[in.nheaders++] = headers[i];
	}
	signed_headers[in.nheaders] = lh_sprintf(ctx, "host:%s", k->base.host);
	if (signed_headers[in.nheaders++] == NULL)
		return ctx->error->code;
	LH_TRY(lh_sigv4_sign(ctx, &in, &authorization));
	headers[*n] = lh_sprintf(ctx, "Authorization: %s", authorization);
	return headers[(*n)++] != NULL ? LH_OK : ctx->error->code;
}

/*
 * Requests
 */

typedef struct Refusal
{
	const char *type; /* the end of its name is enough */
	LhStatus status;
	const char *why;
} Refusal;

static const Refusal refusals[] = {
	{"NotFoundException", LH_NOT_FOUND, "there is no such key"},
	{"AccessDeniedException", LH_DENIED, "access is denied"},
	{"UnrecognizedClientException", LH_DENIED, "the access key is not known"},
	{"InvalidClientTokenId", LH_DENIED, "the access key is not known"},
	{"InvalidSignatureException", LH_DENIED,
	 "the signature is wrong (secret, or this machine's clock)"},
	{"IncompleteSignature", LH_DENIED, "the signature is wrong"},
	{"MissingAuthenticationToken", LH_DENIED, "the request was not signed"},
	{"ExpiredTokenException", LH_DENIED, "the session has ended"},
	{"InvalidCiphertextException", LH_CORRUPT, "the wrapped key is damaged, or of another use"},
	{"IncorrectKeyException", LH_CORRUPT, "another key wrapped it"},
	{"DisabledException", LH_IO, "the key is disabled"},
	{"KMSInvalidStateException", LH_IO, "the key is in no state to be used"},
	{"KeyUnavailableException", LH_IO, "the key is not available"},
	{"DependencyTimeoutException", LH_IO, "the service timed out"},
	{"ValidationException", LH_INVALID, "it takes the request for invalid"},
	{"InvalidArnException", LH_INVALID, "the key's name is none of its"},
	{"InvalidKeyUsageException", LH_INVALID, "the key is not for encryption"},
	{"LimitExceededException", LH_IO, "a limit of the account is reached"},
	{"ThrottlingException", LH_IO, "it wants fewer requests"},
};

/* Its "__type", without the namespace; empty: none. */
static LhSlice
type_of(const LhKeyServiceAnswer *answer)
{
	static const char *const path[1] = {"__type"};
	LhSlice type = {0};
	bool number;

	if (!lh_secret_json_find(lh_slice(answer->bytes, answer->len), path, 1, &type, &number) ||
		number)
		return (LhSlice){0};
	for (size_t i = type.len; i-- > 0;)
		if (type.data[i] == '#')
			return lh_slice(type.data + i + 1, type.len - i - 1);
	return type;
}

static const Refusal *
refusal_of(const LhKeyServiceAnswer *answer)
{
	LhSlice type = type_of(answer);

	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		if (type.len == strlen(refusals[i].type) &&
			memcmp(type.data, refusals[i].type, type.len) == 0)
			return &refusals[i];
	return NULL;
}

static LhStatus
fail_status(LhCtx *ctx, const LhKeyServiceAnswer *answer, const char *what, const char *name)
{
	const Refusal *r = refusal_of(answer);

	if (r == NULL)
	{
		lh_fail(ctx, answer->status == 401 || answer->status == 403 ? LH_DENIED : LH_IO,
				"key provider \"awskms\" could not %s \"%s\": it answered with status %d", what,
				name, answer->status);
		return ctx->error->code;
	}
	lh_fail(ctx, r->status, "key provider \"awskms\" could not %s \"%s\": %s (%s)", what, name,
			r->why, r->type);
	if (r->status == LH_DENIED)
		lh_hint(ctx, "The credentials must be valid, and the key's policy must allow them this.");
	return r->status;
}

/* Hosts may wake earlier than they are asked to. */
static LhStatus
rest(LhCtx *ctx, int ms)
{
	int64_t until = lh_net_now_ms() + ms, left;

	while ((left = until - lh_net_now_ms()) > 0)
	{
		LH_TRY(lh_poll(ctx));
		(void) lh_host_wait(ctx, NULL, 0, (int) left);
	}
	return lh_poll(ctx);
}

/* One request about a key, and again while it is throttled. */
static LhStatus
call(LhCtx *ctx, Kms *k, const char *operation, const char *name, LhSlice body, const char *what,
	 LhKeyServiceAnswer *answer)
{
	const char *target = lh_sprintf(ctx, "X-Amz-Target: TrentService.%s", operation);

	if (target == NULL)
		return ctx->error->code;
	for (int i = 0;; i++)
	{
		const Refusal *r;
		LhHttp *http;

		LH_NEW(ctx, http);
		http->method = LH_HTTP_POST;
		http->headers[http->nheaders++] = "Content-Type: application/x-amz-json-1.1";
		http->headers[http->nheaders++] = target;
		http->sign = sign;
		http->sign_arg = k;
		LH_TRY(lh_keyservice_ask(ctx, &k->base, "/", http, body, answer));
		if (answer->status == 200)
			return LH_OK;
		r = refusal_of(answer);
		if (i == REPEATS || r == NULL || strcmp(r->type, "ThrottlingException") != 0)
			return fail_status(ctx, answer, what, name);
		LH_TRY(rest(ctx, 200 << i));
	}
}

/*
 * Names, versions, wrapped keys
 */

/* "1234abcd-12ab-34cd-56ef-1234567890ab" or of many regions; all else is an alias. */
static bool
is_key_id(const char *name)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	if (strncmp(name, "mrk-", 4) == 0)
		return strlen(name) == 36 && strspn(name + 4, "0123456789abcdef") == 32;
	if (strlen(name) != sizeof(form) - 1)
		return false;
	for (int i = 0; form[i] != '\0'; i++)
		if (form[i] == '-' ? name[i] != '-' : strchr("0123456789abcdefABCDEF", name[i]) == NULL)
			return false;
	return true;
}

static const char *
target_of(const char *name)
{
	return is_key_id(name) ? "" : "alias/";
}

/* The id at the end of "arn:aws:kms:REGION:ACCOUNT:key/ID", or the id itself. */
static LhStatus
key_id_of(LhCtx *ctx, const LhProviderJob *job, LhSlice arn, const char *member,
		  char id[MAX_KEY_ID])
{
	size_t from = 0;

	for (size_t i = 0; i < arn.len; i++)
		if (arn.data[i] == '/')
			from = i + 1;
	arn = lh_slice(arn.data + from, arn.len - from);
	if (arn.len == 0 || arn.len >= MAX_KEY_ID)
		return lh_keyservice_bad_answer(ctx, lh_keyservice_of(job), member);
	memcpy(id, arn.data, arn.len);
	id[arn.len] = '\0';
	return is_key_id(id) ? LH_OK : lh_keyservice_bad_answer(ctx, lh_keyservice_of(job), member);
}

typedef struct Wrapped
{
	uint32_t version;
	LhSlice key_id, text; /* text: base64 of the service */
} Wrapped;

static bool
parse_wrapped(LhSlice wrapped, Wrapped *out)
{
	const size_t n = sizeof(PREFIX) - 1;
	char id[MAX_KEY_ID];
	uint64_t v = 0;
	size_t i, from;

	if (wrapped.len <= n || wrapped.len > LH_KEYSERVICE_WRAPPED ||
		memcmp(wrapped.data, PREFIX, n) != 0)
		return false;
	for (i = n;
		 i < wrapped.len && wrapped.data[i] >= '0' && wrapped.data[i] <= '9' && v <= INT32_MAX; i++)
		v = v * 10 + (uint64_t) (wrapped.data[i] - '0');
	if (i == n || v == 0 || v > INT32_MAX || i == wrapped.len || wrapped.data[i] != ':')
		return false;
	for (from = ++i; i < wrapped.len && wrapped.data[i] != ':'; i++)
		;
	if (i == wrapped.len || i - from >= MAX_KEY_ID)
		return false;
	memcpy(id, wrapped.data + from, i - from);
	id[i - from] = '\0';
	*out = (Wrapped){.version = (uint32_t) v,
					 .key_id = lh_slice(wrapped.data + from, i - from),
					 .text = lh_slice(wrapped.data + i + 1, wrapped.len - i - 1)};
	/* with a zero in it only its beginning was looked at */
	if (!is_key_id(id) || strlen(id) != out->key_id.len || out->text.len == 0)
		return false;
	for (i = 0; i < out->text.len; i++)
		if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=",
				   out->text.data[i]) == NULL ||
			out->text.data[i] == '\0')
			return false;
	return true;
}

static bool
kms_version(LhSlice wrapped, uint32_t *out)
{
	Wrapped w;

	if (!parse_wrapped(wrapped, &w))
		return false;
	*out = w.version;
	return true;
}

static LhStatus
check_wrapped(LhCtx *ctx, LhSlice wrapped, Wrapped *out)
{
	if (!parse_wrapped(wrapped, out))
		LH_FAIL(ctx, LH_CORRUPT, "a wrapped key is none of key provider \"awskms\"");
	return LH_OK;
}

/* Rotations of a page, and from where the next begins (NULL: there is none). */
static LhStatus
count_page(LhCtx *ctx, const LhProviderJob *job, const LhKeyServiceAnswer *answer, uint32_t *count,
		   char **marker)
{
	json_t *page =
		json_loadb((const char *) answer->bytes, answer->len, JSON_REJECT_DUPLICATES, NULL);
	json_t *list = json_object_get(page, "Rotations");
	const char *next = json_string_value(json_object_get(page, "NextMarker"));
	bool usable = json_is_array(list);

	*marker = NULL;
	if (usable)
		*count += (uint32_t) json_array_size(list);
	if (usable && json_is_true(json_object_get(page, "Truncated")))
	{
		usable = next != NULL && next[0] != '\0' && strpbrk(next, "\"\\") == NULL &&
				 strlen(next) <= 1024;
		*marker = usable ? lh_strdup(ctx, next) : NULL;
		usable = usable && *marker != NULL;
	}
	json_decref(page);
	return usable ? LH_OK : lh_keyservice_bad_answer(ctx, lh_keyservice_of(job), "Rotations");
}

/* How often a key was rotated, and one.  Who may not ask gets 1. */
static LhStatus
version_now(LhCtx *ctx, LhProviderJob *job, const char *key_id, uint32_t *version)
{
	Kms *k = (Kms *) job->provider;
	uint32_t count = 0;
	int pages = 0;
	char *marker = NULL;

	do
	{
		char *body = lh_sprintf(ctx, "{\"KeyId\":\"%s\",\"Limit\":%d%s%s%s}", key_id,
								ROTATIONS_A_PAGE, marker != NULL ? ",\"Marker\":\"" : "",
								marker != NULL ? marker : "", marker != NULL ? "\"" : "");
		LhKeyServiceAnswer answer;
		LhStatus status;

		if (body == NULL)
			return ctx->error->code;
		status = call(ctx, k, "ListKeyRotations", job->name, lh_keyservice_text(body),
					  "look at rotations of key", &answer);
		if (status == LH_DENIED || status == LH_INVALID)
			break;
		LH_TRY(status);
		LH_TRY(count_page(ctx, job, &answer, &count, &marker));
		if (++pages == MAX_PAGES && marker != NULL)
			return lh_keyservice_bad_answer(ctx, lh_keyservice_of(job), "Rotations");
	} while (marker != NULL && count < MAX_ROTATIONS);
	*version = count + 1;
	return LH_OK;
}

/* The key that a name means now. */
static LhStatus
describe(LhCtx *ctx, LhProviderJob *job, char id[MAX_KEY_ID])
{
	static const char *const path[2] = {"KeyMetadata", "KeyId"};
	char *body = lh_sprintf(ctx, "{\"KeyId\":\"%s%s\"}", target_of(job->name), job->name);
	LhKeyServiceAnswer answer;
	LhSlice text;

	if (body == NULL)
		return ctx->error->code;
	LH_TRY(call(ctx, (Kms *) job->provider, "DescribeKey", job->name, lh_keyservice_text(body),
				"look at key", &answer));
	LH_TRY(lh_keyservice_find(ctx, lh_keyservice_of(job), &answer, path, 2, &text));
	return key_id_of(ctx, job, text, "KeyId", id);
}

/* The wrapped key of an answer, with what it was wrapped by. */
static LhStatus
keep_wrapped(LhCtx *ctx, LhProviderJob *job, const LhKeyServiceAnswer *answer, const char *key_id,
			 uint32_t version)
{
	static const char *const path[1] = {"CiphertextBlob"};
	LhSlice parts[2], text, whole;
	Wrapped w;
	char *head;

	LH_TRY(lh_keyservice_find(ctx, lh_keyservice_of(job), answer, path, 1, &text));
	head = lh_sprintf(ctx, PREFIX "%u:%s:", version, key_id);
	if (head == NULL)
		return ctx->error->code;
	parts[0] = lh_keyservice_text(head);
	parts[1] = text;
	LH_TRY(lh_keyservice_join(ctx, parts, 2, &whole));
	if (!parse_wrapped(whole, &w))
		return lh_keyservice_bad_answer(ctx, lh_keyservice_of(job), "CiphertextBlob");
	return lh_keyservice_keep_wrapped(ctx, job, whole);
}

static LhStatus
keep_key(LhCtx *ctx, LhProviderJob *job, const LhKeyServiceAnswer *answer)
{
	static const char *const path[1] = {"Plaintext"};
	LhSlice text;

	LH_TRY(lh_keyservice_find(ctx, lh_keyservice_of(job), answer, path, 1, &text));
	return lh_keyservice_keep_key(ctx, job, text, "Plaintext");
}

/*
 * Operations
 */

/* Which key wraps now, and its version. */
static LhStatus
begin(LhCtx *ctx, LhProviderJob *job, char id[MAX_KEY_ID], uint32_t *version)
{
	LH_TRY(describe(ctx, job, id));
	return version_now(ctx, job, id, version);
}

static LhStatus
wrap_step(LhCtx *ctx, LhProviderJob *job)
{
	char id[MAX_KEY_ID];
	uint32_t version = 0;
	LhSlice parts[5], body;
	LhKeyServiceAnswer answer;

	LH_TRY(begin(ctx, job, id, &version));
	parts[0] = lh_keyservice_text("{\"KeyId\":\"");
	parts[1] = lh_keyservice_text(id);
	parts[2] = lh_keyservice_text("\"," CONTEXT ",\"Plaintext\":\"");
	LH_TRY(lh_keyservice_base64(ctx, job->key, &parts[3]));
	parts[4] = lh_keyservice_text("\"}");
	LH_TRY(lh_keyservice_join(ctx, parts, 5, &body));
	LH_TRY(call(ctx, (Kms *) job->provider, "Encrypt", job->name, body, "wrap with key", &answer));
	return keep_wrapped(ctx, job, &answer, id, version);
}

static LhStatus
unwrap_step(LhCtx *ctx, LhProviderJob *job)
{
	LhSlice parts[5], body;
	LhKeyServiceAnswer answer;
	Wrapped w;

	LH_TRY(check_wrapped(ctx, job->wrapped, &w));
	parts[0] = lh_keyservice_text("{\"KeyId\":\"");
	parts[1] = w.key_id;
	parts[2] = lh_keyservice_text("\"," CONTEXT ",\"CiphertextBlob\":\"");
	parts[3] = w.text;
	parts[4] = lh_keyservice_text("\"}");
	LH_TRY(lh_keyservice_join(ctx, parts, 5, &body));
	LH_TRY(
		call(ctx, (Kms *) job->provider, "Decrypt", job->name, body, "unwrap with key", &answer));
	return keep_key(ctx, job, &answer);
}

static LhStatus
rewrap_step(LhCtx *ctx, LhProviderJob *job)
{
	static const char tail[] =
		"\",\"SourceEncryptionContext\":{\"application\":\"lakehouse\"},"
		"\"DestinationEncryptionContext\":{\"application\":\"lakehouse\"},\"CiphertextBlob\":\"";
	char id[MAX_KEY_ID];
	uint32_t version = 0;
	LhSlice parts[7], body;
	LhKeyServiceAnswer answer;
	Wrapped w;

	LH_TRY(check_wrapped(ctx, job->wrapped, &w));
	LH_TRY(begin(ctx, job, id, &version));
	parts[0] = lh_keyservice_text("{\"SourceKeyId\":\"");
	parts[1] = w.key_id;
	parts[2] = lh_keyservice_text("\",\"DestinationKeyId\":\"");
	parts[3] = lh_keyservice_text(id);
	parts[4] = lh_keyservice_text(tail);
	parts[5] = w.text;
	parts[6] = lh_keyservice_text("\"}");
	LH_TRY(lh_keyservice_join(ctx, parts, 7, &body));
	LH_TRY(
		call(ctx, (Kms *) job->provider, "ReEncrypt", job->name, body, "rewrap with key", &answer));
	return keep_wrapped(ctx, job, &answer, id, version);
}

static LhStatus
generate_step(LhCtx *ctx, LhProviderJob *job)
{
	char id[MAX_KEY_ID], *body;
	uint32_t version = 0;
	LhKeyServiceAnswer answer;

	LH_TRY(begin(ctx, job, id, &version));
	body = lh_sprintf(ctx, "{\"KeyId\":\"%s\"," CONTEXT ",\"KeySpec\":\"AES_256\"}", id);
	if (body == NULL)
		return ctx->error->code;
	LH_TRY(call(ctx, (Kms *) job->provider, "GenerateDataKey", job->name, lh_keyservice_text(body),
				"make a data key with key", &answer));
	LH_TRY(keep_key(ctx, job, &answer));
	if (job->key.len != LH_PROVIDER_KEY)
		return lh_keyservice_bad_answer(ctx, lh_keyservice_of(job), "Plaintext");
	return keep_wrapped(ctx, job, &answer, id, version);
}

/* All versions of a key that is there go on unwrapping. */
static LhStatus
status_step(LhCtx *ctx, LhProviderJob *job)
{
	char id[MAX_KEY_ID];

	job->status.oldest = 1;
	return begin(ctx, job, id, &job->status.latest);
}

static const LhProviderSteps steps = {
	.wrap = wrap_step,
	.unwrap = unwrap_step,
	.rewrap = rewrap_step,
	.generate = generate_step,
	.status = status_step,
};

const LhProviderKind lh_provider_awskms = {
	.name = "awskms",
	.open = kms_open,
	LH_PROVIDER_CALLS,
	.version = kms_version,
};
