-- COPY ... (FORMAT parquet) and lakehouse.write_parquet: what is written and loaded, and how.
\set schema test_copy
\i sql/include/write.psql
\set trips :fixtures /flat/trips.parquet
SELECT make_table('trips_file', '', 'flat/trips.parquet');
CREATE TABLE trips (LIKE trips_file);

-- FROM a file: all columns by name; the types are the table's
COPY trips FROM :'trips' (FORMAT parquet);
\echo :ROW_COUNT
SELECT count(*) FROM ((TABLE trips EXCEPT ALL TABLE trips_file) UNION ALL (TABLE trips_file EXCEPT ALL TABLE trips)) d;
CREATE TABLE fewer (note varchar, trip_id text, fare numeric(12,1), id serial, at timestamptz DEFAULT '2024-01-01 00:00Z', twice numeric GENERATED ALWAYS AS (fare * 2) STORED);
COPY fewer (trip_id, fare) FROM :'trips' (FORMAT parquet) WHERE trip_id::int BETWEEN 1003 AND 1008;
\echo :ROW_COUNT
SELECT f.trip_id, t.fare - f.fare AS rounded, id, at, twice - f.fare * 2 AS zero, f.note FROM fewer f LEFT JOIN trips t ON t.trip_id::text = f.trip_id ORDER BY id LIMIT 3;
-- conditions are those of a query on the table
CREATE TABLE picked (trip_id bigint, fare numeric(9,2));
SELECT min(trip_id) + 10 AS tenth FROM trips \gset
COPY picked (trip_id, fare) FROM :'trips' (FORMAT parquet) WHERE trip_id < :tenth;
SELECT count(*), sum(fare) = (SELECT sum(fare) FROM trips WHERE trip_id < :tenth) AS same FROM picked;
COPY picked (trip_id, fare) FROM :'trips' (FORMAT parquet) WHERE picked.fare > 1e6;
-- many files, partition columns, options of tables
\set hive :fixtures /hive
\set uni :fixtures /union
SELECT count(*) FROM lakehouse.list(fixture('union'));
CREATE TABLE u (id bigint, name text, file text);
COPY u (id, file) FROM :'uni' (FORMAT parquet, filename_column file, union_by_name);
SELECT count(*), count(DISTINCT file) FROM u;
COPY u (id) FROM :'uni' (FORMAT parquet, union_by_name true, out_of_range 'null', check_crc);

-- TO a file: columns, tables, queries
SELECT copied('trips', 'trips.parquet');
SELECT num_rows, row_groups, columns, created_by ~ '^lakehouse version ' AS ours FROM lakehouse.parquet_metadata(target('trips.parquet'));
SELECT codec, has_statistics, has_column_index, has_offset_index, has_bloom_filter, bool_or('RLE_DICTIONARY' = ANY (encodings)) AS dictionaries, count(*) FROM lakehouse.parquet_column_chunks(target('trips.parquet')) GROUP BY 1, 2, 3, 4, 5;
SELECT copied('trips (fare, trip_id)', 'two.parquet');
SELECT string_agg(column_path, ', ' ORDER BY leaf) FROM lakehouse.parquet_schema(target('two.parquet')) WHERE leaf IS NOT NULL;
SELECT copied('fewer', 'fewer.parquet');
SELECT string_agg(column_path, ', ' ORDER BY leaf) FROM lakehouse.parquet_schema(target('fewer.parquet')) WHERE leaf IS NOT NULL;
SELECT copied('(VALUES (1, ''a''), (2, NULL))', 'values.parquet');
SELECT * FROM lakehouse.read(target('values.parquet')) AS t(column1 int, column2 text);
SELECT copied('(INSERT INTO picked VALUES (-1, 1), (-2, 2) RETURNING trip_id, fare * 2 AS double)', 'returning.parquet');
SELECT * FROM lakehouse.read(target('returning.parquet')) AS t(trip_id bigint, double numeric);
SELECT count(*) FROM picked WHERE trip_id < 0;
SELECT copied('(SELECT 1 AS a WHERE false)', 'none.parquet');
SELECT num_rows, row_groups FROM lakehouse.parquet_metadata(target('none.parquet'));
SELECT * FROM lakehouse.read(target('none.parquet')) AS t(a int);
CREATE MATERIALIZED VIEW stored AS SELECT 1 AS a;
SELECT copied('stored', 'stored.parquet');
-- names as they are, also as no SQL name can be written without quotes
SELECT copied('(SELECT 1 AS "Übung ""x"".y", 2)', 'names.parquet');
SELECT column_path FROM lakehouse.parquet_schema(target('names.parquet')) WHERE depth > 0;
-- what a transaction did is seen, and the file stays when it is undone
BEGIN;
INSERT INTO picked VALUES (-3, 3);
SELECT copied('(SELECT count(*) FROM picked WHERE trip_id < 0)', 'seen.parquet');
ROLLBACK;
SELECT * FROM lakehouse.read(target('seen.parquet')) AS t(count bigint);

-- the function
SELECT rows, bytes > 100000 AS large, row_groups FROM lakehouse.write_parquet('TABLE trips', target('function.parquet'));
SELECT rows, row_groups, bytes = (SELECT size FROM lakehouse.list(target('rg.parquet'))) AS bytes_true FROM
	lakehouse.write_parquet('SELECT trip_id, fare FROM trips ORDER BY trip_id', target('rg.parquet'), '{"row_group_size": 3000, "compression": "snappy", "bloom": ["trip_id"]}');
SELECT rows, bytes < 1000 AS small FROM lakehouse.write_parquet('SELECT 1 AS a', target('rg.parquet'), '{"overwrite": true}');
CREATE FUNCTION nested() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	CREATE TEMP TABLE own AS SELECT generate_series(1, 10) AS i;
	SELECT rows INTO n FROM lakehouse.write_parquet('SELECT * FROM own', target('own.parquet'));
	RETURN n;
END $$;
SELECT nested();

-- headers of pages are read in large pieces
SET work_mem = '64MB';
-- options: each is seen in the file
SELECT copied('(SELECT trip_id, vendor, fare FROM trips ORDER BY trip_id)', 'o.parquet', $$, compression gzip, compression_level 9, row_group_size 7000, page_rows 1000, page_version 2,
	bloom (trip_id, vendor), bloom_fpp 0.05, dictionary off, statistics on, page_index on, checksums on$$);
SELECT DISTINCT column_path, codec, 'RLE_DICTIONARY' = ANY (encodings) AS dictionary, has_statistics, has_column_index, has_bloom_filter FROM lakehouse.parquet_column_chunks(target('o.parquet')) ORDER BY 1;
SELECT row_group, num_rows FROM lakehouse.parquet_row_groups(target('o.parquet'));
SELECT DISTINCT page_type, max(num_rows), count(*) FILTER (WHERE crc IS NULL) AS without_crc FROM lakehouse.parquet_pages(target('o.parquet')) GROUP BY 1;
SELECT copied('(SELECT trip_id, vendor FROM trips)', 'p.parquet', $$, compression 'none', statistics off, page_index off, checksums off, dictionary_size '1kB', page_size '8kB', bloom 'vendor'$$);
SELECT DISTINCT column_path, codec, has_statistics, has_column_index, has_bloom_filter FROM lakehouse.parquet_column_chunks(target('p.parquet')) ORDER BY 1;
SELECT count(*) FILTER (WHERE crc IS NOT NULL) AS with_crc, max(uncompressed_size) < 17000 AS small FROM lakehouse.parquet_pages(target('p.parquet'));
SELECT c, copied('(TABLE trips)', 'c_' || c || '.parquet', format(', compression %L', c)),
	(SELECT string_agg(DISTINCT codec, ',') FROM lakehouse.parquet_column_chunks(target('c_' || c || '.parquet'))) AS codec,
	(SELECT count(*) FROM (SELECT * FROM lakehouse.read(NULL::trips, target('c_' || c || '.parquet')) EXCEPT ALL TABLE trips) d) AS differ
FROM unnest('{none,snappy,gzip,zstd,lz4_raw,brotli}'::text[]) c;
-- bloom filters and statistics are of use
SELECT make_table('o', '', 'written/o.parquet');
SELECT counter('SELECT * FROM o WHERE trip_id = (SELECT min(trip_id) + 9000 FROM trips)', 'Row Groups Pruned by Statistics');
SELECT trip_id + 1 AS absent FROM trips a WHERE NOT EXISTS (SELECT FROM trips b WHERE b.trip_id = a.trip_id + 1) ORDER BY 1 LIMIT 1 \gset
SELECT counter('SELECT * FROM o WHERE trip_id = ' || :absent, 'Row Groups Pruned by Bloom Filter');

-- an existing target
SELECT * FROM outcome($$ SELECT copied('(SELECT 2 AS a)', 'stored.parquet') $$);
SELECT * FROM lakehouse.read(target('stored.parquet')) AS t(a int);
SELECT copied('(SELECT 2 AS a)', 'stored.parquet', ', overwrite');
SELECT * FROM lakehouse.read(target('stored.parquet')) AS t(a int);
SELECT copied('(SELECT 3 AS a)', 'stored.parquet', ', overwrite true');

-- into what an INSERT can go: partitions, triggers, views, foreign tables, identities, domains
CREATE TABLE parted (id int, part text NOT NULL DEFAULT 'a', primary key (id, part)) PARTITION BY LIST (part);
CREATE TABLE parted_a PARTITION OF parted FOR VALUES IN ('a');
CREATE TABLE parted_b (extra int, part text NOT NULL, id int NOT NULL);
ALTER TABLE parted_b DROP COLUMN extra;
ALTER TABLE parted ATTACH PARTITION parted_b FOR VALUES IN ('b');
SELECT copied($$(SELECT i AS id, CASE i % 2 WHEN 0 THEN 'a' ELSE 'b' END AS part FROM generate_series(1, 10) i)$$, 'parted.parquet');
SELECT target('parted.parquet') AS parted \gset
COPY parted FROM :'parted' (FORMAT parquet);
SELECT tableoid::regclass, count(*), sum(id) FROM parted GROUP BY 1 ORDER BY 1;
SELECT * FROM outcome(format('COPY parted FROM %L (FORMAT parquet)', :'parted'));
SELECT * FROM outcome(format('COPY parted TO %L (FORMAT parquet)', target('x')));
CREATE TABLE logged (id int, part text, who text);
CREATE TABLE log (what text);
CREATE FUNCTION on_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_WHEN = 'BEFORE' AND NEW.id > 8 THEN RETURN NULL; END IF;
	IF TG_WHEN = 'BEFORE' THEN NEW.who = 'before'; RETURN NEW; END IF;
	INSERT INTO log VALUES (TG_WHEN || ' ' || TG_LEVEL || ' ' || coalesce(NEW.id::text, ''));
	RETURN NEW;
END $$;
CREATE TRIGGER b BEFORE INSERT ON logged FOR EACH ROW EXECUTE FUNCTION on_row();
CREATE TRIGGER a AFTER INSERT ON logged FOR EACH ROW WHEN (NEW.id > 7) EXECUTE FUNCTION on_row();
CREATE TRIGGER s AFTER INSERT ON logged FOR EACH STATEMENT EXECUTE FUNCTION on_row();
COPY logged FROM :'parted' (FORMAT parquet) WHERE id > 2;
SELECT count(*), min(id), max(id), min(who) FROM logged;
TABLE log;
CREATE VIEW shown AS SELECT id FROM logged;
SELECT * FROM outcome(format('COPY shown (id) FROM %L (FORMAT parquet)', :'parted'));
CREATE FUNCTION instead() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO log VALUES ('instead ' || NEW.id); RETURN NEW; END $$;
CREATE TRIGGER i INSTEAD OF INSERT ON shown FOR EACH ROW EXECUTE FUNCTION instead();
COPY shown (id) FROM :'parted' (FORMAT parquet) WHERE id = 5;
SELECT * FROM log WHERE what ~ 'instead';
CREATE TABLE identified (id int GENERATED ALWAYS AS IDENTITY, part text CHECK (part <> 'z'));
COPY identified FROM :'parted' (FORMAT parquet) WHERE id = 7;
COPY identified (part) FROM :'parted' (FORMAT parquet) WHERE part = 'b';
SELECT array_agg(id ORDER BY id) FROM identified;
CREATE TABLE checked (id int CHECK (id < 10), part varchar(1));
SELECT * FROM outcome(format('COPY checked FROM %L (FORMAT parquet)', :'parted'));
CREATE DOMAIN small AS int CHECK (value < 10);
CREATE TABLE dom (id small, part text);
SELECT * FROM outcome(format('COPY dom FROM %L (FORMAT parquet)', :'parted'));
SELECT count(*) FROM checked;
CREATE TEMP TABLE temporary (id int);
COPY temporary (id) FROM :'parted' (FORMAT parquet);
-- in transactions, prepared and in functions
BEGIN;
CREATE TABLE young (id int, part text);
COPY young FROM :'parted' (FORMAT parquet);
SELECT count(*) FROM young;
ROLLBACK;
DO $$ BEGIN
	FOR i IN 1..3 LOOP
		EXECUTE format('COPY temporary (id) FROM %L (FORMAT parquet)', target('parted.parquet'));
	END LOOP;
END $$;
SELECT count(*) FROM temporary;

-- what is not ours passes
COPY (SELECT 1, 'a,b') TO STDOUT (FORMAT csv);
COPY (SELECT 1) TO STDOUT;
SELECT * FROM outcome($$ COPY (SELECT 1) TO '/x' (FORMAT parquets) $$);
\! rm -r $OUT
SET client_min_messages = warning;
DROP SCHEMA test_copy CASCADE;
