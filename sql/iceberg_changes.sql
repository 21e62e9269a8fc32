-- Rows that came and went between snapshots.
\set schema t_iceberg_changes
\i sql/include/iceberg.psql

-- copy on write: an update, a delete, a compaction, an overwrite that keeps a row
SELECT ice('c', 'v2/changes');
SELECT _change_ordinal AS n, _change_type AS type, data FROM lakehouse.iceberg_changes(NULL::c) ORDER BY 1, 2, 3;
SELECT _change_type AS type, (data).* FROM lakehouse.iceberg_changes(NULL::c, net => true) ORDER BY 2;
SELECT DISTINCT _commit_snapshot_id = snapshot_id AS same FROM lakehouse.iceberg_changes(NULL::c) x
	JOIN (SELECT snapshot_id, row_number() OVER (ORDER BY committed_at) - 1 AS n FROM lakehouse.iceberg_snapshots('c')
		WHERE operation <> 'replace') s ON s.n = x._change_ordinal;
SELECT snapshot('c', 2) AS second, snapshot('c', 4) AS fourth \gset
SELECT _change_ordinal AS n, _change_type AS type, data FROM lakehouse.iceberg_changes(NULL::c, :second, :fourth) ORDER BY 1, 2, 3;
SELECT _change_ordinal AS n, _change_type AS type, data FROM lakehouse.iceberg_changes(NULL::c, :second, :fourth, true) ORDER BY 1, 2, 3;
SELECT count(*) FROM lakehouse.iceberg_changes(NULL::c, :fourth, :fourth);
SELECT * FROM result('SELECT * FROM lakehouse.iceberg_changes(NULL::c, 17)');
SELECT * FROM result(format('SELECT * FROM lakehouse.iceberg_changes(NULL::c, %s, %s)', :fourth, :second));
SELECT * FROM result('SELECT * FROM lakehouse.iceberg_changes(NULL::int)');
SELECT * FROM result('SELECT * FROM lakehouse.iceberg_changes(NULL::pg_class)');

-- as a foreign table: conditions on what changed are pushed, others come after rows that only moved are gone
SELECT ice('cc', 'v2/changes', 'changes_from ''0''');
SELECT * FROM columns_of('cc');
SELECT id, s, _change_type, _change_ordinal FROM cc ORDER BY 4, 3, 1;
SELECT count(*), count(*) FILTER (WHERE _change_type = 'DELETE') AS deleted FROM cc;
SELECT id, s FROM cc WHERE _change_type = 'INSERT' AND id = 1;
SELECT l FROM plan('SELECT id FROM cc WHERE id = 2 AND _change_type = ''INSERT''', 'VERBOSE, COSTS OFF') l WHERE l ~ 'Filter|Changes|Columns|Not Vec';
SELECT counter('SELECT * FROM cc WHERE id = 4', 'Files') AS files, counter('SELECT * FROM cc', 'Files') AS of;
SELECT ice('cn', 'v2/changes', 'changes_from ''0'', net_changes ''true''', 'id int, s text, _change_type text');
SELECT * FROM cn ORDER BY id;
-- columns that are not there cannot tell rows apart
SELECT ice('ci', 'v2/changes', 'changes_from ''0''', 'id int, _change_type text, _change_ordinal int');
SELECT * FROM ci ORDER BY 3, 2, 1;
-- a rescan begins again
SELECT v, count(id) FROM generate_series(1, 2) v LEFT JOIN LATERAL (SELECT * FROM cc WHERE id >= v OFFSET 0) s ON true GROUP BY v ORDER BY v;
-- nothing is answered by metadata, nothing in parallel
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT l FROM plan('SELECT count(*) FROM cc') l WHERE l ~ 'Scan|Aggregate|Gather';
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- merge on read: rows that delete files delete; appends alone are not compared
SELECT ice('b', 'v2/branches');
SELECT _change_ordinal AS n, _change_type AS type, data FROM lakehouse.iceberg_changes(NULL::b) ORDER BY 1, 2, 3;
SELECT ice('b_audit', 'v2/branches', 'ref ''audit''');
SELECT _change_ordinal AS n, _change_type AS type, data FROM lakehouse.iceberg_changes(NULL::b_audit) ORDER BY 1, 2, 3;
SELECT ice('mor', 'v2/mor');
SELECT _change_type, count(*) FROM lakehouse.iceberg_changes(NULL::mor) GROUP BY 1 ORDER BY 1;
SELECT _change_type, count(*) FROM lakehouse.iceberg_changes(NULL::mor, net => true) GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM mor;
SELECT count(*) FROM ((SELECT (data).* FROM lakehouse.iceberg_changes(NULL::mor, net => true) EXCEPT ALL SELECT * FROM mor)
	UNION ALL (SELECT * FROM mor EXCEPT ALL SELECT (data).* FROM lakehouse.iceberg_changes(NULL::mor, net => true))) d;
CREATE FUNCTION spills(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE l text;
BEGIN
	FOR l IN EXECUTE 'EXPLAIN (ANALYZE, BUFFERS) ' || query LOOP
		IF l ~ 'temp read=\d+ written=\d+' THEN RETURN true; END IF;
	END LOOP;
	RETURN false;
END $$;
-- a sort that spills leaves no file: read as a whole, in part, again, and when something fails
SELECT ice('wide', 'v2/mor', '', 'id bigint, s char(3000)');
SELECT ice('wide_changes', 'v2/mor', 'changes_from ''0'', net_changes ''true''', 'id bigint, s char(3000), _change_type text');
SET work_mem = 64;
SELECT spills('SELECT * FROM wide_changes');
SELECT _change_type, count(*) FROM wide_changes GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM (SELECT s FROM wide_changes LIMIT 1) x;
SELECT v, count(s) FROM generate_series(1, 2) v LEFT JOIN LATERAL (SELECT * FROM wide_changes WHERE id >= v OFFSET 0) w ON true GROUP BY v ORDER BY v;
SELECT * FROM result('SELECT 1 / (id - id) FROM wide_changes');
BEGIN;
DECLARE w CURSOR FOR SELECT _change_type IN ('INSERT', 'DELETE') AS is_one FROM wide_changes;
FETCH w;
SAVEPOINT s;
FETCH w;
ROLLBACK TO s;
CLOSE w;
COMMIT;
SELECT _change_type, count(*) FROM lakehouse.iceberg_changes(NULL::wide, net => true) GROUP BY 1 ORDER BY 1;
RESET work_mem;
-- a row that comes and goes again and again is one
SELECT ice('mor_net', 'v2/mor', 'changes_from ''0'', net_changes ''true''', 'f double precision, _change_type text');
SELECT _change_type, sum(n) FROM (SELECT _change_type, f, count(*) AS n FROM mor_net GROUP BY 1, 2) s GROUP BY 1;
SELECT count(*) FROM mor;

-- at each snapshot of each table: the rows of the one before, less what was deleted, with what was inserted, are the rows; and so for the net changes of all
-- (what changed is shown by the schema of now, a past state by its own: tables whose structs or defaults changed are left out)
CREATE FUNCTION step(tab text, snapshot bigint, parent bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	columns text := (SELECT string_agg(format('%I %s OPTIONS (field_id %L)', attname, format_type(atttypid, atttypmod),
			(SELECT option_value FROM pg_options_to_table(attfdwoptions) WHERE option_name = 'field_id')), ', ' ORDER BY attnum)
		FROM pg_attribute WHERE attrelid = 'step_now'::regclass AND attnum > 0);
	query text := 'SELECT whole::text AS r FROM step_was whole EXCEPT ALL SELECT (data)::text FROM lakehouse.iceberg_changes(NULL::step_now, $1, $2) WHERE _change_type = ''DELETE''';
	same boolean;
BEGIN
	IF parent IS NULL THEN
		EXECUTE format('CREATE TEMP VIEW step_was AS SELECT * FROM step_now WHERE false');
	ELSE
		PERFORM ice('step_was', tab, format('snapshot_id %L, allow_version_guess ''true'', timestamp_ns ''text''', parent), columns);
	END IF;
	PERFORM ice('step_is', tab, format('snapshot_id %L, allow_version_guess ''true'', timestamp_ns ''text''', snapshot), columns);
	query := query || ' UNION ALL SELECT (data)::text FROM lakehouse.iceberg_changes(NULL::step_now, $1, $2) WHERE _change_type = ''INSERT''';
	EXECUTE format('WITH made AS (%s), is_now AS (SELECT whole::text AS r FROM step_is whole) SELECT NOT EXISTS ((SELECT r FROM made EXCEPT ALL SELECT r FROM is_now) UNION ALL (SELECT r FROM is_now EXCEPT ALL SELECT r FROM made))', query)
		INTO same USING coalesce(parent, 0), snapshot;
	IF parent IS NULL THEN DROP VIEW step_was; END IF;
	RETURN same;
END $$;
CREATE FUNCTION steps(tab text, OUT n bigint, OUT wrong bigint, OUT net boolean) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM ice('step_now', tab, 'allow_version_guess ''true'', timestamp_ns ''text''');
	SELECT count(*), count(*) FILTER (WHERE step(tab, snapshot_id, parent_id) IS NOT TRUE) INTO n, wrong
	FROM lakehouse.iceberg_history('step_now') WHERE is_current_ancestor;
	EXECUTE 'WITH made AS (SELECT _change_type || (data)::text AS r FROM lakehouse.iceberg_changes(NULL::step_now, net => true)),
		is_now AS (SELECT ''INSERT'' || whole::text AS r FROM step_now whole)
		SELECT NOT EXISTS ((SELECT r FROM made EXCEPT ALL SELECT r FROM is_now) UNION ALL (SELECT r FROM is_now EXCEPT ALL SELECT r FROM made))' INTO net;
END $$;
SELECT tab, s.* FROM (SELECT d || '/' || f AS tab FROM unnest('{demo,v1,v2,v3}'::text[]) d, LATERAL (SELECT pg_ls_dir(fixture('iceberg/warehouse/' || d)) AS f) l
	WHERE f !~ '^(rewritten|never_written|added_files|evolved|.*_nested|.*defaults.*)$' ORDER BY (d || '/' || f) COLLATE "C" OFFSET 0) t, LATERAL steps(tab) s;
-- rights are those to the table
CREATE ROLE change_reader;
GRANT USAGE ON SCHEMA t_iceberg_changes TO change_reader;
GRANT SELECT (id) ON c TO change_reader;
SET ROLE change_reader;
SELECT * FROM result('SELECT count(*) FROM lakehouse.iceberg_changes(NULL::c)');
RESET ROLE;
GRANT SELECT ON c TO change_reader;
SET ROLE change_reader;
SELECT count(*) FROM lakehouse.iceberg_changes(NULL::c);
RESET ROLE;
DROP OWNED BY change_reader;
DROP ROLE change_reader;

\! rm -rf $WORK
