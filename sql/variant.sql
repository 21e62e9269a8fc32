\set schema test_variant
\i sql/include/setup.psql

-- Variants are jsonb, however the file holds them
CREATE FUNCTION json_differences(file text) RETURNS SETOF text LANGUAGE plpgsql SET client_min_messages = warning AS $$
DECLARE
	n bigint;
BEGIN
	PERFORM make_table('variant_t', '', file || '.parquet');
	CREATE TEMP TABLE want (line text);
	-- one line is one value: characters that cannot occur delimit and quote
	EXECUTE format('COPY want FROM %L (FORMAT csv, DELIMITER E''\x01'', QUOTE E''\x02'')', fixture(file || '.jsonl'));
	RETURN QUERY SELECT '-' || r.* FROM (SELECT line FROM want EXCEPT ALL SELECT to_jsonb(t)::text FROM variant_t t) r;
	RETURN QUERY SELECT '+' || r.* FROM (SELECT to_jsonb(t)::text FROM variant_t t EXCEPT ALL SELECT line FROM want) r;
	SELECT count(*) INTO n FROM variant_t;
	RETURN NEXT n || ' rows';
	DROP TABLE want;
END $$;
SELECT f, d FROM unnest('{variant/types,variant/typed,variant/nested}'::text[]) f, json_differences(f) d;
SELECT make_table('events', '', 'variant/shredded.parquet');
SELECT digest_differences('events', 'id', 'variant/shredded.csv');
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'events'::regclass AND attnum > 0 ORDER BY attnum;
SELECT logical_type, count(*) FROM lakehouse.parquet_schema(fixture('variant/types.parquet')) GROUP BY 1 ORDER BY 1;

-- the variant null is no NULL
SELECT make_table('types', '', 'variant/types.parquet');
SELECT id, v IS NULL AS is_null, jsonb_typeof(v) FROM types WHERE id < 3 ORDER BY id;
SELECT count(*), count(v), count(*) FILTER (WHERE v = 'null') AS variant_null FROM types;
SELECT count(*) FROM events WHERE event IS NULL;
SELECT count(*) FROM events WHERE event IS NOT NULL;
SELECT plan('SELECT id FROM events WHERE event IS NULL AND id < 2000');

-- texts of what JSON has no type for
SELECT id, v FROM types WHERE jsonb_typeof(v) = 'string' AND length(v::text) < 50 ORDER BY id;
SET timezone = 'Asia/Kathmandu';
SET datestyle = SQL;
SET bytea_output = escape;
SELECT id, v FROM types WHERE id IN (29, 33, 34, 36, 38, 41) ORDER BY id;
RESET timezone;
RESET datestyle;
RESET bytea_output;

-- conditions and members are PostgreSQL's business
SELECT id, event FROM events WHERE event->>'kind' = 'login' AND event ? 'note' AND id < 40 ORDER BY id;
SELECT count(*), sum((event->>'amount')::numeric) FROM events WHERE jsonb_typeof(event->'amount') = 'number';
SELECT event->'where'->'lat' AS lat, count(*) FROM events WHERE event->'where'->>'lat' = 'north' GROUP BY 1;
CREATE TABLE events_heap AS SELECT * FROM events;
SELECT count(*) FROM (SELECT * FROM events WHERE id % 7 = 3 EXCEPT ALL SELECT * FROM events_heap WHERE id % 7 = 3) d;
SELECT count(*) FROM (SELECT * FROM events WHERE id IN (0, 499, 500, 1699, 1700, 2999) EXCEPT ALL SELECT * FROM events_heap) d;
SELECT count(*) FROM (SELECT * FROM events LIMIT 100) t;
SELECT plan('SELECT * FROM events WHERE id > 2990 AND event ? ''kind''', 'ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF');

-- a shredded field is no column of its own: some of its values may lie elsewhere
SELECT make_table('kinds', 'id integer, kind text OPTIONS (column_name ''event.typed_value.kind.typed_value'')', 'variant/shredded.parquet');
SELECT * FROM outcome('SELECT kind FROM kinds');

-- other types
SELECT make_table('events', 'id integer, event json', 'variant/shredded.parquet');
SELECT pg_typeof(event), event FROM events WHERE id = 6;
SELECT make_table('events', 'id integer, event text', 'variant/shredded.parquet');
SELECT pg_typeof(event), event FROM events WHERE id = 6;
CREATE DOMAIN object AS jsonb CHECK (jsonb_typeof(VALUE) = 'object');
SELECT make_table('events', 'id integer, event object', 'variant/shredded.parquet');
SELECT event FROM events WHERE id = 6;
SELECT * FROM outcome('SELECT event FROM events');
SELECT make_table('events', 'id integer, event bigint', 'variant/shredded.parquet');
SELECT * FROM outcome('SELECT event FROM events');

-- files that shred differently are one table
SELECT make_table('mixed', '', 'variant/mixed');
SELECT * FROM mixed ORDER BY id;

-- errors name file, column and row; rows that are not asked for raise none
SELECT make_table('conflict', '', 'variant/conflict.parquet');
SELECT * FROM outcome('SELECT * FROM conflict');
SELECT * FROM conflict WHERE id <> 1 ORDER BY id;
SELECT count(*) FROM conflict;
SELECT make_table('broken', '', 'variant/broken.parquet');
SELECT * FROM outcome('SELECT * FROM broken');
SELECT * FROM broken WHERE id <> 1 ORDER BY id;
