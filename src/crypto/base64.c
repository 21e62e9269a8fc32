/*
 * base64.c
 *		Base64 of both alphabets, strictly.
 */
#include "crypto/base64.h"

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

static char
letter(LhBase64 kind, uint32_t v)
{
	if (v < 62)
		return letters[v];
	return kind == LH_BASE64_URL ? (v == 62 ? '-' : '_') : (v == 62 ? '+' : '/');
}

/* -1: none */
static int
value(LhBase64 kind, char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == letter(kind, 62))
		return 62;
	return c == letter(kind, 63) ? 63 : -1;
}

size_t
lh_base64_encode(LhBase64 kind, const void *p, size_t n, char *out)
{
	const uint8_t *in = p;
	char *begin = out;

	for (; n > 0; in += 3)
	{
		size_t k = n < 3 ? n : 3;
		uint32_t v = (uint32_t) in[0] << 16;

		if (k > 1)
			v |= (uint32_t) in[1] << 8;
		if (k > 2)
			v |= in[2];
		for (size_t i = 0; i < 4; i++)
		{
			if (i <= k)
				*out++ = letter(kind, v >> (18 - 6 * i) & 63);
			else if (kind == LH_BASE64_STANDARD)
				*out++ = '=';
		}
		n -= k;
	}
	return (size_t) (out - begin);
}

bool
lh_base64_decode(LhBase64 kind, const char *p, size_t n, uint8_t *out, size_t *out_len)
{
	uint32_t v = 0;
	uint8_t *begin = out;
	size_t rest;

	if (kind == LH_BASE64_STANDARD)
	{
		if (n % 4 != 0)
			return false;
		/* at most two, and only at the end: others are foreign letters below */
		for (int i = 0; i < 2 && n > 0 && p[n - 1] == '='; i++)
			n--;
	}
	rest = n % 4;
	if (rest == 1)
		return false;
	for (size_t i = 0; i < n; i++)
	{
		int d = value(kind, p[i]);

		if (d < 0)
			return false;
		v = v << 6 | (uint32_t) d;
		if (i % 4 == 3)
		{
			*out++ = (uint8_t) (v >> 16);
			*out++ = (uint8_t) (v >> 8);
			*out++ = (uint8_t) v;
			v = 0;
		}
	}
	if (rest == 2)
		*out++ = (uint8_t) (v >> 4);
	if (rest == 3)
	{
		*out++ = (uint8_t) (v >> 10);
		*out++ = (uint8_t) (v >> 2);
	}
	*out_len = (size_t) (out - begin);
	return (rest != 2 || (v & 15) == 0) && (rest != 3 || (v & 3) == 0);
}
