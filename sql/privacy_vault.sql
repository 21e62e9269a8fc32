-- Vaulted tokens: drawn, kept, ended, revoked.
\set schema test_privacy_vault
\i sql/include/lake.psql
\! mkdir -p -m 700 $LAKEHOUSE_FIXTURES/privacy_vault
SELECT :'fixtures' || '/privacy_vault' AS dir \gset
\! umask 077 && echo "{\"keys\": {\"app:1\": \"$(printf '0123456789abcdef%.0s' 1 2 3 4)\"}}" > $LAKEHOUSE_FIXTURES/privacy_vault/keys.json
SELECT lakehouse.key_provider_create('vault_file', 'file', jsonb_build_object('path', :'dir' || '/keys.json'));
SELECT lakehouse.key_create('vault_key', provider => 'vault_file', kek => 'app') > 0 AS made;
CREATE ROLE vault_maker;
CREATE ROLE vault_reader;
CREATE ROLE vault_nobody;
CREATE ROLE vault_admin;
GRANT USAGE ON SCHEMA lakehouse, test_privacy_vault TO vault_maker, vault_reader, vault_nobody, vault_admin;
SELECT lakehouse.right_grant('policy_admin', 'vault_admin');
\pset null <null>
SELECT lakehouse.domain_create('v_' || kind, kind, 'vault_key') FROM unnest('{text,digits,email,card,uuid,numeric}'::text[]) kind;
SELECT lakehouse.domain_create('v_other', 'digits', 'vault_key');
SELECT count(lakehouse.domain_grant(name, r, 'vault_maker')) FROM lakehouse.domain_list(), unnest('{tokenize,detokenize}'::text[]) r WHERE name LIKE 'v\_%';
SELECT lakehouse.domain_grant('v_digits', 'detokenize', 'vault_reader');

-- forms are kept, and no token is its value
SET ROLE vault_maker;
CREATE TEMP TABLE made AS SELECT d, v, lakehouse.vault_tokenize(v, d) AS t FROM (VALUES
	('v_digits', '4111111111111111'), ('v_digits', '4111-1111-1111-1112'), ('v_text', 'Ada Lovelace, 1815'), ('v_text', 'Żółć Gęśla 12'),
	('v_email', 'ada.lovelace@example.org'), ('v_card', '4111 1111 1111 1111'), ('v_card', '378282246310005')) AS x (d, v);
SELECT d, regexp_replace(regexp_replace(regexp_replace(t, '[0-9]', '9', 'g'), '[A-Z]', 'A', 'g'), '[a-z]', 'a', 'g') AS form, t <> v AS other,
	lakehouse.vault_detokenize(t, d) = v AS back, lakehouse.vault_tokenize(v, d) = t AS again FROM made;
-- cards stay valid
SELECT d, t FROM made, LATERAL (SELECT sum(CASE WHEN i % 2 = 1 THEN x ELSE 2 * x - 9 * (x > 4)::int END) % 10 AS sum
	FROM regexp_split_to_table(reverse(regexp_replace(t, '\D', '', 'g')), '') WITH ORDINALITY AS s (c, i), LATERAL (SELECT c::int AS x) y) z
	WHERE d = 'v_card' AND sum <> 0;
-- another domain, another token
SELECT lakehouse.vault_tokenize('4111111111111111', 'v_other') <> t AS differs FROM made WHERE v = '4111111111111111';
SELECT count(DISTINCT lakehouse.vault_tokenize((4000000000000000 + i)::text, 'v_digits')) AS distinct_tokens FROM generate_series(1, 2000) i;

-- what has none
SELECT lakehouse.vault_tokenize(NULL, 'v_digits'), lakehouse.vault_tokenize('4111111111111111', NULL);
SELECT lakehouse.vault_tokenize('12345', 'v_digits');
SELECT lakehouse.vault_tokenize('', 'v_text');
SELECT lakehouse.vault_tokenize(repeat('a', 1025), 'v_text');
SELECT lakehouse.vault_tokenize('12345678', 'v_uuid');
SELECT lakehouse.vault_tokenize('12345678', 'v_numeric');
SELECT lakehouse.vault_tokenize('12345678', 'v_digits', '0');
SELECT lakehouse.vault_tokenize('12345678', 'v_digits', '-1 hour');
SELECT lakehouse.vault_detokenize('4111111111111111', 'v_digits');
SELECT lakehouse.vault_detokenize('', 'v_digits');

-- rights
SELECT lakehouse.vault_revoke('1', 'v_digits');
SELECT lakehouse.vault_purge('v_digits');
SELECT lakehouse.vault_status();
SELECT * FROM lakehouse.token_vault;
RESET ROLE;
GRANT SELECT ON made TO vault_reader, vault_nobody, vault_admin;
SET ROLE vault_reader;
SELECT lakehouse.vault_detokenize(t, d) FROM made WHERE v = '4111111111111111';
SELECT lakehouse.vault_tokenize('4111111111111111', 'v_digits');
RESET ROLE;
SET ROLE vault_nobody;
SELECT lakehouse.vault_detokenize(t, d) FROM made WHERE v = '4111111111111111';
RESET ROLE;
-- a superuser has none of them either, and finds no value in the table
SELECT lakehouse.vault_detokenize(t, d) FROM made WHERE v = '4111111111111111';
SELECT count(*) AS found FROM lakehouse.token_vault v, made m WHERE position(convert_to(m.v, 'UTF8') IN v.sealed || v.value_index) > 0 OR v.token = m.v;
-- rows that were moved do not open
BEGIN;
UPDATE lakehouse.token_vault v SET sealed = (SELECT sealed FROM lakehouse.token_vault w WHERE w.domain = 'v_digits' AND w.token <> v.token LIMIT 1)
	FROM made m WHERE m.t = v.token AND m.v = '4111111111111111';
SET LOCAL ROLE vault_reader;
SELECT lakehouse.vault_detokenize(t, d) FROM made WHERE v = '4111111111111111';
ROLLBACK;

-- time to live, revocation, purge
SET ROLE vault_maker;
CREATE TEMP TABLE short AS SELECT lakehouse.vault_tokenize('5555555555554444', 'v_digits', '1 second') AS t, lakehouse.vault_tokenize('5555555555554445', 'v_digits', '1 day') AS day;
SELECT pg_sleep(1.2);
SELECT lakehouse.vault_detokenize(t, 'v_digits') FROM short;
SELECT lakehouse.vault_detokenize(day, 'v_digits') FROM short;
-- the value gets another token
SELECT lakehouse.vault_tokenize('5555555555554444', 'v_digits') <> t AS another FROM short;
RESET ROLE;
GRANT SELECT ON short TO vault_admin;
SET ROLE vault_admin;
SELECT lakehouse.vault_revoke(t, 'v_digits') AS ended_already FROM short;
SELECT lakehouse.vault_revoke(day, 'v_digits') AS ended_now FROM short;
SELECT domain, valid, expired, revoked, first <= last AS ordered FROM lakehouse.vault_status() WHERE domain IN ('v_digits', 'v_other');
SELECT lakehouse.vault_purge('v_digits', '1 hour'), lakehouse.vault_purge('v_digits');
SELECT domain, valid, expired, revoked FROM lakehouse.vault_status() WHERE domain = 'v_digits';
RESET ROLE;
SET ROLE vault_maker;
SELECT lakehouse.vault_detokenize(day, 'v_digits') FROM short;
RESET ROLE;

-- ---- edited rows, as of a dump that somebody restores

-- what was revoked has nothing that could be opened, whatever the row says
RESET ROLE;
CREATE TABLE kept AS SELECT v.* FROM lakehouse.token_vault v, short s WHERE false;
SET ROLE vault_maker;
CREATE TEMP TABLE ended AS SELECT lakehouse.vault_tokenize('4000056655665556', 'v_digits') AS t, lakehouse.vault_tokenize('5200828282828210', 'v_digits', '1 day') AS day;
RESET ROLE;
GRANT SELECT ON ended TO vault_admin;
INSERT INTO kept SELECT v.* FROM lakehouse.token_vault v, ended e WHERE v.token = e.t;
SET ROLE vault_admin;
SELECT lakehouse.vault_revoke(t, 'v_digits') FROM ended;
RESET ROLE;
SELECT revoked IS NOT NULL AS revoked, sealed, value_index FROM lakehouse.token_vault v, ended e WHERE v.token = e.t;
\set VERBOSITY terse
BEGIN;
UPDATE lakehouse.token_vault v SET revoked = NULL FROM ended e WHERE v.token = e.t;
ROLLBACK;
\set VERBOSITY default
BEGIN;
ALTER TABLE lakehouse.token_vault DROP CONSTRAINT token_vault_check;
UPDATE lakehouse.token_vault v SET revoked = NULL FROM ended e WHERE v.token = e.t;
SET LOCAL ROLE vault_maker;
SELECT lakehouse.vault_tokenize('4000056655665556', 'v_digits') <> t AS another FROM ended;
SELECT lakehouse.vault_detokenize(t, 'v_digits') FROM ended;
ROLLBACK;
-- nor with the index of another
BEGIN;
ALTER TABLE lakehouse.token_vault DROP CONSTRAINT token_vault_check;
UPDATE lakehouse.token_vault v SET revoked = NULL, value_index = k.value_index FROM ended e, kept k WHERE v.token = e.t;
SET LOCAL ROLE vault_maker;
SELECT lakehouse.vault_tokenize('4000056655665556', 'v_digits') FROM ended;
ROLLBACK;
BEGIN;
UPDATE lakehouse.token_vault v SET value_index = k.value_index FROM ended e, kept k WHERE v.token = e.day;
SET LOCAL ROLE vault_maker;
SELECT lakehouse.vault_tokenize('4000056655665556', 'v_digits') FROM ended;
ROLLBACK;
-- an end cannot be put off, or taken away
BEGIN;
UPDATE lakehouse.token_vault v SET expires = expires + interval '1 year' FROM ended e WHERE v.token = e.day;
SAVEPOINT s;
SET LOCAL ROLE vault_maker;
SELECT lakehouse.vault_detokenize(day, 'v_digits') FROM ended;
ROLLBACK TO s;
SET LOCAL ROLE vault_maker;
SELECT lakehouse.vault_tokenize('5200828282828210', 'v_digits') FROM ended;
ROLLBACK;
BEGIN;
UPDATE lakehouse.token_vault v SET expires = NULL FROM ended e WHERE v.token = e.day;
SET LOCAL ROLE vault_maker;
SELECT lakehouse.vault_detokenize(day, 'v_digits') FROM ended;
ROLLBACK;
-- the row of an older dump is as it was: there the vault cannot tell
BEGIN;
DELETE FROM lakehouse.token_vault v USING ended e WHERE v.token = e.t;
INSERT INTO lakehouse.token_vault SELECT * FROM kept;
SET LOCAL ROLE vault_maker;
SELECT lakehouse.vault_detokenize(t, 'v_digits') FROM ended;
ROLLBACK;
SET ROLE vault_maker;
SELECT lakehouse.vault_detokenize(day, 'v_digits') FROM ended;
DROP TABLE ended;
RESET ROLE;
DROP TABLE kept;

-- no masks: they write, or read what was written
CREATE TABLE masked (id int, v text);
SELECT lakehouse.policy_create('v_no', 'masked', ARRAY['v', 'lakehouse.vault_tokenize(v, ''v_digits'')'], for_roles => '{vault_reader}');
SELECT lakehouse.policy_create('v_no', 'masked', ARRAY['v', 'lakehouse.vault_detokenize(v, ''v_digits'')'], for_roles => '{vault_reader}');
-- nor where nothing can be written
SET ROLE vault_maker;
BEGIN READ ONLY;
SELECT lakehouse.vault_tokenize('6011000990139424', 'v_digits');
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT lakehouse.vault_tokenize('6011000990139424', 'v_digits');
ROLLBACK;
BEGIN READ ONLY;
SELECT lakehouse.vault_detokenize(t, d) = v AS reads FROM made WHERE v = '4111111111111111';
ROLLBACK;
RESET ROLE;

-- the key: a rotated domain draws new tokens, old ones open, and their version is in use
SELECT lakehouse.key_rotate('vault_key');
SET client_min_messages = warning;
SELECT count(lakehouse.domain_rotate(name)) FROM lakehouse.domain_list() WHERE name LIKE 'v\_%';
RESET client_min_messages;
SET ROLE vault_maker;
SELECT lakehouse.vault_detokenize(t, d) = v AS old_one, lakehouse.vault_tokenize(v, d) <> t AS new_one FROM made WHERE v = '4111111111111111';
RESET ROLE;
SELECT lakehouse.key_retire('vault_key', 1);
SELECT lakehouse.domain_drop('v_digits');
UPDATE lakehouse.token_vault SET revoked = made, sealed = NULL, value_index = NULL WHERE domain LIKE 'v\_%';
SELECT lakehouse.vault_purge(name) > 0 AS purged FROM lakehouse.domain_list() WHERE name IN ('v_digits', 'v_other', 'v_text', 'v_email', 'v_card');
SELECT lakehouse.key_retire('vault_key', 1);

SELECT count(lakehouse.domain_drop(name)) FROM lakehouse.domain_list() WHERE name LIKE 'v\_%';
DROP TABLE made, short;
SELECT lakehouse.right_revoke('policy_admin', 'vault_admin');
DROP OWNED BY vault_maker, vault_reader, vault_nobody, vault_admin;
DROP ROLE vault_maker, vault_reader, vault_nobody, vault_admin;
SET client_min_messages = warning;
DROP SCHEMA test_privacy_vault CASCADE;
