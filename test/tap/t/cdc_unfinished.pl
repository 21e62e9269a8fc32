# The client takes transactions before their commit: what comes out is what comes of whole
# transactions, whatever is rolled back or killed on the way; prepared ones hold the
# position back; what is kept is bounded.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use IPC::Run;
use JSON::PP;
use Lake;
use PostgreSQL::Test::Utils;
use Test::More;

my $client = $ENV{LAKEHOUSE_CLIENT} or die 'LAKEHOUSE_CLIENT is not set';
my $dir = PostgreSQL::Test::Utils::tempdir;
my $node = lake_node('cdc_unfinished', 'wal_level = logical', 'max_wal_senders = 10', 'max_replication_slots = 20', 'logical_decoding_work_mem = 64kB',
	'max_prepared_transactions = 20', 'wal_sender_timeout = 10s', 'restart_after_crash = on', 'autovacuum = off');
my $source = $node->connstr('postgres');
my @early = ('--streaming', '--two-phase');
my $runs = 0;
sub sql { return $node->safe_psql($_[1] // 'postgres', $_[0]) }
sub slurp { my ($file) = @_; open(my $f, '<:raw', $file) or return ''; local $/; return scalar(<$f>) // '' }
sub lines { my ($path) = @_; return map { split /\n/, slurp($_) } sort glob("$path/*.ndjson*") }
sub confirmed { my ($slot) = @_; return sql("SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = '$slot'") }

# (exit code, stdout, stderr)
sub client
{
	my ($command, @args) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ $client, $command, '--source', $source, @args ], '<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(300));
	return ($? & 127 ? "signal $?" : $? >> 8, $out, $err);
}
sub once
{
	my ($slot, $path, @args) = @_;
	my ($code, undef, $err) = client('stream', '--slot', $slot, '--sink', "file:$path", '--create', '--once', @args);
	is($code, 0, "$slot: once") or diag $err;
	return;
}
sub start
{
	my ($slot, $path, @args) = @_;
	my $log = "$dir/log." . ++$runs;
	my $run = IPC::Run::start([ $client, 'stream', '--source', $source, '--log', 'json', '--slot', $slot, '--sink', "file:$path", @args ], '<', \undef, '>', "$log.out", '2>', $log,
		IPC::Run::timeout(600));
	return { run => $run, log => $log, pid => $run->{KIDS}[0]{PID} || die 'it is not there' };
}
sub killed { my ($c) = @_; kill 'KILL', $c->{pid}; eval { $c->{run}->finish }; return }
sub stopped { my ($c) = @_; kill 'TERM', $c->{pid}; $c->{run}->finish; is($? >> 8, 0, 'a clean stop') or diag slurp($c->{log}); return }
# also of the file that is being written
sub holds { my ($path, $re) = @_; return scalar grep { /$re/ } map { split /\n/, slurp($_) } grep { -f } glob("$path/* $path/.*") }

# What both ways of streaming say of an event: not where it stood in its transaction.
sub plain
{
	return map { my $e = decode_json($_); delete @{$e}{qw(n sub lsn ts)}; JSON::PP->new->canonical->encode($e) } lines($_[0]);
}
my %slots;
sub both
{
	my ($name) = @_;
	once($name, "$dir/$name", @early);
	once("${name}_whole", "$dir/${name}_whole");
	return;
}
sub same
{
	my ($name, $what) = @_;
	once($name, "$dir/$name", @early);
	once("${name}_whole", "$dir/${name}_whole");
	my @got = plain("$dir/$name"); my @want = plain("$dir/${name}_whole");
	is(scalar(@got), scalar(@want), "$what: as many events");
	my ($i) = grep { ($got[$_] // '') ne ($want[$_] // '') } 0 .. $#want;
	ok(!defined $i, $what) or diag("event $i: got " . ($got[$i] // '-') . "\nexpected " . ($want[$i] // '-'));
	return scalar(@want);
}

sql('CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE u (id int, v text); ALTER TABLE u REPLICA IDENTITY FULL; CREATE TABLE w (id int PRIMARY KEY, v text)');

# ---- blocks, savepoints, a schema of its own, others meanwhile

both('s');
my ($a, $b) = map { session($node, timeout => 60) } 1 .. 2;
my $live = start('s', "$dir/s", @early, '--metrics', '0');
$a->value('BEGIN');
$b->value('BEGIN');
$a->value(q{INSERT INTO t SELECT g, repeat('a', 100) FROM generate_series(1, 1500) g});
$b->value(q{INSERT INTO w SELECT g, repeat('b', 100) FROM generate_series(10001, 11500) g});
sql(q{INSERT INTO w VALUES (20001, 'small')});
$a->value('SAVEPOINT s');
$a->value(q{INSERT INTO t SELECT g, repeat('s', 100) FROM generate_series(2001, 3000) g});
$a->value('SAVEPOINT deeper');
$a->value(q{UPDATE t SET v = 'deeper' || repeat('d', 100) WHERE id BETWEEN 1 AND 900});
$a->value('RELEASE deeper');
$a->value(q{SELECT pg_logical_emit_message(true, 'p', 'in the savepoint ' || g || repeat('m', 100)) FROM generate_series(1, 500) g});
$a->value('ROLLBACK TO s');
$a->value('ALTER TABLE t ADD COLUMN own int DEFAULT 7');
$a->value(q{INSERT INTO t SELECT g, repeat('z', 100) FROM generate_series(2001, 3000) g});
$a->value(q{INSERT INTO u SELECT g, 'u' FROM generate_series(1, 10) g});
$a->value(q{UPDATE u SET v = 'v'; DELETE FROM u WHERE id < 5; TRUNCATE u});
is(holds("$dir/s", qr/"id":[12]\b|deeper|savepoint/), 0, 'nothing of them is in the sink before their commit');
$a->value('COMMIT');
wait_until(60, sub { holds("$dir/s", qr/"op":"truncate"/) });
ok(holds("$dir/s", qr/"id":1,"v":"aaaa/), 'its events are there once it is committed');
$b->value('ROLLBACK');
sql(q{INSERT INTO t VALUES (20002, 'after')});
wait_until(60, sub { holds("$dir/s", qr/"id":20002/) });
stopped($live);
is(holds("$dir/s", qr/"v":"b/), 0, 'what was rolled back is nowhere');
cmp_ok(same('s', 'streamed and whole'), '>', 2500, 'all of it');

done_testing();
