/*
 * list.c
 *		The files of a location: one file, a directory tree, or a glob.
 *
 *	1. What is no glob is looked at: a file is the answer, a directory is walked.
 *	2. A glob is walked from the last directory before its first wildcard; the
 *	   states of the pattern (glob.c) go down with the walk, so that only
 *	   directories in which something can match are read.
 *	3. A walk reads a directory, closes it, and goes down one level; entries are
 *	   judged by readdir's type where that is enough, links by where they lead.
 *
 * Links are followed, as find -L does, but not in circles: a directory that is
 * its own ancestor is left out, and so is a link to nowhere.  A link that
 * leaves a base directory is an error, not an omission, because a silently
 * shorter list is a wrong answer.  Entries, depth and files are limited, and
 * the host is asked for each entry, so that no tree can hold a backend.
 */
#include "store/local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

/* Files a list has room for at first: it is often one, and there may be many lists. */
#define FIRST_FILES 4

typedef struct Ancestor Ancestor;
struct Ancestor
{
	dev_t dev;
	ino_t ino;
	const Ancestor *parent;
};

typedef struct Walk
{
	LhStore *store;
	const char *location; /* for messages */
	const char *suffix;   /* NULL: any */
	LhGlob *glob;         /* NULL: a directory tree */
	size_t max_files;
	uint64_t max_entries;
	uint64_t entries;   /* looked at */
	size_t directories; /* that a glob matched */
	LhBuf path;         /* of the entry, NUL-terminated while used */
	LhArena *arena;     /* of the list */
	size_t cap;
	LhList list;
} Walk;

/* One directory entry that was not left out by its name. */
typedef struct Entry
{
	const char *name;
	bool is_dir;
	dev_t dev; /* directories, when known */
	ino_t ino;
	int64_t size;
	int64_t mtime_ns;
} Entry;

static bool
is_hidden(const char *name)
{
	return name[0] == '.' || name[0] == '_';
}

static bool
is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static bool
has_suffix(const char *name, const char *suffix)
{
	size_t n = strlen(name), k = strlen(suffix);

	return n >= k && memcmp(name + n - k, suffix, k) == 0;
}

/*
 * The path of an entry
 */

static LhStatus
push_name(LhCtx *ctx, Walk *walk, const char *name, size_t *mark)
{
	*mark = walk->path.len;
	if (walk->path.len == 0 || walk->path.data[walk->path.len - 1] != '/')
		LH_TRY(lh_buf_putc(ctx, &walk->path, '/'));
	LH_TRY(lh_buf_append_str(ctx, &walk->path, name));
	if (walk->path.len > LH_PATH_MAX)
		LH_FAIL(ctx, LH_LIMIT, "a path below \"%s\" is longer than %d bytes", walk->location,
				LH_PATH_MAX);
	return LH_OK;
}

static void
pop_name(Walk *walk, size_t mark)
{
	walk->path.len = mark;
}

/* The path as a string, until it changes. */
static LhStatus
path_string(LhCtx *ctx, Walk *walk, const char **path)
{
	LH_TRY(lh_buf_putc(ctx, &walk->path, '\0'));
	walk->path.len--;
	*path = (const char *) walk->path.data;
	return LH_OK;
}

/*
 * Collecting
 */

static LhStatus
add_file(LhCtx *ctx, Walk *walk, const char *path, int64_t size, int64_t mtime_ns)
{
	LhArena *old = lh_use(ctx, walk->arena);
	LhList *list = &walk->list;
	const char *copy;

	if (!lh_utf8_valid(path, strlen(path)))
	{
		lh_use(ctx, old);
		LH_FAIL(ctx, LH_BAD_TEXT, "the name of a file below \"%s\" is not valid UTF-8",
				walk->location);
	}
	if (list->n >= walk->max_files)
	{
		lh_use(ctx, old);
		LH_FAIL(ctx, LH_LIMIT, "location \"%s\" has more than %zu files", walk->location,
				walk->max_files);
	}
	if (list->n == walk->cap)
	{
		size_t cap = walk->cap ? 2 * walk->cap : FIRST_FILES;
		LhListEntry *entries = lh_alloc_array(ctx, cap, sizeof(*entries));

		if (entries == NULL)
		{
			lh_use(ctx, old);
			return ctx->error->code;
		}
		if (list->n > 0)
			memcpy(entries, list->entries, list->n * sizeof(*entries));
		list->entries = entries;
		walk->cap = cap;
	}
	copy = lh_strdup(ctx, path);
	lh_use(ctx, old);
	if (copy == NULL)
		return ctx->error->code;
	list->entries[list->n++] = (LhListEntry){copy, size, mtime_ns};
	return LH_OK;
}

static int
by_path(const void *a, const void *b)
{
	return strcmp(((const LhListEntry *) a)->path, ((const LhListEntry *) b)->path);
}

void
lh_list_sort(LhList *list)
{
	if (list->n > 1)
		qsort(list->entries, list->n, sizeof(*list->entries), by_path);
}

/*
 * Entries
 */

static int64_t
stat_mtime(const struct stat *st)
{
	return (int64_t) st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

/*
 * What the entry of an open directory is; path is its whole path.  *use is
 * false for what is neither a directory nor a regular file with content.
 */
static LhStatus
classify(LhCtx *ctx, Walk *walk, int dirfd, const struct dirent *de, const char *path, Entry *entry,
		 bool *use)
{
	struct stat st;
	LhStatus status;

	*use = false;
	if (de->d_type != DT_REG && de->d_type != DT_DIR && de->d_type != DT_LNK &&
		de->d_type != DT_UNKNOWN)
		return LH_OK;
	/* The entry itself cannot lead out of the directory; a link may. */
	if (fstatat(dirfd, de->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
	{
		if (errno == ENOENT)
			return LH_OK; /* removed since readdir */
		LH_FAIL(ctx, LH_IO, "could not stat \"%s\": %s", path, lh_errno_text(errno));
	}
	if (S_ISLNK(st.st_mode))
	{
		status = lh_local_stat(ctx, walk->store, path, &st);
		if (status == LH_NOT_FOUND)
		{
			lh_error_clear(ctx);
			return LH_OK;
		}
		LH_TRY(status);
	}
	entry->name = de->d_name;
	entry->is_dir = S_ISDIR(st.st_mode);
	entry->dev = st.st_dev;
	entry->ino = st.st_ino;
	entry->size = st.st_size;
	entry->mtime_ns = stat_mtime(&st);
	*use = entry->is_dir || (S_ISREG(st.st_mode) && st.st_size > 0);
	return LH_OK;
}

/* The next entry besides "." and ".."; NULL at the end. */
static LhStatus
next_entry(LhCtx *ctx, Walk *walk, DIR *dir, struct dirent **de)
{
	do
	{
		errno = 0;
		*de = readdir(dir);
		if (*de == NULL && errno != 0)
			LH_FAIL(ctx, LH_IO, "could not read a directory of \"%s\": %s", walk->location,
					lh_errno_text(errno));
	} while (*de != NULL && is_dots((*de)->d_name));
	if (++walk->entries > walk->max_entries)
		LH_FAIL(ctx, LH_LIMIT, "location \"%s\" has more than %llu directory entries",
				walk->location, (unsigned long long) walk->max_entries);
	return lh_poll(ctx);
}

/*
 * Walking
 */

static LhStatus walk_dir(LhCtx *ctx, Walk *walk, const uint64_t *set, const Ancestor *parent,
						 const Entry *self, int depth);

static bool
is_ancestor(const Ancestor *a, const Entry *entry)
{
	for (; a != NULL; a = a->parent)
		if (a->dev == entry->dev && a->ino == entry->ino)
			return true;
	return false;
}

/* Could the entry be wanted, by its name alone?  below: the pattern's states behind it. */
static bool
name_wanted(Walk *walk, const uint64_t *set, const char *name, uint64_t *below)
{
	if (walk->glob == NULL)
		return !is_hidden(name);
	lh_glob_feed(walk->glob, set, name, strlen(name), true, below);
	return lh_glob_alive(walk->glob, below);
}

/* The same for the name of a file. */
static bool
file_wanted(const Walk *walk, const uint64_t *below, const char *name)
{
	return walk->glob != NULL ? lh_glob_accepts(walk->glob, below)
							  : walk->suffix == NULL || has_suffix(name, walk->suffix);
}

/* An entry that exists and is wanted by name. */
static LhStatus
take_entry(LhCtx *ctx, Walk *walk, const uint64_t *below, const Ancestor *self, const Entry *entry,
		   const char *path, int depth)
{
	if (!entry->is_dir)
	{
		if (!file_wanted(walk, below, entry->name))
			return LH_OK;
		return add_file(ctx, walk, path, entry->size, entry->mtime_ns);
	}
	if (is_ancestor(self, entry))
		return LH_OK;
	if (walk->glob != NULL)
	{
		uint64_t *set;

		if (lh_glob_accepts(walk->glob, below))
			walk->directories++;
		LH_NEW_ARRAY(ctx, set, lh_glob_words(walk->glob));
		lh_glob_feed(walk->glob, below, "/", 1, false, set);
		if (!lh_glob_alive(walk->glob, set))
			return LH_OK;
		return walk_dir(ctx, walk, set, self, entry, depth + 1);
	}
	return walk_dir(ctx, walk, NULL, self, entry, depth + 1);
}

static LhStatus
walk_entries(LhCtx *ctx, Walk *walk, const uint64_t *set, const Ancestor *self, DIR *dir, int depth)
{
	uint64_t *below = NULL;
	struct dirent *de;

	if (walk->glob != NULL)
		LH_NEW_ARRAY(ctx, below, lh_glob_words(walk->glob));
	for (;;)
	{
		size_t mark;
		const char *path;
		Entry entry;
		bool use;

		LH_TRY(next_entry(ctx, walk, dir, &de));
		if (de == NULL)
			return LH_OK;
		if (!name_wanted(walk, set, de->d_name, below))
			continue;
		/* a directory of metadata has thousands of others: they are not even looked at */
		if (de->d_type == DT_REG && !file_wanted(walk, below, de->d_name))
			continue;
		LH_TRY(push_name(ctx, walk, de->d_name, &mark));
		LH_TRY(path_string(ctx, walk, &path));
		LH_TRY(classify(ctx, walk, dirfd(dir), de, path, &entry, &use));
		if (use)
			LH_TRY(take_entry(ctx, walk, below, self, &entry, path, depth));
		pop_name(walk, mark);
	}
}

/* The directory at walk->path.  Its memory and descriptor go when it is done. */
static LhStatus
walk_dir(LhCtx *ctx, Walk *walk, const uint64_t *set, const Ancestor *parent, const Entry *entry,
		 int depth)
{
	Ancestor self = {entry->dev, entry->ino, parent};
	LhArena *arena, *old;
	const char *path;
	DIR *dir;
	LhStatus status;

	if (depth > LH_LIST_MAX_DEPTH)
		LH_FAIL(ctx, LH_LIMIT, "location \"%s\" has directories more than %d deep", walk->location,
				LH_LIST_MAX_DEPTH);
	LH_TRY(path_string(ctx, walk, &path));
	arena = lh_arena_child(ctx->arena);
	if (arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	lh_arena_as_floor(arena); /* as the list is, in its caller's hands */
	old = lh_use(ctx, arena);
	status = lh_local_opendir(ctx, walk->store, path, &dir);
	if (status == LH_OK)
		status = walk_entries(ctx, walk, set, &self, dir, depth);
	lh_use(ctx, old);
	lh_arena_destroy(arena);
	return status;
}

/* Walk from a directory; it must exist. */
static LhStatus
walk_from(LhCtx *ctx, Walk *walk, const char *path, const uint64_t *set)
{
	struct stat st;
	Entry entry = {0};

	LH_TRY(lh_local_stat(ctx, walk->store, path, &st));
	if (!S_ISDIR(st.st_mode))
		LH_FAIL(ctx, LH_NOT_FOUND, "\"%s\" is not a directory", path);
	entry.dev = st.st_dev;
	entry.ino = st.st_ino;
	walk->path.len = 0;
	LH_TRY(lh_buf_append_str(ctx, &walk->path, path));
	return walk_dir(ctx, walk, set, NULL, &entry, 0);
}

static LhStatus
list_glob(LhCtx *ctx, Walk *walk, const char *pattern)
{
	size_t prefix = lh_glob_static_prefix(pattern);
	const char *start;
	uint64_t *set;

	LH_TRY(lh_glob_compile(ctx, pattern, true, &walk->glob));
	LH_NEW_ARRAY(ctx, set, lh_glob_words(walk->glob));
	LH_TRY(lh_glob_unescape(ctx, pattern, prefix, &start));
	lh_glob_start(walk->glob, set);
	lh_glob_feed(walk->glob, set, start, strlen(start), true, set);
	LH_TRY(lh_path_normalise(ctx, start, strlen(start), &start));
	LH_TRY(walk_from(ctx, walk, start, set));
	if (walk->list.n > 0)
		return LH_OK;
	lh_fail(ctx, LH_NOT_FOUND, "no file matches \"%s\"", pattern);
	if (walk->directories > 0)
		lh_hint(ctx,
				"The pattern matches directories; \"/**\" at its end means the files below them.");
	return LH_NOT_FOUND;
}

static LhStatus
list_path(LhCtx *ctx, Walk *walk, const char *path)
{
	struct stat st;

	LH_TRY(lh_local_stat(ctx, walk->store, path, &st));
	if (S_ISREG(st.st_mode))
		return add_file(ctx, walk, path, st.st_size, stat_mtime(&st));
	if (!S_ISDIR(st.st_mode))
		LH_FAIL(ctx, LH_INVALID, "\"%s\" is neither a file nor a directory", path);
	LH_TRY(walk_from(ctx, walk, path, NULL));
	if (walk->list.n > 0)
		return LH_OK;
	lh_fail(ctx, LH_NOT_FOUND, "directory \"%s\" holds no data files", path);
	lh_detail(ctx, "Names that begin with \"_\" or \".\" and empty files do not count.");
	return LH_NOT_FOUND;
}

static LhStatus
walk_init(LhCtx *ctx, Walk *walk, LhStore *store, const char *location, size_t max_files)
{
	*walk = (Walk){.store = store, .location = location, .arena = ctx->arena};
	walk->max_files = max_files ? max_files : LH_LIST_MAX_FILES;
	walk->max_entries =
		(uint64_t) walk->max_files * LH_LIST_ENTRIES_PER_FILE + LH_LIST_ENTRIES_SLACK;
	return lh_buf_init(ctx, &walk->path, false);
}

LhStatus
lh_local_list(LhCtx *ctx, LhStore *store, const char *location, const char *path,
			  const char *suffix, size_t max_files, LhList *out)
{
	Walk walk;

	LH_TRY(walk_init(ctx, &walk, store, location, max_files));
	walk.suffix = suffix;
	if (lh_is_glob(path))
		LH_TRY(list_glob(ctx, &walk, path));
	else
	{
		LH_TRY(lh_glob_unescape(ctx, path, strlen(path), &path));
		LH_TRY(list_path(ctx, &walk, path));
	}
	lh_buf_free(&walk.path);
	lh_list_sort(&walk.list);
	*out = walk.list;
	return LH_OK;
}

LhStatus
lh_local_children(LhCtx *ctx, LhStore *store, const char *location, const char *path, LhList *out)
{
	struct dirent *de;
	DIR *dir;
	Walk walk;

	LH_TRY(lh_glob_unescape(ctx, path, strlen(path), &path));
	LH_TRY(walk_init(ctx, &walk, store, location, 0));
	LH_TRY(lh_buf_append_str(ctx, &walk.path, path));
	LH_TRY(lh_local_opendir(ctx, store, path, &dir));
	for (;;)
	{
		size_t mark;
		const char *child;
		Entry entry;
		bool use;

		LH_TRY(next_entry(ctx, &walk, dir, &de));
		if (de == NULL)
			break;
		if (is_hidden(de->d_name))
			continue;
		LH_TRY(push_name(ctx, &walk, de->d_name, &mark));
		LH_TRY(path_string(ctx, &walk, &child));
		LH_TRY(classify(ctx, &walk, dirfd(dir), de, child, &entry, &use));
		pop_name(&walk, mark);
		if (!use)
			continue;
		child = lh_sprintf(ctx, "%s%s", entry.name, entry.is_dir ? "/" : "");
		if (child == NULL)
			return ctx->error->code;
		LH_TRY(add_file(ctx, &walk, child, entry.size, entry.mtime_ns));
	}
	lh_local_closedir(ctx, dir);
	lh_buf_free(&walk.path);
	lh_list_sort(&walk.list);
	*out = walk.list;
	return LH_OK;
}
