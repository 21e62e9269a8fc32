-- Encrypted columns: what goes in, what comes out and for whom, equality, rights, versions and rotation.
-- Dumps, standbys, decoding, files and kills are in test/tap/t/privacy_enc.pl.
\set schema test_privacy_enc
\i sql/include/lake.psql
\! mkdir -p -m 700 $LAKEHOUSE_FIXTURES/privacy_enc
SELECT :'fixtures' || '/privacy_enc' AS dir \gset
\! umask 077 && echo "{\"keys\": {\"app:1\": \"$(printf '0123456789abcdef%.0s' 1 2 3 4)\"}}" > $LAKEHOUSE_FIXTURES/privacy_enc/keys.json
SELECT lakehouse.key_provider_create('enc_file', 'file', jsonb_build_object('path', :'dir' || '/keys.json'));
SELECT lakehouse.key_create('enc_key', provider => 'enc_file', kek => 'app') > 0 AS made;
SELECT lakehouse.key_create('enc_own', provider => 'enc_file', kek => 'app') > 0 AS made;
SELECT lakehouse.domain_create('e_own', 'text', 'enc_own');
SELECT lakehouse.domain_create('e_people', 'text', 'enc_key');
SELECT lakehouse.domain_create('e_other', 'text', 'enc_key');
CREATE ROLE enc_clerk;
CREATE ROLE enc_writer;
CREATE ROLE enc_finder;
CREATE ROLE enc_nobody;
GRANT USAGE ON SCHEMA lakehouse, test_privacy_enc TO enc_clerk, enc_writer, enc_finder, enc_nobody;
SELECT lakehouse.domain_grant('e_people', r, 'enc_clerk') FROM unnest(ARRAY['encrypt', 'decrypt', 'search']) r;
SELECT lakehouse.domain_grant('e_people', 'encrypt', 'enc_writer');
SELECT lakehouse.domain_grant('e_people', 'search', 'enc_finder');
\pset null <null>
-- operators are found by the search_path
SET search_path = test_privacy_enc, lakehouse;
-- armoured?
CREATE FUNCTION armoured(t text) RETURNS boolean LANGUAGE sql AS $$ SELECT t LIKE 'lhc1:%' AND t !~ 'alice|bob' $$;

-- ---- input

-- without a domain of the database's own, a literal has none
CREATE TABLE people (id int PRIMARY KEY, mail lakehouse.enc_text('e_people', 'search'), note lakehouse.enc_text('e_people'));
\d people
SET ROLE enc_clerk;
SELECT 'alice'::lakehouse.enc_text;
RESET ROLE;
SET lakehouse.encryption_domain = 'no such domain';
SELECT 'alice'::lakehouse.enc_text;
SET lakehouse.encryption_domain = 'e_own';
SELECT armoured('alice'::lakehouse.enc_text::text) AS armoured;
GRANT ALL ON people TO enc_clerk, enc_writer, enc_finder, enc_nobody;
SET ROLE enc_clerk;
-- the default is not theirs to choose
SET lakehouse.encryption_domain = 'e_people';
INSERT INTO people VALUES (1, 'alice@x.org', 'likes tea'), (2, 'bob@x.org', 'likes tea');
INSERT INTO people SELECT 3, 'carol@x.org', 'x'::text;
COPY people FROM stdin;
4	dan@x.org	by copy
5	alice@x.org	likes tea
6	\N	\N
\.
SELECT id, armoured(mail::text) AS mail, armoured(note::text) AS note FROM people ORDER BY id;
SELECT octet_length(mail::text), octet_length(note::text) FROM people WHERE id = 1;
-- the same value: the same text where it is searched for, another each time where not
SELECT count(DISTINCT mail::text) AS mails, count(DISTINCT note::text) AS notes FROM people WHERE id IN (1, 5);

-- ---- output

SHOW lakehouse.decrypt;
SET lakehouse.decrypt = on;
SELECT * FROM people ORDER BY id;
SELECT id, lakehouse.decrypt(note) FROM people ORDER BY id;
-- whole rows, JSON, arrays
SELECT p FROM people p WHERE id = 1;
SELECT to_jsonb(p) FROM people p WHERE id = 2;
SELECT array_agg(mail ORDER BY id) FROM people WHERE id < 3;
COPY (SELECT id, mail FROM people WHERE id = 1) TO stdout;
INSERT INTO people VALUES (7, 'gus@x.org', 'g') RETURNING *;
-- who has no right to decrypt
SET ROLE enc_writer;
SHOW lakehouse.decrypt;
SELECT id, armoured(mail::text), armoured(note::text) FROM people WHERE id = 1;
SELECT lakehouse.decrypt(mail) FROM people WHERE id = 1;
RESET ROLE;
-- superusers and owners neither
SELECT id, armoured(mail::text), armoured(note::text) FROM people WHERE id = 1;
SELECT lakehouse.decrypt(mail) FROM people WHERE id = 1;
-- functions with SECURITY DEFINER are for who calls them
SET ROLE enc_clerk;
CREATE FUNCTION pg_temp.of(int) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT lakehouse.decrypt(mail) FROM test_privacy_enc.people WHERE id = $1';
SELECT pg_temp.of(1);
DROP FUNCTION pg_temp.of(int);
RESET ROLE;
CREATE FUNCTION of_clerk(int) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT lakehouse.decrypt(mail) FROM test_privacy_enc.people WHERE id = $1';
ALTER FUNCTION of_clerk(int) OWNER TO enc_clerk;
SET ROLE enc_nobody;
SELECT of_clerk(1);
RESET ROLE;
-- what PostgreSQL makes and keeps for a table has no plain text
GRANT CREATE ON SCHEMA test_privacy_enc TO enc_clerk;
SET ROLE enc_clerk;
CREATE MATERIALIZED VIEW kept AS SELECT id, mail::text AS mail FROM people;
REFRESH MATERIALIZED VIEW kept;
SELECT bool_and(armoured(mail)) FROM kept WHERE mail IS NOT NULL;
CREATE MATERIALIZED VIEW kept_plain AS SELECT lakehouse.decrypt(mail) FROM people;
CREATE TABLE measured (mail lakehouse.enc_text('e_people'), n int);
INSERT INTO measured SELECT 'alice'::text, i FROM generate_series(1, 50) i;
INSERT INTO measured SELECT m.* FROM measured m, generate_series(1, 3);
CREATE STATISTICS of_text (mcv) ON (mail::text), n FROM measured;
ANALYZE measured;
RESET ROLE;
SELECT count(*) > 0 AS listed, bool_and(m.values::text ~ 'lhc1:' AND m.values::text !~ 'alice') AS armoured FROM pg_statistic_ext s JOIN pg_statistic_ext_data d ON d.stxoid = s.oid, pg_mcv_list_items(d.stxdmcv) m
	WHERE stxname = 'of_text';
SET ROLE enc_clerk;
DROP STATISTICS of_text;
CREATE STATISTICS of_plain ON (lakehouse.decrypt(mail)) FROM measured;
ANALYZE measured;
DROP TABLE measured;
CREATE TABLE indexed (mail lakehouse.enc_text('e_people'));
CREATE INDEX ON indexed ((mail::text));
CREATE TABLE generated (m lakehouse.enc_text('e_people'), t text GENERATED ALWAYS AS (m::text) STORED);

-- ---- messages

-- a row that fails is not shown decrypted, in errors and their details
ALTER TABLE people ADD CONSTRAINT positive CHECK (id > 0);
RESET ROLE;
ALTER TABLE people ADD CONSTRAINT positive CHECK (id > 0);
ALTER TABLE people ADD CONSTRAINT known CHECK (lakehouse.encryption_version(mail) < 100);
SET ROLE enc_clerk;
SET client_min_messages = notice;
SELECT 1 AS shown FROM people WHERE mail::text = 'alice@x.org' LIMIT 1;
DO $$
DECLARE d text;
BEGIN
	INSERT INTO test_privacy_enc.people VALUES (-1, 'alice@x.org', 'alice');
EXCEPTION WHEN check_violation THEN
	GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL;
	RAISE NOTICE '%', d;
END $$;
SET client_min_messages = warning;
CREATE TABLE numbers (b lakehouse.enc_bigint('e_people', 'search'), n lakehouse.enc_numeric('e_people', 'search'), d lakehouse.enc_date('e_people', 'search'),
	t lakehouse.enc_timestamptz('e_people'), j lakehouse.enc_jsonb('e_people'), x lakehouse.enc_bytea('e_people', 'search'));
COPY numbers (b) FROM stdin;
12 alice
\.
COPY numbers (j) FROM stdin;
{"alice": 
\.
INSERT INTO numbers (d) VALUES ('2020-13-alice');
INSERT INTO numbers (n) VALUES ('1e9999999999');

-- ---- the other types

SET TimeZone = 'UTC';
SET DateStyle = 'German';
INSERT INTO numbers VALUES (5, 1.50, '1.2.2020', '2020-02-01 12:00+02', '{"b": 1.0, "a": [null]}', '\x00ff');
INSERT INTO numbers VALUES (-9223372036854775808, 7, 'infinity', '-infinity', '"ü"', '');
INSERT INTO numbers VALUES (6::bigint, 'NaN'::numeric, date '1.2.2020', timestamptz '2020-02-01 12:00+02', jsonb '{}', bytea '\x00ff');
SELECT * FROM numbers;
SET DateStyle = 'ISO';
SELECT lakehouse.decrypt(b), lakehouse.decrypt(n), lakehouse.decrypt(d), lakehouse.decrypt(t), lakehouse.decrypt(j), lakehouse.decrypt(x) FROM numbers;
SELECT count(*) FROM numbers WHERE n = 1.5;
SELECT count(*) FROM numbers WHERE d = '2020-02-01';
SELECT count(*) FROM numbers WHERE b = 5;
SELECT count(*) FROM numbers WHERE x = '\x00ff';
SELECT count(*) FROM numbers WHERE b = 6::bigint AND n = 'NaN'::numeric AND d = date '2020-02-01';
SELECT count(*) FROM numbers WHERE t = '2020-02-01 12:00+02';
SELECT count(*) FROM numbers WHERE j = '{}';
CREATE TABLE no_search (j lakehouse.enc_jsonb('e_people', 'search'));
INSERT INTO no_search VALUES ('1');

-- ---- armoured text comes back

SET lakehouse.decrypt = off;
CREATE TABLE copied (LIKE people);
INSERT INTO copied SELECT id, mail::text, note::text FROM people;
SELECT count(*) AS same FROM copied c JOIN people p USING (id) WHERE c.mail::text = p.mail::text AND c.note::text = p.note::text;
-- who has no right at all may bring it back, too, but nothing else
GRANT ALL ON copied TO enc_nobody, enc_writer, enc_finder;
SELECT mail::text AS mail FROM people WHERE id = 1 \gset
SET ROLE enc_nobody;
INSERT INTO copied (id, mail) VALUES (100, :'mail');
INSERT INTO copied (id, mail) VALUES (101, 'alice@x.org');
INSERT INTO copied (id, note) VALUES (101, :'mail');
SET ROLE enc_clerk;
-- in a comparison, too
SELECT id FROM people WHERE mail = :'mail' ORDER BY id;
SELECT id FROM people WHERE mail = :'mail'::text ORDER BY id;
SET ROLE enc_nobody;
-- changed, cut, of another type
SELECT overlay(:'mail' PLACING CASE WHEN substr(:'mail', length(:'mail') - 9, 1) = 'A' THEN 'B' ELSE 'A' END FROM length(:'mail') - 9 FOR 1)::lakehouse.enc_text('e_people', 'search');
SELECT (substr(:'mail', 1, 61))::lakehouse.enc_text;
SELECT (substr(:'mail', 1, 101))::lakehouse.enc_text;
SELECT (:'mail' || '=')::lakehouse.enc_text;
SELECT :'mail'::lakehouse.enc_bytea;
SELECT 'lhc1:'::lakehouse.enc_text;
-- none of its characters may be another one
CREATE FUNCTION pg_temp.accepted(armour text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE n int := 0;
BEGIN
	FOR i IN 6 .. length(armour) LOOP
		BEGIN
			PERFORM overlay(armour placing translate(substr(armour, i, 1), 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_', 'BCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_A') from i for 1)::lakehouse.enc_text('e_people', 'search');
			n := n + 1;
		EXCEPTION WHEN others THEN NULL;
		END;
	END LOOP;
	RETURN n;
END $$;
SELECT pg_temp.accepted(:'mail');
DROP FUNCTION pg_temp.accepted(text);
RESET ROLE;
-- text that begins so and is none
SET ROLE enc_clerk;
SELECT lakehouse.decrypt(lakehouse.encrypt('lhc1:', 'e_people'));

-- ---- casts: nobody has opened what others sealed

-- from one domain to another
SELECT armoured(mail::lakehouse.enc_text('e_other')::text) FROM people WHERE id = 1;
RESET ROLE;
SELECT lakehouse.domain_grant('e_other', r, 'enc_writer') FROM unnest(ARRAY['encrypt', 'decrypt', 'search']) r;
SET ROLE enc_writer;
SELECT mail::lakehouse.enc_text('e_other') FROM people WHERE id = 1;
SELECT note::lakehouse.enc_text('e_people', 'search') FROM people WHERE id = 1;
SELECT lakehouse.decrypt(lakehouse.encrypt('mine', 'e_other'));
-- of the database's own domain: what this session sealed for this role, only
RESET ROLE;
SET lakehouse.encryption_domain = 'e_own';
CREATE TABLE own (v lakehouse.enc_text);
GRANT ALL ON own TO enc_writer, enc_clerk;
SET ROLE enc_clerk;
INSERT INTO own VALUES ('secret of the clerk');
SET ROLE enc_writer;
INSERT INTO own VALUES ('secret of the writer');
-- his own
SELECT lakehouse.decrypt(v::lakehouse.enc_text('e_other')) FROM own WHERE ctid = '(0,2)';
SELECT lakehouse.decrypt(v::lakehouse.enc_text('e_other')) FROM own;
RESET ROLE;
SELECT lakehouse.key_rotate('enc_own');
SET ROLE enc_writer;
-- what is renewed is not his by that
SELECT lakehouse.encryption_version(lakehouse.enc_renew(v)) FROM own;
SELECT lakehouse.decrypt(lakehouse.enc_renew(v)::lakehouse.enc_text('e_other')) FROM own LIMIT 1;
RESET ROLE;
SELECT * FROM lakehouse.encryption_status('own', 'v');
-- nor is what a function of somebody else seals for him
CREATE TABLE secrets AS SELECT 'secret of the owner'::text AS s;
CREATE FUNCTION seal() RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = test_privacy_enc AS 'INSERT INTO own SELECT s FROM secrets';
TRUNCATE own;
SET ROLE enc_writer;
SELECT seal();
SELECT lakehouse.decrypt(v::lakehouse.enc_text('e_other')) FROM own;
RESET ROLE;
DROP FUNCTION seal();
DROP TABLE own, secrets;

-- ---- equality

SET ROLE enc_clerk;
INSERT INTO people (id, mail) SELECT i, ('p' || i)::text FROM generate_series(1000, 4000) i;
RESET ROLE;
CREATE INDEX people_mail ON people (mail);
CREATE INDEX people_mail_hash ON people USING hash (mail);
ANALYZE people;
CREATE FUNCTION plan_of(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE l text;
BEGIN
	FOR l IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		RETURN NEXT regexp_replace(l, 'lhc1:[-_A-Za-z0-9]+', 'ARMOURED', 'g');
	END LOOP;
END $$;
DROP INDEX people_mail_hash;
SET ROLE enc_finder;
SELECT id FROM people WHERE mail = 'alice@x.org' ORDER BY id;
SELECT id FROM people WHERE 'p1234' = mail;
SELECT id FROM people WHERE mail = lakehouse.search('p1235', 'e_people');
SELECT id FROM people WHERE mail IN (lakehouse.search('p1236', 'e_people'), lakehouse.search('p1237', 'e_people')) ORDER BY id;
SELECT count(*) FROM people WHERE mail <> 'alice@x.org';
EXPLAIN (COSTS OFF) SELECT id FROM people WHERE mail = lakehouse.search('p1235', 'e_people');
PREPARE find(text) AS SELECT id FROM people WHERE mail = lakehouse.search($1, 'e_people');
EXECUTE find('p1300');
PREPARE find_enc(lakehouse.enc_text) AS SELECT id FROM people WHERE mail = $1;
EXECUTE find_enc('p1301');
PREPARE find_varchar(varchar) AS SELECT id FROM people WHERE mail = $1;
EXECUTE find_varchar('p1302');
-- of a variable no domain of the database's own is needed
-- by index
SET enable_seqscan = off;
SELECT count(*) AS by_index FROM (SELECT 1 FROM people WHERE mail = 'p1234') x;
RESET enable_seqscan;
SELECT plan_of($$ SELECT id FROM people WHERE mail = 'p1234' $$);
SELECT plan_of($$ SELECT id FROM people WHERE mail = current_user::text $$);
-- the rights to find and to write are two
INSERT INTO people (id, mail) VALUES (5000, 'eve@x.org');
INSERT INTO people (id, mail) SELECT 5000, lakehouse.search('eve@x.org', 'e_people');
CREATE TEMP TABLE loose AS SELECT lakehouse.search('eve@x.org', 'e_people') AS m;
INSERT INTO people (id, mail) SELECT 5000, m FROM loose;
SELECT lakehouse.decrypt(m) FROM loose;
SET ROLE enc_writer;
SELECT id FROM people WHERE mail = 'alice@x.org';
SELECT id FROM people WHERE mail = lakehouse.search('alice@x.org', 'e_people');
-- joins and groups are of who sees the column
SELECT count(*) FROM people a JOIN people b USING (mail) WHERE a.id < 10;
SELECT count(*) FROM (SELECT mail FROM people WHERE id < 10 GROUP BY mail) x;
-- what is not declared so
SELECT id FROM people WHERE note = 'likes tea';
SELECT count(DISTINCT note) FROM people;
RESET ROLE;
CREATE INDEX ON people (note);
CREATE INDEX ON people USING hash (note);
SELECT 1 FROM people WHERE mail < 'x';
CREATE INDEX people_mail_hash ON people USING hash (mail);
DROP INDEX people_mail;
SET ROLE enc_finder;
SELECT plan_of($$ SELECT id FROM people WHERE mail = 'p1234' $$);
SELECT id FROM people WHERE mail = 'p1234';
RESET ROLE;
-- unique
CREATE TABLE once (mail lakehouse.enc_text('e_people', 'search') UNIQUE);
GRANT ALL ON once TO enc_clerk;
SET ROLE enc_clerk;
INSERT INTO once VALUES ('alice'), ('bob');
INSERT INTO once VALUES ('alice') ON CONFLICT DO NOTHING;
SET client_min_messages = notice;
DO $$
BEGIN
	INSERT INTO test_privacy_enc.once VALUES ('alice');
EXCEPTION WHEN unique_violation THEN RAISE NOTICE '%', SQLERRM;
END $$;
SET client_min_messages = warning;
-- one key, another domain: no join
RESET ROLE;
SELECT lakehouse.domain_grant('e_other', r, 'enc_clerk') FROM unnest(ARRAY['encrypt', 'search']) r;
SET ROLE enc_clerk;
SELECT lakehouse.search('alice', 'e_other') = lakehouse.search('alice', 'e_people') AS equal;
SELECT lakehouse.search('5'::text, 'e_other')::text = lakehouse.search(5::bigint, 'e_other')::text AS equal;
RESET ROLE;
SELECT null_frac, n_distinct, most_common_vals IS NULL AS no_values FROM pg_stats WHERE tablename = 'people' AND attname = 'note';

-- ---- versions

SELECT DISTINCT lakehouse.encryption_version(mail) FROM people WHERE mail IS NOT NULL;
SELECT lakehouse.key_rotate('enc_key');
SET ROLE enc_clerk;
INSERT INTO people VALUES (10, 'alice@x.org', 'new');
SELECT id, lakehouse.encryption_version(mail), lakehouse.decrypt(mail) FROM people WHERE mail = 'alice@x.org' ORDER BY id;
SELECT * FROM lakehouse.encryption_status('people', 'mail');
CALL lakehouse.encryption_rotate('people', 'mail');
RESET ROLE;
SELECT * FROM lakehouse.encryption_status('people', 'mail');
SELECT lakehouse.key_retire('enc_key', 1);
SELECT lakehouse.domain_rotate('e_people');
SELECT lakehouse.domain_rotate('e_other');
SELECT lakehouse.key_retire('enc_key', 1);
-- in a transaction block it cannot commit
BEGIN;
CALL lakehouse.encryption_rotate('people', 'mail');
ROLLBACK;
CALL lakehouse.encryption_rotate('people', 'id');
CALL lakehouse.encryption_rotate('people', 'nothing');
CALL lakehouse.encryption_rotate('people', 'mail', 0);
CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no update'; END $$;
CREATE TRIGGER stop BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION stop();
ALTER TABLE people ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE people OWNER TO enc_clerk;
CALL lakehouse.encryption_rotate('people', 'mail', 1);
CALL lakehouse.encryption_rotate('people', 'note', 1);
SELECT relation, "column", state, passes, blocks_total = blocks_done AS all_blocks, rows_done FROM lakehouse.encryption_progress ORDER BY job;
SELECT * FROM lakehouse.encryption_status('people', 'mail');
SELECT * FROM lakehouse.encryption_status('people', 'note');
-- search as before
ALTER TABLE people NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;
SET ROLE enc_clerk;
SELECT id, lakehouse.decrypt(mail) FROM people WHERE mail = 'alice@x.org' ORDER BY id;
RESET ROLE;
-- others still use the first version: tables of every kind are looked at
SELECT lakehouse.key_retire('enc_key', 1);
DROP TABLE copied, once;
CALL lakehouse.encryption_rotate('numbers', 'b');
CALL lakehouse.encryption_rotate('numbers', 'n');
CALL lakehouse.encryption_rotate('numbers', 'd');
CALL lakehouse.encryption_rotate('numbers', 't');
CALL lakehouse.encryption_rotate('numbers', 'j');
SELECT lakehouse.key_retire('enc_key', 1);
CALL lakehouse.encryption_rotate('numbers', 'x');
SELECT lakehouse.key_retire('enc_key', 1);
SET ROLE enc_clerk;
SELECT lakehouse.decrypt(b), lakehouse.decrypt(n), lakehouse.decrypt(j) FROM numbers;
-- arrays and composite types
RESET ROLE;
CREATE TYPE pair AS (a int, m lakehouse.enc_text('e_people'));
CREATE TABLE inside (many lakehouse.enc_text('e_people')[], one pair);
GRANT ALL ON inside TO enc_clerk;
SET ROLE enc_clerk;
INSERT INTO inside (many) VALUES (ARRAY['a', 'b']::lakehouse.enc_text('e_people')[]);
RESET ROLE;
SELECT lakehouse.key_rotate('enc_key');
SELECT lakehouse.domain_rotate('e_people');
SELECT lakehouse.domain_rotate('e_other');
CALL lakehouse.encryption_rotate('people', 'mail');
CALL lakehouse.encryption_rotate('people', 'note');
DROP TABLE numbers;
SELECT lakehouse.key_retire('enc_key', 2);
UPDATE inside SET many = NULL, one = ROW(1, NULL);
SELECT lakehouse.key_retire('enc_key', 2);
DROP TABLE inside;
SELECT lakehouse.key_retire('enc_key', 2);
-- a version that is gone: tables stay readable
SELECT version, state, used_by FROM lakehouse.key_status('enc_key');
SET ROLE enc_clerk;
SET lakehouse.decrypt = on;
SELECT :'mail' = :'mail'::lakehouse.enc_text('e_people', 'search')::text AS armoured;
SELECT lakehouse.decrypt(:'mail'::lakehouse.enc_text);
RESET ROLE;
-- a matview cannot be updated
CREATE MATERIALIZED VIEW kept_enc AS SELECT mail FROM people;
CALL lakehouse.encryption_rotate('kept_enc', 'mail');

-- ---- modifiers

SELECT format_type('lakehouse.enc_text'::regtype, atttypmod) FROM pg_attribute WHERE attrelid = 'people'::regclass AND attname IN ('mail', 'note') ORDER BY attnum;
CREATE TABLE bad (a lakehouse.enc_text('e_people', 'serch'));
CREATE TABLE bad (a lakehouse.enc_text('e_people', 'search', 'x'));
CREATE TABLE bad (a lakehouse.enc_text(''));
SET client_min_messages = warning;
CREATE TABLE later (a lakehouse.enc_text('e_later'));
SELECT regexp_replace(format_type(atttypid, atttypmod), '\d+', 'N') FROM pg_attribute WHERE attrelid = 'later'::regclass AND attnum = 1;
SET ROLE enc_clerk;
RESET ROLE;
INSERT INTO later VALUES ('x'::text);
SELECT lakehouse.domain_create('e_later', 'text', 'enc_key');
\d later
INSERT INTO later VALUES ('x'::text);

-- ---- leaving

DROP SCHEMA test_privacy_enc CASCADE;
SELECT lakehouse.domain_drop(name) FROM lakehouse.domain_list() WHERE name LIKE 'e\_%';
DROP TABLE IF EXISTS loose;
REVOKE ALL ON SCHEMA lakehouse FROM enc_clerk, enc_writer, enc_finder, enc_nobody;
DROP ROLE enc_clerk, enc_writer, enc_finder, enc_nobody;
-- keys of what was dropped do not stay in the session
SELECT count(*) AS kept FROM pg_backend_memory_contexts WHERE name = 'lakehouse encryption domain';
DELETE FROM lakehouse.key_versions WHERE id IN (SELECT id FROM lakehouse.keys WHERE name LIKE 'enc\_%');
DELETE FROM lakehouse.keys WHERE name LIKE 'enc\_%';
DELETE FROM lakehouse.key_providers WHERE name = 'enc_file';
