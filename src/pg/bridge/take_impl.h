/*
 * take_impl.h
 *		Internal to the taking of values: a taker for each column, and below it
 *		for each element or member.
 */
#ifndef LH_PG_BRIDGE_TAKE_IMPL_H
#define LH_PG_BRIDGE_TAKE_IMPL_H

#include "pg/bridge/take.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/hsearch.h"

typedef struct LhTaker LhTaker;

/*
 * Append a value that is not null at place t->n of t->data.  False: it became
 * null by option.  What it allocates in CurrentMemoryContext goes with the row.
 */
typedef bool (*LhTakeFn) (LhTaker *t, Datum value);

struct LhTaker
{
	LhTake	   *take;
	const char *name;			/* column or dotted path, in the server's encoding */
	Oid			typid;			/* base type */
	int32		typmod;
	LhType		type;			/* of the vector */
	LhTakeFn	fn;

	uint32_t	n;				/* values in the batch */
	uint32_t	cap;
	bool		any_null;
	LhBuf		data;			/* n lane values; nested: nothing */
	LhBuf		valid;			/* bits; those at and above n are 0 */
	LhVec		vec;

	FmgrInfo	out;			/* types taken by their output function */
	HTAB	   *labels;			/* of an enumeration: Label by Oid */

	int			nchildren;		/* LIST: 1; STRUCT: members */
	LhTaker   **children;
	LhBuf		offsets;		/* LIST: n + 1 */
	int16		typlen;			/* of the elements */
	bool		typbyval;
	char		typalign;
	TupleDesc	desc;			/* of a composite type */
	AttrNumber *attnos;			/* of its members */
	Datum	   *values;			/* by attno - 1 */
	bool	   *nulls;
};

struct LhTake
{
	LhCtx	   *ctx;
	MemoryContext mcxt;			/* as long as the take */
	MemoryContext batch_mcxt;	/* bytes of the batch */
	MemoryContext row_mcxt;
	const char *target;
	LhTakeOptions options;

	int			ncols;
	LhTaker   **cols;
	AttrNumber *attnos;			/* by column */
	LhField    *fields;
	const LhVec **vecs;

	int64_t		rows;			/* complete ones */
	const LhTaker *at;			/* column of the value at hand, for the CONTEXT */
	size_t		bytes;			/* that the batch takes beyond its flat columns */
	uint8_t    *first;			/* the first chunk of bytes, kept from batch to batch */
	uint8_t    *chunk;			/* where the next bytes go */
	size_t		left;
	StringInfoData text;		/* scratch */
};

/* (take.c) A taker of a type, in take->mcxt; its column's or member's name is lasting. */
extern LhTaker *lh_taker_create(LhTake *take, const char *name, Oid typid, int32 typmod);
/* (take.c) Double the room. */
extern void lh_taker_grow(LhTaker *t);
extern void lh_taker_null(LhTaker *t);
/* (take.c) View of the values so far, and their end. */
extern const LhVec *lh_taker_vec(LhTaker *t);
extern void lh_taker_reset(LhTaker *t);

/* (take.c) len bytes that live as long as the batch. */
extern uint8_t *lh_take_bytes(LhTake *take, size_t len);
/* (take.c) The place is told by the CONTEXT. value: its text; type: of the file. */
extern void lh_take_out_of_range(const LhTaker *t, int sqlstate, const char *value) __attribute__((noreturn));

/* Each chooses type and function for a base type; false: it is none of these. */
extern bool lh_take_scalar(LhTaker *t);		/* take_scalar.c */
extern bool lh_take_datetime(LhTaker *t);	/* take_datetime.c */
extern bool lh_take_numeric(LhTaker *t);	/* take_numeric.c */
extern bool lh_take_nested(LhTaker *t);		/* take_nested.c */
extern void lh_take_text(LhTaker *t);		/* take_text.c: takes every type */

/* A string in the server's encoding -> value t->n, lane STR (take_text.c). */
extern void lh_take_string(LhTaker *t, const char *p, size_t len);

static inline void
lh_taker_append(LhTaker *t, Datum value, bool null)
{
	if (unlikely(t->n == t->cap))
		lh_taker_grow(t);
	if (!null && t->fn(t, value))
	{
		((uint64_t *) t->valid.data)[t->n >> 6] |= UINT64_C(1) << (t->n & 63);
		t->n++;
	}
	else
		lh_taker_null(t);
}

#endif
