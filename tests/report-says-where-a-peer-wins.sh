#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# report.py makes a report of what benchmarks wrote: well-formed, with nothing
# outside of it, with every figure, its spread and its command; it says where a
# peer wins, where rounds overlap, what was left out and what failed.
. "${top_srcdir:-.}/tests/tap.sh"

command -v python3 > /dev/null || skip_all "python3 is missing"
. "$top_srcdir/tests/report-fixture.sh"

ok 'a report is written' report write
cat > "$scratch/read.py" << 'END'
import json, re, sys
import xml.etree.ElementTree as ET
what, base = sys.argv[1:]
raw = open(base + ".html").read()
root = ET.fromstring(raw)               # well-formed, or this fails
for e in root.iter():
    e.tag = e.tag.split("}")[-1]
report = json.load(open(base + ".json"))
parts = {p["name"]: p for p in report["parts"]}
text = " ".join("".join(root.itertext()).split())

def section(name):
    """The text from one heading to the next."""
    body, inside, out = root.find("body"), False, []
    for e in body:
        if re.fullmatch("h[23]", e.tag):
            inside = e.get("id") == name
        elif inside:
            out.append(" ".join(e.itertext()))
    return " ".join(out)

def case(part, name):
    c, = [c for c in parts[part]["cases"] if c["name"] == name]
    return c

exec(what)
END
# says DESCRIPTION PYTHON
says ()
{
  ok "$1" python3 "$scratch/read.py" "$2" "$scratch/report"
}

says 'a loss is among the losses' \
  'assert "io: depth/rate" in section("losses")'
says 'against the best of the peers, with both figures' \
  'assert re.search(r"fio fast\s*100/s\s*90 to 110\s*220/s\s*200 to 240\s*0.45", section("losses"))'
says 'a win is not there' \
  'assert "pins/CPU" not in section("losses"), section("losses")'
says 'nor is what rounds overlap in' \
  'assert "scan/rate" not in section("losses")'
says 'which is said by itself' 'assert "but rounds overlap" in text'
says 'nor what has no better' \
  'assert case("io", "depth/queue")["verdict"] is None'
says 'what nobody can beat wins nothing' \
  'assert case("micro", "1 thread/hot")["verdict"]["winner"] == "ours"'
says 'wins, losses and overlaps are counted' \
  'assert report["summary"] == {"ours": 2, "even": 1, "peer": 1}, report'
says 'the median and the spread are of the rounds' \
  's = case("io", "pins/CPU")["series"][0]; assert (s["median"], s["min"], s["max"]) == (2.5, 2, 3)'
says 'rounds of a later pass come after those of the first' \
  's = {s["name"]: s["rounds"] for s in case("io", "depth/rate")["series"]}; assert s["oriel"] == [90, 110, 100] and s["fio slow"] == [20, 40, 30], s'
says 'when each pass ended' \
  'assert "11:00:00 UTC; 2026-11-22 11:07:00 UTC" in text'
says 'and which failed' \
  'assert "io: pass 3: took more than 9 s" in section("left-out")'
says 'one round is called that' \
  'assert re.search(r"32\S*pages\s*one round|32 pages\s*one round", text)'
says 'Google Benchmark is read, units and order' \
  's = {s["name"]: s for s in case("micro", "1 thread/hot")["series"]}; assert s["oriel_pin, optimistic"]["rounds"] == [10, 12] and s["Berkeley DB mpool, shared"]["median"] == 200, s'
says 'each figure stands in a table' \
  'ids = {e.get("id") for e in root.iter()}; assert {"io/depth/rate", "io/pins/CPU", "io/scan/rate", "io/depth/queue", "micro/1-thread/hot"} <= ids, ids'
says 'with its spread' 'assert re.search(r"100/s\s*90 to 110", text)'
says 'the command to repeat it, quoted' \
  'assert "bench/bench-io --only '"'a|b'"' and bench/bench-io depth" in text'
says 'memory, durability, data, warm-up' \
  'assert all(w in text for w in ("a pool of 1 MiB", "nothing is written", "warm-up"))'
says 'a target that was missed, by what it was in each pass' \
  'assert "io: 0.4 times as fast as fio; 0.5 times as fast as fio" in text'
says 'is one of two' 'assert len(parts["io"]["targets"]) == 2'
says 'also one that was only printed' 'assert "at least 99" in text'
says 'a peer that is not there' \
  'assert section("left-out").count("io: fio ancient: no fio here") == 1'
says 'also one that was only printed' \
  'assert "LMDB get: configure did not find it" in section("left-out")'
says 'a part that was not built' \
  'assert "kv: bench/bench-kv was not built" in section("left-out")'
says 'one that was not run' 'assert "tpch: it was not run" in section("left-out")'
says 'one that wrote nonsense' \
  'assert "sqlite: what it wrote cannot be read" in section("left-out")'
says 'the machine' \
  'm = dict(report["machine"]); assert all(m[k] for k in ("processor", "memory", "kernel", "governor", "SQLite", "LMDB", "Berkeley DB", "fio")), m'
says 'the note, escaped' 'assert "not <alone>" in text'
says 'nothing is outside of it' \
  'assert not re.search(r"(src|href)=[\"'"'"'](?!#)", raw) and "@import" not in raw'
says 'links lead somewhere' \
  'ids = {e.get("id") for e in root.iter()}; links = {e.get("href")[1:] for e in root.iter("a")}; assert links <= ids, links - ids'
if command -v gnuplot > /dev/null; then
  says 'plots are in it' \
    'assert {f.get("id") for f in root.iter("figure")} == {"plot-hit", "plot-io"} and all(f.find("svg") is not None for f in root.iter("figure"))'
else
  skip 'gnuplot is missing'
fi

ok 'without gnuplot there is a report as well' report write --gnuplot ./nonesuch
says 'which says what was not drawn' \
  'assert "gnuplot" in section("left-out") and not list(root.iter("figure"))'
says 'and has the figures' 'assert "io/depth/rate" in raw'
done_testing
