-- Ways to values that were found by reading the code.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE more_owner;
CREATE ROLE more_reader;
CREATE ROLE more_other;
CREATE SCHEMA more AUTHORIZATION more_owner;
CREATE SCHEMA more_mine AUTHORIZATION more_reader;
GRANT USAGE ON SCHEMA more TO more_reader, more_other;
-- 1. a condition of row security that fails over a row quotes it
SET ROLE more_owner;
CREATE TABLE more.rls (id int, ssn text);
INSERT INTO more.rls VALUES (1, 'SECRET');
CREATE TABLE more.rls_kid () INHERITS (more.rls);
INSERT INTO more.rls_kid VALUES (1, 'SECRET');
ALTER TABLE more.rls ENABLE ROW LEVEL SECURITY;
CREATE POLICY positive ON more.rls USING (ssn::int > 0);
GRANT SELECT ON more.rls, more.rls_kid TO more_reader;
RESET ROLE;
SET ROLE more_reader;
SELECT * FROM more.rls;
RESET ROLE;
SELECT lakehouse.policy_create('more_rls', 'more.rls', ARRAY['ssn', 'NULL'], for_roles => '{more_reader}');
SET ROLE more_reader;
SELECT id FROM more.rls;
SELECT id FROM ONLY more.rls;
DO $$ BEGIN PERFORM id FROM more.rls; EXCEPTION WHEN OTHERS THEN RAISE WARNING '%', SQLERRM; END $$;
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM more.rls;
FETCH c;
ROLLBACK;
-- other messages of such a role are its own
SELECT 'mine'::int;
RESET ROLE;
-- 2. materialized views that are there already, when a policy is made, changed, or has a name like another's
SET ROLE more_owner;
CREATE TABLE more.t (id int, ssn text, name text);
INSERT INTO more.t VALUES (1, 'SECRET-ssn', 'SECRET-name');
CREATE MATERIALIZED VIEW more.v AS SELECT * FROM more.t;
GRANT SELECT ON more.v TO more_reader, more_other;
RESET ROLE;
SELECT lakehouse.policy_create('more_t', 'more.t', ARRAY['ssn', 'NULL'], for_roles => '{more_reader}');
SELECT lakehouse.policy_alter('more_t', for_roles => '{more_reader,more_other}');
SET ROLE more_other;
SELECT ssn FROM more.v;
RESET ROLE;
SELECT name, masks, for_roles FROM lakehouse.policy_list() WHERE relation = 'more.v'::regclass;
SELECT lakehouse.policy_create('more_t/more', 'more.t', ARRAY['id', 'NULL'], for_roles => '{more_reader}');
SELECT lakehouse.policy_drop('more_t/v');
SELECT lakehouse.policy_drop('more_t');
SELECT lakehouse.policy_create('more_t', 'more.t', ARRAY['name', 'NULL'], for_roles => '{more_reader}');
-- one that holds for the owner of the view as well: what is in it was made without the policy
SELECT lakehouse.policy_create('more_all', 'more.t', ARRAY['ssn', $$'x'$$], for_roles => '{public}');
SELECT lakehouse.policy_create(repeat('n', 63), 'more.t', ARRAY['id', 'NULL'], for_roles => '{more_other}');
SET ROLE more_reader;
SELECT id, ssn, name FROM more.v;
SET ROLE more_owner;
REFRESH MATERIALIZED VIEW more.v;
REFRESH MATERIALIZED VIEW more.v;
RESET ROLE;
SELECT name, masks, for_roles FROM lakehouse.policy_list() WHERE relation = 'more.v'::regclass;
-- 3. views in circles, and many ways from one to the next, do not keep a table from having policies
SET ROLE more_reader;
CREATE VIEW more_mine.v1 AS SELECT id FROM more.t;
CREATE VIEW more_mine.v2 AS SELECT id FROM more_mine.v1;
CREATE MATERIALIZED VIEW more_mine.m AS SELECT id FROM more_mine.v2 WITH NO DATA;
CREATE OR REPLACE VIEW more_mine.v1 AS SELECT t.id FROM more.t, more_mine.v2;
CREATE VIEW more_mine.w0 AS SELECT id FROM more.t;
SELECT format('CREATE VIEW more_mine.w%s AS SELECT a.id FROM more_mine.w%s a, more_mine.w%s b', i, i - 1, greatest(i - 2, 0)) FROM generate_series(1, 60) i \gexec
RESET ROLE;
SELECT lakehouse.policy_create('more_last', 'more.t', ARRAY['name', 'NULL'], for_roles => '{more_other}');
-- 4. statistics, which system views show to owners
SET ROLE more_owner;
CREATE TABLE more.stats (id int, ssn text);
INSERT INTO more.stats SELECT 1, 'SECRET' FROM generate_series(1, 20);
CREATE TABLE more.stats_kid () INHERITS (more.stats);
INSERT INTO more.stats_kid SELECT 1, 'SECRET' FROM generate_series(1, 20);
CREATE TABLE more.free (ssn text);
INSERT INTO more.free SELECT 'free' FROM generate_series(1, 20);
CREATE INDEX stats_index ON more.stats ((ssn || '!'));
CREATE STATISTICS more.stats_more (mcv) ON id, ssn FROM more.stats;
ANALYZE more.stats, more.stats_kid, more.free;
SELECT tablename, attname, inherited, most_common_vals FROM pg_stats WHERE schemaname = 'more' ORDER BY 1, 2, 3;
SELECT statistics_name, most_common_vals FROM pg_stats_ext WHERE schemaname = 'more' ORDER BY most_common_vals;
RESET ROLE;
SELECT lakehouse.policy_create('more_stats', 'more.stats', ARRAY['ssn', 'NULL'], for_roles => '{more_owner}');
SET ROLE more_owner;
SELECT tablename, attname, inherited, most_common_vals FROM pg_stats WHERE schemaname = 'more' ORDER BY 1, 2, 3;
SELECT statistics_name, most_common_vals FROM pg_stats_ext WHERE schemaname = 'more';
RESET ROLE;
SELECT count(*) FROM pg_stats WHERE schemaname = 'more';
SET client_min_messages = error;
SELECT count(lakehouse.policy_drop(name)) > 0 AS dropped FROM lakehouse.policy_list() WHERE relation::text LIKE 'more%';
DROP SCHEMA more, more_mine CASCADE;
DROP ROLE more_owner, more_reader, more_other;
