-- What came with PostgreSQL 18, under policies: RETURNING old and new, virtual generated columns, temporal keys, constraints that are not
-- enforced, COPY of materialized views, self-joins that go away, statistics that are restored.  Raw values begin with "raw".
SELECT current_setting('server_version_num')::int < 180000 AS older \gset
\if :older
\echo not run: it takes PostgreSQL 18 or later
\quit
\endif
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE n18_owner;
CREATE ROLE n18_masked;
CREATE SCHEMA n18;
CREATE SCHEMA n18_mine AUTHORIZATION n18_masked;
GRANT ALL ON SCHEMA n18 TO n18_owner;
GRANT USAGE ON SCHEMA n18, lakehouse TO PUBLIC;
SET search_path = n18;
SET ROLE n18_owner;
CREATE TABLE person (id int PRIMARY KEY, city text, ssn text, pay int,
	upper_ssn text GENERATED ALWAYS AS (upper(ssn)) VIRTUAL, double_pay int GENERATED ALWAYS AS (pay * 2),
	plain text GENERATED ALWAYS AS ('in ' || city), shown text GENERATED ALWAYS AS ('of ' || left(ssn, 3)));
INSERT INTO person SELECT i, 'c' || i % 3, 'raw-' || 1000 + i * 7 % 20, 77000 + i FROM generate_series(1, 20) i;
CREATE INDEX by_city ON person (city, ssn);
CREATE INDEX by_ssn ON person (ssn, city);
CREATE INDEX by_upper ON person (upper(ssn));
CREATE TABLE visible (id int PRIMARY KEY, word text, large text GENERATED ALWAYS AS (upper(word)));
INSERT INTO visible VALUES (1, 'open'), (2, 'raw-hidden');
RESET ROLE;
ANALYZE person;
SELECT lakehouse.policy_create('n18_person', 'person', ARRAY['ssn', $$lakehouse.mask_partial(ssn, 0, 'X', 1)$$, 'pay', 'NULL',
	'upper_ssn', $$lakehouse.mask_partial(upper_ssn, 0, 'Y', 1)$$, 'double_pay', 'lakehouse.mask_constant(double_pay, 0)'],
	for_roles => '{n18_masked}', options => '{"writes": "allow"}');
SELECT lakehouse.policy_create('n18_visible', 'visible', row_filter => $$large IS DISTINCT FROM 'RAW-HIDDEN'$$, for_roles => '{n18_masked}');
GRANT SELECT (id, city, plain, shown), INSERT, UPDATE, DELETE ON person TO n18_masked;
GRANT SELECT, INSERT, UPDATE, DELETE ON visible TO n18_masked;

-- ---- virtual generated columns: with a mask, without, of a filter
SET ROLE n18_masked;
SELECT * FROM person WHERE id < 3 ORDER BY id;
SELECT p FROM person p WHERE id = 1;
SELECT id FROM person WHERE upper_ssn LIKE '%RAW%' OR upper_ssn = 'RAW-1007' OR upper(ssn) = 'RAW-1007' OR double_pay > 0;
SELECT * FROM visible;
EXPLAIN (COSTS OFF) SELECT id FROM person WHERE upper_ssn = 'RAW-1007';
-- what shows something of a masked column by its definition is computed at the scan as well
SET enable_nestloop = off; SET enable_mergejoin = off;
EXPLAIN (VERBOSE, COSTS OFF) SELECT a.shown, b.upper_ssn FROM person a JOIN person b ON a.city = b.city ORDER BY b.id;
SELECT a.shown, b.upper_ssn FROM person a JOIN person b ON a.city = b.city WHERE a.id = 1 ORDER BY b.id LIMIT 2;
SELECT count(*) FROM person a JOIN person b ON a.shown = b.shown AND a.upper_ssn = b.upper_ssn;
SELECT shown, count(*) FROM person GROUP BY shown;
SELECT upper_ssn, ssn, count(*) FROM person GROUP BY ROLLUP (upper_ssn, ssn) HAVING upper_ssn >= 'Y8' ORDER BY 1, 2;
SELECT DISTINCT shown, plain FROM person ORDER BY plain;
RESET enable_nestloop; RESET enable_mergejoin;
RESET ROLE;
SET lakehouse.mask_plans = 'subquery';
SET ROLE n18_masked;
SELECT a.shown, b.upper_ssn FROM person a JOIN person b ON a.city = b.city WHERE a.id = 1 ORDER BY b.id LIMIT 2;
RESET ROLE;
RESET lakehouse.mask_plans;
-- the owner does not come to values by expressions
SELECT lakehouse.policy_alter('n18_person', for_roles => '{n18_masked, n18_owner}');
SET ROLE n18_owner;
SELECT ssn, upper_ssn FROM person WHERE id = 1;
ALTER TABLE person ALTER COLUMN plain SET EXPRESSION AS (ssn);
ALTER TABLE person ADD COLUMN raw text GENERATED ALWAYS AS (ssn);
ALTER TABLE person ADD COLUMN raw text GENERATED ALWAYS AS (ssn) VIRTUAL;
CREATE TABLE child (shown text GENERATED ALWAYS AS (ssn) VIRTUAL) INHERITS (person);
ALTER TABLE person ALTER COLUMN upper_ssn DROP EXPRESSION;
RESET ROLE;

-- ---- RETURNING old and new
SET ROLE n18_masked;
UPDATE person SET pay = 5 WHERE id = 1 RETURNING old.ssn, new.ssn, old.pay, new.pay, old.upper_ssn, new.upper_ssn, old.double_pay, old.shown, old.city;
UPDATE person SET ssn = 'mine-9' WHERE id = 2 RETURNING WITH (OLD AS o, NEW AS n) o.ssn, n.ssn, o.upper_ssn, n.upper_ssn, ssn;
UPDATE person SET city = 'x' WHERE id = 2 RETURNING old.*, new.*;
UPDATE person SET city = 'x' WHERE id = 2 RETURNING old;
UPDATE person SET city = 'x' WHERE id = 2 RETURNING row_to_json(new);
UPDATE person SET city = 'x' WHERE id = 2 RETURNING (SELECT old.ssn);
UPDATE person SET city = 'x' WHERE id = 2 RETURNING (SELECT count(*) FROM visible WHERE word = new.ssn);
UPDATE person SET city = 'x' WHERE id = 2 RETURNING length(old.ssn), old.ssn = 'raw-1014', old.ssn || new.ssn;
DELETE FROM person WHERE id = 20 RETURNING old.ssn, new.ssn, old.*;
INSERT INTO person (id, city, ssn) VALUES (30, 'z', 'mine-8') RETURNING old.ssn, new.ssn, old.*, new.upper_ssn;
INSERT INTO person (id, city, ssn) VALUES (3, 'z', 'mine-8') ON CONFLICT (id) DO UPDATE SET city = 'y' RETURNING old.ssn;
INSERT INTO person (id, city, ssn) VALUES (3, 'z', 'mine-8') ON CONFLICT (id) DO UPDATE SET city = 'y' RETURNING old.city, new.city;
MERGE INTO person p USING (VALUES (4)) s(i) ON p.id = s.i WHEN MATCHED THEN UPDATE SET city = 'm' RETURNING old.ssn, new.ssn;
MERGE INTO person p USING (VALUES (4)) s(i) ON p.id = s.i WHEN MATCHED THEN UPDATE SET city = 'm' RETURNING merge_action(), old.city, new.city;
MERGE INTO visible v USING (VALUES (2)) s(i) ON v.id = s.i WHEN MATCHED THEN UPDATE SET word = 'x' WHEN NOT MATCHED BY SOURCE THEN UPDATE SET word = 'mine' RETURNING merge_action(), old, new;
UPDATE visible SET word = 'mine' RETURNING old, new;
CREATE VIEW n18_mine.person AS SELECT id, city, ssn FROM n18.person;
UPDATE n18_mine.person SET city = 'k' WHERE id = 5 RETURNING old.ssn, new.ssn, old.city;
UPDATE n18_mine.person SET city = 'k' WHERE id = 5 RETURNING old, new;
INSERT INTO n18_mine.person VALUES (31, 'z', 'mine-7') RETURNING old, new;
DELETE FROM n18_mine.person WHERE id = 6 RETURNING old, new, old.ssn;
-- ---- scans that skip come by bitmap, self-joins go away with their masks
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT city FROM person WHERE city = 'c1';
EXPLAIN (COSTS OFF) SELECT id FROM person WHERE city IN ('c1', 'c2') ORDER BY city;
RESET enable_seqscan;
EXPLAIN (VERBOSE, COSTS OFF) SELECT a.ssn, b.pay, b.upper_ssn, b.shown FROM person a JOIN person b ON a.id = b.id WHERE a.ssn LIKE '%8';
SELECT a.ssn, b.pay, b.upper_ssn, b.shown FROM person a JOIN person b ON a.id = b.id WHERE a.ssn LIKE '%8' ORDER BY a.id;
EXPLAIN (VERBOSE, COSTS OFF) SELECT a.ssn FROM person a WHERE a.id IN (SELECT b.id FROM person b WHERE b.ssn LIKE '%7');
EXPLAIN (COSTS OFF) SELECT v.word FROM visible v JOIN visible w ON v.id = w.id;
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) SELECT id FROM person WHERE city = 'c1' AND id > 10;
RESET ROLE;

-- ---- COPY of a materialized view
SELECT lakehouse.policy_alter('n18_person', for_roles => '{n18_masked}');
SET ROLE n18_owner;
CREATE MATERIALIZED VIEW held AS SELECT * FROM person WHERE id IN (7, 8);
GRANT SELECT (id) ON held TO n18_masked;
SET ROLE n18_masked;
COPY held TO stdout;
COPY held (ssn, upper_ssn) TO stdout;
COPY person (id, ssn) TO stdout WHERE id = 7;
COPY person (upper_ssn) TO stdout;
COPY (SELECT upper_ssn FROM person WHERE id = 7) TO stdout;
RESET ROLE;
SELECT lakehouse.policy_alter('n18_person', for_roles => '{n18_masked, n18_owner}');

-- ---- temporal keys
SET ROLE n18_owner;
CREATE TABLE stay (room int4range, at daterange, guest int4range, PRIMARY KEY (room, at WITHOUT OVERLAPS));
INSERT INTO stay VALUES ('[1,2)', '[2001-01-01,2001-02-01)', '[7700,7701)'), ('[1,2)', '[2001-03-01,2001-04-01)', '[7701,7702)');
CREATE TABLE bill (id int, room int4range, at daterange, FOREIGN KEY (room, PERIOD at) REFERENCES stay (room, PERIOD at));
CREATE TABLE loose (ssn text UNIQUE);
CREATE TABLE guess (ssn text CONSTRAINT g REFERENCES loose (ssn) NOT ENFORCED);
CREATE TABLE kept (id int, ssn text CONSTRAINT k REFERENCES loose (ssn) NOT ENFORCED);
INSERT INTO loose VALUES ('raw-1');
INSERT INTO kept VALUES (1, 'raw-2');
RESET ROLE;
SELECT lakehouse.policy_create('n18_stay', 'stay', ARRAY['at', 'NULL', 'guest', 'NULL'], for_roles => '{n18_masked, n18_owner}');
SELECT lakehouse.policy_create('n18_loose', 'loose', ARRAY['ssn', 'NULL'], for_roles => '{n18_owner}');
SELECT lakehouse.policy_create('n18_kept', 'kept', ARRAY['ssn', 'NULL'], for_roles => '{n18_owner}');
GRANT SELECT (room), INSERT, DELETE ON stay TO n18_masked;
GRANT SELECT, INSERT, UPDATE ON bill TO n18_masked;
\set VERBOSITY default
SET ROLE n18_masked;
INSERT INTO stay VALUES ('[1,2)', '[2001-01-20,2001-01-21)', NULL);
INSERT INTO bill VALUES (1, '[1,2)', '[2001-01-02,2001-01-05)');
INSERT INTO bill VALUES (1, '[1,2)', '[2001-02-02,2001-02-05)');
DELETE FROM stay WHERE room = '[1,2)';
SELECT * FROM stay ORDER BY 1;
SET ROLE n18_owner;
INSERT INTO stay VALUES ('[1,2)', '[2001-01-20,2001-01-21)', NULL);
DELETE FROM stay;
\set VERBOSITY terse
CREATE TABLE asks (room int4range, at daterange, FOREIGN KEY (room, PERIOD at) REFERENCES stay);
CREATE TABLE asks (room int4range, at daterange);
ALTER TABLE asks ADD FOREIGN KEY (room, PERIOD at) REFERENCES stay (room, PERIOD at);
ALTER TABLE stay ADD UNIQUE (guest, at WITHOUT OVERLAPS);
-- ---- constraints that are not enforced, or become so
CREATE TABLE asks2 (ssn text REFERENCES loose (ssn) NOT ENFORCED);
ALTER TABLE loose ADD CHECK (ssn <> 'raw-1') NOT ENFORCED;
ALTER TABLE guess ALTER CONSTRAINT g ENFORCED;
ALTER TABLE kept ALTER CONSTRAINT k ENFORCED;
ALTER TABLE guess ALTER CONSTRAINT g DEFERRABLE;
ALTER TABLE guess ALTER CONSTRAINT nothing ENFORCED;
ALTER TABLE kept ADD CONSTRAINT n NOT NULL ssn NOT VALID;
INSERT INTO kept VALUES (1, NULL);
CREATE TABLE alike (LIKE kept INCLUDING ALL);
SELECT * FROM alike;
-- ---- statistics: none to be seen, whoever restored them
SELECT pg_restore_attribute_stats('schemaname', 'n18', 'relname', 'loose', 'attname', 'ssn', 'inherited', false, 'null_frac', 0::real, 'avg_width', 4,
	'n_distinct', -1::real, 'histogram_bounds', '{a,raw-1,z}'::text);
SELECT attname, histogram_bounds FROM pg_stats WHERE tablename IN ('loose', 'kept', 'person', 'stay');
RESET ROLE;

-- ---- change streams have no virtual columns: what reads them is closed, and masks of them are none of its business
CREATE ROLE n18_stream REPLICATION;
GRANT USAGE ON SCHEMA n18 TO n18_stream;
SELECT slot_name FROM pg_create_logical_replication_slot('n18_slot', 'lakehouse');
SELECT lakehouse.policy_drop('n18_visible');
SELECT lakehouse.policy_create('n18_visible', 'visible', row_filter => $$large IS DISTINCT FROM 'RAW-HIDDEN'$$, for_roles => '{n18_stream}');
SELECT lakehouse.policy_create('n18_streamed', 'person', ARRAY['ssn', $$lakehouse.mask_partial(ssn, 0, 'X', 1)$$, 'pay', 'NULL',
	'upper_ssn', $$lakehouse.mask_partial(upper_ssn, 0, 'Y', 1)$$], for_roles => '{n18_stream}');
INSERT INTO person (id, city, ssn) VALUES (40, 'z', 'raw-40');
INSERT INTO visible (id, word) VALUES (3, 'raw-hidden');
SET ROLE n18_stream;
SELECT data::jsonb->'new' FROM pg_logical_slot_peek_changes('n18_slot', NULL, NULL, 'format', 'json', 'schema.events', 'off', 'table.include.list', 'n18.person') WHERE data::jsonb ? 'new';
SELECT data FROM pg_logical_slot_peek_changes('n18_slot', NULL, NULL, 'format', 'json', 'schema.events', 'off', 'table.include.list', 'n18.visible');
SELECT count(*) FROM pg_logical_slot_peek_changes('n18_slot', NULL, NULL, 'format', 'json', 'schema.events', 'off', 'table.include.list', 'n18.visible') WHERE data LIKE '%raw-hidden%';
RESET ROLE;
SELECT lakehouse.policy_create('n18_closed', 'person', ARRAY['ssn', $$CASE WHEN upper_ssn LIKE 'RAW%' THEN 'masked' ELSE ssn END$$], for_roles => '{n18_stream}');
SELECT lakehouse.policy_drop('n18_streamed');
SET ROLE n18_stream;
SELECT data FROM pg_logical_slot_peek_changes('n18_slot', NULL, NULL, 'format', 'json', 'schema.events', 'off', 'table.include.list', 'n18.person');
RESET ROLE;
SELECT pg_drop_replication_slot('n18_slot');

SET client_min_messages = error;
SELECT count(lakehouse.policy_drop(name)) FROM lakehouse.policy_list() WHERE name LIKE 'n18%' AND name NOT LIKE '%/%';
DROP SCHEMA n18, n18_mine CASCADE;
DROP OWNED BY n18_owner, n18_masked, n18_stream;
DROP ROLE n18_owner, n18_masked, n18_stream;
