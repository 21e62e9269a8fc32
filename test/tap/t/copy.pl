# COPY in format parquet over the protocol and from preloaded sessions; and that
# whatever ends a statement in mid-write leaves no file behind.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Lake;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir;
my $node = lake_node('copy', "session_preload_libraries = 'lakehouse'", 'restart_after_crash = on');

sub psql { return $node->psql('postgres', @_) }
sub files { opendir(my $d, $dir) or die; return sort grep { !/^\.\.?$/ } readdir $d }
sub rows { return $node->safe_psql('postgres', "SELECT count(*) || ' ' || sum(i) || ' ' || md5(string_agg(t, ',' ORDER BY i)) FROM $_[0]") }

$node->safe_psql('postgres', q{
	CREATE TABLE numbers AS SELECT i, md5(i::text) AS t FROM generate_series(1, 50000) i;
	CREATE VIEW endless AS SELECT i, md5(i::text) AS t FROM (SELECT generate_series(1, 1000000000) AS i) s;
	CREATE ROLE nobody LOGIN;
	GRANT SELECT ON numbers TO nobody;});
my $expected = rows('numbers');

# ---- to the client: the same bytes as to a file, without any right to files

$node->safe_psql('postgres', "COPY numbers TO '$dir/server.parquet' (FORMAT parquet, row_group_size 20000)");
for my $case ([ 'COPY TO STDOUT', 'COPY numbers TO STDOUT (FORMAT parquet, row_group_size 20000)', '>' ],
	[ '\copy', "\\copy numbers to '$dir/client.parquet' (format parquet, row_group_size 20000)", '' ])
{
	my ($what, $command, $redirect) = @$case;
	my @run = ($node->installed_command('psql'), '-XAtq', '-U', 'nobody', '-d', $node->connstr('postgres'), '-c', $command);
	ok(IPC::Run::run(\@run, '>', $redirect ? "$dir/client.parquet" : \my $out), "$what ends well");
	is(slurp_file("$dir/client.parquet"), slurp_file("$dir/server.parquet"), "$what: the bytes of a file of the server");
	is(rows("lakehouse.read('$dir/client.parquet') AS t(i int, t text)"), $expected, "$what: the rows");
	unlink "$dir/client.parquet" or die;
}
my ($rc, $out, $err) = psql("COPY (SELECT 1 / (30000 - i) AS x FROM generate_series(1, 50000) i) TO STDOUT (FORMAT parquet, row_group_size 1000)");
like($err, qr/division by zero/, 'an error in mid-stream ends it');
($rc, $out, $err) = psql("\\copy numbers from '$dir/server.parquet' (format parquet)\nSELECT 'alive'");
like($err, qr/COPY FROM STDIN cannot have format "parquet"/, 'COPY FROM STDIN is refused');
is(psql("COPY numbers TO STDOUT (FORMAT parquet)\\g /dev/null\nSELECT 1"), 0, 'the session goes on after a copy');

# a client that vanishes while the server sends
{
	my $s = session($node);
	my $pid = $s->pid;
	$s->begin("COPY (TABLE endless) TO STDOUT (FORMAT parquet, row_group_size 1000)");
	$s->kill_client;
	ok(wait_until(20, sub { !-e "/proc/$pid" }), 'a vanished client ends the backend');
}

# ---- progress

{
	my $s = session($node);
	$s->begin("COPY (TABLE endless) TO '$dir/progress.parquet' (FORMAT parquet, row_group_size 10000)");
	ok(wait_until(20, sub { $node->safe_psql('postgres', q{
			SELECT count(*) FROM pg_stat_progress_copy WHERE command = 'COPY TO' AND type = 'FILE' AND tuples_processed > 10000 AND bytes_processed > 0}) }),
		'pg_stat_progress_copy shows rows and bytes');
	# ---- cancelled in mid-write
	is_deeply([ grep { !/^\./ } files() ], ['server.parquet'], 'nobody sees an unfinished file');
	cmp_ok(scalar(my @temporary = grep { /^\._lakehouse/ } files()), '==', 1, 'it has a temporary name');
	$node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $s->pid . ')');
	my ($o, $e) = $s->finish;
	like($e, qr/57014/, 'cancelled');
	is_deeply([ files() ], ['server.parquet'], 'a cancelled COPY leaves nothing');
	is_deeply([ grep { /\Q$dir/ } open_files($s->pid) ], [], 'nothing is left open');
	is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_stat_progress_copy'), 0, 'progress has ended');

	# ---- in a subtransaction, and in a function
	$s->value(qq{DO \$\$ BEGIN
			PERFORM lakehouse.write_parquet('SELECT 1 / (30000 - i) AS x FROM generate_series(1, 50000) i', '$dir/sub.parquet', '{"row_group_size": 1000}');
		EXCEPTION WHEN division_by_zero THEN NULL; END \$\$});
	is_deeply([ files() ], ['server.parquet'], 'an error that is caught leaves nothing');
	$s->value("BEGIN; COPY (SELECT 1 AS a) TO '$dir/kept.parquet' (FORMAT parquet); ROLLBACK");
	is_deeply([ files() ], [ 'kept.parquet', 'server.parquet' ], 'a finished file does not roll back');
	unlink "$dir/kept.parquet" or die;

	# ---- no space: the limit on a file's size stands for a full disk
	system('prlimit', '--fsize=3000000', '--pid', $s->pid) == 0 or die 'prlimit';
	($o, $e) = $s->query("COPY (TABLE endless) TO '$dir/large.parquet' (FORMAT parquet, row_group_size 10000)");
	like($e, qr/ERROR: +58\w\w\w:.*large\.parquet/, 'a write that fails is an error that names the file');
	is_deeply([ files() ], ['server.parquet'], 'it leaves nothing');
	is($s->value('SELECT 1'), 1, 'the session lives on');
}

# ---- progress of loading

{
	my $s = session($node);
	$s->value('CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.0001); RETURN NEW; END $$;
		CREATE TABLE loaded (LIKE numbers); CREATE TRIGGER slow BEFORE INSERT ON loaded FOR EACH ROW EXECUTE FUNCTION slow()');
	$s->begin("COPY loaded FROM '$dir/server.parquet' (FORMAT parquet)");
	ok(wait_until(20, sub { $node->safe_psql('postgres', q{
			SELECT count(*) FROM pg_stat_progress_copy WHERE command = 'COPY FROM' AND relid = 'loaded'::regclass AND tuples_processed >= 1024
				AND bytes_processed > 0 AND bytes_processed <= bytes_total}) }),
		'pg_stat_progress_copy shows rows and bytes that are loaded');
	$node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $s->pid . ')');
	my ($o, $e) = $s->finish;
	like($e, qr/57014/, 'a load is cancelled');
	is($s->value('SELECT count(*) FROM loaded'), 0, 'and undone');
	$s->value('DROP TABLE loaded');
}

# ---- files are UTF-8, whatever the server's encoding is

for my $encoding ('LATIN1', 'SQL_ASCII')
{
	my $file = "$dir/$encoding.parquet";
	$node->safe_psql('postgres', "CREATE DATABASE enc_$encoding ENCODING '$encoding' LOCALE 'C' TEMPLATE template0");
	my $e = session($node, db => lc "enc_$encoding");
	$e->value("SET client_encoding = UTF8; CREATE EXTENSION lakehouse; CREATE TABLE t AS SELECT 'f\xc3\xa4n' || i AS \"\xc3\xbc\" FROM generate_series(1, 3) i");
	$e->value("COPY t TO '$file' (FORMAT parquet)");
	is($node->safe_psql('postgres', "SELECT string_agg(encode(convert_to(u, 'UTF8'), 'hex'), ' ') FROM (SELECT * FROM lakehouse.read('$file') AS t(\"\xc3\xbc\" text)) t(u)"),
		'66c3a46e31 66c3a46e32 66c3a46e33', "$encoding: the file has UTF-8");
	$e->value("CREATE TABLE back (LIKE t); COPY back FROM '$file' (FORMAT parquet)");
	is($e->value('SELECT count(*) FROM (TABLE t INTERSECT TABLE back) s'), 3, "$encoding: and is loaded again");
	unlink $file or die;
	next if $encoding ne 'SQL_ASCII';
	my ($o, $err) = $e->query("COPY (SELECT convert_from('\\x61ff', 'SQL_ASCII') AS bad) TO '$file' (FORMAT parquet)");
	like($err, qr/text of column "bad" is not valid UTF-8: byte 0xff at offset 1/, 'bytes that are no UTF-8 are refused');
	is_deeply([ files() ], ['server.parquet'], 'and leave nothing');
}

# ---- terminated

{
	my $s = session($node);
	my $pid = $s->pid;
	$s->begin("COPY (TABLE endless) TO '$dir/terminated.parquet' (FORMAT parquet, row_group_size 10000)");
	ok(wait_until(20, sub { grep { /^\._lakehouse/ } files() }), 'it writes');
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
	ok(wait_until(20, sub { !-e "/proc/$pid" }), 'terminated');
	is_deeply([ files() ], ['server.parquet'], 'a terminated session leaves nothing');
}

# ---- a crash: what was there before stays, and listings do not see the rest

{
	my $s = session($node);
	$s->begin("COPY (TABLE endless) TO '$dir/server.parquet' (FORMAT parquet, row_group_size 10000, overwrite)");
	ok(wait_until(20, sub { grep { /^\._lakehouse/ } files() }), 'it writes');
	kill 'KILL', $s->pid;
	eval { $s->finish };
	ok(wait_until(20, sub { is_up($node) }), 'the server recovers from a crash');
	is($node->safe_psql('postgres', "SELECT count(*) FROM lakehouse.list('$dir')"), 1, 'listings skip what a crash left');
	is(rows("lakehouse.read('$dir/server.parquet') AS t(i int, t text)"), $expected, 'the file that was to be replaced is whole');
	$node->safe_psql('postgres', "COPY (SELECT 1 AS a) TO '$dir/server.parquet' (FORMAT parquet, overwrite)");
	is($node->safe_psql('postgres', "SELECT * FROM lakehouse.read('$dir/server.parquet') AS t(a int)"), 1, 'and can be written again');
}

# ---- dumps are made of PostgreSQL's own COPY

{
	my $other = $node->safe_psql('postgres', 'CREATE DATABASE other') // '';
	my $dump = "$dir/dump.sql";
	$node->command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', $dump ], 'pg_dump');
	unlike(slurp_file($dump), qr/parquet\)/, 'nothing of ours is in the dump');
	$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('other'), '-f', $dump ], 'restore');
	is($node->safe_psql('other', 'SELECT count(*) FROM numbers'), 50000, 'all rows are there');
}

# ---- without preloading: until something of ours was used

$node->append_conf('postgresql.conf', "session_preload_libraries = ''");
$node->reload;
{
	my $s = session($node);
	my ($o, $e) = $s->query("COPY (SELECT 1 AS a) TO '$dir/late.parquet' (FORMAT parquet)");
	like($e, qr/COPY format "parquet" not recognized/, 'a session that has not loaded the library does not know the format');
	is($s->value("SELECT rows FROM lakehouse.write_parquet('SELECT 1 AS a', '$dir/function.parquet')"), 1, 'the function needs no preloading');
	$s->value("COPY (SELECT 1 AS a) TO '$dir/late.parquet' (FORMAT parquet)");
	ok(-e "$dir/late.parquet", 'once loaded, COPY knows it');
}

done_testing();
