/*
 * fuzz_url.c
 *		URLs and what else servers and users write around them.
 *
 * What is accepted is written in one way, and read again as the same; a rule that
 * is accepted never opens an address that is always refused.
 */
#include <stdlib.h>

#include "fuzz/fuzz_ctx.h"
#include "net/client.h"

#define CHECK(condition)  \
	do                    \
	{                     \
		if (!(condition)) \
			abort();      \
	} while (0)

static void
check_url(LhCtx *ctx, const char *text)
{
	LhUrl url, again, resolved;
	char *normal, *twice;

	if (lh_url_parse(ctx, text, &url) != LH_OK)
	{
		CHECK(ctx->error->code == LH_INVALID);
		return;
	}
	CHECK(url.port >= 1 && url.port <= 65535 && url.path[0] == '/' && url.host[0] != '\0');
	CHECK(strpbrk(url.host, "/@?#\\ %") == NULL);
	normal = lh_url_text(ctx, &url);
	if (strlen(normal) > LH_URL_MAX)
		return; /* escapes made it longer */
	CHECK(lh_url_parse(ctx, normal, &again) == LH_OK);
	twice = lh_url_text(ctx, &again);
	CHECK(strcmp(normal, twice) == 0);
	CHECK(lh_url_same_origin(&url, &again));
	CHECK(lh_url_resolve(ctx, &url, normal, &resolved) == LH_OK);
}

static void
check_rule(LhCtx *ctx, const char *text)
{
	LhAddress metadata;
	LhNetRule rule;

	CHECK(lh_address_parse("169.254.169.254", &metadata));
	if (lh_net_rule_parse(ctx, text, &rule) == LH_OK)
		CHECK(!lh_address_allowed(&rule, 1, rule.host != NULL ? rule.host : "x", &metadata));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int64_t from, to, total;
	LhHttpReply reply;
	LhUrl base;
	LhCtx *ctx;
	char *text;

	if (size > 16384)
		return 0;
	ctx = fuzz_ctx();
	lh_http_reply_init(&reply);
	lh_http_reply_line(&reply, (const char *) data, size);
	lh_http_reply_error_code(&reply, (const char *) data, size);
	if (memchr(data, '\0', size) == NULL)
	{
		text = lh_strndup(ctx, (const char *) data, size);
		check_url(ctx, text);
		check_rule(ctx, text);
		if (lh_http_content_range(text, &from, &to, &total))
			CHECK(to >= from && (total == -1 || total > to));
		(void) lh_http_retry_after(text, 0);
		CHECK(lh_url_parse(ctx, "https://h/x", &base) == LH_OK);
		(void) lh_url_resolve(ctx, &base, text, &base);
	}
	fuzz_ctx_done(ctx);
	return 0;
}
