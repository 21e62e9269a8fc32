-- Audit: what was recorded, and proofs of it.  For auditors: lakehouse.right_grant('auditor', role).

CREATE FUNCTION lakehouse.audit_status(
	OUT mode text,
	OUT directory text,
	OUT pid integer,
	OUT started_at timestamptz,
	OUT starts bigint,
	OUT open boolean,
	OUT error text,
	OUT ring_size bigint,
	OUT ring_used bigint,
	OUT ring_reserved bigint,
	OUT dropped bigint,
	OUT size bigint,
	OUT durable bigint,
	OUT first bigint,
	OUT checkpoint_size bigint,
	OUT checkpoint_time timestamptz,
	OUT target_error text) RETURNS record
	AS 'MODULE_PATHNAME', 'lakehouse_audit_status'
	LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.audit_status() IS
	'The audit worker, its ring of records and its log, as they are now; needs shared_preload_libraries';

CREATE FUNCTION lakehouse.audit_read(
	first bigint DEFAULT NULL,
	most bigint DEFAULT 1000,
	OUT number bigint,
	OUT "time" timestamptz,
	OUT kind text,
	OUT database text,
	OUT session_user_name text,
	OUT role text,
	OUT roles text,
	OUT application text,
	OUT address text,
	OUT pid integer,
	OUT session_start timestamptz,
	OUT transaction text,
	OUT statement bigint,
	OUT purpose text,
	OUT command text,
	OUT fingerprint text,
	OUT object text,
	OUT detail text,
	OUT relations text[],
	OUT columns text[],
	OUT result text,
	OUT sqlstate text,
	OUT "rows" bigint,
	OUT lost bigint,
	OUT used text[],
	OUT line text) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_audit_read'
	LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 1000;
COMMENT ON FUNCTION lakehouse.audit_read(bigint, bigint) IS
	'Records of the audit log from an entry on, or its last ones; line is what was hashed';

CREATE FUNCTION lakehouse.audit_export(format text, first bigint DEFAULT 0, most bigint DEFAULT NULL) RETURNS SETOF text
	AS 'MODULE_PATHNAME', 'lakehouse_audit_export'
	LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 1000;
COMMENT ON FUNCTION lakehouse.audit_export(text, bigint, bigint) IS
	'Records of the audit log for other programs, a JSON object each: json as it is logged, or ocsf';

CREATE FUNCTION lakehouse.audit_checkpoint() RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_audit_checkpoint'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION lakehouse.audit_checkpoint() IS
	'A signed checkpoint of the audit log as it is now';

CREATE FUNCTION lakehouse.audit_note(size bigint DEFAULT NULL) RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_audit_notes'
	LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.audit_note(bigint) IS
	'The newest signed checkpoint of the audit log of at most this size';

CREATE FUNCTION lakehouse.audit_inclusion_proof(
	entry bigint,
	tree_size bigint DEFAULT NULL,
	OUT number bigint,
	OUT size bigint,
	OUT leaf bytea,
	OUT root bytea,
	OUT path bytea[]) RETURNS record
	AS 'MODULE_PATHNAME', 'lakehouse_audit_inclusion_proof'
	LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.audit_inclusion_proof(bigint, bigint) IS
	'Hashes that lead from an entry of the audit log to the root of the tree of this size (RFC 6962)';

CREATE FUNCTION lakehouse.audit_consistency_proof(
	from_size bigint,
	to_size bigint DEFAULT NULL,
	OUT "from" bigint,
	OUT "to" bigint,
	OUT from_root bytea,
	OUT to_root bytea,
	OUT path bytea[]) RETURNS record
	AS 'MODULE_PATHNAME', 'lakehouse_audit_consistency_proof'
	LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.audit_consistency_proof(bigint, bigint) IS
	'Hashes that show that the audit log of one size is the beginning of that of another (RFC 6962)';

CREATE FUNCTION lakehouse.audit_inclusion_document(entry bigint, tree_size bigint DEFAULT NULL) RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_audit_inclusion_document'
	LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.audit_inclusion_document(bigint, bigint) IS
	'An entry of the audit log with its proof and the newest checkpoint of at most this size: all that a verifier needs but the key';

CREATE FUNCTION lakehouse.audit_consistency_document(from_size bigint, to_size bigint DEFAULT NULL) RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_audit_consistency_document'
	LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.audit_consistency_document(bigint, bigint) IS
	'Two checkpoints of the audit log with the proof that one is the beginning of the other: all that a verifier needs but the key';

CREATE FUNCTION lakehouse.audit_verify(
	checkpoints text[] DEFAULT '{}',
	OUT intact boolean,
	OUT size bigint,
	OUT first bigint,
	OUT lines bigint,
	OUT notes bigint,
	OUT covered bigint,
	OUT wrong bigint,
	OUT why text) RETURNS record
	AS 'MODULE_PATHNAME', 'lakehouse_audit_verify'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.audit_verify(text[]) IS
	'Does the audit log agree with its hashes, its checkpoints and those that were kept? Verify outside of the server what may have been changed in it';

CREATE FUNCTION lakehouse.audit_public_key() RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_audit_public_key'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lakehouse.audit_public_key() IS
	'With what checkpoints of the audit log are verified, a line for each key that signed; NULL before the first';

CREATE FUNCTION lakehouse.audit_retain(age interval) RETURNS bigint
	AS 'MODULE_PATHNAME', 'lakehouse_audit_retain'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION lakehouse.audit_retain(interval) IS
	'Remove lines of the audit log that are older, in whole files; their hashes stay. Superusers, and whom they grant it';

REVOKE ALL ON FUNCTION lakehouse.audit_status(), lakehouse.audit_read(bigint, bigint), lakehouse.audit_export(text, bigint, bigint),
	lakehouse.audit_checkpoint(), lakehouse.audit_note(bigint), lakehouse.audit_inclusion_proof(bigint, bigint),
	lakehouse.audit_consistency_proof(bigint, bigint), lakehouse.audit_inclusion_document(bigint, bigint),
	lakehouse.audit_consistency_document(bigint, bigint), lakehouse.audit_verify(text[]), lakehouse.audit_public_key(), lakehouse.audit_retain(interval) FROM PUBLIC;
