# SPDX-License-Identifier: BSD-2-Clause
#
# bench-tpch asks its 22 queries through Oriel and on stock, cold and warm: all
# answers are stock's, row by row, one that differs is found, and the same seed
# gives the same data.  It prints every figure, and all rounds as JSON.
. "${top_srcdir:-.}/tests/tap.sh"

tpch=$top_builddir/bench/bench-tpch
TMPDIR=$scratch/tmp
mkdir "$TMPDIR"
ORIEL_DIR=$(mktemp -d /dev/shm/oriel-test-XXXXXX) || exit 99
export ORIEL_DIR TMPDIR
trap 'rm -rf "$scratch" "$ORIEL_DIR"' EXIT

# has PATTERN: a line of the output.
has ()
{
  ok "says: $1" grep -q -e "$1" "$scratch/out"
}

# run STATUS OPTION...
run ()
{
  want=$1
  shift
  "$tpch" --quiet "$@" > "$scratch/out" 2> "$scratch/err"
  is $? "$want" "status $want: $*"
  diag < "$scratch/err"
  cat "$scratch/err" >> "$scratch/out"
}

# The pool is far smaller than the data, so pages come and go.
small='--scale 0.004 --pool-size 1M --seed 1'

run 0 $small --rounds 1 --answers "$scratch/answers" --json "$scratch/json"
has '^  cold/throughput, 1/s  *[0-9]'
has '^  warm/p99.9, us  *[0-9]'
has '^  warm/q22, ms  *[0-9]'
has '^  wrong answers  *0  *0  *0 '
is "$(grep -c '^q[0-2][0-9] ' "$scratch/answers")" 22 'there are 22 answers'
ok 'and few have no row' \
  test "$(grep -c '^q[0-2][0-9] 0$' "$scratch/answers")" -le 3
if command -v python3 > /dev/null; then
  ok 'the JSON has every figure' python3 - "$scratch/json" << 'END'
import json, sys
found = json.load (open (sys.argv[1]))
assert found["name"] == "tpch" and found["failures"] == [], found
cases = {case["name"]: case for case in found["cases"]}
names = ["throughput", "p50", "p95", "p99", "p99.9", "CPU", "PSS",
         "page tables", "read by calls", "written by calls", "read from disk",
         "written to disk"] + ["q%02d" % q for q in range (1, 23)]
for name in names:
    for temper in "cold", "warm":
        case = cases[temper + "/" + name]
        assert [s["name"] for s in case["series"]] == ["oriel", "stock",
                                                       "mmap"], case
        for s in case["series"]:
            assert len (s["rounds"]) == 1, s
            assert name.endswith ("disk") or name == "written by calls" \
                or s["median"] > 0, (case["name"], s)
read = {s["name"]: s["median"] for s in cases["warm/read by calls"]["series"]}
assert read["mmap"] < read["stock"] / 2, read # it is mapped
assert all (s["max"] == 0 for s in cases["wrong answers"]["series"])
assert all (s["max"] > 200 for s in cases["rows of answers"]["series"])
END
else
  skip 'no python3 to read JSON'
fi
is "$(ls "$TMPDIR")" '' 'nothing is left in TMPDIR'
is "$(ls "$ORIEL_DIR")" '' 'no pool is left'

# The same data again; another seed has other data.
db=$scratch/tpch.db
run 0 --scale 0.004 --seed 1 --vfs unix --load-only --db "$db"
run 0 --vfs unix --run-only --db "$db" --answers "$scratch/again"
ok 'the same seed gives the same answers' cmp "$scratch/answers" "$scratch/again"
run 1 --scale 0.004 --seed 2 --vfs unix --answers "$scratch/answers"
has 'FAILED: unix: [0-9]* wrong answers, such as q'

# A row that differs, is missing, or is one too many, through either VFS.
# spoil QUERY ROW SED-SCRIPT
spoil ()
{
  sed "$3" "$scratch/answers" > "$scratch/spoilt"
  ok "answers were changed by $3" sh -c '! cmp -s "$1" "$2"' - \
    "$scratch/answers" "$scratch/spoilt"
  for vfs in oriel unix; do
    run 1 --vfs $vfs --run-only --db "$db" --answers "$scratch/spoilt"
    has "FAILED: $vfs: [0-9]* wrong answers, such as $1, row $2: "
  done
}
spoil q01 2 '/^q01 /{n;n;s/|/|1/}'
spoil q06 1 '/^q06 /{n;s/$/0/}'
spoil q12 3 '/^q12 2$/{s/2$/3/;n;n;s/$/\none too many/}'
spoil q12 2 '/^q12 2$/{s/2$/1/;n;N;s/\n.*//}'

# refused MESSAGE OPTION...
refused ()
{
  message=$1
  shift
  run 2 "$@"
  has "$message"
}
refused 'unrecognized option' --nonesuch
refused 'options only' argument
refused '--scale takes a number from 0.001 to 10' --scale 0
refused '--scale takes a number' --scale 1x
refused '--streams takes a number from 1 to 64' --streams 0
refused 'nothing to check' --check-only --db "$db"
refused 'the dead do none' --kill-every 10
refused '--scale and --page-size are for loading' --run-only --db "$db" --scale 1
echo nonsense > "$scratch/nonsense"
run 1 --vfs unix --run-only --db "$db" --answers "$scratch/nonsense"
has 'nonsense has no answers of bench-tpch'
head -20 "$scratch/answers" > "$scratch/part"
run 1 --vfs unix --run-only --db "$db" --answers "$scratch/part"
has 'part has no answers of bench-tpch'
run 1 --vfs unix --run-only --db "$db" --answers "$scratch/nonesuch/a"
has 'nonesuch/a: No such file'
run 1 $small --json "$scratch/nonesuch/json"
has 'nonesuch/json: No such file'
TMPDIR=$scratch/nonesuch
run 1 $small
has "nonesuch/oriel-tpch-.*: No such file"
run 0 --help
has '--scale=X'

done_testing
