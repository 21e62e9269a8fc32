#!/usr/bin/perl
#
# avro.pl: random schemas and transactions; every record of our Avro formats, read by
# Python's fastavro, against what our JSON formats say of the same log.
#
#	1. Fingerprints at the head of messages are those that fastavro computes of the
#	   schemas that lakehouse.cdc_schemas() tells, and every message names one of them.
#	2. Each record of "avro" is the event of "json" at the same position: the same
#	   columns, keys, unchanged ones.  Each value, cast by PostgreSQL to the column's
#	   type, is the value of json, cast likewise (which cdc.pl compares with the tables).
#	3. Each record of "debezium-avro" is the line of "debezium-json", value by value,
#	   under random modes.
#
# Runs inside with_server: PGHOST and the rest lead to a server with wal_level = logical.
use strict;
use warnings;

use File::Temp ();
use FindBin;
use Getopt::Long;

use Schema;
use Values qw(pick chance quote_literal);

binmode STDOUT, ':encoding(UTF-8)';
binmode STDERR, ':encoding(UTF-8)';
my ($transactions, $schemas, $seed, $only, $keep) = (1000, 20, int(rand(1e6)), undef, 0);
GetOptions('transactions=i' => \$transactions, 'schemas=i' => \$schemas, 'seed=i' => \$seed, 'only=i' => \$only, 'keep' => \$keep)
  or die "usage: avro [--transactions N] [--schemas N] [--seed S] [--only K] [--keep]\n";
my $dir = File::Temp->newdir('avroXXXXXX', TMPDIR => 1, CLEANUP => !$keep);
my $batches = 2;
my $each = int(($transactions + $schemas * $batches - 1) / ($schemas * $batches));
my ($passed, $failed, %seen) = (0, 0);
print "seed $seed: $schemas schemas, $batches batches of $each transactions each\n";

# Run SQL; the output of -At.  die on errors unless $lax.
sub sql
{
	my ($text, $lax) = @_;
	my $file = "$dir/in.sql";
	open my $f, '>:encoding(UTF-8)', $file or die "$file: $!\n";
	print $f ($lax ? "\\set ON_ERROR_ROLLBACK on\n" : "\\set ON_ERROR_STOP on\n"), "SET client_min_messages = error;\n$text\n";
	close $f;
	open my $p, '-|:encoding(UTF-8)', "psql -XAtq -d lake -f $file 2> $dir/err" or die "psql: $!\n";
	local $/;
	my $out = <$p> // '';
	close $p;
	if ($? && !$lax)
	{
		open my $e, '<:encoding(UTF-8)', "$dir/err";
		die "psql: " . <$e>;
	}
	return $out;
}

sub check
{
	my ($k, $what, $ok, $why) = @_;
	if ($ok) { $passed++; return }
	$failed++;
	print "FAILED schema $k, $what: $why\n  (again: --seed $seed --only $k)\n" if $failed <= 30;
}

sub options { return join '', map { ', ' . quote_literal($_) } @_ }
sub array { return 'ARRAY[' . join(', ', map { quote_literal($_) } @_) . ']' }

# What the slot has in an Avro format and in JSON, and the schemas, each in a file.
sub dump_all
{
	my ($stop, $avro, $json, $common) = @_;
	sql(<<"SQL");
\\copy (SELECT encode(data, 'hex') FROM pg_logical_slot_peek_binary_changes('ours', '$stop', NULL@{[ options('format', $avro, @$common) ]})) TO '$dir/records'
\\copy (SELECT encode(data, 'hex') FROM pg_logical_slot_peek_binary_changes('ours', '$stop', NULL@{[ options('format', $json, @$common) ]})) TO '$dir/lines'
\\copy (SELECT part, encode(fingerprint, 'hex'), encode(convert_to(schema, 'UTF8'), 'hex') FROM lakehouse.cdc_schemas(@{[ array('format', $avro, @$common) ]})) TO '$dir/schemas'
SQL
}

# avro_decode.py compares all but casts, and leaves pairs of values that are spelled differently.
sub compare
{
	my ($k, $format, @o) = @_;
	my $out = `$ENV{LH_PYTHON} $FindBin::RealBin/avro_decode.py $format $dir/schemas $dir/records $dir/lines $dir/pairs 2>&1`;
	my $bad = $?;
	$seen{"$format records"} += $1 if $out =~ /^(\d+) records/m;
	$seen{"$format values"} += $1 if $out =~ /^(\d+) values/m;
	check($k, "$format (@o)", !$bad, $out);
	return !$bad;
}

sub cast_pairs
{
	my $k = shift;
	my $out = sql("TRUNCATE pairs;\n\\copy pairs FROM '$dir/pairs'\nSELECT count(*) FROM pairs;\n"
		  . "SELECT type, a, b FROM pairs WHERE NOT same(type, a, b) LIMIT 1;");
	my ($n, $first) = split /\n/, $out, 2;
	$seen{'values cast'} += $n;
	check($k, 'casts', !length($first // ''), $first);
}

sql(<<'SQL');
CREATE EXTENSION lakehouse;
CREATE TABLE pairs (type text, a text, b text);
CREATE FUNCTION same(type text, a text, b text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	result boolean;
BEGIN
	EXECUTE format('SELECT CAST($1 AS %1$s)::text IS NOT DISTINCT FROM CAST($2 AS %1$s)::text', type) INTO result USING a, b;
	RETURN result;
END $$;
SQL

for my $k (1 .. $schemas)
{
	srand($seed * 1000 + $k);
	my $schema = Schema->new($k);
	next if defined $only && $k != $only;
	sql($schema->ddl);
	sql("SELECT pg_create_logical_replication_slot('ours', 'lakehouse');");
	for my $batch (1 .. $batches)
	{
		my $out = sql(join("\n", (map { $schema->transaction } 1 .. $each), 'SELECT pg_logical_emit_message(true, \'last\', \'\');', 'SELECT pg_current_wal_lsn();'), 1);
		my ($stop) = $out =~ m{([0-9A-F]+/[0-9A-F]+)\s*\z} or die "no end of the log: $out\n";
		dump_all($stop, 'avro', 'json', [ 'json-native', 'off', 'binary.handling.mode', 'hex' ]);
		cast_pairs($k) if compare($k, 'avro');
		my @o = ('time.precision.mode', pick(qw(adaptive adaptive_time_microseconds connect isostring microseconds nanoseconds structured)),
			'decimal.handling.mode', pick(qw(precise string double)), 'binary.handling.mode', pick(qw(bytes hex base64)),
			'interval.handling.mode', pick(qw(numeric string)), 'field.name.adjustment.mode', pick(qw(avro avro_unicode)),
			'provide.transaction.metadata', pick('on', 'off'));
		dump_all($stop, 'debezium-avro', 'debezium-json', \@o);
		compare($k, 'debezium-avro', @o);
		sql("SELECT pg_replication_slot_advance('ours', '$stop');");
		sql($schema->evolve);
		$seen{transactions} += $each;
	}
	sql("SELECT pg_drop_replication_slot('ours');\nDROP SCHEMA $schema->{name} CASCADE;");
	$seen{schemas}++;
}
print "$_: $seen{$_}\n" for sort keys %seen;
print "$passed passed, $failed failed, 0 skipped\n";
exit($failed || !$passed ? 1 : 0);
