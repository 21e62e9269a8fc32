/*
 * request.c
 *		One request: its attempts, what is repeated, where redirects lead.
 *
 *	1. An attempt is prepared: URL, headers, signature, limits.  libcurl is told
 *	   to use no proxy, no netrc, no cookie, no redirect, nothing but HTTP.
 *	2. The answer's head is judged before its body is taken: a range must be the
 *	   one that was asked for, of the object that was opened.
 *	3. A body that ends early goes on where it ended, with another request.
 *	4. 408, 429, 5xx, timeouts and broken connections are repeated after a random
 *	   pause that doubles at most each time, or as long as Retry-After wants.
 *	5. A redirect is followed by us: never from https to http, never with
 *	   credentials to another origin; its address is judged as any other.
 */
#include "net/client.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

#include "core/hash.h"
#include "core/text.h"

#define MAX_REDIRECTS   5
/* Attempts that go on behind bytes that came: so often a server may cut a body short. */
#define MAX_RESUMES     64
#define DEFAULT_BODY    ((int64_t) 1 << 20)
/* Of the body of an error answer. */
#define MAX_ERROR_BODY  ((int64_t) 16 << 10)
#define TRANSFER_BUFFER (128L << 10)

static const char *const method_names[] = {"HEAD", "GET", "PUT", "POST", "DELETE"};

static bool
is_success(int status)
{
	return status >= 200 && status < 300;
}

/*
 * The answer's head
 */

/* Where the bytes that are still missing begin. */
static int64_t
next_byte(const LhHttpWork *work)
{
	return work->http->range_from + work->got;
}

static LhStatus
check_same(LhCtx *ctx, const LhHttpWork *work)
{
	const LhHttp *http = work->http;
	bool same = true;

	if (http->etag != NULL && http->reply.etag[0] != '\0')
		same = strcmp(http->etag, http->reply.etag) == 0;
	else if (http->modified != NULL && http->reply.modified[0] != '\0')
		same = strcmp(http->modified, http->reply.modified) == 0;
	if (same)
		return LH_OK;
	LH_FAIL(ctx, LH_CHANGED, "the object changed while it was being read");
}

/* A successful answer to a ranged GET. */
static LhStatus
check_range(LhCtx *ctx, const LhHttpWork *work)
{
	const LhHttp *http = work->http;
	const LhHttpReply *reply = &http->reply;
	int64_t end = http->range_from + http->range_len;

	if (reply->status == 200 && next_byte(work) == 0 && reply->length == http->range_len)
		return LH_OK;
	if (reply->status == 200)
	{
		lh_fail(ctx, LH_UNSUPPORTED, "host \"%s\" does not serve ranges of bytes", work->url.host);
		lh_hint(ctx, "Files can only be read from servers that do; copy the file to one.");
		return LH_UNSUPPORTED;
	}
	if (reply->range_from != next_byte(work) || reply->range_to >= end)
		LH_FAIL(ctx, LH_IO,
				"host \"%s\" answered with bytes %lld to %lld where %lld to %lld were wanted",
				work->url.host, (long long) reply->range_from, (long long) reply->range_to,
				(long long) next_byte(work), (long long) end - 1);
	return LH_OK;
}

/* Once an attempt, before the first byte of the body, or at the end without one. */
static LhStatus
judge_head(LhCtx *ctx, LhHttpWork *work)
{
	LhHttp *http = work->http;

	work->judged = true;
	work->keep = is_success(http->reply.status);
	if (!work->keep)
		return LH_OK;
	LH_TRY(check_same(ctx, work));
	if (http->range_len > 0)
		LH_TRY(check_range(ctx, work));
	if (http->reply.encoded)
		LH_FAIL(ctx, LH_UNSUPPORTED,
				"host \"%s\" sends the object compressed (Content-Encoding)", work->url.host);
	return LH_OK;
}

/*
 * Callbacks of curl
 */

/* The first failure ends the attempt; its error stays with the request. */
static void
fail_attempt(LhHttpWork *work, LhStatus status)
{
	LhCtx *ctx = work->net->ctx;

	work->failed = status;
	work->http->error = *ctx->error;
	lh_error_clear(ctx);
}

static size_t
on_header(char *line, size_t size, size_t n, void *arg)
{
	LhHttpWork *work = arg;

	work->last_ms = lh_net_now_ms();
	/* trailers come behind the body and say nothing that counts */
	if (work->attempt_got == 0)
		lh_http_reply_line(&work->http->reply, line, size * n);
	return size * n;
}

/* Keep the body as text, as far as is allowed. */
static LhStatus
keep_text(LhCtx *ctx, LhHttpWork *work, const char *bytes, size_t n)
{
	LhHttp *http = work->http;
	int64_t most = !work->keep ? MAX_ERROR_BODY : http->max_body > 0 ? http->max_body : DEFAULT_BODY;

	if ((int64_t) http->text.len + (int64_t) n > most)
	{
		if (!work->keep)
			return LH_OK;
		LH_FAIL(ctx, LH_LIMIT, "the answer of host \"%s\" is longer than %lld bytes",
				work->url.host, (long long) most);
	}
	LH_TRY(lh_buf_append(ctx, &http->text, bytes, n));
	LH_TRY(lh_buf_putc(ctx, &http->text, '\0'));
	http->text.len--;
	return LH_OK;
}

static LhStatus
take_body(LhCtx *ctx, LhHttpWork *work, const char *bytes, size_t n)
{
	LhHttp *http = work->http;

	if (!work->judged)
		LH_TRY(judge_head(ctx, work));
	work->attempt_got += (int64_t) n;
	if (!work->keep || http->on_body == NULL)
		return keep_text(ctx, work, bytes, n);
	if (http->range_len > 0 && (int64_t) n > http->range_len - work->got)
		LH_FAIL(ctx, LH_IO, "host \"%s\" sent more bytes than were asked for", work->url.host);
	LH_TRY(http->on_body(ctx, http->on_body_arg, work->got, (const uint8_t *) bytes, n));
	work->got += (int64_t) n;
	return LH_OK;
}

static size_t
on_body(char *bytes, size_t size, size_t n, void *arg)
{
	LhHttpWork *work = arg;
	LhStatus status;

	work->last_ms = lh_net_now_ms();
	n *= size;
	status = take_body(work->net->ctx, work, bytes, n);
	if (status == LH_OK)
		return n;
	fail_attempt(work, status);
	return n == 0 ? 1 : 0;
}

static size_t
on_upload(char *out, size_t size, size_t n, void *arg)
{
	LhHttpWork *work = arg;
	size_t left = work->http->body_len - work->sent;

	work->last_ms = lh_net_now_ms();
	n *= size;
	if (n > left)
		n = left;
	if (n > 0)
		memcpy(out, work->http->body + work->sent, n);
	work->sent += n;
	return n;
}

/* Curl wants the body once more, on another connection. */
static int
on_seek(void *arg, curl_off_t offset, int origin)
{
	LhHttpWork *work = arg;

	if (origin != SEEK_SET || offset < 0 || (uint64_t) offset > work->http->body_len)
		return CURL_SEEKFUNC_CANTSEEK;
	work->sent = (size_t) offset;
	return CURL_SEEKFUNC_OK;
}

static bool
address_of(const struct curl_sockaddr *addr, LhAddress *out)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

	if (addr->family == AF_INET)
	{
		memcpy(out->b, mapped, sizeof(mapped));
		memcpy(out->b + 12, &((const struct sockaddr_in *) &addr->addr)->sin_addr, 4);
		return true;
	}
	if (addr->family != AF_INET6)
		return false;
	memcpy(out->b, &((const struct sockaddr_in6 *) &addr->addr)->sin6_addr, 16);
	return true;
}

static bool
may_connect(const LhHttpWork *work, const LhAddress *address)
{
	const LhNetOptions *options = &work->net->options;

	if (options->metadata_service)
		return lh_address_is_metadata(address);
	return lh_address_allowed(options->rules, options->nrules, work->url.host, address);
}

/* The one place where a connection is made: its address must be allowed. */
static curl_socket_t
on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *addr)
{
	LhHttpWork *work = arg;
	LhAddress address;

	(void) purpose;
	if (!address_of(addr, &address))
		return CURL_SOCKET_BAD;
	if (!may_connect(work, &address))
	{
		lh_address_format(&address, work->refused, sizeof(work->refused));
		return CURL_SOCKET_BAD;
	}
	return socket(addr->family, addr->socktype | SOCK_CLOEXEC, addr->protocol);
}

/*
 * Preparing
 */

static LhStatus
add_header(LhCtx *ctx, LhHttpWork *work, const char *header)
{
	struct curl_slist *list;

	/* a line break would begin another header */
	if (header[strcspn(header, "\r\n")] != '\0')
		LH_FAIL(ctx, LH_INVALID, "a header of a request holds a line break");
	list = curl_slist_append(work->headers, header);
	if (list == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory for a request");
	work->headers = list;
	return LH_OK;
}

static LhStatus
add_headers(LhCtx *ctx, LhHttpWork *work)
{
	LhHttp *http = work->http;
	const char *made[LH_HTTP_MAX_HEADERS];
	int n = 0;

	for (int i = 0; i < http->nheaders; i++)
		LH_TRY(add_header(ctx, work, http->headers[i]));
	if (http->sign != NULL && !work->foreign)
		LH_TRY(http->sign(ctx, http->sign_arg, http, made, LH_HTTP_MAX_HEADERS, &n));
	for (int i = 0; i < n; i++)
		LH_TRY(add_header(ctx, work, made[i]));
	/* neither waits for leave to send a body, nor has curl's own idea of its type */
	LH_TRY(add_header(ctx, work, "Expect:"));
	return add_header(ctx, work, "Accept:");
}

/* The addresses that curl may try: it looks up no name itself. */
static LhStatus
set_addresses(LhCtx *ctx, LhHttpWork *work)
{
	LhBuf buf;

	LH_TRY(lh_buf_init(ctx, &buf, false));
	LH_TRY(lh_buf_printf(ctx, &buf, "%s:%d:", work->url.host, work->url.port));
	for (int i = 0; i < work->name->naddresses; i++)
	{
		char text[64];
		bool v6;

		lh_address_format(&work->name->addresses[i], text, sizeof(text));
		v6 = strchr(text, ':') != NULL;
		LH_TRY(lh_buf_printf(ctx, &buf, "%s%s%s%s", i > 0 ? "," : "", v6 ? "[" : "", text,
							 v6 ? "]" : ""));
	}
	work->resolve = curl_slist_append(NULL, (const char *) buf.data);
	if (work->resolve == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory for a request");
	return LH_OK;
}

#define SET(option, value) (rc |= (int) curl_easy_setopt(easy, option, value))

/* What holds for every request. */
static int
set_common(CURL *easy, LhHttpWork *work)
{
	const LhNetOptions *o = &work->net->options;
	int rc = 0;

	SET(CURLOPT_PRIVATE, work);
	SET(CURLOPT_ERRORBUFFER, work->curl_error);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_PATH_AS_IS, 1L);
	SET(CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
	if (o->ca_file != NULL)
	{
		SET(CURLOPT_CAINFO, o->ca_file);
		SET(CURLOPT_CAPATH, NULL);
	}
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long) o->connect_timeout_ms);
	SET(CURLOPT_TIMEOUT_MS, (long) o->total_timeout_ms);
	SET(CURLOPT_BUFFERSIZE, TRANSFER_BUFFER);
	SET(CURLOPT_USERAGENT, "lakehouse/" LAKEHOUSE_VERSION);
	SET(CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
	SET(CURLOPT_OPENSOCKETDATA, work);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, work);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, work);
	return rc;
}

static int
set_method(CURL *easy, LhHttpWork *work)
{
	LhHttp *http = work->http;
	int rc = 0;

	if (http->method == LH_HTTP_HEAD)
		SET(CURLOPT_NOBODY, 1L);
	else if (http->method == LH_HTTP_GET)
		SET(CURLOPT_HTTPGET, 1L);
	else if (http->method == LH_HTTP_DELETE)
		SET(CURLOPT_CUSTOMREQUEST, "DELETE");
	else
	{
		SET(CURLOPT_UPLOAD, 1L);
		SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t) http->body_len);
		SET(CURLOPT_READFUNCTION, on_upload);
		SET(CURLOPT_READDATA, work);
		SET(CURLOPT_SEEKFUNCTION, on_seek);
		SET(CURLOPT_SEEKDATA, work);
		SET(CURLOPT_CUSTOMREQUEST, method_names[http->method]);
	}
	return rc;
}

static LhStatus
prepare(LhCtx *ctx, LhHttpWork *work)
{
	LhHttp *http = work->http;
	CURL *easy = work->easy;
	char *url = lh_url_text(ctx, &work->url);
	int rc = 0;

	if (url == NULL)
		return ctx->error->code;
	LH_TRY(set_addresses(ctx, work));
	if (http->range_len > 0)
	{
		char *range = lh_sprintf(ctx, "Range: bytes=%lld-%lld", (long long) next_byte(work),
								 (long long) (http->range_from + http->range_len - 1));

		if (range == NULL)
			return ctx->error->code;
		LH_TRY(add_header(ctx, work, range));
	}
	LH_TRY(add_headers(ctx, work));
	rc |= set_common(easy, work);
	rc |= set_method(easy, work);
	SET(CURLOPT_URL, url);
	SET(CURLOPT_RESOLVE, work->resolve);
	SET(CURLOPT_HTTPHEADER, work->headers);
	if (rc != 0)
		LH_FAIL(ctx, LH_NO_MEMORY, "could not prepare a request");
	return LH_OK;
}

LhStatus
lh_http_prepare(LhCtx *ctx, LhHttpWork *work)
{
	LhArena *old = ctx->arena;
	LhStatus status;

	if (work->attempt_arena == NULL)
	{
		lh_use(ctx, work->arena);
		work->attempt_arena = lh_arena_child(work->arena);
		lh_use(ctx, old);
		if (work->attempt_arena == NULL)
			LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
		lh_arena_as_floor(work->attempt_arena);
	}
	lh_arena_reset(work->attempt_arena);
	work->attempt_got = 0;
	work->sent = 0;
	work->judged = false;
	work->failed = LH_OK;
	work->refused[0] = work->curl_error[0] = '\0';
	work->http->text.len = 0;
	lh_http_reply_init(&work->http->reply);
	lh_use(ctx, work->attempt_arena);
	status = prepare(ctx, work);
	lh_use(ctx, old);
	return status;
}

/*
 * Judging
 */

static bool
is_retryable_status(int status)
{
	return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 ||
		   status == 504;
}

static bool
is_retryable_code(CURLcode code)
{
	switch (code)
	{
		case CURLE_COULDNT_CONNECT:
		case CURLE_OPERATION_TIMEDOUT:
		case CURLE_GOT_NOTHING:
		case CURLE_PARTIAL_FILE:
		case CURLE_RECV_ERROR:
		case CURLE_SEND_ERROR:
		case CURLE_SSL_CONNECT_ERROR:
			return true;
		default:
			return false;
	}
}

/* A random pause of at most base * 2^attempts, no shorter than the server wants. */
static int
pause_ms(LhHttpWork *work)
{
	LhNet *net = work->net;
	int64_t most = net->options.backoff_ms;

	for (int i = 1; i < work->attempts && most < net->options.backoff_max_ms; i++)
		most *= 2;
	if (most > net->options.backoff_max_ms)
		most = net->options.backoff_max_ms;
	net->random = lh_hash_u64(net->random + 0x9e3779b97f4a7c15u);
	most = 1 + (int64_t) (net->random % (uint64_t) most);
	return work->http->reply.retry_after_ms > most ? work->http->reply.retry_after_ms : (int) most;
}

/* Is there another attempt left?  Then its time is set. */
static bool
try_again(LhHttpWork *work, int most)
{
	LhHttp *http = work->http;

	if (http->range_len > 0 && http->on_body != NULL && work->attempt_got > 0 && work->keep &&
		work->resumes < MAX_RESUMES)
	{
		/* bytes came: go on behind them */
		work->resumes++;
		work->attempts = 0;
		work->not_before_ms = 0;
		return true;
	}
	if (http->reply.retry_after_ms > work->net->options.backoff_max_ms || ++work->attempts >= most)
		return false;
	/* a body that was handed over in part cannot be taken back */
	if (http->on_body != NULL && http->range_len == 0 && work->got > 0)
		return false;
	work->not_before_ms = lh_net_now_ms() + pause_ms(work);
	return true;
}

static LhStatus
fail_transport(LhCtx *ctx, LhHttpWork *work, const char *what)
{
	lh_fail(ctx, LH_IO, "could not reach host \"%s\": %s", work->url.host, what);
	if (work->attempts > 1)
		lh_detail(ctx, "It was tried %d times.", work->attempts);
	return LH_IO;
}

LhStatus
lh_http_judge_failure(LhCtx *ctx, LhHttpWork *work, const char *what, int most, bool *again)
{
	*again = try_again(work, most);
	return *again ? LH_OK : fail_transport(ctx, work, what);
}

static LhStatus
fail_refused(LhCtx *ctx, const LhHttpWork *work)
{
	LhAddress address;
	bool never = lh_address_parse(work->refused, &address) &&
				 lh_address_kind(&address) == LH_ADDRESS_REFUSED;

	lh_fail(ctx, LH_DENIED, "host \"%s\" has address %s, which may not be connected",
			work->url.host, work->refused);
	if (never)
		lh_detail(ctx, "Link-local, metadata and multicast addresses are always refused.");
	else
	{
		lh_detail(ctx, "Loopback, private and reserved addresses are refused unless "
					   "allowed_locations names the host or network.");
		lh_hint(ctx, "A superuser can add \"%s\" to the option allowed_locations of the server.",
				work->url.host);
	}
	return LH_DENIED;
}

static bool
is_redirect(const LhHttp *http)
{
	int status = http->reply.status;

	return !http->no_redirect && (http->method == LH_HTTP_GET || http->method == LH_HTTP_HEAD) &&
		   (status == 301 || status == 302 || status == 303 || status == 307 || status == 308) &&
		   http->reply.location[0] != '\0';
}

static LhStatus
follow(LhCtx *ctx, LhHttpWork *work)
{
	LhHttp *http = work->http;
	LhArena *old = lh_use(ctx, work->arena);
	LhUrl url;
	LhStatus status = lh_url_resolve(ctx, &work->url, http->reply.location, &url);

	lh_use(ctx, old);
	if (status == LH_OK && work->url.https && !url.https)
		status = lh_fail(ctx, LH_DENIED, "from https to http");
	if (status == LH_OK && ++work->redirects > MAX_REDIRECTS)
		status = lh_fail(ctx, LH_LIMIT, "more than %d redirects", MAX_REDIRECTS);
	if (status != LH_OK)
	{
		lh_error_prefix(ctx, "host \"%s\" redirects to where it cannot be followed",
						work->url.host);
		return status;
	}
	if (!lh_url_same_origin(&http->url, &url))
		work->foreign = true;
	work->url = url;
	work->name = NULL;
	work->not_before_ms = 0;
	return LH_OK;
}

/* A whole answer came. */
static LhStatus
judge_reply(LhCtx *ctx, LhHttpWork *work, bool *again)
{
	LhHttp *http = work->http;

	if (is_redirect(http))
	{
		*again = true;
		return follow(ctx, work);
	}
	if (is_retryable_status(http->reply.status))
		*again = try_again(work, work->net->options.attempts);
	else if (work->keep && http->method == LH_HTTP_GET && http->range_len > 0 &&
			 http->on_body != NULL && work->got < http->range_len)
	{
		*again = try_again(work, work->net->options.attempts);
		if (!*again)
			return fail_transport(ctx, work, "it sends fewer bytes than are wanted");
	}
	if (!*again && !is_success(http->reply.status) && http->text.len > 0)
		lh_http_reply_error_code(&http->reply, (const char *) http->text.data, http->text.len);
	return LH_OK;
}

LhStatus
lh_http_judge(LhCtx *ctx, LhHttpWork *work, CURLcode code, bool *again)
{
	LhHttp *http = work->http;
	char what[CURL_ERROR_SIZE + 64];

	*again = false;
	if (work->failed == LH_OK && code == CURLE_OK && !work->judged)
	{
		work->failed = judge_head(ctx, work);
		http->error = *ctx->error;
	}
	if (work->failed != LH_OK)
	{
		*ctx->error = http->error;
		return work->failed;
	}
	if (code == CURLE_OK)
		return judge_reply(ctx, work, again);
	if (code == CURLE_COULDNT_CONNECT && work->refused[0] != '\0')
		return fail_refused(ctx, work);
	if (is_retryable_code(code))
		*again = try_again(work, work->net->options.attempts);
	if (*again)
		return LH_OK;
	snprintf(what, sizeof(what), "%s",
			 work->curl_error[0] != '\0' ? work->curl_error : curl_easy_strerror(code));
	return fail_transport(ctx, work, what);
}

LhStatus
lh_http_run(LhCtx *ctx, LhNet *net, LhHttp *http)
{
	LhStatus status = lh_http_submit(ctx, net, http);

	if (status == LH_OK)
		status = lh_http_wait(ctx, http);
	if (status != LH_OK)
		lh_http_cancel(http);
	return status;
}

/*
 * What a status means
 */

static LhStatus
status_meaning(int status)
{
	switch (status)
	{
		case 401:
		case 403: return LH_DENIED;
		case 404:
		case 410: return LH_NOT_FOUND;
		case 409: return LH_EXISTS;
		case 412:
		case 416: return LH_CHANGED;
		default: return LH_IO;
	}
}

LhStatus
lh_http_fail(LhCtx *ctx, const LhHttp *http, const char *fmt, ...)
{
	const LhHttpReply *reply = &http->reply;
	LhStatus code = status_meaning(reply->status);
	char what[LH_ERROR_TEXT];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	lh_fail(ctx, code, "%s: the server answered with status %d%s%s", what, reply->status,
			reply->error_code[0] != '\0' ? ", " : "", reply->error_code);
	if (reply->retry_after_ms > 0)
		lh_detail(ctx, "It asks to come back in %d seconds.", reply->retry_after_ms / 1000);
	if (code == LH_DENIED)
		lh_hint(ctx, "Check the credentials in the user mapping of the server.");
	return code;
}
