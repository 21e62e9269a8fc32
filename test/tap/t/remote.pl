# Network locations through SQL, against a server that does as badly as it is
# told: the rows are those of the local file, in as few requests as promised, and
# no right, credential or cached footer goes where it must not.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use File::Copy;
use File::Path qw(make_path);
use Lake;
use ParquetFile;
use PostgreSQL::Test::Utils;
use Stub;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir;
my $node = lake_node('remote');

# ---- data: two files of three row groups, one of them under a name that needs encoding

my @columns = ([ 'id', 'int64' ], [ 't', 'text' ], [ 'n', 'int64' ]);
sub groups
{
	my ($from) = @_;
	return [ map { my $g = $_; [ [ map { $from + $g * 2000 + $_ } 1 .. 2000 ],
				[ map { "text $_ of $g" } 1 .. 2000 ], [ map { $_ % 7 } 1 .. 2000 ] ] } 0 .. 2 ];
}
my $odd = "lake/year=2024/a b+c%41\x{c3}\x{a9}&=.parquet";
make_path("$dir/web/bucket/lake/year=2023", "$dir/web/bucket/lake/year=2024", "$dir/web/bucket/lake/_hidden");
write_parquet("$dir/web/one.parquet", \@columns, groups(0));
write_parquet("$dir/web/bucket/lake/year=2023/one.parquet", \@columns, groups(0));
write_parquet("$dir/web/bucket/$odd", \@columns, groups(6000));
copy("$dir/web/one.parquet", "$dir/web/bucket/lake/_hidden/x.parquet");

my $web = Stub->start("$dir/web", '--require', 'Bearer good');
my $s3 = Stub->start("$dir/web", '--s3', '--page', '1', '--key', 'ALICE:alicesecret', '--key', 'BOB:bobsecret:bobtoken');
my ($wp, $sp) = ($web->port, $s3->port);

$node->safe_psql('postgres', qq{
	CREATE SERVER web FOREIGN DATA WRAPPER lakehouse OPTIONS (allowed_locations 'http://127.0.0.1:$wp/');
	CREATE USER MAPPING FOR CURRENT_USER SERVER web OPTIONS (bearer_token 'good');
	CREATE SERVER s3 FOREIGN DATA WRAPPER lakehouse OPTIONS (
		allowed_locations 's3://bucket/lake, 127.0.0.1', endpoint 'http://127.0.0.1:$sp', region 'eu-test-1');
	CREATE USER MAPPING FOR CURRENT_USER SERVER s3 OPTIONS (access_key_id 'ALICE', secret_access_key 'alicesecret');
	CREATE ROLE reader LOGIN;
	CREATE ROLE bob LOGIN;
	CREATE ROLE carol LOGIN;
	GRANT USAGE ON FOREIGN SERVER s3, web TO bob, carol;
	GRANT CREATE ON SCHEMA public TO bob, carol;
	GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA lakehouse TO bob, carol, reader;
	CREATE USER MAPPING FOR bob SERVER s3 OPTIONS (access_key_id 'BOB', secret_access_key 'bobsecret', session_token 'bobtoken');
	CREATE FOREIGN TABLE local () SERVER lake OPTIONS (location '$dir/web/one.parquet');
	CREATE FOREIGN TABLE locals () SERVER lake OPTIONS (location '$dir/web/bucket/lake/year=*/*');
	CREATE FOREIGN TABLE http () SERVER web OPTIONS (location '@{[ $web->url('/one.parquet') ]}');
	CREATE FOREIGN TABLE objects () SERVER s3 OPTIONS (location 's3://bucket/lake');
	CREATE FOREIGN TABLE globbed () SERVER s3 OPTIONS (location 's3a://bucket/lake/year=*/*.parquet');});

my $all = 'SELECT count(*), sum(id), sum(length(t)), sum(n), min(t), max(id) FROM';
my $session = session($node);
my $local = $session->value("$all local");
my $locals = $session->value("$all locals");

# ---- rows

is($session->value("$all http"), $local, 'http: rows of the local file');
is($session->value("$all objects"), $locals, 's3: rows of a directory');
is($session->value("$all globbed"), $locals, 's3: rows of a glob');
is($session->value('SELECT string_agg(DISTINCT year::text, $$,$$) FROM objects'), '2023,2024', 's3: Hive partitions');
is($session->value(q{SELECT count(*) FROM lakehouse.list('s3://bucket/lake/**', server => 's3')}), 2, 's3: list');
is($session->value(q{SELECT size FROM lakehouse.list('s3://bucket/lake/year=2023/one.parquet', server => 's3')}),
	-s "$dir/web/one.parquet", 's3: list of one');
is($session->value(q{SELECT DISTINCT modified AT TIME ZONE 'UTC' FROM lakehouse.list('s3://bucket/lake', server => 's3')}),
	'2024-01-02 03:04:05', 's3: times of change');
cmp_ok(counter($session, 'SELECT * FROM http', 'Bytes Read Ahead'), '>', 0, 'columns are fetched ahead');
cmp_ok(counter($session, 'SELECT * FROM http', 'HTTP Requests'), '<=', 1 + 3, 'one request for each row group');
is($session->value(qq{SELECT count(*) FROM lakehouse.read('@{[ $web->url('/one.parquet') ]}', server => 'web') AS t(id bigint)}),
	6000, 'lakehouse.read');
$session->value(q{IMPORT FOREIGN SCHEMA x FROM SERVER s3 INTO public OPTIONS (location 's3://bucket/lake/')});
is($session->value('SELECT count(*) FROM "year=2023"'), 6000, 'IMPORT FOREIGN SCHEMA of a prefix');

# ---- requests

$session->value('SELECT count(*) FROM http');
$web->reset;
$session->value('SELECT count(*) FROM http');
is(scalar($web->requests(qr/^GET/)), 0, 'http: the footer comes from the cache');
cmp_ok(scalar($web->requests(qr/^HEAD/)), '<=', 2, 'http: planning and execution look once each');
$s3->reset;
$session->value('SELECT count(*) FROM globbed');
is(scalar($s3->requests(qr/^HEAD/)), 0, 's3: the listing tells what opening needs');
is(scalar($s3->requests(qr/bytes=/)), 0, 's3: footers come from the cache');
is(counter($session, 'SELECT sum(n) FROM http', 'HTTP Retries'), 0, 'no retries');
cmp_ok(counter($session, 'SELECT sum(n) FROM http', 'HTTP Requests'), '<=', 5, 'requests are counted, and few');
my $pruned = counter($session, 'SELECT t FROM http WHERE id = 4500', 'HTTP Requests');
cmp_ok($pruned, '<=', 4, 'pruned row groups are not asked for');

# ---- faults that pass

sub same_answer
{
	my ($what, %fault) = @_;
	$web->reset;
	$s3->reset;
	$web->fault(match => 'GET', %fault);
	$s3->fault(match => 'one.parquet', %fault);
	my $s = session($node);
	is($s->value("$all http"), $local, "$what: http");
	is($s->value("$all objects"), $locals, "$what: s3");
	$s->quit;
	return;
}
same_answer('503', kind => 'status', status => 503, every => 2);
same_answer('429', kind => 'status', status => 429, arg => 1, times => 1);
same_answer('reset', kind => 'reset', every => 2);
same_answer('reset in a body', kind => 'reset', arg => 5000);
same_answer('slow', kind => 'slow', arg => 1);
same_answer('truncated', kind => 'truncate', arg => 20000);
$s3->reset;
$web->reset;
$s3->fault(kind => 'status', status => 500, every => 2, match => 'list-type');
is($session->value("$all globbed"), $locals, '500 while listing');

# ---- faults that do not

sub fails
{
	my ($what, $error, $query, %params) = @_;
	my $s = $params{session} // session($node, %params);
	my ($out, $err) = $s->query($query);
	like($err, $error, $what);
	$s->quit unless $params{session};
	return $err;
}
$web->reset;
$s3->reset;
fails('no such object', qr/ERROR: +58P01: .*does not exist/, q{SELECT * FROM lakehouse.list('s3://bucket/lake/none.parquet', 's3')});
fails('no such bucket', qr/ERROR: +58030: .*NoSuchBucket|ERROR: +58P01: .*NoSuchBucket/, q{
	ALTER SERVER s3 OPTIONS (SET allowed_locations 's3://bucket/lake, s3://none, 127.0.0.1');
	SELECT * FROM lakehouse.list('s3://none/x/*', 's3')});
fails('a glob over http', qr/ERROR: +0A000: .*cannot be a pattern/, qq{SELECT * FROM lakehouse.list('@{[ $web->url('/*.parquet') ]}', 'web')});
$web->fault(kind => 'norange', match => 'one.parquet');
fails('no ranges', qr/ERROR: +0A000: .*does not serve ranges/, 'SELECT sum(n) FROM http');
$web->reset;
$web->fault(kind => 'status', status => 503, match => 'one.parquet', arg => 100);
fails('503 for ever', qr/ERROR: +58030: .*status 503/, 'SELECT sum(n) FROM http');
$web->reset;
$s3->fault(kind => 'body', match => 'list-type', arg => '<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>');
fails('a listing that is none', qr/ERROR: +XX001: .*could not list/, 'SELECT count(*) FROM globbed');
$s3->reset;

# ---- an object that changes between two ranges

{
	my $s = session($node);
	$s->value('BEGIN; DECLARE c CURSOR FOR SELECT id, t FROM globbed WHERE year = 2023; FETCH 1 FROM c');
	my $other = groups(1);
	$_->[1][0] .= ' longer' foreach @$other;
	write_parquet("$dir/web/bucket/lake/year=2023/one.parquet", \@columns, $other);
	fails('s3: a changed object', qr/ERROR: +55000: .*changed while it was being read/, 'FETCH ALL FROM c', session => $s);
	$s->value('ROLLBACK');
	isnt($s->value('SELECT sum(length(t)) FROM globbed WHERE year = 2023'), '', 's3: the next query reads the new one');
	$s->quit;
	write_parquet("$dir/web/bucket/lake/year=2023/one.parquet", \@columns, groups(0));
}
$web->fault(kind => 'etag', match => 'GET /one', arg => '"other"');
fails('http: another ETag', qr/ERROR: +55000: .*changed while it was being read/, 'SELECT sum(n) FROM http');
$web->reset;

# ---- rights

my $denied = qr/ERROR: +42501: /;
fails('no server, though superuser', qr/$denied.*\n.*\n.*server/, qq{SELECT * FROM lakehouse.list('@{[ $web->url('/one.parquet') ]}')});
fails('not covered', $denied, q{CREATE FOREIGN TABLE x () SERVER s3 OPTIONS (location 's3://bucket/other')});
fails('a prefix is not a text', $denied, q{CREATE FOREIGN TABLE x () SERVER s3 OPTIONS (location 's3://bucket/lakeside/x')});
fails('dots', qr/ERROR: +22023: /, q{CREATE FOREIGN TABLE x () SERVER s3 OPTIONS (location 's3://bucket/lake/../other')});
fails('encoded dots', qr/ERROR: +22023: /, q{CREATE FOREIGN TABLE x () SERVER web OPTIONS (location 'http://127.0.0.1/%2e%2e/x')});
fails('another port', $denied, q{CREATE FOREIGN TABLE x () SERVER web OPTIONS (location 'http://127.0.0.1:1/one.parquet')});
fails('another scheme', $denied, qq{CREATE FOREIGN TABLE x () SERVER web OPTIONS (location 'https://127.0.0.1:$wp/one.parquet')});
fails('no USAGE', $denied, q{SELECT * FROM lakehouse.list('s3://bucket/lake', 's3')}, user => 'reader');
fails('the owner has no right', $denied, q{CREATE FOREIGN TABLE x () SERVER s3 OPTIONS (location 's3://bucket/other')}, user => 'bob');
fails('only a superuser allows locations', $denied, q{ALTER SERVER s3 OPTIONS (SET allowed_locations 's3://bucket')}, user => 'bob');
fails('only a superuser names a secret file', $denied,
	q{ALTER USER MAPPING FOR bob SERVER s3 OPTIONS (ADD secret_file '/etc/passwd')}, user => 'bob');
$node->safe_psql('postgres', 'GRANT SELECT ON objects TO reader');
is($node->safe_psql('postgres', "$all objects", extra_params => [ '-U', 'reader' ]), $locals, 'GRANT SELECT suffices');
$node->safe_psql('postgres', q{
	CREATE SERVER shut FOREIGN DATA WRAPPER lakehouse OPTIONS (allowed_locations 's3://bucket/', endpoint 'http://127.0.0.1:} . $sp . q{')});
fails('a private address that no entry names', qr/$denied.*may not be connected/, q{SELECT * FROM lakehouse.list('s3://bucket/lake', 'shut')});
is(scalar($s3->requests(qr/ - 127/)), 0, 'and nothing was asked');

# ---- credentials

like(fails('a wrong key', qr/$denied.*InvalidAccessKeyId/, q{
	CREATE SERVER wrong FOREIGN DATA WRAPPER lakehouse OPTIONS (allowed_locations 's3://bucket, 127.0.0.1', endpoint 'http://127.0.0.1:} . $sp . q{');
	CREATE USER MAPPING FOR CURRENT_USER SERVER wrong OPTIONS (access_key_id 'EVE', secret_access_key 'evesecret');
	SELECT * FROM lakehouse.list('s3://bucket/lake', 'wrong')}), qr/^((?!evesecret).)*$/s, 'which no message repeats');
fails('no credentials', qr/$denied.*AccessDenied/, q{SELECT * FROM lakehouse.list('s3://bucket/lake', 's3')}, user => 'carol');
$node->safe_psql('postgres', q{
	CREATE FOREIGN TABLE bobs () SERVER s3 OPTIONS (location 's3://bucket/lake')}, extra_params => [ '-U', 'bob' ]);
is($node->safe_psql('postgres', "$all bobs", extra_params => [ '-U', 'bob' ]), $locals, 'a session token');

# one backend, two mappings: each asks for its own footers
{
	my $s = session($node);
	$s->value('SELECT count(*) FROM objects');
	my $footers = sub {
		my ($table) = @_;
		$s3->reset;
		$s->value("SELECT count(*) FROM $table");
		return scalar($s3->requests(qr/bytes=/));
	};
	is($footers->('objects'), 0, 'cached for the same mapping');
	is($footers->('bobs'), 2, 'not for another');
	is($footers->('bobs'), 0, 'which has its own then');
	is($footers->('objects'), 0, 'while the first stay');
	$s->value('ALTER FOREIGN TABLE bobs OWNER TO carol');
	fails('nor for none', qr/$denied.*AccessDenied/, 'SELECT count(*) FROM bobs', session => $s);
	$s->value('ALTER FOREIGN TABLE bobs OWNER TO bob; ALTER USER MAPPING FOR bob SERVER s3 OPTIONS (SET secret_access_key $$wrong$$)');
	fails('nor after the secret changed', qr/$denied.*SignatureDoesNotMatch/, 'SELECT count(*) FROM bobs', session => $s);
	$s->quit;
}

# a file with secrets
{
	my $file = "$dir/secrets.json";
	append_to_file($file, '{"access_key_id": "ALICE", "secret_access_key": "alicesecret"}');
	chmod 0644, $file;
	$node->safe_psql('postgres', qq{CREATE USER MAPPING FOR carol SERVER s3 OPTIONS (secret_file '$file')});
	my $query = q{SELECT count(*) FROM lakehouse.list('s3://bucket/lake', 's3')};
	fails('a file that others can read', qr/$denied.*cannot be used for secrets/, $query, user => 'carol');
	chmod 0600, $file;
	is($node->safe_psql('postgres', $query, extra_params => [ '-U', 'carol' ]), 2, 'a file with secrets');
}

# ---- redirects

{
	my $other = Stub->start("$dir/web");
	$web->fault(kind => 'redirect', match => '/one.parquet', arg => $other->url('/one.parquet'));
	my $s = session($node);
	is($s->value("$all http"), $local, 'a redirect to another port is followed');
	cmp_ok(scalar($web->requests(qr/ auth /)), '>', 0, 'with credentials to where they belong');
	is(scalar($other->requests(qr/ auth /)), 0, 'and without them to where they do not');
	$web->reset;
	$web->fault(kind => 'redirect', match => '/one.parquet', arg => 'http://169.254.169.254/latest/meta-data/');
	fails('a redirect to a link-local address', qr/$denied.*169\.254\.169\.254/, 'SELECT count(*) FROM http', session => $s);
	$web->reset;
	$s->quit;
	$other->stop;
}

# ---- stopping what hangs

my $canceled = qr/ERROR: +57014: +canceling statement/;

# Blocked signals of each thread, as in /proc.
sub blocked
{
	my ($pid) = @_;
	return map { slurp_file($_) =~ /^SigBlk:\s+([0-9a-f]+)/m ? $1 : () } glob("/proc/$pid/task/*/status");
}

# Processes whose parent it is.
sub children
{
	my ($pid) = @_;
	return grep { (eval { slurp_file("/proc/$_/stat") } // '') =~ /^\d+ \(.*\) \S \Q$pid\E / } map { m{(\d+)} ? $1 : () } glob('/proc/[0-9]*');
}

sub stops
{
	my ($what, $query, $hangs) = @_;
	my $s = session($node);
	if (ref $hangs ne 'CODE')
	{
		my $pattern = $hangs;
		$hangs = sub { return grep { (eval { slurp_file("/proc/$_/cmdline") } // '') =~ $pattern } children($s->pid) };
	}
	$s->value('SELECT count(*) FROM local');
	my @before = blocked($s->pid);
	my $sockets = grep { /socket/ } open_files($s->pid);
	$s->begin($query);
	ok(wait_until(30, $hangs), "$what: it hangs");
	is_deeply([ blocked($s->pid) ], \@before, "$what: one thread, which takes its signals");
	my $start = time;
	$node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $s->pid . ')');
	my ($out, $err) = $s->finish;
	like($err, $canceled, "$what: pg_cancel_backend");
	cmp_ok(time() - $start, '<', 20, "$what: in time");
	$s->value('SET statement_timeout = 300');
	$start = time;
	($out, $err) = $s->query($query);
	like($err, $canceled, "$what: statement_timeout");
	cmp_ok(time() - $start, '<', 20, "$what: in time");
	$s->value('SET statement_timeout = 0');
	is(threads($s->pid), 1, "$what: one thread");
	is(scalar(grep { /socket/ } open_files($s->pid)), $sockets, "$what: no socket is left");
	is(scalar(children($s->pid)), 0, "$what: no child is left");
	$s->quit;
	return;
}

$web->fault(kind => 'hang', match => 'HEAD /one');
stops('a hanging request', "$all http", sub { $web->requests(qr/^HEAD/) });
$web->reset;
$web->fault(kind => 'slow', match => 'GET /one', arg => 5000);
stops('a slow body', "$all http", sub { $web->requests(qr/^GET/) });
$web->reset;

# a look-up that hangs: by a library that is loaded before the C library
{
	append_to_file("$dir/hang.c", q{
		#define _GNU_SOURCE
		#include <dlfcn.h>
		#include <netdb.h>
		#include <string.h>
		#include <unistd.h>
		int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **res)
		{
			int (*next)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
				dlsym(RTLD_NEXT, "getaddrinfo");
			while (node != NULL && strcmp(node, "hangs.example") == 0)
				pause();
			return next(node, service, hints, res);
		}});
	PostgreSQL::Test::Utils::system_or_bail('cc', '-shared', '-fPIC', '-o', "$dir/hang.so", "$dir/hang.c", '-ldl');
	$node->stop;
	{
		local $ENV{LD_PRELOAD} = join ' ', grep { $_ } $ENV{LD_PRELOAD}, "$dir/hang.so";
		$node->start;
	}
	$session = session($node);
	$session->value(q{
		CREATE SERVER far FOREIGN DATA WRAPPER lakehouse OPTIONS (allowed_locations 'https://hangs.example/');
		CREATE FOREIGN TABLE far (a int) SERVER far OPTIONS (location 'https://hangs.example/x.parquet')});
	stops('a hanging look-up', 'SELECT * FROM far', qr/getent\0ahosts\0hangs\.example/);
	my $names = session($node);
	my (undef, $err) = $names->query(q{
		ALTER SERVER far OPTIONS (SET allowed_locations 'https://name.invalid/');
		ALTER FOREIGN TABLE far OPTIONS (SET location 'https://name.invalid/x.parquet');
		SELECT * FROM far});
	like($err, qr/ERROR: +58030: .*name could not be looked up/, 'a name that does not exist');
	$names->quit;
}

# ---- a thousand times over, whatever ends it

sub leaks_nothing
{
	my ($what, $error, $query) = @_;
	my $s = session($node);
	my $run = sub { return ($s->query(join '', ("$query;\n") x $_[0]))[1] };
	my $holds = sub { return [ threads($s->pid), scalar(children($s->pid)), scalar(grep { !m{/pgdata/} } open_files($s->pid)) ] };
	my $err = $run->(20);
	$error ? like($err, $error, "$what: fails as it should") : is($err, '', "$what: does not fail");
	my $before = $holds->();
	my $rss = rss_kb($s->pid);
	$run->(1000);
	is_deeply($holds->(), $before, "$what: threads, children and descriptors as before");
	cmp_ok(rss_kb($s->pid) - $rss, '<', 8 * 1024, "$what: the process does not grow");
	$s->quit;
	return;
}
leaks_nothing('scans', undef, 'SELECT FROM (SELECT * FROM http LIMIT 1) s WHERE id < 0');
$web->fault(kind => 'etag', match => 'GET /one', arg => '"other"');
leaks_nothing('errors in a scan', qr/ERROR: +55000/, 'SELECT sum(n) FROM http');
$web->reset;

done_testing();
