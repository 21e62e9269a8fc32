-- What came with PostgreSQL 16, under policies: memberships with options, aggregates, joins and sorts.  Raw values begin with "raw".
SELECT current_setting('server_version_num')::int < 160000 AS older \gset
\if :older
\echo not run: it takes PostgreSQL 16 or later
\quit
\endif
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE n16_owner;
CREATE ROLE n16_masked;
CREATE ROLE n16_cleared;
CREATE ROLE n16_reader;
-- members of each of them: a as always, b by SET ROLE alone, c without SET ROLE, d as who may only hand it on
CREATE ROLE n16_a IN ROLE n16_masked, n16_reader;
CREATE ROLE n16_b;
CREATE ROLE n16_c;
CREATE ROLE n16_d;
CREATE ROLE n16_ab;
CREATE ROLE n16_ac;
CREATE ROLE n16_super SUPERUSER;
GRANT n16_masked TO n16_b WITH INHERIT FALSE, SET TRUE;
GRANT n16_masked TO n16_c WITH INHERIT TRUE, SET FALSE;
GRANT n16_masked TO n16_d WITH ADMIN TRUE, INHERIT FALSE, SET FALSE;
GRANT n16_masked TO n16_super WITH INHERIT FALSE, SET FALSE;
-- masked, and exempt: by SET ROLE alone; without it
GRANT n16_masked TO n16_ab, n16_ac;
GRANT n16_cleared TO n16_ab WITH INHERIT FALSE, SET TRUE;
GRANT n16_cleared TO n16_ac WITH INHERIT TRUE, SET FALSE;
CREATE SCHEMA n16;
GRANT ALL ON SCHEMA n16 TO n16_owner;
GRANT USAGE ON SCHEMA n16, lakehouse TO PUBLIC;
SET search_path = n16;
SET ROLE n16_owner;
CREATE TABLE person (id int PRIMARY KEY, city text, ssn text, pay int);
INSERT INTO person SELECT i, 'c' || i % 3, 'raw-' || 1000 + i * 7 % 20, 77000 + i FROM generate_series(1, 20) i;
CREATE INDEX ON person (city);
GRANT SELECT ON person TO n16_masked, n16_cleared, n16_d, n16_b;
RESET ROLE;
ANALYZE person;
RESET client_min_messages;
-- whom the policy is for must not hold SELECT: of members who inherit, and of no others
SELECT lakehouse.policy_create('n16', 'person', ARRAY['ssn', $$lakehouse.mask_partial(ssn, 0, 'X', 1)$$, 'pay', 'NULL'],
	for_roles => '{n16_masked}', except_roles => '{n16_cleared}', options => '{"superusers": true}');
SELECT grantee, column_name FROM information_schema.column_privileges WHERE table_name = 'person' AND grantee LIKE 'n16%' AND grantee <> 'n16_owner' AND privilege_type = 'SELECT' AND column_name IN ('ssn', 'city') ORDER BY 1, 2;
SET ROLE n16_a; SELECT ssn, pay FROM person WHERE id = 1;
-- b has SELECT of its own and is of n16_masked by SET ROLE alone; then it is that one
SET ROLE n16_b; SELECT ssn, pay FROM person WHERE id = 1;
SET SESSION AUTHORIZATION n16_b; SET ROLE n16_masked; SELECT ssn, pay FROM person WHERE id = 1; RESET SESSION AUTHORIZATION;
SET ROLE n16_c; SELECT ssn, pay FROM person WHERE id = 1;
-- d may hand it on, to itself as well, which makes it masked: then at once, with plans that it has
SET ROLE n16_d;
PREPARE q AS SELECT ssn, pay FROM person WHERE id = 1;
EXECUTE q;
GRANT n16_masked TO n16_d WITH INHERIT TRUE GRANTED BY n16_d;
RESET ROLE;
GRANT n16_masked TO n16_d WITH INHERIT TRUE;
SET ROLE n16_d;
EXECUTE q;
RESET ROLE;
REVOKE INHERIT OPTION FOR n16_masked FROM n16_d;
REVOKE n16_masked FROM n16_d GRANTED BY n16_d;
SET ROLE n16_d;
EXECUTE q;
DEALLOCATE q;
RESET ROLE;
-- superusers have no privileges by membership, so it is membership alone that counts
SET ROLE n16_super; SELECT ssn, pay FROM person WHERE id = 1;
RESET ROLE;
-- exempt is who has the privileges, not who could take them
SET ROLE n16_ab; SELECT ssn, pay FROM person WHERE id = 1;
SET SESSION AUTHORIZATION n16_ab; SET ROLE n16_cleared; SELECT ssn, pay FROM person WHERE id = 1; RESET SESSION AUTHORIZATION;
SET ROLE n16_ac; SELECT ssn, pay FROM person WHERE id = 1;
RESET ROLE;
-- the policy's own rights go the same ways
SELECT lakehouse.right_grant('policy_admin', 'n16_cleared');
SET ROLE n16_ab;
CREATE TEMP TABLE x AS SELECT 1;
SELECT count(*) FROM lakehouse.policy_list();
RESET ROLE;
SELECT lakehouse.right_revoke('policy_admin', 'n16_cleared');

-- ---- aggregates, joins and sorts
SET ROLE n16_a;
SELECT any_value(ssn) ~ 'raw' AS raw, array_agg(DISTINCT ssn ORDER BY ssn) AS sorted, string_agg(ssn, ',' ORDER BY id) AS list FROM person;
SELECT random_normal() IS NOT NULL AS r, count(*) FILTER (WHERE pg_input_is_valid(ssn, 'int')) AS ints FROM person;
SELECT (pg_input_error_info(ssn, 'int')).message FROM person WHERE id = 1;
SELECT DISTINCT city, ssn FROM person WHERE id < 4 ORDER BY city;
SELECT JSON_ARRAYAGG(ssn ORDER BY id RETURNING text), JSON_OBJECT('s': max(ssn) RETURNING text) FROM person WHERE id < 3;
SELECT ssn IS JSON AS json, JSON_ARRAY(ssn) FROM person WHERE id = 1;
-- whole and right anti joins by hash
SET enable_mergejoin = off; SET enable_nestloop = off;
SELECT count(*), count(DISTINCT a.ssn), bool_or(a.ssn ~ 'raw' OR b.ssn ~ 'raw') AS raw FROM person a FULL JOIN person b ON a.ssn = b.ssn;
SELECT count(*) FROM (VALUES ('raw-1007'), ('X7')) v (s) WHERE NOT EXISTS (SELECT FROM person p WHERE p.ssn = v.s);
RESET enable_mergejoin; RESET enable_nestloop;
-- in parallel
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF, VERBOSE) SELECT string_agg(ssn, ','), array_agg(pay) FROM person;
SELECT length(string_agg(ssn, ',')), string_agg(ssn, ',') ~ 'raw' AS raw, array_agg(pay) = array_fill(NULL::int, ARRAY[20]) AS pays FROM person;
SELECT count(*), bool_or(a.ssn ~ 'raw' OR b.ssn ~ 'raw') AS raw FROM person a FULL JOIN person b ON a.ssn = b.ssn AND a.id = b.id;
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size; RESET max_parallel_workers_per_gather;
-- plans of any parameters
EXPLAIN (GENERIC_PLAN, COSTS OFF) SELECT id FROM person WHERE ssn = $1 AND city = $2;
-- the order of an index that is sorted on
SET enable_seqscan = off; SET enable_sort = on;
EXPLAIN (COSTS OFF) SELECT DISTINCT ON (city) city, ssn FROM person ORDER BY city, ssn;
SELECT DISTINCT ON (city) city, ssn FROM person ORDER BY city, ssn;
RESET enable_seqscan;
RESET ROLE;

SET client_min_messages = error;
SELECT lakehouse.policy_drop('n16');
DROP SCHEMA n16 CASCADE;
DROP OWNED BY n16_owner, n16_masked, n16_cleared, n16_reader, n16_a, n16_b, n16_c, n16_d, n16_ab, n16_ac;
DROP ROLE n16_owner, n16_masked, n16_cleared, n16_reader, n16_a, n16_b, n16_c, n16_d, n16_ab, n16_ac, n16_super;
