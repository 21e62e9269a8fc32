/*
 * fuzz_hive.c
 *		Partitions in paths: one path a line.
 *
 * A typed value must give back the very text of its folder.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "files/table.h"
#include "fuzz/fuzz_ctx.h"

#define CHECK(condition)  \
	do                    \
	{                     \
		if (!(condition)) \
			abort();      \
	} while (0)
#define MAX_PATHS 16

static void
check_value(const LhValue *value, const char *text)
{
	char back[64];

	CHECK(value->null == (text == NULL));
	if (text == NULL)
		return;
	switch (value->type.id)
	{
		case LH_T_INT32:
		case LH_T_INT64:
			snprintf(back, sizeof(back), "%" PRId64, value->i64);
			CHECK(value->type.id == LH_T_INT64 ||
				  (value->i64 >= INT32_MIN && value->i64 <= INT32_MAX));
			break;
		case LH_T_DATE: lh_format_date(value->i64, back); break;
		default:
			CHECK(value->type.id == LH_T_STRING);
			CHECK(value->str.len == strlen(text) &&
				  memcmp(value->str.ptr, text, value->str.len) == 0);
			CHECK(lh_utf8_valid(text, strlen(text)));
			return;
	}
	CHECK(strcmp(back, text) == 0);
}

static void
check_hive(const LhHive *hive, size_t nfiles)
{
	if (!hive->on)
		return;
	for (size_t i = 0; i < nfiles; i++)
		for (int k = 0; k < hive->nkeys; k++)
			check_value(&hive->dirs[i]->values[k], hive->dirs[i]->texts[k]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LhListEntry entries[MAX_PATHS] = {0};
	LhList list = {0, entries};
	LhHive hive;
	LhCtx *ctx;
	char *text;

	if (size > 4096 || memchr(data, '\0', size) != NULL)
		return 0;
	ctx = fuzz_ctx();
	text = lh_strndup(ctx, (const char *) data, size);
	for (char *line = text; line != NULL && list.n < MAX_PATHS;)
	{
		char *end = strchr(line, '\n');

		if (end != NULL)
			*end++ = '\0';
		entries[list.n++].path = line;
		line = end;
	}
	for (int mode = -1; mode <= 1; mode++)
	{
		lh_error_clear(ctx);
		if (lh_hive_infer(ctx, &list, mode, &hive) == LH_OK)
			check_hive(&hive, list.n);
		else
			CHECK(ctx->error->message[0] != '\0');
	}
	fuzz_ctx_done(ctx);
	return 0;
}
