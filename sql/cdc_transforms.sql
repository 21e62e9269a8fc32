-- Change streams: rows filtered by option, flat rows, outboxes.
\i sql/include/cdc.psql
CREATE SCHEMA cdc;
SET search_path = cdc;
SELECT pg_temp.new_slot();
CREATE FUNCTION pg_temp.peek(VARIADIC options text[]) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT concat_ws(' ', d->>'op', d->>'table', d->>'key', d->>'old', d->>'new', d->>'reason') FROM pg_logical_slot_peek_changes('regress_cdc', NULL, NULL,
		VARIADIC ARRAY['format', 'json', 'schema.events', 'off'] || options) AS c, CAST(c.data AS jsonb) AS d
$$;
-- As they are, but for what differs from run to run.
CREATE FUNCTION pg_temp.lines(VARIADIC options text[]) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT regexp_replace(regexp_replace(data, '"(lsn|xid|__lsn|__xid|__txId|__ts_ms|__source_ts_ms)":("[^"]*"|\d+)', '"\1":0', 'g'), '"ts":"[^"]*"', '"ts":0')
	FROM pg_logical_slot_peek_changes('regress_cdc', NULL, NULL, VARIADIC options)
$$;
\set VERBOSITY terse
-- Errors of options, with where they are.
CREATE FUNCTION pg_temp.refused(VARIADIC options text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
	hint text;
	detail text;
BEGIN
	PERFORM pg_temp.peek(VARIADIC options);
	RETURN 'taken';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT, detail = PG_EXCEPTION_DETAIL;
	RETURN concat_ws(' | ', SQLSTATE, message, nullif(hint, ''), substring(detail FROM 'Option .*'));
END $$;

-- ---- row.filter: of an update the old row, the new one, both or none may pass

CREATE TABLE f (id int PRIMARY KEY, v int, t text);
ALTER TABLE f ALTER t SET STORAGE EXTERNAL;
ALTER TABLE f REPLICA IDENTITY FULL;
CREATE TABLE g (id int PRIMARY KEY, v int);
INSERT INTO f VALUES (1, 5), (2, 15), (3, -15), (4, NULL); INSERT INTO g VALUES (1, 5);
UPDATE f SET v = 6 WHERE id = 1;
UPDATE f SET v = 16 WHERE id = 1;
UPDATE f SET v = 17 WHERE id = 1;
UPDATE f SET v = 7 WHERE id = 1;
DELETE FROM f;
SELECT * FROM pg_temp.peek('row.filter', 'cdc.f: v > 10');
-- several for one table are all to be passed, names are identifiers, a semicolon may be quoted
SELECT * FROM pg_temp.peek('row_filter', ' CDC."f" : f.v > 10 ; cdc.f: cdc.f.id <> 2 AND coalesce(t, '''') <> ''a;b'' ; cdc.g: false');
SELECT pg_temp.skip();
-- what becomes an insert is whole, though a large value was not touched
INSERT INTO f VALUES (5, 5, repeat('x', 3000));
UPDATE f SET v = 50 WHERE id = 5;
SELECT replace(p, repeat('x', 3000), '3000 x') FROM pg_temp.peek('row.filter', 'cdc.f: v > 10') p;
SELECT pg_temp.skip();
-- beside a publication both count: it narrows, and never widens
CREATE PUBLICATION cdc_t FOR TABLE f WHERE (v > 10), g;
INSERT INTO f VALUES (10, 5), (11, 15), (12, 25); INSERT INTO g VALUES (2, 1), (3, 2);
SELECT * FROM pg_temp.peek('publication_names', 'cdc_t', 'row.filter', 'cdc.f: v < 20; cdc.g: id = 2');
SELECT * FROM pg_temp.peek('publication_names', 'cdc_t', 'row.filter', 'cdc.f: v < 20 OR true');
SELECT pg_temp.skip();
-- a condition that fails is quarantine, without the value
INSERT INTO f VALUES (20, 0), (21, 2), (22, 1);
SELECT * FROM pg_temp.peek('row.filter', 'cdc.f: 10 / v > 6');
SELECT pg_temp.skip();
-- and sees no row that a publication hides
INSERT INTO f VALUES (23, 0), (24, 20);
SELECT * FROM pg_temp.peek('publication_names', 'cdc_t', 'row.filter', 'cdc.f: 100 / v > 1');
SELECT pg_temp.skip();
-- keys without FULL: what old rows have can be asked for
INSERT INTO g VALUES (30, 1), (31, 1); UPDATE g SET v = 2; UPDATE g SET id = 29 WHERE id = 30; DELETE FROM g;
SELECT * FROM pg_temp.peek('row.filter', 'cdc.g: id >= 30', 'table.include.list', 'cdc.g');
SELECT pg_temp.refused('row.filter', 'cdc.g: v > 1');
SELECT * FROM pg_temp.peek('row.filter', 'cdc.g: v = 1', 'table.include.list', 'cdc.g', 'skipped.operations', 'u,d');
SELECT pg_temp.skip();
-- partitions, under their own names too
CREATE TABLE p (id int, v int) PARTITION BY RANGE (id);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
CREATE TABLE p2 (v int, gone int, id int); ALTER TABLE p2 DROP gone; ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (10) TO (20);
CREATE PUBLICATION cdc_root FOR TABLE p WITH (publish_via_partition_root);
INSERT INTO p VALUES (1, 1), (2, 2), (11, 1), (12, 2);
SELECT * FROM pg_temp.peek('row.filter', 'cdc.p: v = 2', 'skipped.operations', 'u,d');
SELECT * FROM pg_temp.peek('row.filter', 'cdc.p: v = 2', 'skipped.operations', 'u,d', 'publication_names', 'cdc_root');
SELECT * FROM pg_temp.peek('row.filter', 'cdc.p2: v = 2', 'skipped.operations', 'u,d');

-- ---- what a condition may not be

CREATE FUNCTION always(int) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR === (FUNCTION = int4eq, LEFTARG = int, RIGHTARG = int);
CREATE COLLATION own_collation FROM "C";
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE h (id int PRIMARY KEY, m mood, t text, "odd : name" int);
ALTER TABLE h REPLICA IDENTITY FULL;
INSERT INTO h VALUES (1, 'ok', 'x', 7);
SELECT * FROM pg_temp.peek('row.filter', 'cdc.h: "odd : name" = 7 AND t ~ ''^x'' AND CASE WHEN id IN (1, 2) THEN id BETWEEN 0 AND 5 END', 'table.include.list', 'cdc.h');
SELECT c, pg_temp.refused('row.filter', 'cdc.h: ' || c, 'table.include.list', 'cdc.h') FROM unnest(ARRAY[
	'nosuch = 1', 'id', 'id = ', 'id = 1) FROM f WHERE (true', 'true), (true', 'true LIMIT 1', 'true) UNION SELECT (true', '*', 'h IS NULL', 'other.id = 1',
	'id IN (SELECT 1)', 'EXISTS (SELECT 1 FROM cdc.f)', 'random() < 0.5', 'now() > ''2020-01-01''', 'cdc.always(id)', 'm = ''ok''', 'm::text = ''ok''',
	'count(*) > 0', 'row_number() OVER () = 1', 'generate_series(1, id) = 1', 'ctid IS NULL', 'tableoid = 1', '$1', 'current_user = ''x''', '(id, 1) = (1, 1) OR h.* IS NULL',
	'id OPERATOR(cdc.===) 1', 't COLLATE cdc.own_collation = ''x''', 'true /* '' */) FROM cdc.f WHERE (true /* '' */', 'true /* '' */), (true /* '' */', 'true /* '' */); SELECT (true /* '' */',
	'true /* '' */) UNION SELECT (true /* '' */', 'true /* '' */) FROM f CROSS JOIN (f AS x CROSS JOIN f AS y /* '' */', 'true /* '' */) LIMIT (1 /* '' */', 'true /* '' */) ORDER BY (1 /* '' */',
	'true /* '' */) GROUP BY (1 /* '' */', 'true /* '' */) HAVING (true /* '' */', '1 / 0 = id', 'id = 1 -- as it is', 'h.id = 1']) WITH ORDINALITY AS u(c, n) ORDER BY n;
SELECT pg_temp.refused('row.filter', c) FROM unnest(ARRAY[
	'h: true', 'cdc.h', 'cdc.h:', 'cdc.h: ;', ': true', 'cdc."h: true', 'cdc."": true', 'cdc.h: (true', 'cdc.h: true)', 'cdc.h: ''x', 'cdc.h: true; x',
	'cdc.h: ' || repeat('(', 65) || 'true' || repeat(')', 65), 'cdc.h: ' || repeat(' ', 8192) || 'true', repeat('cdc.h: true;', 257), repeat('x', 65537)]) WITH ORDINALITY AS u(c, n) ORDER BY n;
-- what cannot be yet is a warning
SET client_min_messages = warning;
SELECT count(*) FROM pg_temp.peek('row.filter', 'cdc.later: true; nosuch.t: true');
SELECT pg_temp.skip();

-- ---- unwrap

CREATE TABLE u (id int PRIMARY KEY, name text, big text, n numeric(5,2));
ALTER TABLE u ALTER big SET STORAGE EXTERNAL;
BEGIN;
INSERT INTO u VALUES (1, 'one', repeat('x', 3000), 1.5);
UPDATE u SET name = NULL;
UPDATE u SET id = 2;
DELETE FROM u;
TRUNCATE u;
COMMIT;
CREATE FUNCTION pg_temp.short(VARIADIC options text[]) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT replace(s, repeat('x', 3000), '3000 x') FROM pg_temp.lines(VARIADIC options || ARRAY['schema.events', 'off']) s
$$;
SELECT * FROM pg_temp.short('format', 'debezium-json', 'unwrap', 'on');
SELECT * FROM pg_temp.short('format', 'debezium-json', 'unwrap', 'on', 'keys', 'on', 'delete.tombstone.handling.mode', 'rewrite', 'add.fields', 'op,table:tab,lsn,source.ts_ms,source.snapshot,total_order', 'provide.transaction.metadata', 'on')
	WHERE short !~ 'status';
SELECT * FROM pg_temp.short('format', 'debezium-json', 'unwrap', 'on', 'value.converter.schemas.enable', 'on', 'delete.tombstone.handling.mode', 'rewrite', 'add.fields', 'op,snapshot', 'add.fields.prefix', '') LIMIT 1;
SELECT * FROM pg_temp.short('format', 'json', 'unwrap', 'on');
SELECT * FROM pg_temp.short('format', 'json', 'unwrap', 'on', 'keys', 'on', 'delete.tombstone.handling.mode', 'rewrite', 'add.fields', 'op,lsn,n,schema,table:from');
SELECT pg_temp.skip();
-- a column has its name before an added field, and a row may have no column
CREATE TABLE own (__op int, __deleted text);
CREATE TABLE none ();
INSERT INTO own VALUES (7, 'mine'); INSERT INTO none DEFAULT VALUES;
SELECT l FROM (VALUES ('json', 'rewrite', 'off'), ('json', 'drop', 'off'), ('debezium-json', 'rewrite', 'off'), ('debezium-json', 'drop', 'on')) v(f, m, s),
	pg_temp.lines('format', f, 'unwrap', 'on', 'delete.tombstone.handling.mode', m, 'add.fields', 'op', 'schema.events', 'off', 'value.converter.schemas.enable', s) l;
SELECT pg_temp.refused(VARIADIC o) FROM (VALUES (ARRAY['add.fields', 'op']), (ARRAY['unwrap', 'on', 'add.fields', 'op,nosuch']), (ARRAY['unwrap', 'on', 'add.fields', 'op,op']),
	(ARRAY['unwrap', 'on', 'add.fields', 'op:a:b']), (ARRAY['unwrap', 'on', 'add.fields', 'op,']), (ARRAY['unwrap', 'on', 'add.fields', ',op']), (ARRAY['unwrap', 'on', 'delete.tombstone.handling.mode', 'keep'])) v(o);
SELECT pg_temp.refused('format', 'wal2json-v2', 'unwrap', 'on');
SELECT pg_temp.skip();

-- ---- outboxes

CREATE TABLE box (id uuid PRIMARY KEY, aggregatetype text, aggregateid text, type text, payload jsonb, bin bytea, note text);
INSERT INTO box VALUES ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'order', '42', 'OrderCreated', '{"id": 1, "lines": [1, 2]}', '\x00ff0a', '[1, {"a": "b\n"}]');
INSERT INTO box VALUES ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12', '../a b', NULL, NULL, NULL, NULL, '{not JSON');
INSERT INTO box VALUES ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a13', NULL, 'k'), ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a14', '', 'k'), ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a15', repeat('t', 300), 'k'),
	('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a16', repeat(' ', 100), 'k'), ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a17', repeat('t', 236), 'k');
DELETE FROM box;
TRUNCATE box;
SELECT left(l, 400) FROM pg_temp.lines('format', 'json', 'outbox.table', 'cdc\.bo.', 'keys', 'on') l;
SELECT l FROM pg_temp.lines('format', 'json', 'outbox.table', 'cdc.box', 'schema.events', 'off', 'table.fields.additional.placement', 'type:header:kind,note:envelope,aggregateid:envelope:who,bin:header') l LIMIT 2;
-- expanded where it is JSON, and other columns
SELECT l FROM pg_temp.lines('format', 'json', 'json.native', 'off', 'outbox.table', 'cdc.box', 'table.field.event.id', '', 'table.field.event.key', '', 'table.field.event.payload', 'note',
	'table.expand.json.payload', 'on', 'route.by.field', 'type', 'route.topic.replacement', 'a.${routedByValue}.z', 'table.include.list', 'cdc.box') l LIMIT 1;
SELECT pg_temp.skip();
-- updates: a warning, a quarantine event, the end, or nothing
INSERT INTO box VALUES ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'order', '42'), ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12', 'order', '43');
SELECT pg_temp.skip();
UPDATE box SET note = 'x';
SET client_min_messages = error;
SELECT count(*) FROM pg_temp.peek('outbox.table', 'cdc.box');
SELECT * FROM pg_temp.peek('outbox.table', 'cdc.box', 'table.op.invalid.behavior', 'error');
SELECT regexp_replace(pg_temp.refused('outbox.table', 'cdc.box', 'table.op.invalid.behavior', 'fatal'), 'transaction \d+', 'transaction N');
SELECT count(*) FROM pg_temp.peek('outbox.table', 'cdc.box', 'table.op.invalid.behavior', 'ignore');
SET client_min_messages = warning;
SELECT pg_temp.skip();
SELECT pg_temp.refused(VARIADIC ARRAY['outbox.table', 'cdc.box'] || o) FROM (VALUES (ARRAY['format', 'debezium-json']), (ARRAY['format', 'wal2json-v2']), (ARRAY['outbox.payload', 'raw']), (ARRAY['route.topic.replacement', '']),
	(ARRAY['route.topic.replacement', 'a/${routedByValue}']), (ARRAY['route.topic.replacement', '${routedByValue}${routedByValue}']), (ARRAY['route.topic.replacement', repeat('x', 249)]), (ARRAY['route.by.field', '']),
	(ARRAY['table.fields.additional.placement', 'type']), (ARRAY['table.fields.additional.placement', 'type:partition']), (ARRAY['table.fields.additional.placement', 'type:body']),
	(ARRAY['table.fields.additional.placement', 'type:header,note:header:type']), (ARRAY['table.fields.additional.placement', 'type:envelope:payload'])) v(o);
INSERT INTO box VALUES ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a19', 'order', '42');
SELECT pg_temp.refused('outbox.table', 'cdc.box', 'table.field.event.payload', 'nosuch');
SELECT pg_temp.refused('outbox.table', 'cdc.box', 'route.by.field', 'nosuch');
SELECT pg_temp.skip();

-- ---- masks: what is masked cannot be asked for, and stays masked wherever it goes

SELECT lakehouse.cdc_mask_set('f', 'v', 'null');
SELECT lakehouse.cdc_mask_set('box', 'payload', 'constant:hidden');
SELECT lakehouse.cdc_mask_set('box', 'aggregatetype', 'constant:masked');
SELECT lakehouse.cdc_mask_set('box', 'type', 'null');
TRUNCATE f, box;
SELECT pg_temp.skip();
INSERT INTO f VALUES (1, 4711, 'x');
SELECT pg_temp.refused('row.filter', 'cdc.f: v = 4711');
SELECT pg_temp.refused('row.filter', 'cdc.f: id = 1 OR coalesce(f.v, 0) > 5');
SELECT pg_temp.refused('row.filter', 'cdc.f: t = ''x''', 'masks', 'cdc.f.t:truncate:1');
SELECT * FROM pg_temp.peek('row.filter', 'cdc.f: t = ''x''');
SELECT * FROM pg_temp.lines('format', 'json', 'unwrap', 'on', 'schema.events', 'off');
SELECT pg_temp.skip();
INSERT INTO box VALUES ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'secret', '42', 'secret', '{"a": "secret"}');
SELECT * FROM pg_temp.lines('format', 'json', 'outbox.table', 'cdc.box', 'table.expand.json.payload', 'on', 'table.fields.additional.placement', 'type:header,payload:header:copy,aggregatetype:envelope');
SELECT pg_temp.skip();
-- nor what a publication's column list leaves out
CREATE PUBLICATION cdc_list FOR TABLE h (id, t);
INSERT INTO h VALUES (2, 'ok', 'x', 7);
SELECT pg_temp.refused('publication_names', 'cdc_list', 'row.filter', 'cdc.h: "odd : name" = 7', 'skipped.operations', 'u,d');

DROP PUBLICATION cdc_t, cdc_root, cdc_list;
SELECT lakehouse.cdc_mask_drop('f', 'v'), lakehouse.cdc_mask_drop('box', 'payload'), lakehouse.cdc_mask_drop('box', 'aggregatetype'), lakehouse.cdc_mask_drop('box', 'type');
SELECT pg_drop_replication_slot('regress_cdc');
\set VERBOSITY default
DROP SCHEMA cdc CASCADE;
