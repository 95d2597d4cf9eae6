#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Each public header compiles by itself as strict C99: a program includes it
# first, and need not be C11 or GNU C.
. "${top_srcdir:-.}/tests/tap.sh"

for header in "$top_srcdir"/include/*.h "$top_srcdir"/include/oriel/*.h; do
  name=${header#"$top_srcdir"/include/}
  echo "#include <$name>" > "$scratch/alone.c"
  ok "$name is C99" ${CC:-cc} -std=c99 -pedantic -Wall -Wextra -Werror \
    -I"$top_srcdir/include" -fsyntax-only "$scratch/alone.c"
done

done_testing
