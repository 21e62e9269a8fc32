# Snapshots beside the stream: under writers that do all that there is to do, the files
# folded by key are the tables; whatever is killed, each sink gets a row once.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Cdc qw($client cdc_node client ends pid_of slurp stop);
use Digest::MD5 qw(md5_hex);
use IPC::Run;
use JSON::PP;
use Lake;
use Test::More;

# A signal in the midst of a batch: what is not confirmed comes again, which each test looks at.
my $stopped = qr/^(?:0|130)$/;
my ($node, $dir, $source) = cdc_node('cdc_incremental', 'wal_sender_timeout = 20s', 'restart_after_crash = on', q(lakehouse.cdc_mask_key_file = ''));
my $json = JSON::PP->new->utf8->canonical->allow_nonref;
sub sql { return $node->safe_psql('postgres', $_[0]) }

sub start
{
	my ($log, @args) = @_;
	return IPC::Run::start([ $client, 'stream', '--source', $source, '--log', 'json', @args ], '<', \undef, '>>', "$dir/out.$log", '2>>', "$dir/log.$log",
		IPC::Run::timeout(600));
}

# Long values by their sums, as JSON::PP takes its time.
sub decode
{
	my ($line) = @_;
	$line =~ s/"([^"\\]{200,})"/'"' . md5_hex($1) . '"'/ge;
	return $json->decode($line);
}

# What a directory of the file sink holds, in order, as objects.
sub events
{
	my ($path, $table) = @_;
	# decoding costs more than all else
	my $of = defined $table ? '"table":' . $json->encode($table) : '';
	return map { decode($_) } grep { index($_, $of) >= 0 } map { split /\n/, slurp($_) } sort glob("$path/*.ndjson");
}

# The state of a snapshot, or of all of a slot.
sub state_of { return sql(qq{SELECT state FROM lakehouse.cdc_snapshot_state('$_[0]') WHERE id = $_[1]}) }
sub done { my ($slot, $id) = @_; return state_of($slot, $id) eq 'done' }

# Events of the format "json" folded by key; cells that nobody told of are missing.
sub fold
{
	my (@events) = @_;
	my (%rows, %reads);
	for my $e (@events)
	{
		my $op = $e->{op};
		if ($op eq 'truncate') { %rows = (); next }
		my $key = $json->encode($e->{key});
		if ($op eq 'read') { $reads{$key}++; $rows{$key} = $e->{new} }
		elsif ($op eq 'insert') { $rows{$key} = $e->{new} }
		elsif ($op eq 'delete') { delete $rows{$key} }
		elsif ($op eq 'update')
		{
			my $was = delete $rows{$key};
			my %new = %{ $e->{new} };
			for my $c (@{ $e->{unchanged} // [] })
			{
				delete $new{$c};
				$new{$c} = $was->{$c} if defined $was && exists $was->{$c};
			}
			my $now = $json->encode({ map { $_ => $new{$_} } keys %{ $e->{key} } });
			$rows{$now} = \%new;
		}
		else { die "op $op" }
	}
	return (\%rows, \%reads);
}

# The same of a table.
sub table_rows
{
	my ($table, @key) = @_;
	my %rows;
	for my $line (split /\n/, sql(qq{SELECT row_to_json(t) FROM $table t}))
	{
		my $row = decode($line);
		$rows{ $json->encode({ map { $_ => $row->{$_} } @key }) } = $row;
	}
	return \%rows;
}
sub differences
{
	my ($got, $expected) = @_;
	my @d;
	for my $k (sort keys %{ { %$got, %$expected } })
	{
		my ($a, $b) = map { defined $_ ? $json->encode($_) : 'nothing' } $got->{$k}, $expected->{$k};
		push @d, "$k: got " . substr($a, 0, 120) . ", expected " . substr($b, 0, 120) if $a ne $b;
	}
	return @d;
}
sub same_rows
{
	my ($got, $expected, $what) = @_;
	my @d = differences($got, $expected);
	ok(!@d, $what) or diag(scalar(@d) . " of " . scalar(keys %$expected) . " rows differ, such as\n" . join("\n", @d[ 0 .. ($#d < 9 ? $#d : 9) ]));
	return;
}

my $seed = $ENV{LAKEHOUSE_SEED} // time;
srand($seed);
note("seed $seed");

# ---- a quiet table, types and names of all kinds

sql(q{
	CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
	CREATE DOMAIN positive AS int CHECK (VALUE > 0);
	CREATE TABLE quiet (id int PRIMARY KEY, v text);
	INSERT INTO quiet SELECT g, 'row ' || g FROM generate_series(1, 8000) g;
	CREATE TABLE "We""ird 'T" ("K ""1" text COLLATE "C", k2 mood, k3 timestamptz, k4 numeric(8,3), k5 bytea, k6 positive, k7 varchar(9), k8 uuid,
		v text, PRIMARY KEY ("K ""1", k2, k3, k4, k5, k6, k7, k8));
	INSERT INTO "We""ird 'T" SELECT chr(33 + g % 90) || '''\\', (enum_range(NULL::mood))[1 + g % 3], timestamptz '2000-01-01 00:00:00.123456+00' + g * interval '1 h',
		g / 7.0, decode(lpad(to_hex(g), 4, '0'), 'hex'), g, 'x' || g, md5(g::text)::uuid, 'v' FROM generate_series(1, 1200) g;
	CREATE TABLE floats (f float8, d date, c char(5), PRIMARY KEY (f, d, c));
	INSERT INTO floats SELECT sqrt(g) * 1e10 / 3, date '1999-12-31' - g, 'a' || g % 7 FROM generate_series(1, 600) g;
	INSERT INTO floats VALUES ('NaN', 'infinity', ''), ('-Infinity', '-infinity', 'b'), ('Infinity', 'today', 'c');
	CREATE TABLE nothing (id int PRIMARY KEY);
});
my $a = "$dir/quiet";
my ($code, $out, $err) = client('stream', '--slot', 'quiet', '--sink', "file:$a", '--create', '--once');
is($code, 0, 'a slot behind all rows') or diag $err;
is(scalar(events($a)), 0, 'so that the stream has none');
my %ids = map { $_ => sql(qq{SELECT lakehouse.cdc_snapshot_start('quiet', \$\$$_\$\$)}) } 'quiet', q{"We""ird 'T"}, 'floats', 'nothing';
($code, undef, $err) = client('stream', '--slot', 'quiet', '--sink', "file:$a", '--once');
is($code, 0, '--once waits for snapshots that are wanted') or diag $err;
for my $table (sort keys %ids)
{
	is(state_of('quiet', $ids{$table}), 'done', "$table is done");
}
my ($rows, $reads) = fold(events($a, 'quiet'));
same_rows($rows, table_rows('quiet', 'id'), 'all rows are there');
is((grep { $_ != 1 } values %$reads), 0, 'once each');
is(sql(qq{SELECT rows, chunks > 1 FROM lakehouse.cdc_snapshot_state('quiet') WHERE id = $ids{quiet}}), '8000|t', 'in chunks, which are counted');
($rows, $reads) = fold(events($a, q{We"ird 'T}));
is(scalar(keys %$rows), 1200, 'keys of many types, in a table with quotes in its name');
is((grep { $_ != 1 } values %$reads), 0, 'once each');
($rows, $reads) = fold(events($a, 'floats'));
is(scalar(keys %$rows), 603, 'floats, NaN and infinities as keys');
is((grep { $_ != 1 } values %$reads), 0, 'once each');
($code, undef, $err) = client('stream', '--slot', 'quiet', '--sink', "file:$a", '--once');
is(scalar(events($a)), 8000 + 1200 + 603, 'and not again');

# ---- a condition, cancelling, and what fails

my $some = sql(q{SELECT lakehouse.cdc_snapshot_start('quiet', 'quiet', $$id % 1000 = 7 -- and a comment$$)});
my $never = sql(q{SELECT lakehouse.cdc_snapshot_start('quiet', 'floats')});
is(sql(qq{SELECT lakehouse.cdc_snapshot_cancel('quiet', $never)}), 't', 'one is cancelled');
sql(q{CREATE TABLE gone (id int PRIMARY KEY); INSERT INTO gone VALUES (1)});
my $gone = sql(q{SELECT lakehouse.cdc_snapshot_start('quiet', 'gone')});
sql(q{DROP TABLE gone; CREATE TABLE canary (id int PRIMARY KEY, secret text); INSERT INTO canary VALUES (1, 'CANARY1')});
sql(q{SELECT lakehouse.cdc_mask_set('canary', 'secret', 'null')});
my $told = sql(q{SELECT lakehouse.cdc_snapshot_start('quiet', 'canary', 'secret::int > 0')});
my $masked = sql(q{SELECT lakehouse.cdc_snapshot_start('quiet', 'canary')});
my $before = scalar(events($a, 'quiet'));
($code, undef, $err) = client('stream', '--slot', 'quiet', '--sink', "file:$a", '--once');
is($code, 0, 'the stream goes on') or diag $err;
is(scalar(events($a, 'quiet')) - $before, 8, 'rows that a condition chooses');
is(state_of('quiet', $never), 'cancelled', 'what is cancelled is not read');
is(scalar(events($a, 'floats')), 603, 'indeed');
is(state_of('quiet', $gone), 'failed', 'a table that is gone has failed');
like(sql(qq{SELECT error FROM lakehouse.cdc_snapshot_state('quiet') WHERE id = $gone}), qr/there no more|not exist/, 'why is noted');
is(state_of('quiet', $told), 'failed', 'so has a condition that a row makes fail');
unlike($err . sql(qq{SELECT string_agg(error, '') FROM lakehouse.cdc_snapshot_state('quiet')}), qr/CANARY/, 'whose error shows no value');
is(state_of('quiet', $masked), 'done', 'a table with masks is read');
unlike(join('', map { slurp($_) } glob("$a/*")), qr/CANARY/, 'with its masks');
like(join('', map { slurp($_) } glob("$a/*")), qr/"secret":null/, 'indeed');

# ---- tables without a key: the stream waits

sql(q{
	CREATE TABLE bag (v int, w text);
	ALTER TABLE bag REPLICA IDENTITY FULL;
	INSERT INTO bag SELECT g % 50, repeat('x', 300) FROM generate_series(1, 4000) g;
	CREATE TABLE bag2 (v int);
	INSERT INTO bag2 SELECT g FROM generate_series(1, 1000) g;
	CREATE PROCEDURE fill_bag(seconds float8) LANGUAGE plpgsql AS $$
	DECLARE stop timestamptz := clock_timestamp() + seconds * interval '1 s';
	BEGIN
		WHILE clock_timestamp() < stop LOOP
			INSERT INTO bag SELECT 1000 + (random() * 100)::int, 'new' FROM generate_series(1, 1 + (random() * 5)::int);
			IF random() < 0.3 THEN DELETE FROM bag WHERE ctid = (SELECT ctid FROM bag OFFSET (random() * 50)::int LIMIT 1); END IF;
			IF random() < 0.3 THEN UPDATE bag SET v = v + 1 WHERE ctid = (SELECT ctid FROM bag OFFSET (random() * 50)::int LIMIT 1); END IF;
			IF random() < 0.1 THEN ROLLBACK; ELSE COMMIT; END IF;
			PERFORM pg_sleep(0.02);
		END LOOP;
	END$$;
});
my $b = "$dir/bag";
mkdir $b or die;
# less memory than the table has, so that it goes out in several units
my @bag = ('--slot', 'bag', '--sink', "file:$b/1", '--sink', "file:$b/2", '--table', 'public.bag', '--table', 'public.bag2', '--chunk-memory', '256kB');
($code, undef, $err) = client('stream', @bag, '--create', '--once');
is($code, 0, 'a slot for tables without keys') or diag $err;
my @writers = map { my $s = session($node); $s->begin('CALL fill_bag(4)'); $s } 1 .. 2;
my $run = start('bag', @bag);
sleep(1);
my $bag = sql(q{SELECT lakehouse.cdc_snapshot_start('bag', 'bag')});
my $bag2 = sql(q{SELECT lakehouse.cdc_snapshot_start('bag', 'bag2')});
ok(wait_until(120, sub { done('bag', $bag) && done('bag', $bag2) }), 'tables without keys are read') or diag slurp("$dir/log.bag");
$_->finish for @writers;
like(stop($run), $stopped, 'stopped') or diag slurp("$dir/log.bag");
($code, undef, $err) = client('stream', @bag, '--once');
is($code, 0, 'the rest') or diag $err;
sub bag_of
{
	my ($path) = @_;
	my (%n, $begun, $reads, $late);
	for my $e (events($path, 'bag'))
	{
		$begun ||= $e->{op} eq 'read';
		next unless $begun;
		$reads++ if $e->{op} eq 'read';
		$late++ if $e->{op} eq 'read' && $begun == 2;
		$begun = 2 if $e->{op} ne 'read';
		$n{ $json->encode($e->{new}) }++ if $e->{op} =~ /read|insert|update/;
		$n{ $json->encode($e->{old}) }-- if $e->{op} =~ /update|delete/;
	}
	delete $n{$_} for grep { $n{$_} == 0 } keys %n;
	return (\%n, $late);
}
my %bag = map { my ($n, $row) = split /\|/, $_, 2; $json->encode(decode($row)) => $n } split /\n/, sql(q{SELECT count(*), row_to_json(bag) FROM bag GROUP BY bag});
for my $i (1, 2)
{
	my ($got, $late) = bag_of("$b/$i");
	is_deeply($got, \%bag, "sink $i: rows from the snapshot on are those of the table, as often");
	is($late // 0, 0, 'the stream waited: no event among them');
}
is(scalar(grep { $_->{op} eq 'read' } events("$b/1", 'bag2')), 1000, 'another table in the same wait');

# ---- partitions under their root's name

sql(q{
	CREATE TABLE p (id int PRIMARY KEY, v int) PARTITION BY RANGE (id);
	CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (5000);
	CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (5000) TO (10000);
	INSERT INTO p SELECT g, 0 FROM generate_series(0, 9999) g;
	CREATE PUBLICATION pub FOR TABLE p WITH (publish_via_partition_root = true);
});
my @p = ('--slot', 'parts', '--sink', "file:$dir/p", '--publication', 'pub');
client('stream', @p, '--create', '--once');
$run = start('parts', @p);
my $writer = session($node);
$writer->begin(q{DO $$ BEGIN FOR i IN 1 .. 4000 LOOP UPDATE p SET v = v + 1 WHERE id = (random() * 9999)::int; IF i % 5 = 0 THEN COMMIT; END IF; END LOOP; END$$});
my $first = sql(q{SELECT lakehouse.cdc_snapshot_start('parts', 'p')});
ok(wait_until(120, sub { sql(q{SELECT bool_and(state = 'done') AND count(*) = 2 FROM lakehouse.cdc_snapshot_state('parts')}) eq 't' }), 'partitions are read one by one')
	or diag slurp("$dir/log.parts");
$writer->finish;
like(stop($run), $stopped, 'stopped');
client('stream', @p, '--once');
($rows) = fold(events("$dir/p", 'p'));
same_rows($rows, table_rows('p', 'id'), 'under the name of their root, as its events are');

# ---- a transaction that is in the log, but that nobody sees yet

sql(q{CREATE TABLE late (id int PRIMARY KEY, v text); INSERT INTO late SELECT g, 'old' FROM generate_series(1, 10) g});
my @late = ('--slot', 'late', '--sink', "file:$dir/late", '--table', 'public.late', '--flush-ms', '10', '--status-interval', '1');
client('stream', @late, '--create', '--once');
$run = start('late', @late);
wait_until(60, sub { slurp("$dir/log.late") =~ /"event":"streaming"/ });
sql(q{ALTER SYSTEM SET synchronous_standby_names = 'nobody'});
$node->reload;
wait_until(60, sub { sql('SHOW synchronous_standby_names') eq 'nobody' });
my $waits = session($node);
$waits->begin(q{UPDATE late SET v = 'new' WHERE id = 5});
wait_until(60, sub { sql(q{SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'}) });
my $lsn = sql('SELECT pg_current_wal_insert_lsn()');
ok(wait_until(60, sub { sql(qq{SELECT confirmed_flush_lsn >= '$lsn' FROM pg_replication_slots WHERE slot_name = 'late'}) eq 't' }), 'the stream tells of a transaction that waits for a standby');
is(sql('SELECT v FROM late WHERE id = 5'), 'old', 'which nobody sees');
my $late = $node->safe_psql('postgres', q{SET synchronous_commit = local; SELECT lakehouse.cdc_snapshot_start('late', 'late')});
sleep(3);
is(state_of('late', $late), 'reading', 'its table is not read so far');
sql(q{ALTER SYSTEM RESET synchronous_standby_names});
$node->reload;
$waits->finish;
ok(wait_until(60, sub { done('late', $late) }), 'but then it is') or diag slurp("$dir/log.late");
is(stop($run), 0, 'stopped');
($rows) = fold(events("$dir/late"));
is(join(' ', map { $_->{op} } grep { $_->{key}{id} == 5 } events("$dir/late")), 'update read', 'its event, and then the row');
same_rows($rows, table_rows('late', 'id'), 'the old row did not come behind the new one');

# ---- the test that counts

sql(q{
	CREATE TABLE k (id int, part text COLLATE "C", n int, v text, big text, PRIMARY KEY (part, id));
	ALTER TABLE k ALTER big SET STORAGE EXTERNAL;
	INSERT INTO k SELECT g, 'p' || g % 3, 0, 'first', repeat(md5(g::text), 70) FROM generate_series(1, 3000) g;
	CREATE TABLE calm (id int PRIMARY KEY, v text);
	INSERT INTO calm SELECT g, 'calm ' || g FROM generate_series(1, 3000) g;
	CREATE TABLE emptied (id int PRIMARY KEY, v text);
	INSERT INTO emptied SELECT g, 'x' FROM generate_series(1, 3000) g;
	CREATE TABLE held (id int PRIMARY KEY);
	INSERT INTO held SELECT generate_series(1, 10);
	CREATE PROCEDURE work(seconds float8) LANGUAGE plpgsql AS $$
	DECLARE stop timestamptz := clock_timestamp() + seconds * interval '1 s'; a int; what float8;
	BEGIN
		WHILE clock_timestamp() < stop LOOP
			FOR i IN 1 .. 1 + (random() * 10)::int LOOP
				a := 1 + (random() * 3499)::int;
				what := random();
				BEGIN
					IF what < 0.5 THEN UPDATE k SET n = n + 1 WHERE id = a;
					ELSIF what < 0.6 THEN UPDATE k SET big = repeat(md5(random()::text), 80) WHERE id = a;
					ELSIF what < 0.7 THEN DELETE FROM k WHERE id = a;
					ELSIF what < 0.8 THEN INSERT INTO k VALUES (a, 'p' || a % 3, 0, 'new', repeat('n', 3000));
					ELSIF what < 0.9 THEN DELETE FROM k WHERE id = a; INSERT INTO k VALUES (a, 'p' || a % 3, -1, 'again', repeat('a', 3000));
						ELSIF what < 0.95 THEN UPDATE k SET id = id + 10000, big = repeat('k', 3000) WHERE id = a;
					ELSE UPDATE k SET v = v || '!' WHERE id BETWEEN a AND a + 5;
					END IF;
				EXCEPTION WHEN unique_violation THEN NULL;
				END;
			END LOOP;
			IF random() < 0.002 THEN TRUNCATE emptied; END IF;
			IF random() < 0.1 THEN INSERT INTO emptied VALUES ((random() * 3000)::int, 'back') ON CONFLICT (id) DO UPDATE SET v = 'again'; END IF;
			IF random() < 0.1 THEN ROLLBACK; ELSE COMMIT; END IF;
			PERFORM pg_sleep(0.02);
		END LOOP;
	END$$;
});
my $t = "$dir/torture";
mkdir $t or die;
my @args = ('--slot', 'torture', '--sink', "file:$t/1?rotate.bytes=2000000", '--sink', "debezium-json=file:$t/2", '--sink', "file:$t/3", '--flush-ms', '20',
	(map { ('--table', "public.$_") } qw(k calm emptied bag held)), '--chunk-memory', '128kB', '--status-interval', '1');
($code, undef, $err) = client('stream', @args, '--create', '--once');
is($code, 0, 'a stream to be tortured') or diag $err;
@writers = map { my $s = session($node, timeout => 600); $s->begin('CALL work(10000)'); $s } 1 .. 2;
my $bag_writer = session($node, timeout => 600);
$bag_writer->begin('CALL fill_bag(10000)');
# a transaction that is open from before the first mark until behind the last
my $long = session($node, timeout => 600);
$long->value(q{BEGIN; UPDATE calm SET v = 'in a long transaction' WHERE id BETWEEN 1000 AND 1100});
# however quick the machine, not all tables are read before the third kill
my %snapshot = (held => sql(q{SELECT lakehouse.cdc_snapshot_start('torture', 'held')}));
my $holds = session($node);
$holds->value('BEGIN; LOCK TABLE held IN ACCESS EXCLUSIVE MODE');
$run = start('torture', @args);
$snapshot{$_} = sql(qq{SELECT lakehouse.cdc_snapshot_start('torture', '$_')}) foreach qw(k calm emptied bag);
my $kills = 0;
my $all_done = sub { return sql(q{SELECT count(*) = 0 FROM lakehouse.cdc_snapshot_state('torture') WHERE state IN ('waiting', 'reading')}) eq 't' };
while ($kills < 20 && !$all_done->())
{
	sleep(0.1 + rand($kills < 3 ? 0.1 : 0.5));
	kill 'KILL', pid_of($run);
	$kills++ if ends($run) eq 'signal 9';
	$run = start('torture', @args);
	# a new key, and a large value that the event has not
	sql(q{UPDATE k SET part = 'a' || part WHERE id BETWEEN 100 AND 110}) if $kills == 3;
	$holds->value('ROLLBACK') if $kills == 3;
}
cmp_ok($kills, '>=', 3, "the client was killed $kills times while tables were read (seed $seed)");
ok(wait_until(240, $all_done), 'then all is read') or diag slurp("$dir/log.torture");
is(sql(q{SELECT string_agg(DISTINCT state, ' ') FROM lakehouse.cdc_snapshot_state('torture')}), 'done', 'nothing failed')
	or diag sql(q{SELECT table_name, error FROM lakehouse.cdc_snapshot_state('torture')});
$long->value('COMMIT');
sleep(0.3);
for my $w (@writers, $bag_writer)
{
	sql(qq{SELECT pg_cancel_backend($w->{pid})});
	$w->finish;
}
like(stop($run), $stopped, 'stopped');
($code, undef, $err) = client('stream', @args, '--once');
is($code, 0, 'and now the rest') or diag $err;
my $passes = () = slurp("$dir/log.torture") =~ /snapshot_pass/g;
for my $sink (1, 3)
{
	($rows, $reads) = fold(events("$t/$sink", 'k'));
	same_rows($rows, table_rows('k', 'id', 'part'), "sink $sink: the files are the table: keys that change, rows that come back, large values that do not change");
	is((grep { $_ > 1 + $passes } values %$reads), 0, "no row was read twice, but in $passes passes that keys made necessary");
	($rows, $reads) = fold(events("$t/$sink", 'calm'));
	same_rows($rows, table_rows('calm', 'id'), 'a table that only a long transaction touches');
	is(join(' ', scalar(keys %$reads), grep { $_ != 1 } values %$reads), '3000', 'each of its rows was read once');
	($rows) = fold(events("$t/$sink", 'emptied'));
	same_rows($rows, table_rows('emptied', 'id'), 'a table that is emptied meanwhile');
}
my %calm;
$calm{ $_->{after}{id} }++ for grep { $_->{op} eq 'r' } events("$t/2", 'calm');
is(join(' ', scalar(keys %calm), grep { $_ != 1 } values %calm), '3000', 'each row once in the other format, too');
for my $sink (1, 3)
{
	# after a kill in the middle of it, it is read again; the last reading counts
	my @events = events("$t/$sink", 'bag');
	my ($last) = grep { $events[$_]{op} ne 'read' && $events[ $_ + 1 ]{op} eq 'read' } reverse 0 .. $#events - 1;
	my %n;
	for my $e (@events[ ($last // -1) + 1 .. $#events ])
	{
		$n{ $json->encode($e->{new}) }++ if $e->{op} =~ /read|insert|update/;
		$n{ $json->encode($e->{old}) }-- if $e->{op} =~ /update|delete/;
	}
	delete $n{$_} for grep { $n{$_} == 0 } keys %n;
	my %now = map { my ($n, $row) = split /\|/, $_, 2; $json->encode(decode($row)) => $n } split /\n/, sql(q{SELECT count(*), row_to_json(bag) FROM bag GROUP BY bag});
	is_deeply(\%n, \%now, "sink $sink: the table without a key, as often as it has each row");
}

done_testing();
