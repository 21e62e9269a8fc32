/*
 * stub_kms.c
 *		AWS's key management for tests: as much of it as a client of symmetric keys asks.
 *
 *	POST /	X-Amz-Target: TrentService.{Encrypt,Decrypt,ReEncrypt,GenerateDataKey,DescribeKey,ListKeyRotations}
 *
 * Keys are 11111111-..., 22222222-... and mrk-3333...; alias "app" names the first.  Requests are signed with one of the
 * keys of --key.  And without a signature, for the test itself:
 *
 *	GET /_kms/rotate	the first key once more		GET /_kms/retarget	alias "app" names the second
 *	GET /_kms/disable	all keys					GET /_kms/unlisted	rotations may not be asked for
 *	GET /_kms/made		what was encrypted or made last, in base64
 *	GET /_kms/reset
 *
 * A cipher text is no secret here: base64 of "key id|context|plain text in base64|sum".  Lists of rotations have two a page.
 */
#include "stub.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/core.h"

#define FIRST  "11111111-1111-1111-1111-111111111111"
#define SECOND "22222222-2222-2222-2222-222222222222"
#define THIRD  "mrk-33333333333333333333333333333333"
#define ARN    "arn:aws:kms:eu-central-1:123456789012:key/"

typedef struct KmsState
{
	int rotations;
	bool retargeted, disabled, unlisted;
	char made[256];
} KmsState;

static KmsState *kms;

void
stub_kms_begin(void)
{
	kms = mmap(NULL, sizeof(*kms), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (kms == MAP_FAILED)
		exit(1);
	*kms = (KmsState){0};
}

static void
answer(int status, json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT);

	stub_answer(status, "Content-Type: application/x-amz-json-1.1\r\n", text, strlen(text));
	free(text);
	json_decref(json);
}

/* As the service has it: a namespace in some, and a text with escapes. */
static void
refuse(const char *type)
{
	char whole[128];

	snprintf(whole, sizeof(whole), "com.amazonaws.kms#%s", type);
	answer(400,
		   json_pack("{s:s,s:s}", "__type", whole, "message", "it is \"so\" \\ for " ARN FIRST));
}

static void
control(const StubRequest *r)
{
	const char *what = r->path + strlen("/_kms/");
	const char *text = "ok";

	if (strcmp(what, "rotate") == 0)
		kms->rotations++;
	else if (strcmp(what, "retarget") == 0)
		kms->retargeted = true;
	else if (strcmp(what, "disable") == 0)
		kms->disabled = true;
	else if (strcmp(what, "unlisted") == 0)
		kms->unlisted = true;
	else if (strcmp(what, "made") == 0)
		text = kms->made;
	else if (strcmp(what, "reset") == 0)
		*kms = (KmsState){0};
	stub_answer(200, "", text, strlen(text));
}

/* The key that an id, an ARN's end or an alias means; NULL: none. */
static const char *
key_of(const json_t *body, const char *member)
{
	static const char *const ids[] = {FIRST, SECOND, THIRD};
	const char *given = json_string_value(json_object_get(body, member));

	if (given == NULL)
		return NULL;
	if (strcmp(given, "alias/app") == 0)
		return kms->retargeted ? SECOND : FIRST;
	for (int i = 0; i < 3; i++)
		if (strcmp(given, ids[i]) == 0)
			return ids[i];
	return NULL;
}

static unsigned
sum_of(const char *s)
{
	unsigned v = 7;

	for (; *s != '\0'; s++)
		v = v * 31 + (uint8_t) *s;
	return v;
}

static const char *
context_of(const json_t *body, const char *member)
{
	const char *v =
		json_string_value(json_object_get(json_object_get(body, member), "application"));

	return v != NULL ? v : "";
}

static void
make_blob(const char *key, const char *context, const char *plain, char *out)
{
	char inner[24000];
	int n = snprintf(inner, sizeof(inner), "%s|%s|%s", key, context, plain);

	n += snprintf(inner + n, sizeof(inner) - (size_t) n, "|%u", sum_of(inner));
	EVP_EncodeBlock((uint8_t *) out, (const uint8_t *) inner, n);
}

/* The type of the error; NULL: plain is there. */
static const char *
open_blob(const char *key, const char *context, const char *blob, char *plain, size_t size)
{
	uint8_t inner[24001];
	char *at[3], again[16], *p;
	int n;

	if (blob == NULL || strlen(blob) > 32000 ||
		(n = EVP_DecodeBlock(inner, (const uint8_t *) blob, (int) strlen(blob))) <= 0)
		return "InvalidCiphertextException";
	inner[n] = '\0';
	p = (char *) inner;
	for (int i = 0; i < 3; i++)
	{
		at[i] = i < 2 ? strchr(p, '|') : strrchr(p, '|');
		if (at[i] == NULL)
			return "InvalidCiphertextException";
		p = at[i] + 1;
	}
	*at[2] = '\0';
	snprintf(again, sizeof(again), "%u", sum_of((char *) inner));
	if (strcmp(again, at[2] + 1) != 0)
		return "InvalidCiphertextException";
	*at[0] = *at[1] = '\0';
	if (strcmp((char *) inner, key) != 0)
		return "IncorrectKeyException";
	if (strcmp(at[0] + 1, context) != 0)
		return "InvalidCiphertextException";
	snprintf(plain, size, "%s", at[1] + 1);
	return NULL;
}

static void
encrypt(const json_t *body, const char *key)
{
	const char *plain = json_string_value(json_object_get(body, "Plaintext"));
	char blob[33000];

	if (plain == NULL || strlen(plain) > 20000)
	{
		refuse("ValidationException");
		return;
	}
	snprintf(kms->made, sizeof(kms->made), "%.255s", plain);
	make_blob(key, context_of(body, "EncryptionContext"), plain, blob);
	answer(200, json_pack("{s:s,s:s}", "CiphertextBlob", blob, "KeyId", ARN FIRST));
}

static void
decrypt(const json_t *body, const char *key)
{
	char plain[24000];
	const char *error =
		open_blob(key, context_of(body, "EncryptionContext"),
				  json_string_value(json_object_get(body, "CiphertextBlob")), plain, sizeof(plain));

	if (error != NULL)
		refuse(error);
	else
		answer(200, json_pack("{s:s,s:s}", "Plaintext", plain, "EncryptionAlgorithm",
							  "SYMMETRIC_DEFAULT"));
}

static void
re_encrypt(const json_t *body)
{
	const char *from = key_of(body, "SourceKeyId"), *to = key_of(body, "DestinationKeyId"), *error;
	char plain[24000], blob[33000];

	if (from == NULL || to == NULL)
	{
		refuse("NotFoundException");
		return;
	}
	error =
		open_blob(from, context_of(body, "SourceEncryptionContext"),
				  json_string_value(json_object_get(body, "CiphertextBlob")), plain, sizeof(plain));
	if (error != NULL)
	{
		refuse(error);
		return;
	}
	make_blob(to, context_of(body, "DestinationEncryptionContext"), plain, blob);
	answer(200, json_pack("{s:s}", "CiphertextBlob", blob));
}

static void
generate(const json_t *body, const char *key)
{
	const char *spec = json_string_value(json_object_get(body, "KeySpec"));
	char plain[64], blob[1024];
	uint8_t made[32];

	if (spec == NULL || strcmp(spec, "AES_256") != 0)
	{
		refuse("ValidationException");
		return;
	}
	RAND_bytes(made, sizeof(made));
	EVP_EncodeBlock((uint8_t *) plain, made, sizeof(made));
	strcpy(kms->made, plain);
	make_blob(key, context_of(body, "EncryptionContext"), plain, blob);
	answer(200, json_pack("{s:s,s:s,s:s}", "KeyId", ARN FIRST, "Plaintext", plain, "CiphertextBlob",
						  blob));
}

static void
list_rotations(const json_t *body, const char *key)
{
	const char *marker = json_string_value(json_object_get(body, "Marker"));
	int from = marker != NULL ? atoi(marker) : 0,
		all = strcmp(key, FIRST) == 0 ? kms->rotations : 0;
	json_t *list = json_array();
	char next[16];

	if (kms->unlisted)
	{
		json_decref(list);
		refuse("AccessDeniedException");
		return;
	}
	for (int i = from; i < all && i < from + 2; i++)
		json_array_append_new(list,
							  json_pack("{s:s,s:s}", "KeyId", key, "RotationType", "ON_DEMAND"));
	snprintf(next, sizeof(next), "%d", from + 2);
	if (from + 2 < all)
		answer(200,
			   json_pack("{s:o,s:b,s:s}", "Rotations", list, "Truncated", 1, "NextMarker", next));
	else
		answer(200, json_pack("{s:o,s:b}", "Rotations", list, "Truncated", 0));
}

static void
serve(const char *operation, const json_t *body)
{
	const char *key = key_of(body, "KeyId");

	if (strcmp(operation, "ReEncrypt") == 0)
		re_encrypt(body);
	else if (key == NULL)
		refuse("NotFoundException");
	else if (strcmp(operation, "DescribeKey") == 0)
		answer(200, json_pack("{s:{s:s,s:s,s:s,s:b}}", "KeyMetadata", "Description", "a \"b\" \\",
							  "KeyId", key, "Arn", ARN FIRST, "Enabled", !kms->disabled));
	else if (kms->disabled)
		refuse("DisabledException");
	else if (strcmp(operation, "Encrypt") == 0)
		encrypt(body, key);
	else if (strcmp(operation, "Decrypt") == 0)
		decrypt(body, key);
	else if (strcmp(operation, "GenerateDataKey") == 0)
		generate(body, key);
	else if (strcmp(operation, "ListKeyRotations") == 0)
		list_rotations(body, key);
	else
		refuse("UnknownOperationException");
}

void
stub_kms(const StubRequest *r)
{
	static const char prefix[] = "TrentService.";
	const char *target = stub_header(r, "X-Amz-Target"), *type = stub_header(r, "Content-Type");
	const char *wrong;
	LhCtx *ctx;
	json_t *body;

	if (strncmp(r->path, "/_kms/", 6) == 0)
	{
		control(r);
		return;
	}
	ctx = lh_ctx_create();
	wrong = stub_check_signature(ctx, r, "kms");
	if (wrong != NULL)
	{
		refuse(strcmp(wrong, "SignatureDoesNotMatch") == 0 ? "InvalidSignatureException"
			   : strcmp(wrong, "InvalidToken") == 0        ? "ExpiredTokenException"
														   : "UnrecognizedClientException");
		lh_ctx_destroy(ctx);
		return;
	}
	lh_ctx_destroy(ctx);
	body = json_loadb((const char *) r->body, r->body_len, 0, NULL);
	if (strcmp(r->method, "POST") != 0 || strcmp(r->path, "/") != 0 || target == NULL ||
		strncmp(target, prefix, strlen(prefix)) != 0 || body == NULL || type == NULL ||
		strcmp(type, "application/x-amz-json-1.1") != 0)
		refuse("UnknownOperationException");
	else
		serve(target + strlen(prefix), body);
	json_decref(body);
}
