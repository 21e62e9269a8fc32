/*
 * names.c
 *		Names of ORC's numbers, for messages and describe functions.
 */
#include "orc/orc.h"

#define NAME(list, i)                                                        \
	((unsigned) (i) < sizeof(list) / sizeof((list)[0]) && (list)[i] != NULL ? \
		 (list)[i] :                                                         \
		 "unknown")

const char *
lh_orc_kind_name(int kind)
{
	static const char *const names[LH_ORC_N_KINDS] = {
		"boolean", "byte", "short", "int", "long", "float", "double", "string", "binary",
		"timestamp", "list", "map", "struct", "union", "decimal", "date", "varchar", "char",
		"timestamp with local time zone", "geometry", "geography"};

	return NAME(names, kind);
}

const char *
lh_orc_compression_name(int compression)
{
	static const char *const names[] = {"none", "zlib", "snappy", "lzo", "lz4", "zstd", "brotli"};

	return NAME(names, compression);
}

const char *
lh_orc_stream_name(int kind)
{
	static const char *const names[] = {
		"PRESENT", "DATA", "LENGTH", "DICTIONARY_DATA", "DICTIONARY_COUNT", "SECONDARY", "ROW_INDEX",
		"BLOOM_FILTER", "BLOOM_FILTER_UTF8", "ENCRYPTED_INDEX", "ENCRYPTED_DATA"};

	return NAME(names, kind);
}

const char *
lh_orc_encoding_name(int encoding)
{
	static const char *const names[] = {"DIRECT", "DICTIONARY", "DIRECT_V2", "DICTIONARY_V2"};

	return NAME(names, encoding);
}

const char *
lh_orc_writer_name(int writer)
{
	static const char *const names[] = {"ORC Java", "ORC C++", "Presto", "Scritchley Go", "Trino", "cuDF"};

	return NAME(names, writer);
}
