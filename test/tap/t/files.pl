# Files that change under a table.  A scan gives the rows of the version it
# opened or an error that says so, never of two versions; a plan knows nothing of
# files; what is cached notices another file.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Lake;
use ParquetFile;
use POSIX ();
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir;
my $node = lake_node('files');
my $s = session($node);
my $changed = qr/ERROR: +55000: .*file ".*" changed while it was being read/;
my $groups = 30;
my $rows = 4000;

# Version n of a file: all its rows have v = n.  Large enough that it is read in
# many pieces; every version has the same size.
sub version
{
	my ($path, $n, %p) = @_;
	my $count = $p{rows} // $rows;
	write_parquet($path, [[ 'id', 'int64' ], [ 'v', 'int64' ], [ 't', 'text' ]],
		[ map { my $g = $_; [ [ map { $g * $count + $_ } 1 .. $count ], [ ($n) x $count ], [ ("text $n") x $count ] ] }
			0 .. ($p{groups} // $groups) - 1 ]);
	return;
}

# Put it in the place of another file: by rename, or into the same file.
sub replace { version("$_[0].new", $_[1]); rename("$_[0].new", $_[0]) or die; return }

sub copy_into
{
	my ($from, $to) = @_;
	my $bytes = slurp_file($from);
	sleep(0.02);    # file systems count time in ticks
	open(my $f, '+<:raw', $to) or die "$to: $!";
	print $f $bytes or die;
	close($f) or die;
	return;
}

version("$dir/1", 1);
version("$dir/2", 2);
is(-s "$dir/1", -s "$dir/2", 'versions have one size');

# ---- while a cursor is open

sub open_cursor
{
	version("$dir/cursor.parquet", 1);
	$s->value(qq{
		DROP FOREIGN TABLE IF EXISTS one;
		CREATE FOREIGN TABLE one () SERVER lake OPTIONS (location '$dir/cursor.parquet');
		BEGIN; DECLARE c CURSOR FOR SELECT id, v, t FROM one});
	is($s->value('FETCH 1 FROM c'), '1|1|text 1', 'the first row');
	return;
}

# The rest of the rows, or the error.
sub rest
{
	my ($out, $err) = $s->query('FETCH ALL FROM c');
	$s->query('ROLLBACK');
	return ($out, $err);
}

my $all_of_1 = join "\n", map { "$_|1|text 1" } 2 .. $groups * $rows;

sub reads_the_old_file
{
	my ($what, $change) = @_;
	open_cursor();
	$change->();
	my ($out, $err) = rest();
	is($err, '', "$what: no error");
	ok($out eq $all_of_1, "$what: the rows that were there when it was opened");
	return;
}

sub fails
{
	my ($what, $change) = @_;
	open_cursor();
	$change->();
	my ($out, $err) = rest();
	like($err, $changed, "$what: an error that says so");
	ok($out eq substr($all_of_1, 0, length $out), "$what: no other rows before it");
	return;
}

my $file = "$dir/cursor.parquet";
reads_the_old_file('replaced by rename', sub { replace($file, 2) });
reads_the_old_file('removed', sub { unlink $file });
fails('overwritten', sub { copy_into("$dir/2", $file) });
fails('touched', sub { sleep(0.02); utime(undef, undef, $file) });
fails('truncated', sub { truncate($file, 1_000_000) });
fails('truncated to nothing', sub { truncate($file, 0) });
fails('appended to', sub { sleep(0.02); append_to_file($file, 'x') });

# ---- the other files of a table, while its first is read

sub open_directory
{
	PostgreSQL::Test::Utils::system_or_bail('rm', '-rf', "$dir/many");
	mkdir "$dir/many";
	version("$dir/many/$_.parquet", 1) foreach 'a' .. 'c';
	$s->value(qq{
		DROP FOREIGN TABLE IF EXISTS many;
		CREATE FOREIGN TABLE many () SERVER lake OPTIONS (location '$dir/many');
		BEGIN; DECLARE c CURSOR FOR SELECT v FROM many});
	$s->value('FETCH 1 FROM c');
	return;
}

my $per_file = $groups * $rows;

open_directory();
replace("$dir/many/b.parquet", 2);
unlink "$dir/many/a.parquet";
version("$dir/many/d.parquet", 3);
{
	my ($out, $err) = rest();
	is($err, '', 'changes in a directory: no error');
	is_deeply(versions($out), { 1 => 2 * $per_file - 1, 2 => $per_file },
		'changes in a directory: the files of the start, each in one version');
}
open_directory();
unlink "$dir/many/b.parquet";
like((rest())[1], qr{ERROR: +58P01: ".*/many/b.parquet" does not exist}, 'a file that went before its turn: an error');
open_directory();
truncate("$dir/many/b.parquet", 0);
like((rest())[1], qr{ERROR: +XX001: .*/many/b.parquet}, 'a file that was emptied before its turn: an error');

# ---- between two reads of one query

# A cursor that reads a table of so many files four times.  After some rounds, of
# which each gives "each" rows, the last file becomes another.
sub rereads
{
	my ($what, %p) = @_;
	my $each = $p{each} // $p{files} * 10;
	PostgreSQL::Test::Utils::system_or_bail('rm', '-rf', "$dir/again");
	mkdir "$dir/again";
	version(sprintf("$dir/again/%02d.parquet", $_), 1, groups => 1, rows => 10) foreach 1 .. $p{files};
	$s->value(qq{
		DROP FOREIGN TABLE IF EXISTS again;
		CREATE FOREIGN TABLE again () SERVER lake OPTIONS (location '$dir/again');
		BEGIN; DECLARE c CURSOR FOR SELECT x FROM generate_series(1, 4) g, LATERAL ($p{query}) s(x)});
	my $before = $s->value('FETCH ' . $p{rounds} * $each . ' FROM c');
	$p{change}->(sprintf "$dir/again/%02d.parquet", $p{files});
	my ($out, $err) = rest();
	if ($p{error})
	{
		like($err, $p{error}, "$what: an error that says so");
		$each = 0;
	}
	else
	{
		is($err, '', "$what: no error");
	}
	my @rows = split /\n/, "$before\n$out";
	is(scalar(grep { $_ ne '1' } @rows), 0, "$what: no row of another version");
	cmp_ok(scalar @rows, '>=', 4 * $each, "$what: all rows");
	return;
}

my $again = sub { version("$_[0].new", 2, groups => 1, rows => 10); rename("$_[0].new", $_[0]) or die };
my $of_rows = 'SELECT v FROM again WHERE id > g - g OFFSET 0';
my $most = 'SELECT max(v) FROM again WHERE id > g - g AND t IS NOT NULL';
my $gone = qr{ERROR: +58P01: ".*/again/\d+.parquet" does not exist};

# after the first round only the file of a single one is still open, later up to 32 are
rereads('one file replaced', files => 1, rounds => 1, change => $again, query => $of_rows);
rereads('one file removed', files => 1, rounds => 1, change => sub { unlink $_[0] }, query => $of_rows);
# the columns of its only row group stay in memory: nothing is read again, so nothing can be mixed
rereads('one file touched', files => 1, rounds => 1, change => sub { sleep(0.02); utime(undef, undef, $_[0]) },
	query => $of_rows);
rereads('one file overwritten', files => 1, rounds => 1, query => $of_rows,
	change => sub { version("$_[0].new", 2, groups => 1, rows => 10); copy_into("$_[0].new", $_[0]); unlink "$_[0].new" });
rereads('two files that stay open, one touched', files => 2, rounds => 2, query => $of_rows, error => $changed,
	change => sub { sleep(0.02); utime(undef, undef, $_[0]) });
rereads('two files', files => 2, rounds => 1, change => $again, query => $of_rows, error => $changed);
rereads('two files, one removed', files => 2, rounds => 1, change => sub { unlink $_[0] }, query => $of_rows, error => $gone);
rereads('two files that stay open', files => 2, rounds => 2, change => $again, query => $of_rows);
rereads('more files than stay open', files => 40, rounds => 3, change => $again, query => $of_rows, error => $changed);
rereads('aggregates of one file', files => 1, rounds => 1, each => 1, change => $again, query => $most);
rereads('aggregates of two files', files => 2, rounds => 1, each => 1, change => $again, query => $most, error => $changed);
rereads('metadata of two files', files => 2, rounds => 1, each => 1, change => $again, error => $changed,
	query => 'SELECT max(v) FROM again WHERE id > -g');
rereads('lakehouse.read', files => 2, rounds => 1, change => $again, error => $changed,
	query => "SELECT v FROM lakehouse.read('$dir/again') AS t(v bigint, id bigint) WHERE id > g - g OFFSET 0");

# cursors that outlive their transaction, or go back
sub scrolls
{
	my ($what, $declare, @steps) = @_;
	PostgreSQL::Test::Utils::system_or_bail('rm', '-rf', "$dir/again");
	mkdir "$dir/again";
	version("$dir/again/$_.parquet", 1, groups => 1, rows => 10) foreach 1, 2;
	$s->value("BEGIN; DECLARE c $declare FOR SELECT v FROM again; FETCH 15 FROM c");
	$again->("$dir/again/2.parquet");
	my $out = join "\n", map { $s->value($_) } @steps;
	$s->value('CLOSE ALL; ROLLBACK');
	is_deeply(versions($out), { 1 => 20 }, $what);
	return;
}
sub versions { my %n; $n{$_}++ foreach grep { length } split /\n/, $_[0]; return \%n }
scrolls('a cursor that goes back', 'SCROLL CURSOR', 'MOVE ABSOLUTE 0 FROM c', 'FETCH ALL FROM c');
scrolls('a cursor WITH HOLD that goes back', 'SCROLL CURSOR WITH HOLD', 'COMMIT', 'MOVE ABSOLUTE 0 FROM c', 'FETCH ALL FROM c');
scrolls('a cursor WITH HOLD', 'NO SCROLL CURSOR WITH HOLD', 'COMMIT', 'FETCH ALL FROM c', q{SELECT 1 FROM generate_series(1, 15)});

# ---- between PREPARE and EXECUTE of a generic plan

PostgreSQL::Test::Utils::system_or_bail('rm', '-rf', "$dir/plan");
mkdir "$dir/plan";
version("$dir/plan/a.parquet", 1, groups => 2, rows => 10);
$s->value(qq{
	SET plan_cache_mode = force_generic_plan;
	CREATE FOREIGN TABLE plan () SERVER lake OPTIONS (location '$dir/plan', filename_column 'file');
	PREPARE rows AS SELECT v, count(*) FROM plan GROUP BY 1 ORDER BY 1;
	PREPARE at_least(bigint) AS SELECT v, id FROM plan WHERE id >= \$1 AND v < 9 ORDER BY 1, 2;
	PREPARE counted AS SELECT count(*), min(v), max(v), max(id) FROM plan;
	PREPARE pruned(bigint) AS SELECT count(*) FROM plan WHERE v = \$1;
	PREPARE named(text) AS SELECT count(*) FROM plan WHERE file LIKE \$1;
	PREPARE by_function(bigint) AS SELECT count(*), min(v), max(v)
		FROM lakehouse.read('$dir/plan') AS t(id bigint, v bigint) WHERE id <= \$1});

sub answers
{
	my ($what, %expected) = @_;
	foreach my $statement (sort keys %expected)
	{
		is($s->value("EXECUTE $statement"), $expected{$statement}, "$what: $statement");
	}
	is(counter($s, 'EXECUTE counted', 'Pages Decoded'), 0, "$what: metadata answers");
	return;
}
answers('one file', rows => '1|20', 'at_least(19)' => "1|19\n1|20", counted => '20|1|1|20', 'pruned(1)' => 20,
	'pruned(2)' => 0, q{named('%/b.parquet')} => 0, 'by_function(5)' => '5|1|1');
version("$dir/plan/b.parquet", 2, groups => 1, rows => 10);
answers('one more', rows => "1|20\n2|10", 'at_least(10)' => join("\n", (map { "1|$_" } 10 .. 20), '2|10'),
	counted => '30|1|2|20', 'pruned(2)' => 10, q{named('%/b.parquet')} => 10, 'by_function(5)' => '10|1|2');
rename("$dir/plan/b.parquet", "$dir/plan/x");
rename("$dir/plan/a.parquet", "$dir/plan/b.parquet");
rename("$dir/plan/x", "$dir/plan/a.parquet");
answers('swapped', rows => "1|20\n2|10", counted => '30|1|2|20', 'pruned(2)' => 10, q{named('%/b.parquet')} => 20);
unlink "$dir/plan/b.parquet";
answers('one less', rows => '2|10', 'at_least(10)' => '2|10', counted => '10|2|2|10', 'pruned(1)' => 0, 'pruned(2)' => 10,
	'by_function(5)' => '5|2|2');
like($s->value('EXPLAIN (FORMAT JSON) EXECUTE pruned(2)'), qr/"Vector Filter": "\(v = \$1\)"/, 'the plan is of the engine');
is($s->value('SELECT sum(generic_plans) > 10, sum(custom_plans) FROM pg_prepared_statements'), 't|0', 'and it is generic');
unlink "$dir/plan/a.parquet";
foreach my $statement ('counted', 'by_function(5)')
{
	like(($s->query("EXECUTE $statement"))[1], qr/ERROR: +58P01: /, "no file at all: an error of $statement");
}

# other types: the same plan, whose conditions the engine may no longer take
write_parquet("$dir/plan/a.parquet", [[ 'id', 'int32' ], [ 'v', 'int32' ], [ 't', 'text' ]], [[ [ 1, 2 ], [ 1, 7 ], [ 'a', 'b' ] ]]);
answers('narrower types', rows => "1|1\n7|1", 'at_least(2)' => '7|2', counted => '2|1|7|2', 'pruned(7)' => 1);
write_parquet("$dir/plan/a.parquet", [[ 'id', 'text' ], [ 'v', 'int64' ], [ 't', 'text' ]], [[ [ 'x', 'y' ], [ 1, 7 ], [ 'a', 'b' ] ]]);
like(($s->query('EXECUTE at_least(2)'))[1], qr/ERROR: /, 'a type that does not fit: an error');
write_parquet("$dir/plan/a.parquet", [[ 'v', 'int64' ]], [[ [ 5, 6 ] ]]);
like(($s->query('EXECUTE at_least(2)'))[1], qr/ERROR: +HV005: column "id" of "plan" is not in the files/, 'a column that is gone: an error');
is($s->value('EXECUTE rows'), "5|1\n6|1", 'what does not need it works');

# ---- the cache of footers

sub cached
{
	my ($what, $change, $expected) = @_;
	version("$dir/cache.parquet", 1, rows => 10);
	my $query = 'SELECT count(*), min(v), max(v) FROM cached';
	$s->value($query) foreach 1 .. 2;
	is(counter($s, $query, 'Footers Read'), 0, "$what: the cache answers");
	$change->("$dir/cache.parquet");
	is($s->value($query), $expected, "$what: it is noticed");
	my ($count, $v) = split /\|/, $expected;
	is($s->value('SELECT v, t, count(*) FROM cached GROUP BY 1, 2'), "$v|text $v|$count", "$what: also by rows");
	return;
}
version("$dir/cache.parquet", 1, rows => 10);
version("$dir/cache2", 2, rows => 10);
$s->value("CREATE FOREIGN TABLE cached () SERVER lake OPTIONS (location '$dir/cache.parquet')");
my $n = $groups * 10;
cached('another size', sub { version($_[0], 2, rows => 11) }, $groups * 11 . '|2|2');
cached('the same size', sub { copy_into("$dir/cache2", $_[0]) }, "$n|2|2");
cached('the same size and time, by rename', sub {
	my @time = (stat $_[0])[8, 9];
	version("$_[0].new", 2, rows => 10);
	utime(@time, "$_[0].new");
	rename("$_[0].new", $_[0]);
}, "$n|2|2");

# ---- a writer that replaces the file all the time

my $enough = "$dir/enough";
my $child = fork();
if ($child == 0)
{
	for (my $i = 0; !-e $enough && getppid() != 1; $i++)
	{
		link("$dir/" . (1 + $i % 2), "$dir/moving.new");
		rename("$dir/moving.new", "$dir/moving.parquet");
	}
	POSIX::_exit(0);
}
wait_until(60, sub { -e "$dir/moving.parquet" });
$s->value("CREATE FOREIGN TABLE moving () SERVER lake OPTIONS (location '$dir/moving.parquet')");
my %seen;
my $end = time() + 3;
# for three seconds, and longer where queries are slow
for (my $n = 0; $n < 20 || time() < $end; $n++)
{
	$seen{ $s->value('SELECT count(*), min(v) = max(v), count(DISTINCT t), sum(id) FROM moving') }++;
	$seen{ $s->value('SELECT count(*), min(v) = max(v), count(DISTINCT t), sum(id) FROM (SELECT * FROM moving OFFSET 0) s') }++;
}
append_to_file($enough, 'x');
waitpid($child, 0);
is_deeply([ keys %seen ], [ join '|', $per_file, 't', 1, $per_file * ($per_file + 1) / 2 ], 'each query sees one version');

done_testing();
