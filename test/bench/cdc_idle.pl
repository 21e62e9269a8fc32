#!/usr/bin/perl
# cdc_idle.pl: the run of test/bench/cdc_idle, beside its server.
use strict;
use warnings;

use FindBin;
use Getopt::Long;
use IPC::Open2;
use Time::HiRes qw(time sleep);

my ($seconds, $rate, $flags, $extension) = (600, 25, '', 1);
GetOptions('seconds=i' => \$seconds, 'rate=f' => \$rate, 'client=s' => \$flags, 'extension!' => \$extension) or die "see test/bench/cdc_idle\n";
my $bin = $ENV{BINDIR};
my ($major) = `$bin/postgres -V` =~ /(\d+)\./;
my $client = "$FindBin::RealBin/../../build/pg$major/lakehouse_cdc";
my $dir = "/dev/shm/lakehouse-cdc-idle.$$";
$| = 1;
$SIG{PIPE} = 'IGNORE';

# A session that lives through several queries of one line each.
sub session
{
	my $db = shift;
	my $pid = open2(my $out, my $in, "$bin/psql", '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $db);
	return sub { print $in "$_[0];\n"; $in->flush; my $line = <$out> // die "psql ended\n"; chomp $line; return $line };
}

my $lake = session($ENV{PGDATABASE});
$lake->('CREATE EXTENSION lakehouse; SELECT 1') if $extension;
$lake->('CREATE DATABASE busy'.";\nSELECT 1");
my $busy = session('busy');
$busy->(q{CREATE TABLE w (id bigserial PRIMARY KEY, v text); CREATE TABLE filler AS SELECT string_agg(md5(i::text), '') AS v FROM generate_series(1, 31000) i; SELECT 1});

my $pid = fork // die "fork: $!\n";
if (!$pid)
{
	mkdir $dir;
	open STDERR, '>', "$dir/log";
	exec $client, 'stream', '--source', "dbname=$ENV{PGDATABASE}", '--slot', 'idle', '--create', '--sink', "file:$dir/sink", split(' ', $flags)
	  or die "$client: $!\n";
}
for (1 .. 100)
{
	last if $lake->(q{SELECT count(*) FROM pg_replication_slots WHERE active}) > 0;
	sleep 0.1;
	die "the client does not stream\n" if $_ == 100;
}

sub load { open my $f, '<', '/proc/loadavg' or return '?'; return (split ' ', <$f>)[0] }

my $started = time;
my $begin = $lake->('SELECT pg_current_wal_lsn()');
my ($written, $next_sample, $next_line) = (0, $started, $started);
my (@distance, @confirm);
print "seconds  MB written  restart_lsn MB behind (most so far)  confirmed MB behind  load\n";
while ((my $now = time) < $started + $seconds)
{
	if ($written < ($now - $started) * $rate)
	{
		$written += $busy->(q{WITH i AS (INSERT INTO w (v) VALUES ('x') RETURNING id) SELECT length(v) / 1e6 FROM (SELECT v, pg_logical_emit_message(true, 'load', v) FROM filler OFFSET 0) f, i});
	}
	else
	{
		sleep 0.005;
	}
	if ($now >= $next_sample)
	{
		my ($restart, $confirmed) = split /\|/,
		  $lake->(q{SELECT pg_current_wal_lsn() - restart_lsn, pg_current_wal_lsn() - confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = 'idle'});
		push @distance, $restart / 1048576;
		push @confirm, $confirmed / 1048576;
		$next_sample += 0.5;
		if ($now >= $next_line)
		{
			my ($most) = sort { $b <=> $a } @distance;
			printf "%7.0f  %10.0f  %6.1f (%.1f)  %6.1f  %s\n", $now - $started, $written, $distance[-1], $most, $confirm[-1], load();
			$next_line += 30;
		}
	}
}
my $wal = $lake->("SELECT round((pg_current_wal_lsn() - '$begin') / 1048576)");
my $took = time - $started;
my @sorted = sort { $a <=> $b } @distance;
printf "%d samples in %.0f s, %.0f MB of log, %.1f MB/s\n", scalar(@sorted), $took, $wal, $wal / $took;
printf "restart_lsn MB behind: median %.1f, p99 %.1f, most %.1f\n", $sorted[ $#sorted / 2 ], $sorted[ int($#sorted * 0.99) ], $sorted[-1];
kill 'TERM', $pid;
waitpid $pid, 0;
printf "client: exit %d\n", $? >> 8;
open my $log, '<', "$dir/log";
print "  $_" while <$log>;
system 'rm', '-rf', $dir;
