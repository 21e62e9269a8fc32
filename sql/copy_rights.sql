-- Who may write and load files: each section fails without its check.
\set schema test_copy_rights
\i sql/include/write.psql
SET client_min_messages = warning;
CREATE ROLE regress_copy_none;
CREATE ROLE regress_copy_writer IN ROLE pg_write_server_files;
CREATE ROLE regress_copy_reader IN ROLE pg_read_server_files;
CREATE ROLE regress_copy_based;
\! mkdir -p $OUT/in/sub $OUT/outside && ln -s ../outside $OUT/in/link
CREATE SERVER copy_based FOREIGN DATA WRAPPER lakehouse;
GRANT USAGE ON FOREIGN SERVER copy_based TO regress_copy_based;
GRANT USAGE ON FOREIGN SERVER lake TO regress_copy_based;
GRANT USAGE ON SCHEMA test_copy_rights TO PUBLIC;
CREATE TABLE t (id int, secret text, shown text DEFAULT 'default');
INSERT INTO t VALUES (1, 'one', 'a'), (2, 'two', 'b');
SELECT copied('(SELECT id, secret, shown FROM t)', 'in/t.parquet');

-- A command as a role: its rows or its error
CREATE FUNCTION run_as(role name, command text) RETURNS TABLE (what text, says text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	RETURN QUERY SELECT * FROM outcome(command) o WHERE o.what NOT IN ('hint', 'context');
	RESET ROLE;
END $$;
CREATE FUNCTION to_file(name text, options text DEFAULT '', what text DEFAULT '(SELECT 1 AS a)') RETURNS text LANGUAGE sql
AS $$ SELECT format('COPY %s TO %L (FORMAT parquet%s)', what, target(name), options) $$;
CREATE FUNCTION from_file(name text, options text DEFAULT '', what text DEFAULT 't') RETURNS text LANGUAGE sql
AS $$ SELECT format('COPY %s FROM %L (FORMAT parquet%s)', what, target(name), options) $$;

-- writing: pg_write_server_files, which reading does not imply, nor the other way round
SELECT * FROM run_as('regress_copy_none', to_file('none.parquet'));
SELECT * FROM run_as('regress_copy_reader', to_file('reader.parquet'));
SELECT * FROM run_as('regress_copy_writer', to_file('writer.parquet'));
SELECT * FROM run_as('regress_copy_writer', from_file('in/t.parquet'));
-- what exists gives the same answer to whoever may not write there
SELECT * FROM run_as('regress_copy_none', to_file('writer.parquet'));
-- the function: EXECUTE, then the same right
SELECT * FROM run_as('regress_copy_none', format('SELECT lakehouse.write_parquet(%L, %L)', 'SELECT 1 AS a', target('none.parquet')));
SELECT * FROM run_as('regress_copy_reader', format('SELECT lakehouse.write_parquet(%L, %L)', 'SELECT 1 AS a', target('none.parquet')));
SELECT * FROM run_as('regress_copy_writer', format('SELECT lakehouse.write_parquet(%L, %L)', 'SELECT 1 AS a', target('function.parquet')));
GRANT EXECUTE ON FUNCTION lakehouse.write_parquet TO regress_copy_none;
SELECT * FROM run_as('regress_copy_none', format('SELECT lakehouse.write_parquet(%L, %L)', 'SELECT 1 AS a', target('none.parquet')));
REVOKE EXECUTE ON FUNCTION lakehouse.write_parquet FROM regress_copy_none;
SELECT * FROM written();

-- writable_directories of a server, for those who may use it and name it
SELECT * FROM run_as('regress_copy_based', to_file('in/based.parquet', ', server copy_based'));
ALTER SERVER copy_based OPTIONS (ADD base_directories :'out');
SELECT * FROM run_as('regress_copy_based', to_file('in/based.parquet', ', server copy_based'));
SELECT target('in') AS dir \gset
ALTER SERVER copy_based OPTIONS (DROP base_directories, ADD writable_directories :'dir');
SELECT * FROM run_as('regress_copy_based', to_file('in/based.parquet', ', server copy_based'));
SELECT * FROM run_as('regress_copy_based', to_file('in/sub/based.parquet', ', server copy_based'));
SELECT * FROM run_as('regress_copy_based', to_file('in/based.parquet'));
SELECT * FROM run_as('regress_copy_based', to_file('in/based2.parquet', ', server lake'));
SELECT * FROM run_as('regress_copy_none', to_file('in/none.parquet', ', server copy_based'));
SELECT * FROM run_as('regress_copy_based', to_file('outside/based.parquet', ', server copy_based'));
SELECT * FROM run_as('regress_copy_based', to_file('in/../outside/based.parquet', ', server copy_based'));
SELECT * FROM run_as('regress_copy_based', to_file('in/link/based.parquet', ', server copy_based'));
-- to write is not to read
SELECT * FROM run_as('regress_copy_based', from_file('in/t.parquet', ', server copy_based'));
-- only a superuser sets it
ALTER SERVER copy_based OWNER TO regress_copy_based;
SELECT * FROM run_as('regress_copy_based', $$ALTER SERVER copy_based OPTIONS (SET writable_directories '/')$$);
SELECT * FROM outcome($$ALTER SERVER copy_based OPTIONS (SET writable_directories 'relative')$$);
ALTER SERVER copy_based OWNER TO CURRENT_USER;
REVOKE USAGE ON FOREIGN SERVER copy_based FROM regress_copy_based;
SELECT * FROM run_as('regress_copy_based', to_file('in/based3.parquet', ', server copy_based'));
GRANT USAGE ON FOREIGN SERVER copy_based TO regress_copy_based;
\! cd $OUT && find . -name '*.parquet' -o -name '*.tmp' | LC_ALL=C sort

-- the rights to the table, TO: SELECT on each column
SELECT * FROM run_as('regress_copy_writer', to_file('t1.parquet', '', 't'));
GRANT SELECT (id, shown) ON t TO regress_copy_writer;
SELECT * FROM run_as('regress_copy_writer', to_file('t1.parquet', '', 't'));
SELECT * FROM run_as('regress_copy_writer', to_file('t1.parquet', '', 't (id, shown)'));
SELECT * FROM run_as('regress_copy_writer', to_file('t2.parquet', '', '(SELECT secret FROM t)'));
SELECT * FROM run_as('regress_copy_writer', format('SELECT lakehouse.write_parquet(%L, %L)', 'SELECT secret FROM t', target('t2.parquet')));
-- FROM: INSERT on each column, no right to the others
SELECT * FROM run_as('regress_copy_reader', from_file('in/t.parquet'));
GRANT INSERT (id, shown) ON t TO regress_copy_reader;
SELECT * FROM run_as('regress_copy_reader', from_file('in/t.parquet'));
SELECT * FROM run_as('regress_copy_reader', from_file('in/t.parquet', '', 't (id)') || ' WHERE id = 2');
SELECT * FROM t ORDER BY id, secret;
-- COPY FROM asks for the location, not for EXECUTE on the function behind it; the location is the caller's
GRANT INSERT ON t TO regress_copy_none, regress_copy_based;
SELECT * FROM run_as('regress_copy_none', from_file('in/t.parquet'));
ALTER SERVER copy_based OPTIONS (ADD base_directories :'dir');
SELECT * FROM run_as('regress_copy_based', from_file('in/t.parquet', ', server copy_based'));
SELECT * FROM run_as('regress_copy_based', from_file('t1.parquet', ', server copy_based', 't (id, shown)'));
SELECT * FROM run_as('regress_copy_based', format('SELECT * FROM lakehouse.read(location => %L, server => ''copy_based'') AS t(id int)', target('in/t.parquet')));

-- row-level security: TO writes the rows that the role sees, FROM is refused
GRANT SELECT ON t TO regress_copy_writer;
CREATE POLICY p ON t USING (id > 1);
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
SELECT * FROM run_as('regress_copy_writer', to_file('rls1.parquet', '', 't'));
SELECT count(*) FILTER (WHERE id > 1) > 0 AS some, count(*) FILTER (WHERE id <= 1) AS hidden FROM lakehouse.read(target('rls1.parquet')) AS t(id int);
SELECT * FROM run_as('regress_copy_writer', format('SELECT lakehouse.write_parquet(%L, %L)', 'SELECT id FROM t', target('rls2.parquet')));
SELECT count(*) FILTER (WHERE id > 1) > 0 AS some, count(*) FILTER (WHERE id <= 1) AS hidden FROM lakehouse.read(target('rls2.parquet')) AS t(id int);
SET row_security = off;
SELECT * FROM run_as('regress_copy_writer', to_file('rls3.parquet', '', 't'));
RESET row_security;
SELECT * FROM run_as('regress_copy_reader', from_file('in/t.parquet', '', 't (id)'));
SELECT * FROM outcome(from_file('in/t.parquet', '', 't (id)'));
-- a definer's function writes with the definer's rights
CREATE FUNCTION definer() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS
	$$ SELECT rows FROM lakehouse.write_parquet('SELECT current_user AS who', test_copy_rights.target('definer.parquet')) $$;
SELECT * FROM run_as('regress_copy_none', 'SELECT definer()');
SELECT who = current_user AS definer FROM lakehouse.read(target('definer.parquet')) AS t(who text);

\! rm -r $OUT
DROP SCHEMA test_copy_rights CASCADE;
DROP SERVER copy_based;
REVOKE ALL ON FOREIGN SERVER lake FROM regress_copy_based;
DROP ROLE regress_copy_none, regress_copy_writer, regress_copy_reader, regress_copy_based;
