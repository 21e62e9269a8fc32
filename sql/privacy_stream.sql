-- Policies in change streams: for the role that decodes, what a query of it would show; for a role that no policy is about, the strictest.
\set schema test_privacy_stream
\i sql/include/lake.psql
\i sql/include/cdc.psql
\! mkdir -p -m 700 $LAKEHOUSE_FIXTURES/privacy_stream
SELECT :'fixtures' || '/privacy_stream' AS dir \gset
\! umask 077 && echo "{\"keys\": {\"app:1\": \"$(printf 'fedcba9876543210%.0s' 1 2 3 4)\"}}" > $LAKEHOUSE_FIXTURES/privacy_stream/keys.json
SELECT lakehouse.key_provider_create('stream_file', 'file', jsonb_build_object('path', :'dir' || '/keys.json'));
SELECT lakehouse.key_create('stream_key', provider => 'stream_file', kek => 'app') > 0 AS made;
SELECT count(lakehouse.domain_create(d[1], d[2], 'stream_key', d[3]::jsonb)) FROM (VALUES ('{s_id,bigint,"{\"least\": 0, \"most\": 2000000000}"}'::text[]),
	('{s_card,card,"{}"}'), ('{s_date,date,"{}"}'), ('{s_text,text,"{}"}')) v (d);
CREATE ROLE stream_masked REPLICATION;
CREATE ROLE stream_other REPLICATION;
CREATE ROLE stream_exempt REPLICATION;
CREATE ROLE stream_nobody;
GRANT USAGE ON SCHEMA lakehouse, test_privacy_stream TO stream_masked, stream_other, stream_exempt;
\pset null <null>
SELECT pg_temp.new_slot();

-- ---- a backlog from before the policies
CREATE TABLE people (gone int, id int PRIMARY KEY, ssn text NOT NULL, card text, born date, seen timestamptz, pay numeric(9, 2), kids smallint,
	name text, note text, doc jsonb, ip inet, phone text, plate text, city text DEFAULT 'raw city');
ALTER TABLE people DROP gone;
INSERT INTO people SELECT i, 'raw-1' || i, '4111111111111111', date '1980-01-01' + i, timestamptz '2024-01-01 12:00+00' + i * interval '1 hour', 1000 + i * 1.25, i,
	'raw ' || i, 'raw ' || i || repeat('!', i), jsonb_build_object('mail', 'raw' || i || '@example.com', 'ok', i), '10.1.2.3', '+1 555 010' || i, 'plate-' || i, 'raw' FROM generate_series(1, 4) i;
ALTER TABLE people RENAME note TO remark;
SET client_min_messages = error;
SELECT lakehouse.policy_create('s_people', 'people', ARRAY['ssn', $$lakehouse.mask_partial(ssn, 0, 'X', 1)$$, 'card', $$lakehouse.mask_fpe(card, 's_card')$$,
	'born', $$lakehouse.mask_date_shift(born, id::text, 's_date')$$, 'seen', $$lakehouse.mask_date_trunc(seen, 'month')$$,
	'pay', $$lakehouse.mask_noise(pay, 's_text', 0.1)$$, 'kids', $$lakehouse.mask_floor(kids, 2)$$,
	'name', $$lakehouse.mask_fake_name(name, 's_text')$$, 'remark', $$lakehouse.mask_hash(remark, 's_text')$$,
	'doc', $$lakehouse.mask_json(doc, '{$.mail}')$$, 'ip', $$lakehouse.mask_ip(ip, 8)$$, 'phone', $$lakehouse.mask_regex(phone, '[0-9]', '#')$$,
	'plate', $$CASE WHEN id % 2 = 0 THEN upper(plate) ELSE substr(plate, 1, 3) END$$], for_roles => '{stream_masked}', except_roles => '{stream_exempt}');
SELECT lakehouse.policy_create('s_strict', 'people', ARRAY['ssn', 'NULL', 'name', $$'somebody'$$], for_roles => '{stream_nobody}', except_roles => '{stream_exempt}');
RESET client_min_messages;
GRANT SELECT (id, city) ON people TO stream_masked;
GRANT SELECT ON people TO stream_exempt, stream_other;

-- What a role's stream has of a table, beside what its query has: columns that differ.
CREATE FUNCTION rows_of(options text[]) RETURNS SETOF jsonb LANGUAGE sql AS $$
	SELECT data::jsonb FROM pg_logical_slot_peek_changes('regress_cdc', NULL, NULL, VARIADIC ARRAY['format', 'json', 'schema.events', 'off'] || options)
	WHERE data::jsonb->>'op' IN ('insert', 'update', 'delete', 'quarantine', 'read') $$;
CREATE FUNCTION texts(j jsonb) RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_object_agg(key, CASE WHEN jsonb_typeof(value) = 'number' THEN to_jsonb(trim_scale(value::text::numeric)::text)
		WHEN value #>> '{}' ~ '^\d{4}-\d\d-\d\dT' THEN to_jsonb((value #>> '{}')::timestamptz::text) ELSE to_jsonb(value #>> '{}') END) FROM jsonb_each(j) $$;
-- (remark was called note when the rows were written)
CREATE FUNCTION compare(OUT rows bigint, OUT differ text[]) LANGUAGE sql AS $$
	SELECT count(DISTINCT s->>'id'), array_agg(DISTINCT k.key) FILTER (WHERE k.value IS DISTINCT FROM texts(to_jsonb(p))->k.key)
	FROM (SELECT r->'new' AS s FROM rows_of('{table.include.list,test_privacy_stream.people,actions,insert}') r) x
	JOIN people p ON p.id = (s->>'id')::int CROSS JOIN jsonb_each(texts(s - 'note' || coalesce(jsonb_build_object('remark', s->'note'), '{}'))) k $$;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA test_privacy_stream TO stream_masked, stream_other, stream_exempt;
SET timezone = 'UTC';
SET ROLE stream_masked;
SELECT * FROM compare();
SELECT r->'new'->>'ssn' AS ssn, r->'new'->>'seen' AS seen, r->'new'->>'kids' AS kids, r->'new'->'doc' AS doc, r->'new'->>'ip' AS ip, r->'new'->>'phone' AS phone,
	r->'new'->>'plate' AS plate, r->'new'->>'city' AS city, r::text ~ 'raw-1\d' AS raw FROM rows_of('{}') r;
-- exempt by both: raw, as its query has it
SET ROLE stream_exempt;
SELECT * FROM compare();
SELECT r->'new'->>'ssn' AS ssn, r->'new'->>'name' AS name FROM rows_of('{}') r;
-- a role that no policy is about, and a superuser: of each column the strictest mask, whatever their queries show
SET ROLE stream_other;
SELECT * FROM compare();
RESET ROLE;
SELECT * FROM compare();
SELECT r->'new'->>'ssn' AS ssn, r->'new'->>'name' AS name, r->'new'->>'ip' AS ip, r->'new'->>'city' AS city FROM rows_of('{}') r;

-- ---- a consumer's options only narrow
SET ROLE stream_masked;
SELECT r->'new'->>'ssn' AS ssn, r->'new'->>'name' = (SELECT name FROM people WHERE id = 1) AS name FROM rows_of('{masks,test_privacy_stream.people.ssn:constant:z;test_privacy_stream.people.name:truncate:100}') r LIMIT 1;
\set SHOW_CONTEXT never
SELECT * FROM rows_of('{row.filter,test_privacy_stream.people: ssn = $x$raw-11$x$}');
RESET ROLE;
SELECT * FROM rows_of('{row.filter,test_privacy_stream.people: ssn = $x$raw-11$x$}');
-- in the schema a masked column may be null, and has no default
SET ROLE stream_masked;
SELECT c->>'name' AS name, c->'not_null' AS not_null, c->'masked' AS masked, c ? 'default' AS has_default FROM pg_logical_slot_peek_changes('regress_cdc', NULL, NULL, 'format', 'json') d,
	jsonb_array_elements(d.data::jsonb->'columns') c WHERE d.data::jsonb->>'op' = 'schema' AND c->>'name' IN ('id', 'ssn', 'city');
RESET ROLE;

-- ---- present policies hold for a backlog: altered, dropped
SELECT lakehouse.policy_alter('s_people', masks => ARRAY['ssn', $$lakehouse.mask_constant(ssn, '*')$$]);
SET ROLE stream_masked;
SELECT r->'new'->>'ssn' AS ssn, r->'new'->>'name' AS name FROM rows_of('{}') r LIMIT 1;
RESET ROLE;
SELECT lakehouse.policy_drop('s_people'), lakehouse.policy_drop('s_strict');
SET ROLE stream_masked;
SELECT r->'new'->>'ssn' AS ssn, r->'new'->>'name' AS name FROM rows_of('{}') r LIMIT 1;
RESET ROLE;
-- an exemption that ended, a policy whose time is over, a purpose that is claimed
SELECT lakehouse.policy_create('s_people', 'people', ARRAY['ssn', $$'over'$$], for_roles => '{stream_nobody}', except_roles => '{stream_exempt}',
	options => '{"except_until": "2001-01-01"}');
SELECT lakehouse.policy_create('s_purpose', 'people', ARRAY['name', $$lakehouse.mask_partial(name, 1, '*', 0)$$], for_roles => '{stream_masked}', purposes => '{audit}');
SELECT lakehouse.policy_create('s_passed', 'people', ARRAY['card', 'NULL'], for_roles => '{stream_masked}', until => '2001-01-01');
SET ROLE stream_exempt;
SELECT DISTINCT r->'new'->>'ssn' AS ssn FROM rows_of('{}') r;
SET ROLE stream_masked;
SET lakehouse.purpose = 'audit';
SELECT r->'new'->>'name' AS name, r->'new'->>'card' AS card FROM rows_of('{}') r LIMIT 1;
RESET lakehouse.purpose;
RESET ROLE;
SELECT lakehouse.policy_drop('s_people'), lakehouse.policy_drop('s_purpose'), lakehouse.policy_drop('s_passed');

-- ---- rows
CREATE TABLE docs (id int PRIMARY KEY, region text, title text, body text, size int GENERATED ALWAYS AS (length(body)) STORED, shown text GENERATED ALWAYS AS (upper(region)) STORED);
ALTER TABLE docs ALTER body SET STORAGE EXTERNAL;
SELECT lakehouse.policy_create('s_docs', 'docs', ARRAY['body', $$lakehouse.mask_partial(body, 2, '*', 0)$$, 'title', $$left(body, 1) || ':' || left(title, 1)$$],
	row_filter => $$region = 'north' AND lakehouse.subject_role() = 'stream_masked'$$, for_roles => '{stream_masked}');
SELECT pg_temp.skip();
-- old rows that do not have what the filter reads
SET ROLE stream_masked;
SELECT * FROM rows_of('{}');
SELECT count(*) FROM rows_of('{skipped.operations,"u,d"}');
RESET ROLE;
ALTER TABLE docs REPLICA IDENTITY FULL;
INSERT INTO docs VALUES (1, 'north', 'raw one', repeat('raw body ', 1000)), (2, 'south', 'raw two', 'raw body'), (3, 'north', 'raw three', 'raw three');
-- in, out, within, without, a large value that stays
UPDATE docs SET region = 'north' WHERE id = 2;
UPDATE docs SET region = 'south' WHERE id = 3;
UPDATE docs SET title = 'raw again' WHERE id = 1;
UPDATE docs SET title = 'raw hidden' WHERE id = 3;
DELETE FROM docs WHERE id = 3;
DELETE FROM docs WHERE id = 2;
TRUNCATE docs;
SET ROLE stream_masked;
SELECT r->>'op' AS op, r->'old'->>'id' AS old, r->'new'->>'id' AS new, substr(r->'new'->>'body', 1, 4) AS body, length(r->'new'->>'body') AS length, r->'new'->>'title' AS title,
	r->'old'->>'title' AS old_title, r->'new'->>'size' AS size, r->'new'->>'shown' AS shown, r::text ~ 'raw' AS raw FROM rows_of('{}') r;
-- whom no policy is about has the filter, too: it is true for nobody else
RESET ROLE;
SELECT count(*) FROM rows_of('{}');
-- under the default identity a large value that was not touched is unchanged, and so is what a mask would make of it
SELECT lakehouse.policy_drop('s_docs');
ALTER TABLE docs REPLICA IDENTITY DEFAULT;
SELECT lakehouse.policy_create('s_docs', 'docs', ARRAY['body', $$lakehouse.mask_partial(body, 2, '*', 0)$$, 'title', $$left(body, 1) || ':' || left(title, 1)$$],
	for_roles => '{stream_masked}');
SELECT pg_temp.skip();
INSERT INTO docs VALUES (1, 'north', 'raw one', repeat('raw body ', 1000));
UPDATE docs SET title = 'raw again' WHERE id = 1;
SET ROLE stream_masked;
SELECT r->>'op' AS op, r->'new' ? 'body' AS body, r->'new' ? 'title' AS title, r->'unchanged' AS unchanged, r::text ~ 'raw' AS raw FROM rows_of('{}') r;
RESET ROLE;

-- ---- keys
CREATE TABLE orders (id bigint PRIMARY KEY, customer int, note text);
SELECT lakehouse.policy_create('s_orders', 'orders', ARRAY['id', $$lakehouse.mask_fpe(id, 's_id')$$, 'note', 'NULL'], for_roles => '{stream_masked}');
SELECT pg_temp.skip();
INSERT INTO orders VALUES (1, 10, 'raw'), (2, 20, 'raw');
UPDATE orders SET id = 3 WHERE id = 1;
UPDATE orders SET customer = 21 WHERE id = 2;
DELETE FROM orders WHERE id = 2;
SET ROLE stream_masked;
-- the same key in all events of a row
SELECT r->>'op' AS op, array_position(keys, r->'key'->'id') AS key, r->'new'->'id' = r->'key'->'id' AS same, array_position(keys, r->'old'->'id') AS old, r->'key'->>'id' IN ('1', '2', '3') AS raw
FROM rows_of('{}') r, (SELECT array_agg(o->'key'->'id') AS keys FROM rows_of('{actions,insert}') o) k;
RESET ROLE;
-- a mask of the key that reads what old rows have not
SELECT lakehouse.policy_alter('s_orders', masks => ARRAY['id', $$CASE WHEN customer > 0 THEN id % 10 END$$]);
SET ROLE stream_masked;
SELECT * FROM rows_of('{}');
RESET ROLE;
SELECT lakehouse.policy_drop('s_orders');

-- ---- what cannot be computed while decoding is refused when the stream starts, before there is any row
CREATE TABLE managers (region text, manager name);
SELECT lakehouse.policy_alter('s_docs', row_filter => $$region IN (SELECT m.region FROM test_privacy_stream.managers m WHERE m.manager = lakehouse.subject_role())$$);
SELECT pg_temp.skip();
SET ROLE stream_masked;
SELECT * FROM rows_of('{}');
SELECT count(*) FROM rows_of('{table.exclude.list,test_privacy_stream.docs}');
RESET ROLE;
SELECT lakehouse.policy_alter('s_docs', row_filter => '');
-- a domain that is not there
SELECT lakehouse.policy_alter('s_docs', masks => ARRAY['title', $$lakehouse.mask_hash(title, 's_none')$$]);
SET ROLE stream_masked;
SELECT * FROM rows_of('{}');
RESET ROLE;

-- ---- a mask that fails takes its row to quarantine, without a value
SELECT lakehouse.policy_alter('s_docs', masks => ARRAY['title', $$CASE WHEN id / (id - 7) > 0 THEN 'a' ELSE 'b' END$$]);
SELECT pg_temp.skip();
INSERT INTO docs VALUES (7, 'north', 'raw seven', 'raw'), (8, 'north', 'raw eight', 'raw');
SET ROLE stream_masked;
SELECT r->>'op' AS op, r->>'reason' AS reason, r->'new'->>'title' AS title, r::text ~ 'raw seven' AS raw FROM rows_of('{}') r;
RESET ROLE;
SELECT lakehouse.policy_drop('s_docs');

-- ---- columns that were others when rows were written
CREATE TABLE moved (id int PRIMARY KEY, a int, b text);
SELECT pg_temp.skip();
INSERT INTO moved VALUES (1, 5, 'raw');
ALTER TABLE moved ALTER a TYPE text, ADD c text DEFAULT 'raw c';
INSERT INTO moved VALUES (2, 'raw a', 'raw', 'raw c');
SELECT lakehouse.policy_create('s_moved', 'moved', ARRAY['a', $$left(a, 1)$$, 'b', $$left(c, 2)$$], for_roles => '{stream_masked}');
SET ROLE stream_masked;
SELECT r->'new' AS new FROM rows_of('{}') r;
RESET ROLE;
-- a table that is gone, and one of the same name
SELECT lakehouse.policy_drop('s_moved');
SELECT lakehouse.policy_create('s_moved', 'moved', ARRAY['b', 'NULL'], for_roles => '{stream_masked}');
INSERT INTO moved VALUES (3, 'x', 'raw', 'raw c');
DROP TABLE moved CASCADE;
CREATE TABLE moved (id int PRIMARY KEY, b text);
INSERT INTO moved VALUES (4, 'plain');
SET ROLE stream_masked;
SELECT r->'new' AS new FROM rows_of('{}') r;
RESET ROLE;

-- a column that is gone, and its policy with it
CREATE TABLE lost (id int PRIMARY KEY, s text, t text);
SELECT lakehouse.policy_create('s_lost', 'lost', ARRAY['s', $$left(s, 1)$$], for_roles => '{stream_masked}');
SELECT pg_temp.skip();
INSERT INTO lost VALUES (1, 'raw', 'plain');
SELECT lakehouse.policy_drop('s_lost');
SELECT r->'new' AS new FROM rows_of('{}') r;
ALTER TABLE lost DROP s;
SELECT r->'new' AS new FROM rows_of('{}') r;

-- ---- partitions: under each name as a query of it shows them
CREATE TABLE parts (id int, s text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE parts_1 (s text, id int NOT NULL);
ALTER TABLE parts ATTACH PARTITION parts_1 FOR VALUES FROM (0) TO (10);
SELECT lakehouse.policy_create('s_parts', 'parts', ARRAY['s', $$left(s, 1)$$], row_filter => 'id < 5', for_roles => '{stream_masked}');
CREATE PUBLICATION regress_root FOR TABLE parts WITH (publish_via_partition_root);
SELECT pg_temp.skip();
INSERT INTO parts VALUES (1, 'secret'), (7, 'secret');
SET ROLE stream_masked;
SELECT r->>'table' AS "table", r->'new' AS new FROM rows_of('{}') r;
SELECT r->>'table' AS "table", r->'new' AS new FROM rows_of('{publication_names,regress_root}') r;
RESET ROLE;
SELECT r->>'table' AS "table", r->'new' AS new FROM rows_of('{publication_names,regress_root}') r;
-- as it was when they were written, also when the partition has left
ALTER TABLE parts DETACH PARTITION parts_1;
SELECT r->>'table' AS "table", r->'new' AS new FROM rows_of('{publication_names,regress_root}') r;
DROP PUBLICATION regress_root;

-- ---- snapshots: the same bytes as the stream, whether rows come masked or not
CREATE TABLE snap (id int PRIMARY KEY, born date, secret text, plain text);
SELECT pg_temp.skip();
INSERT INTO snap SELECT i, date '2000-01-01' + i, 'raw' || i, 'plain' FROM generate_series(1, 4) i;
SELECT lakehouse.policy_create('s_snap', 'snap', ARRAY['born', $$lakehouse.mask_date_shift(born, secret, 's_date')$$, 'secret', $$lakehouse.mask_hash(secret, 's_text')$$],
	row_filter => 'id < 3', for_roles => '{stream_masked}', except_roles => '{stream_exempt}');
GRANT SELECT ON snap TO stream_other, stream_exempt;
GRANT SELECT (id, plain) ON snap TO stream_masked;
-- frames, those in which the values of a row of the stream stand, those with anything raw
CREATE FUNCTION snapshot(OUT frames bigint, OUT same bigint, OUT raw bigint) LANGUAGE sql AS $$
	WITH frames AS MATERIALIZED (SELECT lakehouse.cdc_row(s.*, '{format,json,skipped.operations,"u,d"}') AS f FROM ONLY snap AS s),
	events AS MATERIALIZED (SELECT convert_to(substring(data from '"new":({.*})}$'), 'UTF8') AS e FROM pg_logical_slot_peek_changes('regress_cdc', NULL, NULL, 'format', 'json',
		'table.include.list', 'test_privacy_stream.snap', 'skipped.operations', 'u,d') WHERE data::jsonb->>'op' = 'insert')
	SELECT count(f), count(*) FILTER (WHERE EXISTS (SELECT FROM events WHERE position(e IN f) > 0)), count(*) FILTER (WHERE encode(f, 'escape') ~ 'raw') FROM frames $$;
GRANT EXECUTE ON FUNCTION snapshot() TO stream_masked, stream_other, stream_exempt;
SET ROLE stream_masked;
SELECT * FROM snapshot();
SET ROLE stream_other;
SELECT * FROM snapshot();
SET ROLE stream_exempt;
SELECT * FROM snapshot();
RESET ROLE;
SELECT * FROM snapshot();
SET lakehouse.purpose = 'audit';
SELECT lakehouse.cdc_row(s.*, '{format,json,skipped.operations,"u,d"}') IS NULL AS none FROM ONLY snap AS s;
RESET lakehouse.purpose;
-- a masked key cannot be read in pieces, nor can rows be chosen by what is masked
SELECT lakehouse.policy_drop('s_snap');
SELECT lakehouse.policy_create('s_snap', 'snap', ARRAY['id', $$lakehouse.mask_fpe(id, 's_id')$$], for_roles => '{stream_masked}');
SELECT table_name, method, reason FROM lakehouse.cdc_snapshot_tables('{format,json,table.include.list,test_privacy_stream.snap}');
SELECT lakehouse.cdc_snapshot_start('regress_cdc', 'snap', 'id > 2');

-- ---- commands that define such tables go out without their text
SELECT lakehouse.cdc_ddl_enable();
SELECT pg_temp.skip();
ALTER TABLE snap ADD more text DEFAULT 'raw default';
SELECT data::jsonb->>'op' AS op, data ~ 'raw default' AS raw FROM pg_logical_slot_peek_changes('regress_cdc', NULL, NULL, 'format', 'json', 'schema.events', 'off', 'ddl', 'on') WHERE data::jsonb->>'op' = 'ddl';
SELECT lakehouse.cdc_ddl_disable();

-- ---- what other plugins show is no business of policies
SELECT slot_name FROM pg_create_logical_replication_slot('regress_other', 'pgoutput');
SELECT kind, object, detail FROM lakehouse.policy_holes() WHERE kind = 'slot';
SELECT pg_drop_replication_slot('regress_other');

SELECT pg_drop_replication_slot('regress_cdc');
SET client_min_messages = error;
DROP SCHEMA test_privacy_stream CASCADE;
DROP OWNED BY stream_masked, stream_other, stream_exempt, stream_nobody;
DROP ROLE stream_masked, stream_other, stream_exempt, stream_nobody;
SELECT count(lakehouse.domain_drop(name)) FROM lakehouse.domain_list() WHERE name LIKE 's\_%';
DELETE FROM lakehouse.key_versions WHERE id = (SELECT id FROM lakehouse.keys WHERE name = 'stream_key');
DELETE FROM lakehouse.keys WHERE name = 'stream_key';
DELETE FROM lakehouse.key_providers WHERE name = 'stream_file';
