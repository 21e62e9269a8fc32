/*
 * enc_domain.h
 *		A domain's keys at hand: what enc_domain.c and enc_value.c share.
 */
#ifndef LH_PG_PRIVACY_ENC_DOMAIN_H
#define LH_PG_PRIVACY_ENC_DOMAIN_H

#include "pg/privacy/enc.h"

/* Rights that are asked for a value: their memory is by these places. */
enum
{
	LH_ENC_MAY_ENCRYPT, LH_ENC_MAY_DECRYPT, LH_ENC_MAY_SEARCH, LH_ENC_MAYS
};

typedef struct LhEncMemory
{
	bool		known, may;
	Oid			user, outer;
	int			context;
} LhEncMemory;

typedef struct LhEncKeyAtHand
{
	LhKeyRef	ref;
	LhEnvelopeKey *key;
} LhEncKeyAtHand;

struct LhEncDomain
{
	uint64		generation;		/* of enc_domain.c */
	uint64		domains;		/* lh_domain_generation: as long as it is, the domain is there */
	MemoryContext mcxt;
	LhDomain   *domain;
	uint32		number;
	LhCtx	   *ctx;
	LhArena    *scratch;		/* of one call */
	LhSlice		name;			/* UTF-8 */
	LhHmac	   *blind;
	LhKeyRef	current;
	LhEncKeyAtHand *keys;
	int			nkeys;
	LhEncMemory memory[LH_ENC_MAYS];
	/* where the version in "current" is held */
	uint64		held;
	SubTransactionId held_by;
};

/* A version's key; ERROR: it cannot be had. */
extern LhEnvelopeKey *lh_enc_key(LhEncDomain *domain, LhKeyRef ref);
/*
 * Until the (sub)transaction ends nobody finds the domain's newest version unused.  Not where nothing can be stored: a standby has no such
 * locks.  False: the version was retired before we had it.
 */
extern bool lh_enc_hold(LhEncDomain *domain);

/* ---- big-endian, as all numbers of these values are ---- */

static inline uint32
lh_enc_get32(const uint8 *p)
{
	return (uint32) p[0] << 24 | (uint32) p[1] << 16 | (uint32) p[2] << 8 | p[3];
}

static inline void
lh_enc_put32(uint8 *p, uint32 v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8) (v >> (24 - 8 * i));
}

#endif
