-- Keys of subjects: the store, encrypting under them, erasing, proofs; hostile and restored stores.
-- Backups, standbys, kills and concurrency are tested in test/tap; the store itself in test/unit.
\set schema test_privacy_subjects
\i sql/include/lake.psql
\set VERBOSITY default
\pset null <null>
SELECT fixture('privacy_subjects') AS dir \gset
\setenv DIR :dir
\set keys :dir /keys.json
\set store :dir /store
\! rm -rf $DIR && mkdir -p -m 700 $DIR && umask 077 && echo "{\"keys\": {\"app:1\": \"$(printf '0123456789abcdef%.0s' 1 2 3 4)\"}}" > $DIR/keys.json
SELECT set_config('test.dir', :'dir', false) IS NOT NULL AS set;

-- What a statement says, without this machine's paths.
CREATE FUNCTION said(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	message text;
	detail text;
	hint text;
BEGIN
	EXECUTE statement;
	RETURN NEXT 'nothing';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN QUERY SELECT regexp_replace(regexp_replace(regexp_replace(replace(t, current_setting('test.dir'), '.'),
		'-?\d{15,}', 'NUMBER', 'g'), '\m[0-9a-f]{16}\M', 'ID', 'g'), 'at 20.*', 'at TIME.')
		FROM unnest(ARRAY[SQLSTATE || ' ' || message, detail, hint]) t WHERE t <> '';
END $$;
\setenv PGDATABASE :DBNAME
-- a new session has a setting when the server has told all others
\! echo 'for i in $(seq 500); do [ "$(psql -XAtc "SHOW lakehouse.subject_key_store")" = "$STORE" ] && break; sleep 0.02; done' > $DIR/wait.sh

SELECT lakehouse.key_provider_create('dev', 'file', jsonb_build_object('path', :'keys'));
SELECT lakehouse.key_create('acme', 'domain', provider => 'dev', kek => 'app') > 0 AS made;
SELECT lakehouse.key_create('people', 'data', 'acme') > 0 AS made;
SELECT lakehouse.key_create('others', 'data', 'acme') > 0 AS made;
SELECT lakehouse.key_create('spare', 'data', 'acme') > 0 AS made;
SELECT lakehouse.domain_create('subjects', 'text', 'people');
SELECT lakehouse.domain_create('subjects_other', 'text', 'others');
CREATE ROLE subjects_app;
CREATE ROLE subjects_reader;
CREATE ROLE subjects_keeper;
CREATE ROLE subjects_nobody;
SELECT lakehouse.domain_grant('subjects', 'encrypt', 'subjects_app');
SELECT lakehouse.domain_grant('subjects', 'decrypt', 'subjects_app');
SELECT lakehouse.domain_grant('subjects_other', 'encrypt', 'subjects_app');
SELECT lakehouse.domain_grant('subjects_other', 'decrypt', 'subjects_app');
SELECT lakehouse.domain_grant('subjects', 'decrypt', 'subjects_reader');
SELECT lakehouse.right_grant('key_admin', 'subjects_keeper');
GRANT USAGE ON SCHEMA lakehouse, test_privacy_subjects TO subjects_app, subjects_reader, subjects_keeper, subjects_nobody;

-- ---- the setting and the place

SET lakehouse.subject_key_store = '/tmp/x';
ALTER SYSTEM SET lakehouse.subject_key_store = 'relative';
DO $$ BEGIN
	EXECUTE format('ALTER SYSTEM SET lakehouse.subject_key_store = %L', current_setting('data_directory') || '/store');
EXCEPTION WHEN OTHERS THEN RAISE NOTICE 'in the data directory: %', SQLSTATE; END $$;
SELECT said('SELECT lakehouse.subject_key(''people'', ''ann'')');
SELECT said('SELECT lakehouse.subject_store_create()');
-- a link into the data directory is seen through
\! ln -s "$(psql -XAtc 'SHOW data_directory')" $DIR/inside
ALTER SYSTEM SET lakehouse.subject_key_store = :'store';
\setenv STORE :store
SELECT pg_reload_conf();
\! sh $DIR/wait.sh
SELECT current_setting('lakehouse.subject_key_store') = :'store' AS set;
SELECT said('SELECT lakehouse.subject_key(''people'', ''ann'')');
SELECT said('SELECT lakehouse.subject_store_create()');
\! mkdir -m 750 $DIR/store
SELECT said('SELECT lakehouse.subject_store_create()');
\! chmod 700 $DIR/store && touch $DIR/store/other
SELECT said('SELECT lakehouse.subject_store_create()');
\! rm $DIR/store/other
SET ROLE subjects_keeper;
SELECT said('SELECT lakehouse.subject_store_create()');
RESET ROLE;
-- a key of before there is a store finds none
SELECT said('SELECT lakehouse.subject_key(''people'', ''ann'')');
SELECT lakehouse.subject_store_create() AS made;
SELECT lakehouse.subject_store_create() AS made_again;
\! cd $DIR/store && ls && stat -c '%a %n' . * | sort -k 2

-- ---- keys

SET ROLE subjects_keeper;
SELECT lakehouse.subject_key('people', 'ann') AS ann \gset
SELECT :ann < 0 AS "a number of its own kind", :ann = lakehouse.subject_key('people', 'ann') AS "the same",
	:ann <> lakehouse.subject_key('people', 'Ann') AS "names are what they are",
	:ann <> lakehouse.subject_key('others', 'ann') AS "each parent its own";
SELECT said('SELECT lakehouse.subject_key(''nobody'', ''ann'')');
SELECT said('SELECT lakehouse.subject_key(''acme'', ''ann'')');
SELECT said('SELECT lakehouse.subject_key(''people'', '''')');
SELECT said('SELECT lakehouse.subject_key(''people'', repeat(''x'', 1025))');
SELECT said('SELECT lakehouse.subject_erase(''people'', ''nobody at all'')');
SELECT said('SELECT lakehouse.subject_erase(''people'', NULL)');
RESET ROLE;
SET ROLE subjects_nobody;
SELECT lakehouse.subject_key('people', 'ann');
SELECT lakehouse.subject_erase('people', 'ann');
SELECT lakehouse.erase_verify();
SELECT lakehouse.subject_store_reconcile();
SELECT * FROM lakehouse.erasures;
SELECT lakehouse.subject_encrypt('v', 'subjects', 'ann');
SELECT lakehouse.subject_decrypt('lhe1:x', 'subjects');
RESET ROLE;

-- ---- values

SET ROLE subjects_app;
CREATE TEMP TABLE t AS SELECT i, lakehouse.subject_encrypt('value ' || i, 'subjects', 'person ' || i % 20) AS c FROM generate_series(1, 400) i;
SELECT count(*), count(DISTINCT c), bool_and(c LIKE 'lhe1:%') AS armoured, bool_and(lakehouse.subject_decrypt(c, 'subjects') = 'value ' || i) AS same FROM t;
SELECT lakehouse.subject_decrypt(lakehouse.subject_encrypt('', 'subjects', 'ann'), 'subjects') = '' AS empty,
	lakehouse.subject_encrypt(NULL, 'subjects', 'ann') IS NULL AS "null";
SELECT length(lakehouse.subject_decrypt(lakehouse.subject_encrypt(repeat('ä', 1000000), 'subjects', 'ann'), 'subjects')) AS long;
-- of another domain, changed, and no such thing
SELECT said(format('SELECT lakehouse.subject_decrypt(%L, ''subjects_other'')', c)) FROM t WHERE i = 1;
SELECT said(format('SELECT lakehouse.subject_decrypt(%L, ''subjects'')', overlay(c placing CASE WHEN substr(c, 60, 1) = 'A' THEN 'B' ELSE 'A' END from 60))) FROM t WHERE i = 1;
SELECT said('SELECT lakehouse.subject_decrypt(''nonsense'', ''subjects'')');
SELECT said('SELECT lakehouse.subject_encrypt(''v'', ''subjects'', '''')');
RESET ROLE;
GRANT SELECT ON t TO subjects_reader;
SET ROLE subjects_reader;
SELECT lakehouse.subject_decrypt(c, 'subjects') FROM t WHERE i = 7;
SELECT said('SELECT lakehouse.subject_encrypt(''v'', ''subjects'', ''ann'')');
RESET ROLE;

-- ---- erasing

SET ROLE subjects_keeper;
SELECT key_id < 0 AS key, erased <= now() + interval '1 minute' AS erased, number, octet_length(receipt) FROM lakehouse.subject_erase('people', 'person 7', 'asked for it on paper');
-- again: the same receipt
SELECT a.receipt = b.receipt AND a.number = b.number AND a.key_id = b.key_id AND a.erased = b.erased AS same
FROM lakehouse.subject_erase('people', 'person 7') a, lakehouse.subject_erase('people', 'person 7', 'other reason') b;
SELECT parent, ok, problem FROM lakehouse.erase_verify();
SELECT said('SELECT lakehouse.subject_key(''people'', ''person 7'')');
RESET ROLE;
SELECT ordinal, number, erased_by, reason, octet_length(subject) AS subject, reconciled FROM lakehouse.erasures;
SELECT count(*) AS "names in the proofs" FROM lakehouse.erasures e WHERE e::text LIKE '%person%';
SET ROLE subjects_app;
SELECT said('SELECT count(lakehouse.subject_decrypt(c, ''subjects'')) FROM t');
SELECT count(lakehouse.subject_decrypt(c, 'subjects', true)) AS "the others", count(*) FILTER (WHERE lakehouse.subject_decrypt(c, 'subjects', true) IS NULL AND i % 20 = 7) AS "his" FROM t;
SELECT said('SELECT lakehouse.subject_encrypt(''v'', ''subjects'', ''person 7'')');
RESET ROLE;

-- a rolled back erasure has happened; only its proof has not
BEGIN;
SELECT number FROM lakehouse.subject_erase('people', 'person 8');
ROLLBACK;
SELECT count(*) AS proofs FROM lakehouse.erasures;
SET ROLE subjects_app;
SELECT said('SELECT lakehouse.subject_decrypt(c, ''subjects'') FROM t WHERE i = 8');
RESET ROLE;
SELECT * FROM lakehouse.subject_store_reconcile();
SELECT erased_by, reason, count(*) FROM lakehouse.erasures GROUP BY 1, 2 ORDER BY 1;
SELECT number FROM lakehouse.subject_erase('people', 'person 8', 'too late for a reason');
SELECT count(*) AS proofs FROM lakehouse.erasures;

-- within a statement: the key that was used a row before is used no more
CREATE FUNCTION erase_in_between(who text) RETURNS text LANGUAGE sql VOLATILE SECURITY DEFINER AS $$ SELECT (lakehouse.subject_erase('people', who)).number::text $$;
CREATE FUNCTION decrypts_then_erases() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	r record;
BEGIN
	FOR r IN SELECT i, c FROM t WHERE i IN (9, 29, 49) ORDER BY i LOOP
		RETURN NEXT lakehouse.subject_decrypt(r.c, 'subjects', true);
		IF r.i = 29 THEN
			PERFORM erase_in_between('person 9');
		END IF;
	END LOOP;
END $$;
GRANT EXECUTE ON FUNCTION erase_in_between(text), decrypts_then_erases() TO subjects_app;
SET ROLE subjects_app;
SELECT * FROM decrypts_then_erases();
RESET ROLE;

-- a new key on demand; what the old one encrypted stays noise
SELECT lakehouse.subject_key('people', 'person 7', true) AS again \gset
SELECT :again < 0 AND :again <> (SELECT key_id FROM lakehouse.erasures WHERE reason IS NOT NULL) AS another, :again = lakehouse.subject_key('people', 'person 7') AS found,
	:again = lakehouse.subject_key('people', 'person 7', true) AS "but not a third";
SET ROLE subjects_app;
SELECT lakehouse.subject_decrypt(lakehouse.subject_encrypt('a new life', 'subjects', 'person 7'), 'subjects');
SELECT lakehouse.subject_decrypt(c, 'subjects', true) FROM t WHERE i = 7;
RESET ROLE;
SELECT number FROM lakehouse.subject_erase('people', 'person 7');
SELECT ordinal, number FROM lakehouse.erasures ORDER BY number;
SELECT ok, problem, count(*) FROM lakehouse.erase_verify() GROUP BY 1, 2;
SELECT erasures, known, path = :'store' AS path FROM lakehouse.subject_store_status();
SELECT * FROM lakehouse.subject_store_verify();

-- ---- another transaction isolation, read only
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT lakehouse.subject_erase('people', 'person 1');
ROLLBACK;
BEGIN READ ONLY;
SELECT lakehouse.subject_erase('people', 'person 1');
ROLLBACK;
SET ROLE subjects_app;
SELECT lakehouse.subject_decrypt(c, 'subjects') FROM t WHERE i = 1;
RESET ROLE;

-- ---- rotation of the parent

SELECT lakehouse.key_rotate('people');
SELECT version, state, used_by FROM lakehouse.key_status('people');
SELECT lakehouse.domain_rotate('subjects');
SELECT said('SELECT lakehouse.key_retire(''people'', 1)');
CALL lakehouse.key_rewrap('people');
SELECT version, state, used_by FROM lakehouse.key_status('people');
SELECT lakehouse.key_retire('people', 1);
SELECT lakehouse.key_destroy('people', 1);
SELECT * FROM lakehouse.subject_store_verify();
SET ROLE subjects_app;
SELECT count(lakehouse.subject_decrypt(c, 'subjects', true)) FROM t;
SELECT said('SELECT lakehouse.subject_decrypt(c, ''subjects'') FROM t WHERE i = 7');
RESET ROLE;
SELECT ok, problem, count(*) FROM lakehouse.erase_verify() GROUP BY 1, 2;

-- ---- a store that is not there, not ours, older

\! mv $DIR/store $DIR/away
SELECT said('SELECT lakehouse.subject_key(''people'', ''ann'')');
\! mkdir -m 700 $DIR/store
SELECT said('SELECT lakehouse.subject_key(''people'', ''ann'')');
SELECT said('SELECT lakehouse.subject_store_create()');
SELECT said('SELECT lakehouse.key_retire(''spare'', 1)');
-- another store, with a number of its own
\! rm -r $DIR/store && cp -a $DIR/away $DIR/store && perl -MDigest::SHA=sha256 -e 'local $/; my $f = "$ENV{DIR}/store/store"; open(I, "<", $f); my $s = substr(<I>, 0, 32); substr($s, 8, 16) = "another number !"; open(O, ">", $f); print O $s . sha256($s)'
SELECT said('SELECT lakehouse.subject_key(''people'', ''ann'')');
SELECT said('SELECT lakehouse.subject_store_create()');
\! rm -r $DIR/store && ln -s away $DIR/store
SELECT said('SELECT lakehouse.subject_key(''people'', ''ann'')');
\! rm $DIR/store && mv $DIR/away $DIR/store && cp -a $DIR/store $DIR/backup
SELECT :ann = lakehouse.subject_key('people', 'ann') AS back;
SELECT lakehouse.key_retire('spare', 1), lakehouse.key_retire('spare', 1, false);
\! chmod 755 $DIR/store/keys
SELECT said('SELECT lakehouse.subject_key(''people'', ''ann'')');
\! chmod 700 $DIR/store/keys

-- restored from a backup that has two keys which have been erased since
SELECT count(*) FROM (VALUES ('person 1'), ('person 2')) p (name), lakehouse.subject_erase('people', name);
\! rm -r $DIR/store && cp -a $DIR/backup $DIR/store
SET ROLE subjects_app;
SELECT said('SELECT lakehouse.subject_decrypt(c, ''subjects'') FROM t WHERE i = 1');
SELECT said('SELECT lakehouse.subject_decrypt(c, ''subjects'') FROM t WHERE i = 3');
RESET ROLE;
SELECT ok, problem, count(*) FROM lakehouse.erase_verify() GROUP BY 1, 2 ORDER BY 1, 2;
SELECT * FROM lakehouse.subject_store_reconcile();
SELECT ok, problem, count(*) FROM lakehouse.erase_verify() GROUP BY 1, 2;
SELECT count(*) FROM lakehouse.erasures WHERE reconciled IS NOT NULL;
SET ROLE subjects_app;
SELECT said('SELECT lakehouse.subject_decrypt(c, ''subjects'') FROM t WHERE i = 1');
SELECT lakehouse.subject_decrypt(c, 'subjects') FROM t WHERE i = 3;
RESET ROLE;
SELECT * FROM lakehouse.subject_store_verify();

-- an entry of another in an entry's place
SELECT ltrim(to_hex(lakehouse.subject_key('people', 'person 3')), '-') AS x, ltrim(to_hex(lakehouse.subject_key('people', 'person 4')), '-') AS y \gset
\setenv X :x
\setenv Y :y
\! cd $DIR/store/keys && cp $(find . -name $X) $DIR/x && cat $(find . -name $Y) > $(find . -name $X)
SET ROLE subjects_app;
SELECT said('SELECT lakehouse.subject_decrypt(c, ''subjects'') FROM t WHERE i = 3');
RESET ROLE;
SELECT damaged, regexp_replace(replace(problem, :'dir', '.'), '[0-9a-f]{16}', 'ID') AS problem FROM lakehouse.subject_store_verify();
\! cd $DIR/store/keys && cat $DIR/x > $(find . -name $X)
SELECT damaged, problem FROM lakehouse.subject_store_verify();
-- a damaged one can be erased
\! cd $DIR/store/keys && head -c 256 /dev/zero > $(find . -name $X)
SELECT said('SELECT lakehouse.subject_key(''people'', ''person 3'')');
SELECT number FROM lakehouse.subject_erase('people', 'person 3');
SELECT said('SELECT lakehouse.subject_key(''people'', ''person 3'')');
SELECT damaged, problem FROM lakehouse.subject_store_verify();

-- inside of the data directory, by a link above
\setenv DATA `psql -XAtc 'SHOW data_directory'`
\! mkdir -m 700 "$DATA/subjects_here"
SELECT :'dir' || '/inside/subjects_here' AS inside \gset
ALTER SYSTEM SET lakehouse.subject_key_store = :'inside';
\setenv STORE :inside
SELECT pg_reload_conf();
\! sh $DIR/wait.sh
SELECT current_setting('lakehouse.subject_key_store') = :'inside' AS set;
SELECT said('SELECT lakehouse.subject_store_create()');
\! ls "$DATA/subjects_here"; rmdir "$DATA/subjects_here"

ALTER SYSTEM RESET lakehouse.subject_key_store;
\setenv STORE ''
SELECT pg_reload_conf();
\! sh $DIR/wait.sh
SELECT current_setting('lakehouse.subject_key_store') = '' AS set;
-- without its store the database still knows that it has one
SELECT said('SELECT lakehouse.key_retire(''spare'', 1)');
SELECT lakehouse.domain_drop('subjects'), lakehouse.domain_drop('subjects_other');
DROP TABLE t;
SELECT lakehouse.right_revoke('key_admin', 'subjects_keeper');
DROP OWNED BY subjects_app, subjects_reader, subjects_keeper, subjects_nobody;
DROP ROLE subjects_app, subjects_reader, subjects_keeper, subjects_nobody;
TRUNCATE lakehouse.key_versions, lakehouse.keys, lakehouse.key_providers, lakehouse.key_rewraps, lakehouse.subject_stores, lakehouse.erasures;
\! rm -rf $DIR
