-- Tags of columns, and policies of tags.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE pt_admin;
CREATE ROLE pt_owner;
CREATE ROLE pt_analyst;
CREATE ROLE pt_other;
GRANT USAGE ON SCHEMA lakehouse TO PUBLIC;
DO $$
DECLARE f regprocedure;
BEGIN
	FOR f IN SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'lakehouse'::regnamespace AND proname ~ '^(policy_|tag|untag)' LOOP
		EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO pt_admin', f);
	END LOOP;
END $$;
REVOKE EXECUTE ON FUNCTION lakehouse.policy_admin() FROM pt_admin;
CREATE SCHEMA pt AUTHORIZATION pt_owner;
GRANT USAGE ON SCHEMA pt TO PUBLIC;
SET ROLE pt_owner;
CREATE TABLE pt.person (id int, ssn text, mail varchar(20), pay numeric(9,2));
CREATE TABLE pt.patient (ssn varchar(11), "Value" text);
CREATE VIEW pt.people AS SELECT * FROM pt.person;
CREATE TABLE pt.parted (id int, ssn text) PARTITION BY LIST (id);
CREATE TABLE pt.parted1 PARTITION OF pt.parted FOR VALUES IN (1);
GRANT SELECT ON pt.person, pt.patient, pt.parted TO pt_analyst;
CREATE TEMP VIEW labels AS SELECT objoid::regclass AS relation, attname, label FROM pg_seclabel JOIN pg_attribute ON attrelid = objoid AND attnum = objsubid
	WHERE provider = 'lakehouse' ORDER BY objoid::regclass::text, attnum;
RESET ROLE;
GRANT SELECT ON labels TO pt_admin;
CREATE VIEW pg_temp.made AS SELECT name, relation, masks, for_roles, options, origin FROM lakehouse.policy_list();
GRANT SELECT ON made TO pt_admin;
RESET client_min_messages;

-- ---- what is refused ----

SET ROLE pt_owner;
SECURITY LABEL FOR lakehouse ON COLUMN pt.person.ssn IS 'pii.ssn';
SELECT lakehouse.tag('pt.person', 'ssn', 'pii.ssn');
SELECT lakehouse.untag('pt.person', 'ssn', 'pii.ssn');
RESET ROLE;
-- EXECUTE on the functions is not the right
SET ROLE pt_admin;
SELECT lakehouse.tag('pt.person', 'ssn', 'pii.ssn');
SELECT lakehouse.untag('pt.person', 'ssn', 'pii.ssn');
SELECT lakehouse.tags_apply();
RESET ROLE;
GRANT EXECUTE ON FUNCTION lakehouse.policy_admin() TO pt_admin;
-- the right is not ownership
SET ROLE pt_admin;
SECURITY LABEL FOR lakehouse ON COLUMN pt.person.ssn IS 'pii.ssn';
RESET ROLE;
SECURITY LABEL FOR lakehouse ON TABLE pt.person IS 'pii.ssn';
SECURITY LABEL FOR lakehouse ON ROLE pt_analyst IS 'pii.ssn';
SECURITY LABEL FOR lakehouse ON SCHEMA pt IS 'pii.ssn';
SECURITY LABEL FOR lakehouse ON COLUMN pt.person.ssn IS '';
SECURITY LABEL FOR lakehouse ON COLUMN pt.person.ssn IS 'pii,,ssn';
SECURITY LABEL FOR lakehouse ON COLUMN pt.person.ssn IS 'pii ssn';
SECURITY LABEL FOR lakehouse ON COLUMN pt.person.ssn IS 'pii''; DROP';
SET ROLE pt_admin;
SELECT lakehouse.tag('pt.person', 'ssn', '');
SELECT lakehouse.tag('pt.person', 'ssn', 'a,b');
SELECT lakehouse.tag('pt.person', 'ssn', 'ä');
SELECT lakehouse.tag('pt.person', 'ssn', repeat('x', 64));
SELECT lakehouse.tag('pt.person', 'nothing', 'pii.ssn');
SELECT lakehouse.tag('pt.person', 'ctid', 'pii.ssn');
SELECT lakehouse.tag('pt.people', 'ssn', 'pii.ssn');
SELECT lakehouse.tag(4000000000, 'ssn', 'pii.ssn');
SELECT lakehouse.untag('pt.person', 'ssn', 'pii.ssn');
SELECT lakehouse.policy_create('t', NULL, ARRAY['value', 'NULL'], for_roles => '{pt_analyst}');
SELECT lakehouse.policy_create('t', NULL, ARRAY['ssn', 'NULL'], for_roles => '{pt_analyst}', options => '{"tag": "pii.ssn"}');
SELECT lakehouse.policy_create('t', NULL, ARRAY['value', 'NULL', 'value', 'NULL'], for_roles => '{pt_analyst}', options => '{"tag": "pii.ssn"}');
SELECT lakehouse.policy_create('t', NULL, ARRAY['value', 'NULL'], row_filter => 'true', for_roles => '{pt_analyst}', options => '{"tag": "pii.ssn"}');
SELECT lakehouse.policy_create('t', NULL, ARRAY['value', 'value, 1'], for_roles => '{pt_analyst}', options => '{"tag": "pii.ssn"}');
SELECT lakehouse.policy_create('t', NULL, ARRAY['value', 'NULL'], options => '{"tag": "pii.ssn"}');
SELECT lakehouse.policy_create('t', 'pt.person', ARRAY['ssn', 'NULL'], for_roles => '{pt_analyst}', options => '{"tag": "pii.ssn"}');

-- ---- tags ----

SELECT lakehouse.tag('pt.person', 'ssn', 'pii.ssn');
SELECT lakehouse.tag('pt.person', 'ssn', 'gdpr');
SELECT lakehouse.tag('pt.person', 'ssn', 'gdpr');
SELECT lakehouse.tag('pt.person', 'mail', 'pii.ssn2');
TABLE labels;

-- ---- a policy of a tag: columns that have it, and that get it ----

SELECT lakehouse.policy_create('ssn', NULL, ARRAY['value', $$lakehouse.mask_partial(value, 0, 'X', 4)$$], for_roles => '{pt_analyst}',
	options => '{"tag": "pii.ssn", "except_purposes": ["fraud"]}');
TABLE made;
SELECT lakehouse.tag('pt.patient', 'ssn', 'pii.ssn');
SELECT lakehouse.tag('pt.patient', 'Value', 'pii.ssn');
SELECT lakehouse.tag('pt.parted', 'ssn', 'pii.ssn');
SELECT lakehouse.tags_apply();
SELECT name, relation, masks, origin FROM made;
SELECT "column", access, policy FROM lakehouse.policy_explain('pt_analyst', 'SELECT * FROM pt.person');
SELECT "column", access, policy FROM lakehouse.policy_explain('pt_analyst', 'SELECT * FROM pt.parted1');
-- a mask that does not fit the column's type refuses the tag
SELECT lakehouse.tag('pt.person', 'id', 'pii.ssn');
TABLE labels;
-- what a policy of a tag made is changed there
SELECT lakehouse.policy_alter('ssn:person.ssn', for_roles => '{pt_other}');
SELECT lakehouse.policy_drop('ssn:person.ssn');
SELECT lakehouse.policy_alter('ssn', masks => ARRAY['value', 'NULL'], for_roles => '{pt_other}');
SELECT name, relation, masks, for_roles, options FROM made;
-- names that do not fit, or are taken
SELECT lakehouse.policy_create('n:person.ssn', 'pt.person', '{ssn,NULL}', for_roles => '{pt_analyst}');
SELECT lakehouse.policy_create('n', NULL, '{value,NULL}', for_roles => '{pt_analyst}', options => '{"tag": "gdpr"}');
SELECT lakehouse.policy_create(repeat('x', 63), NULL, '{value,NULL}', for_roles => '{pt_analyst}', options => '{"tag": "gdpr"}');
SELECT regexp_replace(name, '#.*', '#') AS name, length(name), relation FROM made WHERE name ~ '^(n|x)' ORDER BY 1;
SELECT lakehouse.policy_drop('n:person.ssn');
SELECT lakehouse.policy_drop('n');
SELECT lakehouse.policy_drop(repeat('x', 63));
-- renamed, untagged, dropped
RESET ROLE;
ALTER TABLE pt.patient RENAME COLUMN ssn TO number;
SET ROLE pt_admin;
SELECT lakehouse.untag('pt.patient', 'Value', 'pii.ssn');
SELECT lakehouse.untag('pt.person', 'ssn', 'gdpr');
SELECT lakehouse.tags_apply();
SELECT name, relation, masks FROM made;
SELECT lakehouse.policy_drop('ssn');
SELECT count(*) FROM made;
TABLE labels;

-- ---- a label by hand makes nothing until it is applied, and is a hole until then ----

SELECT lakehouse.policy_create('mail', NULL, '{value,NULL}', for_roles => '{pt_analyst}', options => '{"tag": "pii.mail"}');
RESET ROLE;
SECURITY LABEL FOR lakehouse ON COLUMN pt.person.mail IS 'gdpr , pii.mail';
SET ROLE pt_admin;
SELECT name FROM made;
SELECT * FROM lakehouse.policy_holes() WHERE kind = 'tag';
SELECT lakehouse.tags_apply();
SELECT name FROM made;
SELECT * FROM lakehouse.policy_holes() WHERE kind = 'tag';
SELECT lakehouse.policy_drop('mail');

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA pt CASCADE;
DROP OWNED BY pt_admin, pt_owner, pt_analyst, pt_other;
DROP ROLE pt_admin, pt_owner, pt_analyst, pt_other;
