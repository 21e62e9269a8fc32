/*
 * store.h
 *		Where bytes live: objects that are opened by location and read by ranges.
 *
 * A location is a path or URL.  Kinds: local files ("/dir/f.parquet",
 * "file:///dir/f.parquet", "file:/dir/f.parquet"); http, https, s3, s3a, s3n
 * come with net/.  Relative paths are refused.
 *
 * Rights are not decided here but enforced here: LhAccess says what the caller
 * may reach.  A base directory is entered with openat2(RESOLVE_BENEATH), never
 * compared as a string.
 */
#ifndef LH_STORE_STORE_H
#define LH_STORE_STORE_H

#include "core/core.h"

typedef struct LhAccess
{
	bool		local_any;		/* any local file the process can read */
	int			nbases;
	const char *const *bases;	/* absolute directories; local files below them only */
	bool		write_any;		/* any local file the process can write (output.h) */
	int			nwrite_bases;
	const char *const *write_bases; /* the same for writing; reading needs bases */
} LhAccess;

typedef enum LhScheme
{
	LH_SCHEME_LOCAL, LH_SCHEME_HTTP, LH_SCHEME_HTTPS, LH_SCHEME_S3
} LhScheme;

/* Identity of an object's content: what a cache is keyed by and a change is noticed by. */
typedef struct LhObjectId
{
	const char *path;			/* normalised location */
	int64_t		size;
	int64_t		mtime_ns;		/* local */
	uint64_t	dev,
				ino;			/* local */
	const char *etag;			/* remote; NULL locally */
} LhObjectId;

typedef struct LhStore LhStore; /* access, options and connections of one scan */
typedef struct LhObject LhObject;

typedef struct LhListEntry
{
	const char *path;			/* absolute, normalised */
	int64_t		size;
	int64_t		mtime_ns;
} LhListEntry;

typedef struct LhList
{
	size_t		n;
	LhListEntry *entries;		/* in byte order of path */
} LhList;

/* A store in ctx->arena; access is borrowed and must outlive it. */
extern LhStatus lh_store_create(LhCtx *ctx, const LhAccess *access, LhStore **out);

/* Normalise "file:" spellings; fails with LH_INVALID / LH_UNSUPPORTED for what is no location. */
extern LhStatus lh_location_parse(LhCtx *ctx, const char *location, LhScheme *scheme, const char **path);
/* True when the path holds glob characters (* ? [ {), unescaped. */
extern bool lh_is_glob(const char *path);

/*
 * Files of a location, in byte order of their paths:
 *	- a file: itself (even when empty or hidden);
 *	- a directory: all files below it, recursively; names that begin with '_'
 *	  or '.' and empty files are left out, hidden directories are not entered;
 *	- a glob (*, ?, [a-z], [!a], {a,b}, ** for any depth): the files that match,
 *	  hidden and empty ones left out unless the pattern names the dot or
 *	  underscore itself.
 * suffix (may be NULL): for directories only files whose names end so.
 * No match is LH_NOT_FOUND.  Bounded by max_files (LH_LIMIT).
 */
extern LhStatus lh_store_list(LhCtx *ctx, LhStore *store, const char *location,
							  const char *suffix, size_t max_files, LhList *out);

/* Immediate subdirectories and files of a directory (for IMPORT): names, not paths; directories end with '/'. */
extern LhStatus lh_store_children(LhCtx *ctx, LhStore *store, const char *location, LhList *out);

/* Open for reading; stays open until the arena of ctx is reset or lh_object_close. */
extern LhStatus lh_object_open(LhCtx *ctx, LhStore *store, const char *path, LhObject **out);
extern void lh_object_close(LhObject *obj);
extern const LhObjectId *lh_object_id(const LhObject *obj);

/*
 * Read exactly len bytes at offset.  A short file, or a file whose size or
 * mtime changed since it was opened, is LH_CHANGED/LH_CORRUPT.  Counts reads
 * and bytes.  Polls the host between pieces of at most 4 MB.
 */
extern LhStatus lh_object_read(LhCtx *ctx, LhObject *obj, int64_t offset, size_t len, uint8_t *out);

/* Glob matching alone, for tests and fuzzing: does path match pattern? */
extern bool lh_glob_match(const char *pattern, const char *path);

#endif
