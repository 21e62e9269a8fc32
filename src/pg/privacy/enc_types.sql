-- Encrypted columns of the other types (docs/encrypted_columns.md); enc.sql has what they share.

-- ---- enc_bytea

CREATE TYPE lakehouse.enc_bytea;
CREATE FUNCTION lakehouse.enc_bytea_in(cstring, oid, integer) RETURNS lakehouse.enc_bytea
	AS 'MODULE_PATHNAME', 'lakehouse_enc_in'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_bytea_in(cstring, oid, integer) IS
	'Input of type enc_bytea: encrypts';

CREATE FUNCTION lakehouse.enc_bytea_out(lakehouse.enc_bytea) RETURNS cstring
	AS 'MODULE_PATHNAME', 'lakehouse_enc_out'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_bytea_out(lakehouse.enc_bytea) IS
	'Output of type enc_bytea: armoured, or decrypted for who may';

CREATE FUNCTION lakehouse.enc_bytea_recv(internal, oid, integer) RETURNS lakehouse.enc_bytea
	AS 'MODULE_PATHNAME', 'lakehouse_enc_recv'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_bytea_recv(internal, oid, integer) IS
	'Binary input of type enc_bytea: text, encrypted or to be';

CREATE FUNCTION lakehouse.enc_bytea_send(lakehouse.enc_bytea) RETURNS bytea
	AS 'MODULE_PATHNAME', 'lakehouse_enc_send'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_bytea_send(lakehouse.enc_bytea) IS
	'Binary output of type enc_bytea: the text of its output';

CREATE TYPE lakehouse.enc_bytea (
	INPUT = lakehouse.enc_bytea_in, OUTPUT = lakehouse.enc_bytea_out, RECEIVE = lakehouse.enc_bytea_recv, SEND = lakehouse.enc_bytea_send,
	TYPMOD_IN = lakehouse.enc_typmod_in, TYPMOD_OUT = lakehouse.enc_typmod_out, ANALYZE = lakehouse.enc_analyze,
	INTERNALLENGTH = VARIABLE, ALIGNMENT = int4, STORAGE = external
);
COMMENT ON TYPE lakehouse.enc_bytea IS 'A bytea that is encrypted wherever it is kept: enc_bytea(''domain'')';
CREATE FUNCTION lakehouse.enc_bytea(lakehouse.enc_bytea, integer, boolean) RETURNS lakehouse.enc_bytea
	AS 'MODULE_PATHNAME', 'lakehouse_enc_cast'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_bytea(lakehouse.enc_bytea, integer, boolean) IS
	'A value under the key of a column''s domain';

CREATE CAST (lakehouse.enc_bytea AS lakehouse.enc_bytea) WITH FUNCTION lakehouse.enc_bytea(lakehouse.enc_bytea, integer, boolean) AS IMPLICIT;
CREATE FUNCTION lakehouse.enc_bytea(bytea, integer, boolean) RETURNS lakehouse.enc_bytea
	AS 'MODULE_PATHNAME', 'lakehouse_enc_from'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_bytea(bytea, integer, boolean) IS
	'A value encrypted for a column';

CREATE CAST (bytea AS lakehouse.enc_bytea) WITH FUNCTION lakehouse.enc_bytea(bytea, integer, boolean) AS IMPLICIT;
CREATE FUNCTION lakehouse.encrypt(value bytea, domain text, searchable boolean DEFAULT false) RETURNS lakehouse.enc_bytea
	AS 'MODULE_PATHNAME', 'lakehouse_encrypt'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.encrypt(bytea, text, boolean) IS
	'A value encrypted in a domain; takes the right "encrypt" there';

CREATE FUNCTION lakehouse.decrypt(value lakehouse.enc_bytea) RETURNS bytea
	AS 'MODULE_PATHNAME', 'lakehouse_decrypt'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.decrypt(lakehouse.enc_bytea) IS
	'The value itself; takes the right "decrypt" in its domain';

CREATE FUNCTION lakehouse.encryption_version(value lakehouse.enc_bytea) RETURNS integer
	AS 'MODULE_PATHNAME', 'lakehouse_enc_key_version'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.encryption_version(lakehouse.enc_bytea) IS
	'The version of the key that a value is under';

CREATE FUNCTION lakehouse.enc_stale(value lakehouse.enc_bytea) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_stale'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_stale(lakehouse.enc_bytea) IS
	'Is a value under an older version of its key than the newest?';

CREATE FUNCTION lakehouse.enc_renew(value lakehouse.enc_bytea) RETURNS lakehouse.enc_bytea
	AS 'MODULE_PATHNAME', 'lakehouse_enc_renew'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_renew(lakehouse.enc_bytea) IS
	'The same value under the newest version of its key';

CREATE FUNCTION lakehouse.search(value bytea, domain text) RETURNS lakehouse.enc_bytea
	AS 'MODULE_PATHNAME', 'lakehouse_search'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.search(bytea, text) IS
	'What columns of a domain are compared with to find a value; takes the right "search" there';

CREATE FUNCTION lakehouse.enc_search(value lakehouse.enc_bytea, modifier integer) RETURNS lakehouse.enc_bytea
	AS 'MODULE_PATHNAME', 'lakehouse_enc_search'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_search(lakehouse.enc_bytea, integer) IS
	'What a constant is in a comparison with a column; takes the right "search" in the column''s domain';

CREATE FUNCTION lakehouse.enc_search(value bytea, modifier integer) RETURNS lakehouse.enc_bytea
	AS 'MODULE_PATHNAME', 'lakehouse_enc_search_plain'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_search(bytea, integer) IS
	'What a value is in a comparison with a column; takes the right "search" in the column''s domain';

CREATE FUNCTION lakehouse.enc_eq(lakehouse.enc_bytea, lakehouse.enc_bytea) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_eq'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE SUPPORT lakehouse.enc_eq_support;
COMMENT ON FUNCTION lakehouse.enc_eq(lakehouse.enc_bytea, lakehouse.enc_bytea) IS
	'Are two values equal?';

CREATE FUNCTION lakehouse.enc_ne(lakehouse.enc_bytea, lakehouse.enc_bytea) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_ne'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE SUPPORT lakehouse.enc_eq_support;
COMMENT ON FUNCTION lakehouse.enc_ne(lakehouse.enc_bytea, lakehouse.enc_bytea) IS
	'Are two values different?';

CREATE FUNCTION lakehouse.enc_lt(lakehouse.enc_bytea, lakehouse.enc_bytea) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_lt'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_lt(lakehouse.enc_bytea, lakehouse.enc_bytea) IS
	'In the order of indexes, which is no order of values';

CREATE FUNCTION lakehouse.enc_le(lakehouse.enc_bytea, lakehouse.enc_bytea) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_le'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_le(lakehouse.enc_bytea, lakehouse.enc_bytea) IS
	'In the order of indexes, which is no order of values';

CREATE FUNCTION lakehouse.enc_ge(lakehouse.enc_bytea, lakehouse.enc_bytea) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_ge'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_ge(lakehouse.enc_bytea, lakehouse.enc_bytea) IS
	'In the order of indexes, which is no order of values';

CREATE FUNCTION lakehouse.enc_gt(lakehouse.enc_bytea, lakehouse.enc_bytea) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_gt'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_gt(lakehouse.enc_bytea, lakehouse.enc_bytea) IS
	'In the order of indexes, which is no order of values';

CREATE FUNCTION lakehouse.enc_cmp(lakehouse.enc_bytea, lakehouse.enc_bytea) RETURNS integer
	AS 'MODULE_PATHNAME', 'lakehouse_enc_cmp'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_cmp(lakehouse.enc_bytea, lakehouse.enc_bytea) IS
	'In the order of indexes, which is no order of values';

CREATE FUNCTION lakehouse.enc_hash(lakehouse.enc_bytea) RETURNS integer
	AS 'MODULE_PATHNAME', 'lakehouse_enc_hash'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_hash(lakehouse.enc_bytea) IS
	'For hash indexes and joins';

CREATE FUNCTION lakehouse.enc_hash_extended(lakehouse.enc_bytea, bigint) RETURNS bigint
	AS 'MODULE_PATHNAME', 'lakehouse_enc_hash_extended'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_hash_extended(lakehouse.enc_bytea, bigint) IS
	'For hash indexes and joins';


CREATE OPERATOR lakehouse.= (FUNCTION = lakehouse.enc_eq, LEFTARG = lakehouse.enc_bytea, RIGHTARG = lakehouse.enc_bytea, COMMUTATOR = OPERATOR(lakehouse.=), NEGATOR = OPERATOR(lakehouse.<>),
	RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES);
CREATE OPERATOR lakehouse.<> (FUNCTION = lakehouse.enc_ne, LEFTARG = lakehouse.enc_bytea, RIGHTARG = lakehouse.enc_bytea, COMMUTATOR = OPERATOR(lakehouse.<>), NEGATOR = OPERATOR(lakehouse.=),
	RESTRICT = neqsel, JOIN = neqjoinsel);
CREATE OPERATOR lakehouse.#<# (FUNCTION = lakehouse.enc_lt, LEFTARG = lakehouse.enc_bytea, RIGHTARG = lakehouse.enc_bytea, COMMUTATOR = OPERATOR(lakehouse.#>#), NEGATOR = OPERATOR(lakehouse.#>=#));
CREATE OPERATOR lakehouse.#<=# (FUNCTION = lakehouse.enc_le, LEFTARG = lakehouse.enc_bytea, RIGHTARG = lakehouse.enc_bytea, COMMUTATOR = OPERATOR(lakehouse.#>=#), NEGATOR = OPERATOR(lakehouse.#>#));
CREATE OPERATOR lakehouse.#>=# (FUNCTION = lakehouse.enc_ge, LEFTARG = lakehouse.enc_bytea, RIGHTARG = lakehouse.enc_bytea, COMMUTATOR = OPERATOR(lakehouse.#<=#), NEGATOR = OPERATOR(lakehouse.#<#));
CREATE OPERATOR lakehouse.#># (FUNCTION = lakehouse.enc_gt, LEFTARG = lakehouse.enc_bytea, RIGHTARG = lakehouse.enc_bytea, COMMUTATOR = OPERATOR(lakehouse.#<#), NEGATOR = OPERATOR(lakehouse.#<=#));
CREATE OPERATOR CLASS lakehouse.enc_bytea_ops DEFAULT FOR TYPE lakehouse.enc_bytea USING btree AS
	OPERATOR 1 lakehouse.#<#, OPERATOR 2 lakehouse.#<=#, OPERATOR 3 lakehouse.=, OPERATOR 4 lakehouse.#>=#, OPERATOR 5 lakehouse.#>#,
	FUNCTION 1 lakehouse.enc_cmp(lakehouse.enc_bytea, lakehouse.enc_bytea);
CREATE OPERATOR CLASS lakehouse.enc_bytea_hash_ops DEFAULT FOR TYPE lakehouse.enc_bytea USING hash AS
	OPERATOR 1 lakehouse.=, FUNCTION 1 lakehouse.enc_hash(lakehouse.enc_bytea), FUNCTION 2 lakehouse.enc_hash_extended(lakehouse.enc_bytea, bigint);

-- ---- enc_bigint

CREATE TYPE lakehouse.enc_bigint;
CREATE FUNCTION lakehouse.enc_bigint_in(cstring, oid, integer) RETURNS lakehouse.enc_bigint
	AS 'MODULE_PATHNAME', 'lakehouse_enc_in'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_bigint_in(cstring, oid, integer) IS
	'Input of type enc_bigint: encrypts';

CREATE FUNCTION lakehouse.enc_bigint_out(lakehouse.enc_bigint) RETURNS cstring
	AS 'MODULE_PATHNAME', 'lakehouse_enc_out'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_bigint_out(lakehouse.enc_bigint) IS
	'Output of type enc_bigint: armoured, or decrypted for who may';

CREATE FUNCTION lakehouse.enc_bigint_recv(internal, oid, integer) RETURNS lakehouse.enc_bigint
	AS 'MODULE_PATHNAME', 'lakehouse_enc_recv'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_bigint_recv(internal, oid, integer) IS
	'Binary input of type enc_bigint: text, encrypted or to be';

CREATE FUNCTION lakehouse.enc_bigint_send(lakehouse.enc_bigint) RETURNS bytea
	AS 'MODULE_PATHNAME', 'lakehouse_enc_send'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_bigint_send(lakehouse.enc_bigint) IS
	'Binary output of type enc_bigint: the text of its output';

CREATE TYPE lakehouse.enc_bigint (
	INPUT = lakehouse.enc_bigint_in, OUTPUT = lakehouse.enc_bigint_out, RECEIVE = lakehouse.enc_bigint_recv, SEND = lakehouse.enc_bigint_send,
	TYPMOD_IN = lakehouse.enc_typmod_in, TYPMOD_OUT = lakehouse.enc_typmod_out, ANALYZE = lakehouse.enc_analyze,
	INTERNALLENGTH = VARIABLE, ALIGNMENT = int4, STORAGE = external
);
COMMENT ON TYPE lakehouse.enc_bigint IS 'A bigint that is encrypted wherever it is kept: enc_bigint(''domain'')';
CREATE FUNCTION lakehouse.enc_bigint(lakehouse.enc_bigint, integer, boolean) RETURNS lakehouse.enc_bigint
	AS 'MODULE_PATHNAME', 'lakehouse_enc_cast'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_bigint(lakehouse.enc_bigint, integer, boolean) IS
	'A value under the key of a column''s domain';

CREATE CAST (lakehouse.enc_bigint AS lakehouse.enc_bigint) WITH FUNCTION lakehouse.enc_bigint(lakehouse.enc_bigint, integer, boolean) AS IMPLICIT;
CREATE FUNCTION lakehouse.enc_bigint(bigint, integer, boolean) RETURNS lakehouse.enc_bigint
	AS 'MODULE_PATHNAME', 'lakehouse_enc_from'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_bigint(bigint, integer, boolean) IS
	'A value encrypted for a column';

CREATE CAST (bigint AS lakehouse.enc_bigint) WITH FUNCTION lakehouse.enc_bigint(bigint, integer, boolean) AS IMPLICIT;
CREATE FUNCTION lakehouse.enc_bigint(integer, integer, boolean) RETURNS lakehouse.enc_bigint
	AS 'MODULE_PATHNAME', 'lakehouse_enc_from_integer'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_bigint(integer, integer, boolean) IS
	'A value encrypted for a column';

CREATE CAST (integer AS lakehouse.enc_bigint) WITH FUNCTION lakehouse.enc_bigint(integer, integer, boolean) AS IMPLICIT;
CREATE FUNCTION lakehouse.encrypt(value bigint, domain text, searchable boolean DEFAULT false) RETURNS lakehouse.enc_bigint
	AS 'MODULE_PATHNAME', 'lakehouse_encrypt'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.encrypt(bigint, text, boolean) IS
	'A value encrypted in a domain; takes the right "encrypt" there';

CREATE FUNCTION lakehouse.decrypt(value lakehouse.enc_bigint) RETURNS bigint
	AS 'MODULE_PATHNAME', 'lakehouse_decrypt'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.decrypt(lakehouse.enc_bigint) IS
	'The value itself; takes the right "decrypt" in its domain';

CREATE FUNCTION lakehouse.encryption_version(value lakehouse.enc_bigint) RETURNS integer
	AS 'MODULE_PATHNAME', 'lakehouse_enc_key_version'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.encryption_version(lakehouse.enc_bigint) IS
	'The version of the key that a value is under';

CREATE FUNCTION lakehouse.enc_stale(value lakehouse.enc_bigint) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_stale'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_stale(lakehouse.enc_bigint) IS
	'Is a value under an older version of its key than the newest?';

CREATE FUNCTION lakehouse.enc_renew(value lakehouse.enc_bigint) RETURNS lakehouse.enc_bigint
	AS 'MODULE_PATHNAME', 'lakehouse_enc_renew'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_renew(lakehouse.enc_bigint) IS
	'The same value under the newest version of its key';

CREATE FUNCTION lakehouse.search(value bigint, domain text) RETURNS lakehouse.enc_bigint
	AS 'MODULE_PATHNAME', 'lakehouse_search'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.search(bigint, text) IS
	'What columns of a domain are compared with to find a value; takes the right "search" there';

CREATE FUNCTION lakehouse.enc_search(value lakehouse.enc_bigint, modifier integer) RETURNS lakehouse.enc_bigint
	AS 'MODULE_PATHNAME', 'lakehouse_enc_search'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_search(lakehouse.enc_bigint, integer) IS
	'What a constant is in a comparison with a column; takes the right "search" in the column''s domain';

CREATE FUNCTION lakehouse.enc_search(value bigint, modifier integer) RETURNS lakehouse.enc_bigint
	AS 'MODULE_PATHNAME', 'lakehouse_enc_search_plain'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_search(bigint, integer) IS
	'What a value is in a comparison with a column; takes the right "search" in the column''s domain';

CREATE FUNCTION lakehouse.enc_eq(lakehouse.enc_bigint, lakehouse.enc_bigint) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_eq'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE SUPPORT lakehouse.enc_eq_support;
COMMENT ON FUNCTION lakehouse.enc_eq(lakehouse.enc_bigint, lakehouse.enc_bigint) IS
	'Are two values equal?';

CREATE FUNCTION lakehouse.enc_ne(lakehouse.enc_bigint, lakehouse.enc_bigint) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_ne'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE SUPPORT lakehouse.enc_eq_support;
COMMENT ON FUNCTION lakehouse.enc_ne(lakehouse.enc_bigint, lakehouse.enc_bigint) IS
	'Are two values different?';

CREATE FUNCTION lakehouse.enc_lt(lakehouse.enc_bigint, lakehouse.enc_bigint) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_lt'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_lt(lakehouse.enc_bigint, lakehouse.enc_bigint) IS
	'In the order of indexes, which is no order of values';

CREATE FUNCTION lakehouse.enc_le(lakehouse.enc_bigint, lakehouse.enc_bigint) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_le'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_le(lakehouse.enc_bigint, lakehouse.enc_bigint) IS
	'In the order of indexes, which is no order of values';

CREATE FUNCTION lakehouse.enc_ge(lakehouse.enc_bigint, lakehouse.enc_bigint) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_ge'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_ge(lakehouse.enc_bigint, lakehouse.enc_bigint) IS
	'In the order of indexes, which is no order of values';

CREATE FUNCTION lakehouse.enc_gt(lakehouse.enc_bigint, lakehouse.enc_bigint) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_gt'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_gt(lakehouse.enc_bigint, lakehouse.enc_bigint) IS
	'In the order of indexes, which is no order of values';

CREATE FUNCTION lakehouse.enc_cmp(lakehouse.enc_bigint, lakehouse.enc_bigint) RETURNS integer
	AS 'MODULE_PATHNAME', 'lakehouse_enc_cmp'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_cmp(lakehouse.enc_bigint, lakehouse.enc_bigint) IS
	'In the order of indexes, which is no order of values';

CREATE FUNCTION lakehouse.enc_hash(lakehouse.enc_bigint) RETURNS integer
	AS 'MODULE_PATHNAME', 'lakehouse_enc_hash'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_hash(lakehouse.enc_bigint) IS
	'For hash indexes and joins';

CREATE FUNCTION lakehouse.enc_hash_extended(lakehouse.enc_bigint, bigint) RETURNS bigint
	AS 'MODULE_PATHNAME', 'lakehouse_enc_hash_extended'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_hash_extended(lakehouse.enc_bigint, bigint) IS
	'For hash indexes and joins';


CREATE OPERATOR lakehouse.= (FUNCTION = lakehouse.enc_eq, LEFTARG = lakehouse.enc_bigint, RIGHTARG = lakehouse.enc_bigint, COMMUTATOR = OPERATOR(lakehouse.=), NEGATOR = OPERATOR(lakehouse.<>),
	RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES);
CREATE OPERATOR lakehouse.<> (FUNCTION = lakehouse.enc_ne, LEFTARG = lakehouse.enc_bigint, RIGHTARG = lakehouse.enc_bigint, COMMUTATOR = OPERATOR(lakehouse.<>), NEGATOR = OPERATOR(lakehouse.=),
	RESTRICT = neqsel, JOIN = neqjoinsel);
CREATE OPERATOR lakehouse.#<# (FUNCTION = lakehouse.enc_lt, LEFTARG = lakehouse.enc_bigint, RIGHTARG = lakehouse.enc_bigint, COMMUTATOR = OPERATOR(lakehouse.#>#), NEGATOR = OPERATOR(lakehouse.#>=#));
CREATE OPERATOR lakehouse.#<=# (FUNCTION = lakehouse.enc_le, LEFTARG = lakehouse.enc_bigint, RIGHTARG = lakehouse.enc_bigint, COMMUTATOR = OPERATOR(lakehouse.#>=#), NEGATOR = OPERATOR(lakehouse.#>#));
CREATE OPERATOR lakehouse.#>=# (FUNCTION = lakehouse.enc_ge, LEFTARG = lakehouse.enc_bigint, RIGHTARG = lakehouse.enc_bigint, COMMUTATOR = OPERATOR(lakehouse.#<=#), NEGATOR = OPERATOR(lakehouse.#<#));
CREATE OPERATOR lakehouse.#># (FUNCTION = lakehouse.enc_gt, LEFTARG = lakehouse.enc_bigint, RIGHTARG = lakehouse.enc_bigint, COMMUTATOR = OPERATOR(lakehouse.#<#), NEGATOR = OPERATOR(lakehouse.#<=#));
CREATE OPERATOR CLASS lakehouse.enc_bigint_ops DEFAULT FOR TYPE lakehouse.enc_bigint USING btree AS
	OPERATOR 1 lakehouse.#<#, OPERATOR 2 lakehouse.#<=#, OPERATOR 3 lakehouse.=, OPERATOR 4 lakehouse.#>=#, OPERATOR 5 lakehouse.#>#,
	FUNCTION 1 lakehouse.enc_cmp(lakehouse.enc_bigint, lakehouse.enc_bigint);
CREATE OPERATOR CLASS lakehouse.enc_bigint_hash_ops DEFAULT FOR TYPE lakehouse.enc_bigint USING hash AS
	OPERATOR 1 lakehouse.=, FUNCTION 1 lakehouse.enc_hash(lakehouse.enc_bigint), FUNCTION 2 lakehouse.enc_hash_extended(lakehouse.enc_bigint, bigint);

-- ---- enc_numeric

CREATE TYPE lakehouse.enc_numeric;
CREATE FUNCTION lakehouse.enc_numeric_in(cstring, oid, integer) RETURNS lakehouse.enc_numeric
	AS 'MODULE_PATHNAME', 'lakehouse_enc_in'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_numeric_in(cstring, oid, integer) IS
	'Input of type enc_numeric: encrypts';

CREATE FUNCTION lakehouse.enc_numeric_out(lakehouse.enc_numeric) RETURNS cstring
	AS 'MODULE_PATHNAME', 'lakehouse_enc_out'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_numeric_out(lakehouse.enc_numeric) IS
	'Output of type enc_numeric: armoured, or decrypted for who may';

CREATE FUNCTION lakehouse.enc_numeric_recv(internal, oid, integer) RETURNS lakehouse.enc_numeric
	AS 'MODULE_PATHNAME', 'lakehouse_enc_recv'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_numeric_recv(internal, oid, integer) IS
	'Binary input of type enc_numeric: text, encrypted or to be';

CREATE FUNCTION lakehouse.enc_numeric_send(lakehouse.enc_numeric) RETURNS bytea
	AS 'MODULE_PATHNAME', 'lakehouse_enc_send'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_numeric_send(lakehouse.enc_numeric) IS
	'Binary output of type enc_numeric: the text of its output';

CREATE TYPE lakehouse.enc_numeric (
	INPUT = lakehouse.enc_numeric_in, OUTPUT = lakehouse.enc_numeric_out, RECEIVE = lakehouse.enc_numeric_recv, SEND = lakehouse.enc_numeric_send,
	TYPMOD_IN = lakehouse.enc_typmod_in, TYPMOD_OUT = lakehouse.enc_typmod_out, ANALYZE = lakehouse.enc_analyze,
	INTERNALLENGTH = VARIABLE, ALIGNMENT = int4, STORAGE = external
);
COMMENT ON TYPE lakehouse.enc_numeric IS 'A numeric that is encrypted wherever it is kept: enc_numeric(''domain'')';
CREATE FUNCTION lakehouse.enc_numeric(lakehouse.enc_numeric, integer, boolean) RETURNS lakehouse.enc_numeric
	AS 'MODULE_PATHNAME', 'lakehouse_enc_cast'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_numeric(lakehouse.enc_numeric, integer, boolean) IS
	'A value under the key of a column''s domain';

CREATE CAST (lakehouse.enc_numeric AS lakehouse.enc_numeric) WITH FUNCTION lakehouse.enc_numeric(lakehouse.enc_numeric, integer, boolean) AS IMPLICIT;
CREATE FUNCTION lakehouse.enc_numeric(numeric, integer, boolean) RETURNS lakehouse.enc_numeric
	AS 'MODULE_PATHNAME', 'lakehouse_enc_from'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_numeric(numeric, integer, boolean) IS
	'A value encrypted for a column';

CREATE CAST (numeric AS lakehouse.enc_numeric) WITH FUNCTION lakehouse.enc_numeric(numeric, integer, boolean) AS IMPLICIT;
CREATE FUNCTION lakehouse.enc_numeric(integer, integer, boolean) RETURNS lakehouse.enc_numeric
	AS 'MODULE_PATHNAME', 'lakehouse_enc_from_integer'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_numeric(integer, integer, boolean) IS
	'A value encrypted for a column';

CREATE CAST (integer AS lakehouse.enc_numeric) WITH FUNCTION lakehouse.enc_numeric(integer, integer, boolean) AS IMPLICIT;
CREATE FUNCTION lakehouse.encrypt(value numeric, domain text, searchable boolean DEFAULT false) RETURNS lakehouse.enc_numeric
	AS 'MODULE_PATHNAME', 'lakehouse_encrypt'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.encrypt(numeric, text, boolean) IS
	'A value encrypted in a domain; takes the right "encrypt" there';

CREATE FUNCTION lakehouse.decrypt(value lakehouse.enc_numeric) RETURNS numeric
	AS 'MODULE_PATHNAME', 'lakehouse_decrypt'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.decrypt(lakehouse.enc_numeric) IS
	'The value itself; takes the right "decrypt" in its domain';

CREATE FUNCTION lakehouse.encryption_version(value lakehouse.enc_numeric) RETURNS integer
	AS 'MODULE_PATHNAME', 'lakehouse_enc_key_version'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.encryption_version(lakehouse.enc_numeric) IS
	'The version of the key that a value is under';

CREATE FUNCTION lakehouse.enc_stale(value lakehouse.enc_numeric) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_stale'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_stale(lakehouse.enc_numeric) IS
	'Is a value under an older version of its key than the newest?';

CREATE FUNCTION lakehouse.enc_renew(value lakehouse.enc_numeric) RETURNS lakehouse.enc_numeric
	AS 'MODULE_PATHNAME', 'lakehouse_enc_renew'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_renew(lakehouse.enc_numeric) IS
	'The same value under the newest version of its key';

CREATE FUNCTION lakehouse.search(value numeric, domain text) RETURNS lakehouse.enc_numeric
	AS 'MODULE_PATHNAME', 'lakehouse_search'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.search(numeric, text) IS
	'What columns of a domain are compared with to find a value; takes the right "search" there';

CREATE FUNCTION lakehouse.enc_search(value lakehouse.enc_numeric, modifier integer) RETURNS lakehouse.enc_numeric
	AS 'MODULE_PATHNAME', 'lakehouse_enc_search'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_search(lakehouse.enc_numeric, integer) IS
	'What a constant is in a comparison with a column; takes the right "search" in the column''s domain';

CREATE FUNCTION lakehouse.enc_search(value numeric, modifier integer) RETURNS lakehouse.enc_numeric
	AS 'MODULE_PATHNAME', 'lakehouse_enc_search_plain'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_search(numeric, integer) IS
	'What a value is in a comparison with a column; takes the right "search" in the column''s domain';

CREATE FUNCTION lakehouse.enc_eq(lakehouse.enc_numeric, lakehouse.enc_numeric) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_eq'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE SUPPORT lakehouse.enc_eq_support;
COMMENT ON FUNCTION lakehouse.enc_eq(lakehouse.enc_numeric, lakehouse.enc_numeric) IS
	'Are two values equal?';

CREATE FUNCTION lakehouse.enc_ne(lakehouse.enc_numeric, lakehouse.enc_numeric) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_ne'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE SUPPORT lakehouse.enc_eq_support;
COMMENT ON FUNCTION lakehouse.enc_ne(lakehouse.enc_numeric, lakehouse.enc_numeric) IS
	'Are two values different?';

CREATE FUNCTION lakehouse.enc_lt(lakehouse.enc_numeric, lakehouse.enc_numeric) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_lt'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_lt(lakehouse.enc_numeric, lakehouse.enc_numeric) IS
	'In the order of indexes, which is no order of values';

CREATE FUNCTION lakehouse.enc_le(lakehouse.enc_numeric, lakehouse.enc_numeric) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_le'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_le(lakehouse.enc_numeric, lakehouse.enc_numeric) IS
	'In the order of indexes, which is no order of values';

CREATE FUNCTION lakehouse.enc_ge(lakehouse.enc_numeric, lakehouse.enc_numeric) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_ge'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_ge(lakehouse.enc_numeric, lakehouse.enc_numeric) IS
	'In the order of indexes, which is no order of values';

CREATE FUNCTION lakehouse.enc_gt(lakehouse.enc_numeric, lakehouse.enc_numeric) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_gt'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_gt(lakehouse.enc_numeric, lakehouse.enc_numeric) IS
	'In the order of indexes, which is no order of values';

CREATE FUNCTION lakehouse.enc_cmp(lakehouse.enc_numeric, lakehouse.enc_numeric) RETURNS integer
	AS 'MODULE_PATHNAME', 'lakehouse_enc_cmp'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_cmp(lakehouse.enc_numeric, lakehouse.enc_numeric) IS
	'In the order of indexes, which is no order of values';

CREATE FUNCTION lakehouse.enc_hash(lakehouse.enc_numeric) RETURNS integer
	AS 'MODULE_PATHNAME', 'lakehouse_enc_hash'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_hash(lakehouse.enc_numeric) IS
	'For hash indexes and joins';

CREATE FUNCTION lakehouse.enc_hash_extended(lakehouse.enc_numeric, bigint) RETURNS bigint
	AS 'MODULE_PATHNAME', 'lakehouse_enc_hash_extended'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_hash_extended(lakehouse.enc_numeric, bigint) IS
	'For hash indexes and joins';


CREATE OPERATOR lakehouse.= (FUNCTION = lakehouse.enc_eq, LEFTARG = lakehouse.enc_numeric, RIGHTARG = lakehouse.enc_numeric, COMMUTATOR = OPERATOR(lakehouse.=), NEGATOR = OPERATOR(lakehouse.<>),
	RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES);
CREATE OPERATOR lakehouse.<> (FUNCTION = lakehouse.enc_ne, LEFTARG = lakehouse.enc_numeric, RIGHTARG = lakehouse.enc_numeric, COMMUTATOR = OPERATOR(lakehouse.<>), NEGATOR = OPERATOR(lakehouse.=),
	RESTRICT = neqsel, JOIN = neqjoinsel);
CREATE OPERATOR lakehouse.#<# (FUNCTION = lakehouse.enc_lt, LEFTARG = lakehouse.enc_numeric, RIGHTARG = lakehouse.enc_numeric, COMMUTATOR = OPERATOR(lakehouse.#>#), NEGATOR = OPERATOR(lakehouse.#>=#));
CREATE OPERATOR lakehouse.#<=# (FUNCTION = lakehouse.enc_le, LEFTARG = lakehouse.enc_numeric, RIGHTARG = lakehouse.enc_numeric, COMMUTATOR = OPERATOR(lakehouse.#>=#), NEGATOR = OPERATOR(lakehouse.#>#));
CREATE OPERATOR lakehouse.#>=# (FUNCTION = lakehouse.enc_ge, LEFTARG = lakehouse.enc_numeric, RIGHTARG = lakehouse.enc_numeric, COMMUTATOR = OPERATOR(lakehouse.#<=#), NEGATOR = OPERATOR(lakehouse.#<#));
CREATE OPERATOR lakehouse.#># (FUNCTION = lakehouse.enc_gt, LEFTARG = lakehouse.enc_numeric, RIGHTARG = lakehouse.enc_numeric, COMMUTATOR = OPERATOR(lakehouse.#<#), NEGATOR = OPERATOR(lakehouse.#<=#));
CREATE OPERATOR CLASS lakehouse.enc_numeric_ops DEFAULT FOR TYPE lakehouse.enc_numeric USING btree AS
	OPERATOR 1 lakehouse.#<#, OPERATOR 2 lakehouse.#<=#, OPERATOR 3 lakehouse.=, OPERATOR 4 lakehouse.#>=#, OPERATOR 5 lakehouse.#>#,
	FUNCTION 1 lakehouse.enc_cmp(lakehouse.enc_numeric, lakehouse.enc_numeric);
CREATE OPERATOR CLASS lakehouse.enc_numeric_hash_ops DEFAULT FOR TYPE lakehouse.enc_numeric USING hash AS
	OPERATOR 1 lakehouse.=, FUNCTION 1 lakehouse.enc_hash(lakehouse.enc_numeric), FUNCTION 2 lakehouse.enc_hash_extended(lakehouse.enc_numeric, bigint);

-- ---- enc_date

CREATE TYPE lakehouse.enc_date;
CREATE FUNCTION lakehouse.enc_date_in(cstring, oid, integer) RETURNS lakehouse.enc_date
	AS 'MODULE_PATHNAME', 'lakehouse_enc_in'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_date_in(cstring, oid, integer) IS
	'Input of type enc_date: encrypts';

CREATE FUNCTION lakehouse.enc_date_out(lakehouse.enc_date) RETURNS cstring
	AS 'MODULE_PATHNAME', 'lakehouse_enc_out'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_date_out(lakehouse.enc_date) IS
	'Output of type enc_date: armoured, or decrypted for who may';

CREATE FUNCTION lakehouse.enc_date_recv(internal, oid, integer) RETURNS lakehouse.enc_date
	AS 'MODULE_PATHNAME', 'lakehouse_enc_recv'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_date_recv(internal, oid, integer) IS
	'Binary input of type enc_date: text, encrypted or to be';

CREATE FUNCTION lakehouse.enc_date_send(lakehouse.enc_date) RETURNS bytea
	AS 'MODULE_PATHNAME', 'lakehouse_enc_send'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_date_send(lakehouse.enc_date) IS
	'Binary output of type enc_date: the text of its output';

CREATE TYPE lakehouse.enc_date (
	INPUT = lakehouse.enc_date_in, OUTPUT = lakehouse.enc_date_out, RECEIVE = lakehouse.enc_date_recv, SEND = lakehouse.enc_date_send,
	TYPMOD_IN = lakehouse.enc_typmod_in, TYPMOD_OUT = lakehouse.enc_typmod_out, ANALYZE = lakehouse.enc_analyze,
	INTERNALLENGTH = VARIABLE, ALIGNMENT = int4, STORAGE = external
);
COMMENT ON TYPE lakehouse.enc_date IS 'A date that is encrypted wherever it is kept: enc_date(''domain'')';
CREATE FUNCTION lakehouse.enc_date(lakehouse.enc_date, integer, boolean) RETURNS lakehouse.enc_date
	AS 'MODULE_PATHNAME', 'lakehouse_enc_cast'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_date(lakehouse.enc_date, integer, boolean) IS
	'A value under the key of a column''s domain';

CREATE CAST (lakehouse.enc_date AS lakehouse.enc_date) WITH FUNCTION lakehouse.enc_date(lakehouse.enc_date, integer, boolean) AS IMPLICIT;
CREATE FUNCTION lakehouse.enc_date(date, integer, boolean) RETURNS lakehouse.enc_date
	AS 'MODULE_PATHNAME', 'lakehouse_enc_from'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_date(date, integer, boolean) IS
	'A value encrypted for a column';

CREATE CAST (date AS lakehouse.enc_date) WITH FUNCTION lakehouse.enc_date(date, integer, boolean) AS IMPLICIT;
CREATE FUNCTION lakehouse.encrypt(value date, domain text, searchable boolean DEFAULT false) RETURNS lakehouse.enc_date
	AS 'MODULE_PATHNAME', 'lakehouse_encrypt'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.encrypt(date, text, boolean) IS
	'A value encrypted in a domain; takes the right "encrypt" there';

CREATE FUNCTION lakehouse.decrypt(value lakehouse.enc_date) RETURNS date
	AS 'MODULE_PATHNAME', 'lakehouse_decrypt'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.decrypt(lakehouse.enc_date) IS
	'The value itself; takes the right "decrypt" in its domain';

CREATE FUNCTION lakehouse.encryption_version(value lakehouse.enc_date) RETURNS integer
	AS 'MODULE_PATHNAME', 'lakehouse_enc_key_version'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.encryption_version(lakehouse.enc_date) IS
	'The version of the key that a value is under';

CREATE FUNCTION lakehouse.enc_stale(value lakehouse.enc_date) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_stale'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_stale(lakehouse.enc_date) IS
	'Is a value under an older version of its key than the newest?';

CREATE FUNCTION lakehouse.enc_renew(value lakehouse.enc_date) RETURNS lakehouse.enc_date
	AS 'MODULE_PATHNAME', 'lakehouse_enc_renew'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_renew(lakehouse.enc_date) IS
	'The same value under the newest version of its key';

CREATE FUNCTION lakehouse.search(value date, domain text) RETURNS lakehouse.enc_date
	AS 'MODULE_PATHNAME', 'lakehouse_search'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.search(date, text) IS
	'What columns of a domain are compared with to find a value; takes the right "search" there';

CREATE FUNCTION lakehouse.enc_search(value lakehouse.enc_date, modifier integer) RETURNS lakehouse.enc_date
	AS 'MODULE_PATHNAME', 'lakehouse_enc_search'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_search(lakehouse.enc_date, integer) IS
	'What a constant is in a comparison with a column; takes the right "search" in the column''s domain';

CREATE FUNCTION lakehouse.enc_search(value date, modifier integer) RETURNS lakehouse.enc_date
	AS 'MODULE_PATHNAME', 'lakehouse_enc_search_plain'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_search(date, integer) IS
	'What a value is in a comparison with a column; takes the right "search" in the column''s domain';

CREATE FUNCTION lakehouse.enc_eq(lakehouse.enc_date, lakehouse.enc_date) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_eq'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE SUPPORT lakehouse.enc_eq_support;
COMMENT ON FUNCTION lakehouse.enc_eq(lakehouse.enc_date, lakehouse.enc_date) IS
	'Are two values equal?';

CREATE FUNCTION lakehouse.enc_ne(lakehouse.enc_date, lakehouse.enc_date) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_ne'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE SUPPORT lakehouse.enc_eq_support;
COMMENT ON FUNCTION lakehouse.enc_ne(lakehouse.enc_date, lakehouse.enc_date) IS
	'Are two values different?';

CREATE FUNCTION lakehouse.enc_lt(lakehouse.enc_date, lakehouse.enc_date) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_lt'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_lt(lakehouse.enc_date, lakehouse.enc_date) IS
	'In the order of indexes, which is no order of values';

CREATE FUNCTION lakehouse.enc_le(lakehouse.enc_date, lakehouse.enc_date) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_le'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_le(lakehouse.enc_date, lakehouse.enc_date) IS
	'In the order of indexes, which is no order of values';

CREATE FUNCTION lakehouse.enc_ge(lakehouse.enc_date, lakehouse.enc_date) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_ge'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_ge(lakehouse.enc_date, lakehouse.enc_date) IS
	'In the order of indexes, which is no order of values';

CREATE FUNCTION lakehouse.enc_gt(lakehouse.enc_date, lakehouse.enc_date) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_gt'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_gt(lakehouse.enc_date, lakehouse.enc_date) IS
	'In the order of indexes, which is no order of values';

CREATE FUNCTION lakehouse.enc_cmp(lakehouse.enc_date, lakehouse.enc_date) RETURNS integer
	AS 'MODULE_PATHNAME', 'lakehouse_enc_cmp'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_cmp(lakehouse.enc_date, lakehouse.enc_date) IS
	'In the order of indexes, which is no order of values';

CREATE FUNCTION lakehouse.enc_hash(lakehouse.enc_date) RETURNS integer
	AS 'MODULE_PATHNAME', 'lakehouse_enc_hash'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_hash(lakehouse.enc_date) IS
	'For hash indexes and joins';

CREATE FUNCTION lakehouse.enc_hash_extended(lakehouse.enc_date, bigint) RETURNS bigint
	AS 'MODULE_PATHNAME', 'lakehouse_enc_hash_extended'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_hash_extended(lakehouse.enc_date, bigint) IS
	'For hash indexes and joins';


CREATE OPERATOR lakehouse.= (FUNCTION = lakehouse.enc_eq, LEFTARG = lakehouse.enc_date, RIGHTARG = lakehouse.enc_date, COMMUTATOR = OPERATOR(lakehouse.=), NEGATOR = OPERATOR(lakehouse.<>),
	RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES);
CREATE OPERATOR lakehouse.<> (FUNCTION = lakehouse.enc_ne, LEFTARG = lakehouse.enc_date, RIGHTARG = lakehouse.enc_date, COMMUTATOR = OPERATOR(lakehouse.<>), NEGATOR = OPERATOR(lakehouse.=),
	RESTRICT = neqsel, JOIN = neqjoinsel);
CREATE OPERATOR lakehouse.#<# (FUNCTION = lakehouse.enc_lt, LEFTARG = lakehouse.enc_date, RIGHTARG = lakehouse.enc_date, COMMUTATOR = OPERATOR(lakehouse.#>#), NEGATOR = OPERATOR(lakehouse.#>=#));
CREATE OPERATOR lakehouse.#<=# (FUNCTION = lakehouse.enc_le, LEFTARG = lakehouse.enc_date, RIGHTARG = lakehouse.enc_date, COMMUTATOR = OPERATOR(lakehouse.#>=#), NEGATOR = OPERATOR(lakehouse.#>#));
CREATE OPERATOR lakehouse.#>=# (FUNCTION = lakehouse.enc_ge, LEFTARG = lakehouse.enc_date, RIGHTARG = lakehouse.enc_date, COMMUTATOR = OPERATOR(lakehouse.#<=#), NEGATOR = OPERATOR(lakehouse.#<#));
CREATE OPERATOR lakehouse.#># (FUNCTION = lakehouse.enc_gt, LEFTARG = lakehouse.enc_date, RIGHTARG = lakehouse.enc_date, COMMUTATOR = OPERATOR(lakehouse.#<#), NEGATOR = OPERATOR(lakehouse.#<=#));
CREATE OPERATOR CLASS lakehouse.enc_date_ops DEFAULT FOR TYPE lakehouse.enc_date USING btree AS
	OPERATOR 1 lakehouse.#<#, OPERATOR 2 lakehouse.#<=#, OPERATOR 3 lakehouse.=, OPERATOR 4 lakehouse.#>=#, OPERATOR 5 lakehouse.#>#,
	FUNCTION 1 lakehouse.enc_cmp(lakehouse.enc_date, lakehouse.enc_date);
CREATE OPERATOR CLASS lakehouse.enc_date_hash_ops DEFAULT FOR TYPE lakehouse.enc_date USING hash AS
	OPERATOR 1 lakehouse.=, FUNCTION 1 lakehouse.enc_hash(lakehouse.enc_date), FUNCTION 2 lakehouse.enc_hash_extended(lakehouse.enc_date, bigint);

-- ---- enc_timestamptz

CREATE TYPE lakehouse.enc_timestamptz;
CREATE FUNCTION lakehouse.enc_timestamptz_in(cstring, oid, integer) RETURNS lakehouse.enc_timestamptz
	AS 'MODULE_PATHNAME', 'lakehouse_enc_in'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_timestamptz_in(cstring, oid, integer) IS
	'Input of type enc_timestamptz: encrypts';

CREATE FUNCTION lakehouse.enc_timestamptz_out(lakehouse.enc_timestamptz) RETURNS cstring
	AS 'MODULE_PATHNAME', 'lakehouse_enc_out'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_timestamptz_out(lakehouse.enc_timestamptz) IS
	'Output of type enc_timestamptz: armoured, or decrypted for who may';

CREATE FUNCTION lakehouse.enc_timestamptz_recv(internal, oid, integer) RETURNS lakehouse.enc_timestamptz
	AS 'MODULE_PATHNAME', 'lakehouse_enc_recv'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_timestamptz_recv(internal, oid, integer) IS
	'Binary input of type enc_timestamptz: text, encrypted or to be';

CREATE FUNCTION lakehouse.enc_timestamptz_send(lakehouse.enc_timestamptz) RETURNS bytea
	AS 'MODULE_PATHNAME', 'lakehouse_enc_send'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_timestamptz_send(lakehouse.enc_timestamptz) IS
	'Binary output of type enc_timestamptz: the text of its output';

CREATE TYPE lakehouse.enc_timestamptz (
	INPUT = lakehouse.enc_timestamptz_in, OUTPUT = lakehouse.enc_timestamptz_out, RECEIVE = lakehouse.enc_timestamptz_recv, SEND = lakehouse.enc_timestamptz_send,
	TYPMOD_IN = lakehouse.enc_typmod_in, TYPMOD_OUT = lakehouse.enc_typmod_out, ANALYZE = lakehouse.enc_analyze,
	INTERNALLENGTH = VARIABLE, ALIGNMENT = int4, STORAGE = external
);
COMMENT ON TYPE lakehouse.enc_timestamptz IS 'A timestamptz that is encrypted wherever it is kept: enc_timestamptz(''domain'')';
CREATE FUNCTION lakehouse.enc_timestamptz(lakehouse.enc_timestamptz, integer, boolean) RETURNS lakehouse.enc_timestamptz
	AS 'MODULE_PATHNAME', 'lakehouse_enc_cast'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_timestamptz(lakehouse.enc_timestamptz, integer, boolean) IS
	'A value under the key of a column''s domain';

CREATE CAST (lakehouse.enc_timestamptz AS lakehouse.enc_timestamptz) WITH FUNCTION lakehouse.enc_timestamptz(lakehouse.enc_timestamptz, integer, boolean) AS IMPLICIT;
CREATE FUNCTION lakehouse.enc_timestamptz(timestamptz, integer, boolean) RETURNS lakehouse.enc_timestamptz
	AS 'MODULE_PATHNAME', 'lakehouse_enc_from'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_timestamptz(timestamptz, integer, boolean) IS
	'A value encrypted for a column';

CREATE CAST (timestamptz AS lakehouse.enc_timestamptz) WITH FUNCTION lakehouse.enc_timestamptz(timestamptz, integer, boolean) AS IMPLICIT;
CREATE FUNCTION lakehouse.encrypt(value timestamptz, domain text, searchable boolean DEFAULT false) RETURNS lakehouse.enc_timestamptz
	AS 'MODULE_PATHNAME', 'lakehouse_encrypt'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.encrypt(timestamptz, text, boolean) IS
	'A value encrypted in a domain; takes the right "encrypt" there';

CREATE FUNCTION lakehouse.decrypt(value lakehouse.enc_timestamptz) RETURNS timestamptz
	AS 'MODULE_PATHNAME', 'lakehouse_decrypt'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.decrypt(lakehouse.enc_timestamptz) IS
	'The value itself; takes the right "decrypt" in its domain';

CREATE FUNCTION lakehouse.encryption_version(value lakehouse.enc_timestamptz) RETURNS integer
	AS 'MODULE_PATHNAME', 'lakehouse_enc_key_version'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.encryption_version(lakehouse.enc_timestamptz) IS
	'The version of the key that a value is under';

CREATE FUNCTION lakehouse.enc_stale(value lakehouse.enc_timestamptz) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_stale'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_stale(lakehouse.enc_timestamptz) IS
	'Is a value under an older version of its key than the newest?';

CREATE FUNCTION lakehouse.enc_renew(value lakehouse.enc_timestamptz) RETURNS lakehouse.enc_timestamptz
	AS 'MODULE_PATHNAME', 'lakehouse_enc_renew'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_renew(lakehouse.enc_timestamptz) IS
	'The same value under the newest version of its key';

CREATE FUNCTION lakehouse.search(value timestamptz, domain text) RETURNS lakehouse.enc_timestamptz
	AS 'MODULE_PATHNAME', 'lakehouse_search'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.search(timestamptz, text) IS
	'What columns of a domain are compared with to find a value; takes the right "search" there';

CREATE FUNCTION lakehouse.enc_search(value lakehouse.enc_timestamptz, modifier integer) RETURNS lakehouse.enc_timestamptz
	AS 'MODULE_PATHNAME', 'lakehouse_enc_search'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_search(lakehouse.enc_timestamptz, integer) IS
	'What a constant is in a comparison with a column; takes the right "search" in the column''s domain';

CREATE FUNCTION lakehouse.enc_search(value timestamptz, modifier integer) RETURNS lakehouse.enc_timestamptz
	AS 'MODULE_PATHNAME', 'lakehouse_enc_search_plain'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_search(timestamptz, integer) IS
	'What a value is in a comparison with a column; takes the right "search" in the column''s domain';

CREATE FUNCTION lakehouse.enc_eq(lakehouse.enc_timestamptz, lakehouse.enc_timestamptz) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_eq'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE SUPPORT lakehouse.enc_eq_support;
COMMENT ON FUNCTION lakehouse.enc_eq(lakehouse.enc_timestamptz, lakehouse.enc_timestamptz) IS
	'Are two values equal?';

CREATE FUNCTION lakehouse.enc_ne(lakehouse.enc_timestamptz, lakehouse.enc_timestamptz) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_ne'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE SUPPORT lakehouse.enc_eq_support;
COMMENT ON FUNCTION lakehouse.enc_ne(lakehouse.enc_timestamptz, lakehouse.enc_timestamptz) IS
	'Are two values different?';

CREATE FUNCTION lakehouse.enc_lt(lakehouse.enc_timestamptz, lakehouse.enc_timestamptz) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_lt'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_lt(lakehouse.enc_timestamptz, lakehouse.enc_timestamptz) IS
	'In the order of indexes, which is no order of values';

CREATE FUNCTION lakehouse.enc_le(lakehouse.enc_timestamptz, lakehouse.enc_timestamptz) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_le'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_le(lakehouse.enc_timestamptz, lakehouse.enc_timestamptz) IS
	'In the order of indexes, which is no order of values';

CREATE FUNCTION lakehouse.enc_ge(lakehouse.enc_timestamptz, lakehouse.enc_timestamptz) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_ge'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_ge(lakehouse.enc_timestamptz, lakehouse.enc_timestamptz) IS
	'In the order of indexes, which is no order of values';

CREATE FUNCTION lakehouse.enc_gt(lakehouse.enc_timestamptz, lakehouse.enc_timestamptz) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_gt'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_gt(lakehouse.enc_timestamptz, lakehouse.enc_timestamptz) IS
	'In the order of indexes, which is no order of values';

CREATE FUNCTION lakehouse.enc_cmp(lakehouse.enc_timestamptz, lakehouse.enc_timestamptz) RETURNS integer
	AS 'MODULE_PATHNAME', 'lakehouse_enc_cmp'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_cmp(lakehouse.enc_timestamptz, lakehouse.enc_timestamptz) IS
	'In the order of indexes, which is no order of values';

CREATE FUNCTION lakehouse.enc_hash(lakehouse.enc_timestamptz) RETURNS integer
	AS 'MODULE_PATHNAME', 'lakehouse_enc_hash'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_hash(lakehouse.enc_timestamptz) IS
	'For hash indexes and joins';

CREATE FUNCTION lakehouse.enc_hash_extended(lakehouse.enc_timestamptz, bigint) RETURNS bigint
	AS 'MODULE_PATHNAME', 'lakehouse_enc_hash_extended'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_hash_extended(lakehouse.enc_timestamptz, bigint) IS
	'For hash indexes and joins';


CREATE OPERATOR lakehouse.= (FUNCTION = lakehouse.enc_eq, LEFTARG = lakehouse.enc_timestamptz, RIGHTARG = lakehouse.enc_timestamptz, COMMUTATOR = OPERATOR(lakehouse.=), NEGATOR = OPERATOR(lakehouse.<>),
	RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES);
CREATE OPERATOR lakehouse.<> (FUNCTION = lakehouse.enc_ne, LEFTARG = lakehouse.enc_timestamptz, RIGHTARG = lakehouse.enc_timestamptz, COMMUTATOR = OPERATOR(lakehouse.<>), NEGATOR = OPERATOR(lakehouse.=),
	RESTRICT = neqsel, JOIN = neqjoinsel);
CREATE OPERATOR lakehouse.#<# (FUNCTION = lakehouse.enc_lt, LEFTARG = lakehouse.enc_timestamptz, RIGHTARG = lakehouse.enc_timestamptz, COMMUTATOR = OPERATOR(lakehouse.#>#), NEGATOR = OPERATOR(lakehouse.#>=#));
CREATE OPERATOR lakehouse.#<=# (FUNCTION = lakehouse.enc_le, LEFTARG = lakehouse.enc_timestamptz, RIGHTARG = lakehouse.enc_timestamptz, COMMUTATOR = OPERATOR(lakehouse.#>=#), NEGATOR = OPERATOR(lakehouse.#>#));
CREATE OPERATOR lakehouse.#>=# (FUNCTION = lakehouse.enc_ge, LEFTARG = lakehouse.enc_timestamptz, RIGHTARG = lakehouse.enc_timestamptz, COMMUTATOR = OPERATOR(lakehouse.#<=#), NEGATOR = OPERATOR(lakehouse.#<#));
CREATE OPERATOR lakehouse.#># (FUNCTION = lakehouse.enc_gt, LEFTARG = lakehouse.enc_timestamptz, RIGHTARG = lakehouse.enc_timestamptz, COMMUTATOR = OPERATOR(lakehouse.#<#), NEGATOR = OPERATOR(lakehouse.#<=#));
CREATE OPERATOR CLASS lakehouse.enc_timestamptz_ops DEFAULT FOR TYPE lakehouse.enc_timestamptz USING btree AS
	OPERATOR 1 lakehouse.#<#, OPERATOR 2 lakehouse.#<=#, OPERATOR 3 lakehouse.=, OPERATOR 4 lakehouse.#>=#, OPERATOR 5 lakehouse.#>#,
	FUNCTION 1 lakehouse.enc_cmp(lakehouse.enc_timestamptz, lakehouse.enc_timestamptz);
CREATE OPERATOR CLASS lakehouse.enc_timestamptz_hash_ops DEFAULT FOR TYPE lakehouse.enc_timestamptz USING hash AS
	OPERATOR 1 lakehouse.=, FUNCTION 1 lakehouse.enc_hash(lakehouse.enc_timestamptz), FUNCTION 2 lakehouse.enc_hash_extended(lakehouse.enc_timestamptz, bigint);

-- ---- enc_jsonb

CREATE TYPE lakehouse.enc_jsonb;
CREATE FUNCTION lakehouse.enc_jsonb_in(cstring, oid, integer) RETURNS lakehouse.enc_jsonb
	AS 'MODULE_PATHNAME', 'lakehouse_enc_in'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_jsonb_in(cstring, oid, integer) IS
	'Input of type enc_jsonb: encrypts';

CREATE FUNCTION lakehouse.enc_jsonb_out(lakehouse.enc_jsonb) RETURNS cstring
	AS 'MODULE_PATHNAME', 'lakehouse_enc_out'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_jsonb_out(lakehouse.enc_jsonb) IS
	'Output of type enc_jsonb: armoured, or decrypted for who may';

CREATE FUNCTION lakehouse.enc_jsonb_recv(internal, oid, integer) RETURNS lakehouse.enc_jsonb
	AS 'MODULE_PATHNAME', 'lakehouse_enc_recv'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_jsonb_recv(internal, oid, integer) IS
	'Binary input of type enc_jsonb: text, encrypted or to be';

CREATE FUNCTION lakehouse.enc_jsonb_send(lakehouse.enc_jsonb) RETURNS bytea
	AS 'MODULE_PATHNAME', 'lakehouse_enc_send'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_jsonb_send(lakehouse.enc_jsonb) IS
	'Binary output of type enc_jsonb: the text of its output';

CREATE TYPE lakehouse.enc_jsonb (
	INPUT = lakehouse.enc_jsonb_in, OUTPUT = lakehouse.enc_jsonb_out, RECEIVE = lakehouse.enc_jsonb_recv, SEND = lakehouse.enc_jsonb_send,
	TYPMOD_IN = lakehouse.enc_typmod_in, TYPMOD_OUT = lakehouse.enc_typmod_out, ANALYZE = lakehouse.enc_analyze,
	INTERNALLENGTH = VARIABLE, ALIGNMENT = int4, STORAGE = external
);
COMMENT ON TYPE lakehouse.enc_jsonb IS 'A jsonb that is encrypted wherever it is kept: enc_jsonb(''domain'')';
CREATE FUNCTION lakehouse.enc_jsonb(lakehouse.enc_jsonb, integer, boolean) RETURNS lakehouse.enc_jsonb
	AS 'MODULE_PATHNAME', 'lakehouse_enc_cast'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_jsonb(lakehouse.enc_jsonb, integer, boolean) IS
	'A value under the key of a column''s domain';

CREATE CAST (lakehouse.enc_jsonb AS lakehouse.enc_jsonb) WITH FUNCTION lakehouse.enc_jsonb(lakehouse.enc_jsonb, integer, boolean) AS IMPLICIT;
CREATE FUNCTION lakehouse.enc_jsonb(jsonb, integer, boolean) RETURNS lakehouse.enc_jsonb
	AS 'MODULE_PATHNAME', 'lakehouse_enc_from'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_jsonb(jsonb, integer, boolean) IS
	'A value encrypted for a column';

CREATE CAST (jsonb AS lakehouse.enc_jsonb) WITH FUNCTION lakehouse.enc_jsonb(jsonb, integer, boolean) AS IMPLICIT;
CREATE FUNCTION lakehouse.encrypt(value jsonb, domain text, searchable boolean DEFAULT false) RETURNS lakehouse.enc_jsonb
	AS 'MODULE_PATHNAME', 'lakehouse_encrypt'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.encrypt(jsonb, text, boolean) IS
	'A value encrypted in a domain; takes the right "encrypt" there';

CREATE FUNCTION lakehouse.decrypt(value lakehouse.enc_jsonb) RETURNS jsonb
	AS 'MODULE_PATHNAME', 'lakehouse_decrypt'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.decrypt(lakehouse.enc_jsonb) IS
	'The value itself; takes the right "decrypt" in its domain';

CREATE FUNCTION lakehouse.encryption_version(value lakehouse.enc_jsonb) RETURNS integer
	AS 'MODULE_PATHNAME', 'lakehouse_enc_key_version'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.encryption_version(lakehouse.enc_jsonb) IS
	'The version of the key that a value is under';

CREATE FUNCTION lakehouse.enc_stale(value lakehouse.enc_jsonb) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_stale'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_stale(lakehouse.enc_jsonb) IS
	'Is a value under an older version of its key than the newest?';

CREATE FUNCTION lakehouse.enc_renew(value lakehouse.enc_jsonb) RETURNS lakehouse.enc_jsonb
	AS 'MODULE_PATHNAME', 'lakehouse_enc_renew'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_renew(lakehouse.enc_jsonb) IS
	'The same value under the newest version of its key';

