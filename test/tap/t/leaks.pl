# Whatever ends a scan early, a thousand times over: no descriptor, no thread and
# no memory stays with the session.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Lake;
use ParquetFile;
use PostgreSQL::Test::Utils;
use Test::More;

my $times = 1000;
# What may come and go with malloc and PostgreSQL's own caches.
my $rss_slack_kb = 8 * 1024;
my $context_slack = 512 * 1024;

my $dir = PostgreSQL::Test::Utils::tempdir;
my $node = lake_node('leaks');

# ---- files: a good one, and one whose third of four row groups is noise

my @columns = ([ 'id', 'int64' ], [ 't', 'text' ]);
my @groups = map { my $g = $_; [ [ map { $g * 1000 + $_ } 1 .. 1000 ], [ map { "text $g $_" } 1 .. 1000 ] ] } 0 .. 3;
mkdir "$dir/good";
mkdir "$dir/mixed";
write_parquet("$dir/good/$_.parquet", \@columns, \@groups) foreach 'a' .. 'c';
write_parquet("$dir/mixed/$_.parquet", \@columns, \@groups) foreach 'a' .. 'c';
{
	my $bytes = slurp_file("$dir/mixed/b.parquet");
	my $at = index $bytes, pack('q<', 2001);
	substr $bytes, $at - 16, 16, "\xff" x 16;    # the page header before the first value
	open(my $f, '>:raw', "$dir/mixed/b.parquet") or die;
	print $f $bytes;
	close($f);
}
$node->safe_psql('postgres', qq{
	CREATE FOREIGN TABLE good () SERVER lake OPTIONS (location '$dir/good');
	CREATE FOREIGN TABLE mixed () SERVER lake OPTIONS (location '$dir/mixed');
	CREATE SERVER based FOREIGN DATA WRAPPER lakehouse OPTIONS (base_directories '$dir/mixed');
	CREATE ROLE based LOGIN;
	GRANT USAGE ON FOREIGN SERVER based TO based;
	GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA lakehouse, pg_catalog TO based;
	GRANT SELECT ON pg_backend_memory_contexts TO based;
	CREATE TABLE heap AS SELECT i FROM generate_series(1, 20) i;
	CREATE FUNCTION fails_at(n bigint, at bigint) RETURNS bigint LANGUAGE plpgsql AS
		\$\$ BEGIN IF n = at THEN RAISE EXCEPTION 'at %', at; END IF; RETURN n; END \$\$;});

# ---- what a session holds

sub holdings
{
	my ($s) = @_;
	my $contexts = $s->value(q{
		SELECT sum(used_bytes) FROM pg_backend_memory_contexts});
	my $ours = $s->value(q{
		SELECT coalesce(string_agg(name, ', '), 'none') FROM pg_backend_memory_contexts WHERE name LIKE 'lakehouse %' AND name <> 'lakehouse policies'});
	return {
		files => [ grep { /\Q$dir/ } open_files($s->pid) ],
		# but for PostgreSQL's relations
		descriptors => scalar(my @rest = grep { !m{/pgdata/} } open_files($s->pid)),
		threads => threads($s->pid),
		rss => scalar(rss_kb($s->pid)),
		contexts => $contexts,
		ours => $ours,
	};
}

# Run it some times, look, run it a thousand times, look again.
sub leaks_nothing
{
	my ($what, $expected, $sql, %params) = @_;
	my $s = session($node, %params);
	my $n = $params{scans} // 1;
	my $run = sub {
		my ($count) = @_;
		my ($out, $err) = $s->query(join '', ("$sql;\n") x ($count / $n));
		return $err;
	};
	my $err = $run->(100);
	like($err, $expected, "$what: fails as it should") if $expected;
	is($err, '', "$what: does not fail") unless $expected;
	my $before = holdings($s);
	$run->($times);
	my $after = holdings($s);
	is_deeply($after->{files}, [], "$what: no file stays open");
	is($after->{descriptors}, $before->{descriptors}, "$what: as many descriptors as before");
	is($after->{threads}, 1, "$what: one thread");
	is($after->{ours}, 'none', "$what: no memory context of ours is left");
	cmp_ok($after->{contexts} - $before->{contexts}, '<', $context_slack, "$what: memory contexts do not grow");
	cmp_ok($after->{rss} - $before->{rss}, '<', $rss_slack_kb, "$what: the process does not grow");
	$s->quit;
	return;
}

my $corrupt = qr/ERROR: +XX001: /;

# the file breaks in the middle of the scan
leaks_nothing('rows', $corrupt, 'SELECT count(*) FROM (SELECT * FROM mixed OFFSET 0) s WHERE id + 1 > 0');
leaks_nothing('aggregates', $corrupt, 'SELECT sum(id), count(DISTINCT t) FROM mixed');
leaks_nothing('filter', $corrupt, q{SELECT * FROM mixed WHERE t LIKE '%9999%' OR id < 0});
leaks_nothing('planning and opening', qr/ERROR: +58P01: /, q{
	CREATE FOREIGN TABLE gone () SERVER lake OPTIONS (location '/nowhere/at/all')});
# with a base directory, which is a descriptor of its own
leaks_nothing('functions', $corrupt, "SELECT count(*) FROM lakehouse.parquet_pages('$dir/mixed', 'based')", user => 'based');
leaks_nothing('rights', qr/ERROR: +42501: /, "SELECT * FROM lakehouse.list('$dir/mixed/../good', 'based')", user => 'based');

# something above the scan fails, or does not want more
leaks_nothing('error above the scan', qr/ERROR: +P0001: /, 'SELECT count(fails_at(id, 2500)) FROM good');
leaks_nothing('LIMIT', undef, 'SELECT FROM (SELECT id FROM good LIMIT 1) s WHERE id < 0');
leaks_nothing('rescans', $corrupt,
	'SELECT count(*) FROM heap, LATERAL (SELECT id, t FROM mixed WHERE id > i * 160 OFFSET 0) s');
leaks_nothing('rescans without an error', undef,
	'SELECT count(*) FROM heap, LATERAL (SELECT sum(id) FROM good WHERE id = i) s(x) HAVING sum(x) < 0');

# cursors: closed, forgotten, rolled back, half of a cursor's rows in a transaction that fails
leaks_nothing('cursors that are closed', undef, q{
	BEGIN; DECLARE c CURSOR FOR SELECT * FROM good;
	MOVE 1 FROM c;
	CLOSE c; COMMIT});
leaks_nothing('cursors at the end of their transaction', undef, q{
	BEGIN; DECLARE c CURSOR FOR SELECT * FROM good;
	MOVE 1 FROM c;
	ROLLBACK});
leaks_nothing('cursors in a subtransaction that is rolled back', undef, q{
	BEGIN; SAVEPOINT s; DECLARE c CURSOR FOR SELECT * FROM good;
	MOVE 1 FROM c;
	ROLLBACK TO s; COMMIT});
leaks_nothing('cursors whose scan fails', $corrupt, q{
	BEGIN; DECLARE c CURSOR FOR SELECT * FROM mixed;
	MOVE 100 FROM c;
	MOVE ALL FROM c;
	COMMIT});
# 10 in a statement: the errors are caught, the transaction goes on
leaks_nothing('exceptions that are caught', undef, q{DO $$ BEGIN
	FOR i IN 1..10 LOOP
		BEGIN
			PERFORM id, t FROM mixed;
			RAISE 'not reached';
		EXCEPTION WHEN data_corrupted THEN NULL;
		END;
	END LOOP; END $$}, scans => 10);
# one statement: what belongs to the transaction may not pile up either
{
	my $s = session($node);
	$s->begin(q{DO $$ BEGIN
		FOR i IN 1..3000 LOOP
			BEGIN
				PERFORM count(DISTINCT t), sum(id) FROM mixed;
				RAISE 'not reached';
			EXCEPTION WHEN data_corrupted THEN NULL;
			END;
		END LOOP; END $$});
	my $most = 0;
	my ($rss) = rss_kb($s->pid);
	for (1 .. 20)
	{
		my $n = grep { /\Q$dir/ } open_files($s->pid);
		$most = $n if $n > $most;
		sleep(0.01);
	}
	my ($out, $err) = $s->finish;
	is($err, '', 'one transaction: no error comes out');
	cmp_ok($most, '<=', 2, 'one transaction: files are closed by each error, not at its end');
	my ($end) = rss_kb($s->pid);
	cmp_ok($end - $rss, '<', 2 * $rss_slack_kb, 'one transaction: the process does not grow');
	$s->quit;
}

# one scan that is rescanned with other parameters, whose memory is work_mem's
foreach my $query (
	[ 'rows', "SELECT count(*) FROM generate_series(1, %d) g, LATERAL (SELECT id FROM good WHERE id < g %% 50 AND t <> g || repeat('x', 1000) OFFSET 0) s" ],
	[ 'aggregates', "SELECT sum(x) FROM generate_series(1, %d) g, LATERAL (SELECT count(t) FILTER (WHERE id <> g) FROM good WHERE id < g %% 50 AND t <> g || repeat('x', 1000)) s(x)" ])
{
	my ($what, $sql) = @$query;
	my $s = session($node);
	$s->value('SET work_mem = 1024');
	$s->value(sprintf $sql, 500);
	my ($before) = rss_kb($s->pid);
	my (undef, $err) = $s->query(sprintf $sql, 10000);
	is($err, '', "10,000 rescans, $what: no error");
	my ($end, $peak) = rss_kb($s->pid);
	cmp_ok($end - $before, '<', $rss_slack_kb, "10,000 rescans, $what: the process does not grow");
	cmp_ok($peak - $before, '<', 2 * $rss_slack_kb, "10,000 rescans, $what: nor in between");
	$s->quit;
}

ok(!$node->log_contains("TRAP|PANIC|terminated by signal"), 'no process died');

done_testing();
