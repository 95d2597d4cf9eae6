# SPDX-License-Identifier: BSD-2-Clause
#
# Terminals are killed every few milliseconds, in the midst of transactions,
# commits, checkpoints and recoveries: TPC-C's consistency conditions 1 to 4 and
# integrity_check hold afterwards, through Oriel and through SQLite's own VFS,
# no order that was committed is lost, and the others worked on all the time.
# With a log and with a rollback journal, on a pool that is far smaller than the
# database and a window that is far smaller than the pool.
. "${top_srcdir:-.}/tests/tap.sh"

tpcc=$top_builddir/bench/oriel-tpcc
[ -x "$tpcc" ] || skip_all "oriel-tpcc is not built"
pools=$(mktemp -d /dev/shm/oriel-test-XXXXXX) || exit 99
trap 'rm -rf "$scratch" "$pools"' EXIT
ORIEL_DIR=$pools
TMPDIR=$scratch
export ORIEL_DIR TMPDIR

seed=${ORIEL_TEST_SEED:-1}
echo "# seed $seed (ORIEL_TEST_SEED)"

# number NAME: what the report's line of that name says.
number ()
{
  sed -n "s/^ *$1  *\([0-9]*\).*/\1/p" "$scratch/out"
}

for journal in wal delete; do
  "$tpcc" --scale tiny --warehouses 2 --terminals 4 --seconds 4 \
    --kill-every 40 --journal $journal --seed "$seed" --pool-size 1M \
    --window 128K --slot 16K --quiet > "$scratch/out" 2> "$scratch/err"
  is $? 0 "$journal: all is well after kills"
  diag < "$scratch/err"
  sed -n '/^Throughput/,/killed/p; /^Consistency/,$p' "$scratch/out" | diag
  for vfs in oriel unix; do
    ok "consistent through $vfs" \
      grep -q "through $vfs  *ok  *ok  *ok  *ok  *ok\$" "$scratch/out"
  done
  # On a machine that is busy a kill is late, and the next one follows at once.
  ok "it killed" test "$(number killed)" -ge 50
  ok "the others worked" test "$(number 'throughput, 1.s')" -gt 0
  ok "the pool was repaired" \
    test "$(number 'repairs of what the dead left')" -gt 0
done

ok "no pool is left behind" test -z "$(ls -A "$pools")"
rm -f "$scratch/out" "$scratch/err" "$scratch/tap-output"
is "$(ls -A "$scratch")" '' "no file is left behind"

done_testing
