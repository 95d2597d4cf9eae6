#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The three samples of README.md do what they say, as they stand there: each call
# of the two in C succeeds, the shell's lines are taken.
. "${top_srcdir:-.}/tests/tap.sh"

[ -z "${ORIEL_SANITIZER-}" ] || skip_all "the library wants its sanitizer"
pools=$(mktemp -d /dev/shm/oriel-test-XXXXXX 2> /dev/null) \
  || pools=$(mktemp -d "$scratch/pools-XXXXXX")
trap 'rm -rf "$scratch" "$pools"' EXIT
# As large as the samples have them.
[ "$(df -Pk "$pools" | awk 'NR == 2 { print $4 }')" -gt 400000 ] \
  || skip_all "400 MB of $pools are not free"
ORIEL_DIR=$pools
export ORIEL_DIR
readme=$top_srcdir/README.md
mkdir "$scratch/here"

# sample HEADING: the indented lines below it
sample ()
{
  sed -n "/^## $1\$/,/^## [^#]*\$/s/^    //p" "$readme"
}

# checked: each call on standard input by check()
checked ()
{
  sed 's/^\(\(oriel\|kv\)_[a-z_]* (.*)\);/  check (\1);/'
}

# Before a main().
preamble ()
{
  cat << 'END'
#include <oriel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
check (int rc)
{
  if (rc < 0)
    {
      fprintf (stderr, "%s: %s\n", strerror (-rc), oriel_error ());
      exit (1);
    }
}

END
}

# compile NAME LIBRARY...: from standard input
compile ()
{
  name=$1
  shift
  cat > "$scratch/$name.c"
  $CC -Wall -Werror -D_GNU_SOURCE -pthread -I"$top_srcdir/include" \
    -I"$top_srcdir/examples/kv" -c -o "$scratch/$name.o" "$scratch/$name.c" \
    && sh "$top_builddir/libtool" --silent --tag=CC --mode=link "$CC" -pthread \
      -no-install -o "$scratch/$name" "$scratch/$name.o" "$@" \
      "$top_builddir/liboriel.la"
}

# runs NAME: in a directory of its own
runs ()
{
  (cd "$scratch/here" && "$scratch/$1")
}

in_c ()
{
  preamble
  echo 'int main (void)
{
  oriel_pool *pool;
  oriel_file *file;
  oriel_page page;
'
  sample 'In C' | checked
  echo '  check (oriel_file_close (file));
  check (oriel_pool_close (pool));
  return 0;
}'
}

in_c > "$scratch/text"
is "$(grep -c '  check (' "$scratch/text")" 8 'In C: six calls'
ok 'In C: it compiles' compile in-c < "$scratch/text"
ok 'In C: it runs' runs in-c
is "$(dd if="$scratch/here/data.db" bs=4096 skip=7 count=1 2> "$scratch/dd" \
  | head -c 5)" hello 'In C: page 7 has what was written'

as_kv ()
{
  preamble
  echo '#include "kv.h"
int main (void)
{
  oriel_pool *pool;
  kv *store;
  char buffer[100];
  size_t length;

  check (oriel_pool_open ("example", NULL, &pool));'
  sample 'As a key-value store' | checked
  echo '  check (oriel_pool_close (pool));
  return length == 5 && memcmp (buffer, "value", 5) == 0 ? 0 : 1;
}'
}

if [ -e "$top_builddir/examples/libkv.a" ]; then
  as_kv > "$scratch/text"
  is "$(grep -c '^  check (kv' "$scratch/text")" 4 'key-value store: four calls'
  ok 'key-value store: it compiles' \
    compile as-kv "$top_builddir/examples/libkv.a" < "$scratch/text"
  ok 'key-value store: it runs, and gets what was put' runs as-kv
else
  skip 'no xxHash, no key-value store'
fi

module=$(cd "$top_builddir" && pwd)/.libs/oriel_vfs
shell ()
{
  sample 'In SQLite' | sed -n "s|^sqlite> ||p" | sed "s|^\\(.load \\).*|\\1$module|
    s| *-- .*||"
}

# The class byte of an ELF file: 1 for 32 bits, 2 for 64.
class ()
{
  od -An -tu1 -j4 -N1 "$1" | tr -d ' '
}

if [ ! -e "$module.so" ]; then
  skip 'no SQLite, no module'
elif ! command -v sqlite3 > "$scratch/found"; then
  skip 'there is no sqlite3 shell'
elif [ "$(class "$module.so")" != "$(class "$(cat "$scratch/found")")" ]; then
  skip 'the sqlite3 shell is of another architecture'
else
  shell > "$scratch/text"
  is "$(wc -l < "$scratch/text")" 5 'In SQLite: five lines'
  echo 'CREATE TABLE IF NOT EXISTS t (x); PRAGMA oriel_status;' \
    >> "$scratch/text"
  (cd "$scratch/here" && sqlite3 -bail < "../text") > "$scratch/out" 2>&1
  is $? 0 'In SQLite: the shell takes them'
  diag < "$scratch/out"
  ok 'In SQLite: the pool is used' grep -q '^pool' "$scratch/out"
  ok 'In SQLite: it is as large as was asked for' sh -c \
    'find "$1" -type f -size +262143k | grep -q .' - "$pools"
fi
done_testing
