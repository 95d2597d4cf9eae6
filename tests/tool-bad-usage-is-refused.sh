#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# oriel ends with 2 for a command line that is wrong, and says what is.
. "${top_srcdir:-.}/tests/tap.sh"

oriel=$top_builddir/tools/oriel
[ -x "$oriel" ] || skip_all "there is no tools/oriel"
ORIEL_DIR=$scratch
export ORIEL_DIR

# refused MESSAGE ARGUMENT...
refused ()
{
  message=$1
  shift
  "$oriel" "$@" > "$scratch/out" 2> "$scratch/err" < /dev/null
  is $? 2 "refused: oriel $*"
  ok "with: $message" grep -q -e "$message" "$scratch/err"
  ok "and nothing else" test ! -s "$scratch/out"
}

refused 'which command?'
refused 'there is no command "nonesuch"' nonesuch
refused 'unrecognized option' --nonesuch ls
refused 'what is "x"' ls x
refused 'unrecognized option' ls --nonesuch
refused '--directory takes a path' ls -d ''
for command in stat top check rm resize; do
  refused "oriel $command: which POOL?" $command
done
for command in stat top check rm; do
  refused 'what is "b"' $command a b
  refused 'unrecognized option' $command --nonesuch a
done
for command in stat check rm drop; do
  refused "a: \|oriel-a: " $command a
done
refused 'oriel-a: ' top --batch a
refused '--delay takes a number' top -d 0 a
refused '--delay takes a number' top -d nan a
refused '--delay takes a number' top -d 1x a
refused '--count takes a number' top -n 0 a
refused '--sort takes one of' top -s z a
refused '--sort takes one of' top -s hm a
refused 'oriel warm: which FILE?' warm
refused '--create takes a size' warm --create 0 x
refused '--create takes a size' warm --create 1Q x
refused '--pool takes' warm -p '' x
refused '--wait takes a number' warm --wait 0 x
refused '--wait takes a number' rm --wait x a
refused 'which POOL or FILE?' drop
refused 'what is "b"' drop a b
refused 'which SIZE?' resize a
refused 'SIZE takes a number' resize a 1Q
refused 'what is "c"' resize a 1M c
refused 'oriel-a: ' resize a 1M

for command in '' ls stat top check warm drop resize rm; do
  ok "oriel $command --help" "$oriel" $command --help
  ok "oriel $command --version" "$oriel" $command --version
done
is "$("$oriel" --version)" "oriel (Oriel) $(sed -n \
  's/^#define ORIEL_VERSION_[A-Z]* *//p' "$top_srcdir/include/oriel.h" \
  | paste -s -d .)" "the version is the library's"

if [ -w /dev/full ]; then
  "$oriel" check --help > /dev/null
  "$oriel" warm -p a --create 1M "$top_srcdir/COPYING" > /dev/null
  "$oriel" stat a > /dev/full 2> "$scratch/err"
  is $? 2 "output that cannot be written is an error"
  ok "and it says so" grep -q 'standard output' "$scratch/err"
else
  skip "no /dev/full"
fi

done_testing
