-- Copies of masked columns: materialized views inherit policies, tables are reported.
\getenv fixtures LAKEHOUSE_FIXTURES
\set attacks :fixtures '/../privacy/'
\set setup :attacks 'setup.sql'
\set policies :attacks 'policies.sql'
\set teardown :attacks 'teardown.sql'
\set ECHO none
\i :setup
\o /dev/null
\i :policies
\o
\set VERBOSITY terse
\set ECHO all

-- 1. A plain column keeps its mask when that looks at nothing else; what is computed is NULL.
SET ROLE attack_owner;
CREATE MATERIALIZED VIEW attack.m1 AS
	SELECT id, salary, ssn, upper(name) AS loud, city, salary + 1 AS more, initial AS other FROM attack.person;
GRANT SELECT (id, city) ON attack.m1 TO attack_masked;
RESET ROLE;
SET ROLE attack_masked;
SELECT * FROM attack.m1 WHERE id < 3;
SELECT count(*) FILTER (WHERE m::text LIKE '%ECRET%' OR m::text LIKE '%77001%') FROM attack.m1 m;
COPY (SELECT ssn FROM attack.m1 WHERE id = 1) TO STDOUT;
RESET ROLE;
SELECT count(*) FILTER (WHERE m::text LIKE '%SEC' || 'RET%') FROM attack.m1 m;

-- 2. Through views, joins, subqueries, CTEs, set operations, aggregates, whole rows, sublinks.
SET client_min_messages = notice;
SET ROLE attack_owner;
CREATE MATERIALIZED VIEW attack.m2 AS
	WITH RECURSIVE r AS (SELECT id, ssn FROM attack.owner_view WHERE id = 1
			UNION ALL SELECT p.id, p.ssn FROM attack.person p JOIN r ON p.id = r.id + 1 WHERE r.id < 3),
		o AS MATERIALIZED (SELECT person FROM attack.child)
	SELECT r.id, r.ssn AS recursive, (SELECT max(person) FROM o) AS sub, j.n AS joined, ARRAY(SELECT secret FROM attack.base) AS arr,
		r.id + 1 AS open, l.whole
	FROM r LEFT JOIN (SELECT id, string_agg(name, ',') AS n FROM attack.person GROUP BY id) j USING (id),
		LATERAL (SELECT p::text AS whole FROM attack.person p WHERE p.id = r.id) l;
CREATE MATERIALIZED VIEW attack.m3 AS SELECT id, city AS x FROM attack.person UNION SELECT id, secret FROM attack.parted;
GRANT SELECT (id, open) ON attack.m2 TO attack_masked;
GRANT SELECT (id) ON attack.m3 TO attack_masked;
SET ROLE attack_masked;
SELECT * FROM attack.m2;
SELECT * FROM attack.m3 LIMIT 2;
RESET ROLE;

-- 3. Rows of a table with a filter: none.
SET ROLE attack_owner;
CREATE MATERIALIZED VIEW attack.m4 AS SELECT v.id, v.word FROM attack.visible v;
CREATE MATERIALIZED VIEW attack.m5 AS SELECT p.id FROM attack.person p WHERE EXISTS (SELECT FROM attack.visible v WHERE v.id = p.id);
SET ROLE attack_masked;
SELECT * FROM attack.m4;
SELECT * FROM attack.m5;
RESET ROLE;

-- 4. What its owner sees masked needs no policy; when he is exempt later, REFRESH gives it one.
SET ROLE attack_masked;
CREATE MATERIALIZED VIEW mine.m6 AS SELECT id, ssn FROM attack.person WHERE id < 3;
SELECT * FROM mine.m6;
RESET ROLE;
ALTER MATERIALIZED VIEW mine.m6 OWNER TO attack_reader;
GRANT CREATE, USAGE ON SCHEMA mine TO attack_reader;
GRANT USAGE ON SCHEMA mine TO attack_masked;
SET ROLE attack_reader;
REFRESH MATERIALIZED VIEW mine.m6;
REFRESH MATERIALIZED VIEW mine.m6;
SET ROLE attack_masked;
SELECT ssn FROM mine.m6;
SELECT id FROM mine.m6;
RESET ROLE;

-- 5. Nothing of policies, nothing to inherit.
SET ROLE attack_owner;
CREATE MATERIALIZED VIEW attack.m7 AS SELECT id, city FROM attack.person;
CREATE MATERIALIZED VIEW IF NOT EXISTS attack.m1 AS SELECT 1;
CREATE MATERIALIZED VIEW attack.m8 AS SELECT id, ssn FROM attack.person WITH NO DATA;
REFRESH MATERIALIZED VIEW attack.m8;
RESET ROLE;

-- 6. Tables are reported.
SET ROLE attack_reader;
CREATE TABLE mine.t1 AS SELECT id, ssn, length(name) AS n, city FROM attack.person;
SELECT ssn INTO mine.t2 FROM attack.owner_view;
PREPARE q AS SELECT max(salary) FROM attack.person;
CREATE TABLE mine.t3 AS EXECUTE q;
CREATE TABLE mine.t4 AS SELECT id, city FROM attack.person WHERE ssn IS NOT NULL;
CREATE TABLE IF NOT EXISTS mine.t4 AS SELECT ssn FROM attack.person;
CREATE TABLE mine.t6 AS WITH w AS (INSERT INTO mine.t2 SELECT ssn FROM attack.person RETURNING ssn, 1 AS one) SELECT one FROM w;
SET ROLE attack_masked;
CREATE TABLE mine.t5 AS SELECT ssn, name FROM attack.person;
RESET ROLE;

-- 7. The policy stays with its view: who owns that drops neither.
SET ROLE attack_owner;
DROP MATERIALIZED VIEW attack.m1;
DROP MATERIALIZED VIEW attack.m1 CASCADE;
RESET ROLE;
SELECT lakehouse.policy_drop('person/m1');
DROP MATERIALIZED VIEW attack.m1;

-- 8. A policy that is made later is inherited by what is there: through views, from partitions' parents, by copies of copies.
RESET ROLE;
CREATE TABLE mine.late (id int, note text);
INSERT INTO mine.late VALUES (1, 'SECRET-late');
CREATE VIEW mine.late_view AS SELECT id, upper(note) AS shout, note FROM mine.late;
CREATE MATERIALIZED VIEW mine.late_copy AS SELECT id, shout, note FROM mine.late_view;
CREATE MATERIALIZED VIEW mine.late_copy2 AS SELECT max(note) AS note FROM mine.late_copy;
GRANT SELECT ON mine.late_copy, mine.late_copy2 TO attack_masked;
SELECT lakehouse.policy_create('late', 'mine.late', ARRAY['note', $$lakehouse.mask_partial(note, 0, '*', 0)$$], for_roles => '{attack_masked}');
SET ROLE attack_masked;
SELECT * FROM mine.late_copy;
SELECT * FROM mine.late_copy2;
RESET ROLE;
SELECT lakehouse.policy_drop(p) FROM unnest('{late/late_copy/late_copy2,late/late_copy,late}'::text[]) p;

-- The copy has values from before, even where its owner is masked as well.
GRANT USAGE ON SCHEMA mine TO attack_owner;
CREATE TABLE mine.own (id int, note text);
INSERT INTO mine.own VALUES (1, 'SECRET-own');
CREATE MATERIALIZED VIEW mine.own_copy AS SELECT note FROM mine.own;
ALTER TABLE mine.own OWNER TO attack_owner;
ALTER MATERIALIZED VIEW mine.own_copy OWNER TO attack_owner;
GRANT SELECT ON mine.own_copy TO attack_masked;
SELECT lakehouse.policy_create('own', 'mine.own', ARRAY['note', $$lakehouse.mask_partial(note, 0, '*', 0)$$], for_roles => '{attack_owner, attack_masked}');
SET ROLE attack_masked;
SELECT * FROM mine.own_copy;
SET ROLE attack_owner;
SELECT * FROM mine.own_copy;
RESET ROLE;
SELECT lakehouse.policy_drop(p) FROM unnest('{own/own_copy,own}'::text[]) p;
REVOKE USAGE ON SCHEMA mine FROM attack_owner;

-- 9. Functions that show files, bounds or changes of an Iceberg table without a scan: not for whom a policy holds, whatever he was granted.
\set orders :fixtures '/iceberg/warehouse/demo/orders'
CREATE SERVER mine_lake FOREIGN DATA WRAPPER lakehouse;
CREATE FOREIGN TABLE mine.ice () SERVER mine_lake OPTIONS (location :'orders', rebase_location 'auto');
SELECT lakehouse.policy_create('ice', 'mine.ice', ARRAY['customer', 'NULL'], for_roles => '{attack_masked}');
GRANT SELECT ON mine.ice TO attack_masked;
BEGIN;
GRANT EXECUTE ON FUNCTION lakehouse.iceberg_files, lakehouse.iceberg_changes TO attack_masked;
SET LOCAL ROLE attack_masked;
SELECT count(*) > 0 AS rows, count(customer) FROM mine.ice;
SAVEPOINT s;
SELECT count(*) FROM lakehouse.iceberg_files('mine.ice');
ROLLBACK TO s;
SELECT count(*) FROM lakehouse.iceberg_changes(NULL::mine.ice);
ROLLBACK TO s;
RESET ROLE;
SELECT lakehouse.policy_drop('ice');
SET LOCAL ROLE attack_masked;
SELECT count(*) > 0 AS files FROM lakehouse.iceberg_files('mine.ice');
SELECT count(*) > 0 AS changes FROM lakehouse.iceberg_changes(NULL::mine.ice);
ROLLBACK;
SELECT lakehouse.policy_drop('ice');
DROP SERVER mine_lake CASCADE;
\i :teardown
