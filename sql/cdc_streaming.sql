-- Transactions that are told before their commit.  What survives has to be what the same log says without
-- that, at the same positions; blocks and sub-transactions have to be pgoutput's.
SET client_min_messages = warning;
SET timezone = UTC;
SET logical_decoding_work_mem = '64kB';
CREATE TABLE t (id int PRIMARY KEY, v text);
CREATE TABLE noise (id int, v text);
SELECT 'made' FROM pg_create_logical_replication_slot('s', 'lakehouse');
SELECT 'made' FROM pg_create_logical_replication_slot('o', 'pgoutput');
CREATE PUBLICATION everything FOR ALL TABLES;

-- events by transaction that were committed: numbers less those that were taken back
CREATE FUNCTION survivors(slot name, VARIADIC options text[]) RETURNS TABLE (lsn text, n numeric, xid text, event jsonb) LANGUAGE sql AS $$
	WITH raw AS MATERIALIZED (SELECT data::jsonb AS e FROM pg_logical_slot_peek_changes(slot, NULL, NULL, VARIADIC options)),
	back AS (SELECT e->>'xid' AS xid, (r->>0)::numeric AS f, (r->>1)::numeric AS t FROM raw, jsonb_array_elements(e->'taken_back') r),
	ended AS (SELECT e->>'xid' AS xid, e->>'lsn' AS lsn FROM raw WHERE e->>'op' IN ('commit', 'stream_commit', 'commit_prepared')),
	-- an event stands behind the ranges that begin before it
	placed AS (SELECT e, xid, n, sum(gone) OVER w AS gone, max(t) OVER w AS gone_to
		FROM (SELECT e, e->>'xid' AS xid, (e->>'n')::numeric AS n, 0 AS gone, -1 AS t FROM raw WHERE e ? 'n'
			UNION ALL SELECT NULL, xid, f, t - f + 1, t FROM back) x
		WINDOW w AS (PARTITION BY xid ORDER BY n))
	SELECT coalesce(e->>'lsn', c.lsn), n - gone, p.xid, e - '{lsn,n,xid,sub,ts}'::text[]
	FROM placed p LEFT JOIN ended c ON c.xid = p.xid
	WHERE e IS NOT NULL AND gone_to < n AND (c.xid IS NOT NULL OR e ? 'lsn')
$$;
-- the slot's log both ways; nothing in "differ" is right
CREATE FUNCTION compare(VARIADIC options text[] DEFAULT '{}') RETURNS TABLE (blocks bigint, undone bigint, events bigint, differ bigint) LANGUAGE sql AS $$
	WITH streamed AS MATERIALIZED (SELECT * FROM survivors('s', VARIADIC options || '{streaming,on,schema.events,off}'::text[])),
	whole AS MATERIALIZED (SELECT * FROM survivors('s', VARIADIC options || '{schema.events,off}'::text[]))
	SELECT (SELECT count(*) FROM pg_logical_slot_peek_changes('s', NULL, NULL, VARIADIC options || '{streaming,on}'::text[]) WHERE data LIKE '%"op":"stream_start"%'),
		(SELECT count(*) FROM pg_logical_slot_peek_changes('s', NULL, NULL, VARIADIC options || '{streaming,on}'::text[]) WHERE data LIKE '%"op":"stream_abort"%'),
		(SELECT count(*) FROM whole),
		(SELECT count(*) FROM ((TABLE streamed EXCEPT ALL TABLE whole) UNION ALL (TABLE whole EXCEPT ALL TABLE streamed)) x)
$$;
CREATE FUNCTION number(b bytea, at int) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
	SELECT ('x' || encode(substring(b FROM at + 1 FOR 4), 'hex'))::bit(32)::bigint $$;
-- kinds of messages and (sub-)transactions, side by side; where they differ
CREATE FUNCTION against_pgoutput() RETURNS TABLE (messages bigint, ours text, oracle text) LANGUAGE sql AS $$
	WITH ours AS (SELECT row_number() OVER (ORDER BY i) AS i, m FROM (SELECT ordinality AS i,
			CASE e->>'op' WHEN 'stream_start' THEN concat('S ', e->>'xid') WHEN 'stream_stop' THEN 'E'
				WHEN 'stream_commit' THEN concat('c ', e->>'xid') WHEN 'stream_abort' THEN concat('A ', e->>'xid', ' ', coalesce(e->>'sub', e->>'xid'))
				WHEN 'message' THEN 'M' ELSE concat(upper(left(e->>'op', 1)), ' ', coalesce(e->>'sub', e->>'xid')) END AS m
		FROM pg_logical_slot_peek_changes('s', NULL, NULL, 'streaming', 'on', 'schema.events', 'off') WITH ORDINALITY p, LATERAL (SELECT data::jsonb AS e) e
		WHERE e->>'op' NOT IN ('begin', 'commit')) x),
	blocks AS (SELECT ordinality AS i, data AS b, chr(get_byte(data, 0)) AS k
		FROM pg_logical_slot_peek_binary_changes('o', NULL, NULL, 'proto_version', '2', 'publication_names', 'everything', 'streaming', 'on', 'messages', 'on') WITH ORDINALITY),
	-- messages have the transaction's number within blocks only
	inside AS (SELECT *, sum((k = 'S')::int - (k = 'E')::int) OVER (ORDER BY i) = 1 AS streamed,
			max(number(b, 5 + 8 + 8 - 4)) FILTER (WHERE k = 'B') OVER (ORDER BY i) AS xid FROM blocks),
	-- it tells of blocks without changes, and takes back what it has not told of; we do not
	marked AS (SELECT *, k = 'S' AND lead(k) OVER w = 'E' OR k = 'E' AND lag(k) OVER w = 'S' AS empty,
			CASE WHEN k IN ('I', 'U', 'D', 'T') THEN CASE WHEN streamed THEN number(b, 1) ELSE xid END END AS sub
		FROM inside WHERE k NOT IN ('R', 'Y') WINDOW w AS (ORDER BY i)),
	oracle AS (SELECT row_number() OVER (ORDER BY i) AS i, CASE k WHEN 'S' THEN concat('S ', number(b, 1))
			WHEN 'E' THEN 'E' WHEN 'c' THEN concat('c ', number(b, 1)) WHEN 'A' THEN concat('A ', number(b, 1), ' ', number(b, 5)) WHEN 'M' THEN 'M'
			ELSE concat(k, ' ', sub) END AS m
		FROM marked WHERE k NOT IN ('B', 'C') AND NOT empty AND (k <> 'A' OR number(b, 5) IN (SELECT sub FROM marked)
			OR number(b, 1) = number(b, 5) AND number(b, 1) IN (SELECT number(b, 1) FROM marked WHERE k = 'S' AND NOT empty)))
	SELECT count(*) OVER (), a.m, o.m FROM ours a FULL JOIN oracle o USING (i) WHERE a.m IS DISTINCT FROM o.m
	UNION ALL SELECT count(*), 'all', 'alike' FROM ours HAVING NOT EXISTS (SELECT FROM ours a FULL JOIN oracle o USING (i) WHERE a.m IS DISTINCT FROM o.m)
	LIMIT 10
$$;
CREATE PROCEDURE forget() LANGUAGE plpgsql AS $$
BEGIN
	-- so that the log is not read from the beginning each time
	PERFORM lakehouse.cdc_heartbeat();
	COMMIT;
	PERFORM pg_replication_slot_advance(s, pg_current_wal_flush_lsn()) FROM unnest(ARRAY['s', 'o']) s;
END $$;
CREATE FUNCTION put(a int, b int) RETURNS void LANGUAGE sql AS $$ INSERT INTO t SELECT g, repeat('x', 100) FROM generate_series(a, b) g $$;

-- nothing is taken back
BEGIN;
SELECT put(1, 2000);
COMMIT;
SELECT blocks > 3 AS blocks, undone, events, differ FROM compare();
SELECT ours, oracle FROM against_pgoutput();
SELECT data::jsonb - 'lsn' - 'xid' - 'ts' AS events FROM pg_logical_slot_peek_changes('s', NULL, NULL, 'streaming', 'on') WITH ORDINALITY
	WHERE ordinality < 4 OR data LIKE '%commit%';
SELECT jsonb_object_keys(data::jsonb) AS "commit" FROM pg_logical_slot_peek_changes('s', NULL, NULL, 'streaming', 'on') WHERE data LIKE '%commit%';
CALL forget();

-- what is rolled back, at all depths, before it was in a block and after it
BEGIN;
SELECT put(3001, 3300);
SAVEPOINT a;
SELECT put(3301, 3800);
SAVEPOINT b;
UPDATE t SET v = 'b' WHERE id <= 700;
SAVEPOINT c;
DELETE FROM t WHERE id BETWEEN 100 AND 400;
ROLLBACK TO c;
SELECT put(4001, 4300);
RELEASE b;
SELECT put(4301, 4400);
SAVEPOINT d;
SELECT put(4401, 4900);
ROLLBACK TO a;
SELECT put(5001, 5300);
SAVEPOINT e;
SAVEPOINT f;
SELECT put(5301, 5900);
RELEASE f;
DELETE FROM t WHERE id BETWEEN 5001 AND 5400;
RELEASE e;
SAVEPOINT g;
SELECT put(6001, 6003);
ROLLBACK TO g;
SELECT put(6001, 6200);
COMMIT;
SELECT blocks > 5 AS blocks, undone, events, differ FROM compare();
SELECT ours, oracle FROM against_pgoutput();
CALL forget();

-- many small ones, with those that were released into one that is rolled back
DO $$
BEGIN
	FOR outer_i IN 1 .. 3 LOOP
		BEGIN
			FOR i IN 10001 .. 10300 LOOP
				BEGIN
					INSERT INTO t VALUES (i + outer_i * 300, repeat('y', 200));
					INSERT INTO noise VALUES (i, 'noise');
					IF i % 5 = 0 THEN RAISE division_by_zero; END IF;
				EXCEPTION WHEN division_by_zero THEN NULL;
				END;
			END LOOP;
			IF outer_i = 2 THEN RAISE division_by_zero; END IF;
		EXCEPTION WHEN division_by_zero THEN NULL;
		END;
	END LOOP;
END $$;
SELECT blocks > 3 AS blocks, undone > 100 AS undone, events, differ FROM compare();
SELECT ours, oracle FROM against_pgoutput();
-- what nobody wants counts
SELECT blocks > 3 AS blocks, undone > 100 AS undone, events, differ FROM compare('table.include.list', 'public.t');
SELECT blocks > 3 AS blocks, undone > 100 AS undone, events, differ FROM compare('table.include.list', 'public.noise');
SELECT * FROM compare('table.include.list', 'public.none');
SELECT blocks > 3 AS blocks, events, differ FROM compare('row.filter', 'public.t: id > 10700', 'table.include.list', 'public.t');
CALL forget();

-- numbers that went before the first event was told
BEGIN;
INSERT INTO noise SELECT g, repeat('n', 100) FROM generate_series(1, 1000) g;
SAVEPOINT a;
INSERT INTO noise SELECT g, repeat('n', 100) FROM generate_series(1, 1000) g;
SAVEPOINT b;
INSERT INTO noise SELECT g, repeat('n', 100) FROM generate_series(1, 1000) g;
ROLLBACK TO a;
INSERT INTO noise SELECT g, repeat('n', 100) FROM generate_series(1, 1000) g;
SELECT put(13001, 13900);
COMMIT;
SELECT blocks > 1 AS blocks, undone, events, differ FROM compare('table.include.list', 'public.t');
SELECT ours, oracle FROM against_pgoutput();
SELECT data::jsonb ? 'taken_back' AS numbers FROM pg_logical_slot_peek_changes('s', NULL, NULL, 'streaming', 'on', 'table.include.list', 'public.t') WHERE data LIKE '%"first":true%';
CALL forget();

-- a whole transaction that is rolled back
INSERT INTO t VALUES (20000, 'known');
BEGIN;
SELECT put(20001, 21000);
ROLLBACK;
SELECT events, differ FROM compare();
SELECT ours, oracle FROM against_pgoutput();
CALL forget();

-- truncations, messages, conflicts, large values
BEGIN;
SELECT put(22001, 22500);
SELECT count(pg_logical_emit_message(true, 'kept', repeat('m', 100))) FROM generate_series(1, 300);
SAVEPOINT a;
SELECT put(22501, 22800);
SELECT count(pg_logical_emit_message(true, 'gone', repeat('m', 100))) FROM generate_series(1, 1000);
TRUNCATE noise;
ROLLBACK TO a;
SELECT 'lone' FROM pg_logical_emit_message(false, 'lone', 'of no transaction');
SAVEPOINT b;
SELECT count(pg_logical_emit_message(true, 'sub', repeat('m', 100))) FROM generate_series(1, 300);
INSERT INTO t SELECT g, 'conflict' FROM generate_series(22001, 22700) g ON CONFLICT (id) DO UPDATE SET v = 'was there';
INSERT INTO t SELECT 23000 + g, string_agg(md5(g::text || i), '') FROM generate_series(1, 20) g, generate_series(1, 400) i GROUP BY g;
UPDATE t SET id = id + 1000 WHERE id > 23000 AND id <= 23020;
RELEASE b;
TRUNCATE noise;
COMMIT;
SELECT blocks > 3 AS blocks, undone, events, differ FROM compare();
SELECT ours, oracle FROM against_pgoutput();
SELECT event->>'prefix' AS prefix, count(*) FROM survivors('s', 'streaming', 'on') WHERE event->>'op' = 'message' GROUP BY 1 ORDER BY 1;
SELECT blocks > 3 AS blocks, undone, events, differ FROM compare('messages', 'off', 'skipped.operations', 't');
CALL forget();

-- schemas count for their transaction, and go with their sub-transaction
CREATE FUNCTION schemas() RETURNS TABLE (n bigint, transaction bigint, generation text, columns text) LANGUAGE sql AS $$
	WITH raw AS MATERIALIZED (SELECT ordinality AS i, data::jsonb AS e FROM pg_logical_slot_peek_changes('s', NULL, NULL, 'streaming', 'on') WITH ORDINALITY),
	back AS (SELECT e->>'xid' AS xid, (r->>0)::numeric AS f, (r->>1)::numeric AS t FROM raw, jsonb_array_elements(e->'taken_back') r)
	SELECT row_number() OVER (ORDER BY i), dense_rank() OVER (ORDER BY e->>'xid'), e->>'generation', (SELECT string_agg(c->>'name', ',') FROM jsonb_array_elements(e->'columns') c)
	FROM raw WHERE e->>'op' = 'schema' AND e->>'xid' IN (SELECT e->>'xid' FROM raw WHERE e->>'op' IN ('commit', 'stream_commit'))
		AND NOT EXISTS (SELECT FROM back WHERE xid = e->>'xid' AND (e->>'n')::numeric BETWEEN f AND t) ORDER BY i
$$;
INSERT INTO t (id) VALUES (30000);
BEGIN;
SELECT put(30001, 30700);
SAVEPOINT a;
ALTER TABLE t ADD COLUMN a int;
SELECT put(30701, 31700);
SAVEPOINT b;
ALTER TABLE t ADD COLUMN b int;
SELECT put(31701, 32700);
ROLLBACK TO b;
SELECT put(31701, 32700);
RELEASE a;
SELECT put(32701, 33700);
COMMIT;
INSERT INTO t (id) VALUES (34000);
ANALYZE t;
INSERT INTO t (id) VALUES (34001);
SELECT blocks > 5 AS blocks, events, differ FROM compare();
SELECT ours, oracle FROM against_pgoutput();
SELECT * FROM schemas();
CALL forget();
-- a transaction that is rolled back has told nobody else
BEGIN;
ALTER TABLE t DROP COLUMN a, ADD COLUMN other int;
SELECT put(40001, 41000);
ROLLBACK;
INSERT INTO t (id) VALUES (40000);
SELECT differ FROM compare();
SELECT columns, count(*) FROM schemas() GROUP BY 1 ORDER BY 1;
CALL forget();

-- the catalog of what is rolled back is not read; what was half made goes, and the rest is whole
CREATE TYPE pair AS (a int, b text);
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE typed (id int PRIMARY KEY, p pair, m mood, d money);
BEGIN;
INSERT INTO typed SELECT g, ROW (g, repeat('p', 80))::pair, 'good', 1 FROM generate_series(1, 700) g;
SAVEPOINT a;
ALTER TYPE pair ADD ATTRIBUTE c int;
ALTER TABLE typed ADD COLUMN gone int;
INSERT INTO typed SELECT g, ROW (g, repeat('q', 80), 7)::pair, 'bad', 2 FROM generate_series(701, 1400) g;
ROLLBACK TO a;
INSERT INTO typed SELECT g, ROW (g, repeat('r', 80))::pair, 'bad', 3 FROM generate_series(701, 1400) g;
SAVEPOINT c;
CREATE TABLE new (id int, p pair);
INSERT INTO new SELECT g, ROW (g, 'new')::pair FROM generate_series(1, 1000) g;
ROLLBACK TO c;
INSERT INTO typed SELECT g, ROW (g, repeat('s', 80))::pair, 'good', 4 FROM generate_series(1401, 2000) g;
COMMIT;
SELECT blocks > 3 AS blocks, events, differ FROM compare();
SELECT blocks > 3 AS blocks, events, differ FROM compare('row.filter', 'public.typed: id > 100 AND id < 1900');
SELECT count(*) FROM survivors('s', 'streaming', 'on') WHERE event->>'op' = 'quarantine';
CALL forget();

-- the same while a value is being shown: the error is no reason for quarantine, and settings end with the transaction
SET datestyle = 'SQL, DMY';
INSERT INTO typed (id, d) VALUES (5000, 1);
BEGIN;
INSERT INTO noise SELECT g, repeat('n', 100) FROM generate_series(1, 800) g;
SAVEPOINT a;
INSERT INTO typed SELECT g, ROW (g, repeat('q', 80))::pair, 'bad', 2 FROM generate_series(5001, 6000) g;
ROLLBACK TO a;
INSERT INTO typed SELECT g, ROW (g, repeat('r', 80))::pair, 'bad', 3 FROM generate_series(5001, 6000) g;
COMMIT;
SELECT blocks > 3 AS blocks, events, differ FROM compare();
SELECT count(*) FILTER (WHERE data LIKE '%qqqq%') AS gone, count(*) FILTER (WHERE data LIKE '%quarantine%') AS quarantined
	FROM pg_logical_slot_peek_changes('s', NULL, NULL, 'streaming', 'on');
SHOW datestyle;
RESET datestyle;
CALL forget();

-- rows that cannot be shown, within a block
CREATE TABLE filtered (id int PRIMARY KEY, v text);
CREATE PUBLICATION narrow FOR TABLE filtered (id, v) WHERE (id <> 3 AND 10 / (id - 500) <> 100000);
BEGIN;
INSERT INTO filtered SELECT g, repeat('f', 100) FROM generate_series(1, 1500) g;
SAVEPOINT a;
UPDATE filtered SET v = 'a' WHERE id BETWEEN 400 AND 1400;
ROLLBACK TO a;
UPDATE filtered SET v = 'b' WHERE id BETWEEN 400 AND 700;
COMMIT;
-- 18 leaves out what it finds rolled back already
SELECT blocks > 1 AS blocks, undone = 1 OR current_setting('server_version_num')::int >= 180000 AS undone, events, differ FROM compare('publication_names', 'narrow');
SELECT count(*) FROM survivors('s', 'streaming', 'on', 'publication_names', 'narrow') WHERE event->>'op' = 'quarantine';
CALL forget();

-- partitions under their root, columns of a list, masks
CREATE TABLE root (id int, secret text, v text) PARTITION BY RANGE (id);
CREATE TABLE part1 PARTITION OF root FOR VALUES FROM (0) TO (1000);
CREATE TABLE part2 (v text, extra int, id int, secret text);
ALTER TABLE part2 DROP COLUMN extra;
ALTER TABLE root ATTACH PARTITION part2 FOR VALUES FROM (1000) TO (9000);
CREATE PUBLICATION roots FOR TABLE root (id, secret) WITH (publish_via_partition_root);
SELECT lakehouse.cdc_mask_set('root', 'secret', 'constant:hidden');
BEGIN;
INSERT INTO root SELECT g, 'clear ' || g, repeat('r', 80) FROM generate_series(500, 1500) g;
SAVEPOINT a;
INSERT INTO root SELECT g, 'clear ' || g, repeat('r', 80) FROM generate_series(500, 1500) g;
ROLLBACK TO a;
INSERT INTO root SELECT g, 'clear ' || g, repeat('r', 80) FROM generate_series(1501, 2500) g;
COMMIT;
SELECT blocks > 1 AS blocks, undone, events, differ FROM compare('publication_names', 'roots');
SELECT blocks > 1 AS blocks, undone, events, differ FROM compare();
SELECT count(*) FROM pg_logical_slot_peek_changes('s', NULL, NULL, 'streaming', 'on') WHERE data LIKE '%clear%';
SELECT event->>'table' AS "table", event->'new' AS row FROM survivors('s', 'streaming', 'on', 'publication_names', 'roots')
	WHERE (event->'new'->>'id')::int IN (999, 1000) ORDER BY 2;
CALL forget();

-- a consumer through SQL hears of what has not ended again, from the beginning
BEGIN;
SELECT put(50001, 51000);
-- which makes sure that the server reads what was written
SELECT pg_switch_wal() IS NOT NULL AS flushed;
SELECT count(*) FILTER (WHERE data LIKE '%"first":true%') AS first, count(*) FILTER (WHERE data LIKE '%insert%') > 500 AS rows
	FROM pg_logical_slot_get_changes('s', NULL, NULL, 'streaming', 'on');
SELECT put(51001, 52000);
COMMIT;
SELECT count(*) FILTER (WHERE data LIKE '%"first":true%') AS first, count(*) FILTER (WHERE data LIKE '%insert%') AS rows,
	count(*) FILTER (WHERE data LIKE '%stream_commit%') AS ends FROM pg_logical_slot_get_changes('s', NULL, NULL, 'streaming', 'on');
CALL forget();

-- what comes whole looks the same
INSERT INTO t (id) VALUES (60000);
SELECT regexp_replace(data, '[0-9A-F]+/[0-9A-F]+|20[0-9T:.Z-]+|"xid":[0-9]+', '.', 'g') AS data
	FROM pg_logical_slot_peek_changes('s', NULL, NULL, 'streaming', 'on', 'schema.events', 'off');

-- prepared transactions, whole and in blocks
SELECT pg_drop_replication_slot('o');
SELECT 'made' FROM pg_create_logical_replication_slot('p', 'lakehouse', false, true);
CREATE FUNCTION prepared(VARIADIC options text[] DEFAULT '{}') RETURNS SETOF text LANGUAGE sql AS $$
	SELECT regexp_replace(regexp_replace(data, ',"(xid|lsn|ts)":("[^"]*"|[0-9]+)', '', 'g'), '"sub":[0-9]+', '"sub":.')
		FROM pg_logical_slot_peek_changes('p', NULL, NULL, VARIADIC options || '{two_phase,on,schema.events,off}'::text[]) $$;
CREATE FUNCTION compare_prepared(VARIADIC options text[] DEFAULT '{}') RETURNS TABLE (events bigint, differ bigint) LANGUAGE sql AS $$
	WITH told AS MATERIALIZED (SELECT * FROM survivors('p', VARIADIC options || '{two_phase,on,schema.events,off}'::text[])),
	whole AS MATERIALIZED (SELECT * FROM survivors('s', VARIADIC '{schema.events,off}'::text[]))
	SELECT (SELECT count(*) FROM whole), (SELECT count(*) FROM ((TABLE told EXCEPT ALL TABLE whole) UNION ALL (TABLE whole EXCEPT ALL TABLE told)) x)
$$;
CREATE PROCEDURE forget_prepared() LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_replication_slot_advance(s, pg_current_wal_flush_lsn()) FROM unnest(ARRAY['s', 'p']) s;
END $$;
CALL forget_prepared();
BEGIN;
INSERT INTO t VALUES (70001, 'a');
SAVEPOINT a;
INSERT INTO t VALUES (70002, 'gone');
ROLLBACK TO a;
INSERT INTO t VALUES (70003, 'sub');
PREPARE TRANSACTION 'one ''quoted''';
INSERT INTO t VALUES (70010, 'beside');
SELECT * FROM prepared();
COMMIT PREPARED 'one ''quoted''';
SELECT * FROM prepared();
SELECT * FROM compare_prepared();
CALL forget_prepared();
BEGIN;
INSERT INTO t VALUES (70020, 'to be rolled back');
PREPARE TRANSACTION 'two';
SELECT * FROM prepared();
ROLLBACK PREPARED 'two';
-- now that it is, its catalog cannot be read; it is prepared nevertheless
SELECT * FROM prepared() WITH ORDINALITY WHERE prepared LIKE '%two%';
SELECT * FROM compare_prepared();
CALL forget_prepared();
-- nothing of it is wanted; the consumer may hear of its end in another session
BEGIN;
INSERT INTO noise VALUES (1, 'x');
PREPARE TRANSACTION 'three';
SELECT data::jsonb - 'xid' - 'ts' - 'lsn' AS first FROM pg_logical_slot_get_changes('p', NULL, NULL, 'two_phase', 'on', 'table.include.list', 'public.t');
COMMIT PREPARED 'three';
SELECT data::jsonb - 'xid' - 'ts' - 'lsn' AS second FROM pg_logical_slot_get_changes('p', NULL, NULL, 'two_phase', 'on', 'table.include.list', 'public.t');
CALL forget_prepared();
-- in blocks, and then prepared
BEGIN;
SELECT put(71001, 71500);
SAVEPOINT a;
SELECT put(71501, 72000);
ROLLBACK TO a;
SELECT put(72001, 72900);
PREPARE TRANSACTION 'four';
SELECT count(*) FILTER (WHERE prepared LIKE '%start%') > 1 AS blocks, max(prepared) FILTER (WHERE prepared LIKE '%"prepare"%') AS prepared FROM prepared('streaming', 'on');
COMMIT PREPARED 'four';
SELECT * FROM compare_prepared();
SELECT * FROM compare_prepared('streaming', 'on');
CALL forget_prepared();
-- changed tables
BEGIN;
ALTER TABLE t ADD COLUMN prepared int;
INSERT INTO t (id, prepared) VALUES (73001, 1);
PREPARE TRANSACTION 'five';
INSERT INTO noise VALUES (2, 'meanwhile');
COMMIT PREPARED 'five';
INSERT INTO t (id, prepared) VALUES (73002, 2);
SELECT * FROM compare_prepared();
SELECT data::jsonb->>'generation' AS generation, count(*) OVER () FROM pg_logical_slot_peek_changes('p', NULL, NULL, 'two_phase', 'on') WHERE data LIKE '%"op":"schema"%"t"%' ;
-- frames: kind, flags, messages
SELECT get_byte(data, 16) AS kind, get_byte(data, 17) AS flags, get_byte(data, 18) AS messages, substring(data FROM 73 FOR 8) = '\xfb01000004000000'::bytea AS named, octet_length(data) > 72 AS filled
	FROM pg_logical_slot_peek_binary_changes('p', NULL, NULL, 'two_phase', 'on', 'frames', 'on', 'table.include.list', 'public.t', 'schema.events', 'off');

-- refused
SELECT * FROM pg_logical_slot_peek_changes('s', NULL, NULL, 'streaming', 'on', 'format', 'debezium-json');
SELECT * FROM pg_logical_slot_peek_changes('s', NULL, NULL, 'streaming', 'on', 'format', 'wal2json');
SELECT * FROM pg_logical_slot_peek_binary_changes('s', NULL, NULL, 'streaming', 'on', 'format', 'json,debezium-json', 'frames', 'on');
SELECT * FROM pg_logical_slot_peek_changes('s', NULL, NULL, 'streaming', 'on', 'unwrap', 'on');
SELECT * FROM pg_logical_slot_peek_changes('s', NULL, NULL, 'streaming', 'on', 'outbox.table', 'public.outbox');
SELECT * FROM pg_logical_slot_peek_changes('s', NULL, NULL, 'two_phase', 'on');
SELECT * FROM pg_logical_slot_peek_changes('p', NULL, NULL);
SELECT * FROM pg_logical_slot_peek_changes('p', NULL, NULL, 'two_phase', 'on', 'format', 'wal2json-v2');

SELECT lakehouse.cdc_mask_drop('root', 'secret');
SELECT pg_drop_replication_slot(s) FROM unnest(ARRAY['s', 'p']) s;
DROP PUBLICATION everything, narrow, roots;
DROP TABLE t, noise, typed, filtered, root;
DROP TYPE pair, mood;
DROP FUNCTION survivors, compare, number, against_pgoutput, put, schemas, prepared, compare_prepared;
DROP PROCEDURE forget, forget_prepared;
