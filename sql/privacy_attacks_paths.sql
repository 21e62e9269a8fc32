-- Every access path of test/privacy/README.md, before there are policies and under them.
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
\! "$ATTACK/attack" paths.sql attack_masked control
\i :policies
\! "$ATTACK/attack" paths.sql attack_masked policies
\i :teardown
