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
SELECT lakehouse.mask_null(generate_series(1, 2)), lakehouse.mask_constant(generate_series(1, 2), 7);
SELECT lakehouse.mask_null(count(*)), lakehouse.mask_constant(max(id), 7) FROM masked_people;
-- where an outer join has no row there is nothing
SELECT a, m FROM generate_series(5, 6) a LEFT JOIN (SELECT id, lakehouse.mask_constant(name, 'x') AS m FROM masked_people) p ON p.id = a ORDER BY a;

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

-- ---- regular expressions

SELECT v, lakehouse.mask_regex(v, '\d', '#'), lakehouse.mask_regex(v, '\d', '#', 'none') FROM unnest(ARRAY['card 1234', 'none', 'no digit', '', NULL]) v;
SELECT lakehouse.mask_regex('Doe, John', '(\w)\w*', '\1.'), lakehouse.mask_regex('a\b', '[ab]', '\\x'), lakehouse.mask_regex('JOHN', '(?i)john', 'x'),
	lakehouse.mask_regex('José Müller', '\w+' COLLATE "C", 'x') AS by_letters_of_c, lakehouse.mask_regex('日本語', '本', 'x');
-- an empty match hides nothing, and neither does a replacement by what was found, or a result that is the value
SELECT lakehouse.mask_regex('secret', 'x*', '#'), lakehouse.mask_regex('secret', '.*', '\&'), lakehouse.mask_regex('secret', '(.*)', '\1'),
	lakehouse.mask_regex('secret', '(?=s)', ''), lakehouse.mask_regex('secret', '(.*)', '\0'), lakehouse.mask_regex('axbxx', 'x*', '-');
-- nonsense hides, and raises nothing
SELECT lakehouse.mask_regex('secret', '(', '#'), lakehouse.mask_regex('secret', 's{99999}', '#'), lakehouse.mask_regex('secret', NULL, '#', 'f'),
	lakehouse.mask_regex('secret', repeat('s', 2000), '#'), lakehouse.mask_regex('secret', 's', repeat('#', 2000)),
	lakehouse.mask_regex(repeat('secret', 20000), 's', '#'), lakehouse.mask_regex(repeat('s', 60000), 's', repeat('#', 1000));
SELECT lakehouse.mask_regex(repeat('a', 30), '(a*)*\1b', '#');
-- patterns that differ by row are compiled anew
SELECT lakehouse.mask_regex('abc', p, '#') FROM unnest(ARRAY['a', 'b', '(', 'b', 'c']) p;
-- ---- forms

SELECT left(v, 45), lakehouse.mask_email(v), lakehouse.mask_email(v, 0, '-', false, 'none') FROM unnest(ARRAY[
	'john.doe@example.com', 'j@example.com', 'ünal@example.com', '"a@b"@example.com', 'a@b@example.com', 'john@localhost', 'john@', '@example.com', 'john',
	'john@exa mple.com', 'john@example.com, jane@example.org; secret', 'john@-a.com', 'john@a..com', 'john@bücher.example', repeat('j', 310) || '@example.com', '']) v;
SELECT lakehouse.mask_email('j***@example.com'), lakehouse.mask_email('john@example.com', NULL), lakehouse.mask_email('john@example.com', -3),
	lakehouse.mask_email('john@example.com', 99), lakehouse.mask_email('john@example.com', 1, repeat('x', 65)), lakehouse.mask_email(NULL, fallback => 'none'),
	lakehouse.mask_email('none', fallback => 'none');
SELECT left(v, 20), lakehouse.mask_phone(v), lakehouse.mask_phone(v, 2, '•', 'none') FROM unnest(ARRAY[
	'+49 (89) 1234-567', '555.1234', '5551234', '123456', '112', '+1+2345678', '0170 12345 ext 6', 'call me', repeat('1', 65), '', NULL]) v;
SELECT lakehouse.mask_phone('XXX1234'), lakehouse.mask_phone('0001234', 4, '0'), lakehouse.mask_phone('5551234', 4, ''), lakehouse.mask_phone('5551234', 4, 'XX'),
	lakehouse.mask_phone('5551234', -1), lakehouse.mask_phone('5551234', 7), lakehouse.mask_phone('5551234', NULL, fallback => 'f');
SELECT v, lakehouse.mask_card(v), lakehouse.mask_card(v, 8, '*', 4, 'none'), lakehouse.mask_card(v, 0) FROM unnest(ARRAY[
	'4111 1111 1111 1234', '4111-1111-1111-1234', '371449635398431', '411111111111', '41111111111', '6011000990139424000', '60110009901394240001',
	'4111 1111 1111 123x', '4111.1111.1111.1234', '', NULL]) v;
SELECT lakehouse.mask_card('4111111111111234', 16, 'X', 16) AS no_more_than_pci, lakehouse.mask_card('4111111111111234', -1, 'X', -1),
	lakehouse.mask_card('4111110000001234', 6, '0'), lakehouse.mask_card('4111111111111234', 6, 'ab');

-- ---- documents

SELECT p, lakehouse.mask_json('{"ssn": "123-45-6789", "cards": [{"no": "4111", "ok": true}, {"no": 12345}], "deep": {"x": {"ssn": null}}, "odd name": [1, [2]], "n": {}}', p)
FROM (VALUES (ARRAY['$.ssn']), (ARRAY['ssn', '$.cards[*].no']), (ARRAY['$.cards.no']), (ARRAY['$.cards[1]']), (ARRAY['$..ssn']), (ARRAY['$."odd name"']),
	(ARRAY['$.*']), (ARRAY['$']), (ARRAY['$.cards']), (ARRAY['$."odd name"[1][0]']), (ARRAY['$..*']), (ARRAY['$.SSN']), (ARRAY['$.n']), (ARRAY['$.deep..ssn'])) t (p);
SELECT m, lakehouse.mask_json('{"a": "123-45-6789", "b": 12345, "c": true, "d": [1], "e": "X"}', ARRAY['$.*'], m)
FROM unnest(ARRAY['null', 'constant:', 'constant:x:y', 'partial:0:X:4', 'partial:1::1', 'partial:1:a:b:2', 'partial:1:X', 'partial:', 'partial:x:X:1', 'remove', '']) m;
-- where no path leads to anything it is hidden, or what the fallback says
SELECT lakehouse.mask_json('{"a": 1}', ARRAY['$.b']), lakehouse.mask_json('{"a": 1}', ARRAY['$.b'], 'null', '{}'), lakehouse.mask_json('{}', ARRAY['$.b'], 'null', '{}'),
	lakehouse.mask_json('"scalar"', ARRAY['$.b']), lakehouse.mask_json('"scalar"', ARRAY['$']), lakehouse.mask_json('[1, {"b": 2}]', ARRAY['b']),
	lakehouse.mask_json('[1, 2]', ARRAY['[0]']), lakehouse.mask_json('[[{"b": 1}]]', ARRAY['$.b']);
-- paths that are none hide all
SELECT p, lakehouse.mask_json('{"a": {"b": 1}}', p) FROM (VALUES (ARRAY['$.']), (ARRAY['$.a[']), (ARRAY['$.a[x]']), (ARRAY['$."a']), (ARRAY['$.a', NULL]), (ARRAY['']),
	('{}'::text[]), (NULL), (ARRAY['$a']), (ARRAY['$.a[99999999999]'])) t (p);
SELECT lakehouse.mask_json('{"a": 1}', ARRAY(SELECT '$.a.b.c.d' FROM generate_series(1, 20)));
-- as deep as documents may be
SELECT d, lakehouse.mask_json((repeat('[', d) || '{"ssn": 1}' || repeat(']', d))::jsonb, ARRAY['$..ssn']) = (repeat('[', d) || '{"ssn": null}' || repeat(']', d))::jsonb
FROM unnest(ARRAY[254, 255, 256, 1000]) d;

-- ---- addresses and places

SELECT v, lakehouse.mask_ip(v), lakehouse.mask_ip(v, 8, 32) FROM unnest(ARRAY['192.168.17.5', '192.168.17.5/20', '10.1.2.3/8', '192.168.17.0/24', '0.0.0.0',
	'2001:db8:1:2:3:4:5:6', '::ffff:1.2.3.4', '2001:db8::/20']::inet[]) v;
SELECT lakehouse.mask_ip('1.2.3.4', 32), lakehouse.mask_ip('1.2.3.4/8', 32), lakehouse.mask_ip('1.2.3.4', -1), lakehouse.mask_ip('1.2.3.4', 31), lakehouse.mask_ip('1.2.3.4', 0),
	lakehouse.mask_ip('::1', 24, 128), lakehouse.mask_ip('ffff::1', 24, 0);
SELECT lakehouse.mask_geo(point(48.137154, 11.576124)), lakehouse.mask_geo(point(48.137154, 11.576124), 3), lakehouse.mask_geo(point(48.137154, 11.576124), -1),
	lakehouse.mask_geo(point(-0.04, -0.01)) AS no_side_of_zero, lakehouse.mask_geo(point(181, 0)), lakehouse.mask_geo(point('NaN', 1)), lakehouse.mask_geo(point('inf', 1));
SELECT left(v::text, 12), lakehouse.mask_geo(v::float8, 2), lakehouse.mask_geo(v, 2), lakehouse.mask_geo(v, -1), lakehouse.mask_geo(v, 4), lakehouse.mask_geo(v, -2)
FROM unnest(ARRAY[48.137154, -179.999, 180, 180.001, -0.001, 'NaN', 'Infinity', 1e300]::numeric[]) v;

-- ---- numbers and times

SELECT v, lakehouse.mask_floor(v, 10), lakehouse.mask_range(v, 10) FROM unnest(ARRAY[0, 9, 10, -1, 2147483647, -2147483648]) v;
SELECT v, lakehouse.mask_floor(v, 10), lakehouse.mask_range(v, 10) FROM unnest(ARRAY[-1, 9223372036854775807, -9223372036854775808]) v;
SELECT left(v::text, 12), lakehouse.mask_floor(v, 2.5), lakehouse.mask_range(v, 2.5), lakehouse.mask_range_text(v, 2.5), lakehouse.mask_floor(v::float8, 2.5)
FROM unnest(ARRAY[0, 2.4999, 2.5, -0.0001, 12.3456, 'NaN', 'Infinity', '-Infinity', 1e200]::numeric[]) v;
CREATE TABLE fits (n numeric(5, 2));
-- in the type's own room, and no class of one value
SELECT v, lakehouse.mask_floor(v::smallint, 1000) FROM unnest('{-32768,-32000,999,32767}'::int[]) v;
SELECT v, lakehouse.mask_floor(v, w) FROM (VALUES (real '-3.4e38', 1e38), ('1e10', 1), ('8388607', 1), ('NaN', 1), ('Infinity', 1), ('-0', 1), ('37', 10), ('37', 0)) x (v, w);
-- what stands in a plan for the cast to numeric(precision, scale)
SELECT v, s, lakehouse.mask_fit(v::numeric, (((5 << 16) | (s & 2047)) + 4)) FROM unnest('{999.994,999.995,-999.995,1e1000,0.00001,99999.4,NaN,Infinity,-Infinity,NULL}'::text[]) v, unnest('{2,0}'::int[]) s;
SELECT v, lakehouse.mask_fit(v, -1) FROM unnest('{999.995,NaN,Infinity}'::numeric[]) v;
SELECT lakehouse.mask_fit(v::numeric(5, 2), atttypmod) IS NOT DISTINCT FROM v FROM pg_attribute, unnest('{999.99,-999.99,0,0.1,NaN}'::numeric(5, 2)[]) v
	WHERE attname = 'n' AND attrelid = 'fits'::regclass;
-- a class of one value would be the value
SELECT lakehouse.mask_floor(5, 1), lakehouse.mask_range(5, 0), lakehouse.mask_floor(5::bigint, -10), lakehouse.mask_floor(5.5, 0), lakehouse.mask_range(5.5, 'NaN'),
	lakehouse.mask_floor(5.5::float8, 'NaN'), lakehouse.mask_floor(1e300::float8, 1.0), lakehouse.mask_floor('-0'::float8, 1.0), lakehouse.mask_range_text(5.5, -1);
SELECT left(v, 12), lakehouse.mask_range_text(v, 10) FROM unnest(ARRAY['37', '-37', '+3.5', '.5', '5.', '', '.', '-', '1e5', '1_000', ' 5', '0x10', 'NaN', repeat('9', 200)]) v;
SELECT lakehouse.mask_range(date '2024-05-17', u) AS range, lakehouse.mask_date_trunc(date '2024-05-17', u), lakehouse.mask_date_trunc(timestamp '2024-05-17 12:34:56.789', u), u
FROM unnest(ARRAY['minute', 'hour', 'day', 'week', 'Month', 'quarter', 'YEAR', 'decade', 'century', 'second', 'millennium', '']) u;
SET timezone = 'America/New_York';
SELECT lakehouse.mask_date_trunc(timestamptz '2024-01-01 01:00+00', 'year') AT TIME ZONE 'UTC' AS in_utc, lakehouse.mask_range(timestamptz '2024-01-01 01:00+00', 'day') AS range,
	lakehouse.mask_range(timestamp '2024-01-01 01:00', 'hour'), lakehouse.mask_range_text(date '2024-02-29', 'month');
RESET timezone;
SELECT v, lakehouse.mask_date_trunc(v, 'century'), lakehouse.mask_range(v, 'week'), lakehouse.mask_range_text(v, 'century')
FROM unnest(ARRAY['infinity', '-infinity', '4714-11-24 BC', '5874897-12-31', '0001-01-01', '0001-12-31 BC']::date[]) v;
SELECT v, lakehouse.mask_date_trunc(v, 'century'), lakehouse.mask_range(v, 'decade') FROM unnest(ARRAY['infinity', '-infinity', '4714-11-24 BC', '294276-12-31 23:59:59']::timestamp[]) v;
-- the same as date_trunc
SELECT u, count(*) FROM unnest(ARRAY['week', 'month', 'quarter', 'year', 'decade', 'century']) u, generate_series(timestamp '4000-01-01 BC', '4000-12-31', interval '100 days 7:11:13.5') t
WHERE lakehouse.mask_date_trunc(t, u) IS DISTINCT FROM date_trunc(u, t) OR lakehouse.mask_date_trunc(t::date, u) IS DISTINCT FROM date_trunc(u, t::date)::date
	OR NOT lakehouse.mask_range(t, u) @> t OR lower(lakehouse.mask_range(t, u)) <> date_trunc(u, t) OR date_trunc(u, upper(lakehouse.mask_range(t, u))) <> upper(lakehouse.mask_range(t, u))
GROUP BY 1;
SELECT u, count(*) FROM unnest(ARRAY['minute', 'hour', 'day']) u, generate_series(timestamp '0010-12-01 BC', '0010-02-01', interval '17:11:13.123456') t
WHERE lakehouse.mask_date_trunc(t, u) IS DISTINCT FROM date_trunc(u, t) OR upper(lakehouse.mask_range(t, u)) <> date_trunc(u, t) + ('1 ' || u)::interval GROUP BY 1;

-- ---- the table

SELECT name, arguments, strength FROM lakehouse.mask_functions() WHERE NOT keyed ORDER BY 1, 2;
-- every function that is called mask_... is in it
SELECT proname FROM pg_proc WHERE pronamespace = 'lakehouse'::regnamespace AND proname LIKE 'mask\_%'
	AND 'internal'::regtype <> ALL (proargtypes) AND proname NOT IN ('mask_functions', 'mask_counters', 'mask_counters_reset', 'mask_fit')
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

-- ---- other encodings

CREATE DATABASE masked_ascii ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C';
CREATE DATABASE masked_latin1 ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C';
\c masked_ascii
CREATE EXTENSION lakehouse;
SELECT lakehouse.mask_partial('abcd', 1, '-', 1), lakehouse.mask_partial(E'ab\xc3\xa4cd', 1, '-', 1), lakehouse.mask_partial(E'ab\xffcd', 1, '-', 1),
	lakehouse.mask_email(E'j\xf6rg@example.com'), lakehouse.mask_email('jorg@example.com'), lakehouse.mask_phone('1234567', 4, E'\xe2');
\c masked_latin1
CREATE EXTENSION lakehouse;
SELECT lakehouse.mask_partial(E'\xe9t\xe9', 1, '-', 1) = E'\xe9-\xe9', lakehouse.mask_email(E'\xe9ric@example.com') = E'\xe9***@example.com',
	lakehouse.mask_phone('1234567', 4, E'\xa7') = E'\xa7\xa7\xa74567', lakehouse.mask_regex(E'\xe9t\xe9', E'\xe9', 'e');
\c contrib_regression
DROP DATABASE masked_ascii;
DROP DATABASE masked_latin1;

-- what takes long can be cancelled, while it is one match
SET statement_timeout = '50ms';
SELECT lakehouse.mask_regex(repeat('a', 59999), '^(aa+)\1+$', '#') AS "59999 is a prime";
RESET statement_timeout;
