# The audit where it is narrow: a ring that is full, sessions that want all of it, a worker that dies while it writes; and
# statements that reach a table by other ways than a plan of their own.
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
my $node = lake_node('audit_ring', q(shared_preload_libraries = 'lakehouse'), 'max_connections = 12', 'max_worker_processes = 4',
	'max_wal_senders = 0', 'max_prepared_transactions = 2', 'autovacuum = off', 'lakehouse.audit = asynchronous',
	"lakehouse.audit_directory = '$log'", "lakehouse.audit_key = '$base/key'", 'lakehouse.audit_ring_size = 256kB');
# the ring has room for all backends that there may be, of which 18 has more
if ($node->pg_version >= 18)
{
	$node->append_conf('postgresql.conf', 'autovacuum_worker_slots = 3');
	$node->restart;
}

$node->safe_psql('postgres', q{
	CREATE ROLE reader LOGIN;
	CREATE TABLE people (id int PRIMARY KEY, ssn text);
	INSERT INTO people SELECT i, 'canary-' || i FROM generate_series(1, 1000) i;
	CREATE TABLE visits (person int REFERENCES people ON DELETE CASCADE, why text);
	INSERT INTO visits SELECT i, 'why-' || i FROM generate_series(1, 1000) i;
	CREATE TABLE towns (id int PRIMARY KEY);
	CREATE TABLE people_of (town int REFERENCES towns ON DELETE CASCADE, ssn text);
	INSERT INTO towns VALUES (1), (2);
	INSERT INTO people_of VALUES (1, 'a'), (1, 'b');
	GRANT SELECT (id) ON people TO reader;
	SELECT lakehouse.policy_create('ssn', 'people', ARRAY['ssn', 'NULL'], for_roles => '{reader}');
	SELECT lakehouse.policy_create('of', 'people_of', ARRAY['ssn', 'NULL'], for_roles => '{reader}');
	CREATE TABLE parent (id int, ssn text) PARTITION BY LIST (id);
	CREATE TABLE child PARTITION OF parent FOR VALUES IN (1);
	SELECT lakehouse.policy_create('child', 'child', ARRAY['ssn', 'NULL'], for_roles => '{reader}');
	CREATE PROCEDURE many(n int) LANGUAGE plpgsql AS
		$$ DECLARE x text; BEGIN FOR i IN 1 .. n LOOP EXECUTE 'SELECT ssn FROM people WHERE id = 1' INTO x; END LOOP; END $$;});

sub records { return log_records($log) }

# Those that came since the last time, as soon as they are enough.
sub fresh { return log_fresh($log, @_) }

sub command { my ($command) = @_; return sub { grep { ($_->{command} // '') eq $command } @_ } }
sub relations { my ($record) = @_; return join ' ', map { $_->{name} } @{ $record->{relations} // [] } }

my $admin = session($node);
my $other;
sub worker { return $admin->value('SELECT pid FROM lakehouse.audit_status()') }

# Settings, once they hold for the sessions that are there.
sub set
{
	my (%settings) = @_;
	foreach my $name (sort keys %settings)
	{
		# a synchronous event may be refused by a slow disk
		wait_until(60, sub { ($admin->query("ALTER SYSTEM SET $name = '$settings{$name}'"))[1] eq '' }) or die "$name cannot be set";
	}
	$node->reload;
	foreach my $name (sort keys %settings)
	{
		foreach my $session (grep { defined } $admin, $other)
		{
			wait_until(60, sub { (eval { $session->value("SELECT current_setting('$name')") } // $settings{$name}) eq $settings{$name} }) or die "$name is not $settings{$name}";
		}
	}
	sleep(0.5);
	return;
}

# ---- other ways to a table

fresh('(what was made)', command('policy_create'));
$admin->value('DELETE FROM towns WHERE id = 1');
my @r = fresh('ON DELETE CASCADE changes a table with policies', sub { grep { $_->{kind} eq 'outcome' } @_ });
my ($cascade) = grep { relations($_) eq 'people_of' } @r;
is($cascade && $cascade->{command}, 'DELETE', 'and is recorded');
$admin->value('INSERT INTO people VALUES (2000); INSERT INTO visits VALUES (2000)');
@r = fresh('a check of a foreign key', sub { grep { $_->{kind} eq 'outcome' } @_ });
is(scalar(grep { $_->{kind} eq 'intent' && $_->{command} eq 'SELECT' } @r), 0, 'is none');
$admin->value('SELECT count(ssn) FROM parent');
@r = fresh('a partition with policies that is read by its parent\'s name', sub { grep { $_->{kind} eq 'outcome' } @_ });
is(relations($r[0]), 'parent child', 'is recorded');
$admin->value('REINDEX INDEX people_pkey');
@r = fresh('REINDEX', command('REINDEX'));
is(relations($r[0]), 'people', 'reads the table of its index');
$admin->value(q(BEGIN; UPDATE people SET ssn = 'x' WHERE id = 3; PREPARE TRANSACTION 'later'));
$admin->value(q(ROLLBACK PREPARED 'later'));
@r = fresh('a prepared transaction', command('ROLLBACK PREPARED'));
is(join(' ', map { "$_->{command}/$_->{object}" } grep { $_->{kind} eq 'event' } @r), 'PREPARE TRANSACTION/transaction/later ROLLBACK PREPARED/transaction/later',
	'has its end in the log, wherever that is');

# ---- an event that cannot be kept

my $worker = worker();
set('lakehouse.audit' => 'synchronous', 'lakehouse.audit_timeout' => '500ms');
fresh('(settings)', sub { grep { ($_->{object} // '') eq 'setting/lakehouse.audit_timeout' } @_ });
$other = session($node);
kill 'STOP', $worker;
my (undef, $err) = $other->query('CREATE ROLE not_made');
like($err, qr/58030/, 'an event that cannot be durable refuses the statement');
kill 'CONT', $worker;
is($admin->value("SELECT count(*) FROM pg_roles WHERE rolname = 'not_made'"), 0, 'which does nothing');
$other->value('SET ROLE reader');
$other->value('SELECT ssn FROM people WHERE id = 1');
@r = fresh('later statements of the session', sub { grep { relations($_) eq 'people' } @_ });
is((grep { relations($_) eq 'people' } @r)[0]{roles}, 'reader', 'are none of it');
set('lakehouse.audit' => 'asynchronous', 'lakehouse.audit_timeout' => '30s');

# ---- one session takes not all of the ring

$other = session($node);
$other->value("SET statement_timeout = '60s'");
(undef, $err) = $other->query(q(DO $$ DECLARE c refcursor; BEGIN
	FOR i IN 1 .. 100000 LOOP c := NULL; OPEN c FOR SELECT ssn FROM people; END LOOP; END $$));
like($err, qr/54000.*this session has more open audit records than the ring may hold/s, 'cursors without end are refused');
is($other->value('SELECT count(ssn) FROM people'), 1000, 'others go on, and so does the session');
my @many = map { session($node) } 1 .. 6;
foreach my $s (@many)
{
	$s->value("SET statement_timeout = '60s'");
	$s->query('BEGIN');
	(undef, $err) = $s->query(q(DO $$ DECLARE c refcursor; BEGIN
		FOR i IN 1 .. 400 LOOP c := NULL; OPEN c FOR SELECT ssn FROM people; END LOOP; END $$));
	last if $err ne '';
}
like($err, qr/54000.*sessions have more open audit records/s, 'sessions do not wait for each other\'s cursors');
is($other->value('SELECT count(ssn) FROM people'), 1000, 'those with few go on');
$_->query('ROLLBACK') foreach @many;
is($many[0]->value('SELECT count(ssn) FROM people'), 1000, 'and all when they are closed');
is($admin->value('SELECT dropped FROM lakehouse.audit_status()'), 0, 'nothing is lost');

# ---- room for outcomes

log_seen($log);
$worker = worker();
my $holder = $many[1];
$holder->value('BEGIN');
$holder->value(join(';', map { "DECLARE c$_ CURSOR FOR SELECT ssn FROM people" } 1 .. 200));
$holder->value(join(';', map { "FETCH 1 FROM c$_" } 1 .. 200));
my $dropped = $admin->value('SELECT dropped FROM lakehouse.audit_status()');
kill 'STOP', $worker;
$other->begin('CALL many(100000)');
ok(wait_until(60, sub { $admin->value("SELECT count(*) FROM pg_stat_activity WHERE pid = $other->{pid} AND wait_event_type = 'Extension'") == 1 }), 'the ring is full');
$holder->value('COMMIT');
pass('a transaction ends all the same');
is($admin->value('SELECT dropped FROM lakehouse.audit_status()'), $dropped, 'and its outcomes have room');
$admin->value("SELECT pg_terminate_backend($other->{pid})");
eval { $other->finish };
ok(wait_until(60, sub { $admin->value("SELECT count(*) FROM pg_stat_activity WHERE pid = $other->{pid}") == 0 }), 'so does a session that waits');
is($admin->value('SELECT dropped FROM lakehouse.audit_status()'), $dropped, 'with the outcome of what it ran');
kill 'CONT', $worker;
fresh('they are logged', sub { (grep { $_->{kind} eq 'outcome' && $_->{pid} == $holder->{pid} && ($_->{rows} // 0) == 1 } @_) >= 200 });

# ---- a worker that dies while it writes

my %count;
my $rounds = 12;
my $writer = $many[2];
my $failed = 0;
foreach my $round (1 .. $rounds)
{
	$worker = worker();
	my $size = -s (sort glob "$log/*.jsonl")[-1];
	# in the midst of some line
	system('prlimit', '--pid', $worker, '--fsize=' . ($size + 100 + $round * 777) . ':unlimited') == 0 or die 'prlimit';
	$writer->value('CALL many(40)');
	$failed++ if wait_until(20, sub { $admin->value('SELECT error IS NOT NULL FROM lakehouse.audit_status()') eq 't' });
	kill 'TERM', $worker;
	ok(wait_until(60, sub { my $w = worker(); $w ne '' && $w != $worker }), "a worker that could not write is replaced ($round)");
	$writer->value('CALL many(3)');
}
is($failed, $rounds, 'each was in the midst of writing');
ok(wait_until(60, sub { $admin->value('SELECT error IS NULL AND open FROM lakehouse.audit_status()') eq 't' }), 'the log is written again');
my %numbers;
ok(wait_until(60, sub {
	%numbers = ();
	$numbers{$_->{kind}}{$_->{statement}}++ foreach grep { $_->{pid} == $writer->{pid} && defined $_->{statement} } records();
	return keys %{ $numbers{outcome} } >= $rounds * 43;
}), 'all statements are there');
my @numbers = sort { $a <=> $b } keys %{ $numbers{intent} };
is_deeply(\@numbers, [ $numbers[0] .. $numbers[-1] ], 'no intent is missing');
is_deeply([ grep { $numbers{intent}{$_} != 1 || ($numbers{outcome}{$_} // 0) != 1 } @numbers ], [], 'each intent and each outcome is there once');
is($admin->value('SELECT dropped FROM lakehouse.audit_status()'), 0, 'nothing was dropped');
my $note = $admin->value('SELECT lakehouse.audit_checkpoint()');
is($admin->value("SELECT intact FROM lakehouse.audit_verify(ARRAY[\$q\$$note\$q\$])"), 't', 'the log is whole');
$node->stop;

done_testing();
