#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Each file in tests/ is one that local.mk names: a test that is not listed
# never fails.
. "${top_srcdir:-.}/tests/tap.sh"
cd "$top_srcdir/tests" || exit 99

# A program's name stands without its .c.
for file in *.c *.sh *.h *.awk; do
  ok "$file is listed" \
    grep -Eq "(^|[[:space:]])tests/(${file%.c}|$file)([[:space:]]|\$)" local.mk
done

done_testing
