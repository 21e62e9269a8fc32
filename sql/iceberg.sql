-- Iceberg tables: what is read, what EXPLAIN shows, which options there are.
\set schema t_iceberg
\i sql/include/iceberg.psql

-- columns get their field ids when the table is made
SELECT ice('orders', 'demo/orders');
SELECT * FROM columns_of('orders');
SELECT count(*), sum(price), min(ordered), max(ordered), count(product) FROM orders;
SELECT * FROM orders WHERE id IN (1, 4, 30, 61, 90) ORDER BY id;
SELECT product, count(*) FROM orders WHERE product IS NOT NULL GROUP BY product ORDER BY product;

-- what EXPLAIN shows: the state that was read, manifests, files by reason, deletes
SELECT without_ids(l) FROM plan('SELECT * FROM orders WHERE id < 10', 'ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF') l
WHERE l !~ 'Pages|Manifest.* Cache';
SELECT without_ids(l) FROM plan('SELECT sum(price) FROM orders WHERE ordered < ''2024-01-20''', 'ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF') l
WHERE l !~ 'Pages|Manifest.* Cache';
SELECT counter('SELECT * FROM orders WHERE ordered = ''2024-03-15''', 'Files') AS files,
	counter('SELECT * FROM orders WHERE ordered = ''2024-03-15''', 'Files Pruned by Partition Tuple') AS pruned;
-- of what planning read, execution decodes nothing again but opens all: the list, then its manifests
SELECT counter('SELECT * FROM orders', 'Manifest List Cache Hits') AS lists,
	counter('SELECT * FROM orders', 'Manifest Cache Hits') AS manifests;
-- without ANALYZE no file is opened
SELECT ice('nowhere', '/no/such/directory', '', 'id int');
SELECT * FROM plan('SELECT * FROM nowhere') l;
SELECT * FROM result('SELECT * FROM nowhere');
-- planning reads the manifest list: rows less deleted ones
SELECT substring(l FROM 'rows=\d+') FROM plan('SELECT * FROM orders', 'COSTS ON') l LIMIT 1;

-- deletes of all kinds
SELECT ice('mor', 'v2/mor');
SELECT count(*), sum(id), count(*) FILTER (WHERE f = 'NaN') FROM mor;
SELECT counter('SELECT sum(id) FROM mor', 'Rows Deleted by Position') AS by_position,
	counter('SELECT count(*) FROM mor', 'Rows Deleted by Position') AS counted;
SELECT ice('equality', 'v2/equality_partitioned');
SELECT * FROM equality ORDER BY id, v;
SELECT ice('vectors', 'v3/vectors');
SELECT count(*), sum(id) FROM vectors;

-- options
SELECT * FROM result($$SELECT ice('bad', 'v2/mor', 'snapshot_id ''seven''')$$);
SELECT * FROM result($$SELECT ice('bad', 'v2/mor', 'snapshot_id ''0''')$$);
SELECT * FROM result($$SELECT ice('bad', 'v2/mor', 'snapshot_time ''yester day''')$$);
SELECT * FROM result($$SELECT ice('bad', 'v2/mor', 'snapshot_time ''infinity''')$$);
SELECT * FROM result($$SELECT ice('bad', 'v2/mor', 'snapshot_id ''1'', ref ''main''')$$);
SELECT * FROM result($$SELECT ice('bad', 'v2/mor', 'dropped_columns ''zero''')$$);
SELECT * FROM result($$SELECT ice('bad', 'v2/mor', 'table_name ''mor''')$$);
SELECT * FROM result($$SELECT ice('bad', 'v2/mor', '', 'id int OPTIONS (field_id ''x'')')$$);
SELECT * FROM result($$SELECT ice('bad', 'v2/mor', 'format ''parquet''', 'id int')$$);
SELECT * FROM result($$SELECT count(*) FROM bad$$);
SELECT * FROM result($$SELECT ice('bad', 'v2', 'format ''iceberg''', 'id int')$$);
SELECT * FROM result($$SELECT count(*) FROM bad$$);
-- metadata files without a hint are taken only on request; files may be named
SELECT * FROM result($$SELECT ice('types', 'py/types')$$);
SELECT ice('types', 'py/types', 'allow_version_guess ''true''');
SELECT count(*) FROM types;
-- a table that was moved is rebased only on request, and then nothing else of what its metadata names is opened
CREATE SERVER lake_moved FOREIGN DATA WRAPPER lakehouse OPTIONS (base_directories :'fixtures');
CREATE ROLE ice_reader;
GRANT USAGE ON FOREIGN SERVER lake_moved TO ice_reader;
GRANT ALL ON SCHEMA t_iceberg TO ice_reader;
SET ROLE ice_reader;
SELECT run(format('CREATE FOREIGN TABLE moved (id int) SERVER lake_moved OPTIONS (location %L)', fixture('iceberg/warehouse/demo/orders')));
SELECT * FROM result('SELECT count(*) FROM moved');
ALTER FOREIGN TABLE moved OPTIONS (ADD rebase_location '/tmp/lakehouse_fixtures/warehouse/demo/orders');
SELECT count(*) FROM moved;
ALTER FOREIGN TABLE moved OPTIONS (SET rebase_location '/elsewhere');
SELECT * FROM result('SELECT count(*) FROM moved');
RESET ROLE;
DROP OWNED BY ice_reader;
DROP ROLE ice_reader;
DROP SERVER lake_moved;

-- metadata columns: by option, or by their names; _deleted brings deleted rows
SELECT ice('meta', 'demo/orders', 'metadata_columns ''true''');
SELECT * FROM columns_of('meta');
SELECT ice('declared', 'demo/orders', '', 'id int, _file text, _pos bigint, _spec_id int, _partition jsonb, _deleted boolean');
SELECT id, _file ~ '\.parquet$' AS file, _pos, _spec_id, _partition FROM declared WHERE id IN (2, 61) ORDER BY id;
SELECT _deleted, count(*) FROM declared GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM declared;
SELECT ice('lineage', 'v3/vectors', '', 'id bigint, _row_id bigint, _last_updated_sequence_number bigint');
SELECT count(DISTINCT _row_id) = count(*) AS unique_ids, min(_row_id) FROM lineage;

-- some columns only
SELECT ice('some', 'demo/orders', 'columns ''price, id''');
SELECT * FROM columns_of('some');

-- lakehouse.read and lakehouse.ddl
SELECT count(*) FROM lakehouse.read(fixture('iceberg/warehouse/demo/orders'), '{"rebase_location": "auto"}') AS t(id int);
SELECT without_path(lakehouse.ddl(fixture('iceberg/warehouse/demo/orders'), options => '{"rebase_location": "auto"}'));

-- joins, partitions, threads and parallel plans see the same rows
CREATE TABLE parts (id int, ordered date, customer text, product text, price numeric(9, 2)) PARTITION BY LIST (product);
CREATE TABLE parts_other PARTITION OF parts FOR VALUES IN ('other');
INSERT INTO parts VALUES (1000, '2025-01-01', 'x', 'other', 1);
ALTER TABLE parts ATTACH PARTITION orders DEFAULT;
SELECT count(*), sum(price) FROM parts;
SELECT count(*), sum(price) FROM parts WHERE product = 'tea';
SELECT count(*) FROM parts p JOIN mor m USING (id);
SET lakehouse.threads = 3;
SET lakehouse.threads_min_size = 0;
SELECT count(*), sum(price), max(customer) FROM orders;
RESET lakehouse.threads;
RESET lakehouse.threads_min_size;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET cpu_operator_cost = 10;
SELECT l FROM plan('SELECT id FROM mor WHERE id > 5 ORDER BY id') l WHERE l ~ 'Gather|Scan';
SELECT count(*), sum(id) FROM (SELECT id FROM mor WHERE id > 5 OFFSET 0) s;
PREPARE over AS SELECT count(*) FROM (SELECT * FROM mor WHERE id > $1 OFFSET 0) s;
EXECUTE over(5);
EXECUTE over(40);
-- aggregates of partitions by parallel plans
SET enable_partitionwise_aggregate = on;
SELECT l FROM plan('SELECT count(*), sum(price) FROM parts') l WHERE l ~ 'Gather|Scan|Append|Aggregate';
SELECT count(*), sum(price) FROM parts;
RESET enable_partitionwise_aggregate;
-- what is not split among workers stays in the leader, who alone knows the pin
SET enable_mergejoin = off;
SELECT l FROM plan('SELECT count(*) FROM mor a JOIN orders b USING (id)') l WHERE l ~ 'Gather|Scan|Join';
SELECT count(*) FROM mor a JOIN orders b USING (id);
RESET enable_mergejoin;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET cpu_operator_cost;

-- nested loops list the files anew for each value
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SELECT count(*), sum(price) FROM (VALUES (1), (61), (70), (4)) v(id), LATERAL (SELECT * FROM orders o WHERE o.id = v.id OFFSET 0) s;
RESET enable_hashjoin;
RESET enable_mergejoin;

-- an order that nobody can vouch for is not believed
SELECT ice('sorted', 'demo/orders', 'sorted_by ''id''');
SELECT l FROM plan('SELECT id FROM sorted ORDER BY id') l WHERE l ~ 'Sort|Order|Scan';
SELECT id FROM sorted ORDER BY id LIMIT 3;

-- distinct values that another engine has counted reach the planner
SELECT ice('statistics', 'v2/statistics');
SELECT substring(l FROM 'rows=\d+') FROM plan('SELECT DISTINCT kind FROM statistics', 'COSTS ON') l LIMIT 1;
SELECT count(DISTINCT kind) FROM statistics;
ANALYZE statistics;
SELECT count(*) > 0 AS analyzed FROM pg_stats WHERE schemaname = 't_iceberg' AND tablename = 'statistics';

-- who says that there are Parquet files means these, whoever reads the place as a table
SELECT ice('mor_table', 'v2/mor');
SELECT ice('mor_files', 'v2/mor', 'format ''parquet''', 'id bigint');
ALTER FOREIGN TABLE mor_files OPTIONS (DROP rebase_location);
SELECT count(*) FROM mor_table;
SELECT regexp_replace(r, ', found.*', '') FROM result('SELECT (SELECT count(*) FROM mor_table), (SELECT count(*) FROM mor_files)') r WHERE r !~ '^ ';
SET lakehouse.as_of = 'no_such_branch';
CREATE FOREIGN TABLE gone (id int) SERVER lake OPTIONS (location '/nowhere/at/all', format 'parquet');
SELECT * FROM result('SELECT count(*) FROM gone');
SELECT * FROM result('SELECT count(*) FROM mor_table');
RESET lakehouse.as_of;

\! rm -rf $WORK
