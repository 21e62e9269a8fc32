/*
 * unwrap.h
 *		The option "unwrap": flat rows, and the fields that are added to them.
 *
 * Which fields there are depends on the format: those of Debezium's envelope, or
 * the members of "json".  The formats write rows themselves; this is what is alike.
 */
#ifndef LH_CHANGE_UNWRAP_H
#define LH_CHANGE_UNWRAP_H

#include "change/change.h"
#include "change/transform.h"

/* Fields of debezium-json, then those of json. */
typedef enum LhUnwrapWhat
{
	LH_UNWRAP_OP, LH_UNWRAP_TS_MS, LH_UNWRAP_TS_US, LH_UNWRAP_TS_NS,
	LH_UNWRAP_VERSION, LH_UNWRAP_CONNECTOR, LH_UNWRAP_NAME, LH_UNWRAP_SOURCE_TS_MS, LH_UNWRAP_SOURCE_TS_US,
	LH_UNWRAP_SOURCE_TS_NS, LH_UNWRAP_SNAPSHOT, LH_UNWRAP_DB, LH_UNWRAP_SEQUENCE, LH_UNWRAP_SCHEMA,
	LH_UNWRAP_TABLE, LH_UNWRAP_TXID, LH_UNWRAP_LSN, LH_UNWRAP_XMIN, LH_UNWRAP_ORIGIN, LH_UNWRAP_ORIGIN_LSN,
	LH_UNWRAP_ID, LH_UNWRAP_TOTAL_ORDER, LH_UNWRAP_COLLECTION_ORDER,
	LH_UNWRAP_COMMIT, LH_UNWRAP_ORDINAL, LH_UNWRAP_XID, LH_UNWRAP_TS
} LhUnwrapWhat;

typedef struct LhUnwrapField
{
	LhUnwrapWhat what;
	const char *name;
	LhSlice		head;			/* ,"__op": */
} LhUnwrapField;

/* What a field of a format is; LH_INVALID lists those that there are. */
extern LhStatus lh_unwrap_field(LhCtx *ctx, const char *format, const char *field, int *what);
/* The fields of add.fields that a relation's rows get: not those that have a column's name. */
extern LhStatus lh_unwrap_fields(LhCtx *ctx, const LhChangeOptions *options, const char *format, const LhChangeRel *rel,
								 int *n, LhUnwrapField **out);
/* Has the relation no column of this name? */
extern bool lh_unwrap_is_free(const LhChangeRel *rel, const char *name);
/* Fields of debezium-json as fields of a struct's schema, each behind a comma. */
extern LhStatus lh_unwrap_schemas(LhCtx *ctx, LhBuf *buf, int n, const LhUnwrapField *fields);

/* What Debezium's fields are made of. */
typedef struct LhUnwrapFacts
{
	const LhChangeEvent *ev;
	const LhChangeOptions *options;
	char		op;				/* 'c', 'u', ... */
	uint64_t	last_commit;	/* 0: none */
	uint64_t	total_order;
	uint64_t	collection_order;
} LhUnwrapFacts;

/* ,"__op":"c",...: the fields of debezium-json. */
extern LhStatus lh_unwrap_put_debezium(LhCtx *ctx, LhBuf *buf, int n, const LhUnwrapField *fields,
									   const LhUnwrapFacts *facts);
/* The same of json. */
extern LhStatus lh_unwrap_put_json(LhCtx *ctx, LhBuf *buf, int n, const LhUnwrapField *fields, const LhChangeEvent *ev,
								   const char *op);

/* Do deletes leave the old row with __deleted, or a tombstone? */
static inline bool
lh_unwrap_rewrites(const LhChangeOptions *o)
{
	return o->delete_mode == LH_DELETE_REWRITE || o->delete_mode == LH_DELETE_REWRITE_TOMBSTONE;
}

static inline bool
lh_unwrap_tombstones(const LhChangeOptions *o)
{
	return o->delete_mode == LH_DELETE_TOMBSTONE || o->delete_mode == LH_DELETE_TO_TOMBSTONE ||
		(o->delete_mode == LH_DELETE_REWRITE_TOMBSTONE && o->tombstones);
}

#define LH_UNWRAP_DELETED "__deleted"

#endif
