# A cancelled statement ends soon, wherever its scan is: between thousands of
# files, among row groups that metadata answers, inside one huge page.  The
# session lives on, with one thread and no file open.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use IO::Compress::Gzip qw(gzip);
use Lake;
use ParquetFile;
use PostgreSQL::Test::Utils;
use Test::More;

# What "soon" means on a machine that is busy with other things, in seconds.
my $soon = 30;
my $canceled = qr/ERROR: +57014: +canceling statement/;

my $dir = PostgreSQL::Test::Utils::tempdir;
my $node = lake_node('cancel');
my $session = session($node);

# ---- data: many files

write_parquet("$dir/one.parquet", [[ 'id', 'int64' ], [ 't', 'text' ]], [[ [ 1 .. 100 ], [ map { "row $_" } 1 .. 100 ] ]]);
link_many("$dir/one.parquet", "$dir/many", 5000);
my $list = '[' . join(', ', map { sprintf '"%s/many/f%05d.parquet"', $dir, $_ } 0 .. 4999) . ']';

# ---- data: huge pages

# 512 MB of zeros in one gzip member
{
	my $zeros = "\0" x (512 << 20);
	gzip(\$zeros, \my $packed, -Level => 1) or die;
	write_page("$dir/gzip.parquet", codec => 'gzip', size => 512 << 20, values => 64 << 20, body => $packed);
}

# ... and in one lz4 block: a zero that is repeated, and the five that end a block
{
	my $more = (512 << 20) - 1 - 5 - 4 - 15;
	my $packed = "\x1f\0\1\0" . "\xff" x ($more / 255) . chr($more % 255) . "\x50" . "\0" x 5;
	write_page("$dir/lz4.parquet", codec => 'lz4_raw', size => 512 << 20, values => 64 << 20, body => $packed);
}

write_page("$dir/zstd.parquet", codec => 'zstd', size => 512 << 20, values => 64 << 20,
	body => zstd_head(512 << 20), tail => zstd_runs(512 << 20));
write_slow_page("$dir/slow.parquet");

$session->value(qq{
	CREATE FOREIGN TABLE many () SERVER lake OPTIONS (location '$dir/many');
	CREATE FOREIGN TABLE listed (id bigint, t text) SERVER lake OPTIONS (location '$list');
	CREATE FOREIGN TABLE gzip () SERVER lake OPTIONS (location '$dir/gzip.parquet');
	CREATE FOREIGN TABLE lz4 () SERVER lake OPTIONS (location '$dir/lz4.parquet');
	CREATE FOREIGN TABLE zstd () SERVER lake OPTIONS (location '$dir/zstd.parquet');
	CREATE FOREIGN TABLE slow () SERVER lake OPTIONS (location '$dir/slow.parquet');});

# ---- the two ways to stop a statement

sub session_lives
{
	my ($what) = @_;
	is($session->value('SELECT 1'), 1, "$what: the session lives on");
	is(threads($session->pid), 1, "$what: one thread");
	is_deeply([ grep { /\Q$dir/ } open_files($session->pid) ], [], "$what: nothing is left open");
	return;
}

sub times_out
{
	my ($what, $milliseconds, $query) = @_;
	$session->value("SET statement_timeout = $milliseconds");
	my $start = time;
	my ($out, $err) = $session->query($query);
	my $took = time() - $start;
	$session->value('SET statement_timeout = 0');
	like($err, $canceled, "$what: statement_timeout");
	cmp_ok($took, '<', $milliseconds / 1000 + $soon, "$what: in time");
	session_lives($what);
	return;
}

# Cancel when the backend has a file open that matches.
sub is_cancelled
{
	my ($what, $file, $query) = @_;
	$session->begin($query);
	ok(wait_until(60, sub { grep { /$file/ } open_files($session->pid) }), "$what: it reads");
	my $start = time;
	$node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $session->pid . ')');
	my ($out, $err) = $session->finish;
	like($err, $canceled, "$what: pg_cancel_backend");
	cmp_ok(time() - $start, '<', $soon, "$what: in time");
	session_lives($what);
	return;
}

# Each runs for minutes when nobody stops it: 500 rescans of 5,000 files.
sub again { return "SELECT count(*), sum(x) FROM generate_series(1, 500) g, LATERAL ($_[0]) s(x)" }

is_cancelled('rows', 'many/', again('SELECT length(t) FROM many WHERE id > g OFFSET 0'));
is_cancelled('aggregates', 'many/', again('SELECT max(length(t)) FROM many WHERE id <> g'));
is_cancelled('metadata', 'many/', again('SELECT count(*) FROM many WHERE id > -g'));
is_cancelled('statistics prune', 'many/', again('SELECT count(*) FROM many WHERE id < -g'));
is_cancelled('ANALYZE', 'many/', 'DO $$ BEGIN FOR i IN 1..500 LOOP ANALYZE many; END LOOP; END $$');
times_out('rows', 300, again('SELECT length(t) FROM many WHERE id > g OFFSET 0'));
times_out('a list of locations', 100, again('SELECT count(*) FROM listed WHERE id > g'));
# listing takes most of the time of a query without rows
times_out('listing', 20, 'SELECT count(*) FROM listed WHERE id < 0');

# A page that is given up in the middle was not written to its end: memory tells,
# whatever the speed of the machine.
foreach my $codec ('gzip', 'lz4', 'zstd')
{
	my $page_kb = 512 << 10;
	my $fresh = session($node);
	my ($kb) = rss_kb($fresh->pid);
	my (undef, $err) = $fresh->query("SET statement_timeout = 50; SELECT sum(v) FROM $codec");
	my (undef, $peak) = rss_kb($fresh->pid);
	like($err, $canceled, "$codec page: statement_timeout");
	cmp_ok($peak - $kb, '<', $page_kb, "$codec page: given up in the middle");
	is($fresh->value("SET statement_timeout = 0; SELECT count(nullif(v, 1)) FROM $codec"), 64 << 20,
		"$codec page: another statement reads all of it");
	(undef, $peak) = rss_kb($fresh->pid);
	cmp_ok($peak - $kb, '>', $page_kb, "$codec page: then all of it is in memory");
	$fresh->quit;
}
times_out('gzip page of 512 MB', 50, 'SELECT sum(v) FROM gzip');
times_out('lz4 page of 512 MB', 50, 'SELECT sum(v) FROM lz4');
times_out('zstd page of 512 MB', 50, 'SELECT sum(v) FROM zstd');
times_out('zstd page, all of it read', 600, 'SELECT count(*) FROM zstd a, zstd b WHERE a.v <> b.v');
times_out('zstd page of 150 million empty blocks', 700, 'SELECT sum(v) FROM slow');

# a timeout that is over before a scan begins, and one while a cursor waits
my ($out, $err) = $session->query(q{
	BEGIN; DECLARE c CURSOR FOR SELECT * FROM many; FETCH 1 FROM c; SET LOCAL statement_timeout = 20; SELECT pg_sleep(10); FETCH 1 FROM c; ROLLBACK});
like($err, $canceled, 'cursor: statement_timeout of another statement');
session_lives('cursor');

# ---- the end of the session: pg_terminate_backend, then a fast shutdown

$session->begin(again('SELECT length(t) FROM many WHERE id > g OFFSET 0'));
ok(wait_until(60, sub { grep { m{many/} } open_files($session->pid) }), 'terminate: it reads');
$node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . $session->pid . ')');
ok(wait_until($soon, sub { !-e '/proc/' . $session->pid }), 'pg_terminate_backend ends it');

my $last = session($node);
$last->begin(again('SELECT length(t) FROM many WHERE id > g OFFSET 0'));
ok(wait_until(60, sub { grep { m{many/} } open_files($last->pid) }), 'shutdown: it reads');
my $start = time;
$node->stop('fast');
cmp_ok(time() - $start, '<', 2 * $soon, 'a fast shutdown does not wait for the scan');

done_testing();
