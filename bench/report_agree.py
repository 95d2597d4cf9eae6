# SPDX-License-Identifier: BSD-2-Clause
"""Whether two runs agree: which figures of two reports lie apart by more than the
spread that both state.

A figure is what one of those compared reached in a case.  Two runs agree in it if
what its rounds spanned in the one, least to most, meets what they spanned in the
other, or comes within RESOLUTION of it: figures are shown with three digits.

Rounds that came from the very same distribution would lie apart as well, now and
then: of n and m rounds all n are on one side in 2 n! m! / (n + m)! of the cases.
What is expected by that stands beside what was found.
"""

import json
import math
import sys

import report_page
import report_readme

RESOLUTION = 0.01


def report_of(path):
    try:
        with open(path, encoding="utf-8") as f:
            return json.load(f)
    except (OSError, ValueError) as error:
        sys.exit(f"report.py: no report: {error}")


def rounds(s):
    return sum(r is not None for r in s["rounds"])


def apart(a, b):
    low, high = (a, b) if a["max"] < b["min"] else (b, a)
    gap = high["min"] - low["max"]
    return gap > RESOLUTION * max(abs(a["median"]), abs(b["median"]))


def by_chance(a, b):
    n, m = rounds(a), rounds(b)
    return 2 * math.factorial(n) * math.factorial(m) / math.factorial(n + m)


def series_of(report):
    """(part, case, series) -> case, series"""
    return {(p["name"], c["name"], s["name"]): (c, s)
            for p in report["parts"] for c in p["cases"] for s in c["series"]}


def shown_in_readme(report):
    found = report_readme.figures(report)[0]
    return {(r["part"], r["case"], r[who]["name"])
            for r in found for who in ("ours", "peer")}


class Count:
    """Of one kind of figures."""

    def __init__(self):
        self.all = self.apart = self.single = 0
        self.chance = 0.0

    def add(self, a, b, lie_apart):
        self.all += 1
        self.apart += lie_apart
        if min(rounds(a), rounds(b)) == 1:
            self.single += 1    # no spread is stated
        else:
            self.chance += by_chance(a, b)


def line(name, count):
    return f"{name:<28} {count.all:>7} {count.apart:>6} {count.chance:>9.1f}" \
           f" {count.single:>10}"


def changed_sides(one, other):
    """Cases that ours won in one run, and a peer in the other."""
    found = []
    cases = [{(p["name"], c["name"]): c["verdict"] for p in r["parts"]
              for c in p["cases"] if c["verdict"]} for r in (one, other)]
    for key in cases[0].keys() & cases[1].keys():
        if {c[key]["winner"] for c in cases} == {"ours", "peer"}:
            found.append(f"{key[0]}: {key[1]}")
    return sorted(found)


def compare(one, other):
    """What is said, and whether README's figures and all winners agree."""
    a, b = series_of(one), series_of(other)
    readme = shown_in_readme(one) | shown_in_readme(other)
    counts = {"README's figures": Count(), "all that is compared": Count(),
              "counters and the like": Count()}
    parts, far = {}, []
    for key in (k for k in a if k in b):
        (case, s), (_, t) = a[key], b[key]
        lie_apart = apart(s, t)
        kind = "all that is compared" if case["better"] != "none" \
            else "counters and the like"
        counts[kind].add(s, t, lie_apart)
        if kind == "all that is compared":
            parts.setdefault(key[0], Count()).add(s, t, lie_apart)
        if key in readme:
            counts["README's figures"].add(s, t, lie_apart)
        if lie_apart and (key in readme or kind == "all that is compared"):
            far.append((key not in readme, f"{key[0]}: {key[1]}, {key[2]}: "
                        + " and ".join(
                            f"{report_page.with_unit(x['median'], case['unit'])}"
                            f" ({report_page.spread_of(x, case['unit'])})"
                            for x in (s, t))))
    out = [f"the run of {one['made']}, tree of {dict(one['machine'])['Oriel']}",
           f"the run of {other['made']}, tree of "
           f"{dict(other['machine'])['Oriel']}", "",
           f"{'':<28} {'figures':>7} {'apart':>6} {'by chance':>9} "
           f"{'one round':>10}"]
    out += [line(name, count) for name, count in counts.items()]
    out += [line("  " + name, count) for name, count in sorted(parts.items())]
    for in_readme in True, False:
        lines = [text for not_there, text in far if not_there != in_readme]
        if lines:
            out += ["", "apart, of README's figures:" if in_readme
                    else "apart, of the others:"] + ["  " + t for t in lines]
    sides = changed_sides(one, other)
    out += ["", "won in one run, lost in the other: "
            + ("; ".join(sides) if sides else "none")]
    missing = len(a.keys() ^ b.keys())
    if missing:
        out.append(f"in one of the runs alone: {missing} figures")
    return "\n".join(out), not sides and not counts["README's figures"].apart


def agree(args):
    if len(args.parts) != 1:
        sys.exit("report.py agree REPORT.json: which one it is held against")
    text, good = compare(report_of(args.parts[0]),
                         report_of(args.output + ".json"))
    print(text)
    return 0 if good else 3
