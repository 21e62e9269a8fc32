\set schema test_parallel
\i sql/include/setup.psql

-- Parallel plans: processes share the row groups of a table; rows and counters are those of a serial plan
SELECT make_table('trips', 'trip_id bigint, day date, vendor text, distance float8, fare numeric(9,2), passengers smallint, note text', 'flat/trips.parquet');
CREATE FUNCTION parallel_on() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('parallel_setup_cost', '0', false), set_config('parallel_tuple_cost', '0', false),
		set_config('min_parallel_table_scan_size', '0', false), set_config('max_parallel_workers_per_gather', '3', false);
END $$;
CREATE FUNCTION parallel_off() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('max_parallel_workers_per_gather', '0', false);
END $$;

-- small tables are left to one process, and what is small counts by the columns that are read
SET max_parallel_workers_per_gather = 3;
SELECT plan('SELECT trip_id FROM trips WHERE fare > 11');
SET min_parallel_table_scan_size = '16kB';
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SELECT plan('SELECT shared FROM (SELECT vendor AS shared FROM trips) t'), plan('SELECT * FROM trips');
SELECT parallel_on();
SELECT plan('SELECT trip_id FROM trips WHERE fare > 11');
SELECT plan('SELECT * FROM lakehouse.read(' || quote_literal(fixture('flat/trips.parquet')) || ') AS t(trip_id bigint, fare numeric) WHERE fare > 11');
SELECT plan('SELECT count(*), sum(fare), min(day) FROM trips WHERE trip_id > 1100');
SELECT plan('SELECT vendor, count(*) FROM trips GROUP BY vendor');
-- no more workers than row groups beside the leader's
SELECT make_table('three', 'id integer', 'flat/alltypes_zstd.parquet');
SELECT plan('SELECT id FROM three');
SELECT make_table('one', 'id integer', 'flat/alltypes.parquet');
SELECT plan('SELECT id FROM one');

-- the same answer from both plans, and the same counters
CREATE FUNCTION counters(query text) RETURNS TABLE (name text, value bigint) LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (ANALYZE, VERBOSE, FORMAT json) ' || query INTO plan;
	RETURN QUERY SELECT key, v::text::bigint FROM jsonb_path_query(plan::jsonb, 'strict $.**.Plans[*] ? (exists (@."Row Groups"))') n(node),
		LATERAL jsonb_each(node) e(key, v)
		WHERE key ~ '^(Files|Row Groups|Pages|Dict|Rows S|Rows P|Runs)' AND jsonb_typeof(v) = 'number' AND key <> 'Rows Removed by Filter';
END $$;
CREATE FUNCTION compare(query text, OUT workers text, OUT same_rows boolean, OUT counters integer, OUT different text) LANGUAGE plpgsql AS $$
DECLARE
	serial text[];
	rows1 text;
	rows2 text;
BEGIN
	PERFORM parallel_off();
	EXECUTE 'SELECT md5(string_agg(r::text, '','' ORDER BY r::text)) FROM (' || query || ') r' INTO rows1;
	EXECUTE 'SELECT array_agg(name || '' '' || value ORDER BY name) FROM counters($1)' INTO serial USING 'SELECT * FROM (' || query || ' OFFSET 0) q ORDER BY 1';
	PERFORM parallel_on();
	EXECUTE 'SELECT md5(string_agg(r::text, '','' ORDER BY r::text)) FROM (' || query || ') r' INTO rows2;
	workers := counter(query, 'Workers Launched');
	counters := array_length(serial, 1);
	same_rows := rows1 IS NOT DISTINCT FROM rows2;
	SELECT string_agg(v, ', ') INTO different FROM (
		SELECT name || ' ' || value AS v FROM counters('SELECT * FROM (' || query || ' OFFSET 0) q ORDER BY 1') EXCEPT SELECT unnest(serial)) d;
END $$;
SELECT * FROM compare('SELECT * FROM trips');
SELECT * FROM compare('SELECT trip_id, note FROM trips WHERE fare > 11');
SELECT * FROM compare('SELECT trip_id, fare FROM trips WHERE trip_id BETWEEN 6000 AND 31000');
SELECT * FROM compare('SELECT trip_id FROM trips WHERE trip_id = 1003');
SELECT * FROM compare('SELECT trip_id FROM trips WHERE trip_id < 0');
SELECT * FROM compare('SELECT trip_id FROM trips WHERE upper(vendor) = ''COMET'' AND distance > 5');
SELECT * FROM compare('SELECT trip_id FROM trips WHERE vendor || note ~ ''umbrella''');
SELECT * FROM compare('SELECT trip_id FROM lakehouse.read(' || quote_literal(fixture('flat/trips.parquet')) || ') AS t(trip_id bigint, fare numeric) WHERE fare > 11');

-- aggregates: every row group is in one partial result, also those that metadata answers
SELECT * FROM compare('SELECT count(*), count(note), min(trip_id), max(day) FROM trips WHERE trip_id > 0');
SELECT * FROM compare('SELECT count(*), sum(passengers), sum(fare), avg(fare), avg(trip_id), bool_or(passengers > 2) FROM trips');
SELECT * FROM compare('SELECT count(*) FILTER (WHERE vendor = ''Comet''), sum(trip_id), max(fare) FROM trips WHERE day > ''2024-01-02''');
SELECT * FROM compare('SELECT count(*), min(trip_id) FROM trips WHERE trip_id > 11000 HAVING count(*) > 5');
-- float sums depend on the order of rows: not in parts, unless that was asked for
SELECT plan('SELECT sum(distance), avg(distance) FROM trips WHERE fare > 3');
SET lakehouse.float_order = fast;
SELECT plan('SELECT sum(distance), avg(distance) FROM trips WHERE fare > 3');
SELECT abs(sum(distance) - 93915.0) < 1e9 FROM trips;
RESET lakehouse.float_order;
-- a parallel plan that nobody needs is no fallback
SET lakehouse.require_vector = on;
SELECT count(DISTINCT vendor) FROM trips;
RESET lakehouse.require_vector;

-- grouped and joined above a Gather
SELECT vendor, count(*), sum(fare) FROM trips GROUP BY vendor ORDER BY vendor;
SELECT plan('SELECT count(*) FROM trips a JOIN trips b USING (trip_id) WHERE a.fare > 11 AND b.passengers = 2');
SELECT count(*) FROM trips a JOIN trips b USING (trip_id) WHERE a.fare > 11 AND b.passengers = 2;

-- rescans of a Gather, with and without parameters
SET enable_material = off;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_memoize = off;
SELECT g, n FROM generate_series(1, 3) g, LATERAL (SELECT count(*) AS n FROM (SELECT trip_id FROM trips WHERE passengers = g OFFSET 0) t) x;
SELECT g, n FROM generate_series(1, 3) g, LATERAL (SELECT count(*) + g * 0 AS n, sum(passengers) FROM trips WHERE trip_id > 1000 * (g * 0 + 10)) x;
SELECT count(*) FROM (VALUES (1), (2)) v(a) LEFT JOIN (SELECT trip_id FROM trips WHERE fare > 11 OFFSET 0) t ON v.a < t.trip_id;
SELECT g, (SELECT count(*) FROM (SELECT 1 FROM trips WHERE trip_id > 20000 LIMIT 700) t WHERE g > 0) FROM generate_series(0, 2) g;
RESET enable_material;
RESET enable_hashjoin;
RESET enable_mergejoin;
RESET enable_memoize;

-- LIMIT, cursors, prepared statements with parameters
SELECT count(*) FROM (SELECT trip_id FROM trips WHERE fare > 10 LIMIT 100) t;
BEGIN;
DECLARE c CURSOR FOR SELECT trip_id FROM trips;
FETCH 2 FROM c;
COMMIT;
SET plan_cache_mode = force_generic_plan;
PREPARE p (numeric, text) AS SELECT count(*), sum(fare) FROM trips WHERE fare > $1 AND vendor = $2;
SELECT plan('EXECUTE p (10, ''Comet'')');
EXECUTE p (10, 'Comet');
EXECUTE p (60, 'Comet');
EXECUTE p (NULL, 'Comet');
RESET plan_cache_mode;

-- one process reads where the other can not: without workers, without the leader
SET max_parallel_workers = 0;
SELECT count(*), sum(fare) FROM trips WHERE trip_id > 1100;
RESET max_parallel_workers;
SET parallel_leader_participation = off;
SELECT count(*), sum(fare) FROM trips WHERE trip_id > 1100;
SELECT count(*) FROM (SELECT trip_id, note FROM trips OFFSET 0) t;
RESET parallel_leader_participation;

-- partitions: Parallel Append, and partial aggregates below it
CREATE TABLE parts (trip_id bigint, vendor text, fare numeric(9,2)) PARTITION BY RANGE (trip_id);
SELECT make_table('low', 'fare numeric(9,2), trip_id bigint, vendor text', 'flat/trips.parquet');
SELECT make_table('high', 'vendor text, trip_id bigint, fare numeric(9,2)', 'flat/trips.parquet');
ALTER TABLE parts ATTACH PARTITION low FOR VALUES FROM (MINVALUE) TO (100000);
ALTER TABLE parts ATTACH PARTITION high FOR VALUES FROM (100000) TO (200000);
SELECT plan('SELECT trip_id FROM parts WHERE fare > 11');
SELECT count(*), sum(trip_id) FROM (SELECT trip_id FROM parts WHERE fare > 11 OFFSET 0) t;
SET enable_partitionwise_aggregate = on;
SELECT plan('SELECT count(*), sum(fare) FROM parts WHERE fare > 3');
SELECT count(*), sum(fare) FROM parts WHERE fare > 3;
RESET enable_partitionwise_aggregate;

-- Hive partitions reach workers with their values
SELECT make_table('hive', 'id integer, year integer, month integer', 'hive');
SELECT * FROM compare('SELECT * FROM hive');
SELECT * FROM compare('SELECT * FROM hive WHERE year = 2024');
SELECT * FROM compare('SELECT count(*), max(id), sum(year) FROM hive WHERE year = 2024');
SELECT make_table('cities', 'id integer, city text', 'hive_text');
SELECT * FROM compare('SELECT * FROM cities');

-- one NOTICE, whoever finds its reason first
SELECT make_table('nanos', 'id integer, c_ts_ns timestamp', 'flat/alltypes_zstd.parquet');
SELECT plan('SELECT * FROM nanos');
SELECT count(DISTINCT c_ts_ns) > 1 FROM (SELECT c_ts_ns FROM nanos OFFSET 0) t;
SET parallel_leader_participation = off;
SELECT count(DISTINCT c_ts_ns) > 1 FROM (SELECT c_ts_ns FROM nanos OFFSET 0) t;
RESET parallel_leader_participation;

-- errors of workers
SELECT make_table('broken', 'id integer', 'bad/cut_in_half.parquet');
SELECT * FROM outcome('SELECT * FROM broken');
SELECT make_table('untrue', 'trip_id bigint, note text NOT NULL', 'flat/trips.parquet');
SELECT says ~ 'null in row' FROM outcome('SELECT trip_id, note FROM untrue') WHERE what = '23502';
SELECT says ~ 'division by zero' FROM outcome('SELECT 1 / (trip_id - 9001) FROM trips') WHERE what = '22012';

-- rights: workers read as the table's owner, the reader needs none
CREATE ROLE test_parallel_reader;
GRANT USAGE ON SCHEMA test_parallel TO test_parallel_reader;
GRANT SELECT ON trips TO test_parallel_reader;
SET ROLE test_parallel_reader;
SET parallel_leader_participation = off;
SELECT count(*), sum(fare) FROM trips WHERE trip_id > 1100;
SELECT what FROM outcome('SELECT * FROM lakehouse.read(' || quote_literal(current_setting('test.fixtures') || '/flat/trips.parquet') || ') AS t(trip_id bigint)');
RESET ROLE;
RESET parallel_leader_participation;
REVOKE ALL ON trips FROM test_parallel_reader;
REVOKE ALL ON SCHEMA test_parallel FROM test_parallel_reader;
DROP ROLE test_parallel_reader;
