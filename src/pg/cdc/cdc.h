/*
 * cdc.h
 *		What the files of the output plugin "lakehouse" share.
 *
 * A stream is one call of logical decoding: a walsender's START_REPLICATION or
 * one SQL function.  Rows that a table has already go out the same way, one by one
 * out of a query: a stream that no slot feeds.  Its journey through the files:
 *
 *	plugin.c		PostgreSQL's callbacks; which event comes when
 *	unfinished.c	transactions that are told before their commit
 *	snapshot.c		lakehouse.cdc_row: a row of a query as a batch
 *	snapshot_tables.c, snapshot_state.c, predicate.c	what of it is to be read, and how far it is
 *	schemas.c		lakehouse.cdc_schemas: what its values are written with
 *	stream.c		what both need around an event
 *	options.c		what the consumer asked for
 *	masks.c			which columns may not be seen, read before anything is decoded
 *	policies.c		policies of tables; present.c: the present catalog while a past one is in sight
 *	relation.c		the plan of each table and schema generation
 *	publication.c, filter.c, row_filter.c	what of it is wanted
 *	outbox.c		tables whose inserts are messages of their own
 *	row.c			tuples as cells; quarantine.c: when that fails
 *	ddl.c, ddl_objects.c	event triggers that log what commands define; ddl_setup.c: on and off
 *	ddl_event.c		what of that a stream tells
 *	writer.c		encoders, batches, writes; hold.c: transactions that go out together
 */
#ifndef LH_PG_CDC_H
#define LH_PG_CDC_H

#include "pg/bridge/cell.h"

#include "lib/ilist.h"
#include "nodes/bitmapset.h"
#include "nodes/execnodes.h"
#include "replication/logical.h"
#include "replication/output_plugin.h"
#include "utils/array.h"
#include "utils/hsearch.h"
#include "utils/relcache.h"

#include "change/change.h"
#include "change/frame.h"
#include "change/text.h"
#include "mask/mask.h"

typedef struct LhCdc LhCdc;
typedef struct LhCdcRel LhCdcRel;
typedef struct LhCdcRow LhCdcRow;

/* What is done to rows, as publications and options tell it apart. */
typedef enum LhCdcAction
{
	LH_CDC_INSERT, LH_CDC_UPDATE, LH_CDC_DELETE, LH_CDC_TRUNCATE, LH_CDC_N_ACTIONS
} LhCdcAction;

#define LH_CDC_N_ROW_ACTIONS 3

/* ---- options.c ---- */

extern void lh_cdc_read_options(LhCdc *cdc, List *defelems);
/* {name, value, ...} as such a list. */
extern List *lh_cdc_options_of_array(ArrayType *array);

/* ---- filter.c: options that choose ---- */

typedef struct LhCdcFilter LhCdcFilter;

/* Compile; looks up origins' names, so a transaction is needed. */
extern LhCdcFilter *lh_cdc_filter(LhCdc *cdc);
/* Names in UTF-8. */
extern bool lh_cdc_wants_table(LhCdc *cdc, const char *schema, const char *name);
extern bool lh_cdc_wants_action(LhCdc *cdc, LhCdcAction action);
extern bool lh_cdc_wants_message(LhCdc *cdc, const char *prefix);
extern bool lh_cdc_wants_origin(LhCdc *cdc, RepOriginId origin);
/* Does outbox.table name it? */
extern bool lh_cdc_is_outbox(LhCdc *cdc, const char *schema, const char *name);
/* The columns that message.key.columns names for a table, comma-separated; NULL: none. */
extern const char *lh_cdc_key_columns(LhCdc *cdc, const char *schema, const char *name);
/*
 * The next item of a list in text, the separator unescaped by a backslash before
 * it, blanks around it removed; NULL at its end.  In CurrentMemoryContext.
 */
extern char *lh_cdc_next_item(const char **list, char separator);

/* ---- publication.c ---- */

typedef struct LhCdcPublish
{
	bool		actions[LH_CDC_N_ACTIONS];
	Oid			as;				/* the relation whose name the rows go out under */
	Bitmapset  *columns;		/* attribute numbers of "as"; NULL: all */
	List	   *filters[LH_CDC_N_ROW_ACTIONS];	/* conditions, any of which lets a row pass; NIL: all rows */
} LhCdcPublish;

/* A table that may be gone from the catalog, or not there yet. */
typedef struct LhCdcTable
{
	Oid			relid;
	Oid			namespace;
	List	   *ancestors;		/* Oids of partitioned tables above it, the nearest first */
	int			npublications;	/* that named it before it was dropped, in UTF-8 */
	const char *const *publications;
} LhCdcTable;

/* The publications' names exist now; else an error. */
extern void lh_cdc_check_publications(LhCdc *cdc);
/* What the publications say of a relation; false: nothing of it is published.  In CurrentMemoryContext. */
extern bool lh_cdc_published(LhCdc *cdc, Relation relation, LhCdcPublish *publish);

/*
 * Does a publication of the stream name a table, whatever operations it has?  *as: the
 * name that its rows go out under; *narrowed: not all of its columns are published.
 */
extern bool lh_cdc_covers(LhCdc *cdc, const LhCdcTable *table, Oid *as, bool *narrowed);

/* ---- snapshot.c ---- */

/* An error unless the current role may decode, as slots ask for; what: who asks. */
extern void lh_cdc_check_role(const char *what);
/* A stream that no slot feeds, as these options choose; memory: a child of parent. */
extern LhCdc *lh_cdc_snapshot_stream(MemoryContext parent, ArrayType *options);
/* Are changes of this relation decoded, and rows of it read? */
extern bool lh_cdc_has_rows(LhCdc *cdc, Relation relation);

/* ---- row_filter.c ---- */

/* Read option row.filter; a transaction is open. */
extern void lh_cdc_read_row_filters(LhCdc *cdc);
/* Conditions of it for a plan whose columns, masks and keys are known, all of which a row must pass; in CurrentMemoryContext. */
extern List *lh_cdc_row_filters(LhCdc *cdc, LhCdcRel *rel, Relation published);

/* ---- outbox.c ---- */

/* What the plan of an outbox needs besides; does nothing to other tables. */
extern void lh_cdc_outbox_plan(LhCdc *cdc, LhCdcRel *rel);
/* A row of an outbox: its topic, or quarantine; false: it is not to go out. */
extern bool lh_cdc_outbox(LhCdc *cdc, LhCdcRel *rel, LhCdcAction action, LhCdcRow *row);

/* ---- masks.c ---- */

typedef struct LhCdcMasks LhCdcMasks;

/* Read them; a transaction is open, and its snapshot is the present. */
extern LhCdcMasks *lh_cdc_read_masks(LhCdc *cdc);
/* An error when this (in the server's encoding) describes no mask that could be used now. */
extern void lh_cdc_check_mask(const char *text);
/* The extension's own tables are never streamed. */
extern bool lh_cdc_is_own_table(LhCdc *cdc, Oid relid);
/*
 * The mask of a column: its own, those of partitioned tables above it, and the
 * consumer's; a generated column without any that is made from a masked one is
 * null.  NULL: none.  relation is the one whose rows are in the log.
 */
extern const LhMask *lh_cdc_mask_of(LhCdc *cdc, Relation relation, AttrNumber attnum, const char *schema,
									const char *table, const char *column);

/* Is anything masked in this stream? */
extern bool lh_cdc_has_masks(LhCdc *cdc);
/* Is a column of this table, perhaps one that is gone?  Names in UTF-8, NULL: only the number counts. */
extern bool lh_cdc_masks_table(LhCdc *cdc, Oid relid, const char *schema, const char *table);

extern List *lh_cdc_own_tables(LhCdc *cdc);

/* ---- present.c ---- */

typedef struct LhCdcPresent
{
	bool		historic;		/* else there was nothing to put aside */
	struct SnapshotData *committed; /* in sight, with what sessions have not told yet; NULL: the usual one is */
	struct SnapshotData *snapshot;
	HTAB	   *tuplecids;
	TransactionId alive;
	bool		scanning;
} LhCdcPresent;

/* From one to the other the present catalog is in sight; no system table may be being scanned. */
extern void lh_cdc_present_begin(LhCdc *cdc, LhCdcPresent *was);
extern void lh_cdc_present_end(LhCdc *cdc, const LhCdcPresent *was);
/* Instead of the end, after an ERROR. */
extern void lh_cdc_present_failed(const LhCdcPresent *was);
/* All that caches know goes, without a word to callbacks; no relation is open. */
extern void lh_cdc_drop_caches(void);

/* ---- drop_guard.c ---- */

/* When the library is loaded: tables that are read while decoding are not dropped before streams have read them. */
extern void lh_cdc_drop_guard_init(void);

/* ---- policies.c ---- */

typedef struct LhCdcPolicy LhCdcPolicy;

/* Be told of changes: plans are to be made anew. */
extern void lh_cdc_policies_init(void (*changed) (void));
/* Read them anew if anything changed; no plan is in use. */
extern void lh_cdc_policies_update(LhCdc *cdc);
extern bool lh_cdc_policies_current(LhCdc *cdc);
/* When a stream starts, with the present catalog: an error for each table of it that cannot be streamed. */
extern void lh_cdc_policies_check(LhCdc *cdc);
/* Does any policy concern any table; one this table? */
extern bool lh_cdc_has_policies(LhCdc *cdc);
extern bool lh_cdc_policies_hide(LhCdc *cdc, Oid relid);
/* An error when a condition of a user's over the relation (varno 1) reads what policies mask for him. */
extern void lh_cdc_policies_refuse(Relation relation, Node *condition);
/* rel->policy, when attributes are mapped; an error when the table cannot be streamed. */
extern void lh_cdc_policy_plan(LhCdc *cdc, LhCdcRel *rel, Relation relation, Relation published);
/* Are old rows enough for it?  An error; keys and the outbox are planned. */
extern void lh_cdc_policy_check(const LhCdcRel *rel, Relation relation);
/* Is an attribute of the log's rows masked?  policy may be NULL, as below. */
extern bool lh_cdc_policy_masks(const LhCdcPolicy *policy, int attribute);
extern bool lh_cdc_policy_filters(const LhCdcPolicy *policy);
/* Do rows that a query reads come masked or filtered? */
extern bool lh_cdc_policy_arrives(const LhCdcPolicy *policy);
/* A row: values that masks made of the last one go. */
extern void lh_cdc_policy_begin_row(LhCdc *cdc, LhCdcPolicy *policy);
/* Does the filter let a row pass?  old_values: of the old row, for what the new one has not; NULL: none. */
extern bool lh_cdc_policy_passes(const LhCdcPolicy *policy, TupleDesc desc, const Datum *values, const bool *nulls,
								 const Datum *old_values, const bool *old_nulls);
/* Mask a row's values in place.  is_key: it holds the identity's columns alone. */
extern void lh_cdc_policy_row(LhCdc *cdc, const LhCdcRel *rel, TupleDesc desc, Datum *values, bool *nulls,
							  const Datum *old_values, const bool *old_nulls, bool is_key, bool is_new);
/* Did the last new row not have what the mask of the attribute reads? */
extern bool lh_cdc_policy_unknown(const LhCdcPolicy *policy, int attribute);

/* ---- mask_functions.c ---- */

/* Is it this library's?  A slot may name it with its path. */
extern bool lh_cdc_is_our_plugin(const char *plugin);

/* ---- predicate.c ---- */

/*
 * Read a condition over a relation's rows, and write it so that it means the same
 * under every search_path and with every session's settings; an error when it is more
 * than a condition, or runs what a user made.  palloc'd.
 */
extern char *lh_cdc_predicate(Relation relation, const char *text);
/* What this node of an expression calls is PostgreSQL's own and immutable. */
extern bool lh_cdc_calls_builtin(Node *node);

/* ---- relation.c ---- */

struct LhCdcRel
{
	Oid			relid;			/* of the rows in the log; key of the hash */
	bool		valid;			/* else it is to be made again */
	bool		user_types;		/* invalid when some type or enumeration changes */
	List	   *ancestors;		/* Oids of partitioned tables above a partition */
	MemoryContext mcxt;			/* all below lives here and in arena */
	LhArena    *arena;
	bool		actions[LH_CDC_N_ACTIONS];
	LhChangeRel change;
	void	   *plans[LH_MAX_FORMATS];
	int			natts;			/* of the tuple descriptor when this was made */
	int		   *attributes;		/* of each column: its attribute in the log's rows, from 0 */
	LhCellType **types;
	const LhMask **masks;
	bool	   *identity;		/* of each column: old keys hold it */
	bool		has_other;		/* output functions are called */
	bool		has_settings;	/* and settings count */
	bool		guarded;		/* they, or conditions of publications, may raise errors */
	uint64		announced;		/* the scope that knows its schema (LhCdc.scope); 0: none does */
	struct LhOutbox *outbox;	/* NULL: it is none */
	struct LhCdcPolicy *policy; /* NULL: no policy concerns it */
	TransactionId warned;		/* of the last warning that it was updated */
	dlist_node	used;			/* among all plans, the last used first */
	size_t		bytes;
	/* row filters: conditions over the published relation's row */
	bool		filtered;
	bool		narrowed;		/* by option row.filter, too */
	EState	   *estate;
	ExprState  *filters[LH_CDC_N_ROW_ACTIONS];
	TupleTableSlot *old_slot,
			   *new_slot;
	int		   *root_attributes;	/* of each attribute of the published relation: that of the log's rows, -1: dropped */
	/* a row */
	Datum	   *old_values,
			   *new_values;
	bool	   *old_nulls,
			   *new_nulls;
	LhCell	   *old_cells,
			   *new_cells;
};

extern void lh_cdc_relations_init(LhCdc *cdc);
/* The plan of a relation, made anew when its schema may have changed; good until the next call. */
extern LhCdcRel *lh_cdc_relation(LhCdc *cdc, Relation relation);
/* Is a schema event due before a row of a plan in the present scope?  Says so once, and sets its generation. */
extern bool lh_cdc_announce(LhCdc *cdc, LhCdcRel *rel);
/* All are made anew when they are asked for. */
extern void lh_cdc_forget_plans(LhCdc *cdc);
/* A plan that an error left half made goes. */
extern void lh_cdc_drop_half(LhCdc *cdc);
/* Conditions become executable, in rel->mcxt (publication.c). */
extern void lh_cdc_compile_filters(LhCdc *cdc, LhCdcRel *rel, Relation published, const LhCdcPublish *publish);

/* ---- ddl_event.c ---- */

/* What the stream tells of a command whose message this is, as JSON in the event's memory; false: nothing. */
extern bool lh_cdc_ddl(LhCdc *cdc, LhSlice content, LhSlice *told);

/* ---- row.c ---- */

struct LhCdcRow
{
	LhChangeOp	op;				/* may differ from the change's: row filters */
	const LhCell *new_cells,
			   *old_cells;
	bool		old_is_key;
	bool		key_changed;
	bool		incomplete;		/* a new cell is UNCHANGED */
	const char *topic;			/* of an insert into an outbox */
	const char *quarantine;		/* why the row has no cells; NULL: it has */
};

/* Make cells of a row's tuples, old and new as the operation has them (NULL: none); false: it is not to go out. */
extern bool lh_cdc_row(LhCdc *cdc, LhCdcRel *rel, TupleDesc desc, LhChangeOp op, HeapTuple old, HeapTuple new,
					   LhCdcRow *row);

/* ---- quarantine.c ---- */

/* Errors that are not about what was tried, or that PostgreSQL has to see: they are raised again. */
extern bool lh_cdc_is_not_ours(int sqlstate);
/* Call fn(arg) so that an error in it comes back as text without any value; NULL: there was none. */
extern const char *lh_cdc_guard(LhCdc *cdc, LhCdcRel *rel, void (*fn) (void *arg), void *arg);

/* ---- writer.c ---- */

/* Where a bare message ends in the buffer. */
typedef struct LhCdcWriter
{
	LhChangeOut out;
	LhBuf		packed;
	size_t	   *ends;
	int			nends,
				max_ends;
	/* of the messages in the buffer: how many went out already, and where the next one begins */
	int			written;
	size_t		from;
	/* an event is being encoded; what was there before */
	bool		encoding;
	struct
	{
		size_t		len,
					frame_at;
		int			messages,
					frames,
					ends;
	}			before;
	bool		batched;
	bool		convert;		/* to the server's encoding */
	bool		too_large;		/* a bare message was dropped */
	bool		described;		/* schemas of messages of no relation were told */
} LhCdcWriter;

extern void lh_cdc_writer_init(LhCdc *cdc);
/* Hand an event to all encoders; bytes: about how many its values have. */
extern void lh_cdc_emit(LhCdc *cdc, LhChangeEvent *ev, LhCdcRel *rel, size_t bytes);
/* Write what has gathered; what a snapshot has gathers until it is taken. */
extern void lh_cdc_flush(LhCdc *cdc);
/* The frame that tells that all committed before lsn was sent. */
extern void lh_cdc_emit_progress(LhCdc *cdc, XLogRecPtr lsn);
/* Has anything gathered in frames? */
extern bool lh_cdc_holds(const LhCdc *cdc);
/* The batch that has gathered, as a datum; NULL: it has more than 1 GB, and its last frame is taken back. */
extern bytea *lh_cdc_take_batch(LhCdc *cdc);
/* What an error left of half an event goes. */
extern void lh_cdc_unwrite(LhCdc *cdc);

/* ---- unfinished.c ---- */

typedef struct LhCdcUnfinished LhCdcUnfinished;

/* Callbacks and settings of a stream that tells of transactions before their commit. */
extern void lh_cdc_unfinished_callbacks(OutputPluginCallbacks *cb);
extern void lh_cdc_unfinished_init(LhCdc *cdc);
/* A change, which counts whether it is wanted or not, of (sub-)transaction xid. */
extern void lh_cdc_count_unfinished(LhCdc *cdc, TransactionId xid);
/* An event of it goes out. */
extern void lh_cdc_count_unfinished_event(LhCdc *cdc);
/* Before the first event of a block. */
extern void lh_cdc_need_block(LhCdc *cdc);
/* lh_cdc_announce within an unfinished transaction. */
extern bool lh_cdc_announce_unfinished(LhCdc *cdc, LhCdcRel *rel);

/* ---- plugin.c, for both kinds of transactions ---- */

extern void lh_cdc_take_change(LogicalDecodingContext *pg, ReorderBufferTXN *txn, Relation relation,
							   ReorderBufferChange *c);
extern void lh_cdc_take_truncate(LogicalDecodingContext *pg, ReorderBufferTXN *txn, int n, Relation relations[],
								 ReorderBufferChange *c);
extern void lh_cdc_take_message(LogicalDecodingContext *pg, ReorderBufferTXN *txn, XLogRecPtr lsn, bool transactional,
								const char *prefix, Size size, const char *content);
/* In UTF-8; opens a transaction where the catalog is needed and none is open. */
extern const char *lh_cdc_text_anywhere(LhCdc *cdc, const char *text);
/* Until a transaction that has a commit in the log is noted as committed: what follows it in the log sees its policies. */
extern void lh_cdc_wait_for_commit(const ReorderBufferTXN *txn);
/* In the stream's memory, until the next; NULL: local. */
extern const char *lh_cdc_name_of_origin(LhCdc *cdc, RepOriginId origin);

/* ---- hold.c ---- */

typedef struct LhCdcHold
{
	XLogPageReadCB page_read;	/* the reader's own; NULL: nothing is held */
	XLogRecPtr	told;			/* the client knows that it has all before */
} LhCdcHold;

/* As the options want it; the writer is there. */
extern void lh_cdc_hold_start(LhCdc *cdc);
extern void lh_cdc_hold_stop(LhCdc *cdc);
/* A transaction begins: what is held does not wait for a large one. */
extern void lh_cdc_hold_begin(LhCdc *cdc, ReorderBufferTXN *txn);
/* COMMIT was emitted: it is written, or held. */
extern void lh_cdc_hold_commit(LhCdc *cdc);

/* ---- the stream ---- */

struct LhCdc
{
	LogicalDecodingContext *pg;	/* NULL: a snapshot */
	MemoryContext mcxt;			/* of the stream, itself too */
	MemoryContext scratch;		/* of an event */
	LhCtx	   *ctx;
	LhArena    *root;			/* of the stream */
	LhArena    *row;			/* of an event */
	LhChangeOptions options;
	int			nformats;
	LhEncoder  *encoders[LH_MAX_FORMATS];
	bool		session;		/* values look as the session shows them */
	LhCdcFilter *filter;
	List	   *publications;	/* names; NIL: all tables */
	int			nrow_filters;
	const struct LhRowFilter *row_filters;
	LhCdcMasks *masks;
	struct LhStreamPolicies *policies;	/* NULL: not read yet */
	LhCellMaker cells;
	LhCdcWriter writer;
	LhCdcHold	hold;
	HTAB	   *relations;
	dlist_head	plans;			/* by their last use */
	size_t		plan_bytes;
	HTAB	   *generations;
	/* the running transaction */
	LhChangeTxn txn;
	bool		begun;			/* its BEGIN went out */
	uint64_t	ordinal;
	uint64_t	order;
	/* the unfinished transaction whose block it is; NULL: it is whole */
	LhCdcUnfinished *open;
	TransactionId sub;			/* of it: of the change at hand */
	HTAB	   *unfinished;		/* all of them; NULL: the stream has none */
	uint64		scope;			/* who knows schemas: 1, or of the unfinished transaction; see lh_cdc_announce */
	uint64		scopes;			/* the last one given away */
	bool		in_event;
	LhCdcRel   *half;			/* a plan that is being made */
	Relation   *at_hand;		/* whose changes are told, while plans of them may be made */
	int			nat_hand;
	int			settings;		/* level of lh_cell_settings; 0: not yet */
	int			settings_level;	/* of transactions, when they were made */
	int			skipped;		/* changes since the last sign of life */
	int			column;			/* whose value is being made, for quarantine */
	bool		masking;		/* by a policy's mask */
	LhBuf		mask_text;
	bool		streaming;		/* to a walsender's client; else for an SQL function */
	TimestampTz now;
	char	   *origin_name;	/* of the running transaction; NULL: it is local */
	dlist_node	among;			/* the streams of this backend (relation.c) */
	MemoryContextCallback callback;
};

/* ---- stream.c ---- */

/* One with nothing but its memory; deleting its context ends it. */
extern LhCdc *lh_cdc_create(MemoryContext parent);
/* What needs the present catalog; CurrentMemoryContext is the stream's. */
extern void lh_cdc_read_catalog(LhCdc *cdc, List *options);
/* Output functions and names of types come now: the settings that they need, until the end of the transaction or row. */
extern void lh_cdc_need_settings(LhCdc *cdc);
extern void lh_cdc_end_settings(LhCdc *cdc);
/* Around an event: memory that it needs. */
extern MemoryContext lh_cdc_begin_event(LhCdc *cdc);
extern void lh_cdc_end_event(LhCdc *cdc, MemoryContext old);
/* After an error that PostgreSQL took care of: what it left half done goes. */
extern void lh_cdc_settle(LhCdc *cdc);
extern LhChangeEvent lh_cdc_new_event(LhCdc *cdc, LhChangeOp op, XLogRecPtr lsn);
/* The SCHEMA event that is due before a row of this plan, if one is. */
extern void lh_cdc_need_schema(LhCdc *cdc, LhCdcRel *rel, XLogRecPtr lsn);

#endif
