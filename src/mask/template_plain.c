/*
 * template_plain.c
 *		The short way for digits and nothing else: numbers of cards, accounts, persons.
 *
 * Their tweak is the same for all of a length, so that its blocks are encrypted once, and a value
 * needs no positions.  Results are those of lh_template_apply.
 */
#include "mask/template_internal.h"

#include <math.h>

static void
wipe_plain(void *arg)
{
	lh_wipe(arg, sizeof(LhPlain));
}

/* As template_read.c makes it: prefix, positions, their class. */
static size_t
plain_tweak(const LhTemplate *t, size_t length, uint8_t *out)
{
	size_t n = t->prefix_len;

	memcpy(out, t->prefix, n);
	out[n++] = (uint8_t) (length >> 8);
	out[n++] = (uint8_t) length;
	out[n++] = 0;
	return n;
}

static LhStatus
make_plain(LhCtx *ctx, LhTemplate *t, size_t length, LhPlain **out)
{
	LhFf1Spec spec = {10, length, t->prefix_len + 3, t->spec.legacy};
	LhPlain *p;

	LH_NEW(ctx, p);
	LH_TRY(lh_arena_on_reset(ctx, ctx->arena, wipe_plain, p));
	(void) plain_tweak(t, length, p->tweak);
	LH_TRY(lh_ff1_create(ctx, t->key, &spec, &p->ff1));
	LH_TRY(lh_ff1_tweak(ctx, p->ff1, p->tweak, &p->tweaked));
	*out = p;
	return LH_OK;
}

/* NULL: this length does not go this way. */
static LhStatus
find_plain(LhCtx *ctx, LhTemplate *t, size_t length, LhPlain **out)
{
	LhStatus status;
	LhArena *old;

	*out = NULL;
	if (!t->plain || length > LH_TEMPLATE_PLAIN || length > t->spec.max_characters ||
		length < t->spec.min_characters || !lh_ff1_domain_allowed(10, length, t->spec.legacy))
		return LH_OK;
	if (t->plains[length] == NULL)
	{
		old = lh_use(ctx, t->arena);
		status = make_plain(ctx, t, length, &t->plains[length]);
		(void) lh_use(ctx, old);
		LH_TRY(status);
	}
	*out = t->plains[length];
	return LH_OK;
}

LhStatus
lh_template_plain(LhCtx *ctx, LhTemplate *t, LhFf1Way way, const char *in, char *out, size_t length,
				  size_t count, bool *done)
{
	LhPlain *p = length <= LH_TEMPLATE_PLAIN ? t->plains[length] : NULL;
	LhStatus status;

	*done = false;
	if (p == NULL)
	{
		LH_TRY(find_plain(ctx, t, length, &p));
		if (p == NULL)
			return LH_OK;
	}
	if (count == 1)
	{
		*done = lh_ff1_digits_one(p->ff1, way, &p->tweaked, in, out);
		return LH_OK;
	}
	status = lh_ff1_digits(ctx, p->ff1, way, (LhFf1Tweaks){p->tweak, 0}, in, out, count);
	*done = status == LH_OK;
	/* not digits: no error here */
	if (status == LH_INVALID)
	{
		lh_error_clear(ctx);
		status = LH_OK;
	}
	return status;
}

/* ---- how many values ---- */

/* Of text: a value may have the smallest class at all of its fewest positions. */
static double
least_of_text(const LhTemplateSpec *s)
{
	double floor = s->legacy ? LH_FF1_DOMAIN_LEGACY : LH_FF1_DOMAIN, values;
	size_t kept = s->keep_first + s->keep_last + s->luhn, radix = s->classes[0].n;

	for (size_t c = 1; c < s->nclasses; c++)
		radix = s->classes[c].n < radix ? s->classes[c].n : radix;
	values =
		s->min_characters > kept ? pow((double) radix, (double) (s->min_characters - kept)) : 0;
	return values > floor ? values : floor;
}

double
lh_template_least_values(const LhTemplate *t)
{
	const LhTemplateSpec *s = &t->spec;

	switch (s->kind)
	{
		case LH_TEMPLATE_TEXT:
		case LH_TEMPLATE_EMAIL: return least_of_text(s);
		case LH_TEMPLATE_RANGE:
		case LH_TEMPLATE_DATE: return (double) ((uint64_t) s->most - (uint64_t) s->least) + 1;
		case LH_TEMPLATE_UUID: return 0x1p122;
		case LH_TEMPLATE_NUMERIC: break;
	}
	return s->legacy ? LH_FF1_DOMAIN_LEGACY : LH_FF1_DOMAIN;
}
