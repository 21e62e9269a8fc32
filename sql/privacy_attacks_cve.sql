-- What broke others (reference, section 3), one section each (test/privacy/README.md).
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
CREATE TABLE attack.late (id int, secret text);
INSERT INTO attack.late SELECT 1, 'SEC' || 'RET-late';
SELECT lakehouse.policy_create('late', 'attack.late', ARRAY['secret', $$lakehouse.mask_constant(secret, 'masked')$$], for_roles => '{attack_group}') \g /dev/null
CREATE TABLE attack.stranger (id int, secret text);
\set ECHO all
\set VERBOSITY terse
SET client_min_messages = notice;
-- CVE-2026-105618: a policy of a partition holds through the parent
SET ROLE attack_owner;
CREATE TABLE attack.up (id int, secret text) PARTITION BY RANGE (id);
CREATE TABLE attack.down PARTITION OF attack.up FOR VALUES FROM (0) TO (10);
INSERT INTO attack.up VALUES (1, 'SEC' || 'RET-down');
GRANT SELECT ON attack.up, attack.down TO attack_masked;
RESET ROLE;
SELECT lakehouse.policy_create('down', 'attack.down', ARRAY['secret', $$lakehouse.mask_constant(secret, 'masked')$$], for_roles => '{attack_group}');
SET ROLE attack_masked;
SELECT secret FROM attack.up;
SELECT secret FROM attack.down;
COPY (SELECT secret FROM attack.up) TO STDOUT;
RESET ROLE;
-- CVE-2026-105616: keys and salts are not in settings
SET ROLE attack_masked;
SELECT name FROM pg_settings WHERE name LIKE 'lakehouse.%' AND name ~ '(salt|secret|password|key)' AND setting ~ '[0-9a-f]{16}';
SELECT * FROM pg_db_role_setting s, unnest(setconfig) c WHERE c ~ 'lakehouse.*(salt|secret|key)';
RESET ROLE;
-- CVE-2026-105614: a huge value does not take the backend down
CREATE TABLE attack.huge (id int, t text);
INSERT INTO attack.huge SELECT 1, repeat('x', 20000000);
SELECT lakehouse.policy_create('huge', 'attack.huge', ARRAY['t', $$lakehouse.mask_partial(t, 0, '*', 4)$$], for_roles => '{attack_group}');
SET ROLE attack_masked;
SELECT length(t) < 20000000 AND t !~ 'xxxxx' AS masked FROM attack.huge;
RESET ROLE;
-- CVE-2026-83534, CVE-2024-2338, CVE-2024-2339: no function of a user is a mask
SET ROLE attack_masked;
CREATE FUNCTION mine.evil(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN EXECUTE 'ALTER ROLE attack_masked SUPERUSER'; RETURN $1; END $$;
RESET ROLE;
SELECT lakehouse.policy_create('evil', 'attack.late', ARRAY['secret', 'mine.evil(secret)'], for_roles => '{attack_group}');
SELECT lakehouse.policy_create('evil', 'attack.late', ARRAY['secret', 'pg_read_file(secret)'], for_roles => '{attack_group}');
SELECT lakehouse.policy_create('evil', 'attack.late', ARRAY['secret', '(SELECT max(secret) FROM attack.late)'], for_roles => '{attack_group}');
SELECT lakehouse.policy_create('evil', 'attack.late', row_filter => $$mine.evil(secret) = 'x'$$, for_roles => '{attack_group}');
SELECT rolsuper FROM pg_roles WHERE rolname = 'attack_masked';
-- CVE-2026-19633: operators, domains and casts of a user in a mask
SET ROLE attack_masked;
CREATE FUNCTION mine.evil_op(text, text) RETURNS text LANGUAGE sql AS 'SELECT mine.evil($1)';
CREATE OPERATOR mine.|| (LEFTARG = text, RIGHTARG = text, FUNCTION = mine.evil_op);
CREATE FUNCTION mine.evil_check(text) RETURNS bool LANGUAGE sql AS 'SELECT mine.evil($1) IS NOT NULL';
CREATE DOMAIN mine.evil_domain AS text CHECK (mine.evil_check(VALUE));
GRANT USAGE ON SCHEMA mine TO PUBLIC;
RESET ROLE;
SET search_path = mine, public;
SELECT lakehouse.policy_create('op', 'attack.late', ARRAY['secret', $$lakehouse.mask_constant(secret, 'a' || 'b')$$], for_roles => '{attack_group}');
SELECT lakehouse.policy_create('op2', 'attack.late', ARRAY['secret', $$secret OPERATOR(mine.||) 'b'$$], for_roles => '{attack_group}');
SELECT lakehouse.policy_create('dom', 'attack.late', ARRAY['secret', $$secret::mine.evil_domain$$], for_roles => '{attack_group}');
RESET search_path;
SET ROLE attack_masked;
SELECT secret FROM attack.late;
RESET ROLE;
SELECT rolsuper FROM pg_roles WHERE rolname = 'attack_masked';
-- CVE-2026-19634: text of policies is parsed as an expression and nothing else
SELECT lakehouse.policy_create('inject', 'attack.late', ARRAY['secret', 'NULL::text; ALTER ROLE attack_masked SUPERUSER; --'], for_roles => '{attack_group}');
SELECT lakehouse.policy_create('inject', 'attack.late', ARRAY['secret', $$NULL::text FROM attack.late; DROP TABLE attack.late$$], for_roles => '{attack_group}');
SELECT lakehouse.policy_create('inject', 'attack.late', row_filter => $$true) UNION SELECT 1; --$$, for_roles => '{attack_group}');
SELECT lakehouse.policy_create('in"; DROP TABLE attack.late; --', 'attack.stranger', ARRAY['secret', $$lakehouse.mask_null(secret)$$], for_roles => '{attack_group}');
SELECT lakehouse.policy_drop('in"; DROP TABLE attack.late; --');
SELECT count(*) FROM attack.late;
-- CVE-2026-9617: names of columns and tables are names
SET ROLE attack_owner;
CREATE TABLE attack."t"" ; DROP TABLE attack.late; --" ("c"") FROM attack.late; --" text, id int);
INSERT INTO attack."t"" ; DROP TABLE attack.late; --" VALUES ('SEC' || 'RET-name', 1);
RESET ROLE;
SELECT lakehouse.policy_create('names', 'attack."t"" ; DROP TABLE attack.late; --"',
	ARRAY['c") FROM attack.late; --', $$lakehouse.mask_constant("c"") FROM attack.late; --", 'masked')$$, 'id', 'id'], for_roles => '{attack_group}');
SET ROLE attack_masked;
TABLE attack."t"" ; DROP TABLE attack.late; --";
COPY attack."t"" ; DROP TABLE attack.late; --" TO STDOUT;
BEGIN;
LOCK attack."t"" ; DROP TABLE attack.late; --" IN ACCESS SHARE MODE;
ROLLBACK;
RESET ROLE;
-- CVE-2026-2360, CVE-2026-2361: objects in public or pg_temp do not come before ours
CREATE TEMP VIEW mask_strength AS SELECT 'x'::text AS name;
CREATE TEMP TABLE late (id int, secret text);
SET ROLE attack_masked;
SELECT secret FROM attack.late;
RESET ROLE;
DROP VIEW pg_temp.mask_strength;
DROP TABLE pg_temp.late;
SELECT p.proname FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
	JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'lakehouse'
	WHERE p.prosecdef AND NOT coalesce(p.proconfig::text ~ 'search_path', false);
-- ALTER ROLE ... RENAME
ALTER ROLE attack_group RENAME TO attack_group_renamed;
SET ROLE attack_masked;
SELECT ssn FROM attack.person WHERE id = 1;
RESET ROLE;
ALTER ROLE attack_group_renamed RENAME TO attack_group;
-- ALTER TABLE, ALTER SCHEMA ... RENAME
ALTER TABLE attack.person RENAME TO people;
ALTER TABLE attack.people RENAME COLUMN ssn TO number;
SET ROLE attack_masked;
SELECT number FROM attack.people WHERE id = 1;
RESET ROLE;
ALTER TABLE attack.people RENAME COLUMN number TO ssn;
ALTER TABLE attack.people RENAME TO person;
-- a filter uses a column that its subject may not read
SET ROLE attack_owner;
CREATE TABLE attack.filtered (id int, tenant text);
INSERT INTO attack.filtered VALUES (1, 'a'), (2, 'SEC' || 'RET-tenant');
GRANT SELECT (id) ON attack.filtered TO attack_masked;
RESET ROLE;
SELECT lakehouse.policy_create('filtered', 'attack.filtered', row_filter => $$tenant = 'a'$$, for_roles => '{attack_group}');
SET ROLE attack_masked;
SELECT id FROM attack.filtered;
SELECT tenant FROM attack.filtered;
RESET ROLE;
-- CVE-2017-7484, CVE-2025-8713: estimators do not call operators of users with sampled values
SET ROLE attack_owner;
CREATE TABLE attack.sampled (id int, city text, word text);
INSERT INTO attack.sampled SELECT i, CASE WHEN i % 10 = 0 THEN 'here' ELSE 'there' END, CASE WHEN i % 10 = 0 THEN 'open' ELSE 'SEC' || 'RET-' || i % 5 END FROM generate_series(1, 3000) i;
ANALYZE attack.sampled;
GRANT SELECT ON attack.sampled TO attack_masked;
RESET ROLE;
SELECT lakehouse.policy_create('sampled', 'attack.sampled', row_filter => $$city = 'here'$$, for_roles => '{attack_group}');
SET ROLE attack_masked;
CREATE FUNCTION mine.leak(text, text) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RAISE NOTICE ''%'', $1; RETURN true; END';
CREATE OPERATOR mine.<<< (LEFTARG = text, RIGHTARG = text, FUNCTION = mine.leak, RESTRICT = eqsel, JOIN = eqjoinsel);
EXPLAIN (COSTS off) SELECT * FROM attack.sampled WHERE word OPERATOR(mine.<<<) 'x';
EXPLAIN (COSTS off) SELECT * FROM attack.sampled a JOIN attack.sampled b ON a.word OPERATOR(mine.<<<) b.word;
EXPLAIN (COSTS off) SELECT * FROM attack.person WHERE ssn OPERATOR(mine.<<<) 'x';
EXPLAIN (COSTS off) SELECT * FROM attack.owner_view WHERE name OPERATOR(mine.<<<) 'x';
RESET ROLE;
-- CVE-2024-4317: extended statistics
SET ROLE attack_masked;
SELECT most_common_vals FROM pg_stats_ext WHERE tablename = 'person';
SELECT most_common_vals FROM pg_stats WHERE tablename IN ('person', 'sampled');
RESET ROLE;
-- a grant on a, a mask on b, nothing on c
SET ROLE attack_owner;
CREATE TABLE attack.abc (a int, b text, c text);
INSERT INTO attack.abc VALUES (1, 'SEC' || 'RET-b', 'SEC' || 'RET-c');
GRANT SELECT (a) ON attack.abc TO attack_masked;
RESET ROLE;
SELECT lakehouse.policy_create('abc', 'attack.abc', ARRAY['b', 'lakehouse.mask_null(b)'], for_roles => '{attack_group}');
SET ROLE attack_masked;
SELECT a, b FROM attack.abc;
SELECT c FROM attack.abc;
SELECT count(c) FROM attack.abc;
SELECT abc FROM attack.abc;
SELECT a FROM attack.abc WHERE c > 'a';
SELECT a FROM attack.abc ORDER BY c;
COPY attack.abc TO STDOUT;
COPY attack.abc (a, b) TO STDOUT;
RESET ROLE;
ALTER TABLE attack.abc ADD COLUMN d text DEFAULT 'SEC' || 'RET-d';
SET ROLE attack_masked;
SELECT d FROM attack.abc;
SELECT a, b FROM attack.abc;
RESET ROLE;
-- a role without any grant reads nothing
CREATE ROLE attack_nobody;
SET ROLE attack_nobody;
SELECT * FROM attack.person;
SELECT b FROM attack.abc;
SELECT * FROM attack.owner_view;
RESET ROLE;
DROP ROLE attack_nobody;
-- row security, mask and filter on one table
SET ROLE attack_owner;
CREATE TABLE attack.three (id int, tenant text, secret text);
INSERT INTO attack.three VALUES (1, 'a', 'SEC' || 'RET-1'), (2, 'a', 'SEC' || 'RET-2'), (3, 'b', 'SEC' || 'RET-3');
ALTER TABLE attack.three ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON attack.three USING (secret <> 'SEC' || 'RET-1');
GRANT SELECT (id, tenant) ON attack.three TO attack_masked;
RESET ROLE;
SELECT lakehouse.policy_create('three', 'attack.three', ARRAY['secret', $$lakehouse.mask_constant(secret, 'masked')$$],
	row_filter => $$tenant = 'a'$$, for_roles => '{attack_group}');
SET ROLE attack_masked;
SELECT * FROM attack.three;
COPY attack.three TO STDOUT;
SET row_security = off;
SELECT * FROM attack.three;
COPY attack.three TO STDOUT;
RESET row_security;
RESET ROLE;
\i :teardown
