# SPDX-License-Identifier: BSD-2-Clause
"""The report's main plots and figures, put into the source tree.

bench/plots/ gets the pictures that README.md shows, and README.md, between two
comments, the table of figures: each is in the report, with its command.
"""

import json
import os
import sys

import report_page
import report_read

PICTURES = ["hit", "sqlite", "kv", "tpch", "zipf"]
BEGIN, END = "<!-- figures -->\n", "<!-- end of figures -->\n"

# What README.md claims: words, part, case, the series of ours if it is not the
# first, and of the peer if it is not the best one.
ROWS = [
    ("a hot page pinned, 1 thread", "micro", "1 thread/hot", None, "mpool"),
    ("a hot page pinned, 2 processes", "micro", "2 processes/hot", None, "mpool"),
    ("SQLite: reads by key, in memory", "sqlite", "point/reads", None, None),
    ("SQLite: one select a transaction", "sqlite", "select1/selects", None,
     None),
    ("SQLite: 4 processes, 1 of 20 writes", "sqlite", "mixed/statements", None,
     None),
    ("TPC-C, 2 terminals", "sqlite", "tpcc/transactions", None, None),
    ("TPC-C, a window of 1/8", "tpcc", "throughput", None, None),
    ("TPC-B", "tpcb", "throughput", None, None),
    ("TPC-H, in memory", "tpch", "warm/throughput", None, None),
    ("SQLite: data 4 times memory, reads", "sqlite", "larger/reads", None,
     None),
    ("SQLite: the scan beside them", "sqlite", "larger/scan", None, None),
    ("SQLite: memory of 16 processes", "sqlite", "memory/memory", None,
     "cache"),
    ("SQLite: the same, beside mmap", "sqlite", "memory/memory", None, "mmap"),
    ("SQLite: the second after kill -9", "sqlite", "killed/of steady", None,
     None),
    ("kv: YCSB A, updates", "kv", "ycsb-a/throughput", None, None),
    ("kv: YCSB C, reads", "kv", "ycsb-c/throughput", None, None),
    ("kv: YCSB E, scans", "kv", "ycsb-e/throughput", None, None),
    ("kv: data 4 times memory", "kv", "larger/throughput", None, None),
    ("kv: durable puts, 8 processes", "kv", "durable/throughput", None, None),
    ("disk: reads at random, 32 ahead", "io", "depth/rate", None, None),
    ("disk: a cold scan", "io", "scan/rate", None, None),
    ("page tables of a process, 4 GiB", "window",
     "many processes, page tables of each/small pages", None, None),
]


def figure(part, name, ours, peer):
    """The row's cells; None if it was not measured."""
    c = next((c for c in part["cases"] if c["name"] == name), None)
    if not c:
        return None
    mine = report_read.ours_of(c)
    if ours:
        mine = next((s for s in c["series"] if ours in s["name"]), None)
    if peer:
        named = [s for s in c["series"] if peer in s["name"]
                 and s["role"] == "peer"]
        other = report_read.best_peer(dict(c, series=named))
    else:
        other = report_read.best_peer(c)
    if not mine or not other:
        return None
    v = report_read.verdict(dict(c, series=[mine, other]))
    times = "" if v["times"] is None else f"{v['times']:.2f}"
    if v["winner"] == "peer":
        times = f"**{times}**"
    elif v["winner"] == "even":
        times += " (even)"
    return (report_page.with_unit(mine["median"], c["unit"]),
            report_page.with_unit(other["median"], c["unit"])
            + f", {other['name']}", times)


def table(report):
    parts = {p["name"]: p for p in report["parts"]}
    lines = ["| what | Oriel | a peer | times better | part |",
             "|---|---|---|---|---|"]
    for words, part, name, ours, peer in ROWS:
        cells = part in parts and figure(parts[part], name, ours, peer)
        if cells:
            lines.append(f"| {words} | {' | '.join(cells)} | {part} |")
    return "\n".join(lines) + "\n"


def caption(report):
    facts = dict(report["machine"])
    s = report["summary"]
    text = f"{report['made'][:10]}, {facts['kernel']}, {facts['processor']}, " \
           "medians"
    if report["note"]:
        text += f"; {report['note']}"
    return f"{text}. Of {sum(s.values())} figures in the report Oriel is " \
           f"better in {s['ours']}, a peer in {s['peer']}; in the other " \
           f"{s['even']} rounds overlap.\n"


def pictures(args):
    try:
        with open(args.output + ".json", encoding="utf-8") as f:
            report = json.load(f)
    except (OSError, ValueError) as error:
        sys.exit(f"report.py: no report: {error}; make bench makes one")
    plots = os.path.join(args.source, "bench", "plots")
    os.makedirs(plots, exist_ok=True)
    claims = {p["name"]: p["claim"] for p in report["plots"]}
    shown = ""
    for name in PICTURES:
        path = os.path.join(args.results, "plots", name + ".svg")
        copy = os.path.join(plots, name + ".svg")
        if name not in claims:  # an old one would belong to another run
            print(f"report.py: not in the report: {name}.svg", file=sys.stderr)
            if os.path.exists(copy):
                os.unlink(copy)
            continue
        with open(path, encoding="utf-8") as f:
            svg = f.read()
        with open(copy, "w", encoding="utf-8") as f:
            f.write(svg)
        shown += f"![{claims[name]}](bench/plots/{name}.svg)\n"
    readme = os.path.join(args.source, "README.md")
    with open(readme, encoding="utf-8") as f:
        text = f.read()
    if BEGIN not in text or END not in text:
        sys.exit(f"report.py: {readme} has no place for figures")
    before, rest = text.split(BEGIN, 1)
    _, after = rest.split(END, 1)
    with open(readme, "w", encoding="utf-8") as f:
        f.write(before + BEGIN + table(report) + "\n" + caption(report)
                + "\n" + shown + END + after)
    print(f"{plots}, {readme}")
    return 0
