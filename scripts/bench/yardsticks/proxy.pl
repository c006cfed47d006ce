#!/usr/bin/perl
# A CGI reverse proxy in Perl: HTTP::Tiny, body and response streamed.
use strict;
use warnings;
use HTTP::Tiny;

my %headers;
for my $name (keys %ENV) {
    next unless $name =~ /^HTTP_(.+)/ || $name =~ /^(CONTENT_(?:TYPE|LENGTH))$/;
    (my $field = lc $1) =~ tr/_/-/;
    $headers{$field} = $ENV{$name} if length $ENV{$name};
}
delete @headers{qw(host connection)};    # HTTP::Tiny sets both itself
$headers{'x-forwarded-for'} = $ENV{REMOTE_ADDR};

binmode STDIN;
binmode STDOUT;
my $started;
sub start {
    my ($response) = @_;
    return if $started++;
    print "Status: $response->{status} $response->{reason}\r\n";
    for my $name (grep { !/^(?:connection|transfer-encoding)$/ } keys %{ $response->{headers} }) {
        my $value = $response->{headers}{$name};
        print "$name: $_\r\n" for ref $value ? @$value : $value;
    }
    print "\r\n";
}

my %options = (headers => \%headers, data_callback => sub { start($_[1]); print $_[0] });
$options{content} = sub { read STDIN, my $piece, 65536; $piece } if $ENV{CONTENT_LENGTH};
my $response = HTTP::Tiny->new(max_redirect => 0, keep_alive => 0)
    ->request($ENV{REQUEST_METHOD}, "http://$ENV{UPSTREAM}$ENV{REQUEST_URI}", \%options);
start($response);
print $response->{content} // '';    # of other than 2xx, which are not streamed
