# SPDX-License-Identifier: BSD-2-Clause
#
# sql-bench.sh - for tests of bench-tpcb and bench-tpch, after tap.sh
#
# $bench is the program's name.

program=$top_builddir/bench/$bench
[ -x "$program" ] || skip_all "$bench is not built"
TMPDIR=$scratch/tmp
mkdir "$TMPDIR"
ORIEL_DIR=$(mktemp -d /dev/shm/oriel-test-XXXXXX) || exit 99
export ORIEL_DIR TMPDIR
trap 'rm -rf "$scratch" "$ORIEL_DIR"' EXIT
[ "$(df -Pk "$ORIEL_DIR" | awk 'NR == 2 { print $4 }')" -gt 131072 ] \
  || skip_all "/dev/shm has less than 128 MiB"

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
  "$program" --quiet "$@" > "$scratch/out" 2> "$scratch/err"
  is $? "$want" "status $want: $*"
  diag < "$scratch/err"
  cat "$scratch/err" >> "$scratch/out"
}

# refused MESSAGE OPTION...
refused ()
{
  message=$1
  shift
  run 2 "$@"
  has "$message"
}

nothing_is_left ()
{
  is "$(ls "$TMPDIR")" '' 'nothing is left in TMPDIR'
  is "$(ls "$ORIEL_DIR")" '' 'no pool is left'
}

# figures PYTHON: of $scratch/json, all that each of these programs has to tell of
# each side and round; then the program's own, with "found" and "cases" at hand.
# What stands before a name is in $prefixes.
figures ()
{
  cat > "$scratch/figures.py" << 'END'
import json, sys
found = json.load(open(sys.argv[1]))
prefixes, sides, rounds = sys.argv[2].split(","), sys.argv[3].split(","), \
    int(sys.argv[4])
assert found["failures"] == [] and found["command"], found
assert {"memory", "durability", "data", "warm-up", "seed"} \
    <= set(found["setup"]), found["setup"]
cases = {case["name"]: case for case in found["cases"]}
for name, unit in (("throughput", "1/s"), ("p50", "us"), ("p95", "us"),
                   ("p99", "us"), ("p99.9", "us"), ("CPU", "us/op"),
                   ("PSS", "bytes"), ("page tables", "bytes"),
                   ("read by calls", "bytes/op"),
                   ("written by calls", "bytes/op"),
                   ("read from disk", "bytes/op"),
                   ("written to disk", "bytes/op")):
    for prefix in prefixes:
        case = cases[prefix + name]
        assert case["unit"] == unit, case
        assert [s["name"] for s in case["series"]] == sides, case
        for s in case["series"]:
            assert s["role"] == ("ours" if s["name"] == "oriel" else "peer"), s
            assert len(s["rounds"]) == rounds, s
            assert s["min"] <= s["median"] <= s["max"], s
            # A query writes nothing, and a warm one reads nothing.
            assert "disk" in name or "written" in name or s["min"] > 0, \
                (name, s)
exec(sys.argv[5])
END
  if command -v python3 > "$scratch/found"; then
    ok 'the JSON has every figure of every round' \
      python3 "$scratch/figures.py" "$scratch/json" "$prefixes" "$sides" \
      "$rounds" "$1"
  else
    skip 'no python3 to read JSON'
  fi
}

# What both refuse, or fail with.
refuses_what_all_refuse ()
{
  refused 'unrecognized option' --nonesuch
  refused 'options only' argument
  refused '--rounds needs' --vfs unix --rounds 2
  # shellcheck disable=SC2086
  run 1 $small --json="$scratch/nonesuch/json"
  has 'nonesuch/json: No such file'
  TMPDIR=$scratch/nonesuch
  # shellcheck disable=SC2086
  run 1 $small
  has "nonesuch/oriel-.*: No such file"
}
