-- Functions of the audit: whose they are, and what they say while it is off.
CREATE ROLE audit_nobody;
CREATE ROLE audit_auditor;
GRANT USAGE ON SCHEMA lakehouse TO audit_nobody, audit_auditor;
SELECT lakehouse.right_grant('auditor', 'audit_auditor');
SET ROLE audit_nobody;
SELECT mode FROM lakehouse.audit_status();
SELECT count(*) FROM lakehouse.audit_read();
SELECT lakehouse.audit_retain('1 day');
SET lakehouse.audit = 'off';
RESET ROLE;
SET lakehouse.audit_filter = 'all';
SET ROLE audit_auditor;
SELECT mode, open, dropped FROM lakehouse.audit_status();
SELECT lakehouse.audit_export('xml');
SELECT lakehouse.audit_retain('1 day');
RESET ROLE;
SELECT lakehouse.audit_retain('-1 day');
-- words of the filter
ALTER SYSTEM SET lakehouse.audit_filter = 'policies, schema "Odd, name", role x';
ALTER SYSTEM SET lakehouse.audit_filter = 'tables';
ALTER SYSTEM SET lakehouse.audit_filter = 'schema';
ALTER SYSTEM SET lakehouse.audit_filter = 'schema "open';
ALTER SYSTEM SET lakehouse.audit_filter = 'policies policies';
ALTER SYSTEM SET lakehouse.audit_filter = '';
ALTER SYSTEM RESET lakehouse.audit_filter;
SELECT lakehouse.right_revoke('auditor', 'audit_auditor');
REVOKE USAGE ON SCHEMA lakehouse FROM audit_nobody, audit_auditor;
DROP ROLE audit_nobody, audit_auditor;
