-- Change streams: rows with what orders them (format flat).
\i sql/include/cdc.psql
CREATE SCHEMA cdc;
SET search_path = cdc;
SELECT pg_temp.new_slot();
\set VERBOSITY terse
-- Lines as they are, but for what differs from run to run: transactions are counted, times are 0.
CREATE FUNCTION pg_temp.flat(VARIADIC options text[] DEFAULT '{}') RETURNS SETOF text LANGUAGE sql AS $$
	SELECT regexp_replace(regexp_replace(replace(data, repeat('x', 3000), '3000 x'), '"__lsn":\d+', '"__lsn":' || dense_rank() OVER (ORDER BY (regexp_match(data, '"__lsn":(\d+)'))[1]::numeric)),
		'"__ts_us":\d+', '"__ts_us":0')
	FROM (SELECT row_number() OVER () AS n, data FROM pg_logical_slot_peek_changes('regress_cdc', NULL, NULL, VARIADIC ARRAY['format', 'flat'] || options)) x ORDER BY n
$$;
-- Why options are refused.
CREATE FUNCTION pg_temp.refused(VARIADIC options text[]) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_temp.flat(VARIADIC options);
	RETURN 'taken';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;

-- ---- operations under each identity

CREATE TABLE t (id int PRIMARY KEY, name text, big text, n numeric(6,2));
ALTER TABLE t ALTER big SET STORAGE EXTERNAL;
CREATE TABLE whole (id int PRIMARY KEY, name text, big text);
ALTER TABLE whole ALTER big SET STORAGE EXTERNAL;
ALTER TABLE whole REPLICA IDENTITY FULL;
CREATE TABLE nothing (id int PRIMARY KEY, name text);
ALTER TABLE nothing REPLICA IDENTITY NOTHING;
BEGIN;
INSERT INTO t VALUES (1, 'one', repeat('x', 3000), 1.5), (2, E'tab\t"q" \\ \x01 é 𝄞', NULL, 'NaN');
UPDATE t SET name = NULL WHERE id = 1;
UPDATE t SET id = 3 WHERE id = 1;
COMMIT;
DELETE FROM t WHERE id = 2;
TRUNCATE t;
SELECT * FROM pg_temp.flat();
SELECT * FROM pg_temp.flat('keys', 'on', 'decimal.handling.mode', 'string', 'skipped.operations', 't', 'add.fields', 'table,origin:o', 'add.fields.prefix', '$') f WHERE f ~ '^{"id":[23]}';
SELECT pg_temp.skip();
INSERT INTO whole VALUES (1, 'one', repeat('x', 3000));
UPDATE whole SET name = 'two';
UPDATE whole SET id = 2;
DELETE FROM whole;
INSERT INTO nothing VALUES (1, 'one');
UPDATE nothing SET id = 2;
DELETE FROM nothing;
SELECT * FROM pg_temp.flat('keys', 'on');
SELECT pg_temp.skip();

-- ---- rows of a snapshot, messages, quarantine

INSERT INTO t VALUES (1, 'one', NULL, 1);
SELECT substring(encode(lakehouse.cdc_row(t.*, '{format,flat}'), 'escape') FROM '{.*}') FROM ONLY t;
SELECT pg_temp.skip();
SELECT pg_logical_emit_message(true, 'p', 'text "q"') IS NOT NULL, pg_logical_emit_message(true, 'p', '\x00ff'::bytea) IS NOT NULL;
CREATE TYPE brittle;
CREATE FUNCTION brittle_in(cstring) RETURNS brittle AS 'int4in' LANGUAGE internal IMMUTABLE STRICT;
CREATE FUNCTION brittle_out(brittle) RETURNS cstring AS 'enum_out' LANGUAGE internal IMMUTABLE STRICT;
CREATE TYPE brittle (INPUT = brittle_in, OUTPUT = brittle_out, LIKE = int4);
CREATE TABLE q (id int PRIMARY KEY, b brittle, secret text);
INSERT INTO q VALUES (1, '424242', 'secret');
SELECT * FROM pg_temp.flat();
SELECT pg_temp.skip();

-- ---- names: fields mean what they say

CREATE TABLE own (__op text PRIMARY KEY, ___op int, __lsn bigint, "__ts_us" text);
INSERT INTO own VALUES ('d', 1, 2, 'x');
CREATE TABLE none ();
INSERT INTO none DEFAULT VALUES;
SELECT * FROM pg_temp.flat('keys', 'on');
SELECT pg_temp.refused(VARIADIC o) FROM (VALUES (ARRAY['add.fields', 'op']), (ARRAY['add.fields', 'n:seq']), (ARRAY['add.fields', 'nosuch']), (ARRAY['unwrap', 'on']), (ARRAY['outbox.table', 'cdc.t'])) v(o);
SELECT pg_temp.skip();

-- ---- masks hold for all of it, keys too

SELECT lakehouse.cdc_mask_set('whole', 'name', 'constant:masked'), lakehouse.cdc_mask_set('t', 'name', 'null');
TRUNCATE whole, t;
SELECT pg_temp.skip();
INSERT INTO whole VALUES (1, 'secret', NULL); UPDATE whole SET name = 'secret 2'; DELETE FROM whole;
INSERT INTO t VALUES (1, 'secret', 'open', 1);
SELECT * FROM pg_temp.flat('keys', 'on', 'message.key.columns', 'cdc.whole:name');
SELECT pg_temp.skip();
SELECT lakehouse.cdc_mask_drop('whole', 'name'), lakehouse.cdc_mask_drop('t', 'name');
TRUNCATE whole, t;
SELECT pg_temp.skip();

-- ---- folded by key, rows are those of the table

CREATE TABLE lines (n bigint GENERATED ALWAYS AS IDENTITY, l jsonb);
CREATE TABLE copy (LIKE whole);
BEGIN;
INSERT INTO whole SELECT i, 'name ' || i, repeat('x', 3000) FROM generate_series(1, 20) i;
UPDATE whole SET name = name || '!' WHERE id % 3 = 0;
COMMIT;
UPDATE whole SET id = id + 100 WHERE id % 4 = 0;
BEGIN;
DELETE FROM whole WHERE id % 5 = 0;
INSERT INTO whole VALUES (5, 'again', NULL);
UPDATE whole SET id = 4 WHERE id = 104;
UPDATE whole SET name = E'\u0001\U0001d11e' WHERE id = 4;
COMMIT;
INSERT INTO lines (l) SELECT data::jsonb FROM pg_logical_slot_peek_changes('regress_cdc', NULL, NULL, 'format', 'flat', 'table.include.list', 'cdc.whole');
WITH last AS (SELECT DISTINCT ON (l -> 'id') l FROM lines ORDER BY l -> 'id', (l ->> '__lsn')::bigint DESC, (l ->> '__seq')::bigint DESC, n DESC)
INSERT INTO copy SELECT (l ->> 'id')::int, l ->> 'name', l ->> 'big' FROM last WHERE l ->> '__op' <> 'd';
SELECT count(*), (SELECT count(*) FROM whole) AS source, (SELECT count(*) FROM (TABLE whole EXCEPT TABLE copy) x) AS lacking FROM copy;
-- pairs ascend with the stream
SELECT count(*) FILTER (WHERE (a.l ->> '__lsn', a.l ->> '__seq') IS NULL) AS without,
	count(*) FILTER (WHERE ((a.l ->> '__lsn')::bigint, (a.l ->> '__seq')::bigint) > ((b.l ->> '__lsn')::bigint, (b.l ->> '__seq')::bigint)) AS descending,
	count(*) > 40 AS enough FROM lines a JOIN lines b ON b.n = a.n + 1;

SELECT pg_drop_replication_slot('regress_cdc');
\set VERBOSITY default
DROP SCHEMA cdc CASCADE;
