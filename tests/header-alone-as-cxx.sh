#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Each public header compiles by itself as C++98 and as the compiler's own C++,
# and declares its functions extern "C".
. "${top_srcdir:-.}/tests/tap.sh"

[ -n "${CXX-}" ] || skip_all "no C++ compiler"

for header in "$top_srcdir"/include/*.h "$top_srcdir"/include/oriel/*.h; do
  name=${header#"$top_srcdir"/include/}
  echo "#include <$name>" > "$scratch/alone.cc"
  ok "$name is C++" $CXX -Wall -Wextra -Werror \
    -I"$top_srcdir/include" -fsyntax-only "$scratch/alone.cc"
  # long long is younger than C++98, and everywhere.
  ok "$name is C++98" $CXX -std=c++98 -pedantic -Wno-long-long -Wall -Wextra \
    -Werror -I"$top_srcdir/include" -fsyntax-only "$scratch/alone.cc"
done

# An address keeps the compiler from leaving the symbol out.
cat > "$scratch/linkage.cc" << 'END'
#include <oriel.h>
const char *(*f) () = oriel_version;
END
c_linkage ()
{
  $CXX -I"$top_srcdir/include" -c -o "$scratch/linkage.o" \
    "$scratch/linkage.cc" && ${NM:-nm} -u "$scratch/linkage.o" \
    | grep -w oriel_version
}
ok "functions have C linkage" c_linkage

done_testing
