/*
 * located.c
 *		Where the metadata files of local tables were found last: a few tables, in turn.
 */
#include "iceberg/located.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"

#define TABLES 16

typedef struct Place
{
	LhIceLook look;
	char *dir; /* of malloc, as path is; NULL: free */
	char *path;
} Place;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Place places[TABLES];
static size_t turn;

LhStatus
lh_ice_look(LhCtx *ctx, LhStore *store, const char *dir, LhIceLook *out)
{
	const char *metadata = lh_sprintf(ctx, "%s/metadata", dir);
	const char *hint = lh_sprintf(ctx, "%s/metadata/version-hint.text", dir);

	*out = (LhIceLook){0};
	if (metadata == NULL || hint == NULL)
		return ctx->error->code;
	LH_TRY(lh_object_look(ctx, store, metadata, &out->dir, &out->dir_ctime, &out->valid));
	if (out->valid)
		LH_TRY(lh_object_look(ctx, store, hint, &out->hint, &out->hint_ctime, &out->valid));
	out->valid = out->valid && lh_object_id_certain(&out->dir) && lh_object_id_certain(&out->hint);
	return LH_OK;
}

static bool
same_file(const LhObjectId *a, const LhObjectId *b)
{
	return a->size == b->size && a->mtime_ns == b->mtime_ns && a->dev == b->dev && a->ino == b->ino;
}

static bool
same(const LhIceLook *a, const LhIceLook *b)
{
	return same_file(&a->dir, &b->dir) && same_file(&a->hint, &b->hint) &&
		   a->dir_ctime == b->dir_ctime && a->hint_ctime == b->hint_ctime;
}

/* With the lock; NULL: not there. */
static Place *
find(const char *dir)
{
	for (size_t i = 0; i < TABLES; i++)
		if (places[i].dir != NULL && strcmp(places[i].dir, dir) == 0)
			return &places[i];
	return NULL;
}

LhStatus
lh_ice_located(LhCtx *ctx, const char *dir, const LhIceLook *look, const char **path)
{
	Place *place;
	LhStatus status = LH_OK;

	*path = NULL;
	if (!look->valid)
		return LH_OK;
	pthread_mutex_lock(&lock);
	place = find(dir);
	if (place != NULL && same(&place->look, look))
	{
		*path = lh_strdup(ctx, place->path);
		if (*path == NULL)
			status = ctx->error->code;
	}
	pthread_mutex_unlock(&lock);
	return status;
}

/* With the lock.  Without memory it is forgotten. */
static void
set(Place *place, const char *dir, const LhIceLook *look, const char *path)
{
	free(place->dir);
	free(place->path);
	*place = (Place){*look, strdup(dir), strdup(path)};
	if (place->dir != NULL && place->path != NULL)
		return;
	free(place->dir);
	free(place->path);
	*place = (Place){.dir = NULL};
}

/* Of the directory and of the hint themselves, which may be links to elsewhere. */
static bool
names_are_noted(const char *dir)
{
	char path[4096];
	int n = snprintf(path, sizeof(path), "%s/metadata/version-hint.text", dir);

	if (n < 0 || (size_t) n >= sizeof(path) || !lh_local_names_are_noted(path))
		return false;
	*strrchr(path, '/') = '\0';
	return lh_local_names_are_noted(path);
}

void
lh_ice_remember_located(const char *dir, const LhIceLook *look, const char *path)
{
	Place *place;

	if (!look->valid || !names_are_noted(dir))
		return;
	pthread_mutex_lock(&lock);
	place = find(dir);
	if (place == NULL)
		place = &places[turn++ % TABLES];
	set(place, dir, look, path);
	pthread_mutex_unlock(&lock);
}
