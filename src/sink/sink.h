/*
 * sink.h
 *		Where a change stream goes: the vtable that every sink fills.
 *
 * The client (src/client) takes frames apart and hands each message to its
 * sinks.  A sink is one file and one line in lh_sinks; docs/add-a-sink.md tells how.
 *
 *	1. recover: the sink says which position it holds, from what it has stored
 *	   itself, never from a file beside the client.  What is not beyond it is
 *	   never put again: positions are in order of (commit_end, ordinal).
 *	2. put: messages in order.  They may wait in the sink's memory, up to its
 *	   limit; then put blocks (host->wait, so that it can be cancelled).
 *	3. commit: all messages of a source transaction were put.
 *	4. flush: what was committed becomes durable; only durable positions are
 *	   confirmed to the server.  "durable" may move in put and commit, too, when
 *	   the sink reached a limit of its own; never before it is true.
 *
 * All messages of an event are put before commit or flush is called and before the
 * next event's: so an event is never durable in part.  A sink that shows source
 * transactions whole lets a flush inside of one wait for its commit.
 *
 * What the client does about a failure: LH_SINK_RESTART: recover the same sink, put
 * what is beyond the position again.  LH_IO: the same with a new sink, after a pause.
 * LH_SINK_REFUSED: single messages can never be taken; where there is a sink for dead
 * letters (dead.h) they go there, after some tries, and the rest is put again.
 * Anything else: stop, a person is needed.
 *
 * A sink that stores the position in one step with the data is exactly once
 * across kill -9 of anything; that is the norm here, and each sink's comment
 * says how it does it.
 */
#ifndef LH_SINK_SINK_H
#define LH_SINK_SINK_H

#include "change/change.h"

typedef struct LhSink LhSink;

/* What was put since the durable position is lost, the sink itself is well. */
#define LH_SINK_RESTART LH_CHANGED
/* Messages were refused for good; LhSink.refusals says which. */
#define LH_SINK_REFUSED LH_OUT_OF_RANGE

/* One message; bytes are borrowed for the call. */
typedef struct LhSinkMessage
{
	LhChangeOp	op;
	LhChangePos pos;
	int			sub;			/* of the event's messages of this format, from 0: (pos, sub) is unique */
	uint64_t	lsn;
	int64_t		commit_time;	/* us since 2000-01-01 UTC */
	uint32_t	relid;
	uint32_t	generation;
	const char *schema;			/* NULL: the message is of no table */
	const char *table;
	const char *topic;			/* where the client's routing sends it */
	LhSlice		headers;		/* of an outbox's message: change/outbox.h's lh_header_next */
	bool		has_key;
	bool		tombstone;		/* no value */
	bool		suspect;		/* refused before, perhaps for what was sent along: try it alone */
	bool		unit;			/* of a snapshot's unit: if it comes again, its rows may be others */
	LhSlice		key;
	LhSlice		value;
	/* of a format with schemas, in whose key and value they have heads (change/schema.h); else NULL */
	const LhSchema *key_schema;
	const LhSchema *value_schema;
} LhSinkMessage;

/* Of "kafka://host:9092/?acks=all": parsed and unescaped; later options win. */
typedef struct LhSinkOption
{
	const char *name;
	const char *value;
} LhSinkOption;

typedef struct LhSinkConfig
{
	const char *uri;			/* as given, secrets removed: for messages */
	const char *host;			/* "" when there is none */
	const char *path;			/* with its leading '/' */
	int			noptions;
	const LhSinkOption *options;
	const char *stream;			/* identity of the stream: the slot's name */
	const char *format;			/* of the values: "json", ...; NULL: not known */
	bool		text;			/* values are lines of text */
	LhSchemaKind schemas;		/* that values need */
} LhSinkConfig;

/*
 * Of a sink that works on after its calls have returned (queue.h): flush orders what
 * happens later, "durable" and the counters move in poll and refresh only.
 */
typedef struct LhSinkAsync
{
	/* A descriptor that is readable when there are news for poll. */
	int			(*event) (LhSink *sink);
	/* Take note of news; a failure since the last call is this call's. */
	LhStatus	(*poll) (LhCtx *ctx, LhSink *sink);
	/* Take note of what became durable only: may be called while another call waits. */
	void		(*refresh) (LhSink *sink);
	/* Flush, and wait until it is done. */
	LhStatus	(*settle) (LhCtx *ctx, LhSink *sink);
	/* Bytes that wait, in memory and in the spool. */
	void		(*backlog) (LhSink *sink, uint64_t *memory, uint64_t *spooled);
} LhSinkAsync;

typedef struct LhSinkKind
{
	const char *scheme;			/* "file" */
	bool		lines;			/* values of text formats are lines, so none may hold a newline */
	const char *summary;
	/* Connect; memory from ctx->arena, handles released with it. */
	LhStatus	(*open) (LhCtx *ctx, const LhSinkConfig *config, LhSink **out);
	/* *known false: the sink is new. */
	LhStatus	(*recover) (LhCtx *ctx, LhSink *sink, LhChangePos *durable, bool *known);
	LhStatus	(*put) (LhCtx *ctx, LhSink *sink, const LhSinkMessage *message);
	LhStatus	(*commit) (LhCtx *ctx, LhSink *sink, const LhChangePos *pos);
	LhStatus	(*flush) (LhCtx *ctx, LhSink *sink);
	/* Flush is not implied. */
	LhStatus	(*close) (LhCtx *ctx, LhSink *sink);
	const LhSinkAsync *async;	/* NULL: what a call does is done when it returns */
} LhSinkKind;

/* A message that can never be taken. */
typedef struct LhSinkRefusal
{
	LhChangePos pos;
	int			sub;
	char		reason[160];	/* never bytes of the message */
} LhSinkRefusal;

#define LH_SINK_REFUSALS 64

/* Of the last call that returned LH_SINK_REFUSED; what does not fit is refused again. */
typedef struct LhSinkRefusals
{
	int			n;
	bool		here;			/* it is the message of this very put, and the sink is as before the call */
	LhSinkRefusal v[LH_SINK_REFUSALS];
} LhSinkRefusals;

/* Every sink's first member. */
struct LhSink
{
	const LhSinkKind *kind;
	LhChangePos durable;
	uint64_t	messages;		/* put since open */
	uint64_t	bytes;
	LhSinkRefusals *refusals;	/* NULL: it refuses no single message */
};

extern const LhSinkKind *const lh_sinks[];	/* NULL-terminated (sinks.c) */
/* Take a URI apart and open its sink; LH_INVALID names the schemes that there are. */
extern LhStatus lh_sink_open(LhCtx *ctx, const char *uri, const char *stream, const char *format, bool text, LhSink **out);
/* Does the sink of a URI put values of text formats on lines?  One that is not there does not. */
extern bool lh_sink_writes_lines(const char *uri);
/* Value of an option, or preset. */
extern const char *lh_sink_option(const LhSinkConfig *config, const char *name, const char *preset);
/* Every option must be one of these (NULL-terminated): LH_INVALID names the first other one. */
extern LhStatus lh_sink_check_options(LhCtx *ctx, const LhSinkConfig *config, const char *const *known);

static inline int
lh_change_pos_compare(const LhChangePos *a, const LhChangePos *b)
{
	if (a->commit_end != b->commit_end)
		return a->commit_end < b->commit_end ? -1 : 1;
	return (a->ordinal > b->ordinal) - (a->ordinal < b->ordinal);
}

#endif
