#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# No file includes a header of a layer above its own, files of one layer include
# each other only within a module, as a backend its interface, and what is not
# the core sees the installed headers only.  src/layers.txt is the table.
. "${top_srcdir:-.}/tests/tap.sh"
cd "$top_srcdir" || exit 99

table=$scratch/table
grep '^[0-9]' src/layers.txt > "$table"

# includes FILE...: "FILE HEADER" for each #include "HEADER"
includes ()
{
  awk '/^[ \t]*#[ \t]*include[ \t]*"/ {
         split ($0, part, "\"")
         print FILENAME, part[2]
       }' "$@" /dev/null
}

every_file_has_a_layer ()
{
  ls src | grep '\.[ch]$' | sort > "$scratch/there"
  awk '{ print $2 }' "$table" | sort > "$scratch/listed"
  diff "$scratch/there" "$scratch/listed"
}
ok "layers.txt lists the files of src, each once" every_file_has_a_layer

# A module is NAME.c, NAME.h and NAME-*.
downwards ()
{
  (cd src && includes *.[ch]) | awk '
    NR == FNR { layer[$2] = $1; next }
    $2 == "oriel.h" { next }
    !($1 in layer) || !($2 in layer) {
      print $1 " includes " $2 ": not in layers.txt"
      bad = 1
      next
    }
    {
      module = $1
      other = $2
      sub (/[-.].*/, "", module)
      sub (/[-.].*/, "", other)
    }
    layer[$2] + 0 > layer[$1] + 0 {
      print $1 " (" layer[$1] ") includes " $2 " (" layer[$2] "): upwards"
      bad = 1
    }
    layer[$2] + 0 == layer[$1] + 0 && module != other {
      print $1 " includes " $2 ": both are of layer " layer[$1]
      bad = 1
    }
    END { exit bad }' "$table" -
}
ok "src includes downwards only" downwards

# In angle brackets, too, a header of src must not be had: -I src is not given,
# but a path could be.
installed_only ()
{
  bad=0
  for dir in vfs bench examples tools; do
    set -- "$dir"/*.[ch]
    [ -e "$1" ] || continue
    includes "$@" | while read -r file header; do
      # They measure parts of the core beside the whole.
      case $file in
        bench/bench-micro-oriel.c | bench/bench-window-memory.c) true ;;
        bench/bench-window-swap.c | bench/bench-window-vector.c) true ;;
        *) false ;;
      esac ||
      [ -e "include/$header" ] || [ -e "$dir/$header" ] || {
        echo "$file includes $header"
        exit 1
      }
    done || bad=1
    if grep -n '#[ 	]*include.*[</"]src/' "$@"; then
      bad=1
    fi
  done
  return $bad
}
ok "vfs, bench, examples and tools include installed headers and their own" \
  installed_only

done_testing
