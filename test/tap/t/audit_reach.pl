# The audit of what statements reach without naming it; who owns the places that it writes to; the end of the server.
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
my $node = lake_node('audit_reach', q(shared_preload_libraries = 'lakehouse'), 'max_connections = 40', 'max_worker_processes = 4',
	'autovacuum = off', 'lakehouse.audit = asynchronous', "lakehouse.audit_directory = '$log'", "lakehouse.audit_key = '$base/key'",
	'lakehouse.audit_ring_size = 256kB', "lakehouse.audit_timeout = '120s'");

$node->safe_psql('postgres', q{
	CREATE ROLE reader LOGIN;
	CREATE ROLE owner LOGIN;
	CREATE SCHEMA hr;
	CREATE TABLE hr.town (id int PRIMARY KEY);
	CREATE TABLE hr.people (id int PRIMARY KEY, ssn text, town int REFERENCES hr.town);
	CREATE TABLE hr.visits (person int REFERENCES hr.people, why text);
	CREATE VIEW hr.names AS SELECT id FROM hr.people;
	CREATE VIEW hr.over AS SELECT id FROM hr.names;
	CREATE TABLE hr.parent (id int, ssn text) PARTITION BY LIST (id);
	CREATE TABLE hr.child1 PARTITION OF hr.parent FOR VALUES IN (1);
	CREATE TABLE hr.child2 PARTITION OF hr.parent FOR VALUES IN (2);
	CREATE TABLE hr.base (id int);
	CREATE TABLE hr.heir () INHERITS (hr.base);
	CREATE DOMAIN hr.word AS text;
	CREATE TABLE hr.worded (id int, w hr.word);
	CREATE FUNCTION hr.one() RETURNS int LANGUAGE sql AS 'SELECT 1';
	CREATE VIEW hr.calls AS SELECT hr.one() AS one;
	CREATE SCHEMA closed;
	CREATE TABLE closed.t (id int);
	CREATE SCHEMA own;
	GRANT ALL ON SCHEMA own TO owner;
	CREATE TABLE own.t1 (id int PRIMARY KEY);
	CREATE TABLE own.t2 (id int);
	CREATE TABLE own.t3 (id int);
	ALTER TABLE own.t1 OWNER TO owner;
	ALTER TABLE own.t2 OWNER TO owner;
	CREATE VIEW own.of_owner AS SELECT id FROM own.t2;
	SELECT lakehouse.policy_create('child', 'hr.child2', ARRAY['ssn', 'NULL'], for_roles => '{reader}');
	SELECT lakehouse.policy_create('people', 'hr.people', ARRAY['ssn', 'NULL'], for_roles => '{reader}');});

sub records { return log_records($log) }

# Those that came since the last time, as soon as they are enough.
sub fresh { return log_fresh($log, @_) }

sub names { my ($record) = @_; return join ' ', map { "$_->{schema}.$_->{name}" } @{ $record->{relations} // [] } }

sub set
{
	my ($name, $value) = @_;
	$node->safe_psql('postgres', "ALTER SYSTEM SET $name = '$value'");
	$node->reload;
}

sub setting_is
{
	my ($name, $value) = @_;
	return wait_until(60, sub { $node->safe_psql('postgres', "SHOW $name") eq $value });
}

# A statement, rolled back; relations of its intent.
my $admin = session($node);
my $marker = 0;
sub reached
{
	my ($what, $sql, $names, %how) = @_;
	my $s = $how{session} // $admin;
	log_seen($log);
	$marker++;
	$s->value($how{alone} ? $sql : "BEGIN; $sql; ROLLBACK");
	# behind it in the ring
	$admin->value("DO \$\$ BEGIN PERFORM lakehouse.right_grant('auditor', 'reader'); END \$\$");
	my @r = fresh($what, sub { grep { ($_->{command} // '') eq 'right_grant' } @_ });
	my ($intent) = grep { $_->{kind} eq 'intent' && $_->{command} ne 'DO' } @r;
	is(defined $intent ? names($intent) : 'none', $names, 'its relations');
	return ($intent, @r);
}

# ---- with the usual filter: what reaches a table with a policy

reached('TRUNCATE ... CASCADE', 'TRUNCATE hr.town CASCADE', 'hr.town hr.people hr.visits');
reached('TRUNCATE that reaches no policy', 'TRUNCATE hr.base', 'none');
reached('TRUNCATE of a partitioned table', 'TRUNCATE hr.parent', 'hr.parent hr.child2 hr.child1');
reached('TRUNCATE ONLY of one that has heirs', 'TRUNCATE ONLY hr.base', 'none');
reached('DROP SCHEMA ... CASCADE', 'DROP SCHEMA own CASCADE', 'none');
reached('DROP of a partitioned table', 'SELECT lakehouse.policy_drop(\'child\'); DROP TABLE hr.parent', 'none');
my ($intent) = reached('ANALYZE of everything', 'ANALYZE', 'hr.people hr.parent hr.child2 hr.town hr.visits hr.child1 hr.base hr.heir hr.worded closed.t own.t1 own.t2 own.t3', alone => 1);
is($intent->{command}, 'ANALYZE', 'is what it is');

# ---- of relations

set('lakehouse.audit_filter' => 'relations');
ok(setting_is('lakehouse.audit_filter', 'relations'), 'a wider filter');
reached('DROP TABLE ... CASCADE', 'SELECT lakehouse.policy_drop(\'people\'); DROP TABLE hr.people CASCADE', 'hr.people hr.names hr.over');
reached('DROP of a partitioned table without CASCADE', 'SELECT lakehouse.policy_drop(\'child\'); DROP TABLE hr.parent', 'hr.parent hr.child1 hr.child2');
reached('DROP SCHEMA', 'DROP SCHEMA own CASCADE', 'own.t1 own.t2 own.t3 own.of_owner');
reached('DROP DOMAIN ... CASCADE', 'DROP DOMAIN hr.word CASCADE', 'hr.worded');
reached('DROP FUNCTION ... CASCADE', 'DROP FUNCTION hr.one() CASCADE', 'hr.calls');
my (undef, @r) = reached('DROP OWNED', 'DROP OWNED BY owner CASCADE', 'own.t1 own.t2 own.of_owner');
is(scalar(grep { $_->{kind} eq 'event' && $_->{command} eq 'DROP OWNED' && $_->{object} eq 'role/owner' } @r), 1, 'which is an event, too');
reached('TRUNCATE of one that has heirs', 'TRUNCATE hr.base', 'hr.base hr.heir');
reached('TRUNCATE ONLY', 'TRUNCATE ONLY hr.base', 'hr.base');
reached('REINDEX SCHEMA', 'REINDEX SCHEMA own', 'own.t1 own.t2 own.t3', alone => 1);
reached('ANALYZE of a partitioned table', 'ANALYZE hr.parent', 'hr.parent hr.child2 hr.child1');
my $owner = session($node, user => 'owner');
reached('VACUUM of everything by who may do it to two', 'VACUUM', 'own.t1 own.t2', alone => 1, session => $owner);
$admin->value('CLUSTER own.t1 USING t1_pkey');
reached('CLUSTER of everything', 'CLUSTER', 'own.t1', alone => 1, session => $owner);
# others than a table's owner do nothing, but are recorded with what they asked for
my (undef, $err) = $owner->query('DROP SCHEMA hr CASCADE');
like($err, qr/must be owner/, 'who may not is refused');
@r = fresh('and recorded', sub { grep { ($_->{result} // '') eq 'denied' } @_ });
($intent) = grep { $_->{kind} eq 'intent' && $_->{command} eq 'DROP SCHEMA' } @r;
like(names($intent), qr/hr\.people/, 'with what it would have reached');

# ---- not without end

$admin->value("DO \$\$ BEGIN FOR i IN 1 .. 300 LOOP EXECUTE format('CREATE TABLE own.many%s (id int)', i); END LOOP; END \$\$");
($intent) = reached('a schema with many tables', 'DROP SCHEMA own CASCADE', join ' ', map { "own.$_" } qw(t1 t2 t3), 'of_owner', map { "many$_" } 1 .. 28);
is($intent->{detail}, 'and 272 more relations', 'the others are counted');
ok($intent->{cut}, 'and the record says that it is not all');

# ---- a denied statement waits for room as others do

my $worker = $admin->value('SELECT pid FROM lakehouse.audit_status()');
my $filler = session($node);
my @denied = map { session($node, user => 'reader') } 1 .. 12;
kill 'STOP', $worker;
$filler->begin(q(DO $$ DECLARE x bigint; BEGIN FOR i IN 1 .. 100000 LOOP EXECUTE 'SELECT count(*) FROM hr.base' INTO x; END LOOP; END $$));
my $waits = "SELECT count(*) FROM pg_stat_activity WHERE pid = $filler->{pid} AND wait_event = 'Extension'";
ok(wait_until(60, sub { $admin->value($waits) eq '1' }), 'the ring is full');
log_seen($log);
$_->begin('SELECT * FROM closed.t') foreach @denied;
ok(wait_until(60, sub { $admin->value("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT * FROM closed.t%' AND state = 'active'") eq '12' }),
	'statements that are denied get no answer meanwhile');
$denied[0]->{run}->pump_nb foreach 1 .. 10;
is($denied[0]->{err}, '', 'none at all');
# one that is hit before it is denied is cancelled like any other, and tried again
my $cancelled = '';
for my $try (1 .. 50)
{
	$admin->value("SELECT pg_cancel_backend($denied[1]{pid})");
	(undef, $cancelled) = $denied[1]->finish;
	last if $cancelled !~ /57014/;
	$denied[1]->begin('SELECT * FROM closed.t');
	wait_until(60, sub { $admin->value("SELECT count(*) FROM pg_stat_activity WHERE pid = $denied[1]{pid} AND state = 'active'") eq '1' });
}
like($cancelled, qr/permission denied for schema closed/, 'but can be cancelled, which is what may be lost');
$admin->value("SELECT pg_cancel_backend($filler->{pid})");
(undef, $err) = $filler->finish;
like($err, qr/57014/, 'the others, too');
kill 'CONT', $worker;
foreach my $i (0, 2 .. 11)
{
	(undef, $err) = $denied[$i]->finish;
	like($err, qr/permission denied for schema closed/, "statement $i is answered");
}
@r = fresh('all that waited are recorded', sub { (grep { ($_->{result} // '') eq 'denied' } @_) >= 11 });
is($admin->value('SELECT dropped FROM lakehouse.audit_status()'), 1, 'and no other is dropped');

$node->stop;
done_testing();
