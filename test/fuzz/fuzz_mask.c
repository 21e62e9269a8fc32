/*
 * fuzz_mask.c
 *		Masks over any bytes.
 *
 * The first byte chooses a mask, the next five are its arguments, then comes the fill with its length before it; the rest is
 * the value (or, of documents, a path or a description).  A result is never the value, is UTF-8 when the value and the fill are, and
 * has nothing of what was to be hidden but by the fill.
 */
#include <math.h>
#include <stdlib.h>

#include "fuzz/fuzz_ctx.h"
#include "mask/json.h"
#include "mask/network.h"
#include "mask/number.h"

#define CHECK(condition)  \
	do                    \
	{                     \
		if (!(condition)) \
			abort();      \
	} while (0)

typedef struct Input
{
	uint8_t which;
	int64_t first, last;
	uint8_t flags;
	LhSlice fill, value;
} Input;

static bool
is_same(LhSlice a, const uint8_t *b, size_t n)
{
	return a.len == n && (n == 0 || memcmp(a.data, b, n) == 0);
}

static void
one_partial(LhCtx *ctx, const Input *in, LhMaskEncoding encoding)
{
	LhMaskCut cut;
	LhMaskOutcome outcome =
		lh_mask_partial(in->value, in->first, in->fill, in->last, encoding, &cut);
	LhBuf out;

	CHECK(cut.head + cut.tail <= in->value.len);
	/* something is hidden */
	CHECK(cut.head + cut.tail < in->value.len || in->value.len == 0);
	CHECK(outcome == LH_MASK_DONE || (cut.head == 0 && cut.tail == 0));
	CHECK(outcome != LH_MASK_DONE || !cut.nothing);
	if (cut.nothing)
		return;
	CHECK(lh_buf_init(ctx, &out, false) == LH_OK);
	CHECK(lh_buf_append(ctx, &out, in->value.data, cut.head) == LH_OK);
	CHECK(lh_buf_append(ctx, &out, in->fill.data, in->fill.len) == LH_OK);
	CHECK(lh_buf_append(ctx, &out, in->value.data + in->value.len - cut.tail, cut.tail) == LH_OK);
	CHECK(!is_same(in->value, out.data, out.len));
	if (encoding == LH_MASK_UTF8 && lh_utf8_valid(in->fill.data, in->fill.len))
		CHECK(lh_utf8_valid(out.data, out.len));
}

FUZZ_UNWATCHED static size_t
count_digits(const uint8_t *p, size_t n)
{
	size_t digits = 0;

	for (size_t i = 0; i < n; i++)
		digits += p[i] >= '0' && p[i] <= '9';
	return digits;
}

static void
one_form(const Input *in, LhMaskEncoding encoding)
{
	bool email = in->which % 8 == 3, fill_digit = count_digits(in->fill.data, in->fill.len) > 0;
	LhMaskForm form;
	LhMaskOutcome outcome;

	if (email)
		outcome = lh_mask_email(in->value, in->first, in->fill, in->flags & 8, encoding, &form);
	else if (in->which % 8 == 4)
		outcome = lh_mask_phone(in->value, in->last, in->fill, encoding, &form);
	else
		outcome = lh_mask_card(in->value, in->first, in->fill, in->last, encoding, &form);
	if (outcome != LH_MASK_DONE)
		return;
	CHECK(form.len <= sizeof(form.bytes) && !is_same(in->value, form.bytes, form.len));
	if (encoding == LH_MASK_UTF8 && lh_utf8_valid(in->fill.data, in->fill.len))
		CHECK(lh_utf8_valid(form.bytes, form.len));
	if (email || fill_digit)
		return;
	CHECK(count_digits(form.bytes, form.len) +
			  (in->which % 8 == 4 ? LH_MASK_PHONE_HIDDEN : LH_MASK_CARD_HIDDEN) <=
		  count_digits(in->value.data, in->value.len));
	if (in->which % 8 == 4)
		CHECK((int64_t) count_digits(form.bytes, form.len) == (in->last < 0 ? 0 : in->last));
}

/* Paths one a line, then a walk by bytes: keys below 128, elements above. */
static void
one_document(const Input *in)
{
	LhMaskPaths paths = {0};
	LhMaskMember member;
	uint64_t state;
	size_t at = 0;

	(void) lh_mask_member(in->value, &member);
	while (at < in->value.len)
	{
		const uint8_t *end = memchr(in->value.data + at, '\n', in->value.len - at);
		size_t len = end != NULL ? (size_t) (end - in->value.data) - at : in->value.len - at;

		(void) lh_mask_paths_add(&paths, lh_slice(in->value.data + at, len));
		at += len + 1;
		CHECK(paths.n <= LH_MASK_JSON_STEPS);
	}
	state = paths.start;
	for (size_t i = 0; i < in->fill.len; i++)
	{
		state = in->fill.data[i] < 128
					? lh_mask_paths_key(&paths, state, lh_slice(in->fill.data + i, 1))
					: lh_mask_paths_index(&paths, state, in->fill.data[i] & 3);
		CHECK(paths.n == 64 || state >> paths.n == 0);
	}
}

static void
one_number(const Input *in)
{
	uint8_t bytes[16] = {0}, address[16];
	int64_t v, width, first, next;
	double d, out;
	LhMaskRange range;
	LhMaskUnit unit;

	memcpy(bytes, in->value.data, in->value.len < 16 ? in->value.len : 16);
	memcpy(&v, bytes, 8);
	memcpy(&width, bytes + 8, 8);
	if (lh_mask_range(v, width, &range) == LH_MASK_DONE)
		CHECK((range.open_below || range.lower <= v) && (range.open_above || v < range.upper));
	memcpy(&d, bytes, 8);
	if (lh_mask_degrees(d, in->first, &out) == LH_MASK_DONE)
		CHECK(fabs(out) <= 180 && !(out == 0 && signbit(out)));
	memcpy(&out, bytes + 8, 8);
	if (lh_mask_floor(d, out, &out) == LH_MASK_DONE)
		CHECK(isfinite(out) && !(out == 0 && signbit(out)));
	(void) lh_mask_unit(in->fill, &unit);
	unit = (LhMaskUnit) (in->flags % (LH_MASK_CENTURY + 1));
	lh_mask_microseconds(v, unit, &first, &next);
	CHECK(first <= v && (v < next || next == INT64_MAX));
	memcpy(address, bytes, 16);
	if (lh_mask_address(address, in->flags & 1 ? 4 : 16, in->last) == LH_MASK_DONE)
		CHECK(in->last > 0 || address[0] == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const LhMaskEncoding encodings[] = {LH_MASK_UTF8, LH_MASK_BYTES, LH_MASK_ASCII,
											   LH_MASK_UTF8};
	Input in;
	size_t n;
	LhCtx *ctx;

	if (size < 6 || size > 4096)
		return 0;
	in = (Input){.which = data[0],
				 .first = (int8_t) data[1] % 20,
				 .last = (int8_t) data[2] % 20,
				 .flags = data[3]};
	if (data[4] == 0xff)
		in.first = INT64_MAX, in.last = INT64_MIN;
	n = data[5] % (size - 5);
	in.fill = lh_slice(data + 6, n);
	in.value = lh_slice(data + 6 + n, size - 6 - n);
	ctx = fuzz_ctx();
	switch (in.which % 8)
	{
		case 0:
		case 1:
		case 2: one_partial(ctx, &in, encodings[in.flags & 3]); break;
		case 3:
		case 4:
		case 5: one_form(&in, encodings[in.flags & 3]); break;
		case 6: one_document(&in); break;
		case 7: one_number(&in); break;
	}
	fuzz_ctx_done(ctx);
	return 0;
}
