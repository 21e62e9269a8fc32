-- Keys: made, rotated, wrapped anew, retired and destroyed; who may, and what is refused.
-- The keyring, providers that fail, crashes, standbys and restores are tested in test/tap.
\set schema test_privacy_keys
\i sql/include/lake.psql
\set VERBOSITY default
SELECT fixture('privacy_keys') AS dir \gset
\setenv DIR :dir
\set keys :dir /keys.json
-- versions of the provider's keys: app 1 to N
\! mkdir -p -m 700 $DIR && umask 077 && for n in 1 2 3; do k=$(printf "%064x" $n); a="$a, \"app:$n\": \"$k\""; echo "{\"keys\": {\"other:1\": \"$(printf "%064x" 77)\"$a}}" > $DIR/$n.json; done; cp $DIR/1.json $DIR/keys.json
\! umask 077 && sed 's/000003"/000009"/' $DIR/3.json > $DIR/wrong.json

-- providers
SELECT lakehouse.key_provider_create('dev', 'file', jsonb_build_object('path', :'keys'));
SELECT lakehouse.key_provider_create('dev', 'file', jsonb_build_object('path', :'keys'));
SELECT lakehouse.key_provider_create('no', 'floppy');
SELECT lakehouse.key_provider_create('no', 'file');
SELECT lakehouse.key_provider_create('no', 'file', '{"path": "relative"}');
SELECT lakehouse.key_provider_create('no', 'file', '{"path": "/x", "mode": "fast"}');
SELECT lakehouse.key_provider_create('no', 'file', '{"path": ["/x"]}');
SELECT lakehouse.key_provider_create('no', 'file', '["path"]');
SELECT lakehouse.key_provider_create('', 'file', '{"path": "/x"}');
SELECT lakehouse.key_provider_create(E'a\nb', 'file', '{"path": "/x"}');
SELECT lakehouse.key_provider_create('spare', 'file', '{"path": "/x"}');
SELECT lakehouse.key_provider_alter('spare', '{"path": null}');
SELECT lakehouse.key_provider_alter('spare', '{"path": "/y"}');
SELECT name, kind, replace(options::text, :'dir', '.') AS options, keys FROM lakehouse.key_provider_list();
SELECT lakehouse.key_provider_drop('spare');
SELECT lakehouse.key_provider_drop('spare');

-- keys
SELECT lakehouse.key_create('acme', 'domain', provider => 'dev', kek => 'app') > 0 AS made;
SELECT lakehouse.key_create('cards', 'data', 'acme') > 0 AS made;
SELECT lakehouse.key_create('alone', provider => 'dev', kek => 'other') > 0 AS made;
SELECT lakehouse.key_create('cards', 'data', 'acme');
SELECT lakehouse.key_create('x', 'master', 'acme');
SELECT lakehouse.key_create('x', 'data', 'cards');
SELECT lakehouse.key_create('x', 'data', 'nobody');
SELECT lakehouse.key_create('x', 'data');
SELECT lakehouse.key_create('x', 'data', 'acme', 'dev', 'app');
SELECT lakehouse.key_create('x', 'domain', 'acme');
SELECT lakehouse.key_create('x', 'domain', provider => 'dev');
SELECT lakehouse.key_create('x', 'domain', provider => 'none', kek => 'app');
SELECT lakehouse.key_create('x', 'domain', provider => 'dev', kek => 'no such');
SELECT lakehouse.key_create(repeat('x', 129), 'data', 'acme');
SELECT lakehouse.key_create(NULL, 'data', 'acme');
\set VERBOSITY sqlstate
SELECT lakehouse.key_create('x', 'domain', provider => 'dev', kek => 'missing') IS NULL AS "no such key at the provider";
\set VERBOSITY default
SELECT name, kind, parent, provider, kek, current, active, retired, destroyed FROM lakehouse.key_list();
SELECT name, lakehouse.key_verify(name) FROM lakehouse.key_list();
SELECT lakehouse.key_provider_drop('dev');

-- a key that was rolled back is not the one that comes after it
BEGIN;
SELECT lakehouse.key_rotate('cards');
SELECT lakehouse.key_verify('cards');
ROLLBACK;
SELECT lakehouse.key_rotate('cards'), lakehouse.key_verify('cards');
BEGIN;
SAVEPOINT s;
SELECT lakehouse.key_rotate('cards'), lakehouse.key_verify('cards');
ROLLBACK TO s;
SELECT lakehouse.key_rotate('cards'), lakehouse.key_verify('cards');
COMMIT;
SELECT lakehouse.key_verify('cards');

-- rotation of what is above, and wrapping anew
SELECT lakehouse.key_rotate('acme');
\! cp $DIR/2.json $DIR/keys.json
CREATE FUNCTION status(name text) RETURNS TABLE (version int, state text, wrapped_under bigint, newest bigint, oldest bigint, wraps bigint, used_by text)
	LANGUAGE sql AS 'SELECT version, state, wrapped_under, newest, oldest, wraps, used_by FROM lakehouse.key_status(name)';
SELECT * FROM status('acme');
SELECT * FROM status('cards');
-- what wraps keys stays
SELECT lakehouse.key_retire('acme', 1);
SELECT lakehouse.key_retire('acme', 2);
CALL lakehouse.key_rewrap('cards');
SELECT * FROM status('acme');
CALL lakehouse.key_rewrap('acme');
SELECT * FROM status('acme');
\! cp $DIR/3.json $DIR/keys.json
CALL lakehouse.key_rewrap();
CALL lakehouse.key_rewrap();
SELECT key, state, total, done FROM lakehouse.key_progress ORDER BY job;
SELECT name, lakehouse.key_verify(name) FROM lakehouse.key_list();
CALL lakehouse.key_rewrap('nobody');
BEGIN;
CALL lakehouse.key_rewrap();
ROLLBACK;

-- retired: given to nobody, and taken back
SELECT lakehouse.key_retire('acme', 1);
SELECT lakehouse.key_retire('cards', 3);
SELECT lakehouse.key_retire('cards', 2);
SELECT lakehouse.key_retire('cards', 4);
SELECT * FROM status('cards');
SELECT lakehouse.key_retire('cards', 2, false);
SELECT lakehouse.key_destroy('cards', 2);
BEGIN;
SELECT lakehouse.key_retire('cards', 2);
SELECT lakehouse.key_destroy('cards', 2);
ROLLBACK;
SELECT lakehouse.key_retire('cards', 2);
SELECT lakehouse.key_destroy('cards', 2), lakehouse.key_destroy('cards', 2);
SELECT lakehouse.key_retire('cards', 2, false);
SELECT * FROM status('cards');
SELECT wrapped IS NULL AS gone, state FROM lakehouse.key_versions WHERE id = (SELECT id FROM lakehouse.keys WHERE name = 'cards') ORDER BY version;
SELECT lakehouse.key_rotate('cards'), lakehouse.key_verify('cards');
-- a key that ends: the last version goes last, and a new one may follow
SELECT lakehouse.key_retire('alone', 1);
SELECT name, current, active, retired FROM lakehouse.key_list() WHERE name = 'alone';
SELECT lakehouse.key_rotate('alone'), lakehouse.key_verify('alone');

-- only where others' changes are seen
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT lakehouse.key_rotate('cards');
ROLLBACK;
BEGIN READ ONLY;
SELECT lakehouse.key_verify('cards');
SELECT lakehouse.key_rotate('cards');
ROLLBACK;

-- wrapped keys that somebody exchanged between rows
SELECT lakehouse.key_create('pins', 'data', 'acme') > 0 AS made;
CREATE TABLE before AS SELECT * FROM lakehouse.key_versions;
CREATE VIEW at_place AS SELECT k.name, v.* FROM lakehouse.keys k JOIN before v USING (id);
CREATE FUNCTION put(name text, version int, from_name text, from_version int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
BEGIN
	UPDATE lakehouse.key_versions v SET (wrapped, "check") = (SELECT p.wrapped, p."check" FROM at_place p WHERE p.name = $3 AND p.version = $4)
		FROM lakehouse.keys k WHERE k.id = v.id AND k.name = $1 AND v.version = $2;
	PERFORM lakehouse.key_verify(put.name);
	RAISE 'it opens';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT;
	RETURN message;
END $$;
SELECT put('pins', 1, 'pins', 1) AS "the same";
SELECT put('cards', 3, 'cards', 4) AS "another version";
SELECT put('pins', 1, 'cards', 4) AS "another key below the same parent";
SELECT put('acme', 2, 'acme', 1) AS "another version at the provider";
SELECT put('acme', 2, 'alone', 2) AS "wrapped by another key of the provider";
SELECT lakehouse.key_create('globex', 'domain', provider => 'dev', kek => 'app') > 0 AS made;
INSERT INTO before SELECT * FROM lakehouse.key_versions WHERE id = (SELECT id FROM lakehouse.keys WHERE name = 'globex');
SELECT put('acme', 2, 'globex', 1) AS "another key of the same provider's key";
SELECT put('pins', 1, 'acme', 2) AS "its own parent";
SELECT name, lakehouse.key_verify(name) FROM lakehouse.key_list();
-- parents exchanged, and kinds
BEGIN;
UPDATE lakehouse.keys SET parent = (SELECT id FROM lakehouse.keys WHERE name = 'globex') WHERE name = 'pins';
SELECT lakehouse.key_verify('pins');
ROLLBACK;
BEGIN;
UPDATE lakehouse.keys SET kind = 'data' WHERE name = 'globex';
SELECT lakehouse.key_verify('globex');
ROLLBACK;

-- the provider has other keys than before
\! cp $DIR/wrong.json $DIR/keys.json
SELECT lakehouse.key_verify('globex');
\! rm $DIR/keys.json
SELECT regexp_replace(put('acme', 2, 'acme', 2), '"/.*"', '"..."') AS "no file";
\! cp $DIR/3.json $DIR/keys.json

-- token domains use versions
SELECT id AS pins FROM lakehouse.keys WHERE name = 'pins' \gset
SELECT format('{"key": %s, "version": 1, "kind": "text"}', :pins) AS definition \gset
CREATE VIEW lakehouse_domains.somewhere AS SELECT :'definition'::jsonb AS definition;
SELECT lakehouse.key_rotate('pins');
SELECT lakehouse.key_retire('pins', 1);
SELECT * FROM status('pins');
DROP VIEW lakehouse_domains.somewhere;
SELECT lakehouse.key_retire('pins', 1);

-- who may
CREATE ROLE keys_nobody;
CREATE ROLE keys_admin;
SELECT lakehouse.right_grant('key_admin', 'keys_admin');
SET ROLE keys_nobody;
SELECT lakehouse.key_create('x', 'data', 'acme');
SELECT count(*) FROM lakehouse.key_list();
SELECT count(*) FROM lakehouse.keys;
SELECT count(*) FROM lakehouse.key_versions;
SELECT count(*) FROM lakehouse.key_providers;
SELECT count(*) FROM lakehouse.key_progress;
CALL lakehouse.key_rewrap();
RESET ROLE;
CREATE SCHEMA hostile AUTHORIZATION keys_admin;
SET ROLE keys_admin;
-- nothing of the user's is found by statements of ours
CREATE FUNCTION hostile.equal(text, text) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''hostile as %'', current_user; END';
CREATE OPERATOR hostile.= (FUNCTION = hostile.equal, LEFTARG = text, RIGHTARG = text);
SET search_path = hostile, pg_catalog;
SELECT lakehouse.key_create('mine', 'data', 'acme') OPERATOR(pg_catalog.>) 0 AS made;
SELECT lakehouse.key_rotate('mine'), lakehouse.key_verify('mine'), current_user;
CALL lakehouse.key_rewrap('mine');
SELECT name, current FROM lakehouse.key_list() WHERE name OPERATOR(pg_catalog.=) 'mine';
RESET search_path;
SELECT total, done FROM lakehouse.key_progress WHERE key = 'mine';
SELECT count(*) FROM lakehouse.keys;
SELECT lakehouse.key_provider_list();
RESET ROLE;
GRANT EXECUTE ON FUNCTION lakehouse.key_provider_list(), lakehouse.key_provider_create(text, text, jsonb),
	lakehouse.key_provider_alter(text, jsonb), lakehouse.key_provider_drop(text) TO keys_admin;
GRANT EXECUTE ON FUNCTION lakehouse.key_list(), lakehouse.key_rotate(text) TO keys_nobody;
SET ROLE keys_admin;
SELECT * FROM lakehouse.key_provider_list();
SELECT lakehouse.key_provider_create('x', 'file', '{"path": "/etc/passwd"}');
SELECT lakehouse.key_provider_alter('dev', '{"path": "/etc/passwd"}');
SELECT lakehouse.key_provider_drop('dev');
-- one function that was granted is no right
SET ROLE keys_nobody;
SELECT lakehouse.key_rotate('cards');
SELECT lakehouse.key_list();
RESET ROLE;
REVOKE EXECUTE ON FUNCTION lakehouse.key_provider_list(), lakehouse.key_provider_create(text, text, jsonb),
	lakehouse.key_provider_alter(text, jsonb), lakehouse.key_provider_drop(text) FROM keys_admin;
REVOKE EXECUTE ON FUNCTION lakehouse.key_list(), lakehouse.key_rotate(text) FROM keys_nobody;
SELECT lakehouse.right_revoke('key_admin', 'keys_admin');
SET client_min_messages = warning;
DROP SCHEMA hostile CASCADE;
RESET client_min_messages;
DROP ROLE keys_nobody, keys_admin;

-- parallel workers
SELECT set_config(name, 'on', false) AS parallel FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query') \gset
SELECT lakehouse.key_verify('cards');
SELECT set_config(name, 'off', false) AS parallel FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query') \gset

-- all of it goes
TRUNCATE lakehouse.key_versions, lakehouse.keys, lakehouse.key_providers, lakehouse.key_rewraps;
SELECT lakehouse.key_verify('cards');
\! rm -r $DIR
