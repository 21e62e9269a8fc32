/*
 * ff1_kernels.c
 *		Which AES FF1 uses; the one over OpenSSL.
 *
 * The kernels with AES instructions need more than an instruction set of core/cpu.c, but
 * follow its choice: none of them with "base", none of 512 bits below "avx512".
 */
#include <openssl/err.h>
#include <stdatomic.h>

#include "core/cpu.h"
#include "crypto/ff1_internal.h"

/* ---- OpenSSL ---- */

static bool
always(void)
{
	return true;
}

static bool
blocks_evp(const LhFf1Call *call, uint8_t *blocks, size_t count)
{
	int n;

	/* count is at most a few groups */
	return EVP_EncryptUpdate(call->evp, blocks, &n, blocks, (int) (count * LH_FF1_BLOCK)) == 1;
}

const LhFf1Kernels lh_ff1_kernels_evp = {
	.name = "evp", .isa = LH_ISA_BASE, .supported = always, .evp = true, .blocks = blocks_evp};

LhStatus
lh_ff1_fail_library(LhCtx *ctx)
{
	ERR_clear_error();
	LH_FAIL(ctx, LH_BUG, "the cryptographic library failed to encrypt with AES");
}

LhStatus
lh_ff1_call_begin(LhCtx *ctx, const LhFf1Key *key, LhFf1Call *call)
{
	const LhFf1Kernels *kernels = lh_ff1_kernels();

	*call = (LhFf1Call){.kernels = kernels, .key = key};
	if (!kernels->evp)
		return LH_OK;
	call->evp = EVP_CIPHER_CTX_new();
	if (call->evp != NULL && EVP_CIPHER_CTX_copy(call->evp, key->evp) == 1)
		return LH_OK;
	lh_ff1_call_end(call);
	return lh_ff1_fail_library(ctx);
}

void
lh_ff1_call_end(LhFf1Call *call)
{
	EVP_CIPHER_CTX_free(call->evp);
	call->evp = NULL;
}

/* ---- choice ---- */

const LhFf1Kernels *const lh_ff1_kernels_all[] = {
#if defined(__x86_64__)
	&lh_ff1_kernels_vaes512, &lh_ff1_kernels_vaes, &lh_ff1_kernels_aesni,
#endif
	&lh_ff1_kernels_evp, NULL};

static _Atomic(const LhFf1Kernels *) current = &lh_ff1_kernels_evp;

static void
choose(LhIsa isa)
{
	const LhFf1Kernels *best = &lh_ff1_kernels_evp;

	for (const LhFf1Kernels *const *k = lh_ff1_kernels_all; *k != NULL; k++)
	{
		if ((*k)->isa <= isa && (*k)->supported())
		{
			best = *k;
			break;
		}
	}
	atomic_store_explicit(&current, best, memory_order_relaxed);
}

__attribute__((constructor)) static void
register_kernels(void)
{
	lh_isa_listen(choose);
}

const LhFf1Kernels *
lh_ff1_kernels(void)
{
	return atomic_load_explicit(&current, memory_order_relaxed);
}

void
lh_ff1_kernels_force(const LhFf1Kernels *kernels)
{
	atomic_store_explicit(&current, kernels, memory_order_relaxed);
}
