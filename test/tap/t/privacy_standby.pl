# Policies on a standby: of queries, and of change streams that are decoded there, which takes PostgreSQL 16 or later.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use IPC::Run;
use Lake;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = PostgreSQL::Test::Cluster->new('policies_primary');
$primary->init(allows_streaming => 'logical');
$primary->append_conf('postgresql.conf', $_) foreach q(shared_preload_libraries = 'lakehouse'), 'wal_level = logical', 'max_replication_slots = 10', 'autovacuum = off';
$primary->start;
$primary->safe_psql('postgres', q{CREATE EXTENSION lakehouse; CREATE ROLE reader LOGIN REPLICATION; CREATE TABLE person (id int PRIMARY KEY, city text, ssn text);
	ALTER TABLE person REPLICA IDENTITY FULL;
	SELECT lakehouse.policy_create('person', 'person', ARRAY['ssn', $$lakehouse.mask_partial(ssn, 0, 'X', 1)$$], row_filter => $$city <> 'hidden'$$, for_roles => '{reader}');
	SELECT pg_create_physical_replication_slot('standby')});
$primary->backup('b');
my $standby = PostgreSQL::Test::Cluster->new('policies_standby');
$standby->init_from_backup($primary, 'b', has_streaming => 1);
$standby->append_conf('postgresql.conf', $_) foreach 'hot_standby_feedback = on', q(primary_slot_name = 'standby'), 'wal_receiver_status_interval = 1';
$standby->start;
sub catch_up { return $primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert')) }
sub write_on_primary { $primary->safe_psql('postgres', $_[0]); catch_up(); return }

my $reader = session($standby, user => 'reader');
write_on_primary(q{INSERT INTO person VALUES (1, 'a', 'raw-1'), (2, 'hidden', 'raw-2')});
is($reader->value('SELECT * FROM person'), '1|a|X1', 'a query on the standby');
is($standby->safe_psql('postgres', 'COPY person TO stdout', extra_params => [ '-U', 'reader' ]), "1\ta\tX1", 'and COPY');
is($reader->value(q{PREPARE q AS SELECT ssn FROM person WHERE id = 1; EXECUTE q}), 'X1', 'and what is prepared');
write_on_primary(q{SELECT lakehouse.policy_alter('person', masks => ARRAY['ssn', $$lakehouse.mask_constant(ssn, 'const')$$])});
is($reader->value('SELECT ssn FROM person'), 'const', 'a policy that changes there holds here');
is($reader->value('EXECUTE q'), 'const', 'for plans that are kept, too');

if ($primary->pg_version < 16)
{
	SKIP: { skip 'logical decoding on a standby came with PostgreSQL 16; this server is ' . $primary->pg_version, 1; }
	diag 'privacy_standby.pl: no streams were tested on this server';
	done_testing();
	exit;
}

# ---- streams

# It waits until the primary has logged which transactions run.
my $making = IPC::Run::start([ $standby->installed_command('psql'), '-Xqd', $standby->connstr('postgres'), '-c', q{SELECT pg_create_logical_replication_slot('s', 'lakehouse')} ],
	'<', \undef, '>', \my $out, '2>', \my $err, IPC::Run::timeout(180));
ok(wait_until(120, sub {
	$primary->safe_psql('postgres', 'SELECT pg_log_standby_snapshot()');
	return $standby->safe_psql('postgres', 'SELECT count(*) FROM pg_replication_slots WHERE confirmed_flush_lsn IS NOT NULL') eq '1';
}), 'a slot on the standby');
$making->finish;

my $stream = q{SELECT data::jsonb->>'op', data::jsonb->'new'->>'id', data::jsonb->'new'->>'ssn' FROM pg_logical_slot_peek_changes('s', NULL, NULL, 'format', 'json', 'schema.events', 'off') WHERE data::jsonb ? 'new'};
my $raw = q{SELECT count(*) FROM pg_logical_slot_peek_changes('s', NULL, NULL, 'format', 'json') WHERE data ~ 'raw-'};
write_on_primary(q{INSERT INTO person VALUES (3, 'a', 'raw-3'), (4, 'hidden', 'raw-4')});
is($reader->value($stream), 'insert|3|const', 'a stream on the standby has masks, and rows that the filter shows');
is($reader->value($raw), '0', 'and nothing raw');
is($standby->safe_psql('postgres', $raw), '0', 'nor has that of a superuser, whom no policy is about');
write_on_primary(q{SELECT lakehouse.policy_alter('person', masks => ARRAY['ssn', $$lakehouse.mask_partial(ssn, 0, 'Y', 1)$$], row_filter => $$city = 'hidden'$$)});
is($reader->value($stream), 'insert|4|Y4', 'a policy that changes on the primary holds for what is decoded after, in the same session');
# while decoding cannot look things up, a filter that does closes the table
write_on_primary(q{CREATE TABLE cities (name text); SELECT lakehouse.policy_alter('person', row_filter => 'EXISTS (SELECT FROM public.cities c WHERE c.name = city)')});
(undef, $err) = $reader->query($stream);
like($err, qr/cannot be streamed/, 'what cannot be streamed is refused here as well');
unlike($err, qr/raw-/, 'without values');
done_testing();
