-- Limits of token domains: so many values a role may turn by a right in a while.
\set schema test_privacy_limits
\i sql/include/lake.psql
\! mkdir -p -m 700 $LAKEHOUSE_FIXTURES/privacy_limits
SELECT :'fixtures' || '/privacy_limits' AS dir \gset
\! umask 077 && echo "{\"keys\": {\"app:1\": \"$(printf '0123456789abcdef%.0s' 1 2 3 4)\"}}" > $LAKEHOUSE_FIXTURES/privacy_limits/keys.json
SELECT lakehouse.key_provider_create('limits_file', 'file', jsonb_build_object('path', :'dir' || '/keys.json'));
SELECT lakehouse.key_create('limits_key', provider => 'limits_file', kek => 'app') > 0 AS made;
CREATE ROLE limits_ann;
CREATE ROLE limits_bob;
CREATE ROLE limits_team;
CREATE ROLE limits_admin;
GRANT limits_team TO limits_ann, limits_bob;
GRANT USAGE ON SCHEMA lakehouse, test_privacy_limits TO limits_ann, limits_bob, limits_admin;
SELECT lakehouse.right_grant('policy_admin', 'limits_admin');
\pset null <null>
SELECT lakehouse.domain_create(d, 'digits', 'limits_key') FROM unnest('{l_cards,l_other}'::text[]) d;
SELECT count(lakehouse.domain_grant(d, r, 'limits_team')) FROM unnest('{l_cards,l_other}'::text[]) d, unnest('{tokenize,detokenize}'::text[]) r;
CREATE TABLE tokens AS SELECT i, lpad((i * 7919)::text, 16, '4') AS value FROM generate_series(1, 30) i;
GRANT SELECT ON tokens TO limits_ann, limits_bob;

-- who sets one, and what it may be
SET ROLE limits_ann;
SELECT lakehouse.domain_limit('l_cards', 'detokenize', 20, '1 day');
SELECT lakehouse.domain_limit_status();
RESET ROLE;
SET ROLE limits_admin;
SELECT lakehouse.domain_limit('l_none', 'detokenize', 20);
SELECT lakehouse.domain_limit('l_cards', 'eat', 20);
SELECT lakehouse.domain_limit('l_cards', 'detokenize', -1);
SELECT lakehouse.domain_limit('l_cards', 'detokenize', 20, '0');
SELECT lakehouse.domain_limit('l_cards', 'detokenize', 20, '1.5 seconds');
SELECT lakehouse.domain_limit('l_cards', 'detokenize', 20, '1 month');
SELECT lakehouse.domain_limit('l_cards', 'detokenize', 20, '367 days');
SELECT lakehouse.domain_limit('l_cards', 'detokenize', 20, '-1 day');
SELECT lakehouse.domain_limit('l_cards', NULL, 20);
SELECT lakehouse.domain_limit('l_cards', 'detokenize', 20, '1 day');
SELECT lakehouse.domain_limit('l_cards', 'tokenize', 9223372036854775807, '366 days');
SELECT name, limits FROM lakehouse.domain_list() WHERE name LIKE 'l\_%' ORDER BY name;
RESET ROLE;

-- ann: 20 values, alone and in arrays, however her statements end
SET ROLE limits_ann;
CREATE TEMP TABLE made AS SELECT lakehouse.tokenize(value, 'l_cards') AS t FROM tokens;
SELECT count(lakehouse.detokenize(t, 'l_cards')) FROM (SELECT t FROM made LIMIT 12) s;
BEGIN;
SELECT cardinality(lakehouse.detokenize(array_agg(t), 'l_cards')) FROM (SELECT t FROM made LIMIT 5) s;
ROLLBACK;
SELECT count(lakehouse.detokenize(t, 'l_cards')) FROM (SELECT t FROM made LIMIT 4) s;
-- what did not fit was not spent, but for the values before it
SELECT count(lakehouse.detokenize(t, 'l_cards')) FROM (SELECT t FROM made LIMIT 1) s;
SELECT cardinality(lakehouse.detokenize(array_agg(t), 'l_cards')) FROM made;
-- another domain and another right are not concerned
SELECT count(lakehouse.detokenize(lakehouse.tokenize(value, 'l_other'), 'l_other')) FROM tokens;
SELECT count(lakehouse.tokenize(value, 'l_cards')) FROM tokens;
-- whatever it is called through
CREATE FUNCTION pg_temp.through(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN lakehouse.detokenize($1, 'l_cards'); EXCEPTION WHEN division_by_zero THEN RETURN NULL; END $$;
\set SHOW_CONTEXT never
SELECT pg_temp.through(t) FROM made LIMIT 1;
\set SHOW_CONTEXT errors
RESET ROLE;
-- each role has its own
GRANT SELECT ON made TO limits_bob;
SET ROLE limits_bob;
SELECT count(lakehouse.detokenize(t, 'l_cards')) FROM (SELECT t FROM made LIMIT 20) s;
SELECT count(lakehouse.detokenize(t, 'l_cards')) FROM (SELECT t FROM made LIMIT 1) s;
RESET ROLE;
SELECT domain, "right", role, spent, since <= clock_timestamp() AS begun FROM lakehouse.domain_limit_status() WHERE "right" = 'detokenize' ORDER BY role;

-- another limit; none; a rotation keeps it
SET ROLE limits_admin;
SELECT lakehouse.domain_limit('l_cards', 'detokenize', 41, '1 day');
RESET ROLE;
SET ROLE limits_ann;
SELECT count(lakehouse.detokenize(t, 'l_cards')) FROM (SELECT t FROM made LIMIT 21) s;
SELECT count(lakehouse.detokenize(t, 'l_cards')) FROM (SELECT t FROM made LIMIT 1) s;
RESET ROLE;
SET ROLE limits_admin;
SELECT lakehouse.domain_limit('l_cards', 'detokenize', NULL);
SELECT lakehouse.domain_limit('l_cards', 'detokenize', 0, '1 day') FROM generate_series(1, 0);
SELECT name, limits FROM lakehouse.domain_list() WHERE name = 'l_cards';
RESET ROLE;
SET ROLE limits_ann;
SELECT count(lakehouse.detokenize(t, 'l_cards')) FROM made;
RESET ROLE;
SELECT lakehouse.key_rotate('limits_key');
SET client_min_messages = warning;
SELECT lakehouse.domain_rotate('l_cards');
RESET client_min_messages;
SELECT name, version, limits FROM lakehouse.domain_list() WHERE name = 'l_cards';
SELECT lakehouse.domain_limit('l_cards', 'tokenize', NULL), lakehouse.domain_limit('l_cards', 'detokenize', 0, '1 hour');
SET ROLE limits_ann;
SELECT count(lakehouse.detokenize(value, 'l_cards')) FROM (SELECT value FROM tokens LIMIT 1) s;
RESET ROLE;

-- a window ends: what was spent in the one before weighs less and less
SELECT lakehouse.domain_limit('l_cards', 'detokenize', 5, '1 second');
SET ROLE limits_ann;
SELECT count(lakehouse.detokenize(value, 'l_cards')) FROM (SELECT value FROM tokens LIMIT 5) s;
SELECT pg_sleep(2.1);
SELECT count(lakehouse.detokenize(value, 'l_cards')) FROM (SELECT value FROM tokens LIMIT 5) s;
RESET ROLE;

-- as soon as a window ends, what was spent in it weighs nearly all: a limit of 1 is not 2
SELECT lakehouse.domain_limit('l_cards', 'detokenize', 1, '6 seconds');
CREATE FUNCTION pg_temp.asks() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM lakehouse.detokenize('4444444444444444', 'l_cards'); RETURN true; EXCEPTION WHEN configuration_limit_exceeded THEN RETURN false; END $$;
SELECT clock_timestamp() AS begun \gset
SET ROLE limits_ann;
SELECT pg_temp.asks() AS first;
SELECT pg_sleep(6.2);
-- unless this machine slept for longer, it is refused
SELECT pg_temp.asks() AND clock_timestamp() < :'begun'::timestamptz + '12 seconds' AS another;
RESET ROLE;

-- encrypted columns, and values of subjects: what is written, what is shown, what is guessed
SELECT count(lakehouse.domain_grant('l_cards', r, 'limits_team')) FROM unnest('{encrypt,decrypt,search}'::text[]) r;
SELECT count(lakehouse.domain_limit('l_cards', r, n, '1 day')) FROM (VALUES ('encrypt', 5), ('decrypt', 6), ('search', 3)) v (r, n);
CREATE TABLE sealed (id int, s lakehouse.enc_text('l_cards', 'search'));
GRANT ALL ON sealed TO limits_ann, limits_bob;
SET ROLE limits_ann;
INSERT INTO sealed SELECT i, lakehouse.encrypt('v' || i, 'l_cards', true) FROM generate_series(1, 5) i;
INSERT INTO sealed VALUES (6, lakehouse.encrypt('v6', 'l_cards', true));
SELECT lakehouse.encrypt('v6', 'l_cards');
INSERT INTO sealed VALUES (6, 'v6'::text);
SELECT count(lakehouse.decrypt(s)) FROM (SELECT s FROM sealed LIMIT 3) x;
SET lakehouse.decrypt = on;
SELECT s FROM sealed WHERE id <= 3 ORDER BY id;
SELECT s FROM sealed WHERE id = 4;
RESET lakehouse.decrypt;
SELECT lakehouse.decrypt(s) FROM sealed WHERE id = 4;
-- armoured, it is still to be had, and copied
SELECT count(*) FROM sealed WHERE s::text LIKE 'lhc1:%';
-- a constant is one guess for the planner and one for the scan, however many rows it is compared with; each other one is another
SELECT count(*) FROM sealed WHERE s OPERATOR(lakehouse.=) 'v2'::text;
RESET ROLE;
SELECT spent BETWEEN 1 AND 4 AS not_by_rows FROM lakehouse.domain_limit_status() WHERE domain = 'l_cards' AND "right" = 'search' AND role = 'limits_ann';
SELECT lakehouse.domain_limit('l_cards', 'search', 3, '2 days');
SET ROLE limits_ann;
SELECT count(lakehouse.search('w' || g, 'l_cards')) FROM generate_series(1, 3) g;
SELECT count(*) FROM sealed WHERE s OPERATOR(lakehouse.=) 'v3'::text;
SELECT lakehouse.search('v3', 'l_cards') IS NULL;
RESET ROLE;
-- bob has his own
SET ROLE limits_bob;
SELECT lakehouse.decrypt(s) FROM sealed WHERE id = 1;
SELECT lakehouse.search('v3', 'l_cards') IS NULL;
RESET ROLE;
SELECT "right", role, spent FROM lakehouse.domain_limit_status() WHERE domain = 'l_cards' AND "right" IN ('encrypt', 'decrypt', 'search') ORDER BY 1, 2;
-- values of subjects
SELECT count(lakehouse.domain_limit('l_cards', r, 0, '2 days')) FROM (VALUES ('encrypt'), ('decrypt')) v (r);
SET ROLE limits_bob;
SELECT lakehouse.subject_encrypt('x', 'l_cards', 'ann');
SELECT lakehouse.subject_decrypt('x', 'l_cards');
RESET ROLE;
DROP TABLE sealed;

SELECT lakehouse.domain_drop(name) FROM lakehouse.domain_list() WHERE name LIKE 'l\_%';
DROP TABLE made;
SELECT lakehouse.right_revoke('policy_admin', 'limits_admin');
DROP OWNED BY limits_ann, limits_bob, limits_team, limits_admin;
DROP ROLE limits_ann, limits_bob, limits_team, limits_admin;
SELECT lakehouse.key_retire('limits_key', 1);
DROP SCHEMA test_privacy_limits CASCADE;
