# Writing to object stores through SQL: an object appears whole or not at all, in as
# few requests as promised, and only where and by whose credentials it may.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use File::Path qw(make_path);
use Lake;
use PostgreSQL::Test::Utils;
use Stub;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir;
my $node = lake_node('remote_write', "session_preload_libraries = 'lakehouse'");
my $part = 8 << 20;

make_path("$dir/web/bucket/lake", "$dir/web/bucket/other");
my $s3 = Stub->start("$dir/web", '--s3', '--key', 'ALICE:alicesecret', '--key', 'BOB:bobsecret:bobtoken');
my $sp = $s3->port;

$node->safe_psql('postgres', qq{
	CREATE SERVER s3 FOREIGN DATA WRAPPER lakehouse OPTIONS (
		allowed_locations 's3://bucket/lake, 127.0.0.1', endpoint 'http://127.0.0.1:$sp');
	CREATE USER MAPPING FOR CURRENT_USER SERVER s3 OPTIONS (access_key_id 'ALICE', secret_access_key 'alicesecret');
	CREATE SERVER wrong FOREIGN DATA WRAPPER lakehouse OPTIONS (
		allowed_locations 's3://bucket/lake, 127.0.0.1', endpoint 'http://127.0.0.1:$sp');
	CREATE USER MAPPING FOR CURRENT_USER SERVER wrong OPTIONS (access_key_id 'EVE', secret_access_key 'evesecret');
	CREATE SERVER local FOREIGN DATA WRAPPER lakehouse OPTIONS (writable_directories '$dir');
	CREATE ROLE bob LOGIN;
	CREATE ROLE carol LOGIN;
	CREATE ROLE writer LOGIN IN ROLE pg_write_server_files;
	GRANT USAGE ON FOREIGN SERVER s3, local TO bob, carol;
	GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA lakehouse TO bob, carol, writer;
	CREATE USER MAPPING FOR bob SERVER s3 OPTIONS (access_key_id 'BOB', secret_access_key 'bobsecret', session_token 'bobtoken');
	CREATE TABLE small AS SELECT i, 'text ' || i AS t, ARRAY[i, NULL, -i] AS l FROM generate_series(1, 1000) i;
	CREATE TABLE large AS SELECT i, md5(i::text) AS t FROM generate_series(1, 500000) i;
	GRANT SELECT ON small TO bob, carol, writer;});
my $session = session($node);

# Files below the bucket, and parts of uploads that nobody completed.
sub objects { return sort map { s{^\Q$dir/web/bucket/}{}r } grep { -f } glob("$dir/web/bucket/*/*"), glob("$dir/web/bucket/*/.*") }
sub parts { return grep { -f } glob("$dir/web/.uploads/*") }

sub same_rows
{
	my ($what, $object, $table, $columns) = @_;
	my $read = "SELECT * FROM lakehouse.read('s3://bucket/lake/$object', server => 's3') AS t($columns)";
	is($session->value("SELECT count(*) FROM ((TABLE $table EXCEPT ALL $read) UNION ALL ($read EXCEPT ALL TABLE $table)) s"), 0, $what);
	is($session->value("SELECT count(*) FROM ($read) s"), $session->value("SELECT count(*) FROM $table"), "$what: as many");
	return;
}

sub fails
{
	my ($what, $error, $query, %params) = @_;
	my $s = session($node, %params);
	my ($out, $err) = $s->query($query);
	like($err, $error, $what);
	$s->quit;
	return $err;
}

# ---- a small object is one PUT

$s3->reset;
is($session->value(q{SELECT rows FROM lakehouse.write_parquet('TABLE small', 's3://bucket/lake/small.parquet', server => 's3')}),
	1000, 'write_parquet');
is_deeply([ map { s/ .*//r } $s3->requests ], [ 'HEAD', 'PUT' ], 'a look whether it exists, and one PUT');
same_rows('write_parquet: the rows', 'small.parquet', 'small', 'i int, t text, l int[]');
$s3->reset;
$session->value(q{COPY small TO 's3a://bucket/lake/copied.parquet' (FORMAT parquet, server s3)});
is_deeply([ map { s/ .*//r } $s3->requests ], [ 'HEAD', 'PUT' ], 'COPY TO: the same');
same_rows('COPY TO: the rows', 'copied.parquet', 'small', 'i int, t text, l int[]');
is(slurp_file("$dir/web/bucket/lake/copied.parquet"), slurp_file("$dir/web/bucket/lake/small.parquet"), 'and the same bytes');
$session->value(qq{COPY small TO '$dir/small.parquet' (FORMAT parquet)});
is(slurp_file("$dir/small.parquet"), slurp_file("$dir/web/bucket/lake/small.parquet"), 'which are those of a local file');

# ---- a large one is an upload of parts

my $large = q{(FORMAT parquet, server s3, compression 'none', dictionary off, row_group_size 20000)};
$s3->reset;
$session->value("COPY large TO 's3://bucket/lake/large.parquet' $large");
my $size = -s "$dir/web/bucket/lake/large.parquet";
cmp_ok($size, '>', 2 * $part, 'a large object');
is(scalar($s3->requests(qr/^POST \S*\?uploads=/)), 1, 'one upload');
is(scalar($s3->requests(qr/^PUT \S*partNumber=/)), int(($size + $part - 1) / $part), 'as many requests as it has parts');
is(scalar($s3->requests(qr/^POST \S*\?uploadId=/)), 1, 'completed once');
is(scalar($s3->requests(qr/^(?:DELETE|PUT (?!\S*partNumber))/)), 0, 'nothing else is written or removed');
is_deeply([ parts() ], [], 'no part is left');
same_rows('an upload: the rows', 'large.parquet', 'large', 'i int, t text');
$session->value("SET maintenance_work_mem = '1MB'; COPY large TO 's3://bucket/lake/tight.parquet' $large; RESET maintenance_work_mem");
same_rows('in little memory', 'tight.parquet', 'large', 'i int, t text');
unlink "$dir/web/bucket/lake/tight.parquet" or die;

# ---- what exists

my $was = slurp_file("$dir/web/bucket/lake/small.parquet");
fails('an object that exists', qr/ERROR: +58P02: .*already exists/, q{COPY (SELECT 1 AS a) TO 's3://bucket/lake/small.parquet' (FORMAT parquet, server s3)});
fails('the same by the function', qr/ERROR: +58P02: .*already exists/,
	q{SELECT lakehouse.write_parquet('SELECT 1 AS a', 's3://bucket/lake/small.parquet', server => 's3')});
is(slurp_file("$dir/web/bucket/lake/small.parquet"), $was, 'stays as it is');
$session->value(q{COPY (SELECT 1 AS a) TO 's3://bucket/lake/small.parquet' (FORMAT parquet, server s3, overwrite)});
is($session->value(q{SELECT a FROM lakehouse.read('s3://bucket/lake/small.parquet', server => 's3') AS t(a int)}), 1, 'overwrite');

# ---- loading

$session->value('CREATE TABLE loaded (LIKE large)');
$session->value(q{COPY loaded FROM 's3://bucket/lake/large.parquet' (FORMAT parquet, server s3) WHERE i <= 30000});
is($session->value('SELECT count(*) FROM (SELECT * FROM large WHERE i <= 30000 EXCEPT TABLE loaded) s'), 0, 'COPY FROM: all rows');
is($session->value('SELECT count(*) FROM loaded'), 30000, 'and no others');
fails('COPY FROM without a server', qr/ERROR: +42501: .*\n(?:.*\n)*HINT: .*option "server"/,
	q{COPY loaded FROM 's3://bucket/lake/large.parquet' (FORMAT parquet)});

# ---- whatever ends a statement early leaves nothing

my @before = objects();
my $query = 'SELECT md5(i::text) AS t, 1 / (400000 - i) AS x FROM generate_series(1, 500000) i';
$s3->reset;
fails('an error before the first part', qr/ERROR: +22012: /, q{COPY (SELECT 1 / (10 - i) AS x FROM generate_series(1, 20) i) TO 's3://bucket/lake/new.parquet' (FORMAT parquet, server s3)});
is_deeply([ map { s/ .*//r } $s3->requests ], ['HEAD'], 'writes nothing');
$s3->reset;
fails('an error in mid-upload', qr/ERROR: +22012: /, "COPY ($query) TO 's3://bucket/lake/new.parquet' $large");
cmp_ok(scalar($s3->requests(qr/^PUT \S*partNumber=/)), '>', 0, 'parts were sent');
is(scalar($s3->requests(qr/^DELETE \S*\?uploadId=/)), 1, 'the upload is aborted');
is(scalar($s3->requests(qr/^POST \S*\?uploadId=/)), 0, 'not completed');
is_deeply([ objects(), parts() ], \@before, 'nothing is left');
$s3->reset;
$session->value(qq{DO \$\$ BEGIN
		COPY ($query) TO 's3://bucket/lake/large.parquet' } . ($large =~ s/\)$/, overwrite)/r) . q{;
	EXCEPTION WHEN division_by_zero THEN NULL; END $$});
is(scalar($s3->requests(qr/^DELETE \S*\?uploadId=/)), 1, 'an error that is caught aborts the upload');
is(-s "$dir/web/bucket/lake/large.parquet", $size, 'what was to be replaced stays');

for my $case ([ 'cancelled', 'pg_cancel_backend', qr/57014/ ], [ 'terminated', 'pg_terminate_backend', undef ])
{
	my ($what, $function, $error) = @$case;
	my $s = session($node);
	my $pid = $s->pid;
	$s3->reset;
	$s3->fault(kind => 'hang', match => 'partNumber=2');
	$s->begin("COPY large TO 's3://bucket/lake/new.parquet' $large");
	ok(wait_until(30, sub { $s3->requests(qr/partNumber=2/) }), "$what: in mid-upload");
	is(scalar(parts()), 1, "$what: a part is there");
	$node->safe_psql('postgres', "SELECT $function($pid)");
	if ($error)
	{
		like(($s->finish)[1], $error, "$what: it ends");
		is(scalar(grep { /socket/ } open_files($pid)), scalar(grep { /socket/ } open_files($session->pid)), "$what: no socket is left");
		$s->quit;
	}
	else
	{
		ok(wait_until(20, sub { !-e "/proc/$pid" }), "$what: it ends");
	}
	is(scalar($s3->requests(qr/^DELETE \S*\?uploadId=/)), 1, "$what: the upload is aborted");
	is_deeply([ objects(), parts() ], \@before, "$what: nothing is left");
}

# ---- a server that fails

$s3->reset;
$s3->fault(kind => 'status', status => 503, match => 'PUT ', every => 2);
$session->value("COPY large TO 's3://bucket/lake/retried.parquet' $large");
same_rows('503 now and then', 'retried.parquet', 'large', 'i int, t text');
unlink "$dir/web/bucket/lake/retried.parquet" or die;
$s3->reset;
$s3->fault(kind => 'status', status => 403, match => 'partNumber=2');
fails('403 in mid-upload', qr/ERROR: +42501: .*could not write "s3:\/\/bucket\/lake\/new.parquet"/, "COPY large TO 's3://bucket/lake/new.parquet' $large");
is(scalar($s3->requests(qr/^DELETE \S*\?uploadId=/)), 1, 'the upload is aborted');
is_deeply([ objects(), parts() ], \@before, 'nothing is left');
$s3->reset;

# ---- rights: whatever is refused here is refused without a request

my $denied = qr/ERROR: +42501: /;
my $to = sub { return "COPY small TO '$_[0]' (FORMAT parquet" . ($_[1] ? ", server $_[1]" : '') . ')' };
fails('no server, though superuser', qr/$denied.*\n(?:.*\n)*HINT: .*option "server"/, $to->('s3://bucket/lake/new.parquet'));
fails('the same by the function', qr/$denied.*\n(?:.*\n)*HINT: .*option "server"/,
	q{SELECT lakehouse.write_parquet('TABLE small', 's3://bucket/lake/new.parquet')});
fails('pg_write_server_files is none', $denied, $to->('s3://bucket/lake/new.parquet'), user => 'writer');
fails('no USAGE', $denied, $to->('s3://bucket/lake/new.parquet', 's3'), user => 'writer');
fails('a server of local directories', $denied, $to->('s3://bucket/lake/new.parquet', 'local'), user => 'bob');
fails('a server of objects is none for files', qr/$denied.*permission denied to write/, $to->("$dir/new.parquet", 's3'), user => 'bob');
fails('not covered', $denied, $to->('s3://bucket/other/new.parquet', 's3'));
fails('a prefix is not a text', $denied, $to->('s3://bucket/lakeside/new.parquet', 's3'));
fails('dots', qr/ERROR: +22023: /, $to->('s3://bucket/lake/../other/new.parquet', 's3'));
unlike(fails('a secret in a location', qr/ERROR: +22023: /, $to->('s3://key:hunter2@bucket/lake/new.parquet', 's3')), qr/hunter2/,
	'which no message repeats');
fails('a pattern', qr/ERROR: +22023: /, $to->('s3://bucket/lake/*.parquet', 's3'));
fails('a directory', qr/ERROR: +22023: /, $to->('s3://bucket/lake/new/', 's3'));
fails('a web server', qr/ERROR: +0A000: .*cannot be written: web servers are only read\nHINT: .*s3:/, $to->("http://127.0.0.1:$sp/new.parquet", 's3'));
is(scalar($s3->requests), 0, 'nobody was asked');

# ---- credentials

is($node->safe_psql('postgres', $to->('s3://bucket/lake/bob.parquet', 's3'), extra_params => [ '-U', 'bob' ]), '', 'the mapping of the caller');
unlink "$dir/web/bucket/lake/bob.parquet" or die 'it is not there';
fails('no credentials', $denied, $to->('s3://bucket/lake/new.parquet', 's3'), user => 'carol');
for my $options ('', ', overwrite')
{
	unlike(fails("a wrong key$options", $options ? qr/$denied.*InvalidAccessKeyId/ : $denied,
		"COPY small TO 's3://bucket/lake/new.parquet' (FORMAT parquet, server wrong$options)"), qr/evesecret/, 'which no message repeats');
}
is_deeply([ objects(), parts() ], \@before, 'nothing is written');

# ---- again and again

{
	my $s = session($node);
	my $holds = sub { return [ threads($s->pid), scalar(grep { !m{/pgdata/} } open_files($s->pid)) ] };
	my $write = q{COPY (SELECT 1 AS a) TO 's3://bucket/lake/small.parquet' (FORMAT parquet, server s3, overwrite);
		DO $$ BEGIN COPY (SELECT 1 AS a) TO 's3://bucket/lake/small.parquet' (FORMAT parquet, server s3);
			EXCEPTION WHEN duplicate_file THEN NULL; END $$;
	};
	$s->value($write x 10);
	my $before = $holds->();
	my $rss = rss_kb($s->pid);
	$s->value($write x 200);
	is_deeply($holds->(), $before, 'threads and descriptors as before');
	cmp_ok(rss_kb($s->pid) - $rss, '<', 8 * 1024, 'the process does not grow');
	$s->quit;
}

done_testing();
