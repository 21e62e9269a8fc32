/*
 * local.h
 *		Internal: what the files of store/ share about local files and globs.
 *
 * Two spellings of a path exist here.  A pattern is what users write: glob
 * characters match, and '\' takes the meaning from the character behind it.  A
 * raw path is what the file system knows; listings give raw paths and objects
 * are opened by them.
 */
#ifndef LH_STORE_LOCAL_H
#define LH_STORE_LOCAL_H

#include <dirent.h>
#include <sys/stat.h>

#include "store/store.h"

/* Longest path or pattern that is accepted, in bytes (Linux's PATH_MAX). */
#define LH_PATH_MAX              4096
/* Directories below each other that a listing enters. */
#define LH_LIST_MAX_DEPTH        64
/* Files of one listing when the caller names no limit. */
#define LH_LIST_MAX_FILES        1000000
/* Entries looked at before a listing gives up: the limit of files, times this, plus ... */
#define LH_LIST_ENTRIES_PER_FILE 10
#define LH_LIST_ENTRIES_SLACK    100000

typedef struct LhClosed LhClosed; /* closed.c */

struct LhStore
{
	const LhAccess *access;
	int nbases;
	const char **bases; /* normalised; "" is the root directory */
	int *base_fds;      /* O_PATH; -1 until the base is first used */
	int nclosed;
	LhClosed *closed;
	LhArena *arena;
	struct LhRemote *remote; /* NULL until a network location is first used */
};

/* location.c */

/* A location as a raw path, as listings give it. */
extern LhStatus lh_location_raw(LhCtx *ctx, const char *location, LhScheme *scheme,
								const char **path);
/* Take the escapes out of a pattern that is no glob. */
extern LhStatus lh_glob_unescape(LhCtx *ctx, const char *pattern, size_t len, const char **path);
/* Absolute, without empty and "." components and without a slash at the end; ".." stays. */
extern LhStatus lh_path_normalise(LhCtx *ctx, const char *path, size_t len, const char **out);

/* local.c */

/*
 * Open a raw path with the rights of the store.  flags are open(2)'s;
 * O_CLOEXEC is added.  What does not exist, or is a link to nowhere or in a
 * circle, is LH_NOT_FOUND.  The caller closes the descriptor.
 */
extern LhStatus lh_local_open(LhCtx *ctx, LhStore *store, const char *path, int flags, int *fd);
/*
 * Open a directory with the rights to write, in which "path" is to be written.
 * A base directory of these is opened anew each time.
 */
extern LhStatus
lh_local_open_to_write(LhCtx *ctx, LhStore *store, const char *dir, const char *path, int *fd);
/* stat(2) with the rights of the store: links are followed, but never out of a base. */
extern LhStatus lh_local_stat(LhCtx *ctx, LhStore *store, const char *path, struct stat *st);
/* Does it, links followed?  What may not be known is an error. */
extern LhStatus lh_local_exists(LhCtx *ctx, LhStore *store, const char *path, bool *yes);
/* What tells it from others, as of a file that is open. */
extern LhStatus lh_local_look(LhCtx *ctx, LhStore *store, const char *path, LhObjectId *id,
											  int64_t *ctime_ns);
/* A directory to be read; released with ctx->arena or by lh_local_closedir, whichever comes first. */
extern LhStatus lh_local_opendir(LhCtx *ctx, LhStore *store, const char *path, DIR **dir);
extern void lh_local_closedir(LhCtx *ctx, DIR *dir);

/* closed.c: LH_DENIED for what lies in a closed place */

/* Of a new store, from its access. */
extern LhStatus lh_closed_create(LhCtx *ctx, LhStore *store);
/* A local file or directory that is open, called path. */
extern LhStatus lh_closed_check_file(LhCtx *ctx, const LhStore *store, int fd, const char *path);
/* By its raw path alone: whoever opens it asks again. */
extern LhStatus lh_closed_check(LhCtx *ctx, const LhStore *store, LhScheme scheme, const char *path);
/* Of a listing: messages name its location. */
extern LhStatus lh_closed_check_list(LhCtx *ctx, const LhStore *store, const char *location,
									 const LhList *list);

/* list.c: lh_store_list and lh_store_children of local files; path is parsed. */
extern LhStatus lh_local_list(LhCtx *ctx, LhStore *store, const char *location, const char *path,
							  const char *suffix, size_t max_files, LhList *out);
extern LhStatus lh_local_children(LhCtx *ctx, LhStore *store, const char *location,
								  const char *path, LhList *out);
/* In byte order of the paths. */
extern void lh_list_sort(LhList *list);

/* glob.c */

/*
 * A compiled pattern and sets of its states.  A set after some prefix of a
 * path says by lh_glob_alive whether anything below can match, so a directory
 * walk enters only what it must.
 */
typedef struct LhGlob LhGlob;
extern LhStatus lh_glob_compile(LhCtx *ctx, const char *pattern, bool guard_hidden, LhGlob **out);
extern size_t lh_glob_words(const LhGlob *glob); /* of a set */
extern void lh_glob_start(const LhGlob *glob, uint64_t *set);
/* in and out may be the same; at a component's first character when *at_start. */
extern void lh_glob_feed(LhGlob *glob, const uint64_t *in, const char *s, size_t len, bool at_start,
						 uint64_t *out);
extern bool lh_glob_alive(const LhGlob *glob, const uint64_t *set);
extern bool lh_glob_accepts(const LhGlob *glob, const uint64_t *set);
/* Bytes of the pattern up to and with the last '/' before its first glob character. */
extern size_t lh_glob_static_prefix(const char *pattern);

#endif
