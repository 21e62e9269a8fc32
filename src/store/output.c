/*
 * output.c
 *		Outputs: which kind a location is, what all kinds have in common, and those
 *		that call a function.
 *
 * An output that failed can only be aborted: what it holds is not whole.
 */
#include "store/s3_output.h"

/* Bytes between two polls of the host. */
#define WRITE_PIECE ((size_t) 4 << 20)

static void
release(void *arg)
{
	LhOutput *o = arg;

	if (o->vtable != NULL)
		o->vtable->abort(o);
	o->vtable = NULL;
}

LhStatus
lh_output_make(LhCtx *ctx, const LhOutputVtable *vtable, void *state, LhOutput **out)
{
	LhOutput *o = lh_alloc0(ctx, sizeof(*o));

	if (o == NULL)
	{
		LhOutput gone = {.vtable = vtable, .state = state, .arena = ctx->arena};

		vtable->abort(&gone);
		return ctx->error->code;
	}
	*o = (LhOutput){.vtable = vtable, .state = state, .arena = ctx->arena};
	LH_TRY(lh_arena_on_reset(ctx, ctx->arena, release, o));
	*out = o;
	return LH_OK;
}

LhStatus
lh_output_create(LhCtx *ctx, LhStore *store, const char *location, const LhOutputOptions *options,
				 LhOutput **out)
{
	static const LhOutputOptions defaults = {0};
	const LhOutputVtable *vtable;
	LhScheme scheme;
	const char *path;
	void *state;

	if (options == NULL)
		options = &defaults;
	LH_TRY(lh_location_parse(ctx, location, &scheme, &path));
	switch (scheme)
	{
		case LH_SCHEME_LOCAL:
			return lh_local_output(ctx, store, location, options, out);
		case LH_SCHEME_S3:
			LH_TRY(lh_s3_output_begin(ctx, store, location, options, &vtable, &state));
			return lh_output_make(ctx, vtable, state, out);
		case LH_SCHEME_HTTP:
		case LH_SCHEME_HTTPS:
			break;
	}
	lh_fail(ctx, LH_UNSUPPORTED, "\"%s\" cannot be written: web servers are only read", path);
	lh_hint(ctx, "Write to an object store (\"s3:\") or to a local path.");
	return LH_UNSUPPORTED;
}

static LhStatus
check_open(LhCtx *ctx, const LhOutput *o)
{
	if (o->vtable == NULL)
		LH_FAIL(ctx, LH_BUG, "an output was used after its end");
	return LH_OK;
}

LhStatus
lh_output_write(LhCtx *ctx, LhOutput *o, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	LH_TRY(check_open(ctx, o));
	while (len > 0)
	{
		size_t piece = len < WRITE_PIECE ? len : WRITE_PIECE;
		LhStatus status = lh_poll(ctx);

		if (status == LH_OK)
			status = o->vtable->write(ctx, o, p, piece);
		if (status != LH_OK)
		{
			lh_output_abort(o);
			return status;
		}
		o->position += (int64_t) piece;
		p += piece;
		len -= piece;
	}
	return LH_OK;
}

int64_t
lh_output_position(const LhOutput *o)
{
	return o->position;
}

LhStatus
lh_output_finish(LhCtx *ctx, LhOutput *o, LhObjectId *id)
{
	LhStatus status;

	LH_TRY(check_open(ctx, o));
	status = o->vtable->finish(ctx, o, id);
	if (status != LH_OK)
	{
		lh_output_abort(o);
		return status;
	}
	lh_arena_forget(o->arena, release, o);
	o->vtable = NULL;
	return LH_OK;
}

void
lh_output_abort(LhOutput *o)
{
	if (o->vtable == NULL)
		return;
	lh_arena_forget(o->arena, release, o);
	release(o);
}

/*
 * Outputs that call a function
 */

typedef struct Callee
{
	LhOutputFn fn;
	void *arg;
} Callee;

static LhStatus
callee_write(LhCtx *ctx, LhOutput *o, const uint8_t *bytes, size_t len)
{
	const Callee *callee = o->state;

	return callee->fn(ctx, callee->arg, bytes, len);
}

static LhStatus
callee_finish(LhCtx *ctx, LhOutput *o, LhObjectId *id)
{
	(void) ctx;
	if (id != NULL)
		*id = (LhObjectId){.path = "", .size = o->position};
	return LH_OK;
}

static void
callee_abort(LhOutput *o)
{
	(void) o;
}

LhStatus
lh_output_to(LhCtx *ctx, LhOutputFn fn, void *arg, LhOutput **out)
{
	static const LhOutputVtable vtable = {callee_write, callee_finish, callee_abort};
	Callee *callee;

	LH_NEW(ctx, callee);
	*callee = (Callee){fn, arg};
	return lh_output_make(ctx, &vtable, callee, out);
}
