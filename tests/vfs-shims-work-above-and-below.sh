# SPDX-License-Identifier: BSD-2-Clause
#
# SQLite's own shims, cksumvfs, vfsstat and multiplex, work above Oriel's VFS and
# below it.  Their source is not installed by Debian: it is taken from where make
# check-sqlite puts SQLite's, or from ORIEL_SQLITE_SOURCE.
. "${top_srcdir:-.}/tests/tap.sh"

source=${ORIEL_SQLITE_SOURCE-$top_builddir/tests/sqlite-suite/source}
[ -e "$source/ext/misc/cksumvfs.c" ] \
  || skip_all "there is no source of SQLite (make check-sqlite fetches it)"
[ -z "${ORIEL_SANITIZER-}" ] || skip_all "a shim is not sanitized"
version=$(sqlite3 --version 2> /dev/null | cut -d ' ' -f 1)
[ -z "$version" ] || [ "$version" = "$(cat "$source/VERSION")" ] \
  || skip_all "that source is of another version"

pools=$(mktemp -d /dev/shm/oriel-test-XXXXXX) || exit 99
trap 'rm -rf "$scratch" "$pools"' EXIT
ORIEL_DIR=$pools
ORIEL_POOL_SIZE=1M
export ORIEL_DIR ORIEL_POOL_SIZE

compile ()
{
  ${CC:-cc} -w -O1 -DSQLITE_CKSUMVFS_STATIC -DSQLITE_CORE -D_GNU_SOURCE \
    -I"$top_srcdir/include" -I"$source/src" -I"$scratch/include" \
    "$top_srcdir/tests/shims.c" "$source/ext/misc/cksumvfs.c" \
    "$source/ext/misc/vfsstat.c" "$source/src/test_multiplex.c" \
    "$top_builddir/.libs/liboriel_vfs.a" "$top_builddir/.libs/liboriel.so" \
    -Wl,-rpath,"$top_builddir/.libs" -lsqlite3 -pthread -o "$scratch/shims"
}
mkdir "$scratch/include"
ok "SQLite's shims compile" compile

# stack EXPECTED NAME...
stack ()
{
  expected=$1
  shift
  for mode in delete wal; do
    database=$scratch/$mode.db
    rm -f "$database"*
    is "$("$scratch/shims" "$database" $mode "$@" 2>&1)" "$expected
pool
1
$sum
ok" "$mode: $*"
    is "$(sqlite3 "$database" 'SELECT sum(length(v)) FROM t;
      PRAGMA integrity_check')" "$sum
ok" "$mode: SQLite's own VFS reads what the stack $* wrote"
  done
}

sum=$(sqlite3 :memory: 'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL
  SELECT i + 1 FROM n WHERE i < 40) SELECT sum (3000 + (i % 7 = 3) * (41 - i))
  FROM n WHERE i % 10')

stack oriel/unix oriel
stack cksm/oriel/unix oriel cksum
stack oriel/cksm/unix cksum oriel
stack vstat/oriel/unix oriel stat
stack oriel/vstat/unix stat oriel
stack multiplex/oriel/unix oriel multiplex
stack oriel/multiplex/unix multiplex oriel
stack vstat/cksm/oriel/unix oriel cksum stat

done_testing
