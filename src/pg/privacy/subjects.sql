-- Keys of subjects: in a store outside of the database, so that erasing one is for ever (docs/erase.md).

-- The store of this database, and the last erasure in it that is known here: a store without that is an older one.
CREATE TABLE lakehouse.subject_stores (
	store bytea NOT NULL CHECK (octet_length(store) = 16),
	erasures bigint NOT NULL CHECK (erasures >= 0),
	receipt bytea NOT NULL CHECK (octet_length(receipt) = 32),
	taken timestamptz NOT NULL DEFAULT now()
) WITH (user_catalog_table = true);
COMMENT ON TABLE lakehouse.subject_stores IS
	'The store of keys of subjects that this database uses: lakehouse.subject_store_status() shows it';

-- Proofs: of whose key it was there is the blind index only.
CREATE TABLE lakehouse.erasures (
	key_id bigint PRIMARY KEY,
	parent bigint NOT NULL,		-- number of a data key
	ordinal integer NOT NULL,	-- which key of this subject it was
	subject bytea NOT NULL CHECK (octet_length(subject) = 32),
	store bytea NOT NULL CHECK (octet_length(store) = 16),
	number bigint NOT NULL,		-- in the log of the store
	receipt bytea NOT NULL CHECK (octet_length(receipt) = 32),
	erased timestamptz NOT NULL,
	erased_by text,				-- NULL: found in the store
	reason text,
	recorded timestamptz NOT NULL DEFAULT clock_timestamp(),
	reconciled timestamptz		-- when it was erased once more, from a store that was restored
);
CREATE INDEX erasures_number ON lakehouse.erasures (store, number, key_id);
COMMENT ON TABLE lakehouse.erasures IS
	'Proofs of erased keys of subjects: lakehouse.erase_verify() compares them with the store';

SELECT pg_catalog.pg_extension_config_dump('lakehouse.subject_stores', '');
SELECT pg_catalog.pg_extension_config_dump('lakehouse.erasures', '');
REVOKE ALL ON TABLE lakehouse.subject_stores, lakehouse.erasures FROM PUBLIC;

CREATE FUNCTION lakehouse.subject_store_create() RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_subject_store_create'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION lakehouse.subject_store_create() IS
	'Make a store of the empty directory lakehouse.subject_key_store and use it here; false: it was one, and is used here now (superusers)';

CREATE FUNCTION lakehouse.subject_store_status(OUT store bytea, OUT path text, OUT erasures bigint, OUT known bigint,
	OUT receipt bytea) RETURNS record
	AS 'MODULE_PATHNAME', 'lakehouse_subject_store_status'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.subject_store_status() IS
	'The store of keys of subjects: its number, how many erasures it has and how many this database knows of, and the receipt of the last';

CREATE FUNCTION lakehouse.subject_store_verify(OUT active bigint, OUT erased bigint, OUT others bigint, OUT damaged bigint,
	OUT strange bigint, OUT erasures bigint, OUT problem text) RETURNS record
	AS 'MODULE_PATHNAME', 'lakehouse_subject_store_verify'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED COST 1000000;
COMMENT ON FUNCTION lakehouse.subject_store_verify() IS
	'Read all of the store of keys of subjects: unwrap what is of this database, check tombstones and the log; the first problem';

CREATE FUNCTION lakehouse.subject_store_reconcile(OUT erased bigint, OUT recorded bigint) RETURNS record
	AS 'MODULE_PATHNAME', 'lakehouse_subject_store_reconcile'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION lakehouse.subject_store_reconcile() IS
	'After a restore: erase again what proofs say is erased, and write the proofs of erasures that have none';

CREATE FUNCTION lakehouse.subject_key(parent text, subject text, again boolean DEFAULT false) RETURNS bigint
	AS 'MODULE_PATHNAME', 'lakehouse_subject_key'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION lakehouse.subject_key(text, text, boolean) IS
	'The number of a subject''s key under a data key, made if there is none; again: also when it has been erased';

CREATE FUNCTION lakehouse.subject_erase(parent text, subject text, reason text DEFAULT NULL, OUT key_id bigint,
	OUT erased timestamptz, OUT number bigint, OUT receipt bytea) RETURNS record
	AS 'MODULE_PATHNAME', 'lakehouse_subject_erase'
	LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION lakehouse.subject_erase(text, text, text) IS
	'Destroy the key of a subject, for ever and whatever becomes of the transaction, and write the proof';

CREATE FUNCTION lakehouse.erase_verify(OUT key_id bigint, OUT parent text, OUT erased timestamptz, OUT ok boolean,
	OUT problem text) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_erase_verify'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.erase_verify() IS
	'All proofs of erasure, compared with the tombstones and the log of the store';

-- The domain's rights "encrypt" and "decrypt" decide.
CREATE FUNCTION lakehouse.subject_encrypt(value text, domain text, subject text) RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_subject_encrypt'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.subject_encrypt(text, text, text) IS
	'Encrypt a value under the key of a subject, made if there is none; takes the right "encrypt" in the domain';

CREATE FUNCTION lakehouse.subject_decrypt(value text, domain text, erased_is_null boolean DEFAULT false) RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_subject_decrypt'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.subject_decrypt(text, text, boolean) IS
	'What lakehouse.subject_encrypt made; takes the right "decrypt" in the domain; an error, or NULL, when the key has been erased';

REVOKE ALL ON FUNCTION
	lakehouse.subject_store_create(),
	lakehouse.subject_store_status(),
	lakehouse.subject_store_verify(),
	lakehouse.subject_store_reconcile(),
	lakehouse.subject_key(text, text, boolean),
	lakehouse.subject_erase(text, text, text),
	lakehouse.erase_verify()
	FROM PUBLIC;
