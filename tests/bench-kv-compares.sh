#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# bench-kv measures examples/kv and its peers, prints ratios to them, writes all
# rounds as JSON, and leaves nothing behind; it refuses what it does not know.
. "${top_srcdir:-.}/tests/tap.sh"

bench=$top_builddir/bench/bench-kv
[ -x "$bench" ] || skip_all "bench-kv is not built"
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

"$bench" --quick --only 'processes|ycsb-[de]' --json "$scratch/json" \
  > "$scratch/out" 2> "$scratch/err"
is $? 0 'three cases run'
has '^memory-processes: '
has '^ycsb-d: '
has '^ycsb-e: '
has '^oriel kv  *[0-9]*  *[0-9]*  *[0-9]*  *1.00  *[0-9.]* '
ok 'no other case ran' sh -c '! grep -q "^larger" "$1"' - "$scratch/out"
is "$(ls "$TMPDIR")" '' 'nothing is left in TMPDIR'
is "$(ls "$ORIEL_DIR")" '' 'no pool is left'
if command -v python3 > /dev/null; then
  ok 'rounds are in the JSON' python3 - "$scratch/json" << 'END'
import json, sys
all = json.load(open(sys.argv[1]))
cases = {c["name"]: c for c in all["cases"]}
for work in "memory-processes", "ycsb-d", "ycsb-e":
    def ours(figure):
        series = cases[work + "/" + figure]["series"][0]
        assert series["name"] == "oriel kv" and series["role"] == "ours"
        value, = series["rounds"]
        return value
    assert ours("throughput") > 0 and ours("CPU") > 0
    assert 0 < ours("p50") <= ours("p95") <= ours("p99") <= ours("p99.9")
    assert ours("PSS") > 0 and ours("page tables") > 0
    assert ours("read") >= 0 and ours("written") >= 0
assert len(cases) == 30, cases.keys()
assert all["setup"]["durability"], all["setup"]
END
else
  skip 'no python3 to read JSON'
fi

"$bench" --quick --only ycsb-c "in=$TMPDIR/kept" > "$scratch/out" 2>&1
is $? 0 'stores can be kept'
has '^loading oriel kv'
"$bench" --quick --only ycsb-c "in=$TMPDIR/kept" bdb-page=8192 \
  > "$scratch/out" 2>&1
is $? 0 'pages of Berkeley DB can be chosen'
if grep -q '^Berkeley DB' "$scratch/out"; then
  ok 'and have a store of their own' test -e "$TMPDIR/kept/bdb-1000-8192/loaded"
else
  skip 'built without Berkeley DB'
fi
: > "$TMPDIR/kept/oriel-1000-4096/store.kv"
"$bench" --quick --only ycsb-c "in=$TMPDIR/kept" > "$scratch/out" 2>&1
is $? 1 'one that cannot be opened is told by the exit status'
has '^FAILED: ycsb-c, oriel kv'
ok 'none was loaded again' sh -c '! grep -q "^loading" "$1"' - "$scratch/out"
is "$(ls "$ORIEL_DIR")" '' 'no pool is left then, either'
"$bench" --quick nonesuch > "$scratch/out" 2>&1
is $? 2 'an unknown word is refused'

for page in none 4096x 1000 131072 -1; do
  "$bench" --quick "bdb-page=$page" > "$scratch/out" 2>&1
  is $? 2 "and pages of $page bytes"
done
"$bench" --nonesuch > "$scratch/out" 2>&1
is $? 2 'an unknown option is refused'
"$bench" --rounds 99 > "$scratch/out" 2>&1
is $? 2 'too many rounds are refused'
"$bench" --help > "$scratch/out"
is $? 0 'help'
has '^  --only REGEX'
TMPDIR=$scratch/nonesuch "$bench" --quick --only ycsb-c > "$scratch/out" 2>&1
is $? 1 'a directory that is not there is an error'
has 'No such file'
done_testing
