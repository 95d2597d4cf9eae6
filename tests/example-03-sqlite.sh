#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The example 03-sqlite runs, says what it shows, and leaves nothing
# behind; also where it can have no pool.
. "${top_srcdir:-.}/tests/tap.sh"
. "$top_srcdir/tests/example.sh"

run_example 03-sqlite

says 'ships and tons: 20000 1400070000'
says 'of ship 4711: 32977'
says 'integrity: ok'
says 'without Oriel: 20000 1400070000'

rm -rf "$pools"
ok "it ends with success where no pool can be had" example_runs
says 'without Oriel: 20000 1400070000'
says 'there was no pool'

done_testing
