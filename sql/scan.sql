\set schema test_scan
\i sql/include/setup.psql

-- A scan in every part of the executor that asks something of a foreign scan
SELECT make_table('trips', 'trip_id bigint NOT NULL, day date, picked_at timestamptz, vendor text, zone text, passengers smallint,
	distance double precision, fare numeric(9,2), tip numeric(9,2), code text, note text, shared boolean', 'flat/trips.parquet');
SELECT digest_differences('trips', 'trip_id', 'flat/trips.csv');
CREATE TABLE trips_heap AS SELECT * FROM trips;

-- only the columns that are needed, in any order, and none at all
SELECT plan('SELECT vendor, day FROM trips');
SELECT plan('SELECT vendor FROM trips WHERE note ~ ''x''');
SELECT plan('SELECT 1 FROM trips');
SELECT count(*) FROM (SELECT 1 FROM trips OFFSET 0) t;
SELECT counter('SELECT 1 FROM trips', 'Pages Decoded');
SELECT counter('SELECT vendor, day FROM trips', 'Rows Scanned');

-- LIMIT stops reading
SELECT trip_id, vendor FROM trips LIMIT 3;
SELECT counter('SELECT trip_id, vendor FROM trips LIMIT 3', 'Rows Scanned');
SELECT trip_id FROM trips OFFSET 19998;
SELECT trip_id FROM trips LIMIT 0;

-- whole rows, tableoid, system columns
SELECT t FROM trips t LIMIT 2;
SELECT tableoid::regclass, trip_id FROM trips LIMIT 1;
SELECT * FROM outcome('SELECT ctid FROM trips');
SELECT count(*) FROM trips t JOIN trips_heap h ON t.trip_id = h.trip_id AND t::text = h::text;

-- dropped, added and renamed columns
SELECT make_table('cols', 'a integer, day date, b text, trip_id bigint, zone text', 'flat/trips.parquet');
ALTER FOREIGN TABLE cols DROP COLUMN a;
ALTER FOREIGN TABLE cols DROP COLUMN b;
SELECT * FROM cols LIMIT 1;
SELECT c FROM cols c LIMIT 1;
ALTER FOREIGN TABLE cols ADD COLUMN vendor text, ADD COLUMN fare numeric;
ALTER FOREIGN TABLE cols ADD COLUMN t bigint OPTIONS (column_name 'trip_id');
SELECT * FROM cols LIMIT 1;

-- columns that no file has, and tables without columns
SELECT make_table('missing', 'trip_id bigint, nothing integer, "Vendor" text', 'flat/trips.parquet');
SELECT trip_id FROM missing LIMIT 1;
SELECT * FROM outcome('SELECT nothing FROM missing');
SELECT * FROM outcome('SELECT "Vendor" FROM missing');
SELECT * FROM outcome('SELECT trip_id FROM missing WHERE nothing = 1');
SELECT make_table('no_columns', '', 'flat/trips.parquet');
DO $$
DECLARE
	c text;
BEGIN
	FOR c IN SELECT attname FROM pg_attribute WHERE attrelid = 'no_columns'::regclass AND attnum > 0 AND NOT attisdropped LOOP
		EXECUTE format('ALTER FOREIGN TABLE no_columns DROP COLUMN %I', c);
	END LOOP;
END $$;
SELECT * FROM outcome('SELECT * FROM no_columns');

-- NOT NULL is believed by the planner, so it is verified
SELECT make_table('strict', 'trip_id bigint NOT NULL, tip numeric NOT NULL', 'flat/trips.parquet');
SELECT count(trip_id) FROM (SELECT trip_id FROM strict OFFSET 0) s;
SELECT * FROM outcome('SELECT tip FROM strict');

-- joins, rescans with and without parameters
SELECT plan('SELECT count(*) FROM (VALUES (1003), (1006), (7)) v (id) LEFT JOIN LATERAL (SELECT * FROM trips WHERE trip_id = v.id OFFSET 0) t ON true');
SELECT v.id, t.code FROM (VALUES (1003), (1006), (7)) v (id) LEFT JOIN LATERAL (SELECT * FROM trips WHERE trip_id = v.id OFFSET 0) t ON true;
SELECT v.id, t.code FROM (VALUES (1003), (1006), (7)) v (id) LEFT JOIN LATERAL (SELECT * FROM trips WHERE trip_id + 0 = v.id OFFSET 0) t ON true;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_material = off;
SELECT count(*), sum(b.trip_id) FROM (SELECT * FROM trips_heap WHERE trip_id < 1030) a JOIN (SELECT trip_id FROM trips WHERE trip_id < 1030) b USING (trip_id);
RESET enable_hashjoin;
RESET enable_mergejoin;
RESET enable_material;
SELECT count(*) FROM trips a JOIN trips b USING (trip_id);
SELECT (SELECT t.code FROM trips t WHERE t.trip_id = v.id) FROM (VALUES (1000), (60997), (1)) v (id);
SELECT count(*) FROM trips WHERE trip_id IN (SELECT trip_id FROM trips_heap WHERE trip_id < 2000);
WITH w AS MATERIALIZED (SELECT * FROM trips WHERE trip_id < 1100) SELECT count(*) FROM w a, w b WHERE a.trip_id = b.trip_id;

-- the initial plan of a parameter: an InitPlan, a subplan's hashed result
SELECT count(*) FROM trips WHERE trip_id = (SELECT min(trip_id) FROM trips_heap);
SELECT count(*) FROM trips WHERE day = (SELECT day FROM trips_heap ORDER BY trip_id DESC LIMIT 1);

-- cursors
BEGIN;
DECLARE c CURSOR FOR SELECT trip_id FROM trips;
FETCH 2 FROM c;
MOVE 10000 IN c;
FETCH 2 FROM c;
CLOSE c;
DECLARE c SCROLL CURSOR FOR SELECT trip_id FROM trips;
FETCH 2 FROM c;
FETCH BACKWARD 1 FROM c;
FETCH LAST FROM c;
FETCH FIRST FROM c;
CLOSE c;
DECLARE c CURSOR WITH HOLD FOR SELECT trip_id, note FROM trips WHERE note IS NOT NULL;
COMMIT;
FETCH 1 FROM c;
CLOSE c;

-- prepared statements with custom and generic plans
PREPARE one (bigint) AS SELECT trip_id, code FROM trips WHERE trip_id = $1;
EXECUTE one (1003);
SET plan_cache_mode = force_generic_plan;
EXECUTE one (1006);
EXECUTE one (NULL);
EXECUTE one (1006);
RESET plan_cache_mode;
PREPARE many (bigint[], text) AS SELECT count(*) FROM trips WHERE trip_id = ANY ($1) AND code LIKE $2;
EXECUTE many ('{1000,1003,5}', 'C%');
EXECUTE many ('{}', 'C%');

-- plpgsql: loops, exceptions in mid-scan
DO $$
DECLARE
	r record;
	n integer := 0;
BEGIN
	FOR r IN SELECT trip_id FROM trips LOOP
		n := n + 1;
		EXIT WHEN n = 5000;
	END LOOP;
	FOR i IN 1 .. 20 LOOP
		BEGIN
			PERFORM 1 / (trip_id - 20000) FROM trips;
		EXCEPTION WHEN division_by_zero THEN
			n := n + 1;
		END;
		BEGIN
			PERFORM 1 / (trip_id - 30001) FROM trips;
		EXCEPTION WHEN division_by_zero THEN
			n := n + 1;
		END;
	END LOOP;
	RAISE NOTICE '%', n;
END $$;

-- what a local table does with rows from files
CREATE TABLE copy AS SELECT trip_id, tip FROM trips WHERE trip_id < 1010;
UPDATE copy c SET tip = t.fare FROM trips t WHERE t.trip_id = c.trip_id AND t.trip_id > 1005;
SELECT c.trip_id, c.tip = h.fare AS set FROM copy c JOIN trips_heap h USING (trip_id) ORDER BY 1;
DELETE FROM copy c USING trips t WHERE t.trip_id = c.trip_id AND t.vendor = 'Aurora' RETURNING c.trip_id;
SELECT trip_id FROM trips WHERE trip_id < 1010 FOR UPDATE;
SELECT c.trip_id FROM trips_heap c JOIN trips t USING (trip_id) WHERE t.trip_id < 1004 FOR UPDATE OF c;
MERGE INTO copy c USING (SELECT * FROM trips WHERE trip_id < 1010) t ON c.trip_id = t.trip_id
	WHEN NOT MATCHED THEN INSERT VALUES (t.trip_id, t.tip);
SELECT count(*) FROM copy;

-- nothing can be written
SELECT * FROM outcome('INSERT INTO trips (trip_id) VALUES (1)');
SELECT * FROM outcome('UPDATE trips SET vendor = NULL');
SELECT * FROM outcome('DELETE FROM trips');
SELECT * FROM outcome('TRUNCATE trips');

-- set operations, windows, sorts, grouping on emitted values
SELECT count(*) FROM (TABLE trips EXCEPT TABLE trips_heap) d;
SELECT count(*) FROM (TABLE trips_heap EXCEPT ALL TABLE trips) d;
SELECT vendor, count(*), sum(fare), max(note) FROM trips GROUP BY vendor ORDER BY vendor;
SELECT trip_id, rank() OVER (ORDER BY fare DESC, trip_id) FROM trips ORDER BY fare DESC, trip_id LIMIT 3;

-- ANALYZE: rows from footers, samples from row groups
ANALYZE trips;
SELECT reltuples, relpages > 0 AS pages FROM pg_class WHERE oid = 'trips'::regclass;
SELECT attname, null_frac, n_distinct FROM pg_stats WHERE schemaname = 'test_scan' AND tablename = 'trips' AND attname IN ('vendor', 'shared', 'note') ORDER BY 1;
SELECT attname, round(correlation::numeric, 2) AS correlation FROM pg_stats WHERE schemaname = 'test_scan' AND tablename = 'trips' AND attname = 'trip_id';
VACUUM trips;

-- rights are the owner's
CREATE ROLE scan_owner;
CREATE ROLE scan_reader;
GRANT USAGE ON FOREIGN SERVER lake TO scan_owner;
GRANT ALL ON SCHEMA test_scan TO scan_owner, scan_reader;
ALTER FOREIGN TABLE trips OWNER TO scan_owner;
GRANT SELECT ON trips TO scan_reader;
SET ROLE scan_reader;
SELECT what FROM outcome('SELECT trip_id FROM trips');
RESET ROLE;
GRANT pg_read_server_files TO scan_owner;
SET ROLE scan_reader;
SELECT * FROM outcome('SELECT trip_id FROM trips');
RESET ROLE;
REVOKE pg_read_server_files FROM scan_owner;
SELECT what FROM outcome('SELECT trip_id FROM trips');
DO $$ BEGIN EXECUTE format('ALTER SERVER lake OPTIONS (ADD base_directories %L)', fixture('flat')); END $$;
SELECT * FROM outcome('SELECT trip_id FROM trips');
DO $$ BEGIN EXECUTE format('ALTER SERVER lake OPTIONS (SET base_directories %L)', fixture('hive')); END $$;
SELECT what FROM outcome('SELECT trip_id FROM trips');
DO $$ BEGIN EXECUTE format('ALTER SERVER lake OPTIONS (SET base_directories %L)', fixture('flat')); END $$;
DO $$ BEGIN EXECUTE format('ALTER FOREIGN TABLE trips OPTIONS (SET location %L)', fixture('flat/../hive/year=2023')); END $$;
SELECT what FROM outcome('SELECT trip_id FROM trips');
REVOKE USAGE ON FOREIGN SERVER lake FROM scan_owner;
DO $$ BEGIN EXECUTE format('ALTER FOREIGN TABLE trips OPTIONS (SET location %L)', fixture('flat/trips.parquet')); END $$;
SELECT what FROM outcome('SELECT trip_id FROM trips');
ALTER SERVER lake OPTIONS (DROP base_directories);
ALTER FOREIGN TABLE trips OWNER TO CURRENT_USER;
REVOKE ALL ON trips FROM scan_reader;
REVOKE ALL ON SCHEMA test_scan FROM scan_owner, scan_reader;
DROP ROLE scan_owner, scan_reader;
