/*
 * client.c
 *		Transfers over libcurl's multi interface, driven by the calling thread.
 *
 * One step, repeated while somebody waits for a request:
 *
 *	1. requests whose turn it is get the address of their host (resolve.c) and
 *	   then a handle, LH_NET_PARALLEL at a time;
 *	2. what is ready, sockets, timers and look-ups, is handed on;
 *	3. attempts that ended are judged (request.c): done, again after a pause, or
 *	   on to where a redirect leads;
 *	4. the host waits for sockets until the next thing is due, and ends the wait
 *	   when it wants the work to stop.
 *
 * Several requests move on while one is waited for; what fails in another is
 * kept with that one.
 *
 * The connected address is judged where the socket is made, so that no answer
 * of a name server, however it changes, leads to a refused one.
 */
#include "net/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/hash.h"

/* Longest sleep when nothing is due: stalls are noticed in between. */
#define LONGEST_WAIT_MS 1000
/* Look-ups of one name for one request: they have retries of their own. */
#define NAME_ATTEMPTS   2

int64_t
lh_net_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/*
 * Signals
 */

void
lh_signals_block(LhSignals *signals)
{
	sigset_t all, pending;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &signals->old);
	sigpending(&pending);
	signals->pipe_pending = sigismember(&pending, SIGPIPE) == 1;
}

void
lh_signals_restore(const LhSignals *signals)
{
	struct timespec none = {0};
	sigset_t pending, pipe;

	/* a SIGPIPE of ours must not reach the host */
	sigpending(&pending);
	if (!signals->pipe_pending && sigismember(&pending, SIGPIPE) == 1)
	{
		sigemptyset(&pipe);
		sigaddset(&pipe, SIGPIPE);
		(void) sigtimedwait(&pipe, NULL, &none);
	}
	pthread_sigmask(SIG_SETMASK, &signals->old, NULL);
}

/*
 * Callbacks of curl: signals are blocked, nothing is raised
 */

static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
	LhNet *net = arg;
	int i = 0;

	(void) easy;
	(void) unused;
	while (i < net->nsockets && net->sockets[i].fd != fd)
		i++;
	if (what == CURL_POLL_REMOVE)
	{
		if (i < net->nsockets)
			net->sockets[i] = net->sockets[--net->nsockets];
		return 0;
	}
	if (i == LH_NET_SOCKETS)
		return -1;
	if (i == net->nsockets)
		net->nsockets++;
	net->sockets[i].fd = fd;
	net->sockets[i].events = (short) ((what & CURL_POLL_IN ? POLLIN : 0) |
									  (what & CURL_POLL_OUT ? POLLOUT : 0));
	return 0;
}

static int
on_timer(CURLM *multi, long timeout_ms, void *arg)
{
	LhNet *net = arg;

	(void) multi;
	net->timer_ms = timeout_ms < 0 ? -1 : lh_net_now_ms() + timeout_ms;
	return 0;
}

/*
 * The client
 */

static void
free_attempt(LhHttpWork *work)
{
	LhNet *net = work->net;

	if (work->easy != NULL)
	{
		curl_multi_remove_handle(net->multi, work->easy);
		/* a reset handle keeps its buffers, and no pointer to this request */
		curl_easy_reset(work->easy);
		if (net->nidle < LH_NET_PARALLEL)
			net->idle[net->nidle++] = work->easy;
		else
			curl_easy_cleanup(work->easy);
		net->running--;
	}
	curl_slist_free_all(work->headers);
	curl_slist_free_all(work->resolve);
	work->easy = NULL;
	work->headers = work->resolve = NULL;
}

static void
unlink_request(LhNet *net, LhHttp *http)
{
	for (LhHttp **at = &net->first; *at != NULL; at = &(*at)->next)
		if (*at == http)
		{
			*at = http->next;
			if (net->last == &http->next)
				net->last = at;
			return;
		}
}

/* Release function of a request's arena, before its memory goes. */
static void
release_work(void *arg)
{
	LhHttpWork *work = arg;
	LhSignals signals;

	if (work->http == NULL)
		return;
	if (work->net != NULL)
	{
		lh_signals_block(&signals);
		free_attempt(work);
		lh_signals_restore(&signals);
		unlink_request(work->net, work->http);
	}
	work->http->work = NULL;
	work->http->state = LH_HTTP_IDLE;
}

static void
release_net(void *arg)
{
	LhNet *net = arg;
	LhSignals signals;

	lh_signals_block(&signals);
	for (LhHttp *http = net->first; http != NULL; http = http->next)
	{
		free_attempt(http->work);
		http->work->net = NULL;
	}
	for (int i = 0; i < net->nidle; i++)
		curl_easy_cleanup(net->idle[i]);
	if (net->multi != NULL)
		curl_multi_cleanup(net->multi);
	for (int i = 0; i < net->nnames; i++)
		lh_name_stop(net->names[i]);
	lh_signals_restore(&signals);
}

static int
or_default(int value, int instead)
{
	return value > 0 ? value : instead;
}

static void
fill_options(LhNetOptions *o)
{
	o->connect_timeout_ms = or_default(o->connect_timeout_ms, 10000);
	o->stall_timeout_ms = or_default(o->stall_timeout_ms, 30000);
	o->total_timeout_ms = or_default(o->total_timeout_ms, 600000);
	o->attempts = or_default(o->attempts, 6);
	o->backoff_ms = or_default(o->backoff_ms, 100);
	o->backoff_max_ms = or_default(o->backoff_max_ms, 10000);
}

static bool
start_curl(LhNet *net)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return false;
	net->multi = curl_multi_init();
	return net->multi != NULL &&
		   curl_multi_setopt(net->multi, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK &&
		   curl_multi_setopt(net->multi, CURLMOPT_SOCKETDATA, net) == CURLM_OK &&
		   curl_multi_setopt(net->multi, CURLMOPT_TIMERFUNCTION, on_timer) == CURLM_OK &&
		   curl_multi_setopt(net->multi, CURLMOPT_TIMERDATA, net) == CURLM_OK &&
		   curl_multi_setopt(net->multi, CURLMOPT_MAXCONNECTS, (long) LH_NET_PARALLEL) == CURLM_OK;
}

LhStatus
lh_net_create(LhCtx *ctx, const LhNetOptions *options, LhNet **out)
{
	LhSignals signals;
	LhNet *net;
	bool ok;

	LH_NEW(ctx, net);
	net->arena = ctx->arena;
	net->options = *options;
	fill_options(&net->options);
	net->timer_ms = -1;
	net->last = &net->first;
	net->random = lh_hash_u64((uint64_t) lh_net_now_ms() ^ ((uint64_t) getpid() << 32));
	LH_TRY(lh_arena_on_reset(ctx, ctx->arena, release_net, net));
	lh_signals_block(&signals);
	ok = start_curl(net);
	lh_signals_restore(&signals);
	if (!ok)
		LH_FAIL(ctx, LH_NO_MEMORY, "could not start an HTTP client");
	*out = net;
	return LH_OK;
}

const LhNetOptions *
lh_net_options(const LhNet *net)
{
	return &net->options;
}

/*
 * Requests
 */

LhStatus
lh_http_submit(LhCtx *ctx, LhNet *net, LhHttp *http)
{
	LhArena *arena = lh_arena_child(ctx->arena), *old;
	LhHttpWork *work;

	if (arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	lh_arena_as_floor(arena);
	old = lh_use(ctx, arena);
	work = lh_alloc0(ctx, sizeof(*work));
	/* a string from the beginning */
	if (work != NULL &&
		(lh_buf_init(ctx, &http->text, true) != LH_OK || lh_buf_putc(ctx, &http->text, '\0') != LH_OK))
		work = NULL;
	lh_use(ctx, old);
	if (work == NULL)
	{
		lh_arena_destroy(arena);
		return ctx->error->code;
	}
	http->text.len = 0;
	work->http = http;
	work->arena = arena;
	work->url = http->url;
	http->work = work;
	http->net = net;
	http->next = NULL;
	http->result = LH_OK;
	http->state = LH_HTTP_WAITING;
	lh_http_reply_init(&http->reply);
	LH_TRY(lh_arena_on_reset(ctx, arena, release_work, work));
	work->net = net;
	*net->last = http;
	net->last = &http->next;
	return LH_OK;
}

void
lh_http_cancel(LhHttp *http)
{
	if (http->work != NULL)
		lh_arena_destroy(http->work->arena);
	http->work = NULL;
	http->state = LH_HTTP_IDLE;
	http->text = (LhBuf){0};
}

/* An error of this request, written to ctx, moves to it. */
static void
keep_error(LhCtx *ctx, LhHttp *http, LhStatus status)
{
	http->result = status;
	if (status != LH_OK)
		http->error = *ctx->error;
	lh_error_clear(ctx);
}

/* The request may go before its arena from now on. */
static void
finish(LhNet *net, LhHttp *http)
{
	unlink_request(net, http);
	http->work->http = NULL;
	http->state = LH_HTTP_DONE;
}

/* After an attempt: wait for the next, or done. */
static void
settle(LhCtx *ctx, LhNet *net, LhHttp *http, LhStatus status, bool again)
{
	LhSignals signals;

	lh_signals_block(&signals);
	free_attempt(http->work);
	lh_signals_restore(&signals);
	if (status == LH_OK && again)
	{
		http->state = LH_HTTP_WAITING;
		return;
	}
	keep_error(ctx, http, status);
	finish(net, http);
}

/*
 * Names
 */

static LhName *
find_name(LhNet *net, const char *host)
{
	for (int i = 0; i < net->nnames; i++)
		if (strcmp(net->names[i]->host, host) == 0)
			return net->names[i];
	return NULL;
}

/* A place for another host: a new one, or that of the host that was asked about longest ago. */
static LhStatus
new_name(LhCtx *ctx, LhNet *net, LhName **out)
{
	LhName *oldest = NULL;
	LhArena *old;

	if (net->nnames < LH_RESOLVE_HOSTS)
	{
		old = lh_use(ctx, net->arena);
		*out = lh_alloc0(ctx, sizeof(LhName));
		lh_use(ctx, old);
		if (*out == NULL)
			return ctx->error->code;
		(*out)->fd = -1;
		net->names[net->nnames++] = *out;
		return LH_OK;
	}
	for (int i = 0; i < net->nnames; i++)
		if (net->names[i]->state != LH_NAME_PENDING &&
			(oldest == NULL || net->names[i]->expires_ms < oldest->expires_ms))
			oldest = net->names[i];
	if (oldest == NULL)
		LH_FAIL(ctx, LH_LIMIT, "more than %d host names at a time", LH_RESOLVE_HOSTS);
	*out = oldest;
	return LH_OK;
}

/* The host's addresses, or that they are being looked up. */
static LhStatus
need_name(LhCtx *ctx, LhNet *net, LhHttpWork *work, int64_t now)
{
	LhName *name = find_name(net, work->url.host);

	bool waited;

	if (name == NULL)
		LH_TRY(new_name(ctx, net, &name));
	waited = work->name == name;
	work->name = name;
	if (name->state == LH_NAME_PENDING || (name->state == LH_NAME_KNOWN && now < name->expires_ms) ||
		(name->state == LH_NAME_FAILED && waited))
		return LH_OK;
	return lh_name_begin(ctx, name, work->url.host, net->options.resolver, now,
						 net->options.connect_timeout_ms);
}

/*
 * Starting
 */

static LhStatus
start_attempt(LhCtx *ctx, LhNet *net, LhHttpWork *work)
{
	LhSignals signals;
	LhStatus status;

	lh_signals_block(&signals);
	work->easy = net->nidle > 0 ? net->idle[--net->nidle] : curl_easy_init();
	status = LH_NO_MEMORY;
	if (work->easy == NULL)
		(void) lh_fail(ctx, LH_NO_MEMORY, "could not start an HTTP request");
	else
	{
		net->running++;
		status = lh_http_prepare(ctx, work);
		if (status == LH_OK && curl_multi_add_handle(net->multi, work->easy) != CURLM_OK)
			status = lh_fail(ctx, LH_NO_MEMORY, "could not start an HTTP request");
	}
	lh_signals_restore(&signals);
	if (status == LH_OK)
	{
		work->http->state = LH_HTTP_RUNNING;
		LH_COUNT(ctx, HTTP_REQUESTS, 1);
		if (work->attempts + work->resumes > 0)
			LH_COUNT(ctx, HTTP_RETRIES, 1);
	}
	return status;
}

/* Begin what can begin; the first requests go first. */
static void
start_waiting(LhCtx *ctx, LhNet *net, int64_t now)
{
	LhHttp *next;

	for (LhHttp *http = net->first; http != NULL; http = next)
	{
		LhHttpWork *work = http->work;
		bool again = false;
		LhStatus status;

		next = http->next;
		if (http->state != LH_HTTP_WAITING || now < work->not_before_ms ||
			net->running >= LH_NET_PARALLEL)
			continue;
		status = need_name(ctx, net, work, now);
		if (status == LH_OK && work->name->state == LH_NAME_PENDING)
			continue;
		if (status == LH_OK && work->name->state == LH_NAME_FAILED)
		{
			work->name = NULL;
			status = lh_http_judge_failure(ctx, work, "its name could not be looked up",
										   NAME_ATTEMPTS, &again);
		}
		else if (status == LH_OK)
		{
			work->last_ms = now;
			status = start_attempt(ctx, net, work);
			if (status == LH_OK)
				continue;
		}
		settle(ctx, net, http, status, again);
	}
}

/*
 * Moving on
 */

static LhHttpWork *
work_of(CURL *easy)
{
	char *private = NULL;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private);
	return (LhHttpWork *) private;
}

/* Judge the attempts that ended. */
static void
reap(LhCtx *ctx, LhNet *net)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(net->multi, &left)) != NULL)
	{
		LhHttpWork *work;
		LhStatus status;
		bool again = false;

		if (msg->msg != CURLMSG_DONE)
			continue;
		work = work_of(msg->easy_handle);
		status = lh_http_judge(ctx, work, msg->data.result, &again);
		settle(ctx, net, work->http, status, again);
	}
}

/* Attempts in which nothing moved for too long. */
static void
end_stalled(LhCtx *ctx, LhNet *net, int64_t now)
{
	LhHttp *next;

	for (LhHttp *http = net->first; http != NULL; http = next)
	{
		bool again = false;
		LhStatus status;

		next = http->next;
		if (http->state != LH_HTTP_RUNNING ||
			now - http->work->last_ms < net->options.stall_timeout_ms)
			continue;
		status = lh_http_judge_failure(ctx, http->work, "it does not answer",
									   net->options.attempts, &again);
		settle(ctx, net, http, status, again);
	}
}

/* Timers, and the descriptors that are ready. */
static void
drive(LhCtx *ctx, LhNet *net, const LhWaitFd *fds, int nfds)
{
	LhArena *old = ctx->arena;
	LhSignals signals;
	int running;

	net->ctx = ctx;
	lh_signals_block(&signals);
	for (int i = 0; i < nfds; i++)
	{
		int mask = (fds[i].revents & (POLLIN | POLLHUP) ? CURL_CSELECT_IN : 0) |
				   (fds[i].revents & POLLOUT ? CURL_CSELECT_OUT : 0) |
				   (fds[i].revents & (POLLERR | POLLNVAL) ? CURL_CSELECT_ERR : 0);

		if (mask != 0)
			curl_multi_socket_action(net->multi, fds[i].fd, mask, &running);
	}
	if (net->timer_ms >= 0 && lh_net_now_ms() >= net->timer_ms)
	{
		net->timer_ms = -1;
		curl_multi_socket_action(net->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	reap(ctx, net);
	lh_signals_restore(&signals);
	net->ctx = NULL;
	lh_use(ctx, old);
}

static void
sooner(int64_t *timeout, int64_t then, int64_t now)
{
	int64_t left = then > now ? then - now : 0;

	if (left < *timeout)
		*timeout = left;
}

/* What to wait for, and how long. */
static int
gather(const LhNet *net, LhWaitFd *fds, int64_t now, int64_t *timeout)
{
	int n = 0;

	*timeout = LONGEST_WAIT_MS;
	for (int i = 0; i < net->nsockets; i++)
		fds[n++] = (LhWaitFd){.fd = net->sockets[i].fd, .events = net->sockets[i].events};
	for (int i = 0; i < net->nnames; i++)
	{
		if (net->names[i]->state != LH_NAME_PENDING)
			continue;
		fds[n++] = (LhWaitFd){.fd = net->names[i]->fd, .events = POLLIN};
		sooner(timeout, net->names[i]->deadline_ms, now);
	}
	if (net->timer_ms >= 0)
		sooner(timeout, net->timer_ms, now);
	for (const LhHttp *http = net->first; http != NULL; http = http->next)
	{
		if (http->state == LH_HTTP_RUNNING)
			sooner(timeout, http->work->last_ms + net->options.stall_timeout_ms, now);
		else if (net->running < LH_NET_PARALLEL &&
				 (http->work->name == NULL || http->work->name->state != LH_NAME_PENDING))
			sooner(timeout, http->work->not_before_ms, now);
	}
	return n;
}

/* All that can be done now; then sleep until there is more to do, or "until" is done (NULL: no sleep). */
static LhStatus
step(LhCtx *ctx, LhNet *net, const LhHttp *until)
{
	LhWaitFd fds[LH_NET_SOCKETS + LH_RESOLVE_HOSTS];
	int64_t now = lh_net_now_ms(), timeout;
	int nfds;

	for (int i = 0; i < net->nnames; i++)
		lh_name_advance(net->names[i], now);
	start_waiting(ctx, net, now);
	drive(ctx, net, NULL, 0);
	end_stalled(ctx, net, lh_net_now_ms());
	nfds = gather(net, fds, lh_net_now_ms(), &timeout);
	if (until == NULL || until->state == LH_HTTP_DONE)
		timeout = 0;
	if (lh_host_wait(ctx, fds, nfds, (int) timeout) < 0)
		LH_FAIL(ctx, LH_IO, "could not wait for the network: %s", lh_errno_text(errno));
	drive(ctx, net, fds, nfds);
	return LH_OK;
}

LhStatus
lh_http_progress(LhCtx *ctx, LhNet *net)
{
	return net->first != NULL ? step(ctx, net, NULL) : LH_OK;
}

LhStatus
lh_http_wait(LhCtx *ctx, LhHttp *http)
{
	if (http->state == LH_HTTP_IDLE || (http->state != LH_HTTP_DONE && http->work->net == NULL))
		LH_FAIL(ctx, LH_BUG, "waiting for a request that is not under way");
	while (http->state != LH_HTTP_DONE)
	{
		LH_TRY(lh_poll(ctx));
		LH_TRY(step(ctx, http->net, http));
	}
	if (http->result != LH_OK)
	{
		LH_TRY(lh_poll(ctx));
		*ctx->error = http->error;
	}
	return http->result;
}
