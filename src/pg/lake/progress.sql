-- Scans that run, of all databases.  Functions below a view are called with the
-- rights of who selects from it, so PUBLIC may call this one; it shows the location
-- to those alone who see the query in pg_stat_activity.
CREATE FUNCTION lakehouse.running_scans(
	OUT pid integer,
	OUT datid oid,
	OUT usesysid oid,
	OUT relid oid,
	OUT scan_location text,
	OUT started_at timestamptz,
	OUT files_total bigint,
	OUT files_done bigint,
	OUT row_groups_done bigint,
	OUT rows_scanned bigint,
	OUT bytes_read bigint,
	OUT percent double precision) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_running_scans'
	LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 10;
COMMENT ON FUNCTION lakehouse.running_scans() IS
	'What lakehouse.scan_progress shows';

CREATE VIEW lakehouse.scan_progress AS
	SELECT s.pid, s.datid, d.datname, r.rolname AS usename, s.relid, s.scan_location AS location, s.started_at,
		s.files_total, s.files_done, s.row_groups_done, s.rows_scanned, s.bytes_read, s.percent
	FROM lakehouse.running_scans() s
		LEFT JOIN pg_catalog.pg_database d ON d.oid OPERATOR(pg_catalog.=) s.datid
		LEFT JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) s.usesysid;
COMMENT ON VIEW lakehouse.scan_progress IS
	'How far the scans of lake tables are; needs shared_preload_libraries';
GRANT SELECT ON lakehouse.scan_progress TO PUBLIC;
