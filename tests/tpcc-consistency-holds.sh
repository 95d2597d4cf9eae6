# SPDX-License-Identifier: BSD-2-Clause
#
# TPC-C's consistency conditions 1 to 4 and integrity_check hold after a run
# through the VFS, on every backend, with 1, 2 and 4 terminals; the database is
# several times the pool, the pool several times the window.
. "${top_srcdir:-.}/tests/tap.sh"

tpcc=$top_builddir/bench/oriel-tpcc
[ -x "$tpcc" ] || skip_all "oriel-tpcc is not built"
pools=$(mktemp -d /dev/shm/oriel-test-XXXXXX) || exit 99
trap 'rm -rf "$scratch" "$pools"' EXIT
ORIEL_DIR=$pools
TMPDIR=$scratch
export ORIEL_DIR TMPDIR

# Otherwise the text must do.
json=
if command -v python3 > /dev/null; then
  json=--json
fi

cat > "$scratch/judge.py" << 'END'
import json, sys
found = json.load (open (sys.argv[1]))
assert found["name"] == "tpcc" and found["failures"] == [], found["failures"]
value = {}
for case in found["cases"]:
    [series] = case["series"]
    assert series["name"] == "oriel" and series["role"] == "ours", series
    [value[case["name"]]] = series["rounds"]
assert value["violations through oriel"] == 0
assert value["violations through unix"] == 0
# On a crowded machine a second may be over before every kind had its turn.
assert value["throughput"] > 0 and value["CPU"] > 0
assert 0 < value["p50"] <= value["p95"] <= value["p99"] <= value["p99.9"]
assert value["PSS"] > 0 and value["page tables"] > 0
assert value["read by calls"] > 0 and value["written by calls"] > 0
assert value["read from disk"] >= 0 and value["written to disk"] >= 0
assert value["pool/hits"] > 0 and value["pool/reads"] > 0, value
assert value["pool/pins"] == 0 and value["pool/frames_dirty"] == 0, value
if sys.argv[2] != "linear":
    assert value["pool/swaps"] + value["pool/copies"] > 0, value
END

judge ()
{
  if [ "$json" ]; then
    python3 "$scratch/judge.py" "$scratch/out" "$1"
  else
    grep -q 'through oriel  *ok  *ok  *ok  *ok  *ok$' "$scratch/out" &&
      grep -q 'through unix  *ok  *ok  *ok  *ok  *ok$' "$scratch/out"
  fi
}

# run BACKEND TERMINALS OPTION...; one second does some thousand transactions.
run ()
{
  backend=$1 terminals=$2
  shift 2
  "$tpcc" --scale tiny --warehouses 2 --terminals "$terminals" --seconds 1 \
    --seed "$terminals" --pool-size 1M --backend "$backend" \
    --quiet $json "$@" > "$scratch/out" 2> "$scratch/err"
  status=$?
  diag < "$scratch/err"
  return $status
}

for backend in emulated mmap linear; do
  window='--window 128K --slot 16K'
  if [ $backend = linear ]; then
    window='--window 1M'
  fi
  for terminals in 1 2 4; do
    for mode in '' '--mmap-size 1G --warm' '--journal delete'; do
      # The other modes once for each backend.
      if [ "$mode" ] && [ $terminals != 2 ]; then
        continue
      fi
      what="$backend, $terminals terminals${mode:+, }$mode"
      if run $backend $terminals $window $mode; then
        ok "$what: consistent" judge $backend
      elif grep -q 'not supported' "$scratch/err"; then
        skip "$what: the kernel has no such backend"
      else
        ok "$what: runs" false
        diag < "$scratch/out"
      fi
    done
  done
done

ok "no pool is left behind" test -z "$(ls -A "$pools")"
rm -f "$scratch/out" "$scratch/err" "$scratch/judge.py" "$scratch/tap-output"
is "$(ls -A "$scratch")" '' "no file is left behind"

done_testing
