-- What COPY and lakehouse.write_parquet refuse, and that nothing is left behind.
\set schema test_copy_errors
\i sql/include/write.psql
\set trips :fixtures /flat/trips.parquet
CREATE TABLE t (id int, name text);
INSERT INTO t VALUES (1, 'one'), (2, 'two');
SELECT copied('t', 't.parquet');
SELECT target('t.parquet') AS file, target('new.parquet') AS new \gset

-- options: names, values, twice, not for this direction
CREATE FUNCTION with_option(option text, direction text DEFAULT 'TO') RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT what || ': ' || says FROM outcome(format('COPY t %s %L (FORMAT parquet, %s)', direction,
		target(CASE direction WHEN 'TO' THEN 'new.parquet' ELSE 't.parquet' END), option));
END $$;
SELECT * FROM with_option('colour red');
SELECT o, x FROM unnest(ARRAY['compression lzo', 'compression', 'compression_level 0', 'compression_level 23', 'row_group_size 0', 'row_group_size -1',
	'row_group_size 3000000000', 'row_group_bytes ''1 parsec''', 'row_group_bytes ''10GB''', 'page_size 1', 'page_version 3', 'dictionary maybe', 'bloom (nothing)',
	'bloom *', 'bloom_fpp 1', 'bloom_fpp ''NaN''', 'overwrite 2', 'numeric ''decimal(39,1)''', 'numeric ''decimal(3,4)''', 'numeric ''decimal(3,2) x''', 'interval iso',
	'server nowhere', 'out_of_range zero', 'compression zstd, compression snappy', 'union_by_name', 'freeze', 'delimiter '',''', 'header',
	'compression gzip, compression_level 20']) o, LATERAL with_option(o) x WHERE x !~ '^hint: Valid options';
SELECT o, x FROM unnest(ARRAY['overwrite', 'compression zstd', 'freeze', 'hive_partitioning 3', 'timestamp_ns ceil', 'location ''/x''', 'null ''x''']) o,
	LATERAL with_option(o, 'FROM') x;
SELECT * FROM outcome($$ SELECT lakehouse.write_parquet('TABLE t', target('new.parquet'), '{"colour": "red"}') $$);
SELECT * FROM outcome($$ SELECT lakehouse.write_parquet('TABLE t', target('new.parquet'), '{"compression": ["zstd"]}') $$);
SELECT * FROM outcome($$ SELECT lakehouse.write_parquet('TABLE t', target('new.parquet'), '[1]') $$);
SELECT * FROM outcome($$ SELECT lakehouse.write_parquet('TABLE t', target('new.parquet'), '{"server": "lake"}') $$);

-- locations
CREATE FUNCTION to_location(location text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT what || ': ' || says FROM outcome(format('COPY t TO %L (FORMAT parquet)', location));
END $$;
SELECT to_location(target('t.parquet'));
SELECT to_location('file://' || target('t.parquet'));
SELECT to_location('relative.parquet');
SELECT to_location('');
SELECT to_location(target('*.parquet'));
SELECT to_location(target('no/such/directory.parquet'));
SELECT to_location(target(''));
SELECT to_location('ftp://host/x.parquet');
SELECT to_location('["' || target('new.parquet') || '"]');
\! mkdir $OUT/dir
SELECT to_location(target('dir'));
SELECT what || ': ' || says FROM outcome(format('COPY t TO %L (FORMAT parquet, overwrite)', target('dir')));
\! rmdir $OUT/dir
SELECT * FROM outcome(format('COPY t FROM %L (FORMAT parquet)', target('absent.parquet')));
SELECT * FROM outcome(format('COPY t TO PROGRAM %L (FORMAT parquet)', 'cat'));
SELECT * FROM outcome(format('COPY t FROM PROGRAM %L (FORMAT parquet)', 'cat'));

-- relations and columns
CREATE VIEW v AS TABLE t;
CREATE SEQUENCE s;
CREATE TABLE no_columns ();
CREATE TABLE generated (id int, g int GENERATED ALWAYS AS (id + 1) STORED);
SELECT make_table('f', '', 'flat/trips.parquet');
SELECT what || ': ' || says FROM unnest('{v,s,f,no_columns,nothing,t (absent),"t (id, id)",generated (g),t (xmin)}'::text[]) r,
	LATERAL outcome(format('COPY %s TO %L (FORMAT parquet)', r, target('new.parquet'))) WHERE what <> 'context';
SELECT what || ': ' || says FROM unnest('{v,s,f (trip_id),no_columns,nothing,t (absent),"t (id, id)",generated (g),generated}'::text[]) r,
	LATERAL outcome(format('COPY %s FROM %L (FORMAT parquet)', r, CASE WHEN r ~ '^f' THEN fixture('flat/trips.parquet') ELSE target('t.parquet') END)) WHERE what <> 'context';
ALTER TABLE t ADD COLUMN more int;
SELECT * FROM outcome(format('COPY t (id, more) FROM %L (FORMAT parquet)', :'file'));
SELECT * FROM outcome(format('COPY t FROM %L (FORMAT parquet) WHERE more > 1', :'file')) LIMIT 1;
SELECT * FROM outcome(format('COPY t FROM %L (FORMAT parquet) WHERE absent', :'file'));
COPY t (id) FROM :'file' (FORMAT parquet) WHERE id = nothing;
DROP VIEW v;
ALTER TABLE t DROP COLUMN name;
SELECT * FROM outcome(format('COPY t FROM %L (FORMAT parquet)', :'file'));
CREATE TABLE wrong (id date, name int);
SELECT * FROM outcome(format('COPY wrong (id) FROM %L (FORMAT parquet)', :'file'));
SELECT * FROM outcome(format('COPY wrong (name) FROM %L (FORMAT parquet)', :'file'));
CREATE TABLE ruled (id int, name text);
CREATE RULE r AS ON INSERT TO ruled DO ALSO SELECT 1;
SELECT * FROM outcome(format('COPY ruled FROM %L (FORMAT parquet)', :'file'));
CREATE RULE r AS ON UPDATE TO wrong DO INSTEAD NOTHING;
CREATE TABLE needs (id int, name text, must text NOT NULL);
SELECT * FROM outcome(format('COPY needs FROM %L (FORMAT parquet)', :'file'));

-- queries
CREATE FUNCTION from_query(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT what || ': ' || says FROM outcome(format('SELECT lakehouse.write_parquet(%L, target(''new.parquet''))', query))
		WHERE what <> 'context';
END $$;
SELECT from_query('SELECT 1 AS a, 2 AS a');
SELECT from_query('SELECT 1; SELECT 2');
SELECT from_query('');
SELECT from_query('EXPLAIN SELECT 1');
SELECT from_query('CREATE TABLE made ()');
SELECT from_query('SELECT 1 AS a INTO made');
SELECT from_query('INSERT INTO t VALUES (1)');
SELECT from_query('COPY t TO STDOUT');
SELECT from_query('SELECT');
SELECT from_query('SELECT $1');
SELECT from_query('INSERT INTO ruled VALUES (1) RETURNING id');
SELECT from_query('SELECT 1 / (3 - i) AS x FROM generate_series(1, 5) i');
SELECT lakehouse.write_parquet('SELECT absent FROM t', target('new.parquet'));
SELECT lakehouse.write_parquet('SELECT FROM FROM t', target('new.parquet'));
SELECT lakehouse.write_parquet(NULL, target('new.parquet'));
SELECT lakehouse.write_parquet('SELECT 1', NULL);
SELECT to_regclass('made');

-- an error in mid-write, after several row groups: nothing is left, and what was there before stays
SELECT * FROM outcome(format($$ COPY (SELECT i, md5(i::text) AS m, 1 / (100000 - i) AS x FROM generate_series(1, 100000) i) TO %L (FORMAT parquet, row_group_size 10000) $$, :'new'));
SELECT * FROM outcome(format($$ COPY (SELECT 1 / (100000 - i) AS x FROM generate_series(1, 100000) i) TO %L (FORMAT parquet, row_group_size 10000, overwrite) $$, :'file'));
SET statement_timeout = 200;
SELECT * FROM lakehouse.write_parquet('SELECT i, md5(i::text) AS m FROM (SELECT generate_series(1, 1000000000) AS i) s', target('new.parquet'), '{"row_group_size": 10000}');
RESET statement_timeout;
SELECT * FROM written();
SELECT * FROM lakehouse.read(target('t.parquet')) AS t(id int, name text);

-- read-only transactions load nothing; writing a file changes no data of theirs
BEGIN READ ONLY;
SELECT * FROM outcome(format('COPY t (id) FROM %L (FORMAT parquet)', :'file'));
SELECT copied('t', 'readonly.parquet');
ROLLBACK;
SELECT count(*) FROM t;
\! rm -r $OUT
SET client_min_messages = warning;
DROP SCHEMA test_copy_errors CASCADE;
