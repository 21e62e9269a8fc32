-- Metadata of Iceberg tables as rows: lakehouse.iceberg_*.
\set schema t_iceberg_metadata
\i sql/include/iceberg.psql

SELECT ice('b', 'v2/branches');
SELECT ice('orders', 'demo/orders');
SELECT set_config('test.b', fixture('iceberg/warehouse/v2/branches'), false) \g /dev/null

-- snapshots, by relation and by location
SELECT row_number() OVER w AS n, operation, parent_id = lag(snapshot_id) OVER w AS follows, summary->>'added-records' AS added,
	manifest_list ~ '/metadata/snap-.*\.avro$' AS has_list
FROM lakehouse.iceberg_snapshots('b') WINDOW w AS (ORDER BY committed_at);
SELECT count(*), count(DISTINCT snapshot_id) FROM lakehouse.iceberg_snapshots(current_setting('test.b'));
SELECT count(*) FROM lakehouse.iceberg_snapshots('t_iceberg_metadata.b');
SELECT count(*), bool_and(h.snapshot_id = s.snapshot_id) AS known, count(*) FILTER (WHERE is_current_ancestor) AS ancestors
FROM lakehouse.iceberg_history('b') h LEFT JOIN lakehouse.iceberg_snapshots('b') s USING (snapshot_id);
SELECT name, type, max_reference_age_in_ms FROM lakehouse.iceberg_refs('b') ORDER BY name;

-- files and what lies above and in them
SELECT content, file_format, spec_id, record_count, partition, lower_bounds->>'1' AS lower, readable_metrics->'id'->>'upper_bound' AS upper
FROM lakehouse.iceberg_files('orders') ORDER BY content, record_count, partition->>'ordered_month';
SELECT count(*), sum(record_count) FROM lakehouse.iceberg_delete_files('orders');
SELECT (SELECT count(*) FROM lakehouse.iceberg_all_files('b')) > (SELECT count(*) FROM lakehouse.iceberg_files('b')) AS more;
SELECT content, partition_spec_id, added_data_files_count, added_delete_files_count, jsonb_typeof(partition_summaries) AS summaries
FROM lakehouse.iceberg_manifests('orders') ORDER BY 1, 3, 4;
SELECT partition, record_count, file_count, position_delete_record_count FROM lakehouse.iceberg_partitions('orders') ORDER BY 1;
SELECT status, data_file->>'record_count' AS records, jsonb_typeof(readable_metrics) AS metrics
FROM lakehouse.iceberg_entries('orders') ORDER BY 1, 2;
SELECT count(*), count(latest_snapshot_id) > 0 AS snapshots FROM lakehouse.iceberg_metadata_log('b');
SELECT * FROM lakehouse.iceberg_properties('b') WHERE key LIKE 'write.delete.%';

-- of the state that the table or the setting chooses
SELECT ice('b_first', 'v2/branches', format('snapshot_id %L', snapshot('b', 1)));
SELECT sum(record_count) FROM lakehouse.iceberg_files('b_first');
SET lakehouse.as_of = 'first';
SELECT sum(record_count) FROM lakehouse.iceberg_files('b');
RESET lakehouse.as_of;

-- NULL, and what is none
SELECT count(*) FROM lakehouse.iceberg_snapshots(NULL);
SELECT * FROM result($$SELECT * FROM lakehouse.iceberg_snapshots('no_such_table')$$);
SELECT * FROM result($$SELECT * FROM lakehouse.iceberg_snapshots('pg_class')$$);
SELECT * FROM result($$SELECT * FROM lakehouse.iceberg_snapshots('/no/such/table')$$);
SELECT * FROM result(format('SELECT * FROM lakehouse.iceberg_snapshots(%L)', fixture('flat/trips.parquet')));

-- rights: all of the relation, or the location
CREATE ROLE meta_reader;
GRANT USAGE ON SCHEMA t_iceberg_metadata TO meta_reader;
GRANT EXECUTE ON FUNCTION lakehouse.iceberg_files(text, name), lakehouse.iceberg_snapshots(text, name) TO meta_reader;
SELECT has_function_privilege('meta_reader', 'lakehouse.iceberg_entries(text, name)', 'EXECUTE');
SET ROLE meta_reader;
SELECT * FROM result($$SELECT count(*) FROM lakehouse.iceberg_files('orders')$$);
SELECT * FROM result(format('SELECT count(*) FROM lakehouse.iceberg_files(%L)', current_setting('test.b')));
RESET ROLE;
GRANT SELECT (id) ON orders TO meta_reader;
SET ROLE meta_reader;
SELECT count(id) FROM orders;
SELECT * FROM result($$SELECT count(*) FROM lakehouse.iceberg_files('orders')$$);
RESET ROLE;
GRANT SELECT ON orders TO meta_reader;
SET ROLE meta_reader;
SELECT count(*) FROM lakehouse.iceberg_files('orders');
RESET ROLE;
DROP OWNED BY meta_reader;
DROP ROLE meta_reader;
-- more rows than work_mem holds go to disk
SET work_mem = 64;
SELECT count(*) FROM lakehouse.iceberg_all_files('orders') a, lakehouse.iceberg_all_files('b') b;
RESET work_mem;

-- a time that no timestamp can hold
\! mkdir -p $WORK/far/metadata && echo '{"format-version":2,"table-uuid":"u","location":"/old","last-sequence-number":1,"last-updated-ms":5,"last-column-id":1,"current-schema-id":0,"schemas":[{"type":"struct","schema-id":0,"fields":[{"id":1,"name":"a","required":false,"type":"int"}]}],"default-spec-id":0,"partition-specs":[{"spec-id":0,"fields":[]}],"last-partition-id":999,"default-sort-order-id":0,"sort-orders":[{"order-id":0,"fields":[]}],"current-snapshot-id":1,"snapshots":[{"snapshot-id":1,"sequence-number":1,"timestamp-ms":9000000000000000000,"manifest-list":"/none","summary":{"operation":"append"}}]}' > $WORK/far/metadata/v1.metadata.json
SELECT * FROM result(format('SELECT committed_at FROM lakehouse.iceberg_snapshots(%L)', current_setting('test.work') || '/far'));

\! rm -rf $WORK
