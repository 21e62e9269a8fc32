-- Change streams: operations, identities, messages, choices, errors of options.
\i sql/include/cdc.psql
CREATE SCHEMA cdc;
SET search_path = cdc;
SELECT pg_temp.new_slot();

-- ---- operations, and which rows have which key

CREATE TABLE by_key (id int PRIMARY KEY, a text, b int);
CREATE TABLE by_all (id int PRIMARY KEY, a text);
ALTER TABLE by_all REPLICA IDENTITY FULL;
CREATE TABLE by_index (id int PRIMARY KEY, x int NOT NULL, y text NOT NULL);
CREATE UNIQUE INDEX by_index_yx ON by_index (y, x);
ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_index_yx;
CREATE TABLE by_nothing (id int PRIMARY KEY, a text);
ALTER TABLE by_nothing REPLICA IDENTITY NOTHING;
CREATE TABLE no_key (a text);

INSERT INTO by_key VALUES (1, 'one', 10), (2, 'two', 20);
UPDATE by_key SET b = 11 WHERE id = 1;
UPDATE by_key SET id = 3 WHERE id = 2;
DELETE FROM by_key WHERE id = 3;
INSERT INTO by_all VALUES (1, 'one');
UPDATE by_all SET a = 'uno';
UPDATE by_all SET id = 2;
DELETE FROM by_all;
INSERT INTO by_index VALUES (1, 7, 'seven');
UPDATE by_index SET id = 2;
UPDATE by_index SET x = 8;
DELETE FROM by_index;
INSERT INTO by_nothing VALUES (1, 'one');
UPDATE by_nothing SET a = 'uno';
DELETE FROM by_nothing;
INSERT INTO no_key VALUES ('x');
UPDATE no_key SET a = 'y';
DELETE FROM no_key;
TRUNCATE by_key, by_all RESTART IDENTITY CASCADE;
SELECT * FROM pg_temp.stream();

-- the numbers of a transaction's events count what was not asked for, too
BEGIN;
INSERT INTO by_key VALUES (1), (2);
SAVEPOINT s;
INSERT INTO by_key VALUES (3);
ROLLBACK TO s;
INSERT INTO by_all VALUES (4);
INSERT INTO by_key VALUES (5);
COMMIT;
SELECT * FROM pg_temp.stream('table.include.list', 'cdc.by_all', 'provide.transaction.metadata', 'on');

-- what was rolled back, and what changes no row, is not mentioned
BEGIN; INSERT INTO by_key VALUES (9); ROLLBACK;
CREATE INDEX ON by_key (a);
SELECT * FROM pg_temp.stream('provide.transaction.metadata', 'on');

-- ---- schema events: once, and when something differs

INSERT INTO by_key VALUES (10);
ANALYZE by_key;
INSERT INTO by_key VALUES (11);
ALTER TABLE by_key ADD c numeric(5,2) DEFAULT 1.5;
INSERT INTO by_key VALUES (12);
ALTER TABLE by_key DROP a;
INSERT INTO by_key VALUES (13);
SELECT * FROM pg_temp.stream('schema.events', 'on');

-- ---- large values: not in the log when they were not touched

CREATE TABLE large (id int PRIMARY KEY, big text, small int);
ALTER TABLE large ALTER big SET STORAGE EXTERNAL;
INSERT INTO large VALUES (1, repeat('x', 3000), 1);
UPDATE large SET small = 2;
UPDATE large SET big = repeat('y', 3000);
ALTER TABLE large REPLICA IDENTITY FULL;
UPDATE large SET small = 3;
SELECT replace(replace(s, repeat('x', 3000), '3000 x'), repeat('y', 3000), '3000 y') FROM pg_temp.stream() s;

-- ---- choices

INSERT INTO by_key VALUES (20); INSERT INTO by_all VALUES (20); UPDATE by_all SET a = 'z' WHERE id = 20; DELETE FROM by_key WHERE id = 20;
SELECT pg_logical_emit_message(true, 'one', 'inside') IS NOT NULL, pg_logical_emit_message(false, 'two', 'outside') IS NOT NULL;
CREATE FUNCTION pg_temp.peek(VARIADIC options text[]) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT concat_ws(' ', d->>'op', d->>'table', d->>'prefix') FROM pg_logical_slot_peek_changes('regress_cdc', NULL, NULL,
		VARIADIC ARRAY['format', 'json', 'schema.events', 'off'] || options) AS c, CAST(c.data AS jsonb) AS d
$$;
SELECT * FROM pg_temp.peek('table.exclude.list', 'cdc\.by_(key|none)');
SELECT * FROM pg_temp.peek('table.include.list', 'other.*,CDC.BY_ALL');
SELECT * FROM pg_temp.peek('table.include.list', 'by_all');
SELECT * FROM pg_temp.peek('add-tables', '*.by_key');
SELECT * FROM pg_temp.peek('filter-tables', 'cdc.*');
SELECT * FROM pg_temp.peek('skipped.operations', 'c,d');
SELECT * FROM pg_temp.peek('actions', 'insert');
SELECT * FROM pg_temp.peek('actions', 'insert', 'messages', 'off');
SELECT * FROM pg_temp.peek('messages', 'on', 'skipped.operations', 'c,u,d');
SELECT * FROM pg_temp.peek('messages', 'on', 'add-msg-prefixes', 'two', 'actions', 'truncate');
SELECT * FROM pg_temp.peek('messages', 'on', 'filter-msg-prefixes', 'two', 'actions', 'truncate');
SELECT pg_temp.skip();

INSERT INTO by_all VALUES (30, 'a,b');
UPDATE by_all SET a = 'c' WHERE id = 30;
SELECT regexp_replace(data, ',"(lsn|xid|ts)":("[^"]*"|\d+)', '', 'g') FROM pg_logical_slot_get_changes('regress_cdc', NULL, NULL,
	'format', 'json', 'schema.events', 'off', 'message.key.columns', 'cdc.by_all:a', 'keys', 'on');

-- lines in batches
INSERT INTO by_key SELECT g FROM generate_series(100, 104) g;
SELECT regexp_replace(data, ',"(lsn|xid|ts)":("[^"]*"|\d+)', '', 'g') FROM pg_logical_slot_get_changes('regress_cdc', NULL, NULL,
	'format', 'json', 'schema.events', 'off', 'batch', '1MB');

-- ---- whoever set the session's output settings, values look the same

CREATE TABLE looks (id int PRIMARY KEY, d date, t timestamptz, i interval, f float8, b bytea, m money, r tstzrange);
INSERT INTO looks VALUES (1, '2024-02-29', '2024-02-29 12:00+02', '1 day', 0.1, '\x01', 1.5, '[2024-02-29 12:00+02,)');
SET datestyle = 'German'; SET intervalstyle = 'sql_standard'; SET timezone = 'Asia/Tokyo'; SET extra_float_digits = -5;
SET bytea_output = 'escape'; SET quote_all_identifiers = on;
SELECT * FROM pg_temp.stream('schema.events', 'on');
SHOW datestyle; SHOW timezone; SHOW search_path;
RESET datestyle; RESET intervalstyle; RESET timezone; RESET extra_float_digits; RESET bytea_output; RESET quote_all_identifiers;

-- ---- generated columns

CREATE TABLE made (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED);
INSERT INTO made VALUES (4);
SELECT data::jsonb -> 'new' FROM pg_logical_slot_peek_changes('regress_cdc', NULL, NULL, 'format', 'json', 'schema.events', 'off', 'generated', 'none');
SELECT * FROM pg_temp.stream();

-- ---- errors

\set VERBOSITY terse
SELECT * FROM pg_temp.stream('fromat', 'json');
SELECT * FROM pg_temp.stream('format', 'yaml');
SELECT * FROM pg_temp.stream('table.include.list', 'a(');
SELECT * FROM pg_temp.stream('add-tables', 'nodot');
SELECT * FROM pg_temp.stream('publication_names', 'no_such');
SELECT * FROM pg_temp.stream('publication_names', '"open');
SELECT * FROM pg_temp.stream('filter-origins', 'no_such');
SELECT * FROM pg_temp.stream('frames', 'on');
\set VERBOSITY default
SELECT pg_temp.skip();
SELECT pg_drop_replication_slot('regress_cdc');
DROP SCHEMA cdc CASCADE;
