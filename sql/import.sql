-- IMPORT FOREIGN SCHEMA: a table for each file or directory of a directory.
\i sql/include/lake.psql
\set glob :fixtures /glob
\set odd :fixtures /glob_odd
\set union :fixtures /union
\set work :fixtures /import
\setenv WORK :work

CREATE FUNCTION imported(schema regnamespace) RETURNS TABLE ("table" name, columns text, location text, options text)
LANGUAGE sql AS $$
	SELECT relname, (SELECT string_agg(column_name || ' ' || type, ', ') FROM columns_of(c.oid)),
		(SELECT without_path(option_value) FROM pg_options_to_table(ftoptions) WHERE option_name = 'location'),
		(SELECT string_agg(option_name || '=' || option_value, ' ') FROM pg_options_to_table(ftoptions) WHERE option_name <> 'location')
	FROM pg_class c JOIN pg_foreign_table t ON ftrelid = c.oid WHERE relnamespace = $1 ORDER BY relname COLLATE "C" $$;

-- files and directories; hidden, empty and other files are left out
CREATE SCHEMA imported;
IMPORT FOREIGN SCHEMA "any" FROM SERVER lake INTO imported OPTIONS (location :'glob');
SELECT * FROM imported('imported');
SELECT src FROM imported.a1;
SELECT src FROM imported.deep ORDER BY src;
DROP SCHEMA imported CASCADE;

-- names that look like patterns mean themselves
CREATE SCHEMA imported;
IMPORT FOREIGN SCHEMA "any" FROM SERVER lake INTO imported OPTIONS (location :'odd');
SELECT * FROM imported('imported');
SELECT string_agg(src, ' ') FROM (SELECT src FROM imported."q[1]" UNION ALL SELECT src FROM imported."star*"
	UNION ALL SELECT src FROM imported."brace{a,b}" UNION ALL SELECT src FROM imported."quote'd") t;
DROP SCHEMA imported CASCADE;

-- LIMIT TO and EXCEPT; options for each table are passed on
CREATE SCHEMA imported;
IMPORT FOREIGN SCHEMA "any" LIMIT TO (a1, "deep", absent) FROM SERVER lake INTO imported OPTIONS (location :'glob');
SELECT "table" FROM imported('imported');
IMPORT FOREIGN SCHEMA "any" EXCEPT (a1, deep) FROM SERVER lake INTO imported
	OPTIONS (location :'glob', filename_column 'file', check_crc 'true');
SELECT * FROM imported('imported');
DROP SCHEMA imported CASCADE;

-- directories of files are tables with partitions; each may be another kind
CREATE SCHEMA imported;
IMPORT FOREIGN SCHEMA "any" LIMIT TO (hive, hive_types, union_wide) FROM SERVER lake INTO imported
	OPTIONS (location :'fixtures', union_by_name 'true');
SELECT "table", location, options FROM imported('imported');
SELECT * FROM columns_of('imported.hive');
SELECT count(*) FROM imported.hive WHERE year = 2023;
DROP SCHEMA imported CASCADE;

-- two that would become one table, before anything is created
\! mkdir -p $WORK/twins/x
\! cp $LAKEHOUSE_FIXTURES/union/a.parquet $WORK/twins/a.parquet
\! cp $LAKEHOUSE_FIXTURES/union/a.parquet $WORK/twins/x.parquet
\! cp $LAKEHOUSE_FIXTURES/union/b.parquet $WORK/twins/x/1.parquet
\set twins :work /twins
CREATE SCHEMA imported;
CREATE FUNCTION try_import(clause text, location text) RETURNS TABLE (what text, says text) LANGUAGE sql AS $$
	SELECT * FROM outcome(format('IMPORT FOREIGN SCHEMA s %s FROM SERVER lake INTO imported OPTIONS (location %L)', $1, $2)) $$;
SELECT * FROM try_import('', :'twins');
SELECT count(*) FROM imported('imported');
SELECT * FROM try_import('EXCEPT (x)', :'twins');
SELECT "table" FROM imported('imported');
\! mkdir $WORK/long
\! cp $LAKEHOUSE_FIXTURES/union/a.parquet $WORK/long/é23456789012345678901234567890123456789012345678901234567890123a.parquet
\! cp $LAKEHOUSE_FIXTURES/union/a.parquet $WORK/long/é23456789012345678901234567890123456789012345678901234567890123b.parquet
\set long :work /long
SELECT * FROM try_import('', :'long');
-- one of them alone is cut
\! rm $WORK/long/*b.parquet
\! cp $LAKEHOUSE_FIXTURES/union/a.parquet $WORK/long/x123456789012345678901234567890123456789012345678901234567890éé.parquet
SELECT * FROM try_import('', :'long');
SELECT "table", octet_length("table"::text) FROM imported('imported');
-- a file that does not look like Parquet by its name, but is; one that looks so, but is not
\! mkdir $WORK/magic
\! cp $LAKEHOUSE_FIXTURES/union/a.parquet $WORK/magic/data
\! cp $LAKEHOUSE_FIXTURES/union/a.parquet $WORK/magic/Upper.PARQUET
\! cp $LAKEHOUSE_FIXTURES/glob/notes.txt $WORK/magic/notes.txt
\! mkdir $WORK/magic/empty
\set magic :work /magic
SELECT * FROM try_import('', :'magic');
SELECT "table" FROM imported('imported');
\! cp $LAKEHOUSE_FIXTURES/glob/notes.txt $WORK/magic/notes.parquet
SELECT * FROM try_import('EXCEPT (data, "Upper")', :'magic');
DROP SCHEMA imported CASCADE;
CREATE SCHEMA imported;

-- mistakes
SELECT * FROM outcome('IMPORT FOREIGN SCHEMA s FROM SERVER lake INTO imported');
SELECT * FROM outcome($$ IMPORT FOREIGN SCHEMA s FROM SERVER lake INTO imported OPTIONS (location '/tmp', compression 'x') $$);
SELECT * FROM outcome($$ IMPORT FOREIGN SCHEMA s FROM SERVER lake INTO imported OPTIONS (location '/tmp', password 'x') $$);
SELECT * FROM outcome($$ IMPORT FOREIGN SCHEMA s FROM SERVER lake INTO imported OPTIONS (location '/tmp', check_crc 'x') $$);
SELECT * FROM try_import('', fixture('glob/*'));
SELECT * FROM try_import('', fixture('glob/a1.parquet'));
SELECT * FROM try_import('', fixture('absent'));
SELECT * FROM try_import('', '["/a", "/b"]');
SELECT count(*) FROM imported('imported');

-- the importer's search_path leads nowhere
CREATE SCHEMA import_trap;
CREATE DOMAIN import_trap.text AS int;
SET search_path = import_trap, public, pg_catalog;
IMPORT FOREIGN SCHEMA s LIMIT TO (a1) FROM SERVER lake INTO imported OPTIONS (location :'glob');
RESET search_path;
SELECT * FROM columns_of('imported.a1');

DROP SCHEMA imported, import_trap CASCADE;
DROP FUNCTION try_import(text, text), imported(regnamespace);
\! rm -r $WORK
