# Iceberg tables that somebody else is writing: 1,000 commits, old snapshots gone
# as soon as they are old, and readers in between.  Each statement sees one
# snapshot, or says which file of it is gone.
# Also: cancelled in planning, dumped and restored, files that metadata has no
# business to name.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use IO::Uncompress::Gunzip qw(gunzip);
use POSIX ();
use File::Path qw(make_path);
use Lake;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Stub;
use Test::More;

my $commits = 1000;
my $readers = 3;
my $kept = 2;    # snapshots that expiry leaves

my $dir = PostgreSQL::Test::Utils::tempdir;
my $node = lake_node('iceberg');
my $s = session($node);
my $table = "$dir/t";
PostgreSQL::Test::Utils::system_or_bail('cp', '-r', fixture('iceberg/warehouse/v2/branches'), $table);
PostgreSQL::Test::Utils::system_or_bail('chmod', '-R', 'u+w', $table);

# ---- states of the table that a writer commits again and again: rows, and their sum

my %states = (3 => '3|6', 9 => '4|10', 21 => '8|39');
my (%text, %list);
foreach my $v (keys %states)
{
	my $packed = slurp_file("$table/metadata/v$v.gz.metadata.json");
	gunzip(\$packed => \my $json) or die;
	my ($current) = $json =~ /"current-snapshot-id":(\d+)/;
	# as a member of "snapshots", not of what names it elsewhere
	my ($path) = $json =~ /\{"sequence-number":\d+,"snapshot-id":$current,.*?"manifest-list":"([^"]*)"/;
	($list{$v}) = $path =~ m{/([^/]+)$};
	$text{$v} = $json;
	# the list of each commit has a name of its own
	$text{$v} =~ s{\Q$list{$v}\E}{LIST}g;
}
unlink glob("$table/metadata/v*.gz.metadata.json");

sub write_file
{
	my ($path, $content) = @_;
	open(my $f, '>', "$path.new") or die "$path: $!";
	print $f $content;
	close($f) or die;
	rename("$path.new", $path) or die "$path: $!";
	return;
}

# As a writer does it: list, metadata, hint; then what is too old goes.
sub commit
{
	my ($n) = @_;
	my $v = (3, 9, 21)[ $n % 3 ];
	link("$table/metadata/$list{$v}", "$table/metadata/snap-$n.avro") or die "link: $!";
	(my $json = $text{$v}) =~ s/LIST/snap-$n.avro/g;
	write_file("$table/metadata/v$n.metadata.json", $json);
	write_file("$table/metadata/version-hint.text", $n);
	my $old = $n - $kept;
	unlink "$table/metadata/v$old.metadata.json", "$table/metadata/snap-$old.avro" if $old > 0;
	return;
}

commit(1);
$s->value(qq{
	CREATE FOREIGN TABLE t () SERVER lake OPTIONS (location '$table', rebase_location 'auto');
	CREATE FUNCTION pause() RETURNS int LANGUAGE sql VOLATILE AS 'SELECT 0 FROM pg_sleep(0.003)';});
is($s->value('SELECT count(*), sum(id) FROM t'), $states{9}, 'the first state');

# the writer does not leave slow readers behind: every 25 commits it waits for a round of theirs
pipe(my $rounds, my $tell) or die "pipe: $!";
my $writer = fork() // die "fork: $!";
if ($writer == 0)
{
	close($tell);
	foreach my $n (2 .. $commits)
	{
		commit($n);
		sleep(0.004);
		sysread($rounds, my $one, 1) if $n % 25 == 0;
	}
	POSIX::_exit(0);
}

# Several scans with time between them, of one state: all of them agree, and with a known one.
my @queries = (
	'SELECT count(*), sum(id) FROM t',
	'SELECT (SELECT count(*) FROM t) + pause(), (SELECT sum(id) FROM t)',
	'SELECT count(*), sum(a.id) FROM t a JOIN (SELECT id, pause() FROM t) b USING (id)',
	'WITH c AS MATERIALIZED (SELECT count(*) + pause() AS n FROM t) SELECT n, (SELECT sum(id) FROM t) FROM c',
	'SELECT count(*), sum(id) FROM (SELECT id FROM t EXCEPT ALL SELECT id FROM t WHERE pause() > 0) x',
	"SET LOCAL plan_cache_mode = force_generic_plan; EXECUTE p");
my %known = map { $_ => 1 } values %states;
local $SIG{PIPE} = 'IGNORE';
my ($seen, $gone, @wrong) = (0, 0);
my %answers;
my @sessions = map { session($node) } 1 .. $readers;
$_->value('PREPARE p AS SELECT count(*), sum(id) FROM t WHERE id > 0') foreach @sessions;
my $round = 0;
while (waitpid($writer, POSIX::WNOHANG()) == 0)
{
	my $query = $queries[ $round++ % @queries ];
	syswrite($tell, '.');
	$_->begin($query) foreach @sessions;
	foreach my $session (@sessions)
	{
		my ($out, $err) = $session->finish;
		if ($err =~ /ERROR/)
		{
			if ($err =~ /58P01: .*(v\d+\.metadata\.json|snap-\d+\.avro)" does not exist/) { $gone++ }
			else { push @wrong, "$query: $err" }
		}
		elsif ($known{$out}) { $seen++; $answers{$out}++ }
		else { push @wrong, "$query: $out" }
	}
}
is($?, 0, 'the writer wrote');
is_deeply([ splice(@wrong, 0, 5) ], [], 'each statement saw one snapshot, or said that its file is gone');
cmp_ok($seen, '>', 50, "statements had answers ($gone did not)");
is(scalar(keys %answers), 3, 'all states were seen');
note("$seen answers, $gone of snapshots that were gone");
is($s->value('SELECT count(*), sum(id) FROM t'), $states{ (3, 9, 21)[ $commits % 3 ] }, 'the last state');

# ---- statements that last: what they saw first is what they see

my @order = map { $states{ (3, 9, 21)[ $_ % 3 ] } } 0 .. $commits + 10;
my $n = $commits;
$s->value('PREPARE q AS SELECT count(*), sum(id) FROM t');
is($s->value('EXECUTE q'), $order[$n], 'a prepared statement');
commit(++$n);
is($s->value('EXECUTE q'), $order[$n], 'sees the next commit');
my $before = $n;
$s->value('BEGIN; DECLARE c CURSOR FOR SELECT id FROM t ORDER BY id; FETCH 1 FROM c');
commit(++$n);
my $rest = $s->value('FETCH ALL FROM c');
is(1 + scalar(split /\n/, $rest), (split /\|/, $order[$before])[0], 'a cursor keeps its own');
is($s->value('SELECT count(*), sum(id) FROM t'), $order[$n], 'while another statement of the transaction sees the new one');
$s->value('COMMIT');
$before = $n;
$s->value('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM t');
commit(++$n);
is($s->value('SELECT count(*), sum(id) FROM t'), $order[$before], 'REPEATABLE READ');
commit(++$n) foreach 1 .. $kept + 1;
like(($s->query('SELECT count(*), sum(id) FROM t'))[1], qr/58P01.*"[^"]*v\d+\.metadata\.json" does not exist/,
	'an expired snapshot is an error that names the file');
$s->value('ROLLBACK');
is($s->value('SELECT count(*), sum(id) FROM t'), $order[$n], 'and no more than that');

# ---- cancelled while it waits for metadata, in planning

my $stub = Stub->start($table);
$s->value("CREATE SERVER http FOREIGN DATA WRAPPER lakehouse OPTIONS (allowed_locations '127.0.0.1');
	CREATE FOREIGN TABLE h (id int) SERVER http OPTIONS (location '" . $stub->url("/metadata/v$n.metadata.json") . "', format 'iceberg')");
$stub->fault(kind => 'hang', match => '/metadata/');
$s->value("SET statement_timeout = '300ms'");
my $start = time();
like(($s->query('EXPLAIN SELECT * FROM h'))[1], qr/57014/, 'cancelled in planning');
cmp_ok(time() - $start, '<', 20, 'soon');
$s->value('RESET statement_timeout');
$stub->reset;
is($s->value('SELECT 1'), 1, 'the session lives on');
$stub->stop;

# ---- in an object store: the pointer is looked up once in planning and once in execution; what cannot change is fetched once

make_path("$dir/s3/bucket/lake");
PostgreSQL::Test::Utils::system_or_bail('cp', '-r', fixture('iceberg/warehouse/demo/orders'), "$dir/s3/bucket/lake/orders");
my $s3 = Stub->start("$dir/s3", '--s3', '--key', 'ALICE:alicesecret', '--key', 'BOB:bobsecret');
$s->value("CREATE SERVER s3 FOREIGN DATA WRAPPER lakehouse OPTIONS (allowed_locations 's3://bucket/lake, 127.0.0.1', endpoint '" . $s3->url('') . "');
	CREATE USER MAPPING FOR CURRENT_USER SERVER s3 OPTIONS (access_key_id 'ALICE', secret_access_key 'alicesecret');
	CREATE FOREIGN TABLE far () SERVER s3 OPTIONS (location 's3://bucket/lake/orders', rebase_location 'auto');
	CREATE FOREIGN TABLE unmoved (id int) SERVER s3 OPTIONS (location 's3://bucket/lake/orders')");
is($s->value('SELECT count(*), sum(price) FROM far'), '83|2530.75', 'an object store');
$s3->reset;
is($s->value('SELECT (SELECT count(*) FROM far), (SELECT sum(price) FROM far), (SELECT max(id) FROM far)'), '83|2530.75|90', 'three scans');
is(scalar($s3->requests(qr{GET /bucket/lake.*version-hint})), 2, 'the pointer: once in planning, once in execution');
is(scalar($s3->requests(qr{GET /bucket/lake.*-m\d\.avro})), 0, 'manifests are in the cache');
$s->value('SET plan_cache_mode = force_generic_plan; PREPARE far AS SELECT (SELECT count(*) FROM far WHERE id > $1) + (SELECT count(*) FROM far WHERE id <= $1)');
is($s->value('EXECUTE far(7)'), 83, 'a generic plan');
$s3->reset;
is($s->value('EXECUTE far(8)'), 83, 'that was made before');
is(scalar($s3->requests(qr{GET /bucket/lake.*version-hint})), 1, 'the pointer: once, in execution');
$s->value('RESET plan_cache_mode; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET cpu_operator_cost = 10');
$s3->reset;
my $parallel = $s->value('EXPLAIN (ANALYZE) SELECT id FROM far WHERE id > 0 ORDER BY id');
like($parallel, qr/rows=83.*Workers Launched: [1-9]/s, 'a parallel plan');
is(scalar($s3->requests(qr{GET /bucket/lake.*version-hint})), 2, 'the pointer: by the leader alone');
$s->value('RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size; RESET cpu_operator_cost');
# what one mapping fetched serves no other
$s->value("CREATE ROLE bob; GRANT USAGE ON FOREIGN SERVER s3 TO bob; GRANT ALL ON SCHEMA public TO bob; CREATE USER MAPPING FOR bob SERVER s3 OPTIONS (access_key_id 'BOB', secret_access_key 'bobsecret');
	CREATE FOREIGN TABLE bobs (id int) SERVER s3 OPTIONS (location 's3://bucket/lake/orders', rebase_location 'auto'); ALTER FOREIGN TABLE bobs OWNER TO bob");
$s3->reset;
is($s->value('SELECT count(*) FROM (SELECT id FROM bobs OFFSET 0) x'), '83', 'the table by another mapping');
my $fetched = sub { scalar($s3->requests(qr{GET /bucket/lake.*$_[0]})) };
cmp_ok($fetched->($_), '>', 0, "which fetches its own: $_") foreach qr{v9\.metadata\.json}, qr{snap-}, qr{-m\d\.avro};
$s3->reset;
is($s->value('SELECT count(*) FROM (SELECT id FROM bobs OFFSET 0) x'), '83', 'again');
is($fetched->(qr{-m\d\.avro}), 0, 'and keeps them');
$s->value("ALTER USER MAPPING FOR bob SERVER s3 OPTIONS (SET secret_access_key 'wrong')");
like(($s->query('SELECT count(*) FROM bobs'))[1], qr/ERROR:  42501/, 'but not with another secret');
$s->value('DROP FOREIGN TABLE bobs; DROP OWNED BY bob; DROP ROLE bob');
$s->value('SET lakehouse.manifest_cache = 0');
is($s->value('SELECT count(*), sum(price) FROM far'), '83|2530.75', 'without cache');
$s->value('RESET lakehouse.manifest_cache');
like(($s->query('SELECT count(*) FROM unmoved'))[1], qr/ERROR:  (42501|0A000).*lakehouse_fixtures/, 'a remote table never leads to a local file');
# whoever asks, and may read all local files: a list that the metadata of a remote table puts elsewhere
make_path("$dir/s3/bucket/lake/trap/metadata");
write_file("$dir/hidden", 'hidden');
my $metadata = slurp_file("$dir/s3/bucket/lake/orders/metadata/v9.metadata.json");
$s->value("CREATE FOREIGN TABLE far_trap (id int) SERVER s3 OPTIONS (location 's3://bucket/lake/trap/metadata/v1.metadata.json', rebase_location 'auto')");
foreach my $path ("$dir/hidden", "file:$dir/hidden", "file://$dir/hidden", 'http://169.254.169.254/latest/meta-data', 's3://another/list.avro')
{
	(my $json = $metadata) =~ s{"manifest-list"\s*:\s*"[^"]*"}{"manifest-list":"$path"}g;
	write_file("$dir/s3/bucket/lake/trap/metadata/v1.metadata.json", $json);
	my ($out, $err) = $s->query('SELECT count(*) FROM far_trap');
	like($err, qr/ERROR:  (42501|0A000).*manifest list ".*", named by ".*v1\.metadata\.json"/, "a remote table that leads to $path");
	is($out, '', "$path: no rows");
}
# in its own bucket, but not where the server option allows
(my $json = $metadata) =~ s{"manifest-list"\s*:\s*"[^"]*"}{"manifest-list":"s3://bucket/elsewhere/list.avro"}g;
write_file("$dir/s3/bucket/lake/trap/metadata/v1.metadata.json", $json);
like(($s->query('SELECT count(*) FROM far_trap'))[1], qr{ERROR:  42501.*s3://bucket/elsewhere/list\.avro}, 'nor is its bucket its own');
is(scalar($s3->requests(qr{another|elsewhere|meta-data})), 0, 'and nothing was asked for');
$s->value('DROP SERVER s3 CASCADE');
$s3->stop;

# ---- pg_dump keeps the field ids, and a restore touches no file

$s->value('ALTER FOREIGN TABLE t RENAME COLUMN s TO mine');
my $options = q{SELECT attname, (SELECT string_agg(o, ' ' ORDER BY o) FROM unnest(attfdwoptions) o) FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0 ORDER BY attnum};
my $defined = $s->value($options);
like($defined, qr/^id\|field_id=1\nmine\|.*field_id=2/, 'columns have field ids');
$s->value('DROP FOREIGN TABLE h; DROP SERVER http');
$s->quit;
$node->command_ok([ 'pg_dump', '-f', "$dir/dump.sql", $node->connstr('postgres') ], 'pg_dump');
rename($table, "$table.away") or die;
$node->safe_psql('postgres', 'CREATE DATABASE copy');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$dir/dump.sql", $node->connstr('copy') ], 'restored without files');
rename("$table.away", $table) or die;
$s = session($node, db => 'copy');
is($s->value($options), $defined, 'the same columns');
is($s->value('SELECT count(*), sum(id) FROM t'), $order[$n], 'the same rows');

# ---- metadata that names files that are not the table's: for those who may not read any file

my $secret = "$dir/secret";
write_file($secret, 'hidden words');
$s->value("CREATE ROLE reader; CREATE SERVER base FOREIGN DATA WRAPPER lakehouse OPTIONS (base_directories '$dir/traps');
	GRANT USAGE ON FOREIGN SERVER base TO reader; GRANT ALL ON SCHEMA public TO reader; SET ROLE reader");
mkdir "$dir/traps";
my $good = $text{9};
my $was = '/tmp/lakehouse_fixtures/warehouse/v2/branches';
my $named = qr{manifest list ".*", named by ".*/v1\.metadata\.json",};
# a copy of the table whose list is called so: its rows, and what went wrong
my $k = 0;
sub trapped
{
	my ($path) = @_;
	my $trap = "$dir/traps/" . ++$k;
	PostgreSQL::Test::Utils::system_or_bail('cp', '-r', $table, $trap);
	unlink glob("$trap/metadata/v*.metadata.json");
	unlink "$trap/metadata/version-hint.text";
	# a link that nobody should follow is refused wherever files are listed: only where it is the trap
	symlink($secret, "$trap/metadata/link.avro") if $path =~ /link\.avro$/;
	(my $json = $good) =~ s{"manifest-list":"[^"]*LIST"}{"manifest-list":"$path"}g or die;
	write_file("$trap/metadata/v1.metadata.json", $json);
	$s->value("CREATE FOREIGN TABLE trap$k (id int) SERVER base OPTIONS (location '$trap', rebase_location 'auto')");
	return $s->query("SELECT count(*), sum(id) FROM trap$k");
}
# what is refused below is refused for its path alone
is((trapped("$was/metadata/$list{9}"))[0], $states{9}, 'the right path');
# each path: the one error that it may have
my %traps = (
	'an absolute path' => [ $secret, qr{ERROR:  42501: .*no right to read "\Q$secret\E"} ],
	'a file URL' => [ "file://$secret", qr{ERROR:  42501: .*no right to read "\Q$secret\E"} ],
	'a path that climbs out' => [ "$was/metadata/../../../secret", qr{ERROR:  42501: .*$named would leave the table by "\.\."} ],
	'a path that climbs out, encoded' => [ "file://$was/%2e%2e/%2e%2e/secret", qr{ERROR:  42501: .*$named would leave the table by "\.\."} ],
	'a link' => [ "$was/metadata/link.avro", qr{ERROR:  42501: .*link\.avro" leads out of base directory} ],
	'another scheme' => [ 's3://bucket/list.avro', qr{ERROR:  42501: .*$named is elsewhere, and not covered by the option allowed_locations} ],
	# of HDFS the table may have been copied: then its list lies with it, and nowhere else
	'a host' => [ "hdfs://elsewhere$was/metadata/x.avro", qr{ERROR:  58P01: .*/traps/\d+/metadata/x\.avro} ],
	'a network location' => [ 'http://169.254.169.254/latest/meta-data', qr{ERROR:  42501: .*$named is elsewhere, and not covered by the option allowed_locations} ]);
foreach my $what (sort keys %traps)
{
	my ($path, $error) = @{ $traps{$what} };
	my ($out, $err) = trapped($path);
	like($err, $error, "$what is refused for what it is");
	unlike($err, qr/hidden words/, "$what: nothing of the file is told");
	is($out, '', "$what: no rows");
}

# ---- a reader without rights to files reads what the owner may

$s->value("RESET ROLE; CREATE ROLE plain LOGIN; GRANT SELECT ON t TO plain; SET ROLE plain");
is($s->value('SELECT count(*), sum(id) FROM t'), $order[$n], 'SELECT on the table suffices');
like(($s->query("CREATE FOREIGN TABLE mine () SERVER base OPTIONS (location '$table')"))[1], qr/42501/, 'but not to make one');
like(($s->query("SELECT * FROM lakehouse.iceberg_files('$table')"))[1], qr/42501/, 'nor to look into a location');
$s->quit;
$node->stop;
done_testing();
