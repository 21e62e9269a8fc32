/*
 * units.c
 *		Numbers, turns and memory of a snapshot's units.
 */
#include "client/units.h"

/* What is held stands in pieces of this size; a larger row has a piece of its own. */
#define PIECE ((size_t) 256 << 10)

/* Rows that are held: u64 length and bytes, one behind the other. */
typedef struct Piece
{
	LhBuf buf;
	size_t at; /* handed out */
	struct Piece *next;
} Piece;

typedef enum State
{
	UNIT_FREE,
	UNIT_READING,
	UNIT_READ
} State;

/* A unit between its taking and its delivery. */
typedef struct Flight
{
	State state;
	int worker;
	Piece *first, *last;
} Flight;

typedef struct Worker
{
	uint64_t reading; /* 0: nothing */
	size_t held;
} Worker;

struct LhUnits
{
	LhArena *arena;
	uint64_t unit_blocks;
	uint64_t total;
	uint32_t ntables;
	LhUnitsTable *tables;
	int nworkers;
	Worker *workers;
	size_t memory;
	uint64_t turn;
	uint64_t window; /* flights: unit n is at n % window, for turn <= n < turn + window */
	Flight *flights;
	Piece *spare; /* structs to be used again, without memory */
};

LhStatus
lh_units_create(LhCtx *ctx, uint64_t unit_blocks, uint32_t ntables, const uint64_t *blocks,
				int nworkers, size_t memory, LhUnits **out)
{
	LhUnits *u;
	uint64_t next = 1;

	LH_NEW(ctx, u);
	u->arena = ctx->arena;
	u->unit_blocks = unit_blocks;
	u->ntables = ntables;
	u->nworkers = nworkers;
	u->memory = memory;
	u->window = (uint64_t) nworkers * LH_UNITS_AHEAD;
	LH_NEW_ARRAY(ctx, u->tables, ntables > 0 ? ntables : 1);
	LH_NEW_ARRAY(ctx, u->workers, (size_t) nworkers);
	LH_NEW_ARRAY(ctx, u->flights, u->window);
	for (uint32_t i = 0; i < ntables; i++)
	{
		uint64_t units = blocks[i] / unit_blocks + (blocks[i] % unit_blocks != 0);

		u->tables[i] = (LhUnitsTable){next, units > 0 ? units : 1, blocks[i], false};
		next += u->tables[i].units;
	}
	u->total = next - 1;
	u->turn = 1;
	*out = u;
	return LH_OK;
}

uint64_t
lh_units_total(const LhUnits *u)
{
	return u->total;
}

const LhUnitsTable *
lh_units_table(const LhUnits *u, uint32_t table)
{
	return &u->tables[table];
}

static uint32_t
table_of(const LhUnits *u, uint64_t unit)
{
	uint32_t low = 0, high = u->ntables;

	/* the last table that begins at unit or before */
	while (high - low > 1)
	{
		uint32_t middle = low + (high - low) / 2;

		if (u->tables[middle].first <= unit)
			low = middle;
		else
			high = middle;
	}
	return low;
}

void
lh_units_range(const LhUnits *u, uint64_t unit, uint32_t *table, uint64_t *from, uint64_t *to)
{
	const LhUnitsTable *t;

	*table = table_of(u, unit);
	t = &u->tables[*table];
	*from = (unit - t->first) * u->unit_blocks;
	*to = unit - t->first + 1 < t->units ? *from + u->unit_blocks : LH_UNITS_OPEN;
}

uint64_t
lh_units_blocks_before(const LhUnits *u, uint64_t unit)
{
	uint64_t blocks = 0;

	for (uint32_t i = 0; i < u->ntables; i++)
	{
		const LhUnitsTable *t = &u->tables[i];

		if (t->first + t->units > unit)
			return unit > t->first ? blocks + (unit - t->first) * u->unit_blocks : blocks;
		blocks += t->blocks;
	}
	return blocks;
}

/* ---- what is held ---- */

static Flight *
flight(const LhUnits *u, uint64_t unit)
{
	return &u->flights[unit % u->window];
}

/* Memory goes back at once, the struct is used again. */
static void
release(LhUnits *u, Flight *f, Piece *p)
{
	u->workers[f->worker].held -= p->buf.cap;
	lh_buf_free(&p->buf);
	p->next = u->spare;
	u->spare = p;
}

static void
drop_held(LhUnits *u, Flight *f)
{
	while (f->first != NULL)
	{
		Piece *p = f->first;

		f->first = p->next;
		release(u, f, p);
	}
	f->last = NULL;
}

static LhStatus
add_piece(LhCtx *ctx, LhUnits *u, Flight *f)
{
	Piece *p = u->spare;
	LhArena *old = lh_use(ctx, u->arena);
	LhStatus status = LH_OK;

	if (p != NULL)
		u->spare = p->next;
	else
		p = lh_alloc(ctx, sizeof(*p));
	if (p != NULL)
	{
		memset(p, 0, sizeof(*p));
		status = lh_buf_init(ctx, &p->buf, false);
	}
	lh_use(ctx, old);
	if (p == NULL)
		return ctx->error->code;
	if (f->last != NULL)
		f->last->next = p;
	else
		f->first = p;
	f->last = p;
	return status;
}

LhStatus
lh_units_hold(LhCtx *ctx, LhUnits *u, int worker, LhSlice rows)
{
	Flight *f = flight(u, u->workers[worker].reading);
	uint64_t n = rows.len;
	size_t was;
	LhStatus status;

	if (f->last == NULL || (f->last->buf.len > 0 && f->last->buf.len + 8 + rows.len > PIECE))
		LH_TRY(add_piece(ctx, u, f));
	was = f->last->buf.cap;
	status = lh_buf_append(ctx, &f->last->buf, &n, sizeof(n));
	if (status == LH_OK && n > 0)
		status = lh_buf_append(ctx, &f->last->buf, rows.data, rows.len);
	u->workers[worker].held += f->last->buf.cap - was;
	return status;
}

size_t
lh_units_held(const LhUnits *u, int worker)
{
	return u->workers[worker].held;
}

/* ---- reading ---- */

void
lh_units_begin(LhUnits *u, uint64_t first)
{
	for (uint64_t i = 0; i < u->window; i++)
	{
		drop_held(u, &u->flights[i]);
		u->flights[i].state = UNIT_FREE;
	}
	for (int w = 0; w < u->nworkers; w++)
		u->workers[w].reading = 0;
	u->turn = first;
}

static bool
reserved(const LhUnits *u, uint64_t unit)
{
	return u->tables[table_of(u, unit)].reserved;
}

/* 0: none */
static uint64_t
next_for(const LhUnits *u, int worker)
{
	const Worker *w = &u->workers[worker];

	if (w->reading != 0)
		return 0;
	for (uint64_t unit = u->turn; unit <= u->total && unit < u->turn + u->window; unit++)
	{
		if (flight(u, unit)->state != UNIT_FREE || (worker != 0 && reserved(u, unit)))
			continue;
		return unit == u->turn || w->held < u->memory ? unit : 0;
	}
	return 0;
}

bool
lh_units_may_take(const LhUnits *u, int worker)
{
	return next_for(u, worker) != 0;
}

uint64_t
lh_units_take(LhUnits *u, int worker)
{
	uint64_t unit = next_for(u, worker);

	if (unit == 0)
		return 0;
	flight(u, unit)->state = UNIT_READING;
	flight(u, unit)->worker = worker;
	u->workers[worker].reading = unit;
	return unit;
}

uint64_t
lh_units_reading(const LhUnits *u, int worker)
{
	return u->workers[worker].reading;
}

bool
lh_units_may_read(const LhUnits *u, int worker)
{
	const Worker *w = &u->workers[worker];

	if (w->reading == 0)
		return false;
	if (w->reading == u->turn || w->held < u->memory)
		return true;
	/* else worker 0 would wait for a turn that waits for worker 0 */
	return worker == 0 && flight(u, u->turn)->state == UNIT_FREE && reserved(u, u->turn);
}

void
lh_units_read(LhUnits *u, int worker)
{
	flight(u, u->workers[worker].reading)->state = UNIT_READ;
	u->workers[worker].reading = 0;
}

void
lh_units_lost(LhUnits *u, int worker)
{
	Flight *f;

	if (u->workers[worker].reading == 0)
		return;
	f = flight(u, u->workers[worker].reading);
	drop_held(u, f);
	f->state = UNIT_FREE;
	u->workers[worker].reading = 0;
}

void
lh_units_reserve(LhUnits *u, uint32_t table)
{
	u->tables[table].reserved = true;
}

/* ---- delivering ---- */

uint64_t
lh_units_turn(const LhUnits *u)
{
	return u->turn;
}

bool
lh_units_next_held(LhUnits *u, LhSlice *rows)
{
	Flight *f = flight(u, u->turn);

	while (f->first != NULL)
	{
		Piece *p = f->first;
		uint64_t n;

		if (p->at < p->buf.len)
		{
			n = lh_load_u64(p->buf.data + p->at);
			*rows = lh_slice(p->buf.data + p->at + 8, (size_t) n);
			p->at += 8 + (size_t) n;
			return true;
		}
		f->first = p->next;
		if (f->first == NULL)
			f->last = NULL;
		release(u, f, p);
	}
	return false;
}

bool
lh_units_finished(const LhUnits *u)
{
	const Flight *f = flight(u, u->turn);

	return f->state == UNIT_READ && f->first == NULL;
}

bool
lh_units_finish(LhUnits *u)
{
	if (!lh_units_finished(u))
		return false;
	flight(u, u->turn)->state = UNIT_FREE;
	u->turn++;
	return true;
}
