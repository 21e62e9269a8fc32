SELECT * FROM crm.person ORDER BY id LIMIT 3;
