-- lakehouse.read stands in a plan for a function: EXECUTE and file rights are checked all the same.
\i sql/include/lake.psql
\set trips :fixtures /flat/trips.parquet
\set glob :fixtures /glob
CREATE ROLE regress_read_none;
CREATE ROLE regress_read_files IN ROLE pg_read_server_files;
CREATE ROLE regress_read_based;
CREATE ROLE regress_read_nothing;
CREATE SERVER read_based FOREIGN DATA WRAPPER lakehouse OPTIONS (base_directories :'glob');
GRANT USAGE ON FOREIGN SERVER read_based TO regress_read_based;

CREATE FUNCTION run_as(role name, command text) RETURNS TABLE (what text, says text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	RETURN QUERY SELECT * FROM outcome(command) o WHERE o.what NOT IN ('detail', 'hint', 'context');
	RESET ROLE;
END $$;
SELECT format('SELECT * FROM lakehouse.read(%L) AS t(day date)', :'trips') AS q \gset
SELECT format('SELECT day FROM lakehouse.read(NULL::read_rights_row, %L)', :'trips') AS qr \gset
CREATE TYPE read_rights_row AS (day date);

-- EXECUTE is for readers of all files; others are stopped when it is planned, and told nothing
SELECT * FROM run_as('regress_read_files', :'q');
SELECT * FROM run_as('regress_read_files', :'qr');
SELECT * FROM run_as('regress_read_none', :'q');
SELECT * FROM run_as('regress_read_none', :'qr');
SELECT * FROM run_as('regress_read_none', 'EXPLAIN ' || :'q');
SELECT * FROM run_as('regress_read_none', $$ SELECT * FROM lakehouse.read('/nowhere') AS t(a int) $$);
SELECT * FROM run_as('regress_read_none', format('SELECT lakehouse.read(NULL::read_rights_row, %L)', :'trips'));
SELECT * FROM run_as('regress_read_none', $$ SELECT * FROM lakehouse.read('/nowhere', options => '{"colour": 1}') AS t(a int) $$);

-- with EXECUTE, the location is checked for the caller
GRANT EXECUTE ON FUNCTION lakehouse.read(text, jsonb, name), lakehouse.read(anyelement, text, jsonb, name)
	TO regress_read_none, regress_read_based;
SELECT * FROM run_as('regress_read_none', :'q');
SELECT * FROM run_as('regress_read_none', :'qr');
SELECT * FROM run_as('regress_read_none', format('SELECT lakehouse.read(NULL::read_rights_row, %L)', :'trips'));
SELECT * FROM run_as('regress_read_none', $$ SELECT * FROM lakehouse.read('/nowhere') AS t(a int) $$);
-- nothing of the files shows in the plan
SELECT counter(:'q', 'Plan Rows') AS rows;
SET ROLE regress_read_none;
SELECT regexp_replace(l, '.*rows=(\d+) .*', '\1') AS rows FROM plan(:'q', 'COSTS ON') l LIMIT 1;
RESET ROLE;
-- base directories of a server
SELECT * FROM run_as('regress_read_based', format('SELECT * FROM lakehouse.read(%L, server => ''read_based'') AS t(n int)', :'glob' || '/a1.parquet'));
SELECT * FROM run_as('regress_read_based', format('SELECT * FROM lakehouse.read(%L) AS t(n int)', :'glob' || '/a1.parquet'));
SELECT * FROM run_as('regress_read_based', format('SELECT * FROM lakehouse.read(%L, server => ''read_based'') AS t(day date)', :'trips'));
SELECT * FROM run_as('regress_read_none', format('SELECT * FROM lakehouse.read(%L, server => ''read_based'') AS t(n int)', :'glob' || '/a1.parquet'));

-- a plan that one role made does not help another
SELECT format('PREPARE p AS %s', :'q') AS prepare \gset
SET plan_cache_mode = force_generic_plan;
\set ECHO none
:prepare;
\set ECHO all
SELECT * FROM run_as('regress_read_files', 'EXECUTE p');
SELECT * FROM run_as('regress_read_none', 'EXECUTE p');
SELECT * FROM run_as('regress_read_nothing', 'EXECUTE p');
SELECT * FROM run_as('regress_read_nothing', 'EXPLAIN EXECUTE p');
REVOKE EXECUTE ON FUNCTION lakehouse.read(text, jsonb, name) FROM regress_read_none;
SELECT * FROM run_as('regress_read_none', 'EXECUTE p');
SELECT * FROM run_as('regress_read_none', 'EXPLAIN EXECUTE p');
RESET plan_cache_mode;

-- a view gives its readers no right of its owner: a function in it runs as they
SELECT format('CREATE VIEW read_rights_view AS %s', :'q') AS view \gset
\set ECHO none
:view;
\set ECHO all
GRANT SELECT ON read_rights_view TO regress_read_none, regress_read_files;
SELECT * FROM run_as('regress_read_files', 'SELECT * FROM read_rights_view');
SELECT * FROM run_as('regress_read_none', 'SELECT * FROM read_rights_view');
-- SECURITY DEFINER does
CREATE FUNCTION read_rights_definer(location text) RETURNS SETOF date LANGUAGE sql SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp AS 'SELECT day FROM lakehouse.read(location) AS t(day date)';
ALTER FUNCTION read_rights_definer(text) OWNER TO regress_read_files;
SELECT * FROM run_as('regress_read_none', format('SELECT * FROM read_rights_definer(%L)', :'trips'));

-- conditions of a security barrier are not overtaken by functions that could tell
CREATE FUNCTION read_rights_leak(date) RETURNS boolean LANGUAGE plpgsql IMMUTABLE COST 0.0001 AS
	$$ BEGIN RAISE NOTICE 'saw %', $1; RETURN true; END $$;
SELECT format('CREATE VIEW read_rights_barrier WITH (security_barrier) AS %s WHERE day::text < ''2024-01-01''', :'q') AS view \gset
\set ECHO none
:view;
\set ECHO all
SET client_min_messages = notice;
SELECT * FROM read_rights_barrier WHERE read_rights_leak(day) LIMIT 1;
SELECT * FROM plan('SELECT * FROM read_rights_barrier WHERE day > ''2024-01-01'' AND read_rights_leak(day)');
RESET client_min_messages;

DEALLOCATE p;
DROP VIEW read_rights_barrier, read_rights_view;
DROP FUNCTION read_rights_definer(text), read_rights_leak(date), run_as(name, text);
DROP TYPE read_rights_row;
DROP SERVER read_based CASCADE;
REVOKE ALL ON FUNCTION lakehouse.read(text, jsonb, name), lakehouse.read(anyelement, text, jsonb, name)
	FROM regress_read_none, regress_read_based;
DROP ROLE regress_read_none, regress_read_files, regress_read_based, regress_read_nothing;
