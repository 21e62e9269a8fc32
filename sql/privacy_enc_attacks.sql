-- Attacks on encrypted columns by the owner of the table, by who may read it, by who may write; each must end in armoured text or an error.
\set schema test_privacy_enc_attacks
\i sql/include/lake.psql
\! mkdir -p -m 700 $LAKEHOUSE_FIXTURES/privacy_enc_attacks
SELECT :'fixtures' || '/privacy_enc_attacks' AS dir \gset
\! umask 077 && echo "{\"keys\": {\"app:1\": \"$(printf '0123456789abcdef%.0s' 1 2 3 4)\"}}" > $LAKEHOUSE_FIXTURES/privacy_enc_attacks/keys.json
SELECT lakehouse.key_provider_create('at_file', 'file', jsonb_build_object('path', :'dir' || '/keys.json'));
SELECT lakehouse.key_create('at_key', provider => 'at_file', kek => 'app') > 0 AS made;
SELECT lakehouse.domain_create(d, 'text', 'at_key') FROM unnest(ARRAY['at_people', 'at_own', 'at_mine']) d;
SET client_min_messages = warning;
CREATE ROLE at_owner;
CREATE ROLE at_reader;
CREATE ROLE at_clerk;
CREATE ROLE at_writer;
GRANT USAGE ON SCHEMA lakehouse TO at_owner, at_reader, at_clerk, at_writer;
GRANT USAGE, CREATE ON SCHEMA test_privacy_enc_attacks TO at_owner, at_reader, at_clerk, at_writer;
SELECT lakehouse.domain_grant('at_people', r, 'at_clerk') FROM unnest(ARRAY['encrypt', 'decrypt', 'search']) r;
SELECT lakehouse.domain_grant('at_people', 'encrypt', 'at_writer');
-- domains that the attackers have all rights in
SELECT lakehouse.domain_grant('at_mine', r, w) FROM unnest(ARRAY['encrypt', 'decrypt', 'search']) r, unnest(ARRAY['at_owner', 'at_reader', 'at_writer']) w;
\pset null <null>
SET search_path = test_privacy_enc_attacks, lakehouse, public;
SET lakehouse.encryption_domain = 'at_own';
SET ROLE at_owner;
CREATE TABLE people (id int PRIMARY KEY, mail lakehouse.enc_text('at_people', 'search'), note lakehouse.enc_text('at_people'), n lakehouse.enc_bigint('at_people'), j lakehouse.enc_jsonb('at_people'), own lakehouse.enc_text);
GRANT ALL ON people TO at_clerk, at_writer;
GRANT SELECT ON people TO at_reader;
SET ROLE at_clerk;
INSERT INTO people SELECT i, ('CANARY' || i % 5)::text, 'CANARY note'::text, 471147114711, '{"CANARY": 471147114711}'::jsonb, 'CANARY own' FROM generate_series(1, 20) i;
RESET ROLE;

-- Runs it as the role, with lakehouse.decrypt on; what came out, in rows and in all that errors say.
CREATE FUNCTION attack(role name, sql text) RETURNS text LANGUAGE plpgsql SET lakehouse.decrypt = on AS $$
DECLARE
	r record;
	got text := '';
	m text; d text; h text; c text; s text;
BEGIN
	sql := btrim(sql);
	EXECUTE format('SET LOCAL ROLE %I', role);
	BEGIN
		IF sql ~* '^(select|with|table|explain|update|insert|delete|values|execute|fetch)' THEN
			FOR r IN EXECUTE sql LOOP
				got := got || r::text || ' ' || coalesce(to_jsonb(r)::text, '');
			END LOOP;
		ELSE
			EXECUTE sql;
		END IF;
	EXCEPTION WHEN others THEN
		GET STACKED DIAGNOSTICS s = RETURNED_SQLSTATE, m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT, c = PG_EXCEPTION_CONTEXT;
		-- (where it was has the statement itself, and so what was guessed)
		got := got || concat_ws(' ', m, d, h);
	END;
	RESET ROLE;
	RETURN CASE WHEN got ~ 'CANARY|471147114711' THEN 'LEAK: ' || got
		WHEN sql ~ 'xmlforest|query_to_xml' AND (s = '0A000' OR got ~ 'lhc1:') THEN 'armoured, or no libxml' WHEN s IS NOT NULL THEN 'error ' || s WHEN got ~ 'lhc1:' THEN 'armoured' WHEN got = '' THEN 'done' ELSE 'other: ' || replace(got, 'rows=0.00', 'rows=0') END;
END $$;
SET client_min_messages = error;
-- the harness finds what there is to be found
SELECT attack('at_clerk', 'SELECT mail FROM people LIMIT 1') ~ '^LEAK' AS found, attack('at_clerk', 'SELECT lakehouse.decrypt(n) FROM people LIMIT 1') ~ '^LEAK' AS found,
	attack('at_clerk', 'SELECT j FROM people LIMIT 1') ~ '^LEAK' AS found, attack('at_clerk', 'SELECT mail::text::int FROM people') ~ '^LEAK' AS found;

CREATE TABLE attacks (no int GENERATED ALWAYS AS IDENTITY, sql text);
-- ---- output and conversions
INSERT INTO attacks (sql) VALUES
	('SELECT * FROM people'), ('TABLE people'), ('SELECT p FROM people p'),
	('SELECT mail::text, note::varchar(5000), n::text, j::text, own::text FROM people'),
	('SELECT lakehouse.enc_text_out(mail) FROM people'), ('SELECT convert_from(lakehouse.enc_text_send(note), ''UTF8'') FROM people'),
	('SELECT to_json(p), row_to_json(p), to_jsonb(p) FROM people p'), ('SELECT json_agg(p), array_agg(note), array_agg(note)::text FROM people p'),
	('SELECT string_agg(note::text, '','') FROM people'), ('SELECT format(''%s %L'', note, n), concat(note, n), quote_literal(note) FROM people'),
	('SELECT ROW(note, n)::text FROM people'), ('SELECT xmlforest(note, n)::text FROM people'), ('SELECT query_to_xml(''SELECT note FROM people'', true, false, '''')'),
	('SELECT jsonb_populate_record(NULL::people, to_jsonb(p)) FROM people p'), ('SELECT note::text::json FROM people'), ('SELECT j::text::jsonb FROM people'),
	('SELECT note::text::int FROM people'), ('SELECT (note::text || mail::text)::date FROM people'), ('SELECT 1 FROM people WHERE n::text::bigint / 0 > 0'),
	('SELECT substr(note::text, 1, 1000) FROM people'), ('SELECT length(note::text) > 20, md5(note::text) = md5(''CANARY note''), note::text ~ ''ANARY'' FROM people LIMIT 0'),
	('SELECT count(*) FROM people WHERE note::text LIKE ''CANARY%'' HAVING count(*) > 0'), ('SELECT max(note::text) FROM people'),
	('SELECT lakehouse.decrypt(mail) FROM people'), ('SELECT lakehouse.decrypt(j) FROM people'), ('SELECT lakehouse.decrypt(own) FROM people'),
	('SELECT lakehouse.enc_renew(note) FROM people'), ('SELECT lakehouse.enc_row_renew(note, 0, ctid), lakehouse.enc_row_renew(p, 0, ctid) FROM people p'),
	('SELECT lakehouse.enc_value_stale(p) FROM people p WHERE lakehouse.enc_value_stale(p)'),
	('SELECT lakehouse.encrypt(note::text, ''at_mine'') FROM people'), ('SELECT lakehouse.decrypt(lakehouse.encrypt(note::text, ''at_mine'')) FROM people'),
	('EXPLAIN (ANALYZE, BUFFERS OFF, VERBOSE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT note FROM people WHERE note::text > ''x''');
-- ---- into a domain of one's own, or without one
INSERT INTO attacks (sql) VALUES
	('SELECT lakehouse.decrypt(mail::lakehouse.enc_text(''at_mine'')) FROM people'), ('SELECT lakehouse.decrypt(note::lakehouse.enc_text(''at_mine'', ''search'')) FROM people'),
	('SELECT note::lakehouse.enc_text(''at_people'', ''search'') FROM people'), ('SELECT own::lakehouse.enc_text(''at_mine'') FROM people'),
	('SELECT lakehouse.enc_row_renew(own, 0, ctid)::lakehouse.enc_text(''at_mine'') FROM people'), ('SELECT lakehouse.enc_text(note, 2, true) FROM people'),
	('SELECT note::text::lakehouse.enc_text(''at_mine'') FROM people'), ('SELECT note::text::lakehouse.enc_bytea FROM people'), ('SELECT ARRAY[note]::lakehouse.enc_text(''at_mine'')[] FROM people');
-- ---- guesses: what takes a right to search or to encrypt
INSERT INTO attacks (sql) VALUES
	('SELECT ''hit'' FROM people WHERE mail = ''CANARY1'''), ('SELECT ''hit'' FROM people WHERE mail = ''CANARY1''::text'), ('SELECT ''hit'' FROM people WHERE ''CANARY1'' <> mail'),
	('SELECT ''hit'' FROM people WHERE mail IN (''CANARY1'', ''CANARY2'')'), ('SELECT ''hit'' FROM people WHERE mail = ANY (ARRAY[''CANARY1'']::lakehouse.enc_text[])'),
	('SELECT ''hit'' FROM people WHERE ARRAY[mail] = ARRAY[''CANARY1'']::lakehouse.enc_text[]'), ('SELECT ''hit'' FROM people WHERE (id, mail) = (1, ''CANARY1'')'),
	('SELECT ''hit'' FROM people WHERE mail IS NOT DISTINCT FROM ''CANARY1'''), ('SELECT NULLIF(mail, ''CANARY1'') FROM people'), ('SELECT CASE mail WHEN ''CANARY1'' THEN ''hit'' END FROM people'),
	('SELECT lakehouse.enc_eq(mail, ''CANARY1'') FROM people'), ('SELECT lakehouse.enc_cmp(mail, ''CANARY1'') FROM people'), ('SELECT lakehouse.enc_hash(''CANARY1'') = lakehouse.enc_hash(mail) FROM people'),
	('SELECT ''hit'' FROM people WHERE mail = lakehouse.search(''CANARY1'', ''at_people'')'), ('SELECT lakehouse.enc_search(''CANARY1''::text, 3)'),
	('SELECT ''hit'' FROM people WHERE mail = lakehouse.search(''CANARY1'', ''at_mine'') AND false'), ('SELECT ''hit'' FROM people WHERE mail = lakehouse.encrypt(''CANARY1'', ''at_mine'', true)'),
	('SELECT ''hit'' FROM people p JOIN (VALUES (''CANARY1''::lakehouse.enc_text)) v (m) ON p.mail = v.m'), ('SELECT ''hit'' FROM people WHERE ROW(mail) = ROW(''CANARY1''::lakehouse.enc_text)'),
	('SELECT ''hit'' FROM people p JOIN people q ON p.note = q.note'), ('SELECT ''hit'' FROM people WHERE note = ''CANARY note'''),
	('SELECT count(DISTINCT note) FROM people'), ('SELECT note FROM people GROUP BY note'), ('SELECT note FROM people ORDER BY note'), ('SELECT note FROM people UNION SELECT note FROM people'),
	('SELECT rank() OVER (PARTITION BY note) FROM people'), ('SELECT lakehouse.enc_hash(note) FROM people'), ('SELECT lakehouse.enc_cmp(note, note) FROM people'), ('SELECT ROW(note) = ROW(note) FROM people'),
	('SELECT ''equal'' FROM (SELECT id, ROW(note) r FROM people) p JOIN (SELECT id, ROW(note) r FROM people) q ON p.r *= q.r WHERE p.id < q.id'), ('SELECT hash_record(ROW(note)) FROM people'), ('SELECT hash_array(ARRAY[note]) FROM people');
-- ---- statistics
INSERT INTO attacks (sql) VALUES ('SELECT * FROM pg_stats WHERE tablename = ''people''');
ANALYZE people;
-- ---- the column's type changed by its owner
SET ROLE at_owner;
CREATE TABLE altered AS SELECT * FROM people;
GRANT SELECT ON altered TO at_reader;
RESET ROLE;
INSERT INTO attacks (sql) VALUES
	('ALTER TABLE altered ALTER note TYPE text USING lakehouse.decrypt(note)'), ('ALTER TABLE altered ALTER note TYPE lakehouse.enc_text(''at_mine'')'),
	('ALTER TABLE altered ALTER note TYPE lakehouse.enc_text(''at_people'', ''search'')'),
	('ALTER TABLE altered ALTER note TYPE text'), ('SELECT * FROM altered');
\pset format unaligned
SELECT no, regexp_replace(sql, '^(.{0,110}).*$', '\1') AS attack, attack('at_reader', sql) AS reader, attack('at_owner', sql) AS owner FROM attacks ORDER BY no;
\pset format aligned

-- ---- views, functions, definitions that others wrote or that run for others

SET ROLE at_clerk;
CREATE VIEW of_clerk AS SELECT id, mail::text AS t, lakehouse.decrypt(mail) AS d FROM people;
CREATE FUNCTION clerk_decrypts(int) RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = test_privacy_enc_attacks AS 'SELECT lakehouse.decrypt(mail) FROM people WHERE id = $1';
CREATE FUNCTION clerk_shows(int) RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = test_privacy_enc_attacks SET lakehouse.decrypt = on AS 'SELECT mail::text FROM people WHERE id = $1';
CREATE FUNCTION clerk_plpgsql(int) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = test_privacy_enc_attacks SET lakehouse.decrypt = on AS 'DECLARE t text; BEGIN SELECT note INTO t FROM people WHERE id = $1; RETURN t; END';
CREATE FUNCTION clerk_finds(text) RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = test_privacy_enc_attacks, lakehouse AS 'SELECT id FROM people WHERE mail = $1 LIMIT 1';
GRANT SELECT ON of_clerk TO at_reader, at_owner;
SET ROLE at_reader;
CREATE VIEW of_reader AS SELECT id, note::text AS t FROM people;
CREATE FUNCTION reader_io(int) RETURNS text LANGUAGE plpgsql SET lakehouse.decrypt = on AS 'DECLARE t text; BEGIN SELECT note INTO t FROM people WHERE id = $1; RETURN t; END';
CREATE FUNCTION reader_sets(int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('lakehouse.decrypt', 'on', false); RETURN (SELECT note FROM people WHERE id = $1); END $$;
RESET ROLE;
TRUNCATE attacks RESTART IDENTITY;
INSERT INTO attacks (sql) VALUES ('SELECT t FROM of_clerk'), ('SELECT d FROM of_clerk'), ('SELECT clerk_decrypts(1)'), ('SELECT clerk_shows(1)'), ('SELECT clerk_plpgsql(1)'), ('SELECT clerk_finds(''CANARY1'')'),
	('SELECT reader_io(1)'), ('SELECT reader_sets(1)'), ('SELECT t FROM of_reader'), ('UPDATE people SET note = note RETURNING note'), ('INSERT INTO people SELECT id + 100, mail, note, n, j, own FROM people WHERE id = 1 RETURNING *'),
	('INSERT INTO people (id, mail) VALUES (200, ''guess'')'), ('UPDATE people SET mail = ''CANARY1'' WHERE id = 200'),
	('ALTER TABLE people ADD CHECK (note::text::int > 0)'), ('ALTER TABLE people ADD CHECK (lakehouse.decrypt(note) = ''x'')'),
	('CREATE INDEX ON people ((note::text))'), ('CREATE INDEX ON people ((lakehouse.decrypt(note)))'), ('CREATE INDEX ON people (note)'), ('CREATE STATISTICS st ON (note::text), id FROM people'),
	('CREATE CAST (lakehouse.enc_text AS text) WITH INOUT'), ('CREATE CAST (lakehouse.enc_text AS bytea) WITHOUT FUNCTION'), ('CREATE FUNCTION raw(lakehouse.enc_text) RETURNS text LANGUAGE internal AS ''textin'''),
	('ALTER TYPE lakehouse.enc_text SET (STORAGE = plain)'), ('CREATE OPERATOR CLASS oc FOR TYPE lakehouse.enc_text USING btree AS FUNCTION 1 bttextcmp(text, text)'),
	('CREATE TABLE taken AS SELECT id, note::text AS t, mail FROM people'), ('SELECT * FROM taken'), ('CREATE MATERIALIZED VIEW kept AS SELECT note::text AS t FROM people'), ('SELECT * FROM kept'),
	('CREATE TABLE gen (LIKE people, t text GENERATED ALWAYS AS (note::text) STORED)'), ('CREATE DOMAIN spy AS lakehouse.enc_text CHECK (value::text !~ ''^C'')'), ('SELECT note::spy FROM people'),
	('CREATE TABLE kid () INHERITS (people)'), ('SELECT * FROM people WHERE tableoid = ''people''::regclass');
\pset format unaligned
SELECT no, regexp_replace(sql, '^(.{0,110}).*$', '\1') AS attack, attack('at_reader', sql) AS reader, attack('at_owner', sql) AS owner FROM attacks ORDER BY no;
\pset format aligned
-- the owner's own tables after that, as files have them
SELECT count(*) AS plain FROM taken WHERE t ~ 'CANARY';
-- who may encrypt of a searchable domain may guess (docs/encrypted_columns.md), but no more than that
SELECT attack('at_writer', $q$ SELECT 'hit' FROM people WHERE mail = 'CANARY1' $q$) AS search, attack('at_writer', $q$ SELECT 'hit' FROM people WHERE mail = lakehouse.encrypt('CANARY1', 'at_people', true) LIMIT 1 $q$) AS by_encrypting,
	attack('at_writer', 'SELECT note FROM people') AS output, attack('at_writer', 'SELECT lakehouse.decrypt(note) FROM people') AS decrypt,
	attack('at_writer', $q$ SELECT 'hit' FROM people WHERE note = lakehouse.encrypt('CANARY note', 'at_people') $q$) AS not_searchable;

-- ---- the session of who may, handed over

SET lakehouse.decrypt = on;
SET ROLE at_clerk;
PREPARE shown AS SELECT note FROM people WHERE id = 1;
PREPARE opened AS SELECT lakehouse.decrypt(note) FROM people WHERE id = 1;
PREPARE found (text) AS SELECT count(*) FROM people WHERE mail = lakehouse.search($1, 'at_people');
SET plan_cache_mode = force_generic_plan;
EXECUTE shown;
EXECUTE opened;
EXECUTE found('CANARY1');
BEGIN;
DECLARE held CURSOR WITH HOLD FOR SELECT note FROM people ORDER BY id;
FETCH held;
COMMIT;
SET ROLE at_reader;
SELECT attack('at_reader', 'EXECUTE shown') AS shown, attack('at_reader', 'EXECUTE opened') AS opened, attack('at_reader', 'EXECUTE found(''CANARY1'')') AS found, attack('at_reader', 'FETCH held') AS held;
\o /dev/null
FETCH held \gset got_
\o
SELECT :'got_note' LIKE 'lhc1:%' AS held_is_armoured;
DEALLOCATE ALL;
CLOSE held;
RESET ROLE;
RESET plan_cache_mode;
-- parallel workers
SELECT set_config(name, 'on', false) AS parallel FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query') \gset
SET min_parallel_table_scan_size = 0;
SET parallel_setup_cost = 0;
SELECT attack('at_reader', 'SELECT note FROM people') AS shown, attack('at_reader', 'SELECT count(lakehouse.decrypt(note)) FROM people') AS opened, attack('at_clerk', 'SELECT note FROM people LIMIT 1') ~ '^LEAK' AS clerk;
SELECT set_config(name, 'off', false) AS parallel FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query') \gset
-- COPY, text and binary
SET ROLE at_reader;
\copy people (note, n, j, own) TO PROGRAM 'grep -c -E "CANARY|471147114711" || true'
\copy people (note, n, j, own) TO PROGRAM 'grep -a -c -E "CANARY|471147114711" || true' (FORMAT binary)
RESET ROLE;
RESET lakehouse.decrypt;

-- ---- code of the owner that rotation runs, for who may decrypt

SELECT lakehouse.right_grant('key_admin', 'at_clerk');
SET ROLE at_owner;
CREATE TABLE stolen (how text, what text);
CREATE FUNCTION steal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO test_privacy_enc_attacks.stolen VALUES ('shown', NEW.note::text);
	BEGIN
		INSERT INTO test_privacy_enc_attacks.stolen VALUES ('decrypted', lakehouse.decrypt(NEW.note));
	EXCEPTION WHEN others THEN INSERT INTO test_privacy_enc_attacks.stolen VALUES ('decrypted', SQLERRM);
	END;
	BEGIN
		SET ROLE at_clerk;
	EXCEPTION WHEN others THEN INSERT INTO test_privacy_enc_attacks.stolen VALUES ('role', SQLERRM);
	END;
	RETURN NEW;
END $$;
CREATE TRIGGER steal BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION steal();
ALTER TABLE people ENABLE ALWAYS TRIGGER steal;
-- what is found in the place of names that rotation uses
CREATE FUNCTION enc_value_stale(lakehouse.enc_text) RETURNS boolean LANGUAGE sql AS 'SELECT false';
RESET ROLE;
SELECT lakehouse.key_rotate('at_key');
SET ROLE at_clerk;
SET lakehouse.decrypt = on;
CALL lakehouse.encryption_rotate('people', 'note');
RESET lakehouse.decrypt;
RESET ROLE;
SELECT how, count(*), bool_or(what ~ 'CANARY') AS leak, min(what) FILTER (WHERE what !~ 'lhc1:') AS told FROM stolen GROUP BY how ORDER BY how;
SELECT "values", current FROM lakehouse.encryption_status('people', 'note');

-- ---- pages

CREATE TABLE bare AS SELECT 'CANARY' AS word;
CREATE INDEX people_mail ON people (mail);
CREATE INDEX people_hash ON people USING hash (mail);
CHECKPOINT;
SELECT sum((position('\x43414e415259'::bytea IN pg_read_binary_file(pg_relation_filepath('bare'), b * 8192, 8192)) > 0)::int) AS bare FROM generate_series(0, pg_relation_size('bare') / 8192 - 1) b;
SELECT sum((position('\x43414e415259'::bytea IN pg_read_binary_file(pg_relation_filepath('people'), b * 8192, 8192)) > 0)::int) AS heap FROM generate_series(0, pg_relation_size('people') / 8192 - 1) b;
SELECT sum((position('\x43414e415259'::bytea IN pg_read_binary_file(pg_relation_filepath('people_mail'), b * 8192, 8192)) > 0)::int) AS btree FROM generate_series(0, pg_relation_size('people_mail') / 8192 - 1) b;
SELECT sum((position('\x43414e415259'::bytea IN pg_read_binary_file(pg_relation_filepath('people_hash'), b * 8192, 8192)) > 0)::int) AS hash FROM generate_series(0, pg_relation_size('people_hash') / 8192 - 1) b;

-- ---- leaving

DROP SCHEMA test_privacy_enc_attacks CASCADE;
SELECT lakehouse.right_revoke('key_admin', 'at_clerk');
SELECT lakehouse.domain_drop(d) FROM unnest(ARRAY['at_people', 'at_own', 'at_mine']) d;
REVOKE ALL ON SCHEMA lakehouse FROM at_owner, at_reader, at_clerk, at_writer;
DROP ROLE at_owner, at_reader, at_clerk, at_writer;
DELETE FROM lakehouse.encryption_jobs;
DELETE FROM lakehouse.key_versions WHERE id IN (SELECT id FROM lakehouse.keys WHERE name LIKE 'at\_%');
DELETE FROM lakehouse.keys WHERE name LIKE 'at\_%';
DELETE FROM lakehouse.key_providers WHERE name = 'at_file';
