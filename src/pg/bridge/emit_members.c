/*
 * emit_members.c
 *		Composite values of which only some members are read.
 *
 * Each member is a scan column with an emitter of its own; the values of a row
 * are put together as the composite types say.
 */
#include "pg/bridge/members.h"

#include "access/htup_details.h"
#include "funcapi.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

/* Values of one member. */
typedef struct Leaf
{
	int			col;			/* scan column */
	LhEmitter  *emitter;
	Datum	   *values;			/* of the rows being emitted */
	bool	   *nulls;
} Leaf;

/* A composite type: its attributes are leaves, or composite again, or not read. */
typedef struct Part Part;
struct Part
{
	TupleDesc	desc;
	Part	  **parts;			/* by attno - 1 */
	Leaf	  **leaves;
	Datum	   *values;
	bool	   *nulls;
};

struct LhMembers
{
	Part	   *top;
	int			nleaves;
	Leaf	   *leaves;
	int		   *cols;
};

static Part *
make_part(Oid typid)
{
	Part	   *part = palloc0(sizeof(Part));
	int			n;

	part->desc = lookup_rowtype_tupdesc_copy(typid, -1);
	n = Max(part->desc->natts, 1);
	part->parts = palloc0(sizeof(Part *) * n);
	part->leaves = palloc0(sizeof(Leaf *) * n);
	part->values = palloc0(sizeof(Datum) * n);
	part->nulls = palloc(sizeof(bool) * n);
	memset(part->nulls, true, n);
	return part;
}

/* Put a leaf at the end of its path below the column. */
static void
hang(LhMembers *m, List *path, Leaf *leaf)
{
	Part	   *part = m->top;
	int			i;

	for (i = 1; i < list_length(path) - 1; i++)
	{
		AttrNumber	a = list_nth_int(path, i);

		/* (s).in read whole, too: it holds the rest */
		if (part->leaves[a - 1] != NULL)
			return;
		if (part->parts[a - 1] == NULL)
			part->parts[a - 1] = make_part(TupleDescAttr(part->desc, a - 1)->atttypid);
		part = part->parts[a - 1];
	}
	i = llast_int(path) - 1;
	part->parts[i] = NULL;
	part->leaves[i] = leaf;
}

/* The attribute at the end of a path. */
static Form_pg_attribute
attribute_of(const LhMembers *m, List *path)
{
	TupleDesc	desc = m->top->desc;

	for (int i = 1; i < list_length(path) - 1; i++)
		desc = lookup_rowtype_tupdesc_copy(TupleDescAttr(desc, list_nth_int(path, i) - 1)->atttypid, -1);
	return TupleDescAttr(desc, llast_int(path) - 1);
}

LhMembers *
lh_members_create(LhSource *s, AttrNumber attno, List *paths)
{
	Form_pg_attribute att = TupleDescAttr(s->desc, attno - 1);
	LhMembers  *m = palloc0(sizeof(LhMembers));
	ListCell   *lc;

	m->top = make_part(att->atttypid);
	m->leaves = palloc0(sizeof(Leaf) * list_length(paths));
	m->cols = palloc0(sizeof(int) * list_length(paths));
	foreach(lc, paths)
	{
		Leaf	   *leaf = &m->leaves[m->nleaves];
		Form_pg_attribute last = attribute_of(m, lfirst(lc));

		leaf->col = m->cols[m->nleaves] = lh_source_member(s, lfirst(lc), false);
		if (leaf->col < 0)
			return NULL;
		leaf->emitter = lh_emitter_create(s->ctx, s->mcxt, psprintf("%s.%s", NameStr(att->attname), NameStr(last->attname)),
										  last->atttypid, last->atttypmod, &s->options.emit);
		leaf->values = palloc(sizeof(Datum) * LH_BATCH);
		leaf->nulls = palloc(sizeof(bool) * LH_BATCH);
		hang(m, lfirst(lc), leaf);
		m->nleaves++;
	}
	return m;
}

void
lh_members_place(LhMembers *m, const char *path, int64_t first_row)
{
	for (int i = 0; i < m->nleaves; i++)
		lh_emitter_place(m->leaves[i].emitter, path, first_row);
}

int
lh_members_columns(const LhMembers *m, const int **cols)
{
	*cols = m->cols;
	return m->nleaves;
}

static Datum
form(Part *part, int k)
{
	for (int i = 0; i < part->desc->natts; i++)
	{
		if (part->leaves[i] != NULL)
		{
			part->values[i] = part->leaves[i]->values[k];
			part->nulls[i] = part->leaves[i]->nulls[k];
		}
		else if (part->parts[i] != NULL)
		{
			part->values[i] = form(part->parts[i], k);
			part->nulls[i] = false;
		}
	}
	return HeapTupleGetDatum(heap_form_tuple(part->desc, part->values, part->nulls));
}

void
lh_members_emit(LhMembers *m, const LhBatch *batch, const uint32_t *rows, int n, MemoryContext mcxt,
				Datum *values, bool *nulls)
{
	MemoryContext old = MemoryContextSwitchTo(mcxt);

	for (int i = 0; i < m->nleaves; i++)
		lh_emit_rows(m->leaves[i].emitter, batch->vecs[m->leaves[i].col], rows, n, mcxt, m->leaves[i].values,
					 m->leaves[i].nulls);
	for (int k = 0; k < n; k++)
	{
		values[k] = form(m->top, k);
		nulls[k] = false;
	}
	MemoryContextSwitchTo(old);
}
