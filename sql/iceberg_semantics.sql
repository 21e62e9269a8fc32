-- What is easily got wrong in Iceberg tables, each by its name: small tables that were made for it (test/fixtures/make/iceberg_odd.py).
\set schema t_iceberg_semantics
\i sql/include/iceberg.psql
\set ECHO none
CREATE OR REPLACE FUNCTION odd(name text, columns text DEFAULT '', options text DEFAULT '') RETURNS void LANGUAGE sql AS $$
	SELECT ice('t', fixture('iceberg/odd/' || name), options, columns) $$;
-- Ids of the rows that pass, with pushdown and without; and the files that were left out before they were opened.
CREATE OR REPLACE FUNCTION pass(condition text, OUT condition_ text, OUT ids text, OUT alike boolean, OUT pruned bigint) LANGUAGE plpgsql AS $$
DECLARE
	query text := 'SELECT string_agg(id::text, '' '' ORDER BY id) FROM t WHERE ' || condition;
	other text;
	line text;
BEGIN
	condition_ := condition;
	EXECUTE query INTO ids;
	SET LOCAL lakehouse.pushdown = off;
	EXECUTE query INTO other;
	SET LOCAL lakehouse.pushdown = on;
	alike := ids IS NOT DISTINCT FROM other;
	pruned := 0;
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
		IF line ~ 'Files Pruned' THEN
			pruned := pruned + substring(line FROM '\d+$')::bigint;
		END IF;
	END LOOP;
END $$;
\set ECHO all

-- deletes apply by sequence numbers: by position to files as old or older, in any order and twice; by equality to strictly older
-- ones; a compaction keeps the sequence number of what it rewrote
SELECT odd('sequences');
SELECT id, x FROM t ORDER BY id, x;
-- an unpartitioned spec, also one whose fields are all void, has equality deletes for all partitions
SELECT odd('void_is_unpartitioned');
SELECT id, x FROM t ORDER BY id, x;
-- equal tuples of two specs are two partitions
SELECT odd('same_tuples');
SELECT id, x FROM t ORDER BY id, x;
-- what became void says nothing of its column, in version 1 too
SELECT odd('void_v1', '', 'metadata_columns ''true''');
SELECT id, x, _spec_id, _partition FROM t ORDER BY id, x;
SELECT p.* FROM unnest('{x IS NULL,x = ''zz'',x = ''a'',id = 5}'::text[]) c, pass(c) p;

-- transforms of several arguments, and unknown ones, are read: they keep deletes apart, and prune nothing
SELECT odd('several_arguments', '', 'metadata_columns ''true''');
SELECT id, x, _partition FROM t ORDER BY id;
SELECT p.* FROM unnest('{id = 1,x = ''c'',id IS NULL}'::text[]) c, pass(c) p;
SELECT odd('unknown_transform');
SELECT p.* FROM unnest('{true,x = ''a'',x > ''a''}'::text[]) c, pass(c) p;

-- a date that became a timestamp: partitions and bounds of then, keys of now; buckets of then say nothing
SELECT odd('date_to_timestamp_identity');
SELECT id, t FROM t ORDER BY id;
SELECT p.* FROM unnest('{t = ''2022-01-08'',t >= ''2022-01-08 00:00:01'',t < ''1970-01-01''}'::text[]) c, pass(c) p;
SELECT odd('date_to_timestamp_day');
SELECT p.* FROM unnest('{true,t = ''2022-01-08'',t >= ''2022-01-08 00:00:01'',t < ''1970-01-01''}'::text[]) c, pass(c) p;
SELECT odd('date_to_timestamp_ns_month');
SELECT p.* FROM unnest('{true,t = ''2022-01-08'',t >= ''2022-01-08 00:00:01'',t < ''1970-01-01''}'::text[]) c, pass(c) p;
SELECT odd('date_to_timestamp_bucket');
SELECT p.* FROM unnest('{true,t = ''2022-01-08'',"t IN (''2022-01-08'', ''2020-01-01'')"}'::text[]) c, pass(c) p;

-- NaN is above all numbers and in no bound; zero has two signs: one for conditions, two for partitions and keys
SELECT odd('nan_bounds');
SELECT p.* FROM unnest('{f > 2,f > 10,f >= ''NaN'',f <> ''NaN'',f < ''NaN'',f <= 1}'::text[]) c, pass(c) p;
SELECT max(f), min(f) FROM t;
SELECT odd('float_partitions');
SELECT p.* FROM unnest('{true,f = 0,f < 0,f <= 0,f = ''NaN'',f > 1e300,f IS NULL,"f IN (0, ''NaN'')","f NOT IN (0, ''NaN'')"}'::text[]) c, pass(c) p;
SELECT odd('float_keys');
SELECT p.* FROM unnest('{true,f = 0,f < 0}'::text[]) c, pass(c) p;

-- keys of equality deletes that are members of structs, below their struct or on their own, in each format
SELECT odd('keys_in_structs');
SELECT id, s, count(*) FROM t GROUP BY id, s ORDER BY id;

-- text is pruned by ranges only where bytes are its order
SELECT odd('collations', 'id bigint, x text COLLATE "C"');
SELECT p.* FROM unnest('{x < ''b'',x >= ''ä'',x = ''ä'',"x IN (''a'', ''Ä'')",x LIKE ''a%'',x IS NULL}'::text[]) c, pass(c) p;
SELECT min(x), max(x) FROM t;

-- what an older file lacks has its default, also in structs, in structs of lists, and as a key
SELECT odd('nested_defaults');
SELECT id, s, l FROM t ORDER BY id;
SELECT odd('nested_defaults', 'id bigint, b int OPTIONS (column_name ''s.b''), n int OPTIONS (column_name ''s.n'')');
SELECT p.* FROM unnest('{b = 9,b IS NULL,n IS NULL,b > 1}'::text[]) c, pass(c) p;
-- a struct whose default is the empty struct has the defaults of its members
SELECT odd('struct_defaults');
SELECT id, point, "none" FROM t ORDER BY id;
SELECT p.* FROM unnest('{point IS NULL,point IS NOT NULL,point->>''y'' = ''0'',"point->''deep''->>''z'' = ''seven''"}'::text[]) c, pass(c) p;
SELECT odd('struct_defaults', 'id bigint, x int OPTIONS (column_name ''point.x''), z text OPTIONS (column_name ''point.deep.z''), deep jsonb OPTIONS (column_name ''point.deep''), v int OPTIONS (column_name ''none.v'')');
SELECT * FROM t ORDER BY id;
SELECT p.* FROM unnest('{x = 0,x IS NULL,z = ''seven'',z IS NULL,deep IS NULL,v = 5,v IS NULL}'::text[]) c, pass(c) p;
-- unknown is null, and may become any type
SELECT odd('unknown_promoted', '', 'snapshot_id ''1001''');
SELECT * FROM columns_of('t');
SELECT id, u, s FROM t;
SELECT odd('unknown_promoted');
SELECT * FROM columns_of('t');
SELECT p.* FROM unnest('{u IS NULL,u = 5}'::text[]) c, pass(c) p;
SELECT id, u, s FROM t ORDER BY id;
-- names of a name mapping, at every depth, in each format
SELECT odd('nested_mapping');
SELECT id, l, s, extra FROM t ORDER BY id;
SELECT odd('nested_mapping', 'id bigint, x text OPTIONS (column_name ''s.x'')');
SELECT p.* FROM unnest('{x = ''u'',x IS NULL}'::text[]) c, pass(c) p;

-- position deletes find their file however it is spelled, but no other: by referenced_data_file, by equal bounds, by rows
SELECT odd('path_hdfs');
SELECT p.* FROM pass('true') p;
SELECT odd('path_hdfs_all');
SELECT p.* FROM pass('true') p;
SELECT odd('path_file');
SELECT p.* FROM pass('true') p;
SELECT odd('path_s3');
SELECT p.* FROM pass('true') p;
SELECT odd('path_azure');
SELECT p.* FROM pass('true') p;
SELECT odd('path_slashes');
SELECT p.* FROM pass('true') p;

-- an encrypted table: manifest lists, manifests, data, and deletes of each kind; the keys of its files are nobody's to see
SELECT * FROM result($$SELECT odd('encrypted')$$);
\set keys :work /keys
\setenv KEYS :keys
\! mkdir -m 700 $KEYS && install -m 600 $LAKEHOUSE_FIXTURES/iceberg/odd/keys.json $KEYS/keys.json
SELECT format('parquet_keys_file %L', :'keys' || '/keys.json') AS with_keys \gset
SELECT odd('encrypted', '', :'with_keys');
SELECT id, x FROM t ORDER BY id;
SELECT count(*), sum(id) FROM t WHERE id > 3;
SELECT content, file_format, record_count, key_metadata FROM lakehouse.iceberg_files('t') ORDER BY file_path;
SELECT count(*), count(key_metadata) FROM lakehouse.iceberg_manifests('t');
SELECT count(*), count(data_file->>'key_metadata'), count(*) FILTER (WHERE data_file ? 'key_metadata') AS has FROM lakehouse.iceberg_entries('t');
\! sed -i 's/000102/ff0102/' $KEYS/keys.json
SELECT * FROM result('SELECT id FROM t');

-- last: a server may have no ICU
SELECT count(*) = 0 AS missing FROM pg_collation WHERE collname = 'und-x-icu' \gset
\if :missing
\! rm -rf $WORK
\echo not run: this server has no ICU
\quit
\endif
SELECT odd('collations', 'id bigint, x text COLLATE "und-x-icu"');
SELECT p.* FROM unnest('{x < ''b'',x >= ''ä'',x = ''ä'',"x IN (''a'', ''Ä'')",x LIKE ''a%'',"x COLLATE \"C\" < ''b''"}'::text[]) c, pass(c) p;
SELECT min(x), max(x) FROM t;
CREATE COLLATION one_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
SELECT odd('collations', 'id bigint, x text COLLATE one_case');
SELECT p.* FROM unnest('{x = ''A'',"x IN (''b'', ''Z'')"}'::text[]) c, pass(c) p;
\! rm -rf $WORK
