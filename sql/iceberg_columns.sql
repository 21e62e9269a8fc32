-- Columns are bound by field id: what another engine renames, drops, adds and retypes.
\set schema t_iceberg_columns
\i sql/include/iceberg.psql

-- A table whose metadata is plain JSON: each change below is the next version of it.
\! cp -r $LAKEHOUSE_FIXTURES/iceberg/warehouse/demo/orders $WORK/o && chmod -R u+w $WORK/o
\set o :work /o
SELECT ice('orders', :'o');
SELECT ice('named', :'o', '', 'id int, customer text, amount numeric OPTIONS (column_name ''price'')');
SELECT * FROM orders WHERE id = 61;

-- two names change places: columns keep their data
\! cd $WORK/o/metadata && sed 's/"name" *: *"customer"/"name":"swap"/g; s/"name" *: *"product"/"name":"customer"/g; s/"name":"swap"/"name":"product"/g' v9.metadata.json > v10.metadata.json
SELECT * FROM orders WHERE id = 61;
SELECT id, customer FROM orders WHERE customer = 'customer 1' AND id > 60 ORDER BY id;
-- a column without an id goes by its name now
SELECT * FROM named WHERE id = 61;
-- conditions and aggregates are about the field, too
SELECT count(*), max(customer), count(product) FROM orders WHERE product = 'tea';
-- the table follows
SELECT * FROM lakehouse.refresh_columns('orders');
SELECT * FROM columns_of('orders');
SELECT * FROM orders WHERE id = 61;
SELECT * FROM lakehouse.refresh_columns('orders');
-- a name of one's own stays
ALTER FOREIGN TABLE orders RENAME COLUMN product TO client;
SELECT * FROM columns_of('orders');
SELECT id, client FROM orders WHERE id = 61;

-- dropped and added again: another field, and not what it was
\! cd $WORK/o/metadata && sed 's/{[^{}]*"id" *: *5[^{}]*}/{"id":9,"name":"customer","required":false,"type":"int"}/g; s/"last-column-id" *: *5/"last-column-id":9/; s/"name" *: *"product"/"name":"buyer"/g' v10.metadata.json > v11.metadata.json
SELECT id, client, price FROM orders WHERE id = 61;
-- told of once a session
SELECT id, client, price FROM orders WHERE id = 62;
SELECT * FROM result('SELECT * FROM orders WHERE id = 61');
SELECT * FROM result('SELECT count(*) FROM orders WHERE customer = ''tea''');
ALTER FOREIGN TABLE orders OPTIONS (ADD dropped_columns 'null');
SELECT * FROM orders WHERE id = 61;
SELECT count(*), count(customer) FROM orders WHERE customer IS NULL;
SELECT count(*) FROM orders WHERE customer = 'tea';
SELECT * FROM result('SELECT * FROM named WHERE id = 61');
SELECT * FROM lakehouse.refresh_columns('orders');
SELECT * FROM columns_of('orders');
SELECT * FROM orders WHERE id = 61;

-- promoted: read into the declared type, or an error, never something else
\! cd $WORK/o/metadata && sed 's/\("id" *: *1,"name" *: *"id","required" *: *[a-z]*,"type" *: *\)"int"/\1"long"/g; s/decimal(9, *2)/decimal(20, 2)/g' v11.metadata.json > v12.metadata.json
SELECT id, price, pg_typeof(id), pg_typeof(price) FROM orders WHERE id = 61;
SELECT * FROM lakehouse.refresh_columns('orders');
SELECT id, price, pg_typeof(id) FROM orders WHERE id = 61;

-- ids that are missing are written
SELECT ice('bare', :'o', '', 'id bigint, cost numeric(20, 2) OPTIONS (column_name ''price'')');
SELECT * FROM lakehouse.refresh_columns('bare');
SELECT * FROM columns_of('bare');

-- one field by two columns: one of them follows its name
SELECT ice('twice', :'o', '', 'again bigint OPTIONS (field_id ''1''), id bigint OPTIONS (field_id ''1''), x text OPTIONS (field_id ''3''), y text OPTIONS (field_id ''3'')');
SELECT * FROM lakehouse.refresh_columns('twice') WHERE action !~ 'add|retype';
SELECT * FROM columns_of('twice');

-- evolution that Spark made: promotions, renames, a struct's members
SELECT ice('evolved', 'v2/evolved');
SELECT * FROM columns_of('evolved');
SELECT id, f, d, renamed, again, added, st FROM evolved ORDER BY id;
SELECT ice('inner_x', 'v2/evolved', '', 'id bigint, x int OPTIONS (column_name ''st.inner.x''), b text OPTIONS (column_name ''st.bb'')');
SELECT * FROM inner_x WHERE x IS NOT NULL ORDER BY id;
-- aggregates by a condition that only the host can ask, over files that were not open before and are closed one by one
SELECT ice('avro_defaults', 'v3/defaults_avro');
SELECT count(id) FROM avro_defaults WHERE st ->> 'x' < '5';
-- members of composite types
SELECT count(*) FROM lakehouse.create_types(fixture('iceberg/warehouse/v2/evolved'), 't_iceberg_columns', 'evolved', options => '{"rebase_location": "auto"}');
SELECT ice('composite', 'v2/evolved', '', 'id bigint, st evolved_st');
SELECT id, (st).bb, ((st)."inner").x FROM composite ORDER BY id;
SELECT counter('SELECT (st).bb FROM composite', 'Columns') AS read;

-- names that SQL cannot have as they are
SELECT ice('odd', 'v2/odd names');
SELECT * FROM columns_of('odd');
SELECT * FROM odd ORDER BY 1;

-- files without ids, read by the name mapping: "s" was renamed, and the name went to a new column; what manifests
-- say of the renamed one (no nulls) is not what is read, so it does not prune, while other columns do
SELECT ice('mapped', 'v2/added_files');
SELECT id, s, renamed FROM mapped ORDER BY id;
SELECT count(*) FROM mapped WHERE renamed IS NULL;
SELECT count(*) FROM mapped WHERE renamed IS NOT NULL;
SELECT counter('SELECT id FROM mapped WHERE renamed IS NULL', 'Files Pruned by Bounds') AS by_renamed,
	counter('SELECT id FROM mapped WHERE id = 100', 'Files Pruned by Bounds') AS by_id;

-- defaults of fields that older files lack
SELECT ice('defaults', 'v3/defaults_parquet');
SELECT * FROM defaults ORDER BY 1;

-- a member's default is the member's: of a struct that is null, it is null
SELECT ice('default_parquet', 'v3/defaults_parquet', '', 'id int, y text OPTIONS (column_name ''st.y'')');
SELECT ice('default_avro', 'v3/defaults_avro', '', 'id int, y text OPTIONS (column_name ''st.y'')');
SELECT ice('default_orc', 'v3/defaults_orc', '', 'id int, y text OPTIONS (column_name ''st.y'')');
SELECT p.id, p.y, a.y AS avro, o.y AS orc FROM default_parquet p JOIN default_avro a USING (id) JOIN default_orc o USING (id) ORDER BY 1;
SELECT count(*), count(y), min(id), max(y) FROM default_parquet WHERE y = 'in struct';
SELECT count(*), count(y), min(id) FROM default_parquet WHERE y IS NULL;
SELECT count(*), count(y) FROM default_parquet;

\! rm -rf $WORK
