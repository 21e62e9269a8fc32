/*
 * stub_vault.c
 *		HashiCorp Vault for tests: as much of transit and AppRole as a client of them asks.
 *
 *	POST /v1/transit/{encrypt,decrypt,rewrap,datakey/plaintext}/K
 *	GET /v1/transit/keys/K				latest and oldest version
 *	POST /v1/auth/approle/login			role "role-1", secret "secret-1"
 *
 * and without a token, for the test itself:
 *
 *	GET /_vault/rotate	a new version	GET /_vault/retire	only the latest decrypts
 *	GET /_vault/revoke	all tokens of logins	GET /_vault/lease?s=N	seconds of the next
 *	GET /_vault/namespace?ns=N			all requests must name it
 *	GET /_vault/logins					how many there were
 *	GET /_vault/made					the data key that was made last, in base64
 *
 * A cipher text is no secret here: the plain text's base64 with the key's name in front and a
 * sum behind, so that another key's and a changed one are refused.  Key "missing" does not
 * exist; the token may not use key "forbidden".
 */
#include "stub.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct VaultState
{
	int latest, oldest;
	int lease;
	int logins;  /* the last token issued is "hvs.N" */
	int revoked; /* those up to this one */
	char ns[64];
	char made[64];
} VaultState;

static VaultState *vault;

void
stub_vault_begin(void)
{
	vault = mmap(NULL, sizeof(*vault), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (vault == MAP_FAILED)
		exit(1);
	*vault = (VaultState){.latest = 1, .oldest = 1, .lease = 3600};
}

static void
answer(int status, json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT);

	stub_answer(status, "Content-Type: application/json\r\n", text, strlen(text));
	free(text);
	json_decref(json);
}

static void
answer_error(int status, const char *message)
{
	answer(status, json_pack("{s:[s]}", "errors", message));
}

static void
control(const StubRequest *r)
{
	const char *what = r->path + strlen("/_vault/");
	char text[64];

	if (strcmp(what, "rotate") == 0)
		vault->latest++;
	else if (strcmp(what, "retire") == 0)
		vault->oldest = vault->latest;
	else if (strcmp(what, "revoke") == 0)
		vault->revoked = vault->logins;
	else if (strcmp(what, "lease") == 0 && stub_param(r->query, "s", text, sizeof(text)))
		vault->lease = atoi(text);
	else if (strcmp(what, "namespace") == 0)
		stub_param(r->query, "ns", vault->ns, sizeof(vault->ns));
	else if (strcmp(what, "reset") == 0)
		*vault = (VaultState){.latest = 1, .oldest = 1, .lease = 3600};
	snprintf(text, sizeof(text), "%d", vault->logins);
	if (strcmp(what, "made") == 0)
		snprintf(text, sizeof(text), "%s", vault->made);
	stub_answer(200, "", text, strlen(text));
}

static bool
authorised(const StubRequest *r)
{
	const char *token = stub_header(r, "X-Vault-Token");
	int n;

	if (token == NULL)
		return false;
	if (strcmp(token, stub_options.vault) == 0)
		return true;
	return sscanf(token, "hvs.%d", &n) == 1 && n > vault->revoked && n <= vault->logins;
}

static void
login(const json_t *body)
{
	const char *role = json_string_value(json_object_get(body, "role_id"));
	const char *secret = json_string_value(json_object_get(body, "secret_id"));
	char token[32];

	if (role == NULL || secret == NULL || strcmp(role, "role-1") != 0 ||
		strcmp(secret, "secret-1") != 0)
	{
		answer_error(400, "invalid role or secret ID");
		return;
	}
	snprintf(token, sizeof(token), "hvs.%d",
			 __atomic_add_fetch(&vault->logins, 1, __ATOMIC_SEQ_CST));
	answer(200, json_pack("{s:s,s:n,s:{s:s,s:[s],s:i,s:b}}", "request_id", "1", "data", "auth",
						  "client_token", token, "policies", "default", "lease_duration",
						  vault->lease, "renewable", 1));
}

static unsigned
sum_of(const char *s)
{
	unsigned v = 7;

	for (; *s != '\0'; s++)
		v = v * 31 + (uint8_t) *s;
	return v;
}

/* "vault:vN:" and base64 of "key|plain text in base64|sum" */
static void
make_wrapped(const char *key, const char *plain, char *out, size_t size)
{
	char inner[24000], text[33000];
	int n;

	n = snprintf(inner, sizeof(inner), "%s|%s", key, plain);
	n += snprintf(inner + n, sizeof(inner) - (size_t) n, "|%u",
				  sum_of(inner) + (unsigned) vault->latest);
	EVP_EncodeBlock((uint8_t *) text, (const uint8_t *) inner, n);
	snprintf(out, size, "vault:v%d:%s", vault->latest, text);
}

/* The plain text in base64; false: not of this key, or no longer. */
static bool
open_wrapped(const char *key, const char *wrapped, char *plain, size_t size)
{
	uint8_t inner[24000];
	char again[24000];
	int version, at = 0, n;
	char *first, *second;

	if (wrapped == NULL || strlen(wrapped) > 30000 ||
		sscanf(wrapped, "vault:v%d:%n", &version, &at) != 1 || at == 0 || version < vault->oldest ||
		version > vault->latest)
		return false;
	n = EVP_DecodeBlock(inner, (const uint8_t *) wrapped + at, (int) strlen(wrapped + at));
	if (n <= 0)
		return false;
	inner[n] = '\0';
	first = strchr((char *) inner, '|');
	second = first != NULL ? strrchr(first + 1, '|') : NULL;
	if (second == NULL)
		return false;
	*second = '\0';
	snprintf(again, sizeof(again), "%u", sum_of((char *) inner) + (unsigned) version);
	*first = '\0';
	if (strcmp(again, second + 1) != 0 || strcmp((char *) inner, key) != 0)
		return false;
	snprintf(plain, size, "%s", first + 1);
	return true;
}

static void
transit(const char *operation, const char *key, const json_t *body)
{
	const char *wrapped = json_string_value(json_object_get(body, "ciphertext"));
	const char *given = json_string_value(json_object_get(body, "plaintext"));
	char plain[24000], out[33100];
	uint8_t made[32];

	if (strcmp(operation, "datakey/plaintext") == 0)
	{
		if (json_integer_value(json_object_get(body, "bits")) != 256)
		{
			answer_error(400, "invalid bits");
			return;
		}
		RAND_bytes(made, sizeof(made));
		EVP_EncodeBlock((uint8_t *) plain, made, sizeof(made));
		memcpy(vault->made, plain, strlen(plain) + 1);
	}
	else if (strcmp(operation, "encrypt") == 0)
	{
		if (given == NULL || strlen(given) >= sizeof(plain))
		{
			answer_error(400, "missing plaintext");
			return;
		}
		snprintf(plain, sizeof(plain), "%s", given);
	}
	else if (!open_wrapped(key, wrapped, plain, sizeof(plain)))
	{
		answer_error(400, "cipher: message authentication failed");
		return;
	}
	make_wrapped(key, plain, out, sizeof(out));
	if (strcmp(operation, "decrypt") == 0)
		answer(200, json_pack("{s:{s:s}}", "data", "plaintext", plain));
	else if (strcmp(operation, "datakey/plaintext") == 0)
		answer(200, json_pack("{s:s,s:{s:s,s:s,s:i}}", "request_id", "a \\ \" b", "data",
							  "plaintext", plain, "ciphertext", out, "key_version", vault->latest));
	else
		answer(200,
			   json_pack("{s:{s:s,s:i}}", "data", "ciphertext", out, "key_version", vault->latest));
}

static void
serve_key(const StubRequest *r, const json_t *body)
{
	static const char *const operations[] = {"encrypt", "decrypt", "rewrap", "datakey/plaintext",
											 "keys"};
	const char *path = r->path + strlen("/v1/transit/");

	for (int i = 0; i < 5; i++)
	{
		size_t n = strlen(operations[i]);
		const char *key = path + n + 1;

		if (strncmp(path, operations[i], n) != 0 || path[n] != '/')
			continue;
		if (strcmp(key, "forbidden") == 0)
			answer_error(403, "1 error occurred: permission denied");
		else if (strcmp(key, "missing") == 0)
			answer_error(404, "encryption key not found");
		else if (i == 4 && strcmp(r->method, "GET") == 0)
			answer(200, json_pack("{s:{s:s,s:i,s:i,s:{s:i}}}", "data", "name", key,
								  "latest_version", vault->latest, "min_decryption_version",
								  vault->oldest, "keys", "1", 1442851412));
		else if (i < 4 && strcmp(r->method, "POST") == 0)
			transit(operations[i], key, body);
		else
			answer_error(405, "unsupported operation");
		return;
	}
	answer_error(404, "no handler for route");
}

void
stub_vault(const StubRequest *r)
{
	const char *ns = stub_header(r, "X-Vault-Namespace");
	json_t *body = json_loadb((const char *) r->body, r->body_len, 0, NULL);

	if (strncmp(r->path, "/_vault/", 8) == 0)
		control(r);
	else if (strcmp(ns != NULL ? ns : "", vault->ns) != 0)
		answer_error(404, "no such namespace");
	else if (strcmp(r->path, "/v1/auth/approle/login") == 0)
		login(body);
	else if (!authorised(r))
		answer_error(403, "permission denied");
	else if (strncmp(r->path, "/v1/transit/", 12) == 0)
		serve_key(r, body);
	else
		answer_error(404, "no handler for route");
	json_decref(body);
}
