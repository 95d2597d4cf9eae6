# SPDX-License-Identifier: BSD-2-Clause
#
# The sqlite3 shell: .load, then .open with a URI.
. "${top_srcdir:-.}/tests/tap.sh"
. "$top_srcdir/tests/client.sh"

client sqlite3

shell ()
{
  {
    printf '.bail on\n.load %s\n.open file:%s?vfs=oriel\n' "$module" "$2"
    printf '.output /dev/null\n'
    fill "$1"
    printf '.output stdout\n.mode list\n.separator " " " "\n'
    printf 'PRAGMA oriel_status;\n'
    printf '%s\n' 'SELECT count(*), (SELECT count(*) > 0 FROM oriel_pages) FROM t;' \
      'PRAGMA integrity_check;'
  } | sqlite3 | sed 's/^\(pool\).* \([0-9]* [01] [a-z]*\) *$/\1 \2/'
}
both_modes shell "the shell"

done_testing
