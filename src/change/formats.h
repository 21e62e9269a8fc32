/*
 * formats.h
 *		Formats by name, for formats.c alone.
 */
#ifndef LH_CHANGE_FORMATS_H
#define LH_CHANGE_FORMATS_H

#include "change/change.h"

extern const LhChangeFormat lh_format_avro;
extern const LhChangeFormat lh_format_debezium_avro;
extern const LhChangeFormat lh_format_debezium_json;
extern const LhChangeFormat lh_format_json;
extern const LhChangeFormat lh_format_protobuf;
extern const LhChangeFormat lh_format_wal2json;
extern const LhChangeFormat lh_format_wal2json_v1;
extern const LhChangeFormat lh_format_wal2json_v2;

#endif
