-- A dump holds the columns, so it restores where the files are not.
\i sql/include/lake.psql
\set dir :fixtures /dumped
\setenv DIR :dir
\! mkdir -p $DIR && cp -r $LAKEHOUSE_FIXTURES/names $LAKEHOUSE_FIXTURES/hive $LAKEHOUSE_FIXTURES/union $DIR
\set db :DBNAME
\set names :dir /names/awkward.parquet
\set hive :dir /hive
\set union :dir /union
CREATE DATABASE regress_lake_dumped;
CREATE DATABASE regress_lake_restored;
CREATE ROLE regress_lake_owner;

\c regress_lake_dumped
CREATE EXTENSION lakehouse;
CREATE SERVER lake FOREIGN DATA WRAPPER lakehouse OPTIONS (base_directories :'dir');
GRANT USAGE ON FOREIGN SERVER lake TO regress_lake_owner;
GRANT ALL ON SCHEMA public TO regress_lake_owner;
SET ROLE regress_lake_owner;
CREATE FOREIGN TABLE awkward () SERVER lake OPTIONS (location :'names');
CREATE FOREIGN TABLE hive () SERVER lake OPTIONS (location :'hive');
ALTER FOREIGN TABLE hive RENAME COLUMN amount TO cost;
CREATE FOREIGN TABLE "all of it" () SERVER lake OPTIONS (location :'union', union_by_name 'true');
RESET ROLE;
CREATE TABLE parted (id int, amount float, year int, month int) PARTITION BY LIST (year);
CREATE FOREIGN TABLE part PARTITION OF parted DEFAULT SERVER lake OPTIONS (location :'hive');
CREATE VIEW v AS SELECT * FROM hive JOIN "all of it" USING (id);
CREATE TABLE before AS SELECT 'awkward' AS t, md5(string_agg(a::text, ',' ORDER BY id)) FROM awkward a
	UNION ALL SELECT 'hive', md5(string_agg(h::text, ',' ORDER BY id)) FROM hive h
	UNION ALL SELECT 'parted', md5(string_agg(p::text, ',' ORDER BY id)) FROM parted p
	UNION ALL SELECT 'all', md5(string_agg(u::text, ',' ORDER BY id)) FROM "all of it" u;
\! pg_dump -Fc -d regress_lake_dumped -f $DIR/dump

-- the files go, the dump is restored without a word
\! mkdir $DIR/away && mv $DIR/names $DIR/hive $DIR/union $DIR/away
\! pg_restore --exit-on-error --single-transaction -d regress_lake_restored $DIR/dump && echo restored
\c regress_lake_restored
SELECT relname, pg_get_userbyid(relowner) = 'regress_lake_owner' AS owned, (SELECT count(*) FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0) AS columns
FROM pg_class c WHERE relkind = 'f' ORDER BY 1;
\set VERBOSITY sqlstate
SELECT * FROM hive;
\set VERBOSITY default

-- the files come back, and with them the rows
\! mv $DIR/away/* $DIR
SELECT t, md5 = CASE t WHEN 'awkward' THEN (SELECT md5(string_agg(a::text, ',' ORDER BY id)) FROM awkward a)
	WHEN 'hive' THEN (SELECT md5(string_agg(h::text, ',' ORDER BY id)) FROM hive h)
	WHEN 'parted' THEN (SELECT md5(string_agg(p::text, ',' ORDER BY id)) FROM parted p)
	ELSE (SELECT md5(string_agg(u::text, ',' ORDER BY id)) FROM "all of it" u) END AS same_rows
FROM before ORDER BY t;
-- the owner still has no right to other files
SELECT has_foreign_data_wrapper_privilege('regress_lake_owner', 'lakehouse', 'USAGE') AS wrapper,
	has_server_privilege('regress_lake_owner', 'lake', 'USAGE') AS server;

-- as text it is the same
\! pg_dump -d regress_lake_dumped | grep -v '^--' > $DIR/1.sql
\! pg_dump -d regress_lake_restored | grep -v '^--' > $DIR/2.sql
\! grep -v '^.\(un\)\?restrict' $DIR/1.sql > $DIR/1; grep -v '^.\(un\)\?restrict' $DIR/2.sql > $DIR/2; cmp $DIR/1 $DIR/2 && echo equal
-- extension, server and event trigger went away and came again with the extension
SELECT evtname, evtenabled, array_length(evttags, 1) FROM pg_event_trigger;

\c :db
DROP DATABASE regress_lake_dumped;
DROP DATABASE regress_lake_restored;
DROP ROLE regress_lake_owner;
\! rm -r $DIR
