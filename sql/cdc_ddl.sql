-- Commands that define tables and types, in the stream: lakehouse.cdc_ddl_enable().
\i sql/include/cdc.psql
CREATE SCHEMA ddl;
SET search_path = ddl;
-- An event a line: tag and text, and its objects on the next.
CREATE FUNCTION pg_temp.told(VARIADIC options text[] DEFAULT '{}') RETURNS SETOF text LANGUAGE sql AS $$
	SELECT concat(e->>'tag', ': ', coalesce(e->>'text', CASE WHEN e ? 'withheld' THEN '(withheld)' ELSE '(none)' END), E'\n  ',
		(SELECT string_agg(concat_ws(' ', o->>'type', concat_ws('.', o->>'schema', o->>'name', o->>'column'),
			CASE WHEN o ? 'dropped' THEN 'dropped' END, CASE WHEN o ? 'rewritten' THEN 'rewritten' END), ', ' ORDER BY n)
			FROM jsonb_array_elements(e->'objects') WITH ORDINALITY AS o (o, n)))
	FROM (SELECT data::jsonb AS e FROM pg_logical_slot_get_changes('regress_cdc', NULL, NULL,
		VARIADIC ARRAY['format', 'json', 'ddl', 'on', 'schema.events', 'off'] || options)) AS d
	WHERE e->>'op' = 'ddl';
$$;
\pset format unaligned
\pset tuples_only on
SELECT * FROM lakehouse.cdc_ddl_status();
SELECT pg_temp.new_slot();
CREATE TABLE before_it (a int);
SELECT lakehouse.cdc_ddl_enable();
SELECT lakehouse.cdc_ddl_enable();
SELECT * FROM lakehouse.cdc_ddl_status();
SELECT * FROM pg_temp.told();

-- one event a command, whatever it makes
CREATE TABLE one (id serial PRIMARY KEY, "Näme" text UNIQUE DEFAULT 'it''s', CHECK (id > 0));
  ALTER TABLE one ADD COLUMN a int, ADD COLUMN b int DEFAULT 1, ALTER COLUMN a SET NOT NULL , DROP COLUMN "Näme"  ;
ALTER TABLE one RENAME COLUMN a TO c;
ALTER TABLE one ALTER COLUMN c TYPE bigint;
ALTER TABLE one ADD COLUMN r float8 DEFAULT random();
ALTER TABLE one REPLICA IDENTITY FULL;
ALTER TABLE one RENAME TO uno;
ALTER TABLE uno OWNER TO CURRENT_USER;
CREATE TABLE like_it (LIKE uno INCLUDING ALL);
CREATE TABLE child (z int) INHERITS (uno);
DROP TABLE like_it, child;
SELECT * FROM pg_temp.told();

-- tables with rows: before these
CREATE TABLE filled AS SELECT g AS id FROM generate_series(1, 2) AS g;
SELECT id INTO also FROM filled;
CREATE MATERIALIZED VIEW mat AS SELECT * FROM filled;
CREATE MATERIALIZED VIEW none AS SELECT * FROM filled WITH NO DATA;
REFRESH MATERIALIZED VIEW mat;
ALTER MATERIALIZED VIEW mat RENAME TO mat2;
CREATE TABLE IF NOT EXISTS filled AS SELECT 1;
CREATE TABLE filled AS SELECT 1;
SELECT regexp_replace(s, '"user":"[^"]*",', '') FROM pg_temp.stream('ddl', 'on', 'table.include.list', 'ddl.(filled|also)') AS s;
SELECT pg_temp.skip();
DROP MATERIALIZED VIEW mat2, none;
SELECT * FROM pg_temp.told();

-- partitions
CREATE TABLE root (id int, at date) PARTITION BY RANGE (at);
CREATE TABLE p1 PARTITION OF root FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE p2 (id int, at date);
ALTER TABLE root ATTACH PARTITION p2 FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
ALTER TABLE root ADD COLUMN v int DEFAULT random() * 100;
ALTER TABLE root DETACH PARTITION p1;
ALTER TABLE root DETACH PARTITION p2 CONCURRENTLY;
DROP TABLE root;
SELECT * FROM pg_temp.told();

-- types
CREATE TYPE mood AS ENUM ('sad', 'ok');
ALTER TYPE mood ADD VALUE 'happy';
ALTER TYPE mood RENAME VALUE 'sad' TO 'blue';
CREATE TYPE pair AS (a int, b text);
ALTER TYPE pair ADD ATTRIBUTE c int, DROP ATTRIBUTE b;
ALTER TYPE pair RENAME ATTRIBUTE a TO first;
CREATE TYPE span AS RANGE (SUBTYPE = int4);
CREATE DOMAIN code AS text DEFAULT 'x' CHECK (VALUE <> '');
ALTER DOMAIN code SET DEFAULT 'y';
CREATE TABLE typed (m mood, c code, p pair, k int);
DROP TYPE mood, pair CASCADE;
DROP DOMAIN code CASCADE;
DROP TYPE span;
SELECT * FROM pg_temp.told();

-- schemas
CREATE SCHEMA other;
CREATE SCHEMA full_one CREATE TABLE t1 (a int PRIMARY KEY) CREATE TABLE t2 (b int REFERENCES t1) CREATE VIEW v AS SELECT * FROM t1 CREATE INDEX ON t2 (b);
ALTER TABLE typed SET SCHEMA other;
ALTER SCHEMA other RENAME TO another;
DROP SCHEMA another, full_one CASCADE;
SELECT * FROM pg_temp.told();

-- a part of a query string is one command's text
CREATE TABLE m1 (a int)\; CREATE /* mine */ TABLE m2 (b text DEFAULT ';')\; SELECT 'secret of another'\; DROP TABLE m1;
SELECT * FROM pg_temp.told();

-- what is in a function has no text of its own
CREATE FUNCTION in_plpgsql() RETURNS void LANGUAGE plpgsql AS $$ BEGIN
	CREATE TABLE f1 (a int);
	EXECUTE 'CREATE TABLE f2 AS SELECT 1 AS a';
	ALTER TABLE f1 ADD b int;
	DROP TABLE f1, f2;
END $$;
CREATE FUNCTION in_sql() RETURNS int LANGUAGE sql AS 'CREATE TABLE f3 (a int); DROP TABLE m2; SELECT 1';
SELECT in_plpgsql();
SELECT in_sql();
DO 'BEGIN CREATE TABLE f4 (a int); END';
CREATE TABLE f5 AS SELECT in_sql() FROM (VALUES (1)) AS v WHERE false;
SELECT * FROM pg_temp.told();
-- nor what a command's own expressions run
CREATE FUNCTION makes_table() RETURNS int LANGUAGE plpgsql AS 'BEGIN CREATE TABLE nested AS SELECT 1 AS x; RETURN 1; END';
CREATE TABLE outer_one AS SELECT makes_table();
SELECT * FROM pg_temp.told();

DROP TABLE f5, outer_one, nested, f4, f3;

-- partitions that go with the table above them, and one alone
CREATE TABLE top (id int, k int) PARTITION BY LIST (id);
CREATE TABLE mid PARTITION OF top FOR VALUES IN (1) PARTITION BY LIST (k);
CREATE TABLE leaf PARTITION OF mid FOR VALUES IN (1);
CREATE TABLE lone PARTITION OF top FOR VALUES IN (2);
DROP TABLE lone;
DROP TABLE top;
SELECT * FROM pg_temp.told();

-- what is not told
CREATE TEMP TABLE tmp (a int);
CREATE TEMP TABLE tmp_as AS SELECT 1;
CREATE TYPE pg_temp.tmp_type AS (a int);
ALTER TABLE tmp ADD b int;
DROP TABLE tmp, tmp_as;
CREATE UNLOGGED TABLE unlogged (a int);
CREATE UNLOGGED TABLE unlogged_as AS SELECT 1;
ALTER TABLE unlogged ADD b int;
DROP TABLE unlogged_as;
CREATE VIEW seen AS SELECT 1 AS a;
ALTER TABLE seen RENAME TO saw;
DROP VIEW saw;
CREATE INDEX ON uno (b);
CREATE SEQUENCE seq;
ALTER SEQUENCE seq INCREMENT 2;
DROP SEQUENCE seq;
COMMENT ON TABLE uno IS 'a secret';
GRANT SELECT ON uno TO PUBLIC;
CREATE FOREIGN DATA WRAPPER fdw;
CREATE SERVER server FOREIGN DATA WRAPPER fdw OPTIONS (password 'secret');
CREATE USER MAPPING FOR CURRENT_USER SERVER server OPTIONS (password 'secret');
CREATE FOREIGN TABLE far (a int) SERVER server OPTIONS (password 'secret');
ALTER FOREIGN TABLE far ADD b int;
ALTER TABLE far RENAME b TO c;
DROP FOREIGN DATA WRAPPER fdw CASCADE;
CREATE PUBLICATION pub FOR TABLE uno;
DROP PUBLICATION pub;
SET client_min_messages = error;
CREATE SUBSCRIPTION sub CONNECTION 'host=nowhere password=secret' PUBLICATION p WITH (connect = false, slot_name = NONE);
SET client_min_messages = warning;
DROP SUBSCRIPTION sub;
CREATE TABLE IF NOT EXISTS uno (a int);
DROP TABLE IF EXISTS no_such;
CREATE RULE r AS ON DELETE TO uno DO NOTHING;
CREATE STATISTICS st ON id, c FROM uno;
-- some servers come without contrib
SELECT count(*) > 0 AS contrib FROM pg_available_extensions WHERE name = 'seg' \gset
\if :contrib
CREATE EXTENSION seg;
ALTER TYPE seg SET (STORAGE = plain);
CREATE TABLE segs (s seg, k int);
DROP EXTENSION seg CASCADE;
\else
CREATE TABLE segs (s text, k int);
\endif
ANALYZE uno;
VACUUM FULL uno;
TRUNCATE uno;
SELECT * FROM pg_temp.told();
-- one that is not logged any longer, and one that is again
ALTER TABLE segs SET UNLOGGED;
ALTER TABLE segs SET LOGGED;
SELECT * FROM pg_temp.told();
-- not what a replica replays
SET session_replication_role = replica;
CREATE TABLE replayed (a int);
RESET session_replication_role;
-- not what is rolled back
BEGIN;
CREATE TABLE undone AS SELECT 1;
SAVEPOINT s;
ALTER TABLE segs ADD x int;
ROLLBACK TO s;
ALTER TABLE segs ADD y int;
COMMIT;
BEGIN; DROP TABLE segs; ROLLBACK;
SELECT * FROM pg_temp.told();
-- none without the option
ALTER TABLE segs ADD z int;
SELECT * FROM pg_temp.stream();

-- tables that are chosen
CREATE TABLE here (id int PRIMARY KEY, v text);
CREATE TABLE there (id int);
CREATE TABLE here_as AS SELECT 1 AS a;
CREATE TYPE any_type AS (a int);
ALTER TABLE there ADD v text DEFAULT 'hidden';
ALTER TABLE here ADD w text;
DROP TABLE here_as;
DROP TABLE there, here;
CREATE SCHEMA mixed CREATE TABLE here (a int) CREATE TABLE there (b text DEFAULT 'hidden');
SELECT * FROM pg_temp.told('table.include.list', '(ddl|mixed)\.here.*');
-- publications: of all tables, of a schema, of tables; names, and columns
CREATE PUBLICATION everything FOR ALL TABLES;
CREATE PUBLICATION of_schema FOR TABLES IN SCHEMA mixed;
CREATE TABLE listed (id int PRIMARY KEY, v text, w text);
CREATE TABLE part (id int, k text) PARTITION BY LIST (id);
CREATE PUBLICATION of_tables FOR TABLE mixed.here, part;
CREATE PUBLICATION of_columns FOR TABLE listed (id, v);
SELECT pg_temp.skip();
CREATE TABLE part_1 PARTITION OF part FOR VALUES IN (1);
CREATE TABLE part_2 PARTITION OF part FOR VALUES IN (2);
ALTER TABLE part ADD x int;
ALTER TABLE part_1 ALTER x SET DEFAULT 7;
ALTER TABLE listed ADD y text DEFAULT 'not listed';
ALTER TABLE mixed.here ADD y int;
CREATE TABLE mixed.later (a int);
CREATE MATERIALIZED VIEW mixed.view AS SELECT 1 AS a;
DROP TABLE part_2;
DROP TABLE mixed.here, mixed.there;
DROP TABLE part, listed;
SELECT format('%s', (pg_copy_logical_replication_slot('regress_cdc', 'regress_' || p)).slot_name) FROM unnest('{everything,of_schema,of_tables,of_columns}'::text[]) AS p;
SELECT p, e->>'tag', coalesce(e->>'text', '(withheld)'), (SELECT string_agg(concat(o->>'name', '!' || (o->>'dropped')), ', ' ORDER BY n) FROM jsonb_array_elements(e->'objects') WITH ORDINALITY AS o (o, n))
	FROM unnest('{everything,of_schema,of_tables,of_columns}'::text[]) WITH ORDINALITY AS p (p, i),
		LATERAL (SELECT n, data::jsonb AS e FROM pg_logical_slot_get_changes(('regress_' || p)::name, NULL, NULL, 'ddl', 'on', 'publication_names', p)
			WITH ORDINALITY AS c (lsn, xid, data, n) WHERE data ~ '"op":"ddl"') AS c ORDER BY i, n;
SELECT count(pg_drop_replication_slot(('regress_' || p)::name)) FROM unnest('{everything,of_schema,of_tables,of_columns}'::text[]) AS p;
DROP PUBLICATION everything, of_schema, of_tables, of_columns;
DROP SCHEMA mixed CASCADE;
SELECT pg_temp.skip();

-- masks: texts of what has any, and of queries and types, are withheld
CREATE TABLE masked (id int PRIMARY KEY, ssn text DEFAULT 'canary-1');
CREATE TABLE plain (id int PRIMARY KEY);
CREATE TABLE masked_parts (id int, ssn text) PARTITION BY LIST (ssn);
SELECT lakehouse.cdc_mask_set('masked', 'ssn', 'null'), lakehouse.cdc_mask_set('masked_parts', 'ssn', 'null');
ALTER TABLE masked ALTER ssn SET DEFAULT 'canary-2';
ALTER TABLE masked ADD CONSTRAINT c CHECK (ssn <> 'canary-3');
CREATE TABLE masked_part PARTITION OF masked_parts FOR VALUES IN ('canary-4');
CREATE TABLE copied AS SELECT * FROM masked WHERE ssn = 'canary-5';
SELECT * INTO copied_2 FROM masked WHERE ssn = 'canary-6';
CREATE MATERIALIZED VIEW copied_3 AS SELECT * FROM masked WHERE ssn = 'canary-7';
CREATE SCHEMA viewing CREATE VIEW v AS SELECT * FROM ddl.masked WHERE ssn = 'canary-8';
CREATE DOMAIN ssn AS text DEFAULT 'canary-9';
CREATE TYPE kinds AS ENUM ('canary-10');
ALTER TABLE plain ADD v text DEFAULT 'in clear', ADD w text DEFAULT 'consumer-1';
CREATE SCHEMA in_clear;
ALTER TABLE masked_parts DETACH PARTITION masked_part;
DROP TABLE masked_parts;
CREATE TABLE clear_parts (id int, ssn text) PARTITION BY LIST (ssn);
CREATE TABLE to_attach (id int, ssn text);
SELECT lakehouse.cdc_mask_set('to_attach', 'ssn', 'null');
ALTER TABLE clear_parts ATTACH PARTITION to_attach FOR VALUES IN ('canary-11');
ALTER TABLE clear_parts ALTER ssn SET DEFAULT 'canary-12';
CREATE TABLE parent (ssn text);
CREATE TABLE child () INHERITS (parent);
SELECT lakehouse.cdc_mask_set('child', 'ssn', 'null');
ALTER TABLE parent ADD CHECK (ssn <> 'canary-13');
SELECT count(*) > 0, count(*) FILTER (WHERE encode(data, 'escape') ~ 'canary')
	FROM unnest('{json,debezium-json,wal2json-v1,wal2json-v2}'::text[]) AS f, pg_logical_slot_peek_binary_changes('regress_cdc', NULL, NULL, 'ddl', 'on', 'format', f, 'frames', 'on');
-- the log itself has them all
\if :contrib
SELECT count(pg_copy_logical_replication_slot('regress_cdc', 'regress_raw', true, 'test_decoding'));
SELECT count(DISTINCT m[1]) FROM pg_logical_slot_get_changes('regress_raw', NULL, NULL), regexp_matches(data, '(canary-\d+)', 'g') AS m;
SELECT pg_drop_replication_slot('regress_raw');
\endif
CREATE TABLE parent2 (id int);
CREATE TABLE child2 () INHERITS (parent2);
ALTER TABLE parent2 ADD w text DEFAULT 'consumer-2';
SELECT count(*) FILTER (WHERE data ~ 'consumer-1'), count(*) FILTER (WHERE data ~ 'consumer-2') FROM pg_logical_slot_peek_changes('regress_cdc', NULL, NULL, 'ddl', 'on', 'masks', 'ddl.plain.w:null;ddl.child2.w:null');
SELECT * FROM pg_temp.told();
DROP TABLE masked, copied, copied_2, clear_parts, parent, parent2 CASCADE;
SELECT lakehouse.cdc_mask_drop(relation, column_name) FROM lakehouse.cdc_masks;
SELECT pg_temp.skip();

-- other formats
ALTER TABLE plain ADD x int;
SELECT regexp_replace(data, ',\\"user\\":\\"[^"]*"|,\\"oid\\":\d+', '', 'g') FROM pg_logical_slot_peek_changes('regress_cdc', NULL, NULL, 'ddl', 'on', 'format', 'wal2json-v2');
SELECT regexp_replace(data, ',\\"user\\":\\"[^"]*"|,\\"oid\\":\d+', '', 'g') FROM pg_logical_slot_peek_changes('regress_cdc', NULL, NULL, 'ddl', 'on', 'format', 'wal2json-v1');
SELECT (data::jsonb)->>'op', (data::jsonb)->'message'->>'prefix', convert_from(decode((data::jsonb)->'message'->>'content', 'base64'), 'UTF8')::jsonb->>'text'
	FROM pg_logical_slot_peek_changes('regress_cdc', NULL, NULL, 'ddl', 'on', 'format', 'debezium-json');
SELECT count(*) FROM pg_logical_slot_get_changes('regress_cdc', NULL, NULL, 'format', 'debezium-json');

-- everybody can write messages: these are none of the server's
SELECT count(pg_logical_emit_message(true, 'lakehouse.ddl', m)) FROM unnest(ARRAY['', 'x', '{}', '[]', 'null', '{"tag":"CREATE TABLE"}',
	'{"tag":"CREATE TABLE","text":"DROP TABLE x","user":"me","search_path":[],"objects":[]}',
	'{"tag":"CREATE TABLE","text":"DROP TABLE x","user":"me","search_path":[],"objects":[{"type":"table","schema":"ddl","name":"plain","oid":1}]}',
	'{"tag":"CREATE TABLE","text":"DROP TABLE x","user":"me","search_path":[],"objects":[{"type":"table","schema":"ddl","name":"plane","oid":' || 'plain'::regclass::oid || '}]}',
	'{"tag":"CREATE TABLE","text":"DROP TABLE x","user":"me","search_path":[],"objects":[{"type":"table","schema":"ddl","name":"plain","dropped":true,"oid":' || 'plain'::regclass::oid || '}]}',
	'{"tag":"CREATE TABLE","text":"DROP TABLE x","user":"me","search_path":[],"objects":[{"type":"partitioned table","schema":"ddl","name":"plain","oid":' || 'plain'::regclass::oid || '}]}',
	'{"tag":"CREATE TABLE","text":"DROP TABLE x","user":"me","search_path":[],"objects":[{"type":"type","schema":"ddl","name":"kinds","oid":23}]}',
	'{"tag":"CREATE TABLE","text":"DROP TABLE x","user":"me","search_path":[],"objects":[{"type":"schema","schema":"ddl","oid":11}]}',
	'{"tag":"CREATE TABLE","text":"DROP TABLE x","user":"me","search_path":[],"objects":[{"type":"secret","schema":"ddl","name":"plain","oid":1}]}',
	'{"tag":"CREATE TABLE","text":7,"user":"me","search_path":[],"objects":[{"type":"schema","schema":"x"}]}',
	repeat('[', 100000), repeat('{"a":', 100000)]) AS m;
SELECT count(pg_logical_emit_message(false, 'lakehouse.ddl', '{"tag":"CREATE SCHEMA","text":"x","user":"me","search_path":[],"objects":[{"type":"table","schema":"ddl","name":"new"}]}'));
SELECT count(*) FROM pg_logical_slot_get_changes('regress_cdc', NULL, NULL, 'ddl', 'on');
SELECT count(pg_logical_emit_message(true, 'lakehouse.ddl', '{"tag":"CREATE TABLE","text":"forged","user":"me","search_path":[],"objects":[{"type":"table","schema":"ddl","name":"new"}]}'));
SELECT count(*) FROM pg_logical_slot_peek_changes('regress_cdc', NULL, NULL);
SELECT * FROM pg_temp.told();

-- whoever runs commands, and is told of as who he is
CREATE ROLE regress_ddl;
GRANT USAGE, CREATE ON SCHEMA ddl TO regress_ddl;
SET ROLE regress_ddl;
SELECT lakehouse.cdc_ddl_enable();
SELECT lakehouse.cdc_ddl_disable();
SELECT lakehouse.cdc_ddl_event();
SET search_path = "$user", ddl, pg_temp, public;
CREATE TABLE of_role (a int);
RESET ROLE;
SELECT e->>'user', e->'search_path', e->>'text' FROM (SELECT data::jsonb AS e FROM pg_logical_slot_get_changes('regress_cdc', NULL, NULL, 'ddl', 'on')) AS d;
SET search_path = ddl;
DROP OWNED BY regress_ddl;
SELECT * FROM pg_temp.told();
DROP ROLE regress_ddl;

-- functions and rights of PostgreSQL that are gone do not matter
BEGIN;
REVOKE ALL ON FUNCTION pg_event_trigger_ddl_commands, pg_event_trigger_dropped_objects FROM PUBLIC;
CREATE TABLE robust (a int);
DROP TABLE robust;
COMMIT;
GRANT EXECUTE ON FUNCTION pg_event_trigger_ddl_commands, pg_event_trigger_dropped_objects TO PUBLIC;
SELECT * FROM pg_temp.told();
-- a failure is a warning, and the command is not affected
CREATE SCHEMA broken;
CREATE FUNCTION breaks() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM pg_namespace WHERE nspname = 'broken'; END $$;
CREATE EVENT TRIGGER a_first ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION breaks();
SELECT pg_temp.skip();
BEGIN;
\set VERBOSITY terse
CREATE TABLE broken.t (a int);
\set VERBOSITY default
SELECT relname FROM pg_class WHERE relname = 't' AND relnamespace NOT IN (SELECT oid FROM pg_namespace);
CREATE TYPE goes_on AS (a int);
ROLLBACK;
DROP EVENT TRIGGER a_first;
SELECT * FROM pg_temp.told();

-- triggers of others: names taken, disabled, dropped
ALTER EVENT TRIGGER lakehouse_cdc_ddl_drop DISABLE;
ALTER EVENT TRIGGER lakehouse_cdc_ddl_end ENABLE ALWAYS;
DROP EVENT TRIGGER lakehouse_cdc_ddl_start;
SELECT event, state FROM lakehouse.cdc_ddl_status();
SELECT lakehouse.cdc_ddl_enable();
SELECT event, state, evtenabled FROM lakehouse.cdc_ddl_status() JOIN pg_event_trigger ON evtname = event_trigger ORDER BY event;
SELECT lakehouse.cdc_ddl_disable();
SELECT lakehouse.cdc_ddl_disable();
SELECT event, state FROM lakehouse.cdc_ddl_status();
CREATE EVENT TRIGGER lakehouse_cdc_ddl_end ON ddl_command_end EXECUTE FUNCTION breaks();
SELECT lakehouse.cdc_ddl_enable();
SELECT lakehouse.cdc_ddl_disable();
SELECT event, state, remedy FROM lakehouse.cdc_ddl_status();
DROP EVENT TRIGGER lakehouse_cdc_ddl_end;
CREATE TABLE no_longer (a int);
SELECT * FROM pg_temp.told();
SELECT pg_drop_replication_slot('regress_cdc');
DELETE FROM lakehouse.cdc_masks;
DROP SCHEMA ddl, in_clear, viewing CASCADE;
DROP SCHEMA broken CASCADE;
