# A JDBC catalog in another PostgreSQL: who may read it, with which credentials,
# how often it is asked, and that waiting for it ends when it has to.
use strict;
use warnings;
use FindBin;
use IO::Socket::INET;
use lib "$FindBin::RealBin/../lib";
use Lake;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# ---- the other server: it trusts one user, and asks others for a password

my $catalog = PostgreSQL::Test::Cluster->new('catalog');
$catalog->init;
$catalog->append_conf('postgresql.conf', "listen_addresses = '127.0.0.1'\nlog_statement = all\nlog_connections = on");
unlink $catalog->data_dir . '/pg_hba.conf';
$catalog->append_conf('pg_hba.conf', "local all all trust\nhost all trusted 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256");
$catalog->start;
my $port = $catalog->port;
my $dir = fixture('iceberg/warehouse');
$catalog->safe_psql('postgres', qq{
	SET password_encryption = 'scram-sha-256';
	CREATE ROLE trusted LOGIN; CREATE ROLE asked LOGIN PASSWORD 'right word';
	CREATE DATABASE meta;});
$catalog->safe_psql('meta', qq{
	CREATE TABLE iceberg_tables (catalog_name varchar(255), table_namespace varchar(255), table_name varchar(255),
		metadata_location varchar(1000), previous_metadata_location varchar(1000), iceberg_type varchar(5),
		PRIMARY KEY (catalog_name, table_namespace, table_name));
	CREATE TABLE iceberg_namespace_properties (catalog_name varchar(255), namespace varchar(255), property_key varchar(255), property_value varchar(1000));
	INSERT INTO iceberg_tables VALUES
		('c', 'sales', 'orders', '$dir/demo/orders/metadata/v9.metadata.json', NULL, 'TABLE'),
		('c', 'sales', 'b', '$dir/v2/branches/metadata/v3.gz.metadata.json', NULL, 'TABLE'),
		('c', 'sales', 'Wärme "x"', '$dir/v2/branches/metadata/v9.gz.metadata.json', NULL, NULL);
	GRANT SELECT ON iceberg_tables, iceberg_namespace_properties TO trusted, asked;});

# What the other server was asked since the last time.
my $logged = 0;
sub asked
{
	my ($pattern) = @_;
	my $log = slurp_file($catalog->logfile, $logged);
	$logged += length $log;
	return scalar(my @hits = $log =~ /$pattern/g);
}

# ---- our server has been started by somebody with settings of his own

{
	my $service = PostgreSQL::Test::Utils::tempdir . '/service';
	open(my $f, '>', $service) or die;
	print $f "[elsewhere]\nhost=127.0.0.1\nport=1\n";
	close $f;
	our $node = PostgreSQL::Test::Cluster->new('lake');
	$node->init;
	$node->append_conf('postgresql.conf', 'jit = off');
	# each of these alone would lead libpq astray
	local $ENV{PGHOSTADDR} = '127.0.0.2';
	local $ENV{PGSERVICEFILE} = $service;
	local $ENV{PGSERVICE} = 'elsewhere';
	local $ENV{PGREQUIREPEER} = 'nobody';
	$node->start;
}
our $node;
$node->safe_psql('postgres', qq{
	CREATE EXTENSION lakehouse;
	CREATE SERVER cat FOREIGN DATA WRAPPER lakehouse OPTIONS (catalog 'jdbc', catalog_name 'c',
		host '127.0.0.1', port '$port', dbname 'meta', sslmode 'prefer', base_directories '$dir');
	CREATE USER MAPPING FOR CURRENT_USER SERVER cat OPTIONS (user 'trusted');
	CREATE ROLE other LOGIN;
	GRANT USAGE ON FOREIGN SERVER cat TO other;
	GRANT ALL ON SCHEMA public TO other;
	CREATE SCHEMA sales;
	GRANT ALL ON SCHEMA sales TO other;});
my $s = session($node);

# ---- a superuser

$s->value(q{IMPORT FOREIGN SCHEMA sales FROM SERVER cat INTO sales OPTIONS (rebase_location 'auto')});
is($s->value(q{SELECT string_agg(relname, ',' ORDER BY relname COLLATE "C") FROM pg_class WHERE relnamespace = 'sales'::regnamespace AND relkind = 'f'}),
	'Wärme "x",b,orders', 'tables of a namespace are imported');
is($s->value('SELECT count(*) FROM sales.orders'), 83, 'and read');
is($s->value('SELECT count(*) FROM sales."Wärme ""x"""'), 4, 'whatever their names');
like(($s->query('IMPORT FOREIGN SCHEMA nowhere FROM SERVER cat INTO sales'))[1], qr/HV00Q.*no namespace "nowhere"/, 'a namespace that is none');

# ---- asked once in planning for each table, and once in execution for all of a statement

asked(qr/./);
is($s->value('SELECT (SELECT count(*) FROM sales.orders) + (SELECT count(*) FROM sales.b) + (SELECT count(*) FROM sales.b)'), 89, 'three scans of two tables');
is(asked(qr/execute .*JOIN ROWS FROM/), 3, 'two look-ups to plan them, one to run them all');
$s->value("PREPARE p AS SELECT (SELECT count(*) FROM sales.orders) + (SELECT count(*) FROM sales.b)");
$s->value("SET plan_cache_mode = force_generic_plan; EXECUTE p");
asked(qr/./);
is($s->value('EXECUTE p'), 86, 'a plan that was made before');
is(asked(qr/execute .*JOIN ROWS FROM/), 1, 'asks once');
$catalog->safe_psql('meta', q{UPDATE iceberg_tables SET metadata_location = replace(metadata_location, 'v3', 'v9') WHERE table_name = 'b'});
is($s->value('EXECUTE p'), 87, 'and sees what has been committed since');
is($s->value("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM sales.b"), 4, 'REPEATABLE READ');
$catalog->safe_psql('meta', q{UPDATE iceberg_tables SET metadata_location = replace(metadata_location, 'v9.gz', 'v3.gz') WHERE table_name = 'b'});
is($s->value('SELECT count(*) FROM sales.b'), 4, 'keeps what it saw first');
is($s->value('COMMIT; SELECT count(*) FROM sales.b'), 3, 'to its end');

# ---- others need a password that the other server has asked for

my $o = session($node, user => 'other');
$o->value(q{CREATE FOREIGN TABLE o (id int) SERVER cat OPTIONS (namespace 'sales', table_name 'orders', rebase_location 'auto')});
like(($o->query('SELECT count(*) FROM o'))[1], qr/2F003.*password or role is required/, 'no mapping');
$s->value(q{CREATE USER MAPPING FOR other SERVER cat OPTIONS (user 'trusted')});
like(($o->query('SELECT count(*) FROM o'))[1], qr/2F003.*password or role is required/, 'no password');
$s->value(q{ALTER USER MAPPING FOR other SERVER cat OPTIONS (ADD password 'anything')});
like(($o->query('SELECT count(*) FROM o'))[1], qr/2F003.*did not ask for a password/, 'a password that nobody asked for');
$s->value(q{ALTER USER MAPPING FOR other SERVER cat OPTIONS (SET user 'asked')});
my $err = ($o->query('SELECT count(*) FROM o'))[1];
like($err, qr/08001.*could not connect/, 'a wrong password');
unlike($err, qr/anything/, 'is not repeated');
$s->value(q{ALTER USER MAPPING FOR other SERVER cat OPTIONS (SET password 'right word')});
is($o->value('SELECT count(*) FROM o'), 83, 'the right one');
# whose table it is decides, not who reads
$o->value('GRANT SELECT ON o TO PUBLIC');
$s->value('CREATE ROLE third LOGIN; GRANT USAGE ON SCHEMA public TO third');
my $t = session($node, user => 'third');
is($t->value('SELECT count(*) FROM o'), 83, 'read by somebody else with the owner\'s mapping');
like(($t->query('SELECT umoptions FROM pg_user_mappings WHERE usename = \'other\''))[0], qr/^$/, 'who cannot see it');
# nor are look-ups made for who may read nothing of it
asked(qr/./);
like(($t->query('EXPLAIN SELECT * FROM sales.b'))[1], qr/42501: permission denied/, 'who may not read a table');
$s->value('GRANT USAGE ON SCHEMA sales TO third');
like(($t->query('EXPLAIN SELECT * FROM sales.b'))[1], qr/42501: permission denied for foreign table b/, 'is told just that');
is(asked(qr/connection received/), 0, 'and the catalog is not asked for him');
$s->value('CREATE VIEW public.of_b AS SELECT * FROM sales.b; GRANT SELECT ON of_b TO third');
like($t->value('EXPLAIN SELECT * FROM of_b'), qr/rows=3 /, 'by a view it is');
$t->quit;

# ---- what cannot be reached, or does not answer

$s->value(q{ALTER SERVER cat OPTIONS (SET port '1')});
like(($s->query('SELECT count(*) FROM sales.b'))[1], qr/08001.*could not connect to the catalog of server "cat"/, 'nobody listens');
$s->value("ALTER SERVER cat OPTIONS (SET port '$port')");
my $lock = session($catalog, db => 'meta');
$lock->value('BEGIN; LOCK TABLE iceberg_tables IN ACCESS EXCLUSIVE MODE');
$s->value("SET statement_timeout = '300ms'");
my $start = time();
like(($s->query('SELECT count(*) FROM sales.b'))[1], qr/57014/, 'a timeout ends the wait');
cmp_ok(time() - $start, '<', 20, 'soon');
$s->value('RESET statement_timeout');
$s->begin('SELECT count(*) FROM sales.b');
ok(wait_until(30, sub { $catalog->safe_psql('meta', q{SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lakehouse' AND wait_event_type = 'Lock'}) > 0 }), 'waiting');
$node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $s->pid . ')');
like(($s->finish)[1], qr/57014/, 'so does a cancel');
$lock->value('ROLLBACK');
is($s->value('SELECT count(*) FROM sales.b'), 3, 'the session lives on');
ok(wait_until(30, sub { $catalog->safe_psql('meta', q{SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lakehouse'}) == 0 }), 'no connection is left');
is(scalar(grep { /^socket:/ } open_files($s->pid)), scalar(grep { /^socket:/ } open_files($o->pid)), 'nor a socket');

# ---- the other server ends the session, or takes a connection and says nothing

$lock->value('BEGIN; LOCK TABLE iceberg_tables IN ACCESS EXCLUSIVE MODE');
$s->begin('SELECT count(*) FROM sales.b');
ok(wait_until(30, sub { $catalog->safe_psql('meta', q{SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lakehouse' AND wait_event_type = 'Lock'}) > 0 }), 'waiting');
$catalog->safe_psql('meta', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lakehouse'});
like(($s->finish)[1], qr/57P01.*catalog of server "cat" could not be read/, 'a connection that is lost is an error');
$lock->value('ROLLBACK');
is($s->value('SELECT count(*) FROM sales.b'), 3, 'of one statement');
my $mute = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1') or die "listen: $!";
$s->value("ALTER SERVER cat OPTIONS (SET port '" . $mute->sockport . "', ADD connect_timeout '1')");
like(($s->query('SELECT count(*) FROM sales.b'))[1], qr/08001.*could not connect.*\n.*No connection within 1 seconds/, 'nobody waits for ever');
close($mute);
$s->value("ALTER SERVER cat OPTIONS (SET port '$port', DROP connect_timeout)");

# ---- partitions of one catalog are looked up at once; a function in a parallel worker does not look up by itself

$catalog->safe_psql('meta', q{INSERT INTO iceberg_tables SELECT 'c', 'many', 't' || i, metadata_location FROM iceberg_tables, generate_series(1, 30) i WHERE table_namespace = 'sales' AND table_name = 'b'});
$s->value(q{CREATE TABLE parts (id int, k int) PARTITION BY LIST (k);
	SELECT format('CREATE FOREIGN TABLE p%s PARTITION OF parts FOR VALUES IN (%s) SERVER cat OPTIONS (namespace %L, table_name %L, rebase_location %L)', i, i, 'many', 't' || i, 'auto') FROM generate_series(1, 30) i \gexec
	PREPARE parts AS SELECT count(id) FROM parts;
	SET plan_cache_mode = force_generic_plan});
is($s->value('EXECUTE parts'), 90, 'thirty partitions');
asked(qr/./);
is($s->value('EXECUTE parts'), 90, 'again');
is(asked(qr/execute .*JOIN ROWS FROM/), 1, 'are looked up by one query');
$s->value(q{RESET plan_cache_mode;
	CREATE TABLE many AS SELECT g AS id FROM generate_series(1, 10000) g;
	ANALYZE many;
	CREATE FUNCTION safe() RETURNS bigint LANGUAGE plpgsql STABLE PARALLEL SAFE AS 'BEGIN RETURN (SELECT count(*) FROM sales.b); END';
	SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET parallel_leader_participation = off});
like(($s->query('SELECT min(safe() + 0 * id) FROM many WHERE id < 3'))[1], qr/0A000.*known to the leader of the parallel plan only/, 'a worker that was told nothing');
$s->value('RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size; RESET parallel_leader_participation');

# ---- sslmode

$s->value("ALTER SERVER cat OPTIONS (SET sslmode 'require')");
like(($s->query('SELECT count(*) FROM sales.b'))[1], qr/08001.*could not connect.*\n.*SSL/, 'a server without TLS is none, where TLS is required');
my $data = $catalog->data_dir;
PostgreSQL::Test::Utils::system_or_bail('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=catalog', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', "$data/server.key", '-out', "$data/server.crt");
chmod 0600, "$data/server.key";
PostgreSQL::Test::Utils::system_or_bail('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=other', '-keyout', "$data/other.key", '-out', "$data/other.crt");
$catalog->append_conf('postgresql.conf', 'ssl = on');
$catalog->reload;
ok(wait_until(30, sub { $catalog->safe_psql('postgres', 'SHOW ssl') eq 'on' }), 'a server with TLS');
asked(qr/./);
is($s->value('SELECT count(*) FROM sales.b'), 3, 'is one');
cmp_ok(asked(qr/connection authorized: user=trusted .*SSL enabled/), '>', 0, 'and TLS was used');
$s->value("ALTER SERVER cat OPTIONS (SET sslmode 'verify-full', ADD sslrootcert '$data/server.crt')");
is($s->value('SELECT count(*) FROM sales.b'), 3, 'a certificate that is trusted');
$s->value("ALTER SERVER cat OPTIONS (SET sslrootcert '$data/other.crt')");
like(($s->query('SELECT count(*) FROM sales.b'))[1], qr/08001.*could not connect.*\n.*certificate verify failed/, 'one that is not');
$s->value("ALTER SERVER cat OPTIONS (SET sslmode 'disable', DROP sslrootcert)");
asked(qr/./);
is($s->value('SELECT count(*) FROM sales.b'), 3, 'or none is asked for');
is(asked(qr/SSL enabled/), 0, 'without TLS');
$s->value("ALTER SERVER cat OPTIONS (SET sslmode 'prefer')");

# ---- the password is for the catalog: an http location of the same server never sees it

$s->value(q{ALTER SERVER cat OPTIONS (ADD allowed_locations '127.0.0.1')});
my $stub_root = PostgreSQL::Test::Utils::tempdir;
require Stub;
my $stub = Stub->start($stub_root);
$catalog->safe_psql('meta', "INSERT INTO iceberg_tables VALUES ('c', 'sales', 'web', '" . $stub->url('/m/v1.metadata.json') . "')");
$o->value(q{CREATE FOREIGN TABLE w (id int) SERVER cat OPTIONS (namespace 'sales', table_name 'web')});
$o->query('SELECT count(*) FROM w');
cmp_ok(scalar($stub->requests(qr{/m/v1})), '>', 0, 'an http location was asked for');
is(scalar($stub->requests(qr/ auth /)), 0, 'without a password');
$stub->stop;

# ---- an answer that does not end is not listened to

$catalog->safe_psql('meta', q{
	ALTER TABLE iceberg_tables RENAME TO few;
	CREATE VIEW iceberg_tables AS SELECT * FROM few
		UNION ALL SELECT 'c', 'big', 't' || i, repeat('x', 1000000), NULL, NULL FROM generate_series(1, 1000) i;
	GRANT SELECT ON iceberg_tables TO trusted;});
like(($s->query('IMPORT FOREIGN SCHEMA big FROM SERVER cat INTO sales'))[1], qr/54000.*more than 1000000 rows or 64 MB/, 'a catalog is taken up to a limit');
cmp_ok(rss_kb($s->pid), '<', 400 * 1024, 'and no more of it');
is($s->value('SELECT count(*) FROM sales.b'), 3, 'other namespaces are there');

$_->quit foreach $s, $o, $lock;
$node->stop;
$catalog->stop;
done_testing();
