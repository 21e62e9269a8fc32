/*
 * cell.c
 *		Values of known types as cells, all others by their output function.
 */
#include "pg/bridge/cell.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/bytea.h"
#include "utils/cash.h"
#include "utils/date.h"
#include "utils/float.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/pg_locale.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

/* ---- text ---- */

/*
 * Convert to UTF-8 in the row's memory; false when it cannot be.  A byte becomes
 * at most MAX_CONVERSION_GROWTH of them.
 */
static bool
convert(LhCellMaker *maker, const char *p, size_t len, const char **out, size_t *out_len)
{
	size_t		room = len * MAX_CONVERSION_GROWTH + 1;
	char	   *text;

	if (room > INT_MAX)
		return false;
	text = MemoryContextAllocHuge(maker->scratch, room);
	if (pg_do_encoding_conversion_buf(maker->conversion, GetDatabaseEncoding(), PG_UTF8,
									  (unsigned char *) p, (int) len, (unsigned char *) text, (int) room,
									  true) != (int) len)
		return false;
	*out = text;
	*out_len = strlen(text);
	return true;
}

void
lh_cell_text_of(LhCellMaker *maker, LhCellKind kind, const char *p, size_t len, LhCell *cell)
{
	maker->bytes += len;
	if (unlikely(OidIsValid(maker->conversion)))
	{
		if (!convert(maker, p, len, &p, &len))
			kind = LH_CELL_RAW;
	}
	else if (unlikely(!lh_utf8_valid(p, len)))
		kind = LH_CELL_RAW;
	cell->kind = (uint8_t) kind;
	cell->len = (uint32_t) len;
	cell->ptr = (const uint8_t *) p;
}

static void
of_text(LhCellMaker *maker, const LhCellType *type, Datum d, LhCell *cell)
{
	struct varlena *v = PG_DETOAST_DATUM_PACKED(d);

	lh_cell_text_of(maker, type->kind, VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v), cell);
}

static void
of_name(LhCellMaker *maker, const LhCellType *type, Datum d, LhCell *cell)
{
	const char *name = NameStr(*DatumGetName(d));

	lh_cell_text_of(maker, LH_CELL_TEXT, name, strnlen(name, NAMEDATALEN), cell);
}

static void
of_output(LhCellMaker *maker, const LhCellType *type, Datum d, LhCell *cell)
{
	const char *text = OutputFunctionCall((FmgrInfo *) &type->output, d);

	lh_cell_text_of(maker, type->kind, text, strlen(text), cell);
}

static void
of_bytea(LhCellMaker *maker, const LhCellType *type, Datum d, LhCell *cell)
{
	struct varlena *v = PG_DETOAST_DATUM_PACKED(d);

	cell->kind = LH_CELL_BYTES;
	cell->len = (uint32_t) VARSIZE_ANY_EXHDR(v);
	cell->ptr = (const uint8_t *) VARDATA_ANY(v);
	maker->bytes += cell->len;
}

/* ---- numbers ---- */

/* Of the header of a numeric (src/backend/utils/adt/numeric.c, struct NumericData). */
#define NUM_KIND 0xC000
#define NUM_NEGATIVE 0x4000		/* long form; 0 is its positive */
#define NUM_SHORT 0x8000
#define NUM_SPECIAL 0xC000
#define NUM_LONG_DSCALE 0x3FFF
#define NUM_EXTENDED 0xF000		/* which special value: */
#define NUM_PLUS_INFINITY 0xD000
#define NUM_MINUS_INFINITY 0xF000
/* the short form: 10sd dddd dsww wwww */
#define NUM_SHORT_NEGATIVE 0x2000
#define NUM_SHORT_DSCALE 0x1F80
#define NUM_SHORT_DSCALE_SHIFT 7
#define NUM_SHORT_WEIGHT_SIGN 0x0040
#define NUM_SHORT_WEIGHT 0x003F

/* p: what stands behind the length word. */
void
lh_cell_numeric_of(const void *p, size_t len, LhCell *cell)
{
	const uint8_t *at = p;
	uint16		header = lh_load_u16(at);
	int			weight;

	at += sizeof(uint16);
	len -= sizeof(uint16);
	cell->kind = LH_CELL_NUMERIC;
	cell->ndigits = cell->dscale = 0;
	cell->weight = 0;
	cell->ptr = at;
	if ((header & NUM_KIND) == NUM_SPECIAL)
	{
		header &= NUM_EXTENDED;
		cell->sign = header == NUM_PLUS_INFINITY ? LH_SIGN_INFINITY :
			header == NUM_MINUS_INFINITY ? LH_SIGN_MINUS_INFINITY : LH_SIGN_NAN;
		return;
	}
	if ((header & NUM_KIND) == NUM_SHORT)
	{
		cell->sign = (header & NUM_SHORT_NEGATIVE) ? LH_SIGN_MINUS : LH_SIGN_PLUS;
		cell->dscale = (header & NUM_SHORT_DSCALE) >> NUM_SHORT_DSCALE_SHIFT;
		weight = (header & NUM_SHORT_WEIGHT) - (header & NUM_SHORT_WEIGHT_SIGN);
	}
	else
	{
		cell->sign = (header & NUM_KIND) == NUM_NEGATIVE ? LH_SIGN_MINUS : LH_SIGN_PLUS;
		cell->dscale = header & NUM_LONG_DSCALE;
		weight = (int16) lh_load_u16(at);
		at += sizeof(int16);
		len -= sizeof(int16);
	}
	cell->weight = (int16_t) weight;
	cell->ndigits = (uint16_t) (len / sizeof(int16));
	cell->ptr = at;
}

size_t
lh_cell_numeric_room(const LhCell *cell)
{
	return (size_t) 4 * Max(cell->weight + 1, 1) + cell->dscale + 2;
}

static void
of_numeric(LhCellMaker *maker, const LhCellType *type, Datum d, LhCell *cell)
{
	struct varlena *v = PG_DETOAST_DATUM_PACKED(d);

	lh_cell_numeric_of(VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v), cell);
	maker->bytes += VARSIZE_ANY_EXHDR(v);
	maker->grown += lh_cell_numeric_room(cell);
}

#define SCALAR(name, cell_kind, member, value) \
	static void \
	name(LhCellMaker *maker, const LhCellType *type, Datum d, LhCell *cell) \
	{ \
		cell->kind = cell_kind; \
		cell->member = value; \
	}

SCALAR(of_bool, LH_CELL_BOOL, i64, DatumGetBool(d) ? 1 : 0)
SCALAR(of_int2, LH_CELL_INT, i64, DatumGetInt16(d))
SCALAR(of_int4, LH_CELL_INT, i64, DatumGetInt32(d))
SCALAR(of_int8, LH_CELL_INT, i64, DatumGetInt64(d))
SCALAR(of_oid, LH_CELL_INT, i64, DatumGetObjectId(d))
SCALAR(of_float4, LH_CELL_FLOAT4, f64, DatumGetFloat4(d))
SCALAR(of_float8, LH_CELL_FLOAT8, f64, DatumGetFloat8(d))
SCALAR(of_date, LH_CELL_DATE, i64, DatumGetDateADT(d))
SCALAR(of_time, LH_CELL_TIME, i64, DatumGetTimeADT(d))
SCALAR(of_timestamp, LH_CELL_TIMESTAMP, i64, DatumGetTimestamp(d))
SCALAR(of_timestamptz, LH_CELL_TIMESTAMPTZ, i64, DatumGetTimestampTz(d))

static void
of_timetz(LhCellMaker *maker, const LhCellType *type, Datum d, LhCell *cell)
{
	TimeTzADT  *t = DatumGetTimeTzADTP(d);

	cell->kind = LH_CELL_TIMETZ;
	cell->i64 = t->time;
	cell->aux = t->zone;
}

static void
of_interval(LhCellMaker *maker, const LhCellType *type, Datum d, LhCell *cell)
{
	Interval   *i = DatumGetIntervalP(d);

	cell->kind = LH_CELL_INTERVAL;
	cell->i64 = i->time;
	cell->len = (uint32_t) i->day;
	cell->aux = i->month;
}

static void
of_uuid(LhCellMaker *maker, const LhCellType *type, Datum d, LhCell *cell)
{
	cell->kind = LH_CELL_UUID;
	cell->len = UUID_LEN;
	cell->ptr = DatumGetUUIDP(d)->data;
}

/* charout shows bytes above 127 as they are in 15, as \ooo later. */
static void
of_char(LhCellMaker *maker, const LhCellType *type, Datum d, LhCell *cell)
{
	const char *text = DatumGetCString(DirectFunctionCall1(charout, d));

	lh_cell_text_of(maker, LH_CELL_TEXT, text, strlen(text), cell);
}

/* ---- enumerations ---- */

typedef struct Label
{
	Oid			id;
	float4		order;
	char	   *text;			/* in the server's encoding */
} Label;

/* Sorted by id, to be searched by halves; what came later is looked up once and put in its place. */
typedef struct LhCellLabels
{
	MemoryContext mcxt;
	int			n;
	Label	   *by_id;
} LhCellLabels;

static int
label_place(const LhCellLabels *labels, Oid id)
{
	int			low = 0,
				high = labels->n;

	while (low < high)
	{
		int			mid = (low + high) / 2;

		if (labels->by_id[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static Label *
label_add(LhCellLabels *labels, Oid id, float4 order, const char *text)
{
	int			at = label_place(labels, id);
	Size		bytes = sizeof(Label) * (labels->n + 1);

	labels->by_id = labels->by_id == NULL ? MemoryContextAlloc(labels->mcxt, bytes) :
		repalloc(labels->by_id, bytes);
	memmove(labels->by_id + at + 1, labels->by_id + at, sizeof(Label) * (labels->n - at));
	labels->n++;
	labels->by_id[at] = (Label) {id, order, MemoryContextStrdup(labels->mcxt, text)};
	return &labels->by_id[at];
}

static void
of_enum(LhCellMaker *maker, const LhCellType *type, Datum d, LhCell *cell)
{
	LhCellLabels *labels = type->labels;
	Oid			id = DatumGetObjectId(d);
	int			at = label_place(labels, id);
	Label	   *label;

	if (likely(at < labels->n && labels->by_id[at].id == id))
		label = &labels->by_id[at];
	else
	{
		HeapTuple	tuple = SearchSysCache1(ENUMOID, d);
		Form_pg_enum form;

		if (!HeapTupleIsValid(tuple))
			elog(ERROR, "cache lookup failed for enum value %u", id);
		form = (Form_pg_enum) GETSTRUCT(tuple);
		label = label_add(labels, id, form->enumsortorder, NameStr(form->enumlabel));
		ReleaseSysCache(tuple);
	}
	lh_cell_text_of(maker, LH_CELL_TEXT, label->text, strlen(label->text), cell);
}

static void
read_labels(MemoryContext mcxt, LhCellType *type)
{
	LhCellLabels *labels = MemoryContextAllocZero(mcxt, sizeof(LhCellLabels));
	Relation	rel = table_open(EnumRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	labels->mcxt = mcxt;
	ScanKeyInit(&key, Anum_pg_enum_enumtypid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(type->base));
	scan = systable_beginscan(rel, EnumTypIdLabelIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_enum form = (Form_pg_enum) GETSTRUCT(tuple);

		label_add(labels, form->oid, form->enumsortorder, NameStr(form->enumlabel));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	type->labels = labels;
}

static int
by_order(const void *a, const void *b)
{
	float4		x = (*(Label *const *) a)->order,
				y = (*(Label *const *) b)->order;

	return x < y ? -1 : x > y;
}

const char *const *
lh_cell_enum_labels(LhCtx *ctx, const LhCellType *type)
{
	LhCellLabels *labels = type->labels;
	const Label **sorted;
	const char **names;

	if (labels == NULL)
		return NULL;
	sorted = lh_alloc(ctx, sizeof(*sorted) * (labels->n + 1));
	names = sorted != NULL ? lh_alloc(ctx, sizeof(*names) * (labels->n + 1)) : NULL;
	if (names == NULL)
		lh_pg_raise(ctx);
	for (int i = 0; i < labels->n; i++)
		sorted[i] = &labels->by_id[i];
	qsort(sorted, labels->n, sizeof(*sorted), by_order);
	for (int i = 0; i < labels->n; i++)
		names[i] = lh_cell_utf8(ctx, sorted[i]->text);
	names[labels->n] = NULL;
	return names;
}

/* ---- which function ---- */

typedef struct Known
{
	Oid			typid;
	LhCellKind	kind;
	LhCellFn	make;
} Known;

static const Known known[] = {
	{BOOLOID, LH_CELL_BOOL, of_bool},
	{INT2OID, LH_CELL_INT, of_int2},
	{INT4OID, LH_CELL_INT, of_int4},
	{INT8OID, LH_CELL_INT, of_int8},
	{OIDOID, LH_CELL_INT, of_oid},
	{XIDOID, LH_CELL_INT, of_oid},
	{FLOAT4OID, LH_CELL_FLOAT4, of_float4},
	{FLOAT8OID, LH_CELL_FLOAT8, of_float8},
	{NUMERICOID, LH_CELL_NUMERIC, of_numeric},
	{TEXTOID, LH_CELL_TEXT, of_text},
	{VARCHAROID, LH_CELL_TEXT, of_text},
	{BPCHAROID, LH_CELL_TEXT, of_text},
	{NAMEOID, LH_CELL_TEXT, of_name},
	{CHAROID, LH_CELL_TEXT, of_char},
	{JSONOID, LH_CELL_JSON, of_text},
	{JSONBOID, LH_CELL_JSON, lh_cell_make_jsonb},
	{BYTEAOID, LH_CELL_BYTES, of_bytea},
	{UUIDOID, LH_CELL_UUID, of_uuid},
	{DATEOID, LH_CELL_DATE, of_date},
	{TIMEOID, LH_CELL_TIME, of_time},
	{TIMETZOID, LH_CELL_TIMETZ, of_timetz},
	{TIMESTAMPOID, LH_CELL_TIMESTAMP, of_timestamp},
	{TIMESTAMPTZOID, LH_CELL_TIMESTAMPTZ, of_timestamptz},
	{INTERVALOID, LH_CELL_INTERVAL, of_interval},
};

/* Is the session's time zone UTC, whatever its name? */
static bool
zone_is_utc(void)
{
	long		offset;

	return session_timezone != NULL && pg_get_timezone_offset(session_timezone, &offset) && offset == 0;
}

/* Would this session show values of a known type as canonical text does? */
static bool
shown_canonically(Oid typid)
{
	switch (typid)
	{
		case FLOAT4OID:
		case FLOAT8OID:
			return extra_float_digits > 0;
		case BYTEAOID:
			return bytea_output == BYTEA_OUTPUT_HEX;
		case DATEOID:
		case TIMESTAMPOID:
			return DateStyle == USE_ISO_DATES;
		case TIMESTAMPTZOID:
			return DateStyle == USE_ISO_DATES && zone_is_utc();
		case INTERVALOID:
			return IntervalStyle == INTSTYLE_ISO_8601;
		default:
			return true;
	}
}

/* text's twins, such as citext: types whose output function is written as an alias of text's. */
static bool
prints_as_text(Oid output)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(output));
	bool		result = false;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", output);
	if (((Form_pg_proc) GETSTRUCT(tuple))->prolang == INTERNALlanguageId)
	{
		bool		isnull;
		Datum		source = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &isnull);
		char	   *name = isnull ? "" : TextDatumGetCString(source);

		result = strcmp(name, "textout") == 0 || strcmp(name, "varcharout") == 0 || strcmp(name, "bpcharout") == 0;
	}
	ReleaseSysCache(tuple);
	return result;
}

static const Known *
find_known(Oid typid)
{
	for (int i = 0; i < (int) lengthof(known); i++)
	{
		if (known[i].typid == typid)
			return &known[i];
	}
	return NULL;
}

/* Types of PostgreSQL whose text is the same whatever is set. */
static bool
is_plain(Oid typid)
{
	switch (typid)
	{
		case INETOID:
		case CIDROID:
		case MACADDROID:
		case MACADDR8OID:
		case BITOID:
		case VARBITOID:
		case TSVECTOROID:
		case TSQUERYOID:
		case PG_LSNOID:
		case JSONPATHOID:
		case INT4RANGEOID:
		case INT8RANGEOID:
		case NUMRANGEOID:
		case INT4MULTIRANGEOID:
		case INT8MULTIRANGEOID:
		case NUMMULTIRANGEOID:
			return true;
		default:
			return false;
	}
}

static void
by_output(LhCellType *type, MemoryContext mcxt, Oid output)
{
	type->kind = LH_CELL_OTHER;
	type->make = of_output;
	type->has_settings = !is_plain(type->base);
	fmgr_info_cxt(output, &type->output, mcxt);
	/* those that initdb made raise no errors on values that were stored */
	type->guarded = type->base >= FirstNormalObjectId || type->base == RECORDOID || type->base == RECORDARRAYOID;
}

LhCellType *
lh_cell_type(LhCellMaker *maker, MemoryContext mcxt, Oid typid, int32 typmod)
{
	LhCellType *type = MemoryContextAllocZero(mcxt, sizeof(LhCellType));
	const Known *k;
	HeapTuple	tuple;
	Form_pg_type form;

	type->typid = typid;
	type->typmod = typmod;
	type->base = getBaseTypeAndTypmod(typid, &type->typmod);
	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type->base));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", type->base);
	form = (Form_pg_type) GETSTRUCT(tuple);
	type->typlen = form->typlen;
	type->typbyval = form->typbyval;
	type->typalign = form->typalign;
	type->delim = form->typdelim;

	k = find_known(type->base);
	if (k != NULL && !(maker->session && !shown_canonically(type->base)))
	{
		type->kind = k->kind;
		type->make = k->make;
	}
	else if (form->typtype == TYPTYPE_ENUM)
	{
		type->kind = LH_CELL_TEXT;
		type->make = of_enum;
		read_labels(mcxt, type);
	}
	else if (form->typtype == TYPTYPE_BASE && form->typlen == -1 && form->typoutput != F_ARRAY_OUT &&
			 k == NULL && prints_as_text(form->typoutput))
	{
		type->kind = LH_CELL_TEXT;
		type->make = of_text;
	}
	else
		by_output(type, mcxt, form->typoutput);

	if (form->typoutput == F_ARRAY_OUT && OidIsValid(form->typelem))
	{
		LhCellType *elem = lh_cell_type(maker, mcxt, form->typelem, type->typmod);

		type->elem = elem;
		type->delim = elem->delim;
		/* the whole by its output function, where its items would not look canonical */
		if (!(maker->session && find_known(elem->base) != NULL && elem->kind == LH_CELL_OTHER))
		{
			type->kind = LH_CELL_ARRAY;
			type->make = lh_cell_make_array;
			type->guarded = elem->guarded;
		}
	}
	ReleaseSysCache(tuple);
	return type;
}

/* ---- surroundings ---- */

void
lh_cell_maker_init(LhCellMaker *maker, LhCtx *ctx, MemoryContext scratch, bool session)
{
	int			encoding = GetDatabaseEncoding();

	*maker = (LhCellMaker) {.ctx = ctx, .scratch = scratch, .session = session};
	lh_pg_check(ctx, lh_buf_init(ctx, &maker->json, false));
	if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII)
		return;
	maker->conversion = FindDefaultConversionProc(encoding, PG_UTF8);
	if (!OidIsValid(maker->conversion))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("default conversion function for encoding \"%s\" to \"%s\" does not exist",
						GetDatabaseEncodingName(), "UTF8")));
}

static void
set(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

int
lh_cell_settings(void)
{
	int			level = NewGUCNestLevel();

	set("datestyle", "ISO, YMD");
	set("intervalstyle", "postgres");
	set("extra_float_digits", "1");
	set("bytea_output", "hex");
	set("timezone", "UTC");
	set("lc_monetary", "C");
	set("search_path", "");
	set("quote_all_identifiers", "off");
	return level;
}

/* The order of a date's parts is for input alone; an empty path is written in two ways. */
bool
lh_cell_settings_hold(void)
{
	return DateStyle == USE_ISO_DATES && IntervalStyle == INTSTYLE_POSTGRES && extra_float_digits == 1 &&
		bytea_output == BYTEA_OUTPUT_HEX && strcmp(pg_get_timezone_name(session_timezone), "UTC") == 0 &&
		strcmp(locale_monetary, "C") == 0 &&
		(namespace_search_path[0] == '\0' || strcmp(namespace_search_path, "\"\"") == 0) && !quote_all_identifiers;
}

/* A single-byte step over what is no UTF-8 ends in time. */
const char *
lh_cell_utf8(LhCtx *ctx, const char *text)
{
	size_t		len = strlen(text);
	const char *utf8 = text;
	char	   *copy;
	size_t		bad,
				at = 0;

	if (GetDatabaseEncoding() != PG_UTF8 && GetDatabaseEncoding() != PG_SQL_ASCII)
	{
		utf8 = pg_server_to_any(text, (int) len, PG_UTF8);
		len = strlen(utf8);
	}
	copy = lh_strndup(ctx, utf8, len);
	if (copy == NULL)
		lh_pg_raise(ctx);
	while (!lh_utf8_check(copy + at, len - at, &bad))
	{
		at += bad;
		copy[at++] = '?';
	}
	return copy;
}
