# Memory.pm
#		Look for bytes in the memory of a process, as a core dump or whoever may read /proc would.
package Memory;

use strict;
use warnings;
no warnings 'portable';    # addresses have more than 32 bits
use Exporter 'import';

our @EXPORT = qw(mappings find_in readable);

# Each mapping: from, to, name, dumped (false: a core dump leaves it out), shared.
sub mappings
{
	my ($pid) = @_;
	my @all;
	open(my $f, '<', "/proc/$pid/smaps") or return;
	while (my $line = <$f>)
	{
		if (my ($from, $to, $read, $kind, $name) = $line =~ /^([0-9a-f]+)-([0-9a-f]+) (.)..(.) \S+ \S+ \S+\s*(.*)/)
		{
			push @all, { from => hex $from, to => hex $to, read => $read eq 'r', shared => $kind eq 's', name => $name };
		}
		elsif ($line =~ /^VmFlags:(.*)/)
		{
			$all[-1]{dumped} = $1 !~ / dd\b/;
		}
	}
	return @all;
}

sub readable
{
	my ($pid) = @_;
	open(my $f, '<:raw', "/proc/$pid/mem") or return 0;
	my ($map) = grep { $_->{read} } mappings($pid) or return 0;
	sysseek($f, $map->{from}, 0);
	return (sysread($f, my $bytes, 1) // 0) == 1;
}

# Where these bytes are: a hit is the mapping it is in.  Dies when nothing could be read.  AddressSanitizer's shadow,
# terabytes that hold no data, is left out.
sub find_in
{
	my ($pid, @wanted) = @_;
	my ($size, $read, @hits) = (1 << 20, 0);
	my $overlap = 4096;
	open(my $f, '<:raw', "/proc/$pid/mem") or die "/proc/$pid/mem: $!";
	foreach my $map (grep { $_->{read} && $_->{name} !~ /^\[v/ && $_->{to} - $_->{from} < 1 << 36 } mappings($pid))
	{
		for (my $at = $map->{from}; $at < $map->{to}; $at += $size)
		{
			my $n = $map->{to} - $at;
			$n = $size + $overlap if $n > $size + $overlap;
			sysseek($f, $at, 0);
			my $got = sysread($f, my $bytes, $n) // next;
			$read += $got;
			foreach my $what (@wanted)
			{
				for (my $p = index($bytes, $what); $p >= 0 && $p < $size; $p = index($bytes, $what, $p + 1))
				{
					push @hits, $map;
				}
			}
		}
	}
	die "nothing of process $pid can be read" if $read < 1 << 20;
	return @hits;
}

1;
