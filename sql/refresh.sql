-- lakehouse.refresh_columns: the columns of a table become those of its files.
\i sql/include/lake.psql
\set trips :fixtures /flat/trips.parquet
\set work :fixtures /refresh
\setenv WORK :work
\! mkdir -p $WORK
\! cp $LAKEHOUSE_FIXTURES/union/a.parquet $WORK/f.parquet
\set file :work /f.parquet

-- nothing to do
CREATE FOREIGN TABLE refreshed () SERVER lake OPTIONS (location :'file');
SELECT * FROM columns_of('refreshed');
SELECT * FROM lakehouse.refresh_columns('refreshed');

-- other files: columns come, go, and change their types
\! cp $LAKEHOUSE_FIXTURES/union/b.parquet $WORK/f.parquet
SELECT * FROM lakehouse.refresh_columns('refreshed');
SELECT * FROM columns_of('refreshed');
SELECT * FROM refreshed ORDER BY id;
SELECT * FROM lakehouse.refresh_columns('refreshed');

-- and back again: what is added comes last
\! cp $LAKEHOUSE_FIXTURES/union/a.parquet $WORK/f.parquet
SELECT * FROM lakehouse.refresh_columns('refreshed');
SELECT * FROM columns_of('refreshed');
SELECT * FROM refreshed ORDER BY id;

-- a table without columns is an error that says what to do; it does it
ALTER FOREIGN TABLE refreshed DROP COLUMN id, DROP COLUMN amount, DROP COLUMN price, DROP COLUMN name;
SELECT * FROM outcome('SELECT * FROM refreshed');
SELECT * FROM lakehouse.refresh_columns('refreshed');
SELECT * FROM refreshed ORDER BY id;

-- renamed columns, declared members of structs and domains over the right type stay
CREATE DOMAIN refresh_day AS date CHECK (value > '2000-01-01');
CREATE FOREIGN TABLE refresh_names (number bigint OPTIONS (column_name 'trip_id'), day refresh_day, fare float)
	SERVER lake OPTIONS (location :'trips', columns 'trip_id, day, fare, vendor');
SELECT * FROM lakehouse.refresh_columns('refresh_names');
SELECT * FROM columns_of('refresh_names');
SELECT make_table('refresh_members', 'id int, x int OPTIONS (column_name ''s.x''), gone int OPTIONS (column_name ''s.no'')',
	'nested/structs.parquet', $$columns 'id, s'$$);
SELECT column_path, sql_type FROM lakehouse.parquet_schema(fixture('nested/structs.parquet')) WHERE column_path ~ '^s(\.|$)';
SELECT * FROM lakehouse.refresh_columns('refresh_members');
SELECT * FROM columns_of('refresh_members');

-- new columns with names that are taken get others
CREATE FOREIGN TABLE refresh_taken ("DAY" bigint OPTIONS (column_name 'trip_id'))
	SERVER lake OPTIONS (location :'trips', columns 'trip_id, day');
SELECT * FROM lakehouse.refresh_columns('refresh_taken');
SELECT * FROM columns_of('refresh_taken');
SELECT * FROM refresh_taken ORDER BY 1 LIMIT 1;

-- what depends on a column stops it, and nothing is done
CREATE VIEW refresh_view AS SELECT name FROM refreshed;
\! cp $LAKEHOUSE_FIXTURES/union/b.parquet $WORK/f.parquet
SELECT * FROM outcome($$ SELECT * FROM lakehouse.refresh_columns('refreshed') $$);
SELECT * FROM columns_of('refreshed');
DROP VIEW refresh_view;

-- not for what inherits its columns, nor for other tables
CREATE TABLE refresh_parent (trip_id bigint);
CREATE FOREIGN TABLE refresh_child () INHERITS (refresh_parent) SERVER lake OPTIONS (location :'trips');
SELECT * FROM outcome($$ SELECT * FROM lakehouse.refresh_columns('refresh_child') $$);
SELECT * FROM outcome($$ SELECT * FROM lakehouse.refresh_columns('refresh_parent') $$);
SELECT * FROM outcome($$ SELECT * FROM lakehouse.refresh_columns('pg_class') $$);
SELECT * FROM lakehouse.refresh_columns(NULL);
-- nor for files with too many columns
SELECT make_table('refresh_wide', 'c1 int', 'wide/cols_5000.parquet');
SELECT * FROM outcome($$ SELECT * FROM lakehouse.refresh_columns('refresh_wide') $$);
-- files that cannot be read
\! rm $WORK/f.parquet
SELECT * FROM outcome($$ SELECT * FROM lakehouse.refresh_columns('refreshed') $$);

-- nobody but the owner
CREATE ROLE regress_refresh;
GRANT SELECT ON refreshed TO regress_refresh;
SET ROLE regress_refresh;
SELECT * FROM lakehouse.refresh_columns('refreshed');
RESET ROLE;
-- and the files are read with the owner's rights, whoever asks
ALTER FOREIGN TABLE refresh_names OWNER TO regress_refresh;
SELECT * FROM outcome($$ SELECT * FROM lakehouse.refresh_columns('refresh_names') $$);

DROP FOREIGN TABLE refreshed, refresh_names, refresh_members, refresh_taken, refresh_wide;
DROP TABLE refresh_parent CASCADE;
DROP DOMAIN refresh_day;
DROP ROLE regress_refresh;
\! rm -r $WORK
