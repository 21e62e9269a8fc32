-- For whom a statement is run: code of users that PostgreSQL calls while it works for a table sees no more than its owner.
\set VERBOSITY terse
CREATE ROLE regress_ps_owner;
CREATE ROLE regress_ps_mallory;
CREATE SCHEMA ps AUTHORIZATION regress_ps_owner;
GRANT ALL ON SCHEMA ps TO regress_ps_mallory;
SET search_path = ps;
SET ROLE regress_ps_owner;
CREATE TABLE people (id int PRIMARY KEY, ssn text UNIQUE, region text);
INSERT INTO people VALUES (1, 'raw-1', 'EU'), (2, 'raw-2', 'US'), (3, 'raw-3', 'EU');
-- what its owner offers to everybody
CREATE FUNCTION ssn_of(int) RETURNS text LANGUAGE plpgsql IMMUTABLE SECURITY DEFINER AS $$ BEGIN RETURN (SELECT ssn FROM ps.people WHERE id = $1); END $$;
RESET ROLE;
SELECT lakehouse.policy_create('s_people', 'people', ARRAY['ssn', $$lakehouse.mask_constant(ssn, 'masked')$$, 'id', 'id', 'region', 'region'],
	row_filter => $$region = 'EU'$$, for_roles => '{regress_ps_mallory}');
GRANT REFERENCES ON people TO regress_ps_mallory;
SELECT ssn_of(1);							-- raw: a superuser asks

SET ROLE regress_ps_mallory;
SELECT ssn_of(1), ssn_of(2);
-- ---- a foreign key: compared raw, also with a row that is filtered
CREATE TABLE visits (person int REFERENCES people ON UPDATE CASCADE ON DELETE CASCADE, ssn text REFERENCES people (ssn) ON UPDATE CASCADE, note text);
-- to ask by it takes policy_admin; one that is there compares
RESET ROLE;
CREATE TABLE visits (person int REFERENCES people ON UPDATE CASCADE ON DELETE CASCADE, ssn text REFERENCES people (ssn) ON UPDATE CASCADE, note text);
ALTER TABLE visits OWNER TO regress_ps_mallory;
SET ROLE regress_ps_mallory;
INSERT INTO visits VALUES (1, 'raw-1', 'a'), (2, 'raw-2', 'b');
INSERT INTO visits VALUES (7, NULL, 'c');
-- what a cascade calls is not the check any more
CREATE FUNCTION steal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.note := (SELECT string_agg(ssn || '/' || region, ',' ORDER BY id) FROM ps.people) || ' ' || ssn_of(1);
	RETURN NEW;
END $$;
CREATE TRIGGER steal BEFORE UPDATE ON visits FOR EACH ROW EXECUTE FUNCTION steal();
RESET ROLE;
UPDATE people SET id = 11 WHERE id = 1;
UPDATE people SET id = 1 WHERE id = 11;
SET ROLE regress_ps_mallory;
SELECT person, note FROM visits ORDER BY person;

-- ---- indexes, statistics and materialized views that somebody else maintains
CREATE TABLE mine (id int);
INSERT INTO mine VALUES (1), (2);
CREATE INDEX mine_i ON mine (ssn_of(id));	-- for whom is not known: an error
CREATE TABLE later (id int);
CREATE INDEX later_i ON later (ssn_of(id));
INSERT INTO later VALUES (1);				-- no maintenance: masked
SELECT ssn_of(id) FROM later;
CREATE MATERIALIZED VIEW mv AS SELECT id, ssn, ssn_of(id) AS of FROM people;
SELECT * FROM mv ORDER BY id;
RESET ROLE;
REFRESH MATERIALIZED VIEW mv;
REINDEX TABLE later;
ANALYZE later;
SET ROLE regress_ps_mallory;
SELECT * FROM mv ORDER BY id;
SELECT most_common_vals FROM pg_stats WHERE schemaname = 'ps' AND tablename = 'later_i';
CREATE FUNCTION refresh() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN REFRESH MATERIALIZED VIEW ps.mv; END $$;
SELECT refresh();							-- refused rather than guessed
RESET ROLE;
-- the owner's own is as he sees it
SET ROLE regress_ps_owner;
CREATE MATERIALIZED VIEW mv_owner AS SELECT id, ssn FROM people;
SELECT * FROM mv_owner ORDER BY id;
RESET ROLE;

-- ---- the subject says who it is
SET ROLE regress_ps_mallory;
CREATE FUNCTION who() RETURNS name LANGUAGE sql SECURITY DEFINER AS 'SELECT lakehouse.subject_role()';
RESET ROLE;
CREATE ROLE regress_ps_caller;
GRANT USAGE ON SCHEMA ps TO regress_ps_caller;
SET ROLE regress_ps_caller;
SELECT current_user, ps.who(), lakehouse.subject_role();
RESET ROLE;

SELECT lakehouse.policy_drop('s_people');
SET client_min_messages = error;
DROP SCHEMA ps CASCADE;
DROP ROLE regress_ps_owner, regress_ps_mallory, regress_ps_caller;
