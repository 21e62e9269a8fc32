/*
 * names.h
 *		Names of tables and columns as other systems take them.
 */
#ifndef LH_CHANGE_NAMES_H
#define LH_CHANGE_NAMES_H

#include "change/change.h"

/* A name as the field of a record, under field.name.adjustment.mode; name itself where it stays. */
extern LhStatus lh_name_adjust(LhCtx *ctx, LhAdjustMode mode, const char *name, const char **out);
/*
 * The same of a relation's columns, so that no two are alike, nor any like one of
 * the reserved (NULL-terminated): later ones have _2, _3 ... behind them.
 */
extern LhStatus lh_names_of_columns(LhCtx *ctx, LhAdjustMode mode, const LhChangeRel *rel, const char *const *reserved,
									const char ***out);
/* prefix.schema.table with what topics cannot have as '_': a topic's name. */
extern LhStatus lh_name_topic(LhCtx *ctx, const char *prefix, const char *schema, const char *table, const char **out);
/* The same for Avro's namespaces, each part of which is a name there; a part without letters is '_'. */
extern LhStatus lh_name_namespace(LhCtx *ctx, const char *topic, const char **out);

#endif
