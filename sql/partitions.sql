\set schema test_partitions
\i sql/include/setup.psql

-- Foreign tables as partitions and as inheritance children, with other attribute numbers than the parent
CREATE TABLE trips (day date, vendor text, trip_id bigint, fare numeric(9,2)) PARTITION BY RANGE (trip_id);
SELECT make_table('low', 'junk integer, fare numeric(9,2), trip_id bigint, day date, more integer, vendor text', 'flat/trips.parquet');
ALTER FOREIGN TABLE low DROP COLUMN junk;
ALTER FOREIGN TABLE low DROP COLUMN more;
SELECT make_table('high', 'vendor text, trip bigint OPTIONS (column_name ''trip_id''), fare numeric(9,2), day date', 'flat/trips.parquet');
ALTER FOREIGN TABLE high RENAME COLUMN trip TO trip_id;
ALTER TABLE trips ATTACH PARTITION low FOR VALUES FROM (MINVALUE) TO (100000);
ALTER TABLE trips ATTACH PARTITION high FOR VALUES FROM (100000) TO (200000);
CREATE TABLE local PARTITION OF trips FOR VALUES FROM (200000) TO (300000);
INSERT INTO trips VALUES ('2025-01-01', 'Local', 200000, 1.5);

SELECT tableoid::regclass, count(*), sum(fare), min(day), max(vendor) FROM trips GROUP BY 1 ORDER BY 1;
SELECT * FROM trips WHERE trip_id = 1003;
SELECT t FROM trips t WHERE trip_id = 1003 OR trip_id = 200000;
SELECT plan('SELECT vendor FROM trips WHERE trip_id < 1010');
SELECT plan('SELECT vendor FROM trips WHERE trip_id BETWEEN 99999 AND 100001 AND fare > 5');
SELECT count(*), count(DISTINCT tableoid) FROM trips WHERE day = '2024-01-02';

-- partitions pruned when the plan runs are never opened
ALTER FOREIGN TABLE high OPTIONS (SET location '/nowhere/gone.parquet');
SET plan_cache_mode = force_generic_plan;
PREPARE p (bigint) AS SELECT trip_id, vendor FROM trips WHERE trip_id = $1;
EXECUTE p (1003);
EXECUTE p (200000);
SELECT * FROM outcome('EXECUTE p (150000)');
RESET plan_cache_mode;
SELECT * FROM outcome('SELECT * FROM trips WHERE trip_id > 150000');
DO $$ BEGIN EXECUTE format('ALTER FOREIGN TABLE high OPTIONS (SET location %L)', fixture('flat/trips.parquet')); END $$;

-- the parent is written into its local partitions only
SELECT * FROM outcome('INSERT INTO trips VALUES (''2025-01-01'', ''x'', 5, 1)');
UPDATE trips SET fare = 2 WHERE trip_id = 200000;
SELECT * FROM outcome('UPDATE trips SET fare = 2 WHERE trip_id = 1003');
SELECT fare FROM trips WHERE trip_id = 200000;

-- inheritance, detach and attach
CREATE TABLE parent (trip_id bigint, vendor text);
SELECT make_table('child', 'vendor text, fare numeric, trip_id bigint', 'flat/trips.parquet');
ALTER FOREIGN TABLE child INHERIT parent;
INSERT INTO parent VALUES (1, 'parent');
SELECT tableoid::regclass, * FROM parent WHERE trip_id < 1004 ORDER BY trip_id;
SELECT count(*) FROM ONLY parent;
ALTER TABLE trips DETACH PARTITION high;
SELECT count(*) FROM trips;

-- joins, sorts and limits over an Append
SELECT a.trip_id FROM trips a JOIN parent b USING (trip_id) WHERE a.trip_id < 1010 ORDER BY a.trip_id DESC LIMIT 2;
SELECT count(*) FROM (SELECT trip_id FROM trips LIMIT 10) t;
SELECT trip_id FROM trips ORDER BY trip_id DESC LIMIT 2;
ANALYZE trips;
SELECT relname, reltuples FROM pg_class WHERE relnamespace = 'test_partitions'::regnamespace AND relname IN ('trips', 'low', 'local') ORDER BY 1;
