# Several sinks at once: a slow one does not stall the others up to its bounds, each is
# exactly once whatever is killed; messages that a sink refuses are dead letters.
use strict;
use warnings;
use Fcntl;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use IO::Socket::INET;
use IPC::Run;
use Lake;
use MIME::Base64;
use POSIX ();
use PostgreSQL::Test::Utils;
use Test::More;

my $client = $ENV{LAKEHOUSE_CLIENT} or die 'LAKEHOUSE_CLIENT is not set';
my $dir = PostgreSQL::Test::Utils::tempdir;
my $node = lake_node('cdc_sinks', 'wal_level = logical', 'max_wal_senders = 10', 'max_replication_slots = 20', 'wal_sender_timeout = 4s');
my $source = $node->connstr('postgres');
my $port = PostgreSQL::Test::Cluster::get_free_port();
sub sql { return $node->safe_psql('postgres', $_[0]) }
sub slurp { my ($file) = @_; open(my $f, '<:raw', $file) or return ''; local $/; return scalar(<$f>) // '' }
sub lines { my ($path) = @_; return map { split /\n/, slurp($_) } sort glob("$path/*.ndjson") }
sub ids { return map { /"id":(\d+)/ ? $1 : () } @_ }

# (exit code, stderr)
sub client
{
	my (@args) = @_;
	my $err = '';
	IPC::Run::run([ $client, 'stream', '--source', $source, @args ], '<', \undef, '>', \my $out, '2>', \$err, IPC::Run::timeout(180));
	return ($? & 127 ? "signal $?" : $? >> 8, $err);
}
my $log = 0;
sub start
{
	my ($stdout, @args) = @_;
	$log++;
	my $run = IPC::Run::start([ $client, 'stream', '--source', $source, '--log', 'json', '--metrics', $port, '--status-interval', '1', @args ], '<', \undef,
		'>', $stdout, '2>', "$dir/log.$log", IPC::Run::timeout(300));
	wait_until(60, sub { slurp("$dir/log.$log") =~ /"event":"streaming"/ }) or diag slurp("$dir/log.$log");
	return $run;
}
# never 0, which would be us
sub pid_of { my ($run) = @_; return $run->{KIDS}[0]{PID} || die 'it is not there' }
sub ends { my ($run) = @_; $run->finish; my $status = $?; return $status & 127 ? 'signal ' . ($status & 127) : $status >> 8 }
sub metric
{
	my ($name) = @_;
	my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => 5) or return -1;
	print $s "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
	local $/;
	my $text = <$s> // '';
	return $text =~ /^lakehouse_cdc_\Q$name\E(?:\{.*\})? (\S+)$/m ? $1 : $text =~ /^lakehouse_cdc_\Q$name\E (\S+)$/m ? $1 : -1;
}
sub metric_of { my ($name, $sink) = @_; my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => 5) or return -1; print $s "GET /metrics HTTP/1.1\r\n\r\n"; local $/; my $text = <$s> // ''; return $text =~ /^lakehouse_cdc_\Q$name\E\{sink="$sink",.*\} (\S+)$/m ? $1 : -1 }
sub confirmed { my ($slot) = @_; return sql("SELECT confirmed_flush_lsn - '0/0' FROM pg_replication_slots WHERE slot_name = '$slot'") }

# A pipe that is read when we want: the slow sink.
sub pipe_reader
{
	my ($path) = @_;
	POSIX::mkfifo($path, 0600) or die "mkfifo: $!";
	sysopen(my $f, $path, O_RDONLY | O_NONBLOCK) or die "fifo: $!";
	return $f;
}
# What is in it, until it holds nothing for a while or $enough says so.
sub drain
{
	my ($f, $seconds, $enough) = @_;
	my ($all, $quiet) = ('', 0);
	while ($quiet < $seconds * 20)
	{
		my $n = sysread($f, my $piece, 1 << 16);
		if (defined $n && $n > 0) { $all .= $piece; $quiet = 0; last if $enough && $enough->($all); next }
		last if defined $n && $n == 0;
		$quiet++;
		select(undef, undef, undef, 0.05);
	}
	return $all;
}

sql('CREATE TABLE t (id serial PRIMARY KEY, v text)');
# transactions of twenty rows
sub insert { my ($n) = @_; return sql("DO \$\$ BEGIN FOR i IN 1 .. $n LOOP INSERT INTO t (v) SELECT repeat('x', 500) FROM generate_series(1, 20); COMMIT; END LOOP; END \$\$") }

# ---- a sink that stands still stalls no other, within its bounds

my ($code, $err);
my $fifo = pipe_reader("$dir/fifo");
my @bounds = ('--queue-memory', '256kB', '--spool', $dir, '--spool-size', '16MB');
my @args = ('--slot', 'slow', '--create', '--sink', "file:$dir/fast", '--sink', 'stdout:');
my $run = start("$dir/fifo", @args, @bounds);
my $before = confirmed('slow');
insert(200);
my $there = sql(q{SELECT pg_current_wal_insert_lsn() - '0/0'});
ok(wait_until(60, sub { metric_of('sink_durable_lsn', 1) >= $there }), 'the file sink has all, while nobody reads the pipe');
cmp_ok(metric_of('sink_spooled_bytes', 2), '>', 1000000, 'which waits in the spool');
cmp_ok(metric_of('sink_queue_bytes', 2), '<=', 2 * 256 * 1024, 'and a little of it in memory');
is(metric_of('sink_spooled_bytes', 1), 0, 'nothing waits for the file');
is(scalar(glob("$dir/lakehouse_cdc*") // ''), '', 'the spool has no name');
sleep(2);
cmp_ok(confirmed('slow'), '<', $there - 1000000, 'nor is it confirmed');
my $text = drain($fifo, 30, sub { ($_[0] =~ tr/\n//) >= 4000 });
is(join(',', ids(split /\n/, $text)), join(',', 1 .. 4000), 'the pipe has all of it in order, once it is read');
ok(wait_until(60, sub { confirmed('slow') >= $there }), 'then it is confirmed, without anything new');
ok(wait_until(60, sub { metric_of('sink_spooled_bytes', 2) == 0 }), 'and the spool is empty');

# a signal lets what was committed become durable, everywhere
insert(100);
$there = sql(q{SELECT pg_current_wal_insert_lsn() - '0/0'});
wait_until(60, sub { metric_of('sink_durable_lsn', 1) >= $there });
cmp_ok(metric_of('sink_spooled_bytes', 2), '>', 0, 'again something waits');
kill 'TERM', pid_of($run);
$text = drain($fifo, 5);
is(ends($run), 0, 'a signal waits for the slow one');
is(join(',', ids(split /\n/, $text)), join(',', 4001 .. 6000), 'which gets the rest');
is(join(',', ids(lines("$dir/fast"))), join(',', 1 .. 6000), 'the file has each once');
close($fifo);

# ---- beyond its bounds it does: the server is kept content, a signal ends it

$fifo = pipe_reader("$dir/fifo2");
$run = start("$dir/fifo2", @args, '--queue-memory', '64kB', '--spool', 'off');
insert(100);
sleep(9);
unlike(slurp("$dir/log.$log"), qr/reconnect/, 'a full queue keeps the connection, twice as long as the server waits for a sign of life');
cmp_ok(metric_of('sink_durable_lsn', 1), '<', sql(q{SELECT pg_current_wal_insert_lsn() - '0/0'}), 'then the other sink waits, too');
is(metric_of('sink_spooled_bytes', 2), 0, 'no spool');
kill 'TERM', pid_of($run);
is(ends($run), 130, 'a signal ends it');
close($fifo);

# ---- exactly once in both, killed at any time; one makes a file of every few transactions

sql(q{CREATE TABLE k (id bigserial PRIMARY KEY, v text);
	CREATE PROCEDURE work() LANGUAGE plpgsql AS $$
	BEGIN
		LOOP
			FOR i IN 1 .. CASE WHEN random() < 0.02 THEN 100 ELSE 1 + (random() * 5)::int END LOOP
				INSERT INTO k (v) VALUES (repeat('y', 400));
			END LOOP;
			IF random() < 0.1 THEN ROLLBACK; ELSE COMMIT; END IF;
			PERFORM pg_sleep(0.02);
		END LOOP;
	END$$;});
my $seed = $ENV{LAKEHOUSE_SEED} // time;
srand($seed);
my @both = ('--slot', 'both', '--table', 'public.k', '--sink', "file:$dir/a", '--sink', "file:$dir/b?rotate.bytes=4000",
	'--queue-memory', '64kB', '--spool', $dir, '--spool-size', '512kB', '--flush-ms', '20', '--batch-bytes', '8kB');
($code, $err) = client(@both, '--create', '--once');
is($code, 0, 'a stream to be tortured') or diag $err;
my $writer = session($node);
$writer->begin('CALL work()');
my ($kills, $apart) = (0, 0);
for my $kill (1 .. 10)
{
	$run = start("$dir/out", @both);
	# a busy machine may take longer to begin
	wait_until(60, sub { metric_of('sink_durable_lsn', 1) >= 0 });
	sleep(rand(1));
	my @durable;
	$apart++ if wait_until($kill == 10 && !$apart ? 60 : 0.2, sub { @durable = map { metric_of('sink_durable_lsn', $_) } 1, 2; $durable[0] >= 0 && $durable[1] >= 0 && $durable[0] != $durable[1] });
	kill 'KILL', pid_of($run);
	$kills++ if ends($run) eq 'signal 9';
}
sql(qq{SELECT pg_cancel_backend($writer->{pid})});
$writer->finish;
is($kills, 10, "ten clients were killed (seed $seed)");
cmp_ok($apart, '>', 0, 'while their sinks stood apart');
($code, $err) = client(@both, '--once');
is($code, 0, 'and now the rest') or diag $err;
my @expected = split /\n/, sql('SELECT id FROM k ORDER BY id');
cmp_ok(scalar(@expected), '>', 500, 'rows enough to mean something');
for my $sink ('a', 'b')
{
	is(join(',', ids(lines("$dir/$sink"))), join(',', @expected), "sink $sink: none lost, none twice, in order");
}

# ---- settings

($code, $err) = client('--slot', 'both', '--sink', 'null:', '--sink', 'null:', '--spool', '/nonexistent', '--once');
is($code, 1, 'a spool that cannot be');
like($err, qr{could not make a spool file in "/nonexistent"}, 'is named');

# ---- dead letters: a broker inside of the client that takes no large messages

my $kafka = 'kafka://mock:1/?test.mock.num.brokers=1&message.max.bytes=3000&admin.timeout.ms=0';
$run = start("$dir/out", '--slot', 'plain', '--create', '--sink', $kafka, '--table', 'public.t');
sql(q{INSERT INTO t (v) VALUES (repeat('z', 5000))});
is(ends($run), 4, 'a message that is too large ends the client');
like(slurp("$dir/log.$log"), qr/a message was refused: topic .*message\.max\.bytes.*--dead-letter/s, 'which says why, and what to do');
for my $sinks (1, 2)
{
	my $slot = "dead$sinks";
	my $dead = "$dir/dead$sinks";
	$run = start("$dir/out", '--slot', $slot, '--create', '--sink', $kafka, ($sinks == 2 ? ('--sink', "file:$dir/whole") : ()), '--table', 'public.t',
		'--dead-letter', "file:$dead", '--dead-letter-after', '2');
	sql(q{INSERT INTO t (v) VALUES ('small'); INSERT INTO t (v) VALUES (repeat('z', 5000)); INSERT INTO t (v) VALUES ('behind')});
	my $at = sql(q{SELECT pg_current_wal_insert_lsn() - '0/0'});
	my $big = sql(q{SELECT max(id) FROM t WHERE v LIKE 'zzz%'});
	ok(wait_until(60, sub { confirmed($slot) >= $at }), "$sinks: the stream goes on") or diag slurp("$dir/log.$log");
	is(metric('dead_letters_total'), 1, 'one dead letter is counted');
	is(metric_of('sink_messages_total', 1), 2, 'the others are in the sink');
	kill 'TERM', pid_of($run);
	is(ends($run), 0, 'and ends well');
	like(slurp("$dir/log.$log"), qr/"level":"warning","event":"dead_letter",.*1 messages were refused/, 'it is said');
	my @letters = lines($dead);
	is(scalar(@letters), 1, 'the letter is there');
	like($letters[0], qr/^\{"topic":"$slot\.public\.t","key":"[^"]+","value":"[^"]+","reason":"topic \\"$slot\.public\.t\\": it has more than message\.max\.bytes","position":\{"lsn":"[0-9A-F\/]+","ordinal":1,"xid":\d+\},"sub":0,"sink":"kafka:\/\/mock:1\/","format":"json"\}$/, 'with all that is known');
	my ($key, $value) = map { decode_base64($_) } $letters[0] =~ /"key":"([^"]+)","value":"([^"]+)"/;
	like($value, qr/"id":$big,"v":"z{5000}"\}/, 'and the message whole');
	like($key, qr/"id":$big\}/, 'with its key');
}
is(join(',', map { length } map { /"v":"(\w+)"/ } lines("$dir/whole")), '5,5000,6', 'the sink beside it has all');

done_testing();
