/*
 * lineage.c
 *		Columns that are computed: positions, row ids, whether a row is deleted.
 *
 * A row's id is what the file has stored, where that is not null (rows that were
 * moved into it), else the id of the file's first row and its position.  The
 * sequence number of its last change likewise is stored or the file's own.
 */
#include "scan/state.h"

typedef struct Made
{
	int64_t values[LH_BATCH];
	uint64_t valid[LH_BATCH_WORDS];
	LhVecScratch *scratch; /* for what is stored; NULL: not needed yet */
} Made;

static LhStatus
need_made(LhCtx *ctx, LhScan *scan, int col, Made **out)
{
	if (scan->made[col] == NULL)
	{
		LhArena *old = lh_use(ctx, scan->arena);

		scan->made[col] = lh_alloc0(ctx, sizeof(Made));
		lh_use(ctx, old);
		if (scan->made[col] == NULL)
			return ctx->error->code;
	}
	*out = scan->made[col];
	return LH_OK;
}

static LhStatus
need_scratch(LhCtx *ctx, const LhScan *scan, Made *made)
{
	LhArena *old;
	LhStatus status;

	if (made->scratch != NULL)
		return LH_OK;
	old = lh_use(ctx, scan->arena);
	status = lh_vec_scratch_create(ctx, &made->scratch);
	lh_use(ctx, old);
	return status;
}

static void
make_positions(const LhScan *scan, int64_t first, int64_t *values)
{
	for (int i = 0; i < scan->batch.n; i++)
		values[i] = first + i;
}

static void
make_deleted(const LhScan *scan, Made *made)
{
	bool all = scan->batch.task->rows == LH_ROWS_DELETED;
	uint8_t *values = (uint8_t *) made->values;

	for (int i = 0; i < scan->batch.n; i++)
		values[i] = all || lh_bit_get(scan->dead.w, (size_t) i);
}

/* What is stored, and "made" where that is null.  Without row ids there is nothing to make. */
static LhStatus
fill_stored(LhCtx *ctx, LhScan *scan, int stored, Made *made, const uint64_t **valid)
{
	LhVec vec;
	bool make = scan->batch.task->has_row_ids;

	LH_TRY(lh_scan_read_column(ctx, scan, stored));
	LH_TRY(need_scratch(ctx, scan, made));
	LH_TRY(lh_vec_flatten(ctx, scan->vec_ptrs[stored], made->scratch, &vec));
	memset(made->valid, 0xFF, sizeof(made->valid));
	for (int i = 0; i < scan->batch.n; i++)
	{
		if (!lh_bit_get(scan->batch.sel.w, (size_t) i))
			continue;
		if (!lh_vec_is_null(&vec, i))
			made->values[i] = lh_scan_integer(&vec, i);
		else if (!make)
			lh_bit_clear(made->valid, (size_t) i);
	}
	*valid = make ? NULL : made->valid;
	return LH_OK;
}

LhStatus
lh_scan_make_column(LhCtx *ctx, LhScan *scan, int col)
{
	const LhFileColumn *fc = &scan->file->cols[col];
	const LhFileTask *task = scan->batch.task;
	const uint64_t *valid = NULL;
	Made *made = NULL;

	LH_TRY(need_made(ctx, scan, col, &made));
	switch (fc->kind)
	{
		case LH_COL_POSITION: make_positions(scan, scan->batch.first_row, made->values); break;
		case LH_COL_DELETED:
			LH_TRY(lh_scan_probe_keys(ctx, scan));
			make_deleted(scan, made);
			break;
		case LH_COL_ROW_ID:
			make_positions(scan, task->first_row_id + scan->batch.first_row, made->values);
			break;
		default:
			for (int i = 0; i < scan->batch.n; i++)
				made->values[i] = task->sequence;
			break;
	}
	if (fc->stored >= 0)
		LH_TRY(fill_stored(ctx, scan, fc->stored, made, &valid));
	scan->vecs[col] = (LhVec){.type = fc->type, .kind = LH_VEC_FLAT, .n = scan->batch.n,
							  .valid = valid, .data = made->values};
	return LH_OK;
}
