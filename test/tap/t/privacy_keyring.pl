# The keyring: providers asked through the worker, what happens when they or it do not answer,
# and that no key is seen where a dump, a log or another process would show it.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use File::Path qw(make_path);
use IO::Socket::INET;
use Lake;
use Memory;
use MIME::Base64;
use PostgreSQL::Test::Utils;
use Stub;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir;
my ($k1, $k2, $k3) = map { join '', map { sprintf '%02x', int rand 256 } 1 .. 32 } 1 .. 3;
my $token = 'token-' . substr($k1, 0, 12);

sub write_secret
{
	my ($name, $text) = @_;
	open(my $f, '>', "$dir/$name") or die "$name: $!";
	print $f $text;
	close($f);
	chmod 0600, "$dir/$name" or die;
	return "$dir/$name";
}

my $file = write_secret('keys.json', qq({"keys": {"app:1": "$k1", "app:3": "$k2"}}));
my $token_file = write_secret('token', "$token\n");
my $wrong_file = write_secret('wrong', "no-$token\n");
make_path("$dir/web");
my $vault = Stub->start("$dir/web", '--vault', $token);

# Words of the stub's Vault for tests.
sub vault
{
	my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $vault->port) or die "stub: $!";
	print $s "GET /_vault/$_[0] HTTP/1.1\r\nConnection: close\r\n\r\n";
	local $/;
	my $answer = <$s>;
	$answer =~ s/^.*?\r\n\r\n//s;
	return $answer;
}

my $node;
local $ENV{LAKEHOUSE_KEYS} = qq({"keys": {"env:2": "$k3"}});
local $ENV{LAKEHOUSE_OTHER} = 'stays';
$node = lake_node('keyring', q(shared_preload_libraries = 'lakehouse'), 'restart_after_crash = on', 'shared_buffers = 4MB',
	'wal_level = replica', 'max_wal_senders = 4');
my $s = session($node);
my $other = session($node);

sub worker { my ($column) = @_; return $s->value("SELECT $column FROM lakehouse.keyring_worker()") }

# The call for a kind, options and key.
sub check
{
	my ($kind, $options, $key) = @_;
	my $json = join ', ', map { qq("$_": "$options->{$_}") } sort keys %$options;
	return "SELECT latest || ' ' || oldest FROM lakehouse.key_provider_check('$kind', '{$json}', '$key')";
}

sub vault_check
{
	my ($more, $key) = @_;
	return check('vault', { address => $vault->url(''), token_file => $token_file, %{ $more // {} } }, $key // 'app');
}

sub fails
{
	my ($what, $session, $sql, @expected) = @_;
	my (undef, $err) = $session->query($sql);
	like($err, $_, $what) foreach @expected;
	return $err;
}

# ---- each kind, all that keys need

my $count = worker('requests');
is($s->value(check('file', { path => $file }, 'app')), '3 1', 'a file of keys');
is(worker('requests') - $count, 7, '... the worker was asked');
is($s->value(vault_check()), '1 1', 'Vault');
is($s->value(check('env', {}, 'env')), '2 2', 'the environment');
is(worker('failed || timed_out::text || abandoned || lost || waiting || running'), '000000', 'nothing else has happened');
fails('no such kind', $s, check('kms', {}, 'x'), qr/22023: there is no key provider "kms"/, qr/"file", "env", "vault", "awskms" and "pkcs11"/);
fails('no such key', $s, check('file', { path => $file }, 'none'), qr/has no version of key "none"/, qr/HINT:.*"none:1"/);
fails('no such option', $s, check('file', { path => $file, x => 1 }, 'app'), qr/22023: key provider "file" has no option "x"/);
fails('too long a request', $s, check('file', { path => '/' . 'x' x 9000 }, 'app'), qr/54000: a request to key provider "file" has more than 8192 bytes/);
fails('options are an object', $s, q(SELECT lakehouse.key_provider_check('file', '[1]', 'x')), qr/22023: options .* must be a JSON object/);
fails('options are flat', $s, q(SELECT lakehouse.key_provider_check('file', '{"path": {"a": "b"}}', 'x')), qr/22023: options .* must be texts or numbers/);
is($s->value(q(SELECT lakehouse.key_provider_check('file', '{}', NULL) IS NULL)), 't', 'null gives null');

# ---- rights

$s->value('CREATE ROLE ann LOGIN; GRANT USAGE ON SCHEMA lakehouse TO ann; GRANT EXECUTE ON FUNCTION lakehouse.key_provider_check TO ann');
my $ann = session($node, user => 'ann');
fails('only superusers name files and hosts, whatever was granted', $ann, check('file', { path => $file }, 'app'), qr/42501: only superusers check key providers/);
fails('nobody else looks at the worker', $ann, 'SELECT lakehouse.keyring_worker()', qr/42501/);
fails('... and at the cache', $ann, 'TABLE lakehouse.keyring_status', qr/42501/);
fails('... or sets how long others wait', $ann, q(SET lakehouse.key_timeout = '1h'), qr/42501/);
is($s->value('SELECT count(*) FROM lakehouse.keyring_status'), 0, 'checks leave no key behind');

# ---- what a provider says

fails('a wrong token', $s, vault_check({ token_file => $wrong_file }), qr/42501: key provider "vault" may not look at key "app" \(status 403\)/, qr/HINT:.*token must be valid/);
fails('a key that the token may not use', $s, vault_check({}, 'forbidden'), qr/42501: .*"forbidden"/);
fails('a key that is not there', $s, vault_check({}, 'missing'), qr/no such key or engine/);
my $closed = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1');
my $port = $closed->sockport;
close $closed;
fails('nobody there', $s, vault_check({ address => "http://127.0.0.1:$port", attempts => 1 }), qr/58030: .*127\.0\.0\.1/);
is(worker('failed'), 6, 'failures are counted');
is($s->value(vault_check()), '1 1', '... and Vault is asked again');
{
	my $logins = vault('logins');
	my %approle = (address => $vault->url(''), role_id_file => write_secret('role', "role-1\n"), secret_id_file => write_secret('secret', "secret-1\n"));
	is($s->value(check('vault', \%approle, 'app')), '1 1', 'a login by AppRole');
	is($s->value(check('vault', \%approle, 'app')), '1 1', '... twice');
	is(vault('logins') - $logins, 1, '... is one login: the provider stays open');
}

# ---- one that does not answer

my @hanging;

sub hang
{
	my ($n, $match) = @_;
	$vault->fault(kind => 'hang', match => $match // '/v1/transit');
	while (@hanging < $n)
	{
		push @hanging, session($node);
		$hanging[-1]->begin(vault_check());
	}
	return;
}

sub running { return worker(q(running || ' ' || waiting)) }

hang(6);
ok(wait_until(60, sub { running() eq '4 2' }), 'one provider has four threads, who else asks it waits') or diag running();
is($other->value(check('file', { path => $file }, 'app')), '3 1', 'another provider is not held up');
is($other->value(check('env', {}, 'env')), '2 2', '... nor a third');
$vault->reset;
is($other->value(vault_check({ mount => 'transit', attempts => 2 })), '1 1', '... nor the same kind with other settings');
is(running(), '4 2', '... while they go on waiting');

$s->value('SET lakehouse.key_timeout = 300');
fails('who waits for a thread is told so', $s, vault_check(), qr/58030: nobody asked key provider "vault" within 300 ms/, qr/DETAIL:.*All threads/);
$vault->fault(kind => 'hang', match => '/v1/transit');
fails('who waits for an answer as well', $s, vault_check({ attempts => 2 }), qr/58030: key provider "vault" did not answer within 300 ms/, qr/HINT:.*lakehouse\.key_timeout/);
is(worker('timed_out'), 2, 'both are counted');
$s->value('RESET lakehouse.key_timeout');

# cancelled, ended and killed while they wait
is($s->value("SELECT pg_cancel_backend(@{[ $hanging[0]->pid ]})"), 't', 'a cancel');
my (undef, $err) = $hanging[0]->finish;
like($err, qr/57014/, '... ends the wait');
is($s->value("SELECT pg_terminate_backend(@{[ $hanging[1]->pid ]}, 60000)"), 't', 'a backend is ended');
ok(wait_until(60, sub { running() eq '4 0' }), 'their threads serve those who waited') or diag running();
is(worker('abandoned'), 2, 'both are counted');
is($hanging[0]->value(check('file', { path => $file }, 'app')), '3 1', 'the cancelled one asks something else');

# ---- the worker ends

$vault->reset;
my $waiting = session($node);
hang(6);
$waiting->begin(vault_check());
ok(wait_until(60, sub { running() eq '4 1' }), 'four wait for an answer, one for a thread') or diag running();
my $pid = worker('pid');
$vault->reset;
kill('TERM', $pid);
foreach my $i (2 .. 5)
{
	(undef, $err) = $hanging[$i]->finish;
	like($err, qr/58030: the worker "lakehouse keys" ended while it asked key provider "vault"/, 'what it had begun fails');
	like($err, qr/HINT:.*repeat the statement/, '... with a hint');
}
my $out;
($out, $err) = $waiting->finish;
is("$out$err", '1 1', 'what it had not begun is done by the next one');
isnt(worker('pid'), $pid, '... which is another process');
is(worker('starts || lost::text'), '24', 'this is counted');
is($hanging[2]->value(vault_check()), '1 1', 'the statement repeated');
@hanging = ();

# ---- memory

my $postmaster = (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];
$vault->reset;
$vault->fault(kind => 'hang', match => '/v1/transit/encrypt');
$other->begin(vault_check());
ok(wait_until(60, sub { $vault->requests(qr{/v1/transit/encrypt}) > 0 && running() eq '1 0' }), 'a key is on its way to Vault');
my $key = decode_base64(vault('made'));
is(length $key, 32, '... and we know it');
my @hits = find_in($other->pid, $key);
cmp_ok(scalar(@hits), '>', 0, 'the backend that gave it has it');
is(scalar(grep { $_->{dumped} || $_->{shared} } @hits), 0, '... in secret memory alone: neither in shared memory nor in a core dump');
is(scalar(find_in($_, $key, pack('H*', $k1), pack('H*', $k2), pack('H*', $k3))), 0, 'no other process has it, nor keys that wrap keys')
  foreach $s->pid;
SKIP:
{
	skip('AddressSanitizer keeps a copy of the first environment', 3) if defined $ENV{ASAN_OPTIONS};
	is(scalar(grep { $_->{dumped} || $_->{shared} } find_in($_, $key, map { (pack('H*', $_), $_) } $k1, $k2, $k3)), 0, "process $_ would dump none")
	  foreach $postmaster, $s->pid, $other->pid;
}
is(scalar(find_in($_, $key)), 0, 'what is in shared memory is no key') foreach $postmaster;
ok((grep { $_->{shared} && !$_->{dumped} } mappings($postmaster)), 'dumps leave out the keyring');
ok(!readable(worker('pid')), 'nobody reads the memory of the worker');
ok(readable($s->pid), '... as that of others could be read');
$s->value("SELECT pg_cancel_backend(@{[ $other->pid ]})");
$other->finish;
is(scalar(find_in($other->pid, $key)), 0, 'cancelled, the backend has it no more');
$vault->reset;

# ---- the environment

sub environment { my ($what) = @_; return slurp_file("/proc/$what/environ") }

like(environment($postmaster), qr/LAKEHOUSE_OTHER=stays/, 'the environment of the server can be looked at');
foreach my $p ($postmaster, $s->pid)
{
	unlike(environment($p), qr/\Q$k3\E/, "... and has no key (process $p)");
}
$s->value('CREATE TEMP TABLE seen (line text)');
$s->value(q(COPY seen FROM PROGRAM 'tr "\000" "\n" < /proc/self/environ'));
is($s->value(q(SELECT count(*) FILTER (WHERE line ~ 'LAKEHOUSE_OTHER'), count(*) FILTER (WHERE line ~ 'LAKEHOUSE_KEYS') FROM seen)), '1|0', 'nor has a program of COPY');

# ---- the cache

sub cached { return $s->value('SELECT count(*) FROM lakehouse.keyring_status WHERE datname = current_database()') }

$s->value(qq{
	SELECT lakehouse.key_provider_create('dev', 'file', '{"path": "$file"}');
	SELECT lakehouse.key_provider_create('safe', 'vault', '{"address": "@{[ $vault->url('') ]}", "token_file": "$token_file"}');
	SELECT lakehouse.key_create('acme', 'domain', provider => 'safe', kek => 'app');
	SELECT lakehouse.key_create('cards', 'data', 'acme');
	SELECT lakehouse.key_verify(name) FROM lakehouse.key_list()});
is(cached(), 2, 'keys that were used are in shared memory');
my $asked = worker('requests');
is($other->value(q(SELECT lakehouse.key_verify('cards'))), 1, 'another session uses them');
is(worker('requests'), $asked, '... and nobody is asked');
cmp_ok(worker('cache_hits'), '>', 0, '... which is counted');
# the stub's Vault does not encrypt: what it wrapped tells the domain's key
my $wrapped = $s->value(q(SELECT convert_from(v.wrapped, 'UTF8') FROM lakehouse.key_versions v JOIN lakehouse.keys k USING (id) WHERE k.name = 'acme'));
my ($domain_key) = decode_base64($wrapped =~ s/^vault:v1://r) =~ /^app\|(.*)\|/;
$domain_key = substr(decode_base64($domain_key), -32);
is(length $domain_key, 32, 'a key that is in the cache, as we know it');
foreach my $p ($postmaster, $s->pid, $other->pid)
{
	my @seen = find_in($p, $domain_key);
	is(scalar(grep { $_->{dumped} || $_->{shared} } @seen), 0, "... is not in the memory of process $p");
}
$s->value(q(SELECT lakehouse.key_rotate('cards'); SELECT lakehouse.key_verify('cards')));
is(cached(), 3, 'a new version is there, too');
$s->value(q(SELECT lakehouse.key_retire('cards', 1)));
is(cached(), 2, '... and a retired one no more');
is($s->value(q(SELECT string_agg(version::text, ' ' ORDER BY version) FROM lakehouse.keyring_status JOIN lakehouse.keys ON id = key_id WHERE name = 'cards')), '2', '... the right one');

# room for some only
$node->append_conf('postgresql.conf', 'lakehouse.key_cache = 4');
$node->restart;
$s = session($node);
is(cached(), 0, 'a restart begins with none');
$s->value(q(SELECT lakehouse.key_create('more' || i, 'data', 'acme') FROM generate_series(1, 9) i));
$s->value(q(SELECT lakehouse.key_verify('cards'); SELECT lakehouse.key_verify('more' || i) FROM generate_series(1, 3) i));
is(cached(), 4, 'no more keys than there is room for');
sub is_cached { return $s->value("SELECT count(*) FROM lakehouse.keyring_status JOIN lakehouse.keys ON id = key_id WHERE name = '$_[0]'") }
is(is_cached('more3') . is_cached('acme'), '11', 'the last one is there, and what all need');
$s->value(q(SELECT lakehouse.key_verify('more2'); SELECT lakehouse.key_verify('more9')));
is(is_cached('more2') . is_cached('more9') . is_cached('more1'), '110', 'what was used longest ago goes first');
is($s->value(q(SELECT sum(lakehouse.key_verify(name)) FROM lakehouse.key_list())), 12, 'all can be used nevertheless');
$node->append_conf('postgresql.conf', 'lakehouse.key_cache = 0');
$node->restart;
$s = session($node);
is($s->value(q(SELECT sum(lakehouse.key_verify(name)) FROM lakehouse.key_list())), 12, 'without a cache as well');
is(cached(), 0, '... and none is kept');
$node->append_conf('postgresql.conf', 'lakehouse.key_cache = 1024');
$node->restart;
$s = session($node);
$postmaster = (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];

# ---- crashes

sub times_ready { return scalar(() = slurp_file($node->logfile) =~ /ready to accept connections/g) }

sub crash
{
	my ($what, $victim) = @_;
	my $before = times_ready();
	kill('KILL', $victim);
	# the victim may be gone before the postmaster has seen it
	ok(wait_until(120, sub { times_ready() > $before && is_up($node) }), "$what: the server comes back");
	$s = session($node);
	is($s->value(vault_check()), '1 1', "$what: keys are asked for");
	is($s->value(check('env', {}, 'env')), '2 2', "$what: the environment is known");
	is(worker('starts'), 1, "$what: counts begin anew");
	return;
}

crash('a worker killed', worker('pid'));
$vault->fault(kind => 'hang', match => '/v1/transit');
my $victim = session($node);
$victim->begin(vault_check());
ok(wait_until(60, sub { running() eq '1 0' }), 'a backend waits');
$vault->reset;
crash('a waiting backend killed', $victim->pid);
is(running(), '0 0', '... and nothing is left of it');

# ---- a standby

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('keyring_standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
my $reader = session($standby);
is($reader->value('SELECT pg_is_in_recovery()'), 't', 'a standby');
is($reader->value(vault_check()), '1 1', '... has a worker, too');
$reader->quit;
$standby->stop;

# ---- the log

my $log = slurp_file($node->logfile);
like($log, qr/background worker "lakehouse keys"/, 'the log tells of the worker');
my $made = encode_base64($key, '');
unlike($log, qr/\Q$_\E/, 'the log has no secret') foreach $k1, $k2, $k3, $token, unpack('H*', $key), $made;

# ---- a server whose cryptography is not what it should be

$node->stop;
write_secret('openssl.cnf', "openssl_conf = init\n[init]\nproviders = p\n[p]\nnull = n\n[n]\nactivate = 1\n");
{
	local $ENV{OPENSSL_CONF} = "$dir/openssl.cnf";
	my $before = -s $node->logfile;
	is($node->start(fail_ok => 1), 0, 'with an OpenSSL that knows no algorithm the server does not start');
	like(substr(slurp_file($node->logfile), $before), qr/FATAL:  self-test of \S+: the cryptographic library/, '... and says which one failed');
}

# ---- in single-user mode there is one process

my $single = run_single(check('file', { path => $file }, 'app'), vault_check());
like($single, qr/= "3 1".*= "1 1"/s, 'single-user mode asks providers itself') or diag $single;

sub run_single
{
	my @queries = @_;
	my ($stdout, $stderr) = ('', '');
	my $in = join '', map { "$_\n" } @queries;
	IPC::Run::run([ $node->installed_command('postgres'), '--single', '-D', $node->data_dir, 'postgres' ], '<', \$in, '>', \$stdout, '2>', \$stderr);
	return $stdout . $stderr;
}

# ---- without preloading

$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', q(''));
$node->start;
$s = session($node);
is($s->value(check('file', { path => $file }, 'app')), '3 1', 'not preloaded: the backend reads a file');
is($s->value(check('env', {}, 'env')), '2 2', '... and its environment');
$s->value('CREATE TEMP TABLE seen (line text)');
$s->value(q(COPY seen FROM PROGRAM 'tr "\000" "\n" < /proc/self/environ'));
is($s->value(q(SELECT count(*) FROM seen WHERE line ~ 'LAKEHOUSE_KEYS')), 0, '... which its programs see no more');
fails('no network from a backend', $s, vault_check(), qr/55000: key provider "vault" needs lakehouse in shared_preload_libraries/, qr/HINT:.*restart/);
fails('no keyring to look at', $s, 'TABLE lakehouse.keyring_status', qr/55000: there is no keyring/);
fails('no worker either', $s, 'SELECT lakehouse.keyring_worker()', qr/55000: there is no keyring/);

done_testing();
