-- Errors of statements that write tell no values of rows (test/privacy/README.md).
-- The first run shows that each attack would find a secret.
\getenv fixtures LAKEHOUSE_FIXTURES
\set attacks :fixtures '/../privacy/'
\set setup :attacks 'setup.sql'
\set policies :attacks 'policies.sql'
\set teardown :attacks 'teardown.sql'
\setenv ATTACK :attacks
\setenv PGDATABASE :DBNAME
\set ECHO none
\i :setup
\set ECHO all
\! "$ATTACK/attack" errors.sql attack_masked control
-- what the control changed
ALTER TABLE attack.child ALTER CONSTRAINT child_person_fkey NOT DEFERRABLE;
\i :policies
\! "$ATTACK/attack" errors.sql attack_masked policies
\i :teardown
