-- Functions that describe files without creating anything.
\i sql/include/lake.psql
\set trips :fixtures /flat/trips.parquet
\set glob :fixtures /glob

-- files
SELECT without_path(path), size, modified > '2020-01-01' AS modified FROM lakehouse.list(:'glob');
SELECT without_path(path) FROM lakehouse.list(fixture('hive/*/month=1/*'));
SELECT count(*) FROM lakehouse.list(to_json(ARRAY[fixture('union'), fixture('glob/a?.parquet')])::text);
SELECT * FROM outcome($$ SELECT * FROM lakehouse.list('/nowhere') $$);
SELECT * FROM outcome($$ SELECT * FROM lakehouse.list('here') $$);
SELECT * FROM lakehouse.list(NULL);

-- footers
SELECT without_path(file) AS file, size, num_rows, row_groups, columns, format_version,
	regexp_replace(created_by, '[0-9.]+', 'N') AS created_by, footer_size, has_column_orders
FROM lakehouse.parquet_metadata(:'trips');
SELECT without_path(file) AS file, num_rows, row_groups FROM lakehouse.parquet_metadata(fixture('hive'));
SELECT column_path, depth, leaf, repetition, physical_type, type_length AS len, converted_type, logical_type,
	decimal_precision AS p, decimal_scale AS s, type, sql_type
FROM lakehouse.parquet_schema(fixture('flat/alltypes.parquet'));
SELECT column_path, depth, leaf, repetition, children, max_definition_level AS def, max_repetition_level AS rep, type, sql_type
FROM lakehouse.parquet_schema(fixture('nested/mixed.parquet'));
SELECT column_path, name, sql_type FROM lakehouse.parquet_schema(fixture('names/dotted.parquet'));
SELECT row_group, first_row, num_rows, uncompressed_size > 0 AS size, compressed_size > 0 AS compressed, sorted_by
FROM lakehouse.parquet_row_groups(:'trips');
SELECT sorted_by, count(*) > 0 AS found FROM lakehouse.parquet_row_groups(fixture('{flat,rules}/*.parquet')) GROUP BY 1 ORDER BY 1;
SELECT left(key, 20) AS key, left(value, 20) AS value, row_group, column_path
FROM lakehouse.parquet_key_values(fixture('flat/alltypes.parquet'));

-- column chunks
SELECT row_group, leaf, column_path, physical_type, codec, encodings, num_values, compressed_size, uncompressed_size,
	start_offset, dictionary_offset, data_offset
FROM lakehouse.parquet_column_chunks(:'trips') WHERE row_group IN (0, 7) AND leaf < 5;
SELECT column_path, bool_and(all_dictionary) AS all_dictionary, bool_and(has_statistics) AS statistics,
	bool_and(has_column_index) AS column_index, bool_and(has_offset_index) AS offset_index,
	bool_and(has_bloom_filter) AS bloom, min(bloom_filter_size) AS bloom_size, bool_or(encrypted) AS encrypted, count(*)
FROM lakehouse.parquet_column_chunks(:'trips') GROUP BY leaf, column_path ORDER BY leaf;
SELECT codec, count(*) > 0 AS found FROM lakehouse.parquet_column_chunks(fixture('flat/*.parquet')) GROUP BY 1 ORDER BY 1;

-- statistics: what pruning may use, and the bytes
SELECT row_group, column_path, type, num_values, nulls, min, max, min_exact, max_exact, raw_min, raw_max
FROM lakehouse.parquet_statistics(:'trips') WHERE row_group = 3;
-- the files' bounds are PostgreSQL's
CREATE FOREIGN TABLE describe_trips () SERVER lake OPTIONS (location :'trips');
SELECT count(*) AS groups, count(*) FILTER (WHERE s.min::date = t.min AND s.max::date = t.max) AS right_bounds
FROM lakehouse.parquet_row_groups(:'trips') g
JOIN lakehouse.parquet_statistics(:'trips') s ON s.row_group = g.row_group AND s.column_path = 'day',
LATERAL (SELECT min(day), max(day) FROM (SELECT day, row_number() OVER () - 1 AS n FROM describe_trips) d
	WHERE n BETWEEN g.first_row AND g.first_row + g.num_rows - 1) t;
DROP FOREIGN TABLE describe_trips;
SELECT regexp_replace(file, '.*/', '') AS file, column_path, type, num_values AS n, nulls, distinct_values AS d, nans, min, max,
	min_exact AS min_e, max_exact AS max_e, left(raw_min::text, 20) AS raw_min, left(raw_max::text, 20) AS raw_max
FROM lakehouse.parquet_statistics(fixture('stats/{exact*,truncated,cut*,nan*,zeros,legacy,unsigned,half,no_*,unknown*}.parquet'))
WHERE row_group = 0;

-- pages
SELECT row_group, column_path, page, page_type, encoding, definition_level_encoding AS def, repetition_level_encoding AS rep,
	header_size > 0 AS header, num_values, num_rows, nulls, crc IS NOT NULL AS crc, first_row, min, max
FROM lakehouse.parquet_pages(:'trips') WHERE row_group = 5 AND column_path IN ('vendor', 'tip');
SELECT page_type, encoding, count(*) FROM lakehouse.parquet_pages(fixture('flat/{alltypes_v2,encodings_v2}.parquet'))
GROUP BY 1, 2 ORDER BY 1, 2;
-- pages make up their chunks
SELECT count(*) FROM lakehouse.parquet_column_chunks(:'trips') c
JOIN (SELECT row_group, leaf, sum(header_size + compressed_size) AS size, sum(num_values) FILTER (WHERE page_type LIKE 'DATA%') AS n
	FROM lakehouse.parquet_pages(:'trips') GROUP BY 1, 2) p USING (row_group, leaf)
WHERE p.size <> c.compressed_size OR p.n <> c.num_values;

-- what is broken says so
SELECT * FROM outcome(format('SELECT * FROM lakehouse.parquet_metadata(%L)', fixture('bad/text.parquet')));
SELECT * FROM outcome(format('SELECT * FROM lakehouse.parquet_pages(%L)', fixture('bad/page_header_noise.parquet')));

-- a statement that makes the table
SELECT without_path(lakehouse.ddl(:'trips'));
SELECT without_path(lakehouse.ddl(fixture('hive'), 'by month', 'lake', '{"hive_partitioning": true, "columns": ["id", "year"]}'));
SELECT left(without_path(lakehouse.ddl(fixture('glob/*.parquet'))), 30), left(lakehouse.ddl(fixture('hive/year=*/**')), 30),
	left(lakehouse.ddl('file://' || fixture('union'), options => '{"union_by_name": true}'), 30);
SELECT * FROM outcome($$ SELECT lakehouse.ddl(fixture('hive'), options => '{"color": 1}') $$);
SELECT * FROM outcome($$ SELECT lakehouse.ddl(fixture('hive'), options => '[1]') $$);
SELECT * FROM outcome($$ SELECT lakehouse.ddl(fixture('hive'), options => '{"columns": null}') $$);
SELECT * FROM outcome($$ SELECT lakehouse.ddl(fixture('hive'), server => 'no_server') $$);
SELECT lakehouse.ddl(NULL);
CREATE FOREIGN DATA WRAPPER describe_other;
CREATE SERVER describe_other FOREIGN DATA WRAPPER describe_other;
SELECT * FROM outcome($$ SELECT * FROM lakehouse.list('/tmp', 'describe_other') $$);
DROP FOREIGN DATA WRAPPER describe_other CASCADE;

-- every function says what it is
SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.deptype = 'e'
	JOIN pg_extension e ON e.oid = d.refobjid AND extname = 'lakehouse'
WHERE prorettype NOT IN ('fdw_handler'::regtype, 'internal'::regtype) AND proname <> 'fdw_validator'
	AND obj_description(p.oid, 'pg_proc') IS NULL;
