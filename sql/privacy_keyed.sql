-- Keyed masks through policies, on every way that a query of a masked role can take: what comes is what the domain's key makes
-- of the value, the same on all of them.  Secrets begin with "raw", or are checked by comparison.
\set schema test_privacy_keyed
\i sql/include/lake.psql
\! mkdir -p -m 700 $LAKEHOUSE_FIXTURES/privacy_keyed
SELECT :'fixtures' || '/privacy_keyed' AS dir \gset
\! umask 077 && echo "{\"keys\": {\"app:1\": \"$(printf 'fedcba9876543210%.0s' 1 2 3 4)\"}}" > $LAKEHOUSE_FIXTURES/privacy_keyed/keys.json
SELECT lakehouse.key_provider_create('keyed_file', 'file', jsonb_build_object('path', :'dir' || '/keys.json'));
SELECT lakehouse.key_create('keyed_key', provider => 'keyed_file', kek => 'app') > 0 AS made;
SELECT count(lakehouse.domain_create(d[1], d[2], 'keyed_key', d[3]::jsonb)) FROM (VALUES ('{k_id,bigint,"{\"least\": 0, \"most\": 2000000000}"}'::text[]),
	('{k_card,card,"{}"}'), ('{k_date,date,"{}"}'), ('{k_text,text,"{}"}')) v (d);
CREATE ROLE keyed_owner;
CREATE ROLE keyed_masked;
CREATE ROLE keyed_clerk;
GRANT USAGE ON SCHEMA lakehouse, test_privacy_keyed TO keyed_owner, keyed_masked, keyed_clerk;
GRANT CREATE ON SCHEMA test_privacy_keyed TO keyed_owner;
\pset null <null>

SET ROLE keyed_owner;
CREATE TABLE people (id int PRIMARY KEY, card text, born date, seen timestamptz, salary numeric(7, 2), kids smallint, name text, note text);
INSERT INTO people SELECT i, x || (10 - s % 10) % 10, date '1980-01-01' + i, timestamptz '2024-01-01 12:00+00' + i * interval '1 hour', 1000 + i * 1.25, i % 5, 'raw ' || i, 'raw ' || i
	FROM (SELECT i, x, (SELECT sum(CASE WHEN p % 2 = 1 THEN (d * 2) / 10 + (d * 2) % 10 ELSE d END) FROM (SELECT p, substr(x, p, 1)::int AS d FROM generate_series(1, 15) p) y) AS s
		FROM (SELECT i, '411111' || lpad((i * 7919)::text, 9, '0') AS x FROM generate_series(1, 2000) i) w) v;
CREATE TABLE orders (id int PRIMARY KEY, person int REFERENCES people, card text, total int);
INSERT INTO orders SELECT o, p.id, p.card, o FROM generate_series(1, 4000) o JOIN people p ON p.id = 1 + o % 1000;
-- what the clerk sees is raw: to compare with
GRANT SELECT ON people, orders TO keyed_clerk;
ANALYZE people, orders;
RESET ROLE;
SET client_min_messages = error;
SELECT lakehouse.policy_create('k_people', 'people', ARRAY['id', $$lakehouse.mask_fpe(id, 'k_id')$$, 'card', $$lakehouse.mask_fpe(card, 'k_card')$$,
	'born', $$lakehouse.mask_date_shift(born, id::text, 'k_date')$$, 'seen', $$lakehouse.mask_date_shift(seen, id::text, 'k_date')$$,
	'salary', $$lakehouse.mask_noise(salary, 'k_text', 0.1)$$, 'kids', $$lakehouse.mask_noise(kids, 'k_text', 0.1)$$,
	'name', $$lakehouse.mask_fake_name(name, 'k_text')$$, 'note', $$lakehouse.mask_hash(note, 'k_text')$$], for_roles => '{keyed_masked}');
SELECT lakehouse.policy_create('k_orders', 'orders', ARRAY['person', $$lakehouse.mask_fpe(person, 'k_id')$$, 'card', $$lakehouse.mask_fpe(card, 'k_card')$$], for_roles => '{keyed_masked}');
RESET client_min_messages;
GRANT SELECT (id, total) ON orders TO keyed_masked;

-- ---- what is seen
SET ROLE keyed_masked;
SELECT count(*), count(id) AS ids, count(DISTINCT id) AS ids, count(card) AS cards, count(DISTINCT card) AS cards, count(born) AS born, count(seen) AS seen, count(salary) AS salaries, count(kids) AS kids,
	bool_and(card ~ '^[0-9]{16}$') AS card, bool_and(note ~ '^[0-9a-f]{64}$') AS note, bool_and(name ~ '^[A-Z][a-z]+ [A-Z][a-z]+$') AS name, bool_or(name LIKE 'raw%' OR note LIKE 'raw%') AS raw FROM people;
CREATE TEMP TABLE plain AS SELECT * FROM people;
RESET ROLE;
-- masks are no values, by masks that the row's own id is found with: a fresh domain right turns it back
SELECT lakehouse.domain_grant('k_id', 'detokenize', 'keyed_clerk');
GRANT SELECT ON plain TO keyed_clerk;
SET ROLE keyed_clerk;
SELECT count(*) AS rows, bool_and(m.id <> p.id AND m.card <> p.card AND right(m.card, 4) = right(p.card, 4)) AS tokens, bool_and(m.born <> p.born AND abs(m.born - p.born) <= 180) AS born,
	bool_and(m.seen - p.seen = (m.born - p.born) * interval '1 day') AS seen, bool_and(m.salary <> p.salary AND abs(m.salary - p.salary) <= p.salary * 0.1 + 0.01) AS salary,
	bool_and(m.kids <> p.kids) AS kids, bool_and(m.name <> p.name AND m.note <> p.note) AS texts
FROM (SELECT *, lakehouse.detokenize(id, 'k_id') AS was FROM plain) m JOIN people p ON p.id = m.was;
RESET ROLE;

-- ---- the same on every way
SET ROLE keyed_masked;
CREATE FUNCTION pg_temp.differs(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE format('SELECT count(*) FROM ((SELECT * FROM plain EXCEPT ALL (%1$s)) UNION ALL ((%1$s) EXCEPT ALL SELECT * FROM plain)) d', query) INTO n;
	RETURN n;
END $$;
SELECT pg_temp.differs('SELECT * FROM people');
-- prepared, with a plan for all and for one; by another role in between
PREPARE p(int) AS SELECT * FROM people WHERE length(name) > $1;
CREATE TEMP TABLE prepared AS EXECUTE p(0);
SET plan_cache_mode = force_generic_plan;
CREATE TEMP TABLE generic AS EXECUTE p(0);
SELECT pg_temp.differs('TABLE prepared'), pg_temp.differs('TABLE generic');
RESET ROLE;
SET ROLE keyed_clerk;
SELECT count(*) AS raw FROM people WHERE name LIKE 'raw%';
SET ROLE keyed_masked;
CREATE TEMP TABLE again AS EXECUTE p(0);
SELECT pg_temp.differs('TABLE again');
RESET plan_cache_mode;
-- COPY
CREATE TEMP TABLE copied (LIKE plain);

\copy (SELECT * FROM people) TO PROGRAM 'cat > $LAKEHOUSE_FIXTURES/privacy_keyed/copied'
\copy copied FROM PROGRAM 'cat $LAKEHOUSE_FIXTURES/privacy_keyed/copied'
SELECT pg_temp.differs('TABLE copied');
TRUNCATE copied;
\copy people TO PROGRAM 'cat > $LAKEHOUSE_FIXTURES/privacy_keyed/copied'
\copy copied FROM PROGRAM 'cat $LAKEHOUSE_FIXTURES/privacy_keyed/copied'
SELECT pg_temp.differs('TABLE copied');
-- a cursor, forth and back
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT id, card, kids FROM people ORDER BY card;
SELECT id, card, kids FROM plain ORDER BY card LIMIT 1 \gset first_
FETCH 1 FROM c \gset
SELECT :id = :first_id AND :'card' = :'first_card' AND :kids = :first_kids AS same;
MOVE LAST FROM c;
MOVE FIRST FROM c;
FETCH RELATIVE 0 FROM c \gset
SELECT :id = :first_id AND :'card' = :'first_card' AND :kids = :first_kids AS same;
COMMIT;
-- parallel workers: they have caches of domains of their own
SELECT set_config(name, 'on', false) AS parallel FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query') \gset
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (VERBOSE, COSTS off) SELECT id, card, born, kids, salary, name, note FROM people WHERE card LIKE '%1';
RESET ROLE;
GRANT SELECT ON plain TO keyed_masked;
CREATE TABLE expected AS TABLE plain;
GRANT SELECT ON expected TO keyed_masked;
SET ROLE keyed_masked;
SELECT count(*) AS same FROM people p JOIN expected e ON ROW(p.id, p.card, p.born, p.seen, p.salary, p.kids, p.name, p.note) = ROW(e.id, e.card, e.born, e.seen, e.salary, e.kids, e.name, e.note);
RESET max_parallel_workers_per_gather;
RESET min_parallel_table_scan_size;
RESET parallel_tuple_cost;
RESET parallel_setup_cost;
SELECT set_config(name, 'off', false) AS parallel FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query') \gset
EXPLAIN (VERBOSE, COSTS off) SELECT born, seen FROM people;

-- ---- tokens of one domain join, in whatever way they are joined
SET enable_mergejoin = off;
SET enable_nestloop = off;
SELECT count(*), count(DISTINCT p.id) AS people, bool_and(p.card = o.card) AS cards FROM people p JOIN orders o ON o.person = p.id;
SET enable_mergejoin = on;
SET enable_hashjoin = off;
SELECT count(*), count(DISTINCT p.id) AS people, bool_and(p.card = o.card) AS cards FROM people p JOIN orders o ON o.person = p.id;
RESET enable_mergejoin;
RESET enable_nestloop;
RESET enable_hashjoin;
SELECT count(*) FROM people p LEFT JOIN orders o ON o.card = p.card WHERE o.card IS NULL;
-- not with what the rows are
SELECT count(*) FROM people p JOIN orders o ON o.person = p.id WHERE p.id BETWEEN 1 AND 2000 AND p.name LIKE 'raw%';
-- and nobody can call what does it
CREATE FUNCTION pg_temp.outcome(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r text;
BEGIN
	EXECUTE query INTO r;
	RETURN 'gave ' || coalesce(r, 'NULL');
EXCEPTION WHEN OTHERS THEN
	-- which error it is differs between minor releases
	RETURN 'refused';
END $$;
-- these are nothing that is refused, and bring nobody a value of type internal
CREATE AGGREGATE pg_temp.gated(text, internal) (sfunc = lakehouse.mask_fpe_run, stype = text, initcond = '4111111111111111');
CREATE OPERATOR pg_temp.@@@ (rightarg = internal, function = lakehouse.mask_gate);
SELECT q, pg_temp.outcome(q) FROM unnest(ARRAY[
	$$SELECT lakehouse.mask_fpe_run('4111111111111111', 'k_card', NULL)$$,
	$$SELECT lakehouse.mask_fpe_run('4111111111111111', 'k_card', lakehouse.mask_gate(NULL))$$,
	$$SELECT lakehouse.mask_gate(NULL::internal)$$,
	$$SELECT lakehouse.mask_fpe_run('4111111111111111', 'k_card', OPERATOR(pg_temp.@@@) NULL)$$,
	$$SELECT pg_temp.gated('k_card', NULL)$$,
	$$SELECT pg_temp.gated('k_card', OPERATOR(pg_temp.@@@) NULL)$$,
	$$CREATE AGGREGATE pg_temp.gated2(text) (sfunc = lakehouse.mask_gate, stype = internal)$$,
	$$CREATE AGGREGATE pg_temp.gated3(text, internal) (sfunc = textcat, stype = text, finalfunc = lakehouse.mask_fpe_run, finalfunc_extra)$$,
	$$CREATE CAST (text AS internal) WITHOUT FUNCTION$$,
	$$CREATE TRANSFORM FOR int LANGUAGE sql (FROM SQL WITH FUNCTION lakehouse.mask_gate(internal))$$,
	$$CREATE TYPE pg_temp.carrier AS (gate internal)$$,
	$$CREATE DOMAIN pg_temp.carried AS internal$$,
	$$CREATE FUNCTION pg_temp.gated(internal) RETURNS internal LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'$$,
	$$CREATE FUNCTION pg_temp.gated(internal DEFAULT NULL) RETURNS text LANGUAGE sql AS 'SELECT lakehouse.mask_hash_run(''a''::text, ''k_text''::text, $1)'$$,
	$$SELECT * FROM orders TABLESAMPLE lakehouse.mask_gate(1)$$]) q;
SELECT lakehouse.mask_fpe(4111111111111111::bigint, 'k_id') IS NULL AS hidden;
RESET ROLE;

-- ---- a number that its column has no room for is NULL and no error
SET ROLE keyed_owner;
CREATE TABLE small (id int, n numeric(5, 2), s smallint, r real);
INSERT INTO small SELECT i, 999.99 - i * 0.01, 32767, '3.4e38' FROM generate_series(1, 100) i;
INSERT INTO small SELECT -i, -999.99, -32768, '-3.4e38' FROM generate_series(1, 3) i;
RESET ROLE;
SELECT lakehouse.policy_create('k_small', 'small', ARRAY['n', $$lakehouse.mask_noise(n, 'k_text', 0.9)$$, 's', $$lakehouse.mask_noise(s, 'k_text', 0.9)$$, 'r', $$lakehouse.mask_noise(r, 'k_text', 0.9)$$],
	for_roles => '{keyed_masked}');
GRANT SELECT (id) ON small TO keyed_masked;
SET ROLE keyed_masked;
SELECT count(*), count(n) BETWEEN 10 AND 100 AS some FROM small;
SELECT count(s) >= 0, count(r) >= 0 FROM small;
RESET ROLE;
SELECT lakehouse.policy_alter('k_small', masks => ARRAY['n', $$lakehouse.mask_floor(n, 100)$$, 's', $$lakehouse.mask_floor(s, 1000)$$, 'r', $$lakehouse.mask_floor(r, 1e38)$$]);
SET ROLE keyed_masked;
SELECT n, s, r, count(*) FROM small GROUP BY 1, 2, 3 ORDER BY 4;
EXPLAIN (VERBOSE, COSTS off) SELECT n FROM small;
RESET ROLE;

-- ---- nothing stays for the tests that follow
SELECT count(lakehouse.policy_drop(name)) FROM lakehouse.policy_list() WHERE name LIKE 'k\_%';
SELECT count(lakehouse.domain_drop(name)) FROM lakehouse.domain_list() WHERE name LIKE 'k\_%';
DROP TABLE plain, prepared, generic, again, copied;
DROP TABLE expected, orders, people, small;
DROP OWNED BY keyed_owner, keyed_masked, keyed_clerk;
DROP ROLE keyed_owner, keyed_masked, keyed_clerk;
DELETE FROM lakehouse.key_versions WHERE id = (SELECT id FROM lakehouse.keys WHERE name = 'keyed_key');
DELETE FROM lakehouse.keys WHERE name = 'keyed_key';
DELETE FROM lakehouse.key_providers WHERE name = 'keyed_file';
