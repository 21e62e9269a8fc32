# Transforms through the client: outboxes to topics of their own, topics by other names, rows filtered,
# flat rows; what is refused, and that rows cannot stop a stream nor masked values get out.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use IPC::Run;
use Lake;
use PostgreSQL::Test::Utils;
use Test::More;

my $client = $ENV{LAKEHOUSE_CLIENT} or die 'LAKEHOUSE_CLIENT is not set';
my $dir = PostgreSQL::Test::Utils::tempdir;
my $node = lake_node('cdc_transforms', 'wal_level = logical', 'max_wal_senders = 10', 'max_replication_slots = 20');
my $source = $node->connstr('postgres');
sub sql { return $node->safe_psql('postgres', $_[0]) }
sub slurp { my ($file) = @_; open(my $f, '<:raw', $file) or return ''; local $/; return scalar(<$f>) // '' }

# (exit code, stdout, stderr) of a stream of what there is
sub stream
{
	my ($slot, @args) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ $client, 'stream', '--source', $source, '--slot', $slot, '--once', '--allow-gap', @args ], '<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(180));
	return ($? & 127 ? "signal $?" : $? >> 8, $out, $err);
}
# Slots that stand before what comes.
sub slots { sql("SELECT pg_create_logical_replication_slot('$_', 'lakehouse')") for @_ }
# Lines of a directory of the file sink by topic, without what differs from run to run.
sub topics
{
	my ($path) = @_;
	my %topics;
	for my $file (sort glob "$path/*.ndjson")
	{
		my ($topic) = $file =~ /[0-9A-F]{16}-[0-9A-F]{16}-(.*)\.ndjson$/ or next;
		push @{ $topics{$topic} }, map { s/"lsn":"[^"]*",|"xid":\d+,|"ts":"[^"]*",//gr } split /\n/, slurp($file);
	}
	return \%topics;
}

sql(<<'SQL');
CREATE TABLE t (id int PRIMARY KEY, v int);
CREATE TABLE t_2 (id int PRIMARY KEY, v int);
CREATE TABLE outbox (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), aggregatetype text, aggregateid text, type text, payload jsonb, note text);
SQL
slots(qw(box raw renamed filtered flat broken updated dropped));

# ---- an outbox, a hostile row among its own, and other tables beside it

sql(<<'SQL');
INSERT INTO outbox (aggregatetype, aggregateid, type, payload, note) VALUES ('order', '1', 'Created', '{"id": 1}', 'a'), ('../../etc/x y', '2', 'Created', '2', E'line\nline');
INSERT INTO outbox (aggregatetype, aggregateid, payload) VALUES (repeat('/', 200), '3', '3'), (NULL, '4', '4');
INSERT INTO t VALUES (1, 1), (2, 20);
INSERT INTO outbox (aggregatetype, aggregateid, payload) VALUES ('order', '5', '5');
DELETE FROM outbox;
TRUNCATE outbox;
SQL
my ($code, $out, $err) = stream('box', '--sink', "file:$dir/box?per=topic", '--option', 'outbox.table=public.outbox');
is($code, 0, 'an outbox') or diag $err;
my $got = topics("$dir/box");
is_deeply([ sort keys %$got ], [ 'box.public.outbox', 'box.public.t', 'outbox.event..._2f.._2fetc_2fx_20y', 'outbox.event.order' ], 'has topics that rows name');
is_deeply($got->{'outbox.event.order'}, [ '{"id": 1}', '5' ], 'with payloads and nothing else, in order');
is_deeply($got->{'outbox.event..._2f.._2fetc_2fx_20y'}, ['2'], 'whatever they are called');
is_deeply($got->{'box.public.t'}, [ map { qq({"op":"insert","n":$_,"schema":"public","table":"t","key":{"id":$_},"new":{"id":$_,"v":@{[ $_ == 1 ? 1 : 20 ]}}}) } 1, 2 ], 'other tables are as always');
is_deeply([ map { /"reason":"([^"]*)"/ } @{ $got->{'box.public.outbox'} } ],
	[ 'the column that says the topic is empty or too long for one', 'the column that says the topic is null' ], 'and rows without a topic are told of where the table goes');

($code, undef, $err) = stream('raw', '--sink', "file:$dir/raw", '--option', 'outbox.table=public.outbox', '--option', 'outbox.payload=raw');
is($code, 1, 'payloads as they are do not go where lines are written');
like($err, qr/option "outbox\.payload" raw: sink file:\S+ writes values of format "json" on lines/, 'which is said');
($code, undef, $err) = stream('raw', '--sink', 'null:', '--option', 'outbox.table=public.outbox', '--option', 'outbox.payload=raw');
is($code, 0, 'elsewhere they do') or diag $err;
for my $bad ([ 'outbox.table=x', 'route.topic.replacement=a b' ], ['row.filter=public.t v'], ['add.fields=op'])
{
	($code, undef, $err) = stream('raw', '--sink', 'null:', map { ('--option', $_) } @$bad);
	my ($name) = $bad->[-1] =~ /^([^=]*)/;
	is($code, 1, "what is wrong with $name");
	like($err, qr/option "\Q$name\E"/, 'is known before anything is connected to');
}

# ---- topics by other names

sql('INSERT INTO t_2 VALUES (1, 1)');
($code, undef, $err) = stream('renamed', '--sink', "file:$dir/renamed?per=topic", '--option', 'outbox.table=public.outbox',
	'--topic-rename', 'renamed\.public\.(t)(_[0-9]+)?=all.\1', '--topic-rename', 'outbox\.event\.order=orders');
is($code, 0, 'topics by other names') or diag $err;
$got = topics("$dir/renamed");
is_deeply([ sort keys %$got ], [ 'all.t', 'orders', 'outbox.event..._2f.._2fetc_2fx_20y', 'renamed.public.outbox' ], 'tables and outboxes alike');
is(scalar @{ $got->{'all.t'} }, 3, 'two tables share one');
is(scalar(() = $err =~ /tables public\.t and public\.t_2 have the same topic "all\.t"/g), 1, 'which is said once') or diag $err;
($code, undef, $err) = stream('renamed', '--sink', 'null:', '--topic-rename', '(a=b');
is($code, 1, 'a bad rule');
like($err, qr/--topic-rename "\(a=b": /, 'is named');

# ---- rows

sql('UPDATE t SET v = 3 WHERE id = 1; DELETE FROM t WHERE id = 2');
($code, $out, $err) = stream('filtered', '--sink', 'stdout:', '--table', 'public.t', '--option', 'row.filter=public.t: id = 1');
is($code, 0, 'rows of a condition') or diag $err;
is_deeply([ map { /"op":"(\w+)".*"id":(\d+)/ ? "$1 $2" : $_ } split /\n/, $out ], [ 'insert 1', 'update 1' ], 'and no others');
($code, undef, $err) = stream('filtered', '--sink', 'stdout:', '--option', 'row.filter=public.t: id = ');
isnt($code, 0, 'a condition that is none');
like($err, qr/syntax error/, 'is an error of the server');
like($err, qr/Option "row\.filter", item 1, table "public\.t"/, 'that names the option');
($code, $out, $err) = stream('flat', '--sink', 'debezium-json=stdout:?key=tab', '--table', 'public.t', '--option', 'unwrap=on', '--option', 'delete.tombstone.handling.mode=rewrite',
	'--option', 'add.fields=op,table');
is($code, 0, 'flat rows') or diag $err;
is($out, <<"END", 'are the row');
{"id":1}\t{"id":1,"v":1,"__deleted":"false","__op":"c","__table":"t"}
{"id":2}\t{"id":2,"v":20,"__deleted":"false","__op":"c","__table":"t"}
{"id":1}\t{"id":1,"v":3,"__deleted":"false","__op":"u","__table":"t"}
{"id":2}\t{"id":2,"v":null,"__deleted":"true","__op":"d","__table":"t"}
END

# ---- a column that a condition reads goes away: nothing comes unfiltered

slots('gone');
sql(q{ALTER TABLE t REPLICA IDENTITY FULL; INSERT INTO t VALUES (3, 3), (4, 400); ALTER TABLE t RENAME v TO w; INSERT INTO t VALUES (5, 500)});
($code, $out, $err) = stream('gone', '--sink', 'stdout:', '--option', 'row.filter=public.t: v < 100');
isnt($code, 0, 'a condition over a column that is gone');
like($err, qr/column "v" does not exist/, 'stops the stream');
unlike($out, qr/[45]00/, 'before a row that nobody looked at');

# ---- updates of an outbox

sql(q{INSERT INTO outbox (aggregatetype, payload) VALUES ('order', '1'), ('order', '2')});
sql(q{UPDATE outbox SET note = 'x'; UPDATE outbox SET note = 'y'});
my $at = -s $node->logfile;
($code, undef, $err) = stream('updated', '--sink', 'null:', '--option', 'outbox.table=public.outbox');
is($code, 0, 'an outbox that was updated') or diag $err;
my $log = substr(slurp($node->logfile), $at);
is(scalar(() = $log =~ /WARNING:  outbox "public\.outbox" was updated by transaction/g), 2, 'is a warning for each transaction, not for each row');
($code, undef, $err) = stream('broken', '--sink', 'null:', '--option', 'outbox.table=public.outbox', '--option', 'table.op.invalid.behavior=fatal');
isnt($code, 0, 'or the end');
like($err, qr/outbox "public\.outbox" was updated/, 'that says why');

# ---- masks

slots(qw(masked oracle));
sql(q{SELECT lakehouse.cdc_mask_set('outbox', 'payload', 'constant:hidden'), lakehouse.cdc_mask_set('outbox', 'type', 'truncate:1')});
sql(q{INSERT INTO outbox (aggregatetype, aggregateid, type, payload) VALUES ('masked', '1', 'zebra', '{"pin": "zebra"}'), (NULL, '1', 'zebra', '"zebra"')});
$at = -s $node->logfile;
($code, undef, $err) = stream('masked', '--sink', "file:$dir/masked?per=topic", '--option', 'outbox.table=public.outbox', '--option', 'table.expand.json.payload=on',
	'--option', 'table.fields.additional.placement=type:envelope,payload:envelope:again');
is($code, 0, 'an outbox with masks') or diag $err;
is_deeply(topics("$dir/masked")->{'outbox.event.masked'}, ['{"payload":"hidden","type":"z","again":"hidden"}'], 'is masked in all its places');
($code, undef, $err) = stream('oracle', '--sink', 'null:', '--option', q{row.filter=public.outbox: type = 'zebra'});
isnt($code, 0, 'a condition over a masked column');
like($err, qr/option "row\.filter" reads column "type" of table "outbox", which is masked/, 'is refused');
unlike(join('', map { slurp($_) } glob "$dir/masked/*"), qr/zebra/, 'and nothing of it is in a file');

$node->stop;
done_testing();
