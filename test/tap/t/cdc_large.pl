# Change streams of large things: a transaction far larger than the memory for it, a
# value of 100 MB, a table as wide as tables get, a long run of changes that nobody
# wants, and the end of a walsender or a function in the midst of it.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use IPC::Run;
use Lake;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir;
my $node = lake_node('cdc_large', 'wal_level = logical', 'max_wal_senders = 10', 'max_replication_slots = 10', 'logical_decoding_work_mem = 64kB',
	'autovacuum = off', 'shared_buffers = 32MB', 'max_wal_size = 4GB', 'fsync = off');
my $psql = session($node);

sub slot { my ($name) = @_; $psql->value("SELECT pg_create_logical_replication_slot('$name', 'lakehouse')"); return $name }
sub active { my ($slot) = @_; return $psql->value("SELECT coalesce(active_pid, 0) FROM pg_replication_slots WHERE slot_name = '$slot'") }

# Memory of a process that is its own, kB: what it has written to, shared buffers apart.
sub own_kb
{
	my ($pid) = @_;
	my $status = eval { slurp_file("/proc/$pid/status") } // return;
	return $status =~ /^RssAnon:\s+(\d+) kB/m ? $1 : undef;
}

# Read a slot through a walsender up to now; fn(line) for each, at most "most" lines.  The
# walsender's own memory at first and at most.
sub stream
{
	my ($slot, $fn, %params) = @_;
	$psql->value(q{SELECT pg_logical_emit_message(true, 'end', '')}) =~ /./;
	my $end = $psql->value('SELECT pg_current_wal_flush_lsn()');
	my @options = map { ('-o', $_) } @{ $params{options} // ['format=json'] };
	my ($floor, $most, $rest, $err) = (undef, 0, '', '');
	my $pid;
	my $run = IPC::Run::start([ $node->installed_command('pg_recvlogical'), '-d', $node->connstr('postgres'), '-S', $slot, '--start', '--endpos', $end, '--no-loop',
		'-F', '0', '-f', '-', @options ], '<', \undef, '>', sub {
			$rest .= $_[0];
			$pid //= active($slot);
			if ($pid) { my $kb = own_kb($pid); if ($kb) { $floor //= $kb; $most = $kb if $kb > $most } }
			if ($params{bytes}) { $fn->($rest); $rest = ''; return }
			while ((my $n = index($rest, "\n")) >= 0) { $fn->(substr($rest, 0, $n)); substr($rest, 0, $n + 1) = '' }
		}, '2>', \$err, IPC::Run::timeout($params{timeout} // 300));
	$run->finish;
	return ($floor // 0, $most, $err);
}

# ---- a transaction of 300 MB

$psql->value(q{CREATE TABLE t (id int, v text); ALTER TABLE t ALTER v SET STORAGE PLAIN});
slot('transaction');
$psql->value(q{INSERT INTO t SELECT g, repeat(chr(97 + g % 26), 3000) FROM generate_series(1, 100000) g});
my ($rows, $bytes) = (0, 0);
my ($floor, $most) = stream('transaction', sub { $bytes += length $_[0]; $rows += ($_[0] =~ tr/\n//) }, bytes => 1,
	options => [ 'format=json', 'schema.events=off', 'messages=off', 'batch=64kB' ]);
is($rows, 100000, 'all rows of a transaction of 300 MB');
cmp_ok($bytes, '>', 300_000_000, "$bytes bytes");
cmp_ok($most, '>', 0, 'the walsender was looked at');
cmp_ok($most, '<', $floor + 64 * 1024, "its memory stays below 64 MB: from $floor kB to $most kB");

# ---- a value of 100 MB

$psql->value(q{CREATE TABLE v (id int PRIMARY KEY, v text); ALTER TABLE v ALTER v SET STORAGE EXTERNAL});
slot('value');
$psql->value(q{INSERT INTO v SELECT 1, string_agg(md5(g::text), '') FROM generate_series(1, 3276800) g});
my $digest = $psql->value(q{SELECT md5(v), length(v) FROM v});
foreach my $format ('json', 'wal2json-v2', 'debezium-json')
{
	my $got = $psql->value(qq{SELECT md5(v), length(v) FROM (SELECT substr(data, strpos(data, '"v":"') + 5, 104857600) AS v FROM pg_logical_slot_peek_changes('value', NULL, NULL,
		'format', '$format', 'messages', 'off', 'schema.events', 'off', 'add-tables', 'public.v')) x}) if $format eq 'json';
	my $length = $psql->value(qq{SELECT max(length(data)) BETWEEN 104857600 AND 104860000 FROM pg_logical_slot_peek_changes('value', NULL, NULL, 'format', '$format',
		'add-tables', 'public.v')});
	is($length, 't', "$format: a value of 100 MB");
	is($got, $digest, 'with each of its bytes') if defined $got;
}
my $framed = $psql->value(q{SELECT sum(length(data)) BETWEEN 104857600 AND 104870000 FROM pg_logical_slot_peek_binary_changes('value', NULL, NULL, 'format', 'json',
	'frames', 'on')});
is($framed, 't', 'in frames');

# ---- 1,600 columns

my $wide = join(', ', map { "c$_ int" } 1 .. 1599);
$psql->value("CREATE TABLE wide (id int PRIMARY KEY, $wide)");
slot('wide');
$psql->value('INSERT INTO wide SELECT g, ' . join(', ', map { "g + $_" } 1 .. 1599) . ' FROM generate_series(1, 20) g');
$psql->value('UPDATE wide SET c800 = NULL WHERE id = 20');
my %value = (json => q(->'new'->>'c1599'), 'debezium-json' => q(->'after'->>'c1599'), 'wal2json-v2' => q(->'columns'->1599->>'value'),
	'wal2json-v1' => q(->'change'->19->'columnvalues'->>1599));
foreach my $format (sort keys %value)
{
	my $values = $psql->value(qq{SELECT max((data::jsonb$value{$format})::int) FROM pg_logical_slot_peek_changes('wide', NULL, NULL, 'format', '$format',
		'messages', 'off', 'write-in-chunks', 'off')});
	is($values, 20 + 1599, "$format: a table of 1,600 columns");
}
my $with_schema = $psql->value(q{SELECT count(*), bool_and(jsonb_array_length(data::jsonb->'schema'->'fields'->1->'fields') = 1600)
	FROM pg_logical_slot_peek_changes('wide', NULL, NULL, 'format', 'debezium-json', 'value.converter.schemas.enable', 'on', 'messages', 'off')});
is($with_schema, '21|t', 'and with its schema in each message');

# ---- a long run of what nobody wants: the receiver sees that we live

slot('skipped');
$psql->value(q{ALTER SYSTEM SET wal_sender_timeout = '1s'});
$psql->value('SELECT pg_reload_conf()');
$psql->value(q{CREATE TABLE unwanted (id int); INSERT INTO unwanted SELECT g FROM generate_series(1, 1500000) g; CREATE TABLE wanted (id int)});
$psql->value(q{INSERT INTO wanted VALUES (1)});
my @lines;
my (undef, undef, $err) = stream('skipped', sub { push @lines, $_[0] }, options => [ 'format=json', 'messages=off', 'schema.events=off', 'add-tables=public.wanted' ]);
is(scalar(@lines), 1, '1,500,000 changes that are not wanted, and one that is') or diag($err);
unlike(slurp_file($node->logfile), qr/terminating walsender process due to replication timeout/, 'within the time that the server waits for an answer');
$psql->value('ALTER SYSTEM RESET wal_sender_timeout');
$psql->value('SELECT pg_reload_conf()');

# ---- the end in the midst of it: the slot stays where it was, nothing is lost

slot('ended');
$psql->value(q{INSERT INTO wanted SELECT g FROM generate_series(1, 300000) g});
my $before = $psql->value(q{SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = 'ended'});
my $killed = 0;
(undef, undef, $err) = stream('ended', sub { $killed += $psql->value(q{SELECT count(pg_terminate_backend(active_pid)) FROM pg_replication_slots WHERE slot_name = 'ended'}) if !$killed },
	options => [ 'format=json', 'schema.events=off', 'messages=off', 'frames=on', 'zstd=on', 'batch=4kB' ], bytes => 1);
is($killed, 1, 'a walsender is ended while it sends');
like($err, qr/terminating connection due to administrator command/, 'and says so');
ok(wait_until(60, sub { !active('ended') }), 'it is gone');
is($psql->value(q{SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = 'ended'}), $before, 'the slot is where it was');
my $session = session($node);
$session->begin(q{SELECT count(*) FROM pg_logical_slot_get_changes('ended', NULL, NULL, 'format', 'json')});
ok(wait_until(60, sub { active('ended') == $session->{pid} }), 'a function decodes');
$psql->value("SELECT pg_cancel_backend($session->{pid})");
(undef, $err) = $session->finish;
like($err, qr/57014/, 'and is cancelled');
$session->value(q{SET statement_timeout = '50ms'});
(undef, $err) = $session->query(q{SELECT count(*) FROM pg_logical_slot_get_changes('ended', NULL, NULL, 'format', 'debezium-json', 'value.converter.schemas.enable', 'on')});
like($err, qr/57014/, 'by a timeout, too');
$session->value('RESET statement_timeout');
is($session->value(q{SELECT count(*) FROM pg_logical_slot_get_changes('ended', NULL, NULL, 'format', 'json', 'schema.events', 'off', 'messages', 'off')}), 300000,
	'after that all rows are there');
unlike(slurp_file($node->logfile), qr/PANIC|signal \d+:|TRAP/, 'nothing crashed');

$node->stop;
done_testing();
