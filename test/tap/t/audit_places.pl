# The audit's directories belong to the server alone, or nothing is written there; and what a server that stops, or is stopped, leaves of
# its records is in the log, or is told at the next start.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Audit;
use JSON::PP;
use Lake;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $base = PostgreSQL::Test::Utils::tempdir;
my $log = "$base/log";
mkdir $log;
chmod 0770, $log;
my $node = lake_node('audit_places', q(shared_preload_libraries = 'lakehouse'), 'max_worker_processes = 4', 'autovacuum = off',
	'wal_level = replica', 'max_wal_senders = 2', 'lakehouse.audit = asynchronous', "lakehouse.audit_filter = 'relations'", "lakehouse.audit_directory = '$log'",
	"lakehouse.audit_key = '$base/key'");

sub records { return log_records($log) }

sub status { my ($what) = @_; return ($node->psql('postgres', "SELECT $what FROM lakehouse.audit_status()"))[1] // '' }
sub opens { return wait_until(60, sub { status('open') eq 't' }) }
# All that is there is in the files when the worker has signed it.
sub settled { $node->safe_psql('postgres', 'SELECT lakehouse.audit_checkpoint()'); return records() }
sub kinds { return join ' ', map { $_->{kind} } @_ }

# ---- the directory

ok(wait_until(60, sub { status('error') =~ /may be written to by others/ }), 'a directory that a group may write to is none for the log');
is(status('open'), 'f', 'nothing is logged');
is(scalar(glob "$log/*"), undef, 'or made there');
like(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/the audit log cannot be opened: directory "[^"]*" of the audit may be written to by others.*DETAIL:  It must be a directory of the server's user.*HINT:  Take that away \(chmod go-w\), or set lakehouse\.audit_directory/s,
	'the log of the server has the remedy');
chmod 0702, $log;
$node->restart;
ok(wait_until(60, sub { status('error') =~ /may be written to by others/ }), 'nor is one that everybody may write to');
chmod 0755, $log;
ok(opens(), 'it is opened as soon as only its owner may');
$node->safe_psql('postgres', 'CREATE TABLE t (id int); INSERT INTO t SELECT generate_series(1, 10)');
$node->stop;
rename $log, "$base/real" or die;
symlink "$base/real", $log or die;
my $size = -s glob "$base/real/*.jsonl";
$node->start;
ok(wait_until(60, sub { status('error') =~ /is a symbolic link/ }), 'nor is a symbolic link');
is(-s glob("$base/real/*.jsonl"), $size, 'nothing is written where it leads');
unlink $log;
rename "$base/real", $log or die;
ok(opens(), 'but what was behind it');

# ---- the target of checkpoints

sub target
{
	my ($to) = @_;
	$node->safe_psql('postgres', "ALTER SYSTEM SET lakehouse.audit_checkpoint_target = '$to'");
	$node->reload;
	ok(wait_until(60, sub { $node->safe_psql('postgres', 'SHOW lakehouse.audit_checkpoint_target') eq $to }), 'another target');
	$node->safe_psql('postgres', 'SELECT count(*) FROM t; SELECT lakehouse.audit_checkpoint()');
	return;
}

mkdir "$base/out";
chmod 0777, "$base/out";
target("$base/out/checkpoints");
ok(wait_until(60, sub { status('target_error') =~ /may be written to by others/ }), 'a checkpoint does not go where others may write');
ok(!-e "$base/out/checkpoints", 'into a file');
is(status('open'), 't', 'the log goes on');
chmod 0755, "$base/out";
ok(wait_until(60, sub { -e "$base/out/checkpoints" }), 'until they may not');
mkdir "$base/each";
chmod 01777, "$base/each";
target("$base/each/");
ok(wait_until(60, sub { status('target_error') =~ /may be written to by others/ }), 'nor into files of such a directory, be it sticky');
is(scalar(glob "$base/each/*"), undef, 'into none');
symlink "$base/out", "$base/link";
target("$base/link/checkpoints");
ok(wait_until(60, sub { status('target_error') =~ /is a symbolic link/ }), 'nor by a link');
target('');

# ---- a server that stops waits for the last session

# a walsender goes after the worker, and is none that is waited for
mkdir "$base/wal";
my $receiver = IPC::Run::start([ $node->installed_command('pg_receivewal'), '-D', "$base/wal", '--no-loop', '-d', $node->connstr('postgres') ],
	'<', \undef, '>', \my $wal_out, '2>', \my $wal_err);
ok(wait_until(60, sub { $node->safe_psql('postgres', 'SELECT count(*) FROM pg_stat_replication') eq '1' }), 'somebody reads the log of changes');
my @open = map { session($node) } 1 .. 6;
$_->begin('SELECT count(*), pg_sleep(3600) FROM t') foreach @open;
my $running = 'SELECT count(*) FROM pg_stat_activity WHERE wait_event = \'PgSleep\'';
ok(wait_until(60, sub { $node->safe_psql('postgres', $running) eq '6' }), 'statements run');
my $slow = $open[0]{pid};
kill 'STOP', $slow;
$node->command_ok([ $node->installed_command('pg_ctl'), '-D', $node->data_dir, '-m', 'fast', '-W', 'stop' ], 'a fast shutdown');
ok(wait_until(60, sub { !grep { kill 0, $_->{pid} } @open[1 .. 5] }), 'sessions end, but one');
# longer than the worker would wait for nobody; were it not, this would be no test, but not fail
sleep(5);
kill 'CONT', $slow;
ok(wait_until(120, sub { !-e $node->data_dir . '/postmaster.pid' }), 'the server has stopped');
$node->_update_pid(0);
$receiver->finish;
my @r = records();
my %ended = map { $_->{pid} => 1 } grep { $_->{kind} eq 'outcome' } @r;
is(scalar(grep { !$ended{ $_->{pid} } } @open), 0, 'the ends of all statements are in the log');
is($r[-1]{kind}, 'stop', 'and its end is the last');
ok(!-e $node->data_dir . '/lakehouse_audit.lost', 'nothing is lost');
$node->start;
ok(opens(), 'the next start');
my @new = settled();
is(kinds(grep { $_->{kind} =~ /^(?:start|lost)$/ } @new[ scalar @r .. $#new ]), 'start', 'has nothing to tell of it');

# ---- a log that cannot be written until the end

$node->stop;
@r = records();
chmod 0777, $log;
$node->start;
ok(wait_until(60, sub { status('error') =~ /may be written to by others/ }), 'a log that cannot be opened');
$node->safe_psql('postgres', 'SELECT count(*) FROM t') foreach 1 .. 3;
$node->stop;
like(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/6 audit records are lost: the log could not be written until the server stopped/, 'is told in the log of the server');
# and once more
$node->start;
ok(wait_until(60, sub { status('error') =~ /may be written to by others/ }), 'it cannot be opened again');
$node->safe_psql('postgres', 'SELECT count(*) FROM t');
$node->stop;
chmod 0700, $log;
$node->start;
ok(opens(), 'when it can');
ok(wait_until(60, sub { !-e $node->data_dir . '/lakehouse_audit.lost' }), 'what was lost is told durably');
@new = settled();
my ($lost) = grep { $_->{kind} eq 'lost' } @new[ scalar @r .. $#new ];
is($lost->{count}, 8, 'with how many');
like($lost->{detail}, qr/^the log could not be written until the server stopped, at \d/, 'and why');

# ---- a run that does not end in order

@r = settled();
$node->stop('immediate');
$node->start;
ok(opens(), 'after an immediate shutdown');
@new = settled();
($lost) = grep { $_->{kind} eq 'lost' } @new[ scalar @r .. $#new ];
like($lost->{detail}, qr/ended without a stop/, 'the log says that something may be missing');
is($lost->{count}, undef, 'not how much');
is($node->safe_psql('postgres', 'SELECT intact FROM lakehouse.audit_verify()'), 't', 'it is intact');
$node->stop;

done_testing();
