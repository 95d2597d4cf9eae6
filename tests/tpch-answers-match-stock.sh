# SPDX-License-Identifier: BSD-2-Clause
#
# bench-tpch asks its 22 queries through Oriel and on stock, cold and warm: all
# answers are stock's, row by row, one that differs is found, and the same seed
# gives the same data.  It prints every figure, and all rounds as JSON.
. "${top_srcdir:-.}/tests/tap.sh"

bench=bench-tpch
. "$top_srcdir/tests/sql-bench.sh"

# The pool is far smaller than the data, so pages come and go.
small='--scale 0.004 --pool-size 1M --seed 1'

run 0 $small --rounds 1 --answers "$scratch/answers" --json="$scratch/json"
has '^  cold/throughput, 1/s  *[0-9]'
has '^  warm/p99.9, us  *[0-9]'
has '^  warm/q22, ms  *[0-9]'
has '^  wrong answers  *0  *0  *0 '
is "$(grep -c '^q[0-2][0-9] ' "$scratch/answers")" 22 'there are 22 answers'
ok 'and few have no row' \
  test "$(grep -c '^q[0-2][0-9] 0$' "$scratch/answers")" -le 3
prefixes=cold/,warm/ sides=oriel,stock,mmap rounds=1
figures '
assert found["name"] == "tpch"
for q in range(1, 23):
    for temper in "cold", "warm":
        case = cases["%s/q%02d" % (temper, q)]
        assert all(s["median"] > 0 for s in case["series"]), case
        assert len(case["series"]) == 3, case
read = {s["name"]: s["median"] for s in cases["warm/read by calls"]["series"]}
assert read["mmap"] < read["stock"] / 2, read # it is mapped
assert all(s["max"] == 0 for s in cases["wrong answers"]["series"])
assert all(s["max"] > 200 for s in cases["rows of answers"]["series"])'
nothing_is_left

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
refuses_what_all_refuse
run 0 --help
has '--scale=X'

done_testing
