/*
 * bench_crypto.c
 *		Encrypting short values: ours against plain EVP loops.
 *
 *	bench_crypto [-r ROUNDS]
 *
 * The ways of one line run in turns, and the best round of each counts.  Numbers are
 * million values a second of CPU time.  The EVP loops do what a first version would do:
 * keep the context, set the nonce or the data, process, take the tag.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "crypto/envelope.h"
#include "crypto/kdf.h"
#include "crypto/merkle.h"
#include "crypto/selftest.h"
#include "crypto/siv.h"

#define VALUES 20000
#define MOST   256

static const char domain[] = "hr.staff.salary";
static int rounds = 7;
static LhCtx *ctx;
static uint8_t key[64], out[VALUES * (MOST + 64)];
static uint8_t plain[VALUES * MOST];
static size_t len;

typedef void (*Way)(void);

static void
check(bool good, const char *what)
{
	if (!good)
	{
		fprintf(stderr, "bench_crypto: %s: %s\n", what, ctx->error->message);
		exit(1);
	}
}

static double
cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

/* ---- SIV ---- */

static LhSiv *siv;
static LhSivData siv_data;

static void
siv_ours(void)
{
	for (size_t i = 0; i < VALUES; i++)
		check(lh_siv_seal(ctx, siv, &siv_data, lh_slice(plain + i * len, len),
						  out + i * (len + LH_SIV_TAG)) == LH_OK,
			  "siv");
}

static EVP_CIPHER *siv_cipher;
static EVP_CIPHER_CTX *siv_evp;

/* A context of SIV takes one message for each key. */
static void
siv_plain_evp(void)
{
	int n;

	for (size_t i = 0; i < VALUES; i++)
	{
		uint8_t *to = out + i * (len + LH_SIV_TAG);

		check(EVP_EncryptInit_ex2(siv_evp, siv_cipher, key, NULL, NULL) == 1 &&
				  EVP_EncryptUpdate(siv_evp, NULL, &n, (const uint8_t *) domain, sizeof(domain)) ==
					  1 &&
				  EVP_EncryptUpdate(siv_evp, to + LH_SIV_TAG, &n, plain + i * len, (int) len) ==
					  1 &&
				  EVP_EncryptFinal_ex(siv_evp, to + LH_SIV_TAG + n, &n) == 1 &&
				  EVP_CIPHER_CTX_ctrl(siv_evp, EVP_CTRL_AEAD_GET_TAG, LH_SIV_TAG, to) == 1,
			  "EVP siv");
	}
}

/* ---- GCM ---- */

static LhEnvelopeKey *envelope_key;
static LhBinding binding;

static void
gcm_ours(void)
{
	for (size_t i = 0; i < VALUES; i++)
		check(lh_envelope_seal(ctx, envelope_key, LH_ENVELOPE_GCM, &binding,
							   lh_slice(plain + i * len, len),
							   out + i * (len + LH_ENVELOPE_GCM_OVERHEAD)) == LH_OK,
			  "envelope");
}

static void
siv_envelope(void)
{
	for (size_t i = 0; i < VALUES; i++)
		check(lh_envelope_seal(ctx, envelope_key, LH_ENVELOPE_SIV, &binding,
							   lh_slice(plain + i * len, len),
							   out + i * (len + LH_ENVELOPE_SIV_OVERHEAD)) == LH_OK,
			  "envelope");
}

static EVP_CIPHER *gcm_cipher;
static EVP_CIPHER_CTX *gcm_evp;

static void
gcm_plain_evp(void)
{
	int n;

	for (size_t i = 0; i < VALUES; i++)
	{
		uint8_t *to = out + i * (len + LH_ENVELOPE_GCM_OVERHEAD);

		check(RAND_bytes(to, 12) == 1 && EVP_EncryptInit_ex2(gcm_evp, NULL, NULL, to, NULL) == 1 &&
				  EVP_EncryptUpdate(gcm_evp, NULL, &n, (const uint8_t *) domain, sizeof(domain)) ==
					  1 &&
				  EVP_EncryptUpdate(gcm_evp, to + 12, &n, plain + i * len, (int) len) == 1 &&
				  EVP_EncryptFinal_ex(gcm_evp, to + 12 + n, &n) == 1 &&
				  EVP_CIPHER_CTX_ctrl(gcm_evp, EVP_CTRL_AEAD_GET_TAG, 16, to + 12 + len) == 1,
			  "EVP gcm");
	}
}

/* ---- blind index ---- */

static LhHmac *hmac;
static LhSlice values[VALUES];

static void
blind_ours(void)
{
	check(lh_blind_index_batch(ctx, hmac, lh_slice(domain, sizeof(domain)), values, VALUES, out,
							   16) == LH_OK,
		  "blind index");
}

static EVP_MAC_CTX *mac;

static void
blind_plain_evp(void)
{
	size_t n;

	for (size_t i = 0; i < VALUES; i++)
		check(EVP_MAC_init(mac, NULL, 0, NULL) == 1 &&
				  EVP_MAC_update(mac, (const uint8_t *) domain, sizeof(domain)) == 1 &&
				  EVP_MAC_update(mac, values[i].data, values[i].len) == 1 &&
				  EVP_MAC_final(mac, out + i * 32, &n, 32) == 1,
			  "EVP hmac");
}

/* ---- Merkle ---- */

static void
merkle_ours(void)
{
	LhMerkle tree = {0};
	LhMerkleHash leaf;

	for (size_t i = 0; i < VALUES; i++)
	{
		lh_merkle_leaf(values[i], &leaf);
		check(lh_merkle_append(ctx, &tree, &leaf, NULL, NULL) == LH_OK, "merkle");
	}
}

static void
show(const char *what, Way ours, Way evp)
{
	double best[2] = {1e9, 1e9};
	Way ways[2] = {ours, evp};

	for (int r = 0; r < rounds; r++)
		for (int i = 0; i < 2; i++)
		{
			double begin = cpu(), used;

			if (ways[i] == NULL)
				continue;
			ways[i]();
			used = cpu() - begin;
			best[i] = used < best[i] ? used : best[i];
		}
	printf("%-22s %4zu bytes  %8.2f M/s", what, len, VALUES / best[0] / 1e6);
	if (evp != NULL)
		printf("   EVP loop %8.2f M/s   %5.1fx", VALUES / best[1] / 1e6, best[1] / best[0]);
	printf("\n");
}

static void
prepare(void)
{
	LhSlice data = lh_slice(domain, sizeof(domain));
	LhKeyRef ref = {1, 1};

	check(lh_siv_create(ctx, key, 64, &siv) == LH_OK &&
			  lh_siv_bind(ctx, siv, &data, 1, &siv_data) == LH_OK,
		  "siv");
	check(lh_envelope_key_create(ctx, ref, lh_slice(key, 32), 0, &envelope_key) == LH_OK &&
			  lh_envelope_bind(ctx, envelope_key, data, (LhSlice){0}, &binding) == LH_OK,
		  "envelope");
	check(lh_hmac_create(ctx, lh_slice(key, 32), &hmac) == LH_OK, "hmac");
}

int
main(int argc, char **argv)
{
	static const size_t sizes[] = {8, 16, 32, 64, 256};
	EVP_MAC *fetched;
	OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("digest", "SHA256", 0),
						   OSSL_PARAM_construct_end()};

	if (argc == 3 && strcmp(argv[1], "-r") == 0)
		rounds = atoi(argv[2]);
	ctx = lh_ctx_create();
	for (int i = 0; i < 3; i++)
	{
		double begin = cpu();

		check(lh_crypto_selftest(ctx) == LH_OK, "self-test");
		printf("self-tests, run %d: %.0f us\n", i + 1, (cpu() - begin) * 1e6);
	}
	siv_cipher = EVP_CIPHER_fetch(NULL, "AES-256-SIV", NULL);
	siv_evp = EVP_CIPHER_CTX_new();
	RAND_bytes(key, sizeof(key));
	RAND_bytes(plain, sizeof(plain));
	gcm_cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	gcm_evp = EVP_CIPHER_CTX_new();
	fetched = EVP_MAC_fetch(NULL, "HMAC", NULL);
	mac = EVP_MAC_CTX_new(fetched);
	check(EVP_EncryptInit_ex2(gcm_evp, gcm_cipher, key, NULL, NULL) == 1 &&
			  EVP_MAC_init(mac, key, 32, params) == 1,
		  "EVP");
	prepare();
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
	{
		len = sizes[s];
		for (size_t i = 0; i < VALUES; i++)
			values[i] = lh_slice(plain + i * len, len);
		lh_isa_choose(LH_ISA_AVX512);
		prepare();
		show("SIV, kernel", siv_ours, siv_plain_evp);
		show("SIV envelope, kernel", siv_envelope, NULL);
		lh_isa_choose(LH_ISA_BASE);
		prepare();
		show("SIV, without kernel", siv_ours, siv_plain_evp);
		lh_isa_choose(LH_ISA_AVX512);
		show("GCM envelope", gcm_ours, gcm_plain_evp);
		show("blind index", blind_ours, blind_plain_evp);
		show("Merkle leaf and nodes", merkle_ours, NULL);
	}
	lh_ctx_destroy(ctx);
	return 0;
}
