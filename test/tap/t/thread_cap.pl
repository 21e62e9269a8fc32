# lakehouse.max_threads: all sessions together never have more helper threads, and
# what a session took is given back however its statement, or the session, ends.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Lake;
use ParquetFile;
use PostgreSQL::Test::Utils;
use Test::More;

my $cap = 2;
my $dir = PostgreSQL::Test::Utils::tempdir;
my $node = lake_node('thread_cap', q(shared_preload_libraries = 'lakehouse'), "lakehouse.max_threads = $cap",
	'lakehouse.threads = 4', 'lakehouse.threads_min_size = 0', 'max_parallel_workers_per_gather = 0',
	'restart_after_crash = on', 'work_mem = 1GB');

# pages that take a second each and no room on disk; and small files, the last of which breaks
mkdir "$dir/$_" foreach 'slow', 'good', 'bad';
write_page("$dir/slow/$_.parquet", codec => 'zstd', size => 32 << 20, values => 4 << 20,
	body => zstd_head(32 << 20), hole => 60_000_000, tail => zstd_runs(32 << 20)) foreach 'a' .. 'p';
my @groups = map { [ [ $_ * 1000 .. $_ * 1000 + 999 ] ] } 0 .. 7;
write_parquet("$dir/$_/a.parquet", [[ 'id', 'int64' ]], \@groups) foreach 'good', 'bad';
write_page("$dir/bad/b.parquet", codec => 'zstd', size => 8000, values => 1000, body => 'no zstd at all');
my $s = session($node);
$s->value(qq{
	CREATE FOREIGN TABLE slow (v bigint) SERVER lake OPTIONS (location '$dir/slow');
	CREATE FOREIGN TABLE good (id bigint) SERVER lake OPTIONS (location '$dir/good');
	CREATE FOREIGN TABLE bad (id bigint) SERVER lake OPTIONS (location '$dir/bad/a.parquet');
	CREATE FOREIGN TABLE broken (v bigint) SERVER lake OPTIONS (location '$dir/bad/b.parquet')});

my $slow = 'SELECT sum(v), count(DISTINCT v) FROM slow';
my $quick = 'SELECT sum(id), count(DISTINCT id) FROM good';
sub helpers { my $n = 0; $n += threads($_->pid) - 1 foreach @_; return $n }
sub all_are_free { return counter($s, $quick, 'Helper Threads') == $cap }

ok(all_are_free(), 'one session gets as many as there may be, not as many as it wants');

# ---- three sessions that want three each

my @sessions = map { session($node) } 1 .. 3;
$_->begin($slow) foreach @sessions;
ok(wait_until(60, sub { helpers(@sessions) == $cap }), 'three sessions have them together');
my $most = 0;
for (1 .. 50)
{
	my $n = helpers(@sessions);
	$most = $n if $n > $most;
	sleep(0.01);
}
is($most, $cap, '... and never more');
is($s->value($quick), '31996000|8000', 'a session that gets none works alone');
is(counter($s, $quick, 'Helper Threads') // 0, 0, '... which EXPLAIN shows');

# ---- given back

$node->safe_psql('postgres', "SELECT pg_cancel_backend(@{[ $_->pid ]})") foreach @sessions;
like(($_->finish)[1], qr/ERROR: +57014/, 'a statement is cancelled') foreach @sessions;
ok(all_are_free(), 'cancel gives them back');

my (undef, $err) = $s->query('SELECT sum(v), count(DISTINCT v) FROM broken');
like($err, qr/ERROR: +XX001/, 'a statement fails');
ok(all_are_free(), 'an error gives them back');
$s->query("BEGIN; DECLARE c CURSOR FOR $quick; FETCH c; ROLLBACK");
ok(all_are_free(), 'so does the end of a transaction with an open cursor');

$sessions[0]->begin($slow);
ok(wait_until(60, sub { helpers($sessions[0]) == $cap }), 'terminate: it has them');
$node->safe_psql('postgres', "SELECT pg_terminate_backend(@{[ $sessions[0]->pid ]})");
ok(wait_until(60, sub { !-e '/proc/' . $sessions[0]->pid }), 'terminate: it ends');
ok(all_are_free(), 'terminate gives them back');

# ---- a backend that is killed takes its count with it: the server begins anew

$sessions[1]->begin($slow);
ok(wait_until(60, sub { helpers($sessions[1]) == $cap }), 'kill: it has them');
my $log = -s $node->logfile;
kill 'KILL', $sessions[1]->pid;
ok(wait_until(120, sub { slurp_file($node->logfile, $log) =~ /ready to accept connections/ }), 'kill: the server is there again');
$s = session($node);
ok(wait_until(60, sub { all_are_free() }), 'kill: all are free again');

# ---- the setting

$node->append_conf('postgresql.conf', 'lakehouse.max_threads = 0');
$node->reload;
ok(wait_until(60, sub { (counter($s, $quick, 'Helper Threads') // 0) == 0 }), 'no threads at all, after a reload');
is($s->value($quick), '31996000|8000', '... with the same answer');
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->restart;
is(counter(session($node), $quick, 'Helper Threads'), 3, 'without preloading there is no limit');

done_testing();
