-- Encrypted files through every door: with keys, without, and with the wrong ones.
-- What encryption itself promises is tested in test/unit/test_pqcrypt.c.
\set schema test_encryption
\i sql/include/lake.psql
\set dir :fixtures /keys
\setenv DIR :dir
\! mkdir -p -m 700 $DIR && install -m 600 $LAKEHOUSE_FIXTURES/encrypted/keys.json $DIR/keys.json
\! sed '/"b-16"/d' $DIR/keys.json > $DIR/few.json && sed 's/"[0-9a-f]\{32\}"/"000102030405060708090a0b0c0d0e0f"/' $DIR/keys.json > $DIR/wrong.json
\! sed 's/"footer_key"/"require_encryption": true, &/' $DIR/keys.json > $DIR/required.json && echo '{"keys": {"k": "hunter2"}}' > $DIR/bad.json
\! cp $DIR/keys.json $DIR/public.json && chmod 600 $DIR/*.json && chmod 644 $DIR/public.json && ln -s keys.json $DIR/link.json
\set keys :dir /keys.json
SELECT format('parquet_keys_file %L', :'keys') AS with_keys \gset

-- rows are those of the plain file, with each way of encrypting
SELECT file, differences('id bigint, name text, code text, note boolean, tags int[]', 'encrypted/' || file || '.parquet',
	'encrypted/rows.csv', CASE WHEN file <> 'plain' THEN :'with_keys' ELSE '' END) AS rows
FROM unnest('{plain, footer, other, signed, ctr, uniform, nameless}'::text[]) AS file;

-- columns are inferred, on table and server option
CREATE SERVER vault FOREIGN DATA WRAPPER lakehouse OPTIONS (parquet_keys_file :'keys');
SELECT * FROM outcome(format('CREATE FOREIGN TABLE inferred () SERVER vault OPTIONS (location %L)', fixture('encrypted/footer.parquet')));
SELECT * FROM columns_of('inferred');
SELECT count(*), min(code), max(id), count(name) FROM inferred;

-- statistics, filters and indexes of encrypted columns prune
SELECT counter('SELECT * FROM inferred WHERE id < 300', 'Row Groups Pruned by Statistics') AS by_statistics,
	counter('SELECT * FROM inferred WHERE code = ''code 07x''', 'Row Groups Pruned by Bloom Filter') AS by_bloom,
	counter('SELECT * FROM inferred WHERE id = 300', 'Pages Pruned by Page Index') AS by_index,
	counter('SELECT * FROM inferred WHERE id = 300', 'Modules Decrypted')::int > 5 AS decrypted;
SELECT * FROM inferred WHERE id = 300;
-- plans show nothing of keys
SELECT bool_or(line ~* '(?<!delete )keys|json|a-16') FROM plan('SELECT * FROM inferred WHERE id = 300', 'ANALYZE, VERBOSE, COSTS OFF') AS line;

-- one directory with files of different keys, and functions
SELECT count(*), sum(id) FROM lakehouse.read(fixture('encrypted') || '/{footer,signed,ctr}.parquet', server => 'vault') AS t (id bigint);
SELECT count(*) FROM lakehouse.read(fixture('encrypted/footer.parquet'), options => jsonb_build_object('parquet_keys_file', :'keys')) AS t (id bigint);
SELECT column_path, bool_or(encrypted) AS encrypted, sum(num_values) AS "values" FROM lakehouse.parquet_column_chunks(fixture('encrypted/footer.parquet'), server => 'vault') GROUP BY 1 ORDER BY 1;
SELECT column_path, min, max, nulls FROM lakehouse.parquet_statistics(fixture('encrypted/footer.parquet'), server => 'vault') WHERE row_group = 1 ORDER BY 1;
SELECT column_path, count(*) FROM lakehouse.parquet_pages(fixture('encrypted/ctr.parquet'), server => 'vault') GROUP BY 1 ORDER BY 1;
SELECT without_path(lakehouse.ddl(fixture('encrypted/ctr.parquet'), server => 'vault'));
SELECT * FROM outcome(format('IMPORT FOREIGN SCHEMA x LIMIT TO (signed) FROM SERVER vault INTO test_encryption OPTIONS (location %L)', fixture('encrypted')));
SELECT * FROM signed WHERE id = 15;
ANALYZE inferred;
SELECT reltuples FROM pg_class WHERE oid = 'inferred'::regclass;
PREPARE again AS SELECT count(code) FROM inferred WHERE id >= 900;
EXECUTE again;
EXECUTE again;

-- helper threads find the keys that the session has read
SELECT make_table('many', 'id bigint, code text', 'encrypted/{footer,signed,ctr,nameless}.parquet', :'with_keys');
SET lakehouse.threads_min_size = 0;
SET lakehouse.threads = 4;
SELECT counter('SELECT count(DISTINCT code), sum(id) FROM many', 'Helper Threads') IS NOT NULL AS helpers, count(DISTINCT code), sum(id) FROM many;
SET lakehouse.threads = 1;
SELECT counter('SELECT count(DISTINCT code), sum(id) FROM many', 'Helper Threads') IS NOT NULL AS helpers, count(DISTINCT code), sum(id) FROM many;
RESET lakehouse.threads;
RESET lakehouse.threads_min_size;

-- no keys: an encrypted footer is closed, a signed one opens its plain columns
SELECT * FROM outcome(format('SELECT * FROM lakehouse.read(%L) AS t (id bigint)', fixture('encrypted/footer.parquet')));
SELECT make_table('open', 'id bigint, name text', 'encrypted/signed.parquet');
SELECT count(*), sum(id) FROM open;
SELECT * FROM outcome('SELECT name FROM open');
SELECT * FROM outcome(format('SELECT * FROM lakehouse.parquet_pages(%L)', fixture('encrypted/footer.parquet')));
SELECT column_path, count(*) FROM lakehouse.parquet_pages(fixture('encrypted/signed.parquet')) GROUP BY 1 ORDER BY 1;
-- the keys go with the option, though the session has read the file
ALTER SERVER vault OPTIONS (DROP parquet_keys_file);
SELECT * FROM outcome('SELECT count(*) FROM inferred');
SELECT * FROM outcome('EXECUTE again');
ALTER SERVER vault OPTIONS (ADD parquet_keys_file :'keys');
EXECUTE again;

-- some keys: the other columns stay readable
\set few :dir /few.json
SELECT make_table('few', 'id bigint, name text, code text', 'encrypted/footer.parquet', format('parquet_keys_file %L', :'few'));
SELECT count(*), sum(id), count(name) FROM few;
SELECT * FROM outcome('SELECT code FROM few');
SELECT * FROM outcome('SELECT id FROM few WHERE code = ''code 01''');
-- the table's option goes before the server's
SELECT * FROM outcome(format('CREATE FOREIGN TABLE few2 (code text) SERVER vault OPTIONS (location %L, parquet_keys_file %L)', fixture('encrypted/footer.parquet'), :'few'));
SELECT * FROM outcome('SELECT code FROM few2');
ALTER FOREIGN TABLE few2 OPTIONS (DROP parquet_keys_file);
SELECT count(code) FROM few2;

-- wrong keys, plain files where none may be
\set wrong :dir /wrong.json
SELECT make_table('wrong', 'id bigint', 'encrypted/footer.parquet', format('parquet_keys_file %L', :'wrong'));
SELECT * FROM outcome('SELECT id FROM wrong');
\set required :dir /required.json
SELECT make_table('required', 'id bigint', 'encrypted/{footer,plain}.parquet', format('parquet_keys_file %L', :'required'));
SELECT * FROM outcome('SELECT id FROM required');

-- what a file of keys may be; nothing of it is repeated
CREATE FUNCTION with_file(name text) RETURNS TABLE (what text, says text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM make_table('with_file', 'id bigint', 'encrypted/footer.parquet', format('parquet_keys_file %L', fixture('keys/') || name));
	RETURN QUERY SELECT * FROM outcome('SELECT id FROM with_file');
END $$;
SELECT file, o.* FROM unnest('{keys.json, public.json, link.json, bad.json, none.json, .}'::text[]) AS file, with_file(file) o;
CREATE SERVER s FOREIGN DATA WRAPPER lakehouse OPTIONS (parquet_keys_file 'keys.json');
CREATE FOREIGN TABLE x (a integer OPTIONS (parquet_keys_file '/x')) SERVER lake OPTIONS (location '/x');
-- a broken file of keys is no error where nothing is read
EXPLAIN (COSTS OFF) SELECT id FROM with_file WHERE false;

-- rights: only a superuser says where keys are, USAGE on the server lends them
CREATE ROLE regress_keys;
GRANT USAGE ON SCHEMA test_encryption, lakehouse TO regress_keys;
GRANT CREATE ON SCHEMA test_encryption TO regress_keys;
GRANT pg_read_server_files TO regress_keys;
GRANT USAGE ON FOREIGN SERVER lake TO regress_keys;
GRANT USAGE ON FOREIGN DATA WRAPPER lakehouse TO regress_keys;
GRANT SELECT ON inferred TO PUBLIC;
SELECT format('SELECT count(code) FROM lakehouse.read(%L, server => ''vault'') AS t (code text)', fixture('encrypted/footer.parquet')) AS read_it,
	format('SELECT count(code) FROM lakehouse.read(%L, options => jsonb_build_object(''parquet_keys_file'', %L)) AS t (code text)',
		fixture('encrypted/footer.parquet'), :'keys') AS read_with \gset
SET ROLE regress_keys;
CREATE SERVER s FOREIGN DATA WRAPPER lakehouse OPTIONS (parquet_keys_file '/x');
SELECT * FROM outcome(format('CREATE FOREIGN TABLE mine (code text) SERVER lake OPTIONS (location %L, parquet_keys_file %L)', fixture('encrypted/footer.parquet'), :'keys'));
SELECT * FROM outcome(:'read_with');
SELECT * FROM outcome(:'read_it');
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER vault TO regress_keys;
SET ROLE regress_keys;
SELECT * FROM outcome(:'read_it');
SELECT * FROM outcome(format('CREATE FOREIGN TABLE mine (code text) SERVER vault OPTIONS (location %L)', fixture('encrypted/footer.parquet')));
SELECT count(code) FROM mine;
RESET ROLE;
REVOKE USAGE ON FOREIGN SERVER vault FROM regress_keys;
-- without it the owner has no keys, nor has anybody who reads the table
SELECT * FROM outcome('SELECT count(code) FROM mine');
-- a reader of a table needs nothing but SELECT
REVOKE pg_read_server_files FROM regress_keys;
SET ROLE regress_keys;
SELECT count(code) FROM inferred;
RESET ROLE;
-- who owns a table with keys cannot take them elsewhere
ALTER FOREIGN TABLE few OWNER TO regress_keys;
SET ROLE regress_keys;
ALTER FOREIGN TABLE few OPTIONS (SET location '/tmp/x.parquet');
RESET ROLE;

DROP SCHEMA test_encryption CASCADE;
DROP SERVER vault CASCADE;
REVOKE ALL ON FOREIGN SERVER lake FROM regress_keys;
REVOKE ALL ON FOREIGN DATA WRAPPER lakehouse FROM regress_keys;
REVOKE ALL ON SCHEMA lakehouse FROM regress_keys;
DROP ROLE regress_keys;
\! rm -r $DIR
