# The streaming client: exactly once into files whatever dies, gaps and refusals told,
# idle slots, signals, status and drop, metrics.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Cdc;
use Lake;
use PostgreSQL::Test::Utils;
use Test::More;

my ($node, $dir) = cdc_node('cdc_client', 'max_prepared_transactions = 5', 'wal_sender_timeout = 5s', 'restart_after_crash = on', q(lakehouse.cdc_mask_key_file = ''));
my $metrics_port = PostgreSQL::Test::Cluster::get_free_port();
sub sql { return $node->safe_psql($_[1] // 'postgres', $_[0]) }

sub confirmed { my ($slot) = @_; return sql("SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = '$slot'") }

# What a directory of the file sink holds, in order.
sub lines
{
	my ($path) = @_;
	return map { split /\n/, slurp($_) } sort glob("$path/*.ndjson");
}

# ---- once, to a pipe

sql('CREATE TABLE t (id int PRIMARY KEY, v text)');
my ($code, $out, $err) = client('stream', '--slot', 'pipe', '--sink', 'stdout:', '--once');
is($code, 3, 'a slot that is not there');
like($err, qr/slot "pipe" is not there; --create makes it/, 'is named');
($code, $out) = client('stream', '--slot', 'pipe', '--sink', 'stdout:', '--once', '--create');
is("$code $out", '0 ', 'it is made, and nothing is in it');
sql(q{INSERT INTO t SELECT g, 'row ' || g FROM generate_series(1, 1000) g});
my $middle = sql('SELECT pg_current_wal_insert_lsn()');
sql(q{UPDATE t SET v = 'new' WHERE id = 5});
($code, $out) = client('stream', '--slot', 'pipe', '--sink', 'stdout:', '--until', $middle);
is($code, 0, 'until a position');
is(scalar(split /\n/, $out), 1000, 'all rows before it, a line each');
like($out, qr/^\{"op":"insert",.*"schema":"public","table":"t","key":\{"id":1\},"new":\{"id":1,"v":"row 1"\}\}\n/, 'as the format has them');
($code, $out) = client('stream', '--slot', 'pipe', '--sink', 'stdout:', '--once', '--zstd');
like($out, qr/^\{"op":"update",.*"id":5,"v":"new"\}\}\n\z/, 'and then what was behind it, alone');
($code, $out) = client('stream', '--slot', 'pipe', '--sink', 'stdout:', '--once');
is("$code $out", '0 ', 'and then nothing');

# ---- refusals

($code, undef, $err) = client('stream', '--slot', 'pipe', '--sink', 'nosuch:', '--once');
is($code, 1, 'a sink that there is not');
like($err, qr/there is no sink "nosuch:"/, 'is named');
($code, undef, $err) = client('stream', '--slot', 'pipe', '--sink', 'stdout:', '--once', '--source', 'host=/nonexistent');
is($code, 2, 'a server that is not there');
like($err, qr/no connection: .*nonexistent/, 'is named');
sql(q{SELECT pg_create_logical_replication_slot('other', 'pgoutput')});
($code, undef, $err) = client('stream', '--slot', 'other', '--sink', 'stdout:', '--once');
is($code, 3, 'a slot of another plugin');
like($err, qr/was made for the output plugin "pgoutput", not for the output plugin "lakehouse"/, 'is told so');
($code, undef, $err) = client('stream', '--slot', 'pipe', '--sink', 'stdout:', '--once', '--publication', 'nosuch');
is($code, 3, 'a publication that there is not');
like($err, qr/"nosuch"/, 'is named');
SKIP:
{
	skip 'this server permits any output plugin', 3 unless sql(q{SELECT count(*) FROM pg_settings WHERE name = 'output_plugin_libraries'});
	sql('ALTER SYSTEM SET output_plugin_libraries = pgoutput');
	$node->reload;
	wait_until(60, sub { sql('SHOW output_plugin_libraries') eq 'pgoutput' });
	($code, undef, $err) = client('stream', '--slot', 'pipe', '--sink', 'stdout:', '--once');
	is($code, 5, 'a plugin that the server does not permit');
	like($err, qr/does not permit the output plugin "lakehouse".*ALTER SYSTEM SET output_plugin_libraries = pgoutput, lakehouse/s, 'comes with the remedy');
	($code) = client('stream', '--slot', 'fresh', '--sink', 'stdout:', '--once', '--create');
	is($code, 5, 'also when the slot is made');
	sql('ALTER SYSTEM RESET output_plugin_libraries');
	$node->reload;
	wait_until(60, sub { sql('SHOW output_plugin_libraries') ne 'pgoutput' });
}

# ---- files: neither gap nor duplicate

my $a = "$dir/a";
client('stream', '--slot', 'files', '--sink', "file:$a", '--create', '--once');
for my $round (1 .. 3)
{
	sql("INSERT INTO t SELECT $round * 10000 + g, 'x' FROM generate_series(1, 500) g");
	($code, undef, $err) = client('stream', '--slot', 'files', '--sink', "file:$a", '--once');
	is($code, 0, "run $round") or diag $err;
}
my @ids = map { /"key":\{"id":(\d+)\}/ ? $1 : () } lines($a);
is_deeply(\@ids, [ map { my $r = $_; map { $r * 10000 + $_ } 1 .. 500 } 1 .. 3 ], 'three runs: each row once, in order');

# ---- gaps

my $before = join "\n", lines($a);
sql(q{INSERT INTO t VALUES (50001, 'lost')});
sql(q{SELECT pg_replication_slot_advance('files', pg_current_wal_lsn())});
($code, undef, $err) = client('stream', '--slot', 'files', '--sink', "file:$a", '--once');
is($code, 3, 'a slot that is ahead of the sink');
like($err, qr{gap of \d+ bytes of log: sink file:\S+/a holds all up to [0-9A-F/]+, but slot "files" begins at [0-9A-F/]+}, 'is a gap');
is(join("\n", lines($a)), $before, 'and nothing was written');
($code, undef, $err) = client('stream', '--slot', 'files', '--sink', "file:$dir/b", '--once');
is($code, 3, 'so is an empty sink before a slot that was read');
sql(q{INSERT INTO t VALUES (50002, 'kept')});
($code, undef, $err) = client('stream', '--slot', 'files', '--sink', "file:$a", '--once', '--allow-gap');
is($code, 0, 'unless it is allowed');
like($err, qr/warning: .*what lies between is lost/, 'which is said');
like((lines($a))[-1], qr/"id":50002/, 'then the stream goes on');
($code, undef, $err) = client('stream', '--slot', 'anew', '--sink', "file:$a", '--once', '--create');
isnt($code, 0, 'a new slot for a sink that has a position is refused');

# ---- several sinks, each with its own position

client('stream', '--slot', 'two', '--sink', "file:$dir/one", '--sink', "file:$dir/two", '--create', '--once');
sql(q{INSERT INTO t VALUES (60001, 'both')});
system_or_bail('cp', '-a', "$dir/two", "$dir/older");
client('stream', '--slot', 'two', '--sink', "file:$dir/one", '--sink', "file:$dir/two", '--once');
is(join("\n", lines("$dir/one")), join("\n", lines("$dir/two")), 'two sinks hold the same');
is(scalar(lines("$dir/two")), 1, 'once');
($code) = client('stream', '--slot', 'two', '--sink', "file:$dir/one", '--sink', "file:$dir/older", '--once');
is($code, 3, 'one that is behind the slot is a gap');

($code) = client('stream', '--slot', 'formats', '--sink', "file:$dir/json", '--sink', "debezium-json=file:$dir/debezium", '--create', '--once');
sql(q{INSERT INTO t VALUES (60002, 'twice encoded'); DELETE FROM t WHERE id = 60002});
($code, undef, $err) = client('stream', '--slot', 'formats', '--sink', "file:$dir/json", '--sink', "debezium-json=file:$dir/debezium", '--once');
is($code, 0, 'two formats') or diag $err;
like(join("\n", lines("$dir/json")), qr/^\{"op":"insert".*\n\{"op":"delete"/, 'each sink has its own');
like(join("\n", lines("$dir/debezium")), qr/^\{"before":null,"after":\{"id":60002,.*"op":"c".*\n.*"op":"d"/, 'in order');

# ---- signals; a slot in use; status, drop; metrics

my $run = start('signal', '--slot', 'files', '--sink', "file:$a", '--flush-ms', '60000', '--status-interval', '1', '--metrics', $metrics_port);
wait_until(60, sub { slurp("$dir/log.signal") =~ /"event":"streaming"/ });
sql(q{INSERT INTO t VALUES (70001, 'before the signal')});
wait_until(60, sub { http($metrics_port) =~ /^lakehouse_cdc_transactions_total [1-9]/m });
like(http($metrics_port), qr{^HTTP/1\.1 200 OK\r\n.*^lakehouse_cdc_up 1\n.*^lakehouse_cdc_sink_messages_total\{sink="1",kind="file"\} [1-9]}ms, 'metrics');
like(http($metrics_port, 'GET / HTTP/1.0'), qr{^HTTP/1\.1 404}, 'and nothing else');
($code, undef, $err) = client('stream', '--slot', 'files', '--sink', 'stdout:', '--once', '--wait', '0');
is($code, 3, 'a slot that is in use');
like($err, qr/slot "files" is active for PID \d+/, 'by whom');
($code, undef, $err) = client('drop', '--slot', 'files');
is($code, 3, 'is not dropped');
like($err, qr/is in use by pid \d+; --yes/, 'without --yes');
($code, $out) = client('status', '--slot', 'files');
like($out, qr/^active_pid +\d+$/m, 'status says who uses it');
kill 'TERM', pid_of($run);
is(ends($run), 0, 'SIGTERM ends it cleanly');
like((lines($a))[-1], qr/"id":70001/, 'with what was committed in the sink');
like(slurp("$dir/log.signal"), qr/"event":"done".*stopped at/, 'which it says');
($code, $out) = client('status', '--slot', 'files', '--sink', "file:$a", '--log', 'json');
like($out, qr/^\{"slot":"files",.*"active_pid":null,.*"retained_bytes":\d+,.*"sink_1":"file:\S+ holds [0-9A-F\/]+, \d+"\}$/, 'status as JSON, with the position of the sink');
($code, $out) = client('stream', '--slot', 'files', '--sink', "file:$a", '--once');
is(scalar(grep { /"id":70001/ } lines($a)), 1, 'and nothing comes twice');

# ---- an old transaction holds up a new slot

my $old = session($node);
$old->value('BEGIN; SELECT pg_current_xact_id()');
$run = start('wait', '--slot', 'waits', '--sink', 'null:', '--create', '--once');
wait_until(60, sub { slurp("$dir/log.wait") =~ /create_wait/ });
like(slurp("$dir/log.wait"), qr/once transactions that run now have ended: pid $old->{pid} /, 'whom a new slot waits for');
($code, $out) = client('status', '--slot', 'pipe');
like($out, qr/^old_transactions +pid $old->{pid} /m, 'status says so, too');
$old->value('ROLLBACK');
is(ends($run), 0, 'then it is made');

# ---- an idle slot moves on while another database writes

sql('CREATE DATABASE busy');
sql('CREATE TABLE w (v text)', 'busy');
my $idle = "$dir/idle";
client('stream', '--slot', 'idle', '--sink', "file:$idle", '--create', '--once');
my $was = confirmed('idle');
$run = start('idle', '--slot', 'idle', '--sink', "file:$idle", '--status-interval', '1', '--heartbeat', '1');
wait_until(60, sub { slurp("$dir/log.idle") =~ /"event":"streaming"/ });
sql(q{INSERT INTO w SELECT repeat('x', 1000) FROM generate_series(1, 2000)}, 'busy');
my $end = sql('SELECT pg_current_wal_lsn()');
ok(wait_until(60, sub { sql("SELECT confirmed_flush_lsn >= '$end' FROM pg_replication_slots WHERE slot_name = 'idle'") eq 't' }), 'the slot of an idle database moves on');
kill 'TERM', pid_of($run);
is(ends($run), 0, 'and its client stops');
($code, undef, $err) = client('stream', '--slot', 'idle', '--sink', "file:$idle", '--once');
is($code, 0, 'which is no gap at the next start') or diag $err;

# ---- masks

sql(q{SELECT lakehouse.cdc_mask_set('t', 'v', 'truncate:1')});
sql(q{INSERT INTO t VALUES (80001, 'canary')});
client('stream', '--slot', 'pipe', '--sink', "null:", '--until', sql('SELECT pg_current_wal_insert_lsn()'));
$run = start('masks', '--slot', 'masked', '--sink', "file:$dir/masked", '--create', '--flush-ms', '10');
wait_until(60, sub { slurp("$dir/log.masks") =~ /"event":"streaming"/ });
sql(q{INSERT INTO t VALUES (80002, 'canary')});
wait_until(60, sub { confirmed('masked') ne '' && sql(q{SELECT confirmed_flush_lsn > '0/0' FROM pg_replication_slots WHERE slot_name = 'masked'}) eq 't' });
# another mask ends the stream, the client comes back by itself
sql(q{SELECT lakehouse.cdc_mask_set('t', 'v', 'null')});
sql(q{INSERT INTO t VALUES (80003, 'canary')});
ok(wait_until(60, sub { slurp("$dir/log.masks") =~ /"event":"reconnect"/ }), 'a new mask ends the stream, and it is begun again');
my $after = sql('SELECT pg_current_wal_insert_lsn()');
sql(q{INSERT INTO t VALUES (80004, 'canary')});
wait_until(60, sub { sql("SELECT confirmed_flush_lsn > '$after' FROM pg_replication_slots WHERE slot_name = 'masked'") eq 't' });
kill 'TERM', pid_of($run);
is(ends($run), 0, 'stopped');
my $masked = join "\n", lines("$dir/masked");
unlike($masked, qr/canary/, 'masks hold through the client');
like($masked, qr/"id":80002,"v":"c"\}.*"id":80003,"v":null\}/s, 'each for its rows');
unlike(slurp("$dir/log.masks"), qr/canary/, 'and nothing is in the log');
sql(q{SELECT lakehouse.cdc_mask_drop('t', 'v')});

# ---- the test that counts: kill -9 of client and walsender while a writer runs

# Triggers keep the history that the files must be equal to.
sql(q{
	CREATE TABLE k (id int PRIMARY KEY, n int, v text);
	CREATE TABLE k_history (seq bigserial PRIMARY KEY, id int, n int);
	INSERT INTO k SELECT g, 0, repeat('x', 200) FROM generate_series(1, 50) g;
	CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO k_history (id, n) VALUES (NEW.id, NEW.n); RETURN NEW; END$$;
	CREATE TRIGGER keep AFTER UPDATE ON k FOR EACH ROW EXECUTE FUNCTION keep();
	CREATE PROCEDURE work(seconds float8) LANGUAGE plpgsql AS $$
	DECLARE stop timestamptz := clock_timestamp() + seconds * interval '1 s'; rows int;
	BEGIN
		WHILE clock_timestamp() < stop LOOP
			rows := 1 + (random() * 3)::int;
			IF random() < 0.02 THEN rows := 400; END IF;
			FOR i IN 1 .. rows LOOP
				UPDATE k SET n = n + 1 WHERE id = 1 + (random() * 49)::int;
			END LOOP;
			IF random() < 0.1 THEN ROLLBACK; ELSE COMMIT; END IF;
		END LOOP;
	END$$;
});
my $seed = $ENV{LAKEHOUSE_SEED} // time;
srand($seed);
my @args = ('--slot', 'torture', '--sink', "file:$dir/torture?rotate.bytes=102400", '--table', 'public.k', '--flush-ms', '20', '--batch-bytes', '8kB');
($code, undef, $err) = client('stream', @args, '--create', '--once');
is($code, 0, 'a stream to be tortured') or diag $err;
my $writer = session($node);
$writer->begin('CALL work(1000)');
my ($client_kills, $server_kills) = (0, 0);
$run = start('torture', @args, '--status-interval', '1');
for my $kill (1 .. 24)
{
	sleep(0.05 + rand(0.6));
	if ($kill % 2)
	{
		kill 'KILL', pid_of($run);
		$client_kills++ if ends($run) eq 'signal 9';
		$run = start('torture', @args, '--status-interval', '1');
		next;
	}
	# the death of a walsender takes the whole server with it, which then recovers
	my $walsender = 0;
	wait_until(60, sub { $walsender = sql(q{SELECT coalesce(max(active_pid), 0) FROM pg_replication_slots WHERE slot_name = 'torture'}) })
		or die 'the client does not come back: ' . slurp("$dir/log.torture");
	sleep(rand(0.2));
	$server_kills += kill 'KILL', $walsender;
	eval { $writer->finish };
	wait_until(60, sub { is_up($node) });
	$writer = session($node);
	$writer->begin('CALL work(1000)');
}
is($client_kills, 12, 'the client was killed twelve times');
is($server_kills, 12, "so was the walsender (seed $seed)");
sleep(0.3);
sql(qq{SELECT pg_cancel_backend($writer->{pid})});
$writer->finish;
kill 'TERM', pid_of($run);
ends($run);
($code, undef, $err) = client('stream', @args, '--once');
is($code, 0, 'and now the rest') or diag $err;

my @rows = grep { /"table":"k"/ } lines("$dir/torture");
my (%seen, $twice, $disorder, $last);
my %got;
for (@rows)
{
	my ($lsn, $ordinal) = /"lsn":"([0-9A-F\/]+)","n":(\d+)/ or die $_;
	my ($id, $n) = /"new":\{"id":(\d+),"n":(\d+)/ or die $_;
	$twice++ if $seen{"$lsn $ordinal"}++;
	my $at = sprintf('%08s%08s %012d', split(m{/}, $lsn), $ordinal);
	$disorder++ if defined $last && $at le $last;
	$last = $at;
	push @{ $got{$id} }, $n;
}
my %expected;
push @{ $expected{$_->[0]} }, $_->[1] for map { [ split /\|/ ] } split /\n/, sql('SELECT id, n FROM k_history ORDER BY seq');
my $total = sql('SELECT count(*) FROM k_history');
is($twice // 0, 0, 'no change twice');
is($disorder // 0, 0, 'none out of order');
is(scalar(@rows), $total, "$total changes, none lost");
cmp_ok($total, '>', 1000, 'which are enough to mean something');
is_deeply(\%got, \%expected, 'the files are the history of the table, key by key');

# ---- drop

($code) = client('drop', '--slot', 'torture');
is($code, 0, 'a slot is dropped');
is(sql(q{SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'torture'}), 0, 'and is gone');
($code, undef, $err) = client('drop', '--slot', 'torture');
is($code, 3, 'but not twice');
$run = start('drop', '--slot', 'pipe', '--sink', 'null:', '--wait', '0');
wait_until(60, sub { slurp("$dir/log.drop") =~ /"event":"streaming"/ });
($code, undef, $err) = client('drop', '--slot', 'pipe', '--yes');
is($code, 0, 'one in use with --yes') or diag $err;
is(ends($run), 3, 'its client notices') or diag slurp("$dir/log.drop");

done_testing();
