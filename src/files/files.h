/*
 * files.h
 *		The table formats of bare Parquet, Avro and ORC files: a file, a directory, a glob, or
 *		a JSON array of these; Hive partitions; union of schemas.
 */
#ifndef LH_FILES_FILES_H
#define LH_FILES_FILES_H

#include "scan/scan.h"

extern const LhFormat lh_files_format;	/* "parquet" */
extern const LhFormat lh_files_avro;
extern const LhFormat lh_files_orc;

/* Hive partitions of a path below root: "year=2023/month=1" -> pairs, URL-decoded; for tests. */
extern LhStatus lh_hive_parse(LhCtx *ctx, const char *path, size_t root_len,
							  int *n, const char ***names, const char ***values);

#endif
