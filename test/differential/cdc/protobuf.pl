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

use File::Temp ();
use FindBin ();
use Getopt::Long;

use Schema;
use Values qw(quote_literal);

binmode STDOUT, ':encoding(UTF-8)';
binmode STDERR, ':encoding(UTF-8)';
my ($transactions, $schemas, $seed, $only, $keep) = (4_000, 100, int(rand(1e6)), undef, 0);
GetOptions('transactions=i' => \$transactions, 'schemas=i' => \$schemas, 'seed=i' => \$seed, 'only=i' => \$only, 'keep' => \$keep)
  or die "usage: protobuf [--transactions N] [--schemas N] [--seed S] [--only K] [--keep]\n";
my $dir = File::Temp->newdir('cdcXXXXXX', TMPDIR => 1, CLEANUP => !$keep);
chmod 0777, $dir;
my $batches = 2;
my $each = int(($transactions + $schemas * $batches - 1) / ($schemas * $batches));
my ($passed, $failed, %seen) = (0, 0);
print "seed $seed: $schemas schemas, $batches batches of $each transactions each\n";

# Run SQL; the output of -At.  die on errors unless $lax.
sub sql
{
	my ($db, $text, $lax) = @_;
	my $file = "$dir/in.sql";
	open my $f, '>:encoding(UTF-8)', $file or die "$file: $!\n";
	print $f ($lax ? "\\set ON_ERROR_ROLLBACK on\n" : "\\set ON_ERROR_STOP on\n"), "SET client_min_messages = error;\n$text\n";
	close $f;
	open my $p, '-|:encoding(UTF-8)', "psql -XAtq -d $db -f $file 2> $dir/err" or die "psql: $!\n";
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

# What the slot has, as COPY's binary file.
sub fetch_frames
{
	my ($stop, $to, @options) = @_;
	my @o = ('format', 'json,protobuf', 'frames', 'on', 'json-native', 'off', 'binary.handling.mode', 'hex', 'provide.transaction.metadata', 'on', @options);
	sql('lake', "\\copy (SELECT data FROM pg_logical_slot_peek_binary_changes('pb', '$stop', NULL, " . join(', ', map { quote_literal($_) } @o) . ")) TO '$to' (FORMAT binary)");
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

# 2
sub against_copy
{
	my ($k, $schema) = @_;
	my $digest = $schema->digest_sql or return;
	my $error = eval {
		sql('copy', "BEGIN;\nTRUNCATE lines;\n\\copy lines (data) FROM '$dir/lines'\n" . $schema->apply_sql
			. "\nSELECT count(apply(data::json)) FROM (SELECT data FROM lines ORDER BY n) x;\nCOMMIT;");
		1;
	} ? undef : $@;
	return check($k, 'copy', 0, $error) if $error;
	my @a = split /\n/, sql('lake', "$digest;");
	my @b = split /\n/, sql('copy', "$digest;");
	my ($differ) = grep { $a[$_] ne ($b[$_] // '') } 0 .. $#a;
	check($k, 'copy', !defined $differ, defined $differ ? "$a[$differ] is not $b[$differ]" : '');
}

sql('lake', "CREATE EXTENSION lakehouse;\nCREATE DATABASE copy;");
sql('copy', 'CREATE TABLE lines (n bigint GENERATED ALWAYS AS IDENTITY, data text);');

for my $k (1 .. $schemas)
{
	srand($seed * 1000 + $k);
	my $schema = Schema->new($k);
	next if defined $only && $k != $only;
	sql($_, $schema->ddl) for 'lake', 'copy';
	sql('lake', "SELECT pg_create_logical_replication_slot('pb', 'lakehouse');");
	my $before = '';
	for my $batch (1 .. $batches)
	{
		# a transactional message is flushed, and what stands before it
		my $out = sql('lake', join("\n", (map { $schema->transaction } 1 .. $each), "SELECT pg_logical_emit_message(true, 'end', '');", 'SELECT pg_current_wal_lsn();'), 1);
		my ($stop) = $out =~ m{([0-9A-F]+/[0-9A-F]+)\s*\z} or die "no end of the log: $out\n";
		fetch_frames($stop, "$dir/frames.$batch");
		against_copy($k, $schema) if reads($k, $batch, $before);
		sql('lake', "SELECT pg_replication_slot_advance('pb', '$stop');");
		my $change = $schema->evolve;
		sql($_, $change) for 'lake', 'copy';
		# 3: with the schemas of now
		$before = "$dir/frames.$batch";
		$seen{transactions} += $each;
	}
	sql('lake', "SELECT pg_drop_replication_slot('pb');\nDROP SCHEMA $schema->{name} CASCADE;");
	sql('copy', "DROP SCHEMA $schema->{name} CASCADE;");
	$seen{schemas}++;
}
print "$_: $seen{$_}\n" for sort keys %seen;
print "$passed passed, $failed failed, 0 skipped\n";
exit($failed || !$passed ? 1 : 0);
