#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# What a hit, a swap and a miss cost the program, in instructions, without the
# kernel's: valgrind counts the same in each run, where a clock does not.  Fails
# when one is more than 5% above what instructions.txt says.  A change that is
# worth it changes that file too, in the same commit: ORIEL_COUNT=1 prints it.
. "${top_srcdir:-.}/tests/tap.sh"

table=$top_srcdir/tests/instructions.txt
program=$top_builddir/tests/count-instructions
turns=2000

command -v valgrind > "$scratch/valgrind" || skip_all "needs valgrind"
[ "${ORIEL_VALGRIND:-0}" = 0 ] || skip_all "runs valgrind itself"

# Another compiler, or other options, make other instructions.
build=$(sed -n 's/^host_cpu = //p' "$top_builddir/Makefile")/$(
  $CC -dumpversion | cut -d . -f 1)/$(
  sed -n 's/^CFLAGS = //p; s/^ORIEL_CPPFLAGS = //p; s/^ORIEL_CFLAGS = //p' \
    "$top_builddir/Makefile" | tr ' ' '\n' \
    | grep -e '^-O' -e 'ORL_DEBUG' -e '^-fsan' -e '^-m' -e '^-fprofile' \
    | sort | tr -d '\n')
known=$(sed -n 's/^# build: //p' "$table")
[ "$build" = "$known" ] || skip_all "counts are of build $known, this is $build"

# total PATH TURNS: of the process that counts most; the others clean up
total ()
{
  valgrind --tool=callgrind --callgrind-out-file=/dev/null \
    "$program" "$1" "$2" > "$scratch/log" 2>&1 || {
    diag < "$scratch/log" >&2
    return 1
  }
  sed -n 's/.*Collected : *//p' "$scratch/log" | sort -n | tail -n 1
}

# count PATH: instructions of one turn
count ()
{
  less=$(total "$1" "$turns") && more=$(total "$1" $((2 * turns))) \
    && echo $(((more - less + turns / 2) / turns))
}

if [ -n "${ORIEL_COUNT-}" ]; then
  sed -n '/^#/p' "$table"
  grep -v '^#' "$table" | while read -r path old; do
    printf '%-16s %s\n' "$path" "$(count "$path")"
  done
  exit
fi

while read -r path most; do
  case $path in '#'* | '') continue ;; esac
  now=$(count "$path") || now=
  ok "$path: $now instructions, $most in the table" \
    test -n "$now" -a "${now:-0}" -gt 0 -a "$((${now:-0} * 100))" -le $((most * 105))
done < "$table"
done_testing
