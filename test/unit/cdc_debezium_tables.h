/*
 * cdc_debezium_tables.h
 *		The tables and changes of test/fixtures/cdc/debezium by hand, for a stream.
 */
#ifndef CDC_DEBEZIUM_TABLES_H
#define CDC_DEBEZIUM_TABLES_H

#include <math.h>

#include "unit/cdc_table.h"

/* ---- types ---- */
static inline void
dbz_types_table(DbzTable *t, LhCtx *ctx, CdcStream *s)
{
	dbz_start(t, ctx, "types");
	dbz_id(t);
	dbz_add(t, "i2", 21, 0, LH_CELL_INT, "int2", -1);
	dbz_add(t, "i8", 20, 0, LH_CELL_INT, "int8", -1);
	dbz_add(t, "o", 26, 0, LH_CELL_INT, "oid", -1);
	dbz_add(t, "xi", 28, 0, LH_CELL_INT, "xid", -1);
	dbz_add(t, "f4", 700, 0, LH_CELL_FLOAT4, "float4", -1);
	dbz_add(t, "f8", 701, 0, LH_CELL_FLOAT8, "float8", -1);
	dbz_add(t, "n2", 1700, 0, LH_CELL_NUMERIC, "numeric", dbz_numeric_mod(12, 2));
	dbz_add(t, "n0", 1700, 0, LH_CELL_NUMERIC, "numeric", dbz_numeric_mod(10, 0));
	dbz_add(t, "nn", 1700, 0, LH_CELL_NUMERIC, "numeric", -1);
	dbz_add(t, "t", 25, 0, LH_CELL_TEXT, "text", -1);
	dbz_add(t, "v", 1043, 0, LH_CELL_TEXT, "varchar", 14);
	dbz_add(t, "c", 1042, 0, LH_CELL_TEXT, "bpchar", 9);
	dbz_add(t, "ch", 18, 0, LH_CELL_OTHER, "char", -1);
	dbz_add(t, "na", 19, 0, LH_CELL_TEXT, "name", -1);
	dbz_add(t, "b", 16, 0, LH_CELL_BOOL, "bool", -1);
	dbz_add(t, "y", 17, 0, LH_CELL_BYTES, "bytea", -1);
	dbz_add(t, "ts0", 1114, 0, LH_CELL_TIMESTAMP, "timestamp", 0);
	dbz_add(t, "ts3", 1114, 0, LH_CELL_TIMESTAMP, "timestamp", 3);
	dbz_add(t, "ts6", 1114, 0, LH_CELL_TIMESTAMP, "timestamp", -1);
	dbz_add(t, "tz", 1184, 0, LH_CELL_TIMESTAMPTZ, "timestamptz", -1);
	dbz_add(t, "tz3", 1184, 0, LH_CELL_TIMESTAMPTZ, "timestamptz", 3);
	dbz_add(t, "d", 1082, 0, LH_CELL_DATE, "date", -1);
	dbz_add(t, "t3", 1083, 0, LH_CELL_TIME, "time", 3);
	dbz_add(t, "t6", 1083, 0, LH_CELL_TIME, "time", -1);
	dbz_add(t, "ttz", 1266, 0, LH_CELL_TIMETZ, "timetz", -1);
	dbz_add(t, "iv", 1186, 0, LH_CELL_INTERVAL, "interval", -1);
	dbz_add(t, "u", 2950, 0, LH_CELL_UUID, "uuid", -1);
	dbz_add(t, "j", 114, 0, LH_CELL_JSON, "json", -1);
	dbz_add(t, "jb", 3802, 0, LH_CELL_JSON, "jsonb", -1);
	dbz_add(t, "x", 142, 0, LH_CELL_OTHER, "xml", -1);
	dbz_add(t, "mo", 790, 0, LH_CELL_OTHER, "money", -1);
	dbz_add(t, "b1", 1560, 0, LH_CELL_OTHER, "bit", 1);
	dbz_add(t, "b3", 1560, 0, LH_CELL_OTHER, "bit", 3);
	dbz_add(t, "b20", 1560, 0, LH_CELL_OTHER, "bit", 20);
	dbz_add(t, "vb", 1562, 0, LH_CELL_OTHER, "varbit", 10);
	dbz_add(t, "vb0", 1562, 0, LH_CELL_OTHER, "varbit", -1);
	dbz_add(t, "pt", 600, 0, LH_CELL_OTHER, "point", -1);
	dbz_add(t, "bx", 603, 0, LH_CELL_OTHER, "box", -1);
	dbz_add(t, "ip", 869, 0, LH_CELL_OTHER, "inet", -1);
	dbz_add(t, "ci", 650, 0, LH_CELL_OTHER, "cidr", -1);
	dbz_add(t, "ma", 829, 0, LH_CELL_OTHER, "macaddr", -1);
	dbz_add(t, "ma8", 774, 0, LH_CELL_OTHER, "macaddr8", -1);
	dbz_add(t, "r4", 3904, 0, LH_CELL_OTHER, "int4range", -1);
	dbz_add(t, "rn", 3906, 0, LH_CELL_OTHER, "numrange", -1);
	dbz_add(t, "r8", 3926, 0, LH_CELL_OTHER, "int8range", -1);
	dbz_add(t, "rt", 3908, 0, LH_CELL_OTHER, "tsrange", -1);
	dbz_add(t, "rz", 3910, 0, LH_CELL_OTHER, "tstzrange", -1);
	dbz_add(t, "rd", 3912, 0, LH_CELL_OTHER, "daterange", -1);
	dbz_add(t, "mr", 4451, 0, LH_CELL_OTHER, "int4multirange", -1);
	dbz_add(t, "tv", 3614, 0, LH_CELL_OTHER, "tsvector", -1);
	dbz_add(t, "tq", 3615, 0, LH_CELL_OTHER, "tsquery", -1);
	dbz_enum(t, "en", false);
	dbz_domain(dbz_add(t, "do4", 23, 0, LH_CELL_INT, "int4", -1));
	dbz_domain(dbz_add(t, "do5", 23, 0, LH_CELL_INT, "int4", -1));
	dbz_domain(dbz_add(t, "dow", 1043, 0, LH_CELL_TEXT, "varchar", 11));
	dbz_domain(dbz_add(t, "dop", 1700, 0, LH_CELL_NUMERIC, "numeric", dbz_numeric_mod(8, 3)));
	dbz_add(t, "co", 90010, 0, LH_CELL_OTHER, "pair", -1);
	dbz_add(t, "h", 90020, 0, LH_CELL_OTHER, "hstore", -1);
	dbz_add(t, "lt", 90030, 0, LH_CELL_OTHER, "ltree", -1);
	dbz_add(t, "ct", 90040, 0, LH_CELL_TEXT, "citext", -1);
	dbz_add(t, "ls", 3220, 0, LH_CELL_OTHER, "pg_lsn", -1);
	dbz_done(t, s, LH_IDENTITY_DEFAULT);
}

static inline void
dbz_types_first(DbzTable *t, LhCtx *ctx)
{
	int64_t day = dbz_day(2024, 2, 29);
	static const struct
	{
		const char *name;
		const char *text;
	} others[] = {{"ch", "k"},
				  {"x", "<a/>"},
				  {"mo", "$1,234.56"},
				  {"b1", "1"},
				  {"b3", "101"},
				  {"b20", "10000000000000000001"},
				  {"vb", "1011"},
				  {"vb0", "1"},
				  {"pt", "(1.5,-2)"},
				  {"bx", "(2,2),(1,1)"},
				  {"ip", "10.0.0.1/24"},
				  {"ci", "10.0.0.0/8"},
				  {"ma", "08:00:2b:01:02:03"},
				  {"ma8", "08:00:2b:01:02:03:04:05"},
				  {"r4", "[1,5)"},
				  {"rn", "[1.5,2.5]"},
				  {"r8", "[1,)"},
				  {"rt", "[\"2024-01-01 00:00:00\",\"2024-01-02 00:00:00\")"},
				  {"rz", "[\"2024-01-01 00:00:00+00\",\"2024-01-02 00:00:00+00\")"},
				  {"rd", "[2024-01-01,2024-01-02)"},
				  {"mr", "{[1,3),[5,7)}"},
				  {"tv", "'a':1 'b':2"},
				  {"tq", "'a' & 'b'"},
				  {"co", "(1,\"x y\")"},
				  {"h", "\"a\"=>\"1\", \"b c\"=>NULL"},
				  {"lt", "Top.Sub"},
				  {"ls", "16/B374D848"}};

	dbz_set(t, "id", cdc_int(1));
	dbz_set(t, "i2", cdc_int(-2));
	dbz_set(t, "i8", cdc_int(9007199254740993));
	dbz_set(t, "o", cdc_int(4000000000));
	dbz_set(t, "xi", cdc_int(77));
	dbz_set(t, "f4", cdc_float4(1.5f));
	dbz_set(t, "f8", cdc_float8(0.1));
	dbz_set(t, "n2", cdc_decimal(ctx, "12.30"));
	dbz_set(t, "n0", cdc_decimal(ctx, "42"));
	dbz_set(t, "nn", cdc_decimal(ctx, "123.4500"));
	dbz_set(t, "t", cdc_text("q\"\\/\b\n\001\303\251"));
	dbz_set(t, "v", cdc_text("v"));
	dbz_set(t, "c", cdc_text("c    "));
	dbz_set(t, "na", cdc_text("na"));
	dbz_set(t, "b", cdc_bool(true));
	dbz_set(t, "y", cdc_data(LH_CELL_BYTES, "\0\377\020", 3));
	dbz_set(t, "ts0", dbz_stamp(LH_CELL_TIMESTAMP, day, dbz_clock(12, 34, 56, 0)));
	dbz_set(t, "ts3", dbz_stamp(LH_CELL_TIMESTAMP, day, dbz_clock(12, 34, 56, 789000)));
	dbz_set(t, "ts6", dbz_stamp(LH_CELL_TIMESTAMP, day, dbz_clock(12, 34, 56, 789012)));
	dbz_set(t, "tz", dbz_stamp(LH_CELL_TIMESTAMPTZ, day, dbz_clock(10, 34, 56, 700000)));
	dbz_set(t, "tz3", dbz_stamp(LH_CELL_TIMESTAMPTZ, day, dbz_clock(12, 34, 56, 789000)));
	dbz_set(t, "d", cdc_time(LH_CELL_DATE, day));
	dbz_set(t, "t3", cdc_time(LH_CELL_TIME, dbz_clock(12, 34, 56, 789000)));
	dbz_set(t, "t6", cdc_time(LH_CELL_TIME, dbz_clock(12, 34, 56, 789012)));
	dbz_set(t, "ttz", cdc_timetz(dbz_clock(12, 34, 56, 500000), -7200));
	dbz_set(t, "iv", cdc_interval(dbz_clock(4, 5, 6, 789012), 3, 14));
	dbz_set(t, "u", dbz_uuid());
	dbz_set(t, "j", dbz_json("{\"a\" : 1}"));
	dbz_set(t, "jb", dbz_json("{\"a\": [1, null]}"));
	dbz_set(t, "en", cdc_text("so, so"));
	dbz_set(t, "do4", cdc_int(3));
	dbz_set(t, "do5", cdc_int(4));
	dbz_set(t, "dow", cdc_text("w"));
	dbz_set(t, "dop", cdc_decimal(ctx, "1.234"));
	dbz_set(t, "ct", cdc_text("CiText"));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		dbz_set(t, others[i].name, cdc_other(others[i].text));
}

static inline void
dbz_tell_types(DbzTable *t, LhCtx *ctx, CdcStream *s)
{
	dbz_types_table(t, ctx, s);
	dbz_types_first(t, ctx);
	dbz_insert(t, s);

	dbz_clear(t, CDC_NULL);
	dbz_set(t, "id", cdc_int(2));
	dbz_insert(t, s);

	dbz_set(t, "id", cdc_int(3));
	dbz_set(t, "f4", cdc_float4(NAN));
	dbz_set(t, "f8", cdc_float8(-INFINITY));
	dbz_set(t, "nn", cdc_decimal(ctx, "NaN"));
	dbz_set(t, "n2", cdc_decimal(ctx, "NaN"));
	dbz_set(t, "d", cdc_time(LH_CELL_DATE, INT32_MAX));
	dbz_set(t, "ts6", cdc_time(LH_CELL_TIMESTAMP, INT64_MAX));
	dbz_set(t, "tz", cdc_time(LH_CELL_TIMESTAMPTZ, INT64_MIN));
	dbz_set(t, "y", cdc_data(LH_CELL_BYTES, "", 0));
	dbz_set(t, "t", cdc_text(""));
	dbz_set(t, "vb0", cdc_other(""));
	dbz_set(t, "b20", cdc_other("00000000000000000000"));
	dbz_set(t, "iv", cdc_interval(-500000, -2, -12));
	dbz_set(t, "mo", cdc_other("-$0.05"));
	dbz_insert(t, s);

	dbz_clear(t, CDC_NULL);
	dbz_set(t, "id", cdc_int(4));
	dbz_set(t, "nn", cdc_decimal(ctx, "100000000000000000000"));
	dbz_set(t, "n2", cdc_decimal(ctx, "-0.05"));
	dbz_set(t, "d", cdc_time(LH_CELL_DATE, dbz_day(-43, 3, 15)));
	dbz_set(t, "ts0",
			dbz_stamp(LH_CELL_TIMESTAMP, dbz_day(1969, 12, 31), dbz_clock(23, 59, 59, 0)));
	dbz_set(t, "ts3",
			dbz_stamp(LH_CELL_TIMESTAMP, dbz_day(1969, 12, 31), dbz_clock(23, 59, 59, 999000)));
	dbz_set(t, "ts6", dbz_stamp(LH_CELL_TIMESTAMP, dbz_day(-43, 3, 15), dbz_clock(12, 0, 0, 0)));
	dbz_set(t, "tz", dbz_stamp(LH_CELL_TIMESTAMPTZ, dbz_day(-43, 3, 15), dbz_clock(12, 0, 0, 0)));
	dbz_set(t, "tz3",
			dbz_stamp(LH_CELL_TIMESTAMPTZ, dbz_day(1969, 12, 31), dbz_clock(23, 59, 59, 0)));
	dbz_set(t, "t6", cdc_time(LH_CELL_TIME, dbz_clock(24, 0, 0, 0)));
	dbz_set(t, "t3", cdc_time(LH_CELL_TIME, 0));
	dbz_set(t, "ttz", cdc_timetz(dbz_clock(24, 0, 0, 0), 15 * 3600 + 59 * 60));
	dbz_set(t, "f4", cdc_float4(1e20f));
	dbz_set(t, "f8", cdc_float8(1e300));
	dbz_set(t, "iv", cdc_interval(0, 0, 1));
	dbz_set(t, "vb", cdc_other(""));
	dbz_set(t, "n0", cdc_decimal(ctx, "0"));
	dbz_insert(t, s);

	dbz_clear(t, CDC_NULL);
	dbz_set(t, "id", cdc_int(5));
	dbz_set(t, "nn", cdc_decimal(ctx, "-0.00100"));
	dbz_set(t, "d", cdc_time(LH_CELL_DATE, dbz_day(12345, 6, 7)));
	dbz_set(t, "ts6", dbz_stamp(LH_CELL_TIMESTAMP, dbz_day(12345, 6, 7), dbz_clock(8, 9, 10, 0)));
	dbz_set(t, "tz", dbz_stamp(LH_CELL_TIMESTAMPTZ, dbz_day(12345, 6, 7), dbz_clock(8, 9, 10, 0)));
	dbz_set(t, "f4", cdc_float4(16777216));
	dbz_set(t, "f8", cdc_float8(123456789012345680.0));
	dbz_set(t, "ttz", cdc_timetz(dbz_clock(12, 34, 56, 789012), -(5 * 3600 + 1800)));
	dbz_set(t, "vb0", cdc_other("0000000011111111111"));
	dbz_set(t, "iv", cdc_interval(1, 0, 0));
	dbz_insert(t, s);

	dbz_clear(t, CDC_NULL);
	dbz_set(t, "id", cdc_int(6));
	dbz_set(t, "nn", cdc_decimal(ctx, "0"));
	dbz_set(t, "f4", cdc_float4(0.001f));
	dbz_set(t, "f8", cdc_float8(1e-7));
	dbz_set(t, "ttz", cdc_timetz(dbz_clock(12, 0, 0, 0), 0));
	dbz_set(t, "tz", dbz_stamp(LH_CELL_TIMESTAMPTZ, dbz_day(2024, 2, 29), dbz_clock(12, 34, 0, 0)));
	dbz_insert(t, s);

	dbz_clear(t, CDC_NULL);
	dbz_set(t, "id", cdc_int(7));
	dbz_set(t, "nn", cdc_decimal(ctx, "1200"));
	dbz_set(t, "f4", cdc_float4(1e7f));
	dbz_set(t, "f8", cdc_float8(1e7));
	dbz_set(t, "tz",
			dbz_stamp(LH_CELL_TIMESTAMPTZ, dbz_day(2024, 2, 29), dbz_clock(12, 34, 56, 789012)));
	dbz_insert(t, s);
}

static inline void
dbz_tell_infinite(DbzTable *t, LhCtx *ctx, CdcStream *s)
{
	dbz_clear(t, CDC_NULL);
	dbz_set(t, "id", cdc_int(8));
	dbz_set(t, "d", cdc_time(LH_CELL_DATE, INT32_MIN));
	dbz_set(t, "ts0", cdc_time(LH_CELL_TIMESTAMP, INT64_MAX));
	dbz_set(t, "ts3", cdc_time(LH_CELL_TIMESTAMP, INT64_MIN));
	dbz_set(t, "ts6", cdc_time(LH_CELL_TIMESTAMP, INT64_MIN));
	dbz_set(t, "tz", cdc_time(LH_CELL_TIMESTAMPTZ, INT64_MAX));
	dbz_set(t, "tz3", cdc_time(LH_CELL_TIMESTAMPTZ, INT64_MIN));
	dbz_set(t, "nn", cdc_decimal(ctx, "Infinity"));
	dbz_set(t, "n2", cdc_decimal(ctx, "0.00"));
	dbz_insert(t, s);
}

/* ---- arrays ---- */
static inline void
dbz_tell_arrays(DbzTable *t, LhCtx *ctx, CdcStream *s)
{
	int64_t day = dbz_day(2024, 2, 29);
	LhCellArray *square = lh_alloc0(ctx, sizeof(*square));

	dbz_start(t, ctx, "arrays");
	dbz_id(t);
#define ARRAY(name, oid, elem, bare, typmod) \
	dbz_add(t, name, oid, elem, LH_CELL_ARRAY, bare, typmod)
	ARRAY("i2", 1005, 21, "_int2", -1);
	ARRAY("i4", 1007, 23, "_int4", -1);
	ARRAY("i8", 1016, 20, "_int8", -1);
	ARRAY("o", 1028, 26, "_oid", -1);
	ARRAY("f4", 1021, 700, "_float4", -1);
	ARRAY("f8", 1022, 701, "_float8", -1);
	ARRAY("n2", 1231, 1700, "_numeric", dbz_numeric_mod(12, 2));
	ARRAY("nn", 1231, 1700, "_numeric", -1);
	ARRAY("t", 1009, 25, "_text", -1);
	ARRAY("v", 1015, 1043, "_varchar", 9);
	ARRAY("c", 1014, 1042, "_bpchar", 7);
	ARRAY("b", 1000, 16, "_bool", -1);
	ARRAY("y", 1001, 17, "_bytea", -1);
	ARRAY("ts3", 1115, 1114, "_timestamp", 3);
	ARRAY("ts6", 1115, 1114, "_timestamp", -1);
	ARRAY("tz", 1185, 1184, "_timestamptz", -1);
	ARRAY("d", 1182, 1082, "_date", -1);
	ARRAY("t6", 1183, 1083, "_time", -1);
	ARRAY("ttz", 1270, 1266, "_timetz", -1);
	ARRAY("iv", 1187, 1186, "_interval", -1);
	ARRAY("u", 2951, 2950, "_uuid", -1);
	ARRAY("jb", 3807, 3802, "_jsonb", -1);
	ARRAY("mo", 791, 790, "_money", -1);
	ARRAY("ip", 1041, 869, "_inet", -1);
	ARRAY("r4", 3905, 3904, "_int4range", -1);
	dbz_enum(t, "en", true);
	ARRAY("dow", 95001, 1043, "_word", -1);
	ARRAY("h", 90021, 90020, "_hstore", -1);
	ARRAY("lt", 90031, 90030, "_ltree", -1);
	ARRAY("ct", 90041, 90040, "_citext", -1);
#undef ARRAY
	dbz_done(t, s, LH_IDENTITY_DEFAULT);

#define ONE(name, cell) dbz_set(t, name, cdc_list(ctx, 1, (LhCell[]){cell}))
	dbz_set(t, "id", cdc_int(1));
	dbz_set(t, "i2", cdc_list(ctx, 2, (LhCell[]){cdc_int(1), CDC_NULL}));
	dbz_set(t, "i4", cdc_list(ctx, 2, (LhCell[]){cdc_int(1), cdc_int(-2)}));
	ONE("i8", cdc_int(9007199254740993));
	ONE("o", cdc_int(4000000000));
	ONE("f4", cdc_float4(1.5f));
	ONE("f8", cdc_float8(0.1));
	ONE("n2", cdc_decimal(ctx, "12.30"));
	ONE("nn", cdc_decimal(ctx, "123.4500"));
	dbz_set(t, "t", cdc_list(ctx, 3, (LhCell[]){cdc_text("a"), cdc_text("b \"c"), CDC_NULL}));
	ONE("v", cdc_text("v"));
	ONE("c", cdc_text("c  "));
	dbz_set(t, "b", cdc_list(ctx, 2, (LhCell[]){cdc_bool(true), cdc_bool(false)}));
	ONE("y", cdc_data(LH_CELL_BYTES, "\0\377", 2));
	ONE("ts3", dbz_stamp(LH_CELL_TIMESTAMP, day, dbz_clock(12, 34, 56, 789000)));
	ONE("ts6", dbz_stamp(LH_CELL_TIMESTAMP, day, dbz_clock(12, 34, 56, 789012)));
	ONE("tz", dbz_stamp(LH_CELL_TIMESTAMPTZ, day, dbz_clock(10, 34, 56, 700000)));
	ONE("d", cdc_time(LH_CELL_DATE, day));
	ONE("t6", cdc_time(LH_CELL_TIME, dbz_clock(12, 34, 56, 789012)));
	ONE("ttz", cdc_timetz(dbz_clock(12, 34, 56, 500000), -7200));
	ONE("iv", cdc_interval(0, 0, 12));
	ONE("u", dbz_uuid());
	ONE("jb", dbz_json("{\"a\": 1}"));
	ONE("mo", cdc_other("$1.50"));
	ONE("ip", cdc_other("10.0.0.1"));
	ONE("r4", cdc_other("[1,5)"));
	dbz_set(t, "en", cdc_list(ctx, 2, (LhCell[]){cdc_text("sad"), cdc_text("so, so")}));
	ONE("dow", cdc_text("w"));
	ONE("h", cdc_other("\"a\"=>\"1\""));
	ONE("lt", cdc_other("Top.Sub"));
	ONE("ct", cdc_text("Ct"));
	dbz_insert(t, s);

	dbz_clear(t, CDC_NULL);
	dbz_set(t, "id", cdc_int(2));
	dbz_insert(t, s);

	dbz_set(t, "id", cdc_int(3));
	dbz_set(t, "i4", cdc_list(ctx, 0, NULL));
	dbz_set(t, "t", cdc_list(ctx, 0, NULL));
	dbz_insert(t, s);

	dbz_clear(t, CDC_NULL);
	*square = (LhCellArray){
		.ndim = 2,
		.dims = {2, 2},
		.lbound = {1, 1},
		.nitems = 4,
		.delim = ',',
		.items = lh_memdup(ctx, (LhCell[]){cdc_int(1), cdc_int(2), cdc_int(3), cdc_int(4)},
						   4 * sizeof(LhCell))};
	dbz_set(t, "id", cdc_int(4));
	dbz_set(t, "i4", cdc_array(square));
	dbz_set(t, "nn", cdc_list(ctx, 2, (LhCell[]){cdc_decimal(ctx, "NaN"), cdc_decimal(ctx, "1")}));
	ONE("ts6", cdc_time(LH_CELL_TIMESTAMP, INT64_MAX));
	ONE("d", cdc_time(LH_CELL_DATE, INT32_MIN));
	dbz_insert(t, s);
#undef ONE
}

/* ---- defaults ---- */
static inline void
dbz_preset(LhChangeColumn *c, const char *text, bool not_null)
{
	c->default_text = text;
	c->not_null = not_null;
}

static inline void
dbz_tell_defaults(DbzTable *t, LhCtx *ctx, CdcStream *s)
{
	dbz_start(t, ctx, "defaults");
	dbz_id(t);
	dbz_preset(&t->columns[0], "5", true);
	dbz_preset(dbz_add(t, "i8", 20, 0, LH_CELL_INT, "int8", -1), "'-7'::integer", true);
	dbz_preset(dbz_add(t, "n", 1700, 0, LH_CELL_NUMERIC, "numeric", dbz_numeric_mod(8, 2)), "1.5",
			   true);
	dbz_preset(dbz_add(t, "nn", 1700, 0, LH_CELL_NUMERIC, "numeric", -1), "2.50", false);
	dbz_preset(dbz_add(t, "t", 25, 0, LH_CELL_TEXT, "text", -1), "'it''s'::text", true);
	dbz_add(t, "v", 1043, 0, LH_CELL_TEXT, "varchar", 9);
	dbz_preset(dbz_add(t, "b", 16, 0, LH_CELL_BOOL, "bool", -1), "true", true);
	dbz_preset(dbz_add(t, "ts", 1114, 0, LH_CELL_TIMESTAMP, "timestamp", -1), "now()", true);
	dbz_preset(dbz_add(t, "d", 1082, 0, LH_CELL_DATE, "date", -1), "'2024-02-29'::date", true);
	dbz_preset(dbz_add(t, "f8", 701, 0, LH_CELL_FLOAT8, "float8", -1), "0.5", false);
	dbz_preset(dbz_enum(t, "en", false), "'ok'::mood", false);
	dbz_preset(dbz_add(t, "s", 23, 0, LH_CELL_INT, "int4", -1),
			   "nextval('defaults_s_seq'::regclass)", true);
	dbz_preset(dbz_add(t, "j", 3802, 0, LH_CELL_JSON, "jsonb", -1), "'{}'::jsonb", true);
	dbz_preset(dbz_add(t, "nul", 25, 0, LH_CELL_TEXT, "text", -1), "NULL::text", false);
	dbz_preset(dbz_add(t, "ts3", 1114, 0, LH_CELL_TIMESTAMP, "timestamp", 3),
			   "'2024-02-29 12:34:56.789'::timestamp without time zone", true);
	dbz_preset(dbz_add(t, "tz", 1184, 0, LH_CELL_TIMESTAMPTZ, "timestamptz", -1),
			   "'2024-02-29 12:34:56.789+02'::timestamp with time zone", true);
	dbz_preset(dbz_add(t, "u", 2950, 0, LH_CELL_UUID, "uuid", -1),
			   "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", false);
	dbz_preset(dbz_add(t, "y", 17, 0, LH_CELL_BYTES, "bytea", -1), "'\\x0102'::bytea", true);
	dbz_preset(dbz_add(t, "ex", 23, 0, LH_CELL_INT, "int4", -1), "(1 + 2)", false);
	dbz_preset(dbz_add(t, "ia", 1007, 23, LH_CELL_ARRAY, "_int4", -1), "'{1}'::integer[]", false);
	dbz_preset(dbz_add(t, "c", 1042, 0, LH_CELL_TEXT, "bpchar", 7), "'ab'::bpchar", false);
	dbz_done(t, s, LH_IDENTITY_DEFAULT);

	dbz_set(t, "id", cdc_int(5));
	dbz_set(t, "i8", cdc_int(-7));
	dbz_set(t, "n", cdc_decimal(ctx, "1.50"));
	dbz_set(t, "nn", cdc_decimal(ctx, "2.50"));
	dbz_set(t, "t", cdc_text("it's"));
	dbz_set(t, "v", cdc_text("x"));
	dbz_set(t, "b", cdc_bool(true));
	dbz_set(t, "ts", dbz_stamp(LH_CELL_TIMESTAMP, dbz_day(2024, 1, 1), 0));
	dbz_set(t, "d", cdc_time(LH_CELL_DATE, dbz_day(2024, 2, 29)));
	dbz_set(t, "f8", cdc_float8(0.5));
	dbz_set(t, "en", cdc_text("ok"));
	dbz_set(t, "s", cdc_int(1));
	dbz_set(t, "j", dbz_json("{}"));
	dbz_set(t, "ts3",
			dbz_stamp(LH_CELL_TIMESTAMP, dbz_day(2024, 2, 29), dbz_clock(12, 34, 56, 789000)));
	dbz_set(t, "tz",
			dbz_stamp(LH_CELL_TIMESTAMPTZ, dbz_day(2024, 2, 29), dbz_clock(10, 34, 56, 789000)));
	dbz_set(t, "u", dbz_uuid());
	dbz_set(t, "y", cdc_data(LH_CELL_BYTES, "\1\2", 2));
	dbz_set(t, "ex", cdc_int(3));
	dbz_set(t, "ia", cdc_list(ctx, 1, (LhCell[]){cdc_int(1)}));
	dbz_set(t, "c", cdc_text("ab "));
	dbz_insert(t, s);

	dbz_set(t, "id", cdc_int(6));
	dbz_set(t, "v", CDC_NULL);
	dbz_set(t, "nn", CDC_NULL);
	dbz_set(t, "b", cdc_bool(false));
	dbz_set(t, "f8", CDC_NULL);
	dbz_set(t, "en", CDC_NULL);
	dbz_set(t, "s", cdc_int(2));
	dbz_set(t, "u", CDC_NULL);
	dbz_set(t, "ex", CDC_NULL);
	dbz_set(t, "c", CDC_NULL);
	dbz_insert(t, s);
}

/* ---- keys and identities ---- */
static inline void
dbz_tell_keys(DbzTable *two, DbzTable *no_key, LhCtx *ctx, CdcStream *s)
{
	LhChangeColumn *c;

	dbz_start(two, ctx, "two_keys");
	c = dbz_add(two, "b", 23, 0, LH_CELL_INT, "int4", -1);
	c->pk = 2;
	c->not_null = true;
	c = dbz_add(two, "a", 25, 0, LH_CELL_TEXT, "text", -1);
	c->pk = 1;
	c->not_null = true;
	dbz_add(two, "x", 25, 0, LH_CELL_TEXT, "text", -1);
	dbz_done(two, s, LH_IDENTITY_DEFAULT);
	dbz_start(no_key, ctx, "no_key");
	dbz_add(no_key, "x", 23, 0, LH_CELL_INT, "int4", -1);
	dbz_add(no_key, "y", 25, 0, LH_CELL_TEXT, "text", -1);
	dbz_done(no_key, s, LH_IDENTITY_DEFAULT);

	cdc_begin(s);
	cdc_row(s, LH_CHANGE_INSERT, two->rel, two->plan, NULL,
			(LhCell[]){cdc_int(1), cdc_text("k"), cdc_text("x")});
	cdc_row(s, LH_CHANGE_UPDATE, two->rel, two->plan, NULL,
			(LhCell[]){cdc_int(1), cdc_text("k"), cdc_text("y")});
	cdc_row(s, LH_CHANGE_UPDATE, two->rel, two->plan,
			(LhCell[]){cdc_int(1), cdc_text("k"), CDC_ABSENT},
			(LhCell[]){cdc_int(2), cdc_text("k"), cdc_text("z")});
	cdc_row(s, LH_CHANGE_DELETE, two->rel, two->plan,
			(LhCell[]){cdc_int(2), cdc_text("k"), CDC_ABSENT}, NULL);
	cdc_row(s, LH_CHANGE_INSERT, no_key->rel, no_key->plan, NULL,
			(LhCell[]){cdc_int(1), cdc_text("y")});
	cdc_commit(s);
}

static inline const char *
dbz_repeat(LhCtx *ctx, char c)
{
	char *text = lh_alloc(ctx, 2101);

	memset(text, c, 2100);
	text[2100] = '\0';
	return text;
}

static inline void
dbz_tell_identities(LhCtx *ctx, CdcStream *s)
{
	DbzTable whole;
	DbzTable index;
	LhChangeColumn *c;
	LhCell big = cdc_text(dbz_repeat(ctx, 'b'));

	dbz_start(&whole, ctx, "whole_row");
	dbz_id(&whole);
	dbz_add(&whole, "x", 25, 0, LH_CELL_TEXT, "text", -1);
	dbz_add(&whole, "big", 25, 0, LH_CELL_TEXT, "text", -1);
	dbz_done(&whole, s, LH_IDENTITY_FULL);
	dbz_start(&index, ctx, "by_index");
	dbz_id(&index);
	c = dbz_add(&index, "code", 25, 0, LH_CELL_TEXT, "text", -1);
	c->key = 1;
	c->not_null = true;
	dbz_add(&index, "x", 23, 0, LH_CELL_INT, "int4", -1);
	dbz_done(&index, s, LH_IDENTITY_INDEX);

	cdc_begin(s);
	cdc_row(s, LH_CHANGE_INSERT, whole.rel, whole.plan, NULL,
			(LhCell[]){cdc_int(1), cdc_text("x"), big});
	/* as if it lay out of line: the old row has it */
	cdc_row(s, LH_CHANGE_UPDATE, whole.rel, whole.plan, (LhCell[]){cdc_int(1), cdc_text("x"), big},
			(LhCell[]){cdc_int(1), cdc_text("y"), CDC_UNCHANGED});
	s->key_changed = true;
	cdc_row(s, LH_CHANGE_UPDATE, whole.rel, whole.plan, (LhCell[]){cdc_int(1), cdc_text("y"), big},
			(LhCell[]){cdc_int(2), cdc_text("y"), CDC_UNCHANGED});
	s->key_changed = false;
	cdc_row(s, LH_CHANGE_DELETE, whole.rel, whole.plan, (LhCell[]){cdc_int(2), cdc_text("y"), big},
			NULL);
	cdc_row(s, LH_CHANGE_INSERT, index.rel, index.plan, NULL,
			(LhCell[]){cdc_int(1), cdc_text("c"), cdc_int(2)});
	cdc_row(s, LH_CHANGE_UPDATE, index.rel, index.plan, NULL,
			(LhCell[]){cdc_int(1), cdc_text("c"), cdc_int(3)});
	cdc_row(s, LH_CHANGE_UPDATE, index.rel, index.plan,
			(LhCell[]){CDC_ABSENT, cdc_text("c"), CDC_ABSENT},
			(LhCell[]){cdc_int(1), cdc_text("d"), cdc_int(3)});
	cdc_row(s, LH_CHANGE_DELETE, index.rel, index.plan,
			(LhCell[]){CDC_ABSENT, cdc_text("d"), CDC_ABSENT}, NULL);
	cdc_commit(s);
}

static inline LhCell
dbz_series(LhCtx *ctx, int n, LhCell each)
{
	LhCell *items = lh_alloc_array(ctx, (size_t) n, sizeof(LhCell));

	for (int i = 0; i < n; i++)
		items[i] = each.kind == LH_CELL_INT ? cdc_int(i + 1) : each;
	return cdc_list(ctx, n, items);
}

static inline void
dbz_tell_toasty(LhCtx *ctx, CdcStream *s)
{
	DbzTable t;
	LhCell bytes = cdc_data(LH_CELL_BYTES, dbz_repeat(ctx, '\n'), 2100);

	dbz_start(&t, ctx, "toasty");
	dbz_id(&t);
	dbz_add(&t, "t", 25, 0, LH_CELL_TEXT, "text", -1);
	dbz_add(&t, "y", 17, 0, LH_CELL_BYTES, "bytea", -1);
	dbz_add(&t, "j", 3802, 0, LH_CELL_JSON, "jsonb", -1);
	dbz_add(&t, "ia", 1007, 23, LH_CELL_ARRAY, "_int4", -1);
	dbz_add(&t, "ba", 1016, 20, LH_CELL_ARRAY, "_int8", -1);
	dbz_add(&t, "ta", 1009, 25, LH_CELL_ARRAY, "_text", -1);
	dbz_add(&t, "ua", 2951, 2950, LH_CELL_ARRAY, "_uuid", -1);
	dbz_add(&t, "ya", 1001, 17, LH_CELL_ARRAY, "_bytea", -1);
	dbz_add(&t, "h", 90020, 0, LH_CELL_OTHER, "hstore", -1);
	dbz_add(&t, "x", 23, 0, LH_CELL_INT, "int4", -1);
	dbz_done(&t, s, LH_IDENTITY_DEFAULT);

	dbz_set(&t, "id", cdc_int(1));
	dbz_set(&t, "t", cdc_text(dbz_repeat(ctx, 't')));
	dbz_set(&t, "y", bytes);
	dbz_set(&t, "j", dbz_json(lh_sprintf(ctx, "\"%s\"", dbz_repeat(ctx, 'j'))));
	dbz_set(&t, "ia", dbz_series(ctx, 540, cdc_int(0)));
	dbz_set(&t, "ba", dbz_series(ctx, 270, cdc_int(0)));
	dbz_set(&t, "ta", dbz_series(ctx, 1, cdc_text(dbz_repeat(ctx, 'a'))));
	dbz_set(&t, "ua", dbz_series(ctx, 140, dbz_uuid()));
	dbz_set(&t, "ya", dbz_series(ctx, 1, bytes));
	dbz_set(&t, "h", cdc_other(lh_sprintf(ctx, "\"a\"=>\"%s\"", dbz_repeat(ctx, 'h'))));
	dbz_set(&t, "x", cdc_int(1));
	dbz_insert(&t, s);

	dbz_clear(&t, CDC_UNCHANGED);
	dbz_set(&t, "id", cdc_int(1));
	dbz_set(&t, "x", cdc_int(2));
	cdc_begin(s);
	cdc_row(s, LH_CHANGE_UPDATE, t.rel, t.plan, NULL, t.row);
	cdc_commit(s);
}

static inline void
dbz_tell_rest(DbzTable *two, DbzTable *no_key, LhCtx *ctx, CdcStream *s)
{
	DbzTable odd;

	dbz_start(&odd, ctx, "Odd-S\"t");
	dbz_id(&odd);
	odd.columns[0].name = "a b";
	dbz_add(&odd, "1x", 23, 0, LH_CELL_INT, "int4", -1);
	dbz_add(&odd, "\303\251", 25, 0, LH_CELL_TEXT, "text", -1);
	dbz_add(&odd, "b_c", 23, 0, LH_CELL_INT, "int4", -1);
	dbz_done(&odd, s, LH_IDENTITY_DEFAULT);
	odd.row[0] = cdc_int(1);
	odd.row[1] = cdc_int(2);
	odd.row[2] = cdc_text("\303\251");
	odd.row[3] = cdc_int(3);
	dbz_insert(&odd, s);

	cdc_begin(s);
	cdc_event(s, (LhChangeEvent){.op = LH_CHANGE_MESSAGE,
								 .transactional = true,
								 .prefix = "p\"",
								 .content = lh_slice("\303\251\"x", 4)});
	cdc_event(s, (LhChangeEvent){.op = LH_CHANGE_MESSAGE,
								 .transactional = true,
								 .prefix = "q",
								 .content = lh_slice("\0\377", 2)});
	cdc_commit(s);
	cdc_event(
		s, (LhChangeEvent){.op = LH_CHANGE_MESSAGE, .prefix = "now", .content = lh_slice("y", 1)});
	cdc_begin(s);
	cdc_event(s,
			  (LhChangeEvent){
				  .op = LH_CHANGE_TRUNCATE, .rel = two->rel, .plan = two->plan, .ntruncated = 2});
	cdc_event(s, (LhChangeEvent){.op = LH_CHANGE_TRUNCATE,
								 .rel = no_key->rel,
								 .plan = no_key->plan,
								 .ntruncated = 2});
	cdc_commit(s);
}

static inline void
dbz_tell_required(LhCtx *ctx, CdcStream *s)
{
	DbzTable t;
	int64_t day = dbz_day(2024, 2, 29);
	LhCell row[80];

	dbz_start(&t, ctx, "required");
	dbz_id(&t);
#define ADD(name, oid, kind, bare, typmod, cell) \
	(row[t.n] = (cell), dbz_add(&t, name, oid, 0, LH_CELL_##kind, bare, typmod))
	row[0] = cdc_int(1);
	ADD("i", 23, INT, "int4", -1, cdc_int(2));
	ADD("t", 25, TEXT, "text", -1, cdc_text("t"));
	ADD("n", 1700, NUMERIC, "numeric", dbz_numeric_mod(5, 2), cdc_decimal(ctx, "1.50"));
	ADD("nn", 1700, NUMERIC, "numeric", -1, cdc_decimal(ctx, "2.5"));
	ADD("b", 16, BOOL, "bool", -1, cdc_bool(true));
	ADD("y", 17, BYTES, "bytea", -1, cdc_data(LH_CELL_BYTES, "\1", 1));
	ADD("d", 1082, DATE, "date", -1, cdc_time(LH_CELL_DATE, day));
	ADD("ts", 1114, TIMESTAMP, "timestamp", -1,
		dbz_stamp(LH_CELL_TIMESTAMP, day, dbz_clock(12, 0, 0, 0)));
	ADD("tz", 1184, TIMESTAMPTZ, "timestamptz", -1,
		dbz_stamp(LH_CELL_TIMESTAMPTZ, day, dbz_clock(12, 0, 0, 0)));
	ADD("t6", 1083, TIME, "time", -1, cdc_time(LH_CELL_TIME, dbz_clock(12, 0, 0, 0)));
	ADD("ttz", 1266, TIMETZ, "timetz", -1, cdc_timetz(dbz_clock(12, 0, 0, 0), 0));
	ADD("f8", 701, FLOAT8, "float8", -1, cdc_float8(0.5));
	ADD("u", 2950, UUID, "uuid", -1, dbz_uuid());
	ADD("j", 3802, JSON, "jsonb", -1, dbz_json("{}"));
	ADD("iv", 1186, INTERVAL, "interval", -1, cdc_interval(0, 1, 0));
	row[t.n] = cdc_text("ok");
	dbz_enum(&t, "en", false);
	ADD("ia", 1007, ARRAY, "_int4", -1, cdc_list(ctx, 1, (LhCell[]){cdc_int(1)}))->elem_typid = 23;
	ADD("dd", 23, INT, "int4", -1, cdc_int(8))->default_text = "7";
	ADD("h", 90020, OTHER, "hstore", -1, cdc_other("\"a\"=>\"1\""));
	ADD("mo", 790, OTHER, "money", -1, cdc_other("$1.00"));
	ADD("b1", 1560, OTHER, "bit", 1, cdc_other("1"));
	ADD("b3", 1560, OTHER, "bit", 3, cdc_other("101"));
	ADD("pt", 600, OTHER, "point", -1, cdc_other("(1,2)"));
	ADD("xi", 28, INT, "xid", -1, cdc_int(77));
	ADD("f4", 700, FLOAT4, "float4", -1, cdc_float4(0.5f));
	ADD("i2", 21, INT, "int2", -1, cdc_int(2));
	ADD("i8", 20, INT, "int8", -1, cdc_int(3));
	ADD("lt", 90030, OTHER, "ltree", -1, cdc_other("T"));
	ADD("ct", 90040, TEXT, "citext", -1, cdc_text("c"));
	ADD("ts3", 1114, TIMESTAMP, "timestamp", 3,
		dbz_stamp(LH_CELL_TIMESTAMP, day, dbz_clock(12, 0, 0, 0)));
	ADD("ip", 869, OTHER, "inet", -1, cdc_other("10.0.0.1"));
	ADD("t3", 1083, TIME, "time", 3, cdc_time(LH_CELL_TIME, dbz_clock(12, 0, 0, 0)));
	ADD("c", 1042, TEXT, "bpchar", 7, cdc_text("c  "));
	ADD("o", 26, INT, "oid", -1, cdc_int(1));
	ADD("na", 19, TEXT, "name", -1, cdc_text("n"));
#undef ADD
	for (int i = 0; i < t.n; i++)
		t.columns[i].not_null = true;
	dbz_done(&t, s, LH_IDENTITY_DEFAULT);
	cdc_begin(s);
	cdc_row(s, LH_CHANGE_INSERT, t.rel, t.plan, NULL, row);
	dbz_clear(&t, CDC_ABSENT);
	t.row[0] = cdc_int(1);
	cdc_row(s, LH_CHANGE_DELETE, t.rel, t.plan, t.row, NULL);
	cdc_commit(s);
}

/* All of changes.sql. */
static inline void
dbz_tell_all(LhCtx *ctx, CdcStream *s)
{
	DbzTable *types = lh_alloc(ctx, sizeof(DbzTable));
	DbzTable *two = lh_alloc(ctx, sizeof(DbzTable));
	DbzTable *no_key = lh_alloc(ctx, sizeof(DbzTable));
	DbzTable *other = lh_alloc(ctx, sizeof(DbzTable));

	dbz_tell_types(types, ctx, s);
	dbz_tell_arrays(other, ctx, s);
	dbz_tell_infinite(types, ctx, s);
	dbz_tell_defaults(other, ctx, s);
	dbz_tell_keys(two, no_key, ctx, s);
	dbz_tell_identities(ctx, s);
	dbz_tell_toasty(ctx, s);
	dbz_tell_rest(two, no_key, ctx, s);
	dbz_tell_required(ctx, s);
}

#endif
