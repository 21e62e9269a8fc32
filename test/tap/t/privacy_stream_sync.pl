# Policies in streams with synchronous replication: a transaction has committed, and its session tells nobody yet, as it waits for a
# standby, which may be the receiver of the stream itself, or one that is away.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Cdc;
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
	my ($slot) = @_;
	my $file = "$dir/received" . ++$files;
	my $r = $receiver{$file} = { err => '', slot => $slot };
	$r->{run} = IPC::Run::start([ $node->installed_command('pg_recvlogical'), '-d', $node->connstr('postgres') . " user=reader application_name=receiver", '-S', $slot, '--start', '-f', $file,
		'-F', '1', '-s', '1', '--no-loop', '-o', 'format=json', '-o', 'schema.events=off' ], '<', \undef, '2>', \$r->{err}, IPC::Run::timeout(180));
	wait_until(60, sub { sql(q{SELECT count(*) FROM pg_stat_replication WHERE application_name = 'receiver' AND state = 'streaming'}) eq '1' }) or die "no stream: $r->{err}";
	return $file;
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

# ---- 2. the standby is away: the session tells nobody for as long as that is

standbys('nobody');
sql(q{CREATE TABLE three (id int PRIMARY KEY, s text, t text)});
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
done_testing;
