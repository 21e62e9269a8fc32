/*
 * spread.c
 *		Put dense values on their rows.
 */
#include "parquet/column.h"
#include "parquet/kernels.h"

void
lh_pq_blank(const LhType *type, void *out, size_t n)
{
	static const uint8_t nothing[1];
	LhStr *str = out;

	if (type->lane != LH_LANE_STR)
	{
		if (n > 0)
			memset(out, 0, n * lh_lane_size(type->lane, type->width));
		return;
	}
	for (size_t i = 0; i < n; i++)
		str[i] = (LhStr){nothing, 0, 0};
}

/* Lanes that have no kernel: row by row. */
static void
spread_any(size_t size, const uint8_t *dense, const uint64_t *valid, size_t from, size_t n,
		   uint8_t *out)
{
	for (size_t i = 0; i < n; i++)
	{
		if (!lh_bit_get(valid, from + i))
			continue;
		memcpy(out + i * size, dense, size);
		dense += size;
	}
}

void
lh_pq_spread(const LhType *type, const void *dense, const uint64_t *valid, size_t from, size_t n,
			 void *out)
{
	size_t size = lh_lane_size(type->lane, type->width);

	if (size == 4)
	{
		lh_pq_kernels->expand32(dense, valid, from, n, out);
		return;
	}
	if (size == 8)
	{
		lh_pq_kernels->expand64(dense, valid, from, n, out);
		return;
	}
	lh_pq_blank(type, out, n);
	switch (size)
	{
		case 1: spread_any(1, dense, valid, from, n, out); break;
		case 16: spread_any(16, dense, valid, from, n, out); break;
		default: spread_any(size, dense, valid, from, n, out); break;
	}
}
