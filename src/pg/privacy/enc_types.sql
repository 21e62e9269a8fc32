-- Encrypted columns (docs/encrypted_columns.md): the types, all said once; enc.sql has what is not of a type.  ENCRYPTED is the
-- type, BASE what its values are.

DO $do$
DECLARE
	of_all CONSTANT text := $sql$
CREATE TYPE lakehouse.ENCRYPTED;
CREATE FUNCTION lakehouse.ENCRYPTED_in(cstring, oid, integer) RETURNS lakehouse.ENCRYPTED
	AS 'MODULE_PATHNAME', 'lakehouse_enc_in'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.ENCRYPTED_in(cstring, oid, integer) IS
	'Input of type ENCRYPTED: encrypts';

CREATE FUNCTION lakehouse.ENCRYPTED_out(lakehouse.ENCRYPTED) RETURNS cstring
	AS 'MODULE_PATHNAME', 'lakehouse_enc_out'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.ENCRYPTED_out(lakehouse.ENCRYPTED) IS
	'Output of type ENCRYPTED: armoured, or decrypted for who may';

CREATE FUNCTION lakehouse.ENCRYPTED_recv(internal, oid, integer) RETURNS lakehouse.ENCRYPTED
	AS 'MODULE_PATHNAME', 'lakehouse_enc_recv'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.ENCRYPTED_recv(internal, oid, integer) IS
	'Binary input of type ENCRYPTED: text, encrypted or to be';

CREATE FUNCTION lakehouse.ENCRYPTED_send(lakehouse.ENCRYPTED) RETURNS bytea
	AS 'MODULE_PATHNAME', 'lakehouse_enc_send'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.ENCRYPTED_send(lakehouse.ENCRYPTED) IS
	'Binary output of type ENCRYPTED: the text of its output';

CREATE TYPE lakehouse.ENCRYPTED (
	INPUT = lakehouse.ENCRYPTED_in, OUTPUT = lakehouse.ENCRYPTED_out, RECEIVE = lakehouse.ENCRYPTED_recv, SEND = lakehouse.ENCRYPTED_send,
	TYPMOD_IN = lakehouse.enc_typmod_in, TYPMOD_OUT = lakehouse.enc_typmod_out, ANALYZE = lakehouse.enc_analyze,
	INTERNALLENGTH = VARIABLE, ALIGNMENT = int4, STORAGE = external
);
COMMENT ON TYPE lakehouse.ENCRYPTED IS 'A BASE that is encrypted wherever it is kept: ENCRYPTED(''domain'')';
CREATE FUNCTION lakehouse.ENCRYPTED(lakehouse.ENCRYPTED, integer, boolean) RETURNS lakehouse.ENCRYPTED
	AS 'MODULE_PATHNAME', 'lakehouse_enc_cast'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.ENCRYPTED(lakehouse.ENCRYPTED, integer, boolean) IS
	'A value under the key of a column''s domain';

CREATE CAST (lakehouse.ENCRYPTED AS lakehouse.ENCRYPTED) WITH FUNCTION lakehouse.ENCRYPTED(lakehouse.ENCRYPTED, integer, boolean) AS IMPLICIT;

CREATE FUNCTION lakehouse.encrypt(value BASE, domain text, searchable boolean DEFAULT false) RETURNS lakehouse.ENCRYPTED
	AS 'MODULE_PATHNAME', 'lakehouse_encrypt'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.encrypt(BASE, text, boolean) IS
	'A value encrypted in a domain; takes the right "encrypt" there';

CREATE FUNCTION lakehouse.decrypt(value lakehouse.ENCRYPTED) RETURNS BASE
	AS 'MODULE_PATHNAME', 'lakehouse_decrypt'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.decrypt(lakehouse.ENCRYPTED) IS
	'The value itself; takes the right "decrypt" in its domain';

CREATE FUNCTION lakehouse.encryption_version(value lakehouse.ENCRYPTED) RETURNS integer
	AS 'MODULE_PATHNAME', 'lakehouse_enc_key_version'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.encryption_version(lakehouse.ENCRYPTED) IS
	'The version of the key that a value is under';

CREATE FUNCTION lakehouse.enc_stale(value lakehouse.ENCRYPTED) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_stale'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_stale(lakehouse.ENCRYPTED) IS
	'Is a value under an older version of its key than the newest?';

CREATE FUNCTION lakehouse.enc_renew(value lakehouse.ENCRYPTED) RETURNS lakehouse.ENCRYPTED
	AS 'MODULE_PATHNAME', 'lakehouse_enc_renew'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_renew(lakehouse.ENCRYPTED) IS
	'The same value under the newest version of its key';
$sql$;
	-- what a literal or a column of this type is assigned by
	of_source CONSTANT text := $sql$
CREATE FUNCTION lakehouse.ENCRYPTED(SOURCE, integer, boolean) RETURNS lakehouse.ENCRYPTED
	AS 'MODULE_PATHNAME', 'ENTRY'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.ENCRYPTED(SOURCE, integer, boolean) IS
	'A value encrypted for a column';

CREATE CAST (SOURCE AS lakehouse.ENCRYPTED) WITH FUNCTION lakehouse.ENCRYPTED(SOURCE, integer, boolean) AS IMPLICIT;
$sql$;
	-- of types whose values can be searched for
	of_search CONSTANT text := $sql$
CREATE FUNCTION lakehouse.search(value BASE, domain text) RETURNS lakehouse.ENCRYPTED
	AS 'MODULE_PATHNAME', 'lakehouse_search'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.search(BASE, text) IS
	'What columns of a domain are compared with to find a value; takes the right "search" there';

CREATE FUNCTION lakehouse.enc_search(value lakehouse.ENCRYPTED, modifier integer) RETURNS lakehouse.ENCRYPTED
	AS 'MODULE_PATHNAME', 'lakehouse_enc_search'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_search(lakehouse.ENCRYPTED, integer) IS
	'What a constant is in a comparison with a column; takes the right "search" in the column''s domain';

CREATE FUNCTION lakehouse.enc_search(value BASE, modifier integer) RETURNS lakehouse.ENCRYPTED
	AS 'MODULE_PATHNAME', 'lakehouse_enc_search_plain'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_search(BASE, integer) IS
	'What a value is in a comparison with a column; takes the right "search" in the column''s domain';

CREATE FUNCTION lakehouse.enc_eq(lakehouse.ENCRYPTED, lakehouse.ENCRYPTED) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_eq'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE SUPPORT lakehouse.enc_eq_support;
COMMENT ON FUNCTION lakehouse.enc_eq(lakehouse.ENCRYPTED, lakehouse.ENCRYPTED) IS
	'Are two values equal?';

CREATE FUNCTION lakehouse.enc_ne(lakehouse.ENCRYPTED, lakehouse.ENCRYPTED) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_ne'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE SUPPORT lakehouse.enc_eq_support;
COMMENT ON FUNCTION lakehouse.enc_ne(lakehouse.ENCRYPTED, lakehouse.ENCRYPTED) IS
	'Are two values different?';

CREATE FUNCTION lakehouse.enc_lt(lakehouse.ENCRYPTED, lakehouse.ENCRYPTED) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_lt'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_lt(lakehouse.ENCRYPTED, lakehouse.ENCRYPTED) IS
	'In the order of indexes, which is no order of values';

CREATE FUNCTION lakehouse.enc_le(lakehouse.ENCRYPTED, lakehouse.ENCRYPTED) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_le'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_le(lakehouse.ENCRYPTED, lakehouse.ENCRYPTED) IS
	'In the order of indexes, which is no order of values';

CREATE FUNCTION lakehouse.enc_ge(lakehouse.ENCRYPTED, lakehouse.ENCRYPTED) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_ge'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_ge(lakehouse.ENCRYPTED, lakehouse.ENCRYPTED) IS
	'In the order of indexes, which is no order of values';

CREATE FUNCTION lakehouse.enc_gt(lakehouse.ENCRYPTED, lakehouse.ENCRYPTED) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_gt'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_gt(lakehouse.ENCRYPTED, lakehouse.ENCRYPTED) IS
	'In the order of indexes, which is no order of values';

CREATE FUNCTION lakehouse.enc_cmp(lakehouse.ENCRYPTED, lakehouse.ENCRYPTED) RETURNS integer
	AS 'MODULE_PATHNAME', 'lakehouse_enc_cmp'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_cmp(lakehouse.ENCRYPTED, lakehouse.ENCRYPTED) IS
	'In the order of indexes, which is no order of values';

CREATE FUNCTION lakehouse.enc_hash(lakehouse.ENCRYPTED) RETURNS integer
	AS 'MODULE_PATHNAME', 'lakehouse_enc_hash'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_hash(lakehouse.ENCRYPTED) IS
	'For hash indexes and joins';

CREATE FUNCTION lakehouse.enc_hash_extended(lakehouse.ENCRYPTED, bigint) RETURNS bigint
	AS 'MODULE_PATHNAME', 'lakehouse_enc_hash_extended'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_hash_extended(lakehouse.ENCRYPTED, bigint) IS
	'For hash indexes and joins';

CREATE OPERATOR lakehouse.= (FUNCTION = lakehouse.enc_eq, LEFTARG = lakehouse.ENCRYPTED, RIGHTARG = lakehouse.ENCRYPTED, COMMUTATOR = OPERATOR(lakehouse.=), NEGATOR = OPERATOR(lakehouse.<>),
	RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES);
CREATE OPERATOR lakehouse.<> (FUNCTION = lakehouse.enc_ne, LEFTARG = lakehouse.ENCRYPTED, RIGHTARG = lakehouse.ENCRYPTED, COMMUTATOR = OPERATOR(lakehouse.<>), NEGATOR = OPERATOR(lakehouse.=),
	RESTRICT = neqsel, JOIN = neqjoinsel);
CREATE OPERATOR lakehouse.#<# (FUNCTION = lakehouse.enc_lt, LEFTARG = lakehouse.ENCRYPTED, RIGHTARG = lakehouse.ENCRYPTED, COMMUTATOR = OPERATOR(lakehouse.#>#), NEGATOR = OPERATOR(lakehouse.#>=#));
CREATE OPERATOR lakehouse.#<=# (FUNCTION = lakehouse.enc_le, LEFTARG = lakehouse.ENCRYPTED, RIGHTARG = lakehouse.ENCRYPTED, COMMUTATOR = OPERATOR(lakehouse.#>=#), NEGATOR = OPERATOR(lakehouse.#>#));
CREATE OPERATOR lakehouse.#>=# (FUNCTION = lakehouse.enc_ge, LEFTARG = lakehouse.ENCRYPTED, RIGHTARG = lakehouse.ENCRYPTED, COMMUTATOR = OPERATOR(lakehouse.#<=#), NEGATOR = OPERATOR(lakehouse.#<#));
CREATE OPERATOR lakehouse.#># (FUNCTION = lakehouse.enc_gt, LEFTARG = lakehouse.ENCRYPTED, RIGHTARG = lakehouse.ENCRYPTED, COMMUTATOR = OPERATOR(lakehouse.#<#), NEGATOR = OPERATOR(lakehouse.#<=#));
CREATE OPERATOR CLASS lakehouse.ENCRYPTED_ops DEFAULT FOR TYPE lakehouse.ENCRYPTED USING btree AS
	OPERATOR 1 lakehouse.#<#, OPERATOR 2 lakehouse.#<=#, OPERATOR 3 lakehouse.=, OPERATOR 4 lakehouse.#>=#, OPERATOR 5 lakehouse.#>#,
	FUNCTION 1 lakehouse.enc_cmp(lakehouse.ENCRYPTED, lakehouse.ENCRYPTED);
CREATE OPERATOR CLASS lakehouse.ENCRYPTED_hash_ops DEFAULT FOR TYPE lakehouse.ENCRYPTED USING hash AS
	OPERATOR 1 lakehouse.=, FUNCTION 1 lakehouse.enc_hash(lakehouse.ENCRYPTED), FUNCTION 2 lakehouse.enc_hash_extended(lakehouse.ENCRYPTED, bigint);
$sql$;
	base text;
	other record;
BEGIN
	FOREACH base IN ARRAY ARRAY['text', 'bytea', 'bigint', 'numeric', 'date', 'timestamptz', 'jsonb'] LOOP
		EXECUTE replace(replace(of_all, 'ENCRYPTED', 'enc_' || base), 'BASE', base);
		FOR other IN SELECT base AS source, 'lakehouse_enc_from' AS entry
			UNION ALL SELECT 'varchar', 'lakehouse_enc_from' WHERE base = 'text'
			UNION ALL SELECT 'integer', 'lakehouse_enc_from_integer' WHERE base IN ('bigint', 'numeric') LOOP
			EXECUTE replace(replace(replace(of_source, 'ENCRYPTED', 'enc_' || base), 'SOURCE', other.source), 'ENTRY', other.entry);
		END LOOP;
		IF base <> 'jsonb' THEN
			EXECUTE replace(replace(of_search, 'ENCRYPTED', 'enc_' || base), 'BASE', base);
		END IF;
	END LOOP;
END $do$;
