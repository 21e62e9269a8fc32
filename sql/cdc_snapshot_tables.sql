-- What there is to read for a stream, how, and the state of snapshots.
\i sql/include/cdc.psql
\i sql/include/frames.psql
CREATE SCHEMA snap;
CREATE SCHEMA "Other schema";
SET search_path = snap;
CREATE FUNCTION pg_temp.tables(VARIADIC options text[] DEFAULT '{}') RETURNS TABLE ("table" text, key_columns text[], key_types text[], method text,
	reason text, published regclass) LANGUAGE sql AS $$
	SELECT format('%s.%s', schema_name, table_name), key_columns, key_types, method, reason, published FROM lakehouse.cdc_snapshot_tables(options)
	-- other tests leave tables in this database
	WHERE schema_name NOT LIKE 'test\_%'
$$;

-- ---- which tables, and by which key

CREATE TABLE by_key (id int PRIMARY KEY, a text);
CREATE TABLE "Other schema"."Two keys" ("A a" char(3), b numeric(5,2), c int, PRIMARY KEY (b, "A a"));
CREATE TABLE by_index (id int PRIMARY KEY, x timestamptz NOT NULL, y varchar(9) NOT NULL);
CREATE UNIQUE INDEX by_index_yx ON by_index (y, x);
ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_index_yx;
CREATE TABLE by_all (id int PRIMARY KEY, a text);
ALTER TABLE by_all REPLICA IDENTITY FULL;
CREATE TABLE all_no_key (a text);
ALTER TABLE all_no_key REPLICA IDENTITY FULL;
CREATE TABLE nothing (id int PRIMARY KEY);
ALTER TABLE nothing REPLICA IDENTITY NOTHING;
CREATE TABLE no_key (a text);
CREATE TABLE late_key (id int PRIMARY KEY DEFERRABLE);
CREATE TABLE mixed_order (a int NOT NULL, b int NOT NULL);
CREATE UNIQUE INDEX mixed_order_ab ON mixed_order (a, b DESC);
ALTER TABLE mixed_order REPLICA IDENTITY USING INDEX mixed_order_ab;
CREATE TABLE all_desc (a int NOT NULL, b int NOT NULL);
CREATE UNIQUE INDEX all_desc_ab ON all_desc (a DESC, b DESC);
ALTER TABLE all_desc REPLICA IDENTITY USING INDEX all_desc_ab;
CREATE TABLE pattern (a text NOT NULL);
CREATE UNIQUE INDEX pattern_a ON pattern (a text_pattern_ops);
ALTER TABLE pattern REPLICA IDENTITY USING INDEX pattern_a;
CREATE TABLE collated (a text NOT NULL);
CREATE UNIQUE INDEX collated_a ON collated (a COLLATE "C");
ALTER TABLE collated REPLICA IDENTITY USING INDEX collated_a;
CREATE TABLE generated_key (a int, id int GENERATED ALWAYS AS (a * 2) STORED PRIMARY KEY);
CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY);
CREATE TEMP TABLE temporary (id int PRIMARY KEY);
CREATE VIEW v AS SELECT 1;
CREATE MATERIALIZED VIEW mv AS SELECT 1;
CREATE TABLE parted (id int, n int, PRIMARY KEY (id, n)) PARTITION BY LIST (n);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1) PARTITION BY RANGE (id);
CREATE TABLE parted_1_1 PARTITION OF parted_1 DEFAULT;
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES IN (2);
CREATE TABLE own_keys (id int NOT NULL, n int NOT NULL) PARTITION BY LIST (n);
CREATE TABLE own_keys_1 PARTITION OF own_keys (PRIMARY KEY (id)) FOR VALUES IN (1);
SELECT * FROM pg_temp.tables();
SELECT * FROM pg_temp.tables('format', 'wal2json', 'table.include.list', 'snap.by_.*');
SELECT * FROM pg_temp.tables('format', 'json,debezium-json', 'table.include.list', 'snap.by_.*', 'message.key.columns', 'snap.by_all:a;snap.by_index:y,x;snap.by_key:id');
SELECT * FROM pg_temp.tables('table.include.list', 'snap.by_.*', 'masks', 'snap.by_key.id:null;snap.by_all.a:null');
SELECT * FROM pg_temp.tables('table.include.list', 'snap.gen.*', 'generated', 'none');
SELECT * FROM pg_temp.tables('skipped.operations', 'c');
SELECT * FROM pg_temp.tables('actions', 'update');

CREATE PUBLICATION snap_some FOR TABLE by_key (id), by_all (a), parted, own_keys;
CREATE PUBLICATION snap_root FOR TABLE parted, own_keys WITH (publish_via_partition_root);
CREATE PUBLICATION snap_updates FOR ALL TABLES WITH (publish = 'update');
SELECT * FROM pg_temp.tables('publication_names', 'snap_some');
SELECT * FROM pg_temp.tables('publication_names', 'snap_root');
SELECT * FROM pg_temp.tables('publication_names', 'snap_updates');

-- sizes; and tables that are to be read are locked
INSERT INTO by_key SELECT g FROM generate_series(1, 1000) g;
ANALYZE by_key;
BEGIN;
SELECT table_name, blocks, estimated_rows FROM lakehouse.cdc_snapshot_tables('{table.include.list,snap.by_.*}');
SELECT relation::regclass, mode FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation' AND relation::regclass::text IN ('by_key', 'by_all', 'no_key', 'parted_2') ORDER BY 1;
COMMIT;

-- ---- messages of clients to themselves

SELECT pg_temp.new_slot();
SELECT pg_logical_emit_message(false, p, 'lone') IS NOT NULL FROM unnest('{lakehouse.watermark,lakehouse.signal,lakehouse.heartbeat,other}'::text[]) p;
BEGIN;
INSERT INTO no_key VALUES ('before');
SELECT pg_logical_emit_message(true, p, 'of ' || p) IS NOT NULL FROM unnest('{lakehouse.watermark,lakehouse.signal,lakehouse.heartbeat,lakehouse.quarantine,lakehouse.watermarks}'::text[]) p;
INSERT INTO no_key VALUES ('after');
COMMIT;
SELECT * FROM pg_temp.stream('signals', 'off');
SELECT pg_logical_emit_message(false, 'lakehouse.signal', 'lone') IS NOT NULL;
INSERT INTO no_key VALUES ('next');
BEGIN;
SELECT pg_logical_emit_message(true, 'lakehouse.watermark', 'one') IS NOT NULL;
INSERT INTO by_key VALUES (1001);
SELECT pg_logical_emit_message(true, 'lakehouse.signal', '') IS NOT NULL;
SELECT pg_logical_emit_message(true, 'lakehouse.heartbeat', '') IS NOT NULL, pg_logical_emit_message(true, 'other', '') IS NOT NULL;
COMMIT;
CREATE FUNCTION pg_temp.peek(VARIADIC options text[]) RETURNS TABLE (kind text, ordinal text, relation regclass, format int, key text, value text) LANGUAGE sql AS $$
	SELECT f.kind, split_part(f.position, '/', 2), f.relation, f.format, f.key, regexp_replace(f.value, ',"(lsn|xid|ts)":("[^"]*"|\d+)', '', 'g')
	FROM pg_logical_slot_peek_binary_changes('regress_cdc', NULL, NULL, VARIADIC options || '{frames,on,schema.events,off}') c, pg_temp.frames(c.data) f
$$;
SELECT * FROM pg_temp.peek('signals', 'on');
SELECT * FROM pg_temp.peek('signals', 'on', 'messages', 'off', 'skipped.operations', 'm,c', 'add-msg-prefixes', 'none');
SELECT * FROM pg_temp.peek('signals', 'off', 'skipped.operations', 'c');
SELECT * FROM pg_logical_slot_peek_changes('regress_cdc', NULL, NULL, 'signals', 'on');

-- rows that have not all of their values say so, whatever became of the operation
CREATE TABLE large (id int PRIMARY KEY, big text, small int);
ALTER TABLE large ALTER big SET STORAGE EXTERNAL;
SELECT pg_temp.skip();
INSERT INTO large VALUES (1, repeat('x', 3000), 1);
UPDATE large SET small = 2;
UPDATE large SET big = 'y';
CREATE FUNCTION pg_temp.flags(VARIADIC options text[]) RETURNS TABLE (kind text, flags int) LANGUAGE sql AS $$
	SELECT f.kind, f.flags FROM pg_logical_slot_peek_binary_changes('regress_cdc', NULL, NULL, VARIADIC options || '{frames,on}') c, pg_temp.frames(c.data) f
	WHERE f.kind IN ('insert', 'update', 'delete')
$$;
SELECT * FROM pg_temp.flags('format', 'json');
SELECT * FROM pg_temp.flags('masks', 'snap.large.big:null');

-- ---- the state of snapshots

SELECT id, relation::regclass, method, fallback, state, point, first_unit, units, unit_blocks, blocks FROM
	lakehouse.cdc_snapshot_plan('regress_cdc', '0/10', 100, ARRAY['by_key', 'by_all', 'no_key', 'parted_2']::regclass[]::oid[], '{0,100,101,4294967295}', '{snap,snap,snap,snap}',
		'{by_key,by_all,no_key,parted_2}', '{key,key,barrier,key}');
SELECT count(*) FROM lakehouse.cdc_snapshot_plan('regress_cdc', '0/20', 1, ARRAY['by_key']::regclass[]::oid[], '{7}', '{snap}', '{by_key}', '{key}');
SELECT slot, relation::regclass, schema_name, table_name, method, fallback, state, point, first_unit, units, unit_blocks, blocks, chunks, rows, last_key, error FROM lakehouse.cdc_snapshot_state('regress_cdc');
SELECT lakehouse.cdc_snapshot_note(id, 'reading', NULL, NULL, '{a,NULL}', 3, NULL, NULL) FROM lakehouse.cdc_snapshot_state('regress_cdc');
SELECT lakehouse.cdc_snapshot_note(id, NULL, 'key', '0/30', NULL, NULL, 700, 'trouble') FROM lakehouse.cdc_snapshot_state('regress_cdc');
SELECT method, state, point, chunks, rows, last_key, error, updated > created AS updated FROM lakehouse.cdc_snapshot_state('regress_cdc');
\set VERBOSITY terse
SELECT lakehouse.cdc_snapshot_note(id, 'nowhere', NULL, NULL, NULL, NULL, NULL, NULL) IS NULL FROM lakehouse.cdc_snapshot_state('regress_cdc');
SELECT lakehouse.cdc_snapshot_note(0, 'done', NULL, NULL, NULL, NULL, NULL, NULL);
SELECT lakehouse.cdc_snapshot_plan('regress_cdc', '0/20', 1, '{1,2}', '{7}', '{snap}', '{by_key}', '{key}');
SELECT lakehouse.cdc_snapshot_plan('regress_cdc', '0/20', 0, '{1}', '{7}', '{snap}', '{by_key}', '{key}');
SELECT lakehouse.cdc_snapshot_plan('regress_cdc', '0/20', 1, '{1}', '{-7}', '{snap}', '{by_key}', '{key}');
SELECT lakehouse.cdc_snapshot_plan('regress_none', '0/20', 1, '{}', '{}', '{}', '{}', '{}');

\set VERBOSITY default

-- cancelled is cancelled
SELECT lakehouse.cdc_snapshot_cancel('regress_cdc', id), lakehouse.cdc_snapshot_cancel('regress_cdc', id), lakehouse.cdc_snapshot_cancel('other', id) FROM lakehouse.cdc_snapshot_state('regress_cdc');
SELECT lakehouse.cdc_snapshot_note(id, 'done', NULL, NULL, NULL, NULL, 701, NULL) FROM lakehouse.cdc_snapshot_state('regress_cdc');
SELECT state, rows FROM lakehouse.cdc_snapshot_state('regress_cdc');

-- ---- snapshots that users start

SELECT pg_temp.skip();
SELECT lakehouse.cdc_snapshot_start('regress_cdc', 'by_key') > 0;
SELECT lakehouse.cdc_snapshot_start('regress_cdc', 'parted', 'n > 0 AND id < 10::bigint') > 0;
SELECT schema_name, table_name, method, predicate, state FROM lakehouse.cdc_snapshot_state('regress_cdc') WHERE state = 'waiting';
-- the client hears of it by the stream, which does not carry the table of snapshots itself
SELECT * FROM pg_temp.peek('signals', 'on');
BEGIN;
SELECT lakehouse.cdc_snapshot_start('regress_cdc', 'no_key') > 0;
ROLLBACK;
SELECT count(*) FROM lakehouse.cdc_snapshot_state('regress_cdc') WHERE table_name = 'no_key';

-- conditions are stored so that they mean the same everywhere
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE TABLE chosen (id int PRIMARY KEY, a text, m mood, t timestamptz, iv interval, f float8, v varchar(5), "Q q" int, ar int[]);
CREATE FUNCTION pg_temp.condition(c text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	i bigint;
	d text;
BEGIN
	i := lakehouse.cdc_snapshot_start('regress_cdc', 'snap.chosen', c);
	RETURN (SELECT predicate FROM lakehouse.cdc_snapshot_state('regress_cdc') WHERE id = i);
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL;
	RETURN trim(SQLSTATE || ' ' || SQLERRM || ' ' || d);
END $$;
SET datestyle = 'German'; SET timezone = 'Asia/Tokyo'; SET intervalstyle = 'iso_8601';
SELECT c, pg_temp.condition(c) FROM unnest(ARRAY[
	'id > 5', 'chosen.id > 5', '"Q q" IS NULL OR id IN (1, 2, 3)', 'm = ''sad''', 't >= ''2.1.2026 12:00''', 'iv < ''1 day 2 hours''', 'f = 0.1',
	'v LIKE ''a%'' AND v = ANY (''{a,b}'')', 'a COLLATE "C" < ''b''', 'id::text = ''7''', 'CASE WHEN id > 1 THEN a ELSE v END = ''x''', '(id, a) > (5, ''x'')', 'true', 'coalesce(id, 1) = greatest(1, id) AND m IS DISTINCT FROM ''glad''',
	'ar @> ''{1}''']) c;
RESET datestyle; RESET timezone; RESET intervalstyle;
CREATE FUNCTION mine(int) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR === (leftarg = int, rightarg = int, function = int4eq);
CREATE DOMAIN small AS int CHECK (mine(VALUE));
SELECT c, pg_temp.condition(c) FROM unnest(ARRAY[
	'', 'id', 'id >', 'id > 5; SELECT 1', 'id > 5) OR (true', 'true FROM chosen', 'true AS x', 'DISTINCT true', 'true LIMIT 1', 'true, false', 'other.id > 5', 'nope > 5', '*', 'chosen.*',
	'id = (SELECT 1)', 'EXISTS (SELECT FROM pg_authid)', 'snap.mine(id)', 'id OPERATOR(snap.===) 5', 'id OPERATOR(snap.===) ANY (''{5}'')', 'NOT (id IS DISTINCT FROM 1) AND nullif(id, 2) OPERATOR(snap.===) 3', 'id::snap.small = 1', 'random() > 0.5', 'now() > t', 'current_user = a', 'count(*) > 1',
	'row_number() OVER () > 1', 'generate_series(1, 2) > 1', 'pg_read_file(a) IS NULL', 'ctid = ''(0,1)''', 'chosen = ROW(1)', 't::date = ''2026-01-01''', 'id = $1', 'table_to_xml(''pg_authid'', true, true, '''') IS NULL']) c;

SELECT lakehouse.cdc_snapshot_start('regress_cdc', 'unlogged');
SELECT lakehouse.cdc_snapshot_start('regress_cdc', 'v');
SELECT lakehouse.cdc_snapshot_start('regress_cdc', 'pg_class');
SELECT lakehouse.cdc_snapshot_start('regress_cdc', NULL);
SELECT lakehouse.cdc_snapshot_start('regress_none', 'by_key');
SELECT slot_name FROM pg_create_logical_replication_slot('regress_other', 'pgoutput');
SELECT lakehouse.cdc_snapshot_start('regress_other', 'by_key');
SELECT pg_drop_replication_slot('regress_other');

-- ---- who may

CREATE ROLE snap_replicator REPLICATION;
CREATE ROLE snap_none;
GRANT USAGE ON SCHEMA lakehouse, snap TO snap_replicator, snap_none;
GRANT SELECT ON by_key TO snap_none;
SET ROLE snap_none;
SELECT * FROM lakehouse.cdc_snapshot_tables('{}');
SELECT * FROM lakehouse.cdc_snapshot_state('regress_cdc');
SELECT * FROM lakehouse.cdc_snapshot_plan('regress_cdc', '0/20', 1, '{}', '{}', '{}', '{}', '{}');
SELECT lakehouse.cdc_snapshot_note(1, 'done', NULL, NULL, NULL, NULL, NULL, NULL);
SELECT lakehouse.cdc_snapshot_start('regress_cdc', 'by_key');
SELECT lakehouse.cdc_snapshot_cancel('regress_cdc', 1);
SELECT lakehouse.cdc_snapshot_forget('regress_cdc');
SELECT * FROM lakehouse.cdc_snapshots;
RESET ROLE;
SET ROLE snap_replicator;
SELECT count(*) > 0 FROM lakehouse.cdc_snapshot_tables('{}');
SELECT lakehouse.cdc_snapshot_start('regress_cdc', 'by_key');
RESET ROLE;
GRANT SELECT ON by_key TO snap_replicator;
SET ROLE snap_replicator;
SELECT lakehouse.cdc_snapshot_start('regress_cdc', 'by_key', 'id > 0') > 0, current_user;
SELECT count(*) > 0 FROM lakehouse.cdc_snapshot_state('regress_cdc');
SELECT lakehouse.cdc_snapshot_forget('regress_cdc');
SELECT count(*) FROM lakehouse.cdc_snapshot_state('regress_cdc');
SELECT * FROM lakehouse.cdc_snapshots;
UPDATE lakehouse.cdc_snapshots SET state = 'done';
RESET ROLE;

SELECT pg_drop_replication_slot('regress_cdc');
DROP PUBLICATION snap_some, snap_root, snap_updates;
DROP SCHEMA snap, "Other schema" CASCADE;
DROP OWNED BY snap_replicator, snap_none;
DROP ROLE snap_replicator, snap_none;
