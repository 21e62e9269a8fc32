-- Hive partitions: values of directories are columns.
\i sql/include/lake.psql

SELECT make_table('hive', '', 'hive');
SELECT * FROM columns_of('hive');
SELECT rows_unlike('hive', 'hive.csv');
SELECT make_table('hive_text', '', 'hive_text');
SELECT * FROM columns_of('hive_text');
SELECT rows_unlike('hive_text', 'hive_text.csv');
SELECT make_table('hive_types', '', 'hive_types');
SELECT * FROM columns_of('hive_types');
-- what is no integer and no date stays text, unless another type is declared
SELECT make_table('hive_real', 'id int, d date, n int, big bigint, r float, mixed text', 'hive_types');
SELECT rows_unlike('hive_real', 'hive_types.csv');

-- pruned by partition, and counted
SELECT id, amount FROM hive WHERE year = 2023 AND month > 1 ORDER BY id;
SELECT counter('SELECT id FROM hive WHERE year = 2023 AND month > 1', 'Files Pruned by Partition');
SELECT count(*) FROM hive_text WHERE city IS NULL;
SELECT counter('SELECT id FROM hive_text WHERE city IS NULL', 'Files Pruned by Partition');
SELECT id FROM hive_types WHERE d > '2024-02-29';
SELECT year, month, count(*), min(id) FROM hive GROUP BY 1, 2 ORDER BY 1, 2;

-- off: directories mean nothing; on: every file must have them
SELECT make_table('hive_off', '', 'hive', $$hive_partitioning 'false'$$);
SELECT * FROM columns_of('hive_off');
SELECT make_table('hive_on', '', 'hive', $$hive_partitioning 'true'$$);
SELECT * FROM columns_of('hive_on');
SELECT * FROM outcome($$ SELECT make_table('hive_none', '', 'union', 'hive_partitioning ''true''') $$);

-- a glob below the partitions
SELECT make_table('hive_glob', '', 'hive/year=*/month={1,12}/*.parquet');
SELECT year, month, count(*) FROM hive_glob GROUP BY 1, 2 ORDER BY 1, 2;

-- a key that the files hold too is checked
SELECT make_table('hive_same', '', 'hive_same');
SELECT * FROM columns_of('hive_same');
SELECT id, year FROM hive_same ORDER BY year, id;
SELECT make_table('hive_clash', '', 'hive_clash');
SELECT * FROM outcome('SELECT year FROM hive_clash');

-- a declared type is the user's choice
SELECT make_table('hive_declared', 'id int, year text, month text', 'hive');
SELECT year, month, count(*) FROM hive_declared GROUP BY 1, 2 ORDER BY 1, 2;

DROP FOREIGN TABLE hive, hive_text, hive_types, hive_off, hive_on, hive_glob, hive_same, hive_clash, hive_declared, hive_real;
