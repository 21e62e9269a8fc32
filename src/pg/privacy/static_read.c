/*
 * static_read.c
 *		Columns, constraints and indexes of tables to copy, as the catalogs have them.
 *
 * Everything comes as PostgreSQL writes it itself (format_type, pg_get_expr, pg_get_constraintdef), with an empty
 * search_path, so that it can be run.
 *
 * Who copies a table runs its expressions: generated columns, CHECKs, expressions of indexes.  Functions in them that belong to somebody
 * else could do with his rights what they like, so these expressions are marked, and left out.
 */
#include "pg/privacy/static.h"
#include "pg/privacy/utility_parts.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* ---- answers of SPI ---- */

static void
query(const char *sql, Oid relid)
{
	Oid			type = OIDOID;
	Datum		value = ObjectIdGetDatum(relid);

	if (SPI_execute_with_args(sql, 1, &type, &value, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "a question to catalogs failed");
}

static const char *
text_at(uint64 row, int column)
{
	return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);
}

static bool
bool_at(uint64 row, int column)
{
	const char *text = text_at(row, column);

	return text != NULL && text[0] == 't';
}

static char
char_at(uint64 row, int column)
{
	const char *text = text_at(row, column);

	return text != NULL ? text[0] : '\0';
}

static Oid
oid_at(uint64 row, int column)
{
	const char *text = text_at(row, column);

	return text != NULL ? (Oid) strtoul(text, NULL, 10) : InvalidOid;
}

/* An array of smallint, or of text. */
static List *
list_at(uint64 row, int column, Oid type)
{
	bool		null;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &null);
	Datum	   *values;
	int			n;
	List	   *list = NIL;

	if (null)
		return NIL;
	if (type == INT2OID)
		deconstruct_array(DatumGetArrayTypeP(value), INT2OID, sizeof(int16), true, TYPALIGN_SHORT, &values, NULL, &n);
	else
		deconstruct_array(DatumGetArrayTypeP(value), TEXTOID, -1, false, TYPALIGN_INT, &values, NULL, &n);
	for (int i = 0; i < n; i++)
		list = type == INT2OID ? lappend_int(list, DatumGetInt16(values[i])) : lappend(list, TextDatumGetCString(values[i]));
	return list;
}

/* Does an object of pg_attrdef, pg_constraint or pg_class call what belongs to neither the user nor a superuser? */
#define FOREIGN_CODE(catalog, oid) \
	"EXISTS (SELECT FROM pg_depend x LEFT JOIN pg_proc f ON x.refclassid = 'pg_proc'::regclass AND f.oid = x.refobjid" \
	"	LEFT JOIN pg_operator o ON x.refclassid = 'pg_operator'::regclass AND o.oid = x.refobjid" \
	"	JOIN pg_roles w ON w.oid = coalesce(f.proowner, o.oprowner)" \
	"	WHERE x.classid = '" catalog "'::regclass AND x.objid = " oid " AND NOT w.rolsuper AND NOT pg_has_role(w.oid, 'USAGE'))"

/* ---- columns ---- */

static const char columns_sql[] =
	"SELECT a.attnum, a.attname, a.atttypid::oid, a.atttypmod, format_type(a.atttypid, a.atttypmod),"
	"	CASE WHEN a.attcollation <> t.typcollation AND a.attcollation <> 0 THEN quote_ident(n.nspname) || '.' || quote_ident(l.collname) END,"
	"	a.attnotnull, a.attidentity, a.attgenerated, pg_get_expr(d.adbin, d.adrelid),"
	"	d.oid IS NOT NULL AND " FOREIGN_CODE("pg_attrdef", "d.oid") ","
	"	(SELECT s.objid FROM pg_depend s JOIN pg_class c ON c.oid = s.objid AND c.relkind = 'S'"
	"		WHERE s.classid = 'pg_class'::regclass AND s.refclassid = 'pg_class'::regclass AND s.refobjid = a.attrelid"
	"		AND s.refobjsubid = a.attnum AND s.deptype IN ('a', 'i') ORDER BY s.deptype DESC LIMIT 1)::oid,"
	"	(SELECT s.refobjid FROM pg_depend s JOIN pg_class c ON c.oid = s.refobjid AND c.relkind = 'S'"
	"		WHERE s.classid = 'pg_attrdef'::regclass AND s.objid = d.oid AND s.refclassid = 'pg_class'::regclass LIMIT 1)::oid"
	" FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid"
	"	LEFT JOIN pg_collation l ON l.oid = a.attcollation LEFT JOIN pg_namespace n ON n.oid = l.collnamespace"
	"	LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum"
	" WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";

static const char *
definition_of(uint64 row)
{
	const char *collation = text_at(row, 6);

	return collation == NULL ? text_at(row, 5) : psprintf("%s COLLATE %s", text_at(row, 5), collation);
}

void
lh_static_read_columns(LhStaticTable *table)
{
	query(columns_sql, table->relid);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		LhStaticColumn *column = palloc0(sizeof(LhStaticColumn));

		column->attnum = (AttrNumber) atoi(text_at(i, 1));
		column->name = text_at(i, 2);
		column->type = oid_at(i, 3);
		column->typmod = atoi(text_at(i, 4));
		column->definition = definition_of(i);
		column->not_null = bool_at(i, 7);
		column->identity = char_at(i, 8);
		column->generated = char_at(i, 9);
		column->expression = text_at(i, 10);
		column->foreign_code = bool_at(i, 11);
		column->sequence = oid_at(i, 12);
		column->takes = oid_at(i, 13);
		table->columns = lappend(table->columns, column);
	}
	SPI_freetuptable(SPI_tuptable);
}

/* ---- constraints and indexes ---- */

/*
 * Of partitions and children what came from a parent is not listed, as it comes from there again; whether that
 * is copied too is asked by the caller, in $1's parents (column 12).
 */
static const char constraints_sql[] =
	"SELECT c.oid, c.contype, c.conname, pg_get_constraintdef(c.oid), c.contype IN ('p', 'u', 'x'), c.convalidated, false,"
	"	" FOREIGN_CODE("pg_constraint", "c.oid") ", c.conkey, c.confrelid::oid, c.confkey,"
	"	CASE WHEN c.conparentid <> 0 THEN (SELECT p.conrelid FROM pg_constraint p WHERE p.oid = c.conparentid)::oid"
	"		WHEN c.coninhcount > 0 THEN (SELECT p.conrelid FROM pg_inherits i JOIN pg_constraint p ON p.conrelid = i.inhparent"
	"			AND p.conname = c.conname WHERE i.inhrelid = c.conrelid LIMIT 1)::oid END,"
	"	(SELECT array_agg(quote_ident(n.nspname) || '.' || o.oprname ORDER BY k.at) FROM unnest(c.conpfeqop) WITH ORDINALITY k(op, at)"
	"		JOIN pg_operator o ON o.oid = k.op JOIN pg_namespace n ON n.oid = o.oprnamespace)"
	" FROM pg_constraint c WHERE c.conrelid = $1 AND c.contype IN ('p', 'u', 'x', 'c', 'f')"
	" ORDER BY array_position('{p,u,x,c,f}', c.contype::text), c.conname";

static const char indexes_sql[] =
	"SELECT c.oid, 'i', c.relname, pg_get_indexdef(c.oid), i.indisunique, true, i.indexprs IS NOT NULL OR i.indpred IS NOT NULL,"
	"	" FOREIGN_CODE("pg_class", "c.oid") ","
	"	(SELECT array_agg(DISTINCT d.refobjsubid::int2) FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid"
	"		AND d.refclassid = 'pg_class'::regclass AND d.refobjid = i.indrelid AND d.refobjsubid > 0), NULL, NULL,"
	"	(SELECT p.indrelid FROM pg_inherits h JOIN pg_index p ON p.indexrelid = h.inhparent WHERE h.inhrelid = c.oid LIMIT 1)::oid, NULL"
	" FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
	" WHERE i.indrelid = $1 AND i.indisvalid"
	"	AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid AND k.contype IN ('p', 'u', 'x') AND k.conrelid = $1)"
	" ORDER BY c.relname";

static void
read_objects(LhStaticPlan *plan, LhStaticTable *table, const char *sql)
{
	List	   *made = NIL;
	List	   *referred = NIL;
	ListCell   *lc;
	ListCell   *relid;

	query(sql, table->relid);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		LhStaticObject *object;
		Oid			from = oid_at(i, 12);

		/* it comes with the parent's */
		if (OidIsValid(from) && from != table->relid && lh_static_table(plan, from) != NULL && table->parents != NIL)
			continue;
		/* the same key once more, for a partition of what it refers to */
		if (from == table->relid)
			continue;
		object = palloc0(sizeof(LhStaticObject));
		object->table = table;
		object->oid = oid_at(i, 1);
		object->kind = char_at(i, 2);
		object->name = text_at(i, 3);
		object->definition = text_at(i, 4);
		object->unique = bool_at(i, 5);
		object->valid = bool_at(i, 6);
		object->expression = bool_at(i, 7);
		object->foreign_code = bool_at(i, 8);
		object->columns = list_at(i, 9, INT2OID);
		referred = lappend_oid(referred, oid_at(i, 10));
		object->refers_columns = list_at(i, 11, INT2OID);
		object->operators = list_at(i, 13, TEXTOID);
		made = lappend(made, object);
		plan->objects = lappend(plan->objects, object);
	}
	SPI_freetuptable(SPI_tuptable);
	/* which asks catalogs as well */
	forboth(lc, made, relid, referred)
		((LhStaticObject *) lfirst(lc))->refers = lh_static_referred(plan, lfirst_oid(relid));
}

void
lh_static_read_objects(LhStaticPlan *plan, LhStaticTable *table)
{
	read_objects(plan, table, constraints_sql);
	read_objects(plan, table, indexes_sql);
}
