-- Rights: granted with the functions they are about, and taken back.
CREATE SCHEMA test_privacy_rights;
SET search_path = test_privacy_rights;
CREATE ROLE rights_one;
CREATE ROLE rights_two;
CREATE ROLE rights_member;
GRANT rights_two TO rights_member;

SELECT "right", role, grantable, complete FROM lakehouse.rights;
SELECT lakehouse.right_grant('key_admin', 'rights_one');
SELECT lakehouse.right_grant('auditor', 'rights_two'), lakehouse.right_grant('key_admin', 'rights_two');
SELECT "right", role, grantable, complete FROM lakehouse.rights ORDER BY 1, 2::text;
-- neither implies another
SELECT r.role, f.name, has_function_privilege(r.role, 'lakehouse.' || f.name || '()', 'EXECUTE')
FROM unnest('{rights_one, rights_two, rights_member}'::text[]) AS r (role), unnest('{policy_admin, key_admin, auditor}'::text[]) AS f (name) ORDER BY 1, 2;
-- no function is without its right
SELECT o."right", o.routine FROM lakehouse.right_objects() o WHERE o."right" = 'key_admin' AND o.routine IS NOT NULL
	AND NOT has_function_privilege('rights_one', o.routine::oid, 'EXECUTE');
-- PUBLIC has none of them
SELECT o.routine FROM lakehouse.right_objects() o JOIN pg_proc p ON p.oid = o.routine
WHERE p.proacl IS NULL OR EXISTS (SELECT FROM aclexplode(p.proacl) a WHERE a.grantee = 0);
SELECT o.view FROM lakehouse.right_objects() o JOIN pg_class c ON c.oid = o.view
WHERE EXISTS (SELECT FROM aclexplode(c.relacl) a WHERE a.grantee = 0);
-- all functions on keys are about a right, for superusers, or a trigger
SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'lakehouse'::regnamespace
	AND p.proname ~ '^key' AND p.oid NOT IN (SELECT o.routine FROM lakehouse.right_objects() o WHERE o.routine IS NOT NULL) ORDER BY p.proname COLLATE "C";
SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'lakehouse'::regnamespace
	AND p.proname ~ '^(key|right)' AND (p.proacl IS NULL OR EXISTS (SELECT FROM aclexplode(p.proacl) a WHERE a.grantee = 0));

-- another right keeps what it needs
SELECT lakehouse.right_revoke('key_admin', 'rights_two');
SELECT "right", role, complete FROM lakehouse.rights ORDER BY 1, 2::text;
SELECT has_function_privilege('rights_two', 'lakehouse.key_list()', 'EXECUTE') AS list,
	has_function_privilege('rights_two', 'lakehouse.key_rotate(text)', 'EXECUTE') AS rotate;
-- taken from one function: not complete, and granted again
REVOKE EXECUTE ON FUNCTION lakehouse.key_rotate(text) FROM rights_one;
SELECT "right", role, complete FROM lakehouse.rights WHERE role = 'rights_one'::regrole;
SELECT lakehouse.right_grant('key_admin', 'rights_one');
SELECT "right", role, complete FROM lakehouse.rights WHERE role = 'rights_one'::regrole;

-- what somebody made in the schema is not granted
CREATE FUNCTION lakehouse.key_list(text) RETURNS int LANGUAGE sql AS 'SELECT 1';
REVOKE ALL ON FUNCTION lakehouse.key_list(text) FROM PUBLIC;
SELECT lakehouse.right_grant('key_admin', 'rights_one');
SELECT has_function_privilege('rights_one', 'lakehouse.key_list(text)', 'EXECUTE') AS foreign_function;
DROP FUNCTION lakehouse.key_list(text);

-- refused
SELECT lakehouse.right_grant('root', 'rights_one');
SELECT lakehouse.right_grant('key_admin', 'nobody_here');
SELECT lakehouse.right_grant('key_admin', '-');
SET ROLE rights_one;
SELECT lakehouse.right_grant('key_admin', 'rights_two');
RESET ROLE;
GRANT EXECUTE ON FUNCTION lakehouse.right_grant(text, regrole), lakehouse.right_revoke(text, regrole) TO rights_one;
SET ROLE rights_one;
SELECT lakehouse.right_grant('key_admin', 'rights_two');
SELECT lakehouse.right_revoke('key_admin', 'rights_one');
SELECT lakehouse.key_rotate('nothing');
RESET ROLE;
SELECT "right", role, complete FROM lakehouse.rights ORDER BY 1, 2::text;
-- DROP ROLE sees a right
DROP ROLE rights_one;
REVOKE EXECUTE ON FUNCTION lakehouse.right_grant(text, regrole), lakehouse.right_revoke(text, regrole) FROM rights_one;
SELECT lakehouse.right_revoke('key_admin', 'rights_one'), lakehouse.right_revoke('auditor', 'rights_two');
SELECT count(*) FROM lakehouse.rights;
DROP ROLE rights_one, rights_two, rights_member;
