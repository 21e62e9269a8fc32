-- Mask functions that need no key.
\pset null <null>

-- ---- null and constant

SELECT lakehouse.mask_null('secret'::text), lakehouse.mask_null(5), pg_typeof(lakehouse.mask_null(now()));
SELECT lakehouse.mask_constant('secret'::text, 'x'), lakehouse.mask_constant(5::bigint, 0), lakehouse.mask_constant(NULL::date, '2000-01-01'),
	lakehouse.mask_constant('secret'::text, NULL);
SELECT pg_typeof(lakehouse.mask_constant(5::bigint, 0)), pg_typeof(lakehouse.mask_constant('v'::varchar, 'x')),
	pg_typeof(lakehouse.mask_constant('v'::char(3), 'x'));

-- they cost nothing: the planner puts the result there
CREATE TABLE masked_people (id int, name text COLLATE "C", born date);
INSERT INTO masked_people SELECT i, 'name ' || i, date '1970-01-01' + i FROM generate_series(1, 5) i;
EXPLAIN (VERBOSE, COSTS OFF) SELECT lakehouse.mask_null(name), lakehouse.mask_constant(name, 'x'), lakehouse.mask_constant(born, '2000-01-01') FROM masked_people;
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM masked_people WHERE lakehouse.mask_constant(name, 'x') < 'y' COLLATE "C";
-- but what has effects is evaluated
CREATE SEQUENCE masked_calls;
SELECT lakehouse.mask_null(nextval('masked_calls')), lakehouse.mask_constant(nextval('masked_calls'), 7);
SELECT last_value FROM masked_calls;

-- ---- partial

SELECT lakehouse.mask_partial(v, 2, '***', 2) FROM unnest(ARRAY['abcdefgh', 'abcde', 'abcd', 'abc', '', NULL]) v;
-- characters, not bytes; marks belong to their letters
SELECT lakehouse.mask_partial('Ærøskøbing', 2, '-', 3), lakehouse.mask_partial('日本語テキスト', 1, '*', 1),
	lakehouse.mask_partial(U&'e\0301', 1, 'X', 0) AS one_letter, lakehouse.mask_partial(U&'e\0301a\0308b', 1, 'X', 1) = U&'e\0301Xb' AS with_mark;
-- never the value itself
SELECT lakehouse.mask_partial('aXb', 1, 'X', 1), lakehouse.mask_partial('X', 0, 'X', 0), lakehouse.mask_partial('X', 5, 'X', 5),
	lakehouse.mask_partial('', 0, '', 0), lakehouse.mask_partial('secret', 6, '', 0), lakehouse.mask_partial('secret', 3, '', 0);
-- nonsense hides
SELECT lakehouse.mask_partial('secret', -1, 'X', -5), lakehouse.mask_partial('secret', 2147483647, 'X', 2147483647),
	lakehouse.mask_partial('secret', 1, repeat('x', 2000), 1), lakehouse.mask_partial('secret', NULL, 'X', 1);
SELECT length(lakehouse.mask_partial(repeat('long ', 1000000), 1, 'X', 1));

-- ---- the table

SELECT name, arguments, strength, keyed FROM lakehouse.mask_functions() ORDER BY 1, 2;
-- every function that is called mask_... is in it
SELECT proname FROM pg_proc WHERE pronamespace = 'lakehouse'::regnamespace AND proname LIKE 'mask\_%'
	AND proname NOT IN ('mask_functions', 'mask_counters', 'mask_counters_reset', 'mask_support')
	AND proname NOT IN (SELECT name FROM lakehouse.mask_functions());
-- and all are immutable, parallel safe, and no one's but the caller's
SELECT proname FROM pg_proc WHERE pronamespace = 'lakehouse'::regnamespace AND proname IN (SELECT name FROM lakehouse.mask_functions() WHERE NOT keyed)
	AND (provolatile <> 'i' OR proparallel <> 's' OR prosecdef OR proleakproof);

-- ---- counters

SELECT lakehouse.mask_counters_reset();
SELECT count(lakehouse.mask_partial(v, 1, 'X', 1)) FROM unnest(ARRAY['a', 'bc', 'aXb', 'X', 'fine', NULL]) v;
SELECT * FROM lakehouse.mask_counters();
SELECT lakehouse.mask_counters_reset();
SELECT * FROM lakehouse.mask_counters();
CREATE ROLE masked_nobody;
GRANT USAGE ON SCHEMA lakehouse TO masked_nobody;
SET ROLE masked_nobody;
SELECT lakehouse.mask_partial('everybody may mask', 1, '*', 1);
SELECT * FROM lakehouse.mask_counters();
SELECT lakehouse.mask_counters_reset();
RESET ROLE;

REVOKE USAGE ON SCHEMA lakehouse FROM masked_nobody;
DROP ROLE masked_nobody;
DROP TABLE masked_people;
DROP SEQUENCE masked_calls;
