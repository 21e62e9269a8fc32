-- Change streams: what the output plugin "lakehouse" understands, whether the server
-- is ready for it, and which columns leave it masked.
CREATE FUNCTION lakehouse.cdc_options(
	OUT name text, OUT type text, OUT "default" text, OUT choices text[], OUT formats text, OUT summary text,
	OUT avoids text) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_cdc_options'
	LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 60;
COMMENT ON FUNCTION lakehouse.cdc_options() IS
	'Options of a change stream, and the failure that each avoids';

CREATE FUNCTION lakehouse.cdc_formats(OUT name text, OUT kind text, OUT summary text) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_cdc_formats'
	LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 10;
COMMENT ON FUNCTION lakehouse.cdc_formats() IS
	'Formats of a change stream';

CREATE FUNCTION lakehouse.cdc_setup(fix boolean DEFAULT false,
	OUT "check" text, OUT state text, OUT detail text, OUT remedy text) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_cdc_setup'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE ROWS 10;
COMMENT ON FUNCTION lakehouse.cdc_setup(boolean) IS
	'Whether change streams can be had here, and what to do where not';

-- Masks hold for tables by their oid and for columns by their number, so that they
-- hold for changes of the past, too; column_name is the name when the mask was set.
CREATE TABLE lakehouse.cdc_masks (
	relation regclass NOT NULL,
	attnum smallint NOT NULL CHECK (attnum > 0),
	column_name name NOT NULL,
	mask text NOT NULL,
	PRIMARY KEY (relation, attnum)
);
COMMENT ON TABLE lakehouse.cdc_masks IS
	'Masks of columns in change streams: lakehouse.cdc_mask_set and lakehouse.cdc_mask_drop';
SELECT pg_catalog.pg_extension_config_dump('lakehouse.cdc_masks', '');

-- They write the table whoever was granted them.
CREATE FUNCTION lakehouse.cdc_mask_set(relation regclass, "column" name, mask text) RETURNS void
	AS 'MODULE_PATHNAME', 'lakehouse_cdc_mask_set'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION lakehouse.cdc_mask_set(regclass, name, text) IS
	'Mask a column in all change streams: null, constant:TEXT, truncate:N or hash';

CREATE FUNCTION lakehouse.cdc_mask_drop(relation regclass, "column" name) RETURNS void
	AS 'MODULE_PATHNAME', 'lakehouse_cdc_mask_drop'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION lakehouse.cdc_mask_drop(regclass, name) IS
	'Stream a column as it is again';

REVOKE ALL ON FUNCTION
	lakehouse.cdc_mask_set(regclass, name, text),
	lakehouse.cdc_mask_drop(regclass, name)
	FROM PUBLIC;

-- Snapshots: what tables have already, as the stream would say it.
CREATE FUNCTION lakehouse.cdc_row("row" record, options text[]) RETURNS bytea
	AS 'MODULE_PATHNAME', 'lakehouse_cdc_row'
	LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100;
COMMENT ON FUNCTION lakehouse.cdc_row(record, text[]) IS
	'A row of a table as a batch of frames, as a change stream with these options would have it; NULL: it would not';

CREATE FUNCTION lakehouse.cdc_snapshot_tables(options text[], OUT relation oid, OUT schema_name text, OUT table_name text,
	OUT blocks bigint, OUT estimated_rows bigint, OUT key_columns text[], OUT key_types text[], OUT method text,
	OUT reason text, OUT published oid) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_cdc_snapshot_tables'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE ROWS 100;
COMMENT ON FUNCTION lakehouse.cdc_snapshot_tables(text[]) IS
	'Tables whose rows a change stream with these options carries, how large they are, and how they can be read beside it; locks them in ACCESS SHARE MODE';

CREATE FUNCTION lakehouse.cdc_schemas(options text[], tables regclass[] DEFAULT NULL,
	OUT format text, OUT relation regclass, OUT part text, OUT fingerprint bytea, OUT schema text) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_cdc_schemas'
	LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 100;
COMMENT ON FUNCTION lakehouse.cdc_schemas(text[], regclass[]) IS
	'Schemas of the keys and values of a change stream with these options, by the fingerprints that stand in its messages; of all its tables, or of some';

-- How far snapshots are.  Clients write it by the functions below; what it says is of
-- this server's slots, and is not dumped.
CREATE TABLE lakehouse.cdc_snapshots (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	slot name NOT NULL,
	relation oid NOT NULL,
	schema_name text NOT NULL,
	table_name text NOT NULL,
	method text CHECK (method IN ('initial', 'key', 'barrier')),
	fallback text CHECK (fallback IN ('key', 'barrier')),
	predicate text,
	state text NOT NULL CHECK (state IN ('waiting', 'reading', 'done', 'failed', 'cancelled')),
	point pg_lsn,
	first_unit bigint,
	units bigint,
	unit_blocks bigint,
	blocks bigint CHECK (blocks >= 0),
	last_key text[],
	pending text[],
	chunks bigint NOT NULL DEFAULT 0,
	rows bigint NOT NULL DEFAULT 0,
	created timestamptz NOT NULL DEFAULT pg_catalog.now(),
	updated timestamptz NOT NULL DEFAULT pg_catalog.now(),
	error text
);
COMMENT ON TABLE lakehouse.cdc_snapshots IS
	'Snapshots of tables for change streams: lakehouse.cdc_snapshot_start and its like';
CREATE INDEX cdc_snapshots_slot ON lakehouse.cdc_snapshots (slot);

CREATE FUNCTION lakehouse.cdc_snapshot_plan(slot name, point pg_lsn, unit_blocks bigint, tables oid[], blocks bigint[],
	schemas text[], names text[], methods text[]) RETURNS SETOF lakehouse.cdc_snapshots
	AS 'MODULE_PATHNAME', 'lakehouse_cdc_snapshot_plan'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION lakehouse.cdc_snapshot_plan(name, pg_lsn, bigint, oid[], bigint[], text[], text[], text[]) IS
	'Begin the initial snapshot of a slot: its tables in place of all that was there for the slot, in units of so many blocks';

CREATE FUNCTION lakehouse.cdc_snapshot_state(slot name) RETURNS SETOF lakehouse.cdc_snapshots
	AS 'MODULE_PATHNAME', 'lakehouse_cdc_snapshot_state'
	LANGUAGE C STABLE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION lakehouse.cdc_snapshot_state(name) IS
	'Snapshots of a slot, and how far they are';

CREATE FUNCTION lakehouse.cdc_snapshot_note(id bigint, state text, method text, point pg_lsn, last_key text[], chunks bigint,
	rows bigint, error text, pending text[] DEFAULT NULL) RETURNS void
	AS 'MODULE_PATHNAME', 'lakehouse_cdc_snapshot_note'
	LANGUAGE C VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION lakehouse.cdc_snapshot_note(bigint, text, text, pg_lsn, text[], bigint, bigint, text, text[]) IS
	'Note how far a snapshot is; NULL: as it was.  The state of a cancelled one stays';

CREATE FUNCTION lakehouse.cdc_snapshot_start(slot name, relation regclass, predicate text DEFAULT NULL) RETURNS bigint
	AS 'MODULE_PATHNAME', 'lakehouse_cdc_snapshot_start'
	LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION lakehouse.cdc_snapshot_start(name, regclass, text) IS
	'Have the client of a slot read a table, or the rows of it that a condition chooses, again; the number of the snapshot, the first of one for each partition';

CREATE FUNCTION lakehouse.cdc_snapshot_cancel(slot name, id bigint) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_cdc_snapshot_cancel'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION lakehouse.cdc_snapshot_cancel(name, bigint) IS
	'End a snapshot that waits or goes on; false: there is none';

CREATE FUNCTION lakehouse.cdc_snapshot_forget(slot name) RETURNS void
	AS 'MODULE_PATHNAME', 'lakehouse_cdc_snapshot_forget'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION lakehouse.cdc_snapshot_forget(name) IS
	'Forget the snapshots of a slot that is gone';

-- What commands define, in the stream.  Event triggers run with the rights of whoever runs
-- the command, and need no right to the function.
CREATE FUNCTION lakehouse.cdc_ddl_event() RETURNS event_trigger
	AS 'MODULE_PATHNAME', 'lakehouse_cdc_ddl_event'
	LANGUAGE C;
COMMENT ON FUNCTION lakehouse.cdc_ddl_event() IS
	'Event trigger: tells change streams which tables and types a command defined';

CREATE FUNCTION lakehouse.cdc_ddl_enable() RETURNS void
	AS 'MODULE_PATHNAME', 'lakehouse_cdc_ddl_enable'
	LANGUAGE C VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION lakehouse.cdc_ddl_enable() IS
	'Log commands that define tables and types, for change streams with the option ddl';

CREATE FUNCTION lakehouse.cdc_ddl_disable() RETURNS void
	AS 'MODULE_PATHNAME', 'lakehouse_cdc_ddl_disable'
	LANGUAGE C VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION lakehouse.cdc_ddl_disable() IS
	'Log them no longer';

REVOKE ALL ON FUNCTION
	lakehouse.cdc_ddl_event(),
	lakehouse.cdc_ddl_enable(),
	lakehouse.cdc_ddl_disable()
	FROM PUBLIC;

CREATE FUNCTION lakehouse.cdc_ddl_status(OUT event text, OUT event_trigger name, OUT state text, OUT remedy text)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_cdc_ddl_status'
	LANGUAGE C STABLE PARALLEL SAFE ROWS 4;
COMMENT ON FUNCTION lakehouse.cdc_ddl_status() IS
	'Whether commands are logged for change streams, and what to do where not';
