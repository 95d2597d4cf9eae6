#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# compile.sh COMPILER... -o PROGRAM ... - stands in for the linker in SQLite's
# Makefile (LTLINK)
#
# Its rules compile and link a program by one command.  This compiles each
# source by itself, two at once, with the same options, into PROGRAM.objects/,
# and leaves there what to link with, so that each program is linked twice: with
# Oriel and without.

program=
sources=
libraries=
count=$#
while [ "$count" -gt 0 ]; do
  arg=$1
  shift
  count=$((count - 1))
  case $arg in
    -o)
      program=$1
      shift
      count=$((count - 1))
      ;;
    *.c) sources="$sources $arg" ;;
    -l* | -L*) libraries="$libraries $arg" ;;
    *) set -- "$@" "$arg" ;;
  esac
done
rm -rf "$program.objects"
mkdir "$program.objects" || exit
for source in $sources; do
  echo "$source"
done | xargs -P "${JOBS:-2}" -I '{}' sh -c '
  source=$1 directory=$2
  shift 2
  exec "$@" -w -c "$source" -o "$directory/`basename "$source" .c`.o"
  ' sh '{}' "$program.objects" "$@" || exit
echo "$libraries" > "$program.objects/libraries"
