/*
 * location.c
 *		From a table's location to the metadata file that is its state.
 *
 * A location is a metadata file itself, or the directory of a table whose
 * metadata files lie below "metadata/":
 *
 *	1. version-hint.text, where Hadoop catalogs write it, names a version.  It is
 *	   only a hint: it may be written late or not at all, so newer versions are
 *	   looked for one by one, as those catalogs do.
 *	2. Without a hint the highest vN.metadata.json counts.
 *	3. Files called NNNNN-uuid.metadata.json belong to a catalog, which alone knows
 *	   the current one: the highest may be of a commit that failed.  It is taken
 *	   only if the user says so.
 *
 * Packed files are called vN.gz.metadata.json or vN.metadata.json.gz.  Two files
 * of the same version are an error, because nothing tells which is meant.
 */
#include "iceberg/located.h"
#include "iceberg/meta.h"

#include "store/store.h"

/* A hint is one number or name. */
#define MAX_HINT 300

/* As many files as a listing gives. */
#define MAX_FILES 1000000

#define PLAIN_END  ".metadata.json"
#define PACKED_END ".gz.metadata.json"
#define OTHER_END  ".metadata.json.gz"

/* Longer ends first: PLAIN_END is the end of PACKED_END. */
static const char *const ends[] = {PACKED_END, OTHER_END, PLAIN_END};

typedef struct Place
{
	LhStore *store;
	LhScheme scheme;
	const char *dir;     /* of the table, raw */
	const char *pattern; /* the same for listings */
} Place;

/* Bytes of a file's name before its end; 0: it is no metadata file's. */
static size_t
base_length(const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
	{
		size_t k = strlen(ends[i]);

		if (n > k && strcmp(name + n - k, ends[i]) == 0)
			return n - k;
	}
	return 0;
}

bool
lh_ice_is_metadata_file(const char *path)
{
	const char *slash = strrchr(path, '/');

	return base_length(slash != NULL ? slash + 1 : path) > 0;
}

/* A number of digits at p; false: there are none, or too many. */
static bool
digits(const char *p, size_t n, int64_t *out)
{
	int64_t v = 0;

	if (n == 0 || n > 18)
		return false;
	for (size_t i = 0; i < n; i++)
	{
		if (p[i] < '0' || p[i] > '9')
			return false;
		v = v * 10 + (p[i] - '0');
	}
	*out = v;
	return true;
}

/*
 * Files by name
 */

/* Those of the three spellings of a base that exist. */
typedef struct Found
{
	int n;
	const char *paths[3];
} Found;

static LhStatus
find_each(LhCtx *ctx, const Place *place, const char *base, Found *out)
{
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
	{
		const char *path = lh_sprintf(ctx, "%s/metadata/%s%s", place->dir, base, ends[i]);
		bool yes;

		if (path == NULL)
			return ctx->error->code;
		LH_TRY(lh_object_exists(ctx, place->store, path, &yes));
		if (yes)
			out->paths[out->n++] = path;
	}
	return LH_OK;
}

/* One request instead of three. */
static LhStatus
list_each(LhCtx *ctx, const Place *place, const char *base, Found *out)
{
	const char *pattern = lh_sprintf(ctx, "%s/metadata/%s.*", place->pattern, base);
	LhStatus status;
	LhList list;

	if (pattern == NULL)
		return ctx->error->code;
	status = lh_store_list(ctx, place->store, pattern, NULL, MAX_FILES, &list);
	if (status == LH_NOT_FOUND)
	{
		lh_error_clear(ctx);
		return LH_OK;
	}
	LH_TRY(status);
	for (size_t i = 0; i < list.n; i++)
	{
		const char *name = strrchr(list.entries[i].path, '/') + 1;

		if (base_length(name) == strlen(base) && out->n < 3)
			out->paths[out->n++] = list.entries[i].path;
	}
	return LH_OK;
}

static LhStatus
find_base(LhCtx *ctx, const Place *place, const char *base, Found *out)
{
	*out = (Found){0};
	if (place->scheme == LH_SCHEME_LOCAL)
		return find_each(ctx, place, base, out);
	return list_each(ctx, place, base, out);
}

static LhStatus
two_of_one(LhCtx *ctx, const char *a, const char *b)
{
	lh_fail(ctx, LH_INVALID, "two metadata files are of the same version: \"%s\" and \"%s\"", a, b);
	lh_hint(ctx, "Give the one that is meant as the location of the table.");
	return LH_INVALID;
}

static LhStatus
only_one(LhCtx *ctx, const Found *found, const char **out)
{
	if (found->n > 1)
		return two_of_one(ctx, found->paths[0], found->paths[1]);
	*out = found->n == 1 ? found->paths[0] : NULL;
	return LH_OK;
}

static LhStatus
find_version(LhCtx *ctx, const Place *place, int64_t version, const char **out)
{
	const char *base = lh_sprintf(ctx, "v%lld", (long long) version);
	Found found;

	if (base == NULL)
		return ctx->error->code;
	LH_TRY(find_base(ctx, place, base, &found));
	return only_one(ctx, &found, out);
}

/*
 * Listing
 */

typedef struct Choice
{
	size_t nnumbered, nnamed, nothers;
	int64_t numbered, named; /* highest */
	const char *numbered_path, *named_path, *other_path;
	const char *numbered_twin, *named_twin; /* of the same version; NULL */
} Choice;

/* Keep the highest version of a kind. */
static void
note(const char *path, int64_t version, size_t *n, int64_t *highest, const char **best,
	 const char **twin)
{
	if (++*n == 1 || version > *highest)
	{
		*highest = version;
		*best = path;
		*twin = NULL;
	}
	else if (version == *highest)
		*twin = path;
}

static void
judge(const char *path, Choice *c)
{
	const char *name = strrchr(path, '/') + 1;
	size_t n = base_length(name), k = strcspn(name, "-");
	int64_t version;

	if (n == 0)
		return;
	if (name[0] == 'v' && digits(name + 1, n - 1, &version))
		note(path, version, &c->nnumbered, &c->numbered, &c->numbered_path, &c->numbered_twin);
	else if (k + 1 < n && digits(name, k, &version))
		note(path, version, &c->nnamed, &c->named, &c->named_path, &c->named_twin);
	else
	{
		c->nothers++;
		c->other_path = path;
	}
}

static LhStatus
list_metadata(LhCtx *ctx, const Place *place, Choice *out)
{
	const char *pattern = lh_sprintf(ctx, "%s/metadata/*.metadata.json*", place->pattern);
	LhStatus status;
	LhList list;

	*out = (Choice){0};
	if (pattern == NULL)
		return ctx->error->code;
	status = lh_store_list(ctx, place->store, pattern, NULL, MAX_FILES, &list);
	if (status == LH_NOT_FOUND)
	{
		lh_error_clear(ctx);
		return LH_OK;
	}
	LH_TRY(status);
	for (size_t i = 0; i < list.n; i++)
		judge(list.entries[i].path, out);
	return LH_OK;
}

static LhStatus
no_guess(LhCtx *ctx, const Place *place, const Choice *c)
{
	const char *name = strrchr(c->named_path, '/') + 1;

	if (c->nnumbered > 0)
		lh_fail(ctx, LH_INVALID,
				"\"%s\" has metadata files of a directory (\"%s\") and of a catalog (\"%s\")",
				place->dir, strrchr(c->numbered_path, '/') + 1, name);
	else
		lh_fail(
			ctx, LH_INVALID,
			"\"%s\" has no version-hint.text, and its metadata files are named by a catalog, which alone knows the current one",
			place->dir);
	lh_detail(ctx, "The newest of its %zu files is \"%s\", which may be of a commit that failed.",
			  c->nnamed, name);
	lh_hint(
		ctx,
		"Give a metadata file as the location, such as \"%s\", or set the option allow_version_guess.",
		c->named_path);
	return LH_INVALID;
}

static LhStatus
no_table(LhCtx *ctx, const Place *place, const Choice *c)
{
	lh_fail(
		ctx, LH_NOT_FOUND,
		"\"%s\" is no Iceberg table: it has no version-hint.text and no vN.metadata.json below \"metadata\"",
		place->dir);
	if (c->nothers > 0)
		lh_hint(ctx, "Give a metadata file as the location, such as \"%s\".", c->other_path);
	return LH_NOT_FOUND;
}

/* The highest version, where nothing says which. */
static LhStatus
choose_listed(LhCtx *ctx, const Place *place, const Choice *c, bool guess, const char **out)
{
	bool named = c->nnamed > 0 && (c->nnumbered == 0 || c->named > c->numbered);

	if (c->nnumbered + c->nnamed == 0)
		return no_table(ctx, place, c);
	if (c->nnamed > 0 && !guess)
		return no_guess(ctx, place, c);
	if (c->nnamed > 0 && c->nnumbered > 0 && c->named == c->numbered)
		return two_of_one(ctx, c->named_path, c->numbered_path);
	*out = named ? c->named_path : c->numbered_path;
	if ((named ? c->named_twin : c->numbered_twin) != NULL)
		return two_of_one(ctx, *out, named ? c->named_twin : c->numbered_twin);
	return LH_OK;
}

/*
 * The hint
 */

/* Its text without spaces around; *out NULL: there is none, or it is empty (being written). */
static LhStatus
read_hint(LhCtx *ctx, const Place *place, const char **out)
{
	const char *path = lh_sprintf(ctx, "%s/metadata/version-hint.text", place->dir);
	char text[MAX_HINT + 1];
	LhObject *object;
	LhStatus status;
	size_t n, from = 0;

	*out = NULL;
	if (path == NULL)
		return ctx->error->code;
	status = lh_object_open(ctx, place->store, path, &object);
	if (status == LH_OK)
	{
		n = (size_t) lh_object_id(object)->size;
		if (n > MAX_HINT)
			LH_FAIL(ctx, LH_CORRUPT, "\"%s\" has %zu bytes, and is no hint of a version", path, n);
		status = lh_object_read(ctx, object, 0, n, (uint8_t *) text);
		lh_object_close(object);
	}
	/* a writer may be replacing it */
	if (status == LH_NOT_FOUND || status == LH_CHANGED)
	{
		lh_error_clear(ctx);
		return LH_OK;
	}
	LH_TRY(status);
	while (n > 0 && strchr(" \t\r\n", text[n - 1]) != NULL && text[n - 1] != '\0')
		n--;
	while (from < n &&
		   (text[from] == ' ' || text[from] == '\t' || text[from] == '\r' || text[from] == '\n'))
		from++;
	if (n == from)
		return LH_OK;
	if (!lh_utf8_valid(text + from, n - from) || memchr(text + from, '/', n - from) != NULL ||
		memchr(text + from, '\\', n - from) != NULL ||
		memchr(text + from, '\n', n - from) != NULL || strcspn(text + from, "*?[{") < n - from)
		LH_FAIL(ctx, LH_CORRUPT, "\"%s\" holds neither a version nor the name of a metadata file",
				path);
	*out = lh_strndup(ctx, text + from, n - from);
	return *out == NULL ? ctx->error->code : LH_OK;
}

/* As a catalog would name it: "3-uuid", "v3", or the whole name. */
static LhStatus
hinted_name(LhCtx *ctx, const Place *place, const char *hint, const char **out)
{
	size_t n = base_length(hint);
	Found found;

	if (n > 0)
	{
		*out = lh_sprintf(ctx, "%s/metadata/%s", place->dir, hint);
		return *out == NULL ? ctx->error->code : LH_OK;
	}
	LH_TRY(find_base(ctx, place, hint, &found));
	if (found.n == 0)
	{
		const char *base = lh_sprintf(ctx, "v%s", hint);

		if (base == NULL)
			return ctx->error->code;
		LH_TRY(find_base(ctx, place, base, &found));
	}
	LH_TRY(only_one(ctx, &found, out));
	if (*out == NULL)
		LH_FAIL(ctx, LH_NOT_FOUND,
				"version-hint.text of \"%s\" says \"%s\", but there is no such metadata file",
				place->dir, hint);
	return LH_OK;
}

/* From the version that the hint says onwards. */
static LhStatus
hinted_version(LhCtx *ctx, const Place *place, int64_t version, const char **out)
{
	const char *next = NULL;
	Choice c;

	LH_TRY(find_version(ctx, place, version, out));
	while (*out != NULL)
	{
		LH_TRY(lh_poll(ctx));
		LH_TRY(find_version(ctx, place, ++version, &next));
		if (next == NULL)
			return LH_OK;
		*out = next;
	}
	/* its file is gone: the hint is old, or from the future */
	LH_TRY(list_metadata(ctx, place, &c));
	if (c.nnumbered > 0 && c.numbered > version)
	{
		c.nnamed = 0;
		return choose_listed(ctx, place, &c, false, out);
	}
	LH_FAIL(ctx, LH_NOT_FOUND,
			"version-hint.text of \"%s\" says %lld, but there is no metadata file of this version",
			place->dir, (long long) version);
}

LhStatus
lh_ice_locate(LhCtx *ctx, LhStore *store, const LhTableOptions *options, const char **metadata_path)
{
	Place place = {.store = store};
	const char *raw, *hint;
	LhIceLook look = {0};
	int64_t version;
	size_t n;
	Choice c;

	if (options->pin != NULL)
		return lh_ice_copy(ctx, options->pin, metadata_path);
	if (options->location == NULL)
		LH_FAIL(ctx, LH_INVALID, "location is missing");
	LH_TRY(lh_location_plain(ctx, options->location, &place.scheme, &place.pattern, &raw));
	*metadata_path = raw;
	if (lh_ice_is_metadata_file(raw))
		return LH_OK;
	if (place.scheme == LH_SCHEME_HTTP || place.scheme == LH_SCHEME_HTTPS)
	{
		lh_fail(ctx, LH_INVALID, "an Iceberg table on the web cannot be found by its directory");
		lh_hint(ctx, "Give its metadata file as the location.");
		return LH_INVALID;
	}
	for (n = strlen(raw); n > 0 && raw[n - 1] == '/'; n--)
		;
	place.dir = lh_strndup(ctx, raw, n);
	for (n = strlen(place.pattern); n > 0 && place.pattern[n - 1] == '/'; n--)
		;
	place.pattern = lh_strndup(ctx, place.pattern, n);
	if (place.dir == NULL || place.pattern == NULL)
		return ctx->error->code;
	if (place.scheme == LH_SCHEME_LOCAL && lh_ice_cache_on())
	{
		LH_TRY(lh_ice_look(ctx, store, place.dir, &look));
		LH_TRY(lh_ice_located(ctx, place.dir, &look, metadata_path));
		if (*metadata_path != NULL)
			return LH_OK;
	}
	LH_TRY(read_hint(ctx, &place, &hint));
	if (hint != NULL && digits(hint, strlen(hint), &version))
	{
		LH_TRY(hinted_version(ctx, &place, version, metadata_path));
		lh_ice_remember_located(place.dir, &look, *metadata_path);
		return LH_OK;
	}
	if (hint != NULL)
		return hinted_name(ctx, &place, hint, metadata_path);
	LH_TRY(list_metadata(ctx, &place, &c));
	return choose_listed(ctx, &place, &c, options->allow_version_guess, metadata_path);
}
