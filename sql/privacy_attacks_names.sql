-- Names alone make nobody a keeper of policies: a database without the extension, whose owner makes schemas and views
-- that look like it.  Policies grant, so it would read every table.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE names_owner;
CREATE ROLE names_reader;
CREATE DATABASE names_bare OWNER names_owner;
\c names_bare
CREATE TABLE public.secret (id int, ssn text);
INSERT INTO public.secret VALUES (1, 'SECRET');
SET ROLE names_owner;
SELECT ssn FROM public.secret;
CREATE SCHEMA lakehouse;
CREATE TABLE lakehouse.privacy_anchor ();
CREATE SCHEMA lakehouse_policies;
CREATE VIEW lakehouse_policies.p AS
	SELECT '{}'::jsonb AS definition, ssn AS c1, ssn AS m1 FROM public.secret;
CREATE VIEW lakehouse_policies.q AS
	SELECT '{}'::jsonb AS definition, rolname AS c1, rolname AS m1, rolpassword AS c2, rolpassword AS m2 FROM pg_authid;
-- one that would be damaged closes what it names
CREATE VIEW lakehouse_policies.r AS SELECT relname FROM pg_class;
GRANT SELECT ON ALL TABLES IN SCHEMA lakehouse_policies TO names_reader;
RESET ROLE;
SET ROLE names_reader;
SELECT ssn FROM public.secret;
SELECT count(rolpassword) FROM pg_authid;
SELECT count(*) FROM pg_class WHERE relname = 'secret';
RESET ROLE;
\c contrib_regression
DROP DATABASE names_bare;
DROP ROLE names_owner, names_reader;
