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

SELECT lakehouse.domain_drop(name) FROM lakehouse.domain_list() WHERE name LIKE 'l\_%';
DROP TABLE made;
SELECT lakehouse.right_revoke('policy_admin', 'limits_admin');
DROP OWNED BY limits_ann, limits_bob, limits_team, limits_admin;
DROP ROLE limits_ann, limits_bob, limits_team, limits_admin;
SELECT lakehouse.key_retire('limits_key', 1);
DROP SCHEMA test_privacy_limits CASCADE;
