#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# mandoc finds nothing to say about a manual page; a page that stands for
# another names one that exists.
. "${top_srcdir:-.}/tests/tap.sh"

command -v mandoc > /dev/null || skip_all "mandoc is missing"

# is_clean PAGE
is_clean ()
{
  target=$(sed -n '1s/^\.so man[0-9]\///p' "$1")
  if [ -n "$target" ]; then
    test -e "$top_srcdir/man/$target"
    return
  fi
  mandoc -Tlint -Wstyle "$1" > "$scratch/lint" 2>&1
  cat "$scratch/lint"
  ! [ -s "$scratch/lint" ]
}

for page in "$top_srcdir"/man/*.[1-8]; do
  ok "${page##*/}" is_clean "$page"
done

done_testing
