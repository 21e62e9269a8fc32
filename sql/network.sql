\set schema test_network
\i sql/include/setup.psql

-- What can be said without a network: options, what is covered, who may.  The
-- rows are those of test/tap/t/remote.pl.

-- options of a server
CREATE SERVER n FOREIGN DATA WRAPPER lakehouse OPTIONS (allowed_locations ' , ');
CREATE SERVER n FOREIGN DATA WRAPPER lakehouse OPTIONS (allowed_locations 'https://u:hunter2@h/');
CREATE SERVER n FOREIGN DATA WRAPPER lakehouse OPTIONS (allowed_locations 'https://h/../x');
CREATE SERVER n FOREIGN DATA WRAPPER lakehouse OPTIONS (allowed_locations 's3://b/*');
CREATE SERVER n FOREIGN DATA WRAPPER lakehouse OPTIONS (allowed_locations '10.0.0.0/40');
CREATE SERVER n FOREIGN DATA WRAPPER lakehouse OPTIONS (allowed_locations '/tmp');
CREATE SERVER n FOREIGN DATA WRAPPER lakehouse OPTIONS (endpoint 'minio:9000');
CREATE SERVER n FOREIGN DATA WRAPPER lakehouse OPTIONS (endpoint 'https://h/path');
CREATE SERVER n FOREIGN DATA WRAPPER lakehouse OPTIONS (region 'eu/../x');
CREATE SERVER n FOREIGN DATA WRAPPER lakehouse OPTIONS (url_style 'dns');
CREATE SERVER n FOREIGN DATA WRAPPER lakehouse OPTIONS (credential_chain 'metadata');
CREATE SERVER n FOREIGN DATA WRAPPER lakehouse OPTIONS (ca_file 'ca.pem');
CREATE SERVER n FOREIGN DATA WRAPPER lakehouse OPTIONS (
	allowed_locations '["https://data.example.com/open/", "s3://bucket/lake", "files.example.com", "192.0.2.0/24"]',
	endpoint 'https://minio.example.com:9000', region 'eu-central-1', url_style 'path', credential_chain 'environment, profile');

-- credentials: only in user mappings, never repeated
CREATE USER MAPPING FOR CURRENT_USER SERVER n OPTIONS (access_key_id '');
CREATE USER MAPPING FOR CURRENT_USER SERVER n OPTIONS (bearer_token E'hunter2\nx: y');
CREATE USER MAPPING FOR CURRENT_USER SERVER n OPTIONS (secret_file 'relative.json');
CREATE USER MAPPING FOR CURRENT_USER SERVER n OPTIONS (access_key_id 'AKIA', secret_access_key 'hunter2', session_token 'x');
CREATE SERVER m FOREIGN DATA WRAPPER lakehouse OPTIONS (secret_file '/etc/x.json');

-- what is covered
CREATE FUNCTION may(location text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE FOREIGN TABLE probe (a int) SERVER n OPTIONS (location %L)', location);
	DROP FOREIGN TABLE probe;
	RETURN 'yes';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT l, may(l) FROM unnest(ARRAY[
	'https://data.example.com/open/x.parquet',
	'HTTPS://DATA.example.com:443/%6Fpen/x.parquet',
	'https://data.example.com/open/x.parquet?version=3',
	'https://data.example.com/opened/x.parquet',
	'https://data.example.com/x.parquet',
	'https://data.example.com:8443/open/x.parquet',
	'http://data.example.com/open/x.parquet',
	'https://data.example.com.evil.net/open/x.parquet',
	'https://data.example.com/open/../x.parquet',
	'https://data.example.com/open/%2e%2E/x.parquet',
	'https://data.example.com/open%2fx.parquet',
	'https://data.example.com/open/*.parquet',
	'https://data.example.com/open/x.parquet?X-Amz-Signature=hunter2',
	'http://files.example.com:8080/x.parquet',
	'https://192.0.2.77/x.parquet',
	'https://192.0.3.1/x.parquet',
	'https://0xC000024D/x.parquet',
	's3://bucket/lake',
	's3a://bucket/lake/a b/**/*.parquet',
	's3n://bucket/lake/{a,b}.parquet',
	's3://bucket/lakeside/x.parquet',
	's3://bucket/l*',
	's3://bucket/lake/../x',
	's3://other/lake/x',
	's3://key:hunter2@bucket/lake/x',
	's3:/bucket/lake',
	'["s3://bucket/lake/x", "s3://other/y"]']) l;

-- a server is needed, and the right to use it
SELECT * FROM lakehouse.list('https://data.example.com/open/x.parquet');
SELECT * FROM lakehouse.list('s3://bucket/lake', 'lake');
CREATE ROLE network_user;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA lakehouse TO network_user;
GRANT CREATE, USAGE ON SCHEMA test_network TO network_user;
SET ROLE network_user;
SELECT * FROM lakehouse.list('s3://bucket/lake', 'n');
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER n TO network_user;
SET ROLE network_user;
CREATE FOREIGN TABLE theirs (a int) SERVER n OPTIONS (location 's3://bucket/lake/x.parquet');
ALTER FOREIGN TABLE theirs OPTIONS (SET location 's3://bucket/other.parquet');
ALTER FOREIGN TABLE theirs OPTIONS (SET location '/etc/passwd');
CREATE USER MAPPING FOR network_user SERVER n OPTIONS (secret_file '/etc/passwd');
CREATE USER MAPPING FOR network_user SERVER n OPTIONS (access_key_id 'AKIA', secret_access_key 'hunter2');
SELECT umoptions FROM pg_user_mappings WHERE srvname = 'n' AND usename <> 'network_user';
RESET ROLE;
-- the scan checks again
ALTER SERVER n OPTIONS (SET allowed_locations 's3://elsewhere');
SELECT * FROM theirs;
REVOKE USAGE ON FOREIGN SERVER n FROM network_user;
SELECT * FROM theirs;

-- a secret file that is none
CREATE USER MAPPING FOR PUBLIC SERVER n OPTIONS (secret_file '/etc/passwd');
DROP USER MAPPING FOR CURRENT_USER SERVER n;
SELECT * FROM lakehouse.list('s3://elsewhere/x', 'n');

DROP FOREIGN TABLE theirs;
DROP SERVER n CASCADE;
DROP OWNED BY network_user;
DROP ROLE network_user;
