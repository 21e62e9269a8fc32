-- Who may name a location, and who may read it.  Each section fails without its check.
\i sql/include/lake.psql
\set trips :fixtures /flat/trips.parquet
\set dir :fixtures /rights
\setenv DIR :dir
\! mkdir -p $DIR/base/sub $DIR/base2 && cp $LAKEHOUSE_FIXTURES/union/a.parquet $DIR/base/a.parquet
\! cp $LAKEHOUSE_FIXTURES/union/b.parquet $DIR/base/sub/b.parquet && cp $LAKEHOUSE_FIXTURES/union/b.parquet $DIR/base2/c.parquet
\! ln -s ../base2/c.parquet $DIR/base/out.parquet && ln -s $DIR/base2 $DIR/base/outdir && ln -s a.parquet $DIR/base/in.parquet
\set base :dir /base
\set a :dir /base/a.parquet
\set outside :dir /base2/c.parquet
\set up :dir /base/../base2/c.parquet
\set link :dir /base/out.parquet
\set linkdir :dir /base/outdir
\set linkin :dir /base/in.parquet
\set all :dir /base/*.parquet

CREATE ROLE regress_none;					-- no right to any file
CREATE ROLE regress_files IN ROLE pg_read_server_files;
CREATE ROLE regress_based;					-- may use the server with a base directory
CREATE ROLE regress_reader;
CREATE SERVER based FOREIGN DATA WRAPPER lakehouse OPTIONS (base_directories :'base');
CREATE SCHEMA rights AUTHORIZATION regress_none;
GRANT ALL ON SCHEMA rights TO regress_none, regress_files, regress_based;
GRANT USAGE ON SCHEMA rights TO regress_reader;
GRANT USAGE ON FOREIGN SERVER lake TO regress_none, regress_files, regress_based;
GRANT USAGE ON FOREIGN SERVER based TO regress_based;
SET search_path = rights, public;

-- The outcome of a command that a role runs
CREATE FUNCTION define(role name, command text) RETURNS TABLE (what text, says text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	RETURN QUERY SELECT * FROM outcome(command) o WHERE o.what NOT IN ('detail', 'hint', 'context');
	RESET ROLE;
END $$;

-- CREATE, with and without columns
SET ROLE regress_none;
SELECT * FROM outcome(format('CREATE FOREIGN TABLE n (trip_id bigint) SERVER lake OPTIONS (location %L)', :'trips'));
RESET ROLE;
SELECT * FROM define('regress_none', format('CREATE FOREIGN TABLE n (trip_id bigint) SERVER lake OPTIONS (location %L)', :'trips'));
SELECT * FROM define('regress_none', format('CREATE FOREIGN TABLE n () SERVER lake OPTIONS (location %L)', :'trips'));
SELECT * FROM define('regress_none', format('CREATE FOREIGN TABLE n (id int) SERVER lake OPTIONS (location %L)', 'file://' || :'trips'));
SELECT to_regclass('n');
-- inherited columns are no way around it
SELECT * FROM define('regress_none', 'CREATE TABLE parent (trip_id bigint)');
SELECT * FROM define('regress_none', format('CREATE FOREIGN TABLE n () INHERITS (parent) SERVER lake OPTIONS (location %L)', :'trips'));
-- a file that is not there gives no other answer than one that is
SELECT * FROM define('regress_none', format('CREATE FOREIGN TABLE n () SERVER lake OPTIONS (location %L)', :'dir' || '/absent'));
SELECT * FROM define('regress_files', format('CREATE FOREIGN TABLE f () SERVER lake OPTIONS (location %L)', :'trips'));
SELECT * FROM define('regress_files', 'SELECT 1 FROM f');

-- ALTER FOREIGN TABLE and ALTER TABLE
ALTER FOREIGN TABLE f OWNER TO regress_none;
SELECT * FROM define('regress_none', format('ALTER FOREIGN TABLE f OPTIONS (SET location %L)', :'a'));
SELECT * FROM define('regress_none', format('ALTER TABLE f OPTIONS (SET location %L)', :'a'));
SELECT * FROM define('regress_none', format('ALTER TABLE f OPTIONS (DROP location, ADD location %L)', :'a'));
SELECT * FROM define('regress_none', format('ALTER TABLE f ADD COLUMN x int, OPTIONS (SET location %L)', :'a'));
SELECT without_path(ftoptions::text) FROM pg_foreign_table WHERE ftrelid = 'f'::regclass;
-- what does not touch the location needs no right to it
SELECT * FROM define('regress_none', $$ALTER FOREIGN TABLE f OPTIONS (ADD check_crc 'true')$$);
SELECT * FROM define('regress_none', 'ALTER FOREIGN TABLE f RENAME COLUMN fare TO price');
SELECT * FROM define('regress_none', 'ALTER FOREIGN TABLE f DROP COLUMN note');
-- the scan asks again, for the owner, whoever reads
SELECT * FROM define('regress_none', 'SELECT * FROM f');
SELECT * FROM outcome('SELECT * FROM f');
SELECT * FROM outcome('SELECT count(*) FROM f');
SELECT * FROM outcome('ANALYZE f');
ALTER FOREIGN TABLE f OWNER TO regress_files;
SELECT count(*) FROM f;

-- replication mode switches off other triggers, not this one
GRANT SET ON PARAMETER session_replication_role TO regress_none;
SET ROLE regress_none;
SET session_replication_role = replica;
SELECT * FROM outcome(format('CREATE FOREIGN TABLE n (trip_id bigint) SERVER lake OPTIONS (location %L)', :'trips'));
RESET session_replication_role;
RESET ROLE;
REVOKE SET ON PARAMETER session_replication_role FROM regress_none;

-- IMPORT FOREIGN SCHEMA
SELECT * FROM define('regress_none', format('IMPORT FOREIGN SCHEMA x FROM SERVER lake INTO rights OPTIONS (location %L)', :'base'));
SELECT * FROM define('regress_none', format('IMPORT FOREIGN SCHEMA x FROM SERVER lake INTO rights OPTIONS (location %L)', :'dir' || '/absent'));
SELECT * FROM define('regress_files', format('IMPORT FOREIGN SCHEMA x EXCEPT (outdir, out) FROM SERVER lake INTO rights OPTIONS (location %L)', :'base'));
SELECT relname FROM pg_class WHERE relnamespace = 'rights'::regnamespace AND relkind = 'f' ORDER BY 1;
DROP FOREIGN TABLE a, "in", sub;

-- a base directory: what lies below it, and nothing else
SELECT * FROM define('regress_based', format('CREATE FOREIGN TABLE b () SERVER based OPTIONS (location %L)', :'a'));
SELECT * FROM define('regress_based', 'SELECT * FROM b');
SELECT * FROM define('regress_based', format('CREATE FOREIGN TABLE sub () SERVER based OPTIONS (location %L)', :'base' || '/sub'));
SELECT * FROM define('regress_based', format('CREATE FOREIGN TABLE linked () SERVER based OPTIONS (location %L)', :'linkin'));
SELECT * FROM define('regress_based', 'SELECT * FROM linked');
SELECT * FROM define('regress_based', format('CREATE FOREIGN TABLE o (id int) SERVER based OPTIONS (location %L)', :'outside'));
SELECT * FROM define('regress_based', format('CREATE FOREIGN TABLE o (id int) SERVER based OPTIONS (location %L)', :'up'));
SELECT * FROM define('regress_based', format('CREATE FOREIGN TABLE o (id int) SERVER based OPTIONS (location %L)',
	to_json(ARRAY[:'a', :'outside'])::text));
SELECT * FROM define('regress_based', format('ALTER FOREIGN TABLE b OPTIONS (SET location %L)', :'outside'));
-- only by the server that has it, and only with USAGE on that
SELECT * FROM define('regress_based', format('CREATE FOREIGN TABLE o (id int) SERVER lake OPTIONS (location %L)', :'a'));
SELECT * FROM define('regress_none', format('CREATE FOREIGN TABLE o (id int) SERVER based OPTIONS (location %L)', :'a'));
REVOKE USAGE ON FOREIGN SERVER based FROM regress_based;
SELECT * FROM define('regress_based', 'SELECT * FROM b');
GRANT USAGE ON FOREIGN SERVER based TO regress_based;
-- links that lead out are refused when they are opened
SELECT * FROM define('regress_based', format('CREATE FOREIGN TABLE l () SERVER based OPTIONS (location %L)', :'link'));
SELECT * FROM define('regress_based', format('CREATE FOREIGN TABLE l (id int) SERVER based OPTIONS (location %L)', :'link'));
SELECT * FROM define('regress_based', 'SELECT * FROM l');
SELECT * FROM define('regress_based', format('CREATE FOREIGN TABLE ld (id int) SERVER based OPTIONS (location %L)', :'linkdir'));
SELECT * FROM define('regress_based', 'SELECT * FROM ld');
SELECT * FROM define('regress_based', format('CREATE FOREIGN TABLE lg () SERVER based OPTIONS (location %L)', :'all'));
-- a link that is put in later, too
SELECT * FROM define('regress_based', 'SELECT * FROM sub');
\! rm $DIR/base/sub/b.parquet && ln -s ../../base2/c.parquet $DIR/base/sub/b.parquet
SELECT * FROM define('regress_based', 'SELECT * FROM sub');
-- nobody else sets base directories
ALTER SERVER based OWNER TO regress_based;
SELECT * FROM define('regress_based', $$ALTER SERVER based OPTIONS (SET base_directories '/')$$);
SELECT * FROM define('regress_based', $$ALTER SERVER lake OPTIONS (ADD base_directories '/')$$);

-- the reader of a granted table needs no right to files, nor to the server
GRANT SELECT ON b, f TO regress_reader;
SET ROLE regress_reader;
SELECT * FROM b ORDER BY id;
SELECT count(*), max(price) FROM f WHERE day < '2024-02-01';
SELECT * FROM outcome('SELECT * FROM linked');
RESET ROLE;
-- through a view
CREATE VIEW seen AS SELECT id, name FROM b;
ALTER VIEW seen OWNER TO regress_based;
REVOKE ALL ON b FROM regress_reader;
GRANT SELECT ON seen TO regress_reader;
SELECT * FROM define('regress_reader', 'SELECT * FROM seen');
SELECT * FROM define('regress_reader', 'SELECT * FROM b');

-- functions on locations: not for the public, and they ask for their caller's right
SELECT * FROM define('regress_none', format('SELECT * FROM lakehouse.list(%L)', :'base'));
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA lakehouse TO regress_none, regress_based;
CREATE FUNCTION each(role name, arguments text) RETURNS TABLE (function text, what text, says text) LANGUAGE plpgsql AS $$
DECLARE
	f text;
BEGIN
	FOREACH f IN ARRAY '{list, ddl, parquet_metadata, parquet_schema, parquet_row_groups, parquet_column_chunks,
		parquet_statistics, parquet_pages, parquet_key_values}'::text[] LOOP
		RETURN QUERY SELECT f, * FROM define(role, format('SELECT * FROM lakehouse.%s(%s)', f, arguments));
	END LOOP;
END $$;
SELECT * FROM each('regress_none', quote_literal(:'a'));
SELECT * FROM each('regress_none', format('%L, server => ''based''', :'a'));
SELECT * FROM each('regress_based', quote_literal(:'a'));
SELECT function, what FROM each('regress_based', format('%L, server => ''based''', :'a'));
SELECT * FROM each('regress_based', format('%L, server => ''based''', :'outside'));
SELECT * FROM each('regress_based', format('%L, server => ''based''', :'link'));
SELECT function, what FROM each('regress_files', quote_literal(:'outside'));

RESET search_path;
DROP SCHEMA rights CASCADE;
DROP SERVER based CASCADE;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA lakehouse FROM regress_none, regress_based;
REVOKE ALL ON FOREIGN SERVER lake FROM regress_none, regress_files, regress_based;
DROP ROLE regress_none, regress_files, regress_based, regress_reader;
\! rm -r $DIR
