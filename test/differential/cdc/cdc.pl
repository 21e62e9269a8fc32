#!/usr/bin/perl
#
# cdc.pl: random schemas and transactions; what our plugin says of them against
# wal2json, test_decoding and PostgreSQL itself.
#
# For each schema some batches of transactions are run, decoded from the same WAL
# and compared; between batches the schema changes.  Six promises a batch:
#
#	1. wal2json-v1 and -v2 are wal2json's bytes, under the same random options,
#	   but for lines of wal2json's that are no JSON: ours then is.
#	2. every line of json, flat, debezium-json and our wal2json parses as jsonb.
#	3. json has the events that test_decoding has, in its order, with its
#	   values in the columns whose text is the same in both.
#	4. json applied to an empty copy of the schema gives the same tables.
#	5. so does flat, row by row by their keys.
#	6. so do upserts of tables of which all could be said.
#
# Runs inside with_server: PGHOST and the rest lead to a server with
# wal_level = logical.
use strict;
use warnings;

use Decoded qw(oracle_event json_event);
use Run qw(begin sql lines check option_list same_as_copy applied_to_copy each_schema finish $dir %seen);
use Values qw(pick chance between quote_literal);

begin('run', 20_000, 200);

sub peek
{
	my ($slot, $stop, @options) = @_;
	return "SELECT data FROM pg_logical_slot_peek_changes('$slot', '$stop', NULL" . option_list(@options) . ')';
}

sub wal2json_options
{
	my @o;
	for my $name (qw(include-xids include-timestamp include-schemas include-types include-type-oids include-typmod include-not-null
		include-pk include-lsn include-column-positions include-transaction include-domain-data-type include-origin))
	{
		push @o, $name, pick(0, 1) if chance(0.25);
	}
	push @o, 'include-default', 1 if chance(0.1);
	push @o, 'pretty-print', 1 if chance(0.1);
	push @o, 'write-in-chunks', 1 if chance(0.2);
	push @o, 'actions', pick('insert', 'insert,update', 'delete,truncate', 'update,delete') if chance(0.1);
	push @o, 'add-msg-prefixes', pick('p', 'other,p') if chance(0.05);
	push @o, 'filter-msg-prefixes', 'p' if chance(0.05);
	return @o;
}

# 1
sub against_wal2json
{
	my ($k, $stop, $version) = @_;
	my @o = wal2json_options();
	my $theirs = peek('theirs', $stop, 'format-version', $version, @o);
	my $ours = peek('ours', $stop, 'format', "wal2json-v$version", @o);
	# pieces of a transaction are no JSON each: they are put together, from one that opens it to the next
	my $pieces = $version == 1 && grep { $_ eq 'write-in-chunks' } @o;
	my $whole = sub {
		my $query = shift;
		return "SELECT row_number() OVER () AS n, data FROM ($query) x" unless $pieces;
		return "SELECT row_number() OVER (ORDER BY k) AS n, data FROM (SELECT k, string_agg(data, E'\\n' ORDER BY i) AS data"
		  . " FROM (SELECT i, data, count(*) FILTER (WHERE data ~ '^\\{' AND (data ~ '\\[\$' OR data ~ '^\\{\\s*\"change\": ?\\[')) OVER (ORDER BY i) AS k"
		  . " FROM (SELECT row_number() OVER () AS i, data FROM ($query) x) y) z GROUP BY k) w";
	};
	my ($a, $b) = map { $whole->($_) } $theirs, $ours;
	my $out = sql('lake', <<"SQL");
CREATE TEMP TABLE t AS $a;
CREATE TEMP TABLE o AS $b;
SELECT count(*), count(*) FILTER (WHERE t.data IS NOT DISTINCT FROM o.data),
	count(*) FILTER (WHERE t.data IS DISTINCT FROM o.data AND t.data IS NOT NULL AND NOT is_json(t.data) AND is_json(o.data))
	FROM t FULL JOIN o USING (n);
SELECT n, left(t.data, 1500), left(o.data, 1500) FROM t FULL JOIN o USING (n)
	WHERE t.data IS DISTINCT FROM o.data AND NOT coalesce(t.data IS NOT NULL AND NOT is_json(t.data) AND is_json(o.data), false) LIMIT 1;
SQL
	my ($counts, $first) = split /\n/, $out, 2;
	my ($all, $same, $better) = split /\|/, $counts;
	$seen{"wal2json-v$version lines"} += $all;
	$seen{"wal2json-v$version lines where wal2json's is no JSON"} += $better;
	check($k, "wal2json-v$version (@o)", $all == $same + $better, ($all - $same - $better) . " of $all lines differ: " . ($first // ''));
}

# 2
sub parses
{
	my ($k, $stop) = @_;
	my @kinds = (['json'], ['json', 'json-native', 'off'], ['flat'], ['wal2json-v1'], ['wal2json-v2'],
		['debezium-json'], ['debezium-json', 'value.converter.schemas.enable', 'true', 'time.precision.mode', pick('adaptive', 'connect', 'isostring'),
			'decimal.handling.mode', pick('precise', 'string', 'double')]);
	my $out = sql('lake', join "\nUNION ALL ", map
	{
		my ($format, @o) = @{ $kinds[$_] };
		"SELECT $_, count(*), count(*) FILTER (WHERE NOT is_json(data)), left(min(data) FILTER (WHERE NOT is_json(data)), 1500) FROM ("
		  . peek('ours', $stop, 'format', $format, @o) . ') x'
	} 0 .. $#kinds);
	my @found = map { [ split /\|/, $_, 4 ] } grep { /^\d+\|\d+\|\d+\|/ } split /\n/, $out;
	check($k, 'lines as jsonb', 0, 'the answer has ' . @found . ' lines') unless @found == @kinds;
	for my $f (@found)
	{
		my ($format, @o) = @{ $kinds[ $f->[0] ] };
		$seen{"$format lines parsed"} += $f->[1];
		check($k, "$format (@o) as jsonb", $f->[2] == 0, "$f->[2] of $f->[1] lines are no JSON: $f->[3]");
	}
}

# 3
sub same_value
{
	my ($theirs, $ours) = @_;
	return !defined $theirs && !defined $ours unless defined $theirs && defined $ours;
	return 1 if ref $ours || $theirs eq $ours || $ours =~ /^\[[-\d:]+\]/;
	# spelled otherwise in JSON: compared by the copy (4)
	return $ours =~ /^(?:true|false|-?\d[\d.]*(?:[eE][-+]?\d+)?|[-+]?\d+-\d\d-.*|-?P.*|[A-Za-z0-9+\/=]*|[-\d]*T?[\d:.]+(?:Z|[-+][\d:]+)?)$/
	  && $theirs !~ /^-?\d+$/;
}

sub against_oracle
{
	my ($k, $stop) = @_;
	my @theirs = map { oracle_event($_) } lines('lake', peek('oracle', $stop, 'include-xids', '0', 'skip-empty-xacts', '1'));
	my @ours = map { json_event($_) } lines('lake', peek('ours', $stop, 'format', 'json', 'json-native', 'off'));
	$seen{'events against test_decoding'} += @theirs;
	my $n = @theirs < @ours ? @ours : @theirs;
	for my $i (0 .. $n - 1)
	{
		my ($t, $o) = ($theirs[$i], $ours[$i]);
		my $where = "event $i of $n";
		return check($k, 'events', 0, "$where: " . ($t ? "test_decoding has $t->{op} of $t->{table}" : 'test_decoding has no more') . ', json '
			. ($o ? "$o->{op} of $o->{table}" : 'has no more'))
		  unless $t && $o && $t->{op} eq $o->{op} && $t->{table} eq $o->{table};
		# what the new tuple lacks is in the old one where that is whole
		my @lacking = grep { !(exists $o->{new}{$_} && $o->{old} && exists $o->{old}{$_} && same_value($o->{new}{$_}, $o->{old}{$_})) } sort keys %{ $t->{unchanged} };
		return check($k, 'events', 0, "$where: unchanged columns are @lacking and " . join(' ', sort keys %{ $o->{unchanged} }))
		  unless join("\0", @lacking) eq join("\0", sort keys %{ $o->{unchanged} });
		next unless $t->{new};
		for my $c (sort keys %{ $t->{new} })
		{
			return check($k, 'events', 0, "$where, $t->{op} of $t->{table}, column $c: test_decoding has " . ($t->{new}{$c} // 'NULL') . ', json '
				. (exists $o->{new}{$c} ? $o->{new}{$c} // 'null' : 'nothing'))
			  unless exists $o->{new}{$c} && same_value($t->{new}{$c}, $o->{new}{$c});
		}
	}
	check($k, 'events', 1);
}

# 4
sub against_copy
{
	my ($k, $stop, $schema) = @_;
	sql('lake', "\\copy (" . peek('ours', $stop, 'format', 'json', 'json-native', 'off', 'binary.handling.mode', 'hex') . ") TO '$dir/lines'");
	applied_to_copy($k, $schema);
}

my @as_json = ('json-native', 'off', 'binary.handling.mode', 'hex');

# 5: the d and the u of one position are one update, whose key is that of the d.
sub against_flat
{
	my ($k, $stop, $schema) = @_;
	my @tables = $schema->by_key or return;
	sql('lake', "\\copy (" . peek('ours', $stop, 'format', 'flat', 'add.fields', 'table', @as_json) . ") TO '$dir/lines'");
	my $error = eval {
		sql('copy_flat', "BEGIN;\nTRUNCATE lines;\n\\copy lines (data) FROM '$dir/lines'\n" . $schema->apply_sql(1) . <<'SQL');
CREATE TEMP TABLE rows ON COMMIT DROP AS SELECT n, data::json AS l, data::json ->> '__op' AS op,
	(data::json ->> '__lsn')::bigint AS lsn, (data::json ->> '__seq')::bigint AS seq FROM lines;
SELECT count(apply(json_build_object('op', CASE op WHEN 'c' THEN 'insert' WHEN 'u' THEN 'update' WHEN 'd' THEN CASE WHEN moved THEN 'update' ELSE 'delete' END
		WHEN 't' THEN 'truncate' ELSE 'other' END,
		'table', l ->> '__table', 'key', l, 'new', CASE WHEN op = 'd' THEN after ELSE l END)))
	FROM (SELECT *, op = 'd' AND next_op = 'u' AND next_lsn = lsn AND next_seq = seq AS moved FROM
		(SELECT *, lead(op) OVER w AS next_op, lead(lsn) OVER w AS next_lsn, lead(seq) OVER w AS next_seq, lead(l) OVER w AS after,
			lag(op) OVER w AS last_op, lag(lsn) OVER w AS last_lsn, lag(seq) OVER w AS last_seq FROM rows WINDOW w AS (ORDER BY n)) x
		WHERE NOT (op = 'u' AND last_op IS NOT DISTINCT FROM 'd' AND last_lsn = lsn AND last_seq = seq) ORDER BY n) y;
COMMIT;
SQL
		1;
	} ? undef : $@;
	return check($k, 'copy_flat', 0, $error) if $error;
	same_as_copy($k, 'copy_flat', $schema->digest_sql(@tables), @tables);
}

# 6: a table at a time, as a tombstone does not say whose it is.
sub against_upserts
{
	my ($k, $stop, $schema) = @_;
	my @tables = grep { !$_->{stale} } $schema->by_key;
	for my $t (@tables)
	{
		my $pattern = quotemeta($schema->{bare}) . '\.' . quotemeta($t->{bare}) . ($t->{parts} ? '( p[01])?' : '');
		sql('lake', "\\copy (" . peek('ours', $stop, 'format', 'upsert', 'keys', 'on', 'messages', 'off', 'table.include.list', $pattern, @as_json) . ") TO '$dir/lines'");
		my $bare = quote_literal($t->{bare});
		my $out = eval {
			sql('copy_upsert', "BEGIN;\nTRUNCATE lines;\n\\copy lines (data) FROM '$dir/lines'\n" . $schema->apply_sql(1) . <<"SQL");
CREATE TEMP TABLE rows ON COMMIT DROP AS SELECT n, split_part(data, E'\\t', 1) AS k, nullif(split_part(data, E'\\t', 2), '') AS v FROM lines;
SELECT 'quarantined', count(*) FROM rows WHERE k = '' AND v::json ->> 'op' = 'quarantine';
SELECT count(apply(CASE WHEN k = '' THEN v::json ELSE json_build_object('op', CASE WHEN v IS NULL THEN 'delete' ELSE 'upsert' END,
		'table', $bare, 'key', k::json, 'new', v::json) END)) FROM (SELECT * FROM rows ORDER BY n) x
	WHERE NOT EXISTS (SELECT FROM rows WHERE k = '' AND v::json ->> 'op' = 'quarantine');
COMMIT;
SQL
		};
		return check($k, 'copy_upsert', 0, $@) if !defined $out;
		# nobody can tell from here on what should be there
		$t->{stale} = 1 if $out !~ /^quarantined\|0$/m;
		$seen{ $t->{stale} ? 'upserts: tables of which something could not be said' : 'upserts: tables compared' }++;
	}
	@tables = grep { !$_->{stale} } @tables;
	same_as_copy($k, 'copy_upsert', $schema->digest_sql(@tables), @tables) if @tables;
}

sql('lake', <<'SQL');
CREATE EXTENSION lakehouse;
CREATE FUNCTION is_json(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	PERFORM $1::jsonb;
	RETURN true;
EXCEPTION WHEN invalid_text_representation OR untranslatable_character THEN
	RETURN false;
END $$;
SQL

each_schema({ ours => 'lakehouse', theirs => 'wal2json', oracle => 'test_decoding' }, [ 'copy', 'copy_flat', 'copy_upsert' ], sub
{
	my ($k, $schema, $stop) = @_;
	against_wal2json($k, $stop, $_) for 1, 2;
	parses($k, $stop);
	against_oracle($k, $stop);
	against_copy($k, $stop, $schema);
	against_flat($k, $stop, $schema);
	against_upserts($k, $stop, $schema);
});
finish();
