/*
 * source_column.c
 *		Columns of a table bound to the schema of its files.
 *
 * This happens when a scan starts, never at planning: a plan holds no fact about
 * files.  An attribute is, in this order,
 *
 *	1. where the schema goes by field ids and the column has the option field_id:
 *	   the field with this id, wherever it is and whatever it is called by now;
 *	2. a column of the schema with its name (or the option column_name), or a
 *	   dotted path to a member of a struct.  Of a table whose past is read that is
 *	   asked of the schema of now, and what it finds is taken by its id.
 *
 * What no file has is an error.  A field that the table has lost is one, too,
 * unless the option dropped_columns makes it null; one that a past state does
 * not have yet is null.
 */
#include "pg/bridge/source.h"

#include "access/sysattr.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

/* A field id that nothing has. */
#define NO_FIELD INT_MIN
/* Ids from here on are reserved (spec, "Reserved Field IDs"). */
#define FIRST_RESERVED 2147483447

/* ---- schemas ---- */

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

/* The field of a dotted path below a struct; names with dots are found by trying.  NULL: none. */
static const LhField *
find_member(const LhType *type, const char *path)
{
	if (type->id != LH_T_STRUCT)
		return NULL;
	for (int i = 0; i < type->nfields; i++)
	{
		const LhField *f = &type->fields[i];
		size_t		len = strlen(f->name);
		const LhField *found;

		if (strncmp(path, f->name, len) != 0)
			continue;
		if (path[len] == '\0')
			return f;
		if (path[len] == '.' && (found = find_member(&f->type, path + len + 1)) != NULL)
			return found;
	}
	return NULL;
}

static void
take_column(const LhColumn *c, LhScanColumn *out)
{
	out->source = c->source;
	out->type = c->type;
	out->field_id = c->field_id;
}

bool
lh_source_find(const LhTableSchema *schema, const char *name, LhScanColumn *out)
{
	const LhColumn *c = find_column(schema, name, strlen(name));

	if (c != NULL)
	{
		take_column(c, out);
		return true;
	}
	for (const char *dot = strchr(name, '.'); dot != NULL; dot = strchr(dot + 1, '.'))
	{
		const LhField *field;

		c = find_column(schema, name, (size_t) (dot - name));
		if (c == NULL || c->source != LH_SRC_DATA || (field = find_member(&c->type, dot + 1)) == NULL)
			continue;
		out->source = LH_SRC_DATA;
		out->type = field->type;
		out->field_id = field->field_id;
		return true;
	}
	return false;
}

/* The field inside structs of a type; *path: its dotted name, below prefix. */
static const LhField *
find_field_below(const LhType *type, int field_id, const char *prefix, const char **path)
{
	check_stack_depth();
	if (type->id != LH_T_STRUCT)
		return NULL;
	for (int i = 0; i < type->nfields; i++)
	{
		const LhField *f = &type->fields[i];
		const LhField *found;

		if (f->field_id == field_id)
		{
			*path = psprintf("%s.%s", prefix, f->name);
			return f;
		}
		if (f->type.id == LH_T_STRUCT &&
			(found = find_field_below(&f->type, field_id, psprintf("%s.%s", prefix, f->name), path)) != NULL)
			return found;
	}
	return NULL;
}

bool
lh_source_find_field(const LhTableSchema *schema, int field_id, LhScanColumn *out)
{
	for (int i = 0; i < schema->ncols; i++)
	{
		const LhColumn *c = &schema->cols[i];

		if (c->field_id != field_id)
			continue;
		take_column(c, out);
		out->name = c->name;
		return true;
	}
	for (int i = 0; i < schema->ncols; i++)
	{
		const LhColumn *c = &schema->cols[i];
		const LhField *field;

		if (c->source != LH_SRC_DATA || c->type.id != LH_T_STRUCT ||
			(field = find_field_below(&c->type, field_id, c->name, &out->name)) == NULL)
			continue;
		out->source = LH_SRC_DATA;
		out->type = field->type;
		out->field_id = field_id;
		return true;
	}
	return false;
}

bool
lh_source_is_metadata(const LhSource *s, AttrNumber attno)
{
	static const char *const names[] = {
		"_file", "_pos", "_deleted", "_spec_id", "_partition", "_row_id", "_last_updated_sequence_number",
		"_change_type", "_change_ordinal", "_commit_snapshot_id"
	};

	if (s->field_ids[attno - 1] >= FIRST_RESERVED)
		return true;
	for (int i = 0; i < (int) lengthof(names); i++)
	{
		if (s->field_ids[attno - 1] < 0 && strcmp(s->names[attno - 1], names[i]) == 0)
			return true;
	}
	return false;
}

/* ---- failures ---- */

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
			 s->schema.by_id ?
			 errdetail("No column \"%s\" is in the table at location \"%s\".", name,
					   lh_pg_text(s->options.table.location)) :
			 errdetail("No column \"%s\" is in the %s of location \"%s\".", name,
					   s->options.table.union_by_name ? "files" : "first file",
					   lh_pg_text(s->options.table.location)),
			 similar != NULL ?
			 errhint("The files have a column \"%s\": name it with the column option column_name.",
					 lh_pg_text(similar)) :
			 OidIsValid(s->relid) ?
			 errhint("Name the column of the files with the column option column_name, or match the table to its files with lakehouse.refresh_columns().") : 0));
}

static void
fail_dropped(const LhSource *s, int i)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_COLUMN_NAME_NOT_FOUND),
			 errmsg("column \"%s\" of \"%s\" was dropped from its table",
					NameStr(TupleDescAttr(s->desc, i)->attname), s->relname),
			 errdetail("The table at location \"%s\" has no field with id %d any more.",
					   lh_pg_text(s->options.table.location), s->field_ids[i]),
			 errhint("Drop the column here as well (lakehouse.refresh_columns() does), or set the table option "
					 "dropped_columns to \"null\".")));
}

/* ---- columns ---- */

bool
lh_source_is_past(const LhSource *s)
{
	const LhTableOptions *t = &s->options.table;

	return t->snapshot_id != 0 || t->has_time || t->ref != NULL || t->changes;
}

/* The schema of the table as it is now. */
static const LhTableSchema *
schema_of_now(LhSource *s)
{
	LhLakeOptions now = s->options;
	LhTable    *table;
	MemoryContext old;
	LhArena    *arena;

	if (s->current != NULL)
		return s->current;
	old = MemoryContextSwitchTo(s->mcxt);
	arena = lh_use(s->ctx, s->arena);
	now.table.snapshot_id = 0;
	now.table.has_time = false;
	now.table.ref = NULL;
	now.table.changes = false;
	lh_lake_open(s->ctx, s->roleid, s->serverid, &now, &table);
	s->current = palloc0(sizeof(LhTableSchema));
	lh_pg_check(s->ctx, table->schema(s->ctx, table, s->current));
	lh_use(s->ctx, arena);
	MemoryContextSwitchTo(old);
	return s->current;
}

static void
bind_null(LhScanColumn *c)
{
	c->source = LH_SRC_DATA;
	c->field_id = NO_FIELD;
	memset(&c->type, 0, sizeof(c->type));
	c->type.id = LH_T_NULL;
}

/* By field id; a column without one by the name that the field has now. */
static void
bind_field(LhSource *s, int i, LhScanColumn *c)
{
	int			id = s->field_ids[i];

	if (id < 0 && lh_source_is_past(s) && lh_source_find(schema_of_now(s), s->names[i], c))
		id = c->field_id;
	if (id < 0 && !lh_source_find(&s->schema, s->names[i], c))
		fail_missing(s, i);
	if (id < 0 || lh_source_find_field(&s->schema, id, c))
		return;
	if (!s->options.dropped_null && !lh_source_is_past(s))
		fail_dropped(s, i);
	bind_null(c);
}

/* Name, source, type and field id of an attribute; raises when it leads nowhere. */
static void
bind_column(LhSource *s, int i, LhScanColumn *c)
{
	c->name = s->names[i];
	c->field_id = -1;
	if (s->schema.by_id)
		bind_field(s, i, c);
	else if (!lh_source_find(&s->schema, c->name, c))
		fail_missing(s, i);
}

int
lh_source_column(LhSource *s, AttrNumber attno, bool filter_only)
{
	int			i = attno - 1;
	Form_pg_attribute att = TupleDescAttr(s->desc, i);
	MemoryContext old;
	LhScanColumn *c;

	if (s->quals[i].col >= 0)
	{
		c = &s->cols[s->quals[i].col];
		s->stale |= c->filter_only && !filter_only;
		c->filter_only &= filter_only;
		return s->quals[i].col;
	}
	c = &s->cols[s->ncols];
	memset(c, 0, sizeof(*c));
	c->required = att->attnotnull;
	c->filter_only = filter_only;
	old = MemoryContextSwitchTo(s->mcxt);
	bind_column(s, i, c);
	MemoryContextSwitchTo(old);
	if (c->type.id != LH_T_NULL)
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
		c->field_id = s->schema.by_id ? type->fields[k].field_id : -1;
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
	if (s->nmembers == LH_SOURCE_MEMBERS)
		return -1;
	old = MemoryContextSwitchTo(s->mcxt);
	bind_column(s, linitial_int(path) - 1, &c);
	m = &s->members[s->nmembers];
	found = c.source == LH_SRC_DATA && follow_path(s, path, &c.type, &c, &m->qual);
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
