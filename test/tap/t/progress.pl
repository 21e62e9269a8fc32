# lakehouse.scan_progress: what a scan has done is seen from another session while
# it goes on, and no longer when it has ended, however it ended.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Lake;
use ParquetFile;
use PostgreSQL::Test::Utils;
use Test::More;

my $canceled = qr/ERROR: +57014: +canceling statement/;
my $dir = PostgreSQL::Test::Utils::tempdir;
my $node = lake_node('progress', q(shared_preload_libraries = 'lakehouse'), 'max_parallel_workers_per_gather = 0',
	'lakehouse.threads = 1');
my $session = session($node);
my $other = session($node);

# ---- data: many files of 100 rows, and one of ten row groups of 100 rows

my @columns = ([ 'id', 'int64' ], [ 't', 'text' ]);
write_parquet("$dir/one.parquet", \@columns, [[ [ 1 .. 100 ], [ map { "row $_" } 1 .. 100 ] ]]);
link_many("$dir/one.parquet", "$dir/many", 5000);
write_parquet("$dir/groups.parquet", \@columns, [ map { my $g = $_; [ [ map { $g * 100 + $_ } 1 .. 100 ], [ ('x') x 100 ] ] } 0 .. 9 ]);
$session->value(qq{
	CREATE FOREIGN TABLE many () SERVER lake OPTIONS (location '$dir/many');
	CREATE FOREIGN TABLE groups () SERVER lake OPTIONS (location '$dir/groups.parquet');
	CREATE ROLE stranger LOGIN; CREATE ROLE watcher LOGIN IN ROLE pg_monitor;});

# Columns of the session's row, as another session sees them.
sub progress
{
	my ($columns, $from) = @_;
	return ($from // $other)->value("SELECT $columns FROM lakehouse.scan_progress WHERE pid = " . $session->pid);
}

sub is_gone { my ($what) = @_; return is($other->value('SELECT count(*) FROM lakehouse.scan_progress'), 0, "$what: no row is left") }

is($other->value('SELECT count(*) FROM lakehouse.scan_progress'), 0, 'no scan, no row');

# ---- a cursor stands still, so its numbers are known

my $counts = 'relid::regclass, files_total, files_done, row_groups_done, rows_scanned, percent';
$session->value('BEGIN; DECLARE c CURSOR FOR SELECT * FROM many');
is(progress('count(*)'), 0, 'a scan that has not begun has no row');
$session->value('MOVE 150 FROM c');
is(progress($counts), 'many|5000|1|1|200|0.02', 'in the second file');
is(progress('datname, usename, location, started_at <= now(), bytes_read > 0, datid > 0'),
	join('|', 'postgres', $session->value('SELECT session_user'), "$dir/many", 't', 't', 't'), 'who reads what');
$session->value('MOVE 100000 FROM c');
is(progress($counts), 'many|5000|1001|1001|100200|20.02', 'in file 1,002');

# ---- of several scans the first is shown, and the next when that has ended

$session->value('DECLARE d CURSOR FOR SELECT * FROM groups');
$session->value('MOVE 250 FROM d');
is(progress('relid::regclass'), 'many', 'a second scan: the first is shown');
$session->value('CLOSE c');
is_gone('the first is closed, the second stands still');
$session->value('MOVE 100 FROM d');
is(progress($counts), 'groups|1|0|3|400|30', 'the second is shown when it goes on; percent by row groups');
$session->value('MOVE ALL FROM d');
is_gone('at the end, before the cursor is closed');
$session->value('COMMIT');

$session->value("BEGIN; DECLARE c CURSOR FOR SELECT id FROM lakehouse.read('$dir/groups.parquet') x(id bigint, t text)");
$session->value('MOVE 550 FROM c');
is(progress("relid IS NULL, location, rows_scanned"), "t|$dir/groups.parquet|600", 'lakehouse.read');

# ---- who sees the location

is(progress('usename IS NULL, location, files_total', session($node, user => 'stranger')), 'f||1', 'a stranger does not see the location');
is(progress('location', session($node, user => 'watcher')), "$dir/groups.parquet", 'a member of pg_monitor does');
$session->value('ROLLBACK');
is_gone('ROLLBACK');

# ---- a rescan counts anew

$session->value('BEGIN; DECLARE c CURSOR FOR SELECT g FROM generate_series(1, 3) g, LATERAL (SELECT id FROM groups WHERE id > g - 5 OFFSET 0) x');
$session->value('MOVE 1250 FROM c');
is(progress($counts), 'groups|1|0|2|300|20', 'the second pass');
$session->value('COMMIT');

# ---- it grows while a statement runs, and is gone when the statement has failed

# 500 rescans of 5,000 files, of which no row comes out: only the reader itself can tell
sub long_scan { return "SELECT count(*), sum(x) FROM generate_series(1, 500) g, LATERAL (SELECT $_[0] x FROM many WHERE length(t) > g + 100 OFFSET 0) s" }

sub grows
{
	my ($what) = @_;
	my ($least, $most) = (5000, 0);
	ok(wait_until(60, sub {
		my $done = progress('files_done');
		return 0 if $done eq '';
		$least = $done if $done < $least;
		$most = $done if $done > $most;
		return $most > $least;
	}), "$what: it grows");
	return;
}

$session->begin(long_scan('id'));
grows('rows');
$node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $session->pid . ')');
like(($session->finish)[1], $canceled, 'rows: cancelled');
is_gone('cancelled');

$session->begin(long_scan('max(id)'));
grows('aggregates');
$node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $session->pid . ')');
like(($session->finish)[1], $canceled, 'aggregates: cancelled');
is_gone('aggregates cancelled');

$session->begin('DO $$ BEGIN FOR i IN 1..500 LOOP ANALYZE many; END LOOP; END $$');
grows('ANALYZE');
$node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . $session->pid . ')');
ok(wait_until(60, sub { !-e '/proc/' . $session->pid }), 'terminated');
is_gone('terminated');

# a helper thread has its own counts, but files are taken from one list
$session = session($node);
$session->value('SET lakehouse.threads = 2; SET lakehouse.threads_min_size = 0; SET work_mem = \'1GB\'');
$session->begin(q{DO $$ BEGIN FOR i IN 1..500 LOOP PERFORM max(length(t)) FROM many; END LOOP; END $$});
grows('threads');
$node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $session->pid . ')');
like(($session->finish)[1], $canceled, 'threads: cancelled');
is_gone('threads cancelled');

# each process of a parallel plan has a row
$session->value('SET lakehouse.threads = 1; SET max_parallel_workers_per_gather = 2; SET min_parallel_table_scan_size = 0;
	SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0');
$session->begin(q{DO $$ BEGIN FOR i IN 1..500 LOOP PERFORM sum(length(t)) FROM many WHERE length(t) > i - 1000; END LOOP; END $$});
ok(wait_until(60, sub { $other->value(q(SELECT count(*) FROM lakehouse.scan_progress WHERE relid = 'many'::regclass AND files_done > 0)) > 1 }),
	'parallel: several processes report');
$node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $session->pid . ')');
like(($session->finish)[1], $canceled, 'parallel: cancelled');
is_gone('parallel cancelled');

# ---- without preloading

$_->quit foreach $session, $other;
$node->append_conf('postgresql.conf', q(shared_preload_libraries = ''));
$node->restart;
$session = session($node);
my ($out, $err) = $session->query('SELECT * FROM lakehouse.scan_progress');
like($err, qr/ERROR: +55000: +the progress of scans is not recorded/, 'not preloaded: an error');
like($err, qr/HINT: .*shared_preload_libraries/, 'which says what to do');
is($session->value('SELECT count(*) FROM groups'), 1000, 'scans need no preloading');

done_testing();
