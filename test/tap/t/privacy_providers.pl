# Providers outside: AWS KMS (a stub of it, signatures checked) and a token by PKCS#11 (softhsm2), from SQL through
# the worker: keys are made, used, wrapped anew after a rotation, and survive a restart; nothing secret is in the log.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use File::Path qw(make_path);
use IO::Socket::INET;
use IPC::Run;
use Lake;
use PostgreSQL::Test::Utils;
use Stub;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir;
my $secret = 'kms-secret-' . int rand 1e9;
my $pin = 'pin-' . int rand 1e9;

sub write_secret
{
	my ($name, $text) = @_;
	open(my $f, '>', "$dir/$name") or die "$name: $!";
	print $f $text;
	close($f);
	chmod 0600, "$dir/$name" or die;
	return "$dir/$name";
}

my $credentials = write_secret('credentials', "[lake]\naws_access_key_id = AKID\naws_secret_access_key = $secret\n");
my $pin_file = write_secret('pin', "$pin\n");
make_path("$dir/web");
my $kms = Stub->start("$dir/web", '--kms', '--key', "AKID:$secret");

sub kms
{
	my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $kms->port) or die "stub: $!";
	print $s "GET /_kms/$_[0] HTTP/1.1\r\nConnection: close\r\n\r\n";
	local $/;
	my $answer = <$s>;
	$answer =~ s/^.*?\r\n\r\n//s;
	return $answer;
}

# ---- a token of software

my ($module) = grep { -r $_ } '/usr/lib/softhsm/libsofthsm2.so', glob('/usr/lib/*/softhsm/libsofthsm2.so');
my $has_tools = defined $module && -x '/usr/bin/softhsm2-util' && -x '/usr/bin/pkcs11-tool';
make_path("$dir/tokens");
$ENV{SOFTHSM2_CONF} = write_secret('softhsm2.conf', "directories.tokendir = $dir/tokens\nobjectstore.backend = file\nlog.level = ERROR\n");

sub run_quietly
{
	my $out;
	IPC::Run::run(\@_, '>&', \$out) or BAIL_OUT("@_[0 .. 2]: $out");
	return;
}

sub make_hsm_key
{
	my ($version) = @_;
	run_quietly('pkcs11-tool', '--module', $module, '--token-label', 'lake', '--login', '--pin', $pin, '--keygen', '--key-type', 'AES:32',
		'--label', 'app', '--id', sprintf('%02x', $version));
}

if ($has_tools)
{
	run_quietly(qw(softhsm2-util --init-token --free --label lake --pin), $pin, '--so-pin', 'so-pin');
	make_hsm_key(1);
}

my $node = lake_node('providers', q(shared_preload_libraries = 'lakehouse'), 'log_statement = all', 'log_min_messages = debug1');
my $s = session($node);

$s->value('CREATE ROLE teller LOGIN; GRANT USAGE ON SCHEMA lakehouse TO teller');

sub value_as_teller { return session($node, user => 'teller')->value($_[0]) }

sub fails
{
	my ($what, $sql, @expected) = @_;
	my (undef, $err) = $s->query($sql);
	like($err, $_, $what) foreach @expected;
	return;
}

# A tenant below the provider's key and tokens below that, through all that happens to keys.
sub lives
{
	my ($name, $rotate) = @_;

	$s->value("SELECT lakehouse.key_create('${name}_tenant', 'domain', provider => '$name', kek => 'app')");
	$s->value("SELECT lakehouse.key_create('${name}_key', 'data', '${name}_tenant')");
	$s->value("SELECT lakehouse.key_create('${name}_direct', 'data', provider => '$name', kek => 'app')");
	$s->value("SELECT lakehouse.domain_create('$name', 'digits', '${name}_key')");
	$s->value("SELECT lakehouse.domain_grant('$name', r, 'teller') FROM unnest('{tokenize,detokenize}'::text[]) r");
	my $token = value_as_teller("SELECT lakehouse.tokenize('4111111111111111', '$name')");
	like($token, qr/^(?!4111111111111111)\d{16}$/, "$name: a value becomes a token");
	my $under = "SELECT wrapped_under || ' of ' || newest FROM lakehouse.key_status('${name}_tenant')";
	is($s->value($under), '1 of 1', '... wrapped by the first version');
	$rotate->();
	is($s->value($under), '1 of 2', '... of two after a rotation outside');
	$s->value("CALL lakehouse.key_rewrap()");
	is($s->value($under), '2 of 2', '... wrapped anew by the newest');
	is($s->value("SELECT lakehouse.key_verify('${name}_direct')"), 1, '... a data key that it wraps itself, too');
	$node->restart;
	$s = session($node);
	is(value_as_teller("SELECT lakehouse.detokenize('$token', '$name')"), '4111111111111111', '... and tokens open after a restart');
	return;
}

# ---- AWS KMS

my %kms = (region => 'eu-central-1', endpoint => $kms->url(''), credentials_file => $credentials, profile => 'lake', attempts => 2);
my $options = '{' . join(', ', map { qq("$_": "$kms{$_}") } sort keys %kms) . '}';
$s->value("SELECT lakehouse.key_provider_create('kms', 'awskms', '$options')");
lives('kms', sub { kms('rotate') });
fails('kms: a key that is not there', q(SELECT lakehouse.key_create('x', provider => 'kms', kek => 'missing')), qr/there is no such key \(NotFoundException\)/);
$s->value(q(SELECT lakehouse.key_provider_alter('kms', '{"profile": "nobody"}')));
fails('kms: no such profile', q(SELECT lakehouse.key_create('x', provider => 'kms', kek => 'app')), qr/22023: credentials file .* has no .* in section \[nobody\]/);
$s->value(q(SELECT lakehouse.key_provider_alter('kms', '{"profile": "lake"}')));
write_secret('credentials', "[lake]\naws_access_key_id = AKID\naws_secret_access_key = no-$secret\n");
fails('kms: a wrong secret', q(SELECT lakehouse.key_create('x', provider => 'kms', kek => 'app')), qr/42501: .*the signature is wrong/, qr/HINT:.*credentials must be valid/);
write_secret('credentials', "[lake]\naws_access_key_id = AKID\naws_secret_access_key = $secret\n");
$kms->fault(kind => 'status', match => 'POST', status => 503);
fails('kms: out of service', q(SELECT lakehouse.key_create('x', provider => 'kms', kek => 'app')), qr/58030|could not/);
is(value_as_teller(q(SELECT lakehouse.detokenize(lakehouse.tokenize('4111111111111111', 'kms'), 'kms'))), '4111111111111111', '... what is in the keyring goes on');
$kms->reset;
my ($made) = kms('made');
like($made, qr/^[A-Za-z0-9+\/]{43,}=*$/, 'the key that the service wrapped last is known here');

# ---- PKCS#11

SKIP:
{
	skip 'softhsm2 or opensc is not here (apt-get install softhsm2 opensc)', 10 unless $has_tools;
	$s->value(qq(SELECT lakehouse.key_provider_create('hsm', 'pkcs11', '{"module": "$module", "token": "lake", "pin_file": "$pin_file"}')));
	lives('hsm', sub { make_hsm_key(2) });
	fails('hsm: a key that is not there', q(SELECT lakehouse.key_create('x', provider => 'hsm', kek => 'missing')), qr/has no key "missing"/);
	$s->value(q(SELECT lakehouse.key_provider_alter('hsm', '{"token": "other"}')));
	fails('hsm: no such token', q(SELECT lakehouse.key_create('x', provider => 'hsm', kek => 'app')), qr/found no token "other"/);
	$s->value(q(SELECT lakehouse.key_provider_alter('hsm', '{"token": "lake"}')));
	is($s->value(q(SELECT sign(lakehouse.key_create('after', provider => 'hsm', kek => 'app')))), 1, 'hsm: and well again');
}

# ---- who may, and what is said

$s->value('CREATE ROLE keeper LOGIN');
$s->value("SELECT lakehouse.right_grant('key_admin', 'keeper')");
my $keeper = session($node, user => 'keeper');
my (undef, $err) = $keeper->query(q(SELECT lakehouse.key_provider_create('mine', 'pkcs11', '{"module": "/tmp/x.so", "token": "x", "pin_file": "/tmp/x"}')));
like($err, qr/42501/, 'modules are named by superusers alone');

my $log = slurp_file($node->logfile);
my $dump = $node->safe_psql('postgres', q(SELECT string_agg(t::text, E'\n') FROM (SELECT * FROM lakehouse.key_versions) t));
foreach ([ $secret, 'the secret of the service' ], [ $pin, 'the PIN' ], [ $made, 'a data key' ])
{
	my ($text, $what) = @$_;
	ok(index($log, $text) < 0 && index($dump, $text) < 0, "$what is neither in the log nor in tables");
}

$kms->stop;
done_testing();
