-- Values of all types in a change stream.
\i sql/include/cdc.psql
CREATE SCHEMA cdc;
SET search_path = cdc, public;
SELECT pg_temp.new_slot();

-- Values of some type in a table that is gone when they are streamed.
CREATE FUNCTION pg_temp.put(type text, VARIADIC vals text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TABLE cdc.one (n serial, v %s)', type);
	FOR i IN 1 .. cardinality(vals) LOOP
		EXECUTE format('INSERT INTO cdc.one (v) VALUES (%L)', vals[i]);
	END LOOP;
	DROP TABLE cdc.one;
END $$;
CREATE FUNCTION pg_temp.values(VARIADIC options text[] DEFAULT '{}') RETURNS SETOF text LANGUAGE sql AS $$
	SELECT substring(s from '"v":(.*)\}\}$') FROM pg_temp.stream(VARIADIC options) s
$$;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN small AS int CHECK (value < 100);
CREATE DOMAIN smaller AS small;
CREATE DOMAIN moods AS mood[];
CREATE TYPE pair AS (a int, b text);

SELECT pg_temp.put('bool', 't', 'f', NULL);
SELECT * FROM pg_temp.values();
SELECT pg_temp.put('int2', '-32768', '32767'), pg_temp.put('int8', '-9223372036854775808', '9223372036854775807'),
	pg_temp.put('oid', '4294967295'), pg_temp.put('xid', '4294967295');
SELECT * FROM pg_temp.values();
SELECT pg_temp.put('float4', '1.1', '-0', 'NaN', 'Infinity', '1e-45'), pg_temp.put('float8', '0.1', '1e300', '-Infinity', '5e-324');
SELECT * FROM pg_temp.values();
SELECT pg_temp.put('numeric', '0', '0.000', '-1', '10000', '99999999', '0.0001', '1e-1000', '123456789012345678901234567890.12345',
	'NaN', 'Infinity', '-Infinity'), pg_temp.put('numeric(10,2)', '12.3', '-0.01'), pg_temp.put('numeric(5,-2)', '12345');
SELECT * FROM pg_temp.values();
SELECT pg_temp.put('text', '', 'ü€😀', E'tab\t quote" back\\ nul-like \x01 \x7f', 'line' || chr(10) || 'end'),
	pg_temp.put('varchar(5)', 'abc'), pg_temp.put('char(5)', 'abc'), pg_temp.put('name', 'a name'),
	pg_temp.put('"char"', 'x', ''), pg_temp.put('mood', 'happy', 'sad');
SELECT * FROM pg_temp.values();
SELECT pg_temp.put('bytea', '', '\x00ff10'), pg_temp.put('uuid', '00112233-4455-6677-8899-aabbccddeeff');
SELECT * FROM pg_temp.values();
SELECT pg_temp.put('date', '2024-02-29', '0044-03-15 BC', '12345-01-01', 'infinity', '-infinity', '1999-12-31'),
	pg_temp.put('time', '24:00', '00:00:00.000001'), pg_temp.put('timetz', '12:00+05:30', '23:59:59.5-12'),
	pg_temp.put('timestamp', '2024-02-29 12:34:56.789', '0001-01-01 00:00:00 BC', 'infinity', '-infinity', '294276-12-31 23:59:59.999999'),
	pg_temp.put('timestamptz', '2024-02-29 00:00:00+02'), pg_temp.put('interval', '1 year -2 days 3:04:05.6', '-1 mon', '0');
SELECT * FROM pg_temp.values();
SELECT pg_temp.put('json', '{"a" : [1, 2]}', '"x"', '1'), pg_temp.put('jsonb', '{"b": {"c": [true, false, null, 1.50, "q\"\\\u0001\t"]}, "a": []}', '3', '"s"', '{}', '[[[]]]');
SELECT * FROM pg_temp.values();
SELECT pg_temp.put('jsonb', '{"a": 1}');
SELECT * FROM pg_temp.values('json.native', 'off');
SELECT pg_temp.put('int[]', '{}', '{1,NULL,3}', '{{1,2},{3,4}}', '[0:1]={5,6}'), pg_temp.put('text[]', '{a,"b c","d\"e",NULL,""}'),
	pg_temp.put('numeric[]', '{1.50,NaN}'), pg_temp.put('mood[]', '{ok,sad}'), pg_temp.put('jsonb[]', '{"{\"a\": 1}"}'),
	pg_temp.put('timestamptz[]', '{2024-01-01 00:00+00}'), pg_temp.put('bytea[]', '{"\\x01"}'), pg_temp.put('bool[]', '{t,f,NULL}');
SELECT * FROM pg_temp.values();
SELECT pg_temp.put('small', '7'), pg_temp.put('smaller', '8'), pg_temp.put('moods', '{happy}'), pg_temp.put('small[]', '{1,2}');
SELECT * FROM pg_temp.values();
SELECT pg_temp.put('pair', '(1,"a b")'), pg_temp.put('inet', '10.0.0.1/8'), pg_temp.put('bit(5)', '10101'), pg_temp.put('money', '1234.5'),
	pg_temp.put('int4range', '[1,5)'), pg_temp.put('int4multirange', '{[1,2),[4,5)}'), pg_temp.put('point', '(1,2)'),
	pg_temp.put('box[]', '{(1,1),(0,0);(2,2),(1,1)}'), pg_temp.put('tsvector', 'a:1 b'), pg_temp.put('int2vector', '1 2'),
	pg_temp.put('regclass', 'pg_class'), pg_temp.put('pg_lsn', '0/1'), pg_temp.put('macaddr', '08:00:2b:01:02:03');
SELECT * FROM pg_temp.values();

-- jsonb of many members: words with offsets among those with lengths
CREATE TABLE wide (v jsonb);
INSERT INTO wide SELECT jsonb_object_agg('k' || g, repeat('x', g % 7)) FROM generate_series(1, 100) g;
INSERT INTO wide SELECT jsonb_agg(g / 7.0) FROM generate_series(1, 100) g;
INSERT INTO wide SELECT jsonb_build_object('a', jsonb_agg(jsonb_build_object('x', g, 'y', g::text))) FROM generate_series(1, 70) g;
SELECT bool_and(s = w.v::text) FROM (SELECT s, row_number() OVER () AS n FROM pg_temp.values() s) x
	JOIN (SELECT v, row_number() OVER () AS n FROM wide) w USING (n);
-- compressed, out of line, and old values of enumerations that were renamed
CREATE TABLE stored (id int PRIMARY KEY, j jsonb, a int[], n numeric, b bytea, m mood);
INSERT INTO stored SELECT 1, jsonb_agg(md5(g::text)), array_agg(g), repeat('123456789', 1000)::numeric, decode(repeat('00ff', 3000), 'hex'), 'ok'
	FROM generate_series(1, 3000) g;
ALTER TYPE mood ADD VALUE 'great';
INSERT INTO stored (id, m) VALUES (2, 'great');
ALTER TYPE mood RENAME VALUE 'ok' TO 'fine';
INSERT INTO stored (id, m) VALUES (3, 'fine');
SELECT s.data::jsonb->'new'->'j' = t.j, s.data::jsonb->'new'->>'a' = array_to_json(t.a)::text OR
	(s.data::jsonb->'new'->'a') = to_jsonb(t.a), (s.data::jsonb->'new'->>'n')::numeric = t.n,
	decode(s.data::jsonb->'new'->>'b', 'base64') = t.b, s.data::jsonb->'new'->'m'
	FROM pg_logical_slot_get_changes('regress_cdc', NULL, NULL, 'format', 'json', 'schema.events', 'off') s
	JOIN stored t ON t.id = (s.data::jsonb->'new'->>'id')::int;

SELECT pg_drop_replication_slot('regress_cdc');
DROP SCHEMA cdc CASCADE;
