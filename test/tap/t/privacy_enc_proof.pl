# Encrypted columns: a version is not proved unused while values are moved to tables that were not listed, or from tables that are emptied;
# who pauses a rotation in a transaction keeps no writer; temporary tables.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Lake;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir;
open(my $f, '>', "$dir/keys.json") or die "keys: $!";
print $f '{"keys": {"app:1": "', '0123456789abcdef' x 4, '"}}';
close $f or die "keys: $!";
chmod 0600, "$dir/keys.json";

my $node = PostgreSQL::Test::Cluster->new('proof');
$node->init;
$node->append_conf('postgresql.conf', $_) foreach q(shared_preload_libraries = 'lakehouse'), 'jit = off', 'autovacuum = off', 'log_statement = none';
$node->start;
my @clerk = (extra_params => [ '-U', 'clerk' ]);
$node->safe_psql('postgres', qq{
	CREATE EXTENSION lakehouse;
	SELECT lakehouse.key_provider_create('file', 'file', '{"path": "$dir/keys.json"}');
	SELECT lakehouse.key_create('k', provider => 'file', kek => 'app');
	SELECT lakehouse.domain_create('people', 'text', 'k');
	SELECT lakehouse.key_rotate('k');
	CREATE ROLE clerk LOGIN;
	GRANT USAGE ON SCHEMA lakehouse TO clerk;
	SELECT lakehouse.domain_grant('people', r, 'clerk') FROM unnest(ARRAY['encrypt', 'decrypt', 'search']) r;
	CREATE SCHEMA app AUTHORIZATION clerk;
	ALTER ROLE clerk SET search_path = app, lakehouse;
});

sub waits_for_table
{
	my ($pid, $table) = @_;
	return $node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM pg_locks WHERE pid = $pid AND NOT granted AND relation = 'app.$table'::regclass)");
}

# ---- moved to a new table, by who began before

$node->safe_psql('postgres', q{
	CREATE TABLE people (id int, mail lakehouse.enc_text('people'));
	INSERT INTO people SELECT i, ('SECRET' || i)::text FROM generate_series(1, 3) i;
}, @clerk);
$node->safe_psql('postgres', q{SELECT lakehouse.key_rotate('k')});
my $mover = session($node, user => 'clerk');
my $keeper = session($node);
$mover->value('BEGIN');
$mover->value(q{CREATE TABLE moved AS SELECT * FROM people});
$mover->value('DROP TABLE people');
$keeper->begin(q{SELECT lakehouse.key_retire('k', 2)});
ok(waits_for_table($keeper->{pid}, 'people'), 'a table that is being dropped is waited for');
$mover->value('COMMIT');
my (undef, $error) = $keeper->finish;
like($error, qr/in use.*\n.*column "mail" of table "moved"/, 'what was moved from it to a new table by who began before keeps its version');

# ---- moved to a table that was looked at, by who began later, and the table emptied

$node->safe_psql('postgres', q{
	CREATE TABLE early (id int, mail lakehouse.enc_text('people'));
	CREATE TABLE middle (mail lakehouse.enc_text('people'));
	CREATE TABLE late AS SELECT * FROM moved;
	DROP TABLE moved;
}, @clerk);
my $holder = session($node);
my $other = session($node, user => 'clerk');
# its snapshot is older than both who follow
$holder->value('BEGIN');
$holder->value('SELECT name FROM lakehouse.keys FOR UPDATE');
$keeper->begin(q{SELECT lakehouse.key_retire('k', 2)});
$node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM pg_locks WHERE pid = $keeper->{pid} AND NOT granted)");
$other->value('BEGIN');
$other->value('LOCK TABLE middle');
$holder->value('COMMIT');
ok(waits_for_table($keeper->{pid}, 'middle'), 'a table that is locked is waited for');
$mover->value('BEGIN');
$mover->value('INSERT INTO early SELECT * FROM late');
$mover->value('TRUNCATE late');
$mover->value('COMMIT');
$other->value('COMMIT');
(undef, $error) = $keeper->finish;
like($error, qr/in use.*\n.*column "mail" of table "early"/, 'what was moved between tables that are looked at keeps its version, though it is where it was no longer');
is($node->safe_psql('postgres', q{SELECT string_agg(lakehouse.decrypt(mail), ' ' ORDER BY id) FROM early}, @clerk), 'SECRET1 SECRET2 SECRET3', '... and is there');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_locks WHERE pid = $keeper->{pid} AND relation IN ('app.early'::regclass, 'app.late'::regclass)"), 0, 'no table stays locked');
$node->safe_psql('postgres', q{CALL lakehouse.encryption_rotate('app.early', 'mail')});
$keeper->value('BEGIN');
$keeper->value(q{SELECT lakehouse.key_retire('k', 2)});
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_locks WHERE pid = $keeper->{pid} AND relation IN ('app.early'::regclass, 'app.late'::regclass)"), 0, '... also when it is unused');
$keeper->value('COMMIT');

# ---- paused in a transaction that goes on

$node->safe_psql('postgres', q{INSERT INTO early SELECT i, ('SECRET' || i)::text FROM generate_series(4, 2000) i}, @clerk);
$node->safe_psql('postgres', q{SELECT lakehouse.key_rotate('k')});
my $job = $node->safe_psql('postgres', q{SELECT lakehouse.encryption_rotation_start('app.early', 'mail', 50, 1)});
$node->poll_query_until('postgres', "SELECT rows_done > 0 AND state = 'running' FROM lakehouse.encryption_progress WHERE job = $job");
$keeper->value('BEGIN');
$keeper->value("SELECT lakehouse.encryption_rotation_pause($job)");
ok($node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM pg_locks l JOIN lakehouse.encryption_jobs j USING (pid) WHERE job = $job AND NOT granted)"),
	'the worker waits for who pauses it and is not through');
is($node->safe_psql('postgres', q{SELECT count(*) FROM (SELECT id FROM early FOR UPDATE SKIP LOCKED) x}, @clerk), 2000, '... with no row locked');
$keeper->value('COMMIT');
$node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'lakehouse rotation'});
is($node->safe_psql('postgres', "SELECT state FROM lakehouse.encryption_progress WHERE job = $job"), 'paused', '... and stops');

# ---- temporary tables

$mover->value(q{CREATE TEMP TABLE scratch (mail lakehouse.enc_text('people'))});
(undef, undef, $error) = $node->psql('postgres', q{SELECT lakehouse.encryption_rotation_start((SELECT oid FROM pg_class WHERE relname = 'scratch'))});
like($error, qr/temporary table "scratch" is out of the worker's reach/, 'the worker has no temporary tables');
$mover->value('CREATE TEMP TABLE child () INHERITS (early)');
$mover->value(q{INSERT INTO child VALUES (0, 'SECRET0'::text)});
$node->safe_psql('postgres', "UPDATE lakehouse.encryption_jobs SET rows_per_second = 0 WHERE job = $job; SELECT lakehouse.encryption_rotation_resume($job)");
$node->poll_query_until('postgres', "SELECT state IN ('finished', 'failed') FROM lakehouse.encryption_progress WHERE job = $job");
is($node->safe_psql('postgres', "SELECT concat_ws(' ', state, error) FROM lakehouse.encryption_progress WHERE job = $job"), 'finished', 'a temporary child of another session keeps nobody');

# ---- settings of the database are for sessions

$node->safe_psql('postgres', q{
	ALTER DATABASE postgres SET default_transaction_isolation = 'repeatable read';
	ALTER DATABASE postgres SET default_transaction_read_only = on;
});
$node->safe_psql('postgres', q{SET default_transaction_read_only = off; SET default_transaction_isolation = 'read committed'; SELECT lakehouse.key_rotate('k')});
$job = $node->safe_psql('postgres', q{SET default_transaction_read_only = off; SET default_transaction_isolation = 'read committed';
	SELECT lakehouse.encryption_rotation_start('app.early', 'mail')});
$node->poll_query_until('postgres', "SELECT state IN ('finished', 'failed') FROM lakehouse.encryption_progress WHERE job = $job");
is($node->safe_psql('postgres', "SELECT state FROM lakehouse.encryption_progress WHERE job = $job"), 'finished', 'a database whose transactions only read has its worker all the same');
$_->quit foreach $mover, $keeper, $holder, $other;

unlike(slurp_file($node->logfile), qr/SECRET/, 'no value is in the log');
done_testing();
