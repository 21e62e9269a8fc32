# Encrypted columns where values are kept or go: files, WAL, log, statistics, dumps, standbys, decoded changes; rotation
# beside pgbench, and killed.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use File::Find;
use Lake;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir;
open(my $f, '>', "$dir/keys.json") or die "keys: $!";
print $f '{"keys": {"app:1": "', '0123456789abcdef' x 4, '"}}';
close $f or die "keys: $!";
chmod 0600, "$dir/keys.json";

my @conf = (q(shared_preload_libraries = 'lakehouse'), 'jit = off', 'max_wal_size = 1GB', 'restart_after_crash = on', 'wal_level = logical', 'autovacuum = off',
	# a literal in a statement is the client's text
	'log_statement = none',
	# values that do not compress would be no proof
	'wal_compression = off');
my $primary = PostgreSQL::Test::Cluster->new('enc_primary');
$primary->init(allows_streaming => 'logical');
$primary->append_conf('postgresql.conf', $_) foreach @conf;
$primary->start;
my @clerk = (extra_params => [ '-U', 'clerk' ]);
$primary->safe_psql('postgres', qq{
	CREATE EXTENSION lakehouse;
	SELECT lakehouse.key_provider_create('file', 'file', '{"path": "$dir/keys.json"}');
	SELECT lakehouse.key_create('k', provider => 'file', kek => 'app');
	SELECT lakehouse.key_create('own', provider => 'file', kek => 'app');
	SELECT lakehouse.domain_create('own', 'text', 'own');
	SELECT lakehouse.domain_create('people', 'text', 'k');
	-- the version that blind indexes are made with stays; those after it are used by values alone
	SELECT lakehouse.key_rotate('k');
	ALTER DATABASE postgres SET lakehouse.encryption_domain = 'own';
	CREATE ROLE clerk LOGIN REPLICATION;
	CREATE ROLE nobody LOGIN REPLICATION;
	GRANT USAGE ON SCHEMA lakehouse TO clerk, nobody;
	GRANT pg_read_all_stats TO clerk;
	SELECT lakehouse.domain_grant('people', r, 'clerk') FROM unnest(ARRAY['encrypt', 'decrypt', 'search']) r;
	CREATE SCHEMA app AUTHORIZATION clerk;
	ALTER ROLE clerk SET search_path = app, lakehouse;
	ALTER ROLE nobody SET search_path = app, lakehouse;
});
$primary->safe_psql('postgres', q{
	CREATE TABLE people (id int PRIMARY KEY, mail lakehouse.enc_text('people', 'search') UNIQUE, note lakehouse.enc_text('people'), n int DEFAULT 0);
	CREATE TABLE others (id int PRIMARY KEY, b lakehouse.enc_bigint('people', 'search'), j lakehouse.enc_jsonb('people'), v lakehouse.enc_text);
	GRANT USAGE ON SCHEMA app TO nobody;
	GRANT ALL ON ALL TABLES IN SCHEMA app TO nobody;
}, @clerk);

sub fails
{
	my ($what, $node, $sql, $expected, @params) = @_;
	my (undef, undef, $err) = $node->psql('postgres', $sql, @params);
	like($err, $expected, $what);
	return;
}

# Files below the data directory, log included, that have these bytes.
sub files_with
{
	my ($node, $bytes) = @_;
	my @found;
	my $search = sub {
		return unless -f $_;
		open(my $in, '<:raw', $_) or return;    # removed meanwhile
		local $/;
		my $all = <$in>;
		push @found, $File::Find::name if defined $all && index($all, $bytes) >= 0;
	};
	find({ wanted => $search, no_chdir => 1 }, $node->data_dir);
	open(my $log, '<:raw', $node->logfile) or die "log: $!";
	local $/;
	push @found, $node->logfile if index(<$log>, $bytes) >= 0;
	return @found;
}

# ---- nothing plain is written

$primary->safe_psql('postgres', q{
	INSERT INTO people SELECT i, 'CANARY' || i || '@x.org', repeat('CANARY ', i % 1000) FROM generate_series(1, 3000) i;
	INSERT INTO people VALUES (-1, 'CANARY literal', 'CANARY literal');
	INSERT INTO others VALUES (1, 7246125346125345, '{"CANARY": "CANARY"}', 'CANARY literal');
	COPY people (id, mail, note) FROM stdin;
-2	CANARY by copy	CANARY by copy
\.
	CREATE TABLE copy AS SELECT * FROM people;
	CREATE INDEX ON copy USING hash (mail);
	ANALYZE;
	SET work_mem = '64kB';
	SELECT count(*) FROM (SELECT DISTINCT mail FROM people) x;
	SELECT count(*) FROM people a JOIN people b USING (mail) WHERE a.mail = 'CANARY5@x.org';
	UPDATE people SET note = mail::text::lakehouse.enc_text('people', 'search')::lakehouse.enc_text('people') WHERE id = 5;
	SET lakehouse.decrypt = on;
	SELECT * FROM people WHERE mail = 'CANARY5@x.org';
	CREATE MATERIALIZED VIEW kept AS SELECT id, mail::text FROM people WHERE id < 100;
	REFRESH MATERIALIZED VIEW kept;
}, @clerk);
# messages, with the values of a row, of COPY and of input
fails('a value that cannot be read', $primary, "COPY others (id, b) FROM stdin;\n9\tCANARY is no number\n\\.\n", qr/invalid input for type enc_bigint/, @clerk);
fails('no right to encrypt', $primary, "COPY people (id, note) FROM stdin;\n9\tCANARY\n\\.\n", qr/permission denied to encrypt/, extra_params => [ '-U', 'nobody' ]);
$primary->safe_psql('postgres', 'ALTER TABLE people ADD CONSTRAINT few CHECK (n < 1000000)', @clerk);
fails('a row that fails a constraint', $primary, 'SET lakehouse.decrypt = on; INSERT INTO people SELECT 9, NULL, note, 1000000 FROM people WHERE id = 7',
	qr/violates check constraint.*\n.*The values are not told/, @clerk);
fails('... by a whole row in it', $primary, 'SET lakehouse.decrypt = on; CREATE TEMP TABLE t (p people, n int CHECK (n < 5)); INSERT INTO t SELECT p, 5 FROM people p WHERE id = 7',
	qr/violates check constraint.*\n.*The values are not told/, @clerk);
fails('... of an encrypted column', $primary, "SET lakehouse.decrypt = on; BEGIN; SELECT mail FROM people WHERE id = 5; INSERT INTO people SELECT 9, mail FROM people WHERE id = 7",
	qr/duplicate key value.*\n.*The values are not told/, @clerk);
$primary->safe_psql('postgres', 'CHECKPOINT');
is_deeply([ files_with($primary, 'CANARY') ], [], 'no plain value in tables, indexes, statistics, WAL, log');
is($primary->safe_psql('postgres', q{SELECT count(*) FROM pg_stats WHERE pg_stats::text ~ 'CANARY'}, @clerk), 0, 'nor in pg_stats');
is($primary->safe_psql('postgres', 'SET lakehouse.decrypt = on; SELECT note FROM people WHERE id = 3', @clerk), 'CANARY CANARY CANARY ',
	'it is there for who may');
$primary->safe_psql('postgres', q{CREATE TABLE plain AS SELECT 'YRANAC'::text AS v; CHECKPOINT});
cmp_ok(scalar(files_with($primary, 'YRANAC')), '>=', 2, 'a plain one would have been found in a table and in WAL');

# ---- decoding: also in a session that may decrypt

my $contrib = -e $primary->config_data('--pkglibdir') . '/test_decoding.so';
SKIP: { skip 'this server has no test_decoding', 3 if !$contrib; }
foreach my $plugin ($contrib ? 'test_decoding' : (), 'lakehouse')
{
	my $changes = $primary->safe_psql('postgres', qq{
		SET lakehouse.decrypt = on;
		SELECT 1 FROM pg_create_logical_replication_slot('$plugin', '$plugin');
		INSERT INTO people VALUES (4001, 'CANARY of decoding', 'CANARY') RETURNING mail;
		UPDATE people SET note = 'CANARY again' WHERE id = 4001;
		SELECT convert_from(data, 'UTF8') FROM pg_logical_slot_get_binary_changes('$plugin', NULL, NULL);
		DELETE FROM people WHERE id = 4001;
		SELECT 1 FROM pg_drop_replication_slot('$plugin')}, @clerk);
	my @lines = split /\n/, $changes;
	ok((grep { $_ eq 'CANARY of decoding' } @lines), "$plugin: the session sees what it writes");
	like($changes, qr/lhc1:/, '... the decoded changes have armoured text');
	is(scalar(grep { /CANARY/ } @lines), 1, '... and that alone');
}

# ---- a standby

$primary->backup('b');
my $standby = PostgreSQL::Test::Cluster->new('enc_standby');
$standby->init_from_backup($primary, 'b', has_streaming => 1);
$standby->start;
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
is($standby->safe_psql('postgres', q{SELECT id FROM people WHERE mail = 'CANARY7@x.org'}, @clerk), 7, 'a standby finds a constant');
is($standby->safe_psql('postgres', q{SET lakehouse.decrypt = on; SELECT mail FROM people WHERE id = 7}, @clerk), 'CANARY7@x.org', 'and decrypts');
is($standby->safe_psql('postgres', q{BEGIN READ ONLY; SELECT lakehouse.decrypt(note) FROM people WHERE mail = lakehouse.search('CANARY3@x.org', 'people')}, @clerk),
	'CANARY CANARY CANARY ', 'by functions, too');
fails('for who may', $standby, q{SELECT id FROM people WHERE mail = 'CANARY7@x.org'}, qr/permission denied to search/, extra_params => [ '-U', 'nobody' ]);
$primary->safe_psql('postgres', q{SELECT lakehouse.domain_revoke('people', 'decrypt', 'clerk')});
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
fails('a right that ends ends there', $standby, q{SELECT lakehouse.decrypt(mail) FROM people WHERE id = 7}, qr/permission denied to decrypt/, @clerk);
$primary->safe_psql('postgres', q{SELECT lakehouse.domain_grant('people', 'decrypt', 'clerk')});

# ---- a dump

my $of_all = q{SELECT md5(string_agg(id || ',' || coalesce(mail::text, '') || ',' || coalesce(note::text, ''), ';' ORDER BY id)) FROM app.people};
my $restored = PostgreSQL::Test::Cluster->new('enc_restored');
$restored->init;
$restored->append_conf('postgresql.conf', $_) foreach @conf;
$restored->start;
$restored->safe_psql('postgres', q{CREATE ROLE clerk LOGIN; CREATE ROLE nobody LOGIN; ALTER ROLE clerk SET search_path = app, lakehouse; CREATE DATABASE other});
foreach my $how ([ 'postgres', '-Fp' ], [ 'other', '-Fc' ], [ 'inserts', '-Fp', '--inserts' ])
{
	my ($db, @options) = @$how;
	$restored->safe_psql('postgres', "CREATE DATABASE $db") if $db eq 'inserts';
	$primary->run_log([ 'pg_dump', '-d', $primary->connstr('postgres'), @options, '-N', 'public', '-f', "$dir/dump" ]);
	# that superuser has the setting on, but no right
	local $ENV{PGOPTIONS} = '-c lakehouse.decrypt=on';
	$primary->run_log([ 'pg_dump', '-d', $primary->connstr('postgres'), @options, '-N', 'public', '-f', "$dir/dump2" ]);
	delete $ENV{PGOPTIONS};
	my $text = $options[0] eq '-Fc' ? do { my ($out) = run_command([ 'pg_restore', '-f', '-', "$dir/dump2" ]); $out } : slurp_file("$dir/dump2");
	ok($text !~ /CANARY/ && $text =~ /lhc1:/, "a dump has armoured text (@options)");
	my ($out, $err) = $options[0] eq '-Fc' ? run_command([ 'pg_restore', '-d', $restored->connstr($db), "$dir/dump" ]) :
	  run_command([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $restored->connstr($db), '-f', "$dir/dump" ]);
	unlike($err, qr/ERROR|FATAL/i, '... which is restored without an error');
	is($restored->safe_psql($db, $of_all), $primary->safe_psql('postgres', $of_all), '... to the same values');
	is($restored->safe_psql($db, q{SELECT lakehouse.decrypt(note), lakehouse.decrypt(mail) FROM people WHERE mail = lakehouse.search('CANARY3@x.org', 'people')}, @clerk),
		'CANARY CANARY CANARY |CANARY3@x.org', '... that are found and opened');
	is($restored->safe_psql($db, q{SELECT string_agg(format_type(atttypid, atttypmod), ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'app.people'::regclass AND attnum IN (2, 3)}),
		q(lakehouse.enc_text('people','search') lakehouse.enc_text('people')), '... in columns of the same domain');
	fails('... and equal values are refused', $restored, q{INSERT INTO people SELECT 99999, lakehouse.encrypt('CANARY3@x.org', 'people', true)}, qr/duplicate key/, @clerk, dbname => $db)
	  if $db eq 'postgres';
}
$restored->stop;

# ---- versions

sub versions
{
	my ($column) = @_;
	return $primary->safe_psql('postgres', qq{SELECT string_agg(version || ':' || "values", ' ' ORDER BY version) FROM lakehouse.encryption_status('app.people', '$column')});
}
my $values = $primary->safe_psql('postgres', 'SELECT md5(string_agg(lakehouse.decrypt(mail) || lakehouse.decrypt(note), $$;$$ ORDER BY id)) FROM people', @clerk);
is(versions('mail'), '2:3002', 'all values are under the version that was the newest');

# who has sealed and is not through keeps the version
my $s = session($primary, user => 'clerk');
$s->value('BEGIN');
$s->value(q(INSERT INTO people VALUES (5001, 'late'::text, 'late'::text)));
$primary->safe_psql('postgres', q{SELECT lakehouse.key_rotate('k')});
$primary->safe_psql('postgres', q{DROP TABLE app.copy; DELETE FROM app.others});
my $rotate = q{CALL lakehouse.encryption_rotate('app.people', 'mail', 4); CALL lakehouse.encryption_rotate('app.people', 'note', 4)};
$primary->safe_psql('postgres', $rotate);
is(versions('mail') . ' ' . versions('note'), '3:3002 3:3002', 'all values are under the newest version');
fails('a version is not retired while a transaction has sealed under it', $primary, q{SELECT lakehouse.key_retire('k', 2)}, qr/in use.*\n.*a transaction that is not over/);
$s->value('COMMIT');
fails('nor when its value is there', $primary, q{SELECT lakehouse.key_retire('k', 2)}, qr/in use.*\n.*column "mail" of table "people"/);
$primary->safe_psql('postgres', 'DELETE FROM app.people WHERE id = 5001');
$primary->safe_psql('postgres', q{SELECT lakehouse.key_retire('k', 2)});
is($primary->safe_psql('postgres', q{SELECT state FROM lakehouse.key_status('k') WHERE version = 2}), 'retired', 'but when nothing is under it');
$primary->safe_psql('postgres', q{SELECT lakehouse.key_destroy('k', 2)});
my $check = 'SELECT md5(string_agg(lakehouse.decrypt(mail) || lakehouse.decrypt(note), $$;$$ ORDER BY id)) FROM people';
is($primary->safe_psql('postgres', $check, @clerk), $values, 'and no value is lost when it is destroyed');
$s->quit;

# ---- rotation beside writers

open($f, '>', "$dir/load.sql") or die "load: $!";
print $f <<'SQL';
\set id random(1, 3000)
UPDATE app.people SET n = n + 1 WHERE id = :id;
BEGIN;
UPDATE app.people SET note = lakehouse.encrypt('note ' || :id, 'people') WHERE id = :id;
SELECT lakehouse.decrypt(mail) FROM app.people WHERE mail = lakehouse.search('CANARY' || :id || '@x.org', 'people');
COMMIT;
SQL
close $f;
$primary->safe_psql('postgres', q{SELECT lakehouse.key_rotate('k')});
my ($in, $out, $err) = ('', '', '');
my $load = IPC::Run::start([ $primary->installed_command('pgbench'), '-n', '-c', '3', '-t', '400', '-U', 'clerk', '-f', "$dir/load.sql", $primary->connstr('postgres') ], \$in, \$out, \$err);
$primary->safe_psql('postgres', $rotate);
$load->finish;
like($out, qr/number of transactions actually processed: 1200\/1200/, 'writers go on while values are encrypted anew') or diag($out, $err);
unlike($err, qr/ERROR/, '... without an error');
# what writers that had begun before have sealed since
$primary->safe_psql('postgres', $rotate);
is(versions('mail') . ' ' . versions('note'), '4:3002 4:3002', '... and all values are under the newest version');
is($primary->safe_psql('postgres', q{SELECT count(*) FROM people WHERE id BETWEEN 1 AND 3000 AND lakehouse.decrypt(mail) = 'CANARY' || id || '@x.org'
	AND (n = 0 OR lakehouse.decrypt(note) = 'note ' || id)}, @clerk), 3000, '... which no writer and no rotation has lost');
is($primary->safe_psql('postgres', q{SELECT sum(n) FROM people}, @clerk), 1200, '... nor an update of another column');
$primary->safe_psql('postgres', q{SELECT lakehouse.key_retire('k', 3)});

# ---- rows that somebody has locked, and a kill

$primary->safe_psql('postgres', q{SELECT lakehouse.key_rotate('k')});
my $locker = session($primary, user => 'clerk');
$locker->value('BEGIN');
$locker->value('SELECT id FROM people WHERE id = 2999 FOR UPDATE');
my $runner = session($primary);
$runner->begin(q{CALL lakehouse.encryption_rotate('app.people', 'mail', 1)});
# all but one: it is passed over, and waited for by nobody
wait_until(60, sub { versions('mail') eq '4:1 5:3001' });
is(versions('mail'), '4:1 5:3001', 'a locked row is passed over');
is($primary->safe_psql('postgres', q{SELECT state FROM lakehouse.encryption_progress ORDER BY job DESC LIMIT 1}), 'running', '... and the run waits');
fails('one run at a time', $primary, q{CALL lakehouse.encryption_rotate('app.people', 'note')}, qr/by another session/);
my $pid = $primary->safe_psql('postgres', q{SELECT pid FROM lakehouse.encryption_progress ORDER BY job DESC LIMIT 1});
kill 'KILL', $pid;
$primary->poll_query_until('postgres', 'SELECT true');
is($primary->safe_psql('postgres', q{SELECT state FROM lakehouse.encryption_progress ORDER BY job DESC LIMIT 1}), 'stopped', 'a run that was killed is stopped');
is(versions('mail'), '4:1 5:3001', '... what it has done stays');
fails('... and what it has not done keeps the version', $primary, q{SELECT lakehouse.key_retire('k', 4)}, qr/in use/);
is($primary->safe_psql('postgres', q{SELECT id FROM people WHERE mail = 'CANARY2999@x.org' OR mail = 'CANARY1@x.org' ORDER BY id}, @clerk), "1\n2999", '... values of both versions are found');
$primary->safe_psql('postgres', $rotate);
is(versions('mail') . ' ' . versions('note'), '5:3002 5:3002', 'called again, it goes on');
is($primary->safe_psql('postgres', q{SELECT string_agg("column" || ' ' || state, ', ' ORDER BY job) FROM (SELECT * FROM lakehouse.encryption_progress ORDER BY job DESC LIMIT 2) x}),
	'mail finished, note finished', '... to its end');
$primary->safe_psql('postgres', q{SELECT lakehouse.key_retire('k', 4)});
is($primary->safe_psql('postgres', q{SELECT count(*) FROM people WHERE lakehouse.decrypt(mail) LIKE 'CANARY%'}, @clerk), 3002, '... with all values');
is_deeply([ files_with($primary, 'CANARY') ], [], 'and no plain value was written');

done_testing();
