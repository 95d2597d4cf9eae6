# SPDX-License-Identifier: BSD-2-Clause
#
# Perl's DBD::SQLite: sqlite_load_extension(), then a URI.
. "${top_srcdir:-.}/tests/tap.sh"
. "$top_srcdir/tests/client.sh"

client perl
perl -MDBD::SQLite -e 1 2> /dev/null || skip_all "there is no DBD::SQLite"

cat > "$scratch/client.pl" << 'EOF'
use strict;
use DBI;
my ($database) = @ARGV;
my %options = (RaiseError => 1, PrintError => 0);
my $loader = DBI->connect("dbi:SQLite:dbname=:memory:", "", "", \%options);
$loader->sqlite_enable_load_extension(1);
$loader->sqlite_load_extension($ENV{module});
my $db = DBI->connect("dbi:SQLite:uri=file:$database?vfs=oriel", "", "",
                      \%options);
$db->do($_) while (<STDIN>);
my ($status) = $db->selectrow_array("PRAGMA oriel_status");
my ($pool) = split(" ", $status);
my ($rows) = $db->selectrow_array("SELECT count(*) FROM t");
my ($pages) = $db->selectrow_array("SELECT count(*) > 0 FROM oriel_pages");
my ($good) = $db->selectrow_array("PRAGMA integrity_check");
print "$pool $rows $pages $good\n";
EOF

perl_dbi ()
{
  fill "$1" | perl "$scratch/client.pl" "$2"
}
both_modes perl_dbi "DBD::SQLite"

done_testing
