-- DDL that would take a policy away or show what it keeps, tried by the owner of the tables, who has no right to
-- policies.  Each is refused (test/privacy/README.md).
\getenv fixtures LAKEHOUSE_FIXTURES
\set attacks :fixtures '/../privacy/'
\set setup :attacks 'setup.sql'
\set policies :attacks 'policies.sql'
\set teardown :attacks 'teardown.sql'
\set ECHO none
\i :setup
\set ECHO all
\i :policies
SELECT lakehouse.tag('attack.person', 'ssn', 'pii');
\set VERBOSITY terse
SET client_min_messages = warning;
SET ROLE attack_owner;
CREATE FUNCTION attack.leak() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE NOTICE ''%'', OLD; RETURN NULL; END';
CREATE FUNCTION attack.leak(text) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RAISE NOTICE ''%'', $1; RETURN true; END';
CREATE TABLE attack.stranger (id int, secret text);
CREATE TABLE attack.parted_9 (id int, region int, secret text);
CREATE TYPE attack.base_type AS (id int, secret text);
-- 1. triggers: OLD is raw
CREATE TRIGGER t AFTER UPDATE ON attack.person FOR EACH ROW EXECUTE FUNCTION attack.leak();
CREATE TRIGGER t AFTER UPDATE ON attack.parted_1 FOR EACH ROW EXECUTE FUNCTION attack.leak();
ALTER TABLE attack.person ENABLE TRIGGER USER;
-- 2. rules
CREATE RULE r AS ON UPDATE TO attack.person DO ALSO INSERT INTO attack.stranger VALUES (1, OLD.ssn);
-- 3. row security policies are given raw rows
CREATE POLICY p ON attack.person USING (attack.leak(ssn));
ALTER TABLE attack.person DISABLE ROW LEVEL SECURITY;
-- 4. expressions over rows: CHECK, generated column, conversion, index, statistics
ALTER TABLE attack.person ADD CHECK (attack.leak(ssn));
ALTER TABLE attack.person ADD COLUMN shown text GENERATED ALWAYS AS (ssn) STORED;
ALTER TABLE attack.person ADD COLUMN shown text CHECK (attack.leak(ssn));
ALTER TABLE attack.person ALTER COLUMN city TYPE text USING ssn;
CREATE INDEX ON attack.person (upper(ssn));
CREATE INDEX ON attack.person (id) WHERE attack.leak(ssn);
CREATE STATISTICS attack.s ON (upper(ssn)) FROM attack.person;
-- 5. whose policies a table has: partitions and ancestors
ALTER TABLE attack.parted DETACH PARTITION attack.parted_1;
ALTER TABLE attack.parted ATTACH PARTITION attack.parted_9 FOR VALUES IN (9);
ALTER TABLE attack.heir NO INHERIT attack.base;
ALTER TABLE attack.stranger INHERIT attack.base;
ALTER TABLE attack.heir INHERIT attack.stranger;
ALTER TABLE attack.base OF attack.base_type;
-- 6. privileges beneath
GRANT SELECT ON attack.person TO attack_masked;
GRANT SELECT (ssn) ON attack.person TO attack_masked;
GRANT ALL ON attack.person TO PUBLIC;
GRANT ALL (ssn) ON attack.person TO attack_group;
GRANT SELECT ON ALL TABLES IN SCHEMA attack TO attack_masked;
ALTER TABLE attack.person OWNER TO attack_masked;
-- 7. publications
CREATE PUBLICATION p FOR TABLE attack.person;
CREATE PUBLICATION q;
ALTER PUBLICATION q ADD TABLE attack.person;
-- 8. tags
SECURITY LABEL FOR lakehouse ON COLUMN attack.person.ssn IS NULL;
SECURITY LABEL FOR lakehouse ON COLUMN attack.person.ssn IS 'harmless';
SELECT lakehouse.untag('attack.person', 'ssn', 'pii');
-- 9. definitions: dropped with what is beneath, or by themselves
ALTER TABLE attack.person DROP COLUMN ssn;
BEGIN;
ALTER TABLE attack.person DROP COLUMN ssn CASCADE;
ROLLBACK;
BEGIN;
DROP TABLE attack.person CASCADE;
ROLLBACK;
BEGIN;
DROP SCHEMA attack CASCADE;
ROLLBACK;
BEGIN;
DROP OWNED BY attack_owner;
ROLLBACK;
DROP VIEW lakehouse_policies.person;
ALTER VIEW lakehouse_policies.person RENAME TO x;
ALTER VIEW lakehouse_policies.person SET SCHEMA attack;
CREATE OR REPLACE VIEW lakehouse_policies.person AS SELECT 1;
CREATE VIEW lakehouse_policies.mine AS SELECT 1;
CREATE TABLE lakehouse_policies.mine ();
GRANT SELECT ON lakehouse_policies.person TO attack_owner;
REVOKE SELECT ON lakehouse_policies.person FROM attack_group;
SELECT * FROM lakehouse_policies.person;
DROP EXTENSION lakehouse CASCADE;
-- 10. functions of policies
SELECT lakehouse.policy_drop('person');
SELECT lakehouse.policy_create('more', 'attack.person', ARRAY['ssn', 'ssn'], for_roles => '{attack_masked}');
SELECT lakehouse.policy_list();
GRANT EXECUTE ON FUNCTION lakehouse.policy_admin() TO attack_owner;
CREATE OR REPLACE FUNCTION lakehouse.policy_admin() RETURNS void LANGUAGE sql AS '';
-- 11. settings
SET session_preload_libraries = 'auto_explain';
SET lakehouse.purpose = 'whatever';
RESET lakehouse.purpose;
ALTER SYSTEM SET shared_preload_libraries = '';
ALTER DATABASE contrib_regression SET session_preload_libraries = '';
-- 12. a masked role's own schema in the search path
RESET ROLE;
SET ROLE attack_masked;
CREATE FUNCTION mine.mask_constant(text, text) RETURNS text LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION mine.mask_null(anyelement) RETURNS anyelement LANGUAGE sql AS 'SELECT $1';
SET search_path = mine, lakehouse, attack;
SELECT ssn, name FROM attack.person WHERE id = 1;
RESET search_path;
DROP FUNCTION mine.mask_constant(text, text), mine.mask_null(anyelement);
-- 13. expressions that come with a partition or a child, and a partition that sends rows away
RESET ROLE;
CREATE FOREIGN DATA WRAPPER attack_wrapper;
CREATE SERVER attack_server FOREIGN DATA WRAPPER attack_wrapper;
GRANT USAGE ON FOREIGN SERVER attack_server TO attack_owner;
SET ROLE attack_owner;
CREATE TABLE attack.checked (secret text, CHECK (attack.leak(secret)));
CREATE TABLE attack.parted_5 PARTITION OF attack.parted (CHECK (attack.leak(secret))) FOR VALUES IN (5);
CREATE TABLE attack.parted_5 PARTITION OF attack.parted (secret CHECK (attack.leak(secret))) FOR VALUES IN (5);
CREATE TABLE attack.parted_5 PARTITION OF attack.parted FOR VALUES IN (5) PARTITION BY LIST ((attack.leak(secret)));
CREATE TABLE attack.heir_2 (CHECK (attack.leak(secret))) INHERITS (attack.base);
CREATE TABLE attack.heir_2 (shown text GENERATED ALWAYS AS (secret) STORED) INHERITS (attack.base);
CREATE TABLE attack.heir_2 (LIKE attack.checked INCLUDING CONSTRAINTS) INHERITS (attack.base);
CREATE FOREIGN TABLE attack.parted_5 PARTITION OF attack.parted FOR VALUES IN (5) SERVER attack_server;
CREATE SCHEMA attack_more CREATE TABLE heir_2 (CHECK (attack.leak(secret))) INHERITS (attack.base);
RESET ROLE;
DROP SERVER attack_server CASCADE;
DROP FOREIGN DATA WRAPPER attack_wrapper;
-- 14. a CHECK of a domain is evaluated over all columns of that type
SET ROLE attack_owner;
CREATE DOMAIN attack.word AS text;
CREATE DOMAIN attack.longer AS attack.word;
CREATE DOMAIN attack.free AS text;
CREATE TABLE attack.worded (id int, secret attack.longer);
INSERT INTO attack.worded VALUES (1, 'SECRET');
RESET ROLE;
SELECT lakehouse.policy_create('worded', 'attack.worded', ARRAY['secret', 'NULL'], for_roles => '{attack_owner}');
SET ROLE attack_owner;
ALTER DOMAIN attack.longer ADD CHECK (attack.leak(VALUE));
ALTER DOMAIN attack.word ADD CHECK (attack.leak(VALUE));
ALTER DOMAIN attack.word ADD CONSTRAINT later CHECK (attack.leak(VALUE)) NOT VALID;
ALTER DOMAIN attack.word VALIDATE CONSTRAINT later;
ALTER DOMAIN attack.free ADD CHECK (attack.leak(VALUE));
RESET ROLE;
-- what needs no right goes on
RESET ROLE;
SET ROLE attack_owner;
CREATE INDEX ON attack.person (city, salary);
ALTER TABLE attack.person ADD COLUMN extra int DEFAULT 1;
ALTER TABLE attack.person ALTER COLUMN extra SET DEFAULT 2;
GRANT SELECT (id, city) ON attack.person TO attack_masked;
GRANT UPDATE ON attack.person TO attack_masked;
CREATE TABLE attack.parted_4 PARTITION OF attack.parted FOR VALUES IN (4);
ALTER TABLE attack.person RENAME COLUMN extra TO surplus;
CREATE VIEW attack.another AS SELECT ssn FROM attack.person;
CREATE TRIGGER t AFTER UPDATE ON attack.stranger FOR EACH ROW EXECUTE FUNCTION attack.leak();
CREATE PUBLICATION r FOR TABLE attack.stranger;
-- a column that was added is nobody's to read
SET ROLE attack_masked;
SELECT surplus FROM attack.person LIMIT 1;
RESET ROLE;
-- and a policy administrator may
GRANT EXECUTE ON FUNCTION lakehouse.policy_admin() TO attack_owner;
SET ROLE attack_owner;
CREATE TRIGGER t AFTER UPDATE ON attack.person FOR EACH ROW EXECUTE FUNCTION attack.leak();
DROP TRIGGER t ON attack.person;
CREATE INDEX ON attack.person (upper(city));
RESET ROLE;
\i :teardown
