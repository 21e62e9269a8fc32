/*
 * index.c
 *		Row indexes: for every so many rows of a column where its streams stand,
 *		and statistics.
 *
 * An index is help, never needed: one whose entries are not as many as the rows ask
 * for is counted as absent.  Its places are checked where they are used.
 */
#include "orc/meta.h"

/* More would be a lie: a column has at most three streams of at most four numbers. */
#define MAX_POSITIONS 16

typedef struct Counts
{
	int entries;
	size_t positions;
} Counts;

static LhStatus
count(LhCtx *ctx, LhSlice section, Counts *out)
{
	LhProto r;
	LhProtoField f;

	*out = (Counts){0};
	lh_proto_init(&r, section);
	while (lh_proto_next(&r, &f))
	{
		LhProto entry;
		LhProtoField g;

		if (f.id != 1 || f.wire != LH_PROTO_BYTES)
			continue;
		if (out->entries++ % LH_ORC_POLL == 0)
			LH_TRY(lh_poll(ctx));
		lh_proto_init(&entry, f.bytes);
		while (lh_proto_next(&entry, &g))
		{
			LhProtoPacked packed;
			uint64_t v;

			if (g.id != 1)
				continue;
			lh_proto_packed(&g, &packed);
			while (lh_proto_packed_next(&packed, &v))
				out->positions++;
			if (packed.in.why != NULL)
				lh_proto_fail(&entry, "positions");
		}
		LH_TRY(lh_proto_status(ctx, &entry, "row index, an entry"));
	}
	return lh_proto_status(ctx, &r, "row index");
}

static LhStatus
read_entry(LhCtx *ctx, const LhOrcMeta *meta, const LhOrcNode *node, LhSlice bytes, int64_t rows,
		   uint64_t *positions, size_t *npositions, LhBounds *bounds)
{
	LhSlice stats = {0};
	LhProto r;
	LhProtoField f;

	lh_proto_init(&r, bytes);
	while (lh_proto_next(&r, &f))
	{
		LhProtoPacked packed;
		uint64_t v;

		if (f.id == 2)
			lh_proto_bytes(&f, &stats);
		if (f.id != 1)
			continue;
		lh_proto_packed(&f, &packed);
		while (lh_proto_packed_next(&packed, &v))
			positions[(*npositions)++] = v;
	}
	*bounds = (LhBounds){.rows = node->repeated ? -1 : rows, .nulls = -1, .may_nan = true};
	if (stats.data == NULL || node->encrypted)
		return LH_OK;
	return lh_orc_stats_bounds(ctx, meta, node, stats, bounds->rows, bounds);
}

/* In the stripe's arena, which is ctx->arena. */
static LhStatus
parse(LhCtx *ctx, const LhOrcFile *file, const LhOrcStripeState *s, const LhOrcNode *node,
	  LhSlice section, LhOrcIndex *index)
{
	int64_t rows = file->meta->stripes[s->number].rows;
	int64_t stride = file->meta->row_index_stride;
	uint64_t *positions;
	uint32_t *first;
	int64_t *first_row;
	LhBounds *bounds;
	size_t npositions = 0;
	int n = 0;
	Counts counts;
	LhProto r;
	LhProtoField f;

	LH_TRY(count(ctx, section, &counts));
	if (stride <= 0 || counts.entries != lh_orc_entries(rows, stride) ||
		counts.positions > (size_t) counts.entries * MAX_POSITIONS)
		return LH_OK;
	LH_NEW_ARRAY(ctx, positions, counts.positions + 1);
	LH_NEW_ARRAY(ctx, first, (size_t) counts.entries + 1);
	LH_NEW_ARRAY(ctx, first_row, (size_t) counts.entries + 1);
	LH_NEW_ARRAY(ctx, bounds, (size_t) counts.entries + 1);
	lh_proto_init(&r, section);
	while (lh_proto_next(&r, &f))
	{
		if (f.id != 1 || f.wire != LH_PROTO_BYTES)
			continue;
		if (n % LH_ORC_POLL == 0)
			LH_TRY(lh_poll(ctx));
		first_row[n] = n * stride;
		LH_TRY(read_entry(ctx, file->meta, node, f.bytes,
						  n + 1 < counts.entries ? stride : rows - n * stride, positions,
						  &npositions, &bounds[n]));
		first[++n] = (uint32_t) npositions;
	}
	*index = (LhOrcIndex){.rows = {.nentries = n, .first_row = first_row, .bounds = bounds},
						  .positions = positions,
						  .first_position = first};
	return LH_OK;
}

/* A stream of metadata, decompressed into ctx->arena. */
static LhStatus
read_section(LhCtx *ctx, const LhOrcFile *file, const LhOrcStreamInfo *stream, LhSlice *out)
{
	LhSlice raw = {.len = (size_t) stream->length};

	if (stream->length > LH_ORC_MAX_SECTION)
		LH_FAIL(ctx, LH_LIMIT, "%s of %lld bytes", lh_orc_stream_name(stream->kind),
				(long long) stream->length);
	raw.data = lh_alloc(ctx, raw.len + 1);
	if (raw.data == NULL)
		return ctx->error->code;
	LH_TRY(lh_object_read(ctx, file->obj, stream->offset, raw.len, (uint8_t *) raw.data));
	return lh_orc_section(ctx, file->blocks, file->meta->compression, file->meta->block_size, raw,
						  out);
}

LhStatus
lh_orc_read_metadata(LhCtx *ctx, LhOrcFile *file, LhOrcStripeState *s,
					 const LhOrcStreamInfo *stream, LhOrcMetadataFn fn, void *arg)
{
	LhArena *scratch = lh_arena_child(s->arena);
	LhArena *old;
	LhSlice section = {0};
	LhStatus status;

	if (scratch == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory for %s", lh_orc_stream_name(stream->kind));
	old = lh_use(ctx, scratch);
	status = read_section(ctx, file, stream, &section);
	lh_use(ctx, s->arena);
	if (status == LH_OK)
		status = fn(ctx, arg, section);
	lh_use(ctx, old);
	lh_arena_destroy(scratch);
	return status;
}

typedef struct Parsing
{
	const LhOrcFile *file;
	const LhOrcStripeState *s;
	const LhOrcNode *node;
} Parsing;

static LhStatus
parse_section(LhCtx *ctx, void *arg, LhSlice section)
{
	const Parsing *p = arg;
	LhOrcIndex *index;

	LH_NEW(ctx, index);
	LH_TRY(parse(ctx, p->file, p->s, p->node, section, index));
	p->s->indexes[p->node->column] = index;
	return LH_OK;
}

LhStatus
lh_orc_index(LhCtx *ctx, LhOrcFile *file, LhOrcStripeState *s, int node, const LhOrcIndex **out)
{
	static const LhOrcIndex none;
	const LhOrcNode *n = &file->meta->nodes[node];
	Parsing parsing = {file, s, n};
	const LhOrcStreamInfo *stream;
	LhStatus status;

	*out = s->indexes[n->column];
	if (*out != NULL)
		return LH_OK;
	*out = &none;
	stream = lh_orc_find_stream(s, n->column, LH_ORC_ROW_INDEX);
	if (stream == NULL || stream->length == 0 || file->meta->row_index_stride == 0)
		return LH_OK;
	status = lh_orc_read_metadata(ctx, file, s, stream, parse_section, &parsing);
	if (status != LH_OK)
	{
		lh_error_prefix(ctx, "ROW_INDEX");
		return status;
	}
	*out = s->indexes[n->column];
	return LH_OK;
}

LhStatus
lh_orc_row_index(LhCtx *ctx, LhOrcFile *file, int stripe, int node, const LhOrcRowIndex **out)
{
	LhOrcStripeState *s = NULL;
	const LhOrcIndex *index;
	LhStatus status;

	*out = NULL;
	LH_TRY(lh_orc_stripe_get(ctx, file, stripe, &s));
	if (file->meta->nodes[node].repeated)
		return LH_OK;
	status = lh_orc_index(ctx, file, s, node, &index);
	if (status != LH_OK)
		return lh_orc_with_place(ctx, file, stripe, node, status);
	if (index->rows.nentries > 0)
		*out = &index->rows;
	return LH_OK;
}
