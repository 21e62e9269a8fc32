/*
 * ff1_slow.h
 *		FF1 as the standard writes it, step by step, with OpenSSL's big numbers: for tests.
 *
 * Nothing here is shared with the code under test, and nothing is fast.
 */
#ifndef FF1_SLOW_H
#define FF1_SLOW_H

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/ff1.h"

static void
slow_block(const LhKey *key, const uint8_t in[16], uint8_t out[16])
{
	static EVP_CIPHER_CTX *evp;
	static LhKey last;
	int n;

	if (evp == NULL)
		evp = EVP_CIPHER_CTX_new();
	if (last.len != key->len || memcmp(last.bytes, key->bytes, key->len) != 0)
	{
		assert_int_equal(EVP_EncryptInit_ex(evp,
											key->len == 16   ? EVP_aes_128_ecb()
											: key->len == 24 ? EVP_aes_192_ecb()
															 : EVP_aes_256_ecb(),
											NULL, key->bytes, NULL),
						 1);
		EVP_CIPHER_CTX_set_padding(evp, 0);
		last = *key;
	}
	assert_int_equal(EVP_EncryptUpdate(evp, out, &n, in, 16), 1);
}

static void
slow_num(BIGNUM *x, uint32_t radix, const uint16_t *digits, size_t n)
{
	BN_zero(x);
	for (size_t i = 0; i < n; i++)
	{
		BN_mul_word(x, radix);
		BN_add_word(x, digits[i]);
	}
}

static void
slow_str(BIGNUM *x, uint32_t radix, uint16_t *digits, size_t n)
{
	BIGNUM *y = BN_dup(x);

	while (n-- > 0)
		digits[n] = (uint16_t) BN_div_word(y, radix);
	assert_true(BN_is_zero(y));
	BN_free(y);
}

/* S of one round: step 6 (i) to (iii) */
static void
slow_s(const LhKey *key, const uint8_t *p, const uint8_t *q, size_t q_len, uint8_t *s, size_t d)
{
	uint8_t r[16], block[16];

	slow_block(key, p, r);
	for (size_t at = 0; at < q_len; at += 16)
	{
		for (int k = 0; k < 16; k++)
			block[k] = r[k] ^ q[at + k];
		slow_block(key, block, r);
	}
	for (size_t at = 0; at < d; at += 16)
	{
		uint64_t j = at / 16;

		memcpy(block, r, 16);
		for (int k = 0; k < 8; k++)
			block[15 - k] ^= (uint8_t) (j >> (8 * k));
		if (j == 0)
			memcpy(s, r, 16);
		else
			slow_block(key, block, s + at);
	}
}

/* One value; x is replaced. */
static void
slow_ff1(const LhKey *key, uint32_t radix, const uint8_t *tweak, size_t t, LhFf1Way way,
		 uint16_t *x, size_t n)
{
	size_t u = n / 2, v = n - u, b, d, q_len, s_len;
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *a = BN_new(), *y = BN_new(), *c = BN_new(), *power = BN_new(), *r = BN_new(),
		   *e = BN_new(), *powers[2] = {BN_new(), BN_new()};
	uint16_t *half[2] = {malloc(2 * v), malloc(2 * v)}, *swap;
	size_t len[2] = {u, v};
	uint8_t p[16], *q, *s;

	BN_set_word(r, radix);
	for (int k = 0; k < 2; k++)
	{
		BN_set_word(e, len[k]);
		BN_exp(powers[k], r, e, ctx);
	}
	BN_copy(power, powers[1]);
	BN_sub_word(power, 1);
	b = (size_t) BN_num_bytes(power);
	d = 4 * ((b + 3) / 4) + 4;
	p[0] = 1, p[1] = 2, p[2] = 1;
	p[3] = (uint8_t) (radix >> 16), p[4] = (uint8_t) (radix >> 8), p[5] = (uint8_t) radix;
	p[6] = 10, p[7] = (uint8_t) u;
	for (int k = 0; k < 4; k++)
	{
		p[8 + k] = (uint8_t) (n >> (24 - 8 * k));
		p[12 + k] = (uint8_t) (t >> (24 - 8 * k));
	}
	q_len = (t + b + 1 + 15) / 16 * 16;
	s_len = (d + 15) / 16 * 16;
	q = malloc(q_len);
	s = malloc(s_len);
	memcpy(half[0], x, 2 * u);
	memcpy(half[1], x + u, 2 * v);
	for (int k = 0; k < 10; k++)
	{
		int i = way == LH_FF1_ENCRYPT ? k : 9 - k;
		size_t m = i % 2 == 0 ? u : v;
		/* encrypting B goes in, decrypting A does */
		int in = way == LH_FF1_ENCRYPT;

		memset(q, 0, q_len);
		if (t > 0)
			memcpy(q, tweak, t);
		q[q_len - b - 1] = (uint8_t) i;
		slow_num(a, radix, half[in], len[in]);
		BN_bn2binpad(a, q + q_len - b, (int) b);
		slow_s(key, p, q, q_len, s, d);
		BN_bin2bn(s, (int) d, y);
		slow_num(a, radix, half[!in], len[!in]);
		if (in)
			BN_mod_add(c, a, y, powers[i % 2], ctx);
		else
			BN_mod_sub(c, a, y, powers[i % 2], ctx);
		/* (A, B) = (B, C), or (C, A) */
		swap = half[!in];
		half[!in] = half[in];
		half[in] = swap;
		len[!in] = len[in];
		len[in] = m;
		slow_str(c, radix, half[in], m);
	}
	assert_int_equal(len[0], u);
	memcpy(x, half[0], 2 * u);
	memcpy(x + u, half[1], 2 * v);
	free(half[0]);
	free(half[1]);
	free(q);
	free(s);
	BN_free(a), BN_free(y), BN_free(c), BN_free(power), BN_free(r), BN_free(e);
	BN_free(powers[0]), BN_free(powers[1]);
	BN_CTX_free(ctx);
}

#endif
