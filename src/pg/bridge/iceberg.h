/*
 * iceberg.h
 *		What the PostgreSQL side knows of Iceberg tables beyond the vtable of scan/.
 */
#ifndef LH_PG_BRIDGE_ICEBERG_H
#define LH_PG_BRIDGE_ICEBERG_H

#include "pg/bridge/bridge.h"

/* The value of option format. */
#define lh_iceberg_name "iceberg"

extern bool lh_is_iceberg(const LhTable *table);

/*
 * Let the setting lakehouse.as_of choose the snapshot, unless the table's options
 * do; true when it does.
 */
extern bool lh_iceberg_as_of(LhLakeOptions *options);

/* The metadata file of a table that was opened with these options. */
extern LhStatus lh_iceberg_locate(LhCtx *ctx, LhTable *table, const LhTableOptions *options, const char **path);

/* Rows, bytes and files for planning, by the manifest list alone. */
extern LhStatus lh_iceberg_size(LhCtx *ctx, LhTable *table, LhTableSchema *schema);

/* The manifests that a session keeps: called before tables are opened, and when the setting changes. */
extern void lh_iceberg_use_cache(void);
extern void lh_iceberg_resize_cache(void);

#endif
