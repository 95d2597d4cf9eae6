#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The example 01-pin-a-page runs, says what it shows, and leaves nothing
# behind.
. "${top_srcdir:-.}/tests/tap.sh"
. "$top_srcdir/tests/example.sh"

run_example 01-pin-a-page
says 'in the file:  (nothing)'
says 'in the file:  Hello, page 7!'
says 'in the pool:  Hello, page 7!'

done_testing
