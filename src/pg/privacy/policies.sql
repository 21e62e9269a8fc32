-- Policies and tags.

-- Who a statement is run for: for row filters, where current_user would be their owner.
CREATE FUNCTION lakehouse.subject_role() RETURNS name
	AS 'MODULE_PATHNAME', 'lakehouse_subject_role' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.subject_role() IS 'Role whose policies hold for the present statement';
CREATE FUNCTION lakehouse.subject_session() RETURNS name
	AS 'MODULE_PATHNAME', 'lakehouse_subject_session' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.subject_session() IS 'Role that the session belongs to, whatever SET ROLE said';
CREATE FUNCTION lakehouse.purpose() RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_purpose_text' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.purpose() IS 'Purpose that the session claims (setting lakehouse.purpose); empty: none';

CREATE FUNCTION lakehouse.policy_create(name text, relation regclass, masks text[] DEFAULT '{}',
	row_filter text DEFAULT NULL, for_roles text[] DEFAULT '{}', except_roles text[] DEFAULT '{}',
	purposes text[] DEFAULT '{}', until timestamptz DEFAULT NULL, options jsonb DEFAULT '{}',
	floor text DEFAULT 'revoke') RETURNS void
	AS 'MODULE_PATHNAME', 'lakehouse_policy_create' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION lakehouse.policy_create(text, regclass, text[], text, text[], text[], text[], timestamptz, jsonb, text) IS
	'Mask columns and filter rows of a table for roles';
CREATE FUNCTION lakehouse.policy_alter(name text, masks text[] DEFAULT NULL, row_filter text DEFAULT NULL,
	for_roles text[] DEFAULT NULL, except_roles text[] DEFAULT NULL, purposes text[] DEFAULT NULL,
	until timestamptz DEFAULT NULL, options jsonb DEFAULT NULL, floor text DEFAULT 'revoke') RETURNS void
	AS 'MODULE_PATHNAME', 'lakehouse_policy_alter' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION lakehouse.policy_alter(text, text[], text, text[], text[], text[], timestamptz, jsonb, text) IS
	'Change a policy; what is null stays as it is';
CREATE FUNCTION lakehouse.policy_drop(name text) RETURNS void
	AS 'MODULE_PATHNAME', 'lakehouse_policy_drop' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION lakehouse.policy_drop(text) IS
	'Drop a policy; privileges that it took away are not granted again';

CREATE FUNCTION lakehouse.tag(relation regclass, "column" name, tag text) RETURNS void
	AS 'MODULE_PATHNAME', 'lakehouse_tag' LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION lakehouse.tag(regclass, name, text) IS 'Tag a column; policies of the tag hold for it from now on';
CREATE FUNCTION lakehouse.untag(relation regclass, "column" name, tag text) RETURNS void
	AS 'MODULE_PATHNAME', 'lakehouse_untag' LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION lakehouse.untag(regclass, name, text) IS 'Take a tag from a column, and its policies with it';
CREATE FUNCTION lakehouse.tags_apply() RETURNS integer
	AS 'MODULE_PATHNAME', 'lakehouse_tags_apply' LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION lakehouse.tags_apply() IS
	'Make the policies of tags that tagged columns lack; how many that were';

REVOKE ALL ON FUNCTION
	lakehouse.tag(regclass, name, text), lakehouse.untag(regclass, name, text), lakehouse.tags_apply(),
	lakehouse.policy_create(text, regclass, text[], text, text[], text[], text[], timestamptz, jsonb, text),
	lakehouse.policy_alter(text, text[], text, text[], text[], text[], timestamptz, jsonb, text),
	lakehouse.policy_drop(text)
	FROM PUBLIC;
