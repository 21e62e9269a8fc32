-- Token domains, tokenize and detokenize, rights, keyed masks and their twins.
-- What templates take and FF1 itself are tested in test/unit; standbys and parallel queries in test/tap.
\set schema test_privacy_tokens
\i sql/include/lake.psql
\! mkdir -p -m 700 $LAKEHOUSE_FIXTURES/privacy_tokens
SELECT :'fixtures' || '/privacy_tokens' AS dir \gset
\! umask 077 && echo "{\"keys\": {\"app:1\": \"$(printf '0123456789abcdef%.0s' 1 2 3 4)\"}}" > $LAKEHOUSE_FIXTURES/privacy_tokens/keys.json
SELECT lakehouse.key_provider_create('tokens_file', 'file', jsonb_build_object('path', :'dir' || '/keys.json'));
SELECT lakehouse.key_create('tokens_key', provider => 'tokens_file', kek => 'app') > 0 AS made;
CREATE ROLE tokens_maker;
CREATE ROLE tokens_reader;
CREATE ROLE tokens_nobody;
CREATE ROLE tokens_team;
GRANT USAGE ON SCHEMA lakehouse, test_privacy_tokens TO tokens_maker, tokens_reader, tokens_nobody;
\pset null <null>

-- ---- domains

SELECT lakehouse.domain_create('t_text', 'text', 'tokens_key');
SELECT lakehouse.domain_create('t_digits', 'digits', 'tokens_key');
SELECT lakehouse.domain_create('t_other', 'digits', 'tokens_key');
SELECT lakehouse.domain_create('t_numeric', 'numeric', 'tokens_key');
SELECT lakehouse.domain_create('t_bigint', 'bigint', 'tokens_key');
SELECT lakehouse.domain_create('t_integer', 'bigint', 'tokens_key', '{"least": 0, "most": 2000000000}');
SELECT lakehouse.domain_create('t_small', 'bigint', 'tokens_key', '{"least": 1, "most": 1000, "legacy": true}');
SELECT lakehouse.domain_create('t_uuid', 'uuid', 'tokens_key');
SELECT lakehouse.domain_create('t_date', 'date', 'tokens_key');
SELECT lakehouse.domain_create('t_near', 'date', 'tokens_key',
	'{"least": "1900-01-01", "most": "2099-12-31", "legacy": true, "shift_days": 30}');
SELECT lakehouse.domain_create('t_email', 'email', 'tokens_key');
SELECT lakehouse.domain_create('t_mail', 'email', 'tokens_key', '{"keep": "domain"}');
SELECT lakehouse.domain_create('t_card', 'card', 'tokens_key');
SELECT lakehouse.domain_create('t_greek', 'text', 'tokens_key', '{"alphabet": ["αβγδεζηθικλμνξοπρστυφχψω", "digits"], "separators": " "}');
SELECT lakehouse.domain_create('t_ssn', 'digits', 'tokens_key', '{"min_characters": 9, "max_characters": 11, "separators": "-"}');
SELECT name, kind, key, version, legacy, options, rights FROM lakehouse.domain_list();

-- what makes no sense
SELECT lakehouse.domain_create('t_text', 'text', 'tokens_key');
SELECT lakehouse.domain_create('', 'text', 'tokens_key');
SELECT lakehouse.domain_create(repeat('d', 64), 'text', 'tokens_key');
SELECT lakehouse.domain_create('t_bad', 'vaulted', 'tokens_key');
SELECT lakehouse.domain_create('t_bad', 'text', 'no such key');
SELECT lakehouse.domain_create('t_bad', 'text', 'tokens_key', '[]');
SELECT lakehouse.domain_create('t_bad', 'text', 'tokens_key', '{"keep_frist": 1}');
SELECT lakehouse.domain_create('t_bad', 'bigint', 'tokens_key', '{"keep_first": 1}');
SELECT lakehouse.domain_create('t_bad', 'text', 'tokens_key', '{"legacy": 1}');
SELECT lakehouse.domain_create('t_bad', 'text', 'tokens_key', '{"keep_first": 1.5}');
SELECT lakehouse.domain_create('t_bad', 'text', 'tokens_key', '{"keep_first": -1}');
SELECT lakehouse.domain_create('t_bad', 'text', 'tokens_key', '{"keep_first": 1e300}');
SELECT lakehouse.domain_create('t_bad', 'text', 'tokens_key', '{"alphabet": "abc"}');
SELECT lakehouse.domain_create('t_bad', 'text', 'tokens_key', '{"alphabet": []}');
SELECT lakehouse.domain_create('t_bad', 'text', 'tokens_key', '{"alphabet": ["a"]}');
SELECT lakehouse.domain_create('t_bad', 'text', 'tokens_key', '{"alphabet": ["abc", "cde"]}');
SELECT lakehouse.domain_create('t_bad', 'text', 'tokens_key', '{"alphabet": ["abc", ["d"]]}');
SELECT lakehouse.domain_create('t_bad', 'digits', 'tokens_key', '{"max_characters": 5}');
SELECT lakehouse.domain_create('t_bad', 'digits', 'tokens_key', '{"min_characters": 50, "max_characters": 40}');
SELECT lakehouse.domain_create('t_bad', 'bigint', 'tokens_key', '{"least": 1, "most": 1000}');
SELECT lakehouse.domain_create('t_bad', 'bigint', 'tokens_key', '{"least": 5, "most": 1}');
SELECT lakehouse.domain_create('t_bad', 'bigint', 'tokens_key', '{"most": 9223372036854775808}');
SELECT lakehouse.domain_create('t_bad', 'date', 'tokens_key', '{"least": "2023-02-29"}');
SELECT lakehouse.domain_create('t_bad', 'date', 'tokens_key', '{"least": "2023-2-1"}');
SELECT lakehouse.domain_create('t_bad', 'date', 'tokens_key', '{"least": 5}');
SELECT lakehouse.domain_create('t_bad', 'date', 'tokens_key', '{"shift_days": 0}');
SELECT lakehouse.domain_create('t_bad', 'email', 'tokens_key', '{"keep": "all"}');
SELECT count(*) AS none FROM lakehouse.domain_list() WHERE name = 't_bad';

-- ---- rights: nobody has them by being a superuser, an owner, or PUBLIC

CREATE ROLE tokens_super SUPERUSER;
SET ROLE tokens_super;
SELECT lakehouse.tokenize('4111111111111111', 't_digits');
RESET ROLE;
SELECT count(lakehouse.domain_grant(name, r, 'tokens_maker')) FROM lakehouse.domain_list(), unnest('{tokenize,detokenize}'::text[]) r WHERE name LIKE 't\_%';
SELECT lakehouse.domain_grant('t_digits', 'tokenize', 'tokens_reader');
SELECT lakehouse.domain_grant('t_digits', 'tokenize', current_user);
SELECT lakehouse.domain_grant('t_digits', 'eat', 'tokens_reader');
SELECT lakehouse.domain_grant('t_digits', 'tokenize', 'no such role');
SELECT lakehouse.domain_grant('no such domain', 'tokenize', 'tokens_reader');
SELECT rights FROM lakehouse.domain_list() WHERE name = 't_digits';
SET ROLE tokens_nobody;
SELECT lakehouse.tokenize('4111111111111111', 't_digits');
SELECT lakehouse.detokenize('4111111111111111', 't_digits');
SELECT lakehouse.tokenize('{4111111111111111}'::text[], 't_digits');
SELECT lakehouse.domain_create('t_mine', 'text', 'tokens_key');
SELECT lakehouse.domain_grant('t_digits', 'tokenize', 'tokens_nobody');
SELECT lakehouse.domain_list();
SET ROLE tokens_reader;
SELECT length(lakehouse.tokenize('4111111111111111', 't_digits'));
SELECT lakehouse.detokenize('4111111111111111', 't_digits');
RESET ROLE;
-- the right to execute is not the right to administer
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA lakehouse TO tokens_nobody;
REVOKE EXECUTE ON FUNCTION lakehouse.policy_admin(), lakehouse.key_admin(), lakehouse.auditor() FROM tokens_nobody;
SET ROLE tokens_nobody;
SELECT lakehouse.domain_create('t_mine', 'text', 'tokens_key');
SELECT lakehouse.domain_grant('t_digits', 'tokenize', 'tokens_nobody');
SELECT lakehouse.domain_revoke('t_digits', 'tokenize', 'tokens_maker');
SELECT lakehouse.domain_rotate('t_digits');
SELECT lakehouse.domain_drop('t_digits');
SELECT count(*) FROM lakehouse.domain_list();
RESET ROLE;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA lakehouse FROM tokens_nobody;

-- a function with SECURITY DEFINER does not lend its owner's right
CREATE FUNCTION lent(v text) RETURNS text LANGUAGE sql SECURITY DEFINER AS $$ SELECT lakehouse.tokenize(v, 't_digits') $$;
CREATE FUNCTION lent_plain(v text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN RETURN lakehouse.tokenize(v, 't_digits'); END $$;
ALTER FUNCTION lent(text) OWNER TO tokens_maker;
ALTER FUNCTION lent_plain(text) OWNER TO tokens_maker;
CREATE VIEW seen AS SELECT lakehouse.tokenize('4111111111111111', 't_digits') AS token;
ALTER VIEW seen OWNER TO tokens_maker;
GRANT SELECT ON seen TO tokens_nobody, tokens_maker;
SET ROLE tokens_nobody;
SELECT lent('4111111111111111');
SELECT lent_plain('4111111111111111');
SELECT token FROM seen;
SET ROLE tokens_maker;
SELECT length(lent('4111111111111111')), length(lent_plain('4111111111111111')), (SELECT length(token) FROM seen);
-- nor where it is called before any statement, while PostgreSQL works for somebody's table
RESET ROLE;
CREATE FUNCTION lent_back(v text) RETURNS text LANGUAGE plpgsql IMMUTABLE SECURITY DEFINER AS $$ BEGIN RETURN lakehouse.detokenize(v, 't_digits'); END $$;
ALTER FUNCTION lent_back(text) OWNER TO tokens_maker;
GRANT CREATE ON SCHEMA test_privacy_tokens TO tokens_nobody;
SET ROLE tokens_nobody;
CREATE TABLE stolen AS SELECT text '4111111111111111' AS token;
\set SHOW_CONTEXT never
CREATE INDEX ON stolen (lent_back(token), token);
\set SHOW_CONTEXT errors
DROP TABLE stolen;
SET ROLE tokens_maker;
-- nor does it take its caller's away
RESET ROLE;
ALTER FUNCTION lent(text) OWNER TO tokens_nobody;
SET ROLE tokens_maker;
SELECT length(lent('4111111111111111'));
RESET ROLE;

-- SET ROLE counts at once: in a prepared statement, in a function's plan, in the middle of a statement
GRANT tokens_maker, tokens_nobody TO CURRENT_USER;
PREPARE t AS SELECT length(lakehouse.tokenize('4111111111111111', 't_digits'));
SET plan_cache_mode = force_generic_plan;
SET ROLE tokens_maker;
EXECUTE t;
SELECT length(lent_plain('4111111111111111'));
SET ROLE tokens_nobody;
EXECUTE t;
SELECT length(lent_plain('4111111111111111'));
SET ROLE tokens_maker;
EXECUTE t;
RESET ROLE;
RESET plan_cache_mode;
CREATE FUNCTION become(role text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN EXECUTE format('SET ROLE %I', role); RETURN role; END $$;
SET ROLE tokens_maker;
SELECT i, length(lakehouse.tokenize('4111111111111111', 't_digits')), CASE WHEN i = 2 THEN become('tokens_nobody') END FROM generate_series(1, 3) i;
RESET ROLE;
-- a right that is revoked, and one that comes by membership
SET ROLE tokens_maker;
PREPARE u AS SELECT length(lakehouse.tokenize('4111111111111111', 't_digits'));
EXECUTE u;
RESET ROLE;
SELECT lakehouse.domain_revoke('t_digits', 'tokenize', 'tokens_maker');
SET ROLE tokens_maker;
EXECUTE u;
RESET ROLE;
SELECT lakehouse.domain_grant('t_digits', 'tokenize', 'tokens_team');
GRANT tokens_team TO tokens_maker;
SET ROLE tokens_maker;
EXECUTE u;
RESET ROLE;
-- also while one expression of a function is evaluated again and again
CREATE FUNCTION leave_team() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN REVOKE tokens_team FROM tokens_maker; END $$;
SET ROLE tokens_maker;
DO $$
DECLARE
	n int;
BEGIN
	FOR i IN 1 .. 2 LOOP
		n := length(lakehouse.tokenize('4111111111111111', 't_digits'));
		RAISE WARNING 'round % has %', i, n;
		PERFORM leave_team();
	END LOOP;
END $$;
RESET ROLE;
REVOKE tokens_team FROM tokens_maker;
SET ROLE tokens_maker;
EXECUTE u;
RESET ROLE;
SELECT lakehouse.domain_revoke('t_digits', 'tokenize', 'tokens_team');
SELECT lakehouse.domain_grant('t_digits', 'tokenize', 'public');
SET ROLE tokens_nobody;
SELECT length(lakehouse.tokenize('4111111111111111', 't_digits'));
RESET ROLE;
SELECT lakehouse.domain_revoke('t_digits', 'tokenize', 'public');
SELECT lakehouse.domain_grant('t_digits', 'tokenize', 'tokens_maker');
-- an index is built as its table's owner
CREATE TABLE owned (v text);
ALTER TABLE owned OWNER TO tokens_nobody;
INSERT INTO owned VALUES ('4111111111111111');
CREATE FUNCTION token_of(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT lakehouse.tokenize($1, 't_digits') $$;
CREATE INDEX ON owned ((token_of(v)));
-- nobody looks at definitions by themselves
SET ROLE tokens_maker;
SELECT * FROM lakehouse_domains.t_digits;
RESET ROLE;

-- ---- values: their form stays, they come back

SET ROLE tokens_maker;
CREATE FUNCTION pg_temp.form(text) RETURNS text LANGUAGE sql IMMUTABLE AS
	$$ SELECT regexp_replace(regexp_replace(regexp_replace(regexp_replace($1, '[0-9]', '9', 'g'), '[a-z]', 'a', 'g'), '[A-Z]', 'A', 'g'), '[α-ω]', 'α', 'g') $$;
WITH v (v, d) AS (VALUES ('4111111111111111', 't_digits'), ('4111-1111-1111-1111', 't_digits'), ('12345678', 't_digits'), (repeat('123', 40), 't_digits'),
		('AB-1234/xyz', 't_text'), ('Erika.Mustermann', 't_text'), ('john.doe@example.com', 't_email'), ('John_Doe77@example.co.uk', 't_mail'),
		('4111111111111111', 't_card'), ('4111 1111 1111 1111', 't_card'), ('123-45-6789', 't_ssn'), ('-1234567.89', 't_numeric'),
		('αβγδ 123 εζηθ', 't_greek')),
	t AS (SELECT *, lakehouse.tokenize(v, d) AS token FROM v)
SELECT d, v, pg_temp.form(token) AS form, token <> v AS other, lakehouse.detokenize(token, d) = v AS back, octet_length(token) = octet_length(v) AS as_long FROM t;
SELECT right(lakehouse.tokenize('4111111111111111', 't_card'), 4) AS kept, split_part(lakehouse.tokenize('John_Doe77@example.co.uk', 't_mail'), '@', 2) AS kept;
WITH v (v) AS (VALUES (0.00), (7), (-12.50), (123456789012345678901234567890.123456789), (1000000), (-9999999.999)),
	t AS (SELECT v, lakehouse.tokenize(v * 1, 't_numeric') AS token FROM v WHERE abs(v) > 100000)
SELECT v, scale(token) = scale(v) AND length(token::text) = length(v::text) AND sign(token) = sign(v) AS form, lakehouse.detokenize(token, 't_numeric') = v AS back FROM t;
SELECT v, lakehouse.detokenize(lakehouse.tokenize(v, 't_bigint'), 't_bigint') = v AS back
	FROM unnest('{0,1,-1,9223372036854775807,-9223372036854775808,4111111111111111}'::bigint[]) v;
SELECT v, lakehouse.tokenize(v, 't_integer') BETWEEN 0 AND 2000000000 AS within, lakehouse.detokenize(lakehouse.tokenize(v, 't_integer'), 't_integer') = v AS back,
	pg_typeof(lakehouse.tokenize(v, 't_integer')), lakehouse.tokenize(v::bigint, 't_integer') = lakehouse.tokenize(v, 't_integer') AS same
	FROM unnest('{0,1,2000000000}'::int[]) v;
SELECT v, lakehouse.detokenize(lakehouse.tokenize(v, 't_uuid'), 't_uuid') = v AS back, substr(lakehouse.tokenize(v, 't_uuid')::text, 15, 1) AS version
	FROM unnest('{00000000-0000-4000-8000-000000000000,6ba7b810-9dad-11d1-80b4-00c04fd430c8,ffffffff-ffff-ffff-ffff-ffffffffffff}'::uuid[]) v;
SELECT v, lakehouse.tokenize(v, 't_date') BETWEEN '0001-01-01' AND '9999-12-31' AS within, lakehouse.detokenize(lakehouse.tokenize(v, 't_date'), 't_date') = v AS back,
	lakehouse.tokenize(v, 't_near') BETWEEN '1900-01-01' AND '2099-12-31' AS near, lakehouse.detokenize(lakehouse.tokenize(v, 't_near'), 't_near') = v AS back
	FROM unnest('{1970-01-01,2000-02-29,1900-01-01,2099-12-31}'::date[]) v;
SELECT lakehouse.tokenize(NULL::text, 't_text'), lakehouse.tokenize('x', NULL), lakehouse.detokenize(NULL::bigint, 't_bigint');
-- a permutation of all there are: each once
SELECT count(DISTINCT t), min(t), max(t), bool_and(lakehouse.detokenize(t, 't_small') = i) AS back FROM (SELECT i, lakehouse.tokenize(i, 't_small') AS t FROM generate_series(1, 1000) i) x;
-- one domain joins, another does not; a name that is no constant, too
SELECT d, count(DISTINCT lakehouse.tokenize('4111111111111111', d)) FROM unnest('{t_digits,t_other,t_digits}'::text[]) d GROUP BY d ORDER BY d;
SELECT count(DISTINCT lakehouse.tokenize('4111111111111111', d)) AS different FROM unnest('{t_digits,t_other,t_digits,t_ssn}'::text[]) d WHERE d <> 't_ssn';
SELECT lakehouse.tokenize('4111-1111-1111-1111', 't_digits') = regexp_replace(lakehouse.tokenize('4111111111111111', 't_digits'), '(....)(....)(....)(....)', '\1-\2-\3-\4') AS same_digits;

-- ---- what has no token: an error without the value
SELECT lakehouse.tokenize('secretsecret', 't_digits');
SELECT lakehouse.tokenize('12345', 't_digits');
SELECT lakehouse.tokenize('', 't_digits');
SELECT lakehouse.tokenize(repeat('1', 300), 't_digits');
SELECT lakehouse.tokenize('12345678', 't_ssn');
SELECT lakehouse.tokenize('123456789012', 't_ssn');
SELECT lakehouse.tokenize('4111111111111112', 't_card');
SELECT lakehouse.tokenize('secret at example.com', 't_email');
SELECT lakehouse.tokenize('ab@example.com', 't_mail');
SELECT lakehouse.tokenize('Müller-Lüdenscheidt', 't_text');
SELECT lakehouse.tokenize('NaN'::numeric, 't_numeric');
SELECT lakehouse.tokenize('-Infinity'::numeric, 't_numeric');
SELECT lakehouse.tokenize(12.5, 't_numeric');
SELECT lakehouse.tokenize(1e500::numeric, 't_numeric');
SELECT lakehouse.tokenize(-1::bigint, 't_integer');
SELECT lakehouse.tokenize(2000000001::bigint, 't_integer');
SELECT lakehouse.tokenize(5, 't_bigint');
SELECT lakehouse.tokenize('infinity'::date, 't_date');
SELECT lakehouse.tokenize('0044-03-15 BC'::date, 't_date');
SELECT lakehouse.tokenize('2100-01-01'::date, 't_near');
SELECT lakehouse.detokenize('secret', 't_digits');
SELECT lakehouse.detokenize('4111111111111112', 't_card');
SELECT lakehouse.detokenize(1001::bigint, 't_small');
-- of another kind
SELECT lakehouse.tokenize('4111111111111111', 't_bigint');
SELECT lakehouse.tokenize(5::bigint, 't_text');
SELECT lakehouse.tokenize('2020-01-01'::date, 't_uuid');
SELECT lakehouse.tokenize('x', 'no such domain');
SELECT lakehouse.tokenize('x', repeat('long', 20));
SELECT lakehouse.tokenize('x', '');

-- ---- arrays: as each alone
SELECT bool_and(t = lakehouse.tokenize(v, 't_text')) AS same, count(*)
	FROM (SELECT array_agg(v) AS a FROM (SELECT CASE i % 7 WHEN 0 THEN repeat(i::text, 3) WHEN 1 THEN 'Ab-' || i + 100000 ELSE (i * 1000003)::text || '000' END AS v FROM generate_series(100::bigint, 5000) i) x) y,
	LATERAL unnest(a, lakehouse.tokenize(a, 't_text')) u (v, t);
SELECT bool_and(t = lakehouse.tokenize(v, 't_digits')) AS same, bool_and(b = v) AS back, count(*)
	FROM (SELECT array_agg(v) AS a FROM (SELECT CASE i % 5 WHEN 0 THEN '411-111-' || i + 1000 WHEN 1 THEN repeat('1234', i % 30 + 2) ELSE (i + 1000000000000000)::text END AS v FROM generate_series(1, 5000) i) x) y,
	LATERAL unnest(a, lakehouse.tokenize(a, 't_digits'), lakehouse.detokenize(lakehouse.tokenize(a, 't_digits'), 't_digits')) u (v, t, b);
SELECT bool_and(t = lakehouse.tokenize(v, 't_greek')) AS same, bool_and(b = v) AS back, count(*)
	FROM (SELECT array_agg(v) AS a FROM (SELECT translate((i * 7919 + 10000000)::text, '0123456789', 'αβγδεζηθικ') AS v FROM generate_series(1, 2000) i) x) y,
	LATERAL unnest(a, lakehouse.tokenize(a, 't_greek'), lakehouse.detokenize(lakehouse.tokenize(a, 't_greek'), 't_greek')) u (v, t, b);
SELECT bool_and(t = lakehouse.tokenize(v, 't_bigint')) AS same, bool_and(b = v) AS back, count(*)
	FROM (SELECT array_agg(i * 1000000007) AS a FROM generate_series(-1500::bigint, 1500) i) y,
	LATERAL unnest(a, lakehouse.tokenize(a, 't_bigint'), lakehouse.detokenize(lakehouse.tokenize(a, 't_bigint'), 't_bigint')) u (v, t, b);
SELECT bool_and(t = lakehouse.tokenize(v, 't_uuid')) AS same, bool_and(b = v) AS back, count(*)
	FROM (SELECT array_agg(md5(i::text)::uuid) AS a FROM generate_series(1, 3000) i) y,
	LATERAL unnest(a, lakehouse.tokenize(a, 't_uuid'), lakehouse.detokenize(lakehouse.tokenize(a, 't_uuid'), 't_uuid')) u (v, t, b);
SELECT bool_and(t = lakehouse.tokenize(v, 't_date')) AS same, bool_and(b = v) AS back, count(*)
	FROM (SELECT array_agg(date '1950-01-01' + i) AS a FROM generate_series(1, 3000) i) y,
	LATERAL unnest(a, lakehouse.tokenize(a, 't_date'), lakehouse.detokenize(lakehouse.tokenize(a, 't_date'), 't_date')) u (v, t, b);
-- dimensions and NULLs stay, the argument is not changed
SELECT array_dims(t), t[5][1] IS NULL AS null_stays, t[4][2] = lakehouse.tokenize('12345678', 't_digits') AS same, a
	FROM (VALUES ('[4:5][1:2]={{1234567,12345678},{NULL,9876543}}'::text[])) v (a), LATERAL lakehouse.tokenize(a, 't_digits') t;
SELECT lakehouse.tokenize('{}'::text[], 't_digits'), lakehouse.tokenize('{}'::bigint[], 't_bigint'), lakehouse.tokenize('{NULL}'::date[], 't_date'), lakehouse.tokenize('{NULL,NULL}'::text[], 't_text');
SELECT lakehouse.tokenize('{1234567,NULL,secret}'::text[], 't_digits');
SELECT lakehouse.tokenize('{1,2,-3}'::bigint[], 't_small');
SELECT lakehouse.tokenize('{2020-01-01,infinity}'::date[], 't_date');
SELECT lakehouse.tokenize('{1234567}'::text[], 't_uuid');
RESET ROLE;

-- ---- rotation
SELECT lakehouse.domain_rotate('t_other');
SET ROLE tokens_maker;
SELECT lakehouse.tokenize('4111111111111111', 't_other') AS before \gset
RESET ROLE;
SELECT lakehouse.key_rotate('tokens_key');
SET ROLE tokens_maker;
SELECT lakehouse.tokenize('4111111111111111', 't_other') = :'before' AS still_the_same;
RESET ROLE;
SELECT lakehouse.domain_rotate('t_other');
SET ROLE tokens_maker;
SELECT lakehouse.tokenize('4111111111111111', 't_other') AS after \gset
SELECT :'after' = :'before' AS the_same, lakehouse.detokenize(:'before', 't_other') = '4111111111111111' AS back;
RESET ROLE;
SELECT version, rights FROM lakehouse.domain_list() WHERE name = 't_other';
-- rolled back
BEGIN;
SELECT lakehouse.domain_drop('t_other');
SELECT lakehouse.domain_create('t_other', 'digits', 'tokens_key', '{"keep_first": 4}');
SELECT lakehouse.domain_grant('t_other', 'tokenize', 'tokens_maker');
SET LOCAL ROLE tokens_maker;
SELECT left(lakehouse.tokenize('4111111111111111', 't_other'), 4);
ROLLBACK;
SET ROLE tokens_maker;
SELECT lakehouse.tokenize('4111111111111111', 't_other') = :'after' AS as_before;
RESET ROLE;

-- ---- keyed masks: the name yields NULL, whoever calls it
SELECT lakehouse.mask_fpe('4111111111111111'::text, 't_digits'), lakehouse.mask_fpe(5::bigint, 't_bigint'), lakehouse.mask_hash('x', 't_text'),
	lakehouse.mask_date_shift('2020-01-01'::date, 's', 't_date'), lakehouse.mask_noise(5.5, 't_text', 0.1), lakehouse.mask_fake_name('x', 't_text');
SET ROLE tokens_maker;
SELECT lakehouse.mask_fpe('4111111111111111'::text, 't_digits');
-- and the twin cannot be called; how PostgreSQL says so is not the same in all its versions
CREATE FUNCTION pg_temp.refused(q text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE q;
	RETURN false;
EXCEPTION WHEN undefined_function OR cannot_coerce OR feature_not_supported THEN
	RETURN true;
END $$;
SELECT q, pg_temp.refused(q) FROM unnest(ARRAY[
	$$SELECT lakehouse.mask_fpe_run('4111111111111111'::text, 't_digits', NULL)$$,
	$$SELECT lakehouse.mask_fpe_run('4111111111111111'::text, 't_digits', NULL::internal)$$,
	$$SELECT lakehouse.mask_fpe_run('4111111111111111'::text, 't_digits', '1')$$,
	$$SELECT lakehouse.mask_fpe_run('4111111111111111'::text, 't_digits', 1)$$,
	$$SELECT lakehouse.mask_fpe_run('4111111111111111'::text, 't_digits', lakehouse.mask_gate(NULL))$$,
	$$SELECT lakehouse.mask_gate('1')$$,
	$$PREPARE open(internal) AS SELECT lakehouse.mask_fpe_run('4111111111111111'::text, 't_digits', $1); EXECUTE open(NULL)$$,
	$$PREPARE opened(internal) AS SELECT lakehouse.mask_fpe_run('4111111111111111'::text, 't_digits', $1); EXECUTE opened('1')$$]) q;
DEALLOCATE ALL;
CREATE FUNCTION open_gate(internal) RETURNS text LANGUAGE sql AS $$ SELECT lakehouse.mask_fpe_run('4111111111111111'::text, 't_digits', $1) $$;
RESET ROLE;
-- no name is kept anywhere where it would be a value
CREATE TABLE keeps (v text, w text GENERATED ALWAYS AS (lakehouse.mask_fpe(v, 't_digits')) STORED);
CREATE TABLE keeps (v text);
CREATE INDEX ON keeps (lakehouse.mask_fpe(v, 't_digits'));
DROP TABLE keeps;

-- What twins do.  A superuser may call any C function by another signature, here the gate as a number.
SELECT probin FROM pg_proc WHERE oid = 'lakehouse.mask_gate(internal)'::regprocedure \gset
CREATE FUNCTION gate() RETURNS bigint AS :'probin', 'lakehouse_mask_gate' LANGUAGE C STABLE;
-- called in another way than the planner's it opens nothing
CREATE FUNCTION no_gate(bigint) RETURNS bigint AS :'probin', 'lakehouse_mask_gate' LANGUAGE C STABLE;
CREATE FUNCTION fpe(text, text, bigint DEFAULT gate()) RETURNS text AS :'probin', 'lakehouse_mask_fpe_text_run' LANGUAGE C STABLE STRICT PARALLEL SAFE;
SELECT fpe('4111111111111111'::text, 't_digits', no_gate(NULL)) AS closed, no_gate(1) AS nor_this;
CREATE FUNCTION fpe(numeric, text, bigint DEFAULT gate()) RETURNS numeric AS :'probin', 'lakehouse_mask_fpe_numeric_run' LANGUAGE C STABLE STRICT;
CREATE FUNCTION fpe(bigint, text, bigint DEFAULT gate()) RETURNS bigint AS :'probin', 'lakehouse_mask_fpe_bigint_run' LANGUAGE C STABLE STRICT;
CREATE FUNCTION fpe(integer, text, bigint DEFAULT gate()) RETURNS integer AS :'probin', 'lakehouse_mask_fpe_integer_run' LANGUAGE C STABLE STRICT;
CREATE FUNCTION fpe(uuid, text, bigint DEFAULT gate()) RETURNS uuid AS :'probin', 'lakehouse_mask_fpe_uuid_run' LANGUAGE C STABLE STRICT;
CREATE FUNCTION fpe(date, text, bigint DEFAULT gate()) RETURNS date AS :'probin', 'lakehouse_mask_fpe_date_run' LANGUAGE C STABLE STRICT;
CREATE FUNCTION hash(text, text, bigint DEFAULT gate()) RETURNS text AS :'probin', 'lakehouse_mask_hash_run' LANGUAGE C STABLE STRICT;
CREATE FUNCTION shift(date, text, text, bigint DEFAULT gate()) RETURNS date AS :'probin', 'lakehouse_mask_date_shift_date_run' LANGUAGE C STABLE STRICT;
CREATE FUNCTION shift(timestamp, text, text, bigint DEFAULT gate()) RETURNS timestamp AS :'probin', 'lakehouse_mask_date_shift_timestamp_run' LANGUAGE C STABLE STRICT;
CREATE FUNCTION noise(numeric, text, float8, bigint DEFAULT gate()) RETURNS numeric AS :'probin', 'lakehouse_mask_noise_numeric_run' LANGUAGE C STABLE STRICT;
CREATE FUNCTION noise(bigint, text, float8, bigint DEFAULT gate()) RETURNS bigint AS :'probin', 'lakehouse_mask_noise_bigint_run' LANGUAGE C STABLE STRICT;
CREATE FUNCTION noise(integer, text, float8, bigint DEFAULT gate()) RETURNS integer AS :'probin', 'lakehouse_mask_noise_integer_run' LANGUAGE C STABLE STRICT;
CREATE FUNCTION noise(smallint, text, float8, bigint DEFAULT gate()) RETURNS smallint AS :'probin', 'lakehouse_mask_noise_smallint_run' LANGUAGE C STABLE STRICT;
CREATE FUNCTION noise(real, text, float8, bigint DEFAULT gate()) RETURNS real AS :'probin', 'lakehouse_mask_noise_real_run' LANGUAGE C STABLE STRICT;
CREATE FUNCTION noise(float8, text, float8, bigint DEFAULT gate()) RETURNS float8 AS :'probin', 'lakehouse_mask_noise_float8_run' LANGUAGE C STABLE STRICT;
CREATE FUNCTION fake_name(text, text, bigint DEFAULT gate()) RETURNS text AS :'probin', 'lakehouse_mask_fake_name_run' LANGUAGE C STABLE STRICT;
CREATE FUNCTION fake_city(text, text, bigint DEFAULT gate()) RETURNS text AS :'probin', 'lakehouse_mask_fake_city_run' LANGUAGE C STABLE STRICT;
CREATE FUNCTION fake_email(text, text, bigint DEFAULT gate()) RETURNS text AS :'probin', 'lakehouse_mask_fake_email_run' LANGUAGE C STABLE STRICT;
-- by any other number the gate stays closed
SELECT fpe('4111111111111111'::text, 't_digits', 1), fpe(5::bigint, 't_bigint', 1), hash('x', 't_text', 1), shift('2020-01-01'::date, 's', 't_date', 1),
	noise(5.5, 't_text', 0.1, 1), fake_name('x', 't_text', 1);
-- a mask takes no right of its subject, and is the token
GRANT USAGE ON SCHEMA test_privacy_tokens TO tokens_nobody;
SET ROLE tokens_nobody;
SELECT fpe('4111111111111111'::text, 't_digits') AS masked \gset
RESET ROLE;
SET ROLE tokens_maker;
SELECT lakehouse.tokenize('4111111111111111', 't_digits') = :'masked' AS the_token;
RESET ROLE;
SELECT lakehouse.mask_counters_reset();
-- what cannot be masked is NULL and counted
SELECT fpe(v, 't_digits') IS NULL AS hidden, count(*) FROM unnest('{secret,12345,"",411-1111-1,1234567}'::text[] || repeat('1', 300)) v GROUP BY 1 ORDER BY 1;
SELECT fpe(v, 't_numeric') IS NULL AS hidden FROM unnest('{NaN,Infinity,1.5,1234567}'::numeric[]) v;
SELECT fpe('infinity'::date, 't_date'), fpe('2100-01-01'::date, 't_near'), fpe(-1, 't_integer'), fpe('4111111111111112'::text, 't_card'), fpe('Müller'::text, 't_text');
SELECT fpe(NULL::text, 't_digits'), fpe(5::bigint, 't_bigint') IS NULL, fpe('00000000-0000-4000-8000-000000000000'::uuid, 't_uuid') IS NULL;
SELECT mask, reason, count FROM lakehouse.mask_counters() ORDER BY 1, 2;
-- but not what is no value's fault
SELECT fpe('x'::text, 't_gone');
SELECT fpe('x'::text, 't_date');
-- a fixed point of the permutation is not shown: where tokens have one, the mask has NULL
SELECT lakehouse.mask_counters_reset();
SELECT count(lakehouse.domain_create('t_tiny' || i, 'bigint', 'tokens_key', '{"least": 1, "most": 100, "legacy": true}')),
	count(lakehouse.domain_grant('t_tiny' || i, 'tokenize', 'tokens_maker')) FROM generate_series(1, 20) i;
SET ROLE tokens_maker;
CREATE TEMP TABLE points AS SELECT i, lakehouse.tokenize(i, d) AS token, d FROM generate_series(1::bigint, 100) i, (SELECT 't_tiny' || n AS d FROM generate_series(1, 20) n) x;
RESET ROLE;
SELECT count(*) FILTER (WHERE i = token) > 0 AS some, bool_and(fpe(i, d) IS NOT DISTINCT FROM nullif(token, i)) AS as_tokens FROM points;
SELECT sum(count) = (SELECT count(*) FROM points WHERE i = token) AS counted, min(reason), max(reason) FROM lakehouse.mask_counters();
-- hashes, dates, noise, fakes
SELECT hash('Erika', 't_text') = hash('Erika', 't_text') AS same, hash('Erika', 't_text') <> hash('Erika', 't_digits') AS other_domain, hash('', 't_text') ~ '^[0-9a-f]{64}$' AS form;
SELECT bool_and(moved <> d AND moved BETWEEN d - 30 AND d + 30) AS near, count(DISTINCT moved - d) > 40 AS many, bool_and(shift(d + 100, s::text, 't_near') - moved = 100) AS by_subject
	FROM (SELECT s, date '1980-05-05' + s AS d, shift(date '1980-05-05' + s, s::text, 't_near') AS moved FROM generate_series(1, 500) s) x;
SELECT shift('2020-01-01 12:34:56'::timestamp, 's', 't_near') - '2020-01-01 12:34:56' = (shift('2020-01-01'::date, 's', 't_near') - '2020-01-01') * interval '1 day' AS as_dates,
	shift('infinity'::date, 's', 't_near'), shift('-infinity'::timestamp, 's', 't_near');
SELECT count(shift(d, s::text, 't_date')) < 40 AS outside, count(shift(t, s::text, 't_date')) < 40 AS outside
	FROM (VALUES (date '5874897-12-31', timestamp '294276-12-31 23:59:59')) v (d, t), generate_series(1, 40) s;
SELECT bool_and(n <> v AND abs(n - v) <= abs(v) * 0.2 + 10.0 ^ -scale(v)) AS near, bool_and(scale(n) = scale(v)) AS scale, count(*)
	FROM (SELECT v, noise(v, 't_text', 0.2) AS n FROM (SELECT (i - 50) * 1.25 AS v FROM generate_series(1, 100) i) y) x;
SELECT noise(1.0, 't_text', 0.5) BETWEEN 0.5 AND 1.5 AS near, noise(1000.00, 't_text', 0.5) - noise(1000.0, 't_text', 0.5) BETWEEN -0.1 AND 0.1 AS equal_values, abs(noise(0.0, 't_text', 0.1)), noise('NaN'::numeric, 't_text', 0.1),
	noise('-Infinity'::numeric, 't_text', 0.1), noise(1e2000::numeric, 't_text', 0.1), noise(5.5, 't_text', 0), noise(5.5, 't_text', 'NaN'), noise(5.5, 't_text', -1);
SELECT bool_and(noise(v, 't_text', 0.01) <> v) AS other FROM unnest('{0,1,-1,100000000000}'::bigint[]) v;
SELECT bool_and(coalesce(noise(v, 't_text', 0.01) <> v, true)) AS other, bool_and(coalesce(noise(v::int, 't_text', 0.01) <> v, true)) AS other FROM unnest('{0,1,-1,2147483647,-2147483648}'::bigint[]) v;
SELECT bool_and(coalesce(noise(v, 't_text', 1000) <> v, true)) AS other FROM unnest('{9223372036854775807,-9223372036854775808,9007199254740993}'::bigint[]) v;
SELECT bool_and(coalesce(noise(v, 't_text', 0.01) <> v, true)) AS other FROM unnest('{0,1,-1,1e308,1e-320,5e-324,NaN,Infinity}'::float8[]) v;
-- numbers of few digits: none is the value again
SELECT bool_and(coalesce(noise(v::smallint, 't_text', 0.01) <> v, true)) AS other, count(noise(v::smallint, 't_text', 0.01)) > 65000 AS most FROM generate_series(-32768, 32767) v;
SELECT bool_and(coalesce(noise(v, 't_text', 1e-12) <> v, true)) AS other FROM unnest('{0,1,-1,16777217,3.4028235e38,1e-45,NaN,Infinity}'::real[]) v;
-- two ratios of one number do not give it away
SELECT count(*) AS computed FROM (SELECT v, noise(v, 't_text', 0.1) AS a, noise(v, 't_text', 0.5) AS b FROM (SELECT i * 12345.67 AS v FROM generate_series(1, 100) i) x) y
	WHERE abs((0.5 * a - 0.1 * b) / 0.4 - v) < 0.05;
SELECT fake_name('Erika Mustermann', 't_text') = fake_name('Erika Mustermann', 't_text') AS same, fake_name('Erika Mustermann', 't_text') ~ '^[A-Z][a-z]+ [A-Z][a-z]+$' AS form,
	fake_email('a@b.c', 't_text') ~ '^[a-z.]+[0-9]{6}@example\.com$' AS form, fake_city('Berlin', 't_text') ~ '^[A-Z][a-z]+$' AS form,
	(SELECT count(DISTINCT fake_name(i::text, 't_text')) > 900 FROM generate_series(1, 1000) i) AS many;
SELECT mask, reason, count FROM lakehouse.mask_counters() WHERE mask = 'mask_noise' AND reason <> 'range' ORDER BY 1, 2;

-- every name has its twin, and only names do
SELECT p.oid::regprocedure FROM pg_proc p, lakehouse.mask_functions() m
WHERE m.keyed AND p.proname = m.name AND p.pronamespace = 'lakehouse'::regnamespace AND NOT EXISTS (
	SELECT FROM pg_proc t WHERE t.proname = p.proname || '_run' AND t.pronamespace = p.pronamespace AND t.prorettype = p.prorettype AND t.proisstrict
		AND t.provolatile = 's' AND t.proparallel = 's' AND t.proargtypes::text = p.proargtypes::text || ' ' || 'internal'::regtype::oid);
SELECT count(*) AS twins FROM pg_proc p WHERE proname LIKE 'mask\_%\_run' AND pronamespace = 'lakehouse'::regnamespace;
SELECT count(*) AS names FROM lakehouse.mask_functions() WHERE keyed;

-- ---- policies that show tokens of few values warn
CREATE TABLE few (id int, card text, ssn text);
CREATE ROLE tokens_masked;
SELECT lakehouse.domain_create('t_long', 'card', 'tokens_key', '{"min_characters": 15}');
SELECT lakehouse.policy_create('few', 'few', ARRAY['id', $$lakehouse.mask_fpe(id, 't_small')$$, 'card', $$coalesce(lakehouse.mask_fpe(card, 't_card'), '?')$$],
	for_roles => '{tokens_masked}');
SELECT lakehouse.policy_alter('few', ARRAY['id', $$lakehouse.mask_fpe(id, 't_integer')$$, 'card', $$lakehouse.mask_fpe(card, 't_long')$$, 'ssn', $$lakehouse.mask_fpe(ssn, 't_ssn')$$]);
SELECT lakehouse.policy_alter('few', ARRAY['ssn', $$lakehouse.mask_fpe(ssn, 'no such domain')$$, 'card', $$lakehouse.mask_hash(card, 't_card')$$]);
SELECT lakehouse.policy_drop('few');
DROP TABLE few;
DROP ROLE tokens_masked;

-- ---- dropped
SELECT lakehouse.domain_drop('t_other');
SELECT lakehouse.domain_drop('t_other');
SET ROLE tokens_maker;
SELECT lakehouse.tokenize('4111111111111111', 't_other');
RESET ROLE;
-- keys of what was dropped do not stay in the sessions that used it
SELECT count(*) AS kept FROM pg_backend_memory_contexts WHERE name = 'lakehouse token domain';
-- a role whose rights are its last
DROP ROLE tokens_reader;
SELECT lakehouse.domain_revoke('t_digits', 'tokenize', 'tokens_reader');
DROP OWNED BY tokens_maker, tokens_nobody, tokens_reader CASCADE;
DROP ROLE tokens_maker, tokens_nobody, tokens_reader, tokens_team, tokens_super;
SELECT count(lakehouse.domain_drop(name)) FROM lakehouse.domain_list() WHERE name LIKE 't\_%';
SELECT count(*) FROM lakehouse.domain_list() WHERE name LIKE 't\_%';
