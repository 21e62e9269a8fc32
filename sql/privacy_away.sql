-- Columns of foreign tables of other wrappers under policies.  Raw values begin with "RAW".
SELECT count(*) = 0 AS missing FROM pg_available_extensions WHERE name = 'file_fdw' \gset
\if :missing
\echo not run: this server has no file_fdw
\quit
\endif
SET client_min_messages = error;
CREATE ROLE away_owner;
GRANT USAGE ON SCHEMA lakehouse TO PUBLIC;
CREATE SCHEMA aw;
GRANT ALL ON SCHEMA aw TO away_owner;
SET search_path = aw;
CREATE EXTENSION file_fdw;
RESET client_min_messages;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE away (id text, ssn text, city text) SERVER files OPTIONS (program 'echo 1,RAW-away,a', format 'csv');
SELECT lakehouse.policy_create('away', 'away', ARRAY['ssn', 'NULL'], for_roles => '{away_owner}');
ALTER FOREIGN TABLE away OWNER TO away_owner;
SET ROLE away_owner;
-- the second of the file would be the third of the table
ALTER FOREIGN TABLE away DROP COLUMN id;
ALTER FOREIGN TABLE away ADD COLUMN more text;
ALTER FOREIGN TABLE away RENAME COLUMN ssn TO other;
ALTER FOREIGN TABLE away OPTIONS (SET format 'text');
ALTER TABLE away ALTER COLUMN city OPTIONS (force_null 'true');
ALTER FOREIGN TABLE away ALTER COLUMN city SET DEFAULT 'x';
SELECT * FROM away;
RESET ROLE;
SELECT lakehouse.policy_drop('away');
SET client_min_messages = error;
DROP SERVER files CASCADE;
DROP EXTENSION file_fdw;
DROP SCHEMA aw CASCADE;
DROP OWNED BY away_owner;
DROP ROLE away_owner;
