# SPDX-License-Identifier: BSD-2-Clause
"""The report's main plots and figures, put into the source tree.

bench/plots/ gets the pictures that README.md shows, and figures.json: the figures
of README.md's table, each with its rounds and its command.  README.md gets the
table itself, between two comments.  All of them are of one report: where something
is not in it, nothing is changed.
"""

import json
import os
import sys

import report_page
import report_plot
import report_read

PICTURES = ["hit", "sqlite", "memory", "kv", "tpch", "zipf", "swap"]
BEGIN, END = "<!-- figures -->\n", "<!-- end of figures -->\n"

# What README.md claims: words, part, case, the peer if it is not the best one, and
# which of the report's plots shows it.
ROWS = [
    ("a hot page pinned, 1 thread", "micro", "1 thread/hot", "mpool", "hit"),
    ("a hot page pinned, 2 processes", "micro", "2 processes/hot", "mpool",
     "hit"),
    ("SQLite: reads by key, in memory", "sqlite", "point/reads", None,
     "sqlite"),
    ("SQLite: one select a transaction", "sqlite", "select1/selects", None,
     "sqlite"),
    ("SQLite: 4 processes, 1 of 20 writes", "sqlite", "mixed/statements", None,
     "sqlite"),
    ("TPC-C, 2 terminals", "sqlite", "tpcc/transactions", None, "sqlite"),
    ("TPC-C, a window of 1/8", "tpcc", "throughput", None, "tpcc"),
    ("TPC-B", "tpcb", "throughput", None, "tpcb"),
    ("TPC-H, in memory", "tpch", "warm/throughput", None, "tpch"),
    ("SQLite: data 4 times memory, reads", "sqlite", "larger/reads", None,
     "sqlite"),
    ("SQLite: the scan beside them", "sqlite", "larger/scan", None, "sqlite"),
    ("SQLite: memory of 16 processes", "sqlite", "memory/memory", "cache",
     "memory"),
    ("SQLite: the same, beside mmap", "sqlite", "memory/memory", "mmap",
     "memory"),
    ("SQLite: the second after kill -9", "sqlite", "killed/of steady", None,
     "sqlite"),
    ("kv: YCSB A, updates", "kv", "ycsb-a/throughput", None, "kv"),
    ("kv: YCSB C, reads", "kv", "ycsb-c/throughput", None, "kv"),
    ("kv: YCSB E, scans", "kv", "ycsb-e/throughput", None, "kv"),
    ("kv: data 4 times memory", "kv", "larger/throughput", None, "kv"),
    ("kv: durable puts, 8 processes", "kv", "durable/throughput", None, "kv"),
    ("disk: reads at random, 32 ahead", "io", "depth/rate", None, "io"),
    ("disk: a cold scan", "io", "scan/rate", None, "io"),
    ("page tables of a process, 4 GiB", "window",
     "many processes, page tables of each/small pages", None, "tables"),
    ("a swap of 16 KiB, beside its copy", "window",
     "swap, small pages, all touched/16KiB", None, "swap"),
    ("a swap of 2 MiB, beside its copy", "window",
     "swap, small pages, all touched/2MiB", None, "swap"),
    ("hits, zipf(0.6), pool of a tenth", "eviction", "zipf(0.6)/1:10", None,
     "eviction"),
]


def figure(parts, words, part, name, peer):
    """One row, with all that is known of it; None: it was not measured."""
    c = next((c for c in parts.get(part, {}).get("cases", [])
              if c["name"] == name), None)
    if not c:
        return None
    mine = report_read.ours_of(c)
    named = [s for s in c["series"]
             if s["role"] == "peer" and (not peer or peer in s["name"])]
    other = report_read.best_peer(dict(c, series=named))
    if not mine or not other:
        return None
    v = report_read.verdict(dict(c, series=[mine, other]))
    return {"what": words, "part": part, "case": name,
            "command": "; ".join(parts[part].get("commands", [])), "unit": c["unit"],
            "better": c["better"], "ours": mine, "peer": other,
            "times": v["times"], "winner": v["winner"]}


def figures(report):
    """All rows, and the words of those that were not measured."""
    parts = {p["name"]: p for p in report["parts"]}
    rows = [(words, figure(parts, words, part, name, peer))
            for words, part, name, peer, _ in ROWS]
    return [r for _, r in rows if r], [words for words, r in rows if not r]


def cell(s, unit):
    """The median and the spread, with few digits."""
    scale, bare = 1, unit.partition("/")[2] if unit.startswith("1/") else unit
    words = f"/{bare}" if bare != unit else f" {unit}"
    if unit == "ns" and s["median"] >= 1000:
        scale, words = 1000, " us"
    if unit == "bytes":
        text = report_page.with_unit(s["median"], unit)
        spread = report_page.spread_of(s, unit)
    else:
        low, mid, high = (report_plot.short(s[k] / scale)
                          for k in ("min", "median", "max"))
        text = mid + words
        spread = f"{low} to {high}" if len(s["rounds"]) > 1 else "one round"
    return f"{text} ({spread})"


def table(rows):
    lines = ["| what | Oriel (least to most) | a peer | times better | part |",
             "|---|---|---|---|---|"]
    for r in rows:
        times = "" if r["times"] is None else f"{r['times']:.3g}"
        if r["winner"] == "peer":
            times = f"**{times}**"
        elif r["winner"] == "even":
            times += " (even)"
        lines.append(f"| {r['what']} | {cell(r['ours'], r['unit'])} | "
                     f"{cell(r['peer'], r['unit'])}, {r['peer']['name']} | "
                     f"{times} | {r['part']} |")
    return "\n".join(lines) + "\n"


def caption(shown):
    s = shown["summary"]
    text = ", ".join([shown["made"][:10], shown["kernel"], shown["processor"],
                      "tree of " + shown["tree"], "medians"])
    if shown["note"]:
        text += f"; {shown['note']}"
    return f"{text}. Of {sum(s.values())} figures in the report Oriel is " \
           f"better in {s['ours']}, a peer in {s['peer']}; in the other " \
           f"{s['even']} rounds overlap.\n"


def block(shown):
    """What stands between the comments."""
    return table(shown["figures"]) + "\n" + caption(shown) + "\n" + "".join(
        f"![{claim}](bench/plots/{name}.svg)\n"
        for name, claim in shown["pictures"])


def read_report(path):
    try:
        with open(path, encoding="utf-8") as f:
            return json.load(f)
    except (OSError, ValueError) as error:
        sys.exit(f"report.py: no report: {error}; make bench makes one")


def pictures(args):
    report = read_report(args.output + ".json")
    if report.get("trial"):
        sys.exit("report.py: nothing was changed, as the report is of a trial: "
                 + report_page.trial_of(report))
    rows, missing = figures(report)
    claims = {p["name"]: p["claim"] for p in report["plots"]}
    svg = {}
    for name in PICTURES:
        path = os.path.join(args.results, "plots", name + ".svg")
        if name not in claims:
            missing.append(f"the plot {name}")
            continue
        with open(path, encoding="utf-8") as f:
            svg[name] = f.read()
    if missing:
        sys.exit("report.py: nothing was changed, as the report lacks some of "
                 "what README.md shows:\n  " + "\n  ".join(missing)
                 + "\nIt says why under \"What was left out, or failed\".")
    facts = dict(report["machine"])
    shown = {"made": report["made"], "note": report["note"],
             "kernel": facts["kernel"], "processor": facts["processor"],
             "tree": facts["Oriel"], "summary": report["summary"],
             "pictures": [[name, claims[name]] for name in PICTURES],
             "figures": rows}
    readme = os.path.join(args.source, "README.md")
    with open(readme, encoding="utf-8") as f:
        text = f.read()
    if BEGIN not in text or END not in text:
        sys.exit(f"report.py: {readme} has no place for figures")
    before, rest = text.split(BEGIN, 1)
    _, after = rest.split(END, 1)
    plots = os.path.join(args.source, "bench", "plots")
    os.makedirs(plots, exist_ok=True)
    for name in PICTURES:
        with open(os.path.join(plots, name + ".svg"), "w",
                  encoding="utf-8") as f:
            f.write(svg[name])
    with open(os.path.join(plots, "figures.json"), "w",
              encoding="utf-8") as f:
        json.dump(shown, f, indent=1)
        f.write("\n")
    with open(readme, "w", encoding="utf-8") as f:
        f.write(before + BEGIN + block(shown) + END + after)
    print(f"{plots}, {readme}")
    return 0
