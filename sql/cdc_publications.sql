-- Change streams through publications: tables, operations, rows, columns, partitions.
\i sql/include/cdc.psql
CREATE SCHEMA cdc;
CREATE SCHEMA cdc2;
SET search_path = cdc;
CREATE TABLE a (id int PRIMARY KEY, v int, t text);
CREATE TABLE b (id int PRIMARY KEY, v int);
CREATE TABLE cdc2.c (id int PRIMARY KEY);
CREATE PUBLICATION cdc_a FOR TABLE a;
CREATE PUBLICATION cdc_schema FOR TABLES IN SCHEMA cdc2;
CREATE PUBLICATION cdc_insert FOR TABLE a, b WITH (publish = 'insert');
CREATE PUBLICATION cdc_all FOR ALL TABLES WITH (publish = 'update, delete, truncate');
SELECT pg_temp.new_slot();
CREATE FUNCTION pg_temp.peek(VARIADIC options text[]) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT concat_ws(' ', d->>'op', d->>'table', d->>'key', d->>'old', d->>'new') FROM pg_logical_slot_peek_changes('regress_cdc', NULL, NULL,
		VARIADIC ARRAY['format', 'json', 'schema.events', 'off'] || options) AS c, CAST(c.data AS jsonb) AS d
$$;

-- ---- tables and operations

INSERT INTO a VALUES (1, 1); INSERT INTO b VALUES (1, 1); INSERT INTO cdc2.c VALUES (1);
UPDATE a SET v = 2; DELETE FROM b; TRUNCATE a, cdc2.c;
SELECT * FROM pg_temp.peek('publication_names', 'cdc_a');
SELECT * FROM pg_temp.peek('publication_names', 'cdc_schema');
SELECT * FROM pg_temp.peek('publication_names', 'cdc_insert');
SELECT * FROM pg_temp.peek('publication_names', 'cdc_all');
SELECT * FROM pg_temp.peek('publication_names', 'cdc_schema, cdc_insert');
SELECT pg_temp.skip();
-- one that did not exist when the row was written publishes nothing of it
INSERT INTO b VALUES (2, 2);
CREATE PUBLICATION cdc_late FOR TABLE b;
INSERT INTO b VALUES (3, 3);
SELECT * FROM pg_temp.peek('publication_names', 'cdc_late');
SELECT pg_temp.skip();

-- ---- rows: of an update the old row, the new one, both or none may pass

CREATE TABLE f (id int PRIMARY KEY, v int, t text);
ALTER TABLE f ALTER t SET STORAGE EXTERNAL;
ALTER TABLE f REPLICA IDENTITY FULL;
CREATE PUBLICATION cdc_f FOR TABLE f WHERE (v > 10);
CREATE PUBLICATION cdc_g FOR TABLE f WHERE (v < -10);
CREATE PUBLICATION cdc_f_all FOR TABLE f WITH (publish = 'delete');
INSERT INTO f VALUES (1, 5), (2, 15), (3, -15), (4, NULL);
UPDATE f SET v = 6 WHERE id = 1;
UPDATE f SET v = 16 WHERE id = 1;
UPDATE f SET v = 17 WHERE id = 1;
UPDATE f SET v = 7 WHERE id = 1;
DELETE FROM f;
SELECT * FROM pg_temp.peek('publication_names', 'cdc_f');
SELECT * FROM pg_temp.peek('publication_names', 'cdc_f,cdc_g');
SELECT * FROM pg_temp.peek('publication_names', 'cdc_f,cdc_f_all');
SELECT pg_temp.skip();
-- what becomes an insert is whole, though a large value was not touched
INSERT INTO f VALUES (5, 5, repeat('x', 3000));
UPDATE f SET v = 50 WHERE id = 5;
SELECT replace(p, repeat('x', 3000), '3000 x') FROM pg_temp.peek('publication_names', 'cdc_f') p;
SELECT pg_temp.skip();
-- conditions on the key, which an update that leaves it alone does not log
CREATE TABLE k (id int PRIMARY KEY, v int);
CREATE PUBLICATION cdc_k FOR TABLE k WHERE (id > 10);
INSERT INTO k VALUES (5, 0), (15, 0);
UPDATE k SET v = 1;
UPDATE k SET id = 16 WHERE id = 5;
UPDATE k SET id = 6 WHERE id = 15;
DELETE FROM k;
SELECT * FROM pg_temp.peek('publication_names', 'cdc_k');
SELECT pg_temp.skip();

-- ---- columns

CREATE TABLE cols (id int, secret text, v int, gone int, PRIMARY KEY (id));
ALTER TABLE cols DROP gone;
CREATE PUBLICATION cdc_cols FOR TABLE cols (v, id);
CREATE PUBLICATION cdc_other FOR TABLE cols (id);
INSERT INTO cols VALUES (1, 'secret', 10);
UPDATE cols SET id = 2;
DELETE FROM cols;
SELECT * FROM pg_temp.peek('publication_names', 'cdc_cols');
\set VERBOSITY terse
SELECT * FROM pg_temp.peek('publication_names', 'cdc_cols,cdc_other');
SELECT * FROM pg_temp.peek('publication_names', 'cdc_cols,cdc_all');
\set VERBOSITY default
SELECT pg_temp.skip();

-- ---- partitions, whose columns stand in another order

CREATE TABLE root (id int, v int, t text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE leaf1 PARTITION OF root FOR VALUES FROM (0) TO (100);
CREATE TABLE leaf2 (x int, t text, v int, id int NOT NULL, PRIMARY KEY (id));
ALTER TABLE leaf2 DROP x;
ALTER TABLE root ATTACH PARTITION leaf2 FOR VALUES FROM (100) TO (200);
CREATE PUBLICATION cdc_leaves FOR TABLE root;
CREATE PUBLICATION cdc_leaf FOR TABLE leaf2;
CREATE PUBLICATION cdc_root FOR TABLE root (id, t) WHERE (id <> 150) WITH (publish_via_partition_root);
INSERT INTO root VALUES (1, 10, 'one'), (101, 20, 'two'), (150, 30, 'three');
UPDATE root SET v = 21 WHERE id = 101;
UPDATE root SET id = 102 WHERE id = 101;
UPDATE root SET id = 2 WHERE id = 102;
DELETE FROM root;
TRUNCATE root;
SELECT * FROM pg_temp.peek('publication_names', 'cdc_leaves');
SELECT * FROM pg_temp.peek('publication_names', 'cdc_leaf');
SELECT * FROM pg_temp.peek('publication_names', 'cdc_root');
SELECT * FROM pg_temp.peek('publication_names', 'cdc_root,cdc_leaf');
-- without publications each relation goes out under its own name
SELECT * FROM pg_temp.peek('filter-tables', 'cdc.leaf1');
-- one schema, whichever partition comes first, and a new one after a column came
CREATE PUBLICATION cdc_whole FOR TABLE root WITH (publish_via_partition_root);
INSERT INTO root VALUES (3, 1, 'x'), (103, 1, 'x');
ALTER TABLE root ADD n int DEFAULT 7;
INSERT INTO root VALUES (104, 1, 'x'), (4, 1, 'x');
SELECT d->>'op', d->>'table', d->>'generation', jsonb_path_query_array(d, '$.columns[*].name'), d->'new' FROM pg_logical_slot_get_changes('regress_cdc',
	NULL, NULL, 'format', 'json', 'publication_names', 'cdc_whole', 'actions', 'insert') c, CAST(c.data AS jsonb) d;

SELECT pg_temp.skip();
-- the schema event waits for the first row that passes, whatever makes plans anew before it
CREATE TABLE w (id int PRIMARY KEY, v int) PARTITION BY RANGE (id);
CREATE TABLE w1 PARTITION OF w FOR VALUES FROM (0) TO (100);
CREATE TABLE w2 PARTITION OF w FOR VALUES FROM (100) TO (200);
CREATE PUBLICATION cdc_w FOR TABLE w WHERE (id > 100) WITH (publish_via_partition_root);
INSERT INTO w VALUES (1, 1), (101, 2);
SELECT d->>'op', d->>'table', d->'new' FROM pg_logical_slot_peek_changes('regress_cdc', NULL, NULL, 'format', 'json', 'publication_names', 'cdc_w') c,
	CAST(c.data AS jsonb) d;
SELECT pg_temp.skip();
INSERT INTO w VALUES (2, 1);
ANALYZE w1;
INSERT INTO w VALUES (3, 1), (102, 2);
SELECT d->>'op', d->>'table', d->'new' FROM pg_logical_slot_peek_changes('regress_cdc', NULL, NULL, 'format', 'json', 'publication_names', 'cdc_w') c,
	CAST(c.data AS jsonb) d;
SELECT pg_temp.skip();
-- ALL TABLES has no materialized views
CREATE MATERIALIZED VIEW m AS SELECT id FROM k;
CREATE UNIQUE INDEX ON m (id);
INSERT INTO k VALUES (77, 0);
CREATE PUBLICATION cdc_every FOR ALL TABLES;
SELECT pg_temp.skip();
INSERT INTO k VALUES (78, 0);
REFRESH MATERIALIZED VIEW CONCURRENTLY m;
SELECT d->>'op', d->>'table' FROM pg_logical_slot_peek_changes('regress_cdc', NULL, NULL, 'format', 'json', 'publication_names', 'cdc_every',
	'schema.events', 'off') c, CAST(c.data AS jsonb) d;

DROP PUBLICATION cdc_w, cdc_every;
DROP PUBLICATION cdc_a, cdc_schema, cdc_insert, cdc_all, cdc_late, cdc_f, cdc_g, cdc_f_all, cdc_k, cdc_cols, cdc_other, cdc_leaves, cdc_leaf, cdc_root, cdc_whole;
SELECT pg_temp.skip();
SELECT pg_drop_replication_slot('regress_cdc');
DROP SCHEMA cdc, cdc2 CASCADE;
