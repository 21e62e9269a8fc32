/*
 * ddl_event.c
 *		What a stream tells of a command that defined something (ddl.c logged it).
 *
 *	1. The message is read as any input: everybody may write one that looks like it.  What
 *	   can be verified is: an object that the command made or altered has that name and
 *	   number in the catalog as it was then.  Else it is none of the server's.
 *	2. Of its tables those are told that the stream would have rows of, by name and by
 *	   publication; types and schemas always, as tables that come later may need them.
 *	   None is left: no event.
 *	3. The text is withheld where it may show what the stream hides: masked columns'
 *	   defaults and constants, columns that a publication does not list, tables that are
 *	   not wanted.  A query (CREATE TABLE AS) may have constants of any table, and a type
 *	   may be any column's, so a stream with masks never tells these.
 *
 * A table that was dropped is in no catalog any more, so the message says which
 * publications it was in and what it was a partition of.
 */
#include "pg/cdc/cdc.h"

#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "change/ddl.h"

static bool
is_name(LhCdc *cdc, const char *name, const char *told)
{
	return told != NULL && name != NULL && strcmp(lh_cell_utf8(cdc->ctx, name), told) == 0;
}

static bool
is_in_schema(LhCdc *cdc, Oid namespace, const char *told)
{
	return is_name(cdc, get_namespace_name(namespace), told);
}

/* ---- what can be verified ---- */

static bool
is_relation(LhCdc *cdc, const LhDdlObject *o)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(o->oid));
	Form_pg_class c;
	char		kind = o->type == LH_DDL_PARTITIONED ? RELKIND_PARTITIONED_TABLE :
		o->type == LH_DDL_MATVIEW ? RELKIND_MATVIEW : RELKIND_RELATION;
	bool		is;

	if (!HeapTupleIsValid(tuple))
		return false;
	c = (Form_pg_class) GETSTRUCT(tuple);
	is = c->relkind == kind && is_name(cdc, NameStr(c->relname), o->name) && is_in_schema(cdc, c->relnamespace, o->schema);
	ReleaseSysCache(tuple);
	return is;
}

static bool
is_type(LhCdc *cdc, const LhDdlObject *o)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(o->oid));
	Form_pg_type t;
	bool		is;

	if (!HeapTupleIsValid(tuple))
		return false;
	t = (Form_pg_type) GETSTRUCT(tuple);
	is = is_name(cdc, NameStr(t->typname), o->name) && is_in_schema(cdc, t->typnamespace, o->schema);
	ReleaseSysCache(tuple);
	return is;
}

/* One that is gone, or is about to be made, is in no catalog. */
static bool
is_genuine(LhCdc *cdc, const LhDdlObject *o)
{
	if (o->oid == 0)
		return o->type == LH_DDL_TABLE || o->type == LH_DDL_MATVIEW;
	switch (o->type)
	{
		case LH_DDL_TABLE:
		case LH_DDL_PARTITIONED:
		case LH_DDL_MATVIEW:
			return o->dropped ? !SearchSysCacheExists1(RELOID, ObjectIdGetDatum(o->oid)) : is_relation(cdc, o);
		case LH_DDL_TYPE:
			return o->dropped ? !SearchSysCacheExists1(TYPEOID, ObjectIdGetDatum(o->oid)) : is_type(cdc, o);
		case LH_DDL_SCHEMA:
			return o->dropped ? get_namespace_name(o->oid) == NULL : is_in_schema(cdc, o->oid, o->schema);
		case LH_DDL_COLUMN:
			return o->dropped && is_name(cdc, get_rel_name(o->oid), o->name) &&
				is_in_schema(cdc, get_rel_namespace(o->oid), o->schema);
		case LH_N_DDL_TYPES:
			break;
	}
	return false;
}

/* ---- what is wanted ---- */

/* Tables above a partition, the nearest first: of one that is there the catalog says it. */
static List *
ancestors_of(const LhDdlObject *o)
{
	List	   *ancestors = NIL;

	if (o->oid != 0 && get_rel_relispartition(o->oid))
		return get_partition_ancestors(o->oid);
	for (int i = 0; i < o->nancestors; i++)
		ancestors = lappend_oid(ancestors, o->ancestors[i]);
	return ancestors;
}

/* *withheld: its text may tell more. */
static bool
is_wanted(LhCdc *cdc, const LhDdlObject *o, bool *withheld)
{
	LhCdcTable	table = {
		.relid = o->oid,
		.namespace = InvalidOid,
		.publications = o->publications,
		.npublications = o->npublications,
	};
	Oid			as;
	bool		narrowed = false;

	if (o->type == LH_DDL_TYPE || o->type == LH_DDL_SCHEMA)
		return true;
	table.ancestors = ancestors_of(o);
	table.namespace = get_namespace_oid(lh_pg_text(o->schema), true);
	if (o->type == LH_DDL_MATVIEW && cdc->publications != NIL)
		return false;
	if (cdc->publications == NIL)
		return lh_cdc_wants_table(cdc, o->schema, o->name);
	if (!lh_cdc_covers(cdc, &table, &as, &narrowed))
		return false;
	*withheld |= narrowed;
	/* rows of partitions may go out under another name, which the patterns are about */
	if (as != o->oid && get_rel_name(as) != NULL)
		return lh_cdc_wants_table(cdc, lh_cell_utf8(cdc->ctx, get_namespace_name(get_rel_namespace(as))),
								  lh_cell_utf8(cdc->ctx, get_rel_name(as)));
	return lh_cdc_wants_table(cdc, o->schema, o->name);
}

/* ---- what may not be seen ---- */

static bool
is_masked_table(LhCdc *cdc, Oid relid)
{
	char	   *name = get_rel_name(relid);

	if (name == NULL || cdc->options.masks == NULL || *cdc->options.masks == '\0')
		return lh_cdc_masks_table(cdc, relid, NULL, NULL);
	return lh_cdc_masks_table(cdc, relid, lh_cell_utf8(cdc->ctx, get_namespace_name(get_rel_namespace(relid))),
							  lh_cell_utf8(cdc->ctx, name));
}

static bool
any_masked_table(LhCdc *cdc, List *relids)
{
	ListCell   *lc;

	foreach(lc, relids)
	{
		if (is_masked_table(cdc, lfirst_oid(lc)))
			return true;
	}
	return false;
}

/* May its text show what a mask hides?  Commands also concern the tables below, and tables above say what a partition's values are. */
static bool
is_masked(LhCdc *cdc, const LhDdlObject *o)
{
	if (o->type == LH_DDL_TYPE)
		return true;
	if (o->type == LH_DDL_SCHEMA)
		return false;
	return lh_cdc_masks_table(cdc, o->oid, o->schema, o->name) || any_masked_table(cdc, ancestors_of(o)) ||
		(o->oid != 0 && any_masked_table(cdc, find_all_inheritors(o->oid, NoLock, NULL)));
}

/* ---- the event ---- */

static int
compare_oids(const void *a, const void *b)
{
	Oid			x = *(const Oid *) a,
				y = *(const Oid *) b;

	return x < y ? -1 : x > y;
}

/* Partitions are wanted where a table above them is, which was dropped by the same command. */
static void
want_partitions(const LhDdl *ddl, bool *wanted)
{
	Oid		   *oids = palloc(sizeof(Oid) * ddl->nobjects);
	int			n = 0;

	for (int i = 0; i < ddl->nobjects; i++)
	{
		if (wanted[i] && ddl->objects[i].type == LH_DDL_PARTITIONED && ddl->objects[i].dropped)
			oids[n++] = ddl->objects[i].oid;
	}
	qsort(oids, n, sizeof(Oid), compare_oids);
	for (int i = 0; i < ddl->nobjects && n > 0; i++)
	{
		const LhDdlObject *o = &ddl->objects[i];

		for (int k = 0; k < o->nancestors && o->dropped && !wanted[i]; k++)
			wanted[i] = bsearch(&o->ancestors[k], oids, n, sizeof(Oid), compare_oids) != NULL;
	}
}

/* Only what is wanted stays; false: nothing, or it is none of the server's. */
static bool
choose(LhCdc *cdc, LhDdl *ddl)
{
	LhDdlObject *told = palloc(sizeof(LhDdlObject) * ddl->nobjects);
	bool	   *wanted = palloc(sizeof(bool) * ddl->nobjects);
	bool		masks = lh_cdc_has_masks(cdc);
	bool		withheld = masks && ddl->query;
	int			n = 0;

	for (int i = 0; i < ddl->nobjects; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!is_genuine(cdc, &ddl->objects[i]))
			return false;
		wanted[i] = is_wanted(cdc, &ddl->objects[i], &withheld);
	}
	/* by name they were asked for themselves */
	if (cdc->publications != NIL)
		want_partitions(ddl, wanted);
	for (int i = 0; i < ddl->nobjects; i++)
	{
		if (wanted[i])
			told[n++] = ddl->objects[i];
		else
			withheld = true;
		if (masks && !withheld)
			withheld = is_masked(cdc, &ddl->objects[i]);
	}
	ddl->objects = told;
	ddl->nobjects = n;
	if (withheld && ddl->text != NULL)
	{
		ddl->text = NULL;
		ddl->withheld = true;
	}
	return n > 0;
}

bool
lh_cdc_ddl(LhCdc *cdc, LhSlice content, LhSlice *told)
{
	LhDdl		ddl;
	LhBuf		buf;
	LhStatus	status = lh_ddl_read(cdc->ctx, content, &ddl);

	if (status == LH_CORRUPT)
	{
		lh_error_clear(cdc->ctx);
		return false;
	}
	lh_pg_check(cdc->ctx, status);
	if (!choose(cdc, &ddl))
		return false;
	lh_pg_check(cdc->ctx, lh_buf_init(cdc->ctx, &buf, false));
	lh_pg_check(cdc->ctx, lh_ddl_write(cdc->ctx, &buf, &ddl, false));
	*told = lh_slice(buf.data, buf.len);
	return true;
}
