-- Tables that a catalog knows: Iceberg's JDBC tables in this database, and a warehouse directory.
\set schema t_iceberg_catalog
\i sql/include/iceberg.psql
CREATE SCHEMA ice_imported;

-- a warehouse by its location: Iceberg tables alone, namespaces as parts of names
SELECT run(format('IMPORT FOREIGN SCHEMA any_name LIMIT TO (demo_orders, v2_mor, py_types) FROM SERVER lake INTO ice_imported
	OPTIONS (location %L, format ''iceberg'', rebase_location ''auto'', allow_version_guess ''true'')', fixture('iceberg/warehouse')));
SELECT run(format('IMPORT FOREIGN SCHEMA any_name EXCEPT (orders) FROM SERVER lake INTO ice_imported
	OPTIONS (location %L, rebase_location ''auto'')', fixture('iceberg/warehouse/demo')));
SELECT ftrelid::regclass FROM pg_foreign_table WHERE ftrelid::regclass::text LIKE 'ice_imported.%' ORDER BY 1;
SELECT * FROM columns_of('ice_imported.demo_orders');
SELECT (SELECT count(*) FROM ice_imported.demo_orders), (SELECT count(*) FROM ice_imported.v2_mor), (SELECT count(*) FROM ice_imported.py_types);
-- one directory of tables, as of files
CREATE SCHEMA demo;
SELECT run(format('IMPORT FOREIGN SCHEMA any_name FROM SERVER lake INTO demo OPTIONS (location %L, rebase_location ''auto'')', fixture('iceberg/warehouse/demo')));
SELECT count(*) FROM demo.orders;

-- the directory catalog
CREATE SERVER ice_dir FOREIGN DATA WRAPPER lakehouse OPTIONS (catalog 'directory');
IMPORT FOREIGN SCHEMA v2 FROM SERVER ice_dir INTO ice_imported;
SELECT run(format('ALTER SERVER ice_dir OPTIONS (ADD warehouse %L)', fixture('iceberg/warehouse')));
CREATE SCHEMA v2;
IMPORT FOREIGN SCHEMA v2 LIMIT TO (mor, branches) FROM SERVER ice_dir INTO v2 OPTIONS (rebase_location 'auto');
SELECT ftrelid::regclass, without_path(ftoptions::text) FROM pg_foreign_table WHERE ftrelid::regclass::text LIKE 'v2.%' ORDER BY 1;
SELECT count(*) FROM v2.mor;
SELECT count(*) FROM v2.mor JOIN v2.branches USING (id);
IMPORT FOREIGN SCHEMA ".." FROM SERVER ice_dir INTO ice_imported;
SELECT * FROM result('SELECT count(*) FROM lakehouse.iceberg_snapshots(''v2.mor'')');
CREATE FOREIGN TABLE out_of_it (id int) SERVER ice_dir OPTIONS (namespace 'v2', table_name '../../mor');
SELECT * FROM result('SELECT * FROM out_of_it');
CREATE FOREIGN TABLE no_catalog (id int) SERVER lake OPTIONS (table_name 'x');
SELECT * FROM result('SELECT * FROM no_catalog');

-- the JDBC catalog's tables, as Spark, Trino and PyIceberg make them
CREATE TABLE iceberg_tables (catalog_name varchar(255) NOT NULL, table_namespace varchar(255) NOT NULL, table_name varchar(255) NOT NULL,
	metadata_location varchar(1000), previous_metadata_location varchar(1000), iceberg_type varchar(5),
	PRIMARY KEY (catalog_name, table_namespace, table_name));
CREATE TABLE iceberg_namespace_properties (catalog_name varchar(255) NOT NULL, namespace varchar(255) NOT NULL,
	property_key varchar(255), property_value varchar(1000), PRIMARY KEY (catalog_name, namespace, property_key));
SELECT set_config('test.b', fixture('iceberg/warehouse/v2/branches/metadata/v%s.gz.metadata.json'), false) \g /dev/null
INSERT INTO iceberg_tables VALUES
	('prod', 'sales', 'orders', 'file:' || fixture('iceberg/warehouse/demo/orders/metadata/v9.metadata.json'), NULL, 'TABLE'),
	('prod', 'sales', 'b', format(current_setting('test.b'), 3), NULL, NULL),
	('prod', 'sales', 'a_view', '/nowhere', NULL, 'VIEW'),
	('prod', 'sales.eu', 'b', format(current_setting('test.b'), 21), NULL, 'TABLE'),
	('test', 'sales', 'orders', '/nowhere', NULL, 'TABLE');
INSERT INTO iceberg_namespace_properties VALUES ('prod', 'empty', 'exists', 'true');
CREATE SERVER ice_jdbc FOREIGN DATA WRAPPER lakehouse OPTIONS (catalog 'jdbc', catalog_schema 't_iceberg_catalog', catalog_name 'prod');
CREATE SCHEMA sales;
IMPORT FOREIGN SCHEMA sales FROM SERVER ice_jdbc INTO sales OPTIONS (rebase_location 'auto');
SELECT ftrelid::regclass, ftoptions FROM pg_foreign_table WHERE ftrelid::regclass::text LIKE 'sales.%' ORDER BY 1;
SELECT (SELECT count(*) FROM sales.orders) AS orders, (SELECT count(*) FROM sales.b) AS b;
CREATE SCHEMA eu;
IMPORT FOREIGN SCHEMA "sales.eu" FROM SERVER ice_jdbc INTO eu OPTIONS (rebase_location 'auto');
SELECT count(*) FROM eu.b;
-- where the namespace ends
INSERT INTO iceberg_tables VALUES
	('prod', 'dots', 'in.name', format(current_setting('test.b'), 3), NULL, 'TABLE'),
	('prod', 'dots.in', 'name', format(current_setting('test.b'), 21), NULL, 'TABLE');
CREATE FOREIGN TABLE in_name (id bigint) SERVER ice_jdbc OPTIONS (namespace 'dots', table_name 'in.name', rebase_location 'auto');
CREATE FOREIGN TABLE in_space (id bigint) SERVER ice_jdbc OPTIONS (namespace 'dots.in', table_name 'name', rebase_location 'auto');
SELECT (SELECT count(*) FROM in_name) AS in_name, (SELECT count(*) FROM in_space) AS in_space, (SELECT count(*) FROM in_name) AS again;
DELETE FROM iceberg_tables WHERE table_namespace LIKE 'dots%';
IMPORT FOREIGN SCHEMA empty FROM SERVER ice_jdbc INTO ice_imported;
IMPORT FOREIGN SCHEMA nowhere FROM SERVER ice_jdbc INTO ice_imported;
SELECT without_path(l) FROM plan('SELECT count(*) FROM sales.b', 'ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF') l WHERE l ~ 'Catalog|Location|Metadata File';
SELECT l FROM plan('SELECT count(*) FROM sales.b') l;
SELECT count(*) FROM lakehouse.iceberg_refs('sales.b');

-- a commit in the same transaction is seen by the next statement, and goes with it
BEGIN;
UPDATE iceberg_tables SET metadata_location = format(current_setting('test.b'), 21) WHERE (catalog_name, table_namespace, table_name) = ('prod', 'sales', 'b');
SELECT count(*) FROM sales.b;
ROLLBACK;
SELECT count(*) FROM sales.b;
-- a statement that changes the catalog does not see that
WITH u AS (UPDATE iceberg_tables SET metadata_location = format(current_setting('test.b'), 21)
	WHERE (catalog_name, table_namespace, table_name) = ('prod', 'sales', 'b') RETURNING 1)
SELECT (SELECT count(*) FROM u) AS updated, (SELECT count(*) FROM sales.b) AS b;
SELECT count(*) FROM sales.b;
-- an old cursor sees the old catalog even when it reads it later
BEGIN;
DECLARE c CURSOR FOR SELECT count(*) FROM sales.b;
UPDATE iceberg_tables SET metadata_location = format(current_setting('test.b'), 3) WHERE (catalog_name, table_namespace, table_name) = ('prod', 'sales', 'b');
FETCH c;
SELECT count(*) FROM sales.b;
COMMIT;
-- REPEATABLE READ sees its own changes, as of any table here, and none that was rolled back
CREATE FUNCTION set_b(version int) RETURNS void LANGUAGE sql AS $$
	UPDATE iceberg_tables SET metadata_location = format(current_setting('test.b'), version)
	WHERE (catalog_name, table_namespace, table_name) = ('prod', 'sales', 'b') $$;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SAVEPOINT s;
SELECT set_b(21);
SELECT count(*) AS own FROM sales.b;
ROLLBACK TO s;
SELECT count(*) AS rolled_back FROM sales.b;
SELECT set_b(9);
SELECT count(*) AS own, (SELECT count(*) FROM lakehouse.iceberg_snapshots('sales.b')) AS snapshots FROM sales.b;
ROLLBACK;
SELECT count(*) FROM sales.b;
-- where nothing keeps a name from being there twice
ALTER TABLE iceberg_tables RENAME TO once;
CREATE VIEW iceberg_tables AS SELECT * FROM once UNION ALL SELECT catalog_name, table_namespace, table_name, format(current_setting('test.b'), 21), NULL, iceberg_type FROM once WHERE table_name = 'b';
SELECT * FROM result('SELECT count(*) FROM sales.b');
SELECT count(*) FROM eu.b;
DROP VIEW iceberg_tables;
ALTER TABLE once RENAME TO iceberg_tables;
-- what is dropped there is an error here
DELETE FROM iceberg_tables WHERE table_name = 'orders';
SELECT * FROM result('SELECT count(*) FROM sales.orders');
-- the first version of the tables knows no types
ALTER TABLE iceberg_tables DROP COLUMN iceberg_type;
SELECT count(*) FROM sales.b;

-- rights: the catalog is read as the owner of the foreign table, and what it says gives no right to a file
CREATE ROLE ice_owner;
CREATE ROLE ice_user;
GRANT USAGE ON FOREIGN SERVER ice_jdbc TO ice_owner;
GRANT USAGE ON SCHEMA t_iceberg_catalog, sales TO ice_owner, ice_user;
GRANT SELECT ON sales.b TO ice_user;
SET ROLE ice_user;
SELECT count(*) FROM sales.b;
SELECT * FROM result('SELECT count(*) FROM iceberg_tables');
RESET ROLE;
ALTER FOREIGN TABLE sales.b OWNER TO ice_owner;
SELECT * FROM result('SELECT count(*) FROM sales.b');
GRANT SELECT ON iceberg_tables TO ice_owner;
SELECT * FROM result('SELECT count(*) FROM sales.b');
ALTER SERVER ice_jdbc OPTIONS (ADD base_directories :'fixtures');
SELECT count(*) FROM sales.b;
-- the search_path and operators of who asks do not count
CREATE FUNCTION evil(text, text) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''evil ran as %'', current_user; END';
CREATE OPERATOR = (LEFTARG = text, RIGHTARG = text, FUNCTION = evil);
SET search_path = t_iceberg_catalog, pg_catalog;
SELECT count(id) FROM sales.b;
RESET search_path;
SET search_path = t_iceberg_catalog;
DROP OPERATOR t_iceberg_catalog.= (text, text);
-- what a view there calls neither finds the caller's search_path nor leaves settings behind, also when it fails
ALTER TABLE iceberg_tables RENAME TO all_tables;
CREATE FUNCTION sneak() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('test.path', current_setting('search_path') || ' as ' || current_user, false), set_config('search_path', 'sneaked', false);
	IF current_setting('test.fail', true) = current_setting('test.path') THEN
		RAISE EXCEPTION 'failed with %', current_setting('test.path');
	END IF;
	RETURN true;
END $$;
CREATE VIEW iceberg_tables AS SELECT * FROM all_tables WHERE sneak();
GRANT SELECT ON iceberg_tables TO ice_owner;
SELECT count(*) FROM sales.b;
SELECT current_setting('test.path', true) AS path, current_setting('search_path');
SET test.fail = 'pg_catalog, pg_temp as ice_owner';
SELECT * FROM result('SELECT count(*) FROM sales.b');
SELECT current_setting('test.path', true) AS path, current_setting('search_path');
RESET test.fail;

\! rm -rf $WORK
DROP FOREIGN TABLE sales.b;
DROP OWNED BY ice_owner, ice_user;
DROP ROLE ice_owner, ice_user;
