-- Tables with masks as plain relations of a plan: statements of every shape give the same rows as with a subquery for each table, and no
-- node above a scan has a raw column.
\set schema test_privacy_shapes
\i sql/include/lake.psql
CREATE ROLE shapes_masked;
GRANT USAGE ON SCHEMA lakehouse, test_privacy_shapes TO shapes_masked;
SET client_min_messages = error;
CREATE TABLE a (id int PRIMARY KEY, zip int, ssn text, city text, n int, pad text, note text);
INSERT INTO a SELECT i, 0, 'raw' || lpad((i * 7919 % 1000)::text, 4, '0'), 'city ' || i % 7, i * 37 % 500, repeat('x', 400), 'raw note ' || i FROM generate_series(1, 400) i;
CREATE TABLE b (id int PRIMARY KEY, a int, ssn text, total int);
INSERT INTO b SELECT i, i * 3 % 500, 'raw' || lpad((i * 7919 % 1300)::text, 4, '0'), i % 13 FROM generate_series(1, 250) i;
CREATE TABLE plain (id int PRIMARY KEY, a int, k text);
INSERT INTO plain SELECT i, i * 7 % 450, 'rX' || i FROM generate_series(1, 300) i;
CREATE TABLE part (id int, city text, ssn text) PARTITION BY LIST (city);
CREATE TABLE part1 (ssn text, id int, city text);
ALTER TABLE part ATTACH PARTITION part1 FOR VALUES IN ('city 0', 'city 1', 'city 2');
CREATE TABLE part2 PARTITION OF part DEFAULT;
INSERT INTO part SELECT id, city, ssn FROM a;
CREATE INDEX ON part (id);
CREATE INDEX a_ssn ON a (ssn);
CREATE INDEX a_city ON a (city, ssn);
CREATE INDEX a_n ON a (n) INCLUDE (ssn);
VACUUM ANALYZE a, b, plain, part;
SELECT lakehouse.policy_create('s_' || t, t::regclass, ARRAY['ssn', 'lakehouse.mask_partial(ssn, 1, ''X'', 2)'] || CASE WHEN t = 'a' THEN ARRAY['note', 'lakehouse.mask_constant(note, ''c'')'] ELSE '{}' END, for_roles => '{shapes_masked}') FROM unnest('{a,b,part}'::text[]) t;
GRANT SELECT (id, zip, city, n, pad, ctid) ON a TO shapes_masked;
GRANT SELECT (id, a, total) ON b TO shapes_masked;
GRANT SELECT (id, city, tableoid) ON part TO shapes_masked;
GRANT SELECT, UPDATE ON plain TO shapes_masked;
GRANT CREATE ON SCHEMA test_privacy_shapes TO shapes_masked;
SET ROLE shapes_masked;
CREATE VIEW v AS SELECT a.id, a.ssn, b.ssn AS other, b.total FROM a LEFT JOIN b ON b.a = a.id;
RESET ROLE;

CREATE TABLE statements (n int GENERATED ALWAYS AS IDENTITY, q text);
INSERT INTO statements (q) VALUES
	('SELECT a.ssn, b.ssn FROM a FULL JOIN b ON a.ssn = b.ssn'),
	('SELECT * FROM (SELECT id, ssn FROM a) x NATURAL JOIN (SELECT id, ssn FROM b) y'),
	('SELECT ssn, x.city, y.total FROM a x JOIN b y USING (ssn)'),
	('SELECT city, ssn, count(*), grouping(city, ssn) AS g FROM a GROUP BY CUBE (city, ssn)'),
	('SELECT city, ssn, n, count(*) FROM a GROUP BY GROUPING SETS ((city, ssn), (n), (ssn, n), ())'),
	('SELECT DISTINCT ON (ssn) ssn, id FROM a ORDER BY ssn, id DESC'),
	('SELECT DISTINCT ssn FROM a'),
	('SELECT id, ssn, rank() OVER (PARTITION BY ssn ORDER BY n, id) AS r, lag(ssn) OVER w AS l FROM a WINDOW w AS (ORDER BY id)'),
	('SELECT id, ssn FROM a ORDER BY ssn DESC, id LIMIT 20'),
	('SELECT id, ssn FROM a ORDER BY ssn FETCH FIRST 3 ROWS WITH TIES'),
	('SELECT max(ssn), min(ssn), count(DISTINCT ssn), string_agg(ssn, '','' ORDER BY ssn, id) FROM a'),
	('SELECT ssn FROM a INTERSECT SELECT ssn FROM b'),
	('SELECT ssn FROM a EXCEPT ALL SELECT ssn FROM b'),
	('SELECT ssn, id FROM a UNION ALL SELECT ssn, id FROM b UNION ALL SELECT k, id FROM plain'),
	('SELECT u.ssn, p.k FROM plain p JOIN (SELECT id, ssn FROM a UNION ALL SELECT id, lower(ssn) FROM b WHERE total > 3 UNION ALL SELECT id, ssn FROM part) u ON u.id = p.a'),
	('SELECT u.* FROM (SELECT * FROM (SELECT id, ssn, note FROM a) i UNION ALL SELECT id, ssn, ''k'' FROM b) u LEFT JOIN plain p ON p.id = u.id AND u.ssn > p.k'),
	('WITH c AS NOT MATERIALIZED (SELECT id, ssn FROM a) SELECT x.ssn, y.ssn AS other FROM c x JOIN c y ON x.id = y.id + 1 WHERE x.id < 50'),
	('WITH c AS MATERIALIZED (SELECT id, ssn FROM a) SELECT x.ssn, y.ssn AS other FROM c x JOIN c y ON x.ssn = y.ssn WHERE x.id < 50'),
	('WITH c AS (SELECT id, ssn FROM a) SELECT c.ssn, p.k FROM c JOIN plain p ON p.a = c.id'),
	('WITH RECURSIVE r AS (SELECT id, ssn, 1 AS d FROM a WHERE id = 3 UNION ALL SELECT a.id, a.ssn || r.d, d + 1 FROM r JOIN a ON a.id = r.id + 1 WHERE d < 8) SELECT * FROM r'),
	('SELECT p.id, (SELECT a.ssn FROM a WHERE a.id = p.a) AS s, EXISTS (SELECT 1 FROM b WHERE b.ssn = p.k) AS e FROM plain p'),
	('SELECT p.id FROM plain p WHERE p.k IN (SELECT ssn FROM a) OR p.a NOT IN (SELECT id FROM b WHERE ssn IS NOT NULL)'),
	('SELECT p.id FROM plain p WHERE EXISTS (SELECT 1 FROM a WHERE a.id = p.a AND a.ssn LIKE ''%3'')'),
	('SELECT p.id FROM plain p WHERE NOT EXISTS (SELECT 1 FROM a JOIN b ON a.ssn = b.ssn WHERE a.id = p.a)'),
	('SELECT p.id, l.* FROM plain p, LATERAL (SELECT a.ssn, p.k || a.ssn AS both, a FROM a WHERE a.id = p.a) l'),
	('SELECT p.id, l.* FROM plain p LEFT JOIN LATERAL (SELECT a.ssn, b.ssn AS other, p.k || a.ssn AS both, b FROM a LEFT JOIN b ON b.a = a.id AND b.ssn <> p.k WHERE a.id = p.a OFFSET 0) l ON true'),
	('SELECT a.ssn, l.x FROM a CROSS JOIN LATERAL (SELECT count(*) AS x FROM b WHERE b.ssn >= a.ssn) l WHERE a.id < 20'),
	('SELECT p.id, x, x.note, to_jsonb(y) AS y FROM plain p LEFT JOIN a x ON x.id = p.a LEFT JOIN b y ON y.a = x.id AND y.ssn > x.ssn'),
	('SELECT p.id, coalesce(x.ssn, ''none'') AS s, x.ssn IS NULL AS isnull, x.note IS NULL AS nonote FROM plain p LEFT JOIN a x ON x.id = p.a'),
	('SELECT p.id FROM plain p LEFT JOIN a x ON x.id = p.a WHERE x.ssn IS NULL'),
	('SELECT p.id FROM plain p LEFT JOIN a x ON x.id = p.a AND x.ssn = p.k'),
	('SELECT x.ssn, y.ssn AS other FROM a x LEFT JOIN (b y JOIN plain p ON p.id = y.id AND p.k < y.ssn) ON y.ssn = x.ssn'),
	('SELECT v.*, p.k FROM v JOIN plain p ON p.a = v.id WHERE v.other IS NULL OR v.other > ''rX5'''),
	('SELECT x.ssn, y.ssn AS other, z.ssn AS third FROM a x JOIN b y ON y.a = x.id JOIN part z ON z.id = y.id WHERE z.ssn <> x.ssn'),
	('SELECT x.ssn, y.ssn AS other FROM part x LEFT JOIN part y ON x.city = y.city AND x.id = y.id + 7 WHERE x.id < 60'),
	('SELECT x.tableoid::regclass, x.ssn FROM part x WHERE x.id IN (SELECT a FROM plain WHERE k > ''rX2'')'),
	('SELECT generate_series(1, 2) AS g, ssn FROM a WHERE id < 4'),
	('SELECT unnest(ARRAY[ssn, note]) AS u, upper(ssn) AS k FROM a WHERE id < 10 ORDER BY upper(ssn), 1'),
	('SELECT x.ssn FROM a x TABLESAMPLE BERNOULLI (100) REPEATABLE (1) JOIN plain p ON p.a = x.id'),
	('SELECT x.id, x.ctid, x.ssn FROM a x JOIN plain p ON p.a = x.id'),
	('SELECT CASE WHEN x.ssn > y.ssn THEN x.ssn ELSE y.ssn END AS k, count(*) FROM a x JOIN b y ON x.id = y.a GROUP BY 1 HAVING count(*) > 1 OR max(x.ssn) < ''r'''),
	('SELECT x.ssn FROM a x WHERE (x.ssn, x.id) > (''rX50'', 3) AND ROW (x.ssn, x.city) IS NOT NULL'),
	('SELECT x.ssn, xx.ssn AS other FROM a x JOIN a xx ON x.id + 1 = xx.id AND x.ssn < xx.ssn'),
	('SELECT sum(n) FILTER (WHERE ssn > ''rX5'') AS s, city FROM a GROUP BY city'),
	('SELECT y.ssn FROM (SELECT id, ssn, city, row_number() OVER (PARTITION BY city ORDER BY ssn, id) AS r FROM a) y WHERE r < 3'),
	('SELECT x.id, x.city FROM a x JOIN b y ON y.a = x.id ORDER BY x.city, y.total, x.id'),
	('SELECT x.id, pad FROM a x WHERE n BETWEEN 3 AND 40'),
	('SELECT count(*) FROM a x JOIN b y ON x.n = y.total JOIN plain p ON p.id = x.n'),
	('SELECT p.id, x.ssn FROM plain p JOIN a x ON x.id = p.a FOR UPDATE OF p'),
	('SELECT p.id, x.ssn FROM plain p JOIN (SELECT a.id, a.ssn || b.ssn AS ssn FROM a JOIN b ON a.id = b.a) x ON x.id = p.a FOR SHARE OF p');
CREATE FUNCTION shape(query text, how text, off text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
	s text;
BEGIN
	FOREACH s IN ARRAY string_to_array(off, ' ') LOOP
		PERFORM set_config('enable_' || s, 'off', true);
	END LOOP;
	PERFORM set_config('lakehouse.mask_plans', how, true);
	SET LOCAL ROLE shapes_masked;
	IF query ~ 'FOR (UPDATE|SHARE)' THEN
		EXECUTE 'WITH q AS (' || query || ') SELECT coalesce(md5(string_agg(q::text, ''|'' ORDER BY q::text)), ''none'') || '' '' || count(*) FROM q' INTO result;
	ELSE
		EXECUTE 'SELECT coalesce(md5(string_agg(q::text, ''|'' ORDER BY q::text)), ''none'') || '' '' || count(*) FROM (' || query || ') q' INTO result;
	END IF;
	RESET ROLE;
	FOREACH s IN ARRAY string_to_array(off, ' ') LOOP
		PERFORM set_config('enable_' || s, 'on', true);
	END LOOP;
	RETURN result;
END $$;
SET jit = off;
SET work_mem = '64kB';
ALTER TABLE statements ADD COLUMN expected text;
UPDATE statements SET expected = shape(q, 'subquery', '');
SELECT count(*) AS statements, count(*) FILTER (WHERE expected LIKE 'none%') AS without FROM statements;
SELECT n, off, q FROM statements, unnest('{"",nestloop,"hashjoin mergejoin","hashjoin nestloop","seqscan","seqscan bitmapscan","hashagg sort","material memoize"}'::text[]) off
	WHERE shape(q, 'index', off) <> expected ORDER BY 1, 2;
-- in parallel
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT n, q FROM statements WHERE q !~ 'FOR (UPDATE|SHARE)' AND shape(q, 'index', '') <> expected ORDER BY 1;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- what others write is masked as well
SET ROLE shapes_masked;
BEGIN;
UPDATE plain p SET k = x.ssn FROM a x WHERE x.id = p.a AND p.id < 4 RETURNING p.id, x.ssn = p.k AS same, p.k LIKE 'rX__' AS masked;
ROLLBACK;
RESET ROLE;

-- ---- where rows are stored: a column that nobody asked for is not carried there
SET ROLE shapes_masked;
SET enable_nestloop = off;
SET enable_mergejoin = off;
EXPLAIN (VERBOSE, COSTS OFF) SELECT b.total, x.city FROM b JOIN a x ON x.n = b.total;
EXPLAIN (VERBOSE, COSTS OFF) SELECT x.id, x.n FROM a x WHERE x.n < 3 UNION ALL SELECT id, a FROM b;
RESET enable_nestloop;
RESET enable_mergejoin;
RESET ROLE;

-- ---- row security that says of a masked column what another one is: it stands for it nowhere
CREATE TABLE twin (id int, ssn text, same text);
INSERT INTO twin SELECT id, ssn, ssn FROM a;
CREATE TABLE tens (k text);
INSERT INTO tens SELECT ssn FROM a WHERE id % 10 = 0;
ANALYZE twin, tens;
SELECT lakehouse.policy_create('s_twin', 'twin', ARRAY['ssn', 'lakehouse.mask_partial(ssn, 1, ''X'', 2)'], for_roles => '{shapes_masked}');
GRANT SELECT (id, same) ON twin TO shapes_masked;
GRANT SELECT ON tens TO shapes_masked;
ALTER TABLE twin ENABLE ROW LEVEL SECURITY;
CREATE POLICY alike ON twin USING (ssn = same);
SET ROLE shapes_masked;
SET enable_nestloop = off;
SET enable_hashjoin = off;
SELECT count(*), count(t.ssn), bool_and(t.ssn LIKE 'rX__') AS masked FROM twin t JOIN tens ON t.same = tens.k;
EXPLAIN (VERBOSE, COSTS OFF) SELECT t.ssn FROM twin t JOIN tens ON t.same = tens.k;
RESET enable_nestloop;
RESET enable_hashjoin;
RESET ROLE;

-- ---- a filter that becomes a join, of tables whose children have their columns in other places: masks are below it
CREATE TABLE cities AS SELECT 'city ' || i AS city, i AS n FROM generate_series(0, 6) i;
CREATE TABLE f1 (id int, ssn text, city text);
CREATE TABLE f2 (id int, ssn text, city text) PARTITION BY RANGE (id);
CREATE TABLE f2a (gone int, city text, ssn text, id int);
ALTER TABLE f2a DROP COLUMN gone;
ALTER TABLE f2 ATTACH PARTITION f2a FOR VALUES FROM (0) TO (150);
CREATE TABLE f2b PARTITION OF f2 FOR VALUES FROM (150) TO (1000);
CREATE TABLE f3 (id int, ssn text, city text);
CREATE TABLE f3a (ssn text, city text, id int) INHERITS (f3);
CREATE TABLE f3b (more text, id int, city text, ssn text);
ALTER TABLE f3b INHERIT f3;
INSERT INTO f1 SELECT id, ssn, city FROM a;
INSERT INTO f2 SELECT id, ssn, city FROM a;
INSERT INTO f3 SELECT id, ssn, city FROM a WHERE id < 100;
INSERT INTO f3a SELECT id, ssn, city FROM a WHERE id BETWEEN 100 AND 200;
INSERT INTO f3b (id, ssn, city) SELECT id, ssn, city FROM a WHERE id > 200;
ANALYZE cities, f1, f2, f3, f3a, f3b;
SELECT count(lakehouse.policy_create('s_' || t, t::regclass, ARRAY['ssn', 'lakehouse.mask_partial(ssn, 1, ''X'', 2)'], for_roles => '{shapes_masked}',
	row_filter => 'city IN (SELECT c.city FROM test_privacy_shapes.cities c WHERE c.n < 4) AND EXISTS (SELECT 1 FROM test_privacy_shapes.cities e WHERE e.city = ' || t || '.city AND e.n > 0)')) FROM unnest('{f1,f2,f3}'::text[]) t;
GRANT SELECT (id, city) ON f1, f2, f3 TO shapes_masked;
SELECT format('CREATE VIEW seen_%s AS SELECT id, lakehouse.mask_partial(ssn, 1, ''X'', 2) AS ssn, city FROM %1$s WHERE city IN (''city 1'', ''city 2'', ''city 3'')', t) FROM unnest('{f1,f2,f3}'::text[]) t \gexec
CREATE TABLE joined AS SELECT t, off, format(q, t) AS q, format(q, 'seen_' || t) AS plain
	FROM unnest('{f1,f2,f3}'::text[]) t, unnest('{"",nestloop,"nestloop hashjoin","mergejoin hashjoin material memoize"}'::text[]) off,
	unnest('{SELECT x.id\, x.ssn FROM %s x,SELECT x.ssn\, count(*) FROM %s x GROUP BY x.ssn ORDER BY x.ssn,SELECT x.ssn\, y.ssn AS other FROM %1$s x JOIN %1$s y ON x.ssn = y.ssn AND x.id < y.id,SELECT x.city FROM %s x WHERE x.ssn = ''rX43'',SELECT z.ssn FROM (SELECT ssn\, id FROM %1$s UNION ALL SELECT city\, id FROM %1$s UNION ALL SELECT k\, a FROM plain) z WHERE z.id < 80,WITH w AS NOT MATERIALIZED (SELECT * FROM %s) SELECT u.ssn\, v.id FROM w u JOIN w v ON u.id = v.id + 7}'::text[]) q;
CREATE FUNCTION plainly(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE 'SELECT coalesce(md5(string_agg(q::text, ''|'' ORDER BY q::text)), ''none'') || '' '' || count(*) FROM (' || query || ') q' INTO result;
	RETURN result;
END $$;
ALTER TABLE joined ADD COLUMN expected text;
UPDATE joined SET expected = plainly(plain);
SELECT count(*), count(*) FILTER (WHERE expected LIKE 'none%') AS without FROM joined;
SELECT j.q, j.off, how FROM joined j, unnest('{index,subquery}'::text[]) how WHERE shape(j.q, how, j.off) <> expected;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT j.q FROM joined j WHERE off = '' AND j.q !~ 'JOIN' AND shape(j.q, 'index', '') <> expected;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
SET ROLE shapes_masked;
SET enable_nestloop = off;
SET enable_mergejoin = off;
EXPLAIN (VERBOSE, COSTS OFF) SELECT x.ssn FROM f2 x;
RESET enable_nestloop;
RESET enable_mergejoin;
-- whole rows go along where rows beside it are locked or changed, whatever the query uses
CREATE TABLE beside AS SELECT i AS id FROM generate_series(1, 40) i;
SELECT x.id, x.city FROM f1 x, beside b WHERE x.id = b.id AND x.id < 10 ORDER BY 1 FOR UPDATE OF b;
SELECT x.id, x.ssn FROM f3 x JOIN beside b USING (id) WHERE x.id < 10 ORDER BY 1 FOR SHARE OF b;
WITH u AS (UPDATE beside SET id = b.id + 100 FROM beside b JOIN f2 x ON x.id = b.id WHERE beside.id = b.id AND b.id < 10 RETURNING beside.id, x.city) SELECT * FROM u ORDER BY 1;
WITH u AS (DELETE FROM beside USING f1 x WHERE x.id = beside.id AND x.id < 30 RETURNING x.id, x.city, x.ssn) SELECT count(*), count(*) FILTER (WHERE ssn LIKE 'rX%') AS masked FROM u;
DROP TABLE beside;
RESET ROLE;
DROP FUNCTION plainly;

-- ---- too many placeholders of the planner's own: refused, and not confused
SELECT 'SELECT count(*) FROM a' || string_agg(format(' LEFT JOIN (SELECT id, %s FROM plain) l%s ON l%2$s.id = a.id', cols, t), '') || ' WHERE ssn = concat(' || string_agg(used, ',') || ')' AS many
	FROM (SELECT t, string_agg(format('coalesce(a, %s) AS c%s', i, i), ', ') AS cols, 'concat(' || string_agg(format('l%s.c%s', t, i), ', ') || ')' AS used
		FROM generate_series(1, 60) t, generate_series(1, 80) i GROUP BY t) x \gset
SET ROLE shapes_masked;
EXPLAIN (COSTS OFF) :many;
RESET ROLE;

DROP FUNCTION shape;
SELECT count(lakehouse.policy_drop(name)) FROM lakehouse.policy_list() WHERE name LIKE 's\_%';
DROP SCHEMA test_privacy_shapes CASCADE;
DROP OWNED BY shapes_masked;
DROP ROLE shapes_masked;
