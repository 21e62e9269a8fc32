-- Keys: made, rotated, wrapped anew, retired and destroyed; who may, and what is refused.
-- What wrapping and providers themselves promise is tested in test/unit; keyring, crashes and Vault in test/tap.
\set schema test_privacy_keys
\i sql/include/lake.psql
\! mkdir -p -m 700 $LAKEHOUSE_FIXTURES/privacy_keys
\setenv DIR $LAKEHOUSE_FIXTURES/privacy_keys
SELECT :'fixtures' || '/privacy_keys' AS dir \gset
SELECT repeat('0123456789abcdef', 4) AS k1, repeat('fedcba9876543210', 4) AS k2 \gset
\setenv K1 :k1
\setenv K2 :k2
\! umask 077 && echo "{\"keys\": {\"app:1\": \"$K1\", \"other:1\": \"$K2\"}}" > $DIR/keys.json
SELECT lakehouse.key_provider_create('dev', 'file', jsonb_build_object('path', :'dir' || '/keys.json'));
SELECT lakehouse.key_create('acme', 'domain', provider => 'dev', kek => 'app') > 0 AS made;
SELECT lakehouse.key_create('cards', 'data', 'acme') > 0 AS made;
SELECT lakehouse.key_create('alone', provider => 'dev', kek => 'other') > 0 AS made;
SELECT name, kind, parent, provider, kek, current, active, retired, destroyed FROM lakehouse.key_list();
SELECT name, lakehouse.key_verify(name) FROM lakehouse.key_list();
SELECT lakehouse.key_rotate('cards'), lakehouse.key_rotate('acme');
SELECT version, state, wrapped_under, newest, oldest, wraps, used_by FROM lakehouse.key_status('cards');
SELECT version, state, wrapped_under, newest, oldest, wraps, used_by FROM lakehouse.key_status('acme');
CALL lakehouse.key_rewrap();
SELECT key, state, total, done FROM lakehouse.key_progress;
SELECT version, state, wrapped_under, newest, oldest, wraps, used_by FROM lakehouse.key_status('cards');
