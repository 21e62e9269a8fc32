/*
 * decimal.h
 *		Decimals of up to 38 digits as unscaled 128-bit integers.
 */
#ifndef LH_CORE_DECIMAL_H
#define LH_CORE_DECIMAL_H

#include "core/ctx.h"

typedef __int128 LhI128;
typedef unsigned __int128 LhU128;

#define LH_DECIMAL_MAX_PRECISION 38

extern const LhI128 lh_pow10[LH_DECIMAL_MAX_PRECISION + 1];	/* 10^0 .. 10^38 */
extern const int64_t lh_pow10_i64[19];

/* Big-endian two's complement of n (0..16) bytes. */
extern LhI128 lh_i128_from_be(const uint8_t *p, size_t n);
/* Same for any n: false when the value needs more than 128 bits. */
extern bool lh_i128_from_be_wide(const uint8_t *p, size_t n, LhI128 *out);

/* Decimal text of v with the given scale: "-12.30"; returns length, NUL added. out >= 48 bytes (scale <= 38). */
extern int	lh_decimal_format(LhI128 v, int scale, char *out);
/*
 * Decimal text of a big-endian two's complement number of any width, appended
 * to out.  Beyond PostgreSQL's numeric (scale 0..16383; 61 kB) LH_OUT_OF_RANGE.
 */
struct LhBuf;
extern LhStatus lh_decimal_format_be(LhCtx *ctx, const uint8_t *p, size_t n, int scale, struct LhBuf *out);

/*
 * v with scale "from" as scale "to".  Raising the scale: false on overflow of
 * 38 digits.  Lowering: floor (toward minus infinity), *exact says whether
 * nothing was cut.
 */
extern bool lh_decimal_rescale(LhI128 v, int from, int to, LhI128 *out, bool *exact);

#endif
