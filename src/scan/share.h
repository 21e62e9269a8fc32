/*
 * share.h
 *		Several scans of one table that take turns at its row groups.
 *
 * Every scan has the same list of file tasks; which of them reads what is
 * decided by one atomic word that says which unit is the next.  A unit is a row
 * group, or a whole file where that is a small part of the table: nobody knows
 * how many row groups a file has before it was opened, and ten thousand small
 * files shall be opened once each.
 *
 *	1. Units are taken in the order of a serial scan: who takes one later takes
 *	   a later one.
 *	2. A row group that turns out not to be there sends everybody to the next
 *	   file.  So each scan opens a large file at most once in vain.
 *	3. Each unit is taken once, whatever ends meanwhile: rows are never lost or
 *	   read twice, nor are answers from metadata.
 *
 * The struct has no pointers and works with plain atomics, so it may lie in
 * memory that processes share.
 */
#ifndef LH_SCAN_SHARE_H
#define LH_SCAN_SHARE_H

#include "scan/scan.h"

/* A file with more than this part of the table's bytes is taken by row groups. */
#define LH_SHARE_PARTS 64

/* What became of the row groups of a file that several scans read: all of them count the file once. */
typedef struct LhShareTally
{
	uint32_t stats; /* pruned by statistics */
	uint32_t meta;  /* answered from metadata */
	uint32_t read;
	uint32_t done; /* all that were looked at */
} LhShareTally;

struct LhScanShare
{
	uint64_t next; /* file task << 32 | row group */
	LhShareTally tallies[LH_SHARE_PARTS];
};

/* A unit in the order of a serial scan. */
typedef struct LhScanUnit
{
	size_t task;
	int group; /* -1: the whole file */
} LhScanUnit;

/* Before any scan begins, and again before all of them are rewound. */
extern void lh_share_init(LhScanShare *share);

/*
 * The next unit is this scan's: lh_scan_next gives its batches, then NULL, and
 * goes on when another unit was taken.  False: there is none left.
 */
extern bool lh_scan_take(LhScan *scan, LhScanUnit *unit);

static inline bool
lh_unit_before(const LhScanUnit *a, const LhScanUnit *b)
{
	return a->task != b->task ? a->task < b->task : a->group < b->group;
}

#endif
