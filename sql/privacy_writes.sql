-- Option "writes" of policies: masked columns of a table that is written to.  Raw values begin with "raw"; whoever is masked never sees one.
SET client_min_messages = warning;
CREATE ROLE pw_owner;
CREATE ROLE pw_clerk;
CREATE SCHEMA pw AUTHORIZATION pw_owner;
GRANT USAGE ON SCHEMA pw, lakehouse TO PUBLIC;
SET search_path = pw;
SET ROLE pw_owner;
CREATE TABLE person (id int PRIMARY KEY, ssn text UNIQUE, name text, city text, pay int);
INSERT INTO person SELECT i, 'raw-ssn-' || i, 'raw-name-' || i, 'Ulm', i * 100 FROM generate_series(1, 9) i;
CREATE TABLE extra (id int, city text);
INSERT INTO extra VALUES (1, 'Bonn'), (2, 'Bern');
CREATE TABLE parted (id int, ssn text, city text) PARTITION BY LIST (city);
CREATE TABLE parted_u (city text, ssn text, id int);
ALTER TABLE parted ATTACH PARTITION parted_u FOR VALUES IN ('Ulm');
CREATE TABLE parted_o PARTITION OF parted DEFAULT;
INSERT INTO parted SELECT id, ssn, city FROM person;
GRANT INSERT, UPDATE, DELETE ON person, parted TO pw_clerk;
GRANT SELECT ON extra TO pw_clerk;
GRANT SELECT (id, city) ON person, parted, parted_u TO pw_clerk;
GRANT UPDATE ON parted_u TO pw_clerk;
-- what anybody may make
RESET ROLE;
GRANT CREATE ON SCHEMA pw TO pw_clerk;
SELECT lakehouse.policy_create('w', 'person', ARRAY['ssn', $$lakehouse.mask_partial(ssn, 0, 'X', 2)$$, 'name', 'NULL', 'id', 'id', 'city', 'city', 'pay', $$lakehouse.mask_floor(pay, 500)$$], for_roles => '{pw_clerk}');
SELECT lakehouse.policy_create('wp', 'parted', ARRAY['ssn', $$lakehouse.mask_partial(ssn, 0, 'X', 2)$$, 'id', 'id', 'city', 'city'], for_roles => '{pw_clerk}', options => '{"writes": "allow"}');
RESET client_min_messages;
SET ROLE pw_clerk;
CREATE FUNCTION spy(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$ BEGIN IF $1 LIKE 'raw%' THEN RAISE NOTICE 'SPY %', $1; END IF; RETURN true; END $$;

-- ---- denied, as long as the policy does not say so

UPDATE person SET ssn = 'mine' WHERE id = 1;
UPDATE person SET city = 'x' WHERE ssn LIKE '%-1';
DELETE FROM person WHERE id = 1 RETURNING ssn;
RESET ROLE;
SELECT lakehouse.policy_alter('w', options => '{"writes": "perhaps"}');
SELECT lakehouse.policy_alter('w', options => '{"writes": true}');
SELECT lakehouse.policy_alter('w', options => '{"writes": "deny"}');
SET ROLE pw_clerk;
UPDATE person SET ssn = 'mine' WHERE id = 1;
PREPARE blind AS UPDATE person SET ssn = 'blind-1' WHERE id = 1;
PREPARE masked AS UPDATE person SET city = 'Bonn' WHERE ssn LIKE 'X%-1' RETURNING id, ssn, name, pay;
RESET ROLE;
SELECT lakehouse.policy_alter('w', options => '{"writes": "allow"}');
SELECT options FROM lakehouse.policy_list() WHERE name = 'w';

-- ---- allowed: written blindly, read masked

SET ROLE pw_clerk;
EXECUTE blind;
EXECUTE masked;
UPDATE person SET ssn = 'raw-ssn-1', name = 'raw-new' WHERE id = 1 RETURNING id, ssn, name, city, pay, length(ssn), ssn || '!' AS more;
INSERT INTO person (id, ssn, name, pay) VALUES (20, 'raw-own-20', 'raw-own', 777) RETURNING id, ssn, name, pay;
-- raw values are not found, masked ones are
UPDATE person SET city = 'x' WHERE ssn = 'raw-ssn-2' RETURNING id;
DELETE FROM person WHERE ssn LIKE 'raw%' OR name IS NOT NULL OR pay = 700 RETURNING id;
UPDATE person SET city = 'y' WHERE spy(ssn) AND spy(name) AND pay = 500 RETURNING id, pay;
DELETE FROM person WHERE ssn LIKE 'X%' AND id = 20 RETURNING ssn, name;
EXPLAIN (VERBOSE, COSTS off) UPDATE person SET city = 'z' WHERE ssn = 'raw-ssn-3' RETURNING ssn;
-- partitions: their columns are in another order, and a row that moves goes on masked
UPDATE parted SET city = 'Bonn' WHERE ssn LIKE 'X%-3' RETURNING id, ssn, city;
DELETE FROM parted WHERE ssn LIKE 'X%-4' RETURNING id, ssn;
UPDATE parted_u SET ssn = 'raw-again-5' WHERE ssn LIKE 'X%-5' RETURNING id, ssn;
-- no word about values in errors
UPDATE person SET ssn = 'raw-ssn-3' WHERE id = 2;
INSERT INTO person (id, ssn) VALUES (3, 'other');

-- ---- what is not read: whole rows, what is assigned, joins, sub-selects, ON CONFLICT, MERGE

UPDATE person SET city = ssn WHERE id = 2;
UPDATE person SET ssn = ssn WHERE id = 2;
UPDATE person SET (city, ssn) = (SELECT 'a', ssn) WHERE id = 2;
UPDATE person p SET city = 'x' WHERE id = 2 RETURNING p;
UPDATE person SET city = 'x' WHERE id = 2 RETURNING *;
UPDATE person p SET city = 'x' WHERE spy(p::text);
UPDATE person p SET city = e.city FROM extra e WHERE e.id = p.id AND p.ssn LIKE 'X%';
DELETE FROM person p USING extra e WHERE e.city = p.ssn;
UPDATE person SET city = 'x' WHERE ssn IN (SELECT city FROM extra);
UPDATE person SET city = 'x' WHERE ssn LIKE 'X%' AND id IN (SELECT id FROM extra);
UPDATE person p SET city = 'x' WHERE EXISTS (SELECT FROM extra e WHERE e.city = p.ssn);
UPDATE person p SET city = 'x' WHERE id = 2 RETURNING (SELECT p.ssn);
INSERT INTO person (id, ssn) VALUES (2, 'raw-z') ON CONFLICT (id) DO UPDATE SET city = person.ssn;
INSERT INTO person (id, ssn) VALUES (2, 'raw-z') ON CONFLICT (ssn) DO NOTHING;
INSERT INTO person (id, ssn) VALUES (2, 'raw-z') ON CONFLICT (id) DO NOTHING RETURNING ssn;
INSERT INTO person (id, ssn) VALUES (2, 'raw-z') ON CONFLICT ON CONSTRAINT person_ssn_key DO NOTHING;
MERGE INTO person p USING extra e ON e.id = p.id AND p.ssn LIKE 'X%' WHEN MATCHED THEN DELETE;
MERGE INTO person p USING extra e ON e.id = p.id WHEN MATCHED AND p.ssn LIKE 'X%' THEN DELETE;
-- but written by these; what was proposed is one's own
INSERT INTO person (id, ssn) VALUES (2, 'raw-z') ON CONFLICT (id) DO UPDATE SET city = EXCLUDED.ssn;
INSERT INTO person (id, ssn) VALUES (2, 'raw-upserted') ON CONFLICT (id) DO UPDATE SET ssn = EXCLUDED.ssn RETURNING id;
MERGE INTO person p USING extra e ON e.id = p.id WHEN MATCHED THEN UPDATE SET ssn = 'raw-merged-' || e.id;
UPDATE person p SET ssn = 'raw-joined-' || e.id FROM extra e WHERE e.id = p.id AND e.id = 1 RETURNING p.id, p.ssn, e.city;

-- ---- views of the masked role over the table: their conditions get masks as well, and are no way round

CREATE VIEW mine AS SELECT * FROM person WHERE spy(ssn);
CREATE VIEW barrier WITH (security_barrier) AS SELECT * FROM person WHERE spy(ssn);
CREATE VIEW checked AS SELECT * FROM person WHERE spy(ssn) WITH CHECK OPTION;
UPDATE mine SET city = 'v' WHERE id = 2 RETURNING id, ssn;
UPDATE barrier SET city = 'v' WHERE id = 2;
DELETE FROM barrier WHERE id = 2;
UPDATE checked SET city = 'v' WHERE id = 2;
DROP VIEW mine, barrier, checked;

-- ---- core's privileges stay beneath

RESET ROLE;
REVOKE UPDATE ON person FROM pw_clerk;
GRANT UPDATE (city) ON person TO pw_clerk;
SET ROLE pw_clerk;
UPDATE person SET ssn = 'x' WHERE id = 2;
UPDATE person SET city = 'w' WHERE ssn LIKE 'X%' AND id = 2 RETURNING ssn;
RESET ROLE;
GRANT UPDATE ON person TO pw_clerk;
ALTER TABLE person ADD COLUMN later text;
SET ROLE pw_clerk;
UPDATE person SET city = 'w' WHERE ssn LIKE 'X%' AND later IS NULL;
RESET ROLE;

-- ---- row security on a masked column is core's; a filter hides rows; of several policies all have to allow it

SET client_min_messages = warning;
ALTER TABLE person ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON person USING (ssn LIKE 'raw%');
SET ROLE pw_clerk;
UPDATE person SET ssn = 'raw-rls' WHERE id = 3;
UPDATE person SET city = 'w' WHERE id = 3 RETURNING ssn;
RESET ROLE;
ALTER TABLE person DISABLE ROW LEVEL SECURITY;
SELECT lakehouse.policy_alter('w', row_filter => 'id > 5');
GRANT SELECT (id, city) ON person TO pw_clerk;
SET ROLE pw_clerk;
UPDATE person SET ssn = 'raw-f-' || id WHERE ssn LIKE 'X%' AND spy(ssn) RETURNING id, ssn;
RESET ROLE;
SELECT lakehouse.policy_create('w2', 'person', ARRAY['ssn', $$lakehouse.mask_partial(ssn, 1, 'X', 3)$$], for_roles => '{pw_clerk}');
SET ROLE pw_clerk;
UPDATE person SET ssn = 'x' WHERE id = 6;
UPDATE person SET city = 'x' WHERE ssn LIKE 'X%';
UPDATE person SET city = 'x', name = 'raw-n' WHERE name IS NULL AND pay = 500 AND id = 6 RETURNING id, name, pay;
EXECUTE blind;
RESET ROLE;
SELECT "column", access FROM lakehouse.policy_explain('pw_clerk', 'UPDATE pw.person SET city = ''x'' WHERE name = ''a'' RETURNING ssn');
SELECT id, ssn, name, city FROM person ORDER BY id;
SELECT id, ssn, city FROM parted ORDER BY id;

SELECT count(lakehouse.policy_drop(name)) FROM lakehouse.policy_list();
DROP SCHEMA pw CASCADE;
DROP OWNED BY pw_owner, pw_clerk;
DROP ROLE pw_owner, pw_clerk;
