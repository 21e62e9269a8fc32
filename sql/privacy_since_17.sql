-- What came with PostgreSQL 17, under policies: MERGE ... RETURNING and NOT MATCHED BY SOURCE, MAINTAIN, JSON_TABLE, COPY ... ON_ERROR.
-- Raw values begin with "raw".
SELECT current_setting('server_version_num')::int < 170000 AS older \gset
\if :older
\echo not run: it takes PostgreSQL 17 or later
\quit
\endif
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE n17_owner;
CREATE ROLE n17_masked;
CREATE ROLE n17_keeper;
CREATE SCHEMA n17;
CREATE SCHEMA n17_mine AUTHORIZATION n17_masked;
GRANT ALL ON SCHEMA n17 TO n17_owner;
GRANT USAGE ON SCHEMA n17, lakehouse TO PUBLIC;
SET search_path = n17;
SET ROLE n17_owner;
CREATE TABLE person (id int PRIMARY KEY, city text, ssn text, pay int, doc jsonb);
INSERT INTO person SELECT i, 'c' || i % 3, 'raw-' || 1000 + i * 7 % 20, 77000 + i, jsonb_build_object('s', 'raw-' || i) FROM generate_series(1, 20) i;
CREATE INDEX by_ssn ON person (ssn, city);
CREATE INDEX by_city ON person (city);
CREATE TABLE visible (id int PRIMARY KEY, word text);
INSERT INTO visible VALUES (1, 'open'), (2, 'raw-hidden');
RESET ROLE;
ANALYZE person;
SELECT lakehouse.policy_create('n17_person', 'person', ARRAY['ssn', $$lakehouse.mask_partial(ssn, 0, 'X', 1)$$, 'pay', 'NULL',
	'doc', $$lakehouse.mask_constant(doc, '{"s": "masked"}')$$], for_roles => '{n17_masked, n17_keeper}');
SELECT lakehouse.policy_create('n17_visible', 'visible', row_filter => $$word = 'open'$$, for_roles => '{n17_masked}');
GRANT SELECT (id, city), INSERT, UPDATE, DELETE, MAINTAIN ON person TO n17_masked;
GRANT SELECT, INSERT, UPDATE, DELETE ON visible TO n17_masked;

-- ---- MAINTAIN: no order of raw values, no samples of them
SET ROLE n17_masked;
CLUSTER person USING by_ssn;
CLUSTER person USING by_city;
RESET ROLE;
ALTER TABLE person CLUSTER ON by_ssn;
SET ROLE n17_masked;
CLUSTER;
CLUSTER person;
CLUSTER VERBOSE person;
VACUUM (FULL, ANALYZE) person;
REINDEX TABLE person;
ANALYZE person (ssn);
SELECT attname, most_common_vals, histogram_bounds, range_bounds_histogram FROM pg_stats WHERE tablename = 'person' AND attname IN ('ssn', 'pay', 'doc');
RESET ROLE;
SET ROLE n17_owner;
GRANT MAINTAIN ON ALL TABLES IN SCHEMA n17 TO n17_keeper;
SET ROLE n17_keeper;
CLUSTER person USING by_ssn;
RESET ROLE;
GRANT pg_maintain TO n17_keeper;
SET ROLE n17_keeper;
CLUSTER person USING by_ssn;
SELECT ssn FROM person WHERE id = 1;
RESET ROLE;
-- the order in which rows lie tells nothing of ssn
SELECT count(*) FROM (SELECT ssn < lag(ssn) OVER (ORDER BY ctid) AS back FROM person) p WHERE back;

-- ---- JSON of masks
SET ROLE n17_masked;
SELECT p.id, j.s FROM person p, JSON_TABLE(p.doc, '$' COLUMNS (s text PATH '$.s')) j WHERE p.id < 3 ORDER BY 1;
SELECT id, JSON_VALUE(doc, '$.s'), JSON_QUERY(doc, '$.s'), JSON_EXISTS(doc, '$.s ? (@ starts with "raw")') FROM person WHERE id < 3 ORDER BY 1;
SELECT JSON_VALUE(doc, '$.s' RETURNING int ERROR ON ERROR) FROM person WHERE id = 1;
SELECT JSON_SERIALIZE(doc), JSON_SCALAR(ssn), JSON(ssn::text) FROM person WHERE id = 1;
SELECT j.* FROM JSON_TABLE((SELECT jsonb_agg(doc) FROM person WHERE id < 3), '$[*]' COLUMNS (s text PATH '$.s')) j;

-- ---- MERGE: rows that a filter hides are in no branch
MERGE INTO visible v USING (VALUES (1)) s(i) ON v.id = s.i WHEN NOT MATCHED BY SOURCE THEN UPDATE SET word = 'changed' RETURNING merge_action(), v.*;
MERGE INTO visible v USING (VALUES (2)) s(i) ON v.id = s.i WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN DO NOTHING RETURNING merge_action(), v.*;
MERGE INTO visible v USING (VALUES (2)) s(i) ON v.id = s.i WHEN MATCHED THEN UPDATE SET word = word WHEN NOT MATCHED THEN INSERT VALUES (s.i, 'open') RETURNING merge_action(), v.*;
CREATE VIEW n17_mine.visible AS SELECT * FROM n17.visible;
MERGE INTO n17_mine.visible v USING (VALUES (1)) s(i) ON v.id = s.i WHEN NOT MATCHED BY SOURCE THEN DELETE RETURNING merge_action(), v.*;
MERGE INTO visible v USING (VALUES (9)) s(i) ON v.id = s.i WHEN NOT MATCHED BY SOURCE THEN DELETE RETURNING merge_action(), v.*;
-- what is merged from is masked
MERGE INTO visible v USING (SELECT * FROM person WHERE id = 3) p ON v.id = p.id AND p.ssn LIKE 'raw%' WHEN NOT MATCHED THEN INSERT VALUES (p.id, p.ssn) RETURNING merge_action(), v.id, p.ssn, p.pay, p;
RESET ROLE;
SELECT * FROM visible ORDER BY 1;
SET ROLE n17_masked;
-- what is merged to is not read
MERGE INTO person p USING (VALUES (1)) s(i) ON p.id = s.i WHEN NOT MATCHED BY SOURCE AND p.ssn LIKE 'raw%' THEN DELETE RETURNING p.id;
MERGE INTO person p USING (VALUES (1)) s(i) ON p.id = s.i WHEN MATCHED THEN DO NOTHING WHEN NOT MATCHED BY SOURCE THEN UPDATE SET city = ssn RETURNING p.id;
MERGE INTO person p USING (VALUES (1)) s(i) ON p.id = s.i WHEN MATCHED THEN UPDATE SET city = 'k' RETURNING p.id, p.ssn;
MERGE INTO person p USING (VALUES (1)) s(i) ON p.id = s.i WHEN MATCHED THEN UPDATE SET city = 'k' RETURNING p;
MERGE INTO person p USING (VALUES (1)) s(i) ON p.id = s.i WHEN MATCHED THEN UPDATE SET city = 'k' RETURNING *;
MERGE INTO person p USING (VALUES (1)) s(i) ON p.id = s.i WHEN MATCHED THEN UPDATE SET city = 'k' RETURNING (SELECT p.ssn);
MERGE INTO person p USING (VALUES (1)) s(i) ON p.ssn = 'raw-1007' WHEN MATCHED THEN UPDATE SET city = 'k' RETURNING p.id;
MERGE INTO person p USING (VALUES (1)) s(i) ON p.id = s.i WHEN MATCHED THEN UPDATE SET ssn = 'x';
COPY (MERGE INTO person p USING (VALUES (1)) s(i) ON p.id = s.i WHEN MATCHED THEN UPDATE SET city = 'k' RETURNING p.id, p.ssn) TO stdout;
WITH m AS (MERGE INTO person p USING (VALUES (1)) s(i) ON p.id = s.i WHEN MATCHED THEN UPDATE SET city = 'k' RETURNING p.id, p.city) SELECT m.*, q.ssn FROM m JOIN person q USING (id);
CREATE VIEW n17_mine.person AS SELECT id, city, ssn FROM n17.person;
MERGE INTO n17_mine.person p USING (VALUES (1)) s(i) ON p.id = s.i WHEN MATCHED THEN UPDATE SET city = 'k' RETURNING p.id, p.ssn;
-- of a view with triggers they get masks
CREATE VIEW n17_mine.triggered AS SELECT id, ssn FROM n17.person;
CREATE FUNCTION n17_mine.show() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'old %', OLD; RETURN OLD; END $$;
CREATE TRIGGER t INSTEAD OF UPDATE OR DELETE ON n17_mine.triggered FOR EACH ROW EXECUTE FUNCTION n17_mine.show();
MERGE INTO n17_mine.triggered p USING (VALUES (1)) s(i) ON p.id = s.i WHEN MATCHED THEN DELETE RETURNING p.*;
MERGE INTO n17_mine.triggered p USING (VALUES (1)) s(i) ON p.id = s.i AND p.ssn LIKE 'raw%' WHEN MATCHED THEN DELETE RETURNING p.*;

-- ---- COPY FROM that goes on after errors tells of its own input
RESET client_min_messages;
COPY person (id, city, ssn, pay) FROM stdin WITH (ON_ERROR ignore, LOG_VERBOSITY verbose);
x	c	mine	1
101	c	mine	no
102	c	mine	5
\.
COPY person (id, city, ssn, pay) FROM stdin WITH (ON_ERROR ignore) WHERE ssn LIKE 'raw%';
103	c	mine	5
\.
-- ---- EXPLAIN counts what is shown
CREATE FUNCTION n17_mine.explained(q text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, SERIALIZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) ' || q LOOP
		RETURN NEXT replace(line, '.00', '');
	END LOOP;
END $$;
SELECT n17_mine.explained($$SELECT repeat(doc->>'s', 200) FROM person WHERE id < 3$$);
RESET ROLE;

SET client_min_messages = error;
SELECT lakehouse.policy_drop('n17_person'), lakehouse.policy_drop('n17_visible');
DROP SCHEMA n17, n17_mine CASCADE;
DROP OWNED BY n17_owner, n17_masked, n17_keeper;
DROP ROLE n17_owner, n17_masked, n17_keeper;
