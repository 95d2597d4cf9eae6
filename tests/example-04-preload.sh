#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The example 04-preload gives the VFS to a program that does not know of it.
. "${top_srcdir:-.}/tests/tap.sh"
. "$top_srcdir/tests/client.sh"

client sqlite3
preload=$(cd "$top_builddir" && pwd)/examples/.libs/preload.so
[ -e "$preload" ] || skip_all "the example was not built"

ask ()
{
  LD_PRELOAD=$preload sqlite3 -bail "$1" 'CREATE TABLE IF NOT EXISTS t (x);
    PRAGMA oriel_status; SELECT count(*) > 0 FROM oriel_pages' \
    | sed 's/^pool.*/pool/'
}

is "$(ask "file:$scratch/a.db?vfs=oriel")" "pool
1" "a URI uses the pool, and nothing was loaded"
is "$(ask "$scratch/b.db")" "0" "a plain name does not"
is "$(ORIEL_VFS_DEFAULT=1 ask "$scratch/c.db")" "pool
1" "unless the environment asks for it"
is "$(sqlite3 "file:$scratch/a.db?vfs=oriel" 'SELECT 1' 2>&1 \
  | grep -c 'no such vfs')" 1 "without the library there is no such VFS"

done_testing
