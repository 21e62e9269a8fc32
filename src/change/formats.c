/*
 * formats.c
 *		The formats that there are.  A new one has its line here.
 */
#include "change/formats.h"

#include <strings.h>

const LhChangeFormat *const lh_change_formats[] = {&lh_format_avro,
												   &lh_format_debezium_avro,
												   &lh_format_debezium_json,
												   &lh_format_json,
												   &lh_format_protobuf,
												   &lh_format_wal2json,
												   &lh_format_wal2json_v1,
												   &lh_format_wal2json_v2,
												   NULL};

const LhChangeFormat *
lh_change_format_find(const char *name, size_t len)
{
	for (int i = 0; lh_change_formats[i] != NULL; i++)
	{
		if (strlen(lh_change_formats[i]->name) == len &&
			strncasecmp(lh_change_formats[i]->name, name, len) == 0)
			return lh_change_formats[i];
	}
	return NULL;
}
