/*
 * output_internal.h
 *		Internal: what every kind of output has.
 *
 * Members of the vtable are called with the output's own state only while it
 * is neither finished nor aborted, and never after one of them failed, except
 * abort.  They leave position alone.
 */
#ifndef LH_STORE_OUTPUT_INTERNAL_H
#define LH_STORE_OUTPUT_INTERNAL_H

#include "store/output.h"

typedef struct LhOutputVtable
{
	LhStatus (*write)(LhCtx *, LhOutput *, const uint8_t *, size_t);
	LhStatus (*finish)(LhCtx *, LhOutput *, LhObjectId *); /* id may be NULL */
	void (*abort)(LhOutput *);
} LhOutputVtable;

struct LhOutput
{
	const LhOutputVtable *vtable; /* NULL: finished or aborted */
	int64_t position;
	void *state;
	LhArena *arena;
};

/*
 * An output with this vtable in ctx->arena; from here on its abort is called
 * when the arena is reset before it is finished.  When this fails abort was
 * called, too.
 */
extern LhStatus
lh_output_make(LhCtx *ctx, const LhOutputVtable *vtable, void *state, LhOutput **out);

/* local_output.c */
extern LhStatus lh_local_output(LhCtx *ctx, LhStore *store, const char *location,
								const LhOutputOptions *options, LhOutput **out);

#endif
