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

use FindBin;

use Run qw(begin sql check option_list each_schema finish $dir %seen);
use Values qw(pick quote_literal);

begin('avro', 1000, 20);

sub array { return 'ARRAY[' . join(', ', map { quote_literal($_) } @_) . ']' }

# What the slot has in an Avro format and in JSON, and the schemas, each in a file.
sub dump_all
{
	my ($stop, $avro, $json, $common) = @_;
	sql('lake', <<"SQL");
\\copy (SELECT encode(data, 'hex') FROM pg_logical_slot_peek_binary_changes('ours', '$stop', NULL@{[ option_list('format', $avro, @$common) ]})) TO '$dir/records'
\\copy (SELECT encode(data, 'hex') FROM pg_logical_slot_peek_binary_changes('ours', '$stop', NULL@{[ option_list('format', $json, @$common) ]})) TO '$dir/lines'
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
	my $out = sql('lake', "TRUNCATE pairs;\n\\copy pairs FROM '$dir/pairs'\nSELECT count(*) FROM pairs;\n"
		  . "SELECT type, a, b FROM pairs WHERE NOT same(type, a, b) LIMIT 1;");
	my ($n, $first) = split /\n/, $out, 2;
	$seen{'values cast'} += $n;
	check($k, 'casts', !length($first // ''), $first);
}

sql('lake', <<'SQL');
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

each_schema({ ours => 'lakehouse' }, [], sub
{
	my ($k, $schema, $stop) = @_;
	dump_all($stop, 'avro', 'json', [ 'json-native', 'off', 'binary.handling.mode', 'hex' ]);
	cast_pairs($k) if compare($k, 'avro');
	my @o = ('time.precision.mode', pick(qw(adaptive adaptive_time_microseconds connect isostring microseconds nanoseconds structured)),
		'decimal.handling.mode', pick(qw(precise string double)), 'binary.handling.mode', pick(qw(bytes hex base64)),
		'interval.handling.mode', pick(qw(numeric string)), 'field.name.adjustment.mode', pick(qw(avro avro_unicode)),
		'provide.transaction.metadata', pick('on', 'off'));
	dump_all($stop, 'debezium-avro', 'debezium-json', \@o);
	compare($k, 'debezium-avro', @o);
});
finish();
