/*
 * selftest.h
 *		Known answers, computed when the library is loaded.
 *
 * A miscompiled kernel, a foreign OpenSSL or a broken processor would encrypt what nobody
 * can decrypt, or nothing at all: better no crypto than such.  Each algorithm answers a
 * published question, in both directions, and refuses what was changed.  All of it takes
 * less than a millisecond.
 */
#ifndef LH_CRYPTO_SELFTEST_H
#define LH_CRYPTO_SELFTEST_H

#include "crypto/crypto.h"

/* Bytes of the longest answer. */
#define LH_SELFTEST_MOST 128

typedef struct LhSelfTest
{
	const char *algorithm;		/* as messages call it */
	const char *expected;		/* hexadecimal digits */
	/* exactly as many bytes as expected */
	LhStatus	(*compute) (LhCtx *ctx, uint8_t *out);
} LhSelfTest;

/* Those of crypto/; other folders have tables of their own. */
extern const LhSelfTest lh_crypto_selftests[];
extern const int lh_crypto_nselftests;

/*
 * Compute all answers.  LH_CORRUPT names the algorithm whose answer is wrong.  broken is for
 * tests: the place of the entry whose answer is changed before it is compared; -1: none.
 */
extern LhStatus lh_selftest_run(LhCtx *ctx, const LhSelfTest *tests, int n, int broken);
/* Those of crypto/, as loaded. */
extern LhStatus lh_crypto_selftest(LhCtx *ctx);

#endif
