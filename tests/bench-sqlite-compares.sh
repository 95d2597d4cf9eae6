#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# bench-sqlite measures our VFS and each setting of stock's, prints the ratio to
# the best of them, and leaves nothing behind; it refuses what it does not know.
# A VFS that costs nothing is shown beside them, and is none of them.
. "${top_srcdir:-.}/tests/tap.sh"

bench=$top_builddir/bench/bench-sqlite
[ -x "$bench" ] || skip_all "bench-sqlite is not built"
[ -z "${ORIEL_SANITIZER-}" ] || skip_all "nothing to measure under a sanitizer"
TMPDIR=$scratch/tmp
export TMPDIR
mkdir "$TMPDIR"
ORIEL_DIR=$(mktemp -d /dev/shm/oriel-test-XXXXXX) || exit 99
export ORIEL_DIR
trap 'rm -rf "$scratch" "$ORIEL_DIR"' EXIT
[ "$(df -Pk "$ORIEL_DIR" | awk 'NR == 2 { print $4 }')" -gt 131072 ] \
  || skip_all "/dev/shm has less than 128 MiB"

# has PATTERN: a line of the output.
has ()
{
  ok "says: $1" grep -q "$1" "$scratch/out"
}

"$bench" --quick --cases select1,killed,load > "$scratch/out" 2> "$scratch/err"
is $? 0 'three cases run'
has '^select1: '
has '^  *oriel  *pread  *mmap  *cache  *floor$'
has '^  selects  *1/s  *[0-9.]*  *[0-9.]*  *[0-9.]*  *[0-9.]*  *[0-9.][0-9.]*$'
has '^      [a-z]*  *[0-9.]* ([0-9.]* to [0-9.]*)  wanted: at least 2.00'
has '^      floor  *[0-9.]* ([0-9.]* to [0-9.]*)  of [pmc][a-z]*: no locks'
is "$(grep -c '^      floor' "$scratch/out")" 1 'no other case has a floor'
has '^  of steady  *%  *[0-9.]*  *[0-9.]*  *[0-9.]*  *[0-9.]*  *-$'
has '^  index  *s  *[0-9.]*  *[0-9.]*  *[0-9.]*  *[0-9.]*  *-$'
has '^      [a-z]*  *[0-9.]* ([0-9.]* to [0-9.]*)  wanted: at most 1.05'
ok 'no other case ran' sh -c '! grep -q "^tpcc" "$1"' - "$scratch/out"
is "$(ls "$TMPDIR")" '' 'nothing is left in TMPDIR'
is "$(ls "$ORIEL_DIR")" '' 'no pool is left'

"$bench" --cases nonesuch > "$scratch/out" 2>&1
is $? 2 'a case that does not exist is refused'
has 'there is no case "nonesuch"'
"$bench" --rounds 99 > "$scratch/out" 2>&1
is $? 2 'too many rounds are refused'
"$bench" --help > "$scratch/out"
is $? 0 'help'
has '^  larger  '

TMPDIR=$scratch/nonesuch "$bench" --quick --cases load > "$scratch/out" 2>&1
is $? 1 'a directory that is not there is an error'
has 'No such file'

"$bench" --quick --cases select1,load --json "$scratch/j" \
  > "$scratch/out" 2>&1
is $? 0 'it writes JSON'
if command -v python3 > /dev/null; then
  ok 'rounds are in the JSON' python3 - "$scratch/j" << 'END'
import json, re, sys
all = json.load(open(sys.argv[1]))
cases = {c["name"]: c for c in all["cases"]}
assert set(cases) == {"select1/selects", "load/load", "load/index",
                      "load/scan"}, cases
targets = {t["text"].split(":")[0]: t for t in all["targets"]}
for name, case in cases.items():
    select = name == "select1/selects"
    rounds = {s["name"]: s["rounds"] for s in case["series"]}
    roles = {s["name"]: s["role"] for s in case["series"]}
    wanted = {"oriel": "ours", "pread": "peer", "mmap": "peer", "cache": "peer"}
    if select:
        wanted["floor"] = "floor"
    assert roles == wanted, roles
    assert case["series"][0]["role"] == "ours"
    for values in rounds.values():
        assert len(values) == 1 and 0 < values[0], rounds
        assert select or values[0] < 60, rounds
    peers = {s: rounds[s][0] for s in ("pread", "mmap", "cache")}
    best = (max if select else min)(peers.values())
    found = re.search(r": ([0-9.]+) of ([a-z]+)'s", targets[name]["text"])
    assert peers[found.group(2)] == best, targets
    assert abs(float(found.group(1)) - rounds["oriel"][0] / best) < 0.0051
END
else
  skip 'no python3 to read JSON'
fi
done_testing
