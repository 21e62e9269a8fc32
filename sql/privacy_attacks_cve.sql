-- What broke others (reference, section 3), one section each (test/privacy/README.md).
\getenv fixtures LAKEHOUSE_FIXTURES
\set attacks :fixtures '/../privacy/'
\set setup :attacks 'setup.sql'
\set policies :attacks 'policies.sql'
\set teardown :attacks 'teardown.sql'
\set cve :attacks 'cve.sql'
\set ECHO none
\i :setup
\o /dev/null
\i :policies
\o
CREATE TABLE attack.late (id int, secret text);
INSERT INTO attack.late SELECT 1, 'SEC' || 'RET-late';
SELECT lakehouse.policy_create('late', 'attack.late', ARRAY['secret', $$lakehouse.mask_constant(secret, 'masked')$$], for_roles => '{attack_group}') \g /dev/null
CREATE TABLE attack.stranger (id int, secret text);
\set ECHO all
\i :cve
\i :teardown
