# A partitioned table of 200 foreign tables: answers from metadata, pruning when a
# plan is made and when it runs, partitions that come and go, other attribute
# numbers, plans that are kept.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Lake;
use ParquetFile;
use PostgreSQL::Test::Utils;
use Test::More;

my $n = 200;
my $rows = 100;    # of a partition, in two row groups
my $dir = PostgreSQL::Test::Utils::tempdir;
my $node = lake_node('partitions');
my $s = session($node);

# Partition k has ids from k * 100, v = the 7th part of it, t = p and its number.
sub write_part
{
	my ($path, $k, $plus) = @_;
	write_parquet($path, [[ 'id', 'int64' ], [ 'v', 'int64' ], [ 't', 'text' ]],
		[ map {
			my @id = map { $k * $rows + $_ } @$_;
			[ \@id, [ map { int($_ / 7) + ($plus // 0) } @id ], [ ("p$k") x @id ] ]
		} [ 0 .. $rows / 2 - 1 ], [ $rows / 2 .. $rows - 1 ] ]);
	return;
}

# Every other one has its columns elsewhere, and one that was dropped.
sub create_part
{
	my ($k) = @_;
	my $options = "SERVER lake OPTIONS (location '$dir/$k.parquet')";
	return "CREATE FOREIGN TABLE p$k (id bigint, v bigint, t text) $options;" unless $k % 2;
	return qq{CREATE FOREIGN TABLE p$k (gone int, t text, id bigint, gone_too text, v bigint) $options;
		ALTER FOREIGN TABLE p$k DROP COLUMN gone, DROP COLUMN gone_too;};
}

sub attach
{
	my ($k) = @_;
	return sprintf 'ALTER TABLE parts ATTACH PARTITION p%d FOR VALUES FROM (%d) TO (%d);', $k, $k * $rows, ($k + 1) * $rows;
}

write_part("$dir/$_.parquet", $_) foreach 0 .. $n;
$s->value("CREATE TABLE parts (id bigint, v bigint, t text) PARTITION BY RANGE (id); CREATE TABLE heap (id bigint, v bigint, t text)");
$s->value(join "\n", map { create_part($_) . attach($_) } 0 .. $n - 1);
my $total = $n * $rows;
$s->value("INSERT INTO heap SELECT i, i / 7, 'p' || i / $rows FROM generate_series(0, $total - 1) i");

sub same
{
	my ($what, $query) = @_;
	my ($lake, $heap) = map { $s->value(sprintf $query, $_) } qw(parts heap);
	ok(length $heap, "$what: there is an answer");
	is($lake, $heap, "$what: as from a heap table");
	return;
}

# ---- answers from metadata

my $metadata = 'SELECT count(*), min(id), max(id), min(v), max(v), count(v) FROM parts';
$s->value('SET enable_partitionwise_aggregate = on');
is($s->value($metadata), join('|', $total, 0, $total - 1, 0, int(($total - 1) / 7), $total), 'metadata: the answer');
is(counter($s, $metadata, 'Files Answered from Metadata'), $n, 'metadata: of every file');
is(counter($s, $metadata, 'Pages Decoded'), 0, 'metadata: no page is decoded');
is(counter($s, $metadata, 'Footers Read'), 0, 'metadata: footers come from the cache');
is(counter($s, 'SELECT count(*) FROM parts WHERE v >= 0', 'Files Answered from Metadata'), $n, 'metadata: also with a condition that all pass');
my $half = 'SELECT count(*) FROM parts WHERE v >= ' . int($total / 14);
is($s->value($half), $s->value($half =~ s/parts/heap/r), 'metadata: a condition that half of the files pass');
cmp_ok(counter($s, $half, 'Pages Decoded'), '<=', 1, 'metadata: at most one page decides');
is(counter($s, $half, 'Files Pruned by Statistics') + counter($s, $half, 'Files Answered from Metadata'), $n - 1,
	'metadata: all other files are answered');
$s->value('SET lakehouse.require_vector = on');
same('partial aggregates', q{SELECT count(*), sum(id), avg(v), max(v + id), sum(length(t)) FROM %s WHERE t <> 'p17'});
$s->value('RESET lakehouse.require_vector');
$s->value('SET enable_partitionwise_aggregate = off');
same('without partitionwise aggregates', 'SELECT count(*), sum(id), avg(v), count(DISTINCT t) FROM %s');

# ---- pruning

sub scans { my ($plan) = @_; my @scans = $plan =~ /"Node Type": "Foreign Scan"/g; return scalar @scans }

my $range = 'SELECT count(*) FROM parts WHERE id BETWEEN 1000 AND 1099';
is(scans($s->value("EXPLAIN (FORMAT JSON) $range")), 1, 'pruned when planned');
is($s->value($range), 100, 'pruned when planned: the rows');
is(counter($s, 'SELECT id FROM parts WHERE v = 700', 'Files Pruned by Statistics'), $n - 1, 'pruned by statistics');

$s->value(q{
	SET plan_cache_mode = force_generic_plan;
	PREPARE one(bigint) AS SELECT id, v, t FROM parts WHERE id = $1;
	PREPARE several(bigint[]) AS SELECT id, t FROM parts WHERE id = ANY ($1) ORDER BY 1;
	PREPARE counted AS SELECT count(*), sum(v) FROM parts;
	PREPARE counted_from(bigint) AS SELECT count(*) FROM parts WHERE id >= $1;});
is($s->value('EXECUTE one(1234)'), '1234|176|p12', 'pruned when run');
is(counter($s, 'EXECUTE one(1234)', 'Files'), 1, 'pruned when run: one file');
is(counter($s, 'EXECUTE one(1234)', 'Subplans Removed'), $n - 1, 'pruned when run: the others are not begun');
is($s->value(q{EXECUTE several('{5, 1234, 19999, 70000}')}), "5|p0\n1234|p12\n19999|p199", 'an array: the rows');
# PostgreSQL does not prune partitions by an array parameter; statistics do
is(counter($s, q{EXECUTE several('{5, 1234, 19999, 70000}')}, 'Files Pruned by Statistics'), $n - 3, 'an array: three files are read');
is($s->value('EXECUTE one(NULL)') . $s->value('EXECUTE one(-1)'), '', 'no partition at all');

my $join = 'SELECT g, p.t FROM generate_series(50, 19950, 5000) g, LATERAL (SELECT t FROM parts WHERE id = g OFFSET 0) p';
is($s->value($join), "50|p0\n5050|p50\n10050|p100\n15050|p150", 'pruned for each row');
is(counter($s, $join, 'Files'), 4, 'pruned for each row: four files are opened');

# ---- order, limits, whole rows, joins

same('a condition of PostgreSQL', q{SELECT count(*), sum(id) FROM (SELECT id, v FROM %s WHERE id %% 1000 = 7 OFFSET 0) s});
is($s->value('SELECT count(DISTINCT tableoid), count(DISTINCT t) FROM parts'), "$n|$n", 'tableoid of every partition');
is($s->value('SELECT p FROM parts p WHERE id IN (42, 142)'), "(42,6,p0)\n(142,20,p1)", 'whole rows, whatever the partition\'s attributes');
is($s->value('SELECT id FROM parts ORDER BY id DESC LIMIT 2'), "19999\n19998", 'the last rows');
is(counter($s, 'SELECT id FROM parts LIMIT 250', 'Files'), 3, 'LIMIT stops after three partitions');
$s->value('SET enable_partitionwise_join = on');
is($s->value('SELECT count(*), sum(a.v) FROM parts a JOIN parts b USING (id) WHERE a.id % 97 = 0'),
	$s->value('SELECT count(*), sum(a.v) FROM heap a JOIN heap b USING (id) WHERE a.id % 97 = 0'), 'partitionwise join');

# ---- what is open at once

$s->value('BEGIN; DECLARE c CURSOR FOR SELECT id, t FROM parts');
is($s->value('MOVE 10050 IN c'), '', 'in the middle of a cursor');
my @open = grep { /\Q$dir/ } open_files($s->pid);
cmp_ok(scalar @open, '<=', $n, 'a partition that was read has at most its own file open');
$s->value('COMMIT');
is_deeply([ grep { /\Q$dir/ } open_files($s->pid) ], [], 'no file is open after the query');

# ---- partitions that come and go under prepared statements

my $sum = $s->value('SELECT sum(v) FROM heap');
is($s->value('EXECUTE counted'), "$total|$sum", 'prepared');
$s->value('ALTER TABLE parts DETACH PARTITION p5');
my $without = $s->value('SELECT count(*) || \'|\' || sum(v) FROM heap WHERE id / 100 <> 5');
is($s->value('EXECUTE counted'), $without, 'detached');
is($s->value('EXECUTE one(555)'), '', 'detached: its rows are gone');
is($s->value('SELECT count(*) FROM p5'), $rows, 'detached: the table is there');
$s->value('DROP FOREIGN TABLE p5;' . create_part(5) . attach(5));
is($s->value('EXECUTE counted'), "$total|$sum", 'attached');
is($s->value('EXECUTE one(555)'), '555|79|p5', 'attached: its rows are back');
$s->value(create_part($n) . attach($n));
is($s->value("EXECUTE counted_from($total)"), $rows, 'one more');
my $other = session($node);
$other->value("ALTER TABLE parts DETACH PARTITION p$n CONCURRENTLY");
is($s->value("EXECUTE counted_from($total)"), 0, 'detached by another session, concurrently');

# the plan knows names, the files are found when it runs
write_part("$dir/12.new", 12, 1000);
rename("$dir/12.new", "$dir/12.parquet");
is($s->value('EXECUTE one(1234)'), '1234|1176|p12', 'a partition whose file was replaced');
is($s->value('EXECUTE counted'), join('|', $total, $sum + 1000 * $rows), 'also in aggregates');
unlink "$dir/12.parquet";
is($s->value('EXECUTE one(1334)'), '1334|190|p13', 'a file that is gone hurts nobody who does not need it');
like(($s->query('EXECUTE one(1234)'))[1], qr{ERROR: +58P01: ".*/12.parquet" does not exist}, 'who needs it is told');
write_part("$dir/12.parquet", 12);
is($s->value('EXECUTE one(1234)'), '1234|176|p12', 'and not any more when it is back');
is($s->value('SELECT sum(custom_plans) FROM pg_prepared_statements'), 0, 'all plans were generic');

# ---- statistics

$s->value('ANALYZE parts');
is($s->value(q{SELECT reltuples FROM pg_class WHERE relname = 'parts'}), $total, 'ANALYZE of the whole');
is($s->value(q{SELECT n_distinct < 0 OR n_distinct > 150 FROM pg_stats WHERE tablename = 'parts' AND attname = 't'}), 't',
	'ANALYZE of a column over all partitions');

done_testing();
