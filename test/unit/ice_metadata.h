/*
 * ice_metadata.h
 *		Metadata files written by hand, and what is chosen of them.
 */
#ifndef ICE_METADATA_H
#define ICE_METADATA_H

#include "test_scan.h"

#include "iceberg/meta.h"

/* One schema of one column, nothing else that is optional; "%s" is what else the file says. */
#define V1                                                                                                         \
	"{\"format-version\":1,\"location\":\"s3://b/t\",\"last-updated-ms\":5,\"last-column-id\":1,"                  \
	"\"schema\":{\"type\":\"struct\",\"fields\":[{\"id\":1,\"name\":\"x\",\"required\":true,\"type\":\"long\"}]}," \
	"\"partition-spec\":[]%s}"
#define V2_OF(version, schemas, more)                                                                      \
	"{\"format-version\":" version                                                                         \
	",\"table-uuid\":\"u\",\"location\":\"s3://b/t\",\"last-sequence-number\":9,"                          \
	"\"last-updated-ms\":5,\"last-column-id\":9,\"current-schema-id\":0,\"schemas\":[" schemas             \
	"],"                                                                                                   \
	"\"default-spec-id\":0,\"partition-specs\":[{\"spec-id\":0,\"fields\":[]}],\"last-partition-id\":999," \
	"\"default-sort-order-id\":0,\"sort-orders\":[{\"order-id\":0,\"fields\":[]}]" more "}"
#define SCHEMA(id, name)                                                               \
	"{\"type\":\"struct\",\"schema-id\":" id ",\"fields\":[{\"id\":1,\"name\":\"" name \
	"\",\"required\":false,\"type\":\"long\"}]}"
#define V2(more) V2_OF("2", SCHEMA("0", "x"), more)
#define SNAPSHOT(id, time, more)                                           \
	"{\"snapshot-id\":" id ",\"sequence-number\":1,\"timestamp-ms\":" time \
	",\"manifest-list\":\"l" id "\"" more "}"

static inline LhStatus
parsed(World *w, const char *text, LhIceMetadata **out)
{
	return lh_ice_metadata_parse(w->ctx, "/t/m.json", lh_slice(text, strlen(text)), out);
}

static inline LhIceMetadata *
metadata(World *w, const char *text)
{
	LhIceMetadata *m;

	ok(w, parsed(w, text, &m));
	return m;
}

static inline LhIceMetadata *
v1(World *w, const char *more)
{
	return metadata(w, lh_sprintf(w->ctx, V1, more));
}

/* "snapshot column" of what options choose. */
static inline const char *
chosen(World *w, const LhIceMetadata *m, LhTableOptions options)
{
	const LhIceSnapshot *s;
	const LhIceSchema *schema;

	ok(w, lh_ice_choose(w->ctx, m, &options, &s, &schema));
	return lh_sprintf(w->ctx, "%lld %s", s != NULL ? (long long) s->snapshot_id : -1LL,
					  schema->root.fields[0].name);
}

static inline LhStatus
not_chosen(World *w, const LhIceMetadata *m, LhTableOptions options)
{
	const LhIceSnapshot *s;
	const LhIceSchema *schema;

	return lh_ice_choose(w->ctx, m, &options, &s, &schema);
}

#endif
