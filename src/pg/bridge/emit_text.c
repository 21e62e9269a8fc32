/*
 * emit_text.c
 *		Text and bytes.
 *
 *	1. The values of a batch are copied into one allocation, as varlenas with
 *	   the one-byte header where they are short: so they lie in heap tuples too.
 *	2. While a string is copied, its words are or'ed together: pure ASCII
 *	   without NUL, nearly all text there is, needs no further check.  Anything
 *	   else is checked to be valid UTF-8, which is what the server would demand
 *	   of a client.
 *	3. With a server encoding other than UTF8 each value is converted.
 */
#include "pg/bridge/emit.h"

#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/varlena.h"

#define HIGHS UINT64CONST(0x8080808080808080)
#define ONES UINT64CONST(0x0101010101010101)

/* Bits that are HIGHS when a byte of the word is not ASCII or is NUL (perhaps also above a NUL). */
static inline uint64_t
suspicious(uint64_t w)
{
	return w | (w - ONES);
}

/* Copy, and say whether something is not plain ASCII.  Reads and writes exactly len bytes. */
static inline bool
copy_suspicious(char *to, const uint8_t *from, size_t len)
{
	uint64_t	seen = 0;

	if (len >= 8)
	{
		uint64_t	w;
		size_t		at;

		for (at = 0; at + 8 <= len; at += 8)
		{
			w = lh_load_u64(from + at);
			memcpy(to + at, &w, 8);
			seen |= suspicious(w);
		}
		w = lh_load_u64(from + len - 8);
		memcpy(to + len - 8, &w, 8);
		seen |= suspicious(w);
	}
	else if (len >= 4)
	{
		uint32_t	a = lh_load_u32(from),
					b = lh_load_u32(from + len - 4);

		memcpy(to, &a, 4);
		memcpy(to + len - 4, &b, 4);
		seen = suspicious(((uint64_t) a << 32) | b);
	}
	else
	{
		for (size_t k = 0; k < len; k++)
		{
			to[k] = (char) from[k];
			seen |= from[k] == 0 ? 0x80 : from[k];
		}
	}
	return (seen & HIGHS) != 0;
}

static void
fail_text(LhEmitter *em, int j, const uint8_t *p, size_t len)
{
	size_t		bad = 0;
	char		byte[8];

	lh_utf8_check(p, len, &bad);
	snprintf(byte, sizeof(byte), "0x%02x", bad < len ? p[bad] : 0);
	ereport(ERROR,
			(errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
			 errmsg("text of column \"%s\" is not valid UTF-8: byte %s at offset %zu", em->column, byte, bad),
			 errdetail("File \"%s\", %s.", lh_pg_text(em->path), lh_emit_where(em, j)),
			 errhint("Declare the column as bytea to see its bytes.")));
}

static void
fail_length(LhEmitter *em, int j, size_t len)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("value of column \"%s\" has %zu bytes, more than PostgreSQL can hold", em->column, len),
			 errdetail("File \"%s\", %s.", lh_pg_text(em->path), lh_emit_where(em, j))));
}

/* A text of bytes of valid or invalid UTF-8 in CurrentMemoryContext; invalid ones are an error. */
static Datum
text_datum(LhEmitter *em, int j, const uint8_t *p, size_t len)
{
	char	   *converted;

	if (len > MaxAllocSize - VARHDRSZ)
		fail_length(em, j, len);
	if (!lh_utf8_valid(p, len))
		fail_text(em, j, p, len);
	converted = pg_any_to_server((const char *) p, (int) len, PG_UTF8);
	if (converted == (const char *) p)
		return PointerGetDatum(cstring_to_text_with_len(converted, (int) len));
	return PointerGetDatum(cstring_to_text(converted));
}

/* Room for n values as varlenas, checked against the largest PostgreSQL takes. */
static char *
reserve(LhEmitter *em, const LhStr *v, const uint32_t *src, int n)
{
	size_t		total = 8;

	LH_EMIT_LOOP(src, n, {
		if (unlikely(v[i].len > MaxAllocSize - VARHDRSZ))
			fail_length(em, j, v[i].len);
		total += INTALIGN((size_t) v[i].len + VARHDRSZ) + sizeof(int32) - 1;
	});
	return MemoryContextAllocExtended(em->target, total, MCXT_ALLOC_HUGE);
}

/* Header for len bytes at p; returns where the bytes go, *value is the varlena. */
static inline char *
put_header(char *p, size_t len, Datum *value)
{
	if (likely(len + VARHDRSZ_SHORT <= VARATT_SHORT_MAX))
	{
		*value = PointerGetDatum(p);
		SET_VARSIZE_SHORT(p, len + VARHDRSZ_SHORT);
		return p + VARHDRSZ_SHORT;
	}
	p = (char *) INTALIGN(p);
	*value = PointerGetDatum(p);
	SET_VARSIZE(p, len + VARHDRSZ);
	return p + VARHDRSZ;
}

static void
emit_text_utf8(LhEmitter *em, const LhStr *v, const uint32_t *src, int n, Datum *out)
{
	char	   *p = reserve(em, v, src, n);

	LH_EMIT_LOOP(src, n, {
		size_t		len = v[i].len;

		p = put_header(p, len, &out[j]);
		if (unlikely(copy_suspicious(p, v[i].ptr, len)) && !em->text_checked &&
			!lh_utf8_valid(v[i].ptr, len))
			fail_text(em, j, v[i].ptr, len);
		p += len;
	});
}

static void
emit_text_converted(LhEmitter *em, const LhStr *v, const uint32_t *src, int n, Datum *out, LhEmitPlace *place)
{
	MemoryContext old = MemoryContextSwitchTo(em->target);

	LH_EMIT_LOOP(src, n, place->j = j; out[j] = text_datum(em, j, v[i].ptr, v[i].len););
	MemoryContextSwitchTo(old);
}

/*
 * varchar(n): what has no more bytes than n has no more characters either.
 * The rest is for PostgreSQL's own function: spaces at the end may be cut,
 * anything else is an error, or cut or null by option.
 */
static void
limit_chars(LhEmitter *em, Datum *out, bool *nulls, int n, LhEmitPlace *place)
{
	int			most = em->route.max_chars;
	bool		cut = em->options.out_of_range == LH_RANGE_CLAMP;

	for (int j = place->j = 0; j < n; j++, place->j = j)
	{
		MemoryContext old;

		if (likely(VARSIZE_ANY_EXHDR(DatumGetPointer(out[j])) <= (size_t) most))
			continue;
		old = MemoryContextSwitchTo(em->target);
		if (em->options.out_of_range == LH_RANGE_NULL)
		{
			const char *p = VARDATA_ANY(DatumGetPointer(out[j]));
			int			len = VARSIZE_ANY_EXHDR(DatumGetPointer(out[j]));
			int			keep = pg_mbcharcliplen(p, len, most);

			while (keep < len && p[keep] == ' ')
				keep++;
			nulls[j] = keep < len;
		}
		if (!nulls[j])
			out[j] = DirectFunctionCall3(varchar, out[j], Int32GetDatum(most + VARHDRSZ), BoolGetDatum(cut));
		MemoryContextSwitchTo(old);
	}
}

static void
emit_text(LhEmitter *em, const void *data, const uint32_t *src, int n, Datum *out, bool *nulls)
{
	int			encoding = GetDatabaseEncoding();
	LhEmitPlace place;

	if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII)
	{
		emit_text_utf8(em, data, src, n, out);
		if (em->route.max_chars < 0)
			return;
	}
	lh_emit_place_push(&place, em);
	if (encoding != PG_UTF8 && encoding != PG_SQL_ASCII)
		emit_text_converted(em, data, src, n, out, &place);
	if (em->route.max_chars >= 0)
		limit_chars(em, out, nulls, n, &place);
	lh_emit_place_pop(&place);
}

static void
emit_bytes(LhEmitter *em, const void *data, const uint32_t *src, int n, Datum *out, bool *nulls)
{
	const LhStr *v = data;
	char	   *p = reserve(em, v, src, n);

	LH_EMIT_LOOP(src, n, {
		p = put_header(p, v[i].len, &out[j]);
		memcpy(p, v[i].ptr, v[i].len);
		p += v[i].len;
	});
}

static void
emit_fixed(LhEmitter *em, const void *data, const uint32_t *src, int n, Datum *out, bool *nulls)
{
	const uint8_t *v = data;
	size_t		width = (size_t) em->type.width;
	char	   *p = MemoryContextAllocExtended(em->target, 8 + n * (INTALIGN(width + VARHDRSZ) + 4),
											   MCXT_ALLOC_HUGE);

	if (width > MaxAllocSize - VARHDRSZ)
		fail_length(em, 0, width);
	LH_EMIT_LOOP(src, n, {
		p = put_header(p, width, &out[j]);
		memcpy(p, v + i * width, width);
		p += width;
	});
}

/* Fixed width declared as text: the same bytes. */
static void
emit_fixed_text(LhEmitter *em, const void *data, const uint32_t *src, int n, Datum *out, bool *nulls)
{
	LhStr		v[LH_BATCH];

	LH_EMIT_LOOP(src, n, {
		v[j].ptr = (const uint8_t *) data + (size_t) i * em->type.width;
		v[j].len = (uint32_t) em->type.width;
	});
	emit_text(em, v, NULL, n, out, nulls);
}

/* INT96 (nanoseconds of a day, Julian day) with all its digits: the seconds, and the fraction put in. */
static int
format_int96(const uint8_t *p, bool utc, char *out)
{
	int64_t		ns = lh_load_i64(p);
	int64_t		day = (int64_t) lh_load_u32(p + 8) - 2440588;
	int64_t		second = day * SECS_PER_DAY + lh_floor_div(ns, 1000000000);
	int			fraction = (int) lh_floor_mod(ns, 1000000000);
	int			n = lh_format_timestamp(second, LH_UNIT_S, false, out);

	if (fraction != 0)
	{
		n += sprintf(out + n, ".%09d", fraction);
		while (out[n - 1] == '0')
			n--;
	}
	if (utc)
		n += sprintf(out + n, "+00:00");
	return n;
}

/* Timestamps as ISO text, so that no digit is lost. */
static void
emit_timestamp_text(LhEmitter *em, const void *data, const uint32_t *src, int n, Datum *out, bool *nulls)
{
	char		text[64];
	MemoryContext old = MemoryContextSwitchTo(em->target);

	if (em->type.lane == LH_LANE_FIX)
	{
		const uint8_t *v = data;

		LH_EMIT_LOOP(src, n, out[j] = PointerGetDatum(cstring_to_text_with_len(
							text, format_int96(v + (size_t) i * 12, em->type.utc, text))););
	}
	else
	{
		const LhAnyI64 *v = data;

		LH_EMIT_LOOP(src, n, out[j] = PointerGetDatum(cstring_to_text_with_len(
							text, lh_format_timestamp(v[i], (LhUnit) em->type.unit, em->type.utc, text))););
	}
	MemoryContextSwitchTo(old);
}

static void
emit_time_text(LhEmitter *em, const void *data, const uint32_t *src, int n, Datum *out, bool *nulls)
{
	const LhAnyI64 *v = data;
	char		text[64];
	MemoryContext old = MemoryContextSwitchTo(em->target);

	LH_EMIT_LOOP(src, n, out[j] = PointerGetDatum(cstring_to_text_with_len(
						text, lh_format_time(v[i], (LhUnit) em->type.unit, text))););
	MemoryContextSwitchTo(old);
}

static bool
is_nanoseconds(const LhType *type)
{
	return (type->id == LH_T_TIMESTAMP && (type->unit == LH_UNIT_NS || type->int96)) ||
		(type->id == LH_T_TIME && type->unit == LH_UNIT_NS);
}

bool
lh_kernel_text(const LhType *type, Oid base, int32 typmod, const LhEmitOptions *options, LhEmitRoute *route)
{
	bool		text = base == TEXTOID || base == VARCHAROID;

	route->by_ref = true;
	switch (type->id)
	{
		case LH_T_STRING:
		case LH_T_ENUM:
		case LH_T_JSON:
			route->kernel = text ? emit_text : base == BYTEAOID ? emit_bytes : NULL;
			break;
		case LH_T_BINARY:
		case LH_T_BSON:
			/* old writers leave the annotation of strings out: a declaration as text is believed */
			route->kernel = text ? emit_text : base == BYTEAOID ? emit_bytes : NULL;
			break;
		case LH_T_GEOMETRY:
		case LH_T_GEOGRAPHY:
			route->kernel = base == BYTEAOID ? emit_bytes : NULL;
			break;
		case LH_T_FIXED:
			route->kernel = text ? emit_fixed_text : base == BYTEAOID ? emit_fixed : NULL;
			break;
		case LH_T_UUID:
			route->kernel = base == BYTEAOID ? emit_fixed : NULL;
			break;
		case LH_T_TIMESTAMP:
		case LH_T_TIME:
			if (text && options->timestamp_ns == LH_NANOS_TEXT && is_nanoseconds(type))
				route->kernel = type->id == LH_T_TIME ? emit_time_text : emit_timestamp_text;
			break;
		default:
			break;
	}
	if (route->kernel == emit_text || route->kernel == emit_fixed_text)
		route->max_chars = base == VARCHAROID && typmod >= (int32) VARHDRSZ ? typmod - (int32) VARHDRSZ : -1;
	return route->kernel != NULL;
}
