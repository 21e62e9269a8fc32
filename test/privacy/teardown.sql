\set ECHO none
SET client_min_messages = error;
RESET ROLE;
\o /dev/null
SELECT lakehouse.policy_drop(c.relname) FROM pg_class c WHERE relnamespace = 'lakehouse_policies'::regnamespace AND relkind = 'v';
\o
DROP PUBLICATION IF EXISTS q;
DROP PUBLICATION IF EXISTS r;
SELECT format('REVOKE CREATE ON DATABASE %I FROM attack_owner', current_database()) \gexec
DROP SCHEMA attack CASCADE;
DROP SCHEMA mine CASCADE;
DROP OWNED BY attack_owner, attack_masked, attack_group, attack_reader;
DROP ROLE attack_owner, attack_masked, attack_group, attack_reader;
RESET client_min_messages;
\set ECHO all
