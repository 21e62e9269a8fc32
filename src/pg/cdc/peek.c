/*
 * peek.c
 *		lakehouse.changes(): what a slot of ours has, without moving it.
 *
 * PostgreSQL's pg_logical_slot_peek_changes() takes any plugin's slot, takes a
 * position that is nowhere for the end of the log, gathers whole transactions, and
 * may move restart_lsn.  This one
 *
 *	1. says what is wrong with the slot or the position, and what range there is;
 *	2. stops in the middle of a transaction once it has upto_n rows: the write
 *	   callback throws, which is how decoding is left early, and a subtransaction
 *	   around it all takes away what decoding held;
 *	3. leaves out records of running transactions once the slot's snapshot is there.
 *	   Decoding needs none after that (they only tell it what it may forget), and
 *	   they are what moves a slot's restart_lsn and catalog_xmin.
 *
 * The slot is ours meanwhile, so a client that comes is told that it is in use.
 */
#include "pg/cdc/cdc.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "access/xlogrecovery.h"
#include "access/xlogutils.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "replication/decode.h"
#include "replication/slot.h"
#include "storage/standbydefs.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/pg_lsn.h"
#include "utils/resowner.h"

extern PGDLLEXPORT Datum lakehouse_changes(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(lakehouse_changes);

typedef struct Peek
{
	const char *slot;
	bool		bounded;		/* by upto; else to the end */
	XLogRecPtr	upto;
	int64		left;			/* rows that are still wanted */
	XLogRecPtr	end;			/* of the log, now */
	Tuplestorestate *rows;
	TupleDesc	desc;
	bool		full;			/* left ran out: the error under way is ours */
} Peek;

#if PG_VERSION_NUM >= 180000
#define acquire_slot(name) ReplicationSlotAcquire((name), true, true)
#else
#define acquire_slot(name) ReplicationSlotAcquire((name), true)
#endif

/* ---- what may be looked at ---- */

/* A column of the one row that SPI holds; "" where it is null. */
static const char *
field(int column)
{
	char	   *value = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column);

	return value != NULL ? value : "";
}

/* Refuse by its row in the server's view what cannot be looked at. */
static void
check_slot(const char *name)
{
	static const char sql[] =
		"SELECT s.plugin, s.database, s.active_pid, s.wal_status,"
		" coalesce(pg_catalog.to_jsonb(s) OPERATOR(pg_catalog.->>) 'invalidation_reason',"
		"  CASE WHEN (pg_catalog.to_jsonb(s) OPERATOR(pg_catalog.->>) 'conflicting')::boolean THEN 'conflict' END)"
		" FROM pg_catalog.pg_replication_slots s WHERE s.slot_name OPERATOR(pg_catalog.=) $1";
	Oid			type = NAMEOID;
	Datum		arg = DirectFunctionCall1(namein, CStringGetDatum(name));
	const char *database = get_database_name(MyDatabaseId);

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (SPI_execute_with_args(sql, 1, &type, &arg, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "the query for the slot failed");
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("there is no slot \"%s\"", name),
				 errhint("lakehouse.cdc_health lists the slots of the plugin \"lakehouse\".")));
	if (strcmp(field(1), "lakehouse") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 *field(1) != '\0'
				 ? errmsg("slot \"%s\" is one of the plugin \"%s\", not of \"lakehouse\"", name, field(1))
				 : errmsg("slot \"%s\" is one of physical replication", name)));
	if (strcmp(field(2), database != NULL ? database : "") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("slot \"%s\" is one of database \"%s\"", name, field(2)),
				 errhint("Connect to that database.")));
	if (strcmp(field(4), "lost") == 0 || *field(5) != '\0')
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("slot \"%s\" is lost: %s", name, *field(5) != '\0' ? field(5) : "the log that it needs was removed"),
				 errhint("Drop it, load the consumers anew and begin with a new slot.")));
	if (*field(3) != '\0')
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("slot \"%s\" is in use by pid %s", name, field(3)),
				 errhint("Stop its client, or look at what it writes.")));
	SPI_finish();
}

/* What can be served goes from what the consumer confirmed to the end of the log. */
static void
check_range(Peek *peek)
{
	XLogRecPtr	confirmed = MyReplicationSlot->data.confirmed_flush;
	XLogRecPtr	current;

	peek->end = current = RecoveryInProgress() ? GetXLogReplayRecPtr(NULL) : GetFlushRecPtr(NULL);
	/* the caller may have asked for the end a moment ago, and committed without waiting for the disk */
	if (!RecoveryInProgress() && peek->upto > current)
		current = GetXLogInsertRecPtr();
	if (peek->bounded && (peek->upto < confirmed || peek->upto > current))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("upto_lsn %X/%X is not in what slot \"%s\" can serve, [%X/%X, %X/%X]", LSN_FORMAT_ARGS(peek->upto),
						peek->slot, LSN_FORMAT_ARGS(confirmed), LSN_FORMAT_ARGS(current)),
				 peek->upto < confirmed
				 ? errdetail("The consumer has confirmed what is before, so the slot has let go of it.")
				 : errdetail("The log ends there.")));
	if (peek->upto > peek->end)
	{
		XLogFlush(peek->upto);
		peek->end = GetFlushRecPtr(NULL);
	}
}

/* ---- decode ---- */

static void
prepare_row(LogicalDecodingContext *ctx, XLogRecPtr lsn, TransactionId xid, bool last_write)
{
	resetStringInfo(ctx->out);
}

static void
write_row(LogicalDecodingContext *ctx, XLogRecPtr lsn, TransactionId xid, bool last_write)
{
	Peek	   *peek = ctx->output_writer_private;
	Datum		values[3];
	bool		nulls[3] = {false};

	if (peek->left == 0)
	{
		peek->full = true;
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg_internal("all rows that were wanted are there")));
	}
	values[0] = LSNGetDatum(lsn);
	values[1] = TransactionIdGetDatum(xid);
	values[2] = PointerGetDatum(cstring_to_text_with_len(ctx->out->data, ctx->out->len));
	tuplestore_putvalues(peek->rows, peek->desc, values, nulls);
	pfree(DatumGetPointer(values[2]));
	peek->left--;
}

/* Would the record only tell the slot what it may forget? */
static bool
moves_slot(LogicalDecodingContext *ctx)
{
	return XLogRecGetRmid(ctx->reader) == RM_STANDBY_ID &&
		(XLogRecGetInfo(ctx->reader) & ~XLR_INFO_MASK) == XLOG_RUNNING_XACTS && DecodingContextReady(ctx);
}

static void
read_log(LogicalDecodingContext *ctx, const Peek *peek)
{
	XLogBeginRead(ctx->reader, MyReplicationSlot->data.restart_lsn);
	while (ctx->reader->EndRecPtr < peek->end && (!peek->bounded || ctx->reader->EndRecPtr < peek->upto))
	{
		char	   *message = NULL;
		XLogRecord *record = XLogReadRecord(ctx->reader, &message);

		if (message != NULL)
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not read the log of slot \"%s\" behind %X/%X: %s", peek->slot,
							LSN_FORMAT_ARGS(ctx->reader->EndRecPtr), message)));
		if (record != NULL && !moves_slot(ctx))
			LogicalDecodingProcessRecord(ctx, ctx->reader);
		CHECK_FOR_INTERRUPTS();
	}
}

static LogicalDecodingContext *
begin_decoding(List *options, Peek *peek)
{
	LogicalDecodingContext *ctx;

	ctx = CreateDecodingContext(InvalidXLogRecPtr, options, false,
								XL_ROUTINE(.page_read = read_local_xlog_page,
										   .segment_open = wal_segment_open,
										   .segment_close = wal_segment_close),
								prepare_row, write_row, NULL);
	if (ctx->options.output_type != OUTPUT_PLUGIN_TEXTUAL_OUTPUT)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("lakehouse.changes() shows text, but the options ask for bytes"),
				 errhint("Choose a format of kind text, without \"frames\": SELECT * FROM lakehouse.cdc_formats().")));
	ctx->output_writer_private = peek;
	return ctx;
}

/* As far as it goes or until the rows are there; all else is an error. */
static void
decode(List *options, Peek *peek)
{
	MemoryContext old = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	LogicalDecodingContext *ctx = begin_decoding(options, peek);

	/* with caches of the present, historic snapshots would see what is not yet */
	InvalidateSystemCaches();
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(old);
	PG_TRY();
	{
		read_log(ctx, peek);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		if (!peek->full)
			PG_RE_THROW();
		MemoryContextSwitchTo(old);
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	CurrentResourceOwner = owner;
	FreeDecodingContext(ctx);
	InvalidateSystemCaches();
}

Datum
lakehouse_changes(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Peek		peek = {.left = PG_INT64_MAX};
	List	   *options;

	CheckSlotPermissions();
	CheckLogicalDecodingRequirements();
	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("the slot's name is null")));
	if (!PG_ARGISNULL(2) && PG_GETARG_INT32(2) < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("upto_n is %d, but has to be at least 1", PG_GETARG_INT32(2))));
	peek.slot = pstrdup(NameStr(*PG_GETARG_NAME(0)));
	peek.bounded = !PG_ARGISNULL(1);
	peek.upto = peek.bounded ? PG_GETARG_LSN(1) : InvalidXLogRecPtr;
	if (!PG_ARGISNULL(2))
		peek.left = PG_GETARG_INT32(2);
	options = PG_ARGISNULL(3) ? NIL : lh_cdc_options_of_array(PG_GETARG_ARRAYTYPE_P(3));
	if (MyReplicationSlot != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("this session is decoding slot \"%s\" already", NameStr(MyReplicationSlot->data.name))));
	InitMaterializedSRF(fcinfo, 0);
	peek.rows = rsinfo->setResult;
	peek.desc = rsinfo->setDesc;
	check_slot(peek.slot);
	acquire_slot(peek.slot);
	PG_TRY();
	{
		check_range(&peek);
		decode(options, &peek);
	}
	PG_CATCH();
	{
		/* the error may be caught by the caller, who would keep the slot for the session */
		InvalidateSystemCaches();
		if (MyReplicationSlot != NULL)
			ReplicationSlotRelease();
		PG_RE_THROW();
	}
	PG_END_TRY();
	ReplicationSlotRelease();
	return (Datum) 0;
}
