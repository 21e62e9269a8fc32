-- Conditions without vector form: PostgreSQL evaluates them, once for each
-- dictionary entry that a surviving row carries.
\getenv fixtures LAKEHOUSE_FIXTURES
\set trips :fixtures '/flat/trips.parquet'
SET client_min_messages = warning;
CREATE SCHEMA host;
SET search_path = host;
CREATE SERVER host FOREIGN DATA WRAPPER lakehouse;
CREATE FOREIGN TABLE trips () SERVER host OPTIONS (location :'trips');
CREATE TABLE heap AS SELECT * FROM trips;
SET lakehouse.require_vector = on;

CREATE FUNCTION counter(t text, label text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, VERBOSE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || t LOOP
		IF line ~ label THEN RETURN trim(line); END IF;
	END LOOP;
	RETURN 'no ' || label;
END $$;

-- a built-in function: as many calls as the dictionaries of 8 row groups have entries, not 20,000
SELECT count(*) FROM trips WHERE upper(vendor) = 'ACME' OR lower(vendor) LIKE 'b%';
SELECT (SELECT count(*) FROM trips WHERE upper(vendor) LIKE 'B%') = (SELECT count(*) FROM heap WHERE upper(vendor) LIKE 'B%') AS same;
SELECT regexp_replace(counter('SELECT count(*) FROM trips WHERE upper(vendor) LIKE ''B%''', 'Dictionary Entries'), '\d+', (
	SELECT CASE WHEN n BETWEEN 1 AND 8 * 20 THEN 'few' ELSE n::text END FROM (
		SELECT substring(counter('SELECT count(*) FROM trips WHERE upper(vendor) LIKE ''B%''', 'Dictionary Entries') FROM '\d+')::int AS n) s));

-- rows, other types, several such conditions
SELECT (SELECT sum(trip_id) FROM trips WHERE vendor ~ '^[A-M]' AND extract(dow FROM day) = 3 AND md5(zone) > '8')
	= (SELECT sum(trip_id) FROM heap WHERE vendor ~ '^[A-M]' AND extract(dow FROM day) = 3 AND md5(zone) > '8') AS same;
SELECT (SELECT sum(trip_id) FROM trips WHERE round(fare) = 12 AND NOT vendor ILIKE 'a%')
	= (SELECT sum(trip_id) FROM heap WHERE round(fare) = 12 AND NOT vendor ILIKE 'a%') AS same;

-- user code: never for an entry that no surviving row carries, nor for null
CREATE TABLE calls (v text);
CREATE FUNCTION picky(v text) RETURNS boolean IMMUTABLE STRICT LANGUAGE plpgsql AS $$
BEGIN
	IF v IS NULL OR v = (SELECT min(vendor) FROM host.heap) THEN
		RAISE EXCEPTION 'picky was called for "%"', v;
	END IF;
	RETURN v > 'C';
END $$;
SELECT min(vendor) AS hidden FROM heap \gset
SELECT (SELECT count(*) FROM trips WHERE vendor <> :'hidden' AND picky(vendor))
	= (SELECT count(*) FROM heap WHERE vendor <> :'hidden' AND vendor > 'C') AS same;
-- and where PostgreSQL would raise, so do we
SELECT count(*) FROM trips WHERE picky(vendor);

-- a strict function of a column with nulls
SELECT (SELECT count(*) FROM trips WHERE length(upper(zone)) > 3) = (SELECT count(*) FROM heap WHERE length(upper(zone)) > 3) AS same;
-- a condition that is not strict stays with the executor, and so do those beside it
RESET lakehouse.require_vector;
SELECT (SELECT count(*) FROM trips WHERE coalesce(zone, 'x') = 'x' AND upper(vendor) LIKE 'B%')
	= (SELECT count(*) FROM heap WHERE coalesce(zone, 'x') = 'x' AND upper(vendor) LIKE 'B%') AS same;
-- parameters
PREPARE p(text) AS SELECT count(*) FROM trips WHERE upper(vendor) LIKE $1;
SET plan_cache_mode = force_generic_plan;
EXECUTE p('B%');
EXECUTE p('%');
RESET plan_cache_mode;

-- a condition that the engine would take but for its constant waits for those it takes: no error that these prevent
\set alltypes :fixtures '/flat/alltypes.parquet'
CREATE FOREIGN TABLE alltypes (id integer, c_ts_us timestamp, c_int8 smallint) SERVER host OPTIONS (location :'alltypes');
\set VERBOSITY sqlstate
SELECT count(*) FROM alltypes WHERE date_trunc('month', c_ts_us) < '4714-11-24 BC';
\set VERBOSITY default
SELECT count(*) FROM alltypes WHERE date_trunc('month', c_ts_us) < '4714-11-24 BC' AND c_int8 > 100 AND c_ts_us > '2000-01-01';
SELECT id FROM alltypes WHERE date_trunc('month', c_ts_us) < '4714-11-24 BC' AND c_int8 > 100 AND c_ts_us > '2000-01-01';
DROP SCHEMA host CASCADE;
