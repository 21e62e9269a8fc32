\set schema test_calendar
\i sql/include/setup.psql

-- Files of Spark 2 and Hive: days before 1582-10-15 are Julian, where the footer says so
SELECT differences('', 'rules/legacy_dates.parquet', 'rules/legacy_dates.csv');
SELECT f, d FROM unnest('{legacy_spark2,legacy_spark30,legacy_mode,legacy_corrected,legacy_hive}'::text[]) f,
	differences('', 'rules/' || f || '.parquet', 'rules/' || f || '.csv') d;

-- all digits of INT96
SELECT make_table('digits', 'i96 text', 'rules/legacy_spark2.parquet', $$timestamp_ns 'text'$$);
SELECT * FROM digits;

-- statistics and dictionaries are moved with the values: pruning keeps rows, and still prunes
SELECT make_table('days', '', 'rules/legacy_spark2.parquet');
CREATE TABLE heap AS SELECT * FROM days;
CREATE FUNCTION check_days(condition text) RETURNS TABLE (asked text, rows text, same boolean, groups text, pruned text)
LANGUAGE plpgsql AS $$
DECLARE
	want bigint;
	got bigint;
	query text := 'SELECT * FROM days WHERE ' || $1;
BEGIN
	EXECUTE 'SELECT count(*) FROM heap WHERE ' || $1 INTO want;
	EXECUTE 'SELECT count(*) FROM (' || query || ' OFFSET 0) d' INTO got;
	RETURN QUERY SELECT $1, got::text, got = want, counter(query, 'Row Groups'),
		coalesce(counter(query, 'Row Groups Pruned by Statistics'), '0') || '+' || coalesce(counter(query, 'Row Groups Pruned by Dictionary'), '0');
END $$;
SELECT c.* FROM (VALUES ('d = ''0001-01-01'''), ('d < ''0001-01-02'''), ('d = ''0001-12-30 BC'''), ('d = ''1000-03-01'''),
	('d >= ''1582-10-04'''), ('d < ''1582-10-10'''), ('d = ''2022-01-08'''),
	('dict = ''1000-03-01'''), ('dict = ''1000-03-07'''), ('dict = ''1582-10-04'''),
	('us < ''0001-01-02 00:00+00'''), ('us >= ''1582-10-04 23:59+00'''), ('ms = ''1000-02-28 00:00+00'''),
	('i96 = ''1000-03-01 23:59:00'''), ('i96 < ''0001-01-01 23:00'''), ('local = ''1000-03-05''')) v (condition), check_days(v.condition) c;
SELECT min(d), max(d), min(us), min(ms), min(local) FROM days;
SELECT min(d), max(d), min(us), min(ms), min(local) FROM heap;
SELECT row_group, column_path, min, max FROM lakehouse.parquet_statistics(fixture('rules/legacy_spark2.parquet'))
WHERE row_group = 0 AND column_path IN ('d', 'us', 'local');
SELECT row_group, column_path, min, max FROM lakehouse.parquet_statistics(fixture('rules/legacy_corrected.parquet'))
WHERE row_group = 0 AND column_path IN ('d', 'us', 'local');
