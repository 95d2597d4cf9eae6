#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# make bench-pictures: README.md gets the table of the report's figures between
# its two comments, and is else left as it was; plots and figures go to
# bench/plots.  Where the report lacks something of it nothing is changed.
. "${top_srcdir:-.}/tests/tap.sh"

command -v python3 > /dev/null || skip_all "python3 is missing"
. "$top_srcdir/tests/report-fixture.sh"
rm "$results"/*
report_source=$scratch/source
plots=$report_source/bench/plots
mkdir -p "$plots"
readme=$report_source/README.md
cat > "$readme" << 'END'
before
<!-- figures -->
| old |
<!-- end of figures -->
after
END
cp "$readme" "$scratch/old.md"
echo old > "$plots/hit.svg"

# A result of every part that README.md has figures of, and of every plot: oriel
# has 10 or so, a peer 20, "mpool" and "mmap" among them.
cat > "$scratch/make.py" << 'END'
import json, sys
sys.path.insert(0, sys.argv[1] + "/bench")
sys.dont_write_bytecode = True
import report_readme
parts = {}
def case(part, name, better="more", ours="oriel", unit="1/s"):
    of = parts.setdefault(part, {})
    of[name] = {"name": name, "unit": unit, "better": better, "series": [
        {"name": ours, "role": "ours", "rounds": [10, 9, 12]},
        {"name": "mpool, shared cache", "role": "peer", "rounds": [20, 21, 25]},
        {"name": "mmap", "role": "peer", "rounds": [5, 11, 4]}]}
for words, part, name, peer, plot in report_readme.ROWS:
    case(part, name, ours="oriel_pin, optimistic" if part == "micro" else "swap"
         if name.startswith("swap") else "oriel")
for kib in 4, 16:
    case("window", f"swap, small pages, all touched/{kib}KiB", "less", "swap")
for n in 1, 8:
    case("window", f"zipf pins, whole pages/window 1:{n}", "less",
         "whole pages, scattered", "ns")
parts["sqlite"]["memory/memory"]["unit"] = "bytes"
parts["eviction"]["zipf(0.6)/1:10"]["series"][0]["rounds"] = [10]
for name, cases in parts.items():
    base = f"{sys.argv[2]}/{name}.1"
    json.dump({"cases": list(cases.values())}, open(base + ".json", "w"))
    json.dump({"command": ["bench/run", name], "seconds": 1},
              open(base + ".run", "w"))
END

report pictures > "$scratch/out" 2> "$scratch/err"
is $? 1 'without a report it is an error'
ok 'that says what makes one' grep -q 'make bench' "$scratch/err"

# unchanged: all is as it was
unchanged ()
{
  cmp "$scratch/old.md" "$readme" && [ "$(cat "$plots/hit.svg")" = old ]
}

python3 "$scratch/make.py" "$top_srcdir" "$results"
rm "$results"/io.1.*
report write > "$scratch/out"
report pictures > "$scratch/out" 2> "$scratch/err"
is $? 1 'a report that lacks a figure is refused'
ok 'by its name' grep -q 'disk: a cold scan' "$scratch/err"
ok 'and nothing is changed' unchanged

python3 "$scratch/make.py" "$top_srcdir" "$results"
report write --gnuplot ./nonesuch > "$scratch/out"
report pictures > "$scratch/out" 2> "$scratch/err"
is $? 1 'so is one without plots'
ok 'by their names' grep -q 'the plot hit$' "$scratch/err"
ok 'and pictures stay that are there' unchanged

if command -v gnuplot > "$scratch/found"; then
  report write > "$scratch/out"
  ok 'figures are put into README.md' report pictures
  cp "$readme" "$scratch/got"
  is "$(head -n 1 "$scratch/got")/$(tail -n 1 "$scratch/got")" before/after \
    'what stands around them stays'
  ok 'the old ones are gone' sh -c '! grep -qw "| old |" "$1"' - "$scratch/got"
  ok 'a loss stands out, with the spread of both' grep -qxF \
    '| disk: a cold scan | 10/s (9 to 12) | 21/s (20 to 25), mpool, shared cache | **0.476** | io |' \
    "$scratch/got"
  ok 'a peer may be named' grep -qxF \
    '| SQLite: the same, beside mmap | 10 bytes (9 bytes to 12 bytes) | 5 bytes (4 bytes to 11 bytes), mmap | 2 (even) | sqlite |' \
    "$scratch/got"
  ok 'one round is called that' grep -q '^| hits, .* | 10/s (one round) |' \
    "$scratch/got"
  ok 'the date and the note stand below' \
    grep -q "^20[0-9-]*, Linux .*; not <alone>" "$scratch/got"
  ok 'plots are copied' grep -q '</svg>' "$plots/hit.svg"
  ok 'figures have their rounds and their command' \
    python3 -c 'import json, sys
rows = json.load(open(sys.argv[1]))["figures"]
row, = [r for r in rows if r["what"] == "disk: a cold scan"]
assert row["ours"]["rounds"] == [10, 9, 12], row
assert all(r["command"] == "bench/run " + r["part"] for r in rows)' \
    "$plots/figures.json"
  # What is claimed is also drawn: by a plot of that part, which names the case.
  ok 'each row is in the plot that shows it' \
    python3 - "$top_srcdir/bench" "$scratch/report.html" << 'END'
import re, sys
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
import report_plot, report_readme
page = open(sys.argv[2]).read()
for words, part, name, peer, plot in report_readme.ROWS:
    assert any(p[:2] == (plot, part) for p in report_plot.PLOTS), words
    svg = re.search(rf'<figure id="plot-{plot}">.*?</figure>', page, re.S)
    assert svg, words
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", svg[0]))
    label = re.sub("KiB$|MiB$", "", re.sub(r"^many.*/|/(hot|throughput)$", "",
                                           name.replace("touched/", "")))
    shown = label.split("/")[0] if plot == "memory" else label
    assert plot == "swap" or shown in text, (words, shown, text)
END
  report pictures > "$scratch/out" 2>&1
  ok 'once more changes nothing' cmp "$scratch/got" "$readme"

  echo nothing > "$readme"
  rm "$plots/hit.svg"
  report pictures > "$scratch/out" 2> "$scratch/err"
  is $? 1 'a README.md without the place is refused'
  ok 'by that reason' grep -q 'has no place for figures' "$scratch/err"
  is "$(cat "$readme")" nothing 'and left alone'
  ok 'and nothing else is made' sh -c '[ ! -e "$1" ]' - "$plots/hit.svg"
else
  skip 'gnuplot is missing'
fi

# The README.md of the tree: its figures are those of the report whose part is in
# bench/plots/figures.json.
readme=$top_srcdir/README.md
cat > "$scratch/readme.py" << 'END'
import json, re, sys
sys.path.insert(0, sys.argv[1] + "/bench")
sys.dont_write_bytecode = True
import report_readme
text = open(sys.argv[1] + "/README.md").read()
shown = json.load(open(sys.argv[1] + "/bench/plots/figures.json"))
before, rest = text.split(report_readme.BEGIN)
inside, after = rest.split(report_readme.END)
exec(sys.argv[2])
END
# says DESCRIPTION PYTHON
says ()
{
  ok "$1" python3 "$scratch/readme.py" "$top_srcdir" "$2"
}
says 'figures of README.md are those of the report' \
  'assert inside == report_readme.block(shown)'
says 'each has its rounds, and its command' \
  'assert all(r["command"].startswith("bench/") and r[w]["rounds"] for r in shown["figures"] for w in ("ours", "peer"))'
says 'no figure is missing' \
  'assert [r["what"] for r in shown["figures"]] == [row[0] for row in report_readme.ROWS]'
says 'no others stand in its text' \
  'found = re.findall(r"[^\n]*(?:[\d.]+ ?(?:times\b|%|ns\b|us\b|ms\b|/s\b|points\b)|\b(?:twice|half|quarter|third)\b)[^\n]*", before + after); assert not found, found'
shown=$(sed -n 's/.*!\[[^]]*\](\([^)]*\)).*/\1/p' "$readme")
ok 'it shows pictures' test -n "$shown"
for picture in $shown; do
  ok "$picture is there" grep -q '</svg>' "$top_srcdir/$picture"
done
done_testing
