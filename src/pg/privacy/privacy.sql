-- Privacy: rights, and where definitions of policies and domains are kept.

-- Definitions are views in these (docs/adr/0013-privacy.md).  Nobody has rights on them:
-- they are made by functions of policies and domains, and by pg_restore.
CREATE SCHEMA lakehouse_policies;
COMMENT ON SCHEMA lakehouse_policies IS
	'Definitions of policies; lakehouse.policy_list() shows them';
CREATE SCHEMA lakehouse_domains;
COMMENT ON SCHEMA lakehouse_domains IS
	'Definitions of token domains; lakehouse.domain_list() shows them';

-- Its relcache invalidations tell all backends that a definition has changed.
CREATE TABLE lakehouse.privacy_anchor ();
COMMENT ON TABLE lakehouse.privacy_anchor IS
	'Always empty: changes of policies and domains are announced by it';
REVOKE ALL ON TABLE lakehouse.privacy_anchor FROM PUBLIC;

-- Rights are EXECUTE on these: lakehouse.right_grant.
CREATE FUNCTION lakehouse.policy_admin() RETURNS void
	LANGUAGE sql IMMUTABLE PARALLEL SAFE BEGIN ATOMIC SELECT; END;
COMMENT ON FUNCTION lakehouse.policy_admin() IS
	'Does nothing: who may execute it may administer policies, tags and domains';
CREATE FUNCTION lakehouse.key_admin() RETURNS void
	LANGUAGE sql IMMUTABLE PARALLEL SAFE BEGIN ATOMIC SELECT; END;
COMMENT ON FUNCTION lakehouse.key_admin() IS
	'Does nothing: who may execute it may administer keys';
CREATE FUNCTION lakehouse.auditor() RETURNS void
	LANGUAGE sql IMMUTABLE PARALLEL SAFE BEGIN ATOMIC SELECT; END;
COMMENT ON FUNCTION lakehouse.auditor() IS
	'Does nothing: who may execute it may look at keys, domains and policies';
REVOKE ALL ON FUNCTION lakehouse.policy_admin(), lakehouse.key_admin(), lakehouse.auditor() FROM PUBLIC;

CREATE FUNCTION lakehouse.right_grant("right" text, role regrole) RETURNS void
	AS 'MODULE_PATHNAME', 'lakehouse_right_grant'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION lakehouse.right_grant(text, regrole) IS
	'Give a role the right policy_admin, key_admin or auditor, with the functions it is about';
CREATE FUNCTION lakehouse.right_revoke("right" text, role regrole) RETURNS void
	AS 'MODULE_PATHNAME', 'lakehouse_right_revoke'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION lakehouse.right_revoke(text, regrole) IS
	'Take a right back';
CREATE FUNCTION lakehouse.right_objects(OUT "right" text, OUT routine regprocedure, OUT view regclass) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_right_objects'
	LANGUAGE C STABLE STRICT PARALLEL SAFE ROWS 50;
COMMENT ON FUNCTION lakehouse.right_objects() IS
	'What each right is about: routines to execute, views to read';
REVOKE ALL ON FUNCTION lakehouse.right_grant(text, regrole), lakehouse.right_revoke(text, regrole),
	lakehouse.right_objects() FROM PUBLIC;

-- complete: false after an update of the extension that brought functions; grant the right again
CREATE VIEW lakehouse.rights AS
	SELECT p.proname::text AS "right", a.grantee::pg_catalog.regrole AS role, pg_catalog.bool_or(a.is_grantable) AS grantable,
		(SELECT pg_catalog.bool_and(CASE WHEN o.routine IS NOT NULL
				THEN pg_catalog.has_function_privilege(a.grantee, o.routine::pg_catalog.oid, 'EXECUTE')
				ELSE pg_catalog.has_table_privilege(a.grantee, o.view::pg_catalog.oid, 'SELECT') END)
			FROM lakehouse.right_objects() o WHERE o."right" = p.proname) AS complete
	FROM pg_catalog.pg_proc p, pg_catalog.aclexplode(p.proacl) a
	WHERE p.oid IN ('lakehouse.policy_admin()'::pg_catalog.regprocedure, 'lakehouse.key_admin()'::pg_catalog.regprocedure,
		'lakehouse.auditor()'::pg_catalog.regprocedure) AND a.privilege_type = 'EXECUTE' AND a.grantee NOT IN (0, p.proowner)
	GROUP BY p.proname, a.grantee;
COMMENT ON VIEW lakehouse.rights IS
	'Who was given which right; superusers have all of them, and members of a role have its rights';
REVOKE ALL ON TABLE lakehouse.rights FROM PUBLIC;
