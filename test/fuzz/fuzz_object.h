/*
 * fuzz_object.h
 *		An object whose bytes are the input: files are not what is tested, and a dozen
 *		system calls cost more than most inputs.
 */
#ifndef FUZZ_OBJECT_H
#define FUZZ_OBJECT_H

#include <stdlib.h>
#include <string.h>

#include "core/core.h"
#include "store/object.h"

typedef struct FuzzObject
{
	LhObject base;
	LhSlice bytes;
} FuzzObject;

/* As a file does it that ends too early. */
static inline LhStatus
fuzz_object_read(LhCtx *ctx, LhObject *obj, int64_t offset, size_t len, uint8_t *out)
{
	LhSlice bytes = ((FuzzObject *) obj)->bytes;

	if (offset < 0 || (size_t) offset > bytes.len || len > bytes.len - (size_t) offset)
		LH_FAIL(ctx, LH_CHANGED, "input ended while it was being read");
	if (len > 0)
		memcpy(out, bytes.data + offset, len);
	return LH_OK;
}

static inline LhStatus
fuzz_object_read_many(LhCtx *ctx, LhObject *obj, int n, const LhRange *ranges)
{
	for (int i = 0; i < n; i++)
		LH_TRY(fuzz_object_read(ctx, obj, ranges[i].offset, ranges[i].len, ranges[i].out));
	return LH_OK;
}

static inline void
fuzz_object_release(void *obj)
{
	(void) obj;
}

/* The bytes are borrowed until ctx->arena is reset. */
static inline LhObject *
fuzz_object(LhCtx *ctx, const void *p, size_t n)
{
	static const LhObjectVtable vtable = {
		.read = fuzz_object_read,
		.read_many = fuzz_object_read_many,
		.release = fuzz_object_release,
	};
	FuzzObject *obj = lh_alloc0(ctx, sizeof(*obj));

	if (obj == NULL)
		abort();
	obj->base.vtable = &vtable;
	obj->base.arena = ctx->arena;
	obj->base.id.path = "fuzz";
	obj->base.id.size = (int64_t) n;
	obj->bytes = lh_slice(p, n);
	return &obj->base;
}

#endif
