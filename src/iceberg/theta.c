/*
 * theta.c
 *		How many distinct values a theta sketch of Apache DataSketches stands for.
 *
 * A compact sketch keeps the hashes below theta, a share of all that a hash can be; so there are as many values as
 * hashes divided by theta.  The hashes themselves are not looked at.  The preamble is in little-endian:
 *
 *	byte	serial version 3					serial version 4 (compressed)
 *	0		longs of the preamble (1 to 3)		longs of the preamble (1, 2)
 *	1, 2	serial version, family 3			the same
 *	3		-									bits of an entry
 *	4		-									bytes of the count
 *	5		flags								flags
 *	8		count (4 bytes)						theta (8), if there are two longs
 *	16		theta (8), if there are three		the count follows the preamble
 *
 * Format: https://github.com/apache/datasketches-java, org.apache.datasketches.theta, PreambleUtil
 */
#include <string.h>

#include "iceberg/puffin.h"

#define FAMILY_COMPACT 3
#define FLAG_EMPTY     0x04
#define ONE            9223372036854775807.0 /* theta of 1 */

static uint64_t
little(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v |= (uint64_t) p[i] << (8 * i);
	return v;
}

static bool
estimate(uint64_t count, uint64_t theta, double *out)
{
	if (theta == 0 || theta > INT64_MAX || count > UINT32_MAX)
		return false;
	*out = (double) count / ((double) theta / ONE);
	return true;
}

/* Hashes are there, so the count is none that was made up. */
static bool
version_3(LhSlice s, double *out)
{
	size_t longs = s.data[0] & 0x3F;
	uint64_t theta = INT64_MAX, count = 1;

	if (longs < 1 || longs > 3 || s.len < longs * 8)
		return false;
	if (longs > 1)
		count = little(s.data + 8, 4);
	if (longs > 2)
		theta = little(s.data + 16, 8);
	return (s.len - longs * 8) / 8 >= count && estimate(count, theta, out);
}

static bool
version_4(LhSlice s, double *out)
{
	size_t longs = s.data[0] & 0x3F, bytes = s.data[4];
	uint64_t theta = INT64_MAX, count;

	if (longs < 1 || longs > 2 || bytes > 4 || s.len < longs * 8 + bytes)
		return false;
	if (longs > 1)
		theta = little(s.data + 8, 8);
	count = little(s.data + longs * 8, bytes);
	/* deltas of no bits would be hashes that are one */
	return s.data[3] > 0 && s.data[3] <= 64 &&
		   (uint64_t) (s.len - longs * 8 - bytes) * 8 >= count * s.data[3] &&
		   estimate(count, theta, out);
}

bool
lh_ice_theta_estimate(LhSlice sketch, double *out)
{
	*out = 0;
	if (sketch.len < 8 || sketch.data[2] != FAMILY_COMPACT)
		return false;
	if ((sketch.data[5] & FLAG_EMPTY) != 0)
		return true;
	return sketch.data[1] == 3 ? version_3(sketch, out)
							   : sketch.data[1] == 4 && version_4(sketch, out);
}
