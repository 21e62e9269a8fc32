# Audit.pm
#		What the audit has written, read from the files of its log.
package Audit;

use strict;
use warnings;
use Exporter 'import';
use JSON::PP;

our @EXPORT = qw(log_records);

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

1;
