# Lake.pm
#		What the TAP tests share: servers with the extension, sessions that live
#		through several queries, a look at a backend from outside.
package Lake;

use strict;
use warnings;
use Exporter 'import';
use File::Path qw(make_path);
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(time sleep);

our @EXPORT = qw(fixture link_many lake_node session counter threads open_files rss_kb wait_until time sleep);

sub fixture { return "$ENV{LAKEHOUSE_FIXTURES}/$_[0]" }

# A running server with the extension and the foreign server "lake".
sub lake_node
{
	my ($name, @conf) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init;
	$node->append_conf('postgresql.conf', $_) foreach @conf;
	$node->start;
	$node->safe_psql('postgres', q{
		CREATE EXTENSION lakehouse;
		CREATE SERVER lake FOREIGN DATA WRAPPER lakehouse;});
	return $node;
}

# A directory of n names for one file: many files that take no room.
sub link_many
{
	my ($file, $dir, $n) = @_;
	make_path($dir);
	# a name of its own there: links do not reach over file systems
	PostgreSQL::Test::Utils::system_or_bail('cp', $file, "$dir/f00000.parquet");
	for my $i (1 .. $n - 1)
	{
		link("$dir/f00000.parquet", sprintf("$dir/f%05d.parquet", $i)) or die "link: $!";
	}
	return $dir;
}

# A session through psql: its errors come with SQLSTATE and do not end it.
#	query($sql)			(output, errors)
#	value($sql)			output; dies of an error
#	begin($sql)			send it and return
#	finish()			wait for what was begun: (output, errors)
# (BackgroundPsql notes every query, and ours may have a megabyte.)
sub session
{
	my ($node, %params) = @_;
	my $self = bless { in => '', out => '', err => '', sent => 0 }, 'Lake';
	my @psql = ($node->installed_command('psql'), '-XAtq', '-f', '-', '-d', $node->connstr($params{db} // 'postgres'),
		'-v', 'VERBOSITY=verbose', '-v', 'SHOW_CONTEXT=never');
	push @psql, '-U', $params{user} if $params{user};
	$self->{timer} = IPC::Run::timer($params{timeout} // 180);
	$self->{run} = IPC::Run::start(\@psql, '<', \$self->{in}, '>', \$self->{out}, '2>', \$self->{err}, $self->{timer});
	$self->{pid} = $self->value('SELECT pg_backend_pid()');
	return $self;
}

sub begin
{
	my ($self, $sql) = @_;
	my $n = ++$self->{sent};
	$self->{timer}->start;
	$self->{in} .= "$sql\n;\n\\echo 'end $n'\n\\warn 'end $n'\n";
	$self->{run}->pump while length $self->{in};
	return;
}

sub finish
{
	my ($self) = @_;
	my $end = qr/^end $self->{sent}\n/m;
	until ($self->{out} =~ $end && $self->{err} =~ $end)
	{
		die "psql: no answer in time" if $self->{timer}->is_expired;
		die "psql ended: $self->{err}" unless $self->{run}->pumpable;
		$self->{run}->pump;
	}
	my ($out, $err) = @{$self}{qw(out err)};
	@{$self}{qw(out err)} = ('', '');
	$out =~ s/\n?$end//;
	$err =~ s/$end//;
	return ($out, $err);
}

sub query
{
	my ($self, $sql) = @_;
	$self->begin($sql);
	return $self->finish;
}

sub value
{
	my ($self, $sql) = @_;
	my ($out, $err) = $self->query($sql);
	die substr($sql, 0, 500) . ": $err" if $err =~ /ERROR|FATAL|PANIC/;
	return $out;
}

sub pid { return $_[0]->{pid} }

sub quit
{
	my ($self) = @_;
	$self->{in} .= "\\q\n";
	return $self->{run}->finish;
}

# The client dies without a word to the server.
sub kill_client
{
	my ($self) = @_;
	$self->{run}->kill_kill(grace => 0);
	return;
}

# One property of an executed plan, summed over its nodes.
sub counter
{
	my ($session, $query, $property) = @_;
	my $plan = $session->value("EXPLAIN (ANALYZE, FORMAT JSON) $query");
	my $sum;
	$sum += $1 while $plan =~ /"\Q$property\E": (\d+)/g;
	return $sum;
}

# ---- a process from outside

sub threads { my ($pid) = @_; return scalar(my @t = glob("/proc/$pid/task/*")) }

# What its descriptors point to.
sub open_files
{
	my ($pid) = @_;
	return sort map { readlink($_) // () } glob("/proc/$pid/fd/*");
}

# Memory in use, and at most.
sub rss_kb
{
	my ($pid) = @_;
	my $status = slurp_file("/proc/$pid/status");
	my ($now) = $status =~ /^VmRSS:\s+(\d+) kB/m;
	my ($peak) = $status =~ /^VmHWM:\s+(\d+) kB/m;
	return wantarray ? ($now, $peak) : $now;
}

# True as soon as the condition is; false after so many seconds.
sub wait_until
{
	my ($seconds, $condition) = @_;
	my $end = time() + $seconds;
	until ($condition->())
	{
		return 0 if time() > $end;
		sleep(0.02);
	}
	return 1;
}

1;
