-- What a database leaves open in spite of its policies.  Reads catalogs that everybody may read.

-- Keys that were there before a policy answer guesses: a row that cannot be written says that a value is there, or is not.
-- Only those are listed that somebody can ask.  That is a role which is neither a superuser nor the owner, which the policy is for (policy_concerns),
-- and which may write to the table that asks: by its own grants and those that it has as a member, on the table or any column, on a table
-- above it (parent, partitioned table), or on a view through which it can be written.
CREATE FUNCTION lakehouse.policy_keys(OUT kind text, OUT object text, OUT policy text, OUT detail text)
	RETURNS SETOF record LANGUAGE sql VOLATILE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	WITH RECURSIVE hidden AS MATERIALIZED (SELECT * FROM lakehouse.policy_columns()),
	-- tables whose rows are filtered: there every key asks for hidden rows
	filtered AS MATERIALIZED (
		SELECT DISTINCT h.policy, h.relation FROM hidden h JOIN lakehouse.policy_list() l ON l.name = h.policy WHERE l.row_filter IS NOT NULL),
	unique_keys AS (
		SELECT h.policy, h.relation, i.indexrelid, bool_or(h.masked) AS masked, string_agg(quote_ident(h."column"), ', ' ORDER BY h.attnum)
			FILTER (WHERE h.masked) AS columns, bool_or(i.indisexclusion) AS exclusion
		FROM hidden h JOIN pg_index i ON i.indrelid = h.relation AND (i.indisunique OR i.indisexclusion)
		JOIN pg_class c ON c.oid = i.indexrelid AND NOT c.relispartition
		WHERE h.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])
			-- in an expression or the condition
			OR ((i.indexprs IS NOT NULL OR i.indpred IS NOT NULL) AND EXISTS (
				SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
					AND d.refclassid = 'pg_class'::regclass AND d.refobjid = h.relation AND d.refobjsubid = h.attnum))
		GROUP BY 1, 2, 3
		HAVING bool_or(h.masked) OR EXISTS (SELECT FROM filtered f WHERE f.policy = h.policy AND f.relation = h.relation)),
	asked AS (
		SELECT u.policy, 'unique key' AS kind, u.indexrelid::regclass || ' of ' || u.relation AS object, u.relation AS hides, u.relation::oid AS written,
			'INSERT, UPDATE' AS privileges, CASE WHEN u.masked THEN 'a row that has the same ' || u.columns ELSE 'a hidden row that has the same key' END ||
				CASE WHEN u.exclusion THEN ', or what it excludes,' ELSE '' END || ' makes writing fail' AS what,
			'drop the key, or make it of other columns' AS instead
		FROM unique_keys u
		UNION ALL
		-- whoever takes away what is referred to, or changes it, learns that it is
		SELECT h.policy, 'foreign key', k.conname || ' of ' || k.conrelid::regclass, h.relation, k.confrelid, 'INSERT, UPDATE, DELETE',
			'a row of ' || k.conrelid::regclass || ' that refers to a key by ' || string_agg(quote_ident(h."column"), ', ' ORDER BY h.attnum) ||
				' shows when the key is changed or deleted', 'drop the constraint'
		FROM hidden h JOIN pg_constraint k ON k.contype = 'f' AND k.conparentid = 0 AND k.conrelid = h.relation AND h.attnum = ANY (k.conkey)
		WHERE h.masked
		GROUP BY h.policy, h.relation, k.oid, k.conname, k.conrelid, k.confrelid
		UNION ALL
		SELECT h.policy, 'foreign key', k.conname || ' of ' || k.conrelid::regclass, h.relation, k.conrelid, 'INSERT, UPDATE',
			CASE WHEN bool_or(h.masked) THEN 'a row without one of ' || h.relation || ' that has the same ' || string_agg(quote_ident(h."column"), ', ' ORDER BY h.attnum)
				FILTER (WHERE h.masked) ELSE 'a row without one of ' || h.relation || ', be it hidden,' END || ' cannot be written',
			'drop the constraint, or let it refer to other columns'
		FROM hidden h JOIN pg_constraint k ON k.contype = 'f' AND k.conparentid = 0 AND k.confrelid = h.relation AND h.attnum = ANY (k.confkey)
		GROUP BY h.policy, h.relation, k.oid, k.conname, k.conrelid
		HAVING bool_or(h.masked) OR EXISTS (SELECT FROM filtered f WHERE f.policy = h.policy AND f.relation = h.relation)),
	-- by which names a table can be written
	through(written, name) AS (
		SELECT DISTINCT written, written FROM asked
		UNION
		SELECT t.written, n.oid FROM through t, LATERAL (
			SELECT i.inhparent AS oid FROM pg_inherits i WHERE i.inhrelid = t.name
			UNION ALL
			SELECT c.oid FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid JOIN pg_class c ON c.oid = r.ev_class
			WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = t.name
				AND c.oid <> t.name AND c.relkind = 'v' AND pg_relation_is_updatable(c.oid, true) & 28 <> 0
				AND c.relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname IN ('lakehouse_policies', 'lakehouse_domains'))) n),
	-- names, then functions that read policies
	grants AS MATERIALIZED (
		SELECT DISTINCT t.written, a.privileges, r.oid AS role, r.rolname
		FROM (SELECT DISTINCT written, privileges FROM asked) a JOIN through t ON t.written = a.written
		JOIN pg_roles r ON NOT r.rolsuper AND r.rolname !~ '^pg_'
		WHERE has_any_column_privilege(r.oid, t.name, 'INSERT, UPDATE')
			OR (a.privileges ~ 'DELETE' AND has_table_privilege(r.oid, t.name, 'DELETE'))),
	roles AS (
		SELECT a.kind, a.object, a.policy, a.what, a.instead, a.privileges, array_agg(DISTINCT quote_ident(g.rolname)) AS names
		FROM asked a JOIN grants g ON g.written = a.written AND g.privileges = a.privileges
		JOIN pg_class c ON c.oid = a.hides AND c.relowner <> g.role
		WHERE lakehouse.policy_concerns(a.policy, g.role::regrole)
		GROUP BY 1, 2, 3, 4, 5, 6)
	SELECT r.kind, r.object, r.policy, 'answers guesses of ' || array_to_string(r.names[1:8], ', ') ||
		CASE WHEN cardinality(r.names) > 8 THEN ' and ' || cardinality(r.names) - 8 || ' more' ELSE '' END || ': ' || r.what ||
		'; revoke ' || r.privileges || ' from them, or ' || r.instead
	FROM roles r
	ORDER BY 1, 2, 3, 4;
END;
COMMENT ON FUNCTION lakehouse.policy_keys() IS
	'Unique keys, exclusion constraints and foreign keys by which roles that are masked can ask whether a value is there';

CREATE FUNCTION lakehouse.policy_holes(OUT kind text, OUT object text, OUT policy text, OUT detail text)
	RETURNS SETOF record LANGUAGE sql VOLATILE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	WITH RECURSIVE hidden AS MATERIALIZED (SELECT * FROM lakehouse.policy_columns()),
	masked AS MATERIALIZED (SELECT * FROM hidden WHERE masked),
	listed AS MATERIALIZED (SELECT * FROM lakehouse.policy_list()),
	tables AS MATERIALIZED (SELECT DISTINCT policy, relation FROM hidden),
	-- what hangs on a masked column: a table's default, constraint, index, statistics or rule
	hanging AS MATERIALIZED (
		SELECT DISTINCT m.policy, m.relation, m.attnum, m."column", d.classid, d.objid, d.objsubid
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
	-- stored or not: it is computed of the row as it is
	SELECT 'generated column', g.relation || '.' || a.attname, g.policy, 'is made from ' || string_agg(DISTINCT g."column", ', ') ||
		', which the policy masks, and shown as it is: mask it as well'
	FROM (
		SELECT h.policy, h.relation, h.attnum, h."column", e.adnum FROM hanging h JOIN pg_attrdef e ON h.classid = 'pg_attrdef'::regclass AND e.oid = h.objid
		UNION ALL
		SELECT h.policy, h.relation, h.attnum, h."column", h.objsubid FROM hanging h WHERE h.classid = 'pg_class'::regclass AND h.objid = h.relation AND h.objsubid > 0) g
	JOIN pg_attribute a ON a.attrelid = g.relation AND a.attnum = g.adnum AND a.attnum <> g.attnum AND a.attgenerated <> ''
	JOIN listed l ON l.name = g.policy
	-- nor masked by another that holds for all of these
	WHERE NOT EXISTS (SELECT FROM masked o JOIN listed b ON b.name = o.policy
		WHERE o.relation = g.relation AND o.attnum = a.attnum AND (b.name = l.name OR (
			(b.for_roles @> l.for_roles OR 'public' = ANY (b.for_roles)) AND b.except_roles <@ l.except_roles AND b.purposes = l.purposes
			AND b.until IS NOT DISTINCT FROM l.until
			AND b.options - '{tag,writes,other_paths}'::text[] = l.options - '{tag,writes,other_paths}'::text[])))
	GROUP BY g.relation, a.attname, g.policy
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
	SELECT 'rule', t.relation || '.' || r.rulename, t.policy, 'gets values as they are'
	FROM tables t JOIN pg_rewrite r ON r.ev_class = t.relation AND r.rulename <> '_RETURN'
	UNION ALL
	SELECT * FROM lakehouse.policy_keys()
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
	'What the database leaves open in spite of its policies: roles, extensions, catalogs, privileges, keys, views, triggers, functions';

REVOKE ALL ON FUNCTION lakehouse.policy_keys(), lakehouse.policy_holes() FROM PUBLIC;
