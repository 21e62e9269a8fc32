\set schema test_threads
\i sql/include/setup.psql

-- Helper threads: aggregates are those of one thread, to the bit, with the same counters
SELECT make_table('trips', 'trip_id bigint, day date, vendor text, distance float8, fare numeric(9,2), passengers smallint, note text, shared boolean', 'flat/trips.parquet');

-- small work makes no thread, whatever the setting
SET lakehouse.threads = 4;
SELECT counter('SELECT sum(fare), sum(distance) FROM trips', 'Helper Threads');
SET lakehouse.threads_min_size = 0;
SELECT counter('SELECT sum(fare), sum(distance) FROM trips', 'Helper Threads');
SET lakehouse.threads = 1;
SELECT counter('SELECT sum(fare), sum(distance) FROM trips', 'Helper Threads');
SET lakehouse.threads = 4;
-- nor does an answer from metadata
SELECT counter('SELECT count(*), max(trip_id) FROM trips', 'Helper Threads'), counter('SELECT count(*), max(trip_id) FROM trips', 'Pages Decoded');
-- only one thread calls PostgreSQL's functions, or turns values into other types
SELECT counter('SELECT count(*) FROM trips WHERE upper(vendor) = ''COMET''', 'Helper Threads');
SELECT make_table('other', 'trip_id integer, fare numeric(12,4)', 'flat/trips.parquet');
SELECT counter('SELECT sum(trip_id), max(fare) FROM other', 'Helper Threads');

CREATE FUNCTION compare(query text, OUT threads text, OUT same_answer boolean, OUT counters integer, OUT different text) LANGUAGE plpgsql AS $$
DECLARE
	one text;
	four text;
	ones text[];
	property text := 'SELECT array_agg(key || '' '' || value) FROM (SELECT * FROM json_each_text(explain_node($1)) WHERE key ~ ''^(Files|Row Groups|Pages|Dict|Rows S|Rows P|Runs)'' AND key !~ ''Removed'') e';
	fours text[];
BEGIN
	PERFORM set_config('lakehouse.threads', '1', false);
	EXECUTE 'SELECT r::text FROM (' || query || ') r' INTO one;
	EXECUTE property INTO ones USING query;
	PERFORM set_config('lakehouse.threads', '4', false);
	EXECUTE 'SELECT r::text FROM (' || query || ') r' INTO four;
	EXECUTE property INTO fours USING query;
	threads := counter(query, 'Helper Threads');
	same_answer := one = four;
	counters := array_length(ones, 1);
	SELECT string_agg(c, ', ') INTO different FROM (SELECT unnest(fours) c EXCEPT SELECT unnest(ones)) d;
END $$;
CREATE FUNCTION explain_node(query text) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (ANALYZE, VERBOSE, FORMAT json) ' || query INTO plan;
	RETURN plan -> 0 -> 'Plan';
END $$;
SET extra_float_digits = 3;
SELECT * FROM compare('SELECT count(*), count(note), sum(passengers), sum(trip_id), avg(fare), min(vendor COLLATE "C"), max(day) FROM trips');
SELECT * FROM compare('SELECT sum(distance), avg(distance), min(distance), max(distance) FROM trips');
SELECT * FROM compare('SELECT sum(distance) FILTER (WHERE passengers = 2), avg(distance * 1.1), sum(fare + 1), bool_and(shared) FROM trips WHERE fare > 3');
SELECT * FROM compare('SELECT count(DISTINCT trip_id), count(DISTINCT passengers), count(DISTINCT fare), count(DISTINCT day) FROM trips WHERE trip_id BETWEEN 6000 AND 50000');
SELECT * FROM compare('SELECT count(*), sum(length(note)) FROM trips WHERE note IS NOT NULL AND day > ''2024-01-02''');
SELECT * FROM compare('SELECT count(*), sum(distance) FROM trips WHERE trip_id < 0');
SELECT * FROM compare('SELECT sum(fare) FROM trips HAVING count(*) > 5');
SELECT make_table('zeros', 'f float8', 'stats/zeros.parquet');
SELECT * FROM compare('SELECT min(f), max(f), sum(f) FROM zeros');
SELECT make_table('hive', 'id integer, year integer, month integer', 'hive');
SELECT * FROM compare('SELECT sum(id), max(year), count(DISTINCT month) FROM hive WHERE year = 2024');

-- sums of parts when that is asked for
SET lakehouse.float_order = fast;
SELECT abs(sum(distance) - (SELECT sum(distance) FROM (SELECT distance FROM trips OFFSET 0) t)) < 1e-6 FROM trips;
RESET lakehouse.float_order;

-- rescans with other parameters use the same threads
SET enable_memoize = off;
SELECT g, s FROM generate_series(1, 4) g, LATERAL (SELECT sum(distance) AS s FROM trips WHERE passengers = g) x;
SET lakehouse.threads = 1;
SELECT g, s FROM generate_series(1, 4) g, LATERAL (SELECT sum(distance) AS s FROM trips WHERE passengers = g) x;
SET lakehouse.threads = 4;
RESET enable_memoize;

-- errors are those of one thread
SELECT make_table('broken', 'id integer', 'bad/cut_in_half.parquet');
SELECT * FROM outcome('SELECT sum(id) FROM broken');
SELECT make_table('untrue', 'trip_id bigint, note text NOT NULL', 'flat/trips.parquet');
SELECT * FROM outcome('SELECT count(trip_id), sum(length(note)) FROM untrue');
SELECT * FROM outcome('SELECT sum(passengers * 30000::smallint) FROM trips');
SET lakehouse.threads = 1;
SELECT * FROM outcome('SELECT count(trip_id), sum(length(note)) FROM untrue');
SELECT * FROM outcome('SELECT sum(passengers * 30000::smallint) FROM trips');
SET lakehouse.threads = 4;
-- in the middle of a transaction that goes on
BEGIN;
SAVEPOINT s;
SELECT sum(passengers * 30000::smallint) FROM trips;
ROLLBACK TO s;
SELECT sum(distance) FROM trips;
COMMIT;

-- little memory: fewer threads, the same answer
SET work_mem = '64kB';
SELECT same_answer, different FROM compare('SELECT count(DISTINCT trip_id), sum(distance), min(fare) FROM trips');
