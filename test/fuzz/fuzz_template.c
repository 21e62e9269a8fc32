/*
 * fuzz_template.c
 *		Format templates over any bytes.
 *
 * The first byte chooses a template, the second what it keeps and how long values may be; the rest are
 * values, one a line.  Nothing fails; what has a result keeps its number of characters,
 * is UTF-8, and comes back when decrypted; what has none says why.
 */
#include <sanitizer/lsan_interface.h>
#include <stdlib.h>

#include "fuzz/fuzz_ctx.h"
#include "mask/template.h"

#define CHECK(condition)  \
	do                    \
	{                     \
		if (!(condition)) \
			abort();      \
	} while (0)

#define MOST_VALUES 64

/* Characters of one to four bytes. */
static const uint32_t wide[] = {'$',   0xe4,   0xf6,   0xfc,    0x430,
								0x431, 0x3042, 0x3043, 0x1f600, 0x1f601};
static const uint32_t dashes[] = {'-', ' ', '.', 0x2013};
static const uint32_t bits[] = {'0', '1'};

static const LhAlphabet digit_class[] = {{wide, 10}};
static const LhAlphabet bit_class[] = {{bits, 2}};

/* Made once: a key's pages cost more than an execution. */
static const LhFf1Key *
the_key(void)
{
	static LhFf1Key *key;
	LhCtx *ctx;
	LhKey bytes = {.len = 16, .bytes = {1, 2, 3}};

	if (key != NULL)
		return key;
	/* it lives as long as the process, in pages that the leak checker does not look into */
	__lsan_disable();
	ctx = lh_ctx_create();
	CHECK(ctx != NULL && lh_ff1_key_create(ctx, &bytes, &key) == LH_OK);
	__lsan_enable();
	return key;
}

static LhTemplateSpec
choose(uint8_t which, uint8_t how, const LhAlphabet three[3])
{
	LhTemplateSpec spec = {.domain = lh_slice("fuzz", 4),
						   .legacy = how & 1,
						   .max_characters = how & 2 ? 40 : 300,
						   .separators = {dashes, 4}};

	switch (which % 10)
	{
		case 0:
			spec.classes = &lh_alphabet_digits;
			spec.nclasses = 1;
			spec.luhn = how & 4;
			break;
		case 1:
			spec.classes = three;
			spec.nclasses = 3;
			break;
		case 2:
			spec.classes = digit_class;
			spec.nclasses = 1;
			break;
		case 3:
			spec.classes = bit_class;
			spec.nclasses = 1;
			spec.any_separator = true;
			break;
		case 4:
		case 5:
			spec.kind = LH_TEMPLATE_EMAIL;
			spec.keep_local = how >> 2 & 1;
			spec.keep_domain = (how >> 2 & 3) == 2;
			break;
		case 6: spec.kind = LH_TEMPLATE_NUMERIC; break;
		case 7:
			spec.kind = LH_TEMPLATE_RANGE;
			spec.least = how & 4 ? INT64_MIN : -1000;
			spec.most = how & 8 ? INT64_MAX : 1 << 20;
			break;
		case 8: spec.kind = LH_TEMPLATE_DATE; break;
		case 9: spec.kind = LH_TEMPLATE_UUID; break;
	}
	if (spec.kind == LH_TEMPLATE_TEXT)
	{
		spec.keep_first = how >> 4 & 3;
		spec.keep_last = how >> 6;
	}
	return spec;
}

FUZZ_UNWATCHED static size_t
characters(LhSlice s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += (s.data[i] & 0xc0) != 0x80;
	return n;
}

static void
check_value(LhSlice in, LhSlice out, LhSlice again, LhCannot why, LhTemplateKind kind)
{
	CHECK((out.data == NULL) == (why != LH_CANNOT_NOT) && why != LH_CANNOT_NULL);
	if (out.data == NULL)
		return;
	CHECK(lh_utf8_valid(out.data, out.len));
	CHECK(kind == LH_TEMPLATE_RANGE || characters(out) == characters(in));
	CHECK(again.data != NULL && again.len == in.len && memcmp(again.data, in.data, in.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const LhAlphabet three[] = {lh_alphabet_digits, lh_alphabet_upper, lh_alphabet_lower};
	LhSlice in[MOST_VALUES], out[MOST_VALUES], again[MOST_VALUES];
	LhCannot why[MOST_VALUES];
	LhTemplateSpec spec;
	LhTemplate *t;
	LhBuf bytes, back;
	size_t n = 0;
	LhCtx *ctx;

	if (size < 2 || size > 4096)
		return 0;
	ctx = fuzz_ctx();
	spec = choose(data[0], data[1], three);
	for (size_t at = 2; at <= size && n < MOST_VALUES;)
	{
		const uint8_t *end = at < size ? memchr(data + at, '\n', size - at) : NULL;
		size_t len = end != NULL ? (size_t) (end - data) - at : size - at;

		in[n++] = lh_slice(data + at, len);
		at += len + 1;
	}
	CHECK(lh_buf_init(ctx, &bytes, false) == LH_OK && lh_buf_init(ctx, &back, false) == LH_OK);
	CHECK(lh_template_create(ctx, the_key(), &spec, &t) == LH_OK);
	CHECK(lh_template_apply(ctx, t, LH_FF1_ENCRYPT, in, n, &bytes, out, why) == LH_OK);
	CHECK(lh_template_apply(ctx, t, LH_FF1_DECRYPT, out, n, &back, again, NULL) == LH_OK);
	for (size_t i = 0; i < n; i++)
		check_value(in[i], out[i], again[i], why[i], spec.kind);
	fuzz_ctx_done(ctx);
	return 0;
}
