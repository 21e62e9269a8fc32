/*
 * client.h
 *		Internal: a client's transfers, and what one request keeps for itself.
 */
#ifndef LH_NET_CLIENT_H
#define LH_NET_CLIENT_H

#include <curl/curl.h>
#include <signal.h>

#include "net/net.h"
#include "net/resolve.h"

/* Two sockets a transfer while both address families are tried; what a host waits for at once. */
#define LH_NET_SOCKETS 24

/* What one request keeps while it is under way. */
typedef struct LhHttpWork
{
	LhHttp *http;
	LhNet *net;     /* NULL: the client is gone */
	LhArena *arena; /* of this struct, the text and all that an attempt allocates */
	LhArena *attempt_arena;
	LhUrl url;    /* redirects change it */
	bool foreign; /* another origin than the first: no credentials */
	int redirects;
	int attempts;          /* that failed, since bytes came last */
	int resumes;           /* attempts that went on behind bytes that came */
	int64_t not_before_ms; /* pause */
	LhName *name;

	/* the attempt */
	CURL *easy; /* NULL: none */
	struct curl_slist *headers;
	struct curl_slist *resolve;
	int64_t last_ms; /* when something moved */
	int64_t attempt_got;
	size_t sent; /* of the body */
	bool judged; /* the answer's head was looked at */
	bool keep;   /* the body is wanted */
	LhStatus failed;   /* by a callback; its error is in http->error */
	char refused[64];  /* address that the rules refused */
	char curl_error[CURL_ERROR_SIZE];

	int64_t got; /* bytes of the body handed over */
} LhHttpWork;

typedef struct LhNetSocket
{
	curl_socket_t fd;
	short events; /* of poll(2) */
} LhNetSocket;

struct LhNet
{
	LhArena *arena;
	LhNetOptions options; /* with its defaults filled in */
	CURLM *multi;
	int64_t timer_ms; /* when curl wants to be called; -1: not */
	int nsockets;
	LhNetSocket sockets[LH_NET_SOCKETS];
	int nnames;
	LhName *names[LH_RESOLVE_HOSTS];
	int nidle;
	CURL *idle[LH_NET_PARALLEL];
	int running;
	LhHttp *first; /* submitted and not done, in order */
	LhHttp **last;
	uint64_t random;
	LhCtx *ctx; /* while curl may call back */
};

/* Curl may start threads and write to closed sockets: it is called with all signals blocked. */
typedef struct LhSignals
{
	sigset_t old;
	bool pipe_pending;
} LhSignals;

extern void lh_signals_block(LhSignals *signals);
extern void lh_signals_restore(const LhSignals *signals);

extern int64_t lh_net_now_ms(void);

/* ---- request.c ---- */

/* Make the attempt's handle; curl is not called back yet.  Signals are blocked. */
extern LhStatus lh_http_prepare(LhCtx *ctx, LhHttpWork *work);
/*
 * The attempt is over: *again when there will be another (work->not_before_ms
 * and url are set), else http->result is.
 */
extern LhStatus lh_http_judge(LhCtx *ctx, LhHttpWork *work, CURLcode code, bool *again);
/* The attempt could not even begin, or took too long: "most" of these are made. */
extern LhStatus lh_http_judge_failure(LhCtx *ctx, LhHttpWork *work, const char *what, int most,
									  bool *again);

/* ---- reply.c ---- */

extern void lh_http_reply_init(LhHttpReply *reply);
/* A line of the answer's head. */
extern void lh_http_reply_line(LhHttpReply *reply, const char *line, size_t len);
/* "bytes 0-9/100", "bytes 0-9/" with a star, "bytes " star "/100"; false when malformed. */
extern bool lh_http_content_range(const char *text, int64_t *from, int64_t *to, int64_t *total);
/* Milliseconds of a Retry-After header: seconds, or a date; -1 when malformed. */
extern int lh_http_retry_after(const char *text, int64_t unix_now);
/* <Code> of an XML error body. */
extern void lh_http_reply_error_code(LhHttpReply *reply, const char *body, size_t len);

#endif
