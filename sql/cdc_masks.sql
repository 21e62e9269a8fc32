-- Masks of change streams: what they hide, where, and when a stream is refused.
\i sql/include/cdc.psql
CREATE SCHEMA cdc;
SET search_path = cdc;
CREATE TABLE person (gone int, id int PRIMARY KEY, name text DEFAULT 'nobody', mail text, born date, pay numeric, tags text[]);
ALTER TABLE person DROP gone;
INSERT INTO person VALUES (0);
SELECT pg_temp.new_slot();
-- a backlog from before the masks
INSERT INTO person VALUES (1, 'Ada Lovelace', 'ada@example.com', '1815-12-10', 1234.5, '{math,poetry}');
SELECT lakehouse.cdc_mask_set('person', 'mail', 'null'), lakehouse.cdc_mask_set('person', 'name', 'truncate:2'),
	lakehouse.cdc_mask_set('person', 'born', 'constant:unknown'), lakehouse.cdc_mask_set('person', 'pay', 'truncate:1'),
	lakehouse.cdc_mask_set('person', 'tags', 'truncate:3');
SELECT relation, column_name, mask FROM lakehouse.cdc_masks ORDER BY attnum;
INSERT INTO person VALUES (2, 'Bob', NULL, NULL);
UPDATE person SET name = 'Robert' WHERE id = 2;
SELECT * FROM pg_temp.stream('schema.events', 'on');
-- a masked key, and whole old rows
SELECT lakehouse.cdc_mask_set('person', 'id', 'constant:x');
UPDATE person SET id = 3 WHERE id = 2;
ALTER TABLE person REPLICA IDENTITY FULL;
UPDATE person SET name = 'Robin' WHERE id = 3;
DELETE FROM person WHERE id = 3;
SELECT * FROM pg_temp.stream();
SELECT lakehouse.cdc_mask_drop('person', 'id');
-- no secret anywhere
INSERT INTO person VALUES (4, 'Grace Hopper', 'grace@example.com', '1906-12-09', 9999, '{navy}');
UPDATE person SET mail = 'hopper@example.com', name = 'Admiral Hopper' WHERE id = 4;
DELETE FROM person WHERE id = 4;
SELECT count(*), count(*) FILTER (WHERE encode(data, 'escape') ~ 'Grace|Hopper|hopper|example|1906|9999|navy')
	FROM pg_logical_slot_peek_binary_changes('regress_cdc', NULL, NULL, 'format', 'json', 'frames', 'on');
-- a consumer may add, and never lift
SELECT * FROM pg_temp.stream('masks', 'cdc.person.id:constant:y;cdc.person.mail:truncate:100;cdc.person.name:null', 'actions', 'insert');
-- equal values have equal hashes
SELECT lakehouse.cdc_mask_set('person', 'mail', 'hash');
\set VERBOSITY terse
SELECT lakehouse.cdc_mask_set('person', 'mail', 'encrypt');
SELECT lakehouse.cdc_mask_set('person', 'mail', 'truncate:-1');
SELECT lakehouse.cdc_mask_set('person', 'no_such', 'null');
SELECT lakehouse.cdc_mask_set('person', 'ctid', 'null');
SELECT lakehouse.cdc_mask_set('pg_stat_activity', 'query', 'null');
SELECT lakehouse.cdc_mask_drop('person', 'id');
\set VERBOSITY default
-- the table of masks is not streamed
SELECT count(*) FROM pg_temp.stream('table.include.list', 'lakehouse.*');
-- a column with another name: no stream, until somebody says what is meant
ALTER TABLE person RENAME mail TO email;
\set SHOW_CONTEXT never
SELECT * FROM pg_temp.stream();
\set SHOW_CONTEXT errors
SELECT "check", state, detail FROM lakehouse.cdc_setup() WHERE "check" = 'masks' AND state = 'error';
SELECT lakehouse.cdc_mask_set('person', 'email', 'null');
INSERT INTO person VALUES (5, 'Eve', 'eve@example.com');
SELECT * FROM pg_temp.stream();
SELECT lakehouse.cdc_mask_drop('person', 'email');
-- a column that is gone still has values in the log
INSERT INTO person VALUES (6, 'Secret');
ALTER TABLE person DROP name;
SELECT * FROM pg_temp.stream();
SELECT column_name FROM lakehouse.cdc_masks ORDER BY 1;
-- a mask of a partitioned table is one of its partitions, by name
CREATE TABLE root (id int PRIMARY KEY, s text) PARTITION BY RANGE (id);
CREATE TABLE leaf (s text, id int NOT NULL, PRIMARY KEY (id));
ALTER TABLE root ATTACH PARTITION leaf FOR VALUES FROM (0) TO (10);
SELECT lakehouse.cdc_mask_set('root', 's', 'constant:-');
INSERT INTO root VALUES (1, 'secret');
SELECT * FROM pg_temp.stream();
-- a generated column made from a masked one is null, or has a mask of its own
CREATE TABLE made (id int PRIMARY KEY, mail text, plain int, domain text GENERATED ALWAYS AS (split_part(mail, '@', 2)) STORED,
	twice int GENERATED ALWAYS AS (plain * 2) STORED);
SELECT lakehouse.cdc_mask_set('made', 'mail', 'truncate:1');
INSERT INTO made VALUES (1, 'ada@example.com', 4);
SELECT * FROM pg_temp.stream('actions', 'insert', 'table.include.list', 'cdc.made');
SELECT lakehouse.cdc_mask_set('made', 'domain', 'truncate:2');
INSERT INTO made VALUES (2, 'bob@example.com', 5);
SELECT * FROM pg_temp.stream('actions', 'insert', 'table.include.list', 'cdc.made', 'masks', 'cdc.made.plain:null');
-- a materialized view that is refreshed row by row is in the log, and can be masked
CREATE MATERIALIZED VIEW seen AS SELECT id, s FROM root;
CREATE UNIQUE INDEX ON seen (id);
SELECT pg_temp.skip();
SELECT lakehouse.cdc_mask_set('seen', 's', 'null');
INSERT INTO root VALUES (2, 'secret');
REFRESH MATERIALIZED VIEW CONCURRENTLY seen;
SELECT * FROM pg_temp.stream();
-- who may
CREATE ROLE regress_cdc_admin;
GRANT USAGE ON SCHEMA lakehouse, cdc TO regress_cdc_admin;
SET ROLE regress_cdc_admin;
SELECT lakehouse.cdc_mask_set('root', 's', 'null');
SELECT * FROM lakehouse.cdc_masks;
RESET ROLE;
GRANT EXECUTE ON FUNCTION lakehouse.cdc_mask_set(regclass, name, text) TO regress_cdc_admin;
SET ROLE regress_cdc_admin;
SELECT lakehouse.cdc_mask_set('root', 's', 'null');
RESET ROLE;
SELECT mask FROM lakehouse.cdc_masks WHERE relation = 'root'::regclass;

SELECT pg_drop_replication_slot('regress_cdc');
DELETE FROM lakehouse.cdc_masks;
DROP SCHEMA cdc CASCADE;
DROP OWNED BY regress_cdc_admin;
DROP ROLE regress_cdc_admin;
