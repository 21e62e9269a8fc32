/*
 * template.c
 *		Format templates: compiled, and applied to many values.
 *
 * Values are taken in slabs:
 *
 *	1. each is read into positions, a tweak and, where classes are mixed, a number;
 *	2. values whose strings FF1 takes alike (radix, length, length of the tweak: a
 *	   shape) are chained; shapes and their FF1 objects are kept from slab to slab;
 *	3. each shape is one call of FF1, with one tweak where all are the same;
 *	   numbers that came out above their bound go through once more, until none is left;
 *	4. results are written in the order of the values.
 *
 * Nothing is allocated for a value but where buffers have to grow, and what
 * values left in them is wiped at the end of a call.
 *
 * How often a number goes through depends on it: the time that one value takes tells an
 * observer who can measure it that much.
 */
#include "mask/template_internal.h"

#include <stdlib.h>

/* Shapes that are kept; beyond them all are made anew. */
#define MOST_SHAPES    1024
/* A slab of large values ends early. */
#define SLAB_BYTES     ((size_t) 1 << 20)
#define MAX_POINT      0x10ffff
#define NONE           UINT32_MAX
/* Bits of a number whose halves FF1 takes as such. */
#define MOST_HALVED    112
#define DEFAULT_LENGTH 256
#define EMAIL_LENGTH   320

static const uint32_t alnum_points[62] = {
	'0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
	'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P', 'Q', 'R', 'S', 'T', 'U', 'V',
	'W', 'X', 'Y', 'Z', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l',
	'm', 'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z'};

const LhAlphabet lh_alphabet_digits = {alnum_points, 10};
const LhAlphabet lh_alphabet_upper = {alnum_points + 10, 26};
const LhAlphabet lh_alphabet_lower = {alnum_points + 36, 26};
const LhAlphabet lh_alphabet_alnum = {alnum_points, 62};

const char *
lh_cannot_text(LhCannot why)
{
	switch (why)
	{
		case LH_CANNOT_NOT: return "encrypted";
		case LH_CANNOT_NULL: return "NULL";
		case LH_CANNOT_UTF8: return "no valid UTF-8";
		case LH_CANNOT_CHARACTER: return "a character in no class and no separator";
		case LH_CANNOT_LENGTH: return "too long";
		case LH_CANNOT_SMALL: return "too few values of its length and pattern";
		case LH_CANNOT_LUHN: return "not valid by Luhn";
		case LH_CANNOT_FORM: return "not of the template's form";
		case LH_CANNOT_RANGE: return "outside of the range";
	}
	return "unknown";
}

/* ---- compile ---- */

static LhStatus
bad_template(LhCtx *ctx, const char *why)
{
	LH_FAIL(ctx, LH_INVALID, "format template: %s", why);
}

static bool
is_character(uint32_t c)
{
	return c > 0 && c <= MAX_POINT && (c < 0xd800 || c > 0xdfff);
}

static int
by_point(const void *a, const void *b)
{
	uint32_t x = ((const LhLetter *) a)->point, y = ((const LhLetter *) b)->point;

	return x < y ? -1 : x > y;
}

/* All characters that mean something, sorted. */
static LhStatus
gather_letters(LhCtx *ctx, LhTemplate *t, LhLetter **out, size_t *n)
{
	const LhTemplateSpec *s = &t->spec;
	size_t total = s->separators.n, at = 0;
	LhLetter *all;

	for (size_t c = 0; c < s->nclasses; c++)
		total += t->classes[c].n;
	LH_NEW_ARRAY(ctx, all, total);
	for (size_t c = 0; c < s->nclasses; c++)
	{
		for (size_t i = 0; i < t->classes[c].n; i++)
			all[at++] = (LhLetter){t->classes[c].points[i], (uint8_t) c, false, (uint16_t) i};
	}
	for (size_t i = 0; i < s->separators.n; i++)
		all[at++] = (LhLetter){s->separators.points[i], LH_NO_CLASS, true, 0};
	qsort(all, total, sizeof(*all), by_point);
	*out = all;
	*n = total;
	return LH_OK;
}

static LhStatus
compile_letters(LhCtx *ctx, LhTemplate *t)
{
	LhLetter *all = NULL;
	size_t n = 0, wide = 0;

	LH_TRY(gather_letters(ctx, t, &all, &n));
	for (size_t i = 0; i < n; i++)
	{
		if (!is_character(all[i].point))
			return bad_template(ctx, "a class or the separators hold what is no character");
		if (i > 0 && all[i].point == all[i - 1].point)
			LH_FAIL(ctx, LH_INVALID, "format template: the character U+%04X is there twice",
					all[i].point);
	}
	for (uint32_t c = 0; c < 128; c++)
		t->ascii[c] = (LhLetter){.point = c, .class = LH_NO_CLASS};
	for (size_t i = 0; i < n && all[i].point < 128; i++, wide++)
		t->ascii[all[i].point] = all[i];
	t->letters = all + wide;
	t->nletters = n - wide;
	t->all_ascii = true;
	for (size_t i = 0; i < t->nletters; i++)
		t->all_ascii &= t->letters[i].class == LH_NO_CLASS;
	return LH_OK;
}

static LhStatus
copy_alphabet(LhCtx *ctx, const LhAlphabet *from, LhAlphabet *to)
{
	uint32_t *points;

	LH_NEW_ARRAY(ctx, points, from->n + 1);
	if (from->n > 0)
		memcpy(points, from->points, from->n * sizeof(*points));
	*to = (LhAlphabet){points, from->n};
	return LH_OK;
}

static LhStatus
copy_classes(LhCtx *ctx, LhTemplate *t)
{
	static const uint32_t nonzero[] = {'1', '2', '3', '4', '5', '6', '7', '8', '9'};
	const LhAlphabet number[] = {lh_alphabet_digits, {nonzero, 9}};
	const LhAlphabet mail[] = {lh_alphabet_digits, lh_alphabet_upper, lh_alphabet_lower};
	LhTemplateSpec *s = &t->spec;

	if (s->kind == LH_TEMPLATE_NUMERIC)
	{
		s->classes = number;
		s->nclasses = 2;
	}
	else if (s->kind == LH_TEMPLATE_EMAIL && s->nclasses == 0)
	{
		s->classes = mail;
		s->nclasses = 3;
	}
	if (s->nclasses > LH_TEMPLATE_MAX_CLASSES)
		return bad_template(ctx, "too many classes of characters");
	LH_NEW_ARRAY(ctx, t->classes, s->nclasses + 1);
	for (size_t c = 0; c < s->nclasses; c++)
	{
		if (s->classes[c].n < LH_FF1_MIN_RADIX || s->classes[c].n > LH_FF1_MAX_RADIX)
			return bad_template(ctx, "a class has 2 to 65536 characters");
		LH_TRY(copy_alphabet(ctx, &s->classes[c], &t->classes[c]));
	}
	s->classes = t->classes;
	if (s->separators.n > MAX_POINT)
		return bad_template(ctx, "too many separators");
	return copy_alphabet(ctx, &s->separators, &s->separators);
}

static bool
is_digits(const LhTemplateSpec *s)
{
	return s->nclasses == 1 && s->classes[0].n == 10 &&
		   memcmp(s->classes[0].points, alnum_points, 10 * sizeof(uint32_t)) == 0;
}

static LhStatus
check_text(LhCtx *ctx, const LhTemplateSpec *s)
{
	size_t most = s->max_characters, radix = 2;

	if (s->nclasses == 0)
		return bad_template(ctx, "it has no class of characters");
	if (s->luhn && (s->kind != LH_TEMPLATE_TEXT || !is_digits(s)))
		return bad_template(ctx, "Luhn's check digit is for text of decimal digits");
	if (s->kind == LH_TEMPLATE_EMAIL && s->keep_local && s->keep_domain)
		return bad_template(ctx, "an address of which all is kept");
	if (s->kind == LH_TEMPLATE_EMAIL && s->any_separator)
		return bad_template(ctx, "an address does not take any separator");
	for (size_t c = 0; c < s->nclasses; c++)
		radix = s->classes[c].n > radix ? s->classes[c].n : radix;
	if (s->keep_first >= most || s->keep_last >= most - s->keep_first)
		return bad_template(ctx, "it keeps all characters of a value");
	if (s->min_characters > most)
		return bad_template(ctx, "the fewest characters are more than the most");
	most -= s->keep_first + s->keep_last + s->luhn;
	if (!lh_ff1_domain_allowed((uint32_t) radix, most, s->legacy))
		return bad_template(ctx, "even its longest values are too few for FF1");
	return LH_OK;
}

static LhStatus
check_range(LhCtx *ctx, LhTemplateSpec *s)
{
	uint64_t least = s->legacy ? LH_FF1_DOMAIN_LEGACY : LH_FF1_DOMAIN;

	if (s->kind == LH_TEMPLATE_DATE && s->least == 0 && s->most == 0)
	{
		s->least = LH_TEMPLATE_FIRST_DAY;
		s->most = LH_TEMPLATE_LAST_DAY;
	}
	if (s->least > s->most)
		return bad_template(ctx, "the range ends before it begins");
	if (s->kind == LH_TEMPLATE_DATE &&
		(s->least < LH_TEMPLATE_FIRST_DAY || s->most > LH_TEMPLATE_LAST_DAY))
		return bad_template(ctx, "dates are those of the years 1 to 9999");
	/* most - least + 1, which may be 2^64 */
	if ((uint64_t) s->most - (uint64_t) s->least < least - 1)
		LH_FAIL(ctx, LH_INVALID, "format template: the range has fewer than %llu values",
				(unsigned long long) least);
	return LH_OK;
}

static LhStatus
check(LhCtx *ctx, LhTemplate *t)
{
	LhTemplateSpec *s = &t->spec;

	switch (s->kind)
	{
		case LH_TEMPLATE_TEXT:
		case LH_TEMPLATE_EMAIL: return check_text(ctx, s);
		case LH_TEMPLATE_RANGE:
		case LH_TEMPLATE_DATE: return check_range(ctx, s);
		case LH_TEMPLATE_NUMERIC:
		case LH_TEMPLATE_UUID: return LH_OK;
	}
	return bad_template(ctx, "there is no such kind");
}

/* What begins each tweak: the kind, Luhn or not, the domain. */
static LhStatus
make_prefix(LhCtx *ctx, LhTemplate *t)
{
	LhSlice domain = t->spec.domain;

	if (domain.len > LH_TEMPLATE_MAX_DOMAIN)
		return bad_template(ctx, "the domain's name is too long");
	t->prefix_len = 4 + domain.len;
	LH_ALLOC(ctx, t->prefix, t->prefix_len);
	t->prefix[0] = (uint8_t) t->spec.kind;
	t->prefix[1] = t->spec.luhn;
	t->prefix[2] = (uint8_t) (domain.len >> 8);
	t->prefix[3] = (uint8_t) domain.len;
	if (domain.len > 0)
		memcpy(t->prefix + 4, domain.data, domain.len);
	t->spec.domain = lh_slice(t->prefix + 4, domain.len);
	return LH_OK;
}

static LhStatus
compile(LhCtx *ctx, LhTemplate *t)
{
	LhTemplateSpec *s = &t->spec;
	LhBuf *const all[] = {&t->positions, &t->limbs,      &t->tweaks,
						  &t->work,      &t->own_tweaks, &t->shapes};

	if (s->kind != LH_TEMPLATE_TEXT && s->kind != LH_TEMPLATE_EMAIL &&
		(s->nclasses > 0 || s->keep_first > 0 || s->keep_last > 0 || s->luhn || s->min_characters > 0))
		return bad_template(ctx, "classes, kept characters and Luhn are for text");
	if (s->max_characters == 0)
		s->max_characters = s->kind == LH_TEMPLATE_EMAIL ? EMAIL_LENGTH : DEFAULT_LENGTH;
	if (s->max_characters > LH_TEMPLATE_MAX_CHARACTERS)
		return bad_template(ctx, "values of at most 4096 characters are taken");
	LH_TRY(copy_classes(ctx, t));
	LH_TRY(check(ctx, t));
	/* the digits of numbers are in two classes, and are not looked up */
	if (s->kind == LH_TEMPLATE_TEXT || s->kind == LH_TEMPLATE_EMAIL)
		LH_TRY(compile_letters(ctx, t));
	else
		t->all_ascii = true;
	LH_TRY(make_prefix(ctx, t));
	for (int i = 0; i < 6; i++)
		LH_TRY(lh_buf_init(ctx, all[i], false));
	t->plain = s->kind == LH_TEMPLATE_TEXT && is_digits(s) && s->keep_first + s->keep_last == 0 && !s->luhn;
	t->shape_arena = lh_arena_child(t->arena);
	if (t->shape_arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory for a format template");
	return LH_OK;
}

LhStatus
lh_template_create(LhCtx *ctx, const LhFf1Key *key, const LhTemplateSpec *spec, LhTemplate **out)
{
	LhArena *arena = lh_arena_child(ctx->arena), *old;
	LhStatus status;
	LhTemplate *t;

	if (arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory for a format template");
	old = lh_use(ctx, arena);
	t = lh_alloc0(ctx, sizeof(*t));
	status = t == NULL ? ctx->error->code : LH_OK;
	if (status == LH_OK)
	{
		t->arena = arena;
		t->key = key;
		t->spec = *spec;
		status = compile(ctx, t);
	}
	(void) lh_use(ctx, old);
	if (status != LH_OK)
		lh_arena_destroy(arena);
	else
		*out = t;
	return status;
}

/* ---- shapes ---- */

static LhShape *
shape_at(LhTemplate *t, uint32_t i)
{
	return (LhShape *) (void *) t->shapes.data + i;
}

static size_t
nshapes(const LhTemplate *t)
{
	return t->shapes.len / sizeof(LhShape);
}

static LhStatus
new_shape(LhCtx *ctx, LhTemplate *t, const LhValue *v)
{
	LhFf1Spec spec = {v->radix, v->length, v->tweak_len, t->spec.legacy};
	LhShape shape = {v->ranked, v->radix, v->length, v->tweak_len, NULL, NONE, 0};
	LhArena *old = lh_use(ctx, t->shape_arena);
	LhStatus status = lh_ff1_create(ctx, t->key, &spec, &shape.ff1);

	(void) lh_use(ctx, old);
	LH_TRY(status);
	return lh_buf_append(ctx, &t->shapes, &shape, sizeof(shape));
}

static LhStatus
find_shape(LhCtx *ctx, LhTemplate *t, LhValue *v)
{
	const size_t mask = sizeof(t->slots) / sizeof(t->slots[0]) - 1;
	size_t h = (v->length * 0x9e3779b1 + v->tweak_len * 0x85ebca6b + v->radix) * 0xc2b2ae35 >> 7;

	for (;; h++)
	{
		uint32_t *slot = &t->slots[h & mask];
		const LhShape *s;

		if (*slot == 0)
		{
			LH_TRY(new_shape(ctx, t, v));
			*slot = (uint32_t) nshapes(t);
		}
		s = shape_at(t, *slot - 1);
		if (s->ranked == v->ranked && s->radix == v->radix && s->length == v->length &&
			s->tweak_len == v->tweak_len)
		{
			v->shape = *slot - 1;
			return LH_OK;
		}
	}
}

/* What values left in a buffer.  One that large values made large is given back. */
static void
wipe(LhBuf *buf)
{
	if (buf->len > 0)
		lh_wipe(buf->data, buf->len);
	buf->len = 0;
	if (buf->cap > 4 * SLAB_BYTES)
		lh_buf_free(buf);
}

static void
end_slab(LhTemplate *t)
{
	wipe(&t->positions);
	wipe(&t->limbs);
	wipe(&t->tweaks);
}

/* A new slab. */
static void
begin_slab(LhTemplate *t)
{
	end_slab(t);
	/* a slab brings at most LH_TEMPLATE_SLAB: the slots never fill */
	if (nshapes(t) > MOST_SHAPES)
	{
		lh_arena_reset(t->shape_arena);
		t->shapes.len = 0;
		memset(t->slots, 0, sizeof(t->slots));
	}
	for (size_t i = 0; i < nshapes(t); i++)
	{
		shape_at(t, (uint32_t) i)->first = NONE;
		shape_at(t, (uint32_t) i)->count = 0;
	}
}

/* Value i was read: chain it. */
static LhStatus
add_value(LhCtx *ctx, LhTemplate *t, uint32_t i)
{
	LhValue *v = &t->values[i];
	LhShape *s;

	if (v->why != LH_CANNOT_NOT)
		return LH_OK;
	LH_TRY(find_shape(ctx, t, v));
	s = shape_at(t, v->shape);
	t->next[i] = s->first;
	s->first = i;
	s->count++;
	return LH_OK;
}

static bool
slab_is_full(const LhTemplate *t, size_t n)
{
	return n == LH_TEMPLATE_SLAB || t->positions.len + t->limbs.len + t->tweaks.len >= SLAB_BYTES;
}

/* ---- FF1 ---- */

/* Room for FF1's strings of a shape. */
static LhStatus
fit_work(LhCtx *ctx, LhTemplate *t, size_t bytes)
{
	LH_TRY(lh_buf_fit(ctx, &t->work, bytes));
	t->work.len = bytes;
	return LH_OK;
}

/* The tweaks of the chain from "first" on, side by side, or one for all. */
static LhStatus
gather_tweaks(LhCtx *ctx, LhTemplate *t, uint32_t first, size_t tweak_len, LhFf1Tweaks *out)
{
	const uint8_t *same = t->tweaks.data + t->values[first].tweak;
	bool differ = false;

	for (uint32_t i = first; i != NONE && !differ; i = t->next[i])
		differ = memcmp(same, t->tweaks.data + t->values[i].tweak, tweak_len) != 0;
	*out = (LhFf1Tweaks){same, 0};
	if (!differ)
		return LH_OK;
	t->own_tweaks.len = 0;
	for (uint32_t i = first; i != NONE; i = t->next[i])
		LH_TRY(lh_buf_append(ctx, &t->own_tweaks, t->tweaks.data + t->values[i].tweak, tweak_len));
	*out = (LhFf1Tweaks){t->own_tweaks.data, tweak_len};
	return LH_OK;
}

static LhStatus
run_numerals(LhCtx *ctx, LhTemplate *t, LhFf1Way way, const LhShape *s, LhFf1Tweaks tweaks)
{
	uint16_t *x, *p;

	LH_TRY(fit_work(ctx, t, s->count * s->length * sizeof(*x)));
	x = p = (uint16_t *) (void *) t->work.data;
	for (uint32_t i = s->first; i != NONE; i = t->next[i])
	{
		const LhPosition *from = lh_positions(t, &t->values[i]) + t->values[i].from;

		for (size_t k = 0; k < s->length; k++)
			*p++ = from[k].numeral;
	}
	LH_TRY(lh_ff1_numerals(ctx, s->ff1, way, tweaks, x, x, s->count));
	for (uint32_t i = s->first; i != NONE; i = t->next[i])
	{
		LhPosition *to = lh_positions(t, &t->values[i]) + t->values[i].from;

		for (size_t k = 0; k < s->length; k++)
			to[k].numeral = *x++;
	}
	return LH_OK;
}

/* Any class of ten characters: FF1 is quicker with strings of digits. */
static LhStatus
run_digits(LhCtx *ctx, LhTemplate *t, LhFf1Way way, const LhShape *s, LhFf1Tweaks tweaks)
{
	char *x, *p;

	LH_TRY(fit_work(ctx, t, s->count * s->length));
	x = p = (char *) t->work.data;
	for (uint32_t i = s->first; i != NONE; i = t->next[i])
	{
		const LhPosition *from = lh_positions(t, &t->values[i]) + t->values[i].from;

		for (size_t k = 0; k < s->length; k++)
			*p++ = (char) ('0' + from[k].numeral);
	}
	LH_TRY(lh_ff1_digits(ctx, s->ff1, way, tweaks, x, x, s->count));
	for (uint32_t i = s->first; i != NONE; i = t->next[i])
	{
		LhPosition *to = lh_positions(t, &t->values[i]) + t->values[i].from;

		for (size_t k = 0; k < s->length; k++)
			to[k].numeral = (uint16_t) (*x++ - '0');
	}
	return LH_OK;
}

static LhU128
low128(const uint64_t *limbs, size_t n)
{
	return n > 1 ? (LhU128) limbs[1] << 64 | limbs[0] : limbs[0];
}

/* Numbers of up to 112 bits, as FF1's halves. */
static LhStatus
run_halves(LhCtx *ctx, LhTemplate *t, LhFf1Way way, const LhShape *s, LhFf1Tweaks tweaks)
{
	size_t v = s->length - s->length / 2, j = 0;
	uint64_t *left, *right;

	LH_TRY(fit_work(ctx, t, s->count * 2 * sizeof(*left)));
	left = (uint64_t *) (void *) t->work.data;
	right = left + s->count;
	for (uint32_t i = s->first; i != NONE; i = t->next[i], j++)
	{
		LhU128 x = low128(lh_limbs(t, &t->values[i]), t->values[i].limbs);

		left[j] = (uint64_t) (x >> v);
		right[j] = (uint64_t) x & (((uint64_t) 1 << v) - 1);
	}
	LH_TRY(lh_ff1_halves(ctx, s->ff1, way, tweaks, left, right, s->count));
	j = 0;
	for (uint32_t i = s->first; i != NONE; i = t->next[i], j++)
	{
		uint64_t *limbs = lh_limbs(t, &t->values[i]);
		LhU128 x = (LhU128) left[j] << v | right[j];

		limbs[0] = (uint64_t) x;
		if (t->values[i].limbs > 1)
			limbs[1] = (uint64_t) (x >> 64);
	}
	return LH_OK;
}

/* Longer numbers, bit by bit from the first. */
static LhStatus
run_bits(LhCtx *ctx, LhTemplate *t, LhFf1Way way, const LhShape *s, LhFf1Tweaks tweaks)
{
	uint16_t *x, *p;

	LH_TRY(fit_work(ctx, t, s->count * s->length * sizeof(*x)));
	x = p = (uint16_t *) (void *) t->work.data;
	for (uint32_t i = s->first; i != NONE; i = t->next[i])
	{
		const uint64_t *limbs = lh_limbs(t, &t->values[i]);

		for (size_t k = s->length; k-- > 0;)
			*p++ = (uint16_t) (limbs[k / 64] >> k % 64 & 1);
	}
	LH_TRY(lh_ff1_numerals(ctx, s->ff1, way, tweaks, x, x, s->count));
	for (uint32_t i = s->first; i != NONE; i = t->next[i])
	{
		uint64_t *limbs = lh_limbs(t, &t->values[i]);

		memset(limbs, 0, t->values[i].limbs * sizeof(*limbs));
		for (size_t k = s->length; k-- > 0;)
			limbs[k / 64] |= (uint64_t) *x++ << k % 64;
	}
	return LH_OK;
}

/* Keep in the chain what is still above its bound. */
static void
keep_above(LhTemplate *t, LhShape *s)
{
	uint32_t next, kept = NONE;

	s->count = 0;
	for (uint32_t i = s->first; i != NONE; i = next)
	{
		LhValue *v = &t->values[i];
		const uint64_t *x = lh_limbs(t, v);

		next = t->next[i];
		if (lh_template_below(x, x + v->limbs, v->limbs))
			continue;
		t->next[i] = kept;
		kept = i;
		s->count++;
	}
	s->first = kept;
}

/* Each value of the chain once. */
static LhStatus
run_once(LhCtx *ctx, LhTemplate *t, LhFf1Way way, const LhShape *s)
{
	LhFf1Tweaks tweaks;

	LH_TRY(lh_poll(ctx));
	LH_TRY(gather_tweaks(ctx, t, s->first, s->tweak_len, &tweaks));
	if (!s->ranked)
		return s->radix == 10 ? run_digits(ctx, t, way, s, tweaks)
							  : run_numerals(ctx, t, way, s, tweaks);
	if (s->length <= MOST_HALVED && lh_ff1_has_halves(s->ff1))
		return run_halves(ctx, t, way, s, tweaks);
	return run_bits(ctx, t, way, s, tweaks);
}

static LhStatus
run_shape(LhCtx *ctx, LhTemplate *t, LhFf1Way way, LhShape *s)
{
	while (s->count > 0)
	{
		LhStatus status = run_once(ctx, t, way, s);

		wipe(&t->work);
		wipe(&t->own_tweaks);
		LH_TRY(status);
		if (!s->ranked)
			return LH_OK;
		keep_above(t, s);
	}
	return LH_OK;
}

static LhStatus
run_slab(LhCtx *ctx, LhTemplate *t, LhFf1Way way)
{
	for (size_t i = 0; i < nshapes(t); i++)
	{
		if (shape_at(t, (uint32_t) i)->count > 0)
			LH_TRY(run_shape(ctx, t, way, shape_at(t, (uint32_t) i)));
	}
	return LH_OK;
}

/* ---- calls ---- */

static LhStatus
apply_slab(LhCtx *ctx, LhTemplate *t, LhFf1Way way, const LhSlice *in, size_t n, size_t *done,
		   LhBuf *bytes, LhSlice *out, LhCannot *why)
{
	size_t k = 0;

	begin_slab(t);
	while (k < n && !slab_is_full(t, k))
	{
		LH_TRY(lh_template_read(ctx, t, in[k], &t->values[k]));
		LH_TRY(add_value(ctx, t, (uint32_t) k));
		k++;
	}
	LH_TRY(run_slab(ctx, t, way));
	for (size_t i = 0; i < k; i++)
	{
		LhValue *v = &t->values[i];
		size_t at = bytes->len;

		if (why != NULL)
			why[i] = v->why;
		out[i] = (LhSlice){0};
		if (v->why != LH_CANNOT_NOT)
			continue;
		LH_TRY(lh_template_write(ctx, t, in[i], v, bytes));
		/* bytes may move: where they begin is said at the end */
		out[i] = (LhSlice){(const uint8_t *) (uintptr_t) 1, bytes->len - at};
	}
	*done = k;
	return LH_OK;
}

LhStatus
lh_template_apply(LhCtx *ctx, LhTemplate *t, LhFf1Way way, const LhSlice *in, size_t n,
				  LhBuf *bytes, LhSlice *out, LhCannot *why)
{
	LhStatus status = LH_OK;
	size_t at = 0;

	bytes->len = 0;
	for (size_t i = 0, done = 0; status == LH_OK && i < n; i += done)
		status = apply_slab(ctx, t, way, in + i, n - i, &done, bytes, out + i,
							why != NULL ? why + i : NULL);
	end_slab(t);
	for (size_t i = 0; i < n; i++)
	{
		if (status != LH_OK)
			out[i] = (LhSlice){0};
		else if (out[i].data != NULL)
		{
			out[i].data = bytes->data + at;
			at += out[i].len;
		}
	}
	return status;
}

static LhStatus
integer_slab(LhCtx *ctx, LhTemplate *t, LhFf1Way way, const int64_t *in, size_t n, int64_t *out,
			 LhCannot *why)
{
	begin_slab(t);
	for (size_t i = 0; i < n; i++)
	{
		t->values[i] = (LhValue){.why = LH_CANNOT_NOT};
		LH_TRY(lh_template_read_integer(ctx, t, in[i], &t->values[i]));
		LH_TRY(add_value(ctx, t, (uint32_t) i));
	}
	LH_TRY(run_slab(ctx, t, way));
	for (size_t i = 0; i < n; i++)
	{
		const LhValue *v = &t->values[i];

		out[i] = v->why == LH_CANNOT_NOT ? lh_template_integer(t, v) : 0;
		if (why != NULL)
			why[i] = v->why;
	}
	return LH_OK;
}

LhStatus
lh_template_integers(LhCtx *ctx, LhTemplate *t, LhFf1Way way, const int64_t *in, size_t n,
					 int64_t *out, LhCannot *why)
{
	LhStatus status = LH_OK;

	if (t->spec.kind != LH_TEMPLATE_RANGE && t->spec.kind != LH_TEMPLATE_DATE)
		return bad_template(ctx, "numbers are for ranges and dates");
	for (size_t i = 0, k; status == LH_OK && i < n; i += k)
	{
		k = n - i < LH_TEMPLATE_SLAB ? n - i : LH_TEMPLATE_SLAB;
		status = integer_slab(ctx, t, way, in + i, k, out + i, why != NULL ? why + i : NULL);
	}
	end_slab(t);
	return status;
}

static LhStatus
uuid_slab(LhCtx *ctx, LhTemplate *t, LhFf1Way way, const uint8_t *in, size_t n, uint8_t *out)
{
	begin_slab(t);
	for (size_t i = 0; i < n; i++)
	{
		t->values[i] = (LhValue){.why = LH_CANNOT_NOT};
		LH_TRY(lh_template_read_uuid(ctx, t, in + 16 * i, &t->values[i]));
		LH_TRY(add_value(ctx, t, (uint32_t) i));
	}
	LH_TRY(run_slab(ctx, t, way));
	for (size_t i = 0; i < n; i++)
		lh_template_uuid(t, &t->values[i], out + 16 * i);
	return LH_OK;
}

LhStatus
lh_template_uuids(LhCtx *ctx, LhTemplate *t, LhFf1Way way, const uint8_t *in, size_t n,
				  uint8_t *out)
{
	LhStatus status = LH_OK;

	if (t->spec.kind != LH_TEMPLATE_UUID)
		return bad_template(ctx, "UUIDs are for a template of UUIDs");
	for (size_t i = 0, k; status == LH_OK && i < n; i += k)
	{
		k = n - i < LH_TEMPLATE_SLAB ? n - i : LH_TEMPLATE_SLAB;
		status = uuid_slab(ctx, t, way, in + 16 * i, k, out + 16 * i);
	}
	end_slab(t);
	return status;
}
