# Decoded.pm: lines of test_decoding and of our json, taken apart into the same shape.
#
# An event is { table => "schema.table", op, new => {column => text}, old => {...},
# unchanged => {column => 1} }; a NULL is undef.  Values are the text that stands
# in the line, so that digits compare as digits.
package Decoded;

use strict;
use warnings;

use Exporter 'import';
our @EXPORT_OK = qw(oracle_event json_event unescape);

# COPY's text format.
my %escape = (n => "\n", t => "\t", r => "\r", b => "\b", f => "\f", v => "\x0b", '\\' => '\\');
sub unescape { my $s = shift; $s =~ s/\\(.)/exists $escape{$1} ? $escape{$1} : $1/ge; return $s }

sub ident
{
	my $r = shift;
	if ($$r =~ /\G"((?:[^"]|"")*)"/gc) { my $s = $1; $s =~ s/""/"/g; return $s }
	return $1 if $$r =~ /\G([^\s".:,\[]+)/gc;
	die 'no identifier at ' . substr($$r, pos($$r) // 0, 60) . "\n";
}

# "name[type]:value name[type]:value"
sub columns
{
	my $r = shift;
	my (%values, %unchanged);
	while ($$r =~ /\G\s*(?=\S)/gc)
	{
		last if $$r =~ /\G(?:new-tuple|old-key):/;
		my $name = ident($r);
		$$r =~ /\G\[/gc or die "no type of $name\n";
		my $depth = 1;
		while ($depth)
		{
			if ($$r =~ /\G(?:[^\[\]"]|"(?:[^"]|"")*")+/gc) { next }
			elsif ($$r =~ /\G\[/gc) { $depth++ }
			elsif ($$r =~ /\G\]/gc) { $depth-- }
			else { die "type of $name has no end\n" }
		}
		$$r =~ /\G:/gc or die "no value of $name\n";
		if ($$r =~ /\GB?'((?:[^']|'')*)'/gc) { my $v = $1; $v =~ s/''/'/g; $values{$name} = $v }
		elsif ($$r =~ /\Gunchanged-toast-datum/gc) { $unchanged{$name} = 1 }
		elsif ($$r =~ /\Gnull(?=\s|$)/gc) { $values{$name} = undef }
		elsif ($$r =~ /\G(\S+)/gc) { $values{$name} = $1 }
		else { die "no value of $name\n" }
	}
	return (\%values, \%unchanged);
}

# Events of one line of test_decoding: none for BEGIN, COMMIT; several for a TRUNCATE of several tables.
sub oracle_event
{
	my $line = shift;
	if ($line =~ /^message: transactional: (\d) prefix: (.*?), sz: \d+ content:(.*)$/s)
	{
		return ({ table => '', op => 'message', new => { prefix => $2, content => $3, transactional => $1 ? 'true' : 'false' }, unchanged => {} });
	}
	return () unless $line =~ /^table /gc;
	my $r = \$line;
	my @tables;
	do {
		my $schema = ident($r);
		$$r =~ /\G\./gc or die "no schema in $line\n";
		push @tables, "$schema." . ident($r);
	} while ($$r =~ /\G, /gc);
	$$r =~ /\G: (INSERT|UPDATE|DELETE|TRUNCATE):/gc or die "no operation in $line\n";
	my $op = lc $1;
	return map { { table => $_, op => $op, unchanged => {} } } @tables if $op eq 'truncate';
	my %event = (table => $tables[0], op => $op, unchanged => {});
	return (\%event) if $$r =~ /\G \(no-tuple-data\)/gc;
	if ($op eq 'delete') { ($event{old}) = columns($r); return (\%event) }
	if ($$r =~ /\G old-key:/gc)
	{
		($event{old}) = columns($r);
		$$r =~ /\Gnew-tuple:/gc or die "no new tuple in $line\n";
	}
	@event{qw(new unchanged)} = columns($r);
	return (\%event);
}

my %char = (n => "\n", t => "\t", r => "\r", b => "\b", f => "\f", '"' => '"', '\\' => '\\', '/' => '/');

# JSON with numbers left as they are written; objects are hashes, arrays arrays.
sub value
{
	my $r = shift;
	$$r =~ /\G\s+/gc;
	if ($$r =~ /\G\{/gc)
	{
		my %h;
		$$r =~ /\G\s+/gc;
		return \%h if $$r =~ /\G\}/gc;
		do {
			my $k = value($r);
			$$r =~ /\G\s*:/gc or die "no colon\n";
			die "key \"$k\" comes twice\n" if exists $h{$k};
			$h{$k} = value($r);
			$$r =~ /\G\s+/gc;
		} while ($$r =~ /\G,/gc);
		$$r =~ /\G\}/gc or die "an object has no end\n";
		return \%h;
	}
	if ($$r =~ /\G\[/gc)
	{
		my @a;
		return \@a if $$r =~ /\G\s*\]/gc;
		do { push @a, value($r); $$r =~ /\G\s+/gc } while ($$r =~ /\G,/gc);
		$$r =~ /\G\]/gc or die "an array has no end\n";
		return \@a;
	}
	if ($$r =~ /\G"((?:[^"\\\x00-\x1f]|\\.)*)"/gcs)
	{
		my $s = $1;
		$s =~ s/\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})/chr(0x10000 + ((hex($1) & 0x3ff) << 10) + (hex($2) & 0x3ff))/gei;
		$s =~ s/\\(?:u([0-9a-fA-F]{4})|(.))/defined $1 ? chr(hex $1) : $char{$2} \/\/ die "escape $2\n"/ge;
		return $s;
	}
	return undef if $$r =~ /\Gnull/gc;
	return $1 if $$r =~ /\G(true|false|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)/gc;
	die 'no JSON at ' . substr($$r, pos($$r) // 0, 60) . "\n";
}

sub json_event
{
	my $line = shift;
	pos($line) = 0;
	my $j = value(\$line);
	$line =~ /\G\s*$/gc or die "something follows the object\n";
	return () unless $j->{op} =~ /^(?:insert|update|delete|truncate|message)$/;
	return ({ table => '', op => 'message', new => { map { $_ => $j->{$_} } qw(prefix content transactional) }, unchanged => {} })
	  if $j->{op} eq 'message';
	my %event = (table => "$j->{schema}.$j->{table}", op => $j->{op}, unchanged => { map { $_ => 1 } @{ $j->{unchanged} // [] } });
	$event{new} = $j->{new} if $j->{new};
	$event{old} = $j->{old} // $j->{key} if $j->{old} || $j->{op} eq 'delete';
	return (\%event);
}

1;
