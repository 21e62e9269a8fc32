-- Definitions are read again when they change, or what they are about; the others are not.
\set schema test_privacy_reread
\i sql/include/lake.psql
CREATE ROLE reread_masked;
GRANT USAGE ON SCHEMA lakehouse, test_privacy_reread TO reread_masked;
SET client_min_messages = error;
SELECT format('CREATE TABLE r%s (id int, v text, city text)', i) FROM generate_series(1, 20) i \gexec
CREATE TABLE parent (id int, v text) PARTITION BY RANGE (id);
CREATE TABLE child PARTITION OF parent FOR VALUES FROM (1) TO (10);
CREATE TABLE other (id int, v text);
INSERT INTO r1 VALUES (1, 'raw 1', 'Rome');
INSERT INTO r2 VALUES (1, 'raw 2', 'Oslo');
INSERT INTO parent VALUES (1, 'raw p');
INSERT INTO other VALUES (1, 'raw o');
SELECT count(lakehouse.policy_create('r_' || i, ('r' || i)::regclass, ARRAY['v', 'lakehouse.mask_partial(v, 0, ''X'', 1)'], for_roles => '{reread_masked}')) FROM generate_series(1, 20) i;
SELECT lakehouse.policy_create('r_parent', 'parent', ARRAY['v', 'lakehouse.mask_partial(v, 0, ''X'', 1)'], for_roles => '{reread_masked}');

-- which were read for what was done, once or (where a statement has several steps) a few times
CREATE PROCEDURE since(done text) LANGUAGE plpgsql AS $$
DECLARE
	before bigint;
BEGIN
	PERFORM count(*) FROM r1;
	before := lakehouse.policy_readings();
	EXECUTE done;
	PERFORM count(*) FROM r1;
	RAISE INFO '%: %', done, CASE lakehouse.policy_readings() - before WHEN 0 THEN 'none' WHEN 1 THEN 'it' WHEN 2 THEN 'it' WHEN 3 THEN 'it' ELSE 'many' END;
END $$;
SELECT count(*) FROM r1;
SELECT lakehouse.policy_readings() >= 21 AS all_once;
CALL since('SELECT 1');
CALL since('CREATE TABLE unrelated (id int)');
CALL since('ALTER TABLE r3 ADD COLUMN more int');
CALL since('ALTER TABLE r3 RENAME COLUMN v TO w');
CALL since('ANALYZE r4');
CALL since('CREATE INDEX ON r5 (city)');
CALL since('CREATE TABLE child2 PARTITION OF parent FOR VALUES FROM (10) TO (20)');
CALL since('ALTER TABLE child ALTER COLUMN v SET NOT NULL');
CALL since('ALTER TABLE parent DETACH PARTITION child2');
CALL since('ALTER TABLE unrelated ADD COLUMN v text');
CALL since('CREATE ROLE reread_other');
CALL since('GRANT reread_masked TO reread_other');
CALL since($$SELECT lakehouse.policy_alter('r_6', masks => ARRAY['v', 'lakehouse.mask_null(v)'])$$);
CALL since($$SELECT lakehouse.policy_alter('r_7', for_roles => '{reread_masked,reread_other}')$$);
CALL since($$SELECT lakehouse.policy_create('r_other', 'other', ARRAY['v', 'lakehouse.mask_null(v)'], for_roles => '{reread_masked}')$$);
-- the view alone
CALL since('GRANT REFERENCES ON lakehouse_policies.r_10 TO reread_other');
CALL since('ALTER VIEW lakehouse_policies.r_11 RENAME TO r_11_renamed');
CALL since($$SELECT lakehouse.policy_drop('r_8')$$);
CALL since('DROP TABLE r9 CASCADE');

-- ---- a reading that ends with an error, between taking note of what changed and the end: nobody goes on with the half of it
CREATE TABLE joins (id int, v text);
INSERT INTO joins VALUES (20, 'raw j');
GRANT SELECT ON joins TO reread_masked;
SET ROLE reread_masked;
SELECT v FROM joins;
RESET ROLE;
-- another session's change; who holds this lock lets nobody look for families
\setenv PGDATABASE :DBNAME
\! psql -X -q -A -t -c "ALTER TABLE test_privacy_reread.parent ATTACH PARTITION test_privacy_reread.joins FOR VALUES FROM (20) TO (30)"
\! psql -X -q -A -t -c "BEGIN; LOCK TABLE pg_inherits IN ACCESS EXCLUSIVE MODE; PREPARE TRANSACTION 'privacy_reread'"
SET lock_timeout = '1ms';
\set VERBOSITY sqlstate
SET ROLE reread_masked;
SELECT v FROM joins;
SELECT v FROM joins;
SELECT v FROM r1;
BEGIN;
SAVEPOINT s;
SELECT v FROM joins;
ROLLBACK TO s;
RESET lock_timeout;
RESET ROLE;
COMMIT;
\set VERBOSITY default
COMMIT PREPARED 'privacy_reread';
SET ROLE reread_masked;
SELECT v FROM joins;
SELECT v FROM r1;
RESET ROLE;

-- ---- what holds is what is there, also in the middle of a transaction and after it was undone
SET ROLE reread_masked;
SELECT v FROM r1;
SELECT v FROM other;
RESET ROLE;
BEGIN;
SELECT lakehouse.policy_alter('r_1', masks => ARRAY['v', 'lakehouse.mask_constant(v, ''one'')']);
SAVEPOINT s;
SELECT lakehouse.policy_alter('r_1', masks => ARRAY['v', 'lakehouse.mask_constant(v, ''two'')']);
SET LOCAL ROLE reread_masked;
SELECT v FROM r1;
ROLLBACK TO s;
SET LOCAL ROLE reread_masked;
SELECT v FROM r1;
RESET ROLE;
SELECT lakehouse.policy_alter('r_1', masks => ARRAY['v', 'lakehouse.mask_constant(v, ''three'')']);
SET LOCAL ROLE reread_masked;
SELECT v FROM r1;
ROLLBACK;
SET ROLE reread_masked;
SELECT v FROM r1;
RESET ROLE;
-- a partition that comes and goes
UPDATE other SET id = 33;
SELECT lakehouse.policy_drop('r_other');
BEGIN;
ALTER TABLE parent ATTACH PARTITION other FOR VALUES FROM (30) TO (40);
SET LOCAL ROLE reread_masked;
SELECT v FROM other;
ROLLBACK;
SET ROLE reread_masked;
SELECT v FROM other;
RESET ROLE;
ALTER TABLE parent ATTACH PARTITION other FOR VALUES FROM (30) TO (40);
SET ROLE reread_masked;
SELECT v FROM parent ORDER BY v;
SELECT v FROM other;
RESET ROLE;
ALTER TABLE parent DETACH PARTITION other;
SET ROLE reread_masked;
SELECT v FROM other;
RESET ROLE;
-- another session's change
\setenv PGDATABASE :DBNAME
\! psql -X -q -A -t -c "SELECT lakehouse.policy_alter('r_2', masks => ARRAY['v', 'lakehouse.mask_constant(v, ''elsewhere'')'])"
SET ROLE reread_masked;
SELECT v FROM r2;
RESET ROLE;
-- a column that is renamed
ALTER TABLE r2 RENAME COLUMN v TO w;
SET ROLE reread_masked;
SELECT w FROM r2;
RESET ROLE;

SELECT count(lakehouse.policy_drop(name)) FROM lakehouse.policy_list() WHERE name LIKE 'r\_%';
DROP PROCEDURE since;
DROP SCHEMA test_privacy_reread CASCADE;
DROP OWNED BY reread_masked, reread_other;
DROP ROLE reread_masked, reread_other;
