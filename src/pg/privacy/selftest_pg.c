/*
 * selftest_pg.c
 *		The self-tests of crypto/, before the first key is used.
 *
 * A preloaded library runs them in the postmaster, which does not start when one fails, and its
 * children inherit that they passed.  Otherwise each process runs them before its first use of a key.
 */
#include "pg/privacy/keys.h"

#include "crypto/selftest.h"

static bool passed = false;

/* FATAL in the postmaster, ERROR later: this process uses no key. */
static void
run(int elevel)
{
	LhCtx	   *ctx = lh_ctx_create();
	LhError		error = {0};
	LhStatus	status;

	if (ctx == NULL)
		ereport(elevel, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	status = lh_crypto_selftest(ctx);
	error = *ctx->error;
	lh_ctx_destroy(ctx);
	if (status != LH_OK)
		ereport(elevel,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("%s", error.message),
				 error.detail[0] ? errdetail("%s", error.detail) : 0,
				 errhint("%s", error.hint[0] ? error.hint : "Nothing is encrypted or decrypted: see to OpenSSL and its configuration.")));
	passed = true;
}

void
lh_crypto_start(void)
{
	run(FATAL);
}

void
lh_crypto_ready(void)
{
	if (!passed)
		run(ERROR);
}
