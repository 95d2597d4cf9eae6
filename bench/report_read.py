# SPDX-License-Identifier: BSD-2-Clause
"""What benchmarks wrote, as documents of one shape, and who won.

bench/README.md has the shape; figures.c writes it.  What bench-window and
bench-micro write as Google Benchmark's JSON is brought into the shape here.
"""

import json
import re
import statistics

SIZES = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def known(values):
    return [v for v in values if isinstance(v, (int, float))]


def series(name, role, rounds):
    values = known(rounds)
    return {"name": name, "role": role, "rounds": list(rounds),
            "median": statistics.median(values) if values else None,
            "min": min(values, default=None),
            "max": max(values, default=None)}


def case(name, unit, better, all_series, title=None):
    made = {"name": name, "unit": unit, "better": better,
            "series": [s for s in all_series if s["median"] is not None]}
    if title:
        made["title"] = title
    return made


# ----------------------------------------------------------------------
# Google Benchmark

def rounds_of(benchmarks):
    """Name -> its repetitions, in their order."""
    found = {}
    for b in benchmarks:
        if b.get("run_type", "iteration") == "iteration" \
           and not b.get("error_occurred"):
            name = re.split(r"/(?:iterations|min_time|repeats|real_time)\b",
                            b["run_name"])[0]
            found.setdefault(name, []).append(b)
    for runs in found.values():
        runs.sort(key=lambda b: b.get("repetition_index", 0))
    return found


def nanoseconds(runs, which):
    scale = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}
    return [b[which] * scale[b["time_unit"]] for b in runs]


def swap_cases(found):
    """A slot that is swapped, the bare calls, and copies of as many bytes."""
    sizes = sorted({name.split("/")[2] for name in found
                    if name.startswith("swap/")},
                   key=lambda s: int(s[:-1]) * SIZES[s[-1]])
    cases = []
    for pages in "small", "huge":
        for touch, words in ("one", "one page touched"), ("all", "all touched"):
            for size in sizes:
                def get(name, label, role):
                    return series(label, role, nanoseconds(
                        found.get(name, []), "cpu_time"))
                rows = [get(f"swap/mmap/{size}/{touch}/{pages}", "swap",
                            "ours"),
                        get(f"bare-retire/mmap/{size}/{touch}/{pages}",
                            "the bare calls", "floor"),
                        get(f"memcpy/{size}/{pages}", "memcpy", "peer"),
                        get(f"pread/{size}/{pages}", "pread", "peer")]
                if rows[0]["median"] is not None:
                    cases.append(case(
                        f"swap, {pages} pages, {words}/{size}iB", "ns", "less",
                        rows))
    return cases


def zipf_cases(found):
    cases = []
    for work, words in ("read", "whole pages"), ("touch", "one word"):
        for shift in range(7):
            rows = [series(f"{words}, {place}", "ours", nanoseconds(
                found.get(f"zipf/{work}/{place}/1:{1 << shift}", []),
                "cpu_time")) for place in ("scattered", "clustered")]
            cases.append(case(f"zipf pins, {words}/window 1:{1 << shift}",
                              "ns", "less", rows))
    for place in "scattered", "clustered":
        rows = [series(label, role, nanoseconds(
            found.get(f"zipf/{name}/{place}", []), "cpu_time"))
            for name, label, role in (
                ("oriel_read-4K-slots", "oriel_read, slots of 4 KiB", "ours"),
                ("oriel_read-64K-slots", "oriel_read, slots of 64 KiB", "ours"),
                ("pread", "pread", "peer"))]
        cases.append(case(f"zipf copies, window 1:64/{place}", "ns", "less",
                          rows))
    return [c for c in cases if c["series"]]


def process_cases(found):
    cases = []
    for counter, title, unit in (
            ("page_table_bytes", "page tables of each", "bytes"),
            ("window_page_table_bytes", "of its window", "bytes"),
            ("vmas", "VMAs of each", "VMAs")):
        for pages, suffix in ("small pages", ""), ("huge pages", "-huge"):
            rows = [series(label, role, [b[counter] for b in found.get(
                f"processes/{name}{suffix}", []) if counter in b])
                for name, label, role in (
                    ("swapped", "window of 64 MiB", "ours"),
                    ("linear", "the pool mapped whole", "peer"))]
            cases.append(case(f"many processes, {title}/{pages}", unit, "less",
                              rows))
    return [c for c in cases if c["series"]]


def vector_cases(found):
    cases = []
    for size in "4K", "64K":
        for touch, words in ("no-touch", "not touched"), \
                            ("one-touch", "one page touched"):
            rows = [series(label, role, nanoseconds(
                found.get(f"vectored/{name}/{size}/{touch}", []), "cpu_time"))
                for name, label, role in (
                    ("64-at-once", "64 by one call", "ours"),
                    ("one-by-one", "one by one", "floor"))]
            cases.append(case(f"swaps of neighbours, {words}/{size}iB", "ns",
                              "less", rows))
    return [c for c in cases if c["series"]]


def visit_cases(found):
    """bench-micro: workers / who / pages."""
    names = {}
    for name in found:
        crew, who = name.split("/", 1)
        subject, pages = who.rsplit("/", 1)
        # "xRead: who": a call that is compared by itself
        call = subject.partition(": ")[0] if ": " in subject else ""
        names.setdefault((crew, pages, call), []).append(subject)
    cases = []
    for (crew, pages, call), subjects in sorted(names.items()):
        rows = []
        for subject in subjects:
            who = subject.removeprefix(call + ": ")
            role = "ours" if who.startswith("oriel") else \
                "peer" if re.match("Berkeley|LMDB|vmcache|SQLite", who) \
                else "floor"
            rows.append(series(who, role, nanoseconds(
                found[f"{crew}/{subject}/{pages}"], "real_time")))
        # What a pin costs is what counts; other kinds of access behind it.
        rows.sort(key=lambda s: (s["name"] != "oriel_pin, optimistic",
                                 s["role"] != "ours", s["name"]))
        cases.append(case(f"{crew}/{call + ', ' if call else ''}{pages}", "ns",
                          "less", rows))
    return cases


SETUPS = {
    "micro": {"memory": "every cache holds all pages",
              "data": "one file of 64 MiB on tmpfs, the same pages in the same "
                      "order for all",
              "durability": "nothing is written",
              "warm-up": "every page was visited by everyone"},
    "window": {"memory": "one pool for all that is compared: 4 GiB for many "
                         "processes, 1 GiB for zipf, 512 MiB for swaps",
               "data": "all in the pool", "durability": "nothing is written",
               "warm-up": "every slot was filled; zipf: 600,000 pins before"},
}


def from_google(name, raw):
    found = rounds_of(raw["benchmarks"])
    if name == "micro":
        cases = visit_cases(found)
    else:
        cases = (process_cases(found) + zipf_cases(found) + swap_cases(found)
                 + vector_cases(found))
    return {"name": name, "title": name, "setup": dict(SETUPS.get(name, {})),
            "cases": cases,
            "failures": [b["run_name"] + ": " + b.get("error_message", "")
                         for b in raw["benchmarks"]
                         if b.get("error_occurred")]}


# ----------------------------------------------------------------------

def said(log):
    """The targets, and what was left out, of programs that only print them."""
    targets, left_out = [], []
    for line in log.splitlines():
        met = re.match(r"(met   |MISSED): (.*)", line)
        if met:
            targets.append({"text": met.group(2),
                            "met": met.group(1) != "MISSED"})
        out = re.match(r"(?:skipped|left out): (.*)", line)
        if out and out.group(1) not in left_out:
            left_out.append(out.group(1))
    return targets, left_out


def document(name, text, log=""):
    """Of what a part wrote; ValueError if it is not that."""
    raw = json.loads(text)
    if not isinstance(raw, dict):
        raise ValueError("not an object of JSON")
    if "benchmarks" in raw:
        doc = from_google(name, raw)
    elif "cases" in raw:
        doc = raw
    else:
        raise ValueError("a shape of JSON that is not known")
    targets, left_out = said(log) if "benchmarks" in raw else ([], [])
    doc.setdefault("setup", {})
    doc.setdefault("targets", targets)
    doc.setdefault("left_out", left_out)
    doc.setdefault("failures", [])
    for c in doc["cases"]:
        for i, s in enumerate(c["series"]):
            s.setdefault("role", "peer" if i else "ours")
            full = series(s["name"], s["role"], s.get("rounds", []))
            for key, value in full.items():
                if s.get(key) is None:
                    s[key] = value
        c["series"] = [s for s in c["series"] if s["median"] is not None]
    doc["cases"] = [c for c in doc["cases"] if c["series"]]
    return doc


def merged(documents):
    """One document of several passes: rounds of the later ones come after
    those of the earlier."""
    first, cases, targets = documents[0], {}, {}
    for doc in documents:
        for c in doc["cases"]:
            got = cases.setdefault((c["name"], c["unit"]),
                                   dict(c, series=[]))["series"]
            for s in c["series"]:
                old = next((o for o in got if o["name"] == s["name"]), None)
                if old:
                    got[got.index(old)] = series(s["name"], s["role"],
                                                 old["rounds"] + s["rounds"])
                else:
                    got.append(s)
        # Texts of the same target differ in what was measured.
        for t in doc["targets"]:
            targets.setdefault(re.sub(r"[-\d][\d.,]*", "", t["text"]),
                               []).append(t)
    made = dict(first, cases=list(cases.values()), targets=[
        {"text": "; ".join(dict.fromkeys(t["text"] for t in same)),
         "met": sum(t["met"] for t in same) * 2 > len(same)}
        for same in targets.values()])
    for key in "left_out", "failures":
        made[key] = list(dict.fromkeys(t for d in documents for t in d[key]))
    return made


def ours_of(c):
    return next((s for s in c["series"] if s["role"] == "ours"), None)


def best_peer(c):
    peers = [s for s in c["series"] if s["role"] == "peer"]
    if not peers or c["better"] not in ("more", "less"):
        return None
    pick = max if c["better"] == "more" else min
    return pick(peers, key=lambda s: s["median"])


def verdict(c):
    """Ours by the best of the peers: how many times better (less than 1: a peer
    wins), and whether the rounds of both overlap; None: no one to compare."""
    ours, peer = ours_of(c), best_peer(c)
    if not ours or not peer:
        return None
    a, b = ours["median"], peer["median"]
    if c["better"] == "less":
        a, b = b, a
    if a == b:
        times = 1.0
    elif b <= 0:
        times = None
    else:
        times = a / b
    better = (ours["median"] > peer["median"]) == (c["better"] == "more")
    apart = ours["min"] > peer["max"] or peer["min"] > ours["max"]
    winner = "even" if not apart or a == b else "ours" if better else "peer"
    return {"peer": peer["name"], "times": times, "winner": winner,
            "better": "even" if a == b else "ours" if better else "peer"}
