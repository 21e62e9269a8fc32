/*
 * ice_table.h
 *		Iceberg tables of the fixtures, opened without the vtable.
 */
#ifndef LH_TEST_ICE_TABLE_H
#define LH_TEST_ICE_TABLE_H

#include "unit/ice_make.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

#define ICE_FIXTURES "../shared/fixtures/iceberg"

/* Everything local. */
static inline LhStore *
ice_store(LhCtx *ctx)
{
	static const LhAccess access = {.local_any = true};
	LhStore *store;

	ASSERT_OK(ctx, lh_store_create(ctx, &access, &store));
	return store;
}

/* A fixture's absolute path; without it the test ends here, as skipped. */
static inline char *
ice_fixture(LhCtx *ctx, const char *name)
{
	char *relative = lh_sprintf(ctx, "%s/%s", ICE_FIXTURES, name);
	char *absolute = realpath(relative, NULL);
	char *out;

	if (absolute == NULL)
	{
		print_message("SKIPPED: no fixture %s\n", relative);
		skip();
	}
	out = lh_strdup(ctx, absolute);
	free(absolute);
	return out;
}

/* The table of a metadata file, its paths below wherever it now lies. */
static inline LhStatus
ice_load_table(LhCtx *ctx, const char *metadata_path, const LhTableOptions *options,
			   LhIceTable **out)
{
	LhIceTable *t;
	LhIceMetadata *m;
	LhStore *store = ice_store(ctx);

	LH_NEW(ctx, t);
	if (options != NULL)
		t->options = *options;
	LH_TRY(lh_ice_metadata_open(ctx, store, metadata_path, false, &m));
	t->arena = ctx->arena;
	t->base.store = store;
	t->metadata = m;
	t->loaded = true;
	LH_TRY(lh_ice_paths_init(ctx, store, metadata_path, m->location, "auto", &t->paths));
	LH_TRY(lh_ice_choose(ctx, m, &t->options, &t->snapshot, &t->schema));
	if (t->snapshot != NULL)
		LH_TRY(lh_ice_manifest_list(ctx, t, t->snapshot, &t->nmanifests, &t->manifests));
	t->has_list = true;
	*out = t;
	return LH_OK;
}

/* A column of the table's schema, for filters. */
static inline LhScanColumn
ice_column(const LhIceTable *t, const char *name)
{
	for (int i = 0; i < t->schema->root.nfields; i++)
	{
		const LhField *f = &t->schema->root.fields[i];

		if (strcmp(f->name, name) == 0)
			return (LhScanColumn){.name = f->name, .source = LH_SRC_DATA, .type = f->type,
								  .field_id = f->field_id};
	}
	fail_msg("no column %s", name);
	return (LhScanColumn){0};
}

#endif
