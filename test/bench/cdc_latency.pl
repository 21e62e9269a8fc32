#!/usr/bin/perl
# cdc_latency.pl: the run of test/bench/cdc_latency, beside its server.
use strict;
use warnings;

use FindBin;
use Getopt::Long;
use IO::Select;
use Time::HiRes 'time';
use Time::Local 'timegm';

my ($rate, $seconds, $warmup, $flags, $fsync) = (5000, 60, 5, '--flush-ms 0', 0);
GetOptions('rate=i' => \$rate, 'seconds=i' => \$seconds, 'warmup=i' => \$warmup, 'client=s' => \$flags, 'fsync' => \$fsync)
  or die "see test/bench/cdc_latency\n";
my $bin = $ENV{BINDIR};
my ($major) = `$bin/postgres -V` =~ /(\d+)\./;
my $client = "$FindBin::RealBin/../../build/pg$major/lakehouse_cdc";
my $script = "/dev/shm/lakehouse-cdc-latency.$$";
$| = 1;

sub sql
{
	open my $p, '-|', "$bin/psql", '-XAtq', '-v', 'ON_ERROR_STOP=1', '-c', $_[0] or die "psql: $!\n";
	local $/;
	my $out = <$p> // '';
	close $p or die "psql failed\n";
	chomp $out;
	return $out;
}
sub load { open my $f, '<', '/proc/loadavg' or return '?'; return (split ' ', <$f>)[0] }

# "2026-11-30T06:20:57.123456Z" as seconds; most share their second with the one before.
my ($last_text, $last_epoch) = ('', 0);
sub epoch
{
	my ($text, $us) = @_;
	if ($text ne $last_text)
	{
		my ($y, $mo, $d, $h, $mi, $s) = $text =~ /(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)/ or die "not a time: $text\n";
		($last_text, $last_epoch) = ($text, timegm($s, $mi, $h, $d, $mo - 1, $y));
	}
	return $last_epoch + ($us eq '' ? 0 : "0.$us");
}

sql('CREATE EXTENSION lakehouse');
sql('CREATE TABLE l (id bigserial PRIMARY KEY, at timestamptz)');
sql(q{SELECT pg_create_logical_replication_slot('latency', 'lakehouse')});
my $from = open(my $stream, '-|', $client, 'stream', '--source', "dbname=$ENV{PGDATABASE}", '--slot', 'latency', '--allow-gap', '--sink', 'stdout:', split(' ', $flags))
  // die "$client: $!\n";
open my $f, '>', $script or die "$script: $!\n";
print $f "INSERT INTO l (at) VALUES (clock_timestamp());\n";
close $f;
my $load = load();
my $started = time;
my $bench = open(my $pgbench, '-|', "$bin/pgbench", '-n', '-f', $script, '-M', 'prepared', '-c', 8, '-j', 1, '-R', $rate, '-T', $warmup + $seconds) // die "pgbench: $!\n";

my $select = IO::Select->new($stream, $pgbench);
my ($rest, $report, $skipped, $ends) = ('', '', 0, undef);
my (@row, @commit);
while (!defined $ends || time < $ends)
{
	for my $h ($select->can_read(0.5))
	{
		my $n = sysread($h, my $bytes, 1 << 20);
		my $now = time;
		if ($h == $pgbench)
		{
			$report .= $bytes if $n;
			next if $n;
			# what is under way comes within seconds, or the client is far behind
			$select->remove($pgbench);
			$ends = $now + 3;
			next;
		}
		die "the client ended\n" unless $n;
		$ends = $now + 3 if defined $ends;
		$rest .= $bytes;
		my $end = rindex($rest, "\n");
		next if $end < 0;
		for my $line (split /\n/, substr($rest, 0, $end + 1, ''))
		{
			my ($ts, $tus, $at, $aus) = $line =~ /"ts":"([^".]*)\.?(\d*)Z".*"at":"([^".]*)\.?(\d*)Z"/ or next;
			my ($c, $r) = (epoch($ts, $tus), epoch($at, $aus));
			if ($r < $started + $warmup) { $skipped++; next }
			push @row, $now - $r;
			push @commit, $now - $c;
		}
	}
}
close $pgbench;
kill 'TERM', $from;
close $stream;
unlink $script;

my $in = sql('SELECT count(*) FROM l');
printf "%s\n", join '; ', grep { /tps|latency average|skipped|schedule lag/ } split /\n/, $report;
printf "rows %d, measured %d after %d of warming up, %.0f a second; load %s before, %s after; fsync %s; client %s\n", $in, scalar(@row), $skipped,
  @row / $seconds, $load, load(), $fsync ? 'on' : 'off', $flags;
die "rows are missing\n" if $in != @row + $skipped;
printf "%-28s %8s %8s %8s %8s %8s ms\n", '', 'p50', 'p90', 'p99', 'p99.9', 'most';
for (['from the row', \@row], ['from the commit', \@commit])
{
	my ($name, $values) = @$_;
	my @s = sort { $a <=> $b } @$values;
	printf "%-28s %8.2f %8.2f %8.2f %8.2f %8.2f\n", $name, map { 1000 * $s[ int($#s * $_) ] } 0.5, 0.9, 0.99, 0.999, 1;
}
