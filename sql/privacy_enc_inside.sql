-- Encrypted values within arrays, composite types, ranges and domains: counted, proved unused, encrypted anew.
\set schema test_privacy_enc_inside
\i sql/include/lake.psql
\! mkdir -p -m 700 $LAKEHOUSE_FIXTURES/privacy_enc_inside
SELECT :'fixtures' || '/privacy_enc_inside' AS dir \gset
\! umask 077 && echo "{\"keys\": {\"app:1\": \"$(printf '0123456789abcdef%.0s' 1 2 3 4)\"}}" > $LAKEHOUSE_FIXTURES/privacy_enc_inside/keys.json
SELECT lakehouse.key_provider_create('in_file', 'file', jsonb_build_object('path', :'dir' || '/keys.json'));
SELECT lakehouse.key_create('in_key', provider => 'in_file', kek => 'app') > 0 AS made;
SELECT lakehouse.domain_create('in_people', 'text', 'in_key');
-- the version that blind indexes are made with stays in use by the domain
SELECT lakehouse.key_rotate('in_key');
CREATE ROLE in_clerk;
GRANT USAGE ON SCHEMA lakehouse, test_privacy_enc_inside TO in_clerk;
GRANT CREATE ON SCHEMA test_privacy_enc_inside TO in_clerk;
SELECT lakehouse.domain_grant('in_people', r, 'in_clerk') FROM unnest(ARRAY['encrypt', 'decrypt', 'search']) r;
\pset null <null>
SET search_path = test_privacy_enc_inside, lakehouse;
SET ROLE in_clerk;

CREATE FUNCTION sealed(t text) RETURNS lakehouse.enc_text LANGUAGE sql AS $$ SELECT lakehouse.encrypt(t, 'in_people', true) $$;
CREATE DOMAIN mail AS lakehouse.enc_text;
CREATE DOMAIN mails AS mail[] CHECK (cardinality(value) < 5);
CREATE TYPE pair AS (n int, m lakehouse.enc_text('in_people', 'search'));
CREATE TYPE deep AS (a pair[], b int[], gone text, d mails);
CREATE DOMAIN deeper AS deep;
CREATE TYPE span AS RANGE (subtype = lakehouse.enc_text);
CREATE TABLE other (id int, m lakehouse.enc_text('in_people', 'search'));
CREATE TABLE inside (id int PRIMARY KEY, many lakehouse.enc_text('in_people', 'search')[], dom mail, doms mails, one pair, deep deeper, deeps deep[], line other, none int[]);
CREATE TABLE ranges (r span, rs span_multirange, rows pair);
ALTER TYPE deep DROP ATTRIBUTE gone;
INSERT INTO inside VALUES
	(1, ARRAY[[sealed('a'), NULL], [sealed('b'), sealed('c')]], NULL, NULL, NULL, NULL, NULL, NULL, '{1}'),
	(2, NULL, sealed('d'), NULL, NULL, NULL, NULL, NULL, NULL),
	(3, NULL, NULL, ARRAY[sealed('e'), NULL]::mails, NULL, NULL, NULL, NULL, NULL),
	(4, NULL, NULL, NULL, ROW(1, sealed('f')), NULL, NULL, NULL, NULL),
	(5, NULL, NULL, NULL, NULL, ROW(ARRAY[ROW(1, sealed('g')), NULL, ROW(2, NULL)]::pair[], '{7,8}', ARRAY[sealed('h')]::mails), NULL, NULL, NULL),
	(6, NULL, NULL, NULL, NULL, NULL, ARRAY[ROW(NULL, NULL, ARRAY[sealed('i')]::mails)]::deep[], NULL, NULL),
	(7, NULL, NULL, NULL, NULL, NULL, NULL, ROW(1, sealed('j'))::other, NULL),
	(8, '{}', NULL, '{}', ROW(NULL, NULL), ROW(NULL, NULL, NULL), '{}', NULL, '{}');
-- an array long enough to be kept elsewhere
INSERT INTO inside (id, many) SELECT 9, array_agg(lakehouse.encrypt(repeat('long', 500) || i, 'in_people', true)) FROM generate_series(1, 20) i;
CREATE FUNCTION seen() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(',', id, (SELECT string_agg(coalesce(md5(lakehouse.decrypt(x)), '-'), '/' ORDER BY o) FROM unnest(many) WITH ORDINALITY u (x, o)),
		lakehouse.decrypt(dom), lakehouse.decrypt(doms[1]), lakehouse.decrypt((one).m),
		lakehouse.decrypt(((deep).a)[1].m), ((deep).a)[3].n, (deep).b, lakehouse.decrypt(((deep).d)[1]), lakehouse.decrypt(((deeps)[1].d)[1]), lakehouse.decrypt((line).m), none,
		array_dims(many), array_dims(doms)), ';' ORDER BY id) FROM test_privacy_enc_inside.inside $$;
SELECT seen() AS before \gset
SELECT left(:'before', 10) LIKE '1,%' AS read;
RESET ROLE;
SELECT lakehouse.key_rotate('in_key');
-- what is in which column
SELECT a.attname, s.form, s.version, s.current, s.values FROM pg_attribute a, lakehouse.encryption_status('inside', a.attname) s
	WHERE attrelid = 'inside'::regclass AND attnum BETWEEN 2 AND 8 ORDER BY attnum;
SELECT * FROM lakehouse.encryption_status('inside', 'none');
-- which column keeps a version; nothing is retired
CREATE FUNCTION in_use(v int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE d text;
BEGIN
	PERFORM lakehouse.key_retire('in_key', v);
	RAISE 'none' USING DETAIL = 'By nothing.';
EXCEPTION WHEN others THEN
	GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL;
	RETURN d;
END $$;
SELECT in_use(2);
-- all are encrypted anew, and are the values that they were
CALL lakehouse.encryption_rotate('inside', 'many');
CALL lakehouse.encryption_rotate('inside', 'dom');
CALL lakehouse.encryption_rotate('inside', 'doms');
CALL lakehouse.encryption_rotate('inside', 'one');
CALL lakehouse.encryption_rotate('inside', 'deep');
CALL lakehouse.encryption_rotate('inside', 'deeps');
SELECT in_use(2);
CALL lakehouse.encryption_rotate('inside', 'line');
SELECT in_use(2);
SELECT a.attname, s.form, s.version, s.current, s.values FROM pg_attribute a, lakehouse.encryption_status('inside', a.attname) s
	WHERE attrelid = 'inside'::regclass AND attnum BETWEEN 2 AND 8 ORDER BY attnum;
SELECT "column", state, rows_done, rows_left, version_from, version_to FROM lakehouse.encryption_progress WHERE relation = 'inside'::regclass ORDER BY job;
SET ROLE in_clerk;
SELECT seen() = :'before' AS same;
SELECT id FROM inside WHERE (one).m = 'f'::text;
RESET ROLE;
CALL lakehouse.encryption_rotate('inside', 'none');
-- each column by itself keeps a version: the others are emptied, one after the other
SELECT lakehouse.key_rotate('in_key');
SELECT in_use(3);
UPDATE inside SET many = NULL;
SELECT in_use(3);
UPDATE inside SET dom = NULL;
SELECT in_use(3);
UPDATE inside SET doms = NULL;
SELECT in_use(3);
UPDATE inside SET one = NULL;
SELECT in_use(3);
UPDATE inside SET deep = NULL;
SELECT in_use(3);
UPDATE inside SET deeps = NULL;
SELECT in_use(3);
UPDATE inside SET line = NULL;
SELECT in_use(3);
-- within ranges they are counted, not encrypted anew; what it fails at is named

SET ROLE in_clerk;
INSERT INTO ranges (r) SELECT span(sealed('x'), NULL);
INSERT INTO ranges (rs) SELECT span_multirange(span(sealed('x'), NULL));
RESET ROLE;
SELECT lakehouse.key_rotate('in_key');
SELECT version, "values" FROM lakehouse.encryption_status('ranges', 'r');
SELECT version, "values" FROM lakehouse.encryption_status('ranges', 'rs');
SELECT in_use(4);

\set SHOW_CONTEXT never
CALL lakehouse.encryption_rotate('ranges', 'r');
UPDATE ranges SET r = NULL;
SELECT in_use(4);
\set SHOW_CONTEXT never
CALL lakehouse.encryption_rotate('ranges', 'rs');
UPDATE ranges SET rs = NULL;
SELECT in_use(4);
-- retired and destroyed, and no value is lost
SELECT lakehouse.key_retire('in_key', 2);
SELECT lakehouse.key_destroy('in_key', 2);

-- ---- what others have copied and not committed, or see in an old snapshot: test/tap/t/privacy_enc_rotation.pl

-- who updates in his own transaction may roll back
SET ROLE in_clerk;
INSERT INTO inside (id, dom) VALUES (20, sealed('mine'));
RESET ROLE;
SELECT lakehouse.key_rotate('in_key');
BEGIN;
UPDATE inside SET dom = lakehouse.enc_renew(dom) WHERE id = 20;
SELECT in_use(5);
COMMIT;
SELECT in_use(5);

-- ---- leaving

DROP SCHEMA test_privacy_enc_inside CASCADE;
SELECT lakehouse.domain_drop('in_people');
REVOKE ALL ON SCHEMA lakehouse FROM in_clerk;
DROP ROLE in_clerk;
DELETE FROM lakehouse.encryption_jobs;
DELETE FROM lakehouse.key_versions WHERE id IN (SELECT id FROM lakehouse.keys WHERE name = 'in_key');
DELETE FROM lakehouse.keys WHERE name = 'in_key';
DELETE FROM lakehouse.key_providers WHERE name = 'in_file';
