# SPDX-License-Identifier: BSD-2-Clause
#
# bench-tpcb runs through Oriel and on stock, with kills too: the balances of
# branches, tellers, accounts and history agree, and where they do not it says so;
# it prints every figure, and all rounds as JSON.
. "${top_srcdir:-.}/tests/tap.sh"

bench=bench-tpcb
. "$top_srcdir/tests/sql-bench.sh"

small='--accounts 300 --pool-size 1M --seed 1'
# A sanitizer's own memory counts in the cgroup, too.
[ -z "${ORIEL_SANITIZER-}" ] || small="$small --memory 1G"

run 0 $small --seconds 1 --rounds 2 --sides oriel,stock,mmap,cache \
  --json="$scratch/json"
has '^  throughput, 1/s  *[0-9]'
has '^  p99.9, us  *[0-9]'
has '^  oriel    through oriel  *ok  *ok  *ok  *ok  *ok$'
has '^  oriel    through unix  *ok  *ok  *ok  *ok  *ok$'
has '^  mmap     through unix  *ok  *ok  *ok  *ok  *ok$'
prefixes='' sides=oriel,stock,mmap,cache rounds=2
figures '
assert found["name"] == "tpcb" and "--rounds 2" in found["command"]
assert found["setup"]["seed"] == "1"
assert all(s["min"] > 0 for s in cases["written by calls"]["series"])
for vfs, sides in (("oriel", 1), ("unix", 4)):
    series = cases["violations through " + vfs]["series"]
    assert len(series) == sides and all(s["max"] == 0 for s in series)'

# Commits that the dead made are there, and are no more than they.
run 0 $small --vfs oriel --clients 3 --seconds 2 --kill-every 50
has '^  killed  *[1-9]'
has '^  oriel    through unix  *ok  *ok  *ok  *ok  *ok$'
nothing_is_left

if command -v sqlite3 > /dev/null; then
  db=$scratch/tpcb.db
  run 0 --accounts 300 --seed 1 --vfs unix --load-only --db "$db"
  run 0 --vfs oriel --run-only --seconds 1 --db "$db"
  # damage CONDITION SQL: in a copy.
  damage ()
  {
    cp "$db" "$scratch/bad.db"
    sqlite3 "$scratch/bad.db" "$2"
    for vfs in unix oriel; do
      run 1 --vfs $vfs --check-only --db "$scratch/bad.db"
      has "FAILED: $vfs through $vfs, condition $1: "
    done
  }
  damage 1 'UPDATE branch SET bbalance = bbalance + 1 WHERE bid = 2'
  damage 1 'DELETE FROM teller WHERE tid = 13; INSERT INTO teller
    SELECT 99, 1, 0, filler FROM branch WHERE bid = 1'
  damage 2 'DELETE FROM history WHERE rowid = 1'
  damage 2 'INSERT INTO history VALUES (1, 1, 1, 5, 0, 0)'
  damage 3 'UPDATE teller SET tbalance = tbalance + tid - 5
    WHERE tid IN (4, 6)'
  damage 4 'UPDATE account SET abalance = abalance + 1 WHERE aid = 600'
  damage 4 'DELETE FROM account WHERE aid = 301'
  damage 1 'DELETE FROM branch'
  sqlite3 "$scratch/other.db" 'CREATE TABLE t (a)'
  run 1 --vfs unix --check-only --db "$scratch/other.db"
  has 'other.db was not made by bench-tpcb'
else
  skip 'no sqlite3 shell to do damage'
fi

refused '--branches takes a number from 1' --branches 0
refused '--accounts takes a number from 1' --accounts x
refused '--clients takes a number from 1 to 64' --clients 65
refused '--seconds takes a number from 1' --seconds 0
refused '--branches, --accounts and --page-size are for loading' \
  --run-only --db "$scratch/x" --branches 2
refuses_what_all_refuse
run 0 --help
has '--branches=N'

done_testing
