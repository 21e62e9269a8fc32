# Dictionaries of Parquet files that a session keeps: what statements read again, and
# when they must not.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Lake;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir;
my $file = "$dir/t.parquet";
my $node = lake_node('dictionary_cache', 'lakehouse.threads = 1', "session_preload_libraries = 'lakehouse'", 'max_parallel_workers_per_gather = 0');
my $rows = 80_000;
my $groups = 4;

# Files whose columns repeat 4,000 values: dictionaries of 32 kB and more.  The age is one that
# tells their content from what was written before and after.
sub make
{
	my ($path, $word, $age, %more) = @_;
	my $options = join '', map { ", $_ '$more{$_}'" } sort keys %more;
	$node->safe_psql('postgres', qq{
		SET max_parallel_workers_per_gather = 0;
		COPY (SELECT i::bigint AS id, (i::bigint * 7919 % 4000) * 1000003 AS n, '$word' || md5((i % 4000)::text) AS t, (i % 5)::text AS few
			FROM generate_series(0, $rows - 1) i) TO '$path.new' (FORMAT parquet, row_group_size @{[ $rows / $groups ]}$options)});
	my $then = time - $age;
	utime $then, $then, "$path.new" or die "utime: $!";
	rename "$path.new", $path or die "rename: $!";
	return;
}

sub table
{
	my ($s, $name, $path, $options) = @_;
	$s->value("DROP FOREIGN TABLE IF EXISTS $name; CREATE FOREIGN TABLE $name () SERVER lake OPTIONS (location '$path'" . ($options // '') . ')');
	return;
}

# (pages taken from the cache, dictionary pages read) of a statement
sub pages
{
	my ($s, $sql) = @_;
	my $plan = $s->value("EXPLAIN (ANALYZE, FORMAT JSON) $sql");
	return join ' ', map { $plan =~ /"$_": (\d+)/ ? $1 : '-' } 'Dictionary Cache Hits', 'Dictionary Pages Read';
}

# the same twice over, so that the second statement of each pair tells what the first left
sub warm { my ($s, $sql) = @_; $s->value($sql) for 1 .. 2; return }

make($file, 'one', 3600);
my $s = session($node);
table($s, 't', $file);
my $sum = 'SELECT sum(n) FROM t';
my $text = "SELECT count(*), min(t) FROM t WHERE t LIKE '%a%'";
my ($n, $t) = ($s->value($sum), $s->value($text));
is($n, 1000003 * 3999 * 4000 / 2 * $rows / 4000, 'the sum is that of the rows');

# ---- the third statement reads no dictionary, and its answers are the same

{
	my $new = session($node);
	my $plan = sub { counter($new, $sum, $_[0]) };
	is($plan->('Dictionary Pages Read'), $groups, 'the first statement reads all dictionaries');
	is($plan->('Dictionary Cache Hits'), 0, 'the second finds none: a table that is read once leaves nothing');
	is($plan->('Dictionary Cache Hits'), $groups, 'the third finds all');
	is($plan->('Dictionary Pages Read'), 0, 'and reads none');
	cmp_ok($plan->('Dictionary Cache Bytes'), '>=', $groups * 20_000, 'their bytes are counted');
	is($new->value($sum), $n, 'the answer is the same');
	warm($new, $text);
	is(pages($new, $text), "$groups 0", 'texts, too');
	is($new->value($text), $t, 'with the same answer');
	# as another type than before, from the same page
	table($new, 'as_text', $file);
	$new->value('ALTER FOREIGN TABLE as_text ALTER n TYPE text');
	is(counter($new, 'SELECT min(n) FROM as_text', 'Dictionary Cache Hits'), $groups, 'another type of the column: the same page');
	is($new->value('SELECT min(n), max(n) FROM as_text'), $new->value('SELECT min(n::text), max(n::text) FROM t'), 'and what is made of it is its own');
	warm($new, 'SELECT count(few) FROM t WHERE few <> \'3\'');
	is(counter($new, 'SELECT count(few) FROM t WHERE few <> \'3\'', 'Dictionary Cache Hits'), 0, 'small ones are not kept');
	$new->quit;
}

# ---- the same with threads, and as rows

for my $threads (2, 3)
{
	my $new = session($node);
	$new->value("SET lakehouse.threads = $threads");
	warm($new, $sum);
	is(pages($new, $sum), "$groups 0", "$threads threads");
	is($new->value($sum), $n, 'the sum');
	is($new->value('SELECT sum(n) FROM (SELECT n, t FROM t OFFSET 0) s'), $n, 'rows');
	is($new->value('SELECT sum(n) FROM (SELECT n, t FROM t OFFSET 0) s'), $n, 'rows again');
	$new->quit;
}

# ---- 0 keeps nothing, less keeps less

{
	my $new = session($node);
	$new->value('SET lakehouse.dictionary_cache = 0');
	warm($new, $sum);
	is(pages($new, $sum), "0 $groups", 'off: all are read');
	$new->value('SET lakehouse.dictionary_cache = \'64MB\'');
	warm($new, $sum);
	is(pages($new, $sum), "$groups 0", 'on: none');
	$new->value('SET lakehouse.dictionary_cache = \'80kB\'');
	my $hits = counter($new, $sum, 'Dictionary Cache Hits');
	cmp_ok($hits, '>', 0, 'room for some: some are found');
	cmp_ok($hits, '<', $groups, 'not all');
	is(counter($new, $sum, 'Dictionary Cache Hits'), $hits, 'the same number again: what is there stays');
	is($new->value($sum), $n, 'the sum');
	$new->value('SET lakehouse.dictionary_cache = 0');
	is(pages($new, $sum), "0 $groups", 'off again: they are gone');
	$new->quit;
}

# ---- a file that was replaced under its name

warm($s, $text);
is(pages($s, $text), "$groups 0", 'kept');
make($file, 'two', 1800);
my ($count, $min) = split /\|/, $s->value($text);
like($min, qr/^two/, 'replaced: the new texts');
is(pages($s, $text), "0 $groups", 'and the new dictionaries were read') or diag $min;
$s->value($text);
is(pages($s, $text), "$groups 0", 'which are kept in turn');
like($s->value($text), qr/\|two/, 'with the new texts');

# written again in place: same name, same inode
{
	make("$dir/three.parquet", 'six', 900);
	open(my $in, '<:raw', "$dir/three.parquet") or die;
	my $bytes = do { local $/; <$in> };
	my $inode = (stat $file)[1];
	open(my $out, '+<:raw', $file) or die;
	print $out $bytes;
	truncate($out, length $bytes) or die;
	close $out or die;
	is((stat $file)[1], $inode, 'the same inode');
	like($s->value($text), qr/\|six/, 'written in place: the new texts');
	# so young that it may be written again within a tick of the clock: not kept
	make("$dir/young.parquet", 'now', -3600);
	table($s, 'young', "$dir/young.parquet");
	warm($s, 'SELECT sum(n) FROM young');
	is(pages($s, 'SELECT sum(n) FROM young'), "0 $groups", 'a file that is too young is not kept');
}

# ---- checksums: who asks for them does not get a page that was not verified

make("$dir/crc.parquet", 'crc', 3600);
table($s, 'crc', "$dir/crc.parquet");
warm($s, 'SELECT sum(n) FROM crc');
is(pages($s, 'SELECT sum(n) FROM crc'), "$groups 0", 'without checksums');
$s->value('SET lakehouse.check_crc = on');
is($s->value('SELECT sum(n) FROM crc'), $n, 'with checksums: the sum');
is(counter($s, 'SELECT sum(n) FROM crc', 'Dictionary Cache Hits'), $groups, 'verified, they are kept');
$s->value('SET lakehouse.check_crc = off');
is(pages($s, 'SELECT sum(n) FROM crc'), "$groups 0", 'and serve who does not ask');

# ---- what is read uncompressed from this machine is not kept

make("$dir/none.parquet", 'none', 3600, compression => 'none');
table($s, 'plain', "$dir/none.parquet");
warm($s, 'SELECT sum(n) FROM plain');
is(pages($s, 'SELECT sum(n) FROM plain'), "0 $groups", 'uncompressed');

# ---- rights: a file is opened all the same

$s->value(q{CREATE ROLE reader; GRANT SELECT ON t TO reader; GRANT USAGE ON FOREIGN SERVER lake TO reader});
warm($s, $sum);
chmod 0, $dir or die;
my ($out, $err) = $s->query($sum);
like($err, qr/permission denied/i, 'a file that cannot be opened is not answered from the cache') if $> != 0;
chmod 0755, $dir or die;
is($s->value($sum), $n, 'opened again');

$s->quit;
$node->stop;
done_testing();
