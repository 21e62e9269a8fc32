/*
 * s3_output.c
 *		Writing objects of S3: whole, or not at all.
 *
 *	1. Bytes are gathered until a part is full.  What ends before that is one PUT.
 *	2. Otherwise an upload is begun, each full part sent, and the upload completed
 *	   at the end; until then nobody sees anything.  Parts double in size every
 *	   1,000, so that 10,000 parts, all that S3 allows, reach its largest object.
 *	3. Without overwrite it is looked whether the object exists, and the request
 *	   that makes it visible says If-None-Match: *, so that of two writers one
 *	   fails.  A server that does not know this (501) is asked without.
 *	4. Whoever gives up, or is reset by an error, aborts the upload by one short
 *	   request of its own, which waits for two seconds at most.
 *
 * Protocol: PutObject, CreateMultipartUpload, UploadPart,
 * CompleteMultipartUpload, AbortMultipartUpload of the S3 API reference
 */
#include "store/s3_output.h"

#include "store/remote.h"
#include "store/xml.h"

#define PARTS_PER_SIZE 1000
#define MAX_PARTS      10000
/* How long giving up may take. */
#define ABORT_MS       1000

typedef struct S3Output
{
	LhStore *store;
	LhRemote *remote;
	LhRemotePath path;
	LhArena *arena;
	bool overwrite;
	LhBuf part;
	char *upload; /* id; NULL: none begun */
	int nparts;
	LhBuf etags; /* the parts' lines of the final request */
	int64_t size;
} S3Output;

static const char no_overwrite[] = "If-None-Match: *";

/* When this part is full. */
static size_t
part_size(const S3Output *out)
{
	return LH_S3_PART << (out->nparts / PARTS_PER_SIZE);
}

static LhStatus
fail_exists(LhCtx *ctx, const S3Output *out)
{
	lh_fail(ctx, LH_EXISTS, "\"%s\" already exists", out->path.path);
	lh_hint(ctx, "Choose another name, or overwrite it on purpose.");
	return LH_EXISTS;
}

/*
 * Requests
 */

/* A success stays for the caller to look at and cancel. */
static LhStatus
judge(LhCtx *ctx, const S3Output *out, LhHttp *http)
{
	LhStatus status;

	if (http->reply.status >= 200 && http->reply.status < 300)
		return LH_OK;
	if (http->reply.status == 412 || (http->reply.status == 409 && !out->overwrite))
	{
		status = fail_exists(ctx, out);
		lh_detail(ctx, "Somebody else wrote it meanwhile, or an attempt of this write was "
					   "repeated because its answer was lost.");
	}
	else
		status = lh_remote_fail(ctx, &out->path, http, "write");
	lh_http_cancel(http);
	return status;
}

static LhStatus
run(LhCtx *ctx, const S3Output *out, LhHttp *http)
{
	LH_TRY(lh_http_run(ctx, out->remote->net, http));
	return judge(ctx, out, http);
}

/* The request that makes the object visible. */
static LhStatus
run_final(LhCtx *ctx, const S3Output *out, const char *query, LhHttpMethod method,
		  const LhBuf *body, LhHttp *http)
{
	for (int guarded = out->overwrite ? 0 : 1; guarded >= 0; guarded--)
	{
		LH_TRY(lh_remote_request(ctx, out->remote, &out->path, query, method, http));
		http->body = body->data;
		http->body_len = body->len;
		if (guarded)
			http->headers[http->nheaders++] = no_overwrite;
		LH_TRY(lh_http_run(ctx, out->remote->net, http));
		if (!guarded || http->reply.status != 501)
			break;
		lh_http_cancel(http);
	}
	return judge(ctx, out, http);
}

/* The text of one element of an answer; a body that is an error counts as one. */
static LhStatus
find_element(LhCtx *ctx, const S3Output *out, const LhHttp *http, const char *name, char **text)
{
	LhXmlKind kind = LH_XML_OPEN;
	LhXml xml;

	*text = NULL;
	LH_TRY(lh_xml_init(ctx, &xml, http->text.data, http->text.len));
	while (kind != LH_XML_END)
	{
		LH_TRY(lh_xml_next(ctx, &xml, &kind));
		if (kind == LH_XML_OPEN && xml.depth == 1 && lh_xml_is(&xml, "Error"))
			LH_FAIL(ctx, LH_IO, "could not write \"%s\": the server answered with an error",
					out->path.path);
		if (kind == LH_XML_CLOSE && xml.depth == 1 && lh_xml_is(&xml, name))
		{
			*text = lh_strdup(ctx, (const char *) xml.text.data);
			if (*text == NULL)
				return ctx->error->code;
		}
	}
	if (*text == NULL)
		LH_FAIL(ctx, LH_CORRUPT, "could not write \"%s\": the answer has no %s", out->path.path,
				name);
	return LH_OK;
}

/*
 * Uploads
 */

static LhStatus
upload_query(LhCtx *ctx, const S3Output *out, int part, const char **query)
{
	LhBuf buf;

	LH_TRY(lh_buf_init(ctx, &buf, true));
	if (part > 0)
		LH_TRY(lh_buf_printf(ctx, &buf, "partNumber=%d&", part));
	LH_TRY(lh_buf_append_str(ctx, &buf, "uploadId="));
	LH_TRY(lh_url_encode(ctx, &buf, out->upload, strlen(out->upload), false));
	LH_TRY(lh_buf_putc(ctx, &buf, '\0'));
	*query = (const char *) buf.data;
	return LH_OK;
}

static LhStatus
begin_upload(LhCtx *ctx, S3Output *out)
{
	LhArena *old;
	LhStatus status;
	LhHttp http;
	char *id;

	LH_TRY(lh_remote_request(ctx, out->remote, &out->path, "uploads=", LH_HTTP_POST, &http));
	LH_TRY(run(ctx, out, &http));
	status = find_element(ctx, out, &http, "UploadId", &id);
	lh_http_cancel(&http);
	LH_TRY(status);
	old = lh_use(ctx, out->arena);
	out->upload = lh_strdup(ctx, id);
	lh_use(ctx, old);
	return out->upload == NULL ? ctx->error->code : LH_OK;
}

/* Quotes belong to the ETag; '&' and '<' must not break the XML. */
static LhStatus
note_part(LhCtx *ctx, S3Output *out, const char *etag)
{
	if (etag[0] == '\0' || strpbrk(etag, "<&>") != NULL)
		LH_FAIL(ctx, LH_CORRUPT, "could not write \"%s\": the server gave a part no valid ETag",
				out->path.path);
	return lh_buf_printf(ctx, &out->etags,
						 "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", out->nparts,
						 etag);
}

static LhStatus
send_part(LhCtx *ctx, S3Output *out)
{
	const char *query;
	LhHttp http;
	LhStatus status;

	if (out->upload == NULL)
		LH_TRY(begin_upload(ctx, out));
	if (out->nparts == MAX_PARTS)
		LH_FAIL(ctx, LH_LIMIT, "\"%s\" would have more than %d parts", out->path.path, MAX_PARTS);
	LH_TRY(upload_query(ctx, out, ++out->nparts, &query));
	LH_TRY(lh_remote_request(ctx, out->remote, &out->path, query, LH_HTTP_PUT, &http));
	http.body = out->part.data;
	http.body_len = out->part.len;
	LH_TRY(run(ctx, out, &http));
	status = note_part(ctx, out, http.reply.etag);
	lh_http_cancel(&http);
	out->part.len = 0;
	return status;
}

/* In memory that goes when it is done. */
static LhStatus
with_scratch(LhCtx *ctx, S3Output *out, LhStatus (*fn)(LhCtx *, S3Output *))
{
	LhArena *scratch = lh_arena_child(ctx->arena), *old;
	LhStatus status;

	if (scratch == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	lh_arena_as_floor(scratch);
	old = lh_use(ctx, scratch);
	status = fn(ctx, out);
	lh_use(ctx, old);
	lh_arena_destroy(scratch);
	return status;
}

/*
 * The function table
 */

static LhStatus
write_bytes(LhCtx *ctx, LhOutput *o, const uint8_t *bytes, size_t n)
{
	S3Output *out = o->state;

	while (n > 0)
	{
		size_t room, k;

		LH_TRY(lh_poll(ctx));
		if (out->part.len >= part_size(out))
			LH_TRY(with_scratch(ctx, out, send_part));
		room = part_size(out) - out->part.len;
		k = n < room ? n : room;
		LH_TRY(lh_buf_append(ctx, &out->part, bytes, k));
		out->size += (int64_t) k;
		bytes += k;
		n -= k;
	}
	return LH_OK;
}

/* One PUT of everything. */
static LhStatus
put_object(LhCtx *ctx, S3Output *out)
{
	LhHttp http;

	return run_final(ctx, out, NULL, LH_HTTP_PUT, &out->part, &http);
}

static LhStatus
complete_upload(LhCtx *ctx, S3Output *out)
{
	const char *query;
	LhHttp http;
	LhBuf body;
	char *etag;

	LH_TRY(send_part(ctx, out));
	LH_TRY(upload_query(ctx, out, 0, &query));
	LH_TRY(lh_buf_init(ctx, &body, true));
	LH_TRY(lh_buf_append_str(ctx, &body, "<CompleteMultipartUpload>"));
	LH_TRY(lh_buf_append(ctx, &body, out->etags.data, out->etags.len));
	LH_TRY(lh_buf_append_str(ctx, &body, "</CompleteMultipartUpload>"));
	LH_TRY(run_final(ctx, out, query, LH_HTTP_POST, &body, &http));
	/* a failure may come behind a status that is none */
	return find_element(ctx, out, &http, "ETag", &etag);
}

static LhStatus
finish(LhCtx *ctx, LhOutput *o, LhObjectId *id)
{
	S3Output *out = o->state;
	LhRemoteInfo info;

	LH_TRY(with_scratch(ctx, out, out->upload == NULL ? put_object : complete_upload));
	out->upload = NULL;
	lh_buf_free(&out->part);
	if (id == NULL)
		return LH_OK;
	/* only the server knows the version that readers will meet */
	LH_TRY(lh_remote_head(ctx, out->remote, &out->path, &info));
	if (info.size != out->size)
		LH_FAIL(ctx, LH_CHANGED, "\"%s\" was written with %lld bytes, but has %lld now",
				out->path.path, (long long) out->size, (long long) info.size);
	*id = (LhObjectId){.path = out->path.path, .size = info.size, .etag = info.etag,
					   .scope = out->remote->scope};
	return LH_OK;
}

/*
 * The context may be one that is going: this makes its own, with little patience.
 * What the upload left is then the server's to remove.
 */
static void
abort_upload(LhOutput *o)
{
	S3Output *out = o->state;
	LhNetOptions options;
	LhCtx *ctx;
	const char *query;
	LhRemote *remote;
	LhStore *store;
	LhHttp http;
	LhNet *net;

	if (out->upload == NULL || (ctx = lh_ctx_create()) == NULL)
		return;
	if (lh_store_create(ctx, out->store->access, &store) == LH_OK &&
		lh_store_remote(ctx, store, &remote) == LH_OK &&
		upload_query(ctx, out, 0, &query) == LH_OK &&
		lh_remote_request(ctx, remote, &out->path, query, LH_HTTP_DELETE, &http) == LH_OK)
	{
		options = *lh_net_options(remote->net);
		options.attempts = 1;
		options.connect_timeout_ms = options.stall_timeout_ms = ABORT_MS;
		if (lh_net_create(ctx, &options, &net) == LH_OK)
			(void) lh_http_run(ctx, net, &http);
	}
	out->upload = NULL;
	lh_ctx_destroy(ctx);
}

static const LhOutputVtable s3_vtable = {
	.write = write_bytes,
	.finish = finish,
	.abort = abort_upload,
};

/* Does the object exist? */
static LhStatus
check_absent(LhCtx *ctx, S3Output *out)
{
	LhRemoteInfo info;
	LhStatus status = lh_remote_head(ctx, out->remote, &out->path, &info);

	if (status == LH_OK)
		return fail_exists(ctx, out);
	if (status != LH_NOT_FOUND)
		return status;
	lh_error_clear(ctx);
	return LH_OK;
}

LhStatus
lh_s3_output_begin(LhCtx *ctx, LhStore *store, const char *location, const LhOutputOptions *options,
				   const LhOutputVtable **vtable, void **state)
{
	LhScheme scheme;
	const char *path;
	S3Output *out;
	size_t n;

	LH_TRY(lh_location_parse(ctx, location, &scheme, &path));
	if (scheme != LH_SCHEME_S3 || lh_is_glob(path))
		LH_FAIL(ctx, LH_INVALID, "\"%s\" is no location of an object to write", path);
	LH_TRY(lh_glob_unescape(ctx, path, strlen(path), &path));
	LH_NEW(ctx, out);
	out->store = store;
	out->arena = ctx->arena;
	out->overwrite = options != NULL && options->overwrite;
	LH_TRY(lh_store_remote(ctx, store, &out->remote));
	LH_TRY(lh_remote_split(ctx, scheme, path, &out->path));
	n = strlen(out->path.key);
	if (n == 0 || out->path.key[n - 1] == '/')
		LH_FAIL(ctx, LH_INVALID, "\"%s\" is a directory, not an object to write", path);
	LH_TRY(lh_buf_init(ctx, &out->part, true));
	LH_TRY(lh_buf_init(ctx, &out->etags, true));
	LH_TRY(lh_remote_covers(ctx, store->access->remote, location));
	if (!out->overwrite)
		LH_TRY(check_absent(ctx, out));
	*vtable = &s3_vtable;
	*state = out;
	return LH_OK;
}
