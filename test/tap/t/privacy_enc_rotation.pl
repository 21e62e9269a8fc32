# Encrypted columns rotated by the worker: beside writers, killed, with the server killed, paused, without the right, with rows that
# cannot be opened; and what keeps a version in use that no new snapshot sees.
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

my $node = PostgreSQL::Test::Cluster->new('rotation');
$node->init;
$node->append_conf('postgresql.conf', $_) foreach q(shared_preload_libraries = 'lakehouse'), 'jit = off', 'restart_after_crash = on', 'autovacuum = off',
  'log_statement = none', 'max_wal_size = 1GB';
$node->start;
my @clerk = (extra_params => [ '-U', 'clerk' ]);
my @keeper = (extra_params => [ '-U', 'keeper' ]);
$node->safe_psql('postgres', qq{
	CREATE EXTENSION lakehouse;
	SELECT lakehouse.key_provider_create('file', 'file', '{"path": "$dir/keys.json"}');
	SELECT lakehouse.key_create('k', provider => 'file', kek => 'app');
	SELECT lakehouse.domain_create('people', 'text', 'k');
	-- the version that blind indexes are made with stays; those after it are used by values alone
	SELECT lakehouse.key_rotate('k');
	CREATE ROLE clerk LOGIN;
	CREATE ROLE keeper LOGIN;
	CREATE ROLE nobody LOGIN;
	GRANT USAGE ON SCHEMA lakehouse TO clerk, keeper, nobody;
	SELECT lakehouse.right_grant('key_admin', 'keeper');
	SELECT lakehouse.domain_grant('people', r, 'clerk') FROM unnest(ARRAY['encrypt', 'decrypt', 'search']) r;
	CREATE SCHEMA app AUTHORIZATION clerk;
	GRANT USAGE ON SCHEMA app TO keeper, nobody;
	ALTER ROLE clerk SET search_path = app, lakehouse;
	CREATE DATABASE empty;
});
$node->safe_psql('postgres', q{
	CREATE TABLE people (id int PRIMARY KEY, mail lakehouse.enc_text('people', 'search') UNIQUE, note lakehouse.enc_text('people'), many lakehouse.enc_text('people')[], n int DEFAULT 0);
	CREATE TABLE copies (mail lakehouse.enc_text('people', 'search'));
	INSERT INTO people SELECT i, ('SECRET' || i)::text, ('note ' || i)::text, ARRAY[lakehouse.encrypt('a' || i, 'people')] FROM generate_series(1, 3000) i;
}, @clerk);

sub fails
{
	my ($what, $sql, $expected, @params) = @_;
	my (undef, undef, $err) = $node->psql('postgres', $sql, @params);
	like($err, $expected, $what);
	return;
}

sub versions
{
	my ($column, $table) = @_;
	$table //= 'people';
	return $node->safe_psql('postgres', qq{SELECT string_agg(version || ':' || "values", ' ' ORDER BY version) FROM lakehouse.encryption_status('app.$table', '$column')});
}

# Waits for jobs to have these states; what they have.
sub states
{
	my ($expected, $where) = @_;
	my $sql = "SELECT string_agg(state, ' ' ORDER BY job) FROM lakehouse.encryption_progress WHERE $where";
	wait_until(60, sub { my ($rc, $out) = $node->psql('postgres', $sql); $rc == 0 && $out eq $expected });
	return $node->safe_psql('postgres', $sql);
}

sub start
{
	my ($arguments, @params) = @_;
	@params = @keeper unless @params;
	return $node->safe_psql('postgres', "SELECT string_agg(job::text, ',') FROM lakehouse.encryption_rotation_start($arguments) job", @params);
}

# Its processes leave by themselves, and have the shared memory until then.
sub kill_and_start
{
	my $postmaster = $node->{_pid};
	$node->kill9;
	wait_until(60, sub { !kill 0, $postmaster });
	wait_until(60, sub { $node->start(fail_ok => 1) });
	return;
}

sub all_there
{
	my ($what) = @_;
	is($node->safe_psql('postgres', q{SELECT count(*) FROM people WHERE lakehouse.decrypt(mail) = 'SECRET' || id AND lakehouse.decrypt(note) = 'note ' || id
		AND lakehouse.decrypt(many[1]) = 'a' || id}, @clerk), 3000, $what);
	return;
}

sub retire
{
	my ($version) = @_;
	$node->safe_psql('postgres', "SELECT lakehouse.key_retire('k', $version); SELECT lakehouse.key_destroy('k', $version)");
	is($node->safe_psql('postgres', "SELECT state FROM lakehouse.key_status('k') WHERE version = $version"), 'destroyed', "version $version is proved unused and destroyed");
	all_there('... and no value is lost');
	return;
}

# ---- who may

fails('it takes the right', q{SELECT lakehouse.encryption_rotation_start('app.people')}, qr/permission denied/, @clerk);
$node->safe_psql('postgres', q{GRANT EXECUTE ON FUNCTION lakehouse.encryption_rotation_start(regclass, name, integer, integer), lakehouse.encryption_rotation_cancel(bigint) TO nobody});
fails('... not just EXECUTE', q{SELECT lakehouse.encryption_rotation_start('app.people')}, qr/permission denied to encrypt values anew/, extra_params => [ '-U', 'nobody' ]);
fails('... and so does ending one', q{SELECT lakehouse.encryption_rotation_cancel(1)}, qr/permission denied to change/, extra_params => [ '-U', 'nobody' ]);
fails('numbers are looked at', q{SELECT lakehouse.encryption_rotation_start('app.people', NULL, -1)}, qr/rows a second are/, @keeper);
fails('a table without such columns', q{SELECT lakehouse.encryption_rotation_start('pg_class')}, qr/has no column of an encrypted type/, @keeper);
fails('no such job', q{SELECT lakehouse.encryption_rotation_pause(4711)}, qr/there is no job 4711/, @keeper);

# ---- beside writers

open($f, '>', "$dir/load.sql") or die "load: $!";
print $f <<'SQL';
\set id random(1, 3000)
UPDATE app.people SET n = n + 1 WHERE id = :id;
UPDATE app.people SET note = lakehouse.encrypt('note ' || :id, 'people') WHERE id = :id;
SELECT lakehouse.decrypt(mail) FROM app.people WHERE mail = lakehouse.search('SECRET' || :id, 'people');
SQL
close $f or die "load: $!";

sub load
{
	my ($transactions) = @_;
	my %load = (in => '', out => '', err => '');
	$load{run} = IPC::Run::start([ $node->installed_command('pgbench'), '-n', '-c', '2', '-t', $transactions, '-U', 'clerk', '-f', "$dir/load.sql", $node->connstr('postgres') ],
		\$load{in}, \$load{out}, \$load{err});
	return \%load;
}

$node->safe_psql('postgres', q{SELECT lakehouse.key_rotate('k')});
my $load = load(300);
like(start(q{'app.people'}), qr/^1,2,3$/, 'a job for each encrypted column of a table');
is(states('finished finished finished', 'true'), 'finished finished finished', 'the worker does them');
$load->{run}->finish;
unlike($load->{err}, qr/ERROR/, '... beside writers, who see no error');
is($node->safe_psql('postgres', q{SELECT string_agg(concat_ws('/', "column", background, role, rows_left, version_from, version_to, error), ' ' ORDER BY job) FROM lakehouse.encryption_progress}),
	'mail/t/keeper/0/2/3 note/t/keeper/0/2/3 many/t/keeper/0/2/3', '... as the view says');
is($node->safe_psql('postgres', 'SELECT sum(n) FROM people', @clerk), 600, '... and no update of theirs is lost');
# what writers sealed that had begun before
start(q{'app.people'});
is(states('finished finished finished', 'job > 3'), 'finished finished finished', 'jobs without work end');
is(versions('mail') . versions('note') . versions('many'), '3:3000' x 3, 'all is under the newest version');
retire(2);

# ---- the worker killed, beside writers

$node->safe_psql('postgres', q{SELECT lakehouse.key_rotate('k')});
$load = load(2000);
my $job = start(q{'app.people', 'mail', 500, 1});
wait_until(60, sub { $node->safe_psql('postgres', "SELECT rows_done > 0 AND state = 'running' FROM lakehouse.encryption_progress WHERE job = $job") eq 't' });
my $pid = $node->safe_psql('postgres', "SELECT pid FROM lakehouse.encryption_progress WHERE job = $job");
is($node->safe_psql('postgres', "SELECT backend_type FROM pg_stat_activity WHERE pid = $pid"), 'lakehouse rotation', 'the worker has it');
kill 'KILL', $pid;
$load->{run}->finish;
$node->poll_query_until('postgres', 'SELECT true');
is(states('finished', "job = $job"), 'finished', 'a worker that was killed is followed by another one, which ends the job');
isnt($node->safe_psql('postgres', "SELECT pid FROM lakehouse.encryption_progress WHERE job = $job"), $pid, '... a new one');
is(versions('mail'), '4:3000', '... all of it');
all_there('... with all values');

# ---- the server killed; rows that somebody has locked

$node->safe_psql('postgres', q{SELECT lakehouse.key_rotate('k')});
my $locker = session($node, user => 'clerk');
$locker->value('BEGIN');
$locker->value('SELECT id FROM people WHERE id = 2999 FOR UPDATE');
$job = start(q{'app.people', 'mail', blocks => 1});
wait_until(60, sub { versions('mail') eq '4:1 5:2999' });
is(versions('mail'), '4:1 5:2999', 'a locked row is passed over');
is($node->safe_psql('postgres', "SELECT state FROM lakehouse.encryption_progress WHERE job = $job"), 'running', '... and the job waits for it');
wait_until(60, sub { $node->safe_psql('postgres', "SELECT rows_left FROM lakehouse.encryption_progress WHERE job = $job") eq '1' });
is($node->safe_psql('postgres', "SELECT rows_left FROM lakehouse.encryption_progress WHERE job = $job"), 1, '... with one row left');
is(start(q{'app.people', 'mail'}), $job, 'a column has one job');
my $second = start(q{'app.people', 'note'});
isnt($second, $job, '... another column another one');
fails('... and a session waits for neither', q{CALL lakehouse.encryption_rotate('app.people', 'note')}, qr/by another session/);
kill_and_start();
is(states('finished finished', "job IN ($job, $second)"), 'finished finished', 'a server that was killed goes on with all jobs when it starts');
is(versions('mail') . versions('note'), '5:3000' x 2, '... all of them');
is($node->safe_psql('postgres', "SELECT rows_done FROM lakehouse.encryption_progress WHERE job = $job"), 3000, '... without doing again what was done');
start(q{'app.people', 'many'});
is(states('finished', "job = (SELECT max(job) FROM lakehouse.encryption_progress)"), 'finished', 'arrays as well');
retire(3);
retire(4);
# databases without the extension have had a look, too
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'lakehouse rotation%' AND datname = 'empty'}), 0, 'no worker stays where there is nothing');

# ---- paused, resumed, cancelled; the right taken away

$node->safe_psql('postgres', q{SELECT lakehouse.key_rotate('k')});
$job = start(q{'app.people', 'mail', 50, 1});
wait_until(60, sub { $node->safe_psql('postgres', "SELECT rows_done > 0 FROM lakehouse.encryption_progress WHERE job = $job") eq 't' });
$node->safe_psql('postgres', "SELECT lakehouse.encryption_rotation_pause($job)", @keeper);
# it lets go of the table
wait_until(60, sub { ($node->psql('postgres', q{SELECT count(*) FROM pg_locks WHERE locktype = 'object' AND classid = 'lakehouse.encryption_jobs'::regclass}))[1] eq '0' });
is(states('paused', "job = $job"), 'paused', 'a job is paused');
cmp_ok($node->safe_psql('postgres', "SELECT rows_left FROM lakehouse.encryption_progress WHERE job = $job"), '>', 0, '... before its end');
fails('... which leaves the version in use', q{SELECT lakehouse.key_retire('k', 5)}, qr/in use/);
$node->safe_psql('postgres', "UPDATE lakehouse.encryption_jobs SET rows_per_second = 0 WHERE job = $job");
$node->safe_psql('postgres', "SELECT lakehouse.encryption_rotation_resume($job)", @keeper);
is(states('finished', "job = $job"), 'finished', '... and resumed');
$job = start(q{'app.people', 'note', 50, 1});
wait_until(60, sub { $node->safe_psql('postgres', "SELECT rows_done > 0 FROM lakehouse.encryption_progress WHERE job = $job") eq 't' });
$node->safe_psql('postgres', "SELECT lakehouse.encryption_rotation_cancel($job)", @keeper);
is(states('cancelled', "job = $job"), 'cancelled', 'or cancelled');
fails('... for good', "SELECT lakehouse.encryption_rotation_resume($job)", qr/there is no job $job that has not ended/, @keeper);
$job = start(q{'app.people', 'note', 50, 1});
wait_until(60, sub { $node->safe_psql('postgres', "SELECT rows_done > 0 FROM lakehouse.encryption_progress WHERE job = $job") eq 't' });
$node->safe_psql('postgres', q{SELECT lakehouse.right_revoke('key_admin', 'keeper')});
is(states('failed', "job = $job"), 'failed', 'a job ends when who wanted it has no longer the right');
like($node->safe_psql('postgres', "SELECT error FROM lakehouse.encryption_progress WHERE job = $job"), qr/permission denied/, '... and says so');
$node->safe_psql('postgres', q{SELECT lakehouse.right_grant('key_admin', 'keeper')});
is($node->safe_psql('postgres', q{SELECT count(*) FROM lakehouse.encryption_rotation_start_key('k')}, @keeper), 2, 'all columns of a key that have older values');
is(states('finished finished', "job > $job"), 'finished finished', '... are done');
is(versions('mail') . versions('note') . versions('many'), '6:3000' x 3, '... to the newest version');
$job = $node->safe_psql('postgres', 'SELECT max(job) FROM lakehouse.encryption_progress');
my $armoured = $node->safe_psql('postgres', 'SELECT mail FROM people WHERE id = 7', @clerk);
retire(5);

# ---- the table dropped meanwhile, and one whose rows do not change

$node->safe_psql('postgres', q{SELECT lakehouse.key_rotate('k')});
$node->safe_psql('postgres', q{CREATE TABLE gone AS SELECT id, mail FROM people; ALTER TABLE gone ALTER mail TYPE lakehouse.enc_text('people', 'search')}, @clerk);
$job = start(q{'app.gone', 'mail', 50, 1});
wait_until(60, sub { $node->safe_psql('postgres', "SELECT rows_done > 0 FROM lakehouse.encryption_progress WHERE job = $job") eq 't' });
$node->safe_psql('postgres', 'DROP TABLE gone', @clerk);
is(states('failed', "job = $job"), 'failed', 'a table that is dropped ends its job');
like($node->safe_psql('postgres', "SELECT error FROM lakehouse.encryption_progress WHERE job = $job"), qr/table number \d+, or its column "mail", is not there any more/, '... which says so');
$node->safe_psql('postgres', q{
	CREATE TABLE stubborn AS SELECT mail FROM people LIMIT 3;
	CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
	CREATE TRIGGER keep BEFORE UPDATE ON stubborn FOR EACH ROW EXECUTE FUNCTION keep();
	ALTER TABLE stubborn ENABLE ALWAYS TRIGGER keep;
}, @clerk);
$job = start(q{'app.stubborn'});
is(states('failed', "job = $job"), 'failed', 'rows that an UPDATE does not change end it');
like($node->safe_psql('postgres', "SELECT error FROM lakehouse.encryption_progress WHERE job = $job"), qr/stay as they are/, '... which says so');
# what users' code says may be a value
$node->safe_psql('postgres', q{CREATE OR REPLACE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'PLAIN'; END $$}, @clerk);
$job = start(q{'app.stubborn'});
is(states('failed', "job = $job"), 'failed', 'an error of a trigger ends it');
is($node->safe_psql('postgres', "SELECT error FROM lakehouse.encryption_progress WHERE job = $job"),
	q(an UPDATE of the table failed with SQLSTATE P0001; the server's log has the message), '... whose words are not told');
$node->safe_psql('postgres', 'DROP TABLE stubborn', @clerk);

# ---- triggers run as the owner; deferred ones, which would run as who commits, do not

$node->safe_psql('postgres', q{
	CREATE TABLE fired (mail lakehouse.enc_text('people', 'search'));
	CREATE TABLE ran (who text);
	CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO app.ran VALUES (current_user); RETURN NULL; END $$;
	CREATE CONSTRAINT TRIGGER note AFTER UPDATE ON fired DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note();
	ALTER TABLE fired ENABLE ALWAYS TRIGGER note;
}, @clerk);
$node->safe_psql('postgres', q{INSERT INTO fired SELECT mail FROM people WHERE id < 3}, @clerk);
$node->safe_psql('postgres', q{SELECT lakehouse.key_rotate('k')});
$job = start(q{'app.fired'});
is(states('failed', "job = $job"), 'failed', 'a deferred trigger ends the job');
fails('... and a call of the procedure', q{CALL lakehouse.encryption_rotate('app.fired', 'mail')}, qr/cannot fire deferred trigger/);
is($node->safe_psql('postgres', 'SELECT count(*) FROM app.ran'), 0, '... and does not run');
$node->safe_psql('postgres', q{DROP TRIGGER note ON fired;
	CREATE TRIGGER note AFTER UPDATE ON fired FOR EACH ROW EXECUTE FUNCTION note();
	ALTER TABLE fired ENABLE ALWAYS TRIGGER note}, @clerk);
$job = start(q{'app.fired'});
is(states('finished', "job = $job"), 'finished', 'another one does not');
is($node->safe_psql('postgres', 'SELECT count(*), string_agg(DISTINCT who, $$ $$) FROM app.ran'), '2|clerk', '... and runs as the owner and not as the worker');
$node->safe_psql('postgres', q{TRUNCATE app.ran; SELECT lakehouse.key_rotate('k')});
$node->safe_psql('postgres', q{CALL lakehouse.encryption_rotate('app.fired', 'mail')});
is($node->safe_psql('postgres', 'SELECT count(*), string_agg(DISTINCT who, $$ $$) FROM app.ran'), '2|clerk', '... nor as who calls the procedure');
$node->safe_psql('postgres', 'DROP TABLE fired, ran', @clerk);

# ---- a row that cannot be opened

$node->safe_psql('postgres', q{SELECT count(*) FROM lakehouse.encryption_rotation_start_key('k')}, @keeper);
wait_until(60, sub { versions('mail') . versions('note') . versions('many') eq '9:3000' x 3 });
retire(6);
$node->safe_psql('postgres', qq{INSERT INTO copies VALUES ('$armoured'::text)}, @clerk);
$job = start(q{'app.copies'});
is(states('failed', "job = $job"), 'failed', 'a row whose version is gone ends its job');
my $error = $node->safe_psql('postgres', "SELECT error FROM lakehouse.encryption_progress WHERE job = $job");
like($error, qr/^row \(0,1\) of table "copies" cannot be encrypted anew: /, '... which says which row it is');
unlike($error, qr/SECRET/, '... and no value');
fails('... and so does the procedure', q{CALL lakehouse.encryption_rotate('app.copies', 'mail')}, qr/row \(0,1\) of table "copies" cannot be encrypted anew: /);
$node->safe_psql('postgres', 'TRUNCATE copies', @clerk);
# both were one job, which the procedure's call has left
$node->safe_psql('postgres', q{CALL lakehouse.encryption_rotate('app.copies', 'mail')});

# ---- what no new snapshot sees

sub rotate_all { $node->safe_psql('postgres', "CALL lakehouse.encryption_rotate('app.$_->[0]', '$_->[1]')") foreach [ 'people', 'mail' ], [ 'people', 'note' ], [ 'people', 'many' ], [ 'copies', 'mail' ]; return }

my $s = session($node, user => 'clerk');
$s->value('BEGIN');
$s->value('INSERT INTO copies SELECT mail FROM people WHERE id = 1');
$node->safe_psql('postgres', q{SELECT lakehouse.key_rotate('k')});
rotate_all();
# (it counts what was there before, too, which who is not through might still see)
fails('a value that was copied and not committed keeps its version', q{SELECT lakehouse.key_retire('k', 9)}, qr/in use.*\n.*By column "mail" of table "(people|copies)"/);
$s->value('COMMIT');
fails('... and when it is committed', q{SELECT lakehouse.key_retire('k', 9)}, qr/in use.*\n.*column "mail" of table "copies"/);
rotate_all();
retire(9);
# (a table that is looked at before the one that it is copied from)
$s->value('BEGIN ISOLATION LEVEL REPEATABLE READ');
$s->value('SELECT id FROM people WHERE id = 1');
$node->safe_psql('postgres', q{SELECT lakehouse.key_rotate('k')});
rotate_all();
$node->safe_psql('postgres', 'VACUUM app.people');
fails('a value that an old snapshot sees keeps its version', q{SELECT lakehouse.key_retire('k', 10)}, qr/in use.*\n.*a transaction that began before/);
$s->value('INSERT INTO copies SELECT mail FROM people WHERE id = 2');
$s->value('COMMIT');
fails('... as it can be copied', q{SELECT lakehouse.key_retire('k', 10)}, qr/in use.*\n.*column "mail" of table "copies"/);
rotate_all();
$s->quit;
retire(10);
is($node->safe_psql('postgres', q{SELECT string_agg(lakehouse.decrypt(mail), ' ' ORDER BY 1) FROM copies}, @clerk), 'SECRET1 SECRET2', '... and the copies are there');
my $log = slurp_file($node->logfile);
unlike($log, qr/SECRET/, 'no value is in the log');

done_testing();
