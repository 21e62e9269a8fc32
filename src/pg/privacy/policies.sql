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

CREATE FUNCTION lakehouse.policy_list(OUT name text, OUT relation regclass, OUT masks text[], OUT row_filter text,
		OUT for_roles text[], OUT except_roles text[], OUT purposes text[], OUT until timestamptz, OUT options jsonb,
		OUT origin text, OUT problem text) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_policy_list' LANGUAGE C STRICT VOLATILE PARALLEL RESTRICTED ROWS 100;
COMMENT ON FUNCTION lakehouse.policy_list() IS
	'All policies as policy_create takes them, and why one cannot be used';
CREATE FUNCTION lakehouse.policy_columns(OUT policy text, OUT relation regclass, OUT attnum smallint, OUT "column" name,
		OUT masked boolean) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_policy_columns' LANGUAGE C STRICT VOLATILE PARALLEL RESTRICTED ROWS 100;
COMMENT ON FUNCTION lakehouse.policy_columns() IS
	'Columns that policies mask, or show of filtered rows only, with those of partitions and parents';
CREATE FUNCTION lakehouse.policy_concerns(name text, role regrole) RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_policy_concerns' LANGUAGE C STRICT VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.policy_concerns(text, regrole) IS
	'Is a policy for a role, by membership as well, whatever it claims and whenever it is';
CREATE FUNCTION lakehouse.policy_enforced() RETURNS boolean
	AS 'MODULE_PATHNAME', 'lakehouse_policy_enforced' LANGUAGE C STRICT STABLE PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.policy_enforced() IS 'Is the library preloaded, so that policies hold';
CREATE FUNCTION lakehouse.policy_explain(role regrole, query text, OUT relation regclass, OUT "column" name,
		OUT access text, OUT policy text, OUT expression text) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_policy_explain' LANGUAGE C STRICT VOLATILE PARALLEL RESTRICTED ROWS 20;
COMMENT ON FUNCTION lakehouse.policy_explain(regrole, text) IS
	'What a query reads and how a role would see it: plain, masked, denied, filtered; the query is not run';

CREATE FUNCTION lakehouse.policy_diff(role_a regrole, role_b regrole, relations regclass[] DEFAULT NULL,
		OUT relation regclass, OUT "column" name, OUT access_a text, OUT mask_a text, OUT policy_a text,
		OUT access_b text, OUT mask_b text, OUT policy_b text) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_policy_diff' LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 50;
COMMENT ON FUNCTION lakehouse.policy_diff(regrole, regrole, regclass[]) IS
	'Columns and rows that two roles see differently; without relations: of all that policies are about';

-- Relations and roles by name, so that it can be kept outside and compared later.
CREATE FUNCTION lakehouse.policy_export() RETURNS jsonb
	LANGUAGE sql VOLATILE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
BEGIN ATOMIC
	SELECT coalesce(jsonb_object_agg(l.name, to_jsonb(l) - 'name'), '{}') FROM lakehouse.policy_list() l;
END;
COMMENT ON FUNCTION lakehouse.policy_export() IS 'All policies as one document, for policy_changes';
-- A mask is a field of its own, "mask of <column>".
CREATE FUNCTION lakehouse.policy_changes(before jsonb, after jsonb DEFAULT NULL,
		OUT policy text, OUT relation text, OUT change text, OUT field text, OUT was text, OUT "is" text)
	RETURNS SETOF record LANGUAGE sql VOLATILE PARALLEL RESTRICTED ROWS 50 SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	WITH states(state, name, body) AS (
		SELECT 1, e.key, e.value FROM jsonb_each($1) e
		UNION ALL
		SELECT 2, e.key, e.value FROM jsonb_each(coalesce($2, lakehouse.policy_export())) e),
	fields(state, name, field, value) AS (
		SELECT s.state, s.name, f.key, f.value #>> '{}' FROM states s, jsonb_each(s.body) f
		WHERE f.key <> 'masks' AND f.value <> 'null' AND f.value <> '[]' AND f.value <> '{}'
		UNION ALL
		SELECT s.state, s.name, 'mask of ' || (m.value #>> '{}'), s.body->'masks'->>m.ordinality::int
		FROM states s, jsonb_array_elements(CASE jsonb_typeof(s.body->'masks') WHEN 'array' THEN s.body->'masks' ELSE '[]' END)
			WITH ORDINALITY m(value, ordinality)
		WHERE m.ordinality % 2 = 1)
	SELECT coalesce(a.name, b.name), coalesce(b.body, a.body)->>'relation',
		CASE WHEN a.name IS NULL THEN 'made' WHEN b.name IS NULL THEN 'dropped' ELSE 'changed' END, f.field, f.was, f."is"
	FROM (SELECT * FROM states WHERE state = 1) a FULL JOIN (SELECT * FROM states WHERE state = 2) b ON a.name = b.name
	LEFT JOIN LATERAL (
		SELECT coalesce(x.field, y.field) AS field, x.value AS was, y.value AS "is"
		FROM (SELECT * FROM fields WHERE state = 1 AND name = a.name) x
		FULL JOIN (SELECT * FROM fields WHERE state = 2 AND name = b.name) y ON x.field = y.field
		WHERE x.value IS DISTINCT FROM y.value) f ON true
	WHERE a.body IS DISTINCT FROM b.body
	ORDER BY 1, 4;
END;
COMMENT ON FUNCTION lakehouse.policy_changes(jsonb, jsonb) IS
	'What has changed between two exports of policies; after null: until now';

CREATE FUNCTION lakehouse.policy_readings() RETURNS bigint
	AS 'MODULE_PATHNAME', 'lakehouse_policy_readings'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.policy_readings() IS
	'How many definitions of policies this session has read: one more for each that changed';

REVOKE ALL ON FUNCTION
	lakehouse.policy_list(), lakehouse.policy_columns(), lakehouse.policy_readings(), lakehouse.policy_concerns(text, regrole),
	lakehouse.policy_enforced(), lakehouse.policy_explain(regrole, text),
	lakehouse.policy_diff(regrole, regrole, regclass[]), lakehouse.policy_export(), lakehouse.policy_changes(jsonb, jsonb),
	lakehouse.tag(regclass, name, text), lakehouse.untag(regclass, name, text), lakehouse.tags_apply(),
	lakehouse.policy_create(text, regclass, text[], text, text[], text[], text[], timestamptz, jsonb, text),
	lakehouse.policy_alter(text, text[], text, text[], text[], text[], timestamptz, jsonb, text),
	lakehouse.policy_drop(text)
	FROM PUBLIC;
