#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# make bench-agree: of two reports it names the figures whose rounds lie apart, and
# who won in one and lost in the other; the exit status tells whether README's
# figures agree: whether no more of them lie apart than by chance, beyond the
# machine's pace, and no claim changes.
. "${top_srcdir:-.}/tests/tap.sh"

command -v python3 > /dev/null || skip_all "python3 is missing"
. "$top_srcdir/tests/report-fixture.sh"

# agree STATUS DESCRIPTION: of the report before, which is kept, and one anew
agree ()
{
  report write --gnuplot ./nonesuch > "$scratch/made"
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

# ycsb OURS PEERS: README's five figures of kv, four rounds each, times these; and a
# peer more, of the one that is the best here
ycsb ()
{
  python3 - "$results" "$@" << 'END'
import json, sys
results, ours, peers = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
def series(name, role, at):
    return {"name": name, "role": role, "rounds": [at, at * 1.1, at * 1.2, at]}
json.dump({"cases": [
    {"name": work + "/throughput", "unit": "1/s", "better": "more", "series": [
        series("oriel kv", "ours", 30 * ours), series("LMDB", "peer", 10 * peers)]}
    for work in ("ycsb-a", "ycsb-c", "ycsb-e", "larger", "durable")]},
    open(f"{results}/kv.1.json", "w"))
END
}

ycsb 1 1
report write --gnuplot ./nonesuch > "$scratch/made"
mv "$scratch/report.json" "$scratch/before.json"
agree 0 'a report agrees with itself'
has "^README's figures  *16  *0  *0 "
has '^all that is compared  *21  *0  *0 '
has '^counters and the like  *2  *0 .* 2$'
has '^won in one run, lost in the other: none$'
has '^These two runs agree: 0 of 16 '
ok 'nothing is apart' sh -c '! grep -q "^apart" "$1"' - "$scratch/out"

# With 3 rounds in each 2 * 3! * 3! / 6! of seven figures, and with 2 a third of one.
has '^  io  *8  *0  *0  *1.0 '

rounds io scan/rate oriel 31 32 33
agree 0 'one figure of many lies apart by chance'
has "^README's figures  *16  *1  *1 "
ok 'and is named, with the spread of both, and how likely it is' grep -qxF \
  '  io: scan/rate, oriel: 20 MiB/s (10 to 30) and 32 MiB/s (31 to 33), by chance once in 10' \
  "$scratch/out"
rounds io scan/rate oriel 30.2 32 33
agree 0 'within what is shown it is no difference'
has "^README's figures  *16  *0 "

ycsb 1.5 1
agree 0 'so do five'
has "^README's figures  *16  *5  *5 "
has '^These two runs agree: 5 of 16 .*; by chance up to 5 do.$'
rounds io scan/rate oriel 31 32 33
agree 3 'six are more than by chance: 3'
has "^README's figures  *16  *6  *6 "
has '^These two runs do NOT agree:$'
has "^  6 of README's figures lie apart: more than 5 of them do by chance once"
rounds io scan/rate oriel 10 20 30
ycsb 3 3
agree 0 'what the pace of the machine has moved agrees'
has "^README's figures  *16  *10  *0 "
has ' kv 0.33$'
has '^  kv: ycsb-a/throughput, LMDB: .*, as the machine.s pace was$'

ycsb 1 2.5
agree 3 'the pace hides no claim that changes: 3'
has '^  kv: YCSB A, updates: 3 times better in one run, 1.2 in the other$'
ycsb 1 1

# "ycsb-a" alone
claim ()
{
  rounds kv ycsb-a/throughput 'oriel kv' "$@"
}
ycsb 1 1
claim 15 15 15 15
agree 3 'half as many times better: 3'
has '^  kv: YCSB A, updates: 3 times better in one run, 1.43 in the other$'
claim 19 19 19 19
agree 0 'somewhat fewer is no news'
claim 5 6 5 5
agree 3 'what README says was won is lost: 3'
has '^  kv: YCSB A, updates: won in one run, lost in the other$'
has '^won in one run, lost in the other: kv: ycsb-a/throughput$'
ycsb 1 1

rounds io pins/CPU oriel 20 21
agree 0 'who won there and loses here'
has '^won in one run, lost in the other: io: pins/CPU$'
has "^README's figures  *16  *0 "
rounds io pins/CPU oriel 2 3

rounds io depth/queue oriel 50
agree 0 'a counter is counted by itself'
has '^counters and the like  *2  *1 '
has '^all that is compared  *21  *0 '

sed -i 's/"real_time": 0.2/"real_time": 0.3/' "$results"/micro.1.json
agree 3 'a figure of README that is counted must be the same: 3'
has '^  micro: 1 thread/hot, Berkeley DB.*, which is counted$'

rm "$results"/micro.1.json
agree 0 'what is in one of them alone is no difference'
has '^in one of the runs alone: 3 figures$'

sed -i 's/"full": false/"full": false, "rounds": 1/' "$results"/io.1.run
agree 1 'figures of a trial are held against nothing'
ok 'which it says' grep -q 'trial: ROUNDS was chosen for io' "$scratch/err"
report pictures > "$scratch/out" 2> "$scratch/err"
is $? 1 'nor do they go into README.md'
ok 'by that reason' grep -q 'trial: ROUNDS was chosen for io' "$scratch/err"
ok 'and the report says so' grep -q 'A trial: ROUNDS was chosen for io.' \
  "$scratch/report.html"

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
