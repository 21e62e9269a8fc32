# The client and a stream of NATS JetStream: exactly once whatever is killed, a table that can be
# rebuilt from what is there, dead letters, and errors that say what to do.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use IO::Socket::INET;
use IPC::Run;
use JSON::PP;
use Lake;
use MIME::Base64;
use PostgreSQL::Test::Utils;
use Test::More;

my $client = $ENV{LAKEHOUSE_CLIENT} or die 'LAKEHOUSE_CLIENT is not set';
my ($server) = grep { -x } ($ENV{LAKEHOUSE_NATS_SERVER} // (), '/usr/sbin/nats-server', '/usr/bin/nats-server', '/usr/local/bin/nats-server');
plan skip_all => 'THERE IS NO nats-server: NOTHING IS TESTED HERE (make deps brings it)' unless $server;

my $dir = PostgreSQL::Test::Utils::tempdir;
my $node = lake_node('cdc_nats', 'wal_level = logical', 'max_wal_senders = 10', 'max_replication_slots = 20');
my $source = $node->connstr('postgres');
my $port = PostgreSQL::Test::Cluster::get_free_port();
sub sql { return $node->safe_psql('postgres', $_[0]) }
sub slurp { my ($file) = @_; open(my $f, '<:raw', $file) or return ''; local $/; return scalar(<$f>) // '' }

# ---- the server of messages

open(my $conf, '>', "$dir/nats.conf") or die;
print $conf "listen: \"127.0.0.1:$port\"\nserver_name: tap\njetstream { store_dir: \"$dir/js\" }\nmax_payload: 100000\n";
close $conf;
my $nats;
sub listens { my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => 1) or return 0; close $s; return 1 }
sub start_nats
{
	$nats = IPC::Run::start([ $server, '-c', "$dir/nats.conf" ], '<', \undef, '>>', "$dir/nats.log", '2>>', "$dir/nats.log");
	return wait_until(60, \&listens);
}
sub kill_nats { kill 'KILL', $nats->{KIDS}[0]{PID} || die 'it is not there'; $nats->finish; return }

# One request of its API, as any client makes it.
sub request
{
	my ($subject, $body) = @_;
	my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => 10) or die "connect: $!";
	$body //= '';
	print $s "CONNECT {\"verbose\":false,\"headers\":true}\r\nSUB me 1\r\nPUB $subject me " . length($body) . "\r\n$body\r\n";
	while (defined(my $line = <$s>))
	{
		next if $line !~ /^MSG me 1 .*?(\d+)\r\n$/;
		read($s, my $text, $1);
		return decode_json($text);
	}
	die 'no answer';
}
# [sequence, subject, headers, value] of all messages
sub messages
{
	my ($stream) = @_;
	my $state = request("\$JS.API.STREAM.INFO.$stream")->{state};
	my @all;
	for my $seq ($state->{first_seq} .. $state->{last_seq})
	{
		my $m = request("\$JS.API.STREAM.MSG.GET.$stream", "{\"seq\":$seq}")->{message} or next;
		my %headers = map { /^([^:]+): ?(.*)$/ ? ($1 => $2) : () } split /\r\n/, decode_base64($m->{hdrs});
		push @all, [ $seq, $m->{subject}, \%headers, decode_base64($m->{data} // '') ];
	}
	return @all;
}

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
	my (@args) = @_;
	$log++;
	my $run = IPC::Run::start([ $client, 'stream', '--source', $source, '--log', 'json', '--status-interval', '1', @args ], '<', \undef,
		'>', "$dir/out", '2>', "$dir/log.$log", IPC::Run::timeout(300));
	wait_until(60, sub { slurp("$dir/log.$log") =~ /"event":"streaming"/ }) or diag slurp("$dir/log.$log");
	return $run;
}
sub pid_of { my ($run) = @_; return $run->{KIDS}[0]{PID} || die 'it is not there' }
sub ends { my ($run) = @_; $run->finish; my $status = $?; return $status & 127 ? 'signal ' . ($status & 127) : $status >> 8 }
sub confirmed { my ($slot) = @_; return sql("SELECT confirmed_flush_lsn - '0/0' FROM pg_replication_slots WHERE slot_name = '$slot'") }

# ---- errors, before there is anything

sql('CREATE TABLE k (id int PRIMARY KEY, v text, n int); CREATE TABLE other (id int)');
my @sink = ('--slot', 'tortured', '--table', 'public.k', '--flush-ms', '20', '--batch-bytes', '8kB',
	'--sink', "nats://127.0.0.1:$port/TORTURED?create=yes&duplicate.window.ms=100&connect.timeout.ms=2000");
my ($code, $err) = client(@sink, '--create', '--once');
is($code, 4, 'a server that is not there');
like($err, qr{nats://127\.0\.0\.1:$port/TORTURED}, 'is named');
ok(start_nats(), 'a server') or BAIL_OUT(slurp("$dir/nats.log"));
($code, $err) = client('--slot', 'tortured', '--sink', "nats://127.0.0.1:$port/ABSENT", '--create', '--once');
is($code, 4, 'a stream that is not there');
like($err, qr/create=yes/, 'and how it gets there');

# ---- kills

sql(q{
	CREATE PROCEDURE work(n int) LANGUAGE plpgsql AS $$
	BEGIN
		FOR i IN 1 .. n LOOP
			FOR j IN 1 .. CASE WHEN random() < 0.02 THEN 100 ELSE 1 + (random() * 5)::int END LOOP
				IF random() < 0.1 THEN
					DELETE FROM k WHERE id = (random() * 300)::int;
				ELSIF random() < 0.1 THEN
					-- a delete and an insert: two messages of one event, and a tombstone
					UPDATE k SET id = 1000 + id WHERE id = (random() * 300)::int AND NOT EXISTS (SELECT FROM k o WHERE o.id = 1000 + k.id);
				ELSE
					INSERT INTO k VALUES ((random() * 300)::int, repeat('y', (random() * 300)::int), i) ON CONFLICT (id) DO UPDATE SET v = excluded.v, n = excluded.n;
				END IF;
			END LOOP;
			IF random() < 0.1 THEN ROLLBACK; ELSE COMMIT; END IF;
			-- what the stream does not carry: positions without messages
			INSERT INTO other VALUES (i);
			COMMIT;
			PERFORM pg_sleep(0.005);
		END LOOP;
	END$$;});
my $seed = $ENV{LAKEHOUSE_SEED} // time;
srand($seed);
push @sink, '--format', 'debezium-json';
($code, $err) = client(@sink, '--create', '--once');
is($code, 0, 'a stream to be tortured') or diag $err;
my $writer = session($node);
$writer->begin('CALL work(1000000)');
my $progress = sub { my $s = eval { request('$JS.API.STREAM.INFO.TORTURED')->{state}{last_seq} }; return $s // 0 };
my ($clients, $servers) = (0, 0);
for my $kill (1 .. 12)
{
	my $run = start(@sink);
	my $before = $progress->();
	wait_until(60, sub { $progress->() > $before + 20 }) or diag slurp("$dir/log.$log");
	select(undef, undef, undef, rand(0.3));
	if ($kill % 3 == 0)
	{
		kill_nats();
		$servers++;
		start_nats();
		$before = $progress->();
		ok(wait_until(60, sub { $progress->() > $before + 20 }), 'the client goes on by itself when the server is back') or diag slurp("$dir/log.$log");
	}
	kill 'KILL', pid_of($run);
	$clients++ if ends($run) eq 'signal 9';
}
sql(qq{SELECT pg_cancel_backend($writer->{pid})});
$writer->finish;
is("$clients, $servers", '12, 4', "clients and servers were killed (seed $seed)");
($code, $err) = client(@sink, '--once');
is($code, 0, 'and now the rest') or diag $err;

my (%rows, %seen, %last, $disorder, $foreign, $positions, $tombstones);
my @all = messages('TORTURED');
for my $m (@all)
{
	my ($seq, $subject, $headers, $value) = @$m;
	$foreign++ if $headers->{'Lakehouse-Stream'} ne 'tortured/debezium-json';
	if ($subject eq 'tortured._position') { $positions++; next }
	$seen{ $headers->{'Lakehouse-At'} }++;
	my ($end, $ordinal, $sub) = split / /, $headers->{'Lakehouse-At'};
	my ($high, $low) = map { hex } split m{/}, $end;
	my $at = [ $high * 2**32 + $low, $ordinal, $sub ];
	if (my $was = $last{all}) { $disorder++ if ($at->[0] <=> $was->[0] || $at->[1] <=> $was->[1] || $at->[2] <=> $was->[2]) <= 0 }
	$last{all} = $at;
	if (($headers->{'Lakehouse-Tombstone'} // '') eq 'yes') { $tombstones++; next }
	my $change = decode_json($value);
	$change = $change->{payload} if exists $change->{payload};
	if ($change->{op} eq 'd') { delete $rows{ $change->{before}{id} } }
	else { $rows{ $change->{after}{id} } = "$change->{after}{id}|$change->{after}{v}|$change->{after}{n}" }
}
cmp_ok(scalar(@all), '>', 500, 'messages enough to mean something');
is($foreign, undef, 'all are ours');
is(scalar(grep { $_ > 1 } values %seen), 0, 'none is there twice');
is($disorder, undef, 'all are in order');
cmp_ok($tombstones, '>', 0, 'tombstones are there');
cmp_ok($positions // 0, '<=', 1, 'of positions without messages at most the last one');
is(join("\n", map { $rows{$_} } sort { $a <=> $b } keys %rows), sql('SELECT * FROM k ORDER BY id'), 'the table can be rebuilt from the stream');

# ---- the position is in the stream, and nowhere else

($code, $err) = client(@sink, '--once');
is($code, 0, 'again, with nothing new') or diag $err;
is(scalar(grep { $_->[1] ne 'tortured._position' } messages('TORTURED')), scalar(keys %seen), 'nothing came twice');
request('$JS.API.STREAM.PURGE.TORTURED');
($code, $err) = client(@sink, '--once');
is($code, 4, 'a stream whose end is gone');
like($err, qr/is not there any more.*lost=anew/s, 'is no new one');
request('$JS.API.STREAM.DELETE.TORTURED');
($code, $err) = client(@sink, '--once');
is($code, 3, 'one that was deleted leaves a gap');
like($err, qr/is empty, but slot "tortured" may have been read/, 'which is told');

# ---- dead letters

my @dead = ('--slot', 'dead', '--table', 'public.k', '--sink', "nats://127.0.0.1:$port/DEAD?create=yes");
($code, $err) = client(@dead, '--create', '--once');
is($code, 0, 'a stream with letters') or diag $err;
sql(q{INSERT INTO k VALUES (100001, 'small', 0); INSERT INTO k VALUES (100002, repeat('z', 150000), 0); INSERT INTO k VALUES (100003, 'behind', 0)});
($code, $err) = client(@dead, '--once');
is($code, 4, 'a message that is too large ends the client');
like($err, qr/a message was refused.*max_payload.*--dead-letter/s, 'which says why, and what to do');
($code, $err) = client(@dead, '--once', '--dead-letter', "file:$dir/letters", '--dead-letter-after', '2');
is($code, 0, 'with a place for it the stream goes on') or diag $err;
is(join(',', map { $_->[3] =~ /"id":(\d+)/ } grep { $_->[1] eq 'dead.public.k' } messages('DEAD')), '100001,100003', 'without it');
like(join('', map { slurp($_) } glob("$dir/letters/*.ndjson")), qr/larger than the stream or the server allows/, 'it is where it should be');

# ---- beside another sink, in a thread of its own

my @two = ('--slot', 'two', '--table', 'public.k', '--sink', "nats://127.0.0.1:$port/TWO?create=yes", '--sink', "file:$dir/two");
($code, $err) = client(@two, '--create', '--once');
is($code, 0, 'two sinks') or diag $err;
sql('INSERT INTO k SELECT i, NULL, i FROM generate_series(200000, 204999) i');
($code, $err) = client(@two, '--once');
is($code, 0, 'get what there is') or diag $err;
is(scalar(grep { $_->[1] eq 'two.public.k' } messages('TWO')), 5000, 'all of it');

kill_nats();
done_testing();
