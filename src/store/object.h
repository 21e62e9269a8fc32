/*
 * object.h
 *		Internal: what all kinds of objects have in common.
 */
#ifndef LH_STORE_OBJECT_H
#define LH_STORE_OBJECT_H

#include "store/store.h"

typedef struct LhObjectVtable
{
	LhStatus (*read)(LhCtx *ctx, LhObject *obj, int64_t offset, size_t len, uint8_t *out);
	LhStatus (*read_many)(LhCtx *ctx, LhObject *obj, int n, const LhRange *ranges);
	LhStatus (*will_need)(LhCtx *ctx, LhObject *obj, int n, const LhRange *ranges); /* or NULL */
	void (*drop_ahead)(LhObject *obj);                                            /* or NULL */
	void (*release)(void *obj); /* as registered with the arena */
} LhObjectVtable;

struct LhObject
{
	const LhObjectVtable *vtable;
	LhObjectId id;
	LhArena *arena;
};

/* local.c: path is raw */
extern LhStatus lh_local_object_open(LhCtx *ctx, LhStore *store, const char *path, LhObject **out);

#endif
