/*
 * avro_show.h
 *		Rows of a container as JSON text, a line each, written by hand from the vectors.
 *
 * Slow and obvious.  Bytes and fixed are "\x" and hexadecimal digits; decimals,
 * dates, times and UUIDs are the text of lh_value_format; a map is an array of
 * pairs, for its keys may repeat.  So a fixture's expected values can be made by
 * any other reader.
 */
#ifndef AVRO_SHOW_H
#define AVRO_SHOW_H

#include <math.h>
#include <stdlib.h>

#include "avro/avro.h"
#include "core/text.h"

static LhStatus avro_show_vec(LhCtx *ctx, LhBuf *out, const LhVec *v, int i);

static inline LhStatus
avro_show_hex(LhCtx *ctx, LhBuf *out, const uint8_t *p, size_t n)
{
	LH_TRY(lh_buf_append_str(ctx, out, "\"\\\\x"));
	for (size_t i = 0; i < n; i++)
		LH_TRY(lh_buf_printf(ctx, out, "%02x", p[i]));
	return lh_buf_putc(ctx, out, '"');
}

static inline LhStatus
avro_show_double(LhCtx *ctx, LhBuf *out, double x, bool single)
{
	char text[32];

	if (!isfinite(x))
		return lh_buf_printf(ctx, out, "\"%s\"",
							 isnan(x) ? "NaN"
							 : x > 0  ? "Infinity"
									  : "-Infinity");
	if (single)
		lh_format_float((float) x, text);
	else
		lh_format_double(x, text);
	return lh_buf_append_str(ctx, out, text);
}

static inline LhStatus
avro_show_value(LhCtx *ctx, LhBuf *out, const LhValue *v)
{
	LhBuf text;

	switch (v->type.id)
	{
		case LH_T_BOOL: return lh_buf_append_str(ctx, out, v->i64 & 1 ? "true" : "false");
		case LH_T_INT32:
		case LH_T_INT64: return lh_buf_printf(ctx, out, "%lld", (long long) v->i64);
		case LH_T_FLOAT:
		case LH_T_DOUBLE: return avro_show_double(ctx, out, v->f64, v->type.id == LH_T_FLOAT);
		case LH_T_STRING:
		case LH_T_ENUM:
			if (!lh_utf8_valid(v->str.ptr, v->str.len))
				return avro_show_hex(ctx, out, v->str.ptr, v->str.len);
			return lh_json_string(ctx, out, v->str.ptr, v->str.len);
		case LH_T_BINARY:
		case LH_T_FIXED:
		case LH_T_INTERVAL: return avro_show_hex(ctx, out, v->str.ptr, v->str.len);
		default: break;
	}
	LH_TRY(lh_buf_init(ctx, &text, false));
	LH_TRY(lh_value_format(ctx, v, &text));
	return lh_json_string(ctx, out, text.data, text.len);
}

static inline LhStatus
avro_show_items(LhCtx *ctx, LhBuf *out, const LhVec *v, int i)
{
	bool map = v->type.id == LH_T_MAP;

	LH_TRY(lh_buf_putc(ctx, out, '['));
	for (uint32_t k = v->offsets[i]; k < v->offsets[i + 1]; k++)
	{
		if (k > v->offsets[i])
			LH_TRY(lh_buf_putc(ctx, out, ','));
		if (map)
			LH_TRY(lh_buf_putc(ctx, out, '['));
		LH_TRY(avro_show_vec(ctx, out, &v->children[0], (int) k));
		if (!map)
			continue;
		LH_TRY(lh_buf_putc(ctx, out, ','));
		LH_TRY(avro_show_vec(ctx, out, &v->children[1], (int) k));
		LH_TRY(lh_buf_putc(ctx, out, ']'));
	}
	return lh_buf_putc(ctx, out, ']');
}

static inline LhStatus
avro_show_vec(LhCtx *ctx, LhBuf *out, const LhVec *v, int i)
{
	LhValue value;

	if (v->type.id == LH_T_NULL || lh_vec_is_null(v, i))
		return lh_buf_append_str(ctx, out, "null");
	if (v->type.id == LH_T_LIST || v->type.id == LH_T_MAP)
		return avro_show_items(ctx, out, v, i);
	if (lh_type_is_nested(&v->type))
	{
		LH_TRY(lh_buf_putc(ctx, out, '{'));
		for (int c = 0; c < v->nchildren; c++)
		{
			if (c > 0)
				LH_TRY(lh_buf_putc(ctx, out, ','));
			LH_TRY(
				lh_json_string(ctx, out, v->type.fields[c].name, strlen(v->type.fields[c].name)));
			LH_TRY(lh_buf_putc(ctx, out, ':'));
			LH_TRY(avro_show_vec(ctx, out, &v->children[c], i));
		}
		return lh_buf_putc(ctx, out, '}');
	}
	value = lh_vec_value(v, i);
	return avro_show_value(ctx, out, &value);
}

/* All rows from where the reader is; the values of several slots are separated by blanks. */
static inline LhStatus
avro_show_rows(LhCtx *ctx, LhAvroReader *reader, LhBuf *out)
{
	for (;;)
	{
		LhAvroBatch batch;

		LH_TRY(lh_avro_next(ctx, reader, &batch));
		if (batch.n == 0)
			return lh_buf_append(ctx, out, "", 1);
		for (int i = 0; i < batch.n; i++)
		{
			for (int s = 0; s < batch.nvecs; s++)
			{
				if (s > 0)
					LH_TRY(lh_buf_putc(ctx, out, ' '));
				LH_TRY(avro_show_vec(ctx, out, &batch.vecs[s], i));
			}
			LH_TRY(lh_buf_putc(ctx, out, '\n'));
		}
	}
}

/* All rows of a file, each as one value. */
static inline LhStatus
avro_show_file(LhCtx *ctx, LhAvroFile *file, LhBuf *out)
{
	LhAvroWant all = {0};
	LhAvroReader *reader;

	LH_TRY(lh_avro_reader_open(ctx, file, 1, &all, NULL, &reader));
	LH_TRY(avro_show_rows(ctx, reader, out));
	lh_avro_reader_close(reader);
	return LH_OK;
}

#endif
