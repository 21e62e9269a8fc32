#!/usr/bin/perl
#
# protobuf.pl: random schemas and transactions; the format "protobuf" as a foreign
# reader sees it.
#
# For each schema some batches of transactions are run and decoded in frames that have
# json and protobuf of each event; between batches the schema changes.  Promises a batch:
#
#	1. protobuf.py reads all of it with Google's classes, which write the same bytes
#	   again, and each event says what json says of it.
#	2. what it read, applied to an empty copy of the schema, gives the same tables.
#	3. the messages that were written before the schema changed, read by the schema of
#	   afterwards, have the same values in the columns that are still there.
#
# Runs inside with_server: PGHOST and the rest lead to a server with wal_level = logical.
use strict;
use warnings;

use FindBin ();

use Run qw(begin sql check option_list applied_to_copy each_schema finish $dir %seen);

begin('protobuf', 4_000, 100);

# What the slot has, as COPY's binary file.
sub fetch_frames
{
	my ($stop, $to, @options) = @_;
	my @o = ('format', 'json,protobuf', 'frames', 'on', 'json-native', 'off', 'binary.handling.mode', 'hex', 'provide.transaction.metadata', 'on', @options);
	sql('lake', "\\copy (SELECT data FROM pg_logical_slot_peek_binary_changes('pb', '$stop', NULL" . option_list(@o) . ")) TO '$to' (FORMAT binary)");
}

# 1
sub reads
{
	my ($k, $batch, $before) = @_;
	my $out = `$ENV{LH_PROTOBUF_PYTHON} $FindBin::Bin/protobuf.py $dir/frames.$batch $dir/lines $before 2>&1`;
	my $ok = $? == 0;
	check($k, 'reader', $ok, $out);
	$seen{$2} += $1 while $ok && $out =~ /^(\d+) (.*)$/mg;
	return $ok;
}

sql('lake', 'CREATE EXTENSION lakehouse;');

each_schema({ pb => 'lakehouse' }, ['copy'], sub
{
	my ($k, $schema, $stop, $batch) = @_;
	fetch_frames($stop, "$dir/frames.$batch");
	# 1; what the batch before wrote is 3
	my $good = reads($k, $batch, $batch > 1 ? "$dir/frames." . ($batch - 1) : '');
	# 2
	applied_to_copy($k, $schema) if $good;
});
finish();
