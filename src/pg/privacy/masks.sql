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

-- ---- parts of texts and documents: not strict, for a fallback is mostly NULL

CREATE FUNCTION lakehouse.mask_regex(value text, pattern text, replacement text, fallback text DEFAULT NULL) RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_mask_regex' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_regex(text, text, text, text) IS
	'All that a regular expression finds replaced; the fallback when it finds nothing';

CREATE FUNCTION lakehouse.mask_email(value text, keep_first integer DEFAULT 1, fill text DEFAULT '***',
		keep_domain boolean DEFAULT true, fallback text DEFAULT NULL) RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_mask_email' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_email(text, integer, text, boolean, text) IS
	'The first characters and the domain of an e-mail address';

CREATE FUNCTION lakehouse.mask_phone(value text, keep_last integer DEFAULT 4, fill text DEFAULT 'X', fallback text DEFAULT NULL) RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_mask_phone' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_phone(text, integer, text, text) IS
	'A telephone number with its form and last digits';

CREATE FUNCTION lakehouse.mask_card(value text, keep_first integer DEFAULT 6, fill text DEFAULT 'X',
		keep_last integer DEFAULT 4, fallback text DEFAULT NULL) RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_mask_card' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_card(text, integer, text, integer, text) IS
	'A card number with its form, issuer and last four digits, no more than PCI DSS lets be shown';

CREATE FUNCTION lakehouse.mask_json(value jsonb, paths text[], mask text DEFAULT 'null', fallback jsonb DEFAULT NULL) RETURNS jsonb
	AS 'MODULE_PATHNAME', 'lakehouse_mask_json' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_json(jsonb, text[], text, jsonb) IS
	'Members of a document masked (null, constant:TEXT, partial:FIRST:FILL:LAST); the fallback when no path leads to one';

-- ---- classes: the value's type, or a range

CREATE FUNCTION lakehouse.mask_ip(address inet, prefix4 integer DEFAULT 24, prefix6 integer DEFAULT 48) RETURNS inet
	AS 'MODULE_PATHNAME', 'lakehouse_mask_ip' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_ip(inet, integer, integer) IS
	'The network of an address';

CREATE FUNCTION lakehouse.mask_geo(value point, decimals integer DEFAULT 1) RETURNS point
	AS 'MODULE_PATHNAME', 'lakehouse_mask_geo_point' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_geo(point, integer) IS
	'Degrees rounded to so many decimals, -1 to 3';

CREATE FUNCTION lakehouse.mask_geo(value double precision, decimals integer DEFAULT 1) RETURNS double precision
	AS 'MODULE_PATHNAME', 'lakehouse_mask_geo_double' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_geo(double precision, integer) IS
	'Degrees rounded to so many decimals, -1 to 3';

CREATE FUNCTION lakehouse.mask_geo(value numeric, decimals integer DEFAULT 1) RETURNS numeric
	AS 'MODULE_PATHNAME', 'lakehouse_mask_geo_numeric' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_geo(numeric, integer) IS
	'Degrees rounded to so many decimals, -1 to 3';

CREATE FUNCTION lakehouse.mask_floor(value integer, width integer) RETURNS integer
	AS 'MODULE_PATHNAME', 'lakehouse_mask_floor_integer' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_floor(integer, integer) IS
	'The greatest multiple of a width that is not above the number';

CREATE FUNCTION lakehouse.mask_floor(value bigint, width bigint) RETURNS bigint
	AS 'MODULE_PATHNAME', 'lakehouse_mask_floor_bigint' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_floor(bigint, bigint) IS
	'The greatest multiple of a width that is not above the number';

CREATE FUNCTION lakehouse.mask_floor(value numeric, width numeric) RETURNS numeric
	AS 'MODULE_PATHNAME', 'lakehouse_mask_floor_numeric' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_floor(numeric, numeric) IS
	'The greatest multiple of a width that is not above the number';

CREATE FUNCTION lakehouse.mask_floor(value smallint, width integer) RETURNS smallint
	AS 'MODULE_PATHNAME', 'lakehouse_mask_floor_smallint' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_floor(smallint, integer) IS
	'The greatest multiple of a width that is not above the number';

CREATE FUNCTION lakehouse.mask_floor(value real, width double precision) RETURNS real
	AS 'MODULE_PATHNAME', 'lakehouse_mask_floor_real' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_floor(real, double precision) IS
	'The greatest multiple of a width that is not above the number';

CREATE FUNCTION lakehouse.mask_floor(value double precision, width double precision) RETURNS double precision
	AS 'MODULE_PATHNAME', 'lakehouse_mask_floor_double' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_floor(double precision, double precision) IS
	'The greatest multiple of a width that is not above the number';

CREATE FUNCTION lakehouse.mask_fit(value numeric, typmod integer) RETURNS numeric
	AS 'MODULE_PATHNAME', 'lakehouse_mask_fit' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_fit(numeric, integer) IS
	'What the cast of a mask to numeric(precision, scale) is in a plan: NULL where the number has no room';

CREATE FUNCTION lakehouse.mask_range(value integer, width integer) RETURNS int4range
	AS 'MODULE_PATHNAME', 'lakehouse_mask_range_integer' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_range(integer, integer) IS
	'The range of a width that the number is in';

CREATE FUNCTION lakehouse.mask_range(value bigint, width bigint) RETURNS int8range
	AS 'MODULE_PATHNAME', 'lakehouse_mask_range_bigint' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_range(bigint, bigint) IS
	'The range of a width that the number is in';

CREATE FUNCTION lakehouse.mask_range(value numeric, width numeric) RETURNS numrange
	AS 'MODULE_PATHNAME', 'lakehouse_mask_range_numeric' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_range(numeric, numeric) IS
	'The range of a width that the number is in';

CREATE FUNCTION lakehouse.mask_range(value date, unit text) RETURNS daterange
	AS 'MODULE_PATHNAME', 'lakehouse_mask_range_date' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_range(date, text) IS
	'The week, month, quarter, year, decade or century that the date is in';

CREATE FUNCTION lakehouse.mask_range(value timestamp, unit text) RETURNS tsrange
	AS 'MODULE_PATHNAME', 'lakehouse_mask_range_timestamp' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_range(timestamp, text) IS
	'The minute, hour, day or longer unit that the moment is in';

CREATE FUNCTION lakehouse.mask_range(value timestamptz, unit text) RETURNS tstzrange
	AS 'MODULE_PATHNAME', 'lakehouse_mask_range_timestamptz' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_range(timestamptz, text) IS
	'The minute, hour, day or longer unit that the moment is in, in UTC';

CREATE FUNCTION lakehouse.mask_range_text(value numeric, width numeric) RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_mask_range_text_numeric' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_range_text(numeric, numeric) IS
	'The range that a number or date is in, as text';

CREATE FUNCTION lakehouse.mask_range_text(value text, width numeric) RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_mask_range_text_text' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_range_text(text, numeric) IS
	'The range that a number, written as text, is in, as text';

CREATE FUNCTION lakehouse.mask_range_text(value date, unit text) RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_mask_range_text_date' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_range_text(date, text) IS
	'The range that a number or date is in, as text';

CREATE FUNCTION lakehouse.mask_date_trunc(value date, unit text) RETURNS date
	AS 'MODULE_PATHNAME', 'lakehouse_mask_date_trunc_date' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_date_trunc(date, text) IS
	'The first day of the week, month, quarter, year, decade or century';

CREATE FUNCTION lakehouse.mask_date_trunc(value timestamp, unit text) RETURNS timestamp
	AS 'MODULE_PATHNAME', 'lakehouse_mask_date_trunc_timestamp' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_date_trunc(timestamp, text) IS
	'The first moment of a unit, minute to century';

CREATE FUNCTION lakehouse.mask_date_trunc(value timestamptz, unit text) RETURNS timestamptz
	AS 'MODULE_PATHNAME', 'lakehouse_mask_date_trunc_timestamp' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_date_trunc(timestamptz, text) IS
	'The first moment of a unit, minute to century, in UTC';

-- ---- about masks

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
