-- Change streams in Protocol Buffers: the bytes, the schemas, what is refused.  (test/differential/cdc/protobuf has a
-- foreign reader.)
\i sql/include/cdc.psql
CREATE SCHEMA pb;
SET search_path = pb, public;
-- A batch of frames message by message, like frames.psql's, but with bytes; schemas' texts as text.
CREATE FUNCTION pg_temp.le(b bytea, at int, n int) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
	SELECT trunc(sum(get_byte(b, at + i)::numeric * 256::numeric ^ i)) FROM generate_series(0, n - 1) i
$$;
CREATE FUNCTION pg_temp.messages(batch bytea, OUT kind int, OUT format int, OUT key bytea, OUT value bytea) RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE
	at int := 12;
	body int;
	k int;
	v int;
BEGIN
	WHILE at < length(batch) LOOP
		kind := get_byte(batch, at + 4);
		body := at + 60;
		at := at + 4 + pg_temp.le(batch, at, 4);
		WHILE body < at LOOP
			format := get_byte(batch, body);
			k := pg_temp.le(batch, body + 4, 4);
			v := pg_temp.le(batch, body + 8, 4);
			key := CASE WHEN get_byte(batch, body + 1) & 1 = 1 THEN substr(batch, body + 13, k) END;
			value := CASE WHEN get_byte(batch, body + 1) & 2 = 0 THEN substr(batch, body + 13 + k, v) END;
			body := body + 12 + k + v;
			RETURN NEXT;
		END LOOP;
	END LOOP;
END $$;
CREATE FUNCTION pg_temp.peek(VARIADIC options text[] DEFAULT '{}', OUT n bigint, OUT kind int, OUT format int, OUT key bytea, OUT value bytea)
	RETURNS SETOF record LANGUAGE sql AS $$
	SELECT row_number() OVER (), m.* FROM pg_logical_slot_peek_binary_changes('regress_cdc', NULL, NULL, VARIADIC '{format,protobuf,frames,on}' || options) c,
		pg_temp.messages(c.data) m
$$;
-- Field of a message, as it stands on the wire: numbers as numbers, the rest as bytes.
CREATE FUNCTION pg_temp.fields(message bytea, OUT field int, OUT wire int, OUT number numeric, OUT bytes bytea) RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE
	at int := 0;
	n numeric;
	part int;
	shift numeric;
BEGIN
	WHILE at < length(message) LOOP
		FOR i IN 1 .. 2 LOOP
			n := 0;
			shift := 1;
			LOOP
				part := get_byte(message, at);
				n := n + (part & 127) * shift;
				shift := shift * 128;
				at := at + 1;
				EXIT WHEN part < 128;
			END LOOP;
			IF i = 1 THEN
				field := n::bigint >> 3;
				wire := n::bigint & 7;
				EXIT WHEN wire NOT IN (0, 2);
			END IF;
		END LOOP;
		number := NULL;
		bytes := NULL;
		CASE wire
			WHEN 0 THEN number := n;
			WHEN 1 THEN number := pg_temp.le(message, at, 8); at := at + 8;
			WHEN 5 THEN number := pg_temp.le(message, at, 4); at := at + 4;
			WHEN 2 THEN bytes := substr(message, at + 1, n::int); at := at + n::int;
		END CASE;
		RETURN NEXT;
	END LOOP;
END $$;
SELECT pg_temp.new_slot();

-- Schemas: that of messages of no relation first, then of the key, then of the values.  Names that are none get others.
CREATE TABLE t (id int PRIMARY KEY, "a b" text, "aB" numeric(10,2), a_b bigint[], gone int, "Größe" date, d timestamptz);
ALTER TABLE t DROP COLUMN gone;
INSERT INTO t VALUES (1, 'x', 1.50, '{1,NULL}', '2024-02-29', '2024-02-29 00:00:00+00');
SELECT n, convert_from(value, 'UTF8') AS schema FROM pg_temp.peek() WHERE format = 252;
-- what a head names is what came
WITH m AS (SELECT * FROM pg_temp.peek())
SELECT substr(m.value, 1, 2) AS value_head, substr(m.key, 1, 2) AS key_head, m.key IS NOT NULL AND
	EXISTS (SELECT FROM m s WHERE s.format = 252 AND substr(s.key, 1, 8) = substr(m.value, 3, 8) AND convert_from(s.value, 'UTF8') LIKE '%message Envelope {%') AS value_schema,
	EXISTS (SELECT FROM m s WHERE s.format = 252 AND substr(s.key, 1, 8) = substr(m.key, 3, 8) AND convert_from(s.value, 'UTF8') LIKE '%message Key {%') AS key_schema
	FROM m WHERE kind = 2 AND format = 0;
SELECT substr(key, 11) AS key, f.field, f.wire, f.number, CASE f.field WHEN 5 THEN NULL ELSE f.bytes END AS bytes
	FROM pg_temp.peek() p, LATERAL pg_temp.fields(substr(p.value, 11)) f WHERE kind = 2 AND format = 0;

-- Operations.  A changed key is a delete, its tombstone, an insert.
SELECT pg_temp.skip();
UPDATE t SET "a b" = 'y';
UPDATE t SET id = 2;
DELETE FROM t;
TRUNCATE t;
SELECT 1 FROM pg_logical_emit_message(true, 'p', '\x00ff'::bytea);
SELECT kind, substr(key, 11) AS key, (SELECT string_agg(concat_ws('=', f.field, coalesce(f.number::text, f.bytes::text)), ' ') FROM pg_temp.fields(substr(value, 11)) f WHERE f.field <> 5 AND NOT (kind = 7 AND f.field = 2)) AS fields
	FROM pg_temp.peek() WHERE format = 0;
-- transactions, on demand
SELECT kind, (SELECT string_agg(concat_ws('=', f.field, f.number), ' ') FROM pg_temp.fields(substr(value, 11)) f WHERE f.field <> 2) AS fields
	FROM pg_temp.peek('provide.transaction.metadata', 'on') WHERE format = 0 AND kind < 2;
SELECT kind, count(*) FROM pg_temp.peek('tombstones', 'off') WHERE format = 0 GROUP BY kind ORDER BY kind;

-- Bare messages are the same without heads.
SELECT count(*), bool_and(b.data = substr(p.value, 11)) FROM
	(SELECT data, row_number() OVER () AS n FROM pg_logical_slot_peek_binary_changes('regress_cdc', NULL, NULL, 'format', 'protobuf')) b
	FULL JOIN (SELECT value, row_number() OVER (ORDER BY n) AS n FROM pg_temp.peek('tombstones', 'off') WHERE format = 0) p USING (n);
SELECT * FROM pg_logical_slot_peek_changes('regress_cdc', NULL, NULL, 'format', 'protobuf');
SELECT * FROM pg_logical_slot_peek_binary_changes('regress_cdc', NULL, NULL, 'format', 'protobuf', 'keys', 'on');
SELECT * FROM pg_logical_slot_peek_binary_changes('regress_cdc', NULL, NULL, 'format', 'protobuf', 'batch.bytes', '64kB');
SELECT * FROM pg_logical_slot_peek_binary_changes('regress_cdc', NULL, NULL, 'format', 'protobuf', 'frames', 'on', 'unwrap', 'on');
SELECT * FROM pg_logical_slot_peek_binary_changes('regress_cdc', NULL, NULL, 'format', 'protobuf', 'frames', 'on', 'outbox.table', 'pb.t');

-- Large values that were not touched are named, never null.
CREATE TABLE big (id int PRIMARY KEY, a text, b text, c text);
ALTER TABLE big ALTER a SET STORAGE EXTERNAL, ALTER b SET STORAGE EXTERNAL;
INSERT INTO big VALUES (1, repeat('a', 9000), repeat('b', 9000));
SELECT pg_temp.skip();
UPDATE big SET c = 'x';
ALTER TABLE big REPLICA IDENTITY FULL;
UPDATE big SET c = 'y';
SELECT f.field, f.number, CASE WHEN length(f.bytes) < 20 THEN f.bytes END AS bytes, length(f.bytes)
	FROM pg_temp.peek() p, LATERAL pg_temp.fields(substr(p.value, 11)) f WHERE kind = 3 AND format = 0 AND f.field <> 5;

-- A schema is told again when it is another; its key's only when that is.
SELECT pg_temp.skip();
INSERT INTO t (id) VALUES (5);
ALTER TABLE t ADD COLUMN e uuid;
INSERT INTO t (id, e) VALUES (6, '00112233-4455-6677-8899-aabbccddeeff');
ALTER TABLE t RENAME COLUMN e TO f;
INSERT INTO t (id, f) VALUES (7, NULL);
ALTER TABLE t ALTER id TYPE bigint;
INSERT INTO t (id) VALUES (8);
SELECT n, kind, format, CASE WHEN format = 252 THEN (SELECT string_agg(l, E'\n') FROM regexp_split_to_table(convert_from(value, 'UTF8'), '\n') l WHERE l ~ ' (id|e|f) = ') END AS lines,
	CASE WHEN format = 252 THEN min(n) OVER (PARTITION BY format, key) END AS first_told
	FROM pg_temp.peek() WHERE format IN (0, 252) ORDER BY n;

-- Rows of a snapshot: the same bytes but for operation and source.
CREATE TABLE all_types (id int PRIMARY KEY, b bool, i2 smallint, o oid, f4 real, f8 float8, n numeric, c char(3), j json, jb jsonb, by bytea, u uuid,
	d date, tm time, tz timetz, ts timestamp, tst timestamptz, iv interval, m money, r int4range, p point, bi bit(3), a int[], ta text[], tsa timestamp[]);
SELECT pg_temp.skip();
INSERT INTO all_types VALUES (1, true, -1, 4294967295, 1.5, '-0', 'NaN', 'ab', '{"a" : 1}', '[1]', '\x00ff', '00112233-4455-6677-8899-aabbccddeeff',
	'infinity', '24:00', '12:00+05:30', '294276-12-31 23:59:59.999999', '-infinity', '1 year -2 days 3:04:05.6', '12.50', '[1,5)', '(1,2)', '101',
	'[0:1]={NULL,2}', '{{a,NULL},{"",b}}', '{2000-01-01,294276-12-31}');
INSERT INTO all_types (id) VALUES (2);
SELECT p.f AS fields FROM (SELECT (SELECT string_agg(concat_ws('=', f.field, coalesce(f.number::text, f.bytes::text)), E'\n')
	FROM pg_temp.fields((SELECT g.bytes FROM pg_temp.fields(substr(value, 11)) g WHERE g.field = 3)) f) AS f, n FROM pg_temp.peek() WHERE kind = 2 AND format = 0) p ORDER BY n;
SELECT s.id, (SELECT f.bytes FROM pg_temp.fields(substr(s.value, 11)) f WHERE f.field = 3) = (SELECT f.bytes FROM pg_temp.fields(substr(p.value, 11)) f WHERE f.field = 3) AS same_row,
	s.key = p.key AS same_key, substr(s.value, 1, 10) = substr(p.value, 1, 10) AS same_schema, (SELECT f.number FROM pg_temp.fields(substr(s.value, 11)) f WHERE f.field = 1) AS op
	FROM (SELECT id, m.key, m.value FROM ONLY all_types x, LATERAL pg_temp.messages(lakehouse.cdc_row(x.*, '{format,protobuf}')) m WHERE m.kind = 5 AND m.format = 0) s
	JOIN (SELECT row_number() OVER (ORDER BY n) AS id, key, value FROM pg_temp.peek() WHERE kind = 2 AND format = 0) p USING (id) ORDER BY id;

-- A masked column is text, and what stood in it nowhere; a row in quarantine.
CREATE TABLE secret (id int PRIMARY KEY, a int, b text);
CREATE PUBLICATION pb_some FOR TABLE secret WHERE (10 / a > 0) WITH (publish = 'insert');
SELECT pg_temp.skip();
INSERT INTO secret VALUES (1, 7, 'canary');
SELECT (SELECT string_agg(l, E'\n') FROM regexp_split_to_table(convert_from(value, 'UTF8'), '\n') l WHERE l ~ 'masked')
	FROM pg_temp.peek('masks', 'pb.secret.a:constant:hidden;pb.secret.b:null') WHERE format = 252 AND convert_from(value, 'UTF8') ~ 'message Row';
SELECT f.bytes FROM pg_temp.peek('masks', 'pb.secret.a:constant:hidden;pb.secret.b:null') p, LATERAL pg_temp.fields(substr(p.value, 11)) f WHERE kind = 2 AND format = 0 AND f.field = 3;
SELECT count(*) > 0 AS rows, count(*) FILTER (WHERE position('canary'::bytea IN data) > 0) AS seen
	FROM pg_logical_slot_peek_binary_changes('regress_cdc', NULL, NULL, 'format', 'protobuf', 'frames', 'on', 'masks', 'pb.secret.b:truncate:2');
SELECT pg_temp.skip();
INSERT INTO secret VALUES (2, 0, 'canary');
SELECT kind, key, f.field, f.number, CASE WHEN f.field = 8 THEN convert_from(f.bytes, 'UTF8') END AS reason
	FROM pg_temp.peek('publication_names', 'pb_some') p, LATERAL pg_temp.fields(substr(p.value, 11)) f WHERE format = 0;
DROP PUBLICATION pb_some;
SELECT pg_drop_replication_slot('regress_cdc');
DROP SCHEMA pb CASCADE;
