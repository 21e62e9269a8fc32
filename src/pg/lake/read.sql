-- Rows of files without a table.  Planned in place (the support function loads the
-- library in time), so that columns, conditions and LIMIT reach the reader.
CREATE FUNCTION lakehouse.read_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'lakehouse_read_support'
	LANGUAGE C STRICT;
COMMENT ON FUNCTION lakehouse.read_support(internal) IS 'Planner support of lakehouse.read';

CREATE FUNCTION lakehouse.read(location text, options jsonb DEFAULT NULL, server name DEFAULT NULL)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_read'
	LANGUAGE C STABLE PARALLEL SAFE ROWS 1000 COST 1000 SUPPORT lakehouse.read_support;
COMMENT ON FUNCTION lakehouse.read(text, jsonb, name) IS
	'Rows of the files of a location: SELECT * FROM lakehouse.read(''/dir/*.parquet'') AS t(a int, b text)';

CREATE FUNCTION lakehouse.read(rowtype anyelement, location text, options jsonb DEFAULT NULL, server name DEFAULT NULL)
	RETURNS SETOF anyelement
	AS 'MODULE_PATHNAME', 'lakehouse_read_rowtype'
	LANGUAGE C STABLE PARALLEL SAFE ROWS 1000 COST 1000 SUPPORT lakehouse.read_support;
COMMENT ON FUNCTION lakehouse.read(anyelement, text, jsonb, name) IS
	'Rows of the files of a location as a table''s or composite type''s: SELECT * FROM lakehouse.read(NULL::my_table, ''/dir'')';

REVOKE ALL ON FUNCTION
	lakehouse.read_support(internal),
	lakehouse.read(text, jsonb, name),
	lakehouse.read(anyelement, text, jsonb, name)
	FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
	lakehouse.read(text, jsonb, name),
	lakehouse.read(anyelement, text, jsonb, name)
	TO pg_read_server_files;
