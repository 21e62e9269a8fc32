-- Constants beside columns: scans that project by themselves give what PostgreSQL gives.
SET client_min_messages = notice;
\set VERBOSITY terse
SET jit = off;
SET max_parallel_workers_per_gather = 0;

CREATE TABLE project_t (a int, gone int, b text COLLATE "C", c numeric, d date, e text, f int8, g float8, h bool, i text, j int2 NOT NULL DEFAULT 3);
INSERT INTO project_t SELECT i, i, CASE WHEN i % 3 > 0 THEN 'b' || i END, CASE WHEN i % 5 > 0 THEN i / 7.0 END, CASE WHEN i % 2 > 0 THEN date '2000-01-01' + i END,
	repeat('e', i % 300), i * 1000000007::int8, i / 3.0, i % 2 = 0, CASE WHEN i % 7 > 0 THEN 'i' || i END FROM generate_series(1, 3000) i;
-- columns that rows do not have, and one that is none
ALTER TABLE project_t DROP gone;
ALTER TABLE project_t ADD k text DEFAULT 'later', ADD l int DEFAULT 12, ADD m int;
INSERT INTO project_t (a, b, k) SELECT i, 'new' || i, NULL FROM generate_series(3001, 3100) i;
CREATE INDEX ON project_t (a);
VACUUM ANALYZE project_t;

-- rows, one by one, of PostgreSQL and of ours
CREATE FUNCTION same(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE r record; n int := 0; theirs text[] := '{}'; ours text[] := '{}';
BEGIN
	PERFORM set_config('lakehouse.project', 'off', true);
	FOR r IN EXECUTE query LOOP theirs := theirs || r::text; END LOOP;
	PERFORM set_config('lakehouse.project', 'tell', true);
	FOR r IN EXECUTE query LOOP ours := ours || r::text; END LOOP;
	PERFORM set_config('lakehouse.project', 'on', true);
	RETURN CASE WHEN theirs = ours THEN 'same' ELSE 'DIFFERENT' END || ', ' || cardinality(ours);
END $$;

-- ---- a scan alone
SELECT same($$SELECT a, 'x' AS b, c, d, e, f, g, h, i, j, k, l, m FROM project_t$$);
SELECT same($$SELECT a, NULL::text AS b, c, d, e, f, g, h, i, j, k, l, m FROM project_t$$);
SELECT same($$SELECT 'first', a, b, c, d, 'middle', f, g, NULL::bool, i, j, k, l, m, 'last' FROM project_t$$);
SELECT same($$SELECT m, l, 1, k, j, 2, a FROM project_t$$);
SELECT same($$SELECT e, 'x', e, a, a, b, 7.5, c FROM project_t$$);
SELECT same($$SELECT b, 'x' FROM project_t$$);
SELECT same($$SELECT l, NULL::int, k FROM project_t$$);
-- functions of columns: one of the extension, of PostgreSQL, and one that fails
SELECT same($$SELECT a, lakehouse.mask_partial(e, 2, '***', 4), c, 'x', upper(b), f + 1 FROM project_t$$);
SELECT same($$SELECT a, lakehouse.mask_partial(e, 2, '***', 4) AS e, c, d FROM project_t$$);
SET lakehouse.project = tell;
SELECT a, 'x', 1 / (a - 5), e FROM project_t;
RESET lakehouse.project;
-- conditions see the row as it is
SELECT same($$SELECT a, 'x' AS b, c FROM project_t WHERE b > 'b2' AND c < 300$$);
SELECT same($$SELECT a, 'x' AS b, c FROM project_t WHERE b IS NULL OR e = ''$$);

-- ---- within plans
SELECT same($$SELECT t.a, t.x, u.b FROM (SELECT a, 'x' AS x, e FROM project_t OFFSET 0) t JOIN (SELECT a, NULL::text AS b FROM project_t OFFSET 0) u USING (a) ORDER BY 1$$);
SET enable_hashjoin = off;
SELECT same($$SELECT t.a, t.x, u.b FROM (SELECT a, 'x' AS x, e FROM project_t WHERE a < 50 OFFSET 0) t LEFT JOIN (SELECT a, 'y' AS b FROM project_t WHERE a % 2 = 0 OFFSET 0) u USING (a) ORDER BY 1$$);
RESET enable_hashjoin;
SELECT same($$SELECT x, count(*), max(c) FROM (SELECT 'x' AS x, c, a FROM project_t OFFSET 0) t GROUP BY x$$);
SELECT same($$SELECT a, b FROM (SELECT a, 'x' AS b FROM project_t UNION ALL SELECT a, b FROM project_t) u ORDER BY 1, 2$$);
SELECT same($$SELECT a, (SELECT max(u.e) FROM (SELECT 'x' AS x, e, a FROM project_t OFFSET 0) u WHERE u.a = t.a) FROM project_t t WHERE a < 20 ORDER BY 1$$);
SELECT same($$WITH c AS MATERIALIZED (SELECT a, 'x' AS b, d FROM project_t) SELECT * FROM c JOIN c d USING (a) ORDER BY 1$$);
SET enable_seqscan = off;
SELECT same($$SELECT a, 'x' AS b, e FROM project_t WHERE a BETWEEN 100 AND 900 ORDER BY a$$);
SET enable_indexscan = off;
SELECT same($$SELECT a, 'x' AS b, e FROM project_t WHERE a BETWEEN 100 AND 900$$);
RESET enable_seqscan;
RESET enable_indexscan;
SELECT same($$SELECT a, 'x' FROM project_t WHERE a < 2000 ORDER BY a$$);
CREATE TABLE project_child (own int) INHERITS (project_t);
ALTER TABLE project_child ADD CHECK (true);
INSERT INTO project_child (a, b, own) SELECT i, 'child', 1 FROM generate_series(1, 2000) i;
CREATE TABLE project_parts (a int, b text, c int) PARTITION BY RANGE (a);
CREATE TABLE project_part1 (c int, b text, a int);
ALTER TABLE project_parts ATTACH PARTITION project_part1 FOR VALUES FROM (0) TO (1000);
CREATE TABLE project_part2 PARTITION OF project_parts FOR VALUES FROM (1000) TO (9999);
INSERT INTO project_parts SELECT i, 'b' || i, -i FROM generate_series(1, 3000) i;
ANALYZE project_child, project_parts;
SELECT same($$SELECT a, 'x' AS b, c, k FROM project_t$$);
SELECT same($$SELECT a, 'x' AS b, c FROM project_parts$$);

-- ---- what stays with PostgreSQL: the system's columns, whole rows, queries within, sets, changes
SELECT same($$SELECT ctid, a, 'x' FROM ONLY project_t$$);
SELECT same($$SELECT tableoid::regclass, a, 'x' FROM project_t$$);
SELECT same($$SELECT t, 'x' FROM ONLY project_t t$$);
SELECT same($$SELECT a, 'x', (SELECT count(*) FROM project_part1 p WHERE p.a = t.a) FROM ONLY project_t t WHERE a < 100$$);
SELECT same($$SELECT a, 'x', generate_series(1, 2) FROM ONLY project_t$$);
SELECT same($$SELECT a, 'x' FROM ONLY project_t WHERE a = 5$$);
BEGIN;
SET LOCAL lakehouse.project = tell;
UPDATE project_parts SET b = 'x' WHERE c < 0;
SELECT count(*), min(b), max(b) FROM project_parts;
ROLLBACK;

-- ---- COPY, cursors in both directions, plans that are kept while the table changes
SET lakehouse.project = tell;
COPY (SELECT a, 'x' AS b, c, NULL::text FROM project_parts WHERE b IN ('b1', 'b2', 'b2000')) TO STDOUT;
BEGIN;
DECLARE p SCROLL CURSOR FOR SELECT a, 'x' AS b, c FROM project_parts;
FETCH 2 FROM p;
MOVE FORWARD 1500 IN p;
FETCH 2 FROM p;
FETCH BACKWARD 3 FROM p;
FETCH FIRST FROM p;
ROLLBACK;
PREPARE kept AS SELECT c, 'x' AS x, b FROM project_part2 WHERE c < -2998;
EXECUTE kept;
EXECUTE kept;
ALTER TABLE project_parts ALTER c TYPE int8;
ALTER TABLE project_parts ADD filler int;
ANALYZE project_parts;
EXECUTE kept;
DEALLOCATE kept;
PREPARE kept AS SELECT c, 'x' AS x, b FROM project_part2 WHERE c < -2998;
EXECUTE kept;
RESET lakehouse.project;

-- ---- through a policy: the mask is a constant, its values are in no place of the plan
CREATE ROLE project_reader;
GRANT SELECT ON project_parts TO project_reader;
SELECT lakehouse.policy_create('project_p', 'project_parts', ARRAY['b', $$lakehouse.mask_constant(b, 'x')$$], for_roles => '{project_reader}');
SET ROLE project_reader;
SET lakehouse.project = tell;
SELECT b, count(*), sum(c) FROM (SELECT * FROM project_parts OFFSET 0) t GROUP BY b ORDER BY b COLLATE "C" LIMIT 5;
COPY (SELECT b, c FROM project_parts WHERE c > -3) TO STDOUT;
RESET ROLE;
RESET lakehouse.project;
SELECT lakehouse.policy_drop('project_p');
DROP TABLE project_child, project_t, project_parts;
DROP FUNCTION same;
DROP ROLE project_reader;
