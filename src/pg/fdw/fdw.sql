-- The schema is for everyone to look into; what is in it grants its own rights.
GRANT USAGE ON SCHEMA lakehouse TO PUBLIC;

-- Called by PostgreSQL only, which checks no right for it.
CREATE FUNCTION lakehouse.fdw_handler() RETURNS fdw_handler
	AS 'MODULE_PATHNAME', 'lakehouse_fdw_handler'
	LANGUAGE C STRICT;
REVOKE ALL ON FUNCTION lakehouse.fdw_handler() FROM PUBLIC;

CREATE FUNCTION lakehouse.fdw_validator(options text[], catalog oid) RETURNS void
	AS 'MODULE_PATHNAME', 'lakehouse_fdw_validator'
	LANGUAGE C STRICT;
REVOKE ALL ON FUNCTION lakehouse.fdw_validator(text[], oid) FROM PUBLIC;

CREATE FOREIGN DATA WRAPPER lakehouse
	HANDLER lakehouse.fdw_handler
	VALIDATOR lakehouse.fdw_validator;
COMMENT ON FOREIGN DATA WRAPPER lakehouse IS 'Parquet files and lake tables';
