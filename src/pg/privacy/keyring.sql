-- The keyring: keys that are cached in shared memory, the worker that asks providers for them.

CREATE FUNCTION lakehouse.keyring_keys(
	OUT datid oid,
	OUT key_id bigint,
	OUT version bigint,
	OUT last_used timestamptz) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_keyring_keys'
	LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 100;
COMMENT ON FUNCTION lakehouse.keyring_keys() IS
	'What lakehouse.keyring_status shows';

CREATE VIEW lakehouse.keyring_status AS
	SELECT k.datid, d.datname, k.key_id, k.version, k.last_used
	FROM lakehouse.keyring_keys() k
		LEFT JOIN pg_catalog.pg_database d ON d.oid OPERATOR(pg_catalog.=) k.datid;
COMMENT ON VIEW lakehouse.keyring_status IS
	'Keys of all databases that are in shared memory now, by number; needs shared_preload_libraries';

CREATE FUNCTION lakehouse.keyring_worker(
	OUT pid integer,
	OUT started_at timestamptz,
	OUT starts bigint,
	OUT waiting integer,
	OUT running integer,
	OUT requests bigint,
	OUT failed bigint,
	OUT timed_out bigint,
	OUT abandoned bigint,
	OUT lost bigint,
	OUT cached_keys integer,
	OUT cache_size integer,
	OUT cache_hits bigint,
	OUT cache_misses bigint) RETURNS record
	AS 'MODULE_PATHNAME', 'lakehouse_keyring_worker'
	LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.keyring_worker() IS
	'The worker that asks key providers, and counts since the server started; needs shared_preload_libraries';

CREATE FUNCTION lakehouse.key_provider_check(
	kind text,
	options jsonb,
	key text,
	OUT latest bigint,
	OUT oldest bigint) RETURNS record
	AS 'MODULE_PATHNAME', 'lakehouse_key_provider_check'
	LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION lakehouse.key_provider_check(text, jsonb, text) IS
	'Makes, unwraps, wraps and rewraps a key that is then thrown away: does a provider do what keys need? Superusers only';

REVOKE ALL ON FUNCTION lakehouse.keyring_keys(), lakehouse.keyring_worker(),
	lakehouse.key_provider_check(text, jsonb, text) FROM PUBLIC;
