/*
 * take_text.c
 *		Text, bytes, JSON, enumerations, and every other type by its output
 *		function.
 *
 *	1. Files hold UTF-8.  In a database of that encoding text is copied as it
 *	   is; other encodings are converted, and SQL_ASCII, which promises
 *	   nothing, is checked.
 *	2. The labels of an enumeration are looked up once.
 *	3. Output functions run with settings under which every session reads the
 *	   text alike (DateStyle, IntervalStyle, extra_float_digits).
 */
#include "pg/bridge/take_impl.h"

#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

static void
check_utf8(LhTaker *t, const uint8_t *p, size_t len)
{
	size_t		bad;

	if (lh_utf8_check(p, len, &bad))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
			 errmsg("text of column \"%s\" is not valid UTF-8: byte 0x%02x at offset %zu", t->name, p[bad], bad),
			 errhint("Text in files is UTF-8. Convert the column, or cast it to bytea.")));
}

static void
put_bytes(LhTaker *t, const char *p, size_t len)
{
	LhStr	   *out = &((LhStr *) t->data.data)[t->n];
	uint8_t    *copy = lh_take_bytes(t->take, len);

	memcpy(copy, p, len);
	*out = (LhStr) {copy, (uint32_t) len, 0};
}

void
lh_take_string(LhTaker *t, const char *p, size_t len)
{
	int			encoding = GetDatabaseEncoding();

	if (encoding != PG_UTF8 && encoding != PG_SQL_ASCII)
	{
		char	   *utf8 = (char *) pg_do_encoding_conversion((unsigned char *) unconstify(char *, p), (int) len,
															  encoding, PG_UTF8);

		if (utf8 != p)
		{
			p = utf8;
			len = strlen(utf8);
		}
	}
	if (encoding == PG_SQL_ASCII)
		check_utf8(t, (const uint8_t *) p, len);
	put_bytes(t, p, len);
}

static bool
take_varlena_text(LhTaker *t, Datum d)
{
	struct varlena *v = PG_DETOAST_DATUM_PACKED(d);

	lh_take_string(t, VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v));
	return true;
}

static bool
take_bytea(LhTaker *t, Datum d)
{
	struct varlena *v = PG_DETOAST_DATUM_PACKED(d);

	put_bytes(t, VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v));
	return true;
}

static bool
take_name(LhTaker *t, Datum d)
{
	const char *name = NameStr(*DatumGetName(d));

	lh_take_string(t, name, strlen(name));
	return true;
}

static bool
take_jsonb(LhTaker *t, Datum d)
{
	Jsonb	   *json = DatumGetJsonbP(d);
	StringInfo	text = &t->take->text;

	resetStringInfo(text);
	JsonbToCString(text, &json->root, VARSIZE(json));
	lh_take_string(t, text->data, (size_t) text->len);
	return true;
}

/* ---- enumerations ---- */

typedef struct Label
{
	Oid			id;				/* key */
	char	   *text;
} Label;

static bool
take_enum(LhTaker *t, Datum d)
{
	Oid			id = DatumGetObjectId(d);
	bool		found;
	Label	   *label = hash_search(t->labels, &id, HASH_FIND, NULL);

	if (label == NULL)
	{
		char	   *text = MemoryContextStrdup(t->take->mcxt,
											   DatumGetCString(DirectFunctionCall1(enum_out, d)));

		label = hash_search(t->labels, &id, HASH_ENTER, &found);
		label->text = text;
	}
	lh_take_string(t, label->text, strlen(label->text));
	return true;
}

static void
make_labels(LhTaker *t)
{
	HASHCTL		ctl = {0};

	ctl.keysize = sizeof(Oid);
	ctl.entrysize = sizeof(Label);
	ctl.hcxt = t->take->mcxt;
	t->labels = hash_create("lakehouse labels", 16, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* ---- output functions ---- */

static void
set(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

/* The level to be ended by AtEOXact_GUC; -1: the settings are right already. */
static int
plain_settings(void)
{
	int			level;

	if (DateStyle == USE_ISO_DATES && IntervalStyle == INTSTYLE_POSTGRES && extra_float_digits > 0)
		return -1;
	level = NewGUCNestLevel();
	set("datestyle", "ISO");
	set("intervalstyle", "postgres");
	if (extra_float_digits <= 0)
		set("extra_float_digits", "1");
	return level;
}

static bool
take_output(LhTaker *t, Datum d)
{
	int			level = plain_settings();
	char	   *text = OutputFunctionCall(&t->out, d);

	if (level >= 0)
		AtEOXact_GUC(true, level);
	lh_take_string(t, text, strlen(text));
	return true;
}

static LhTakeFn
function_for(LhTaker *t)
{
	switch (t->typid)
	{
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case JSONOID:
			return take_varlena_text;
		case BYTEAOID:
			return take_bytea;
		case NAMEOID:
			return take_name;
		case JSONBOID:
			return take_jsonb;
		default:
			return get_typtype(t->typid) == TYPTYPE_ENUM ? take_enum : take_output;
	}
}

void
lh_take_text(LhTaker *t)
{
	Oid			output;
	bool		varlena;

	t->fn = function_for(t);
	t->type.id = t->typid == JSONOID || t->typid == JSONBOID ? LH_T_JSON :
		t->fn == take_bytea ? LH_T_BINARY : t->fn == take_enum ? LH_T_ENUM : LH_T_STRING;
	t->type.lane = LH_LANE_STR;
	if (t->fn == take_enum)
		make_labels(t);
	if (t->fn == take_output)
	{
		getTypeOutputInfo(t->typid, &output, &varlena);
		fmgr_info_cxt(output, &t->out, t->take->mcxt);
	}
}
