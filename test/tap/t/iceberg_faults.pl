# Iceberg tables in an object store that fails: each kind of object that a table is made of
# (hint, metadata, manifest list, manifest, delete file, Puffin file, data file of each
# format) meets each fault.  A statement has the rows that the table has on disk, or an error
# that names the object; and it asks for no more than was promised.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use File::Copy;
use File::Path qw(make_path);
use Lake;
use PostgreSQL::Test::Utils;
use Stub;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir;
my $node = lake_node('iceberg_faults');
my $s = session($node);
my $lake = "$dir/s3/bucket/lake";
make_path($lake);
my $s3 = Stub->start("$dir/s3", '--s3', '--key', 'ALICE:alicesecret');
$s->value("CREATE SERVER s3 FOREIGN DATA WRAPPER lakehouse OPTIONS (allowed_locations 's3://bucket/lake, 127.0.0.1', endpoint '"
	  . $s3->url('') . "');
	CREATE USER MAPPING FOR CURRENT_USER SERVER s3 OPTIONS (access_key_id 'ALICE', secret_access_key 'alicesecret')");

# ---- tables: several manifests and files each, position deletes, equality deletes, deletion vectors

my %kinds = (
	hint => qr{/version-hint\.text$}, metadata => qr{\.metadata\.json(\.gz)?$}, list => qr{/snap-[^/]*\.avro$},
	manifest => qr{-m\d+\.avro$}, puffin => qr{\.puffin$}, delete => qr{-(deletes|equality)\.\w+$});
my %tables = (mor => 'v2/mor', partitioned => 'v3/partitioned', equality => 'v2/equality');
my $all = q{SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM};
my (%right, %asked);
foreach my $t (sort keys %tables)
{
	PostgreSQL::Test::Utils::system_or_bail('cp', '-r', fixture("iceberg/warehouse/$tables{$t}"), "$lake/$t");
	PostgreSQL::Test::Utils::system_or_bail('chmod', '-R', 'u+w', "$lake/$t");
	$s->value("CREATE FOREIGN TABLE $t () SERVER s3 OPTIONS (location 's3://bucket/lake/$t', format 'iceberg', rebase_location 'auto');
		CREATE FOREIGN TABLE local_$t () SERVER lake OPTIONS (location '$lake/$t', rebase_location 'auto')");
	$right{$t} = $s->value("$all local_$t t");
}

# "KIND.END" (metadata has no end) of the object that a request is about
sub kind_of
{
	my ($path) = @_;
	my ($kind) = ((grep { $path =~ $kinds{$_} } sort keys %kinds), "data");
	return $kind if $path =~ m{/metadata/};
	return $kind . ($path =~ /(\.\w+)$/)[0];
}

# Requests by kind, each with what was asked of its objects.
sub requests_by_kind
{
	my %found;
	foreach my $line ($s3->requests)
	{
		my ($method, $path) = $line =~ /^(\w+) ([^ ?]*)/;
		push @{ $found{ $line =~ /list-type/ ? 'listing' : kind_of($path) } }, "$method $path";
	}
	return \%found;
}

# ---- without faults: rows, and how often was asked

foreach my $t (sort keys %tables)
{
	my $f = session($node);
	$s3->reset;
	is($f->value("$all $t t"), $right{$t}, "$t: the rows");
	$asked{$t} = requests_by_kind();
	my %n = map { $_ => scalar @{ $asked{$t}{$_} } } keys %{ $asked{$t} };
	note "$t: ", join ', ', map { "$_ $n{$_}" } sort keys %n;
	cmp_ok(scalar(grep { /GET/ } @{ $asked{$t}{hint} }), '<=', 2, "$t: the hint is read once in planning and once in execution");
	is(scalar(grep { /GET/ } @{ $asked{$t}{metadata} }), 1, "$t: metadata is read once");
	cmp_ok($n{listing}, '<=', 4, "$t: listings: two in planning, two in execution");
	foreach my $kind (grep { /^(list|manifest|delete|data)/ } sort keys %n)
	{
		# a manifest again for the statistics of the keys of equality deletes that it told of,
		# a Puffin file for each data file it has a vector of
		my $most = $kind eq 'list' || ($t eq 'equality' && $kind eq 'manifest') ? 2 : $kind eq 'delete.puffin' ? 6 : 1;
		my %opened;
		$opened{$_}++ foreach grep { /HEAD/ } @{ $asked{$t}{$kind} };
		is_deeply([ grep { $opened{$_} > $most } sort keys %opened ], [], "$t: how often a $kind is opened");
	}
	$s3->reset;
	is($f->value("$all $t t"), $right{$t}, "$t: again");
	my $again = requests_by_kind();
	is_deeply([ grep { /GET/ } @{ $again->{metadata} // [] }, @{ $again->{manifest} // [] } ], [], "$t: metadata and manifests are in the cache");
	$f->quit;
}

# Whether a directory is a table is asked with few keys at first, but not page by page of so few.

$s->value("CREATE FOREIGN TABLE detected () SERVER s3 OPTIONS (location 's3://bucket/lake/mor', rebase_location 'auto')");
my ($manifest) = glob("$lake/mor/metadata/*-m0.avro");
copy($manifest, sprintf("$lake/mor/metadata/0000-orphan-%04d-m0.avro", $_)) or die foreach 1 .. 1200;
$s3->reset;
is($s->value("$all detected t"), $right{mor}, 'a table that is detected behind 1,200 other files');
cmp_ok(scalar($s3->requests(qr/list-type.*metadata%2F /)), '<=', 2 * 3, 'is found in a few pages');
unlink glob("$lake/mor/metadata/0000-orphan-*");

# ---- one object of each kind: those of one table, then what only the others have

my @objects;
my %seen;
foreach my $t (qw(mor partitioned equality))
{
	foreach my $kind (sort keys %{ $asked{$t} })
	{
		my ($path) = map { /GET (.*)/ ? $1 : () } @{ $asked{$t}{$kind} };
		push @objects, [ $t, $kind, $path ] unless $seen{$kind}++;
	}
}
is(scalar(@objects), 12, 'kinds of objects');

# What passes: an answer is asked for again as often as is said here.  What does not pass is
# an error of this kind; of a range, only where the object is read in more than one piece.
my %passing = (
	'statuses that pass' => [ 3, { kind => 'status', status => 503, times => 1 }, { kind => 'status', status => 500, times => 1 },
		{ kind => 'status', status => 429, arg => 0, times => 1 } ],
	'a reset' => [ 1, { kind => 'reset', times => 1 } ],
	'resets in the body' => [ 2, { kind => 'reset', arg => 100, times => 2 } ],
	'a slow body' => [ 0, { kind => 'slow', arg => 1 } ],
	'ranges cut short' => [ undef, { kind => 'truncate', arg => 1000 } ]);
my %failing = (
	'503 for ever' => [ '58030', { kind => 'status', status => 503, arg => 100 } ],
	'404' => [ '58P01', { kind => 'status', status => 404 } ],
	'404 after it was opened' => [ '55000', { kind => 'status', status => 404, match => 'GET' } ],
	'403' => [ '42501', { kind => 'status', status => 403 } ],
	'another ETag' => [ '55000', { kind => 'etag', arg => '"another"', match => 'GET' } ],
	'no ranges' => [ '0A000', { kind => 'norange' } ],
	'another range' => [ '58030', { kind => 'wrongrange' } ],
	'another body' => [ '0A000|XX001', { kind => 'body', arg => 'this is no such file', match => 'GET' } ]);
# faults of a file itself: its new content, from its content
my %damage = (
	'nothing in it' => sub { '' },
	'half of it' => sub { substr($_[0], 0, length($_[0]) / 2) },
	'one byte less' => sub { substr($_[0], 0, -1) },
	'bytes behind it' => sub { $_[0] . 'something' },
	'gone' => sub { undef });

# The answer of a new session, which has nothing in memory, with these faults of an object.
sub ask
{
	my ($t, $path, @faults) = @_;
	$s3->reset;
	foreach my $fault (@faults)
	{
		my %f = %$fault;
		my $method = delete $f{match} // '';
		$s3->fault(%f, match => "$method $path");
	}
	my $f = session($node);
	my ($out, $err) = $f->query("$all $t t");
	$f->quit;
	return ($out, $err, scalar(grep { index($_, "GET $path") == 0 } $s3->requests));
}

my ($rows, $errors) = (0, 0);
sub rows_or_error
{
	my ($what, $t, $name, $codes, $out, $err) = @_;
	if ($err eq '') { $rows++; return is($out, $right{$t}, "$what: the rows") }
	$errors++;
	is($out, '', "$what: no rows");
	return like($err, qr/ERROR: +($codes): .*\Q$name\E/, "$what: an error that names it");
}

foreach my $o (@objects)
{
	my ($t, $kind, $path) = @$o;
	my $listing = $kind eq 'listing';
	my ($name) = $path =~ m{([^/]*)$};
	$path .= '?' if $listing;
	$name = "s3://bucket/lake/$t" if $listing;
	my (undef, undef, $usual) = ask($t, $path);
	foreach my $fault (sort keys %passing)
	{
		my ($more, @faults) = @{ $passing{$fault} };
		my ($out, $err, $n) = ask($t, $path, map { { %$_, match => 'GET' } } @faults);
		is("$out$err", $right{$t}, "$kind, $fault: the rows");
		# a hint and a vector are too short to be cut, a listing comes whole
		$more = 0 if $fault eq 'resets in the body' && $kind =~ /^(hint|listing|delete\.puffin)/;
		is($n, $usual + $more, "$kind, $fault: requests") if defined $more;
	}
	foreach my $fault (sort keys %failing)
	{
		my ($code, $f) = @{ $failing{$fault} };
		my ($out, $err, $n) = ask($t, $path, $f);
		# without a hint the files are listed; a listing has neither ranges nor versions; a small object comes whole
		my $none = ($kind eq 'hint' && $fault =~ /^404|ETag/) || ($listing && $fault =~ /ETag/);
		my $maybe = $fault =~ /range/;
		$code = '58P01' if $listing && $fault =~ /^404/;
		if ($none || ($maybe && $err eq '')) { is("$out$err", $right{$t}, "$kind, $fault: the rows") }
		else { rows_or_error("$kind, $fault", $t, $name, $code, $out, $err); isnt($err, '', "$kind, $fault: fails") }
		cmp_ok($n, '<=', 2 * $usual, "$kind, $fault: requests") unless $none;
	}
	next if $listing;
	(my $file = "$dir/s3$path") =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
	my $content = slurp_file($file);
	foreach my $what (sort keys %damage)
	{
		my $new = $damage{$what}->($content);
		unlink $file;
		write_object($file, $new) if defined $new;
		my ($out, $err) = ask($t, $path);
		# an empty metadata file is listed as none
		my $missing = $kind eq 'metadata' && $what =~ /^(gone|nothing)/;
		rows_or_error("$kind, $what", $t, $missing ? "s3://bucket/lake/$t" : $name, 'XX001|58P01|22023|0A000|55000', $out, $err);
		# deletion vectors are read by the place, length and checksum that their manifest says, without the file's end
		isnt($err, '', "$kind, $what: fails") unless $kind eq 'hint' || $what eq 'bytes behind it' || ($kind eq 'delete.puffin' && $what =~ /half|less/);
	}
	write_object($file, $content);
}
note "$rows answers had the rows, $errors were errors";
cmp_ok($errors, '>', 100, 'there were errors');

# ---- how long is it tried, and what EXPLAIN says

my ($data) = map { /GET (.*)/ ? $1 : () } @{ $asked{mor}{'data.parquet'} };
my ($out, $err, $n) = ask('mor', $data, { kind => 'reset', match => 'GET' });
like($err, qr/ERROR: +58030: could not read ".*\.parquet": /, 'resets for ever');
cmp_ok($n, '<=', 6 + 1, 'are six requests, and one ahead of them');
cmp_ok($n, '>=', 6, 'and not fewer');
$s3->reset;
my $f = session($node);
$s3->fault(kind => 'status', status => 503, times => 2, match => "GET $data");
is(counter($f, 'SELECT * FROM mor', 'HTTP Retries'), 2, 'EXPLAIN counts the retries');
$f->quit;

# ---- files that go, or are others, between two fetches of a cursor

foreach my $t (sort keys %tables)
{
	foreach my $change ('gone', 'another')
	{
		my @files = grep { -f } map { glob("$lake/$t/data/$_") } '*.*', '*/*.*';
		my %kept = map { $_ => scalar slurp_file($_) } @files;
		my $c = session($node);
		my $rows = (split /\|/, $right{$t})[0];
		$s3->reset;
		$c->value("BEGIN; DECLARE c CURSOR FOR SELECT * FROM $t; FETCH 1 FROM c");
		# of the same length: only its version tells
		foreach my $file (@files) { $change eq 'gone' ? unlink $file : (unlink($file), write_object($file, reverse $kept{$file})) }
		($out, $err) = $c->query('FETCH ALL FROM c');
		if ($err eq '') { is(1 + scalar(my @l = split /\n/, $out), $rows, "$t, $change in a cursor: the rows") }
		else { like($err, qr{ERROR: +(58P01|55000|XX001): .*/$t/data/}, "$t, $change in a cursor: an error that names the file") }
		$c->quit;
		write_object($_, $kept{$_}) foreach @files;
	}
	is($s->value("$all $t t"), $right{$t}, "$t: whole again");
}
$s->quit;
$s3->stop;
$node->stop;

sub write_object
{
	my ($path, $content) = @_;
	open(my $f, '>:raw', $path) or die "$path: $!";
	print $f $content;
	close($f) or die;
	return;
}

done_testing();
