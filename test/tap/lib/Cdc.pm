# Cdc.pm
#		What the TAP tests of change streams share: a server with logical decoding, the
#		client beside it, and what can be asked of a client that runs.
package Cdc;

use strict;
use warnings;
use Exporter 'import';
use IO::Socket::INET;
use IPC::Run;
use Lake;
use PostgreSQL::Test::Utils;

our @EXPORT = qw($client cdc_node client start slurp pid_of ends stop logged http);

my ($dir, $source);
# the program
our $client = $ENV{LAKEHOUSE_CLIENT} or die 'LAKEHOUSE_CLIENT is not set';

# A server, a directory for its files, how clients reach it; client() and start() go to the last one made.
sub cdc_node
{
	my ($name, @conf) = @_;
	my $node = lake_node($name, 'wal_level = logical', 'max_wal_senders = 20', 'max_replication_slots = 50', @conf);
	$dir = PostgreSQL::Test::Utils::tempdir;
	$source = $node->connstr('postgres');
	return ($node, $dir, $source);
}

# (exit code, stdout, stderr) of a client that ends by itself
sub client
{
	my ($command, @args) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ $client, $command, '--source', $source, @args ], '<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(180));
	return ($? & 127 ? "signal $?" : $? >> 8, $out, $err);
}

# One that runs on: start(NAME, [COMMAND,] OPTIONS...), "stream" where none is named.  Its log goes to
# $dir/log.NAME: a pipe that nobody reads would stop it.
sub start
{
	my ($log, @args) = @_;
	my $command = $args[0] =~ /^--/ ? 'stream' : shift @args;
	return IPC::Run::start([ $client, $command, '--source', $source, '--log', 'json', @args ], '<', \undef, '>', "$dir/out.$log", '2>', "$dir/log.$log",
		IPC::Run::timeout(600));
}

# nothing, when there is no such file
sub slurp { my ($file) = @_; open(my $f, '<:raw', $file) or return ''; local $/; return scalar(<$f>) // '' }

# never 0, which would be us
sub pid_of { my ($run) = @_; return $run->{KIDS}[0]{PID} || die 'it is not there' }

# How it ends: its exit code, or "signal N".
sub ends { my ($run) = @_; $run->finish; my $status = $?; return $status & 127 ? 'signal ' . ($status & 127) : $status >> 8 }

sub stop { my ($run) = @_; kill 'TERM', pid_of($run); return ends($run) }

# Has the client of this name logged such an event?
sub logged { my ($log, $event) = @_; return slurp("$dir/log.$log") =~ /"event":"$event"/ }

# The whole answer of a client's metrics port.
sub http
{
	my ($port, $request) = @_;
	my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => 5) or return '';
	print $s(($request // 'GET /metrics HTTP/1.1') . "\r\nHost: x\r\n\r\n");
	local $/;
	return scalar(<$s>) // '';
}

1;
