# SPDX-License-Identifier: BSD-2-Clause
"""Whether two runs agree: which figures of two reports lie apart by more than the
spread that both state.

A figure is what one of those compared reached in a case.  Two runs agree in it if
what its rounds spanned in the one, least to most, meets what they spanned in the
other, or comes within RESOLUTION of it: figures are shown with three digits.

Rounds that came from the very same distribution would lie apart as well, now and
then: of n and m rounds all n are on one side in 2 n! m! / (n + m)! of the cases.
So of README's fifty figures one or two of a pair of runs do, of the very same
program on the very same machine, and that alone is no news: it is when there are
more of them than once in RARE pairs of runs.

Nor is the machine's own pace news, which differs by what its neighbours do.  The
code of the peers is the same in both runs, so what the median of their times and
rates in a part moved by is the machine's.  What lies apart is counted with that
pace and without it, and judged without.
"""

import json
import math
import statistics
import sys

import report_page
import report_readme

RESOLUTION = 0.01
RARE = 1000
TWICE = 2.0                     # so much "times better" may not change
PEERS = 3                       # as few tell no pace
RATES = "1/s", "MiB/s"


def report_of(path):
    try:
        with open(path, encoding="utf-8") as f:
            report = json.load(f)
    except (OSError, ValueError) as error:
        sys.exit(f"report.py: no report: {error}")
    if report.get("trial"):
        sys.exit(f"report.py: {path} is of a trial: "
                 + report_page.trial_of(report))
    return report


def rounds(s):
    return sum(r is not None for r in s["rounds"])


def apart(a, b, pace=1.0):
    """pace: what figures of b are multiplied by."""
    one = [a[k] for k in ("min", "median", "max")]
    other = [b[k] * pace for k in ("min", "median", "max")]
    low, high = (one, other) if one[2] < other[0] else (other, one)
    return high[0] - low[2] > RESOLUTION * max(abs(one[1]), abs(other[1]))


def by_chance(a, b):
    n, m = rounds(a), rounds(b)
    return 2 * math.factorial(n) * math.factorial(m) / math.factorial(n + m)


def as_many_by_chance(chances):
    """How many of them chance sets apart, but for one of RARE pairs of runs."""
    of = [1.0]                  # of so many: how likely it is
    for p in chances:
        of = [(of[i] * (1 - p) if i < len(of) else 0.0)
              + (of[i - 1] * p if i else 0.0) for i in range(len(of) + 1)]
    more, many = 1.0 - of[0], 0
    while more * RARE > 1:
        many += 1
        more -= of[many]
    return many


def series_of(report):
    """(part, case, series) -> case, series"""
    return {(p["name"], c["name"], s["name"]): (c, s)
            for p in report["parts"] for c in p["cases"] for s in c["series"]}


def speed(unit):
    """1: a rate; -1: a time; 0: neither, so no matter of the machine's pace."""
    if unit in RATES or unit.endswith("/s"):
        return 1
    return -1 if unit.partition("/")[0] in ("ns", "us", "ms", "s") else 0


def paces(a, b):
    """part -> how many times as fast the machine was in the first run."""
    moved = {}
    for key in (k for k in a if k in b):
        (case, s), (_, t) = a[key], b[key]
        if s["role"] != "ours" and speed(case["unit"]) \
           and min(s["median"], t["median"]) > 0:
            moved.setdefault(key[0], []).append(
                speed(case["unit"]) * math.log(s["median"] / t["median"]))
    return {part: math.exp(statistics.median(logs))
            for part, logs in moved.items() if len(logs) >= PEERS}


def claims(report):
    """README's rows: (part, case, words) -> row"""
    return {(r["part"], r["case"], r["what"]): r
            for r in report_readme.figures(report)[0]}


class Count:
    """Of one kind of figures."""

    def __init__(self):
        self.all = self.apart = self.beyond = self.single = 0
        self.chances = []

    def add(self, a, b, lie_apart, beyond):
        self.all += 1
        self.apart += lie_apart
        self.beyond += beyond
        if min(rounds(a), rounds(b)) == 1:
            self.single += 1    # no spread is stated
        else:
            self.chances.append(by_chance(a, b))


def line(name, count):
    return f"{name:<28} {count.all:>7} {count.apart:>6} {count.beyond:>9} " \
           f"{sum(count.chances):>9.1f} {count.single:>9}"


def changed_sides(one, other):
    """Cases that ours won in one run, and a peer in the other."""
    found = []
    cases = [{(p["name"], c["name"]): c["verdict"] for p in r["parts"]
              for c in p["cases"] if c["verdict"]} for r in (one, other)]
    for key in cases[0].keys() & cases[1].keys():
        if {c[key]["winner"] for c in cases} == {"ours", "peer"}:
            found.append(f"{key[0]}: {key[1]}")
    return sorted(found)


def changed_claims(one, other, moved):
    """What README says and these two do not agree in.  moved: the figures that
    lie apart, with the machine's pace or without."""
    found, rows = [], [claims(r) for r in (one, other)]
    for key in rows[0].keys() & rows[1].keys():
        was, now = (r[key] for r in rows)
        if {was["winner"], now["winner"]} == {"ours", "peer"}:
            found.append(f"{key[2]}: won in one run, lost in the other")
        elif was["times"] and now["times"] \
                and abs(math.log(was["times"] / now["times"])) \
                >= math.log(TWICE) \
                and any((*key[:2], r[who]["name"]) in moved
                        for r in (was, now) for who in ("ours", "peer")):
            found.append(f"{key[2]}: {was['times']:.3g} times better in one "
                         f"run, {now['times']:.3g} in the other")
    return sorted(found)


def described(key, case, both, words):
    return f"{key[0]}: {key[1]}, {key[2]}: " + " and ".join(
        f"{report_page.with_unit(s['median'], case['unit'])} "
        f"({report_page.spread_of(s, case['unit'])})" for s in both) + words


def of_chance(s, t):
    """Said of a figure that lies apart."""
    if min(rounds(s), rounds(t)) == 1:
        return ", which is counted"
    return f", by chance once in {1 / by_chance(s, t):.0f}"


def compare(one, other):
    """What is said, and why README's figures do not agree, if they do not."""
    a, b = series_of(one), series_of(other)
    readme = {(*key[:2], r[who]["name"]) for rows in map(claims, (one, other))
              for key, r in rows.items() for who in ("ours", "peer")}
    counts = {"README's figures": Count(), "all that is compared": Count(),
              "counters and the like": Count()}
    pace, parts, far, moved, why = paces(a, b), {}, [], set(), []
    for key in (k for k in a if k in b):
        (case, s), (_, t) = a[key], b[key]
        lie_apart = apart(s, t)
        beside = apart(s, t, pace.get(key[0], 1.0) ** speed(case["unit"]))
        still = lie_apart and beside
        kind = "all that is compared" if case["better"] != "none" \
            else "counters and the like"
        counts[kind].add(s, t, lie_apart, still)
        if kind == "all that is compared":
            parts.setdefault(key[0], Count()).add(s, t, lie_apart, still)
        if key in readme:
            counts["README's figures"].add(s, t, lie_apart, still)
            if still and min(rounds(s), rounds(t)) == 1:
                why.append(described(key, case, (s, t), ", which is counted"))
        if lie_apart or beside:
            moved.add(key)
        if lie_apart and (key in readme or kind == "all that is compared"):
            words = of_chance(s, t) if still else ", as the machine's pace was"
            far.append((key in readme, described(key, case, (s, t), words)))
    of_readme = counts["README's figures"]
    many = as_many_by_chance(of_readme.chances)
    if of_readme.beyond > many:
        why.insert(0, f"{of_readme.beyond} of README's figures lie apart: more "
                   f"than {many} of them do by chance once in {RARE} pairs of "
                   "runs")
    why += changed_claims(one, other, moved)

    out = [f"the run of {one['made']}, tree of {dict(one['machine'])['Oriel']}",
           f"the run of {other['made']}, tree of "
           f"{dict(other['machine'])['Oriel']}", "",
           f"{'':<28} {'figures':>7} {'apart':>6} {'less pace':>9} "
           f"{'by chance':>9} {'one round':>9}"]
    out += [line(name, count) for name, count in counts.items()]
    out += [line("  " + name, count) for name, count in sorted(parts.items())]
    out += ["", "the machine's pace, by its peers, the first run's of the "
            "second's: " + (", ".join(f"{part} {times:.2f}" for part, times
                                      in sorted(pace.items())) or "not known")]
    for in_readme in True, False:
        lines = [text for there, text in far if there == in_readme]
        if lines:
            out += ["", "apart, of README's figures:" if in_readme
                    else "apart, of the others:"] + ["  " + t for t in lines]
    sides = changed_sides(one, other)
    out += ["", "won in one run, lost in the other: "
            + ("; ".join(sides) if sides else "none")]
    missing = len(a.keys() ^ b.keys())
    if missing:
        out.append(f"in one of the runs alone: {missing} figures")
    if why:
        out += ["", "These two runs do NOT agree:"] + ["  " + t for t in why]
    else:
        out += ["", f"These two runs agree: {of_readme.beyond} of "
                f"{of_readme.all} of README's figures lie apart; by chance "
                f"up to {many} do."]
    return "\n".join(out), why


def agree(args):
    if len(args.parts) != 1:
        sys.exit("report.py agree REPORT.json: which one it is held against")
    text, why = compare(report_of(args.parts[0]),
                        report_of(args.output + ".json"))
    print(text)
    return 3 if why else 0
