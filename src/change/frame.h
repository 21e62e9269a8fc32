/*
 * frame.h
 *		The binary frame between plugin and client (DESIGN D9), little-endian.
 *
 * The plugin sends batches; a batch is a header and whole frames:
 *
 *	batch   "LHF1", u8 flags (1: zstd over the rest), u8[3] zero,
 *	        u32 bytes of the rest before compression, frames...
 *	frame   u32 bytes that follow, u8 kind (LhChangeOp), u8 flags, u16 nmessages,
 *	        u64 commit_end, u64 ordinal, u64 lsn, u32 xid, u32 relid, u32 generation,
 *	        u32 part (from 0), u32 nparts (1 unless the body is cut),
 *	        i64 commit_time (us since 2000), body
 *	body    messages: u8 format (index in the stream's list), u8 flags
 *	        (1: has a key; 2: tombstone;
 *	        4: goes to the topic of messages, not to the relation's), u16 zero, u32 key bytes, u32 value bytes, key, value.
 *	        SCHEMA frames come before a relation's first row in a stream.  Their first message
 *	        says which relation it is, whatever the formats are: format 255, key the name of
 *	        the schema, value that of the table.  Behind it, if schema events are wanted,
 *	        is one message a format; its value is the format's description.
 *	        BEGIN and COMMIT frames may have no message.
 *	        A message of format 253 may stand before others: its key is their topic, its value
 *	        their headers, each u16 bytes of the name, u32 of the value (all ones: null), name, value.
 *	        A message of format 252 may stand in any frame, and tells of a schema (schema.h): its
 *	        key is the fingerprint (u64), u8 LhSchemaKind, u8[3] zero; its value the text.
 *	        Frames of an unfinished transaction have flag 16, commit_end 0, the event's number as
 *	        ordinal, and the xid of the sub-transaction (or the transaction's) as commit_time.
 *	        STREAM_START (flag 32: what came of the transaction before is void), STREAM_ABORT,
 *	        PREPARE, COMMIT_PREPARED and ROLLBACK_PREPARED may have a message of format 251: its key
 *	        is the name of the prepared transaction, its value ranges of numbers that are no more,
 *	        each u64 from, u64 to.  Of PREPARE lsn and commit_end are where its record begins and
 *	        ends, commit_time its time, and the ordinal is what a commit's would be; that of
 *	        COMMIT_PREPARED is 0.
 *	        SIGNAL frames have one: format 254, key the prefix of a logical message, value its content.
 *	        PROGRESS frames have none, and are of no transaction: all that was committed
 *	        before commit_end was sent.
 *
 * A body that would exceed LH_FRAME_MAX_BODY goes out in parts: the same head
 * with part 0 .. nparts - 1, the bodies to be joined before they are read.  The
 * reader trusts nothing: every length is checked against what is there.
 */
#ifndef LH_CHANGE_FRAME_H
#define LH_CHANGE_FRAME_H

#include "change/change.h"

#define LH_FRAME_MAGIC "LHF1"
#define LH_FRAME_BATCH_HEAD 12
#define LH_FRAME_HEAD 60		/* with its length word; checked by test_frame */
#define LH_FRAME_MESSAGE_HEAD 12
#define LH_FRAME_SCHEMA_KEY 12
#define LH_FRAME_MAX_BODY ((size_t) 16 << 20)

#define LH_FRAME_ZSTD 1
#define LH_FRAME_TRANSACTIONAL 1	/* frame flags: message inside a transaction */
#define LH_FRAME_KEY_CHANGED 2
#define LH_FRAME_SNAPSHOT 4
#define LH_FRAME_INCOMPLETE 8	/* a value of the new row is UNCHANGED: the consumer has it, the event has not */
#define LH_FRAME_UNFINISHED 16	/* of a transaction that is told before its commit */
#define LH_FRAME_FIRST 32		/* STREAM_START: nothing that came of the transaction before counts */
#define LH_MESSAGE_KEY 1
#define LH_MESSAGE_TOMBSTONE 2
#define LH_MESSAGE_ASIDE 4
#define LH_MESSAGE_RELATION 255	/* in place of a format: the message has the relation's names */
#define LH_MESSAGE_SPECIAL 251	/* from here on no format's */
#define LH_MESSAGE_UNFINISHED 251	/* what an unfinished transaction's frame has to say: its name, numbers that are no more */
#define LH_MESSAGE_SCHEMA 252	/* a schema that messages from here on name */
#define LH_MESSAGE_ROUTE 253	/* topic and headers of the messages behind it in the frame */
#define LH_MESSAGE_SIGNAL 254	/* the message is for the client */

typedef struct LhFrame
{
	uint8_t		kind;
	uint8_t		flags;
	uint16_t	nmessages;
	LhChangePos pos;
	uint64_t	lsn;
	uint32_t	relid;
	uint32_t	generation;
	uint32_t	part;
	uint32_t	nparts;
	int64_t		commit_time;
	LhSlice		body;
} LhFrame;

typedef struct LhFrameMessage
{
	uint8_t		format;
	bool		has_key;
	bool		tombstone;
	bool		aside;			/* goes where logical messages go, though the frame has a relation */
	LhSlice		key;
	LhSlice		value;
} LhFrameMessage;

/* ---- writing: a batch grows in out->buf, which begins with the batch's head ---- */
extern LhStatus lh_batch_begin(LhCtx *ctx, LhChangeOut *out);	/* empties buf, writes the head */
extern LhStatus lh_frame_begin(LhCtx *ctx, LhChangeOut *out, const LhChangeEvent *ev);
/* The message that names a relation; the first of a SCHEMA frame. */
extern LhStatus lh_frame_relation(LhCtx *ctx, LhChangeOut *out, const LhChangeRel *rel);
/* Topic and headers of what follows in the frame. */
extern LhStatus lh_frame_route(LhCtx *ctx, LhChangeOut *out, const char *topic, LhSlice headers);
/* The message of a SIGNAL frame. */
extern LhStatus lh_frame_signal(LhCtx *ctx, LhChangeOut *out, const char *prefix, LhSlice content);
/* What a STREAM_* or *PREPARE* frame has to say; no message if that is nothing. */
extern LhStatus lh_frame_unfinished(LhCtx *ctx, LhChangeOut *out, const LhChangeEvent *ev);
/* Ends the frame; one without messages is taken back unless keep. */
extern LhStatus lh_frame_end(LhCtx *ctx, LhChangeOut *out, bool keep);
/* Takes the last frame back; none may have been taken back before it. */
extern void lh_frame_drop(LhChangeOut *out);
/* Frames since lh_batch_begin. */
extern int	lh_batch_frames(const LhChangeOut *out);
/*
 * Complete the batch; *bytes are buf's own or of "packed" (when zstd makes them fewer).
 * When the last frame needs parts, the batch is what stands before it: then the
 * parts follow as batches of their own, each with a part of that frame.
 */
extern LhStatus lh_batch_end(LhCtx *ctx, LhChangeOut *out, bool zstd, LhBuf *packed, LhSlice *bytes);
/*
 * How many parts the last frame in buf needs (1: it goes out with the batch), and
 * the i-th, from 0.  The host asks after each frame, lest a too large one be no longer the last.
 */
extern uint32_t lh_batch_parts(const LhChangeOut *out);
extern LhStatus lh_batch_part(LhCtx *ctx, LhChangeOut *out, uint32_t i, bool zstd, LhBuf *packed, LhSlice *bytes);
/* The batch as it is, its last frame in one piece however large: for hosts without that limit. */
extern LhStatus lh_batch_whole(LhCtx *ctx, LhChangeOut *out, LhSlice *bytes);
/* Bodies are cut at so many bytes: LH_FRAME_MAX_BODY, or fewer in tests. */
extern size_t lh_frame_max_body;

/* ---- reading ---- */
/* Of a message of format LH_MESSAGE_SCHEMA; text points into it.  LH_CORRUPT: it is none. */
extern LhStatus lh_frame_schema(LhCtx *ctx, const LhFrameMessage *message, LhSchema *schema);
/* Zeroed before its first use; its memory is of the ctx->arena of that. */
typedef struct LhFrameReader
{
	LhSlice		rest;
	size_t		at;				/* offset of rest in the plain batch, for messages */
	LhBuf		plain;			/* decompressed */
	struct LhCodecs *codecs;
} LhFrameReader;

/*
 * Takes a batch apart; errors (LH_CORRUPT) name the offset, in the plain batch
 * behind its head.  max: bytes that the plain batch may have, else LH_LIMIT.
 * Frames point into bytes or into the reader, until it opens the next batch.
 */
extern LhStatus lh_batch_open(LhCtx *ctx, LhSlice bytes, size_t max, LhFrameReader *reader);
extern LhStatus lh_batch_next(LhCtx *ctx, LhFrameReader *reader, LhFrame *frame, bool *end);
/* at: offset in the frame's (joined) body, 0 first; moves on. */
extern LhStatus lh_frame_message(LhCtx *ctx, LhSlice body, size_t *at, LhFrameMessage *message);

#endif
