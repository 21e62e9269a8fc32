-- Keys: providers, keys and their versions.  Only wrapped keys are here (docs/keys.md).
--
-- Tables are read while logical decoding, with the newest snapshot: so they are catalog tables to
-- vacuum.  Wide values stay in their rows for that reason, too.
CREATE TABLE lakehouse.key_providers (
	name text COLLATE "C" PRIMARY KEY,
	kind text NOT NULL,
	options jsonb NOT NULL CHECK (jsonb_typeof(options) = 'object'),
	created timestamptz NOT NULL DEFAULT now()
) WITH (user_catalog_table = true);
ALTER TABLE lakehouse.key_providers ALTER options SET STORAGE MAIN;
COMMENT ON TABLE lakehouse.key_providers IS
	'Where keys come from that wrap others: lakehouse.key_provider_create and its siblings';

CREATE TABLE lakehouse.keys (
	id bigint PRIMARY KEY CHECK (id > 0),
	name text COLLATE "C" NOT NULL UNIQUE,
	kind text NOT NULL CHECK (kind IN ('domain', 'data')),
	parent bigint,				-- of this table; a foreign key to it would make pg_dump warn of a circle
	provider text COLLATE "C" REFERENCES lakehouse.key_providers ON UPDATE RESTRICT,
	kek text,
	created timestamptz NOT NULL DEFAULT now(),
	CHECK ((provider IS NULL) = (kek IS NULL)),
	CHECK ((provider IS NULL) <> (parent IS NULL)),
	CHECK (kind = 'data' OR parent IS NULL)
) WITH (user_catalog_table = true);
CREATE INDEX keys_parent ON lakehouse.keys (parent);
CREATE INDEX keys_provider ON lakehouse.keys (provider, kek);
COMMENT ON TABLE lakehouse.keys IS
	'Keys by name: lakehouse.key_list() shows them';

-- check: by which a key is known when it has been unwrapped; it tells nothing of the key.
-- parent_version: of the parent, or of the provider's key; NULL: the provider does not tell.
CREATE TABLE lakehouse.key_versions (
	id bigint NOT NULL REFERENCES lakehouse.keys,
	version integer NOT NULL CHECK (version > 0),
	state text NOT NULL CHECK (state IN ('active', 'retired', 'destroyed')),
	parent_version bigint,
	wrapped bytea,
	"check" bytea NOT NULL CHECK (octet_length("check") = 16),
	created timestamptz NOT NULL DEFAULT now(),
	retired timestamptz,
	destroyed timestamptz,
	PRIMARY KEY (id, version),
	CHECK ((state = 'destroyed') = (wrapped IS NULL))
) WITH (user_catalog_table = true);
ALTER TABLE lakehouse.key_versions ALTER wrapped SET STORAGE MAIN;
COMMENT ON TABLE lakehouse.key_versions IS
	'Versions of keys, wrapped: lakehouse.key_status(name) shows them';

-- What lakehouse.key_rewrap has done and does; of this server, so it is not dumped.
CREATE TABLE lakehouse.key_rewraps (
	job bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	key text,
	pid integer NOT NULL,
	started timestamptz NOT NULL,
	updated timestamptz NOT NULL,
	ended timestamptz,
	total bigint NOT NULL,
	done bigint NOT NULL
);
COMMENT ON TABLE lakehouse.key_rewraps IS
	'Runs of lakehouse.key_rewrap: view lakehouse.key_progress shows them';

SELECT pg_catalog.pg_extension_config_dump('lakehouse.key_providers', '');
SELECT pg_catalog.pg_extension_config_dump('lakehouse.keys', '');
SELECT pg_catalog.pg_extension_config_dump('lakehouse.key_versions', '');
REVOKE ALL ON TABLE lakehouse.key_providers, lakehouse.keys, lakehouse.key_versions, lakehouse.key_rewraps FROM PUBLIC;

-- Whoever changes them: sessions drop what they have made of keys.
CREATE FUNCTION lakehouse.keys_changed() RETURNS trigger
	AS 'MODULE_PATHNAME', 'lakehouse_keys_changed'
	LANGUAGE C VOLATILE;
COMMENT ON FUNCTION lakehouse.keys_changed() IS
	'Tells all sessions that keys have changed';
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON lakehouse.key_providers
	FOR EACH STATEMENT EXECUTE FUNCTION lakehouse.keys_changed();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON lakehouse.keys
	FOR EACH STATEMENT EXECUTE FUNCTION lakehouse.keys_changed();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON lakehouse.key_versions
	FOR EACH STATEMENT EXECUTE FUNCTION lakehouse.keys_changed();
ALTER TABLE lakehouse.key_providers ENABLE ALWAYS TRIGGER changed;
ALTER TABLE lakehouse.keys ENABLE ALWAYS TRIGGER changed;
ALTER TABLE lakehouse.key_versions ENABLE ALWAYS TRIGGER changed;

CREATE FUNCTION lakehouse.key_provider_create(name text, kind text, options jsonb DEFAULT '{}') RETURNS void
	AS 'MODULE_PATHNAME', 'lakehouse_key_provider_create'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION lakehouse.key_provider_create(text, text, jsonb) IS
	'Name a place where keys come from that wrap others: kind file, env, vault, awskms or pkcs11 (superusers)';

CREATE FUNCTION lakehouse.key_provider_alter(name text, options jsonb) RETURNS void
	AS 'MODULE_PATHNAME', 'lakehouse_key_provider_alter'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION lakehouse.key_provider_alter(text, jsonb) IS
	'Set options of a key provider; null takes one away (superusers)';

CREATE FUNCTION lakehouse.key_provider_drop(name text) RETURNS void
	AS 'MODULE_PATHNAME', 'lakehouse_key_provider_drop'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION lakehouse.key_provider_drop(text) IS
	'Forget a key provider that no key is of (superusers)';

CREATE FUNCTION lakehouse.key_provider_list(OUT name text, OUT kind text, OUT options jsonb, OUT keys bigint,
	OUT created timestamptz) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_key_provider_list'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE ROWS 10;
COMMENT ON FUNCTION lakehouse.key_provider_list() IS
	'Key providers, their options and how many keys they wrap (superusers)';

CREATE FUNCTION lakehouse.key_create(name text, kind text DEFAULT 'data', parent text DEFAULT NULL,
	provider text DEFAULT NULL, kek text DEFAULT NULL) RETURNS bigint
	AS 'MODULE_PATHNAME', 'lakehouse_key_create'
	LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION lakehouse.key_create(text, text, text, text, text) IS
	'Make a key: kind domain, wrapped by a provider''s key; or data, wrapped by a domain''s or a provider''s key';

CREATE FUNCTION lakehouse.key_rotate(name text) RETURNS integer
	AS 'MODULE_PATHNAME', 'lakehouse_key_rotate'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION lakehouse.key_rotate(text) IS
	'Make a new version of a key, which encrypts from now on; its number';

CREATE FUNCTION lakehouse.key_retire(name text, version integer, retired boolean DEFAULT true) RETURNS void
	AS 'MODULE_PATHNAME', 'lakehouse_key_retire'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION lakehouse.key_retire(text, integer, boolean) IS
	'Use a version of a key no more, or again; only one that is not in use is retired';

CREATE FUNCTION lakehouse.key_destroy(name text, version integer) RETURNS void
	AS 'MODULE_PATHNAME', 'lakehouse_key_destroy'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION lakehouse.key_destroy(text, integer) IS
	'Throw a retired version of a key away, for ever';

CREATE FUNCTION lakehouse.key_list(OUT name text, OUT id bigint, OUT kind text, OUT parent text, OUT provider text,
	OUT kek text, OUT current integer, OUT active bigint, OUT retired bigint, OUT destroyed bigint,
	OUT created timestamptz) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_key_list'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE ROWS 100;
COMMENT ON FUNCTION lakehouse.key_list() IS
	'Keys, what wraps them, the version that encrypts and how many there are; asks no provider';

CREATE FUNCTION lakehouse.key_status(name text, OUT version integer, OUT state text, OUT wrapped_under bigint,
	OUT newest bigint, OUT oldest bigint, OUT wraps bigint, OUT used_by text, OUT created timestamptz,
	OUT retired timestamptz, OUT destroyed timestamptz) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_key_status'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE ROWS 10;
COMMENT ON FUNCTION lakehouse.key_status(text) IS
	'Versions of a key, which version of its parent or its provider''s key wraps each, and what uses it; asks the provider';

CREATE FUNCTION lakehouse.key_verify(name text) RETURNS integer
	AS 'MODULE_PATHNAME', 'lakehouse_key_verify'
	LANGUAGE C VOLATILE STRICT PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION lakehouse.key_verify(text) IS
	'Unwrap all versions of a key that are not destroyed; how many there are, or the error';

CREATE PROCEDURE lakehouse.key_rewrap(name text DEFAULT NULL)
	AS 'MODULE_PATHNAME', 'lakehouse_key_rewrap'
	LANGUAGE C;
COMMENT ON PROCEDURE lakehouse.key_rewrap(text) IS
	'Wrap all keys, or one and those below it, under the newest version of what wraps them; goes on where it was stopped';

CREATE VIEW lakehouse.key_progress AS
	SELECT r.job, r.key,
		CASE WHEN r.ended IS NOT NULL THEN 'finished'
			WHEN EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.locktype = 'object' AND l.pid = r.pid AND l.granted
				AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
				AND l.classid = 'lakehouse.key_rewraps'::pg_catalog.regclass) THEN 'running'
			ELSE 'stopped' END AS state,
		r.pid, r.total, r.done, r.started, r.updated, r.ended
	FROM lakehouse.key_rewraps r;
COMMENT ON VIEW lakehouse.key_progress IS
	'How far lakehouse.key_rewrap is; what was stopped goes on when it is called again';
REVOKE ALL ON TABLE lakehouse.key_progress FROM PUBLIC;

REVOKE ALL ON ROUTINE
	lakehouse.keys_changed(),
	lakehouse.key_provider_create(text, text, jsonb),
	lakehouse.key_provider_alter(text, jsonb),
	lakehouse.key_provider_drop(text),
	lakehouse.key_provider_list(),
	lakehouse.key_create(text, text, text, text, text),
	lakehouse.key_rotate(text),
	lakehouse.key_retire(text, integer, boolean),
	lakehouse.key_destroy(text, integer),
	lakehouse.key_list(),
	lakehouse.key_status(text),
	lakehouse.key_verify(text),
	lakehouse.key_rewrap(text)
	FROM PUBLIC;
