/*
 * file_orc.c
 *		ORC files as data files: stripes are groups, entries of the row index pages.
 */
#include "orc/orc.h"
#include "scan/datafile.h"

typedef struct OrcFile
{
	LhDataFile base;
	LhOrcFile *orc;
	const LhOrcMeta *meta;
} OrcFile;

static inline LhOrcFile *
orc(LhDataFile *file)
{
	return ((OrcFile *) file)->orc;
}

static inline const LhOrcMeta *
meta_of(const LhDataFile *file)
{
	return ((const OrcFile *) file)->meta;
}

static LhStatus
open_file(LhCtx *ctx, LhObject *obj, const LhDataOptions *options, LhDataFile **out)
{
	LhOrcOptions how = {.nanoseconds = options->parquet.raw_int96};
	OrcFile *file;

	LH_NEW(ctx, file);
	LH_TRY(lh_orc_open(ctx, obj, NULL, &how, &file->orc));
	file->meta = lh_orc_meta(file->orc);
	file->base.nnodes = file->meta->nnodes;
	file->base.ngroups = file->meta->nstripes;
	file->base.rows = file->meta->num_rows;
	*out = &file->base;
	return LH_OK;
}

/* Whatever an attribute promises, a stripe may hold nulls. */
static void
get_node(const LhDataFile *file, int node, LhFileNode *out)
{
	const LhOrcNode *n = &meta_of(file)->nodes[node];

	*out = (LhFileNode){
		.name = n->name,
		.parent = n->parent,
		.first_child = n->nchildren > 0 ? n->first_child : -1,
		.next = n->next,
		.field_id = n->field_id,
		.type = n->type,
		.required = n->required,
		.in_list = n->repeated,
		.flat = n->leaf >= 0 && !n->repeated,
	};
}

static int
get_child(const LhDataFile *file, int node, const char *name, size_t len)
{
	return lh_orc_child(meta_of(file), node, name, len);
}

static int
find_path(const LhDataFile *file, const char *path)
{
	return lh_orc_find(meta_of(file), path);
}

static void
get_group(const LhDataFile *file, int group, LhFileGroup *out)
{
	const LhOrcStripe *s = &meta_of(file)->stripes[group];

	*out = (LhFileGroup){s->rows, s->first_row};
}

static LhStatus
get_bounds(LhCtx *ctx, LhDataFile *file, int group, int node, LhBounds *out)
{
	return lh_orc_bounds(ctx, orc(file), group, node, out);
}

static LhStatus
has_bloom(LhCtx *ctx, LhDataFile *file, int group, int node, bool *yes)
{
	const LhOrcBloom *bloom = NULL;

	LH_TRY(lh_orc_bloom(ctx, orc(file), group, node, &bloom));
	*yes = bloom != NULL;
	return LH_OK;
}

static LhStatus
may_hold(LhCtx *ctx, LhDataFile *file, int group, int node, const LhValue *value, bool *may)
{
	const LhOrcBloom *bloom = NULL;

	LH_TRY(lh_orc_bloom(ctx, orc(file), group, node, &bloom));
	*may = bloom == NULL || lh_orc_bloom_may_hold(bloom, -1, &meta_of(file)->nodes[node], value);
	return LH_OK;
}

static LhStatus
get_pages(LhCtx *ctx, LhDataFile *file, int group, int node, LhFilePages *out)
{
	const LhOrcRowIndex *index = NULL;

	*out = (LhFilePages){0};
	LH_TRY(lh_orc_row_index(ctx, orc(file), group, node, &index));
	if (index != NULL)
		*out = (LhFilePages){index->nentries, index->first_row, index->bounds};
	return LH_OK;
}

static LhStatus
all_dict(LhCtx *ctx, LhDataFile *file, int group, int node, bool *yes)
{
	int column = meta_of(file)->nodes[node].column;
	const LhOrcStripeInfo *stripe;

	LH_TRY(lh_orc_stripe(ctx, orc(file), group, &stripe));
	*yes = column < stripe->ncolumns && (stripe->encodings[column] == LH_ORC_DICTIONARY ||
										 stripe->encodings[column] == LH_ORC_DICTIONARY_V2);
	return LH_OK;
}

static LhStatus
will_need(LhCtx *ctx, LhDataFile *file, int group, int n, const int *nodes)
{
	return lh_orc_will_need(ctx, orc(file), group, n, nodes);
}

static void
drop_ahead(LhDataFile *file)
{
	lh_orc_drop_ahead(orc(file));
}

/*
 * Columns are LhOrcColumn themselves
 */

static LhStatus
column_open(LhCtx *ctx, LhDataFile *file, int group, int node, LhDataColumn **out)
{
	return lh_orc_column_open(ctx, orc(file), group, node, (LhOrcColumn **) out);
}

static LhStatus
column_read(LhCtx *ctx, LhDataColumn *col, int64_t row, int n, const LhSel *sel, LhVec *out)
{
	return lh_orc_column_read(ctx, (LhOrcColumn *) col, row, n, sel, out);
}

static int
column_natural(LhDataColumn *col, int64_t row, int n)
{
	return lh_orc_column_natural((LhOrcColumn *) col, row, n);
}

static LhStatus
column_dict(LhCtx *ctx, LhDataColumn *col, const LhDict **out)
{
	return lh_orc_column_dict(ctx, (LhOrcColumn *) col, out);
}

static bool
column_can_rewind(const LhDataColumn *col)
{
	return lh_orc_column_can_rewind((const LhOrcColumn *) col);
}

static void
column_rewind(LhDataColumn *col)
{
	lh_orc_column_rewind((LhOrcColumn *) col);
}

const LhDataFormat lh_data_orc = {
	.name = "orc",
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
