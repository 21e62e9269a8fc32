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
	'Does nothing: who may execute it may read the audit log';
REVOKE ALL ON FUNCTION lakehouse.policy_admin(), lakehouse.key_admin(), lakehouse.auditor() FROM PUBLIC;
