/*
 * write_options.c
 *		Options of lakehouse.write_parquet and of COPY ... TO (FORMAT parquet).
 *
 * One table says the name, the values and the place of each.
 */
#include "pg/lake/write.h"

#include "commands/defrem.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "pg/bridge/options.h"

typedef enum Kind
{
	BOOL,						/* bool */
	NOT,						/* bool that says the opposite */
	INT,						/* int in units of one */
	ROWS,						/* int64 in units of one */
	SIZE,						/* int64 in bytes; units as in settings: '64MB' */
	BYTES,						/* the same as a size_t */
	REAL,						/* double between 0 and 1, exclusive */
	CHOICE,						/* int: index of the value */
	COLUMNS,					/* List of char * */
	NUMERIC						/* LhTakeOptions: text, error, decimal(p,s) */
} Kind;

typedef struct WriteOption
{
	const char *name;
	Kind		kind;
	size_t		offset;			/* in LhWriteOptions */
	int			min,
				max;
	const char *const *choices; /* NULL-terminated */
} WriteOption;

/* In the order of LhCodec as far as choices go; codecs[] has the values. */
static const char *const compressions[] = {"none", "snappy", "gzip", "zstd", "lz4_raw", "brotli", NULL};
static const LhCodec codecs[] = {LH_CODEC_NONE, LH_CODEC_SNAPPY, LH_CODEC_GZIP, LH_CODEC_ZSTD,
LH_CODEC_LZ4_RAW, LH_CODEC_BROTLI};
static const char *const ranges[] = {"error", "clamp", "null", NULL};	/* LhOutOfRange */
static const char *const intervals[] = {"parquet", "text", NULL};

#define AT(member) offsetof(LhWriteOptions, member)

static const WriteOption table[] = {
	{"compression", CHOICE, AT(parquet.codec), 0, 0, compressions},
	{"compression_level", INT, AT(parquet.level), 1, 22},
	{"row_group_size", ROWS, AT(parquet.row_group_rows), 1, PG_INT32_MAX},
	{"row_group_bytes", SIZE, AT(parquet.row_group_bytes), 1024, PG_INT32_MAX},
	{"page_size", BYTES, AT(parquet.page_bytes), 64, 1024 * 1024 * 1024},
	{"page_rows", INT, AT(parquet.page_rows), 1, PG_INT32_MAX},
	{"page_version", INT, AT(parquet.data_page), 1, 2},
	{"dictionary", NOT, AT(parquet.no_dictionary)},
	{"dictionary_size", BYTES, AT(parquet.dictionary_bytes), 64, 1024 * 1024 * 1024},
	{"bloom", COLUMNS, AT(bloom)},
	{"bloom_fpp", REAL, AT(bloom_fpp)},
	{"statistics", NOT, AT(parquet.no_statistics)},
	{"page_index", NOT, AT(parquet.no_page_index)},
	{"checksums", NOT, AT(parquet.no_crc)},
	{"overwrite", BOOL, AT(overwrite)},
	{"out_of_range", CHOICE, AT(take.out_of_range), 0, 0, ranges},
	{"numeric", NUMERIC, AT(take)},
	{"interval", CHOICE, AT(take.interval_text), 0, 0, intervals},
};

static void
fail_value(const char *name, const char *value, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid value for option \"%s\": \"%s\"", name, value),
			 errhint("%s", hint)));
}

static const WriteOption *
find(const char *name)
{
	StringInfoData hint;

	for (int i = 0; i < (int) lengthof(table); i++)
	{
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	}
	initStringInfo(&hint);
	for (int i = 0; i < (int) lengthof(table); i++)
		appendStringInfo(&hint, "%s, ", table[i].name);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid option \"%s\" for writing Parquet", name),
			 errhint("Valid options are: %sserver.", hint.data)));
}

static bool
parse_boolean(const WriteOption *o, const char *value)
{
	bool		is;

	if (!parse_bool(value, &is))
		fail_value(o->name, value, "Valid values are: \"true\", \"false\".");
	return is;
}

static int
parse_integer(const WriteOption *o, const char *value, int unit)
{
	const char *why = NULL;
	int			n;

	if (!parse_int(value, &n, unit, &why) || n < o->min || n > o->max)
		fail_value(o->name, value, why ? why : psprintf("Valid values are between %d and %d%s.", o->min, o->max,
													   unit ? " bytes; units are kB, MB and GB" : ""));
	return n;
}

static double
parse_fraction(const WriteOption *o, const char *value)
{
	double		x;

	if (!parse_real(value, &x, 0, NULL) || !(x > 0 && x < 1))
		fail_value(o->name, value, "Give a number between 0 and 1, for example 0.01.");
	return x;
}

static int
parse_choice(const WriteOption *o, const char *value)
{
	StringInfoData hint;

	initStringInfo(&hint);
	for (int i = 0; o->choices[i] != NULL; i++)
	{
		if (strcmp(o->choices[i], value) == 0)
			return i;
		appendStringInfo(&hint, "%s\"%s\"", i > 0 ? ", " : "Valid values are: ", o->choices[i]);
	}
	appendStringInfoChar(&hint, '.');
	fail_value(o->name, value, hint.data);
	return 0;
}

static void
parse_numeric(const WriteOption *o, const char *value, LhTakeOptions *take)
{
	int			end = 0;

	if (strcmp(value, "text") == 0)
		take->numeric = LH_TAKE_TEXT;
	else if (strcmp(value, "error") == 0)
		take->numeric = LH_TAKE_ERROR;
	else
	{
		take->numeric = LH_TAKE_DECIMAL;
		if (sscanf(value, "decimal(%2d,%2d)%n", &take->precision, &take->scale, &end) != 2 ||
			end == 0 || value[end] != '\0' || take->precision < 1 ||
			take->precision > LH_DECIMAL_MAX_PRECISION || take->scale < 0 || take->scale > take->precision)
			fail_value(o->name, value, "Valid values are: \"text\", \"error\", \"decimal(p,s)\" with 0 <= s <= p <= 38.");
	}
}

static void
apply(const WriteOption *o, const char *value, LhWriteOptions *out)
{
	void	   *at = (char *) out + o->offset;

	switch (o->kind)
	{
		case BOOL:
			*(bool *) at = parse_boolean(o, value);
			break;
		case NOT:
			*(bool *) at = !parse_boolean(o, value);
			break;
		case INT:
			*(int *) at = parse_integer(o, value, 0);
			break;
		case ROWS:
			*(int64_t *) at = parse_integer(o, value, 0);
			break;
		case SIZE:
			*(int64_t *) at = parse_integer(o, value, GUC_UNIT_BYTE);
			break;
		case BYTES:
			*(size_t *) at = (size_t) parse_integer(o, value, GUC_UNIT_BYTE);
			break;
		case REAL:
			*(double *) at = parse_fraction(o, value);
			break;
		case COLUMNS:
			*(List **) at = lh_option_list(o->name, value);
			break;
		case NUMERIC:
			parse_numeric(o, value, at);
			break;
		case CHOICE:
			if (o->choices == compressions)
				out->parquet.codec = codecs[parse_choice(o, value)];
			else if (o->choices == ranges)
				out->take.out_of_range = (LhOutOfRange) parse_choice(o, value);
			else
				out->take.interval_text = parse_choice(o, value) == 1;
			break;
	}
}

void
lh_write_options(List *list, LhWriteOptions *out)
{
	ListCell   *lc;

	memset(out, 0, sizeof(*out));
	out->parquet.codec = LH_CODEC_ZSTD;
	foreach(lc, list)
	{
		DefElem    *def = lfirst(lc);

		apply(find(def->defname), defGetString(def), out);
	}
}
