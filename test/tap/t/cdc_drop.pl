# DROP EXTENSION waits for streams that have rows of tables to come which are read while decoding: of a
# table that is gone they could not be read any more, by no plugin.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Lake;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = lake_node('cdc_drop', 'wal_level = logical', 'autovacuum = off', q(shared_preload_libraries = 'lakehouse'));
my @slots = ([ 'ours', 'lakehouse' ], [ 'pgs', 'pgoutput' ]);
my %options = (ours => '', pgs => ", 'proto_version', '1', 'publication_names', 'p'");

sub value { my ($sql) = @_; return $node->safe_psql('postgres', $sql) }
sub drop { return ($node->psql('postgres', 'DROP EXTENSION lakehouse CASCADE'))[2] // '' }
sub read_on { my ($slot) = @_; return value("SELECT count(*) FROM pg_logical_slot_get_binary_changes('$slot', NULL, NULL$options{$slot})") }

value('CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION p FOR TABLE t');
foreach my $slot (@slots) { value("SELECT pg_create_logical_replication_slot('$slot->[0]', '$slot->[1]')") }
value('INSERT INTO t VALUES (1)');
my $path = PostgreSQL::Test::Utils::tempdir . '/keys';
value("SELECT lakehouse.key_provider_create('dev', 'file', jsonb_build_object('path', '$path'));" .
	  "INSERT INTO lakehouse.keys (id, name, kind, provider, kek) VALUES (1, 'k', 'data', 'dev', 'app')");
value('INSERT INTO t VALUES (2)');

my $err = drop();
like($err, qr/cannot drop table "\w+" while streams have not read its last rows/, 'not while streams lag behind');
like($err, qr/DETAIL:  .*: (ours, pgs|pgs, ours)\./, 'both are named');
like($err, qr/HINT:  .*lakehouse\.cdc_heartbeat/, 'with what helps');
is(value("SELECT count(*) FROM pg_extension WHERE extname = 'lakehouse'"), 1, 'it is still there');
like(($node->psql('postgres', 'DROP SCHEMA lakehouse CASCADE'))[2], qr/streams have not read/, 'nor by its schema');

# the tables may be written anew meanwhile
is(($node->psql('postgres', 'VACUUM FULL lakehouse.keys'))[2], '', 'VACUUM FULL is no DROP');
is(($node->psql('postgres', 'CLUSTER lakehouse.keys USING keys_pkey'))[2], '', 'nor is CLUSTER');
like(drop(), qr/streams have not read/, 'which is refused as before');

# one reads on: the other is still in the way
my %rows;
for (my $i = 0; $i < 20 && drop() =~ /ours/; $i++) { $rows{ours} += read_on('ours'); value('SELECT lakehouse.cdc_heartbeat()') }
ok($rows{ours} > 0, 'what was streamed before is there');
like(drop(), qr/DETAIL:  .*: pgs\./, 'the slot that has read on is not in the way');
is(value("SELECT restart_lsn < confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = 'ours'"), 't', 'though transactions have been confirmed');
for (my $i = 0; $i < 20 && drop() =~ /pgs/; $i++) { $rows{pgs} += read_on('pgs'); value('SELECT lakehouse.cdc_heartbeat()') }
ok($rows{pgs} > 0, 'nor for another plugin');
is(value("SELECT count(*) FROM pg_extension WHERE extname = 'lakehouse'"), 0, 'when all have, it is dropped');

# and the streams go on, also after a crash
value('INSERT INTO t VALUES (3)');
$node->stop('immediate');
$node->start;
ok(read_on($_->[0]) > 0, "$_->[0] goes on") foreach @slots;

# a slot that lies behind is no reason when the tables have no rows
value('CREATE EXTENSION lakehouse');
value('INSERT INTO t VALUES (4)');
is(drop(), '', 'tables that never had rows are dropped');
ok(read_on($_->[0]) > 0, "$_->[0] goes on") foreach @slots;

# rows that are gone are still to be read, and slots keep VACUUM from the pages that tell of them
value('CREATE EXTENSION lakehouse');
value("SELECT lakehouse.key_provider_create('dev', 'file', jsonb_build_object('path', '$path'))");
value($_) foreach 'DELETE FROM lakehouse.key_providers', 'VACUUM lakehouse.key_providers';
is(value("SELECT count(*) FROM lakehouse.key_providers"), 0, 'an emptied table');
like(drop(), qr/streams have not read/, 'is not dropped yet');
for (my $i = 0; $i < 20 && drop() =~ /streams have not/; $i++) { read_on($_->[0]) foreach @slots; value('SELECT lakehouse.cdc_heartbeat()') }
is(value("SELECT count(*) FROM pg_extension WHERE extname = 'lakehouse'"), 0, 'but when its rows have been read');
value('INSERT INTO t VALUES (5)');
ok(read_on($_->[0]) > 0, "$_->[0] goes on") foreach @slots;

done_testing();
