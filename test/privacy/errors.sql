-- Errors of statements that write: neither message, detail, nor context has values of rows.  Run as attack_masked.
\set QUIET on
SET search_path = mine, attack, pg_catalog;

\echo '== 1 NOT NULL, own statement'
UPDATE person SET city = NULL WHERE id = 1;
\echo '== 2 CHECK, own statement'
UPDATE person SET city = 'nowhere' WHERE id = 1;
\echo '== 3 unique key, own statement'
BEGIN;
UPDATE person SET id = 2 WHERE id = 1;
ROLLBACK;
INSERT INTO person (id, city, salary) SELECT 1000, 'x', 77000000 + 1001;
\echo '== 4 foreign key, own statement'
DELETE FROM person WHERE id = 1;
\echo '== 5 partition routing, own statement'
UPDATE parted SET region = 9 WHERE id = 1;
UPDATE parted_1 SET region = 9 WHERE region = 1;
\echo '== 6 view with check option'
UPDATE checked_view SET city = 'gone' WHERE id = 1;
\echo '== 7 NOT NULL in a function with its owner''s rights'
SELECT define('UPDATE attack.person SET city = NULL WHERE id = 1');
\echo '== 8 CHECK in such a function'
SELECT define('UPDATE attack.person SET city = ''nowhere'' WHERE id = 1');
\echo '== 9 unique key in such a function'
SELECT define('UPDATE attack.person SET ssn = (SELECT min(ssn) FROM attack.person)');
\echo '== 10 exclusion constraint in such a function'
SELECT define('UPDATE attack.person SET salary = (SELECT min(salary) FROM attack.person)');
\echo '== 11 foreign key in such a function'
SELECT define('DELETE FROM attack.person WHERE id = 1');
\echo '== 12 partition routing in such a function'
SELECT define('UPDATE attack.parted SET region = 9 WHERE id = 1');
SELECT define('UPDATE attack.parted_2 SET secret = ''SECR'' || ''ET-zz'' WHERE id = 1');
\echo '== 13 view with check option in such a function'
SELECT define('UPDATE attack.checked_view SET city = ''gone'' WHERE id = 1');
\echo '== 14 caught, and its parts read'
DO $$
DECLARE d text; m text; c text; h text;
BEGIN
	PERFORM attack.define('UPDATE attack.person SET city = NULL WHERE id = 1');
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL, m = MESSAGE_TEXT, c = PG_EXCEPTION_CONTEXT, h = PG_EXCEPTION_HINT;
	RAISE NOTICE '% / % / % / %', m, d, h, c;
END $$;
\echo '== 15 caught, then raised again'
DO $$
BEGIN
	PERFORM attack.define('UPDATE attack.person SET city = NULL WHERE id = 1');
EXCEPTION WHEN OTHERS THEN RAISE;
END $$;
\echo '== 16 caught once before: the next one is clean, too'
DO $$
BEGIN
	BEGIN PERFORM attack.define('UPDATE attack.person SET city = NULL WHERE id = 1'); EXCEPTION WHEN OTHERS THEN NULL; END;
	PERFORM attack.define('UPDATE attack.person SET city = ''nowhere'' WHERE id = 1');
END $$;
\echo '== 17 deferred: at commit'
SELECT define('ALTER TABLE attack.child ALTER CONSTRAINT child_person_fkey DEFERRABLE INITIALLY DEFERRED');
BEGIN;
SELECT define('DELETE FROM attack.person WHERE id = 1');
COMMIT;
BEGIN;
SELECT define('DELETE FROM attack.person WHERE id = 1');
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK;
\echo '== 18 COPY FROM'
COPY person (id, city) FROM STDIN;
200	nowhere
\.
COPY person (id, city) FROM STDIN;
x	nowhere
\.
\echo '== 19 unique index of columns that have duplicates'
SELECT define('CREATE UNIQUE INDEX ON attack.person (name)');
\echo '== 20 the second error in a session'
SELECT define('UPDATE attack.person SET city = NULL WHERE id = 1');
SELECT 1 / 0;
SELECT define('UPDATE attack.person SET city = NULL WHERE id = 1');
\echo '== 21 an expression of a CHECK quotes the row'
UPDATE tricky SET before = 'x' WHERE id = 1;
\echo '== 22 an expression of a generated column'
UPDATE tricky SET behind = 'x' WHERE id = 2;
\echo '== 23 a context that quotes the row'
UPDATE tricky SET behind = 'x' WHERE id = 1;
\echo '== 24 the same, caught'
DO $$
DECLARE d text; m text; c text;
BEGIN
	UPDATE attack.tricky SET behind = 'x' WHERE id = 1;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL, m = MESSAGE_TEXT, c = PG_EXCEPTION_CONTEXT;
	RAISE NOTICE '% / % / %', m, d, c;
END $$;
\echo '== 25 errors of a caller''s own expressions are told'
SELECT ('my' || 'own')::int;
UPDATE tricky SET id = 1 / 0 WHERE id = 1;
