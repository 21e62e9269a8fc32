-- Change streams: keep slots moving, see what holds them, look at what they have.

-- It asks for superuser or REPLICATION itself: those may read slots, too.
CREATE FUNCTION lakehouse.cdc_heartbeat(OUT lsn pg_lsn)
	AS 'MODULE_PATHNAME', 'lakehouse_cdc_heartbeat'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION lakehouse.cdc_heartbeat() IS
	'Write to the log which transactions run, so that slots can let go of what is before';

-- As the other functions that read slots, it asks for superuser or REPLICATION itself.
CREATE FUNCTION lakehouse.changes(slot name, upto_lsn pg_lsn DEFAULT NULL, upto_n integer DEFAULT NULL,
	VARIADIC options text[] DEFAULT '{}', OUT lsn pg_lsn, OUT xid xid, OUT data text) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_changes'
	LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION lakehouse.changes(name, pg_lsn, integer, text[]) IS
	'Look at what a slot of the plugin "lakehouse" has, without moving it';

-- Columns of pg_replication_slots that came with later versions are taken from its row as
-- JSON, so that one text does for all.  Functions in a view run with the rights of who asks,
-- so that everybody sees what the server's own views let him see.
CREATE VIEW lakehouse.cdc_health AS
	WITH server AS (
		SELECT p.standby, l.lsn, k.keep,
			-- as much log as the server keeps by itself is no reason to worry
			least(pg_size_bytes(current_setting('max_wal_size')), k.keep / 2) AS bar,
			current_setting('autovacuum_freeze_max_age')::integer / 2 AS age_bar
		FROM (SELECT pg_is_in_recovery() AS standby) AS p,
			LATERAL (SELECT CASE WHEN p.standby THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END AS lsn) AS l,
			(SELECT pg_size_bytes(nullif(current_setting('max_slot_wal_keep_size'), '-1')) AS keep) AS k
	), oldest AS (
		-- of the whole server, as its log is one
		SELECT o.* FROM (
			SELECT age(a.backend_xid) AS age, a.xact_start AS since,
				format('transaction of pid %s%s', a.pid, ' in database ' || quote_ident(a.datname)) AS who,
				format('pg_terminate_backend(%s)', a.pid) AS remedy
			FROM pg_stat_activity a WHERE a.backend_xid IS NOT NULL AND a.pid <> pg_backend_pid()
			UNION ALL
			SELECT age(p.transaction), p.prepared, format('prepared transaction %L in database %I', p.gid, p.database),
				format('COMMIT PREPARED or ROLLBACK PREPARED %L', p.gid)
			FROM pg_prepared_xacts p) AS o
		ORDER BY o.age DESC LIMIT 1
	), slots AS (
		SELECT s.slot_name, s.database, s.temporary, s.active_pid, s.catalog_xmin, s.restart_lsn, s.confirmed_flush_lsn,
			s.wal_status, s.safe_wal_size, s.two_phase, v.*, c.lsn, c.keep, c.bar, c.age_bar, c.standby, r.application_name, r.client_addr, r.usename, r.state AS walsender_state,
			r.sent_lsn, r.write_lsn, r.flush_lsn, r.write_lag, r.flush_lag, r.reply_time,
			pg_wal_lsn_diff(c.lsn, s.restart_lsn)::bigint AS retained,
			pg_wal_lsn_diff(c.lsn, s.confirmed_flush_lsn)::bigint AS lag,
			-- the log that is kept, in the three parts that have different causes
			greatest(pg_wal_lsn_diff(c.lsn, r.sent_lsn)::bigint, 0) AS undecoded,
			greatest(pg_wal_lsn_diff(coalesce(r.sent_lsn, c.lsn), s.confirmed_flush_lsn)::bigint, 0) AS unconfirmed,
			pg_wal_lsn_diff(s.confirmed_flush_lsn, s.restart_lsn)::bigint AS needed,
			age(s.catalog_xmin) AS xmin_age
		FROM pg_replication_slots s
			CROSS JOIN server c
			LEFT JOIN pg_stat_replication r ON r.pid = s.active_pid
			CROSS JOIN LATERAL (SELECT to_jsonb(s) AS j) AS js
			CROSS JOIN LATERAL (SELECT
				(js.j ->> 'failover')::boolean AS in_failover,
				(js.j ->> 'synced')::boolean AS is_synced,
				(js.j ->> 'conflicting')::boolean AS in_conflict,
				(js.j ->> 'inactive_since')::timestamptz AS since,
				js.j ->> 'invalidation_reason' AS reason) AS v
		WHERE s.slot_type = 'logical' AND s.plugin = 'lakehouse'
	), judged AS (
		SELECT s.*, o.who, o.since AS xact_since, o.remedy AS end_it,
			CASE
				WHEN s.wal_status = 'lost' OR s.reason IS NOT NULL OR s.in_conflict THEN 'lost'
				WHEN s.is_synced AND s.active_pid IS NULL THEN 'synced'
				WHEN s.active_pid IS NULL THEN 'client'
				WHEN s.undecoded >= s.unconfirmed AND s.undecoded >= s.needed AND s.undecoded > 0 THEN 'decoding'
				WHEN s.unconfirmed >= s.needed AND s.unconfirmed > 0 THEN 'confirm'
				WHEN o.who IS NOT NULL THEN 'transaction'
				ELSE 'snapshot'
			END AS holder
		FROM slots s LEFT JOIN oldest o ON true
	)
	SELECT
		h.slot_name,
		h.database,
		h.active_pid,
		h.usename,
		h.application_name,
		h.client_addr,
		h.walsender_state,
		h.retained AS retained_bytes,
		CASE h.holder
			WHEN 'synced' THEN 'the slot on the primary'
			WHEN 'client' THEN 'no client'
			WHEN 'decoding' THEN format('decoding: %s are not sent yet', pg_size_pretty(h.undecoded))
			WHEN 'confirm' THEN format('client: %s are sent and not confirmed', pg_size_pretty(h.unconfirmed))
			WHEN 'transaction' THEN h.who || coalesce(', open for ' || date_trunc('second', clock_timestamp() - h.xact_since), '')
			WHEN 'snapshot' THEN 'the last record of running transactions'
		END AS held_by,
		h.wal_status,
		h.safe_wal_size,
		h.keep AS max_slot_wal_keep_size,
		h.restart_lsn,
		h.confirmed_flush_lsn,
		h.lag AS lag_bytes,
		h.sent_lsn,
		h.write_lsn,
		h.flush_lsn,
		h.write_lag,
		h.flush_lag,
		h.reply_time,
		h.catalog_xmin,
		h.xmin_age AS catalog_xmin_age,
		t.spill_txns, t.spill_count, t.spill_bytes,
		t.stream_txns, t.stream_count, t.stream_bytes,
		t.total_txns, t.total_bytes, t.stats_reset,
		h.temporary,
		h.two_phase,
		h.in_failover AS failover,
		h.is_synced AS synced,
		h.in_conflict AS conflicting,
		h.reason AS invalidation_reason,
		h.since AS inactive_since,
		w.verdict,
		w.remedy
	FROM judged h
		LEFT JOIN pg_stat_replication_slots t USING (slot_name)
		CROSS JOIN LATERAL (SELECT pg_size_pretty(h.retained) AS retained, pg_size_pretty(h.bar) AS bar) AS p
		CROSS JOIN LATERAL (SELECT v.verdict, v.remedy FROM (VALUES
			(1, h.holder = 'lost',
				format('lost: %s', coalesce(h.reason, CASE WHEN h.in_conflict THEN 'in conflict with recovery' ELSE 'the log that it needs was removed' END)),
				'Drop it, load the consumers anew and begin with a new slot; max_slot_wal_keep_size says how much log is kept.'),
			(2, h.wal_status = 'unreserved',
				format('stalled: %s are kept, more than max_slot_wal_keep_size, and may go at the next checkpoint', p.retained),
				'Let the client catch up at once, or raise max_slot_wal_keep_size and reload.'),
			(3, h.holder = 'synced', 'ok', NULL),
			(4, h.holder = 'client' AND h.retained > h.bar,
				format('stalled: no client, and %s of log are kept', p.retained),
				format('Start its client, or let go of the log: pg_drop_replication_slot(%L).', h.slot_name)),
			(5, h.holder = 'decoding' AND h.undecoded > h.bar,
				format('stalled: decoding is %s behind the log', pg_size_pretty(h.undecoded)),
				'Wait while sent_lsn moves; spill_bytes that grow ask for more logical_decoding_work_mem.'),
			(6, h.holder = 'confirm' AND h.unconfirmed > h.bar,
				format('stalled: the client has not confirmed %s', pg_size_pretty(h.unconfirmed)),
				'Look at the client and at what it writes to; its log and metrics say which sink is behind.'),
			(7, h.holder = 'transaction' AND h.retained > h.bar,
				format('stalled: %s of log are kept for the %s', p.retained, h.who),
				format('End it: %s.', h.end_it)),
			(8, h.holder = 'snapshot' AND h.retained > h.bar AND NOT h.standby,
				format('stalled: %s of log are kept, as the server logs too seldom which transactions run', p.retained),
				'SELECT lakehouse.cdc_heartbeat(); lakehouse_cdc does so by itself: --heartbeat-bytes.'),
			(9, h.holder = 'snapshot' AND h.retained > h.bar,
				format('stalled: %s of log are kept, until the primary logs which transactions run', p.retained),
				'SELECT lakehouse.cdc_heartbeat() on the primary; lakehouse_cdc does so with --primary.'),
			(10, h.xmin_age > h.age_bar,
				format('stalled: VACUUM keeps what catalogs had %s transactions ago', h.xmin_age),
				CASE WHEN h.active_pid IS NULL THEN format('Start its client, or pg_drop_replication_slot(%L).', h.slot_name)
					ELSE 'SELECT lakehouse.cdc_heartbeat(), then let the client confirm.' END),
			(11, h.active_pid IS NULL, 'idle', NULL),
			(12, true, 'ok', NULL)) AS v (n, applies, verdict, remedy)
			WHERE v.applies ORDER BY v.n LIMIT 1) AS w;
COMMENT ON VIEW lakehouse.cdc_health IS
	'Slots of the plugin "lakehouse": the log that they keep, what holds it, and what to do';
GRANT SELECT ON lakehouse.cdc_health TO PUBLIC;
