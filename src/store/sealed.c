/*
 * sealed.c
 *		The plain content of an encrypted object, block by block.
 *
 * Blocks (1 MB, as writers have them) are decrypted as a whole, for only then they can be told from
 * what somebody else put there.  A read of a whole block goes to its place; of one that is
 * wanted in part the plain bytes stay, since the next read mostly goes on in it.
 */
#include "store/sealed.h"

#include <string.h>

#include "core/buffer.h"
#include "store/object.h"

#define NO_BLOCK   (-1)
/* Ranges that are announced at once. */
#define MOST_AHEAD 16

typedef struct Sealed
{
	LhObject base;
	LhObject *under;
	LhGcmStream stream;
	LhGcmOpener *opener;
	LhBuf sealed; /* a block as it lies in the file */
	LhBuf plain;  /* the block that stays */
	int64_t at;   /* its number */
} Sealed;

/* Read a block and decrypt it to out. */
static LhStatus
open_block(LhCtx *ctx, Sealed *s, uint32_t ordinal, uint8_t *out)
{
	size_t len = lh_gcm_stream_length(&s->stream, ordinal);

	LH_TRY(lh_poll(ctx));
	LH_TRY(lh_buf_reserve(ctx, &s->sealed, len));
	LH_TRY(lh_object_read(ctx, s->under, lh_gcm_stream_place(&s->stream, ordinal), len,
						  s->sealed.data));
	return lh_gcm_open_block(ctx, s->opener, ordinal, lh_slice(s->sealed.data, len), out);
}

/* Make it the block that stays. */
static LhStatus
need_block(LhCtx *ctx, Sealed *s, uint32_t ordinal)
{
	size_t len = lh_gcm_stream_length(&s->stream, ordinal) - LH_AES_NONCE - LH_AES_TAG;

	if (s->at == (int64_t) ordinal)
		return LH_OK;
	s->at = NO_BLOCK;
	LH_TRY(lh_buf_reserve(ctx, &s->plain, len));
	LH_TRY(open_block(ctx, s, ordinal, s->plain.data));
	s->plain.len = len;
	s->at = ordinal;
	return LH_OK;
}

static LhStatus
read_sealed(LhCtx *ctx, LhObject *base, int64_t offset, size_t len, uint8_t *out)
{
	Sealed *s = (Sealed *) base;

	if (offset < 0 || offset > s->stream.plain || len > (uint64_t) (s->stream.plain - offset))
		LH_FAIL(
			ctx, LH_CORRUPT,
			"file \"%s\" ends at byte %lld of what is encrypted in it, but %llu bytes at %lld are wanted",
			base->id.path, (long long) s->stream.plain, (unsigned long long) len,
			(long long) offset);
	while (len > 0)
	{
		uint32_t ordinal = (uint32_t) (offset / s->stream.block);
		size_t from = (size_t) (offset % s->stream.block);
		size_t n = s->stream.block - from < len ? s->stream.block - from : len;

		if (n == s->stream.block && s->at != (int64_t) ordinal)
			LH_TRY(open_block(ctx, s, ordinal, out));
		else
		{
			LH_TRY(need_block(ctx, s, ordinal));
			memcpy(out, s->plain.data + from, n);
		}
		offset += (int64_t) n;
		out += n;
		len -= n;
	}
	return LH_OK;
}

static LhStatus
read_many_sealed(LhCtx *ctx, LhObject *obj, int n, const LhRange *ranges)
{
	for (int i = 0; i < n; i++)
		LH_TRY(read_sealed(ctx, obj, ranges[i].offset, ranges[i].len, ranges[i].out));
	return LH_OK;
}

/* The blocks that these bytes lie in; what is out of bounds is the later read's to refuse. */
static LhStatus
will_need_sealed(LhCtx *ctx, LhObject *obj, int n, const LhRange *ranges)
{
	Sealed *s = (Sealed *) obj;
	LhRange under[MOST_AHEAD];
	int k = 0;

	for (int i = 0; i < n && k < MOST_AHEAD; i++)
	{
		int64_t offset = ranges[i].offset, end;
		uint32_t last;

		if (offset < 0 || ranges[i].len == 0 || offset >= s->stream.plain ||
			ranges[i].len > (uint64_t) (s->stream.plain - offset))
			continue;
		end = offset + (int64_t) ranges[i].len;
		last = (uint32_t) ((end - 1) / s->stream.block);
		under[k].offset = lh_gcm_stream_place(&s->stream, (uint32_t) (offset / s->stream.block));
		under[k].len = (size_t) (lh_gcm_stream_place(&s->stream, last) - under[k].offset) +
					   lh_gcm_stream_length(&s->stream, last);
		under[k++].out = NULL;
	}
	return k > 0 ? lh_object_will_need(ctx, s->under, k, under) : LH_OK;
}

static void
drop_ahead_sealed(LhObject *obj)
{
	lh_object_drop_ahead(((Sealed *) obj)->under);
}

/* Plain text goes with the arena: buffers are freed with it; under is another's. */
static void
release_sealed(void *obj)
{
	Sealed *s = obj;

	s->at = NO_BLOCK;
	lh_buf_free(&s->sealed);
	lh_buf_free(&s->plain);
}

static const LhObjectVtable sealed_vtable = {
	.read = read_sealed,
	.read_many = read_many_sealed,
	.will_need = will_need_sealed,
	.drop_ahead = drop_ahead_sealed,
	.release = release_sealed,
};

LhStatus
lh_sealed_open(LhCtx *ctx, LhObject *under, const LhFileKey *key, LhObject **out)
{
	const LhObjectId *id = lh_object_id(under);
	uint8_t head[LH_GCM_STREAM_HEADER];
	size_t len = id->size < (int64_t) sizeof(head) ? (size_t) id->size : sizeof(head);
	Sealed *s;

	LH_TRY(lh_object_read(ctx, under, 0, len, head));
	LH_NEW(ctx, s);
	LH_TRY(lh_gcm_stream_shape(ctx, id->path, lh_slice(head, len), id->size, key, &s->stream));
	LH_TRY(lh_gcm_opener_create(ctx, id->path, key, &s->opener));
	LH_TRY(lh_buf_init(ctx, &s->sealed, true));
	LH_TRY(lh_buf_init(ctx, &s->plain, true));
	s->base = (LhObject){.vtable = &sealed_vtable, .id = *id, .arena = ctx->arena};
	s->base.id.size = s->stream.plain;
	s->base.id.secret = true;
	s->under = under;
	s->at = NO_BLOCK;
	*out = &s->base;
	return lh_arena_on_reset(ctx, ctx->arena, release_sealed, s);
}
