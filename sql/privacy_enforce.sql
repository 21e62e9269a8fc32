-- Policies in statements: whoever is masked sees masks, on every way that a statement can take, and what is granted to him.
-- Secrets begin with "raw": none of them may be seen below but where a section says so.
CREATE ROLE regress_pe_owner;
CREATE ROLE regress_pe_masked;
CREATE ROLE regress_pe_clerk;				-- no policy is for him
CREATE ROLE regress_pe_nobody;
CREATE SCHEMA pe AUTHORIZATION regress_pe_owner;
GRANT USAGE ON SCHEMA pe TO PUBLIC;
GRANT CREATE ON SCHEMA pe TO regress_pe_masked;
SET search_path = pe, public;
SET ROLE regress_pe_owner;

CREATE TABLE people (id int PRIMARY KEY, gone text, ssn text, city text, salary int, note text);
INSERT INTO people VALUES (1, 'raw', 'raw-1-1111', 'Rome', 100, 'a'), (2, 'raw', 'raw-2-2222', 'Oslo', 200, 'b'), (3, 'raw', 'raw-3-3333', 'Rome', 300, 'c'),
	(4, 'raw', NULL, 'Bonn', 400, 'd');
ALTER TABLE people DROP COLUMN gone;
CREATE TABLE orders (id int PRIMARY KEY, person int REFERENCES people, ssn text, total int);
INSERT INTO orders VALUES (10, 1, 'raw-1-1111', 7), (11, 1, 'raw-1-1111', 8), (12, 3, 'raw-3-3333', 9);
-- a, b and c: granted, masked, and nothing
GRANT SELECT (id, city) ON people TO regress_pe_masked;
GRANT SELECT ON orders TO regress_pe_masked, regress_pe_clerk;
GRANT SELECT ON people TO regress_pe_clerk;
GRANT SELECT (id) ON people TO regress_pe_nobody;
RESET ROLE;
SELECT lakehouse.policy_create('p_people', 'people', ARRAY['ssn', $$lakehouse.mask_partial(ssn, 0, 'X', 4)$$, 'note', $$lakehouse.mask_constant(note, 'hidden')$$],
	for_roles => '{regress_pe_masked}');

\set VERBOSITY terse
-- ---- who sees what
SET ROLE regress_pe_clerk;
SELECT * FROM people ORDER BY id;			-- raw
SET ROLE regress_pe_nobody;
SELECT id FROM people ORDER BY id;
SELECT ssn FROM people;						-- no masked-read grant, no privilege
SELECT count(ssn) FROM people;
SET ROLE regress_pe_masked;
SELECT id, ssn, city, note FROM people ORDER BY id;
SELECT salary FROM people;					-- nothing
SELECT * FROM people;
SELECT people FROM people;
SELECT id FROM people WHERE salary > 0;
SELECT count(*) FROM people;
SELECT count(*) FROM people WHERE ssn = 'raw-1-1111';
SELECT id FROM people WHERE ssn = 'X1111';
SELECT ssn FROM ONLY people ORDER BY id;
TABLE people;
RESET ROLE;
-- a column that comes later is nobody's, also where a view is older
SET ROLE regress_pe_owner;
CREATE VIEW v_old AS SELECT p.id, p.ssn, p.note FROM people p;
GRANT SELECT ON v_old TO regress_pe_masked;
RESET ROLE;
ALTER TABLE people ADD COLUMN later text DEFAULT 'fresh';
SET ROLE regress_pe_masked;
SELECT later FROM people;
SELECT id, ssn FROM people ORDER BY id;
SELECT * FROM v_old ORDER BY id;
SELECT v_old FROM v_old WHERE id = 1;
RESET ROLE;
GRANT SELECT (salary, later) ON people TO regress_pe_masked;
SET ROLE regress_pe_masked;

-- ---- whole rows, dropped columns, system columns
SELECT * FROM people ORDER BY id;
SELECT people FROM people ORDER BY id;
SELECT people::text FROM people ORDER BY id;
SELECT row_to_json(p) FROM people p ORDER BY id;
SELECT (p).ssn, (p).note FROM (SELECT p FROM people p OFFSET 0) s ORDER BY 1;
SELECT to_jsonb(p) - 'id' FROM people p WHERE p.id = 1;
SELECT count(p) FROM people p;
SELECT p IS NOT NULL, p IS NULL FROM people p ORDER BY p.id;
SELECT array_agg(p ORDER BY id) FROM people p;
SELECT tableoid::regclass FROM people;		-- core's: not granted
RESET ROLE;
GRANT SELECT (tableoid, ctid, xmin) ON people TO regress_pe_masked;
SET ROLE regress_pe_masked;
SELECT tableoid::regclass, ctid, xmin IS NOT NULL AS xmin, ssn FROM people ORDER BY ctid;
-- not both, where the table stays a subquery
SELECT p, p.tableoid::regclass FROM people p WHERE p.ctid = '(0,1)';
SELECT p.ssn, p.tableoid::regclass FROM people p WHERE p.ctid = '(0,1)';
-- what joins and sorts write to temporary files is masked before
SET enable_nestloop = off;
SET enable_mergejoin = off;
EXPLAIN (VERBOSE, COSTS OFF) SELECT p.ssn, o.total FROM people p JOIN orders o ON o.person = p.id;
-- (18 has a line more, and names windows)
CREATE FUNCTION pg_temp.plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (VERBOSE, COSTS OFF) ' || query LOOP
		IF line !~ '^ *Window:' THEN
			RETURN NEXT replace(line, 'OVER w1', 'OVER (?)');
		END IF;
	END LOOP;
END $$;
SELECT pg_temp.plan('SELECT ssn, row_number() OVER (ORDER BY city, id) FROM people');
EXPLAIN (VERBOSE, COSTS OFF) SELECT ssn FROM people ORDER BY id LIMIT 2;
RESET enable_nestloop;
RESET enable_mergejoin;
SELECT (SELECT p.ctid FROM orders o LIMIT 1) FROM people p ORDER BY id LIMIT 1;

-- ---- joins
SELECT o.id, p.ssn, p.note FROM orders o JOIN people p ON p.id = o.person ORDER BY o.id;
SELECT o.id, p.ssn, p.note FROM orders o LEFT JOIN people p ON p.id = o.person AND p.city = 'Oslo' ORDER BY o.id;
SELECT p.id, o.id AS o, p.note FROM orders o RIGHT JOIN people p ON p.id = o.person ORDER BY p.id, o.id;
SELECT p.note, q.note FROM people p FULL JOIN people q ON p.id = q.id + 1 ORDER BY p.id, q.id;
SELECT id, p.ssn, q.ssn FROM people p JOIN people q USING (id, city) ORDER BY id;
SELECT ssn FROM people JOIN orders USING (ssn);		-- raw meets mask: nothing
SELECT count(*) FROM people p NATURAL JOIN people q;
SELECT p.id, l.s FROM people p, LATERAL (SELECT q.ssn || p.note AS s FROM people q WHERE q.id = p.id) l ORDER BY 1;
SELECT o.id FROM orders o WHERE EXISTS (SELECT FROM people p WHERE p.id = o.person AND p.ssn = 'X3333') ORDER BY 1;
SELECT o.id FROM orders o WHERE o.ssn IN (SELECT ssn FROM people);
SELECT o.id, (SELECT p.ssn FROM people p WHERE p.id = o.person) FROM orders o ORDER BY 1;

-- ---- CTEs, set operations, grouping, windows
WITH p AS (SELECT ssn, note FROM people), q AS MATERIALIZED (SELECT * FROM p) SELECT * FROM q ORDER BY 1;
WITH RECURSIVE r AS (SELECT id, ssn FROM people WHERE id = 1 UNION ALL SELECT p.id, p.ssn FROM people p JOIN r ON p.id = r.id + 1) SELECT * FROM r ORDER BY 1;
SELECT ssn FROM people UNION SELECT note FROM people ORDER BY 1;
SELECT ssn FROM people UNION ALL SELECT ssn FROM people ORDER BY 1;
SELECT ssn FROM people EXCEPT SELECT ssn FROM orders ORDER BY 1;
SELECT ssn FROM people INTERSECT SELECT ssn FROM people ORDER BY 1;
SELECT DISTINCT note FROM people;
SELECT DISTINCT ON (city) city, ssn FROM people ORDER BY city, id;
SELECT ssn, count(*) FROM people GROUP BY ssn ORDER BY 1;
SELECT note, city, count(*), max(ssn) FROM people GROUP BY GROUPING SETS ((note), (city), ()) ORDER BY 1, 2;
SELECT id, ssn FROM people GROUP BY id ORDER BY id;
SELECT id, lag(ssn) OVER (ORDER BY id), first_value(ssn) OVER (PARTITION BY note ORDER BY id) FROM people ORDER BY id;
SELECT max(ssn), min(ssn), string_agg(ssn, ',' ORDER BY id), count(DISTINCT note) FROM people;
SELECT ssn FROM people ORDER BY ssn DESC LIMIT 2;
SELECT id FROM people GROUP BY id HAVING max(ssn) LIKE 'raw%';
VALUES ((SELECT ssn FROM people WHERE id = 1));
SELECT CASE WHEN p.ssn LIKE 'raw%' THEN 'leak' ELSE 'mask' END FROM people p WHERE id = 1;
SELECT * FROM people TABLESAMPLE BERNOULLI (100) REPEATABLE (1) WHERE id = 2;
SELECT * FROM (VALUES (100)) v(x), LATERAL (SELECT ssn FROM people TABLESAMPLE SYSTEM (v.x)) s ORDER BY 2;
SELECT o.id, (SELECT count(ssn) FROM people TABLESAMPLE SYSTEM (o.total * 100 - 600)) FROM orders o WHERE o.id = 10;
SELECT v.x, p.ssn FROM (VALUES (100), (0)) v(x) JOIN LATERAL (SELECT p.ssn FROM people p TABLESAMPLE BERNOULLI (v.x) ORDER BY id LIMIT 1) p ON true;

-- ---- functions of the user get masks
CREATE FUNCTION spy(text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN RAISE NOTICE 'seen: %', $1; RETURN true; END $$;
SELECT id FROM people WHERE spy(ssn) AND id = 1;
CREATE FUNCTION of_row(people) RETURNS text LANGUAGE sql AS 'SELECT $1.ssn || $1.note';
SELECT of_row(p) FROM people p WHERE id = 2;
CREATE FUNCTION inlined() RETURNS SETOF text LANGUAGE sql STABLE AS 'SELECT ssn FROM pe.people';
SELECT * FROM inlined() ORDER BY 1;
CREATE FUNCTION inlined_atomic() RETURNS SETOF text LANGUAGE sql STABLE BEGIN ATOMIC SELECT ssn FROM pe.people; END;
SELECT * FROM inlined_atomic() ORDER BY 1;
CREATE FUNCTION scalar() RETURNS text LANGUAGE sql STABLE BEGIN ATOMIC SELECT ssn FROM pe.people WHERE id = 1; END;
SELECT scalar();
-- (servers that were built without XML have none to look at)
CREATE FUNCTION pg_temp.xml(query text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN query_to_xml(query, false, true, '')::text;
EXCEPTION WHEN feature_not_supported THEN
	RETURN 'X1111, had it XML';
END $$;
SELECT pg_temp.xml('SELECT ssn FROM pe.people WHERE id = 1') ~ 'X1111' AS masked;
DO $$ DECLARE r record; BEGIN FOR r IN SELECT ssn FROM pe.people ORDER BY id LOOP RAISE NOTICE '%', r.ssn; END LOOP; END $$;

-- ---- views: of the owner, of the invoker, of the masked
RESET ROLE;
SET ROLE regress_pe_owner;
CREATE VIEW v_owner AS SELECT id, ssn, note, salary FROM people;
CREATE VIEW v_invoker WITH (security_invoker) AS SELECT id, ssn, note FROM people;
CREATE VIEW v_barrier WITH (security_barrier) AS SELECT id, ssn FROM people WHERE id < 3;
CREATE VIEW v_join AS SELECT p.id, o.id AS o, p.ssn, o.total FROM people p LEFT JOIN orders o ON o.person = p.id;
GRANT SELECT ON v_owner, v_invoker, v_barrier, v_join TO regress_pe_masked;
SELECT ssn FROM v_owner WHERE id = 1;		-- raw: the owner is not masked
SET ROLE regress_pe_masked;
SELECT * FROM v_owner ORDER BY id;
SELECT * FROM v_invoker ORDER BY id;
SELECT * FROM v_barrier WHERE spy(ssn) ORDER BY id;
SELECT * FROM v_join ORDER BY id, o;
CREATE TEMP VIEW v_mine AS SELECT ssn, city FROM people;
SELECT * FROM v_mine ORDER BY 1;
CREATE TEMP TABLE copied AS SELECT id, ssn FROM people;
SELECT * FROM copied ORDER BY 1;
SELECT ssn INTO TEMP copied2 FROM people WHERE id = 1;
TABLE copied2;
CREATE MATERIALIZED VIEW mv AS SELECT id, ssn FROM people;
SELECT * FROM mv ORDER BY 1;
RESET ROLE;
REFRESH MATERIALIZED VIEW mv;				-- for its owner, not for who refreshes
SET ROLE regress_pe_masked;
SELECT * FROM mv ORDER BY 1;

-- ---- cursors and EXPLAIN
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT ssn FROM people ORDER BY id;
FETCH 2 FROM c;
FETCH BACKWARD 1 FROM c;
DECLARE held CURSOR WITH HOLD FOR SELECT ssn FROM people ORDER BY id;
COMMIT;
FETCH ALL FROM held;
CLOSE held;
EXPLAIN (VERBOSE, COSTS OFF) SELECT ssn, city FROM people WHERE id = 1;
EXPLAIN (VERBOSE, COSTS OFF) SELECT o.id, p.note FROM orders o LEFT JOIN people p ON p.id = o.person;
EXPLAIN (COSTS OFF) SELECT id FROM people WHERE ssn = 'raw-1-1111';
EXPLAIN (COSTS OFF) SELECT id FROM people WHERE note = 'x';

-- ---- row locks
RESET ROLE;
GRANT UPDATE (city) ON people TO regress_pe_masked;
GRANT UPDATE ON v_owner TO regress_pe_masked;
SET ROLE regress_pe_masked;
SELECT id, ssn FROM people WHERE id = 1 FOR UPDATE;
SELECT p.id, p.ssn FROM people p JOIN orders o ON o.person = p.id AND o.id = 12 FOR SHARE OF p SKIP LOCKED;
SELECT ssn FROM people WHERE id = 2 FOR NO KEY UPDATE NOWAIT;
SELECT ssn FROM v_owner WHERE id = 3 FOR UPDATE;
EXPLAIN (COSTS OFF) SELECT ssn FROM people WHERE id = 1 FOR KEY SHARE;
RESET ROLE;
REVOKE UPDATE (city) ON people FROM regress_pe_masked;
SET ROLE regress_pe_masked;
SELECT ssn FROM people FOR UPDATE;

-- ---- writes: what is masked may be neither read nor changed by them
RESET ROLE;
GRANT INSERT, DELETE, UPDATE ON people TO regress_pe_masked;
GRANT INSERT ON orders TO regress_pe_masked;
SET ROLE regress_pe_masked;
BEGIN;
UPDATE people SET city = 'Bern' WHERE id = 1 RETURNING id, city;
SAVEPOINT s;
UPDATE people SET ssn = 'mine' WHERE id = 1;
ROLLBACK TO s;
UPDATE people SET city = ssn;
ROLLBACK TO s;
UPDATE people SET city = 'x' WHERE ssn LIKE 'raw-1%';
ROLLBACK TO s;
UPDATE people SET city = 'x' RETURNING ssn;
ROLLBACK TO s;
UPDATE people SET city = 'x' RETURNING *;
ROLLBACK TO s;
UPDATE people p SET city = 'x' RETURNING p;
ROLLBACK TO s;
UPDATE people p SET city = q.ssn FROM people q WHERE q.id = p.id AND p.id < 3 RETURNING p.id, p.city;
ROLLBACK TO s;
DELETE FROM people WHERE ssn = 'raw-1-1111';
ROLLBACK TO s;
DELETE FROM people WHERE id = 4 RETURNING id, city;
DELETE FROM people USING people q WHERE people.id = q.id AND q.ssn = 'raw-1-1111';
ROLLBACK TO s;
INSERT INTO people (id, ssn, note) VALUES (9, 'own', 'own') RETURNING id;
ROLLBACK TO s;
INSERT INTO people (id, ssn) VALUES (9, 'own') RETURNING ssn;
ROLLBACK TO s;
INSERT INTO people (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET city = people.ssn;
ROLLBACK TO s;
INSERT INTO people (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET city = 'y' WHERE people.ssn LIKE 'raw%';
ROLLBACK TO s;
INSERT INTO people (id, ssn) VALUES (1, 'z') ON CONFLICT (id) DO UPDATE SET ssn = EXCLUDED.ssn;
ROLLBACK TO s;
INSERT INTO people (id, ssn) VALUES (1, 'z') ON CONFLICT (id) DO UPDATE SET city = EXCLUDED.ssn RETURNING city;
ROLLBACK TO s;
MERGE INTO people p USING orders o ON o.person = p.id AND p.ssn = o.ssn WHEN MATCHED THEN DELETE;
ROLLBACK TO s;
MERGE INTO people p USING (SELECT 1 AS id) o ON o.id = p.id WHEN MATCHED THEN UPDATE SET ssn = 'x';
ROLLBACK TO s;
MERGE INTO people p USING (SELECT 1 AS id) o ON o.id = p.id WHEN MATCHED THEN UPDATE SET city = p.note;
ROLLBACK TO s;
MERGE INTO people p USING (SELECT id, ssn FROM people) o ON o.id = p.id WHEN MATCHED THEN UPDATE SET city = o.ssn;
SELECT city FROM people ORDER BY id;
ROLLBACK TO s;
WITH d AS (DELETE FROM people WHERE id = 4 RETURNING ssn) SELECT * FROM d;
ROLLBACK TO s;
WITH d AS (INSERT INTO orders SELECT 20, id, ssn, 0 FROM people WHERE id = 2 RETURNING ssn) SELECT * FROM d;
ROLLBACK;
-- a foreign key compares raw values, whoever writes
INSERT INTO orders VALUES (13, 2, 'x', 0);
INSERT INTO orders VALUES (14, 99, 'x', 0);
RESET ROLE;
REVOKE INSERT, DELETE, UPDATE ON people FROM regress_pe_masked;

-- ---- cached plans
PREPARE q AS SELECT ssn FROM people WHERE id = 1;
SET plan_cache_mode = force_generic_plan;
EXECUTE q;									-- raw: a superuser
SET ROLE regress_pe_masked;
EXECUTE q;
RESET ROLE;
EXECUTE q;									-- raw
CREATE FUNCTION cached() RETURNS text LANGUAGE plpgsql AS $$ DECLARE s text; BEGIN SELECT ssn INTO s FROM pe.people WHERE id = 1; RETURN s; END $$;
CREATE FUNCTION definer() RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$ DECLARE s text; BEGIN SELECT ssn INTO s FROM pe.people WHERE id = 1; RETURN s; END $$;
CREATE FUNCTION definer_sql() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER AS $$ SELECT ssn FROM pe.people WHERE id = 1 $$;
SELECT cached(), definer(), definer_sql();	-- raw
SET ROLE regress_pe_masked;
SELECT cached(), definer(), definer_sql();
RESET ROLE;
SELECT cached(), definer(), definer_sql();	-- raw
-- the role changes while a statement runs: an error, not another's plan
SELECT set_config('role', 'regress_pe_masked', false), definer();
SELECT definer();
RESET ROLE;
RESET plan_cache_mode;
-- a cursor is its opener's
BEGIN;
DECLARE c CURSOR FOR SELECT ssn FROM people ORDER BY id;
FETCH 1 FROM c;								-- raw
SET LOCAL ROLE regress_pe_masked;
FETCH 1 FROM c;
ROLLBACK;

-- ---- purposes, and an end
SELECT lakehouse.policy_drop('p_people');
SELECT lakehouse.policy_create('p_people', 'people', ARRAY['ssn', $$lakehouse.mask_null(ssn)$$], for_roles => '{regress_pe_clerk}', purposes => '{marketing}');
SET ROLE regress_pe_clerk;
PREPARE r AS SELECT ssn FROM people WHERE id = 1;
EXECUTE r;									-- no purpose claimed, and the privilege was taken
SET lakehouse.purpose = 'marketing';
EXECUTE r;
RESET ROLE;
GRANT SELECT (ssn) ON people TO regress_pe_clerk;
SET ROLE regress_pe_clerk;
EXECUTE r;
BEGIN;
SET LOCAL lakehouse.purpose = '';
EXECUTE r;									-- raw
COMMIT;
EXECUTE r;
RESET lakehouse.purpose;
DEALLOCATE r;
RESET ROLE;
SELECT lakehouse.policy_drop('p_people');

-- ---- row filters, with row security and masks on one table
SET ROLE regress_pe_owner;
CREATE TABLE notes (id int PRIMARY KEY, region text, secret text, body text, author name DEFAULT current_user);
INSERT INTO notes VALUES (1, 'EU', 'raw-s1', 'one', 'regress_pe_masked'), (2, 'US', 'raw-s2', 'raw-two', 'regress_pe_masked'),
	(3, 'EU', 'raw-s3', 'three', 'other'), (4, 'EU', 'raw-s4', 'four', 'regress_pe_masked');
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON notes USING (author = current_user AND secret LIKE 'raw%');
CREATE TABLE allowed (who name, region text);
INSERT INTO allowed VALUES ('regress_pe_masked', 'EU');
RESET ROLE;
SELECT lakehouse.policy_create('p_notes', 'notes', ARRAY['secret', $$lakehouse.mask_constant(secret, '*')$$, 'id', 'id', 'region', 'region', 'body', 'body', 'author', 'author'],
	row_filter => $$region = 'EU'$$, for_roles => '{regress_pe_masked}');
GRANT UPDATE, INSERT, DELETE ON notes TO regress_pe_masked;
SET ROLE regress_pe_masked;
SELECT id, region, secret, body FROM notes ORDER BY id;
SELECT count(*) FROM notes;
SELECT id FROM notes WHERE spy(body);
SET row_security = off;
SELECT id FROM notes;						-- core's error
RESET row_security;
EXPLAIN (VERBOSE, COSTS OFF) SELECT id, secret FROM notes n WHERE spy(body);
SELECT id, secret FROM notes WHERE id < 4 FOR UPDATE;
UPDATE notes SET body = 'changed' WHERE id = 1;		-- to read it in a write takes the privilege
RESET ROLE;
GRANT SELECT (id, region, body, author) ON notes TO regress_pe_masked;
SET ROLE regress_pe_masked;
BEGIN;
UPDATE notes SET body = 'changed' RETURNING id, body;
DELETE FROM notes WHERE id > 1 RETURNING id;
UPDATE notes SET body = 'hidden' WHERE id = 2;
UPDATE notes SET body = 'hidden' WHERE spy(body);
MERGE INTO notes n USING (VALUES (1), (2)) v(id) ON n.id = v.id WHEN MATCHED THEN UPDATE SET body = 'merged';
SELECT id, body FROM notes ORDER BY id;
SAVEPOINT s;
UPDATE notes SET secret = 'x';
ROLLBACK TO s;
INSERT INTO notes (id, body) VALUES (2, 'x') ON CONFLICT (id) DO UPDATE SET body = 'taken';
ROLLBACK TO s;
INSERT INTO notes (id, region, secret, body) VALUES (2, 'US', 'raw', 'x') ON CONFLICT (id) DO NOTHING;
ROLLBACK;
RESET ROLE;
ALTER TABLE notes DISABLE ROW LEVEL SECURITY;
ALTER ROLE regress_pe_masked BYPASSRLS;
SET ROLE regress_pe_masked;
SET row_security = off;
SELECT id, secret FROM notes ORDER BY id;	-- the filter stays
SELECT id FROM notes WHERE spy(body) ORDER BY id;
RESET row_security;
RESET ROLE;
ALTER ROLE regress_pe_masked NOBYPASSRLS;

-- ---- a filter that looks things up, in a table that the subject may not read
SELECT lakehouse.policy_alter('p_notes', row_filter => $$region IN (SELECT a.region FROM pe.allowed a WHERE a.who = lakehouse.subject_role())$$);
SET ROLE regress_pe_masked;
SELECT id, region, secret FROM notes ORDER BY id;
SELECT who FROM allowed;
RESET ROLE;
GRANT SELECT (id, body) ON notes TO regress_pe_masked;
SET ROLE regress_pe_masked;
UPDATE notes SET body = body RETURNING id;
RESET ROLE;


-- ---- partitions and inheritance
SET ROLE regress_pe_owner;
CREATE TABLE parts (id int, ssn text, day int) PARTITION BY RANGE (day);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
CREATE TABLE parts_2 (day int, junk int, ssn text, id int);
ALTER TABLE parts_2 DROP COLUMN junk;
ALTER TABLE parts ATTACH PARTITION parts_2 FOR VALUES FROM (10) TO (20);
INSERT INTO parts VALUES (1, 'raw-1', 1), (2, 'raw-2', 11);
GRANT SELECT (id, day), UPDATE, DELETE ON parts TO regress_pe_masked;
GRANT SELECT (id, day) ON parts_1 TO regress_pe_masked;
RESET ROLE;
SELECT lakehouse.policy_create('p_parts', 'parts', ARRAY['ssn', $$lakehouse.mask_constant(ssn, '*')$$], for_roles => '{regress_pe_masked}');
SET ROLE regress_pe_masked;
SELECT * FROM parts ORDER BY id;
SELECT ssn FROM parts WHERE day = 11;
SELECT parts FROM parts ORDER BY id;
SELECT ssn FROM parts_1;
BEGIN;
UPDATE parts SET day = day + 1 WHERE id = 2 RETURNING id, day;
UPDATE parts SET day = 1 WHERE ssn = 'raw-2';
ROLLBACK;
EXPLAIN (VERBOSE, COSTS OFF) SELECT ssn FROM parts WHERE day < 5;
RESET ROLE;

-- ---- statistics of masked columns do not show in estimates
SET ROLE regress_pe_owner;
CREATE TABLE skewed (a text, b int);
INSERT INTO skewed SELECT CASE WHEN i < 900 THEN 'raw-often' ELSE 'raw-' || i END, i % 7 FROM generate_series(1, 1000) i;
CREATE STATISTICS skewed_ab (ndistinct) ON a, b FROM skewed;
CREATE STATISTICS skewed_mask ON (lakehouse.mask_partial(a, 2, 'X', 2)) FROM skewed;
CREATE INDEX skewed_i ON skewed (lakehouse.mask_partial(a, 2, 'X', 2));
ANALYZE skewed;
GRANT SELECT (b) ON skewed TO regress_pe_masked;
RESET ROLE;
CREATE FUNCTION estimate(query text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE r json; BEGIN EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO r; RETURN r -> 0 -> 'Plan' -> 'Plan Rows'; END $$;
SELECT lakehouse.policy_create('p_skewed', 'skewed', ARRAY['a', $$lakehouse.mask_partial(a, 2, 'X', 2)$$], for_roles => '{regress_pe_masked}');
SET ROLE regress_pe_masked;
SELECT estimate('SELECT DISTINCT a FROM skewed') AS groups, estimate('SELECT a, b FROM skewed GROUP BY 1, 2') AS pairs,
	estimate($$SELECT * FROM skewed WHERE a = 'raXen'$$) AS equal, estimate('SELECT DISTINCT b FROM skewed') AS unmasked;
RESET ROLE;
SET ROLE regress_pe_owner;
SELECT estimate('SELECT DISTINCT a FROM skewed') < 200 AS raw_known;
RESET ROLE;

-- ---- workers of a parallel plan
SET ROLE regress_pe_masked;
SELECT set_config(name, 'on', false) AS parallel FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query') \gset
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT a, count(*) FROM skewed GROUP BY 1;
SELECT a, count(*) FROM skewed GROUP BY 1 HAVING count(*) > 100;
RESET ALL;
RESET ROLE;
SET search_path = pe, public;

-- ---- a lake table: of its owner's rights, after the subject's own were checked
\getenv fixtures LAKEHOUSE_FIXTURES
\set trips :fixtures /flat/trips.parquet
CREATE SERVER pe_lake FOREIGN DATA WRAPPER lakehouse;
CREATE FOREIGN TABLE trips () SERVER pe_lake OPTIONS (location :'trips');
ALTER FOREIGN TABLE trips OWNER TO regress_pe_owner;
GRANT pg_read_server_files TO regress_pe_owner;
GRANT SELECT (trip_id) ON trips TO regress_pe_masked;
SELECT lakehouse.policy_create('p_trips', 'trips', ARRAY['vendor', $$lakehouse.mask_partial(vendor, 1, '*', 0)$$, 'zone', 'NULL'], for_roles => '{regress_pe_masked}');
SELECT min(vendor), count(DISTINCT vendor), count(zone) > 0 AS zones FROM trips;	-- raw
SET ROLE regress_pe_masked;
SELECT min(length(vendor)), max(vendor) LIKE '_*' AS masked, count(zone) AS zones FROM trips;
SELECT count(*) > 0 AS found FROM trips WHERE vendor LIKE '_*' AND trip_id > 0;
SELECT count(*) FROM trips WHERE vendor NOT LIKE '_*' OR zone IS NOT NULL;
SELECT passengers FROM trips LIMIT 1;
SELECT trips FROM trips LIMIT 1;
RESET ROLE;
-- without the owner's right to the file there is nothing, whatever the subject may
REVOKE pg_read_server_files FROM regress_pe_owner;
GRANT pg_read_server_files TO regress_pe_masked;
SET ROLE regress_pe_masked;
DO $$ BEGIN PERFORM vendor FROM pe.trips; EXCEPTION WHEN insufficient_privilege THEN RAISE NOTICE 'no right'; END $$;
RESET ROLE;
REVOKE pg_read_server_files FROM regress_pe_masked;
SELECT lakehouse.policy_drop('p_trips');

-- ---- nothing left
SELECT lakehouse.policy_drop('p_notes'), lakehouse.policy_drop('p_parts'), lakehouse.policy_drop('p_skewed');
SET client_min_messages = error;
DROP SCHEMA pe CASCADE;
DROP SERVER pe_lake;
DROP OWNED BY regress_pe_masked;
DROP ROLE regress_pe_owner, regress_pe_masked, regress_pe_clerk, regress_pe_nobody;
