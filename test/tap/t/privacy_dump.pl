# Policies, tags and their roles move with their database: by pg_dump into a new server, plain and custom, and by pg_upgrade;
# and a server without the library denies what they mask.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir;

sub server
{
	my ($name, $preload) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init;
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'lakehouse'") if $preload;
	$node->start;
	return $node;
}

my @show = (
	[ policies => q{SELECT * FROM lakehouse.policy_list()} ],
	[ columns => q{SELECT policy, relation, "column", masked FROM lakehouse.policy_columns() ORDER BY 1, 2, 3} ],
	[ labels => q{SELECT objoid::regclass, attname, provider, label FROM pg_seclabel JOIN pg_attribute ON attrelid = objoid AND attnum = objsubid ORDER BY objoid::regclass::text COLLATE "C", 2} ],
	[ privileges => q{SELECT c.oid::regclass, c.relacl, a.attname, a.attacl FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attacl IS NOT NULL
		WHERE c.relnamespace IN ('p'::regnamespace, 'lakehouse_policies'::regnamespace) ORDER BY c.oid::regclass::text COLLATE "C", 3} ],
	[ owners => q{SELECT relname, relowner::regrole FROM pg_class WHERE relnamespace = 'lakehouse_policies'::regnamespace ORDER BY 1} ],
	[ reader => q{SET ROLE reader; SELECT id, ssn, born FROM p.person ORDER BY id} ],
	[ junior => q{SET ROLE junior; SELECT * FROM p."odd ""table" ORDER BY 1} ],
	[ tagged => q{SET ROLE reader; SELECT ssn FROM p.part1} ]);

sub shown { my ($node, $db) = @_; return map { "-- $_->[0]\n" . $node->safe_psql($db, $_->[1]) . "\n" } @show }

my $old = server('old', 1);
$old->safe_psql('postgres', q{
	CREATE ROLE owner_;
	CREATE ROLE reader;
	CREATE ROLE junior IN ROLE reader;
	CREATE ROLE chief;
	CREATE EXTENSION lakehouse;
	CREATE SCHEMA p AUTHORIZATION owner_;
	GRANT USAGE ON SCHEMA p TO PUBLIC;
	SET ROLE owner_;
	CREATE TABLE p.person (id int PRIMARY KEY, gone int, name text, ssn varchar(11), born date, pay numeric(9,2));
	ALTER TABLE p.person DROP COLUMN gone;
	INSERT INTO p.person VALUES (1, 'Ada', '123-45-6789', '1970-01-01', 10), (2, 'Bob', '987-65-4321', '1980-02-02', 20);
	CREATE TABLE p."odd ""table" ("a 'b" int, "C" text);
	INSERT INTO p."odd ""table" VALUES (1, 'x'), (2, 'y'), (3, 'z');
	CREATE TABLE p.allowed (role name, id int);
	INSERT INTO p.allowed VALUES ('junior', 2);
	CREATE TABLE p.parted (id int, ssn text) PARTITION BY LIST (id);
	CREATE TABLE p.part1 (ssn text, id int);
	ALTER TABLE p.parted ATTACH PARTITION p.part1 FOR VALUES IN (1);
	INSERT INTO p.parted VALUES (1, '123-45-6789');
	GRANT SELECT ON p.person, p."odd ""table" TO reader, chief;
	GRANT SELECT (id) ON p.person TO PUBLIC;
	GRANT SELECT ON p.person TO owner_;
	RESET ROLE;
	SELECT lakehouse.policy_create('person', 'p.person', ARRAY['ssn', $$lakehouse.mask_partial(ssn, 0, 'X', 4)$$, 'born', $$date_trunc('year', born)$$, 'pay', 'NULL'],
		for_roles => '{reader}', except_roles => '{chief}', options => '{"superusers": true}');
	SELECT lakehouse.policy_create('it''s "odd"', 'p."odd ""table"', ARRAY['C', $$upper("C") || '''"\\'$$],
		$$"a 'b" IN (SELECT a.id FROM p.allowed a WHERE a.role = lakehouse.subject_role() AND a.id = "odd ""table"."a 'b")$$,
		'{public}', '{chief}', until => '2100-01-01 00:00:00.123456+02', options => '{"except_until": "2099-01-01T00:00:00Z", "session_user": true, "except_purposes": ["it''s"]}');
	SELECT lakehouse.policy_create('ssn', NULL, ARRAY['value', $$'***'$$], for_roles => '{reader}', options => '{"tag": "pii.ssn"}');
	SELECT lakehouse.tag('p.parted', 'ssn', 'pii.ssn');
	SELECT lakehouse.tag('p.parted', 'ssn', 'gdpr');
	ALTER TABLE p.person RENAME COLUMN ssn TO number;
	ALTER TABLE p.person RENAME COLUMN number TO ssn;
});
my @before = shown($old, 'postgres');
like($before[5], qr/1\|X6789\|1970-01-01\n2\|X4321\|1980-01-01/, 'policies hold before');
like($before[6], qr/^-- junior\n2\|Y/, 'and the one with odd names');
like($before[7], qr/\*\*\*/, 'and the one of a tag');

# ---- pg_dump, into a new server

command_ok([ 'pg_dumpall', '--globals-only', '-d', $old->connstr('postgres'), '-f', "$dir/globals.sql" ], 'roles are dumped');
command_ok([ 'pg_dump', '-d', $old->connstr('postgres'), '-f', "$dir/plain.sql" ], 'dumped as SQL');
command_ok([ 'pg_dump', '-Fc', '-d', $old->connstr('postgres'), '-f', "$dir/custom" ], 'dumped in the custom format');

my $new = server('new', 1);
$new->psql('postgres', slurp_file("$dir/globals.sql"), on_error_stop => 0);
$new->safe_psql('postgres', "CREATE DATABASE $_") foreach 'plain', 'custom', 'again';
# a session that knew that there are no policies
my $waiting = $new->background_psql('plain');
$waiting->query_safe('SELECT count(*) FROM pg_class');
command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $new->connstr('plain'), '-f', "$dir/plain.sql" ], 'restored from SQL');
is_deeply([ shown($new, 'plain') ], \@before, 'the same policies, tags, privileges, and answers');
command_ok([ 'pg_restore', '-j', '2', '-d', $new->connstr('custom'), "$dir/custom" ], 'restored from the custom format');
is_deeply([ shown($new, 'custom') ], \@before, 'the same again');
$waiting->query_safe('SET ROLE reader');
is($waiting->query_safe('SELECT ssn FROM p.person ORDER BY id'), "X6789\nX4321", 'a session from before knows them');
$waiting->quit;

# a dump of the copy is the dump
command_ok([ 'pg_dump', '-d', $new->connstr('custom'), '-f', "$dir/second.sql" ], 'the copy is dumped');
my ($first, $second) = map { my $s = slurp_file($_); $s =~ s/^(\\(?:un)?restrict|--).*\n//mg; $s } "$dir/plain.sql", "$dir/second.sql";
is($second, $first, 'and is the same text');

# restored over what is there
command_ok([ 'pg_restore', '--clean', '--if-exists', '-d', $new->connstr('custom'), "$dir/custom" ], 'restored with --clean');
is_deeply([ shown($new, 'custom') ], \@before, 'the same after --clean');

# ---- a server without the library

my $bare = server('bare', 0);
$bare->psql('postgres', slurp_file("$dir/globals.sql"), on_error_stop => 0);
command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $bare->connstr('postgres'), '-f', "$dir/plain.sql" ], 'restored into a server that does not preload');
my ($rc, $out, $err) = $bare->psql('postgres', 'SET ROLE reader; SELECT ssn FROM p.person');
like($err, qr/permission denied for table person/, 'a masked column is denied');
unlike($out, qr/6789/, 'and nothing of it is shown');
is($bare->safe_psql('postgres', 'SET ROLE reader; SELECT id, name FROM p.person ORDER BY id'), "1|Ada\n2|Bob", 'others are not');
($rc, $out, $err) = $bare->psql('postgres', q{SELECT lakehouse.policy_create('x', 'p.person', '{ssn,NULL}', for_roles => '{reader}')});
like($err, qr/policies need lakehouse in shared_preload_libraries/, 'no policy is made there');
is($bare->safe_psql('postgres', q{SELECT object FROM lakehouse.policy_holes() WHERE kind = 'server'}), 'shared_preload_libraries', 'which is a hole');
is($bare->safe_psql('postgres', q{SELECT lakehouse.policy_drop('person'); SELECT count(*) FROM lakehouse.policy_list() WHERE name = 'person'}), "\n0", 'one can be dropped');

# ---- pg_upgrade to the same version

SKIP:
{
	my ($bin) = grep { -x "$_/pg_upgrade" && -x "$_/postgres" } split /:/, $ENV{PATH};
	skip 'no pg_upgrade here', 3 unless $bin;
	# Debian's extension_destdir, which it has instead, is for libraries as well
	skip 'pg_upgrade of 18 looks for libraries only where the server is installed', 3
		if $old->pg_version >= 18 && !-e $old->config_data('--pkglibdir') . '/lakehouse.so';
	my $target = PostgreSQL::Test::Cluster->new('target');
	$target->init;
	$target->append_conf('postgresql.conf', "shared_preload_libraries = 'lakehouse'");
	$old->stop;
	my @run = ('pg_upgrade', '--no-sync', '-d', $old->data_dir, '-D', $target->data_dir, '-b', $bin, '-B', $bin,
		'-s', $target->host, '-p', $old->port, '-P', $target->port);
	chdir $dir;
	command_ok([ @run, '--check' ], 'pg_upgrade has no objections');
	command_ok(\@run, 'pg_upgrade');
	$target->start;
	is_deeply([ shown($target, 'postgres') ], \@before, 'the same policies after it');
	$target->stop;
}

done_testing;
