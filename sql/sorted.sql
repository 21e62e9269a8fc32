\set schema test_sorted
\i sql/include/setup.psql

-- Option sorted_by: an order that the planner may rely on, and that a scan
-- which relies on it checks.
SELECT make_table('trips', 'trip_id bigint, day date, vendor text, code text COLLATE "C", note text', 'flat/trips.parquet', $$format 'parquet', sorted_by 'trip_id, code'$$);
SELECT make_table('unsorted', 'trip_id bigint, day date, vendor text, code text COLLATE "C", note text', 'flat/trips.parquet', $$format 'parquet'$$);

-- no sort where the order serves; LIMIT stops reading
SELECT plan('SELECT trip_id, vendor FROM trips ORDER BY trip_id');
SELECT plan('SELECT vendor FROM trips ORDER BY trip_id, code LIMIT 3', 'COSTS OFF, ANALYZE, TIMING OFF, SUMMARY OFF');
SELECT vendor FROM trips ORDER BY trip_id, code LIMIT 3;
SELECT plan('SELECT trip_id, count(note) FROM trips GROUP BY trip_id LIMIT 2');
SET enable_hashjoin = off;
SET enable_nestloop = off;
SELECT plan('SELECT a.vendor, b.note FROM trips a JOIN trips b USING (trip_id)');
SELECT count(*), sum(a.trip_id) FROM trips a JOIN trips b USING (trip_id) WHERE a.note IS NOT NULL;
RESET enable_hashjoin;
RESET enable_nestloop;
SELECT plan('SELECT code FROM trips WHERE trip_id = 1003 ORDER BY code');
SELECT plan('SELECT DISTINCT trip_id FROM trips');
SELECT count(*) FROM (SELECT trip_id FROM trips ORDER BY trip_id) a FULL JOIN (SELECT trip_id FROM unsorted) b USING (trip_id) WHERE a IS NULL OR b IS NULL;

-- another order needs its sort
SELECT plan('SELECT trip_id FROM trips ORDER BY trip_id DESC');
SELECT plan('SELECT trip_id FROM trips ORDER BY code');
SELECT plan('SELECT trip_id FROM trips ORDER BY trip_id NULLS FIRST');

-- scans that start again
SELECT plan('SELECT count(*) FROM generate_series(1, 3) g, LATERAL (SELECT trip_id FROM trips WHERE trip_id > g * 1000 ORDER BY trip_id LIMIT 2) s', 'COSTS OFF');
SELECT g, s.trip_id FROM generate_series(1, 3) g, LATERAL (SELECT trip_id FROM trips WHERE trip_id > g * 1000 ORDER BY trip_id LIMIT 2) s;

-- a breach is an error that names file and row, when somebody relies on the order
SELECT make_table('wrong', 'trip_id bigint, day date, vendor text COLLATE "C", code text', 'flat/trips.parquet', $$format 'parquet', sorted_by 'vendor, trip_id'$$);
SELECT * FROM outcome('SELECT count(*) FROM (SELECT vendor FROM wrong ORDER BY vendor) s');
SELECT * FROM outcome('SELECT trip_id FROM wrong WHERE vendor = ''Comet'' ORDER BY trip_id LIMIT 1');
SELECT * FROM outcome('SELECT vendor FROM wrong ORDER BY vendor LIMIT 1');
SELECT count(vendor) FROM wrong;
SELECT trip_id FROM wrong ORDER BY trip_id LIMIT 1;
-- the row before may lie in the batch before, or be null
SELECT make_table('desc_order', 'trip_id bigint, note text COLLATE "C"', 'flat/trips.parquet', $$format 'parquet', sorted_by '["note DESC nulls last", "trip_id desc"]'$$);
SELECT * FROM outcome('SELECT note FROM desc_order WHERE trip_id % 2048 = 1 OR note IS NOT NULL ORDER BY note DESC NULLS LAST');
SELECT * FROM outcome('SELECT note FROM desc_order WHERE note IS NULL ORDER BY note DESC NULLS LAST LIMIT 1');
SELECT plan('SELECT note FROM desc_order ORDER BY note DESC');
SELECT make_table('descending', 'trip_id bigint', 'flat/trips.parquet', $$format 'parquet', sorted_by 'trip_id desc'$$);
SELECT * FROM outcome('SELECT trip_id FROM descending ORDER BY trip_id DESC');

-- files follow each other in byte order of their paths
SELECT make_table('parts', 'id bigint, year integer', 'hive', $$format 'parquet', sorted_by 'year'$$);
SELECT plan('SELECT year FROM parts ORDER BY year');
SELECT DISTINCT year FROM parts ORDER BY year;
SELECT make_table('parts_down', 'id bigint, year integer', 'hive', $$format 'parquet', sorted_by 'year DESC'$$);
SELECT * FROM outcome('SELECT year FROM parts_down ORDER BY year DESC');

-- text under another collation than C, domains, columns that do not exist: no order, no error
SELECT make_table('texts', 'vendor text COLLATE "C.utf8", trip_id bigint', 'flat/trips.parquet', $$format 'parquet', sorted_by 'vendor'$$);
SELECT plan('SELECT vendor FROM texts ORDER BY vendor');
CREATE DOMAIN id AS bigint;
SELECT make_table('domains', 'trip_id id', 'flat/trips.parquet', $$format 'parquet', sorted_by 'trip_id'$$);
SELECT plan('SELECT trip_id FROM domains ORDER BY trip_id');
SELECT make_table('nowhere', 'trip_id bigint', 'flat/trips.parquet', $$format 'parquet', sorted_by 'absent, trip_id'$$);
SELECT plan('SELECT trip_id FROM nowhere ORDER BY trip_id');
-- names are those in the files
ALTER FOREIGN TABLE trips RENAME COLUMN trip_id TO id;
SELECT plan('SELECT id FROM trips ORDER BY id');
SELECT id FROM trips ORDER BY id LIMIT 1;
SELECT * FROM outcome($$ALTER FOREIGN TABLE trips OPTIONS (SET sorted_by '')$$);
