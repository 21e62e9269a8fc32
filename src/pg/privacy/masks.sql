-- Mask functions that need no key.

CREATE FUNCTION lakehouse.mask_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'lakehouse_mask_support' LANGUAGE C IMMUTABLE STRICT;
COMMENT ON FUNCTION lakehouse.mask_support(internal) IS 'Planner support of masks that do not depend on the value';

CREATE FUNCTION lakehouse.mask_null(value anyelement) RETURNS anyelement
	AS 'MODULE_PATHNAME', 'lakehouse_mask_null'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE SUPPORT lakehouse.mask_support;
COMMENT ON FUNCTION lakehouse.mask_null(anyelement) IS 'NULL in place of any value';

CREATE FUNCTION lakehouse.mask_constant(value anycompatible, constant anycompatible) RETURNS anycompatible
	AS 'MODULE_PATHNAME', 'lakehouse_mask_constant'
	LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT lakehouse.mask_support;
COMMENT ON FUNCTION lakehouse.mask_constant(anycompatible, anycompatible) IS
	'A constant in place of any value, NULL included';

CREATE FUNCTION lakehouse.mask_partial(value text, keep_first integer, fill text, keep_last integer) RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_mask_partial'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_partial(text, integer, text, integer) IS
	'The first and last characters, and a fill in place of all others; the fill alone of short values';

CREATE FUNCTION lakehouse.mask_functions(OUT name text, OUT arguments text, OUT strength text, OUT keyed boolean,
		OUT summary text) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_mask_functions' LANGUAGE C STABLE STRICT PARALLEL SAFE ROWS 50;
COMMENT ON FUNCTION lakehouse.mask_functions() IS
	'The mask functions and how much each hides: token, partial, generalised, constant, null';

CREATE FUNCTION lakehouse.mask_counters(OUT mask text, OUT reason text, OUT count bigint) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_mask_counters' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED ROWS 20;
COMMENT ON FUNCTION lakehouse.mask_counters() IS
	'How many values masks of this session could not mask as told, and gave NULL or a fallback instead';

CREATE FUNCTION lakehouse.mask_counters_reset() RETURNS void
	AS 'MODULE_PATHNAME', 'lakehouse_mask_counters_reset' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.mask_counters_reset() IS 'Begin to count anew';

-- Their reasons tell a value that is missing from one that could not be masked.
REVOKE ALL ON FUNCTION lakehouse.mask_counters(), lakehouse.mask_counters_reset() FROM PUBLIC;
