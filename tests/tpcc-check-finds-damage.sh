# SPDX-License-Identifier: BSD-2-Clause
#
# oriel-tpcc --check-only fails when a condition does not hold, and says which.
. "${top_srcdir:-.}/tests/tap.sh"

command -v sqlite3 > /dev/null || skip_all "there is no sqlite3 shell"

tpcc=$top_builddir/bench/oriel-tpcc
[ -x "$tpcc" ] || skip_all "oriel-tpcc is not built"
pools=$(mktemp -d /dev/shm/oriel-test-XXXXXX) || exit 99
trap 'rm -rf "$scratch" "$pools"' EXIT
ORIEL_DIR=$pools
export ORIEL_DIR
db=$scratch/tpcc.db
bad=$scratch/bad.db

check ()
{
  "$tpcc" --check-only --quiet --db "$@" > "$scratch/out" 2>&1
}

ok "a database is loaded" \
  "$tpcc" --load-only --vfs unix --scale tiny --quiet --seed 1 --db "$db"
ok "it is consistent" check "$db" --vfs unix
ok "and through Oriel" check "$db" --pool-size 1M

# damage CONDITION SQL: in a copy.
damage ()
{
  cp "$db" "$bad"
  sqlite3 "$bad" "$2"
  for vfs in unix oriel; do
    check "$bad" --vfs $vfs
    is $? 1 "through $vfs, condition $1 fails after: $2"
    ok "and is named" grep -q ", condition $1: " "$scratch/out"
  done
}

damage 1 'UPDATE warehouse SET w_ytd = w_ytd + 1'
damage 1 'UPDATE district SET d_ytd = d_ytd - 1 WHERE d_id = 7'
damage 1 'DELETE FROM warehouse'
damage 2 'UPDATE district SET d_next_o_id = d_next_o_id + 1 WHERE d_id = 10'
damage 2 'DELETE FROM new_order WHERE no_d_id = 1 AND no_o_id = 100'
damage 2 'DELETE FROM district WHERE d_id = 1'
damage 3 'DELETE FROM new_order WHERE no_d_id = 3 AND no_o_id = 90'
damage 4 'DELETE FROM order_line WHERE ol_d_id = 2 AND ol_number = 15'
damage 4 'UPDATE orders SET o_ol_cnt = o_ol_cnt + 1 WHERE o_id = 50'
damage 4 'DELETE FROM order_line WHERE ol_d_id = 4'

# The conditions look at no names, the index of them does.
cp "$db" "$bad"
sqlite3 "$bad" "PRAGMA writable_schema = on;
  UPDATE sqlite_schema SET sql = 'CREATE INDEX customer_by_name
    ON customer (c_w_id, c_d_id, c_first, c_last, c_id)'
  WHERE name = 'customer_by_name'"
check "$bad" --vfs unix
is $? 1 "a wrong index fails integrity_check"
ok "and is named" grep -q 'integrity_check: .*customer_by_name' "$scratch/out"

# No table to check is no success either.
sqlite3 "$scratch/other.db" 'CREATE TABLE t (a)'
check "$scratch/other.db" --vfs unix
is $? 1 "a database of something else is refused"
ok "and it says why" grep -q 'not made by oriel-tpcc' "$scratch/out"

done_testing
