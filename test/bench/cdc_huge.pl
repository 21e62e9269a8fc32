#!/usr/bin/perl
# cdc_huge.pl: the run of test/bench/cdc_huge, beside its server.
use strict;
use warnings;

use FindBin;
use Getopt::Long;
use File::Path qw(remove_tree);
use POSIX qw(WNOHANG);
use Time::HiRes qw(time sleep);

my ($gb, $value_mb, $formats, $flags) = (5, 1000, 'json,avro,protobuf', '');
GetOptions('gb=f' => \$gb, 'value-mb=i' => \$value_mb, 'formats=s' => \$formats, 'client=s' => \$flags) or die "see test/bench/cdc_huge\n";
my $bin = $ENV{BINDIR};
my ($major) = `$bin/postgres -V` =~ /(\d+)\./;
my $client = "$FindBin::RealBin/../../build/pg$major/lakehouse_cdc";
my $failed = 0;
$| = 1;

sub ask
{
	my ($query) = @_;
	open my $psql, '-|', "$bin/psql", '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $ENV{PGDATABASE}, '-c', $query or die "psql: $!\n";
	local $/;
	my $answer = <$psql> // '';
	close $psql or die "psql failed: $query\n";
	$answer =~ s/\n\z//;
	return $answer;
}

# Memory of a process that is its own, MB.
sub own_mb
{
	my ($pid) = @_;
	open my $f, '<', "/proc/$pid/status" or return 0;
	while (<$f>) { return $1 / 1024 if /^RssAnon:\s+(\d+) kB/ }
	return 0;
}

sub cpu
{
	my ($pid) = @_;
	open my $f, '<', "/proc/$pid/stat" or return 0;
	my @field = split ' ', (<$f> =~ s/^.*\) //r);
	return ($field[11] + $field[12]) / 100;
}

sub most { my $m = 0; for (@_) { $m = $_ if $_ > $m } return $m }

# The client takes all that is there to one sink; what its memory and the walsender's were.
sub take
{
	my ($slot, $format, $sink) = @_;
	my (@server, @mine, $sender, %cpu);
	my $begun = time;
	my $pid = fork // die "fork: $!\n";
	if (!$pid)
	{
		exec $client, 'stream', '--source', "dbname=$ENV{PGDATABASE}", '--slot', $slot, '--format', $format, '--sink', $sink, '--once', '--allow-gap', split(' ', $flags)
		  or die "$client: $!\n";
	}
	while (waitpid($pid, WNOHANG) == 0)
	{
		$sender ||= ask(qq{SELECT coalesce(max(active_pid), 0) FROM pg_replication_slots WHERE slot_name = '$slot'});
		push @server, own_mb($sender) if $sender;
		push @mine, own_mb($pid);
		%cpu = (server => cpu($sender || 0) || $cpu{server}, client => cpu($pid) || $cpu{client});
		sleep 0.2;
	}
	if ($? != 0) { print "FAILED: the client ended with ", $? >> 8, "\n"; $failed++ }
	my $third = sub { my ($last, @v) = @_; my $n = int(@v / 3) || 1; return most($last ? @v[ -$n .. -1 ] : @v[ 0 .. $n - 1 ]) };
	printf "  %-10s walsender %.0f MB in its first third, %.0f in its last, %.0f at most, CPU %.0f s; client %.0f, %.0f, %.0f, CPU %.0f s; %.0f s\n", $format,
	  $third->(0, @server), $third->(1, @server), most(@server), $cpu{server} // 0, $third->(0, @mine), $third->(1, @mine), most(@mine), $cpu{client} // 0, time - $begun;
}

sub check { my ($what, $got, $expected) = @_; return if $got eq $expected; print "FAILED: $what: $got, not $expected\n"; $failed++ }

my @formats = split /,/, $formats;
my $dir = "/var/tmp/lakehouse-cdc-huge.$$";
END { remove_tree($dir) if defined $dir && $$ == ($main::self // 0) }
our $self = $$;
mkdir $dir or die "$dir: $!\n";

ask('CREATE EXTENSION lakehouse; CREATE TABLE t (id int, v text); ALTER TABLE t ALTER v SET STORAGE PLAIN; CREATE PUBLICATION p FOR TABLE t');
ask(q{SELECT lakehouse.cdc_setup()});

if ($gb > 0)
{
	my $rows = int($gb * 1e9 / 3000);
	ask("SELECT pg_create_logical_replication_slot('tx_$_', 'lakehouse')") for @formats;
	ask("INSERT INTO t SELECT g, repeat(chr(97 + g % 26), 2960) FROM generate_series(1, $rows) g");
	printf "a transaction of %.1f GB: %d rows\n", $gb, $rows;
	for my $format (map { s/-/_/gr } @formats)
	{
		take("tx_$format", $format, "file:$dir/$format");
		# positions of the manifest say how many messages a sink holds
		my $lines = 0;
		if ($format eq 'json')
		{
			$lines = `find $dir/$format -type f ! -name "_*" -exec cat {} + | grep -c '"v":'`;
			chomp $lines;
			check("$format: rows", $lines, $rows);
		}
		remove_tree("$dir/$format");
		ask("SELECT pg_drop_replication_slot('tx_$format')");
	}
	ask('TRUNCATE t');
	ask('CHECKPOINT');
}
if ($value_mb > 0)
{
	my $bytes = $value_mb * 1_000_000;
	ask('CREATE TABLE big (id int PRIMARY KEY, v text); ALTER TABLE big ALTER v SET STORAGE EXTERNAL');
	for my $char ('x', '"')
	{
		ask("SELECT pg_create_logical_replication_slot('one_$_', 'lakehouse')") for @formats;
		ask("INSERT INTO big VALUES (" . ord($char) . ", repeat('$char', $bytes))");
		print "one value of $bytes bytes '$char'\n";
		for my $format (@formats)
		{
			take("one_$format", $format, "file:$dir/$format");
			my $size = `cat \$(find $dir/$format -type f ! -name '_*') | tr -cd '$char' | wc -c`;
			chomp $size;
			print "    $size bytes of them in the files\n";
			if ($size < $bytes) { print "FAILED: $format: bytes are missing\n"; $failed++ }
			remove_tree("$dir/$format");
			ask("SELECT pg_drop_replication_slot('one_$format')");
		}
	}
}
print $failed ? "$failed failed\n" : "all is there\n";
exit($failed ? 1 : 0);
