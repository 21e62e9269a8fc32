-- Columns of a new table come from its files.
\i sql/include/lake.psql
\set trips :fixtures /flat/trips.parquet
\set alltypes :fixtures /flat/alltypes.parquet

-- all flat types, and their values
CREATE FOREIGN TABLE infer_types () SERVER lake OPTIONS (location :'alltypes');
SELECT * FROM columns_of('infer_types');
SELECT rows_unlike('infer_types', 'flat/alltypes.csv');

-- nested types: lists of scalars are arrays, all else is jsonb
SELECT make_table('infer_lists', '', 'nested/lists.parquet');
SELECT * FROM columns_of('infer_lists');
SELECT make_table('infer_mixed', '', 'nested/mixed.parquet');
SELECT * FROM columns_of('infer_mixed');

-- nanoseconds that are to keep their digits are text
SELECT make_table('infer_ns', '', 'flat/alltypes.parquet', $$timestamp_ns 'text', columns 'id, c_ts_ns, c_ts_us, c_time_ns'$$);
SELECT * FROM columns_of('infer_ns');
SELECT * FROM infer_ns ORDER BY id LIMIT 3;

-- option columns, the file's name as a column
SELECT make_table('infer_few', '', 'glob/*.parquet', $$columns 'n', filename_column 'file'$$);
SELECT * FROM columns_of('infer_few');
SELECT n, without_path(file) FROM infer_few ORDER BY n;

-- given columns stay as they are, and nothing is read for them
CREATE FOREIGN TABLE infer_given (trip_id text, fare float) SERVER lake OPTIONS (location :'trips');
SELECT * FROM columns_of('infer_given');
CREATE FOREIGN TABLE infer_absent (a int) SERVER lake OPTIONS (location '/nowhere/at/all.parquet');
SELECT * FROM columns_of('infer_absent');

-- inherited columns too, be they few, and none at all
CREATE TABLE infer_parent (trip_id bigint, day date);
CREATE FOREIGN TABLE infer_child () INHERITS (infer_parent) SERVER lake OPTIONS (location :'trips');
SELECT * FROM columns_of('infer_child');
SELECT count(*), min(day) FROM infer_parent;
CREATE TABLE infer_empty_parent ();
CREATE FOREIGN TABLE infer_empty_child () INHERITS (infer_empty_parent) SERVER lake OPTIONS (location :'trips');
SELECT * FROM columns_of('infer_empty_child');
CREATE TABLE infer_parted (trip_id bigint, day date) PARTITION BY RANGE (day);
CREATE FOREIGN TABLE infer_part PARTITION OF infer_parted FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')
	SERVER lake OPTIONS (location :'trips');
SELECT * FROM columns_of('infer_part');
SELECT count(*) FROM infer_parted;
DROP TABLE infer_parent, infer_empty_parent, infer_parted CASCADE;

-- other wrappers are none of our business
CREATE FOREIGN DATA WRAPPER infer_other;
CREATE SERVER infer_other FOREIGN DATA WRAPPER infer_other;
CREATE FOREIGN TABLE infer_foreign () SERVER infer_other OPTIONS (location '/nowhere');
SELECT count(*) FROM columns_of('infer_foreign');
ALTER FOREIGN TABLE infer_foreign OPTIONS (SET location '/nowhere/else');
ALTER FOREIGN TABLE infer_foreign ADD COLUMN a int;
ALTER FOREIGN TABLE infer_foreign RENAME COLUMN a TO b;
SELECT * FROM columns_of('infer_foreign');
DROP FOREIGN DATA WRAPPER infer_other CASCADE;

-- IF NOT EXISTS leaves a table alone
CREATE FOREIGN TABLE IF NOT EXISTS infer_given () SERVER lake OPTIONS (location :'trips');
SELECT * FROM columns_of('infer_given');

-- what cannot be read is an error, and there is no table
SELECT * FROM outcome($$ SELECT make_table('infer_none', '', 'flat/absent.parquet') $$);
SELECT * FROM outcome($$ SELECT make_table('infer_none', '', 'bad/garbage.parquet') $$);
SELECT * FROM outcome($$ SELECT make_table('infer_none', '', 'wide/cols_5000.parquet') $$);
SELECT * FROM outcome($$ SELECT make_table('infer_none', '', 'union_bad') $$);
SELECT * FROM outcome($$ CREATE FOREIGN TABLE infer_none () SERVER lake OPTIONS (location 'relative.parquet') $$);
SELECT to_regclass('infer_none');
\set VERBOSITY terse
CREATE FOREIGN TABLE infer_none () SERVER lake;
\set VERBOSITY default

-- a very wide file, three columns of it
SELECT make_table('infer_wide', '', 'wide/cols_5000.parquet', $$columns '["c1", "c2500", "c4999"]'$$);
SELECT * FROM infer_wide;
SELECT make_table('infer_wide', '', 'wide/cols_1000.parquet');
SELECT count(*) FROM columns_of('infer_wide');
SELECT c0, c17, c999 FROM infer_wide;

-- a renamed column keeps its place in the files
CREATE FOREIGN TABLE infer_renamed () SERVER lake OPTIONS (location :'trips', columns 'trip_id, vendor');
ALTER FOREIGN TABLE infer_renamed RENAME COLUMN vendor TO company;
ALTER TABLE infer_renamed RENAME trip_id TO id;
SELECT * FROM columns_of('infer_renamed');
SELECT * FROM infer_renamed ORDER BY id LIMIT 2;
ALTER FOREIGN TABLE infer_renamed RENAME company TO "and Sons";
SELECT * FROM columns_of('infer_renamed');
SELECT * FROM infer_renamed ORDER BY id LIMIT 2;
-- through a partitioned table as well
CREATE TABLE infer_parted (trip_id bigint, vendor text) PARTITION BY LIST (vendor);
CREATE FOREIGN TABLE infer_part PARTITION OF infer_parted DEFAULT SERVER lake OPTIONS (location :'trips');
ALTER TABLE infer_parted RENAME COLUMN vendor TO "Company";
SELECT * FROM columns_of('infer_part');
SELECT "Company", count(*) FROM infer_parted GROUP BY 1 ORDER BY 1;
-- renaming other things changes nothing
ALTER TABLE infer_parted RENAME TO infer_parted2;
ALTER FOREIGN TABLE infer_part RENAME TO infer_part2;
SELECT * FROM columns_of('infer_part2');
DROP TABLE infer_parted2;

-- the creator's search_path leads nowhere
CREATE SCHEMA infer_trap;
CREATE FUNCTION infer_trap.trap(text, text) RETURNS boolean LANGUAGE plpgsql AS
	$$ BEGIN RAISE EXCEPTION 'trapped'; END $$;
CREATE OPERATOR infer_trap.= (LEFTARG = text, RIGHTARG = text, FUNCTION = infer_trap.trap);
CREATE FUNCTION infer_trap.trap(oid, regclass) RETURNS boolean LANGUAGE plpgsql AS
	$$ BEGIN RAISE EXCEPTION 'trapped'; END $$;
CREATE OPERATOR infer_trap.= (LEFTARG = oid, RIGHTARG = regclass, FUNCTION = infer_trap.trap);
CREATE DOMAIN infer_trap.jsonb AS int;
CREATE DOMAIN infer_trap.date AS int;
CREATE DOMAIN infer_trap.text AS int;
CREATE FUNCTION infer_trap.pg_event_trigger_ddl_commands() RETURNS SETOF int LANGUAGE plpgsql AS
	$$ BEGIN RAISE EXCEPTION 'trapped'; END $$;
SET search_path = infer_trap, public, pg_catalog;
CREATE FOREIGN TABLE infer_pinned () SERVER lake OPTIONS (location :'trips', columns 'day, vendor');
RESET search_path;
SELECT * FROM columns_of('infer_trap.infer_pinned');
SET search_path = infer_trap, public, pg_catalog;
SELECT * FROM lakehouse.refresh_columns('infer_pinned');
RESET search_path;
DROP SCHEMA infer_trap CASCADE;

-- in a transaction, a function, a savepoint
BEGIN;
SAVEPOINT s;
CREATE FOREIGN TABLE infer_gone () SERVER lake OPTIONS (location :'trips');
ROLLBACK TO s;
SELECT to_regclass('infer_gone');
DO $$ BEGIN PERFORM make_table('infer_block', '', 'union/a.parquet'); END $$;
SELECT * FROM infer_block ORDER BY id;
COMMIT;

-- ALTER TABLE of an ordinary table passes by
CREATE TABLE infer_heap (a int);
ALTER TABLE infer_heap ADD COLUMN b int, ALTER COLUMN a TYPE bigint;
ALTER TABLE infer_heap RENAME COLUMN a TO c;
SELECT * FROM columns_of('infer_heap');
DROP TABLE infer_heap;

-- the function does nothing else
SELECT lakehouse.define();

DROP FOREIGN TABLE infer_types, infer_lists, infer_mixed, infer_ns, infer_few, infer_given, infer_absent,
	infer_wide, infer_renamed, infer_block;
