-- Every type, from a table to a file and back: nothing may differ.
\set schema test_write_types
\i sql/include/write.psql
CREATE TYPE mood AS ENUM ('sad', 'ok', 'very "happy"');
CREATE DOMAIN positive AS int CHECK (value > 0);
CREATE DOMAIN price AS numeric(10,2);

CREATE TABLE scalars (b bool, i2 int2, i4 int4, i8 int8, o oid, f4 float4, f8 float8,
	t text, v varchar(10), c char(5), n name, by bytea, d date, tm time, ts timestamp, tz timestamptz,
	u uuid, m mood, dom positive, p price, n9 numeric(9,3), n18 numeric(18,0), n38 numeric(38,10), nn numeric(3,-2), ns numeric(4,4),
	free numeric, big numeric(50,10));
INSERT INTO scalars VALUES
	(true, 32767, 2147483647, 9223372036854775807, 4294967295, 1.5, 1e300,
	 'text', 'varchar', 'abc', 'name', '\x00ff', '2024-02-29', '23:59:59.999999', '2024-02-29 12:34:56.789012', '2024-02-29 12:34:56.789012+02',
	 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'very "happy"', 1, 12345678.91, 999999.999, 999999999999999999, 9999999999999999999999999999.9999999999, 99900, 0.0099,
	 1e100, 1234567890123456789012345678901234567890.0123456789),
	(false, -32768, -2147483648, -9223372036854775808, 0, 'NaN', '-Infinity',
	 '', '', '', '', '', '4713-01-01 BC', '00:00', '4713-01-01 00:00 BC', '0001-12-31 23:59:59.999999 BC',
	 '00000000-0000-0000-0000-000000000000', 'sad', 2147483647, -0.01, -999999.999, -999999999999999999, -9999999999999999999999999999.9999999999, -100, -0.0001,
	 'NaN', 0),
	(NULL, NULL, NULL, NULL, NULL, '-0', '-0',
	 E'\u00e4\u20ac\U0001F600 \t\n\\', 'ä', 'ä', NULL, NULL, '5874897-12-31', '24:00', '294246-12-31 23:59:59.999999', '1970-01-01 00:00Z',
	 NULL, 'ok', NULL, NULL, 0, 0, 0.0000000001, 0, 0,
	 -12.3400, -0.5),
	(true, 1, -1, 1000000000000, 1, 'Infinity', 4.9e-324,
	 repeat('long', 5000), NULL, NULL, 'x', decode(repeat('00ff10', 3000), 'hex'), '2000-01-01', '24:00:00', '2000-01-01', '2000-01-01 00:00Z',
	 NULL, NULL, 5, 100, 0.001, 1, 10000, 1200, 0.01,
	 0.000000000000000000000000000000000000000000000000001, 1);
INSERT INTO scalars DEFAULT VALUES;
SELECT * FROM round_trip('scalars');
SELECT * FROM types_of(target('round_trip.parquet'));

-- numerics with digits in every place of PostgreSQL's format, each lane
CREATE TABLE numerics AS
	SELECT i, (s * r)::numeric(9,3) AS a, (s * r * 1000)::numeric(18,5) AS b, (s * r * 1e16)::numeric(38,9) AS c, (s * r)::numeric(30,1) AS d,
		(s * r / 1e6)::numeric(38,38) AS e, round(s * r)::numeric(38,0) * 1e20::numeric(38,0) AS f
	FROM (SELECT i, CASE i % 2 WHEN 0 THEN 1 ELSE -1 END AS s, round((i * 7919 % 1000003)::numeric / power(10::numeric, i % 7), i % 9) AS r
		FROM generate_series(1, 5000) i) x;
ALTER TABLE numerics ALTER f TYPE numeric(38,0);
SELECT * FROM round_trip('numerics');

-- json and intervals
CREATE TABLE documents (j json, jb jsonb, iv interval);
INSERT INTO documents VALUES
	('{"b": 1, "a":  [1, 2.50, null], "b": 2}', '{"b": 1, "a": [1, 2.50, null, "\u00e4"]}', '1 year 2 mons 3 days 04:05:06.789'),
	('null', '"text"', '0'), (NULL, NULL, NULL), ('1e5', '1e5', '178000000 years'), ('""', '{}', '1000:00:00.001');
SELECT * FROM round_trip('documents');
INSERT INTO documents VALUES ('{}', '{}', '-1 mon'), ('{}', '{}', '1 mon -1 day 00:00:00.000001');
SELECT * FROM outcome($$ SELECT * FROM round_trip('documents') $$);
SELECT * FROM round_trip('documents', $$, interval 'text'$$);
SET intervalstyle = sql_standard;
SELECT * FROM round_trip('documents', $$, interval 'text'$$);
SET intervalstyle = postgres;
SELECT iv FROM lakehouse.read(target('round_trip.parquet')) AS t(iv text);

-- arrays: elements of every kind, nulls and emptiness apart
CREATE TABLE arrays (i int[], t text[], n numeric(20,4)[], d date[], tz timestamptz[], u uuid[], b bool[], by bytea[], f float8[], m mood[], dom positive[], v varchar(3)[], j jsonb[]);
INSERT INTO arrays VALUES
	('{1,2,NULL,4}', '{a,NULL,"",ä}', '{1.5,NULL,-99.9999}', '{2024-01-01,NULL}', '{"2024-01-01 00:00Z"}', '{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,NULL}',
	 '{t,f,NULL}', '{"\\x00","\\x",NULL}', '{1.5,NaN,-0}', '{sad,"very \"happy\"",NULL}', '{1,2}', '{abc,NULL}', '{1,"{\"a\": 1}",null}'),
	('{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}'),
	(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
	('{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}');
INSERT INTO arrays (i, t) SELECT array_agg(x), array_agg(repeat('x', x % 50)) FROM generate_series(1, 10000) x;
INSERT INTO arrays (i, t) SELECT ARRAY[x, NULL, -x], ARRAY[x::text] FROM generate_series(1, 5000) x;
SELECT * FROM round_trip('arrays');
SELECT "column", physical, logical, sql_type FROM types_of(target('round_trip.parquet'));

-- composite values: groups
CREATE TYPE inner_c AS (x int, y text[]);
CREATE TYPE outer_c AS (a int, "b c" inner_c, d date);
CREATE TABLE composites (id int, o outer_c, l inner_c[]);
INSERT INTO composites VALUES
	(1, ROW(1, ROW(2, '{a,NULL}'), '2024-01-01'), ARRAY[ROW(1, '{}'), NULL, ROW(NULL, NULL)]::inner_c[]),
	(2, NULL, NULL), (3, ROW(NULL, NULL, NULL), '{}');
ALTER TYPE inner_c ADD ATTRIBUTE z bool;
ALTER TYPE outer_c DROP ATTRIBUTE d;
INSERT INTO composites VALUES (4, ROW(4, ROW(5, '{b}', true)), ARRAY[ROW(6, NULL, false)]::inner_c[]);
SELECT copied('composites', 'composites.parquet');
SELECT * FROM lakehouse.read(target('composites.parquet')) AS t(id int, o jsonb, l jsonb);
SELECT id, to_jsonb(o) AS o, to_jsonb(l) AS l FROM composites
	EXCEPT SELECT * FROM lakehouse.read(target('composites.parquet')) AS t(id int, o jsonb, l jsonb);
SELECT "column", physical, logical, sql_type FROM types_of(target('composites.parquet'));

-- everything else: the text of its output function, whatever the session's settings
CREATE TABLE others (r int4range, dr daterange, tr tstzrange, mr int4multirange, inet inet, bits bit(5), ttz timetz, mny money, pt point,
	ts tsvector, x macaddr, oc "char", lsn pg_lsn, reg regclass, fr numrange, ia interval[], fa float8[], iv int2vector);
SET datestyle = 'German, DMY';
INSERT INTO others VALUES ('[1,5)', '[2024-01-02,2024-02-03)', '[2024-01-02 00:00Z,)', '{[1,2),[5,7)}', '10.0.0.1/8', '10101', '10:11:12.5+02', 12.5, '(1.1,2.2)',
	'a:1 b:2', '08:00:2b:01:02:03', 'x', '1/2', 'pg_class', '[1.50,2.5]', NULL, '{1.1}', '1 2 3'), ('empty', 'empty', 'empty', '{}', '::1', '00000', '24:00+00', -1, '(0,0)', '', '00:00:00:00:00:00', '', '0/0', 'pg_type', 'empty', '{}', '{}', '');
INSERT INTO others DEFAULT VALUES;
SELECT * FROM round_trip('others');
SET datestyle = ISO;
SELECT dr, tr, reg FROM lakehouse.read(target('round_trip.parquet')) AS t(dr text, tr text, reg text) WHERE dr <> 'empty';

-- infinities and NaN have no place in dates, timestamps and decimals
CREATE TABLE infinite (d date, ts timestamp, tz timestamptz);
INSERT INTO infinite VALUES ('2024-01-01', '2024-01-01', '2024-01-01 00:00Z'), ('infinity', '-infinity', 'infinity');
SELECT * FROM outcome($$ SELECT * FROM round_trip('infinite') $$);
-- the nearest: infinity comes back where the file's type reaches beyond PostgreSQL's range
SELECT * FROM round_trip('infinite', ', out_of_range clamp');
SELECT * FROM round_trip('infinite', ', out_of_range ''null''');
SELECT * FROM written();
SELECT * FROM outcome($o$ SELECT copied($$(SELECT timestamp '294276-12-31' AS ts)$$, 'x') $o$);
SELECT * FROM outcome($o$ SELECT copied($$(SELECT 1 AS one, x::numeric(5,2) FROM (VALUES (1.5), ('NaN')) v(x))$$, 'x') $o$);
SELECT copied($$(SELECT x::numeric(5,2) FROM (VALUES (1.5), ('NaN')) v(x))$$, 'null.parquet', $$, out_of_range 'null'$$);
SELECT * FROM lakehouse.read(target('null.parquet')) AS t(x numeric);

-- numerics without digits declared: all of them by default
SELECT copied($$(SELECT i / 3.0 AS x, 'Infinity'::numeric AS y FROM generate_series(1, 2) i)$$, 'free.parquet');
SELECT * FROM lakehouse.read(target('free.parquet')) AS t(x numeric, y text);
SELECT * FROM outcome($o$ SELECT copied($$(SELECT 1.5 AS x)$$, 'x', $$, numeric error$$) $o$);
SELECT * FROM outcome($o$ SELECT copied($$(SELECT x FROM (VALUES (1.25), (1.255)) v(x))$$, 'x', $$, numeric 'decimal(10,2)'$$) $o$);
SELECT * FROM outcome($o$ SELECT copied($$(SELECT x FROM (VALUES (12345678.25), (123456789)) v(x))$$, 'x', $$, numeric 'decimal(10,2)'$$) $o$);
SELECT copied($$(SELECT x FROM (VALUES (1.25), (1.255), (-1.255), (123456789.1), (-1e30), ('Infinity'), ('-Infinity')) v(x))$$, 'clamp.parquet', $$, numeric 'decimal(10,2)', out_of_range clamp$$);
SELECT * FROM lakehouse.read(target('clamp.parquet')) AS t(x numeric(10,2));
SELECT * FROM outcome($o$ SELECT copied($$(SELECT 'NaN'::numeric AS x)$$, 'x', $$, numeric 'decimal(10,2)', out_of_range clamp$$) $o$);

-- arrays that are no lists
SELECT * FROM outcome($o$ SELECT copied($$(SELECT g, CASE g WHEN 3 THEN '{{1,2},{3,4}}'::int[] END AS a FROM generate_series(1, 5) g)$$, 'x') $o$);
SELECT * FROM outcome($o$ SELECT copied($$(SELECT '[0:1]={1,2}'::int[] AS a)$$, 'x') $o$);
SELECT * FROM written();
\! rm -r $OUT
SET client_min_messages = warning;
DROP SCHEMA test_write_types CASCADE;
