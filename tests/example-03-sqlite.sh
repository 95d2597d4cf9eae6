#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The example 03-sqlite runs, says what it shows, and leaves nothing
# behind; also where it can have no pool.  Where SQLite fails it leaves no pool,
# either.
. "${top_srcdir:-.}/tests/tap.sh"
. "$top_srcdir/tests/example.sh"

run_example 03-sqlite

says 'ships and tons: 20000 1400070000'
says 'of ship 4711: 32977'
says 'integrity: ok'
says 'without Oriel: 20000 1400070000'

echo 'This is no database, and longer than the head of one.' \
  > "$scratch/here/03-sqlite.db"
example_runs > /dev/null
is $status 1 "it fails where its database is none"
says 'not a database'
is "$(ls "$pools")" "" "it leaves no pool behind then, either"
rm "$scratch/here/03-sqlite.db"

rm -rf "$pools"
ok "it ends with success where no pool can be had" example_runs
says 'without Oriel: 20000 1400070000'
says 'there was no pool'

done_testing
