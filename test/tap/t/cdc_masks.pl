# Secrets in masked columns: whatever is done to them, in every format, bare and in
# frames, through SQL functions and walsenders, none of them comes out, neither as it
# is nor in other clothes.  The same streams before the masks show each.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use IPC::Run;
use Lake;
use MIME::Base64;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir;
# the server's log is searched, too, so it does not get the statements that have the secrets
my $node = lake_node('cdc_masks', 'wal_level = logical', 'max_wal_senders = 10', 'max_replication_slots = 10', 'log_statement = none',
	'log_min_error_statement = panic', 'log_min_messages = info', 'log_replication_commands = on');
my $key = $node->data_dir . '/mask.key';
open(my $k, '>', $key) or die; print $k "0123456789abcdef0123456789abcdef\n"; close $k;
chmod 0600, $key;
$node->append_conf('postgresql.conf', "lakehouse.cdc_mask_key_file = '$key'");
$node->reload;
my $psql = session($node);

sub slurp { my ($file) = @_; open(my $f, '<:raw', $file) or die "$file: $!"; local $/; return scalar <$f> }

# ---- secrets: letters and digits that have no meaning, so that nothing finds them by chance

my @secrets;
srand(7);
sub secret
{
	my ($prefix) = @_;
	push @secrets, join('', map { chr(97 + int(rand(26))) } 1 .. 6) . 'Q' . int(1e9 + rand(8e9)) . 'z';
	return $secrets[-1];
}
# numbers have no letters: these are found among digits only
my @numbers;
sub number { push @numbers, int(1e11 + rand(8e11)) . int(1e3 + rand(8e3)); return $numbers[-1] }

# All the clothes in which a secret might come.
sub disguises
{
	my ($s) = @_;
	my %d = (plain => $s, upper => uc $s, lower => lc $s, hex => unpack('H*', $s), upper_hex => uc unpack('H*', $s), reversed => scalar reverse($s));
	# base64 at each of three places, without the ends that depend on neighbours
	for my $shift (0 .. 2)
	{
		my $b = encode_base64('x' x $shift . $s, '');
		$b = substr($b, $shift ? 4 : 0);
		$d{"base64 $shift"} = substr($b, 0, length($b) - 4);
	}
	return %d;
}

sub found
{
	my ($bytes) = @_;
	my @found;
	foreach my $s (@secrets, @numbers)
	{
		my %d = disguises($s);
		foreach my $how (sort keys %d) { push @found, "$how of $s" if index($bytes, $d{$how}) >= 0 }
	}
	return @found;
}

# ---- tables: each kind of column that may hold one, under each replica identity

$psql->value(q{
	CREATE DOMAIN mail AS text CHECK (value <> '');
	CREATE TYPE brittle;
	CREATE FUNCTION brittle_in(cstring) RETURNS brittle AS 'int4in' LANGUAGE internal IMMUTABLE STRICT;
	CREATE FUNCTION brittle_out(brittle) RETURNS cstring AS 'enum_out' LANGUAGE internal IMMUTABLE STRICT;
	CREATE TYPE brittle (INPUT = brittle_in, OUTPUT = brittle_out, LIKE = int4);
	CREATE TYPE pair AS (a text, b int);
	CREATE SCHEMA app;});
my %masks = (s_null => 'null', s_constant => 'constant:masked', s_truncate => 'truncate:2', s_hash => 'hash', s_domain => 'hash', s_array => 'truncate:3',
	s_jsonb => 'truncate:2', s_json => 'null', s_bytea => 'truncate:4', s_pair => 'hash', s_number => 'truncate:1', s_big => 'truncate:2', s_big_hash => 'hash',
	s_default => 'null', s_xml => 'constant:x', s_key => 'hash');
my $default = secret();
my $middle = qq{id int NOT NULL, open text, s_null text, s_constant text, s_truncate text, s_hash varchar(60), s_domain mail, s_array text[], s_jsonb jsonb, s_json json,
	s_bytea bytea, s_pair pair, s_number numeric, s_big text, s_big_hash text, s_default text DEFAULT '$default', s_xml bytea};
my $columns = "$middle, s_key text NOT NULL, other brittle";
$psql->value(qq{
	CREATE TABLE app.by_key ($columns, PRIMARY KEY (id, s_key));
	CREATE TABLE app.by_index ($columns); CREATE UNIQUE INDEX by_index_i ON app.by_index (s_key, id);
	ALTER TABLE app.by_index REPLICA IDENTITY USING INDEX by_index_i;
	CREATE TABLE app.by_all ($columns, PRIMARY KEY (id)); ALTER TABLE app.by_all REPLICA IDENTITY FULL;
	CREATE TABLE app.root ($columns, PRIMARY KEY (id, s_key)) PARTITION BY RANGE (id);
	CREATE TABLE app.leaf PARTITION OF app.root FOR VALUES FROM (0) TO (100);
	CREATE TABLE app.loose (other brittle, gone int, s_key text NOT NULL, $middle);
	ALTER TABLE app.loose DROP gone;});
$psql->value(q{
	ALTER TABLE app.root ATTACH PARTITION app.loose FOR VALUES FROM (100) TO (200);
	CREATE PUBLICATION as_root FOR TABLE app.root, app.by_key, app.by_index, app.by_all WITH (publish_via_partition_root);
	CREATE PUBLICATION refuses FOR TABLE app.by_all WHERE (to_tsquery('simple'::regconfig, s_null || ' (') IS NOT NULL);});
foreach my $column (qw(s_big s_big_hash)) { $psql->value("ALTER TABLE app.$_ ALTER $column SET STORAGE EXTERNAL") foreach qw(by_key by_index by_all root leaf loose) }

# Values of all columns, a secret in each.
sub values_of
{
	my ($other) = @_;
	my %v = map { $_ => "'" . secret() . "'" } grep { !/array|json|bytea|pair|number|big|default|xml/ } keys %masks;
	$v{s_array} = "ARRAY['" . secret() . "', 'x']";
	$v{s_jsonb} = "'{\"" . secret() . "\": 1}'";
	$v{s_json} = "'[\"" . secret() . "\"]'";
	$v{s_bytea} = "'" . secret() . "'";
	$v{s_xml} = "'" . secret() . "'";
	$v{s_pair} = "ROW('" . secret() . "', 1)::pair";
	$v{s_number} = number();
	$v{s_big} = "repeat('" . secret() . "', 200)";
	$v{s_big_hash} = "repeat('" . secret() . "', 200)";
	$v{other} = defined $other ? "'$other'" : 'NULL';
	return \%v;
}

sub changes
{
	foreach my $where ([ 'by_key', 1 ], [ 'by_index', 1 ], [ 'by_all', 1 ], [ 'root', 1 ], [ 'root', 101 ])
	{
		my ($t, $id) = @$where;
		my $v = values_of();
		my @names = sort keys %$v;
		$psql->value("INSERT INTO app.$t (id, open, " . join(', ', @names) . ") VALUES ($id, 'open', " . join(', ', map { $v->{$_} } @names) . ')');
		# large values that are not touched
		$psql->value("UPDATE app.$t SET open = 'touched' WHERE id = $id");
		my $n = values_of();
		$psql->value("UPDATE app.$t SET " . join(', ', map { "$_ = $n->{$_}" } grep { $_ ne 's_key' } @names) . " WHERE id = $id");
		# the key alone, then all with the key
		$psql->value("UPDATE app.$t SET s_key = '" . secret() . "' WHERE id = $id");
		$psql->value("UPDATE app.$t SET s_key = '" . secret() . "', s_big = NULL, id = id + 1 WHERE id = $id");
		$psql->value("DELETE FROM app.$t WHERE id = $id + 1");
		# a row that cannot be shown, as another column of it cannot
		my $b = values_of('424242');
		$psql->value("INSERT INTO app.$t (id, open, " . join(', ', @names) . ") VALUES ($id + 2, 'open', " . join(', ', map { $b->{$_} } @names) . ')');
		$psql->value("DELETE FROM app.$t WHERE id = $id + 2");
	}
}

$psql->value(q{SELECT pg_create_logical_replication_slot('clear', 'lakehouse')});
changes();
cmp_ok(scalar(@secrets) + scalar(@numbers), '>=', 50, 'enough secrets: ' . @secrets . ' and ' . @numbers . ' numbers');
chomp(my $end = $psql->value('SELECT pg_current_wal_insert_lsn()'));
$psql->value(q{SELECT pg_logical_emit_message(true, 'end', '')});

# ---- streams

my @formats = ([ 'format', 'json' ], [ 'format', 'json', 'json.native', 'off', 'binary.handling.mode', 'hex' ], [ 'format', 'wal2json-v1', 'include-default', '1', 'include-pk', '1' ],
	[ 'format', 'wal2json-v2', 'include-default', '1', 'include-pk', '1', 'include-types', '1' ], [ 'format', 'debezium-json' ],
	[ 'format', 'debezium-json', 'value.converter.schemas.enable', 'on', 'decimal.handling.mode', 'string' ],
	[ 'format', 'avro' ], [ 'format', 'debezium-avro' ], [ 'format', 'protobuf' ]);

sub quoted { return join(', ', map { "'$_'" } @_) }

# All that the SQL functions give of a slot under these options.
sub by_function
{
	my (@options) = @_;
	return join("\n", map { pack('H*', $_) } split /\n/,
		$psql->value(q{SELECT encode(data, 'hex') FROM pg_logical_slot_peek_binary_changes('clear', NULL, NULL, } . quoted(@options) . ')'));
}

# The same by a walsender, which does not move the slot: nothing is confirmed.
my $n = 0;
sub by_walsender
{
	my (@options) = @_;
	my $file = "$dir/walsender" . $n++;
	$psql->value("SELECT pg_copy_logical_replication_slot('clear', 'copy$n')");
	my ($out, $err, @o) = ('', '');
	while (my ($name, $value) = splice(@options, 0, 2)) { push @o, '-o', "$name=$value" }
	IPC::Run::run([ $node->installed_command('pg_recvlogical'), '-d', $node->connstr('postgres'), '-S', "copy$n", '--start', '--endpos', $end, '--no-loop', '-F', '0',
		'-f', $file, @o ], '<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(180)) or die "pg_recvlogical: $err";
	$psql->value("SELECT pg_drop_replication_slot('copy$n')");
	return $err . slurp($file);
}

my @ways;
foreach my $format (@formats)
{
	foreach my $publication ([], [ 'publication_names', 'as_root' ])
	{
		foreach my $frames ([], [ 'frames', 'on', 'batch', '64kB' ])
		{
			push @ways, [ @$format, @$publication, @$frames ];
		}
	}
}

# What consumers without frames are told of schemas.
sub schemas { return $psql->value(q{SELECT string_agg(schema, ' ') FROM lakehouse.cdc_schemas('{format,"avro,debezium-avro",frames,on}')}) }

# 1. without masks each secret is in each stream
my @missing;
my $all = join('', map { by_function(@$_) } @ways);
# what is in a row that is quarantined is in none
my $shown = grep { my %d = disguises($_); grep { index($all, $_) >= 0 } values %d } @secrets, @numbers;
cmp_ok($shown, '>=', 100, "without masks $shown of " . (@secrets + @numbers) . ' secrets are there');
my $each = 0;
foreach my $way (@ways)
{
	my $bytes = by_function(@$way);
	my $here = grep { my %d = disguises($_); grep { index($bytes, $_) >= 0 } values %d } @secrets, @numbers;
	push @missing, "@$way: $here" if $here < $shown * 0.9;
	$each++;
}
is_deeply(\@missing, [], "and in each of $each streams");

cmp_ok(index(schemas(), $default), '>=', 0, 'schemas show defaults');

# 2. with masks none is in any
foreach my $t (qw(by_key by_index by_all root)) { $psql->value("SELECT lakehouse.cdc_mask_set('app.$t', '$_', '$masks{$_}')") foreach sort keys %masks }
is_deeply([ found(schemas()) ], [], 'no secret in schemas');
foreach my $way (@ways)
{
	is_deeply([ found(by_function(@$way)) ], [], 'no secret by a function: ' . join(' ', @$way));
	is_deeply([ found(by_walsender(@$way)) ], [], 'no secret by a walsender: ' . join(' ', @$way)) unless "@$way" =~ /hex|string/;
}
# events are there all the same, and masks are seen
my $bytes = by_function('format', 'json');
like($bytes, qr/"s_constant":"masked"/, 'masks are in place of values');
is(() = $bytes =~ /"op":"quarantine"/g, 6, 'rows that cannot be shown are told of (deletes by key have no such value)');
cmp_ok(scalar(() = $bytes =~ /"unchanged":\[/g), '>', 0, 'and what is not in the log');

# 3. the consumer lifts nothing
foreach my $lift ('truncate:1000', 'constant:')
{
	my $masks = join(';', map { my $t = $_; map { "app.$t.$_:$lift" } keys %masks } qw(by_key by_index by_all root leaf loose));
	is_deeply([ found(by_function('format', 'json', 'masks', $masks)) ], [], "the consumer's masks $lift lift none");
}
is_deeply([ found(by_function('format', 'json', 'message.key.columns', 'app.by_key:s_truncate,s_hash;app.by_all:s_null,s_constant', 'keys', 'on')) ], [],
	'chosen keys are masked');

# 4. errors: of a condition over a masked column, of an option, of a mask that fits no column
my ($out, $err) = $psql->query(q{SELECT count(*) FROM pg_logical_slot_peek_changes('clear', NULL, NULL, 'format', 'json', 'publication_names', 'refuses')});
is_deeply([ found("$out$err") ], [], 'none in what a condition that fails says');
$psql->value('ALTER TABLE app.by_key RENAME s_null TO s_nil');
($out, $err) = $psql->query(q{SELECT count(*) FROM pg_logical_slot_peek_changes('clear', NULL, NULL, 'format', 'json')});
like($err, qr/mask of column "s_null" of table "app.by_key" fits no column/, 'a column of another name stops all streams');
my ($code) = by_dead_walsender();
like($code, qr/fits no column/, 'those of walsenders, too');
sub by_dead_walsender
{
	my $e = '';
	IPC::Run::run([ $node->installed_command('pg_recvlogical'), '-d', $node->connstr('postgres'), '-S', 'clear', '--start', '--no-loop', '-f', "$dir/dead" , '-o', 'format=json'],
		'<', \undef, '>', \my $o, '2>', \$e, IPC::Run::timeout(60));
	return $e . (-e "$dir/dead" ? slurp("$dir/dead") : '');
}
$psql->value('ALTER TABLE app.by_key RENAME s_nil TO s_null');

# 5. what was masked when it was dropped, or moved to a partition's own name
$psql->value('ALTER TABLE app.by_all DROP s_truncate');
is_deeply([ found(by_function('format', 'json')) ], [], 'a column that is gone stays masked');
$psql->value('ALTER TABLE app.root DETACH PARTITION app.leaf');
is_deeply([ found(by_function('format', 'json')) ], [], 'rows of a partition that is none any more are as they were');

# 6. the log of the server
is_deeply([ found(slurp($node->logfile)) ], [], 'no secret is in the log');

$node->stop;
done_testing();
