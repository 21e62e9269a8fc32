-- demo.sql: Parquet files as PostgreSQL tables, in a dozen queries.
-- Run by demo.sh; LAKEHOUSE_DEMO_DATA is the directory of the sample files.
\getenv data LAKEHOUSE_DEMO_DATA
\set trips :data '/trips.parquet'
\pset null '(null)'
\timing off

\echo
\echo === 1. The extension, a server, and a foreign table which takes its columns from the file
\set ECHO queries
CREATE EXTENSION lakehouse;
CREATE SERVER lake FOREIGN DATA WRAPPER lakehouse;
CREATE FOREIGN TABLE trips () SERVER lake OPTIONS (location :'trips');
\d trips

\echo
\echo === 2. Rows, as from any table
SELECT * FROM trips LIMIT 5;
SELECT count(*) FROM trips;

\echo
\echo === 3. What the scan read, and what it did not have to read
EXPLAIN (ANALYZE, VERBOSE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT count(*) FROM trips;
