-- Plans: what becomes a scan of ours, what is left to PostgreSQL and why.
\getenv fixtures LAKEHOUSE_FIXTURES
\set trips :fixtures '/flat/trips.parquet'
BEGIN;
SELECT no_plan();
SET LOCAL jit = off;
CREATE SERVER lake FOREIGN DATA WRAPPER lakehouse;
CREATE SCHEMA plans;
SET LOCAL search_path = plans, public;
CREATE FOREIGN TABLE trips () SERVER lake OPTIONS (location :'trips');
CREATE TABLE heap AS SELECT * FROM trips LIMIT 100;
ANALYZE heap;
SELECT set_config('plans.trips', :'trips', true);

-- Node types of a plan from the top, "Foreign Scan" as what it does.
CREATE FUNCTION shape(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	plan json;
	r text;
BEGIN
	EXECUTE 'EXPLAIN (COSTS OFF, VERBOSE, FORMAT JSON) ' || query INTO plan;
	WITH RECURSIVE nodes AS (
		SELECT plan -> 0 -> 'Plan' AS node, ARRAY[1] AS path
		UNION ALL
		SELECT child.value, path || child.ordinality::int FROM nodes, json_array_elements(node -> 'Plans') WITH ORDINALITY child)
	SELECT string_agg(CASE
			WHEN node ->> 'Node Type' NOT IN ('Foreign Scan', 'Custom Scan') THEN node ->> 'Node Type'
			WHEN node -> 'Vector Aggregate' IS NOT NULL THEN 'vector aggregate'
			ELSE 'scan' END || CASE WHEN node -> 'Vector Filter' IS NOT NULL THEN ' vector' ELSE '' END
			|| CASE WHEN node -> 'Dictionary Filter' IS NOT NULL THEN ' dictionary' ELSE '' END
			|| CASE WHEN node -> 'Filter' IS NOT NULL THEN ' filter' ELSE '' END, ' > ' ORDER BY path)
	INTO r FROM nodes;
	RETURN r;
END $$;
CREATE FUNCTION property(query text, name text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (COSTS OFF, VERBOSE, FORMAT JSON) ' || query INTO plan;
	RETURN plan -> 0 -> 'Plan' ->> name;
END $$;

-- ---- conditions

SELECT is(shape(q), 'scan vector', q) FROM unnest(ARRAY[
	'SELECT vendor FROM trips WHERE trip_id = 5',
	'SELECT vendor FROM trips WHERE trip_id IN (1, 2, 3) OR (NOT shared AND day < ''2024-02-01'')',
	'SELECT vendor FROM trips WHERE fare BETWEEN 1.5 AND 2 AND tip IS NOT NULL',
	'SELECT vendor FROM trips WHERE note LIKE ''a%'' AND starts_with(code, ''b'')',
	'SELECT vendor FROM trips WHERE extract(year FROM day) = 2024',
	'SELECT vendor FROM trips WHERE tip IS DISTINCT FROM 1']) q;
SELECT is(shape('SELECT trip_id FROM trips WHERE upper(vendor) = ''COMET'''), 'scan dictionary', 'a function of one column: for each dictionary entry');
SELECT is(shape(q), 'scan filter', q) FROM unnest(ARRAY[
	'SELECT trip_id FROM trips WHERE random() < 2',
	'SELECT trip_id FROM trips WHERE vendor || note = ''x''',
	'SELECT trip_id FROM trips WHERE picked_at::date = ''2024-01-10''',
	'SELECT trip_id FROM trips WHERE coalesce(note, ''x'') = ''x''']) q;
SELECT is(shape('SELECT trip_id FROM trips WHERE fare > 3 AND vendor || note = ''x'''), 'scan vector filter', 'one of each');
SELECT matches(property('SELECT trip_id FROM trips WHERE fare > 3 AND vendor || note = ''x''', 'Not Vectorized'), '.', 'VERBOSE says why');
SELECT is(shape('SELECT trip_id FROM trips WHERE false'), 'Result', 'nothing to read');

-- ---- aggregates

SELECT is(shape(q), 'vector aggregate', q) FROM unnest(ARRAY[
	'SELECT count(*) FROM trips',
	'SELECT sum(fare * passengers), avg(distance), min(day), max(note COLLATE "C"), count(DISTINCT vendor), bool_or(shared) FROM trips',
	'SELECT count(*) FILTER (WHERE fare > 3), sum(length(note)) FROM trips']) q;
SELECT is(shape('SELECT count(*) FROM trips WHERE fare > 3'), 'vector aggregate vector', 'with a condition');
SELECT is(shape('SELECT sum(fare) / count(*) FROM trips HAVING count(*) > 10'), 'vector aggregate filter', 'expressions over aggregates, HAVING');
-- 16 and later sort for DISTINCT
SELECT is(replace(shape(q), 'Sort > ', ''), 'Aggregate > scan', q) FROM unnest(ARRAY[
	'SELECT string_agg(vendor, '','') FROM trips',
	'SELECT sum(DISTINCT passengers) FROM trips',
	'SELECT count(upper(vendor)) FROM trips']) q;
SELECT is(shape('SELECT count(*) FROM trips WHERE random() < 2'), 'Aggregate > scan filter', 'not over a condition that is left to PostgreSQL');
SELECT matches(shape('SELECT vendor, count(*) FROM trips GROUP BY vendor'), '^Aggregate > (Sort > )?scan$', 'not for groups');

-- ---- limits, joins, locks, writes

SELECT is(shape('SELECT trip_id FROM trips LIMIT 5'), 'Limit > scan', 'LIMIT');
SELECT matches(shape('SELECT trip_id FROM trips ORDER BY fare LIMIT 5'), '^Limit > Sort > scan$', 'ORDER BY sorts');
SELECT unalike(shape('SELECT count(*) FROM trips JOIN heap USING (trip_id)'), '%vector aggregate%', 'a join is PostgreSQL''s');
SELECT throws_ok('INSERT INTO trips (trip_id) VALUES (1)', '0A000', NULL, 'no INSERT');
SELECT throws_ok('DELETE FROM trips', '0A000', NULL, 'no DELETE');
SELECT throws_ok('UPDATE trips SET fare = 0', '0A000', NULL, 'no UPDATE');
SELECT throws_ok('TRUNCATE trips', '0A000', NULL, 'no TRUNCATE');

-- ---- lakehouse.read is a scan, too

SELECT is(shape(format('SELECT a.vendor FROM lakehouse.read(%L) AS a(vendor text, trip_id bigint) WHERE trip_id = 5', current_setting('plans.trips'))),
	'scan vector', 'lakehouse.read: a condition');
SELECT is(shape(format('SELECT a.vendor FROM lakehouse.read(%L) AS a(vendor text) LIMIT 3', current_setting('plans.trips'))),
	'Limit > scan', 'lakehouse.read: LIMIT');
SELECT is(shape(format('SELECT (r).vendor FROM lakehouse.read(NULL::trips, %L) r WHERE fare > 3', current_setting('plans.trips'))),
	'scan vector', 'lakehouse.read of a row type');

-- ---- switched off

SET LOCAL lakehouse.pushdown = off;
SELECT is(shape('SELECT vendor FROM trips WHERE trip_id = 5'), 'scan filter', 'lakehouse.pushdown = off: conditions are PostgreSQL''s');
SELECT is(shape('SELECT count(*) FROM trips'), 'Aggregate > scan', 'lakehouse.pushdown = off: aggregates are PostgreSQL''s');

SELECT * FROM finish();
ROLLBACK;
