# Initial snapshots of the streaming client: all rows as of the slot's point and then the
# stream, each row once, whatever is written, altered or killed meanwhile.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Cdc;
use IPC::Run;
use JSON::PP;
use Lake;
use Test::More;

my ($node, $dir, $source) = cdc_node('cdc_snapshot', 'autovacuum = off', q(lakehouse.cdc_mask_key_file = ''));
my $metrics_port = PostgreSQL::Test::Cluster::get_free_port();
my $seed = $ENV{LAKEHOUSE_SEED} // time;
srand($seed);
sub sql { return $node->safe_psql('postgres', $_[0]) }

sub waits_for { my ($log, $event) = @_; return wait_until(120, sub { logged($log, $event) }) }
sub slots { return sql('SELECT count(*) FROM pg_replication_slots') }

# What a directory of the file sink holds durably, in order; values have no braces.
sub events
{
	my ($path) = @_;
	return map {
		my %e = (line => $_);
		@e{qw(op lsn n)} = /^\{"op":"(\w+)","lsn":"([0-9A-F\/]+)","n":(\d+)/ or die $_;
		($e{table}) = /"table":"((?:[^"\\]|\\.)*)"/;
		($e{key}) = /"key":\{"id":(\d+)/;
		($e{new}) = /"new":(\{[^}]*\})/;
		\%e
	} map { split /\n/, slurp($_) } sort glob("$path/*.ndjson");
}

# The rows of a table that events leave, as JSON in the order of the key.
sub folded
{
	my ($table, @events) = @_;
	my %rows;
	for my $e (grep { ($_->{table} // '') eq $table } @events)
	{
		# of an update that changes the key it is the old one
		delete $rows{ $e->{key} };
		$rows{ id_of($e) } = $e->{new} if $e->{new};
	}
	return join "\n", map { $rows{$_} } sort { $a <=> $b } keys %rows;
}
sub id_of { return $_[0]{new} =~ /^\{"id":(\d+)/ ? $1 : die $_[0]{line} }
sub ids { return join ' ', sort { $a <=> $b } map { id_of($_) } @_ }
sub reads { return grep { $_->{op} eq 'read' } @_ }
sub table_rows { my ($table) = @_; return sql("SELECT row_to_json(t) FROM $table t ORDER BY id") }
# Without the two texts when they differ.
sub same { my ($got, $expected, $name) = @_; return ok($got eq $expected, $name) || diag(length($got) . ' bytes, not ' . length($expected)) }
# How many rows came more than once from a snapshot.
sub repeated { my %n; return scalar(grep { $n{"$_->{table} " . id_of($_)}++ } reads(@_)) }

sql(q{
	CREATE TABLE t (id int PRIMARY KEY, n int, v text);
	INSERT INTO t SELECT g, 0, repeat('x', g % 300) FROM generate_series(1, 20000) g;
	CREATE TABLE nothing (id int PRIMARY KEY);
	CREATE TABLE "Odd ""name" (id int PRIMARY KEY, "a'b" text);
	INSERT INTO "Odd ""name" VALUES (1, 'it''s');
});
my @small = ('--chunk-blocks', '20');

# ---- snapshot, then stream

my ($code, $out, $err) = client('snapshot', '--slot', 'first', '--sink', "file:$dir/first", @small);
is($code, 0, 'a snapshot') or diag $err;
like($err, qr/snapshot at [0-9A-F\/]+ is in all sinks: 3 tables, 20001 rows/, 'says what it delivered');
my @events = events("$dir/first");
same(folded('t', @events), table_rows('t'), 'all rows are there');
is(folded('Odd \\"name', @events), q({"id":1,"a'b":"it's"}), 'also of a table whose name is odd');
is(repeated(@events), 0, 'none twice');
is(scalar(@events), 20001, 'and nothing else');
is(join(' ', map { $_->{op} } @events[ 0, -1 ]), 'read read', 'as reads');
my ($units) = $err =~ /blocks in (\d+) units/;
cmp_ok($units, '>', 20, 'in many units');
($code, $out) = client('status', '--slot', 'first', '--sink', "file:$dir/first", '--log', 'json');
my $status = decode_json($out);
like($status->{sink_1}, qr/ holds \Q$status->{confirmed_flush_lsn}\E, $units$/, 'the position of the sink is the slot\'s point and the last unit');
is(join(' ', map { "$_->{table} $_->{state} $_->{method} $_->{rows}" } @{ $status->{snapshots} }),
	'public."Odd ""name" done initial 1 public.nothing done initial 0 public.t done initial 20000', 'status shows its tables');
($code, undef, $err) = client('snapshot', '--slot', 'first', '--sink', "file:$dir/first");
is($code, 0, 'again');
like($err, qr/was delivered before/, 'there is nothing to do');
sql(q{UPDATE t SET n = 1 WHERE id = 7; INSERT INTO t VALUES (20001, 1, 'new'); DELETE FROM t WHERE id = 9; UPDATE t SET id = 30000 WHERE id = 8});
($code, undef, $err) = client('stream', '--slot', 'first', '--sink', "file:$dir/first", '--once');
is($code, 0, 'then the stream') or diag $err;
@events = events("$dir/first");
is(scalar(@events), 20005, 'brings what came since');
same(folded('t', @events), table_rows('t'), 'and the table is what they say');
($code, undef, $err) = client('snapshot', '--slot', 'first', '--sink', "file:$dir/other");
is($code, 3, 'a new sink after the stream went on is a gap');

# ---- run: rows are written all the while, before, in and after the snapshot

sql(q{
	CREATE TABLE k (id int PRIMARY KEY, n int, v text);
	INSERT INTO k SELECT g, 0, repeat('k', 200) FROM generate_series(1, 5000) g;
	CREATE PROCEDURE work(seconds float8) LANGUAGE plpgsql AS $$
	DECLARE stop timestamptz := clock_timestamp() + seconds * interval '1 s'; i int;
	BEGIN
		WHILE clock_timestamp() < stop LOOP
			i := 1 + (random() * 8000)::int;
			IF random() < 0.1 THEN DELETE FROM k WHERE id = i;
			ELSIF random() < 0.1 THEN UPDATE k SET id = id + 8001 WHERE id = i AND NOT EXISTS (SELECT FROM k x WHERE x.id = i + 8001);
			ELSE INSERT INTO k AS old VALUES (i, 1, repeat('w', 300)) ON CONFLICT (id) DO UPDATE SET n = old.n + 1;
			END IF;
			IF random() < 0.1 THEN ROLLBACK; ELSE COMMIT; END IF;
		END LOOP;
	END$$;
});
my $writer = session($node);
$writer->begin('CALL work(1000)');
for my $round (1 .. 3)
{
	my $run = start("run$round", 'run', '--slot', "run$round", '--sink', "file:$dir/run$round", '--table', 'public.k', '--chunk-blocks', '5', '--jobs', 1 + 3 * ($round % 2));
	ok(waits_for("run$round", 'streaming'), "round $round: the stream follows the snapshot") or diag slurp("$dir/log.run$round");
	sleep(0.5);
	# 130: in the midst of a batch, which is taken again below
	like(stop($run), qr/^(?:0|130)$/, 'and is stopped');
}
sql(qq{SELECT pg_cancel_backend($writer->{pid})});
$writer->finish;
for my $round (1 .. 3)
{
	($code, undef, $err) = client('run', '--slot', "run$round", '--sink', "file:$dir/run$round", '--table', 'public.k', '--once');
	is($code, 0, "round $round goes on") or diag $err;
	@events = events("$dir/run$round");
	my %ops;
	$ops{ $_->{op} }++ for @events;
	cmp_ok($ops{$_} // 0, '>', 5, "with $ops{$_} events of $_") for qw(read insert update delete);
	is(repeated(@events), 0, 'no row of the snapshot twice');
	same(folded('k', @events), table_rows('k'), 'folded, they are the table');
	# each change once: a position stands for one event
	my %seen;
	is(scalar(grep { $_->{op} ne 'read' && $seen{"$_->{lsn} $_->{n}"}++ } @events), 0, 'no change twice');
}

# ---- partitions, a row filter, a list of columns

sql(q{
	CREATE TABLE p (id int, region text, secret text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
	CREATE TABLE p_eu PARTITION OF p FOR VALUES IN ('eu');
	CREATE TABLE p_us PARTITION OF p FOR VALUES IN ('us');
	INSERT INTO p SELECT g, CASE WHEN g % 2 = 0 THEN 'eu' ELSE 'us' END, 'canary' || g FROM generate_series(1, 1000) g;
	CREATE PUBLICATION root FOR TABLE p (id, region) WHERE (id > 100) WITH (publish_via_partition_root = true);
	CREATE PUBLICATION leaf FOR TABLE p_eu WHERE (id <= 100), TABLE p_us WHERE (id <= 100);
});
($code, undef, $err) = client('snapshot', '--slot', 'root', '--sink', "file:$dir/root", '--publication', 'root');
is($code, 0, 'partitions under their root') or diag $err;
@events = events("$dir/root");
is(scalar(@events), 900, 'filtered');
is(join(' ', sort keys %{ { map { ($_->{table} => 1) } @events } }), 'p', 'all of the root');
is(scalar(grep { $_->{new} !~ /^\{"id":\d+,"region":".."\}$/ } @events), 0, 'with the columns that are published');
is(scalar(grep { id_of($_) <= 100 } @events), 0, 'and the rows');
($code, undef, $err) = client('snapshot', '--slot', 'leaf', '--sink', "file:$dir/leaf", '--publication', 'leaf');
my %leaves;
$leaves{ $_->{table} }++ for events("$dir/leaf");
is_deeply(\%leaves, { p_eu => 50, p_us => 50 }, 'or under their own names');

# ---- masks

sql(q{SELECT lakehouse.cdc_mask_set('p', 'secret', 'null')});
($code, undef, $err) = client('snapshot', '--slot', 'masked', '--sink', "file:$dir/masked", '--sink', "debezium-json=file:$dir/masked2", '--table', 'public.p_.*', '--log', 'json');
is($code, 0, 'masks') or diag $err;
my @files = map { slurp($_) } glob("$dir/masked/*"), glob("$dir/masked2/*");
is(scalar(grep { /canary/ } @files, $err), 0, 'hold in a snapshot');
is(scalar(events("$dir/masked")), 1000, 'of all rows');
is(scalar(grep { $_->{new} !~ /"secret":null\}$/ } events("$dir/masked")), 0, 'no value is left');
sql(q{SELECT lakehouse.cdc_mask_drop('p', 'secret')});

# ---- refusals leave nothing behind

my $before = slots();
sql(q{
	CREATE ROLE reader LOGIN REPLICATION;
	GRANT SELECT ON k TO reader;
	GRANT USAGE ON SCHEMA lakehouse TO reader;
});
($code, undef, $err) = client('snapshot', '--source', "$source user=reader", '--slot', 'refused', '--sink', 'null:', '--table', 'public.t');
is($code, 2, 'a table that may not be read');
like($err, qr/permission denied for table t/, 'is named');
like($err, qr/slot "refused" was dropped again/, 'and the slot is dropped');
is(slots(), $before, 'which is so');
is(sql(q{SELECT count(*) FROM lakehouse.cdc_snapshots WHERE slot = 'refused'}), 0, 'and nothing is kept of it');
($code, undef, $err) = client('snapshot', '--source', "$source user=reader", '--slot', 'granted', '--sink', 'null:', '--table', 'public.k');
is($code, 0, 'with the right it is read') or diag $err;
sql(q{ALTER TABLE k ENABLE ROW LEVEL SECURITY; CREATE POLICY few ON k USING (id < 10)});
($code, undef, $err) = client('snapshot', '--source', "$source user=reader", '--slot', 'policy', '--sink', 'null:', '--table', 'public.k');
isnt($code, 0, 'policies that would hide rows');
like($err, qr/row-level security policy for table "k"/, 'are refused');
sql(q{ALTER TABLE k DISABLE ROW LEVEL SECURITY});
client('drop', '--slot', 'policy');
($code, undef, $err) = client('snapshot', '--slot', 'empty', '--sink', "file:$dir/empty", '--table', 'public.nosuch');
is($code, 0, 'no table at all') or diag $err;
($code, undef, $err) = client('run', '--slot', 'empty', '--sink', "file:$dir/empty", '--table', 'public.nosuch', '--once');
is($code, 0, 'is a snapshot, too') or diag $err;

# ---- other sessions: one alters a table, one waits to

# A table is rewritten again and again, now and then between the slot and the table's lock.
sql(q{CREATE PROCEDURE rewrite(seconds float8) LANGUAGE plpgsql AS $$
	DECLARE stop timestamptz := clock_timestamp() + seconds * interval '1 s';
	BEGIN
		WHILE clock_timestamp() < stop LOOP
			ALTER TABLE rw ALTER n TYPE bigint;
			COMMIT;
			PERFORM pg_sleep(random() * 0.02);
			COMMIT;
			ALTER TABLE rw ALTER n TYPE int;
			COMMIT;
			PERFORM pg_sleep(random() * 0.02);
			COMMIT;
		END LOOP;
	END$$});
my $rewritten = 0;
for my $try (1 .. 30)
{
	sql(q{DROP TABLE IF EXISTS rw; CREATE TABLE rw (id int PRIMARY KEY, n int); INSERT INTO rw SELECT g, g FROM generate_series(1, 3000) g});
	my $altering = session($node);
	$altering->begin('CALL rewrite(2)');
	my $run = start("rw$try", 'run', '--slot', "rw$try", '--sink', "file:$dir/rw$try", '--table', 'public.rw', '--once');
	is(ends($run), 0, "try $try") or diag slurp("$dir/log.rw$try");
	$altering->finish;
	is(scalar(split /\n/, folded('rw', events("$dir/rw$try"))), 3000, 'all rows are there, whoever was faster');
	client('drop', '--slot', "rw$try");
	next unless slurp("$dir/log.rw$try") =~ /"reconnect".*was rewritten or truncated/;
	$rewritten = 1;
	last;
}
ok($rewritten, 'a table that was rewritten between the slot and its lock makes us begin anew');

sql(q{CREATE TABLE z (id int PRIMARY KEY, v text); INSERT INTO z SELECT g, repeat('z', 500) FROM generate_series(1, 5000) g});
my $run = start('queue', 'run', '--slot', 'queue', '--sink', "file:$dir/queue", '--table', 'public.[tz]', '--chunk-blocks', '2', '--chunk-memory', '64kB', '--flush-ms', '0', '--once');
ok(waits_for('queue', 'snapshot'), 'a snapshot begins');
my $altering = session($node);
$altering->begin('ALTER TABLE z ADD COLUMN later int');
is(ends($run), 0, 'and ends although another session stands in line for a table') or diag slurp("$dir/log.queue");
ok(logged('queue', 'snapshot_queue'), 'which one connection read alone');
$altering->finish;
@events = events("$dir/queue");
is(scalar(grep { $_->{table} eq 'z' } reads(@events)), 5000, 'all rows');
is(repeated(@events), 0, 'none twice');

# ---- a table that is locked

my $locking = session($node);
$locking->value('BEGIN; LOCK TABLE z IN ACCESS EXCLUSIVE MODE');
$run = start('locked', 'snapshot', '--slot', 'locked', '--sink', 'null:', '--table', 'public.z');
ok(waits_for('locked', 'lock_wait'), 'a table that is locked is waited for');
like(slurp("$dir/log.locked"), qr/have locked: pid $locking->{pid} /, 'and who has it is told');
is(slots(), $before + 3, 'before there is a slot');
$locking->value('ROLLBACK');
is(ends($run), 0, 'then it goes on') or diag slurp("$dir/log.locked");

# ---- connections that are lost

sql(q{CREATE TABLE big (id int PRIMARY KEY, v text); INSERT INTO big SELECT g, repeat(md5(g::text), 20) FROM generate_series(1, 100000) g});
$run = start('lost', 'snapshot', '--slot', 'lost', '--sink', "file:$dir/lost", '--table', 'public.big', '--chunk-blocks', '16');
waits_for('lost', 'snapshot');
my $terminated = 0;
# until it has read all: on a busy machine its workers come late
for (my $until = time + 120; time < $until;)
{
	# the holder has a snapshot that it exported; workers have imported it
	$terminated += sql(q{SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity a WHERE query LIKE 'COPY (SELECT lakehouse.cdc_row%'
		AND NOT EXISTS (SELECT FROM pg_locks l WHERE l.pid = a.pid AND l.locktype = 'advisory') ORDER BY random() LIMIT 1) x});
	last if logged('lost', 'snapshot_done') || $terminated >= 8;
	sleep(0.03);
}
is(ends($run), 0, "$terminated connections are lost") or diag slurp("$dir/log.lost");
cmp_ok($terminated, '>', 0, 'while they read');
@events = events("$dir/lost");
same(ids(@events), join(' ', 1 .. 100000), 'and each row is there once');

# One that dies in the midst of the unit whose turn it is, the second of two.
$run = start('half', 'snapshot', '--slot', 'half', '--sink', "file:$dir/half", '--table', 'public.big', '--chunk-blocks', int(sql(q{SELECT pg_relation_size('big') / 8192}) / 2 + 1),
	'--chunk-memory', '64kB');
wait_until(60, sub { my $bytes = 0; $bytes += -s $_ // 0 for glob("$dir/half/* $dir/half/.tmp-*"); $bytes > 40_000_000 });
# it stands still while we look for its connection
kill 'STOP', pid_of($run);
is(sql(q{SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity a WHERE query LIKE 'COPY (SELECT lakehouse.cdc_row%'
	AND NOT EXISTS (SELECT FROM pg_locks l WHERE l.pid = a.pid AND l.locktype = 'advisory')}), 1, 'one is lost in the midst of its unit');
kill 'CONT', pid_of($run);
is(ends($run), 0, 'which is begun again') or diag slurp("$dir/log.half");
ok(logged('half', 'snapshot_worker'), 'as is told');
same(ids(events("$dir/half")), join(' ', 1 .. 100000), 'and each row is there once');

# The transaction that sees the slot's point cannot be made anew.
my $holder = q{SELECT coalesce(max(pid), 0) FROM pg_locks WHERE locktype = 'advisory' AND classid = 1818977892};
$run = start('holder', 'run', '--slot', 'holder', '--sink', "file:$dir/holder", '--table', 'public.big', '--chunk-blocks', '16', '--flush-ms', '0',
	'--once');
wait_until(60, sub { glob("$dir/holder/.tmp-*") });
($code, undef, $err) = client('run', '--slot', 'holder', '--sink', "file:$dir/elsewhere", '--table', 'public.big', '--wait', '0');
is($code, 3, 'a second client');
like($err, qr/another client reads the initial snapshot of slot "holder"/, 'is told of the first');
is(sql(qq{SELECT pg_terminate_backend(($holder)::int)}), 't', 'the holder is lost');
is(ends($run), 0, 'and what is left is read beside the stream') or diag slurp("$dir/log.holder");
like(slurp("$dir/log.holder"), qr/"event":"snapshot_left".*table public\.big is not whole/, 'it says which table that is');
goes_on('holder', 'big');

# ---- memory, and what an impatient reader sees

{
	my ($in, $reader);
	pipe($in, $reader) or die $!;
	my $slow = IPC::Run::start([ $client, 'snapshot', '--source', $source, '--slot', 'memory', '--sink', 'stdout:', '--table', 'public.big', '--jobs', '4',
			'--chunk-blocks', '2100', '--chunk-memory', '256kB', '--metrics', $metrics_port ], '<', \undef, '>', $reader, '2>', "$dir/log.memory", IPC::Run::timeout(120));
	close $reader;
	# others read on while one is delivered, as far as they may
	my ($lines, $buf, $bytes) = (0, '', 0);
	while ($bytes < 13_000_000 && sysread($in, $buf, 1 << 16)) { $bytes += length $buf; $lines += ($buf =~ tr/\n//) }
	sleep(1);
	my ($now, $peak) = rss_kb(pid_of($slow));
	cmp_ok($peak, '<', 40 * 1024, "a sink that stands still costs $peak kB of memory, not what the table has");
	my $metrics = http($metrics_port);
	like($metrics, qr/^lakehouse_cdc_snapshot_units \d+$/m, 'metrics tell of units');
	like($metrics, qr/^lakehouse_cdc_snapshot_rows_total \d+$/m, 'and rows');
	$lines += ($buf =~ tr/\n//) while sysread($in, $buf, 1 << 16);
	is(ends($slow), 0, 'it goes on when the sink does');
	is($lines, 100000, 'with all rows');
}
# ---- a sink that fails is opened again, and the snapshot goes on

$run = start('sink', 'run', '--slot', 'sink', '--sink', "file:$dir/sink?rotate.bytes=1048576", '--sink', "file:$dir/sink2", '--table', 'public.big', '--chunk-blocks', '16', '--once');
# It stands still meanwhile, or it would make files beside rm, or have come to its end.
for (1 .. 60_000) { last if glob("$dir/sink/*.ndjson"); select(undef, undef, undef, 0.001) }
kill 'STOP', pid_of($run);
system('rm', '-rf', "$dir/sink");
kill 'CONT', pid_of($run);
is(ends($run), 0, 'a sink fails in the midst of a snapshot') or diag slurp("$dir/log.sink");
ok(logged('sink', 'reconnect'), 'which is said');
same(ids(reads(events("$dir/$_"))), join(' ', 1 .. 100000), "and $_ has each row once") for qw(sink sink2);

# ---- a signal

$run = start('term', 'run', '--slot', 'term', '--sink', "file:$dir/term", '--table', 'public.big', '--chunk-blocks', '2000', '--flush-ms', '0', '--jobs', '2');
wait_until(60, sub { my $bytes = 0; $bytes += -s $_ // 0 for glob("$dir/term/.tmp-*"); $bytes > 3_000_000 });
is(stop($run), 130, 'SIGTERM in a snapshot');
like(slurp("$dir/log.term"), qr/stopped in the snapshot of slot .*: (\d+) of (\d+) units are in all sinks/, 'says how far it got');
goes_on('term', 'big');

# ---- a client that dies when the slot is made, before any sink hears of it

# What is planned is stored before there is a slot.
my $old = session($node);
$old->value('BEGIN; SELECT pg_current_xact_id()');
$run = start('early', 'run', '--slot', 'early', '--sink', "file:$dir/early", '--table', 'public.[kt]');
ok(waits_for('early', 'create_wait'), 'a slot is being made');
is(sql(q{SELECT string_agg(table_name, ' ' ORDER BY id) FROM lakehouse.cdc_snapshots WHERE slot = 'early' AND point = '0/0'}), 'k t', 'and what is to be read is stored');
kill 'KILL', pid_of($run);
ends($run);
$old->value('ROLLBACK');
wait_until(60, sub { sql(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'walsender'}) == 0 });
client('drop', '--slot', 'early');
# As if it had died a moment later; a table was made since.
sql(q{SELECT lakehouse.cdc_snapshot_plan('early', '0/0', 1024, ARRAY['k'::regclass::oid], '{1}', '{public}', '{k}', '{key}')});
sql(q{SELECT pg_create_logical_replication_slot('early', 'lakehouse')});
is((client('run', '--slot', 'early', '--sink', "file:$dir/early", '--table', 'public.[kt]', '--once'))[0], 0, 'a new sink may begin there');
same(folded($_, events("$dir/early")), table_rows($_), "with all of $_") for qw(k t);
client('drop', '--slot', 'early');

# ---- the test that counts: kill -9 at any moment

# What a client that is gone left, the next one completes: units that sinks hold stay, the rest is
# read beside the stream.
sub goes_on
{
	my ($slot, $table) = @_;
	my ($code, $out, $err) = client('run', '--slot', $slot, '--sink', "file:$dir/$slot", '--table', "public.$table", '--once');
	is($code, 0, "$slot: completed") or diag $err;
	same(folded($table, events("$dir/$slot")), table_rows($table), "$slot: it is the table");
}
my $kills = 0;
for my $round (1 .. 24)
{
	my $slot = "kill$round";
	my @args = ('--slot', $slot, '--sink', "file:$dir/$slot", '--table', 'public.k', '--chunk-blocks', '3', '--flush-ms', '0', '--flush-bytes', '1kB', '--jobs', 1 + $round % 4);
	my $run = start($slot, 'run', @args);
	# some die before there is a slot, some after the last unit
	wait_until(60, sub { logged($slot, 'created') }) if $round % 3;
	sleep(rand($round % 2 ? 0.06 : 0.3));
	kill 'KILL', pid_of($run);
	$kills++ if ends($run) eq 'signal 9';
	goes_on($slot, 'k');
	client('drop', '--slot', $slot, '--yes');
}
is($kills, 24, "clients were killed (seed $seed)");

done_testing();
