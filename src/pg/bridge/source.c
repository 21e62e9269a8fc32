/*
 * source.c
 *		A lake table as a source of batches: names bound to the files' schema,
 *		pushed clauses to predicates, then the scan.
 *
 * Names are bound when a scan starts, never at planning: a plan holds no fact
 * about files.  An attribute is, in this order, a column of the schema with
 * its name (or the option column_name), or a dotted path to a member of a
 * struct.  What no file has is an error.
 */
#include "pg/bridge/source.h"
#include "pg/bridge/host.h"
#include "pg/bridge/members.h"
#include "pg/bridge/parallel.h"
#include "pg/util/progress.h"

#include "access/table.h"
#include "access/sysattr.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/typcache.h"

#include "scan/share.h"

/* Footers that execution reads for the schema of a table without union_by_name. */
#define FIRST_FILE_ONLY 1

/* Rows of the first batch: a LIMIT is often satisfied by it. */
#define FIRST_BATCH 64

/* ---- creation ---- */

/* The name of an attribute in the files. */
static const char *
file_name_of(Oid relid, Form_pg_attribute att)
{
	ListCell   *lc;

	if (OidIsValid(relid))
	{
		foreach(lc, GetForeignColumnOptions(relid, att->attnum))
		{
			DefElem    *def = lfirst(lc);

			if (strcmp(def->defname, "column_name") == 0)
				return lh_pg_utf8(defGetString(def));
		}
	}
	return lh_pg_utf8(NameStr(att->attname));
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
	s->room = natts + LH_SOURCE_MEMBERS;
	s->cols = palloc0(sizeof(LhScanColumn) * s->room);
	s->attnos = palloc0(sizeof(AttrNumber) * s->room);
	s->members = palloc0(sizeof(LhSourceMember) * LH_SOURCE_MEMBERS);
	s->quals = palloc0(sizeof(LhQualColumn) * Max(natts, 1));
	s->first_batch = FIRST_BATCH;
	MemoryContextSwitchTo(old);
	return s;
}

/* Names and declared types; desc is already the source's own. */
static void
name_columns(LhSource *s)
{
	for (int i = 0; i < s->desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(s->desc, i);

		s->quals[i].col = -1;
		if (att->attisdropped)
			continue;
		s->names[i] = file_name_of(s->relid, att);
		s->quals[i].typid = att->atttypid;
		s->quals[i].typmod = att->atttypmod;
		s->quals[i].emit = s->options.emit;
	}
}

LhSource *
lh_source_create(Oid relid, MemoryContext parent)
{
	Relation	rel = table_open(relid, NoLock);
	LhSource   *s = make_source(RelationGetDescr(rel), parent);
	MemoryContext old = MemoryContextSwitchTo(s->mcxt);

	s->relid = relid;
	s->relname = pstrdup(RelationGetRelationName(rel));
	s->roleid = rel->rd_rel->relowner;
	s->serverid = GetForeignTable(relid)->serverid;
	lh_lake_options(relid, &s->options);
	name_columns(s);
	MemoryContextSwitchTo(old);
	table_close(rel, NoLock);
	return s;
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
	name_columns(s);
	MemoryContextSwitchTo(old);
	return s;
}

/* ---- opening ---- */

/* A scan of nothing would silently return rows without columns. */
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
	lh_lake_open(s->ctx, s->roleid, s->serverid, &s->options, &s->table);
	if (!lh_parallel_describe(s))
		lh_pg_check(s->ctx, s->table->schema(s->ctx, s->table, &s->schema));
	MemoryContextSwitchTo(old);
}

bool
lh_source_try_open(LhSource *s, int max_files)
{
	MemoryContext old = MemoryContextSwitchTo(s->mcxt);
	LhStatus	status;

	s->options.table.max_schema_files = max_files;
	status = lh_lake_try_open(s->ctx, s->roleid, s->serverid, &s->options, &s->table);
	if (status == LH_OK)
		status = s->table->schema(s->ctx, s->table, &s->schema);
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

/* ---- columns ---- */

static const LhColumn *
find_column(const LhTableSchema *schema, const char *name, size_t len)
{
	for (int i = 0; i < schema->ncols; i++)
	{
		const LhColumn *c = &schema->cols[i];

		if (strlen(c->name) == len && memcmp(c->name, name, len) == 0)
			return c;
	}
	return NULL;
}

/* Type of a dotted path below a struct; names with dots are found by trying.  NULL: none. */
static const LhType *
find_member(const LhType *type, const char *path)
{
	if (type->id != LH_T_STRUCT)
		return NULL;
	for (int i = 0; i < type->nfields; i++)
	{
		const LhField *f = &type->fields[i];
		size_t		len = strlen(f->name);
		const LhType *found;

		if (strncmp(path, f->name, len) != 0)
			continue;
		if (path[len] == '\0')
			return &f->type;
		if (path[len] == '.' && (found = find_member(&f->type, path + len + 1)) != NULL)
			return found;
	}
	return NULL;
}

bool
lh_source_find(const LhTableSchema *schema, const char *name, LhScanColumn *out)
{
	const LhColumn *c = find_column(schema, name, strlen(name));

	if (c != NULL)
	{
		out->source = c->source;
		out->type = c->type;
		return true;
	}
	for (const char *dot = strchr(name, '.'); dot != NULL; dot = strchr(dot + 1, '.'))
	{
		const LhType *type;

		c = find_column(schema, name, (size_t) (dot - name));
		if (c == NULL || c->source != LH_SRC_DATA || (type = find_member(&c->type, dot + 1)) == NULL)
			continue;
		out->source = LH_SRC_DATA;
		out->type = *type;
		return true;
	}
	return false;
}

/* A name of the schema that is the wanted one but for case, for the hint. */
static const char *
similar_name(const LhTableSchema *schema, const char *name)
{
	for (int i = 0; i < schema->ncols; i++)
	{
		if (pg_strcasecmp(schema->cols[i].name, name) == 0)
			return schema->cols[i].name;
	}
	return NULL;
}

static void
fail_missing(const LhSource *s, int i)
{
	const char *similar = similar_name(&s->schema, s->names[i]);
	const char *attname = NameStr(TupleDescAttr(s->desc, i)->attname);
	char	   *name = lh_pg_text(s->names[i]);

	ereport(ERROR,
			(errcode(ERRCODE_FDW_COLUMN_NAME_NOT_FOUND),
			 errmsg("column \"%s\" of \"%s\" is not in the files", attname, s->relname),
			 errdetail("No column \"%s\" is in the %s of location \"%s\".", name,
					   s->options.table.union_by_name ? "files" : "first file",
					   lh_pg_text(s->options.table.location)),
			 similar != NULL ?
			 errhint("The files have a column \"%s\": name it with the column option column_name.",
					 lh_pg_text(similar)) :
			 OidIsValid(s->relid) ?
			 errhint("Name the column of the files with the column option column_name, or match the table to its files with lakehouse.refresh_columns().") : 0));
}

int
lh_source_column(LhSource *s, AttrNumber attno, bool filter_only)
{
	int			i = attno - 1;
	Form_pg_attribute att = TupleDescAttr(s->desc, i);
	LhScanColumn *c;

	if (s->quals[i].col >= 0)
	{
		c = &s->cols[s->quals[i].col];
		s->stale |= c->filter_only && !filter_only;
		c->filter_only &= filter_only;
		return s->quals[i].col;
	}
	c = &s->cols[s->ncols];
	c->name = s->names[i];
	c->required = att->attnotnull;
	c->filter_only = filter_only;
	if (!lh_source_find(&s->schema, c->name, c))
		fail_missing(s, i);
	lh_emit_check_rows(NameStr(att->attname), &c->type, att->atttypid);
	s->attnos[s->ncols] = attno;
	s->quals[i].type = c->type;
	s->quals[i].col = s->ncols++;
	s->stale = true;
	return s->quals[i].col;
}

/* ---- members ---- */

const LhQualColumn *
lh_source_member_qual(const LhSource *s, List *path)
{
	for (int i = 0; i < s->nmembers; i++)
	{
		if (equal(s->members[i].path, path))
			return &s->members[i].qual;
	}
	return NULL;
}

/*
 * Follow a path through composite types and the structs of the files: the names
 * of the members in the files, and type and modifier of the last attribute.
 * False when types and files do not go together.
 */
static bool
follow_path(LhSource *s, List *path, const LhType *type, LhScanColumn *c, LhQualColumn *q)
{
	Form_pg_attribute att = TupleDescAttr(s->desc, linitial_int(path) - 1);
	const char **names = palloc0(sizeof(char *) * list_length(path));

	q->typid = att->atttypid;
	for (int i = 1; i < list_length(path); i++)
	{
		TupleDesc	desc = lookup_rowtype_tupdesc_copy(q->typid, -1);
		char	  **members;
		int			k = 0;

		if (type->id != LH_T_STRUCT)
			return false;
		att = TupleDescAttr(desc, list_nth_int(path, i) - 1);
		members = lh_member_names(type);
		while (k < type->nfields && strcmp(members[k], NameStr(att->attname)) != 0)
			k++;
		if (k == type->nfields)
			return false;
		names[i - 1] = type->fields[k].name;
		type = &type->fields[k].type;
		q->typid = att->atttypid;
		q->typmod = att->atttypmod;
	}
	c->members = names;
	c->type = *type;
	return true;
}

int
lh_source_member(LhSource *s, List *path, bool filter_only)
{
	const LhQualColumn *known = lh_source_member_qual(s, path);
	MemoryContext old;
	LhScanColumn c = {0};
	LhSourceMember *m;
	bool		found;

	if (known != NULL)
	{
		s->stale |= s->cols[known->col].filter_only && !filter_only;
		s->cols[known->col].filter_only &= filter_only;
		return known->col;
	}
	c.name = s->names[linitial_int(path) - 1];
	if (s->nmembers == LH_SOURCE_MEMBERS || !lh_source_find(&s->schema, c.name, &c) || c.source != LH_SRC_DATA)
		return -1;
	old = MemoryContextSwitchTo(s->mcxt);
	m = &s->members[s->nmembers];
	found = follow_path(s, path, &c.type, &c, &m->qual);
	if (found)
	{
		c.filter_only = filter_only;
		m->path = list_copy(path);
		m->qual.type = c.type;
		m->qual.emit = s->options.emit;
		m->qual.col = s->ncols;
		s->attnos[s->ncols] = (AttrNumber) linitial_int(path);
		s->cols[s->ncols++] = c;
		s->nmembers++;
		s->stale = true;
	}
	MemoryContextSwitchTo(old);
	return found ? m->qual.col : -1;
}

void
lh_source_columns(LhSource *s, Bitmapset *attrs, bool filter_only)
{
	bool		whole_row = bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, attrs);

	for (int i = 0; i < s->desc->natts; i++)
	{
		if (TupleDescAttr(s->desc, i)->attisdropped)
			continue;
		if (whole_row || bms_is_member(i + 1 - FirstLowInvalidHeapAttributeNumber, attrs))
			(void) lh_source_column(s, (AttrNumber) (i + 1), filter_only);
	}
}

/* ---- filters ---- */

static LhArena *
new_arena(LhSource *s)
{
	LhArena    *arena = lh_arena_child(s->arena);

	if (arena == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	return arena;
}

/*
 * A clause without vector form that PostgreSQL may answer for single values.
 * Only while nothing was refused: what the caller evaluates comes last, and
 * user code must not see a row that an earlier clause rejects.
 */
static bool
ask_host(LhSource *s, Expr *clause, Index rti, PlanState *parent, LhPred **out)
{
	AttrNumber	attno = lh_qual_hostable(clause, rti);

	if (attno == 0 || parent == NULL || s->quals[attno - 1].col < 0 ||
		lh_type_is_nested(&s->quals[attno - 1].type))
		return false;
	if (s->hosts == NULL)
		s->hosts = lh_host_create(s, parent);
	lh_host_add(s->hosts, clause, attno, out);
	return true;
}

List *
lh_source_filters(LhSource *s, List *clauses, Index rti, ExprContext *econtext, PlanState *parent)
{
	LhQualBuild build = {s->ctx, econtext, parent, rti, s->desc->natts, s->quals, s};
	LhArena    *arena = new_arena(s);
	LhArena    *old;
	MemoryContext caller;
	List	   *left = NIL;
	List	   *refused = NIL;
	ListCell   *lc;
	const char *why;

	/* constants are evaluated and copied: what that took goes with the next round */
	if (s->filter_mcxt == NULL)
		s->filter_mcxt = AllocSetContextCreate(s->mcxt, "lakehouse filters", ALLOCSET_SMALL_SIZES);
	MemoryContextReset(s->filter_mcxt);
	caller = MemoryContextSwitchTo(s->filter_mcxt);
	foreach(lc, clauses)
	{
		Bitmapset  *attrs = NULL;
		List	   *paths = NIL;
		ListCell   *path;

		lh_member_uses(lfirst(lc), rti, &attrs, &paths);
		lh_source_columns(s, attrs, true);
		foreach(path, paths)
			(void) lh_source_member(s, lfirst(path), true);
	}
	/* the filters of the last round may still be in use by the scan until it is rewound */
	old = lh_use(s->ctx, arena);
	s->nfilters = 0;
	s->refusal = NULL;
	s->filters = lh_alloc_array(s->ctx, (size_t) list_length(clauses) + 1, sizeof(LhPred *));
	if (s->filters == NULL)
		lh_pg_raise(s->ctx);
	foreach(lc, clauses)
	{
		if (lh_qual_build(lfirst(lc), &build, &s->filters[s->nfilters], &why))
		{
			s->nfilters++;
			continue;
		}
		s->refusal = why ? why : "it has no vector form";
		left = lappend(left, lfirst(lc));
	}
	/* what may fail comes last, also where another file would have let the engine take it */
	foreach(lc, left)
	{
		if (refused == NIL && ask_host(s, lfirst(lc), rti, parent, &s->filters[s->nfilters]))
		{
			s->nfilters++;
			continue;
		}
		MemoryContextSwitchTo(caller);
		refused = lappend(refused, lfirst(lc));
		MemoryContextSwitchTo(s->filter_mcxt);
	}
	MemoryContextSwitchTo(caller);
	lh_use(s->ctx, old);
	if (s->scan != NULL && s->scan_filter_arena == NULL)
		s->scan_filter_arena = s->filter_arena;
	else
		lh_arena_destroy(s->filter_arena);
	s->filter_arena = arena;
	return refused;
}

/* ---- batches ---- */

static void
close_scan(LhSource *s)
{
	lh_arena_destroy(s->scan_arena);
	s->scan_arena = NULL;
	s->scan = NULL;
}

const LhTaskList *
lh_source_tasks(LhSource *s)
{
	LhArena    *old = lh_use(s->ctx, s->arena);

	if (!s->has_tasks)
		lh_pg_check(s->ctx, s->table->tasks(s->ctx, s->table, NULL, &s->tasks));
	s->has_tasks = true;
	lh_use(s->ctx, old);
	return &s->tasks;
}

void
lh_source_spec(LhSource *s, LhScanSpec *spec)
{
	memset(spec, 0, sizeof(*spec));
	spec->table = s->table;
	spec->ncols = s->ncols;
	spec->cols = s->cols;
	spec->nfilters = s->nfilters;
	spec->filters = s->filters;
	spec->prune = lakehouse_pushdown;
	spec->first_batch = s->first_batch;
	spec->tasks = lh_source_tasks(s);
	spec->share = lh_parallel_share(s);
	spec->parquet.check_crc = s->options.check_crc;
	spec->parquet.raw_int96 = s->options.emit.timestamp_ns != LH_NANOS_FLOOR;
}

double
lh_source_bytes(const LhSource *s)
{
	return (double) s->schema.bytes * Min((double) s->ncols / Max(s->schema.ncols, 1), 1.0);
}

static bool
asks_host(const LhPred *pred)
{
	for (int i = 0; i < pred->nargs; i++)
	{
		if (asks_host(pred->args[i]))
			return true;
	}
	return pred->kind == LH_P_HOST;
}

bool
lh_source_asks_host(const LhSource *s)
{
	for (int i = 0; i < s->nfilters; i++)
	{
		if (asks_host(s->filters[i]))
			return true;
	}
	return false;
}

static void
open_scan(LhSource *s)
{
	LhScanSpec	spec;
	LhArena    *old;

	lh_source_spec(s, &spec);
	s->scan_arena = new_arena(s);
	old = lh_use(s->ctx, s->scan_arena);
	lh_pg_check(s->ctx, lh_scan_open(s->ctx, &spec, &s->scan));
	lh_use(s->ctx, old);
	s->stale = false;
	if (s->meta != NULL)
		lh_scan_set_meta(s->scan, s->meta, s->meta_arg);
}

void
lh_source_set_meta(LhSource *s, LhMetaFn fn, void *arg)
{
	s->meta = fn;
	s->meta_arg = arg;
	if (s->scan != NULL)
		lh_scan_set_meta(s->scan, fn, arg);
}

void
lh_source_report(LhSource *s, bool running)
{
	if (running && s->progress == NULL && lh_pg_progress_enabled())
		s->progress = lh_pg_progress_create(s->ctx, s->mcxt, s->relid, s->options.table.location);
	if (s->progress == NULL)
		return;
	if (running)
		lh_pg_progress_begin(s->progress, (int64) lh_source_tasks(s)->n);
	else
		lh_pg_progress_end(s->progress);
}

/* The next batch of the scan, or of the row groups that were taken. */
static const LhBatch *
scan_batch(LhSource *s)
{
	const LhBatch *batch = NULL;
	LhHostRequest *request = NULL;
	LhArena    *old;
	LhStatus	status;

	for (;;)
	{
		old = lh_use(s->ctx, s->scan_arena);
		status = lh_scan_next(s->ctx, s->scan, &batch, &request);
		lh_use(s->ctx, old);
		if (status != LH_NEED_HOST)
			break;
		lh_host_answer(s->hosts, request);
	}
	lh_pg_check(s->ctx, status);
	return batch;
}

const LhBatch *
lh_source_next(LhSource *s)
{
	const LhBatch *batch;
	LhScanUnit	unit;

	CHECK_FOR_INTERRUPTS();
	if (s->scan == NULL)
		open_scan(s);
	lh_source_report(s, true);
	for (;;)
	{
		batch = scan_batch(s);
		if (batch != NULL || lh_parallel_share(s) == NULL || !lh_scan_take(s->scan, &unit))
			break;
		CHECK_FOR_INTERRUPTS();
	}
	if (batch == NULL)
		lh_source_report(s, false);
	else if (s->progress != NULL)
		lh_pg_progress_update(s->progress);
	lh_source_notice(s);
	return batch;
}

void
lh_source_rewind(LhSource *s)
{
	LhArena    *old;

	lh_source_report(s, false);
	if (s->scan != NULL && s->stale)
		close_scan(s);			/* other columns than before */
	if (s->scan != NULL)
	{
		old = lh_use(s->ctx, s->scan_arena);
		lh_pg_check(s->ctx, lh_scan_rewind(s->ctx, s->scan, s->nfilters, s->filters));
		lh_use(s->ctx, old);
	}
	lh_arena_destroy(s->scan_filter_arena);
	s->scan_filter_arena = NULL;
}

void
lh_source_notice(LhSource *s)
{
	if (s->noticed || s->ctx->counters->v[LH_CTR_DIGITS_LOST] == 0)
		return;
	s->noticed = true;
	if (!lh_parallel_first_notice(s))
		return;
	ereport(NOTICE,
			(errmsg("nanoseconds of \"%s\" are cut to microseconds", s->relname),
			 errhint("The option timestamp_ns of the table decides: \"floor\" (as now), \"error\" or \"text\".")));
}
