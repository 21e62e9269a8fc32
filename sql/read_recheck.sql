-- A row that changed meanwhile is checked again (EvalPlanQual) with the row of the files that it was joined with.
\i sql/include/lake.psql
\set glob :fixtures /glob/*.parquet
\setenv GLOB :glob
\setenv DB :DBNAME
CREATE TABLE recheck (n int, s text, t text);
INSERT INTO recheck SELECT n, src, '' FROM lakehouse.read(:'glob') AS t(n int, src text);
CREATE TABLE recheck_done (k int);

-- waits until a condition holds
CREATE FUNCTION until(condition text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	found boolean := false;
BEGIN
	FOR i IN 1 .. 1500 LOOP
		EXECUTE format('SELECT %s', condition) INTO found;
		EXIT WHEN found;
		PERFORM pg_sleep(0.02);
	END LOOP;
	IF NOT found THEN
		RAISE EXCEPTION 'waited in vain for: %', condition;
	END IF;
END $$;

BEGIN;
UPDATE recheck SET s = s || ' changed' WHERE n < 2;
UPDATE recheck SET n = 7 WHERE n = 2;
\! psql -X -q -d "$DB" -c "WITH u AS (UPDATE recheck r SET t = f.src || ' of ' || (to_jsonb(f) ->> 'n') FROM lakehouse.read('$GLOB') AS f(n int, src text) WHERE f.n = r.n AND f.src <> 'x' AND f.n + 0 < 5 RETURNING 1) INSERT INTO recheck_done SELECT count(*) FROM u" &
SELECT until($$EXISTS (SELECT FROM pg_locks WHERE NOT granted)$$);
COMMIT;
SELECT until('EXISTS (SELECT FROM recheck_done)');
-- two rows were joined as before, one no longer fits
TABLE recheck ORDER BY n;
TABLE recheck_done;
DROP TABLE recheck, recheck_done;
DROP FUNCTION until(text);
