-- lakehouse.read: rows of files without a table.
\i sql/include/lake.psql
\set trips :fixtures /flat/trips.parquet
\set glob :fixtures /glob/*.parquet

-- the first statement of a session is planned in place already
\c
SELECT set_config('test.fixtures', :'fixtures', false) \g /dev/null
SELECT * FROM plan(format('SELECT day FROM lakehouse.read(%L) AS t(day date, fare numeric) WHERE fare > 10', :'trips'));
\i sql/include/lake.psql

SELECT * FROM lakehouse.read(:'trips') AS t(trip_id bigint, vendor text, fare numeric) ORDER BY trip_id LIMIT 3;
SELECT count(*), sum(fare), min(day) FROM lakehouse.read(:'trips') AS t(day date, fare numeric) WHERE fare > 10;
SELECT count(*) FROM lakehouse.read(:'trips') AS t(day date);

-- columns by name, in any order, with a type of one's own; members of structs; partitions
SELECT * FROM lakehouse.read(:'glob') AS t(src text, n bigint) ORDER BY n;
SELECT * FROM lakehouse.read(fixture('names/dotted.parquet')) AS t("e.f.g" int, "a.b" int);
SELECT * FROM lakehouse.read(fixture('hive')) AS t(year int, month text, id int) WHERE year = 2024 ORDER BY id;
-- options by name
SELECT * FROM lakehouse.read(fixture('union'), options => '{"union_by_name": true}') AS t(id int, name text, extra bool) ORDER BY id;
SELECT n, without_path(f) FROM lakehouse.read(:'glob', options => '{"filename_column": "f"}') AS t(n int, f text) ORDER BY n;

-- a row type: a table's, with its column_name options, or a composite type's
SELECT make_table('read_names', '', 'names/awkward.parquet');
SELECT id, "ID_2", dup_2, xmin_, column_2 FROM lakehouse.read(NULL::read_names, fixture('names/awkward.parquet')) ORDER BY id;
ALTER FOREIGN TABLE read_names DROP COLUMN "ID_2", DROP COLUMN id;
SELECT "Id_3", dup_2, xmin_, t IS NULL AS is_null FROM lakehouse.read(NULL::read_names, fixture('names/awkward.parquet')) t ORDER BY 1;
CREATE TYPE read_row AS (vendor text, fare numeric(9,2));
SELECT * FROM lakehouse.read(NULL::read_row, :'trips') LIMIT 1;
SELECT company, count(*) FROM lakehouse.read(NULL::read_row, :'trips') AS t(company) GROUP BY 1 ORDER BY 1;

-- conditions, needed columns and LIMIT reach the reader
SELECT * FROM plan(format('SELECT vendor FROM lakehouse.read(%L) AS t(trip_id bigint, vendor text, day date, note text)
	WHERE day = ''2024-02-01'' AND to_char(trip_id, ''9999'') LIKE ''%%2''', :'trips'));
SELECT * FROM plan(format('SELECT vendor FROM lakehouse.read(%L) AS t(trip_id bigint, vendor text, day date, note text)
	WHERE day = ''2024-02-01'' LIMIT 5', :'trips'), 'ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF');
SELECT counter(format('SELECT day FROM lakehouse.read(%L) AS t(day date) LIMIT 1', :'trips'), 'Rows Scanned') AS scanned;
SELECT counter(format('SELECT 1 FROM lakehouse.read(%L) AS t(day date) WHERE day < ''2024-01-10''', :'trips'), 'Row Groups Pruned by Statistics') AS pruned;
SELECT counter(format('SELECT 1 FROM lakehouse.read(%L) AS t(day date) WHERE day < ''2024-01-10''', :'trips'), 'Custom Plan Provider') AS provider;
SET lakehouse.pushdown = off;
SELECT * FROM plan(format('SELECT count(*) FROM lakehouse.read(%L) AS t(day date) WHERE day < ''2024-01-10''', :'trips'));
SELECT count(*) FROM lakehouse.read(:'trips') AS t(day date) WHERE day < '2024-01-10';
RESET lakehouse.pushdown;
SELECT count(*) FROM lakehouse.read(:'trips') AS t(day date) WHERE day < '2024-01-10';
-- rows are estimated from the footers
SELECT counter(format('SELECT day FROM lakehouse.read(%L) AS t(day date)', :'trips'), 'Plan Rows') AS rows;
-- a condition that the files cannot answer as declared is evaluated behind the reader
SELECT count(*) FROM lakehouse.read(:'trips') AS t(passengers numeric(10,2)) WHERE passengers > 2.5;
SELECT count(*) FROM lakehouse.read(:'trips') AS t(day timestamp) WHERE day < '2024-01-10';

-- and one that PostgreSQL answers once a dictionary entry
SELECT * FROM plan(format('SELECT day FROM lakehouse.read(%L) AS t(day date, vendor text) WHERE upper(vendor) = ''COMET''', :'trips'));
SELECT vendor, count(*) FROM lakehouse.read(:'trips') AS t(day date, vendor text) WHERE upper(vendor) = 'COMET' AND day < '2024-02-01' GROUP BY 1;

-- whole rows
SELECT t FROM lakehouse.read(:'glob') AS t(n int, src text) ORDER BY n;
SELECT to_jsonb(t) FROM lakehouse.read(:'glob') AS t(n int, src text) ORDER BY n;
SELECT count(t), count(t.*) FROM lakehouse.read(NULL::read_row, :'trips') t WHERE vendor = 'Comet';
SELECT (t).vendor, pg_typeof(t) FROM lakehouse.read(NULL::read_row, :'trips') t LIMIT 1;

-- locations that are known late: parameters, subqueries, other tables
PREPARE p(text, date) AS SELECT count(*), min(day) FROM lakehouse.read($1) AS t(day date) WHERE day > $2;
EXECUTE p(:'trips', '2024-02-02');
SET plan_cache_mode = force_generic_plan;
EXECUTE p(:'trips', '2024-02-02');
EXECUTE p(:'trips', '2024-03-02');
EXECUTE p(NULL, '2024-03-02');
EXPLAIN (COSTS OFF) EXECUTE p(:'trips', '2024-02-02');
RESET plan_cache_mode;
SELECT n FROM lakehouse.read((SELECT fixture('glob/a2.parquet'))) AS t(n int);
SELECT f, n FROM unnest(ARRAY['a1', 'a2', 'b1']) f, LATERAL lakehouse.read(fixture('glob/' || f || '.parquet')) AS t(n int);
SELECT f, (SELECT sum(n) FROM lakehouse.read(:'glob') AS t(n int) WHERE n <= f) FROM generate_series(0, 2) f;
SELECT f, (SELECT src FROM lakehouse.read(fixture('glob/' || f || '.parquet')) AS t(src text)) FROM unnest(ARRAY['a1', 'b1', 'a2']) f;
SELECT * FROM lakehouse.read(NULL) AS t(n int);

-- where it is not alone in FROM, the function itself runs
SELECT * FROM ROWS FROM (lakehouse.read(:'glob') AS (n int), generate_series(1, 4)) ORDER BY 2;
SELECT * FROM ROWS FROM (lakehouse.read(:'glob') AS (n int)) WITH ORDINALITY;
SELECT (r).vendor, count(*) FROM (SELECT lakehouse.read(NULL::read_row, :'trips') AS r) s GROUP BY 1 ORDER BY 1;

-- joins with their rescans, and parallel plans
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_material = off;
SELECT g, n FROM generate_series(1, 3) g JOIN lakehouse.read(:'glob') AS t(n int) ON n < g ORDER BY 1, 2;
SELECT count(*) FROM lakehouse.read(:'glob') AS a(n int), lakehouse.read(:'glob') AS b(n int) WHERE a.n >= b.n;
RESET enable_hashjoin;
RESET enable_mergejoin;
RESET enable_material;
CREATE TABLE read_heap AS SELECT i AS n, repeat('x', 100) AS pad FROM generate_series(1, 20000) i;
ANALYZE read_heap;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET debug_print_plan = on;
SELECT * FROM plan(format('SELECT count(*) FROM read_heap h JOIN lakehouse.read(%L) AS t(trip_id bigint, fare numeric) ON h.n = t.trip_id', :'trips'));
SELECT count(*) FROM read_heap h JOIN lakehouse.read(:'trips') AS t(trip_id bigint, fare numeric) ON h.n = t.trip_id;
-- and in a worker
SELECT set_config(name, 'on', false) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query') \g /dev/null
SELECT count(*), sum(fare) FROM lakehouse.read(:'trips') AS t(day date, fare numeric) WHERE day > '2024-02-01' AND fare::text LIKE '%5';
SELECT set_config(name, 'off', false) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query') \g /dev/null
RESET debug_print_plan;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- cursors, plpgsql, views, INSERT, subqueries, set operations
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT n, src FROM lakehouse.read(:'glob') AS t(n int, src text);
FETCH 2 FROM c;
FETCH BACKWARD 1 FROM c;
FETCH ALL FROM c;
COMMIT;
CREATE FUNCTION read_sum(location text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	total bigint := 0;
	r record;
BEGIN
	FOR r IN SELECT n FROM lakehouse.read(location) AS t(n int) LOOP
		total := total + r.n;
	END LOOP;
	RETURN total;
END $$;
SELECT read_sum(:'glob');
SELECT format('CREATE VIEW read_view AS SELECT vendor, fare FROM lakehouse.read(%L) AS t(vendor text, fare numeric)', :'trips') AS view \gset
\set ECHO none
:view;
\set ECHO all
SELECT * FROM plan('SELECT * FROM read_view WHERE fare > 11');
SELECT vendor, count(*) FROM read_view WHERE fare > 11 GROUP BY 1 ORDER BY 1;
CREATE TABLE read_copy AS SELECT * FROM lakehouse.read(:'glob') AS t(n int, src text);
INSERT INTO read_copy SELECT n + 10, src FROM lakehouse.read(:'glob') AS t(n int, src text) WHERE n > 0;
UPDATE read_copy c SET src = c.src || t.src FROM lakehouse.read(:'glob') AS t(n int, src text) WHERE c.n = t.n AND t.src <> 'a2';
DELETE FROM read_copy c USING lakehouse.read(:'glob') AS t(n int) WHERE c.n = t.n + 10;
TABLE read_copy ORDER BY n;
SELECT n FROM lakehouse.read(:'glob') AS t(n int) UNION ALL SELECT n FROM read_copy ORDER BY 1;
SELECT count(*) FROM read_copy WHERE n IN (SELECT n FROM lakehouse.read(:'glob') AS t(n int));

-- a plan holds no fact about files
\set work :fixtures /read
\setenv WORK :work
\set file :work /f.parquet
\! mkdir -p $WORK && cp $LAKEHOUSE_FIXTURES/union/a.parquet $WORK/f.parquet
PREPARE q AS SELECT id FROM lakehouse.read(:'file') AS t(id int) WHERE id <> 0 ORDER BY 1;
SET plan_cache_mode = force_generic_plan;
EXECUTE q;
\! cp $LAKEHOUSE_FIXTURES/union/b.parquet $WORK/f.parquet
EXECUTE q;
\! rm -r $WORK
SELECT * FROM outcome('EXECUTE q');
DEALLOCATE q;
-- but an altered row type is noticed
PREPARE q AS SELECT t FROM lakehouse.read(NULL::read_row, :'trips') t LIMIT 1;
EXECUTE q;
ALTER TYPE read_row ADD ATTRIBUTE code text;
SELECT * FROM outcome('EXECUTE q');
RESET plan_cache_mode;

-- mistakes
SELECT * FROM outcome(format('SELECT * FROM lakehouse.read(%L) AS t(no int)', :'trips'));
SELECT * FROM outcome(format('SELECT * FROM lakehouse.read(%L) AS t(vendor int)', :'trips'));
SELECT * FROM outcome(format('SELECT * FROM lakehouse.read(%L) t', :'trips'));
SELECT * FROM outcome(format('SELECT * FROM lakehouse.read(1, %L) t', :'trips'));
SELECT * FROM outcome(format('SELECT * FROM lakehouse.read(%L, options => ''{"colour": 1}'') AS t(a int)', :'trips'));
SELECT * FROM outcome($$ SELECT * FROM lakehouse.read('/nowhere') AS t(a int) $$);
SELECT * FROM outcome($$ EXPLAIN SELECT * FROM lakehouse.read('/nowhere') AS t(a int) $$);
SELECT * FROM outcome($$ SELECT * FROM lakehouse.read('here') AS t(a int) $$);
SELECT * FROM outcome($$ SELECT * FROM lakehouse.read('/nowhere', server => 'none') AS t(a int) $$);

DROP VIEW read_view;
DROP TABLE read_heap, read_copy;
DROP FUNCTION read_sum(text);
DROP TYPE read_row;
DROP FOREIGN TABLE read_names;
