/*
 * template_write.c
 *		What FF1 gave, in the form of the value.
 */
#include "mask/template_internal.h"

static size_t
put_utf8(uint8_t *p, uint32_t c)
{
	if (c < 0x80)
	{
		p[0] = (uint8_t) c;
		return 1;
	}
	if (c < 0x800)
	{
		p[0] = (uint8_t) (0xc0 | c >> 6);
		p[1] = (uint8_t) (0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000)
	{
		p[0] = (uint8_t) (0xe0 | c >> 12);
		p[1] = (uint8_t) (0x80 | (c >> 6 & 0x3f));
		p[2] = (uint8_t) (0x80 | (c & 0x3f));
		return 3;
	}
	p[0] = (uint8_t) (0xf0 | c >> 18);
	p[1] = (uint8_t) (0x80 | (c >> 12 & 0x3f));
	p[2] = (uint8_t) (0x80 | (c >> 6 & 0x3f));
	p[3] = (uint8_t) (0x80 | (c & 0x3f));
	return 4;
}

/* The value's text with other characters at its encrypted positions. */
static LhStatus
write_text(LhCtx *ctx, LhTemplate *t, LhSlice in, LhValue *v, LhBuf *out)
{
	size_t last = v->to + (t->spec.luhn ? 1 : 0), done = 0;
	const LhPosition *p = lh_positions(t, v);
	uint8_t *to;

	/* a character of a class has at most 4 bytes, instead of at least 1 */
	LH_TRY(lh_buf_reserve(ctx, out, out->len + in.len + 3 * (size_t) v->npositions));
	to = out->data + out->len;
	if (t->all_ascii)
	{
		memcpy(to, in.data, in.len);
		for (size_t i = v->from; i < last; i++)
			to[p[i].at] = (uint8_t) t->classes[p[i].class].points[p[i].numeral];
		out->len += in.len;
		return LH_OK;
	}
	for (size_t i = v->from; i < last; i++)
	{
		memcpy(to, in.data + done, p[i].at - done);
		to += p[i].at - done;
		to += put_utf8(to, t->classes[p[i].class].points[p[i].numeral]);
		done = p[i].at + p[i].bytes;
	}
	memcpy(to, in.data + done, in.len - done);
	out->len = (size_t) (to - out->data) + in.len - done;
	return LH_OK;
}

int64_t
lh_template_integer(LhTemplate *t, const LhValue *v)
{
	return (int64_t) ((uint64_t) t->spec.least + lh_limbs(t, v)[0]);
}

void
lh_template_uuid(LhTemplate *t, const LhValue *v, uint8_t *uuid)
{
	const uint64_t *limbs = lh_limbs(t, v);
	LhU128 x = (LhU128) limbs[1] << 64 | limbs[0];

	for (int i = 15; i >= 0; i--)
	{
		unsigned bits = i == 6 ? 4 : i == 8 ? 6 : 8;

		uuid[i] = v->uuid[i] | (uint8_t) (x & ((1U << bits) - 1));
		x >>= bits;
	}
}

static LhStatus
write_date(LhCtx *ctx, int64_t days, LhBuf *out)
{
	int64_t y;
	int m, d;

	lh_civil_from_days(days, &y, &m, &d);
	return lh_buf_printf(ctx, out, "%04d-%02d-%02d", (int) y, m, d);
}

static LhStatus
write_uuid(LhCtx *ctx, LhTemplate *t, const LhValue *v, LhBuf *out)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t uuid[16];
	char text[36], *p = text;

	lh_template_uuid(t, v, uuid);
	for (int i = 0; i < 16; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		*p++ = digits[uuid[i] >> 4];
		*p++ = digits[uuid[i] & 15];
	}
	return lh_buf_append(ctx, out, text, sizeof(text));
}

LhStatus
lh_template_write(LhCtx *ctx, LhTemplate *t, LhSlice in, LhValue *v, LhBuf *out)
{
	LhPosition *p = lh_positions(t, v);

	switch (t->spec.kind)
	{
		case LH_TEMPLATE_RANGE:
			return lh_buf_printf(ctx, out, "%lld", (long long) lh_template_integer(t, v));
		case LH_TEMPLATE_DATE: return write_date(ctx, lh_template_integer(t, v), out);
		case LH_TEMPLATE_UUID: return write_uuid(ctx, t, v, out);
		case LH_TEMPLATE_TEXT:
		case LH_TEMPLATE_EMAIL:
		case LH_TEMPLATE_NUMERIC: break;
	}
	if (v->ranked)
		lh_template_unrank(t, v);
	if (t->spec.luhn)
		p[v->to].numeral = lh_template_luhn(p, v->npositions, v->to);
	return write_text(ctx, t, in, v, out);
}
