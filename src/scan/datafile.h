/*
 * datafile.h
 *		Internal: data files of any format behind one vtable.
 *
 * The scan, and who looks at files for schemas or estimates, opens a file by its
 * format and then asks this interface only.  It has the shape of parquet.h:
 *
 *	nodes	the schema as a tree in one array, 0 the row itself.  Columns are nodes
 *			below the root or below structs; what lies in lists is reached through
 *			types only
 *	groups	parts that are skipped or read as a whole: row groups, stripes, runs of
 *			blocks
 *	columns	a cursor over one node in one group, giving vectors for any rows,
 *			ascending
 *
 * What a format does not have (bounds, bloom filters, pages, dictionaries) it
 * says by "unknown"; members that may be NULL are marked.
 */
#ifndef LH_SCAN_DATAFILE_H
#define LH_SCAN_DATAFILE_H

#include "scan/scan.h"

typedef struct LhDataFormat LhDataFormat;
typedef struct LhDataColumn LhDataColumn; /* the format's own */

struct LhDataFile
{
	const LhDataFormat *format;
	const char *path;
	int nnodes;
	int ngroups;
	int64_t rows;
};

typedef struct LhFileNode
{
	const char *name;
	int parent;      /* -1: root */
	int first_child; /* -1: none; of lists and maps unspecified */
	int next;        /* sibling; -1 */
	int field_id;    /* -1: none */
	LhType type;
	bool required; /* never null where its parent is not */
	bool not_null; /* in no row null, nor is anything above it */
	bool in_list;  /* no single value a row */
	bool flat;     /* neither nested nor in a list: bounds speak of its rows */
} LhFileNode;

typedef struct LhFileGroup
{
	int64_t rows;
	int64_t first_row; /* of the file */
} LhFileGroup;

/* Pieces of a group of which a column has bounds. */
typedef struct LhFilePages
{
	int n; /* 0: not known */
	const int64_t *first_row; /* in the group */
	const LhBounds *bounds;
} LhFilePages;

typedef struct LhDataOptions
{
	LhPqCache *cache; /* may be NULL */
	LhPqOptions parquet;
	LhSlice key_metadata; /* of an encrypted file; empty: it is none */
} LhDataOptions;

struct LhDataFormat
{
	const char *name;
	/* In ctx->arena. */
	LhStatus (*open)(LhCtx *ctx, LhObject *obj, const LhDataOptions *options, LhDataFile **out);

	void (*node)(const LhDataFile *file, int node, LhFileNode *out);
	int (*child)(const LhDataFile *file, int node, const char *name, size_t len); /* -1: none */
	int (*find)(const LhDataFile *file, const char *path); /* dotted, from the root; -1: none */
	void (*group)(const LhDataFile *file, int group, LhFileGroup *out);

	/* of flat nodes; known = false: nothing is known but rows and perhaps nulls */
	LhStatus (*bounds)(LhCtx *ctx, LhDataFile *file, int group, int node, LhBounds *out);
	LhStatus (*has_bloom)(LhCtx *ctx, LhDataFile *file, int group, int node, bool *yes);
	LhStatus (*may_hold)(LhCtx *ctx, LhDataFile *file, int group, int node, const LhValue *value,
						 bool *may);
	LhStatus (*pages)(LhCtx *ctx, LhDataFile *file, int group, int node, LhFilePages *out);
	/* Does the dictionary hold every value of the column in this group? */
	LhStatus (*all_dict)(LhCtx *ctx, LhDataFile *file, int group, int node, bool *yes);

	/* NULL, or called once before columns are opened: no other nodes will be read */
	LhStatus (*wants)(LhCtx *ctx, LhDataFile *file, int n, const int *nodes);
	/* of remote files: fetch the columns from their beginning (NULL: there is nothing to gain); take that back */
	LhStatus (*will_need)(LhCtx *ctx, LhDataFile *file, int group, int n, const int *nodes);
	void (*drop_ahead)(LhDataFile *file);

	/*
	 * NULL, or called before each batch: how many of the n rows from row on can be read
	 * together, at least 1.  All columns are read for these rows or for none.
	 */
	LhStatus (*together)(LhCtx *ctx, LhDataFile *file, int group, int64_t row, int *n);

	/* as lh_pq_column_... */
	LhStatus (*column_open)(LhCtx *ctx, LhDataFile *file, int group, int node, LhDataColumn **out);
	LhStatus (*column_read)(LhCtx *ctx, LhDataColumn *col, int64_t row, int n, const LhSel *sel,
							LhVec *out);
	int (*column_natural)(LhDataColumn *col, int64_t row, int n);
	LhStatus (*column_dict)(LhCtx *ctx, LhDataColumn *col, const LhDict **out);
	bool (*column_can_rewind)(const LhDataColumn *col);
	void (*column_rewind)(LhDataColumn *col);
};

extern const LhDataFormat lh_data_parquet;
extern const LhDataFormat lh_data_avro;
extern const LhDataFormat lh_data_orc;

extern const char *lh_file_format_name(LhFileFormat format);
/* In ctx->arena; LH_UNSUPPORTED for a format that is not there. */
extern LhStatus lh_data_open(LhCtx *ctx, LhFileFormat format, LhObject *obj, const LhDataOptions *options,
							 LhDataFile **out);

static inline LhFileGroup
lh_data_group(const LhDataFile *file, int group)
{
	LhFileGroup out;

	file->format->group(file, group, &out);
	return out;
}

#endif
