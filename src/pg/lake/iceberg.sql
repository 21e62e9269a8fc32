-- Metadata of Iceberg tables, with the columns of Spark's metadata tables.  The first
-- argument is a location (it has a "/" or a scheme) or the name of a foreign table.
-- Either right is checked for the caller: that to the location, or SELECT on all of
-- the table.
CREATE FUNCTION lakehouse.iceberg_snapshots("table" text, server name DEFAULT NULL,
	OUT committed_at timestamptz, OUT snapshot_id bigint, OUT parent_id bigint, OUT operation text,
	OUT manifest_list text, OUT summary jsonb) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_iceberg_snapshots'
	LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 10 COST 1000;
COMMENT ON FUNCTION lakehouse.iceberg_snapshots(text, name) IS
	'Snapshots of an Iceberg table';

CREATE FUNCTION lakehouse.iceberg_history("table" text, server name DEFAULT NULL,
	OUT made_current_at timestamptz, OUT snapshot_id bigint, OUT parent_id bigint, OUT is_current_ancestor boolean) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_iceberg_history'
	LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 10 COST 1000;
COMMENT ON FUNCTION lakehouse.iceberg_history(text, name) IS
	'Which snapshot an Iceberg table had as its current one, from when on';

CREATE FUNCTION lakehouse.iceberg_refs("table" text, server name DEFAULT NULL,
	OUT name text, OUT type text, OUT snapshot_id bigint, OUT max_reference_age_in_ms bigint,
	OUT min_snapshots_to_keep int, OUT max_snapshot_age_in_ms bigint) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_iceberg_refs'
	LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 10 COST 1000;
COMMENT ON FUNCTION lakehouse.iceberg_refs(text, name) IS
	'Branches and tags of an Iceberg table';

CREATE FUNCTION lakehouse.iceberg_files("table" text, server name DEFAULT NULL,
	OUT content int, OUT file_path text, OUT file_format text, OUT spec_id int, OUT partition jsonb,
	OUT record_count bigint, OUT file_size_in_bytes bigint, OUT column_sizes jsonb, OUT value_counts jsonb,
	OUT null_value_counts jsonb, OUT nan_value_counts jsonb, OUT lower_bounds jsonb, OUT upper_bounds jsonb,
	OUT key_metadata text, OUT split_offsets jsonb, OUT equality_ids jsonb, OUT sort_order_id int,
	OUT first_row_id bigint, OUT referenced_data_file text, OUT content_offset bigint,
	OUT content_size_in_bytes bigint, OUT readable_metrics jsonb) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_iceberg_files'
	LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 1000 COST 1000;
COMMENT ON FUNCTION lakehouse.iceberg_files(text, name) IS
	'Data and delete files of a snapshot of an Iceberg table';

CREATE FUNCTION lakehouse.iceberg_all_files("table" text, server name DEFAULT NULL,
	OUT content int, OUT file_path text, OUT file_format text, OUT spec_id int, OUT partition jsonb,
	OUT record_count bigint, OUT file_size_in_bytes bigint, OUT column_sizes jsonb, OUT value_counts jsonb,
	OUT null_value_counts jsonb, OUT nan_value_counts jsonb, OUT lower_bounds jsonb, OUT upper_bounds jsonb,
	OUT key_metadata text, OUT split_offsets jsonb, OUT equality_ids jsonb, OUT sort_order_id int,
	OUT first_row_id bigint, OUT referenced_data_file text, OUT content_offset bigint,
	OUT content_size_in_bytes bigint, OUT readable_metrics jsonb) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_iceberg_all_files'
	LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 1000 COST 1000;
COMMENT ON FUNCTION lakehouse.iceberg_all_files(text, name) IS
	'Data and delete files of all snapshots of an Iceberg table';

CREATE FUNCTION lakehouse.iceberg_manifests("table" text, server name DEFAULT NULL,
	OUT content int, OUT path text, OUT length bigint, OUT partition_spec_id int, OUT added_snapshot_id bigint,
	OUT added_data_files_count int, OUT existing_data_files_count int, OUT deleted_data_files_count int,
	OUT added_delete_files_count int, OUT existing_delete_files_count int, OUT deleted_delete_files_count int,
	OUT partition_summaries jsonb, OUT key_metadata text) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_iceberg_manifests'
	LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 100 COST 1000;
COMMENT ON FUNCTION lakehouse.iceberg_manifests(text, name) IS
	'Manifests of a snapshot of an Iceberg table';

CREATE FUNCTION lakehouse.iceberg_partitions("table" text, server name DEFAULT NULL,
	OUT partition jsonb, OUT spec_id int, OUT record_count bigint, OUT file_count int,
	OUT total_data_file_size_in_bytes bigint, OUT position_delete_record_count bigint,
	OUT position_delete_file_count int, OUT equality_delete_record_count bigint,
	OUT equality_delete_file_count int, OUT last_updated_at timestamptz, OUT last_updated_snapshot_id bigint) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_iceberg_partitions'
	LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 100 COST 1000;
COMMENT ON FUNCTION lakehouse.iceberg_partitions(text, name) IS
	'Partitions of a snapshot of an Iceberg table';

CREATE FUNCTION lakehouse.iceberg_entries("table" text, server name DEFAULT NULL,
	OUT status int, OUT snapshot_id bigint, OUT sequence_number bigint, OUT file_sequence_number bigint,
	OUT data_file jsonb, OUT readable_metrics jsonb) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_iceberg_entries'
	LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 1000 COST 1000;
COMMENT ON FUNCTION lakehouse.iceberg_entries(text, name) IS
	'Entries of the manifests of a snapshot of an Iceberg table';

CREATE FUNCTION lakehouse.iceberg_delete_files("table" text, server name DEFAULT NULL,
	OUT content int, OUT file_path text, OUT file_format text, OUT spec_id int, OUT partition jsonb,
	OUT record_count bigint, OUT file_size_in_bytes bigint, OUT column_sizes jsonb, OUT value_counts jsonb,
	OUT null_value_counts jsonb, OUT nan_value_counts jsonb, OUT lower_bounds jsonb, OUT upper_bounds jsonb,
	OUT key_metadata text, OUT split_offsets jsonb, OUT equality_ids jsonb, OUT sort_order_id int,
	OUT first_row_id bigint, OUT referenced_data_file text, OUT content_offset bigint,
	OUT content_size_in_bytes bigint, OUT readable_metrics jsonb) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_iceberg_delete_files'
	LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 100 COST 1000;
COMMENT ON FUNCTION lakehouse.iceberg_delete_files(text, name) IS
	'Delete files of a snapshot of an Iceberg table';

CREATE FUNCTION lakehouse.iceberg_metadata_log("table" text, server name DEFAULT NULL,
	OUT "timestamp" timestamptz, OUT file text, OUT latest_snapshot_id bigint, OUT latest_schema_id int,
	OUT latest_sequence_number bigint) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_iceberg_metadata_log'
	LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 10 COST 1000;
COMMENT ON FUNCTION lakehouse.iceberg_metadata_log(text, name) IS
	'Metadata files that an Iceberg table had, and has now';

CREATE FUNCTION lakehouse.iceberg_properties("table" text, server name DEFAULT NULL,
	OUT key text, OUT value text) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_iceberg_properties'
	LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 10 COST 1000;
COMMENT ON FUNCTION lakehouse.iceberg_properties(text, name) IS
	'Properties of an Iceberg table';

-- Rows that came and went, as Spark's changelog view has them: in "data" the row, of
-- the type of a foreign table.  Harmless for the public: the caller needs SELECT on all
-- of that table.
CREATE FUNCTION lakehouse.iceberg_changes("table" anyelement, from_snapshot bigint DEFAULT NULL,
	to_snapshot bigint DEFAULT NULL, net boolean DEFAULT false,
	OUT _change_type text, OUT _change_ordinal int, OUT _commit_snapshot_id bigint, OUT data anyelement)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_iceberg_changes'
	LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 1000 COST 1000;
COMMENT ON FUNCTION lakehouse.iceberg_changes(anyelement, bigint, bigint, boolean) IS
	'Inserted and deleted rows of an Iceberg table after one snapshot, up to another: iceberg_changes(NULL::my_table, 1, 2)';

REVOKE ALL ON FUNCTION
	lakehouse.iceberg_snapshots(text, name),
	lakehouse.iceberg_history(text, name),
	lakehouse.iceberg_refs(text, name),
	lakehouse.iceberg_files(text, name),
	lakehouse.iceberg_all_files(text, name),
	lakehouse.iceberg_manifests(text, name),
	lakehouse.iceberg_partitions(text, name),
	lakehouse.iceberg_entries(text, name),
	lakehouse.iceberg_delete_files(text, name),
	lakehouse.iceberg_metadata_log(text, name),
	lakehouse.iceberg_properties(text, name)
	FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
	lakehouse.iceberg_snapshots(text, name),
	lakehouse.iceberg_history(text, name),
	lakehouse.iceberg_refs(text, name),
	lakehouse.iceberg_files(text, name),
	lakehouse.iceberg_all_files(text, name),
	lakehouse.iceberg_manifests(text, name),
	lakehouse.iceberg_partitions(text, name),
	lakehouse.iceberg_entries(text, name),
	lakehouse.iceberg_delete_files(text, name),
	lakehouse.iceberg_metadata_log(text, name),
	lakehouse.iceberg_properties(text, name)
	TO pg_read_server_files;
