/*
 * network.h
 *		Masks of network addresses.
 */
#ifndef LH_MASK_NETWORK_H
#define LH_MASK_NETWORK_H

#include "mask/outcome.h"

/*
 * Clear all but the first "prefix" bits of an address of n bytes (4 or 16).  A prefix that would leave
 * the address whole, or below 0, is refused.
 */
extern LhMaskOutcome lh_mask_address(uint8_t *address, size_t n, int64_t prefix);

#endif
