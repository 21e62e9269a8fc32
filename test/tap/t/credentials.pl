# Credentials through SQL: of user mappings over http and https, and those of the
# server process, which a role gets only where a superuser set credential_chain.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use File::Path qw(make_path);
use Lake;
use MIME::Base64;
use ParquetFile;
use PostgreSQL::Test::Utils;
use Stub;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir;
make_path("$dir/web/bucket");
write_parquet("$dir/web/one.parquet", [[ 'id', 'int64' ]], [[ [ 1 .. 100 ] ]]);
write_parquet("$dir/web/bucket/one.parquet", [[ 'id', 'int64' ]], [[ [ 1 .. 100 ] ]]);

my $basic = Stub->start("$dir/web", '--require', 'Basic ' . encode_base64('ann:p:w d', ''));
my $tls = Stub->start("$dir/web", '--require', 'Bearer good', '--tls', "$dir/ca.pem");
my $other = Stub->start("$dir/web", '--tls', "$dir/other.pem");
my $s3 = Stub->start("$dir/web", '--s3', '--key', 'ENV:envsecret:envtoken', '--key', 'PROFILE:profilesecret',
	'--key', 'ROLE:rolesecret:roletoken', '--key', 'OWN:ownsecret');
my $metadata = Stub->start("$dir/web", '--instance', 'lake-role', '--seconds', 3600, '--key', 'ROLE:rolesecret:roletoken');
my $ending = Stub->start("$dir/web", '--instance', 'lake-role', '--seconds', 30, '--key', 'ROLE:rolesecret:roletoken');

# What the server process has: its children inherit it.
append_to_file("$dir/profiles", "[default]\naws_access_key_id = NOBODY\naws_secret_access_key = x\n\n" .
	"# ours\n[lake]\naws_access_key_id=PROFILE\naws_secret_access_key\t= profilesecret \n[more]\naws_session_token = not ours\n");
local $ENV{AWS_ACCESS_KEY_ID} = 'ENV';
local $ENV{AWS_SECRET_ACCESS_KEY} = 'envsecret';
local $ENV{AWS_SESSION_TOKEN} = 'envtoken';
local $ENV{AWS_SHARED_CREDENTIALS_FILE} = "$dir/profiles";
local $ENV{AWS_PROFILE} = 'lake';
my $node = lake_node('credentials', "lakehouse.instance_metadata_endpoint = 'http://127.0.0.1:@{[ $metadata->port ]}'");

my $n = 'SELECT count(*) FROM';
my $s = session($node);

sub fails
{
	my ($what, $session, $sql, $expected) = @_;
	my (undef, $err) = $session->query($sql);
	like($err, $expected, $what);
	unlike($err, qr/secret\b|p:w d|roletoken/, "$what: says no secret");
	return;
}

# ---- user and password

my $url = $basic->url('/one.parquet');
$s->value(qq{
	CREATE ROLE ann LOGIN;
	CREATE ROLE ben LOGIN;
	CREATE SERVER basic FOREIGN DATA WRAPPER lakehouse OPTIONS (allowed_locations '$url');
	CREATE FOREIGN TABLE basic (id bigint) SERVER basic OPTIONS (location '$url');
	CREATE USER MAPPING FOR CURRENT_USER SERVER basic OPTIONS (user 'ann', password 'p:w d')});
is($s->value("$n basic"), 100, 'basic authentication');
is(scalar($basic->requests(qr/ - 127/)), 0, '... and no request goes without it');
$s->value(q{ALTER USER MAPPING FOR CURRENT_USER SERVER basic OPTIONS (SET password 'wrong')});
fails('a wrong password', $s, "$n basic", qr/ERROR: +42501: .*status 401/);
$s->value(q{DROP USER MAPPING FOR CURRENT_USER SERVER basic});
fails('no user mapping', $s, "$n basic", qr/ERROR: +42501: .*status 401/);

# ---- https: what ca_file names is trusted, and nothing else

my $secure = 'https://localhost:' . $tls->port . '/one.parquet';
my $unknown = 'https://localhost:' . $other->port . '/one.parquet';
$s->value(qq{
	CREATE SERVER tls FOREIGN DATA WRAPPER lakehouse OPTIONS (allowed_locations '$secure, $unknown', ca_file '$dir/ca.pem');
	CREATE USER MAPPING FOR CURRENT_USER SERVER tls OPTIONS (bearer_token 'good');
	CREATE FOREIGN TABLE tls (id bigint) SERVER tls OPTIONS (location '$secure');
	CREATE FOREIGN TABLE unknown (id bigint) SERVER tls OPTIONS (location '$unknown')});
is($s->value("$n tls"), 100, 'https with ca_file, and a bearer token over it');
$other->reset;
fails('https: a certificate of somebody else', $s, "$n unknown", qr/ERROR: .*(certificate|SSL)/i);
is(scalar($other->requests), 0, '... is sent nothing');
$s->value(q{ALTER SERVER tls OPTIONS (DROP ca_file)});
fails('https: without ca_file the system decides', $s, "$n tls", qr/ERROR: .*(certificate|SSL)/i);
$s->value(qq{ALTER SERVER tls OPTIONS (ADD ca_file '$dir/absent.pem')});
fails('https: a ca_file that is not there', $s, "$n tls", qr/ERROR: /);

# ---- the server's own credentials

my $location = 's3://bucket/one.parquet';
my $options = "allowed_locations '$location, 127.0.0.1', endpoint 'http://127.0.0.1:@{[ $s3->port ]}'";
$s->value(qq{
	CREATE SERVER nothing FOREIGN DATA WRAPPER lakehouse OPTIONS ($options);
	CREATE SERVER env FOREIGN DATA WRAPPER lakehouse OPTIONS ($options, credential_chain 'environment, profile, instance');
	CREATE SERVER profile FOREIGN DATA WRAPPER lakehouse OPTIONS ($options, credential_chain 'profile, environment');
	CREATE SERVER machine FOREIGN DATA WRAPPER lakehouse OPTIONS ($options, credential_chain 'instance');
	GRANT USAGE ON FOREIGN SERVER nothing, env, profile, machine TO ann, ben;
	GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA lakehouse TO ann, ben;
	CREATE USER MAPPING FOR ben SERVER env OPTIONS (access_key_id 'OWN', secret_access_key 'ownsecret')});
my ($ann, $ben) = (session($node, user => 'ann'), session($node, user => 'ben'));
sub rows_of { return "SELECT count(*) FROM lakehouse.read('$location', server => '$_[0]') AS t(id bigint)" }

# The keys that S3 saw.
sub keys_seen
{
	my %seen = map { /Credential=(\w+)$/ ? ($1 => 1) : ('none' => 1) } $s3->requests;
	return join ' ', sort keys %seen;
}

fails('without credential_chain nobody has them', $ann, rows_of('nothing'), qr/ERROR: +42501: .*status 403/);
foreach my $case ([ $ann, 'env', 'ENV' ], [ $ann, 'profile', 'PROFILE' ], [ $ann, 'machine', 'ROLE' ], [ $ben, 'env', 'OWN' ])
{
	my ($session, $server, $key) = @$case;
	$s3->reset;
	is($session->value(rows_of($server)), 100, "$server: rows");
	is(keys_seen(), $key, "$server: by the key $key");
}
fails('only a superuser sets credential_chain', $ann,
	q{CREATE SERVER mine FOREIGN DATA WRAPPER lakehouse OPTIONS (credential_chain 'environment')}, qr/ERROR: +42501/);

# ---- the machine's role

is(scalar($metadata->requests(qr{^PUT /latest/api/token })), 1, 'metadata: a token first');
is(scalar($metadata->requests), 3, '... and three requests in all');
$ann->value(rows_of('machine')) foreach 1 .. 3;
is(scalar($metadata->requests), 3, 'metadata: the session keeps the key');
is($s->value(rows_of('machine')), 100, 'metadata: another session');
is(scalar($metadata->requests), 6, '... asks for itself');

fails('only a superuser says where the service is', $ann, q{SET lakehouse.instance_metadata_endpoint = 'http://127.0.0.1:1'},
	qr/ERROR: +42501/);
fails('... or reads it', $ann, 'SHOW lakehouse.instance_metadata_endpoint', qr/ERROR: +42501/);
sub service { return $s->value("SET lakehouse.instance_metadata_endpoint = '" . $_[0]->url('') . "'") }
service($ending);
$s->value(rows_of('machine'));
my $first = $ending->requests;
$s->value(rows_of('machine'));
cmp_ok(scalar($ending->requests), '>', $first, 'metadata: a key that is about to end is asked for anew');

service($metadata);
foreach my $fault ([ 'no role', qr/ERROR: +42501: .*status 404/, kind => 'status', match => 'GET /latest/meta-data', status => 404 ],
	[ 'version 1 only', qr/ERROR: +42501: .*status 405/, kind => 'status', match => 'PUT', status => 405 ],
	[ 'a redirect', qr/ERROR: +42501: .*status 302/, kind => 'redirect', match => 'GET', arg => $metadata->url('/elsewhere') ],
	[ 'a role that is a path', qr/ERROR: +XX001: .*something else than a name/, kind => 'body', match => 'security-credentials/', arg => '../../x' ],
	[ 'no JSON', qr/ERROR: +XX001: .*names no AccessKeyId/, kind => 'body', match => 'lake-role', arg => 'oops secret' ],
	[ 'no time', qr/ERROR: +XX001: .*no time/, kind => 'body', match => 'lake-role',
		arg => '{"AccessKeyId": "a", "SecretAccessKey": "b", "Token": "c", "Expiration": "soon"}' ])
{
	my ($what, $error, @fault) = @$fault;
	$metadata->reset;
	$metadata->fault(@fault);
	my $fresh = session($node);
	fails("metadata: $what", $fresh, rows_of('machine'), $error);
	is(scalar($metadata->requests(qr/elsewhere/)), 0, "metadata: $what: nothing is followed");
	$metadata->reset;
	is($fresh->value(rows_of('machine')), 100, "metadata: $what: the next statement may succeed");
	$fresh->quit;
}
ok(!$node->log_contains('rolesecret|envsecret|profilesecret|roletoken'), 'the log has no secret');

done_testing();
