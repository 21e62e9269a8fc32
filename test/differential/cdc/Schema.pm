# Schema.pm: a random schema, statements on its tables, and the functions that
# apply our json to a copy of it.
package Schema;

use strict;
use warnings;

use Values qw(random_type random_literal pick chance between quote_literal quote_ident);

my @names = ('a', 'b', 'Größe', 'with space', 'quo"te', "apo'strophe", 'select', 'UPPER', 'back\\slash', 'x' x 40, 'c', 'd', 'e', 'f', 'g', 'h',
	'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p');
utf8::decode($_) for @names;

sub new
{
	my ($class, $number) = @_;
	my $bare = chance(0.2) ? "S ch$number" : "s$number";
	my $self = bless { bare => $bare, name => quote_ident($bare), tables => [], next => 1 }, $class;
	push @{ $self->{tables} }, $self->random_table($_) for 1 .. between(1, 4);
	return $self;
}

# DDL for the schema in both databases.
sub ddl
{
	my $self = shift;
	my $s = $self->{name};
	return join "\n", "CREATE SCHEMA $s;", "CREATE TYPE $s.mood AS ENUM ('sad', 'so \"so\"', 'o''k', 'happy');",
	  "CREATE TYPE $s.pair AS (x int, y text);", "CREATE DOMAIN $s.positive AS int CHECK (value > 0);",
	  "CREATE DOMAIN $s.positive2 AS $s.positive;", "CREATE DOMAIN $s.label AS varchar(20);", map { $_->{ddl} } @{ $self->{tables} };
}

sub column_ddl
{
	my $c = shift;
	return quote_ident($c->{name}) . " $c->{type}{sql}" . ($c->{not_null} ? ' NOT NULL' : '') . ($c->{default} ? " DEFAULT $c->{default}" : '')
	  . ($c->{generated} ? ' GENERATED ALWAYS AS (1 + 1) STORED' : '');
}

sub random_table
{
	my ($self, $k) = @_;
	my $bare = pick("t$k", "t$k", "T $k", "t\"$k");
	my @free = sort { rand() <=> 0.5 } @names;
	my $nkeys = pick(0, 1, 1, 1, 1, 2, 2);
	my @columns;
	for my $i (1 .. between($nkeys + 1, 12))
	{
		my $key = $i <= $nkeys;
		my $type = $key ? random_type($self->{name}, key => 1) : random_type($self->{name});
		push @columns, { name => shift @free, type => $type, key => $key, not_null => $key || chance(0.1) };
	}
	@columns = sort { rand() <=> 0.5 } @columns if chance(0.5);
	push @columns, { name => 'gen', type => { sql => 'integer' }, generated => 1 } if chance(0.15);
	my $t = { bare => $bare, name => "$self->{name}." . quote_ident($bare), columns => \@columns, nkeys => $nkeys };
	$t->{identity} = $nkeys ? pick('DEFAULT', 'DEFAULT', 'DEFAULT', 'FULL', 'NOTHING') : pick('DEFAULT', 'FULL', 'FULL');
	my $partitioned = $nkeys && chance(0.1);
	my @keys = map { quote_ident($_->{name}) } grep { $_->{key} } @columns;
	my $ddl = "CREATE TABLE $t->{name} (" . join(', ', map { column_ddl($_) } @columns);
	$ddl .= ', PRIMARY KEY (' . join(', ', @keys) . ')' if @keys;
	$ddl .= ')';
	if ($partitioned)
	{
		$ddl .= " PARTITION BY HASH ($keys[0]);";
		$t->{parts} = [ map { "$self->{name}." . quote_ident("$bare p$_") } 0, 1 ];
		for my $i (0, 1)
		{
			$ddl .= "\nCREATE TABLE $t->{parts}[$i] PARTITION OF $t->{name} FOR VALUES WITH (MODULUS 2, REMAINDER $i);";
			$ddl .= "\nALTER TABLE $t->{parts}[$i] REPLICA IDENTITY $t->{identity};" if $t->{identity} ne 'DEFAULT';
		}
	}
	else
	{
		$ddl .= ';';
		$ddl .= "\nALTER TABLE $t->{name} REPLICA IDENTITY $t->{identity};" if $t->{identity} ne 'DEFAULT';
	}
	$t->{ddl} = $ddl;
	# rows that have no name cannot be changed elsewhere
	$t->{keyed} = $t->{identity} eq 'FULL' || ($t->{nkeys} && $t->{identity} eq 'DEFAULT');
	return $t;
}

sub writable { return grep { !$_->{generated} } @{ $_[0]{columns} } }

sub insert
{
	my $t = shift;
	my @c = writable($t);
	my $rows = chance(0.1) ? between(2, 30) : 1;
	return "INSERT INTO $t->{name} (" . join(', ', map { quote_ident($_->{name}) } @c) . ') VALUES '
	  . join(', ', map { '(' . join(', ', map { random_literal($_->{type}, nullable => !$_->{not_null}) } @c) . ')' } 1 .. $rows)
	  . ($t->{nkeys} ? ' ON CONFLICT DO NOTHING' : '') . ';';
}

# Some rows, whichever lie first in one order or another.
sub some_rows
{
	my ($t, $n) = @_;
	return "ctid = ANY (ARRAY(SELECT ctid FROM $t->{name} ORDER BY md5(ctid::text || " . between(1, 1000) . ") LIMIT $n))"
	  unless $t->{parts};
	return "(tableoid, ctid) IN (SELECT tableoid, ctid FROM $t->{name} ORDER BY md5(ctid::text || " . between(1, 1000) . ") LIMIT $n)";
}

sub update
{
	my $t = shift;
	my @c = grep { !$_->{key} || chance(0.1) } writable($t);
	return insert($t) unless @c;
	@c = (sort { rand() <=> 0.5 } @c)[ 0 .. between(0, $#c > 3 ? 3 : $#c) ];
	# a changed key may meet another one: only one row at a time, and never an error that matters
	my $key = grep { $_->{key} } @c;
	return "UPDATE $t->{name} SET " . join(', ', map { quote_ident($_->{name}) . ' = ' . random_literal($_->{type}, nullable => !$_->{not_null}) } @c)
	  . ' WHERE ' . some_rows($t, $key ? 1 : between(1, 4)) . ';';
}

sub delete { my $t = shift; return "DELETE FROM $t->{name} WHERE " . some_rows($t, between(1, 3)) . ';' }

sub statement
{
	my $self = shift;
	my $t = pick(@{ $self->{tables} });
	my $r = rand();
	return insert($t) if $r < 0.5;
	return update($t) if $r < 0.8;
	return $self->delete_from($t) if $r < 0.93;
	return 'TRUNCATE ' . join(', ', map { $_->{name} } chance(0.3) ? @{ $self->{tables} } : $t) . pick('', ' RESTART IDENTITY', ' CASCADE') . ';' if $r < 0.95;
	return 'SELECT pg_logical_emit_message(' . pick('true', 'false') . ', ' . quote_literal(pick('p', 'other', 'a "b"')) . ', '
	  . quote_literal(Values::text()) . ');';
}

sub delete_from { my ($self, $t) = @_; return Schema::delete($t) }

# A transaction as a list of statements.  A statement that fails (a key that is there) undoes itself alone: psql's ON_ERROR_ROLLBACK.
sub transaction
{
	my $self = shift;
	my @s = ('BEGIN;');
	for (1 .. pick(1, 1, 2, 3, 5, 8))
	{
		if (chance(0.1)) { push @s, 'SAVEPOINT s;', $self->statement, pick('ROLLBACK TO s;', 'RELEASE s;') }
		else { push @s, $self->statement }
	}
	push @s, chance(0.08) ? 'ROLLBACK;' : 'COMMIT;';
	return @s;
}

# A change of the schema, in both databases, between batches.
sub evolve
{
	my $self = shift;
	my $t = pick(grep { !$_->{parts} } @{ $self->{tables} }) or return '';
	my $i = $self->{next}++;
	my @plain = grep { !$_->{key} && !$_->{generated} } @{ $t->{columns} };
	my $r = rand();
	if ($r < 0.4)
	{
		my $c = { name => "new $i", type => random_type($self->{name}) };
		push @{ $t->{columns} }, $c;
		return "ALTER TABLE $t->{name} ADD COLUMN " . column_ddl($c) . ';';
	}
	return '' unless @plain > 1;
	my $c = pick(@plain);
	my $was = quote_ident($c->{name});
	if ($r < 0.7)
	{
		$c->{name} = "renamed $i";
		return "ALTER TABLE $t->{name} RENAME COLUMN $was TO " . quote_ident($c->{name}) . ';';
	}
	@{ $t->{columns} } = grep { $_ != $c } @{ $t->{columns} };
	return "ALTER TABLE $t->{name} DROP COLUMN $was;";
}

# How a column's value is taken out of json "j".
sub from_json
{
	my ($t, $c, $j) = @_;
	my ($name, $literal) = (quote_ident($c->{name}), quote_literal($c->{name}));
	# hexadecimal digits are written without PostgreSQL's \x
	return "decode($j ->> $literal, 'hex')" if $c->{type}{sql} eq 'bytea';
	return "(json_populate_record(NULL::$t->{name}, CASE json_typeof($j -> $literal) WHEN 'array' THEN json_build_object($literal,"
	  . " regexp_replace(($j -> $literal)::text, '\"([0-9a-f]*)\"', '\"\\\\\\\\x\\1\"', 'g')::json) ELSE $j END)).$name"
	  if $c->{type}{sql} eq 'bytea[]';
	# an item is a text of JSON, and an array there is none of the items'
	return "(SELECT r.c::jsonb[] FROM json_to_record(json_build_object('c', $j -> $literal)) AS r (c text[]))" if $c->{type}{sql} eq 'jsonb[]';
	return "(json_populate_record(NULL::$t->{name}, $j)).$name" if $c->{type}{dims};
	return "($j ->> $literal)::$c->{type}{sql}";
}

# Tables whose rows can be followed by their keys alone.
sub by_key { return grep { $_->{nkeys} && $_->{identity} ne 'NOTHING' } @{ $_[0]{tables} } }

# A function apply(line json) for the copy; tables that cannot be followed are left out.  Under by_key rows are found by their
# keys alone, and there are upserts.
sub apply_sql
{
	my ($self, $by_key) = @_;
	my $body = '';
	for my $t (@{ $self->{tables} })
	{
		my @c = writable($t);
		my $match = join ' OR ', map { 'tab = ' . quote_literal($_) } $t->{bare}, map { "$t->{bare} p$_" } $t->{parts} ? (0, 1) : ();
		my @keys = grep { $_->{key} } @{ $t->{columns} };
		my $where = $t->{identity} eq 'FULL' && !$by_key
		  ? "(x.tableoid, x.ctid) = (SELECT y.tableoid, y.ctid FROM $t->{name} y WHERE ROW(" . join(', ', map { 'y.' . quote_ident($_->{name}) } @c) . ')::text = ROW('
		  . join(', ', map { from_json($t, $_, "(line -> 'old')") } @c) . ')::text LIMIT 1)'
		  : join(' AND ', map { 'x.' . quote_ident($_->{name}) . ' = ' . from_json($t, $_, "(line -> 'key')") } @keys);
		if ($by_key ? !$t->{nkeys} || $t->{identity} eq 'NOTHING' : !$t->{keyed})
		{
			$body .= "\tIF $match THEN\n\t\tRETURN;\n\tEND IF;\n";
			next;
		}
		$body .= "\tIF $match THEN\n\t\tCASE op\n\t\tWHEN 'insert' THEN\n\t\t\tINSERT INTO $t->{name} (" . join(', ', map { quote_ident($_->{name}) } @c)
		  . ") VALUES (" . join(', ', map { from_json($t, $_, "(line -> 'new')") } @c) . ");\n\t\tWHEN 'truncate' THEN DELETE FROM $t->{name};\n";
		# a column that the stream calls unchanged keeps what it has
		$body .= "\t\tWHEN 'update' THEN UPDATE $t->{name} x SET "
		  . join(', ', map { quote_ident($_->{name}) . " = CASE WHEN (line -> 'new' -> " . quote_literal($_->{name}) . ') IS NULL THEN x.'
			  . quote_ident($_->{name}) . ' ELSE ' . from_json($t, $_, "(line -> 'new')") . ' END' } @c) . " WHERE $where;\n"
		  . "\t\t\tGET DIAGNOSTICS n = ROW_COUNT;\n\t\t\tIF n <> 1 THEN RAISE 'an update met % rows: %', n, left(line::text, 500); END IF;\n"
		  . "\t\tWHEN 'delete' THEN DELETE FROM $t->{name} x WHERE $where;\n"
		  . "\t\t\tGET DIAGNOSTICS n = ROW_COUNT;\n\t\t\tIF n <> 1 THEN RAISE 'a delete met % rows: %', n, left(line::text, 500); END IF;\n";
		$body .= "\t\tWHEN 'upsert' THEN DELETE FROM $t->{name} x WHERE $where;\n\t\t\tINSERT INTO $t->{name} (" . join(', ', map { quote_ident($_->{name}) } @c)
		  . ") VALUES (" . join(', ', map { from_json($t, $_, "(line -> 'new')") } @c) . ");\n" if $by_key;
		$body .= "\t\tELSE NULL;\n\t\tEND CASE;\n\t\tRETURN;\n\tEND IF;\n";
	}
	return "CREATE OR REPLACE FUNCTION apply(line json) RETURNS void LANGUAGE plpgsql AS \$apply\$\nDECLARE\n\tn bigint;\n"
	  . "\top text := line ->> 'op';\n\ttab text := line ->> 'table';\nBEGIN\n$body\nEND \$apply\$;";
}

# What both databases have to agree on, one line a table.
sub digest_sql
{
	my ($self, @tables) = @_;
	@tables = $self->digested unless @tables;
	return join "\nUNION ALL ", map
	{
		my $t = $_;
		"SELECT " . quote_literal($t->{bare}) . ", count(*), md5(string_agg(x::text, E'\\n' ORDER BY x::text COLLATE \"C\")) FROM $t->{name} x"
	} @tables;
}

sub digested { return grep { $_->{keyed} } @{ $_[0]{tables} } }

1;
