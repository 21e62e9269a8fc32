/*
 * scalar.c
 *		Values that are not stored as they lie in a vector: decimals and UUIDs as text.
 */
#include <string.h>

#include "avro/program.h"

#define UUID_TEXT   36
#define INT128_SIZE 16

/* Big-endian bytes as a number; false when it needs more than size bytes. */
static inline bool
get_big_endian(const uint8_t *p, size_t n, size_t size, LhI128 *out)
{
	uint8_t sign = n > 0 && p[0] >= 0x80 ? 0xff : 0;
	LhU128 x = sign != 0 ? ~(LhU128) 0 : 0;

	for (; n > size; n--)
		if (*p++ != sign)
			return false;
	if (n == size && n > 0 && (p[0] >= 0x80) != (sign != 0))
		return false;
	for (size_t i = 0; i < n; i++)
		x = x << 8 | p[i];
	*out = (LhI128) x;
	return true;
}

bool
lh_avro_get_uuid(const uint8_t *p, size_t len, uint8_t *out)
{
	const uint8_t *end = p + len;

	if (len != UUID_TEXT)
		return false;
	for (int i = 0; i < 16; i++)
	{
		int high, low;

		if ((i == 4 || i == 6 || i == 8 || i == 10) && *p++ != '-')
			return false;
		high = lh_hex_digit(p[0]);
		low = lh_hex_digit(p[1]);
		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t) (high << 4 | low);
		p += 2;
	}
	return p == end;
}

bool
lh_avro_put_decimal(LhAvroColumn *column, size_t slot, const uint8_t *p, size_t n)
{
	LhI128 x;

	if (column->type.lane == LH_LANE_STR)
	{
		static const uint8_t zero[1];

		((LhStr *) (void *) column->data)[slot] =
			n > 0 ? (LhStr){p, (uint32_t) n, 0} : (LhStr){zero, 1, 0};
		return true;
	}
	if (!get_big_endian(p, n, column->type.lane == LH_LANE_I64 ? sizeof(int64_t) : INT128_SIZE, &x))
		return false;
	if (column->type.lane == LH_LANE_I64)
		((int64_t *) (void *) column->data)[slot] = (int64_t) x;
	else
		((LhI128 *) (void *) column->data)[slot] = x;
	return true;
}
