#!/usr/bin/perl
#
# publications.pl: pgoutput as oracle of what publications let through.
#
# For each schema: tables with all kinds of replica identity, a partitioned table
# whose partitions have their columns in another order; publications with row
# filters, column lists, operations and publish_via_partition_root, and publications
# of schemas and of all tables.  Random transactions are decoded from one position
# by both plugins under random sets of the publications, and the lists of
#
#	transaction, operation, schema and name of the table, names and values of the
#	columns, which old row there is and its columns
#
# must be equal: every row filter's answer (of an update: both rows pass, the new
# one, the old one, none), every column list, every name.  pgoutput's messages are
# read as its protocol 1 has them.  Where pgoutput refuses (column lists that
# differ), ours has to refuse, too, but for lists that have the same columns.
#
# Ours is asked twice: for transactions as they are committed, and for such as are told in
# blocks before their commit and when they are prepared, of which what was taken back is left
# out here.  Many transactions are larger than logical_decoding_work_mem for that, have
# sub-transactions that are rolled back, or are prepared.
#
# Runs inside with_server.
use strict;
use warnings;

use Encode ();
use File::Temp ();
use Getopt::Long;
use JSON::PP ();

binmode STDOUT, ':encoding(UTF-8)';
my ($transactions, $schemas, $seed, $only) = (400, 10, int(rand(1e6)), undef);
GetOptions('transactions=i' => \$transactions, 'schemas=i' => \$schemas, 'seed=i' => \$seed, 'only=i' => \$only)
  or die "usage: publications [--transactions N] [--schemas N] [--seed S] [--only K]\n";
my $dir = File::Temp->newdir('cdcpubXXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0755, $dir;
my ($passed, $failed, %seen) = (0, 0);
my $json = JSON::PP->new->utf8->allow_nonref->allow_bignum(0);
print "seed $seed: $schemas schemas, $transactions transactions\n";

sub pick { return $_[ int(rand(@_)) ] }
sub chance { return rand() < $_[0] }

# Run SQL; (output, errors), errors of single commands do not stop it when $lax.
sub sql
{
	my ($text, $lax) = @_;
	open my $f, '>', "$dir/in.sql" or die "$dir/in.sql: $!\n";
	print $f ($lax ? "\\set ON_ERROR_ROLLBACK on\n" : "\\set ON_ERROR_STOP on\n"), "SET client_min_messages = error;\n$text\n";
	close $f;
	open my $p, '-|', "psql -XAtq -d lake -f $dir/in.sql 2> $dir/err" or die "psql: $!\n";
	local $/;
	my $out = <$p> // '';
	close $p;
	my $status = $?;
	open my $e, '<', "$dir/err" or die;
	my $err = <$e> // '';
	die "psql: $err" if $status && !$lax && !wantarray;
	return wantarray ? ($out, $status && !$lax ? $err : '') : $out;
}

# ---- schemas

my @columns = qw(id v w t);

sub tables_sql
{
	my ($s) = @_;
	my $sql = "CREATE SCHEMA $s; CREATE SCHEMA ${s}_b; SET search_path = $s;\n";
	$sql .= "CREATE TABLE a (gone int, id int NOT NULL, v int, w int NOT NULL, t text, PRIMARY KEY (id)); ALTER TABLE a DROP gone; ALTER TABLE a ALTER t SET STORAGE EXTERNAL;\n";
	$sql .= "CREATE TABLE b (id int NOT NULL, v int, w int NOT NULL, t text, PRIMARY KEY (id, w)); CREATE UNIQUE INDEX b_w ON b (w);\n";
	$sql .= "CREATE TABLE ${s}_b.c (t text, id int PRIMARY KEY, v int, w int NOT NULL DEFAULT 0);\n";
	$sql .= "CREATE TABLE p (id int NOT NULL, v int, w int NOT NULL, t text, PRIMARY KEY (id)) PARTITION BY RANGE (id);\n";
	$sql .= "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (MINVALUE) TO (50);\n";
	$sql .= "CREATE TABLE p2 (t text, gone int, w int NOT NULL, v int, id int NOT NULL, PRIMARY KEY (id)) PARTITION BY RANGE (id); ALTER TABLE p2 DROP gone;\n";
	$sql .= "CREATE TABLE p21 PARTITION OF p2 FOR VALUES FROM (50) TO (75);\nCREATE TABLE p22 PARTITION OF p2 FOR VALUES FROM (75) TO (MAXVALUE);\n";
	$sql .= "ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (50) TO (MAXVALUE);\n";
	foreach my $t ('a', 'b', "${s}_b.c", 'p1', 'p21', 'p22')
	{
		my $how = pick('DEFAULT', 'FULL', 'FULL', $t eq 'b' ? 'USING INDEX b_w' : 'FULL');
		$sql .= "ALTER TABLE $t REPLICA IDENTITY $how;\n";
	}
	return $sql;
}

# Conditions over columns of any identity, then over those of FULL; PostgreSQL refuses updates where they do not fit.
sub condition
{
	my $n = int(rand(100));
	return pick("id > $n", "id % 2 = 0", "id BETWEEN 20 AND " . (20 + $n), "v > $n", 'v IS NOT NULL', "v < $n OR id > $n", "t LIKE 'x%'", "w > $n",
		"(id + coalesce(v, 0)) % 3 <> 0", 'length(t) > 5');
}

sub entry
{
	my ($s, $table) = @_;
	my $sql = $table;
	my @list = grep { $_ eq 'id' || $_ eq 'w' || chance(0.5) } @columns;
	@list = @columns if chance(0.3);
	@list = sort { rand() <=> 0.5 } @list;
	$sql .= ' (' . join(', ', @list) . ')' if chance(0.4);
	$sql .= ' WHERE (' . condition() . ')' if chance(0.6);
	return $sql;
}

sub publication_sql
{
	my ($s, $name) = @_;
	my %with;
	$with{publish} = "'" . join(', ', grep { chance(0.7) } qw(insert update delete truncate)) . "'" if chance(0.5);
	$with{publish} = "'insert, update'" if ($with{publish} // '') eq "''";
	my $root = $with{publish_via_partition_root} = pick('true', 'false');
	my $with = 'WITH (' . join(', ', map { "$_ = $with{$_}" } sort keys %with) . ')';
	return "CREATE PUBLICATION $name FOR ALL TABLES $with;\n" if chance(0.1);
	return "CREATE PUBLICATION $name FOR TABLES IN SCHEMA ${\ pick($s, \"${s}_b\") } $with;\n" if chance(0.15);
	my @tables = grep { chance(0.5) } 'a', 'b', "${s}_b.c";
	push @tables, pick('p', 'p', 'p', 'p2', 'p1', 'p21') if chance(0.6) || !@tables;
	# a partitioned table has conditions and lists only where rows go out under its name
	my @entries = map { $_ =~ /^p2?$/ && $root eq 'false' ? $_ : entry($s, $_) } @tables;
	return "CREATE PUBLICATION $name FOR TABLE " . join(', ', @entries) . " $with;\n";
}

# ---- transactions

sub value_of { my ($c) = @_; return $c eq 't' ? pick("'x'", "'xyz'", "'other'", 'NULL', "repeat('x', 3000)", "repeat('y', 9000)") : $c eq 'v' ? pick('NULL', int(rand(100))) : int(rand(100)) }

sub statement
{
	my ($s) = @_;
	my $t = pick('a', 'a', 'b', "${s}_b.c", 'p', 'p', 'p');
	my $n = int(rand(100));
	my $where = pick("id = $n", "id BETWEEN $n AND " . ($n + 5), "v < $n AND id > 60", "id % 7 = " . $n % 7);
	return "INSERT INTO $t (id, v, w, t) SELECT g, " . value_of('v') . ", g, " . value_of('t') . " FROM generate_series($n, " . ($n + int(rand(4))) . ") g ON CONFLICT DO NOTHING;"
	  if chance(0.45);
	return "DELETE FROM $t WHERE $where;" if chance(0.2);
	return 'TRUNCATE ' . join(', ', grep { chance(0.4) } 'a', 'b', "${s}_b.c", 'p') . ";" if chance(0.03);
	my @set = grep { chance(0.4) } 'v', 't';
	@set = ('v') unless @set;
	my $sql = join(', ', map { "$_ = " . value_of($_) } @set);
	# keys that move, also between partitions
	$sql .= ", id = id + 101" if chance(0.1);
	$sql .= ", id = 200 - id" if chance(0.1) && $sql !~ /id =/;
	$sql .= ", w = w + 1000" if chance(0.15);
	return "UPDATE $t SET $sql WHERE $where;";
}

my $prepared = 0;
sub transaction
{
	my ($s) = @_;
	my $text = "BEGIN;\n" . join("\n", map { (chance(0.15) ? filler() : ()), statement($s) } 1 .. 1 + int(rand(6))) . "\n";
	$text =~ s/\n/\nSAVEPOINT a;\n/ if chance(0.2);
	$text .= "ROLLBACK TO a;\n" if $text =~ /SAVEPOINT a/ && chance(0.5);
	return $text . (chance(0.1) ? 'ROLLBACK' : 'COMMIT') . ";\n" unless chance(0.15);
	my $gid = 'g' . ++$prepared;
	return "${text}PREPARE TRANSACTION '$gid';\n" . (chance(0.3) ? 'ROLLBACK' : 'COMMIT') . " PREPARED '$gid';\n";
}

# More than logical_decoding_work_mem, so that the transaction is streamed from here on.
sub filler { return "INSERT INTO filler.f SELECT repeat(chr(97 + g % 26), 2000) FROM generate_series(1, 40) g;" }

# ---- pgoutput, protocol 1

my ($bytes, $at);
sub int8 { return unpack('C', substr($bytes, $at++, 1)) }
sub int16 { $at += 2; return unpack('n', substr($bytes, $at - 2, 2)) }
sub int32 { $at += 4; return unpack('N', substr($bytes, $at - 4, 4)) }
sub cstring { my $end = index($bytes, "\0", $at); my $s = substr($bytes, $at, $end - $at); $at = $end + 1; return $s }

# Values by name; what is unchanged is "\\u".
sub tuple
{
	my ($rel) = @_;
	my %row;
	my $n = int16();
	die "a tuple of $n columns, its relation has " . @{ $rel->{columns} } unless $n == @{ $rel->{columns} };
	foreach my $name (@{ $rel->{columns} })
	{
		my $kind = chr(int8());
		if ($kind eq 't') { my $len = int32(); $row{$name} = substr($bytes, $at, $len); $at += $len }
		else { $row{$name} = $kind eq 'n' ? undef : '\\u' }
	}
	return \%row;
}

sub show
{
	my ($row) = @_;
	return '-' unless $row;
	return join(',', map { "$_=" . (defined $row->{$_} ? length $row->{$_} > 40 ? substr($row->{$_}, 0, 1) . ' x ' . length $row->{$_} : $row->{$_} : 'NULL') } sort keys %$row);
}

my %short = (I => 'insert', U => 'update', D => 'delete');

sub read_pgoutput
{
	my ($out) = @_;
	my (%rels, @events);
	my $txn = 0;
	foreach my $line (split /\n/, $out)
	{
		($bytes, $at) = (pack('H*', $line), 0);
		my $kind = chr(int8());
		if ($kind eq 'B') { $at += 16; $txn = int32() }
		elsif ($kind eq 'R')
		{
			my $oid = int32();
			my $rel = $rels{$oid} = { name => cstring() . '.' . cstring(), columns => [], key => {} };
			int8();
			for (1 .. int16())
			{
				my $flags = int8();
				my $name = cstring();
				push @{ $rel->{columns} }, $name;
				$rel->{key}{$name} = 1 if $flags & 1;
				$at += 8;
			}
		}
		elsif ($kind =~ /[IUD]/)
		{
			my $rel = $rels{ int32() } or die 'a row of a relation that was not told of';
			my ($old, $old_kind, $new) = (undef, '');
			my $tag = chr(int8());
			if ($tag =~ /[KO]/)
			{
				$old_kind = $tag;
				$old = tuple($rel);
				$tag = $at < length $bytes ? chr(int8()) : '';
			}
			$new = tuple($rel) if $tag eq 'N';
			# ours fills the new row from an old one that is whole
			foreach my $name (grep { ($new->{$_} // '') eq '\\u' && defined $old->{$_} } $old ? keys %{ $new // {} } : ()) { $new->{$name} = $old->{$name} }
			push @events, [ $txn, $short{$kind}, $rel->{name}, show($new), $old_kind, $old ];
		}
		elsif ($kind eq 'T')
		{
			my $n = int32();
			int8();
			push @events, map { [ $txn, 'truncate', $rels{ int32() }{name}, '-', '', undef ] } 1 .. $n;
		}
	}
	return @events;
}

# ---- ours

sub read_ours
{
	my ($out) = @_;
	my @events;
	foreach my $line (split /\n/, $out)
	{
		my $e = $json->decode(pack('H*', $line));
		next unless $e->{op} =~ /^(insert|update|delete|truncate)$/;
		my ($new, $old) = ($e->{new}, $e->{old});
		foreach my $row (grep { $_ } $new, $old) { $row = { map { $_ => defined $row->{$_} ? "$row->{$_}" : undef } keys %$row } }
		if ($new) { $new->{$_} = '\\u' foreach @{ $e->{unchanged} // [] } }
		push @events, [ $e->{xid}, $e->{op}, "$e->{schema}.$e->{table}", show($new), undef, $old ];
	}
	return @events;
}

# The same from a stream that tells of transactions before their commit: what is left of them.
sub read_early
{
	my ($out) = @_;
	my (%kept, $block, $lines);
	foreach my $line (split /\n/, $out)
	{
		my $e = $json->decode(pack('H*', $line));
		my $xid = $e->{xid};
		$block = $xid if $e->{op} eq 'stream_start';
		if ($e->{op} eq 'stream_start' && $e->{first}) { $kept{$xid} = []; $seen{'transactions that came in blocks'}++ }
		foreach my $range (@{ $e->{taken_back} // [] })
		{
			my $n = @{ $kept{$xid} };
			$kept{$xid} = [ grep { $_->[0] < $range->[0] || $_->[0] > $range->[1] } @{ $kept{$xid} } ];
			$seen{'events taken back'} += $n - @{ $kept{$xid} };
		}
		delete $kept{$xid} if $e->{op} eq 'rollback_prepared' || ($e->{op} eq 'stream_abort' && !defined $e->{sub});
		if ($e->{op} =~ /^(stream_commit|commit_prepared)$/)
		{
			$lines .= "$_->[1]\n" foreach @{ delete $kept{$xid} // [] };
			$seen{'transactions that were prepared'}++ if $e->{op} eq 'commit_prepared';
		}
		if (defined $block) { push @{ $kept{$xid} }, [ $e->{n}, $line ] if defined $e->{n} }
		else { $lines .= "$line\n" }
		undef $block if $e->{op} eq 'stream_stop';
	}
	return read_ours($lines // '');
}

sub quoted { return join(', ', map { my $x = $_; $x =~ s/'/''/g; "'$x'" } @_) }

sub events
{
	my ($stop, $plugin, @options) = @_;
	my $early = grep { $_ eq 'two_phase' } @options;
	my ($slot) = $plugin eq 'pgoutput' ? 'theirs' : $early ? 'early' : 'ours';
	my ($out, $err) = sql("SELECT encode(data, 'hex') FROM pg_logical_slot_peek_binary_changes('$slot', '$stop', NULL, " . quoted(@options) . ");");
	return $err if $err;
	return [ $plugin eq 'pgoutput' ? read_pgoutput($out) : $early ? read_early($out) : read_ours($out) ];
}

sub check
{
	my ($k, $what, $ok, $why) = @_;
	if ($ok) { $passed++; return }
	$failed++;
	print "FAILED schema $k, $what: $why\n  (again: --seed $seed --only $k)\n" if $failed <= 20;
	return;
}

# In pgoutput's old rows columns that are not of the key are NULL; ours leaves them out.
sub old_rows
{
	my ($theirs, $ours) = @_;
	return $theirs unless $theirs && $ours;
	return { map { $_ => $theirs->{$_} } grep { exists $ours->{$_} || defined $theirs->{$_} } keys %$theirs };
}

sub compare
{
	my ($k, $what, $theirs, $ours) = @_;
	return check($k, $what, 0, 'ours fails: ' . (ref $ours ? 'not' : $ours)) if ref $theirs && !ref $ours;
	# before 16 pgoutput takes a list of all columns for another than none where a column was dropped
	if (!ref $theirs && ref $ours && $theirs =~ /different column lists for table "(\S+)\.(\S+)"/)
	{
		my $lists = sql("SELECT count(DISTINCT attnames) FROM pg_publication_tables WHERE schemaname = '$1' AND tablename = '$2' AND pubname IN (" . quoted(split /,/, $what =~ s/ .*//r) . ');');
		$seen{'sets of publications that pgoutput alone refuses, though their lists are the same'}++;
		return check($k, $what, $lists == 1, "lists differ, and ours does not refuse: $theirs");
	}
	return check($k, $what, 0, "pgoutput fails and ours does not: $theirs") if !ref $theirs && ref $ours;
	if (!ref $theirs)
	{
		$seen{'sets of publications that both refuse'}++;
		return check($k, $what, 1);
	}
	my $n = @$theirs > @$ours ? @$theirs : @$ours;
	for my $i (0 .. $n - 1)
	{
		my ($t, $o) = ($theirs->[$i], $ours->[$i]);
		$t->[5] = old_rows($t->[5], $o->[5]) if $t && $o;
		my @show = map { $_ ? "[$_->[0]] $_->[1] $_->[2] new $_->[3] old " . show($_->[5]) : 'nothing' } $t, $o;
		return check($k, $what, 0, "event $i of $n\n  pgoutput: $show[0]\n  ours:     $show[1]") unless $t && $o && $show[0] eq $show[1];
		$seen{"$t->[1]s"}++;
		$seen{"$t->[1]s with an old row of $t->[4]"}++ if $t->[4];
	}
	$seen{events} += $n;
	check($k, $what, 1);
	return;
}

my $each = int(($transactions + $schemas - 1) / $schemas);
sql('CREATE EXTENSION lakehouse; CREATE SCHEMA filler; CREATE TABLE filler.f (v text); ALTER TABLE filler.f ALTER v SET STORAGE PLAIN;');
for my $k (1 .. $schemas)
{
	next if defined $only && $k != $only;
	srand($seed * 1000 + $k);
	my $s = "s$k";
	sql(tables_sql($s));
	my @names = map { "pub${k}_$_" } 1 .. 8;
	# not all that is made up is a publication; what PostgreSQL refuses is not there
	sql("SET search_path = $s;\n" . join('', map { publication_sql($s, $_) } @names), 1);
	@names = split /\n/, sql("SELECT pubname FROM pg_publication WHERE pubname LIKE 'pub${k}\\_%' ORDER BY 1;");
	sql(q{SELECT pg_create_logical_replication_slot('theirs', 'pgoutput'), pg_create_logical_replication_slot('ours', 'lakehouse'),
		pg_create_logical_replication_slot('early', 'lakehouse', false, true);});
	sql("SET search_path = $s;\n" . join('', map { transaction($s) } 1 .. $each), 1);
	chomp(my $stop = sql('SELECT pg_current_wal_lsn();'));
	$seen{transactions} += $each;
	my @sets = ((map { [$_] } @names), map { [ grep { chance(0.35) } @names ] } 1 .. 6);
	foreach my $set (grep { @$_ } @sets)
	{
		my $list = join(',', @$set);
		my @ours = ('lakehouse', 'format', 'json', 'schema.events', 'off', 'messages', 'off', 'publication_names', $list);
		my $theirs = events($stop, 'pgoutput', 'proto_version', '1', 'publication_names', $list);
		compare($k, $list, $theirs, events($stop, @ours));
		compare($k, "$list before their commit", $theirs, events($stop, @ours, 'streaming', 'on', 'two_phase', 'on'));
	}
	sql(join('', map { "DROP PUBLICATION $_;\n" } @names)
		. "SELECT pg_drop_replication_slot(x) FROM unnest(ARRAY['theirs', 'ours', 'early']) x; DROP SCHEMA $s, ${s}_b CASCADE;");
}
print "$_: $seen{$_}\n" for sort keys %seen;
# else a part of it was empty
foreach my $what ('transactions that came in blocks', 'events taken back', 'transactions that were prepared')
{
	check(0, $what, $seen{$what}, 'there are none') if !defined $only;
}
print "$passed passed, $failed failed, 0 skipped\n";
exit($failed || !$passed ? 1 : 0);
