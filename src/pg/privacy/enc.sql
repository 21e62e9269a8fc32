-- Encrypted columns (docs/encrypted_columns.md): what all types share.  enc_types.sql has the types and their functions, which
-- everybody may call: the domain's rights decide.

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
