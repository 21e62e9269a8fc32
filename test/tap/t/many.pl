# A table of 10,000 small files, and 50 sessions that read it at the same time:
# right answers, with bounded memory and few open files.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Lake;
use ParquetFile;
use PostgreSQL::Test::Utils;
use Test::More;

my $files = 10_000;
my $kinds = 4;
my $rows = 50;       # of a file
my $readers = 50;
my $threads = 2;     # of a session
# What a scan keeps open over rescans (LH_SCAN_KEEP_FILES), and the one it reads.
my $most_open = 33;
# Names and tasks of 10,000 files, batches, and what malloc and PostgreSQL add.
my $slack_kb = 32 * 1024;
my $cache_kb = 64 * 1024;    # lakehouse.footer_cache

my $dir = PostgreSQL::Test::Utils::tempdir;
my $node = lake_node('many', "lakehouse.threads = $threads");
my $s = session($node);

# Four different files under 2,500 names each.
my ($count, $sum) = (0, 0);
foreach my $k (0 .. $kinds - 1)
{
	my @id = map { $k * 1000 + $_ } 1 .. $rows;
	write_parquet("$dir/one", [[ 'id', 'int64' ], [ 't', 'text' ]], [[ \@id, [ map { "text $_" } @id ] ]]);
	link_many("$dir/one", "$dir/many/$k", $files / $kinds);
	$count += $rows * $files / $kinds;
	$sum += $_ * $files / $kinds foreach @id;
}
$s->value(qq{
	CREATE FOREIGN TABLE many () SERVER lake OPTIONS (location '$dir/many', filename_column 'file');
	SET lakehouse.require_vector = on});

# ---- one session

my @queries = (
	[ 'metadata', 'SELECT count(*), min(id), max(id) FROM many', "$count|1|3050" ],
	[ 'aggregates', 'SELECT count(t), sum(id) FROM many', "$count|$sum" ],
	[ 'a filter', q{SELECT count(*), count(DISTINCT t) FROM many WHERE t LIKE '%7' AND id > 1000}, 3 * 5 * $files / $kinds . '|15' ],
	[ 'rows', 'SELECT count(*), sum(id) FROM (SELECT * FROM many OFFSET 0) s', "$count|$sum" ],
	[ 'names', 'SELECT count(*), sum(length(file)) FROM many WHERE id = 1',
		$files / $kinds . '|' . $files / $kinds * length "$dir/many/0/f00000.parquet" ]);
foreach my $query (@queries)
{
	my ($what, $sql, $expected) = @$query;
	is($s->value($sql), $expected, "$what: the answer");
	is(counter($s, $sql, 'Files'), $files, "$what: of all files");
}
is(counter($s, $queries[0][1], 'Files Answered from Metadata'), $files, 'metadata answers for each file');
is(counter($s, 'SELECT id FROM many WHERE id = 2040', 'Files Pruned by Statistics'), $files * 3 / 4, 'statistics prune');
is(counter($s, q{SELECT id FROM many WHERE file LIKE '%/3/f00077.parquet'}, 'Files Pruned by Partition'), $files - 1,
	'names prune: one file is opened');
is(counter($s, 'SELECT id FROM many LIMIT 70', 'Files'), 2, 'LIMIT stops after two files');
is($s->value("SELECT count(*) FROM lakehouse.list('$dir/many')"), $files, 'lakehouse.list');

# ---- memory: a little for each file, once

my ($fresh, $before);
foreach my $limit (0, $cache_kb)
{
	my $what = $limit ? 'footers in the cache' : 'no cache';
	$fresh->quit if $fresh;
	$fresh = session($node);
	$fresh->value("SET work_mem = 64; SET lakehouse.footer_cache = $limit");
	$fresh->value('SELECT 1 FROM many LIMIT 1');
	$before = rss_kb($fresh->pid);
	is($fresh->value($_->[1]), $_->[2], "$what, little memory: $_->[0]") foreach @queries;
	my ($after, $peak) = rss_kb($fresh->pid);
	cmp_ok($peak - $before, '<', $slack_kb + $limit, "$what: the process stays small");
	foreach my $round (1 .. 3)
	{
		$fresh->value($_->[1]) foreach @queries;
	}
	cmp_ok(rss_kb($fresh->pid) - $after, '<', 8 * 1024, "$what: and does not grow");
}

# rescans keep some files open, no more
$fresh->begin('SELECT count(*) FROM generate_series(1, 5) g, LATERAL (SELECT id FROM many WHERE id > g AND t <> \'x\' || g OFFSET 0) s');
my $most = 0;
wait_until(10, sub { ($most = grep { /\Q$dir/ } open_files($fresh->pid)) > 0 });
for (1 .. 50)
{
	my $n = grep { /\Q$dir/ } open_files($fresh->pid);
	$most = $n if $n > $most;
	sleep(0.01);
}
my ($out, $err) = $fresh->finish;
is("$out$err", 5 * $count - (1 + 2 + 3 + 4 + 5) * $files / $kinds, 'rescans: the answer');
cmp_ok($most, '>', 0, 'rescans: files were seen open');
cmp_ok($most, '<=', $most_open, 'rescans: few of them at once');
is_deeply([ grep { /\Q$dir/ } open_files($fresh->pid) ], [], 'rescans: none afterwards');

# ---- 50 readers

# Each transaction asks one thing and fails when the answer is another.  All begin
# when the last has come.
my @scripts = map {
	my ($what, $sql, $expected) = @{ $queries[$_] };
	my $script = "$dir/script$_";
	my $columns = join ', ', map { "${_}::bigint" } split /\|/, $expected;
	append_to_file($script, "DO \$\$ BEGIN PERFORM pg_advisory_xact_lock_shared(1);\n" .
		"IF (SELECT s::text <> ROW ($columns)::text FROM ($sql) s) THEN RAISE 'wrong answer: $what'; END IF;\nEND \$\$;\n");
	('-f', "$script\@1");
} 0 .. $#queries;
my (%rss, %open);
my $watch = session($node);
$watch->value('SELECT pg_advisory_lock(1)');
my $bench = IPC::Run::start(
	[ $node->installed_command('pgbench'), '-n', '-c', $readers, '-j', 2, '-t', 2, @scripts, $node->connstr('postgres') ],
	'<', \undef, '>', \my $report, '2>', \my $complaints, my $timer = IPC::Run::timer(180));
ok(wait_until(120, sub { $bench->pump_nb; $watch->value('SELECT count(*) FROM pg_locks WHERE NOT granted') == $readers }),
	'readers: they are there at the same time');
$watch->value('SELECT pg_advisory_unlock(1)');
while ($bench->pumpable)
{
	$bench->pump_nb;
	my @pids = split /\n/, $watch->value("SELECT pid FROM pg_stat_activity WHERE query LIKE 'DO %' ORDER BY random()");
	foreach my $pid (@pids)
	{
		my $kb = eval { rss_kb($pid) } // 0;
		$rss{$pid} = $kb if $kb > ($rss{$pid} // 0);
	}
	# this stops them for a moment: not all of them again and again
	foreach my $pid (@pids > 5 ? @pids[0 .. 4] : @pids)
	{
		my $n = grep { /^\Q$dir\E.*\.parquet$/ } open_files($pid);
		$open{$pid} = $n if $n > ($open{$pid} // 0);
	}
	sleep(0.05);
}
$bench->finish;
is($bench->full_result(0), 0, 'readers: pgbench ends well') or diag($complaints);
like($report, qr{number of transactions actually processed: ${\($readers * 2)}/${\($readers * 2)}}, 'readers: all answers are right');
unlike($complaints, qr/wrong answer|ERROR|FATAL/, 'readers: nobody complains');
my ($largest) = sort { $b <=> $a } values %rss;
my ($widest) = sort { $b <=> $a } values %open;
# helper threads have heaps of their own
cmp_ok($largest, '<', $before + $cache_kb + 2 * $slack_kb, 'readers: each stays small');
# each thread goes through files of its own, one after the other
cmp_ok($widest, '>', 0, 'readers: files were seen open');
cmp_ok($widest, '<=', $threads, 'readers: each thread has one file open at a time');

ok(!$node->log_contains('TRAP|PANIC|terminated by signal|too many open files'), 'no process died, and none ran out of files');
done_testing();
