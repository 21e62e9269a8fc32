-- Policies of lake tables: masks once a dictionary entry, what EXPLAIN tells of it, and the same files by other ways.
-- Secrets begin with "raw": none of them may be seen below but where a section says so.
\set schema test_privacy_lake
\i sql/include/write.psql
\setenv OUT :out
\! mkdir -p -m 700 $LAKEHOUSE_FIXTURES/privacy_lake
SELECT :'fixtures' || '/privacy_lake' AS dir \gset
\! umask 077 && echo "{\"keys\": {\"app:1\": \"$(printf 'fedcba9876543210%.0s' 1 2 3 4)\"}}" > $LAKEHOUSE_FIXTURES/privacy_lake/keys.json
SELECT lakehouse.key_provider_create('lake_file', 'file', jsonb_build_object('path', :'dir' || '/keys.json'));
SELECT lakehouse.key_create('lake_key', provider => 'lake_file', kek => 'app') > 0 AS made;
SELECT lakehouse.domain_create('lake_text', 'text', 'lake_key');
CREATE ROLE regress_pl_owner;
CREATE ROLE regress_pl_masked;
CREATE ROLE regress_pl_clerk;				-- no policy is for him; may read the tables
CREATE ROLE regress_pl_colleague;			-- no policy is for him; may read files, not the tables
CREATE ROLE regress_pl_exempt;
CREATE ROLE regress_pl_admin;
GRANT ALL ON SCHEMA test_privacy_lake TO PUBLIC;
GRANT pg_read_server_files, pg_write_server_files TO regress_pl_owner, regress_pl_masked, regress_pl_clerk, regress_pl_colleague, regress_pl_exempt, regress_pl_admin;
GRANT USAGE ON FOREIGN SERVER lake TO regress_pl_owner, regress_pl_masked, regress_pl_clerk, regress_pl_colleague, regress_pl_exempt, regress_pl_admin;
\pset null <null>

-- A statement as a role: its first column as one text, or its error.
CREATE FUNCTION tried(role name, command text, setup text DEFAULT '') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r text;
	d text;
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	IF setup <> '' THEN EXECUTE setup; END IF;
	IF command ~ '^(SELECT|EXPLAIN|TABLE|WITH|EXECUTE)' THEN EXECUTE command INTO r; ELSE EXECUTE command; r := 'done'; END IF;
	RESET ROLE;
	RETURN coalesce(r, '<null>');
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL;
	RETURN without_path(format('%s: %s %s', SQLSTATE, SQLERRM, d));
END $$;
-- Lines of a plan of a role.
CREATE FUNCTION told(role name, command text, pattern text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	lines text[];
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, VERBOSE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || command LOOP
		IF line ~ pattern THEN lines := lines || trim(line); END IF;
	END LOOP;
	RESET ROLE;
	RETURN QUERY SELECT unnest(lines);
END $$;

-- ---- masks once a dictionary entry
-- 1,000,000 rows: columns of 1,000 values and some nulls, one of as many values as rows, one whose dictionary is too large
CREATE TABLE rows AS SELECT i AS id, CASE WHEN i % 1001 <> 0 THEN 'raw-' || lpad((i % 1000)::text, 3, '0') || '-' || (i % 10) END AS ssn,
	i % 1000 AS n, 'raw' || (i % 100) || '@example.com' AS mail, date '1950-01-01' + i % 900 AS born, 'raw' || i AS one, 'x' || i % 3 AS city, 'raw ' || i % 7 AS short,
	'raw-' || i % 50 AS token
	FROM generate_series(1, 1000000) i;
ALTER TABLE rows OWNER TO regress_pl_owner;
SELECT copied('rows', 'rows.parquet', ', ROW_GROUP_SIZE 500000');
SELECT column_path, bool_or('RLE_DICTIONARY' = ANY (encodings)) AS dictionary, count(*) FROM lakehouse.parquet_column_chunks(target('rows.parquet')) GROUP BY 1 ORDER BY 1;
SET ROLE regress_pl_owner;
SELECT make_table('lake_rows', '', 'written/rows.parquet');
RESET ROLE;
SET client_min_messages = error;
SELECT lakehouse.policy_create('pl_' || t, t::regclass, ARRAY['ssn', $$lakehouse.mask_partial(ssn, 0, 'X', 2)$$, 'n', 'lakehouse.mask_floor(n, 100)',
	'mail', $$lakehouse.mask_email(mail, 1, '***', true)$$, 'born', $$date_trunc('year', born)$$, 'one', $$lakehouse.mask_partial(one, 1, 'X', 1)$$,
	'short', $$lakehouse.mask_partial(short, 8, 'X', 8)$$, 'token', $$lakehouse.mask_hash(token, 'lake_text')$$,
	'city', $$CASE WHEN id % 2 = 0 THEN lakehouse.mask_partial(city, 0, 'Y', 1) ELSE 'even' END$$], for_roles => '{regress_pl_masked}')
FROM unnest('{rows,lake_rows}'::text[]) t;
RESET client_min_messages;
GRANT SELECT (id) ON rows, lake_rows TO regress_pl_masked;
GRANT SELECT ON rows, lake_rows TO regress_pl_clerk;
-- the same as of a heap table
SET ROLE regress_pl_masked;
SELECT count(*) FROM ((TABLE lake_rows EXCEPT ALL TABLE rows) UNION ALL (TABLE rows EXCEPT ALL TABLE lake_rows)) d;
SELECT id, ssn, n, mail, born, one, city, short, token ~ '^[0-9a-f]{64}$' AS token FROM lake_rows WHERE id IN (1, 2, 1001) ORDER BY id;
-- conditions and groups are of masks
SELECT (SELECT count(*) FROM lake_rows WHERE ssn = 'X-7') AS masks, (SELECT count(*) FROM lake_rows WHERE ssn = 'raw-007-7') AS raw, (SELECT count(*) FROM lake_rows WHERE ssn ~ 'raw') AS raw,
	(SELECT count(*) FROM lake_rows WHERE token = (SELECT token FROM rows WHERE id = 7)) AS tokens, (SELECT count(*) FROM lake_rows WHERE ssn IS NULL) AS nulls;
SELECT ssn, count(*) FROM lake_rows GROUP BY ssn ORDER BY ssn;
SELECT min(ssn), max(ssn), count(ssn), min(n), max(n), min(one), max(one), count(DISTINCT token) FROM lake_rows;
RESET ROLE;
-- a mask is called once for each entry of each row group, and once for null
GRANT pg_read_all_stats TO regress_pl_masked;
SELECT * FROM told('regress_pl_masked', 'SELECT ssn FROM lake_rows', 'Dictionary Entries Computed');
SELECT * FROM told('regress_pl_masked', 'SELECT n FROM lake_rows', 'Dictionary Entries Computed');
SELECT * FROM told('regress_pl_masked', 'SELECT ssn, mail, born, token FROM lake_rows', 'Dictionary Entries Computed');
-- conditions that the engine asks PostgreSQL for, and those that it does not take
SELECT * FROM told('regress_pl_masked', $$SELECT id FROM lake_rows WHERE ssn = 'X-7'$$, 'Dictionary (Entries|Filter)');
SELECT * FROM told('regress_pl_masked', $$SELECT id FROM lake_rows WHERE token = 'x'$$, 'Dictionary (Entries|Filter)');
-- no dictionary of that column is kept: each row
SELECT * FROM told('regress_pl_masked', 'SELECT one FROM lake_rows', 'Dictionary Entries Computed');
-- an expression of two columns is none of a dictionary, its part is
SELECT * FROM told('regress_pl_masked', 'SELECT city FROM lake_rows', 'Dictionary Entries Computed');
REVOKE pg_read_all_stats FROM regress_pl_masked;
-- what could not be masked is counted once an entry, too: 1,000,000 rows
SELECT lakehouse.mask_counters_reset();
SET ROLE regress_pl_masked;
SELECT count(*), count(short) FROM lake_rows;
RESET ROLE;
SELECT * FROM lakehouse.mask_counters();
-- files of others: dictionaries of numbers, with pages behind them that have none, of ORC
CREATE FUNCTION masked_alike(name text, file text) RETURNS text LANGUAGE plpgsql SET client_min_messages = error AS $$
DECLARE
	masks text[];
	n bigint;
	entries text;
BEGIN
	PERFORM make_table(name, '', file);
	SELECT array_agg(m ORDER BY attnum, o) INTO masks FROM pg_attribute, LATERAL unnest(ARRAY[attname::text, CASE
			WHEN atttypid = 'text'::regtype THEN format('lakehouse.mask_partial(%I, 1, ''X'', 1)', attname)
			WHEN atttypid IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype, 'numeric'::regtype, 'float8'::regtype) THEN format('lakehouse.mask_floor(%I, 2::%s)', attname, atttypid::regtype)
			WHEN atttypid = 'date'::regtype THEN format('date_trunc(''month'', %I)', attname)
			ELSE quote_ident(attname) END]) WITH ORDINALITY l (m, o) WHERE attrelid = name::regclass AND attnum > 0;
	EXECUTE format('CREATE TABLE %I AS SELECT row_number() OVER () AS nr, l.* FROM %I l', name || '_heap', name);
	PERFORM lakehouse.policy_create('pl_' || t, t::regclass, masks, for_roles => '{regress_pl_masked}') FROM unnest(ARRAY[name, name || '_heap']) t;
	EXECUTE format('GRANT SELECT (nr) ON %I TO regress_pl_masked; GRANT pg_read_all_stats TO regress_pl_masked; SET LOCAL ROLE regress_pl_masked', name || '_heap');
	EXECUTE format('SELECT count(*) FROM ((SELECT row_number() OVER (), l::text FROM %1$I l EXCEPT SELECT h.nr, %1$I::text FROM %2$I h, LATERAL (SELECT %3$s) %1$I)
		UNION ALL (SELECT h.nr, %1$I::text FROM %2$I h, LATERAL (SELECT %3$s) %1$I EXCEPT SELECT row_number() OVER (), l::text FROM %1$I l)) d', name, name || '_heap',
		(SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = name::regclass AND attnum > 0)) INTO n;
	RESET ROLE;
	SELECT told INTO entries FROM told('regress_pl_masked', format('SELECT * FROM %I', name), 'Dictionary Entries Computed');
	EXECUTE 'REVOKE pg_read_all_stats FROM regress_pl_masked';
	RETURN format('%s rows differ, %s', n, entries);
END $$;
SELECT masked_alike('trips', 'flat/trips.parquet');
SELECT masked_alike('encodings', 'flat/encodings.parquet');
SELECT masked_alike('encodings_v2', 'flat/encodings_v2.parquet');
SELECT masked_alike('many', 'orc/many.orc');
-- no policy: upper(ssn) is asked once an entry as well; the clerk sees how often
SELECT * FROM told('regress_pl_clerk', 'SELECT upper(city) FROM lake_rows', 'Dictionary Entries Computed');
-- a rescan begins with what it knows, rows that a condition of the executor leaves out are not asked for
SELECT * FROM told('regress_pl_clerk', 'SELECT upper(ssn) FROM lake_rows WHERE random() < 0', 'Dictionary Entries Computed');
SET ROLE regress_pl_clerk;
SELECT count(*), count(DISTINCT u) FROM generate_series(1, 3) g, LATERAL (SELECT upper(city) || g AS u FROM lake_rows WHERE id <= 10 + g OFFSET 0) l;
-- errors come as ever: none for entries that no row asks for, in CASE and behind conditions
CREATE FUNCTION picky(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN IF $1 = 'x2' THEN RAISE EXCEPTION 'picky'; END IF; RETURN 'ok ' || $1; END $$;
SELECT DISTINCT CASE WHEN city <> 'x2' THEN picky(city) END AS c FROM lake_rows ORDER BY c;
SELECT DISTINCT CASE city WHEN 'x2' THEN 'two' ELSE picky(city) END AS c FROM lake_rows ORDER BY c;
SELECT count(DISTINCT picky(city)) FROM lake_rows WHERE id % 3 <> 2;
SELECT count(DISTINCT picky(city)) FROM lake_rows;
-- what is volatile is called for each row
SELECT count(DISTINCT city || random()) FROM lake_rows WHERE id <= 100;
-- parameters, generic plans, cursors, parallel plans
SET plan_cache_mode = force_generic_plan;
PREPARE p(text) AS SELECT count(*), min(upper(city) || $1), max(upper(city)) FROM lake_rows WHERE id < 1000 AND lower(city) || $1 <> 'x1b';
EXECUTE p('a');
EXECUTE p('b');
RESET plan_cache_mode;
RESET ROLE;
SET ROLE regress_pl_masked;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT count(*) FROM (SELECT ssn, mail, token FROM lake_rows EXCEPT SELECT ssn, mail, token FROM rows) d;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
-- compiled
SET jit_above_cost = 0;
SELECT count(*) FROM (SELECT ssn, token FROM lake_rows WHERE token <> 'x' EXCEPT SELECT ssn, token FROM rows) d;
RESET jit_above_cost;
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT id, ssn FROM lake_rows WHERE id < 5;
FETCH 2 FROM c;
FETCH BACKWARD 1 FROM c;
COMMIT;

-- ---- what masked columns tell besides
-- nothing is pruned, nor answered from metadata, by raw values
RESET ROLE;
SELECT copied('(SELECT id, ''raw-'' || lpad(id::text, 6, ''0'') AS ssn, id % 5 AS city FROM generate_series(1, 20000) id)', 'sorted.parquet', ', ROW_GROUP_SIZE 2000, BLOOM ''ssn''');
SET ROLE regress_pl_owner;
SELECT make_table('sorted', '', 'written/sorted.parquet', 'sorted_by ''ssn''');
RESET ROLE;
SET client_min_messages = error;
SELECT lakehouse.policy_create('pl_sorted', 'sorted', ARRAY['ssn', $$lakehouse.mask_partial(ssn, 0, 'X', 1)$$], for_roles => '{regress_pl_masked}');
RESET client_min_messages;
GRANT SELECT (id, city) ON sorted TO regress_pl_masked;
GRANT SELECT ON sorted TO regress_pl_clerk;
SELECT line FROM (VALUES ('ssn = ''raw-000007'''), ('ssn < ''raw-000007'''), ('ssn IN (''raw-000007'', ''X7'')'), ('ssn LIKE ''raw-0000%'''), ('ssn IS NULL'), ('ssn > ''raw-019000''')) v (q),
	told('regress_pl_clerk', 'SELECT id FROM sorted WHERE ' || q, 'Pruned by (Stat|Bloom|Page|Dict).*: [1-9]') line;
SELECT line FROM (VALUES ('ssn = ''raw-000007'''), ('ssn < ''raw-000007'''), ('ssn IN (''raw-000007'', ''X7'')'), ('ssn LIKE ''raw-0000%'''), ('ssn IS NULL'), ('ssn > ''raw-019000''')) v (q),
	told('regress_pl_masked', 'SELECT id FROM sorted WHERE ' || q, 'Pruned.*: [1-9]') line;
SELECT * FROM told('regress_pl_clerk', 'SELECT min(ssn), max(ssn), count(*) FROM sorted', 'Answered from Metadata');
SELECT * FROM told('regress_pl_masked', 'SELECT min(ssn), max(ssn), count(*) FROM sorted', 'Answered from Metadata: [1-9]');
-- a look-up by a nested loop compares masks
SELECT tried('regress_pl_masked', 'SELECT count(*) FROM sorted s JOIN (VALUES (''raw-000007'')) v (x) ON s.ssn = v.x', 'SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off');
-- its order is that of raw values, and sorted by masks is sorted
SELECT tried('regress_pl_masked', 'SELECT bool_and(o) FROM (SELECT ssn >= lag(ssn) OVER () AS o FROM (SELECT ssn FROM sorted ORDER BY ssn OFFSET 0) s) t');
-- counters that depend on values are hidden: how many different ones some rows have, how they were packed
SELECT * FROM told('regress_pl_masked', $$SELECT ssn FROM sorted WHERE ssn = 'X7' AND id < 100$$, 'Entries|Bytes|Pages|Runs|Reads|Requests|Memory');
SELECT count(*) > 5 AS told FROM told('regress_pl_clerk', $$SELECT ssn FROM sorted WHERE ssn = 'X7' AND id < 100$$, 'Entries|Bytes|Pages|Runs|Reads|Requests|Memory');
-- conditions on other columns prune as ever
SELECT * FROM told('regress_pl_masked', 'SELECT ssn FROM sorted WHERE id < 100', 'Row Groups Pruned by Statistics');
SELECT tried('regress_pl_masked', 'SELECT count(*) FROM sorted TABLESAMPLE system (10)');
ANALYZE sorted;
SELECT attname, tried('regress_pl_masked', format('SELECT count(*) FROM pg_stats WHERE tablename = ''sorted'' AND attname = %L', attname)) FROM unnest('{id,ssn}'::name[]) attname;
SELECT count(*) > 0 AS known FROM pg_stats WHERE tablename = 'sorted' AND attname = 'ssn';

-- errors quote values; those of a masked column do not
SELECT copied('(SELECT id, CASE WHEN id = 7 THEN ''raw-7'' ELSE id::text END AS ssn, 1 AS a, 100000 * id AS small FROM generate_series(1, 10) id)', 'misfit.parquet');
SET ROLE regress_pl_owner;
SELECT make_table('misfit', 'id int, ssn int, a int, small smallint', 'written/misfit.parquet');
RESET ROLE;
SET client_min_messages = error;
SELECT lakehouse.policy_create('pl_misfit', 'misfit', ARRAY['ssn', 'lakehouse.mask_floor(ssn, 10)', 'small', 'lakehouse.mask_floor(small, 10::smallint)'], for_roles => '{regress_pl_masked}');
RESET client_min_messages;
GRANT SELECT ON misfit TO regress_pl_clerk;
SELECT r, tried(r, 'SELECT max(ssn) FROM misfit'), tried(r, 'SELECT max(small) FROM misfit'), tried(r, 'SELECT count(*) FROM misfit WHERE ssn = 3'), tried(r, 'SELECT count(*) FROM misfit WHERE ssn IS NULL') FROM unnest('{regress_pl_clerk,regress_pl_masked}'::name[]) r;
SELECT lakehouse.policy_alter('pl_misfit', for_roles => '{regress_pl_owner}');
SELECT tried('regress_pl_owner', 'ANALYZE misfit');

-- ---- the same files by other ways
SELECT target('people') AS people, target('sorted.parquet') AS file \gset
\setenv PEOPLE :people
\! mkdir -p $PEOPLE/city=Rome $PEOPLE/city=Oslo
SELECT copied('(SELECT * FROM (VALUES (1, ''raw-1''), (2, ''raw-2'')) v (id, ssn))', 'people/city=Rome/a.parquet'), copied('(SELECT 3 AS id, ''raw-3'' AS ssn)', 'people/city=Oslo/b.parquet');
SET ROLE regress_pl_owner;
SELECT make_table('people', '', 'written/people');
RESET ROLE;
SET client_min_messages = error;
-- before there is a policy, whoever may read files reads these
SELECT tried('regress_pl_colleague', format('SELECT count(ssn) FROM lakehouse.read(%L) AS t(id int, ssn text, city text)', :'people'));
SELECT lakehouse.policy_create('pl_people', 'people', ARRAY['ssn', $$lakehouse.mask_partial(ssn, 0, 'X', 1)$$], for_roles => '{regress_pl_masked}', except_roles => '{regress_pl_exempt}');
RESET client_min_messages;
GRANT SELECT (id, city) ON people TO regress_pl_masked;
GRANT SELECT ON people TO regress_pl_clerk;
SELECT lakehouse.right_grant('policy_admin', 'regress_pl_admin');
SET ROLE regress_pl_colleague;
CREATE FOREIGN TABLE other (id int, ssn text, city text) SERVER lake OPTIONS (location :'people');
GRANT SELECT ON other TO PUBLIC;
CREATE VIEW other_view AS SELECT * FROM other;
GRANT SELECT ON other_view TO PUBLIC;
CREATE FUNCTION other_definer() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER SET search_path = test_privacy_lake, pg_temp AS 'SELECT ssn FROM other';
RESET ROLE;
-- through the table: as its policy says
SELECT tried(r, 'SELECT string_agg(ssn, '' '' ORDER BY id) FROM people') FROM unnest('{regress_pl_masked,regress_pl_clerk,regress_pl_colleague,regress_pl_owner}'::name[]) r;
-- another table, a view of its owner's, a function of its owner's: of whom there is a policy for, and of who may not read the table
SELECT r, tried(r, 'SELECT string_agg(ssn, '' '') FROM other') AS "table", tried(r, 'SELECT string_agg(ssn, '' '') FROM other_view') AS view, tried(r, 'SELECT string_agg(s, '' '') FROM other_definer() s') AS definer
	FROM unnest('{regress_pl_masked,regress_pl_colleague}'::name[]) r;
-- who may see values by the table sees them by others
SELECT r, tried(r, 'SELECT string_agg(ssn, '' '' ORDER BY id) FROM other') FROM unnest('{regress_pl_clerk,regress_pl_owner,regress_pl_exempt,regress_pl_admin}'::name[]) r;
-- spellings: links, "..", file:, globs within and above, the directory above, the file itself, lists
\! ln -sfn people $OUT/link && ln -sf people/city=Rome/a.parquet $OUT/a_link.parquet && ln -f $PEOPLE/city=Oslo/b.parquet $OUT/hard.parquet
SELECT p, tried('regress_pl_masked', format('SELECT string_agg(ssn, '' '') FROM lakehouse.read(%L) AS t(id int, ssn text)', replace(p, '~', :'out'))) ~ '^42501: no right to read' AS denied
FROM unnest(ARRAY['~/people', '~/people/', '~//people/./city=Rome', '~/link', '~/link/*/*.parquet', '~/a_link.parquet', '~/people/../people/city=Rome/a.parquet', 'file:///~/people', 'file:~/people/%63ity=Rome/a.parquet',
	'~/p*/**', '~/{people,nowhere}/**/*.parquet', '~/**/a.parquet', '["~/people/city=Rome/a.parquet", "~/people/city=Oslo/b.parquet"]', '~/people/city=O[s]lo/b.parquet']) p;
-- what is there, and what is not, is told to nobody; nor are names of what was found
SELECT p, tried('regress_pl_masked', format('SELECT string_agg(ssn, '' '') FROM lakehouse.read(%L) AS t(id int, ssn text)', replace(p, '~', :'out'))) ~ '^42501: no right to read [^=]*("$|" )' AS denied
FROM unnest(ARRAY['~/people/nowhere/x.parquet', '~/people/city=N*/**', '~/p*/city=N*/**', '~', '~/people/../people/nowhere']) p;
-- partition values and footers alone are values, too
SELECT tried('regress_pl_masked', format('SELECT count(*) FROM lakehouse.read(%L) AS t(city text)', :'people')),
	tried('regress_pl_masked', format('SELECT min(city) FROM lakehouse.read(%L) AS t(city text)', :'people')),
	tried('regress_pl_masked', format('SELECT count(*) FROM lakehouse.list(%L)', :'people'));
-- functions, COPY, definitions
SELECT f, tried('regress_pl_masked', format('SELECT count(*) FROM lakehouse.%s(%L)', f, :'people' || '/city=Rome/a.parquet'))
FROM unnest('{parquet_metadata,parquet_schema,parquet_row_groups,parquet_column_chunks,parquet_pages,parquet_key_value_metadata}'::text[]) f WHERE EXISTS (SELECT FROM pg_proc WHERE proname = f);
SELECT tried('regress_pl_masked', format('CREATE TEMP TABLE mine (id int, ssn text); COPY mine FROM %L (FORMAT parquet)', :'people' || '/city=Rome/a.parquet'));
SELECT tried('regress_pl_masked', format('CREATE FOREIGN TABLE mine () SERVER lake OPTIONS (location %L)', :'people'));
SELECT tried('regress_pl_masked', format('IMPORT FOREIGN SCHEMA x FROM SERVER lake INTO test_privacy_lake OPTIONS (location %L)', p)) FROM unnest(ARRAY[:'people', :'people' || '/city=Rome']) p;
SELECT tried('regress_pl_masked', 'SELECT count(*) FROM mine', format('CREATE FOREIGN TABLE mine (ssn text) SERVER lake OPTIONS (location %L)', :'people'));
SELECT tried('regress_pl_masked', 'EXPLAIN (ANALYZE, COSTS OFF) SELECT ssn FROM other');
-- by a table that the session used before; by a cached plan; by a role that a member takes
SET plan_cache_mode = force_generic_plan;
PREPARE others AS SELECT string_agg(ssn, ' ' ORDER BY id) FROM other;
EXECUTE others;								-- a superuser: raw
SELECT tried('regress_pl_masked', 'EXECUTE others');
RESET plan_cache_mode;
SELECT tried('regress_pl_clerk', 'SELECT string_agg(ssn, '' '' ORDER BY id) FROM other'), tried('regress_pl_masked', 'SELECT string_agg(ssn, '' '') FROM other');
-- ANALYZE of another table would show values in pg_stats to whom it is granted
ANALYZE other;
SELECT count(*) FROM pg_stats WHERE tablename = 'other';
-- copies that PostgreSQL makes for others: REFRESH is for the view's owner
SELECT tried('regress_pl_colleague', 'CREATE MATERIALIZED VIEW mine AS SELECT * FROM other');
-- writing there is no reading
SELECT tried('regress_pl_masked', format('COPY (SELECT 9 AS id, ''mine'' AS ssn) TO %L (FORMAT parquet)', :'people' || '/city=Oslo/c.parquet'));
\! rm $PEOPLE/city=Oslo/c.parquet
-- a location that is one file: its directory is not closed, other files of it are read
SELECT tried('regress_pl_masked', format('SELECT count(*) FROM lakehouse.read(%L) AS t(id int, ssn text)', :'file')), tried('regress_pl_masked', format('SELECT count(*) FROM lakehouse.read(%L) AS t(id int)', target('hard.parquet')));
SELECT copied('(VALUES (1))', 'free.parquet'), tried('regress_pl_masked', format('SELECT count(*) FROM lakehouse.read(%L) AS t(column1 int)', target('free.parquet')));
\! ln -f $OUT/sorted.parquet $OUT/hard_sorted.parquet
SELECT tried('regress_pl_masked', format('SELECT count(*) FROM lakehouse.read(%L) AS t(id int)', target('hard_sorted.parquet')));
-- whoever may not change policies does not move the table away, nor shows a column under another name
SELECT tried('regress_pl_owner', 'ALTER FOREIGN TABLE people OPTIONS (SET location ''/nowhere'')'), tried('regress_pl_owner', 'ALTER FOREIGN TABLE people OPTIONS (DROP location)');
SELECT tried('regress_pl_owner', 'ALTER FOREIGN TABLE people OPTIONS (ADD format ''parquet'')');
SELECT lakehouse.policy_alter('pl_people', for_roles => '{regress_pl_masked,regress_pl_owner}');
SELECT tried('regress_pl_owner', 'ALTER FOREIGN TABLE people ADD COLUMN more text OPTIONS (column_name ''ssn'')'), tried('regress_pl_owner', 'ALTER FOREIGN TABLE people ALTER COLUMN id OPTIONS (ADD column_name ''ssn'')');
SELECT tried('regress_pl_owner', 'SELECT string_agg(ssn, '' '' ORDER BY id) FROM people'), tried('regress_pl_owner', 'SELECT string_agg(ssn, '' '') FROM other');
SELECT lakehouse.policy_alter('pl_people', for_roles => '{regress_pl_masked}');
-- tables that have policies themselves show what these say
SET ROLE regress_pl_owner;
SELECT make_table('second', '', 'written/people');
RESET ROLE;
SELECT tried('regress_pl_masked', 'SELECT string_agg(ssn, '' '' ORDER BY id) FROM second', 'RESET ROLE; GRANT SELECT ON second TO regress_pl_masked; SET LOCAL ROLE regress_pl_masked');
SET client_min_messages = error;
SELECT lakehouse.policy_create('pl_second', 'second', ARRAY['ssn', 'NULL'], for_roles => '{regress_pl_masked}');
RESET client_min_messages;
SELECT tried('regress_pl_masked', 'SELECT count(ssn) FROM second');
SELECT object, policy, detail FROM lakehouse.policy_holes() WHERE kind = 'foreign table' AND object ~ 'people|other|second' ORDER BY 1, 2;
SELECT lakehouse.policy_drop('pl_second');
-- what is left open is told
SELECT object, policy, detail FROM lakehouse.policy_holes() WHERE kind = 'foreign table' AND object ~ 'people|other|second' ORDER BY 1, 2;
-- the policy may say that other ways are open
SELECT lakehouse.policy_alter('pl_people', options => '{"other_paths": true}');
SELECT tried('regress_pl_masked', 'SELECT string_agg(ssn, '' '' ORDER BY id) FROM other'), tried('regress_pl_masked', 'SELECT string_agg(ssn, '' '' ORDER BY id) FROM people');	-- raw, as the policy says
SELECT object, policy, detail FROM lakehouse.policy_holes() WHERE kind = 'foreign table' AND object ~ 'people|other|second' ORDER BY 1, 2;
SELECT lakehouse.policy_alter('pl_people', options => '{}');
SELECT tried('regress_pl_masked', 'SELECT string_agg(ssn, '' '') FROM other');

-- ---- partitions: the policy of the parent is one of its files
SET ROLE regress_pl_owner;
CREATE TABLE parted (id int, ssn text, city text) PARTITION BY LIST (city);
SELECT copied('(SELECT 1 AS id, ''raw-1'' AS ssn)', 'part.parquet');
CREATE FOREIGN TABLE part PARTITION OF parted FOR VALUES IN ('Rome') SERVER lake OPTIONS (location '/nowhere');
RESET ROLE;
SELECT target('part.parquet') AS part \gset
ALTER FOREIGN TABLE part OPTIONS (SET location :'part', ADD union_by_name 'true');
SET client_min_messages = error;
SELECT lakehouse.policy_create('pl_parted', 'parted', ARRAY['ssn', 'NULL'], for_roles => '{regress_pl_masked}');
RESET client_min_messages;
SELECT tried('regress_pl_masked', format('SELECT ssn FROM lakehouse.read(%L) AS t(id int, ssn text)', :'part'));

-- ---- Iceberg: root, metadata, manifests and data files
\! cp -r $LAKEHOUSE_FIXTURES/iceberg/warehouse/demo/orders $OUT/orders
SELECT target('orders') AS orders, (SELECT f FROM pg_ls_dir(target('orders/metadata')) f WHERE f LIKE '%.metadata.json' ORDER BY f DESC LIMIT 1) AS meta \gset
SET ROLE regress_pl_owner;
CREATE FOREIGN TABLE orders () SERVER lake OPTIONS (location :'orders', rebase_location 'auto');
RESET ROLE;
SELECT attname AS col FROM pg_attribute WHERE attrelid = 'orders'::regclass AND atttypid = 'text'::regtype ORDER BY attnum LIMIT 1 \gset
SET client_min_messages = error;
SELECT lakehouse.policy_create('pl_orders', 'orders', ARRAY[:'col', 'NULL'], for_roles => '{regress_pl_masked}');
RESET client_min_messages;
SELECT p, regexp_replace(tried('regress_pl_masked', format('SELECT count(*) FROM lakehouse.read(%L, jsonb ''{"rebase_location": "auto"}'') AS t(order_id bigint)', replace(replace(p, '~', :'orders'), 'META', :'meta'))), '[^/"]*(metadata.json|parquet)', 'FILE')
FROM unnest(ARRAY['~', '~/metadata/META', '~/data', '~/data/**/*.parquet']) p;
SELECT f, tried('regress_pl_masked', format('SELECT count(*) FROM lakehouse.%s(%L)', f, :'orders')) ~ '^42501' AS denied FROM unnest('{iceberg_snapshots,iceberg_files,iceberg_manifests,iceberg_entries,iceberg_history,iceberg_properties}'::text[]) f;
-- by the table's name, with all rights to it; whom it hides nothing from may
GRANT SELECT ON orders TO regress_pl_masked, regress_pl_clerk;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA lakehouse TO regress_pl_masked, regress_pl_clerk;
SELECT f, tried('regress_pl_masked', format('SELECT count(*) FROM lakehouse.iceberg_%s(''orders'')', f)) AS masked,
	tried('regress_pl_clerk', format('SELECT count(*) >= 0 FROM lakehouse.iceberg_%s(''orders'')', f)) AS clerk
FROM unnest('{snapshots,history,refs,files,all_files,delete_files,manifests,partitions,entries,metadata_log,properties}'::text[]) f;
SELECT tried('regress_pl_masked', 'SELECT count(*) FROM lakehouse.iceberg_changes(NULL::orders)') AS masked,
	tried('regress_pl_clerk', 'SELECT count(*) FROM lakehouse.iceberg_changes(NULL::orders)') AS clerk;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA lakehouse FROM regress_pl_masked, regress_pl_clerk;
REVOKE SELECT ON orders FROM regress_pl_masked, regress_pl_clerk;
-- metadata of his own that names the table's files
\! mkdir -p $OUT/own/metadata && for f in $OUT/orders/metadata/*.metadata.json; do sed "s|/tmp/lakehouse_fixtures/warehouse/demo/orders|$OUT/orders|g" $f > $OUT/own/metadata/$(basename $f); done
SELECT regexp_replace(tried('regress_pl_masked', format('SELECT count(*) FROM lakehouse.read(%L) AS t(order_id bigint)', target('own/metadata') || '/' || :'meta')), '[^/"]*(metadata.json|parquet|avro)', 'FILE');
SELECT tried('regress_pl_clerk', format('SELECT count(*) > 0 FROM lakehouse.read(%L) AS t(order_id bigint)', target('own/metadata') || '/' || :'meta'), 'RESET ROLE; GRANT SELECT ON orders TO regress_pl_clerk; SET LOCAL ROLE regress_pl_clerk') ~ '^42501' AS denied;
-- the table by its metadata file is all of the table
DROP FOREIGN TABLE orders CASCADE;
SET ROLE regress_pl_owner;
SELECT :'orders' || '/metadata/' || :'meta' AS metafile \gset
CREATE FOREIGN TABLE orders () SERVER lake OPTIONS (location :'metafile', rebase_location 'auto');
RESET ROLE;
SET client_min_messages = error;
SELECT lakehouse.policy_create('pl_orders', 'orders', ARRAY[:'col', 'NULL'], for_roles => '{regress_pl_masked}');
RESET client_min_messages;
SELECT p, tried('regress_pl_masked', format('SELECT count(*) FROM lakehouse.read(%L, jsonb ''{"format": "parquet"}'') AS t(order_id bigint)', replace(p, '~', :'orders'))) ~ '^42501: no right to read' AS denied FROM unnest(ARRAY['~', '~/data']) p;

-- ---- a table of a catalog: the place that the catalog has for it
\! mkdir -p $OUT/warehouse && cp -r $LAKEHOUSE_FIXTURES/iceberg/warehouse/v2 $OUT/warehouse/
SELECT target('warehouse') AS warehouse \gset
CREATE SERVER privacy_dir FOREIGN DATA WRAPPER lakehouse OPTIONS (catalog 'directory', warehouse :'warehouse');
GRANT USAGE ON FOREIGN SERVER privacy_dir TO PUBLIC;
SET ROLE regress_pl_owner;
IMPORT FOREIGN SCHEMA v2 LIMIT TO (mor, branches) FROM SERVER privacy_dir INTO test_privacy_lake OPTIONS (rebase_location 'auto');
RESET ROLE;
SELECT tried('regress_pl_masked', format('SELECT count(*) > 0 FROM lakehouse.read(%L, jsonb ''{"rebase_location": "auto"}'') AS t(id bigint)', :'warehouse' || '/v2/mor'));
SET client_min_messages = error;
SELECT lakehouse.policy_create('pl_mor', 'mor', ARRAY['id', 'NULL'], for_roles => '{regress_pl_masked}');
RESET client_min_messages;
GRANT SELECT ON branches TO regress_pl_masked;
SELECT p, tried('regress_pl_masked', format('SELECT count(*) > 0 FROM lakehouse.read(%L, jsonb ''{"rebase_location": "auto"}'') AS t(id bigint)', :'warehouse' || p)) ~ '^42501: no right to read' AS denied FROM unnest('{/v2/mor,/v2/mor/data,/v2/branches}'::text[]) p;
SELECT tried('regress_pl_masked', 'SELECT count(id) FROM mor'), tried('regress_pl_masked', 'SELECT count(id) > 0 FROM branches');
SELECT tried('regress_pl_masked', 'SELECT count(*) FROM other_mor', 'CREATE FOREIGN TABLE other_mor (id bigint) SERVER privacy_dir OPTIONS (namespace ''v2'', table_name ''mor'', rebase_location ''auto'')') ~ '^42501: no right to read' AS denied;
-- a catalog that does not answer: nobody knows what is closed, but to whom nothing would be
CREATE SERVER privacy_jdbc FOREIGN DATA WRAPPER lakehouse OPTIONS (catalog 'jdbc', catalog_schema 'nowhere');
CREATE FOREIGN TABLE lost (id int) SERVER privacy_jdbc OPTIONS (namespace 'a', table_name 'b');
GRANT SELECT ON lost TO regress_pl_clerk;
SET client_min_messages = error;
SELECT lakehouse.policy_create('pl_lost', 'lost', ARRAY['id', 'NULL'], for_roles => '{regress_pl_masked}');
RESET client_min_messages;
SELECT r, tried(r, format('SELECT count(*) FROM lakehouse.read(%L) AS t(column1 int)', target('free.parquet'))) FROM unnest('{regress_pl_masked,regress_pl_clerk}'::name[]) r;

-- ---- nothing stays for the tests that follow
\! rm -rf $OUT $LAKEHOUSE_FIXTURES/privacy_lake
SET client_min_messages = warning;
SELECT count(lakehouse.policy_drop(name)) FROM lakehouse.policy_list() WHERE name LIKE 'pl\_%';
SELECT lakehouse.domain_drop('lake_text');
SELECT lakehouse.right_revoke('policy_admin', 'regress_pl_admin');
DROP SCHEMA test_privacy_lake CASCADE;
DROP SERVER privacy_dir CASCADE;
DROP SERVER privacy_jdbc CASCADE;
DROP OWNED BY regress_pl_owner, regress_pl_masked, regress_pl_clerk, regress_pl_colleague, regress_pl_exempt, regress_pl_admin;
DROP ROLE regress_pl_owner, regress_pl_masked, regress_pl_clerk, regress_pl_colleague, regress_pl_exempt, regress_pl_admin;
DELETE FROM lakehouse.key_versions WHERE id = (SELECT id FROM lakehouse.keys WHERE name = 'lake_key');
DELETE FROM lakehouse.keys WHERE name = 'lake_key';
DELETE FROM lakehouse.key_providers WHERE name = 'lake_file';
