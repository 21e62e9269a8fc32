\set schema test_explain
\i sql/include/setup.psql

-- What EXPLAIN shows of a scan: names in plans, numbers after a run
SELECT make_table('trips', 'trip_id bigint, day date, vendor text, code text, note text', 'flat/trips.parquet', $$format 'parquet'$$);
SELECT plan('SELECT * FROM trips');
SELECT plan('SELECT vendor FROM trips WHERE trip_id > 5 AND vendor || note ~ ''umbrella'' AND day = ''2024-01-02''', 'COSTS OFF, VERBOSE');
SELECT plan('SELECT vendor FROM trips WHERE trip_id > 5 AND vendor || note ~ ''umbrella'' AND day = ''2024-01-02''', 'COSTS OFF, ANALYZE, TIMING OFF, SUMMARY OFF');
SET lakehouse.pushdown = off;
SELECT plan('SELECT vendor FROM trips WHERE trip_id > 60900', 'COSTS OFF, VERBOSE');
RESET lakehouse.pushdown;

-- all counters with VERBOSE or for programs, under stable names
SELECT plan('SELECT trip_id FROM trips WHERE trip_id = 1003', 'COSTS OFF, ANALYZE, VERBOSE, TIMING OFF, SUMMARY OFF');
CREATE FUNCTION explain_json(query text) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (ANALYZE, FORMAT json) ' || query INTO plan;
	RETURN plan;
END $$;
SELECT key FROM json_each(explain_json('SELECT trip_id FROM trips WHERE trip_id = 1003') -> 0 -> 'Plan') WHERE key !~ '^(Actual|Plan|Startup|Total|Disabled)|Blocks$';

-- no file is opened for a plan alone: what is gone is noticed when rows are asked for
CREATE FOREIGN TABLE gone (a integer) SERVER lake OPTIONS (location '/nowhere/gone.parquet');
SELECT plan('SELECT * FROM gone WHERE a = 1');
SELECT * FROM outcome('SELECT * FROM gone');
SELECT * FROM outcome('SELECT * FROM gone WHERE false');
SELECT * FROM outcome('SELECT * FROM gone LIMIT 0');
SELECT * FROM outcome('EXPLAIN ANALYZE SELECT * FROM gone');
SELECT * FROM outcome('ANALYZE gone');

-- a node that never runs opens nothing either
SELECT plan('SELECT * FROM (SELECT 1 AS a WHERE random() > 5 OFFSET 0) x, LATERAL (SELECT * FROM gone WHERE gone.a = x.a OFFSET 0) g', 'COSTS OFF, ANALYZE, TIMING OFF, SUMMARY OFF');

-- estimates come from footers, filters narrow them
CREATE FUNCTION estimate(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
	RETURN plan -> 0 -> 'Plan' ->> 'Plan Rows';
END $$;
SELECT estimate('SELECT * FROM trips'), estimate('SELECT * FROM gone');
ANALYZE trips;
SELECT estimate('SELECT * FROM trips WHERE vendor = ''Comet''') BETWEEN 6000 AND 7000 AS vendor,
	estimate('SELECT * FROM trips WHERE note IS NOT NULL') BETWEEN 350 AND 450 AS note;

-- a security barrier: conditions from outside wait for those inside
CREATE VIEW safe WITH (security_barrier) AS SELECT * FROM trips WHERE vendor || note ~ 'umbrella';
SELECT plan('SELECT trip_id FROM safe WHERE trip_id > 5', 'COSTS OFF, VERBOSE');
CREATE FUNCTION leaky(integer) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN RAISE NOTICE 'leak'; RETURN true; END $$;
CREATE VIEW safer WITH (security_barrier) AS SELECT * FROM trips WHERE trip_id = 1003;
SELECT plan('SELECT trip_id FROM safer WHERE leaky(trip_id::integer)');
SELECT trip_id FROM safer WHERE leaky(trip_id::integer);

-- a plan tree can be copied and printed
SET debug_print_plan = on;
SET client_min_messages = error;
SELECT count(*) FROM trips WHERE trip_id < 1010 AND note IS NULL;
RESET client_min_messages;
RESET debug_print_plan;
