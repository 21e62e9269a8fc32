/*
 * redis.h
 *		Internal: the Redis Streams sink's parts.  redis.c tells how it keeps its promise.
 */
#ifndef LH_SINK_REDIS_H
#define LH_SINK_REDIS_H

#include "sink/internal.h"
#include "sink/redis_link.h"

/*
 * An entry's id is COMMIT-SEQUENCE: the end of the commit, and ordinal and sub in one
 * number.  Ordinals of snapshots beside the stream reach 2^41 (client/incremental.h).
 */
#define LH_REDIS_SUB_BITS	  22
#define LH_REDIS_ORDINAL_MAX  ((UINT64_C(1) << (64 - LH_REDIS_SUB_BITS)) - 1)
#define LH_REDIS_SUB_MAX	  ((1 << LH_REDIS_SUB_BITS) - 1)
#define LH_REDIS_ID_TEXT	  44

/* Requests that are on their way at once. */
#define LH_REDIS_AHEAD 8

/* What servers take where they do not tell: 512 MB, and 1 GB for an entry. */
#define LH_REDIS_BULK_MAX  (UINT64_C(512) << 20)
#define LH_REDIS_ENTRY_MAX ((UINT64_C(1) << 30) - (UINT64_C(1) << 20))

/* WAIT answers well before we give up. */
#define LH_REDIS_WAIT_MS(r) ((r)->timeout_ms / 2)

/* A server reads a million arguments (before version 7); a message has far less than a thousand. */
#define LH_REDIS_ARGS_FULL 1000000
#define LH_REDIS_KEYS_FULL 4096

/* A stream that messages go to. */
typedef struct LhRedisStream
{
	const char *key;
	uint64_t	batch;			/* in which it was met last */
	int			number;			/* there, as KEYS has it */
} LhRedisStream;

/* What was asked for, in order. */
typedef struct LhRedisAsked
{
	LhChangePos pos;			/* durable with the answer */
	int			parts;			/* scripts in an EXEC; 0: one, bare */
	int			queued;			/* replies that come before */
	bool		open;			/* its EXEC was not sent */
	bool		answered;		/* the reply of WAIT is next */
} LhRedisAsked;

typedef struct LhRedisFields
{
	const char *key,
			   *value,
			   *op,
			   *position,
			   *header;			/* stands before an outbox's names; all: "": left out */
	bool		value_only;
} LhRedisFields;

typedef struct LhRedis
{
	LhSink		sink;
	LhArena    *arena;
	const char *uri;
	const char *stream;
	LhRedisTarget target;
	LhRedisLink *link;
	/* options */
	const char *user,
			   *password,
			   *password_file,
			   *password_env;
	const char *db;
	const char *prefix;
	const char *position_key;
	LhRedisFields fields;
	const char *trim;			/* "MAXLEN", "MINID" or "" */
	uint64_t	trim_n;
	uint64_t	batch_bytes;
	uint64_t	timeout_ms;
	uint64_t	replicas;		/* that WAIT waits for */
	bool		trust;
	uint64_t	bulk_max;
	/* who we are: another client's recovery puts its own there */
	char		owner[33];
	bool		ready;
	/* the batch: arguments of messages */
	LhBuf		head;
	LhBuf		body;
	LhBuf		text;
	uint64_t	nargs;
	uint64_t	batch;			/* counts them */
	int			keys[LH_REDIS_KEYS_FULL + 1];
	int			nkeys;
	int			part;			/* of an event that is larger than a batch: sent so far */
	bool		inside;			/* messages were put since the last commit */
	bool		flush_wanted;	/* at the next commit */
	LhChangePos at;				/* all up to here was put */
	LhChangePos sent;			/* what the server will hold when it has answered */
	bool		sent_known;
	uint64_t	last_id[2];
	/* streams met */
	LhArena    *names;
	LhNameMap  *stream_of;
	LhRedisStream *streams;
	int			nstreams,
				streams_cap;
	/* ring */
	LhRedisAsked asked[LH_REDIS_AHEAD];
	int			first,
				nasked;
	LhSinkRefusals refusals;
} LhRedis;

/* redis_config.c */
extern LhStatus lh_redis_read_options(LhCtx *ctx, const LhSinkConfig *config, bool tls, LhRedis *r);

/* redis_server.c: connect, say who we are, look at the server's settings, take the position over. */
extern LhStatus lh_redis_connect(LhCtx *ctx, LhRedis *r);
extern LhStatus lh_redis_take_over(LhCtx *ctx, LhRedis *r, LhChangePos *pos, bool *known);
/* What an error of the server means; what: "could not ...". */
extern LhStatus lh_redis_error(LhCtx *ctx, const LhRedis *r, const char *text, const char *what);
extern LhStatus lh_redis_odd(LhCtx *ctx, const LhRedis *r, const char *what);
extern const char lh_redis_append_script[];
/* Of a reply to WAIT. */
extern LhStatus lh_redis_check_replicas(LhCtx *ctx, const LhRedis *r, const LhRedisReply *reply);

/* The id of a message; LH_LIMIT when a number is beyond what it has room for. */
extern LhStatus lh_redis_id(LhCtx *ctx, const LhChangePos *pos, int sub, uint64_t id[2]);

#endif
