/*
 * debezium_schema.c
 *		Columns as fields of Kafka Connect structs: types, schemas, placeholders, defaults.
 *
 * A type is chosen by the OID beneath domains, types of extensions by name; what
 * Debezium does not know is bytes, as under its include.unknown.datatypes.  All
 * text is made here, once for a relation: rows only copy it.
 */
#include "change/debezium.h"

#include <stdio.h>

#include <openssl/evp.h>

#include "change/debezium_default.h"
#include "change/names.h"
#include "core/decimal.h"

/* pg_type.oid */
enum
{
	OID_BOOL = 16,
	OID_BYTEA = 17,
	OID_CHAR = 18,
	OID_NAME = 19,
	OID_INT8 = 20,
	OID_INT2 = 21,
	OID_INT4 = 23,
	OID_TEXT = 25,
	OID_OID = 26,
	OID_JSON = 114,
	OID_XML = 142,
	OID_POINT = 600,
	OID_CIDR = 650,
	OID_FLOAT4 = 700,
	OID_FLOAT8 = 701,
	OID_MACADDR8 = 774,
	OID_MONEY = 790,
	OID_MACADDR = 829,
	OID_INET = 869,
	OID_BPCHAR = 1042,
	OID_VARCHAR = 1043,
	OID_DATE = 1082,
	OID_TIME = 1083,
	OID_TIMESTAMP = 1114,
	OID_TIMESTAMPTZ = 1184,
	OID_INTERVAL = 1186,
	OID_TIMETZ = 1266,
	OID_BIT = 1560,
	OID_VARBIT = 1562,
	OID_NUMERIC = 1700,
	OID_UUID = 2950,
	OID_TSVECTOR = 3614,
	OID_JSONB = 3802,
	OID_INT4RANGE = 3904,
	OID_NUMRANGE = 3906,
	OID_TSRANGE = 3908,
	OID_TSTZRANGE = 3910,
	OID_DATERANGE = 3912,
	OID_INT8RANGE = 3926
};

/* clang-format off */
#define OPTIONAL_FIELD(type, name) "{\"type\":\"" type "\",\"optional\":true,\"field\":\"" name "\"}"
#define REQUIRED_FIELD(type, name) "{\"type\":\"" type "\",\"optional\":false,\"field\":\"" name "\"}"
#define STRUCT_OF(fields) "\"struct\",\"fields\":[" fields "]"
#define DATE_FIELDS OPTIONAL_FIELD("int32", "year") "," OPTIONAL_FIELD("int8", "month") "," OPTIONAL_FIELD("int8", "day")
#define CLOCK_FIELDS OPTIONAL_FIELD("int8", "hour") "," OPTIONAL_FIELD("int8", "minute") "," OPTIONAL_FIELD("int8", "second") \
	"," OPTIONAL_FIELD("int32", "nanos")
#define SPECIAL_FIELD OPTIONAL_FIELD("string", "specialValue")
#define PRECISION_FIELD OPTIONAL_FIELD("int32", "precision")
#define OFFSET_FIELD OPTIONAL_FIELD("int32", "offsetSeconds")
#define VARIABLE_DECIMAL STRUCT_OF(REQUIRED_FIELD("int32", "scale") "," REQUIRED_FIELD("bytes", "value"))
#define STRUCT_DATE      STRUCT_OF(DATE_FIELDS "," SPECIAL_FIELD)
#define STRUCT_TIME      STRUCT_OF(CLOCK_FIELDS "," PRECISION_FIELD)
#define STRUCT_TIMETZ    STRUCT_OF(CLOCK_FIELDS "," OFFSET_FIELD "," PRECISION_FIELD)
#define STRUCT_STAMP     STRUCT_OF(DATE_FIELDS "," CLOCK_FIELDS "," SPECIAL_FIELD "," PRECISION_FIELD)
#define STRUCT_STAMPTZ   STRUCT_OF(DATE_FIELDS "," CLOCK_FIELDS "," OFFSET_FIELD "," \
	OPTIONAL_FIELD("string", "zoneId") "," SPECIAL_FIELD "," PRECISION_FIELD)
#define STRUCT_INTERVAL  STRUCT_OF(OPTIONAL_FIELD("int32", "years") "," OPTIONAL_FIELD("int32", "months") "," \
	OPTIONAL_FIELD("int32", "days") "," OPTIONAL_FIELD("int32", "hours") "," OPTIONAL_FIELD("int32", "minutes") "," \
	OPTIONAL_FIELD("int64", "seconds") "," OPTIONAL_FIELD("int32", "nanos") "," PRECISION_FIELD)
#define STRUCT_POINT     STRUCT_OF(REQUIRED_FIELD("double", "x") "," REQUIRED_FIELD("double", "y") "," \
	OPTIONAL_FIELD("bytes", "wkb") "," OPTIONAL_FIELD("int32", "srid"))
#define STRUCT_GEOMETRY  STRUCT_OF(REQUIRED_FIELD("bytes", "wkb") "," OPTIONAL_FIELD("int32", "srid"))
/* clang-format on */

static LhDbzType
plain(LhDbzKind kind, const char *type, const char *name)
{
	return (LhDbzType){.kind = kind, .type = type, .name = name};
}

static LhDbzType
bytes(LhBinaryMode mode)
{
	bool raw = mode == LH_BINARY_BYTES;

	return (LhDbzType){
		.kind = LH_DBZ_BYTES, .type = raw ? "\"bytes\"" : "\"string\"", .binary = mode};
}

static LhStatus
numeric(LhCtx *ctx, const LhChangeOptions *o, int32_t typmod, LhDbzType *t)
{
	int precision = typmod >= 4 ? (typmod - 4) >> 16 & 0xffff : 0;
	int scale = typmod >= 4 ? (((typmod - 4) & 0x7ff) ^ 1024) - 1024 : 0;

	if (o->decimal == LH_DECIMAL_STRING)
	{
		*t = plain(LH_DBZ_DECIMAL_STRING, "\"string\"", NULL);
		t->scale = scale > 0 ? scale : 0;
	}
	else if (o->decimal == LH_DECIMAL_DOUBLE)
		*t = plain(LH_DBZ_DECIMAL_DOUBLE, "\"double\"", NULL);
	else if (typmod < 4)
	{
		*t = plain(LH_DBZ_DECIMAL_ANY, VARIABLE_DECIMAL, "io.debezium.data.VariableScaleDecimal");
		t->doc = "Variable scaled decimal";
	}
	else
	{
		*t = plain(LH_DBZ_DECIMAL, "\"bytes\"", "org.apache.kafka.connect.data.Decimal");
		t->scale = scale;
		t->parameters = lh_sprintf(ctx, "{\"scale\":\"%d\",\"connect.decimal.precision\":\"%d\"}",
								   scale, precision);
		return t->parameters != NULL ? LH_OK : LH_NO_MEMORY;
	}
	return LH_OK;
}

static LhStatus
money(LhCtx *ctx, const LhChangeOptions *o, LhDbzType *t)
{
	*t = plain(LH_DBZ_MONEY,
			   o->decimal == LH_DECIMAL_STRING   ? "\"string\""
			   : o->decimal == LH_DECIMAL_DOUBLE ? "\"double\""
												 : "\"bytes\"",
			   NULL);
	t->decimal = o->decimal;
	t->scale = o->money_fraction_digits;
	if (o->decimal != LH_DECIMAL_PRECISE)
		return LH_OK;
	t->name = "org.apache.kafka.connect.data.Decimal";
	t->parameters = lh_sprintf(ctx, "{\"scale\":\"%d\"}", t->scale);
	return t->parameters != NULL ? LH_OK : LH_NO_MEMORY;
}

static LhDbzType
date(LhTimeMode mode)
{
	switch (mode)
	{
		case LH_TIME_ISOSTRING:
			return plain(LH_DBZ_DATE_ISO, "\"string\"", "io.debezium.time.IsoDate");
		case LH_TIME_CONNECT:
			return plain(LH_DBZ_DAYS, "\"int32\"", "org.apache.kafka.connect.data.Date");
		case LH_TIME_STRUCTURED:
			return plain(LH_DBZ_DATE_STRUCT, STRUCT_DATE, "io.debezium.time.StructuredDate");
		default: return plain(LH_DBZ_DAYS, "\"int32\"", "io.debezium.time.Date");
	}
}

/* time and timestamp: the unit that a mode gives a precision */
static LhDbzUnit
unit_of(LhTimeMode mode, int precision, bool time)
{
	switch (mode)
	{
		case LH_TIME_ADAPTIVE: return precision <= 3 ? LH_DBZ_MS : LH_DBZ_US;
		case LH_TIME_ADAPTIVE_US: return time || precision > 3 ? LH_DBZ_US : LH_DBZ_MS;
		case LH_TIME_CONNECT: return LH_DBZ_MS;
		case LH_TIME_NANOSECONDS: return LH_DBZ_NS;
		default: return LH_DBZ_US;
	}
}

static LhDbzType
time_of_day(LhTimeMode mode, int precision)
{
	static const char *const names[] = {"io.debezium.time.Time", "io.debezium.time.MicroTime",
										"io.debezium.time.NanoTime"};
	LhDbzUnit unit = unit_of(mode, precision, true);
	LhDbzType t;

	if (mode == LH_TIME_ISOSTRING)
		return plain(LH_DBZ_TIME_ISO, "\"string\"", "io.debezium.time.IsoTime");
	if (mode == LH_TIME_STRUCTURED)
		return plain(LH_DBZ_TIME_STRUCT, STRUCT_TIME, "io.debezium.time.StructuredTime");
	t = plain(LH_DBZ_TIME, unit == LH_DBZ_MS ? "\"int32\"" : "\"int64\"",
			  mode == LH_TIME_CONNECT ? "org.apache.kafka.connect.data.Time" : names[unit]);
	t.unit = unit;
	return t;
}

static LhDbzType
timestamp(LhTimeMode mode, int precision)
{
	static const char *const names[] = {"io.debezium.time.Timestamp",
										"io.debezium.time.MicroTimestamp",
										"io.debezium.time.NanoTimestamp"};
	LhDbzUnit unit = unit_of(mode, precision, false);
	LhDbzType t;

	if (mode == LH_TIME_ISOSTRING)
		return plain(LH_DBZ_STAMP_ISO, "\"string\"", "io.debezium.time.IsoTimestamp");
	if (mode == LH_TIME_STRUCTURED)
		return plain(LH_DBZ_STAMP_STRUCT, STRUCT_STAMP, "io.debezium.time.StructuredTimestamp");
	t = plain(LH_DBZ_STAMP, "\"int64\"",
			  mode == LH_TIME_CONNECT ? "org.apache.kafka.connect.data.Timestamp" : names[unit]);
	t.unit = unit;
	return t;
}

static LhDbzType
zoned(LhTimeMode mode, bool time)
{
	if (mode != LH_TIME_STRUCTURED)
		return time ? plain(LH_DBZ_TIMETZ, "\"string\"", "io.debezium.time.ZonedTime")
					: plain(LH_DBZ_STAMPTZ, "\"string\"", "io.debezium.time.ZonedTimestamp");
	if (time)
		return plain(LH_DBZ_TIMETZ_STRUCT, STRUCT_TIMETZ, "io.debezium.time.StructuredZonedTime");
	return plain(LH_DBZ_STAMPTZ_STRUCT, STRUCT_STAMPTZ,
				 "io.debezium.time.StructuredZonedTimestamp");
}

static LhDbzType
interval(const LhChangeOptions *o)
{
	if (o->time == LH_TIME_STRUCTURED)
		return plain(LH_DBZ_INTERVAL_STRUCT, STRUCT_INTERVAL,
					 "io.debezium.time.StructuredDuration");
	if (o->interval == LH_INTERVAL_STRING)
		return plain(LH_DBZ_INTERVAL_ISO, "\"string\"", "io.debezium.time.Interval");
	return plain(LH_DBZ_INTERVAL, "\"int64\"", "io.debezium.time.MicroDuration");
}

static LhStatus
bits(LhCtx *ctx, int32_t length, LhDbzType *t)
{
	if (length == 1)
	{
		*t = plain(LH_DBZ_BIT, "\"boolean\"", NULL);
		return LH_OK;
	}
	*t = plain(LH_DBZ_BITS, "\"bytes\"", "io.debezium.data.Bits");
	t->parameters = lh_sprintf(ctx, "{\"length\":\"%d\"}", length > 0 ? length : INT32_MAX);
	return t->parameters != NULL ? LH_OK : LH_NO_MEMORY;
}

/* Labels with commas between them, inside a JSON object. */
static LhStatus
enumeration(LhCtx *ctx, const char *const *labels, LhDbzType *t)
{
	LhBuf text;

	*t = plain(LH_DBZ_STRING, "\"string\"", "io.debezium.data.Enum");
	LH_TRY(lh_buf_init(ctx, &text, false));
	LH_TRY(lh_buf_append_str(ctx, &text, "{\"allowed\":\""));
	for (int i = 0; labels[i] != NULL; i++)
	{
		if (i > 0)
			LH_TRY(lh_buf_putc(ctx, &text, ','));
		LH_TRY(lh_put_json_escaped(ctx, &text, labels[i], strlen(labels[i])));
	}
	LH_TRY(lh_buf_append_str(ctx, &text, "\"}"));
	t->parameters = lh_strndup(ctx, (const char *) text.data, text.len);
	lh_buf_free(&text);
	return t->parameters != NULL ? LH_OK : LH_NO_MEMORY;
}

/* Types of extensions that Debezium knows. */
static bool
extension_type(const LhChangeOptions *o, const char *bare, LhDbzType *t)
{
	static const char map[] = "\"map\",\"keys\":{\"type\":\"string\",\"optional\":false},"
							  "\"values\":{\"type\":\"string\",\"optional\":true}";
	static const char geometry[] = STRUCT_GEOMETRY;

	if (strcmp(bare, "hstore") == 0)
		*t = o->hstore == LH_HSTORE_MAP
				 ? plain(LH_DBZ_HSTORE_MAP, map, NULL)
				 : plain(LH_DBZ_HSTORE_JSON, "\"string\"", "io.debezium.data.Json");
	else if (strcmp(bare, "ltree") == 0)
		*t = plain(LH_DBZ_STRING, "\"string\"", "io.debezium.data.Ltree");
	else if (strcmp(bare, "citext") == 0 || strcmp(bare, "isbn") == 0)
		*t = plain(LH_DBZ_STRING, "\"string\"", NULL);
	else if (strcmp(bare, "vector") == 0)
		*t = plain(LH_DBZ_VECTOR, "\"array\",\"items\":{\"type\":\"double\",\"optional\":false}",
				   "io.debezium.data.DoubleVector");
	else if (strcmp(bare, "halfvec") == 0)
		*t = plain(LH_DBZ_VECTOR, "\"array\",\"items\":{\"type\":\"float\",\"optional\":false}",
				   "io.debezium.data.FloatVector");
	else if (strcmp(bare, "geometry") == 0 || strcmp(bare, "geography") == 0)
	{
		bool flat = bare[3] == 'm';

		*t = plain(LH_DBZ_GEOMETRY, geometry,
				   flat ? "io.debezium.data.geometry.Geometry"
						: "io.debezium.data.geometry.Geography");
		t->doc = flat ? "Geometry" : "Geography";
	}
	else
		return false;
	return true;
}

/* Of a type that is neither array nor domain. */
static LhStatus
scalar_type(LhCtx *ctx, const LhChangeOptions *o, const LhChangeColumn *c, uint32_t typid,
			const char *bare, LhDbzType *t)
{
	int precision = c->typmod >= 0 && c->typmod <= 6 ? c->typmod : 6;

	switch (typid)
	{
		case OID_BOOL: *t = plain(LH_DBZ_BOOL, "\"boolean\"", NULL); break;
		case OID_INT2: *t = plain(LH_DBZ_INT, "\"int16\"", NULL); break;
		case OID_INT4: *t = plain(LH_DBZ_INT, "\"int32\"", NULL); break;
		case OID_INT8:
		case OID_OID: *t = plain(LH_DBZ_INT, "\"int64\"", NULL); break;
		case OID_FLOAT4: *t = plain(LH_DBZ_FLOAT, "\"float\"", NULL); break;
		case OID_FLOAT8: *t = plain(LH_DBZ_FLOAT, "\"double\"", NULL); break;
		case OID_NUMERIC: LH_TRY(numeric(ctx, o, c->typmod, t)); break;
		case OID_MONEY: LH_TRY(money(ctx, o, t)); break;
		case OID_CHAR:
		case OID_NAME:
		case OID_TEXT:
		case OID_BPCHAR:
		case OID_VARCHAR:
		case OID_INET:
		case OID_CIDR:
		case OID_MACADDR:
		case OID_MACADDR8:
		case OID_INT4RANGE:
		case OID_NUMRANGE:
		case OID_INT8RANGE:
		case OID_TSRANGE:
		case OID_TSTZRANGE:
		case OID_DATERANGE: *t = plain(LH_DBZ_STRING, "\"string\"", NULL); break;
		case OID_JSON:
		case OID_JSONB: *t = plain(LH_DBZ_STRING, "\"string\"", "io.debezium.data.Json"); break;
		case OID_XML: *t = plain(LH_DBZ_STRING, "\"string\"", "io.debezium.data.Xml"); break;
		case OID_UUID: *t = plain(LH_DBZ_STRING, "\"string\"", "io.debezium.data.Uuid"); break;
		case OID_TSVECTOR:
			*t = plain(LH_DBZ_STRING, "\"string\"", "io.debezium.data.Tsvector");
			break;
		case OID_DATE: *t = date(o->time); break;
		case OID_TIME: *t = time_of_day(o->time, precision); break;
		case OID_TIMETZ: *t = zoned(o->time, true); break;
		case OID_TIMESTAMP: *t = timestamp(o->time, precision); break;
		case OID_TIMESTAMPTZ: *t = zoned(o->time, false); break;
		case OID_INTERVAL: *t = interval(o); break;
		case OID_BIT:
		case OID_VARBIT: LH_TRY(bits(ctx, c->typmod, t)); break;
		case OID_POINT:
			*t = plain(LH_DBZ_POINT, STRUCT_POINT, "io.debezium.data.geometry.Point");
			t->doc = "Geometry (POINT)";
			break;
		case OID_BYTEA: *t = bytes(o->binary); break;
		default:
			if (c->enum_labels != NULL)
				LH_TRY(enumeration(ctx, c->enum_labels, t));
			else if (!extension_type(o, bare, t))
				*t = bytes(o->binary);
			break;
	}
	t->precision = precision;
	return LH_OK;
}

/* Everything of a schema but its brackets, the default and the field's name. */
LhStatus
lh_dbz_put_type(LhCtx *ctx, LhBuf *buf, const LhDbzType *t, bool optional)
{
	LH_TRY(lh_buf_printf(ctx, buf, "\"type\":%s,\"optional\":%s", t->type,
						 optional ? "true" : "false"));
	if (t->name != NULL)
		LH_TRY(lh_buf_printf(ctx, buf, ",\"name\":\"%s\",\"version\":1", t->name));
	if (t->doc != NULL)
		LH_TRY(lh_buf_printf(ctx, buf, ",\"doc\":\"%s\"", t->doc));
	if (t->parameters != NULL)
	{
		LH_TRY(lh_buf_append_str(ctx, buf, ",\"parameters\":"));
		LH_TRY(lh_buf_append_str(ctx, buf, t->parameters));
	}
	return LH_OK;
}

static LhStatus
array_type(LhCtx *ctx, const LhChangeOptions *o, const LhChangeColumn *c, LhDbzType *t)
{
	LhDbzType *element = lh_alloc0(ctx, sizeof(*element));
	/* an array's own name is its element's behind an underscore */
	const char *bare = c->type_bare[0] == '_' ? c->type_bare + 1 : c->type_bare;
	LhBuf text;

	if (element == NULL)
		return LH_NO_MEMORY;
	LH_TRY(scalar_type(ctx, o, c, c->elem_typid, bare, element));
	LH_TRY(lh_buf_init(ctx, &text, false));
	LH_TRY(lh_buf_append_str(ctx, &text, "\"array\",\"items\":{"));
	LH_TRY(lh_dbz_put_type(ctx, &text, element, true));
	LH_TRY(lh_buf_putc(ctx, &text, '}'));
	*t = plain(LH_DBZ_ARRAY, lh_strndup(ctx, (const char *) text.data, text.len), NULL);
	lh_buf_free(&text);
	t->element = element;
	return t->type != NULL ? LH_OK : LH_NO_MEMORY;
}

static LhStatus
type_of(LhCtx *ctx, const LhChangeOptions *o, const LhChangeColumn *c, LhDbzType *t)
{
	/* a mask may have made text of anything */
	if (c->masked && c->kind == LH_CELL_TEXT && c->enum_labels == NULL)
	{
		*t = plain(LH_DBZ_STRING, "\"string\"", NULL);
		return LH_OK;
	}
	if (c->kind == LH_CELL_ARRAY)
		return array_type(ctx, o, c, t);
	return scalar_type(ctx, o, c, c->base_typid, c->type_bare, t);
}

/* ---- what stands for a value that is not in the log ---- */
/* Java's UUID.nameUUIDFromBytes: MD5 marked as version 3. */
static LhStatus
put_name_uuid(LhCtx *ctx, LhBuf *buf, const char *name)
{
	uint8_t md[EVP_MAX_MD_SIZE];
	unsigned n;
	char text[37];

	if (EVP_Digest(name, strlen(name), md, &n, EVP_md5(), NULL) != 1)
		LH_FAIL(ctx, LH_UNSUPPORTED,
				"OpenSSL refuses MD5, which the placeholder of a uuid[] column needs");
	md[6] = (uint8_t) ((md[6] & 0x0f) | 0x30);
	md[8] = (uint8_t) ((md[8] & 0x3f) | 0x80);
	*lh_text_uuid(text, md) = '\0';
	return lh_buf_printf(ctx, buf, "\"%s\"", text);
}

static LhStatus
put_placeholder_array(LhCtx *ctx, LhBuf *buf, const LhChangeOptions *o, const LhDbzType *element)
{
	const LhCell text = lh_cell_text(o->placeholder, strlen(o->placeholder));

	if (element->kind == LH_DBZ_INT || element->kind == LH_DBZ_DAYS)
	{
		for (const char *p = o->placeholder; *p != '\0'; p++)
			LH_TRY(lh_buf_printf(ctx, buf, p == o->placeholder ? "[%d" : ",%d", (signed char) *p));
		return lh_buf_append_str(ctx, buf, o->placeholder[0] == '\0' ? "[]" : "]");
	}
	if (element->kind == LH_DBZ_STRING && element->name != NULL &&
		strcmp(element->name, "io.debezium.data.Uuid") == 0)
	{
		LH_TRY(lh_buf_putc(ctx, buf, '['));
		LH_TRY(put_name_uuid(ctx, buf, o->placeholder));
		return lh_buf_putc(ctx, buf, ']');
	}
	if (element->kind != LH_DBZ_STRING && element->kind != LH_DBZ_BYTES)
		return lh_buf_append_str(ctx, buf, "null");
	LH_TRY(lh_buf_putc(ctx, buf, '['));
	if (element->kind == LH_DBZ_BYTES && element->binary == LH_BINARY_BYTES)
		LH_TRY(lh_dbz_value(ctx, buf, element, &text));
	else
		LH_TRY(lh_put_json_string(ctx, buf, o->placeholder, strlen(o->placeholder)));
	return lh_buf_putc(ctx, buf, ']');
}

static LhStatus
put_placeholder(LhCtx *ctx, LhBuf *buf, const LhChangeOptions *o, const LhDbzType *t)
{
	const LhCell text = lh_cell_text(o->placeholder, strlen(o->placeholder));
	size_t n = strlen(o->placeholder);
	LhBuf inner;

	switch (t->kind)
	{
		case LH_DBZ_BYTES:
			if (t->binary == LH_BINARY_BYTES)
				return lh_dbz_value(ctx, buf, t, &text);
			return lh_put_json_string(ctx, buf, o->placeholder, n);
		case LH_DBZ_ARRAY: return put_placeholder_array(ctx, buf, o, t->element);
		case LH_DBZ_STRING:
		case LH_DBZ_DECIMAL_STRING: return lh_put_json_string(ctx, buf, o->placeholder, n);
		case LH_DBZ_HSTORE_JSON:
		case LH_DBZ_HSTORE_MAP:
			LH_TRY(lh_buf_init(ctx, &inner, false));
			LH_TRY(lh_buf_putc(ctx, &inner, '{'));
			LH_TRY(lh_put_json_string(ctx, &inner, o->placeholder, n));
			LH_TRY(lh_buf_putc(ctx, &inner, ':'));
			LH_TRY(lh_put_json_string(ctx, &inner, o->placeholder, n));
			LH_TRY(lh_buf_putc(ctx, &inner, '}'));
			if (t->kind == LH_DBZ_HSTORE_MAP)
				LH_TRY(lh_buf_append(ctx, buf, inner.data, inner.len));
			else
				LH_TRY(lh_put_json_string(ctx, buf, inner.data, inner.len));
			lh_buf_free(&inner);
			return LH_OK;
		default: return lh_buf_append_str(ctx, buf, "null");
	}
}

/*
 * What a column that cannot be null has where a key has gone out alone: Debezium
 * writes the type's zero, since its schema allows no null.
 */
static const char *
zero_of(const LhDbzType *t)
{
	switch (t->kind)
	{
		case LH_DBZ_INT:
		case LH_DBZ_DAYS:
		case LH_DBZ_TIME:
		case LH_DBZ_STAMP:
		case LH_DBZ_INTERVAL: return "0";
		case LH_DBZ_FLOAT:
		case LH_DBZ_DECIMAL_DOUBLE: return "0.0";
		case LH_DBZ_BOOL:
		case LH_DBZ_BIT: return "false";
		case LH_DBZ_DECIMAL: return "\"AA==\"";
		case LH_DBZ_MONEY: return t->decimal == LH_DECIMAL_PRECISE ? "\"AA==\"" : "0.0";
		case LH_DBZ_DECIMAL_ANY: return "{\"scale\":0,\"value\":\"AA==\"}";
		case LH_DBZ_DATE_ISO: return "\"1970-01-01Z\"";
		case LH_DBZ_TIME_ISO:
		case LH_DBZ_TIMETZ: return "\"00:00:00Z\"";
		case LH_DBZ_STAMP_ISO:
		case LH_DBZ_STAMPTZ: return "\"1970-01-01T00:00:00Z\"";
		case LH_DBZ_INTERVAL_ISO: return "\"P0Y0M0DT0H0M0S\"";
		case LH_DBZ_POINT:
			return "{\"x\":0.0,\"y\":0.0,\"wkb\":\"AQEAAAAAAAAAAAAAAAAAAAAAAAAA\",\"srid\":null}";
		case LH_DBZ_HSTORE_JSON: return "\"{}\"";
		case LH_DBZ_HSTORE_MAP: return "{}";
		case LH_DBZ_VECTOR:
		case LH_DBZ_ARRAY: return "[]";
		case LH_DBZ_GEOMETRY:
			return "{\"wkb\":\"AQcAAAAAAAAA\",\"srid\":null}"; /* an empty collection */
		case LH_DBZ_STRING:
		case LH_DBZ_BYTES:
		case LH_DBZ_BITS: return "\"\"";
		default: return "null";
	}
}

static LhStatus
put_zero(LhCtx *ctx, LhBuf *buf, const LhDbzType *t)
{
	char text[64];

	if (t->kind != LH_DBZ_DECIMAL_STRING &&
		(t->kind != LH_DBZ_MONEY || t->decimal != LH_DECIMAL_STRING))
		return lh_buf_append_str(ctx, buf, zero_of(t));
	/* with the column's digits */
	lh_decimal_format(0, t->scale <= LH_DECIMAL_MAX_PRECISION ? t->scale : 0, text);
	return lh_buf_printf(ctx, buf, "\"%s\"", text);
}

LhStatus
lh_dbz_column(LhCtx *ctx, const LhChangeOptions *o, const LhChangeColumn *c, LhDbzColumn *out)
{
	const char *name;
	LhSlice preset = {NULL, 0};
	LhBuf text;
	void *copy;

	LH_TRY(type_of(ctx, o, c, &out->type));
	out->optional = !c->not_null || c->masked;
	LH_TRY(lh_name_adjust(ctx, o->adjust, c->name, &name));
	LH_TRY(lh_dbz_default(ctx, c, &out->type, &preset));
	LH_TRY(lh_buf_init(ctx, &text, false));

#define KEEP(slice)                                               \
	do                                                            \
	{                                                             \
		if ((copy = lh_memdup(ctx, text.data, text.len)) == NULL) \
			return LH_NO_MEMORY;                                  \
		(slice) = lh_slice(copy, text.len);                       \
		text.len = 0;                                             \
	} while (0)
	LH_TRY(lh_buf_putc(ctx, &text, ','));
	LH_TRY(lh_put_json_string(ctx, &text, name, strlen(name)));
	LH_TRY(lh_buf_putc(ctx, &text, ':'));
	KEEP(out->head);
	LH_TRY(lh_buf_putc(ctx, &text, '{'));
	LH_TRY(lh_dbz_put_type(ctx, &text, &out->type, out->optional));
	out->preset = preset.len > 0;
	if (out->preset)
	{
		LH_TRY(lh_buf_append_str(ctx, &text, ",\"default\":"));
		LH_TRY(lh_buf_append(ctx, &text, preset.data, preset.len));
	}
	LH_TRY(lh_buf_append_str(ctx, &text, ",\"field\":"));
	LH_TRY(lh_put_json_string(ctx, &text, name, strlen(name)));
	LH_TRY(lh_buf_putc(ctx, &text, '}'));
	KEEP(out->field);
	LH_TRY(put_placeholder(ctx, &text, o, &out->type));
	KEEP(out->unchanged);
	LH_TRY(put_zero(ctx, &text, &out->type));
	KEEP(out->absent);
#undef KEEP
	if (out->optional)
		out->absent = lh_slice("null", 4);
	else if (preset.len > 0)
		out->absent = preset;
	lh_buf_free(&text);
	return LH_OK;
}
