/*
 * stripe.c
 *		Stripe footers: where a stripe's streams lie and how its columns are coded.
 *
 * One stripe is current: what was read of it, indexes and bloom filters
 * included, lives in an arena of its own.  When the file moves to another one, that
 * arena goes, unless columns are still open in it; then it goes with the last
 * of them.
 */
#include "orc/meta.h"

/* Streams and columns that are counted first, then kept. */
typedef struct Counts
{
	int nstreams;
	int ncolumns;
} Counts;

static void
count(LhProto *r, Counts *counts)
{
	LhProtoField f;

	while (lh_proto_next(r, &f))
		if (f.wire == LH_PROTO_BYTES)
		{
			counts->nstreams += f.id == 1;
			counts->ncolumns += f.id == 2;
		}
}

/* Columns of a file that we do not know are nobody's: -1. */
static LhStatus
read_stream(LhCtx *ctx, const LhOrcMeta *meta, LhSlice bytes, LhOrcStreamInfo *s)
{
	LhProto r;
	LhProtoField f;
	int kind = 0;

	lh_proto_init(&r, bytes);
	while (lh_proto_next(&r, &f))
		switch (f.id)
		{
			case 1: lh_proto_int(&r, &f, INT32_MAX, &kind); break;
			case 2: lh_proto_int(&r, &f, INT32_MAX, &s->column); break;
			case 3: lh_proto_i64(&r, &f, &s->length); break;
			default: break;
		}
	s->kind = (LhOrcStreamKind) kind;
	if (s->column >= meta->priv->ncolumns)
		s->column = -1;
	return lh_proto_status(ctx, &r, "stripe footer, a stream");
}

static LhStatus
read_encoding(LhCtx *ctx, LhSlice bytes, uint8_t *encoding, uint32_t *dictionary_size)
{
	LhProto r;
	LhProtoField f;
	int kind = 0, size = 0;

	lh_proto_init(&r, bytes);
	while (lh_proto_next(&r, &f))
		switch (f.id)
		{
			case 1: lh_proto_int(&r, &f, UINT8_MAX, &kind); break;
			case 2: lh_proto_int(&r, &f, INT32_MAX, &size); break;
			default: break;
		}
	*encoding = (uint8_t) kind;
	*dictionary_size = (uint32_t) size;
	return lh_proto_status(ctx, &r, "stripe footer, an encoding");
}

/* Streams lie behind each other from the stripe's begin on, up to its footer. */
static LhStatus
place_streams(LhCtx *ctx, const LhOrcStripe *stripe, LhOrcStreamInfo *streams, int n)
{
	int64_t at = stripe->offset;
	int64_t end = stripe->offset + stripe->index_length + stripe->data_length;

	for (int i = 0; i < n; i++)
	{
		if (streams[i].length > end - at)
			LH_FAIL(
				ctx, LH_CORRUPT,
				"stripe footer is damaged: stream %s of column %d at offset %lld has %lld bytes, %lld are left",
				lh_orc_stream_name(streams[i].kind), streams[i].column, (long long) at,
				(long long) streams[i].length, (long long) (end - at));
		streams[i].offset = at;
		at += streams[i].length;
	}
	return LH_OK;
}

/* Streams by column, in file order within one: counting sort. */
static LhStatus
sort_streams(LhCtx *ctx, LhOrcStripeState *s, int ncolumns)
{
	int *first, *by_column;

	LH_NEW_ARRAY(ctx, first, (size_t) ncolumns + 2);
	LH_NEW_ARRAY(ctx, by_column, (size_t) s->info.nstreams + 1);
	for (int i = 0; i < s->info.nstreams; i++)
		if (s->info.streams[i].column >= 0)
			first[s->info.streams[i].column + 2]++;
	for (int c = 0; c <= ncolumns; c++)
		first[c + 1] += first[c];
	for (int i = 0; i < s->info.nstreams; i++)
		if (s->info.streams[i].column >= 0)
			by_column[first[s->info.streams[i].column + 1]++] = i;
	s->first_stream = first;
	s->by_column = by_column;
	return LH_OK;
}

static LhStatus
parse(LhCtx *ctx, const LhOrcMeta *meta, const LhOrcStripe *stripe, LhSlice footer,
	  LhOrcStripeState *s)
{
	int ncolumns = meta->priv->ncolumns;
	Counts counts = {0};
	LhOrcStreamInfo *streams;
	uint8_t *encodings;
	uint32_t *sizes;
	LhSlice zone = {0};
	LhProto r;
	LhProtoField f;
	int nstreams = 0, nencodings = 0;

	lh_proto_init(&r, footer);
	count(&r, &counts);
	LH_TRY(lh_proto_status(ctx, &r, "stripe footer"));
	if (counts.ncolumns < ncolumns)
		LH_FAIL(ctx, LH_CORRUPT,
				"stripe footer is damaged: expected encodings of %d columns, found %d", ncolumns,
				counts.ncolumns);
	LH_NEW_ARRAY(ctx, streams, (size_t) counts.nstreams + 1);
	LH_NEW_ARRAY(ctx, encodings, (size_t) counts.ncolumns);
	LH_NEW_ARRAY(ctx, sizes, (size_t) counts.ncolumns);
	lh_proto_init(&r, footer);
	while (lh_proto_next(&r, &f))
	{
		if (f.wire != LH_PROTO_BYTES)
			continue;
		if ((nstreams + nencodings) % LH_ORC_POLL == 0)
			LH_TRY(lh_poll(ctx));
		if (f.id == 1)
			LH_TRY(read_stream(ctx, meta, f.bytes, &streams[nstreams++]));
		else if (f.id == 2)
		{
			LH_TRY(read_encoding(ctx, f.bytes, &encodings[nencodings], &sizes[nencodings]));
			nencodings++;
		}
		else if (f.id == 3)
			zone = f.bytes;
	}
	LH_TRY(place_streams(ctx, stripe, streams, nstreams));
	s->info = (LhOrcStripeInfo){.nstreams = nstreams,
								.streams = streams,
								.ncolumns = ncolumns,
								.encodings = encodings,
								.dictionary_sizes = sizes};
	if (zone.len > 0)
	{
		LhOrcAllowance allowance = {4 * zone.len + 16};

		LH_TRY(lh_orc_text(ctx, &allowance, zone, &s->info.timezone));
	}
	LH_NEW_ARRAY(ctx, s->indexes, (size_t) ncolumns);
	LH_NEW_ARRAY(ctx, s->blooms, (size_t) ncolumns);
	return sort_streams(ctx, s, ncolumns);
}

/* Bytes and what they were made of are scratch: what is kept lies in s->arena. */
static LhStatus
load(LhCtx *ctx, LhOrcFile *file, LhOrcStripeState *s)
{
	const LhOrcStripe *stripe = &file->meta->stripes[s->number];
	LhArena *scratch = lh_arena_child(s->arena);
	LhArena *old;
	LhSlice footer = {0};
	LhStatus status;

	if (scratch == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory for the stripe's footer");
	old = lh_use(ctx, scratch);
	footer.len = (size_t) stripe->footer_length;
	footer.data = lh_alloc(ctx, footer.len + 1);
	status = footer.data == NULL ? ctx->error->code : LH_OK;
	if (status == LH_OK)
		status = lh_object_read(ctx, file->obj,
								stripe->offset + stripe->index_length + stripe->data_length,
								footer.len, (uint8_t *) footer.data);
	if (status == LH_OK)
		status = lh_orc_section(ctx, file->blocks, file->meta->compression, file->meta->block_size,
								footer, &footer);
	if (status == LH_OK)
	{
		lh_use(ctx, s->arena);
		status = parse(ctx, file->meta, stripe, footer, s);
	}
	lh_use(ctx, old);
	lh_arena_destroy(scratch);
	return status;
}

/* An LhReleaseFn: the file's arena may go before columns do. */
static void
forget_arena(void *arg)
{
	LhOrcStripeState *s = arg;

	s->arena = NULL;
}

static void
maybe_free(LhOrcStripeState *s)
{
	if (s != NULL && s->refs == 0 && !s->current && s->arena != NULL)
		lh_arena_destroy(s->arena);
}

LhStatus
lh_orc_stripe_get(LhCtx *ctx, LhOrcFile *file, int stripe, LhOrcStripeState **out)
{
	LhOrcStripeState *s = NULL;
	LhArena *old, *arena;
	LhStatus status;

	*out = NULL;
	if (stripe < 0 || stripe >= file->meta->nstripes)
		LH_FAIL(ctx, LH_BUG, "%s: stripe %d of %d", file->path, stripe, file->meta->nstripes);
	*out = file->stripe;
	if (file->stripe != NULL && file->stripe->number == stripe)
		return LH_OK;
	old = lh_use(ctx, file->arena);
	s = lh_alloc0(ctx, sizeof(*s));
	arena = s != NULL ? lh_arena_child(file->arena) : NULL;
	lh_use(ctx, old);
	if (arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory for the stripe's footer");
	s->arena = arena;
	s->number = stripe;
	old = lh_use(ctx, arena);
	status = lh_arena_on_reset(ctx, arena, forget_arena, s);
	if (status == LH_OK)
		status = load(ctx, file, s);
	lh_use(ctx, old);
	if (status != LH_OK)
	{
		lh_arena_destroy(arena);
		return lh_orc_with_place(ctx, file, stripe, -1, status);
	}
	if (file->stripe != NULL)
	{
		file->stripe->current = false;
		maybe_free(file->stripe);
	}
	s->current = true;
	*out = file->stripe = s;
	return LH_OK;
}

void
lh_orc_stripe_leave(LhOrcStripeState *s)
{
	s->refs--;
	maybe_free(s);
}

LhStatus
lh_orc_stripe(LhCtx *ctx, LhOrcFile *file, int stripe, const LhOrcStripeInfo **out)
{
	LhOrcStripeState *s = NULL;

	LH_TRY(lh_orc_stripe_get(ctx, file, stripe, &s));
	*out = &s->info;
	return LH_OK;
}

const LhOrcStreamInfo *
lh_orc_find_stream(const LhOrcStripeState *s, int column, int kind)
{
	for (int i = s->first_stream[column]; i < s->first_stream[column + 1]; i++)
		if ((int) s->info.streams[s->by_column[i]].kind == kind)
			return &s->info.streams[s->by_column[i]];
	return NULL;
}

/*
 * Fetching ahead
 */

/* Nodes at or below those that are named: children come behind their parents. */
static LhStatus
mark_wanted(LhCtx *ctx, const LhOrcMeta *meta, int n, const int *nodes, bool **out)
{
	bool *wanted;

	LH_NEW_ARRAY(ctx, wanted, (size_t) meta->nnodes);
	for (int i = 0; i < n; i++)
		wanted[nodes[i]] = true;
	for (int i = 1; i < meta->nnodes; i++)
		wanted[i] |= wanted[meta->nodes[i].parent];
	*out = wanted;
	return LH_OK;
}

/* Does the stream hold values of a node that is wanted? */
static bool
is_wanted(const LhOrcMeta *meta, const LhOrcStreamInfo *s, const bool *wanted)
{
	if (s->column < 0 || s->kind == LH_ORC_ROW_INDEX || s->kind == LH_ORC_BLOOM_FILTER ||
		s->kind == LH_ORC_BLOOM_FILTER_UTF8 || s->kind > LH_ORC_SECONDARY)
		return false;
	return meta->column_nodes[s->column] >= 0 && wanted[meta->column_nodes[s->column]];
}

/* The ranges of the streams that are wanted, neighbours together, in ctx->arena; *n of them. */
static LhStatus
find_ranges(LhCtx *ctx, const LhOrcMeta *meta, const LhOrcStripeInfo *info, int nnodes,
			const int *nodes, LhRange **out, int *n)
{
	LhRange *ranges;
	bool *wanted = NULL;
	int k = 0;

	LH_TRY(mark_wanted(ctx, meta, nnodes, nodes, &wanted));
	LH_NEW_ARRAY(ctx, ranges, (size_t) info->nstreams + 1);
	for (int i = 0; i < info->nstreams; i++)
	{
		const LhOrcStreamInfo *stream = &info->streams[i];

		if (i % LH_ORC_POLL == 0)
			LH_TRY(lh_poll(ctx));
		if (stream->length == 0 || !is_wanted(meta, stream, wanted))
			continue;
		if (k > 0 && ranges[k - 1].offset + (int64_t) ranges[k - 1].len == stream->offset)
			ranges[k - 1].len += (size_t) stream->length;
		else
			ranges[k++] = (LhRange){.offset = stream->offset, .len = (size_t) stream->length};
	}
	*out = ranges;
	*n = k;
	return LH_OK;
}

LhStatus
lh_orc_will_need(LhCtx *ctx, LhOrcFile *file, int stripe, int n, const int *nodes)
{
	LhOrcStripeState *s = NULL;
	LhArena *scratch, *old;
	LhRange *ranges = NULL;
	LhStatus status;
	int k = 0;

	if (!lh_object_is_remote(file->obj))
		return LH_OK;
	LH_TRY(lh_orc_stripe_get(ctx, file, stripe, &s));
	scratch = lh_arena_child(ctx->arena);
	if (scratch == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	old = lh_use(ctx, scratch);
	status = find_ranges(ctx, file->meta, &s->info, n, nodes, &ranges, &k);
	lh_use(ctx, old);
	if (status == LH_OK)
		status = lh_object_will_need(ctx, file->obj, k, ranges);
	lh_arena_destroy(scratch);
	return status;
}
