/*
 * text.h
 *		Cells as text, appended to a buffer: what all text formats share.
 *
 * Appending is split in two for speed: lh_put_room makes room once for all
 * bytes of bounded size, then the raw lh_text_* writers run without checks and
 * return where they ended.  Writers of values without bound (text, bytes, json,
 * arrays) take the buffer and look for themselves.  Canonical text is
 * PostgreSQL's own under DateStyle ISO, IntervalStyle iso_8601 or postgres (as
 * named), TimeZone UTC, extra_float_digits 1, whatever the session has.
 */
#ifndef LH_CHANGE_TEXT_H
#define LH_CHANGE_TEXT_H

#include "change/options.h"
#include "vec/cell.h"

/*
 * Room for n more bytes; *p is where they go.  After writing: lh_put_end(buf, p).  One byte
 * more than needed: a buffer that has no memory yet has no place for none, either.
 */
static inline LhStatus
lh_put_room(LhCtx *ctx, LhBuf *buf, size_t n, char **p)
{
	if (__builtin_expect(buf->cap - buf->len <= n, 0))
		LH_TRY(lh_buf_reserve(ctx, buf, buf->len + n + 1));
	*p = (char *) buf->data + buf->len;
	return LH_OK;
}

static inline void
lh_put_end(LhBuf *buf, const char *p)
{
	buf->len = (size_t) ((const uint8_t *) p - buf->data);
}

static inline LhStatus
lh_put(LhCtx *ctx, LhBuf *buf, const void *bytes, size_t n)
{
	char	   *p;

	LH_TRY(lh_put_room(ctx, buf, n, &p));
	if (n > 0)
		memcpy(p, bytes, n);
	buf->len += n;
	return LH_OK;
}

/* Most bytes that the raw writers below touch; they may store beyond where they end. */
#define LH_TEXT_INT 24
#define LH_TEXT_FLOAT 32
#define LH_TEXT_TIME 64

extern char *lh_text_i64(char *p, int64_t v);
extern char *lh_text_u64(char *p, uint64_t v);
extern char *lh_text_lsn(char *p, uint64_t lsn);	/* "16/B374D848" */
extern char *lh_text_uuid(char *p, const uint8_t *uuid);	/* 36 bytes */
/* As float8out and float4out with extra_float_digits 1: "1e+20", "NaN", "Infinity". */
extern char *lh_text_float8(char *p, double v);
extern char *lh_text_float4(char *p, float v);
/* "2024-01-31", "0044-03-15 BC", "infinity", years of any width: date_out under ISO. */
extern char *lh_text_date(char *p, int64_t days);
extern char *lh_text_time(char *p, int64_t us);	/* "24:00:00", fraction without trailing zeros */
extern char *lh_text_timetz(char *p, int64_t us, int32_t west);
/* sep is ' ' (timestamp_out) or 'T'; zone NULL, "+00" (timestamptz_out under UTC) or "Z"; BC stands last. */
extern char *lh_text_timestamp(char *p, int64_t us, char sep, const char *zone);
/* "P1Y2M3DT4H5M6.789S", "PT0S", "infinity", as EncodeInterval's ISO 8601 style. */
extern char *lh_text_interval(char *p, int64_t us, int32_t days, int32_t months);

/* A finite numeric, and the most bytes that this touches: few for what people store, up to 200 kB for any. */
extern char *lh_text_numeric(char *p, const LhCell *c);
static inline size_t
lh_text_numeric_room(const LhCell *c)
{
	return (c->weight >= 0 ? ((size_t) c->weight + 1) * 4 : 0) + c->dscale + 16;
}

/* numeric_out: "12.30", "NaN", "-Infinity". */
extern LhStatus lh_put_numeric(LhCtx *ctx, LhBuf *buf, const LhCell *c);
/* Text as a JSON string with its quotes; any valid UTF-8. */
extern LhStatus lh_put_json_string(LhCtx *ctx, LhBuf *buf, const void *p, size_t n);
/* The inside of one, without quotes. */
extern LhStatus lh_put_json_escaped(LhCtx *ctx, LhBuf *buf, const void *p, size_t n);
/* JSON text on one line: raw newlines and returns between its tokens become blanks. */
extern LhStatus lh_put_json_line(LhCtx *ctx, LhBuf *buf, const void *p, size_t n);
extern LhStatus lh_put_hex(LhCtx *ctx, LhBuf *buf, const void *p, size_t n);
extern LhStatus lh_put_base64(LhCtx *ctx, LhBuf *buf, const void *p, size_t n, bool url);
/*
 * The text that the type's output function gives, unquoted, canonical: "t",
 * "\\x0aff", "{1,NULL,\"a b\"}" with bounds where they are not 1.  RAW bytes
 * come as "\\x..." hex, intervals in ISO 8601; what is no value is nothing.
 */
extern LhStatus lh_put_cell_text(LhCtx *ctx, LhBuf *buf, const LhCell *c);
/* The same inside a JSON string, with its quotes; what is no value is null. */
extern LhStatus lh_put_cell_text_json(LhCtx *ctx, LhBuf *buf, const LhCell *c);
/*
 * Equal as values of the same column: for changed keys.  1.0 and 1.00 are not,
 * nor are 0 and -0: consumers see different keys.  NaN equals NaN.
 */
extern bool lh_cell_equal(const LhCell *a, const LhCell *b);

#endif
