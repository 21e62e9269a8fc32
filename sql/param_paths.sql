\set schema test_param_paths
\i sql/include/setup.psql

-- Nested loops that look values up: offered where footers say that row groups divide the values
SELECT make_table('trips', 'trip_id bigint, day date, vendor text, code text COLLATE "C", note text', 'flat/trips.parquet');
CREATE TABLE copy AS SELECT * FROM trips;
CREATE TABLE h (id bigint, hi bigint, code text COLLATE "C");
INSERT INTO h VALUES (1003, 1009, 'C00003'), (8500, 8503, 'C00006'), (60997, 61000, 'C97007'), (NULL, NULL, NULL), (5, 6, 'none'), (1003, 1003, NULL);
ANALYZE h;
ANALYZE copy;
-- every row of the outer side begins the scan again
SET enable_memoize = off;
-- servers differ in which side of a join's equality they write first
CREATE FUNCTION sides(line text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	m text[] := regexp_match(line, '^(.*)\(((?:[^()=]|\([^()]*\))+) = ((?:[^()=]|\([^()]*\))+)\)$');
BEGIN
	RETURN CASE WHEN m IS NULL THEN line
		ELSE format('%s(%s = %s)', m[1], least(m[2] COLLATE "C", m[3] COLLATE "C"), greatest(m[2] COLLATE "C", m[3] COLLATE "C")) END;
END $$;
-- the executed look-ups; rows of a loop are rounded as the version likes
CREATE FUNCTION probed(query text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT sides(line) FROM plan(query, 'COSTS OFF, ANALYZE, TIMING OFF, SUMMARY OFF') line
	WHERE line ~ 'Vector Filter|Files|Row Groups|Pages|Rows|never executed'
$$;

-- the differences between a query and the same one on a heap table, and with hash joins
CREATE FUNCTION differs(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE format('WITH a AS MATERIALIZED (%s), b AS MATERIALIZED (%s)
		SELECT count(*) FROM ((TABLE a EXCEPT ALL TABLE b) UNION ALL (TABLE b EXCEPT ALL TABLE a)) d',
		query, replace(query, 'trips', 'copy')) INTO n;
	RETURN n;
END $$;

SELECT probed('SELECT h.id, t.vendor FROM h JOIN trips t ON t.trip_id = h.id');
SELECT h.id, t.vendor FROM h JOIN trips t ON t.trip_id = h.id ORDER BY 1;
SET enable_nestloop = off;
SELECT sides(p) FROM plan('SELECT h.id, t.vendor FROM h JOIN trips t ON t.trip_id = h.id') p;
SELECT h.id, t.vendor FROM h JOIN trips t ON t.trip_id = h.id ORDER BY 1;
RESET enable_nestloop;

-- ranges; further conditions; outer and semi joins; expressions of the other side
SELECT probed('SELECT h.id, t.trip_id FROM h JOIN trips t ON t.trip_id BETWEEN h.id AND h.hi');
SELECT sides(p) FROM plan('SELECT h.id, t.note FROM h LEFT JOIN trips t ON t.trip_id = h.id + 3 AND t.vendor <> ''Comet''') p;
SELECT q, differs(q) FROM unnest(ARRAY[
	'SELECT h.id, t.vendor FROM h JOIN trips t ON t.trip_id = h.id',
	'SELECT h.id, t.trip_id FROM h JOIN trips t ON t.trip_id BETWEEN h.id AND h.hi',
	'SELECT h.id, t.note FROM h LEFT JOIN trips t ON t.trip_id = h.id + 3 AND t.vendor <> ''Comet''',
	'SELECT h.id FROM h WHERE EXISTS (SELECT FROM trips t WHERE t.trip_id = h.id)',
	'SELECT h.id FROM h WHERE NOT EXISTS (SELECT FROM trips t WHERE t.trip_id = h.id)',
	'SELECT h, t::text AS t FROM h JOIN trips t ON t.trip_id = h.id AND t.note || ''x'' > h.code',
	'SELECT a.id, b.id, t.vendor FROM h a JOIN h b ON a.hi = b.hi JOIN trips t ON t.trip_id = a.id AND t.code = b.code']) q;

-- look-ups in one row group, one after the other, decode its dictionaries once; in another one anew
CREATE TABLE near AS SELECT 1000 + 30 * g AS id FROM generate_series(1, 5) g;
ANALYZE near;
SELECT probed('SELECT n.id, t.vendor FROM near n JOIN trips t ON t.trip_id = n.id');
SELECT counter('SELECT n.id, t.vendor FROM near n JOIN trips t ON t.trip_id = n.id', 'Dictionary Pages Read') AS near,
	counter('SELECT h.id, t.vendor FROM h JOIN trips t ON t.trip_id = h.id', 'Dictionary Pages Read') AS far;
SELECT n.id, t.vendor FROM near n JOIN trips t ON t.trip_id = n.id ORDER BY 1;

-- LATERAL
SELECT sides(p) FROM plan('SELECT h.id, s.* FROM h, LATERAL (SELECT t.vendor, t.code || h.code AS c FROM trips t WHERE t.trip_id = h.id) s') p;
SELECT h.id, s.* FROM h, LATERAL (SELECT t.vendor, t.code || h.code AS c FROM trips t WHERE t.trip_id = h.id) s ORDER BY 1;
SELECT g, s.trip_id FROM generate_series(1, 3) g, LATERAL (SELECT trip_id FROM trips WHERE trip_id = g * 1000 OFFSET 0) s;

-- a prepared plan, and parameters of both kinds
SET plan_cache_mode = force_generic_plan;
PREPARE p (text) AS SELECT h.id, t.vendor FROM h JOIN trips t ON t.trip_id = h.id WHERE t.vendor <> $1 ORDER BY 1;
EXECUTE p ('Comet');
EXECUTE p ('none');
RESET plan_cache_mode;

-- rows that others may change: EvalPlanQual needs the clause, and the table's row
BEGIN;
SELECT sides(p) FROM plan('SELECT h.id, t.vendor FROM h JOIN trips t ON t.trip_id = h.id FOR UPDATE OF h') p;
SELECT h.id, t.vendor FROM h JOIN trips t ON t.trip_id = h.id ORDER BY 1 FOR UPDATE OF h;
UPDATE h SET code = t.vendor FROM trips t WHERE t.trip_id = h.id RETURNING h.id, h.code, t.trip_id;
ROLLBACK;

-- a column that any row group may hold has no such path, whatever it costs
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SELECT sides(p) FROM plan('SELECT h.id FROM h JOIN trips t ON t.vendor = h.code') p;
-- code is not sorted, but has bloom filters: these serve when a value is known to be rare
SELECT sides(p) FROM plan('SELECT h.id FROM h JOIN trips t ON t.code = h.code') p;
ANALYZE trips;
SELECT probed('SELECT h.id FROM h JOIN trips t ON t.code = h.code');
SELECT differs('SELECT h.id, t.trip_id FROM h JOIN trips t ON t.code = h.code');
-- nor has any when nothing is pushed down
SET lakehouse.pushdown = off;
SELECT sides(p) FROM plan('SELECT h.id, t.vendor FROM h JOIN trips t ON t.trip_id = h.id') p;
RESET lakehouse.pushdown;

-- each worker of a parallel plan looks up for its own rows
CREATE TABLE many AS SELECT 1000 + 30 * g AS id FROM generate_series(1, 40) g;
ALTER TABLE many SET (parallel_workers = 2);
ANALYZE many;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SELECT sides(p) FROM plan('SELECT m.id, t.vendor FROM many m JOIN trips t ON t.trip_id = m.id') p;
SELECT differs('SELECT m.id, t.vendor FROM many m JOIN trips t ON t.trip_id = m.id');
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET enable_hashjoin;
RESET enable_mergejoin;

-- partitions: each gets the parameter
CREATE TABLE parts (trip_id bigint, vendor text) PARTITION BY RANGE (trip_id);
SELECT make_table('low', 'vendor text, trip_id bigint', 'flat/trips.parquet');
SELECT make_table('high', 'junk text, trip bigint OPTIONS (column_name ''trip_id''), vendor text', 'flat/trips.parquet');
ALTER FOREIGN TABLE high RENAME COLUMN trip TO trip_id;
ALTER FOREIGN TABLE high DROP COLUMN junk;
ALTER TABLE parts ATTACH PARTITION low FOR VALUES FROM (MINVALUE) TO (100000);
ALTER TABLE parts ATTACH PARTITION high FOR VALUES FROM (100000) TO (200000);
SELECT probed('SELECT h.id, t.vendor FROM h JOIN parts t ON t.trip_id = h.id');
SELECT h.id, t.vendor FROM h JOIN parts t ON t.trip_id = h.id ORDER BY 1;


-- a plan of before holds nothing of the files: others may be there when it runs
SET plan_cache_mode = force_generic_plan;
PREPARE q AS SELECT h.id, t.vendor FROM h JOIN trips t ON t.trip_id = h.id ORDER BY 1;
EXECUTE q;
DO $$ BEGIN EXECUTE format('ALTER FOREIGN TABLE trips OPTIONS (SET location %L)', fixture('nowhere/*.parquet')); END $$;
SELECT * FROM outcome('EXECUTE q');
RESET plan_cache_mode;
