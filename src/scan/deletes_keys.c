/*
 * deletes_keys.c
 *		Equality delete files: keys that several files and tasks share.
 *
 * Files with the same key columns share one set of keys, to which a file is added when
 * the first task that names it is read.  A filter on the set knows which files a
 * task names.
 */
#include "scan/deletes_state.h"

#include "scan/eqset_state.h"
#include "scan/keycache.h"

/* Keys that memory is taken for before they are there: what a file claims is only a claim. */
#define MOST_RESERVED (1 << 20)

typedef struct Keys
{
	LhDeletes *d;
	LhDeletesKeySet *keys;
	const LhDeleteFile *def;
	uint32_t owner;
	LhDeletesOpened opened;
	bool may_keep; /* what is read may serve later statements, and what earlier ones read this one */
} Keys;

/* What keys are compared as: the table's type, else that of the first delete file. */
static LhStatus
make_set(LhCtx *ctx, const Keys *k, const LhBatch *batch)
{
	LhArena *old = lh_use(ctx, k->d->arena);
	LhType *types;
	LhStatus status;

	LH_NEW_ARRAY(ctx, types, (size_t) k->keys->nids);
	for (int i = 0; i < k->keys->nids; i++)
	{
		const LhType *type =
			k->d->schema != NULL ? lh_schema_field(k->d->schema, k->keys->ids[i]) : NULL;

		types[i] = type != NULL && type->id != LH_T_NULL ? *type : batch->vecs[i]->type;
		if (types[i].id == LH_T_NULL) /* nothing but nulls */
			types[i] = (LhType){.id = LH_T_INT64, .lane = LH_LANE_I64};
	}
	status = lh_eqset_create(ctx, k->keys->nids, types, &k->keys->set);
	lh_use(ctx, old);
	return status;
}

/* The first batch of a file is there. */
static LhStatus
begin_keys(LhCtx *ctx, Keys *k)
{
	LhEqSet *set = k->keys->set;
	int64_t rows = k->opened.rows;

	/* by other means than its id another table may find another column */
	k->may_keep = k->may_keep && k->opened.by_id;
	if (k->may_keep)
		LH_TRY(lh_key_cache_get(ctx, &k->opened.id, k->keys->ids[0], &set->types[0], k->owner, set, &k->opened.enough));
	return k->opened.enough ? LH_OK : lh_eqset_reserve(ctx, set, rows < MOST_RESERVED ? rows : MOST_RESERVED);
}

static LhStatus
take_keys(LhCtx *ctx, void *arg, const LhBatch *batch)
{
	Keys *k = arg;
	LhArena *old;
	LhStatus status;

	if (k->keys->set == NULL)
		LH_TRY(make_set(ctx, k, batch));
	for (int i = 0; i < k->keys->nids; i++)
		if (!lh_eqset_fits(k->keys->set, i, &batch->vecs[i]->type))
			LH_FAIL(ctx, LH_MISMATCH,
					"equality delete file \"%s\": field %d has type %s, which does not fit the table's",
					k->def->path, k->keys->ids[i], lh_type_name(&batch->vecs[i]->type));
	old = lh_use(ctx, k->d->arena);
	status = batch->first_row == 0 ? begin_keys(ctx, k) : LH_OK;
	if (status == LH_OK && !k->opened.enough)
		status = lh_eqset_add(ctx, k->keys->set, k->owner, batch->vecs, batch->n);
	lh_use(ctx, old);
	return status;
}

/* All of the file's keys are in: keep them for the next statement, when it is the first file of its set. */
static LhStatus
keep_keys(LhCtx *ctx, const Keys *k)
{
	LhEqSet *set = k->keys->set;

	if (!k->may_keep || k->opened.enough || set == NULL || set->hashed || set->owner != k->owner)
		return LH_OK;
	LH_TRY(lh_eqset_seal(ctx, set));
	lh_key_cache_put(&k->opened.id, k->keys->ids[0], &set->types[0], set);
	return LH_OK;
}

static LhStatus
load_keys(LhCtx *ctx, LhDeletes *d, uint32_t at)
{
	LhArena *old = ctx->arena, *scratch = lh_arena_child(old);
	LhDeletesKeySet *keys = &d->sets[d->files[at].keys];
	Keys k = {d, keys, &d->tasks->deletes[at], at, {0}, keys->nids == 1 && d->tasks->deletes[at].key_metadata.len == 0};
	LhScanColumn *cols;
	LhStatus status;

	if (scratch == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	lh_use(ctx, scratch);
	cols = lh_alloc_array(ctx, (size_t) keys->nids, sizeof(*cols));
	status = cols == NULL ? ctx->error->code : LH_OK;
	for (int i = 0; cols != NULL && i < keys->nids; i++)
	{
		const LhType *type = d->schema != NULL ? lh_schema_field(d->schema, keys->ids[i]) : NULL;

		cols[i] = (LhScanColumn){.name = lh_sprintf(ctx, "field id %d", keys->ids[i]), .source = LH_SRC_DATA, .field_id = keys->ids[i]};
		if (cols[i].name == NULL)
			status = ctx->error->code;
		if (type != NULL)
			cols[i].type = *type;
	}
	if (status == LH_OK)
		status = lh_deletes_read_file(ctx, d->table, &d->key_schema, k.def, keys->nids, cols, NULL, take_keys, &k,
								  &k.opened);
	if (status == LH_OK)
		status = keep_keys(ctx, &k);
	lh_use(ctx, old);
	lh_arena_destroy(scratch);
	LH_TRY(status);
	d->files[at].loaded = true;
	return LH_OK;
}

static LhStatus
filter_of(LhCtx *ctx, LhDeletes *d, const LhDeletesKeySet *keys, const uint64_t *owners, LhKeyDeletes *out)
{
	*out = (LhKeyDeletes){.set = keys->set, .nids = keys->nids, .ids = keys->ids};
	return lh_eqfilter_create(ctx, keys->set, owners, &out->filter);
}

/* All files that a task names are in the set. */
static LhStatus
seal(LhCtx *ctx, LhDeletesKeySet *keys)
{
	LH_TRY(lh_eqset_seal(ctx, keys->set));
	LH_COUNT(ctx, EQUALITY_KEYS, lh_eqset_keys(keys->set) - keys->counted);
	keys->counted = lh_eqset_keys(keys->set);
	return LH_OK;
}

static LhStatus
keys_of(LhCtx *ctx, LhDeletes *d, size_t task, int from, int to, int *n, LhKeyDeletes **out)
{
	const LhFileTask *t = &d->tasks->tasks[task];
	uint64_t *owners = NULL;
	bool *used;

	*n = 0;
	*out = NULL;
	LH_NEW_ARRAY(ctx, used, (size_t) d->nsets + 1);
	for (int i = from; i < to; i++)
	{
		uint32_t at = t->deletes[i];

		if (d->tasks->deletes[at].kind != LH_DELETE_EQUALITY)
			continue;
		if (owners == NULL)
			LH_NEW_ARRAY(ctx, owners, LH_WORDS(d->tasks->ndeletes));
		if (!d->files[at].loaded)
			LH_TRY(load_keys(ctx, d, at));
		lh_bit_set(owners, at);
		used[d->files[at].keys] = true;
	}
	if (owners == NULL)
		return LH_OK;
	LH_NEW_ARRAY(ctx, *out, (size_t) d->nsets);
	for (int i = 0; i < d->nsets; i++)
		if (used[i] && d->sets[i].set != NULL)
		{
			LH_TRY(seal(ctx, &d->sets[i]));
			LH_TRY(filter_of(ctx, d, &d->sets[i], owners, &(*out)[(*n)++]));
		}
	return LH_OK;
}

LhStatus
lh_deletes_keys(LhCtx *ctx, LhDeletes *d, size_t task, int from, int to, int *n, LhKeyDeletes **out)
{
	LhStatus status;

	pthread_rwlock_wrlock(&d->lock);
	status = keys_of(ctx, d, task, from, to, n, out);
	pthread_rwlock_unlock(&d->lock);
	return status;
}

LhStatus
lh_deletes_probe(LhCtx *ctx, LhDeletes *d, const LhKeyDeletes *keys, const LhVec *const *vecs,
				 const LhSel *sel, uint64_t *hits)
{
	LhStatus status;

	pthread_rwlock_rdlock(&d->lock);
	status = lh_eqfilter_probe(ctx, keys->filter, vecs, sel, hits);
	pthread_rwlock_unlock(&d->lock);
	return status;
}
