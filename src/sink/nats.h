/*
 * nats.h
 *		Internal: the parts of the NATS JetStream sink.  nats.c tells how it keeps its promise.
 *
 *	nats.c			the vtable: messages, acknowledgements, flush
 *	nats_message.c	subjects, headers, positions in headers
 *	nats_config.c	options
 *	nats_stream.c	JetStream's API: the stream found, made, checked; the position read back
 *	nats_link.c		one connection, in a thread that calls the library
 */
#ifndef LH_SINK_NATS_H
#define LH_SINK_NATS_H

#include <nats/nats.h>

#include "sink/internal.h"

/* Waits ask the host whether to go on at least so often. */
#define LH_NATS_SLICE_MS    200
#define LH_NATS_SUBJECT_MAX 512
/* The server counts the bytes of headers in 16 bits. */
#define LH_NATS_HEADERS_MAX 65000
/* Room for the headers that a message gets when it leaves (position, expected sequence). */
#define LH_NATS_LATE_ROOM   640

#define LH_NATS_H_ID        "Nats-Msg-Id"
#define LH_NATS_H_EXPECT    "Nats-Expected-Last-Sequence"
#define LH_NATS_H_BEHIND    "Nats-Expected-Last-Msg-Id"
#define LH_NATS_H_IN        "Nats-Expected-Stream"
#define LH_NATS_H_ROLLUP    "Nats-Rollup"
#define LH_NATS_H_STREAM    "Lakehouse-Stream"
#define LH_NATS_H_AT        "Lakehouse-At"
#define LH_NATS_H_DONE      "Lakehouse-Done"
#define LH_NATS_H_KEY       "Lakehouse-Key"
#define LH_NATS_H_TOMBSTONE "Lakehouse-Tombstone"

/* ---- nats_link.c ---- */

/*
 * A connection.  Everything of the library that may block is called by a thread of its own; all here
 * returns at once, but for waits, which go through the host.  What threads touch is counted, so
 * that a thread that hangs in the library is left to itself.
 */
typedef struct LhNatsLink LhNatsLink;

/* An answer: to the request or message that had this token. */
typedef struct LhNatsReply
{
	struct LhNatsReply *next;
	uint64_t	token;
	bool		nobody;			/* nobody listens on that subject */
	size_t		len;
	char		text[];			/* and a NUL */
} LhNatsReply;

typedef struct LhNatsLimits
{
	uint64_t	timeout_ms;		/* for connecting */
	size_t		reply_bytes;	/* of answers that wait for us */
	const char *inbox;			/* prefix */
	const char *uri;			/* for messages */
} LhNatsLimits;

/* Connects with these options, which it takes, whatever comes of it. */
extern LhStatus lh_nats_link_open(LhCtx *ctx, natsOptions *options, const LhNatsLimits *limits, LhNatsLink **out);
/* The library's threads begin with no signals open to them; so must what makes them: around the library's calls. */
extern LhStatus lh_nats_begin(LhCtx *ctx, void *old_mask, size_t size);
extern void lh_nats_end(const void *old_mask);
/* Sends it, later; takes it.  Its answer has this token. */
extern LhStatus lh_nats_link_send(LhCtx *ctx, LhNatsLink *link, natsMsg *msg);
/* The subject for the answer of a token. */
#define LH_NATS_INBOX 128
extern void lh_nats_link_inbox(const LhNatsLink *link, uint64_t token, char out[LH_NATS_INBOX]);
/* The oldest answer, to be freed; NULL: none is there. */
extern LhNatsReply *lh_nats_link_take(LhNatsLink *link);
/* Until there are news, at most ms; LH_CANCELLED. */
extern LhStatus lh_nats_link_wait(LhCtx *ctx, LhNatsLink *link, int64_t ms);
/* What went wrong with the connection since it was made. */
extern LhStatus lh_nats_link_check(LhCtx *ctx, LhNatsLink *link);
extern int64_t lh_nats_link_max_payload(const LhNatsLink *link);
/* Nothing that was not sent yet is sent. */
extern void lh_nats_link_close(LhNatsLink *link);

/* ---- the sink ---- */

/* A message that is on its way. */
typedef struct LhNatsSent
{
	uint64_t	token;
	LhChangePos pos;
	int			sub;			/* -1: of no event, it has a position alone */
	bool		unit;
	LhChangePos done;			/* all up to here is in the stream when it is */
	bool		acked;			/* it is, but something before it has not been answered */
	uint64_t	bytes;
} LhNatsSent;

typedef struct LhNatsOptions
{
	bool		tls;
	const char *stream;			/* JetStream's */
	const char *prefix;			/* of subjects */
	const char *position_subject;
	const char *api;			/* "$JS.API" */
	const char *inbox;
	bool		create;
	int			nsubjects;		/* that a stream is made with */
	const char **subjects;
	uint64_t	replicas;
	uint64_t	window_ms;
	uint64_t	max_msg_size;	/* 0: no limit, as of those below */
	uint64_t	max_bytes;
	uint64_t	max_age_s;
	bool		discard_new;
	bool		trust;			/* a stream in memory is taken */
	bool		anew;			/* a stream whose messages are gone is begun anew */
	bool		headers;
	uint64_t	max_waiting;	/* messages without an acknowledgement, and their bytes */
	uint64_t	max_waiting_bytes;
	uint64_t	timeout_ms;
	uint64_t	connect_ms;
} LhNatsOptions;

typedef struct LhNats
{
	LhSink		sink;
	LhArena    *arena;
	LhSinkConfig config;		/* copied */
	LhNatsOptions o;
	const char *identity;		/* "slot/format": of messages that are ours */
	LhNatsLink *link;			/* NULL: not connected */
	bool		ready;
	bool		lost;			/* the link is not to be used again */
	uint64_t	token;			/* the last one that was given */
	/* the stream, as it was found */
	int64_t		max_msg_size;	/* -1: any */
	bool		rollup;			/* old positions can be removed */
	int			nsubjects;
	const char **subjects;
	LhArena    *found;			/* memory of these */
	/* subjects of topics that were met, and are in the stream */
	LhNameMap  *topic_of;
	const char **topics;
	int			ntopics;
	int			topics_cap;
	/* on its way: a ring of max_waiting */
	LhNatsSent *sent;
	uint64_t	nsent;
	uint64_t	first;
	uint64_t	waiting_bytes;
	uint64_t	last;			/* sequence of the last message that was sent */
	char		last_id[256];	/* and its id; "": it is not ours to know */
	uint64_t	run;			/* number of this recovery */
	bool		anew;			/* what was purged comes again: its ids are known to the server */
	uint64_t	acked;			/* of the last one that is there */
	int64_t		moved_ms;		/* when an acknowledgement came, or there was nothing to wait for */
	/* the last message: it waits here until it is known whether its event has more */
	natsMsg    *held;
	LhNatsSent	held_as;
	/* positions */
	LhChangePos at;				/* all up to here was put */
	LhChangePos told;			/* the newest "done" that was sent */
	LhChangePos skip_pos;		/* the stream's last event, which is there up to skip_sub */
	int			skip_sub;		/* -1: nothing to skip */
	LhBuf		text;
	LhSinkRefusals refusals;
} LhNats;

/* ---- nats_config.c ---- */

extern LhStatus lh_nats_read_options(LhCtx *ctx, LhNats *n);
/* The library's, with all secrets read. */
extern LhStatus lh_nats_make_options(LhCtx *ctx, LhNats *n, natsOptions **out);

/* ---- nats_message.c ---- */

/*
 * How a topic is called there: blanks, controls, '*' and '>' become '_', and so does an
 * empty token, and a '$' that begins it; false: it cannot be one.
 */
extern bool lh_nats_subject(const char *prefix, const char *topic, char out[LH_NATS_SUBJECT_MAX + 1]);
/* Does a subject of a stream, which may have wildcards, hold this one? */
extern bool lh_nats_subject_in(const char *pattern, const char *subject);
/* Bytes as a header's value: what is not printable ASCII, blanks and '%' as %XX. */
extern LhStatus lh_nats_header_text(LhCtx *ctx, LhBuf *out, LhSlice bytes);
/* The message without what is known only when it leaves; *bytes: of headers and value, all in all.  *out NULL: too many headers. */
extern LhStatus lh_nats_message(LhCtx *ctx, LhNats *n, const LhSinkMessage *m, const char *subject, uint64_t *bytes, natsMsg **out);
extern LhStatus lh_nats_header(LhCtx *ctx, natsMsg *msg, const char *name, const char *value);
/* "0/16B3748 3 0 735" and, of a snapshot's unit, " unit" */
#define LH_NATS_AT_TEXT 96
extern void lh_nats_at_write(const LhChangePos *pos, int sub, bool unit, char out[LH_NATS_AT_TEXT]);
extern bool lh_nats_at_read(const char *text, LhChangePos *pos, int *sub, bool *unit);
/* "0/16B3748 3 735" */
extern void lh_nats_done_write(const LhChangePos *pos, char out[LH_NATS_AT_TEXT]);
extern bool lh_nats_done_read(const char *text, LhChangePos *pos);
/* The value of a header in a block of them, which ends at its NUL; NULL: it is not there. */
extern const char *lh_nats_find_header(LhCtx *ctx, const char *block, const char *name);

/* ---- nats_stream.c ---- */

/* What the stream's last message says. */
typedef struct LhNatsFound
{
	uint64_t	last;			/* sequence */
	bool		known;
	LhChangePos done;
	LhChangePos pos;
	int			sub;			/* -1: of no event */
	bool		unit;
	bool		anew;			/* it is gone, and that is to be so */
} LhNatsFound;

extern LhStatus lh_nats_find(LhCtx *ctx, LhNats *n, LhNatsFound *found);
/* An error that JetStream answered with. */
typedef struct LhNatsError
{
	int			code;			/* as of HTTP; 0: none */
	int			number;			/* JetStream's own */
	char		text[160];
} LhNatsError;
/* "error" of an answer, if there is one. */
extern void lh_nats_error_of(const json_t *json, LhNatsError *error);

/* nats.c: until then every wait ends with this */
extern LhStatus lh_nats_timeout(LhCtx *ctx, const LhNats *n, const char *what, uint64_t ms);

#endif
