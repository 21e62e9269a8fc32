\set schema test_options
\i sql/include/setup.psql

-- Unknown options name the valid ones and the nearest
CREATE FOREIGN TABLE o (a integer) SERVER lake OPTIONS (lokation '/tmp/x.parquet');
CREATE FOREIGN TABLE o (a integer) SERVER lake OPTIONS (location '/tmp/x.parquet', hive_partitoning 'true');
CREATE FOREIGN TABLE o (a integer OPTIONS (name 'b')) SERVER lake OPTIONS (location '/tmp/x.parquet');
CREATE SERVER s FOREIGN DATA WRAPPER lakehouse OPTIONS (location '/tmp');
CREATE USER MAPPING FOR CURRENT_USER SERVER lake OPTIONS (something 'x');
ALTER FOREIGN DATA WRAPPER lakehouse OPTIONS (ADD debug 'true');

-- location is required, absolute, and holds no credentials
CREATE FOREIGN TABLE o (a integer) SERVER lake;
CREATE FOREIGN TABLE o (a integer) SERVER lake OPTIONS (location '');
CREATE FOREIGN TABLE o (a integer) SERVER lake OPTIONS (location '[]');
CREATE FOREIGN TABLE o (a integer) SERVER lake OPTIONS (location 'data/x.parquet');
CREATE FOREIGN TABLE o (a integer) SERVER lake OPTIONS (location '["/tmp/a.parquet", 5]');
CREATE FOREIGN TABLE o (a integer) SERVER lake OPTIONS (location 'https://me:secret@host/x.parquet');
CREATE FOREIGN TABLE o (a integer) SERVER lake OPTIONS (location 'ftp://host/x.parquet');

-- bad values
CREATE FOREIGN TABLE o (a integer) SERVER lake OPTIONS (location '/tmp/x.parquet', format 'csv');
CREATE FOREIGN TABLE o (a integer) SERVER lake OPTIONS (location '/tmp/x.parquet', hive_partitioning 'perhaps');
CREATE FOREIGN TABLE o (a integer) SERVER lake OPTIONS (location '/tmp/x.parquet', union_by_name 'auto');
CREATE FOREIGN TABLE o (a integer) SERVER lake OPTIONS (location '/tmp/x.parquet', timestamp_ns 'round');
CREATE FOREIGN TABLE o (a integer) SERVER lake OPTIONS (location '/tmp/x.parquet', out_of_range 'ignore');
CREATE FOREIGN TABLE o (a integer) SERVER lake OPTIONS (location '/tmp/x.parquet', filename_column '');
CREATE FOREIGN TABLE o (a integer) SERVER lake OPTIONS (location '/tmp/x.parquet', columns ' , ');
CREATE FOREIGN TABLE o (a integer) SERVER lake OPTIONS (location '/tmp/x.parquet', columns '["a", {}]');
CREATE SERVER s FOREIGN DATA WRAPPER lakehouse OPTIONS (base_directories 'data');
CREATE SERVER s FOREIGN DATA WRAPPER lakehouse OPTIONS (base_directories '/data/../etc');

-- secrets are refused everywhere but in user mappings, and not repeated
CREATE FOREIGN TABLE o (a integer) SERVER lake OPTIONS (location '/tmp/x.parquet', secret_access_key 'hunter2');
CREATE SERVER s FOREIGN DATA WRAPPER lakehouse OPTIONS (password 'hunter2');
CREATE SERVER s FOREIGN DATA WRAPPER lakehouse OPTIONS (session_token 'hunter2');

-- what opens doors is for superusers, also when something else is changed
CREATE ROLE options_user;
GRANT USAGE ON FOREIGN DATA WRAPPER lakehouse TO options_user;
CREATE SERVER s FOREIGN DATA WRAPPER lakehouse OPTIONS (base_directories '/data, /more', allowed_locations '["s3://bucket/"]');
ALTER SERVER s OWNER TO options_user;
SET ROLE options_user;
CREATE SERVER s2 FOREIGN DATA WRAPPER lakehouse;
ALTER SERVER s2 OPTIONS (ADD base_directories '/');
ALTER SERVER s2 OPTIONS (ADD allowed_locations 'https://host/');
ALTER SERVER s OPTIONS (SET base_directories '/');
ALTER SERVER s OPTIONS (DROP allowed_locations);
RESET ROLE;
SELECT srvname, srvoptions FROM pg_foreign_server WHERE srvowner = 'options_user'::regrole ORDER BY 1;

-- good ones
SELECT make_table('good', 'id integer OPTIONS (column_name ''trip_id'')', 'flat/trips.parquet', $$format 'parquet', hive_partitioning 'auto',
	union_by_name 'on', filename_column 'src', columns '["trip_id", "code"]', timestamp_ns 'floor', out_of_range 'error', check_crc 'false'$$);
SELECT id FROM good LIMIT 1;

-- checksums: by option, by setting
SELECT make_table('crc', 'v integer', 'rules/crc_wrong.parquet');
SELECT * FROM outcome('SELECT * FROM crc');
SET lakehouse.check_crc = on;
SELECT what FROM outcome('SELECT * FROM crc');
ALTER FOREIGN TABLE crc OPTIONS (ADD check_crc 'off');
SELECT what FROM outcome('SELECT * FROM crc');
RESET lakehouse.check_crc;
ALTER FOREIGN TABLE crc OPTIONS (SET check_crc 'on');
SELECT what FROM outcome('SELECT * FROM crc');

-- settings
-- how many threads depends on the machine
SELECT name, CASE WHEN name NOT LIKE '%threads' THEN setting END AS setting, unit, vartype, context, enumvals FROM pg_settings WHERE name LIKE 'lakehouse.%' ORDER BY 1;
SET lakehouse.nonsense = 1;
SET lakehouse.simd = 'sse';
SELECT make_table('s', 'trip_id bigint, code text', 'flat/trips.parquet');
SET lakehouse.simd = 'base';
SELECT counter('SELECT trip_id FROM s', 'Instruction Set');
SELECT md5(string_agg(code, ',')) FROM s;
SET lakehouse.simd = 'avx2';
SELECT md5(string_agg(code, ',')) FROM s;
SET lakehouse.simd = 'auto';
SELECT md5(string_agg(code, ',')) FROM s;
SET lakehouse.footer_cache = 0;
SELECT count(trip_id + 0) FROM s;
SELECT counter('SELECT trip_id FROM s', 'Footer Cache Hits') AS hits;
RESET lakehouse.footer_cache;
SELECT count(trip_id + 0) FROM s;
SELECT counter('SELECT trip_id FROM s', 'Footer Cache Hits')::integer > 0 AS hits;

DROP SERVER s, s2;
REVOKE USAGE ON FOREIGN DATA WRAPPER lakehouse FROM options_user;
DROP ROLE options_user;
