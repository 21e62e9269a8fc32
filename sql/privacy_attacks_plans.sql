-- Plans that were made for one subject are not run for another (test/privacy/README.md).
\getenv fixtures LAKEHOUSE_FIXTURES
\set attacks :fixtures '/../privacy/'
\set setup :attacks 'setup.sql'
\set policies :attacks 'policies.sql'
\set teardown :attacks 'teardown.sql'
\setenv ATTACK :attacks
\setenv PGDATABASE :DBNAME
\setenv ATTACK_USER :USER
\set ECHO none
\i :setup
\set ECHO all
\i :policies
\! "$ATTACK/attack" plans.sql "$ATTACK_USER" policies
DROP OWNED BY attack_later;
DROP ROLE attack_later;
\i :teardown
