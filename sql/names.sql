-- Every column of a file has a legal, unique name; column_name keeps the file's.
\i sql/include/lake.psql

SELECT make_table('names', '', 'names/awkward.parquet');
CREATE TABLE names_expected (ordinal int, in_file text, row1 int, row2 int);
SELECT load_csv('names_expected', 'names/awkward.csv');

-- the names, and that each column is the file's column at its place
CREATE TABLE names_shown AS
	SELECT c.ordinality AS ordinal, c.column_name, c.in_file,
		(SELECT array_agg(v::int ORDER BY v::int) FROM (
			SELECT (jsonb_each_text(to_jsonb(n))).* FROM names n) e (k, v) WHERE k = c.column_name) AS vals
	FROM columns_of('names') WITH ORDINALITY c;
SELECT s.ordinal, s.column_name, s.in_file,
	coalesce(s.in_file, s.column_name::text) = coalesce(e.in_file, '') AS same_name,
	s.vals = ARRAY[e.row1, e.row2] AS right_values
FROM names_shown s JOIN names_expected e USING (ordinal) ORDER BY ordinal;
SELECT count(*), count(DISTINCT lower(column_name)) AS but_for_case, max(octet_length(column_name)) AS longest
FROM columns_of('names');
SELECT "quote""d", "dot.ted", "two words", "select", "日本", column_2, ctid_ FROM names ORDER BY id;

-- a made-up name never takes one that a file has
SELECT lakehouse.ddl(fixture('names/dotted.parquet')) ~ 'a jsonb' AS struct_shown;

-- a column "a.b" beside a struct a with a member b
SELECT make_table('names_dotted', '', 'names/dotted.parquet');
SELECT * FROM columns_of('names_dotted');
SELECT * FROM names_dotted;
SELECT make_table('names_dotted', 'ab bigint OPTIONS (column_name ''a.b''), g bigint OPTIONS (column_name ''e.f.g''),
	cd bigint OPTIONS (column_name ''a.c.d'')', 'names/dotted.parquet');
SELECT * FROM names_dotted;

-- dump and restore by ddl: the printed statement makes the same table
SELECT lakehouse.ddl(fixture('names/awkward.parquet'), 'names again') AS ddl \gset
:ddl
SELECT count(*) FROM (SELECT * FROM columns_of('names') EXCEPT SELECT * FROM columns_of('"names again"')) d;
SELECT count(*) FROM (SELECT * FROM names EXCEPT SELECT * FROM "names again") d;

-- partition keys and the file name are columns like others
SELECT make_table('names_hive', '', 'hive_text', $$filename_column 'tableoid'$$);
SELECT * FROM columns_of('names_hive');
SELECT id, city, tableoid_ LIKE '%/city=%' AS ok FROM names_hive ORDER BY id;

DROP TABLE names_expected, names_shown;
DROP FOREIGN TABLE names, names_dotted, "names again", names_hive;
