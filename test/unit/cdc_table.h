/*
 * cdc_table.h
 *		Tables of all types, column by column, and their rows by name.
 */
#ifndef CDC_TABLE_H
#define CDC_TABLE_H

#include "core/datetime.h"
#include "unit/cdc_stream.h"

#define DBZ_MOOD_OID 90001
static const char *const dbz_moods[] = {"sad", "ok", "so, so", NULL};

/* Tables grow column by column, rows are set by name. */
typedef struct DbzTable
{
	LhCtx *ctx;
	const char *name;
	int n;
	LhChangeColumn columns[80];
	const LhChangeRel *rel;
	void *plan;
	LhCell row[80];
} DbzTable;

/* elem: OID of an array's elements, else 0 */
static inline LhChangeColumn *
dbz_add(DbzTable *t, const char *name, uint32_t oid, uint32_t elem, LhCellKind kind,
		const char *bare, int typmod)
{
	LhChangeColumn *c = &t->columns[t->n++];

	*c = cdc_col(t->ctx, name, oid, kind, bare, bare);
	c->elem_typid = elem;
	c->typmod = typmod;
	return c;
}

static inline LhChangeColumn *
dbz_enum(DbzTable *t, const char *name, bool array)
{
	LhChangeColumn *c =
		dbz_add(t, name, array ? DBZ_MOOD_OID + 1 : DBZ_MOOD_OID, array ? DBZ_MOOD_OID : 0,
				array ? LH_CELL_ARRAY : LH_CELL_TEXT, array ? "_mood" : "mood", -1);

	c->enum_labels = dbz_moods;
	return c;
}

static inline void
dbz_domain(LhChangeColumn *c)
{
	c->typid = 95000;
}

static inline int32_t
dbz_numeric_mod(int precision, int scale)
{
	return (precision << 16 | (scale & 0x7ff)) + 4;
}

static inline void
dbz_start(DbzTable *t, LhCtx *ctx, const char *name)
{
	memset(t, 0, sizeof(*t));
	t->ctx = ctx;
	t->name = name;
}

static inline void
dbz_id(DbzTable *t)
{
	LhChangeColumn *c = dbz_add(t, "id", 23, 0, LH_CELL_INT, "int4", -1);

	c->pk = 1;
	c->not_null = true;
}

static inline void
dbz_done(DbzTable *t, CdcStream *s, LhIdentity identity)
{
	t->rel = cdc_rel(t->ctx, "public", t->name, identity, t->n, t->columns);
	t->plan = cdc_plan(s, t->rel);
	for (int i = 0; i < 80; i++)
		t->row[i] = CDC_NULL;
}

static inline void
dbz_set(DbzTable *t, const char *name, LhCell cell)
{
	for (int i = 0; i < t->n; i++)
		if (strcmp(t->columns[i].name, name) == 0)
		{
			t->row[i] = cell;
			return;
		}
	fprintf(stderr, "no column %s\n", name);
	abort();
}

static inline void
dbz_clear(DbzTable *t, LhCell cell)
{
	for (int i = 0; i < t->n; i++)
		t->row[i] = cell;
}

/* In a transaction of its own. */
static inline void
dbz_insert(DbzTable *t, CdcStream *s)
{
	cdc_begin(s);
	cdc_row(s, LH_CHANGE_INSERT, t->rel, t->plan, NULL, t->row);
	cdc_commit(s);
}

static inline int64_t
dbz_day(int y, int m, int d)
{
	return lh_days_from_civil(y, m, d) - LH_PG_EPOCH_DAYS;
}

static inline int64_t
dbz_clock(int h, int m, int s, int us)
{
	return ((h * 60 + m) * INT64_C(60) + s) * 1000000 + us;
}

static inline LhCell
dbz_stamp(LhCellKind kind, int64_t day, int64_t clock)
{
	return cdc_time(kind, day * INT64_C(86400000000) + clock);
}

static inline LhCell
dbz_uuid(void)
{
	return cdc_data(LH_CELL_UUID,
					"\xa0\xee\xbc\x99\x9c\x0b\x4e\xf8\xbb\x6d\x6b\xb9\xbd\x38\x0a\x11", 16);
}

static inline LhCell
dbz_json(const char *s)
{
	return cdc_string(LH_CELL_JSON, s);
}

#endif
