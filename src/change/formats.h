/*
 * formats.h
 *		Formats by name, for formats.c alone.
 */
#ifndef LH_CHANGE_FORMATS_H
#define LH_CHANGE_FORMATS_H

#include "change/change.h"

extern const LhChangeFormat lh_format_json;

#endif
