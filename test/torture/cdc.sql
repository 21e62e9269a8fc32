-- cdc.sql: the tables that cdc.py streams, the history that triggers keep of them, and the work.

-- Identities: the primary key, a composite one beside a large value, the whole row.
CREATE TABLE acct (id int PRIMARY KEY, n bigint NOT NULL, v text);
CREATE TABLE doc (a int, b text, n bigint NOT NULL, big text, PRIMARY KEY (a, b));
ALTER TABLE doc ALTER big SET STORAGE EXTERNAL;
CREATE TABLE ledger (id bigint PRIMARY KEY, who int, amount numeric(12, 2), note text);
ALTER TABLE ledger REPLICA IDENTITY FULL;
CREATE TABLE bulk (id bigint PRIMARY KEY, n bigint NOT NULL, v text);
CREATE SEQUENCE ids;

-- Written in the transaction of the change itself, so that it is there exactly when the change is.
-- seq ascends in a session, and for one key: who changes it next has waited for the one before.
CREATE TABLE history (seq bigserial PRIMARY KEY, xid xid8, tbl text, op text, old jsonb, new jsonb);

-- Large values by their MD5.
CREATE FUNCTION noted(r anyelement) RETURNS jsonb LANGUAGE sql AS $$
	SELECT CASE WHEN j ? 'big' THEN jsonb_set(j, '{big}', to_jsonb(md5(j->>'big'))) ELSE j END FROM to_jsonb(r) j
$$;
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO history (xid, tbl, op, old, new) VALUES (pg_current_xact_id(), TG_TABLE_NAME, lower(TG_OP),
		CASE WHEN TG_OP IN ('UPDATE', 'DELETE') THEN noted(OLD) END, CASE WHEN TG_OP IN ('INSERT', 'UPDATE') THEN noted(NEW) END);
	RETURN NULL;
END $$;
DO $$
DECLARE
	t text;
BEGIN
	FOREACH t IN ARRAY ARRAY['acct', 'doc', 'ledger', 'bulk'] LOOP
		EXECUTE format('CREATE TRIGGER keep AFTER INSERT OR UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION keep()', t);
		EXECUTE format('CREATE TRIGGER keep_truncate AFTER TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION keep()', t);
	END LOOP;
END $$;

CREATE FUNCTION large() RETURNS text LANGUAGE sql AS $$SELECT repeat(md5(random()::text), 75 + (random() * 20)::int)$$;

-- One random statement.
CREATE PROCEDURE step() LANGUAGE plpgsql AS $$
DECLARE
	dice float8 := random();
	k int := 1 + (random() * 39)::int;
	l int := 1 + (random() * 39)::int;
BEGIN
	CASE
	WHEN dice < 0.25 THEN
		UPDATE acct SET n = n + 1, v = CASE WHEN random() < 0.2 THEN NULL ELSE 'v ' || n || E' "\\\t\u00e9' END WHERE id = k;
	WHEN dice < 0.30 THEN
		INSERT INTO acct VALUES (k, 0, 'new') ON CONFLICT (id) DO UPDATE SET n = acct.n + 1;
	WHEN dice < 0.36 THEN
		DELETE FROM acct WHERE id = k;
	WHEN dice < 0.42 THEN
		UPDATE acct SET id = l, n = n + 1 WHERE id = k AND (k = l OR NOT EXISTS (SELECT FROM acct WHERE id = l));
	WHEN dice < 0.50 THEN
		UPDATE doc SET n = n + 1 WHERE a = k;
	WHEN dice < 0.56 THEN
		UPDATE doc SET n = n + 1, big = large() WHERE a = k;
	WHEN dice < 0.60 THEN
		INSERT INTO doc VALUES (k, 'b' || l % 4, 0, large()) ON CONFLICT DO NOTHING;
	WHEN dice < 0.64 THEN
		UPDATE doc SET b = b || '*', n = n + 1 WHERE a = k AND length(b) < 12;
	WHEN dice < 0.68 THEN
		DELETE FROM doc WHERE a = k AND b LIKE 'b' || l % 4 || '%';
	WHEN dice < 0.83 THEN
		INSERT INTO ledger SELECT nextval('ids'), k, (random() * 1000)::numeric(12, 2), CASE WHEN random() < 0.5 THEN 'note' END
			FROM generate_series(1, 1 + (random() * 4)::int);
	WHEN dice < 0.90 THEN
		UPDATE ledger SET amount = amount + 1, id = CASE WHEN random() < 0.2 THEN nextval('ids') ELSE id END
			WHERE id = (SELECT id FROM ledger WHERE who = k LIMIT 1);
	WHEN dice < 0.97 THEN
		DELETE FROM ledger WHERE who = k;
	ELSE
		UPDATE bulk SET n = n + 1 WHERE id IN (SELECT id FROM bulk WHERE id % 40 = k ORDER BY id LIMIT 10);
	END CASE;
END $$;

-- Transactions for so many seconds.  What is rolled back, whole or to a savepoint, must be nowhere.
CREATE PROCEDURE work(seconds float8) LANGUAGE plpgsql AS $$
DECLARE
	stop timestamptz := clock_timestamp() + seconds * interval '1 s';
BEGIN
	WHILE clock_timestamp() < stop LOOP
		FOR i IN 1 .. 1 + (random() * 4)::int LOOP
			IF random() < 0.2 THEN
				BEGIN
					CALL step();
					BEGIN
						CALL step();
						IF random() < 0.3 THEN RAISE EXCEPTION SQLSTATE 'LHT01'; END IF;
					EXCEPTION WHEN SQLSTATE 'LHT01' THEN
					END;
					IF random() < 0.5 THEN RAISE EXCEPTION SQLSTATE 'LHT02'; END IF;
				EXCEPTION WHEN SQLSTATE 'LHT02' THEN
				END;
			ELSE
				CALL step();
			END IF;
		END LOOP;
		IF random() < 0.001 THEN
			INSERT INTO bulk SELECT nextval('ids'), 0, repeat('x', 50) FROM generate_series(1, 500 + (random() * 4000)::int);
		ELSIF random() < 0.0004 THEN
			TRUNCATE bulk;
		END IF;
		IF random() < 0.1 THEN ROLLBACK; ELSE COMMIT; END IF;
		PERFORM pg_sleep(random() * 0.07);
	END LOOP;
END $$;
