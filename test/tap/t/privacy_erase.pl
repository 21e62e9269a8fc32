# Keys of subjects: an old base backup with its WAL after an erasure, standbys, a kill between the store and the proof, a kill while keys are
# wrapped anew, many sessions at once, a store that is away, a dump.
use strict;
use warnings;
use Fcntl qw(:flock);
use FindBin;
use lib "$FindBin::RealBin/../lib";
use File::Find;
use IPC::Run;
use Lake;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir;
my $store = "$dir/store";
my $kek = join '', map { sprintf '%02x', int rand 256 } 1 .. 32;
mkdir $store, 0700 or die;
open(my $f, '>', "$dir/keys.json") or die;
print $f qq({"keys": {"app:1": "$kek"}});
close($f);
chmod 0600, "$dir/keys.json" or die;

my $node = PostgreSQL::Test::Cluster->new('subjects');
$node->init(has_archiving => 1, allows_streaming => 1);
$node->append_conf('postgresql.conf', $_) foreach 'jit = off', q(shared_preload_libraries = 'lakehouse'), 'restart_after_crash = on',
	'max_connections = 30', "lakehouse.subject_key_store = '$store'", 'autovacuum = off';
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION lakehouse');
my $s = session($node);

sub fails
{
	my ($what, $session, $sql, @expected) = @_;
	my (undef, $err) = $session->query($sql);
	like($err, $_, $what) foreach @expected;
	return;
}

# Files below these directories that hold the bytes.
sub holders
{
	my ($bytes, @below) = @_;
	my @found;
	find({ no_chdir => 1, wanted => sub {
		return unless -f $_;
		open(my $in, '<:raw', $_) or return;
		local $/;
		my $content = <$in> // '';
		push @found, $_ if index($content, $bytes) >= 0;
	} }, @below);
	return @found;
}

# The file of a key, and the wrapped key in it.
sub entry_file
{
	my ($session, $subject) = @_;
	my $id = $session->value("SELECT to_hex(lakehouse.subject_key('pii', '$subject'))");
	return "$store/keys/" . substr($id, -3) . "/$id";
}

sub wrapped
{
	open(my $in, '<:raw', $_[0]) or die "$_[0]: $!";
	local $/;
	return substr(<$in>, 120, 64);
}

my ($plain, $later, $name, $control) = ('PLAIN-TEXT-OF-ANN-0815', 'PLAIN-TEXT-AFTER-BACKUP-4711', 'ann.of.the.test@example.com', 'CONTROL-VALUE-2342');

$s->value($_) foreach
  qq(SELECT lakehouse.key_provider_create('dev', 'file', '{"path": "$dir/keys.json"}')),
  q(SELECT lakehouse.key_create('pii', provider => 'dev', kek => 'app')),
  q(SELECT lakehouse.subject_store_create()),
  q(SELECT lakehouse.domain_create('d', 'text', 'pii')),
  q(CREATE ROLE app LOGIN; GRANT USAGE ON SCHEMA lakehouse TO app),
  q(SELECT lakehouse.domain_grant('d', 'encrypt', 'app'), lakehouse.domain_grant('d', 'decrypt', 'app')),
  q(CREATE TABLE t (who int, c text); GRANT ALL ON t TO app);
my $app = session($node, user => 'app');
$app->value("INSERT INTO t VALUES (1, lakehouse.subject_encrypt('$plain', 'd', '$name')), (2, lakehouse.subject_encrypt('of bob', 'd', 'bob')), (3, '$control')");
my $decrypt = q(SELECT lakehouse.subject_decrypt(c, 'd') FROM t WHERE who = %d ORDER BY c LIMIT 1);
my $ann = sprintf $decrypt, 1;
my $bob = sprintf $decrypt, 2;
is($app->value($ann), $plain, 'a value is read');
my $parallel = $node->pg_version >= 16 ? 'debug_parallel_query' : 'force_parallel_mode';
$app->value("SET $parallel = on");
is($app->value($ann), $plain, '... and in a parallel worker');
$app->value("RESET $parallel");

# ---- a backup and WAL of before the erasure

$s->value('CHECKPOINT');
$node->backup('old');
$app->value("INSERT INTO t VALUES (4, lakehouse.subject_encrypt('$later', 'd', '$name'))");
$s->value(q(SELECT pg_create_restore_point('before')));
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'old', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);
my $r = session($standby, user => 'app');
is($r->value($ann), $plain, 'a standby reads it, too');
is($r->value(sprintf $decrypt, 4), $later, '... and what came by WAL');
fails('... and makes no keys', $r, q(SELECT lakehouse.subject_encrypt('x', 'd', 'nobody yet')), qr/25006: a subject without a key is not given one on a standby/);
fails('... nor erases', session($standby), q(SELECT lakehouse.subject_erase('pii', 'bob')), qr/25006: cannot execute lakehouse.subject_erase/);

my $file = entry_file($s, $name);
my $secret = wrapped($file);
is(scalar(holders($secret, $dir)), 1, 'the wrapped key is in one file of the store');
$r->value('BEGIN');
is($r->value($ann), $plain, 'a transaction of the standby has read it');
my $receipt = $s->value("SELECT encode(receipt, 'hex') FROM lakehouse.subject_erase('pii', '$name', 'the test')");
like($receipt, qr/^[0-9a-f]{64}$/, 'the key is erased');
# at once: nothing is waited for
fails('a standby reads it no more', $r, $ann, qr/55000: the key of this subject has been erased/);
$r->value('ROLLBACK');
fails('... in no session', session($standby, user => 'app'), $ann, qr/55000: the key of this subject has been erased/);
fails('nor does the primary', $app, $ann, qr/55000: the key of this subject has been erased/);
is($app->value($bob), 'of bob', 'others are as before');
is($r->value($bob), 'of bob', '... on the standby as well');
is(scalar(holders($secret, $dir)), 0, 'the wrapped key is in no file of the store');

# the old backup with its WAL, up to the moment before, beside the same store
$s->value('SELECT pg_switch_wal()');
$s->value('CHECKPOINT');
my $restored = PostgreSQL::Test::Cluster->new('restored');
$restored->init_from_backup($node, 'old', has_restoring => 1, standby => 0);
$restored->append_conf('postgresql.conf', $_) foreach q(recovery_target_name = 'before'), q(recovery_target_action = 'promote');
$restored->start;
$restored->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die;
my $o = session($restored, user => 'app');
my $keeper = session($restored);
is($o->value('SELECT count(*) FROM t'), 4, 'restored to the moment before the erasure');
is($keeper->value('SELECT count(*) FROM lakehouse.erasures'), 0, '... which it does not know of');
fails('an old backup with its WAL shows no plain text', $o, sprintf($decrypt, $_), qr/55000: the key of this subject has been erased/) foreach 1, 4;
is($o->value($bob), 'of bob', '... and all others');
fails('... nor makes the subject a new key', $o, "SELECT lakehouse.subject_encrypt('x', 'd', '$name')", qr/55000: the key of this subject has been erased/);
is($keeper->value('SELECT erased, recorded FROM lakehouse.subject_store_reconcile()'), '0|1', 'it gets the proof from the store');
is($keeper->value(q(SELECT encode(receipt, 'hex') FROM lakehouse.erasures)), $receipt, '... with the same receipt');
$keeper->value('CHECKPOINT');
my @places = ($restored->data_dir, $node->data_dir, $standby->data_dir, $node->backup_dir, $node->archive_dir);
cmp_ok(scalar(holders($control, $_)), '>', 0, 'what is not encrypted is found in ' . (split m{/}, $_)[-2]) foreach @places;
is_deeply([ holders($_->[1], @places) ], [], "no data directory, backup or WAL has $_->[0]")
  foreach [ 'the plain text', $plain ], [ 'what was written later', $later ], [ 'the wrapped key', $secret ], [ 'the name of the subject', $name ];
is_deeply([ holders($name, $store) ], [], 'nor has the store the name of the subject');
$_->quit foreach $o, $keeper;
$restored->stop;

# ---- killed between the store and the proof

my $blocker = session($node);
$blocker->value('BEGIN; LOCK TABLE lakehouse.erasures');
$file = entry_file($s, 'carol');
$secret = wrapped($file);
my $victim = session($node);
$victim->begin(q(SELECT lakehouse.subject_erase('pii', 'carol', 'never told')));
ok(wait_until(60, sub { $s->value(q(SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'lakehouse.erasures'::regclass)) eq '1' }), 'an erasure waits to write its proof');
is(scalar(holders($secret, $store)), 0, '... when the key is gone already');
kill('KILL', $victim->pid);
$victim->kill_client;
ok(wait_until(60, sub { eval { $node->safe_psql('postgres', 'SELECT 1'); 1 } }), 'killed, and the server is up again');
$blocker->kill_client;
$s = session($node);
$app = session($node, user => 'app');
is($s->value(q(SELECT count(*) FROM lakehouse.erasures WHERE reason = 'never told')), 0, 'there is no proof');
fails('... and no key', $s, q(SELECT lakehouse.subject_key('pii', 'carol')), qr/55000: the key of this subject has been erased/);
is($s->value(q(SELECT number, (SELECT count(*) FROM lakehouse.erasures) FROM lakehouse.subject_erase('pii', 'carol', 'told now'))), '2|1', 'erased again: the same erasure');
is($s->value(q(SELECT erased_by IS NOT NULL, number, reason FROM lakehouse.erasures WHERE reason = 'told now')), 't|2|told now', '... and its proof');
is($s->value('SELECT count(*) FILTER (WHERE ok), count(*) FROM lakehouse.erase_verify()'), '2|2', 'all proofs hold');

# ---- many sessions make the same keys

$s->value('CREATE TABLE made (subject text, key bigint)');
my $script = "$dir/make.sql";
append_to_file($script, q(INSERT INTO made SELECT 's' || i, lakehouse.subject_key('pii', 's' || i) FROM generate_series(1, 60) i;) . "\n");
my $bench = IPC::Run::start([ 'pgbench', '-n', '-c', 8, '-j', 2, '-t', 3, '-f', $script, '-d', $node->connstr('postgres') ],
	'<', \undef, '>', \my $out, '2>', \my $problems, IPC::Run::timeout(300));
$bench->finish;
is($? >> 8, 0, 'eight sessions make the same keys') or diag $problems;
is($s->value('SELECT count(*), count(DISTINCT subject), count(DISTINCT key), count(DISTINCT (subject, key)) FROM made'), '1440|60|60|60', '... one for each subject');
is($s->value('SELECT active, damaged, problem IS NULL FROM lakehouse.subject_store_verify()'), '62|0|t', '... and no other is in the store');

# ---- killed while keys are wrapped anew

$s->value(q(SELECT lakehouse.subject_key('pii', 'r' || i) FROM generate_series(1, 400) i));
$s->value(q(SELECT lakehouse.key_rotate('pii')));
$s->value(q(SELECT lakehouse.domain_rotate('d')));
# whoever holds the store's lock decides how far it comes
open(my $lock, '+<', "$store/lock") or die;
flock($lock, LOCK_SH) or die;
$victim = session($node);
$victim->begin('CALL lakehouse.key_rewrap()');
# as briefly as it takes on this machine
my $moment = 0.002;
ok(wait_until(60, sub {
	flock($lock, LOCK_UN);
	sleep($moment);
	$moment *= 1.2;
	flock($lock, LOCK_SH) or die;
	return $s->value('SELECT done FROM lakehouse.key_progress ORDER BY job DESC LIMIT 1') =~ /^[1-9]/ }), 'keys of subjects are wrapped anew');
is($s->value(q(SELECT state, done < 460 FROM lakehouse.key_progress ORDER BY job DESC LIMIT 1)), 'running|t', '... not all yet');
kill('KILL', $victim->pid);
$victim->kill_client;
ok(wait_until(60, sub { eval { $node->safe_psql('postgres', 'SELECT 1'); 1 } }), '... until a kill');
close($lock);
$s = session($node);
$app = session($node, user => 'app');
is($s->value('SELECT active, damaged, problem IS NULL FROM lakehouse.subject_store_verify()'), '462|0|t', '... which loses none');
fails('... and the old version is in use', $s, q(SELECT lakehouse.key_retire('pii', 1)), qr/55006: version 1 of key "pii" cannot be retired/, qr/keys of subjects/);
$s->value('CALL lakehouse.key_rewrap()');
$s->value(q(SELECT lakehouse.key_retire('pii', 1)));
$s->value(q(SELECT lakehouse.key_destroy('pii', 1)));
is($s->value('SELECT active, erased, damaged FROM lakehouse.subject_store_verify()'), '462|2|0', 'called again, it ends: the old version is destroyed');
is($app->value($bob), 'of bob', '... and values are read');
is($s->value(q(SELECT count(DISTINCT m.key) FROM made m WHERE m.key = lakehouse.subject_key('pii', m.subject))), 60, '... under the same numbers');

# ---- the store is away

rename($store, "$dir/away") or die;
my $again = session($node, user => 'app');
fails('a store that is away', $_->[0], $_->[1], qr/58P01: cannot open "\Q$store\E" of the key store: No such file or directory/)
  foreach [ $app, $bob ], [ $again, $bob ], [ $r, $bob ], [ $s, q(SELECT lakehouse.subject_erase('pii', 'bob')) ], [ $s, q(SELECT * FROM lakehouse.erase_verify()) ];
mkdir $store, 0700 or die;
fails('an empty directory in its place', $app, $bob, qr/58P01: "\Q$store\E" is no key store/);
rmdir $store or die;
rename("$dir/away", $store) or die;
is($app->value($bob), 'of bob', 'it is back');
chmod 0500, $store, "$store/keys", "$store/tmp", "$store/versions", "$store/parents" or die;
is($app->value($bob), 'of bob', 'read only, keys are read') if $> != 0;
fails('... and none is made', $app, q(SELECT lakehouse.subject_encrypt('x', 'd', 'dora')), qr/58030: cannot /) if $> != 0;
chmod 0700, $store, "$store/keys", "$store/tmp", "$store/versions", "$store/parents" or die;

# ---- a dump, restored beside it

my $dump = "$dir/dump.sql";
$node->command_ok([ 'pg_dump', '-f', $dump, '-d', $node->connstr('postgres') ], 'a dump');
unlike(slurp_file($dump), qr/\Q$plain\E|\Q$name\E/, '... has neither values nor names of subjects');
$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, '-d', $node->connstr('other') ], '... is restored');
my $t = session($node, db => 'other');
is($t->value('SELECT count(*) FILTER (WHERE ok), count(*) FROM lakehouse.erase_verify()'), '2|2', '... with its proofs');
my $u = session($node, db => 'other', user => 'app');
is($u->value($bob), 'of bob', '... and keys');
fails('... but for erased ones', $u, $ann, qr/55000: the key of this subject has been erased/);
# what one database erases is gone in the other, which writes its own proof
$s->value(q(SELECT lakehouse.subject_erase('pii', 'bob')));
fails('what another database has erased', $u, $bob, qr/55000: the key of this subject has been erased/);
is($t->value('SELECT erased, recorded FROM lakehouse.subject_store_reconcile()'), '0|1', '... gets its proof here, too');

$_->quit foreach $s, $app, $again, $t, $u, $r;
unlike(slurp_file($node->logfile) . slurp_file($standby->logfile), qr/\Q$kek\E/i, 'no log has the key that wraps');
$standby->stop;
$node->stop;
done_testing();
