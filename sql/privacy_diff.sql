-- What two roles see differently, and what has changed since an export of the policies.
CREATE ROLE df_admin;
CREATE ROLE df_auditor;
CREATE ROLE df_one;
CREATE ROLE df_two;
CREATE ROLE df_member IN ROLE df_one;
CREATE ROLE df_super SUPERUSER;
SELECT lakehouse.right_grant('policy_admin', 'df_admin'), lakehouse.right_grant('auditor', 'df_auditor');
GRANT USAGE ON SCHEMA lakehouse TO PUBLIC;
CREATE SCHEMA df;
GRANT USAGE ON SCHEMA df TO PUBLIC;
CREATE TABLE df.person (id int, gone int, ssn text, name text, city text) PARTITION BY RANGE (id);
ALTER TABLE df.person DROP COLUMN gone;
CREATE TABLE df.person_1 PARTITION OF df.person FOR VALUES FROM (0) TO (10);
CREATE TABLE df.other (id int, note text);
GRANT SELECT (id, name) ON df.person TO df_one;
GRANT SELECT (id, name, city) ON df.person TO df_two;
GRANT SELECT ON df.other TO df_one;
SET client_min_messages = error;
SELECT lakehouse.policy_create('both', 'df.person', ARRAY['ssn', $$lakehouse.mask_partial(ssn, 0, 'X', 4)$$], for_roles => '{df_one,df_two}');
SELECT lakehouse.policy_create('one', 'df.person', ARRAY['name', 'NULL'], for_roles => '{df_one}');
SELECT lakehouse.policy_create('two', 'df.person', ARRAY['ssn', $$lakehouse.mask_constant(ssn, '***')$$], row_filter => $$city = 'Ulm'$$, for_roles => '{df_two}');
SELECT lakehouse.policy_create('fraud', 'df.person', ARRAY['id', '0'], for_roles => '{df_one}', purposes => '{fraud}');
RESET client_min_messages;

-- ---- rights

SET ROLE df_one;
SELECT * FROM lakehouse.policy_diff('df_one', 'df_two');
SELECT lakehouse.policy_export();
SELECT * FROM lakehouse.policy_changes('{}');
RESET ROLE;
-- to be granted the function is not enough
GRANT EXECUTE ON FUNCTION lakehouse.policy_diff, lakehouse.policy_export, lakehouse.policy_changes TO df_one;
SET ROLE df_one;
SELECT * FROM lakehouse.policy_diff('df_one', 'df_two');
SELECT lakehouse.policy_export();
RESET ROLE;

-- ---- two roles

SET ROLE df_auditor;
SELECT * FROM lakehouse.policy_diff('df_one', 'df_two');
SELECT * FROM lakehouse.policy_diff('df_one', 'df_member');
SELECT * FROM lakehouse.policy_diff('df_one', 'df_super', '{df.person}');
-- tables without policies are compared when they are named
SELECT * FROM lakehouse.policy_diff('df_one', 'df_two', '{df.other,df.other}');
SET lakehouse.purpose = 'fraud';
SELECT * FROM lakehouse.policy_diff('df_one', 'df_member', '{df.person}');
SELECT relation, "column", mask_a FROM lakehouse.policy_diff('df_one', 'df_two', '{df.person}') WHERE "column" = 'id';
RESET lakehouse.purpose;
SELECT * FROM lakehouse.policy_diff(NULL, 'df_two');
SELECT * FROM lakehouse.policy_diff(1::oid::regrole, 'df_two');
SELECT * FROM lakehouse.policy_diff('df_one', 'df_two', ARRAY[1::oid::regclass]);
SELECT * FROM lakehouse.policy_diff('df_one', 'df_two', ARRAY[NULL::regclass]);

-- ---- two states

SELECT lakehouse.policy_export() AS before \gset
SELECT * FROM lakehouse.policy_changes(:'before');
RESET ROLE;
SET client_min_messages = error;
SELECT lakehouse.policy_alter('both', masks => ARRAY['ssn', 'NULL', 'name', 'name'], for_roles => '{df_one}');
SELECT lakehouse.policy_alter('two', row_filter => '');
SELECT lakehouse.policy_drop('one');
SELECT lakehouse.policy_create('new', 'df.other', ARRAY['note', 'NULL'], for_roles => '{df_two}', until => '2099-01-01 00:00+00', options => '{"session_user": true}');
ALTER TABLE df.person RENAME COLUMN city TO town;
RESET client_min_messages;
SET ROLE df_auditor;
SET timezone = 'Asia/Tokyo';
SELECT * FROM lakehouse.policy_changes(:'before');
-- two exports, the other way round; what is none
SELECT policy, change, field FROM lakehouse.policy_changes(lakehouse.policy_export(), :'before');
SELECT policy, change FROM lakehouse.policy_changes('{}') GROUP BY 1, 2 ORDER BY 1;
SELECT * FROM lakehouse.policy_changes('[]');
RESET ROLE;

SET client_min_messages = error;
SELECT count(lakehouse.policy_drop(name)) FROM lakehouse.policy_list();
DROP SCHEMA df CASCADE;
DROP OWNED BY df_admin, df_auditor, df_one, df_two;
DROP ROLE df_admin, df_auditor, df_one, df_two, df_member, df_super;
