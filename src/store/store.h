/*
 * store.h
 *		Where bytes live: objects that are opened by location and read by ranges.
 *
 * A location is a path or URL.  Kinds: local files ("/dir/f.parquet",
 * "file:///dir/f.parquet", "file:/dir/f.parquet"); "http:" and "https:", which
 * name single objects; "s3:", "s3a:" and "s3n:", which have directories and
 * globs, too.  Relative paths are refused.
 *
 * Rights are not decided here but enforced here: LhAccess says what the caller
 * may reach.  A base directory is entered with openat2(RESOLVE_BENEATH), never
 * compared as a string; a network location must be covered by LhRemoteAccess.
 */
#ifndef LH_STORE_STORE_H
#define LH_STORE_STORE_H

#include <string.h>
#include <time.h>

#include "core/core.h"

typedef enum LhUrlStyle
{
	LH_URL_STYLE_AUTO,			/* by path with an endpoint of one's own, else by host */
	LH_URL_STYLE_PATH,			/* https://endpoint/bucket/key */
	LH_URL_STYLE_HOST			/* https://bucket.endpoint/key */
} LhUrlStyle;

/*
 * What may be reached over the network, and with which credentials.  An entry
 * of allowed is one of
 *	- a prefix, "https://host/path" or "s3://bucket/path": covers what lies below,
 *	  compared by scheme, host, port and whole segments of the path;
 *	- a host, "minio.local" or "10.1.2.3": covers http and https there;
 *	- a network, "10.0.0.0/8": covers http and https at its addresses.
 * Private addresses are connected only for hosts that an entry names, or in
 * networks that are entries (net.h).
 */
typedef struct LhRemoteAccess
{
	int			nallowed;
	const char *const *allowed;
	const char *ca_file;		/* NULL: the system's certificates */

	const char *endpoint;		/* of S3: "https://host[:port]"; NULL: AWS */
	const char *region;			/* NULL: us-east-1 */
	LhUrlStyle	url_style;
	const char *access_key_id;	/* NULL: anonymous */
	const char *secret_access_key;
	const char *session_token;	/* may be NULL */

	const char *bearer_token;	/* of http(s): this, or user and password, or none */
	const char *user;
	const char *password;

	const char *scope;			/* whose credentials these are: what is cached is theirs alone */
} LhRemoteAccess;

typedef struct LhAccess
{
	bool		local_any;		/* any local file the process can read */
	int			nbases;
	const char *const *bases;	/* absolute directories; local files below them only */
	bool		write_any;		/* any local file the process can write (output.h) */
	int			nwrite_bases;
	const char *const *write_bases; /* the same for writing; reading needs bases */
	const LhRemoteAccess *remote;	/* NULL: no network location */
	/*
	 * Locations that are closed all the same: what lies at or below them is not read, however it is reached (closed.c).
	 * Writing is another matter.
	 */
	int			nclosed;
	const char *const *closed;
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
	int64_t		ctime_ns;		/* local, of what was opened or looked at: moves with rights and names, too; no part of the identity */
	const char *etag;			/* remote; "" when the server tells no version; NULL locally */
	const char *scope;			/* remote: whose credentials opened it; NULL locally */
	bool		secret;			/* the content is what was decrypted of it (sealed.h) */
} LhObjectId;

/* Do they name the same content? */
static inline bool
lh_object_id_same(const LhObjectId *a, const LhObjectId *b)
{
	const char *const texts[][2] = {{a->path, b->path}, {a->etag, b->etag}, {a->scope, b->scope}};

	if (a->size != b->size || a->mtime_ns != b->mtime_ns || a->dev != b->dev || a->ino != b->ino ||
		a->secret != b->secret)
		return false;
	for (int i = 0; i < 3; i++)
	{
		const char *s = texts[i][0], *t = texts[i][1];

		if (s != t && (s == NULL || t == NULL || strcmp(s, t) != 0))
			return false;
	}
	return true;
}

/*
 * Does it tell this content from any other, so that caches may keep what was made of it?  Not of
 * what was encrypted; when the server tells no version; nor of a local file that is so young that it may be written again within a tick of its clock.
 */
static inline bool
lh_object_id_certain(const LhObjectId *id)
{
	struct timespec now;

	if (id->secret)
		return false;
	if (id->etag != NULL)
		return id->etag[0] != '\0';
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t) now.tv_sec * 1000000000 + now.tv_nsec - id->mtime_ns >= INT64_C(2000000000);
}

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
extern const LhAccess *lh_store_access(const LhStore *store);

/*
 * Normalise a location: "/dir/name", "https://host/path", "s3://bucket/key", the
 * latter for all spellings.  Fails with LH_INVALID / LH_UNSUPPORTED for what is
 * no location.  Messages never repeat one that may hold a secret.
 */
extern LhStatus lh_location_parse(LhCtx *ctx, const char *location, LhScheme *scheme, const char **path);
/*
 * The same for a location that names one thing: as a pattern and as listings and
 * lh_object_open spell it.  LH_INVALID when it is a pattern.
 */
extern LhStatus lh_location_plain(LhCtx *ctx, const char *location, LhScheme *scheme, const char **pattern,
								  const char **raw);
/* LH_DENIED unless a network location (parsed; a glob counts by the directory before it) is covered. */
extern LhStatus lh_remote_covers(LhCtx *ctx, const LhRemoteAccess *access, const char *path);
/* Is an entry of LhRemoteAccess.allowed well-formed?  LH_INVALID otherwise. */
extern LhStatus lh_remote_check_allowed(LhCtx *ctx, const char *entry);
/* The same for LhRemoteAccess.endpoint. */
extern LhStatus lh_remote_check_endpoint(LhCtx *ctx, const char *endpoint);

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
 * http and https have neither directories nor globs: a location is a file.
 */
extern LhStatus lh_store_list(LhCtx *ctx, LhStore *store, const char *location,
							  const char *suffix, size_t max_files, LhList *out);

/* Immediate subdirectories and files of a directory (for IMPORT): names, not paths; directories end with '/'. */
extern LhStatus lh_store_children(LhCtx *ctx, LhStore *store, const char *location, LhList *out);

/*
 * Is there something of this path, a directory perhaps?  Local: cheaper than to open it.  Remote: the
 * object is opened, that is, asked for.
 */
extern LhStatus lh_object_exists(LhCtx *ctx, LhStore *store, const char *path, bool *yes);

/*
 * Identity of a local file or directory without opening it; *there false: it does not exist, or
 * may not be looked at, and no error tells which.  id->path is borrowed.  *ctime_ns also moves when
 * somebody sets the mtime back.
 */
extern LhStatus lh_object_look(LhCtx *ctx, LhStore *store, const char *path, LhObjectId *id, int64_t *ctime_ns,
							   bool *there);
/*
 * Does a directory's mtime tell that names came or went below it?  File systems of this machine
 * see to it, those of others and of programs may not.
 */
extern bool lh_local_names_are_noted(const char *path);

/*
 * Does a look at a local file show what opening it would?  Of files that this process has opened before, and whose
 * ctime is the one of then: neither content nor rights have changed since, and directories on the way are asked by the look
 * itself.  Not for who is bound to base directories or where places are closed: only a descriptor shows these.
 */
extern bool lh_store_looks(const LhStore *store);

/* LH_DENIED when the path is closed: for who takes from a cache what he would open else. */
extern LhStatus lh_object_check(LhCtx *ctx, LhStore *store, const char *path);

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

/* Bytes of an object, and where they shall go. */
typedef struct LhRange
{
	int64_t		offset;
	size_t		len;
	uint8_t    *out;
} LhRange;

/*
 * Several reads at once: from remote stores ranges that lie near each other come
 * with one request, and requests run side by side.
 */
extern LhStatus lh_object_read_many(LhCtx *ctx, LhObject *obj, int n, const LhRange *ranges);

/*
 * These bytes (out is ignored) will probably be read soon.  Remote stores begin
 * to fetch them, as far as the budget of ctx->arena allows; errors are those of
 * the later read.  LH_CANCELLED at most.
 */
extern LhStatus lh_object_will_need(LhCtx *ctx, LhObject *obj, int n, const LhRange *ranges);
/* What was fetched ahead and is not read yet will not be. */
extern void lh_object_drop_ahead(LhObject *obj);
/* Is it far away, so that one large read is better than several small ones? */
extern bool lh_object_is_remote(const LhObject *obj);

/* Glob matching alone, for tests and fuzzing: does path match pattern? */
extern bool lh_glob_match(const char *pattern, const char *path);

#endif
