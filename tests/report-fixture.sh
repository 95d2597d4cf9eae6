# SPDX-License-Identifier: BSD-2-Clause
#
# report-fixture.sh - results of benchmarks, small and made up, for report.py
#
# $results has: io, where a peer wins, loses, and overlaps, in two passes; micro, as
# Google Benchmark writes it; kv, which was not built; sqlite, which cannot be read.
# The others were not run.

results=$scratch/results
mkdir "$results"

# report COMMAND...: of report.py, on these
report ()
{
  python3 -B "$top_srcdir/bench/report.py" "$@" --build "$scratch" \
    --source "${report_source-$top_srcdir}" --results "$results" \
    --output "$scratch/report" --note 'not <alone>'
}

cat > "$results/io.1.json" << 'END'
{"name": "io", "title": "Pages from the disk", "command": "bench/bench-io",
 "setup": {"memory": "a pool of 1 MiB", "durability": "nothing is written",
           "data": "a file", "warm-up": "none"},
 "cases": [
  {"name": "depth/rate", "unit": "1/s", "better": "more", "series": [
    {"name": "oriel", "role": "ours", "rounds": [90, 110]},
    {"name": "fio slow", "role": "peer", "rounds": [20, 40]},
    {"name": "fio fast", "role": "peer", "rounds": [200, 240, 220]},
    {"name": "the wire", "role": "floor", "rounds": [999, 999, 999]}]},
  {"name": "pins/CPU", "unit": "us/page", "better": "less", "series": [
    {"name": "oriel", "rounds": [2, null, 3]},
    {"name": "fio fast", "rounds": [10, 11, 12]}]},
  {"name": "scan/rate", "unit": "MiB/s", "better": "more", "series": [
    {"name": "oriel", "rounds": [10, 20, 30]},
    {"name": "cat", "rounds": [25, 28, 26]}]},
  {"name": "depth/queue", "unit": "pages", "better": "none", "series": [
    {"name": "oriel", "rounds": [32]}, {"name": "fio fast", "rounds": [33]}]}],
 "targets": [{"text": "0.4 times as fast as fio", "met": false},
   {"text": "no slower than cat, 1.1", "met": true}],
 "left_out": ["fio ancient: no fio here"], "failures": [], "seconds": 2}
END
cat > "$results/io.1.run" << 'END'
{"command": ["bench/bench-io", "--only", "a|b"], "status": 3, "why": null,
 "full": false, "seconds": 2.5, "date": "2026-11-22 11:00:00 UTC", "load": 0}
END
cat > "$results/io.2.json" << 'END'
{"name": "io", "cases": [
  {"name": "depth/rate", "unit": "1/s", "better": "more", "series": [
    {"name": "fio slow", "role": "peer", "rounds": [30]},
    {"name": "oriel", "role": "ours", "rounds": [100]}]}],
 "targets": [{"text": "0.5 times as fast as fio", "met": false}],
 "left_out": ["fio ancient: no fio here"]}
END
cat > "$results/io.2.run" << 'END'
{"command": ["bench/bench-io", "depth"], "status": 0, "why": null,
 "full": false, "seconds": 1, "date": "2026-11-22 11:07:00 UTC", "load": 0}
END
echo '{"why": "took more than 9 s", "status": null, "seconds": 9}' \
  > "$results/io.3.run"
cat > "$results/micro.1.json" << 'END'
{"context": {}, "benchmarks": [
 {"run_type": "iteration", "repetition_index": 1, "real_time": 12,
  "cpu_time": 1, "time_unit": "ns",
  "run_name": "1 thread/oriel_pin, optimistic/hot/min_time:0.030/real_time"},
 {"run_type": "iteration", "repetition_index": 0, "real_time": 10,
  "cpu_time": 1, "time_unit": "ns",
  "run_name": "1 thread/oriel_pin, optimistic/hot/min_time:0.030/real_time"},
 {"run_type": "iteration", "repetition_index": 0, "real_time": 0.2,
  "cpu_time": 1, "time_unit": "us",
  "run_name": "1 thread/Berkeley DB mpool, shared/hot/min_time:0.030/real_time"},
 {"run_type": "iteration", "repetition_index": 0, "real_time": 5,
  "cpu_time": 1, "time_unit": "ns",
  "run_name": "1 thread/lookup and read/hot/min_time:0.030/real_time"},
 {"run_type": "aggregate", "real_time": 7, "time_unit": "ns",
  "run_name": "1 thread/lookup and read/hot/min_time:0.030/real_time"}]}
END
cat > "$results/micro.1.log" << 'END'
MISSED: 1 thread, hot pages: 16.0 times as fast as mpool (at least 99)
left out: LMDB get: configure did not find it
END
echo '{"why": "bench/bench-kv was not built", "status": null}' \
  > "$results/kv.1.run"
echo '{"cases": [' > "$results/sqlite.1.json"
