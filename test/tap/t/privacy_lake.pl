# Objects of a foreign table with a policy, by other servers, endpoints and spellings: nobody whom the policy is for gets them, and
# nothing is even asked for.  Also without the library in shared_preload_libraries.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use File::Path qw(make_path);
use Lake;
use ParquetFile;
use PostgreSQL::Test::Utils;
use Stub;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir;
my $node = lake_node('privacy_lake', q{shared_preload_libraries = 'lakehouse'});

# ---- a bucket with people and other things, which is also on the web

my @columns = ([ 'id', 'int64' ], [ 'ssn', 'text' ]);
make_path("$dir/web/bucket/lake/people/city=Rome", "$dir/web/bucket/lake/free");
write_parquet("$dir/web/bucket/lake/people/city=Rome/a.parquet", \@columns, [ [ [ 1 .. 100 ], [ map { "raw-$_" } 1 .. 100 ] ] ]);
write_parquet("$dir/web/bucket/lake/free/b.parquet", \@columns, [ [ [ 1 .. 10 ], [ map { "open-$_" } 1 .. 10 ] ] ]);
my $s3 = Stub->start("$dir/web", '--s3', '--key', 'ALICE:alicesecret');
my $web = Stub->start("$dir/web");
my ($sp, $wp) = ($s3->port, $web->port);

sub server
{
	my ($name, $endpoint, $more) = @_;
	return qq{CREATE SERVER $name FOREIGN DATA WRAPPER lakehouse OPTIONS (allowed_locations 's3://bucket/, 127.0.0.1, localhost',
			endpoint '$endpoint', region 'eu-test-1'$more);
		CREATE USER MAPPING FOR PUBLIC SERVER $name OPTIONS (access_key_id 'ALICE', secret_access_key 'alicesecret');
		GRANT USAGE ON FOREIGN SERVER $name TO PUBLIC;};
}
$node->safe_psql('postgres', server('one', "http://127.0.0.1:$sp", '') . server('two', "http://localhost:$sp", q{, url_style 'path'}) . qq{
	CREATE ROLE masked LOGIN;
	CREATE ROLE clerk LOGIN;
	CREATE ROLE colleague LOGIN;
	GRANT CREATE ON SCHEMA public TO colleague;
	GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA lakehouse TO masked, clerk;
	CREATE FOREIGN TABLE people () SERVER one OPTIONS (location 's3://bucket/lake/people/*/*.parquet');
	GRANT SELECT ON people TO clerk;
	GRANT SELECT (id) ON people TO masked;
	SELECT lakehouse.policy_create('people', 'people', ARRAY['ssn', \$\$lakehouse.mask_partial(ssn, 0, 'X', 1)\$\$], for_roles => '{masked}');
	SET ROLE colleague;
	CREATE FOREIGN TABLE other (id bigint, ssn text) SERVER two OPTIONS (location 's3a://bucket/lake/people');
	GRANT SELECT ON other TO PUBLIC;});

# Output and errors of a query as a role, over a connection of its own.
sub as
{
	my ($role, $query) = @_;
	my ($out, $err);

	$node->psql('postgres', $query, stdout => \$out, stderr => \$err, extra_params => [ '-U', $role ]);
	return ($out, $err);
}

my %ways = (
	'another table, by another server and endpoint' => 'SELECT min(ssn) FROM other',
	'a function, by the same server' => q{SELECT min(ssn) FROM lakehouse.read('s3://bucket/lake/people', server => 'one') AS t(ssn text)},
	'an object' => q{SELECT min(ssn) FROM lakehouse.read('s3n://bucket/lake/people/city=Rome/a.parquet', server => 'two') AS t(ssn text)},
	'a pattern' => q{SELECT min(ssn) FROM lakehouse.read('s3://bucket/l*/p*/**', server => 'two') AS t(ssn text)},
	'the bucket' => q{SELECT min(ssn) FROM lakehouse.read('s3://bucket', server => 'two') AS t(ssn text)},
	'the web' => qq{SELECT min(ssn) FROM lakehouse.read('http://127.0.0.1:$wp/bucket/lake/people/city=Rome/a.parquet', server => 'one') AS t(ssn text)},
	'the web, escaped' => qq{SELECT min(ssn) FROM lakehouse.read('http://LOCALHOST:$wp/bucket/lake/pe%6fple/city%3DRome/a.parquet', server => 'two') AS t(ssn text)},
	'its name' => q{SELECT count(*) FROM lakehouse.list('s3://bucket/lake/people/', server => 'two')},
	'its statistics' => q{SELECT count(*) FROM lakehouse.parquet_column_chunks('s3://bucket/lake/people/city=Rome/a.parquet', server => 'two')},
	'what is not there' => q{SELECT min(ssn) FROM lakehouse.read('s3://bucket/lake/people/city=Oslo/a.parquet', server => 'two') AS t(ssn text)});

sub closed
{
	my ($when) = @_;

	foreach my $way (sort keys %ways)
	{
		$_->reset foreach $s3, $web;
		my ($out, $err) = as('masked', $ways{$way});
		like($err, qr/no right to read/, "$when: $way");
		unlike("$out$err", qr/raw-|Rome\/?"/, "$when: $way: nothing is told") unless $ways{$way} =~ /Rome/;
		is(scalar($s3->requests(qr{ /bucket/\S*\.parquet}), $web->requests(qr{parquet})), 0, "$when: $way: no object is asked for");
	}
	return;
}

is((as('masked', 'SELECT min(ssn), max(id) FROM people'))[0], 'X0|100', 'the table shows masks');
closed('masked');
foreach my $way (grep { !/its|not there|bucket/ } sort keys %ways)
{
	is((as('clerk', $ways{$way}))[0], 'raw-1', "who may read the table: $way");
}
is((as('masked', q{SELECT min(ssn) FROM lakehouse.read('s3://bucket/lake/free', server => 'two') AS t(ssn text)}))[0], 'open-1', 'what lies beside it is read');
like((as('colleague', 'SELECT min(ssn) FROM other'))[1], qr/no right to read/, 'nor does the owner of the other table read it');

# ---- the library is lost: the policy is not enforced, so its table is denied; its files stay closed

$node->append_conf('postgresql.conf', q{shared_preload_libraries = ''});
$node->restart;
like((as('masked', 'SELECT min(ssn) FROM people'))[1], qr/permission denied/, 'not preloaded: the table is denied');
closed('not preloaded');

$node->stop;
done_testing();
