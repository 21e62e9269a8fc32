/*
 * levels.h
 *		Internal: definition and repetition levels.
 */
#ifndef LH_PARQUET_LEVELS_H
#define LH_PARQUET_LEVELS_H

#include "parquet/rle.h"

/* Levels of one page; a column whose largest level is 0 has none in the file. */
typedef struct LhPqLevels
{
	LhRle rle;
	bool bit_packed; /* the deprecated encoding, most significant bit first */
	const uint8_t *bits; /* bit_packed: its bytes */
	uint64_t at; /* bit_packed: levels taken */
	uint64_t have; /* bit_packed: levels there are */
	int width;
	int max;
} LhPqLevels;

/* Bits that a level of at most max needs. */
static inline int
lh_pq_level_width(int max)
{
	return max == 0 ? 0 : 32 - __builtin_clz((unsigned) max);
}

extern void lh_pq_levels_init(LhPqLevels *lv, const uint8_t *data, size_t len, int max,
							  bool bit_packed);

/*
 * The next n levels.  All return false when there are fewer or one is larger
 * than allowed.
 *
 *	bitmap	sets the bits from + i where level i is the largest, of bits that
 *			are 0 before, and counts them
 *	count	counts them only
 *	read	gives them
 */
extern bool lh_pq_levels_bitmap(LhPqLevels *lv, size_t n, uint64_t *bits, size_t from,
								size_t *nset);
extern bool lh_pq_levels_count(LhPqLevels *lv, size_t n, size_t *nset);
extern bool lh_pq_levels_read(LhPqLevels *lv, size_t n, uint8_t *out);

#endif
