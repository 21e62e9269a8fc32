-- Plans that were made for somebody else.  Run as a superuser, who takes the roles; every statement under attack_masked
-- (or a function of it) must show masks.  Roles change in this session, so this is also the test of SET ROLE.
\set QUIET on
SET client_min_messages = notice;
SET plan_cache_mode = force_generic_plan;

\echo '== 1 prepared by the owner, executed after SET ROLE'
SET ROLE attack_reader;
PREPARE q1 AS SELECT ssn, name FROM attack.person WHERE id < 3;
\o /dev/null
EXECUTE q1;
EXECUTE q1;
\o
SET ROLE attack_masked;
EXECUTE q1;
EXPLAIN (VERBOSE, COSTS off) EXECUTE q1;
\echo '== 2 planned in PL/pgSQL by the reader, called after SET ROLE'
RESET ROLE;
CREATE FUNCTION attack.cached() RETURNS text LANGUAGE plpgsql AS 'DECLARE s text; BEGIN SELECT ssn INTO s FROM attack.person WHERE id = 1; RETURN s; END';
SET ROLE attack_reader;
\o /dev/null
SELECT attack.cached() FROM generate_series(1, 8);
\o
SET ROLE attack_masked;
SELECT attack.cached();
\echo '== 3 planned in a function with its owner''s rights, for another caller'
SET ROLE attack_reader;
\o /dev/null
SELECT attack.definer_plpgsql() FROM generate_series(1, 8);
\o
SET ROLE attack_masked;
SELECT attack.definer_plpgsql();
\echo '== 4 SET ROLE between two calls in one transaction'
BEGIN;
SET LOCAL ROLE attack_reader;
\o /dev/null
SELECT attack.definer_plpgsql(), attack.cached();
EXECUTE q1;
\o
SET LOCAL ROLE attack_masked;
SELECT attack.definer_plpgsql(), attack.cached();
EXECUTE q1;
COMMIT;
\echo '== 5 SET SESSION AUTHORIZATION'
RESET ROLE;
SET SESSION AUTHORIZATION attack_masked;
SELECT attack.definer_plpgsql(), attack.cached();
EXECUTE q1;
RESET SESSION AUTHORIZATION;
\echo '== 6 role set by a function''s SET clause'
CREATE FUNCTION attack.sets() RETURNS SETOF text LANGUAGE sql SET role = attack_masked AS 'SELECT ssn FROM attack.person LIMIT 1';
SELECT attack.sets();
\echo '== 7 role set inside PL/pgSQL, between two runs of one statement'
DO $$
DECLARE s text;
BEGIN
	FOR i IN 1 .. 6 LOOP
		PERFORM set_config('role', CASE WHEN i % 2 = 0 THEN 'attack_masked' ELSE 'attack_reader' END, true);
		SELECT ssn INTO s FROM attack.person WHERE id = 1;
		IF i % 2 = 0 THEN RAISE NOTICE '%', s; END IF;
	END LOOP;
END $$;
\echo '== 8 cursor opened by the reader, fetched after SET ROLE: refused or the reader''s'
BEGIN;
SET LOCAL ROLE attack_masked;
DECLARE c CURSOR FOR SELECT ssn FROM attack.person;
SET LOCAL ROLE attack_reader;
\o /dev/null
FETCH 1 FROM c;
\o
SET LOCAL ROLE attack_masked;
FETCH 1 FROM c;
COMMIT;
\echo '== 9 membership given after the plan was made'
CREATE ROLE attack_later;
GRANT SELECT ON attack.visible TO attack_later;
SET ROLE attack_later;
PREPARE q9 AS SELECT word FROM attack.visible;
\o /dev/null
EXECUTE q9;
EXECUTE q9;
\o
RESET ROLE;
GRANT attack_group TO attack_later;
SET ROLE attack_later;
EXECUTE q9;
RESET ROLE;
\echo '== 10 policy made after the plan was made'
CREATE TABLE attack.late (id int, secret text);
INSERT INTO attack.late SELECT 1, 'SEC' || 'RET-late';
GRANT SELECT ON attack.late TO attack_masked;
SET ROLE attack_masked;
PREPARE q10 AS SELECT secret FROM attack.late;
\o /dev/null
EXECUTE q10;
EXECUTE q10;
\o
RESET ROLE;
\o /dev/null
SELECT lakehouse.policy_create('late', 'attack.late', ARRAY['secret', $$lakehouse.mask_constant(secret, 'masked')$$], for_roles => '{attack_group}');
\o
SET ROLE attack_masked;
EXECUTE q10;
RESET ROLE;
\echo '== 11 partition attached after the plan was made'
SET ROLE attack_masked;
PREPARE q11 AS SELECT secret FROM attack.parted;
EXECUTE q11;
RESET ROLE;
CREATE TABLE attack.parted_3 PARTITION OF attack.parted FOR VALUES IN (3);
INSERT INTO attack.parted SELECT 30, 3, 'SEC' || 'RET-part';
SET ROLE attack_masked;
EXECUTE q11;
TABLE attack.parted_3;
RESET ROLE;
\echo '== 12 function inlined for the reader, plan used by another'
SET ROLE attack_reader;
PREPARE q12 AS SELECT f FROM attack.by_tree() f WHERE f > 'a';
\o /dev/null
EXECUTE q12;
EXECUTE q12;
\o
SET ROLE attack_masked;
EXECUTE q12;
RESET ROLE;
\echo '== 13 parallel plans'
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET ROLE attack_masked;
SELECT max(ssn), min(name), max(salary) FROM attack.person;
SELECT ssn FROM attack.person WHERE city > 'a' ORDER BY id LIMIT 2;
RESET ROLE;
\echo '== 14 purpose claimed, and no more'
SET ROLE attack_masked;
SET lakehouse.purpose = 'fraud';
EXECUTE q1;
RESET lakehouse.purpose;
EXECUTE q1;
RESET ROLE;
