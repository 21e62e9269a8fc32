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
