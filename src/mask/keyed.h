/*
 * keyed.h
 *		Masks under a key that are no permutations: hashes, shifts, noise, fake values.
 *
 *	keyed.c		bytes, numbers and shifts made of a value
 *	fake.c		names, places and addresses that nobody has
 *	fake_lists.h	what they are put together from
 *
 * All are made of
 *
 *	HMAC-SHA256(key, "lakehouse mask 1" ‖ 0x00 ‖ purpose ‖ 0x00 ‖ length of domain ‖ domain ‖ value)
 *
 * the length having 8 bytes, big-endian: the same value of one domain always has the same mask, and nobody without the
 * key can tell or try.
 */
#ifndef LH_MASK_KEYED_H
#define LH_MASK_KEYED_H

#include "crypto/kdf.h"

/* Read only; in ctx->arena and secret memory, wiped with it.  domain: at most LH_KEYED_DOMAIN bytes. */
typedef struct LhKeyed LhKeyed;
#define LH_KEYED_DOMAIN 1024
extern LhStatus lh_keyed_create(LhCtx *ctx, LhSlice key, LhSlice domain, LhKeyed **out);

extern void lh_keyed_bytes(const LhKeyed *keyed, const char *purpose, LhSlice value, uint8_t out[LH_SHA256]);

/* Lower-case hexadecimal digits of those bytes. */
#define LH_KEYED_HASH (2 * LH_SHA256)
extern void lh_keyed_hash(const LhKeyed *keyed, LhSlice value, char out[LH_KEYED_HASH]);

/* From -most to most, each as often, but never 0; most >= 1. */
extern int64_t lh_keyed_shift(const LhKeyed *keyed, LhSlice subject, int64_t most);

/* From -1 to 1. */
extern double lh_keyed_noise(const LhKeyed *keyed, LhSlice value);

typedef enum LhFake
{
	LH_FAKE_FIRST_NAME, LH_FAKE_LAST_NAME, LH_FAKE_NAME, LH_FAKE_CITY, LH_FAKE_COMPANY, LH_FAKE_STREET, LH_FAKE_EMAIL,
	LH_FAKE_PHONE
} LhFake;
#define LH_FAKES (LH_FAKE_PHONE + 1)

/* Bytes of the longest. */
#define LH_FAKE_MOST 96

/*
 * Its ASCII text, ended by NUL; the length.  Never the value itself, however its letters are
 * cased.  Addresses are in example.com (RFC 2606), telephone numbers in the 555-01xx that nobody has.
 */
extern size_t lh_fake(const LhKeyed *keyed, LhFake kind, LhSlice value, char out[LH_FAKE_MOST]);

#endif
