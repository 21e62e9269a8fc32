/*
 * remote.c
 *		Network locations: what may be reached, how, and with which credentials.
 *
 *	1. A location must be covered by an entry of allowed: same scheme, host and
 *	   port, and whole segments of the path, compared after percent-decoding.
 *	   Both sides went through the same strict parser, so there is no "..", no
 *	   user name and no second reading of a host.
 *	2. Hosts and networks among the entries are the rules for private addresses.
 *	3. Each request is signed when it is sent: S3 by SigV4, the web by a bearer
 *	   token or by user and password, which go over plain http only where an entry
 *	   begins with "http://" and so says that this is wanted.
 */
#include "store/remote.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <strings.h>
#include <time.h>

#include "core/hash.h"
#include "core/text.h"

#define DEFAULT_REGION "us-east-1"

/* One entry of allowed, parsed. */
typedef struct Entry
{
	bool prefix; /* else rule */
	LhRemotePath path;
	LhNetRule rule;
} Entry;

/*
 * Parsing
 */

LhStatus
lh_remote_split(LhCtx *ctx, LhScheme scheme, const char *path, LhRemotePath *out)
{
	const char *bucket;
	size_t n;

	*out = (LhRemotePath){.scheme = scheme, .path = path};
	if (scheme != LH_SCHEME_S3)
		return lh_url_parse(ctx, path, &out->url);
	bucket = path + strlen("s3://");
	n = strcspn(bucket, "/");
	out->bucket = lh_strndup(ctx, bucket, n);
	if (out->bucket == NULL)
		return ctx->error->code;
	out->key = bucket[n] == '/' ? bucket + n + 1 : "";
	return LH_OK;
}

static LhStatus
parse_entry(LhCtx *ctx, const char *text, Entry *out)
{
	LhScheme scheme;
	const char *path;

	*out = (Entry){0};
	if (strstr(text, "://") == NULL)
		return lh_net_rule_parse(ctx, text, &out->rule);
	out->prefix = true;
	LH_TRY(lh_location_raw(ctx, text, &scheme, &path));
	if (scheme == LH_SCHEME_LOCAL)
		LH_FAIL(ctx, LH_INVALID, "\"%s\" is no network location", text);
	LH_TRY(lh_remote_split(ctx, scheme, path, &out->path));
	if (scheme != LH_SCHEME_S3 && out->path.url.query != NULL)
		LH_FAIL(ctx, LH_INVALID, "\"%s\" has a query, which cannot be part of a prefix", text);
	if (scheme == LH_SCHEME_S3 && lh_is_glob(path))
		LH_FAIL(ctx, LH_INVALID, "\"%s\" is a pattern, not a prefix", text);
	return LH_OK;
}

LhStatus
lh_remote_check_allowed(LhCtx *ctx, const char *entry)
{
	Entry parsed;

	return parse_entry(ctx, entry, &parsed);
}

LhStatus
lh_remote_check_endpoint(LhCtx *ctx, const char *endpoint)
{
	LhUrl url;

	LH_TRY(lh_url_parse(ctx, endpoint, &url));
	if (strcmp(url.path, "/") != 0 || url.query != NULL)
		LH_FAIL(ctx, LH_INVALID, "the endpoint has a path");
	return LH_OK;
}

/*
 * Coverage
 */

/* Is path the prefix, or below it?  Both are bytes without escapes. */
static bool
is_below(const char *prefix, const char *path)
{
	size_t n = strlen(prefix);

	while (n > 0 && prefix[n - 1] == '/')
		n--;
	return strncmp(prefix, path, n) == 0 && (path[n] == '\0' || path[n] == '/' || n == 0);
}

static LhStatus
decode(LhCtx *ctx, const char *path, char **out)
{
	size_t n = strlen(path), got = 0;

	LH_ALLOC(ctx, *out, n + 1);
	if (!lh_url_decode(path, n, *out, &got))
		got = 0;
	(*out)[got] = '\0';
	return LH_OK;
}

static LhStatus
prefix_covers(LhCtx *ctx, const LhRemotePath *entry, const LhRemotePath *path, bool *yes)
{
	char *prefix, *wanted;

	*yes = false;
	if (entry->scheme != path->scheme)
		return LH_OK;
	if (entry->scheme == LH_SCHEME_S3)
	{
		*yes = strcmp(entry->bucket, path->bucket) == 0 && is_below(entry->key, path->key);
		return LH_OK;
	}
	if (!lh_url_same_origin(&entry->url, &path->url))
		return LH_OK;
	LH_TRY(decode(ctx, entry->url.path, &prefix));
	LH_TRY(decode(ctx, path->url.path, &wanted));
	*yes = is_below(prefix, wanted);
	return LH_OK;
}

static bool
rule_covers(const LhNetRule *rule, const LhRemotePath *path)
{
	LhAddress address;

	if (path->scheme == LH_SCHEME_S3)
		return false;
	if (rule->host != NULL)
		return strcmp(rule->host, path->url.host) == 0;
	return lh_address_parse(path->url.host, &address) && lh_net_rule_covers(rule, &address);
}

static LhStatus
entry_covers(LhCtx *ctx, const char *text, const LhRemotePath *path, bool *yes)
{
	Entry entry;

	LH_TRY(parse_entry(ctx, text, &entry));
	if (entry.prefix)
		return prefix_covers(ctx, &entry.path, path, yes);
	*yes = rule_covers(&entry.rule, path);
	return LH_OK;
}

static LhStatus
check_covered(LhCtx *ctx, const LhRemoteAccess *access, const LhRemotePath *path)
{
	for (int i = 0; access != NULL && i < access->nallowed; i++)
	{
		bool yes = false;

		LH_TRY(entry_covers(ctx, access->allowed[i], path, &yes));
		if (yes)
			return LH_OK;
	}
	lh_fail(ctx, LH_DENIED, "no right to read \"%s\"", path->path);
	lh_detail(ctx, "The location is not covered by the option allowed_locations of a foreign "
				   "server that may be used.");
	return LH_DENIED;
}

LhStatus
lh_remote_covers(LhCtx *ctx, const LhRemoteAccess *access, const char *path)
{
	LhScheme scheme;
	LhRemotePath split;

	LH_TRY(lh_location_parse(ctx, path, &scheme, &path));
	if (scheme == LH_SCHEME_S3)
	{
		size_t n = lh_is_glob(path) ? lh_glob_static_prefix(path) : strlen(path);

		LH_TRY(lh_glob_unescape(ctx, path, n, &path));
	}
	else
		LH_TRY(lh_glob_unescape(ctx, path, strlen(path), &path));
	LH_TRY(lh_remote_split(ctx, scheme, path, &split));
	return check_covered(ctx, access, &split);
}

/*
 * The network side of a store
 */

/* Every host and network that an entry names. */
static LhStatus
collect_rules(LhCtx *ctx, const LhRemoteAccess *access, LhNetOptions *options)
{
	LhNetRule *rules;

	LH_NEW_ARRAY(ctx, rules, (size_t) access->nallowed + 1);
	for (int i = 0; i < access->nallowed; i++)
	{
		Entry entry;

		LH_TRY(parse_entry(ctx, access->allowed[i], &entry));
		if (!entry.prefix)
			rules[options->nrules++] = entry.rule;
		else if (entry.path.scheme != LH_SCHEME_S3)
			rules[options->nrules++] = (LhNetRule){.host = entry.path.url.host};
	}
	options->rules = rules;
	return LH_OK;
}

/* A bucket's host is the endpoint's own: who names that names these. */
static LhStatus
add_bucket_hosts(LhCtx *ctx, const LhRemote *remote, LhNetOptions *options)
{
	const LhRemoteAccess *access = remote->access;
	LhNetRule *rules;
	bool named = false;
	int n = options->nrules;

	for (int i = 0; i < n; i++)
		named |= options->rules[i].host != NULL &&
				 strcmp(options->rules[i].host, remote->endpoint.host) == 0;
	if (!named || access->url_style != LH_URL_STYLE_HOST)
		return LH_OK;
	LH_NEW_ARRAY(ctx, rules, (size_t) n + (size_t) access->nallowed + 1);
	memcpy(rules, options->rules, (size_t) n * sizeof(*rules));
	for (int i = 0; i < access->nallowed; i++)
	{
		Entry entry;

		LH_TRY(parse_entry(ctx, access->allowed[i], &entry));
		if (!entry.prefix || entry.path.scheme != LH_SCHEME_S3)
			continue;
		rules[n].host = lh_sprintf(ctx, "%s.%s", entry.path.bucket, remote->endpoint.host);
		if (rules[n++].host == NULL)
			return ctx->error->code;
	}
	options->rules = rules;
	options->nrules = n;
	return LH_OK;
}

static LhStatus
set_endpoint(LhCtx *ctx, LhRemote *remote)
{
	const LhRemoteAccess *access = remote->access;
	char *aws;

	remote->region = access->region != NULL ? access->region : DEFAULT_REGION;
	remote->path_style = access->url_style == LH_URL_STYLE_PATH ||
						 (access->url_style == LH_URL_STYLE_AUTO && access->endpoint != NULL);
	if (access->endpoint != NULL)
	{
		LH_TRY(lh_remote_check_endpoint(ctx, access->endpoint));
		return lh_url_parse(ctx, access->endpoint, &remote->endpoint);
	}
	aws = lh_sprintf(ctx, "https://s3.%s.amazonaws.com", remote->region);
	if (aws == NULL)
		return ctx->error->code;
	return lh_url_parse(ctx, aws, &remote->endpoint);
}

static LhStatus
make_remote(LhCtx *ctx, const LhRemoteAccess *access, LhRemote **out)
{
	LhNetOptions options = {.ca_file = access->ca_file};
	LhRemote *remote;

	LH_NEW(ctx, remote);
	remote->access = access;
	remote->scope = access->scope != NULL ? access->scope : "";
	remote->arena = ctx->arena;
	LH_TRY(set_endpoint(ctx, remote));
	LH_TRY(collect_rules(ctx, access, &options));
	LH_TRY(add_bucket_hosts(ctx, remote, &options));
	LH_TRY(lh_namemap_create(ctx, 16, &remote->known));
	LH_TRY(lh_net_create(ctx, &options, &remote->net));
	*out = remote;
	return LH_OK;
}

LhStatus
lh_store_remote(LhCtx *ctx, LhStore *store, LhRemote **out)
{
	LhArena *arena, *old;
	LhStatus status;

	if (store->remote == NULL)
	{
		if (store->access->remote == NULL)
		{
			lh_fail(ctx, LH_DENIED, "no right to use network locations");
			lh_detail(ctx, "They need a foreign server with the option allowed_locations.");
			return LH_DENIED;
		}
		arena = lh_arena_child(store->arena);
		if (arena == NULL)
			LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
		lh_arena_as_floor(arena);
		old = lh_use(ctx, arena);
		status = make_remote(ctx, store->access->remote, &store->remote);
		lh_use(ctx, old);
		LH_TRY(status);
	}
	*out = store->remote;
	return LH_OK;
}

/*
 * What is known of objects
 */

LhStatus
lh_remote_know(LhCtx *ctx, LhRemote *remote, const char *path, const LhRemoteInfo *info)
{
	LhArena *old = lh_use(ctx, remote->arena);
	LhRemoteInfo *infos = remote->infos;
	const char *key = lh_strdup(ctx, path), *etag = lh_strdup(ctx, info->etag);
	const char *modified = lh_strdup(ctx, info->modified);
	LhStatus status = LH_NO_MEMORY;

	if (remote->nknown == remote->cap_known)
	{
		int cap = remote->cap_known > 0 ? 2 * remote->cap_known : 16;

		infos = lh_alloc_array(ctx, (size_t) cap, sizeof(*infos));
		if (infos != NULL)
		{
			if (remote->nknown > 0)
				memcpy(infos, remote->infos, (size_t) remote->nknown * sizeof(*infos));
			remote->infos = infos;
			remote->cap_known = cap;
		}
	}
	if (key != NULL && etag != NULL && modified != NULL && infos != NULL)
	{
		remote->infos[remote->nknown] = (LhRemoteInfo){info->size, etag, modified, info->mtime_ns};
		status = lh_namemap_put(ctx, remote->known, key, strlen(key), remote->nknown++);
	}
	lh_use(ctx, old);
	return status;
}

const LhRemoteInfo *
lh_remote_known(const LhRemote *remote, const char *path)
{
	int i = lh_namemap_get(remote->known, path, strlen(path));

	return i < 0 ? NULL : &remote->infos[i];
}

/*
 * Credentials
 */

static LhStatus
sign_s3(LhCtx *ctx, void *arg, const LhHttp *http, const char **headers, int max, int *n)
{
	static const char *const methods[] = {"HEAD", "GET", "PUT", "POST", "DELETE"};
	const LhRemote *remote = arg;
	const LhRemoteAccess *access = remote->access;
	const char *signed_headers[LH_HTTP_MAX_HEADERS];
	char hash[65], time_text[17], *auth;
	LhSigV4 in = {.method = methods[http->method], .path = http->url.path,
				  .query = http->url.query, .headers = signed_headers, .payload_hash = hash,
				  .time = time_text, .region = remote->region, .service = "s3",
				  .access_key_id = access->access_key_id,
				  .secret_access_key = access->secret_access_key};

	(void) max;
	lh_sha256_hex(http->body, http->body_len, hash);
	lh_sigv4_time((int64_t) time(NULL), time_text);
	headers[(*n)++] = lh_sprintf(ctx, "x-amz-date: %s", time_text);
	headers[(*n)++] = lh_sprintf(ctx, "x-amz-content-sha256: %s", hash);
	if (access->session_token != NULL)
		headers[(*n)++] = lh_sprintf(ctx, "x-amz-security-token: %s", access->session_token);
	for (int i = 0; i < *n; i++)
	{
		if (headers[i] == NULL)
			return ctx->error->code;
		signed_headers[in.nheaders++] = headers[i];
	}
	auth = lh_url_authority(ctx, &http->url);
	signed_headers[in.nheaders] = auth != NULL ? lh_sprintf(ctx, "host:%s", auth) : NULL;
	if (signed_headers[in.nheaders++] == NULL)
		return ctx->error->code;
	LH_TRY(lh_sigv4_sign(ctx, &in, &auth));
	headers[*n] = lh_sprintf(ctx, "Authorization: %s", auth);
	return headers[(*n)++] == NULL ? ctx->error->code : LH_OK;
}

static LhStatus
sign_web(LhCtx *ctx, void *arg, const LhHttp *http, const char **headers, int max, int *n)
{
	const LhRemoteAccess *access = ((const LhRemote *) arg)->access;
	uint8_t *encoded;
	char *pair;
	size_t len;

	(void) http;
	(void) max;
	if (access->bearer_token != NULL)
		headers[*n] = lh_sprintf(ctx, "Authorization: Bearer %s", access->bearer_token);
	else
	{
		pair = lh_sprintf(ctx, "%s:%s", access->user, access->password ? access->password : "");
		if (pair == NULL)
			return ctx->error->code;
		len = strlen(pair);
		LH_ALLOC(ctx, encoded, 4 * (len / 3 + 1) + 1);
		EVP_EncodeBlock(encoded, (const uint8_t *) pair, (int) len);
		headers[*n] = lh_sprintf(ctx, "Authorization: Basic %s", (const char *) encoded);
	}
	return headers[(*n)++] == NULL ? ctx->error->code : LH_OK;
}

/* Does an entry that begins with "http://" cover the location? */
static LhStatus
plain_is_wanted(LhCtx *ctx, const LhRemote *remote, const LhRemotePath *path, bool *yes)
{
	*yes = false;
	for (int i = 0; i < remote->access->nallowed && !*yes; i++)
		if (strncasecmp(remote->access->allowed[i], "http://", 7) == 0)
			LH_TRY(entry_covers(ctx, remote->access->allowed[i], path, yes));
	return LH_OK;
}

static LhStatus
set_web_credentials(LhCtx *ctx, LhRemote *remote, const LhRemotePath *path, LhHttp *http)
{
	bool plain;

	if (remote->access->bearer_token == NULL && remote->access->user == NULL)
		return LH_OK;
	if (!path->url.https)
	{
		LH_TRY(plain_is_wanted(ctx, remote, path, &plain));
		if (!plain)
		{
			lh_fail(ctx, LH_DENIED, "credentials are not sent to \"%s\" over plain http",
					path->path);
			lh_hint(ctx, "Use https, or have allowed_locations name the location with \"http://\".");
			return LH_DENIED;
		}
	}
	http->sign = sign_web;
	http->sign_arg = remote;
	return LH_OK;
}

/*
 * Requests
 */

/* The URL of a key, by path or by host; names with dots do not fit certificates of AWS. */
static LhStatus
s3_url(LhCtx *ctx, const LhRemote *remote, const LhRemotePath *path, LhUrl *out)
{
	bool by_path = remote->path_style ||
				   (remote->access->url_style == LH_URL_STYLE_AUTO &&
					strchr(path->bucket, '.') != NULL);
	LhBuf buf;

	*out = remote->endpoint;
	LH_TRY(lh_buf_init(ctx, &buf, true));
	LH_TRY(lh_buf_putc(ctx, &buf, '/'));
	if (by_path)
	{
		LH_TRY(lh_buf_append_str(ctx, &buf, path->bucket));
		if (path->key[0] != '\0')
			LH_TRY(lh_buf_putc(ctx, &buf, '/'));
	}
	else
		out->host = lh_sprintf(ctx, "%s.%s", path->bucket, remote->endpoint.host);
	LH_TRY(lh_url_encode(ctx, &buf, path->key, strlen(path->key), true));
	LH_TRY(lh_buf_putc(ctx, &buf, '\0'));
	out->path = (const char *) buf.data;
	return out->host == NULL ? ctx->error->code : LH_OK;
}

LhStatus
lh_remote_request(LhCtx *ctx, LhRemote *remote, const LhRemotePath *path, const char *query,
				  LhHttpMethod method, LhHttp *out)
{
	*out = (LhHttp){.method = method};
	/* of a bucket as such only listings are asked for, and their prefix was checked */
	if (path->scheme != LH_SCHEME_S3 || path->key[0] != '\0')
		LH_TRY(check_covered(ctx, remote->access, path));
	if (path->scheme != LH_SCHEME_S3)
	{
		out->url = path->url;
		return set_web_credentials(ctx, remote, path, out);
	}
	LH_TRY(s3_url(ctx, remote, path, &out->url));
	out->url.query = query;
	out->no_redirect = true;
	if (remote->access->access_key_id == NULL || remote->access->secret_access_key == NULL)
		return LH_OK;
	out->sign = sign_s3;
	out->sign_arg = remote;
	return LH_OK;
}

LhStatus
lh_remote_fail(LhCtx *ctx, const LhRemotePath *path, const LhHttp *http, const char *doing)
{
	int status = http->reply.status;
	LhStatus code;

	if (status == 404 && strcmp(http->reply.error_code, "NoSuchBucket") != 0)
		LH_FAIL(ctx, LH_NOT_FOUND, "\"%s\" does not exist", path->path);
	code = lh_http_fail(ctx, http, "could not %s \"%s\"", doing, path->path);
	if (path->scheme == LH_SCHEME_S3 && (status == 301 || status == 307 || status == 400))
	{
		if (http->reply.region[0] != '\0')
			lh_hint(ctx, "The bucket lies in region \"%s\": set the option region of the server.",
					http->reply.region);
		else
			lh_hint(ctx, "Check the options region and endpoint of the server.");
	}
	return code;
}
