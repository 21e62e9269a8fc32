\set schema test_composite
\i sql/include/setup.psql

-- Nested columns as composite types: the declared column type decides
CREATE FUNCTION composite_differences(tab regclass, jsonl text) RETURNS SETOF text LANGUAGE plpgsql SET client_min_messages = warning AS $$
DECLARE
	n bigint;
BEGIN
	CREATE TEMP TABLE want (line text);
	EXECUTE format('COPY want FROM %L (FORMAT csv, DELIMITER E''\x01'', QUOTE E''\x02'')', fixture(jsonl));
	RETURN QUERY EXECUTE format('SELECT ''-'' || r.* FROM (SELECT line FROM want EXCEPT ALL SELECT to_jsonb(t)::text FROM %s t) r', tab);
	RETURN QUERY EXECUTE format('SELECT ''+'' || r.* FROM (SELECT to_jsonb(t)::text FROM %s t EXCEPT ALL SELECT line FROM want) r', tab);
	EXECUTE format('SELECT count(*) FROM %s', tab) INTO n;
	RETURN NEXT n || ' rows';
	DROP TABLE want;
END $$;

CREATE FUNCTION define(name text, file text, pairs boolean DEFAULT false) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'DROP FOREIGN TABLE IF EXISTS ' || quote_ident(name);
	EXECUTE lakehouse.ddl(fixture(file), name, types => 'test_composite', pairs => pairs);
END $$;

-- types for a location, and the table that uses them
SELECT * FROM lakehouse.create_types(fixture('nested/structs.parquet'), 'test_composite');
SELECT without_path(lakehouse.ddl(fixture('nested/structs.parquet'), types => 'test_composite'));
SELECT define('structs', 'nested/structs.parquet');
SELECT composite_differences('structs', 'nested/structs.jsonl');
SELECT id, s, (deep).more FROM structs ORDER BY id;
SELECT column_path, type_name FROM lakehouse.create_types(fixture('nested/mixed.parquet'), 'test_composite');
SELECT define('mixed', 'nested/mixed.parquet');
SELECT composite_differences('mixed', 'nested/mixed.jsonl');
SELECT id, items, (holder).l FROM mixed ORDER BY id;

-- maps as arrays of pairs, by request
SELECT column_path, type_name, ddl FROM lakehouse.create_types(fixture('nested/maps.parquet'), 'test_composite', pairs => true);
SELECT define('maps', 'nested/maps.parquet', true);
SELECT id, text_int, twice, map_map FROM maps ORDER BY id;
SELECT id, key, value FROM maps, unnest(int_text) ORDER BY id, key;
CREATE TYPE entry AS (name varchar, amount numeric(6,1));
SELECT make_table('maps', 'id integer, text_int entry[]', 'nested/maps.parquet');
SELECT * FROM maps ORDER BY id;

-- names: cut on a character, made unique, the same ones each time
SELECT column_path, type_name, ddl FROM lakehouse.create_types(fixture('nested/names.parquet'), 'test_composite');
SELECT define('names', 'nested/names.parquet');
SELECT row_to_json(names) FROM names;
SELECT * FROM outcome($$ SELECT lakehouse.create_types(fixture('nested/names.parquet'), 'test_composite') $$);
SELECT * FROM outcome($$ SELECT lakehouse.create_types(fixture('nested/names.parquet'), 'nowhere') $$);
SELECT * FROM lakehouse.create_types(fixture('flat/alltypes.parquet'), 'test_composite');
SELECT * FROM lakehouse.refresh_columns('mixed');

-- other types for members, domains over composite types and inside them
CREATE DOMAIN small AS integer CHECK (VALUE < 3);
CREATE TYPE point_small AS (y numeric(5,2), x small);
CREATE DOMAIN point_checked AS point_small CHECK ((VALUE).y IS NULL OR (VALUE).y > -1);
SELECT make_table('points', 'id integer, s point_checked', 'nested/structs.parquet');
SELECT * FROM points WHERE id <> 3 ORDER BY id;
SELECT pg_typeof(s), count(*) FROM points WHERE id < 3 GROUP BY 1;
SELECT * FROM outcome('SELECT s FROM points');
ALTER DOMAIN point_checked ADD CHECK ((VALUE).y > 0) NOT VALID;
SELECT * FROM outcome('SELECT s FROM points WHERE id = 4');
CREATE TYPE as_text AS (x text, y text);
SELECT make_table('points', 'id integer, s as_text', 'nested/structs.parquet');
SELECT * FROM points ORDER BY id;
ALTER TYPE as_text ADD ATTRIBUTE gone integer;
ALTER TYPE as_text DROP ATTRIBUTE gone;
SELECT * FROM points ORDER BY id LIMIT 2;

-- what only one side has
CREATE TYPE point_less AS (x integer);
CREATE TYPE point_more AS (x integer, y double precision, "X" integer);
CREATE TYPE point_wrong AS (x date, y double precision);
SELECT make_table('points', 's point_less', 'nested/structs.parquet');
SELECT * FROM outcome('SELECT s FROM points');
SELECT make_table('points', 's point_more', 'nested/structs.parquet');
SELECT * FROM outcome('SELECT s FROM points');
SELECT make_table('points', 's point_wrong', 'nested/structs.parquet');
SELECT * FROM outcome('SELECT s FROM points');
SELECT make_table('points', 's integer', 'nested/structs.parquet');
SELECT * FROM outcome('SELECT s FROM points');
SELECT make_table('maps', 'text_int point_more[]', 'nested/maps.parquet');
SELECT * FROM outcome('SELECT text_int FROM maps');
SELECT make_table('lists', 'l_list point_less[]', 'nested/lists.parquet');
SELECT * FROM outcome('SELECT l_list FROM lists');

-- files whose structs differ
CREATE TYPE inner_row AS (deep boolean);
CREATE TYPE united AS (x integer, y bigint, z text, "in" inner_row);
SELECT make_table('unions', 's united', 'nested/union', $$union_by_name 'true'$$);
SELECT s, s IS NULL AS is_null FROM unions;
SELECT make_table('unions', 's united', 'nested/union');
SELECT * FROM outcome('SELECT s FROM unions');
CREATE TYPE first_only AS (x integer, y bigint);
SELECT make_table('unions', 's first_only', 'nested/union');
SELECT * FROM outcome('SELECT s FROM unions');
SELECT column_path, type_name, ddl FROM lakehouse.create_types(fixture('nested/union'), 'test_composite', options => '{"union_by_name": true}');
SELECT make_table('unions', 's union_s', 'nested/union', $$union_by_name 'true'$$);
SELECT s FROM unions;
ALTER TYPE united ADD ATTRIBUTE nobody integer;
SELECT make_table('unions', 's united', 'nested/union', $$union_by_name 'true'$$);
SELECT * FROM outcome('SELECT s FROM unions');

-- many rows, filters, batches, aggregates
CREATE TYPE tall_s AS (l integer[], a integer);
SELECT make_table('tall', 'id integer, ints integer[], texts text[], s tall_s', 'nested/tall.parquet');
CREATE TABLE tall_heap AS SELECT * FROM tall;
SELECT count(*), count(s), count((s).a), sum((s).a), sum(array_length((s).l, 1)) FROM tall;
SELECT count(*), count(s), count((s).a), sum((s).a), sum(array_length((s).l, 1)) FROM tall_heap;
SELECT count(*) FROM (SELECT id, s FROM tall WHERE id % 7 = 3 EXCEPT ALL SELECT id, s FROM tall_heap WHERE id % 7 = 3) d;
SELECT id, s FROM tall WHERE id IN (0, 5, 2047, 2048, 2999) ORDER BY id;
SELECT s FROM tall WHERE s = ROW(ARRAY[2, 2], 98)::tall_s LIMIT 2;
SELECT count(*) FROM tall WHERE s IS NULL;

-- lakehouse.read knows them too
SELECT id, (s).x FROM lakehouse.read(fixture('nested/structs.parquet')) AS t(id integer, s as_text) ORDER BY id;
