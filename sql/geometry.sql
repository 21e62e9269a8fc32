\set schema test_geometry
\i sql/include/setup.psql

-- Geometries are well-known binary
SELECT make_table('shapes', '', 'geometry/shapes.parquet');
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'shapes'::regclass AND attnum > 0 ORDER BY attnum;
SELECT id, wkt, g, g IS NOT DISTINCT FROM m AS same_m, g IS NOT DISTINCT FROM e AS same_e FROM shapes ORDER BY id;
SELECT id FROM shapes WHERE g = '\x01010000000000000000003e400000000000002440' OR e IS NULL ORDER BY id;
SELECT count(*), count(g) FROM shapes;

-- reference systems and edges
SELECT column_path, physical_type, logical_type, type, sql_type FROM lakehouse.parquet_schema(fixture('geometry/shapes.parquet'))
WHERE logical_type LIKE 'GEO%' ORDER BY column_path;

-- bounding boxes and types as the file says them; x of the second box crosses the antimeridian
SELECT row_group, column_path, type, num_values, nulls, min, max, bounding_box, geometry_types
FROM lakehouse.parquet_statistics(fixture('geometry/shapes.parquet')) ORDER BY row_group, column_path;

-- a type with an assignment cast from bytea, as those of PostGIS are: its own function takes the bytes
CREATE TYPE xy AS (x float8, y float8);
CREATE FUNCTION coordinate(wkb bytea, at int) RETURNS float8 LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
	bits bigint := 0;
BEGIN
	FOR i IN REVERSE 7..0 LOOP
		bits := bits << 8 | get_byte(wkb, at + i);
	END LOOP;
	-- powers of two times a fraction: enough for the numbers of this test
	RETURN CASE WHEN bits = 0 THEN 0 ELSE (1 + (bits & (1::bigint << 52) - 1) / 2::float8 ^ 52) * 2::float8 ^ ((bits >> 52 & 2047) - 1023) END;
END $$;
CREATE FUNCTION to_xy(wkb bytea) RETURNS xy LANGUAGE sql IMMUTABLE STRICT
AS $$ SELECT (test_geometry.coordinate(wkb, 5), test_geometry.coordinate(wkb, 13))::test_geometry.xy $$;
CREATE CAST (bytea AS xy) WITH FUNCTION to_xy(bytea) AS ASSIGNMENT;
SELECT make_table('points', 'id integer, g xy, e xy', 'geometry/shapes.parquet');
SELECT * FROM points WHERE id IN (0, 5) ORDER BY id;
SELECT (g).x, (e).y FROM points WHERE id = 0;
-- well-known binary is looked at when it is converted, and not before
SELECT make_table('damaged', 'id integer, g xy', 'geometry/damaged.parquet');
SELECT * FROM outcome('SELECT g FROM damaged');
SELECT * FROM damaged WHERE id <> 1 ORDER BY id;
SELECT make_table('damaged', '', 'geometry/damaged.parquet');
SELECT * FROM damaged ORDER BY id;

-- other types have no cast: text would be another text than a geometry's
SELECT make_table('points', 'id integer, g jsonb', 'geometry/shapes.parquet');
SELECT * FROM outcome('SELECT g FROM points');
