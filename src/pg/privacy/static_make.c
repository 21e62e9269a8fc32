/*
 * static_make.c
 *		Tables of a static copy, and what comes to them when the rows are there.
 *
 *	1. Tables with their columns in order, defaults, NOT NULL, identity; partitions and children are put to their parents.
 *	2. (Rows.)
 *	3. Sequences go on behind what the copy has, not behind what the original had.
 *	4. Unique constraints, indexes, CHECKs, foreign keys, comments.
 *
 * It is all SQL, as whoever asked for the copy.  Definitions that name another table are parsed, and the table is put in its place
 * in the tree: no text is searched for names.
 */
#include "pg/privacy/static.h"

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "nodes/makefuncs.h"
#include "parser/parser.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* ---- statements ---- */

/* Messages of constraints name columns and constraints; their details have rows. */
void
lh_static_raise(MemoryContext caller)
{
	ErrorData  *error;

	MemoryContextSwitchTo(caller);
	error = CopyErrorData();
	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION)
		PG_RE_THROW();
	FlushErrorState();
	ereport(ERROR,
			(errcode(error->sqlerrcode), errmsg("%s", error->message),
			 errhint("Masked values in the copy do not satisfy it. Another mask may, or name the constraint in \"without\". lakehouse.static_plan shows what each column gets.")));
}

static char *formatted(const char *format, va_list args) pg_attribute_printf(1, 0);

static char *
formatted(const char *format, va_list args)
{
	StringInfoData text;
	va_list		copy;
	int			missing;

	initStringInfo(&text);
	for (;;)
	{
		va_copy(copy, args);
		missing = appendStringInfoVA(&text, format, copy);
		va_end(copy);
		if (missing == 0)
			return text.data;
		enlargeStringInfo(&text, missing);
	}
}

void
lh_static_run(const char *format, ...)
{
	MemoryContext caller = CurrentMemoryContext;
	va_list		args;
	char	   *text;
	volatile int result = 0;

	va_start(args, format);
	text = formatted(format, args);
	va_end(args);
	PG_TRY();
	{
		result = SPI_execute(text, false, 0);
	}
	PG_CATCH();
	{
		lh_static_raise(caller);
	}
	PG_END_TRY();
	if (result < 0)
		elog(ERROR, "a statement of a static copy failed: %s", SPI_result_code_string(result));
	SPI_freetuptable(SPI_tuptable);
}

char *
lh_static_ask(const char *format, ...)
{
	va_list		args;
	char	   *text;
	char	   *answer = NULL;

	va_start(args, format);
	text = formatted(format, args);
	va_end(args);
	if (SPI_execute(text, false, 1) < 0)
		elog(ERROR, "a question of a static copy failed");
	if (SPI_processed > 0)
		answer = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	SPI_freetuptable(SPI_tuptable);
	return answer;
}

static void
run_tree(Node *stmt, const char *text)
{
	MemoryContext caller = CurrentMemoryContext;
	PlannedStmt *wrapper = makeNode(PlannedStmt);

	wrapper->commandType = CMD_UTILITY;
	wrapper->utilityStmt = stmt;
	wrapper->stmt_location = -1;
	PG_TRY();
	{
		ProcessUtility(wrapper, text, false, PROCESS_UTILITY_QUERY, NULL, NULL, None_Receiver, NULL);
	}
	PG_CATCH();
	{
		lh_static_raise(caller);
	}
	PG_END_TRY();
	CommandCounterIncrement();
}

/* ---- tables ---- */

static char *
sequence_options(Oid sequence, bool type)
{
	return lh_static_ask("SELECT format('%sINCREMENT BY %%s MINVALUE %%s MAXVALUE %%s START WITH %%s CACHE %%s %%sCYCLE', %s"
						 "seqincrement, seqmin, seqmax, seqstart, seqcache, CASE WHEN seqcycle THEN '' ELSE 'NO ' END)"
						 " FROM pg_sequence WHERE seqrelid = %u",
						 type ? "AS %s " : "", type ? "format_type(seqtypid, NULL), " : "", sequence);
}

static char *
sequence_copy(const LhStaticPlan *plan, const LhStaticColumn *column)
{
	return psprintf("%s.%s", quote_identifier(plan->options->schema), quote_identifier(get_rel_name(column->sequence)));
}

static void
add_column(StringInfo sql, const LhStaticPlan *plan, const LhStaticTable *table, const LhStaticColumn *column)
{
	appendStringInfo(sql, "%s %s", quote_identifier(column->name), column->definition);
	/* partitions take numbers of their root's */
	if (column->identity != '\0' && table->bound == NULL)
		appendStringInfo(sql, " GENERATED %s AS IDENTITY (%s)", column->identity == 'a' ? "ALWAYS" : "BY DEFAULT",
						 sequence_options(column->sequence, false));
	else if (lh_static_serial(column))
		appendStringInfo(sql, " DEFAULT nextval(%s)", quote_literal_cstr(sequence_copy(plan, column)));
	else if (lh_static_computed(column))
		appendStringInfo(sql, " GENERATED ALWAYS AS (%s) %s", column->expression, column->generated == 's' ? "STORED" : "VIRTUAL");
	else if (column->expression != NULL && column->generated == '\0' && lh_static_no_default(column) == NULL)
		appendStringInfo(sql, " DEFAULT %s", column->expression);
	if (column->not_null)
		appendStringInfoString(sql, " NOT NULL");
}

static void
make_table(const LhStaticPlan *plan, const LhStaticTable *table)
{
	StringInfoData sql;
	ListCell   *lc;

	foreach(lc, table->columns)
	{
		if (lh_static_serial(lfirst(lc)))
			lh_static_run("CREATE SEQUENCE %s %s", sequence_copy(plan, lfirst(lc)),
						  sequence_options(((LhStaticColumn *) lfirst(lc))->sequence, true));
	}
	initStringInfo(&sql);
	foreach(lc, table->columns)
	{
		appendStringInfoString(&sql, sql.len > 0 ? ", " : "");
		add_column(&sql, plan, table, lfirst(lc));
	}
	lh_static_run("CREATE TABLE %s (%s)%s%s", table->copy, sql.data, table->partition_key != NULL ? " PARTITION BY " : "",
				  table->partition_key != NULL ? table->partition_key : "");
	foreach(lc, table->columns)
	{
		LhStaticColumn *column = lfirst(lc);

		if (lh_static_serial(column))
			lh_static_run("ALTER SEQUENCE %s OWNED BY %s.%s", sequence_copy(plan, column), table->copy, quote_identifier(column->name));
	}
}

static void
join_parents(const LhStaticPlan *plan, const LhStaticTable *table)
{
	ListCell   *lc;

	foreach(lc, table->parents)
	{
		const char *parent = lh_static_table(plan, lfirst_oid(lc))->copy;

		if (table->bound != NULL)
			lh_static_run("ALTER TABLE %s ATTACH PARTITION %s %s", parent, table->copy, table->bound);
		else
			lh_static_run("ALTER TABLE %s INHERIT %s", table->copy, parent);
	}
}

void
lh_static_make_tables(LhStaticPlan *plan)
{
	ListCell   *lc;

	foreach(lc, plan->tables)
		make_table(plan, lfirst(lc));
	foreach(lc, plan->tables)
		join_parents(plan, lfirst(lc));
}

/* ---- sequences ---- */

static void
set_sequences(const LhStaticTable *table)
{
	ListCell   *lc;

	foreach(lc, table->columns)
	{
		LhStaticColumn *column = lfirst(lc);

		if (!lh_static_serial(column) && (column->identity == '\0' || table->bound != NULL))
			continue;
		(void) lh_static_ask("SELECT setval(s.seqrelid, x.last) FROM pg_sequence s,"
							 " LATERAL (SELECT CASE WHEN s.seqincrement > 0 THEN max(%s) ELSE min(%s) END AS last FROM %s) x"
							 " WHERE s.seqrelid = pg_get_serial_sequence(%s, %s)::regclass AND x.last BETWEEN s.seqmin AND s.seqmax",
							 quote_identifier(column->name), quote_identifier(column->name), table->copy,
							 quote_literal_cstr(table->copy), quote_literal_cstr(column->name));
	}
}

/* ---- constraints and indexes ---- */

static bool
touches_masks(const LhStaticObject *object)
{
	ListCell   *lc;

	foreach(lc, object->columns)
	{
		const LhStaticColumn *column = lh_static_column(object->table, lfirst_int(lc));

		if (column == NULL || lh_static_mask(column) != NULL || column->generated != '\0')
			return true;
	}
	return false;
}

/* Rows of the copy that do not satisfy it. */
static char *
violations(const LhStaticObject *check)
{
	char	   *expression = lh_static_ask("SELECT pg_get_expr(conbin, conrelid) FROM pg_constraint WHERE oid = %u", check->oid);

	return lh_static_ask("SELECT nullif(count(*), 0) FROM %s WHERE NOT (%s)", check->table->copy, expression);
}

static void
make_check(LhStaticPlan *plan, const LhStaticObject *check)
{
	const char *later = "";
	char	   *wrong;

	if (check->valid && touches_masks(check) && (wrong = violations(check)) != NULL)
	{
		if (!plan->options->not_valid)
			ereport(ERROR,
					(errcode(ERRCODE_CHECK_VIOLATION),
					 errmsg("%s rows of the copy of %s do not satisfy constraint \"%s\"", wrong, check->table->source, check->name),
					 errhint("It tests masked columns. Mask them so that they do, take checks => 'not_valid', or name the constraint in \"without\".")));
		later = " NOT VALID";
		lh_static_note(plan, "constraint", check->table, check->name, "made NOT VALID: rows do not satisfy it", NULL, strtod(wrong, NULL));
	}
	lh_static_run("ALTER TABLE %s ADD CONSTRAINT %s %s%s", check->table->copy, quote_identifier(check->name), check->definition, later);
}

static void
make_foreign_key(const LhStaticPlan *plan, const LhStaticObject *key)
{
	char	   *text = psprintf("ALTER TABLE %s ADD CONSTRAINT %s %s", key->table->copy, quote_identifier(key->name), key->definition);
	AlterTableStmt *stmt = castNode(AlterTableStmt, linitial_node(RawStmt, raw_parser(text, RAW_PARSE_DEFAULT))->stmt);
	Constraint *constraint = castNode(Constraint, linitial_node(AlterTableCmd, stmt->cmds)->def);

	constraint->pktable = makeRangeVar(pstrdup(plan->options->schema), pstrdup(key->refers->name), -1);
	run_tree((Node *) stmt, text);
}

static void
make_index(const LhStaticPlan *plan, const LhStaticObject *index)
{
	IndexStmt  *stmt = castNode(IndexStmt, linitial_node(RawStmt, raw_parser(index->definition, RAW_PARSE_DEFAULT))->stmt);

	stmt->relation = makeRangeVar(pstrdup(plan->options->schema), pstrdup(index->table->name), -1);
	stmt->relation->inh = true;
	stmt->tableSpace = NULL;
	run_tree((Node *) stmt, index->definition);
}

static void
make_object(LhStaticPlan *plan, const LhStaticObject *object)
{
	CHECK_FOR_INTERRUPTS();
	switch (object->kind)
	{
		case 'c':
			make_check(plan, object);
			break;
		case 'f':
			make_foreign_key(plan, object);
			break;
		case 'i':
			make_index(plan, object);
			break;
		default:
			lh_static_run("ALTER TABLE %s ADD CONSTRAINT %s %s", object->table->copy, quote_identifier(object->name),
						  object->definition);
	}
}

static const char *
kind_of(const LhStaticObject *object)
{
	return object->kind == 'i' ? "index" : object->kind == 'f' ? "foreign key" : "constraint";
}

/* ---- comments ---- */

static void
make_comments(const LhStaticTable *table)
{
	char	   *text = lh_static_ask("SELECT obj_description(%u, 'pg_class')", table->relid);
	ListCell   *lc;

	if (text != NULL)
		lh_static_run("COMMENT ON TABLE %s IS %s", table->copy, quote_literal_cstr(text));
	foreach(lc, table->columns)
	{
		const LhStaticColumn *column = lfirst(lc);

		text = lh_static_ask("SELECT col_description(%u, %d)", table->relid, column->attnum);
		if (text != NULL)
			lh_static_run("COMMENT ON COLUMN %s.%s IS %s", table->copy, quote_identifier(column->name), quote_literal_cstr(text));
	}
}

void
lh_static_make_objects(LhStaticPlan *plan)
{
	/* in this order: foreign keys need what is unique */
	static const char *const passes[] = {"pux", "i", "c", "f"};
	ListCell   *lc;

	foreach(lc, plan->tables)
		set_sequences(lfirst(lc));
	for (int i = 0; i < lengthof(passes); i++)
	{
		foreach(lc, plan->objects)
		{
			const LhStaticObject *object = lfirst(lc);

			if (strchr(passes[i], object->kind) == NULL)
				continue;
			if (object->left_out == NULL)
				make_object(plan, object);
			else
				lh_static_note(plan, kind_of(object), object->table, object->name, object->left_out, NULL, -1);
		}
	}
	foreach(lc, plan->tables)
		make_comments(lfirst(lc));
}
