-- xml in a change stream; servers without libxml make none of it (cdc_xml_1.out).
\i sql/include/cdc.psql
CREATE SCHEMA cdc;
SET search_path = cdc, public;
SELECT pg_temp.new_slot();
CREATE TABLE one (n serial, v xml);
\set VERBOSITY sqlstate
INSERT INTO one (v) VALUES ('<a/>');
\set VERBOSITY default
INSERT INTO one (v) VALUES (NULL);
SELECT * FROM pg_temp.stream();
SELECT pg_drop_replication_slot('regress_cdc');
DROP SCHEMA cdc CASCADE;
