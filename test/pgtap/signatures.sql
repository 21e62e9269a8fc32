-- The SQL interface as it is promised: names, arguments, results and how the
-- planner may treat each function; and every C entry point has its SQL function.
BEGIN;
SELECT no_plan();

CREATE TEMP VIEW functions AS
	SELECT p.*, p.proname || '(' || pg_get_function_arguments(p.oid) || ') ' || coalesce(pg_get_function_result(p.oid), '') AS signature
	FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
		JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'lakehouse';

-- Names and arguments keep their meaning within a major version.  Who adds a function adds it here.
CREATE TEMP TABLE promised (name text, arguments text, result text);
INSERT INTO promised VALUES
	('key_rewrap', 'IN name text', ''),
	('auditor', '', 'void'),
	('audit_checkpoint', '', 'text'),
	('audit_consistency_proof', 'from_size bigint, to_size bigint, OUT "from" bigint, OUT "to" bigint, OUT from_root bytea, OUT to_root bytea, OUT path bytea[]', 'record'),
	('audit_consistency_document', 'from_size bigint, to_size bigint', 'text'),
	('audit_inclusion_document', 'entry bigint, tree_size bigint', 'text'),
	('audit_verify', 'checkpoints text[], OUT intact boolean, OUT size bigint, OUT first bigint, OUT lines bigint, OUT notes bigint, OUT
		covered bigint, OUT wrong bigint, OUT why text', 'record'),
	('audit_export', 'format text, first bigint, most bigint', 'SETOF text'),
	('audit_inclusion_proof', 'entry bigint, tree_size bigint, OUT number bigint, OUT size bigint, OUT leaf bytea, OUT root bytea, OUT path bytea[]', 'record'),
	('audit_note', 'size bigint', 'text'),
	('audit_public_key', '', 'text'),
	('audit_read', 'first bigint, most bigint, OUT number bigint, OUT "time" timestamp with time zone, OUT kind text, OUT database text, OUT
		session_user_name text, OUT role text, OUT roles text, OUT application text, OUT address text, OUT pid integer, OUT
		session_start timestamp with time zone, OUT transaction text, OUT statement bigint, OUT purpose text, OUT command text, OUT
		fingerprint text, OUT object text, OUT detail text, OUT relations text[], OUT columns text[], OUT result text, OUT sqlstate
		text, OUT rows bigint, OUT lost bigint, OUT used text[], OUT line text', 'SETOF record'),
	('audit_retain', 'age interval', 'bigint'),
	('audit_status', 'OUT mode text, OUT directory text, OUT pid integer, OUT started_at timestamp with time zone, OUT starts bigint, OUT
		open boolean, OUT error text, OUT ring_size bigint, OUT ring_used bigint, OUT ring_reserved bigint, OUT dropped bigint, OUT
		size bigint, OUT durable bigint, OUT first bigint, OUT checkpoint_size bigint, OUT checkpoint_time timestamp with time zone,
		OUT target_error text', 'record'),
	('key_admin', '', 'void'),
	('key_create', 'name text, kind text, parent text, provider text, kek text', 'bigint'),
	('key_destroy', 'name text, version integer', 'void'),
	('key_list', 'OUT name text, OUT id bigint, OUT kind text, OUT parent text, OUT provider text, OUT kek text, OUT current integer, OUT active bigint, OUT retired bigint, OUT destroyed bigint, OUT created timestamp with time zone', 'SETOF record'),
	('key_provider_alter', 'name text, options jsonb', 'void'),
	('key_provider_create', 'name text, kind text, options jsonb', 'void'),
	('key_provider_drop', 'name text', 'void'),
	('key_provider_list', 'OUT name text, OUT kind text, OUT options jsonb, OUT keys bigint, OUT created timestamp with time zone', 'SETOF record'),
	('key_retire', 'name text, version integer, retired boolean', 'void'),
	('key_rotate', 'name text', 'integer'),
	('key_status', 'name text, OUT version integer, OUT state text, OUT wrapped_under bigint, OUT newest bigint, OUT oldest bigint, OUT wraps bigint, OUT used_by text, OUT created timestamp with time zone, OUT retired timestamp with time zone, OUT destroyed timestamp with time zone', 'SETOF record'),
	('key_verify', 'name text', 'integer'),
	('keys_changed', '', 'trigger'),
	('subject_store_create', '', 'boolean'),
	('subject_store_status', 'OUT store bytea, OUT path text, OUT erasures bigint, OUT known bigint, OUT receipt bytea', 'record'),
	('subject_store_verify', 'OUT active bigint, OUT erased bigint, OUT others bigint, OUT damaged bigint, OUT strange bigint, OUT erasures bigint, OUT problem text', 'record'),
	('subject_store_reconcile', 'OUT erased bigint, OUT recorded bigint', 'record'),
	('subject_key', 'parent text, subject text, again boolean', 'bigint'),
	('subject_erase', 'parent text, subject text, reason text, OUT key_id bigint, OUT erased timestamp with time zone, OUT number bigint, OUT receipt bytea', 'record'),
	('erase_verify', 'OUT key_id bigint, OUT parent text, OUT erased timestamp with time zone, OUT ok boolean, OUT problem text', 'SETOF record'),
	('subject_encrypt', 'value text, domain text, subject text', 'text'),
	('subject_decrypt', 'value text, domain text, erased_is_null boolean', 'text'),
	('policy_admin', '', 'void'),
	('policy_alter', 'name text, masks text[], row_filter text, for_roles text[], except_roles text[], purposes text[], until timestamp with time zone, options jsonb, floor text', 'void'),
	('policy_columns', 'OUT policy text, OUT relation regclass, OUT attnum smallint, OUT "column" name, OUT masked boolean', 'SETOF record'),
	('policy_concerns', 'name text, role regrole', 'boolean'),
	('policy_create', 'name text, relation regclass, masks text[], row_filter text, for_roles text[], except_roles text[], purposes text[], until timestamp with time zone, options jsonb, floor text', 'void'),
	('policy_changes', 'before jsonb, after jsonb, OUT policy text, OUT relation text, OUT change text, OUT field text, OUT was text, OUT "is" text', 'SETOF record'),
	('policy_diff', 'role_a regrole, role_b regrole, relations regclass[], OUT relation regclass, OUT "column" name, OUT access_a text, OUT mask_a text, OUT policy_a text, OUT access_b text, OUT mask_b text, OUT policy_b text', 'SETOF record'),
	('policy_drop', 'name text', 'void'),
	('policy_enforced', '', 'boolean'),
	('policy_explain', 'role regrole, query text, OUT relation regclass, OUT "column" name, OUT access text, OUT policy text, OUT expression text', 'SETOF record'),
	('policy_export', '', 'jsonb'),
	('policy_readings', '', 'bigint'),
	('policy_holes', 'OUT kind text, OUT object text, OUT policy text, OUT detail text', 'SETOF record'),
	('policy_keys', 'OUT kind text, OUT object text, OUT policy text, OUT detail text', 'SETOF record'),
	('policy_list', 'OUT name text, OUT relation regclass, OUT masks text[], OUT row_filter text, OUT for_roles text[], OUT except_roles text[], OUT purposes text[], OUT until timestamp with time zone, OUT options jsonb, OUT origin text, OUT problem text', 'SETOF record'),
	('purpose', '', 'text'),
	('right_grant', '"right" text, role regrole', 'void'),
	('right_objects', 'OUT "right" text, OUT routine regprocedure, OUT view regclass', 'SETOF record'),
	('right_revoke', '"right" text, role regrole', 'void'),
	('static_copy', 'relations regclass[], to_schema name, role regrole, orphans text, checks text, partitions text, without text[], OUT kind text, OUT relation regclass, OUT object text, OUT treatment text, OUT policy text, OUT rows bigint', 'SETOF record'),
	('static_copy_schema', 'from_schema regnamespace, to_schema name, role regrole, orphans text, checks text, partitions text, without text[], OUT kind text, OUT relation regclass, OUT object text, OUT treatment text, OUT policy text, OUT rows bigint', 'SETOF record'),
	('static_plan', 'relations regclass[], to_schema name, role regrole, orphans text, checks text, partitions text, without text[], OUT kind text, OUT relation regclass, OUT object text, OUT treatment text, OUT policy text, OUT rows bigint', 'SETOF record'),
	('subject_role', '', 'name'),
	('subject_session', '', 'name'),
	('tag', 'relation regclass, "column" name, tag text', 'void'),
	('tags_apply', '', 'integer'),
	('untag', 'relation regclass, "column" name, tag text', 'void'),
	('cdc_ddl_disable', '', 'void'),
	('cdc_ddl_enable', '', 'void'),
	('cdc_ddl_event', '', 'event_trigger'),
	('cdc_ddl_status', 'OUT event text, OUT event_trigger name, OUT state text, OUT remedy text', 'SETOF record'),
	('cdc_formats', 'OUT name text, OUT kind text, OUT summary text', 'SETOF record'),
	('cdc_heartbeat', 'OUT lsn pg_lsn', 'pg_lsn'),
	('cdc_mask_drop', 'relation regclass, "column" name', 'void'),
	('cdc_mask_set', 'relation regclass, "column" name, mask text', 'void'),
	('cdc_options', 'OUT name text, OUT type text, OUT "default" text, OUT choices text[], OUT formats text, OUT summary text,
		OUT avoids text', 'SETOF record'),
	('cdc_row', '"row" record, options text[]', 'bytea'),
	('cdc_schemas', 'options text[], tables regclass[], OUT format text, OUT relation regclass, OUT part text, OUT fingerprint bytea, OUT schema text', 'SETOF record'),
	('cdc_setup', 'fix boolean, OUT "check" text, OUT state text, OUT detail text, OUT remedy text', 'SETOF record'),
	('cdc_snapshot_cancel', 'slot name, id bigint', 'boolean'),
	('cdc_snapshot_forget', 'slot name', 'void'),
	('cdc_snapshot_note', 'id bigint, state text, method text, point pg_lsn, last_key text[], chunks bigint, rows bigint, error text, pending text[]', 'void'),
	('cdc_snapshot_plan', 'slot name, point pg_lsn, unit_blocks bigint, tables oid[], blocks bigint[], schemas text[], names text[], methods
		text[]', 'SETOF lakehouse.cdc_snapshots'),
	('cdc_snapshot_start', 'slot name, relation regclass, predicate text', 'bigint'),
	('cdc_snapshot_state', 'slot name', 'SETOF lakehouse.cdc_snapshots'),
	('cdc_snapshot_tables', 'options text[], OUT relation oid, OUT schema_name text, OUT table_name text, OUT blocks bigint, OUT
		estimated_rows bigint, OUT key_columns text[], OUT key_types text[], OUT method text, OUT reason text, OUT published oid', 'SETOF record'),
	('changes', 'slot name, upto_lsn pg_lsn, upto_n integer, VARIADIC options text[], OUT lsn pg_lsn, OUT xid xid, OUT data text', 'SETOF record'),
	('create_types', 'location text, schema name, table_name text, server name, options jsonb, pairs boolean, OUT column_path text,
		OUT type_name text, OUT ddl text', 'SETOF record'),
	('ddl', 'location text, table_name text, server name, options jsonb, types name, pairs boolean', 'text'),
	('define', '', 'event_trigger'),
	('fdw_handler', '', 'fdw_handler'),
	('fdw_validator', 'options text[], catalog oid', 'void'),
	('iceberg_snapshots', '"table" text, server name, OUT committed_at timestamp with time zone, OUT snapshot_id bigint, OUT
		parent_id bigint, OUT operation text, OUT manifest_list text, OUT summary jsonb', 'SETOF record'),
	('iceberg_history', '"table" text, server name, OUT made_current_at timestamp with time zone, OUT snapshot_id bigint, OUT
		parent_id bigint, OUT is_current_ancestor boolean', 'SETOF record'),
	('iceberg_refs', '"table" text, server name, OUT name text, OUT type text, OUT snapshot_id bigint, OUT
		max_reference_age_in_ms bigint, OUT min_snapshots_to_keep integer, OUT max_snapshot_age_in_ms bigint', 'SETOF record'),
	('iceberg_files', '"table" text, server name, OUT content integer, OUT file_path text, OUT file_format text, OUT spec_id
		integer, OUT partition jsonb, OUT record_count bigint, OUT file_size_in_bytes bigint, OUT column_sizes
		jsonb, OUT value_counts jsonb, OUT null_value_counts jsonb, OUT nan_value_counts jsonb, OUT lower_bounds
		jsonb, OUT upper_bounds jsonb, OUT key_metadata text, OUT split_offsets jsonb, OUT equality_ids jsonb, OUT
		sort_order_id integer, OUT first_row_id bigint, OUT referenced_data_file text, OUT content_offset bigint,
		OUT content_size_in_bytes bigint, OUT readable_metrics jsonb', 'SETOF record'),
	('iceberg_all_files', '"table" text, server name, OUT content integer, OUT file_path text, OUT file_format text, OUT spec_id
		integer, OUT partition jsonb, OUT record_count bigint, OUT file_size_in_bytes bigint, OUT column_sizes
		jsonb, OUT value_counts jsonb, OUT null_value_counts jsonb, OUT nan_value_counts jsonb, OUT lower_bounds
		jsonb, OUT upper_bounds jsonb, OUT key_metadata text, OUT split_offsets jsonb, OUT equality_ids jsonb, OUT
		sort_order_id integer, OUT first_row_id bigint, OUT referenced_data_file text, OUT content_offset bigint,
		OUT content_size_in_bytes bigint, OUT readable_metrics jsonb', 'SETOF record'),
	('iceberg_manifests', '"table" text, server name, OUT content integer, OUT path text, OUT length bigint, OUT partition_spec_id
		integer, OUT added_snapshot_id bigint, OUT added_data_files_count integer, OUT existing_data_files_count
		integer, OUT deleted_data_files_count integer, OUT added_delete_files_count integer, OUT
		existing_delete_files_count integer, OUT deleted_delete_files_count integer, OUT partition_summaries
		jsonb, OUT key_metadata text', 'SETOF record'),
	('iceberg_partitions', '"table" text, server name, OUT partition jsonb, OUT spec_id integer, OUT record_count bigint, OUT
		file_count integer, OUT total_data_file_size_in_bytes bigint, OUT position_delete_record_count bigint, OUT
		position_delete_file_count integer, OUT equality_delete_record_count bigint, OUT
		equality_delete_file_count integer, OUT last_updated_at timestamp with time zone, OUT
		last_updated_snapshot_id bigint', 'SETOF record'),
	('iceberg_entries', '"table" text, server name, OUT status integer, OUT snapshot_id bigint, OUT sequence_number bigint, OUT
		file_sequence_number bigint, OUT data_file jsonb, OUT readable_metrics jsonb', 'SETOF record'),
	('iceberg_delete_files', '"table" text, server name, OUT content integer, OUT file_path text, OUT file_format text, OUT spec_id
		integer, OUT partition jsonb, OUT record_count bigint, OUT file_size_in_bytes bigint, OUT column_sizes
		jsonb, OUT value_counts jsonb, OUT null_value_counts jsonb, OUT nan_value_counts jsonb, OUT lower_bounds
		jsonb, OUT upper_bounds jsonb, OUT key_metadata text, OUT split_offsets jsonb, OUT equality_ids jsonb, OUT
		sort_order_id integer, OUT first_row_id bigint, OUT referenced_data_file text, OUT content_offset bigint,
		OUT content_size_in_bytes bigint, OUT readable_metrics jsonb', 'SETOF record'),
	('iceberg_metadata_log', '"table" text, server name, OUT "timestamp" timestamp with time zone, OUT file text, OUT latest_snapshot_id
		bigint, OUT latest_schema_id integer, OUT latest_sequence_number bigint', 'SETOF record'),
	('iceberg_properties', '"table" text, server name, OUT key text, OUT value text', 'SETOF record'),
	('iceberg_changes', '"table" anyelement, from_snapshot bigint, to_snapshot bigint, net boolean, OUT _change_type text, OUT
		_change_ordinal integer, OUT _commit_snapshot_id bigint, OUT data anyelement', 'SETOF record'),
	('key_provider_check', 'kind text, options jsonb, key text, OUT latest bigint, OUT oldest bigint', 'record'),
	('keyring_keys', 'OUT datid oid, OUT key_id bigint, OUT version bigint, OUT last_used timestamp with time zone', 'SETOF record'),
	('keyring_worker', 'OUT pid integer, OUT started_at timestamp with time zone, OUT starts bigint, OUT waiting integer, OUT running integer, OUT
		requests bigint, OUT failed bigint, OUT timed_out bigint, OUT abandoned bigint, OUT lost bigint, OUT cached_keys integer, OUT
		cache_size integer, OUT cache_hits bigint, OUT cache_misses bigint', 'record'),
	('list', 'location text, server name, OUT path text, OUT size bigint, OUT modified timestamp with time zone', 'SETOF record'),
	('parquet_column_chunks', 'location text, server name, OUT file text, OUT row_group integer, OUT leaf integer, OUT column_path text, OUT
		physical_type text, OUT codec text, OUT encodings text[], OUT num_values bigint, OUT compressed_size bigint,
		OUT uncompressed_size bigint, OUT start_offset bigint, OUT dictionary_offset bigint, OUT data_offset bigint,
		OUT all_dictionary boolean, OUT has_statistics boolean, OUT has_column_index boolean, OUT has_offset_index
		boolean, OUT has_bloom_filter boolean, OUT bloom_filter_size bigint, OUT encrypted boolean', 'SETOF record'),
	('mask_support', 'internal', 'internal'),
	('mask_null', 'value anyelement', 'anyelement'),
	('mask_constant', 'value anycompatible, constant anycompatible', 'anycompatible'),
	('mask_partial', 'value text, keep_first integer, fill text, keep_last integer', 'text'),
	('mask_regex', 'value text, pattern text, replacement text, fallback text', 'text'),
	('mask_email', 'value text, keep_first integer, fill text, keep_domain boolean, fallback text', 'text'),
	('mask_phone', 'value text, keep_last integer, fill text, fallback text', 'text'),
	('mask_card', 'value text, keep_first integer, fill text, keep_last integer, fallback text', 'text'),
	('mask_json', 'value jsonb, paths text[], mask text, fallback jsonb', 'jsonb'),
	('mask_ip', 'address inet, prefix4 integer, prefix6 integer', 'inet'),
	('mask_geo', 'value point, decimals integer', 'point'),
	('mask_geo', 'value double precision, decimals integer', 'double precision'),
	('mask_geo', 'value numeric, decimals integer', 'numeric'),
	('mask_floor', 'value integer, width integer', 'integer'),
	('mask_floor', 'value bigint, width bigint', 'bigint'),
	('mask_floor', 'value numeric, width numeric', 'numeric'),
	('mask_floor', 'value smallint, width integer', 'smallint'),
	('mask_floor', 'value real, width double precision', 'real'),
	('mask_floor', 'value double precision, width double precision', 'double precision'),
	('mask_fit', 'value numeric, typmod integer', 'numeric'),
	('mask_range', 'value integer, width integer', 'int4range'),
	('mask_range', 'value bigint, width bigint', 'int8range'),
	('mask_range', 'value numeric, width numeric', 'numrange'),
	('mask_range', 'value date, unit text', 'daterange'),
	('mask_range', 'value timestamp without time zone, unit text', 'tsrange'),
	('mask_range', 'value timestamp with time zone, unit text', 'tstzrange'),
	('mask_range_text', 'value numeric, width numeric', 'text'),
	('mask_range_text', 'value text, width numeric', 'text'),
	('mask_range_text', 'value date, unit text', 'text'),
	('mask_date_trunc', 'value date, unit text', 'date'),
	('mask_date_trunc', 'value timestamp without time zone, unit text', 'timestamp without time zone'),
	('mask_date_trunc', 'value timestamp with time zone, unit text', 'timestamp with time zone'),
	('mask_functions', 'OUT name text, OUT arguments text, OUT strength text, OUT keyed boolean, OUT summary text', 'SETOF record'),
	('mask_counters', 'OUT mask text, OUT reason text, OUT count bigint', 'SETOF record'),
	('mask_counters_reset', '', 'void'),
	('domain_create', 'name text, kind text, key text, options jsonb', 'void'),
	('domain_drop', 'name text', 'void'),
	('domain_rotate', 'name text', 'integer'),
	('domain_grant', 'domain text, "right" text, role text', 'void'),
	('domain_revoke', 'domain text, "right" text, role text', 'void'),
	('enc_typmod_in', 'cstring[]', 'integer'),
	('enc_typmod_out', 'integer', 'cstring'),
	('enc_analyze', 'internal', 'boolean'),
	('enc_eq_support', 'internal', 'internal'),
	('encryption_status', 'relation regclass, "column" name, OUT domain text, OUT form text, OUT key text, OUT version integer, OUT search_version integer, OUT current boolean, OUT "values" bigint', 'SETOF record'),
	('encryption_rotate', 'IN relation regclass, IN "column" name, IN blocks integer', ''),
	('encryption_rotation_start', 'relation regclass, "column" name, rows_per_second integer, blocks integer, OUT job bigint', 'SETOF bigint'),
	('encryption_rotation_start_key', 'key text, rows_per_second integer, blocks integer, OUT job bigint', 'SETOF bigint'),
	('encryption_rotation_pause', 'job bigint', 'void'),
	('encryption_rotation_resume', 'job bigint', 'void'),
	('encryption_rotation_cancel', 'job bigint', 'void'),
	('enc_value_stale', 'value anyelement', 'boolean'),
	('enc_row_renew', 'value anyelement, relation oid, place tid', 'anyelement'),
	('enc_text_in', 'cstring, oid, integer', 'lakehouse.enc_text'),
	('enc_text_out', 'lakehouse.enc_text', 'cstring'),
	('enc_text_recv', 'internal, oid, integer', 'lakehouse.enc_text'),
	('enc_text_send', 'lakehouse.enc_text', 'bytea'),
	('enc_text', 'lakehouse.enc_text, integer, boolean', 'lakehouse.enc_text'),
	('enc_text', 'text, integer, boolean', 'lakehouse.enc_text'),
	('enc_text', 'character varying, integer, boolean', 'lakehouse.enc_text'),
	('encrypt', 'value text, domain text, searchable boolean', 'lakehouse.enc_text'),
	('decrypt', 'value lakehouse.enc_text', 'text'),
	('encryption_version', 'value lakehouse.enc_text', 'integer'),
	('enc_stale', 'value lakehouse.enc_text', 'boolean'),
	('enc_renew', 'value lakehouse.enc_text', 'lakehouse.enc_text'),
	('search', 'value text, domain text', 'lakehouse.enc_text'),
	('enc_search', 'value lakehouse.enc_text, modifier integer', 'lakehouse.enc_text'),
	('enc_search', 'value text, modifier integer', 'lakehouse.enc_text'),
	('enc_eq', 'lakehouse.enc_text, lakehouse.enc_text', 'boolean'),
	('enc_ne', 'lakehouse.enc_text, lakehouse.enc_text', 'boolean'),
	('enc_lt', 'lakehouse.enc_text, lakehouse.enc_text', 'boolean'),
	('enc_le', 'lakehouse.enc_text, lakehouse.enc_text', 'boolean'),
	('enc_ge', 'lakehouse.enc_text, lakehouse.enc_text', 'boolean'),
	('enc_gt', 'lakehouse.enc_text, lakehouse.enc_text', 'boolean'),
	('enc_cmp', 'lakehouse.enc_text, lakehouse.enc_text', 'integer'),
	('enc_hash', 'lakehouse.enc_text', 'integer'),
	('enc_hash_extended', 'lakehouse.enc_text, bigint', 'bigint'),
	('enc_bytea_in', 'cstring, oid, integer', 'lakehouse.enc_bytea'),
	('enc_bytea_out', 'lakehouse.enc_bytea', 'cstring'),
	('enc_bytea_recv', 'internal, oid, integer', 'lakehouse.enc_bytea'),
	('enc_bytea_send', 'lakehouse.enc_bytea', 'bytea'),
	('enc_bytea', 'lakehouse.enc_bytea, integer, boolean', 'lakehouse.enc_bytea'),
	('enc_bytea', 'bytea, integer, boolean', 'lakehouse.enc_bytea'),
	('encrypt', 'value bytea, domain text, searchable boolean', 'lakehouse.enc_bytea'),
	('decrypt', 'value lakehouse.enc_bytea', 'bytea'),
	('encryption_version', 'value lakehouse.enc_bytea', 'integer'),
	('enc_stale', 'value lakehouse.enc_bytea', 'boolean'),
	('enc_renew', 'value lakehouse.enc_bytea', 'lakehouse.enc_bytea'),
	('search', 'value bytea, domain text', 'lakehouse.enc_bytea'),
	('enc_search', 'value lakehouse.enc_bytea, modifier integer', 'lakehouse.enc_bytea'),
	('enc_search', 'value bytea, modifier integer', 'lakehouse.enc_bytea'),
	('enc_eq', 'lakehouse.enc_bytea, lakehouse.enc_bytea', 'boolean'),
	('enc_ne', 'lakehouse.enc_bytea, lakehouse.enc_bytea', 'boolean'),
	('enc_lt', 'lakehouse.enc_bytea, lakehouse.enc_bytea', 'boolean'),
	('enc_le', 'lakehouse.enc_bytea, lakehouse.enc_bytea', 'boolean'),
	('enc_ge', 'lakehouse.enc_bytea, lakehouse.enc_bytea', 'boolean'),
	('enc_gt', 'lakehouse.enc_bytea, lakehouse.enc_bytea', 'boolean'),
	('enc_cmp', 'lakehouse.enc_bytea, lakehouse.enc_bytea', 'integer'),
	('enc_hash', 'lakehouse.enc_bytea', 'integer'),
	('enc_hash_extended', 'lakehouse.enc_bytea, bigint', 'bigint'),
	('enc_bigint_in', 'cstring, oid, integer', 'lakehouse.enc_bigint'),
	('enc_bigint_out', 'lakehouse.enc_bigint', 'cstring'),
	('enc_bigint_recv', 'internal, oid, integer', 'lakehouse.enc_bigint'),
	('enc_bigint_send', 'lakehouse.enc_bigint', 'bytea'),
	('enc_bigint', 'lakehouse.enc_bigint, integer, boolean', 'lakehouse.enc_bigint'),
	('enc_bigint', 'bigint, integer, boolean', 'lakehouse.enc_bigint'),
	('enc_bigint', 'integer, integer, boolean', 'lakehouse.enc_bigint'),
	('encrypt', 'value bigint, domain text, searchable boolean', 'lakehouse.enc_bigint'),
	('decrypt', 'value lakehouse.enc_bigint', 'bigint'),
	('encryption_version', 'value lakehouse.enc_bigint', 'integer'),
	('enc_stale', 'value lakehouse.enc_bigint', 'boolean'),
	('enc_renew', 'value lakehouse.enc_bigint', 'lakehouse.enc_bigint'),
	('search', 'value bigint, domain text', 'lakehouse.enc_bigint'),
	('enc_search', 'value lakehouse.enc_bigint, modifier integer', 'lakehouse.enc_bigint'),
	('enc_search', 'value bigint, modifier integer', 'lakehouse.enc_bigint'),
	('enc_eq', 'lakehouse.enc_bigint, lakehouse.enc_bigint', 'boolean'),
	('enc_ne', 'lakehouse.enc_bigint, lakehouse.enc_bigint', 'boolean'),
	('enc_lt', 'lakehouse.enc_bigint, lakehouse.enc_bigint', 'boolean'),
	('enc_le', 'lakehouse.enc_bigint, lakehouse.enc_bigint', 'boolean'),
	('enc_ge', 'lakehouse.enc_bigint, lakehouse.enc_bigint', 'boolean'),
	('enc_gt', 'lakehouse.enc_bigint, lakehouse.enc_bigint', 'boolean'),
	('enc_cmp', 'lakehouse.enc_bigint, lakehouse.enc_bigint', 'integer'),
	('enc_hash', 'lakehouse.enc_bigint', 'integer'),
	('enc_hash_extended', 'lakehouse.enc_bigint, bigint', 'bigint'),
	('enc_numeric_in', 'cstring, oid, integer', 'lakehouse.enc_numeric'),
	('enc_numeric_out', 'lakehouse.enc_numeric', 'cstring'),
	('enc_numeric_recv', 'internal, oid, integer', 'lakehouse.enc_numeric'),
	('enc_numeric_send', 'lakehouse.enc_numeric', 'bytea'),
	('enc_numeric', 'lakehouse.enc_numeric, integer, boolean', 'lakehouse.enc_numeric'),
	('enc_numeric', 'numeric, integer, boolean', 'lakehouse.enc_numeric'),
	('enc_numeric', 'integer, integer, boolean', 'lakehouse.enc_numeric'),
	('encrypt', 'value numeric, domain text, searchable boolean', 'lakehouse.enc_numeric'),
	('decrypt', 'value lakehouse.enc_numeric', 'numeric'),
	('encryption_version', 'value lakehouse.enc_numeric', 'integer'),
	('enc_stale', 'value lakehouse.enc_numeric', 'boolean'),
	('enc_renew', 'value lakehouse.enc_numeric', 'lakehouse.enc_numeric'),
	('search', 'value numeric, domain text', 'lakehouse.enc_numeric'),
	('enc_search', 'value lakehouse.enc_numeric, modifier integer', 'lakehouse.enc_numeric'),
	('enc_search', 'value numeric, modifier integer', 'lakehouse.enc_numeric'),
	('enc_eq', 'lakehouse.enc_numeric, lakehouse.enc_numeric', 'boolean'),
	('enc_ne', 'lakehouse.enc_numeric, lakehouse.enc_numeric', 'boolean'),
	('enc_lt', 'lakehouse.enc_numeric, lakehouse.enc_numeric', 'boolean'),
	('enc_le', 'lakehouse.enc_numeric, lakehouse.enc_numeric', 'boolean'),
	('enc_ge', 'lakehouse.enc_numeric, lakehouse.enc_numeric', 'boolean'),
	('enc_gt', 'lakehouse.enc_numeric, lakehouse.enc_numeric', 'boolean'),
	('enc_cmp', 'lakehouse.enc_numeric, lakehouse.enc_numeric', 'integer'),
	('enc_hash', 'lakehouse.enc_numeric', 'integer'),
	('enc_hash_extended', 'lakehouse.enc_numeric, bigint', 'bigint'),
	('enc_date_in', 'cstring, oid, integer', 'lakehouse.enc_date'),
	('enc_date_out', 'lakehouse.enc_date', 'cstring'),
	('enc_date_recv', 'internal, oid, integer', 'lakehouse.enc_date'),
	('enc_date_send', 'lakehouse.enc_date', 'bytea'),
	('enc_date', 'lakehouse.enc_date, integer, boolean', 'lakehouse.enc_date'),
	('enc_date', 'date, integer, boolean', 'lakehouse.enc_date'),
	('encrypt', 'value date, domain text, searchable boolean', 'lakehouse.enc_date'),
	('decrypt', 'value lakehouse.enc_date', 'date'),
	('encryption_version', 'value lakehouse.enc_date', 'integer'),
	('enc_stale', 'value lakehouse.enc_date', 'boolean'),
	('enc_renew', 'value lakehouse.enc_date', 'lakehouse.enc_date'),
	('search', 'value date, domain text', 'lakehouse.enc_date'),
	('enc_search', 'value lakehouse.enc_date, modifier integer', 'lakehouse.enc_date'),
	('enc_search', 'value date, modifier integer', 'lakehouse.enc_date'),
	('enc_eq', 'lakehouse.enc_date, lakehouse.enc_date', 'boolean'),
	('enc_ne', 'lakehouse.enc_date, lakehouse.enc_date', 'boolean'),
	('enc_lt', 'lakehouse.enc_date, lakehouse.enc_date', 'boolean'),
	('enc_le', 'lakehouse.enc_date, lakehouse.enc_date', 'boolean'),
	('enc_ge', 'lakehouse.enc_date, lakehouse.enc_date', 'boolean'),
	('enc_gt', 'lakehouse.enc_date, lakehouse.enc_date', 'boolean'),
	('enc_cmp', 'lakehouse.enc_date, lakehouse.enc_date', 'integer'),
	('enc_hash', 'lakehouse.enc_date', 'integer'),
	('enc_hash_extended', 'lakehouse.enc_date, bigint', 'bigint'),
	('enc_timestamptz_in', 'cstring, oid, integer', 'lakehouse.enc_timestamptz'),
	('enc_timestamptz_out', 'lakehouse.enc_timestamptz', 'cstring'),
	('enc_timestamptz_recv', 'internal, oid, integer', 'lakehouse.enc_timestamptz'),
	('enc_timestamptz_send', 'lakehouse.enc_timestamptz', 'bytea'),
	('enc_timestamptz', 'lakehouse.enc_timestamptz, integer, boolean', 'lakehouse.enc_timestamptz'),
	('enc_timestamptz', 'timestamp with time zone, integer, boolean', 'lakehouse.enc_timestamptz'),
	('encrypt', 'value timestamp with time zone, domain text, searchable boolean', 'lakehouse.enc_timestamptz'),
	('decrypt', 'value lakehouse.enc_timestamptz', 'timestamp with time zone'),
	('encryption_version', 'value lakehouse.enc_timestamptz', 'integer'),
	('enc_stale', 'value lakehouse.enc_timestamptz', 'boolean'),
	('enc_renew', 'value lakehouse.enc_timestamptz', 'lakehouse.enc_timestamptz'),
	('search', 'value timestamp with time zone, domain text', 'lakehouse.enc_timestamptz'),
	('enc_search', 'value lakehouse.enc_timestamptz, modifier integer', 'lakehouse.enc_timestamptz'),
	('enc_search', 'value timestamp with time zone, modifier integer', 'lakehouse.enc_timestamptz'),
	('enc_eq', 'lakehouse.enc_timestamptz, lakehouse.enc_timestamptz', 'boolean'),
	('enc_ne', 'lakehouse.enc_timestamptz, lakehouse.enc_timestamptz', 'boolean'),
	('enc_lt', 'lakehouse.enc_timestamptz, lakehouse.enc_timestamptz', 'boolean'),
	('enc_le', 'lakehouse.enc_timestamptz, lakehouse.enc_timestamptz', 'boolean'),
	('enc_ge', 'lakehouse.enc_timestamptz, lakehouse.enc_timestamptz', 'boolean'),
	('enc_gt', 'lakehouse.enc_timestamptz, lakehouse.enc_timestamptz', 'boolean'),
	('enc_cmp', 'lakehouse.enc_timestamptz, lakehouse.enc_timestamptz', 'integer'),
	('enc_hash', 'lakehouse.enc_timestamptz', 'integer'),
	('enc_hash_extended', 'lakehouse.enc_timestamptz, bigint', 'bigint'),
	('enc_jsonb_in', 'cstring, oid, integer', 'lakehouse.enc_jsonb'),
	('enc_jsonb_out', 'lakehouse.enc_jsonb', 'cstring'),
	('enc_jsonb_recv', 'internal, oid, integer', 'lakehouse.enc_jsonb'),
	('enc_jsonb_send', 'lakehouse.enc_jsonb', 'bytea'),
	('enc_jsonb', 'lakehouse.enc_jsonb, integer, boolean', 'lakehouse.enc_jsonb'),
	('enc_jsonb', 'jsonb, integer, boolean', 'lakehouse.enc_jsonb'),
	('encrypt', 'value jsonb, domain text, searchable boolean', 'lakehouse.enc_jsonb'),
	('decrypt', 'value lakehouse.enc_jsonb', 'jsonb'),
	('encryption_version', 'value lakehouse.enc_jsonb', 'integer'),
	('enc_stale', 'value lakehouse.enc_jsonb', 'boolean'),
	('enc_renew', 'value lakehouse.enc_jsonb', 'lakehouse.enc_jsonb'),
	('domain_list', 'OUT name text, OUT kind text, OUT key text, OUT version integer, OUT legacy boolean, OUT options jsonb, OUT rights jsonb, OUT limits jsonb', 'SETOF record'),
	('vault_tokenize', 'value text, domain text, ttl interval', 'text'),
	('vault_detokenize', 'token text, domain text', 'text'),
	('vault_revoke', 'token text, domain text', 'boolean'),
	('vault_purge', 'domain text, older interval', 'bigint'),
	('vault_status', 'OUT domain text, OUT valid bigint, OUT expired bigint, OUT revoked bigint, OUT first timestamp with time zone, OUT last timestamp with time zone', 'SETOF record'),
	('domain_limit', 'domain text, "right" text, "values" bigint, per interval', 'void'),
	('domain_limit_status', 'OUT domain text, OUT "right" text, OUT role text, OUT spent bigint, OUT since timestamp with time zone', 'SETOF record'),
	('tokenize', 'value text, domain text', 'text'),
	('detokenize', 'token text, domain text', 'text'),
	('tokenize', 'value numeric, domain text', 'numeric'),
	('detokenize', 'token numeric, domain text', 'numeric'),
	('tokenize', 'value bigint, domain text', 'bigint'),
	('detokenize', 'token bigint, domain text', 'bigint'),
	('tokenize', 'value integer, domain text', 'integer'),
	('detokenize', 'token integer, domain text', 'integer'),
	('tokenize', 'value uuid, domain text', 'uuid'),
	('detokenize', 'token uuid, domain text', 'uuid'),
	('tokenize', 'value date, domain text', 'date'),
	('detokenize', 'token date, domain text', 'date'),
	('tokenize', 'value text[], domain text', 'text[]'),
	('detokenize', 'tokens text[], domain text', 'text[]'),
	('tokenize', 'value bigint[], domain text', 'bigint[]'),
	('detokenize', 'tokens bigint[], domain text', 'bigint[]'),
	('tokenize', 'value uuid[], domain text', 'uuid[]'),
	('detokenize', 'tokens uuid[], domain text', 'uuid[]'),
	('tokenize', 'value date[], domain text', 'date[]'),
	('detokenize', 'tokens date[], domain text', 'date[]'),
	('mask_fpe', 'value text, domain text', 'text'),
	('mask_fpe', 'value numeric, domain text', 'numeric'),
	('mask_fpe', 'value bigint, domain text', 'bigint'),
	('mask_fpe', 'value integer, domain text', 'integer'),
	('mask_fpe', 'value uuid, domain text', 'uuid'),
	('mask_fpe', 'value date, domain text', 'date'),
	('mask_hash', 'value text, domain text', 'text'),
	('mask_date_shift', 'value date, subject text, domain text', 'date'),
	('mask_date_shift', 'value timestamp without time zone, subject text, domain text', 'timestamp without time zone'),
	('mask_date_shift', 'value timestamp with time zone, subject text, domain text', 'timestamp with time zone'),
	('mask_noise', 'value numeric, domain text, ratio double precision', 'numeric'),
	('mask_noise', 'value bigint, domain text, ratio double precision', 'bigint'),
	('mask_noise', 'value integer, domain text, ratio double precision', 'integer'),
	('mask_noise', 'value smallint, domain text, ratio double precision', 'smallint'),
	('mask_noise', 'value real, domain text, ratio double precision', 'real'),
	('mask_noise', 'value double precision, domain text, ratio double precision', 'double precision'),
	('mask_fake_first_name', 'value text, domain text', 'text'),
	('mask_fake_last_name', 'value text, domain text', 'text'),
	('mask_fake_name', 'value text, domain text', 'text'),
	('mask_fake_city', 'value text, domain text', 'text'),
	('mask_fake_company', 'value text, domain text', 'text'),
	('mask_fake_street', 'value text, domain text', 'text'),
	('mask_fake_email', 'value text, domain text', 'text'),
	('mask_fake_phone', 'value text, domain text', 'text'),
	('mask_gate', 'internal', 'internal'),
	('mask_fpe_run', 'value text, domain text, gate internal', 'text'),
	('mask_fpe_run', 'value numeric, domain text, gate internal', 'numeric'),
	('mask_fpe_run', 'value bigint, domain text, gate internal', 'bigint'),
	('mask_fpe_run', 'value integer, domain text, gate internal', 'integer'),
	('mask_fpe_run', 'value uuid, domain text, gate internal', 'uuid'),
	('mask_fpe_run', 'value date, domain text, gate internal', 'date'),
	('mask_invert', 'token text, domain text, gate internal', 'text'),
	('mask_invert', 'tokens text[], domain text, gate internal', 'text[]'),
	('mask_invert', 'token bigint, domain text, gate internal', 'bigint'),
	('mask_invert', 'tokens bigint[], domain text, gate internal', 'bigint[]'),
	('mask_invert', 'token integer, domain text, gate internal', 'integer'),
	('mask_invert', 'tokens integer[], domain text, gate internal', 'integer[]'),
	('mask_invert', 'token uuid, domain text, gate internal', 'uuid'),
	('mask_invert', 'tokens uuid[], domain text, gate internal', 'uuid[]'),
	('mask_invert', 'token date, domain text, gate internal', 'date'),
	('mask_invert', 'tokens date[], domain text, gate internal', 'date[]'),
	('mask_invert', 'token numeric, scale integer, domain text, gate internal', 'numeric'),
	('mask_invert', 'tokens numeric[], scale integer, domain text, gate internal', 'numeric[]'),
	('mask_invert', 'tokens character[], length integer, domain text, gate internal', 'character[]'),
	('mask_hash_run', 'value text, domain text, gate internal', 'text'),
	('mask_date_shift_run', 'value date, subject text, domain text, gate internal', 'date'),
	('mask_date_shift_run', 'value timestamp without time zone, subject text, domain text, gate internal', 'timestamp without time zone'),
	('mask_date_shift_run', 'value timestamp with time zone, subject text, domain text, gate internal', 'timestamp with time zone'),
	('mask_noise_run', 'value numeric, domain text, ratio double precision, gate internal', 'numeric'),
	('mask_noise_run', 'value bigint, domain text, ratio double precision, gate internal', 'bigint'),
	('mask_noise_run', 'value integer, domain text, ratio double precision, gate internal', 'integer'),
	('mask_noise_run', 'value smallint, domain text, ratio double precision, gate internal', 'smallint'),
	('mask_noise_run', 'value real, domain text, ratio double precision, gate internal', 'real'),
	('mask_noise_run', 'value double precision, domain text, ratio double precision, gate internal', 'double precision'),
	('mask_fake_first_name_run', 'value text, domain text, gate internal', 'text'),
	('mask_fake_last_name_run', 'value text, domain text, gate internal', 'text'),
	('mask_fake_name_run', 'value text, domain text, gate internal', 'text'),
	('mask_fake_city_run', 'value text, domain text, gate internal', 'text'),
	('mask_fake_company_run', 'value text, domain text, gate internal', 'text'),
	('mask_fake_street_run', 'value text, domain text, gate internal', 'text'),
	('mask_fake_email_run', 'value text, domain text, gate internal', 'text'),
	('mask_fake_phone_run', 'value text, domain text, gate internal', 'text'),
	('parquet_key_values', 'location text, server name, OUT file text, OUT row_group integer, OUT column_path text, OUT key text, OUT
		value text', 'SETOF record'),
	('parquet_metadata', 'location text, server name, OUT file text, OUT size bigint, OUT num_rows bigint, OUT row_groups integer, OUT
		columns integer, OUT format_version integer, OUT created_by text, OUT footer_size bigint, OUT
		has_column_orders boolean', 'SETOF record'),
	('parquet_pages', 'location text, server name, OUT file text, OUT row_group integer, OUT leaf integer, OUT column_path text, OUT
		page integer, OUT page_type text, OUT encoding text, OUT definition_level_encoding text, OUT
		repetition_level_encoding text, OUT start_offset bigint, OUT header_size integer, OUT compressed_size bigint,
		OUT uncompressed_size bigint, OUT num_values bigint, OUT num_rows bigint, OUT nulls bigint, OUT crc bigint,
		OUT first_row bigint, OUT min text, OUT max text', 'SETOF record'),
	('parquet_row_groups', 'location text, server name, OUT file text, OUT row_group integer, OUT first_row bigint, OUT num_rows bigint,
		OUT uncompressed_size bigint, OUT compressed_size bigint, OUT sorted_by text', 'SETOF record'),
	('parquet_schema', 'location text, server name, OUT file text, OUT column_path text, OUT name text, OUT depth integer, OUT leaf
		integer, OUT repetition text, OUT physical_type text, OUT type_length integer, OUT converted_type text, OUT
		logical_type text, OUT decimal_precision integer, OUT decimal_scale integer, OUT field_id integer, OUT
		children integer, OUT max_definition_level integer, OUT max_repetition_level integer, OUT type text, OUT
		sql_type text', 'SETOF record'),
	('parquet_statistics', 'location text, server name, OUT file text, OUT row_group integer, OUT leaf integer, OUT column_path text, OUT
		type text, OUT num_values bigint, OUT nulls bigint, OUT distinct_values bigint, OUT nans bigint, OUT min text,
		OUT max text, OUT min_exact boolean, OUT max_exact boolean, OUT raw_min bytea, OUT raw_max bytea,
		OUT bounding_box jsonb, OUT geometry_types integer[]', 'SETOF record'),
	('read', 'location text, options jsonb, server name', 'SETOF record'),
	('read', 'rowtype anyelement, location text, options jsonb, server name', 'SETOF anyelement'),
	('read_support', 'internal', 'internal'),
	('refresh_columns', '"table" regclass, OUT action text, OUT column_name text, OUT data_type text', 'SETOF record'),
	('running_scans', 'OUT pid integer, OUT datid oid, OUT usesysid oid, OUT relid oid, OUT scan_location text, OUT started_at timestamp with
		time zone, OUT files_total bigint, OUT files_done bigint, OUT row_groups_done bigint, OUT rows_scanned bigint,
		OUT bytes_read bigint, OUT percent double precision', 'SETOF record'),
	('write_parquet', 'query text, location text, options jsonb, server name, OUT rows bigint, OUT bytes bigint, OUT
		row_groups integer', 'record');
SELECT set_eq(
	$$ SELECT proname || '(' || pg_get_function_identity_arguments(oid) || ') ' || coalesce(pg_get_function_result(oid), '') FROM functions $$,
	$$ SELECT name || '(' || regexp_replace(arguments, '\s+', ' ', 'g') || ') ' || result FROM promised $$,
	'the functions, their arguments and results are those promised');

-- ---- what holds for all of them

SELECT is_empty(
	$$ SELECT signature FROM functions WHERE 'location' = ANY (proargnames) AND 'server' <> ALL (proargnames) $$,
	'what takes a location takes a server, whose base directories may allow it');
SELECT is_empty(
	$$ SELECT signature FROM functions WHERE proname LIKE 'iceberg\_%' AND (provolatile <> 'v' OR proparallel = 's') $$,
	'so is what reads metadata of tables');
SELECT is_empty(
	$$ SELECT signature FROM functions WHERE 'location' = ANY (proargnames) AND proname <> 'read' AND (provolatile <> 'v' OR proparallel = 's') $$,
	'what reads files is volatile and not parallel safe');
SELECT is_empty(
	$$ SELECT signature FROM functions WHERE proname = 'read' AND (provolatile <> 's' OR prosupport::oid = 0) $$,
	'but for lakehouse.read, which is a scan in plans');
SELECT is_empty(
	$$ SELECT signature FROM functions WHERE (proname = 'cdc_row' OR proname LIKE 'cdc\_snapshot%') AND proparallel <> 'u' $$,
	'what reads for snapshots holds locks and runs subtransactions: not in parallel queries');
SELECT is_empty($$ SELECT signature FROM functions WHERE proleakproof $$, 'none says that it is leakproof');
SELECT is_empty(
	$$ SELECT signature FROM functions WHERE prolang <> (SELECT oid FROM pg_language WHERE lanname = 'c')
		AND proname NOT IN ('policy_admin', 'key_admin', 'auditor', 'policy_holes', 'policy_keys', 'policy_export', 'policy_changes', 'static_copy_schema') $$,
	'all functions are C, but what does nothing, and a list of questions to catalogs');
SELECT is_empty(
	$$ SELECT signature FROM functions WHERE probin IS NOT NULL AND prosrc !~ '^lakehouse_[a-z0-9_]+$' $$,
	'C entry points are called lakehouse_...');
SELECT is_empty(
	$$ SELECT signature FROM functions WHERE probin <> '$libdir/lakehouse' $$,
	'all come from one library');
SELECT is_empty(
	$$ SELECT signature FROM functions WHERE proconfig IS NOT NULL AND NOT proconfig @> '{"search_path=pg_catalog, pg_temp"}' $$,
	'a search_path that is set is the safe one');

-- ---- every entry point has its function, and every function its entry point

LOAD 'lakehouse';
CREATE TEMP TABLE entries AS
	WITH library AS (
		SELECT substring(pg_read_file('/proc/self/maps') FROM '(/[^ \n]*/lakehouse\.so)\n') AS path)
	SELECT DISTINCT m[1] AS entry FROM library,
		regexp_matches(encode(pg_read_binary_file(path), 'escape'), '\\000pg_finfo_(lakehouse_[a-z0-9_]+)(?=\\000)', 'g') m;
SELECT cmp_ok((SELECT count(*) FROM entries), '>', 10::bigint, 'the library has entry points');
SELECT set_eq('SELECT entry FROM entries', 'SELECT prosrc FROM functions WHERE probin IS NOT NULL', 'C entry points and SQL functions are the same');

-- ---- everything else that the extension brings

-- (18 names the row types of tables and views, and arrays of them, too)
SELECT set_eq(
	$$ SELECT pg_describe_object(classid, objid, objsubid) FROM pg_depend
	   WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e' AND classid <> 'pg_proc'::regclass
		AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'lakehouse')
		AND NOT (classid = 'pg_type'::regclass AND EXISTS (
			SELECT FROM pg_type t LEFT JOIN pg_type e ON e.oid = t.typelem
				JOIN pg_class c ON c.oid IN (t.typrelid, e.typrelid)
			WHERE t.oid = objid AND c.relkind <> 'c'))
		AND NOT pg_describe_object(classid, objid, objsubid) ~ '\menc_' $$,
	ARRAY['foreign-data wrapper lakehouse', 'event trigger lakehouse_define', 'table lakehouse.cdc_masks',
		'table lakehouse.cdc_snapshots', 'sequence lakehouse.cdc_snapshots_id_seq',
		'schema lakehouse_policies', 'schema lakehouse_domains', 'table lakehouse.privacy_anchor', 'table lakehouse.key_providers', 'table lakehouse.keys',
		'table lakehouse.key_versions', 'view lakehouse.static_progress', 'table lakehouse.token_vault', 'table lakehouse.encryption_jobs', 'sequence lakehouse.encryption_jobs_job_seq', 'view lakehouse.encryption_progress', 'table lakehouse.subject_stores', 'table lakehouse.erasures', 'table lakehouse.key_rewraps', 'sequence lakehouse.key_rewraps_job_seq',
		'view lakehouse.cdc_health', 'view lakehouse.key_progress', 'view lakehouse.keyring_status', 'view lakehouse.rights', 'view lakehouse.scan_progress'],
	'the other members of the extension');
-- encrypted types: each has casts, and but for jsonb operators and their classes
SELECT set_eq(
	$$ SELECT pg_describe_object(classid, objid, objsubid) FROM pg_depend
	   WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e' AND classid <> 'pg_proc'::regclass
		AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'lakehouse')
		-- 18 names array types as well
		AND pg_describe_object(classid, objid, objsubid) ~ '\menc_' AND pg_describe_object(classid, objid, objsubid) !~ '^type .*\[\]$' $$,
	$$ SELECT format(f, t, b) FROM
		(VALUES ('enc_text', 'text'), ('enc_bytea', 'bytea'), ('enc_bigint', 'bigint'), ('enc_numeric', 'numeric'), ('enc_date', 'date'),
			('enc_timestamptz', 'timestamp with time zone'), ('enc_jsonb', 'jsonb')) types (t, b),
		unnest(ARRAY['type lakehouse.%1$s', 'cast from %2$s to lakehouse.%1$s', 'cast from lakehouse.%1$s to lakehouse.%1$s']
			|| CASE WHEN t <> 'enc_jsonb' THEN ARRAY['operator family lakehouse.%1$s_ops for access method btree', 'operator family lakehouse.%1$s_hash_ops for access method hash',
				'operator class lakehouse.%1$s_ops for access method btree', 'operator class lakehouse.%1$s_hash_ops for access method hash']
			|| (SELECT array_agg(format('operator lakehouse.%s(lakehouse.%%1$s,lakehouse.%%1$s)', o)) FROM unnest(ARRAY['=', '<>', '#<#', '#<=#', '#>=#', '#>#']) o)
			ELSE '{}' END) f
	   UNION ALL VALUES ('cast from character varying to lakehouse.enc_text'), ('cast from integer to lakehouse.enc_bigint'), ('cast from integer to lakehouse.enc_numeric') $$,
	'what encrypted types bring');
SELECT ok(extversion ~ '^\d+\.\d+\.\d+$' AND NOT extrelocatable AND extnamespace = 'lakehouse'::regnamespace,
	'version and schema of the extension') FROM pg_extension WHERE extname = 'lakehouse';
SELECT set_eq(
	$$ SELECT unnest(evttags) FROM pg_event_trigger WHERE evtname = 'lakehouse_define' $$,
	ARRAY['CREATE FOREIGN TABLE', 'ALTER FOREIGN TABLE', 'ALTER TABLE', 'IMPORT FOREIGN SCHEMA'],
	'the commands that the event trigger sees');
SELECT set_eq(
	$$ SELECT name || ' ' || context || ' ' || vartype FROM pg_settings
	   -- is there when the library is preloaded
	   WHERE name LIKE 'lakehouse.%' AND name <> 'lakehouse.key_cache' AND name !~ '^lakehouse\.audit' $$,
	ARRAY['lakehouse.as_of user string', 'lakehouse.decrypt user bool', 'lakehouse.encryption_domain superuser string', 'lakehouse.cdc_mask_key_file superuser string', 'lakehouse.check_crc user bool', 'lakehouse.column_cache user integer', 'lakehouse.delete_cache user integer', 'lakehouse.dictionary_cache user integer', 'lakehouse.float_order user enum',
		'lakehouse.footer_cache user integer', 'lakehouse.instance_metadata_endpoint superuser string', 'lakehouse.key_timeout superuser integer', 'lakehouse.subject_key_store sighup string',
		'lakehouse.manifest_cache user integer', 'lakehouse.max_threads sighup integer',
		'lakehouse.mask_plans superuser enum', 'lakehouse.metadata_order user bool', 'lakehouse.project user enum', 'lakehouse.purpose user string', 'lakehouse.pushdown user bool', 'lakehouse.require_vector user bool', 'lakehouse.simd user enum',
		'lakehouse.threads user integer', 'lakehouse.threads_min_size user integer'],
	'the settings, who may change them, and their types');

SELECT * FROM finish();
ROLLBACK;
