/*
 * nats_link.c
 *		One connection to a NATS server, in a thread that calls the library.
 *
 *	1. The library connects, writes and closes in calls that may block for long, and cannot be
 *	   told to stop.  So a thread of ours makes them, and nobody waits for it but through the
 *	   host: for a connection, for answers, for nothing else.
 *	2. Messages go to the thread in a queue, whose length the sink bounds; answers come in a list,
 *	   from the library's delivery thread.  An eventfd tells of all that is new.
 *	3. There is no reconnect: the library would send again what it had, blindly.  A connection that
 *	   is lost stays lost, and the sink is recovered over another one.
 *	4. What these threads touch is counted: by the sink, our thread, the library's closed
 *	   callback (its last for a connection) and the subscription's end (the last for answers).
 *	   The last one frees it.  A sink that is cancelled leaves a thread that hangs behind.
 *	5. All signals are blocked in our thread, and in those that the library makes.
 */
#include "sink/nats.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

/* Closing waits so long for the thread, then leaves it. */
#define CLOSE_MS 1000

typedef struct Item
{
	struct Item *next;
	natsMsg *msg;
} Item;

struct LhNatsLink
{
	pthread_mutex_t mutex;
	pthread_cond_t work; /* for the thread */
	int refs;
	int event; /* for who waits */
	natsOptions *options;
	size_t reply_bytes_max;
	char uri[256];
	char inbox[LH_NATS_INBOX - 24];
	/* under the mutex */
	bool stop;
	bool connected;
	bool over;    /* the thread calls the library no more */
	bool closed;  /* by the library */
	LhStatus bad; /* and its text */
	char text[256];
	int64_t max_payload;
	Item *first_item, *last_item;
	LhNatsReply *first_reply, *last_reply;
	size_t reply_bytes;
};

static void
lock(LhNatsLink *link)
{
	pthread_mutex_lock(&link->mutex);
}

static void
unlock(LhNatsLink *link)
{
	pthread_mutex_unlock(&link->mutex);
}

/* Somebody who waits has something to see. */
static void
tell(LhNatsLink *link)
{
	uint64_t one = 1;

	while (write(link->event, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static void
drop_items(LhNatsLink *link)
{
	while (link->first_item != NULL)
	{
		Item *item = link->first_item;

		link->first_item = item->next;
		natsMsg_Destroy(item->msg);
		free(item);
	}
	link->last_item = NULL;
}

static void
release(LhNatsLink *link)
{
	bool last;

	lock(link);
	last = --link->refs == 0;
	unlock(link);
	if (!last)
		return;
	drop_items(link);
	for (LhNatsReply *r; (r = link->first_reply) != NULL;)
	{
		link->first_reply = r->next;
		free(r);
	}
	natsOptions_Destroy(link->options);
	close(link->event);
	pthread_cond_destroy(&link->work);
	pthread_mutex_destroy(&link->mutex);
	free(link);
}

static void
retain(LhNatsLink *link)
{
	lock(link);
	link->refs++;
	unlock(link);
}

/* The first failure is the one that is told. */
static void
fail(LhNatsLink *link, LhStatus status, const char *text)
{
	lock(link);
	if (link->bad == LH_OK)
	{
		link->bad = status;
		snprintf(link->text, sizeof(link->text), "%s", text);
	}
	pthread_cond_signal(&link->work);
	unlock(link);
	tell(link);
}

static LhStatus
status_of(natsStatus s)
{
	switch (s)
	{
		case NATS_CONNECTION_AUTH_FAILED:
		case NATS_NOT_PERMITTED:
		case NATS_NOT_FOUND: /* a seed, in its file */ return LH_DENIED;
		case NATS_SSL_ERROR:
		case NATS_SECURE_CONNECTION_REQUIRED:
		case NATS_SECURE_CONNECTION_WANTED: return LH_DENIED;
		case NATS_NO_MEMORY: return LH_NO_MEMORY;
		case NATS_INVALID_ARG:
		case NATS_ADDRESS_MISSING: return LH_INVALID;
		default: return LH_IO;
	}
}

/*
 * Callbacks of the library, in its threads
 */

/* The last one of a connection. */
static void
on_closed(natsConnection *nc, void *arg)
{
	LhNatsLink *link = arg;

	lock(link);
	link->closed = true;
	unlock(link);
	fail(link, LH_IO, "the connection was closed");
	release(link);
}

/* What a server says that is no answer; it comes before on_closed. */
static void
on_error(natsConnection *nc, natsSubscription *sub, natsStatus err, void *arg)
{
	const char *text = NULL;
	char copy[200];

	(void) natsConnection_GetLastError(nc, &text);
	snprintf(copy, sizeof(copy), "%s",
			 text != NULL && text[0] != '\0' ? text : natsStatus_GetText(err));
	fail(arg, status_of(err), copy);
}

/* An answer: the token is the last part of its subject. */
static void
on_reply(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *arg)
{
	LhNatsLink *link = arg;
	const char *token = strrchr(natsMsg_GetSubject(msg), '.');
	size_t len = (size_t) natsMsg_GetDataLength(msg);
	LhNatsReply *reply = malloc(sizeof(*reply) + len + 1);
	bool kept = false;

	if (reply != NULL)
	{
		reply->next = NULL;
		reply->token = token != NULL ? strtoull(token + 1, NULL, 10) : 0;
		reply->nobody = natsMsg_IsNoResponders(msg);
		reply->len = len;
		if (len > 0)
			memcpy(reply->text, natsMsg_GetData(msg), len);
		reply->text[len] = '\0';
		lock(link);
		kept = link->reply_bytes + len + sizeof(*reply) <= link->reply_bytes_max;
		if (kept)
		{
			*(link->first_reply == NULL ? &link->first_reply : &link->last_reply->next) = reply;
			link->last_reply = reply;
			link->reply_bytes += len + sizeof(*reply);
		}
		unlock(link);
		if (!kept)
			free(reply);
	}
	natsMsg_Destroy(msg);
	if (kept)
		tell(link);
	else
		fail(link, LH_LIMIT, "a server sent more answers than there is room for");
}

static void
on_replies_over(void *arg)
{
	release(arg);
}

/*
 * The thread
 */

static bool
prepare(LhNatsLink *link, natsConnection *nc, natsSubscription **sub)
{
	char subject[LH_NATS_INBOX];
	natsStatus s;

	snprintf(subject, sizeof(subject), "%s.*", link->inbox);
	if (natsConnection_HasHeaderSupport(nc) != NATS_OK)
	{
		fail(link, LH_UNSUPPORTED, "the server knows no headers");
		return false;
	}
	retain(link);
	s = natsConnection_Subscribe(sub, nc, subject, on_reply, link);
	if (s == NATS_OK)
		/* before the server can answer anything: nothing was asked yet */
		s = natsSubscription_SetOnCompleteCB(*sub, on_replies_over, link);
	else
		release(link);
	if (s != NATS_OK)
	{
		fail(link, status_of(s), natsStatus_GetText(s));
		return false;
	}
	lock(link);
	link->max_payload = natsConnection_GetMaxPayload(nc);
	link->connected = true;
	unlock(link);
	tell(link);
	return true;
}

/* Send what there is, until the end. */
static void
work(LhNatsLink *link, natsConnection *nc)
{
	lock(link);
	while (!link->stop && link->bad == LH_OK)
	{
		Item *item = link->first_item;
		natsStatus s;

		if (item == NULL)
		{
			pthread_cond_wait(&link->work, &link->mutex);
			continue;
		}
		link->first_item = item->next;
		if (item->next == NULL)
			link->last_item = NULL;
		unlock(link);
		s = natsConnection_PublishMsg(nc, item->msg);
		natsMsg_Destroy(item->msg);
		free(item);
		if (s != NATS_OK)
		{
			char text[128];

			snprintf(text, sizeof(text), "writing to the server failed: %s", natsStatus_GetText(s));
			fail(link, status_of(s), text);
		}
		lock(link);
	}
	unlock(link);
}

static void *
run(void *arg)
{
	LhNatsLink *link = arg;
	natsConnection *nc = NULL;
	natsSubscription *sub = NULL;
	natsStatus s;

	retain(link); /* for on_closed */
	s = natsConnection_Connect(&nc, link->options);
	if (s != NATS_OK)
	{
		natsStatus last;
		const char *text = nats_GetLastError(&last), *behind;

		/* "(conn.c:123): what happened" */
		if (text != NULL && text[0] == '(' && (behind = strstr(text, "): ")) != NULL)
			text = behind + 3;
		fail(link, status_of(s), text != NULL && text[0] != '\0' ? text : natsStatus_GetText(s));
		release(link);
	}
	else
	{
		if (prepare(link, nc, &sub))
			work(link, nc);
		natsConnection_Close(nc);
		natsSubscription_Destroy(sub);
		natsConnection_Destroy(nc);
	}
	nats_ReleaseThreadMemory();
	lock(link);
	link->over = true;
	unlock(link);
	tell(link);
	release(link);
	return NULL;
}

/*
 * For the sink
 */

LhStatus
lh_nats_begin(LhCtx *ctx, void *old_mask, size_t size)
{
	sigset_t all;

	if (size != sizeof(sigset_t))
		LH_FAIL(ctx, LH_BUG, "a signal mask of %zu bytes", size);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, old_mask);
	return LH_OK;
}

void
lh_nats_end(const void *old_mask)
{
	pthread_sigmask(SIG_SETMASK, old_mask, NULL);
}

static LhStatus
start(LhCtx *ctx, LhNatsLink *link)
{
	pthread_t thread;
	pthread_attr_t attr;
	sigset_t old;
	int err;

	LH_TRY(lh_nats_begin(ctx, &old, sizeof(old)));
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	retain(link);
	err = pthread_create(&thread, &attr, run, link);
	pthread_attr_destroy(&attr);
	lh_nats_end(&old);
	if (err == 0)
		return LH_OK;
	release(link);
	LH_FAIL(ctx, LH_IO, "sink \"%s\": no thread could be started: %s", link->uri, strerror(err));
}

static LhStatus
create(LhCtx *ctx, natsOptions *options, const LhNatsLimits *limits, LhNatsLink **out)
{
	LhNatsLink *link = calloc(1, sizeof(*link));
	uint64_t unique[2];

	if (link == NULL)
	{
		natsOptions_Destroy(options);
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	}
	link->refs = 1;
	link->options = options;
	link->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&link->mutex, NULL);
	pthread_cond_init(&link->work, NULL);
	link->reply_bytes_max = limits->reply_bytes;
	snprintf(link->uri, sizeof(link->uri), "%s", limits->uri);
	if (link->event < 0 || getrandom(unique, sizeof(unique), 0) != (ssize_t) sizeof(unique))
	{
		release(link);
		LH_FAIL(ctx, LH_IO, "sink \"%s\": no event descriptor: %s", limits->uri, strerror(errno));
	}
	snprintf(link->inbox, sizeof(link->inbox), "%.48s.%016llx%016llx", limits->inbox,
			 (unsigned long long) unique[0], (unsigned long long) unique[1]);
	natsOptions_SetClosedCB(options, on_closed, link);
	natsOptions_SetErrorHandler(options, on_error, link);
	*out = link;
	return LH_OK;
}

LhStatus
lh_nats_link_check(LhCtx *ctx, LhNatsLink *link)
{
	LhStatus bad;
	char text[sizeof(link->text)];

	lock(link);
	bad = link->bad;
	memcpy(text, link->text, sizeof(text));
	unlock(link);
	if (bad == LH_OK)
		return LH_OK;
	lh_fail(ctx, bad, "sink \"%s\": %s", link->uri, text);
	if (bad == LH_DENIED)
		lh_hint(ctx,
				"Look at the rights of this user: it publishes to the stream's subjects and to "
				"JetStream's API, and is answered below its inbox; or at certificates.");
	return bad;
}

LhStatus
lh_nats_link_wait(LhCtx *ctx, LhNatsLink *link, int64_t ms)
{
	LhWaitFd fd = {.fd = link->event, .events = POLLIN};
	uint64_t n;

	LH_TRY(lh_poll(ctx));
	(void) lh_host_wait(ctx, &fd, 1, (int) (ms < LH_NATS_SLICE_MS ? ms : LH_NATS_SLICE_MS));
	while (read(link->event, &n, sizeof(n)) < 0 && errno == EINTR)
		;
	return lh_poll(ctx);
}

static LhStatus
await_connection(LhCtx *ctx, LhNatsLink *link, uint64_t ms)
{
	int64_t until = lh_sink_now_ms() + (int64_t) ms;

	for (;;)
	{
		bool connected;

		LH_TRY(lh_nats_link_check(ctx, link));
		lock(link);
		connected = link->connected;
		unlock(link);
		if (connected)
			return LH_OK;
		LH_TRY(lh_nats_link_wait(ctx, link, LH_NATS_SLICE_MS));
		if (lh_sink_now_ms() < until)
			continue;
		lh_fail(ctx, LH_IO, "sink \"%s\": no connection within %llu ms", link->uri,
				(unsigned long long) ms);
		lh_hint(ctx, "Look whether the server can be reached; connect.timeout.ms gives more time.");
		return LH_IO;
	}
}

LhStatus
lh_nats_link_open(LhCtx *ctx, natsOptions *options, const LhNatsLimits *limits, LhNatsLink **out)
{
	LhStatus status;
	LhNatsLink *link = NULL;

	*out = NULL;
	LH_TRY(create(ctx, options, limits, &link));
	status = start(ctx, link);
	if (status == LH_OK)
		status = await_connection(ctx, link, limits->timeout_ms);
	if (status != LH_OK)
	{
		lh_nats_link_close(link);
		return status;
	}
	*out = link;
	return LH_OK;
}

LhStatus
lh_nats_link_send(LhCtx *ctx, LhNatsLink *link, natsMsg *msg)
{
	Item *item = malloc(sizeof(*item));

	if (item == NULL)
	{
		natsMsg_Destroy(msg);
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	}
	item->next = NULL;
	item->msg = msg;
	lock(link);
	*(link->first_item == NULL ? &link->first_item : &link->last_item->next) = item;
	link->last_item = item;
	pthread_cond_signal(&link->work);
	unlock(link);
	return LH_OK;
}

void
lh_nats_link_inbox(const LhNatsLink *link, uint64_t token, char out[LH_NATS_INBOX])
{
	snprintf(out, LH_NATS_INBOX, "%s.%llu", link->inbox, (unsigned long long) token);
}

LhNatsReply *
lh_nats_link_take(LhNatsLink *link)
{
	LhNatsReply *reply;

	lock(link);
	reply = link->first_reply;
	if (reply != NULL)
	{
		link->first_reply = reply->next;
		link->reply_bytes -= reply->len + sizeof(*reply);
	}
	unlock(link);
	return reply;
}

int64_t
lh_nats_link_max_payload(const LhNatsLink *link)
{
	return link->max_payload;
}

void
lh_nats_link_close(LhNatsLink *link)
{
	int64_t until = lh_sink_now_ms() + CLOSE_MS;
	bool over;

	lock(link);
	link->stop = true;
	drop_items(link);
	pthread_cond_signal(&link->work);
	/* one that still connects has nothing to end, and may take long */
	over = link->over || !link->connected;
	unlock(link);
	/* no host here: it is short, and whoever wants to stop has said so already */
	while (!over && lh_sink_now_ms() < until)
	{
		struct pollfd fd = {.fd = link->event, .events = POLLIN};
		uint64_t n;

		(void) poll(&fd, 1, LH_NATS_SLICE_MS);
		while (read(link->event, &n, sizeof(n)) < 0 && errno == EINTR)
			;
		lock(link);
		over = link->over;
		unlock(link);
	}
	release(link);
}
