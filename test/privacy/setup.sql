-- Tables with secrets, and who reads them.  Everything that a mask must hide has "SECRET" in it, or is a
-- number that begins with 77001.
--
--	attack_owner	owns the tables and is no policy administrator
--	attack_reader	sees all
--	attack_masked	is a member of attack_group; policies.sql masks for that
SET client_min_messages = warning;
CREATE ROLE attack_owner;
CREATE ROLE attack_group;
CREATE ROLE attack_masked LOGIN IN ROLE attack_group;
CREATE ROLE attack_reader LOGIN;
SELECT format('GRANT CREATE ON DATABASE %I TO attack_owner', current_database()) \gexec
CREATE SCHEMA attack AUTHORIZATION attack_owner;
CREATE SCHEMA mine AUTHORIZATION attack_masked;
GRANT USAGE ON SCHEMA attack TO PUBLIC;
-- servers without contrib have an exclusion constraint of another sort
SELECT count(*) > 0 AS btree_gist FROM pg_available_extensions WHERE name = 'btree_gist' \gset
\if :btree_gist
CREATE EXTENSION IF NOT EXISTS btree_gist;
\endif

SET ROLE attack_owner;
CREATE TABLE attack.person (
	id int PRIMARY KEY,
	city text NOT NULL CHECK (city <> 'nowhere'),
	ssn text UNIQUE,
	name text,
	salary int,
	initial text GENERATED ALWAYS AS ('<' || name || '>') STORED);
\if :btree_gist
ALTER TABLE attack.person ADD EXCLUDE USING gist (salary WITH =);
\else
ALTER TABLE attack.person ADD EXCLUDE USING hash (salary WITH =);
\endif
INSERT INTO attack.person (id, city, ssn, name, salary)
	SELECT i, 'city' || i % 3, 'SECRET-ssn-' || 1000 + i, 'SECRET-name-' || i % 4, 77001000 + i FROM generate_series(1, 40) i;
CREATE STATISTICS attack.person_stats (mcv) ON city, name FROM attack.person;

-- rows of other cities are hidden
CREATE TABLE attack.visible (id int, city text, word text);
INSERT INTO attack.visible VALUES (1, 'here', 'open'), (2, 'there', 'SECRET-row');

CREATE TABLE attack.parted (id int, region int, secret text) PARTITION BY LIST (region);
CREATE TABLE attack.parted_1 PARTITION OF attack.parted FOR VALUES IN (1);
CREATE TABLE attack.parted_2 PARTITION OF attack.parted FOR VALUES IN (2) PARTITION BY RANGE (secret);
CREATE TABLE attack.parted_2a PARTITION OF attack.parted_2 FOR VALUES FROM (MINVALUE) TO ('SECRET-z');
INSERT INTO attack.parted SELECT i, 1 + i % 2, 'SECRET-part-' || i FROM generate_series(1, 6) i;

CREATE TABLE attack.base (id int, secret text);
CREATE TABLE attack.heir (more text) INHERITS (attack.base);
INSERT INTO attack.base VALUES (1, 'SECRET-base');
INSERT INTO attack.heir VALUES (2, 'SECRET-heir', 'more');

CREATE TABLE attack.child (id int PRIMARY KEY, person text REFERENCES attack.person (ssn));
INSERT INTO attack.child VALUES (1, 'SECRET-ssn-1001');

-- expressions that fail over some rows quote them
CREATE TABLE attack.tricky (id int, before text, secret text, behind text, CHECK ((before || secret)::bigint > 0),
	doc json GENERATED ALWAYS AS ((('"' || secret || '"') || behind)::json) STORED);
INSERT INTO attack.tricky (id, before, secret, behind) VALUES (1, '', '7700177', ''), (2, '', '7700178', '');

-- no policy, and nobody's to read, but its key is one with a mask
CREATE TABLE attack.loose (person text REFERENCES attack.person (ssn));
INSERT INTO attack.loose VALUES ('SECRET-ssn-1005');

-- its REFRESH finds two rows that are the same
CREATE TABLE attack.twice (secret text);
INSERT INTO attack.twice VALUES ('SECRET-twice');
CREATE MATERIALIZED VIEW attack.once AS SELECT secret FROM attack.twice;
CREATE UNIQUE INDEX ON attack.once (secret);
INSERT INTO attack.twice VALUES ('SECRET-twice');

CREATE VIEW attack.owner_view AS SELECT id, city, ssn, name FROM attack.person;
CREATE VIEW attack.invoker_view WITH (security_invoker = true) AS SELECT id, city, ssn, name FROM attack.person;
CREATE VIEW attack.checked_view AS SELECT id, city, ssn, name FROM attack.person WHERE city <> 'gone' WITH CHECK OPTION;
CREATE FUNCTION attack.by_text() RETURNS SETOF text LANGUAGE sql STABLE AS 'SELECT ssn FROM attack.person WHERE id < 4';
CREATE FUNCTION attack.by_tree() RETURNS SETOF text LANGUAGE sql STABLE
	BEGIN ATOMIC SELECT ssn FROM attack.person WHERE id < 4; END;
CREATE FUNCTION attack.definer() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
	AS 'SELECT ssn FROM attack.person WHERE id < 4';
CREATE FUNCTION attack.definer_plpgsql() RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS
	'DECLARE s text; BEGIN SELECT ssn INTO s FROM attack.person WHERE id = 1; RETURN s; END';
CREATE FUNCTION attack.definer_dynamic(q text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS
	'DECLARE s text; BEGIN EXECUTE q INTO s; RETURN s; END';
CREATE FUNCTION attack.define(q text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN EXECUTE q; END';
GRANT SELECT ON ALL TABLES IN SCHEMA attack TO attack_reader, attack_masked;
REVOKE ALL ON attack.loose, attack.once FROM attack_masked;
GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA attack TO attack_masked;
RESET ROLE;
ANALYZE attack.person;
-- no statistics from now on, nor plans that depend on them
ALTER TABLE attack.person SET (autovacuum_enabled = false);
RESET client_min_messages;
