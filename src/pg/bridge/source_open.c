/*
 * source_open.c
 *		A source begins: names and options of its columns; where its table is, and
 *		which state of it the statement sees.
 *
 *	1. A table of a catalog is looked up there, and with it all tables of the
 *	   statement that the same catalog has: their locations are pinned together.
 *	2. The format is told by the location, unless an option says it.
 *	3. A table with snapshots is pinned: the first source of a statement chooses its
 *	   metadata file, the others open the same one (pin.h).  Planning pins nothing.
 *	4. A parallel worker is told all this by its leader.
 */
#include "pg/bridge/catalog.h"
#include "pg/bridge/changes.h"
#include "pg/bridge/iceberg.h"
#include "pg/bridge/parallel.h"
#include "pg/bridge/pin.h"
#include "pg/bridge/source.h"

#include "access/parallel.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "foreign/fdwapi.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "iceberg/iceberg.h"

/* Footers that execution reads for the schema of a table without union_by_name. */
#define FIRST_FILE_ONLY 1

/* Rows of the first batch: a LIMIT is often satisfied by it. */
#define FIRST_BATCH 64

/* ---- creation ---- */

/* What the options of a column say: its name in the files, its field. */
static void
name_column(LhSource *s, Form_pg_attribute att, bool of_relation)
{
	int			i = att->attnum - 1;
	ListCell   *lc;

	if (OidIsValid(s->relid) && of_relation)
	{
		foreach(lc, GetForeignColumnOptions(s->relid, att->attnum))
		{
			DefElem    *def = lfirst(lc);

			if (strcmp(def->defname, "column_name") == 0)
				s->names[i] = lh_pg_utf8(defGetString(def));
			else if (strcmp(def->defname, "field_id") == 0)
			{
				s->field_ids[i] = atoi(defGetString(def));
				s->has_field_ids = true;
			}
		}
	}
	if (s->names[i] == NULL)
		s->names[i] = lh_pg_utf8(NameStr(att->attname));
}

static LhSource *
make_source(TupleDesc desc, MemoryContext parent)
{
	MemoryContext mcxt = AllocSetContextCreate(parent, "lakehouse source", ALLOCSET_DEFAULT_SIZES);
	LhSource   *s = MemoryContextAllocZero(mcxt, sizeof(LhSource));
	MemoryContext old = MemoryContextSwitchTo(mcxt);
	int			natts = desc->natts;

	s->mcxt = mcxt;
	s->ctx = lh_pg_ctx(mcxt, (size_t) work_mem, "work_mem");
	s->arena = s->ctx->arena;
	s->desc = CreateTupleDescCopyConstr(desc);
	s->names = palloc0(sizeof(char *) * Max(natts, 1));
	s->field_ids = palloc(sizeof(int) * Max(natts, 1));
	memset(s->field_ids, 0xFF, sizeof(int) * Max(natts, 1));
	s->room = natts + LH_SOURCE_MEMBERS;
	s->cols = palloc0(sizeof(LhScanColumn) * s->room);
	s->attnos = palloc0(sizeof(AttrNumber) * s->room);
	s->members = palloc0(sizeof(LhSourceMember) * LH_SOURCE_MEMBERS);
	s->quals = palloc0(sizeof(LhQualColumn) * Max(natts, 1));
	s->first_batch = FIRST_BATCH;
	MemoryContextSwitchTo(old);
	return s;
}

/* Names and declared types; desc is already the source's own, its first natts attributes the relation's. */
static void
name_columns(LhSource *s, int natts)
{
	for (int i = 0; i < s->desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(s->desc, i);

		s->quals[i].col = -1;
		if (att->attisdropped)
			continue;
		name_column(s, att, i < natts);
		s->quals[i].typid = att->atttypid;
		s->quals[i].typmod = att->atttypmod;
		s->quals[i].emit = s->options.emit;
	}
}

/* The attributes of a table, and those of its changes. */
static TupleDesc
with_changes(TupleDesc desc)
{
	int			natts = desc->natts;
	TupleDesc	more = CreateTemplateTupleDesc(natts + LH_CHANGE_ATTRS);

	for (int i = 0; i < natts; i++)
		TupleDescCopyEntry(more, (AttrNumber) (i + 1), desc, (AttrNumber) (i + 1));
	TupleDescInitEntry(more, (AttrNumber) (natts + LH_CHANGE_TYPE + 1), "_change_type", TEXTOID, -1, 0);
	TupleDescInitEntry(more, (AttrNumber) (natts + LH_CHANGE_ORDINAL + 1), "_change_ordinal", INT4OID, -1, 0);
	TupleDescInitEntry(more, (AttrNumber) (natts + LH_CHANGE_SNAPSHOT + 1), "_commit_snapshot_id", INT8OID, -1, 0);
	return more;
}

LhSource *
lh_source_create_with(Oid relid, const LhLakeOptions *options, MemoryContext parent)
{
	Relation	rel = table_open(relid, NoLock);
	TupleDesc	desc = RelationGetDescr(rel);
	LhSource   *s = make_source(options->table.changes ? with_changes(desc) : desc, parent);
	MemoryContext old = MemoryContextSwitchTo(s->mcxt);

	s->relid = relid;
	s->relname = pstrdup(RelationGetRelationName(rel));
	s->roleid = rel->rd_rel->relowner;
	s->serverid = GetForeignTable(relid)->serverid;
	s->options = *options;
	name_columns(s, desc->natts);
	if (options->table.changes)
	{
		s->field_ids[desc->natts + LH_CHANGE_TYPE] = LH_ID_CHANGE_TYPE;
		s->field_ids[desc->natts + LH_CHANGE_ORDINAL] = LH_ID_CHANGE_ORDINAL;
		s->field_ids[desc->natts + LH_CHANGE_SNAPSHOT] = LH_ID_CHANGE_SNAPSHOT;
	}
	MemoryContextSwitchTo(old);
	table_close(rel, NoLock);
	return s;
}

LhSource *
lh_source_create(Oid relid, MemoryContext parent)
{
	LhLakeOptions options;

	lh_lake_options(relid, &options);
	return lh_source_create_with(relid, &options, parent);
}

LhSource *
lh_source_create_desc(TupleDesc desc, const char *relname, Oid roleid, Oid serverid,
					  const LhLakeOptions *options, MemoryContext parent)
{
	LhSource   *s = make_source(desc, parent);
	MemoryContext old = MemoryContextSwitchTo(s->mcxt);

	s->relname = pstrdup(relname);
	s->roleid = roleid;
	s->serverid = serverid;
	s->options = *options;
	name_columns(s, 0);
	MemoryContextSwitchTo(old);
	return s;
}

/* ---- tables of catalogs ---- */

/* The length tells table "b.c" of namespace "a" from table "c" of "a.b". */
static char *
catalog_key(Oid roleid, Oid serverid, const char *space, const char *name)
{
	return psprintf("catalog %u %u %zu %s.%s", roleid, serverid, strlen(space), space, name);
}

static LhCatalogTable *
catalog_table(const char *space, const char *name)
{
	LhCatalogTable *t = palloc0(sizeof(LhCatalogTable));

	t->space = space != NULL ? space : "";
	t->name = name;
	return t;
}

/* The table of a range table entry, when it is in the same catalog for the same role; NULL: it is not. */
static LhCatalogTable *
sibling(const LhSource *s, const RangeTblEntry *rte)
{
	LhLakeOptions options;

	if (rte->rtekind != RTE_RELATION || rte->relkind != RELKIND_FOREIGN_TABLE || rte->relid == s->relid ||
		GetForeignServerIdByRelId(rte->relid) != s->serverid || lh_lake_owner(rte->relid) != s->roleid)
		return NULL;
	lh_lake_options(rte->relid, &options);
	return options.catalog_table != NULL ? catalog_table(options.catalog_namespace, options.catalog_table) : NULL;
}

/*
 * In a parallel worker, a function that reads a table by itself: what the leader's statement has
 * pinned is not known here, and what is there now may be something else.
 */
static void
check_told(const LhSource *s)
{
	if (!IsParallelWorker() || s->is_worker)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("the state of \"%s\" is known to the leader of the parallel plan only", s->relname),
			 errdetail("It is read by a function in a parallel worker."),
			 errhint("Label functions that read tables with snapshots PARALLEL RESTRICTED, or set max_parallel_workers_per_gather to 0.")));
}

/*
 * Look up this table and its siblings in the statement, and pin where they are.  What a catalog in this
 * database says is decided by the statement's snapshot.
 */
static void
look_up(LhSource *s)
{
	LhCatalog  *catalog = lh_catalog_open(s->ctx, s->roleid, s->serverid, s->estate->es_snapshot);
	LhCatalogTable *own = catalog_table(s->options.catalog_namespace, s->options.catalog_table);
	List	   *tables = list_make1(own);
	ListCell   *lc;

	if (catalog == NULL)
		lh_catalog_fail_table(NULL, own->space, own->name);
	if (catalog->remote)
		check_told(s);
	foreach(lc, s->estate->es_range_table)
	{
		LhCatalogTable *t = sibling(s, lfirst_node(RangeTblEntry, lc));

		if (t != NULL && lh_pin_find(s->estate, catalog_key(s->roleid, s->serverid, t->space, t->name)) == NULL)
			tables = lappend(tables, t);
	}
	catalog->kind->load(catalog, tables);
	if (own->location == NULL)
		lh_catalog_fail_table(catalog, own->space, own->name);
	foreach(lc, tables)
	{
		LhCatalogTable *t = lfirst(lc);
		char	   *key = catalog_key(s->roleid, s->serverid, t->space, t->name);

		if (t->location != NULL && catalog->kind == &lh_catalog_jdbc && !catalog->remote)
			lh_pin_set_by_snapshot(s->estate, key, t->location);
		else if (t->location != NULL)
			lh_pin_set(s->estate, key, t->location);
	}
	s->options.table.location = own->location;
}

/* The location of a table that is named by its catalog. */
static void
find_location(LhSource *s)
{
	LhLakeOptions *o = &s->options;
	const char *pinned;

	if (o->catalog_table == NULL || o->table.location != NULL)
		return;
	pinned = lh_pin_find(s->estate, catalog_key(s->roleid, s->serverid,
												o->catalog_namespace ? o->catalog_namespace : "", o->catalog_table));
	if (pinned != NULL)
		o->table.location = pstrdup(pinned);
	else if (s->estate != NULL)
		look_up(s);
	else
		o->table.location = lh_catalog_locate(s->ctx, s->roleid, s->serverid, NULL, o);
	if (o->format == NULL)
		o->format = lh_iceberg_name;
}

/* ---- states ---- */

/*
 * One location is one table, however it is spelled and whoever reads it; the same name
 * of an object store may mean another one by another server.
 */
static char *
location_key(const LhSource *s)
{
	const LhTableOptions *t = &s->options.table;
	const char *path = t->location != NULL ? t->location : "";
	LhScheme	scheme = LH_SCHEME_LOCAL;
	size_t		len;

	if (path[0] != '\0' && path[0] != '[' && lh_location_parse(s->ctx, t->location, &scheme, &path) != LH_OK)
	{
		lh_error_clear(s->ctx);
		path = t->location;
	}
	len = strlen(path);
	while (len > 1 && path[len - 1] == '/')
		len--;
	return psprintf("location %u %d %.*s", scheme == LH_SCHEME_LOCAL ? InvalidOid : s->serverid,
					t->allow_version_guess, (int) len, path);
}

/*
 * The table, in the state that is pinned; without statement, what is there now.  Who says
 * that there are files of another format wants these, whoever reads the same place as a table.
 */
static LhStatus
open_table(LhSource *s)
{
	LhTableOptions *t = &s->options.table;
	const char *key = location_key(s);
	bool		may_be = s->options.format == NULL || strcmp(s->options.format, lh_iceberg_name) == 0;
	const char *path;

	if (t->pin == NULL && may_be && (path = lh_pin_find(s->estate, key)) != NULL)
	{
		t->pin = pstrdup(path);
		s->options.format = lh_iceberg_name;
	}
	s->as_of = may_be && lh_iceberg_as_of(&s->options);
	LH_TRY(lh_lake_try_open(s->ctx, s->roleid, s->serverid, &s->options, &s->table));
	if (t->pin != NULL || s->estate == NULL || !lh_is_iceberg(s->table))
		return LH_OK;
	if (!lh_ice_is_metadata_file(t->location))
		check_told(s);
	LH_TRY(lh_iceberg_locate(s->ctx, s->table, t, &path));
	lh_pin_set(s->estate, key, path);
	t->pin = pstrdup(path);
	s->options.format = lh_iceberg_name;
	/* a local table is pinned by now; a remote one is opened anew, with a store that remembers nothing of the search */
	if (path[0] == '/')
		return LH_OK;
	return lh_lake_try_open(s->ctx, s->roleid, s->serverid, &s->options, &s->table);
}

LhStatus
lh_source_name_setting(LhSource *s, LhStatus status)
{
	if (status != LH_OK && status != LH_CANCELLED && s->as_of && (s->table == NULL || lh_is_iceberg(s->table)))
		lh_error_prefix(s->ctx, "lakehouse.as_of for \"%s\"", lh_pg_utf8(s->relname));
	return status;
}

/* ---- columns that were added ---- */

/* Tables whose new columns were told of, in this session. */
static HTAB *told;

static bool
tell_of(Oid relid)
{
	bool		found;

	if (told == NULL)
	{
		HASHCTL		info = {.keysize = sizeof(Oid), .entrysize = sizeof(Oid)};

		told = hash_create("lakehouse tables with new columns", 16, &info, HASH_ELEM | HASH_BLOBS);
	}
	(void) hash_search(told, &relid, HASH_ENTER, &found);
	return !found;
}

/*
 * Ids grow: a field with a higher one than any column of ours came after these were
 * defined.  (A lower one was left out on purpose.)
 */
static void
notice_added(LhSource *s)
{
	StringInfoData names;
	int			highest = -1;
	int			n = 0;

	if (!s->schema.by_id || !s->has_field_ids || IsParallelWorker() || lh_source_is_past(s))
		return;
	for (int i = 0; i < s->desc->natts; i++)
	{
		if (s->names[i] != NULL && !lh_source_is_metadata(s, (AttrNumber) (i + 1)))
			highest = Max(highest, s->field_ids[i]);
	}
	initStringInfo(&names);
	for (int i = 0; i < s->schema.ncols; i++)
	{
		const LhColumn *c = &s->schema.cols[i];

		if (!c->hidden && c->source == LH_SRC_DATA && c->field_id > highest && highest >= 0)
			appendStringInfo(&names, "%s\"%s\"", n++ > 0 ? ", " : "", lh_pg_text(c->name));
	}
	if (n > 0 && tell_of(s->relid))
		ereport(NOTICE,
				(errmsg("foreign table \"%s\" does not show columns that were added to its table: %s",
						s->relname, names.data),
				 errhint("SELECT lakehouse.refresh_columns('%s') adds them.",
						 quote_qualified_identifier(get_namespace_name(get_rel_namespace(s->relid)), s->relname))));
	pfree(names.data);
}

/* ---- opening ---- */

/* Defined where there were no files, or before lakehouse.define was there. */
static void
check_has_columns(const LhSource *s)
{
	for (int i = 0; i < s->desc->natts; i++)
	{
		if (!TupleDescAttr(s->desc, i)->attisdropped)
			return;
	}
	if (!OidIsValid(s->relid))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_COLUMN_NUMBER),
			 errmsg("foreign table \"%s\" has no columns", s->relname),
			 errhint("Add the columns of its files with: SELECT lakehouse.refresh_columns('%s')",
					 quote_qualified_identifier(get_namespace_name(get_rel_namespace(s->relid)), s->relname))));
}

void
lh_source_open(LhSource *s)
{
	MemoryContext old;

	if (s->table != NULL)
		return;
	old = MemoryContextSwitchTo(s->mcxt);
	check_has_columns(s);
	s->options.table.max_schema_files = s->options.table.union_by_name ? 0 : FIRST_FILE_ONLY;
	find_location(s);
	lh_pg_check(s->ctx, lh_source_name_setting(s, open_table(s)));
	if (!lh_parallel_describe(s))
		lh_pg_check(s->ctx, lh_source_name_setting(s, s->table->schema(s->ctx, s->table, &s->schema)));
	if (OidIsValid(s->relid))
		notice_added(s);
	MemoryContextSwitchTo(old);
}

LhTable *
lh_source_open_table(LhSource *s)
{
	MemoryContext old = MemoryContextSwitchTo(s->mcxt);

	find_location(s);
	lh_pg_check(s->ctx, lh_source_name_setting(s, open_table(s)));
	MemoryContextSwitchTo(old);
	return s->table;
}

bool
lh_source_try_open(LhSource *s, int max_files)
{
	MemoryContext old = MemoryContextSwitchTo(s->mcxt);
	LhStatus	status;

	s->options.table.max_schema_files = max_files;
	find_location(s);
	status = open_table(s);
	if (status == LH_OK)
		status = s->table->schema(s->ctx, s->table, &s->schema);
	if (status == LH_OK && lh_is_iceberg(s->table))
		status = lh_iceberg_size(s->ctx, s->table, &s->schema);
	MemoryContextSwitchTo(old);
	if (status == LH_CANCELLED)
		lh_pg_cancelled(s->ctx);
	return status == LH_OK;
}

bool
lh_source_overlap(LhSource *s, AttrNumber attno, int max_files, LhOverlap *out)
{
	LhArena    *old = lh_use(s->ctx, s->arena);
	LhStatus	status = LH_OK;

	if (!s->has_tasks)
		status = s->table->tasks(s->ctx, s->table, NULL, &s->tasks);
	if (status == LH_OK)
	{
		s->has_tasks = true;
		status = lh_overlap(s->ctx, s->table, &s->tasks, s->names[attno - 1], max_files, out);
	}
	lh_use(s->ctx, old);
	if (status == LH_CANCELLED)
		lh_pg_cancelled(s->ctx);
	return status == LH_OK;
}

bool
lh_source_exact(LhSource *s, AttrNumber attno, bool values)
{
	LhArena    *old = lh_use(s->ctx, s->arena);
	LhStatus	status = LH_OK;
	bool		yes = false;

	if (!s->has_tasks)
		status = s->table->tasks(s->ctx, s->table, NULL, &s->tasks);
	if (status == LH_OK)
	{
		s->has_tasks = true;
		status = lh_bounds_exact(s->ctx, s->table, &s->tasks, s->names[attno - 1], values, &yes);
	}
	lh_use(s->ctx, old);
	if (status == LH_CANCELLED)
		lh_pg_cancelled(s->ctx);
	return status == LH_OK && yes;
}
