/*
 * options_table.c
 *		The options of change streams: the one list.
 *
 * Parsing, the SQL function that lists them, the client's help and the docs all
 * come from it.  "avoids" is what goes wrong without the option, or with the
 * wrong value: who reads a list of forty options wants to know which of them
 * matter to him.
 */
#include "change/options.h"

#include <limits.h>

static const char *const binary_modes[] = {"base64", "base64-url-safe", "hex", "bytes", NULL};
static const char *const decimal_modes[] = {"precise", "string", "double", NULL};
static const char *const time_modes[] = {"adaptive",     "adaptive_time_microseconds",
										 "connect",      "isostring",
										 "microseconds", "nanoseconds",
										 "structured",   NULL};
static const char *const interval_modes[] = {"numeric", "string", NULL};
static const char *const hstore_modes[] = {"json", "map", NULL};
static const char *const adjust_modes[] = {"none", "avro", "avro_unicode", NULL};
static const char *const generated_modes[] = {"stored", "none", NULL};
static const char *const delete_modes[] = {
	"drop", "tombstone", "rewrite", "rewrite-with-tombstone", "delete-to-tombstone", NULL};
static const char *const invalid_modes[] = {"warn", "error", "fatal", "ignore", NULL};
static const char *const upsert_modes[] = {"error", "fatal", NULL};
static const char *const payload_modes[] = {"json", "raw", NULL};
static const char *const origins[] = {"any", "none", NULL};
static const char *const actions[] = {"insert", "update", "delete", "truncate", NULL};
static const char *const operations[] = {"c", "u", "d", "t", "m", "none", NULL};

#define FIELD(field) offsetof(LhChangeOptions, field)

#define BOOL(name, field, preset, formats, summary, avoids)                           \
	{                                                                                 \
		name, LH_OPT_BOOL, preset, NULL, formats, summary, avoids, FIELD(field), 0, 1 \
	}
#define INT(name, field, preset, least, most, formats, summary, avoids)                     \
	{                                                                                       \
		name, LH_OPT_INT, preset, NULL, formats, summary, avoids, FIELD(field), least, most \
	}
#define SIZE(name, field, preset, least, most, formats, summary, avoids)                     \
	{                                                                                        \
		name, LH_OPT_SIZE, preset, NULL, formats, summary, avoids, FIELD(field), least, most \
	}
#define ENUM(name, field, preset, choices, formats, summary, avoids)                     \
	{                                                                                    \
		name, LH_OPT_ENUM, preset, choices, formats, summary, avoids, FIELD(field), 0, 0 \
	}
#define TEXT(name, field, preset, choices, formats, summary, avoids)                     \
	{                                                                                    \
		name, LH_OPT_TEXT, preset, choices, formats, summary, avoids, FIELD(field), 0, 0 \
	}
#define LIST(name, field, preset, choices, formats, summary, avoids)                     \
	{                                                                                    \
		name, LH_OPT_LIST, preset, choices, formats, summary, avoids, FIELD(field), 0, 0 \
	}

#define ALL      "all"
#define JSON     "json, flat, upsert"
#define BOTH     "json, debezium"
#define WAL2JSON "wal2json"
#define DEBEZIUM "debezium"
#define V1       "wal2json-v1"
#define UPSERT   "upsert"

const LhOptionInfo lh_change_option_table[] = {
	/* what is streamed */
	LIST("format", formats, "json", NULL, ALL,
		 "formats of the values, comma-separated; more than one needs frames",
		 "a slot, and a decoding of all WAL, for each consumer that wants another format"),
	LIST("publication_names", publication_names, "", NULL, ALL,
		 "publications whose tables, row filters and column lists hold; empty: all tables",
		 "tables in the stream that nobody meant to publish"),
	LIST("table.include.list", include_tables, "", NULL, ALL,
		 "patterns of schema.table, anchored, comma-separated; only these are streamed",
		 "a new table that is in the stream before anybody decided so"),
	LIST("table.exclude.list", exclude_tables, "", NULL, ALL,
		 "patterns of schema.table that are left out", "logs and queues that fill the stream"),
	LIST("add-tables", add_tables, "", NULL, ALL,
		 "schema.table, *.table or schema.*, as wal2json has them: only these",
		 "a second configuration when wal2json is replaced"),
	LIST("filter-tables", filter_tables, "", NULL, ALL, "the same, left out",
		 "a second configuration when wal2json is replaced"),
	TEXT("origin", origin, "any", origins, ALL,
		 "\"none\": only changes that were made here, not replicated ones",
		 "changes that go in circles between two servers"),
	LIST("filter-origins", filter_origins, "", NULL, ALL,
		 "replication origins, by name or number, that are left out",
		 "changes that come back to where they were made"),
	LIST(
		"skipped.operations", skipped_operations, "none", operations, ALL,
		"operations that are left out: c(reate), u(pdate), d(elete), t(runcate), m(essage); or none",
		"work for changes that the consumer throws away"),
	LIST("actions", actions, "", actions, ALL,
		 "operations that are streamed: insert, update, delete, truncate; empty: all",
		 "a second configuration when wal2json is replaced"),
	LIST("add-msg-prefixes", message_prefixes_add, "", NULL, ALL,
		 "prefixes of logical messages: only these",
		 "messages of extensions in the stream of an application"),
	LIST("filter-msg-prefixes", message_prefixes_filter, "", NULL, ALL,
		 "prefixes of logical messages that are left out",
		 "messages of extensions in the stream of an application"),
	LIST(
		"message.key.columns", message_key_columns, "", NULL, ALL,
		"keys of messages: schema.table:column,column;...; other tables have their replica identity's",
		"rows that belong together, but land in different partitions"),
	LIST(
		"masks", masks, "", NULL, ALL,
		"masks on top of those that policies set: schema.table.column:mask;... (null, constant:TEXT, truncate:N, hash)",
		"personal data in a topic that many may read"),
	BOOL("streaming", streaming, "off", "json",
		 "a large transaction is told in blocks while it runs, and what is rolled back is taken back",
		 "a large transaction that waits on the server's disk and then arrives all at once"),
	BOOL("two_phase", two_phase, "off", "json",
		 "a prepared transaction is told when it is prepared; the slot has to be made for it",
		 "a consumer that could have refused, and hears of it when all is decided"),
	ENUM("generated", generated, "stored", generated_modes, ALL,
		 "stored generated columns: streamed (stored) or not (none)",
		 "columns that are there in the snapshot and null ever after"),
	BOOL("messages", messages, "on", ALL, "logical messages (pg_logical_emit_message) are events",
		 "an outbox table that is written only to be deleted"),
	BOOL("ddl", ddl, "off", ALL,
		 "commands that define tables and types are events, where lakehouse.cdc_ddl_enable() was called",
		 "a consumer that learns of a new column when its first value does not fit"),
	BOOL("provide.transaction.metadata", transactions, "off", "json, avro, debezium",
		 "begin and commit are events; changes say their order",
		 "a consumer that applies half a transaction"),
	BOOL("schema.events", schema_events, "on", "json, frames",
		 "a relation's columns are an event before its first row, and whenever they change",
		 "a consumer that asks the catalogs and gets the columns of another time"),
	/* how it travels */
	BOOL("frames", frames, "off", ALL,
		 "binary frames with position, key and value of each format; the client's protocol",
		 "restarts that lose or repeat rows, as many rows share one LSN"),
	SIZE(
		"batch.bytes", batch_bytes, "0", 0, 1 << 28, ALL,
		"bytes of changes that are sent together, lines of text or frames; 0: one message a change",
		"half of the sender's CPU in system calls"),
	BOOL("zstd", zstd, "off", "frames", "batches of frames are compressed",
		 "a network that is slower than the sender"),
	BOOL(
		"hold", hold, "off", "frames",
		"small transactions go out together while more of the log is at hand; only for clients that take positions from frames, not from keepalives",
		"a system call for each small transaction"),
	BOOL(
		"signals", signals, "off", "frames",
		"messages that clients write for themselves are frames; set by the client that takes snapshots beside the stream",
		"rows of a snapshot that overtake changes"),
	BOOL("keys", keys, "off", ALL, "without frames: key, tab and value on a line",
		 "rows without a key to partition by"),
	/* how values look */
	ENUM("binary.handling.mode", binary, "bytes", binary_modes, "json, flat, upsert, debezium",
		 "bytea: as bytes (in JSON: base64), base64, base64-url-safe or hex",
		 "consumers that take base64 for text"),
	ENUM("decimal.handling.mode", decimal, "precise", decimal_modes, "json, flat, upsert, avro, debezium",
		 "numeric: with all its digits, as a string, or as a double",
		 "amounts that lose digits in readers of doubles"),
	ENUM("time.precision.mode", time, "adaptive", time_modes, DEBEZIUM,
		 "what temporal columns are counted in, or isostring",
		 "microseconds that are read as milliseconds"),
	ENUM("interval.handling.mode", interval, "numeric", interval_modes, DEBEZIUM,
		 "interval: microseconds (a month has 30.4375 days), or an ISO 8601 string",
		 "months that become days"),
	ENUM("hstore.handling.mode", hstore, "json", hstore_modes, DEBEZIUM,
		 "hstore: JSON text, or a map", "a schema that the sink does not take"),
	INT("money.fraction.digits", money_fraction_digits, "2", 0, 18, DEBEZIUM,
		"decimal digits of money",
		"amounts that are off by powers of ten, as lc_monetary says how many digits money has"),
	TEXT("unavailable.value.placeholder", placeholder, "__debezium_unavailable_value", NULL,
		 DEBEZIUM,
		 "stands for a large value that an update did not touch and the log does not have",
		 "null where a value is, only not in the log"),
	ENUM("field.name.adjustment.mode", adjust, "none", adjust_modes, "debezium, avro",
		 "names of fields: as they are, or as Avro takes them; in Avro none is avro",
		 "a registry that refuses the schema"),
	BOOL("json.native", json_native, "on", JSON, "json and jsonb as JSON, not as a string of it",
		 "JSON that every consumer has to parse twice"),
	BOOL("bigint.as.string", int64_string, "off", JSON, "bigint as a string",
		 "ids beyond 2^53 that change in JavaScript"),
	/* upsert */
	ENUM("upsert.invalid.behavior", upsert_invalid, "error", upsert_modes, UPSERT,
		 "what an upsert cannot say: an event in the topic of messages (error), or the end (fatal)",
		 "tables that are no copies any more, and nobody is told"),
	/* debezium-json */
	TEXT("topic.prefix", topic_prefix, "lakehouse", NULL, "debezium, avro",
		 "name of the server in source, schemas and topics",
		 "topics of two servers that get mixed up"),
	BOOL("value.converter.schemas.enable", schemas_enable, "off", "debezium-json",
		 "each message with the schema of its key and value",
		 "sinks that need a schema and have no registry; costs several times the bytes"),
	BOOL("tombstones.on.delete", tombstones, "on", "debezium in frames",
		 "a delete is followed by a message of its key without a value",
		 "compacted topics that never forget a deleted key"),
	BOOL("snapshot", snapshot, "off", ALL, "set for the rows of a snapshot",
		 "reads that look like inserts"),
	/* transforms */
	LIST("row.filter", row_filter, "", NULL, ALL,
		 "rows that are streamed: schema.table: condition;... over columns that are not masked",
		 "rows that a consumer is sent only to throw them away"),
	BOOL("unwrap", unwrap, "off", BOTH, "a value is the row itself, flat, without its envelope",
		 "sinks that take the envelope for columns"),
	ENUM("delete.tombstone.handling.mode", delete_mode, "tombstone", delete_modes, BOTH,
		 "what unwrap makes of a delete: nothing, a tombstone, or the old row with __deleted",
		 "rows that are deleted here and stay there"),
	LIST("add.fields", add_fields, "", NULL, "json, debezium, flat, upsert",
		 "what unwrap, flat and upsert add to the row: op, lsn, table, source.ts_ms, ...; field:name renames",
		 "a flat row that nobody can put in order"),
	TEXT("add.fields.prefix", add_fields_prefix, "__", NULL, "json, debezium, flat, upsert",
		 "stands before the names of added fields", "a field that has a column's name"),
	LIST("outbox.table", outbox_tables, "", NULL, BOTH,
		 "patterns of schema.table whose inserts are messages to a topic of their own",
		 "consumers that need to know how the outbox is stored"),
	TEXT("table.field.event.id", outbox_id, "id", NULL, BOTH,
		 "column of an outbox whose value is the header id; empty: none",
		 "messages that cannot be told from their repetition"),
	TEXT("table.field.event.key", outbox_key, "aggregateid", NULL, BOTH,
		 "column of an outbox that is the message's key; empty: it has none",
		 "events of one thing in different partitions"),
	TEXT("table.field.event.payload", outbox_payload, "payload", NULL, BOTH,
		 "column of an outbox that is the message's value", "an outbox that has to be renamed"),
	LIST("table.fields.additional.placement", outbox_placement, "", NULL, BOTH,
		 "other columns of an outbox: column:header or column:envelope, with :alias",
		 "consumers that have to read the payload to know what it is"),
	BOOL("table.expand.json.payload", outbox_expand, "off", BOTH,
		 "a payload that is text of a JSON object or array is JSON, not a string of it",
		 "JSON that every consumer has to parse twice"),
	ENUM("table.op.invalid.behavior", outbox_invalid, "warn", invalid_modes, BOTH,
		 "an update of an outbox: a warning, a quarantine event (error), the end (fatal), nothing",
		 "events that somebody changed after they were told"),
	ENUM("outbox.payload", outbox_value, "json", payload_modes, "json, debezium in frames",
		 "payload and key of an outbox as values of the format, or the bytes as they are (raw)",
		 "Avro that arrives as base64"),
	TEXT("route.by.field", outbox_route, "aggregatetype", NULL, BOTH,
		 "column of an outbox that says the topic", "an outbox that has to be renamed"),
	TEXT("route.topic.replacement", outbox_topic, "outbox.event.${routedByValue}", NULL, BOTH,
		 "topic of an outbox's messages", "topics that others use already"),
	BOOL("route.tombstone.on.empty.payload", outbox_tombstone, "off", "json, debezium in frames",
		 "an empty payload is a tombstone", "compacted topics that never forget a key"),
	/* wal2json */
	BOOL("include-xids", w_xids, "off", WAL2JSON, "xid", "another shape than wal2json's"),
	BOOL("include-timestamp", w_timestamp, "off", WAL2JSON, "timestamp of the commit",
		 "another shape than wal2json's"),
	BOOL("include-schemas", w_schemas, "on", WAL2JSON, "schema of the table",
		 "another shape than wal2json's"),
	BOOL("include-types", w_types, "on", WAL2JSON, "types of columns",
		 "another shape than wal2json's"),
	BOOL("include-type-oids", w_type_oids, "off", WAL2JSON, "OIDs of types",
		 "another shape than wal2json's"),
	BOOL("include-typmod", w_typmod, "on", WAL2JSON, "modifiers of types: varchar(20)",
		 "another shape than wal2json's"),
	BOOL("include-domain-data-type", w_domain_data_type, "off", WAL2JSON,
		 "the type beneath a domain, not the domain", "another shape than wal2json's"),
	BOOL("include-column-positions", w_positions, "off", WAL2JSON, "numbers of columns",
		 "another shape than wal2json's"),
	BOOL("include-origin", w_origin, "off", WAL2JSON, "number of the replication origin",
		 "another shape than wal2json's"),
	BOOL("include-not-null", w_not_null, "off", WAL2JSON, "which columns may be null",
		 "another shape than wal2json's"),
	BOOL("include-default", w_default, "off", WAL2JSON, "expressions of defaults",
		 "another shape than wal2json's"),
	BOOL("include-pk", w_pk, "off", WAL2JSON, "columns of the primary key",
		 "another shape than wal2json's"),
	BOOL("pretty-print", w_pretty, "off", V1, "blanks and newlines",
		 "another shape than wal2json's"),
	BOOL("write-in-chunks", w_chunks, "off", V1, "a message a change in place of one a transaction",
		 "a transaction that does not fit into one message of 1 GB"),
	BOOL("include-lsn", w_lsn, "off", WAL2JSON, "LSN of the change, nextlsn of the transaction",
		 "another shape than wal2json's"),
	BOOL("include-transaction", w_transaction, "on", WAL2JSON, "records of begin and commit",
		 "another shape than wal2json's"),
	BOOL("numeric-data-types-as-string", w_numeric_string, "off", WAL2JSON, "numbers as strings",
		 "NaN and infinities that become null"),
	INT("format-version", w_format_version, "0", 0, 2, WAL2JSON,
		"1 or 2, of the format \"wal2json\" (0: as the format's name says, or 1)",
		"a second configuration when wal2json is replaced"),
	{"include-unchanged-toast", LH_OPT_BOOL, "off", NULL, WAL2JSON,
	 "taken and ignored, as wal2json does", "a second configuration when wal2json is replaced",
	 LH_OPTION_IGNORED, 0, 1},
};

const int lh_change_noptions = sizeof(lh_change_option_table) / sizeof(lh_change_option_table[0]);
