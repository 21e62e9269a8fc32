-- Change streams: key and row, or key and nothing (format upsert).
\i sql/include/cdc.psql
CREATE SCHEMA cdc;
SET search_path = cdc;
SELECT pg_temp.new_slot();
\set VERBOSITY terse
-- Lines as they are: key, tab, row; each part JSON, a tombstone has nothing behind the tab, what is aside nothing before it.
CREATE FUNCTION pg_temp.upserts(VARIADIC options text[] DEFAULT '{}') RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN SELECT data FROM pg_logical_slot_peek_changes('regress_cdc', NULL, NULL, VARIADIC ARRAY['format', 'upsert', 'keys', 'on'] || options)
	LOOP
		PERFORM nullif(split_part(line, E'\t', 1), '')::jsonb, nullif(split_part(line, E'\t', 2), '')::jsonb;
		RETURN NEXT replace(regexp_replace(replace(line, repeat('x', 3000), '3000 x'), ',"(lsn|xid|ts)":("[^"]*"|\d+)', '', 'g'), E'\t', ' -> ');
	END LOOP;
END $$;
CREATE FUNCTION pg_temp.refused(VARIADIC options text[] DEFAULT '{}') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	hint text;
BEGIN
	PERFORM count(*) FROM pg_logical_slot_peek_changes('regress_cdc', NULL, NULL, VARIADIC ARRAY['format', 'upsert'] || options);
	RETURN 'taken';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', SQLSTATE, SQLERRM, nullif(hint, ''));
END $$;

-- ---- operations under each identity

CREATE TABLE t (id int PRIMARY KEY, name text, big text, n numeric(6,2));
ALTER TABLE t ALTER big SET STORAGE EXTERNAL;
CREATE TABLE whole (a int, b text, big text, PRIMARY KEY (b, a));
ALTER TABLE whole ALTER big SET STORAGE EXTERNAL;
ALTER TABLE whole REPLICA IDENTITY FULL;
CREATE TABLE by_index (x int NOT NULL, y text NOT NULL, z text);
CREATE UNIQUE INDEX by_index_x ON by_index (x);
ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_index_x;
CREATE TABLE nothing (id int PRIMARY KEY, name text);
ALTER TABLE nothing REPLICA IDENTITY NOTHING;
CREATE TABLE no_key (a text, b int);
BEGIN;
INSERT INTO t VALUES (1, 'one', NULL, 1.5), (2, E'tab\t"q" \\ \x01 é 𝄞', NULL, 'NaN');
UPDATE t SET name = NULL WHERE id = 1;
UPDATE t SET id = 3 WHERE id = 1;
DELETE FROM t WHERE id = 2;
COMMIT;
INSERT INTO whole VALUES (1, 'b', repeat('x', 3000));
UPDATE whole SET a = 2;
DELETE FROM whole;
INSERT INTO by_index VALUES (1, 'y', NULL);
UPDATE by_index SET z = 'z';
UPDATE by_index SET x = 2;
DELETE FROM by_index;
SELECT * FROM pg_temp.upserts();
SELECT * FROM pg_temp.upserts('table.include.list', 'cdc.t', 'decimal.handling.mode', 'string', 'bigint.as.string', 'on', 'add.fields', 'op,n,table') LIMIT 3;
SELECT pg_temp.skip();

-- ---- what an upsert cannot say is an event of json without a key, and never a null

INSERT INTO t VALUES (9, 'nine', repeat('x', 3000), 9);
UPDATE t SET name = 'touched' WHERE id = 9;
UPDATE t SET id = 10 WHERE id = 9;
UPDATE t SET big = 'y' WHERE id = 10;
TRUNCATE t;
INSERT INTO nothing VALUES (1, 'one');
UPDATE nothing SET id = 2;
DELETE FROM nothing;
INSERT INTO no_key VALUES ('a', 1), ('b', 2);
DELETE FROM no_key;
SELECT pg_logical_emit_message(true, 'p', 'text') IS NOT NULL;
SELECT * FROM pg_temp.upserts();
SELECT * FROM pg_temp.upserts('table.include.list', 'cdc.no_key', 'message.key.columns', 'cdc.no_key:b', 'messages', 'off');
SELECT pg_temp.refused('keys', 'on', 'upsert.invalid.behavior', 'fatal', 'table.include.list', 'cdc.' || t, 'skipped.operations', o)
	FROM (VALUES ('t', 't'), ('t', 'u'), ('nothing', 'none'), ('no_key', 'none'), ('whole', 'none')) v(t, o);
SELECT pg_temp.skip();
-- a key that the identity does not have
INSERT INTO t VALUES (1, 'one', NULL, 1);
UPDATE t SET name = 'two';
DELETE FROM t;
SELECT * FROM pg_temp.upserts('message.key.columns', 'cdc.t:name');
SELECT pg_temp.refused(), pg_temp.refused('keys', 'on', 'upsert.invalid.behavior', 'warn');
SELECT pg_temp.skip();

-- ---- masks hold for keys and rows

SELECT lakehouse.cdc_mask_set('whole', 'b', 'constant:masked'), lakehouse.cdc_mask_set('t', 'name', 'null');
SELECT pg_temp.skip();
INSERT INTO whole VALUES (1, 'secret', 'secret'); UPDATE whole SET b = 'secret 2', a = 2; DELETE FROM whole;
INSERT INTO t VALUES (1, 'secret', 'open', 1);
SELECT * FROM pg_temp.upserts('masks', 'cdc.whole.big:truncate:1');
SELECT pg_temp.skip();
SELECT lakehouse.cdc_mask_drop('whole', 'b'), lakehouse.cdc_mask_drop('t', 'name');
TRUNCATE whole;
SELECT pg_temp.skip();

-- ---- folded by key, rows are those of the table

CREATE TABLE lines (n bigint GENERATED ALWAYS AS IDENTITY, k jsonb, l jsonb);
BEGIN;
INSERT INTO whole SELECT i, 'b' || i % 2, repeat('x', 3000) FROM generate_series(1, 20) i;
UPDATE whole SET big = NULL WHERE a % 3 = 0;
COMMIT;
UPDATE whole SET a = a + 100 WHERE a % 4 = 0;
BEGIN;
DELETE FROM whole WHERE a % 5 = 0;
INSERT INTO whole VALUES (5, 'b1', NULL);
UPDATE whole SET a = 4 WHERE a = 104;
UPDATE whole SET b = E'\u0001\U0001d11e' WHERE a = 4;
COMMIT;
INSERT INTO lines (k, l) SELECT split_part(data, E'\t', 1)::jsonb, nullif(split_part(data, E'\t', 2), '')::jsonb FROM pg_logical_slot_peek_changes('regress_cdc', NULL, NULL, 'format', 'upsert', 'keys', 'on', 'table.include.list', 'cdc.whole');
SELECT count(*), count(*) FILTER (WHERE l -> 'a' <> k -> 'a' OR l -> 'b' <> k -> 'b') AS key_differs, (SELECT count(*) FROM whole) AS source,
	(SELECT count(*) FROM (TABLE whole EXCEPT SELECT (l ->> 'a')::int, l ->> 'b', l ->> 'big' FROM (SELECT DISTINCT ON (k) l FROM lines ORDER BY k, n DESC) x) y) AS lacking
	FROM (SELECT DISTINCT ON (k) k, l FROM lines ORDER BY k, n DESC) last WHERE l IS NOT NULL;

SELECT pg_drop_replication_slot('regress_cdc');
\set VERBOSITY default
DROP SCHEMA cdc CASCADE;
