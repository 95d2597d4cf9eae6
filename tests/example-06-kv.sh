#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The example 06-kv runs, loses no money, and leaves nothing behind.
. "${top_srcdir:-.}/tests/tap.sh"
. "$top_srcdir/tests/example.sh"

run_example 06-kv
says 'the other was killed; all accounts have 100000'
says 'recovered from its files, they have 100000'

done_testing
