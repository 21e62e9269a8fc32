# A client that is gone without a word ends its scan, where
# client_connection_check_interval lets the server look; also one that is deep in
# a page.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Lake;
use ParquetFile;
use PostgreSQL::Test::Utils;
use Test::More;

my $soon = 30;
my $dir = PostgreSQL::Test::Utils::tempdir;
my $node = lake_node('vanish', q{client_connection_check_interval = '100ms'});

write_parquet("$dir/one.parquet", [[ 'id', 'int64' ]], [[ [ 1 .. 100 ] ]]);
link_many("$dir/one.parquet", "$dir/many", 1000);
write_slow_page("$dir/slow.parquet");
$node->safe_psql('postgres', qq{
	CREATE FOREIGN TABLE many () SERVER lake OPTIONS (location '$dir/many');
	CREATE FOREIGN TABLE slow () SERVER lake OPTIONS (location '$dir/slow.parquet');});

# The backend's end, seen from outside, after its client is killed in mid-scan.
sub ends_with_its_client
{
	my ($what, $file, $query) = @_;
	my $session = session($node);
	my $pid = $session->pid;
	$session->begin($query);
	ok(wait_until(60, sub { grep { /$file/ } open_files($pid) }), "$what: it reads");
	sleep(0.3);
	ok(-e "/proc/$pid", "$what: it goes on while its client is there");
	$session->kill_client;
	my $start = time;
	ok(wait_until($soon, sub { !-e "/proc/$pid" }), "$what: it ends with its client");
	return;
}

my $again = 'FROM generate_series(1, 100000) g, LATERAL';
ends_with_its_client('rows', 'many/', "SELECT count(*) $again (SELECT id FROM many WHERE id > g OFFSET 0) s");
ends_with_its_client('aggregates', 'many/', "SELECT sum(x) $again (SELECT sum(id) FROM many WHERE id > g) s(x)");
ends_with_its_client('metadata', 'many/', "SELECT sum(x) $again (SELECT count(*) FROM many WHERE id > -g) s(x)");
ends_with_its_client('one page', 'slow', 'SELECT sum(v) FROM slow');
ends_with_its_client('a DO block that catches all errors', 'many/', q{DO $$ BEGIN
	LOOP
		BEGIN PERFORM sum(id) FROM many WHERE id <> 5; EXCEPTION WHEN OTHERS OR query_canceled THEN NULL; END;
	END LOOP; END $$});

ok($node->log_contains('connection to client lost'), 'the log says why');
ok(!$node->log_contains('PANIC|terminated by signal'), 'no process died otherwise');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'}), 1,
	'no session is left');

# what the README warns of
$node->safe_psql('postgres', 'ALTER ROLE CURRENT_USER SET client_connection_check_interval = 0');
my $session = session($node);
my $pid = $session->pid;
is($session->value('SHOW client_connection_check_interval'), 0, 'without the setting');
$session->begin("SELECT sum(x) $again (SELECT sum(id) FROM many WHERE id > g) s(x)");
ok(wait_until(60, sub { grep { /many/ } open_files($pid) }), 'without the setting: it reads');
$session->kill_client;
sleep(1);
ok(-e "/proc/$pid", 'without the setting: it reads on');
is($node->safe_psql('postgres', "SELECT pg_terminate_backend($pid, 5000)"), 't', '... until somebody ends it');

done_testing();
