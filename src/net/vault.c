/*
 * vault.c
 *		HashiCorp Vault's transit engine as a key provider.
 *
 *	1. A token comes from a file, or from a login by AppRole.  The latter is kept until
 *	   most of its time is over; an answer 403 makes one more login.
 *	2. Pauses, repeats (429, 5xx and with them a sealed Vault), time-outs, address rules
 *	   and cancels are the HTTP client's.  A request that came through twice does no harm:
 *	   nothing is stored there but the login.
 *	3. Request bodies, answers and tokens lie in secret memory; answers are read where they
 *	   lie (secret_json.c).  What the TLS library and curl copy is beyond us.
 *	4. Nothing of an answer goes into a message: it could repeat a secret.
 *
 * A wrapped key is Vault's text, "vault:vN:" and base64.
 */
#include "net/vault.h"

#include <stdio.h>

#include "crypto/base64.h"
#include "net/client.h"
#include "net/secret_json.h"

/* Bytes of an answer that are read. */
#define MAX_ANSWER    ((size_t) 64 << 10)
/* ... of a token, and of a role's secret. */
#define MAX_TOKEN     ((size_t) 8192)
#define MAX_WRAPPED   ((size_t) 16384)
#define DEFAULT_MS    10000
#define DEFAULT_TRIES 5

typedef struct Settings
{
	const char *address, *mount, *namespace_, *token_file, *role_id_file, *secret_id_file,
		*approle_mount, *ca_file, *timeout_ms, *attempts;
} Settings;

typedef struct Vault
{
	LhProvider base;
	Settings s;
	const char *root; /* "https://host:8200" */
	const char *namespace_header;
	LhNetRule rule;
	LhNet *net;
	char *token;      /* of a login: secret memory of MAX_TOKEN; "": none */
	int64_t until_ms; /* it is used so long; -1: for ever */
} Vault;

/* A body that is being read, in secret memory. */
typedef struct Answer
{
	uint8_t *bytes;
	size_t len;
} Answer;

/*
 * Opening
 */

static LhStatus
parse_count(LhCtx *ctx, const char *name, const char *text, int most, int *out)
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
				"option \"%s\" of key provider \"vault\" must be a number from 1 to %d", name,
				most);
	*out = v;
	return LH_OK;
}

/* Mounts are paths of plain letters. */
static LhStatus
check_mount(LhCtx *ctx, const char *name, const char *mount)
{
	size_t len = strlen(mount);

	if (len > 256 || mount[0] == '/' || mount[len - 1] == '/' || strstr(mount, "//") != NULL ||
		strstr(mount, "..") != NULL ||
		strspn(mount, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./") != len)
		LH_FAIL(ctx, LH_INVALID,
				"option \"%s\" of key provider \"vault\" must be a path of letters, digits, \"_\", "
				"\"-\" and \".\"",
				name);
	return LH_OK;
}

static bool
is_this_machine(const LhUrl *url)
{
	return strcmp(url->host, "localhost") == 0 || strncmp(url->host, "127.", 4) == 0 ||
		   strcmp(url->host, "::1") == 0;
}

static LhStatus
check_address(LhCtx *ctx, Vault *v)
{
	LhAddress numeric;
	LhUrl url;

	if (lh_url_parse(ctx, v->s.address, &url) != LH_OK)
	{
		lh_error_prefix(ctx, "option \"address\" of key provider \"vault\"");
		return ctx->error->code;
	}
	if (url.query != NULL || strcmp(url.path, "/") != 0)
		LH_FAIL(ctx, LH_INVALID,
				"option \"address\" of key provider \"vault\" has neither path nor query");
	/* a name that only looks like an address of this machine is none */
	if (!url.https && !(is_this_machine(&url) && (strcmp(url.host, "localhost") == 0 ||
												  lh_address_parse(url.host, &numeric))))
	{
		lh_fail(ctx, LH_INVALID,
				"key provider \"vault\" would send its token to host \"%s\" in clear text",
				url.host);
		lh_hint(ctx, "Use an address that begins with https://.");
		return LH_INVALID;
	}
	v->rule.host = url.host;
	url.path = "";
	v->root = lh_url_text(ctx, &url);
	return v->root != NULL ? LH_OK : ctx->error->code;
}

static LhStatus
check_credentials(LhCtx *ctx, const Settings *s)
{
	bool approle = s->role_id_file != NULL && s->secret_id_file != NULL;
	bool any = s->role_id_file != NULL || s->secret_id_file != NULL;

	if ((s->token_file != NULL) == any || any != approle)
		LH_FAIL(ctx, LH_INVALID,
				"key provider \"vault\" needs option \"token_file\", or both \"role_id_file\" and "
				"\"secret_id_file\"");
	return LH_OK;
}

static LhStatus
check_namespace(LhCtx *ctx, Vault *v)
{
	if (v->s.namespace_ == NULL)
		return LH_OK;
	LH_TRY(check_mount(ctx, "namespace", v->s.namespace_));
	v->namespace_header = lh_sprintf(ctx, "X-Vault-Namespace: %s", v->s.namespace_);
	return v->namespace_header != NULL ? LH_OK : ctx->error->code;
}

/* The settings outlive the caller's. */
static LhStatus
copy_settings(LhCtx *ctx, const LhProviderField *fields, int n)
{
	for (int i = 0; i < n; i++)
		if (*fields[i].value != NULL &&
			(*fields[i].value = lh_strdup(ctx, *fields[i].value)) == NULL)
			return ctx->error->code;
	return LH_OK;
}

static LhStatus
vault_open(LhCtx *ctx, const LhProviderOption *options, int n, LhProvider **out)
{
	LhNetOptions net = {.backoff_max_ms = 5000};
	void *memory;
	Vault *v;

	LH_NEW(ctx, v);
	v->base.kind = &lh_provider_vault;
	v->s.mount = "transit";
	v->s.approle_mount = "approle";
	{
		const LhProviderField fields[] = {{"address", &v->s.address, true},
										  {"mount", &v->s.mount, false},
										  {"namespace", &v->s.namespace_, false},
										  {"token_file", &v->s.token_file, false},
										  {"role_id_file", &v->s.role_id_file, false},
										  {"secret_id_file", &v->s.secret_id_file, false},
										  {"approle_mount", &v->s.approle_mount, false},
										  {"ca_file", &v->s.ca_file, false},
										  {"timeout_ms", &v->s.timeout_ms, false},
										  {"attempts", &v->s.attempts, false}};
		const int nfields = sizeof(fields) / sizeof(fields[0]);

		LH_TRY(lh_provider_options(ctx, &lh_provider_vault, options, n, fields, nfields));
		LH_TRY(copy_settings(ctx, fields, nfields));
	}
	LH_TRY(check_mount(ctx, "mount", v->s.mount));
	LH_TRY(check_mount(ctx, "approle_mount", v->s.approle_mount));
	LH_TRY(check_namespace(ctx, v));
	LH_TRY(check_credentials(ctx, &v->s));
	LH_TRY(check_address(ctx, v));
	net.connect_timeout_ms = DEFAULT_MS;
	net.attempts = DEFAULT_TRIES;
	if (v->s.timeout_ms != NULL)
		LH_TRY(parse_count(ctx, "timeout_ms", v->s.timeout_ms, 600000, &net.connect_timeout_ms));
	if (v->s.attempts != NULL)
		LH_TRY(parse_count(ctx, "attempts", v->s.attempts, 20, &net.attempts));
	net.stall_timeout_ms = net.total_timeout_ms = net.connect_timeout_ms;
	net.ca_file = v->s.ca_file;
	net.rules = &v->rule;
	net.nrules = 1;
	LH_TRY(lh_secret_alloc(ctx, MAX_TOKEN, &memory));
	v->token = memory;
	LH_TRY(lh_net_create(ctx, &net, &v->net));
	*out = &v->base;
	return LH_OK;
}

/*
 * Credentials
 */

/* A line of printable letters that JSON and a header take as they are; in secret memory. */
static LhStatus
read_credential(LhCtx *ctx, const char *what, const char *path, LhSlice *out)
{
	uint8_t *bytes = NULL;
	size_t len = 0;

	LH_TRY(lh_secret_file(ctx, what, path, &bytes, &len));
	while (len > 0 && (bytes[len - 1] == '\n' || bytes[len - 1] == '\r'))
		len--;
	for (size_t i = 0; i < len; i++)
		if (bytes[i] <= ' ' || bytes[i] > '~' || bytes[i] == '"' || bytes[i] == '\\')
			len = 0;
	if (len == 0 || len >= MAX_TOKEN)
		LH_FAIL(ctx, LH_INVALID, "%s \"%s\" must hold one line of printable ASCII", what, path);
	*out = lh_slice(bytes, len);
	return LH_OK;
}

/* "prefix", secrets and "suffix" as one text in secret memory, ended by a NUL. */
static LhStatus
join(LhCtx *ctx, const LhSlice *parts, int n, LhSlice *out)
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

static LhSlice
of_text(const char *s)
{
	return lh_slice(s, strlen(s));
}

/* LhHttpSignFn: the token's header. */
static LhStatus
sign(LhCtx *ctx, void *arg, const LhHttp *http, const char **headers, int max, int *n)
{
	Vault *v = arg;
	LhSlice parts[2] = {of_text("X-Vault-Token: "), of_text(v->token)}, header;

	(void) http;
	(void) max;
	if (v->s.token_file != NULL)
		LH_TRY(read_credential(ctx, "token file", v->s.token_file, &parts[1]));
	LH_TRY(join(ctx, parts, 2, &header));
	headers[(*n)++] = (const char *) header.data;
	return LH_OK;
}

/*
 * Requests
 */

/* LhHttpBodyFn */
static LhStatus
take_answer(LhCtx *ctx, void *arg, int64_t at, const uint8_t *bytes, size_t n)
{
	Answer *a = arg;

	if (at < 0 || (uint64_t) at > MAX_ANSWER || n > MAX_ANSWER - (size_t) at)
		LH_FAIL(ctx, LH_IO, "the answer of key provider \"vault\" is longer than %zu bytes",
				MAX_ANSWER);
	memcpy(a->bytes + at, bytes, n);
	a->len = (size_t) at + n;
	return LH_OK;
}

/* One request, repeated as the HTTP client does; *status is the server's. */
static LhStatus
ask(LhCtx *ctx, Vault *v, LhHttpMethod method, const char *path, LhSlice body, bool with_token,
	Answer *answer, int *status)
{
	LhHttp *http;
	void *memory;
	char *url;

	LH_NEW(ctx, http);
	LH_TRY(lh_secret_alloc(ctx, MAX_ANSWER, &memory));
	*answer = (Answer){.bytes = memory};
	url = lh_sprintf(ctx, "%s/v1/%s", v->root, path);
	if (url == NULL)
		return ctx->error->code;
	LH_TRY(lh_url_parse(ctx, url, &http->url));
	http->method = method;
	http->headers[http->nheaders++] = "X-Vault-Request: true";
	if (v->namespace_header != NULL)
		http->headers[http->nheaders++] = v->namespace_header;
	if (method == LH_HTTP_POST)
		http->headers[http->nheaders++] = "Content-Type: application/json";
	http->body = body.data;
	http->body_len = body.len;
	http->no_redirect = true;
	http->on_body = take_answer;
	http->on_body_arg = answer;
	if (with_token)
	{
		http->sign = sign;
		http->sign_arg = v;
	}
	LH_TRY(lh_http_run(ctx, v->net, http));
	*status = http->reply.status;
	return LH_OK;
}

/* What a status means; what was done, and to which key (NULL: none). */
static LhStatus
fail_status(LhCtx *ctx, int status, const char *what, const char *name)
{
	const char *quote = name != NULL ? "\"" : "";

	if (name == NULL)
		name = "";
	switch (status)
	{
		case 400:
			LH_FAIL(ctx, LH_CORRUPT,
					"key provider \"vault\" could not %s %s%s%s: it refuses the request's content "
					"(status 400)",
					what, quote, name, quote);
		case 401:
		case 403:
			lh_fail(ctx, LH_DENIED, "key provider \"vault\" may not %s %s%s%s (status %d)", what,
					quote, name, quote, status);
			lh_hint(ctx, "The token must be valid, and its policy must allow this.");
			return LH_DENIED;
		case 404:
			LH_FAIL(ctx, LH_NOT_FOUND,
					"key provider \"vault\" could not %s %s%s%s: there is no such key or engine "
					"(status 404)",
					what, quote, name, quote);
		case 503:
			LH_FAIL(
				ctx, LH_IO,
				"key provider \"vault\" could not %s %s%s%s: it is sealed or in maintenance (status "
				"503)",
				what, quote, name, quote);
		case 429:
			LH_FAIL(
				ctx, LH_IO,
				"key provider \"vault\" could not %s %s%s%s: it wants fewer requests, or is a standby "
				"(status 429)",
				what, quote, name, quote);
		default: break;
	}
	lh_fail(ctx, LH_IO, "key provider \"vault\" could not %s %s%s%s: it answered with status %d",
			what, quote, name, quote, status);
	if (status >= 300 && status < 400)
		lh_hint(ctx, "Redirects are not followed: name the active node's address.");
	return LH_IO;
}

/* What is expected and not there, or not as it should be. */
static LhStatus
fail_answer(LhCtx *ctx, const char *member)
{
	LH_FAIL(ctx, LH_IO, "the answer of key provider \"vault\" has no usable \"%s\"", member);
}

static LhStatus
find_text(LhCtx *ctx, const Answer *a, const char *outer, const char *inner, LhSlice *out)
{
	const char *const path[2] = {outer, inner};
	bool number;

	if (!lh_secret_json_find(lh_slice(a->bytes, a->len), path, 2, out, &number) || number ||
		out->len == 0)
		return fail_answer(ctx, inner);
	return LH_OK;
}

static LhStatus
find_number(LhCtx *ctx, const Answer *a, const char *outer, const char *inner, uint32_t *out)
{
	const char *const path[2] = {outer, inner};
	LhSlice text;
	uint64_t v = 0;
	bool number;

	if (!lh_secret_json_find(lh_slice(a->bytes, a->len), path, 2, &text, &number) || !number ||
		text.len > 10)
		return fail_answer(ctx, inner);
	for (size_t i = 0; i < text.len; i++)
	{
		if (text.data[i] < '0' || text.data[i] > '9')
			return fail_answer(ctx, inner);
		v = v * 10 + (uint64_t) (text.data[i] - '0');
	}
	if (v > INT32_MAX)
		return fail_answer(ctx, inner);
	*out = (uint32_t) v;
	return LH_OK;
}

static LhStatus
log_in(LhCtx *ctx, Vault *v)
{
	LhSlice parts[5] = {
		of_text("{\"role_id\":\""), {0}, of_text("\",\"secret_id\":\""), {0}, of_text("\"}")};
	LhSlice body, token;
	uint32_t seconds;
	Answer answer;
	char *path;
	int status;

	LH_TRY(read_credential(ctx, "role id file", v->s.role_id_file, &parts[1]));
	LH_TRY(read_credential(ctx, "secret id file", v->s.secret_id_file, &parts[3]));
	LH_TRY(join(ctx, parts, 5, &body));
	path = lh_sprintf(ctx, "auth/%s/login", v->s.approle_mount);
	if (path == NULL)
		return ctx->error->code;
	LH_TRY(ask(ctx, v, LH_HTTP_POST, path, body, false, &answer, &status));
	/* Vault says 400 to a role or secret that it does not know */
	if (status == 400)
		status = 403;
	if (status != 200)
		return fail_status(ctx, status, "log in", NULL);
	LH_TRY(find_text(ctx, &answer, "auth", "client_token", &token));
	LH_TRY(find_number(ctx, &answer, "auth", "lease_duration", &seconds));
	for (size_t i = 0; i < token.len; i++)
		if (token.data[i] <= ' ' || token.data[i] > '~' || token.len >= MAX_TOKEN)
			return fail_answer(ctx, "client_token");
	memcpy(v->token, token.data, token.len);
	v->token[token.len] = '\0';
	/* a tenth is left for requests that are under way */
	v->until_ms = seconds == 0 ? -1 : lh_net_now_ms() + (int64_t) seconds * 900;
	return LH_OK;
}

/* A request about a key, with a token that is valid as far as we know. */
static LhStatus
call(LhCtx *ctx, Vault *v, LhHttpMethod method, const char *operation, const char *name,
	 LhSlice body, const char *what, Answer *answer)
{
	bool approle = v->s.token_file == NULL;
	char *path = lh_sprintf(ctx, "%s/%s/%s", v->s.mount, operation, name);
	int status = 0;

	if (path == NULL)
		return ctx->error->code;
	for (int login = 0; login < 2; login++)
	{
		if (approle &&
			(v->token[0] == '\0' || (v->until_ms >= 0 && lh_net_now_ms() >= v->until_ms)))
			LH_TRY(log_in(ctx, v));
		LH_TRY(ask(ctx, v, method, path, body, true, answer, &status));
		if (status != 403 || !approle)
			break;
		/* perhaps it was revoked */
		lh_wipe(v->token, MAX_TOKEN);
	}
	return status == 200 ? LH_OK : fail_status(ctx, status, what, name);
}

/*
 * Operations
 */

static bool
vault_version(LhSlice wrapped, uint32_t *out)
{
	static const char prefix[] = "vault:v";
	const size_t n = sizeof(prefix) - 1;
	uint64_t v = 0;
	size_t i;

	if (wrapped.len <= n || wrapped.len > MAX_WRAPPED || memcmp(wrapped.data, prefix, n) != 0)
		return false;
	for (i = n;
		 i < wrapped.len && wrapped.data[i] >= '0' && wrapped.data[i] <= '9' && v <= INT32_MAX; i++)
		v = v * 10 + (uint64_t) (wrapped.data[i] - '0');
	if (i == n || v == 0 || v > INT32_MAX || i + 1 >= wrapped.len || wrapped.data[i] != ':')
		return false;
	for (i++; i < wrapped.len; i++)
		if (wrapped.data[i] <= ' ' || wrapped.data[i] > '~' || wrapped.data[i] == '"' ||
			wrapped.data[i] == '\\')
			return false;
	*out = (uint32_t) v;
	return true;
}

static LhStatus
check_wrapped(LhCtx *ctx, LhSlice wrapped)
{
	uint32_t version;

	if (!vault_version(wrapped, &version))
		LH_FAIL(ctx, LH_CORRUPT, "a wrapped key is none of key provider \"vault\"");
	return LH_OK;
}

/* The wrapped key of an answer, in the arena that stays. */
static LhStatus
keep_wrapped(LhCtx *ctx, LhArena *keep, const Answer *answer, LhSlice *out)
{
	LhArena *old;
	LhSlice text;
	uint32_t version;
	void *copy;

	LH_TRY(find_text(ctx, answer, "data", "ciphertext", &text));
	if (!vault_version(text, &version))
		return fail_answer(ctx, "ciphertext");
	old = lh_use(ctx, keep);
	copy = lh_memdup(ctx, text.data, text.len);
	lh_use(ctx, old);
	*out = lh_slice(copy, text.len);
	return copy != NULL ? LH_OK : ctx->error->code;
}

/* ... the key itself, in secret memory there. */
static LhStatus
keep_key(LhCtx *ctx, LhArena *keep, const Answer *answer, LhSlice *out)
{
	LhArena *old;
	LhStatus status;
	LhSlice text;
	void *memory;
	size_t len;

	LH_TRY(find_text(ctx, answer, "data", "plaintext", &text));
	old = lh_use(ctx, keep);
	status = lh_secret_alloc(ctx, LH_BASE64_BYTES(text.len), &memory);
	lh_use(ctx, old);
	LH_TRY(status);
	if (!lh_base64_decode(LH_BASE64_STANDARD, (const char *) text.data, text.len, memory, &len) ||
		len == 0 || len > LH_PROVIDER_MOST)
		return fail_answer(ctx, "plaintext");
	*out = lh_slice(memory, len);
	return LH_OK;
}

/* One operation: all of its memory but the results goes when it ends. */
typedef struct Job
{
	LhArena *keep;
	Vault *v;
	const char *name;
	LhSlice key, wrapped;
	LhProviderStatus status;
} Job;

typedef LhStatus (*StepFn)(LhCtx *ctx, Job *job);

static LhStatus
run(LhCtx *ctx, LhProvider *provider, const char *name, StepFn step, Job *job)
{
	LhArena *keep = ctx->arena, *scratch;
	LhStatus status;

	LH_TRY(lh_provider_check_name(ctx, name));
	scratch = lh_arena_child(ctx->arena);
	if (scratch == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory for key provider \"vault\"");
	job->v = (Vault *) provider;
	job->name = name;
	job->keep = lh_use(ctx, scratch);
	status = step(ctx, job);
	lh_use(ctx, keep);
	lh_arena_destroy(scratch);
	return status;
}

static LhStatus
wrap_step(LhCtx *ctx, Job *job)
{
	LhSlice parts[3] = {of_text("{\"plaintext\":\""), {0}, of_text("\"}")}, body;
	Answer answer;
	void *text;

	LH_TRY(lh_secret_alloc(ctx, LH_BASE64_TEXT(job->key.len), &text));
	parts[1] =
		lh_slice(text, lh_base64_encode(LH_BASE64_STANDARD, job->key.data, job->key.len, text));
	LH_TRY(join(ctx, parts, 3, &body));
	LH_TRY(call(ctx, job->v, LH_HTTP_POST, "encrypt", job->name, body, "wrap with key", &answer));
	return keep_wrapped(ctx, job->keep, &answer, &job->wrapped);
}

/* The body that says which wrapped key is meant. */
static LhStatus
wrapped_body(LhCtx *ctx, const Job *job, LhSlice *body)
{
	LhSlice parts[3] = {of_text("{\"ciphertext\":\""), job->wrapped, of_text("\"}")};

	LH_TRY(check_wrapped(ctx, job->wrapped));
	return join(ctx, parts, 3, body);
}

static LhStatus
unwrap_step(LhCtx *ctx, Job *job)
{
	Answer answer;
	LhSlice body;

	LH_TRY(wrapped_body(ctx, job, &body));
	LH_TRY(call(ctx, job->v, LH_HTTP_POST, "decrypt", job->name, body, "unwrap with key", &answer));
	return keep_key(ctx, job->keep, &answer, &job->key);
}

static LhStatus
rewrap_step(LhCtx *ctx, Job *job)
{
	Answer answer;
	LhSlice body;

	LH_TRY(wrapped_body(ctx, job, &body));
	LH_TRY(call(ctx, job->v, LH_HTTP_POST, "rewrap", job->name, body, "rewrap with key", &answer));
	return keep_wrapped(ctx, job->keep, &answer, &job->wrapped);
}

static LhStatus
generate_step(LhCtx *ctx, Job *job)
{
	Answer answer;

	LH_TRY(call(ctx, job->v, LH_HTTP_POST, "datakey/plaintext", job->name,
				of_text("{\"bits\":256}"), "make a data key with key", &answer));
	LH_TRY(keep_key(ctx, job->keep, &answer, &job->key));
	if (job->key.len != LH_PROVIDER_KEY)
		return fail_answer(ctx, "plaintext");
	return keep_wrapped(ctx, job->keep, &answer, &job->wrapped);
}

static LhStatus
status_step(LhCtx *ctx, Job *job)
{
	Answer answer;

	LH_TRY(call(ctx, job->v, LH_HTTP_GET, "keys", job->name, (LhSlice){0}, "look at key", &answer));
	LH_TRY(find_number(ctx, &answer, "data", "latest_version", &job->status.latest));
	LH_TRY(find_number(ctx, &answer, "data", "min_decryption_version", &job->status.oldest));
	if (job->status.oldest == 0)
		job->status.oldest = 1;
	if (job->status.latest < job->status.oldest)
		return fail_answer(ctx, "latest_version");
	return LH_OK;
}

static LhStatus
vault_wrap(LhCtx *ctx, LhProvider *provider, const char *name, LhSlice key, LhSlice *wrapped)
{
	Job job = {.key = key};

	LH_TRY(lh_provider_check_key(ctx, key));
	LH_TRY(run(ctx, provider, name, wrap_step, &job));
	*wrapped = job.wrapped;
	return LH_OK;
}

static LhStatus
vault_unwrap(LhCtx *ctx, LhProvider *provider, const char *name, LhSlice wrapped, LhSlice *key)
{
	Job job = {.wrapped = wrapped};

	LH_TRY(run(ctx, provider, name, unwrap_step, &job));
	*key = job.key;
	return LH_OK;
}

static LhStatus
vault_rewrap(LhCtx *ctx, LhProvider *provider, const char *name, LhSlice wrapped, LhSlice *out)
{
	Job job = {.wrapped = wrapped};

	LH_TRY(run(ctx, provider, name, rewrap_step, &job));
	*out = job.wrapped;
	return LH_OK;
}

static LhStatus
vault_generate(LhCtx *ctx, LhProvider *provider, const char *name, LhSlice *key, LhSlice *wrapped)
{
	Job job = {0};

	LH_TRY(run(ctx, provider, name, generate_step, &job));
	*key = job.key;
	*wrapped = job.wrapped;
	return LH_OK;
}

static LhStatus
vault_status(LhCtx *ctx, LhProvider *provider, const char *name, LhProviderStatus *out)
{
	Job job = {0};

	LH_TRY(run(ctx, provider, name, status_step, &job));
	*out = job.status;
	return LH_OK;
}

const LhProviderKind lh_provider_vault = {
	.name = "vault",
	.open = vault_open,
	.wrap = vault_wrap,
	.unwrap = vault_unwrap,
	.rewrap = vault_rewrap,
	.generate = vault_generate,
	.status = vault_status,
	.version = vault_version,
};
