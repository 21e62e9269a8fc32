/*
 * redis_link.h
 *		One connection to a Redis server: socket, TLS, requests and replies (RESP2).
 *
 *	1. Nothing blocks: the socket waits through the host, so each call can be cancelled,
 *	   and fails with LH_IO when the server is silent for timeout_ms.
 *	2. Requests may be sent ahead; replies come in their order.  While a request is
 *	   written, replies are taken in, so that neither side waits for the other's buffer.
 *	3. Replies are taken apart by hiredis.  What one may be is bounded: an array of
 *	   single values at most, LH_REDIS_NODES of them kept, LH_REDIS_REPLY_MAX bytes.
 *
 * After any failure the link is closed; lh_redis_link_connect opens it again.
 *
 * Protocol: https://redis.io/docs/latest/develop/reference/protocol-spec/
 */
#ifndef LH_SINK_REDIS_LINK_H
#define LH_SINK_REDIS_LINK_H

#include "core/core.h"

/* Elements of an array that are kept, and how many there may be. */
#define LH_REDIS_NODES	   64
#define LH_REDIS_ELEMENTS  (1 << 20)
/* Bytes of one reply. */
#define LH_REDIS_REPLY_MAX ((size_t) 4 << 20)
/* Text of an error that is kept. */
#define LH_REDIS_ERROR_TEXT 384

typedef enum LhRedisVerify
{
	LH_REDIS_VERIFY_FULL,		/* certificate and name of the host */
	LH_REDIS_VERIFY_CA,			/* certificate alone */
	LH_REDIS_VERIFY_NONE
} LhRedisVerify;

/* Where the server is; borrowed for the link's life. */
typedef struct LhRedisTarget
{
	const char *uri;			/* for messages */
	const char *host;			/* IPv6 without its brackets; NULL: socket */
	int			port;
	const char *socket;			/* path of a Unix socket */
	bool		tls;
	LhRedisVerify verify;
	const char *ca;				/* files; NULL: the system's certificates, none */
	const char *cert;
	const char *key;
	int			connect_ms;		/* name, connection and TLS */
	int			timeout_ms;		/* for a reply, or for the server to take a byte */
} LhRedisTarget;

typedef enum LhRedisKind
{
	LH_REDIS_STATUS,
	LH_REDIS_STRING,
	LH_REDIS_INTEGER,
	LH_REDIS_NIL,
	LH_REDIS_ERROR,
	LH_REDIS_ARRAY
} LhRedisKind;

/* A single value. */
typedef struct LhRedisNode
{
	LhRedisKind kind;
	int64_t		integer;
	size_t		at;				/* of its text in the link's buffer */
	size_t		len;
} LhRedisNode;

/* Valid until the next one is asked for. */
typedef struct LhRedisReply
{
	LhRedisNode top;
	int			elements;		/* of an array */
	LhRedisNode v[LH_REDIS_NODES];	/* its first ones */
	int			errors;			/* in all of it */
	char		error[LH_REDIS_ERROR_TEXT]; /* the first one: printable ASCII */
} LhRedisReply;

typedef struct LhRedisLink LhRedisLink;

/* In ctx->arena, not connected. */
extern LhStatus lh_redis_link_create(LhCtx *ctx, const LhRedisTarget *target, LhRedisLink **out);
extern LhStatus lh_redis_link_connect(LhCtx *ctx, LhRedisLink *link);
extern bool lh_redis_link_connected(const LhRedisLink *link);
extern void lh_redis_link_close(LhRedisLink *link);
/* All of it is with the operating system when this returns. */
extern LhStatus lh_redis_link_send(LhCtx *ctx, LhRedisLink *link, const void *p, size_t n);
/* Wait for a reply; an error of the server is LH_OK here. */
extern LhStatus lh_redis_link_reply(LhCtx *ctx, LhRedisLink *link, const LhRedisReply **out);
/* *out NULL: none is there yet. */
extern LhStatus lh_redis_link_poll(LhCtx *ctx, LhRedisLink *link, const LhRedisReply **out);
/* Text of a node, NUL-terminated; "" where it has none. */
extern const char *lh_redis_text(const LhRedisLink *link, const LhRedisNode *node);

/* A request's parts: "*n" and each argument. */
extern LhStatus lh_redis_put_count(LhCtx *ctx, LhBuf *out, char sign, uint64_t n);
extern LhStatus lh_redis_put_arg(LhCtx *ctx, LhBuf *out, const void *p, size_t n);
extern LhStatus lh_redis_put_text(LhCtx *ctx, LhBuf *out, const char *text);

/* ---- redis_tls.c ---- */

typedef struct LhRedisTls LhRedisTls;

/* A session that begins, over bytes in memory; in malloc's memory. */
extern LhStatus lh_redis_tls_begin(LhCtx *ctx, const LhRedisTarget *target, LhRedisTls **out);
extern void lh_redis_tls_end(LhRedisTls *tls);
/* Go on with the handshake; *done false: what is in "pending" goes out, and more must come in. */
extern LhStatus lh_redis_tls_handshake(LhCtx *ctx, LhRedisTls *tls, const LhRedisTarget *target, bool *done);
/* Bytes from the network. */
extern LhStatus lh_redis_tls_feed(LhCtx *ctx, LhRedisTls *tls, const void *p, size_t n);
/* What they say; *n 0: no more for now. */
extern LhStatus lh_redis_tls_read(LhCtx *ctx, LhRedisTls *tls, const LhRedisTarget *target, void *p, size_t cap, size_t *n);
extern LhStatus lh_redis_tls_write(LhCtx *ctx, LhRedisTls *tls, const LhRedisTarget *target, const void *p, size_t n);
/* Bytes for the network, in order: as many as fit. */
extern size_t lh_redis_tls_pending(LhRedisTls *tls, void *p, size_t cap);

#endif
