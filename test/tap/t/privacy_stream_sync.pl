# Policies in streams with synchronous replication: a transaction has committed, and its session tells nobody yet, as it waits for a
# standby, which may be the receiver of the stream itself, or one that is away.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Cdc;
use IO::Socket::UNIX;
use IPC::Run;
use Lake;
use PostgreSQL::Test::Utils;
use Test::More;

my $keys = PostgreSQL::Test::Utils::tempdir . '/keys.json';
open(my $f, '>', $keys) or die; print $f '{"keys": {"app:1": "' . 'fedcba9876543210' x 4 . '"}}'; close $f; chmod 0600, $keys or die;
my ($node, $dir) = cdc_node('privacy_stream_sync', q(shared_preload_libraries = 'lakehouse'), 'max_prepared_transactions = 5', 'autovacuum = off');
my $psql = session($node);
sub sql { return $psql->value($_[0]) }
sql(qq{CREATE EXTENSION IF NOT EXISTS lakehouse; SELECT lakehouse.key_provider_create('file', 'file', jsonb_build_object('path', '$keys'));
	SELECT lakehouse.key_create('key', provider => 'file', kek => 'app'); SELECT lakehouse.domain_create('texts', 'text', 'key');
	CREATE ROLE reader LOGIN REPLICATION; GRANT USAGE ON SCHEMA lakehouse TO reader});
sql(q{SET synchronous_commit = local});

my ($files, %receiver) = (0);
sub receive
{
	my ($slot, $db) = (@_, 'postgres');
	my $file = "$dir/received" . ++$files;
	my $r = $receiver{$file} = { err => '', slot => $slot };
	$r->{run} = IPC::Run::start([ $node->installed_command('pg_recvlogical'), '-d', $node->connstr($db) . " user=reader application_name=receiver", '-S', $slot, '--start', '-f', $file,
		'-F', '1', '-s', '1', '--no-loop', '-o', 'format=json', '-o', 'schema.events=off' ], '<', \undef, '2>', \$r->{err}, IPC::Run::timeout(180));
	wait_until(60, sub { sql(q{SELECT count(*) FROM pg_stat_replication WHERE application_name = 'receiver' AND state = 'streaming'}) eq '1' }) or die "no stream: $r->{err}";
	return $file;
}
# The stream ends by itself; what it says of that.
sub ended
{
	my ($file) = @_;
	wait_until(120, sub { sql("SELECT active FROM pg_replication_slots WHERE slot_name = '$receiver{$file}{slot}'") eq 'f' }) or return 'it goes on';
	eval { $receiver{$file}{run}->finish };
	return $receiver{$file}{err};
}
# A connection for replication that has run queries before it streams.
sub messages
{
	my ($socket, $until) = @_;
	my $all = '';
	local $SIG{ALRM} = sub { die "no message $until" };
	alarm 120;
	while (1)
	{
		my ($head, $body) = ('', '');
		while (length $head < 5) { sysread($socket, $head, 5 - length $head, length $head) or die "the connection ends: $all" }
		my ($type, $left) = unpack('aN', $head);
		while (length $body < $left - 4) { sysread($socket, $body, $left - 4 - length $body, length $body) or die "the connection ends: $all" }
		$all .= "$type$body\n";
		die $all if $type eq 'E';
		last if "$type$body" =~ $until;
	}
	alarm 0;
	return $all;
}
sub ask { my ($socket, $text) = @_; syswrite($socket, 'Q' . pack('N', 5 + length $text) . "$text\0"); return }
sub connection
{
	my $socket = IO::Socket::UNIX->new(Peer => $node->host . '/.s.PGSQL.' . $node->port) or die "no connection: $!";
	my $text = pack('N', 196608) . "user\0reader\0database\0postgres\0replication\0database\0\0";
	syswrite($socket, pack('N', 4 + length $text) . $text);
	messages($socket, qr/^Z/);
	return $socket;
}
sub stop_receiving
{
	my ($file) = @_;
	$receiver{$file}{run}->signal('TERM');
	eval { $receiver{$file}{run}->finish };
	wait_until(60, sub { sql('SELECT count(*) FROM pg_replication_slots WHERE active') eq '0' }) or die 'a walsender does not end';
	return;
}
# All that was written until now.
sub received
{
	my ($file) = @_;
	my $mark = 'mark ' . rand;
	sql("SELECT pg_logical_emit_message(true, 'mark', '$mark')");
	wait_until(120, sub { slurp($file) =~ /\Q$mark\E/ }) or die "nothing comes: $receiver{$file}{err}";
	return slurp($file);
}
sub standbys
{
	my ($names) = @_;
	sql("ALTER SYSTEM SET synchronous_standby_names = '$names'");
	sql('SELECT pg_reload_conf()');
	# of it the checkpointer tells the others
	wait_until(60, sub { sql('SHOW synchronous_standby_names') eq $names }) or die;
	return;
}
sub waits { my ($s) = @_; return sql('SELECT coalesce(wait_event, \'\') FROM pg_stat_activity WHERE pid = ' . $s->pid) eq 'SyncRep' }
sub rows_of { my ($bytes, $table) = @_; return scalar(grep { /"table":"\Q$table\E".*"new":/ } split /\n/, $bytes) }

# The policy, with rows before and after it.
sub with_policy
{
	my ($table, $domain) = @_;
	return "CREATE TABLE $table (id int PRIMARY KEY, s text, t text); INSERT INTO $table VALUES (1, 'secret-1', 'secret-2');"
	  . ($domain eq 'texts' ? '' : " SELECT lakehouse.key_create('key_$domain', provider => 'file', kek => 'app'); SELECT lakehouse.domain_create('$domain', 'text', 'key_$domain');")
	  . " SELECT lakehouse.policy_create('$table', '$table', ARRAY['s', \$\$lakehouse.mask_hash(s, '$domain')\$\$, 't', 'NULL'], for_roles => '{reader}');"
	  . " INSERT INTO $table VALUES (2, 'secret-3', 'secret-4')";
}

sql(q{SELECT pg_create_logical_replication_slot('slot', 'lakehouse')});
my $file = receive('slot');
my $maker = session($node);
$maker->value('SET synchronous_commit = on');

# ---- 1. the receiver is the standby

standbys('receiver');
wait_until(60, sub { sql(q{SELECT sync_state FROM pg_stat_replication WHERE application_name = 'receiver'}) eq 'sync' }) or die 'it is no standby';
$maker->value('BEGIN; ' . with_policy('one', 'texts') . '; COMMIT');
my $bytes = received($file);
is(rows_of($bytes, 'one'), 2, 'a transaction that waits for its own stream comes');
unlike($bytes, qr/secret/, 'and its policy holds for its own rows');

# What holds locks while it waits does not stop the stream that it waits for: definitions are read from catalogs, whose locks do not last.
for my $command ('ALTER TABLE one ADD COLUMN more text', 'ALTER TABLE one ALTER COLUMN id TYPE bigint', 'TRUNCATE one', q{SELECT lakehouse.policy_drop('one')},
	q{SELECT lakehouse.key_rotate('key'), lakehouse.domain_rotate('texts')}, 'DROP TABLE one')
{
	$maker->value("BEGIN; $command; COMMIT");
	pass("$command comes to its end");
}

# Many subtransactions: of some there is a list, of others there is none.
sql(q{CREATE TABLE many (id int)});
my @many = map { session($node) } 1 .. 3;
for my $i (0 .. 2)
{
	my $n = $i == 1 ? 100 : 1;
	$many[$i]->value("BEGIN; DO \$\$BEGIN FOR i IN 1 .. $n LOOP BEGIN INSERT INTO many VALUES (i); EXCEPTION WHEN division_by_zero THEN NULL; END; END LOOP; END\$\$");
}
$maker->value('BEGIN; ' . with_policy('crowd', 'texts') . '; COMMIT');
$bytes = received($file);
is(rows_of($bytes, 'crowd'), 2, 'among many subtransactions');
unlike($bytes, qr/secret/, 'policies are read, too');
$_->value('ROLLBACK') foreach @many;

# ---- 2. the standby is away: the session tells nobody for as long as that is

standbys('nobody');
sql(q{CREATE TABLE three (id int PRIMARY KEY, s text, t text); GRANT SELECT ON three TO reader});
sql(q{SELECT pg_create_logical_replication_slot('late', 'lakehouse')});
my $warm = connection();
ask($warm, 'SELECT count(*) FROM three');
messages($warm, qr/^Z/);
$maker->begin('BEGIN; ' . with_policy('two', 'made') . q{; SELECT lakehouse.policy_create('three', 'three',
	ARRAY['s', $$lakehouse.mask_hash(s, 'texts')$$, 't', 'NULL'], for_roles => '{reader}'); COMMIT});
wait_until(60, sub { waits($maker) }) or die 'it does not wait';
$bytes = received($file);
is(rows_of($bytes, 'two'), 2, 'a transaction comes before its session goes on');
unlike($bytes, qr/secret/, 'under a policy whose domain and key it made as well');
is(sql(q{SELECT to_regclass('two') IS NULL}), 't', 'while no query sees it');

# others write to a table that has a policy that nobody knows
my $third = session($node);
sub insert_three
{
	my ($id) = @_;
	$third->value("SET synchronous_commit = local; INSERT INTO three VALUES ($id, 'secret-t$id', 'secret-u$id')");
	return;
}
insert_three(1);
# anything that makes the stream look again
sql(q{CREATE ROLE somebody});
insert_three(2);
$bytes = received($file);
is(rows_of($bytes, 'three'), 2, 'rows that others write after it come');
unlike($bytes, qr/secret/, 'masked');
stop_receiving($file);
$file = receive('slot');
insert_three(3);
$bytes = received($file);
ok(rows_of($bytes, 'three') >= 1, 'a stream that begins meanwhile');
unlike($bytes, qr/secret/, 'masks them, too');
stop_receiving($file);
insert_three(4);
my $peeked = session($node, user => 'reader')->value(q{SELECT string_agg(data, E'\n') FROM pg_logical_slot_peek_changes('slot', NULL, NULL, 'format', 'json', 'schema.events', 'off')});
like($peeked, qr/"key":\{"id":4\}/, 'a function that reads a slot');
unlike($peeked, qr/secret/, 'as well');

# what it asked before is remembered without that policy, whose transaction is before its place
my $place = sql('SELECT pg_current_wal_lsn()');
wait_until(60, sub {
	sql($_) foreach 'CHECKPOINT', q{SELECT pg_logical_emit_message(true, 'no', 'no')}, q{SELECT pg_replication_slot_advance('late', pg_current_wal_lsn())};
	return sql("SELECT restart_lsn > '$place' FROM pg_replication_slots WHERE slot_name = 'late'") eq 't';
}) or die 'the slot does not move on';
insert_three(6);
ask($warm, q{START_REPLICATION SLOT late LOGICAL 0/0 (format 'json', "schema.events" 'off')});
$peeked = messages($warm, qr/"id":6/);
unlike($peeked, qr/secret/, 'a connection that asked before');
close $warm;

# ---- 3. it comes back

standbys('');
$file = receive('slot');
$maker->finish;
insert_three(5);
$bytes = received($file);
unlike($bytes, qr/secret/, 'and when all have been told');
my $shown = session($node, user => 'reader');
sql('GRANT SELECT ON three TO reader');
my $hash = $shown->value('SELECT s FROM three WHERE id = 5');
like($bytes, qr/"s":"\Q$hash\E"/, 'rows are as queries show them');
stop_receiving($file);

# ---- 4. tables of keys are locked by who waits for the stream

sql(q{CREATE DATABASE fresh});
my $fresh = session($node, db => 'fresh');
$fresh->value(q{SET synchronous_commit = local; SELECT pg_create_logical_replication_slot('fresh', 'lakehouse')});
$file = receive('fresh', 'fresh');
standbys('receiver');
my $all = session($node, db => 'fresh');
$all->begin(qq{BEGIN; CREATE EXTENSION lakehouse; GRANT USAGE ON SCHEMA lakehouse TO reader;
	SELECT lakehouse.key_provider_create('file', 'file', jsonb_build_object('path', '$keys')); } . with_policy('four', 'fours') . '; COMMIT');
my $error = ended($file);
like($error, qr/lock timeout/, 'the extension and a keyed policy in one transaction: the stream does not wait for its end for ever');
like($error, qr/Cancel that session/, 'and says what to do');
unlike(slurp($file), qr/secret/, 'and sends nothing raw');
ok(waits($all), 'the transaction waits');
sql('SELECT pg_cancel_backend(' . $all->pid . ')');
$all->finish;
standbys('');
$file = receive('fresh', 'fresh');
wait_until(120, sub { rows_of(slurp($file), 'four') == 2 });
is(rows_of(slurp($file), 'four'), 2, 'when its wait was cancelled its rows come');
unlike(slurp($file), qr/secret/, 'masked');
stop_receiving($file);
done_testing;
