/*
 * closed.c
 *		Places that are closed although rights would allow to read them.
 *
 * Policies of a table hold for its files, too: whoever they are for reads these by the table or not at all.  So it is
 * asked here, of each object that is opened and of each path that a listing gives, whether it lies at or below a closed
 * place, however it was reached:
 *
 * What is there, and how it is called, is no less hidden: a path is asked about before it is looked for, and a listing does
 * not enter a closed directory.  Messages name what the caller named.
 *
 *	1. A closed location counts by the directory before its first wildcard; a metadata file of an Iceberg table by the table.
 *	2. Local paths are compared as the kernel knows them: of an open file what its descriptor says, so links, ".." and
 *	   whoever changes them meanwhile are of no use.  A closed file is also known by its inode.
 *	3. Objects of S3 are compared by bucket and key, whatever the endpoint: another server may name the same store.
 *	   The web's spellings of an object, https://bucket.host/key and https://host/bucket/key, count as it.  Hosts
 *	   are not resolved: another name of one is another host.
 *
 * Rather too much is closed than too little.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "store/remote.h"

struct LhClosed
{
	bool local;
	const char
		*path; /* local: canonical, "" is the root; else without slashes around and between twice */
	bool file; /* local: a regular file, known by its inode as well */
	dev_t dev;
	ino_t ino;
	const char *host; /* web: its host; NULL: S3 */
	const char *bucket;
};

/* Is path the prefix, or below it?  Neither ends with a slash. */
static bool
is_below(const char *prefix, const char *path)
{
	size_t n = strlen(prefix);

	return strncmp(prefix, path, n) == 0 && (path[n] == '\0' || path[n] == '/' || n == 0);
}

static LhStatus
refuse(LhCtx *ctx, const char *path)
{
	lh_fail(ctx, LH_DENIED, "no right to read \"%s\"", path);
	lh_detail(ctx, "A table with a policy has its files there, and is the only way to them.");
	return LH_DENIED;
}

/* ---- local ---- */

/* As the kernel knows it; of what does not exist the part that does, and the rest as it is spelled. */
static LhStatus
canonical(LhCtx *ctx, const char *path, const char **out)
{
	char real[PATH_MAX];
	char *copy = lh_strdup(ctx, path);
	size_t cut = strlen(path);

	if (copy == NULL)
		return ctx->error->code;
	for (;;)
	{
		copy[cut] = '\0';
		if (realpath(cut > 0 ? copy : "/", real) != NULL)
			break;
		if (cut == 0)
			LH_FAIL(ctx, LH_IO, "could not resolve \"%s\": %s", path, lh_errno_text(errno));
		while (cut > 0 && path[--cut] != '/')
			;
	}
	*out = lh_sprintf(ctx, "%s%s", strcmp(real, "/") == 0 ? "" : real, path + cut);
	if (*out == NULL)
		return ctx->error->code;
	if (strcmp(*out, "/") == 0)
		*out = "";
	return LH_OK;
}

static LhStatus
check_canonical(LhCtx *ctx, const LhStore *store, const char *real, const struct stat *st,
				const char *path)
{
	for (int i = 0; i < store->nclosed; i++)
	{
		const LhClosed *closed = &store->closed[i];

		if (!closed->local)
			continue;
		if (is_below(closed->path, real) ||
			(closed->file && st != NULL && st->st_dev == closed->dev && st->st_ino == closed->ino))
			return refuse(ctx, path);
	}
	return LH_OK;
}

LhStatus
lh_closed_check_file(LhCtx *ctx, const LhStore *store, int fd, const char *path)
{
	char link[sizeof("/proc/self/fd/") + 12];
	char real[PATH_MAX];
	struct stat st;
	ssize_t n;

	if (store->nclosed == 0)
		return LH_OK;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, real, sizeof(real));
	if (n <= 0 || (size_t) n >= sizeof(real) || fstat(fd, &st) != 0)
	{
		lh_fail(ctx, LH_DENIED, "no right to read \"%s\"", path);
		lh_detail(
			ctx,
			"Some places are closed by policies, and the kernel does not tell whether it lies there.");
		return LH_DENIED;
	}
	real[n] = '\0';
	return check_canonical(ctx, store, real, &st, path);
}

/* ---- network ---- */

/* Without slashes at the ends, and one where there are several. */
static LhStatus
tidy(LhCtx *ctx, const char *text, const char **out)
{
	size_t n = 0;
	char *buf;

	LH_ALLOC(ctx, buf, strlen(text) + 1);
	for (const char *p = text; *p != '\0'; p++)
		if (*p != '/' || (n > 0 && buf[n - 1] != '/'))
			buf[n++] = *p;
	while (n > 0 && buf[n - 1] == '/')
		n--;
	buf[n] = '\0';
	*out = buf;
	return LH_OK;
}

/* Bucket and key, or host and decoded path, of a raw path. */
static LhStatus
split(LhCtx *ctx, LhScheme scheme, const char *raw, LhClosed *out)
{
	LhRemotePath path;
	char *decoded;
	size_t n, got = 0;

	*out = (LhClosed){0};
	LH_TRY(lh_remote_split(ctx, scheme, raw, &path));
	if (scheme == LH_SCHEME_S3)
	{
		out->bucket = path.bucket;
		return tidy(ctx, path.key, &out->path);
	}
	n = strlen(path.url.path);
	LH_ALLOC(ctx, decoded, n + 1);
	if (!lh_url_decode(path.url.path, n, decoded, &got))
		LH_FAIL(ctx, LH_INVALID, "location holds a malformed %% escape");
	decoded[got] = '\0';
	out->host = path.url.host;
	return tidy(ctx, decoded, &out->path);
}

/* Is the first part of the text, up to the end character, this one? */
static const char *
after_part(const char *text, const char *part, char end)
{
	size_t n = strlen(part);

	if (strncasecmp(text, part, n) != 0 || (text[n] != end && text[n] != '\0'))
		return NULL;
	return text[n] == end ? text + n + 1 : text + n;
}

/* An object of S3 and one of the web: may they be the same, or the one below the other? */
static bool
web_is_below_s3(const LhClosed *s3, const LhClosed *web)
{
	const char *key = after_part(web->path, s3->bucket, '/');

	return (key != NULL && is_below(s3->path, key)) ||
		   (after_part(web->host, s3->bucket, '.') != NULL && is_below(s3->path, web->path));
}

static bool
s3_is_below_web(const LhClosed *web, const LhClosed *s3)
{
	const char *prefix = after_part(web->path, s3->bucket, '/');

	/* a closed host as a whole is no bucket */
	if (web->path[0] == '\0')
		return after_part(web->host, s3->bucket, '.') != NULL;
	return (prefix != NULL && is_below(prefix, s3->path)) ||
		   (after_part(web->host, s3->bucket, '.') != NULL && is_below(web->path, s3->path));
}

/* The same of two spellings on the web. */
static bool
web_is_below_web(const LhClosed *closed, const LhClosed *path)
{
	const char *rest;
	size_t n;

	if (strcmp(closed->host, path->host) == 0)
		return is_below(closed->path, path->path);
	/* bucket.host/key, and host/bucket/key */
	n = strcspn(closed->host, ".");
	if (closed->host[n] == '.' && strcmp(closed->host + n + 1, path->host) == 0 &&
		strncasecmp(path->path, closed->host, n) == 0 &&
		(path->path[n] == '/' || path->path[n] == '\0'))
		return is_below(closed->path, path->path[n] == '/' ? path->path + n + 1 : "");
	n = strcspn(path->host, ".");
	if (path->host[n] == '.' && strcmp(path->host + n + 1, closed->host) == 0 &&
		strncasecmp(closed->path, path->host, n) == 0 &&
		(closed->path[n] == '/' || closed->path[n] == '\0'))
	{
		rest = closed->path[n] == '/' ? closed->path + n + 1 : "";
		return is_below(rest, path->path);
	}
	return false;
}

static bool
covers(const LhClosed *closed, const LhClosed *path)
{
	if (closed->host == NULL && path->host == NULL)
		return strcasecmp(closed->bucket, path->bucket) == 0 && is_below(closed->path, path->path);
	if (closed->host == NULL)
		return web_is_below_s3(closed, path);
	if (path->host == NULL)
		return s3_is_below_web(closed, path);
	return web_is_below_web(closed, path);
}

static LhStatus
check_remote(LhCtx *ctx, const LhStore *store, LhScheme scheme, const char *path)
{
	LhClosed parts;

	LH_TRY(split(ctx, scheme, path, &parts));
	for (int i = 0; i < store->nclosed; i++)
		if (!store->closed[i].local && covers(&store->closed[i], &parts))
			return refuse(ctx, path);
	return LH_OK;
}

/* ---- what is closed ---- */

/* The table of a metadata file of Iceberg; else all of the path. */
static size_t
table_length(const char *path, size_t n)
{
	static const char metadata[] = "/metadata/";
	size_t dir = n;

	while (dir > 0 && path[dir - 1] != '/')
		dir--;
	if (dir < sizeof(metadata) - 1 || strstr(path + dir, ".metadata.json") == NULL ||
		memcmp(path + dir - (sizeof(metadata) - 1), metadata, sizeof(metadata) - 1) != 0)
		return n;
	return dir - (sizeof(metadata) - 1);
}

static LhStatus
close_location(LhCtx *ctx, const char *location, LhClosed *out)
{
	LhScheme scheme;
	const char *path;
	struct stat st;
	size_t n;

	LH_TRY(lh_location_parse(ctx, location, &scheme, &path));
	n = lh_is_glob(path) ? lh_glob_static_prefix(path) : table_length(path, strlen(path));
	LH_TRY(lh_glob_unescape(ctx, path, n, &path));
	if (scheme != LH_SCHEME_LOCAL)
		return split(ctx, scheme, path, out);
	LH_TRY(lh_path_normalise(ctx, path, strlen(path), &path));
	*out = (LhClosed){.local = true};
	LH_TRY(canonical(ctx, path, &out->path));
	if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
	{
		out->file = true;
		out->dev = st.st_dev;
		out->ino = st.st_ino;
	}
	return LH_OK;
}

LhStatus
lh_closed_create(LhCtx *ctx, LhStore *store)
{
	const LhAccess *access = store->access;

	if (access->nclosed == 0)
		return LH_OK;
	LH_NEW_ARRAY(ctx, store->closed, (size_t) access->nclosed);
	for (int i = 0; i < access->nclosed; i++)
		LH_TRY(close_location(ctx, access->closed[i], &store->closed[i]));
	store->nclosed = access->nclosed;
	return LH_OK;
}

LhStatus
lh_closed_check(LhCtx *ctx, const LhStore *store, LhScheme scheme, const char *path)
{
	struct stat st;
	const char *real;

	if (store->nclosed == 0)
		return LH_OK;
	if (scheme != LH_SCHEME_LOCAL)
		return check_remote(ctx, store, scheme, path);
	LH_TRY(canonical(ctx, path, &real));
	return check_canonical(ctx, store, real, stat(path, &st) == 0 ? &st : NULL, path);
}

LhStatus
lh_closed_check_list(LhCtx *ctx, const LhStore *store, const char *location, const LhList *list)
{
	LhArena *arena, *old;
	LhStatus status = LH_OK;

	if (store->nclosed == 0)
		return LH_OK;
	arena = lh_arena_child(ctx->arena);
	if (arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	old = lh_use(ctx, arena);
	for (size_t i = 0; i < list->n && status == LH_OK; i++)
	{
		LhScheme scheme;
		const char *path;

		status = lh_poll(ctx);
		if (status == LH_OK)
			status = lh_location_raw(ctx, list->entries[i].path, &scheme, &path);
		if (status == LH_OK)
			status = lh_closed_check(ctx, store, scheme, path);
		if (status == LH_DENIED)
		{
			lh_error_clear(ctx);
			status = refuse(ctx, location);
		}
		if (i % 64 == 63)
			lh_arena_reset(arena);
	}
	lh_use(ctx, old);
	lh_arena_destroy(arena);
	return status;
}
