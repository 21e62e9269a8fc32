-- Policies: what makes one, what is refused, what becomes of privileges, of several policies and of families of
-- tables.  What policies do to queries is in privacy_enforce.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE pp_admin;
CREATE ROLE pp_auditor;
CREATE ROLE pp_owner;
CREATE ROLE pp_analyst;
CREATE ROLE pp_clerk;
CREATE ROLE pp_chief;
CREATE ROLE pp_junior IN ROLE pp_analyst;
CREATE ROLE pp_boss IN ROLE pp_analyst, pp_chief;
CREATE ROLE pp_loose NOINHERIT IN ROLE pp_analyst;
CREATE ROLE pp_super SUPERUSER IN ROLE pp_analyst;
GRANT USAGE ON SCHEMA lakehouse TO PUBLIC;
-- all functions of policies, and the right, which is another thing
CREATE ROLE pp_caller;
DO $$
DECLARE f regprocedure;
BEGIN
	FOR f IN SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'lakehouse'::regnamespace AND proname ~ '^(policy_|tag|untag)' LOOP
		EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO pp_caller', f);
	END LOOP;
END $$;
REVOKE EXECUTE ON FUNCTION lakehouse.policy_admin() FROM pp_caller;
GRANT pp_caller TO pp_admin, pp_auditor;
GRANT EXECUTE ON FUNCTION lakehouse.policy_admin() TO pp_admin;
GRANT EXECUTE ON FUNCTION lakehouse.auditor() TO pp_auditor;
CREATE SCHEMA pp AUTHORIZATION pp_owner;
GRANT USAGE ON SCHEMA pp TO PUBLIC;
SET ROLE pp_owner;
-- 17 has one more right on tables, which \dp shows
SELECT current_setting('server_version_num')::int >= 170000 AS maintain \gset
CREATE TABLE pp.person (id int PRIMARY KEY, gone int, name text, ssn varchar(11), born date, pay numeric(9,2));
\if :maintain
REVOKE MAINTAIN ON pp.person FROM pp_owner;
\endif
ALTER TABLE pp.person DROP COLUMN gone;
GRANT SELECT ON pp.person TO pp_analyst, pp_chief;
GRANT SELECT (id, ssn) ON pp.person TO pp_clerk;
GRANT SELECT ON pp.person TO PUBLIC;
CREATE TABLE pp.allowed (role name, id int);
GRANT SELECT ON pp.allowed TO pp_admin;
CREATE TABLE pp.secret (id int);
CREATE VIEW pp.people AS SELECT * FROM pp.person;
CREATE DOMAIN pp.small AS int CHECK (VALUE < 10);
CREATE TYPE pp.mood AS ENUM ('good', 'bad');
CREATE TYPE pp.pair AS (a int, b pp.small);
CREATE TABLE pp.typed (id int, small pp.small, mood pp.mood, smalls pp.small[], pair pp.pair, c char(3), b bytea);
CREATE FUNCTION pp.leak(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION pp.leak(text, text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1';
CREATE OPERATOR pp.||| (FUNCTION = pp.leak, LEFTARG = text, RIGHTARG = text);
RESET ROLE;
RESET client_min_messages;
CREATE FUNCTION pp_refused(masks text[], filter text DEFAULT NULL, relation regclass DEFAULT 'pp.person') RETURNS text LANGUAGE plpgsql AS $$
DECLARE detail text; context text;
BEGIN
	PERFORM lakehouse.policy_create('x', relation, masks, filter, '{pp_clerk}');
	RAISE EXCEPTION 'was not refused' USING ERRCODE = 'XX000';
EXCEPTION WHEN others THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN SQLSTATE || ' ' || SQLERRM || coalesce(': ' || nullif(detail, ''), '');
END $$;

-- ---- rights ----

SET ROLE pp_owner;
SELECT lakehouse.policy_create('p', 'pp.person', '{ssn,NULL}', for_roles => '{pp_analyst}');
SELECT * FROM lakehouse.policy_list();
RESET ROLE;
SET ROLE pp_caller;
SELECT lakehouse.policy_create('p', 'pp.person', '{ssn,NULL}', for_roles => '{pp_analyst}');
SELECT lakehouse.policy_alter('p');
SELECT lakehouse.policy_drop('p');
SELECT * FROM lakehouse.policy_list();
SELECT * FROM lakehouse.policy_columns();
SELECT * FROM lakehouse.policy_explain('pp_clerk', 'SELECT 1');
SELECT lakehouse.policy_concerns('p', 'pp_clerk');
SELECT * FROM lakehouse.policy_holes();
RESET ROLE;
SET ROLE pp_auditor;
SELECT count(*) FROM lakehouse.policy_list();
SELECT lakehouse.policy_create('p', 'pp.person', '{ssn,NULL}', for_roles => '{pp_analyst}');
RESET ROLE;

-- ---- arguments that are refused ----

SET ROLE pp_admin;
SELECT lakehouse.policy_create(NULL, 'pp.person', '{ssn,NULL}', for_roles => '{pp_analyst}');
SELECT lakehouse.policy_create('', 'pp.person', '{ssn,NULL}', for_roles => '{pp_analyst}');
SELECT lakehouse.policy_create(repeat('x', 64), 'pp.person', '{ssn,NULL}', for_roles => '{pp_analyst}');
SELECT lakehouse.policy_create('p', 'pp.person', for_roles => '{pp_analyst}');
SELECT lakehouse.policy_create('p', 'pp.person', '{ssn}', for_roles => '{pp_analyst}');
SELECT lakehouse.policy_create('p', 'pp.person', '{{ssn,NULL}}', for_roles => '{pp_analyst}');
SELECT lakehouse.policy_create('p', 'pp.person', ARRAY[NULL, 'ssn'], for_roles => '{pp_analyst}');
SELECT lakehouse.policy_create('p', 'pp.person', '{ssn,""}', for_roles => '{pp_analyst}');
SELECT lakehouse.policy_create('p', 'pp.person', '{nothing,NULL}', for_roles => '{pp_analyst}');
SELECT lakehouse.policy_create('p', 'pp.person', '{gone,NULL}', for_roles => '{pp_analyst}');
SELECT lakehouse.policy_create('p', 'pp.person', '{........pg.dropped.2........,NULL}', for_roles => '{pp_analyst}');
SELECT lakehouse.policy_create('p', 'pp.person', '{ctid,NULL}', for_roles => '{pp_analyst}');
SELECT lakehouse.policy_create('p', 'pp.person', '{ssn,NULL,ssn,NULL}', for_roles => '{pp_analyst}');
SELECT lakehouse.policy_create('p', 'pp.person', '{ssn,NULL}');
SELECT lakehouse.policy_create('p', 'pp.person', '{ssn,NULL}', for_roles => '{nobody}');
SELECT lakehouse.policy_create('p', 'pp.person', '{ssn,NULL}', for_roles => '{pp_clerk}', except_roles => '{public}');
SELECT lakehouse.policy_create('p', 'pp.person', '{ssn,NULL}', for_roles => '{pp_clerk}', except_roles => '{pp_clerk}');
SELECT lakehouse.policy_create('p', 'pp.person', '{ssn,NULL}', for_roles => '{pp_clerk}', floor => 'none');
SELECT lakehouse.policy_create('p', 'pp.person', '{ssn,NULL}', for_roles => '{pp_clerk}', options => '[]');
SELECT lakehouse.policy_create('p', 'pp.person', '{ssn,NULL}', for_roles => '{pp_clerk}', options => '{"colour": "red"}');
SELECT lakehouse.policy_create('p', 'pp.person', '{ssn,NULL}', for_roles => '{pp_clerk}', options => '{"origin": "p"}');
SELECT lakehouse.policy_create('p', 'pp.person', '{ssn,NULL}', for_roles => '{pp_clerk}', options => '{"superusers": 1}');
SELECT lakehouse.policy_create('p', 'pp.person', '{ssn,NULL}', for_roles => '{pp_clerk}', options => '{"except_purposes": "x"}');
SELECT lakehouse.policy_create('p', 'pp.person', '{ssn,NULL}', for_roles => '{pp_clerk}', options => '{"except_until": "tomorrow"}');
SELECT lakehouse.policy_create('p', 'pp.person', '{ssn,NULL}', for_roles => '{pp_clerk}', options => '{"tag": "a"}');
SELECT lakehouse.policy_create('p', 'pp.people', '{ssn,NULL}', for_roles => '{pp_clerk}');
SELECT lakehouse.policy_create('p', 'pg_authid', '{rolpassword,NULL}', for_roles => '{pp_clerk}');
SELECT lakehouse.policy_create('p', 0, '{ssn,NULL}', for_roles => '{pp_clerk}');
SELECT lakehouse.policy_create('p', 4000000000, '{ssn,NULL}', for_roles => '{pp_clerk}');
CREATE TEMP TABLE pp_temp (a int);
SELECT lakehouse.policy_create('p', 'pp_temp', '{a,NULL}', for_roles => '{pp_clerk}');
SELECT lakehouse.policy_alter('nothing');
SELECT lakehouse.policy_drop('nothing');

-- ---- expressions that are refused ----

RESET ROLE;
GRANT EXECUTE ON FUNCTION pp_refused TO pp_admin;
SET ROLE pp_admin;
SELECT mask, pp_refused(ARRAY['name', mask]) FROM unnest(ARRAY[
	-- more or less than an expression
	'name FROM pp.person', 'name WHERE true', 'name AS other', 'name, id', '1; DROP TABLE pp.person', '*', 'DISTINCT name',
	'name UNION SELECT name', 'name ORDER BY 1', 'name LIMIT 1', 'name INTO x', '', ' ', 'name +', 'name) --',
	-- columns
	'nothing', 'person', 'person.*::text', 'ctid::text', 'other.name', '$1',
	-- sets, aggregates, windows, sub-selects
	'max(name)', 'row_number() OVER ()::text', 'regexp_split_to_table(name, '','')', '(SELECT name)', '(SELECT role::text FROM pp.allowed)',
	'ARRAY(SELECT name)::text',
	-- users' functions, operators, casts, types
	'pp.leak(name)', 'name OPERATOR(pp.|||) name', 'name::pp.small::text', '(1::pp.small)::text', 'row(1, 2)::text',
	-- what depends on more than its arguments, or does things
	'random()::text', 'clock_timestamp()::text', 'pg_sleep(1)::text', 'set_config(''a.b'', name, false)', 'current_setting(''port'')',
	'current_user', 'session_user::text', 'pg_read_file(name)', 'query_to_xml(name, true, true, '''')::text', 'nextval(''pp.s''::regclass)::text',
	'lo_get(1)::text', 'pg_get_userbyid(1)', 'version()', 'inet_client_addr()::text',
	-- what shows values in its messages
	'name::int::text', 'name::date::text', 'name::json::text', 'to_number(name, ''9'')::text', 'convert_from(decode(name, ''hex''), ''utf8'')',
	'make_date(length(name), 13, 1)::text', 'textin(''x'')', 'xpath(''/a'', name::xml)::text', 'pg_size_bytes(name)::text',
	'name::regclass::text'
]) mask;
SELECT pp_refused(ARRAY['id', mask]) FROM unnest(ARRAY['name', '''x''', 'born', 'lakehouse.mask_partial(ssn, 0, ''X'', 4)', 'ARRAY[1]']) mask;
SELECT pp_refused(ARRAY[c, mask], NULL, 'pp.typed') FROM (VALUES ('small', 'small::text'), ('small', '1::pp.small'), ('mood', 'id'),
	('smalls', '''{1}'''), ('smalls', '''{99}''::pp.small[]'), ('pair', '''(1,99)'''), ('pair', 'ROW(1, 2)'), ('pair', 'pair.b')) v (c, mask);
SELECT filter, pp_refused('{}', filter) FROM unnest(ARRAY['id', 'name', 'max(id) > 1', 'pp.leak(name) = ''''', 'name::int > 1',
	'true; SELECT 1', 'current_user = name', 'lakehouse.mask_partial(name, 0, ''X'', 1) = ''''', 'random() > 0.5',
	'EXISTS (SELECT FROM pp.secret)', 'EXISTS (SELECT FROM pp.person p)', 'EXISTS (SELECT FROM pg_authid)', 'EXISTS (SELECT FROM pp.people)',
	'id IN (SELECT count(*) FROM pp.allowed)', 'id IN (SELECT id FROM pp.allowed ORDER BY 1)', 'id IN (SELECT id FROM pp.allowed FOR UPDATE)',
	'id IN (VALUES (1))', 'id IN (SELECT generate_series(1, 2))', 'id IN (SELECT * FROM generate_series(1, 2))',
	'id IN (WITH a AS (SELECT 1 AS i) SELECT i FROM a)', 'id IN (SELECT id FROM (SELECT id FROM pp.allowed) a)',
	'id IN (SELECT id FROM pp.allowed UNION SELECT 1)', 'id IN (SELECT id FROM pp.allowed WHERE pp.leak(role::text) = name)',
	'id IN (SELECT id FROM pp.allowed TABLESAMPLE system (1))']) filter;
-- a name in pg_temp does not come before PostgreSQL's own
CREATE DOMAIN pg_temp.text AS pg_catalog.text;
SELECT pp_refused(ARRAY['ssn', '''x''::text', 'name', 'name::no_such_type']);
DROP DOMAIN pg_temp.text;
-- nothing is left of any of them
SELECT count(*) FROM lakehouse.policy_list();
RESET ROLE;
SELECT relname FROM pg_class WHERE relnamespace = 'lakehouse_policies'::regnamespace AND relkind = 'v';
\dp pp.person
SET ROLE pp_admin;

-- where in the text
\set VERBOSITY default
SELECT lakehouse.policy_create('p', 'pp.person', ARRAY['ssn', 'upper(nothing)'], for_roles => '{pp_clerk}');
SELECT lakehouse.policy_create('p', 'pp.person', row_filter => 'id = = 1', for_roles => '{pp_clerk}');

-- ---- the floor ----

SELECT lakehouse.policy_create('p', 'pp.person', '{ssn,NULL,pay,0}', for_roles => '{pp_junior}', floor => 'check');
SELECT lakehouse.policy_create('p', 'pp.person', ARRAY['ssn', $$lakehouse.mask_partial(ssn, 0, 'X', 4)$$, 'pay', '0'], for_roles => '{pp_junior}');
\set VERBOSITY terse
-- PUBLIC's and pp_analyst's grants concern pp_junior; pp_chief's and pp_clerk's do not
\dp pp.person
SELECT r, has_table_privilege(r, 'pp.person', 'SELECT') AS t, has_column_privilege(r, 'pp.person', 'ssn', 'SELECT') AS ssn, has_column_privilege(r, 'pp.person', 'born', 'SELECT') AS born
FROM unnest('{pp_junior,pp_analyst,pp_chief,pp_clerk,pp_boss}'::name[]) r;
SELECT lakehouse.policy_create('p', 'pp.person', '{ssn,NULL}', for_roles => '{pp_junior}');
SELECT lakehouse.policy_create('everybody', 'pp.person', row_filter => 'id > 0', for_roles => '{public}', except_roles => '{pp_chief}');
\dp pp.person
-- grants with grant option, by others
SET ROLE pp_owner;
CREATE TABLE pp.chain (id int, ssn text);
\if :maintain
REVOKE MAINTAIN ON pp.chain FROM pp_owner;
\endif
GRANT SELECT ON pp.chain TO pp_clerk WITH GRANT OPTION;
SET ROLE pp_clerk;
GRANT SELECT ON pp.chain TO pp_analyst WITH GRANT OPTION;
SET ROLE pp_analyst;
GRANT SELECT (ssn) ON pp.chain TO pp_junior;
SET ROLE pp_admin;
SELECT lakehouse.policy_create('chain', 'pp.chain', '{ssn,NULL}', for_roles => '{pp_clerk}');
SELECT lakehouse.policy_create('chain', 'pp.chain', '{ssn,NULL}', for_roles => '{pp_clerk,pp_analyst}');
\dp pp.chain

-- ---- as it is listed, it can be made ----

\x
SELECT * FROM lakehouse.policy_list();
\x
SELECT lakehouse.policy_alter('everybody', row_filter => 'id > 0 OR id IN (SELECT a.id FROM pp.allowed a WHERE a.role = lakehouse.subject_role() AND a.id = person.id)',
	purposes => '{billing,care}', until => '2100-01-01 00:00+00', options => '{"superusers": true, "session_user": true, "except_purposes": ["fraud"], "except_until": "2099-01-01T00:00:00Z"}');
\x
SELECT * FROM lakehouse.policy_list() WHERE name = 'everybody';
\x
CREATE TEMP TABLE before AS SELECT * FROM lakehouse.policy_list();
DO $$
DECLARE p before;
BEGIN
	FOR p IN SELECT * FROM before LOOP
		PERFORM lakehouse.policy_drop(p.name);
		PERFORM lakehouse.policy_create(p.name, p.relation, p.masks, p.row_filter, p.for_roles, p.except_roles, p.purposes, p.until, p.options);
		PERFORM lakehouse.policy_alter(p.name);
	END LOOP;
END $$;
SELECT count(*) FROM ((TABLE before EXCEPT SELECT * FROM lakehouse.policy_list()) UNION ALL (SELECT * FROM lakehouse.policy_list() EXCEPT TABLE before)) x;
SELECT lakehouse.policy_alter('everybody', row_filter => '');
SELECT lakehouse.policy_alter('everybody', masks => '{ssn,NULL}', row_filter => '', purposes => '{}', options => '{}');
SELECT name, masks, row_filter, purposes, options FROM lakehouse.policy_list() WHERE name = 'everybody';

-- ---- several policies: the strictest mask, all filters ----

SELECT lakehouse.policy_drop(name) FROM lakehouse.policy_list();
CREATE FUNCTION pg_temp.masked(role regrole, relation text DEFAULT 'pp.person') RETURNS TABLE ("column" name, access text, policy text, expression text)
	LANGUAGE sql AS $$ SELECT "column", access, policy, expression FROM lakehouse.policy_explain(role, 'SELECT * FROM ' || relation) WHERE access <> 'plain' $$;
SELECT lakehouse.policy_create('a_partial', 'pp.person', ARRAY['ssn', $$lakehouse.mask_partial(ssn, 0, 'X', 4)$$, 'name', 'name'], for_roles => '{pp_analyst}');
SELECT * FROM pg_temp.masked('pp_junior');
SELECT lakehouse.policy_create('b_null', 'pp.person', ARRAY['ssn', 'NULL'], for_roles => '{pp_boss}');
SELECT lakehouse.policy_create('c_constant', 'pp.person', ARRAY['ssn', '''none'''], for_roles => '{pp_boss}');
SELECT lakehouse.policy_create('d_branches', 'pp.person', ARRAY['ssn', 'CASE WHEN id > 1 THEN NULL ELSE lakehouse.mask_partial(ssn, 1, ''X'', 1) END'], for_roles => '{pp_analyst}');
SELECT * FROM pg_temp.masked('pp_junior');
SELECT * FROM pg_temp.masked('pp_boss');
SELECT lakehouse.policy_drop('b_null');
SELECT * FROM pg_temp.masked('pp_boss');
SELECT lakehouse.policy_create('e_filter', 'pp.person', row_filter => 'id < 10', for_roles => '{pp_analyst}');
SELECT lakehouse.policy_create('f_filter', 'pp.person', row_filter => 'born > current_date - 10', for_roles => '{pp_analyst}');
SELECT * FROM pg_temp.masked('pp_junior');
-- a column that comes later is nobody's
ALTER TABLE pp.person ADD COLUMN later text;
RESET ROLE;
ALTER TABLE pp.person ADD COLUMN later text;
SET ROLE pp_admin;
SELECT "column", access FROM pg_temp.masked('pp_junior') WHERE "column" = 'later';
-- whom they are for: members with the privileges, not members without, and no superuser
SELECT r, lakehouse.policy_concerns('a_partial', r) FROM unnest('{pp_analyst,pp_junior,pp_boss,pp_loose,pp_chief,pp_super}'::regrole[]) r;
SELECT lakehouse.policy_alter('a_partial', except_roles => '{pp_chief}', options => '{"superusers": true}');
SELECT r, lakehouse.policy_concerns('a_partial', r) FROM unnest('{pp_analyst,pp_junior,pp_boss,pp_loose,pp_chief,pp_super}'::regrole[]) r;
SELECT count(*) FROM pg_temp.masked('pp_super');
-- times
SELECT lakehouse.policy_drop(name) FROM lakehouse.policy_list();
SELECT lakehouse.policy_create('over', 'pp.person', '{ssn,NULL}', for_roles => '{pp_analyst}', until => '2001-01-01');
SELECT "column", access, policy FROM pg_temp.masked('pp_junior');
SELECT lakehouse.policy_alter('over', until => 'infinity');
SELECT "column", access, policy FROM pg_temp.masked('pp_junior');
SELECT lakehouse.policy_alter('over', except_roles => '{pp_junior}', options => '{"except_until": "2001-01-01T00:00:00Z"}');
SELECT "column", access, policy FROM pg_temp.masked('pp_junior');
SELECT lakehouse.policy_alter('over', options => '{"except_until": "2101-01-01T00:00:00Z"}');
SELECT "column", access, policy FROM pg_temp.masked('pp_junior');
-- a time that comes while the session runs
SELECT lakehouse.policy_alter('over', options => '{}', except_roles => '{}', until => clock_timestamp() + interval '4 s');
SELECT "column", policy FROM pg_temp.masked('pp_junior') WHERE "column" = 'ssn';
SELECT pg_sleep_until(until) FROM lakehouse.policy_list();
SELECT "column", policy FROM pg_temp.masked('pp_junior') WHERE "column" = 'ssn';
SELECT lakehouse.policy_drop('over');

-- ---- families of tables, by column name ----

SET ROLE pp_owner;
CREATE TABLE pp.parent (id int, ssn text, note text) PARTITION BY LIST (id);
CREATE TABLE pp.part1 PARTITION OF pp.parent FOR VALUES IN (1);
CREATE TABLE pp.part2 (note text, gone int, ssn text, id int);
\if :maintain
REVOKE MAINTAIN ON pp.parent, pp.part1, pp.part2 FROM pp_owner;
\endif
ALTER TABLE pp.part2 DROP COLUMN gone;
ALTER TABLE pp.parent ATTACH PARTITION pp.part2 FOR VALUES IN (2);
GRANT SELECT ON pp.parent, pp.part1, pp.part2 TO pp_analyst;
SET ROLE pp_admin;
SELECT lakehouse.policy_create('family', 'pp.parent', ARRAY['ssn', $$lakehouse.mask_partial(note, 0, 'X', 4)$$], for_roles => '{pp_analyst}');
\dp pp.pa*
SELECT * FROM pg_temp.masked('pp_analyst', 'pp.parent');
SELECT * FROM pg_temp.masked('pp_analyst', 'pp.part1');
SELECT * FROM pg_temp.masked('pp_analyst', 'pp.part2');
RESET ROLE;
CREATE TABLE pp.part3 (ssn text, id int, note text);
GRANT SELECT ON pp.part3 TO pp_analyst;
ALTER TABLE pp.parent ATTACH PARTITION pp.part3 FOR VALUES IN (3);
SELECT * FROM pg_temp.masked('pp_analyst', 'pp.part3');
ALTER TABLE pp.parent DETACH PARTITION pp.part3;
SELECT * FROM pg_temp.masked('pp_analyst', 'pp.part3');
ALTER TABLE pp.parent RENAME COLUMN ssn TO number;
SELECT * FROM pg_temp.masked('pp_analyst', 'pp.part2');
SET ROLE pp_admin;
SELECT lakehouse.policy_drop('family');
SELECT lakehouse.policy_create('child', 'pp.part2', ARRAY['number', 'NULL', 'note', 'note'], for_roles => '{pp_analyst}');
RESET ROLE;
GRANT SELECT ON pp.parent TO pp_boss;
-- a child's policy masks above, but grants nothing there
SELECT * FROM pg_temp.masked('pp_analyst', 'pp.parent');
SELECT * FROM pg_temp.masked('pp_boss', 'pp.parent');
SELECT * FROM pg_temp.masked('pp_boss', 'pp.part1');
SET ROLE pp_admin;
SELECT lakehouse.policy_alter('child', row_filter => 'note <> ''''');
SELECT * FROM pg_temp.masked('pp_boss', 'pp.parent');
SELECT lakehouse.policy_drop('child');
RESET ROLE;
-- what a child has alone
CREATE TABLE pp.base (id int, a text);
CREATE TABLE pp.derived (own text) INHERITS (pp.base);
GRANT SELECT ON pp.base TO pp_analyst;
SELECT lakehouse.policy_create('own', 'pp.derived', ARRAY['a', 'own'], 'own = ''x''', '{pp_junior}');
GRANT SELECT ON pp.base TO pp_junior;
SELECT * FROM pg_temp.masked('pp_junior', 'pp.base');
SELECT lakehouse.policy_drop('own');

-- ---- types of columns ----

SELECT lakehouse.policy_create('typed', 'pp.typed', ARRAY['small', '1', 'mood', '''bad''', 'smalls', 'NULL', 'pair', 'NULL', 'c', '''abcdef''', 'b', 'sha256(b)'], for_roles => '{pp_clerk}');
SELECT * FROM pg_temp.masked('pp_clerk', 'pp.typed');
SELECT lakehouse.policy_drop('typed');

-- ---- what is beneath a policy ----

SELECT lakehouse.policy_create('p', 'pp.person', ARRAY['ssn', $$lakehouse.mask_partial(name, 0, 'X', 4)$$], for_roles => '{pp_analyst}', except_roles => '{pp_clerk}');
SET ROLE pp_owner;
ALTER TABLE pp.person ALTER COLUMN ssn TYPE text;
ALTER TABLE pp.person DROP COLUMN name;
ALTER TABLE pp.person DROP COLUMN name CASCADE;
DROP TABLE pp.person;
DROP TABLE pp.person CASCADE;
DROP SCHEMA pp CASCADE;
ALTER TABLE pp.person RENAME COLUMN name TO full_name;
ALTER TABLE pp.person RENAME TO human;
RESET ROLE;
SELECT relation, masks FROM lakehouse.policy_list();
DROP ROLE pp_clerk;
DROP ROLE pp_analyst;
-- which table comes first is not ours to say
\set VERBOSITY sqlstate
SET ROLE pp_junior;
DROP OWNED BY pp_analyst;
SET ROLE pp_analyst;
DROP OWNED BY pp_analyst;
RESET ROLE;
\set VERBOSITY terse
SELECT for_roles, except_roles FROM lakehouse.policy_list();
ALTER ROLE pp_analyst RENAME TO pp_reader;
SELECT for_roles, except_roles FROM lakehouse.policy_list();
-- nobody may read the views, or make one
SET ROLE pp_reader;
SELECT * FROM lakehouse_policies.p;
CREATE VIEW lakehouse_policies.mine AS SELECT '{}'::jsonb AS definition;
RESET ROLE;
-- by an administrator a cascade may take it
SET ROLE pp_admin;
SELECT lakehouse.policy_drop('p');
RESET ROLE;

-- ---- definitions that were changed ----

CREATE FUNCTION pg_temp.damaged(view text) RETURNS TABLE (problem text, seen text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'CREATE VIEW lakehouse_policies.damaged AS ' || view;
	EXECUTE 'GRANT SELECT ON lakehouse_policies.damaged TO pp_reader';
	SELECT l.problem INTO problem FROM lakehouse.policy_list() l WHERE l.name = 'damaged';
	BEGIN
		-- who has nothing to do with it
		SELECT string_agg(e.access, ',') INTO seen FROM lakehouse.policy_explain('pp_chief', 'SELECT * FROM pp.human') e;
	EXCEPTION WHEN others THEN
		seen := SQLERRM;
	END;
	RETURN NEXT;
	DROP VIEW lakehouse_policies.damaged;
END $$;
SELECT * FROM pg_temp.damaged($$ SELECT '{}'::jsonb AS definition, ssn AS c1, NULL::varchar AS m1 FROM pp.human $$);
SELECT d.* FROM unnest(ARRAY[
	$$ SELECT '{}'::jsonb AS definition, ssn AS c1, pp.leak(ssn)::varchar AS m1 FROM pp.human $$,
	$$ SELECT '{}'::jsonb AS definition, ssn AS c1, 1 AS m1 FROM pp.human $$,
	$$ SELECT '{}'::jsonb AS definition, ssn AS c1 FROM pp.human $$,
	$$ SELECT '{}'::jsonb AS definition, upper(ssn) AS c1, ssn AS m1 FROM pp.human $$,
	$$ SELECT '{}'::jsonb AS definition, ssn AS c1, NULL::varchar AS m1, ssn AS c2, NULL::varchar AS m2 FROM pp.human $$,
	$$ SELECT '{"colour": 1}'::jsonb AS definition, ssn AS c1, NULL::varchar AS m1 FROM pp.human $$,
	$$ SELECT '{"until": "tomorrow"}'::jsonb AS definition, ssn AS c1, NULL::varchar AS m1 FROM pp.human $$,
	$$ SELECT '{"tag": "x", "tag_mask": "value"}'::jsonb AS definition, ssn AS c1, NULL::varchar AS m1 FROM pp.human $$,
	$$ SELECT '[]'::jsonb AS definition, ssn AS c1, NULL::varchar AS m1 FROM pp.human $$,
	$$ SELECT NULL::jsonb AS definition, ssn AS c1, NULL::varchar AS m1 FROM pp.human $$,
	$$ SELECT ssn AS c1, NULL::varchar AS m1 FROM pp.human $$,
	$$ SELECT '{}'::jsonb AS definition FROM pp.human $$,
	$$ SELECT '{}'::jsonb AS definition FROM pp.human WHERE pp.leak(ssn) = '' $$,
	$$ SELECT '{}'::jsonb AS definition, ssn AS c1, NULL::varchar AS m1 FROM pp.human LIMIT 1 $$,
	$$ SELECT DISTINCT '{}'::jsonb AS definition, ssn AS c1, NULL::varchar AS m1 FROM pp.human $$,
	$$ SELECT '{}'::jsonb AS definition, ssn AS c1, NULL::varchar AS m1 FROM ONLY pp.human $$,
	$$ SELECT '{}'::jsonb AS definition, h.ssn AS c1, NULL::varchar AS m1 FROM pp.human h, pp.secret $$,
	$$ SELECT '{}'::jsonb AS definition, ssn AS c1, NULL::varchar AS m1 FROM (SELECT * FROM pp.human) h $$,
	$$ WITH h AS (SELECT * FROM pp.human) SELECT '{}'::jsonb AS definition, ssn AS c1, NULL::varchar AS m1 FROM h $$,
	$$ SELECT '{}'::jsonb AS definition, ssn AS c1, NULL::varchar AS m1 FROM pp.human UNION SELECT '{}', ssn, ssn FROM pp.human $$,
	$$ SELECT '{}'::jsonb AS definition, human.ssn AS c1, (SELECT 'x'::varchar) AS m1 FROM pp.human $$,
	$$ SELECT '{}'::jsonb AS definition, ssn AS c1, max(ssn)::varchar AS m1 FROM pp.human GROUP BY ssn $$,
	$$ SELECT '{}'::jsonb AS definition, 1 AS c1, 1 AS m1 $$,
	$$ SELECT '{}'::jsonb AS definition $$
]) view, pg_temp.damaged(view) d;
CREATE VIEW lakehouse_policies.damaged WITH (security_invoker) AS SELECT '{}'::jsonb AS definition, ssn AS c1, NULL::varchar AS m1 FROM pp.human;
SELECT name, relation, problem FROM lakehouse.policy_list();
SELECT * FROM lakehouse.policy_explain('pp_chief', 'SELECT ssn FROM pp.human');
SELECT access FROM lakehouse.policy_explain('pp_super', 'SELECT ssn FROM pp.human');
SELECT lakehouse.policy_alter('damaged');
SELECT lakehouse.policy_drop('damaged');
SELECT access FROM lakehouse.policy_explain('pp_chief', 'SELECT ssn FROM pp.human');

-- ---- explain, holes ----

SELECT lakehouse.policy_create('p', 'pp.human', ARRAY['ssn', 'NULL', 'id', 'id'], for_roles => '{pp_reader}');
SELECT * FROM lakehouse.policy_explain('pp_reader', 'SELECT count(*) FROM pp.people p JOIN pp.human h USING (id) WHERE h.ssn = ''1'' AND EXISTS (SELECT pay FROM pp.human)');
SELECT * FROM lakehouse.policy_explain('pp_reader', 'UPDATE pp.human SET born = NULL WHERE ssn = ''1'' RETURNING id');
SELECT * FROM lakehouse.policy_explain('pp_reader', 'DROP TABLE pp.human');
SELECT * FROM lakehouse.policy_explain('pp_reader', 'SELECT 1; SELECT 2');
SELECT * FROM lakehouse.policy_explain('pp_reader', '');

RESET ROLE;
ALTER TABLE pp.human ALTER ssn SET DEFAULT 'hush', ADD CONSTRAINT not_hush CHECK (ssn <> '123-45-6789');
CREATE INDEX human_lower ON pp.human (lower(ssn));
CREATE INDEX human_vip ON pp.human (id) WHERE ssn = '123-45-6789';
CREATE STATISTICS pp.human_stats ON ssn, born FROM pp.human;
CREATE MATERIALIZED VIEW pp.copy AS SELECT * FROM pp.human;
CREATE VIEW pp.invoker WITH (security_invoker) AS SELECT * FROM pp.human;
CREATE FUNCTION pp.t() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER peek AFTER UPDATE ON pp.human FOR EACH ROW EXECUTE FUNCTION pp.t();
CREATE PUBLICATION pp_pub FOR TABLE pp.human;
CREATE TABLE pp.bounds (ssn text) PARTITION BY LIST (ssn);
CREATE TABLE pp.bounds1 PARTITION OF pp.bounds FOR VALUES IN ('123-45-6789');
SELECT lakehouse.policy_create('bounds', 'pp.bounds', '{ssn,NULL}', for_roles => '{pp_reader,pp_owner}');
GRANT SELECT (ssn) ON pp.human TO pp_reader;
GRANT pg_read_all_data TO pp_clerk;
SELECT * FROM lakehouse.policy_holes() WHERE NOT (kind = 'role' AND detail ~ 'superuser') AND kind <> 'extension';

-- ---- gone ----

SET client_min_messages = warning;
SELECT lakehouse.policy_drop(name) FROM lakehouse.policy_list();
SELECT count(*) FROM lakehouse.policy_list();
DROP SCHEMA pp CASCADE;
DROP OWNED BY pp_admin, pp_auditor, pp_owner, pp_reader, pp_clerk, pp_chief, pp_junior, pp_boss, pp_loose, pp_caller;
DROP ROLE pp_admin, pp_auditor, pp_owner, pp_reader, pp_clerk, pp_chief, pp_junior, pp_boss, pp_loose, pp_super, pp_caller;
