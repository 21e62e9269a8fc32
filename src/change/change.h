/*
 * change.h
 *		Change events and the formats that write them (DESIGN D9).
 *
 * A stream is decoded once.  The host (pg/cdc) makes an LhChangeRel of each
 * relation and schema generation, calls every encoder's "relation" once for
 * it (which compiles pre-escaped keys and column writers), and then "change"
 * for each event with cells (vec/cell.h).  An encoder appends one or more
 * messages, each with an optional key, to the LhChangeOut it is given; the
 * host decides whether they go out bare or in frames (frame.h).
 *
 *	1. No look-up per row: everything that depends on the relation is in the
 *	   plan that "relation" returned.
 *	2. Everything that depends on the transaction is rendered in "begin".
 *	3. An encoder never fails on a value: what its format cannot say is said as
 *	   text, or marked, as docs/cdc-formats.md tells.  It fails only for memory.
 *
 * A new format is one file and one line in lh_change_formats.
 */
#ifndef LH_CHANGE_CHANGE_H
#define LH_CHANGE_CHANGE_H

#include "change/options.h"
#include "change/schema.h"
#include "vec/cell.h"

/*
 * Where an event stands: commits in order of their end, events by ordinal (from
 * 1; the surviving changes of the transaction before any filter).  xid orders
 * nothing.  A message outside of transactions has its own end as commit_end
 * and ordinal 0.
 */
typedef struct LhChangePos
{
	uint64_t	commit_end;		/* LSN after the commit record */
	uint64_t	ordinal;
	uint32_t	xid;
} LhChangePos;

typedef enum LhChangeOp
{
	LH_CHANGE_BEGIN, LH_CHANGE_COMMIT,
	LH_CHANGE_INSERT, LH_CHANGE_UPDATE, LH_CHANGE_DELETE,
	LH_CHANGE_READ,				/* a row of a snapshot */
	LH_CHANGE_TRUNCATE,
	LH_CHANGE_MESSAGE,
	LH_CHANGE_SCHEMA,			/* the relation's encoded schema is new or differs */
	LH_CHANGE_QUARANTINE,		/* a row that could not be encoded: text is the reason, never a value */
	LH_CHANGE_SIGNAL,			/* a logical message for the client itself; no encoder sees it (frames only) */
	LH_CHANGE_DDL,				/* a command that defined something: prefix and content as of a message, ddl.h */
	LH_CHANGE_PROGRESS,			/* all that was committed before pos.commit_end was sent; no encoder sees it (option "hold") */
	/* Blocks and ends of transactions that are told before their commit; see LhChangeEvent.sub */
	LH_CHANGE_STREAM_START, LH_CHANGE_STREAM_STOP,
	LH_CHANGE_STREAM_ABORT,		/* of the transaction, or of the sub-transaction "sub" alone */
	LH_CHANGE_STREAM_COMMIT,
	LH_CHANGE_PREPARE, LH_CHANGE_COMMIT_PREPARED, LH_CHANGE_ROLLBACK_PREPARED,
	LH_N_CHANGE_OPS
} LhChangeOp;

#define LH_CHANGE_IS_UNFINISHED(op) ((op) >= LH_CHANGE_STREAM_START && (op) <= LH_CHANGE_ROLLBACK_PREPARED)

/* Numbers of an unfinished transaction's changes, both ends included. */
typedef struct LhChangeRange
{
	uint64_t	from,
				to;
} LhChangeRange;

typedef enum LhIdentity
{
	LH_IDENTITY_DEFAULT = 'd', LH_IDENTITY_FULL = 'f', LH_IDENTITY_INDEX = 'i', LH_IDENTITY_NOTHING = 'n'
} LhIdentity;

/* Names and texts are UTF-8, NUL-terminated, owned by the relation's arena. */
typedef struct LhChangeColumn
{
	const char *name;
	int			attnum;			/* of the table, from 1 */
	uint32_t	typid;			/* pg_type.oid of the column */
	uint32_t	base_typid;		/* of the type beneath domains */
	int32_t		typmod;			/* beneath domains, too; -1: none */
	uint32_t	elem_typid;		/* of an array: its element's, beneath domains; else 0 */
	LhCellKind	kind;			/* of its values */
	LhCellKind	elem_kind;		/* kind ARRAY */
	char		typcategory;	/* pg_type.typcategory of base_typid ('N', 'E' enum, ...) */
	const char *type_name;		/* format_type(typid, -1): "character varying" */
	const char *type_text;		/* format_type(typid, typmod): "character varying(10)" */
	const char *base_type_name;	/* the two for base_typid */
	const char *base_type_text;
	const char *type_schema;	/* of base_typid; "pg_catalog" */
	const char *type_bare;		/* pg_type.typname of base_typid: "varchar" */
	/* A domain and what lies one level beneath it, perhaps a domain again (wal2json); NULL, 0: no domain. */
	const char *domain_bare;	/* pg_type.typname of typid */
	uint32_t	under_typid;
	const char *under_text;		/* format_type(under_typid, the domain's typmod) */
	const char *under_bare;		/* pg_type.typname of under_typid */
	const char *const *enum_labels;	/* NULL-terminated; NULL: no enum (Debezium's allowed) */
	const char *default_text;	/* expression of its default; NULL: none, or the column is masked */
	bool		not_null;
	bool		generated;
	bool		masked;			/* its cells passed a mask */
	int			key;			/* place in the replica identity's index (or primary key), from 1; 0: none */
	int			pk;				/* place in the primary key, from 1; 0: none */
} LhChangeColumn;

typedef struct LhChangeRel
{
	uint32_t	relid;
	uint32_t	generation;		/* counts the schemas of relid that this stream met, from 1 */
	uint64_t	fingerprint;	/* of all that is below, generation and relid apart */
	const char *schema;
	const char *name;
	LhIdentity	identity;
	int			ncolumns;		/* those that are streamed, in attnum's order */
	const LhChangeColumn *columns;
	int			nkeys;
	const int  *keys;			/* columns of the key, in the index's order (message.key.columns has gone in) */
	bool		old_has_key;	/* old rows have all columns of the key, and a changed key is noticed */
	int			npk;
	const int  *pk;				/* columns of the primary key, in its order */
} LhChangeRel;

/* Facts of the running transaction. */
typedef struct LhChangeTxn
{
	uint32_t	xid;
	uint64_t	first_lsn;
	uint64_t	commit_lsn;		/* where the commit record begins */
	uint64_t	commit_end;		/* and ends: the position */
	int64_t		commit_time;	/* us since 2000-01-01 UTC */
	/* of an unfinished transaction commit_* are 0, but prepare's where an event is a PREPARE */
	const char *commit_text;	/* the same by timestamptz_to_str, in the session's zone; NULL: that is UTC */
	uint32_t	origin;			/* replication origin's id; 0: local */
	const char *origin_name;	/* NULL: local */
	uint64_t	origin_lsn;
	uint64_t	nchanges;		/* at commit: events of the transaction that went out */
} LhChangeTxn;

typedef struct LhChangeEvent
{
	LhChangeOp	op;
	LhChangePos pos;
	/*
	 * Of an unfinished transaction: the sub-transaction that the event is of, or pos.xid; else 0.
	 * Then pos.commit_end is 0 and pos.ordinal the event's number: it counts changes that are
	 * taken back, too (docs/adr/0010-streamed-transactions.md).
	 */
	uint32_t	sub;
	uint64_t	lsn;			/* of the change's own record */
	uint64_t	order;			/* of the events that go out, from 1 (Debezium's total_order) */
	const LhChangeTxn *txn;		/* NULL: a message outside of a transaction, a snapshot's row */
	const LhChangeRel *rel;		/* rows, SCHEMA, QUARANTINE */
	void	   *plan;			/* what this encoder's "relation" made of rel */
	const LhCell *new_cells;	/* ncolumns each; NULL: none */
	const LhCell *old_cells;	/* whole old row (FULL), or key columns with the rest ABSENT; NULL: none */
	bool		old_is_key;		/* old_cells hold the key alone */
	bool		key_changed;	/* UPDATE whose old key differs from the new */
	bool		incomplete;		/* a new cell is UNCHANGED */
	/* TRUNCATE: one event a relation; these are those that the command named together */
	int			ntruncated;
	bool		cascade;
	bool		restart_identity;
	/* MESSAGE */
	bool		transactional;
	const char *prefix;			/* UTF-8 */
	LhSlice		content;		/* any bytes */
	/* INSERT into an outbox */
	const char *topic;
	/* STREAM_START: all that was told of the transaction before is void */
	bool		first;
	/* STREAM_ABORT of a sub-transaction, first STREAM_START: numbers that are no more; in any order */
	size_t		nback;
	const LhChangeRange *back;
	const char *gid;			/* PREPARE, COMMIT_PREPARED, ROLLBACK_PREPARED: UTF-8 */
	/* QUARANTINE */
	const char *reason;
	int64_t		now;			/* us since 2000-01-01 UTC: when the event was encoded */
} LhChangeEvent;

/*
 * Where messages go.  An encoder calls lh_out_message, appends the key to
 * out->buf if it has one and out->want_key is set, calls lh_out_value, appends
 * the value, and calls lh_out_end; or lh_out_tombstone in place of the last
 * two.  buf may move whenever something is appended: no pointer into it is kept.
 *
 * The host zeroes the struct and makes buf by lh_buf_init.  An event that failed
 * half-way leaves its bytes behind: the host sets buf.len back.
 */
typedef struct LhChangeOut LhChangeOut;
struct LhChangeOut
{
	LhBuf		buf;
	bool		want_key;		/* keys go out (frames, or option "keys") */
	bool		framed;
	bool		aside;			/* the message is not for the table's topic, but for that of messages (frames) */
	bool		newline;		/* bare: a newline ends each value of a text format, for batches */
	int			format;			/* index of the encoder at work, for frames */
	size_t		message_at;		/* state of frame.c and out.c */
	size_t		value_at;
	size_t		frame_at;
	int			nframes;
	int			frame_messages;	/* nmessages when the frame began */
	struct LhCodecs *codecs;	/* for zstd; made when first needed, with buf */
	int			nmessages;		/* since the host reset it */
	const char *part;			/* "describe": what the next schema is of: "key", "value", or a name of the message */
	LhStatus	(*schema) (LhChangeOut *out, LhCtx *ctx, const LhSchema *schema);	/* who wants schemas themselves; else NULL */
	/* a bare message is complete: the host may write buf and empty it (NULL: messages gather in buf) */
	LhStatus	(*done) (LhChangeOut *out, LhCtx *ctx, void *arg);
	void	   *arg;
};

extern LhStatus lh_out_message(LhCtx *ctx, LhChangeOut *out);
extern LhStatus lh_out_value(LhCtx *ctx, LhChangeOut *out);
extern LhStatus lh_out_end(LhCtx *ctx, LhChangeOut *out);
/* A message whose value is null (Kafka's tombstone); bare output drops it. */
extern LhStatus lh_out_tombstone(LhCtx *ctx, LhChangeOut *out);
/* For "describe": a schema, in frames; bare output, which has no place for it, drops it. */
extern LhStatus lh_out_schema(LhCtx *ctx, LhChangeOut *out, const LhSchema *schema);
/*
 * The head of a key or value (schema.h), at its begin: what Avro has always, Protobuf in
 * frames only.
 */
extern LhStatus lh_out_schema_head(LhCtx *ctx, LhChangeOut *out, LhSchemaKind kind, uint64_t fingerprint);

typedef struct LhEncoder LhEncoder;

typedef struct LhChangeFormat
{
	const char *name;			/* "json", "wal2json-v2"... */
	const char *summary;		/* one line for the list of formats */
	bool		text;			/* values are UTF-8 without a raw newline; else bytes */
	bool		session;		/* values are rendered as the session would (wal2json), not canonically */
	bool		keyed;			/* its messages of rows have keys, where the table has one */
	bool		tombstones;		/* deletes are keys without a value: bare, they need the option "keys" */
	bool		buffers_txn;	/* one value a transaction (wal2json-v1 by default) */
	bool		streams;		/* its values can do without what only the commit tells, and it can say abort */
	LhSchemaKind schemas;		/* its values need schemas (schema.h), which "describe" tells */
	/* An encoder for one stream; lives in ctx->arena. */
	LhStatus	(*create) (LhCtx *ctx, const LhChangeOptions *options, LhEncoder **out);
	/* Compile a relation; the plan lives in ctx->arena, which the host ties to the relation. */
	LhStatus	(*relation) (LhCtx *ctx, LhEncoder *enc, const LhChangeRel *rel, void **plan);
	/*
	 * Write an event of any op; ops that the format has nothing for write
	 * nothing.  ctx->arena: memory for this call, reset by the host afterwards.
	 */
	LhStatus	(*event) (LhCtx *ctx, LhEncoder *enc, const LhChangeEvent *ev, LhChangeOut *out);
	/*
	 * Tell the schemas of a relation's keys and values, or (rel NULL, once a stream, before
	 * all else) those of messages that are of no relation, each by lh_out_schema.  NULL: it has none.
	 */
	LhStatus	(*describe) (LhCtx *ctx, LhEncoder *enc, const LhChangeRel *rel, void *plan, LhChangeOut *out);
} LhChangeFormat;

/* Every encoder's first member. */
struct LhEncoder
{
	const LhChangeFormat *format;
	const LhChangeOptions *options;
};

extern const LhChangeFormat *const lh_change_formats[];	/* NULL-terminated */
extern const LhChangeFormat *lh_change_format_find(const char *name, size_t len);	/* NULL: none */

#endif
