-- Who may call what, and that no function lends its owner's rights, but to change masks.
BEGIN;
SELECT no_plan();

CREATE TEMP VIEW functions AS
	SELECT p.oid::regprocedure::text AS signature, p.*
	FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
		JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'lakehouse';

-- everybody: what asks for ownership, SELECT or REPLICATION itself, what shows no location to others, and what no one can call from SQL
SELECT set_eq(
	$$ SELECT proname::text FROM functions WHERE has_function_privilege('public', oid, 'EXECUTE') $$,
	ARRAY['cdc_ddl_status', 'cdc_formats', 'cdc_heartbeat', 'cdc_options', 'cdc_setup', 'cdc_row', 'cdc_schemas', 'cdc_snapshot_tables', 'cdc_snapshot_plan', 'cdc_snapshot_state', 'cdc_snapshot_note',
		'cdc_snapshot_start', 'cdc_snapshot_cancel', 'cdc_snapshot_forget', 'changes', 'iceberg_changes', 'refresh_columns', 'running_scans',
		'mask_card', 'mask_constant', 'mask_date_trunc', 'mask_email', 'mask_fit', 'mask_floor', 'mask_functions', 'mask_geo', 'mask_ip', 'mask_json', 'mask_null', 'mask_partial', 'mask_phone', 'mask_range', 'mask_range_text', 'mask_regex', 'mask_support',
		-- what the session is
		'purpose', 'subject_role', 'subject_session',
		-- the domain's rights decide; masks yield NULL, and their twins cannot be called
		'detokenize', 'mask_invert', 'vault_detokenize', 'vault_tokenize', 'decrypt', 'enc_analyze', 'enc_bigint', 'enc_bigint_in', 'enc_bigint_out', 'enc_bigint_recv', 'enc_bigint_send', 'enc_bytea', 'enc_bytea_in', 'enc_bytea_out', 'enc_bytea_recv', 'enc_bytea_send', 'enc_cmp', 'enc_date', 'enc_date_in', 'enc_date_out', 'enc_date_recv', 'enc_date_send', 'enc_eq', 'enc_eq_support', 'enc_ge', 'enc_gt', 'enc_hash', 'enc_hash_extended', 'enc_jsonb', 'enc_jsonb_in', 'enc_jsonb_out', 'enc_jsonb_recv', 'enc_jsonb_send', 'enc_le', 'enc_lt', 'enc_ne', 'enc_numeric', 'enc_numeric_in', 'enc_numeric_out', 'enc_numeric_recv', 'enc_numeric_send', 'enc_renew', 'enc_row_renew', 'enc_search', 'enc_stale', 'enc_text', 'enc_text_in', 'enc_text_out', 'enc_text_recv', 'enc_text_send', 'enc_timestamptz', 'enc_timestamptz_in', 'enc_timestamptz_out', 'enc_timestamptz_recv', 'enc_timestamptz_send', 'enc_typmod_in', 'enc_typmod_out', 'enc_value_stale', 'encrypt', 'encryption_version', 'search', 'subject_decrypt', 'subject_encrypt', 'mask_date_shift', 'mask_date_shift_run', 'mask_fake_city', 'mask_fake_city_run', 'mask_fake_company', 'mask_fake_company_run', 'mask_fake_email', 'mask_fake_email_run', 'mask_fake_first_name', 'mask_fake_first_name_run', 'mask_fake_last_name', 'mask_fake_last_name_run', 'mask_fake_name', 'mask_fake_name_run', 'mask_fake_phone', 'mask_fake_phone_run', 'mask_fake_street', 'mask_fake_street_run', 'mask_fpe', 'mask_fpe_run', 'mask_gate', 'mask_hash', 'mask_hash_run', 'mask_noise', 'mask_noise_run', 'tokenize'],
	'PUBLIC executes only what is harmless');

-- what takes a location is for those who may read any file of the server
SELECT ok(has_function_privilege('pg_read_server_files', oid, 'EXECUTE'), 'pg_read_server_files executes ' || signature)
FROM functions WHERE 'location' = ANY (proargnames) AND proname <> 'write_parquet' ORDER BY signature;
SELECT ok(NOT has_function_privilege('public', oid, 'EXECUTE'), 'PUBLIC does not execute ' || signature)
FROM functions WHERE 'location' = ANY (proargnames) ORDER BY signature;

SELECT ok(has_function_privilege('pg_write_server_files', oid, 'EXECUTE') AND NOT has_function_privilege('pg_read_server_files', oid, 'EXECUTE'),
	'writing is for pg_write_server_files: ' || signature)
FROM functions WHERE proname = 'write_parquet';
SELECT is(proconfig, NULL, 'queries to be written see the search_path of their caller') FROM functions WHERE proname = 'write_parquet';

-- who was granted these may change the table of masks, and nothing else
SELECT set_eq($$ SELECT proname::text FROM functions WHERE prosecdef $$, ARRAY['cdc_mask_set', 'cdc_mask_drop'],
	'no other function is SECURITY DEFINER');
SELECT is_empty($$ SELECT signature FROM functions WHERE prosecdef AND NOT coalesce(proconfig, '{}') @> '{"search_path=pg_catalog, pg_temp"}' $$,
	'and those pin their search_path');
SELECT is_empty(
	$$ SELECT signature FROM functions
	   WHERE proname IN ('define', 'refresh_columns', 'ddl', 'create_types') AND NOT coalesce(proconfig, '{}') @> '{"search_path=pg_catalog, pg_temp"}' $$,
	'functions that run or print SQL pin their search_path');
SELECT is_empty(
	$$ SELECT signature FROM functions WHERE pronamespace <> 'lakehouse'::regnamespace $$,
	'all functions are in schema lakehouse');
SELECT is_empty(
	$$ SELECT signature FROM functions WHERE proname NOT LIKE 'fdw\_%' AND obj_description(oid, 'pg_proc') IS NULL $$,
	'every function says what it is');

SELECT results_eq(
	$$ SELECT evtevent::text COLLATE "default", evtenabled::text, evtfoid::regproc::text COLLATE "default" FROM pg_event_trigger WHERE evtname = 'lakehouse_define' $$,
	$$ VALUES ('ddl_command_end', 'A', 'lakehouse.define') $$,
	'the event trigger fires always');

-- snapshots of change streams ask for REPLICATION themselves, whoever owns them, and lend their owner's rights to nobody
CREATE ROLE tap_replicator REPLICATION;
CREATE ROLE tap_member;
GRANT tap_replicator TO tap_member;
GRANT USAGE ON SCHEMA lakehouse TO tap_replicator, tap_member;
CREATE TABLE tap_rows (id int PRIMARY KEY);
INSERT INTO tap_rows VALUES (1);
GRANT SELECT ON tap_rows TO PUBLIC;
GRANT USAGE ON SCHEMA public TO tap_replicator, tap_member;
CREATE TEMP TABLE tap_calls AS SELECT unnest(ARRAY[
	'SELECT lakehouse.cdc_row(t.*, ''{}'') FROM tap_rows t', 'SELECT * FROM lakehouse.cdc_schemas(''{format,avro}'')', 'SELECT * FROM lakehouse.cdc_snapshot_tables(''{}'')', 'SELECT * FROM lakehouse.cdc_snapshot_state(''s'')',
	'SELECT lakehouse.cdc_snapshot_forget(''s'')', 'SELECT lakehouse.cdc_snapshot_cancel(''s'', 1)', 'SELECT * FROM lakehouse.cdc_snapshot_plan(''s'', ''0/1'', 1, ''{}'', ''{}'', ''{}'', ''{}'', ''{}'')',
	'SELECT lakehouse.cdc_snapshot_note(1, NULL, NULL, NULL, NULL, NULL, NULL, NULL)', 'SELECT lakehouse.cdc_snapshot_start(''s'', ''tap_rows'')']) AS call;
GRANT SELECT ON tap_calls TO PUBLIC;
SET LOCAL ROLE tap_member;
SELECT throws_ok(call, '42501', NULL, 'a member of a role with REPLICATION has it not: ' || call) FROM tap_calls;
RESET ROLE;
SET LOCAL ROLE tap_replicator;
SELECT lives_ok(call, 'REPLICATION is enough: ' || call) FROM tap_calls WHERE call !~ 'plan|note|start';
SELECT throws_ok(call, '42704', NULL, 'what is not there is told of: ' || call) FROM tap_calls WHERE call ~ 'plan|note|start';
SELECT throws_ok('SELECT * FROM lakehouse.cdc_snapshots', '42501', NULL, 'the table itself is for its owner');
SELECT is(current_user::text, 'tap_replicator', 'and nobody is left as its owner');
RESET ROLE;
SELECT is_empty($$ SELECT proname FROM functions WHERE proname LIKE 'cdc\_snapshot%' AND prosecdef $$, 'no function of snapshots is SECURITY DEFINER');

-- a role without any right
CREATE ROLE tap_none;
CREATE SERVER tap_server FOREIGN DATA WRAPPER lakehouse;
GRANT USAGE ON FOREIGN SERVER tap_server TO tap_none;
CREATE SCHEMA tap AUTHORIZATION tap_none;
SET LOCAL ROLE tap_none;
SELECT throws_ok(
	$$ CREATE FOREIGN TABLE tap.t (a int) SERVER tap_server OPTIONS (location '/etc/passwd') $$,
	'42501', 'permission denied for location "/etc/passwd"', 'no table on any file');
SELECT throws_ok(
	$$ IMPORT FOREIGN SCHEMA s FROM SERVER tap_server INTO tap OPTIONS (location '/etc') $$,
	'42501', 'permission denied for location "/etc"', 'no import of any directory');
SELECT throws_ok(
	$$ CREATE SERVER mine FOREIGN DATA WRAPPER lakehouse OPTIONS (base_directories '/') $$,
	'42501', NULL, 'no server of its own');
RESET ROLE;
GRANT USAGE ON FOREIGN DATA WRAPPER lakehouse TO tap_none;
SET LOCAL ROLE tap_none;
SELECT throws_ok(
	$$ CREATE SERVER mine FOREIGN DATA WRAPPER lakehouse OPTIONS (base_directories '/') $$,
	'42501', NULL, 'no base directory on a server of its own');
SELECT throws_ok(
	$$ CREATE SERVER mine FOREIGN DATA WRAPPER lakehouse OPTIONS (allowed_locations '["s3://"]') $$,
	'42501', NULL, 'no allowed location either');
SELECT lives_ok($$ CREATE SERVER mine FOREIGN DATA WRAPPER lakehouse $$, 'a server without them');
SELECT throws_ok(
	$$ CREATE FOREIGN TABLE tap.t (a int) SERVER mine OPTIONS (location '/etc/passwd') $$,
	'42501', 'permission denied for location "/etc/passwd"', 'which gives no right');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
