#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# bench-micro --vmcache PATH runs that program by what its environment says, reads
# the lines that it prints, and shows it beside ours on the terminal and in the
# JSON; without it, and where it fails or prints something else, it is left out.
. "${top_srcdir:-.}/tests/tap.sh"

bench=$top_builddir/bench/bench-micro
[ -x "$bench" ] || skip_all "bench-micro was not built"
[ "${ORIEL_VALGRIND:-0}" = 0 ] || skip_all "is a benchmark"
ORIEL_DIR=$scratch
TMPDIR=$scratch
export ORIEL_DIR TMPDIR

# A second in which each of the threads looked up 2,000,000 keys, another with
# twice as many: 333 ns each.
cat > "$scratch/vmcache" <<'END'
#!/bin/sh
echo "$BLOCK $VIRTGB $PHYSGB $RUNFOR $RNDREAD $THREADS $DATASIZE $EXMAP" \
  >> "${0%/*}/told"
test -w "$BLOCK" || exit 1
echo "ts,tx,rmb,wmb,system,threads,datasize,workload,batch"
echo "0,$((2000000 * THREADS)),0,0.5,vmcache,$THREADS,$DATASIZE,rndread,64"
echo "1,$((4000000 * THREADS)),0,0,vmcache,$THREADS,$DATASIZE,rndread,64"
END
cat > "$scratch/fails" <<'END'
#!/bin/sh
echo "0,2000000,0,0,vmcache,$THREADS,$DATASIZE,rndread,64"
exit 1
END
cat > "$scratch/other" <<'END'
#!/bin/sh
echo "0,2000000,0,0,vmcache,$THREADS,$DATASIZE,tpcc,64"
END
chmod +x "$scratch/vmcache" "$scratch/fails" "$scratch/other"

# run NAME OPTION...: its output is in NAME.log, its JSON in NAME.json
run ()
{
  name=$1
  shift
  "$bench" --quick --rounds 3 --only 'down a tree: vmcache' \
    --json "$scratch/$name.json" "$@" > "$scratch/$name.log" 2>&1 || {
    diag < "$scratch/$name.log"
    return 1
  }
}

ok "it runs" run good --vmcache "$scratch/vmcache"
row='^down a tree: vmcache  *333\.3 *333\.3 *333\.3 *$'
ok "and has its row: median, least and most, by one thread and by two" \
  test "$(grep -c "$row" "$scratch/good.log")" = 2
ok "it was run three times by each, for a second, in memory, to read" \
  test "$(cut -d ' ' -f 2-6,8 "$scratch/told" | sort | uniq -c | tr -s ' ' \
    | tr '\n' ';')" = ' 3 1 1 1 1 1 0; 3 1 1 1 1 2 0;'
ok "the file that it had is gone" \
  test ! -e "$(head -n 1 "$scratch/told" | cut -d ' ' -f 1)"
ok "the JSON has each round, the median, the least and the most" \
  test "$(sed -n 's/.*"aggregate_name": "\(median\|min\|max\)".*/\1/p' \
    "$scratch/good.json" | sort | uniq -c | tr -s ' ' | tr '\n' ';')" \
    = ' 2 max; 2 median; 2 min;'
ok "in nanoseconds" \
  test "$(grep -c '"real_time": 3\.333.*e+02' "$scratch/good.json")" -ge 6

for why in fails:failed other:'printed no line'; do
  name=${why%%:*}
  ok "with a program that ${why#*:} it ends well" \
    run "$name" --vmcache "$scratch/$name"
  ok "and says so" \
    grep -q "left out: down a tree: vmcache: .*${why#*:}" "$scratch/$name.log"
done
ok "without one it ends well" run none
ok "and says what is wanted" \
  grep -q 'left out: down a tree: vmcache: .*--vmcache' "$scratch/none.log"
ok "one that is not there is left out" run missing --vmcache "$scratch/missing"
ok "and why is said" \
  grep -q 'left out: down a tree: vmcache: No such file' "$scratch/missing.log"
done_testing
