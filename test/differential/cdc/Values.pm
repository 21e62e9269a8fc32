# Values.pm: types for random columns, and random literals of each.
#
# A type has: name (as in SQL), make (a literal, quoted), array (whether columns
# of arrays of it are made), key (whether it serves in a key), big (its values may
# be stored out of line).
package Values;

use strict;
use warnings;

use Exporter 'import';
our @EXPORT_OK = qw(random_type random_literal pick chance between quote_literal quote_ident);

sub pick { return $_[ int(rand(@_)) ] }
sub chance { return rand() < $_[0] }
sub between { return $_[0] + int(rand($_[1] - $_[0] + 1)) }

sub quote_literal
{
	my $s = shift;
	$s =~ s/'/''/g;
	return $s =~ s/\\/\\\\/g ? "E'$s'" : "'$s'";
}

sub quote_ident
{
	my $s = shift;
	$s =~ s/"/""/g;
	return "\"$s\"";
}

my @words = ('', 'a', 'Zürich', '"quoted"', "it's", 'back\\slash', "tab\there", "line\nbreak", "\x01\x1f", '日本語', '😀',
	'null', 'NULL', '{}', '[1]', 'é' x 20, '/', "\x7f", "\r", '%s', '&<>', "\x{2028}", 'x' x 300);

sub text
{
	my $s = join '', map { pick(@words) } 1 .. between(1, 3);
	utf8::decode($s) unless utf8::is_utf8($s);
	return $s;
}

# Text that does not compress and so goes out of line.
sub big_text { return join '', map { chr(between(33, 126)) } 1 .. between(9000, 12000) }

sub number
{
	my ($whole, $scale) = @_;
	my $s = join '', map { int(rand(10)) } 1 .. between(1, $whole);
	$s =~ s/^0+(?=\d)//;
	$s .= '.' . join('', map { int(rand(10)) } 1 .. between(1, $scale)) if $scale && chance(0.7);
	return (chance(0.4) ? '-' : '') . $s;
}

sub date
{
	return pick('infinity', '-infinity', '0044-03-15 BC', '4713-01-01 BC', '12026-11-29', '1999-12-31', '2000-01-01', '1970-01-01',
		'0001-01-01')
	  if chance(0.2);
	return sprintf('%04d-%02d-%02d', between(1, 9999), between(1, 12), between(1, 28));
}

sub clock
{
	my $s = sprintf('%02d:%02d:%02d', between(0, 23), between(0, 59), between(0, 59));
	$s .= '.' . between(0, 999999) if chance(0.5);
	return $s;
}

sub stamp
{
	my $d = date();
	return $d if $d =~ /infinity/;
	return $d =~ s/ BC$// ? "$d " . clock() . ' BC' : "$d " . clock();
}

sub json
{
	my $depth = shift // 0;
	return pick('null', 'true', '1', '-0.50', '1e10', '"a\"b"', '"\u00e9"', '"\\\\"', '[]', '{}') if $depth > 2 || chance(0.3);
	return '[' . join(', ', map { json($depth + 1) } 1 .. between(0, 3)) . ']' if chance(0.5);
	return '{' . join(',', map { "\"k$_\": " . json($depth + 1) } 1 .. between(0, 3)) . '}';
}

sub float
{
	return pick('NaN', 'Infinity', '-Infinity', '-0', '0', '1e300', '5e-324', '1e20', '1e15', '1e16', '123456789012345680', '0.1')
	  if chance(0.3);
	return number(8, 6) * 10**between(-20, 20);
}

sub interval
{
	return sprintf('%d years %d mons %d days %s%02d:%02d:%02d.%d', between(-5, 5), between(-11, 11), between(-40, 40),
		pick('', '-'), between(0, 99), between(0, 59), between(0, 59), between(0, 999999));
}

our @types = (
	{ name => 'boolean', make => sub { pick('t', 'f') }, array => 1 },
	{ name => 'smallint', make => sub { pick(-32768, 32767, 0, between(-999, 999)) }, array => 1, key => 1 },
	{ name => 'integer', make => sub { pick(-2147483648, 2147483647, between(-99999, 99999)) }, array => 1, key => 1 },
	{ name => 'bigint', make => sub { pick('-9223372036854775808', '9223372036854775807', between(-1e12, 1e12)) }, array => 1, key => 1 },
	{ name => 'numeric', make => sub { chance(0.15) ? pick('NaN', 'Infinity', '-Infinity', '0', '0.000', '1e100', '1e-100', '10000', '0.0001') : number(25, 12) },
		array => 1 },
	{ name => 'numeric(12,2)', make => sub { chance(0.05) ? 'NaN' : number(9, 2) }, array => 1 },
	{ name => 'real', make => sub { pick('NaN', 'Infinity', '1e20', '0.1', '1e-40', number(6, 4)) }, array => 1 },
	{ name => 'double precision', make => \&float, array => 1 },
	{ name => 'text', make => sub { chance(0.04) ? big_text() : text() }, array => 1, key => 1, big => 1 },
	{ name => 'character varying(40)', make => sub { substr(text(), 0, 40) }, array => 1, key => 1 },
	{ name => 'character(7)', make => sub { substr(text(), 0, 7) }, array => 1 },
	{ name => 'name', make => sub { 'n' . between(1, 999) } },
	{ name => '"char"', make => sub { pick('a', 'Z', '"', '\\') } },
	{ name => 'bytea', make => sub { '\\x' . join '', map { sprintf '%02x', between(0, 255) } 1 .. pick(0, 1, 5, chance(0.1) ? 9000 : 20) }, array => 1, big => 1 },
	{ name => 'date', make => \&date, array => 1, key => 1 },
	{ name => 'time without time zone', make => sub { chance(0.1) ? '24:00:00' : clock() }, array => 1 },
	{ name => 'time(2) without time zone', make => \&clock },
	{ name => 'time with time zone', make => sub { clock() . pick('+00', '-08', '+05:30', '+14:00', '-11:59:59') } },
	{ name => 'timestamp without time zone', make => \&stamp, array => 1, key => 1 },
	{ name => 'timestamp with time zone', make => sub { my $s = stamp(); $s =~ /infinity|BC/ ? $s : "$s+00" }, array => 1, key => 1 },
	{ name => 'timestamp(3) without time zone', make => \&stamp },
	{ name => 'interval', make => \&interval, array => 1 },
	{ name => 'uuid', make => sub { join '-', map { my $n = $_; join '', map { sprintf '%x', between(0, 15) } 1 .. $n } 8, 4, 4, 4, 12 }, array => 1, key => 1 },
	{ name => 'json', make => sub { my $j = json(); $j =~ s/,/,\n /g if chance(0.3); $j } },
	{ name => 'jsonb', make => \&json, array => 1 },
	{ name => 'inet', make => sub { join('.', map { between(0, 255) } 1 .. 4) . pick('', '/24') }, array => 1, host => 1 },
	{ name => 'macaddr', make => sub { join ':', map { sprintf '%02x', between(0, 255) } 1 .. 6 } },
	{ name => 'bit(5)', make => sub { join '', map { int(rand(2)) } 1 .. 5 } },
	{ name => 'bit varying', make => sub { join '', map { int(rand(2)) } 1 .. between(1, 40) } },
	{ name => 'money', make => sub { number(7, 2) } },
	{ name => 'int4range', make => sub { my $a = between(-9, 9); "[$a," . ($a + between(0, 9)) . ')' } },
	{ name => 'tstzrange', make => sub { '[2026-01-01 00:00:00+00,)' } },
	{ name => 'point', make => sub { '(' . number(3, 2) . ',' . number(3, 2) . ')' } },
	{ name => 'tsvector', make => sub { "'a':1 'b c':2" } },
	{ name => 'oid', make => sub { pick(0, 4294967295, between(1, 99999)) } },
	{ name => 'xml', make => sub { '<a b="1">x</a>' } },
	{ name => 'pg_lsn', make => sub { sprintf '%X/%X', between(0, 255), between(0, 1e9) } },
	# made by the prelude of each schema
	{ name => 'mood', make => sub { pick('sad', 'so "so"', "o'k", 'happy') }, own => 1, array => 1 },
	{ name => 'pair', make => sub { '(' . between(1, 9) . ',"x y")' }, own => 1 },
	{ name => 'positive', make => sub { between(1, 1000) }, own => 1 },
	{ name => 'positive2', make => sub { between(1, 1000) }, own => 1 },
	{ name => 'label', make => sub { 'l' . between(1, 99) }, own => 1 },
);

# A type for a column of the schema: a copy with "sql", and with "dims" for arrays.
sub random_type
{
	my ($schema, %want) = @_;
	my @from = grep { !$want{key} || $_->{key} } @types;
	my %type = %{ pick(@from) };
	$type{sql} = $type{own} ? "$schema.$type{name}" : $type{name};
	if (!$want{key} && $type{array} && chance(0.2))
	{
		$type{dims} = pick(1, 1, 1, 2);
		$type{sql} .= '[]';
	}
	return \%type;
}

sub array_item
{
	my $s = shift;
	$s =~ s/(["\\])/\\$1/g;
	return "\"$s\"";
}

# "{...}" of values of the type: sometimes with NULLs, bounds of their own, none at all.
sub array_text
{
	my ($type) = @_;
	return '{}' if chance(0.1);
	my $one = sub { chance(0.15) ? 'NULL' : array_item($type->{make}->()) };
	my $n = between(1, 4);
	return ($n == 1 && chance(0.3) ? '[0:0]=' : chance(0.1) ? "[5:${\($n + 4)}]=" : '') . '{' . join(',', map { $one->() } 1 .. $n) . '}'
	  if $type->{dims} == 1;
	my $m = between(1, 3);
	return '{' . join(',', map { '{' . join(',', map { $one->() } 1 .. $m) . '}' } 1 .. $n) . '}';
}

# An SQL literal with its cast; NULL now and then when that is allowed.
sub random_literal
{
	my ($type, %o) = @_;
	return 'NULL' if $o{nullable} && chance(0.15);
	my $text = $type->{dims} ? array_text($type) : $type->{make}->();
	return quote_literal($text) . '::' . $type->{sql};
}

1;
