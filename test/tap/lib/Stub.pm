# Stub.pm
#		The HTTP and S3 server of test/lib/stub_server.c, started and told.
package Stub;

use strict;
use warnings;
use IO::Socket::INET;
use IPC::Open2;

# start($root, options of the program ...)
sub start
{
	my ($class, $root, @options) = @_;
	my $self = bless {}, $class;
	$self->{pid} = open2($self->{out}, $self->{in}, $ENV{STUB_SERVER}, '--root', $root, @options);
	my $line = readline($self->{out}) // die "stub_server did not start";
	($self->{port}) = $line =~ /^port (\d+)/ or die "stub_server: $line";
	return $self;
}

sub port { return $_[0]->{port} }
sub url { return "http://127.0.0.1:$_[0]->{port}$_[1]" }

# The body of a GET below /_stub/.
sub tell
{
	my ($self, $what) = @_;
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port}) or die "stub: $!";
	print $socket "GET /_stub/$what HTTP/1.1\r\nConnection: close\r\n\r\n";
	local $/;
	my $answer = <$socket>;
	$answer =~ s/^.*?\r\n\r\n//s;
	return $answer;
}

sub reset { return $_[0]->tell('reset') }

# fault(kind => 'status', match => '/x', ...)
sub fault
{
	my ($self, %f) = @_;
	s/([^A-Za-z0-9._~\/:-])/sprintf '%%%02X', ord $1/ge foreach values %f;
	return $self->tell('fault?' . join('&', map { "$_=$f{$_}" } sort keys %f));
}

# Lines of the log that match; all of them without a pattern.
sub requests
{
	my ($self, $pattern) = @_;
	my @lines = split /\n/, $self->tell('log');
	return defined $pattern ? grep { $_ =~ $pattern } @lines : @lines;
}

sub stop
{
	my ($self) = @_;
	return unless $self->{pid};
	close $self->{in};
	waitpid $self->{pid}, 0;
	delete $self->{pid};
	return;
}

sub DESTROY { local $?; $_[0]->stop; return }

1;
