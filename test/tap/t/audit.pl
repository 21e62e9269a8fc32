# The audit: what is recorded of statements however they end, before their first row, in a log that
# survives rollbacks, kills, a worker that stops, a full ring and a full disk.
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
my $node = lake_node('audit', q(shared_preload_libraries = 'lakehouse'), 'restart_after_crash = on', 'wal_level = replica',
	'max_wal_senders = 4', 'max_connections = 16', 'max_worker_processes = 8', 'autovacuum = off',
	'lakehouse.audit = asynchronous', "lakehouse.audit_directory = '$log'", "lakehouse.audit_key = '$base/key'",
	'lakehouse.audit_ring_size = 256kB');

$node->safe_psql('postgres', q{
	CREATE ROLE reader LOGIN;
	CREATE ROLE nobody LOGIN;
	CREATE TABLE people (id int PRIMARY KEY, name text, ssn text, city text);
	INSERT INTO people SELECT i, 'name' || i, 'canary-' || i, 'here' FROM generate_series(1, 1000) i;
	CREATE TABLE other (id int);
	GRANT SELECT (id, name, city) ON people TO reader;
	SELECT lakehouse.policy_create('ssn', 'people', ARRAY['ssn', 'lakehouse.mask_partial(ssn, 2, ''*'', 0)'], for_roles => '{reader}');
	SELECT lakehouse.policy_create('here', 'people', '{}', 'city = ''here''', for_roles => '{reader}');
	CREATE TABLE notes (id int, ssn text);
	INSERT INTO notes VALUES (1, 'canary-note');
	GRANT SELECT (id), UPDATE (id) ON notes TO reader;
	SELECT lakehouse.policy_create('notes', 'notes', ARRAY['ssn', 'lakehouse.mask_partial(ssn, 2, ''*'', 0)'], for_roles => '{reader}', options => '{"writes": "allow"}');
	CREATE FUNCTION inner_count() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS
		$$ DECLARE n bigint; BEGIN SELECT count(ssn) INTO n FROM people; RETURN n; END $$;
	CREATE FUNCTION caught() RETURNS text LANGUAGE plpgsql AS
		$$ BEGIN PERFORM 1 / (id - id) FROM people; RETURN 'no'; EXCEPTION WHEN division_by_zero THEN RETURN 'caught'; END $$;
	CREATE VIEW names AS SELECT name, ssn FROM people;
	GRANT SELECT ON names TO reader;});

# ---- what is in the files

# All records, from the files alone.
sub records { return log_records($log) }

# Those that came since the last time, as soon as they are enough.
sub fresh { return log_fresh($log, @_) }

# One outcome, or so many of statements that were begun.
sub outcome { my ($n) = @_; return sub { (grep { $_->{kind} eq 'outcome' && (!defined $n || defined $_->{statement}) } @_) >= ($n // 1) } }

sub kinds { return join ' ', map { $_->{kind} } @_ }

# "name=mask<-" of all columns
sub columns
{
	my ($record) = @_;
	return join ' ', map { my $r = $_; map { ($r->{name}) . '.' . $_->{name} . (defined $_->{mask} ? "=$_->{mask}" : '') . ($_->{written} ? '<-' : '') } @{ $r->{columns} // [] } }
	  @{ $record->{relations} // [] };
}

my $admin = session($node);
my $reader = session($node, user => 'reader');
my @r = fresh('roles and policies are events', sub { grep { ($_->{command} // '') eq 'GRANT' && $_->{object} eq 'relation/names' } @_ });
is($r[0]{kind}, 'start', 'the worker says that it began');
like($r[0]{detail}, qr/^PostgreSQL \d+.*, lakehouse \d/, 'and of what');
is_deeply([ map { $_->{object} } grep { ($_->{command} // '') eq 'policy_create' } @r ], [ 'policy/ssn', 'policy/here', 'policy/notes' ], 'policies are named');
is_deeply([ grep { $_->{kind} eq 'intent' && columns($_) =~ /other/ } @r ], [], 'relations without policies are not recorded');

# ---- who, what, how it ended

$reader->value(q(SET lakehouse.purpose = 'billing'));
$reader->value(q(SET application_name = 'test app'));
$reader->value(q(SELECT ssn, name FROM people WHERE id = 987654321 OR name = 'literal-in-text'));
@r = fresh('a statement has a record before and one after', outcome());
is(kinds(@r), 'intent outcome', 'and no others');
my ($intent, $outcome) = @r;
is("$intent->{session_user} $intent->{role} $intent->{purpose} $intent->{application} $intent->{address} $intent->{database}",
	'reader reader billing test app local postgres', 'who asked');
is("$intent->{pid} $outcome->{pid}", "$reader->{pid} $reader->{pid}", 'of which process');
is(columns($intent), 'people.id people.name people.ssn=mask_partial', 'columns that it uses, with their masks');
is($intent->{relations}[0]{columns}[2]{policy}, 'ssn', 'and the policy');
is($intent->{relations}[0]{filters}, 'here', 'filters by their policies');
like($intent->{fingerprint}, qr/^t1-[0-9a-f]{16}$/, 'a fingerprint');
is($intent->{statement}, $outcome->{statement}, 'both have its number');
is("$outcome->{result} $outcome->{rows}", 'ok 0', 'how it ended');

$reader->value(q(SELECT ssn, name FROM people WHERE id = 1 OR name = 'x'));
@r = fresh('again with other constants', outcome());
is($r[0]{fingerprint}, $intent->{fingerprint}, 'constants are no part of a fingerprint');
is($r[1]{rows}, 1, 'rows are counted');

$reader->value(q(/* another look */ select SSN, "name" from people where id = -4 or NAME = E'it''s \\' quoted'));
@r = fresh('with another look', outcome());
isnt($r[0]{fingerprint}, $intent->{fingerprint}, 'a name in quotes is another word');
$reader->value(q(/* another look */ select SSN, name from people where id = -4 or NAME = E'it''s \\' quoted'));
@r = fresh('with another look', outcome());
is($r[0]{fingerprint}, $intent->{fingerprint}, 'the look of a text is no part of a fingerprint');
$admin->value(q(SET compute_query_id = on; SELECT ssn, name FROM people WHERE id = 9 OR name = 'z'));
@r = fresh('where PostgreSQL identifies queries', outcome());
is($r[0]{fingerprint}, $intent->{fingerprint}, 'a statement has the same fingerprint');
$admin->value(q(RESET compute_query_id; SELECT 1; SELECT ssn, name FROM people WHERE id IN (1, 2, 3); SELECT ssn, name FROM people WHERE id IN (4)));
@r = fresh('statements of one text', outcome(2));
is($r[0]{fingerprint}, $r[2]{fingerprint}, 'are apart, and lists are as long as they like');
isnt($r[0]{fingerprint}, $intent->{fingerprint}, 'other words, another fingerprint');

$admin->value('SELECT ssn FROM people LIMIT 3');
@r = fresh('who is exempt is recorded, too', outcome());
is(columns($r[0]), 'people.ssn', 'without a mask: the value itself');
is($r[1]{rows}, 3, 'rows that were returned');

$reader->value('SELECT ssn FROM names LIMIT 1');
@r = fresh('a view', outcome());
is(kinds(@r), 'intent outcome', 'is one statement');
is(join(' ', map { "$_->{name}/$_->{kind}" } @{ $r[0]{relations} }), 'names/v people/r', 'it and its table once each');

# ---- rollback, cursors, COPY, prepared statements, functions

$admin->value('BEGIN');
$admin->value('SELECT count(ssn) FROM people');
$admin->value('UPDATE people SET city = city WHERE id = 1');
$admin->value('ROLLBACK');
@r = fresh('a rollback takes nothing back', sub { grep { ($_->{command} // '') eq 'ROLLBACK' } @_ });
is(kinds(@r), 'intent outcome intent outcome event', 'and is recorded when something was changed');
is(columns($r[2]), 'people.id people.city people.city<-', 'columns that are read, and written');
$reader->value(q(UPDATE notes SET id = 1 WHERE ssn > ''));
@r = fresh('a write that reads masks', outcome());
is(columns($r[0]), 'notes.id<- notes.ssn=mask_partial', 'says which');
$reader->value(q(UPDATE notes SET id = 2 WHERE id = 1 RETURNING ssn));
@r = fresh('so does one that returns them', outcome());
is(columns($r[0]), 'notes.id notes.id<- notes.ssn=mask_partial', 'beside what it reads as it is');

$admin->value('BEGIN; DECLARE c CURSOR FOR SELECT ssn FROM people');
$admin->value('FETCH 10 FROM c');
$admin->value('FETCH 5 FROM c');
$admin->value('CLOSE c; COMMIT');
@r = fresh('a cursor', outcome());
is(kinds(@r) . " $r[1]{rows}", 'intent outcome 15', 'is one statement, with all rows that were fetched');

$admin->value('BEGIN; DECLARE c CURSOR FOR SELECT ssn FROM people; FETCH 4 FROM c; ROLLBACK');
@r = fresh('a cursor that is left open', outcome());
is("$r[1]{result} $r[1]{rows}", 'cancelled 4', 'ends with its transaction');

$admin->value(q(COPY people (id, ssn) TO '/dev/null'));
@r = fresh('COPY of a table', outcome());
is("$r[0]{command} $r[1]{rows} " . columns($r[0]), 'COPY 1000 people.id people.ssn', 'has its columns and rows');
$reader->value('COPY people (ssn) TO STDOUT');
@r = fresh('COPY through policies', outcome());
is(kinds(@r) . " $r[0]{command} $r[1]{rows} " . columns($r[0]), 'intent outcome COPY 1000 people.ssn=mask_partial', 'is recorded once, masks and all');
$admin->value('CREATE TABLE made AS SELECT ssn FROM people; DROP TABLE made');
@r = fresh('CREATE TABLE AS', outcome());
is("$r[0]{command} $r[1]{rows} " . join(' ', map { $_->{name} } @{ $r[0]{relations} }), 'CREATE TABLE AS 1000 people made', 'says what was read, and made');
like($r[0]{fingerprint} // '', qr/^t1-[0-9a-f]{16}$/, 'and has a fingerprint');

$reader->value('PREPARE q AS SELECT ssn FROM people WHERE id = $1');
$reader->value("EXECUTE q($_)") foreach 1 .. 8;
@r = fresh('prepared statements', outcome(8));
is(kinds(@r), join(' ', ('intent outcome') x 8), 'are recorded each time');
is(scalar(grep { columns($_) eq 'people.id people.ssn=mask_partial' } @r), 8, 'also when the plan is a cached one');

is($reader->value('SELECT inner_count()'), 1000, 'a function with SECURITY DEFINER');
@r = fresh('... has a statement', outcome());
is("$r[0]{role} $r[0]{roles}", 'reader reader,' . $admin->value('SELECT current_user'), 'with the chain of roles');
is(columns($r[0]), 'people.ssn=mask_partial', 'and what its caller saw');
is($admin->value('SELECT caught()'), 'caught', 'an error that is caught');
@r = fresh('... is an outcome', outcome());
is("$r[1]{result} $r[1]{sqlstate}", 'failed 22012', 'with its SQLSTATE');

# ---- denied, failed, cancelled

my $denied = session($node, user => 'nobody');
$denied->query('SELECT ssn FROM people');
@r = fresh('a denied statement is recorded', outcome());
is($r[-1]{result} . ' ' . $r[-1]{sqlstate}, 'denied 42501', 'as such');
is(columns($r[0]), 'people.ssn', 'with what was wanted');
$denied->query('SELECT id FROM other');
@r = fresh('also of relations that are not recorded else', outcome());
is("$r[0]{result} $r[0]{session_user} " . join(' ', map { $_->{name} } @{ $r[0]{relations} }), 'denied nobody other', 'by name');
$reader->query('UPDATE people SET ssn = NULL');
@r = fresh('denied by a policy, while planned', outcome());
is("$r[0]{result} " . columns($r[0]), 'denied people.ssn<-', 'with its columns');
$admin->query('SELECT 1 / (id - 500), ssn FROM people ORDER BY id');
@r = fresh('an error in the midst of rows', outcome());
is("$r[1]{result} $r[1]{sqlstate}", 'failed 22012', 'is the outcome');
$reader->begin('SELECT count(pg_sleep(60)), max(ssn) FROM people');
fresh('while it runs its intent is there', sub { grep { $_->{kind} eq 'intent' } @_ });
$admin->value("SELECT pg_cancel_backend($reader->{pid})");
$reader->finish;
@r = fresh('and its end when it is cancelled', outcome());
is("$r[-1]{result} $r[-1]{sqlstate}", 'cancelled 57014', 'as such');
my $gone = session($node);
$gone->begin('SELECT count(pg_sleep(60)), max(ssn) FROM people');
fresh('a session that will be terminated', sub { grep { $_->{kind} eq 'intent' } @_ });
$admin->value("SELECT pg_terminate_backend($gone->{pid})");
@r = fresh('the end of the process is its end', outcome());
is("$r[-1]{result} $r[-1]{sqlstate}", 'cancelled 57P01', 'with the reason');

# ---- parallel workers

$admin->value(q(SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
	SET min_parallel_table_scan_size = 0; SET debug_parallel_query = on)) if $node->pg_version >= 16;
$admin->value(q(SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
	SET min_parallel_table_scan_size = 0)) if $node->pg_version < 16;
like($admin->value('EXPLAIN SELECT count(ssn) FROM people'), qr/Gather/, 'a parallel plan');
$admin->value('SELECT count(ssn) FROM people');
@r = fresh('... is recorded', outcome());
is(kinds(@r), 'intent outcome', 'by its leader alone');
$admin->value(q(CREATE FUNCTION hidden_read(int) RETURNS bigint LANGUAGE plpgsql PARALLEL SAFE COST 100000 AS
	$$ DECLARE n bigint; BEGIN SELECT count(ssn) INTO n FROM people WHERE id = $1; RETURN n; END $$));
$admin->value('SET parallel_leader_participation = off');
$admin->value('ALTER TABLE other SET (parallel_workers = 2); INSERT INTO other SELECT generate_series(1, 200); ANALYZE other');
like($admin->value('EXPLAIN SELECT sum(hidden_read(id)) FROM other'), qr/Gather/, 'a parallel plan with a function');
$admin->value('SELECT sum(hidden_read(id)) FROM other');
@r = fresh('what a function reads in parallel workers', outcome(200));
is(scalar(grep { $_->{kind} eq 'intent' } @r), 200, 'is recorded, each of them');
ok((grep { $_->{pid} != $admin->{pid} } @r) > 0, 'by workers');

# ---- keys and tokens

{
	open(my $f, '>', "$base/keys.json") or die;
	print $f '{"keys": {"app:1": "' . ('5a' x 32) . '"}}';
	close $f;
	chmod 0600, "$base/keys.json";
}
$admin->value(qq(SELECT lakehouse.key_provider_create('file', 'file', '{"path": "$base/keys.json"}')));
$admin->value($_) foreach q(SELECT lakehouse.key_create('k', provider => 'file', kek => 'app')), q(SELECT lakehouse.domain_create('cards', 'digits', 'k')),
  q(CREATE ROLE teller LOGIN), q(SELECT lakehouse.domain_grant('cards', 'tokenize', 'teller'), lakehouse.domain_grant('cards', 'detokenize', 'teller')),
  q(SELECT lakehouse.tag('people', 'city', 'place')), q(SELECT lakehouse.right_grant('policy_admin', 'teller')), q(GRANT USAGE ON SCHEMA lakehouse TO teller);
@r = fresh('keys, domains, tags and rights are events', sub { grep { ($_->{command} // '') eq 'GRANT' && $_->{object} eq 'schema/lakehouse' } @_ });
my @events = map { "$_->{command} $_->{object}" } grep { $_->{kind} eq 'event' } @r;
foreach my $event ('key_provider_create key provider/file', 'key_create key/k', 'domain_create domain/cards', 'domain_grant domain/cards', 'tag column/public.people.city', 'right_grant right/policy_admin')
{
	is(scalar(grep { $_ eq $event } @events), $event =~ /domain_grant/ ? 2 : 1, $event);
}
my $teller = session($node, user => 'teller');
my $token = $teller->value(q(SELECT lakehouse.tokenize('4929123456789012', 'cards')));
@r = fresh('what makes tokens is recorded, without any table', outcome());
is_deeply($r[1]{used}, [ { use => 'tokenize', object => 'cards', values => 1 } ], 'with its domain and how many') or diag(explain($r[1]));
$teller->value(q(SELECT count(lakehouse.detokenize(lpad(g::text, 16, '1'), 'cards')) FROM generate_series(10, 29) g));
@r = fresh('what turns them back', outcome());
is(kinds(@r), 'intent outcome', 'once for the statement');
is_deeply($r[1]{used}, [ { use => 'detokenize', object => 'cards', values => 20 } ], 'with how many');
$teller->query(q(DO $$ BEGIN PERFORM lakehouse.detokenize('4929123456789012', 'cards'); RAISE 'no'; END $$));
@r = fresh('in a transaction that fails', sub { (outcome(1))->(@_) });
is($r[1]{used}[0]{values}, 1, 'too');
$teller->query(q(SELECT lakehouse.tokenize('1', 'cards')));
$teller->query(q(SELECT lakehouse.key_create('l', provider => 'file', kek => 'app')));
@r = fresh('a right that is missing', sub { grep { ($_->{result} // '') eq 'denied' } @_ });

# ---- the log itself

my $note = $admin->value('SELECT lakehouse.audit_checkpoint()');
like($note, qr{^lakehouse/audit\n\d+\n}, 'a signed checkpoint');
my ($size) = $note =~ /\n(\d+)\n/;
is((stat "$base/key")[2] & 07777, 0600, 'the key is nobody else\'s');
is((stat $log)[2] & 077, 0, 'nor is the log');
my $text = PostgreSQL::Test::Utils::slurp_file((sort glob "$log/*.jsonl")[0]);
unlike($text, qr/canary|987654321|literal-in-text|4929123456789012|\Q$token\E/, 'no value and no literal is in the log');
is($admin->value('SELECT count(*) FROM lakehouse.audit_read(0, NULL)'), scalar(records()), 'SQL reads the same records');
is($admin->value("SELECT count(*) FROM lakehouse.audit_export('json', 0, NULL)"), scalar(records()), 'and exports them');
is($admin->value("SELECT count(*) FROM lakehouse.audit_inclusion_proof(3, $size)"), 1, 'an inclusion proof');
is($admin->value("SELECT intact FROM lakehouse.audit_verify(ARRAY[\$q\$$note\$q\$])"), 't', 'the log agrees with the checkpoint that was kept');
is($admin->value(q(SELECT lakehouse.audit_inclusion_document(3)::json ->> 'type')), 'inclusion', 'a proof for those outside');
is($admin->value("SELECT count(*) FROM lakehouse.audit_export('ocsf', 0, NULL) e WHERE (e::json ->> 'class_uid')::int IN (6005, 3004, 6002, 6008)"), scalar(records()),
	'all records are events of OCSF');
(my $changed = $note) =~ s/\n$size\n/"\n" . ($size - 1) . "\n"/e;
is($admin->value("SELECT intact FROM lakehouse.audit_verify(ARRAY[\$q\$$changed\$q\$])"), 'f', 'and not with one that was changed');
my ($out, $err) = $denied->query('SELECT * FROM lakehouse.audit_status()');
like($err, qr/permission denied for function audit_status/, 'it is for auditors');
$admin->value(q(SELECT lakehouse.right_grant('auditor', 'nobody'); GRANT USAGE ON SCHEMA lakehouse TO nobody));
is($denied->value('SELECT mode FROM lakehouse.audit_status()'), 'asynchronous', 'as this role is now');
log_seen($log);

# ---- a worker that ends

sub worker { return $admin->value('SELECT pid FROM lakehouse.audit_status()') }

# Number and kind of statements of a session; each intent once.
sub twice
{
	my %n;
	$n{"$_->{pid} $_->{session_start} $_->{statement} $_->{kind}"}++ foreach grep { defined $_->{statement} } @_;
	return scalar grep { $_ > 1 } values %n;
}

my $before = worker();
kill 'TERM', $before;
$admin->value('SELECT ssn FROM people WHERE id = 1') foreach 1 .. 50;
ok(wait_until(30, sub { my $w = worker(); $w ne '' && $w != $before }), 'a worker that ends is started again');
$admin->value('SELECT ssn FROM people WHERE id = 2');
@r = fresh('and goes on', outcome(51));
is(scalar(grep { $_->{kind} eq 'intent' } @r), 51, 'nothing is lost');
is(twice(records()), 0, 'and nothing is there twice');
is(join(' ', map { $_->{kind} } grep { $_->{kind} =~ /^st/ } @r), 'stop start', 'the log says so');

# ---- synchronous

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
		foreach my $session ($admin, $reader, $gone)
		{
			wait_until(60, sub { (eval { $session->value("SELECT current_setting('$name')") } // $settings{$name}) eq $settings{$name} }) or die "$name is not $settings{$name}";
		}
	}
	sleep(0.3);
	return;
}

set('lakehouse.audit' => 'synchronous');
$reader->value('SELECT 1');
@r = fresh('settings are events', sub { grep { ($_->{object} // '') eq 'setting/lakehouse.audit' } @_ });
$reader->value('SELECT ssn FROM people WHERE id = 7');
is(scalar(grep { $_->{kind} eq 'intent' } log_new($log)), 1, 'the intent is in the files when the rows are there');
fresh('and the outcome', outcome());
my $worker = worker();
kill 'STOP', $worker;
$reader->begin('SELECT ssn FROM people WHERE id = 8');
sleep(1.5);
$reader->{run}->pump_nb;
unlike($reader->{out}, qr/ca\*/, 'no row comes before its record can be durable');
is($admin->value("SELECT state FROM pg_stat_activity WHERE pid = $reader->{pid}"), 'active', 'the statement waits');
kill 'CONT', $worker;
my ($rows) = $reader->finish;
like($rows, qr/^ca/, 'then it goes on');
set('lakehouse.audit_timeout' => '500ms');
fresh('(records of these)', sub { grep { ($_->{object} // '') eq 'setting/lakehouse.audit_timeout' } @_ });
kill 'STOP', $worker;
(undef, $err) = $reader->query('SELECT ssn FROM people WHERE id = 9');
like($err, qr/58030.*the audit record of this statement was not durable within 500 ms/s, 'a record that cannot be durable refuses the statement');
kill 'CONT', $worker;
@r = fresh('what was refused is recorded', outcome());
is("$r[-1]{result} $r[-1]{sqlstate} $r[-1]{rows}", 'failed 58030 0', 'as a failure, without rows');

# ---- a full disk

system('prlimit', '--pid', $worker, '--fsize=' . (-s (sort glob "$log/*.jsonl")[-1]) . ':unlimited') == 0 or die 'prlimit';
(undef, $err) = $reader->query('SELECT ssn FROM people WHERE id = 9');
like($err, qr/was not durable within 500 ms/, 'a full disk refuses statements');
like($admin->value('SELECT error FROM lakehouse.audit_status()'), qr/File too large/, 'the reason is told');
system('prlimit', '--pid', $worker, '--fsize=unlimited:unlimited') == 0 or die 'prlimit';
ok(wait_until(30, sub { ($reader->query('SELECT ssn FROM people WHERE id = 10'))[1] eq '' }), 'when there is room again it goes on');
is($admin->value('SELECT error IS NULL FROM lakehouse.audit_status()'), 't', 'and the error is over');
@r = fresh('(records of these)', sub { grep { $_->{kind} eq 'outcome' && $_->{result} eq 'ok' } @_ });
is(twice(records()), 0, 'nothing is there twice');

# ---- a full ring

set('lakehouse.audit_timeout' => '30s', 'lakehouse.audit' => 'asynchronous');
kill 'STOP', $worker;
$admin->value(q(CREATE OR REPLACE PROCEDURE many(n int) LANGUAGE plpgsql AS
	$$ DECLARE x text; BEGIN FOR i IN 1 .. n LOOP EXECUTE 'SELECT ssn FROM people WHERE id = 1' INTO x; END LOOP; END $$));
$gone = session($node);
$gone->begin('CALL many(5000)');
ok(wait_until(30, sub { $admin->value("SELECT count(*) FROM pg_stat_activity WHERE pid = $gone->{pid} AND wait_event_type = 'Extension'") == 1 }),
	'when the ring is full a statement waits');
is($admin->value('SELECT dropped FROM lakehouse.audit_status()'), 0, 'nothing is dropped');
$admin->value("SELECT pg_cancel_backend($gone->{pid})");
(undef, $err) = $gone->finish;
like($err, qr/57014/, 'waiting can be cancelled');
$gone->begin('CALL many(5000)');
ok(wait_until(60, sub { $admin->value("SELECT count(*) FROM pg_stat_activity WHERE pid = $gone->{pid} AND wait_event_type = 'Extension'") == 1 }),
	'the next one waits as well');
kill 'CONT', $worker;
(undef, $err) = $gone->finish;
is($err, '', 'with room it goes on');
my %open;
wait_until(60, sub {
	@r = records();
	%open = ();
	foreach (@r)
	{
		$open{"$_->{pid} $_->{session_start} $_->{statement}"}++ if $_->{kind} eq 'intent';
		$open{"$_->{pid} $_->{session_start} $_->{statement}"}-- if $_->{kind} eq 'outcome' && defined $_->{statement};
	}
	return (grep { $_->{kind} eq 'intent' && $_->{pid} == $gone->{pid} } @r) > 5000 && !grep { $open{$_} != 0 } keys %open });
is_deeply([ grep { $open{$_} != 0 } keys %open ], [], 'each intent has its outcome');
log_seen($log, scalar(@r));
set('lakehouse.audit_full' => 'drop');
kill 'STOP', $worker;
(undef, $err) = $gone->query('CALL many(5000)');
is($err, '', 'with "drop" nobody waits');
my $dropped = $admin->value('SELECT dropped FROM lakehouse.audit_status()');
cmp_ok($dropped, '>', 1000, 'what was dropped is counted');
kill 'CONT', $worker;
@r = fresh('and logged', sub { grep { $_->{kind} eq 'lost' } @_ });
my ($lost) = grep { $_->{kind} eq 'lost' } @r;
cmp_ok($lost->{count}, '>', 1000, 'with how many');
$admin->value('ALTER SYSTEM RESET lakehouse.audit_full');
$node->reload;

# ---- kills

my $old = $admin->value('SELECT lakehouse.audit_checkpoint()');
my ($old_size) = $old =~ /\n(\d+)\n/;
log_seen($log);
$gone = session($node);
$gone->begin('SELECT count(pg_sleep(60)), max(ssn) FROM people');
@r = fresh('a session that will be killed', sub { grep { $_->{kind} eq 'intent' } @_ });
my $killed = $r[-1]{statement};
kill 'KILL', $gone->{pid};
ok(wait_until(60, sub { is_up($node) && ($node->psql('postgres', 'SELECT open FROM lakehouse.audit_status()'))[1] eq 't' }),
	'the server is back after a kill');
$admin = session($node);
@r = fresh('and the log', sub { grep { $_->{kind} eq 'start' } @_ });
ok(!(grep { $_->{kind} eq 'outcome' && $_->{pid} == $gone->{pid} } @r), 'a killed session has an intent without an outcome before the next start');
my $new = $admin->value('SELECT lakehouse.audit_checkpoint()');
my ($new_size) = $new =~ /\n(\d+)\n/;
is($admin->value("SELECT count(*) FROM lakehouse.audit_consistency_proof($old_size, $new_size)"), 1, 'a consistency proof over the crash');
is($admin->value("SELECT intact FROM lakehouse.audit_verify(ARRAY[\$q\$$old\$q\$, \$q\$$new\$q\$])"), 't', 'the log agrees with both checkpoints');
$worker = worker();
kill 'KILL', $worker;
ok(wait_until(60, sub { my (undef, $open) = $node->psql('postgres', "SELECT open FROM lakehouse.audit_status() WHERE pid <> $worker"); ($open // '') eq 't' }),
	'a killed worker is replaced');
$admin = session($node);
cmp_ok($admin->value('SELECT size FROM lakehouse.audit_status()'), '>=', $new_size, 'what was durable is there');
is(twice(records()), 0, 'nothing is there twice');

# ---- checkpoints go outside

set('lakehouse.audit_checkpoint_target' => "$base/outside");
my $sent = $admin->value('SELECT lakehouse.audit_checkpoint()');
ok(wait_until(30, sub { -e "$base/outside" && index(PostgreSQL::Test::Utils::slurp_file("$base/outside"), $sent) >= 0 }), 'a checkpoint is outside');
set('lakehouse.audit_checkpoint_target' => "$base/none/outside");
$admin->value('SELECT lakehouse.audit_checkpoint()');
ok(wait_until(30, sub { $admin->value('SELECT target_error IS NOT NULL FROM lakehouse.audit_status()') eq 't' }), 'a target that fails is told');
mkdir "$base/none";
ok(wait_until(30, sub { -e "$base/none/outside" }), 'and tried again');
ok(wait_until(30, sub { $admin->value('SELECT target_error IS NULL FROM lakehouse.audit_status()') eq 't' }), 'until it works');

# ---- a standby has a log of its own

$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('audit_standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->append_conf('postgresql.conf', "lakehouse.audit_directory = '$base/standby'");
$standby->append_conf('postgresql.conf', "lakehouse.audit_key = '$base/standby.key'");
$standby->start;
$node->wait_for_catchup($standby);
my $there = session($standby, user => 'reader');
$there->value('SELECT ssn FROM people WHERE id = 3');
ok(wait_until(30, sub { my $t = join '', map { PostgreSQL::Test::Utils::slurp_file($_) } glob "$base/standby/*.jsonl"; $t =~ /"kind":"outcome"/ }),
	'statements on a standby are recorded there');
like(PostgreSQL::Test::Utils::slurp_file((glob "$base/standby/*.jsonl")[0]), qr/, standby"/, 'whose log says that it is one');
$standby->stop;

# ---- restart

log_seen($log);
$node->restart;
@r = fresh('after a restart', sub { grep { $_->{kind} eq 'start' } @_ });
is(join(' ', map { $_->{kind} } grep { $_->{kind} =~ /^st/ } @r), 'stop start', 'the log has its end and its new beginning');
$node->stop;

done_testing();
