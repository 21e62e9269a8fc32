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

CREATE FUNCTION lakehouse.enc_value_stale(value anyelement) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_enc_value_stale'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.enc_value_stale(anyelement) IS
	'Is an encrypted value in it, within arrays and composite types too, under an older version of its key than the newest?';

CREATE FUNCTION lakehouse.enc_row_renew(value anyelement, relation oid, place tid) RETURNS anyelement
	AS 'MODULE_PATHNAME', 'lakehouse_enc_row_renew'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.enc_row_renew(anyelement, oid, tid) IS
	'The same value, encrypted ones in it under the newest versions of their keys; errors name the row';

-- What is encrypted anew: by sessions that call lakehouse.encryption_rotate, or by the worker.  Of this server, so it is not dumped.
CREATE TABLE lakehouse.encryption_jobs (
	job bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	relation oid NOT NULL,
	"column" text NOT NULL,
	role oid NOT NULL,
	state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused', 'cancelled', 'failed', 'finished')),
	background boolean NOT NULL,
	rows_per_second integer NOT NULL DEFAULT 0,
	blocks integer NOT NULL DEFAULT 64,
	pid integer,
	started timestamptz NOT NULL DEFAULT clock_timestamp(),
	updated timestamptz NOT NULL DEFAULT clock_timestamp(),
	ended timestamptz,
	retries integer NOT NULL DEFAULT 0,
	retry_at timestamptz,
	error text,
	passes integer NOT NULL DEFAULT 0,
	blocks_total bigint NOT NULL DEFAULT 0,
	blocks_done bigint NOT NULL DEFAULT 0,
	rows_done bigint NOT NULL DEFAULT 0,
	rows_left bigint,
	version_from integer,
	version_to integer
);
COMMENT ON TABLE lakehouse.encryption_jobs IS
	'Rotations of encrypted columns: view lakehouse.encryption_progress shows them';
CREATE UNIQUE INDEX encryption_jobs_open ON lakehouse.encryption_jobs (relation, "column") WHERE ended IS NULL;

CREATE PROCEDURE lakehouse.encryption_rotate(relation regclass, "column" name, blocks integer DEFAULT 64)
	AS 'MODULE_PATHNAME', 'lakehouse_encryption_rotate'
	LANGUAGE C;
COMMENT ON PROCEDURE lakehouse.encryption_rotate(regclass, name, integer) IS
	'Encrypt the values of a column anew that are not under the newest version of their key; goes on where it was stopped';

CREATE FUNCTION lakehouse.encryption_rotation_start(relation regclass, "column" name DEFAULT NULL, rows_per_second integer DEFAULT 0,
	blocks integer DEFAULT 64, OUT job bigint) RETURNS SETOF bigint
	AS 'MODULE_PATHNAME', 'lakehouse_rotation_start'
	LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION lakehouse.encryption_rotation_start(regclass, name, integer, integer) IS
	'Have a worker encrypt the values of a column, or of all of a table''s, anew: a job for each';

CREATE FUNCTION lakehouse.encryption_rotation_start_key(key text, rows_per_second integer DEFAULT 0, blocks integer DEFAULT 64,
	OUT job bigint) RETURNS SETOF bigint
	AS 'MODULE_PATHNAME', 'lakehouse_rotation_start_key'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION lakehouse.encryption_rotation_start_key(text, integer, integer) IS
	'Likewise all columns that have values under an older version of a key; reads the tables';

CREATE FUNCTION lakehouse.encryption_rotation_pause(job bigint) RETURNS void
	AS 'MODULE_PATHNAME', 'lakehouse_rotation_pause'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION lakehouse.encryption_rotation_pause(bigint) IS
	'A rotation stops after its present batch, until it is resumed';

CREATE FUNCTION lakehouse.encryption_rotation_resume(job bigint) RETURNS void
	AS 'MODULE_PATHNAME', 'lakehouse_rotation_resume'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION lakehouse.encryption_rotation_resume(bigint) IS
	'The worker goes on with a rotation that was paused or stopped';

CREATE FUNCTION lakehouse.encryption_rotation_cancel(job bigint) RETURNS void
	AS 'MODULE_PATHNAME', 'lakehouse_rotation_cancel'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION lakehouse.encryption_rotation_cancel(bigint) IS
	'A rotation ends after its present batch; what is done stays done';

CREATE VIEW lakehouse.encryption_progress AS
	SELECT j.job, j.relation::pg_catalog.regclass AS relation, j."column",
		CASE WHEN j.state <> 'active' THEN j.state
			WHEN EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.locktype = 'object' AND l.pid = j.pid AND l.granted
				AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
				AND l.classid = 'lakehouse.encryption_jobs'::pg_catalog.regclass AND l.objid = j.relation) THEN 'running'
			WHEN NOT j.background THEN 'stopped'
			WHEN j.retry_at > pg_catalog.clock_timestamp() THEN 'waiting'
			ELSE 'queued' END AS state,
		j.background, pg_catalog.pg_get_userbyid(j.role) AS role, j.pid, j.rows_done, j.rows_left, j.version_from, j.version_to, j.error,
		j.passes, j.blocks_total, j.blocks_done, j.rows_per_second, j.started, j.updated, j.ended
	FROM lakehouse.encryption_jobs j;
COMMENT ON VIEW lakehouse.encryption_progress IS
	'How far rotations of encrypted columns are; rows left are those that were counted when the present pass began, without those done since';
REVOKE ALL ON TABLE lakehouse.encryption_jobs, lakehouse.encryption_progress FROM PUBLIC;
REVOKE ALL ON ROUTINE lakehouse.encryption_status(regclass, name), lakehouse.encryption_rotate(regclass, name, integer),
	lakehouse.encryption_rotation_start(regclass, name, integer, integer), lakehouse.encryption_rotation_start_key(text, integer, integer),
	lakehouse.encryption_rotation_pause(bigint), lakehouse.encryption_rotation_resume(bigint),
	lakehouse.encryption_rotation_cancel(bigint) FROM PUBLIC;
