# SPDX-License-Identifier: BSD-2-Clause
#
# bench-window measures each of its parts, draws its plots, writes every round as
# JSON, and leaves nothing behind in the directory of the pools.
. "${top_srcdir:-.}/tests/tap.sh"

bench=$top_builddir/bench/bench-window
[ -x "$bench" ] || skip_all "built without Google Benchmark"
[ -z "${ORIEL_SANITIZER-}" ] || skip_all "nothing to measure under a sanitizer"

ORIEL_DIR=$(mktemp -d /dev/shm/oriel-test-XXXXXX) || exit 99
export ORIEL_DIR
trap 'rm -rf "$scratch" "$ORIEL_DIR"' EXIT
[ "$(df -Pk "$ORIEL_DIR" | awk 'NR == 2 { print $4 }')" -gt 409600 ] \
  || skip_all "/dev/shm has less than 400 MiB"

# part NAME REGEX: run it; its output is in $scratch/NAME
part ()
{
  ok "$1 runs" "$bench" --quick --rounds 1 --only "$2" --out "$scratch" \
    --json "$scratch/$1.json" "$1"
  mv "$scratch/tap-output" "$scratch/$1"
}

# names FILE: of all that was measured, once each
names ()
{
  python3 -c '
import json, sys
for name in sorted({b["run_name"].split("/iterations")[0].split("/min_time")[0]
                    for b in json.load(open(sys.argv[1]))["benchmarks"]}):
    print(name)' "$1"
}

part swaps '(mmap/|memcpy/|pread/)(64K|2M)/.*small'
ok "it says what our swap adds" grep -q 'mmap, small pages: our swap costs' \
  "$scratch/swaps"
part zipf 'zipf/.*'
ok "it compares a window of 1/8" grep -q 'window 1/8, whole pages, clustered' \
  "$scratch/zipf"
ok "it compares copying reads" grep -q 'oriel_read, window 1/64, scattered' \
  "$scratch/zipf"
part many 'processes/.*'
ok "it compares page tables" grep -q 'page tables: [1-9][0-9]* times less' \
  "$scratch/many"

if command -v python3 > /dev/null; then
  is "$(names "$scratch/many.json")" 'processes/linear
processes/linear-huge
processes/swapped
processes/swapped-huge' "the JSON has each kind of processes"
  is "$(names "$scratch/swaps.json" | grep -c .)" 16 \
    "the JSON has each swap, bare call and copy"
else
  skip "no python3 to read the JSON"
  skip "no python3 to read the JSON"
fi
if command -v gnuplot > /dev/null; then
  ok "swaps are drawn" grep -q '</svg>' "$scratch/swap-small.svg"
  ok "so is zipf" grep -q '</svg>' "$scratch/zipf.svg"
else
  ok "the plots it could not draw are scripts" test -s "$scratch/zipf.gp"
  ok "and it says so" grep -q 'not drawn, gnuplot is missing' "$scratch/zipf"
fi
is "$(ls -A "$ORIEL_DIR")" '' "no pool is left behind"

"$bench" nonesuch > "$scratch/out" 2>&1
is $? 2 "a part that there is not is refused"
"$bench" --rounds 0 > "$scratch/out" 2>&1
is $? 2 "so are no rounds"
"$bench" --json "$scratch/none/x" many > "$scratch/out" 2>&1
is $? 1 "so is a file that cannot be written"

done_testing
