/*
 * template.h
 *		Format templates: values that stay values of their form when encrypted.
 *
 * A template says which characters of a value are encrypted, and keeps all else in its place:
 * separators, a number of first and last characters, the sign and the point of a number.
 * Length and case stay.  It is compiled once and applied to many values at a time;
 * encrypting and then decrypting gives each value back.
 *
 *	template.c			compile; values in slabs, one FF1 call for all of a shape
 *	template_read.c		a value into positions, a tweak and a number
 *	template_rank.c		positions of several classes as one number, and back
 *	template_write.c	what FF1 gave into the form of the value
 *	template_plain.c	the short way for digits and nothing else
 *
 * Each position keeps its class: a digit becomes a digit, an upper case letter one.  When all
 * encrypted positions are of one class, they are a string of FF1 over that class.  When not, the value is
 * a number below the product D of its positions' classes; that is encrypted as a string of bits,
 * of which there are fewer than 2 D, again and again until it is below D ("cycle walking",
 * Black and Rogaway 2002): a permutation of the D values of the same pattern, on average with less than
 * two encryptions.  To let a character become one of any class, give the union as one class.
 *
 * What is kept is part of the tweak, but separators are not: "4111-1111" and "41111111" have the same digits
 * encrypted.  The tweak's bytes are in docs/crypto.md.
 *
 * A value that a template cannot encrypt is no error: its result is nothing, with the
 * reason.  The result is never the input by mistake; like any permutation, FF1 has a fixed point here and there.
 */
#ifndef LH_MASK_TEMPLATE_H
#define LH_MASK_TEMPLATE_H

#include "crypto/ff1.h"

typedef enum LhTemplateKind
{
	LH_TEMPLATE_TEXT,			/* characters of classes, separators between them */
	LH_TEMPLATE_EMAIL,			/* local@domain */
	LH_TEMPLATE_NUMERIC,		/* -12.30: sign, number of digits and scale stay */
	LH_TEMPLATE_RANGE,			/* integers from least to most */
	LH_TEMPLATE_DATE,			/* YYYY-MM-DD, from least to most as days since 1970 */
	LH_TEMPLATE_UUID			/* the 122 bits that are neither version nor variant */
} LhTemplateKind;

/* Characters in the order of their numerals. */
typedef struct LhAlphabet
{
	const uint32_t *points;
	size_t		n;
} LhAlphabet;

extern const LhAlphabet lh_alphabet_digits;	/* 0-9 */
extern const LhAlphabet lh_alphabet_upper;	/* A-Z */
extern const LhAlphabet lh_alphabet_lower;	/* a-z */
extern const LhAlphabet lh_alphabet_alnum;	/* 0-9A-Za-z, as one class */

#define LH_TEMPLATE_MAX_CLASSES    32
#define LH_TEMPLATE_MAX_DOMAIN     1024	/* bytes of a domain's name */
#define LH_TEMPLATE_MAX_CHARACTERS 4096

/* 0001-01-01 and 9999-12-31 */
#define LH_TEMPLATE_FIRST_DAY      (-719162)
#define LH_TEMPLATE_LAST_DAY       2932896

typedef struct LhTemplateSpec
{
	LhTemplateKind kind;
	LhSlice		domain;			/* of tokens: one and the same joins, another does not */
	bool		legacy;			/* values of which there are only 100 to 999,999, too */

	/* TEXT and EMAIL; EMAIL without classes: digits, upper and lower case letters */
	const LhAlphabet *classes;	/* at most LH_TEMPLATE_MAX_CLASSES, which share no character */
	size_t		nclasses;
	LhAlphabet	separators;		/* kept where they stand; none in a class (EMAIL's local part: . _ - + as well) */
	bool		any_separator;	/* every character that is in no class */
	size_t		keep_first,		/* of the characters in classes: kept, and part of the tweak */
				keep_last;
	size_t		max_characters;	/* of a value; 0: 256 */
	size_t		min_characters;	/* of the characters in classes: what has fewer is refused, which bounds what is guessed */

	/*
	 * TEXT with the one class lh_alphabet_digits: values are valid by Luhn, and stay so.  The last
	 * digit that is not kept is not encrypted but follows from the others, so that ten times
	 * fewer values are left: 16 digits of which 6 and 4 are kept have 10^5, which is refused.
	 */
	bool		luhn;

	/* EMAIL: one of both at most; a domain that is encrypted keeps its last label */
	bool		keep_local,
				keep_domain;

	/* RANGE, DATE (both 0: the years 1 to 9999) */
	int64_t		least,
				most;
} LhTemplateSpec;

/* Used by one thread at a time. */
typedef struct LhTemplate LhTemplate;

/* Lives in ctx->arena, and needs key as long.  LH_INVALID: what contradicts itself, or leaves too few values. */
extern LhStatus lh_template_create(LhCtx *ctx, const LhFf1Key *key, const LhTemplateSpec *spec, LhTemplate **out);

/* Why there is no result. */
typedef enum LhCannot
{
	LH_CANNOT_NOT,				/* there is one */
	LH_CANNOT_NULL,				/* the input was data NULL */
	LH_CANNOT_UTF8,				/* no valid UTF-8 */
	LH_CANNOT_CHARACTER,		/* a character in no class that is no separator */
	LH_CANNOT_LENGTH,			/* more characters than max_characters */
	LH_CANNOT_SMALL,			/* too few values of its length and pattern */
	LH_CANNOT_LUHN,				/* not valid by Luhn */
	LH_CANNOT_FORM,				/* no e-mail address, number, date or UUID as PostgreSQL writes them */
	LH_CANNOT_RANGE				/* below least or above most */
} LhCannot;

extern const char *lh_cannot_text(LhCannot why);

/*
 * Encrypt or decrypt n texts.  bytes is emptied and takes the results; out[i] points there, and is
 * data NULL where there is none; why[i] (why may be NULL) says the reason.  Fails only
 * when out of memory, cancelled, or when the library does; then out is unspecified, and never holds input.
 */
extern LhStatus lh_template_apply(LhCtx *ctx, LhTemplate *t, LhFf1Way way, const LhSlice *in, size_t n,
								  LhBuf *bytes, LhSlice *out, LhCannot *why);

/*
 * The same for "count" strings of ASCII digits of one length, one behind the other; out may be in.  Quicker, and one
 * alone allocates nothing once its length has been met.  *done false: the template takes more than digits, or these
 * are none or too few; then out is unspecified but for one alone, and lh_template_apply tells.
 */
extern LhStatus lh_template_plain(LhCtx *ctx, LhTemplate *t, LhFf1Way way, const char *in, char *out, size_t length,
								  size_t count, bool *done);

/* How many values there are at least of a form that the template takes: what guessing costs. */
extern double lh_template_least_values(const LhTemplate *t);

/* The same for RANGE and DATE by numbers (out[i] is 0 where there is none); out may be in. */
extern LhStatus lh_template_integers(LhCtx *ctx, LhTemplate *t, LhFf1Way way, const int64_t *in, size_t n,
									 int64_t *out, LhCannot *why);

/* The same for UUID by its 16 bytes each; out may be in. */
extern LhStatus lh_template_uuids(LhCtx *ctx, LhTemplate *t, LhFf1Way way, const uint8_t *in, size_t n,
								  uint8_t *out);

#endif
