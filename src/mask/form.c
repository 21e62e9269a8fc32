/*
 * form.c
 *		Masks of e-mail addresses, telephone and card numbers.
 *
 * What is not of the form has no result: a mask that kept the "domain" of any text with an @ in it, or the last
 * digits of any text, would show what nobody has looked at.
 */
#include "mask/text.h"

#include "core/text.h"
#include "mask/text_internal.h"

/* Bytes of a domain's name and of its labels (RFC 1035). */
#define MAX_DOMAIN 253
#define MAX_LABEL  63

static void
put(LhMaskForm *out, LhSlice s)
{
	memcpy(out->bytes + out->len, s.data, s.len);
	out->len += s.len;
}

static LhMaskOutcome
done(const LhMaskForm *out, LhSlice value)
{
	return out->len == value.len && memcmp(out->bytes, value.data, value.len) == 0 ? LH_MASK_SAME
																				   : LH_MASK_DONE;
}

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool
is_known(LhSlice s, LhMaskEncoding encoding)
{
	return encoding == LH_MASK_BYTES || lh_mask_is_ascii(s.data, s.len) ||
		   (encoding == LH_MASK_UTF8 && lh_utf8_valid(s.data, s.len));
}

/* ---- e-mail ---- */

static bool
is_label(const uint8_t *p, size_t n)
{
	if (n == 0 || n > MAX_LABEL || p[0] == '-' || p[n - 1] == '-')
		return false;
	for (size_t i = 0; i < n; i++)
	{
		uint8_t lower = p[i] | 0x20;

		if (!is_digit(p[i]) && p[i] != '-' && !(lower >= 'a' && lower <= 'z'))
			return false;
	}
	return true;
}

static bool
is_domain(LhSlice s)
{
	size_t start = 0, labels = 0;

	if (s.len > MAX_DOMAIN)
		return false;
	for (size_t i = 0; i <= s.len; i++)
	{
		if (i < s.len && s.data[i] != '.')
			continue;
		if (!is_label(s.data + start, i - start))
			return false;
		labels++;
		start = i + 1;
	}
	return labels > 1;
}

/* Bytes of the first characters of a local part; 0 when there are no more. */
static size_t
local_head(LhSlice local, int64_t first, LhMaskEncoding encoding)
{
	size_t head;

	if (first <= 0)
		return 0;
	head = encoding == LH_MASK_BYTES ? (uint64_t) first < local.len ? (size_t) first : local.len
									 : lh_mask_head(local, first);
	return head < local.len ? head : 0;
}

LhMaskOutcome
lh_mask_email(LhSlice value, int64_t first, LhSlice fill, bool keep_domain, LhMaskEncoding encoding,
			  LhMaskForm *out)
{
	const uint8_t *at;
	LhSlice local, domain;

	out->len = 0;
	if (fill.len > LH_MASK_MAX_EMAIL_FILL)
		return LH_MASK_ARGUMENT;
	if (value.len > LH_MASK_MAX_EMAIL)
		return LH_MASK_LONG;
	if (!is_known(value, encoding))
		return LH_MASK_ENCODING;
	at = value.len > 0 ? memrchr(value.data, '@', value.len) : NULL;
	if (at == NULL || at == value.data)
		return LH_MASK_FORM;
	local = lh_slice(value.data, (size_t) (at - value.data));
	domain = lh_slice(at + 1, value.len - local.len - 1);
	if (!is_domain(domain))
		return LH_MASK_FORM;
	put(out, lh_slice(local.data, local_head(local, first, encoding)));
	put(out, fill);
	put(out, lh_slice(at, 1));
	put(out, keep_domain ? domain : fill);
	return done(out, value);
}

/* ---- numbers ---- */

static size_t
count_digits(LhSlice s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += is_digit(s.data[i]);
	return n;
}

/* Digits and separators only; "lead" may be the first. */
static bool
is_number(LhSlice s, const char *separators, uint8_t lead)
{
	for (size_t i = 0; i < s.len; i++)
	{
		uint8_t c = s.data[i];

		if (!is_digit(c) && !(c != '\0' && strchr(separators, c) != NULL) && !(i == 0 && c == lead))
			return false;
	}
	return true;
}

/* One character. */
static bool
is_character(LhSlice s, LhMaskEncoding encoding)
{
	if (s.len == 0 || s.len > 4 || !is_known(s, encoding))
		return false;
	return s.len == (encoding == LH_MASK_BYTES ? 1 : lh_mask_head(s, 1)) &&
		   (s.len == 1 || (s.data[0] & 0xc0) == 0xc0);
}

/* All but the first and last so many digits become the fill. */
static LhMaskOutcome
put_number(LhMaskForm *out, LhSlice value, size_t digits, size_t first, LhSlice fill, size_t last)
{
	size_t n = 0;

	for (size_t i = 0; i < value.len; i++)
	{
		bool hidden = is_digit(value.data[i]) && n >= first && n < digits - last;

		put(out, hidden ? fill : lh_slice(value.data + i, 1));
		n += is_digit(value.data[i]);
	}
	return done(out, value);
}

static size_t
at_most(int64_t n, size_t most)
{
	return n < 0 ? 0 : (uint64_t) n < most ? (size_t) n : most;
}

LhMaskOutcome
lh_mask_phone(LhSlice value, int64_t last, LhSlice fill, LhMaskEncoding encoding, LhMaskForm *out)
{
	size_t digits, keep = at_most(last, LH_MASK_MAX_NUMBER);

	out->len = 0;
	if (!is_character(fill, encoding))
		return LH_MASK_ARGUMENT;
	if (value.len > LH_MASK_MAX_NUMBER)
		return LH_MASK_LONG;
	if (!is_number(value, " -./()", '+'))
		return LH_MASK_FORM;
	digits = count_digits(value);
	if (digits < keep + LH_MASK_PHONE_HIDDEN)
		return LH_MASK_SHORT;
	return put_number(out, value, digits, 0, fill, keep);
}

LhMaskOutcome
lh_mask_card(LhSlice value, int64_t first, LhSlice fill, int64_t last, LhMaskEncoding encoding,
			 LhMaskForm *out)
{
	size_t digits, head, tail;

	out->len = 0;
	if (!is_character(fill, encoding))
		return LH_MASK_ARGUMENT;
	if (value.len > LH_MASK_MAX_NUMBER)
		return LH_MASK_LONG;
	if (!is_number(value, " -", '\0'))
		return LH_MASK_FORM;
	digits = count_digits(value);
	if (digits < 12 || digits > 19)
		return LH_MASK_FORM;
	tail = at_most(last, 4);
	head = at_most(first, digits >= 16 ? 8 : 6);
	if (head > digits - tail - LH_MASK_CARD_HIDDEN)
		head = digits - tail - LH_MASK_CARD_HIDDEN;
	return put_number(out, value, digits, head, fill, tail);
}
