-- The formats avro and debezium-avro: schemas, bare messages, frames, what they refuse.
\i sql/include/cdc.psql
CREATE SCHEMA avro;
SET search_path = avro;
SET bytea_output = hex;

-- ---- schemas

CREATE TYPE mood AS ENUM ('sad', 'so, so');
CREATE DOMAIN price AS numeric(8,3);
CREATE TABLE types (
	id int PRIMARY KEY, i2 int2, i8 int8 DEFAULT 7, b bool, f4 float4, f8 float8, n numeric, n2 numeric(12,2), np price, t text DEFAULT 'x',
	y bytea, u uuid, d date, t6 time, tz timetz, ts timestamp, tsz timestamptz, iv interval, j jsonb, m mood, r int4range, a int[], ap numeric(5,1)[]);
CREATE TABLE "Odd names" ("a b" int, "a-b" int, "1st" date, "__op" text, "é" int, PRIMARY KEY ("a b", "1st"));
CREATE TABLE no_key (a int);
CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (10) TO (20);
CREATE UNLOGGED TABLE unlogged (id int);
CREATE PUBLICATION avro_root FOR TABLE parted WITH (publish_via_partition_root);

SELECT relation, part, schema FROM lakehouse.cdc_schemas('{format,avro}', '{types,unlogged,no_key}');
SELECT relation, part, schema FROM lakehouse.cdc_schemas('{format,avro,topic.prefix,my-srv}', ARRAY['"Odd names"']::regclass[]);
SELECT relation, part, schema FROM lakehouse.cdc_schemas('{format,debezium-avro,topic.prefix,my-srv,decimal.handling.mode,string}', ARRAY['"Odd names"']::regclass[]);
SELECT relation, part, schema::jsonb #> '{fields,0,type,1}' FROM lakehouse.cdc_schemas('{format,debezium-avro}', '{types}');
-- partitions are told of once, under the name that their rows go out under
SELECT relation, part FROM lakehouse.cdc_schemas('{format,avro}', '{parted}');
SELECT relation, part FROM lakehouse.cdc_schemas('{format,avro,publication_names,avro_root}', '{parted}');
-- of all tables: first those of no relation
SELECT format, part, schema FROM lakehouse.cdc_schemas('{format,"avro,debezium-avro",frames,on}') WHERE relation IS NULL AND format = 'avro';
SELECT format, part, length(fingerprint) FROM lakehouse.cdc_schemas('{format,"avro,debezium-avro",frames,on}') WHERE relation IS NULL;
-- masks are in schemas, too
SELECT schema::jsonb #> '{fields,0,type,1,fields,9}' AS t FROM lakehouse.cdc_schemas('{format,debezium-avro,masks,avro.types.t:hash}', '{types}') WHERE part = 'value';
SELECT * FROM lakehouse.cdc_schemas('{format,json}');
SELECT * FROM lakehouse.cdc_schemas(NULL);
CREATE ROLE avro_nobody;
SET ROLE avro_nobody;
SELECT * FROM lakehouse.cdc_schemas('{format,avro}');
RESET ROLE;
DROP ROLE avro_nobody;

-- ---- bare messages: bytes only

SELECT pg_temp.new_slot();
INSERT INTO no_key VALUES (1), (-1), (NULL);
SELECT count(*) FROM pg_logical_slot_peek_changes('regress_cdc', NULL, NULL, 'format', 'avro');
SELECT count(*) FROM lakehouse.changes('regress_cdc', NULL, NULL, 'format', 'avro');
SELECT count(*) FROM pg_logical_slot_peek_binary_changes('regress_cdc', NULL, NULL, 'format', 'avro', 'keys', 'on');
SELECT count(*) FROM pg_logical_slot_peek_binary_changes('regress_cdc', NULL, NULL, 'format', 'avro', 'batch.bytes', '1MB');
SELECT count(*) FROM pg_logical_slot_peek_binary_changes('regress_cdc', NULL, NULL, 'format', 'avro,debezium-avro');
SELECT count(*) FROM pg_logical_slot_peek_binary_changes('regress_cdc', NULL, NULL, 'format', 'debezium-avro', 'unwrap', 'on');

-- What a message says in front: the schema of which relation it names; a row's first bytes, which do not change from run to run.
CREATE FUNCTION pg_temp.messages(format text, n int, VARIADIC options text[] DEFAULT '{}') RETURNS TABLE (head text, relation regclass, part text, bytes bytea) LANGUAGE sql AS $$
	SELECT encode(substr(data, 1, 2), 'hex'), s.relation, s.part, substr(data, 11, n)
	FROM pg_logical_slot_get_binary_changes('regress_cdc', NULL, NULL, VARIADIC ARRAY['format', format] || options) c
	LEFT JOIN lakehouse.cdc_schemas(ARRAY['format', format] || options) s ON s.fingerprint = substr(data, 3, 8)
$$;
SELECT * FROM pg_temp.messages('avro', 3);
INSERT INTO types VALUES (1, -2, 3, true, 0.5, -0.5, 12.30, -12.30, 0.001, 'é', '\x00ff', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '1970-01-02', '00:00:01',
	'04:05:06+05:30', '1970-01-01 00:00:00.000001', '1969-12-31 23:59:59.999999Z', '1 mon -2 days', '{"a": 1}', 'so, so', '[1,3)', '{1,NULL}', '{1.5}');
SELECT * FROM pg_temp.messages('avro', 153);
-- what the types cannot say stands behind, as text
INSERT INTO types (id, n2, d, t6, ts, tsz, a, ap) VALUES (2, 'NaN', 'infinity', '24:00', '-infinity', '10000-01-01 00:00Z', '[0:0]={1}', '{{1},{NaN}}');
SELECT m.relation, part, substr(bytes, 1, 24) AS "row", (SELECT array_agg(t) FROM unnest('{n2,d,t6,ts,tsz,a,ap,id}'::text[], '{NaN,infinity,24:00:00,-infinity,10000-01-01 00:00:00+00,[0:0]={1},"{{1.0},{NaN}}",2}'::text[]) s(name, t)
	WHERE position(set_byte(' ', 0, length(name) * 2) || name::bytea || set_byte(' ', 0, length(t) * 2) || t::bytea in bytes) > 0) AS special
	FROM pg_temp.messages('avro', 500) m;
-- updates, deletes, truncate
UPDATE "Odd names" SET "é" = 1;
INSERT INTO "Odd names" VALUES (1, 2, '2000-01-01', 'op', 3);
UPDATE "Odd names" SET "é" = 4;
UPDATE "Odd names" SET "a b" = 5;
DELETE FROM "Odd names";
SELECT * FROM pg_temp.messages('avro', 14);
TRUNCATE no_key;
SELECT * FROM pg_temp.messages('avro', 3);
SELECT pg_logical_emit_message(true, 'pre', 'text'::bytea) IS NOT NULL;
SELECT relation, part, encode(substr(bytes, 1, 2), 'escape') FROM pg_temp.messages('avro', 2);
INSERT INTO "Odd names" VALUES (1, 2, '2000-01-01', 'op', 3);
UPDATE "Odd names" SET "a b" = 5;
DELETE FROM "Odd names";
TRUNCATE no_key;
SELECT * FROM pg_temp.messages('debezium-avro', 12);
-- a value that its schema has no form for, and may not be null
CREATE TABLE strict (id int PRIMARY KEY, n numeric(5,2) NOT NULL);
INSERT INTO strict VALUES (1, 1), (2, 'NaN'), (3, 3);
SELECT relation, part, bytes ~~ '%lakehouse.quarantine%' AS quarantine, bytes ~~ '%"n"%' AS tells FROM pg_temp.messages('debezium-avro', 1000);
SELECT pg_drop_replication_slot('regress_cdc');
DROP PUBLICATION avro_root;
DROP SCHEMA avro CASCADE;
