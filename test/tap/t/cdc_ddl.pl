# Commands in the stream, where one session is not enough: through the client, applied to another database
# that ends equal; the extended protocol; other encodings; what cancels; dumps; a server that logs too little.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Cdc qw($client cdc_node client slurp);
use IPC::Run;
use JSON::PP;
use Lake;
use PostgreSQL::Test::Utils;
use Test::More;

my ($node, $dir, $source) = cdc_node('cdc_ddl', 'max_prepared_transactions = 5');
sub sql { return $node->safe_psql($_[1] // 'postgres', $_[0]) }
my $json = JSON::PP->new->utf8->allow_nonref;
sub lines { my ($path) = @_; return map { $json->decode($_) } map { split /\n/, slurp($_) } sort glob("$path/*.ndjson") }
# Events of commands that a slot has, which are taken.
sub told
{
	my ($slot, $db) = @_;
	my $psql = session($node, db => $db // 'postgres');
	my $out = $psql->value("SET client_encoding = 'UTF8'; SELECT data FROM pg_logical_slot_get_changes('$slot', NULL, NULL, 'ddl', 'on', 'schema.events', 'off') WHERE data ~ '\"op\":\"ddl\"'");
	$psql->quit;
	return map { $json->decode($_) } split /\n/, $out;
}

sql('SELECT lakehouse.cdc_ddl_enable()');

# ---- through the client

my ($code, $out, $err) = client('stream', '--slot', 'first', '--sink', 'stdout:', '--once', '--create');
is($code, 0, 'a slot') or diag $err;
sql("SELECT pg_copy_logical_replication_slot('first', '$_')") for qw(without files formats);
sql(q{
	CREATE TABLE t (id int PRIMARY KEY);
	INSERT INTO t VALUES (1);
	ALTER TABLE t ADD v text;
	INSERT INTO t VALUES (2, 'two');
	DROP TABLE t;
});
(undef, $out) = client('stream', '--slot', 'first', '--sink', 'stdout:', '--once', '--allow-gap', '--ddl');
is_deeply([ map { $_->{tag} // join(' ', $_->{op}, sort keys %{ $_->{new} }) } map { $json->decode($_) } split /\n/, $out ],
	[ 'CREATE TABLE', 'insert id', 'ALTER TABLE', 'insert id v', 'DROP TABLE' ], 'commands stand before the rows that need them');
(undef, $out) = client('stream', '--slot', 'without', '--sink', 'stdout:', '--once', '--allow-gap');
is_deeply([ map { $json->decode($_)->{op} } split /\n/, $out ], [ 'insert', 'insert' ], 'and nobody gets them who did not ask');
($code, undef, $err) = client('stream', '--slot', 'files', '--sink', "file:$dir/files?per=topic", '--once', '--allow-gap', '--ddl');
is($code, 0, 'into files') or diag $err;
is_deeply([ sort map { /[0-9A-F]{16}-[0-9A-F]{16}-(.*)\.ndjson$/ } glob "$dir/files/*.ndjson" ], [ 'files.messages', 'files.public.t' ], 'they go where messages go');
($code, undef, $err) = client('stream', '--slot', 'formats', '--once', '--allow-gap', '--ddl', '--sink', "debezium-json=file:$dir/dbz", '--sink', "json=file:$dir/json");
is($code, 0, 'in two formats at once') or diag $err;
is_deeply([ map { $_->{op} } lines("$dir/dbz") ], [ 'm', 'c', 'm', 'c', 'm' ], 'to Debezium they are messages');
is_deeply([ map { $_->{op} } lines("$dir/json") ], [ 'ddl', 'insert', 'ddl', 'insert', 'ddl' ], 'in the other they are what they are');

# ---- a storm of commands and rows, applied to a second database

sql('CREATE DATABASE target');
sql("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots");
my @storm = ($client, 'stream', '--source', $source, '--slot', 'storm', '--sink', "file:$dir/storm", '--ddl', '--create', '--log', 'json', '--flush-ms', '10', '--option', 'table.include.list=storm.*');
sql('CREATE SCHEMA storm', 'target');
sql(q{CREATE SCHEMA storm; SELECT pg_create_logical_replication_slot('storm', 'lakehouse')});
sub start_client { return IPC::Run::start([ @storm, '--allow-gap' ], '<', \undef, '>', "$dir/storm.out", '2>', "$dir/storm.log", IPC::Run::timeout(300)) }
my $run = start_client();
srand(7);
my $writer = session($node);
$writer->value('SET search_path = storm');
my (%tables, @types, @parts);    # name => { column => type }
my $n = 0;
sub pick { return $_[ rand @_ ] }
sub literal
{
	my ($type) = @_;
	return 'NULL' if rand() < 0.1;
	return int(rand(1000)) if $type eq 'int' || $type eq 'bigint';
	return "'" . pick(qw(sad ok)) . "'" if $type =~ /^mood/;
	return "'" . join('', map { chr(97 + rand 26) } 1 .. 1 + rand 20) . "'";
}
sub rows
{
	my ($t) = @_;
	my %c = %{ $tables{$t} };
	my @c = sort keys %c;
	my @ids = map { ++$n } 1 .. 1 + rand 4;
	return (
		"INSERT INTO $t (" . join(', ', 'id', @c) . ') VALUES ' . join(', ', map { '(' . join(', ', $_, map { literal($c{$_}) } @c) . ')' } @ids),
		@c ? "UPDATE $t SET $c[0] = " . literal($c{ $c[0] }) . ' WHERE id % 3 = 0' : (),
		rand() < 0.3 ? "DELETE FROM $t WHERE id % 5 = 1" : (),
		rand() < 0.05 ? "TRUNCATE $t" : ());
}
sub command
{
	my $t = pick(sort keys %tables);
	my $kind = rand();
	my $new = 'c' . ++$n;
	if (!defined $t || $kind < 0.12 && keys %tables < 8)
	{
		$tables{"t$n"} = {};
		return "CREATE TABLE t$n (id int PRIMARY KEY, CHECK (id > 0))";
	}
	my $c = pick(sort keys %{ $tables{$t} });
	if ($kind < 0.3)
	{
		my $type = pick('int', 'text', 'bigint', @types);
		$tables{$t}{$new} = $type;
		return "ALTER TABLE $t ADD $new $type" . (rand() < 0.5 ? ' DEFAULT ' . literal($type) : '');
	}
	if ($kind < 0.38 && defined $c) { delete $tables{$t}{$c}; return "ALTER TABLE $t DROP COLUMN $c" }
	if ($kind < 0.46 && defined $c) { $tables{$t}{$new} = delete $tables{$t}{$c}; return "ALTER TABLE $t RENAME $c TO $new" }
	if ($kind < 0.54 && defined $c && $tables{$t}{$c} eq 'int') { $tables{$t}{$c} = 'bigint'; return "ALTER TABLE $t ALTER $c DROP DEFAULT, ALTER $c TYPE bigint" }
	if ($kind < 0.60) { $tables{"t$n"} = delete $tables{$t}; return "ALTER TABLE $t RENAME TO t$n" }
	if ($kind < 0.66 && keys %tables > 2) { delete $tables{$t}; return "DROP TABLE $t" }
	if ($kind < 0.72) { push @types, "mood$n"; return "CREATE TYPE mood$n AS ENUM ('sad', 'ok')" }
	if ($kind < 0.76 && @types) { return 'ALTER TYPE ' . pick(@types) . " ADD VALUE 'v$n'" }
	if ($kind < 0.82 && keys %tables < 8)
	{
		$tables{"t$n"} = { %{ $tables{$t} } };
		return (rand() < 0.5 ? "CREATE TABLE t$n AS SELECT * FROM $t" : "SELECT * INTO t$n FROM $t", "ALTER TABLE t$n ADD PRIMARY KEY (id)");
	}
	if ($kind < 0.88)
	{
		push @parts, $n;
		return ("CREATE TABLE p$n (id int PRIMARY KEY, v text) PARTITION BY RANGE (id)",
			"CREATE TABLE p${n}_1 PARTITION OF p$n FOR VALUES FROM (0) TO (10)", "CREATE TABLE p${n}_2 PARTITION OF p$n DEFAULT",
			"INSERT INTO p$n SELECT g, 'v' || g FROM generate_series(1, 20) AS g", "ALTER TABLE p$n ADD w int DEFAULT 5",
			"UPDATE p$n SET id = id + 20 WHERE id IN (3, 15)", "ALTER TABLE p$n DETACH PARTITION p${n}_1", "DELETE FROM p$n WHERE id > 12");
	}
	if ($kind < 0.92 && @parts) { my $p = pop @parts; return "DROP TABLE p$p" }
	return "ALTER TABLE $t " . pick('REPLICA IDENTITY FULL', 'REPLICA IDENTITY DEFAULT', 'SET (fillfactor = 70)');
}
my ($commands, $undone) = (0, 0);
for my $step (1 .. 200)
{
	my %before = map { $_ => { %{ $tables{$_} } } } keys %tables;
	my @before = ([@types], [@parts]);
	my @statements;
	for (1 .. 1 + rand 3)
	{
		my @c = command();
		push @statements, @c;
		my $t = pick(sort keys %tables);
		push @statements, rows($t);
	}
	# a value of an enumeration that was added in the transaction cannot be used in it, nor are all used here
	my $text = rand() < 0.5 ? join(";\n", @statements) : join('; ', 'BEGIN', @statements, 'COMMIT');
	if (rand() < 0.15)
	{
		$text = 'BEGIN; ' . join('; ', @statements) . '; ROLLBACK';
		%tables = %before;
		@types = @{ $before[0] };
		@parts = @{ $before[1] };
		$undone++;
	}
	elsif (rand() < 0.1)
	{
		$text = 'BEGIN; ' . join('; ', @statements) . "; PREPARE TRANSACTION 'g$step'; COMMIT PREPARED 'g$step'";
	}
	# each by itself, or all of it as one query string
	if (rand() < 0.5 && $text !~ /PREPARE/) { $text =~ s/;/\\;/g }
	my (undef, $errors) = $writer->query($text);
	die "$text: $errors" if $errors =~ /ERROR/;
	$commands += @statements;
	if ($step == 100)
	{
		wait_until(60, sub { slurp("$dir/storm.log") ne '' && glob("$dir/storm/*") });
		kill KILL => $run->{KIDS}[0]{PID};
		$run->finish;
		$run = start_client();
	}
}
$run->signal('TERM');
$run->finish;
ok(IPC::Run::run([ @storm, '--once' ], '<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(180)), 'all of the storm arrives') or diag $err;
my @events = lines("$dir/storm");
my $seen = 0;
{
	my $target = session($node, db => 'target');
	my @texts;
	for my $e (@events)
	{
		my $text;
		if ($e->{op} eq 'ddl')
		{
			die "no text: " . $json->encode($e) unless defined $e->{text};
			$seen++;
			$text = 'SET search_path = ' . join(', ', map { qq{"$_"} } @{ $e->{search_path} }) . "; $e->{text};";
			# its rows follow
			$text .= " TRUNCATE $e->{objects}[0]{schema}.$e->{objects}[0]{name};" if $e->{tag} =~ /^(CREATE TABLE AS|SELECT INTO)$/;
		}
		else
		{
			my $t = "$e->{schema}.$e->{table}";
			my $where = defined $e->{key} ? 'WHERE (' . join(' AND ', map { "x.$_ = '$e->{key}{$_}'" } keys %{ $e->{key} }) . ')' : '';
			my $row = $e->{new} ? "jsonb_populate_record(NULL::$t, \$j\$" . JSON::PP->new->encode($e->{new}) . '$j$)' : '';
			my $columns = $e->{new} ? join(', ', sort keys %{ $e->{new} }) : '';
			$text = "INSERT INTO $t SELECT * FROM $row;" if $e->{op} eq 'insert';
			$text = "UPDATE $t x SET ($columns) = (SELECT $columns FROM $row) $where;" if $e->{op} eq 'update';
			$text = "DELETE FROM $t x $where;" if $e->{op} eq 'delete';
			$text = "TRUNCATE $t;" if $e->{op} eq 'truncate';
			die "nothing to be done for $e->{op}" unless defined $text;
		}
		push @texts, $text;
	}
	while (my @some = splice(@texts, 0, 100))
	{
		my (undef, $errors) = $target->query(join("\n", @some));
		if ($errors =~ /ERROR/) { fail('applied'); diag $errors; last }
	}
	$target->quit;
}
# What a database has in the schema: columns, types and rows.
sub contents
{
	my ($db) = @_;
	my $s = session($node, db => $db);
	my $text = $s->value(q{SELECT c.relname, c.relkind, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid)
		FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
		WHERE c.relnamespace = 'storm'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped ORDER BY c.relname, a.attnum});
	$text .= "\n" . $s->value(q{SELECT t.typname, enumlabel FROM pg_enum e JOIN pg_type t ON t.oid = enumtypid ORDER BY 1, enumsortorder});
	for my $t (split /\n/, $s->value(q{SELECT relname FROM pg_class WHERE relnamespace = 'storm'::regnamespace AND relkind = 'r' ORDER BY 1}))
	{
		$text .= "\n$t: " . $s->value("SELECT string_agg(x::text, ' ' ORDER BY x::text) FROM storm.$t AS x");
	}
	$s->quit;
	return $text;
}
cmp_ok($seen, '>', 150, "$seen commands of a storm of $commands statements, $undone transactions rolled back, the client killed once");
is(contents('target'), contents('postgres'), 'applied, with ' . scalar(@events) . ' events, make an equal database');
$writer->quit;
sql("SELECT pg_drop_replication_slot('storm')");

# ---- each protocol

my @each = (
	'CREATE TABLE e1 (id serial PRIMARY KEY, v text UNIQUE)', 'ALTER TABLE e1 ADD w int CHECK (w > 0), ALTER v TYPE varchar(9)', 'ALTER TABLE e1 RENAME w TO x',
	'ALTER TABLE e1 RENAME CONSTRAINT e1_w_check TO c', 'ALTER TABLE e1 ADD r float8 DEFAULT random()', 'CREATE TABLE e2 AS SELECT * FROM e1', 'SELECT id INTO e3 FROM e1',
	'CREATE MATERIALIZED VIEW e4 AS SELECT 1 AS a', 'ALTER MATERIALIZED VIEW e4 RENAME TO e5', 'DROP MATERIALIZED VIEW e5',
	'CREATE TABLE e6 (id int) PARTITION BY LIST (id)', 'CREATE TABLE e7 PARTITION OF e6 FOR VALUES IN (1)', 'ALTER TABLE e6 DETACH PARTITION e7',
	'ALTER TABLE e6 ATTACH PARTITION e7 FOR VALUES IN (1)', q{CREATE TYPE m AS ENUM ('a')}, q{ALTER TYPE m ADD VALUE 'b'}, q{ALTER TYPE m RENAME VALUE 'b' TO 'c'},
	'CREATE TYPE pair AS (a int)', 'ALTER TYPE pair ADD ATTRIBUTE b int', 'ALTER TYPE pair RENAME ATTRIBUTE b TO c', 'ALTER TYPE pair RENAME TO twins', 'CREATE TYPE span AS RANGE (SUBTYPE = int4)',
	q{CREATE DOMAIN d AS text DEFAULT 'x'}, q{ALTER DOMAIN d ADD CHECK (VALUE <> '')}, 'CREATE SCHEMA s CREATE TABLE e8 (a int) CREATE VIEW v AS SELECT 1 AS a', 'ALTER TABLE e2 SET SCHEMA s', 'ALTER SCHEMA s RENAME TO s2',
	'ALTER TYPE twins SET SCHEMA s2', 'ALTER TABLE e3 OWNER TO CURRENT_USER', 'ALTER DOMAIN d RENAME TO e', 'DROP DOMAIN e', 'DROP TYPE m, span', 'DROP TABLE e1, e3, e6', 'DROP SCHEMA s2 CASCADE',
);
sql(q{SELECT pg_create_logical_replication_slot('each', 'lakehouse')});
open(my $f, '>', "$dir/each.sql") or die; print $f map { "$_;\n" } @each; close $f;
for my $mode (qw(simple extended prepared))
{
	$node->command_ok([ 'pgbench', '-n', '-t', '1', '-M', $mode, '-f', "$dir/each.sql", $source ], "the $mode protocol");
	my @told = told('each');
	is_deeply([ map { $_->{text} } @told ], \@each, 'tells each command once, with its text') or diag explain [ map { $_->{text} // $_->{tag} } @told ];
}
# a prepared statement that is called by a function which looks like it
sql(q{CREATE FUNCTION nested() RETURNS int LANGUAGE plpgsql AS $$ BEGIN CREATE TABLE n2 AS SELECT 2 AS x; RETURN 1; END $$;
	CREATE FUNCTION nested_sql() RETURNS int LANGUAGE sql AS 'CREATE TABLE n4 AS SELECT 2 AS x; SELECT 1'});
told('each');
open($f, '>', "$dir/nested.sql") or die; print $f "CREATE TABLE n1 AS SELECT nested();\nCREATE TABLE n3 AS SELECT nested_sql();\nDROP TABLE n1, n2, n3, n4;\n"; close $f;
for my $mode (qw(extended prepared))
{
	$node->command_ok([ 'pgbench', '-n', '-t', '1', '-M', $mode, '-f', "$dir/nested.sql", $source ], "commands in commands, the $mode protocol");
	is_deeply([ map { ($_->{objects}[0]{name} =~ s/n[1234]$/$&/r) . ': ' . ($_->{text} // 'none') } grep { $_->{tag} ne 'DROP TABLE' } told('each') ],
		[ 'n1: CREATE TABLE n1 AS SELECT nested()', 'n2: none', 'n3: CREATE TABLE n3 AS SELECT nested_sql()', 'n4: none' ], 'no text is another command\'s');
}

# ---- other encodings

for my $encoding (qw(LATIN1 SQL_ASCII))
{
	my $db = lc $encoding;
	sql("CREATE DATABASE $db ENCODING '$encoding' TEMPLATE template0 LOCALE 'C'");
	sql("CREATE EXTENSION lakehouse; SELECT lakehouse.cdc_ddl_enable(); SELECT pg_create_logical_replication_slot('$db', 'lakehouse')", $db);
	open($f, '>:raw', "$dir/$db.sql") or die;
	print $f "SET client_encoding = '$encoding';\nCREATE TABLE \"caf\xe9\" (a text DEFAULT '\xe9');\nCREATE TABLE plain (a int);\n";
	close $f;
	$node->command_ok([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($db), '-f', "$dir/$db.sql" ], "a name in $encoding");
	my @told = told($db, $db);
	is_deeply([ map { $_->{text} } @told ], [ $encoding eq 'LATIN1' ? qq{CREATE TABLE "caf\x{e9}" (a text DEFAULT '\x{e9}')} : undef, 'CREATE TABLE plain (a int)' ],
		'is told in UTF-8, or without a text that cannot be');
}

# ---- what cancels a command is no failure of ours

my ($include) = map { chomp; $_ } qx(pg_config --includedir-server);
open($f, '>', "$dir/cancels.c") or die;
print $f <<'C';
#include "postgres.h"
#include "fmgr.h"
#include "miscadmin.h"
PG_MODULE_MAGIC;
PG_FUNCTION_INFO_V1(cancels);
/* What a signal does, without looking at once. */
Datum
cancels(PG_FUNCTION_ARGS)
{
	QueryCancelPending = true;
	InterruptPending = true;
	PG_RETURN_NULL();
}
C
close $f;
SKIP:
{
	skip 'no compiler', 3 if system("cc -shared -fPIC -I$include -o $dir/cancels.so $dir/cancels.c") != 0;
	sql("CREATE FUNCTION cancels() RETURNS event_trigger LANGUAGE c AS '$dir/cancels.so'");
	sql("CREATE EVENT TRIGGER a_first ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION cancels()");
	(undef, undef, $err) = $node->psql('postgres', 'CREATE TABLE cancelled (a int)');
	like($err, qr/^[^\n]*ERROR:  canceling statement due to user request/, 'a cancellation that comes in our code ends the command');
	unlike($err, qr/WARNING/, 'and is no warning');
	is(sql("SELECT to_regclass('cancelled') IS NULL"), 't', 'which is undone');
	sql('DROP EVENT TRIGGER a_first; DROP FUNCTION cancels()');
}

# ---- many objects

told('each');
sql(q{CREATE SCHEMA many; DO 'BEGIN FOR i IN 1 .. 200 LOOP EXECUTE format($x$CREATE TABLE many.t%s (id int PRIMARY KEY, v text)$x$, i); END LOOP; END'});
is(scalar(my @all = told('each')), 201, 'tables that a loop makes');
for my $part (1 .. 4) { sql("DROP TABLE " . join(', ', map { "many.t$_" } ($part - 1) * 50 + 1 .. $part * 50)) }
is_deeply([ map { scalar @{ $_->{objects} } } told('each') ], [ (50) x 4 ], 'are dropped in a message a command');

# ---- dump and restore

sql('CREATE DATABASE dumped');
sql('CREATE EXTENSION lakehouse; SELECT lakehouse.cdc_ddl_enable(); ALTER EVENT TRIGGER lakehouse_cdc_ddl_rewrite DISABLE; CREATE TABLE t (a int)', 'dumped');
is(sql(q{SELECT count(*) FROM pg_depend WHERE classid = 'pg_event_trigger'::regclass AND deptype = 'e' AND objid IN (SELECT oid FROM pg_event_trigger WHERE evtname ~ 'cdc_ddl')}, 'dumped'),
	0, 'no event trigger is the extension\'s');
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/dump", $node->connstr('dumped') ], 'a dump');
sql('CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('restored'), "$dir/dump" ], 'is restored');
is(sql('SELECT string_agg(state, \',\') FROM lakehouse.cdc_ddl_status()', 'restored'), 'on,disabled,on,on', 'with the event triggers as they were');
sql("SELECT pg_create_logical_replication_slot('restored', 'lakehouse')", 'restored');
sql('CREATE TABLE u (a int)', 'restored');
is_deeply([ map { $_->{text} } told('restored', 'restored') ], ['CREATE TABLE u (a int)'], 'which tell');
sql("SELECT pg_drop_replication_slot('restored')", 'restored');
(undef, undef, $err) = $node->psql('restored', 'DROP EXTENSION lakehouse');
like($err, qr/cannot drop extension lakehouse/, 'they hold the extension');
sql('SELECT lakehouse.cdc_ddl_enable(); DROP EXTENSION lakehouse', 'restored');
is(sql('SELECT count(*) FROM pg_event_trigger', 'restored'), 0, 'until they are tied to it again, and go with it');
sql('DROP EXTENSION lakehouse', 'dumped');
is(sql('SELECT count(*) FROM pg_event_trigger', 'dumped'), 0, 'as those do that were made here');

# ---- a server that logs too little

sql('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database()');
for my $db (qw(latin1 sql_ascii)) { sql('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database()', $db) }
$node->append_conf('postgresql.conf', "wal_level = replica\n");
$node->restart;
is(sql('SELECT DISTINCT state FROM lakehouse.cdc_ddl_status()'), 'wal_level', 'wal_level replica is said');
(undef, undef, $err) = $node->psql('postgres', 'CREATE TABLE quiet AS SELECT 1 AS a; ALTER TABLE quiet ADD b float8 DEFAULT random(); DROP TABLE quiet');
is($err, '', 'and commands run as always');
$node->stop;
done_testing();
