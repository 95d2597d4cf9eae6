#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The shared library exports what oriel.h declares, no more and no less; the
# module exports its entry point.
. "${top_srcdir:-.}/tests/tap.sh"

# functions HEADER: what it marks ORIEL_API
functions ()
{
  awk -f "$top_srcdir/tests/api-functions.awk" "$1"
}

# exports FILE: names of what it defines, without the version's own symbol
exports ()
{
  ${NM:-nm} -D --defined-only "$1" | awk '$2 != "A" {
    sub (/@.*/, "", $3)
    print $3
  }' | sort
}

library=$top_builddir/.libs/liboriel.so
if [ -e "$library" ]; then
  want=$(for header in "$top_srcdir/include/oriel.h" \
    "$top_srcdir"/include/oriel/*.h; do
    functions "$header"
  done | sort)
  is "$(exports "$library")" "$want" "liboriel.so exports what oriel.h declares"
  unversioned=$(${NM:-nm} -D --defined-only "$library" \
    | grep -v ' A ' | grep -v '@@ORIEL_0$')
  is "$unversioned" "" "each symbol is of version ORIEL_0"
else
  skip "no shared library in this build"
fi

module=$top_builddir/.libs/oriel_vfs.so
if [ -e "$module" ]; then
  is "$(exports "$module")" "sqlite3_orielvfs_init" \
    "oriel_vfs.so exports its entry point"
else
  skip "no SQLite module in this build"
fi

done_testing
