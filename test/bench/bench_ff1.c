/*
 * bench_ff1.c
 *		FF1 of 16 decimal digits under AES-256 with a tweak of 8 bytes: values a second.
 *
 *	bench_ff1 [ROUNDS]
 *
 * In each round every line is measured once, in turn, so that what else the machine does
 * falls on all alike: test/bench/ff1 runs one round at a time beside Python.  A line is
 * "name<TAB>values a second of CPU time".
 *
 *	loop			the obvious way: an EVP call a block, P in each chain, numbers of 64 bits
 *	KERNEL one		lh_ff1_digits, a call a value
 *	KERNEL digits	lh_ff1_digits over 65,536 strings, one tweak
 *	KERNEL tweaks	... a tweak of its own each
 *	KERNEL halves	lh_ff1_halves: no text
 *	KERNEL numerals	lh_ff1_numerals
 *	template		lh_template_apply, slices of digits, one domain
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "crypto/ff1_internal.h"
#include "mask/template.h"

#define N       65536
#define LENGTH  16
#define SECONDS 0.02

static char text[N * LENGTH];
static uint16_t numerals[N * LENGTH];
static uint64_t left[N], right[N];
static uint8_t tweaks[N * 8];
static LhSlice in[N], out[N];
static LhKey key = {.len = 32};
static EVP_CIPHER_CTX *evp;
static LhCtx *ctx;
static LhFf1 *ff1;
static LhTemplate *template;
static LhBuf bytes;

static double
cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double) t.tv_sec + (double) t.tv_nsec * 1e-9;
}

static void
must(LhStatus status)
{
	if (status != LH_OK)
	{
		fprintf(stderr, "%s\n", ctx->error->message);
		exit(1);
	}
}

/* Algorithm 7 as it stands in the standard, for 16 digits. */
static void
obvious(char *s, const uint8_t *tweak)
{
	static const uint8_t p[16] = {1, 2, 1, 0, 0, 10, 10, 8, 0, 0, 0, 16, 0, 0, 0, 8};
	uint64_t a = 0, b = 0;

	for (int i = 0; i < 8; i++)
	{
		a = a * 10 + (uint64_t) (s[i] - '0');
		b = b * 10 + (uint64_t) (s[8 + i] - '0');
	}
	for (int i = 0; i < 10; i++)
	{
		uint8_t r[16], q[16] = {0};
		uint64_t y = 0, c;
		int n;

		memcpy(q, tweak, 8);
		q[11] = (uint8_t) i;
		for (int k = 0; k < 4; k++)
			q[12 + k] = (uint8_t) (b >> (24 - 8 * k));
		EVP_EncryptUpdate(evp, r, &n, p, 16);
		for (int k = 0; k < 16; k++)
			r[k] ^= q[k];
		EVP_EncryptUpdate(evp, r, &n, r, 16);
		for (int k = 0; k < 8; k++)
			y = y << 8 | r[k];
		c = (a + y % 100000000) % 100000000;
		a = b;
		b = c;
	}
	for (int i = 7; i >= 0; i--, a /= 10, b /= 10)
	{
		s[i] = (char) ('0' + a % 10);
		s[8 + i] = (char) ('0' + b % 10);
	}
}

static const LhFf1Tweaks one_tweak = {(const uint8_t *) "8 bytes.", 0}, own_tweaks = {tweaks, 8};

static size_t
loop(void)
{
	for (size_t i = 0; i < 2048; i++)
		obvious(text + i * LENGTH, one_tweak.data);
	return 2048;
}

static size_t
single(void)
{
	for (size_t i = 0; i < 2048; i++)
		must(lh_ff1_digits(ctx, ff1, LH_FF1_ENCRYPT, one_tweak, text + i * LENGTH,
						   text + i * LENGTH, 1));
	return 2048;
}

static size_t
digits(void)
{
	must(lh_ff1_digits(ctx, ff1, LH_FF1_ENCRYPT, one_tweak, text, text, N));
	return N;
}

static size_t
tweaked(void)
{
	must(lh_ff1_digits(ctx, ff1, LH_FF1_ENCRYPT, own_tweaks, text, text, N));
	return N;
}

static size_t
halves(void)
{
	must(lh_ff1_halves(ctx, ff1, LH_FF1_ENCRYPT, one_tweak, left, right, N));
	return N;
}

static size_t
as_numerals(void)
{
	must(lh_ff1_numerals(ctx, ff1, LH_FF1_ENCRYPT, one_tweak, numerals, numerals, N));
	return N;
}

static size_t
by_template(void)
{
	must(lh_template_apply(ctx, template, LH_FF1_ENCRYPT, in, N, &bytes, out, NULL));
	return N;
}

static void
measure(const char *kernel, const char *name, size_t (*work)(void))
{
	double start, end;
	size_t values = 0;

	(void) work(); /* caches and clock */
	start = cpu_seconds();
	do
	{
		values += work();
		end = cpu_seconds();
	} while (end - start < SECONDS);
	printf("%s%s%s\t%.0f\n", kernel, *kernel != '\0' ? " " : "", name,
		   (double) values / (end - start));
}

static void
prepare(void)
{
	LhFf1Spec spec = {10, LENGTH, 8, false};
	LhTemplateSpec format = {
		.classes = &lh_alphabet_digits, .nclasses = 1, .domain = lh_slice("card", 4)};
	LhFf1Key *k;

	for (size_t i = 0; i < N * LENGTH; i++)
	{
		numerals[i] = (uint16_t) (rand() % 10);
		text[i] = (char) ('0' + numerals[i]);
	}
	for (size_t i = 0; i < N; i++)
	{
		left[i] = (uint64_t) rand() % 100000000;
		right[i] = (uint64_t) rand() % 100000000;
		in[i] = lh_slice(text + i * LENGTH, LENGTH);
	}
	for (size_t i = 0; i < sizeof(tweaks); i++)
		tweaks[i] = (uint8_t) rand();
	ctx = lh_ctx_create();
	evp = EVP_CIPHER_CTX_new();
	if (ctx == NULL || evp == NULL)
		exit(1);
	EVP_EncryptInit_ex(evp, EVP_aes_256_ecb(), NULL, key.bytes, NULL);
	EVP_CIPHER_CTX_set_padding(evp, 0);
	must(lh_ff1_key_create(ctx, &key, &k));
	must(lh_ff1_create(ctx, k, &spec, &ff1));
	must(lh_template_create(ctx, k, &format, &template));
	must(lh_buf_init(ctx, &bytes, false));
}

/* The two ways must be one. */
static void
verify(void)
{
	char a[LENGTH + 1] = "4111111111111111", b[LENGTH + 1] = "4111111111111111";

	obvious(a, one_tweak.data);
	must(lh_ff1_digits(ctx, ff1, LH_FF1_ENCRYPT, one_tweak, b, b, 1));
	if (strcmp(a, b) != 0)
	{
		fprintf(stderr, "%s is not %s\n", a, b);
		exit(1);
	}
}

int
main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 5;

	prepare();
	for (int round = 0; round < rounds; round++)
	{
		measure("", "loop", loop);
		for (const LhFf1Kernels *const *k = lh_ff1_kernels_all; *k != NULL; k++)
		{
			if (!(*k)->supported())
				continue;
			lh_ff1_kernels_force(*k);
			verify();
			measure((*k)->name, "one", single);
			measure((*k)->name, "digits", digits);
			measure((*k)->name, "tweaks", tweaked);
			measure((*k)->name, "halves", halves);
			measure((*k)->name, "numerals", as_numerals);
			measure((*k)->name, "template", by_template);
		}
	}
	lh_ctx_destroy(ctx);
	EVP_CIPHER_CTX_free(evp);
	return 0;
}
