/*
 * options.h
 *		Options of a change stream: one table for the plugin, its SQL function,
 *		the client and the docs.
 *
 * Where Debezium or wal2json have an option of the same meaning, ours has their name.
 * Names are compared with '_', '-' and '.' alike and without regard to case, as
 * options travel through shells, YAML and SQL.
 */
#ifndef LH_CHANGE_OPTIONS_H
#define LH_CHANGE_OPTIONS_H

#include "core/core.h"

/* Of messages that move slots on (lakehouse.cdc_heartbeat()): never streamed. */
#define LH_HEARTBEAT_PREFIX "lakehouse.heartbeat"

#define LH_MAX_FORMATS 4

typedef enum LhOptionType
{
	LH_OPT_BOOL, LH_OPT_INT, LH_OPT_SIZE, LH_OPT_ENUM, LH_OPT_TEXT, LH_OPT_LIST
} LhOptionType;

/* Choices of enum options; their names are in options.c. */
typedef enum LhBinaryMode { LH_BINARY_BASE64, LH_BINARY_BASE64_URL, LH_BINARY_HEX, LH_BINARY_BYTES } LhBinaryMode;
typedef enum LhDecimalMode { LH_DECIMAL_PRECISE, LH_DECIMAL_STRING, LH_DECIMAL_DOUBLE } LhDecimalMode;
typedef enum LhTimeMode
{
	LH_TIME_ADAPTIVE, LH_TIME_ADAPTIVE_US, LH_TIME_CONNECT, LH_TIME_ISOSTRING, LH_TIME_MICROSECONDS, LH_TIME_NANOSECONDS,
	LH_TIME_STRUCTURED
} LhTimeMode;
typedef enum LhIntervalMode { LH_INTERVAL_NUMERIC, LH_INTERVAL_STRING } LhIntervalMode;
typedef enum LhHstoreMode { LH_HSTORE_JSON, LH_HSTORE_MAP } LhHstoreMode;
typedef enum LhAdjustMode { LH_ADJUST_NONE, LH_ADJUST_AVRO, LH_ADJUST_AVRO_UNICODE } LhAdjustMode;
typedef enum LhGenerated { LH_GENERATED_STORED, LH_GENERATED_NONE } LhGenerated;
typedef enum LhDeleteMode
{
	LH_DELETE_DROP, LH_DELETE_TOMBSTONE, LH_DELETE_REWRITE, LH_DELETE_REWRITE_TOMBSTONE, LH_DELETE_TO_TOMBSTONE
} LhDeleteMode;
typedef enum LhOutboxInvalid
{
	LH_OUTBOX_WARN, LH_OUTBOX_ERROR, LH_OUTBOX_FATAL, LH_OUTBOX_IGNORE
} LhOutboxInvalid;
typedef enum LhUpsertInvalid { LH_UPSERT_ERROR, LH_UPSERT_FATAL } LhUpsertInvalid;
typedef enum LhOutboxPayload { LH_OUTBOX_JSON, LH_OUTBOX_RAW } LhOutboxPayload;

/* One "schema.table" pattern or comma-separated item, unescaped, UTF-8. */
typedef struct LhChangeOptions
{
	/* what is streamed: pg/cdc heeds these */
	int			nformats;
	const char *formats[LH_MAX_FORMATS];
	const char *publication_names;	/* list as given; NULL: all tables */
	const char *include_tables;	/* table.include.list: anchored patterns, comma-separated */
	const char *exclude_tables;
	const char *add_tables;		/* wal2json's add-tables, filter-tables: schema.table, '*' */
	const char *filter_tables;
	const char *origin;			/* "any" or "none" */
	const char *filter_origins;	/* wal2json: ids or names */
	const char *skipped_operations;	/* letters of c, u, d, t, m; "none" */
	const char *actions;		/* wal2json: insert,update,delete,truncate */
	const char *message_prefixes_add;
	const char *message_prefixes_filter;
	const char *message_key_columns;	/* "schema.table:col1,col2;..." */
	const char *masks;			/* "schema.table.column:null;..." a consumer may add */
	bool		streaming;		/* transactions in progress */
	bool		two_phase;		/* prepared transactions, when they are prepared */
	/* what is made of it (transform.h) */
	const char *row_filter;		/* "schema.table: condition;..." */
	bool		unwrap;
	LhDeleteMode delete_mode;
	const char *add_fields;
	const char *add_fields_prefix;
	const char *outbox_tables;	/* patterns as of include_tables */
	const char *outbox_id;		/* names of its columns; "": none */
	const char *outbox_key;
	const char *outbox_payload;
	const char *outbox_route;
	const char *outbox_topic;	/* route.topic.replacement */
	const char *outbox_placement;	/* "column:header:alias,..." */
	LhOutboxPayload outbox_value;
	LhOutboxInvalid outbox_invalid;
	bool		outbox_expand;
	bool		outbox_tombstone;
	LhGenerated generated;
	bool		messages;
	bool		ddl;			/* commands that defined something are events */
	bool		transactions;	/* provide.transaction.metadata, include-transaction: begin and commit events */
	bool		schema_events;
	/* how it travels */
	bool		frames;
	int64_t		batch_bytes;	/* 0: one message a change */
	bool		zstd;
	bool		hold;			/* transactions may go out with those behind them; positions are told by PROGRESS frames */
	bool		signals;		/* messages for the client itself go out as SIGNAL frames */
	bool		keys;			/* bare output: key, tab, value on a line */
	/* how values look */
	LhBinaryMode binary;
	LhDecimalMode decimal;
	LhTimeMode	time;
	LhIntervalMode interval;
	LhHstoreMode hstore;
	int			money_fraction_digits;
	const char *placeholder;	/* unavailable.value.placeholder */
	LhAdjustMode adjust;		/* field.name.adjustment.mode */
	bool		json_native;	/* json and jsonb as JSON, not as a string of it */
	bool		int64_string;
	/* upsert */
	LhUpsertInvalid upsert_invalid;
	/* debezium-json */
	const char *topic_prefix;
	const char *database;		/* set by the host */
	bool		schemas_enable;	/* value.converter.schemas.enable: embedded schema */
	bool		tombstones;
	bool		snapshot;
	/* wal2json */
	bool		w_xids, w_timestamp, w_schemas, w_types, w_type_oids, w_typmod, w_domain_data_type, w_positions, w_not_null,
				w_default, w_pk, w_lsn, w_origin, w_pretty, w_chunks, w_numeric_string, w_transaction;
	int			w_format_version;	/* 0: by the format's name */
} LhChangeOptions;

/* Are transactions told before their commit?  Then no value says what only the commit tells. */
static inline bool
lh_change_unfinished(const LhChangeOptions *options)
{
	return options->streaming || options->two_phase;
}

#define LH_OPTION_IGNORED SIZE_MAX

typedef struct LhOptionInfo
{
	const char *name;			/* "decimal.handling.mode" */
	LhOptionType type;
	const char *preset;			/* default, as text */
	const char *const *choices;	/* ENUM: NULL-terminated, in the enum's order; TEXT, LIST: words that they may hold; NULL: any */
	const char *formats;		/* "all", "json", "wal2json", "debezium" ... as text for docs */
	const char *summary;		/* what it does */
	const char *avoids;			/* the failure that it avoids */
	size_t		offset;			/* in LhChangeOptions; LH_OPTION_IGNORED: nowhere */
	int64_t		min,
				max;
} LhOptionInfo;

extern const LhOptionInfo lh_change_option_table[];
extern const int lh_change_noptions;

extern LhStatus lh_change_options_init(LhCtx *ctx, LhChangeOptions *options);	/* presets; texts in ctx->arena */
/*
 * LH_INVALID with the name, what is allowed, and a hint with a near name for an
 * unknown one.  value NULL: "on" for a bool, the preset of all others.
 */
extern LhStatus lh_change_option_set(LhCtx *ctx, LhChangeOptions *options, const char *name, const char *value);
/* After the last: formats exist, combinations make sense. */
extern LhStatus lh_change_options_check(LhCtx *ctx, LhChangeOptions *options);

#endif
