-- Keys that were there before a policy answer guesses: policy_holes() lists them, for whom there is somebody to guess.
SET client_min_messages = warning;
CREATE ROLE hole_owner;
CREATE ROLE hole_writer;
CREATE ROLE hole_member;
CREATE ROLE hole_reader;
CREATE ROLE hole_free;
CREATE ROLE hole_boss SUPERUSER;
CREATE ROLE hole_admin;
CREATE ROLE hole_auditor;
GRANT hole_writer TO hole_boss;
GRANT USAGE ON SCHEMA lakehouse TO PUBLIC;
SELECT lakehouse.right_grant('policy_admin', 'hole_admin');
SELECT lakehouse.right_grant('auditor', 'hole_auditor');
CREATE SCHEMA ho AUTHORIZATION hole_owner;
SET ROLE hole_owner;
SET search_path = ho;
CREATE TABLE lookup (ssn text PRIMARY KEY);
CREATE TABLE person (id int PRIMARY KEY, ssn text UNIQUE REFERENCES lookup, name text, city text, zip text, born date,
	UNIQUE (name, city), UNIQUE (id) INCLUDE (ssn));
CREATE UNIQUE INDEX person_lower ON person (lower(name));
CREATE UNIQUE INDEX person_young ON person (id) WHERE born > '2000-01-01';
CREATE UNIQUE INDEX person_city ON person (city, id);
CREATE INDEX person_zip ON person (zip);
ALTER TABLE person ADD CONSTRAINT person_apart EXCLUDE USING btree (zip WITH =);
CREATE TABLE account (id int PRIMARY KEY, ssn text REFERENCES person (ssn), person int REFERENCES person);
CREATE TABLE tenant (id int PRIMARY KEY, tenant text, mail text UNIQUE);
CREATE TABLE invoice (id int, tenant int REFERENCES tenant);
CREATE TABLE part (id int, ssn text, UNIQUE (id, ssn)) PARTITION BY LIST (id);
CREATE TABLE part1 PARTITION OF part FOR VALUES IN (1);
CREATE UNIQUE INDEX part1_own ON part1 (ssn);
CREATE TABLE base (id int, ssn text UNIQUE);
CREATE VIEW base_view AS SELECT id, ssn FROM base WHERE id > 0;
CREATE VIEW base_view_view AS SELECT * FROM base_view;
CREATE VIEW base_count AS SELECT count(*) FROM base;
CREATE TABLE quiet (ssn text UNIQUE);
CREATE RULE quiet_log AS ON INSERT TO quiet DO ALSO NOTHING;
RESET ROLE;
SELECT lakehouse.policy_create('person', 'person', ARRAY['ssn', 'NULL', 'name', '''***''', 'zip', 'NULL', 'born', 'NULL'], for_roles => '{hole_writer,hole_reader,hole_owner}');
SELECT lakehouse.policy_create('tenant', 'tenant', '{}', 'tenant = lakehouse.subject_role()', for_roles => '{hole_writer,hole_reader}');
SELECT lakehouse.policy_create('part', 'part', ARRAY['ssn', 'NULL'], for_roles => '{hole_writer,hole_reader}');
SELECT lakehouse.policy_create('base', 'base', ARRAY['ssn', 'NULL'], for_roles => '{hole_writer,hole_reader}');
SELECT lakehouse.policy_create('quiet', 'quiet', ARRAY['ssn', 'NULL'], for_roles => '{hole_writer,hole_reader}');
GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ho TO hole_free;

-- nobody who is masked may write, but the owner and a superuser
SELECT * FROM lakehouse.policy_keys();

-- a grant on one column is enough
GRANT INSERT (name) ON person TO hole_writer;
\x on
SELECT * FROM lakehouse.policy_keys();
REVOKE INSERT (name) ON person FROM hole_writer;

-- what is referred to, and what refers
GRANT DELETE ON lookup TO hole_writer;
SELECT * FROM lakehouse.policy_keys();
REVOKE DELETE ON lookup FROM hole_writer;
GRANT DELETE ON account TO hole_writer;
SELECT * FROM lakehouse.policy_keys();
GRANT UPDATE (ssn) ON account TO hole_writer;
SELECT * FROM lakehouse.policy_keys();
REVOKE ALL ON account FROM hole_writer;

-- hidden rows have keys, too; whoever is a member has the grant
GRANT hole_writer TO hole_member;
GRANT INSERT ON tenant TO hole_writer;
SELECT * FROM lakehouse.policy_keys();
REVOKE INSERT ON tenant FROM hole_writer;
GRANT INSERT ON invoice TO hole_reader;
SELECT * FROM lakehouse.policy_keys();
REVOKE INSERT ON invoice FROM hole_reader;

-- the answer is there
INSERT INTO lookup VALUES ('raw-1'), ('raw-2');
INSERT INTO person VALUES (1, 'raw-1', 'raw-name', 'x', 'raw-zip', '1999-01-01');
GRANT USAGE ON SCHEMA ho TO hole_writer;
GRANT INSERT ON person TO hole_writer;
SET ROLE hole_writer;
\set VERBOSITY terse
INSERT INTO ho.person VALUES (2, 'raw-1', 'n', 'y', 'z', '1999-01-01');
INSERT INTO ho.person VALUES (2, 'raw-2', 'n', 'y', 'z', '1999-01-01');
\set VERBOSITY default
RESET ROLE;
REVOKE INSERT ON person FROM hole_writer;

-- by a partitioned table, and by views over views, but not such as cannot be written
GRANT INSERT ON part TO hole_reader;
SELECT * FROM lakehouse.policy_keys();
REVOKE INSERT ON part FROM hole_reader;
GRANT INSERT ON part1 TO hole_reader;
SELECT * FROM lakehouse.policy_keys();
REVOKE INSERT ON part1 FROM hole_reader;
GRANT INSERT ON base_count TO hole_reader;
SELECT * FROM lakehouse.policy_keys();
GRANT INSERT ON base_view_view TO hole_reader;
SELECT * FROM lakehouse.policy_keys();
REVOKE INSERT ON base_view_view FROM hole_reader;

-- many are counted
SELECT format('CREATE ROLE hole_m%s IN ROLE hole_reader', i) FROM generate_series(1, 9) i \gexec
GRANT INSERT ON quiet TO hole_reader;
SELECT * FROM lakehouse.policy_keys();
SELECT * FROM lakehouse.policy_holes() WHERE policy = 'quiet' AND kind IN ('unique key', 'rule');
-- who is excepted, or is not masked, learns nothing
SELECT lakehouse.policy_alter('quiet', for_roles => '{public}', except_roles => '{hole_reader,hole_free}');
SELECT * FROM lakehouse.policy_keys();
\x off

-- a generated column that is made from a masked one shows it, unless it is masked for all of the same
CREATE TABLE made (id int, ssn text, born date, year int GENERATED ALWAYS AS (extract(year FROM born)) STORED,
	upper_ssn text GENERATED ALWAYS AS (upper(ssn)) STORED, pair text GENERATED ALWAYS AS (ssn || '/' || id) STORED, plain int GENERATED ALWAYS AS (id * 2) STORED);
CREATE TABLE made_child (shown text GENERATED ALWAYS AS (left(ssn, 3)) STORED) INHERITS (made);
INSERT INTO made (id, ssn, born) VALUES (1, 'raw-1', '1999-01-01');
GRANT USAGE ON SCHEMA ho TO hole_reader;
GRANT SELECT ON made TO hole_reader;
SELECT lakehouse.policy_create('made', 'made', ARRAY['ssn', 'NULL', 'born', 'NULL', 'pair', 'NULL'], for_roles => '{hole_reader,hole_writer}');
SET ROLE hole_reader;
SELECT * FROM ho.made;
RESET ROLE;
CREATE VIEW generated AS SELECT object, policy, detail FROM lakehouse.policy_holes() WHERE kind = 'generated column';
SELECT * FROM generated;
-- for one of the roles, for a time, for all of them
SELECT lakehouse.policy_create('upper', 'made', ARRAY['upper_ssn', 'NULL'], for_roles => '{hole_writer}');
SELECT object FROM generated;
SELECT lakehouse.policy_alter('upper', for_roles => '{public}', until => '2100-01-01');
SELECT object FROM generated;
SELECT lakehouse.policy_alter('upper', until => 'infinity');
SELECT object FROM generated;
SELECT lakehouse.policy_alter('upper', except_roles => '{hole_writer}');
SELECT object FROM generated;
SELECT lakehouse.policy_alter('upper', except_roles => '{}');
SELECT lakehouse.policy_alter('made', ARRAY['ssn', 'NULL', 'born', 'NULL', 'pair', 'NULL', 'year', 'NULL']);
SELECT lakehouse.policy_create('child', 'made_child', ARRAY['shown', 'NULL'], for_roles => '{hole_reader,hole_writer}');
SELECT * FROM generated;
SELECT lakehouse.policy_drop(unnest('{made,upper,child}'::text[]));
-- a tag on one of the columns, on both
SELECT lakehouse.tag('made', 'ssn', 'hole.ssn'), lakehouse.tag('made', 'pair', 'hole.ssn'), lakehouse.tag('made', 'upper_ssn', 'hole.ssn');
SELECT lakehouse.policy_create('tagged', NULL, ARRAY['value', 'NULL'], for_roles => '{hole_reader}', options => '{"tag": "hole.ssn"}');
SELECT object, policy FROM generated;
SELECT lakehouse.policy_drop('tagged');
DROP VIEW generated;

-- rights
SET ROLE hole_free;
SELECT * FROM lakehouse.policy_keys();
RESET ROLE;
SET ROLE hole_admin;
SELECT count(*) FROM lakehouse.policy_keys();
RESET ROLE;
SET ROLE hole_auditor;
SELECT count(*) FROM lakehouse.policy_keys();
RESET ROLE;

SELECT lakehouse.policy_drop(unnest('{person,tenant,part,base,quiet}'::text[]));
SELECT lakehouse.right_revoke('policy_admin', 'hole_admin'), lakehouse.right_revoke('auditor', 'hole_auditor');
DROP SCHEMA ho CASCADE;
SELECT format('DROP ROLE hole_m%s', i) FROM generate_series(1, 9) i \gexec
DROP OWNED BY hole_owner, hole_writer, hole_member, hole_reader, hole_free, hole_boss, hole_admin, hole_auditor;
DROP ROLE hole_owner, hole_writer, hole_member, hole_reader, hole_free, hole_boss, hole_admin, hole_auditor;
