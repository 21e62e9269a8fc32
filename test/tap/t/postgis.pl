# Columns declared with the types of PostGIS: their own functions take the
# well-known binary of the files, and enforce type and reference system.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Lake;
use Test::More;

my $node = lake_node('postgis');
my $session = session($node);

# not among the packages of tools/deps: nothing depends on it
my $major = int($session->value('SHOW server_version_num') / 10000);
SKIP: {
skip "PostGIS is not installed (postgresql-$major-postgis-3)", 1
	unless $session->value(q{SELECT count(*) FROM pg_available_extensions WHERE name = 'postgis'});

# errors with their places
$session->query('\set SHOW_CONTEXT errors');

my $shapes = fixture('geometry/shapes.parquet');
my $damaged = fixture('geometry/damaged.parquet');

# in a schema that is not searched: nothing may depend on where it is
$session->value(qq{
	CREATE SCHEMA gis;
	CREATE EXTENSION postgis SCHEMA gis;
	CREATE FOREIGN TABLE shapes (id int, wkt text, g gis.geometry, m gis.geometry(Geometry, 3857), e gis.geography) SERVER lake OPTIONS (location '$shapes');
	CREATE FOREIGN TABLE points (id int, g gis.geometry(Point, 4326)) SERVER lake OPTIONS (location '$shapes');
	CREATE FOREIGN TABLE damaged (id int, g gis.geometry) SERVER lake OPTIONS (location '$damaged');});

is($session->value('SELECT count(*) FROM shapes WHERE replace(gis.st_astext(g), \' \', \'\') IS DISTINCT FROM replace(wkt, \' \', \'\')'),
	'0', 'geometries mean what their text says');
is($session->value('SELECT string_agg(gis.st_astext(g), \';\' ORDER BY id) FROM shapes WHERE id < 2 OR g IS NULL'),
	'POINT(30 10);LINESTRING(30 10,10 30)', 'values and nulls');
is($session->value('SELECT DISTINCT gis.st_srid(g), gis.st_srid(m), gis.st_srid(e::gis.geometry) FROM shapes WHERE id < 3'),
	'0|3857|4326', 'the reference system is that of the declared type');
is($session->value('SELECT round(gis.st_distance(a.e, b.e)) FROM shapes a, shapes b WHERE a.id = 6 AND b.id = 7'),
	$session->value(q{SELECT round(gis.st_distance('POINT(179.5 -10.25)'::gis.geography, 'POINT(-179.5 10)'::gis.geography))}),
	'geographies are measured across the antimeridian');
is($session->value(q{SELECT id FROM shapes WHERE gis.st_contains(gis.st_makeenvelope(29, 9, 31, 11), g)}), '0', 'conditions are PostGIS\'s');

my ($out, $err) = $session->query('SELECT g FROM points');
like($err, qr/Geometry type \(LineString\) does not match column type \(Point\)/, 'the declared type is enforced');
like($err, qr/CONTEXT: +file "[^"]*shapes\.parquet", column "g", row 2/, 'and the place is named');
is($session->value('SELECT gis.st_asewkt(g) FROM points WHERE id = 0'), 'SRID=4326;POINT(30 10)', 'rows that fit are read');

($out, $err) = $session->query('SELECT g FROM damaged');
like($err, qr/CONTEXT: +file "[^"]*damaged\.parquet", column "g", row 2/, 'damaged bytes are an error that names the row');
is($session->value('SELECT string_agg(gis.st_astext(g), \';\' ORDER BY id) FROM damaged WHERE id <> 1'), 'POINT(1 2);POINT(5 6)',
	'and only when they are read');
}

$session->quit;
done_testing();
