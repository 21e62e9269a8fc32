/*
 * emit_row.c
 *		Which declared types nested values become, and how members of structs
 *		find the attributes of composite types.
 *
 *	list	an array, when one is declared
 *	struct	a composite type, when one is declared: members and attributes meet
 *			by name
 *	map		an array of a composite type of two attributes, the key and the value,
 *			whatever they are called
 *
 * and jsonb otherwise.  A declared type is to hold all that the files hold: a
 * member without attribute is an error, and so is an attribute that no file
 * has.  What some files of a union lack is null.
 */
#include "pg/bridge/emit.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

/* Members of a map's entries. */
#define PAIR_MEMBERS 2

static bool
is_composite(Oid base)
{
	return OidIsValid(base) && get_typtype(base) == TYPTYPE_COMPOSITE;
}

LhNestedForm
lh_nested_form(const LhType *type, Oid base, Oid *element)
{
	/* int2vector and oidvector look like arrays, but their values are made otherwise */
	*element = base == INT2VECTOROID || base == OIDVECTOROID ? InvalidOid : get_element_type(base);
	if (type->id == LH_T_LIST && OidIsValid(*element))
		return LH_NESTED_ARRAY;
	if (type->id == LH_T_MAP && OidIsValid(*element) && is_composite(getBaseType(*element)))
		return LH_NESTED_PAIRS;
	*element = InvalidOid;
	return type->id == LH_T_STRUCT && is_composite(base) ? LH_NESTED_ROW : LH_NESTED_JSON;
}

/* ---- names ---- */

static bool
is_taken(char *const *names, int n, const char *name)
{
	for (int i = 0; i < n; i++)
	{
		if (names[i] != NULL && strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

/* Cut on a character to what leaves room for a suffix. */
static char *
clipped(const char *name, size_t suffix)
{
	size_t		most = NAMEDATALEN - 1 - suffix;
	size_t		len = strlen(name);

	if (len > most)
		len = (size_t) pg_mbcliplen(name, (int) len, (int) most);
	return pnstrdup(name, len);
}

char **
lh_member_names(const LhType *type)
{
	char	  **names = palloc0(sizeof(char *) * Max(type->nfields, 1));

	/* names that stay as they are come first, so that none of them is taken by a made-up one */
	for (int i = 0; i < type->nfields; i++)
	{
		char	   *text = lh_pg_text(type->fields[i].name);

		if (text[0] != '\0' && strlen(text) < NAMEDATALEN && !is_taken(names, type->nfields, text))
			names[i] = text;
	}
	for (int i = 0; i < type->nfields; i++)
	{
		const char *text = lh_pg_text(type->fields[i].name);
		char	   *name;

		if (names[i] != NULL)
			continue;
		if (text[0] == '\0')
			text = psprintf("column_%d", i + 1);
		name = clipped(text, 0);
		for (int k = 2; is_taken(names, type->nfields, name); k++)
		{
			char		suffix[16];

			snprintf(suffix, sizeof(suffix), "_%d", k);
			name = psprintf("%s%s", clipped(text, strlen(suffix)), suffix);
		}
		names[i] = name;
	}
	return names;
}

/* ---- members and attributes ---- */

static AttrNumber
find_attribute(TupleDesc desc, const char *name)
{
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (!att->attisdropped && strcmp(NameStr(att->attname), name) == 0)
			return att->attnum;
	}
	return 0;
}

/* The k-th attribute that is not dropped, from 0; 0: there are not so many. */
static AttrNumber
kth_attribute(TupleDesc desc, int k)
{
	for (int i = 0; i < desc->natts; i++)
	{
		if (!TupleDescAttr(desc, i)->attisdropped && k-- == 0)
			return (AttrNumber) (i + 1);
	}
	return 0;
}

/* Attribute of each member of a struct or map, 0: none. */
static AttrNumber *
match(TupleDesc desc, const LhType *type)
{
	AttrNumber *attno = palloc0(sizeof(AttrNumber) * Max(type->nfields, 1));
	char	  **names = type->id == LH_T_STRUCT ? lh_member_names(type) : NULL;

	for (int i = 0; i < type->nfields; i++)
		attno[i] = names != NULL ? find_attribute(desc, names[i]) : kth_attribute(desc, i);
	return attno;
}

/* An attribute that no member has; 0: there is none. */
static AttrNumber
unmatched(TupleDesc desc, const AttrNumber *attno, int n)
{
	for (int a = 1; a <= desc->natts; a++)
	{
		bool		found = TupleDescAttr(desc, a - 1)->attisdropped;

		for (int i = 0; i < n && !found; i++)
			found = attno[i] == a;
		if (!found)
			return (AttrNumber) a;
	}
	return 0;
}

static void
fail_pairs(const char *column, Oid rowtype)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("type %s cannot hold the entries of map \"%s\"", format_type_be(rowtype), column),
			 errhint("A map becomes jsonb, or an array of a composite type of two attributes: the key and the value.")));
}

static void
fail_extra(const LhEmitter *em, const char *member, Oid rowtype)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("member \"%s\" of column \"%s\" has no attribute in type %s", member, em->column,
					format_type_be(rowtype)),
			 errdetail("File \"%s\".", lh_pg_text(em->path)),
			 errhint("Add the attribute to the type; lakehouse.create_types() makes types with all of them.")));
}

static void
fail_missing(const char *column, TupleDesc desc, AttrNumber attno, const char *path)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_COLUMN_NAME_NOT_FOUND),
			 errmsg("attribute \"%s\" of type %s has no member in column \"%s\" of the files",
					NameStr(TupleDescAttr(desc, attno - 1)->attname), format_type_be(desc->tdtypeid), column),
			 path != NULL ? errdetail("File \"%s\".", lh_pg_text(path)) : 0,
			 errhint("Members and attributes meet by name, exactly. With the option union_by_name, what only some files have is null in the others.")));
}

LhEmitRow *
lh_row_create(const LhEmitter *em, const LhType *type, Oid rowtype)
{
	LhEmitRow  *row = palloc0(sizeof(LhEmitRow));
	AttrNumber	missing;

	row->desc = lookup_rowtype_tupdesc_copy(rowtype, -1);
	row->nmembers = type->nfields;
	row->attno = match(row->desc, type);
	row->values = palloc0(sizeof(Datum) * Max(row->desc->natts, 1));
	row->nulls = palloc(sizeof(bool) * Max(row->desc->natts, 1));
	memset(row->nulls, true, row->desc->natts);
	missing = unmatched(row->desc, row->attno, type->nfields);
	if (type->id == LH_T_MAP && (missing != 0 || kth_attribute(row->desc, PAIR_MEMBERS - 1) == 0))
		fail_pairs(em->column, rowtype);
	for (int i = 0; i < type->nfields; i++)
	{
		if (row->attno[i] == 0)
			fail_extra(em, lh_pg_text(type->fields[i].name), rowtype);
	}
	if (missing != 0 && !em->options.missing_null)
		fail_missing(em->column, row->desc, missing, em->path);
	return row;
}

/* ---- without files ---- */

void
lh_emit_check_rows(const char *column, const LhType *type, Oid typid)
{
	Oid			element,
				base = getBaseType(typid);
	LhNestedForm form;
	TupleDesc	desc;
	AttrNumber *attno;
	AttrNumber	missing;

	check_stack_depth();
	if (!lh_type_is_nested(type))
		return;
	form = lh_nested_form(type, base, &element);
	if (form == LH_NESTED_ARRAY)
		lh_emit_check_rows(column, &type->fields[0].type, element);
	if (form == LH_NESTED_ARRAY || form == LH_NESTED_JSON)
		return;
	desc = lookup_rowtype_tupdesc_copy(form == LH_NESTED_PAIRS ? getBaseType(element) : base, -1);
	attno = match(desc, type);
	missing = unmatched(desc, attno, type->nfields);
	if (missing != 0 && form == LH_NESTED_PAIRS)
		fail_pairs(column, desc->tdtypeid);
	if (missing != 0)
		fail_missing(column, desc, missing, NULL);
	for (int i = 0; i < type->nfields; i++)
	{
		Form_pg_attribute att;

		if (attno[i] == 0)
			continue;
		att = TupleDescAttr(desc, attno[i] - 1);
		lh_emit_check_rows(psprintf("%s.%s", column, NameStr(att->attname)), &type->fields[i].type, att->atttypid);
	}
}

bool
lh_row_possible(const LhType *type, Oid base)
{
	Oid			element;
	LhNestedForm form = lh_nested_form(type, base, &element);
	TupleDesc	desc;
	AttrNumber *attno;

	check_stack_depth();
	if (form == LH_NESTED_ARRAY)
		return lh_emit_possible(&type->fields[0].type, element, -1);
	if (form == LH_NESTED_JSON)
		return true;
	desc = lookup_rowtype_tupdesc_copy(form == LH_NESTED_PAIRS ? getBaseType(element) : base, -1);
	attno = match(desc, type);
	if (unmatched(desc, attno, type->nfields) != 0)
		return false;
	for (int i = 0; i < type->nfields; i++)
	{
		Form_pg_attribute att;

		if (attno[i] == 0)
			return false;
		att = TupleDescAttr(desc, attno[i] - 1);
		if (!lh_emit_possible(&type->fields[i].type, att->atttypid, att->atttypmod))
			return false;
	}
	return true;
}
