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

#include "net/client.h"
#include "net/keyservice.h"

typedef struct Settings
{
	const char *address, *mount, *namespace_, *token_file, *role_id_file, *secret_id_file,
		*approle_mount, *ca_file, *timeout_ms, *attempts;
} Settings;

typedef struct Vault
{
	LhKeyService base;
	Settings s;
	const char *namespace_header;
	char *token;      /* of a login: secret memory of LH_KEYSERVICE_CREDENTIAL; "": none */
	int64_t until_ms; /* it is used so long; -1: for ever */
} Vault;

static const LhProviderSteps steps; /* at the end */

/*
 * Opening
 */

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

static LhStatus
vault_open(LhCtx *ctx, const LhProviderOption *options, int n, LhProvider **out)
{
	void *memory;
	Vault *v;

	LH_NEW(ctx, v);
	v->base.base.kind = &lh_provider_vault;
	v->base.base.steps = &steps;
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

		LH_TRY(lh_keyservice_settings(ctx, &lh_provider_vault, options, n, fields, nfields));
	}
	LH_TRY(check_mount(ctx, "mount", v->s.mount));
	LH_TRY(check_mount(ctx, "approle_mount", v->s.approle_mount));
	LH_TRY(check_namespace(ctx, v));
	LH_TRY(check_credentials(ctx, &v->s));
	LH_TRY(lh_keyservice_open(ctx, &v->base,
							  &(LhKeyServiceOptions){.address_option = "address",
													 .address = v->s.address,
													 .carries = "its token",
													 .ca_file = v->s.ca_file,
													 .timeout_ms = v->s.timeout_ms,
													 .attempts = v->s.attempts}));
	LH_TRY(lh_secret_alloc(ctx, LH_KEYSERVICE_CREDENTIAL, &memory));
	v->token = memory;
	*out = &v->base.base;
	return LH_OK;
}

/*
 * Credentials
 */

/* LhHttpSignFn: the token's header. */
static LhStatus
sign(LhCtx *ctx, void *arg, const LhHttp *http, const char **headers, int max, int *n)
{
	Vault *v = arg;
	LhSlice parts[2] = {lh_keyservice_text("X-Vault-Token: "), lh_keyservice_text(v->token)},
			header;

	(void) http;
	(void) max;
	if (v->s.token_file != NULL)
		LH_TRY(lh_keyservice_credential(ctx, "token file", v->s.token_file, &parts[1]));
	LH_TRY(lh_keyservice_join(ctx, parts, 2, &header));
	headers[(*n)++] = (const char *) header.data;
	return LH_OK;
}

/*
 * Requests
 */

static LhStatus
ask(LhCtx *ctx, Vault *v, LhHttpMethod method, const char *path, LhSlice body, bool with_token,
	LhKeyServiceAnswer *answer)
{
	LhHttp *http;
	char *whole = lh_sprintf(ctx, "/v1/%s", path);

	if (whole == NULL)
		return ctx->error->code;
	LH_NEW(ctx, http);
	http->method = method;
	http->headers[http->nheaders++] = "X-Vault-Request: true";
	if (v->namespace_header != NULL)
		http->headers[http->nheaders++] = v->namespace_header;
	if (method == LH_HTTP_POST)
		http->headers[http->nheaders++] = "Content-Type: application/json";
	if (with_token)
	{
		http->sign = sign;
		http->sign_arg = v;
	}
	return lh_keyservice_ask(ctx, &v->base, whole, http, body, answer);
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

static LhStatus
find_text(LhCtx *ctx, const Vault *v, const LhKeyServiceAnswer *a, const char *outer,
		  const char *inner, LhSlice *out)
{
	const char *const path[2] = {outer, inner};

	return lh_keyservice_find(ctx, &v->base, a, path, 2, out);
}

static LhStatus
find_number(LhCtx *ctx, const Vault *v, const LhKeyServiceAnswer *a, const char *outer,
			const char *inner, uint32_t *out)
{
	const char *const path[2] = {outer, inner};

	return lh_keyservice_number(ctx, &v->base, a, path, 2, out);
}

static LhStatus
log_in(LhCtx *ctx, Vault *v)
{
	LhSlice parts[5] = {lh_keyservice_text("{\"role_id\":\""),
						{0},
						lh_keyservice_text("\",\"secret_id\":\""),
						{0},
						lh_keyservice_text("\"}")};
	LhSlice body, token;
	uint32_t seconds;
	LhKeyServiceAnswer answer;
	char *path;
	int status;

	LH_TRY(lh_keyservice_credential(ctx, "role id file", v->s.role_id_file, &parts[1]));
	LH_TRY(lh_keyservice_credential(ctx, "secret id file", v->s.secret_id_file, &parts[3]));
	LH_TRY(lh_keyservice_join(ctx, parts, 5, &body));
	path = lh_sprintf(ctx, "auth/%s/login", v->s.approle_mount);
	if (path == NULL)
		return ctx->error->code;
	LH_TRY(ask(ctx, v, LH_HTTP_POST, path, body, false, &answer));
	/* Vault says 400 to a role or secret that it does not know */
	status = answer.status == 400 ? 403 : answer.status;
	if (status != 200)
		return fail_status(ctx, status, "log in", NULL);
	LH_TRY(find_text(ctx, v, &answer, "auth", "client_token", &token));
	LH_TRY(find_number(ctx, v, &answer, "auth", "lease_duration", &seconds));
	for (size_t i = 0; i < token.len; i++)
		if (token.data[i] <= ' ' || token.data[i] > '~' || token.len >= LH_KEYSERVICE_CREDENTIAL)
			return lh_keyservice_bad_answer(ctx, &v->base, "client_token");
	memcpy(v->token, token.data, token.len);
	v->token[token.len] = '\0';
	/* a tenth is left for requests that are under way */
	v->until_ms = seconds == 0 ? -1 : lh_net_now_ms() + (int64_t) seconds * 900;
	return LH_OK;
}

/* A request about a key, with a token that is valid as far as we know. */
static LhStatus
call(LhCtx *ctx, Vault *v, LhHttpMethod method, const char *operation, const char *name,
	 LhSlice body, const char *what, LhKeyServiceAnswer *answer)
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
		LH_TRY(ask(ctx, v, method, path, body, true, answer));
		status = answer->status;
		if (status != 403 || !approle)
			break;
		/* perhaps it was revoked */
		lh_wipe(v->token, LH_KEYSERVICE_CREDENTIAL);
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

	if (wrapped.len <= n || wrapped.len > LH_KEYSERVICE_WRAPPED ||
		memcmp(wrapped.data, prefix, n) != 0)
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

static LhStatus
keep_wrapped(LhCtx *ctx, LhProviderJob *job, const LhKeyServiceAnswer *answer)
{
	LhSlice text;
	uint32_t version;

	LH_TRY(find_text(ctx, (Vault *) job->provider, answer, "data", "ciphertext", &text));
	if (!vault_version(text, &version))
		return lh_keyservice_bad_answer(ctx, lh_keyservice_of(job), "ciphertext");
	return lh_keyservice_keep_wrapped(ctx, job, text);
}

static LhStatus
keep_key(LhCtx *ctx, LhProviderJob *job, const LhKeyServiceAnswer *answer)
{
	LhSlice text;

	LH_TRY(find_text(ctx, (Vault *) job->provider, answer, "data", "plaintext", &text));
	return lh_keyservice_keep_key(ctx, job, text, "plaintext");
}

static LhStatus
wrap_step(LhCtx *ctx, LhProviderJob *job)
{
	LhSlice parts[3] = {lh_keyservice_text("{\"plaintext\":\""), {0}, lh_keyservice_text("\"}")},
			body;
	LhKeyServiceAnswer answer;

	LH_TRY(lh_keyservice_base64(ctx, job->key, &parts[1]));
	LH_TRY(lh_keyservice_join(ctx, parts, 3, &body));
	LH_TRY(call(ctx, (Vault *) job->provider, LH_HTTP_POST, "encrypt", job->name, body,
				"wrap with key", &answer));
	return keep_wrapped(ctx, job, &answer);
}

/* The body that says which wrapped key is meant. */
static LhStatus
wrapped_body(LhCtx *ctx, const LhProviderJob *job, LhSlice *body)
{
	LhSlice parts[3] = {lh_keyservice_text("{\"ciphertext\":\""), job->wrapped,
						lh_keyservice_text("\"}")};

	LH_TRY(check_wrapped(ctx, job->wrapped));
	return lh_keyservice_join(ctx, parts, 3, body);
}

static LhStatus
unwrap_step(LhCtx *ctx, LhProviderJob *job)
{
	LhKeyServiceAnswer answer;
	LhSlice body;

	LH_TRY(wrapped_body(ctx, job, &body));
	LH_TRY(call(ctx, (Vault *) job->provider, LH_HTTP_POST, "decrypt", job->name, body,
				"unwrap with key", &answer));
	return keep_key(ctx, job, &answer);
}

static LhStatus
rewrap_step(LhCtx *ctx, LhProviderJob *job)
{
	LhKeyServiceAnswer answer;
	LhSlice body;

	LH_TRY(wrapped_body(ctx, job, &body));
	LH_TRY(call(ctx, (Vault *) job->provider, LH_HTTP_POST, "rewrap", job->name, body,
				"rewrap with key", &answer));
	return keep_wrapped(ctx, job, &answer);
}

static LhStatus
generate_step(LhCtx *ctx, LhProviderJob *job)
{
	LhKeyServiceAnswer answer;

	LH_TRY(call(ctx, (Vault *) job->provider, LH_HTTP_POST, "datakey/plaintext", job->name,
				lh_keyservice_text("{\"bits\":256}"), "make a data key with key", &answer));
	LH_TRY(keep_key(ctx, job, &answer));
	if (job->key.len != LH_PROVIDER_KEY)
		return lh_keyservice_bad_answer(ctx, lh_keyservice_of(job), "plaintext");
	return keep_wrapped(ctx, job, &answer);
}

static LhStatus
status_step(LhCtx *ctx, LhProviderJob *job)
{
	LhKeyServiceAnswer answer;

	LH_TRY(call(ctx, (Vault *) job->provider, LH_HTTP_GET, "keys", job->name, (LhSlice){0},
				"look at key", &answer));
	LH_TRY(find_number(ctx, (Vault *) job->provider, &answer, "data", "latest_version",
					   &job->status.latest));
	LH_TRY(find_number(ctx, (Vault *) job->provider, &answer, "data", "min_decryption_version",
					   &job->status.oldest));
	if (job->status.oldest == 0)
		job->status.oldest = 1;
	if (job->status.latest < job->status.oldest)
		return lh_keyservice_bad_answer(ctx, lh_keyservice_of(job), "latest_version");
	return LH_OK;
}

static const LhProviderSteps steps = {
	.wrap = wrap_step,
	.unwrap = unwrap_step,
	.rewrap = rewrap_step,
	.generate = generate_step,
	.status = status_step,
};

const LhProviderKind lh_provider_vault = {
	.name = "vault",
	.open = vault_open,
	LH_PROVIDER_CALLS,
	.version = vault_version,
};
