/*
 * file_avro.c
 *		Avro files as data files: rows come as a whole and in order.
 *
 *	1. Runs of blocks are groups, found by the headers of the blocks.  Nothing is
 *	   known of their values, so they are never pruned by them.
 *	2. The columns of a group share one reader, which decodes all nodes that the
 *	   scan wants and passes over the rest.  It is moved by "together", before a
 *	   batch begins: the batch has the rows that the reader has decoded, so no
 *	   column needs rows that are gone.
 *	3. A batch that begins in the middle of what was decoded gets slices: pointers
 *	   moved, bits of nulls shifted.
 *	4. Rows that are skipped lie in blocks that are not decompressed, where they
 *	   fill them.
 *	5. When all that is wanted of a group was kept (colcache.h) there is no reader: each
 *	   column reads its chunk, for any rows.  What was not kept is gathered from what
 *	   is decoded; then no row is skipped, for a part of a group is not kept.  (Unless
 *	   what would have been skipped cannot be read, or memory ends: then nothing is kept.)
 */
#include "avro/avro.h"
#include "scan/bitslice.h"
#include "scan/colcache.h"
#include "scan/datafile.h"

/* A group ends with the block that brings it to so many rows. */
#define GROUP_ROWS 65536

typedef struct Group
{
	LhAvroBlock first;
	int nblocks;
	LhFileGroup facts;
} Group;

/* What the columns of a group share. */
typedef struct Rows
{
	struct AvroFile *file;
	int group;
	LhAvroReader *reader; /* NULL: all columns were kept */
	LhAvroBatch batch;
	int64_t first; /* of the batch, in the group */
	LhColumnsWant want;
	const LhChunk **chunks; /* by slot; when all were kept */
	LhGather *gather;       /* NULL: nothing is to be kept */
} Rows;

typedef struct AvroFile
{
	LhDataFile base;
	LhAvroFile *avro;
	const LhAvroMeta *meta;
	bool *in_list;  /* by node */
	bool *not_null; /* it and all above it */
	const LhObjectId *id;
	Group *groups;
	int nwants;
	LhAvroWant *wants; /* no node twice */
	int *nodes;        /* of these */
	LhType *types;
	Rows *rows;        /* NULL: no column is open */
} AvroFile;

/* A part of a vector; only what is not nested in lists has to be moved. */
typedef struct Slice Slice;
struct Slice
{
	uint64_t valid[LH_BATCH_WORDS];
	Slice *below;
	LhVec *children;
};

typedef struct AvroColumn
{
	AvroFile *file;
	Rows *rows;
	LhArena *arena; /* its own, which goes with the group */
	int slot;
	LhChunkReader *kept; /* NULL: not yet, or there is a reader of rows */
	Slice slice;
} AvroColumn;

static inline AvroFile *
avro(LhDataFile *file)
{
	return (AvroFile *) file;
}

static inline const LhAvroMeta *
meta_of(const LhDataFile *file)
{
	return ((const AvroFile *) file)->meta;
}

static bool
has_many(const LhAvroNode *node)
{
	return node->type.id == LH_T_LIST || node->type.id == LH_T_MAP;
}

static LhStatus
describe_nodes(LhCtx *ctx, AvroFile *file)
{
	const LhAvroMeta *meta = file->meta;

	LH_NEW_ARRAY(ctx, file->in_list, (size_t) meta->nnodes);
	LH_NEW_ARRAY(ctx, file->not_null, (size_t) meta->nnodes);
	for (int i = 0; i < meta->nnodes; i++)
	{
		const LhAvroNode *n = &meta->nodes[i];

		file->not_null[i] = !n->nullable && n->type.id != LH_T_NULL &&
							(n->parent < 0 || file->not_null[n->parent]);
		/* a branch of a union is null whenever another one is chosen */
		if (n->parent >= 0 && meta->nodes[n->parent].kind == LH_AVRO_UNION)
			file->not_null[i] = false;
		file->in_list[i] =
			n->parent >= 0 && (file->in_list[n->parent] || has_many(&meta->nodes[n->parent]));
	}
	return LH_OK;
}

static int
count_groups(int nblocks, const LhAvroBlock *blocks)
{
	int64_t rows = GROUP_ROWS;
	int n = 0;

	for (int i = 0; i < nblocks; i++)
	{
		if (rows >= GROUP_ROWS)
		{
			n++;
			rows = 0;
		}
		rows += blocks[i].rows;
	}
	return n;
}

/* The groups, as the headers of all blocks tell, which are many more and not needed any longer. */
static LhStatus
find_groups(LhCtx *ctx, AvroFile *file)
{
	const LhAvroBlock *blocks;
	Group *group = NULL;
	int nblocks;

	LH_TRY(lh_avro_blocks(ctx, file->avro, &nblocks, &blocks));
	LH_NEW_ARRAY(ctx, file->groups, (size_t) count_groups(nblocks, blocks) + 1);
	for (int i = 0; i < nblocks; i++)
	{
		if (group == NULL || group->facts.rows >= GROUP_ROWS)
		{
			group = &file->groups[file->base.ngroups++];
			*group = (Group){.first = blocks[i], .facts.first_row = blocks[i].first_row};
		}
		group->nblocks++;
		group->facts.rows += blocks[i].rows;
	}
	lh_avro_blocks_drop(file->avro);
	return LH_OK;
}

static LhStatus
make_groups(LhCtx *ctx, AvroFile *file)
{
	void *kept;
	size_t len;

	LH_TRY(lh_columns_get_list(ctx, file->id, &kept, &len));
	if (kept != NULL)
	{
		file->groups = kept;
		file->base.ngroups = (int) (len / sizeof(Group));
	}
	else
	{
		LH_TRY(find_groups(ctx, file));
		lh_columns_put_list(file->id, file->groups, (size_t) file->base.ngroups * sizeof(Group));
	}
	for (int i = 0; i < file->base.ngroups; i++)
		file->base.rows += file->groups[i].facts.rows;
	return LH_OK;
}

static LhStatus
open_file(LhCtx *ctx, LhObject *obj, const LhDataOptions *options, LhDataFile **out)
{
	AvroFile *file;

	LH_NEW(ctx, file);
	file->id = lh_object_id(obj);
	LH_TRY(lh_avro_open(ctx, obj, &file->avro));
	file->meta = lh_avro_meta(file->avro);
	file->base.nnodes = file->meta->nnodes;
	LH_TRY(describe_nodes(ctx, file));
	LH_TRY(make_groups(ctx, file));
	*out = &file->base;
	return LH_OK;
}

static void
get_node(const LhDataFile *base, int node, LhFileNode *out)
{
	const AvroFile *file = (const AvroFile *) base;
	const LhAvroNode *n = &file->meta->nodes[node];

	*out = (LhFileNode){
		.name = n->name,
		.parent = n->parent,
		.first_child = n->nchildren > 0 ? n->first_child : -1,
		.next = n->next,
		.field_id = n->field_id,
		.type = n->type,
		.required = !n->nullable && n->type.id != LH_T_NULL,
		.not_null = file->not_null[node],
		.in_list = file->in_list[node],
		.flat = !lh_type_is_nested(&n->type) && !file->in_list[node],
	};
}

static int
get_child(const LhDataFile *file, int node, const char *name, size_t len)
{
	const LhAvroMeta *meta = meta_of(file);

	for (int i = meta->nodes[node].nchildren > 0 ? meta->nodes[node].first_child : -1; i >= 0;
		 i = meta->nodes[i].next)
		if (strlen(meta->nodes[i].name) == len && memcmp(meta->nodes[i].name, name, len) == 0)
			return i;
	return -1;
}

static int
find_path(const LhDataFile *file, const char *path)
{
	return lh_avro_find(((const AvroFile *) file)->avro, path);
}

static void
get_group(const LhDataFile *file, int group, LhFileGroup *out)
{
	*out = ((const AvroFile *) file)->groups[group].facts;
}

static LhStatus
get_bounds(LhCtx *ctx, LhDataFile *file, int group, int node, LhBounds *out)
{
	int64_t rows = avro(file)->groups[group].facts.rows;

	*out = (LhBounds){.rows = rows, .nulls = avro(file)->not_null[node] ? 0 : -1, .may_nan = true};
	return LH_OK;
}

static LhStatus
has_no(LhCtx *ctx, LhDataFile *file, int group, int node, bool *yes)
{
	*yes = false;
	return LH_OK;
}

static LhStatus
may_hold(LhCtx *ctx, LhDataFile *file, int group, int node, const LhValue *value, bool *may)
{
	*may = true;
	return LH_OK;
}

static LhStatus
get_pages(LhCtx *ctx, LhDataFile *file, int group, int node, LhFilePages *out)
{
	*out = (LhFilePages){0};
	return LH_OK;
}

static LhStatus
set_wants(LhCtx *ctx, LhDataFile *base, int n, const int *nodes)
{
	AvroFile *file = avro(base);

	LH_NEW_ARRAY(ctx, file->wants, (size_t) n + 1);
	LH_NEW_ARRAY(ctx, file->nodes, (size_t) n + 1);
	LH_NEW_ARRAY(ctx, file->types, (size_t) n + 1);
	file->nwants = 0;
	for (int i = 0; i < n; i++)
	{
		bool twice = false;

		for (int k = 0; k < file->nwants; k++)
			twice |= file->wants[k].node == nodes[i];
		if (twice)
			continue;
		file->wants[file->nwants].node = file->nodes[file->nwants] = nodes[i];
		file->types[file->nwants++] = file->meta->nodes[nodes[i]].type;
	}
	return LH_OK;
}

static void
drop_ahead(LhDataFile *file)
{
}

/*
 * Rows
 */

static void
forget_rows(void *arg)
{
	Rows *rows = arg;

	if (rows->file->rows == rows)
		rows->file->rows = NULL;
}

static LhStatus
read_from_start(LhCtx *ctx, Rows *rows)
{
	const Group *g = &rows->file->groups[rows->group];

	rows->batch = (LhAvroBatch){0};
	rows->first = 0;
	lh_columns_gather_drop(rows->gather);
	rows->gather = NULL;
	return lh_avro_read_blocks(ctx, rows->reader, &g->first, g->nblocks);
}

/* What was kept of the group, or a reader of its blocks. */
static LhStatus
open_rows(LhCtx *ctx, Rows *rows)
{
	AvroFile *file = rows->file;
	bool found;

	rows->want = (LhColumnsWant){.id = file->id,
								 .group = rows->group,
								 .rows = file->groups[rows->group].facts.rows,
								 .n = file->nwants,
								 .nodes = file->nodes,
								 .types = file->types};
	LH_NEW_ARRAY(ctx, rows->chunks, (size_t) file->nwants + 1);
	LH_TRY(lh_columns_find(ctx, &rows->want, rows->chunks, &found));
	if (found)
		return LH_OK;
	LH_TRY(lh_avro_reader_open(ctx, file->avro, file->nwants, file->wants, NULL, &rows->reader));
	LH_TRY(read_from_start(ctx, rows));
	return lh_columns_gather_begin(ctx, &rows->want, &rows->gather);
}

/* The rows of a group; they live as the columns do. */
static LhStatus
need_rows(LhCtx *ctx, AvroFile *file, int group, Rows **out)
{
	Rows *rows = file->rows;

	if (rows == NULL || rows->group != group)
	{
		LH_NEW(ctx, rows);
		rows->file = file;
		rows->group = group;
		LH_TRY(open_rows(ctx, rows));
		LH_TRY(lh_arena_on_reset(ctx, ctx->arena, forget_rows, rows));
		file->rows = rows;
	}
	*out = rows;
	return LH_OK;
}

/* The next batch of the reader. */
static LhStatus
next_batch(LhCtx *ctx, Rows *rows)
{
	rows->first = lh_avro_row(rows->reader) - rows->file->groups[rows->group].facts.first_row;
	LH_TRY(lh_avro_next(ctx, rows->reader, &rows->batch));
	if (rows->gather != NULL)
		LH_TRY(lh_columns_gather(ctx, &rows->gather, rows->first, rows->batch.n, rows->batch.vecs));
	return LH_OK;
}

/* All batches up to the one that has a row, for as long as they are gathered. */
static LhStatus
gather_to(LhCtx *ctx, Rows *rows, int64_t row)
{
	while (rows->gather != NULL && row >= rows->first + rows->batch.n)
	{
		LH_TRY(next_batch(ctx, rows));
		if (rows->batch.n == 0)
			return LH_OK;
	}
	return LH_OK;
}

/*
 * May it go without keeping the group?  What lies between may be damaged, and only who keeps it
 * reads it; and what was gathered may have taken the memory that the next block needs.
 */
static bool
helps_to_pass(const Rows *rows, LhStatus status, bool between)
{
	return status == LH_NO_MEMORY ? rows->gather != NULL : between && status != LH_CANCELLED;
}

/* Nothing is kept, and the row is gone to as ever, with a new reader. */
static LhStatus
pass_instead(LhCtx *ctx, Rows *rows)
{
	AvroFile *file = rows->file;

	lh_error_clear(ctx);
	lh_columns_gather_drop(rows->gather);
	rows->gather = NULL;
	lh_avro_reader_close(rows->reader);
	LH_TRY(lh_avro_reader_open(ctx, file->avro, file->nwants, file->wants, NULL, &rows->reader));
	return read_from_start(ctx, rows);
}

/* The batch of the reader that has a row behind the one there is. */
static LhStatus
read_to(LhCtx *ctx, Rows *rows, int64_t row)
{
	bool between = row > rows->first + rows->batch.n;
	LhStatus status = gather_to(ctx, rows, row);
	int64_t next;

	if (status != LH_OK && !helps_to_pass(rows, status, between))
		return status;
	if (status != LH_OK)
		LH_TRY(pass_instead(ctx, rows));
	else if (rows->gather != NULL || row < rows->first + rows->batch.n)
		return LH_OK;
	next = lh_avro_row(rows->reader) - rows->file->groups[rows->group].facts.first_row;
	if (row > next)
		LH_TRY(lh_avro_skip_rows(ctx, rows->reader, row - next));
	return next_batch(ctx, rows);
}

/* Decode the rows from this one on; *n is cut to what there is then. */
static LhStatus
together(LhCtx *ctx, LhDataFile *base, int group, int64_t row, int *n)
{
	AvroFile *file = avro(base);
	Rows *rows = NULL;

	if (file->nwants == 0)
		return LH_OK;
	LH_TRY(need_rows(ctx, file, group, &rows));
	if (rows->reader == NULL)
		return LH_OK;
	if (row < rows->first)
		LH_TRY(read_from_start(ctx, rows));
	if (row >= rows->first + rows->batch.n)
		LH_TRY(read_to(ctx, rows, row));
	if (row < rows->first || row >= rows->first + rows->batch.n)
		LH_FAIL(ctx, LH_CORRUPT, "file \"%s\" ends before row %lld", base->path,
				(long long) (file->groups[group].facts.first_row + row + 1));
	if (rows->first + rows->batch.n - row < *n)
		*n = (int) (rows->first + rows->batch.n - row);
	return LH_OK;
}

/*
 * Columns
 */

static LhStatus
column_open(LhCtx *ctx, LhDataFile *base, int group, int node, LhDataColumn **out)
{
	AvroFile *file = avro(base);
	AvroColumn *col;

	LH_NEW(ctx, col);
	col->file = file;
	col->arena = ctx->arena;
	LH_TRY(need_rows(ctx, file, group, &col->rows));
	while (col->slot < file->nwants && file->wants[col->slot].node != node)
		col->slot++;
	if (col->slot == file->nwants)
		LH_FAIL(ctx, LH_BUG, "column %d of file \"%s\" was not asked for", node, base->path);
	*out = (LhDataColumn *) col;
	return LH_OK;
}

/* Rows [first, first + n) of a vector in its place. */
static LhStatus
slice(LhCtx *ctx, Slice *s, LhVec *vec, int first, int n)
{
	vec->n = n;
	if (first == 0 || vec->kind == LH_VEC_CONST)
		return LH_OK;
	if (vec->kind == LH_VEC_RUNS)
		LH_FAIL(ctx, LH_BUG, "a vector of runs came from an Avro file");
	if (vec->valid != NULL)
	{
		lh_bits_slice(vec->valid, (size_t) first, (size_t) n, s->valid);
		vec->valid = s->valid;
	}
	if (vec->codes != NULL)
		vec->codes += first;
	if (vec->offsets != NULL)
	{
		vec->offsets += first;
		return LH_OK;
	}
	if (vec->data != NULL)
		vec->data = (const uint8_t *) vec->data +
					(size_t) first * lh_lane_size(vec->type.lane, vec->type.width);
	if (vec->nchildren == 0)
		return LH_OK;
	if (s->below == NULL)
	{
		LH_NEW_ARRAY(ctx, s->below, (size_t) vec->nchildren);
		LH_NEW_ARRAY(ctx, s->children, (size_t) vec->nchildren);
	}
	for (int i = 0; i < vec->nchildren; i++)
	{
		s->children[i] = vec->children[i];
		LH_TRY(slice(ctx, &s->below[i], &s->children[i], first, n));
	}
	vec->children = s->children;
	return LH_OK;
}

/* Of a chunk; its buffers are made when it is first read. */
static LhStatus
read_kept(LhCtx *ctx, AvroColumn *col, int64_t row, int n, LhVec *out)
{
	const LhChunk *chunk = col->rows->chunks[col->slot];

	if (row < 0 || n > LH_BATCH || row + n > chunk->rows)
		LH_FAIL(ctx, LH_BUG, "rows of file \"%s\" are read that are not there", col->file->base.path);
	if (col->kept == NULL)
	{
		LhArena *old = lh_use(ctx, col->arena);
		LhStatus status = lh_chunk_reader_create(ctx, chunk, &col->kept);

		lh_use(ctx, old);
		LH_TRY(status);
	}
	lh_chunk_read(col->kept, row, n, out);
	return LH_OK;
}

static LhStatus
column_read(LhCtx *ctx, LhDataColumn *column, int64_t row, int n, const LhSel *sel, LhVec *out)
{
	AvroColumn *col = (AvroColumn *) column;
	const Rows *rows = col->rows;
	LhArena *old;
	LhStatus status;

	if (rows->reader == NULL)
		return read_kept(ctx, col, row, n, out);
	if (row < rows->first || row + n > rows->first + rows->batch.n)
		LH_FAIL(ctx, LH_BUG, "rows of file \"%s\" are read in another order", col->file->base.path);
	*out = rows->batch.vecs[col->slot];
	old = lh_use(ctx, col->arena);
	status = slice(ctx, &col->slice, out, (int) (row - rows->first), n);
	lh_use(ctx, old);
	return status;
}

static int
column_natural(LhDataColumn *col, int64_t row, int n)
{
	return n;
}

static LhStatus
column_dict(LhCtx *ctx, LhDataColumn *col, const LhDict **out)
{
	*out = NULL;
	return LH_OK;
}

static bool
column_can_rewind(const LhDataColumn *col)
{
	return false;
}

static void
column_rewind(LhDataColumn *col)
{
}

const LhDataFormat lh_data_avro = {
	.name = "avro",
	.open = open_file,
	.node = get_node,
	.child = get_child,
	.find = find_path,
	.group = get_group,
	.bounds = get_bounds,
	.has_bloom = has_no,
	.may_hold = may_hold,
	.pages = get_pages,
	.all_dict = has_no,
	.wants = set_wants,
	.drop_ahead = drop_ahead,
	.together = together,
	.column_open = column_open,
	.column_read = column_read,
	.column_natural = column_natural,
	.column_dict = column_dict,
	.column_can_rewind = column_can_rewind,
	.column_rewind = column_rewind,
};
