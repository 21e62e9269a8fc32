/*
 * ddl.c
 *		Event triggers that tell change streams which commands defined what
 *		(lakehouse.cdc_ddl_enable).
 *
 * One command, one transactional logical message, with the prefix LH_DDL_PREFIX and
 * what change/ddl.h says.  It stands in the log behind the command's own changes of the
 * catalog and before the rows that need them.  Four events take part:
 *
 *	1. table_rewrite and sql_drop come in the middle of a command, and only note what they
 *	   see: it cannot be asked for later.
 *	2. ddl_command_end adds what the command made or altered, and writes the message.
 *	3. ddl_command_start writes it for CREATE TABLE AS, SELECT INTO and CREATE MATERIALIZED
 *	   VIEW, whose rows are in the log before their end.
 *
 * What is told: tables, partitioned tables, materialized views, types, schemas.  Not
 * temporary or unlogged ones, none of an extension, and nothing else: no views,
 * indexes or sequences of their own, no foreign tables, servers, user mappings,
 * subscriptions, roles.
 *
 * The text is that part of the query string which is the command's own.  Only the
 * portal knows where it begins, so a command that no portal runs by itself (one in a
 * function, a DO block, a script of an extension) has none.
 *
 * A command must not fail because nobody can be told of it.  So all this is done in a
 * subtransaction, whose errors become warnings, but for those that are not about this
 * (cancel, shutdown, memory: quarantine.c).  Names are looked up by OID only, never
 * by a search_path of ours: it has to be the session's, as it is told, too.
 */
#include "pg/cdc/cdc.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/catalog.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "parser/scansup.h"
#include "tcop/pquery.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "change/ddl.h"
#include "pg/cdc/ddl_state.h"

extern PGDLLEXPORT Datum lakehouse_cdc_ddl_event(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(lakehouse_cdc_ddl_event);

/* What events in the middle of a command noted. */
typedef struct Notes
{
	const Node *command;
	SubTransactionId subid;
	List	   *dropped;		/* of LhDdlObject * */
	List	   *rewritten;		/* Oids of tables */
} Notes;

/*
 * Notes of commands that have not ended, in memory of the transaction.  One whose
 * command failed stays there unread: its subtransaction has ended, and no other has its
 * number.
 */
static MemoryContext notes_mcxt;
static List *all_notes;

/* ---- notes ---- */

static void
forget_notes(void *arg)
{
	notes_mcxt = NULL;
	all_notes = NIL;
}

static Notes *
find_notes(const LhDdlEvent *e)
{
	ListCell   *lc;

	foreach(lc, all_notes)
	{
		Notes	   *n = lfirst(lc);

		if (n->command == e->trigger->parsetree && n->subid == e->subid)
			return n;
	}
	return NULL;
}

static Notes *
need_notes(const LhDdlEvent *e)
{
	Notes	   *n = find_notes(e);
	MemoryContext old;

	if (n != NULL)
		return n;
	if (notes_mcxt == NULL)
	{
		MemoryContextCallback *callback;

		notes_mcxt = AllocSetContextCreate(TopTransactionContext, "lakehouse ddl", ALLOCSET_SMALL_SIZES);
		callback = MemoryContextAllocZero(notes_mcxt, sizeof(MemoryContextCallback));
		callback->func = forget_notes;
		MemoryContextRegisterResetCallback(notes_mcxt, callback);
	}
	old = MemoryContextSwitchTo(notes_mcxt);
	n = palloc0(sizeof(Notes));
	n->command = e->trigger->parsetree;
	n->subid = e->subid;
	all_notes = lappend(all_notes, n);
	MemoryContextSwitchTo(old);
	return n;
}

/* ---- texts ---- */

/* The relation that a command names first, where its place in the text is known. */
static const RangeVar *
target_of(const Node *command)
{
	switch (nodeTag(command))
	{
		case T_CreateStmt:
			return ((const CreateStmt *) command)->relation;
		case T_CreateTableAsStmt:
			return ((const CreateTableAsStmt *) command)->into->rel;
		case T_AlterTableStmt:
			return ((const AlterTableStmt *) command)->relation;
		case T_RenameStmt:
			return ((const RenameStmt *) command)->relation;
		case T_AlterObjectSchemaStmt:
			return ((const AlterObjectSchemaStmt *) command)->relation;
		case T_CompositeTypeStmt:
			return ((const CompositeTypeStmt *) command)->typevar;
		default:
			return NULL;
	}
}

/* A statement and its copy, of which some parts have changed since. */
static bool
is_copy(const Node *statement, const Node *command)
{
	const RangeVar *a = target_of(statement),
			   *b = target_of(command);

	if (a != NULL && b != NULL)
		return a->location >= 0 && a->location == b->location && strcmp(a->relname, b->relname) == 0;
	if (IsA(statement, AlterDomainStmt))
		return ((const AlterDomainStmt *) statement)->subtype == ((const AlterDomainStmt *) command)->subtype &&
			equal(((const AlterDomainStmt *) statement)->typeName, ((const AlterDomainStmt *) command)->typeName);
	if (IsA(statement, CreateSchemaStmt))
		return equal(((const CreateSchemaStmt *) statement)->authrole, ((const CreateSchemaStmt *) command)->authrole);
	return equal(statement, command);
}

/*
 * Is what runs the portal's statement?  Portals of the extended protocol run copies.  What
 * a function runs by SPI is none; what one in SQL runs would have to be of the same kind,
 * and name the same at the same place.
 */
static bool
is_statement(const Node *statement, const Node *command)
{
	return statement == command ||
		(nodeTag(statement) == nodeTag(command) && SPI_unregister_relation("lakehouse") == SPI_ERROR_UNCONNECTED &&
		 is_copy(statement, command));
}

/* Without blanks around it and the semicolon behind it, in UTF-8; NULL: it cannot be. */
static const char *
text_of(LhDdlEvent *e, const char *text, int len)
{
	const char *copy;

	while (len > 0 && scanner_isspace(*text))
		text++, len--;
	while (len > 0 && (scanner_isspace(text[len - 1]) || text[len - 1] == ';'))
		len--;
	if (len == 0 || (GetDatabaseEncoding() == PG_SQL_ASCII && !lh_utf8_valid(text, (size_t) len)))
		return NULL;
	copy = pnstrdup(text, len);
	return lh_ddl_utf8(e, copy);
}

/* The part of the query string that is the command; NULL: it has none of its own. */
static const char *
own_text(LhDdlEvent *e)
{
	ListCell   *lc;

	if (ActivePortal == NULL || ActivePortal->sourceText == NULL)
		return NULL;
	foreach(lc, ActivePortal->stmts)
	{
		const PlannedStmt *s = lfirst_node(PlannedStmt, lc);
		int			len = (int) strlen(ActivePortal->sourceText);

		if (s->commandType != CMD_UTILITY || !is_statement(s->utilityStmt, e->trigger->parsetree))
			continue;
		if (s->stmt_location < 0 || s->stmt_location > len || s->stmt_len < 0 || s->stmt_len > len - s->stmt_location)
			return NULL;
		return text_of(e, ActivePortal->sourceText + s->stmt_location,
					   s->stmt_len > 0 ? s->stmt_len : len - s->stmt_location);
	}
	return NULL;
}

/* ---- what events in the middle note ---- */

/* Names that live as long as the notes. */
static const char *
keep_text(const char *text)
{
	return text != NULL ? MemoryContextStrdup(notes_mcxt, text) : NULL;
}

static LhDdlObject *
keep_object(const LhDdlObject *from)
{
	LhDdlObject *o = MemoryContextAlloc(notes_mcxt, sizeof(LhDdlObject));
	const char **names = MemoryContextAlloc(notes_mcxt, sizeof(char *) * (from->npublications + 1));
	uint32_t   *oids = MemoryContextAlloc(notes_mcxt, sizeof(uint32_t) * (from->nancestors + 1));

	*o = *from;
	o->schema = keep_text(from->schema);
	o->name = keep_text(from->name);
	o->column = keep_text(from->column);
	for (int i = 0; i < from->npublications; i++)
		names[i] = keep_text(from->publications[i]);
	o->publications = names;
	if (from->nancestors > 0)
		memcpy(oids, from->ancestors, sizeof(uint32_t) * from->nancestors);
	o->ancestors = oids;
	return o;
}

static void
note_dropped(LhDdlEvent *e)
{
	Notes	   *notes;
	MemoryContext old;
	ListCell   *lc;

	lh_ddl_add_all_dropped(e);
	if (e->objects == NIL)
		return;
	notes = need_notes(e);
	old = MemoryContextSwitchTo(notes_mcxt);
	foreach(lc, e->objects)
		notes->dropped = lappend(notes->dropped, keep_object(lfirst(lc)));
	MemoryContextSwitchTo(old);
}

static void
note_rewritten(LhDdlEvent *e)
{
	Oid			relid = DatumGetObjectId(OidFunctionCall0(F_PG_EVENT_TRIGGER_TABLE_REWRITE_OID));
	Notes	   *notes = need_notes(e);
	MemoryContext old = MemoryContextSwitchTo(notes_mcxt);

	notes->rewritten = lappend_oid(notes->rewritten, relid);
	MemoryContextSwitchTo(old);
}

/* A rewritten partition is named beside the table that the command was given. */
static void
add_rewritten(LhDdlEvent *e, const Notes *notes)
{
	ListCell   *lc,
			   *object;

	foreach(lc, notes->rewritten)
	{
		lh_ddl_add_relation(e, lfirst_oid(lc));
		foreach(object, e->objects)
		{
			LhDdlObject *o = lfirst(object);

			if (o->oid == lfirst_oid(lc) && o->type <= LH_DDL_MATVIEW)
				o->rewritten = true;
		}
	}
}

/* ---- the message ---- */

/* Schemas of search_path that exist, without what is searched before it. */
static int
search_path(LhDdlEvent *e, const char ***path)
{
	int			all = fetch_search_path_array(NULL, 0);
	Oid		   *oids = palloc(sizeof(Oid) * (all + 1));
	int			n = 0;

	all = Min(all, fetch_search_path_array(oids, all));
	*path = palloc(sizeof(char *) * (all + 1));
	for (int i = 0; i < all; i++)
	{
		if (i > 0 || oids[i] != PG_CATALOG_NAMESPACE)
			(*path)[n++] = lh_ddl_schema_name(e, oids[i]);
	}
	return n;
}

static bool
has_query(const Node *command)
{
	return IsA(command, CreateTableAsStmt) ||
		(IsA(command, CreateSchemaStmt) && ((const CreateSchemaStmt *) command)->schemaElts != NIL);
}

static void
make_message(LhDdlEvent *e)
{
	LhDdlObject *objects = palloc(sizeof(LhDdlObject) * (list_length(e->objects) + 1));
	const char **path;
	LhDdl		ddl = {
		.tag = GetCommandTagName(e->trigger->tag),
		.text = own_text(e),
		.query = has_query(e->trigger->parsetree),
		.user = lh_ddl_utf8(e, GetUserNameFromId(GetUserId(), false)),
		.nobjects = list_length(e->objects),
		.objects = objects,
	};
	ListCell   *lc;
	LhBuf	   *buf = palloc0(sizeof(LhBuf));

	foreach(lc, e->objects)
		objects[foreach_current_index(lc)] = *(LhDdlObject *) lfirst(lc);
	ddl.npath = search_path(e, &path);
	ddl.path = path;
	lh_pg_check(e->ctx, lh_buf_init(e->ctx, buf, false));
	lh_pg_check(e->ctx, lh_ddl_write(e->ctx, buf, &ddl, true));
	if (buf->len > LH_DDL_MAX && ddl.text != NULL)
	{
		ddl.text = NULL;
		ddl.withheld = true;
		buf->len = 0;
		lh_pg_check(e->ctx, lh_ddl_write(e->ctx, buf, &ddl, true));
	}
	if (buf->len > LH_DDL_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the command concerns %d objects, which are too many to tell", ddl.nobjects)));
	e->message = buf;
}

/* ---- events ---- */

/*
 * A table that is about to be made and filled.  Whether it can be shows later: then all this
 * is undone with the command.
 */
static void
command_start(LhDdlEvent *e)
{
	const CreateTableAsStmt *stmt = (const CreateTableAsStmt *) e->trigger->parsetree;
	const RangeVar *rel;
	Oid			namespace;

	if (!IsA(stmt, CreateTableAsStmt))
		return;
	rel = stmt->into->rel;
	if (rel->relpersistence != RELPERSISTENCE_PERMANENT)
		return;
	if (rel->schemaname != NULL)
		namespace = strcmp(rel->schemaname, "pg_temp") == 0 ? InvalidOid : get_namespace_oid(rel->schemaname, true);
	else
	{
		List	   *path = fetch_search_path(false);

		namespace = path != NIL ? linitial_oid(path) : InvalidOid;
	}
	/* where there is one already, the command does nothing or fails */
	if (!OidIsValid(namespace) || isAnyTempNamespace(namespace) || IsCatalogNamespace(namespace) ||
		OidIsValid(get_relname_relid(rel->relname, namespace)))
		return;
	lh_ddl_add_object(e, stmt->objtype == OBJECT_MATVIEW ? LH_DDL_MATVIEW : LH_DDL_TABLE, InvalidOid, lh_ddl_schema_name(e, namespace),
			   lh_ddl_utf8(e, rel->relname));
	make_message(e);
}

static void
command_end(LhDdlEvent *e)
{
	Notes	   *notes = find_notes(e);

	lh_ddl_add_commands(e);
	if (notes != NULL)
	{
		add_rewritten(e, notes);
		e->objects = list_concat(e->objects, notes->dropped);
		all_notes = list_delete_ptr(all_notes, notes);
	}
	if (e->objects != NIL)
		make_message(e);
}

static void
take_event(LhDdlEvent *e)
{
	const char *event = e->trigger->event;

	if (strcmp(event, "ddl_command_end") == 0)
		command_end(e);
	else if (strcmp(event, "sql_drop") == 0)
		note_dropped(e);
	else if (strcmp(event, "table_rewrite") == 0)
		note_rewritten(e);
	else if (strcmp(event, "ddl_command_start") == 0)
		command_start(e);
}

/* An error here is none of the command. */
static void
guard(LhDdlEvent *e)
{
	MemoryContext old = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(old);
	PG_TRY();
	{
		take_event(e);
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(old);
		CurrentResourceOwner = owner;
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(old);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(old);
		CurrentResourceOwner = owner;
		if (lh_cdc_is_not_ours(error->sqlerrcode))
			ReThrowError(error);
		e->message = NULL;
		ereport(WARNING,
				(errcode(error->sqlerrcode),
				 errmsg("change streams are not told of this %s", GetCommandTagName(e->trigger->tag)),
				 errdetail_internal("%s", error->message),
				 errhint("The command itself is not affected.  lakehouse.cdc_ddl_disable() ends the attempts.")));
		FreeErrorData(error);
	}
	PG_END_TRY();
}

Datum
lakehouse_cdc_ddl_event(PG_FUNCTION_ARGS)
{
	MemoryContext mcxt,
				old;
	LhDdlEvent	e = {.subid = GetCurrentSubTransactionId()};

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("lakehouse.cdc_ddl_event can only be called as an event trigger")));
	e.trigger = (EventTriggerData *) fcinfo->context;
	/* what a script of an extension makes belongs to it */
	if (!XLogLogicalInfoActive() || creating_extension)
		PG_RETURN_NULL();
	mcxt = AllocSetContextCreate(CurrentMemoryContext, "lakehouse ddl event", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(mcxt);
	e.ctx = lh_pg_ctx(mcxt, 0, NULL);
	guard(&e);
	/* of the command's own transaction, not of the one that is over */
	if (e.message != NULL)
		(void) LH_LOG_MESSAGE(LH_DDL_PREFIX, (const char *) e.message->data, e.message->len);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(mcxt);
	PG_RETURN_NULL();
}
