#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Each function that a public header declares has a page man/NAME.3, which
# names it in its NAME section or is a .so of a page that does.
. "${top_srcdir:-.}/tests/tap.sh"

# functions HEADER: what it marks ORIEL_API
functions ()
{
  awk -f "$top_srcdir/tests/api-functions.awk" "$1"
}

# has_page FUNCTION
has_page ()
{
  page=$top_srcdir/man/$1.3
  [ -e "$page" ] || {
    echo "no man/$1.3"
    return 1
  }
  target=$(sed -n 's/^\.so \(man3\/\)*//p' "$page")
  if [ -n "$target" ]; then
    page=$top_srcdir/man/$target
  fi
  awk '/^\.S[Hh] / { inside = ($2 == "NAME") } inside' "$page" \
    | sed 's/\\//g' | grep -qw "$1" || {
    echo "${page##*/} does not name $1"
    return 1
  }
}

for header in "$top_srcdir"/include/*.h "$top_srcdir"/include/oriel/*.h; do
  for function in $(functions "$header"); do
    ok "man/$function.3" has_page "$function"
  done
done

done_testing
