# What a session keeps of an Iceberg table's metadata, and what it asks each time: a
# file that may not be read any more, one that was replaced, a commit between PREPARE and
# EXECUTE.  Files that were opened before are looked at only; their ctime tells of rights.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Lake;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir;
my $node = lake_node('iceberg_seen');
my $table = "$dir/t";
PostgreSQL::Test::Utils::system_or_bail('cp', '-r', fixture('iceberg/sorted/good'), $table);
PostgreSQL::Test::Utils::system_or_bail('chmod', '-R', 'u+w', $table);
my $metadata = "$table/metadata/v1.metadata.json";
my @lists = map { "$table/metadata/snap-$_.avro" } 1000, 2000;
my @manifests = map { "$table/metadata/manifest-$_.avro" } 0, 1, 2;

my $s = session($node);
$s->value("CREATE FOREIGN TABLE t () SERVER lake OPTIONS (location '$table', rebase_location 'auto');
	SET plan_cache_mode = force_generic_plan;
	PREPARE p AS SELECT count(*), sum(id) FROM t;");

# old enough to be relied on
sub age
{
	my $old = time() - 3600;
	utime($old, $old, $metadata, @lists, @manifests, glob("$table/data/*"), "$table/metadata/version-hint.text", "$table/metadata") or die "utime: $!";
	sleep(2.2);
	return;
}

# ---- kept, and seen again
age();
is($s->value('SELECT count(*), sum(id) FROM t'), '303|45600', 'the table') for 1 .. 3;
is(counter($s, 'SELECT count(v) FROM t', 'Manifest Cache Hits'), 3, 'manifests are kept');
is(counter($s, 'SELECT count(v) FROM t', 'Manifest List Cache Hits'), 1, 'so is their list');

# ---- rights are asked each time, by a statement that runs as by one that is prepared
foreach my $file ($metadata, $lists[1], $manifests[0], "$table/data/a.parquet")
{
	my ($name) = $file =~ m{([^/]+)$};
	is($s->value('EXECUTE p'), '303|45600', "$name may be read");
	chmod(0, $file) or die "chmod: $!";
	foreach my $sql ('SELECT count(*), sum(id) FROM t', 'EXECUTE p')
	{
		my ($out, $err) = $s->query($sql);
		like($err, qr/could not open ".*\Q$name\E": Permission denied/, "$name may not be read: $sql");
		is($out, '', 'no row');
	}
	chmod(0644, $file) or die "chmod: $!";
	is($s->value('EXECUTE p'), '303|45600', "$name may be read again");
	# told by a look once more, since it was opened a while after that change
	sleep(2.2);
	is($s->value('EXECUTE p'), '303|45600', "$name is opened");
	is($s->value('EXECUTE p'), '303|45600', "$name is seen again");
	chmod(0, $file) or die "chmod: $!";
	my ($out, $err) = $s->query('EXECUTE p');
	like($err, qr/could not open ".*\Q$name\E": Permission denied/, "$name may not be read, after it was seen again");
	chmod(0644, $file) or die "chmod: $!";
}

# ---- a directory on the way
sleep(2.2);
is($s->value('EXECUTE p'), '303|45600', 'the directory may be entered') for 1 .. 2;
chmod(0, "$table/metadata") or die "chmod: $!";
my ($out, $err) = $s->query('EXECUTE p');
like($err, qr/Permission denied|no Iceberg table|does not exist/, 'the directory may not be entered');
chmod(0755, "$table/metadata") or die "chmod: $!";
is($s->value('EXECUTE p'), '303|45600', 'the directory may be entered again');

# ---- a role without the right to the files, in a session that has them in its cache
$s->value(q{CREATE ROLE poor; GRANT USAGE ON FOREIGN SERVER lake TO poor; GRANT ALL ON SCHEMA public TO poor; ALTER FOREIGN TABLE t OWNER TO poor;});
foreach my $sql ('SELECT count(*), sum(id) FROM t', 'EXECUTE p')
{
	($out, $err) = $s->query($sql);
	like($err, qr/no right to read/, "who has no right gets nothing that is kept: $sql");
}
unlike($s->value('EXPLAIN SELECT id FROM t'), qr/rows=303/, 'nor does planning');
$s->value('ALTER FOREIGN TABLE t OWNER TO CURRENT_USER');
like($s->value('EXPLAIN SELECT id FROM t'), qr/rows=303/, 'planning knows the rows');

# ---- a metadata file that was replaced under its name
my $json = slurp_file($metadata);
(my $first = $json) =~ s/"current-snapshot-id": 2000/"current-snapshot-id": 1000/;
$first =~ s/("main": \{\s*"snapshot-id": )2000/${1}1000/;
isnt($first, $json, 'another state');
sub replace
{
	my ($path, $text) = @_;
	open(my $f, '>', "$path.new") or die "$path: $!";
	print $f $text;
	close($f) or die;
	rename("$path.new", $path) or die "$path: $!";
	return;
}
replace($metadata, $first);
is($s->value('EXECUTE p'), '300|45150', 'a replaced metadata file is read');
age();
is($s->value('EXECUTE p'), '300|45150', 'and kept') for 1 .. 2;
# written in place: the directory tells nothing, the file does
open(my $f, '>', $metadata) or die;
print $f $json;
close($f) or die;
is($s->value('EXECUTE p'), '303|45600', 'a metadata file that was written again is read');

# ---- a commit between PREPARE and EXECUTE
age();
is($s->value('EXECUTE p'), '303|45600', 'before the commit') for 1 .. 2;
replace("$table/metadata/v2.metadata.json", $first);
replace("$table/metadata/version-hint.text", '2');
is($s->value('EXECUTE p'), '300|45150', 'a commit is seen by the next execution');
# by who does not write the hint
replace("$table/metadata/v3.metadata.json", $json);
is($s->value('EXECUTE p'), '303|45600', 'also one that left the hint alone');

# ---- the order of the plan after the commit
$s->value(q{ALTER FOREIGN TABLE t OPTIONS (ADD ref 'main')});
replace("$table/metadata/v4.metadata.json", $first);
$s->value('PREPARE o AS SELECT id FROM t ORDER BY id NULLS FIRST');
unlike($s->value('EXPLAIN EXECUTE o'), qr/Sort/, 'files follow each other: no sort');
replace("$table/metadata/v5.metadata.json", $json);
my @ids = split /\n/, $s->value('EXECUTE o');
is(scalar(@ids), 303, 'all rows of the new state');
is("@ids", join(' ', sort { $a <=> $b } @ids), 'in order');

# ---- letters that the database has in another order: b, v, ts here, b, ts, v there
$node->safe_psql('postgres', q{CREATE DATABASE koi TEMPLATE template0 ENCODING 'KOI8R' LC_COLLATE 'C' LC_CTYPE 'C'});
my $koi = session($node, db => 'koi');
$koi->value(q{CREATE EXTENSION lakehouse; CREATE SERVER lake FOREIGN DATA WRAPPER lakehouse;
	CREATE FOREIGN TABLE c () SERVER lake OPTIONS (location '} . fixture('iceberg/sorted/cyrillic') . q{', rebase_location 'auto')});
is($koi->value(q{SELECT string_agg(id::text, ' ') FROM (SELECT id FROM c ORDER BY name NULLS FIRST OFFSET 0) s}), '1 3 2', 'sorted as the server spells them');
done_testing();
