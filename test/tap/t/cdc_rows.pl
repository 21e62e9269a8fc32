# Rows of tables by lakehouse.cdc_row, where one session is not enough: secrets in masked
# columns, masks and tables that change meanwhile, errors that leave nothing behind, rows
# that are too large.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Lake;
use MIME::Base64;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = lake_node('cdc_rows', 'wal_level = logical', 'log_statement = none', 'log_min_error_statement = panic', 'shared_buffers = 32MB', 'fsync = off');
my $key = $node->data_dir . '/mask.key';
open(my $k, '>', $key) or die; print $k "0123456789abcdef0123456789abcdef\n"; close $k;
chmod 0600, $key;
$node->append_conf('postgresql.conf', "lakehouse.cdc_mask_key_file = '$key'");
$node->reload;
my $psql = session($node);
my $other = session($node);

sub quoted { return join(', ', map { "'$_'" } @_) }
sub waits { my ($s) = @_; my $pid = $s->pid; return wait_until(60, sub { $psql->value("SELECT count(*) FROM pg_locks WHERE pid = $pid AND NOT granted") > 0 }) }

# ---- 1. secrets

my @secrets;
srand(11);
sub secret { push @secrets, join('', map { chr(97 + int(rand(26))) } 1 .. 6) . 'Q' . int(1e9 + rand(8e9)) . 'z'; return $secrets[-1] }
sub found
{
	my ($bytes) = @_;
	my @found;
	foreach my $s (@secrets)
	{
		my %d = (plain => $s, hex => unpack('H*', $s), reversed => scalar reverse($s));
		for my $shift (0 .. 2)
		{
			my $b = substr(encode_base64('x' x $shift . $s, ''), $shift ? 4 : 0);
			$d{"base64 $shift"} = substr($b, 0, length($b) - 4);
		}
		foreach my $how (sort keys %d) { push @found, "$how of $s" if index($bytes, $d{$how}) >= 0 }
	}
	return @found;
}

my %masks = (s_null => 'null', s_constant => 'constant:masked', s_truncate => 'truncate:2', s_hash => 'hash', s_array => 'truncate:3', s_jsonb => 'truncate:2', s_json => 'null',
	s_bytea => 'truncate:4', s_pair => 'hash', s_big => 'truncate:2', s_key => 'hash', s_default => 'null');
my $default = secret();
$psql->value(qq{
	CREATE TYPE brittle;
	CREATE FUNCTION brittle_in(cstring) RETURNS brittle AS 'int4in' LANGUAGE internal IMMUTABLE STRICT;
	CREATE FUNCTION brittle_out(brittle) RETURNS cstring AS 'enum_out' LANGUAGE internal IMMUTABLE STRICT;
	CREATE TYPE brittle (INPUT = brittle_in, OUTPUT = brittle_out, LIKE = int4);
	CREATE TYPE pair AS (a text, b int);
	CREATE SCHEMA app;
	CREATE TABLE app.root (id int NOT NULL, s_null text, s_constant text, s_truncate text, s_hash varchar(60), s_array text[], s_jsonb jsonb, s_json json, s_bytea bytea,
		s_pair pair, s_big text, s_default text DEFAULT '$default', s_key text NOT NULL, other brittle, g text GENERATED ALWAYS AS (s_null || '!') STORED, PRIMARY KEY (id, s_key))
		PARTITION BY RANGE (id);
	CREATE TABLE app.leaf PARTITION OF app.root FOR VALUES FROM (0) TO (100);
	CREATE TABLE app.single (LIKE app.root INCLUDING ALL);
	CREATE PUBLICATION as_root FOR TABLE app.root, app.single WITH (publish_via_partition_root);
	CREATE PUBLICATION refuses FOR TABLE app.leaf WHERE (to_tsquery('simple'::regconfig, s_null || ' (') IS NOT NULL);});
foreach my $t (qw(leaf single))
{
	foreach my $id (1 .. 3)
	{
		my %v = map { $_ => "'" . secret() . "'" } qw(s_null s_constant s_truncate s_hash s_bytea s_key);
		$v{s_array} = "ARRAY['" . secret() . "', 'x']";
		$v{s_jsonb} = "'{\"" . secret() . "\": 1}'";
		$v{s_json} = "'[\"" . secret() . "\"]'";
		$v{s_pair} = "ROW('" . secret() . "', 1)::pair";
		$v{s_big} = "repeat('" . secret() . "', 300)";
		# the third cannot be shown, as another column of it cannot
		$v{other} = $id == 3 ? "'424242'" : 'NULL';
		my @names = sort keys %v;
		$psql->value("INSERT INTO app.$t (id, " . join(', ', @names) . ") VALUES ($id, " . join(', ', map { $v{$_} } @names) . ')');
	}
}
my $shown = 2 * 2 * 11;

my @ways = map { my $f = $_; map { [ @$f, @$_ ] } [], [ 'publication_names', 'as_root' ], [ 'schema.events', 'on' ] }
	[ 'format', 'json' ], [ 'format', 'flat,upsert', 'add.fields', 'table' ], [ 'format', 'json,debezium-json', 'json.native', 'off', 'binary.handling.mode', 'hex' ], [ 'format', 'debezium-json', 'value.converter.schemas.enable', 'on' ],
	[ 'format', 'wal2json-v1,wal2json-v2', 'include-default', '1', 'include-pk', '1' ];

# All batches of a table, and what else was said.
sub rows
{
	my ($table, @options) = @_;
	my ($out, $err) = $psql->query("SELECT encode(lakehouse.cdc_row(t.*, ARRAY[" . quoted(@options) . "]), 'hex') FROM ONLY $table AS t");
	return join("\n", map { pack('H*', $_) } split /\n/, $out) . $err;
}
sub all_rows { return rows('app.leaf', @_) . rows('app.single', @_) }

my @few = grep { my $bytes = all_rows(@$_); my %seen = map { /of (.*)/ => 1 } found($bytes); keys %seen < $shown } @ways;
is_deeply(\@few, [], "without masks all $shown secrets are in each of " . @ways . ' snapshots');
foreach my $t (qw(root single)) { $psql->value("SELECT lakehouse.cdc_mask_set('app.$t', '$_', '$masks{$_}')") foreach sort keys %masks }
foreach my $way (@ways)
{
	my $bytes = all_rows(@$way);
	is_deeply([ found($bytes) ], [], 'with masks there is none: ' . join(' ', @$way));
	cmp_ok(scalar(() = $bytes =~ /quarantine/g), '>=', 2, 'and rows that cannot be shown are told of');
}
my $refused = all_rows('format', 'json', 'publication_names', 'refuses');
is(() = $refused =~ /row filter raised an error/g, 3, 'conditions that fail are told of');
is_deeply([ found($refused) ], [], 'without what they failed on');
is_deeply([ found(all_rows('format', 'json', 'masks', join(';', map { "app.single.$_:truncate:1000;app.leaf.$_:truncate:1000" } keys %masks))) ], [], "the caller's masks lift none");
my ($named) = $psql->query(q{SELECT string_agg(r::text, ' ') FROM lakehouse.cdc_snapshot_tables('{}') r});
like($named, qr/column .*s_key.* of its key is masked/, 'a masked key is no key to read by');
is_deeply([ found($named) ], [], 'and the list of tables has no value');
is_deeply([ found(slurp_file($node->logfile)) ], [], 'no secret is in the log');

# ---- 2. a change of masks waits for snapshots that go on with the old ones

$psql->value('CREATE TABLE app.people (id int PRIMARY KEY, name text)');
$psql->value(q{INSERT INTO app.people SELECT i, 'name ' || i FROM generate_series(1, 10) i});
$psql->value(q{BEGIN; DECLARE c CURSOR FOR SELECT lakehouse.cdc_row(p.*, '{}') FROM app.people p});
like(pack('H*', $psql->value(q{FETCH 1 FROM c}) =~ s/^\\x//r), qr/name 1/, 'a snapshot begins');
$other->begin(q{SELECT lakehouse.cdc_mask_set('app.people', 'name', 'null')});
{
	my $watch = session($node);
	my $pid = $other->pid;
	ok(wait_until(60, sub { $watch->value("SELECT count(*) FROM pg_locks WHERE pid = $pid AND NOT granted") > 0 }), 'who sets a mask waits');
	$watch->quit;
}
is(scalar(split /\n/, $psql->value('FETCH 20 FROM c')), 9, 'the snapshot goes on');
$psql->value('COMMIT');
is(($other->finish)[1], '', 'then the mask is set');
unlike(rows('app.people', 'format', 'json'), qr/name \d/, 'and holds');

# ---- 3. tables that changed after the snapshot was taken

$psql->value('CREATE TABLE app.grown (id int PRIMARY KEY, a int); INSERT INTO app.grown SELECT i, i FROM generate_series(1, 10) i');
sub after
{
	my ($sql, @options) = @_;
	$psql->value('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT 1');
	$other->value($sql);
	my ($out, $err) = $psql->query(q{SELECT string_agg(table_name, ',' ORDER BY table_name) FROM lakehouse.cdc_snapshot_tables(ARRAY['table.include.list', 'app.(grown|new|people)'} .
		(@options ? ', ' . quoted(@options) : '') . '])');
	$psql->value('ROLLBACK');
	return $err ? $err =~ s/\nDETAIL.*//sr : $out =~ s/\n//r;
}
my $rewritten = qr/55000: table "app.grown" was rewritten or truncated after the snapshot of this transaction was taken/;
is(after('INSERT INTO app.grown VALUES (11, 11)'), 'grown,people', 'rows may come');
is(after('ALTER TABLE app.grown ADD b int DEFAULT 7'), 'grown,people', 'columns, too');
like(after('ALTER TABLE app.grown ALTER a TYPE bigint'), $rewritten, 'but a rewritten table is an error');
like(after('TRUNCATE app.grown'), $rewritten, 'so is one that was truncated');
is(after('ALTER TABLE app.grown ALTER a TYPE int', 'table.exclude.list', 'app.grown'), 'people', 'of those that are wanted');
is(after('CREATE TABLE app.new (id int)'), 'grown,people', 'a new one is all in the stream');
is(after('DROP TABLE app.new'), 'grown,people', 'and one that is gone is gone');

# only what is to be read is waited for
$other->value('BEGIN; LOCK TABLE app.grown IN ACCESS EXCLUSIVE MODE');
is($psql->value(q{SET statement_timeout = '30s'; SELECT table_name FROM lakehouse.cdc_snapshot_tables('{table.include.list,app.people}'); RESET statement_timeout}), 'people', 'no other table is waited for');
$psql->begin(q{SELECT table_name FROM lakehouse.cdc_snapshot_tables('{table.include.list,app.grown}')});
{
	my $pid = $psql->pid;
	ok(wait_until(60, sub { $other->value("SELECT count(*) FROM pg_locks WHERE pid = $pid AND NOT granted") > 0 }), 'one that is to be read is');
}
$other->value('COMMIT');
is(($psql->finish)[0], 'grown', 'until it is free');

# ---- 4. errors leave nothing behind

$psql->value(q{CREATE TABLE app.many (id int PRIMARY KEY, a text, b inet);
	INSERT INTO app.many SELECT i, 'row ' || i, '10.0.0.1' FROM generate_series(1, 200000) i;
	CREATE TABLE app.slow (id int PRIMARY KEY);
	INSERT INTO app.slow VALUES (1);
	CREATE PUBLICATION slow FOR TABLE app.slow WHERE (factorial(id + 32000::bigint) > 0);});
my $s = session($node);
my $contexts = q{SELECT coalesce(string_agg(name, ', '), 'none') FROM pg_backend_memory_contexts WHERE name LIKE 'lakehouse %' AND name <> 'lakehouse policies'};
my $run = sub { $s->query(q{SELECT count(lakehouse.cdc_row(m.*, '{}')), count(1 / (id - 500)) FROM app.many m; } x $_[0]) };
$run->(100);
my $before = rss_kb($s->pid);
like(($run->(1000))[1], qr/22012/, 'statements that fail in their midst');
cmp_ok(rss_kb($s->pid) - $before, '<', 8 * 1024, 'a thousand of them leave no memory');
is($s->value($contexts), 'none', 'and no context');
$before = rss_kb($s->pid);
is($s->value(q{SELECT count(lakehouse.cdc_row(m.*, '{}')) FROM app.many m}), '200000', 'all rows of a table');
cmp_ok(rss_kb($s->pid) - $before, '<', 40 * 1024, 'in little memory');
is($s->value($contexts), 'none', 'that goes with the statement');

# errors in it that PL/pgSQL catches, also those that end the subtransaction of a guarded row
$before = rss_kb($s->pid);
is(($s->query(q{DO $$
BEGIN
	FOR i IN 1 .. 2000 LOOP
		BEGIN
			PERFORM lakehouse.cdc_row(m.*, '{message.key.columns,app.many:nope}') FROM app.many m;
			RAISE 'there is no such column';
		EXCEPTION WHEN undefined_column THEN
		END;
	END LOOP;
END $$}))[1], '', 'two thousand caught errors');
cmp_ok(rss_kb($s->pid) - $before, '<', 16 * 1024, 'leave no memory either');
is($s->value($contexts), 'none', 'nor a context');
my ($out, $err) = $s->query(q{SET statement_timeout = '50ms'; DO $$
BEGIN
	BEGIN
		PERFORM lakehouse.cdc_row(m.*, '{publication_names,slow}') FROM app.slow m;
		RAISE 'the condition took no time';
	EXCEPTION WHEN query_canceled THEN
		CREATE TABLE app.caught (a int);
	END;
END $$; SELECT count(*) FROM app.caught});
is("$out$err", '0', 'a cancelled condition is caught, and the transaction goes on');
($out, $err) = $s->query(q{SELECT count(lakehouse.cdc_row(m.*, '{}')) FROM app.many m CROSS JOIN generate_series(1, 100)});
like($err, qr/57014/, 'a snapshot is cancelled');
$s->value('RESET statement_timeout');
is($s->value(q{SELECT count(lakehouse.cdc_row(m.*, '{}')) FROM app.many m WHERE id < 10}), '9', 'and the next one goes');

# ---- 5. more than a query can return

($out) = $s->query(q{CREATE TABLE app.huge (id int PRIMARY KEY, a text);
	SELECT encode(lakehouse.cdc_row(ROW(1, repeat(E'\x01', 180000000))::app.huge, '{}'), 'escape')});
like($out, qr/"op":"quarantine".*more than 1 GB/, 'a row of which the messages have more than 1 GB is told of');
like($out, qr/LHF1.*app.*huge.*huge.*quarantine/s, 'behind its schema');
is($s->value(q{SELECT length(lakehouse.cdc_row(ROW(1, repeat('x', 300000000))::app.huge, '{}')) > 300000000}), 't', 'one of 300 MB is there');

$_->quit foreach $psql, $other, $s;
$node->stop;
done_testing();
