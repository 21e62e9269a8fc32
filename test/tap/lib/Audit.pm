# Audit.pm
#		What the audit has written, read from the files of its log.
package Audit;

use strict;
use warnings;
use Exporter 'import';
use JSON::PP;
use Test::More;
use Lake;

our @EXPORT = qw(log_records log_fresh log_new log_seen);

# Records of a log's directory that log_fresh has given out, by directory.
my %seen;

# All records of a log's directory, in their order; not a line that is not whole yet.
sub log_records
{
	my ($log) = @_;
	my @all;
	foreach my $file (sort glob "$log/*.jsonl")
	{
		open(my $f, '<', $file) or die "$file: $!";
		push @all, map { decode_json($_) } grep { /\n\z/ } <$f>;
	}
	return @all;
}

# What is there now, or the first so many, is not fresh.
sub log_seen
{
	my ($log, $n) = @_;
	$seen{$log} = $n // scalar(log_records($log));
	return;
}

# What is there and was not given out.
sub log_new
{
	my ($log) = @_;
	my @all = log_records($log);
	return splice(@all, $seen{$log} // 0);
}

# A test: those that came since the last time, as soon as $enough says so of them.
sub log_fresh
{
	my ($log, $what, $enough) = @_;
	my $from = $seen{$log} // 0;
	my @all;
	my $there = wait_until(60, sub { @all = log_records($log); @all > $from && $enough->(@all[$from .. $#all]) });
	my @new = @all[$from .. $#all];
	ok($there, $what) or diag(explain([ map { [ @$_{qw(kind command result object)} ] } @new ]));
	$seen{$log} = @all;
	return @new;
}

1;
