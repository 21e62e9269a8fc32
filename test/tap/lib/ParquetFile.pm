# ParquetFile.pm
#		Small Parquet files for the TAP tests, written byte by byte.
#
# Tests need files whose rows they choose and change, pages of hundreds of
# megabytes that take no room in the repository, and files that break in the
# middle.  Columns are required, pages PLAIN and of version 1.
#
#	write_parquet($path, [['id', 'int64'], ['v', 'text']], [[[1, 2], ['a', 'b']], ...]);
#
# writes a row group for each item of the last argument, each of which holds the
# values of all columns.  Integers get statistics.
#
#	write_page($path, codec => 'gzip', values => $n, body => $bytes, ...);
#
# writes a file of one int64 column "v" with one page as it is given.
package ParquetFile;

use strict;
use warnings;
use Exporter 'import';

our @EXPORT = qw(write_parquet write_page);

my %TYPE  = (int32 => 1, int64 => 2, text => 6);
my %CODEC = (none => 0, snappy => 1, gzip => 2, brotli => 4, zstd => 6, lz4_raw => 7);

# Thrift's compact protocol: varints, and structs as lists of [id, kind, value].

sub varint
{
	my $n = shift;
	my $out = '';
	while ($n > 0x7f)
	{
		$out .= chr($n & 0x7f | 0x80);
		$n >>= 7;
	}
	return $out . chr($n);
}

sub zigzag { my $n = shift; return varint($n >= 0 ? $n * 2 : -$n * 2 - 1) }

my %KIND = (i32 => 5, i64 => 6, binary => 8, list => 9, struct => 12);

sub value
{
	my ($kind, $value) = @_;
	return zigzag($value) if $kind eq 'i32' || $kind eq 'i64';
	return varint(length $value) . $value if $kind eq 'binary';
	return struct(@$value) if $kind eq 'struct';
	my $element = substr $kind, 5;    # list:...
	my $n = @$value;
	my $code = $KIND{$element};
	return ($n < 15 ? chr($n << 4 | $code) : chr(0xf0 | $code) . varint($n)) .
	  join('', map { value($element, $_) } @$value);
}

sub struct
{
	my ($out, $last) = ('', 0);
	foreach my $field (grep { defined $_->[2] } @_)
	{
		my ($id, $kind, $value) = @$field;
		my ($base) = split /:/, $kind;
		$out .= chr(($id - $last) << 4 | $KIND{$base}) . value($kind, $value);
		$last = $id;
	}
	return "$out\0";
}

sub plain
{
	my ($type, @values) = @_;
	return pack('l<*', @values) if $type eq 'int32';
	return pack('q<*', @values) if $type eq 'int64';
	return join '', map { pack('L<', length) . $_ } @values;
}

sub page_header
{
	my ($values, $compressed, $uncompressed) = @_;
	return struct([1, 'i32', 0], [2, 'i32', $uncompressed], [3, 'i32', $compressed],
		[5, 'struct', [[1, 'i32', $values], [2, 'i32', 0], [3, 'i32', 3], [4, 'i32', 3]]]);
}

sub statistics
{
	my ($type, @values) = @_;
	return undef if $type eq 'text';
	my ($min, $max) = (sort { $a <=> $b } @values)[0, -1];
	return [[3, 'i64', 0], [5, 'binary', plain($type, $max)], [6, 'binary', plain($type, $min)]];
}

sub chunk_meta
{
	my (%c) = @_;
	return [
		[2, 'i64', $c{offset}],
		[3, 'struct',
			[
				[1, 'i32', $TYPE{ $c{type} }], [2, 'list:i32', [0, 3]], [3, 'list:binary', [$c{name}]],
				[4, 'i32', $CODEC{ $c{codec} }], [5, 'i64', $c{values}], [6, 'i64', $c{raw}],
				[7, 'i64', $c{size}], [9, 'i64', $c{offset}], [12, 'struct', $c{statistics}]
			]]];
}

sub footer
{
	my ($columns, $groups) = @_;
	my $rows = 0;
	$rows += $_->{rows} foreach @$groups;
	my @schema = ([[4, 'binary', 'schema'], [5, 'i32', scalar @$columns]],
		map {
			[[1, 'i32', $TYPE{ $_->[1] }], [3, 'i32', 0], [4, 'binary', $_->[0]],
				[6, 'i32', $_->[1] eq 'text' ? 0 : undef]]
		} @$columns);
	my $footer = struct([1, 'i32', 1], [2, 'list:struct', \@schema], [3, 'i64', $rows],
		[4, 'list:struct',
			[ map { [[1, 'list:struct', $_->{chunks}], [2, 'i64', $_->{size}], [3, 'i64', $_->{rows}]] } @$groups ]],
		[6, 'binary', 'lakehouse tests'],
		[7, 'list:struct', [ map { [[1, 'struct', []]] } @$columns ]]);
	return $footer . pack('L<', length $footer) . 'PAR1';
}

sub write_parquet
{
	my ($path, $columns, $row_groups) = @_;
	my ($out, @groups) = ('PAR1');

	foreach my $values (@$row_groups)
	{
		my $start = length $out;
		my @chunks;
		my $rows = @{ $values->[0] };
		for my $i (0 .. $#$columns)
		{
			my ($name, $type) = @{ $columns->[$i] };
			my $body = plain($type, @{ $values->[$i] });
			my $page = page_header($rows, length $body, length $body) . $body;
			push @chunks, chunk_meta(name => $name, type => $type, codec => 'none', values => $rows,
				raw => length $page, size => length $page, offset => length $out,
				statistics => statistics($type, @{ $values->[$i] }));
			$out .= $page;
		}
		push @groups, { rows => $rows, chunks => \@chunks, size => length($out) - $start };
	}
	open(my $f, '>:raw', $path) or die "$path: $!";
	print $f $out, footer($columns, \@groups) or die "$path: $!";
	close($f) or die "$path: $!";
	return;
}

# body: the compressed bytes; hole: so many zero bytes between body and tail,
# which take no room on disk; size: bytes when decompressed.
sub write_page
{
	my ($path, %p) = @_;
	my $hole = $p{hole} // 0;
	my $tail = $p{tail} // '';
	my $compressed = length($p{body}) + $hole + length $tail;
	my $head = page_header($p{values}, $compressed, $p{size});
	my $chunk = chunk_meta(name => 'v', type => 'int64', codec => $p{codec}, values => $p{values},
		raw => length($head) + $p{size}, size => length($head) + $compressed, offset => 4);

	open(my $f, '>:raw', $path) or die "$path: $!";
	print $f 'PAR1', $head, $p{body} or die "$path: $!";
	seek($f, $hole, 1) or die "$path: $!";
	print $f $tail, footer([['v', 'int64']], [{ rows => $p{values}, chunks => [$chunk], size => length($head) + $compressed }])
	  or die "$path: $!";
	close($f) or die "$path: $!";
	return;
}

1;
