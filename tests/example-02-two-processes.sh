#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The example 02-two-processes runs, says what it shows, and leaves nothing
# behind.
. "${top_srcdir:-.}/tests/tap.sh"
. "$top_srcdir/tests/example.sh"

run_example 02-two-processes
says 'found 1000 of 1000 pages; the file has 0 bytes'
says 'after a sync it has 4096000'

done_testing
