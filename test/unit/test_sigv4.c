/*
 * test_sigv4.c
 *		Signatures, against the examples that AWS publishes.
 *
 * From "Examples: Signature Calculations" of the S3 API reference, and from the
 * Signature Version 4 test suite (names as there).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>

#include "net/net.h"

#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SUITE_TIME "20150830T123600Z"
#define S3_HOST    "Host:examplebucket.s3.amazonaws.com"
#define S3_DATE    "x-amz-date:20130524T000000Z"
#define S3_EMPTY   "x-amz-content-sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

typedef struct Example
{
	const char *name;
	const char *method, *path, *query;
	const char *headers[8];
	const char *body;
	const char *signed_headers;
	const char *signature;
} Example;

static const Example s3_examples[] = {
	{"GET object", "GET", "/test.txt", NULL, {S3_HOST, "Range:bytes=0-9", S3_EMPTY, S3_DATE}, "",
	 "host;range;x-amz-content-sha256;x-amz-date",
	 "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
	{"PUT object", "PUT", "/test%24file.text", NULL,
	 {S3_HOST, "Date:Fri, 24 May 2013 00:00:00 GMT", S3_DATE,
	  "x-amz-storage-class:REDUCED_REDUNDANCY",
	  "x-amz-content-sha256:44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"},
	 "Welcome to Amazon S3.", "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
	 "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
	{"GET bucket lifecycle", "GET", "/", "lifecycle", {S3_HOST, S3_DATE, S3_EMPTY}, "",
	 "host;x-amz-content-sha256;x-amz-date",
	 "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
	{"GET bucket", "GET", "/", "max-keys=2&prefix=J", {S3_HOST, S3_DATE, S3_EMPTY}, "",
	 "host;x-amz-content-sha256;x-amz-date",
	 "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
};

static const Example suite[] = {
	{"get-vanilla", "GET", "/", NULL, {"Host:example.amazonaws.com", "X-Amz-Date:" SUITE_TIME}, "",
	 "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
	{"get-vanilla-query-order-key-case", "GET", "/", "Param2=value2&Param1=value1",
	 {"Host:example.amazonaws.com", "X-Amz-Date:" SUITE_TIME}, "", "host;x-amz-date",
	 "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
	{"get-header-value-trim", "GET", "/", NULL,
	 {"Host:example.amazonaws.com", "My-Header1: value1", "My-Header2: \"a   b   c\"",
	  "X-Amz-Date:" SUITE_TIME},
	 "", "host;my-header1;my-header2;x-amz-date",
	 "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
	{"post-vanilla", "POST", "/", NULL, {"Host:example.amazonaws.com", "X-Amz-Date:" SUITE_TIME},
	 "", "host;x-amz-date", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
	{"post-sts-header-before", "POST", "/", NULL,
	 {"Host:example.amazonaws.com", "X-Amz-Date:" SUITE_TIME,
	  "X-Amz-Security-Token:AQoDYXdzEPT//////////"
	  "wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwth"
	  "Ax7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFv"
	  "lRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9F"
	  "X9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="},
	 "", "host;x-amz-date;x-amz-security-token",
	 "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"},
};

static void
check(const Example *e, const char *id, const char *secret, const char *time, const char *service)
{
	LhCtx *ctx = lh_ctx_create();
	char hash[65], want[1024], *got;
	LhSigV4 in = {.method = e->method, .path = e->path, .query = e->query, .headers = e->headers,
				  .payload_hash = hash, .time = time, .region = "us-east-1", .service = service,
				  .access_key_id = id, .secret_access_key = secret};

	while (in.nheaders < 8 && e->headers[in.nheaders] != NULL)
		in.nheaders++;
	lh_sha256_hex(e->body, strlen(e->body), hash);
	assert_int_equal(lh_sigv4_sign(ctx, &in, &got), LH_OK);
	snprintf(want, sizeof(want),
			 "AWS4-HMAC-SHA256 Credential=%s/%.8s/us-east-1/%s/aws4_request, SignedHeaders=%s, "
			 "Signature=%s",
			 id, time, service, e->signed_headers, e->signature);
	if (strcmp(got, want) != 0)
		fail_msg("%s: %s", e->name, got);
	lh_ctx_destroy(ctx);
}

static void
examples_of_the_s3_reference(void **state)
{
	(void) state;
	for (size_t i = 0; i < sizeof(s3_examples) / sizeof(s3_examples[0]); i++)
		check(&s3_examples[i], "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
			  "20130524T000000Z", "s3");
}

static void
vectors_of_the_test_suite(void **state)
{
	(void) state;
	for (size_t i = 0; i < sizeof(suite) / sizeof(suite[0]); i++)
		check(&suite[i], "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", SUITE_TIME,
			  "service");
}

static void
times_and_hashes(void **state)
{
	char text[17], hash[65];

	(void) state;
	lh_sigv4_time(1440938160, text);
	assert_string_equal(text, SUITE_TIME);
	lh_sha256_hex("", 0, hash);
	assert_string_equal(hash, EMPTY_SHA256);
}

static void
a_secret_that_is_too_long_is_refused(void **state)
{
	LhCtx *ctx = lh_ctx_create();
	char secret[400], *out;
	LhSigV4 in = {.method = "GET", .path = "/", .payload_hash = EMPTY_SHA256, .time = SUITE_TIME,
				  .region = "r", .service = "s3", .access_key_id = "id",
				  .secret_access_key = secret};

	(void) state;
	memset(secret, 'x', sizeof(secret) - 1);
	secret[sizeof(secret) - 1] = '\0';
	assert_int_equal(lh_sigv4_sign(ctx, &in, &out), LH_INVALID);
	assert_null(strstr(ctx->error->message, "xxx"));
	lh_ctx_destroy(ctx);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples_of_the_s3_reference),
		cmocka_unit_test(vectors_of_the_test_suite),
		cmocka_unit_test(times_and_hashes),
		cmocka_unit_test(a_secret_that_is_too_long_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
