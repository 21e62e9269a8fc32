# Tokens where nothing can be written: on a standby, in transactions that only read, in parallel workers; and domains
# that go to another database by pg_dump.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Lake;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir;
open(my $f, '>', "$dir/keys.json") or die "keys: $!";
print $f '{"keys": {"app:1": "', '0123456789abcdef' x 4, '"}}';
close $f or die "keys: $!";
chmod 0600, "$dir/keys.json";

my $primary = PostgreSQL::Test::Cluster->new('tokens_primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', $_) foreach q(shared_preload_libraries = 'lakehouse'), 'jit = off', 'autovacuum = off', 'max_wal_size = 1GB';
$primary->start;
$primary->safe_psql('postgres', qq{
	CREATE EXTENSION lakehouse;
	SELECT lakehouse.key_provider_create('file', 'file', '{"path": "$dir/keys.json"}');
	SELECT lakehouse.key_create('k', provider => 'file', kek => 'app');
	SELECT lakehouse.domain_create('cards', 'digits', 'k');
	CREATE ROLE teller LOGIN;
	CREATE ROLE nobody LOGIN;
	GRANT USAGE ON SCHEMA lakehouse TO teller, nobody;
	SELECT lakehouse.domain_grant('cards', 'tokenize', 'teller');
	CREATE TABLE numbers AS SELECT i, lpad((i * 7919)::text, 16, '4') AS v FROM generate_series(1, 50000) i;
	GRANT SELECT ON numbers TO teller, nobody;
	VACUUM ANALYZE numbers;
	CREATE FUNCTION become(role text) RETURNS text LANGUAGE plpgsql AS \$\$ BEGIN EXECUTE format('SET ROLE %I', role); RETURN role; END \$\$;
});
my $of_all = q{SELECT md5(string_agg(lakehouse.tokenize(v, 'cards'), ',' ORDER BY i)) FROM numbers};
my $want = $primary->safe_psql('postgres', $of_all, extra_params => [ '-U', 'teller' ]);
like($want, qr/^[0-9a-f]{32}$/, 'tokens on the primary');

# ---- parallel workers

my $parallel = 'SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;';
my $in_workers = q{SELECT count(DISTINCT lakehouse.tokenize(v, 'cards')), min(length(lakehouse.tokenize(v, 'cards'))) FROM numbers WHERE lakehouse.tokenize(v, 'cards') <> v};
like($primary->safe_psql('postgres', "$parallel EXPLAIN (COSTS OFF) $in_workers", extra_params => [ '-U', 'teller' ]), qr/Workers Planned: 2/, 'a plan with workers');
is($primary->safe_psql('postgres', "$parallel $in_workers", extra_params => [ '-U', 'teller' ]), '50000|16', 'workers make tokens');
my ($ret, $out, $err) = $primary->psql('postgres', "$parallel $in_workers", extra_params => [ '-U', 'nobody' ]);
like($err, qr/permission denied to tokenize in token domain "cards"/, 'and know for whom');
($ret, $out, $err) = $primary->psql('postgres', "$parallel SET ROLE teller; $in_workers; SET ROLE nobody; $in_workers");
is($out, '50000|16', 'a role that was set goes to the workers');
like($err, qr/permission denied to tokenize/, 'and another one');

# ---- reading only

is($primary->safe_psql('postgres', "BEGIN READ ONLY; $of_all; COMMIT", extra_params => [ '-U', 'teller' ]), $want, 'a transaction that only reads');

$primary->backup('b');
my $standby = PostgreSQL::Test::Cluster->new('tokens_standby');
$standby->init_from_backup($primary, 'b', has_streaming => 1);
$standby->start;
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
is($standby->safe_psql('postgres', $of_all, extra_params => [ '-U', 'teller' ]), $want, 'a standby makes the same tokens');
($ret, $out, $err) = $standby->psql('postgres', $of_all, extra_params => [ '-U', 'nobody' ]);
like($err, qr/permission denied to tokenize/, 'for those who may');

# a session that has tokenized learns of changes by the log
my $s = session($standby, user => 'teller');
my $one = q{SELECT length(lakehouse.tokenize('4111111111111111', 'cards'))};
is($s->value($one), 16, 'a session on the standby');
$primary->safe_psql('postgres', q{SELECT lakehouse.domain_revoke('cards', 'tokenize', 'teller')});
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
($out, $err) = $s->query($one);
like($err, qr/permission denied to tokenize/, 'the right ends there, too');
$primary->safe_psql('postgres', q{SELECT lakehouse.domain_grant('cards', 'tokenize', 'teller'); SELECT lakehouse.key_rotate('k')});
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
my $token = q{SELECT lakehouse.tokenize('4111111111111111', 'cards')};
my $before = $s->value($token);
is($before, $primary->safe_psql('postgres', $token, extra_params => [ '-U', 'teller' ]), 'a new version of the key changes no token');
$primary->safe_psql('postgres', q{SELECT lakehouse.domain_rotate('cards')});
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
isnt($s->value($token), $before, 'a rotated domain makes others, in the same session');
is($s->value($token), $primary->safe_psql('postgres', $token, extra_params => [ '-U', 'teller' ]), 'the same as on the primary');
($ret, $out, $err) = $standby->psql('postgres', q{SELECT lakehouse.domain_create('other', 'digits', 'k')});
like($err, qr/read-only|recovery/, 'a standby makes no domains');

# ---- a version in use stays

($ret, $out, $err) = $primary->psql('postgres', q{SELECT lakehouse.key_retire('k', 2)});
like($err, qr/cards|newest|active|use/, 'the version of a domain is not retired');

# ---- dump

my $old = $primary->safe_psql('postgres', $of_all, extra_params => [ '-U', 'teller' ]);
my $dump = "$dir/dump.sql";
$primary->command_ok([ 'pg_dump', '-f', $dump, '-d', $primary->connstr('postgres') ], 'dumped');
$primary->safe_psql('postgres', 'CREATE DATABASE restored');
$primary->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', $dump, '-d', $primary->connstr('restored') ], 'restored');
is($primary->safe_psql('restored', $of_all, extra_params => [ '-U', 'teller' ]), $old, 'the same tokens and rights in another database');
($ret, $out, $err) = $primary->psql('restored', $of_all, extra_params => [ '-U', 'nobody' ]);
like($err, qr/permission denied to tokenize/, 'and nobody else');
unlike(slurp_file($dump), qr/0123456789abcdef0123/, 'no key in the dump');

$standby->stop;
$primary->stop;
done_testing();
