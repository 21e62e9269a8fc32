-- DDL that would take a policy away, or show what it keeps (test/privacy/README.md).
\getenv fixtures LAKEHOUSE_FIXTURES
\set attacks :fixtures '/../privacy/'
\set setup :attacks 'setup.sql'
\set policies :attacks 'policies.sql'
\set teardown :attacks 'teardown.sql'
\set ddl :attacks 'ddl.sql'
\set ECHO none
\i :setup
\set ECHO all
\i :policies
SELECT lakehouse.tag('attack.person', 'ssn', 'pii');
\i :ddl
\i :teardown
