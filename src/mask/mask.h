/*
 * mask.h
 *		Masks over cells: what stands in place of a value that may not be seen.
 *
 * A mask is made once from its description and applied to each value of a
 * column, before anything else sees the value.  It never raises and never
 * returns its input where it was to hide it: what it cannot mask becomes NULL.
 * UNCHANGED and ABSENT pass; NULL stays NULL, but for a constant.
 *
 *	null            NULL
 *	constant:TEXT   TEXT, as text
 *	truncate:N      the first N characters of the value's text (0 <= N)
 *	hash            lower-case hex of HMAC-SHA-256(key, text of the value); the
 *	                key of the stream's key file.  Equal values have equal hashes.
 */
#ifndef LH_MASK_MASK_H
#define LH_MASK_MASK_H

#include "vec/cell.h"

typedef enum LhMaskKind
{
	LH_MASK_NULL, LH_MASK_CONSTANT, LH_MASK_TRUNCATE, LH_MASK_HASH
} LhMaskKind;

typedef struct LhMask LhMask;

/*
 * Parse a description.  key: of hash masks, at least 16 bytes; what is made of
 * it is wiped with the arena; NULL: a hash mask is refused with a hint.
 * LH_INVALID names what is wrong.  A mask is used by one thread at a time.
 */
extern LhStatus lh_mask_create(LhCtx *ctx, const char *text, const LhSlice *key, LhMask **out);
extern LhMaskKind lh_mask_kind(const LhMask *mask);
/* The cell kind of masked values of a column of this kind: TEXT, or the same for null. */
extern LhCellKind lh_mask_cell_kind(const LhMask *mask, LhCellKind kind);
/*
 * Replace *cell.  The value's text is made by "text" (canonical text of a cell,
 * change/text.h's lh_put_cell_text in the product) in scratch, which is emptied
 * first; the result lives in ctx->arena, which the caller resets once a row.
 */
typedef LhStatus (*LhCellTextFn) (LhCtx *ctx, LhBuf *buf, const LhCell *c);
extern LhStatus lh_mask_apply(LhCtx *ctx, const LhMask *mask, LhCellTextFn text, LhBuf *scratch, LhCell *cell);
/* The stronger of two masks for one column: null, constant, hash, truncate (fewer characters first). */
extern const LhMask *lh_mask_stricter(const LhMask *a, const LhMask *b);

#endif
