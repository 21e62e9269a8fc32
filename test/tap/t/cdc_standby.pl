# The client on a standby: what making a slot waits for, heartbeats by the primary,
# what status says without; slots that are synchronised.  PostgreSQL 16 and later.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use IPC::Run;
use Lake;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $client = $ENV{LAKEHOUSE_CLIENT} or die 'LAKEHOUSE_CLIENT is not set';
my $dir = PostgreSQL::Test::Utils::tempdir;
my $primary = PostgreSQL::Test::Cluster->new('cdc_primary');
if ($primary->pg_version < 16)
{
	# a test that counts as skipped: a file that is skipped as a whole counts for nothing
	SKIP: { skip 'logical decoding on a standby came with PostgreSQL 16; this server is ' . $primary->pg_version, 1; }
	diag 'cdc_standby.pl: nothing of decoding on standbys was tested on this server';
	done_testing();
	exit;
}
my $MB = 1048576;

$primary->init(allows_streaming => 'logical');
$primary->append_conf('postgresql.conf', $_) foreach 'wal_level = logical', 'max_wal_senders = 10', 'max_replication_slots = 20', 'autovacuum = off', 'max_wal_size = 1GB',
  'log_min_messages = warning', 'restart_after_crash = on';
$primary->start;
$primary->safe_psql('postgres', 'CREATE EXTENSION lakehouse; CREATE TABLE t (id int PRIMARY KEY, v text)');
$primary->safe_psql('postgres', 'CREATE DATABASE busy');
$primary->safe_psql('postgres', q{SELECT pg_create_physical_replication_slot('standby')});
$primary->backup('b');
my $standby = PostgreSQL::Test::Cluster->new('cdc_standby');
$standby->init_from_backup($primary, 'b', has_streaming => 1);
$standby->append_conf('postgresql.conf', $_) foreach 'hot_standby_feedback = on', q(primary_slot_name = 'standby'), 'wal_receiver_status_interval = 1';
$standby->start;
my ($from, $to) = ($standby->connstr('postgres'), $primary->connstr('postgres'));

sub slurp { my ($file) = @_; open(my $f, '<:raw', $file) or return ''; local $/; return scalar(<$f>) // '' }
sub begin
{
	my ($log, @args) = @_;
	return IPC::Run::start([ $client, 'stream', '--source', $from, '--log', 'json', @args ], '<', \undef, '>', "$dir/out.$log", '2>', "$dir/log.$log", IPC::Run::timeout(300));
}
sub streaming { my ($log) = @_; return wait_until(60, sub { slurp("$dir/log.$log") =~ /"event":"streaming"/ }) }
sub stop { my ($run) = @_; kill 'TERM', $run->{KIDS}[0]{PID} || die 'it is not there'; $run->finish; return $? >> 8 }
sub client
{
	my ($command, @args) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ $client, $command, '--source', $from, @args ], '<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(180));
	return ($? & 127 ? "signal $?" : $? >> 8, $out, $err);
}
sub busy
{
	my ($mb, $pause) = @_;
	return $primary->safe_psql('busy', qq{DO \$\$ BEGIN FOR i IN 1 .. $mb LOOP PERFORM pg_logical_emit_message(true, 'load', repeat('x', $MB)); COMMIT;
		PERFORM pg_sleep($pause); END LOOP; END \$\$});
}
sub kept { return $standby->safe_psql('postgres', "SELECT pg_last_wal_replay_lsn() - restart_lsn FROM pg_replication_slots WHERE slot_name = '$_[0]'") }

# ---- without the primary: it waits, and says for what

$primary->safe_psql('postgres', 'CHECKPOINT');
$primary->wait_for_catchup($standby, 'replay');
my $run = begin('alone', '--slot', 'alone', '--create', '--sink', 'null:');
ok(wait_until(60, sub { slurp("$dir/log.alone") =~ /"event":"create_wait"/ }), 'a slot on a standby whose primary is quiet has to wait');
like(slurp("$dir/log.alone"), qr/"event":"create_wait".*slot \\"alone\\", on a standby, is there once the primary has logged which transactions run.*--primary/, 'and it is told for what');
unlike(slurp("$dir/log.alone"), qr/"event":"(created|streaming)"/, 'until then it is not there');
# by hand what --primary does
wait_until(60, sub { $primary->safe_psql('postgres', 'SELECT lakehouse.cdc_heartbeat()'); sleep(0.2); slurp("$dir/log.alone") =~ /"event":"streaming"/ });
like(slurp("$dir/log.alone"), qr/"event":"created".*"event":"streaming"/s, 'a heartbeat on the primary is what it waited for');
my ($code, $out, $err) = client('status', '--slot', 'alone');
like($out, qr/^standby +the slot may stall: it moves when the primary logs which transactions run; stream with --primary/m, 'status says that it may stall');
# the log that makes a heartbeat due
busy(20, 0);
ok(wait_until(60, sub { slurp("$dir/log.alone") =~ /"event":"heartbeat".*no heartbeat: the source is a standby, and no --primary says what it follows/ }), 'the client says so, too') or diag slurp("$dir/log.alone");
is(stop($run), 0, 'stopped');

# ---- with the primary

$run = begin('led', '--slot', 'led', '--create', '--sink', 'stdout:', '--primary', $to, '--status-interval', '3600');
ok(streaming('led'), 'with --primary it is made while nothing happens') or diag slurp("$dir/log.led");
$primary->safe_psql('postgres', q{INSERT INTO t VALUES (1, 'one')});
ok(wait_until(60, sub { slurp("$dir/out.led") =~ /"op":"insert".*"id":1,"v":"one"/ }), 'a change on the primary comes by the standby') or diag slurp("$dir/log.led");
busy(200, 0.04);
ok(wait_until(60, sub { kept('led') <= 64 * $MB }), 'after 200 MB of another database the slot keeps 64 MB at most') or diag kept('led') / $MB . slurp("$dir/log.led");
($code, $out) = client('status', '--slot', 'led', '--primary', $to);
like($out, qr/^standby +the primary answers, heartbeats by lakehouse\.cdc_heartbeat\(\)$/m, 'status with --primary');
my $old = session($primary);
$old->value(q{BEGIN; INSERT INTO t VALUES (2, 'open')});
($code, $out) = client('status', '--slot', 'led', '--primary', $to);
like($out, qr/^old_transactions +pid $old->{pid} /m, 'and transactions that run there');
my $other = begin('waits', '--slot', 'waits', '--create', '--sink', 'null:', '--primary', $to);
ok(wait_until(60, sub { slurp("$dir/log.waits") =~ /"event":"create_wait".*running there: pid $old->{pid} / }), 'a slot that is made waits for them, and says so') or diag slurp("$dir/log.waits");
$old->value('ROLLBACK');
ok(streaming('waits'), 'then it is made');
stop($other);
($code, $out) = client('status', '--slot', 'led', '--primary', 'host=/nonexistent');
like($out, qr/^standby +the slot may stall: no heartbeat by the primary: .*nonexistent/m, 'a primary that cannot be reached');
unlike(slurp("$dir/log.led"), qr/"level":"(warning|error)"/, 'nothing to complain about') or diag slurp("$dir/log.led");
is(stop($run), 0, 'stopped');
($code, $out, $err) = client('stream', '--slot', 'wrong', '--create', '--sink', 'null:', '--primary', $from, '--wait', '0', '--source', $to, '--heartbeat-bytes', '1MB', '--until', $primary->safe_psql('postgres', 'SELECT pg_current_wal_lsn()'));
is($code, 0, 'a wrong --primary stops no stream') or diag $err;

# ---- the functions and the view there

(undef, undef, $err) = $standby->psql('postgres', 'SELECT lakehouse.cdc_heartbeat()');
like($err, qr/a standby cannot write heartbeats.*on the primary/s, 'no heartbeat on a standby');
is($standby->safe_psql('postgres', q{SELECT string_agg(verdict, ' ' ORDER BY slot_name) FROM lakehouse.cdc_health}), 'idle idle idle', 'the view');
$primary->safe_psql('postgres', q{INSERT INTO t VALUES (3, 'looked at')});
$primary->wait_for_catchup($standby, 'replay');
my $place = $standby->safe_psql('postgres', q{SELECT confirmed_flush_lsn, restart_lsn FROM pg_replication_slots WHERE slot_name = 'led'});
like($standby->safe_psql('postgres', q{SELECT data FROM lakehouse.changes('led', pg_last_wal_replay_lsn(), NULL, 'schema.events', 'off')}), qr/"id":3,"v":"looked at"/, 'changes on a standby');
is($standby->safe_psql('postgres', q{SELECT confirmed_flush_lsn, restart_lsn FROM pg_replication_slots WHERE slot_name = 'led'}), $place, 'and the slot is where it was');
(undef, undef, $err) = $standby->psql('postgres', q{SELECT * FROM lakehouse.changes('led', 'FFFF/0')});
like($err, qr/can serve, \[[0-9A-F\/]+, [0-9A-F\/]+\]/, 'and its range');

# ---- slots that are synchronised, from 17 on

SKIP:
{
	skip 'slots are synchronised from PostgreSQL 17 on', 5 if $primary->pg_version < 17;
	$from = $to;
	($code, undef, $err) = client('stream', '--slot', 'over', '--create', '--failover', '--sink', 'null:', '--once');
	is($code, 0, 'a slot with --failover') or diag $err;
	is($primary->safe_psql('postgres', q{SELECT failover, synced, verdict FROM lakehouse.cdc_health WHERE slot_name = 'over'}), 't|f|idle', 'is one');
	my $conninfo = $primary->connstr('postgres') =~ s/'/''/gr;
	$standby->append_conf('postgresql.conf', "primary_conninfo = '$conninfo'");
	$standby->restart;
	$primary->safe_psql('postgres', 'SELECT lakehouse.cdc_heartbeat()');
	client('stream', '--slot', 'over', '--sink', 'null:', '--once');
	$primary->wait_for_catchup($standby, 'replay');
	ok(wait_until(60, sub { ($standby->psql('postgres', 'SELECT pg_sync_replication_slots()'))[0] // 1; $standby->safe_psql('postgres', q{SELECT count(*) FROM lakehouse.cdc_health WHERE slot_name = 'over' AND NOT temporary}) }),
		'it comes to the standby');
	is($standby->safe_psql('postgres', q{SELECT failover, synced, verdict, held_by FROM lakehouse.cdc_health WHERE slot_name = 'over'}), 't|t|ok|the slot on the primary', 'where it is in order without a client');
	$from = $standby->connstr('postgres');
	($code, undef, $err) = client('stream', '--slot', 'over', '--sink', 'null:', '--once');
	isnt($code, 0, 'and is not to be read before the standby is promoted');
}

done_testing();
