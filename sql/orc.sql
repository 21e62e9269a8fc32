-- ORC files: every type as PostgreSQL's, unions as jsonb, writers' time zones, what is refused.
\set schema t_orc
\i sql/include/setup.psql
\set ECHO none
-- digits of nanoseconds are cut here and there
SET client_min_messages = warning;
CREATE OR REPLACE FUNCTION columns_of("table" regclass)
RETURNS TABLE (column_name name, type text) LANGUAGE sql AS $$
	SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
	WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped ORDER BY attnum $$;
CREATE OR REPLACE FUNCTION result(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	r text;
	hint text;
BEGIN
	FOR r IN EXECUTE format('SELECT q::text FROM (%s) q', query) LOOP
		RETURN NEXT r;
	END LOOP;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN NEXT without_path(SQLSTATE || ': ' || SQLERRM);
	IF hint <> '' THEN RETURN NEXT '  hint: ' || hint; END IF;
END $$;
-- Rows of a file that types has not, or has and the file has not; and how many there are.
CREATE OR REPLACE FUNCTION other_rows(file text, OUT differ bigint, OUT rows bigint) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM make_table('other', '', file);
	EXECUTE 'WITH t AS (SELECT t::text FROM types t), o AS (SELECT o::text FROM other o)
		SELECT (SELECT count(*) FROM (TABLE t EXCEPT ALL TABLE o) d) + (SELECT count(*) FROM (TABLE o EXCEPT ALL TABLE t) d), (SELECT count(*) FROM o)'
	INTO differ, rows;
END $$;
\set ECHO all

-- columns inferred; the format is told by the file, or said
SELECT make_table('types', '', 'orc/types_zlib.orc');
SELECT * FROM columns_of('types');
SELECT make_table('said', '', 'orc/types_zlib.orc', 'format ''orc''');
SELECT count(*), count(long), sum(int), max(d38_10) FROM said;
SELECT bool, byte, short, int, long, steady, rising, float, double, left(string, 20) AS string, few, "binary", d9_2, d18_0, d38_10 FROM types
ORDER BY steady, rising LIMIT 4;
SELECT date, ts, tsz, list, map, struct, deep FROM types ORDER BY steady, rising LIMIT 4;
-- every codec, and run lengths of version 1, give the same rows
SELECT f, o.* FROM unnest('{uncompressed,snappy,lz4,zstd,v1}'::text[]) f, LATERAL other_rows('orc/types_' || f || '.orc') o;

-- what Java wrote in Berlin and in Los Angeles: wall clocks stay, instants are instants, chars have their blanks, a union is
-- an object in which the branch that was chosen is not null
SELECT make_table('berlin', '', 'orc/java_berlin.orc');
SELECT * FROM columns_of('berlin');
SELECT i, t, z, d FROM berlin ORDER BY i;
SELECT i, u, m, c || '|' AS c, v FROM berlin ORDER BY i;
SELECT make_table('la', '', 'orc/java_la.orc');
SELECT count(*) AS same_clocks FROM berlin b JOIN la l USING (i) WHERE b.t IS NOT DISTINCT FROM l.t AND b.d IS NOT DISTINCT FROM l.d;
SELECT i, l.z - b.z AS apart FROM berlin b JOIN la l USING (i) WHERE i IN (0, 3, 6) ORDER BY i;
-- conditions: by the statistics of the file or not, the rows are the same
SELECT array_agg(i ORDER BY i) FROM berlin WHERE t < '1970-01-01';
SELECT array_agg(i ORDER BY i) FROM berlin WHERE z >= '2015-01-01 00:00+01' AND z < '2025-01-01';
SELECT array_agg(i ORDER BY i) FROM berlin WHERE c = 'c3   ';
SELECT array_agg(i ORDER BY i) FROM berlin WHERE v = 'varchar' AND u->>'field1' IS NOT NULL;
SELECT array_agg(i ORDER BY i) FROM berlin WHERE m < -512345678901234;
-- members of a union
SELECT make_table('members', 'i int, a int OPTIONS (column_name ''u.field0''), b text OPTIONS (column_name ''u.field1'')', 'orc/java_berlin.orc');
SELECT * FROM result('SELECT * FROM members ORDER BY i');
-- nanoseconds
SELECT make_table('nanos', 'i int, t text', 'orc/java_berlin.orc', 'timestamp_ns ''text''');
SELECT t FROM nanos WHERE i = 3;

-- a file of a transactional Hive table holds events, not rows
SELECT make_table('acid', 'id bigint', 'orc/acid.orc');
SELECT * FROM result('SELECT * FROM acid');
SELECT * FROM result($$SELECT make_table('acid', '', 'orc/acid.orc')$$);
