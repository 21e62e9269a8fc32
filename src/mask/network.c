/*
 * network.c
 *		Addresses to their networks.
 */
#include "mask/network.h"

#include <string.h>

LhMaskOutcome
lh_mask_address(uint8_t *address, size_t n, int64_t prefix)
{
	size_t whole;

	if (prefix < 0 || prefix >= (int64_t) n * 8)
		return LH_MASK_ARGUMENT;
	whole = (size_t) prefix / 8;
	address[whole] &= (uint8_t) (0xff00u >> prefix % 8);
	memset(address + whole + 1, 0, n - whole - 1);
	return LH_MASK_DONE;
}
