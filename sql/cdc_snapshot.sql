-- Rows that tables have already, as the stream would say them.
-- names of temporary schemas differ
\set SHOW_CONTEXT never
\i sql/include/cdc.psql
\i sql/include/frames.psql
CREATE SCHEMA snap;
SET search_path = snap;

-- ---- a row is a batch; the first of a table says its schema first

CREATE TABLE t (id int PRIMARY KEY, a text, b numeric(8,2));
INSERT INTO t VALUES (1, 'one', 1.5), (2, NULL, 'NaN'), (3, 'three', NULL);
SELECT t.id, f.* FROM (SELECT id, lakehouse.cdc_row(t.*, '{}') AS batch FROM ONLY t ORDER BY id) t, LATERAL pg_temp.frames(batch) f;
-- the options are the plugin's, what they say of the journey does not count
SELECT f.* FROM t, LATERAL pg_temp.frames(lakehouse.cdc_row(t.*, '{format,"json,debezium-json",frames,off,batch.bytes,64kB,zstd,on,schema.events,on,topic.prefix,srv}')) f
	WHERE id = 1 AND f.format <> 1;
SELECT f.key, (f.value::jsonb - '{ts_ms,ts_us,ts_ns}'::text[]) #- '{source,ts_ms}' #- '{source,ts_us}' #- '{source,ts_ns}' #- '{source,version}' AS value
	FROM t, LATERAL pg_temp.frames(lakehouse.cdc_row(t.*, '{format,"json,debezium-json",topic.prefix,srv}')) f WHERE id = 1 AND f.format = 1;

-- ---- the same bytes as the stream's, but for operation and position

CREATE TABLE kinds (id int PRIMARY KEY, i8 bigint, f8 float8, num numeric, t text, c char(5), b bytea, d date, stamp timestamp, tz timestamptz,
	j json, jb jsonb, u uuid, ia int[], ta text[], iv interval, inet inet, r int4range, m money, x bit(3), gone int, big text, gen int GENERATED ALWAYS AS (id * 2) STORED);
ALTER TABLE kinds DROP gone;
ALTER TABLE kinds ALTER big SET STORAGE EXTERNAL;
ALTER TABLE kinds ADD late text DEFAULT 'late';
SELECT pg_temp.new_slot();
INSERT INTO kinds (id) VALUES (1);
INSERT INTO kinds VALUES (2, 9007199254740993, 0.1, 1e20, E'a"\\\n\u00e4', 'x', '\x00ff', '2024-02-29', '2024-02-29 12:00', '2024-02-29 12:00+02',
	'{"a" : 1}', '{"a": [1, null]}', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{1,NULL,3}', '{{a,b},{c,"d e"}}', '1 mon 2 days 03:00', '10.0.0.1/8', '[1,5)', 12.5, '101',
	repeat('big', 3000));
CREATE FUNCTION pg_temp.bare(v text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT regexp_replace(v, '"(op|lsn|n|xid|ts|txId|snapshot|sequence|ts_[mun]s)":("(\\.|[^"\\])*"|\d+|null),?', '', 'g')
$$;
CREATE FUNCTION pg_temp.differences(VARIADIC options text[]) RETURNS TABLE (streamed bigint, read bigint, different bigint, keys boolean) LANGUAGE sql AS $$
	WITH s AS (
		SELECT f.* FROM pg_logical_slot_peek_binary_changes('regress_cdc', NULL, NULL, VARIADIC options || '{frames,on}') c, pg_temp.frames(c.data) f
			WHERE f.value LIKE '%kinds%' AND f.format < 200
	), r AS (
		SELECT f.* FROM snap.kinds, LATERAL pg_temp.frames(lakehouse.cdc_row(kinds.*, options)) f WHERE f.format < 200
	)
	SELECT (SELECT count(*) FROM s), (SELECT count(*) FROM r), (SELECT count(*) FROM s FULL JOIN r
			ON (s.format, pg_temp.bare(s.value)) = (r.format, pg_temp.bare(r.value))
			-- wal2json-v1 says it at the commit
			AND (s.kind = 'commit' OR (s.relation, s.generation) = (r.relation, r.generation))
			AND s.key IS NOT DISTINCT FROM r.key WHERE s.format IS NULL OR r.format IS NULL),
		(SELECT bool_and(key IS NOT NULL) FROM r)
$$;
SET datestyle = 'German'; SET intervalstyle = 'sql_standard'; SET timezone = 'Asia/Tokyo'; SET extra_float_digits = -5; SET bytea_output = 'escape';
SELECT * FROM pg_temp.differences('format', 'json');
SELECT * FROM pg_temp.differences('format', 'debezium-json,json', 'decimal.handling.mode', 'string');
SELECT * FROM pg_temp.differences('format', 'debezium-json', 'value.converter.schemas.enable', 'on');
SELECT * FROM pg_temp.differences('format', 'wal2json-v1,wal2json-v2', 'include-transaction', 'off');
SHOW datestyle; SHOW timezone; SHOW search_path;
RESET datestyle; RESET intervalstyle; RESET timezone; RESET extra_float_digits; RESET bytea_output;

-- ---- rows, columns and names that publications and options choose

CREATE FUNCTION pg_temp.read(query text, VARIADIC options text[] DEFAULT '{}') RETURNS TABLE (id text, kind text, generation int, relation regclass, said text) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT b.id::text, f.kind, f.generation, f.relation, coalesce((f.value::jsonb->''new'')::text, f.value::jsonb->>''reason'')'
		' FROM (SELECT id, lakehouse.cdc_row(t.*, $1) AS b FROM %s AS t ORDER BY id) b LEFT JOIN LATERAL pg_temp.frames(b) f ON f.kind <> ''schema''', query) USING options;
END $$;
CREATE PUBLICATION snap_some FOR TABLE t (id, a) WHERE (id <> 2);
CREATE PUBLICATION snap_updates FOR TABLE t WITH (publish = 'update');
SELECT * FROM pg_temp.read('ONLY snap.t', 'publication_names', 'snap_some');
SELECT * FROM pg_temp.read('ONLY snap.t', 'publication_names', 'snap_updates');
SELECT * FROM pg_temp.read('ONLY snap.t', 'publication_names', 'nowhere');
SELECT * FROM pg_temp.read('ONLY snap.t', 'table.exclude.list', 'snap.t');
SELECT * FROM pg_temp.read('ONLY snap.t', 'skipped.operations', 'c');
SELECT * FROM pg_temp.read('ONLY snap.t', 'message.key.columns', 'snap.t:nope');

CREATE TABLE parted (id int NOT NULL, a text) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
CREATE TABLE parted_2 (gone int, a text, id int NOT NULL);
ALTER TABLE parted_2 DROP gone;
ALTER TABLE parted ATTACH PARTITION parted_2 FOR VALUES FROM (10) TO (20);
INSERT INTO parted VALUES (1, 'one'), (11, 'eleven');
CREATE PUBLICATION snap_root FOR TABLE parted WITH (publish_via_partition_root);
CREATE PUBLICATION snap_leaf FOR TABLE parted;
SELECT * FROM pg_temp.read('ONLY snap.parted_2', 'publication_names', 'snap_leaf');
SELECT * FROM pg_temp.read('ONLY snap.parted_2', 'publication_names', 'snap_root');
SELECT * FROM pg_temp.read('snap.parted', 'publication_names', 'snap_root');

-- rows of several tables in one statement: each is announced once
CREATE FUNCTION pg_temp.row_of(i int) RETURNS record LANGUAGE plpgsql AS $$
BEGIN
	IF i % 2 = 0 THEN
		RETURN (SELECT x FROM snap.parted_1 x);
	END IF;
	RETURN (SELECT x FROM snap.t x WHERE id = i);
END $$;
SELECT f.kind, f.relation, f.key FROM generate_series(1, 3) i, LATERAL pg_temp.frames(lakehouse.cdc_row(pg_temp.row_of(i), '{}')) f;

-- ---- what is no row of a stream

CREATE UNLOGGED TABLE unlogged (id int);
CREATE TEMP TABLE temporary (id int);
CREATE VIEW v AS SELECT id FROM t;
CREATE TYPE pair AS (id int, b int);
INSERT INTO unlogged VALUES (1);
INSERT INTO temporary VALUES (1);
SELECT lakehouse.cdc_row(unlogged.*, '{}') IS NULL FROM unlogged;
SELECT lakehouse.cdc_row(temporary.*, '{}') IS NULL FROM temporary;
SELECT bool_and(lakehouse.cdc_row(c.*, '{}') IS NULL) FROM pg_class c;
SELECT lakehouse.cdc_row(NULL::t, '{}') IS NULL;
SELECT lakehouse.cdc_row(v.*, '{}') FROM v;
SELECT lakehouse.cdc_row(ROW(1, 2), '{}');
SELECT lakehouse.cdc_row(ROW(1, 2)::pair, '{}');
SELECT lakehouse.cdc_row(t.*, NULL) FROM t;
SELECT lakehouse.cdc_row(t.*, '{format}') FROM t;
SELECT lakehouse.cdc_row(t.*, '{NULL,json}') FROM t;
SELECT lakehouse.cdc_row(t.*, '{{format,json}}') FROM t;
SELECT lakehouse.cdc_row(t.*, '{fromat,json}') FROM t;

-- ---- options that differ from row to row, and errors that are caught

SELECT f.kind, f.value FROM t, LATERAL pg_temp.frames(lakehouse.cdc_row(t.*, ARRAY['table.include.list', CASE WHEN id < 3 THEN 'snap.t' ELSE 'other' END])) f ORDER BY id;
DO $$
DECLARE
	r snap.t;
	b bytea;
BEGIN
	FOR i IN 1 .. 3 LOOP
		BEGIN
			r := (i, 'x', i);
			b := lakehouse.cdc_row(r, ARRAY['table.include.list', 'snap.t', 'message.key.columns', CASE WHEN i = 2 THEN 'snap.t:nope' ELSE 'snap.t:a' END]);
			RAISE WARNING '% %', i, (SELECT string_agg(f.kind || f.generation, ',') FROM pg_temp.frames(b) f);
		EXCEPTION WHEN undefined_column THEN
			RAISE WARNING '% %', i, SQLERRM;
		END;
	END LOOP;
END $$;

-- ---- a schema that changes between two rows of a statement

CREATE TYPE mood AS ENUM ('sad');
CREATE TABLE moods (id int PRIMARY KEY, m mood);
INSERT INTO moods VALUES (1, 'sad'), (2, 'sad'), (3, 'sad');
BEGIN;
DECLARE c CURSOR FOR SELECT (SELECT string_agg(format('%s %s %s', f.kind, f.generation, f.value), '; ') FROM pg_temp.frames(lakehouse.cdc_row(moods.*, '{}')) f) FROM moods;
FETCH c;
ALTER TYPE mood ADD VALUE 'glad';
FETCH c;
FETCH c;
COMMIT;
BEGIN;
DECLARE c CURSOR FOR SELECT (SELECT string_agg(format('%s %s %s', f.kind, f.generation, f.value), '; ') FROM pg_temp.frames(lakehouse.cdc_row(t.*, '{publication_names,snap_some}')) f) FROM t;
FETCH c;
ALTER PUBLICATION snap_some SET TABLE t (id);
FETCH c;
FETCH c;
COMMIT;

-- ---- who may

CREATE ROLE snap_reader;
CREATE ROLE snap_replicator REPLICATION;
GRANT USAGE ON SCHEMA snap TO snap_reader, snap_replicator;
GRANT USAGE ON SCHEMA lakehouse TO snap_reader, snap_replicator;
GRANT SELECT ON t TO snap_reader;
SET ROLE snap_reader;
SELECT lakehouse.cdc_row(t.*, '{}') FROM t;
RESET ROLE;
SET ROLE snap_replicator;
SELECT lakehouse.cdc_row(t.*, '{}') FROM t;
RESET ROLE;
GRANT SELECT ON t TO snap_replicator;
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
CREATE POLICY one ON t USING (id = 1);
SET ROLE snap_replicator;
SELECT count(lakehouse.cdc_row(t.*, '{}')) FROM t;
RESET ROLE;

-- ---- masks hold here, too

SELECT lakehouse.cdc_mask_set('t', 'a', 'constant:hidden');
SELECT f.key, f.value FROM t, LATERAL pg_temp.frames(lakehouse.cdc_row(t.*, '{masks,"snap.t.b:null"}')) f WHERE f.kind = 'read' ORDER BY id;
SELECT lakehouse.cdc_mask_drop('t', 'a');

SELECT pg_drop_replication_slot('regress_cdc');
DROP PUBLICATION snap_some, snap_updates, snap_root, snap_leaf;
DROP SCHEMA snap CASCADE;
DROP OWNED BY snap_reader, snap_replicator;
DROP ROLE snap_reader, snap_replicator;
