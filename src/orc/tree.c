/*
 * tree.c
 *		Readers of nodes: null bits, lists, maps, structs and unions.
 *
 * What slots and masks are: reader.h.
 */
#include "orc/kernels.h"
#include "orc/reader.h"

/* Entries of lists that one read may have. */
#define MAX_ENTRIES (UINT64_C(1) << 26)

LhStatus
lh_orc_fit(LhCtx *ctx, LhBuf *buf, size_t n, size_t size)
{
	return lh_orc_buf_grow(ctx, buf, n * size, 0);
}

/*
 * Opening
 */

static bool
is_list(const LhOrcReader *r)
{
	return r->node->kind == LH_ORC_LIST || r->node->kind == LH_ORC_MAP;
}

/* Which encodings may a kind have? */
static LhStatus
check_encoding(LhCtx *ctx, const LhOrcReader *r)
{
	bool strings = r->type.id == LH_T_STRING || r->node->kind == LH_ORC_BINARY;

	if (r->encoding > LH_ORC_DICTIONARY_V2 || (lh_orc_is_dictionary(r->encoding) && !strings))
		LH_FAIL(ctx, LH_CORRUPT, "stripe footer is damaged: a %s is coded as %s",
				lh_orc_kind_name(r->node->kind), lh_orc_encoding_name(r->encoding));
	return LH_OK;
}

LhStatus
lh_orc_reader_open_present(LhCtx *ctx, LhOrcReader *r, LhOrcFile *file, LhOrcStripeState *s,
						   int node)
{
	const LhOrcStreamInfo *info;

	*r = (LhOrcReader){.file = file, .stripe = s, .node = &file->meta->nodes[node]};
	r->type = r->node->type;
	r->encoding = s->info.encodings[r->node->column];
	r->v2 = lh_orc_is_v2(r->encoding);
	info = lh_orc_find_stream(s, r->node->column, LH_ORC_PRESENT);
	r->has_present = info != NULL;
	LH_TRY(lh_orc_stream_init(ctx, &r->present_stream, file, LH_ORC_PRESENT, info));
	lh_orc_bits_init(&r->present, &r->present_stream);
	LH_TRY(lh_buf_init(ctx, &r->valid, true));
	LH_TRY(lh_buf_init(ctx, &r->dense, true));
	LH_TRY(lh_buf_init(ctx, &r->values, true));
	LH_TRY(lh_buf_init(ctx, &r->numbers, true));
	LH_TRY(lh_buf_init(ctx, &r->offsets, true));
	LH_TRY(lh_buf_init(ctx, &r->dict_bytes, true));
	return lh_buf_init(ctx, &r->dict_values, true);
}

static LhStatus
open_children(LhCtx *ctx, LhOrcReader *r)
{
	const LhOrcNode *nodes = r->file->meta->nodes;
	int n = 0;
	void *mem;

	LH_TRY(lh_orc_floor(ctx, (size_t) r->node->nchildren, sizeof(*r->children), &mem));
	r->children = mem;
	LH_TRY(lh_orc_floor(ctx, (size_t) r->node->nchildren, sizeof(*r->vecs), &mem));
	r->vecs = mem;
	for (int i = r->node->first_child; i >= 0; i = nodes[i].next)
		LH_TRY(lh_orc_reader_open(ctx, &r->children[n++], r->file, r->stripe, i));
	r->nchildren = n;
	return LH_OK;
}

/* The attribute iceberg.length says what it likes. */
static LhStatus
check_width(LhCtx *ctx, const LhOrcReader *r)
{
	if (r->type.lane != LH_LANE_FIX || r->type.width <= LH_ORC_MAX_FIXED)
		return LH_OK;
	lh_fail(ctx, LH_LIMIT, "values of a fixed length of %d bytes, the limit is %d", r->type.width,
			LH_ORC_MAX_FIXED);
	lh_hint(ctx, "Leave the column out, or write it without the attribute iceberg.length.");
	return LH_LIMIT;
}

LhStatus
lh_orc_reader_open(LhCtx *ctx, LhOrcReader *r, LhOrcFile *file, LhOrcStripeState *s, int node)
{
	LH_TRY(lh_orc_reader_open_present(ctx, r, file, s, node));
	LH_TRY(check_encoding(ctx, r));
	LH_TRY(check_width(ctx, r));
	if (r->node->leaf >= 0)
	{
		r->ops = lh_orc_leaf_ops(r);
		return r->ops->open(ctx, r);
	}
	if (is_list(r))
	{
		LH_TRY(lh_orc_leaf_stream(ctx, r, &r->second, LH_ORC_LENGTH));
		LH_TRY(lh_orc_leaf_rle(ctx, &r->second, false, r->v2, &r->second_rle));
	}
	else if (r->node->kind == LH_ORC_UNION)
	{
		LH_TRY(lh_orc_leaf_stream(ctx, r, &r->data, LH_ORC_DATA));
		lh_orc_bytes_init(&r->bytes, &r->data);
	}
	return open_children(ctx, r);
}

/*
 * Null bits
 */

/* The bits of "in" one after the other on the set bits of mask. */
static void
deposit(const uint64_t *in, const uint64_t *mask, size_t nwords, uint64_t *out)
{
	size_t at = 0;

	for (size_t i = 0; i < nwords; i++)
	{
		uint64_t w = 0;

		for (uint64_t m = mask[i]; m != 0; m &= m - 1, at++)
			if (lh_bit_get(in, at))
				w |= m & -m;
		out[i] = w;
	}
}

LhStatus
lh_orc_reader_valid(LhCtx *ctx, LhOrcReader *r, const LhOrcSlots *slots, const uint64_t **valid,
					size_t *count)
{
	size_t words = LH_WORDS(slots->n);
	uint64_t *bits;

	*valid = slots->mask;
	*count = slots->count;
	if (!r->has_present || slots->n == 0)
		return LH_OK;
	/* behind the slots' own bits there is room for those of the stream */
	LH_TRY(lh_orc_fit(ctx, &r->valid, 2 * words + 2, sizeof(uint64_t)));
	bits = (uint64_t *) (void *) r->valid.data;
	if (slots->mask == NULL)
		LH_TRY(lh_orc_bits_read(ctx, &r->present, slots->n, bits));
	else
	{
		LH_TRY(lh_orc_bits_read(ctx, &r->present, slots->count, bits + words + 1));
		deposit(bits + words + 1, slots->mask, words, bits);
	}
	*count = lh_bits_count(bits, words);
	if (*count < slots->count)
		*valid = bits;
	return LH_OK;
}

LhStatus
lh_orc_reader_skip_present(LhCtx *ctx, LhOrcReader *r, uint64_t n, uint64_t *count)
{
	*count = n;
	return r->has_present ? lh_orc_bits_skip(ctx, &r->present, n, count) : LH_OK;
}

/*
 * Leaves
 */

/* Slots without a value: zeros, and empty strings that can be read. */
static void
blank(const LhType *type, void *out, size_t n)
{
	static const uint8_t nothing[LH_PADDING];
	LhStr *strs = out;

	if (type->lane != LH_LANE_STR)
	{
		if (n > 0)
			memset(out, 0, n * lh_lane_size(type->lane, type->width));
		return;
	}
	for (size_t i = 0; i < n; i++)
		strs[i] = (LhStr){nothing, 0, 0};
}

/* Dense values on the set bits of valid. */
static void
spread(const LhType *type, const void *dense, const uint64_t *valid, size_t n, void *out)
{
	size_t size = lh_lane_size(type->lane, type->width);
	const uint8_t *in = dense;
	uint8_t *to = out;

	if (size == 4)
	{
		lh_orc_kernels->expand32(dense, valid, 0, n, out);
		return;
	}
	if (size == 8)
	{
		lh_orc_kernels->expand64(dense, valid, 0, n, out);
		return;
	}
	blank(type, out, n);
	for (size_t w = 0; w < LH_WORDS(n); w++)
		for (uint64_t m = valid[w]; m != 0; m &= m - 1)
		{
			size_t i = w * 64 + (size_t) __builtin_ctzll(m);

			memcpy(to + i * size, in, size);
			in += size;
		}
}

/* All slots that are wanted have a value: no bitmap. */
static LhStatus
read_whole(LhCtx *ctx, LhOrcReader *r, const LhOrcSlots *slots, size_t count, const LhType *lane,
		   LhVec *out)
{
	size_t size = lh_lane_size(lane->lane, lane->width);
	size_t from = count == slots->n ? 0 : slots->from;

	if (count == slots->n && r->ops->borrow != NULL)
		return r->ops->borrow(ctx, r, count, &out->data);
	LH_TRY(lh_orc_fit(ctx, &r->values, slots->n + 1, size));
	blank(lane, r->values.data, from);
	LH_TRY(r->ops->read(ctx, r, count, r->values.data + from * size));
	blank(lane, r->values.data + (from + count) * size, slots->n - from - count);
	out->data = r->values.data;
	return LH_OK;
}

/*
 * All codes of a batch as runs, or as codes when there are too many runs.  A column of
 * short runs would only be slowed down: after failures the next attempts wait ever longer.
 */
static LhStatus
read_runs(LhCtx *ctx, LhOrcReader *r, size_t n, LhVec *out)
{
	int most = (int) (n / LH_ORC_MIN_RUN) + 1;
	uint32_t *codes;
	size_t done = 0, at = 0;
	int nruns = 0;

	LH_TRY(lh_orc_dict_runs(ctx, r, n, r->runs, most, &nruns, &done));
	out->dict = r->dict;
	if (done == n)
	{
		r->run_failures = 0;
		out->kind = LH_VEC_RUNS;
		out->runs = r->runs;
		out->nruns = nruns;
		return LH_OK;
	}
	if (r->run_failures < 5)
		r->run_failures++;
	r->run_pause = (1 << r->run_failures) - 1;
	LH_TRY(lh_orc_fit(ctx, &r->values, n + 1, sizeof(*codes)));
	codes = (uint32_t *) (void *) r->values.data;
	for (int i = 0; i < nruns; i++)
		for (; at < r->runs[i].end; at++)
			codes[at] = r->runs[i].code;
	LH_TRY(r->ops->read(ctx, r, n - done, codes + done));
	out->kind = LH_VEC_DICT;
	out->codes = codes;
	return LH_OK;
}

/* May the batch be tried as runs? */
static bool
try_runs(LhOrcReader *r, size_t n)
{
	if (!r->by_code || !r->top || n > LH_BATCH)
		return false;
	if (r->run_pause == 0)
		return true;
	r->run_pause--;
	return false;
}

static LhStatus
read_leaf(LhCtx *ctx, LhOrcReader *r, const LhOrcSlots *slots, LhVec *out)
{
	const LhType lane = r->by_code ? (LhType){.lane = LH_LANE_I32} : r->type;
	const uint64_t *valid = NULL;
	size_t count = 0;

	LH_TRY(lh_orc_reader_valid(ctx, r, slots, &valid, &count));
	if (count == 0)
	{
		lh_vec_null(out, &r->type, (int) slots->n);
		return LH_OK;
	}
	*out = (LhVec){.type = r->type, .kind = LH_VEC_FLAT, .n = (int) slots->n};
	if (count == slots->n && try_runs(r, count))
		return read_runs(ctx, r, count, out);
	if (count == slots->n || (slots->range && count == slots->count))
		LH_TRY(read_whole(ctx, r, slots, count, &lane, out));
	else
	{
		size_t size = lh_lane_size(lane.lane, lane.width);

		LH_TRY(lh_orc_fit(ctx, &r->dense, count + 1, size));
		LH_TRY(r->ops->read(ctx, r, count, r->dense.data));
		LH_TRY(lh_orc_fit(ctx, &r->values, slots->n + 1, size));
		spread(&lane, r->dense.data, valid, slots->n, r->values.data);
		out->data = r->values.data;
		out->valid = valid;
	}
	if (r->by_code)
	{
		out->kind = LH_VEC_DICT;
		out->dict = r->dict;
		out->codes = out->data;
		out->data = NULL;
	}
	return LH_OK;
}

/*
 * Nested nodes
 */

/* A leaf that fails says which one it is; those above it have said so then. */
static LhStatus
read_child(LhCtx *ctx, LhOrcReader *r, int i, const LhOrcSlots *slots)
{
	LhStatus status = lh_orc_reader_read(ctx, &r->children[i], slots, &r->vecs[i]);

	if (status != LH_OK && status != LH_CANCELLED && r->children[i].ops != NULL)
		lh_error_prefix(ctx, "leaf \"%s\"", r->children[i].node->name);
	return status;
}

static LhStatus
read_children(LhCtx *ctx, LhOrcReader *r, const LhOrcSlots *slots, LhVec *out)
{
	for (int i = 0; i < r->nchildren; i++)
		LH_TRY(read_child(ctx, r, i, slots));
	out->nchildren = r->nchildren;
	out->children = r->vecs;
	return LH_OK;
}

static LhStatus
read_struct(LhCtx *ctx, LhOrcReader *r, const LhOrcSlots *slots, const uint64_t *valid,
			size_t count, LhVec *out)
{
	const LhOrcSlots below = {
		.n = slots->n, .mask = count == slots->n ? NULL : valid, .count = count};

	return read_children(ctx, r, &below, out);
}

/* Where each slot's entries begin: those without a list have none. */
static LhStatus
read_list(LhCtx *ctx, LhOrcReader *r, const LhOrcSlots *slots, const uint64_t *valid, size_t count,
		  LhVec *out)
{
	const int64_t *lengths;
	uint32_t *offsets;
	uint64_t total = 0;
	LhOrcSlots below;

	LH_TRY(lh_orc_fit(ctx, &r->numbers, count + 1, sizeof(int64_t)));
	LH_TRY(lh_orc_rle_read(ctx, r->second_rle, count, (int64_t *) (void *) r->numbers.data));
	LH_TRY(lh_orc_fit(ctx, &r->offsets, slots->n + 1, sizeof(uint32_t)));
	lengths = (const int64_t *) (const void *) r->numbers.data;
	offsets = (uint32_t *) (void *) r->offsets.data;
	for (size_t i = 0; i < slots->n; i++)
	{
		offsets[i] = (uint32_t) total;
		if (count < slots->n && !lh_bit_get(valid, i))
			continue;
		if (*lengths < 0 || (uint64_t) *lengths > MAX_ENTRIES - total)
			LH_FAIL(ctx, *lengths < 0 ? LH_CORRUPT : LH_LIMIT,
					"lists of %zu rows have more than %llu entries", slots->n,
					(unsigned long long) MAX_ENTRIES);
		total += (uint64_t) *lengths++;
	}
	offsets[slots->n] = (uint32_t) total;
	out->offsets = offsets;
	below = (LhOrcSlots){.n = (size_t) total, .count = (size_t) total};
	return read_children(ctx, r, &below, out);
}

static LhStatus
bad_tag(LhCtx *ctx, const LhOrcReader *r)
{
	return lh_orc_stream_bad(ctx, &r->data, "tags of branches that the union has");
}

/* A mask for each branch, behind each other in r->values. */
static LhStatus
read_union(LhCtx *ctx, LhOrcReader *r, const LhOrcSlots *slots, const uint64_t *valid, size_t count,
		   LhVec *out)
{
	size_t words = LH_WORDS(slots->n) + 1;
	size_t bytes = words * sizeof(uint64_t) * (size_t) r->nchildren;
	const uint8_t *tag;
	uint64_t *masks;

	LH_TRY(lh_orc_fit(ctx, &r->dense, count + 1, 1));
	LH_TRY(lh_orc_bytes_read(ctx, &r->bytes, count, r->dense.data));
	LH_TRY(lh_orc_fit(ctx, &r->values, bytes, 1));
	tag = r->dense.data;
	masks = (uint64_t *) (void *) r->values.data;
	memset(masks, 0, bytes);
	for (size_t i = 0; i < slots->n; i++)
	{
		if (count < slots->n && !lh_bit_get(valid, i))
			continue;
		if (*tag >= r->nchildren)
			return bad_tag(ctx, r);
		lh_bit_set(masks + words * *tag++, i);
	}
	for (int i = 0; i < r->nchildren; i++)
	{
		LhOrcSlots below = {.n = slots->n, .mask = masks + words * (size_t) i};

		below.count = lh_bits_count(below.mask, LH_WORDS(slots->n));
		if (below.count == below.n)
			below.mask = NULL;
		LH_TRY(read_child(ctx, r, i, &below));
	}
	out->nchildren = r->nchildren;
	out->children = r->vecs;
	return LH_OK;
}

LhStatus
lh_orc_reader_read(LhCtx *ctx, LhOrcReader *r, const LhOrcSlots *slots, LhVec *out)
{
	const uint64_t *valid = NULL;
	size_t count = 0;

	if (r->ops != NULL)
		return read_leaf(ctx, r, slots, out);
	LH_TRY(lh_orc_reader_valid(ctx, r, slots, &valid, &count));
	*out = (LhVec){.type = r->type, .kind = LH_VEC_FLAT, .n = (int) slots->n};
	if (count < slots->n)
		out->valid = valid;
	if (is_list(r))
		return read_list(ctx, r, slots, valid, count, out);
	if (r->node->kind == LH_ORC_UNION)
		return read_union(ctx, r, slots, valid, count, out);
	return read_struct(ctx, r, slots, valid, count, out);
}

/*
 * Skipping
 */

static LhStatus
skip_union(LhCtx *ctx, LhOrcReader *r, uint64_t n)
{
	uint64_t counts[256] = {0};
	uint8_t tags[LH_BATCH];

	while (n > 0)
	{
		size_t k = n < LH_BATCH ? (size_t) n : LH_BATCH;

		LH_TRY(lh_orc_bytes_read(ctx, &r->bytes, k, tags));
		for (size_t i = 0; i < k; i++)
			counts[tags[i]]++;
		n -= k;
	}
	for (int i = r->nchildren; i < 256; i++)
		if (counts[i] > 0)
			return bad_tag(ctx, r);
	for (int i = 0; i < r->nchildren; i++)
		LH_TRY(lh_orc_reader_skip(ctx, &r->children[i], counts[i]));
	return LH_OK;
}

LhStatus
lh_orc_reader_skip(LhCtx *ctx, LhOrcReader *r, uint64_t n)
{
	LH_TRY(lh_orc_reader_skip_present(ctx, r, n, &n));
	if (n == 0)
		return LH_OK;
	if (r->ops != NULL)
		return r->ops->skip(ctx, r, n);
	if (r->node->kind == LH_ORC_UNION)
		return skip_union(ctx, r, n);
	if (is_list(r))
		LH_TRY(lh_orc_rle_sum(ctx, r->second_rle, n, INT64_MAX, &n));
	for (int i = 0; i < r->nchildren; i++)
		LH_TRY(lh_orc_reader_skip(ctx, &r->children[i], n));
	return LH_OK;
}

/*
 * Jumping
 */

LhStatus
lh_orc_reader_can_seek(LhCtx *ctx, LhOrcReader *r, bool *can)
{
	const LhOrcIndex *index = NULL;
	bool streams = r->has_present || r->ops != NULL || r->node->kind != LH_ORC_STRUCT;

	if (streams)
	{
		LhStatus status = lh_orc_index(ctx, r->file, r->stripe, r->node->index, &index);

		/* an index that is damaged or does not fit into memory is done without */
		if (status == LH_CORRUPT || status == LH_NO_MEMORY || status == LH_LIMIT)
		{
			lh_error_clear(ctx);
			*can = false;
			return LH_OK;
		}
		LH_TRY(status);
		if (index->rows.nentries == 0)
			*can = false;
	}
	for (int i = 0; i < r->nchildren && *can; i++)
		LH_TRY(lh_orc_reader_can_seek(ctx, &r->children[i], can));
	return LH_OK;
}

/* The numbers of an entry; a node without streams needs none. */
static LhStatus
places_of(LhCtx *ctx, LhOrcReader *r, int entry, const uint64_t **place, size_t *left)
{
	const LhOrcIndex *index = NULL;

	*left = 0;
	LH_TRY(lh_orc_index(ctx, r->file, r->stripe, r->node->index, &index));
	if (entry >= index->rows.nentries)
		return LH_OK;
	*place = index->positions + index->first_position[entry];
	*left = index->first_position[entry + 1] - index->first_position[entry];
	return LH_OK;
}

static LhStatus
seek_present(LhCtx *ctx, LhOrcReader *r, const uint64_t **place, size_t *left)
{
	if (!r->has_present)
		return LH_OK;
	LH_TRY(lh_orc_places(ctx, &r->present_stream, 2, left));
	LH_TRY(lh_orc_bits_seek(ctx, &r->present, *place));
	*place += lh_orc_stream_places(&r->present_stream) + 2;
	return LH_OK;
}

LhStatus
lh_orc_reader_seek_present(LhCtx *ctx, LhOrcReader *r, int entry)
{
	const uint64_t *place = NULL;
	size_t left = 0;

	if (r->has_present)
		LH_TRY(places_of(ctx, r, entry, &place, &left));
	return seek_present(ctx, r, &place, &left);
}

LhStatus
lh_orc_reader_seek(LhCtx *ctx, LhOrcReader *r, int entry)
{
	const uint64_t *place = NULL;
	size_t left = 0;

	if (r->has_present || r->ops != NULL || r->node->kind != LH_ORC_STRUCT)
		LH_TRY(places_of(ctx, r, entry, &place, &left));
	LH_TRY(seek_present(ctx, r, &place, &left));
	if (r->ops != NULL)
		return r->ops->seek(ctx, r, &place, &left);
	if (is_list(r))
	{
		LH_TRY(lh_orc_places(ctx, &r->second, 1, &left));
		LH_TRY(lh_orc_rle_seek(ctx, r->second_rle, place));
	}
	else if (r->node->kind == LH_ORC_UNION)
	{
		LH_TRY(lh_orc_places(ctx, &r->data, 1, &left));
		LH_TRY(lh_orc_bytes_seek(ctx, &r->bytes, place));
	}
	for (int i = 0; i < r->nchildren; i++)
		LH_TRY(lh_orc_reader_seek(ctx, &r->children[i], entry));
	return LH_OK;
}

void
lh_orc_reader_rewind(LhOrcReader *r)
{
	r->run_pause = r->run_failures = 0;
	lh_orc_stream_rewind(&r->present_stream);
	lh_orc_bits_reset(&r->present);
	if (r->ops != NULL)
		r->ops->rewind(r);
	else if (is_list(r))
	{
		lh_orc_stream_rewind(&r->second);
		lh_orc_rle_reset(r->second_rle);
	}
	else if (r->node->kind == LH_ORC_UNION)
	{
		lh_orc_stream_rewind(&r->data);
		lh_orc_bytes_reset(&r->bytes);
	}
	for (int i = 0; i < r->nchildren; i++)
		lh_orc_reader_rewind(&r->children[i]);
}
