-- Time travel, and which state a statement sees.
\set schema t_iceberg_time
\i sql/include/iceberg.psql

SELECT ice('b', 'v2/branches');
SELECT * FROM b ORDER BY id;
SELECT snapshot('b', 1) AS first, snapshot('b', 4) AS fourth \gset

-- by snapshot: with the schema of then, by field id; what was not there yet is null
SELECT ice('b_first', 'v2/branches', format('snapshot_id %L', :first), '');
SELECT * FROM columns_of('b_first');
SELECT * FROM b_first ORDER BY id;
SELECT ice('b_then', 'v2/branches', format('snapshot_id %L', :first), 'id int OPTIONS (field_id ''1''), later int OPTIONS (field_id ''3'')');
SELECT * FROM b_then ORDER BY id;
SELECT ice('b_names', 'v2/branches', format('snapshot_id %L', :first), 'id int, later int');
SELECT * FROM b_names ORDER BY id;
SELECT ice('b_typo', 'v2/branches', format('snapshot_id %L', :first), 'id int, latter int');
SELECT * FROM result('SELECT * FROM b_typo');
-- by branch and tag
SELECT ice('b_audit', 'v2/branches', 'ref ''audit''');
SELECT * FROM columns_of('b_audit');
SELECT * FROM b_audit ORDER BY id;
SELECT ice('b_tag', 'v2/branches', 'ref ''first''');
SELECT * FROM columns_of('b_tag');
SELECT ice('b_odd', 'v2/branches', 'ref ''odd/name with space''');
SELECT * FROM b_odd ORDER BY id;
SELECT * FROM result($$SELECT ice('b_no', 'v2/branches', 'ref ''nobody''')$$);
-- by time, of main
SELECT committed_at + '1 ms' AS at FROM lakehouse.iceberg_snapshots('b') WHERE snapshot_id = :fourth \gset
SELECT ice('b_time', 'v2/branches', format('snapshot_time %L', :'at'));
SELECT * FROM b_time ORDER BY id;
SELECT ice('b_long_ago', 'v2/branches', 'snapshot_time ''2001-01-01 UTC''', 'id int');
SELECT * FROM result('SELECT * FROM b_long_ago');

-- a setting for all tables of a session or transaction; tables with options of their own keep these
SELECT ice('orders', 'demo/orders');
SET lakehouse.as_of = 'audit';
SELECT * FROM b ORDER BY id;
SELECT count(*) FROM b_first;
SELECT * FROM result('SELECT count(*) FROM orders');
SELECT * FROM result('SELECT count(*) FROM b JOIN orders USING (id)');
SET lakehouse.as_of = '2001-01-01 UTC';
SELECT * FROM result('SELECT count(*) FROM b');
BEGIN;
SET LOCAL lakehouse.as_of = 'ref:first';
SELECT count(*) FROM b;
COMMIT;
SELECT set_config('lakehouse.as_of', :'at', false) = :'at' AS set;
SELECT count(*) FROM b;
SET lakehouse.as_of = '12 o''clock';
SELECT * FROM result('SELECT count(*) FROM b');
RESET lakehouse.as_of;
-- bare files have no past
SELECT make_table('trips', 'trip_id bigint', 'flat/trips.parquet', $$columns 'trip_id'$$);
SET lakehouse.as_of = 'audit';
SELECT count(*) > 0 AS read FROM trips;
RESET lakehouse.as_of;

-- ---- the state of a statement: versions 3 to 9 of the metadata are held back, and come in between
\! cp -r $LAKEHOUSE_FIXTURES/iceberg/warehouse/v2/branches $WORK/b && chmod -R u+w $WORK/b
\! cd $WORK/b/metadata && mkdir ../later && rm version-hint.text && mv v[3-9].gz* v1?.gz* v2?.gz* ../later
CREATE FUNCTION commits() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('COPY (SELECT 1) TO PROGRAM %L', 'cat > /dev/null; cd ' || current_setting('test.work') || '/b/later && mv v[3-9].gz* ../metadata');
END $$;
CREATE FUNCTION undo() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('COPY (SELECT 1) TO PROGRAM %L', 'cat > /dev/null; cd ' || current_setting('test.work') || '/b/metadata && mv v[3-9].gz* ../later');
END $$;
\set b :work /b
SELECT ice('t', :'b', '', 'id int OPTIONS (field_id ''1'')');
CREATE VIEW v AS SELECT id FROM t WHERE id > 0;
SELECT count(*) FROM t;

-- all scans of a statement see one state, and so do STABLE functions that it calls; VOLATILE ones see what is there
CREATE FUNCTION steady() RETURNS bigint LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT count(*) FROM t); END';
CREATE FUNCTION steady_sql() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) + 0 * random()::int FROM v';
CREATE FUNCTION fresh() RETURNS bigint LANGUAGE plpgsql VOLATILE AS 'BEGIN PERFORM commits(); RETURN (SELECT count(*) FROM t); END';
SELECT (SELECT count(*) FROM t) AS before, fresh(), steady(), (SELECT count(*) FROM v) AS after;
SELECT undo();
-- another spelling of the location, and another owner, is the same table
SELECT ice('spelled', 'file:' || :'b' || '/', '', 'id int OPTIONS (field_id ''1'')');
CREATE ROLE spelled_owner IN ROLE pg_read_server_files;
GRANT USAGE, CREATE ON SCHEMA t_iceberg_time TO spelled_owner;
ALTER FOREIGN TABLE spelled OWNER TO spelled_owner;
SELECT (SELECT count(*) FROM t) AS one, fresh(), (SELECT count(*) FROM spelled) AS other;
SELECT undo();
DROP FOREIGN TABLE spelled;
DROP OWNED BY spelled_owner;
DROP ROLE spelled_owner;
-- also where the function comes first
SELECT steady(), steady_sql(), fresh(), steady(), (SELECT count(*) FROM v) AS after;
SELECT undo();
-- statements of one function see one after the other
CREATE FUNCTION two() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	a bigint := (SELECT count(*) FROM t);
BEGIN
	PERFORM commits();
	RETURN a || ', ' || (SELECT count(*) FROM t);
END $$;
SELECT two();
SELECT undo();

-- a prepared plan is about nothing that was
PREPARE p AS SELECT count(*) FROM t;
EXECUTE p;
EXECUTE p;
EXECUTE p;
EXECUTE p;
EXECUTE p;
EXECUTE p;
SELECT commits();
EXECUTE p;
SELECT undo();

-- a cursor keeps what it saw first
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM t;
FETCH 1 FROM c;
SELECT commits();
SELECT count(*) FROM t;
FETCH ALL FROM c;
DECLARE d CURSOR WITH HOLD FOR SELECT count(*) FROM t;
COMMIT;
SELECT undo();
FETCH ALL FROM d;
CLOSE d;

-- REPEATABLE READ: to the end of the transaction, whatever is rolled back
BEGIN ISOLATION LEVEL REPEATABLE READ;
SAVEPOINT s;
SELECT count(*) FROM t;
ROLLBACK TO s;
SELECT commits();
SELECT count(*) FROM t;
SELECT fresh() FROM (SELECT undo()) u;
COMMIT;
SELECT count(*) FROM t;
-- a table that it has not touched is there as it is then
SELECT undo();
SELECT ice('u', :'b', 'allow_version_guess ''true''', 'id int OPTIONS (field_id ''1'')');
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT count(*) FROM t;
SELECT commits();
SELECT count(*) FROM u;
SELECT count(*) FROM t;
COMMIT;
SELECT undo();

-- an error inside a block does not leave the state behind
CREATE FUNCTION failing() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	a bigint;
BEGIN
	BEGIN
		a := (SELECT count(*) FROM t);
		PERFORM count(1 / (id - 1)) FROM t;
	EXCEPTION WHEN division_by_zero THEN
		NULL;
	END;
	PERFORM commits();
	RETURN a || ', ' || (SELECT count(*) FROM t);
END $$;
SELECT failing();
SELECT undo();

-- what metadata functions say goes with the rows, whether they are asked by name or by location
SELECT (SELECT count(*) FROM t) AS before, fresh(), (SELECT count(*) FROM lakehouse.iceberg_snapshots('t')) AS snapshots,
	(SELECT count(*) FROM lakehouse.iceberg_snapshots(:'b')) AS at_location;
SELECT count(*) AS snapshots FROM lakehouse.iceberg_snapshots('t');
SELECT undo();
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) AS snapshots FROM lakehouse.iceberg_snapshots('t');
SELECT commits();
SELECT count(*) AS snapshots FROM lakehouse.iceberg_snapshots(:'b');
SELECT count(*) FROM t;
COMMIT;
SELECT undo();
SET lakehouse.as_of = 'no_such_branch';
SELECT * FROM result('SELECT count(*) FROM lakehouse.iceberg_files(''t'')');
RESET lakehouse.as_of;

-- functions in parallel workers know of no pin: they read what is one state and never another, or say what to do
CREATE TABLE many AS SELECT g AS id FROM generate_series(1, 10000) g;
ANALYZE many;
CREATE FUNCTION safe() RETURNS bigint LANGUAGE plpgsql STABLE PARALLEL SAFE AS 'BEGIN RETURN (SELECT count(*) FROM t); END';
CREATE FUNCTION safe_file() RETURNS bigint LANGUAGE plpgsql STABLE PARALLEL SAFE AS 'BEGIN RETURN (SELECT count(*) FROM one_file); END';
SELECT ice('one_file', :'b' || '/metadata/v2.gz.metadata.json', '', 'id int');
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET parallel_leader_participation = off;
SELECT l FROM plan('SELECT min(safe() + 0 * id) FROM many WHERE id < 3') l WHERE l ~ 'Gather|Scan';
\set VERBOSITY terse
SELECT min(safe() + 0 * id) FROM many WHERE id < 3;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT safe();
SELECT min(safe() + 0 * id) FROM many WHERE id < 3;
ROLLBACK;
\set VERBOSITY default
SELECT min(safe_file() + 0 * id) FROM many WHERE id < 3;
ALTER FUNCTION safe() PARALLEL RESTRICTED;
SELECT min(safe() + 0 * id) FROM many WHERE id < 3;
-- lakehouse.read where planning does not know what is read: it stays with the leader
SET plan_cache_mode = force_generic_plan;
SELECT set_config(name, 'on', false) AS forced FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SET min_parallel_table_scan_size = '1GB';
PREPARE by_location(text) AS SELECT id FROM lakehouse.read($1, options => '{"rebase_location": "auto"}') AS r (id int) ORDER BY id;
EXECUTE by_location(:'b');
RESET plan_cache_mode;
SELECT set_config(name, 'off', false) AS forced FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SET min_parallel_table_scan_size = 0;
CREATE TABLE places AS SELECT g AS id, :'b'::text AS place FROM generate_series(1, 10000) g;
ANALYZE places;
SELECT count(*) FROM places p, lakehouse.read(p.place, options => '{"rebase_location": "auto"}') AS r (id int) WHERE p.id < 3;
CREATE TYPE row_of_b AS (id int);
SELECT count(*) FROM places p, lakehouse.read(NULL::row_of_b, place, options => '{"rebase_location": "auto"}') WITH ORDINALITY AS r (id, n) WHERE p.id < 3;
SELECT count(*) FROM places p JOIN lakehouse.read(NULL::row_of_b, :'b', options => '{"rebase_location": "auto"}') WITH ORDINALITY AS r (id, n) USING (id);
DROP TABLE places;
DROP TYPE row_of_b;
-- nor does a plan know that was made for a role without rights: nothing was looked up for it
CREATE ROLE regress_lakehouse_blind;
GRANT USAGE ON SCHEMA t_iceberg_time TO regress_lakehouse_blind;
SELECT set_config(name, 'on', false) AS forced FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
PREPARE counted AS SELECT count(*) FROM t;
PREPARE listed AS SELECT id FROM t ORDER BY id;
SET ROLE regress_lakehouse_blind;
EXECUTE counted;
EXECUTE listed;
RESET ROLE;
EXECUTE counted;
EXECUTE listed;
SELECT set_config(name, 'off', false) AS forced FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
DEALLOCATE ALL;
REVOKE USAGE ON SCHEMA t_iceberg_time FROM regress_lakehouse_blind;
DROP ROLE regress_lakehouse_blind;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET parallel_leader_participation;

-- planning pins nothing
EXPLAIN (COSTS OFF) SELECT count(*) FROM t \g /dev/null
SELECT commits();
SELECT count(*) FROM t;

\! rm -rf $WORK
