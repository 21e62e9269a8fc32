# A slot that is lost, or gone although sinks have a position: an error, or, where the user
# says so (--on-lost snapshot), another slot and all tables once more.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use IPC::Run;
use Lake;
use PostgreSQL::Test::Utils;
use Test::More;

my $client = $ENV{LAKEHOUSE_CLIENT} or die 'LAKEHOUSE_CLIENT is not set';
my $dir = PostgreSQL::Test::Utils::tempdir;
my $node = lake_node('cdc_lost', 'wal_level = logical', 'max_wal_senders = 10', 'max_replication_slots = 10', 'autovacuum = off',
	'max_slot_wal_keep_size = 16MB', 'min_wal_size = 32MB', 'max_wal_size = 48MB');
my $source = $node->connstr('postgres');
my $seed = $ENV{LAKEHOUSE_SEED} // time;
srand($seed);
sub sql { return $node->safe_psql('postgres', $_[0]) }
sub slurp { my ($file) = @_; open(my $f, '<:raw', $file) or return ''; local $/; return scalar(<$f>) // '' }

# (exit code, stderr); a number before the rest: killed after so many seconds
sub client
{
	my (@args) = @_;
	my $kill = $args[0] =~ /^[0-9.]+$/ ? shift @args : undef;
	my ($out, $err) = ('', '');
	my $run = IPC::Run::start([ $client, 'run', '--source', $source, '--slot', 's', '--table', 'public.*', '--flush-ms', '0', '--sink', "file:$dir/one", '--sink',
			"file:$dir/two", @args ], '<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(180));
	if (defined $kill)
	{
		select(undef, undef, undef, $kill);
		kill 'KILL', $run->{KIDS}[0]{PID};
	}
	$run->finish;
	return ($? & 127 ? 'signal ' . ($? & 127) : $? >> 8, $err);
}

# Rows that the events of a sink leave, "id n" in order, and how many rows were read from tables.
sub folded
{
	my ($sink) = @_;
	my (%rows, $reads);
	for (map { split /\n/, slurp($_) } sort glob("$dir/$sink/*.ndjson"))
	{
		my ($op, $id, $n) = /^\{"op":"(\w+)".*"new":\{"id":(\d+),"n":(\d+)\}/ or next;
		$rows{$id} = $n;
		$reads++ if $op eq 'read';
	}
	return (join(' ', map { "$_:$rows{$_}" } sort { $a <=> $b } keys %rows), $reads // 0);
}
sub table_rows { return sql(q{SELECT string_agg(id || ':' || n, ' ' ORDER BY id) FROM t}) }
sub lose
{
	sql(q{SELECT pg_switch_wal() FROM (SELECT pg_logical_emit_message(false, 'filler', repeat('x', 1000000)) FROM generate_series(1, 20)) f; CHECKPOINT}) for 1 .. 4;
	return sql(q{SELECT wal_status FROM pg_replication_slots WHERE slot_name = 's'});
}
sub complete
{
	my ($what, $reads) = @_;
	for my $sink (qw(one two))
	{
		my ($rows, $n) = folded($sink);
		ok($rows eq table_rows(), "$what: $sink has the table");
		is($n, $reads, "$what: rows were read so often") if defined $reads;
	}
}

sql(q{CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t SELECT g, 0 FROM generate_series(1, 3000) g});
my ($code, $err) = client('--once');
is($code, 0, 'a snapshot') or diag $err;
complete('at first', 3000);

# ---- the log that the slot needs is removed

sql(q{UPDATE t SET n = 1 WHERE id % 2 = 0; INSERT INTO t SELECT g, 2 FROM generate_series(3001, 3100) g});
is(lose(), 'lost', 'the slot is lost');
($code, $err) = client('--once');
is($code, 3, 'which is an error');
like($err, qr/slot "s" is lost: the server has removed the log.*--on-lost snapshot/s, 'that says what may be done');
($code, $err) = client('--once', '--on-lost', 'fail');
is($code, 3, 'as where it is asked for');
($code, $err) = client('--once', '--on-lost', 'again');
is($code, 1, 'other answers are refused');
like($err, qr/--on-lost is fail or snapshot, not "again"/, 'with those there are');
($code, $err) = client('--once', '--on-lost', 'snapshot');
is($code, 0, 'tables are read again') or diag $err;
like($err, qr/slot "s" is lost.*slot "s" was made anew at .*rows that were deleted meanwhile are not told of/s, 'which is said');
complete('made anew', 3000 + 3100);

# ---- it was dropped

sql(q{UPDATE t SET n = 3 WHERE id < 100});
sql(q{SELECT pg_drop_replication_slot('s')});
sql(q{UPDATE t SET n = 4 WHERE id < 50});
($code, $err) = client('--once');
is($code, 3, 'sinks with a position, and no slot');
like($err, qr/slot "s" is not there: a new one would leave a gap.*--on-lost snapshot/s, 'are an error, too');
($code, $err) = client('--once', '--on-lost', 'snapshot');
is($code, 0, 'or reason to read again') or diag $err;
complete('dropped', 3000 + 2 * 3100);
sql(q{UPDATE t SET n = 5 WHERE id = 7});
($code, $err) = client('--once', '--on-lost', 'snapshot');
is($code, 0, 'what stands as it should goes on') or diag $err;
complete('gone on', 3000 + 2 * 3100);

# ---- a client that dies while it makes the slot anew; sinks may not have heard of it

for my $round (1 .. 12)
{
	sql(qq{SELECT pg_drop_replication_slot('s'); UPDATE t SET n = n + 1 WHERE id % 12 = $round - 1});
	my ($signal) = client(0.02 + rand(0.25), '--on-lost', 'snapshot', '--chunk-blocks', '1', '--jobs', '1');
	$node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'walsender' OR application_name LIKE 'lakehouse_cdc%'}) or die;
	($code, $err) = client('--once', '--on-lost', 'snapshot');
	is($code, 0, "round $round, $signal: completed (seed $seed)") or diag $err;
	complete("round $round");
}

# ---- a server that does not have what sinks hold

my $position = sql(q{SELECT pg_current_wal_insert_lsn()});
rename("$dir/one", "$dir/kept") or die;
($code, $err) = client('--once', '--on-lost', 'snapshot');
is($code, 3, 'a sink that is empty before a slot that was read is a gap all the same');
like($err, qr/sink file:\S+one is empty, but slot "s" may have been read/, 'as the slot is not lost');

done_testing();
