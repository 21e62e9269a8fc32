/*
 * template_internal.h
 *		Between the files of format templates.
 *
 * A value that was read is a Value: positions that FF1 takes, what it takes them as, and a tweak.
 * All arrays belong to the template and serve one slab of values after the other.
 */
#ifndef LH_MASK_TEMPLATE_INTERNAL_H
#define LH_MASK_TEMPLATE_INTERNAL_H

#include "mask/template.h"

/* Values worked on together. */
#define LH_TEMPLATE_SLAB 256
#define LH_NO_CLASS      0xff

/* What a character is: class and numeral; separators and others have no class. */
typedef struct LhLetter
{
	uint32_t	point;
	uint8_t		class;			/* LH_NO_CLASS */
	bool		separator;
	uint16_t	numeral;
} LhLetter;

/* A character in classes: where its bytes begin, and what it is. */
typedef struct LhPosition
{
	uint32_t	at;
	uint8_t		class;
	uint8_t		bytes;
	uint16_t	numeral;
} LhPosition;

typedef struct LhValue
{
	LhCannot	why;
	bool		ranked;			/* one number of "bits" bits, below a bound; else numerals */
	uint32_t	npositions;		/* all of them, kept ones too */
	uint32_t	from,
				to;				/* those that FF1 takes */
	size_t		position;		/* index of the first position */
	size_t		number;			/* ranked: index of the number's limbs; the bound's follow */
	size_t		limbs;			/* of each */
	size_t		length;			/* numerals of FF1: positions, or bits */
	uint32_t	radix;
	size_t		tweak;			/* index of its first byte */
	size_t		tweak_len;
	uint32_t	shape;
	bool		minus;			/* NUMERIC below zero with one digit before the point: 0 is no value */
	uint8_t		uuid[16];		/* version and variant */
} LhValue;

typedef struct LhShape
{
	bool		ranked;
	uint32_t	radix;
	size_t		length,
				tweak_len;
	LhFf1	   *ff1;
	uint32_t	first;			/* values of the slab: a chain, UINT32_MAX ends it */
	uint32_t	count;
} LhShape;

/* Strings of digits up to this length have the short way: FF1's fused kernels end there. */
#define LH_TEMPLATE_PLAIN 18

typedef struct LhPlain
{
	LhFf1	   *ff1;
	LhFf1Tweaked tweaked;
	uint8_t		tweak[4 + LH_TEMPLATE_MAX_DOMAIN + 3];
} LhPlain;

struct LhTemplate
{
	LhTemplateSpec spec;
	const LhFf1Key *key;
	LhArena    *arena;			/* of all below but shapes */
	LhAlphabet *classes;
	LhLetter	ascii[128];
	LhLetter   *letters;		/* beyond ASCII, by code point */
	size_t		nletters;
	bool		all_ascii;		/* all classes: characters keep their number of bytes */
	uint8_t    *prefix;			/* of each tweak */
	size_t		prefix_len;
	LhBuf		positions,		/* of the slab */
				limbs,
				tweaks,
				work;			/* FF1's strings of a shape */
	LhBuf		own_tweaks;		/* ... and their tweaks */
	LhValue		values[LH_TEMPLATE_SLAB];
	uint32_t	next[LH_TEMPLATE_SLAB];	/* chains of shapes */
	LhArena    *shape_arena;
	LhBuf		shapes;
	uint32_t	slots[2048];	/* 1 + shape, by hash */
	bool		plain;			/* digits, all of them encrypted */
	LhPlain    *plains[LH_TEMPLATE_PLAIN + 1];	/* by length; NULL: not met yet */
};

static inline LhPosition *
lh_positions(LhTemplate *t, const LhValue *v)
{
	return (LhPosition *) (void *) t->positions.data + v->position;
}

static inline uint64_t *
lh_limbs(LhTemplate *t, const LhValue *v)
{
	return (uint64_t *) (void *) t->limbs.data + v->number;
}

/* template_read.c: v->why when it cannot; radix, length and tweak when it can */
extern LhStatus lh_template_read(LhCtx *ctx, LhTemplate *t, LhSlice in, LhValue *v);
extern LhStatus lh_template_read_integer(LhCtx *ctx, LhTemplate *t, int64_t x, LhValue *v);
extern LhStatus lh_template_read_uuid(LhCtx *ctx, LhTemplate *t, const uint8_t *uuid, LhValue *v);
/* Next character: its bytes, 1 to 4; valid UTF-8. */
extern size_t lh_template_letter(const LhTemplate *t, const uint8_t *p, LhLetter *letter);
/* Digit at "adjust" that makes all positions' digits valid by Luhn. */
extern uint16_t lh_template_luhn(const LhPosition *p, size_t n, size_t adjust);

/* template_rank.c */
extern LhStatus lh_template_rank(LhCtx *ctx, LhTemplate *t, LhValue *v);
extern void lh_template_unrank(LhTemplate *t, LhValue *v);
/* A number and its bound, already known; bits are the bound's - 1. */
extern LhStatus lh_template_number(LhCtx *ctx, LhTemplate *t, LhValue *v, LhU128 number, LhU128 bound);
extern bool lh_template_below(const uint64_t *x, const uint64_t *bound, size_t n);

/* template_write.c */
extern LhStatus lh_template_write(LhCtx *ctx, LhTemplate *t, LhSlice in, LhValue *v, LhBuf *out);
extern int64_t lh_template_integer(LhTemplate *t, const LhValue *v);
extern void lh_template_uuid(LhTemplate *t, const LhValue *v, uint8_t *uuid);

#endif
