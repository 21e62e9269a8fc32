# A cancelled statement ends soon, wherever the scan is: between files, while it
# lists them, inside one huge page.  The session lives on, and has one thread.
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
my $soon = 5;
my $canceled = qr/ERROR: +57014: +canceling statement/;

my $dir = PostgreSQL::Test::Utils::tempdir;
my $node = lake_node('cancel');
my $session = session($node);

# ---- data

link_many(fixture('flat/alltypes.parquet'), "$dir/many", 5000);
my $list = '[' . join(', ', map { sprintf '"%s/many/f%05d.parquet"', $dir, $_ } 0 .. 4999) . ']';

# 512 MB of zeros in one gzip member: one call of the library
{
	my $zeros = "\0" x (512 << 20);
	gzip(\$zeros, \my $packed, -Level => 1) or die;
	write_page("$dir/gzip.parquet", codec => 'gzip', size => 512 << 20, values => 64 << 20, body => $packed);
}

# zstd: a frame whose 32 MB follow 100 million blocks of nothing, each of which
# is three zero bytes and so a hole in the file
sub zstd_runs
{
	my ($left) = @_;
	my $blocks = '';
	while ($left > 0)
	{
		my $n = $left < 131072 ? $left : 131072;
		$left -= $n;
		$blocks .= substr pack('L<', $n << 3 | 1 << 1 | ($left == 0)), 0, 3;
		$blocks .= "\7";
	}
	return $blocks;
}
my $frame = pack('L<C L<', 0xFD2FB528, 0xA0, 32 << 20);    # magic, single segment, content size
write_page("$dir/zstd.parquet", codec => 'zstd', size => 32 << 20, values => 4 << 20, body => $frame,
	hole => 300_000_000, tail => zstd_runs(32 << 20));
# 4 GB in one file, page by page: groups of zeros that share nothing
write_page("$dir/runs.parquet", codec => 'zstd', size => 512 << 20, values => 64 << 20, body => pack('L<C L<', 0xFD2FB528, 0xA0, 512 << 20),
	tail => zstd_runs(512 << 20));

$session->value(qq{
	CREATE FOREIGN TABLE many () SERVER lake OPTIONS (location '$dir/many');
	CREATE FOREIGN TABLE listed () SERVER lake OPTIONS (location '$list');
	CREATE FOREIGN TABLE gzip () SERVER lake OPTIONS (location '$dir/gzip.parquet');
	CREATE FOREIGN TABLE zstd () SERVER lake OPTIONS (location '$dir/zstd.parquet');
	CREATE FOREIGN TABLE runs () SERVER lake OPTIONS (location '$dir/runs.parquet');});

# ---- statement_timeout and pg_cancel_backend

sub session_lives
{
	my ($what) = @_;
	is($session->value('SELECT count(*) FROM many WHERE false'), 0, "$what: the session lives on");
	is(threads($session->pid), 1, "$what: one thread");
	is_deeply([ grep { /\.parquet/ } open_files($session->pid) ], [], "$what: no file is left open");
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
	cmp_ok($took, '<', $milliseconds / 1000 + $soon, "$what: it took effect");
	session_lives($what);
}

# Cancel once "reached" is true of the backend, or after a tenth of a second.
sub is_cancelled
{
	my ($what, $query, $reached) = @_;
	$session->begin($query);
	if ($reached)
	{
		ok(wait_until($soon, $reached), "$what: reached");
	}
	else
	{
		sleep(0.1);
	}
	my $start = time;
	$node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $session->pid . ')');
	my ($out, $err) = $session->finish;
	like($err, $canceled, "$what: pg_cancel_backend");
	cmp_ok(time() - $start, '<', $soon, "$what: it took effect");
	session_lives($what);
}

# A join of a scan with itself does not end by itself within the test.
my $endless = 'FROM many a, many b, many c WHERE a.rid + b.rid + c.rid < 0';
my $reading = sub { grep { m{/many/f} } open_files($session->pid) };

times_out('rows of many files', 100, 'SELECT sum(length(c_string)) FROM (SELECT * FROM many OFFSET 0) s, generate_series(1, 1000)');
