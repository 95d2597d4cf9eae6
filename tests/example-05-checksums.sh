#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The example 05-checksums finds the page that was damaged, and leaves nothing
# behind.
. "${top_srcdir:-.}/tests/tap.sh"
. "$top_srcdir/tests/example.sh"

[ -x "$top_builddir/examples/05-checksums" ] \
  || skip_all "xxHash was not there when this was built"
run_example 05-checksums
says 'read:     Hello, page 7!'
says 'page 7 is damaged'
says 'damaged:  1'

done_testing
