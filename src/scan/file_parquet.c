/*
 * file_parquet.c
 *		Parquet files as data files: node for node, group for group.
 */
#include "scan/datafile.h"

typedef struct ParquetFile
{
	LhDataFile base;
	LhPqFile *pq;
	const LhPqMeta *meta;
} ParquetFile;

static inline ParquetFile *
parquet(LhDataFile *file)
{
	return (ParquetFile *) file;
}

static inline const LhPqMeta *
meta_of(const LhDataFile *file)
{
	return ((const ParquetFile *) file)->meta;
}

static LhStatus
open_file(LhCtx *ctx, LhObject *obj, const LhDataOptions *options, LhDataFile **out)
{
	ParquetFile *file;

	LH_NEW(ctx, file);
	LH_TRY(lh_pq_open(ctx, obj, options->cache, &options->parquet, &file->pq));
	file->meta = lh_pq_meta(file->pq);
	file->base.nnodes = file->meta->nnodes;
	file->base.ngroups = file->meta->ngroups;
	file->base.rows = file->meta->num_rows;
	*out = &file->base;
	return LH_OK;
}

static void
get_node(const LhDataFile *file, int node, LhFileNode *out)
{
	const LhPqMeta *meta = meta_of(file);
	const LhPqNode *n = &meta->nodes[node];

	*out = (LhFileNode){
		.name = n->name,
		.parent = n->parent,
		.first_child = n->nchildren > 0 ? n->first_child : -1,
		.next = n->next,
		.field_id = n->field_id,
		.type = n->type,
		.required = n->repetition == LH_PQ_REQUIRED,
		.not_null = n->max_def == 0,
		.in_list = n->parent >= 0 && meta->nodes[n->parent].max_rep > 0,
		.flat = n->leaf >= 0 && n->max_rep == 0,
	};
}

static int
get_child(const LhDataFile *file, int node, const char *name, size_t len)
{
	return lh_pq_child(meta_of(file), node, name, len);
}

static int
find_path(const LhDataFile *file, const char *path)
{
	return lh_pq_find(meta_of(file), path);
}

static void
get_group(const LhDataFile *file, int group, LhFileGroup *out)
{
	const LhPqRowGroup *g = &meta_of(file)->groups[group];

	*out = (LhFileGroup){g->num_rows, g->first_row};
}

static LhStatus
get_bounds(LhCtx *ctx, LhDataFile *file, int group, int node, LhBounds *out)
{
	return lh_pq_bounds(ctx, parquet(file)->pq, group, meta_of(file)->nodes[node].leaf, out);
}

static LhStatus
has_bloom(LhCtx *ctx, LhDataFile *file, int group, int node, bool *yes)
{
	const LhPqChunk *chunk;

	LH_TRY(lh_pq_chunk(ctx, parquet(file)->pq, group, meta_of(file)->nodes[node].leaf, &chunk));
	*yes = chunk->bloom_offset >= 0;
	return LH_OK;
}

static LhStatus
may_hold(LhCtx *ctx, LhDataFile *file, int group, int node, const LhValue *value, bool *may)
{
	const LhPqNode *n = &meta_of(file)->nodes[node];
	const LhPqBloom *bloom = NULL;

	LH_TRY(lh_pq_bloom(ctx, parquet(file)->pq, group, n->leaf, &bloom));
	*may = bloom == NULL || lh_pq_bloom_may_hold(bloom, n, value);
	return LH_OK;
}

static LhStatus
get_pages(LhCtx *ctx, LhDataFile *file, int group, int node, LhFilePages *out)
{
	const LhPqPageIndex *index = NULL;

	*out = (LhFilePages){0};
	LH_TRY(lh_pq_page_index(ctx, parquet(file)->pq, group, meta_of(file)->nodes[node].leaf, &index));
	if (index != NULL && index->bounds != NULL)
		*out = (LhFilePages){index->npages, index->first_row, index->bounds};
	return LH_OK;
}

static LhStatus
all_dict(LhCtx *ctx, LhDataFile *file, int group, int node, bool *yes)
{
	const LhPqChunk *chunk;

	LH_TRY(lh_pq_chunk(ctx, parquet(file)->pq, group, meta_of(file)->nodes[node].leaf, &chunk));
	*yes = chunk->all_dictionary;
	return LH_OK;
}

static LhStatus
will_need(LhCtx *ctx, LhDataFile *file, int group, int n, const int *nodes)
{
	return lh_pq_will_need(ctx, parquet(file)->pq, group, n, nodes);
}

static void
drop_ahead(LhDataFile *file)
{
	lh_pq_drop_ahead(parquet(file)->pq);
}

/*
 * Columns are LhPqColumn themselves
 */

static LhStatus
column_open(LhCtx *ctx, LhDataFile *file, int group, int node, LhDataColumn **out)
{
	return lh_pq_column_open(ctx, parquet(file)->pq, group, node, (LhPqColumn **) out);
}

static LhStatus
column_read(LhCtx *ctx, LhDataColumn *col, int64_t row, int n, const LhSel *sel, LhVec *out)
{
	return lh_pq_column_read(ctx, (LhPqColumn *) col, row, n, sel, out);
}

static int
column_natural(LhDataColumn *col, int64_t row, int n)
{
	return lh_pq_column_natural((LhPqColumn *) col, row, n);
}

static LhStatus
column_dict(LhCtx *ctx, LhDataColumn *col, const LhDict **out)
{
	return lh_pq_column_dict(ctx, (LhPqColumn *) col, out);
}

static bool
column_can_rewind(const LhDataColumn *col)
{
	return lh_pq_column_can_rewind((const LhPqColumn *) col);
}

static void
column_rewind(LhDataColumn *col)
{
	lh_pq_column_rewind((LhPqColumn *) col);
}

const LhDataFormat lh_data_parquet = {
	.name = "parquet",
	.open = open_file,
	.node = get_node,
	.child = get_child,
	.find = find_path,
	.group = get_group,
	.bounds = get_bounds,
	.has_bloom = has_bloom,
	.may_hold = may_hold,
	.pages = get_pages,
	.all_dict = all_dict,
	.will_need = will_need,
	.drop_ahead = drop_ahead,
	.column_open = column_open,
	.column_read = column_read,
	.column_natural = column_natural,
	.column_dict = column_dict,
	.column_can_rewind = column_can_rewind,
	.column_rewind = column_rewind,
};
