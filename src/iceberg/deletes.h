/*
 * deletes.h
 *		Internal: the delete files of a snapshot, as deletes.c gathers and deletes_find.c
 *		looks them up.
 */
#ifndef LH_ICEBERG_DELETES_H
#define LH_ICEBERG_DELETES_H

#include "iceberg/plan.h"

/* A delete file. */
typedef struct LhIceDeleteItem
{
	uint32_t manifest; /* in d->manifests */
	uint32_t entry;
	int64_t sequence;
	int32_t out;   /* number in the task list; -1: not given out */
	int32_t next;  /* of those for one path; -1 */
	int32_t group; /* of its spec and tuple */
} LhIceDeleteItem;

/* Of one kind, ordered by sequence. */
typedef struct LhIceDeleteItems
{
	LhBuf items; /* uint32_t, in d->items */
	uint32_t n;
	uint32_t *out; /* once asked for: their numbers in the task list */
} LhIceDeleteItems;

typedef struct LhIceDeleteGroup
{
	LhIceDeleteItems equality;
	LhIceDeleteItems positions;
	/* position deletes by bounds of the paths in them */
	bool indexed;
	LhStr root; /* scheme and authority of the paths */
	uint32_t nranges;
	struct LhIceRange
	{
		LhStr lower;
		LhStr upper;
		LhStr most; /* greatest upper up to here */
		uint32_t item;
	} *ranges;      /* by lower */
	uint32_t nothers;
	uint32_t *others; /* without bounds, or of another root */
} LhIceDeleteGroup;

typedef struct LhIceDeleteSource
{
	LhIceManifest *m;
	const LhIceManifestFile *line;
	LhIceView *view;
	int64_t *groups;           /* by tuple; -2: not looked up */
	const LhType **types;      /* of keys: those of each set, one after the other; NULL: unknown */
	const uint32_t *type_from; /* by set */
	const int *no_keys;        /* by set: a field in it that is not one value of a row; -1: none */
} LhIceDeleteSource;

struct LhIceDeletes
{
	LhArena *arena;
	LhIceTable *table;
	LhIcePrune *prune;
	LhBuf manifests; /* LhIceDeleteSource */
	uint32_t nmanifests;
	LhBuf items;
	uint32_t nitems;
	LhIceDeleteItems global; /* equality deletes for all */
	LhIceIntern group_keys;
	LhBuf groups;
	LhIceIntern paths; /* of data files that deletes name */
	LhBuf by_path;     /* LhIceDeletePath */
	LhIceDeleteFiles *out;
	int64_t comparisons;
	LhArena *scratch;
	LhBuf key, found, numbers, text;
	/* the view that was asked for last */
	uint64_t view;
	LhBuf view_groups; /* int64_t by tuple */
};

typedef struct LhIceDeletePath
{
	int32_t vector; /* -1 */
	int32_t positions;
} LhIceDeletePath;

static inline LhIceDeleteItem *
lh_ice_delete_item(const LhIceDeletes *d, uint32_t i)
{
	return (LhIceDeleteItem *) (void *) d->items.data + i;
}

static inline LhIceDeleteSource *
lh_ice_delete_source(const LhIceDeletes *d, const LhIceDeleteItem *item)
{
	return (LhIceDeleteSource *) (void *) d->manifests.data + item->manifest;
}

static inline LhIceDeleteGroup *
lh_ice_delete_group(const LhIceDeletes *d, int64_t i)
{
	return (LhIceDeleteGroup *) (void *) d->groups.data + i;
}

static inline LhIceDeletePath *
lh_ice_delete_path(const LhIceDeletes *d, int64_t i)
{
	return (LhIceDeletePath *) (void *) d->by_path.data + i;
}

/* Spec and tuple of a view in d->key. */
extern LhStatus lh_ice_delete_key(LhCtx *ctx, LhIceDeletes *d, const LhIceView *view,
								  uint32_t tuple);
extern LhStatus lh_ice_bad_delete(LhCtx *ctx, const LhIceDeleteSource *s, uint32_t entry,
								  const char *what);

#endif
