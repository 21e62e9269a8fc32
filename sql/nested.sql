\set schema test_nested
\i sql/include/setup.psql

-- Nested columns: lists of scalars are arrays, all else is jsonb, as to_jsonb would show it
CREATE FUNCTION json_differences(file text) RETURNS SETOF text LANGUAGE plpgsql SET client_min_messages = warning AS $$
DECLARE
	n bigint;
BEGIN
	PERFORM make_table('nested_t', '', file || '.parquet');
	CREATE TEMP TABLE want (line text);
	-- one line is one value: characters that cannot occur delimit and quote
	EXECUTE format('COPY want FROM %L (FORMAT csv, DELIMITER E''\x01'', QUOTE E''\x02'')', fixture(file || '.jsonl'));
	RETURN QUERY SELECT '-' || r.* FROM (SELECT line FROM want EXCEPT ALL SELECT to_jsonb(t)::text FROM nested_t t) r;
	RETURN QUERY SELECT '+' || r.* FROM (SELECT to_jsonb(t)::text FROM nested_t t EXCEPT ALL SELECT line FROM want) r;
	SELECT count(*) INTO n FROM nested_t;
	RETURN NEXT n || ' rows';
	DROP TABLE want;
END $$;
SELECT f, d FROM unnest('{nested/lists,nested/structs,nested/mixed,nested/maps,rules/lists_legacy,rules/maps_legacy,rules/maps_optional_key,rules/maps_no_value}'::text[]) f,
	json_differences(f) d;
SELECT make_table('tall', '', 'nested/tall.parquet');
SELECT digest_differences('tall', 'id', 'nested/tall.csv');
SELECT make_table('tall', '', 'nested/tall_v2.parquet');
SELECT digest_differences('tall', 'id', 'nested/tall.csv');

-- types of columns, and other ones that may be declared
SELECT make_table('mixed', '', 'nested/mixed.parquet');
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'mixed'::regclass AND attnum > 0 ORDER BY attnum;
SELECT make_table('lists', 'id integer, l_int bigint[], l_text varchar[], l_double numeric[], l_date text[], l_numeric jsonb', 'nested/lists.parquet');
SELECT * FROM lists WHERE id <> 1 ORDER BY id LIMIT 3;
SELECT make_table('lists', 'l_list integer[], l_list_list text, l_int json, l_text integer[]', 'nested/lists.parquet');
SELECT l_list_list, l_int FROM lists LIMIT 1;
SELECT * FROM outcome('SELECT l_list FROM lists');
SELECT * FROM outcome('SELECT l_text FROM lists');
-- int2vector is no array of smallint: nobody makes it of a list
SELECT make_table('lists', 'l_int int2vector', 'nested/lists.parquet');
SELECT * FROM outcome('SELECT l_int FROM lists');
SELECT make_table('lists', 'l_list jsonb[], l_list_list jsonb[]', 'nested/lists.parquet');
SELECT * FROM lists LIMIT 2;

-- members by dotted paths, alone and beside the whole
SELECT make_table('members', 'id integer, x integer OPTIONS (column_name ''s.x''), "deep.at.y" double precision, name text OPTIONS (column_name ''deep.name''), deep jsonb',
	'nested/structs.parquet');
SELECT * FROM members ORDER BY id;
SELECT plan('SELECT x FROM members WHERE "deep.at.y" > 0');
SELECT * FROM outcome('SELECT x FROM members WHERE "deep.at.y" > 0');
SELECT make_table('dotted', 'b integer OPTIONS (column_name ''a.b''), c text OPTIONS (column_name ''e.f.g'')', 'names/dotted.parquet');
SELECT * FROM dotted;

-- selections: filters, limits and rows far apart
SELECT make_table('tall', '', 'nested/tall.parquet');
CREATE TABLE tall_heap AS SELECT * FROM tall;
SELECT count(*) FROM (SELECT * FROM tall WHERE id % 7 = 3 EXCEPT ALL SELECT * FROM tall_heap WHERE id % 7 = 3) d;
SELECT count(*) FROM (SELECT * FROM tall WHERE id IN (0, 1, 5, 2047, 2048, 2049, 2999) EXCEPT ALL SELECT * FROM tall_heap) d;
SELECT count(*) FROM (SELECT * FROM tall LIMIT 100) t;
