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
sub plain { return map { s/"(?:n|sub)":\d+,|"(?:lsn|ts)":"[^"]*",//gr } lines($_[0]) }
# The first line in which texts differ; '' for none.
sub differs
{
	my ($got, $want) = @_;
	for my $i (0 .. ($#$got > $#$want ? $#$got : $#$want))
	{
		my ($g, $w) = ($got->[$i] // '(none)', $want->[$i] // '(none)');
		return substr("line $i: got $g", 0, 500) . "\n" . substr("expected $w", 0, 500) if $g ne $w;
	}
	return '';
}
# A slot for each way, from here on.
sub both
{
	my ($name) = @_;
	once($name, "$dir/$name", @early);
	once("${name}_whole", "$dir/${name}_whole");
	return;
}
# The server did tell of transactions early.
sub streamed { my ($slot) = @_; return wait_until(60, sub { sql("SELECT stream_txns > 0 FROM pg_stat_replication_slots WHERE slot_name = '$slot'") eq 't' }) || fail("$slot: nothing was streamed") }
sub same
{
	my ($name, $what) = @_;
	once($name, "$dir/$name", @early);
	once("${name}_whole", "$dir/${name}_whole");
	my @got = plain("$dir/$name"); my @want = plain("$dir/${name}_whole");
	is(differs(\@got, \@want), '', $what);
	return scalar(@want);
}

sql('CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE u (id int, v text); ALTER TABLE u REPLICA IDENTITY FULL; CREATE TABLE w (id int PRIMARY KEY, v text)');

# ---- blocks, savepoints, a schema of its own, others meanwhile

both('s');
my ($one, $two) = map { session($node, timeout => 60) } 1 .. 2;
my $live = start('s', "$dir/s", @early);
$one->value('BEGIN');
$two->value('BEGIN');
$one->value(q{INSERT INTO t SELECT g, repeat('a', 100) FROM generate_series(1, 1500) g});
$two->value(q{INSERT INTO w SELECT g, repeat('b', 100) FROM generate_series(10001, 11500) g});
sql(q{INSERT INTO w VALUES (20001, 'small')});
$one->value('SAVEPOINT s');
$one->value(q{INSERT INTO t SELECT g, repeat('s', 100) FROM generate_series(2001, 3000) g});
$one->value('SAVEPOINT deeper');
$one->value(q{UPDATE t SET v = 'deeper' || repeat('d', 100) WHERE id BETWEEN 1 AND 900});
$one->value('RELEASE deeper');
$one->value(q{SELECT pg_logical_emit_message(true, 'p', 'in the savepoint ' || g || repeat('m', 100)) FROM generate_series(1, 500) g});
$one->value('ROLLBACK TO s');
$one->value('ALTER TABLE t ADD COLUMN own int DEFAULT 7');
$one->value(q{INSERT INTO t SELECT g, repeat('z', 100) FROM generate_series(2001, 3000) g});
$one->value(q{INSERT INTO u SELECT g, 'u' FROM generate_series(1, 10) g});
$one->value(q{UPDATE u SET v = 'v'; DELETE FROM u WHERE id < 5; TRUNCATE u});
is(holds("$dir/s", qr/"id":[12]\b|deeper|savepoint/), 0, 'nothing of them is in the sink before their commit');
$one->value('COMMIT');
wait_until(60, sub { holds("$dir/s", qr/"op":"truncate"/) });
ok(holds("$dir/s", qr/"id":1,"v":"aaaa/), 'its events are there once it is committed');
$two->value('ROLLBACK');
sql(q{INSERT INTO t VALUES (20002, 'after')});
wait_until(60, sub { holds("$dir/s", qr/"id":20002/) });
stopped($live);
is(holds("$dir/s", qr/"v":"b/), 0, 'what was rolled back is nowhere');
cmp_ok(same('s', 'streamed and whole'), '>', 2500, 'all of it');
streamed('s');


# ---- prepared ones hold the position back, and nothing else

both('p');
my $log = start('p', "$dir/p", @early, '--status-interval', '1');
sql(q{BEGIN; INSERT INTO t SELECT g, 'prepared', 1 FROM generate_series(30001, 30010) g; SAVEPOINT s; INSERT INTO t VALUES (30011, 'back', 1); ROLLBACK TO s; INSERT INTO t VALUES (30012, 'prepared', 1); PREPARE TRANSACTION 'it''s'});
my $prepared = sql('SELECT pg_current_wal_insert_lsn()');
sql(q{INSERT INTO t VALUES (30101, 'later', 1)});
wait_until(60, sub { holds("$dir/p", qr/"id":30101/) });
is(holds("$dir/p", qr/"id":3000/), 0, 'a later one is there, nothing of the prepared one');
sql(q{SELECT pg_logical_emit_message(true, 'x', 'more')});
wait_until(60, sub { holds("$dir/p", qr/"content":"more"/) });
my $at = confirmed('p');
is(sql("SELECT '$at'::pg_lsn < '$prepared'"), 't', 'the position stays before it');
my ($code, $out, $err) = client('status', '--slot', 'p', '--log', 'json');
my $status = decode_json($out);
like($status->{held_by} // '', qr/^prepared transaction 'it''s', \d+ s old$/, 'status says by whom');
is($status->{two_phase}, 'on', 'and what the slot is made for');
killed($log);
$log = start('p', "$dir/p", @early);
sql(q{INSERT INTO t VALUES (30102, 'after kill', 1)});
wait_until(60, sub { holds("$dir/p", qr/"id":30102/) });
# a server that shuts down waits for what was sent to be confirmed
$node->restart('fast');
($one, $two) = map { session($node, timeout => 60) } 1 .. 2;
pass('a server goes down though the position is held back');
sql(q{INSERT INTO t VALUES (30103, 'after restart', 1)});
wait_until(120, sub { holds("$dir/p", qr/"id":30103/) });
$node->stop('immediate');
$node->start;
($one, $two) = map { session($node, timeout => 60) } 1 .. 2;
sql(q{INSERT INTO t VALUES (30104, 'after crash', 1)});
wait_until(120, sub { holds("$dir/p", qr/"id":30104/) });
stopped($log);
is(confirmed('p'), $at, 'it is where it was');
$log = start('p', "$dir/p", @early);
sql(q{COMMIT PREPARED 'it''s'});
wait_until(60, sub { holds("$dir/p", qr/"id":30012/) });
sql(q{BEGIN; INSERT INTO t VALUES (30201, 'no', 1); PREPARE TRANSACTION 'no'});
sql(q{BEGIN; INSERT INTO t SELECT g, repeat('l', 100), 1 FROM generate_series(31001, 33000) g; PREPARE TRANSACTION 'large'});
sql(q{ROLLBACK PREPARED 'no'});
killed($log);
sql(q{COMMIT PREPARED 'large'});
cmp_ok(same('p', 'prepared and whole'), '>', 2010, 'all of it');
is(sql("SELECT confirmed_flush_lsn > '$prepared'::pg_lsn FROM pg_replication_slots WHERE slot_name = 'p'"), 't', 'once it is decided the position moves');
($code, $out) = client('status', '--slot', 'p', '--log', 'json');
is(decode_json($out)->{held_by}, undef, 'nobody holds it');
is(decode_json((client('status', '--slot', 's', '--log', 'json'))[1])->{two_phase}, 'on', 'the slot stays what it is');

# ---- refusals

($code, undef, $err) = client('stream', '--slot', 'p', '--sink', "file:$dir/p", '--once', '--streaming');
is($code, 3, 'a slot for prepared transactions, and none are wanted');
like($err, qr/was made for prepared transactions, so it needs --two-phase/, 'is told');
($code, undef, $err) = client('stream', '--slot', 'p_whole', '--sink', "file:$dir/p_whole", '--once', '--two-phase');
is($code, 3, 'the other way round');
like($err, qr/was not made for prepared transactions, as --two-phase needs/, 'is told, too');
($code, undef, $err) = client('stream', '--slot', 'x', '--sink', "debezium-json=file:$dir/x", '--once', '--create', '--streaming');
is($code, 1, 'a format that cannot take back');
like($err, qr/format "debezium-json" cannot tell of transactions before their commit.*json/s, 'is refused with those that can');

# ---- somebody else moved the slot behind a PREPARE

both('g');
sql(q{BEGIN; INSERT INTO t VALUES (35001, 'lost', 1); PREPARE TRANSACTION 'gone'});
sql(q{SELECT pg_logical_slot_get_changes('g', NULL, NULL, 'two_phase', 'on')});
sql(q{COMMIT PREPARED 'gone'});
($code, undef, $err) = client('stream', '--slot', 'g', '--sink', "file:$dir/g", '--once', @early);
is($code, 3, 'the sink is behind the slot');
($code, undef, $err) = client('stream', '--slot', 'g', '--sink', 'null:', '--once', @early);
is($code, 2, 'and for one that keeps no position');
like($err, qr/prepared transaction "gone" was committed at [0-9A-F\/]+, but its changes were sent before/, 'what is missing is told');
($code, undef, $err) = client('stream', '--slot', 'g', '--sink', 'null:', '--once', @early, '--allow-gap');
is($code, 0, 'unless that is allowed') or diag $err;
like($err, qr/prepared transaction "gone"/, 'and said');

# ---- kill -9 while it gathers, while it delivers, and a writer that rolls back half of what it does

both('k');
my @small = (@early, '--unfinished-memory', '1MB', '--spool', $dir, '--flush-ms', '5');
sub spools { my ($c) = @_; return scalar grep { (readlink($_) // '') =~ /^\Q$dir\E.*deleted/ } glob("/proc/$c->{pid}/fd/*") }
for my $round (1 .. 4)
{
	my $c = start('k', "$dir/k", @small);
	my $from = 100000 * $round;
	$one->value('BEGIN');
	$one->value("INSERT INTO t SELECT g, repeat('k', 200), 2 FROM generate_series($from + 1, $from + 10000) g");
	$one->value('SAVEPOINT s');
	$one->value("INSERT INTO u SELECT g, repeat('r', 200) FROM generate_series(1, 5000) g");
	wait_until(60, sub { spools($c) });
	ok(spools($c), "round $round: it gathers in a file");
	killed($c) if $round % 2;
	$c = start('k', "$dir/k", @small) if $round % 2;
	$one->value('ROLLBACK TO s');
	$one->value("UPDATE t SET v = repeat('w', 200) WHERE id BETWEEN $from + 1 AND $from + 10000 AND id % 3 = 0");
	my $had = holds("$dir/k", qr/"id":${round}0/);
	$one->value($round == 3 ? 'ROLLBACK' : $round == 2 ? 'PREPARE TRANSACTION \'k\'' : 'COMMIT');
	sql(q{COMMIT PREPARED 'k'}) if $round == 2;
	# in the middle of what it delivers
	if ($round != 3) { wait_until(60, sub { -s $_ && -s $_ > 200000 * $round and return 1 foreach glob("$dir/k/.tmp-*"); 0 }) }
	if ($round < 4) { killed($c) }
	else
	{
		# in the middle of a write it stops as it does in that of any transaction
		kill 'TERM', $c->{pid};
		$c->{run}->finish;
		like($? >> 8, qr/^(0|130)$/, 'it stops in the middle');
	}
}
cmp_ok(same('k', 'killed and whole'), '>', 30000, 'all of it');
streamed('k');

# ---- several sinks, without "hold", from a snapshot on, and a table that is read meanwhile

($code, undef, $err) = client('snapshot', '--slot', 'm', '--sink', "file:$dir/m1", '--sink', "file:$dir/m2", @early, '--table', 'public.w', '--table', 'public.t');
is($code, 0, 'a snapshot with a slot for prepared transactions') or diag $err;
my $m = IPC::Run::start([ $client, 'run', '--source', $source, '--slot', 'm', '--sink', "file:$dir/m1", '--sink', "file:$dir/m2", @early, '--hold=off', '--table', 'public.w', '--table', 'public.t',
	'--unfinished-memory', '1MB', '--spool', $dir ], '<', \undef, '>', "$dir/m.out", '2>', "$dir/m.log", IPC::Run::timeout(300));
$one->value('BEGIN');
$one->value(q{UPDATE w SET v = 'streamed ' || id || repeat('x', 100); INSERT INTO w SELECT g, repeat('n', 300) FROM generate_series(50001, 56000) g});
$one->value(q{DELETE FROM w WHERE id BETWEEN 50001 AND 50100});
my $id = sql(q{SELECT lakehouse.cdc_snapshot_start('m', 'public.w')});
sql(q{UPDATE t SET v = 'meanwhile' WHERE id < 100});
$one->value('SAVEPOINT s; DELETE FROM w; ROLLBACK TO s');
$one->value('COMMIT');
wait_until(120, sub { sql("SELECT count(*) FROM lakehouse.cdc_snapshot_state('m') WHERE state NOT IN ('done', 'failed', 'cancelled')") eq '0' });
sql(q{BEGIN; DELETE FROM w WHERE id BETWEEN 50101 AND 50200; PREPARE TRANSACTION 'w'; });
sql(q{COMMIT PREPARED 'w'; INSERT INTO w VALUES (99999, 'last')});
wait_until(60, sub { holds("$dir/m1", qr/"id":99999/) && holds("$dir/m2", qr/"id":99999/) });
kill 'TERM', $m->{KIDS}[0]{PID};
$m->finish;
is($? >> 8, 0, 'a clean stop') or diag slurp("$dir/m.log");
# The table as its events make it.
sub fold
{
	my ($path, $table) = @_;
	my %rows;
	for (lines($path))
	{
		next unless /"table":"\Q$table\E"/;
		%rows = () if /"op":"truncate"/;
		my ($id) = /"key":\{"id":(\d+)\}/;
		delete $rows{$id} if /"op":"delete"/;
		$rows{$id} = $1 if /"new":\{"id":\d+,"v":"([^"]*)"/;
	}
	return [ map { "$_|$rows{$_}" } sort { $a <=> $b } keys %rows ];
}
sub table { return [ split /\n/, sql("SELECT id, v FROM $_[0] ORDER BY id") ] }
is(differs(fold("$dir/m1", 'w'), table('w')), '', 'snapshot, stream and the table that was read again are the table');
is(differs(fold("$dir/m2", 'w'), table('w')), '', 'in the other sink, too');
is(differs(fold("$dir/m1", 't'), table('t')), '', 'so is the other table');

# ---- a spool that is too small says so, and nothing is lost

both('l');
sql(q{CREATE TABLE l (id int PRIMARY KEY, v text)});
sql(q{INSERT INTO l SELECT g, repeat(md5(g::text), 10) FROM generate_series(1, 20000) g});
($code, undef, $err) = client('stream', '--slot', 'l', '--sink', "file:$dir/l", '--once', @early, '--unfinished-memory', '1MB', '--unfinished-size', '2MB');
is($code, 6, 'files that are not enough');
like($err, qr/take more than 2097152 bytes of files.*--unfinished-size/s, 'with the remedy');
($code, undef, $err) = client('stream', '--slot', 'l', '--sink', "file:$dir/l", '--once', @early, '--unfinished-memory', '1MB', '--spool', 'off');
is($code, 6, 'memory that is not enough');
like($err, qr/there is no spool.*--spool DIR/s, 'with the remedy');
is(same('l', 'with enough room'), 20000, 'all of it is there');

# ---- 300 MB, and memory that stays where it is

both('b');
sql(q{CREATE TABLE b (id int PRIMARY KEY, v text)});
my $big = start('b', "$dir/b", @early, '--unfinished-memory', '16MB', '--spool', $dir);
sql(q{BEGIN; INSERT INTO b SELECT g, repeat(md5(g::text), 64) FROM generate_series(1, 150000) g; SAVEPOINT s; INSERT INTO b SELECT g, 'back' FROM generate_series(200001, 230000) g; ROLLBACK TO s; COMMIT; INSERT INTO b VALUES (300000, 'end')});
wait_until(300, sub { sql("SELECT confirmed_flush_lsn >= '" . sql('SELECT pg_current_wal_lsn()') . "'::pg_lsn - 1000000 FROM pg_replication_slots WHERE slot_name = 'b'") eq 't' });
my ($peak) = slurp("/proc/$big->{pid}/status") =~ /VmHWM:\s+(\d+) kB/;
stopped($big);
my ($n, $bytes) = (0, 0);
for my $file (glob("$dir/b/*.ndjson")) { open(my $f, '<', $file) or die; while (<$f>) { $n++; $bytes += length } }
is($n, 150001, 'each row once');
cmp_ok($bytes, '>', 300_000_000, '300 MB');
cmp_ok($peak, '<', 120_000, 'the client had a fraction of that');
note("VmHWM $peak kB");

done_testing();
