# Columns of Avro files that a session keeps: what statements read again, when they must not, and
# that the answers are the same.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Lake;
use Compress::Raw::Zlib;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir;
my $file = "$dir/t.avro";
my $node = lake_node('column_cache', 'lakehouse.threads = 1', "session_preload_libraries = 'lakehouse'", 'max_parallel_workers_per_gather = 0', 'work_mem = 16MB');
my $rows = 140_000;
my $groups = 3;

# ---- an Avro file, byte by byte

sub number
{
	my ($x) = @_;
	my $z = $x >= 0 ? $x * 2 : -$x * 2 - 1;
	my $out = '';
	while ($z >= 128) { $out .= chr(($z & 127) | 128); $z >>= 7 }
	return $out . chr $z;
}

sub text { return number(length $_[0]) . $_[0] }

my $schema = '{"type": "record", "name": "r", "fields": [{"name": "id", "type": "long"}, {"name": "n", "type": ["null", "long"]},'
	. '{"name": "t", "type": "string"}, {"name": "few", "type": {"type": "enum", "name": "e", "symbols": ["a", "b", "c"]}},'
	. '{"name": "d", "type": "double"}, {"name": "many", "type": {"type": "array", "items": "int"}}]}';

sub row
{
	my ($i, $word) = @_;
	return number($i) . ($i % 10 == 0 ? number(0) : number(1) . number($i * 7919 % 4000 * 1_000_003)) . text($i % 9 == 0 ? '' : "$word$i")
		. number($i % 3) . pack('d<', $i % 4 == 0 ? -0.0 : $i / 8) . number(0);
}

# The age is one that tells its content from what was written before and after.
sub make
{
	my ($path, $word, $age) = @_;
	my $sync = '0123456789abcdef';
	my $size = 1000;
	open(my $out, '>:raw', "$path.new") or die;
	print $out "Obj\1", number(2), text('avro.schema'), text($schema), text('avro.codec'), text('deflate'), number(0), $sync;
	for (my $from = 0; $from < $rows; $from += $size)
	{
		my ($deflate) = Compress::Raw::Zlib::Deflate->new(-WindowBits => -MAX_WBITS, -AppendOutput => 1);
		my $bytes = '';
		$deflate->deflate(join('', map { row($_, $word) } $from .. $from + $size - 1), $bytes);
		$deflate->flush($bytes);
		print $out number($size), number(length $bytes), $bytes, $sync;
	}
	close $out or die;
	my $then = time - $age;
	utime $then, $then, "$path.new" or die "utime: $!";
	rename "$path.new", $path or die "rename: $!";
	return;
}

sub table
{
	my ($s, $name, $path) = @_;
	$s->value("DROP FOREIGN TABLE IF EXISTS $name; CREATE FOREIGN TABLE $name () SERVER lake OPTIONS (location '$path', format 'avro')");
	return;
}

# (columns of groups taken from the cache, bytes decompressed) of a statement
sub kept
{
	my ($s, $sql) = @_;
	my $plan = $s->value("EXPLAIN (ANALYZE, FORMAT JSON) $sql");
	return join ' ', map { my $n = $plan =~ /"$_": (\d+)/ ? $1 : '-'; $_ eq 'Bytes Decompressed' && $n > 0 ? 'some' : $n } 'Column Cache Hits', 'Bytes Decompressed';
}

sub warm { my ($s, $sql) = @_; $s->value($sql) for 1 .. 2; return }

make($file, 'one', 3600);
my $s = session($node);
table($s, 't', $file);
my $sum = 'SELECT sum(n) FROM t';
my $all = q{SELECT count(*), count(n), sum(n), sum(id), min(t), max(t), count(nullif(t, '')), sum(d), count(few), min(md5(t || few)),
	count(*) FILTER (WHERE d::text = '-0') FROM t};
$s->value('SET lakehouse.column_cache = 0');
my ($n, $a) = ($s->value($sum), $s->value($all));
is(kept($s, $all), '0 some', 'off: all is read');
$s->value('RESET lakehouse.column_cache');
my $expected = 0;
$expected += $_ * 7919 % 4000 * 1_000_003 for grep { $_ % 10 } 0 .. $rows - 1;
is($n, $expected, 'the sum is that of the rows');

# ---- the third statement reads nothing but the header, and its answers are the same

{
	my $new = session($node);
	is(kept($new, $sum), '0 some', 'the first statement reads all');
	is(kept($new, $sum), '0 some', 'so does the second: a file that is read once leaves nothing');
	is(kept($new, $sum), "$groups 0", 'the third finds all');
	cmp_ok(counter($new, $sum, 'Bytes Read'), '<=', 2 * 65536, 'and reads the header');
	cmp_ok(counter($new, $sum, 'Column Cache Bytes'), '<', $rows * 6, 'what was kept is compact');
	is($new->value($sum), $n, 'the answer is the same');
	is($new->value($all), $a, 'more columns: read again');
	is($new->value($all), $a, 'and again');
	is(kept($new, $all), 5 * $groups . ' 0', 'then they are there');
	is($new->value($all), $a, 'with the same answer');
	is($new->value('SELECT n, t, few, d FROM t WHERE id = 70001'), join('|', 70001 * 7919 % 4000 * 1_000_003, 'one70001', 'c', 70001 / 8), 'a row');
	is($new->value('SELECT id FROM t OFFSET 65535 LIMIT 1'), 65535, 'a row at the border of groups');
	is($new->value('SELECT count(*) FROM t a JOIN t b USING (id) WHERE a.t = b.t AND a.few = b.few AND a.n IS NOT DISTINCT FROM b.n'), $rows, 'joined with itself');
	# as another type than before, from the same chunk
	table($new, 'as_text', $file);
	$new->value('ALTER FOREIGN TABLE as_text ALTER n TYPE text');
	is($new->value('SELECT min(n), max(n) FROM as_text'), $new->value('SELECT min(n::text), max(n::text) FROM t'), 'another type of the column');
	is(kept($new, 'SELECT min(n), max(n) FROM as_text'), "$groups 0", 'from what was kept');
	warm($new, 'SELECT sum(id), count(many) FROM t');
	is(kept($new, 'SELECT sum(id), count(many) FROM t'), '0 some', 'a list makes all be read');
	$new->quit;
}

# ---- with threads

for my $threads (2, 3)
{
	my $new = session($node);
	$new->value("SET lakehouse.threads = $threads; SET lakehouse.threads_min_size = 0");
	warm($new, $all);
	is(kept($new, $all), 5 * $groups . ' 0', "$threads threads");
	is($new->value($all), $a, 'the answer');
	$new->quit;
}

# ---- parallel workers are new processes: right, whatever they find

{
	my $new = session($node);
	$new->value('SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0');
	is($new->value('SELECT sum(n) FROM (SELECT n, t FROM t OFFSET 0) s'), $n, 'rows by workers') for 1 .. 4;
	$new->quit;
}

# ---- 0 keeps nothing, less keeps less

{
	my $new = session($node);
	warm($new, $all);
	$new->value(q{SET lakehouse.column_cache = '2MB'});
	warm($new, $all);
	my $hits = counter($new, $all, 'Column Cache Hits');
	is(counter($new, $all, 'Column Cache Hits'), $hits, 'room for some: what is there stays');
	cmp_ok($hits, '<', 5 * $groups, 'not all');
	is($new->value($all), $a, 'the answer');
	$new->value('SET lakehouse.column_cache = 0');
	is(kept($new, $all), '0 some', 'off: they are gone');
	$new->quit;
}

# ---- a work_mem in which nothing can be gathered

{
	my $new = session($node);
	$new->value(q{SET work_mem = '64kB'});
	is($new->value($all), $a, 'little memory') for 1 .. 3;
	$new->quit;
}

# ---- a file that was replaced under its name

warm($s, $sum);
is(kept($s, $sum), "$groups 0", 'kept');
make($file, 'two', 1800);
is(kept($s, $sum), '0 some', 'replaced: read');
like($s->value('SELECT max(t) FROM t'), qr/^two/, 'the new texts') for 1 .. 4;
make("$dir/young.avro", 'now', -3600);
table($s, 'young', "$dir/young.avro");
warm($s, 'SELECT sum(n) FROM young');
is(kept($s, 'SELECT sum(n) FROM young'), '0 some', 'a file that is too young is not kept');

# ---- rights: a file is opened all the same

warm($s, $sum);
chmod 0, $dir or die;
my ($out, $err) = $s->query($sum);
like($err, qr/permission denied/i, 'a file that cannot be opened is not answered from the cache') if $> != 0;
chmod 0755, $dir or die;
is($s->value($sum), $n, 'opened again');

$s->quit;
$node->stop;
done_testing();
