\set schema test_files
\i sql/include/setup.psql

-- Which files a location means: a file, a directory, globs, arrays of these
CREATE FUNCTION files_of(location text) RETURNS SETOF text LANGUAGE plpgsql SET client_min_messages = warning AS $$
BEGIN
	DROP FOREIGN TABLE IF EXISTS files_t;
	EXECUTE format('CREATE FOREIGN TABLE files_t (source text) SERVER lake OPTIONS (location %L, filename_column %L)', location, 'source');
	RETURN QUERY EXECUTE 'SELECT without_path(source) FROM files_t GROUP BY source ORDER BY without_path(source) COLLATE "C"';
END $$;
SELECT files_of(fixture('glob/a1.parquet'));
SELECT files_of('file://' || fixture('glob/a1.parquet'));
SELECT * FROM outcome($$SELECT files_of(fixture('glob'))$$);
SELECT files_of(fixture('glob/deep'));
SELECT files_of(fixture('glob/*.parquet'));
SELECT files_of(fixture('glob/**/*.parquet'));
SELECT files_of(fixture('glob/a?.parquet'));
SELECT files_of(fixture('glob/[a-b]1.parquet'));
SELECT files_of(fixture('glob/{a1,b1}.parquet'));
SELECT files_of(fixture('glob/_*.parquet'));
SELECT files_of(format('["%s", "%s"]', fixture('glob/deep'), fixture('glob/b1.parquet')));
SELECT * FROM outcome($$SELECT files_of(fixture('glob/x*.parquet'))$$);
SELECT * FROM outcome($$SELECT files_of(fixture('glob/none.parquet'))$$);
SELECT files_of(fixture('glob_odd'));
SELECT files_of(fixture('glob_odd/two words.parquet'));
SELECT files_of(fixture('glob_odd/ü.parquet'));
SELECT files_of(fixture('glob_odd/per%20cent.parquet'));
SELECT files_of(fixture('glob_odd/quote''d.parquet'));

-- files are read in byte order of their names
SELECT make_table('ordered', 'source text', 'glob/**/*.parquet', $$filename_column 'source'$$);
SELECT without_path(source) FROM (SELECT source, row_number() OVER () AS n FROM ordered) t GROUP BY source ORDER BY min(n);
SELECT * FROM outcome('SELECT src FROM ordered');
SELECT make_table('clash', 'src text', 'glob', $$filename_column 'src'$$);
SELECT * FROM outcome('SELECT src FROM clash');
SELECT plan('SELECT source FROM ordered', 'COSTS OFF, ANALYZE, TIMING OFF, SUMMARY OFF');

-- rules that naive readers get wrong, one file each
SELECT f, d FROM unnest('{bit_packed_levels,chunk_size_short,converted_only,crc_right,crc_wrong,decimal_bytes,decimal_widths,delta_big_blocks,
	delta_one_value,delta_unused_widths,delta_wrap,dict_cut_run,dict_empty,dict_fallback,dict_offset_missing,dict_offset_zero,dict_padding,
	dict_plain_name,dict_width_zero,empty_group,empty_pages,extra_fields,gzip_members,index_page,int96,levels_exact_bits,
	logical_only,lz4_hadoop,lz4_hadoop_blocks,lz4_raw5,many_pages,no_groups,rare_types,rle_bool,unknown_logical,v2_empty_zstd,v2_pages}'::text[]) f,
	differences('', 'rules/' || f || '.parquet', 'rules/' || f || '.csv') d;

-- all encodings agree with the plain one
SELECT make_table('encodings', '', 'flat/encodings.parquet');
SELECT digest_differences('encodings', 'id', 'flat/encodings.csv');
SELECT make_table('encodings', '', 'flat/encodings_v2.parquet');
SELECT digest_differences('encodings', 'id', 'flat/encodings_v2.csv');
SELECT make_table('bloom', '', 'flat/bloom.parquet');
SELECT digest_differences('bloom', 'id', 'flat/bloom.csv');

-- broken files: an error with a word that helps, never rows
CREATE TABLE bad_files (file text, word text);
SELECT load_csv('bad_files', 'bad/errors.csv');
CREATE FUNCTION read_bad(file text) RETURNS text LANGUAGE plpgsql SET client_min_messages = warning AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE 'DROP FOREIGN TABLE IF EXISTS bad_t';
	EXECUTE format('CREATE FOREIGN TABLE bad_t () SERVER lake OPTIONS (location %L)', fixture('bad/' || file));
	EXECUTE 'SELECT count(t::text) FROM bad_t t' INTO n;
	RETURN n || ' rows';
EXCEPTION WHEN OTHERS THEN
	RETURN without_path(SQLSTATE || ' ' || SQLERRM);
END $$;
SELECT file, word, says FROM (SELECT file, word, read_bad(file) AS says FROM bad_files) b
WHERE lower(says) NOT LIKE '%' || word || '%' OR says !~ '^(XX001|0A000|58P01|54000) ';
SELECT left(read_bad(file), 5) AS state, count(*) FROM bad_files GROUP BY 1 ORDER BY 1;

-- many columns
SELECT make_table('wide', '', 'wide/cols_1000.parquet');
SELECT c0, c7, c500, c999 FROM wide;
SET work_mem = '32MB';
SELECT count(t::text) FROM wide t;
RESET work_mem;
SELECT make_table('wide', 'c0 integer, c2500 integer, c4999 integer', 'wide/cols_5000.parquet');
SELECT * FROM wide;
