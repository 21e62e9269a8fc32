-- Vaulted tokens (docs/tokenization.md): drawn at random and kept, with an end and revocation.

CREATE TABLE lakehouse.token_vault (
	domain text COLLATE "C" NOT NULL,
	token text COLLATE "C" NOT NULL,
	value_index bytea,				-- blind index of the value under the domain's key; null: revoked
	sealed bytea,					-- the value: an envelope bound to domain, token and expires; null: revoked
	key_id bigint NOT NULL,
	key_version integer NOT NULL,
	made timestamptz NOT NULL DEFAULT clock_timestamp(),
	expires timestamptz,			-- null: never
	revoked timestamptz,
	PRIMARY KEY (domain, token),
	-- what is revoked keeps nothing that could be opened
	CHECK (pg_catalog.num_nonnulls(value_index, sealed) OPERATOR(pg_catalog.=) CASE WHEN revoked IS NULL THEN 2 ELSE 0 END)
);
CREATE UNIQUE INDEX token_vault_value ON lakehouse.token_vault (domain, value_index) WHERE revoked IS NULL;
CREATE INDEX token_vault_key ON lakehouse.token_vault (key_id, key_version);
COMMENT ON TABLE lakehouse.token_vault IS
	'Tokens of lakehouse.vault_tokenize and their values, sealed; for its functions only';
REVOKE ALL ON TABLE lakehouse.token_vault FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('lakehouse.token_vault', '');

-- Everybody may call these two; the domain's rights decide.

CREATE FUNCTION lakehouse.vault_tokenize(value text, domain text, ttl interval DEFAULT NULL) RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_vault_tokenize'
	LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION lakehouse.vault_tokenize(text, text, interval) IS
	'The value''s token in a domain''s vault, drawn when it has none; ends after ttl; takes the right "tokenize" there';

CREATE FUNCTION lakehouse.vault_detokenize(token text, domain text) RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_vault_detokenize'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION lakehouse.vault_detokenize(text, text) IS
	'The value of a token in a domain''s vault; ERROR when it has ended; takes the right "detokenize" there';

CREATE FUNCTION lakehouse.vault_revoke(token text, domain text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_vault_revoke'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION lakehouse.vault_revoke(text, text) IS
	'End a token of a vault now; false: there was none that had not ended';

CREATE FUNCTION lakehouse.vault_purge(domain text, older interval DEFAULT '0') RETURNS bigint
	AS 'MODULE_PATHNAME', 'lakehouse_vault_purge'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION lakehouse.vault_purge(text, interval) IS
	'Remove tokens of a vault that ended longer ago than this; how many. They may be drawn again';

CREATE FUNCTION lakehouse.vault_status(OUT domain text, OUT valid bigint, OUT expired bigint, OUT revoked bigint,
	OUT first timestamptz, OUT last timestamptz) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_vault_status'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE ROWS 20;
COMMENT ON FUNCTION lakehouse.vault_status() IS
	'How many tokens the vaults of token domains have';

REVOKE ALL ON FUNCTION
	lakehouse.vault_revoke(text, text),
	lakehouse.vault_purge(text, interval),
	lakehouse.vault_status()
	FROM PUBLIC;
