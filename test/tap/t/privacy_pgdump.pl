# Plain pg_dump by a role that reads masked: of twenty-two tables under policies, as COPY, as INSERTs and in parallel.  What it writes
# goes into a new cluster as it is, constraints included, and has no secret anywhere: the
# dumps and all files of the new cluster are searched.  The old cluster's files are, too, which shows
# that the search finds what is there.
use strict;
use warnings;
use File::Find;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Lake;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir;
my @conf = (q{shared_preload_libraries = 'lakehouse'}, 'log_statement = none', 'log_min_error_statement = panic', 'wal_compression = off');
my $old = lake_node('old', @conf);

# ---- twenty-two tables

# What stands for a text column "secret" of each; a table has an "id", too.
my @masks = (
	q{lakehouse.mask_null(secret)},
	q{lakehouse.mask_constant(secret, 'hidden')},
	q{lakehouse.mask_partial(secret, 1, '*', 1)},
	q{lakehouse.mask_constant(secret, 'number ' || id::text)},
	q{CASE WHEN id % 2 = 0 THEN lakehouse.mask_null(secret) ELSE lakehouse.mask_partial(secret, 0, '#', 2) END},
);
my @roles = qw(dumper reader);
my $roles = join '', map { "CREATE ROLE $_ LOGIN;" } @roles, 'tables_owner';
$old->safe_psql('postgres', $roles);
$old->safe_psql('postgres', q{CREATE SCHEMA app AUTHORIZATION tables_owner; GRANT USAGE ON SCHEMA app TO dumper});

srand(11);
my @secrets;
sub secret { push @secrets, 'S' . join('', map { chr(97 + int(rand(26))) } 1 .. 9) . 'Q' . int(1e8 + rand(8e8)); return $secrets[-1] }
sub values_of { my ($n) = @_; return join ', ', map { "($_, '" . secret() . "', 'open$_')" } 1 .. $n }

my $policy = sub {
	my ($table, $masks, %more) = @_;
	my $list = join ', ', map { defined $_ ? '$m$' . $_ . '$m$' : 'NULL' } @$masks;
	my $filter = defined $more{filter} ? '$m$' . $more{filter} . '$m$' : 'NULL';
	my $array = @$masks ? "ARRAY[$list]" : q{'{}'};
	$old->safe_psql('postgres', "SELECT lakehouse.policy_create('$table', 'app.$table', $array, row_filter => $filter, for_roles => '{dumper}')");
};
my @tables;
sub table
{
	my ($name, $ddl) = @_;
	push @tables, $name;
	# pg_dump reads each partition by itself
	$old->safe_psql('postgres', "SET ROLE tables_owner; $ddl;
		SELECT format('GRANT SELECT ON %s TO dumper', string_agg(inhrelid::regclass::text, ', ')) FROM (SELECT 'app.$name'::regclass AS inhrelid UNION
			SELECT relid FROM pg_partition_tree('app.$name') UNION SELECT inhrelid FROM pg_inherits WHERE inhparent = 'app.$name'::regclass) t \\gexec");
	return $name;
}

# 1 to 10: each mask, plain and with a generated column and a serial
foreach my $i (0 .. 9)
{
	my $name = sprintf('t%02d', $i + 1);
	my $more = $i < 5 ? '' : q{, serial bigserial, made text GENERATED ALWAYS AS (secret || '!') STORED};
	table($name, "CREATE TABLE app.$name (id int PRIMARY KEY, secret text, word text$more); INSERT INTO app.$name VALUES " . values_of(20));
	$old->safe_psql('postgres', "GRANT SELECT ON SEQUENCE app.${name}_serial_seq TO dumper") if $i >= 5;
	$policy->($name, [ 'secret', $masks[ $i % 5 ], $i < 5 ? () : ('made', q{lakehouse.mask_null(made)}) ]);
}
# 11, 12: rows that are hidden
foreach my $name (qw(t11 t12))
{
	table($name, "CREATE TABLE app.$name (id int, secret text, word text); INSERT INTO app.$name VALUES " . values_of(20));
	$policy->($name, [], filter => 'id > 100 OR word IS NULL') if $name eq 't11';
	$policy->($name, [ 'secret', $masks[0] ], filter => 'id <= 10') if $name eq 't12';
}
# 13: partitions, of partitions, too
table('t13', q{CREATE TABLE app.t13 (id int, secret text, word text) PARTITION BY RANGE (id);
	CREATE TABLE app.t13_a PARTITION OF app.t13 FOR VALUES FROM (0) TO (10);
	CREATE TABLE app.t13_b PARTITION OF app.t13 FOR VALUES FROM (10) TO (100) PARTITION BY LIST (word);
	CREATE TABLE app.t13_c PARTITION OF app.t13_b DEFAULT; INSERT INTO app.t13 VALUES } . values_of(20));
$policy->('t13', [ 'secret', $masks[2] ]);
# 14: inheritance
table('t14', q{CREATE TABLE app.t14 (id int, secret text, word text); CREATE TABLE app.t14_heir (more int) INHERITS (app.t14);
	INSERT INTO app.t14 VALUES } . values_of(5) . '; INSERT INTO app.t14_heir VALUES ' . values_of(5));
$policy->('t14', [ 'secret', $masks[1] ]);
# 15, 16: a foreign key between masked columns, whose masks agree
table('t15', 'CREATE TABLE app.t15 (id int PRIMARY KEY, secret text UNIQUE, word text); INSERT INTO app.t15 VALUES ' . values_of(20));
table('t16', q{CREATE TABLE app.t16 (id int, person int, secret text REFERENCES app.t15 (secret));
	INSERT INTO app.t16 SELECT 100 + id, id, secret FROM app.t15});
$policy->('t15', [ 'secret', q{lakehouse.mask_constant(secret, 'person ' || id::text)} ]);
$policy->('t16', [ 'secret', q{lakehouse.mask_constant(secret, 'person ' || person::text)} ]);
# 17: a name that needs quotes, a dropped column, a default, NOT NULL
table('t17', q{CREATE TABLE app.t17 (id int, gone text, "The Secret" text NOT NULL DEFAULT 'none', word text);
	ALTER TABLE app.t17 DROP COLUMN gone; INSERT INTO app.t17 VALUES } . values_of(5));
$policy->('t17', [ 'The Secret', q{lakehouse.mask_constant("The Secret", 'quoted')} ]);
# 18: numbers, dates, jsonb
table('t18', q{CREATE TABLE app.t18 (id int, number bigint, born date, doc jsonb, made_of bytea);
	INSERT INTO app.t18 SELECT i, 770010000000 + i, '1970-01-01'::date + i, jsonb_build_object('k', 'hidden away'), '\x01' FROM generate_series(1, 9) i});
$policy->('t18', [ 'number', 'lakehouse.mask_constant(number, 0)', 'born', 'lakehouse.mask_null(born)', 'doc', q{lakehouse.mask_constant(doc, '{}'::jsonb)},
	'made_of', 'lakehouse.mask_null(made_of)' ]);
# 19: a sequence of its own; 20: row security beside
table('t19', 'CREATE TABLE app.t19 (id int GENERATED ALWAYS AS IDENTITY, secret text, word text); INSERT INTO app.t19 OVERRIDING SYSTEM VALUE VALUES ' . values_of(5));
$old->safe_psql('postgres', 'GRANT SELECT ON SEQUENCE app.t19_id_seq TO dumper');
$policy->('t19', [ 'secret', $masks[1] ]);
table('t20', 'CREATE TABLE app.t20 (id int, secret text, word text); INSERT INTO app.t20 VALUES ' . values_of(5));
$policy->('t20', [ 'secret', $masks[2] ]);
# 21, 22: keyed masks, and a foreign key between tokens of one domain
my $keys = "$dir/keys.json";
PostgreSQL::Test::Utils::append_to_file($keys, '{"keys": {"app:1": "' . '0123456789abcdef' x 4 . '"}}');
chmod 0600, $keys;
$old->safe_psql('postgres', qq{SELECT lakehouse.key_provider_create('file', 'file', jsonb_build_object('path', '$keys')); SELECT lakehouse.key_create('k', provider => 'file', kek => 'app');
	SELECT lakehouse.domain_create('persons', 'bigint', 'k'), lakehouse.domain_create('names', 'text', 'k')});
table('t21', 'CREATE TABLE app.t21 (id bigint PRIMARY KEY, secret text, word text); INSERT INTO app.t21 VALUES ' . values_of(20));
table('t22', 'CREATE TABLE app.t22 (id int, person bigint REFERENCES app.t21, paid numeric(4, 2)); INSERT INTO app.t22 SELECT 100 + id, id, 99 FROM app.t21');
$policy->('t21', [ 'id', q{lakehouse.mask_fpe(id, 'persons')}, 'secret', q{lakehouse.mask_hash(secret, 'names')}, 'word', q{lakehouse.mask_fake_name(word, 'names')} ]);
$policy->('t22', [ 'person', q{lakehouse.mask_fpe(person, 'persons')}, 'paid', q{lakehouse.mask_noise(paid, 'names', 0.5)} ]);
is(scalar @tables, 22, 'twenty-two tables');
# a materialized view inherits; its schema's name comes after that of the definitions
$old->safe_psql('postgres', q{SET client_min_messages = warning; CREATE SCHEMA zz AUTHORIZATION tables_owner;
	SET ROLE tables_owner; CREATE MATERIALIZED VIEW zz.seen AS SELECT id, secret FROM app.t03});
is($old->safe_psql('postgres', q{SELECT count(*) FROM lakehouse.policy_list() WHERE name = 't03/seen'}), 1, 'a materialized view inherits');
# all in files, none in memory only
$old->safe_psql('postgres', 'CREATE VIEW app.v AS SELECT id, secret FROM app.t01; GRANT SELECT ON app.v TO dumper; VACUUM ANALYZE; CHECKPOINT');

# ---- the search

my $pattern = join '|', map { quotemeta } @secrets;
$pattern = qr/$pattern|7700100000|hidden away/;
sub secrets_below
{
	my ($path) = @_;
	my $found = 0;
	find({ no_chdir => 1, wanted => sub {
		return unless -f $_;
		open(my $f, '<:raw', $_) or return;
		local $/;
		my $bytes = <$f> // '';
		$found++ if $bytes =~ $pattern;
	}}, $path);
	return $found;
}
cmp_ok(secrets_below($old->data_dir), '>', 10, 'the old cluster has secrets in its files, and the search finds them');
unlike($old->safe_psql('postgres', 'SELECT * FROM app.t01', extra_params => [ '-U', 'dumper' ]), $pattern, 'what the role reads has none');

# ---- dumps

my %dumps = (
	copy => [ '--file', "$dir/copy" ],
	inserts => [ '--inserts', '--file', "$dir/inserts" ],
	column_inserts => [ '--column-inserts', '--rows-per-insert', '7', '--file', "$dir/column_inserts" ],
	parallel => [ '--format', 'directory', '-j2', '-Z0', '--file', "$dir/parallel" ],
);
# statistics have values as well: 18 dumps them, of whom it is asked to
my ($help) = run_command([ 'pg_dump', '--help' ]);
if ($help =~ /^\s*--statistics\s/m)
{
	$old->safe_psql('postgres', 'ANALYZE');
	$old->command_ok([ 'pg_dump', '--statistics-only', '--file', "$dir/statistics", 'postgres' ], 'statistics: pg_dump by a superuser');
	like(slurp_file("$dir/statistics"), $pattern, 'statistics: they have secrets');
	push @$_, '--statistics' foreach values %dumps;
}
my %rows;
foreach my $kind (sort keys %dumps)
{
	$old->command_ok([ 'pg_dump', '-U', 'dumper', @{ $dumps{$kind} }, 'postgres' ], "$kind: pg_dump by the masked role");
	is(secrets_below("$dir/$kind"), 0, "$kind: no secret in the dump");

	my $new = PostgreSQL::Test::Cluster->new("new_$kind");
	$new->init;
	$new->append_conf('postgresql.conf', $_) foreach 'jit = off', @conf;
	$new->start;
	$new->safe_psql('postgres', $roles);
	if ($kind eq 'parallel')
	{
		$new->command_ok([ 'pg_restore', '--exit-on-error', '-j2', '-d', 'postgres', "$dir/$kind" ], "$kind: restored");
	}
	else
	{
		$new->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', 'postgres', '-o', "$dir/out", '-f', "$dir/$kind" ], "$kind: restored");
	}
	# what a superuser reads there is what the role read here
	foreach my $name (@tables)
	{
		my ($here) = $old->safe_psql('postgres', "SELECT * FROM app.$name t ORDER BY t::text", extra_params => [ '-U', 'dumper' ]);
		my ($there) = $new->safe_psql('postgres', "SELECT * FROM app.$name t ORDER BY t::text");
		# generated columns are made anew of what is masked
		if ($name =~ /^t(06|07|08|09|10)$/)
		{
			my $columns = 'id, secret, word, serial';
			$here = $old->safe_psql('postgres', "SELECT $columns FROM app.$name t ORDER BY id", extra_params => [ '-U', 'dumper' ]);
			$there = $new->safe_psql('postgres', "SELECT $columns FROM app.$name t ORDER BY id");
		}
		is($there, $here, "$kind: $name holds what the role saw") or next;
	}
	is($new->safe_psql('postgres', q{SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated AND connamespace = 'app'::regnamespace}), 2, "$kind: the foreign keys hold");
	is($new->safe_psql('postgres', q{SELECT count(DISTINCT p.id), bool_and(p.id > 20 OR p.id < 1) FROM app.t21 p JOIN app.t22 o ON o.person = p.id}), '20|t', "$kind: tokens join, and are no numbers that were");
	is($new->safe_psql('postgres', q{SELECT count(*) FROM lakehouse.policy_list()}),
		$old->safe_psql('postgres', q{SELECT count(*) FROM lakehouse.policy_list()}), "$kind: the policies came along");
	$new->safe_psql('postgres', 'VACUUM ANALYZE; CHECKPOINT');
	$new->stop;
	is(secrets_below($new->data_dir), 0, "$kind: no secret in any file of the new cluster");
}

# ---- locks

my ($out, $err) = session($old, user => 'dumper')->query('BEGIN; LOCK TABLE app.t01, app.t13, ONLY app.t14 IN ACCESS SHARE MODE; SELECT count(*), bool_and(mode = \'AccessShareLock\') FROM pg_locks
	JOIN pg_class c ON c.oid = relation WHERE pid = pg_backend_pid() AND relnamespace = \'app\'::regnamespace AND relkind IN (\'r\', \'p\'); COMMIT');
is($out, '6|t', 'LOCK takes ACCESS SHARE, on partitions and below them, and ONLY where that was said') or diag $err;
foreach my $mode ('ROW SHARE', 'ROW EXCLUSIVE', 'SHARE', 'ACCESS EXCLUSIVE')
{
	($out, $err) = session($old, user => 'dumper')->query("BEGIN; LOCK TABLE app.t01 IN $mode MODE; COMMIT");
	like($err, qr/42501/, "and no other lock: $mode");
}
($out, $err) = session($old, user => 'reader')->query('GRANT USAGE ON SCHEMA app TO reader; BEGIN; LOCK TABLE app.t01 IN ACCESS SHARE MODE; COMMIT');
like($err, qr/42501/, 'nor is it for who may not read');
($out, $err) = session($old, user => 'dumper')->query('LOCK TABLE app.t01 IN ACCESS SHARE MODE');
like($err, qr/25P01/, 'outside of a transaction it is an error, as ever');
{
	my $holder = session($old);
	$holder->query('BEGIN; LOCK TABLE app.t13_c IN ACCESS EXCLUSIVE MODE');
	($out, $err) = session($old, user => 'dumper')->query('BEGIN; LOCK TABLE app.t13 IN ACCESS SHARE MODE NOWAIT');
	like($err, qr/55P03/, 'NOWAIT does not wait, for partitions neither');
	$holder->query('ROLLBACK');
}
($out, $err) = session($old, user => 'dumper')->query('COPY lakehouse.cdc_masks TO STDOUT; SELECT count(*) FROM lakehouse.cdc_masks');
unlike($err, qr/COPY/, 'tables of the extension are empty for who reads masked');

# without the right to the library's work a dump is refused, not raw
$old->stop;
$old->append_conf('postgresql.conf', q{shared_preload_libraries = ''});
$old->start;
$old->command_fails_like([ 'pg_dump', '-U', 'dumper', '--file', "$dir/none", 'postgres' ], qr/permission denied/, 'without the library: refused');
done_testing();
