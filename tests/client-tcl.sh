# SPDX-License-Identifier: BSD-2-Clause
#
# Tcl's sqlite3 package: load_extension(), then a URI.
. "${top_srcdir:-.}/tests/tap.sh"
. "$top_srcdir/tests/client.sh"

client tclsh
[ -n "$(echo 'puts [package require sqlite3]' | tclsh 2> /dev/null)" ] \
  || skip_all "there is no package sqlite3"

cat > "$scratch/client.tcl" << 'EOF'
package require sqlite3
sqlite3 loader :memory:
loader enable_load_extension 1
loader eval {SELECT load_extension ($env(module))}
sqlite3 db "file:[lindex $argv 0]?vfs=oriel" -uri 1
db eval [read stdin]
puts "[lindex [db onecolumn {PRAGMA oriel_status}] 0]\
  [db onecolumn {SELECT count(*) FROM t}]\
  [db onecolumn {SELECT count(*) > 0 FROM oriel_pages}]\
  [db onecolumn {PRAGMA integrity_check}]"
EOF

tcl ()
{
  fill "$1" | tclsh "$scratch/client.tcl" "$2"
}
both_modes tcl "Tcl"

done_testing
