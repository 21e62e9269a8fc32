# A database moves to another server by pg_dump, and a server by pg_dumpall,
# while the files are away: every option, rights, partitions, what hangs on the
# tables.  The files come back, and with them the rows.
# (sql/infer_dump.sql has the same for names and inferred columns in one server.)
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Lake;
use ParquetFile;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir;
my $node = lake_node('dump');

# ---- the files

my @columns = ([ 'id', 'int64' ], [ 'Long name', 'text' ], [ 'v', 'int32' ]);
sub write_some { my ($path, $k) = @_; write_parquet($path, \@columns, [[ [ map { $k + $_ } 1 .. 5 ], [ map { "t$_" } 1 .. 5 ], [ 1 .. 5 ] ]]); return }
mkdir "$dir/$_" foreach 'data', 'data/y=1', 'data/y=2', 'other';
write_some("$dir/data/y=1/a.parquet", 0);
write_some("$dir/data/y=2/b.parquet", 10);
write_some("$dir/other/it's \"odd\".parquet", 100);

my $odd = "$dir/other/it''s \"odd\".parquet";
my $list = "[\"$dir/data/y=1/*.parquet\", \"$dir/data/y=2/b.parquet\"]";
$node->safe_psql('postgres', qq{
	CREATE ROLE lake_owner;
	CREATE ROLE lake_reader LOGIN;
	CREATE ROLE lake_files LOGIN IN ROLE pg_read_server_files;
	ALTER ROLE lake_reader SET lakehouse.pushdown = off;
	CREATE SERVER based FOREIGN DATA WRAPPER lakehouse OPTIONS (base_directories '$dir/data, $dir/other');
	GRANT USAGE ON FOREIGN SERVER based TO lake_owner WITH GRANT OPTION;
	GRANT USAGE ON FOREIGN DATA WRAPPER lakehouse TO lake_files;
	GRANT EXECUTE ON FUNCTION lakehouse.list(text, name) TO lake_owner;
	REVOKE EXECUTE ON FUNCTION lakehouse.refresh_columns(regclass) FROM PUBLIC;
	CREATE USER MAPPING FOR lake_owner SERVER based;
	CREATE SCHEMA l AUTHORIZATION lake_owner;
	GRANT USAGE ON SCHEMA l TO PUBLIC;
	SET ROLE lake_owner;
	CREATE DOMAIN l.small AS int CHECK (VALUE < 10);
	CREATE FOREIGN TABLE l.inferred () SERVER based OPTIONS (location '$dir/data', hive_partitioning 'true',
		filename_column 'from_file', union_by_name 'true', timestamp_ns 'error', out_of_range 'null', check_crc 'true', format 'parquet');
	CREATE FOREIGN TABLE l.chosen () SERVER based OPTIONS (location '$dir/data', columns '["v", "Long name"]');
	CREATE FOREIGN TABLE l.listed (name text OPTIONS (column_name 'Long name') NOT NULL, id numeric(20) DEFAULT 7, v l.small, y text,
		CHECK (id > 0)) SERVER based OPTIONS (location '$list');
	CREATE FOREIGN TABLE l.odd () SERVER based OPTIONS (location '$odd');
	ALTER FOREIGN TABLE l.odd RENAME COLUMN v TO "it's";
	ALTER FOREIGN TABLE l.odd DROP COLUMN id;
	ALTER FOREIGN TABLE l.odd ALTER COLUMN "it's" TYPE bigint;
	COMMENT ON FOREIGN TABLE l.odd IS 'odd';
	COMMENT ON COLUMN l.odd."it's" IS 'it is';
	CREATE TABLE l.parted (v int, id bigint, "Long name" text) PARTITION BY RANGE (id);
	CREATE FOREIGN TABLE l.p1 PARTITION OF l.parted FOR VALUES FROM (0) TO (10) SERVER based OPTIONS (location '$dir/data/y=1/a.parquet');
	CREATE FOREIGN TABLE l.p2 () SERVER based OPTIONS (location '$dir/data/y=2');
	ALTER FOREIGN TABLE l.p2 DROP COLUMN y;
	ALTER TABLE l.parted ATTACH PARTITION l.p2 FOR VALUES FROM (10) TO (20);
	CREATE TABLE l.local PARTITION OF l.parted DEFAULT;
	INSERT INTO l.parted VALUES (1, 1000, 'local');
	CREATE TABLE l.parent (id bigint);
	CREATE FOREIGN TABLE l.child () INHERITS (l.parent) SERVER based OPTIONS (location '$dir/data/y=1');
	CREATE VIEW l.seen WITH (security_barrier) AS SELECT name, id FROM l.listed WHERE v > 1;
	CREATE VIEW l.by_function AS SELECT id FROM lakehouse.read('$dir/data/y=1/a.parquet') AS t(id bigint);
	CREATE MATERIALIZED VIEW l.kept AS SELECT count(*) FROM l.listed;
	CREATE FUNCTION l.counted() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM l.listed';
	CREATE FUNCTION l.new_style() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM l.odd; END;
	GRANT SELECT ON l.seen, l.parted TO lake_reader;
	GRANT SELECT (id) ON l.listed TO lake_reader;
	RESET ROLE;
	ANALYZE l.listed;
	ALTER FOREIGN TABLE l.odd OWNER TO lake_files;
	GRANT USAGE ON FOREIGN SERVER based TO lake_files;});

my %contents = (
	inferred => 'SELECT id, "Long name", v, y, from_file FROM l.inferred ORDER BY id',
	chosen => 'SELECT c FROM l.chosen c ORDER BY 1',
	listed => 'SELECT name, id, v, y FROM l.listed ORDER BY id',
	odd => 'SELECT o FROM l.odd o ORDER BY "it\'s"',
	parted => 'SELECT tableoid::regclass, p FROM l.parted p ORDER BY id',
	child => 'SELECT tableoid::regclass, * FROM l.parent ORDER BY id',
	seen => 'SELECT * FROM l.seen ORDER BY id',
	kept => 'SELECT * FROM l.kept',
	counted => 'SELECT l.counted(), l.new_style()');
my %before = map { $_ => $node->safe_psql('postgres', $contents{$_}) } keys %contents;
is(scalar(my @lines = split /\n/, $before{inferred}), 10, 'there are rows');

# ---- comparing two servers

sub text_dump
{
	my ($of, $db) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir . '/dump.sql';
	PostgreSQL::Test::Utils::system_or_bail('pg_dump', '--no-sync', '-f', $file, '-d', $of->connstr($db));
	my $text = slurp_file($file);
	$text =~ s/^(--.*|\\(un)?restrict .*)\n//mg;
	return $text;
}
my $text = text_dump($node, 'postgres');
unlike($text, qr/EVENT TRIGGER|CREATE FUNCTION lakehouse\./, 'what belongs to the extension is not dumped');
like($text, qr/^REVOKE ALL ON FUNCTION lakehouse\.refresh_columns/m, 'but rights on it are');
like($text, qr/^ {4}location '\Q$odd\E'/m, 'a location with quotes');
like($text, qr/^ALTER FOREIGN TABLE (ONLY )?l\.listed ALTER COLUMN name OPTIONS \(\n +column_name 'Long name'/m, 'column options');
unlike($text, qr/^COPY l\.(inferred|listed|odd|p1|p2|child)/m, 'rows of files are not dumped');

sub same_as_before
{
	my ($what, $there, $db) = @_;
	foreach my $name (sort keys %contents)
	{
		is($there->safe_psql($db, $contents{$name}), $before{$name}, "$what: $name");
	}
	my ($ret, $out, $err) = $there->psql($db, 'SELECT count(*) FROM l.seen', extra_params => [ '-U', 'lake_reader' ]);
	is($out, $there->safe_psql($db, 'SELECT count(*) FROM l.seen'), "$what: the reader reads");
	($ret, $out, $err) = $there->psql($db, 'SELECT count(*) FROM l.odd', extra_params => [ '-U', 'lake_reader' ]);
	like($err, qr/permission denied/, "$what: and reads no more than before");
	($ret, $out, $err) = $there->psql($db, "SELECT * FROM lakehouse.refresh_columns('l.odd')", extra_params => [ '-U', 'lake_files' ]);
	like($err, qr/permission denied for function/, "$what: a right that was revoked stays so");
	is($there->safe_psql($db, q{SELECT evtenabled, evtevent FROM pg_event_trigger WHERE evtname = 'lakehouse_define'}), 'A|ddl_command_end',
		"$what: the event trigger fires always");
	is($there->safe_psql($db, q{SELECT count(*) FROM pg_depend WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
			AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'lakehouse')}),
		$node->safe_psql('postgres', q{SELECT count(*) FROM pg_depend WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
			AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'lakehouse')}), "$what: members of the extension");
	is(text_dump($there, $db), $text, "$what: dumped again it is the same");
	return;
}

# ---- with the files away: what has to be restored without them

sub away { rename("$dir/$_", "$dir/$_.away") or die foreach qw(data other); return }
sub back { rename("$dir/$_.away", "$dir/$_") or die foreach qw(data other); return }

$node->command_ok([ 'pg_dump', '--no-sync', '-Fc', '-f', "$dir/dump.custom", '-d', $node->connstr('postgres') ], 'pg_dump -Fc');
$node->command_ok([ 'pg_dumpall', '--no-sync', '-f', "$dir/all.sql", '-d', $node->connstr('postgres') ], 'pg_dumpall');
away();
$node->command_ok([ 'pg_dump', '--no-sync', '-Fd', '-j', 2, '-f', "$dir/dump.dir", '-d', $node->connstr('postgres') ], 'pg_dump -Fd while the files are away');

# A materialized view is filled by its query: that needs the files, all else does not.
foreach my $kind ('custom', 'dir')
{
	$node->safe_psql('postgres', "CREATE DATABASE $kind");
	my ($out, $err);
	IPC::Run::run([ $node->installed_command('pg_restore'), '-d', $node->connstr($kind), "$dir/dump.$kind" ], '>', \$out, '2>', \$err);
	my @errors = $err =~ /error: (could not execute.*)/g;
	is(scalar @errors, 1, "pg_restore of $kind: one error") or diag($err);
	like($err, qr{".*/data" does not exist.*Command was: REFRESH MATERIALIZED VIEW l\.kept}s, "pg_restore of $kind: of the materialized view");
	is($node->safe_psql($kind, "SELECT count(*) FROM pg_class WHERE relkind = 'f'"), 7, "pg_restore of $kind: all tables");
	my ($ret, $rows, $complaint) = $node->psql($kind, 'SELECT count(*) FROM l.inferred');
	like($complaint, qr{"\Q$dir\E/data" does not exist}, "pg_restore of $kind: a scan says what is missing");
}
back();
$node->safe_psql($_, 'REFRESH MATERIALIZED VIEW l.kept') foreach 'custom', 'dir';
same_as_before("restored from $_", $node, $_) foreach 'custom', 'dir';

# ---- a whole server

my $there = PostgreSQL::Test::Cluster->new('there');
$there->init;
$there->start;
away();
my ($ret, $out, $err) = $there->psql('postgres', "\\i $dir/all.sql", on_error_stop => 0);
my @errors = grep { /ERROR/ && !/role ".*" already exists/ } split /\n/, $err;
is(scalar(grep { !m{does not exist} } @errors), 0, 'pg_dumpall: no other errors than of files that are away') or diag($err);
is(scalar @errors, 1, 'pg_dumpall: one for the materialized view') or diag(join "\n", @errors);
back();
$there->safe_psql('postgres', 'REFRESH MATERIALIZED VIEW l.kept');
same_as_before('another server', $there, 'postgres');
is($there->safe_psql('postgres', q{SELECT pg_has_role('lake_files', 'pg_read_server_files', 'MEMBER'), rolconfig FROM pg_roles WHERE rolname = 'lake_files'}),
	't|', 'another server: roles');
is($there->safe_psql('postgres', q{SELECT rolconfig FROM pg_roles WHERE rolname = 'lake_reader'}), '{lakehouse.pushdown=off}',
	'another server: settings of roles, which were set before the library was loaded');

# ---- rows of foreign tables in a dump

$node->command_ok([ 'pg_dump', '--no-sync', '--include-foreign-data', 'based', '-f', "$dir/rows.sql", '-d', $node->connstr('postgres') ],
	'--include-foreign-data');
like(slurp_file("$dir/rows.sql"), qr/^COPY l\.listed .*FROM stdin;\nt1\t1\t1\t1\n/m, '--include-foreign-data: the rows are there');
$node->safe_psql('postgres', 'CREATE DATABASE with_rows');
($ret, $out, $err) = $node->psql('with_rows', "\\i $dir/rows.sql", on_error_stop => 0);
like($err, qr/ERROR:  cannot insert into foreign table "listed"/, '--include-foreign-data: they cannot be restored into files, which is said');
is($node->safe_psql('with_rows', $contents{listed}), $before{listed}, '--include-foreign-data: the tables are there all the same');
away();
$node->command_checks_all([ 'pg_dump', '--no-sync', '--include-foreign-data', 'based', '-f', "$dir/none.sql", '-d', $node->connstr('postgres') ],
	1, [qr/^$/], [qr{pg_dump: .*(data|other).* does not exist}s], '--include-foreign-data without the files: an error that names one');
back();

# ---- the extension away and back

$node->safe_psql('dir', 'DROP EXTENSION lakehouse CASCADE');
is($node->safe_psql('dir', q{SELECT count(*) FROM pg_class WHERE relkind = 'f'}), 0, 'DROP EXTENSION takes the tables along');
is($node->safe_psql('dir', q{SELECT (SELECT count(*) FROM pg_event_trigger), (SELECT count(*) FROM pg_foreign_server),
		(SELECT count(*) FROM pg_proc WHERE pronamespace = 'lakehouse'::regnamespace)}), '0|0|0', 'and all that belongs to it');
$node->safe_psql('dir', 'CREATE EXTENSION lakehouse; CREATE SERVER lake FOREIGN DATA WRAPPER lakehouse');
is($node->safe_psql('dir', qq{CREATE FOREIGN TABLE again () SERVER lake OPTIONS (location '$dir/data'); SELECT count(*) FROM again}), 10,
	'CREATE EXTENSION again, in the same database');

done_testing();
