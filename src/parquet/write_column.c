/*
 * write_column.c
 *		Slots of a leaf -> pages.
 *
 * A page is cut when it holds page_rows rows or page_bytes bytes (codes count
 * as what they are, four bytes, before they are packed).  Pages begin with a
 * row, so a row is never divided.
 */
#include "parquet/decode.h"
#include "parquet/write_internal.h"

/* What vectors look like to the rest: values, and perhaps codes that lead to them. */
typedef struct View
{
	LhVecKind kind; /* FLAT, CONST or DICT */
	const void *data;
	const LhDict *dict;
	const uint32_t *codes;
} View;

LhStatus
lh_pqw_leaf_init(LhCtx *ctx, LhPqwLeaf *leaf, LhPqwShared *shared)
{
	size_t width;

	leaf->shared = shared;
	LH_TRY(lh_pqw_take_choose(ctx, leaf));
	leaf->order = lh_pqw_order_of(&leaf->type, leaf->physical);
	width = leaf->physical == LH_PQ_BYTE_ARRAY
				? 0
				: lh_pq_physical_width(leaf->physical, leaf->type_length);
	leaf->rep.max = leaf->max_rep;
	leaf->def.max = leaf->max_def;
	LH_TRY(lh_buf_init(ctx, &leaf->rep.data, true));
	LH_TRY(lh_buf_init(ctx, &leaf->def.data, true));
	LH_TRY(lh_buf_init(ctx, &leaf->codes, true));
	LH_TRY(lh_buf_init(ctx, &leaf->pages, true));
	LH_TRY(lh_buf_init(ctx, &leaf->bounds, true));
	LH_TRY(lh_buf_init(ctx, &leaf->bloom.bits, true));
	LH_TRY(lh_pqw_values_init(ctx, &leaf->values, width));
	LH_TRY(lh_pqw_dict_init(ctx, leaf));
	LH_TRY(lh_pqw_kept_init(ctx, &leaf->chunk));
	LH_TRY(lh_pqw_kept_init(ctx, &leaf->file));
	return lh_pqw_leaf_reset(ctx, leaf);
}

/* Does the leaf begin its chunks with a dictionary? */
static bool
wants_dictionary(const LhPqwLeaf *leaf)
{
	if (leaf->physical == LH_PQ_BOOLEAN || leaf->take == LH_PQW_NOTHING)
		return false;
	return leaf->wish == LH_PQ_WRITE_DICTIONARY ||
		   (leaf->wish == LH_PQ_WRITE_AUTO && !leaf->shared->options.no_dictionary);
}

LhStatus
lh_pqw_leaf_reset(LhCtx *ctx, LhPqwLeaf *leaf)
{
	for (int i = 0; i < leaf->npages; i++)
		lh_buf_free(&lh_pqw_pages(leaf)[i].bytes);
	leaf->pages.len = 0;
	leaf->npages = 0;
	leaf->bounds.len = 0;
	leaf->rows = leaf->kept = leaf->uncompressed = 0;
	leaf->dict_pages = 0;
	memset(leaf->data_pages, 0, sizeof(leaf->data_pages));
	leaf->chosen = false;
	leaf->plain = LH_PQ_PLAIN;
	leaf->dict_before = 0;
	lh_pqw_kept_clear(&leaf->chunk);
	lh_pqw_dict_clear(&leaf->dict);
	lh_pqw_bloom_clear(&leaf->bloom);
	leaf->dict.limit = leaf->shared->options.dictionary_bytes;
	leaf->dict.active = wants_dictionary(leaf);
	return LH_OK;
}

int64_t
lh_pqw_leaf_kept(const LhPqwLeaf *leaf)
{
	const LhPqwDict *d = &leaf->dict;

	return leaf->kept + (int64_t) (d->values.data.cap + d->values.ends.cap + d->table.cap +
								   d->stamps.cap + d->map.cap);
}

/* Bytes of the page in progress. */
static size_t
page_bytes(const LhPqwLeaf *leaf)
{
	return leaf->rep.data.len + leaf->def.data.len + leaf->codes.len + leaf->values.data.len +
		   leaf->values.ends.len;
}

int64_t
lh_pqw_leaf_pending(const LhPqwLeaf *leaf)
{
	return (int64_t) (page_bytes(leaf) + leaf->dict.plain_size);
}

/*
 * Levels
 */

/* The levels of a page that were all the same are put down. */
static LhStatus
spell_out(LhCtx *ctx, LhPqwLevels *l)
{
	LH_TRY(lh_buf_reserve(ctx, &l->data, l->n + 1));
	memset(l->data.data, l->same, l->n);
	l->data.len = l->n;
	return LH_OK;
}

/* n times the same level. */
static LhStatus
add_same(LhCtx *ctx, LhPqwLevels *l, uint8_t level, size_t n)
{
	if (l->n == 0)
		l->same = level;
	if (l->data.len == 0 && l->same != level)
		LH_TRY(spell_out(ctx, l));
	if (l->data.len > 0)
	{
		LH_TRY(lh_buf_reserve(ctx, &l->data, l->data.len + n));
		memset(l->data.data + l->data.len, level, n);
		l->data.len += n;
	}
	l->n += n;
	return LH_OK;
}

static LhStatus
add_levels(LhCtx *ctx, LhPqwLevels *l, const uint8_t *levels, size_t n)
{
	if (n == 0)
		return LH_OK;
	if (l->n == 0)
		l->same = levels[0];
	if (l->data.len == 0)
	{
		if (levels[0] == l->same && (n == 1 || memcmp(levels, levels + 1, n - 1) == 0))
		{
			l->n += n;
			return LH_OK;
		}
		LH_TRY(spell_out(ctx, l));
	}
	LH_TRY(lh_buf_append(ctx, &l->data, levels, n));
	l->n += n;
	return LH_OK;
}

/* Definition levels from bits: max where they are set, else one less. */
static LhStatus
add_bits(LhCtx *ctx, LhPqwLevels *l, const uint64_t *bits, size_t from, size_t n)
{
	uint8_t none = (uint8_t) (l->max - 1);
	uint8_t *out;

	if (l->n == 0)
		l->same = (uint8_t) (none + lh_bit_get(bits, from));
	if (l->data.len == 0)
		LH_TRY(spell_out(ctx, l));
	LH_TRY(lh_buf_reserve(ctx, &l->data, l->data.len + n));
	out = l->data.data + l->data.len;
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t) (none + lh_bit_get(bits, from + i));
	l->data.len += n;
	l->n += n;
	return LH_OK;
}

static size_t
count_bits(const uint64_t *bits, size_t from, size_t n)
{
	size_t first = from / 64, last = (from + n) / 64, count;
	int end = (int) ((from + n) % 64);

	/* all before the end, less all before the begin */
	count = lh_bits_count(bits + first, last - first);
	if (end > 0)
		count += (size_t) __builtin_popcountll(bits[last] & lh_low_bits(end));
	return count - (size_t) __builtin_popcountll(bits[first] & lh_low_bits((int) (from % 64)));
}

/* Levels of slots [from, from + n). */
static LhStatus
put_levels(LhCtx *ctx, LhPqwLeaf *leaf, const LhPqwSlots *s, size_t from, size_t n)
{
	size_t set;

	if (s->rep != NULL)
		LH_TRY(add_levels(ctx, &leaf->rep, s->rep + from, n));
	else
		LH_TRY(add_same(ctx, &leaf->rep, 0, n));
	if (s->def != NULL)
		return add_levels(ctx, &leaf->def, s->def + from, n);
	set = s->valid != NULL ? count_bits(s->valid, from, n) : n;
	if (set == n)
		return add_same(ctx, &leaf->def, (uint8_t) leaf->max_def, n);
	if (set == 0)
		return add_same(ctx, &leaf->def, (uint8_t) (leaf->max_def - 1), n);
	return add_bits(ctx, &leaf->def, s->valid, from, n);
}

/*
 * Values
 */

/* Positions of the values of slots [from, from + n); they lie in shared->picks. */
static LhStatus
pick(LhCtx *ctx, LhPqwLeaf *leaf, const LhPqwSlots *s, size_t from, size_t n, LhPqwPicks *out)
{
	LhBuf *buf = &leaf->shared->picks;
	uint32_t *pos;
	size_t k = 0;

	*out = (LhPqwPicks){.n = n, .first = (uint32_t) from};
	if (s->def == NULL && s->valid == NULL && s->pos == NULL)
		return LH_OK;
	LH_TRY(lh_buf_fit(ctx, buf, n * sizeof(*pos) + 1));
	pos = (uint32_t *) (void *) buf->data;
	for (size_t i = from; i < from + n; i++)
	{
		bool present = s->def != NULL ? s->def[i] == leaf->max_def
									  : s->valid == NULL || lh_bit_get(s->valid, i);

		pos[k] = s->pos != NULL ? s->pos[i] : (uint32_t) i;
		k += present;
	}
	*out = (LhPqwPicks){.n = k, .pos = pos};
	return LH_OK;
}

/* The rest of picks behind the first "done". */
static LhPqwPicks
after(LhPqwPicks p, size_t done)
{
	p.n -= done;
	if (p.pos != NULL)
		p.pos += done;
	else
		p.first += (uint32_t) done;
	return p;
}

static LhStatus
add_strs_to_dict(LhCtx *ctx, LhPqwLeaf *leaf, const void *data, const LhPqwPicks *p, size_t *done)
{
	LhStr strs[256];

	*done = 0;
	while (*done < p->n)
	{
		size_t k = 0, got;

		for (; k < 256 && *done + k < p->n; k++)
			memcpy(&strs[k],
				   (const uint8_t *) data +
					   (p->pos != NULL ? p->pos[*done + k] : p->first + *done + k) * sizeof(LhStr),
				   sizeof(LhStr));
		LH_TRY(lh_pqw_dict_add_strs(ctx, leaf, strs, k, &got));
		*done += got;
		if (got < k)
			break;
	}
	return LH_OK;
}

/* Values of a flat array as codes; *done of them. */
static LhStatus
add_to_dict(LhCtx *ctx, LhPqwLeaf *leaf, const void *data, const LhPqwPicks *p, size_t *done)
{
	LhPqwValues v = {.width = leaf->values.width};

	if (leaf->take == LH_PQW_BYTES)
		return add_strs_to_dict(ctx, leaf, data, p, done);
	v.data = leaf->shared->take;
	v.data.len = 0;
	LH_TRY(lh_pqw_take(ctx, leaf, data, p, &v));
	leaf->shared->take = v.data;
	return lh_pqw_dict_add(ctx, leaf, &v, done);
}

/* Positions that the codes at picks name, in shared->followed. */
static LhStatus
follow(LhCtx *ctx, LhPqwLeaf *leaf, const View *view, const LhPqwPicks *p, LhPqwPicks *out)
{
	LhBuf *buf = &leaf->shared->followed;
	uint32_t *pos;

	LH_TRY(lh_buf_fit(ctx, buf, p->n * sizeof(*pos) + 1));
	pos = (uint32_t *) (void *) buf->data;
	for (size_t i = 0; i < p->n; i++)
	{
		size_t at = p->pos != NULL ? p->pos[i] : p->first + i;

		pos[i] = view->kind == LH_VEC_CONST ? 0 : view->codes[at];
	}
	*out = (LhPqwPicks){.n = p->n, .pos = pos};
	return LH_OK;
}

static LhStatus
put_values(LhCtx *ctx, LhPqwLeaf *leaf, const View *view, LhPqwPicks p)
{
	const void *data = view->kind == LH_VEC_DICT ? view->dict->values : view->data;
	LhPqwPicks followed;
	size_t done = 0;

	if (p.n == 0 || leaf->take == LH_PQW_NOTHING)
		return LH_OK;
	if (leaf->dict.active && view->kind == LH_VEC_DICT)
		LH_TRY(lh_pqw_dict_add_codes(ctx, leaf, view->dict, view->codes, &p, &done));
	else if (view->kind != LH_VEC_FLAT)
	{
		LH_TRY(follow(ctx, leaf, view, &p, &followed));
		p = followed;
	}
	if (leaf->dict.active && view->kind != LH_VEC_DICT)
		LH_TRY(add_to_dict(ctx, leaf, data, &p, &done));
	if (done == p.n)
		return LH_OK;
	if (leaf->dict.active)
	{
		LH_TRY(lh_pqw_dict_give_up(ctx, leaf));
		p = after(p, done);
		return put_values(ctx, leaf, view->kind == LH_VEC_CONST ? &(View){.data = data} : view, p);
	}
	return lh_pqw_take(ctx, leaf, data, &p, &leaf->values);
}

/*
 * Pages
 */

/* How many of the slots from "from" on belong to the next "rows" rows. */
static size_t
slots_of_rows(const LhPqwSlots *s, size_t from, int64_t rows)
{
	size_t i = from;

	if (s->rep == NULL)
		return s->end - from < (size_t) rows ? s->end - from : (size_t) rows;
	while (i < s->end)
	{
		if (s->rep[i] == 0 && rows-- == 0)
			break;
		i++;
	}
	return i - from;
}

static int64_t
count_rows(const LhPqwSlots *s, size_t from, size_t n)
{
	int64_t rows = 0;

	if (s->rep == NULL)
		return (int64_t) n;
	for (size_t i = from; i < from + n; i++)
		rows += s->rep[i] == 0;
	return rows;
}

/* Bytes that the picked strings would take in the page, when they are not codes. */
static size_t
bytes_of(const LhPqwLeaf *leaf, const View *view, const LhPqwPicks *p)
{
	const uint8_t *strs = view->kind == LH_VEC_DICT ? view->dict->values : view->data;
	size_t total = 0;

	for (size_t i = 0; i < p->n; i++)
	{
		size_t at = p->pos != NULL ? p->pos[i] : p->first + i;
		LhStr s;

		at = view->kind == LH_VEC_CONST ? 0 : view->kind == LH_VEC_DICT ? view->codes[at] : at;
		memcpy(&s, strs + at * sizeof(s), sizeof(s));
		total += s.len;
	}
	return total;
}

/*
 * Of the slots from "from" on those that go to the page together: whole rows,
 * at most what is left of page_rows, fewer when long values would make it far
 * too large.
 */
static LhStatus
next_step(LhCtx *ctx, LhPqwLeaf *leaf, const View *view, const LhPqwSlots *s, size_t from,
		  size_t *n, LhPqwPicks *picks)
{
	int64_t rows = leaf->shared->options.page_rows - leaf->page_rows;

	for (;;)
	{
		*n = slots_of_rows(s, from, rows);
		LH_TRY(pick(ctx, leaf, s, from, *n, picks));
		if (leaf->take != LH_PQW_BYTES)
			return LH_OK;
		rows = count_rows(s, from, *n);
		if (rows <= 1 || bytes_of(leaf, view, picks) <= leaf->shared->options.page_bytes)
			return LH_OK;
		rows /= 2;
	}
}

/* Codes of runs. */
static LhStatus
expand_runs(LhCtx *ctx, LhPqwLeaf *leaf, const LhVec *vec, View *view)
{
	LhBuf *buf = &leaf->shared->codes;
	uint32_t *codes;
	uint32_t at = 0;

	LH_TRY(lh_buf_fit(ctx, buf, (size_t) vec->n * sizeof(*codes) + 1));
	codes = (uint32_t *) (void *) buf->data;
	for (int i = 0; i < vec->nruns; i++)
		for (; at < vec->runs[i].end && at < (uint32_t) vec->n; at++)
			codes[at] = vec->runs[i].code;
	*view = (View){.kind = LH_VEC_DICT, .dict = vec->dict, .codes = codes};
	return LH_OK;
}

static LhStatus
look_at(LhCtx *ctx, LhPqwLeaf *leaf, const LhVec *vec, View *view)
{
	*view = (View){.kind = vec->kind, .data = vec->data, .dict = vec->dict, .codes = vec->codes};
	return vec->kind == LH_VEC_RUNS ? expand_runs(ctx, leaf, vec, view) : LH_OK;
}

LhStatus
lh_pqw_leaf_append(LhCtx *ctx, LhPqwLeaf *leaf, const LhVec *vec, const LhPqwSlots *slots)
{
	View view;

	LH_TRY(look_at(ctx, leaf, vec, &view));
	for (size_t from = slots->begin, n; from < slots->end; from += n)
	{
		LhPqwPicks picks;

		LH_TRY(next_step(ctx, leaf, &view, slots, from, &n, &picks));
		LH_TRY(put_levels(ctx, leaf, slots, from, n));
		LH_TRY(put_values(ctx, leaf, &view, picks));
		leaf->page_rows += count_rows(slots, from, n);
		if (leaf->half_bytes == 0 && leaf->page_rows * 2 >= leaf->shared->options.page_rows)
			leaf->half_bytes = leaf->dict.plain_size;
		if (leaf->page_rows >= leaf->shared->options.page_rows ||
			page_bytes(leaf) >= leaf->shared->options.page_bytes)
			LH_TRY(lh_pqw_page_cut(ctx, leaf));
	}
	return LH_OK;
}
