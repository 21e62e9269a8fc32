/*
 * emit.h
 *		Internal to the emission of values: emitters, their kernels and casts.
 *
 * A value goes through at most three steps:
 *
 *	1. a kernel turns lane values into Datums of the file type's natural
 *	   PostgreSQL type, or straight into the declared one where that is as
 *	   cheap (integers of other widths, numeric of other scales);
 *	2. a cast brings them to the declared type (emit_cast.c);
 *	3. a domain checks its constraints.
 *
 * emit.c chooses the steps when the type of the vectors changes, finds the
 * values that are not null, and keeps the Datums of dictionary entries.
 */
#ifndef LH_PG_BRIDGE_EMIT_H
#define LH_PG_BRIDGE_EMIT_H

#include "pg/bridge/bridge.h"

#include "fmgr.h"
#include "utils/jsonb.h"

/*
 * Lane values data[src[j]] (src NULL: data[j]), none of them null -> out[j]
 * for j in 0..n-1, n <= LH_BATCH.  nulls[j] comes in false and may be set for a
 * value out of range.  Allocates in em->target.
 */
typedef void (*LhEmitKernel) (LhEmitter *em, const void *data, const uint32_t *src, int n,
							  Datum *out, bool *nulls);

typedef enum LhCastKind
{
	LH_CAST_NONE,
	LH_CAST_FUNC,				/* a function of pg_cast */
	LH_CAST_IO,					/* output of the one, input of the other */
	LH_CAST_INPUT				/* from text by the input function */
} LhCastKind;

/* How values of one type become values of another by assignment. */
typedef struct LhCastPath
{
	LhCastKind	kind;
	Oid			from,
				to;				/* to: base type of a domain */
	int32		typmod;
	Oid			func;			/* FUNC */
	Oid			length_func;	/* enforces typmod; InvalidOid: not needed */
} LhCastPath;

/* False when there is no such cast. */
extern bool lh_cast_find(Oid from, Oid to, int32 typmod, LhCastPath *out);

typedef struct LhCast
{
	LhCastPath	path;
	bool		explicit_length;	/* cut what is too long instead of an error */
	Oid			collation;
	FmgrInfo	func;			/* FUNC; IO: output */
	FmgrInfo	input;			/* IO, INPUT */
	Oid			ioparam;
	FmgrInfo	length;
} LhCast;

extern void lh_cast_prepare(LhCast *cast, const LhCastPath *path, bool explicit_length, MemoryContext mcxt);
/* In place, in em->target; values that are null are left alone. */
extern void lh_cast_apply(LhEmitter *em, LhCast *cast, Datum *values, bool *nulls, int n);

/* What a nested value becomes (emit_nested.c, emit_row.c). */
typedef enum LhNestedForm
{
	LH_NESTED_JSON,				/* jsonb, then cast */
	LH_NESTED_ARRAY,			/* a list: array */
	LH_NESTED_ROW,				/* a struct: composite type */
	LH_NESTED_PAIRS				/* a map: array of a composite type of two attributes */
} LhNestedForm;

/* The steps for one file type. */
typedef struct LhEmitRoute
{
	LhEmitKernel kernel;		/* NULL: nested */
	bool		by_ref;			/* worth keeping per dictionary entry */
	LhCastPath	cast;			/* from the kernel's type */
	/* numeric */
	int			dscale;			/* of the result */
	int			max_digits;		/* of the unscaled value; 0..38, more: any */
	/* varchar */
	int			max_chars;		/* -1: any */
	/* nested */
	LhNestedForm form;
	Oid			element;		/* ARRAY, PAIRS: type of the array's elements */
} LhEmitRoute;

struct LhEmitter
{
	LhCtx	   *ctx;
	MemoryContext mcxt;			/* what lives as long as the emitter */
	const char *column;			/* for messages, in the server's encoding */
	Oid			typid;
	Oid			base;			/* typid, or what its domain is over */
	int32		typmod;
	LhEmitOptions options;
	void	   *domain;			/* cache of domain_check */

	bool		routed;
	LhType		seen;			/* of the vectors that the route is for */
	LhType		type;			/* what these mean */
	LhEmitRoute route;
	LhCast		cast;
	MemoryContext route_mcxt;	/* of cast and nested */
	struct LhEmitNested *nested;	/* emit_nested.c; NULL: flat */
	LhArena    *arena;			/* of the route, child of ctx->arena; NULL: not needed yet */
	int			at;				/* which value of a call is being built, nested */
	bool		inner;			/* of elements or members: places are those of the rows around */

	uint64_t	dict_id;		/* 0: none */
	uint32_t	dict_n;
	uint32_t	dict_known;		/* entries converted */
	bool		dict_nulls;		/* some entry became null */
	Datum	   *dict_values;
	uint8_t    *dict_state;		/* LH_ENTRY_* */
	MemoryContext dict_mcxt;

	MemoryContext target;		/* where kernels and casts allocate now */
	bool		text_checked;	/* text is known to be valid UTF-8 */
	const char *path;			/* place, for messages */
	int64_t		first_row;
	const uint32_t *place;		/* row of the batch of the j-th value; NULL: j */
};

enum
{
	LH_ENTRY_UNKNOWN, LH_ENTRY_VALUE, LH_ENTRY_NULL, LH_ENTRY_PENDING
};

/* "row 17" of the file, counted from 1, of the j-th value of a kernel call; palloc'd. */
extern char *lh_emit_where(const LhEmitter *em, int j);

/* Where PostgreSQL's own functions fail, for the CONTEXT of their errors. */
typedef struct LhEmitPlace
{
	LhEmitter  *em;
	int			j;				/* the value at hand */
	ErrorContextCallback callback;
} LhEmitPlace;
extern void lh_emit_place_push(LhEmitPlace *place, LhEmitter *em);
extern void lh_emit_place_pop(LhEmitPlace *place);

/*
 * A value that the declared type cannot hold: an error that names the place,
 * or the clamped value, or null, as the option says.  value: its text.
 */
extern Datum lh_emit_out_of_range(LhEmitter *em, int j, int sqlstate, const char *value, Datum clamped,
								  bool *null);
/* Nanoseconds were cut from n values, the first one at j: counted, or an error by option. */
extern void lh_emit_digits_lost(LhEmitter *em, int n, int j);

/* The kernel for a flat type and a declared base type; false: none goes there directly. */
extern bool lh_kernel_scalar(const LhType *type, Oid base, LhEmitRoute *route);		/* emit_scalar.c */
extern bool lh_kernel_datetime(const LhType *type, Oid base, LhEmitRoute *route);	/* emit_datetime.c */
extern bool lh_kernel_numeric(const LhType *type, Oid base, int32 typmod, LhEmitRoute *route); /* emit_numeric.c */
extern bool lh_kernel_text(const LhType *type, Oid base, int32 typmod, const LhEmitOptions *options,
						   LhEmitRoute *route);	/* emit_text.c */

/* Nested values (emit_nested.c). */
typedef struct LhEmitNested LhEmitNested;
extern LhEmitNested *lh_emit_nested_create(LhEmitter *em, const LhType *type);
extern void lh_emit_nested(LhEmitter *em, const LhVec *vec, const uint32_t *rows, int n,
						   Datum *values, bool *nulls);

/* How a nested type becomes a declared one; *element as in LhEmitRoute (emit_row.c). */
extern LhNestedForm lh_nested_form(const LhType *type, Oid base, Oid *element);
/* Composite types inside a declared type: do names and types of all members fit? */
extern bool lh_row_possible(const LhType *type, Oid base);

/*
 * A composite type for the members of a file's struct, or the entries of a map
 * (by place).  Errors name what only one of them has; what the file lacks is
 * null when the table is a union.  em->column is the path so far.
 */
typedef struct LhEmitRow
{
	TupleDesc	desc;
	int			nmembers;
	AttrNumber *attno;			/* by member of the file */
	Datum	   *values;			/* by attno - 1 */
	bool	   *nulls;
} LhEmitRow;
extern LhEmitRow *lh_row_create(const LhEmitter *em, const LhType *type, Oid rowtype);

/*
 * Variants (emit_variant.c): an emitter of one VARIANT node, in
 * CurrentMemoryContext and em->arena.  Values are slots that are not null,
 * either pushed into a document or as jsonb of their own in em->target.
 */
typedef struct LhEmitVariant LhEmitVariant;
extern LhEmitVariant *lh_emit_variant_create(LhEmitter *em, const LhType *type);
extern void lh_emit_variant_bind(LhEmitter *em, LhEmitVariant *ev, const LhVec *vec);
extern void lh_emit_variant_push(LhEmitter *em, LhEmitVariant *ev, int slot, JsonbParseState **state,
								 JsonbIteratorToken as);
extern Datum lh_emit_variant_datum(LhEmitter *em, LhEmitVariant *ev, int slot);

/* Numbers of a vector may lie in a page as they came, at any address. */
typedef int32_t LhAnyI32 __attribute__((aligned(1)));
typedef int64_t LhAnyI64 __attribute__((aligned(1)));
typedef float LhAnyF32 __attribute__((aligned(1)));
typedef double LhAnyF64 __attribute__((aligned(1)));

/* for (j) { i = index of the j-th value; BODY } with the dense case apart, so that it is vectorised */
#define LH_EMIT_LOOP(src, n, BODY) \
	do { \
		if ((src) == NULL) \
			for (int j = 0; j < (n); j++) { const uint32_t i = (uint32_t) j; BODY } \
		else \
			for (int j = 0; j < (n); j++) { const uint32_t i = (src)[j]; BODY } \
	} while (0)

#endif
