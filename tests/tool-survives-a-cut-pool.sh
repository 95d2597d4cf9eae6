#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# A pool file that is cut before oriel opens it, while it looks at it, or
# between two looks, is a message and exit status 2.
. "${top_srcdir:-.}/tests/tap.sh"

oriel=$top_builddir/tools/oriel
[ -x "$oriel" ] || skip_all "there is no tools/oriel"
[ -z "$ORIEL_SANITIZER" ] || skip_all "a sanitizer wants to be loaded first"

# Cuts the file that is mapped to be read only.
cat > "$scratch/cut.c" << 'END'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define WRAP(name, type)                                                      \
  void *                                                                      \
  name (void *at, size_t n, int prot, int flags, int fd, type offset)         \
  {                                                                           \
    void *(*next) (void *, size_t, int, int, int, type)                       \
      = dlsym (RTLD_NEXT, #name);                                             \
    void *map = next (at, n, prot, flags, fd, offset);                        \
                                                                              \
    if (fd >= 0 && prot == PROT_READ && (flags & MAP_SHARED)                  \
        && ftruncate (fd, 4096) < 0)                                          \
      abort ();                                                               \
    return map;                                                               \
  }

WRAP (mmap, off_t)
WRAP (mmap64, off64_t) /* what 32-bit programs with 64-bit offsets call */
END
$CC -shared -fPIC -o "$scratch/cut.so" "$scratch/cut.c" 2> "$scratch/err" \
  || skip_all "$CC makes no library to load"

# Where files are memory: elsewhere what was cut could linger.
ORIEL_DIR=$(mktemp -d /dev/shm/oriel-test-XXXXXX) || skip_all "no /dev/shm"
export ORIEL_DIR
trap 'rm -rf "$scratch" "$ORIEL_DIR"' EXIT

make_pool ()
{
  rm -f "$ORIEL_DIR/oriel-p"
  "$oriel" warm -q -p p --create 2M "$top_srcdir/COPYING" > /dev/null
}

for command in stat check "top -b -n3 -d0.05"; do
  make_pool
  "$oriel" $command p > "$scratch/out" 2>&1
  is $? 0 "$command: the whole"
  env LD_PRELOAD="$scratch/cut.so" "$oriel" $command p > "$scratch/out" \
    2> "$scratch/err"
  is $? 2 "$command: cut while it is looked at"
  ok "the message names it" grep -q 'oriel-p: .*cut away' "$scratch/err"
  # The loader's: programs of 64 bits do not load what is for 32.
  ok "and is all" test "$(grep -cv '^ERROR: ld.so' "$scratch/err")" -eq 1
  "$oriel" $command p > "$scratch/out" 2> "$scratch/err"
  is $? 2 "$command: cut before"
  ok "the message names it" grep -q 'oriel-p: ' "$scratch/err"
done

make_pool
"$oriel" top -b -d0.05 p > "$scratch/out" 2> "$scratch/err" &
top=$!
until grep -q PTABLES "$scratch/out"; do
  kill -0 $top || break
done
truncate -s 4096 "$ORIEL_DIR/oriel-p"
wait $top
is $? 2 "top: cut between two looks"
ok "the message names it" grep -q 'oriel-p: .*cut away' "$scratch/err"
done_testing
