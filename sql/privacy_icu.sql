-- Collations of ICU: letters that one takes for the same, under masks.
SELECT count(*) = 0 AS missing FROM pg_collation WHERE collname = 'und-x-icu' \gset
\if :missing
\echo not run: this server has no ICU
\quit
\endif
\set schema test_privacy_icu
\i sql/include/lake.psql
\! mkdir -p -m 700 $LAKEHOUSE_FIXTURES/privacy_icu
SELECT :'fixtures' || '/privacy_icu' AS dir \gset
\! umask 077 && echo "{\"keys\": {\"app:1\": \"$(printf 'fedcba9876543210%.0s' 1 2 3 4)\"}}" > $LAKEHOUSE_FIXTURES/privacy_icu/keys.json
SELECT lakehouse.key_provider_create('icu_file', 'file', jsonb_build_object('path', :'dir' || '/keys.json'));
SELECT lakehouse.key_create('icu_key', provider => 'icu_file', kek => 'app') > 0 AS made;
CREATE COLLATION nd (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
-- ---- patterns: their engine refuses such a collation, and another is taken
SELECT lakehouse.mask_regex('abc' COLLATE nd, 'b', '#');
-- ---- tokens that are looked up: letters that a collation takes for the same have other tokens
CREATE ROLE icu_masked;
CREATE ROLE icu_owner;
GRANT USAGE ON SCHEMA lakehouse, test_privacy_icu TO icu_masked, icu_owner;
GRANT CREATE ON SCHEMA test_privacy_icu TO icu_masked, icu_owner;
SET client_min_messages = error;
SELECT lakehouse.domain_create('icu_letters', 'text', 'icu_key');
SET ROLE icu_owner;
CREATE TABLE letters (id int, v text, w text COLLATE nd);
INSERT INTO letters SELECT i, x, x FROM (SELECT i, translate(i::text, '0123456789', 'abcdefghij') || 'Qwertzuiop' AS x FROM generate_series(10001, 12000) i) l;
CREATE INDEX ON letters (v);
CREATE INDEX ON letters (w);
RESET ROLE;
ANALYZE letters;
SELECT lakehouse.policy_create('icu_letters', 'letters', ARRAY['v', $$lakehouse.mask_fpe(v, 'icu_letters')$$, 'w', $$lakehouse.mask_fpe(w, 'icu_letters')$$], for_roles => '{icu_masked}');
GRANT SELECT (id) ON letters TO icu_masked;
SET ROLE icu_masked;
CREATE FUNCTION shown(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		RETURN NEXT replace(line, 'lakehouse.mask_gate(NULL::internal)', 'gate');
	END LOOP;
END $$;
SELECT v AS letters FROM letters WHERE id = 10777 \gset
SELECT count(*) FROM letters WHERE v = upper(:'letters') COLLATE nd;
SELECT count(*) FROM letters WHERE w = upper(:'letters');
SELECT count(*) FROM letters WHERE v = :'letters';
SELECT count(*) FROM letters WHERE w = :'letters' COLLATE "C";
SELECT replace(shown(format('SELECT id FROM letters WHERE v = %L COLLATE nd', :'letters')), :'letters', '<token>');
SELECT replace(shown(format('SELECT id FROM letters WHERE w = %L', :'letters')), :'letters', '<token>');
SELECT replace(shown(format('SELECT id FROM letters WHERE w = %L COLLATE "C"', :'letters')), :'letters', '<token>');
SELECT replace(shown(format('SELECT id FROM letters WHERE v = %L COLLATE "C"', :'letters')), :'letters', '<token>');
RESET ROLE;

-- ---- nothing stays for the tests that follow
SELECT lakehouse.policy_drop('icu_letters');
SELECT lakehouse.domain_drop('icu_letters');
DROP SCHEMA test_privacy_icu CASCADE;
DROP OWNED BY icu_owner, icu_masked;
DROP ROLE icu_owner, icu_masked;
DELETE FROM lakehouse.key_versions WHERE id = (SELECT id FROM lakehouse.keys WHERE name = 'icu_key');
DELETE FROM lakehouse.keys WHERE name = 'icu_key';
DELETE FROM lakehouse.key_providers WHERE name = 'icu_file';
