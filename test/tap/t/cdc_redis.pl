# The client with Redis Streams as its sink: several tables, snapshot and stream, client and
# Redis server killed at any time; what redis-cli reads is what the tables hold.
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
my $program = '/usr/bin/redis-server';
if (!-x $program)
{
	diag "NO REDIS SERVER: $program is not there, THE SINK redis: IS NOT TESTED";
	plan skip_all => "$program is not installed";
}

my $dir = PostgreSQL::Test::Utils::tempdir;
# paths of sockets are short
my $home = PostgreSQL::Test::Utils::tempdir_short;
my $socket = "$home/redis.sock";
my $node = lake_node('cdc_redis', 'wal_level = logical', 'max_wal_senders = 10', 'max_replication_slots = 20');
my $source = $node->connstr('postgres');
my ($redis, $log) = (undef, 0);
sub sql { return $node->safe_psql('postgres', $_[0]) }
sub slurp { my ($file) = @_; open(my $f, '<:raw', $file) or return ''; local $/; return scalar(<$f>) // '' }

sub start_redis
{
	# a preloaded sanitizer is for our own programs
	local $ENV{LD_PRELOAD};
	delete $ENV{LD_PRELOAD};
	$redis = fork() // die "fork: $!";
	if ($redis == 0)
	{
		exec($program, '--port', 0, '--unixsocket', $socket, '--dir', $home, '--save', '', '--appendonly', 'yes', '--appendfsync', 'always', '--logfile',
			"$home/log", @_) or POSIX::_exit(127);
	}
	return wait_until(60, sub { redis('PING') =~ /PONG/ });
}
sub kill_redis { kill 'KILL', $redis; waitpid($redis, 0); $redis = undef }
END { my $status = $?; if ($redis) { kill 'KILL', $redis; waitpid($redis, 0) } $? = $status }

sub redis
{
	my $out = '';
	local $ENV{LD_PRELOAD};
	delete $ENV{LD_PRELOAD};
	IPC::Run::run([ 'redis-cli', '-s', $socket, '--raw', @_ ], '<', \undef, '>', \$out, '2>', \my $err, IPC::Run::timeout(120));
	chomp $out;
	return $out;
}
# ([id, {fields}], ...): what we write has no newlines
sub entries
{
	my ($key) = @_;
	my ($id, $name, @all);
	for my $line (split /\n/, redis('XRANGE', $key, '-', '+'))
	{
		if (!defined $name && $line =~ /^\d+-\d+$/) { push @all, [ $line, {} ] }
		elsif (!defined $name) { $name = $line }
		else { $all[-1][1]{$name} = $line; undef $name }
	}
	return @all;
}

sub client
{
	my (@args) = @_;
	my $err = '';
	IPC::Run::run([ $client, @args, '--source', $source ], '<', \undef, '>', \my $out, '2>', \$err, IPC::Run::timeout(180));
	return ($? & 127 ? "signal $?" : $? >> 8, $err, $out);
}
sub start
{
	$log++;
	return IPC::Run::start([ $client, 'stream', '--source', $source, '--log', 'json', '--status-interval', '1', @_ ], '<', \undef, '>', "$dir/out", '2>',
		"$dir/log.$log", IPC::Run::timeout(300));
}
sub pid_of { my ($run) = @_; return $run->{KIDS}[0]{PID} || die 'it is not there' }
sub ends { my ($run) = @_; $run->finish; my $status = $?; return $status & 127 ? 'signal ' . ($status & 127) : $status >> 8 }

my $uri = "redis://$socket";
ok(start_redis(), 'a Redis server');
my ($code, $err, $out) = client('--help');
like($out, qr/^  redis +Redis Streams/m, 'the sink is in the help');

# ---- what an entry has

sql('CREATE TABLE a (id int PRIMARY KEY, v text); CREATE TABLE b (id int PRIMARY KEY, v text)');
($code, $err) = client('stream', '--slot', 'one', '--create', '--once', '--sink', "json=$uri");
is($code, 0, 'a slot') or diag $err;
sql(q{BEGIN; INSERT INTO a VALUES (1, 'x'); INSERT INTO b VALUES (1, 'y'); UPDATE a SET v = 'z' WHERE id = 1; COMMIT; DELETE FROM a});
($code, $err) = client('stream', '--slot', 'one', '--once', '--sink', "json=$uri");
is($code, 0, 'a stream') or diag $err;
my @a = entries('one.public.a');
is(scalar(@a), 3, 'each change of a table is an entry of its stream');
is(join(',', map { $_->[1]{op} } @a), 'insert,update,delete', 'which says what it is');
is($a[0][1]{key}, '{"id":1}', 'and its key');
is(decode_json($a[1][1]{value})->{new}{v}, 'z', 'and its value');
my $position = decode_json($a[2][1]{position});
my ($high, $low) = split m{/}, $position->{lsn};
is($a[2][0], ((hex($high) << 32) + hex($low)) . '-' . ($position->{ordinal} << 22), 'its id is its position');
is(scalar(entries('one.public.b')), 1, 'another table has another stream');
my %position = split /\n/, redis('HGETALL', 'lakehouse:position:one');
is($position{version}, 1, 'the position is a hash');
like($position{lsn}, qr{^[0-9A-F]+/[0-9A-F]+$}, 'with its LSN');

# ---- snapshot and stream, in batches smaller than a unit of the snapshot

sql(q{CREATE TABLE s (id int PRIMARY KEY, v text); INSERT INTO s SELECT i, 'v' || i FROM generate_series(1, 5000) i});
($code, $err) = client('run', '--slot', 'snap', '--table', 'public.s', '--create', '--once', '--sink', "json=$uri?batch.bytes=20000&fields=value");
is($code, 0, 'a snapshot') or diag $err;
sql(q{INSERT INTO s VALUES (5001, 'new')});
($code, $err) = client('run', '--slot', 'snap', '--table', 'public.s', '--once', '--sink', "json=$uri?batch.bytes=20000&fields=value");
is($code, 0, 'and the stream behind it') or diag $err;
is(join(',', sort { $a <=> $b } map { decode_json($_->[1]{value})->{new}{id} } entries('snap.public.s')), join(',', 1 .. 5001), 'each row is there once');

# ---- killed at any time

sql(q{CREATE TABLE k (id bigserial PRIMARY KEY, v text); CREATE TABLE l (id bigint PRIMARY KEY, n int);
	CREATE PROCEDURE work() LANGUAGE plpgsql AS $$
	DECLARE one bigint;
	BEGIN
		LOOP
			FOR i IN 1 .. CASE WHEN random() < 0.02 THEN 200 ELSE 1 + (random() * 5)::int END LOOP
				INSERT INTO k (v) VALUES (repeat('y', 400)) RETURNING id INTO one;
				INSERT INTO l VALUES (one % 10, 1) ON CONFLICT (id) DO UPDATE SET n = l.n + 1;
			END LOOP;
			IF random() < 0.1 THEN ROLLBACK; ELSE COMMIT; END IF;
			PERFORM pg_sleep(0.01);
		END LOOP;
	END$$;});
my $seed = $ENV{LAKEHOUSE_SEED} // time;
srand($seed);
my @torture = ('--slot', 'torture', '--table', 'public.k', '--table', 'public.l', '--sink', "json=$uri?batch.bytes=20000&timeout.ms=20000", '--flush-ms', '20',
	'--batch-bytes', '8kB');
($code, $err) = client('stream', @torture, '--create', '--once');
is($code, 0, 'a stream to be tortured') or diag $err;
my $writer = session($node);
$writer->begin('CALL work()');
my ($clients, $servers) = (0, 0);
my $run = start(@torture);
for my $kill (1 .. 16)
{
	sleep(0.2 + rand(0.8));
	if ($kill % 2)
	{
		kill 'KILL', pid_of($run);
		$clients++ if ends($run) eq 'signal 9';
		$run = start(@torture);
		next;
	}
	# under a client that writes
	wait_until(30, sub { slurp("$dir/log.$log") =~ /"event":"streaming"/ });
	kill_redis();
	$servers++;
	start_redis() or die 'Redis does not come back';
	# one that had just begun takes a server that is not there for a wrong address
	if (!$run->pumpable) { ends($run); $run = start(@torture) }
}
kill 'KILL', pid_of($run);
ends($run);
sql(qq{SELECT pg_cancel_backend($writer->{pid})});
$writer->finish;
cmp_ok($clients, '>=', 6, "clients were killed: $clients, servers: $servers (seed $seed)");
($code, $err) = client('stream', @torture, '--once');
is($code, 0, 'and now the rest') or diag $err;
my @k = map { decode_json($_->[1]{value})->{new}{id} } entries('torture.public.k');
my @expected = split /\n/, sql('SELECT id FROM k ORDER BY id');
cmp_ok(scalar(@expected), '>', 500, 'rows enough to mean something');
is(join(',', @k), join(',', @expected), 'none lost, none twice, in order');
# each key counts up by one, so its last value tells how often, and the order
my (%n, $wrong);
for my $e (entries('torture.public.l'))
{
	my $new = decode_json($e->[1]{value})->{new};
	$wrong //= "$new->{id}: $new->{n} behind " . ($n{ $new->{id} } // 0) if $new->{n} != ($n{ $new->{id} } // 0) + 1;
	$n{ $new->{id} } = $new->{n};
}
is($wrong, undef, 'changes of a key are in order, each once');
is(join(',', map { "$_=$n{$_}" } sort { $a <=> $b } keys %n), sql(q{SELECT string_agg(id || '=' || n, ',' ORDER BY id) FROM l}), 'up to what the table holds');

# ---- a message that is too large, and where it goes

sql(q{CREATE TABLE t (id int PRIMARY KEY, v text); ALTER TABLE t ALTER v SET STORAGE external});
my @large = ('--slot', 'large', '--table', 'public.t', '--sink', "json=$uri?max.bulk.bytes=1048576");
($code, $err) = client('stream', @large, '--create', '--once');
is($code, 0, 'a slot for large rows') or diag $err;
sql(q{INSERT INTO t VALUES (1, 'small'), (2, repeat('z', 2000000)), (3, 'behind')});
($code, $err) = client('stream', @large, '--once');
is($code, 4, 'it ends the client');
like($err, qr/a message was refused.*--dead-letter/s, 'which says why, and what to do');
unlike($err, qr/zzz/, 'without the value');
($code, $err) = client('stream', @large, '--once', '--dead-letter', "$uri?prefix=dead:");
is($code, 0, 'or it is a dead letter') or diag $err;
is(join(',', map { decode_json($_->[1]{value})->{new}{id} } entries('large.public.t')), '1,3', 'and the others go on');
my @dead = grep { /^dead:(?!lakehouse)/ } split /\n/, redis('KEYS', 'dead:*');
is(scalar(@dead), 1, 'a stream of letters');
my @letters = entries($dead[0]);
is(scalar(@letters), 1, 'has the one');
is(decode_json($letters[0][1]{value})->{topic}, 'large.public.t', 'that says where it was to go');

# ---- what is not durable is refused

redis('CONFIG', 'SET', 'appendfsync', 'everysec');
($code, $err) = client('stream', @large, '--once');
isnt($code, 0, 'a server that may forget is refused');
like($err, qr/appendfsync everysec.*durability=trust/s, 'and how to change that is told');

$node->stop;
kill_redis();
done_testing();
