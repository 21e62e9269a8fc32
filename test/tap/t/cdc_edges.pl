# Change streams at their edges: values that PostgreSQL itself cannot show, conditions
# that fail, messages outside of transactions, origins, zstd, many tables.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use IPC::Run;
use Lake;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir;
# memory is measured below: freed memory that AddressSanitizer holds back would count as in use
$ENV{ASAN_OPTIONS} .= ':quarantine_size_mb=4' if $ENV{ASAN_OPTIONS};
my $node = lake_node('cdc_edges', 'wal_level = logical', 'max_wal_senders = 10', 'max_replication_slots = 20', 'max_locks_per_transaction = 2000',
	'autovacuum = off');
my $psql = session($node);

sub slurp { my ($file) = @_; open(my $f, '<:raw', $file) or die "$file: $!"; local $/; return scalar <$f> }
sub slot { my ($name, $db) = @_; $node->safe_psql($db // 'postgres', "SELECT pg_create_logical_replication_slot('$name', 'lakehouse')"); return $name }
sub now { my ($db) = @_; $node->safe_psql($db // 'postgres', q(SELECT pg_logical_emit_message(true, 'end', ''); SELECT pg_current_wal_flush_lsn())) =~ /(\S+)$/ or die; return $1 }

# What a walsender sends up to now, and what it says.
sub receive
{
	my ($slot, %params) = @_;
	my $file = "$dir/$slot.out";
	unlink $file;
	my @command = ($node->installed_command('pg_recvlogical'), '-d', $node->connstr($params{db} // 'postgres'), '-S', $slot, '--start',
		'--endpos', now($params{db}), '-f', $file, '--no-loop', '-F', '0', map { ('-o', $_) } @{ $params{options} // [] });
	my $err = '';
	IPC::Run::run(\@command, '<', \undef, '>', \my $out, '2>', \$err, IPC::Run::timeout(180)) or return (undef, $err);
	return (-e $file ? slurp($file) : '', $err);
}

# ---- values whose text has more than 1 GB: the row after them comes, too

$psql->value(q{
	CREATE TABLE big (id int PRIMARY KEY, b varbit);
	ALTER TABLE big ALTER b SET STORAGE EXTENDED;
	CREATE TABLE numbers (id int PRIMARY KEY, j jsonb, n numeric[]);});
slot($_) foreach 'bits', 'digits';
$psql->value(q{
	INSERT INTO big SELECT 1, a || a || a FROM (SELECT b || b || b || b || b AS a FROM (SELECT 0::bit(83886080)::varbit AS b) x) y;
	INSERT INTO big VALUES (2, '101');
	INSERT INTO numbers SELECT 1, ('[' || string_agg('1e131071', ',') || ']')::jsonb, NULL FROM generate_series(1, 9000);
	INSERT INTO numbers SELECT 2, NULL, array_agg(1e131071) FROM generate_series(1, 9000);
	INSERT INTO numbers VALUES (3, '[1, 2.50]', '{1,2.50}');});
my ($text, $err) = receive('bits', options => [ 'format=json', 'schema.events=off', 'messages=off', 'add-tables=public.big' ]);
like($text, qr/\A\{"op":"quarantine"[^\n]*"table":"big"[^\n]*bit varying[^\n]*\n[^\n]*"id":2,"b":"101"\}\}\n\z/, 'a value that bit varying\'s own function cannot show')
	or diag($err);
foreach my $format ('json', 'debezium-json', 'wal2json-v2')
{
	my @options = ("format=$format", $format eq 'json' ? ('schema.events=off', 'messages=off') : ('messages=off'));
	# positions are not moved on: each format reads the same
	my $lines = $node->safe_psql('postgres', qq{SELECT count(*), count(*) FILTER (WHERE data ~ '2\\.50'), max(length(data)) < 100000 FROM pg_logical_slot_peek_changes('digits', NULL, NULL,
		'add-tables', 'public.numbers', } . join(', ', map { "'$_'" } map { split /=/ } @options) . ')');
	like($lines, qr/^\d+\|1\|t$/, "$format: numbers of more than 1 GB are quarantined, and the row after them is there");
}
like($node->safe_psql('postgres', q{SELECT data FROM pg_logical_slot_peek_changes('digits', NULL, NULL, 'format', 'json', 'schema.events', 'off',
	'messages', 'off', 'add-tables', 'public.numbers')}),
	qr/\A(\{"op":"quarantine"[^\n]*1 GB of digits[^\n]*\n){2}[^\n]*"id":3/, 'and are told of');

# ---- a condition of a publication that fails, and would quote the value

$psql->value(q{
	CREATE TABLE cond (id int PRIMARY KEY, q text);
	ALTER TABLE cond REPLICA IDENTITY FULL;
	CREATE PUBLICATION cond FOR TABLE cond WHERE (to_tsquery('simple'::regconfig, q) IS NOT NULL);});
slot('cond');
$psql->value(q{INSERT INTO cond VALUES (1, 'good'), (2, 'TopSecret is bad'), (3, 'good')});
($text, $err) = receive('cond', options => [ 'format=json', 'schema.events=off', 'messages=off', 'publication_names=cond' ]);
like($text, qr/\A[^\n]*"id":1[^\n]*\n\{"op":"quarantine"[^\n]*row filter[^\n]*SQLSTATE 42601[^\n]*\n[^\n]*"id":3[^\n]*\n\z/, 'a condition that fails does not stop the stream')
	or diag($err);
unlike("$text$err" . slurp($node->logfile), qr/ERROR[^\n]*TopSecret/, 'and its message, which has the value, is nowhere');

# ---- cancellation within an output function is none of the row's errors

$psql->value(q{
	CREATE TYPE slow;
	CREATE FUNCTION slow_in(cstring) RETURNS slow AS 'float8in' LANGUAGE internal IMMUTABLE STRICT;
	CREATE FUNCTION slow_out(slow) RETURNS cstring AS 'pg_sleep' LANGUAGE internal IMMUTABLE STRICT;
	CREATE TYPE slow (INPUT = slow_in, OUTPUT = slow_out, LIKE = float8);
	CREATE TABLE sleeps (id int PRIMARY KEY, s slow);});
slot('sleeps');
$psql->value(q{INSERT INTO sleeps VALUES (1, '3600')});
my $sleeper = session($node);
$sleeper->begin(q{SELECT data FROM pg_logical_slot_get_changes('sleeps', NULL, NULL, 'format', 'json', 'schema.events', 'off')});
ok(wait_until(60, sub { $psql->value("SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = $sleeper->{pid}") eq 't' }), 'an output function that takes long');
$psql->value("SELECT pg_cancel_backend($sleeper->{pid})");
my ($slept, $why) = $sleeper->finish;
is($slept, '', 'nothing comes of it when it is cancelled');
like($why, qr/57014/, 'but the error itself');

# ---- messages outside of transactions in another encoding

$node->safe_psql('postgres', q{CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'});
slot('lone', 'latin');
$node->safe_psql('latin', qq{SET client_encoding = UTF8; SELECT pg_logical_emit_message(false, 'gr\xc3\xbcn', 'content')});
($text, $err) = receive('lone', db => 'latin', options => ['format=json']);
like($text // $err, qr/"op":"message"[^\n]*"gr\xc3\xbcn"/, 'a message outside of transactions in a LATIN1 database');

# ---- a message that becomes larger than PostgreSQL can pass on

slot('huge');
$psql->value(q{SELECT pg_logical_emit_message(true, 'huge', repeat(chr(1), 180000000)); SELECT pg_logical_emit_message(true, 'small', 'after')});
is($psql->value(q{SELECT string_agg(concat_ws(' ', d->>'prefix', left(d->>'content', 40)), ',') FROM pg_logical_slot_get_changes('huge', NULL, NULL, 'format', 'json') c,
	CAST(c.data AS jsonb) d}), 'lakehouse.quarantine a message with prefix "huge" has more th,small after', 'is told of, and the one after it is there');

# ---- origins

$psql->value(q{
	CREATE TABLE o (id int PRIMARY KEY);
	SELECT pg_replication_origin_create('north'), pg_replication_origin_create('south');});
slot('origins');
foreach my $o ([ 'north', 1 ], [ undef, 2 ], [ 'south', 3 ], [ 'north', 4 ])
{
	my ($name, $id) = @$o;
	my $s = session($node);
	$s->value("SELECT pg_replication_origin_session_setup('$name')") if $name;
	$s->value("INSERT INTO o VALUES ($id)");
	$s->quit;
}
sub ids { my ($o) = @_; return $psql->value(qq{SELECT string_agg(data::jsonb->'new'->>'id', ',') FROM pg_logical_slot_peek_changes('origins', NULL, NULL, 'format', 'json', 'schema.events', 'off'$o)}) }
is(ids(''), '1,2,3,4', 'changes of all origins');
is(ids(q{, 'origin', 'none'}), '2', 'only those made here');
is(ids(q{, 'filter-origins', 'north'}), '2,3', 'without one origin, by its name');
is(ids(q{, 'filter-origins', '2'}), '1,2,4', 'by its number');
is(ids(q{, 'filter-origins', 'north, south'}), '2', 'without two');
like(($psql->query(q{SELECT 1 FROM pg_logical_slot_peek_changes('origins', NULL, NULL, 'format', 'json', 'filter-origins', 'west')}))[1],
	qr/filter-origins.*does not exist: west/, 'one that does not exist is an error');
my $source = $psql->value(q{SELECT string_agg(coalesce(data::jsonb->>'origin', '-'), ',') FROM pg_logical_slot_peek_changes('origins', NULL, NULL,
	'format', 'wal2json-v2', 'include-origin', '1', 'include-transaction', '0')});
is($source, '1,0,2,1', 'and the number of each');

# ---- frames with zstd are frames

slot('zstd');
$psql->value(q{CREATE TABLE z (id int PRIMARY KEY, v text); INSERT INTO z SELECT g, repeat('v', 200) FROM generate_series(1, 2000) g});
my $peek = q{SELECT encode(data, 'hex') FROM pg_logical_slot_peek_binary_changes('zstd', NULL, NULL, 'format', 'json', 'frames', 'on', 'batch', '64kB', 'zstd', '%s')};
sub batches { my ($zstd) = @_; return map { pack('H*', $_) } split /\n/, $psql->value(sprintf($peek, $zstd)) }
my @plain = batches('off');
my @packed = batches('on');
is(scalar(@packed), scalar(@plain), 'as many batches');
my ($good, $flagged, $size) = (0, 0, 0);
for my $i (0 .. $#packed)
{
	my ($magic, $flags, undef, $n) = unpack('a4 C a3 V', $packed[$i]);
	my $body = substr($packed[$i], 12);
	if ($flags & 1)
	{
		$flagged++;
		IPC::Run::run([ 'zstd', '-dcq' ], '<', \$body, '>', \my $out, IPC::Run::timeout(60)) or die 'zstd';
		$body = $out;
	}
	$size += length $packed[$i];
	# json does not say when it was sent
	$good++ if length $body == $n && $body eq substr($plain[$i], 12);
}
is($good, scalar(@plain), 'with the same frames once they are decompressed');
ok($flagged > 0 && $size * 4 < length(join '', @plain), 'and compressed they are');

# ---- many tables: plans are kept within bounds, and what comes again is not told of twice

my $tables = 400;
my $columns = join(', ', map { "c$_ numeric(12,2)" } 1 .. 250);
$psql->value("DO \$\$ BEGIN FOR i IN 1 .. $tables LOOP EXECUTE format('CREATE TABLE many_%s (id int PRIMARY KEY, $columns)', i); COMMIT; END LOOP; END \$\$");
slot('many');
my $insert = "DO \$\$ BEGIN FOR i IN 1 .. $tables LOOP EXECUTE format('INSERT INTO many_%s VALUES (%s)', i, \$1); END LOOP; END \$\$";
$psql->value($insert =~ s/\$1/$_/r) foreach 1, 2;
sub peak_of
{
	my (@options) = @_;
	my $reader = session($node);
	my $counts = $reader->value(q~SELECT count(*) FILTER (WHERE data LIKE '{"op":"schema"%'), count(*) FILTER (WHERE data LIKE '{"op":"insert"%'),
		count(DISTINCT substring(data FROM '"table":"(many_\d+)"')) FROM pg_logical_slot_peek_changes('many', NULL, NULL, 'format', 'json', 'messages', 'off'~
		. join('', map { ", '$_'" } @options) . ')');
	my $peak = (rss_kb($reader->{pid}))[1];
	$reader->quit;
	return ($counts, $peak);
}
# PostgreSQL's own caches have all tables either way
my (undef, $floor) = peak_of('filter-tables', 'public.*');
my ($counts, $peak) = peak_of();
is($counts, "$tables|" . 2 * $tables . "|$tables", 'a schema for each of many tables, once, and all rows');
note("peak of the decoding backend: $floor kB without plans, $peak kB with them");
cmp_ok($peak, '<', $floor + 64 * 1024, 'plans of many wide tables are kept within bounds');

$node->stop;
done_testing();
