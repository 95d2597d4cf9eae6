# SPDX-License-Identifier: BSD-2-Clause
"""The plots: gnuplot scripts of figures, and the SVG that it makes of them.

Colours are those of M. Okabe and K. Ito, which the colour-blind can tell apart;
what is ours is blue and what nobody can beat is grey.  Whiskers reach from the
least to the largest of the rounds.
"""

import re
import subprocess

import report_read

OURS = ["#0072b2", "#56b4e9", "#004d7a", "#8fd0f5"]
PEERS = ["#e69f00", "#009e73", "#cc79a7", "#d55e00", "#b8a800", "#7a4a00",
         "#66c2a5"]
FLOORS = ["#999999", "#c4c4c4", "#6b6b6b", "#dddddd"]
WIN, LOSS, EVEN = "#0072b2", "#d55e00", "#777777"

HEAD = """set terminal svg size {w},{h} noenhanced font 'sans-serif,13' \
background '#ffffff' linewidth 1.2
set encoding utf8
set border 3 lc '#444444'
set tics nomirror out tc '#222222'
set grid lc '#dddddd' lt 1 lw 0.7
set title '{title}' font ',14'
"""


def quoted(text):
    return text.replace("'", "''")


def short(value):
    """1234567 -> 1.23M"""
    for limit, scale, unit in (1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k"):
        if abs(value) >= limit:
            return f"{value / scale:.3g}{unit}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def steps(least, most):
    """Tics of a logarithmic axis, with words: 1, 2, 5, 10 or decades alone."""
    found = [m * 10.0 ** e for e in range(-9, 13) for m in (1, 2, 5)
             if least <= m * 10.0 ** e <= most]
    if len(found) > 9:
        found = [v for v in found if f"{v:e}".startswith("1")]
    return ", ".join(f"'{short(v)}' {v:g}" for v in found)


def head(title, w, h):
    return HEAD.format(w=w, h=h, title=quoted(title))


def colours(all_series):
    left = {"ours": list(OURS), "peer": list(PEERS), "floor": list(FLOORS)}
    used = []
    for s in all_series:
        of = left.get(s["role"], PEERS)
        used.append(of.pop(0) if of else "#000000")
    return used


def pick(doc, pattern):
    return [c for c in doc["cases"] if re.search(pattern, c["name"])]


def label_of(c, cut):
    return re.sub(cut, "", c["name"]) if cut else c["name"]


# ----------------------------------------------------------------------

def bars(doc, title, cases, unit, cut="", only=None, log=False, scale=1.0,
         order=()):
    """Groups of bars, a group for each case."""
    chosen = pick(doc, cases)
    chosen.sort(key=lambda c: next((i for i, o in enumerate(order)
                                    if o in c["name"]), len(order)))
    names = []
    for c in chosen:
        for s in c["series"]:
            if s["name"] not in [n["name"] for n in names] \
               and (not only or any(re.search(o, s["name"]) for o in only)):
                names.append(s)
    if only:
        names.sort(key=lambda s: next(i for i, o in enumerate(only)
                                      if re.search(o, s["name"])))
    if not chosen or not names:
        return None
    group = len(names) + 1
    n = len(chosen) * group
    text = head(title, max(640, min(960, 150 + 42 * n)), 430)
    rows, labels = [[] for _ in names], []
    for g, c in enumerate(chosen):
        for i, s in enumerate(names):
            found = next((x for x in c["series"] if x["name"] == s["name"]),
                         None)
            if found:
                at = g * group + i
                low, mid, high = (found[k] * scale
                                  for k in ("min", "median", "max"))
                rows[i].append(f"{at} {mid:.6g} {low:.6g} {high:.6g}")
                labels.append(f"{at} {high:.6g} \"{short(mid)}\"")
    for i, row in enumerate(rows):
        text += f"$d{i} << END\n" + "\n".join(row) + "\nEND\n"
    text += "$l << END\n" + "\n".join(labels) + "\nEND\n"
    tics = ", ".join(
        f"'{quoted(label_of(c, cut))}' {g * group + (group - 2) / 2}"
        for g, c in enumerate(chosen))
    text += f"""set style fill solid 1.0 border lc '#ffffff'
set boxwidth 0.92
set xrange [-1:{n - 0.5}]
set xtics ({tics}) scale 0
set grid noxtics ytics
set ylabel '{quoted(unit)}'
set key tmargin center horizontal width 1 samplen 1.5
"""
    values = [float(v) for row in rows for r in row for v in r.split()[1:]]
    least = min((v for v in values if v > 0), default=1)
    # Boxes start at the axis: at a logarithmic one's lower end.
    if log:
        least, most = least / 2, max(values) * 2
        text += f"""set logscale y
set yrange [{least:.6g}:{most:.6g}]
set ytics ({steps(least, most)})
"""
    else:
        text += f"set yrange [0:{max(values) * 1.12:.6g}]\n"
    plots = []
    for i, (s, colour) in enumerate(zip(names, colours(names))):
        if rows[i]:
            plots.append(f"$d{i} using 1:2 with boxes lc rgb '{colour}' "
                         f"title '{quoted(s['name'])}'")
    for i, row in enumerate(rows):
        if row:
            plots.append(f"$d{i} using 1:3:(0):($4-$3) with vectors heads size "
                         "screen 0.004,90 lc rgb '#222222' notitle")
    plots.append("$l using 1:2:3 with labels offset 0,0.7 font ',10' "
                 "tc rgb '#222222' notitle")
    return text + "plot " + ", \\\n  ".join(plots) + "\n"


def lines(doc, title, series, xlabel, ylabel, log="xy", xrange="", yrange="",
          xtics=""):
    """series: (name, role, [(x, median, least, largest)])."""
    series = [s for s in series if s[2]]
    if not series:
        return None
    text = head(title, 760, 450)
    for i, (_, _, points) in enumerate(series):
        text += f"$d{i} << END\n" + "\n".join(
            " ".join(f"{v:.6g}" for v in p) for p in points) + "\nEND\n"
    text += f"set xlabel '{quoted(xlabel)}'\nset ylabel '{quoted(ylabel)}'\n"
    text += "set key tmargin center horizontal width 1 samplen 2\n"
    if "y" in log:
        values = [v for s in series for p in s[2] for v in p[1:]]
        text += f"set ytics ({steps(min(values) / 2, max(values) * 2)})\n"
    for axis in log:
        text += f"set logscale {axis}{' 2' if axis == 'x' else ''}\n"
    text += f"{xrange}\n{yrange}\n{xtics}\n"
    kinds = [5, 7, 9, 11, 13, 4, 6, 8]
    shades = colours([{"role": role} for _, role, _ in series])
    return text + "plot " + ", \\\n  ".join(
        f"$d{i} using 1:2:3:4 with yerrorlines lc rgb '{shades[i]}' lw 1.6 "
        f"pt {kinds[i % 8]} ps 0.6 title '{quoted(name)}'"
        for i, (name, _, _) in enumerate(series)) + "\n"


def dots(title, rows, xlabel, log, middle, left, right):
    """rows: (label, value, least, largest, winner), from above."""
    rows = [r for r in rows if r[1] is not None]
    if not rows:
        return None
    n = len(rows)
    text = head(title, 860, 120 + 25 * n)
    colour = {"ours": WIN, "peer": LOSS, "even": EVEN}
    for who in colour:
        text += f"${who} << END\n" + "\n".join(
            f"{v:.6g} {n - 1 - i} {lo:.6g} {hi:.6g}"
            for i, (_, v, lo, hi, w) in enumerate(rows) if w == who) + "\nEND\n"
    for i, (_, v, _, _, _) in enumerate(rows):
        text += f"set label '{v:.2f}' at graph 1.01, first {n - 1 - i} left " \
                "font ',11' tc rgb '#222222'\n"
    tics = ", ".join(f"'{quoted(r[0])}' {n - 1 - i}"
                     for i, r in enumerate(rows))
    least = min(r[2] for r in rows)
    most = max(r[3] for r in rows)
    if log:
        least, most = min(least, 0.5) / 1.2, max(most, 2) * 1.7
        text += "set logscale x\n"
        text += f"set xtics ({steps(least, most)})\n"
    else:
        width = max(most - middle, middle - least, 0.5)
        least, most = middle - width * 1.1, middle + width * 1.1
    text += f"""set xrange [{least:.6g}:{most:.6g}]
set yrange [-0.7:{n - 0.3}]
set ytics ({tics}) scale 0
set grid xtics noytics
set xlabel '{quoted(xlabel)}'
set arrow 1 from {middle},-0.7 to {middle},{n - 0.3} nohead \\
  lc rgb '#222222' lw 1.4
set key tmargin center horizontal width 1 samplen 1
set rmargin 8
"""
    plots = [f"${who} using 1:2:3:4 with xerrorbars lc rgb '{colour[who]}' "
             f"pt {mark} ps 0.9 lw 1.6 title '{quoted(words)}'"
             for who, mark, words in (("ours", 7, right),
                                      ("even", 4, "rounds overlap"),
                                      ("peer", 9, left))
             if any(r[4] == who for r in rows)]
    return text + "plot " + ", \\\n  ".join(plots) + "\n"


def ratio_range(c, v):
    """Of the worst rounds of one side to the best of the other."""
    ours = report_read.ours_of(c)
    peer = next(s for s in c["series"] if s["name"] == v["peer"])
    a, b = ours, peer
    if c["better"] == "less":
        a, b = peer, ours
    if b["min"] <= 0 or a["min"] <= 0:
        return v["times"], v["times"]
    return a["min"] / b["max"], a["max"] / b["min"]


def ratios(doc, title, cases="", cut="", most=26):
    rows = []
    for c in pick(doc, cases):
        v = report_read.verdict(c)
        if v and v["times"] and v["times"] > 0:
            low, high = ratio_range(c, v)
            rows.append((f"{label_of(c, cut)} (by {v['peer']})", v["times"],
                         max(low, v["times"] / 100),
                         min(high, v["times"] * 100), v["winner"]))
    return dots(title, rows[:most],
                "times better than the best peer, which is named", True, 1,
                "a peer is better", "Oriel is better")


def differences(doc, title):
    rows = []
    for c in doc["cases"]:
        ours, peer = report_read.ours_of(c), report_read.best_peer(c)
        if ours and peer:
            d = ours["median"] - peer["median"]
            rows.append((f"{c['name']} (by {peer['name']})", d, d, d,
                         "ours" if d > 0 else "peer" if d < 0 else "even"))
    return dots(title, rows, "points of hit ratio above the best of the others",
                False, 0, "another is better", "Oriel is better")


# ----------------------------------------------------------------------
# What is drawn of whom

def points(doc, pattern, name, number, scale=1.0):
    found = []
    for c in pick(doc, pattern):
        at = re.search(number, c["name"])
        for s in c["series"]:
            if s["name"] == name and at:
                x = float(at.group(1))
                if at.lastindex > 1:
                    x *= {"K": 1, "M": 1024}[at.group(2)]
                found.append((x, *(s[k] * scale
                                   for k in ("median", "min", "max"))))
    return sorted(found)


def zipf(doc, title):
    series = []
    for words, role in ("whole pages", "ours"), ("one word", "floor"):
        for place in "scattered", "clustered":
            got = points(doc, f"^zipf pins, {words}/", f"{words}, {place}",
                         r"1:(\d+)$")
            if got and got[0][0] == 1:
                base = got[0][1]
                series.append((f"{words}, {place}", role,
                               [(x, 100 * base / m, 100 * base / hi,
                                 100 * base / lo) for x, m, lo, hi in got]))
    return lines(doc, title, series, "pool / window",
                 "throughput, % of a window that shows all", "x",
                 "set xrange [0.9:72]", "set yrange [0:*]",
                 "set xtics (1,2,4,8,16,32,64)")


def swaps(doc, title):
    series = [(words, role, points(
        doc, "^swap, small pages, all touched/", name, r"/(\d+)([KM])iB$",
        1e-3)) for name, words, role in (
            ("swap", "swap, all touched", "ours"),
            ("the bare calls", "the bare calls, all touched", "floor"),
            ("memcpy", "memcpy", "peer"), ("pread", "pread", "peer"))]
    return lines(doc, title, series, "slot, KiB", "µs", "xy",
                 "set xrange [3.5:2400]", "",
                 "set xtics (4,16,64,256,1024)")


def views(doc, title):
    names = [(s["name"], s["role"]) for s in doc["cases"][0]["series"]]
    series = [(name, role, points(doc, "", name, r"^(\d+) "))
              for name, role in names]
    return lines(doc, title, series, "pages", "ns a page", "xy",
                 "set xrange [0.9:300]", "",
                 "set xtics (1,2,4,8,16,32,64,128,256)")


HIT = [r"^lookup", r"^oriel_pin, optimistic", r"^oriel_pin, shared",
       "mpool, private", "mpool, shared", "^LMDB", "vmcache"]

TPC = r"^(throughput|p\d[\d.]*|CPU|with page cache and pool|page tables)$"

# name, part, claim, how.
PLOTS = [
    ("hit", "micro", "Pin and unpin of a hot page, ns for each of the workers",
     lambda d, t: bars(d, t, "/hot$", "ns", "/hot$", HIT, log=True,
                       order=["1 thread", "threads", "processes"])),
    ("zipf", "window", "Pins by zipf(0.99) through windows smaller than the "
     "pool", zipf),
    ("tables", "window", "Page tables of each of 64 processes on a pool of "
     "4 GiB", lambda d, t: bars(d, t, "^many processes, page tables", "KiB",
                                "^.*/", log=True, scale=1 / 1024)),
    ("swap", "window", "A swap of a slot, and copies of as many bytes", swaps),
    ("view", "view", "A run of pages as one range of memory", views),
    ("restart", "restart", "Hit ratio before and after kill -9 of all",
     lambda d, t: bars(d, t, "^hits/", "%", "^hits/")),
    ("checkpoint", "checkpoint", "A pin, while a checkpoint writes half the "
     "pool", lambda d, t: bars(d, t, r"^p\d", "ns",
                               only=["alone", "with"], log=True)),
    ("io", "io", "Pages from the disk, beside fio and cat", ratios),
    ("eviction", "eviction", "Hit ratio, beside FIFO, LRU, CLOCK, 2Q, ARC, "
     "LIRS and S3-FIFO", differences),
    ("sqlite", "sqlite", "SQLite on the VFS, beside the best setting of stock",
     ratios),
    ("memory", "sqlite", "Memory of 16 processes on one database of 32 MiB",
     lambda d, t: bars(d, t, "^memory/", "MiB", "/.*$")),
    ("tpcc", "tpcc", "TPC-C on SQLite, with a window of an eighth of the pool",
     lambda d, t: ratios(d, t, TPC)),
    ("tpcb", "tpcb", "TPC-B on SQLite", lambda d, t: ratios(d, t, TPC)),
    ("tpch", "tpch", "Analytical queries on SQLite, after TPC-H",
     lambda d, t: ratios(d, t, r"(throughput|/CPU|warm/q\d+)$", most=40)),
    ("kv", "kv", "A key-value store, operations a second",
     lambda d, t: bars(d, t, "/throughput$", "operations a second",
                       "/throughput$", log=True)),
    ("kv-ratio", "kv", "The key-value store beside the best of its peers",
     lambda d, t: ratios(d, t, "/(throughput|CPU|p99)$", most=40)),
]


def unique_ids(svg, prefix):
    """Several pictures stand in one page: each has ids of its own."""
    svg = re.sub(r"(\bid=['\"])", rf"\1{prefix}-", svg)
    svg = re.sub(r"(href=['\"]#)", rf"\1{prefix}-", svg)
    return re.sub(r"(url\(['\"]?#)", rf"\1{prefix}-", svg)


def draw(gnuplot, script, prefix):
    """The <svg> alone; ValueError if gnuplot fails."""
    try:
        done = subprocess.run([gnuplot], input=script, capture_output=True,
                              text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ValueError(str(error)) from error
    at = done.stdout.find("<svg")
    if done.returncode != 0 or at < 0 or "</svg>" not in done.stdout:
        raise ValueError((done.stderr or "no output").strip())
    return unique_ids(done.stdout[at:].strip(), prefix)


def draw_all(documents, gnuplot):
    """documents: part -> document.  name -> (part, claim, SVG), and what could
    not be drawn."""
    drawn, missing = {}, []
    for name, part, claim, how in PLOTS:
        if part not in documents:
            continue
        script = how(documents[part], claim)
        if script is None:
            missing.append(f"{claim}: nothing was measured for it")
            continue
        try:
            drawn[name] = (part, claim, draw(gnuplot, script, name))
        except ValueError as error:
            missing.append(f"{claim}: gnuplot: {error}")
    return drawn, missing
