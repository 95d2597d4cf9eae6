# SPDX-License-Identifier: BSD-2-Clause
#
# oriel-tpcc says what is wrong with a command line, at once and with status 2,
# and never harms a file that is there.
. "${top_srcdir:-.}/tests/tap.sh"

tpcc=$top_builddir/bench/oriel-tpcc
[ -x "$tpcc" ] || skip_all "oriel-tpcc is not built"
db=$scratch/tpcc.db
TMPDIR=$scratch
export TMPDIR

# refused MESSAGE OPTION...
refused ()
{
  message=$1
  shift
  "$tpcc" "$@" > "$scratch/out" 2>&1
  is $? 2 "refused: $*"
  ok "with: $message" grep -q -e "$message" "$scratch/out"
}

# fails MESSAGE OPTION...: the command line is right, the world is not.
fails ()
{
  message=$1
  shift
  "$tpcc" --quiet "$@" > "$scratch/out" 2>&1
  is $? 1 "fails: $*"
  ok "with: $message" grep -q -e "$message" "$scratch/out"
}

refused 'unrecognized option' --nonesuch
refused 'options only' argument
refused '--warehouses takes a number from 1' --warehouses 0
refused '--warehouses takes a number from 1' --warehouses 2x
refused '--warehouses takes a number from 1' --warehouses ''
refused '--terminals takes a number from 1' --terminals 0
refused '--terminals takes a number from 1 to 64' --terminals 65
refused '--seconds takes a number' --seconds -1
refused '--transactions takes a number from 1' --transactions 0
refused '--seconds takes a number' --seconds 99999999999999999999
refused '--scale takes one of' --scale huge
refused '--seed takes a number' --seed x
refused '--seed takes a number' --seed 99999999999999999999
refused '--page-size takes a power of two' --page-size 5000
refused '--page-size takes a number' --page-size 131072
refused '--journal takes one of' --journal off
refused '--synchronous takes one of' --synchronous maybe
refused '--cache-size takes a whole number' --cache-size 1.5
refused '--cache-size takes a whole number' --cache-size '1; DROP TABLE item'
refused '--mmap-size takes a size' --mmap-size 1X
refused '--memory takes a size' --memory 0
refused '--pool-size takes a size' --pool-size 64Q
refused '--pool-size takes a size' --pool-size 18446744073709551615G
refused '--window takes a size' --window -8M
refused '--slot takes a size' --slot ''
refused '--backend takes one of' --backend foreign
refused '--pool takes' --pool ''
refused '--vfs takes' --vfs ''
refused '--db takes' --db ''
refused 'exclude each other' --load-only --run-only --db "$db"
refused 'need --db' --load-only
refused 'need --db' --run-only
refused 'need --db' --check-only
refused '--scale and --page-size are for loading' --run-only --db "$db" --warehouses 3
refused '--scale and --page-size are for loading' --check-only --db "$db" --scale tiny
refused 'no --vfs' --compare --vfs unix
refused '--kill-every takes a number' --kill-every 0
refused '--kill-every is for a run' --kill-every 100 --load-only --db "$db"
refused '--warm is for a run' --warm --load-only --db "$db"
refused 'dies with its transaction' --kill-every 100 --journal memory
refused '--rounds takes a number from 1 to 25' --compare --rounds 26
refused '--rounds needs --compare' --rounds 2
refused '--sides takes one of oriel, stock, mmap, cache, not "x"' --sides x
refused '--sides takes one of' --sides oriel,
refused '--sides names mmap twice' --sides mmap,oriel,mmap
refused 'no --vfs' --sides oriel --vfs unix
refused '--compare runs' --compare --load-only --db "$db"
refused "need Oriel's VFS" --vfs unix --pool-size 64M
refused "need Oriel's VFS" --vfs unix --backend mmap

fails 'No such file' --run-only --db "$db"
fails 'No such file' --check-only --db "$db"
fails 'there is no VFS called nonesuch' --vfs nonesuch --scale tiny
fails 'loading /nonesuch.so' --module /nonesuch.so --scale tiny

fails 'nonesuch/json: No such file' --scale tiny --json="$scratch/nonesuch/json"

# 100 KiB, or 200 by some shells: too little for the tables, and no signal.
long=$(ulimit -S -f)
ulimit -S -f 200
fails 'loading .*File too large' --vfs unix --scale tiny
ulimit -S -f "$long"

echo precious > "$db"
fails 'exists already' --db "$db" --scale tiny
fails 'exists already' --load-only --db "$db" --scale tiny
fails 'was not made by oriel-tpcc' --check-only --vfs unix --db "$db"
is "$(cat "$db")" precious "the file that was there is as it was"

rm -f "$db" "$scratch/out" "$scratch/tap-output"
is "$(ls -A "$scratch")" '' "no file is left behind"

ok "--help succeeds" "$tpcc" --help
ok "--version succeeds" "$tpcc" --version

done_testing
