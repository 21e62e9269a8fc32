\set schema test_scan_tuple
\i sql/include/setup.psql

-- The tuple of a scan is the row that the plan wants, or the table's row: the
-- same values whichever it is, wherever the columns lie.
SELECT make_table('trips', 'trip_id bigint, day date, vendor text, code text, note text', 'flat/trips.parquet', $$format 'parquet'$$);
CREATE TABLE heap AS SELECT * FROM trips;
CREATE FUNCTION differs(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE format('WITH a AS MATERIALIZED (%s), b AS MATERIALIZED (%s)
		SELECT count(*) FROM ((TABLE a EXCEPT ALL TABLE b) UNION ALL (TABLE b EXCEPT ALL TABLE a)) d',
		query, replace(query, 'trips', 'heap')) INTO n;
	RETURN n;
END $$;

SELECT vendor, trip_id, note FROM trips WHERE trip_id IN (1003, 1600) ORDER BY trip_id;
SELECT differs(q) AS differences, q FROM unnest(ARRAY[
	'SELECT note, code, trip_id FROM trips',
	'SELECT note, code FROM trips WHERE trip_id < 2000',
	'SELECT code, trip_id FROM trips WHERE trip_id < 2000 AND code > ''a''',
	'SELECT code, trip_id FROM trips WHERE code || ''x'' ~ ''1x$'' AND trip_id > 1500',
	'SELECT code, code AS again, trip_id + 1 FROM trips WHERE trip_id < 3000',
	'SELECT t::text FROM trips t WHERE trip_id < 1100',
	'SELECT t.*, t.vendor FROM trips t WHERE trip_id < 1100',
	'SELECT a.note, b.day, a.trip_id FROM trips a JOIN trips b ON b.trip_id = a.trip_id + 1 WHERE a.vendor = ''Comet''',
	'SELECT x.day, x.n FROM (SELECT day, count(*) AS n FROM trips WHERE note IS NULL GROUP BY day) x',
	'SELECT note, trip_id FROM (SELECT note, trip_id FROM trips OFFSET 0) s WHERE trip_id < 1500',
	'SELECT (SELECT max(b.code) FROM trips b WHERE b.trip_id < a.trip_id AND b.vendor = a.vendor) AS m, a.trip_id FROM trips a WHERE a.trip_id < 1030'
	]) q;

-- columns that are null, and columns without nulls, one behind the other
SELECT note, trip_id FROM trips WHERE trip_id BETWEEN 1000 AND 1005 ORDER BY trip_id;

-- a clause that the engine refuses is evaluated on the tuple, whatever its columns are called there
SELECT make_table('other', 'note text, vendor text, code text, trip_id text', 'flat/trips.parquet', $$format 'parquet'$$);
SELECT plan('SELECT code, vendor, trip_id FROM other WHERE (trip_id = ''1003'' OR note = ''none'')', 'COSTS OFF, ANALYZE, TIMING OFF, SUMMARY OFF');
SELECT code, vendor, trip_id FROM other WHERE (trip_id = '1003' OR note = 'none');
SELECT trip_id FROM other WHERE (trip_id = '1003' OR note = 'none') AND note IS NULL;
PREPARE p(text) AS SELECT trip_id, note FROM other WHERE trip_id = $1 OR note = 'none';
SET plan_cache_mode = force_generic_plan;
EXECUTE p('1002');
EXECUTE p('1006');
RESET plan_cache_mode;

-- rows that others may change: EvalPlanQual needs the table's row
BEGIN;
SELECT h.trip_id, t.vendor FROM heap h JOIN trips t USING (trip_id) WHERE h.trip_id = 1003 FOR UPDATE OF h;
UPDATE heap h SET note = t.vendor FROM trips t WHERE t.trip_id = h.trip_id AND h.trip_id = 1003 RETURNING h.trip_id, h.note, t.code, t;
INSERT INTO heap (vendor, trip_id) SELECT vendor, trip_id FROM trips WHERE trip_id = 1006 RETURNING trip_id, vendor, note;
ROLLBACK;

-- tableoid and dropped columns
ALTER FOREIGN TABLE trips DROP COLUMN day;
ALTER TABLE heap DROP COLUMN day;
SELECT tableoid::regclass, note, vendor FROM trips WHERE trip_id = 1003;
SELECT differs('SELECT note, trip_id, vendor FROM trips WHERE code > ''m''');
