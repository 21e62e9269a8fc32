/*
 * store.c
 *		Each scheme to those who know it.
 */
#include "store/local.h"
#include "store/object.h"
#include "store/remote.h"

const LhAccess *
lh_store_access(const LhStore *store)
{
	return store->access;
}

/* Of a location that is about to be listed, a pattern perhaps: is all of it closed? */
static LhStatus
check_location(LhCtx *ctx, LhStore *store, LhScheme scheme, const char *path)
{
	size_t n = lh_is_glob(path) ? lh_glob_static_prefix(path) : strlen(path);

	if (store->nclosed == 0)
		return LH_OK;
	LH_TRY(lh_glob_unescape(ctx, path, n, &path));
	return lh_closed_check(ctx, store, scheme, path);
}

LhStatus
lh_store_list(LhCtx *ctx, LhStore *store, const char *location, const char *suffix,
			  size_t max_files, LhList *out)
{
	LhScheme scheme;
	const char *path;

	LH_TRY(lh_location_parse(ctx, location, &scheme, &path));
	LH_TRY(check_location(ctx, store, scheme, path));
	if (max_files == 0)
		max_files = LH_LIST_MAX_FILES;
	switch (scheme)
	{
		case LH_SCHEME_HTTP:
		case LH_SCHEME_HTTPS: LH_TRY(lh_web_list(ctx, store, path, out)); break;
		case LH_SCHEME_S3: LH_TRY(lh_s3_list(ctx, store, path, suffix, max_files, out)); break;
		case LH_SCHEME_LOCAL:
			LH_TRY(lh_local_list(ctx, store, location, path, suffix, max_files, out));
			break;
	}
	return lh_closed_check_list(ctx, store, location, out);
}

LhStatus
lh_store_children(LhCtx *ctx, LhStore *store, const char *location, LhList *out)
{
	LhScheme scheme;
	const char *path;

	LH_TRY(lh_location_parse(ctx, location, &scheme, &path));
	LH_TRY(check_location(ctx, store, scheme, path));
	if (scheme == LH_SCHEME_S3)
		return lh_s3_children(ctx, store, path, out);
	if (scheme != LH_SCHEME_LOCAL)
	{
		lh_fail(ctx, LH_UNSUPPORTED, "a location on the web has no directories");
		lh_hint(ctx, "Web servers do not list files; name them in a JSON array.");
		return LH_UNSUPPORTED;
	}
	return lh_local_children(ctx, store, location, path, out);
}

LhStatus
lh_object_check(LhCtx *ctx, LhStore *store, const char *path)
{
	LhScheme scheme;

	LH_TRY(lh_location_raw(ctx, path, &scheme, &path));
	return lh_closed_check(ctx, store, scheme, path);
}

LhStatus
lh_object_open(LhCtx *ctx, LhStore *store, const char *path, LhObject **out)
{
	LhScheme scheme;

	LH_TRY(lh_location_raw(ctx, path, &scheme, &path));
	LH_TRY(lh_closed_check(ctx, store, scheme, path));
	if (scheme != LH_SCHEME_LOCAL)
		return lh_remote_object_open(ctx, store, scheme, path, out);
	return lh_local_object_open(ctx, store, path, out);
}

LhStatus
lh_object_exists(LhCtx *ctx, LhStore *store, const char *path, bool *yes)
{
	LhScheme scheme;
	LhObject *obj;
	LhStatus status;

	LH_TRY(lh_location_raw(ctx, path, &scheme, &path));
	LH_TRY(lh_closed_check(ctx, store, scheme, path));
	if (scheme == LH_SCHEME_LOCAL)
		return lh_local_exists(ctx, store, path, yes);
	status = lh_remote_object_open(ctx, store, scheme, path, &obj);
	*yes = status == LH_OK;
	if (*yes)
		lh_object_close(obj);
	if (status != LH_NOT_FOUND)
		return status;
	lh_error_clear(ctx);
	return LH_OK;
}

LhStatus
lh_object_look(LhCtx *ctx, LhStore *store, const char *path, LhObjectId *id, int64_t *ctime_ns,
			   bool *there)
{
	LhScheme scheme;
	LhStatus status;

	*there = false;
	LH_TRY(lh_location_raw(ctx, path, &scheme, &path));
	if (scheme != LH_SCHEME_LOCAL)
		return LH_OK;
	LH_TRY(lh_closed_check(ctx, store, scheme, path));
	status = lh_local_look(ctx, store, path, id, ctime_ns);
	*there = status == LH_OK;
	if (status == LH_CANCELLED || status == LH_NO_MEMORY)
		return status;
	lh_error_clear(ctx);
	return LH_OK;
}

bool
lh_store_looks(const LhStore *store)
{
	return store->access->local_any && store->nclosed == 0;
}

void
lh_object_close(LhObject *obj)
{
	lh_arena_forget(obj->arena, obj->vtable->release, obj);
	obj->vtable->release(obj);
}

const LhObjectId *
lh_object_id(const LhObject *obj)
{
	return &obj->id;
}

bool
lh_object_is_remote(const LhObject *obj)
{
	return obj->id.etag != NULL;
}

LhStatus
lh_object_read(LhCtx *ctx, LhObject *obj, int64_t offset, size_t len, uint8_t *out)
{
	return obj->vtable->read(ctx, obj, offset, len, out);
}

LhStatus
lh_object_read_many(LhCtx *ctx, LhObject *obj, int n, const LhRange *ranges)
{
	return obj->vtable->read_many(ctx, obj, n, ranges);
}

LhStatus
lh_object_will_need(LhCtx *ctx, LhObject *obj, int n, const LhRange *ranges)
{
	return obj->vtable->will_need != NULL ? obj->vtable->will_need(ctx, obj, n, ranges) : LH_OK;
}

void
lh_object_drop_ahead(LhObject *obj)
{
	if (obj->vtable->drop_ahead != NULL)
		obj->vtable->drop_ahead(obj);
}
