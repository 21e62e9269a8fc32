/*
 * prune.c
 *		Which manifests and data files can hold a row that passes.
 *
 *	1. Filters are bound to the table's types once; columns that are no data, lie in
 *	   lists and maps, or whose names a name mapping has given away, say nothing.
 *	2. For each partition spec they are projected on its fields (transform.c), and
 *	   the result is bound to the types of partition values.
 *	3. A manifest falls out by its counts, or by its partition summaries.
 *	4. A file falls out by its partition tuple (looked at once for all files of a
 *	   manifest that share it), or by its bounds and counts.  What the tuple says of
 *	   a column's values is added to the file's bounds: an identity partition knows
 *	   them all.
 *	5. A filter that all rows of a file pass is said to be satisfied.
 *
 * What is missing is unknown: a count that is not there is not zero, a bound that
 * was cut is no value that occurs, bounds that cannot be true are none, and bounds say
 * nothing of NaN, which PostgreSQL has above all numbers.
 */
#include <math.h>

#include "iceberg/plan.h"

/* A column of the filter. */
typedef struct Column
{
	int32_t id; /* -1: says nothing */
	LhType type;
} Column;

struct LhIcePrune
{
	LhArena *arena; /* that it was made in */
	LhIceTable *table;
	int ncols;
	Column *cols;
	int nfilters;
	LhPred *const *filters;
	LhPred **bound; /* NULL: says nothing */
	LhIceIds ids; /* whose statistics are needed */
	int nspecs;
	LhIceSpecInfo **specs;
	uint64_t views; /* made */
	LhBounds *keys; /* of an equality delete file, by column */
};

static const LhBounds nothing = {.may_nan = true, .rows = -1, .nulls = -1};

static bool
is_float(const LhType *t)
{
	return t->id == LH_T_FLOAT || t->id == LH_T_DOUBLE;
}

/*
 * Bounds as written (data NULL: none) -> those of b.  What cannot be true says
 * nothing: NaN, which writers of old took for a number, and a lower bound above the
 * upper one.  Bounds of UUIDs are not believed at all: Java compared the halves as
 * signed numbers.
 */
static void
read_bounds(const LhType *type, LhSlice lower, LhSlice upper, LhBounds *b)
{
	if (type->id == LH_T_UUID)
		return;
	b->has_min = lower.data != NULL && lh_ice_value_binary(type, lower, &b->min) &&
				 !(is_float(type) && isnan(b->min.f64));
	b->has_max = upper.data != NULL && lh_ice_value_binary(type, upper, &b->max) &&
				 !(is_float(type) && isnan(b->max.f64));
	if (b->has_min && b->has_max && lh_value_compare(&b->min, &b->max) > 0)
		b->has_min = b->has_max = false;
}

/*
 * Filters
 */

/* A field that no list or map lies above; NULL: there is none. */
static const LhField *
find_flat(const LhType *record, int id)
{
	for (int i = 0; i < record->nfields; i++)
	{
		const LhField *f = &record->fields[i];

		if (f->field_id == id)
			return f;
		if (f->type.id == LH_T_STRUCT && (f = find_flat(&f->type, id)) != NULL)
			return f;
	}
	return NULL;
}

LhStatus
lh_ice_prune_want(LhCtx *ctx, LhIcePrune *p, int nids, const int *ids)
{
	LhArena *old = lh_use(ctx, p->arena);
	LhStatus status = lh_ice_ids_add(ctx, &p->ids, nids, ids);

	lh_use(ctx, old);
	return status;
}

int
lh_ice_prune_ids(const LhIcePrune *p, const int32_t **ids)
{
	*ids = p->ids.ids;
	return p->ids.n;
}

/* Columns of the filters: their fields in the schema that rows are shown with. */
static LhStatus
find_columns(LhCtx *ctx, LhIcePrune *p, const LhTaskFilter *filter)
{
	p->ncols = filter->ncols;
	LH_NEW_ARRAY(ctx, p->cols, (size_t) p->ncols + 1);
	for (int c = 0; c < p->ncols; c++)
	{
		const LhScanColumn *col = &filter->cols[c];
		const LhField *f = NULL;
		bool used = false;

		p->cols[c] = (Column){.id = -1, .type = col->type};
		for (int i = 0; i < filter->nfilters && !used; i++)
			used = lh_pred_uses(filter->filters[i], c);
		if (used && col->source == LH_SRC_DATA && col->field_id >= 0 && p->table->schema != NULL)
			f = find_flat(&p->table->schema->root, col->field_id);
		if (f == NULL || lh_type_is_nested(&f->type) ||
			!lh_ice_field_described(p->table->metadata, f->field_id))
			continue;
		p->cols[c] = (Column){.id = f->field_id, .type = f->type};
		LH_TRY(lh_ice_prune_want(ctx, p, 1, &p->cols[c].id));
	}
	return LH_OK;
}

/* Bind, or say nothing when a constant does not fit. */
static LhStatus
bind_or_nothing(LhCtx *ctx, const LhPred *pred, const LhType *types, LhPred **out)
{
	LhStatus status = lh_pred_bind(ctx, pred, types, out);

	if (status != LH_UNSUPPORTED)
		return status;
	lh_error_clear(ctx);
	*out = NULL;
	return LH_OK;
}

LhStatus
lh_ice_prune_create(LhCtx *ctx, LhIceTable *table, const LhTaskFilter *filter, LhIcePrune **out)
{
	LhIcePrune *p;
	LhType *types;

	LH_NEW(ctx, p);
	p->arena = ctx->arena;
	p->table = table;
	*out = p;
	if (filter == NULL || filter->nfilters == 0)
		return LH_OK;
	LH_TRY(find_columns(ctx, p, filter));
	p->nfilters = filter->nfilters;
	p->filters = filter->filters;
	LH_NEW_ARRAY(ctx, p->bound, (size_t) p->nfilters);
	LH_NEW_ARRAY(ctx, p->keys, (size_t) p->ncols + 1);
	LH_NEW_ARRAY(ctx, types, (size_t) p->ncols + 1);
	for (int c = 0; c < p->ncols; c++)
		types[c] = p->cols[c].type;
	for (int i = 0; i < p->nfilters; i++)
		LH_TRY(bind_or_nothing(ctx, p->filters[i], types, &p->bound[i]));
	return LH_OK;
}

/*
 * Specs
 */

static LhStatus project(LhCtx *ctx, const LhIcePrune *p, const LhIceSpecInfo *s, const LhPred *pred,
						LhPred **out);

/* AND of what can be said, OR only when something is said of each. */
static LhStatus
project_list(LhCtx *ctx, const LhIcePrune *p, const LhIceSpecInfo *s, const LhPred *pred,
			 LhPred **out)
{
	LhPred **args;
	int n = 0;

	*out = NULL;
	LH_NEW_ARRAY(ctx, args, (size_t) pred->nargs + 1);
	for (int i = 0; i < pred->nargs; i++)
	{
		LH_TRY(project(ctx, p, s, pred->args[i], &args[n]));
		if (args[n] != NULL)
			n++;
		else if (pred->kind == LH_P_OR)
			return LH_OK;
	}
	if (n == 1)
		*out = args[0];
	return n > 1 ? lh_pred_list(ctx, pred->kind, args, n, out) : LH_OK;
}

/* On every field that is made of the leaf's column. */
static LhStatus
project_leaf(LhCtx *ctx, const LhIcePrune *p, const LhIceSpecInfo *s, const LhPred *pred,
			 LhPred **out)
{
	LhPred **args;
	int n = 0;

	*out = NULL;
	if (pred->kind == LH_P_NEVER)
		return lh_pred_leaf(ctx, LH_P_NEVER, -1, NULL, out);
	if (pred->col < 0 || p->cols[pred->col].id < 0)
		return LH_OK;
	LH_NEW_ARRAY(ctx, args, (size_t) s->nfields + 1);
	for (int j = 0; j < s->nfields; j++)
	{
		const LhIceFieldInfo *f = &s->fields[j];

		if (!f->known || f->field->source_id != p->cols[pred->col].id)
			continue;
		LH_TRY(lh_ice_project(ctx, &f->field->transform, &f->source, pred, j, &args[n]));
		if (args[n] != NULL)
			n++;
	}
	if (n == 1)
		*out = args[0];
	return n > 1 ? lh_pred_list(ctx, LH_P_AND, args, n, out) : LH_OK;
}

static LhStatus
project(LhCtx *ctx, const LhIcePrune *p, const LhIceSpecInfo *s, const LhPred *pred, LhPred **out)
{
	if (pred->kind == LH_P_AND || pred->kind == LH_P_OR)
		return project_list(ctx, p, s, pred, out);
	return project_leaf(ctx, p, s, pred, out);
}

/*
 * Was a moment that is hashed a date once?  A date hashes to another bucket than its midnight, which is why the
 * specification forbids the promotion of such a column; of a table that has it buckets say nothing.
 */
static bool
hashes_differ(const LhIceMetadata *m, const LhIceSpecField *field, const LhType *source)
{
	if (field->transform.kind != LH_ICE_BUCKET || source->id != LH_T_TIMESTAMP)
		return false;
	for (int i = 0; i < m->nschemas; i++)
	{
		const LhField *f = lh_ice_field_find(&m->schemas[i], field->source_id);

		if (f != NULL && f->type.id != source->id)
			return true;
	}
	return false;
}

static LhStatus
make_spec(LhCtx *ctx, LhIcePrune *p, int spec_id, LhIceSpecInfo **out)
{
	const LhIceMetadata *m = p->table->metadata;
	const LhIceSpec *spec = lh_ice_spec_find(m, spec_id);
	LhIceSpecInfo *s;
	LhType *types;

	if (spec == NULL)
		LH_FAIL(ctx, LH_CORRUPT, "%s: there is no partition spec %d, which a manifest has", m->path,
				spec_id);
	LH_NEW(ctx, s);
	s->spec_id = spec_id;
	s->nfields = spec->nfields;
	s->unpartitioned = true;
	LH_NEW_ARRAY(ctx, s->fields, (size_t) s->nfields + 1);
	LH_NEW_ARRAY(ctx, types, (size_t) s->nfields + 1);
	LH_NEW_ARRAY(ctx, s->preds, (size_t) p->nfilters + 1);
	for (int j = 0; j < s->nfields; j++)
	{
		LhIceFieldInfo *f = &s->fields[j];
		const LhField *source;

		f->field = &spec->fields[j];
		s->unpartitioned &= f->field->transform.kind == LH_ICE_VOID;
		source = f->field->source_id >= 0 ? lh_ice_field_any(m, f->field->source_id) : NULL;
		if (source != NULL && !lh_type_is_nested(&source->type))
		{
			f->source = source->type;
			f->known = !hashes_differ(m, f->field, &f->source) &&
					   lh_ice_transform_type(&f->field->transform, &f->source, &f->type);
		}
		types[j] = f->type;
	}
	for (int i = 0; i < p->nfilters; i++)
	{
		LhPred *projected;

		LH_TRY(project(ctx, p, s, p->filters[i], &projected));
		if (projected != NULL)
			LH_TRY(bind_or_nothing(ctx, projected, types, &s->preds[i]));
	}
	*out = s;
	return LH_OK;
}

LhStatus
lh_ice_prune_spec(LhCtx *ctx, LhIcePrune *p, int spec_id, LhIceSpecInfo **out)
{
	LhIceSpecInfo **specs;
	LhArena *old;
	LhStatus status;

	for (int i = 0; i < p->nspecs; i++)
	{
		if (p->specs[i]->spec_id == spec_id)
		{
			*out = p->specs[i];
			return LH_OK;
		}
	}
	old = lh_use(ctx, p->arena);
	status = make_spec(ctx, p, spec_id, out);
	specs = lh_alloc_array(ctx, (size_t) p->nspecs + 1, sizeof(*specs));
	lh_use(ctx, old);
	LH_TRY(status);
	if (specs == NULL)
		return ctx->error->code;
	for (int i = 0; i < p->nspecs; i++)
		specs[i] = p->specs[i];
	specs[p->nspecs++] = *out;
	p->specs = specs;
	return LH_OK;
}

/*
 * Manifests
 */

/* What a summary says of a partition value over all files of a manifest. */
static LhBounds
summary_bounds(const LhIceFieldInfo *f, const struct LhIceSummary *s)
{
	LhBounds b = nothing;

	if (!f->known)
		return b;
	if (!s->contains_null)
		b.nulls = 0;
	b.known = true;
	b.may_nan = is_float(&f->type) && s->contains_nan != 0;
	read_bounds(&f->type, s->has_lower ? s->lower : (LhSlice){0},
				s->has_upper ? s->upper : (LhSlice){0}, &b);
	/* no bound and no NaN: all are null */
	if (s->contains_null && !s->has_lower && !s->has_upper && !b.may_nan)
		b.rows = b.nulls = 1;
	return b;
}

LhStatus
lh_ice_prune_manifest(LhCtx *ctx, LhIcePrune *p, const LhIceManifestFile *line, bool *may)
{
	LhIceSpecInfo *s;
	LhBounds *bounds;

	*may = false;
	/* one that has no entries at all is not written by anybody: that is looked at */
	if (line->added_files == 0 && line->existing_files == 0 && line->deleted_files != 0)
		return LH_OK;
	if (lh_ice_spec_find(p->table->metadata, line->spec_id) == NULL)
		LH_FAIL(ctx, LH_CORRUPT, "%s: there is no partition spec %d, which manifest \"%.300s\" has",
				p->table->metadata->path, line->spec_id, line->path);
	LH_TRY(lh_ice_prune_spec(ctx, p, line->spec_id, &s));
	*may = true;
	if (p->nfilters == 0 || line->nsummaries != s->nfields)
		return LH_OK;
	LH_NEW_ARRAY(ctx, bounds, (size_t) s->nfields + 1);
	for (int j = 0; j < s->nfields; j++)
		bounds[j] = summary_bounds(&s->fields[j], &line->summaries[j]);
	for (int i = 0; i < p->nfilters && *may; i++)
		*may = s->preds[i] == NULL || lh_pred_bounds(s->preds[i], bounds) != LH_NONE;
	return LH_OK;
}

static void narrow(LhBounds *b, const LhBounds *a);

/* What the ends of a partition value say of its column; floats are left out. */
static LhStatus
column_of_summary(LhCtx *ctx, const LhIceFieldInfo *f, const LhBounds *part, LhBounds *out)
{
	LhBounds low = nothing, high = nothing, b = nothing;

	b.rows = 1;
	if (part->rows >= 0 && part->nulls == part->rows)
		b.nulls = 1;
	else if (part->nulls == 0)
		b.nulls = 0;
	if (!is_float(&f->source) && part->has_min)
		LH_TRY(lh_ice_transform_range(ctx, &f->field->transform, &f->source, &part->min, &low));
	if (!is_float(&f->source) && part->has_max)
		LH_TRY(lh_ice_transform_range(ctx, &f->field->transform, &f->source, &part->max, &high));
	b.known = (low.known && low.has_min) || (high.known && high.has_max);
	b.may_nan = false;
	b.has_min = low.known && low.has_min;
	b.has_max = high.known && high.has_max;
	if (b.has_min)
		b.min = low.min;
	if (b.has_max)
		b.max = high.max;
	narrow(out, &b);
	return LH_OK;
}

LhStatus
lh_ice_prune_verdicts(LhCtx *ctx, LhIcePrune *p, const LhIceManifestFile *line, LhVerdict *out)
{
	LhIceSpecInfo *s;
	LhBounds *parts, *columns;

	for (int i = 0; i < p->nfilters; i++)
		out[i] = LH_MAYBE;
	if (lh_ice_spec_find(p->table->metadata, line->spec_id) == NULL)
		return LH_OK;
	LH_TRY(lh_ice_prune_spec(ctx, p, line->spec_id, &s));
	if (line->nsummaries != s->nfields)
		return LH_OK;
	LH_NEW_ARRAY(ctx, parts, (size_t) s->nfields + 1);
	LH_NEW_ARRAY(ctx, columns, (size_t) p->ncols + 1);
	for (int j = 0; j < s->nfields; j++)
		parts[j] = summary_bounds(&s->fields[j], &line->summaries[j]);
	for (int c = 0; c < p->ncols; c++)
	{
		columns[c] = nothing;
		columns[c].rows = 1;
		for (int j = 0; j < s->nfields && p->cols[c].id >= 0; j++)
			if (s->fields[j].known && s->fields[j].field->source_id == p->cols[c].id &&
				s->fields[j].field->transform.kind != LH_ICE_VOID &&
				lh_type_equal(&s->fields[j].source, &p->cols[c].type))
				LH_TRY(column_of_summary(ctx, &s->fields[j], &parts[j], &columns[c]));
	}
	for (int i = 0; i < p->nfilters; i++)
	{
		if (s->preds[i] != NULL && lh_pred_bounds(s->preds[i], parts) == LH_NONE)
			out[i] = LH_NONE;
		else if (p->bound[i] != NULL)
			out[i] = lh_pred_bounds(p->bound[i], columns);
	}
	return LH_OK;
}

/*
 * Views
 */

LhStatus
lh_ice_view_create(LhCtx *ctx, LhIcePrune *p, int spec_id, const LhIceManifest *m, LhIceView **out)
{
	LhIceView *v;

	LH_NEW(ctx, v);
	v->prune = p;
	v->serial = ++p->views;
	v->m = m;
	v->tuple = -1;
	LH_TRY(lh_ice_prune_spec(ctx, p, spec_id, &v->spec));
	LH_NEW_ARRAY(ctx, v->parts, (size_t) v->spec->nfields + 1);
	for (int j = 0; j < v->spec->nfields; j++)
	{
		v->parts[j] = -1;
		/* by id: two fields may have one name, and writers order as they like */
		for (int k = 0; k < m->nparts; k++)
		{
			if (m->parts[k].field_id == v->spec->fields[j].field->field_id)
				v->parts[j] = k;
		}
	}
	LH_NEW_ARRAY(ctx, v->tuples, (size_t) m->ntuples + 1);
	LH_NEW_ARRAY(ctx, v->stats, (size_t) p->ncols + 1);
	LH_NEW_ARRAY(ctx, v->tuple_bounds, (size_t) p->ncols + 1);
	LH_NEW_ARRAY(ctx, v->bounds, (size_t) p->ncols + 1);
	for (int c = 0; c < p->ncols; c++)
	{
		v->stats[c] = p->cols[c].id < 0 ? NULL : lh_ice_manifest_stats(m, p->cols[c].id);
		v->bounds[c] = nothing;
	}
	v->scratch = lh_arena_child(ctx->arena);
	if (v->scratch == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	lh_arena_as_floor(v->scratch);
	*out = v;
	return LH_OK;
}

bool
lh_ice_view_value(const LhIceView *v, int j, uint32_t tuple, LhValue *out)
{
	LhValue raw;

	if (v->parts[j] < 0 || !v->spec->fields[j].known)
		return false;
	raw = lh_ice_part_value(&v->m->parts[v->parts[j]], tuple);
	return lh_ice_value_promote(&raw, &v->spec->fields[j].type, out);
}

/* A single value, known to all rows. */
static LhBounds
value_bounds(const LhValue *v)
{
	LhBounds b = nothing;

	b.rows = 1;
	b.nulls = v->null;
	b.known = v->null || !is_float(&v->type) || !isnan(v->f64);
	b.may_nan = !b.known;
	if (v->null || !b.known)
		return b;
	b.min = b.max = *v;
	b.has_min = b.has_max = b.min_exact = b.max_exact = true;
	return b;
}

static LhStatus
tuple_may(LhCtx *ctx, LhIceView *v, uint32_t tuple, bool *may)
{
	const LhIcePrune *p = v->prune;
	LhBounds *bounds;

	*may = true;
	LH_NEW_ARRAY(ctx, bounds, (size_t) v->spec->nfields + 1);
	for (int j = 0; j < v->spec->nfields; j++)
	{
		LhValue value;

		bounds[j] = lh_ice_view_value(v, j, tuple, &value) ? value_bounds(&value) : nothing;
	}
	for (int i = 0; i < p->nfilters && *may; i++)
		*may = v->spec->preds[i] == NULL || lh_pred_bounds(v->spec->preds[i], bounds) != LH_NONE;
	return LH_OK;
}

/* b as far as a says more of the same values. */
static void
narrow(LhBounds *b, const LhBounds *a)
{
	if (a->nulls == 0)
		b->nulls = 0;
	if (a->rows >= 0 && a->nulls == a->rows)
		b->nulls = b->rows;
	if (!a->known)
		return;
	if (!b->known)
	{
		b->known = true;
		b->has_min = b->has_max = false;
		b->may_nan = true;
	}
	b->may_nan &= a->may_nan;
	if (a->has_min && (!b->has_min || lh_value_compare(&a->min, &b->min) > 0))
	{
		b->has_min = true;
		b->min = a->min;
		b->min_exact = a->min_exact;
	}
	if (a->has_max && (!b->has_max || lh_value_compare(&a->max, &b->max) < 0))
	{
		b->has_max = true;
		b->max = a->max;
		b->max_exact = a->max_exact;
	}
}

/* What a tuple says of one column. */
static LhStatus
column_of_tuple(LhCtx *ctx, const LhIceView *v, const Column *col, uint32_t tuple, LhBounds *out)
{
	for (int j = 0; j < v->spec->nfields; j++)
	{
		const LhIceFieldInfo *f = &v->spec->fields[j];
		LhBounds b;
		LhValue value;

		if (f->field->source_id != col->id || f->field->transform.kind == LH_ICE_VOID ||
			!lh_type_equal(&f->source, &col->type) || !lh_ice_view_value(v, j, tuple, &value))
			continue;
		LH_TRY(lh_ice_transform_range(ctx, &f->field->transform, &f->source, &value, &b));
		/* null is null in every transform, and nothing else is */
		b.rows = 1;
		b.nulls = value.null;
		narrow(out, &b);
	}
	return LH_OK;
}

static LhStatus
enter_tuple(LhCtx *ctx, LhIceView *v, uint32_t tuple)
{
	LhArena *old;
	LhStatus status = LH_OK;
	bool may = true;

	v->tuple = tuple;
	lh_arena_reset(v->scratch);
	old = lh_use(ctx, v->scratch);
	if (v->tuples[tuple] == 0)
	{
		status = tuple_may(ctx, v, tuple, &may);
		v->tuples[tuple] = may ? 1 : 2;
	}
	for (int c = 0; c < v->prune->ncols && status == LH_OK && v->tuples[tuple] == 1; c++)
	{
		v->tuple_bounds[c] = nothing;
		/* one row stands for all */
		v->tuple_bounds[c].rows = 1;
		if (v->prune->cols[c].id >= 0)
			status = column_of_tuple(ctx, v, &v->prune->cols[c], tuple, &v->tuple_bounds[c]);
	}
	lh_use(ctx, old);
	return status;
}

/*
 * Files
 */

void
lh_ice_stats_bounds(const LhIceStats *stats, const LhType *type, size_t i, int64_t records,
					LhBounds *b)
{
	int64_t values, nans;
	LhSlice lower = {0}, upper = {0};

	*b = nothing;
	b->rows = records;
	if (stats == NULL)
		return;
	values = lh_ice_int(&stats->values, i);
	/* values that are more or fewer than the rows are not of one each */
	if (values != LH_ICE_NONE && values != 0)
		return;
	b->nulls = lh_ice_int(&stats->nulls, i);
	if (b->nulls == LH_ICE_NONE || b->nulls > records)
		b->nulls = -1;
	nans = lh_ice_int(&stats->nans, i);
	b->may_nan = is_float(type) && nans != 0;
	b->known = true;
	lh_ice_bytes(&stats->lower, i, &lower);
	lh_ice_bytes(&stats->upper, i, &upper);
	read_bounds(type, lower, upper, b);
	if (is_float(type) && !b->has_min && !b->has_max && nans > 0 && b->nulls >= 0 &&
		nans == records - b->nulls)
	{
		/* nothing but NaN (and null): above all numbers */
		b->min = b->max = (LhValue){.type = *type, .f64 = INFINITY};
		b->has_min = b->has_max = true;
	}
}

LhStatus
lh_ice_prune_file(LhCtx *ctx, LhIceView *v, size_t i, LhIceFate *fate, uint64_t *satisfied)
{
	const LhIcePrune *p = v->prune;
	uint32_t tuple = (uint32_t) lh_ice_int(&v->m->tuple, i);
	int64_t records;

	*fate = LH_ICE_KEEP;
	*satisfied = 0;
	if (p->nfilters == 0)
		return LH_OK;
	if (v->tuple != tuple)
		LH_TRY(enter_tuple(ctx, v, tuple));
	if (v->tuples[tuple] == 2)
	{
		*fate = LH_ICE_BY_PARTITION;
		return LH_OK;
	}
	records = lh_ice_int(&v->m->records, i);
	for (int c = 0; c < p->ncols; c++)
	{
		if (p->cols[c].id < 0)
			continue;
		lh_ice_stats_bounds(v->stats[c], &p->cols[c].type, i, records, &v->bounds[c]);
		narrow(&v->bounds[c], &v->tuple_bounds[c]);
	}
	for (int k = 0; k < p->nfilters; k++)
	{
		LhVerdict verdict = p->bound[k] == NULL ? LH_MAYBE : lh_pred_bounds(p->bound[k], v->bounds);

		if (verdict == LH_NONE)
		{
			*fate = LH_ICE_BY_BOUNDS;
			return LH_OK;
		}
		if (verdict == LH_ALL && k < 64)
			*satisfied |= UINT64_C(1) << k;
	}
	return LH_OK;
}

bool
lh_ice_prune_keys(LhIcePrune *p, const LhIceManifest *m, size_t i, int nids, const int *ids)
{
	for (int c = 0; c < p->ncols; c++)
	{
		p->keys[c] = nothing;
		for (int k = 0; k < nids; k++)
		{
			if (ids[k] == p->cols[c].id)
				lh_ice_stats_bounds(lh_ice_manifest_stats(m, ids[k]), &p->cols[c].type, i,
									lh_ice_int(&m->records, i), &p->keys[c]);
		}
	}
	for (int f = 0; f < p->nfilters; f++)
	{
		if (p->bound[f] != NULL && lh_pred_bounds(p->bound[f], p->keys) == LH_NONE)
			return false;
	}
	return true;
}
