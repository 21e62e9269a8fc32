#!/usr/bin/perl
# cdc.pl: the runs of test/bench/cdc, beside its server.
use strict;
use warnings;

use Getopt::Long;
use Time::HiRes 'usleep';

my ($rows, $runs, $only, $load_only) = (300_000, 5, '', '');
GetOptions('rows=i' => \$rows, 'runs=i' => \$runs, 'only=s' => \$only, 'load=s' => \$load_only) or die "see test/bench/cdc\n";
my $bin = $ENV{BINDIR};

# name, plugin, options
my @variants = (
	['pgoutput, nothing published', 'pgoutput', 'proto_version=1', 'publication_names=none'],
	['pgoutput binary', 'pgoutput', 'proto_version=1', 'publication_names=p', 'binary=true'],
	['pgoutput text', 'pgoutput', 'proto_version=1', 'publication_names=p'],
	['test_decoding', 'test_decoding'],
	['wal2json v1', 'wal2json', 'format-version=1'],
	['wal2json v2', 'wal2json', 'format-version=2'],
	['decoderbufs', 'decoderbufs'],
	['lakehouse json, frames', 'lakehouse', 'format=json', 'frames=on', 'batch_bytes=131072'],
	['lakehouse json, one a message', 'lakehouse', 'format=json'],
	['lakehouse debezium-json, frames', 'lakehouse', 'format=debezium-json', 'frames=on', 'batch_bytes=131072'],
	['lakehouse protobuf, frames', 'lakehouse', 'format=protobuf', 'frames=on', 'batch_bytes=131072'],
	['lakehouse protobuf, one a message', 'lakehouse', 'format=protobuf'],
	['lakehouse wal2json-v2, frames', 'lakehouse', 'format=wal2json-v2', 'frames=on', 'batch_bytes=131072'],
	['lakehouse wal2json-v2', 'lakehouse', 'format=wal2json-v2'],
	['lakehouse wal2json-v1', 'lakehouse', 'format=wal2json-v1'],
);
@variants = grep { $_->[0] =~ /$only/ || $_->[0] eq 'pgoutput binary' } @variants if $only;
@variants = grep { $_->[1] eq 'lakehouse' or -e "$ENV{LIBDIR}/$_->[1].so" or do { print "left out: $_->[0] (no $_->[1].so)\n"; 0 } } @variants;

sub sql
{
	my $text = shift;
	open my $p, '-|', "$bin/psql", '-XAtq', '-v', 'ON_ERROR_STOP=1', '-c', $text or die "psql: $!\n";
	local $/;
	my $out = <$p> // '';
	close $p or die "psql failed\n";
	chomp $out;
	return $out;
}

sub median { my @s = sort { $a <=> $b } @_; return $s[ $#s / 2 ] }

# CPU seconds of the walsender and bytes received while a slot is read to $end.
sub run_one
{
	my ($slot, $end, @options) = @_;
	my $file = "/dev/shm/lakehouse-cdc-bench.$$";
	my $pid = fork // die "fork: $!\n";
	if (!$pid)
	{
		exec "$bin/pg_recvlogical", '-d', $ENV{PGDATABASE}, '-S', $slot, '--start', "--endpos=$end", '-f', $file, '--no-loop', '-F', '0', '-s', '5',
		  map { ('-o', $_) } @options or die "pg_recvlogical: $!\n";
	}
	my ($sender, $cpu) = (undef, 0);
	while (waitpid($pid, 1) == 0)
	{
		if (!$sender)
		{
			for my $proc (glob '/proc/[0-9]*')
			{
				open my $f, '<', "$proc/cmdline" or next;
				my $line = <$f> // '';
				$sender = $proc if $line =~ /^postgres: walsender .*START_REPLICATION/;
			}
		}
		elsif (open my $f, '<', "$sender/schedstat")
		{
			my ($ns) = split ' ', <$f> // '';
			$cpu = $ns if $ns;
		}
		usleep(2000);
	}
	die "pg_recvlogical of slot $slot failed\n" if $?;
	my $bytes = -s $file;
	unlink $file;
	return ($cpu / 1e9, $bytes);
}

sql(<<'SQL');
CREATE EXTENSION lakehouse;
CREATE TABLE t (id bigint PRIMARY KEY, i4 int, f8 float8, n numeric(12,2), s text, ts timestamptz, b bool, u uuid, j jsonb, d date);
CREATE PUBLICATION p FOR TABLE t;
CREATE PUBLICATION none;
SQL
my %row = (
	i4 => 'i * 7 % 1000003', f8 => 'i / 7.0', n => 'i * 1.37', s => "'customer number ' || i || ' of a longish name'",
	ts => "timestamptz '2026-01-01 00:00:00+00' + i * interval '1.234567 s'", b => 'i % 3 = 0', u => 'md5(i::text)::uuid',
	j => "jsonb_build_object('k', i, 'tags', jsonb_build_array('a', 'b'), 'ok', true)", d => "date '2026-01-01' + i % 1000");
my $columns = join ', ', map { "$row{$_} AS $_" } qw(i4 f8 n s ts b u j d);
my $small = int($rows / 6);
my @loads = (
	['inserts', $rows, "DO \$\$ BEGIN FOR k IN 0 .. @{[ int($rows / 1000) - 1 ]} LOOP INSERT INTO t SELECT i, $columns FROM generate_series(k * 1000 + 1, k * 1000 + 1000) i; COMMIT; END LOOP; END \$\$"],
	['updates', $rows, "DO \$\$ BEGIN FOR k IN 0 .. @{[ int($rows / 1000) - 1 ]} LOOP UPDATE t SET i4 = i4 + 1, n = n + 1, s = s || '.' WHERE id BETWEEN k * 1000 + 1 AND k * 1000 + 1000; COMMIT; END LOOP; END \$\$"],
	['one-row transactions', $small, "DO \$\$ BEGIN FOR k IN 1 .. $small LOOP UPDATE t SET i4 = i4 + 1 WHERE id = k; COMMIT; END LOOP; END \$\$"],
);

for my $load (@loads)
{
	my ($name, $n, $statement) = @$load;
	my $skip = $load_only && $name !~ /$load_only/;
	if (!$skip)
	{
		for my $v (0 .. $#variants)
		{
			sql("SELECT pg_create_logical_replication_slot('s${v}_$_', '$variants[$v][1]')") for 1 .. $runs;
		}
	}
	sql($statement);
	next if $skip;
	sql("SELECT pg_logical_emit_message(true, 'end', 'end')");
	my $end = sql('SELECT pg_current_wal_lsn()');
	sql('SELECT pg_switch_wal()');
	sql('CHECKPOINT');
	my (%cpu, %bytes);
	for my $run (1 .. $runs)
	{
		for my $v (0 .. $#variants)
		{
			my ($cpu, $bytes) = run_one("s${v}_$run", $end, @{ $variants[$v] }[ 2 .. $#{ $variants[$v] } ]);
			push @{ $cpu{$v} }, $cpu;
			$bytes{$v} = $bytes;
			sql("SELECT pg_drop_replication_slot('s${v}_$run')");
		}
	}
	my ($peer) = grep { $variants[$_][0] eq 'pgoutput binary' } 0 .. $#variants;
	printf "\n%s: %d rows\n%-34s %9s %9s %9s %12s %9s %8s\n", $name, $n, 'plugin', 'CPU s', 'least', 'most', 'rows/s/core', 'MB', 'x binary';
	for my $v (0 .. $#variants)
	{
		my @c = sort { $a <=> $b } @{ $cpu{$v} };
		my $m = median(@c);
		printf "%-34s %9.3f %9.3f %9.3f %12.0f %9.1f %8.2f\n", $variants[$v][0], $m, $c[0], $c[-1], $n / $m, $bytes{$v} / 1e6, median(@{ $cpu{$peer} }) / $m;
	}
}

# ---- rows that a table has already: what cdc_row adds to reading it

my @reads = (
	['COPY text', 'COPY t TO STDOUT', ''],
	['COPY binary', 'COPY t TO STDOUT', 'BINARY'],
	map { [ "cdc_row $_", "COPY (SELECT lakehouse.cdc_row(x.*, '{format,$_}') FROM ONLY t AS x) TO STDOUT", 'BINARY' ] } qw(json debezium-json wal2json-v2 protobuf));

# CPU seconds of the backend for a statement, and bytes received.
sub read_one
{
	my ($copy, $format) = @_;
	my $file = "/dev/shm/lakehouse-cdc-bench.$$";
	my $clock = 'SELECT split_part(pg_read_file(\'/proc/self/schedstat\'), \' \', 1)';
	$copy =~ s/ TO STDOUT$/ TO '$file' $format/;
	$copy =~ s/^COPY /\\copy /;
	open my $p, '-|', "$bin/psql", '-XAtq', '-v', 'ON_ERROR_STOP=1', '-c', 'SELECT count(*) FROM t', '-c', $clock, '-c', $copy, '-c', $clock or die "psql: $!\n";
	my (undef, $before, $after) = <$p>;
	close $p or die "psql failed\n";
	my $bytes = -s $file;
	unlink $file;
	return (($after - $before) / 1e9, $bytes);
}

if (!$load_only || 'snapshot' =~ /$load_only/)
{
	my (%cpu, %bytes);
	# the loads before left dead rows
	sql("TRUNCATE t");
	sql("INSERT INTO t SELECT i, $columns FROM generate_series(1, $rows) i");
	sql('VACUUM ANALYZE t');
	for my $run (1 .. $runs)
	{
		for my $r (0 .. $#reads)
		{
			my ($cpu, $bytes) = read_one(@{ $reads[$r] }[ 1, 2 ]);
			push @{ $cpu{$r} }, $cpu;
			$bytes{$r} = $bytes;
		}
	}
	printf "\nsnapshot: %d rows\n%-34s %9s %9s %9s %12s %9s %8s\n", $rows, 'statement', 'CPU s', 'least', 'most', 'rows/s/core', 'MB', 'x text';
	for my $r (0 .. $#reads)
	{
		my @c = sort { $a <=> $b } @{ $cpu{$r} };
		my $m = median(@c);
		printf "%-34s %9.3f %9.3f %9.3f %12.0f %9.1f %8.2f\n", $reads[$r][0], $m, $c[0], $c[-1], $rows / $m, $bytes{$r} / 1e6, median(@{ $cpu{0} }) / $m;
	}
}
