/*
 * fuzz_text.c
 *		UTF-8 checks against a slow reference; clipping, %XX and JSON with any bytes.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/core.h"
#include "fuzz/fuzz_ctx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Length of the character at p by its definition; 0: none. */
static size_t
slow_character(const uint8_t *p, size_t n)
{
	static const uint32_t least[] = {0, 1, 0x80, 0x800, 0x10000};
	size_t len = 0;
	uint32_t c;

	if (p[0] < 0x80)
		len = 1;
	else if ((p[0] & 0xe0) == 0xc0)
		len = 2;
	else if ((p[0] & 0xf0) == 0xe0)
		len = 3;
	else if ((p[0] & 0xf8) == 0xf0)
		len = 4;
	if (len == 0 || len > n)
		return 0;
	c = len == 1 ? p[0] : p[0] & (0xffu >> (len + 1));
	for (size_t i = 1; i < len; i++)
	{
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	return c >= least[len] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff) ? len : 0;
}

static void
check_utf8(const uint8_t *p, size_t n)
{
	size_t at = 0;
	bool valid = false;

	while (at < n)
	{
		size_t len = slow_character(p + at, n - at);

		if (len == 0)
			break;
		at += len;
	}
	for (int isa = LH_ISA_BASE; isa <= (int) lh_isa_best(); isa++)
	{
		size_t bad = n;

		lh_isa_choose((LhIsa) isa);
		valid = lh_utf8_check(p, n, &bad);
		if (valid != (at == n) || lh_utf8_valid(p, n) != valid || bad != at)
			abort();
	}
	for (size_t max = 0; max <= n && max < 70; max++)
	{
		size_t cut = lh_utf8_clip(p, n, max);

		if (cut > max || (valid && (!lh_utf8_valid(p, cut) || max - cut > 3)))
			abort();
	}
}

static void
check_json(LhCtx *ctx, const uint8_t *p, size_t n)
{
	LhBuf out;

	if (lh_buf_init(ctx, &out, false) != LH_OK || lh_json_string(ctx, &out, p, n) != LH_OK)
		abort();
	if (out.len < n + 2 || out.data[0] != '"' || out.data[out.len - 1] != '"')
		abort();
	for (size_t i = 1; i + 1 < out.len; i++)
	{
		if (out.data[i] < 0x20 || out.data[i] == '"')
			abort();
		if (out.data[i] == '\\' && ++i + 1 >= out.len)
			abort();
	}
}

static void
check_url(const uint8_t *p, size_t n)
{
	char *out = malloc(n + 1);
	size_t len = 0;

	if (lh_url_decode((const char *) p, n, out, &len) && len > n)
		abort();
	free(out);
}

static void
check_floats(const uint8_t *p, size_t n)
{
	char text[32];
	double d;
	float f;

	if (n < 8)
		return;
	d = lh_load_f64(p);
	if ((size_t) lh_format_double(d, text) != strlen(text) ||
		(!isnan(d) && strtod(text, NULL) != d))
		abort();
	f = lh_load_f32(p);
	if ((size_t) lh_format_float(f, text) != strlen(text) || (!isnan(f) && strtof(text, NULL) != f))
		abort();
}

static void
check_decimal(LhCtx *ctx, const uint8_t *p, size_t n)
{
	LhBuf out;

	if (n == 0 || n > 2000)
		return;
	if (lh_buf_init(ctx, &out, false) != LH_OK ||
		lh_decimal_format_be(ctx, p + 1, n - 1, p[0], &out) != LH_OK || out.len == 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LhCtx *ctx = fuzz_ctx();

	check_utf8(data, size);
	check_json(ctx, data, size);
	check_url(data, size);
	check_floats(data, size);
	check_decimal(ctx, data, size);
	fuzz_ctx_done(ctx);
	return 0;
}
