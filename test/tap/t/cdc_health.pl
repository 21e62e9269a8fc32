# Slots that keep no more log than they need: heartbeats by volume and by time, whom
# they trust; the view lakehouse.cdc_health; lakehouse.changes, which moves nothing.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Cdc qw($client cdc_node http pid_of slurp stop);
use IPC::Run;
use Lake;
use Test::More;

my ($node, $dir) = cdc_node('cdc_health', 'min_wal_size = 32MB', 'max_prepared_transactions = 5', 'max_wal_size = 96MB', 'autovacuum = off', 'checkpoint_timeout = 1h');
my $metrics_port = PostgreSQL::Test::Cluster::get_free_port();
my $MB = 1048576;

sub sql { return $node->safe_psql($_[1] // 'postgres', $_[0]) }
sub start
{
	my ($log, $db, @args) = @_;
	my $run = IPC::Run::start([ $client, 'stream', '--source', $node->connstr($db), '--log', 'json', '--create', '--sink', 'null:', @args ],
		'<', \undef, '>', "$dir/out.$log", '2>', "$dir/log.$log", IPC::Run::timeout(300));
	wait_until(60, sub { slurp("$dir/log.$log") =~ /"event":"streaming"/ }) or die slurp("$dir/log.$log");
	return $run;
}
sub kept { my ($slot) = @_; return sql("SELECT pg_current_wal_lsn() - restart_lsn FROM pg_replication_slots WHERE slot_name = '$slot'") }
# So many MB of log by another database, in transactions of 1 MB, at some 25 MB/s.
sub busy
{
	my ($mb, $pause) = @_;
	sql(qq{DO \$\$ BEGIN FOR i IN 1 .. $mb LOOP PERFORM pg_logical_emit_message(true, 'load', repeat('x', $MB)); COMMIT;
		PERFORM pg_sleep(@{[ $pause // 0.04 ]}); END LOOP; END \$\$}, 'busy');
	return;
}
sub health { my ($slot, $what, $user) = @_; return $node->safe_psql('postgres', "SELECT $what FROM lakehouse.cdc_health WHERE slot_name = '$slot'", $user ? (extra_params => [ '-U', $user ]) : ()) }

sql('CREATE DATABASE busy');
sql('CREATE TABLE t (id int PRIMARY KEY, v text)');
sql('CREATE ROLE streamer LOGIN REPLICATION; CREATE ROLE nobody LOGIN; GRANT USAGE ON SCHEMA lakehouse TO streamer, nobody');
my $streamer = $node->connstr('postgres') . ' user=streamer';

# ---- an idle slot, by volume: the status interval is long, so that nothing else moves it

my $run = start('none', 'postgres', '--slot', 'none', '--status-interval', '3600', '--heartbeat', '0', '--heartbeat-bytes', '0');
my $beats = start('beats', 'postgres', '--source', $streamer, '--slot', 'beats', '--status-interval', '3600', '--metrics', $metrics_port);
busy(300);
ok(wait_until(60, sub { kept('beats') <= 64 * $MB }), 'after 300 MB an idle slot keeps 64 MB at most') or diag kept('beats') / $MB;
cmp_ok(kept('none'), '>', 200 * $MB, 'which is due to heartbeats: without it keeps more');
my $xmin = sql(q{SELECT catalog_xmin FROM pg_replication_slots WHERE slot_name = 'beats'});
my $old = sql(q{SELECT catalog_xmin FROM pg_replication_slots WHERE slot_name = 'none'});
cmp_ok($xmin, '>', $old + 100, 'catalog_xmin moves, too');
like(http($metrics_port), qr/^lakehouse_cdc_heartbeats_total [1-9]/m, 'heartbeats are counted');
is(stop($run), 0, 'stopped');
is(stop($beats), 0, 'stopped');
unlike(slurp("$dir/log.beats"), qr/"level":"(warning|error)"/, 'a role with REPLICATION is enough');

# by time
$run = start('time', 'postgres', '--slot', 'beats', '--status-interval', '3600', '--heartbeat', '1', '--heartbeat-bytes', '0');
busy(2);
my $end = sql('SELECT pg_current_wal_lsn()');
ok(wait_until(60, sub { sql("SELECT restart_lsn >= '$end' FROM pg_replication_slots WHERE slot_name = 'beats'") eq 't' }), 'a heartbeat by the clock moves it, too');
stop($run);

# nothing of it is streamed, whatever the format
is(sql(q{SELECT lakehouse.cdc_heartbeat() > '0/0'}), 't', 'a heartbeat says where it is');
is(sql(q{SELECT count(*) FROM lakehouse.changes('beats', NULL, NULL, 'format', 'json', 'messages', 'on')}), 0, 'and is not streamed');
is(sql(q{SELECT count(*) FROM lakehouse.changes('beats', NULL, NULL, 'format', 'wal2json-v2') WHERE data LIKE '%heartbeat%'}), 0, 'in no format');

# ---- who may

my (undef, undef, $err) = $node->psql('postgres', 'SELECT lakehouse.cdc_heartbeat()', extra_params => [ '-U', 'nobody' ]);
like($err, qr/permission denied for lakehouse\.cdc_heartbeat\(\).*REPLICATION/s, 'heartbeats are not for everybody');
(undef, undef, $err) = $node->psql('postgres', q{SELECT * FROM lakehouse.changes('beats')}, extra_params => [ '-U', 'nobody' ]);
like($err, qr/replication/i, 'nor is looking into slots');
isnt($node->psql('postgres', q{SELECT * FROM lakehouse.changes('beats')}, extra_params => [ '-U', 'nobody' ]), 0, 'which fails');
is($node->psql('postgres', 'SELECT lakehouse.cdc_heartbeat()', extra_params => [ '-U', 'streamer' ]), 0, 'REPLICATION is enough');

# ---- without the extension: what calls itself by its name is not called

sql('CREATE DATABASE plain');
sql(q{CREATE SCHEMA lakehouse; GRANT USAGE ON SCHEMA lakehouse TO PUBLIC; CREATE TABLE lakehouse.caught (who text);
	CREATE FUNCTION lakehouse.cdc_heartbeat() RETURNS pg_lsn LANGUAGE plpgsql SECURITY DEFINER AS $$
	BEGIN INSERT INTO lakehouse.caught VALUES (session_user); RETURN '0/1'; END $$}, 'plain');
$run = start('plain', 'plain', '--slot', 'plain', '--status-interval', '3600', '--metrics', $metrics_port);
$end = sql('SELECT pg_current_wal_lsn()');
busy(40);
ok(wait_until(60, sub { http($metrics_port) =~ /^lakehouse_cdc_heartbeats_total [1-9]/m }), 'without the extension there are heartbeats, too');
is(sql('SELECT count(*) FROM lakehouse.caught', 'plain'), 0, 'by no function that somebody else put there');
ok(wait_until(60, sub { sql("SELECT confirmed_flush_lsn > '$end' FROM pg_replication_slots WHERE slot_name = 'plain'") eq 't' }), 'and positions are confirmed');
SKIP:
{
	skip 'pg_log_standby_snapshot() came with 16', 1 if $node->pg_version < 16;
	ok(wait_until(60, sub { sql("SELECT restart_lsn > '$end' FROM pg_replication_slots WHERE slot_name = 'plain'") eq 't' }), 'by pg_log_standby_snapshot()');
}
stop($run);
sql(q{SELECT pg_drop_replication_slot('plain')});

# a heartbeat that cannot be written is told, and stops no stream
$run = start('refused', 'postgres', '--slot', 'beats', '--status-interval', '1', '--heartbeat-bytes', '1MB', '--primary', 'host=/nonexistent');
busy(4);
ok(wait_until(60, sub { slurp("$dir/log.refused") =~ /"event":"heartbeat".*no heartbeat: .*nonexistent/ }), 'a heartbeat that cannot be is told');
sql(q{INSERT INTO t VALUES (1, 'goes on')});
$end = sql('SELECT pg_current_wal_lsn()');
ok(wait_until(60, sub { sql("SELECT confirmed_flush_lsn >= '$end' FROM pg_replication_slots WHERE slot_name = 'beats'") eq 't' }), 'and the stream goes on');
is(() = slurp("$dir/log.refused") =~ /"event":"heartbeat"/g, 1, 'it is told once');

# ---- the view: who holds what

is(health('beats', 'verdict'), 'ok', 'a slot with a client');
is(health('beats', q{concat_ws(' ', application_name, database, active_pid = (SELECT active_pid FROM pg_replication_slots WHERE slot_name = 'beats'))}), 'cdc_health.pl postgres t', 'who it is');
is(health('beats', 'total_bytes > 0 AND total_txns > 0'), 't', 'what was decoded');
is(health('beats', 'sent_lsn IS NULL AND active_pid IS NOT NULL', 'nobody'), 't', 'others see what they may of walsenders');
kill 'STOP', pid_of($run);
busy(100, 0);
ok(wait_until(60, sub { health('beats', 'verdict') =~ /^stalled: the client has not confirmed \d+ MB$/ }), 'a client that does not confirm') or diag health('beats', 'verdict');
like(health('beats', 'held_by'), qr/^client: \d+ MB are sent and not confirmed$/, 'holds the log');
like(health('beats', 'remedy'), qr/^Look at the client/, 'with a remedy');
cmp_ok(health('beats', 'retained_bytes'), '>', 100 * $MB, 'so many bytes');
kill 'CONT', pid_of($run);
stop($run);
like(health('beats', 'verdict'), qr/^(idle|stalled: no client)/, 'no client');
busy(100, 0);
like(health('beats', 'verdict'), qr/^stalled: no client, and \d+ MB of log are kept$/, 'none for long');
is(health('beats', 'held_by'), 'no client', 'is what holds it');
like(health('beats', 'remedy'), qr/pg_drop_replication_slot\('beats'\)/, 'and what to do');

$run = start('held', 'postgres', '--slot', 'beats', '--status-interval', '1');
my $session = session($node, db => 'busy');
$session->value('CREATE TABLE w (i int); BEGIN; INSERT INTO w VALUES (1)');
busy(130, 0.01);
ok(wait_until(60, sub { health('beats', 'verdict') =~ /^stalled: \d+ MB of log are kept for the transaction of pid $session->{pid} in database busy$/ }), 'an old transaction')
  or diag health('beats', 'verdict');
like(health('beats', 'remedy'), qr/pg_terminate_backend\($session->{pid}\)/, 'that can be ended');
like(health('beats', 'held_by'), qr/^transaction of pid $session->{pid} in database busy, open for \d\d:/, 'and its age');
$session->value('ROLLBACK');
sql(q{BEGIN; SELECT pg_current_xact_id(); PREPARE TRANSACTION 'it''s old'}, 'busy');
busy(130, 0.01);
ok(wait_until(60, sub { health('beats', 'verdict') =~ /^stalled: \d+ MB of log are kept for the prepared transaction 'it''s old' in database busy$/ }), 'a prepared one')
  or diag health('beats', 'verdict');
sql(q{ROLLBACK PREPARED 'it''s old'}, 'busy');
busy(40);
ok(wait_until(60, sub { health('beats', 'verdict') eq 'ok' }), 'and then all is well') or diag health('beats', 'verdict');
stop($run);

# ---- look, and move nothing

# a slot whose restart_lsn PostgreSQL's own function would move
$run = start('peek', 'postgres', '--slot', 'peek', '--status-interval', '1', '--heartbeat-bytes', '1MB');
busy(5);
sql('SELECT lakehouse.cdc_heartbeat()') for 1 .. 3;
stop($run);
sql('INSERT INTO t SELECT g, repeat(chr(120), 100) FROM generate_series(1001, 21000) g');
sql(q{INSERT INTO t VALUES (5, 'five')});
sub place { return sql(q{SELECT confirmed_flush_lsn, restart_lsn, catalog_xmin, active_pid FROM pg_replication_slots WHERE slot_name = 'peek'}) }
my $place = place();
is(sql(q{SELECT count(*) FROM lakehouse.changes('peek', NULL, NULL, 'schema.events', 'off')}), 20001, 'what a slot has');
is(place(), $place, 'is looked at and not moved');
is(sql(q{SELECT string_agg(data::jsonb -> 'key' ->> 'id', ' ') FROM lakehouse.changes('peek', NULL, 3, 'schema.events', 'off')}), '1001 1002 1003', 'so many rows');
is(place(), $place, 'and it is not moved by a look that ends early');
is(sql(q{SELECT data::jsonb -> 'new' ->> 'v' FROM lakehouse.changes('peek', pg_current_wal_insert_lsn(), NULL, 'schema.events', 'off') OFFSET 20000}), 'five', 'again all, to the end');
is(sql(q{SET synchronous_commit = off; INSERT INTO t VALUES (6, 'six');
	SELECT data::jsonb -> 'new' ->> 'v' FROM lakehouse.changes('peek', pg_current_wal_insert_lsn(), NULL, 'schema.events', 'off') OFFSET 20001}), 'six', 'also what is not on disk yet');
is(sql(q{SELECT count(*) FROM lakehouse.changes('peek', (SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = 'peek'))}), 0, 'up to where it is: nothing');
is(place(), $place, 'not moved');
my ($confirmed) = split /\|/, $place;

# behind a confirmed position there are records by which PostgreSQL's own function moves a slot
sql(q{SELECT pg_create_logical_replication_slot('still', 'lakehouse')});
sql('SELECT lakehouse.cdc_heartbeat()') for 1 .. 3;
sql(q{SELECT pg_replication_slot_advance('still', pg_current_wal_lsn()); INSERT INTO t VALUES (7, 'seven')});
sub still { return sql(q{SELECT confirmed_flush_lsn, restart_lsn, catalog_xmin FROM pg_replication_slots WHERE slot_name = 'still'}) }
my $still = still();
is(sql(q{SELECT count(*) FROM lakehouse.changes('still', NULL, NULL, 'schema.events', 'off')}), 1, 'a slot that could be moved');
is(still(), $still, 'is not');
is(sql(q{SELECT count(*) FROM pg_logical_slot_peek_changes('still', NULL, NULL, 'schema.events', 'off')}), 1, 'the same by the other function');
isnt(still(), $still, 'which moves it, so that there was something to see');
sql(q{SELECT pg_drop_replication_slot('still')});

(undef, undef, $err) = $node->psql('postgres', q{SELECT * FROM lakehouse.changes('peek', '0/1')});
like($err, qr/upto_lsn 0\/1 is not in what slot "peek" can serve, \[\Q$confirmed\E, [0-9A-F\/]+\]/, 'a position before it');
(undef, undef, $err) = $node->psql('postgres', q{SELECT * FROM lakehouse.changes('peek', 'FFFF/0')});
like($err, qr/upto_lsn FFFF\/0 is not in what slot "peek" can serve, \[\Q$confirmed\E, [0-9A-F\/]+\]/, 'one behind the log');
(undef, undef, $err) = $node->psql('busy', q{CREATE EXTENSION lakehouse; SELECT * FROM lakehouse.changes('peek')});
like($err, qr/slot "peek" is one of database "postgres"/, 'another database');
sql(q{SELECT pg_create_logical_replication_slot('other', 'pgoutput'); SELECT pg_create_physical_replication_slot('physical')});
(undef, undef, $err) = $node->psql('postgres', q{SELECT * FROM lakehouse.changes('other')});
like($err, qr/slot "other" is one of the plugin "pgoutput", not of "lakehouse"/, 'another plugin');
(undef, undef, $err) = $node->psql('postgres', q{SELECT * FROM lakehouse.changes('physical')});
like($err, qr/slot "physical" is one of physical replication/, 'a physical one');
(undef, undef, $err) = $node->psql('postgres', q{SELECT * FROM lakehouse.changes('no_such')});
like($err, qr/there is no slot "no_such"/, 'none');
$run = start('active', 'postgres', '--slot', 'peek', '--status-interval', '3600');
(undef, undef, $err) = $node->psql('postgres', q{SELECT * FROM lakehouse.changes('peek')});
like($err, qr/slot "peek" is in use by pid \d+/, 'one in use');
stop($run);

# errors that are caught, cancellation, a row limit in a writing transaction: the slot is free again
sql('INSERT INTO t SELECT g FROM generate_series(100001, 200000) g');
$place = place();
is(sql(q{CREATE TABLE seen AS SELECT data FROM lakehouse.changes('peek', NULL, 10);
	DO $$ BEGIN PERFORM * FROM lakehouse.changes('peek', NULL, NULL, 'format', 'nosuch'); EXCEPTION WHEN OTHERS THEN NULL; END $$;
	DO $$ BEGIN PERFORM * FROM lakehouse.changes('peek', '0/1'); EXCEPTION WHEN OTHERS THEN NULL; END $$;
	SELECT (SELECT count(*) FROM seen), (SELECT count(*) FROM lakehouse.changes('peek', NULL, 10)), (SELECT count(*) FROM lakehouse.changes('peek', NULL, 20))}),
	'10|10|20', 'after errors that were caught the session can look again');
(undef, undef, $err) = $node->psql('postgres', q{SET statement_timeout = 50; SELECT count(*) FROM lakehouse.changes('peek')});
like($err, qr/statement timeout/, 'a look can be cancelled');
is(place(), $place, 'and leaves the slot as it was');
sub temp_bytes { return sql(q{SELECT temp_bytes FROM pg_stat_database WHERE datname = 'postgres'}, 'busy') }
my $temp = temp_bytes();
is(sql(q{SET work_mem = '64kB'; SELECT count(*) FROM lakehouse.changes('peek', NULL, 5, 'schema.events', 'off')}), 5, 'five of 100000');
my $after = temp_bytes();
is($after, $temp, 'gather no more than five');
is(sql(q{SET work_mem = '64kB'; SELECT count(*) > 100000 FROM lakehouse.changes('peek')}), 't', 'all of them');
ok(wait_until(30, sub { temp_bytes() > $after }), 'gather on disk, not in memory');

# ---- lost

# no checkpoint comes by itself: the next is 2 GB or an hour away (of 96 MB two segments are enough for one)
sql(q{ALTER SYSTEM SET max_wal_size = '4GB'});
$node->reload;
wait_until(60, sub { sql('SHOW max_wal_size') eq '4GB' });
sql('CHECKPOINT');
sql(q{ALTER SYSTEM SET max_slot_wal_keep_size = '32MB'});
$node->reload;
wait_until(60, sub { sql('SHOW max_slot_wal_keep_size') eq '32MB' });
like(health('peek', 'max_slot_wal_keep_size'), qr/^33554432$/, 'the limit');
busy(40, 0);
like(health('peek', 'verdict'), qr/^stalled: \d+ MB are kept, more than max_slot_wal_keep_size, and may go/, 'about to be lost') or diag health('peek', 'wal_status, safe_wal_size');
busy(200, 0);
sql('CHECKPOINT');
like(health('peek', 'verdict'), qr/^lost: /, 'lost');
like(health('peek', 'remedy'), qr/begin with a new slot/, 'for good');
(undef, undef, $err) = $node->psql('postgres', q{SELECT * FROM lakehouse.changes('peek')});
like($err, qr/slot "peek" is lost: /, 'which is no place to look');

done_testing();
