/*
 * sinks.c
 *		The table of sinks, and what all of them do with their options.
 *
 * To add a sink: one file that fills an LhSinkKind, one line here
 * (docs/add-a-sink.md).
 */
#include "sink/internal.h"

#include <stdio.h>
#include <string.h>

const LhSinkKind *const lh_sinks[] = {
	&lh_sink_stdout, &lh_sink_null, &lh_sink_file,     &lh_sink_kafka, &lh_sink_redis,
	&lh_sink_rediss, &lh_sink_nats, &lh_sink_nats_tls, NULL,
};

static const char *const op_names[LH_N_CHANGE_OPS] = {
	[LH_CHANGE_BEGIN] = "begin",       [LH_CHANGE_COMMIT] = "commit",
	[LH_CHANGE_INSERT] = "insert",     [LH_CHANGE_UPDATE] = "update",
	[LH_CHANGE_DELETE] = "delete",     [LH_CHANGE_READ] = "read",
	[LH_CHANGE_TRUNCATE] = "truncate", [LH_CHANGE_MESSAGE] = "message",
	[LH_CHANGE_SCHEMA] = "schema",     [LH_CHANGE_QUARANTINE] = "quarantine",
	[LH_CHANGE_DDL] = "ddl",
};

const char *
lh_sink_op_name(LhChangeOp op)
{
	return (unsigned) op < LH_N_CHANGE_OPS ? op_names[op] : "unknown";
}

static LhStatus
no_such_scheme(LhCtx *ctx, const char *scheme)
{
	LhBuf list;

	LH_TRY(lh_buf_init(ctx, &list, false));
	for (int i = 0; lh_sinks[i] != NULL; i++)
		LH_TRY(lh_buf_printf(ctx, &list, "%s%s:", i > 0 ? ", " : "", lh_sinks[i]->scheme));
	lh_fail(ctx, LH_INVALID, "there is no sink \"%.64s:\"", scheme);
	lh_hint(ctx, "Sinks are %s.", (const char *) list.data);
	return LH_INVALID;
}

LhStatus
lh_sink_open(LhCtx *ctx, const char *uri, const char *stream, const char *format, bool text,
			 LhSink **out)
{
	LhSinkConfig config = {.stream = stream, .format = format, .text = text}, inner;
	const LhChangeFormat *known =
		format != NULL ? lh_change_format_find(format, strlen(format)) : NULL;
	LhRegistered *registered;
	const char *scheme;

	if (known != NULL)
		config.schemas = known->schemas;
	if (stream == NULL || stream[0] == '\0')
		LH_FAIL(ctx, LH_INVALID, "a sink was opened without the name of its stream");
	LH_TRY(lh_sink_uri_parse(ctx, uri, &scheme, &config));
	for (int i = 0; lh_sinks[i] != NULL; i++)
	{
		if (strcmp(lh_sinks[i]->scheme, scheme) != 0)
			continue;
		LH_TRY(lh_registered_open(ctx, &config, scheme, &inner, &registered));
		LH_TRY(lh_sinks[i]->open(ctx, &inner, out));
		(*out)->kind = lh_sinks[i];
		if (registered != NULL)
			*out = lh_registered_wrap(registered, *out);
		return LH_OK;
	}
	return no_such_scheme(ctx, scheme);
}

bool
lh_sink_writes_lines(const char *uri)
{
	size_t n = strcspn(uri, ":");

	for (int i = 0; lh_sinks[i] != NULL; i++)
	{
		if (strlen(lh_sinks[i]->scheme) == n && strncmp(lh_sinks[i]->scheme, uri, n) == 0)
			return lh_sinks[i]->lines;
	}
	return false;
}

const char *
lh_sink_option(const LhSinkConfig *config, const char *name, const char *preset)
{
	for (int i = config->noptions - 1; i >= 0; i--)
		if (strcmp(config->options[i].name, name) == 0)
			return config->options[i].value;
	return preset;
}

LhStatus
lh_sink_check_options(LhCtx *ctx, const LhSinkConfig *config, const char *const *known)
{
	for (int i = 0; i < config->noptions; i++)
	{
		const char *name = config->options[i].name;
		int k = 0;
		LhBuf list;

		while (known[k] != NULL && strcmp(known[k], name) != 0)
			k++;
		if (known[k] != NULL)
			continue;
		LH_TRY(lh_buf_init(ctx, &list, false));
		for (k = 0; known[k] != NULL; k++)
			LH_TRY(lh_buf_printf(ctx, &list, "%s%s", k > 0 ? ", " : "", known[k]));
		lh_fail(ctx, LH_INVALID, "sink \"%s\" has no option \"%s\"", config->uri, name);
		if (list.len > 0)
			lh_hint(ctx, "Its options are %s.", (const char *) list.data);
		else
			lh_hint(ctx, "It has no options at all.");
		return LH_INVALID;
	}
	return LH_OK;
}

LhStatus
lh_sink_option_number(LhCtx *ctx, const LhSinkConfig *config, const char *name, uint64_t preset,
					  uint64_t min, uint64_t max, uint64_t *out)
{
	const char *text = lh_sink_option(config, name, NULL);
	uint64_t v = 0;
	bool good;

	*out = preset;
	if (text == NULL)
		return LH_OK;
	good = text[0] != '\0';
	for (const char *p = text; *p != '\0' && good; p++)
		good = *p >= '0' && *p <= '9' && !__builtin_mul_overflow(v, 10, &v) &&
			   !__builtin_add_overflow(v, (uint64_t) (*p - '0'), &v);
	if (!good || v < min || v > max)
		LH_FAIL(ctx, LH_INVALID,
				"sink \"%s\": option \"%s\" must be a whole number from %llu to %llu", config->uri,
				name, (unsigned long long) min, (unsigned long long) max);
	*out = v;
	return LH_OK;
}

LhStatus
lh_sink_option_choice(LhCtx *ctx, const LhSinkConfig *config, const char *name,
					  const char *const *choices, int *out)
{
	const char *text = lh_sink_option(config, name, choices[0]);
	LhBuf list;

	for (int i = 0; choices[i] != NULL; i++)
	{
		if (strcmp(choices[i], text) != 0)
			continue;
		*out = i;
		return LH_OK;
	}
	LH_TRY(lh_buf_init(ctx, &list, false));
	for (int i = 0; choices[i] != NULL; i++)
		LH_TRY(lh_buf_printf(ctx, &list, "%s%s", i > 0 ? ", " : "", choices[i]));
	LH_FAIL(ctx, LH_INVALID, "sink \"%s\": option \"%s\" must be one of %s", config->uri, name,
			(const char *) list.data);
}

const char *
lh_sink_lsn_text(uint64_t lsn, char out[LH_LSN_TEXT])
{
	snprintf(out, LH_LSN_TEXT, "%X/%X", (unsigned) (lsn >> 32), (unsigned) lsn);
	return out;
}

bool
lh_sink_lsn_parse(const char *text, uint64_t *lsn)
{
	uint64_t half[2] = {0, 0};

	for (int i = 0; i < 2; i++)
	{
		int n = 0;

		for (; n < 9 && lh_hex_digit((uint8_t) *text) >= 0; n++)
			half[i] = half[i] << 4 | (uint64_t) lh_hex_digit((uint8_t) *text++);
		if (n == 0 || n > 8 || *text++ != (i == 0 ? '/' : '\0'))
			return false;
	}
	*lsn = half[0] << 32 | half[1];
	return true;
}

LhStatus
lh_sink_keep_config(LhCtx *ctx, const LhSinkConfig *from, LhSinkConfig *to)
{
	LhSinkOption *options;

	*to = *from;
	LH_NEW_ARRAY(ctx, options, from->noptions + 1);
	for (int i = 0; i < from->noptions; i++)
	{
		options[i].name = lh_strdup(ctx, from->options[i].name);
		options[i].value = lh_strdup(ctx, from->options[i].value);
		if (options[i].name == NULL || options[i].value == NULL)
			return ctx->error->code;
	}
	to->options = options;
	if ((to->uri = lh_strdup(ctx, from->uri)) == NULL ||
		(to->host = lh_strdup(ctx, from->host)) == NULL ||
		(to->path = lh_strdup(ctx, from->path)) == NULL ||
		(to->stream = lh_strdup(ctx, from->stream)) == NULL)
		return ctx->error->code;
	return LH_OK;
}
