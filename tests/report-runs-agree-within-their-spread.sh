#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# make bench-agree: of two reports it names the figures whose rounds lie apart, and
# who won in one and lost in the other; the exit status tells whether README's
# figures agree.
. "${top_srcdir:-.}/tests/tap.sh"

command -v python3 > /dev/null || skip_all "python3 is missing"
. "$top_srcdir/tests/report-fixture.sh"

# agree STATUS DESCRIPTION: of the report before, which is kept, and one anew
agree ()
{
  report write > "$scratch/made"
  report agree "$scratch/before.json" > "$scratch/out" 2> "$scratch/err"
  is $? "$1" "$2"
  diag < "$scratch/err"
}

# has PATTERN: a line of the output
has ()
{
  ok "says: $1" grep -q -e "$1" "$scratch/out"
}

# rounds PART CASE SERIES NUMBER...: in its first pass
rounds ()
{
  python3 - "$results" "$@" << 'END'
import json, sys
results, part, case, name, *numbers = sys.argv[1:]
path = f"{results}/{part}.1.json"
doc = json.load(open(path))
for c in doc["cases"]:
    if c["name"] == case:
        for s in c["series"]:
            if s["name"] == name:
                s["rounds"] = [float(n) for n in numbers]
json.dump(doc, open(path, "w"))
END
}

report write > "$scratch/made"
mv "$scratch/report.json" "$scratch/before.json"
agree 0 'a report agrees with itself'
has "^README's figures  *6  *0 "
has '^all that is compared  *11  *0 '
has '^counters and the like  *2  *0 .* 2$'
has '^won in one run, lost in the other: none$'
ok 'nothing is apart' sh -c '! grep -q "^apart" "$1"' - "$scratch/out"

# With 3 rounds in each 2 * 3! * 3! / 6! of seven figures, and with 2 a third of one.
has '^  io  *8  *0  *1.0 '

rounds io scan/rate oriel 31 32 33
agree 3 'a figure of README lies apart: 3'
has "^README's figures  *6  *1 "
ok 'and is named, with the spread of both' grep -qxF \
  '  io: scan/rate, oriel: 20 MiB/s (10 to 30) and 32 MiB/s (31 to 33)' \
  "$scratch/out"
rounds io scan/rate oriel 30.2 32 33
agree 0 'within what is shown it is no difference'

rounds io pins/CPU oriel 20 21
agree 3 'who won there and loses here: 3'
has '^won in one run, lost in the other: io: pins/CPU$'
has "^README's figures  *6  *0 "
rounds io pins/CPU oriel 2 3

rounds io depth/queue oriel 50
agree 0 'a counter is counted by itself'
has '^counters and the like  *2  *1 '
has '^all that is compared  *11  *0 '

rm "$results"/micro.1.json
agree 0 'what is in one of them alone is no difference'
has '^in one of the runs alone: 3 figures$'

report agree > "$scratch/out" 2> "$scratch/err"
is $? 1 'it wants another report'
report agree "$scratch/nonesuch" > "$scratch/out" 2> "$scratch/err"
is $? 1 'that is there'
ok 'or says so' grep -q 'no report: .*nonesuch' "$scratch/err"

# make's side of it: what it hands on.
make=${MAKE-make}
if [ -e "$top_builddir/Makefile" ]; then
  ok 'make bench-agree hands the other on' sh -c \
    '"$1" -s -C "$2" bench-agree REPORT=echo WITH="other one" \
      | grep -qx "agree other one"' - "$make" "$top_builddir"
  ok 'and wants one' sh -c '! "$1" -s -C "$2" bench-agree REPORT=echo \
    2> "$3"' - "$make" "$top_builddir" "$scratch/err"
  ok 'which it says' grep -q 'needs WITH=' "$scratch/err"
  note="it's, <so>"
  ok 'a note may have an apostrophe' sh -c \
    '"$1" -s -C "$2" bench-report REPORT=echo NOTE="$3" \
      | grep -qF -e "--note $3"' - "$make" "$top_builddir" "$note"
else
  skip 'no Makefile here'
fi
done_testing
