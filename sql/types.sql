\set schema test_types
\i sql/include/setup.psql

-- Every flat type with the edges of its range, under all codecs and page versions
CREATE TABLE types_expected (
	id integer, c_bool boolean, c_int8 smallint, c_int16 smallint, c_int32 integer, c_int64 bigint,
	c_uint8 smallint, c_uint16 integer, c_uint32 bigint, c_uint64 numeric(20,0), c_float16 real, c_float32 real,
	c_float64 double precision, c_dec_9_2 numeric(9,2), c_dec_18_4 numeric(18,4), c_dec_38_10 numeric(38,10),
	c_dec_20_3 numeric(20,3), c_dec_5_0 numeric(5,0), c_date date, c_time_ms time, c_time_us time, c_time_ns time,
	c_ts_ms timestamp, c_ts_us timestamp, c_ts_ns timestamp, c_tstz_ms timestamptz, c_tstz_us timestamptz,
	c_tstz_ns timestamptz, c_string text, c_large_string text, c_binary bytea, c_fixed5 bytea, c_uuid uuid,
	c_json json, c_null text);
SELECT load_csv('types_expected', 'flat/alltypes.csv');
CREATE TABLE types_parent (LIKE types_expected);
DO $$
DECLARE
	f text;
BEGIN
	FOREACH f IN ARRAY '{alltypes,alltypes_plain,alltypes_v2,alltypes_snappy,alltypes_gzip,alltypes_lz4,alltypes_brotli,alltypes_zstd}'::text[] LOOP
		EXECUTE format('CREATE FOREIGN TABLE %I () INHERITS (types_parent) SERVER lake OPTIONS (location %L)',
					   f, fixture('flat/' || f || '.parquet'));
	END LOOP;
END $$;
-- numeric is written in PostgreSQL's own format: images, not only values
SELECT f.tableoid::regclass AS file, count(*) AS rows,
	count(*) FILTER (WHERE f::text <> e::text) AS other_text,
	count(*) FILTER (WHERE NOT record_image_eq(
		ROW(f.c_dec_9_2, f.c_dec_18_4, f.c_dec_38_10, f.c_dec_20_3, f.c_dec_5_0, f.c_uint64, f.c_date, f.c_ts_us, f.c_uuid),
		ROW(e.c_dec_9_2, e.c_dec_18_4, e.c_dec_38_10, e.c_dec_20_3, e.c_dec_5_0, e.c_uint64, e.c_date, e.c_ts_us, e.c_uuid))) AS other_image
FROM types_parent f JOIN types_expected e USING (id)
GROUP BY f.tableoid ORDER BY f.tableoid::regclass::text COLLATE "C";

-- Random decimals of many scales against numeric_in of their text, image by image, also shown with more decimals
SELECT make_table('decimals', '', 'flat/decimals.parquet');
SELECT make_table('decimals_free', string_agg(format('%I %s', attname, CASE WHEN attname LIKE 'd%' THEN 'numeric' ELSE 'text' END), ', '), 'flat/decimals.parquet'),
	make_table('decimals_more', string_agg(format('%I %s', attname, CASE WHEN attname LIKE 'd%' THEN 'numeric(90,45)' ELSE 'text' END), ', '), 'flat/decimals.parquet')
FROM pg_attribute WHERE attrelid = 'decimals'::regclass AND attnum > 0;
CREATE FUNCTION decimals_differ(tab regclass) RETURNS TABLE (compared bigint, differ bigint) LANGUAGE plpgsql AS $$
DECLARE
	c record;
	n bigint;
	m bigint;
BEGIN
	compared := 0;
	differ := 0;
	FOR c IN SELECT attname AS d, 't' || substr(attname, 2) AS t, format_type(atttypid, atttypmod) AS type FROM pg_attribute
		WHERE attrelid = tab AND attname LIKE 'd%' LOOP
		EXECUTE format('SELECT count(*), count(*) FILTER (WHERE NOT record_image_eq(ROW(%1$I), ROW(%2$I::%3$s))) FROM %4$s',
					   c.d, c.t, c.type, tab) INTO n, m;
		compared := compared + n;
		differ := differ + m;
	END LOOP;
	RETURN NEXT;
END $$;
SELECT t, d.* FROM unnest('{decimals,decimals_free,decimals_more}'::regclass[]) t, decimals_differ(t) d;

-- Decimals of every width, beyond 38 digits by way of text
SELECT differences('w1 numeric, w2 numeric, w3 numeric, w4 numeric, w5 numeric, w6 numeric, w7 numeric, w8 numeric,
	w9 numeric, w10 numeric, w11 numeric, w12 numeric, w13 numeric, w14 numeric, w15 numeric, w16 numeric, w17 numeric',
	'rules/decimal_widths.parquet', 'rules/decimal_widths.csv');
SELECT differences('v numeric', 'rules/decimal_bytes.parquet', 'rules/decimal_bytes.csv');

-- Rare types and old annotations
SELECT differences('e text, bson bytea, iv interval, raw bytea, utf8 text, fixed bytea',
	'rules/rare_types.parquet', 'rules/rare_types.csv');
SELECT differences('i8 smallint, i16 smallint, u8 smallint, u32 bigint, u64 numeric(20,0), s text, j json, d date,
	n numeric(9,3), ms time, us time, tms timestamptz, tus timestamptz',
	'rules/converted_only.parquet', 'rules/converted_only.csv');
SELECT differences('i8 smallint, u32 bigint, s text, d date, n numeric(9,2), local timestamp, instant timestamptz, nanos timestamp',
	'rules/logical_only.parquet', 'rules/logical_only.csv');
SELECT differences('v timestamp', 'rules/int96.parquet', 'rules/int96.csv');

-- Bytes that old writers did not annotate are text when declared so
SELECT make_table('raw_text', 'raw text, fixed text', 'rules/rare_types.parquet');
SELECT * FROM outcome('SELECT raw FROM raw_text');
SELECT * FROM outcome('SELECT fixed FROM raw_text');

-- Declared otherwise: integers of other widths, floats, numeric, text
SELECT make_table('other', 'id bigint, c_int8 integer, c_int16 bigint, c_int32 numeric, c_int64 text, c_float32 double precision,
	c_dec_9_2 double precision, c_dec_5_0 integer, c_date timestamp, c_ts_us date, c_bool text, c_uuid text, c_time_us text,
	c_string varchar, c_json jsonb', 'flat/alltypes.parquet');
SELECT count(*), count(*) FILTER (WHERE
	ROW(o.c_int8, o.c_int16, o.c_int32, o.c_int64, o.c_float32, o.c_dec_9_2, o.c_dec_5_0,
		o.c_bool, o.c_uuid, o.c_time_us, o.c_string, o.c_json) IS DISTINCT FROM
	ROW(e.c_int8::integer, e.c_int16::bigint, e.c_int32::numeric, e.c_int64::text, e.c_float32::double precision,
		e.c_dec_9_2::double precision, e.c_dec_5_0::integer,
		e.c_bool::text, e.c_uuid::text, e.c_time_us::text, e.c_string::varchar, e.c_json::jsonb)) AS differ
FROM other o JOIN types_expected e USING (id);
-- a date of the year 5,874,897 is no timestamp: PostgreSQL's own cast says so, we say where
SELECT * FROM outcome('SELECT c_date FROM other');
SELECT count(c_ts_us) FROM other WHERE id > 10;

-- Values that the declared type cannot hold
SELECT make_table('narrow', 'id integer, c_int64 integer, c_uint32 smallint', 'flat/alltypes.parquet');
SELECT * FROM outcome('SELECT c_int64 FROM narrow');
SELECT * FROM outcome('SELECT c_uint32 FROM narrow WHERE id = 0');
ALTER FOREIGN TABLE narrow OPTIONS (ADD out_of_range 'clamp');
SELECT min(c_int64), max(c_int64), min(c_uint32), max(c_uint32) FROM narrow;
ALTER FOREIGN TABLE narrow OPTIONS (SET out_of_range 'null');
SELECT n.id, n.c_int64, n.c_uint32 FROM narrow n JOIN types_expected e USING (id)
WHERE e.c_int64 BETWEEN -3000000000 AND 3000000000 OR e.c_uint32 < 50000 ORDER BY id;
-- not even null where null is forbidden
ALTER FOREIGN TABLE narrow ALTER COLUMN c_int64 SET NOT NULL;
SELECT * FROM outcome('SELECT c_int64 FROM narrow WHERE id BETWEEN 1 AND 5');

-- Dates, times and timestamps outside PostgreSQL's range never become infinity by themselves
SELECT make_table('ranges', 'id integer, d date, us timestamptz, ms timestamptz, tm time', 'rules/out_of_range.parquet');
SELECT * FROM outcome('SELECT d FROM ranges');
SELECT * FROM outcome('SELECT us FROM ranges');
SELECT * FROM outcome('SELECT ms FROM ranges');
SELECT * FROM outcome('SELECT tm FROM ranges');
ALTER FOREIGN TABLE ranges OPTIONS (ADD out_of_range 'clamp');
SELECT * FROM ranges;
ALTER FOREIGN TABLE ranges OPTIONS (SET out_of_range 'null');
SELECT * FROM ranges;

-- Nanoseconds: cut downwards with one notice a scan, an error, or text
SELECT make_table('nanos', 'id integer, c_time_ns time, c_ts_ns timestamp, c_tstz_ns timestamptz', 'flat/alltypes.parquet');
SELECT c_ts_ns FROM nanos WHERE id IN (3, 4, 5);
SELECT c_ts_ns, c_tstz_ns, c_time_ns FROM nanos WHERE id IN (4, 5);
SELECT id FROM nanos WHERE id IN (4, 5);
ALTER FOREIGN TABLE nanos OPTIONS (ADD timestamp_ns 'error');
SELECT * FROM outcome('SELECT c_ts_ns FROM nanos');
ALTER FOREIGN TABLE nanos OPTIONS (SET timestamp_ns 'text');
SELECT * FROM outcome('SELECT c_ts_ns FROM nanos');
SELECT make_table('nanos', 'id integer, c_time_ns text, c_ts_ns text, c_tstz_ns text', 'flat/alltypes.parquet', $$timestamp_ns 'text'$$);
SELECT * FROM nanos WHERE id < 8;
SELECT make_table('int96', 'v text', 'rules/int96.parquet', $$timestamp_ns 'text'$$);
SELECT * FROM int96;
SELECT make_table('int96', 'v timestamp', 'rules/int96.parquet', $$timestamp_ns 'error'$$);
SELECT * FROM outcome('SELECT * FROM int96');

-- Type modifiers are enforced as by an INSERT
SELECT make_table('mods', 'id integer, c_string varchar(5), c_large_string char(3), c_dec_9_2 numeric(12,4), c_dec_18_4 numeric(17,2),
	c_ts_us timestamp(0), c_time_us time(3)', 'flat/alltypes.parquet');
SELECT * FROM outcome('SELECT c_string FROM mods');
SELECT * FROM outcome('SELECT c_large_string FROM mods');
ALTER FOREIGN TABLE mods OPTIONS (ADD out_of_range 'clamp');
SELECT m.id, m.c_string, length(m.c_string), m.c_large_string, octet_length(m.c_large_string)
FROM mods m WHERE id BETWEEN 17 AND 40 AND id % 2 = 0 AND id <> 30;
ALTER FOREIGN TABLE mods OPTIONS (SET out_of_range 'null');
SELECT count(*), count(*) FILTER (WHERE m.c_string IS NULL AND e.c_string IS NOT NULL AND length(rtrim(e.c_string)) <= 5) AS lost,
	count(*) FILTER (WHERE m.c_string IS NOT NULL AND m.c_string <> left(e.c_string, 5)) AS cut
FROM (SELECT id, c_string FROM mods) m JOIN types_expected e USING (id);
ALTER FOREIGN TABLE mods OPTIONS (DROP out_of_range);
SELECT count(*), count(*) FILTER (WHERE NOT record_image_eq(ROW(m.c_dec_9_2, m.c_dec_18_4, m.c_ts_us, m.c_time_us),
	ROW(e.c_dec_9_2::numeric(12,4), e.c_dec_18_4::numeric(17,2), e.c_ts_us::timestamp(0), e.c_time_us::time(3)))) AS differ
FROM (SELECT id, c_dec_9_2, c_dec_18_4, c_ts_us, c_time_us FROM mods) m JOIN types_expected e USING (id);
SELECT make_table('mods', 'c_dec_9_2 numeric(6,2), c_dec_18_4 numeric(12,4)', 'flat/alltypes.parquet');
SELECT * FROM outcome('SELECT c_dec_9_2 FROM mods');
SELECT * FROM outcome('SELECT c_dec_18_4 FROM mods');
ALTER FOREIGN TABLE mods OPTIONS (ADD out_of_range 'clamp');
SELECT min(c_dec_9_2), max(c_dec_9_2), min(c_dec_18_4), max(c_dec_18_4) FROM mods;

-- Domains and enumerations
CREATE DOMAIN types_small AS integer CHECK (VALUE < 1000) NOT NULL;
CREATE DOMAIN types_any AS integer CHECK (VALUE IS NULL OR VALUE < 1000);
CREATE TYPE types_colour AS ENUM ('GREEN', 'RED');
SELECT make_table('dom', 'id types_small, c_int8 types_any', 'flat/alltypes.parquet');
SELECT sum(id), count(c_int8) FROM dom;
SELECT make_table('dom', 'c_int8 types_small, c_int16 types_any', 'flat/alltypes.parquet');
SELECT * FROM outcome('SELECT c_int8 FROM dom');
SELECT * FROM outcome('SELECT c_int16 FROM dom');
SELECT make_table('dom', 'e types_colour', 'rules/rare_types.parquet');
SELECT e, pg_typeof(e) FROM dom ORDER BY e;

-- Text that PostgreSQL cannot hold is an error of its column and no other
SELECT make_table('bad_text', 'id integer, cut text, lone text, surrogate text, overlong text, beyond text, nul text', 'rules/bad_text.parquet');
SELECT id, cut FROM bad_text WHERE id = 1;
SELECT c, o.* FROM unnest('{id,cut,lone,surrogate,overlong,beyond,nul}'::text[]) c, outcome(format('SELECT %I FROM bad_text', c)) o
WHERE what <> 'hint';
SELECT make_table('bad_text', 'id integer, cut bytea, lone bytea, nul bytea', 'rules/bad_text.parquet');
SELECT * FROM bad_text;

-- What cannot be shown as declared says what the file holds
SELECT make_table('odd', 'c_bool uuid, c_date point, c_string integer, c_json integer[]', 'flat/alltypes.parquet');
SELECT c, o.* FROM unnest('{c_bool,c_date,c_string}'::text[]) c, outcome(format('SELECT %I FROM odd', c)) o;
