\set schema test_aggregates
\i sql/include/setup.psql
\set ECHO all

-- Ungrouped aggregates: computed by the engine, answered from metadata where
-- that is exact, partial under partitions, and never silently different.
SELECT make_table('trips', '', 'flat/trips.parquet');
CREATE TABLE heap AS SELECT * FROM trips;
ANALYZE trips;
SET lakehouse.require_vector = on;
SELECT plan('SELECT count(*), sum(fare), avg(tip), min(day), max(vendor) FROM trips WHERE trip_id > 5000');

CREATE FUNCTION same(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	a text;
	b text;
BEGIN
	EXECUTE 'SELECT (q)::text FROM (' || format(query, 'trips') || ') q' INTO a;
	EXECUTE 'SELECT (q)::text FROM (' || format(query, 'heap') || ') q' INTO b;
	RETURN a = b;
END $$;

-- every aggregate of every type
SELECT same('SELECT count(*), count(trip_id), count(tip), count(DISTINCT vendor), count(DISTINCT fare), count(DISTINCT day) FROM %s');
SELECT same('SELECT sum(trip_id), avg(trip_id), sum(passengers), avg(passengers), sum(fare), avg(fare), sum(tip), avg(tip), sum(distance), avg(distance) FROM %s WHERE fare > 5');
SELECT same('SELECT min(trip_id), max(trip_id), min(day), max(day), min(picked_at), max(picked_at), min(fare), max(tip), min(distance), max(distance), min(vendor), max(note) FROM %s');
SELECT same('SELECT bool_and(shared), bool_or(shared), every(shared) FROM %s WHERE passengers = 1');
-- arguments that are expressions, FILTER, HAVING, expressions over aggregates
SELECT same('SELECT sum(fare * passengers - tip), sum(passengers + 1), sum(distance * 2 - 1), sum(length(note)), sum(octet_length(code)), max(passengers * 2) FROM %s');
SELECT same('SELECT count(*) FILTER (WHERE vendor LIKE ''A%%''), sum(fare) FILTER (WHERE tip IS NULL), avg(distance) FILTER (WHERE day > ''2024-02-01'') FROM %s WHERE shared');
SELECT same('SELECT sum(fare) / count(*) AS mean, max(fare) - min(fare) AS spread FROM %s HAVING count(*) > 10');
SELECT count(*) FROM (SELECT sum(fare) FROM trips HAVING count(*) < 10) q;
-- a FILTER with constants that the files' types cannot hold is left to PostgreSQL, on the rows that WHERE leaves
SELECT make_table('nanos', 'id integer, c_ts_ns timestamp, c_ts_us timestamp', 'flat/alltypes.parquet');
SELECT * FROM outcome('SELECT count(*) FILTER (WHERE c_ts_ns::date > ''4000-01-01 BC'') FROM nanos');
RESET lakehouse.require_vector;
CREATE TABLE heap_nanos AS SELECT * FROM nanos;
SET plan_cache_mode = force_generic_plan;
PREPARE lake_filters (timestamp, date, int) AS SELECT count(*) FILTER (WHERE date_trunc('minute', c_ts_ns) <> $1) AS a,
	sum(id) FILTER (WHERE c_ts_us::date >= $2) AS b, max(c_ts_ns) FILTER (WHERE extract(year FROM c_ts_us) > $3) AS c, count(*)
	FROM nanos WHERE id % 3 = 0;
PREPARE heap_filters (timestamp, date, int) AS SELECT count(*) FILTER (WHERE date_trunc('minute', c_ts_ns) <> $1) AS a,
	sum(id) FILTER (WHERE c_ts_us::date >= $2) AS b, max(c_ts_ns) FILTER (WHERE extract(year FROM c_ts_us) > $3) AS c, count(*)
	FROM heap_nanos WHERE id % 3 = 0;
EXECUTE lake_filters ('0044-03-15 BC', '4000-01-01 BC', -400);
EXECUTE heap_filters ('0044-03-15 BC', '4000-01-01 BC', -400);
EXECUTE lake_filters ('2020-10-08', '2020-10-08', 2019);
EXECUTE heap_filters ('2020-10-08', '2020-10-08', 2019);
EXECUTE lake_filters ('infinity', '-infinity', NULL);
EXECUTE heap_filters ('infinity', '-infinity', NULL);
-- also when each row has other ones
SELECT g, c FROM unnest('{4000-01-01 BC, 2020-10-08, infinity, 0044-03-15 BC}'::date[]) g,
	LATERAL (SELECT count(*) FILTER (WHERE c_ts_ns::date > g) AS c FROM nanos WHERE c_ts_us::date < g) s;
SELECT g, c FROM unnest('{4000-01-01 BC, 2020-10-08, infinity, 0044-03-15 BC}'::date[]) g,
	LATERAL (SELECT count(*) FILTER (WHERE c_ts_ns::date > g) AS c FROM heap_nanos WHERE c_ts_us::date < g) s;
DEALLOCATE ALL;
RESET plan_cache_mode;
SET lakehouse.require_vector = on;
-- nothing selected
SELECT count(*), sum(fare), avg(tip), min(day), max(vendor), bool_and(shared) FROM trips WHERE trip_id < 0;

-- from metadata: no page is decoded
SELECT counter('SELECT count(*), count(tip), min(trip_id), max(trip_id), min(day), max(picked_at) FROM trips', 'Pages Decoded');
SELECT counter('SELECT count(*) FROM trips WHERE trip_id >= 0', 'Pages Decoded');
-- a filter that some row groups pass as a whole: only the others are read
SELECT count(*) FROM trips WHERE trip_id >= 10000;
SELECT count(*) FROM heap WHERE trip_id >= 10000;
SELECT counter('SELECT count(*) FROM trips WHERE trip_id >= 10000', 'Row Groups Pruned by Statistics');

-- floats: bounds are no answer unless NaN is known to be absent and they are no zero
SELECT make_table('floats', '', 'flat/alltypes.parquet');
SELECT min(c_float64), max(c_float64), min(c_float32), max(c_float32) FROM floats;
SELECT counter('SELECT max(c_float64) FROM floats', 'Pages Decoded') <> 'Pages Decoded: 0' AS "read";

-- overflow as in PostgreSQL
SELECT * FROM outcome('SELECT sum(c_int32 * c_int32) FROM floats');
SELECT * FROM outcome('SELECT sum(c_int64 + c_int64) FROM floats');

-- partitions return transition values
CREATE TABLE parted (LIKE heap) PARTITION BY RANGE (trip_id);
SELECT make_table('part_1', '', 'flat/trips.parquet');
SELECT make_table('part_2', '', 'flat/trips.parquet');
ALTER TABLE parted ATTACH PARTITION part_1 FOR VALUES FROM (0) TO (1000000);
ALTER TABLE parted ATTACH PARTITION part_2 FOR VALUES FROM (1000000) TO (2000000);
RESET lakehouse.require_vector;
SET enable_partitionwise_aggregate = on;
SELECT plan('SELECT count(*), avg(fare) FROM parted');
SELECT plan('SELECT count(*) FROM parted', 'ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF');
SELECT (SELECT (count(*), sum(trip_id), avg(trip_id), sum(fare), avg(tip), sum(passengers), avg(passengers), min(note), max(day), bool_or(shared), count(code))::text FROM parted)
	= (SELECT (count(*), sum(trip_id), avg(trip_id), sum(fare), avg(tip), sum(passengers), avg(passengers), min(note), max(day), bool_or(shared), count(code))::text FROM (SELECT * FROM heap UNION ALL SELECT * FROM heap) h) AS same;
SELECT (SELECT avg(distance) FROM parted WHERE trip_id < 3000) BETWEEN avg(distance) - 1e-9 AND avg(distance) + 1e-9 AS close FROM heap WHERE trip_id < 3000;
RESET enable_partitionwise_aggregate;

-- what is not taken says so, and gives PostgreSQL's answer
SET lakehouse.require_vector = on;
SELECT * FROM outcome('SELECT string_agg(vendor, '','') FROM trips');
SELECT * FROM outcome('SELECT sum(DISTINCT passengers) FROM trips');
SELECT * FROM outcome('SELECT vendor, count(*) FROM trips GROUP BY vendor');
SELECT * FROM outcome('SELECT count(*) FROM trips WHERE random() < 2');
SELECT * FROM outcome('SELECT count(upper(vendor)) FROM trips');
RESET lakehouse.require_vector;
SELECT same('SELECT sum(DISTINCT passengers), count(upper(vendor)), stddev(passengers) FROM %s');

-- columns declared with other types than the files'
SELECT make_table('other', 'trip_id integer, day text, fare numeric(12,4), tip numeric(9,1), passengers bigint, vendor varchar(40), distance numeric(20,10)', 'flat/trips.parquet');
SELECT (SELECT (sum(trip_id), max(day), sum(fare), sum(tip), avg(passengers), max(vendor), sum(distance))::text FROM other WHERE day > '2024-02-01' AND tip > 1.5)
	= (SELECT (sum(trip_id::int), max(day::text), sum(fare::numeric(12,4)), sum(tip::numeric(9,1)), avg(passengers::bigint), max(vendor), sum(distance::numeric(20,10)))::text FROM heap WHERE day::text > '2024-02-01' AND tip::numeric(9,1) > 1.5) AS same;

-- rescans with parameters
SELECT x, (SELECT count(*) FROM trips WHERE trip_id < x) FROM (VALUES (1000), (1010), (70000)) v(x);
PREPARE p(numeric) AS SELECT count(*), sum(fare) FROM trips WHERE fare > $1;
SET plan_cache_mode = force_generic_plan;
EXECUTE p(11.5);
EXECUTE p(NULL);
EXECUTE p('NaN');

-- count(DISTINCT) beyond work_mem goes to temporary files, not to an error
SET work_mem = '64kB';
SELECT count(DISTINCT code), count(DISTINCT vendor) FROM trips;
SELECT make_table('series', '', 'flat/series.parquet');
SELECT count(DISTINCT i * 1000003 * (i - 70001)), count(DISTINCT i), sum(i) FROM series;
SELECT count(DISTINCT i * 1000003 * (i - 70001)) FROM generate_series(0::bigint, 199999) i;
SELECT counter('SELECT count(DISTINCT i * 1000003 * (i - 70001)) FROM series', 'Bytes Spilled')::bigint > 1000000 AS spilled,
	counter('SELECT count(DISTINCT i) FROM series', 'Bytes Spilled') AS range;
-- ... which temp_file_limit bounds (in words of the server's version), and of which nothing is left
SET temp_file_limit = '512kB';
\set VERBOSITY sqlstate
SELECT count(DISTINCT i * 1000003 * (i - 70001)) FROM series;
\set VERBOSITY default
SELECT count(*) FROM pg_ls_tmpdir() WHERE name LIKE 'pgsql_tmp' || pg_backend_pid() || '.%';
SET temp_file_limit = '100MB';
SELECT count(DISTINCT i * 1000003 * (i - 70001)) FROM series;
SELECT count(*) FROM pg_ls_tmpdir() WHERE name LIKE 'pgsql_tmp' || pg_backend_pid() || '.%';
RESET temp_file_limit;
RESET work_mem;
SET work_mem = '256MB';
SELECT counter('SELECT count(DISTINCT i * 1000003 * (i - 70001)) FROM series', 'Bytes Spilled');
RESET work_mem;

-- sums go on where 38 digits end, in partial aggregates too
SELECT make_table('digits', '', 'flat/digits38.parquet');
CREATE TABLE digits_heap AS SELECT * FROM digits;
SET lakehouse.require_vector = on;
SELECT sum(v), avg(v), sum(w), sum(v) FILTER (WHERE i < 10) AS few FROM digits;
SELECT sum(v), avg(w) FROM digits WHERE i > 100 OR v < 0;
RESET lakehouse.require_vector;
SELECT sum(v), avg(v), sum(w), sum(v) FILTER (WHERE i < 10) AS few FROM digits_heap;
SELECT sum(v), avg(w) FROM digits_heap WHERE i > 100 OR v < 0;
CREATE TABLE digits_parts (i integer, v numeric(38,2), w numeric(38,2)) PARTITION BY RANGE (i);
SELECT make_table('digits_2', '', 'flat/digits38.parquet');
ALTER TABLE digits_parts ATTACH PARTITION digits FOR VALUES FROM (0) TO (3000);
ALTER TABLE digits_parts ATTACH PARTITION digits_2 FOR VALUES FROM (3000) TO (6000);
SET enable_partitionwise_aggregate = on;
SELECT plan('SELECT sum(v), avg(v), sum(w) FROM digits_parts');
SELECT sum(v), avg(v), sum(w) FROM digits_parts;
SELECT sum(v), avg(v), sum(w) FROM (SELECT * FROM digits_heap UNION ALL SELECT * FROM digits_heap) h;
RESET enable_partitionwise_aggregate;

-- a FILTER that the engine refuses once it sees its constants is evaluated on rows
CREATE FUNCTION filter_agrees(condition text) RETURNS TABLE (counts text, agrees boolean, fallback text) LANGUAGE plpgsql AS $$
DECLARE
	query text := 'SELECT count(*) FILTER (WHERE ' || condition || '), sum(fare), count(tip) FILTER (WHERE trip_id > 15000 AND ('
		|| condition || ')), max(trip_id) FROM %s WHERE passengers > 1';
	a text;
	b text;
BEGIN
	EXECUTE 'SELECT q::text FROM (' || format(query, 'trips') || ') q' INTO a;
	EXECUTE 'SELECT q::text FROM (' || format(query, 'heap') || ') q' INTO b;
	RETURN QUERY SELECT a, a = b, counter(format(query, 'trips'), 'Fallback Filter');
END $$;
SELECT * FROM filter_agrees('day < timestamp ''294276-06-01''');
SELECT * FROM filter_agrees('day > timestamp ''294276-06-01'' OR vendor <> ''acme''');
SELECT * FROM filter_agrees('vendor <> ''acme''');
SELECT * FROM outcome($$ SELECT count(*) FILTER (WHERE vendor LIKE 'a\\') FROM trips $$);
SET lakehouse.require_vector = on;
SELECT * FROM outcome($$ SELECT count(*) FILTER (WHERE day < timestamp '294276-06-01') FROM trips $$);
RESET lakehouse.require_vector;
