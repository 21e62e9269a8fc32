-- Many files, one table: globs, arrays of locations, and schemas that differ.
\i sql/include/lake.psql

-- one schema that holds all values
SELECT make_table('union_all', '', 'union', $$union_by_name 'true'$$);
SELECT * FROM columns_of('union_all');
SELECT rows_unlike('union_all', 'union.csv');
SELECT make_table('union_wide', '', 'union_wide', $$union_by_name 'true'$$);
SELECT * FROM columns_of('union_wide');
SELECT rows_unlike('union_wide', 'union_wide.csv');

-- without the option the first file's columns count, and all must have them
SELECT * FROM outcome($$ SELECT make_table('union_first', '', 'union') $$);
SELECT make_table('union_first', '', 'union', $$columns 'id, amount, price'$$);
SELECT * FROM columns_of('union_first');
SELECT * FROM union_first ORDER BY id;
-- what does not fit together names both files
SELECT * FROM outcome($$ SELECT make_table('union_bad', '', 'union_bad', 'union_by_name ''true''') $$);

-- globs
CREATE OR REPLACE FUNCTION sources(location text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	list text;
BEGIN
	EXECUTE 'DROP FOREIGN TABLE IF EXISTS union_glob';
	EXECUTE format('CREATE FOREIGN TABLE union_glob () SERVER lake OPTIONS (location %L)', location);
	SELECT string_agg(src, ' ' ORDER BY src COLLATE "C") INTO list FROM union_glob;
	RETURN list;
END $$;
SELECT p AS pattern, sources(fixture('glob/' || p)) FROM unnest(ARRAY['*.parquet', '?1.parquet', '[a-b]1.parquet',
	'{a1,b1}.parquet', '**/*.parquet', '**/c1.parquet', 'deep/*', 'deep/**', '_hidden.parquet', '_*.parquet',
	'_skip/*.parquet']) p;
SELECT * FROM outcome(format('SELECT sources(%L)', fixture('glob/none*.parquet')));
SELECT * FROM outcome(format('SELECT sources(%L)', fixture('glob/*')));
-- names that look like patterns are given with a backslash
SELECT p AS pattern, sources(fixture('glob_odd/' || p)) FROM unnest(ARRAY['q\[1].parquet', 'star\*.parquet', 'star*.parquet',
	'two words.parquet', 'ü.parquet', 'per%20cent.parquet', 'brace\{a,b}.parquet', 'quote''d.parquet']) p;
SELECT sources('file://' || fixture('glob_odd/per%2520cent.parquet'));

-- an array of locations: each file once
SELECT sources(to_json(ARRAY[fixture('glob/b1.parquet'), fixture('glob/a*.parquet'), fixture('glob/a1.parquet')])::text);
SELECT * FROM outcome($$ SELECT sources('[]') $$);
SELECT * FROM outcome($$ SELECT sources('["/a", 1]') $$);

-- files in byte order of their names
SELECT make_table('union_order', '', 'hive', $$filename_column 'file'$$);
SELECT array_agg(month) FROM union_order WHERE year = 2023;

DROP FOREIGN TABLE union_all, union_wide, union_first, union_glob, union_order;
DROP FUNCTION sources(text);
