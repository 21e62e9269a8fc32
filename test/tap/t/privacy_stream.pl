# Policies in streams of walsenders: for a backlog from before there was an extension, for a stream that runs while
# policies, roles and domains change, within transactions that are under way, in every format, in snapshots; and
# what happens when the library or a key is not there.
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
sub write_keys { open(my $f, '>', $keys) or die; print $f qq({"keys": {"app:1": "$_[0]"}}); close $f; chmod 0600, $keys or die; return }
write_keys('fedcba9876543210' x 4);
my ($node, $dir) = cdc_node('privacy_stream', q(shared_preload_libraries = 'lakehouse'), 'logical_decoding_work_mem = 64kB', 'max_prepared_transactions = 10',
	'autovacuum = off', 'log_statement = none', 'log_min_error_statement = panic', 'log_min_messages = info');
my $psql = session($node);
sub sql { return $psql->value($_[0]) }
my $setup = qq{
	SELECT lakehouse.key_provider_create('file', 'file', jsonb_build_object('path', '$keys'));
	SELECT lakehouse.key_create('key', provider => 'file', kek => 'app');
	SELECT lakehouse.domain_create('texts', 'text', 'key'), lakehouse.domain_create('ids', 'bigint', 'key', '{"least": 0, "most": 2000000000}');};
sql($setup);
sql(q{CREATE ROLE reader LOGIN REPLICATION; CREATE ROLE other LOGIN REPLICATION; CREATE ROLE exempt NOLOGIN; GRANT USAGE ON SCHEMA lakehouse TO reader, other});

# ---- streams

my ($files, %receiver) = (0);
# A stream of a slot into a file, until it is stopped.
sub receive
{
	my ($slot, $user, @options) = @_;
	my $file = "$dir/received" . ++$files;
	my %r = (err => '', slot => $slot);
	$r{run} = IPC::Run::start([ $node->installed_command('pg_recvlogical'), '-d', $node->connstr('postgres'), '-U', $user, '-S', $slot, '--start', '-f', $file, '-F', '0', '-s', '1',
		'--no-loop', map { ('-o', $_) } @options ], '<', \undef, '2>', \$r{err}, IPC::Run::timeout(180));
	$receiver{$file} = \%r;
	return $file;
}
sub has_ended { my ($file) = @_; my $r = $receiver{$file}{run}; return !eval { $r->pump_nb; $r->pumpable } }
# What has come: until all that was written is there.
sub received
{
	my ($file, $stays) = @_;
	my $mark = 'mark ' . rand;
	sql("SELECT pg_logical_emit_message(true, 'mark', '$mark')");
	wait_until(60, sub { has_ended($file) || slurp($file) =~ /\Q$mark\E/ }) or die "nothing comes: $receiver{$file}{err}";
	stop_receiving($file) unless $stays;
	return slurp($file);
}
sub stop_receiving
{
	my ($file) = @_;
	$receiver{$file}{run}->signal('TERM');
	eval { $receiver{$file}{run}->finish };
	wait_until(60, sub { sql("SELECT count(*) FROM pg_replication_slots WHERE active AND slot_name = '$receiver{$file}{slot}'") eq '0' }) or die 'a walsender does not end';
	return;
}
sub new_slot { my ($name, $more) = @_; return sql("SELECT pg_create_logical_replication_slot('$name', 'lakehouse'" . ($more // '') . ')') }
# The values of a column in events of a table, in order.
sub values_of { my ($bytes, $table, $column) = @_; return map { /"table":"\Q$table\E".*"new":\{.*?"\Q$column\E":("[^"]*"|null|-?\d+)/ ? $1 : () } split /\n/, $bytes }

# ---- 1. a backlog from before CREATE EXTENSION, of another database

$node->safe_psql('postgres', 'CREATE DATABASE late');
my $late = session($node, db => 'late');
$late->value(q{SELECT pg_create_logical_replication_slot('late', 'lakehouse')});
$late->value(q{CREATE TABLE old (id int PRIMARY KEY, s text, t text, born date); INSERT INTO old VALUES (1, 'secret-1', 'secret-2', '1999-09-09'); ALTER TABLE old RENAME s TO ssn});
my $peek = q{SELECT string_agg(data, E'\n') FROM pg_logical_slot_peek_changes('late', NULL, NULL, 'format', 'json', 'schema.events', 'off')};
like($late->value($peek), qr/"s":"secret-1"/, 'without the extension a backlog is as it is');
$late->value("CREATE EXTENSION lakehouse; $setup");
$late->value(q{SELECT lakehouse.policy_create('old', 'old', ARRAY['ssn', $$lakehouse.mask_hash(ssn, 'texts')$$, 't', $$lakehouse.mask_fake_name(t, 'texts')$$, 'born', $$date_trunc('year', born)$$],
	for_roles => '{reader}')});
my $backlog = $late->value($peek);
my $shown = session($node, db => 'late', user => 'reader')->value('SELECT ssn FROM old');
like($backlog, qr/"s":"\Q$shown\E"/, 'then it is masked, under keys that came after it, as a query of the role shows it');
unlike($backlog, qr/secret|1999-09/, 'and nothing is as it was');
like($backlog, qr/"born":"1999-01-01"/, 'nor what is masked by functions of PostgreSQL');

# ---- 2. a stream that runs, and all that may change meanwhile

sql(q{CREATE TABLE live (id int PRIMARY KEY, s text, plain text); CREATE TABLE beside (id int PRIMARY KEY, s text)});
sql('GRANT SELECT (id, plain) ON live TO reader');
new_slot('live');
my $file = receive('live', 'reader', 'format=json', 'schema.events=off');
my $n = 0;
sub insert { $n++; sql("INSERT INTO live VALUES ($n, 'secret-$n', 'plain'); INSERT INTO beside VALUES ($n, 'secret')"); received($file, 1); return }
insert();
sql(q{SELECT lakehouse.policy_create('live', 'live', ARRAY['s', $$'one'$$], for_roles => '{reader}', except_roles => '{exempt}')});
insert();
sql(q{SELECT lakehouse.policy_alter('live', masks => ARRAY['s', $$lakehouse.mask_partial(s, 0, 'X', 1)$$])});
insert();
# a role becomes exempt, and is so no more
sql('GRANT exempt TO reader');
insert();
sql('REVOKE exempt FROM reader');
insert();
sql(q{SELECT lakehouse.policy_alter('live', masks => ARRAY['s', $$lakehouse.mask_fpe(id, 'ids')::text$$])});
insert();
my ($before) = (values_of(slurp($file), 'live', 's'))[-1];
is($before, '"' . session($node, user => 'reader')->value("SELECT s FROM live WHERE id = $n") . '"', 'a live token is the one of queries');
sql(q{SELECT lakehouse.key_rotate('key'), lakehouse.domain_rotate('ids')});
insert();
is((values_of(slurp($file), 'live', 's'))[-1], '"' . session($node, user => 'reader')->value("SELECT s FROM live WHERE id = $n") . '"', 'also under the next version of the key');
sql('ALTER TABLE live RENAME s TO t');
insert();
isnt((values_of(slurp($file), 'live', 't'))[-1], qq("secret-$n"), 'a renamed column stays masked');
sql('ALTER TABLE live RENAME t TO s');
# changes that are rolled back are none
sql(q{BEGIN; SELECT lakehouse.policy_drop('live'); ROLLBACK});
insert();
isnt((values_of(slurp($file), 'live', 's'))[-1], qq("secret-$n"), 'nothing comes of a policy that was not dropped');
sql(q{SELECT lakehouse.policy_drop('live')});
insert();
is_deeply([ (values_of(slurp($file), 'live', 's'))[ 0 .. 4, -1 ] ], [ '"secret-1"', '"one"', '"X3"', '"secret-4"', '"X5"', qq("secret-$n") ],
	'each change holds from the next transaction on, without the stream being started again');
is(scalar(values_of(slurp($file), 'beside', 's')), $n, 'all the while another table is streamed');
ok(!has_ended($file), 'by the same walsender');
# made in the transaction that writes, before and after it writes; the policy of its end holds
sql(qq{BEGIN; INSERT INTO live VALUES (1001, 'secret', ''); SELECT lakehouse.policy_create('live', 'live', ARRAY['s', \$\$'within'\$\$], for_roles => '{reader}'); INSERT INTO live VALUES (1002, 'secret', ''); COMMIT});
is_deeply([ (values_of(received($file), 'live', 's'))[ -2, -1 ] ], [ '"within"', '"within"' ], 'a policy holds in the transaction that makes it');
sql(q{SELECT lakehouse.policy_drop('live')});

# ---- 3. within a transaction: one that is told while it runs, and a long one that is being sent

new_slot('streamed');
$file = receive('streamed', 'reader', 'format=json', 'schema.events=off', 'streaming=on');
my $writer = session($node);
$writer->value(q{BEGIN; INSERT INTO live SELECT g, 'secret', repeat('x', 50) FROM generate_series(10001, 12000) g});
wait_until(60, sub { my @v = values_of(slurp($file), 'live', 's'); @v > 0 }) or die $receiver{$file}{err};
sql(q{SELECT lakehouse.policy_create('live', 'live', ARRAY['s', $$lakehouse.mask_hash(s, 'texts')$$], for_roles => '{reader}')});
$writer->value(q{INSERT INTO live SELECT g, 'secret', repeat('x', 50) FROM generate_series(20001, 23000) g});
$writer->value('COMMIT');
my $streamed = received($file);
my @rows = values_of($streamed, 'live', 's');
is($rows[0], '"secret"', 'what was told before is as it was then');
like($streamed, qr/"op":"stream\w*"/, 'of a transaction told while it ran');
my @after = map { /"id":2\d{4},"s":("[^"]*")/ ? $1 : () } split /\n/, $streamed;
is(scalar(@after), 3000, 'the rest of it came');
is(scalar(grep { $_ eq '"secret"' } @after), 0, 'masked, since a policy was made in the middle');
sql(q{SELECT lakehouse.policy_drop('live')});

new_slot('paused');
sql(q{INSERT INTO live SELECT g, 'secret', repeat('y', 400) FROM generate_series(100001, 160000) g});
$file = receive('paused', 'reader', 'format=json', 'schema.events=off');
wait_until(60, sub { -s $file }) or die $receiver{$file}{err};
$receiver{$file}{run}->signal('STOP');
# its walsender waits for it, in the middle of the transaction
my $walsender = sql("SELECT active_pid FROM pg_replication_slots WHERE slot_name = 'paused'");
wait_until(60, sub { sql("SELECT coalesce(wait_event, '') FROM pg_stat_activity WHERE pid = $walsender") eq 'WalSenderWriteData' }) or die 'it does not wait';
sql(q{SELECT lakehouse.policy_create('live', 'live', ARRAY['s', $$lakehouse.mask_hash(s, 'texts')$$], for_roles => '{reader}')});
$receiver{$file}{run}->signal('CONT');
@rows = values_of(received($file), 'live', 's');
is(scalar(@rows), 60000, 'a long transaction came whole');
is($rows[0], '"secret"', 'with what was sent already as it was');
my ($raw) = (scalar(grep { $_ eq '"secret"' } @rows));
cmp_ok($raw, '<', 60000, "and the rest masked ($raw were not)");
is(join(' ', (map { $rows[$_] eq '"secret"' ? 'raw' : 'masked' } $raw - 1, $raw, -1)), 'raw masked masked', 'from one row on');
sql(q{SELECT lakehouse.policy_drop('live'); TRUNCATE live});

# prepared before there is a policy, told after it
new_slot('prepared', ', false, true');
sql(q{BEGIN; INSERT INTO live VALUES (1, 'secret', ''); PREPARE TRANSACTION 'p'});
sql(q{SELECT lakehouse.policy_create('live', 'live', ARRAY['s', $$'later'$$], for_roles => '{reader}')});
$file = receive('prepared', 'reader', 'format=json', 'schema.events=off', 'two_phase=on');
sql(q{COMMIT PREPARED 'p'});
my $prepared = received($file);
is_deeply([ values_of($prepared, 'live', 's') ], ['"later"'], 'a prepared transaction is told under the policies of now');
sql(q{SELECT lakehouse.policy_drop('live')});

# ---- 4. every format: no secret, for whom there is a policy and for whom there is none

my @secrets = map { join('', map { chr(97 + int(rand(26))) } 1 .. 10) . 'Q' . int(1e8 + rand(8e8)) } 1 .. 6;
sql(q{
	CREATE TYPE brittle;
	CREATE FUNCTION brittle_in(cstring) RETURNS brittle AS 'int4in' LANGUAGE internal IMMUTABLE STRICT;
	CREATE FUNCTION brittle_out(brittle) RETURNS cstring AS 'enum_out' LANGUAGE internal IMMUTABLE STRICT;
	CREATE TYPE brittle (INPUT = brittle_in, OUTPUT = brittle_out, LIKE = int4);
	CREATE TABLE every (id text PRIMARY KEY, a text, b varchar(60), c jsonb, d text[], big text DEFAULT 'x', other brittle);
	ALTER TABLE every ALTER big SET STORAGE EXTERNAL;
	CREATE TABLE every_full (LIKE every INCLUDING ALL); ALTER TABLE every_full REPLICA IDENTITY FULL;});
new_slot('every');
foreach my $t (qw(every every_full))
{
	my ($i, $a, $b, $c, $d, $big) = @secrets;
	sql(qq{INSERT INTO $t VALUES ('$i', '$a', '$b', '{"k": "$c"}', '{$d}', repeat('$big', 300)); UPDATE $t SET a = a || 'x'; UPDATE $t SET id = id || 'y'; UPDATE $t SET big = big || 'z';
		INSERT INTO $t VALUES ('q$i', '$a', '$b', '{"k": "$c"}', '{$d}', '$big', '424242'); DELETE FROM $t});
}
my @formats = (['json'], [ 'wal2json-v1', 'include-pk', '1' ], ['wal2json-v2'], ['debezium-json'], ['flat'], [ 'upsert', 'keys', 'on' ], ['avro'], ['debezium-avro'], ['protobuf'], [ 'json', 'frames', 'on', 'batch', '64kB' ]);
sub found { my ($bytes) = @_; return grep { my $s = $_; grep { index($bytes, $_) >= 0 } $s, uc $s, unpack('H*', $s), scalar reverse $s } @secrets }
sub every
{
	my ($user, @options) = @_;
	my $s = session($node, user => $user);
	return join("\n", map { pack('H*', $_) } split /\n/,
		$s->value(q{SELECT encode(data, 'hex') FROM pg_logical_slot_peek_binary_changes('every', NULL, NULL, 'table.include.list', 'public.every.*', } . join(', ', map { "'$_'" } 'format', @options) . ')'));
}
my $user = sql('SELECT current_user');
is_deeply([ map { scalar(found(every($user, @$_))) } @formats ], [ (6) x @formats ], 'without policies each secret is in each format');
sql(qq{SELECT lakehouse.policy_create('$_', '$_', ARRAY['id', \$\$lakehouse.mask_hash(id, 'texts')\$\$, 'a', \$\$lakehouse.mask_fpe(a, 'texts')\$\$, 'b', \$\$lakehouse.mask_hash(b, 'texts')\$\$,
	'c', \$\$lakehouse.mask_json(c, '{\$.k}')\$\$, 'd', 'NULL', 'big', \$\$lakehouse.mask_hash(big, 'texts')\$\$], for_roles => '{reader}')}) foreach qw(every every_full);
foreach my $format (@formats)
{
	foreach my $who ('reader', 'other', $user)
	{
		my $bytes = every($who, @$format);
		is_deeply([ found($bytes) ], [], "no secret for $who: @$format");
		cmp_ok(length($bytes), '>', 500, 'of events that are there');
	}
}
like(every('reader', 'json'), qr/"op":"quarantine"/, 'with rows that cannot be shown among them');

# ---- 5. the client: a snapshot, then the stream, of a table whose rows come masked, and of the same for a superuser

sql(q{CREATE TABLE shot (id int PRIMARY KEY, s text, u text, v text)});
sql(q{INSERT INTO shot SELECT g, 'secret ' || g, 'secret ' || g, 'plain ' || g FROM generate_series(1, 500) g});
sql(q{SELECT lakehouse.policy_create('shot', 'shot', ARRAY['s', $$lakehouse.mask_hash(s, 'texts')$$, 'u', $$lakehouse.mask_partial(u, 1, '*', length(v) - 6)$$], for_roles => '{reader}')});
sql(q{GRANT SELECT (id, v) ON shot TO reader});
sub client_as
{
	my ($who, $name, @args) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ $client, @args, '--source', $node->connstr('postgres') . " user=$who", '--slot', $name, '--sink', "file:$dir/$name", '--option', 'table.include.list=public.shot' ],
		'<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(180));
	return ($? >> 8, $err);
}
sub taken { my ($name) = @_; return join '', map { slurp($_) } sort glob("$dir/$name/*.ndjson") }
my $expected = session($node, user => 'reader')->value('SELECT row_to_json(t) FROM shot t ORDER BY id');
foreach my $who ('reader', $user)
{
	my $slot = $who eq $user ? 'shot_super' : 'shot_reader';
	my ($code, $err) = client_as($who, $slot, 'snapshot');
	is($code, 0, "a snapshot as $who") or diag $err;
	my $events = taken($slot);
	my %new = map { /"op":"read".*"new":(\{"id":(\d+)[^}]*\})/ ? ($2 => $1) : () } split /\n/, $events;
	is(join("\n", map { $new{$_} } sort { $a <=> $b } keys %new), $expected, "is what a query of the masked role shows, for $who");
	unlike($events, qr/secret/, 'and nothing else');
}
sql(q{UPDATE shot SET v = v || '!' WHERE id <= 100});
$expected = session($node, user => 'reader')->value('SELECT row_to_json(t) FROM shot t WHERE id <= 100 ORDER BY id');
my $live = receive('shot_reader', 'reader', 'format=json', 'schema.events=off', 'table.include.list=public.shot');
my %new = map { /"op":"update".*"new":(\{"id":(\d+)[^}]*\})/ ? ($2 => $1) : () } split /\n/, received($live);
is(scalar(keys %new), 100, 'then its changes');
is(join("\n", map { $new{$_} } sort { $a <=> $b } keys %new), $expected, 'with the same values');

# ---- 6. what is not there: a key, the library

sub refused
{
	my ($slot, @options) = @_;
	my $f = receive($slot, 'reader', 'format=json', @options);
	wait_until(60, sub { has_ended($f) }) or return 'it runs';
	eval { $receiver{$f}{run}->finish };
	return $receiver{$f}{err} . slurp($f);
}
new_slot('nokey');
sql(q{INSERT INTO shot VALUES (1000, 'secret', 'secret', 'plain')});
write_keys('0' x 64);
$node->restart;
$psql = session($node);
my $why = refused('nokey', 'table.include.list=public.shot');
like($why, qr/table "public.shot" cannot be streamed: its policies cannot be used/, 'without its key a table is refused when the stream starts');
unlike($why, qr/secret/, 'and no row goes out');
write_keys('fedcba9876543210' x 4);
$node->append_conf('postgresql.conf', q{shared_preload_libraries = ''});
$node->restart;
$psql = session($node);
$why = refused('nokey', 'table.include.list=public.shot');
like($why, qr/table "public.shot" cannot be streamed: it has policies, and lakehouse is not in shared_preload_libraries/, 'nor without the library');
unlike($why, qr/secret/, 'and no row goes out');
sql(q{INSERT INTO beside VALUES (5000, 'plain')});
$file = receive('nokey', 'reader', 'format=json', 'schema.events=off', 'table.include.list=public.beside');
like(received($file), qr/"id":5000/, 'tables without policies are streamed all the same');

# 7. the log of the server
my $log = slurp($node->logfile);
is_deeply([ grep { index($log, $_) >= 0 } @secrets ], [], 'no secret is in the log');

done_testing();
