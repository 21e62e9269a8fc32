\i sql/include/setup.psql

-- Every flat type with the edges of its range, under all codecs and page versions
CREATE TABLE expected_types (
	id integer, c_bool boolean, c_int8 smallint, c_int16 smallint, c_int32 integer, c_int64 bigint,
	c_uint8 smallint, c_uint16 integer, c_uint32 bigint, c_uint64 numeric(20,0), c_float16 real, c_float32 real,
	c_float64 double precision, c_dec_9_2 numeric(9,2), c_dec_18_4 numeric(18,4), c_dec_38_10 numeric(38,10),
	c_dec_20_3 numeric(20,3), c_dec_5_0 numeric(5,0), c_date date, c_time_ms time, c_time_us time, c_time_ns time,
	c_ts_ms timestamp, c_ts_us timestamp, c_ts_ns timestamp, c_tstz_ms timestamptz, c_tstz_us timestamptz,
	c_tstz_ns timestamptz, c_string text, c_large_string text, c_binary bytea, c_fixed5 bytea, c_uuid uuid,
	c_json json, c_null text);
SELECT format('COPY expected_types FROM %L (FORMAT csv, HEADER, NULL ''\N'')', fixture('flat/alltypes.csv')) \gexec
SELECT count(*) FROM expected_types;

SELECT format('CREATE FOREIGN TABLE %s () INHERITS (types_parent) SERVER lake OPTIONS (location %L)',
			  f, fixture('flat/' || f || '.parquet'))
FROM unnest('{alltypes,alltypes_plain,alltypes_v2,alltypes_snappy,alltypes_gzip,alltypes_lz4,alltypes_brotli,alltypes_zstd}'::text[]) f
\g /dev/null
CREATE TABLE types_parent (LIKE expected_types);
DO $$
DECLARE
	f text;
BEGIN
	FOREACH f IN ARRAY '{alltypes,alltypes_plain,alltypes_v2,alltypes_snappy,alltypes_gzip,alltypes_lz4,alltypes_brotli,alltypes_zstd}'::text[] LOOP
		EXECUTE format('CREATE FOREIGN TABLE %I () INHERITS (types_parent) SERVER lake OPTIONS (location %L)',
					   f, fixture('flat/' || f || '.parquet'));
	END LOOP;
END $$;
-- images, not only values: numeric is written in PostgreSQL's own format
SELECT tableoid::regclass AS file, count(*) AS rows,
	count(*) FILTER (WHERE NOT (f.c_dec_9_2, f.c_dec_18_4, f.c_dec_38_10, f.c_dec_20_3, f.c_dec_5_0, f.c_uint64) *=
							   (e.c_dec_9_2, e.c_dec_18_4, e.c_dec_38_10, e.c_dec_20_3, e.c_dec_5_0, e.c_uint64)) AS other_numeric,
	count(*) FILTER (WHERE f::text <> e::text) AS other_text
FROM types_parent f JOIN expected_types e USING (id)
GROUP BY f.tableoid ORDER BY f.tableoid::regclass::text COLLATE "C";
