/*
 * write.c
 *		The rows of a query as one Parquet file, or as a stream to the client.
 *
 *	1. The query runs in the executor, in the caller's transaction and with the
 *	   caller's rights; a destination receiver gets its rows one by one.
 *	2. When the row type is known the columns are chosen and the file is begun:
 *	   under a temporary name, so that nobody sees it before it is complete.
 *	3. A batch of rows goes to the writer, which keeps a row group's pages and
 *	   writes them when the group is full.  Nothing else is kept.
 *	4. After the last row the footer is written and the file gets its name.  An
 *	   error or a cancellation before that resets the memory context, and with
 *	   it goes the temporary file.
 */
#include "pg/lake/write.h"

#include "access/tupdesc.h"
#include "commands/progress.h"
#include "executor/executor.h"
#include "executor/tuptable.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "tcop/tcopprot.h"
#include "utils/backend_progress.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

/* Largest message to the client: it may begin to write what it has. */
#define FRAME ((size_t) 64 * 1024)

typedef struct Receiver
{
	DestReceiver pub;			/* first */
	LhWrite    *write;
} Receiver;

struct LhWrite
{
	Receiver	receiver;
	LhCtx	   *ctx;			/* budget is maintenance_work_mem */
	MemoryContext mcxt;
	const char *location;		/* UTF-8; NULL: the client */
	const char *target;			/* for messages, in the server's encoding */
	Oid			serverid;
	LhWriteOptions options;

	LhTake	   *take;			/* NULL: the row type is not known yet */
	LhOutput   *output;
	LhPqWriter *writer;
};

static void begin_rows(DestReceiver *self, int operation, TupleDesc desc);
static bool receive_row(TupleTableSlot *slot, DestReceiver *self);
static void end_rows(DestReceiver *self);
static void destroy(DestReceiver *self);

/* ---- creation ---- */

LhWrite *
lh_write_create(const char *location, Oid serverid, const LhWriteOptions *options, MemoryContext parent)
{
	MemoryContext mcxt = AllocSetContextCreate(parent, "lakehouse write", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(mcxt);
	LhWrite    *w = palloc0(sizeof(LhWrite));

	if (location != NULL)
		lh_location_check_write(GetUserId(), serverid, location);
	w->mcxt = mcxt;
	w->ctx = lh_pg_ctx(mcxt, (size_t) maintenance_work_mem, "maintenance_work_mem");
	w->location = location != NULL ? lh_pg_utf8(location) : NULL;
	w->target = location != NULL ? pstrdup(location) : "the client";
	w->serverid = serverid;
	w->options = *options;
	w->receiver.pub.rStartup = begin_rows;
	w->receiver.pub.receiveSlot = receive_row;
	w->receiver.pub.rShutdown = end_rows;
	w->receiver.pub.rDestroy = destroy;
	w->receiver.pub.mydest = DestCopyOut;
	w->receiver.write = w;
	MemoryContextSwitchTo(old);
	return w;
}

/* ---- to the client ---- */

/* CopyOutResponse: binary, as many columns as the rows have. */
static void
send_begin(int ncols)
{
	StringInfoData message;

	pq_beginmessage(&message, 'H');
	pq_sendbyte(&message, 1);
	pq_sendint16(&message, (uint16) ncols);
	for (int i = 0; i < ncols; i++)
		pq_sendint16(&message, 1);
	pq_endmessage(&message);
}

/*
 * The bytes of a file, in CopyData messages.  A client that vanished makes
 * pending interrupts, which core asks for next.
 */
static LhStatus
send_bytes(LhCtx *ctx, void *arg, const uint8_t *bytes, size_t len)
{
	while (len > 0)
	{
		size_t		n = Min(len, FRAME);
		StringInfoData message;

		pq_beginmessage(&message, 'd');
		pq_sendbytes(&message, (const char *) bytes, (int) n);
		pq_endmessage(&message);
		bytes += n;
		len -= n;
		LH_TRY(lh_poll(ctx));
	}
	return LH_OK;
}

/* ---- rows ---- */

static void
check_columns(const LhWrite *w, TupleDesc desc)
{
	int			live = 0;

	for (int i = 0; i < desc->natts; i++)
	{
		live += !TupleDescAttr(desc, i)->attisdropped;
		for (int j = 0; j < i; j++)
		{
			if (strcmp(NameStr(TupleDescAttr(desc, i)->attname), NameStr(TupleDescAttr(desc, j)->attname)) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_DUPLICATE_COLUMN),
						 errmsg("column \"%s\" of \"%s\" would be there twice",
								NameStr(TupleDescAttr(desc, i)->attname), w->target),
						 errhint("Columns of a Parquet file are found by their names: give each one of its own with AS.")));
		}
	}
	if (live == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a Parquet file without columns cannot be written")));
}

/* Options of each column, from those that name columns. */
static LhPqColumnOptions *
column_options(const LhWrite *w, int ncols, const LhField *fields)
{
	LhPqColumnOptions *columns = palloc0(sizeof(LhPqColumnOptions) * ncols);
	ListCell   *lc;

	foreach(lc, w->options.bloom)
	{
		char	   *name = lh_pg_utf8(lfirst(lc));
		int			i = 0;

		while (i < ncols && strcmp(fields[i].name, name) != 0)
			i++;
		if (i == ncols)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("option \"bloom\" names column \"%s\", which is not written", (char *) lfirst(lc))));
		columns[i].bloom = true;
		columns[i].bloom_fpp = w->options.bloom_fpp;
	}
	return columns;
}

static LhStatus
open_file(LhWrite *w, LhStore *store)
{
	LhOutputOptions options = {.overwrite = w->options.overwrite};

	return lh_output_create(w->ctx, store, w->location, &options, &w->output);
}

static void
begin_rows(DestReceiver *self, int operation, TupleDesc desc)
{
	LhWrite    *w = ((Receiver *) self)->write;
	MemoryContext old = MemoryContextSwitchTo(w->mcxt);
	LhPqColumnOptions *columns;
	const LhField *fields;
	LhStore    *store;
	int			ncols;

	check_columns(w, desc);
	w->take = lh_take_create(w->ctx, w->mcxt, desc, w->target, &w->options.take);
	ncols = lh_take_fields(w->take, &fields);
	columns = column_options(w, ncols, fields);
	if (w->location != NULL)
	{
		lh_lake_write_store(w->ctx, GetUserId(), w->serverid, &store);
		lh_pg_check(w->ctx, open_file(w, store));
	}
	else
	{
		send_begin(ncols);
		lh_pg_check(w->ctx, lh_output_to(w->ctx, send_bytes, NULL, &w->output));
	}
	lh_pg_check(w->ctx, lh_pq_writer_create(w->ctx, w->output, ncols, fields, columns, &w->options.parquet,
											&w->writer));
	MemoryContextSwitchTo(old);
}

/* The rows taken so far go to the writer. */
static void
write_batch(LhWrite *w)
{
	const LhVec *const *vecs;
	int			n = lh_take_vecs(w->take, &vecs);

	lh_pg_check(w->ctx, lh_pq_writer_write(w->ctx, w->writer, n, vecs));
	lh_take_reset(w->take);
	pgstat_progress_update_param(PROGRESS_COPY_TUPLES_PROCESSED, lh_take_rows(w->take));
	pgstat_progress_update_param(PROGRESS_COPY_BYTES_PROCESSED, lh_output_position(w->output));
}

static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	LhWrite    *w = ((Receiver *) self)->write;

	slot_getallattrs(slot);
	if (lh_take_row(w->take, slot->tts_values, slot->tts_isnull))
		write_batch(w);
	return true;
}

static void
end_rows(DestReceiver *self)
{
}

static void
destroy(DestReceiver *self)
{
}

/* ---- the query ---- */

/* The one plannable query that a statement becomes. */
static Query *
analyse(RawStmt *raw, const char *source)
{
	List	   *queries = pg_analyze_and_rewrite_fixedparams(raw, source, NULL, 0, NULL);
	Query	   *query;

	if (list_length(queries) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("rules make %s of the query", queries == NIL ? "nothing" : "several statements"),
				 errhint("Write the rows of a query without side effects.")));
	query = linitial_node(Query, queries);
	if (query->utilityStmt != NULL && IsA(query->utilityStmt, CreateTableAsStmt))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("SELECT INTO makes a table, not rows to be written")));
	if (query->commandType == CMD_UTILITY || (query->commandType != CMD_SELECT && query->returningList == NIL))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the query returns no rows to be written"),
				 errhint("Give a SELECT, VALUES or TABLE, or an INSERT, UPDATE or DELETE with RETURNING.")));
	return query;
}

static void
run(Query *query, const char *source, DestReceiver *dest)
{
	PlannedStmt *plan = pg_plan_query(query, source, CURSOR_OPT_PARALLEL_OK, NULL);
	QueryDesc  *desc;

	/* sees what this transaction did before, as any statement does */
	PushCopiedSnapshot(GetActiveSnapshot());
	UpdateActiveSnapshotCommandId();
	desc = CreateQueryDesc(plan, source, GetActiveSnapshot(), InvalidSnapshot, dest, NULL, NULL, 0);
	ExecutorStart(desc, 0);
	lh_executor_run(desc);
	ExecutorFinish(desc);
	ExecutorEnd(desc);
	FreeQueryDesc(desc);
	PopActiveSnapshot();
}

static LhStatus
finish(LhWrite *w, LhPqWritten *out)
{
	LH_TRY(lh_pq_writer_finish(w->ctx, w->writer, out));
	return lh_output_finish(w->ctx, w->output, NULL);
}

static void
begin_progress(const LhWrite *w, Oid relid)
{
	const int	params[] = {PROGRESS_COPY_COMMAND, PROGRESS_COPY_TYPE};
	const int64 values[] = {PROGRESS_COPY_COMMAND_TO,
	w->location != NULL ? PROGRESS_COPY_TYPE_FILE : PROGRESS_COPY_TYPE_PIPE};

	pgstat_progress_start_command(PROGRESS_COMMAND_COPY, relid);
	pgstat_progress_update_multi_param(lengthof(params), params, values);
}

LhWriteResult
lh_write_query(LhWrite *w, RawStmt *raw, const char *source, Oid relid)
{
	Query	   *query = analyse(raw, source);
	LhPqWritten written;
	LhWriteResult result;

	begin_progress(w, relid);
	run(query, source, &w->receiver.pub);
	write_batch(w);
	lh_pg_check(w->ctx, finish(w, &written));
	if (w->location == NULL)
		pq_putemptymessage('c');
	pgstat_progress_end_command();
	result = (LhWriteResult) {written.rows, written.bytes, written.ngroups};
	MemoryContextDelete(w->mcxt);
	return result;
}
