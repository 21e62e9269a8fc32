/*
 * changes.h
 *		Rows that came and went between two snapshots, without those that only moved.
 *
 * A table with the options changes_from or changes_to is read as what its commits
 * added and deleted.  A commit that rewrites a file deletes all of its rows and adds
 * most of them again: such pairs are no changes (Spark's "carry-over rows"), and
 * they are taken out here, by comparing rows.  What is left has
 *
 *	_change_type			INSERT or DELETE
 *	_change_ordinal			number of the commit, from 0
 *	_commit_snapshot_id		its snapshot
 *
 * With net_changes, rows that came and went in different commits are taken out, too.
 *
 * Rows are the same when all columns that the foreign table has are, metadata
 * columns apart.
 */
#ifndef LH_PG_BRIDGE_CHANGES_H
#define LH_PG_BRIDGE_CHANGES_H

#include "pg/bridge/reader.h"

/* Attributes behind those of the relation in a source of changes. */
enum
{
	LH_CHANGE_TYPE, LH_CHANGE_ORDINAL, LH_CHANGE_SNAPSHOT, LH_CHANGE_ATTRS
};

typedef struct LhChanges LhChanges;

/* Of a reader that was just started on such a source; columns may be added to it. */
extern LhChanges *lh_changes_create(LhReader *reader);
/* The next row: values by attno - 1 of source->desc.  False at the end. */
extern bool lh_changes_next(LhChanges *changes, Datum *values, bool *nulls);
/* After the reader was rewound. */
extern void lh_changes_rewind(LhChanges *changes);
/*
 * Close the sort and its temporary files, before the source goes: these belong to the
 * resource owner, not to memory.  Not after errors.
 */
extern void lh_changes_end(LhChanges *changes);

#endif
