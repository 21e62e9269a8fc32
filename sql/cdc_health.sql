-- Slots as lakehouse.cdc_health shows them, heartbeats, and looks that move nothing.
\i sql/include/cdc.psql
CREATE SCHEMA cdc_health;
SET search_path = cdc_health;
SELECT pg_temp.new_slot();
CREATE TABLE t (id int PRIMARY KEY, v text);
INSERT INTO t VALUES (1, 'one'), (2, 'two');
BEGIN; INSERT INTO t VALUES (3, 'three'); UPDATE t SET v = 'drei' WHERE id = 3; COMMIT;

-- ---- a look: all, some, none, and what was there is still there

CREATE TEMP TABLE place AS SELECT restart_lsn, confirmed_flush_lsn, catalog_xmin FROM pg_replication_slots WHERE slot_name = 'regress_cdc';
CREATE FUNCTION pg_temp.line(data text) RETURNS text LANGUAGE sql AS $$ SELECT regexp_replace(data, ',"(lsn|xid|ts)":("[^"]*"|\d+)', '', 'g') $$;
SELECT lsn > '0/0' AS lsn, xid IS NOT NULL AS xid, pg_temp.line(data) FROM lakehouse.changes('regress_cdc', NULL, NULL, 'format', 'json', 'schema.events', 'off');
-- in the middle of a transaction
SELECT pg_temp.line(data) FROM lakehouse.changes('regress_cdc', NULL, 3, 'format', 'json', 'schema.events', 'off');
SELECT count(*) FROM lakehouse.changes('regress_cdc', (SELECT confirmed_flush_lsn FROM place));
SELECT count(*) FROM lakehouse.changes('regress_cdc', pg_current_wal_insert_lsn(), NULL, 'format', 'json', 'schema.events', 'off');
-- a heartbeat is nothing to be seen, in no format
SELECT lakehouse.cdc_heartbeat() > '0/0' AS lsn;
SELECT count(*) FROM lakehouse.changes('regress_cdc', NULL, NULL, 'format', 'json', 'messages', 'on', 'schema.events', 'off', 'add-msg-prefixes', 'lakehouse.heartbeat');
SELECT count(*) FROM lakehouse.changes('regress_cdc', NULL, NULL, 'format', 'wal2json-v2') WHERE data LIKE '%lakehouse.heartbeat%';
-- where it was, and unused
SELECT place = (SELECT s FROM (SELECT restart_lsn, confirmed_flush_lsn, catalog_xmin FROM pg_replication_slots WHERE slot_name = 'regress_cdc') s) AS same FROM place;
SELECT active_pid FROM pg_replication_slots WHERE slot_name = 'regress_cdc';
SELECT * FROM pg_temp.stream();

-- ---- what is no look

\set VERBOSITY terse
SELECT * FROM lakehouse.changes('no_such');
SELECT * FROM lakehouse.changes(NULL);
SELECT * FROM lakehouse.changes('regress_cdc', NULL, 0);
SELECT * FROM lakehouse.changes('regress_cdc', NULL, -1);
SELECT * FROM lakehouse.changes('regress_cdc', NULL, NULL, 'format');
SELECT * FROM lakehouse.changes('regress_cdc', NULL, NULL, NULL, 'json');
SELECT * FROM lakehouse.changes('regress_cdc', NULL, NULL, 'fromat', 'json');
SELECT * FROM lakehouse.changes('regress_cdc', NULL, NULL, 'frames', 'on');
SELECT * FROM lakehouse.changes('regress_cdc', NULL, NULL, VARIADIC '{{format,json}}');
SELECT pg_create_logical_replication_slot('regress_other', 'pgoutput') IS NOT NULL;
SELECT * FROM lakehouse.changes('regress_other');
SELECT pg_drop_replication_slot('regress_other');
\set VERBOSITY default
DO $$
BEGIN
	PERFORM * FROM lakehouse.changes('regress_cdc', '0/1');
EXCEPTION WHEN invalid_parameter_value THEN
	RAISE WARNING '%', regexp_replace(SQLERRM, '\[[0-9A-F]+/[0-9A-F]+, [0-9A-F]+/[0-9A-F]+\]', '[confirmed, current]');
END $$;
-- which leaves the slot to others
SELECT active_pid FROM pg_replication_slots WHERE slot_name = 'regress_cdc';

-- ---- the view

SELECT slot_name, database = current_database() AS here, active_pid, held_by, wal_status, retained_bytes > 0 AS retained,
	lag_bytes >= 0 AS lag, total_txns > 0 AS decoded, two_phase, verdict, remedy
FROM lakehouse.cdc_health WHERE slot_name = 'regress_cdc';
SELECT count(*) FROM lakehouse.cdc_health WHERE slot_name <> 'regress_cdc' AND database = current_database();

-- ---- who may

CREATE ROLE regress_none;
GRANT USAGE ON SCHEMA lakehouse TO regress_none;
SET ROLE regress_none;
SELECT lakehouse.cdc_heartbeat();
DO $$
BEGIN
	PERFORM * FROM lakehouse.changes('regress_cdc');
EXCEPTION WHEN insufficient_privilege THEN
	RAISE WARNING 'insufficient privilege';
END $$;
SELECT slot_name, verdict FROM lakehouse.cdc_health WHERE slot_name = 'regress_cdc';
RESET ROLE;
REVOKE USAGE ON SCHEMA lakehouse FROM regress_none;
DROP ROLE regress_none;

SELECT pg_drop_replication_slot('regress_cdc');
SELECT count(*) FROM lakehouse.cdc_health WHERE slot_name = 'regress_cdc';
DROP SCHEMA cdc_health CASCADE;
