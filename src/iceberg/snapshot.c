/*
 * snapshot.c
 *		Snapshots: found by id, read, and chosen.
 *
 * Which snapshot is read:
 *
 *	1. by its id;
 *	2. by a time: the last entry of the snapshot log (the history of main) that
 *	   is not later.  Not the newest snapshot by its own time: that one may be of
 *	   a branch, or rolled back.  A table without a log is asked for the
 *	   ancestors of its current snapshot instead;
 *	3. by a ref, a branch or a tag;
 *	4. else the current one.  None, or -1, is an empty table.
 *
 * Rows of a snapshot chosen by id, time or tag are shown with the schema it was
 * written with, those of a branch with the current one.  Snapshots of old
 * writers say no schema: then it is the current one.
 */
#include "iceberg/meta.h"

#include <stdio.h>

/* Places of m->snapshots + 1 by the hash of their ids, 0: free. */
struct LhIceSnapshotIndex
{
	uint32_t mask;
	uint32_t *slots;
};

LhStatus
lh_ice_index_snapshots(LhCtx *ctx, LhIceMetadata *m)
{
	struct LhIceSnapshotIndex *index;
	size_t size = 16;

	if (m->nsnapshots > UINT32_MAX / 4)
		LH_FAIL(ctx, LH_LIMIT, "metadata file \"%s\": there are %zu snapshots", m->path,
				m->nsnapshots);
	while (size < 2 * m->nsnapshots)
		size *= 2;
	LH_NEW(ctx, index);
	index->mask = (uint32_t) (size - 1);
	LH_NEW_ARRAY(ctx, index->slots, size);
	for (size_t i = 0; i < m->nsnapshots; i++)
	{
		uint32_t at = (uint32_t) lh_hash_u64((uint64_t) m->snapshots[i].snapshot_id) & index->mask;

		for (; index->slots[at] != 0; at = (at + 1) & index->mask)
			if (m->snapshots[index->slots[at] - 1].snapshot_id == m->snapshots[i].snapshot_id)
				LH_FAIL(
					ctx, LH_CORRUPT,
					"metadata file \"%s\": field \"snapshots[%zu].snapshot-id\": id %lld is that "
					"of snapshot %u, too",
					m->path, i, (long long) m->snapshots[i].snapshot_id, index->slots[at] - 1);
		index->slots[at] = (uint32_t) i + 1;
	}
	m->index = index;
	return LH_OK;
}

const LhIceSnapshotEntry *
lh_ice_snapshot_find(const LhIceMetadata *m, int64_t snapshot_id)
{
	const struct LhIceSnapshotIndex *index = m->index;
	uint32_t at = (uint32_t) lh_hash_u64((uint64_t) snapshot_id) & index->mask;

	for (; index->slots[at] != 0; at = (at + 1) & index->mask)
		if (m->snapshots[index->slots[at] - 1].snapshot_id == snapshot_id)
			return &m->snapshots[index->slots[at] - 1];
	return NULL;
}

/*
 * Reading one
 */

static LhStatus
manifest_paths(LhCtx *ctx, LhPull *j, LhIceSnapshot *out)
{
	const char **paths;

	LH_PULL_ITEMS(ctx, j, paths, out->nmanifests, lh_pull_text(ctx, j, &paths[out->nmanifests]));
	out->manifests = paths;
	return LH_OK;
}

/* -1 is how some writers say that there is no parent. */
static LhStatus
parent_id(LhCtx *ctx, LhPull *j, LhIceSnapshot *out)
{
	LH_TRY(lh_pull_id(ctx, j, &out->parent_id));
	out->has_parent = out->parent_id != -1;
	return LH_OK;
}

static LhStatus
first_row_id(LhCtx *ctx, LhPull *j, LhIceSnapshot *out)
{
	LH_TRY(lh_pull_i64(ctx, j, &out->first_row_id));
	if (out->first_row_id < 0)
		return lh_pull_fail(ctx, j, LH_CORRUPT, "row id %lld is negative",
							(long long) out->first_row_id);
	out->has_first_row_id = true;
	return LH_OK;
}

LhStatus
lh_ice_snapshot_read(LhCtx *ctx, const LhIceMetadata *m, const LhIceSnapshotEntry *entry,
					 LhIceSnapshot *out)
{
	enum
	{
		ID,
		PARENT,
		SEQUENCE,
		TIME,
		LIST,
		MANIFESTS,
		SUMMARY,
		SCHEMA,
		FIRST_ROW,
		ADDED_ROWS,
		KEY
	};
	static const char *const names[] = {
		"snapshot-id",   "parent-snapshot-id", "sequence-number", "timestamp-ms",
		"manifest-list", "manifests",          "summary",         "schema-id",
		"first-row-id",  "added-rows",         "key-id",          NULL};
	const char *what = lh_sprintf(ctx, "metadata file \"%s\", snapshot %lld", m->path,
								  (long long) entry->snapshot_id);
	uint64_t seen = 0;
	LhPull j;
	bool more;
	int which;

	if (what == NULL)
		return ctx->error->code;
	*out = (LhIceSnapshot){.schema_id = -1, .added_rows = -1};
	LH_TRY(lh_pull_open(ctx, &j, what, entry->text));
	LH_TRY(lh_pull_object(ctx, &j));
	for (;;)
	{
		LH_TRY(lh_pull_field(ctx, &j, names, &seen, &which, &more));
		if (!more)
			break;
		switch (which)
		{
			case ID: LH_TRY(lh_pull_id(ctx, &j, &out->snapshot_id)); break;
			case PARENT: LH_TRY(parent_id(ctx, &j, out)); break;
			case SEQUENCE: LH_TRY(lh_pull_i64(ctx, &j, &out->sequence)); break;
			case TIME: LH_TRY(lh_pull_i64(ctx, &j, &out->timestamp_ms)); break;
			case LIST: LH_TRY(lh_pull_text(ctx, &j, &out->manifest_list)); break;
			case MANIFESTS: LH_TRY(manifest_paths(ctx, &j, out)); break;
			case SUMMARY: LH_TRY(lh_pull_skip(ctx, &j, &out->summary)); break;
			case SCHEMA: LH_TRY(lh_pull_i32(ctx, &j, &out->schema_id)); break;
			case FIRST_ROW: LH_TRY(first_row_id(ctx, &j, out)); break;
			case ADDED_ROWS: LH_TRY(lh_pull_i64(ctx, &j, &out->added_rows)); break;
			case KEY: LH_TRY(lh_pull_text(ctx, &j, &out->key_id)); break;
		}
	}
	LH_TRY(lh_pull_need(ctx, &j, names, seen, 1 << ID | 1 << TIME));
	/* a snapshot from before an upgrade may lack its sequence number, which is 0, and its list */
	if (!(seen & 1 << MANIFESTS))
		LH_TRY(lh_pull_need(ctx, &j, names, seen, 1 << LIST));
	LH_TRY(lh_pull_close(ctx, &j));
	return lh_ice_summary_value(ctx, out, "operation", &out->operation);
}

LhStatus
lh_ice_summary_value(LhCtx *ctx, const LhIceSnapshot *s, const char *key, const char **out)
{
	LhSlice name;
	LhPull j;
	bool more;

	*out = NULL;
	if (s->summary.len == 0)
		return LH_OK;
	LH_TRY(lh_pull_open(ctx, &j, "summary of a snapshot", s->summary));
	LH_TRY(lh_pull_object(ctx, &j));
	for (;;)
	{
		LH_TRY(lh_pull_member(ctx, &j, &name, &more));
		if (!more)
			return LH_OK;
		if (*out == NULL && lh_slice_is(name, key) && lh_pull_kind(&j) == LH_PULL_STRING)
			LH_TRY(lh_pull_text(ctx, &j, out));
		else
			LH_TRY(lh_pull_skip(ctx, &j, NULL));
	}
}

LhStatus
lh_ice_snapshot_get(LhCtx *ctx, const LhIceMetadata *m, int64_t snapshot_id, LhIceSnapshot **out)
{
	const LhIceSnapshotEntry *entry = lh_ice_snapshot_find(m, snapshot_id);

	if (entry == NULL)
	{
		lh_fail(ctx, LH_NOT_FOUND, "metadata file \"%s\" has no snapshot %lld", m->path,
				(long long) snapshot_id);
		lh_detail(ctx, "It has %zu snapshots; others have expired, or belong to another table.",
				  m->nsnapshots);
		return LH_NOT_FOUND;
	}
	LH_NEW(ctx, *out);
	return lh_ice_snapshot_read(ctx, m, entry, *out);
}

/*
 * Choosing
 */

/* A moment for messages. */
static const char *
moment_text(int64_t ms, char out[48])
{
	lh_format_timestamp(ms, LH_UNIT_MS, true, out);
	return out;
}

static LhStatus
too_early(LhCtx *ctx, const LhIceMetadata *m, int64_t us, bool any, int64_t oldest_ms)
{
	char text[48], oldest[48];

	lh_format_timestamp(us, LH_UNIT_US, true, text);
	lh_fail(ctx, LH_NOT_FOUND, "metadata file \"%s\" has no snapshot as of %s", m->path, text);
	if (any)
		lh_detail(ctx, "The oldest snapshot it knows for branch main is of %s.",
				  moment_text(oldest_ms, oldest));
	else
		lh_detail(ctx, "Branch main has no snapshot at all.");
	return LH_NOT_FOUND;
}

/* Ancestors of the current snapshot, for tables that keep no log. */
static LhStatus
ancestor_at(LhCtx *ctx, const LhIceMetadata *m, int64_t us, LhIceSnapshot **out)
{
	int64_t id = m->current_snapshot, oldest = 0;
	bool any = false;

	for (size_t steps = 0; m->has_current && steps <= m->nsnapshots; steps++)
	{
		if (lh_ice_snapshot_find(m, id) == NULL)
			break;
		LH_TRY(lh_ice_snapshot_get(ctx, m, id, out));
		if (lh_floor_div(us, 1000) >= (*out)->timestamp_ms)
			return LH_OK;
		oldest = (*out)->timestamp_ms;
		any = true;
		if (!(*out)->has_parent)
			break;
		id = (*out)->parent_id;
		LH_TRY(lh_poll(ctx));
	}
	return too_early(ctx, m, us, any, oldest);
}

static LhStatus
choose_by_time(LhCtx *ctx, const LhIceMetadata *m, int64_t us, LhIceSnapshot **out)
{
	const LhIceLogEntry *found = NULL;
	int64_t ms = lh_floor_div(us, 1000), oldest = INT64_MAX;

	if (m->nlog == 0)
		return ancestor_at(ctx, m, us, out);
	for (size_t i = 0; i < m->nlog; i++)
	{
		if (m->log[i].timestamp_ms <= ms)
			found = &m->log[i];
		if (m->log[i].timestamp_ms < oldest)
			oldest = m->log[i].timestamp_ms;
	}
	if (found == NULL)
		return too_early(ctx, m, us, true, oldest);
	if (lh_ice_snapshot_find(m, found->snapshot_id) == NULL)
	{
		char text[48];

		lh_format_timestamp(us, LH_UNIT_US, true, text);
		lh_fail(ctx, LH_NOT_FOUND,
				"snapshot %lld, the state of metadata file \"%s\" as of %s, has expired",
				(long long) found->snapshot_id, m->path, text);
		return LH_NOT_FOUND;
	}
	return lh_ice_snapshot_get(ctx, m, found->snapshot_id, out);
}

/* The names that exist, as far as there is room for them. */
static LhStatus
unknown_ref(LhCtx *ctx, const LhIceMetadata *m, const char *name)
{
	static const char *const kinds[] = {"branches", "tags"};
	LhBuf names;

	LH_TRY(lh_buf_init(ctx, &names, true));
	for (int tags = 0; tags <= 1; tags++)
	{
		int n = 0;

		for (int i = 0; i < m->nrefs; i++)
			if (m->refs[i].is_tag == (tags == 1) && names.len < LH_ERROR_TEXT)
				LH_TRY(lh_buf_printf(ctx, &names, "%s%s",
									 n++ > 0 ? ", "
									 : tags  ? "; tags: "
											 : "branches: ",
									 m->refs[i].name));
		if (n == 0)
			LH_TRY(lh_buf_printf(ctx, &names, "%sno %s", tags ? "; " : "", kinds[tags]));
	}
	lh_fail(ctx, LH_NOT_FOUND, "metadata file \"%s\" has no branch or tag \"%s\"", m->path, name);
	lh_detail(ctx, "It has %s.", (const char *) names.data);
	return LH_NOT_FOUND;
}

static LhStatus
choose_by_ref(LhCtx *ctx, const LhIceMetadata *m, const char *name, LhIceSnapshot **out, bool *own)
{
	*out = NULL;
	for (int i = 0; i < m->nrefs; i++)
		if (strcmp(m->refs[i].name, name) == 0)
		{
			*own = m->refs[i].is_tag;
			return lh_ice_snapshot_get(ctx, m, m->refs[i].snapshot_id, out);
		}
	/* an empty table has its main branch, though no ref */
	if (strcmp(name, "main") == 0)
		return LH_OK;
	return unknown_ref(ctx, m, name);
}

LhStatus
lh_ice_choose(LhCtx *ctx, const LhIceMetadata *m, const LhTableOptions *options,
			  const LhIceSnapshot **snapshot, const LhIceSchema **schema)
{
	int asked = (options->snapshot_id != 0) + options->has_time + (options->ref != NULL);
	LhIceSnapshot *found = NULL;
	int schema_id = m->current_schema;
	bool own = true; /* the schema is the snapshot's own */

	if (asked > 1)
		LH_FAIL(ctx, LH_INVALID, "only one of a snapshot id, a time and a ref can be asked for");
	if (options->snapshot_id == -1)
		LH_FAIL(ctx, LH_INVALID, "-1 is no snapshot id, but means that there is no snapshot");
	if (options->snapshot_id != 0)
		LH_TRY(lh_ice_snapshot_get(ctx, m, options->snapshot_id, &found));
	else if (options->has_time)
		LH_TRY(choose_by_time(ctx, m, options->snapshot_time_us, &found));
	else if (options->ref != NULL)
		LH_TRY(choose_by_ref(ctx, m, options->ref, &found, &own));
	else
	{
		own = false;
		if (m->has_current)
			LH_TRY(lh_ice_snapshot_get(ctx, m, m->current_snapshot, &found));
	}
	if (own && found != NULL && found->schema_id != -1)
		schema_id = found->schema_id;
	*snapshot = found;
	*schema = lh_ice_schema_find(m, schema_id);
	if (*schema == NULL)
		LH_FAIL(ctx, LH_CORRUPT,
				"metadata file \"%s\" has no schema %d, which snapshot %lld was written with",
				m->path, schema_id, (long long) (found != NULL ? found->snapshot_id : -1));
	if ((*schema)->refused != NULL)
		LH_FAIL(ctx, LH_UNSUPPORTED, "metadata file \"%s\": schema %d: %s, which is not supported",
				m->path, schema_id, (*schema)->refused);
	return LH_OK;
}
