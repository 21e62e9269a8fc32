-- The rows of a query as a Parquet file.  It runs with the rights and the search_path
-- of its caller, so it has none of its own.
CREATE FUNCTION lakehouse.write_parquet(query text, location text, options jsonb DEFAULT NULL, server name DEFAULT NULL,
	OUT rows bigint, OUT bytes bigint, OUT row_groups int) RETURNS record
	AS 'MODULE_PATHNAME', 'lakehouse_write_parquet'
	LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION lakehouse.write_parquet(text, text, jsonb, name) IS
	'Write the rows of a query to a Parquet file: SELECT * FROM lakehouse.write_parquet(''TABLE t'', ''/dir/t.parquet'')';

REVOKE ALL ON FUNCTION lakehouse.write_parquet(text, text, jsonb, name) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lakehouse.write_parquet(text, text, jsonb, name) TO pg_write_server_files;
