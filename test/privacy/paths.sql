-- Each way to read that reference 6.1 lists, and some more; run as attack_masked, see attack and README.md.
\set QUIET on
SET search_path = mine, attack, pg_catalog;
SET client_min_messages = notice;

\echo '== 1 SELECT'
SELECT ssn, name, salary FROM person WHERE id < 3;
\echo '== 2 TABLE'
TABLE person;
\echo '== 3 CTE'
WITH p AS MATERIALIZED (SELECT * FROM person) SELECT p.name, q.ssn FROM p JOIN p q USING (id);
\echo '== 4 subquery in an expression'
SELECT (SELECT max(ssn) FROM person), ARRAY(SELECT name FROM person), EXISTS (SELECT FROM person);
\echo '== 5 correlated and lateral'
SELECT l.ssn FROM visible v, LATERAL (SELECT ssn FROM person p WHERE p.id = v.id) l;
\echo '== 6 recursive'
WITH RECURSIVE r AS (SELECT id, ssn FROM person WHERE id = 1 UNION ALL SELECT p.id, p.ssn FROM person p JOIN r ON p.id = r.id + 1 WHERE r.id < 4)
	SELECT * FROM r;
\echo '== 7 set operations'
SELECT ssn FROM person UNION SELECT name FROM person ORDER BY 1 LIMIT 5;
\echo '== 8 aggregates and windows'
SELECT string_agg(ssn, ','), min(name), sum(salary), array_agg(salary), jsonb_object_agg(id, ssn) FROM person;
SELECT lag(ssn) OVER w, first_value(name) OVER w FROM person WINDOW w AS (ORDER BY id) LIMIT 3;
SELECT name, count(*) FROM person GROUP BY ROLLUP (name) ORDER BY 1;
\echo '== 9 whole rows'
SELECT p, p::text, row_to_json(p), to_jsonb(p) FROM person p LIMIT 2;
SELECT (p).ssn, p.* FROM person p LIMIT 2;
\echo '== 10 DO'
DO $$ DECLARE r record; BEGIN FOR r IN SELECT * FROM attack.person LIMIT 2 LOOP RAISE NOTICE '%', r; END LOOP; END $$;
\echo '== 11 query_to_xml, table_to_xml, schema_to_xml'
SELECT query_to_xml('SELECT ssn FROM attack.person LIMIT 2', true, false, '');
SELECT table_to_xml('attack.person', true, false, '');
SELECT schema_to_xml('attack', true, false, '');
\echo '== 12 ts_stat'
SELECT upper(word) FROM ts_stat('SELECT to_tsvector(''simple'', name) FROM attack.person');
SELECT upper(word) FROM ts_stat('SELECT to_tsvector(''simple'', replace(ssn, ''-'', '''')) FROM attack.person');
\echo '== 13 view with its owner''s rights'
SELECT * FROM owner_view LIMIT 3;
\echo '== 14 view with the caller''s rights'
SELECT * FROM invoker_view LIMIT 3;
\echo '== 15 view and temporary view of one''s own'
CREATE VIEW mine.v AS SELECT id, ssn, name FROM attack.person;
CREATE TEMP VIEW tv AS SELECT id, salary FROM attack.person;
SELECT * FROM mine.v, tv LIMIT 2;
DROP VIEW mine.v;
\echo '== 16 CREATE TABLE AS'
CREATE TABLE mine.copy AS SELECT id, ssn, name, salary FROM attack.person;
SELECT * FROM mine.copy LIMIT 2;
DROP TABLE mine.copy;
\echo '== 17 SELECT INTO'
SELECT id, ssn, salary INTO mine.copy FROM attack.person;
SELECT * FROM mine.copy LIMIT 2;
DROP TABLE mine.copy;
\echo '== 18 materialized view of one''s own'
CREATE MATERIALIZED VIEW mine.mv AS SELECT id, ssn, name FROM attack.person;
SELECT * FROM mine.mv LIMIT 2;
REFRESH MATERIALIZED VIEW mine.mv;
SELECT * FROM mine.mv LIMIT 2;
DROP MATERIALIZED VIEW mine.mv;
\echo '== 19 DECLARE CURSOR'
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT ssn, name FROM person;
FETCH 2 FROM c;
FETCH BACKWARD 1 FROM c;
DECLARE h CURSOR WITH HOLD FOR SELECT ssn FROM person;
COMMIT;
FETCH 2 FROM h;
CLOSE h;
\echo '== 20 cursor_to_xml, refcursor'
BEGIN;
DECLARE c CURSOR FOR SELECT ssn FROM person;
SELECT cursor_to_xml('c', 2, true, false, '');
COMMIT;
\echo '== 21 COPY t TO'
COPY person TO STDOUT;
\echo '== 22 COPY t (columns) TO, with options'
COPY attack.person (salary, ssn) TO STDOUT (FORMAT csv, HEADER, FORCE_QUOTE *);
COPY person (ssn) TO STDOUT (FORMAT binary);
\echo
\echo '== 23 COPY (query) TO'
COPY (SELECT ssn, name FROM person) TO STDOUT;
COPY (TABLE person) TO STDOUT;
\echo '== 24 EXPLAIN'
EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off, VERBOSE) SELECT ssn, name FROM person WHERE name > 'A' ORDER BY ssn;
EXPLAIN (VERBOSE) SELECT * FROM person WHERE ssn = 'x' OR salary > 5;
\echo '== 25 PREPARE, EXECUTE'
PREPARE q AS SELECT ssn, salary FROM person LIMIT 2;
EXECUTE q;
CREATE TABLE mine.copy AS EXECUTE q;
TABLE mine.copy;
DROP TABLE mine.copy;
EXPLAIN ANALYZE EXECUTE q;
\echo '== 26 SQL function, body a string'
SELECT * FROM by_text();
\echo '== 27 SQL function, body a tree'
SELECT * FROM by_tree();
\echo '== 28 functions of one''s own, in pg_temp too'
CREATE FUNCTION pg_temp.t() RETURNS SETOF text LANGUAGE sql BEGIN ATOMIC SELECT ssn FROM attack.person; END;
CREATE FUNCTION mine.s() RETURNS SETOF attack.person LANGUAGE sql STABLE AS 'SELECT * FROM attack.person';
CREATE FUNCTION mine.scalar(int) RETURNS text LANGUAGE sql STABLE AS 'SELECT ssn FROM attack.person WHERE id = $1';
CREATE FUNCTION mine.p() RETURNS text LANGUAGE plpgsql AS 'DECLARE s text; BEGIN SELECT name INTO s FROM attack.person LIMIT 1; RETURN s; END';
SELECT * FROM pg_temp.t() LIMIT 2;
SELECT * FROM mine.s() LIMIT 2;
SELECT ssn FROM mine.s() WHERE id = 1;
SELECT mine.scalar(i) FROM generate_series(1, 2) i;
SELECT mine.p();
DROP FUNCTION mine.s(), mine.scalar(int), mine.p();
\echo '== 29 function with SECURITY DEFINER'
SELECT * FROM definer();
SELECT definer_plpgsql();
SELECT definer_dynamic('SELECT string_agg(ssn, '','') FROM attack.person');
\echo '== 30 set-returning functions that are inlined'
SELECT f FROM by_text() f WHERE f > 'A';
SELECT f FROM by_tree() f WHERE f > 'A';
\echo '== 31 UPDATE that tests a masked column'
BEGIN;
UPDATE person SET city = 'x' WHERE ssn > 'A' RETURNING ssn;
ROLLBACK;
\echo '== 32 UPDATE that copies a masked column'
BEGIN;
UPDATE person SET city = ssn;
SELECT city FROM person;
ROLLBACK;
\echo '== 33 UPDATE, DELETE, INSERT with RETURNING'
BEGIN;
UPDATE person SET city = 'x' WHERE id = 1 RETURNING *;
ROLLBACK;
BEGIN;
DELETE FROM person WHERE id = 10 RETURNING ssn;
ROLLBACK;
BEGIN;
INSERT INTO person (id, city, ssn) VALUES (101, 'x', 'mine') ON CONFLICT (id) DO UPDATE SET city = person.ssn RETURNING person.name;
ROLLBACK;
\echo '== 34 DELETE that tests a masked column, USING'
BEGIN;
DELETE FROM person WHERE ssn LIKE '%1003';
DELETE FROM visible v USING person p WHERE p.name > 'A' RETURNING p.ssn;
ROLLBACK;
\echo '== 35 MERGE'
BEGIN;
MERGE INTO person p USING visible v ON p.id = v.id WHEN MATCHED AND p.ssn > 'A' THEN UPDATE SET city = p.name;
MERGE INTO person p USING (SELECT id, ssn FROM person) v ON p.id = v.id WHEN MATCHED THEN UPDATE SET city = v.ssn;
SELECT city FROM person;
ROLLBACK;
\echo '== 36 INSERT ... SELECT'
CREATE TABLE mine.taken (a text, b int);
INSERT INTO mine.taken SELECT ssn, salary FROM attack.person RETURNING *;
TABLE mine.taken;
DROP TABLE mine.taken;
\echo '== 37 data-modifying CTE'
WITH u AS (UPDATE visible SET word = 'x' WHERE false RETURNING *) SELECT ssn FROM person LEFT JOIN u USING (id) LIMIT 2;
\echo '== 38 statistics: pg_stats'
SELECT * FROM pg_stats WHERE tablename = 'person';
\echo '== 39 statistics: pg_stats_ext, pg_stats_ext_exprs'
SELECT * FROM pg_stats_ext;
SELECT * FROM pg_stats_ext_exprs;
\echo '== 40 statistics: pg_statistic, pg_statistic_ext_data'
SELECT * FROM pg_statistic;
SELECT * FROM pg_statistic_ext_data;
\echo '== 41 partitions by the parent'
SELECT * FROM parted;
\echo '== 42 partitions by themselves'
SELECT * FROM parted_1 UNION ALL SELECT * FROM parted_2 UNION ALL SELECT * FROM parted_2a;
COPY parted_1 TO STDOUT;
\echo '== 43 inheritance, from above and below'
SELECT * FROM base;
SELECT * FROM heir;
SELECT * FROM ONLY base;
\echo '== 44 rows that a filter hides'
SELECT * FROM visible;
SELECT count(*) FILTER (WHERE word LIKE '%ECRET%'), max(word) FROM visible;
COPY visible TO STDOUT;
\echo '== 45 SET row_security = off'
SET row_security = off;
SELECT * FROM visible;
SELECT ssn FROM person LIMIT 1;
RESET row_security;
\echo '== 46 leaky function in WHERE, and a cheap one'
CREATE FUNCTION mine.leak(text) RETURNS bool LANGUAGE plpgsql COST 0.0000001 AS 'BEGIN RAISE NOTICE ''%'', $1; RETURN true; END';
SELECT id FROM person WHERE mine.leak(ssn) AND id < 3;
SELECT id FROM visible WHERE mine.leak(word);
SELECT id FROM owner_view WHERE mine.leak(name) AND id < 3;
\echo '== 47 operator, cast and aggregate of one''s own'
CREATE FUNCTION mine.leak2(text, text) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RAISE NOTICE ''%'', $1; RETURN true; END';
CREATE OPERATOR mine.<<< (LEFTARG = text, RIGHTARG = text, FUNCTION = mine.leak2);
SELECT id FROM visible WHERE word OPERATOR(mine.<<<) 'x';
SELECT id FROM person WHERE ssn OPERATOR(mine.<<<) 'x' AND id < 3;
DROP OPERATOR mine.<<< (text, text);
DROP FUNCTION mine.leak(text), mine.leak2(text, text);
\echo '== 48 errors of expressions'
SELECT ssn::int FROM person;
SELECT name::date FROM person WHERE id = 1;
SELECT (word::int) FROM visible;
SELECT salary / (salary - salary) FROM person;
SELECT ('{"a":' || ssn || '}')::json FROM person;
\echo '== 49 TABLESAMPLE'
SELECT ssn FROM person TABLESAMPLE BERNOULLI (100) LIMIT 2;
\echo '== 50 row locks'
BEGIN;
SELECT ssn FROM person WHERE id = 1 FOR UPDATE;
SELECT ssn, word FROM person JOIN visible USING (id) FOR SHARE OF visible SKIP LOCKED;
ROLLBACK;
\echo '== 51 system columns'
SELECT ctid, tableoid::regclass, xmin IS NULL, ssn FROM person WHERE ctid = '(0,1)';
\echo '== 52 joins on masked columns'
SELECT a.ssn, c.person FROM person a JOIN child c ON a.ssn = c.person;
SELECT a.ssn, b.name FROM visible v LEFT JOIN person a ON a.id = v.id FULL JOIN person b ON b.id = a.id LIMIT 3;
\echo '== 53 generated column'
SELECT initial FROM person LIMIT 2;
\echo '== 54 ORDER BY, DISTINCT ON, LIMIT'
SELECT id, ssn FROM person ORDER BY salary DESC, ssn LIMIT 2;
SELECT DISTINCT ON (name) name, ssn FROM person ORDER BY name, id;
\echo '== 55 trigger of one''s own that reads'
CREATE TABLE mine.t (a int);
CREATE FUNCTION mine.reads() RETURNS trigger LANGUAGE plpgsql AS
	'BEGIN RAISE NOTICE ''%'', (SELECT max(ssn) FROM attack.person); RETURN NEW; END';
CREATE TRIGGER reads BEFORE INSERT ON mine.t FOR EACH ROW EXECUTE FUNCTION mine.reads();
INSERT INTO mine.t VALUES (1);
DROP TABLE mine.t;
DROP FUNCTION mine.reads();
\echo '== 56 rule of one''s own that reads'
CREATE TABLE mine.t (a int);
CREATE RULE r AS ON INSERT TO mine.t DO ALSO SELECT ssn FROM attack.person LIMIT 2;
INSERT INTO mine.t VALUES (1);
DROP TABLE mine.t;
\echo '== 57 default and CHECK of one''s own that read'
CREATE FUNCTION mine.d() RETURNS text LANGUAGE sql AS 'SELECT max(ssn) FROM attack.person';
CREATE TABLE mine.t (a text DEFAULT mine.d(), CHECK (mine.d() IS NOT NULL));
INSERT INTO mine.t DEFAULT VALUES RETURNING *;
DROP TABLE mine.t;
DROP FUNCTION mine.d();
\echo '== 58 index of one''s own that reads'
CREATE FUNCTION mine.i(int) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'DECLARE s text; BEGIN SELECT ssn INTO s FROM attack.person WHERE id = $1; RETURN s; END';
CREATE TABLE mine.t (a int);
INSERT INTO mine.t VALUES (1), (2);
CREATE INDEX i ON mine.t (mine.i(a));
ANALYZE mine.t;
SELECT most_common_vals, histogram_bounds FROM pg_stats WHERE schemaname = 'mine';
SELECT mine.i(a) FROM mine.t;
DROP TABLE mine.t;
DROP FUNCTION mine.i(int);
\echo '== 59 COPY in format parquet'
COPY attack.person TO STDOUT (FORMAT parquet);
\echo
\echo '== 60 LOCK TABLE does not read'
BEGIN;
LOCK TABLE person IN ACCESS SHARE MODE;
SELECT ssn FROM person LIMIT 1;
ROLLBACK;
\echo '== 61 RETURNING INTO, FOR IN EXECUTE, cursors of PL/pgSQL'
DO $$
DECLARE
	c CURSOR FOR SELECT ssn, name FROM attack.person;
	rc refcursor;
	a text; b text; r record;
BEGIN
	OPEN c; FETCH c INTO a, b; RAISE NOTICE '% %', a, b; CLOSE c;
	OPEN rc FOR EXECUTE 'SELECT ssn FROM attack.person'; FETCH rc INTO a; RAISE NOTICE '%', a;
	FOR r IN EXECUTE 'SELECT salary FROM attack.person LIMIT 1' LOOP RAISE NOTICE '%', r; END LOOP;
	a := (SELECT name FROM attack.person LIMIT 1); RAISE NOTICE '%', a;
END $$;
\echo '== 62 what psql stores with gset'
SELECT ssn AS s, name AS n FROM person WHERE id = 1 \gset
SELECT :'s';
\echo '== 63 probe by a range'
SELECT id, ssn FROM person WHERE salary > 1000 LIMIT 1;
