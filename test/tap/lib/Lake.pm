# Lake.pm
#		What the TAP tests share: servers with the extension, sessions that live
#		through several queries, a look at a backend from outside.
package Lake;

use strict;
use warnings;
use Exporter 'import';
use File::Path qw(make_path);
use IPC::Run;
use ParquetFile;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(time sleep);

our @EXPORT = qw(fixture link_many lake_node session counter threads open_files rss_kb is_up wait_until
  zstd_head zstd_runs write_slow_page time sleep);

sub fixture { return "$ENV{LAKEHOUSE_FIXTURES}/$_[0]" }

# A running server with the extension and the foreign server "lake".
sub lake_node
{
	my ($name, @conf) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init;
	# compiling takes longer than these queries
	$node->append_conf('postgresql.conf', $_) foreach 'jit = off', @conf;
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
	# pipes are short: what is long goes through a file
	if (length $sql > 4096)
	{
		$self->{script} //= PostgreSQL::Test::Utils::tempdir . '/script';
		open(my $f, '>', $self->{script}) or die "$self->{script}: $!";
		print $f "$sql\n;\n";
		close($f) or die "$self->{script}: $!";
		$sql = "\\i $self->{script}";
	}
	$self->{in} .= "$sql\n;\n\\echo 'end $n'\n\\warn 'end $n'\n";
	# on its way before we return, without waiting for an answer
	do
	{
		$self->{run}->pump_nb;
		sleep(0.002);
	} while length $self->{in};
	$self->{run}->pump_nb;
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
	$self->{run}->signal('KILL');
	eval { $self->{run}->finish };
	return;
}

# ---- zstd by hand, for pages that take long and no room

# A frame is its head and then blocks.
sub zstd_head { return pack('L<CL<', 0xFD2FB528, 0xA0, $_[0]) }    # magic number, single segment, size

# Blocks of one repeated byte, the last of the frame among them.
sub zstd_runs
{
	my ($left) = @_;
	my $blocks = '';
	while ($left > 0)
	{
		my $n = $left < 131072 ? $left : 131072;
		$left -= $n;
		$blocks .= substr(pack('L<', $n << 3 | 1 << 1 | ($left == 0 ? 1 : 0)), 0, 3) . "\7";
	}
	return $blocks;
}

# A file with one page of 4 million values, which takes seconds to decompress:
# blocks without content are three zero bytes, so that 150 million are a hole.
sub write_slow_page
{
	my ($path) = @_;
	ParquetFile::write_page($path, codec => 'zstd', size => 32 << 20, values => 4 << 20,
		body => zstd_head(32 << 20), hole => 450_000_000, tail => zstd_runs(32 << 20));
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

# Do all threads of a process stand still?
sub stands_still
{
	my ($pid) = @_;
	my @stats = map { eval { slurp_file($_) } // () } glob("/proc/$pid/task/*/stat");
	return !grep { !/\) [TZX] / } @stats;
}

# What its descriptors point to, all at one moment: a process that went on while its
# descriptors are read one by one would show files that it never had open together.
sub open_files
{
	my ($pid) = @_;
	kill('STOP', $pid) or return;
	my $end = time() + 60;
	my $stopped;
	sleep(0.0005) until ($stopped = stands_still($pid)) || time() > $end;
	my @files = sort map { readlink($_) // () } glob("/proc/$pid/fd/*");
	kill('CONT', $pid);
	die "process $pid did not stop" unless $stopped;
	return @files;
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

# Does the server answer?  Where it does not, psql may end before it has read its statement, and writing that
# to it fails, which PostgreSQL::Test takes for the end of the test.
sub is_up
{
	my ($node) = @_;
	return eval { $node->psql('postgres', 'SELECT 1') == 0 } // 0;
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
