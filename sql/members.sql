\set schema test_members
\i sql/include/setup.psql

-- (s).a reads only that member
CREATE TYPE place AS (lat double precision, lon double precision);
CREATE TYPE event AS (seq bigint, kind text, payload text, at place, day date, tags text[]);
SELECT make_table('members', 'id integer, e event', 'nested/members.parquet');
SELECT make_table('leaves', 'id integer, seq bigint OPTIONS (column_name ''e.seq''), kind text OPTIONS (column_name ''e.kind''),
	lat double precision OPTIONS (column_name ''e.at.lat''), tags text[] OPTIONS (column_name ''e.tags'')', 'nested/members.parquet');
CREATE TABLE heap AS SELECT * FROM members;
CREATE TABLE want (line jsonb);
SELECT set_config('test.file', fixture('nested/members.jsonl'), false) \g /dev/null
DO $$ BEGIN EXECUTE format('COPY want FROM %L (FORMAT csv, DELIMITER E''\x01'', QUOTE E''\x02'')', current_setting('test.file')); END $$;
SELECT count(*) FROM (SELECT to_jsonb(m) FROM members m WHERE id < 60 EXCEPT ALL SELECT line FROM want) d;
SELECT count(*) FROM (SELECT line FROM want EXCEPT ALL SELECT to_jsonb(m) FROM members m WHERE id < 60) d;

-- what is read, in pages and bytes, compared with the whole and with a declared leaf
CREATE FUNCTION cost(query text) RETURNS TABLE (asked text, columns text, pages bigint, whole_bytes text) LANGUAGE plpgsql AS $$
DECLARE
	bytes bigint := counter(query, 'Bytes Read');
	whole bigint := counter('SELECT e FROM members', 'Bytes Read');
BEGIN
	RETURN QUERY SELECT query, counter(query, 'Columns'), counter(query, 'Pages Decoded')::bigint,
		CASE WHEN bytes < whole / 4 THEN 'less than a quarter' WHEN bytes < whole * 0.9 THEN 'less' ELSE 'about all' END;
END $$;
SELECT c.* FROM unnest(ARRAY['SELECT e FROM members', 'SELECT (e).seq FROM members', 'SELECT seq FROM leaves',
	'SELECT ((e).at).lat FROM members', 'SELECT lat FROM leaves', 'SELECT (e).at FROM members', 'SELECT (e).tags FROM members',
	'SELECT (e).at, (e).at.lat, (e).day FROM members', 'SELECT (e).seq, e FROM members', 'SELECT m FROM members m',
	'SELECT id, (e).kind || ''x'' FROM members ORDER BY (e).seq DESC, (e).kind', 'SELECT (e).* FROM members',
	'SELECT max((e).seq) FROM members GROUP BY (e).kind', 'SELECT (e).kind FROM members WHERE length((e).payload) > 40',
	'SELECT id FROM members WHERE (e).seq < 0', 'SELECT id FROM members WHERE e IS NULL',
	'SELECT (e).kind FROM members WHERE e IS NOT NULL', 'SELECT (SELECT (m.e).seq + 1) FROM members m',
	'SELECT x.s FROM members m, LATERAL (SELECT (m.e).seq AS s OFFSET 0) x',
	'SELECT (e).seq FROM members UNION ALL SELECT id FROM heap', 'SELECT s FROM (SELECT (e).seq AS s, (e).kind FROM members OFFSET 0) x',
	'SELECT count((e).kind) FILTER (WHERE (e).seq > 3), sum((e).seq) FROM members',
	'SELECT a.id FROM members a JOIN members b ON (a.e).seq = (b.e).seq + 1']) q, cost(q) c;

-- the same rows as a heap table
CREATE FUNCTION differs(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
	other text := replace(query, 'members', 'heap');
BEGIN
	EXECUTE format('SELECT count(*) FROM ((%1$s EXCEPT ALL %2$s) UNION ALL (%2$s EXCEPT ALL %1$s)) d', query, other) INTO n;
	RETURN n;
END $$;
SELECT q, differs(q) FROM unnest(ARRAY['SELECT (e).seq, (e).kind, (e).at, (e).tags FROM members', 'SELECT id, (e).at.lat, (e).day FROM members',
	'SELECT ((e).at).lon IS NULL, (e).at IS NULL, (e).seq IS NULL FROM members', 'SELECT max((e).seq), (e).kind FROM members GROUP BY (e).kind',
	'SELECT (a.e).kind, b.id FROM members a JOIN members b ON (a.e).seq = b.id + 1 WHERE (b.e).seq % 3 = 0',
	'SELECT x.s FROM members m, LATERAL (SELECT (m.e).seq + (m.e).at.lat AS s OFFSET 0) x',
	'SELECT id, (SELECT max(h.id) FROM heap h WHERE h.id < (m.e).seq AND h.id > (m.e).seq - 5) FROM members m WHERE id < 100',
	'SELECT (e).seq FROM members WHERE (e).kind LIKE ''k%'' AND (e).seq BETWEEN 100 AND 900']) q;

-- conditions on members: evaluated by the engine, and pruning
CREATE FUNCTION check_condition(condition text) RETURNS TABLE (asked text, rows text, same boolean, pushed boolean, groups text, pages text)
LANGUAGE plpgsql AS $$
DECLARE
	query text := 'SELECT id FROM members WHERE ' || $1;
	n bigint;
BEGIN
	EXECUTE 'SELECT count(*) FROM (' || query || ' OFFSET 0) d' INTO n;
	RETURN QUERY SELECT $1, n::text, differs(query) = 0, counter(query, 'Vector Filter') IS NOT NULL,
		counter(query, 'Row Groups Pruned by Statistics') || ' of ' || counter(query, 'Row Groups'), counter(query, 'Pages Decoded');
END $$;
SELECT c.* FROM unnest(ARRAY['(e).seq = 1234', '(e).seq < 100', '(e).seq IN (3, 1999)', '(e).seq IS NULL', '(e).seq IS NOT NULL AND (e).seq > 1990',
	'(e).at.lat > 480', '(e).at.lat IS NULL', '(e).at IS NULL', '(e).kind = ''k1'' AND (e).seq < 20', '(e).kind IS DISTINCT FROM ''k1''',
	'NOT (e).kind = ''k1''', '(e).kind LIKE ''k_'' AND (e).day = ''2024-02-02''', '(e).day >= ''2024-07-01''', '10 > (e).seq',
	'(e).kind = ANY (''{k2,zz}'')', '(e).seq = 5 OR (e).seq = 1500', '(e).tags IS NULL', '(e).seq = id', 'upper((e).kind) = ''K3''',
	'e = (SELECT e FROM heap WHERE id = 9)']) q, check_condition(q) c;
SELECT plan('SELECT (e).kind FROM members WHERE (e).seq < 20 AND upper((e).kind) = ''K3'' AND (e).at.lat > 1', 'COSTS OFF, VERBOSE');
PREPARE of_seq(bigint) AS SELECT id FROM members WHERE (e).seq = $1;
SET plan_cache_mode = force_generic_plan;
EXECUTE of_seq(77);
EXECUTE of_seq(57);
EXECUTE of_seq(1777);
RESET plan_cache_mode;
SET lakehouse.require_vector = on;
SELECT count(*), min(id) FROM members WHERE (e).seq < 100;
SELECT * FROM outcome('SELECT sum((e).seq) FROM members');
SELECT * FROM outcome('SELECT count(*) FILTER (WHERE (e).seq < 5) FROM members');
RESET lakehouse.require_vector;
SET lakehouse.pushdown = off;
SELECT c.asked, c.columns FROM cost('SELECT (e).seq FROM members WHERE (e).seq < 3') c;
RESET lakehouse.pushdown;

-- partitions whose columns lie elsewhere, rows locked, cursors, lakehouse.read
CREATE TABLE parts (e event, id integer) PARTITION BY RANGE (id);
ALTER TABLE parts ATTACH PARTITION members FOR VALUES FROM (0) TO (5000);
SELECT (e).seq, (e).at.lon FROM parts WHERE (e).seq IN (8, 1500);
SELECT c.asked, c.columns FROM unnest(ARRAY['SELECT (e).seq FROM parts', 'SELECT e FROM parts', 'SELECT p FROM parts p',
	'SELECT id FROM parts WHERE (e).kind = ''k1''']) q, cost(q) c;
SELECT count(*) FROM (SELECT p FROM parts p EXCEPT ALL SELECT ROW(e, id)::parts FROM heap) d;
ALTER TABLE parts DETACH PARTITION members;
SELECT (m.e).seq, h.id FROM members m JOIN heap h ON h.id = (m.e).seq WHERE (m.e).seq = 12 FOR UPDATE OF h;
CREATE FUNCTION read_members(q text) RETURNS text LANGUAGE sql AS $$
	SELECT replace(q, 'members', format('lakehouse.read(%L) AS members(id integer, e event)', fixture('nested/members.parquet'))) $$;
SELECT counter(q, 'Columns'), counter(q, 'Row Groups Pruned by Statistics')
FROM (SELECT read_members('SELECT (e).kind FROM members WHERE (e).seq > 1600')) r (q);

-- domains want the whole value; what does not fit is said as for the whole
CREATE DOMAIN checked AS event CHECK ((VALUE).seq IS NULL OR (VALUE).seq < 1000);
SELECT make_table('dom', 'e checked', 'nested/members.parquet');
SELECT * FROM outcome('SELECT (e).kind FROM dom');
CREATE DOMAIN some_text AS text NOT NULL;
CREATE TYPE with_domain AS (seq bigint, kind some_text, payload text, at place, day date, tags text[]);
SELECT make_table('dom', 'id integer, e with_domain', 'nested/members.parquet');
SELECT (e).kind FROM dom WHERE id = 7;
CREATE TYPE other AS (seq bigint, nothing text);
SELECT make_table('dom', 'e other', 'nested/members.parquet');
SELECT * FROM outcome('SELECT (e).nothing FROM dom');
SELECT count((e).seq) FROM dom;
CREATE TYPE narrow AS (seq smallint, kind varchar(1));
SELECT make_table('dom', 'id integer, e narrow', 'nested/members.parquet');
SELECT sum((e).seq) FROM dom WHERE (e).seq < 10;
SELECT * FROM outcome('SELECT (e).kind FROM dom');

-- members are not columns with a dot in their name
CREATE TYPE with_b AS (b bigint, "c.d" bigint);
SELECT make_table('dotted', 'a with_b, "a.b" bigint', 'names/dotted.parquet');
SELECT (a).b, "a.b" FROM dotted;
SELECT count(*) FROM dotted WHERE (a).b = (SELECT (a).b FROM dotted LIMIT 1);

-- a member that some files lack, or hold with another type
CREATE TYPE inner_row AS (deep boolean);
CREATE TYPE united AS (x integer, y bigint, z text, "in" inner_row);
SELECT make_table('unions', 's united', 'nested/union', $$union_by_name 'true'$$);
SELECT (s).y, (s).z, (s)."in".deep FROM unions;
SELECT (s).x FROM unions WHERE (s).y >= 2;
SELECT (s).y FROM unions WHERE (s).z IS NULL;
