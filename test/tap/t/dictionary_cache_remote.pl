# Dictionaries of Parquet files in an object store that a session keeps: not fetched again,
# but only while the object is the same, and for whoever may read it.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use File::Copy;
use File::Path qw(make_path);
use Lake;
use PostgreSQL::Test::Utils;
use Stub;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir;
my $node = lake_node('dictionary_cache_remote', 'lakehouse.threads = 1', "session_preload_libraries = 'lakehouse'", 'max_parallel_workers_per_gather = 0');
my $rows = 80_000;
my $groups = 4;
make_path("$dir/s3/bucket/lake");
my $object = "$dir/s3/bucket/lake/t.parquet";

# A file whose columns repeat 4,000 values; an hour old.
sub make
{
	my ($path, $factor, $more) = @_;
	$more //= '';
	$node->safe_psql('postgres', qq{
		COPY (SELECT i::bigint AS id, (i::bigint * 7919 % 4000) * $factor AS n FROM generate_series(0, $rows - 1) i) TO '$path.new' (FORMAT parquet, row_group_size @{[ $rows / $groups ]}$more)});
	my $then = time - 3600 - $factor % 1000;
	utime $then, $then, "$path.new" or die "utime: $!";
	rename "$path.new", $path or die "rename: $!";
	return;
}

make($object, 1000003);
my $s3 = Stub->start("$dir/s3", '--s3', '--key', 'ALICE:alicesecret', '--key', 'BOB:bobsecret');
$node->safe_psql('postgres', qq{
	CREATE SERVER s3 FOREIGN DATA WRAPPER lakehouse OPTIONS (allowed_locations 's3://bucket/lake, 127.0.0.1', endpoint '@{[ $s3->url('') ]}');
	CREATE USER MAPPING FOR CURRENT_USER SERVER s3 OPTIONS (access_key_id 'ALICE', secret_access_key 'alicesecret');
	CREATE ROLE bob LOGIN;
	GRANT USAGE ON FOREIGN SERVER s3 TO bob;
	GRANT CREATE ON SCHEMA public TO bob;
	CREATE USER MAPPING FOR bob SERVER s3 OPTIONS (access_key_id 'BOB', secret_access_key 'bobsecret');
	CREATE FOREIGN TABLE t () SERVER s3 OPTIONS (location 's3://bucket/lake/t.parquet')});

my $sum = 'SELECT sum(n) FROM t';
my $s = session($node);

# (dictionaries from the cache, dictionary pages read) of a statement
sub pages
{
	my ($sql) = @_;
	my $plan = $s->value("EXPLAIN (ANALYZE, FORMAT JSON) $sql");
	return join ' ', map { $plan =~ /"$_": (\d+)/ ? $1 : '-' } 'Dictionary Cache Hits', 'Dictionary Pages Read';
}

sub right { my ($factor) = @_; return $factor * (3999 * 4000 / 2) * $rows / 4000 }

# ---- kept, and not fetched again

is($s->value($sum), right(1000003), 'the sum');
is($s->value($sum), right(1000003), 'again');
is(pages($sum), "$groups 0", 'the third statement takes all dictionaries from the cache');
$s3->reset;
is($s->value($sum), right(1000003), 'with the same answer');
my $asked = () = $s3->requests(qr{ /bucket/lake/t\.parquet});
cmp_ok($asked, '>', 0, 'whether the object is the same is asked each time');

# bytes of a statement: without the dictionaries' fewer than with them
sub bytes { my ($sql) = @_; return counter($s, $sql, 'Bytes Read') }
my $kept = bytes($sum);
$s->value('SET lakehouse.dictionary_cache = 0');
my $whole = bytes($sum);
cmp_ok($whole, '>', 3 * $kept, "$kept bytes are fetched instead of $whole");
$s->value('RESET lakehouse.dictionary_cache');
is($s->value($sum), right(1000003), 'kept anew') for 1 .. 2;

# ---- another object under the name: another ETag

make($object, 1000033);
is($s->value($sum), right(1000033), 'the object was replaced: the new sum');
is($s->value($sum), right(1000033), 'again');
is(pages($sum), "$groups 0", 'and its dictionaries are kept in turn');


# of the same size: only the ETag tells
{
	my $path = "$dir/s3/bucket/lake/u.parquet";
	make($path, 1000003, q{, compression 'none'});
	my $size = -s $path;
	$s->value('CREATE FOREIGN TABLE u () SERVER s3 OPTIONS (location $$s3://bucket/lake/u.parquet$$)');
	is($s->value('SELECT sum(n) FROM u'), right(1000003), 'a second object') for 1 .. 2;
	is(pages('SELECT sum(n) FROM u'), "$groups 0", 'kept');
	make($path, 1000033, q{, compression 'none'});
	is(-s $path, $size, 'another of the same size');
	is($s->value('SELECT sum(n) FROM u'), right(1000033), 'has its own sum');
}

# ---- rights: whoever may not read the object gets nothing kept

$s->value('CREATE FOREIGN TABLE of_bob () SERVER s3 OPTIONS (location $$s3://bucket/lake/t.parquet$$); ALTER FOREIGN TABLE of_bob OWNER TO bob');
is(pages('SELECT sum(n) FROM of_bob'), "0 $groups", 'what one fetched is not for another');
is($s->value('SELECT sum(n) FROM of_bob'), right(1000033), 'who reads it by his own mapping');
$s->value(q{ALTER USER MAPPING FOR bob SERVER s3 OPTIONS (SET secret_access_key 'wrong')});
my ($out, $err) = $s->query('SELECT sum(n) FROM of_bob');
like($err, qr/403|denied|Forbidden/i, 'with a wrong secret he gets an error, not what is kept');
is($s->value($sum), right(1000033), 'who may read it still does');

# ---- an object that is gone

unlink $object or die "unlink: $!";
($out, $err) = $s->query($sum);
like($err, qr/t\.parquet/, 'an object that is gone is an error that names it, whatever is kept');

$s->quit;
$s3->stop;
$node->stop;
done_testing();
