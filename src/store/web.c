/*
 * web.c
 *		Size and version of single objects, and the web as a place of such.
 *
 * A HEAD tells both.  Where a server refuses it, or does not say the length, a
 * GET of the first byte does.
 */
#include "store/remote.h"

static LhStatus
copy_info(LhCtx *ctx, const LhHttpReply *reply, int64_t size, LhRemoteInfo *out)
{
	out->size = size;
	out->mtime_ns = lh_http_date(reply->modified) * 1000000000;
	out->etag = lh_strdup(ctx, reply->etag);
	out->modified = lh_strdup(ctx, reply->modified);
	return out->etag == NULL || out->modified == NULL ? ctx->error->code : LH_OK;
}

/* Is it worth asking in another way? */
static bool
head_refused(const LhHttpReply *reply)
{
	return reply->status == 403 || reply->status == 405 || reply->status == 501 ||
		   (reply->status == 200 && reply->length < 0);
}

/* The first byte, whose answer names the size. */
static LhStatus
ask_by_range(LhCtx *ctx, LhRemote *remote, const LhRemotePath *path, LhRemoteInfo *out)
{
	LhHttp http;
	LhStatus status;

	LH_TRY(lh_remote_request(ctx, remote, path, NULL, LH_HTTP_GET, &http));
	http.range_len = 1;
	LH_TRY(lh_http_run(ctx, remote->net, &http));
	if (http.reply.status == 206 && http.reply.total >= 0)
		status = copy_info(ctx, &http.reply, http.reply.total, out);
	else if (http.reply.status == 206)
		status = lh_fail(ctx, LH_UNSUPPORTED, "the server does not say how large \"%s\" is",
						 path->path);
	else
		status = lh_remote_fail(ctx, path, &http, "read");
	lh_http_cancel(&http);
	return status;
}

LhStatus
lh_remote_head(LhCtx *ctx, LhRemote *remote, const LhRemotePath *path, LhRemoteInfo *out)
{
	LhHttp http;
	LhStatus status;

	LH_TRY(lh_remote_request(ctx, remote, path, NULL, LH_HTTP_HEAD, &http));
	LH_TRY(lh_http_run(ctx, remote->net, &http));
	if (http.reply.status == 200 && http.reply.length >= 0)
		status = copy_info(ctx, &http.reply, http.reply.length, out);
	else if (head_refused(&http.reply))
		status = ask_by_range(ctx, remote, path, out);
	else
		status = lh_remote_fail(ctx, path, &http, "read");
	lh_http_cancel(&http);
	return status;
}

/* One file, which must exist. */
LhStatus
lh_web_list(LhCtx *ctx, LhStore *store, const char *path, LhList *out)
{
	LhRemotePath split;
	LhRemoteInfo info;
	LhRemote *remote;

	LH_TRY(lh_glob_unescape(ctx, path, strlen(path), &path));
	LH_TRY(lh_store_remote(ctx, store, &remote));
	LH_TRY(lh_remote_split(ctx, LH_SCHEME_HTTP, path, &split));
	split.scheme = split.url.https ? LH_SCHEME_HTTPS : LH_SCHEME_HTTP;
	LH_TRY(lh_remote_head(ctx, remote, &split, &info));
	LH_TRY(lh_remote_know(ctx, remote, path, &info));
	out->n = 1;
	LH_NEW_ARRAY(ctx, out->entries, 1);
	out->entries[0] = (LhListEntry){.path = path, .size = info.size, .mtime_ns = info.mtime_ns};
	return LH_OK;
}
