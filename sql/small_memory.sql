\set schema test_small_memory
\i sql/include/setup.psql

-- With the least work_mem every scan gives the rows that it gives with much, or says
-- that memory does not suffice; and what EXPLAIN calls the peak stays in the budget.
SET client_min_messages = warning;
CREATE TABLE files (name name, location text, options text);
INSERT INTO files
	SELECT replace(f, '/', '_'), f || '.parquet', '' FROM unnest('{flat/alltypes, flat/alltypes_plain, flat/alltypes_v2, flat/alltypes_brotli,
		flat/alltypes_gzip, flat/alltypes_lz4, flat/alltypes_snappy, flat/alltypes_zstd, flat/bloom, flat/encodings, flat/encodings_v2, flat/trips,
		nested/lists, nested/maps, nested/mixed, nested/structs, nested/tall, nested/tall_v2, wide/cols_1000}'::text[]) f
	UNION ALL VALUES ('hive', 'hive', $$filename_column 'file'$$), ('unions', 'union', $$union_by_name 'true'$$),
		('wide_union', 'union_wide', $$union_by_name 'true'$$), ('cols_5000', 'wide/cols_5000.parquet', $$columns 'c0, c17, c4999'$$);
SELECT count(make_table(name, '', location, options)) FROM files;

-- Queries of a table: rows in order, again for each of several outer rows, aggregates, a filter that
-- keeps some rows, one that PostgreSQL evaluates.  c is a column that is neither json nor an array.
CREATE FUNCTION queries(t name) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	c text := (SELECT quote_ident(attname) FROM pg_attribute JOIN pg_type y ON y.oid = atttypid
		WHERE attrelid = t::regclass AND attnum > 0 AND typcategory NOT IN ('A', 'U') ORDER BY attnum DESC LIMIT 1);
BEGIN
	RETURN NEXT 'SELECT md5(string_agg(md5(t::text), '','')) FROM %s t';
	RETURN NEXT 'SELECT md5(string_agg(md5(s::text), '','')) FROM generate_series(1, 3) g, LATERAL (SELECT * FROM %s OFFSET g) s';
	RETURN NEXT format('SELECT (count(*), count(%1$s), min(%1$s::text), count(DISTINCT %1$s))::text FROM %%s', c);
	RETURN NEXT format('SELECT md5(string_agg(md5(t::text), '','')) FROM %%s t WHERE %1$s IS NOT NULL', c);
	RETURN NEXT format('SELECT md5(string_agg(md5(t::text), '','')) FROM %%s t WHERE md5(%1$s::text) < ''8''', c);
END $$;

CREATE FUNCTION answer(query text, memory text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	a text;
BEGIN
	PERFORM set_config('work_mem', memory, true);
	EXECUTE query INTO a;
	RETURN a;
EXCEPTION WHEN out_of_memory THEN
	RETURN 'out of memory: ' || CASE WHEN sqlerrm ~ 'would exceed the limit of 1024 kB$' THEN 'of 1024 kB' ELSE sqlerrm END;
END $$;

SELECT name, count(*) AS queries, count(*) FILTER (WHERE small IS NOT DISTINCT FROM large) AS same, min(small) FILTER (WHERE small LIKE 'out of%') AS says
FROM files, queries(name) q, answer(format(q, name), '64kB') small, answer(format(q, name), '1GB') large
GROUP BY name ORDER BY name;

-- the peak: at most the budget, of which there is 1 MB at least, and the floor
CREATE FUNCTION within_budget(query text, memory text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	plan jsonb;
BEGIN
	PERFORM set_config('work_mem', memory, true);
	EXECUTE 'EXPLAIN (ANALYZE, VERBOSE, FORMAT JSON) ' || query INTO plan;
	plan := plan -> 0 -> 'Plan';
	RETURN (plan ->> 'Memory Peak')::int <= greatest(pg_size_bytes(memory) / 1024, 1024) + (plan ->> 'Memory Floor')::int
		AND (plan ->> 'Memory Peak')::int > 0;
EXCEPTION WHEN out_of_memory THEN
	RETURN NULL;
END $$;
SELECT name, m AS memory, w AS within FROM files, unnest('{64kB, 1MB, 4MB, 16MB}'::text[]) m, within_budget(format('SELECT * FROM %s', name), m) w
WHERE w IS NOT TRUE ORDER BY name, pg_size_bytes(m);
