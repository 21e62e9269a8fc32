/*
 * template_read.c
 *		A value into positions and a tweak.
 *
 * The tweak: prefix (template.c), number of encrypted positions (2 bytes), then as the kind has it
 *
 *	kept characters, 3 bytes each, first ones and last ones;
 *	EMAIL: what is kept of the address as bytes;
 *	UUID: version and variant;
 *	the class of all positions (1 byte) where they are of one, or of each of them.
 */
#include "mask/template_internal.h"

size_t
lh_template_letter(const LhTemplate *t, const uint8_t *p, LhLetter *letter)
{
	size_t low = 0, high = t->nletters, n;
	uint32_t c;

	if (*p < 0x80)
	{
		*letter = t->ascii[*p];
		return 1;
	}
	n = *p >= 0xf0 ? 4 : *p >= 0xe0 ? 3 : 2;
	c = *p & (0xff >> (n + 1));
	for (size_t i = 1; i < n; i++)
		c = c << 6 | (p[i] & 0x3f);
	while (low < high)
	{
		size_t mid = (low + high) / 2;

		if (t->letters[mid].point < c)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < t->nletters && t->letters[low].point == c)
		*letter = t->letters[low];
	else
		*letter = (LhLetter){.point = c, .class = LH_NO_CLASS};
	return n;
}

static LhStatus
put_tweak(LhCtx *ctx, LhTemplate *t, LhValue *v, const void *p, size_t n)
{
	LH_TRY(lh_buf_append(ctx, &t->tweaks, p, n));
	v->tweak_len += n;
	return LH_OK;
}

static LhStatus
begin_tweak(LhCtx *ctx, LhTemplate *t, LhValue *v, size_t positions)
{
	uint8_t count[2] = {(uint8_t) (positions >> 8), (uint8_t) positions};

	v->tweak = t->tweaks.len;
	v->tweak_len = 0;
	LH_TRY(put_tweak(ctx, t, v, t->prefix, t->prefix_len));
	return put_tweak(ctx, t, v, count, sizeof(count));
}

static inline LhPosition *
add_position(LhTemplate *t, LhValue *v)
{
	LhPosition *p = (LhPosition *) (void *) (t->positions.data + t->positions.len);

	t->positions.len += sizeof(LhPosition);
	v->npositions++;
	return p;
}

/* Room for the positions of so many bytes. */
static LhStatus
begin_positions(LhCtx *ctx, LhTemplate *t, LhValue *v, size_t bytes)
{
	v->position = t->positions.len / sizeof(LhPosition);
	v->npositions = 0;
	return lh_buf_reserve(ctx, &t->positions, t->positions.len + bytes * sizeof(LhPosition));
}

/*
 * Characters of in[from .. to): those of classes become positions.  also: bytes of separators
 * beside the template's.
 */
static LhCannot
read_characters(LhTemplate *t, LhValue *v, LhSlice in, size_t from, size_t to, const char *also)
{
	for (size_t at = from; at < to;)
	{
		LhLetter letter;
		size_t n = lh_template_letter(t, in.data + at, &letter);

		if (letter.class != LH_NO_CLASS)
			*add_position(t, v) =
				(LhPosition){(uint32_t) at, letter.class, (uint8_t) n, letter.numeral};
		else if (!letter.separator && !t->spec.any_separator &&
				 (letter.point >= 0x80 || strchr(also, (int) letter.point) == NULL))
			return LH_CANNOT_CHARACTER;
		at += n;
	}
	return LH_CANNOT_NOT;
}

/* Kept characters, as they are in the value. */
static LhStatus
put_kept(LhCtx *ctx, LhTemplate *t, LhValue *v, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
	{
		const LhPosition *p = lh_positions(t, v) + i;
		uint32_t c = t->classes[p->class].points[p->numeral];
		uint8_t bytes[3] = {(uint8_t) (c >> 16), (uint8_t) (c >> 8), (uint8_t) c};

		LH_TRY(put_tweak(ctx, t, v, bytes, 3));
	}
	return LH_OK;
}

static const uint8_t doubled[10] = {0, 2, 4, 6, 8, 1, 3, 5, 7, 9};
static const uint8_t halved[10] = {0, 5, 1, 6, 2, 7, 3, 8, 4, 9};

uint16_t
lh_template_luhn(const LhPosition *p, size_t n, size_t adjust)
{
	unsigned sum = 0, want;

	for (size_t i = 0; i < n; i++)
	{
		if (i != adjust)
			sum += (n - i) % 2 == 0 ? doubled[p[i].numeral] : p[i].numeral;
	}
	want = (10 - sum % 10) % 10;
	return (n - adjust) % 2 == 0 ? halved[want] : (uint16_t) want;
}

/* What FF1 takes of the positions, and the end of the tweak. */
static LhStatus
choose(LhCtx *ctx, LhTemplate *t, LhValue *v)
{
	const LhPosition *p = lh_positions(t, v);
	bool one = true;

	if (v->from == v->to)
	{
		v->why = LH_CANNOT_SMALL;
		return LH_OK;
	}
	for (size_t i = v->from; i < v->to; i++)
		one &= p[i].class == p[v->from].class;
	if (one)
	{
		v->radix = (uint32_t) t->classes[p[v->from].class].n;
		v->length = v->to - v->from;
		if (!lh_ff1_domain_allowed(v->radix, v->length, t->spec.legacy))
			v->why = LH_CANNOT_SMALL;
		return put_tweak(ctx, t, v, &p[v->from].class, 1);
	}
	for (size_t i = v->from; i < v->to; i++)
		LH_TRY(put_tweak(ctx, t, v, &p[i].class, 1));
	return lh_template_rank(ctx, t, v);
}

/* Positions that are read: which are kept, and the rest of it. */
static LhStatus
finish_text(LhCtx *ctx, LhTemplate *t, LhValue *v, LhSlice kept)
{
	size_t first = t->spec.keep_first, last = t->spec.keep_last, n = v->npositions;

	if (first > n || last > n - first || first + last == n || n < t->spec.min_characters)
	{
		v->why = LH_CANNOT_SMALL;
		return LH_OK;
	}
	v->from = (uint32_t) first;
	v->to = (uint32_t) (n - last);
	if (t->spec.luhn)
	{
		v->to--;
		if (lh_template_luhn(lh_positions(t, v), n, v->to) != lh_positions(t, v)[v->to].numeral)
		{
			v->why = LH_CANNOT_LUHN;
			return LH_OK;
		}
	}
	LH_TRY(begin_tweak(ctx, t, v, v->to - v->from));
	LH_TRY(put_kept(ctx, t, v, 0, first));
	LH_TRY(put_kept(ctx, t, v, n - last, n));
	LH_TRY(put_tweak(ctx, t, v, kept.data, kept.len));
	return choose(ctx, t, v);
}

static LhStatus
read_text(LhCtx *ctx, LhTemplate *t, LhSlice in, LhValue *v)
{
	v->why = read_characters(t, v, in, 0, in.len, "");
	return v->why == LH_CANNOT_NOT ? finish_text(ctx, t, v, (LhSlice){0}) : LH_OK;
}

/* Labels that are not empty, at least two of them; the end of the last but one. */
static bool
domain_labels(LhSlice in, size_t from, size_t *end)
{
	size_t start = from, labels = 1;

	*end = from;
	for (size_t i = from; i < in.len; i++)
	{
		if (in.data[i] != '.')
			continue;
		if (i == start)
			return false;
		*end = i;
		start = i + 1;
		labels++;
	}
	return labels >= 2 && start < in.len;
}

static LhStatus
read_email(LhCtx *ctx, LhTemplate *t, LhSlice in, LhValue *v)
{
	const uint8_t *sign = memrchr(in.data, '@', in.len);
	size_t at = sign != NULL ? (size_t) (sign - in.data) : 0, end;
	LhSlice kept;

	v->why = LH_CANNOT_FORM;
	if (at == 0 || memchr(in.data, '@', at) != NULL || !domain_labels(in, at + 1, &end))
		return LH_OK;
	v->why = LH_CANNOT_NOT;
	kept = lh_slice(in.data + end, in.len - end);
	if (t->spec.keep_local)
		kept = lh_slice(in.data, at);
	else
		v->why = read_characters(t, v, in, 0, at, "._-+");
	if (t->spec.keep_domain)
		kept = lh_slice(in.data + at, in.len - at);
	else if (v->why == LH_CANNOT_NOT)
		v->why = read_characters(t, v, in, at + 1, end, ".-");
	return v->why == LH_CANNOT_NOT ? finish_text(ctx, t, v, kept) : LH_OK;
}

/* Digits of in from at on; their end. */
static size_t
read_digits(LhTemplate *t, LhValue *v, LhSlice in, size_t at)
{
	for (; at < in.len && in.data[at] >= '0' && in.data[at] <= '9'; at++)
		*add_position(t, v) = (LhPosition){(uint32_t) at, 0, 1, (uint16_t) (in.data[at] - '0')};
	return at;
}

/* Classes of numbers: all digits, and those that may come first of several. */
static LhStatus
read_numeric(LhCtx *ctx, LhTemplate *t, LhSlice in, LhValue *v)
{
	size_t sign = in.data[0] == '-', end = read_digits(t, v, in, sign), whole = v->npositions;
	uint8_t has_sign = (uint8_t) sign, scale[2];
	LhPosition *p = lh_positions(t, v);
	bool zero = true;

	v->why = LH_CANNOT_FORM;
	if (whole == 0 || (whole > 1 && p[0].numeral == 0))
		return LH_OK;
	if (end < in.len && in.data[end] == '.')
	{
		end = read_digits(t, v, in, end + 1);
		if (v->npositions == whole)
			return LH_OK;
	}
	for (size_t i = 0; i < v->npositions; i++)
		zero &= p[i].numeral == 0;
	if (end < in.len || (sign && zero))
		return LH_OK;
	v->why = LH_CANNOT_NOT;
	v->minus = sign && whole == 1;
	if (whole > 1)
	{
		p[0].class = 1;
		p[0].numeral--;
	}
	v->to = v->npositions;
	scale[0] = (uint8_t) ((v->npositions - whole) >> 8);
	scale[1] = (uint8_t) (v->npositions - whole);
	LH_TRY(begin_tweak(ctx, t, v, v->npositions));
	LH_TRY(put_tweak(ctx, t, v, &has_sign, 1));
	LH_TRY(put_tweak(ctx, t, v, scale, 2));
	return lh_template_rank(ctx, t, v);
}

/* An integer as PostgreSQL writes it. */
static bool
parse_integer(LhSlice in, int64_t *out)
{
	size_t at = in.data[0] == '-';
	bool minus = at == 1;
	uint64_t x = 0, most = minus ? (uint64_t) INT64_MAX + 1 : INT64_MAX;

	if (at == in.len || (in.data[at] == '0' && in.len > 1))
		return false;
	for (; at < in.len; at++)
	{
		unsigned d = (unsigned) in.data[at] - '0';

		if (d > 9 || x > (most - d) / 10)
			return false;
		x = x * 10 + d;
	}
	*out = minus ? (int64_t) (0 - x) : (int64_t) x;
	return true;
}

/* YYYY-MM-DD of a day that there is. */
static bool
parse_date(LhSlice in, int64_t *out)
{
	static const uint8_t at[8] = {0, 1, 2, 3, 5, 6, 8, 9};
	int d[8], month, day, m;
	int64_t year, y;

	if (in.len != 10 || in.data[4] != '-' || in.data[7] != '-')
		return false;
	for (int i = 0; i < 8; i++)
	{
		d[i] = in.data[at[i]] - '0';
		if (d[i] < 0 || d[i] > 9)
			return false;
	}
	year = d[0] * 1000 + d[1] * 100 + d[2] * 10 + d[3];
	month = d[4] * 10 + d[5];
	day = d[6] * 10 + d[7];
	if (year < 1 || month < 1 || month > 12 || day < 1 || day > 31)
		return false;
	*out = lh_days_from_civil(year, month, day);
	lh_civil_from_days(*out, &y, &m, d);
	return y == year && m == month && d[0] == day;
}

LhStatus
lh_template_read_integer(LhCtx *ctx, LhTemplate *t, int64_t x, LhValue *v)
{
	uint64_t least = (uint64_t) t->spec.least;

	if (x < t->spec.least || x > t->spec.most)
	{
		v->why = LH_CANNOT_RANGE;
		return LH_OK;
	}
	LH_TRY(begin_tweak(ctx, t, v, 1));
	return lh_template_number(ctx, t, v, (uint64_t) x - least,
							  (LhU128) ((uint64_t) t->spec.most - least) + 1);
}

/* Bits of a UUID that say what it is: version, variant. */
static const uint8_t uuid_kept[16] = {0, 0, 0, 0, 0, 0, 0xf0, 0, 0xc0};

LhStatus
lh_template_read_uuid(LhCtx *ctx, LhTemplate *t, const uint8_t *uuid, LhValue *v)
{
	LhU128 x = 0;

	for (int i = 0; i < 16; i++)
	{
		unsigned bits = 8 - (unsigned) __builtin_popcount(uuid_kept[i]);

		v->uuid[i] = uuid[i] & uuid_kept[i];
		x = x << bits | (uuid[i] & ~uuid_kept[i]);
	}
	LH_TRY(begin_tweak(ctx, t, v, 122));
	LH_TRY(put_tweak(ctx, t, v, &v->uuid[6], 1));
	LH_TRY(put_tweak(ctx, t, v, &v->uuid[8], 1));
	return lh_template_number(ctx, t, v, x, (LhU128) 1 << 122);
}

/* 8-4-4-4-12 lower case digits, as PostgreSQL writes it. */
static bool
parse_uuid(LhSlice in, uint8_t *out)
{
	size_t digits = 0;

	if (in.len != 36)
		return false;
	for (size_t i = 0; i < 36; i++)
	{
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		int d = lh_hex_digit(in.data[i]);

		if (dash ? in.data[i] != '-' : d < 0 || (in.data[i] >= 'A' && in.data[i] <= 'F'))
			return false;
		if (dash)
			continue;
		out[digits / 2] = (uint8_t) (digits % 2 == 0 ? d << 4 : out[digits / 2] | d);
		digits++;
	}
	return true;
}

static size_t
characters(LhSlice in)
{
	size_t n = 0;

	for (size_t i = 0; i < in.len; i++)
		n += (in.data[i] & 0xc0) != 0x80;
	return n;
}

LhStatus
lh_template_read(LhCtx *ctx, LhTemplate *t, LhSlice in, LhValue *v)
{
	uint8_t uuid[16];
	int64_t x;

	*v = (LhValue){.why = in.data == NULL ? LH_CANNOT_NULL : LH_CANNOT_NOT};
	if (v->why != LH_CANNOT_NOT)
		return LH_OK;
	/* a character has at most 4 bytes: what is longer need not be looked at */
	if (in.len > t->spec.max_characters * 4)
		v->why = LH_CANNOT_LENGTH;
	else if (!lh_utf8_valid(in.data, in.len))
		v->why = LH_CANNOT_UTF8;
	else if (in.len > t->spec.max_characters && characters(in) > t->spec.max_characters)
		v->why = LH_CANNOT_LENGTH;
	else if (in.len == 0)
		v->why = t->spec.kind == LH_TEMPLATE_TEXT ? LH_CANNOT_SMALL : LH_CANNOT_FORM;
	if (v->why != LH_CANNOT_NOT)
		return LH_OK;
	LH_TRY(begin_positions(ctx, t, v, in.len));
	switch (t->spec.kind)
	{
		case LH_TEMPLATE_TEXT: return read_text(ctx, t, in, v);
		case LH_TEMPLATE_EMAIL: return read_email(ctx, t, in, v);
		case LH_TEMPLATE_NUMERIC: return read_numeric(ctx, t, in, v);
		case LH_TEMPLATE_RANGE:
			if (parse_integer(in, &x))
				return lh_template_read_integer(ctx, t, x, v);
			break;
		case LH_TEMPLATE_DATE:
			if (parse_date(in, &x))
				return lh_template_read_integer(ctx, t, x, v);
			break;
		case LH_TEMPLATE_UUID:
			if (parse_uuid(in, uuid))
				return lh_template_read_uuid(ctx, t, uuid, v);
			break;
	}
	v->why = LH_CANNOT_FORM;
	return LH_OK;
}
