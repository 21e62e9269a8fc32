/*
 * sigv4.c
 *		Signatures of requests to AWS and to whoever speaks its protocol.
 *
 *	1. The canonical request: method, path, sorted query, lower-cased headers in
 *	   order, their names, hash of the body.  For S3 the path is signed as it is
 *	   sent; other services would encode it twice.
 *	2. The string to sign: algorithm, time, scope, hash of the canonical request.
 *	3. The key is derived from secret, day, region and service by a chain of
 *	   HMAC-SHA256; it and the steps to it are wiped.
 *
 * A session token is a header like another (x-amz-security-token): the caller
 * gives it among the headers, and so it is signed.
 *
 * Source: "AWS Signature Version 4 for API requests", AWS documentation
 */
#include "net/net.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#define ALGORITHM "AWS4-HMAC-SHA256"

static void
hex(const uint8_t digest[32], char out[65])
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < 32; i++)
	{
		out[2 * i] = digits[digest[i] >> 4];
		out[2 * i + 1] = digits[digest[i] & 15];
	}
	out[64] = '\0';
}

void
lh_sha256_hex(const void *p, size_t n, char out[65])
{
	uint8_t digest[32];

	SHA256(p, n, digest);
	hex(digest, out);
}

void
lh_sigv4_time(int64_t unix_seconds, char out[17])
{
	time_t t = (time_t) unix_seconds;
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL || strftime(out, 17, "%Y%m%dT%H%M%SZ", &tm) == 0)
		strcpy(out, "19700101T000000Z");
}

/*
 * The canonical request
 */

typedef struct Pair
{
	const char *name; /* of a header, lower case; or the whole name=value of a parameter */
	size_t len;       /* of the name */
	const char *value;
	size_t value_len;
} Pair;

static int
compare_bytes(const char *a, size_t alen, const char *b, size_t blen)
{
	int c = memcmp(a, b, alen < blen ? alen : blen);

	return c != 0 ? c : alen < blen ? -1 : alen > blen;
}

static int
by_name(const void *a, const void *b)
{
	const Pair *x = a, *y = b;
	int c = compare_bytes(x->name, x->len, y->name, y->len);

	return c != 0 ? c : compare_bytes(x->value, x->value_len, y->value, y->value_len);
}

/* "name=value" and "name" alike end as "name=value", sorted by name, then value. */
static LhStatus
add_query(LhCtx *ctx, LhBuf *out, const char *query)
{
	size_t n = 0, count = 1;
	Pair *pairs;

	for (const char *p = query; *p; p++)
		count += *p == '&';
	LH_NEW_ARRAY(ctx, pairs, count);
	for (const char *p = query; *p;)
	{
		size_t len = strcspn(p, "&");
		const char *equal = memchr(p, '=', len);

		if (len > 0)
			pairs[n++] = (Pair){.name = p,
								.len = equal != NULL ? (size_t) (equal - p) : len,
								.value = equal != NULL ? equal + 1 : "",
								.value_len = equal != NULL ? len - (size_t) (equal - p) - 1 : 0};
		p += len + (p[len] == '&');
	}
	qsort(pairs, n, sizeof(*pairs), by_name);
	for (size_t i = 0; i < n; i++)
	{
		if (i > 0)
			LH_TRY(lh_buf_putc(ctx, out, '&'));
		LH_TRY(lh_buf_append(ctx, out, pairs[i].name, pairs[i].len));
		LH_TRY(lh_buf_putc(ctx, out, '='));
		LH_TRY(lh_buf_append(ctx, out, pairs[i].value, pairs[i].value_len));
	}
	return LH_OK;
}

/* A header's name in lower case, its value without spaces around and with single ones within. */
static LhStatus
split_header(LhCtx *ctx, const char *header, Pair *pair)
{
	const char *colon = strchr(header, ':');
	char *name, *value;
	size_t n = 0;

	if (colon == NULL)
		LH_FAIL(ctx, LH_BUG, "a header without a colon cannot be signed");
	pair->len = (size_t) (colon - header);
	name = lh_strndup(ctx, header, pair->len);
	value = lh_strdup(ctx, colon + 1);
	if (name == NULL || value == NULL)
		return ctx->error->code;
	for (char *c = name; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char) (*c - 'A' + 'a');
	for (const char *c = colon + 1; *c; c++)
		if (*c != ' ' || (n > 0 && value[n - 1] != ' '))
			value[n++] = *c;
	while (n > 0 && value[n - 1] == ' ')
		n--;
	pair->name = name;
	pair->value = value;
	pair->value_len = n;
	return LH_OK;
}

static int
by_header(const void *a, const void *b)
{
	const Pair *x = a, *y = b;

	return compare_bytes(x->name, x->len, y->name, y->len);
}

/* Headers and the list of their names ("host;x-amz-date"), which is kept in names. */
static LhStatus
add_headers(LhCtx *ctx, LhBuf *out, const LhSigV4 *in, LhBuf *names)
{
	Pair *pairs;

	LH_NEW_ARRAY(ctx, pairs, (size_t) in->nheaders + 1);
	for (int i = 0; i < in->nheaders; i++)
		LH_TRY(split_header(ctx, in->headers[i], &pairs[i]));
	qsort(pairs, (size_t) in->nheaders, sizeof(*pairs), by_header);
	for (int i = 0; i < in->nheaders; i++)
	{
		if (i > 0)
			LH_TRY(lh_buf_putc(ctx, names, ';'));
		LH_TRY(lh_buf_append(ctx, names, pairs[i].name, pairs[i].len));
		LH_TRY(lh_buf_append(ctx, out, pairs[i].name, pairs[i].len));
		LH_TRY(lh_buf_putc(ctx, out, ':'));
		LH_TRY(lh_buf_append(ctx, out, pairs[i].value, pairs[i].value_len));
		LH_TRY(lh_buf_putc(ctx, out, '\n'));
	}
	return LH_OK;
}

static LhStatus
canonical_request(LhCtx *ctx, const LhSigV4 *in, LhBuf *out, LhBuf *names)
{
	LH_TRY(lh_buf_printf(ctx, out, "%s\n%s\n", in->method, in->path));
	if (in->query != NULL)
		LH_TRY(add_query(ctx, out, in->query));
	LH_TRY(lh_buf_putc(ctx, out, '\n'));
	LH_TRY(add_headers(ctx, out, in, names));
	LH_TRY(lh_buf_putc(ctx, out, '\n'));
	LH_TRY(lh_buf_append(ctx, out, names->data, names->len));
	return lh_buf_printf(ctx, out, "\n%s", in->payload_hash);
}

/*
 * The key and the signature
 */

static bool
hmac(const uint8_t *key, size_t key_len, const char *text, size_t len, uint8_t out[32])
{
	unsigned n = 32;

	return HMAC(EVP_sha256(), key, (int) key_len, (const uint8_t *) text, len, out, &n) != NULL;
}

static bool
derive_key(const LhSigV4 *in, uint8_t key[32])
{
	size_t secret = strlen(in->secret_access_key);
	char seed[4 + 256];
	bool ok;

	if (secret > sizeof(seed) - 4)
		return false;
	memcpy(seed, "AWS4", 4);
	memcpy(seed + 4, in->secret_access_key, secret);
	ok = hmac((const uint8_t *) seed, 4 + secret, in->time, 8, key) &&
		 hmac(key, 32, in->region, strlen(in->region), key) &&
		 hmac(key, 32, in->service, strlen(in->service), key) &&
		 hmac(key, 32, "aws4_request", 12, key);
	OPENSSL_cleanse(seed, sizeof(seed));
	return ok;
}

LhStatus
lh_sigv4_sign(LhCtx *ctx, const LhSigV4 *in, char **out)
{
	LhBuf request, names, to_sign;
	uint8_t key[32], digest[32];
	char hash[65], signature[65];
	bool ok;

	LH_TRY(lh_buf_init(ctx, &request, false));
	LH_TRY(lh_buf_init(ctx, &names, false));
	LH_TRY(lh_buf_init(ctx, &to_sign, false));
	LH_TRY(canonical_request(ctx, in, &request, &names));
	lh_sha256_hex(request.data, request.len, hash);
	LH_TRY(lh_buf_printf(ctx, &to_sign, ALGORITHM "\n%s\n%.8s/%s/%s/aws4_request\n%s", in->time,
						 in->time, in->region, in->service, hash));
	ok = derive_key(in, key) &&
		 hmac(key, sizeof(key), (const char *) to_sign.data, to_sign.len, digest);
	OPENSSL_cleanse(key, sizeof(key));
	if (!ok)
		LH_FAIL(ctx, LH_INVALID, "could not sign a request: the secret key is longer than 256 "
								 "bytes, or the library refuses HMAC-SHA256");
	hex(digest, signature);
	*out = lh_sprintf(ctx,
					  ALGORITHM " Credential=%s/%.8s/%s/%s/aws4_request, SignedHeaders=%.*s, "
								"Signature=%s",
					  in->access_key_id, in->time, in->region, in->service, (int) names.len,
					  (const char *) names.data, signature);
	lh_buf_free(&request);
	lh_buf_free(&names);
	lh_buf_free(&to_sign);
	return *out == NULL ? ctx->error->code : LH_OK;
}
