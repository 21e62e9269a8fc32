-- Columns and rights of foreign tables when they are defined.  It runs as whoever
-- runs the command.  ALTER TABLE is in the list because it takes foreign tables too.
CREATE FUNCTION lakehouse.define() RETURNS event_trigger
	AS 'MODULE_PATHNAME', 'lakehouse_define'
	LANGUAGE C SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION lakehouse.define() FROM PUBLIC;
COMMENT ON FUNCTION lakehouse.define() IS
	'Event trigger: infers the columns of new lakehouse tables, checks the right to their location';

CREATE EVENT TRIGGER lakehouse_define ON ddl_command_end
	WHEN TAG IN ('CREATE FOREIGN TABLE', 'ALTER FOREIGN TABLE', 'ALTER TABLE', 'IMPORT FOREIGN SCHEMA')
	EXECUTE FUNCTION lakehouse.define();
-- also where session_replication_role is replica: it checks rights
ALTER EVENT TRIGGER lakehouse_define ENABLE ALWAYS;
COMMENT ON EVENT TRIGGER lakehouse_define IS 'Columns and rights of lakehouse tables';

-- Harmless for the public: it checks that the caller owns the table.
CREATE FUNCTION lakehouse.refresh_columns("table" regclass,
	OUT action text, OUT column_name text, OUT data_type text) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_refresh_columns'
	LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION lakehouse.refresh_columns(regclass) IS
	'Add, drop and retype columns of a lakehouse table until they are those of its files; says what it did';
