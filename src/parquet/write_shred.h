/*
 * write_shred.h
 *		Internal: shapes of columns, made by write_schema.c, used by write_shred.c.
 */
#ifndef LH_PARQUET_WRITE_SHRED_H
#define LH_PARQUET_WRITE_SHRED_H

#include "parquet/write_internal.h"

/* A node of a column: a leaf, or a list, map or struct with what lies in it. */
typedef struct LhPqwShape LhPqwShape;
struct LhPqwShape
{
	const LhType *type;
	bool required;
	int def; /* level at which its parent is there; one more when it is not required and not null */
	int rep; /* lists around it */
	LhPqwLeaf *leaf;
	int nchildren;
	LhPqwShape *children;
	LhBuf out_rep, out_def, out_pos; /* slots for the children */
};

#endif
