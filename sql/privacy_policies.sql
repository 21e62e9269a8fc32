-- Policies: what makes one, what is refused, what it does to privileges.  What they do to queries: privacy_enforce.
\set VERBOSITY terse
CREATE ROLE pp_admin;
CREATE ROLE pp_owner;
CREATE ROLE pp_analyst;
CREATE ROLE pp_clerk;
CREATE ROLE pp_chief;
CREATE ROLE pp_junior IN ROLE pp_analyst;
GRANT USAGE ON SCHEMA lakehouse TO PUBLIC;
GRANT EXECUTE ON FUNCTION lakehouse.policy_admin(), 
	lakehouse.policy_create(text, regclass, text[], text, text[], text[], text[], timestamptz, jsonb, text),
	lakehouse.policy_alter(text, text[], text, text[], text[], text[], timestamptz, jsonb, text),
	lakehouse.policy_drop(text) TO pp_admin;
CREATE SCHEMA pp AUTHORIZATION pp_owner;
GRANT USAGE ON SCHEMA pp TO PUBLIC;
SET ROLE pp_owner;
CREATE TABLE pp.person (id int PRIMARY KEY, gone int, name text, ssn varchar(11), born date, boss name);
ALTER TABLE pp.person DROP COLUMN gone;
GRANT SELECT ON pp.person TO pp_analyst, pp_chief;
GRANT SELECT ON pp.person TO PUBLIC;
RESET ROLE;

SET ROLE pp_admin;
SELECT lakehouse.policy_create('person', 'pp.person',
	ARRAY['ssn', $$lakehouse.mask_partial(ssn, 0, 'X', 4)$$, 'born', 'NULL'], for_roles => '{pp_analyst}');
RESET ROLE;
\d+ lakehouse_policies.person
\dp pp.person
\dp lakehouse_policies.*
