-- Iceberg tables: what the planner knows of them; statements that metadata answers in parallel plans.
\set schema t_iceberg_planner
\i sql/include/iceberg.psql
SET client_min_messages = warning;
CREATE FUNCTION sorted_table(name text, tab text, options text DEFAULT '') RETURNS void LANGUAGE sql AS $$
	SELECT ice(name, fixture('iceberg/sorted/' || tab), options) $$;
-- rows and width that are planned for
CREATE FUNCTION planned(query text, what text DEFAULT 'Plan Rows') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
	RETURN plan->0->'Plan'->>what;
END $$;
RESET client_min_messages;

-- a sort order that all files have, one after the other: nothing is sorted, whatever order the metadata has them in
SELECT sorted_table('good', 'good', 'ref ''sorted''');
SELECT * FROM plan('SELECT id, v FROM good ORDER BY id', 'COSTS OFF, ANALYZE, TIMING OFF, SUMMARY OFF') WHERE plan !~ 'Pages|Manifest.* Cache|Snapshot|Metadata File|Ref';
SELECT count(*), bool_and(id = n) FROM (SELECT id, row_number() OVER () AS n FROM (SELECT id FROM good ORDER BY id OFFSET 0) s) r;
SELECT id, name FROM good WHERE id > 98 ORDER BY id LIMIT 4;
-- one file is enough for the first rows
SELECT counter('SELECT id FROM good ORDER BY id LIMIT 3', 'Row Groups') AS groups, counter('SELECT id FROM good ORDER BY id LIMIT 3', 'Rows Scanned') AS rows;
-- the same order for joins and groups
SET enable_hashjoin = off;
SET enable_nestloop = off;
SET enable_hashagg = off;
SELECT * FROM plan('SELECT a.id FROM good a JOIN good b USING (id)');
SELECT count(*), sum(a.id) FROM good a JOIN good b USING (id);
SELECT * FROM plan('SELECT id, max(v) FROM good GROUP BY id');
RESET enable_hashjoin;
RESET enable_nestloop;
RESET enable_hashagg;
-- not another direction, not when told not to; without nulls either end is theirs
SELECT * FROM plan('SELECT id FROM good ORDER BY id DESC');
SELECT * FROM plan('SELECT id FROM good ORDER BY id NULLS LAST');
SET lakehouse.metadata_order = off;
SELECT * FROM plan('SELECT id FROM good ORDER BY id NULLS FIRST');
RESET lakehouse.metadata_order;
SELECT * FROM plan('SELECT id FROM good ORDER BY id NULLS FIRST');

-- a file without order among them: sorted by PostgreSQL
SELECT sorted_table('grown', 'good');
SELECT * FROM plan('SELECT id FROM grown ORDER BY id NULLS FIRST');
-- it came after the statement was prepared: the scan sorts by itself, and says so
SET plan_cache_mode = force_generic_plan;
SET lakehouse.as_of = 'sorted';
PREPARE p(bigint) AS SELECT id, v FROM grown WHERE id >= $1 ORDER BY id NULLS FIRST;
SELECT * FROM plan('EXECUTE p(299)');
EXECUTE p(299);
RESET lakehouse.as_of;
SELECT * FROM plan('EXECUTE p(249)', 'COSTS OFF, ANALYZE, TIMING OFF, SUMMARY OFF') WHERE plan ~ 'Scan|Sort|Order';
SELECT count(*), bool_and(id >= before) FROM (SELECT id, lag(id, 1, 0::bigint) OVER () AS before FROM (SELECT id FROM grown ORDER BY id OFFSET 0) s) r;
EXECUTE p(295);
SELECT counter('EXECUTE p(49)', 'Actual Rows')::numeric::int AS rows, (SELECT count(*) FROM grown WHERE id >= 49) AS there;
DEALLOCATE p;
-- and in a rescan with another parameter
SET lakehouse.as_of = 'sorted';
PREPARE q AS SELECT n, array(SELECT id FROM grown WHERE id BETWEEN n AND n + 1 ORDER BY id NULLS FIRST) AS ids FROM generate_series(49, 250, 100) n;
EXECUTE q;
RESET lakehouse.as_of;
EXECUTE q;
DEALLOCATE q;
RESET plan_cache_mode;

-- an id at the end of one file and the beginning of the next: in order by it, not by the second column
SELECT sorted_table('two', 'two');
SELECT * FROM plan('SELECT id FROM two ORDER BY id NULLS FIRST');
SELECT * FROM plan('SELECT id FROM two ORDER BY id NULLS FIRST, name NULLS FIRST');
SELECT id, name FROM two ORDER BY id NULLS FIRST, name NULLS FIRST;

-- descending, nulls at the end of the last file
SELECT sorted_table('backwards', 'backwards');
SELECT * FROM plan('SELECT id, v FROM backwards ORDER BY v DESC NULLS LAST');
SELECT id, v FROM backwards ORDER BY v DESC NULLS LAST;
-- there are some, so not at the other end
SELECT * FROM plan('SELECT id, v FROM backwards ORDER BY v DESC');

-- values that differ there and not here: the columns behind are in no order; neither are those that others compare otherwise
SELECT sorted_table('zeros', 'zeros');
SELECT * FROM plan('SELECT f, name FROM zeros ORDER BY id NULLS FIRST, f NULLS FIRST, name NULLS FIRST');
SELECT f, name FROM zeros ORDER BY id NULLS FIRST, f NULLS FIRST, name NULLS FIRST;
SELECT sorted_table('uuids', 'uuids');
SELECT * FROM plan('SELECT u FROM uuids ORDER BY id NULLS FIRST, u NULLS FIRST');
SELECT u FROM uuids ORDER BY id NULLS FIRST, u NULLS FIRST;
SELECT sorted_table('nanos', 'nanos', 'timestamp_ns ''floor''');
SELECT * FROM plan('SELECT t, id FROM nanos ORDER BY t NULLS FIRST');
SELECT * FROM plan('SELECT t, id FROM nanos ORDER BY t NULLS FIRST, id NULLS FIRST');
SELECT t, id FROM nanos ORDER BY t NULLS FIRST, id NULLS FIRST;
-- letters, which KOI8-R would have in another order (test/tap/t/iceberg_seen.pl)
SELECT sorted_table('cyrillic', 'cyrillic');
SELECT * FROM plan('SELECT id FROM cyrillic ORDER BY name NULLS FIRST');
SELECT id FROM cyrillic ORDER BY name NULLS FIRST;

-- what metadata says is not true: an error, never rows in a wrong order
SELECT sorted_table('lie', 'lie');
SELECT * FROM plan('SELECT id FROM lie ORDER BY id NULLS FIRST');
SELECT * FROM result('SELECT count(*) FROM (SELECT id FROM lie ORDER BY id NULLS FIRST OFFSET 0) s');
SELECT sorted_table('lie_bounds', 'lie_bounds');
SELECT * FROM result('SELECT count(*) FROM (SELECT id FROM lie_bounds ORDER BY id NULLS FIRST OFFSET 0) s');
SET lakehouse.metadata_order = off;
SELECT id FROM lie ORDER BY id NULLS FIRST OFFSET 101 LIMIT 3;
RESET lakehouse.metadata_order;
SELECT count(*), sum(id) FROM lie;
-- a plan that relies on no order does not check it, though it might have used it
SET enable_mergejoin = off;
SELECT * FROM plan('SELECT count(a.v) FROM lie a JOIN lie b USING (id)');
SELECT count(a.v) FROM lie a JOIN lie b USING (id);
RESET enable_mergejoin;
-- another type than the table's has another order
SELECT ice('as_text', fixture('iceberg/sorted/good'), 'ref ''sorted''', 'id text OPTIONS (field_id ''1''), v int OPTIONS (field_id ''3'')');
SELECT * FROM plan('SELECT id FROM as_text ORDER BY id NULLS FIRST');

-- rows by partition predicates: manifests say how many there are of each
SELECT sorted_table('days', 'days');
SELECT planned('SELECT * FROM days') AS "all", planned('SELECT * FROM days WHERE day = ''2024-01-01''') AS ten,
	planned('SELECT * FROM days WHERE day IN (''2024-01-02'', ''2024-01-03'')') AS fifty,
	planned('SELECT * FROM days WHERE day >= ''2024-01-02'' AND day < ''2024-01-04''') AS range,
	planned('SELECT * FROM days WHERE day <> ''2024-01-04''') AS sixty, planned('SELECT * FROM days WHERE day > ''2025''') AS none,
	planned('SELECT * FROM days WHERE id = 7') AS unknown;
PREPARE d(text) AS SELECT * FROM days WHERE day = $1;
SELECT planned('EXECUTE d(''2024-01-03'')');
DEALLOCATE d;
-- what ANALYZE knows comes first
SELECT sorted_table('analyzed', 'days');
ANALYZE analyzed;
SELECT planned('SELECT * FROM analyzed WHERE day = ''2024-01-01''');
-- widths of texts by the bytes of a row; fixed ones are as they are
SELECT planned('SELECT name FROM days', 'Plan Width')::int < 32 AS shorter, planned('SELECT id FROM days', 'Plan Width') AS fixed;
-- no row is wider than can be
SELECT sorted_table('swollen', 'swollen');
SELECT planned('SELECT * FROM swollen', 'Plan Width')::int > 1000 AS wide;

-- distinct values: what the metadata file repeats of sketches, or the sketches themselves
SELECT sorted_table('sketch', 'sketch');
SELECT planned('SELECT name FROM sketch GROUP BY name') AS seven, planned('SELECT v FROM sketch GROUP BY v') AS one,
	planned('SELECT v, name FROM sketch GROUP BY v, name') AS both, planned('SELECT id FROM sketch GROUP BY id') AS "1024, no more than rows";
SELECT ice('statistics', 'v2/statistics');
SELECT planned('SELECT * FROM statistics');
SELECT a.attname, planned(format('SELECT %1$I FROM statistics GROUP BY %1$I', a.attname)) FROM pg_attribute a WHERE a.attrelid = 'statistics'::regclass AND attnum > 0 ORDER BY attnum;

-- no process is started for what metadata answers
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SELECT * FROM plan('SELECT count(*), count(name), min(id), max(v) FROM good');
SELECT * FROM plan('SELECT sum(v) FROM good');
SELECT * FROM plan('SELECT count(*) FROM good WHERE v > 10');
SELECT * FROM plan('SELECT count(*) FILTER (WHERE v > 10), min(id) FROM good');
SELECT count(*), count(name), min(id), max(v) FROM good;
-- of bare files, too
SELECT make_table('trips', 'trip_id bigint, day date, vendor text, distance float8, fare numeric(9,2), passengers smallint, note text', 'flat/trips.parquet');
SELECT * FROM plan('SELECT count(*), count(note), min(trip_id), max(day), max(fare) FROM trips');
SELECT * FROM plan('SELECT count(*), min(vendor) FROM trips');
SELECT * FROM plan('SELECT sum(trip_id) FROM trips');
-- without statistics in the footers rows are read
SELECT row_groups FROM lakehouse.write_parquet('SELECT g AS id FROM generate_series(1, 20000) g', current_setting('test.work') || '/with.parquet', '{"row_group_size": 5000}');
SELECT row_groups FROM lakehouse.write_parquet('SELECT g AS id FROM generate_series(1, 20000) g', current_setting('test.work') || '/without.parquet', '{"row_group_size": 5000, "statistics": false, "page_index": false}');
SELECT run(format('CREATE FOREIGN TABLE with_statistics (id int) SERVER lake OPTIONS (location %L)', current_setting('test.work') || '/with.parquet'));
SELECT run(format('CREATE FOREIGN TABLE without_statistics (id int) SERVER lake OPTIONS (location %L)', current_setting('test.work') || '/without.parquet'));
SELECT * FROM plan('SELECT min(id), count(id) FROM with_statistics') WHERE plan !~ 'Location';
SELECT * FROM plan('SELECT count(*) FROM without_statistics') WHERE plan !~ 'Location';
SELECT * FROM plan('SELECT count(id) FROM without_statistics') WHERE plan !~ 'Location';
SELECT * FROM plan('SELECT min(id) FROM without_statistics') WHERE plan !~ 'Location';
SELECT min(id), count(id), count(*) FROM without_statistics;

\! rm -rf $WORK
