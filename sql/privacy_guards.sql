-- What was there before a policy, or comes round it: owners who hand tables on, functions that get rows and are replaced, privileges for tables to come,
-- materialized views behind views.  Raw values begin with "RAW".
SET client_min_messages = warning;
CREATE ROLE guard_owner;
CREATE ROLE guard_other;
CREATE ROLE guard_coder;
CREATE ROLE guard_masked;
CREATE ROLE guard_admin;
GRANT guard_other TO guard_owner, guard_admin;
GRANT guard_owner TO guard_admin;
SELECT lakehouse.right_grant('policy_admin', 'guard_admin');
GRANT USAGE ON SCHEMA lakehouse TO PUBLIC;
CREATE SCHEMA gu;
GRANT ALL ON SCHEMA gu TO guard_owner, guard_coder, guard_other;
GRANT USAGE ON SCHEMA gu TO PUBLIC;
SET search_path = gu;
SELECT format('GRANT CREATE ON DATABASE %I TO guard_other', current_database()) \gexec
SET ROLE guard_coder;
CREATE FUNCTION in_check(text) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT length($1) > 0';
CREATE FUNCTION in_index(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT lower($1)';
CREATE FUNCTION in_where(text) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT $1 IS NOT NULL';
CREATE FUNCTION in_generated(text) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT length($1)';
CREATE FUNCTION in_trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION in_rule(text) RETURNS text LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION in_rls(text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION in_statistics(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION in_domain(text) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION in_operator(text, text) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT $1 > $2';
CREATE OPERATOR |>| (FUNCTION = in_operator, LEFTARG = text, RIGHTARG = text);
CREATE FUNCTION in_exclusion(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION in_default() RETURNS text LANGUAGE sql AS $$SELECT 'x'$$;
CREATE FUNCTION in_view(text) RETURNS text LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION elsewhere(text) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT true';
RESET ROLE;
SET ROLE guard_owner;
CREATE DOMAIN word AS text CHECK (in_domain(VALUE));
CREATE TABLE person (id int, ssn text CHECK (in_check(ssn)) CHECK (ssn |>| ''), name word, made text DEFAULT in_default(), n int GENERATED ALWAYS AS (in_generated(ssn)) STORED,
	EXCLUDE USING btree (in_exclusion(ssn) WITH =));
CREATE INDEX ON person (in_index(ssn)) WHERE in_where(ssn);
CREATE TRIGGER t BEFORE INSERT OR UPDATE ON person FOR EACH ROW EXECUTE FUNCTION in_trigger();
CREATE TABLE log (ssn text);
CREATE RULE r AS ON UPDATE TO person DO ALSO INSERT INTO log VALUES (in_rule(OLD.ssn));
CREATE POLICY p ON person USING (in_rls(ssn));
CREATE STATISTICS st ON in_statistics(ssn) FROM person;
CREATE VIEW seen AS SELECT id, in_view(ssn) AS ssn FROM person;
CREATE TABLE elsewhere (ssn text CHECK (elsewhere(ssn)));
INSERT INTO person VALUES (1, 'RAW-1', 'a');
RESET ROLE;

-- ---- without a policy everything is the owners'

SET ROLE guard_coder;
CREATE OR REPLACE FUNCTION in_check(text) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT length($1) > 1';
RESET ROLE;
SELECT lakehouse.policy_create('g', 'person', ARRAY['ssn', 'NULL', 'name', 'NULL'], for_roles => '{guard_masked}');
GRANT INSERT, UPDATE ON person TO guard_masked;
RESET client_min_messages;

-- ---- functions that get rows

SET ROLE guard_coder;
CREATE OR REPLACE FUNCTION in_check(text) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '%', $1; RETURN true; END $$;
CREATE OR REPLACE FUNCTION gu.in_check(what text) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '%', $1; RETURN true; END $$;
CREATE OR REPLACE FUNCTION in_index(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1';
CREATE OR REPLACE FUNCTION in_where(text) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT true';
CREATE OR REPLACE FUNCTION in_generated(text) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT ascii($1)';
CREATE OR REPLACE FUNCTION in_trigger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '%', OLD; RETURN NEW; END $$;
CREATE OR REPLACE FUNCTION in_rule(text) RETURNS text LANGUAGE sql AS 'SELECT $1';
CREATE OR REPLACE FUNCTION in_rls(text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OR REPLACE FUNCTION in_statistics(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1';
CREATE OR REPLACE FUNCTION in_domain(text) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT true';
CREATE OR REPLACE FUNCTION in_operator(text, text) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT true';
CREATE OR REPLACE FUNCTION in_exclusion(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1';
ALTER FUNCTION in_check(text) SET search_path = gu;
ALTER FUNCTION in_check SECURITY DEFINER;
ALTER ROUTINE in_trigger() RESET ALL;
-- these get none, are others, or are none yet
CREATE OR REPLACE FUNCTION in_default() RETURNS text LANGUAGE sql AS $$SELECT 'y'$$;
CREATE OR REPLACE FUNCTION in_view(text) RETURNS text LANGUAGE sql AS 'SELECT $1';
CREATE OR REPLACE FUNCTION elsewhere(text) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT true';
CREATE OR REPLACE FUNCTION in_check(text, text) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT true';
CREATE OR REPLACE FUNCTION in_new(text, OUT a int) LANGUAGE sql AS 'SELECT 1';
\set VERBOSITY sqlstate
CREATE OR REPLACE FUNCTION in_nothing(no_type) RETURNS int LANGUAGE sql AS 'SELECT 1';
\set VERBOSITY default
ALTER FUNCTION no_function(text) STABLE;
RESET ROLE;
-- who may not gets core's error; an administrator of policies may, if it is his
SET ROLE guard_other;
CREATE OR REPLACE FUNCTION in_check(text) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT true';
RESET ROLE;
GRANT guard_coder TO guard_admin;
SET ROLE guard_admin;
CREATE OR REPLACE FUNCTION in_check(text) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT length($1) > 2';
RESET ROLE;
SET ROLE guard_masked;
UPDATE person SET id = 2;
RESET ROLE;

-- ---- foreign keys answer guesses; CLUSTER puts rows in the order of values

CREATE TABLE pay (id int PRIMARY KEY, salary int, name text UNIQUE, UNIQUE (id, salary));
INSERT INTO pay VALUES (1, 4711, 'a'), (2, 815, 'b');
CREATE INDEX pay_salary ON pay (name, salary);
CREATE INDEX pay_name ON pay (name) INCLUDE (id);
CREATE TABLE parts (id int, salary int) PARTITION BY LIST (id);
ALTER TABLE pay OWNER TO guard_owner;
ALTER TABLE parts OWNER TO guard_owner;
SELECT lakehouse.policy_create('pay', 'pay', ARRAY['salary', 'NULL'], for_roles => '{guard_owner,guard_masked}');
SELECT lakehouse.policy_create('parts', 'parts', ARRAY['salary', 'NULL'], for_roles => '{guard_owner}');
GRANT REFERENCES ON pay TO guard_coder;
SET ROLE guard_owner;
CREATE TABLE probe (id int, salary int, FOREIGN KEY (id, salary) REFERENCES pay (id, salary));
CREATE TABLE probe (id int REFERENCES pay, salary int, name text REFERENCES pay (name));
ALTER TABLE probe ADD FOREIGN KEY (id, salary) REFERENCES pay (id, salary);
CREATE TABLE salaries (salary int PRIMARY KEY);
ALTER TABLE pay ADD FOREIGN KEY (salary) REFERENCES salaries;
CREATE TABLE part PARTITION OF parts (salary REFERENCES salaries) FOR VALUES IN (1);
CREATE TABLE part PARTITION OF parts (FOREIGN KEY (salary) REFERENCES salaries) FOR VALUES IN (1);
-- so do unique keys
CREATE UNIQUE INDEX ON pay (name, salary);
CREATE UNIQUE INDEX pay_unique ON pay (name, id);
ALTER TABLE pay ADD UNIQUE (name, salary);
CREATE TABLE part PARTITION OF parts (salary UNIQUE) FOR VALUES IN (1);
CREATE TABLE part PARTITION OF parts (PRIMARY KEY (id, salary)) FOR VALUES IN (1);
CREATE TABLE part PARTITION OF parts (PRIMARY KEY (id)) FOR VALUES IN (1);
CLUSTER pay USING pay_salary;
ALTER TABLE pay CLUSTER ON pay_salary;
CLUSTER pay USING pay_name;
RESET ROLE;
SET ROLE guard_coder;
CREATE TABLE guess (id int, salary int, FOREIGN KEY (id, salary) REFERENCES pay (id, salary));
RESET ROLE;
-- a mark that was there before
ALTER TABLE pay CLUSTER ON pay_salary;
SET ROLE guard_owner;
CLUSTER pay;
CLUSTER;
RESET ROLE;
-- the primary key, without its name; whose rows are filtered
SELECT lakehouse.policy_alter('pay', ARRAY['id', '0']);
SET ROLE guard_owner;
ALTER TABLE probe ADD FOREIGN KEY (id) REFERENCES pay;
RESET ROLE;
SELECT lakehouse.policy_alter('pay', '{}', 'id > 1');
SET ROLE guard_owner;
ALTER TABLE probe ADD FOREIGN KEY (name) REFERENCES pay (name);
RESET ROLE;
SELECT lakehouse.policy_drop(unnest('{pay,parts}'::text[]));
DROP TABLE probe, pay, parts, salaries;

-- ---- UPDATE and DELETE find rows in the order of an index, and RETURNING shows it

CREATE TABLE ranked (id int, salary int, team text);
INSERT INTO ranked SELECT i, i * 37 % 101, 'x' FROM generate_series(1, 100) i;
CREATE INDEX ON ranked (team, salary);
GRANT SELECT (id, team), UPDATE (team), DELETE ON ranked TO guard_masked;
SELECT lakehouse.policy_create('ranked', 'ranked', ARRAY['salary', 'NULL'], for_roles => '{guard_masked}');
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SET ROLE guard_masked;
WITH w AS (UPDATE ranked SET team = 'x' WHERE team = 'x' RETURNING id), n AS (SELECT id, row_number() OVER () AS n FROM w) SELECT bool_and(id = n) AS as_they_lie FROM n;
WITH w AS (DELETE FROM ranked WHERE team = 'x' RETURNING id), n AS (SELECT id, row_number() OVER () AS n FROM w) SELECT bool_and(id = n) AS as_they_lie FROM n;
RESET ROLE;
RESET enable_seqscan;
RESET enable_bitmapscan;
SELECT lakehouse.policy_drop('ranked');
DROP TABLE ranked;

-- ---- REASSIGN OWNED

SET ROLE guard_owner;
REASSIGN OWNED BY guard_owner TO guard_other;
REASSIGN OWNED BY guard_other TO guard_owner;
-- what others were granted of policies is not theirs to drop
SET client_min_messages = error;
RESET ROLE;
SET ROLE guard_masked;
DROP OWNED BY guard_masked;
RESET ROLE;
RESET client_min_messages;
SELECT for_roles FROM lakehouse.policy_list() WHERE name = 'g';

-- ---- what is reported

SET ROLE guard_owner;
ALTER DEFAULT PRIVILEGES IN SCHEMA gu GRANT SELECT ON TABLES TO guard_masked;
ALTER DEFAULT PRIVILEGES IN SCHEMA gu GRANT INSERT ON TABLES TO guard_masked;
ALTER DEFAULT PRIVILEGES IN SCHEMA gu GRANT SELECT ON TABLES TO guard_other;
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;
RESET ROLE;
-- policies were not inherited by these, as a superuser dropped what was
CREATE VIEW one AS SELECT id, ssn FROM person;
CREATE VIEW two AS SELECT id, ssn FROM one;
SET client_min_messages = warning;
CREATE MATERIALIZED VIEW held AS SELECT * FROM two;
CREATE MATERIALIZED VIEW kept AS SELECT * FROM two;
CREATE MATERIALIZED VIEW behind AS SELECT * FROM kept;
SELECT lakehouse.policy_drop(name) FROM lakehouse.policy_list() WHERE relation = 'held'::regclass;
RESET client_min_messages;
SELECT kind, object, policy, detail FROM lakehouse.policy_holes() WHERE kind IN ('function', 'default privilege') OR (kind = 'view' AND detail LIKE 'holds%') ORDER BY kind, object, policy, detail;

SET ROLE guard_admin;
REASSIGN OWNED BY guard_owner TO guard_other;
RESET ROLE;
SELECT relowner::regrole FROM pg_class WHERE oid = 'person'::regclass;

SET client_min_messages = error;
SELECT count(lakehouse.policy_drop(name)) FROM lakehouse.policy_list();
DROP SCHEMA gu CASCADE;
DROP OWNED BY guard_owner, guard_other, guard_coder, guard_masked, guard_admin;
DROP ROLE guard_owner, guard_other, guard_coder, guard_masked, guard_admin;
