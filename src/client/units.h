/*
 * units.h
 *		The units of an initial snapshot: which rows each has, who reads which, and
 *		the order in which they are delivered.
 *
 * A unit is a range of blocks of one table.  Units are numbered from 1 over all
 * tables, as they stand in the plan; a sink's position (point of the slot, unit)
 * says which it holds, for they are delivered in this order, each whole.
 *
 *	1. Workers take units in order, but read ahead: the rows of a unit whose turn
 *	   has not come are held in memory, up to a limit a worker.
 *	2. A worker at its limit is not read from, so that its server waits.  The unit
 *	   whose turn it is knows no limit: its rows are delivered as they come.
 *	3. A unit whose worker is lost goes back, and is taken again before others.  A
 *	   table may be reserved for worker 0, which alone has a lock on it for sure.
 *	   Nobody waits for ever: a unit whose turn it is may be taken by any idle
 *	   worker, and while it is free and reserved, worker 0 reads on over its limit.
 *
 * Knows neither libpq nor delivery, so that it is tested without a server.
 */
#ifndef LH_CLIENT_UNITS_H
#define LH_CLIENT_UNITS_H

#include "core/core.h"

/* Units that a worker may be ahead by: small tables hold little memory, but each its place. */
#define LH_UNITS_AHEAD 16
/* No end: the last unit of a table also has what a table grew by since it was measured. */
#define LH_UNITS_OPEN UINT64_MAX

typedef struct LhUnitsTable
{
	uint64_t	first;			/* its first unit */
	uint64_t	units;
	uint64_t	blocks;
	bool		reserved;		/* for worker 0 */
} LhUnitsTable;

typedef struct LhUnits LhUnits;

/* blocks of each table, in order.  All in ctx->arena. */
extern LhStatus lh_units_create(LhCtx *ctx, uint64_t unit_blocks, uint32_t ntables, const uint64_t *blocks,
								int nworkers, size_t memory, LhUnits **out);
extern uint64_t lh_units_total(const LhUnits *u);
extern const LhUnitsTable *lh_units_table(const LhUnits *u, uint32_t table);
/* Which table a unit is of, and its blocks: from <= block < to. */
extern void lh_units_range(const LhUnits *u, uint64_t unit, uint32_t *table, uint64_t *from, uint64_t *to);
/* Blocks of all units before this one. */
extern uint64_t lh_units_blocks_before(const LhUnits *u, uint64_t unit);

/* ---- reading: nobody reads, nothing is held, this unit is to be delivered next ---- */
extern void lh_units_begin(LhUnits *u, uint64_t first);
/* A unit for an idle worker; 0: none now. */
extern uint64_t lh_units_take(LhUnits *u, int worker);
/* There is one, or may be: worth a connection. */
extern bool lh_units_may_take(const LhUnits *u, int worker);
/* What the worker reads; 0: nothing. */
extern uint64_t lh_units_reading(const LhUnits *u, int worker);
/* Its socket may be read from. */
extern bool lh_units_may_read(const LhUnits *u, int worker);
/* It read so much of its unit, whose turn has not come: a copy is held. */
extern LhStatus lh_units_hold(LhCtx *ctx, LhUnits *u, int worker, LhSlice rows);
/* Its unit is read to the end. */
extern void lh_units_read(LhUnits *u, int worker);
/* It cannot read its unit: what is held of it is dropped, it goes back. */
extern void lh_units_lost(LhUnits *u, int worker);
extern void lh_units_reserve(LhUnits *u, uint32_t table);
/* Bytes held for a worker. */
extern size_t lh_units_held(const LhUnits *u, int worker);

/* ---- delivering ---- */
/* The unit whose turn it is; beyond the total: all is delivered. */
extern uint64_t lh_units_turn(const LhUnits *u);
/* What is held of it, piece by piece; false: nothing.  Good until the next call. */
extern bool lh_units_next_held(LhUnits *u, LhSlice *rows);
/* It was read to its end and nothing of it is held: then the next one's turn comes. */
extern bool lh_units_finished(const LhUnits *u);
extern bool lh_units_finish(LhUnits *u);

#endif
