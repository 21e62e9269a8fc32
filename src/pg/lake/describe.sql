-- Functions that take a location check the caller's right to it.  They are
-- granted to the roles that have this right for every file of the server; whoever
-- grants them to others gives no more than a base directory allows.
CREATE FUNCTION lakehouse.list(location text, server name DEFAULT NULL,
	OUT path text, OUT size bigint, OUT modified timestamptz) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_list'
	LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 100 COST 1000;
COMMENT ON FUNCTION lakehouse.list(text, name) IS
	'Files of a location, in the order in which they are read';

CREATE FUNCTION lakehouse.ddl(location text, table_name text DEFAULT NULL, server name DEFAULT NULL,
	options jsonb DEFAULT NULL, types name DEFAULT NULL, pairs boolean DEFAULT false) RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_ddl'
	LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 1000 SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION lakehouse.ddl(text, text, name, jsonb, name, boolean) IS
	'CREATE FOREIGN TABLE for the files of a location';

CREATE FUNCTION lakehouse.create_types(location text, schema name, table_name text DEFAULT NULL,
	server name DEFAULT NULL, options jsonb DEFAULT NULL, pairs boolean DEFAULT false,
	OUT column_path text,
	OUT type_name text,
	OUT ddl text) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_create_types'
	LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000 SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION lakehouse.create_types(text, name, text, name, jsonb, boolean) IS
	'Creates composite types for the nested columns of a location';

CREATE FUNCTION lakehouse.parquet_metadata(location text, server name DEFAULT NULL,
	OUT file text,
	OUT size bigint,
	OUT num_rows bigint,
	OUT row_groups int,
	OUT columns int,
	OUT format_version int,
	OUT created_by text,
	OUT footer_size bigint,
	OUT has_column_orders boolean) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_parquet_metadata'
	LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 100 COST 1000;
COMMENT ON FUNCTION lakehouse.parquet_metadata(text, name) IS
	'Parquet files: size, rows, writer';

CREATE FUNCTION lakehouse.parquet_schema(location text, server name DEFAULT NULL,
	OUT file text,
	OUT column_path text,
	OUT name text,
	OUT depth int,
	OUT leaf int,
	OUT repetition text,
	OUT physical_type text,
	OUT type_length int,
	OUT converted_type text,
	OUT logical_type text,
	OUT decimal_precision int,
	OUT decimal_scale int,
	OUT field_id int,
	OUT children int,
	OUT max_definition_level int,
	OUT max_repetition_level int,
	OUT type text,
	OUT sql_type text) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_parquet_schema'
	LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 1000 COST 1000 SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION lakehouse.parquet_schema(text, name) IS
	'Schemas of Parquet files, one row a node; sql_type is what a column of a table would have';

CREATE FUNCTION lakehouse.parquet_row_groups(location text, server name DEFAULT NULL,
	OUT file text,
	OUT row_group int,
	OUT first_row bigint,
	OUT num_rows bigint,
	OUT uncompressed_size bigint,
	OUT compressed_size bigint,
	OUT sorted_by text) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_parquet_row_groups'
	LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 1000 COST 1000;
COMMENT ON FUNCTION lakehouse.parquet_row_groups(text, name) IS
	'Row groups of Parquet files; sorted_by is what their writer says';

CREATE FUNCTION lakehouse.parquet_column_chunks(location text, server name DEFAULT NULL,
	OUT file text,
	OUT row_group int,
	OUT leaf int,
	OUT column_path text,
	OUT physical_type text,
	OUT codec text,
	OUT encodings text[],
	OUT num_values bigint,
	OUT compressed_size bigint,
	OUT uncompressed_size bigint,
	OUT start_offset bigint,
	OUT dictionary_offset bigint,
	OUT data_offset bigint,
	OUT all_dictionary boolean,
	OUT has_statistics boolean,
	OUT has_column_index boolean,
	OUT has_offset_index boolean,
	OUT has_bloom_filter boolean,
	OUT bloom_filter_size bigint,
	OUT encrypted boolean) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_parquet_column_chunks'
	LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 10000 COST 1000;
COMMENT ON FUNCTION lakehouse.parquet_column_chunks(text, name) IS
	'Column chunks of Parquet files: encodings, sizes, and what helps to skip them';

CREATE FUNCTION lakehouse.parquet_statistics(location text, server name DEFAULT NULL,
	OUT file text,
	OUT row_group int,
	OUT leaf int,
	OUT column_path text,
	OUT type text,
	OUT num_values bigint,
	OUT nulls bigint,
	OUT distinct_values bigint,
	OUT nans bigint,
	OUT min text,
	OUT max text,
	OUT min_exact boolean,
	OUT max_exact boolean,
	OUT raw_min bytea,
	OUT raw_max bytea,
	OUT bounding_box jsonb,
	OUT geometry_types int[]) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_parquet_statistics'
	LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 10000 COST 1000;
COMMENT ON FUNCTION lakehouse.parquet_statistics(text, name) IS
	'Statistics of column chunks: min and max as pruning may use them, raw bytes as the file has them';

CREATE FUNCTION lakehouse.parquet_pages(location text, server name DEFAULT NULL,
	OUT file text,
	OUT row_group int,
	OUT leaf int,
	OUT column_path text,
	OUT page int,
	OUT page_type text,
	OUT encoding text,
	OUT definition_level_encoding text,
	OUT repetition_level_encoding text,
	OUT start_offset bigint,
	OUT header_size int,
	OUT compressed_size bigint,
	OUT uncompressed_size bigint,
	OUT num_values bigint,
	OUT num_rows bigint,
	OUT nulls bigint,
	OUT crc bigint,
	OUT first_row bigint,
	OUT min text,
	OUT max text) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_parquet_pages'
	LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 100000 COST 1000;
COMMENT ON FUNCTION lakehouse.parquet_pages(text, name) IS
	'Pages of column chunks, by their headers; first_row, min and max come from the page index';

CREATE FUNCTION lakehouse.parquet_key_values(location text, server name DEFAULT NULL,
	OUT file text,
	OUT row_group int,
	OUT column_path text,
	OUT key text,
	OUT value text) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_parquet_key_values'
	LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 100 COST 1000;
COMMENT ON FUNCTION lakehouse.parquet_key_values(text, name) IS
	'Key/value metadata of Parquet files, and of their column chunks where these have any';

REVOKE ALL ON FUNCTION
	lakehouse.list(text, name),
	lakehouse.ddl(text, text, name, jsonb, name, boolean),
	lakehouse.create_types(text, name, text, name, jsonb, boolean),
	lakehouse.parquet_metadata(text, name),
	lakehouse.parquet_schema(text, name),
	lakehouse.parquet_row_groups(text, name),
	lakehouse.parquet_column_chunks(text, name),
	lakehouse.parquet_statistics(text, name),
	lakehouse.parquet_pages(text, name),
	lakehouse.parquet_key_values(text, name)
	FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
	lakehouse.list(text, name),
	lakehouse.ddl(text, text, name, jsonb, name, boolean),
	lakehouse.create_types(text, name, text, name, jsonb, boolean),
	lakehouse.parquet_metadata(text, name),
	lakehouse.parquet_schema(text, name),
	lakehouse.parquet_row_groups(text, name),
	lakehouse.parquet_column_chunks(text, name),
	lakehouse.parquet_statistics(text, name),
	lakehouse.parquet_pages(text, name),
	lakehouse.parquet_key_values(text, name)
	TO pg_read_server_files;
