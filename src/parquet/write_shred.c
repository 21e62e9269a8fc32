/*
 * write_shred.c
 *		Nested vectors -> levels and positions of each leaf.
 *
 * The opposite of nested.c.  From the column down to its leaves a list of slots
 * is carried: repetition and definition level of each, and the position of its
 * value in the vector of the node, or GONE when something above it is null or an
 * empty list.
 *
 *	1. a struct or leaf that may be null: a slot that is not null gains one
 *	   definition level, a slot that is null is gone from here on;
 *	2. a list or map: each slot becomes as many as it has entries, at least one;
 *	   the first keeps its repetition level, the others get that of the list;
 *	   entries are one more definition level up;
 *	3. all children of a node get the same slots.
 *
 * A flat column needs none of this: its null bits are its levels.
 *
 * Format: https://parquet.apache.org/docs/file-format/nestedencoding/
 */
#include "parquet/write_shred.h"

#define GONE UINT32_MAX

/* rep NULL: all 0. */
typedef struct Slots
{
	size_t n;
	const uint8_t *rep, *def;
	const uint32_t *pos;
} Slots;

typedef struct Shredding
{
	LhCtx *ctx;
	const char *column;
	int64_t first_row; /* of the file */
} Shredding;

/* Values of type NULL are null, whatever their vector looks like. */
static inline bool
is_null(const LhPqwShape *s, const LhVec *vec, uint32_t pos)
{
	return lh_vec_is_null(vec, (int) pos) || s->type->id == LH_T_NULL;
}

static LhStatus shred(const Shredding *sh, LhPqwShape *s, const LhVec *vec, const Slots *in);

/* A null where there may be none; slot i is it. */
static LhStatus
refuse_null(const Shredding *sh, const LhPqwShape *s, const uint8_t *rep, size_t i)
{
	int64_t row = sh->first_row;

	for (size_t k = 1; k <= i; k++)
		row += rep == NULL || rep[k] == 0;
	LH_FAIL(sh->ctx, LH_MISMATCH, "column \"%s\", row %lld: null in %s, which is required",
			sh->column, (long long) row + 1, s->leaf != NULL ? s->leaf->path : "a nested value");
}

static LhStatus
fit(const Shredding *sh, LhPqwShape *s, size_t n)
{
	LH_TRY(lh_buf_fit(sh->ctx, &s->out_rep, n + 1));
	LH_TRY(lh_buf_fit(sh->ctx, &s->out_def, n + 1));
	return lh_buf_fit(sh->ctx, &s->out_pos, n * sizeof(uint32_t) + 1);
}

/* Slots of a struct or leaf, nulls gone. */
static LhStatus
drop_nulls(const Shredding *sh, LhPqwShape *s, const LhVec *vec, const Slots *in, Slots *out)
{
	uint32_t *pos;
	uint8_t *def;

	*out = *in;
	if (s->required && vec->valid == NULL && s->type->id != LH_T_NULL)
		return LH_OK;
	LH_TRY(fit(sh, s, in->n));
	def = s->out_def.data;
	pos = (uint32_t *) (void *) s->out_pos.data;
	for (size_t i = 0; i < in->n; i++)
	{
		pos[i] = in->pos[i];
		def[i] = in->def[i];
		if (pos[i] == GONE)
			continue;
		if (!is_null(s, vec, pos[i]))
			def[i] = (uint8_t) (def[i] + !s->required);
		else if (s->required)
			return refuse_null(sh, s, in->rep, i);
		else
			pos[i] = GONE;
	}
	out->def = def;
	out->pos = pos;
	return LH_OK;
}

/* How many slots the entries of a list or map take. */
static size_t
count_entries(const LhVec *vec, const Slots *in)
{
	size_t n = 0;

	for (size_t i = 0; i < in->n; i++)
	{
		uint32_t pos = in->pos[i], len = 0;

		if (pos != GONE && !lh_vec_is_null(vec, (int) pos))
			len = vec->offsets[pos + 1] - vec->offsets[pos];
		n += len > 0 ? len : 1;
	}
	return n;
}

/* Slots of a list's or map's entries. */
static LhStatus
enter_list(const Shredding *sh, LhPqwShape *s, const LhVec *vec, const Slots *in, Slots *out)
{
	size_t n = count_entries(vec, in), k = 0;
	uint8_t *rep, *def, there = (uint8_t) (s->def + !s->required);
	uint32_t *pos;

	if (n >= GONE)
		LH_FAIL(sh->ctx, LH_LIMIT, "column \"%s\": a batch holds %zu entries of lists", sh->column,
				n);
	LH_TRY(fit(sh, s, n));
	rep = s->out_rep.data;
	def = s->out_def.data;
	pos = (uint32_t *) (void *) s->out_pos.data;
	for (size_t i = 0; i < in->n; i++)
	{
		uint8_t first = in->rep != NULL ? in->rep[i] : 0;
		uint32_t at = in->pos[i], entry, end;

		rep[k] = first;
		def[k] = in->def[i];
		pos[k] = GONE;
		if (at == GONE || lh_vec_is_null(vec, (int) at))
		{
			if (at != GONE && s->required)
				return refuse_null(sh, s, in->rep, i);
			k++;
			continue;
		}
		def[k] = there;
		entry = vec->offsets[at];
		end = vec->offsets[at + 1];
		if (entry >= end)
		{
			k++;
			continue;
		}
		for (; entry < end; entry++, k++)
		{
			rep[k] = first;
			def[k] = (uint8_t) (there + 1);
			pos[k] = entry;
			first = (uint8_t) (s->rep + 1);
		}
	}
	*out = (Slots){.n = n, .rep = rep, .def = def, .pos = pos};
	return LH_OK;
}

static LhStatus
check_vec(const Shredding *sh, const LhPqwShape *s, const LhVec *vec)
{
	const LhType *a = s->type, *b = &vec->type;
	LhBuf want, got;

	if (a->id == b->id && a->lane == b->lane && a->width == b->width && a->unit == b->unit &&
		a->utc == b->utc && a->scale == b->scale)
		return LH_OK;
	if (lh_vec_all_null(vec))
		return LH_OK;
	LH_TRY(lh_buf_init(sh->ctx, &want, false));
	LH_TRY(lh_buf_init(sh->ctx, &got, false));
	LH_TRY(lh_type_format(sh->ctx, a, &want));
	LH_TRY(lh_type_format(sh->ctx, b, &got));
	LH_FAIL(sh->ctx, LH_MISMATCH, "column \"%s\": expected values of type %.*s, found %.*s",
			sh->column, (int) want.len, (const char *) want.data, (int) got.len,
			(const char *) got.data);
}

static LhStatus
shred_children(const Shredding *sh, LhPqwShape *s, const LhVec *vec, const Slots *slots)
{
	for (int i = 0; i < s->nchildren; i++)
	{
		LhVec null;
		const LhVec *child = &null;

		if (vec->kind != LH_VEC_CONST)
		{
			if (vec->nchildren != s->nchildren)
				LH_FAIL(sh->ctx, LH_MISMATCH, "column \"%s\": expected %d members, found %d",
						sh->column, s->nchildren, vec->nchildren);
			child = &vec->children[i];
		}
		else
			/* all slots are gone: nobody looks at its values */
			lh_vec_null(&null, s->children[i].type, 0);
		LH_TRY(shred(sh, &s->children[i], child, slots));
	}
	return LH_OK;
}

static LhStatus
shred(const Shredding *sh, LhPqwShape *s, const LhVec *vec, const Slots *in)
{
	Slots out;

	LH_TRY(check_vec(sh, s, vec));
	if (s->type->id == LH_T_LIST || s->type->id == LH_T_MAP)
		LH_TRY(enter_list(sh, s, vec, in, &out));
	else
		LH_TRY(drop_nulls(sh, s, vec, in, &out));
	if (s->leaf != NULL)
	{
		LhPqwSlots slots = {.end = out.n, .rep = out.rep, .def = out.def, .pos = out.pos};

		return lh_pqw_leaf_append(sh->ctx, s->leaf, vec, &slots);
	}
	return shred_children(sh, s, vec, &out);
}

/* A column that is a leaf. */
static LhStatus
shred_flat(const Shredding *sh, LhPqwShape *s, const LhVec *vec, int from, int to)
{
	LhPqwSlots slots = {.begin = (size_t) from, .end = (size_t) to, .valid = vec->valid};
	static const uint64_t none[LH_BATCH_WORDS];

	LH_TRY(check_vec(sh, s, vec));
	if (s->type->id == LH_T_NULL || lh_vec_all_null(vec))
		slots.valid = none;
	if (!s->required || slots.valid == NULL)
		return lh_pqw_leaf_append(sh->ctx, s->leaf, vec, &slots);
	for (int i = from; i < to; i++)
		if (!lh_bit_get(slots.valid, (size_t) i))
			return refuse_null(sh, s, NULL, (size_t) (i - from));
	slots.valid = NULL;
	return lh_pqw_leaf_append(sh->ctx, s->leaf, vec, &slots);
}

LhStatus
lh_pqw_shred(LhCtx *ctx, LhPqWriter *w, int col, int from, int to, const LhVec *vec)
{
	const Shredding sh = {
		.ctx = ctx, .column = w->cols[col].name, .first_row = w->rows + w->group_rows};
	static const uint8_t zeros[LH_BATCH];
	uint32_t pos[LH_BATCH];
	Slots rows = {.n = (size_t) (to - from), .def = zeros, .pos = pos};

	if (w->shapes[col].leaf != NULL)
		return shred_flat(&sh, &w->shapes[col], vec, from, to);
	for (int i = from; i < to; i++)
		pos[i - from] = (uint32_t) i;
	return shred(&sh, &w->shapes[col], vec, &rows);
}
