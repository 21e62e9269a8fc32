/*
 * metadata.c
 *		The metadata file: everything that a table is now.
 *
 *	1. The bytes are unpacked when they are gzip, whatever the file is called.
 *	2. One pass over the JSON.  Unknown fields are stepped over; of a snapshot only
 *	   id and time are taken and its text is remembered, so that 200,000 of them
 *	   cost 32 bytes each.
 *	3. What the version asks for must be there, but for what only writers need
 *	   (version 3's "next-row-id", which some leave out); what version 1 wrote before there
 *	   were schemas, specs and refs in the plural is taken in their stead.
 *
 * Format: https://iceberg.apache.org/spec/#table-metadata-fields, Appendix C
 */
#include "iceberg/meta.h"

#include <stdlib.h>

#include "codec/codec.h"

/* Highest version of the format that is read. */
#define NEWEST_VERSION 3

/* Deflate makes at most 1032 bytes of one. */
#define MOST_INFLATED 1032

enum
{
	VERSION,
	UUID,
	LOCATION,
	LAST_SEQUENCE,
	LAST_UPDATED,
	LAST_COLUMN,
	SCHEMA,
	SCHEMAS,
	CURRENT_SCHEMA,
	SPEC,
	SPECS,
	DEFAULT_SPEC,
	LAST_PARTITION,
	PROPERTIES,
	CURRENT,
	SNAPSHOTS,
	LOG,
	METADATA_LOG,
	ORDERS,
	DEFAULT_ORDER,
	REFS,
	STATISTICS,
	PARTITION_STATISTICS,
	NEXT_ROW,
	KEYS,
	VIEW
};

static const char *const field_names[] = {"format-version",
										  "table-uuid",
										  "location",
										  "last-sequence-number",
										  "last-updated-ms",
										  "last-column-id",
										  "schema",
										  "schemas",
										  "current-schema-id",
										  "partition-spec",
										  "partition-specs",
										  "default-spec-id",
										  "last-partition-id",
										  "properties",
										  "current-snapshot-id",
										  "snapshots",
										  "snapshot-log",
										  "metadata-log",
										  "sort-orders",
										  "default-sort-order-id",
										  "refs",
										  "statistics",
										  "partition-statistics",
										  "next-row-id",
										  "encryption-keys",
										  "view-uuid",
										  NULL};

/* Fields on the way. */
typedef struct Reader
{
	LhIceMetadata *m;
	LhPull j;
	uint64_t seen;
	LhIceSchema single_schema; /* "schema" */
	LhIceSpec single_spec;     /* "partition-spec" */
} Reader;

static bool
has(const Reader *r, int field)
{
	return (r->seen >> field & 1) != 0;
}

LhStatus
lh_ice_copy(LhCtx *ctx, const char *s, const char **out)
{
	*out = NULL;
	if (s == NULL)
		return LH_OK;
	*out = lh_strdup(ctx, s);
	return *out == NULL ? ctx->error->code : LH_OK;
}

/*
 * Schemas, specs, orders
 */

static LhStatus
read_schemas(LhCtx *ctx, Reader *r)
{
	LhIceMetadata *m = r->m;

	LH_PULL_ITEMS(ctx, &r->j, m->schemas, m->nschemas,
				  lh_ice_schema_at(ctx, &r->j, &m->schemas[m->nschemas]));
	return LH_OK;
}

static LhStatus
read_specs(LhCtx *ctx, Reader *r)
{
	LhIceMetadata *m = r->m;

	LH_PULL_ITEMS(ctx, &r->j, m->specs, m->nspecs,
				  lh_ice_spec_at(ctx, &r->j, &m->specs[m->nspecs]));
	return LH_OK;
}

static LhStatus
read_orders(LhCtx *ctx, Reader *r)
{
	LhIceMetadata *m = r->m;

	LH_PULL_ITEMS(ctx, &r->j, m->orders, m->norders,
				  lh_ice_order_at(ctx, &r->j, &m->orders[m->norders]));
	return LH_OK;
}

/*
 * Snapshots, refs, logs
 */

/* Id and time of a snapshot, and where its text lies. */
static LhStatus
read_entry(LhCtx *ctx, LhPull *j, LhIceSnapshotEntry *out)
{
	enum
	{
		ID,
		TIME
	};
	static const char *const names[] = {"snapshot-id", "timestamp-ms", NULL};
	uint64_t seen = 0;
	const uint8_t *from;
	bool more;
	int which;

	(void) lh_pull_kind(j); /* over spaces */
	from = j->p;
	LH_TRY(lh_pull_object(ctx, j));
	for (;;)
	{
		LH_TRY(lh_pull_field(ctx, j, names, &seen, &which, &more));
		if (!more)
			break;
		if (which == ID)
			LH_TRY(lh_pull_id(ctx, j, &out->snapshot_id));
		else
			LH_TRY(lh_pull_i64(ctx, j, &out->timestamp_ms));
	}
	out->text = lh_slice(from, (size_t) (j->p - from));
	return lh_pull_need(ctx, j, names, seen, 1 << ID | 1 << TIME);
}

static LhStatus
read_snapshots(LhCtx *ctx, Reader *r)
{
	LhBuf entries;
	bool more;

	LH_TRY(lh_buf_init(ctx, &entries, true));
	LH_TRY(lh_pull_array(ctx, &r->j));
	for (;;)
	{
		LhIceSnapshotEntry entry = {0};

		LH_TRY(lh_pull_item(ctx, &r->j, &more));
		if (!more)
			break;
		LH_TRY(read_entry(ctx, &r->j, &entry));
		LH_TRY(lh_buf_append(ctx, &entries, &entry, sizeof(entry)));
	}
	r->m->snapshots = (LhIceSnapshotEntry *) entries.data;
	r->m->nsnapshots = entries.len / sizeof(LhIceSnapshotEntry);
	return LH_OK;
}

static LhStatus
read_ref(LhCtx *ctx, LhPull *j, LhIceRef *out)
{
	enum
	{
		ID,
		TYPE,
		MIN_SNAPSHOTS,
		MAX_SNAPSHOT_AGE,
		MAX_REF_AGE
	};
	static const char *const names[] = {"snapshot-id",           "type",
										"min-snapshots-to-keep", "max-snapshot-age-ms",
										"max-ref-age-ms",        NULL};
	uint64_t seen = 0;
	LhSlice type = {0};
	bool more;
	int which, n;

	out->max_ref_age_ms = out->max_snapshot_age_ms = out->min_snapshots = -1;
	LH_TRY(lh_pull_object(ctx, j));
	for (;;)
	{
		LH_TRY(lh_pull_field(ctx, j, names, &seen, &which, &more));
		if (!more)
			break;
		switch (which)
		{
			case ID: LH_TRY(lh_pull_id(ctx, j, &out->snapshot_id)); break;
			case TYPE: LH_TRY(lh_pull_slice(ctx, j, &type)); break;
			case MIN_SNAPSHOTS:
				LH_TRY(lh_pull_i32(ctx, j, &n));
				out->min_snapshots = n;
				break;
			case MAX_SNAPSHOT_AGE: LH_TRY(lh_pull_i64(ctx, j, &out->max_snapshot_age_ms)); break;
			case MAX_REF_AGE: LH_TRY(lh_pull_i64(ctx, j, &out->max_ref_age_ms)); break;
		}
	}
	LH_TRY(lh_pull_need(ctx, j, names, seen, 1 << ID | 1 << TYPE));
	out->is_tag = type.len == 3 && strncasecmp((const char *) type.data, "tag", 3) == 0;
	if (!out->is_tag && !(type.len == 6 && strncasecmp((const char *) type.data, "branch", 6) == 0))
		return lh_pull_fail(ctx, j, LH_CORRUPT, "ref \"%.100s\" is neither a branch nor a tag",
							out->name);
	return LH_OK;
}

static LhStatus
read_refs(LhCtx *ctx, Reader *r)
{
	LhBuf refs;
	bool more;
	LhSlice key;

	LH_TRY(lh_buf_init(ctx, &refs, true));
	LH_TRY(lh_pull_object(ctx, &r->j));
	for (;;)
	{
		LhIceRef ref = {0};

		LH_TRY(lh_pull_member(ctx, &r->j, &key, &more));
		if (!more)
			break;
		ref.name = lh_strndup(ctx, (const char *) key.data, key.len);
		if (ref.name == NULL)
			return ctx->error->code;
		LH_TRY(read_ref(ctx, &r->j, &ref));
		LH_TRY(lh_buf_append(ctx, &refs, &ref, sizeof(ref)));
	}
	r->m->refs = (LhIceRef *) refs.data;
	r->m->nrefs = (int) (refs.len / sizeof(LhIceRef));
	return LH_OK;
}

/* One entry of a log: of snapshots, or (files) of metadata files. */
static LhStatus
read_log_entry(LhCtx *ctx, LhPull *j, bool files, LhIceLogEntry *out)
{
	enum
	{
		TIME,
		ID,
		FILE_PATH
	};
	static const char *const names[] = {"timestamp-ms", "snapshot-id", "metadata-file", NULL};
	uint64_t seen = 0;
	bool more;
	int which;

	LH_TRY(lh_pull_object(ctx, j));
	for (;;)
	{
		LH_TRY(lh_pull_field(ctx, j, names, &seen, &which, &more));
		if (!more)
			break;
		switch (which)
		{
			case TIME: LH_TRY(lh_pull_i64(ctx, j, &out->timestamp_ms)); break;
			case ID: LH_TRY(lh_pull_id(ctx, j, &out->snapshot_id)); break;
			case FILE_PATH: LH_TRY(lh_pull_text(ctx, j, &out->path)); break;
		}
	}
	return lh_pull_need(ctx, j, names, seen, 1 << TIME | (files ? 1 << FILE_PATH : 1 << ID));
}

static LhStatus
read_log(LhCtx *ctx, Reader *r, bool files, size_t *n, LhIceLogEntry **out)
{
	LH_PULL_ITEMS(ctx, &r->j, *out, *n, read_log_entry(ctx, &r->j, files, &(*out)[*n]));
	return LH_OK;
}

/*
 * Statistics, keys
 */

static LhStatus
read_statistics_file(LhCtx *ctx, LhPull *j, bool partition, LhIceStatistics *out)
{
	enum
	{
		ID,
		FILE_PATH,
		SIZE,
		FOOTER_SIZE,
		KEY,
		BLOBS
	};
	static const char *const names[] = {"snapshot-id",
										"statistics-path",
										"file-size-in-bytes",
										"file-footer-size-in-bytes",
										"key-metadata",
										"blob-metadata",
										NULL};
	uint64_t seen = 0;
	bool more;
	int which;

	LH_TRY(lh_pull_object(ctx, j));
	for (;;)
	{
		LH_TRY(lh_pull_field(ctx, j, names, &seen, &which, &more));
		if (!more)
			break;
		switch (which)
		{
			case ID: LH_TRY(lh_pull_id(ctx, j, &out->snapshot_id)); break;
			case FILE_PATH: LH_TRY(lh_pull_text(ctx, j, &out->path)); break;
			case SIZE: LH_TRY(lh_pull_i64(ctx, j, &out->size)); break;
			case FOOTER_SIZE: LH_TRY(lh_pull_i64(ctx, j, &out->footer_size)); break;
			case KEY: LH_TRY(lh_pull_text(ctx, j, &out->key_metadata)); break;
			case BLOBS: LH_TRY(lh_pull_skip(ctx, j, &out->blobs)); break;
		}
	}
	return lh_pull_need(ctx, j, names, seen,
						1 << ID | 1 << FILE_PATH | 1 << SIZE |
							(partition ? 0 : 1 << FOOTER_SIZE | 1 << BLOBS));
}

static LhStatus
read_statistics(LhCtx *ctx, Reader *r, bool partition, int *n, LhIceStatistics **out)
{
	LH_PULL_ITEMS(ctx, &r->j, *out, *n, read_statistics_file(ctx, &r->j, partition, &(*out)[*n]));
	return LH_OK;
}

static LhStatus
read_key(LhCtx *ctx, LhPull *j, LhIceEncryptionKey *out)
{
	enum
	{
		ID,
		ENCRYPTED,
		BY,
		PAIRS
	};
	static const char *const names[] = {"key-id", "encrypted-key-metadata", "encrypted-by-id",
										"properties", NULL};
	LhSlice text = {0};
	uint64_t seen = 0;
	bool more, good;
	int which;

	LH_TRY(lh_pull_object(ctx, j));
	for (;;)
	{
		LH_TRY(lh_pull_field(ctx, j, names, &seen, &which, &more));
		if (!more)
			break;
		switch (which)
		{
			case ID: LH_TRY(lh_pull_text(ctx, j, &out->key_id)); break;
			case ENCRYPTED: LH_TRY(lh_pull_slice(ctx, j, &text)); break;
			case BY: LH_TRY(lh_pull_text(ctx, j, &out->encrypted_by)); break;
			case PAIRS: LH_TRY(lh_pull_pairs(ctx, j, &out->nproperties, &out->properties)); break;
		}
	}
	LH_TRY(lh_pull_need(ctx, j, names, seen, 1 << ID | 1 << ENCRYPTED));
	LH_TRY(lh_ice_base64(ctx, text, &out->encrypted, &good));
	if (!good)
		return lh_pull_fail(ctx, j, LH_CORRUPT,
							"\"encrypted-key-metadata\" of key \"%.100s\" is not base64",
							out->key_id);
	return LH_OK;
}

static LhStatus
read_keys(LhCtx *ctx, Reader *r)
{
	LhIceMetadata *m = r->m;

	LH_PULL_ITEMS(ctx, &r->j, m->keys, m->nkeys, read_key(ctx, &r->j, &m->keys[m->nkeys]));
	return LH_OK;
}

/*
 * The file
 */

static LhStatus
wrong_version(LhCtx *ctx, Reader *r)
{
	int version = r->m->version;

	if (version < 1)
		return lh_pull_fail(ctx, &r->j, LH_CORRUPT, "%d is no version of the format", version);
	lh_pull_fail(ctx, &r->j, LH_UNSUPPORTED, "version %d of the format is not supported", version);
	lh_hint(ctx, "Versions 1 to %d can be read.", NEWEST_VERSION);
	return LH_UNSUPPORTED;
}

static LhStatus
read_field(LhCtx *ctx, Reader *r, int which)
{
	LhIceMetadata *m = r->m;
	LhPull *j = &r->j;
	int ignored;

	switch (which)
	{
		case VERSION:
			LH_TRY(lh_pull_i32(ctx, j, &m->version));
			return m->version < 1 || m->version > NEWEST_VERSION ? wrong_version(ctx, r) : LH_OK;
		case UUID: return lh_pull_text(ctx, j, &m->uuid);
		case LOCATION: return lh_pull_text(ctx, j, &m->location);
		case LAST_SEQUENCE: return lh_pull_i64(ctx, j, &m->last_sequence);
		case LAST_UPDATED: return lh_pull_i64(ctx, j, &m->last_updated_ms);
		case LAST_COLUMN:
		case LAST_PARTITION: return lh_pull_i32(ctx, j, &ignored);
		case SCHEMA: return lh_ice_schema_at(ctx, j, &r->single_schema);
		case SCHEMAS: return read_schemas(ctx, r);
		case CURRENT_SCHEMA: return lh_pull_i32(ctx, j, &m->current_schema);
		case SPEC: return lh_ice_spec_at(ctx, j, &r->single_spec);
		case SPECS: return read_specs(ctx, r);
		case DEFAULT_SPEC: return lh_pull_i32(ctx, j, &m->default_spec);
		case PROPERTIES: return lh_pull_pairs(ctx, j, &m->nproperties, &m->properties);
		case CURRENT:
			LH_TRY(lh_pull_id(ctx, j, &m->current_snapshot));
			m->has_current = m->current_snapshot != -1;
			return LH_OK;
		case SNAPSHOTS: return read_snapshots(ctx, r);
		case LOG: return read_log(ctx, r, false, &m->nlog, &m->log);
		case METADATA_LOG: return read_log(ctx, r, true, &m->nmetadata_log, &m->metadata_log);
		case ORDERS: return read_orders(ctx, r);
		case DEFAULT_ORDER: return lh_pull_i32(ctx, j, &m->default_order);
		case REFS: return read_refs(ctx, r);
		case STATISTICS: return read_statistics(ctx, r, false, &m->nstatistics, &m->statistics);
		case PARTITION_STATISTICS:
			return read_statistics(ctx, r, true, &m->npartition_statistics,
								   &m->partition_statistics);
		case NEXT_ROW: return lh_pull_i64(ctx, j, &m->next_row_id);
		case KEYS: return read_keys(ctx, r);
		case VIEW:
			return has(r, UUID) ? lh_pull_skip(ctx, j, NULL)
								: lh_pull_fail(ctx, j, LH_UNSUPPORTED, "this is a view, not a table");
		default: return lh_pull_skip(ctx, j, NULL);
	}
}

static LhStatus
read_fields(LhCtx *ctx, Reader *r)
{
	bool more;
	int which;

	LH_TRY(lh_pull_object(ctx, &r->j));
	for (;;)
	{
		LH_TRY(lh_pull_field(ctx, &r->j, field_names, &r->seen, &which, &more));
		if (!more)
			return lh_pull_close(ctx, &r->j);
		LH_TRY(read_field(ctx, r, which));
	}
}

/*
 * What failed may have failed because the file is of a version to come, which says so
 * further below: then that is the message.
 */
static LhStatus
failed_by_version(LhCtx *ctx, Reader *r, LhSlice text, LhStatus status)
{
	static const char *const names[] = {"format-version", NULL};
	LhError error = *ctx->error;
	uint64_t seen = 0;
	bool more = false;
	int which;

	if (status == LH_CANCELLED || status == LH_NO_MEMORY || has(r, VERSION))
		return status;
	if (lh_pull_open(ctx, &r->j, r->j.what, text) == LH_OK && lh_pull_object(ctx, &r->j) == LH_OK &&
		lh_pull_field(ctx, &r->j, names, &seen, &which, &more) == LH_OK && more &&
		lh_pull_i32(ctx, &r->j, &r->m->version) == LH_OK && r->m->version > NEWEST_VERSION)
	{
		lh_error_clear(ctx);
		return wrong_version(ctx, r);
	}
	*ctx->error = error;
	return status;
}

/*
 * Completion
 */

#define BIT(field) (UINT64_C(1) << (field))

static LhStatus
need(LhCtx *ctx, Reader *r, uint64_t fields)
{
	return lh_pull_need(ctx, &r->j, field_names, r->seen, fields);
}

static int
by_number(const void *a, const void *b)
{
	int x = *(const int *) a, y = *(const int *) b;

	return x < y ? -1 : x > y;
}

/* No id twice: which of the two is meant decides what rows say.  ids are sorted. */
static LhStatus
unique(LhCtx *ctx, Reader *r, int field, int n, int *ids)
{
	qsort(ids, (size_t) n, sizeof(*ids), by_number);
	for (int i = 1; i < n; i++)
		if (ids[i] == ids[i - 1])
			return lh_pull_fail(ctx, &r->j, LH_CORRUPT, "field \"%s\" has id %d twice",
								field_names[field], ids[i]);
	return LH_OK;
}

static LhStatus
unique_ids(LhCtx *ctx, Reader *r)
{
	const LhIceMetadata *m = r->m;
	int *ids;

	LH_NEW_ARRAY(ctx, ids, (size_t) m->nschemas + (size_t) m->nspecs + 1);
	for (int i = 0; i < m->nschemas; i++)
		ids[i] = m->schemas[i].schema_id;
	LH_TRY(unique(ctx, r, SCHEMAS, m->nschemas, ids));
	for (int i = 0; i < m->nspecs; i++)
		ids[i] = m->specs[i].spec_id;
	return unique(ctx, r, SPECS, m->nspecs, ids);
}

/* Version 1: one schema, and none of the lists that came later. */
static LhStatus
complete_schemas(LhCtx *ctx, Reader *r)
{
	LhIceMetadata *m = r->m;
	bool usable = has(r, SCHEMAS) && has(r, CURRENT_SCHEMA);

	if (m->version > 1 || usable || !has(r, SCHEMA))
	{
		LH_TRY(need(ctx, r,
					m->version > 1 || has(r, SCHEMAS) ? BIT(SCHEMAS) | BIT(CURRENT_SCHEMA)
													  : BIT(SCHEMA)));
	}
	else
	{
		/* those it has stay, for what old snapshots say */
		LhIceSchema *schemas;

		LH_NEW_ARRAY(ctx, schemas, (size_t) m->nschemas + 1);
		schemas[0] = r->single_schema;
		if (m->nschemas > 0)
			memcpy(schemas + 1, m->schemas, (size_t) m->nschemas * sizeof(*schemas));
		m->schemas = schemas;
		m->nschemas++;
		m->current_schema = r->single_schema.schema_id;
	}
	if (lh_ice_schema_find(m, m->current_schema) == NULL)
		return lh_pull_fail(ctx, &r->j, LH_CORRUPT,
							"field \"schemas\" has no schema of \"current-schema-id\" %d",
							m->current_schema);
	return LH_OK;
}

static LhStatus
complete_specs(LhCtx *ctx, Reader *r)
{
	LhIceMetadata *m = r->m;

	if (m->version > 1)
		LH_TRY(need(ctx, r, BIT(SPECS) | BIT(DEFAULT_SPEC) | BIT(LAST_PARTITION)));
	else if (!has(r, SPECS))
	{
		LH_TRY(need(ctx, r, BIT(SPEC)));
		m->specs = &r->single_spec;
		m->nspecs = 1;
		m->default_spec = r->single_spec.spec_id;
	}
	else if (!has(r, DEFAULT_SPEC))
		for (int i = 0; i < m->nspecs; i++)
			if (i == 0 || m->specs[i].spec_id > m->default_spec)
				m->default_spec = m->specs[i].spec_id;
	if (lh_ice_spec_find(m, m->default_spec) == NULL)
		return lh_pull_fail(ctx, &r->j, LH_CORRUPT,
							"field \"partition-specs\" has no spec of \"default-spec-id\" %d",
							m->default_spec);
	return LH_OK;
}

/* "main" is a ref, and the current snapshot. */
static LhStatus
complete_refs(LhCtx *ctx, Reader *r)
{
	LhIceMetadata *m = r->m;
	LhIceRef *refs;

	for (int i = 0; i < m->nrefs; i++)
	{
		if (strcmp(m->refs[i].name, "main") != 0)
			continue;
		if (!m->has_current || m->refs[i].snapshot_id != m->current_snapshot)
			return lh_pull_fail(ctx, &r->j, LH_CORRUPT,
								"branch main is snapshot %lld, but \"current-snapshot-id\" is %lld",
								(long long) m->refs[i].snapshot_id,
								(long long) (m->has_current ? m->current_snapshot : -1));
		if (m->refs[i].is_tag)
			return lh_pull_fail(ctx, &r->j, LH_CORRUPT, "ref \"main\" is a tag");
		return LH_OK;
	}
	if (!m->has_current)
		return LH_OK;
	LH_NEW_ARRAY(ctx, refs, (size_t) m->nrefs + 1);
	refs[0] = (LhIceRef){.name = "main",
						 .snapshot_id = m->current_snapshot,
						 .max_ref_age_ms = -1,
						 .max_snapshot_age_ms = -1,
						 .min_snapshots = -1};
	if (m->nrefs > 0)
		memcpy(refs + 1, m->refs, (size_t) m->nrefs * sizeof(*refs));
	m->refs = refs;
	m->nrefs++;
	return LH_OK;
}

static LhStatus
complete_mapping(LhCtx *ctx, Reader *r)
{
	const char *text = lh_ice_property(r->m, "schema.name-mapping.default"), *what;

	if (text == NULL)
		return LH_OK;
	what = lh_sprintf(ctx, "%s: property \"schema.name-mapping.default\"", r->j.what);
	if (what == NULL)
		return ctx->error->code;
	return lh_ice_mapping_parse(ctx, what, lh_slice(text, strlen(text)), &r->m->mapping);
}

static LhStatus
complete(LhCtx *ctx, Reader *r)
{
	LhIceMetadata *m = r->m;

	LH_TRY(need(ctx, r, BIT(VERSION) | BIT(LOCATION) | BIT(LAST_UPDATED) | BIT(LAST_COLUMN)));
	if (m->version >= 2)
		LH_TRY(need(ctx, r, BIT(UUID) | BIT(LAST_SEQUENCE) | BIT(ORDERS) | BIT(DEFAULT_ORDER)));
	LH_TRY(unique_ids(ctx, r));
	LH_TRY(complete_schemas(ctx, r));
	LH_TRY(complete_specs(ctx, r));
	LH_TRY(lh_ice_index_snapshots(ctx, m));
	LH_TRY(complete_refs(ctx, r));
	return complete_mapping(ctx, r);
}

/*
 * Bytes
 */

/* Of a gzip file its last four bytes say how long its text is. */
static LhStatus
unpack(LhCtx *ctx, const char *path, LhSlice bytes, LhSlice *out)
{
	LhCodecs *codecs;
	uint32_t size;
	LhBuf text;

	if (bytes.len < 18)
		LH_FAIL(ctx, LH_CORRUPT, "metadata file \"%s\": it begins as gzip, but has only %zu bytes",
				path, bytes.len);
	size = lh_load_u32(bytes.data + bytes.len - 4);
	if (size / MOST_INFLATED > bytes.len)
		LH_FAIL(ctx, LH_CORRUPT, "metadata file \"%s\": %zu bytes of gzip say that they are %u",
				path, bytes.len, size);
	if (size > LH_ICE_METADATA_MAX)
		LH_FAIL(ctx, LH_LIMIT, "metadata file \"%s\": its text has more than %lld bytes", path,
				(long long) LH_ICE_METADATA_MAX);
	LH_TRY(lh_codecs_create(ctx, &codecs));
	LH_TRY(lh_buf_init(ctx, &text, true));
	LH_TRY(lh_buf_fit(ctx, &text, size));
	if (lh_decompress(ctx, codecs, LH_CODEC_GZIP, bytes.data, bytes.len, text.data, size) != LH_OK)
	{
		lh_error_prefix(ctx, "metadata file \"%s\": ", path);
		return ctx->error->code;
	}
	*out = lh_slice(text.data, size);
	return LH_OK;
}

LhStatus
lh_ice_metadata_parse(LhCtx *ctx, const char *path, LhSlice bytes, LhIceMetadata **out)
{
	const char *what = lh_sprintf(ctx, "metadata file \"%s\"", path);
	LhStatus status;
	Reader *r;

	if (what == NULL)
		return ctx->error->code;
	if (bytes.len >= 2 && bytes.data[0] == 0x1f && bytes.data[1] == 0x8b)
		LH_TRY(unpack(ctx, path, bytes, &bytes));
	LH_NEW(ctx, r);
	LH_NEW(ctx, r->m);
	LH_TRY(lh_ice_copy(ctx, path, &r->m->path));
	r->m->next_row_id = -1;
	LH_TRY(lh_pull_open(ctx, &r->j, what, bytes));
	status = read_fields(ctx, r);
	if (status != LH_OK)
		return failed_by_version(ctx, r, bytes, status);
	LH_TRY(complete(ctx, r));
	*out = r->m;
	return LH_OK;
}

LhStatus
lh_ice_metadata_read(LhCtx *ctx, LhObject *object, const char *path, LhIceMetadata **out)
{
	int64_t size = lh_object_id(object)->size;
	LhBuf bytes;

	if (size > LH_ICE_METADATA_MAX)
		LH_FAIL(ctx, LH_LIMIT, "metadata file \"%s\" has %lld bytes, more than %lld", path,
				(long long) size, (long long) LH_ICE_METADATA_MAX);
	LH_TRY(lh_buf_init(ctx, &bytes, true));
	LH_TRY(lh_buf_fit(ctx, &bytes, (size_t) size));
	LH_TRY(lh_object_read(ctx, object, 0, (size_t) size, bytes.data));
	return lh_ice_metadata_parse(ctx, path, lh_slice(bytes.data, (size_t) size), out);
}

/*
 * Look-ups
 */

const LhIceSchema *
lh_ice_schema_find(const LhIceMetadata *m, int schema_id)
{
	for (int i = 0; i < m->nschemas; i++)
		if (m->schemas[i].schema_id == schema_id)
			return &m->schemas[i];
	return NULL;
}

const LhIceSpec *
lh_ice_spec_find(const LhIceMetadata *m, int spec_id)
{
	for (int i = 0; i < m->nspecs; i++)
		if (m->specs[i].spec_id == spec_id)
			return &m->specs[i];
	return NULL;
}

const char *
lh_ice_property(const LhIceMetadata *m, const char *key)
{
	/* of a key that comes twice readers take the last */
	for (int i = m->nproperties - 1; i >= 0; i--)
		if (strcmp(m->properties[2 * i], key) == 0)
			return m->properties[2 * i + 1];
	return NULL;
}
