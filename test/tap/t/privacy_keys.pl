# Keys under Vault: providers that fail, rotation under load, a kill while keys are wrapped anew,
# standbys, and a dump that is restored beside the same provider.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use File::Path qw(make_path);
use IO::Socket::INET;
use Lake;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Stub;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir;
my $kek = join '', map { sprintf '%02x', int rand 256 } 1 .. 32;
my $token = 'token-' . substr($kek, 0, 12);

sub write_secret
{
	my ($name, $text) = @_;
	open(my $f, '>', "$dir/$name") or die "$name: $!";
	print $f $text;
	close($f);
	chmod 0600, "$dir/$name" or die;
	return "$dir/$name";
}

my $token_file = write_secret('token', "$token\n");
my $wrong_file = write_secret('wrong', "no-$token\n");
my $file = write_secret('keys.json', qq({"keys": {"app:1": "$kek"}}));
make_path("$dir/web");
my $vault = Stub->start("$dir/web", '--vault', $token);

# Words of the stub's Vault for tests.
sub vault
{
	my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $vault->port) or die "stub: $!";
	print $s "GET /_vault/$_[0] HTTP/1.1\r\nConnection: close\r\n\r\n";
	local $/;
	return scalar(<$s>);
}

my $node = lake_node('keys', q(shared_preload_libraries = 'lakehouse'), 'restart_after_crash = on', 'wal_level = replica',
	'max_wal_senders = 4', q(log_statement = 'all'), 'max_connections = 30');
my $s = session($node);

sub fails
{
	my ($what, $session, $sql, @expected) = @_;
	my (undef, $err) = $session->query($sql);
	like($err, $_, $what) foreach @expected;
	return;
}

sub create_provider
{
	my ($name, %more) = @_;
	my %options = (address => $vault->url(''), token_file => $token_file, attempts => 1, %more);
	my $json = join ', ', map { qq("$_": "$options{$_}") } sort keys %options;
	return "SELECT lakehouse.key_provider_create('$name', 'vault', '{$json}')";
}

# name version/state/wrapped_under of all versions
sub versions
{
	my ($session) = @_;
	return $session->value(q(SELECT string_agg(format('%s %s/%s/%s', k.name, v.version, v.state, v.parent_version), ', ' ORDER BY k.name, v.version)
		FROM lakehouse.keys k JOIN lakehouse.key_versions v USING (id)));
}

sub verify_all { my ($session) = @_; return $session->value('SELECT sum(lakehouse.key_verify(name)) FROM lakehouse.key_list()') }

# ---- under Vault

$s->value(create_provider('vault'));
$s->value(create_provider('other', token_file => $wrong_file));
$s->value(qq(SELECT lakehouse.key_provider_create('dev', 'file', '{"path": "$file"}')));
$s->value($_) foreach
  q(SELECT lakehouse.key_create('acme', 'domain', provider => 'vault', kek => 'app')),
  q(SELECT lakehouse.key_create('cards', 'data', 'acme')),
  q(SELECT lakehouse.key_create('local', 'data', provider => 'dev', kek => 'app'));
is(versions($s), 'acme 1/active/1, cards 1/active/1, local 1/active/1', 'keys of a provider and of a parent');
is(verify_all($s), 3, '... can be had');
vault('rotate');
is($s->value(q(SELECT wrapped_under, newest, oldest FROM lakehouse.key_status('acme'))), '1|2|1', 'what the provider has is seen');
fails('credentials that are refused', $s, q(SELECT lakehouse.key_create('x', 'domain', provider => 'other', kek => 'app')), qr/42501: .*may not/);
fails('a key that Vault does not have', $s, q(SELECT lakehouse.key_create('x', 'domain', provider => 'vault', kek => 'missing')), qr/no such key/);
is($s->value(q(SELECT count(*) FROM lakehouse.key_list() WHERE name = 'x')), 0, '... leave no key behind');

# ---- the provider is down, slow, or has another key

# keys in shared memory are there for everybody; acme is, since cards was unwrapped
$vault->fault(kind => 'status', match => '/v1/transit', status => 503);
my $fresh = session($node);
is($fresh->value(q(SELECT lakehouse.key_verify('cards'))), 1, 'down: what is in shared memory is there');
is($fresh->value(q(SELECT lakehouse.key_rotate('cards'))), 2, '... and wraps');
fails('... what has to be asked for is not', $fresh, q(SELECT lakehouse.key_verify('acme')), qr/58030: .*503|58030/);
fails('... nor is a domain key rotated', $fresh, q(SELECT lakehouse.key_rotate('acme')), qr/58030/);
fails('... or wrapped anew', $fresh, q(CALL lakehouse.key_rewrap()), qr/58030/);
is($fresh->value(q(SELECT current FROM lakehouse.key_list() WHERE name = 'acme')), 1, 'the list asks nobody');
is($fresh->value(q(SELECT lakehouse.key_verify('local'))), 1, 'other providers are not affected');
$vault->reset;
is(verify_all($fresh), 4, 'it is back');
$vault->fault(kind => 'hang', match => '/v1/transit');
$fresh->value('SET lakehouse.key_timeout = 300');
fails('slow: an error in time', $fresh, q(SELECT lakehouse.key_verify('acme')), qr/58030: .*did not answer within 300 ms/, qr/version 1 of key "acme"|58030/);
$fresh->value('RESET lakehouse.key_timeout');
$fresh->begin(q(SELECT lakehouse.key_rotate('acme')));
ok(wait_until(60, sub { $s->value("SELECT count(*) FROM pg_locks WHERE pid = @{[ $fresh->pid ]} AND relation = 'lakehouse.keys'::regclass") > 0 }), 'a rotation waits for it');
is($s->value(q(SELECT lakehouse.key_verify('cards'))), 2, '... and stops no reader');
$s->value("SELECT pg_cancel_backend(@{[ $fresh->pid ]})");
my (undef, $err) = $fresh->finish;
like($err, qr/57014/, '... and ends when cancelled');
$vault->reset;
$s->value(q(UPDATE lakehouse.keys SET kek = 'elsewhere' WHERE name = 'acme'));
fails('wrong key', $s, q(SELECT lakehouse.key_verify('acme')), qr/ERROR: /);
$s->value(q(UPDATE lakehouse.keys SET kek = 'app' WHERE name = 'acme'));
is(verify_all($s), 4, 'the right one again');

# ---- rotation under load

my $script = "$dir/load.sql";
append_to_file($script, "SELECT lakehouse.key_verify('cards');\n");
my $rotate = "$dir/rotate.sql";
append_to_file($rotate, "SELECT lakehouse.key_rotate('cards');\n");
my $load = IPC::Run::start([ 'pgbench', '-n', '-c', 4, '-t', 60, '-f', "$script\@4", '-f', "$rotate\@1", '-d', $node->connstr('postgres') ],
	'<', \undef, '>', \my $out, '2>', \my $problems, IPC::Run::timeout(300));
my $rounds = 0;
while ($load->pumpable)
{
	$s->value(q(SELECT lakehouse.key_rotate('acme')));
	$s->value('CALL lakehouse.key_rewrap()');
	$rounds++;
	eval { $load->pump_nb };
	last unless $load->pumpable;
}
$load->finish;
is($? >> 8, 0, 'pgbench with rotations');
unlike($problems, qr/ERROR|aborted/, '... without an error') or diag $problems;
cmp_ok($rounds, '>', 0, "... while parents rotated and all was wrapped anew ($rounds times)");
is($s->value(q(SELECT count(*) = max(version) FROM lakehouse.key_versions JOIN lakehouse.keys USING (id) WHERE name = 'cards')), 't', 'versions follow each other');
$s->value('CALL lakehouse.key_rewrap()');
$s->value(q(SELECT lakehouse.key_retire('acme', version) FROM lakehouse.key_versions JOIN lakehouse.keys USING (id)
	WHERE name = 'acme' AND version < (SELECT current FROM lakehouse.key_list() WHERE name = 'acme') ORDER BY version));
is($s->value(q(SELECT current, active FROM lakehouse.key_list() WHERE name = 'acme')), ($rounds + 1) . '|1', 'old versions of the parent are retired');
is($s->value(q(SELECT lakehouse.key_verify('cards') = (SELECT count(*) FROM lakehouse.key_versions JOIN lakehouse.keys USING (id) WHERE name = 'cards'))), 't', '... and all of its keys can be had');

# ---- killed while keys are wrapped anew

$s->value(q(SELECT lakehouse.key_create('tenant' || i, 'domain', provider => 'vault', kek => 'app') FROM generate_series(1, 60) i));
my $before = $s->value(q(SELECT sum(1) FROM lakehouse.key_versions WHERE state <> 'destroyed'));
vault('rotate');
sub stale { return $_[0]->value(q(SELECT count(*) FROM lakehouse.keys JOIN lakehouse.key_versions v USING (id) WHERE kek = 'app' AND provider = 'vault' AND v.parent_version < 3)) }
my $all = stale($s);
cmp_ok($all, '>', 60, 'keys to wrap anew');
# a rewrap and the proof of it for each key: it stops for good somewhere in the third batch
sub wrapped_anew { return scalar($vault->requests(qr{/v1/transit/rewrap/app})) }
$vault->reset;
my $worker = session($node);
$worker->begin('CALL lakehouse.key_rewrap()');
ok(wait_until(60, sub { wrapped_anew() > 35 }), 'a run is under way');
$vault->fault(kind => 'hang', match => '/v1/transit/rewrap');
ok(wait_until(60, sub { $s->value(q(SELECT state || (done > 0)::text || (done < total)::text FROM lakehouse.key_progress ORDER BY job DESC LIMIT 1)) eq 'runningtruetrue' }),
	'its progress is seen') or diag $s->value('TABLE lakehouse.key_progress');
fails('one run at a time', $s, 'CALL lakehouse.key_rewrap()', qr/55006: keys are being wrapped anew/);
is($s->value(q(SELECT lakehouse.key_rotate('cards') > 0)), 't', 'other functions go on beside it');
kill('KILL', $worker->pid);
$worker->kill_client;
$node->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die;
ok(wait_until(60, sub { eval { $node->safe_psql('postgres', 'SELECT 1'); 1 } }), 'the server is up again');
$vault->reset;
$s = session($node);
is($s->value(q(SELECT state FROM lakehouse.key_progress ORDER BY job DESC LIMIT 1)), 'stopped', 'kill -9: what was stopped is seen');
my ($done, $left) = ($s->value('SELECT done FROM lakehouse.key_progress ORDER BY job DESC LIMIT 1'), stale($s));
cmp_ok($left, '>', 0, "... with $left versions left");
cmp_ok($left, '<', $all, '... of more');
$s->value('CALL lakehouse.key_rewrap()');
is(wrapped_anew(), $left, 'called again, it wraps what was left and no more');
is(stale($s), 0, '... all of it');
is($s->value(q(SELECT state, done = total, done >= ) . $all . q( FROM lakehouse.key_progress ORDER BY job DESC LIMIT 1)), 'finished|t|t', '... as one run');
vault('retire');
is(verify_all($s), $before + 1, 'Vault drops its old versions: nothing needs them');
is($s->value(q(SELECT DISTINCT oldest FROM lakehouse.key_status('acme'))), 3, '... and says so');

# ended in another way, the lock goes as well
vault('rotate');
$vault->fault(kind => 'hang', match => '/v1/transit/rewrap');
$worker = session($node);
$worker->begin('CALL lakehouse.key_rewrap()');
ok(wait_until(60, sub { wrapped_anew() > $left }), 'another run');
$s->value("SELECT pg_cancel_backend(@{[ $worker->pid ]})");
(undef, $err) = $worker->finish;
like($err, qr/57014/, '... is cancelled');
$vault->reset;
is(($worker->query(q(CALL lakehouse.key_rewrap('tenant1'))))[1], '', '... and the same session makes the next');
$s->value('CALL lakehouse.key_rewrap()');
is($s->value(q(SELECT count(*) FROM lakehouse.key_progress WHERE state <> 'finished')), 0, 'none is left over');

# ---- a standby

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);
my $r = session($standby);
is($r->value(q(SELECT lakehouse.key_verify('acme') + lakehouse.key_verify('local'))), 2 + $rounds, 'a standby reads keys');
my $n = $r->value(q(SELECT lakehouse.key_verify('cards')));
$s->value(q(SELECT lakehouse.key_rotate('cards')));
$node->wait_for_catchup($standby);
is($r->value(q(SELECT lakehouse.key_verify('cards'))), $n + 1, '... and sees a rotation');
fails('... and makes none', $r, q(SELECT lakehouse.key_rotate('cards')), qr/25006: cannot execute lakehouse.key_rotate\(\) (?:during recovery|in a read-only transaction)/);
fails('... nor wraps anew', $r, 'CALL lakehouse.key_rewrap()', qr/25006: cannot execute/);
$r->quit;
$standby->stop;

# ---- a dump, restored

$s->value(q(CREATE ROLE kadmin; SELECT lakehouse.right_grant('key_admin', 'kadmin')));
my $ids = q(SELECT string_agg(name || id, ',' ORDER BY name) FROM lakehouse.keys);
my $expected = [ $s->value($ids), versions($s), verify_all($s) ];
my $dump = "$dir/dump.sql";
$node->command_ok([ 'pg_dump', '-f', $dump, '-d', $node->connstr('postgres') ], 'a dump');
my $restored = PostgreSQL::Test::Cluster->new('restored');
$restored->init;
$restored->append_conf('postgresql.conf', q(shared_preload_libraries = 'lakehouse'));
$restored->start;
$restored->safe_psql('postgres', 'CREATE ROLE kadmin');
$restored->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, '-d', $restored->connstr('postgres') ], '... is restored');
my $t = session($restored);
is_deeply([ $t->value($ids), versions($t), verify_all($t) ], $expected, 'the same keys, and they can be had');
is($t->value(q(SELECT "right" || role || complete FROM lakehouse.rights)), 'key_adminkadmintrue', 'rights are restored');
$t->value('SET ROLE kadmin');
is($t->value(q(SELECT lakehouse.key_rotate('acme') - 1 = ) . ($rounds + 1)), 't', '... and work: rotation goes on');
$t->value('CALL lakehouse.key_rewrap()');
$t->value('RESET ROLE');
is(verify_all($t), $expected->[2] + 1, '... with all keys');
# the old database goes back to the dump: what shared memory has of later versions is not taken for theirs
$s->value(q(SELECT lakehouse.key_rotate('cards')));
is($s->value(q(SELECT lakehouse.key_verify('cards'))), $n + 2, 'a version after the dump');
$s->value('DROP EXTENSION lakehouse CASCADE');
$s->quit;
$node->command_ok([ 'psql', '-X', '-q', '-f', $dump, '-d', $node->connstr('postgres') ], 'the dump, where it came from');
$s = session($node);
is($s->value(q(SELECT lakehouse.key_verify('cards'))), $n + 1, '... is without it');
is($s->value(q(SELECT lakehouse.key_rotate('cards'), lakehouse.key_verify('cards')::text)), ($n + 2) . '|' . ($n + 2), '... and its next version of that number is another key');

# ---- nothing is seen

my $logs = join '', map { slurp_file($_) } $node->logfile, $restored->logfile, $standby->logfile;
cmp_ok(length $logs, '>', 1000, 'there are logs');
unlike($logs . slurp_file($dump), qr/\Q$kek\E|\Q$token\E/i, 'neither logs nor the dump have the key that wraps, or the token');

$s->quit;
$t->quit;
$restored->stop;
$node->stop;
$vault->stop;
done_testing();
