-- Encrypted columns (docs/encrypted_columns.md): what all types share, and enc_text.  enc_types.sql has the others.

CREATE FUNCTION lakehouse.enc_typmod_in(cstring[]) RETURNS integer
	AS 'MODULE_PATHNAME', 'lakehouse_enc_typmod_in'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_typmod_in(cstring[]) IS
	'Modifiers of encrypted types: the domain, and whether values can be searched for';

CREATE FUNCTION lakehouse.enc_typmod_out(integer) RETURNS cstring
	AS 'MODULE_PATHNAME', 'lakehouse_enc_typmod_out'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_typmod_out(integer) IS
	'Modifiers of encrypted types as they are written';

CREATE FUNCTION lakehouse.enc_analyze(internal) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_analyze'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION lakehouse.enc_analyze(internal) IS
	'Statistics of encrypted columns';

CREATE FUNCTION lakehouse.enc_eq_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'lakehouse_enc_eq_support'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_eq_support(internal) IS
	'Puts what is searched for in the place of constants';

CREATE FUNCTION lakehouse.encryption_status(relation regclass, "column" name, OUT domain text, OUT form text, OUT key text,
	OUT version integer, OUT search_version integer, OUT current boolean, OUT "values" bigint) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_encryption_status'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE ROWS 5 COST 100000;
COMMENT ON FUNCTION lakehouse.encryption_status(regclass, name) IS
	'How many values of a column are under which version of their key; reads the table';

-- What lakehouse.encryption_rotate has done and does; of this server, so it is not dumped.
CREATE TABLE lakehouse.encryption_jobs (
	job bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	relation oid NOT NULL,
	"column" text NOT NULL,
	pid integer NOT NULL,
	started timestamptz NOT NULL,
	updated timestamptz NOT NULL,
	ended timestamptz,
	passes integer NOT NULL,
	blocks_total bigint NOT NULL,
	blocks_done bigint NOT NULL,
	values_done bigint NOT NULL
);
COMMENT ON TABLE lakehouse.encryption_jobs IS
	'Runs of lakehouse.encryption_rotate: view lakehouse.encryption_progress shows them';

CREATE PROCEDURE lakehouse.encryption_rotate(relation regclass, "column" name, blocks integer DEFAULT 64)
	AS 'MODULE_PATHNAME', 'lakehouse_encryption_rotate'
	LANGUAGE C;
COMMENT ON PROCEDURE lakehouse.encryption_rotate(regclass, name, integer) IS
	'Encrypt the values of a column anew that are not under the newest version of their key; goes on where it was stopped';

CREATE VIEW lakehouse.encryption_progress AS
	SELECT j.job, j.relation::pg_catalog.regclass AS relation, j."column",
		CASE WHEN j.ended IS NOT NULL THEN 'finished'
			WHEN EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.locktype = 'object' AND l.pid = j.pid AND l.granted
				AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
				AND l.classid = 'lakehouse.encryption_jobs'::pg_catalog.regclass AND l.objid = j.relation) THEN 'running'
			ELSE 'stopped' END AS state,
		j.pid, j.passes, j.blocks_total, j.blocks_done, j.values_done, j.started, j.updated, j.ended
	FROM lakehouse.encryption_jobs j;
COMMENT ON VIEW lakehouse.encryption_progress IS
	'How far lakehouse.encryption_rotate is; what was stopped goes on when it is called again';
REVOKE ALL ON TABLE lakehouse.encryption_jobs, lakehouse.encryption_progress FROM PUBLIC;
REVOKE ALL ON ROUTINE lakehouse.encryption_status(regclass, name), lakehouse.encryption_rotate(regclass, name, integer) FROM PUBLIC;

-- Everybody may call what follows; the domain's rights decide.

-- ---- enc_text

CREATE TYPE lakehouse.enc_text;
CREATE FUNCTION lakehouse.enc_text_in(cstring, oid, integer) RETURNS lakehouse.enc_text
	AS 'MODULE_PATHNAME', 'lakehouse_enc_in'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_text_in(cstring, oid, integer) IS
	'Input of type enc_text: encrypts';

CREATE FUNCTION lakehouse.enc_text_out(lakehouse.enc_text) RETURNS cstring
	AS 'MODULE_PATHNAME', 'lakehouse_enc_out'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_text_out(lakehouse.enc_text) IS
	'Output of type enc_text: armoured, or decrypted for who may';

CREATE FUNCTION lakehouse.enc_text_recv(internal, oid, integer) RETURNS lakehouse.enc_text
	AS 'MODULE_PATHNAME', 'lakehouse_enc_recv'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_text_recv(internal, oid, integer) IS
	'Binary input of type enc_text: text, encrypted or to be';

CREATE FUNCTION lakehouse.enc_text_send(lakehouse.enc_text) RETURNS bytea
	AS 'MODULE_PATHNAME', 'lakehouse_enc_send'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_text_send(lakehouse.enc_text) IS
	'Binary output of type enc_text: the text of its output';

CREATE TYPE lakehouse.enc_text (
	INPUT = lakehouse.enc_text_in, OUTPUT = lakehouse.enc_text_out, RECEIVE = lakehouse.enc_text_recv, SEND = lakehouse.enc_text_send,
	TYPMOD_IN = lakehouse.enc_typmod_in, TYPMOD_OUT = lakehouse.enc_typmod_out, ANALYZE = lakehouse.enc_analyze,
	INTERNALLENGTH = VARIABLE, ALIGNMENT = int4, STORAGE = external
);
COMMENT ON TYPE lakehouse.enc_text IS 'A text that is encrypted wherever it is kept: enc_text(''domain'')';
CREATE FUNCTION lakehouse.enc_text(lakehouse.enc_text, integer, boolean) RETURNS lakehouse.enc_text
	AS 'MODULE_PATHNAME', 'lakehouse_enc_cast'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_text(lakehouse.enc_text, integer, boolean) IS
	'A value under the key of a column''s domain';

CREATE CAST (lakehouse.enc_text AS lakehouse.enc_text) WITH FUNCTION lakehouse.enc_text(lakehouse.enc_text, integer, boolean) AS IMPLICIT;
CREATE FUNCTION lakehouse.enc_text(text, integer, boolean) RETURNS lakehouse.enc_text
	AS 'MODULE_PATHNAME', 'lakehouse_enc_from'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_text(text, integer, boolean) IS
	'A value encrypted for a column';

CREATE CAST (text AS lakehouse.enc_text) WITH FUNCTION lakehouse.enc_text(text, integer, boolean) AS IMPLICIT;
CREATE FUNCTION lakehouse.enc_text(varchar, integer, boolean) RETURNS lakehouse.enc_text
	AS 'MODULE_PATHNAME', 'lakehouse_enc_from'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_text(varchar, integer, boolean) IS
	'A value encrypted for a column';

CREATE CAST (varchar AS lakehouse.enc_text) WITH FUNCTION lakehouse.enc_text(varchar, integer, boolean) AS IMPLICIT;
CREATE FUNCTION lakehouse.encrypt(value text, domain text, searchable boolean DEFAULT false) RETURNS lakehouse.enc_text
	AS 'MODULE_PATHNAME', 'lakehouse_encrypt'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.encrypt(text, text, boolean) IS
	'A value encrypted in a domain; takes the right "encrypt" there';

CREATE FUNCTION lakehouse.decrypt(value lakehouse.enc_text) RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_decrypt'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.decrypt(lakehouse.enc_text) IS
	'The value itself; takes the right "decrypt" in its domain';

CREATE FUNCTION lakehouse.encryption_version(value lakehouse.enc_text) RETURNS integer
	AS 'MODULE_PATHNAME', 'lakehouse_enc_key_version'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.encryption_version(lakehouse.enc_text) IS
	'The version of the key that a value is under';

CREATE FUNCTION lakehouse.enc_stale(value lakehouse.enc_text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_stale'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_stale(lakehouse.enc_text) IS
	'Is a value under an older version of its key than the newest?';

CREATE FUNCTION lakehouse.enc_renew(value lakehouse.enc_text) RETURNS lakehouse.enc_text
	AS 'MODULE_PATHNAME', 'lakehouse_enc_renew'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_renew(lakehouse.enc_text) IS
	'The same value under the newest version of its key';

CREATE FUNCTION lakehouse.search(value text, domain text) RETURNS lakehouse.enc_text
	AS 'MODULE_PATHNAME', 'lakehouse_search'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.search(text, text) IS
	'What columns of a domain are compared with to find a value; takes the right "search" there';

CREATE FUNCTION lakehouse.enc_search(value lakehouse.enc_text, modifier integer) RETURNS lakehouse.enc_text
	AS 'MODULE_PATHNAME', 'lakehouse_enc_search'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_search(lakehouse.enc_text, integer) IS
	'What a constant is in a comparison with a column; takes the right "search" in the column''s domain';

CREATE FUNCTION lakehouse.enc_search(value text, modifier integer) RETURNS lakehouse.enc_text
	AS 'MODULE_PATHNAME', 'lakehouse_enc_search_plain'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_search(text, integer) IS
	'What a value is in a comparison with a column; takes the right "search" in the column''s domain';

CREATE FUNCTION lakehouse.enc_eq(lakehouse.enc_text, lakehouse.enc_text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_eq'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE SUPPORT lakehouse.enc_eq_support;
COMMENT ON FUNCTION lakehouse.enc_eq(lakehouse.enc_text, lakehouse.enc_text) IS
	'Are two values equal?';

CREATE FUNCTION lakehouse.enc_ne(lakehouse.enc_text, lakehouse.enc_text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_ne'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE SUPPORT lakehouse.enc_eq_support;
COMMENT ON FUNCTION lakehouse.enc_ne(lakehouse.enc_text, lakehouse.enc_text) IS
	'Are two values different?';

CREATE FUNCTION lakehouse.enc_lt(lakehouse.enc_text, lakehouse.enc_text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_lt'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_lt(lakehouse.enc_text, lakehouse.enc_text) IS
	'In the order of indexes, which is no order of values';

CREATE FUNCTION lakehouse.enc_le(lakehouse.enc_text, lakehouse.enc_text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_le'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_le(lakehouse.enc_text, lakehouse.enc_text) IS
	'In the order of indexes, which is no order of values';

CREATE FUNCTION lakehouse.enc_ge(lakehouse.enc_text, lakehouse.enc_text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_ge'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_ge(lakehouse.enc_text, lakehouse.enc_text) IS
	'In the order of indexes, which is no order of values';

CREATE FUNCTION lakehouse.enc_gt(lakehouse.enc_text, lakehouse.enc_text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_gt'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_gt(lakehouse.enc_text, lakehouse.enc_text) IS
	'In the order of indexes, which is no order of values';

CREATE FUNCTION lakehouse.enc_cmp(lakehouse.enc_text, lakehouse.enc_text) RETURNS integer
	AS 'MODULE_PATHNAME', 'lakehouse_enc_cmp'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_cmp(lakehouse.enc_text, lakehouse.enc_text) IS
	'In the order of indexes, which is no order of values';

CREATE FUNCTION lakehouse.enc_hash(lakehouse.enc_text) RETURNS integer
	AS 'MODULE_PATHNAME', 'lakehouse_enc_hash'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_hash(lakehouse.enc_text) IS
	'For hash indexes and joins';

CREATE FUNCTION lakehouse.enc_hash_extended(lakehouse.enc_text, bigint) RETURNS bigint
	AS 'MODULE_PATHNAME', 'lakehouse_enc_hash_extended'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_hash_extended(lakehouse.enc_text, bigint) IS
	'For hash indexes and joins';


CREATE OPERATOR lakehouse.= (FUNCTION = lakehouse.enc_eq, LEFTARG = lakehouse.enc_text, RIGHTARG = lakehouse.enc_text, COMMUTATOR = OPERATOR(lakehouse.=), NEGATOR = OPERATOR(lakehouse.<>),
	RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES);
CREATE OPERATOR lakehouse.<> (FUNCTION = lakehouse.enc_ne, LEFTARG = lakehouse.enc_text, RIGHTARG = lakehouse.enc_text, COMMUTATOR = OPERATOR(lakehouse.<>), NEGATOR = OPERATOR(lakehouse.=),
	RESTRICT = neqsel, JOIN = neqjoinsel);
CREATE OPERATOR lakehouse.#<# (FUNCTION = lakehouse.enc_lt, LEFTARG = lakehouse.enc_text, RIGHTARG = lakehouse.enc_text, COMMUTATOR = OPERATOR(lakehouse.#>#), NEGATOR = OPERATOR(lakehouse.#>=#));
CREATE OPERATOR lakehouse.#<=# (FUNCTION = lakehouse.enc_le, LEFTARG = lakehouse.enc_text, RIGHTARG = lakehouse.enc_text, COMMUTATOR = OPERATOR(lakehouse.#>=#), NEGATOR = OPERATOR(lakehouse.#>#));
CREATE OPERATOR lakehouse.#>=# (FUNCTION = lakehouse.enc_ge, LEFTARG = lakehouse.enc_text, RIGHTARG = lakehouse.enc_text, COMMUTATOR = OPERATOR(lakehouse.#<=#), NEGATOR = OPERATOR(lakehouse.#<#));
CREATE OPERATOR lakehouse.#># (FUNCTION = lakehouse.enc_gt, LEFTARG = lakehouse.enc_text, RIGHTARG = lakehouse.enc_text, COMMUTATOR = OPERATOR(lakehouse.#<#), NEGATOR = OPERATOR(lakehouse.#<=#));
CREATE OPERATOR CLASS lakehouse.enc_text_ops DEFAULT FOR TYPE lakehouse.enc_text USING btree AS
	OPERATOR 1 lakehouse.#<#, OPERATOR 2 lakehouse.#<=#, OPERATOR 3 lakehouse.=, OPERATOR 4 lakehouse.#>=#, OPERATOR 5 lakehouse.#>#,
	FUNCTION 1 lakehouse.enc_cmp(lakehouse.enc_text, lakehouse.enc_text);
CREATE OPERATOR CLASS lakehouse.enc_text_hash_ops DEFAULT FOR TYPE lakehouse.enc_text USING hash AS
	OPERATOR 1 lakehouse.=, FUNCTION 1 lakehouse.enc_hash(lakehouse.enc_text), FUNCTION 2 lakehouse.enc_hash_extended(lakehouse.enc_text, bigint);
