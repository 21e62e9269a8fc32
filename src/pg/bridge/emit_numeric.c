/*
 * emit_numeric.c
 *		Decimals as numeric, written straight in PostgreSQL's own format.
 *
 * A numeric is a header and digits in base 10000, most significant first, the
 * decimal point between two of them ("weight" is the exponent of the first).
 * Zero digits at both ends are left out; the number of decimals to show
 * ("dscale") is kept apart.  So 12.30 as decimal(15,2) is 1230 unscaled: the
 * last digit holds 2 decimals, is 30 * 100 = 3000, and the one before 12.
 *
 *	1. The scale's remainder modulo 4 says how many decimal digits the last
 *	   base-10000 digit takes: cut them off, multiply, then cut off 4 at a time.
 *	2. Trailing zero digits are skipped as they come; leading ones never occur.
 *	3. All numerics of a batch lie in one allocation.
 *
 * The result equals numeric_in's byte for byte (sql/types.sql compares images).
 * Format: src/backend/utils/adt/numeric.c, struct NumericShort.
 */
#include "pg/bridge/emit.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

/* The short header of numeric.c: 10sd dddd dsww wwww */
#define HEADER_SHORT 0x8000
#define HEADER_NEGATIVE 0x2000
#define HEADER_DSCALE_SHIFT 7
#define HEADER_DSCALE_MAX 63
#define HEADER_WEIGHT_MASK 0x7F	/* 7 bits of two's complement */

#define NBASE 10000
#define NBASE_DIGITS 4

/* Header and digits of a value below 2^64, and of any 38-digit value. */
#define SIZE_64 (VARHDRSZ + sizeof(uint16) + 6 * sizeof(int16))
#define SIZE_128 (VARHDRSZ + sizeof(uint16) + 11 * sizeof(int16))

static const uint16_t power[] = {1, 10, 100, 1000, 10000};

/*
 * Write digits, which come least significant first, as a numeric at p.
 * n > 0 digits, the last of them not zero; weight of the last.  Returns the size.
 */
static inline size_t
write_numeric(char *p, const int16 *digits, int n, int weight, bool negative, int dscale)
{
	uint16		header = HEADER_SHORT | (negative ? HEADER_NEGATIVE : 0) |
		(uint16) (dscale << HEADER_DSCALE_SHIFT) | (uint16) (weight & HEADER_WEIGHT_MASK);
	size_t		size = VARHDRSZ + sizeof(uint16) + sizeof(int16) * n;
	int16	   *out = (int16 *) (p + VARHDRSZ + sizeof(uint16));

	SET_VARSIZE(p, size);
	memcpy(p + VARHDRSZ, &header, sizeof(header));
	for (int k = 0; k < n; k++)
		out[k] = digits[n - 1 - k];
	return size;
}

/* Zero has no digits, weight 0 and no sign. */
static inline size_t
write_zero(char *p, int dscale)
{
	return write_numeric(p, NULL, 0, 0, false, dscale);
}

/* Base-10000 digits behind the point. */
#define FRACTION_DIGITS(scale) (((scale) + NBASE_DIGITS - 1) / NBASE_DIGITS)

/*
 * The usual case: v, already filled up to whole base-10000 digits, has at most
 * four of them.  They are made in one word in the order they are stored, most
 * significant first, and zero digits at both ends are shifted away: no branch
 * depends on the value.  Writes 8 bytes of digits whatever their number.
 */
static inline size_t
write_four(char *p, uint64_t v, bool negative, int fraction, int dscale)
{
	uint32_t	high = (uint32_t) (v / 100000000),
				low = (uint32_t) (v % 100000000);
	uint64_t	word = (uint64_t) (high / NBASE) | (uint64_t) (high % NBASE) << 16 |
		(uint64_t) (low / NBASE) << 32 | (uint64_t) (low % NBASE) << 48;
	int			lead = __builtin_ctzll(word) >> 4;
	int			trail = __builtin_clzll(word) >> 4;
	uint16		header = HEADER_SHORT | (negative ? HEADER_NEGATIVE : 0) |
		(uint16) (dscale << HEADER_DSCALE_SHIFT) | (uint16) ((3 - lead - fraction) & HEADER_WEIGHT_MASK);
	size_t		size = VARHDRSZ + sizeof(uint16) + sizeof(int16) * (4 - lead - trail);

	word >>= lead * 16;
	SET_VARSIZE(p, size);
	memcpy(p + VARHDRSZ, &header, sizeof(header));
	memcpy(p + VARHDRSZ + sizeof(header), &word, sizeof(word));
	return size;
}

/*
 * |v| below 2^64 with "scale" decimals.  The last digit is filled up with zeros
 * by a multiplication, or where that could overflow cut off by a division.
 */
static inline size_t
write_u64(char *p, uint64_t v, bool negative, int scale, int dscale)
{
	int16		digits[6];
	int			n = 0;
	int			seen = 0;		/* digits passed, skipped ones included */
	int			rest = scale % NBASE_DIGITS;

	if (v == 0)
		return write_zero(p, dscale);
	if (likely(v < UINT64CONST(10000000000000)))	/* 10^13: with three zeros more, four digits */
		return write_four(p, rest == 0 ? v : v * power[NBASE_DIGITS - rest], negative,
						  FRACTION_DIGITS(scale), dscale);
	if (rest != 0)
	{
		uint64_t	up = power[NBASE_DIGITS - rest];

		if (likely(v <= UINT64_MAX / 1000))
			v *= up;
		else
		{
			int16		digit = (int16) (v % power[rest] * up);

			v /= power[rest];
			seen = 1;
			if (digit != 0)
				digits[n++] = digit;
		}
	}
	while (v != 0)
	{
		uint64_t	next = v / NBASE;
		int16		digit = (int16) (v - next * NBASE);

		v = next;
		seen++;
		if (digit != 0 || n > 0)
			digits[n++] = digit;
	}
	return write_numeric(p, digits, n, seen - 1 - FRACTION_DIGITS(scale), negative, dscale);
}

/* Any value of up to 38 digits. */
static size_t
write_u128(char *p, LhU128 v, bool negative, int scale, int dscale)
{
	int16		digits[11];
	int			n = 0;
	int			seen = 0;
	int			rest = scale % NBASE_DIGITS;

	if (v == 0)
		return write_zero(p, dscale);
	if (rest != 0)
	{
		int16		digit = (int16) ((uint32_t) (v % power[rest]) * power[NBASE_DIGITS - rest]);

		v /= power[rest];
		seen = 1;
		if (digit != 0)
			digits[n++] = digit;
	}
	while (v != 0)
	{
		int16		digit = (int16) (v % NBASE);

		v /= NBASE;
		seen++;
		if (digit != 0 || n > 0)
			digits[n++] = digit;
	}
	return write_numeric(p, digits, n, seen - 1 - FRACTION_DIGITS(scale), negative, dscale);
}

static inline uint64_t
magnitude(int64_t v)
{
	return v < 0 ? -(uint64_t) v : (uint64_t) v;
}

static inline size_t
write_i128(char *p, LhI128 v, int scale, int dscale)
{
	LhU128		m = v < 0 ? -(LhU128) v : (LhU128) v;

	if (likely((uint64_t) (m >> 64) == 0))
		return write_u64(p, (uint64_t) m, v < 0, scale, dscale);
	return write_u128(p, m, v < 0, scale, dscale);
}

Datum
lh_numeric_datum(LhI128 v, int scale)
{
	char	   *p;

	if (scale < 0 || scale > HEADER_DSCALE_MAX)
	{
		char		text[64];

		lh_decimal_format(v, scale, text);
		return DirectFunctionCall3(numeric_in, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid),
								   Int32GetDatum(-1));
	}
	p = palloc(SIZE_128);
	write_i128(p, v, scale, scale);
	return PointerGetDatum(p);
}

/* ---- kernels ---- */

/* More digits before the point than numeric(p,s) allows. */
static Datum
numeric_out_of_range(LhEmitter *em, int j, LhI128 v, bool *null)
{
	char		text[64];
	LhI128		most = lh_pow10[em->route.max_digits] - 1;

	lh_decimal_format(v, em->type.scale, text);
	if (em->options.out_of_range == LH_RANGE_CLAMP)
	{
		char	   *p = MemoryContextAlloc(em->target, SIZE_128);

		write_i128(p, v < 0 ? -most : most, em->type.scale, em->route.dscale);
		return PointerGetDatum(p);
	}
	return lh_emit_out_of_range(em, j, ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE, text, (Datum) 0, null);
}

/* Largest unscaled magnitude that the declared precision allows. */
static inline LhI128
limit_of(const LhEmitter *em)
{
	if (em->route.max_digits < 0 || em->route.max_digits > LH_DECIMAL_MAX_PRECISION)
		return (LhI128) (~(LhU128) 0 >> 1);
	return lh_pow10[em->route.max_digits] - 1;
}

#define NUMERIC_KERNEL(name, ctype) \
	static void \
	name(LhEmitter *em, const void *data, const uint32_t *src, int n, Datum *out, bool *nulls) \
	{ \
		const ctype *v = data; \
		LhI128		most = limit_of(em); \
		uint64_t	limit = most > PG_INT64_MAX ? UINT64_MAX : (uint64_t) most; \
		int			scale = em->type.scale, \
					dscale = em->route.dscale; \
		char	   *p = MemoryContextAlloc(em->target, INTALIGN(SIZE_64) * Max(n, 1)); \
\
		LH_EMIT_LOOP(src, n, { \
			uint64_t	m = magnitude(v[i]); \
\
			out[j] = PointerGetDatum(p); \
			if (unlikely(m > limit)) \
				out[j] = numeric_out_of_range(em, j, v[i], &nulls[j]); \
			else \
				p += INTALIGN(write_u64(p, m, v[i] < 0, scale, dscale)); \
		}); \
	}

NUMERIC_KERNEL(emit_numeric_32, LhAnyI32)
NUMERIC_KERNEL(emit_numeric_64, LhAnyI64)

static void
emit_numeric_128(LhEmitter *em, const void *data, const uint32_t *src, int n, Datum *out, bool *nulls)
{
	const LhI128 *v = data;
	LhI128		most = limit_of(em);
	int			scale = em->type.scale,
				dscale = em->route.dscale;
	char	   *p = MemoryContextAlloc(em->target, INTALIGN(SIZE_128) * Max(n, 1));

	LH_EMIT_LOOP(src, n, {
		out[j] = PointerGetDatum(p);
		if (unlikely(v[i] > most || v[i] < -most))
			out[j] = numeric_out_of_range(em, j, v[i], &nulls[j]);
		else
			p += INTALIGN(write_i128(p, v[i], scale, dscale));
	});
}

/* More than 38 digits: big-endian bytes, by way of text. */
static void
emit_numeric_wide(LhEmitter *em, const void *data, const uint32_t *src, int n, Datum *out, bool *nulls)
{
	const LhStr *v = data;
	LhBuf		text;
	MemoryContext old = MemoryContextSwitchTo(em->target);

	lh_pg_check(em->ctx, lh_buf_init(em->ctx, &text, true));
	LH_EMIT_LOOP(src, n, {
		text.len = 0;
		lh_pg_check(em->ctx, lh_decimal_format_be(em->ctx, v[i].ptr, v[i].len, em->type.scale, &text));
		lh_pg_check(em->ctx, lh_buf_putc(em->ctx, &text, '\0'));
		out[j] = DirectFunctionCall3(numeric_in, CStringGetDatum((char *) text.data),
									 ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	});
	lh_buf_free(&text);
	MemoryContextSwitchTo(old);
}

/*
 * numeric(p,s) with s at least the file's scale only changes what is shown and
 * limits the digits before the point.  With a smaller s PostgreSQL's own
 * function has to round: max_digits is -1 then, and a cast does it.
 */
static void
fit_typmod(const LhType *type, int32 typmod, LhEmitRoute *route)
{
	int			precision,
				scale;

	route->dscale = type->scale;
	route->max_digits = LH_DECIMAL_MAX_PRECISION + 1;
	if (typmod < (int32) VARHDRSZ)
		return;
	precision = ((typmod - (int32) VARHDRSZ) >> 16) & 0xffff;
	scale = (((typmod - (int32) VARHDRSZ) & 0x7ff) ^ 1024) - 1024;
	if (scale < type->scale || scale > HEADER_DSCALE_MAX)
	{
		route->max_digits = -1;
		return;
	}
	route->dscale = scale;
	route->max_digits = Max(precision - scale + type->scale, 0);
}

bool
lh_kernel_numeric(const LhType *type, Oid base, int32 typmod, LhEmitRoute *route)
{
	bool		integer = type->id >= LH_T_INT8 && type->id <= LH_T_UINT64;

	if (base != NUMERICOID || (type->id != LH_T_DECIMAL && !integer))
		return false;
	route->by_ref = true;
	fit_typmod(type, typmod, route);
	switch (type->lane)
	{
		case LH_LANE_I32:
			route->kernel = emit_numeric_32;
			break;
		case LH_LANE_I64:
			route->kernel = emit_numeric_64;
			break;
		case LH_LANE_I128:
			route->kernel = emit_numeric_128;
			break;
		case LH_LANE_STR:
			route->kernel = emit_numeric_wide;
			route->max_digits = -1;
			break;
		default:
			return false;
	}
	return true;
}
