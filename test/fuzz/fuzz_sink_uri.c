/*
 * fuzz_sink_uri.c
 *		URIs of sinks: what is accepted is read again as the same, and nothing secret is
 *		shown.
 */
#include <stdlib.h>
#include <string.h>

#include "sink/internal.h"

#define CHECK(condition)  \
	do                    \
	{                     \
		if (!(condition)) \
			abort();      \
	} while (0)

static void
check_uri(LhCtx *ctx, const char *uri)
{
	LhSinkConfig config = {0}, again = {0};
	const char *scheme, *scheme_again;

	if (lh_sink_uri_parse(ctx, uri, &scheme, &config) != LH_OK)
	{
		CHECK(ctx->error->code == LH_INVALID);
		return;
	}
	CHECK(scheme[0] != '\0' && strpbrk(config.host, "/@?#\\ %") == NULL);
	CHECK(config.path[0] == '\0' || config.path[0] == '/');
	CHECK(strstr(config.path, "/../") == NULL);
	for (int i = 0; i < config.noptions; i++)
		CHECK(lh_utf8_valid(config.options[i].value, strlen(config.options[i].value)));

	/* what is shown is a URI of the same options, the secret ones' values apart */
	if (strlen(config.uri) > LH_SINK_URI_MAX)
		return;
	CHECK(lh_sink_uri_parse(ctx, config.uri, &scheme_again, &again) == LH_OK);
	CHECK(strcmp(scheme, scheme_again) == 0 && strcmp(config.path, again.path) == 0);
	CHECK(again.noptions == config.noptions);
	for (int i = 0; i < config.noptions; i++)
		CHECK(strcmp(again.options[i].value, lh_sink_option_hidden(&config.options[i])
												 ? "***"
												 : config.options[i].value) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t lsn;
	LhCtx *ctx;
	char *text;

	if (size > LH_SINK_URI_MAX + 8 || memchr(data, '\0', size) != NULL)
		return 0;
	ctx = lh_ctx_create();
	text = lh_strndup(ctx, (const char *) data, size);
	check_uri(ctx, text);
	(void) lh_sink_lsn_parse(text, &lsn);
	lh_ctx_destroy(ctx);
	return 0;
}
