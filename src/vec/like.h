/*
 * like.h
 *		LIKE patterns compiled once, matched many times.
 *
 * A pattern is a list of pieces between its %.  Pieces without _ are found by
 * memmem; most patterns are one piece and have a matcher of their own.
 */
#ifndef LH_VEC_LIKE_H
#define LH_VEC_LIKE_H

#include "vec/kernels.h"

typedef enum LhLikeKind
{
	LH_LIKE_ANY,      /* '%': everything */
	LH_LIKE_EXACT,    /* 'abc' */
	LH_LIKE_STARTS,   /* 'abc%' */
	LH_LIKE_ENDS,     /* '%abc' */
	LH_LIKE_CONTAINS, /* '%abc%' */
	LH_LIKE_PIECES    /* anything else */
} LhLikeKind;

typedef struct LhLikePiece
{
	uint8_t *bytes;  /* unescaped */
	uint8_t *any;    /* any[i]: byte i of the piece stands for _; NULL: none does */
	uint32_t len;    /* elements of bytes */
	uint32_t skip;   /* leading _ of a piece that follows a %, not in bytes */
	uint32_t chars;  /* characters of bytes in text, bytes otherwise */
	LhNeedle needle; /* pieces without _, len > 0 */
} LhLikePiece;

typedef struct LhLike
{
	LhLikeKind kind;
	bool text;         /* _ is a character of UTF-8 */
	bool anchor_start, /* no % before the first piece */
		anchor_end;    /* no % after the last piece */
	int npieces;
	LhLikePiece *pieces;
	uint32_t min_bytes;        /* shorter strings cannot match */
	LhStr prefix;              /* bytes every match begins with; len 0: none */
	const LhLikePiece *anchor; /* longest piece without _; NULL: none of at least two bytes */
} LhLike;

/* True when the pattern ends in a lone escape: PostgreSQL raises an error when matching gets there. */
extern bool lh_like_ends_in_escape(const uint8_t *p, size_t n, char escape);

/* LH_INVALID for a pattern that ends in a lone escape. */
extern LhStatus
lh_like_compile(LhCtx *ctx, const uint8_t *p, size_t n, char escape, bool text, LhLike **out);
extern bool lh_like_test(const LhLike *like, const uint8_t *s, size_t n);

/*
 * Many strings at once: where they lie one behind the other, as in a page, the
 * pattern's anchor is searched through all of them in one go.  hit gets bits
 * of matches; those of rows whose bit in live is 0 mean nothing.  False, with
 * hit untouched, when the strings lie otherwise or the pattern has no anchor.
 */
extern bool
lh_like_scan(const LhLike *like, const LhStr *strs, size_t n, const uint64_t *live, uint64_t *hit);

#endif
