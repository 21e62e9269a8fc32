/*
 * s3_list.c
 *		Listings of S3: objects below a prefix, directories, globs.
 *
 *	1. A glob lists what begins with its text before the first wildcard, and is
 *	   matched here (glob.c); so it costs what that prefix holds.
 *	2. A location without wildcards is an object when its last name has a dot and
 *	   there is such an object; else the directory of this name; else an object.
 *	3. What local listings leave out is left out here: names that begin with '_' or
 *	   '.', empty objects, and keys that end in a slash.
 *	4. Pages are asked for until the server says that there are no more; a server
 *	   that repeats itself, or lists what was not asked for, is an error.
 *
 * Sizes and ETags are remembered, so that opening an object needs no request.
 *
 * Protocol: "ListObjectsV2" of the S3 API reference
 */
#include "store/remote.h"
#include "store/xml.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/datetime.h"
#include "core/text.h"

/* A page has at most 1,000 keys of 1,024 bytes, each byte perhaps as %XX. */
#define MAX_PAGE ((int64_t) 16 << 20)

typedef struct Listing
{
	LhRemote *remote;
	LhRemotePath bucket; /* key "" */
	const char *prefix;  /* raw; what is asked for */
	bool by_level;       /* with delimiter */
	size_t max_files;
	uint64_t entries, max_entries;

	/* what is taken */
	LhGlob *glob; /* on the key; NULL: a directory */
	uint64_t *start, *state;
	const char *suffix;
	LhArena *arena; /* of the list */
	LhList list;
	size_t cap;

	/* the page */
	bool encoded, truncated;
	const char *token;
	char *key;
	int64_t size;
	int64_t mtime_ns;
	char *etag;
} Listing;

static LhStatus
bucket_of(LhCtx *ctx, LhStore *store, const char *path, LhRemote **remote, LhRemotePath *out,
		  const char **key)
{
	LH_TRY(lh_store_remote(ctx, store, remote));
	LH_TRY(lh_remote_split(ctx, LH_SCHEME_S3, path, out));
	*key = out->key;
	return LH_OK;
}

/*
 * Taking keys
 */

static bool
is_hidden(const char *name)
{
	return name[0] == '.' || name[0] == '_';
}

/* Is any name behind the prefix hidden? */
static bool
has_hidden(const char *key)
{
	for (;;)
	{
		if (is_hidden(key))
			return true;
		key += strcspn(key, "/");
		if (*key++ == '\0')
			return false;
	}
}

static bool
ends_with(const char *text, const char *suffix)
{
	size_t n = strlen(text), k = strlen(suffix);

	return n >= k && strcmp(text + n - k, suffix) == 0;
}

static bool
is_wanted(const Listing *l, const char *key)
{
	if (l->size == 0 || ends_with(key, "/"))
		return false;
	if (l->glob == NULL)
		return !has_hidden(key + strlen(l->prefix)) &&
			   (l->suffix == NULL || ends_with(key, l->suffix));
	lh_glob_feed(l->glob, l->start, key, strlen(key), true, l->state);
	return lh_glob_accepts(l->glob, l->state);
}

static LhStatus
append(LhCtx *ctx, Listing *l, const char *path, int64_t size, int64_t mtime_ns)
{
	LhArena *old = lh_use(ctx, l->arena);
	LhStatus status = LH_OK;

	if (l->list.n == l->cap)
	{
		size_t cap = l->cap ? 2 * l->cap : 16;
		LhListEntry *entries = lh_alloc_array(ctx, cap, sizeof(*entries));

		if (entries != NULL && l->list.n > 0)
			memcpy(entries, l->list.entries, l->list.n * sizeof(*entries));
		if (entries == NULL)
			status = ctx->error->code;
		else
		{
			l->list.entries = entries;
			l->cap = cap;
		}
	}
	if (status == LH_OK)
	{
		path = lh_strdup(ctx, path);
		if (path == NULL)
			status = ctx->error->code;
		else
			l->list.entries[l->list.n++] = (LhListEntry){path, size, mtime_ns};
	}
	lh_use(ctx, old);
	return status;
}

static LhStatus
check_key(LhCtx *ctx, Listing *l, const char *key)
{
	if (strncmp(key, l->prefix, strlen(l->prefix)) != 0)
		LH_FAIL(ctx, LH_CORRUPT, "the server lists a key that was not asked for in \"%s\"",
				l->bucket.path);
	if (!lh_utf8_valid(key, strlen(key)))
		LH_FAIL(ctx, LH_BAD_TEXT, "a key in \"%s\" is not valid UTF-8", l->bucket.path);
	if (++l->entries > l->max_entries)
		LH_FAIL(ctx, LH_LIMIT, "the listing of \"%s\" has more than %llu entries", l->bucket.path,
				(unsigned long long) l->max_entries);
	return LH_OK;
}

/* An object of the page. */
static LhStatus
take_object(LhCtx *ctx, Listing *l)
{
	LhRemoteInfo info = {.size = l->size, .etag = l->etag != NULL ? l->etag : "", .modified = "",
						 .mtime_ns = l->mtime_ns};
	char *path;

	if (l->key == NULL || l->size < 0)
		LH_FAIL(ctx, LH_CORRUPT, "the server lists an object without key or size in \"%s\"",
				l->bucket.path);
	LH_TRY(check_key(ctx, l, l->key));
	if (l->by_level)
		return ends_with(l->key, "/") ? LH_OK
									  : append(ctx, l, l->key + strlen(l->prefix), l->size, l->mtime_ns);
	if (!is_wanted(l, l->key))
		return LH_OK;
	if (l->list.n >= l->max_files)
		LH_FAIL(ctx, LH_LIMIT, "location has more than %zu files in \"%s\"", l->max_files,
				l->bucket.path);
	path = lh_sprintf(ctx, "s3://%s/%s", l->bucket.bucket, l->key);
	if (path == NULL)
		return ctx->error->code;
	LH_TRY(append(ctx, l, path, l->size, l->mtime_ns));
	/* without an ETag a HEAD has to tell the version */
	return info.etag[0] != '\0' ? lh_remote_know(ctx, l->remote, path, &info) : LH_OK;
}

/* A directory of the page, its name with a slash at its end. */
static LhStatus
take_directory(LhCtx *ctx, Listing *l, const char *prefix)
{
	LH_TRY(check_key(ctx, l, prefix));
	return append(ctx, l, prefix + strlen(l->prefix), 0, 0);
}

/*
 * A page
 */

/* Key or prefix: with EncodingType url a '+' is a space. */
static LhStatus
key_text(LhCtx *ctx, const Listing *l, const LhXml *xml, char **out)
{
	const char *text = (const char *) xml->text.data;
	size_t n = xml->text.len, got = n;

	LH_ALLOC(ctx, *out, n + 1);
	memcpy(*out, text, n);
	if (l->encoded)
	{
		for (size_t i = 0; i < n; i++)
			if ((*out)[i] == '+')
				(*out)[i] = ' ';
		if (!lh_url_decode(*out, n, *out, &got))
			LH_FAIL(ctx, LH_CORRUPT, "the server lists a malformed key in \"%s\"", l->bucket.path);
	}
	(*out)[got] = '\0';
	if (strlen(*out) != got)
		LH_FAIL(ctx, LH_BAD_TEXT, "a key in \"%s\" holds a zero byte", l->bucket.path);
	return LH_OK;
}

static int64_t
number_of(const LhXml *xml)
{
	const char *text = (const char *) xml->text.data;
	char *end;
	long long v;

	if (xml->text.len == 0 || xml->text.len > 18 || text[0] < '0' || text[0] > '9')
		return -1;
	v = strtoll(text, &end, 10);
	return *end == '\0' ? v : -1;
}

/* "2024-01-02T03:04:05.678Z"; 0 when it is none. */
static int64_t
time_of(const LhXml *xml)
{
	int y, mon, d, h, min, s, ms = 0;
	int64_t days;

	if (sscanf((const char *) xml->text.data, "%4d-%2d-%2dT%2d:%2d:%2d.%3d", &y, &mon, &d, &h, &min, &s,
			   &ms) < 6 ||
		y < 1970 || y > 2261 || mon < 1 || mon > 12)
		return 0;
	days = lh_days_from_civil(y, mon, d);
	return (((days * 24 + h) * 60 + min) * 60 + s) * 1000000000 + (int64_t) ms * 1000000;
}

static LhStatus
copy_text(LhCtx *ctx, const LhXml *xml, char **out)
{
	*out = lh_strdup(ctx, (const char *) xml->text.data);
	return *out == NULL ? ctx->error->code : LH_OK;
}

/* An element below ListBucketResult that ended; depth says where. */
static LhStatus
take_element(LhCtx *ctx, Listing *l, const LhXml *xml, bool in_contents)
{
	char *text;

	if (xml->depth == 2 && in_contents)
	{
		if (lh_xml_is(xml, "Key"))
			return key_text(ctx, l, xml, &l->key);
		if (lh_xml_is(xml, "Size"))
			l->size = number_of(xml);
		else if (lh_xml_is(xml, "LastModified"))
			l->mtime_ns = time_of(xml);
		else if (lh_xml_is(xml, "ETag"))
			return copy_text(ctx, xml, &l->etag);
		return LH_OK;
	}
	if (xml->depth == 2 && lh_xml_is(xml, "Prefix"))
	{
		LH_TRY(key_text(ctx, l, xml, &text));
		return l->by_level ? take_directory(ctx, l, text) : LH_OK;
	}
	if (xml->depth != 1)
		return LH_OK;
	if (lh_xml_is(xml, "Contents"))
		return take_object(ctx, l);
	if (lh_xml_is(xml, "EncodingType"))
		l->encoded = strcmp((const char *) xml->text.data, "url") == 0;
	else if (lh_xml_is(xml, "IsTruncated"))
		l->truncated = strcmp((const char *) xml->text.data, "true") == 0;
	else if (lh_xml_is(xml, "NextContinuationToken"))
	{
		LH_TRY(copy_text(ctx, xml, &text));
		l->token = text;
	}
	return LH_OK;
}

/*
 * How keys are written is said somewhere, perhaps behind them: EncodingType is
 * looked for first.
 */
static LhStatus
parse_page(LhCtx *ctx, Listing *l, const LhHttp *http)
{
	bool in_contents = false;
	LhXmlKind kind;
	LhXml xml;

	l->truncated = false;
	l->encoded = memmem(http->text.data, http->text.len, "<EncodingType>url<", 18) != NULL;
	LH_TRY(lh_xml_init(ctx, &xml, http->text.data, http->text.len));
	LH_TRY(lh_xml_next(ctx, &xml, &kind));
	if (kind != LH_XML_OPEN || !lh_xml_is(&xml, "ListBucketResult"))
		LH_FAIL(ctx, LH_CORRUPT, "the server's answer is no listing of a bucket");
	while (kind != LH_XML_END)
	{
		LH_TRY(lh_xml_next(ctx, &xml, &kind));
		if (kind == LH_XML_OPEN && xml.depth == 2)
		{
			in_contents = lh_xml_is(&xml, "Contents");
			l->key = l->etag = NULL;
			l->size = -1;
			l->mtime_ns = 0;
		}
		else if (kind == LH_XML_CLOSE)
			LH_TRY(take_element(ctx, l, &xml, in_contents));
	}
	return LH_OK;
}

static LhStatus
add_parameter(LhCtx *ctx, LhBuf *query, const char *name, const char *value)
{
	LH_TRY(lh_buf_printf(ctx, query, "%s%s=", query->len > 0 ? "&" : "", name));
	return lh_url_encode(ctx, query, value, strlen(value), false);
}

static LhStatus
page_query(LhCtx *ctx, const Listing *l, const char **out)
{
	LhBuf query;

	LH_TRY(lh_buf_init(ctx, &query, true));
	if (l->token != NULL)
		LH_TRY(add_parameter(ctx, &query, "continuation-token", l->token));
	if (l->by_level)
		LH_TRY(add_parameter(ctx, &query, "delimiter", "/"));
	LH_TRY(add_parameter(ctx, &query, "encoding-type", "url"));
	LH_TRY(add_parameter(ctx, &query, "list-type", "2"));
	/* who wants to know whether there is anything does not want a thousand; but where the
	 * first few keys are not of the pattern, it may be the last that is */
	if (l->max_files < 500 && l->token == NULL)
		LH_TRY(lh_buf_printf(ctx, &query, "&max-keys=%zu", l->max_files + 2));
	LH_TRY(add_parameter(ctx, &query, "prefix", l->prefix));
	LH_TRY(lh_buf_putc(ctx, &query, '\0'));
	*out = (const char *) query.data;
	return LH_OK;
}

static LhStatus
list_page(LhCtx *ctx, Listing *l)
{
	const char *query;
	LhHttp http;
	LhStatus status;

	LH_TRY(page_query(ctx, l, &query));
	LH_TRY(lh_remote_request(ctx, l->remote, &l->bucket, query, LH_HTTP_GET, &http));
	http.max_body = MAX_PAGE;
	LH_TRY(lh_http_run(ctx, l->remote->net, &http));
	if (http.reply.status == 200)
		status = parse_page(ctx, l, &http);
	else
		status = lh_remote_fail(ctx, &l->bucket, &http, "list");
	if (status == LH_CORRUPT)
		lh_error_prefix(ctx, "could not list \"%s\"", l->bucket.path);
	lh_http_cancel(&http);
	return status;
}

/* All pages; memory of each is given back. */
static LhStatus
list_pages(LhCtx *ctx, Listing *l)
{
	LhArena *scratch = lh_arena_child(ctx->arena), *tokens = lh_arena_child(ctx->arena), *old;
	LhStatus status = LH_OK;
	char *token = NULL;

	if (scratch == NULL || tokens == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	lh_arena_as_floor(scratch);
	old = ctx->arena;
	do
	{
		l->token = token;
		lh_use(ctx, scratch);
		status = list_page(ctx, l);
		if (status == LH_OK && l->truncated &&
			(l->token == token || l->token == NULL ||
			 (token != NULL && strcmp(token, l->token) == 0)))
			status = lh_fail(ctx, LH_CORRUPT,
							 "could not list \"%s\": the server does not say where it goes on",
							 l->bucket.path);
		if (status == LH_OK && l->truncated)
		{
			lh_use(ctx, tokens);
			token = lh_strdup(ctx, l->token);
			status = token == NULL ? ctx->error->code : LH_OK;
		}
		lh_use(ctx, old);
		lh_arena_reset(scratch);
	} while (status == LH_OK && l->truncated);
	lh_arena_destroy(scratch);
	lh_arena_destroy(tokens);
	return status;
}

/*
 * Locations
 */

static Listing
new_listing(LhCtx *ctx, LhRemote *remote, const LhRemotePath *path, const char *prefix,
			size_t max_files)
{
	Listing l = {.remote = remote, .bucket = *path, .prefix = prefix, .max_files = max_files,
				 .arena = ctx->arena};

	l.max_entries = (uint64_t) max_files * LH_LIST_ENTRIES_PER_FILE + LH_LIST_ENTRIES_SLACK;
	return l;
}

/* The request is for the bucket, but its right is that of the prefix. */
static LhStatus
check_prefix(LhCtx *ctx, Listing *l)
{
	const char *slash = strrchr(l->prefix, '/');
	char *path = lh_sprintf(ctx, "s3://%s/%.*s", l->bucket.bucket,
							slash != NULL ? (int) (slash - l->prefix) + 1 : 0, l->prefix);

	if (path == NULL)
		return ctx->error->code;
	LH_TRY(lh_remote_covers(ctx, l->remote->access, path));
	l->bucket.key = "";
	return LH_OK;
}

static LhStatus
list_glob(LhCtx *ctx, Listing *l, const char *pattern)
{
	size_t literal = 0;
	const char *prefix;

	while (pattern[literal] != '\0' && strchr("*?[{", pattern[literal]) == NULL)
		literal += pattern[literal] == '\\' && pattern[literal + 1] != '\0' ? 2 : 1;
	LH_TRY(lh_glob_unescape(ctx, pattern, literal, &prefix));
	l->prefix = prefix;
	LH_TRY(check_prefix(ctx, l));
	LH_TRY(lh_glob_compile(ctx, pattern, true, &l->glob));
	LH_NEW_ARRAY(ctx, l->start, lh_glob_words(l->glob));
	LH_NEW_ARRAY(ctx, l->state, lh_glob_words(l->glob));
	lh_glob_start(l->glob, l->start);
	LH_TRY(list_pages(ctx, l));
	if (l->list.n == 0)
		LH_FAIL(ctx, LH_NOT_FOUND, "no file matches \"s3://%s/%s\"", l->bucket.bucket, pattern);
	return LH_OK;
}

/* The object itself; *found is false without one. */
static LhStatus
list_object(LhCtx *ctx, Listing *l, const LhRemotePath *path, bool *found)
{
	LhRemoteInfo info;
	LhStatus status = lh_remote_head(ctx, l->remote, path, &info);

	*found = status == LH_OK;
	if (status == LH_NOT_FOUND)
	{
		lh_error_clear(ctx);
		return LH_OK;
	}
	LH_TRY(status);
	LH_TRY(append(ctx, l, path->path, info.size, info.mtime_ns));
	return lh_remote_know(ctx, l->remote, path->path, &info);
}

/* Everything below the key as a directory; the key may be empty. */
static LhStatus
list_directory(LhCtx *ctx, Listing *l, const char *key)
{
	size_t n = strlen(key);
	char *prefix = lh_sprintf(ctx, "%s%s", key, n > 0 && key[n - 1] != '/' ? "/" : "");

	if (prefix == NULL)
		return ctx->error->code;
	l->prefix = prefix;
	LH_TRY(check_prefix(ctx, l));
	return list_pages(ctx, l);
}

static LhStatus
list_plain(LhCtx *ctx, Listing *l, const LhRemotePath *path)
{
	const char *slash = strrchr(path->key, '/'), *name = slash != NULL ? slash + 1 : path->key;
	bool object_first = strchr(name, '.') != NULL, found = false;

	if (object_first)
		LH_TRY(list_object(ctx, l, path, &found));
	if (found)
		return LH_OK;
	LH_TRY(list_directory(ctx, l, path->key));
	if (l->list.n == 0 && !object_first && name[0] != '\0')
		LH_TRY(list_object(ctx, l, path, &found));
	if (l->list.n > 0)
		return LH_OK;
	LH_FAIL(ctx, LH_NOT_FOUND, "\"%s\" does not exist, or holds no files", path->path);
}

LhStatus
lh_s3_list(LhCtx *ctx, LhStore *store, const char *path, const char *suffix, size_t max_files,
		   LhList *out)
{
	LhRemotePath split;
	LhRemote *remote;
	const char *key;
	Listing l;

	if (lh_is_glob(path))
	{
		LH_TRY(bucket_of(ctx, store, path, &remote, &split, &key));
		l = new_listing(ctx, remote, &split, "", max_files);
		l.bucket.path = path;
		LH_TRY(list_glob(ctx, &l, key));
	}
	else
	{
		LH_TRY(lh_glob_unescape(ctx, path, strlen(path), &path));
		LH_TRY(bucket_of(ctx, store, path, &remote, &split, &key));
		l = new_listing(ctx, remote, &split, "", max_files);
		l.suffix = suffix;
		LH_TRY(list_plain(ctx, &l, &split));
	}
	lh_list_sort(&l.list);
	*out = l.list;
	return LH_OK;
}

LhStatus
lh_s3_children(LhCtx *ctx, LhStore *store, const char *path, LhList *out)
{
	LhRemotePath split;
	LhRemote *remote;
	const char *key;
	size_t kept = 0;
	Listing l;

	LH_TRY(lh_glob_unescape(ctx, path, strlen(path), &path));
	LH_TRY(bucket_of(ctx, store, path, &remote, &split, &key));
	l = new_listing(ctx, remote, &split, "", LH_LIST_MAX_FILES);
	l.by_level = true;
	LH_TRY(list_directory(ctx, &l, key));
	if (l.list.n == 0)
		LH_FAIL(ctx, LH_NOT_FOUND, "\"%s\" does not exist, or holds no files", split.path);
	for (size_t i = 0; i < l.list.n; i++)
	{
		const LhListEntry *e = &l.list.entries[i];

		if (!is_hidden(e->path) && (e->size > 0 || ends_with(e->path, "/")))
			l.list.entries[kept++] = *e;
	}
	l.list.n = kept;
	lh_list_sort(&l.list);
	*out = l.list;
	return LH_OK;
}
