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

-- What a database leaves open in spite of its policies.  Reads catalogs that everybody may read.
CREATE FUNCTION lakehouse.policy_readings() RETURNS bigint
	AS 'MODULE_PATHNAME', 'lakehouse_policy_readings'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.policy_readings() IS
	'How many definitions of policies this session has read: one more for each that changed';

CREATE FUNCTION lakehouse.policy_holes(OUT kind text, OUT object text, OUT policy text, OUT detail text)
	RETURNS SETOF record LANGUAGE sql VOLATILE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	WITH RECURSIVE hidden AS MATERIALIZED (SELECT * FROM lakehouse.policy_columns()),
	masked AS MATERIALIZED (SELECT * FROM hidden WHERE masked),
	listed AS MATERIALIZED (SELECT * FROM lakehouse.policy_list()),
	tables AS MATERIALIZED (SELECT DISTINCT policy, relation FROM hidden),
	-- what hangs on a masked column: a table's default, constraint, index, statistics or rule
	hanging AS MATERIALIZED (
		SELECT DISTINCT m.policy, m.relation, m."column", d.classid, d.objid
		FROM masked m JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = m.relation AND d.refobjsubid = m.attnum),
	views AS MATERIALIZED (
		SELECT DISTINCT t.policy, t.relation, c.oid AS view, c.relkind, c.reloptions
		FROM tables t JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = t.relation
			AND d.classid = 'pg_rewrite'::regclass
		JOIN pg_rewrite r ON r.oid = d.objid JOIN pg_class c ON c.oid = r.ev_class
		WHERE c.oid <> t.relation AND c.relkind IN ('v', 'm')
			AND c.relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname IN ('lakehouse_policies', 'lakehouse_domains'))),
	-- and what reads a table through views; what reads a view that has policies itself is found by those
	over(policy, relation, view, relkind) AS (
		SELECT policy, relation, view, relkind FROM views
		UNION
		SELECT o.policy, o.relation, c.oid, c.relkind
		FROM over o JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = o.view AND d.classid = 'pg_rewrite'::regclass
		JOIN pg_rewrite r ON r.oid = d.objid JOIN pg_class c ON c.oid = r.ev_class
		WHERE c.oid <> o.view AND c.relkind IN ('v', 'm') AND NOT EXISTS (SELECT FROM tables t WHERE t.relation = o.view)),
	-- functions that are given rows, as constraints, indexes, statistics, generated columns and row security call them
	called AS (
		SELECT DISTINCT t.policy, t.relation, p.oid AS function, p.proowner
		FROM tables t JOIN pg_depend b ON b.refclassid = 'pg_class'::regclass AND b.refobjid = t.relation
			AND (b.deptype = 'i' OR (b.deptype = 'a' AND b.classid <> 'pg_attrdef'::regclass))
			AND b.classid IN ('pg_constraint'::regclass, 'pg_class'::regclass, 'pg_statistic_ext'::regclass, 'pg_attrdef'::regclass, 'pg_policy'::regclass)
		JOIN pg_depend f ON f.classid = b.classid AND f.objid = b.objid AND f.refclassid = 'pg_proc'::regclass
		JOIN pg_proc p ON p.oid = f.refobjid)
	SELECT 'server', 'shared_preload_libraries', NULL, 'lakehouse is not preloaded: no policy holds, and what it masks is denied'
	WHERE NOT lakehouse.policy_enforced()
	UNION ALL
	SELECT 'policy', relation::text, name, problem FROM listed WHERE problem IS NOT NULL
	UNION ALL
	SELECT 'policy', relation::text, name, 'it is for no role any more' FROM listed WHERE problem IS NULL AND for_roles = '{}'
	UNION ALL
	SELECT 'policy', relation::text, name, 'its time is over' FROM listed WHERE until <= now()
	UNION ALL
	SELECT 'tag', l.objoid::regclass || '.' || a.attname, p.name, 'tagged without its policy: lakehouse.tags_apply() makes it'
	FROM listed p JOIN pg_seclabel l ON l.provider = 'lakehouse' AND l.classoid = 'pg_class'::regclass
		AND p.options->>'tag' = ANY (regexp_split_to_array(l.label, '\s*,\s*'))
	JOIN pg_attribute a ON a.attrelid = l.objoid AND a.attnum = l.objsubid
	JOIN pg_class c ON c.oid = l.objoid AND c.relkind IN ('r', 'p', 'f', 'm')
	WHERE NOT EXISTS (SELECT FROM listed i WHERE i.origin = p.name AND i.relation = l.objoid AND i.masks[1] = a.attname)
	UNION ALL
	SELECT 'role', rolname::text, NULL, 'is a superuser' FROM pg_roles WHERE rolsuper
	UNION ALL
	SELECT 'role', rolname::text, NULL, 'has REPLICATION: reads all tables from the log' FROM pg_roles WHERE rolreplication AND NOT rolsuper
	UNION ALL
	SELECT 'role', rolname::text, NULL, 'has BYPASSRLS: row security beneath policies is not for it' FROM pg_roles WHERE rolbypassrls AND NOT rolsuper
	UNION ALL
	SELECT 'role', r.rolname::text, NULL, 'has ' || g.rolname || CASE g.rolname
			WHEN 'pg_read_all_data' THEN ': may read all tables where policies do not hold'
			WHEN 'pg_execute_server_program' THEN ': runs programs as the server'
			WHEN 'pg_write_server_files' THEN ': writes files of the server'
			ELSE ': reads files of the server' END
	FROM pg_roles g JOIN pg_roles r ON r.oid <> g.oid AND NOT r.rolsuper AND pg_has_role(r.oid, g.oid, 'MEMBER')
	WHERE g.rolname IN ('pg_read_all_data', 'pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program')
		AND r.rolname !~ '^pg_'
	UNION ALL
	SELECT 'extension', extname::text, NULL, 'can show what policies mask'
	FROM pg_extension WHERE extname IN ('pageinspect', 'dblink', 'file_fdw', 'pg_walinspect', 'postgres_fdw', 'adminpack', 'pgstattuple',
		'pg_surgery', 'amcheck', 'lo', 'plpython3u', 'plperlu', 'pltclu', 'pg_stat_statements')
	UNION ALL
	SELECT 'privilege', h.relation || '.' || h."column", h.policy, CASE WHEN c.relowner = r.oid THEN r.rolname || ' owns the table: finds samples of values in pg_stats'
			ELSE r.rolname || ' is masked, but holds SELECT: sees the value where policies do not hold' END
	FROM hidden h JOIN pg_class c ON c.oid = h.relation
	JOIN pg_roles r ON NOT r.rolsuper AND has_column_privilege(r.oid, h.relation, h.attnum, 'SELECT')
	WHERE lakehouse.policy_concerns(h.policy, r.oid) AND h.masked
	UNION ALL
	SELECT 'publication', p.pubname || ': ' || t.relation, t.policy, 'sends the table''s values as they are'
	FROM tables t JOIN pg_publication_tables p ON (quote_ident(p.schemaname) || '.' || quote_ident(p.tablename))::regclass = t.relation
	UNION ALL
	SELECT 'slot', slot_name || ': ' || plugin, NULL, 'decodes with another plugin, which sends all tables'' values as they are'
	FROM pg_replication_slots WHERE database = current_database() AND plugin !~ '(^|/)lakehouse(\.so)?$' AND EXISTS (SELECT FROM tables)
	UNION ALL
	SELECT 'default', h.relation || '.' || h."column", h.policy, 'everybody may read it in the catalogs: ' || pg_get_expr(a.adbin, a.adrelid)
	FROM masked h JOIN pg_attrdef a ON a.adrelid = h.relation AND a.adnum = h.attnum
	UNION ALL
	SELECT 'constraint', h.relation || '.' || c.conname, h.policy, 'everybody may read it in the catalogs: ' || pg_get_constraintdef(c.oid)
	FROM masked h JOIN pg_constraint c ON c.conrelid = h.relation AND c.contype = 'c' AND h.attnum = ANY (c.conkey)
	UNION ALL
	SELECT 'partition', c.oid::regclass::text, h.policy, 'everybody may read its bound in the catalogs: ' || pg_get_expr(c.relpartbound, c.oid)
	FROM masked h JOIN pg_partitioned_table p ON p.partrelid = h.relation AND h.attnum = ANY (p.partattrs::int2[])
	JOIN pg_inherits i ON i.inhparent = h.relation JOIN pg_class c ON c.oid = i.inhrelid AND c.relpartbound IS NOT NULL
	UNION ALL
	SELECT DISTINCT 'index', i.indexrelid::regclass::text, h.policy, CASE WHEN i.indpred IS NOT NULL
			THEN 'everybody may read its condition in the catalogs: ' || pg_get_expr(i.indpred, i.indrelid)
			ELSE 'has statistics of an expression over a masked column' END
	FROM hanging h JOIN pg_index i ON h.classid = 'pg_class'::regclass AND i.indexrelid = h.objid
	WHERE i.indpred IS NOT NULL OR i.indexprs IS NOT NULL
	UNION ALL
	SELECT DISTINCT 'statistics', s.stxnamespace::regnamespace || '.' || s.stxname, h.policy, 'has values of a masked column'
	FROM hanging h JOIN pg_statistic_ext s ON h.classid = 'pg_statistic_ext'::regclass AND s.oid = h.objid
	UNION ALL
	SELECT 'view', view::regclass::text, policy, CASE
			WHEN relkind = 'm' THEN 'holds values of the table; it needs a policy of its own'
			ELSE 'reads the table as its owner: where policies do not hold, whoever may read it sees values' END
	FROM views v WHERE (relkind = 'm' AND NOT EXISTS (SELECT FROM tables t WHERE t.relation = v.view))
		OR (relkind = 'v' AND NOT coalesce(reloptions && ARRAY['security_invoker=true', 'security_invoker=on', 'security_invoker=1'], false))
	UNION ALL
	SELECT 'view', o.view::regclass::text, o.policy, 'holds values of ' || o.relation || ' through views; it needs a policy of its own'
	FROM over o WHERE o.relkind = 'm' AND NOT EXISTS (SELECT FROM views v WHERE v.view = o.view AND v.policy = o.policy)
		AND NOT EXISTS (SELECT FROM tables t WHERE t.relation = o.view)
	UNION ALL
	SELECT 'view', view::regclass::text, policy, 'everybody may read its text in the catalogs, with constants of WHERE' FROM views
	UNION ALL
	SELECT 'trigger', t.relation || '.' || g.tgname, t.policy, 'its function ' || g.tgfoid::regprocedure || ' gets values as they are'
	FROM tables t JOIN pg_trigger g ON g.tgrelid = t.relation AND NOT g.tgisinternal
	UNION ALL
	SELECT 'function', c.function::regprocedure::text, c.policy, 'gets values of ' || c.relation || ' as they are, and calls what its owner ' || r.rolname || ' may change'
	FROM called c JOIN pg_roles r ON r.oid = c.proowner AND NOT r.rolsuper
	UNION ALL
	SELECT DISTINCT 'default privilege', CASE WHEN d.defaclnamespace = 0 THEN 'any schema' ELSE 'schema ' || d.defaclnamespace::regnamespace END, t.policy,
		CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END || ' will hold SELECT on tables that ' || d.defaclrole::regrole || ' makes, partitions of what is masked for it as well'
	FROM pg_default_acl d CROSS JOIN aclexplode(d.defaclacl) a CROSS JOIN (SELECT DISTINCT policy FROM masked) t
	WHERE d.defaclobjtype = 'r' AND a.privilege_type = 'SELECT' AND a.grantee <> d.defaclrole
		AND (a.grantee = 0 OR lakehouse.policy_concerns(t.policy, a.grantee::regrole))
	UNION ALL
	SELECT 'foreign table', t.relation::text, t.policy, 'its files are read by other tables and functions as they are: its option other_paths says so'
	FROM tables t JOIN listed l ON l.name = t.policy JOIN pg_foreign_table f ON f.ftrelid = t.relation
	WHERE l.options->>'other_paths' = 'true'
	UNION ALL
	-- our own wrapper closes locations of policies, but for their option other_paths
	SELECT 'foreign table', o.ftrelid::regclass::text, t.policy, 'has the location of ' || t.relation ||
		CASE WHEN own THEN ': whoever a policy of its own is for sees what that says' ELSE ' without its policy' END
	FROM tables t JOIN pg_foreign_table f ON f.ftrelid = t.relation
	JOIN pg_foreign_table o ON o.ftrelid <> f.ftrelid JOIN pg_foreign_server s ON s.oid = o.ftserver
	JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw JOIN listed l ON l.name = t.policy,
	LATERAL (SELECT EXISTS (SELECT FROM tables x WHERE x.relation = o.ftrelid) AS own) x
	WHERE (own OR l.options->>'other_paths' = 'true' OR w.fdwhandler <> 'lakehouse.fdw_handler()'::regprocedure)
		AND EXISTS (SELECT FROM pg_options_to_table(f.ftoptions) a JOIN pg_options_to_table(o.ftoptions) b USING (option_name, option_value)
			WHERE option_name IN ('location', 'filename', 'table_name'))
	ORDER BY 1, 2, 3, 4;
END;
COMMENT ON FUNCTION lakehouse.policy_holes() IS
	'What the database leaves open in spite of its policies: roles, extensions, catalogs, privileges, views, triggers, functions';

REVOKE ALL ON FUNCTION
	lakehouse.policy_list(), lakehouse.policy_columns(), lakehouse.policy_readings(), lakehouse.policy_concerns(text, regrole),
	lakehouse.policy_enforced(), lakehouse.policy_explain(regrole, text), lakehouse.policy_holes(),
	lakehouse.policy_diff(regrole, regrole, regclass[]), lakehouse.policy_export(), lakehouse.policy_changes(jsonb, jsonb),
	lakehouse.tag(regclass, name, text), lakehouse.untag(regclass, name, text), lakehouse.tags_apply(),
	lakehouse.policy_create(text, regclass, text[], text, text[], text[], text[], timestamptz, jsonb, text),
	lakehouse.policy_alter(text, text[], text, text[], text[], text[], timestamptz, jsonb, text),
	lakehouse.policy_drop(text)
	FROM PUBLIC;
