-- Static copies: tables copied with the masks of a role, foreign keys kept (docs/static_copies.md).

CREATE FUNCTION lakehouse.static_copy(relations regclass[], to_schema name, role regrole, orphans text DEFAULT 'error',
		checks text DEFAULT 'error', partitions text DEFAULT 'keep', without text[] DEFAULT '{}',
		OUT kind text, OUT relation regclass, OUT object text, OUT treatment text, OUT policy text, OUT "rows" bigint)
	RETURNS SETOF record AS 'MODULE_PATHNAME', 'lakehouse_static_copy' LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE ROWS 100;
COMMENT ON FUNCTION lakehouse.static_copy(regclass[], name, regrole, text, text, text, text[]) IS
	'Copy tables to another schema as a role sees them, with keys that fit; reports what became of each column';
CREATE FUNCTION lakehouse.static_plan(relations regclass[], to_schema name, role regrole, orphans text DEFAULT 'error',
		checks text DEFAULT 'error', partitions text DEFAULT 'keep', without text[] DEFAULT '{}',
		OUT kind text, OUT relation regclass, OUT object text, OUT treatment text, OUT policy text, OUT "rows" bigint)
	RETURNS SETOF record AS 'MODULE_PATHNAME', 'lakehouse_static_plan' LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE ROWS 100;
COMMENT ON FUNCTION lakehouse.static_plan(regclass[], name, regrole, text, text, text, text[]) IS
	'What static_copy would do with the same arguments, and what stands in the way; nothing is made';
-- Of partitions the roots alone: their copies come with them.
CREATE FUNCTION lakehouse.static_copy_schema(from_schema regnamespace, to_schema name, role regrole, orphans text DEFAULT 'error',
		checks text DEFAULT 'error', partitions text DEFAULT 'keep', without text[] DEFAULT '{}',
		OUT kind text, OUT relation regclass, OUT object text, OUT treatment text, OUT policy text, OUT "rows" bigint)
	RETURNS SETOF record LANGUAGE sql STRICT VOLATILE PARALLEL UNSAFE ROWS 100 SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT s.* FROM lakehouse.static_copy((SELECT coalesce(array_agg(c.oid::regclass ORDER BY c.relname), '{}') FROM pg_class c
			WHERE c.relnamespace = $1 AND c.relkind IN ('r', 'p') AND NOT c.relispartition), $2, $3, $4, $5, $6, $7) s;
END;
COMMENT ON FUNCTION lakehouse.static_copy_schema(regnamespace, name, regrole, text, text, text, text[]) IS
	'static_copy of all tables of a schema';

-- Kept where COPY keeps its progress; the row is the server's to show or to hide (pg_read_all_stats).
CREATE VIEW lakehouse.static_progress AS
	SELECT p.pid, p.datid, d.datname, p.relid, p.param11 AS tables_done, p.param12 AS tables_total, p.param3 AS rows_copied
	FROM pg_catalog.pg_stat_get_progress_info('COPY') p
		LEFT JOIN pg_catalog.pg_database d ON d.oid OPERATOR(pg_catalog.=) p.datid
	WHERE p.param5 OPERATOR(pg_catalog.=) 76;
COMMENT ON VIEW lakehouse.static_progress IS 'How far static copies are: the table that is read, and those before it';
GRANT SELECT ON lakehouse.static_progress TO PUBLIC;

REVOKE ALL ON FUNCTION
	lakehouse.static_copy(regclass[], name, regrole, text, text, text, text[]),
	lakehouse.static_plan(regclass[], name, regrole, text, text, text, text[]),
	lakehouse.static_copy_schema(regnamespace, name, regrole, text, text, text, text[])
	FROM PUBLIC;
