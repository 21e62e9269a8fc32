/*
 * write_pack_loops.h
 *		Internal: values of up to 32 bits, bit-packed; included by write_rle_loops.h
 *		and write_delta.c.
 *
 * VALUE is the type, NAME(x) makes the name of the function.
 */

/* Pack n values, filled up to a multiple of 8 with zeros. */
static uint8_t *
NAME(pack)(const VALUE *v, size_t n, int width, uint8_t *out)
{
	uint64_t acc = 0;
	int fill = 0;

	for (size_t i = 0; i < n; i++)
	{
		acc |= (uint64_t) v[i] << fill;
		fill += width;
		if (fill >= 32)
		{
			uint32_t word = (uint32_t) acc;

			memcpy(out, &word, 4);
			out += 4;
			acc >>= 32;
			fill -= 32;
		}
	}
	fill += (int) (-n & 7) * width;
	for (; fill > 0; fill -= 8, acc >>= 8)
		*out++ = (uint8_t) acc;
	return out;
}
