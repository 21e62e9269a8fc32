# The file sink's containers: a snapshot and the stream behind it in Avro and Parquet files, which
# our own foreign tables read back, each row once, whatever is killed and whatever schemas become.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use IPC::Run;
use JSON::PP;
use Lake;
use PostgreSQL::Test::Utils;
use Test::More;

my $client = $ENV{LAKEHOUSE_CLIENT} or die 'LAKEHOUSE_CLIENT is not set';
my $dir = PostgreSQL::Test::Utils::tempdir;
my $node = lake_node('cdc_containers', 'wal_level = logical', 'max_wal_senders = 20', 'max_replication_slots = 20', 'autovacuum = off');
my $source = $node->connstr('postgres');
my $seed = $ENV{LAKEHOUSE_SEED} // time;
srand($seed);
sub sql { return $node->safe_psql('postgres', "SET client_min_messages = warning; $_[0]") }
sub slurp { my ($file) = @_; open(my $f, '<:raw', $file) or return ''; local $/; return scalar(<$f>) // '' }

# (exit code, stderr)
sub client
{
	my ($command, @args) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ $client, $command, '--source', $source, @args ], '<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(180));
	return ($? & 127 ? "signal $?" : $? >> 8, $err);
}
sub start
{
	my ($log, $command, @args) = @_;
	return IPC::Run::start([ $client, $command, '--source', $source, '--log', 'json', @args ], '<', \undef, '>', "$dir/out.$log", '2>', "$dir/log.$log",
		IPC::Run::timeout(300));
}
sub pid_of { my ($run) = @_; return $run->{KIDS}[0]{PID} || die 'it is not there' }
sub ends { my ($run) = @_; $run->finish; my $status = $?; return $status & 127 ? 'signal ' . ($status & 127) : $status >> 8 }

# Foreign tables over the files of a topic: "a_NAME" of Avro, "p_NAME" of Parquet.
sub read_back
{
	my ($name, $where, $topic) = @_;
	sql(qq{
		DROP FOREIGN TABLE IF EXISTS a_$name, p_$name;
		CREATE FOREIGN TABLE a_$name () SERVER lake OPTIONS (location '$where/avro/*-$topic.avro', union_by_name 'true');
		CREATE FOREIGN TABLE p_$name () SERVER lake OPTIONS (location '$where/parquet/*-$topic.parquet', union_by_name 'true');});
	return;
}
# The same rows in both, values as text; $where: which of them.
sub same_rows
{
	my ($name, $what, $where) = (@_, 'true');
	my $columns = sql(qq{SELECT string_agg(format('%I::text', attname), ', ' ORDER BY attnum) FROM pg_attribute
		WHERE attrelid = 'p_$name'::regclass AND attnum > 0 AND NOT attisdropped});
	my ($avro, $parquet) = map { "SELECT $columns FROM ${_}_$name WHERE $where" } 'a', 'p';
	is(sql("SELECT count(*) FROM ($parquet) p"), sql("SELECT count(*) FROM ($avro) a"), "$what: as many in both");
	is(sql("SELECT count(*) FROM (($avro EXCEPT ALL $parquet) UNION ALL ($parquet EXCEPT ALL $avro)) d"), 0, "$what: the same in both");
	return;
}
# What the rows of a topic leave, when they are applied in their order.
sub folded
{
	my ($foreign, $key, $columns) = @_;
	return qq{SELECT $columns FROM (SELECT DISTINCT ON ($key) * FROM $foreign ORDER BY $key, __lsn DESC, __seq DESC, __op = 'd') f WHERE __op <> 'd'};
}
sub manifest { my ($where) = @_; return map { decode_json($_) } split /\n/, slurp("$where/_manifest.jsonl") }

# ---- types, and a schema that changes in the middle of a transaction

sql(q{
	CREATE TYPE mood AS ENUM ('glad', 'sad');
	CREATE TABLE t (id bigint PRIMARY KEY, i int, s smallint, b bool, n numeric(12, 2), f float8, r real, v text, d date, z timestamptz, p timestamp,
		u uuid, j jsonb, y bytea, a int[], m mood);
	INSERT INTO t SELECT g, g * 3, g % 100, g % 2 = 0, g / 7.0, g / 3.0, g / 9.0::real, 'text ' || g || ' ä', date '2026-01-01' + g, timestamptz '2026-01-01 12:00:00.123456Z' + g * interval '1 s',
		timestamp '2026-01-01 00:00:00' + g * interval '1 us', md5(g::text)::uuid, jsonb_build_object('g', g), decode(md5(g::text), 'hex'), ARRAY[g, NULL, 3], 'glad'
		FROM generate_series(1, 500) g;
	INSERT INTO t (id) VALUES (0);});
my @sinks = ('--sink', "avro=file:$dir/types/avro?container=avro&compress=deflate", '--sink', "avro=file:$dir/types/parquet?container=parquet");
mkdir "$dir/types";
my ($code, $err) = client('snapshot', '--slot', 'types', '--table', 'public.t', @sinks);
is($code, 0, 'a snapshot into both containers') or diag $err;
sql(q{
	UPDATE t SET i = i + 1, v = NULL WHERE id % 10 = 0;
	DELETE FROM t WHERE id % 25 = 0;
	UPDATE t SET id = -id WHERE id % 31 = 0;
	BEGIN;
	INSERT INTO t (id, v) VALUES (1001, 'before');
	ALTER TABLE t ADD later text, DROP r;
	INSERT INTO t (id, v, later) VALUES (1002, 'behind', 'new');
	COMMIT;
	UPDATE t SET later = 'x' WHERE id = 3;});
($code, $err) = client('stream', '--slot', 'types', '--table', 'public.t', @sinks, '--once');
is($code, 0, 'and the stream') or diag $err;
read_back('types', "$dir/types", 'types.public.t');
same_rows('types', 'all types');
my $plain = 'id, i, s, b, n, f, v, d, z, p, u, j::jsonb, y, a, m::text, later';
for my $foreign ('a_types', 'p_types')
{
	is(sql(qq{SELECT count(*) FROM $foreign WHERE __op = 'r'}), 501, "$foreign: all rows of the snapshot");
	is(sql("SELECT count(*) FROM ((" . folded($foreign, 'id', $plain) . qq{) EXCEPT ALL SELECT $plain FROM t) d}), 0, "$foreign: no other row is left");
	is(sql("SELECT count(*) FROM (SELECT $plain FROM t EXCEPT ALL (" . folded($foreign, 'id', $plain) . ')) d'), 0, "$foreign: none is missing");
}
for my $container ('avro', 'parquet')
{
	my @files = grep { $_->{topic} eq 'types.public.t' } manifest("$dir/types/$container");
	my %schemas = map { $_->{schema} => 1 } @files;
	is(scalar(keys %schemas), 2, "$container: two schemas");
	ok((grep { !-s "$dir/types/$container/_schemas/$_.avsc" } keys %schemas) == 0, 'whose texts are there');
	is(scalar(grep { $_->{container} ne $container } @files), 0, 'the manifest names the container');
	my $rows = 0;
	$rows += $_->{rows} for @files;
	is($rows, sql('SELECT count(*) FROM ' . substr($container, 0, 1) . '_types'), 'and counts its rows');
}

# ---- exactly once, killed at any time, in the snapshot and behind it

sql(q{
	CREATE TABLE k (id bigserial PRIMARY KEY, v text);
	CREATE TABLE w (id int PRIMARY KEY, n int, v text);
	INSERT INTO k (v) SELECT repeat('k', 200) FROM generate_series(1, 3000);
	INSERT INTO w SELECT g, 0, 'w' FROM generate_series(1, 300) g;
	CREATE PROCEDURE work() LANGUAGE plpgsql AS $$
	BEGIN
		LOOP
			FOR i IN 1 .. CASE WHEN random() < 0.02 THEN 300 ELSE 1 + (random() * 5)::int END LOOP
				INSERT INTO k (v) VALUES (repeat('y', 400));
				UPDATE w SET n = n + 1 WHERE id = 1 + (random() * 299)::int;
			END LOOP;
			IF random() < 0.1 THEN DELETE FROM w WHERE id = 1 + (random() * 299)::int; END IF;
			IF random() < 0.1 THEN ROLLBACK; ELSE COMMIT; END IF;
			PERFORM pg_sleep(0.02);
		END LOOP;
	END$$;});
mkdir "$dir/kill";
my @killed = ('--slot', 'killed', '--table', 'public.k', '--table', 'public.w', '--sink', "avro=file:$dir/kill/avro?container=avro&rotate.bytes=20000&block.bytes=3000",
	'--sink', "avro=file:$dir/kill/parquet?container=parquet&rotate.bytes=20000", '--flush-ms', '20', '--batch-bytes', '8kB');
my $writer = session($node);
$writer->begin('CALL work()');
my $kills = 0;
for my $kill (1 .. 14)
{
	my $run = start("kill$kill", 'run', @killed, '--chunk-blocks', '10');
	# the first ones hit the snapshot
	my $pause = $kill <= 4 ? 0.15 + rand(0.4) : 0.3 + rand(0.8);
	select(undef, undef, undef, $pause);
	kill 'KILL', pid_of($run);
	$kills++ if ends($run) eq 'signal 9';
}
sql(qq{SELECT pg_cancel_backend($writer->{pid})});
$writer->finish;
is($kills, 14, "fourteen clients were killed (seed $seed)");
($code, $err) = client('run', @killed, '--once');
is($code, 0, 'and now the rest') or diag $err;
read_back($_, "$dir/kill", "killed.public.$_") for 'k', 'w';
# rows of a snapshot that was killed may come again, to one sink and not to the other
same_rows($_, "changes of $_", "__op <> 'r'") for 'k', 'w';
cmp_ok(sql('SELECT count(*) FROM k'), '>', 3200, 'rows enough to mean something');
for my $c ('a', 'p')
{
	is(sql("SELECT count(*) - count(DISTINCT id) FROM ${c}_k WHERE __op <> 'r'"), 0, "$c: no row is inserted twice");
	cmp_ok(sql("SELECT count(*) FROM ${c}_k WHERE __op <> 'r'"), '>', 200, "$c: of many");
	is(sql("SELECT count(*) FROM ((SELECT DISTINCT id, v FROM ${c}_k) EXCEPT ALL TABLE k) d"), 0, "$c: none is invented");
	is(sql("SELECT count(*) FROM (TABLE k EXCEPT ALL SELECT id, v FROM ${c}_k) d"), 0, "$c: none is missing");
	is(sql("SELECT count(*) FROM (SELECT 1 FROM ${c}_w WHERE __op <> 'r' GROUP BY __lsn, __seq, __op, id HAVING count(*) > 1) d"), 0, "$c: no change twice");
	is(sql("SELECT count(*) FROM ((" . folded("${c}_w", 'id', 'id, n, v') . ") EXCEPT ALL TABLE w) d"), 0, "$c: the table is what they leave");
	is(sql("SELECT count(*) FROM (TABLE w EXCEPT ALL (" . folded("${c}_w", 'id', 'id, n, v') . ')) d'), 0, "$c: all of it");
}
is(scalar(grep { /\/\.tmp-/ } glob("$dir/kill/*/.tmp-*")), 0, 'nothing unfinished is left');
for my $container ('avro', 'parquet')
{
	my @names = map { $_->{name} } manifest("$dir/kill/$container");
	is(join(' ', sort @names), join(' ', map { s{.*/}{}r } sort glob("$dir/kill/$container/*.$container")), "$container: the manifest has just the files that are there");
	cmp_ok(scalar(@names), '>', 5, 'which are several');
}

# ---- what does not go together

($code, $err) = client('stream', '--slot', 'types', '--table', 'public.t', '--sink', "json=file:$dir/json?container=avro", '--once');
is($code, 1, 'lines of JSON are no records of Avro');
like($err, qr/container=avro needs a format with Avro schemas, not json/, 'it says so');

done_testing();
