/*
 * debezium_envelope.h
 *		Schemas of Debezium's envelope, messages and transactions, as JSON.
 *
 * For format_debezium.c alone.  The envelope's own schema is made of a
 * relation's fields, envelope_tail and its name.
 */
#ifndef LH_CHANGE_DEBEZIUM_ENVELOPE_H
#define LH_CHANGE_DEBEZIUM_ENVELOPE_H

/* clang-format off */
#define FIELD(type, optional, name) "{\"type\":\"" type "\",\"optional\":" optional ",\"field\":\"" name "\"}"
#define SOURCE_FIELDS \
	FIELD("string", "false", "version") "," FIELD("string", "false", "connector") "," FIELD("string", "false", "name") "," \
	FIELD("int64", "false", "ts_ms") ",{\"type\":\"string\",\"optional\":true,\"name\":\"io.debezium.data.Enum\",\"version\":1," \
	"\"parameters\":{\"allowed\":\"true,first,first_in_data_collection,last_in_data_collection,last,false,incremental\"}," \
	"\"default\":\"false\",\"field\":\"snapshot\"}," FIELD("string", "false", "db") "," FIELD("string", "true", "sequence") "," \
	FIELD("int64", "true", "ts_us") "," FIELD("int64", "true", "ts_ns") "," FIELD("string", "false", "schema") "," \
	FIELD("string", "false", "table") "," FIELD("int64", "true", "txId") "," FIELD("int64", "true", "lsn") "," \
	FIELD("int64", "true", "xmin") "," FIELD("string", "true", "origin") "," FIELD("int64", "true", "origin_lsn")
#define SOURCE_SCHEMA "{\"type\":\"struct\",\"fields\":[" SOURCE_FIELDS "],\"optional\":false," \
	"\"name\":\"io.debezium.connector.postgresql.Source\",\"version\":1,\"field\":\"source\"}"
#define BLOCK_SCHEMA "{\"type\":\"struct\",\"fields\":[" FIELD("string", "false", "id") "," \
	FIELD("int64", "false", "total_order") "," FIELD("int64", "false", "data_collection_order") "],\"optional\":true," \
	"\"name\":\"event.block\",\"version\":1,\"field\":\"transaction\"}"

static const char envelope_tail[] = "," SOURCE_SCHEMA "," BLOCK_SCHEMA "," FIELD("string", "false", "op") ","
	FIELD("int64", "true", "ts_ms") "," FIELD("int64", "true", "ts_us") "," FIELD("int64", "true", "ts_ns")
	"],\"optional\":false,\"name\":\"";
#define MESSAGE_SCHEMA(content) "{\"type\":\"struct\",\"fields\":[" FIELD("string", "false", "op") "," \
	FIELD("int64", "true", "ts_ms") "," SOURCE_SCHEMA "," BLOCK_SCHEMA ",{\"type\":\"struct\",\"fields\":[" \
	FIELD("string", "true", "prefix") "," FIELD(content, "true", "content") "],\"optional\":false," \
	"\"name\":\"io.debezium.connector.postgresql.Message\",\"version\":1,\"field\":\"message\"}],\"optional\":false," \
	"\"name\":\"io.debezium.connector.postgresql.MessageValue\",\"version\":1}"

static const char message_schema_bytes[] = MESSAGE_SCHEMA("bytes");
static const char message_schema_string[] = MESSAGE_SCHEMA("string");
static const char message_key_schema[] = "{\"type\":\"struct\",\"fields\":[" FIELD("string", "true", "prefix")
	"],\"optional\":false,\"name\":\"io.debezium.connector.postgresql.MessageKey\",\"version\":1}";
static const char transaction_key_schema[] = "{\"type\":\"struct\",\"fields\":[" FIELD("string", "false", "id")
	"],\"optional\":false,\"name\":\"io.debezium.connector.common.TransactionMetadataKey\",\"version\":1}";
static const char transaction_schema[] = "{\"type\":\"struct\",\"fields\":[" FIELD("string", "false", "status") ","
	FIELD("string", "false", "id") "," FIELD("int64", "true", "event_count") ",{\"type\":\"array\",\"items\":"
	"{\"type\":\"struct\",\"fields\":[" FIELD("string", "false", "data_collection") "," FIELD("int64", "false", "event_count")
	"],\"optional\":true,\"name\":\"event.collection\",\"version\":1},\"optional\":true,\"field\":\"data_collections\"},"
	FIELD("int64", "false", "ts_ms") "],\"optional\":false,"
	"\"name\":\"io.debezium.connector.common.TransactionMetadataValue\",\"version\":1}";
/* clang-format on */

#endif
