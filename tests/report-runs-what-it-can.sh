#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# report.py runs parts one after the other, in passes: one that fails leaves the
# rest, and the exit status tells; interrupted, it ends the part with its children,
# removes its directories, and writes the report of what there is.
. "${top_srcdir:-.}/tests/tap.sh"

command -v python3 > /dev/null || skip_all "python3 is missing"
TMPDIR=$scratch/tmp
ORIEL_DIR=$scratch/pools
export TMPDIR ORIEL_DIR
mkdir "$TMPDIR" "$ORIEL_DIR" "$scratch/bench"

report ()
{
  python3 -B "$top_srcdir/bench/report.py" "$@" --build "$scratch" \
    --source "$top_srcdir" --results "$scratch/results" \
    --output "$scratch/report" --gnuplot ./nonesuch
}

# program NAME < SHELL: $json is the file that it shall write
program ()
{
  {
    # shellcheck disable=SC2016
    echo '#!/bin/sh
for json; do :; done
json=${json#--json=}'
    cat
  } > "$scratch/bench/$1"
  chmod +x "$scratch/bench/$1"
}

program bench-view << 'END'
echo "no memory for this" >&2
exit 1
END
program bench-checkpoint << 'END'
touch "$TMPDIR/left" "$ORIEL_DIR/left"
echo '{"cases": [{"name": "p50", "unit": "ns", "better": "less", "series":
  [{"name": "oriel", "rounds": [7]}]}]}' > "$json"
exit 3
END

# why PART: why it is not in the report
why ()
{
  python3 -c 'import json, sys
for p in json.load(open(sys.argv[1]))["parts"]:
    if p["name"] == sys.argv[2]:
        print(p["why"])' "$scratch/report.json" "$1"
}

report run view checkpoint kv > "$scratch/out" 2> "$scratch/err"
is $? 1 'a part that fails is told by the exit status'
is "$(why view)" 'exit status 1: no memory for this' 'and why, in the report'
is "$(why checkpoint)" None 'the next one was run; a missed target is no failure'
ok 'what it found is in the report' grep -q 'id="checkpoint/p50"' \
  "$scratch/report.html"
is "$(why kv)" \
  'bench/bench-kv was not built: configure says what it needs' \
  'what is not built is left out'
is "$(tail -n 1 "$scratch/out")" "$scratch/report.html" \
  'the path of the report comes last'
ok 'progress is shown' grep -q '^\[2/8\] checkpoint: .*done' "$scratch/err"
is "$(sed -n 's/^\[[0-9]*\/8\] \([a-z]*\): .*\(done\|exit\|left\).*/\1/p' \
  "$scratch/err" | tr '\n' ' ')" 'view checkpoint kv kv kv view checkpoint kv ' \
  'all had their turn before the next pass'
ok 'rounds of all passes count' python3 -c 'import json, sys
part, = [p for p in json.load(open(sys.argv[1]))["parts"]
         if p["name"] == "checkpoint"]
series, = part["cases"][0]["series"]
assert series["rounds"] == [7, 7] and len(part["passes"]) == 2' \
  "$scratch/report.json"
is "$(ls "$TMPDIR" "$ORIEL_DIR" | grep -c oriel-bench)" 0 \
  'what parts have left is removed'

cp "$scratch/results/checkpoint.1.json" "$scratch/results/checkpoint.9.json"
report run checkpoint > /dev/null 2>&1
is $? 0 'all is well: 0'
ok 'what the part had found before is gone' \
  sh -c '[ ! -e "$1" ]' - "$scratch/results/checkpoint.9.json"
is "$(why view)" 'exit status 1: no memory for this' \
  'what was run before is in the report'

program bench-checkpoint << 'END'
echo '{"cases": [{"name": "p99", "unit": "ns", "better": "less", "series":
  [{"name": "oriel", "rounds": [8]}]}], "failures": ["one case"]}' > "$json"
exit 1
END
report run checkpoint > /dev/null 2>&1
is $? 1 'a part may fail in one case: 1'
ok 'what it found of the others is in the report' \
  grep -q 'id="checkpoint/p99"' "$scratch/report.html"
ok 'and that it failed' grep -q 'checkpoint: one case' "$scratch/report.html"

# There is nothing here that could record traces.
program bench-eviction << 'END'
echo '{"cases": [{"name": "loop", "unit": "%", "better": "more", "series":
  [{"name": "oriel", "rounds": [9]}]}]}' > "$json"
END
report run eviction > /dev/null 2> "$scratch/err"
is $? 0 'a part goes on without traces'
ok 'which is told' grep -q 'not recorded: .*oriel-tpcc' "$scratch/err"
ok 'and stands in the report' \
  grep -q 'eviction: traces of SQLite: recording them failed' \
  "$scratch/report.html"

# A trial: each is told how many rounds, after all else.
program bench-checkpoint << 'END'
echo "{\"cases\": [{\"name\": \"$*\", \"unit\": \"ns\", \"better\": \"less\",
  \"series\": [{\"name\": \"oriel\", \"rounds\": [8]}]}]}" > "$json"
END
report run checkpoint --full --rounds 2 > /dev/null 2>&1
is $? 0 'a trial of all of it'
ok 'each part has as many rounds as were chosen' \
  grep -q 'id="checkpoint/--rounds-2---json=' "$scratch/report.html"
ok 'which stands at the top' grep -q 'A trial: ROUNDS was chosen for checkpoint' \
  "$scratch/report.html"

report run nonesuch > /dev/null 2> "$scratch/err"
is $? 1 'a part that there is not is refused'
ok 'by name' grep -q 'no part nonesuch' "$scratch/err"

# Interrupted: the child's own child must go as well.
program bench-view << 'END'
sleep 600 &
echo $PPID $! > "$json.pids"
mv "$json.pids" "${json%/*}/pids"
wait
END
report run view checkpoint > "$scratch/out" 2> "$scratch/err" &
running=$!
for _ in $(seq 600); do
  [ -s "$scratch/results/pids" ] && break
  sleep 0.1
done
read -r parent sleeper < "$scratch/results/pids"
kill -INT "$parent"
wait $running
is $? 130 'interrupted: 128 and the number of the signal'
is "$(why view)" interrupted 'the report says so'
is "$(why checkpoint)" None 'what was run before is in it'
is "$(tail -n 1 "$scratch/out")" "$scratch/report.html" 'and its path comes last'
ok "the part's children are gone" \
  sh -c '! grep "^State:" "/proc/$1/status" | grep -v Z' - "$sleeper"
is "$(ls "$TMPDIR" "$ORIEL_DIR" | grep -c oriel-bench)" 0 \
  'so are its directories'
done_testing
