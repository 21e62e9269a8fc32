-- demo.sql: Parquet files and Iceberg tables as PostgreSQL tables, in some queries and some that write; a change stream; masks.
-- Run by demo.sh; LAKEHOUSE_DEMO_KEYS is a file of keys, LAKEHOUSE_DEMO_DATA the directory of the sample files:
-- trips/year=2024/month=1..6, zones and places, made by make_data.py; orders, an Iceberg
-- table that Spark wrote (test/fixtures/make/iceberg.py).
\getenv data LAKEHOUSE_DEMO_DATA
\getenv keys LAKEHOUSE_DEMO_KEYS
\set trips :data '/trips'
\set zones :data '/zones.parquet'
\set places :data '/places.parquet'
\set trips_glob :data '/trips/*/*/*.parquet'
\set summary :data '/summary.parquet'
\set june :data '/june.parquet'
\set orders :data '/orders'
\pset null '(null)'
\timing off

\echo
\echo === 1. The extension, a server, and foreign tables which take their columns from the files
\set ECHO queries
CREATE EXTENSION lakehouse;
CREATE SERVER lake FOREIGN DATA WRAPPER lakehouse;
CREATE FOREIGN TABLE trips () SERVER lake OPTIONS (location :'trips');
CREATE FOREIGN TABLE zones () SERVER lake OPTIONS (location :'zones');
CREATE FOREIGN TABLE places () SERVER lake OPTIONS (location :'places');
\d trips
\set ECHO none

\echo
\echo === 2. Rows, as from any table; year and month are directories
\set ECHO queries
SELECT * FROM trips LIMIT 3;
\set ECHO none

\echo
\echo === 3. An exact answer from metadata alone: no page is read
\set ECHO queries
SELECT count(*), min(trip_id), max(trip_id) FROM trips;
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT count(*), min(trip_id), max(trip_id) FROM trips;
\set ECHO none

\echo
\echo === 4. Sums and averages are computed in the vector engine, with the digits PostgreSQL would give
\set ECHO queries
SELECT sum(fare), avg(tip), max(distance_km), count(DISTINCT vendor) FROM trips WHERE payment = 'card' AND passengers >= 2;
\set ECHO none

\echo
\echo === 5. Partitions that cannot hold an answer are not opened, row groups and pages not read
\set ECHO queries
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF)
SELECT sum(fare) FROM trips WHERE month = 3 AND picked_up >= '2024-03-10' AND picked_up < '2024-03-11';
SELECT sum(fare) FROM trips WHERE month = 3 AND picked_up >= '2024-03-10' AND picked_up < '2024-03-11';
\set ECHO none

\echo
\echo === 6. A point look-up reads a page of each column
\set ECHO queries
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT * FROM trips WHERE trip_id = 1054321;
SELECT trip_id, picked_up, fare FROM trips WHERE trip_id = 1054321;
\set ECHO none

\echo
\echo === 7. A condition the engine has no form for: PostgreSQL answers it once for each dictionary entry
\set ECHO queries
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT count(*) FROM trips WHERE upper(vendor) LIKE '%A%';
\set ECHO none

\echo
\echo === 8. Joins, groups and windows are done by PostgreSQL, over rows that the scan makes
\set ECHO queries
SELECT z.name, count(*) AS trips, sum(t.fare) AS fares
FROM trips t JOIN zones z ON z.zone_id = t.pickup_zone
WHERE t.month = 6 GROUP BY z.name ORDER BY fares DESC LIMIT 5;
\set ECHO none

\echo
\echo === 9. Nested values: lists of scalars are arrays, structs and maps are jsonb
\set ECHO queries
SELECT name, centre->'lat' AS lat, neighbours, fixed_fares FROM places LIMIT 3;
\set ECHO none

\echo
\echo === 10. Prepared statements keep their plan and see the files of the moment
\set ECHO queries
PREPARE by_zone(int) AS SELECT count(*), avg(fare) FROM trips WHERE pickup_zone = $1;
EXECUTE by_zone(7);
\set ECHO none

\echo
\echo === 11. Files without a table: read them, look into them
\set ECHO queries
SELECT * FROM lakehouse.read(:'zones') AS t(zone_id smallint, name text) LIMIT 3;
SELECT file_name, row_group, num_rows FROM (SELECT regexp_replace(file, '^.*/trips/', '') AS file_name, row_group, num_rows
	FROM lakehouse.parquet_row_groups(:'trips_glob')) g ORDER BY 1, 2 LIMIT 4;
\set ECHO none

\echo
\echo === 12. Somebody may read a table without any right on its files
\set ECHO queries
CREATE ROLE analyst;
GRANT SELECT ON trips TO analyst;
SET ROLE analyst;
SELECT count(*) FROM trips WHERE shared;
RESET ROLE;

\echo
\echo === 13. Write files: COPY to and from Parquet, or a function that needs no preloaded library
\set ECHO queries
COPY (SELECT pickup_zone, count(*) AS trips, sum(fare)::numeric(12,2) AS fares FROM trips GROUP BY 1)
	TO :'summary' (FORMAT parquet, compression zstd, bloom (pickup_zone));
CREATE TABLE busy_zones (pickup_zone int PRIMARY KEY, trips bigint, fares numeric(12,2), loaded date DEFAULT current_date);
COPY busy_zones (pickup_zone, trips, fares) FROM :'summary' (FORMAT parquet) WHERE trips > 300;
SELECT count(*), sum(trips), sum(fares) FROM busy_zones;
SELECT rows, row_groups FROM lakehouse.write_parquet('SELECT trip_id, fare FROM trips WHERE month = 6', :'june', '{"row_group_size": 10000}');
SELECT column_path, codec, encodings, has_bloom_filter FROM lakehouse.parquet_column_chunks(:'summary');
\set ECHO none

\echo
\echo === 14. An Iceberg table of another engine beside them: rows deleted, a column added, another renamed
\set ECHO queries
CREATE FOREIGN TABLE orders () SERVER lake OPTIONS (location :'orders', rebase_location 'auto');
\d orders
SELECT product, count(*), sum(price) FROM orders GROUP BY product ORDER BY product;
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT * FROM orders WHERE ordered < '2024-01-20' AND price > 20;
SELECT name, type FROM lakehouse.iceberg_refs('orders') ORDER BY name;
\set ECHO none

\echo
\echo === 15. Its past, and a branch: for all tables of a session or transaction, or by an option of one table
\set ECHO queries
SELECT count(*), sum(price) FROM orders;
BEGIN;
SET LOCAL lakehouse.as_of = 'first_quarter';
SELECT count(*), sum(price) FROM orders;
SET LOCAL lakehouse.as_of = 'discount';
SELECT count(*), sum(price) FROM orders;
COMMIT;
SELECT _change_type, count(*), sum((data).price) FROM lakehouse.iceberg_changes(NULL::orders) GROUP BY 1;
\set ECHO none

\echo
\echo === 16. Lake and heap in one query
\set ECHO queries
CREATE TABLE customers (name text PRIMARY KEY, city text);
INSERT INTO customers SELECT 'customer ' || n, (ARRAY['Porto', 'Lyon', 'Graz'])[1 + n % 3] FROM generate_series(0, 8) n;
SELECT c.city, sum(o.price) FROM orders o JOIN customers c ON c.name = o.customer GROUP BY c.city ORDER BY c.city;
\set ECHO none

\echo
\echo === 17. A change stream: every change of a table, in the envelope its consumer reads, with what nobody may see masked
\set ECHO queries
SELECT "check", state FROM lakehouse.cdc_setup();
SELECT slot_name FROM pg_create_logical_replication_slot('changes', 'lakehouse');
ALTER TABLE customers ADD COLUMN mail text;
SELECT lakehouse.cdc_mask_set('customers', 'mail', 'truncate:1');
UPDATE customers SET city = 'Wien', mail = 'anna@example.org' WHERE name = 'customer 2';
DELETE FROM customers WHERE name = 'customer 1';
\pset format unaligned
SELECT data FROM pg_logical_slot_peek_changes('changes', NULL, NULL, 'format', 'json', 'table.include.list', 'public.customers');
SELECT data FROM pg_logical_slot_peek_changes('changes', NULL, NULL, 'format', 'wal2json-v2', 'add-tables', 'public.customers');
SELECT data FROM pg_logical_slot_get_changes('changes', NULL, NULL, 'format', 'debezium-json', 'table.include.list', 'public.customers', 'topic.prefix', 'demo');
\pset format aligned
SELECT pg_drop_replication_slot('changes');
\set ECHO none

\echo
\echo === 18. Privacy: tokens under a key that the database never shows, masks and a row filter for a role, whatever the query
\set ECHO queries
SELECT lakehouse.key_provider_create('dev', 'file', jsonb_build_object('path', :'keys'));
SELECT lakehouse.key_create('payments', 'data', provider => 'dev', kek => 'app');
SELECT lakehouse.domain_create('cards', 'card', 'payments', '{"min_characters": 15}');
CREATE TABLE payments (id int PRIMARY KEY, card text, mail text, amount numeric, country text);
INSERT INTO payments VALUES (1, '4111 1111 1111 1111', 'anna@example.org', 20, 'AT'),
	(2, '5500 0000 0000 0004', 'bert@example.org', 35, 'FR'), (3, '4111 1111 1111 1111', 'anna@example.org', 7, 'AT');
CREATE VIEW spent AS SELECT card, sum(amount) FROM payments GROUP BY card;
GRANT SELECT ON payments, spent TO analyst;
SELECT lakehouse.policy_create('payments', 'payments',
	masks => ARRAY['card', $$lakehouse.mask_fpe(card, 'cards')$$, 'mail', $$lakehouse.mask_email(mail)$$],
	row_filter => $$country = 'AT'$$, for_roles => '{analyst}');
SET ROLE analyst;
SELECT * FROM payments;
SELECT * FROM spent;
SELECT card FROM payments LIMIT 1 \gset
SELECT count(*) FROM payments WHERE card = '4111 1111 1111 1111';
COPY payments TO STDOUT;
RESET ROLE;
SELECT "column", access, expression FROM lakehouse.policy_explain('analyst', 'SELECT card, amount FROM payments');
CREATE ROLE fraud_desk;
SELECT lakehouse.domain_grant('cards', 'detokenize', 'fraud_desk');
SET ROLE fraud_desk;
SELECT lakehouse.detokenize(:'card', 'cards');
RESET ROLE;
\set ECHO none
