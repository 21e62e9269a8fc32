/*
 * names.c
 *		Names of the enumerations of parquet.thrift, for describe functions and messages.
 */
#include "parquet/parquet.h"

#define LOOKUP(names, i, other)                                                          \
	((i) >= 0 && (size_t) (i) < sizeof(names) / sizeof((names)[0]) && (names)[i] != NULL \
		 ? (names)[i]                                                                    \
		 : (other))

static const char *const physical_names[] = {
	"BOOLEAN", "INT32", "INT64", "INT96", "FLOAT", "DOUBLE", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"};

static const char *const encoding_names[] = {"PLAIN",
											 "GROUP_VAR_INT",
											 "PLAIN_DICTIONARY",
											 "RLE",
											 "BIT_PACKED",
											 "DELTA_BINARY_PACKED",
											 "DELTA_LENGTH_BYTE_ARRAY",
											 "DELTA_BYTE_ARRAY",
											 "RLE_DICTIONARY",
											 "BYTE_STREAM_SPLIT",
											 "ALP"};

static const char *const codec_names[] = {"UNCOMPRESSED", "SNAPPY", "GZIP", "LZO",
										  "BROTLI",       "LZ4",    "ZSTD", "LZ4_RAW"};

static const char *const converted_names[] = {"UTF8",
											  "MAP",
											  "MAP_KEY_VALUE",
											  "LIST",
											  "ENUM",
											  "DECIMAL",
											  "DATE",
											  "TIME_MILLIS",
											  "TIME_MICROS",
											  "TIMESTAMP_MILLIS",
											  "TIMESTAMP_MICROS",
											  "UINT_8",
											  "UINT_16",
											  "UINT_32",
											  "UINT_64",
											  "INT_8",
											  "INT_16",
											  "INT_32",
											  "INT_64",
											  "JSON",
											  "BSON",
											  "INTERVAL"};

static const char *const repetition_names[] = {"REQUIRED", "OPTIONAL", "REPEATED"};

static const char *const page_type_names[] = {"DATA_PAGE", "INDEX_PAGE", "DICTIONARY_PAGE",
											  "DATA_PAGE_V2"};

const char *
lh_pq_physical_name(int physical)
{
	return LOOKUP(physical_names, physical, physical == LH_PQ_GROUP ? "group" : "unknown");
}

const char *
lh_pq_encoding_name(int encoding)
{
	return LOOKUP(encoding_names, encoding, "unknown");
}

const char *
lh_pq_codec_name(int codec)
{
	return LOOKUP(codec_names, codec, "unknown");
}

const char *
lh_pq_converted_name(int converted)
{
	return LOOKUP(converted_names, converted, NULL);
}

const char *
lh_pq_repetition_name(int repetition)
{
	return LOOKUP(repetition_names, repetition, "unknown");
}

const char *
lh_pq_page_type_name(int type)
{
	return LOOKUP(page_type_names, type, "unknown");
}
