# Change streams through walsenders: lines, batches, frames and their parts, masks
# that change while a stream runs, rows that cannot be encoded, other encodings,
# rights, dumps, cancellation.
use strict;
use warnings;
use Encode;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use IPC::Run;
use Lake;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir;
my $node = lake_node('cdc', 'wal_level = logical', 'max_wal_senders = 10', 'logical_decoding_work_mem = 64kB', 'max_replication_slots = 20',
	q(lakehouse.cdc_mask_key_file = ''));
my $psql = session($node);

sub slurp { my ($file) = @_; open(my $f, '<:raw', $file) or die "$file: $!"; local $/; return scalar <$f> }
sub slot { my ($name, $db) = @_; $node->safe_psql($db // 'postgres', "SELECT pg_create_logical_replication_slot('$name', 'lakehouse')"); return $name }
sub now { my ($db) = @_; $node->safe_psql($db // 'postgres', q(SELECT pg_logical_emit_message(true, 'end', ''); SELECT pg_current_wal_flush_lsn())) =~ /(\S+)$/ or die; return $1 }

# What a walsender sends of a slot up to now, without now's own message; options as name=value.
sub receive
{
	my ($slot, %params) = @_;
	my $file = "$dir/$slot.out";
	unlink $file;
	my @command = ($node->installed_command('pg_recvlogical'), '-d', $node->connstr($params{db} // 'postgres'), '-S', $slot, '--start',
		'--endpos', now($params{db}), '-f', $file, '--no-loop', '-F', '0', map { ('-o', $_) } 'format=json', 'messages=off', @{ $params{options} // [] });
	my ($out, $err) = ('', '');
	IPC::Run::run(\@command, '<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(180)) or return wantarray ? (undef, $err) : die "pg_recvlogical: $err";
	return -e $file ? slurp($file) : '';
}

# Batches of frames in what pg_recvlogical wrote (a newline after each): [kind, ordinal, part, parts, body]
sub frames
{
	my ($bytes) = @_;
	my @frames;
	while (length $bytes)
	{
		my ($magic, $flags, undef, $n) = unpack('a4 C a3 V', $bytes);
		die "no batch: " . substr($bytes, 0, 20) unless $magic eq 'LHF1' && $flags == 0;
		my $batch = substr($bytes, 12, $n);
		die 'batch cut' unless length $batch == $n && substr($bytes, 12 + $n, 1) eq "\n";
		$bytes = substr($bytes, 13 + $n);
		while (length $batch)
		{
			my ($len, $kind, undef, $messages, $commit, $ordinal, $lsn, $xid, $relid, $generation, $part, $parts) =
				unpack('V C C v Q< Q< Q< V V V V V', $batch);
			push @frames, { kind => $kind, messages => $messages, commit => $commit, ordinal => $ordinal, relid => $relid,
				generation => $generation, part => $part, parts => $parts, body => substr($batch, 60, $len - 56) };
			$batch = substr($batch, $len + 4);
		}
	}
	return @frames;
}

# ---- lines, one by one and in batches

$psql->value('CREATE TABLE t (id int PRIMARY KEY, v text)');
slot('lines'); slot('batches'); slot('framed');
$psql->value(q{INSERT INTO t SELECT g, 'row ' || g FROM generate_series(1, 3000) g});
$psql->value(q{UPDATE t SET v = 'new' WHERE id <= 10});
my $lines = receive('lines');
my @lines = split /\n/, $lines;
is(scalar(@lines), 3011, 'a line for the schema and each change, of a transaction that was spilled');
like($lines[1], qr/^\{"op":"insert",.*"key":\{"id":1\},"new":\{"id":1,"v":"row 1"\}\}$/, 'the first row');
is(receive('batches', options => ['batch=64kB']), $lines, 'batches of lines are the same lines');

# ---- frames

my @frames = frames(scalar receive('framed', options => [ 'frames=on', 'batch=16kB' ]));
is_deeply([ map { $_->{kind} } @frames[ 0 .. 2 ] ], [ 0, 8, 2 ], 'begin, schema, insert');
is(scalar(grep { $_->{kind} == 2 } @frames), 3000, 'a frame for each insert');
is(scalar(grep { $_->{kind} == 3 } @frames), 10, 'and each update');
my @positions = map { sprintf('%016x %016x', $_->{commit}, $_->{ordinal}) } grep { $_->{kind} == 2 || $_->{kind} == 3 } @frames;
is_deeply(\@positions, [ sort @positions ], 'positions grow');
my %seen;
is((grep { $seen{$_}++ } @positions), 0, 'and none comes twice');
like($frames[2]{body}, qr/\{"id":1\}\{"op":"insert"/, 'key and value of the first row');

# ---- masks that change while a stream runs

slot('masked');
sub running { my ($slot) = @_; return $node->safe_psql('postgres', "SELECT coalesce(active_pid, 0) FROM pg_replication_slots WHERE slot_name = '$slot'") }
my $file = "$dir/masked.out";
my $receiver = IPC::Run::start([ $node->installed_command('pg_recvlogical'), '-d', $node->connstr('postgres'), '-S', 'masked', '--start', '-f', $file,
	'-F', '0', '-o', 'format=json', '-o', 'schema.events=off' ], '<', \undef, '2>', \my $messages, IPC::Run::timeout(180));
sub wait_for { my ($what, $fn) = @_; for (1 .. 1000) { return pass($what) if $fn->(); $receiver->pump_nb; sleep(0.05) } return fail($what) }
wait_for('a stream runs', sub { running('masked') > 0 });
$psql->value(q{INSERT INTO t VALUES (5001, 'clear')});
wait_for('and shows the value', sub { -e $file && slurp($file) =~ /clear/ });
my $pid = running('masked');
$psql->value(q{SELECT lakehouse.cdc_mask_set('t', 'v', 'truncate:1')});
isnt(running('masked'), $pid, 'once the mask is set, that walsender is gone');
$psql->value(q{INSERT INTO t VALUES (5002, 'secret')});
wait_for('the receiver came back', sub { slurp($file) =~ /"id":5002/ });
unlike(slurp($file), qr/secret/, 'and gets the mask');
# one that is not committed yet holds up whoever comes
my $other = session($node);
$other->value(q{BEGIN});
$other->value(q{SELECT lakehouse.cdc_mask_set('t', 'v', 'null')});
$psql->value(q{INSERT INTO t VALUES (5003, 'third')});
$other->value(q{COMMIT});
wait_for('a stream after the commit', sub { slurp($file) =~ /"id":5003/ });
like(slurp($file), qr/"id":5003,"v":null/, 'has the newest mask');
$receiver->signal('TERM');
$receiver->finish;
# an SQL function's masks hold until its transaction ends
slot('function');
$other->value('BEGIN');
$other->value(q{SELECT count(*) FROM pg_logical_slot_peek_changes('function', NULL, NULL, 'format', 'json')});
$psql->begin(q{SELECT lakehouse.cdc_mask_drop('t', 'v')});
wait_for('a change of masks waits for the function', sub {
	$node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%cdc_mask_drop%' AND pid <> pg_backend_pid()}) > 0 });
$other->value('COMMIT');
my ($out, $err) = $psql->finish;
is($err, '', 'and then does what it was asked');

# ---- hashes

my $key = $node->data_dir . '/mask.key';
open(my $k, '>', $key) or die; print $k "0123456789abcdef\n"; close $k;
chmod 0600, $key;
$node->append_conf('postgresql.conf', "lakehouse.cdc_mask_key_file = '$key'");
$node->reload;
$psql = session($node);
$psql->value(q{SELECT lakehouse.cdc_mask_set('t', 'v', 'hash')});
slot('hashed');
$psql->value(q{INSERT INTO t VALUES (6001, 'same'), (6002, 'same'), (6003, 'other')});
my %hash = scalar(receive('hashed', options => ['schema.events=off'])) =~ /"new":\{"id":(\d+),"v":"([0-9a-f]{64})"/g;
is($hash{6001}, $hash{6002}, 'equal values have equal hashes');
isnt($hash{6001}, $hash{6003}, 'others have others');
require Digest::SHA;
is($hash{6001}, Digest::SHA::hmac_sha256_hex('same', '0123456789abcdef'), 'which are HMAC-SHA-256');
chmod 0640, $key;
(undef, $err) = receive('hashed');
like($err, qr/may be read by others/, 'a key that others may read is refused');
chmod 0600, $key;
$psql->value(q{SELECT lakehouse.cdc_mask_drop('t', 'v')});

# ---- a row whose value cannot be shown

# A type that takes any number and shows it as if it were that of an enumeration's label.
$psql->value(q{
	CREATE TYPE brittle;
	CREATE FUNCTION brittle_in(cstring) RETURNS brittle AS 'int4in' LANGUAGE internal IMMUTABLE STRICT;
	CREATE FUNCTION brittle_out(brittle) RETURNS cstring AS 'enum_out' LANGUAGE internal IMMUTABLE STRICT;
	CREATE TYPE brittle (INPUT = brittle_in, OUTPUT = brittle_out, LIKE = int4);
	CREATE TYPE pair AS (n int, b brittle);
	CREATE TABLE bad (id int PRIMARY KEY, b brittle, s text);
	CREATE TABLE bad_key (p pair, id int);});
slot('quarantine');
$psql->value(q{INSERT INTO bad VALUES (1, NULL, 'before'); INSERT INTO bad VALUES (2, '424242', 'secret'), (3, NULL, 'after');
	INSERT INTO bad_key VALUES ((1, '434343'), 1)});
my $text = receive('quarantine', options => ['schema.events=off']);
@lines = split /\n/, $text;
is(scalar(@lines), 4, 'every row has a line');
like($lines[1], qr/"op":"quarantine".*"table":"bad".*output function of type public\.brittle .*SQLSTATE 22P03.*column \\"b\\"/, 'one says why it has no values');
unlike($text, qr/424242|434343|secret/, 'and no value is in any');
like($lines[2], qr/"new":\{"id":3,"b":null,"s":"after"\}/, 'the row after it is there');
$psql->value('DROP TABLE bad, bad_key');

# ---- a database in another encoding

$node->safe_psql('postgres', q{CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'});
$node->safe_psql('postgres', q{CREATE DATABASE ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'});
slot('latin', 'latin'); slot('latin_sql', 'latin'); slot('ascii', 'ascii');
my $u = "\xc3\xbc";
$node->safe_psql('latin', qq{SET client_encoding = UTF8; CREATE TABLE "t$u" (id int PRIMARY KEY, s text, j jsonb, e "char"); INSERT INTO "t$u" VALUES (1, 'gr$u\\n', '{"k$u": "$u"}')});
$text = receive('latin', db => 'latin');
ok(defined Encode::decode('UTF-8', my $copy = $text, Encode::FB_QUIET), 'UTF-8 from a database in LATIN1');
like($text, qr/"table":"t$u".*"s":"gr$u\\\\n","j":\{"k$u": "$u"\}/, 'names, text and jsonb are converted');
like($node->safe_psql('latin', q{SET client_encoding = UTF8; SELECT data FROM pg_logical_slot_get_changes('latin_sql', NULL, NULL, 'format', 'json', 'schema.events', 'off')}),
	qr/"s":"gr$u\\\\n"/, 'an SQL function gives text of the database');
$node->safe_psql('ascii', qq{CREATE TABLE t (id int PRIMARY KEY, s text); INSERT INTO t VALUES (1, E'ok $u'), (2, E'bad \\xff')});
$text = receive('ascii', db => 'ascii', options => ['schema.events=off']);
like($text, qr/"id":1,"s":"ok $u"/, 'SQL_ASCII: what is UTF-8 is text');
like($text, qr/"id":2,"s":\{"base64":"YmFkIP8="\}/, 'what is not is bytes');

# ---- a database without the extension, rights, dumps

like($text, qr/"op":"insert"/, 'no extension is needed');
$psql->value('CREATE ROLE reader LOGIN REPLICATION');
slot('reader');
$psql->value(q{INSERT INTO t VALUES (7001, 'x')});
my ($o, $e) = ('', '');
IPC::Run::run([ $node->installed_command('pg_recvlogical'), '-d', $node->connstr('postgres'), '-U', 'reader', '-S', 'reader', '--start', '--endpos', now(), '-f', '-',
	'--no-loop', '-o', 'format=json' ], '<', \undef, '>', \$o, '2>', \$e, IPC::Run::timeout(180));
like($o, qr/"id":7001/, 'a role with REPLICATION alone reads a stream');
$psql->value(q{SELECT lakehouse.cdc_mask_set('t', 'v', 'constant:kept')});
my $dump = "$dir/dump.sql";
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('postgres') ], 'a dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr('restored') ], 'and its restore');
is($node->safe_psql('restored', 'SELECT relation, column_name, mask FROM lakehouse.cdc_masks'), 't|v|constant:kept', 'masks come along');

# ---- PostgreSQL's list of plugins

SKIP:
{
	skip 'this server has no output_plugin_libraries', 4 unless $psql->value(q{SELECT count(*) FROM pg_settings WHERE name = 'output_plugin_libraries'});
	$node->safe_psql('postgres', q{ALTER DATABASE restored SET output_plugin_libraries = pgoutput, test_decoding});
	is($node->safe_psql('restored', q{SELECT state FROM lakehouse.cdc_setup() WHERE "check" = 'output_plugin_libraries'}), 'error', 'a server that refuses us is told of');
	is($node->safe_psql('restored', q{SELECT state FROM lakehouse.cdc_setup(fix => true) WHERE "check" = 'output_plugin_libraries'}), 'fixed', 'and can be set right');
	is($node->safe_psql('restored', q{SELECT pg_create_logical_replication_slot('restored', 'lakehouse') IS NOT NULL; SHOW output_plugin_libraries}),
		"t\npgoutput, test_decoding, lakehouse", 'beside the plugins that were there');
	$node->safe_psql('restored', q{SELECT pg_drop_replication_slot('restored')});
	# an owner of the database is no superuser
	$node->safe_psql('postgres', 'CREATE ROLE landlord LOGIN; CREATE DATABASE let OWNER landlord');
	$node->safe_psql('let', q{CREATE EXTENSION lakehouse; ALTER DATABASE let SET output_plugin_libraries = pgoutput; GRANT USAGE ON SCHEMA lakehouse TO landlord});
	my $landlord = session($node, db => 'let', user => 'landlord');
	like(($landlord->query(q{SELECT * FROM lakehouse.cdc_setup(fix => true)}))[1], qr/only a superuser may set output_plugin_libraries/, 'only a superuser sets it right');
}

# ---- cancellation: the slot stays where it was, and the session goes on

slot('cancelled');
$psql->value(q{INSERT INTO t SELECT g, repeat('x', 100) FROM generate_series(100001, 200000) g});
$psql->value(q{SET statement_timeout = '20ms'});
($out, $err) = $psql->query(q{SELECT count(*) FROM pg_logical_slot_get_changes('cancelled', NULL, NULL, 'format', 'json')});
like($err, qr/57014/, 'decoding is cancelled');
$psql->value(q{RESET statement_timeout});
is($psql->value(q{SELECT count(*) FROM pg_logical_slot_get_changes('cancelled', NULL, NULL, 'format', 'json', 'schema.events', 'off')}), 100000, 'and begins anew');
is($psql->value(q{ALTER TABLE t ADD x int; ALTER TABLE t DROP x; SELECT 1}), 1, 'what a stream left behind does not mind changes');

$node->stop;
done_testing();
