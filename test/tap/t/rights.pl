# Rights in sessions that live on: plans that are kept, footers that are cached,
# rights that go while somebody reads, links that are swapped all the time, and
# conditions that must not see what a policy hides.
# (sql/rights.sql and sql/read_rights.sql have each check by itself.)
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Lake;
use ParquetFile;
use POSIX ();
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir;
my $node = lake_node('rights');
my $denied = qr/ERROR: +42501: /;

sub write_rows
{
	my ($path, $n, $name) = @_;
	write_parquet($path, [[ 'id', 'int64' ], [ 'name', 'text' ]], [[ [ 1 .. $n ], [ ($name) x $n ] ]]);
	return;
}

mkdir "$dir/$_" foreach qw(base base/sub outside);
write_rows("$dir/base/open.parquet", 3, 'open');
write_rows("$dir/base/sub/open.parquet", 3, 'open');
write_rows("$dir/outside/open.parquet", 3, 'secret');
write_rows("$dir/outside/secret.parquet", 3, 'secret');
$node->safe_psql('postgres', qq{
	CREATE ROLE files LOGIN IN ROLE pg_read_server_files;
	CREATE ROLE based LOGIN;
	CREATE ROLE reader LOGIN;
	CREATE ROLE stranger LOGIN;
	CREATE SERVER based FOREIGN DATA WRAPPER lakehouse OPTIONS (base_directories '$dir/base');
	GRANT USAGE ON FOREIGN SERVER based TO based;
	GRANT USAGE ON FOREIGN SERVER lake TO files;
	GRANT CREATE ON SCHEMA public TO files, based;
	GRANT EXECUTE ON FUNCTION lakehouse.list(text, name) TO based;});
my %s = map { $_ => session($node, user => $_) } qw(files based reader stranger);
my $super = session($node);
$s{files}->value(qq{
	CREATE FOREIGN TABLE f () SERVER lake OPTIONS (location '$dir/outside/secret.parquet');
	GRANT SELECT ON f TO reader;});
$s{based}->value(qq{
	CREATE FOREIGN TABLE b () SERVER based OPTIONS (location '$dir/base/open.parquet');
	CREATE FOREIGN TABLE d () SERVER based OPTIONS (location '$dir/base/sub');
	GRANT SELECT ON b, d TO reader;});

# ---- a reader without any right to files, in a session that keeps plans, footers and cursors

my $r = $s{reader};
$r->value(q{
	SET plan_cache_mode = force_generic_plan;
	PREPARE rows AS SELECT id, name FROM f WHERE id > 1;
	PREPARE counted AS SELECT count(*), max(id) FROM f;
	PREPARE based AS SELECT sum(id) FROM b;});
is($r->value('EXECUTE rows'), "2|secret\n3|secret", 'reader: rows');
is($r->value('EXECUTE counted'), '3|3', 'reader: an answer from metadata');
is($r->value('EXECUTE based'), 6, 'reader: below a base directory');
like(($r->query('SELECT * FROM lakehouse.list(\'' . $dir . '\')'))[1], $denied, 'reader: no function');
like(($r->query('SELECT * FROM lakehouse.refresh_columns(\'f\')'))[1], qr/ERROR: +42501: must be owner/, 'reader: no change of columns');
like(($s{stranger}->query('SELECT count(*) FROM f'))[1], $denied, 'stranger: no row');
is($s{stranger}->value("SELECT has_table_privilege('f', 'SELECT')"), 'f', 'stranger: as PostgreSQL says');

# the owner's right goes, and with it everybody's, whatever is cached
sub nobody_reads
{
	my ($what, $revoke, $grant, %p) = @_;
	$r->value('BEGIN; DECLARE c CURSOR FOR SELECT id FROM f; FETCH 1 FROM c') unless $p{locks};
	$super->value($revoke);
	is($r->value('FETCH ALL FROM c; COMMIT'), "2\n3", "$what: what was open is read to its end") unless $p{locks};
	foreach my $query ('EXECUTE rows', 'EXECUTE counted', 'SELECT * FROM f', 'SELECT count(*) FROM f')
	{
		my ($out, $err) = $r->query($query);
		like($err, $denied, "$what: $query fails");
		is($out, '', "$what: $query gives nothing");
	}
	like(($_->query('SELECT count(*) FROM f'))[1], $denied, "$what: nor does anybody else read") foreach $super, $s{files};
	like(($super->query('ANALYZE f'))[1], $denied, "$what: nor ANALYZE");
	$super->value($grant);
	is($r->value('EXECUTE counted'), '3|3', "$what: granted again, it is read again");
	return;
}
nobody_reads('membership', 'REVOKE pg_read_server_files FROM files', 'GRANT pg_read_server_files TO files');
nobody_reads('inheritance', 'ALTER ROLE files NOINHERIT', 'ALTER ROLE files INHERIT')
  if $node->pg_version < 16;
nobody_reads('another owner', 'ALTER FOREIGN TABLE f OWNER TO stranger', 'ALTER FOREIGN TABLE f OWNER TO files', locks => 1);
$super->value('REVOKE USAGE ON FOREIGN SERVER based FROM based');
like(($r->query('EXECUTE based'))[1], $denied, 'USAGE of the server: gone for the reader, too');
$super->value('GRANT USAGE ON FOREIGN SERVER based TO based');
$super->value("ALTER SERVER based OPTIONS (SET base_directories '$dir/base/sub')");
like(($r->query('EXECUTE based'))[1], $denied, 'another base directory: plans notice');
$super->value("ALTER SERVER based OPTIONS (SET base_directories '$dir/base')");
is($r->value('EXECUTE based'), 6, 'and notice that it is back');

# the reader's own right
$super->value('REVOKE SELECT ON f FROM reader');
like(($r->query("EXECUTE $_"))[1], $denied, "SELECT revoked: $_ of a kept plan") foreach qw(rows counted);
$super->value('GRANT SELECT (id) ON f TO reader');
is($r->value('SELECT sum(id) FROM f'), 6, 'a column: granted');
like(($r->query('SELECT name FROM f'))[1], $denied, 'a column: the other one is not');
like(($r->query(q{SELECT count(*) FROM f WHERE name LIKE 's%'}))[1], $denied, 'a column: nor in a pushed condition');
like(($r->query('SELECT max(name) FROM f'))[1], $denied, 'a column: nor in a pushed aggregate');
$super->value('GRANT SELECT ON f TO reader');

# ---- one session, several roles

$super->value(q{
	PREPARE own AS SELECT count(*) FROM f WHERE name = 'secret';
	SET plan_cache_mode = force_generic_plan;});
is($super->value('EXECUTE own'), 3, 'SET ROLE: a plan of the superuser');
$super->value('SET ROLE reader');
is($super->value('EXECUTE own'), 3, 'SET ROLE: for a reader');
$super->value('SET ROLE stranger');
like(($super->query('EXECUTE own'))[1], $denied, 'SET ROLE: not for a stranger');
$super->value('SET SESSION AUTHORIZATION stranger');
like(($super->query('EXECUTE own'))[1], $denied, 'SET SESSION AUTHORIZATION: nor so');
$super->value('RESET SESSION AUTHORIZATION; RESET ROLE');

# functions: as their caller, or as their owner
$s{files}->value(q{
	CREATE FUNCTION invoker() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM public.f';
	CREATE FUNCTION definer() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
		AS 'BEGIN RETURN (SELECT count(*) FROM public.f); END';
	CREATE FUNCTION own_read(location text) RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
		AS 'BEGIN RETURN (SELECT count(*) FROM lakehouse.read(location) AS t(id bigint)); END'});
foreach my $round (1, 2)
{
	like(($s{stranger}->query('SELECT invoker()'))[1], $denied, "SECURITY INVOKER, call $round: as its caller");
	is($s{stranger}->value('SELECT definer()'), 3, "SECURITY DEFINER, call $round: as its owner");
	is($super->value("SELECT own_read('$dir/outside/secret.parquet')"), 3, "lakehouse.read in a function, call $round: as its caller");
	$super->value('SET ROLE stranger');
	like(($super->query("SELECT own_read('$dir/outside/secret.parquet')"))[1], $denied,
		"lakehouse.read in a function, call $round: whose plan is kept");
	$super->value('RESET ROLE');
}

# ---- policies: a function that tells what it sees is asked about visible rows only

mkdir "$dir/rows";
foreach my $of ([ 'reader', 1 ], [ 'stranger', 11 ], [ 'based', 21 ])
{
	my ($owner, $first) = @$of;
	write_parquet("$dir/rows/$owner.parquet", [[ 'owner', 'text' ], [ 'amount', 'int64' ]],
		[[ [ ($owner) x 3 ], [ $first .. $first + 2 ] ]]);
}
$super->value(qq{
	CREATE FUNCTION tells(text, bigint) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 IMMUTABLE AS
		\$\$ BEGIN RAISE NOTICE 'saw % %', \$1, \$2; RETURN true; END \$\$;
	CREATE FUNCTION tells(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 IMMUTABLE STRICT AS
		\$\$ BEGIN RAISE NOTICE 'saw %', \$1; RETURN true; END \$\$;
	CREATE FOREIGN TABLE all_rows () SERVER lake OPTIONS (location '$dir/rows');
	CREATE VIEW barrier WITH (security_barrier) AS SELECT * FROM all_rows WHERE owner = current_user;
	CREATE TABLE wrapper (owner text, amount bigint) PARTITION BY LIST (owner);
	CREATE FOREIGN TABLE w1 () SERVER lake OPTIONS (location '$dir/rows/reader.parquet');
	CREATE FOREIGN TABLE w2 (amount bigint, owner text) SERVER lake OPTIONS (location '$dir/rows/stranger.parquet');
	CREATE FOREIGN TABLE w3 () SERVER lake OPTIONS (location '$dir/rows/based.parquet');
	ALTER TABLE wrapper ATTACH PARTITION w1 FOR VALUES IN ('reader');
	ALTER TABLE wrapper ATTACH PARTITION w2 FOR VALUES IN ('stranger');
	ALTER TABLE wrapper ATTACH PARTITION w3 DEFAULT;
	ALTER TABLE wrapper ENABLE ROW LEVEL SECURITY;
	CREATE POLICY mine ON wrapper USING (owner = current_user);
	GRANT SELECT ON barrier, wrapper TO PUBLIC;});
foreach my $table (qw(barrier wrapper))
{
	foreach my $role (qw(reader stranger))
	{
		my $first = $role eq 'reader' ? 1 : 11;
		my $q = $s{$role};
		is($q->value("SELECT count(*), min(amount), max(amount) FROM $table"), join('|', 3, $first, $first + 2), "$table, $role: own rows");
		is($q->value("SELECT count(*) FROM $table WHERE amount > 0 AND owner <> '$role'"), 0, "$table, $role: no others");
		foreach my $condition ('tells(owner, amount)', 'tells(owner)', 'tells(owner) AND amount > 0', 'amount > 0 AND tells(upper(owner))')
		{
			my ($out, $err) = $q->query("SELECT count(*) FROM $table WHERE $condition");
			is($out, 3, "$table, $role: $condition");
			is(scalar(grep { !/saw \Q$role\E/i } $err =~ /saw \w+/g), 0, "$table, $role: $condition sees nobody else's rows");
			cmp_ok(scalar(my @n = $err =~ /saw /g), '>', 0, "$table, $role: $condition was asked");
		}
		my ($out, $err) = $q->query("SELECT count(*) FROM $table WHERE 1 / (amount - 22) < 5");
		is("$out$err", 3, "$table, $role: an error of a hidden row does not show");
	}
}
like(($s{reader}->query("SELECT * FROM $_"))[1], $denied, "$_ itself is not granted") foreach qw(all_rows w1 w2);
$super->value('PREPARE mine AS SELECT sum(amount) FROM wrapper');
foreach my $round (1 .. 2)
{
	is($super->value('EXECUTE mine'), 6 + 36 + 66, "a kept plan and a policy, round $round: the owner");
	foreach my $role ([ 'reader', 6 ], [ 'stranger', 36 ])
	{
		$super->value("SET ROLE $role->[0]");
		is($super->value('EXECUTE mine'), $role->[1], "a kept plan and a policy, round $round: $role->[0]");
		$super->value('RESET ROLE');
	}
}

# ---- links in a base directory that somebody swaps as fast as can be

# open.parquet and the directory sub lead out of the base every other moment.
my $end = time() + 4;
my $child = fork();
die 'fork' unless defined $child;
if ($child == 0)
{
	for (my $i = 0; time() < $end; $i++)
	{
		my $in = $i % 2;
		symlink($in ? 'in/open.parquet' : '../outside/open.parquet', "$dir/base/new1");
		rename("$dir/base/new1", "$dir/base/open.parquet");
		symlink($in ? 'in' : "$dir/outside", "$dir/base/new2");
		rename("$dir/base/new2", "$dir/base/swapped");
	}
	POSIX::_exit(0);
}
mkdir "$dir/base/in";
write_rows("$dir/base/in/open.parquet", 3, 'open');
$super->value(qq{
	CREATE FOREIGN TABLE swapped (id bigint, name text) SERVER based OPTIONS (location '$dir/base/swapped/open.parquet');
	ALTER FOREIGN TABLE swapped OWNER TO based;
	GRANT SELECT ON swapped TO reader;});
my (%rows, %errors);
while (time() < $end - 0.1)
{
	foreach my $query ('SELECT name FROM b', 'SELECT name FROM swapped', 'SELECT max(name COLLATE "C") FROM swapped')
	{
		my ($out, $err) = $r->query($query);
		$rows{$_}++ foreach split /\n/, $out;
		$errors{ $err =~ /ERROR: +(\w+)/ ? $1 : '?' }++ if $err;
	}
	my ($out, $err) = $s{based}->query("SELECT count(*) FROM lakehouse.list('$dir/base/swapped', 'based') WHERE path LIKE '%secret%'");
	$rows{listed}++ if $out && $out > 0;
}
waitpid($child, 0);
is_deeply([ sort keys %rows ], ['open'], 'swapped links: no row from outside');
cmp_ok($rows{open} // 0, '>', 10, 'swapped links: rows from inside were read');
is_deeply([ grep { !/^(42501|58P01|55000)$/ } sort keys %errors ], [], 'swapped links: errors say denied, gone or changed');
cmp_ok($errors{42501} // 0, '>', 10, 'swapped links: what led out was refused');
is_deeply([ grep { /\Q$dir/ } open_files($r->pid) ], [], 'swapped links: nothing is left open');

ok(!$node->log_contains('TRAP|PANIC|terminated by signal'), 'no process died');
done_testing();
