# Transactions that are held (option "hold"): they travel together and all of them do,
# keepalives that run ahead of them confirm nothing, what is behind the last one is
# told, and whoever dies meanwhile, each change is there once.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Cdc;
use IPC::Run;
use Lake;
use Test::More;

my ($node, $dir, $source) = cdc_node('cdc_hold', 'restart_after_crash = on', 'autovacuum = off', 'wal_sender_timeout = 60s');
sub sql { return $node->safe_psql($_[1] // 'postgres', $_[0]) }

# what a directory of the file sink holds, durably or not
sub ids { my ($path) = @_; return map { /"table":"(?:fast|slow)".*"new":\{"id":(\d+)/ ? $1 : () } map { split /\n/, slurp($_) } sort(glob("$path/*.ndjson")), sort(glob("$path/.tmp-*.ndjson")) }
sub streaming { my ($log) = @_; return wait_until(60, sub { slurp("$dir/log.$log") =~ /"event":"streaming"/ }) }
# as one session with a transaction a row
sub rows
{
	my ($table, $from, $to) = @_;
	return sql("DO \$\$ BEGIN FOR i IN $from .. $to LOOP INSERT INTO $table VALUES (i); COMMIT; END LOOP; END \$\$");
}
sub receive
{
	my ($slot, $end, @options) = @_;
	my $file = "$dir/received.$slot";
	IPC::Run::run([ $node->installed_command('pg_recvlogical'), '-d', $source, '-S', $slot, '--start', "--endpos=$end", '--no-loop', '-f', $file, '-F', '0', map { ('-o', $_) } @options ],
		'<', \undef, '>', \my $out, '2>', \my $err, IPC::Run::timeout(180));
	return $? == 0 ? slurp($file) : "failed: $err";
}

# ---- they travel together, with whoever asks for it

sql('CREATE TABLE fast (id int PRIMARY KEY, v text); CREATE TABLE slow (id int PRIMARY KEY, n int); ALTER TABLE slow REPLICA IDENTITY FULL');
my @frames = ('format=json', 'frames=on', 'batch_bytes=131072');
sql("SELECT pg_create_logical_replication_slot('$_', 'lakehouse')") for qw(alone together zstd function refused);
# pg_recvlogical goes by keepalives: what is held at its end it does not get
rows('fast', 1, 1300);
my $end = sql('SELECT pg_current_wal_insert_lsn()');
sub first_thousand { my ($bytes) = @_; return scalar(grep { $_ <= 1000 } $bytes =~ /"new":\{"id":(\d+)/g) }
my $received = receive('alone', $end, @frames);
is(first_thousand($received), 1000, 'without hold all come');
cmp_ok(scalar(() = $received =~ /LHF1/g), '>=', 1300, 'each in a batch of its own');
$received = receive('together', $end, @frames, 'hold=on');
is(first_thousand($received), 1000, 'with hold all come');
my $batches = () = $received =~ /LHF1/g;
cmp_ok($batches, '<', 200, "in fewer batches ($batches)");
like(receive('refused', $end, 'format=json', 'hold=on'), qr/option "hold" needs the positions in frames: set the option "frames", too/, 'not without frames');
is(sql(q{SELECT count(*) FROM (SELECT pg_logical_slot_get_binary_changes('function', NULL, NULL, 'frames', 'on', 'batch_bytes', '131072', 'hold', 'on')) s}), 1300,
	'an SQL function holds nothing: a row for each transaction');
is(sql(q{SELECT count(*) FROM pg_logical_slot_peek_binary_changes('function', NULL, NULL, 'frames', 'on')}), 0, 'and they were all');

my ($code, $out, $err);
for my $way ([], ['--hold=off'], ['--zstd'], ['--batch-bytes', '0'])
{
	($code, $out, $err) = client('stream', '--slot', 'zstd', '--sink', 'stdout:', '--until', $end, @$way);
	is($code, 0, "the client, @$way") or diag $err;
	is_deeply([ $out =~ /"new":\{"id":(\d+)/g ], [ 1 .. 1300 ], 'has them all, in order');
	sql(q{SELECT pg_drop_replication_slot('zstd')});
	sql(q{SELECT pg_create_logical_replication_slot('zstd', 'lakehouse')});
	sql('TRUNCATE fast');
	rows('fast', 1, 1300);
	$end = sql('SELECT pg_current_wal_insert_lsn()');
}

# ---- keepalives run ahead, and confirm nothing

# Rows that take the walsender a while, all on one page of the log: the first transaction is
# held while the others are decoded, and the client, which waits for an end that is far
# away, asks for a keepalive every 200 ms.
my $n = 2000;
my $took;
do
{
	$n += 2000;
	$took = sql("WITH a AS MATERIALIZED (SELECT clock_timestamp() t), b AS MATERIALIZED (SELECT factorial($n + (random() * 0)::int) f, t FROM a), c AS MATERIALIZED (SELECT clock_timestamp() - t d FROM b WHERE f > 0) SELECT extract(epoch FROM d) FROM c");
} while ($took < 0.3 && $n < 30000);
my @ahead = ('--slot', 'ahead', '--sink', "file:$dir/ahead", '--flush-ms', '10', '--status-interval', '1', '--option', 'row.filter=public.slow: factorial(n) > 0', '--heartbeat', '0', '--heartbeat-bytes', '0');
($code, undef, $err) = client('stream', @ahead, '--create', '--once');
is($code, 0, 'a slot for slow rows') or diag $err;
my ($first, $second, $last, $from);
for my $try (1 .. 20)
{
	# what an earlier try left in the log comes, too
	$from = $try * 1000;
	sql('TRUNCATE slow');
	sql('CHECKPOINT');
	my $s = session($node);
	$s->value('SET synchronous_commit = off');
	$s->value('SELECT 1 FROM slow');
	sql('SELECT pg_switch_wal()');
	my @ends;
	for my $t (1 .. 10)
	{
		# three rows each; the first insert writes the whole page of the table and the index
		$s->value("INSERT INTO slow SELECT $try * 1000 + $t * 10 + g, $n FROM generate_series(1, 3) g");
		push @ends, $s->value('SELECT pg_current_wal_insert_lsn()');
	}
	$s->quit;
	($first, $second, $last) = @ends[ 0, 1, 9 ];
	last if sql("SELECT floor(('$first'::pg_lsn - '0/0') / 8192) = floor(('$last'::pg_lsn - '0/0') / 8192)") eq 't';
}
# all of the page is to be there when it is read, or it is read twice
sql('CHECKPOINT');
note "slow rows of $n!, $took s each; transactions that end at $first, $second, $last";
my $run = start('ahead', @ahead, '--until', 'FFFF/0');
ok(streaming('ahead'), 'it streams');
my $seen;
ok(wait_until(120, sub {
	$seen = sql("SELECT r.sent_lsn < '$last', s.confirmed_flush_lsn < '$first' FROM pg_stat_replication r JOIN pg_replication_slots s ON s.active_pid = r.pid WHERE s.slot_name = 'ahead' AND r.sent_lsn >= '$second'");
	$seen ne '' }), 'the server is ahead of what it sent');
is($seen, 't|t', 'but not at the end, and nothing was confirmed');
is(scalar(grep { $_ >= $from } ids("$dir/ahead")), 0, 'as nothing came so far');
my $walsender = sql(q{SELECT active_pid FROM pg_replication_slots WHERE slot_name = 'ahead'});
kill 'KILL', $walsender;
kill 'KILL', pid_of($run);
ends($run);
wait_until(60, sub { is_up($node) });
($code, undef, $err) = client('stream', @ahead, '--once');
is($code, 0, 'after the crash, the rest') or diag $err;
my @held = grep { $_ >= $from } ids("$dir/ahead");
is(scalar(@held), 30, 'all of what was held came');
is_deeply(\@held, [ split /\n/, sql('SELECT id FROM slow ORDER BY id') ], 'each row once');

# ---- a transaction that takes its time is not waited for

sql('CREATE TABLE many (id int, n int); ALTER TABLE many REPLICA IDENTITY FULL');
my @large = ('--slot', 'large', '--sink', "file:$dir/large", '--flush-ms', '10', '--option', 'row.filter=public.many: factorial(n) > 0');
($code, undef, $err) = client('stream', @large, '--create', '--once');
# both commits on one page of the log, nearly always
my $s = session($node);
$s->value("BEGIN; INSERT INTO many SELECT g, $n FROM generate_series(1, 400) g");
rows('fast', 2001, 2001);
$s->value('COMMIT');
$s->quit;
$run = start('large', @large);
ok(wait_until(60, sub { scalar(ids("$dir/large")) == 1 }), 'what was committed before a large transaction comes before it');
is(sql(q{SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'large' AND active}), 1, 'which is still decoded');
unlike(join('', map { slurp($_) } glob("$dir/large/*.ndjson $dir/large/.tmp-*.ndjson")), qr/"table":"many"/, 'indeed');
kill 'KILL', pid_of($run);
ends($run);
sql(q{SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = 'large'});

# ---- what is behind the last transaction is told

sql('CREATE DATABASE busy');
sql('CREATE TABLE w (v text)', 'busy');
my @idle = ('--slot', 'idle', '--sink', "file:$dir/idle", '--status-interval', '1', '--heartbeat', '0', '--heartbeat-bytes', '0');
client('stream', @idle, '--create', '--once');
$run = start('idle', @idle);
streaming('idle');
for my $round (1 .. 3)
{
	sql(q{INSERT INTO w SELECT repeat('x', 1000) FROM generate_series(1, 500)}, 'busy');
	$end = sql('SELECT pg_current_wal_lsn()');
	ok(wait_until(60, sub { sql("SELECT confirmed_flush_lsn >= '$end' FROM pg_replication_slots WHERE slot_name = 'idle'") eq 't' }),
		'the slot of an idle database moves on, and no heartbeat helps');
}
kill 'TERM', pid_of($run);
is(ends($run), 0, 'stopped');

# ---- a server that shuts down waits for it, and need not wait for long

for my $way ([], ['--hold=off'])
{
	$run = start('down', @idle[ 0 .. 3 ], '--status-interval', '3600', '--flush-ms', '50', @$way);
	ok(streaming('down'), "streaming, @$way");
	rows('fast', @$way ? (3101, 3110) : (3001, 3010));
	sql(q{INSERT INTO w VALUES ('y')}, 'busy');
	is($node->stop('fast', fail_ok => 1, timeout => 60), 1, 'a server that shuts down gets its confirmation');
	$node->start;
	kill 'TERM', pid_of($run);
	ends($run);
}
is_deeply([ ids("$dir/idle") ], [ 3001 .. 3010, 3101 .. 3110 ], 'with all rows in the sink, once');

# ---- whoever dies while much is held

my @kill = ('--slot', 'kill', '--sink', "file:$dir/kill", '--table', 'public.fast', '--flush-ms', '5', '--status-interval', '1');
sql('TRUNCATE fast');
($code, undef, $err) = client('stream', @kill, '--create', '--once');
is($code, 0, 'a slot to be tortured') or diag $err;
my $seed = $ENV{LAKEHOUSE_SEED} // time;
srand($seed);
my ($next, %killed) = (1);
for my $kill (1 .. 12)
{
	# it catches up; the last row is waited for, lest a server that dies forgets some
	sql(q{SET synchronous_commit = off; DO $$ BEGIN FOR i IN } . $next . ' .. ' . ($next + 2998) . q{ LOOP INSERT INTO fast VALUES (i); COMMIT; END LOOP; END $$});
	sql('INSERT INTO fast VALUES (' . ($next + 2999) . ')');
	$next += 3000;
	my $had = scalar(ids("$dir/kill"));
	$run = start('kill', @kill);
	my $some = $had + int(rand($next - 1 - $had));
	wait_until(60, sub { scalar(ids("$dir/kill")) >= $some }) or die slurp("$dir/log.kill");
	my $whom = (qw(client walsender server))[ $kill % 3 ];
	if ($whom eq 'client')
	{
		$killed{$whom} += kill 'KILL', pid_of($run);
		ends($run);
		next;
	}
	$walsender = sql(q{SELECT coalesce(max(active_pid), 0) FROM pg_replication_slots WHERE slot_name = 'kill'});
	if ($whom eq 'walsender')
	{
		$killed{$whom} += kill 'KILL', $walsender if $walsender;
		wait_until(60, sub { is_up($node) });
	}
	else
	{
		$node->stop('immediate');
		$killed{$whom}++;
		$node->start;
	}
	kill 'TERM', pid_of($run);
	ends($run);
}
is_deeply(\%killed, { client => 4, walsender => 4, server => 4 }, "client, walsender and server died four times each (seed $seed)");
($code, undef, $err) = client('stream', @kill, '--once');
is($code, 0, 'and the rest') or diag $err;
is_deeply([ ids("$dir/kill") ], [ split /\n/, sql('SELECT id FROM fast ORDER BY id') ], 'each row once, in order');

done_testing();
