/*
 * debezium_stream.h
 *		What the two formats of Debezium do alike: which messages an event becomes, how
 *		they are counted, what their schemas are.
 *
 * The encodings (format_debezium.c: JSON, format_debezium_avro.c: Avro) write the
 * messages; an encoder's and a plan's first members are these.
 */
#ifndef LH_CHANGE_DEBEZIUM_STREAM_H
#define LH_CHANGE_DEBEZIUM_STREAM_H

#include "change/debezium.h"

typedef struct LhDbzStream LhDbzStream;

typedef struct LhDbzPlan
{
	const LhChangeRel *rel;
	LhDbzColumn *columns;
	const char *stem;			/* of the names of its schemas: srv.public.t */
	const char *collection;		/* public.t */
	/* place among the transaction's collections; of the transaction that "serial" names */
	uint64_t	serial;
	uint32_t	place;
} LhDbzPlan;

/* One row as it goes out.  Rows that are not there are NULL. */
typedef struct LhDbzRow
{
	char		op;				/* c, u, d, r, t */
	const LhCell *key,
			   *before,
			   *after;
	uint64_t	order;			/* among its table's events of the transaction */
} LhDbzRow;

typedef struct LhDbzWriter
{
	/* What all messages of a transaction have in common; txn NULL: of one that stands alone. */
	LhStatus	(*transaction) (LhCtx *ctx, LhDbzStream *s, const LhChangeTxn *txn, int64_t time, bool snapshot);
	LhStatus	(*row) (LhCtx *ctx, LhDbzStream *s, const LhChangeEvent *ev, const LhDbzRow *row, LhChangeOut *out);
	LhStatus	(*tombstone) (LhCtx *ctx, LhDbzStream *s, const LhChangeEvent *ev, LhChangeOut *out);
	LhStatus	(*message) (LhCtx *ctx, LhDbzStream *s, const LhChangeEvent *ev, const char *prefix, LhSlice content,
							LhChangeOut *out);
	/* BEGIN, END */
	LhStatus	(*boundary) (LhCtx *ctx, LhDbzStream *s, const LhChangeEvent *ev, LhChangeOut *out);
	/* under "unwrap": all of a change; NULL: there is no such option for it */
	LhStatus	(*flat) (LhCtx *ctx, LhDbzStream *s, const LhChangeEvent *ev, LhChangeOut *out);
} LhDbzWriter;

/* A table of the running transaction, for its END. */
typedef struct LhDbzCollection
{
	size_t		name_at;		/* in names */
	size_t		name_len;
	uint64_t	count;
} LhDbzCollection;

struct LhDbzStream
{
	LhEncoder	base;
	const LhDbzWriter *writer;
	uint64_t	last_commit;	/* end of the transaction before; 0: none yet */
	/* the running transaction */
	bool		alone;			/* its texts were made over for an event outside of it */
	uint64_t	serial;
	uint64_t	total;
	LhBuf		collections;	/* LhDbzCollection */
	LhBuf		names;
};

extern LhStatus lh_dbz_stream_init(LhCtx *ctx, LhDbzStream *s, const LhChangeFormat *format, const LhDbzWriter *writer,
								   const LhChangeOptions *options);
/* The format's "event". */
extern LhStatus lh_dbz_event(LhCtx *ctx, LhEncoder *base, const LhChangeEvent *ev, LhChangeOut *out);
/* Counts an event of a table; *order: its place among the table's. */
extern LhStatus lh_dbz_count(LhCtx *ctx, LhDbzStream *s, LhDbzPlan *plan, uint64_t *order);
/* Takes the last count of a table back. */
extern void lh_dbz_uncount(LhDbzStream *s, LhDbzPlan *plan);
/* The transaction of an event outside of any. */
extern LhStatus lh_dbz_alone(LhCtx *ctx, LhDbzStream *s, const LhChangeEvent *ev, bool snapshot);
/* A row in quarantine, or one that the encoding could not say, as a message. */
extern LhStatus lh_dbz_quarantine(LhCtx *ctx, LhDbzStream *s, const LhChangeEvent *ev, const char *reason, LhChangeOut *out);
/* Columns and names; stem NULL: that of the topic. */
extern LhStatus lh_dbz_plan(LhCtx *ctx, const LhChangeOptions *options, const LhChangeRel *rel,
							const LhChangeColumn *columns, const char *stem, LhDbzPlan *out);
/* Schemas of Kafka Connect as JSON, appended. */
extern LhStatus lh_dbz_put_envelope(LhCtx *ctx, LhBuf *buf, const LhDbzPlan *plan);
extern LhStatus lh_dbz_put_key_schema(LhCtx *ctx, LhBuf *buf, const LhDbzPlan *plan);

#endif
