# A server whose shared_preload_libraries has lost the library: masked columns are errors and not values, on every path
# but those that read as the tables' owner (docs/threat_model.md).  Once the library is back, so are the masks.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Lake;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = lake_node('unloaded', q{shared_preload_libraries = 'lakehouse'});
my $attacks = "$ENV{LAKEHOUSE_FIXTURES}/../privacy";

sub run_script
{
	my ($script) = @_;
	my ($out, $err) = ('', '');
	$node->psql('postgres', '', stdout => \$out, stderr => \$err, on_error_stop => 0, on_error_die => 1,
		extra_params => [ '-v', 'ON_ERROR_STOP=1', '-f', "$attacks/$script" ]);
	return;
}

# For each section of a script: what came of it, and the errors.
sub attack
{
	my ($script) = @_;
	local %ENV = %ENV;
	@ENV{qw(PGHOST PGPORT PGDATABASE PG_ABS_BUILDDIR)} = ($node->host, $node->port, 'postgres', PostgreSQL::Test::Utils::tempdir);
	$ENV{PATH} = $node->config_data('--bindir') . ":$ENV{PATH}" if $node->can('config_data');
	my $text = `"$attacks/attack" $script attack_masked run`;
	my (%shown, %errors);
	foreach (split /\n/, $text)
	{
		next unless /^run +(SHOWN|hidden) +(.*?)(?: \[(.*)\])?$/;
		$shown{$2} = $1 eq 'SHOWN';
		$errors{$2} = $3 // '';
	}
	return (\%shown, \%errors);
}

run_script('setup.sql');
run_script('policies.sql');

my ($shown, $errors) = attack('paths.sql');
cmp_ok(scalar keys %$shown, '>', 55, 'the attacks ran');
is_deeply([ grep { $shown->{$_} } sort keys %$shown ], [], 'with the library no secret is shown');
my $with = $errors;

$node->append_conf('postgresql.conf', q{shared_preload_libraries = ''});
$node->restart;
($shown, $errors) = attack('paths.sql');
# what PostgreSQL reads with the rights of the tables' owner
my $owner = qr/^(13|29|46) /;
is_deeply([ grep { $shown->{$_} && $_ !~ $owner } sort keys %$shown ], [], 'without it no secret, either');
my @silent = grep { $_ !~ $owner && $errors->{$_} !~ /42501/ && $with->{$_} eq '' } sort keys %$shown;
is_deeply([ grep { $shown->{$_} } @silent ], [], 'what does not fail shows nothing');
cmp_ok(scalar(grep { $errors->{$_} =~ /42501/ } keys %$errors), '>', 45, 'but errors');
like($errors->{'1 SELECT'}, qr/42501/, 'a query is an error');
like($errors->{'21 COPY t TO'}, qr/42501/, 'COPY is an error');
like($errors->{'44 rows that a filter hides'}, qr/42501/, 'rows under a filter are an error');

# nor is a policy made that nobody would enforce
my ($rc, $out, $err) = $node->psql('postgres', q{SELECT lakehouse.policy_create('late', 'attack.visible', row_filter => 'true', for_roles => '{attack_group}')});
like($err, qr/shared_preload_libraries/, 'no policy can be made');

$node->append_conf('postgresql.conf', q{shared_preload_libraries = 'lakehouse'});
$node->restart;
($shown, $errors) = attack('paths.sql');
is_deeply([ grep { $shown->{$_} } sort keys %$shown ], [], 'with the library again no secret is shown');
is_deeply($errors, $with, 'and all is as before');
done_testing();
