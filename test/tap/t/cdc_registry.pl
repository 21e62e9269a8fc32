# Keys and values of formats with schemas begin with the ids of a schema registry, which fails in
# every way that registries do.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Cdc qw($client cdc_node ends pid_of slurp);
use IO::Socket::INET;
use IPC::Run;
use JSON::PP;
use Lake;
use MIME::Base64;
use Stub;
use Test::More;

my ($node, $dir, $source) = cdc_node('cdc_registry', 'wal_sender_timeout = 4s');
my $registry = Stub->start($dir, '--registry', '--refuse', 'refused_column');
my $url = $registry->url('');
my $port = PostgreSQL::Test::Cluster::get_free_port();
my $log = 0;
sub sql { return $node->safe_psql('postgres', $_[0]) }

# The whole answer of a GET.
sub get
{
	my ($at, $path) = @_;
	my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $at, Timeout => 5) or return '';
	print $s "GET $path HTTP/1.1\r\nConnection: close\r\n\r\n";
	local $/;
	my $text = <$s> // '';
	return $text =~ s/^.*?\r\n\r\n//sr;
}
sub metric { my ($name) = @_; return get($port, '/metrics') =~ /^lakehouse_cdc_\Q$name\E(?:\{.*\})? (\S+)$/m ? $1 : -1 }
sub schema { my ($id) = @_; return decode_json(get($registry->port, "/schemas/ids/$id")) }
sub subjects { return sort @{ decode_json(get($registry->port, '/subjects')) } }

# (exit code, stderr, stdout) of a client that goes to the end of the log
sub once
{
	my (@args) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ $client, 'stream', '--source', $source, '--once', @args ], '<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(180));
	return ($? & 127 ? "signal $?" : $? >> 8, $err, $out);
}
sub start
{
	my (@args) = @_;
	$log++;
	my $run = IPC::Run::start([ $client, 'stream', '--source', $source, '--log', 'json', '--metrics', $port, '--status-interval', '1', @args ], '<', \undef,
		'>', "$dir/out.$log", '2>', "$dir/log.$log", IPC::Run::timeout(300));
	wait_until(60, sub { slurp("$dir/log.$log") =~ /"event":"streaming"/ }) or diag slurp("$dir/log.$log");
	return $run;
}

# Pieces that have their length before them.
sub pieces
{
	my ($bytes) = @_;
	my @all;
	while (length $bytes)
	{
		my $n = unpack('V', $bytes);
		push @all, substr($bytes, 4, $n);
		$bytes = substr($bytes, 4 + $n);
	}
	return @all;
}
# What a sink in a directory has.
sub values_of { my ($path) = @_; return map { pieces(slurp($_)) } sort glob("$path/*.bin") }
sub id_of { my ($bytes) = @_; return unpack('C', $bytes) == 0 ? unpack('N', substr($bytes, 1, 4)) : "no zero byte" }

# ---- ids, and nothing else is changed

sql(q{CREATE TABLE public.orders (id int PRIMARY KEY, note text);
	CREATE TABLE public.items (id int PRIMARY KEY, price numeric(10, 2))});
foreach my $case ([ 'avro', 5, 10 ], [ 'debezium-avro', 5, 10 ], [ 'protobuf', 6, 0 ])
{
	my ($format, $head, $bare) = @$case;
	my $slot = $format =~ s/-/_/r;
	my @args = ('--slot', $slot, '--create', '--table', 'public.*', '--topic', "$slot.{table}");
	my ($code, $err, $out) = once(@args, '--sink', "$format=file:$dir/$slot-ids?registry=$url", '--sink', "$format=file:$dir/$slot-bare",
		'--sink', "$format=stdout:?key=tab&registry=$url");
	is($code, 0, "$format: a slot") or diag $err;
	sql(q{INSERT INTO orders VALUES (1, 'one'), (2, NULL); UPDATE orders SET note = 'two' WHERE id = 2; INSERT INTO items VALUES (1, 3.50); DELETE FROM orders WHERE id = 1});
	($code, $err, $out) = once(@args, '--sink', "$format=file:$dir/$slot-ids?registry=$url", '--sink', "$format=file:$dir/$slot-bare",
		'--sink', "$format=stdout:?key=tab&registry=$url");
	is($code, 0, "$format: rows") or diag $err;
	my @ids = values_of("$dir/$slot-ids");
	my @bare = values_of("$dir/$slot-bare");
	my @pairs = pieces($out);
	cmp_ok(scalar(@ids), '>=', 5, "$format: messages");
	is(scalar(@ids), scalar(@bare), "$format: as many as without a registry");
	is(join(' ', map { unpack('H*', substr($_, $head)) } @ids), join(' ', map { unpack('H*', substr($_, $bare)) } @bare), "$format: the same bytes behind the heads");
	is(join(' ', map { unpack('H*', $_) } @pairs[map { 2 * $_ + 1 } 0 .. $#ids]), join(' ', map { unpack('H*', $_) } @ids), "$format: the same values on standard output");
	is(scalar(grep { substr($_, 5, 1) ne "\0" } @ids), 0, "$format: each is the first message of its file") if $format eq 'protobuf';
	my %types = map { id_of($_) => schema(id_of($_))->{schemaType} // 'AVRO' } @ids, @pairs;
	is(join(',', sort { $a cmp $b } keys %{ { reverse %types } }), $format eq 'protobuf' ? 'PROTOBUF' : 'AVRO', "$format: all ids are known");
	my %texts = map { id_of($_) => schema(id_of($_))->{schema} } @ids;
	like(join("\n", values %texts), qr/note/, "$format: a schema of one table");
	like(join("\n", values %texts), qr/price/, "$format: and of the other");
	is(join(' ', grep { /^\Q$slot\E\.(orders|items)-/ } subjects()), join(' ', map { ("$slot.$_-key", "$slot.$_-value") } 'items', 'orders'), "$format: subjects");
	sql('TRUNCATE orders, items');
	sql("SELECT pg_drop_replication_slot('$slot')");
}

# ---- subjects by the record; what is there is only looked up

my $format = 'avro';
my @avro = ('--slot', 'look', '--create', '--table', 'public.orders');
my ($code, $err, $out) = once(@avro, '--sink', "$format=file:$dir/look?registry=$url&registry.register=off&registry.subject=topic-record");
is($code, 0, 'an empty stream asks nothing') or diag $err;
sql("INSERT INTO orders VALUES (1, 'x')");
my @before = subjects();
($code, $err) = once(@avro, '--sink', "$format=file:$dir/look?registry=$url&registry.register=off&registry.subject=topic-record");
is($code, 4, 'a schema that is not registered') or diag $err;
like($err, qr/schema registry: the schema is not registered under subject "look\.public\.orders-[\w.]+": Schema not found/, 'is named');
like($err, qr/registry\.register=on/, 'with what to do');
is(join(' ', subjects()), join(' ', @before), 'nothing was registered');
($code, $err) = once(@avro, '--sink', "$format=file:$dir/look?registry=$url&registry.subject=topic-record");
is($code, 0, 'it may be registered') or diag $err;
is(scalar(values_of("$dir/look")), 1, 'then it is there, once');
sql("INSERT INTO orders VALUES (2, 'y')");
($code, $err) = once(@avro, '--sink', "$format=file:$dir/look?registry=$url&registry.register=off&registry.subject=topic-record");
is($code, 0, 'and is found from then on') or diag $err;
is(scalar(values_of("$dir/look")), 2, 'each once');

# ---- a registry that is silent, then down, costs neither the connection nor a message

my @fail = ('--slot', 'fail', '--create', '--table', 'public.orders', '--topic', 'fail.{table}');
my $sink = "$format=file:$dir/fail?registry=$url&registry.timeout.ms=9000";
is((once(@fail, '--sink', $sink))[0], 0, 'another stream');
$registry->reset;
$registry->fault(kind => 'hang', match => 'POST', times => 1);
my $run = start(@fail, '--sink', $sink);
sql("INSERT INTO orders VALUES (3, 'z')");
ok(wait_until(60, sub { metric('messages_total') >= 1 && values_of("$dir/fail") >= 0 && metric('sink_messages_total') >= 1 }), 'a registry that is silent for longer than the server waits');
is(metric('reconnects_total'), 0, 'the server has its signs of life meanwhile');
cmp_ok(metric('registry_requests_total'), '>=', 1, 'ids are counted');
is(metric('registry_failures_total'), 0, 'and no failure');
sql('ALTER TABLE orders ADD b int');
$registry->fault(kind => 'status', match => 'POST', status => 503, times => 3);
sql("INSERT INTO orders VALUES (4, 'down', 1)");
ok(wait_until(60, sub { metric('registry_failures_total') >= 1 && metric('reconnects_total') >= 1 }), 'a registry that is down');
like(slurp("$dir/log.$log"), qr/schema registry: the registry answered with status 503/, 'is said so');
ok(wait_until(60, sub { my @ids = (metric('sink_messages_total')); $ids[0] >= 1 && slurp("$dir/log.$log") =~ /streaming again/ }), 'the client comes again by itself');
kill 'TERM', pid_of($run);
is(ends($run), 0, 'and ends clean');
is(scalar(values_of("$dir/fail")), 2, 'each message once');

# a signal ends a client that waits for a registry; a sink with a thread of its own is waited for, until the second one
foreach my $more ([], [ '--sink', 'null:' ])
{
	sql('ALTER TABLE orders ADD c' . scalar(@$more) . ' int');
	$registry->fault(kind => 'hang', match => 'POST');
	$run = start(@fail, '--sink', "$format=file:$dir/fail?registry=$url&registry.timeout.ms=600000", @$more);
	my $n = scalar($registry->requests(qr/POST/));
	sql('INSERT INTO orders (id) VALUES (5 + ' . scalar(@$more) . ')');
	ok(wait_until(60, sub { $registry->requests(qr/POST/) > $n }), 'a question that is never answered');
	kill 'TERM', pid_of($run);
	kill 'INT', pid_of($run) if @$more;
	is(ends($run), 130, 'a signal ends it');
	$registry->reset;
	($code, $err) = once(@fail, '--sink', $sink, @$more);
	is($code, 0, 'the next start goes on') or diag $err;
}
is(scalar(values_of("$dir/fail")), 4, 'each once');

# ---- incompatible: an error that says what to do, or letters

my @refuse = ('--slot', 'refuse', '--create', '--table', 'public.*', '--topic', 'refuse.{table}');
$sink = "$format=file:$dir/refuse?registry=$url";
is((once(@refuse, '--sink', $sink))[0], 0, 'another stream');
sql(q{INSERT INTO items VALUES (10, 1); ALTER TABLE items ADD refused_column int NOT NULL DEFAULT 0; INSERT INTO items VALUES (11, 2, 3); INSERT INTO orders (id) VALUES (12)});
($code, $err) = once(@refuse, '--sink', $sink);
is($code, 4, 'an incompatible change') or diag $err;
like($err, qr/the schema is incompatible with what subject "refuse\.items-value" has: Schema being registered is incompatible/, 'names subject and reason');
like($err, qr{allow the change for this subject, as with PUT \Q$url\E/config/refuse\.items-value}, 'and the remedy');
($code, $err) = once(@refuse, '--sink', $sink);
is($code, 4, 'it is met again');
my $asked = $registry->requests(qr/refuse\.items-value/);
sql("INSERT INTO items SELECT i, 1, 1 FROM generate_series(20, 29) i");
($code, $err) = once(@refuse, '--sink', "$sink&registry.refused=dead-letters", '--dead-letter', "file:$dir/letters");
is($code, 0, 'with dead letters the stream goes on') or diag $err;
my @letters = map { decode_json($_) } map { split /\n/, slurp($_) } sort glob("$dir/letters/*.ndjson");
is(scalar(@letters), 11, 'each message of that schema is a letter');
like($letters[0]{reason}, qr/incompatible with what subject/, 'with the reason');
is(unpack('H4', decode_base64($letters[0]{value})), 'c301', 'and the value as the stream had it');
is(scalar(values_of("$dir/refuse")), 2, 'the rest is in the sink');
is($registry->requests(qr/refuse\.items-value/) - $asked, 2, 'the registry was asked once for each schema');

# ---- what is wrong is said before anything is connected to, and no secret with it

foreach my $case (
	[ "json=null:?registry=$url", qr/format "json" have no schemas/ ],
	[ "$format=null:?registry.register=off", qr/needs registry=URL/ ],
	[ "$format=null:?registry=http://u:hunter2\@h/", qr/address of the registry/ ],
	[ "$format=null:?registry=$url&registry.password=hunter2", qr/go together/ ],
	[ "$format=null:?registry=$url&registry.no=1", qr/has no option "registry\.no"/ ])
{
	($code, $err) = once('--slot', 'refuse', '--sink', $case->[0]);
	is($code, 1, "$case->[0]") or diag $err;
	like($err, $case->[1], 'says why');
	unlike($err, qr/hunter2/, 'and no secret');
}
open(my $auth, '>', "$dir/auth") or die; print $auth "user:hunter2\n"; close($auth); chmod 0644, "$dir/auth";
sql("INSERT INTO orders (id) VALUES (40)");
($code, $err) = once('--slot', 'refuse', '--table', 'public.*', '--sink', "$format=file:$dir/auth.out?registry=$url&registry.auth.file=$dir/auth", '--allow-gap');
is($code, 4, 'a file that others may read') or diag $err;
like($err, qr/0600/, 'says its mode');
unlike($err, qr/hunter2/, 'and not what is in it');

$registry->stop;
done_testing();
