/*
 * vec.h
 *		Vectors of up to LH_BATCH values and selections of rows.
 *
 * Parquet columns come as dictionary codes and runs far more often than as
 * values, so a vector may stay in that form; who needs values calls
 * lh_vec_flatten.  Position i of a vector is row i of the batch, whatever the
 * selection: nothing is ever compacted.  At rows outside the selection that
 * the reader was given, content is unspecified but safe to touch (codes are
 * inside the dictionary, LhStr are readable).
 *
 * Lifetime: what a vector points to lives until the next call on the reader
 * (or operator) that made it; dictionaries live until their column moves to
 * another row group.  Who keeps values longer copies them.
 */
#ifndef LH_VEC_VEC_H
#define LH_VEC_VEC_H

#include "vec/types.h"

#define LH_BATCH 2048
#define LH_BATCH_WORDS (LH_BATCH / 64)

/* Values of a dictionary page, decoded once. */
typedef struct LhDict
{
	LhType		type;
	uint32_t	n;
	const void *values;			/* n values in the type's lane */
	uint64_t	id;				/* never repeated in a process: caches are keyed by it */
	bool		text_checked;	/* all entries are known to be valid UTF-8 (text types) */
} LhDict;

typedef enum LhVecKind
{
	LH_VEC_FLAT,				/* data: n lane values */
	LH_VEC_CONST,				/* data: one lane value for all rows; or all null */
	LH_VEC_DICT,				/* codes: n codes into dict; codes at null rows are 0 */
	LH_VEC_RUNS					/* runs of codes into dict; no nulls */
} LhVecKind;

/* Rows [previous end, end) all hold dict value code. */
typedef struct LhRun
{
	uint32_t	code;
	uint32_t	end;
} LhRun;

typedef struct LhVec LhVec;
struct LhVec
{
	LhType		type;
	LhVecKind	kind;
	int			n;				/* rows; 0..LH_BATCH, more for children of lists */
	const uint64_t *valid;		/* bit set: not null; NULL: no row is null.  CONST: NULL or all bits 0 */
	const void *data;			/* FLAT: n values, perhaps unaligned (lanes I32, I64, F32, F64
								 * may lie in a page as they came); CONST: 1 value; BOOL lane U8 */
	const LhDict *dict;			/* DICT, RUNS */
	const uint32_t *codes;		/* DICT */
	int			nruns;			/* RUNS */
	const LhRun *runs;
	const uint32_t *offsets;	/* LIST, MAP: n + 1 offsets into the children */
	int			nchildren;		/* STRUCT: members; LIST: 1; MAP: 2 */
	LhVec	   *children;
	float		const_f32;		/* CONST of lane F32: the value data points at (lh_vec_const) */
};

/* Which rows of a batch are alive.  Bits at and above n are 0. */
typedef struct LhSel
{
	int			n;				/* rows of the batch */
	int			count;			/* bits set */
	uint64_t	w[LH_BATCH_WORDS];
} LhSel;

extern void lh_sel_all(LhSel *sel, int n);
extern void lh_sel_none(LhSel *sel, int n);
extern void lh_sel_and(LhSel *sel, const uint64_t *w);	/* and recount */
/* Row numbers of the set bits, ascending; returns count. */
extern int	lh_sel_rows(const LhSel *sel, uint16_t *rows);

static inline bool
lh_vec_is_null(const LhVec *v, int i)
{
	return v->valid != NULL && (v->kind == LH_VEC_CONST || !lh_bit_get(v->valid, (size_t) i));
}

/* True when v is CONST and null. */
static inline bool
lh_vec_all_null(const LhVec *v)
{
	return v->kind == LH_VEC_CONST && v->valid != NULL;
}

/*
 * Scratch space of one consumer, for flattening and temporary bitmaps.  Made
 * once, reused each batch.
 */
typedef struct LhVecScratch
{
	uint64_t	valid[LH_BATCH_WORDS];
	uint32_t	codes[LH_BATCH];
	LhBuf		data;			/* LH_BATCH * 16 (or width) bytes, grown on demand */
} LhVecScratch;

extern LhStatus lh_vec_scratch_create(LhCtx *ctx, LhVecScratch **out);

/*
 * A FLAT view of v: v itself when it is flat, else values written to scratch.
 * Not for nested types.  out may be v.
 */
extern LhStatus lh_vec_flatten(LhCtx *ctx, const LhVec *v, LhVecScratch *scratch, LhVec *out);
/* A DICT view of RUNS; DICT is passed through. */
extern LhStatus lh_vec_expand_runs(LhCtx *ctx, const LhVec *v, LhVecScratch *scratch, LhVec *out);
/* Value of row i (not nested). */
extern LhValue lh_vec_value(const LhVec *v, int i);
extern LhValue lh_dict_value(const LhDict *d, uint32_t code);
/* Value i of an array of lane values. */
extern LhValue lh_lane_value(const LhType *type, const void *data, size_t i);

/*
 * A CONST vector of a value (partition values, file names, missing columns).
 * value is borrowed, and *out stays where it is while its copies are used.
 */
extern void lh_vec_const(LhVec *out, const LhValue *value, int n);
extern void lh_vec_null(LhVec *out, const LhType *type, int n);

/* Code of the next dictionary (thread-safe). */
extern uint64_t lh_dict_new_id(void);

#endif
