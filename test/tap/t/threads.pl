# Helper threads from outside: they block all signals, end with the statement, and
# leave nothing behind when it is cancelled or fails, a thousand times over.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Lake;
use ParquetFile;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $times = 1000;
my $rss_slack_kb = 8 * 1024;
my $canceled = qr/ERROR: +57014: +canceling statement/;

my $dir = PostgreSQL::Test::Utils::tempdir;
my $node = lake_node('threads', 'lakehouse.threads = 4', 'lakehouse.threads_min_size = 0', 'max_parallel_workers_per_gather = 0',
	# pages of 90 MB: with less there would be no room for helpers
	'work_mem = 1GB');
my $s = session($node);

# ---- data: many row groups; one of them noise; pages that take long

my @columns = ([ 'id', 'int64' ], [ 't', 'text' ]);
my @groups = map { my $g = $_; [ [ map { $g * 1000 + $_ } 1 .. 1000 ], [ map { "text $g $_" } 1 .. 1000 ] ] } 0 .. 7;
mkdir "$dir/$_" foreach 'good', 'mixed', 'slow';
write_parquet("$dir/good/$_.parquet", \@columns, \@groups) foreach 'a' .. 'd';
write_parquet("$dir/mixed/$_.parquet", \@columns, \@groups) foreach 'a' .. 'd';
{
	my $bytes = slurp_file("$dir/mixed/c.parquet");
	substr $bytes, index($bytes, pack('q<', 3001)) - 16, 16, "\xff" x 16;
	open(my $f, '>:raw', "$dir/mixed/c.parquet") or die;
	print $f $bytes;
	close($f);
}
# 20 million blocks without content: a second each, and no room on disk
write_page("$dir/slow/$_.parquet", codec => 'zstd', size => 32 << 20, values => 4 << 20,
	body => zstd_head(32 << 20), hole => 60_000_000, tail => zstd_runs(32 << 20)) foreach 'a' .. 'p';
$s->value(qq{
	CREATE FOREIGN TABLE good () SERVER lake OPTIONS (location '$dir/good');
	CREATE FOREIGN TABLE mixed () SERVER lake OPTIONS (location '$dir/mixed');
	CREATE FOREIGN TABLE slow () SERVER lake OPTIONS (location '$dir/slow');});
my $column = $s->value(q{SELECT attname FROM pg_attribute WHERE attrelid = 'slow'::regclass AND attnum = 1});

# ---- what threads look like while they run

# Status files of all threads but the leader's.
sub helpers
{
	my ($pid) = @_;
	return map { my $task = $_; my $text = eval { slurp_file("$task/status") }; $text ? ($text) : () }
		grep { !m{/$pid$} } glob("/proc/$pid/task/*");
}

# Signals 1 to 31 but KILL and STOP, which nobody can block; bit n - 1 is signal n.
sub blocks_all
{
	my ($status) = @_;
	my ($low) = $status =~ /^SigBlk:\s+[0-9a-f]{8}([0-9a-f]{8})$/m or return 0;
	my $all = 0x7fffffff & ~(1 << 8) & ~(1 << 18);
	return (hex($low) & $all) == $all;
}

sub rests
{
	my ($what) = @_;
	is($s->value('SELECT 1'), 1, "$what: the session lives on");
	is(threads($s->pid), 1, "$what: one thread");
	is_deeply([ grep { /\Q$dir|eventfd/ } open_files($s->pid) ], [], "$what: nothing is left open");
	return;
}

my $slow = "SELECT sum(\"$column\"), count(DISTINCT \"$column\") FROM slow";

$s->begin($slow);
ok(wait_until(60, sub { helpers($s->pid) == 3 }), 'three helpers beside the leader');
my @helpers = helpers($s->pid);
is(scalar(grep { blocks_all($_) } @helpers), scalar(@helpers), 'they block all signals');
is(scalar(grep { /^Name:\s+lakehouse$/m } @helpers), scalar(@helpers), 'and have a name');
ok(!blocks_all(slurp_file('/proc/' . $s->pid . '/task/' . $s->pid . '/status')), 'the leader does not');

# ---- cancelled in the middle of pages that are decompressed

$node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $s->pid . ')');
my ($out, $err) = $s->finish;
like($err, $canceled, 'cancel');
rests('cancel');

$s->value('SET statement_timeout = 500');
($out, $err) = $s->query($slow);
$s->value('SET statement_timeout = 0');
like($err, $canceled, 'statement_timeout');
rests('statement_timeout');

$s->begin($slow);
ok(wait_until(60, sub { helpers($s->pid) == 3 }), 'helpers again');
$node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . $s->pid . ')');
my $pid = $s->pid;
ok(wait_until(60, sub { !-e "/proc/$pid" }), 'a backend that is terminated ends with its helpers');
eval { $s->finish };
is($node->safe_psql('postgres', 'SELECT count(*), sum(id) FROM good'), '32000|128016000', 'and the server goes on');

# ---- over and over: no thread, no file, no memory stays

sub leaks_nothing
{
	my ($what, $expected, $sql) = @_;
	my $run = sub { my ($o, $e) = $s->query("$sql;\n" x $_[0]); return $e };
	my $first = $run->(100);
	like($first, $expected, "$what: fails as it should") if $expected;
	is($first, '', "$what: does not fail") unless $expected;
	my ($rss, $descriptors) = (scalar(rss_kb($s->pid)), scalar(grep { !m{/pgdata/} } open_files($s->pid)));
	$run->($times);
	is(scalar(grep { !m{/pgdata/} } open_files($s->pid)), $descriptors, "$what: as many descriptors as before");
	cmp_ok(scalar(rss_kb($s->pid)) - $rss, '<', $rss_slack_kb, "$what: the process does not grow");
	rests($what);
	return;
}

$s = session($node);
is(counter($s, 'SELECT sum(id), count(DISTINCT t) FROM good', 'Helper Threads'), 3, 'helpers for what follows');
leaks_nothing('answers', undef, 'SELECT FROM (SELECT sum(id) AS x, count(DISTINCT t) FROM good OFFSET 0) s WHERE x < 0');
leaks_nothing('errors', qr/ERROR: +XX001: /, 'SELECT sum(id), count(DISTINCT t) FROM mixed');

# the error is the one that a serial scan meets first
(undef, $err) = $s->query('SELECT sum(id) FROM mixed');
$s->value('SET lakehouse.threads = 1');
my (undef, $serial) = $s->query('SELECT sum(id) FROM mixed');
s/^psql:.*?: // foreach $err, $serial;
is($err, $serial, 'the same error as with one thread');
$s->quit;

done_testing();
