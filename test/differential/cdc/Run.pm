# Run.pm: a run of a differential of change streams: its options, SQL, counts, and the
# way through random schemas, that of all of them.
package Run;

use strict;
use warnings;

use Exporter 'import';
use File::Temp ();
use Getopt::Long;

use Decoded qw(unescape);
use Schema;
use Values qw(quote_literal);

our @EXPORT_OK = qw(begin sql lines check option_list same_as_copy applied_to_copy each_schema finish $dir %seen);

our ($dir, %seen);
my $batches = 2;
my ($transactions, $schemas, $seed, $only, $from, $keep, $each);
my ($passed, $failed, $stop) = (0, 0, 0);

# The program's options; $dir is there then.
sub begin
{
	my $program;
	($program, $transactions, $schemas) = @_;
	($seed, $from) = (int(rand(1e6)), 1);
	GetOptions('transactions=i' => \$transactions, 'schemas=i' => \$schemas, 'seed=i' => \$seed, 'only=i' => \$only, 'from=i' => \$from, 'keep' => \$keep)
	  or die "usage: $program [--transactions N] [--schemas N] [--seed S] [--only K] [--from K] [--keep]\n";
	binmode STDOUT, ':encoding(UTF-8)';
	binmode STDERR, ':encoding(UTF-8)';
	# what is asked to stop says what it has seen
	$SIG{TERM} = sub { $stop = 1 };
	$dir = File::Temp->newdir('cdcXXXXXX', TMPDIR => 1, CLEANUP => !$keep);
	chmod 0755, $dir;
	$each = int(($transactions + $schemas * $batches - 1) / ($schemas * $batches));
	print "seed $seed: $schemas schemas, $batches batches of $each transactions each\n";
}

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

# The lines that a query gives, as they are (COPY escapes what is not a line).
sub lines
{
	my ($db, $query) = @_;
	return map { unescape($_) } split /\n/, sql($db, "COPY ($query) TO STDOUT;");
}

sub check
{
	my ($k, $what, $ok, $why) = @_;
	if ($ok) { $passed++; return }
	$failed++;
	print "FAILED schema $k, $what: $why\n  (again: --seed $seed --only $k)\n" if $failed <= 30;
}

# Options as further arguments of a function.
sub option_list { return join '', map { ', ' . quote_literal($_) } @_ }

# The first row that one table has and its copy has not.
sub first_difference
{
	my ($t, $copy) = @_;
	my @rows = map { [ lines($_, qq{SELECT x::text AS r FROM $t->{name} x ORDER BY x::text COLLATE "C"}) ] } 'lake', $copy;
	my %there = map { $_ => 1 } @{ $rows[1] };
	my ($row) = grep { !$there{$_} } @{ $rows[0] };
	my %here = map { $_ => 1 } @{ $rows[0] };
	my ($other) = grep { !$here{$_} } @{ $rows[1] };
	return "$t->{name} has " . ($row // 'fewer rows') . ', the copy ' . ($other // 'not');
}

# Tables here and in another database.
sub same_as_copy
{
	my ($k, $copy, $digest, @tables) = @_;
	my ($here, $there) = (sql('lake', "$digest;"), sql($copy, "$digest;"));
	my @a = split /\n/, $here;
	my @b = split /\n/, $there;
	my ($differ) = grep { $a[$_] ne ($b[$_] // '') } 0 .. $#a;
	check($k, $copy, !defined $differ, defined $differ ? first_difference($tables[$differ], $copy) : '');
}

# Lines of the format json in $dir/lines, applied to the database "copy", leave the same tables.
sub applied_to_copy
{
	my ($k, $schema) = @_;
	my $digest = $schema->digest_sql or return;
	my $error = eval {
		sql('copy', "BEGIN;\nTRUNCATE lines;\n\\copy lines (data) FROM '$dir/lines'\n" . $schema->apply_sql
			. "\nSELECT count(apply(data::json)) FROM (SELECT data FROM lines ORDER BY n) x;\nCOMMIT;");
		1;
	} ? undef : $@;
	return check($k, 'copy', 0, $error) if $error;
	same_as_copy($k, 'copy', $digest, $schema->digested);
}

# A message outside of transactions is flushed by nobody at once (before 17): who reads first would not see it, who
# reads later would.  The insert position may be behind a page's head that is not written yet, so not for ever.
my $flushed = <<'SQL';
DO $$
DECLARE
	stop pg_lsn := pg_current_wal_insert_lsn();
BEGIN
	FOR i IN 1 .. 200 LOOP
		EXIT WHEN pg_current_wal_flush_lsn() >= stop;
		PERFORM pg_sleep(0.01);
	END LOOP;
END $$;
SQL

# slots: names and plugins; copies: databases that have the schemas, too, which hold lines;
# batch->(k, schema, end of the batch's log, its number), which reads the slots without moving them.
sub each_schema
{
	my ($slots, $copies, $batch) = @_;
	my $all = join ', ', map { quote_literal($_) } sort keys %$slots;
	my $pairs = join ', ', map { '(' . quote_literal($_) . ', ' . quote_literal($slots->{$_}) . ')' } sort keys %$slots;
	sql('lake', "CREATE DATABASE $_;") for @$copies;
	sql($_, 'CREATE TABLE lines (n bigint GENERATED ALWAYS AS IDENTITY, data text);') for @$copies;
	for my $k ($from .. $schemas)
	{
		last if $stop;
		srand($seed * 1000 + $k);
		my $schema = Schema->new($k);
		next if defined $only && $k != $only;
		sql($_, $schema->ddl) for 'lake', @$copies;
		sql('lake', "SELECT pg_create_logical_replication_slot(s, p) FROM (VALUES $pairs) x (s, p);");
		for my $n (1 .. $batches)
		{
			my $out = sql('lake', join("\n", (map { $schema->transaction } 1 .. $each), $flushed, 'SELECT pg_current_wal_lsn();'), 1);
			my ($end) = $out =~ m{([0-9A-F]+/[0-9A-F]+)\s*\z} or die "no end of the log: $out\n";
			$batch->($k, $schema, $end, $n);
			sql('lake', "SELECT pg_replication_slot_advance(s, '$end') FROM unnest(ARRAY[$all]) s;");
			my $change = $schema->evolve;
			sql($_, $change) for 'lake', @$copies;
			$seen{transactions} += $each;
		}
		sql('lake', "SELECT pg_drop_replication_slot(s) FROM unnest(ARRAY[$all]) s;");
		sql($_, "DROP SCHEMA $schema->{name} CASCADE;") for 'lake', @$copies;
		$seen{schemas}++;
	}
}

# What was seen; the program ends.
sub finish
{
	print "$_: $seen{$_}\n" for sort keys %seen;
	print "$passed passed, $failed failed, 0 skipped\n";
	exit($failed || !$passed ? 1 : 0);
}

1;
