# SPDX-License-Identifier: BSD-2-Clause
"""The report as one page of HTML, with nothing outside of it.

The page is XML as well, so that a test can read it.
"""

from html import escape

import report_read

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1c1c1c; margin: 2em auto;
  max-width: 1060px; padding: 0 1em; background: #fff; }
h1 { margin-bottom: 0; }
h2 { border-bottom: 1px solid #ccc; margin-top: 2.2em; }
table { border-collapse: collapse; margin: .8em 0; font-size: 13px; }
th, td { padding: .25em .7em; border-bottom: 1px solid #e4e4e4;
  text-align: right; vertical-align: top; }
th { background: #f4f4f4; } td.t, th.t { text-align: left; }
td small { color: #666; white-space: nowrap; display: block; }
td.peer { background: #fbe3d4; } td.ours { background: #dcebf6; }
td.even { background: #f0f0f0; }
code { background: #f4f4f4; padding: .1em .3em; font-size: 13px; }
figure { margin: 1.2em 0; overflow-x: auto; } svg { max-width: 100%;
  height: auto; }
.bad { color: #a33c00; font-weight: 600; } .note { color: #555; }
.wide { overflow-x: auto; } nav a { margin-right: 1em; }
"""

WINNER = {"ours": "Oriel", "peer": "a peer", "even": "rounds overlap"}


def number(value):
    if value is None:
        return "–"
    if value != 0 and abs(value) < 0.01:
        return f"{value:.2g}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def with_unit(value, unit):
    if unit == "bytes" and value is not None:
        for name in "bytes", "KiB", "MiB", "GiB":
            if abs(value) < 1024 or name == "GiB":
                return f"{number(value)} {name}"
            value /= 1024
    words = {"1/s": "/s", "%": " %", "ratio": ""}
    return number(value) + words.get(unit, " " + unit)


def spread_of(s, unit):
    """Least to most of its rounds, or how many there are, if one."""
    if len(report_read.known(s["rounds"])) == 1:
        return "one round"
    if unit == "bytes":
        return f"{with_unit(s['min'], unit)} to {with_unit(s['max'], unit)}"
    return f"{number(s['min'])} to {number(s['max'])}"


def times_of(v):
    return "–" if v["times"] is None else f"{v['times']:.2f}"


def row(cells, tag="td", text=1, classes=()):
    """The first cells, as many as text says, are words."""
    out = []
    for i, cell in enumerate(cells):
        names = (["t"] if i < text else []) + \
            ([classes[i]] if i < len(classes) and classes[i] else [])
        of = f' class="{" ".join(names)}"' if names else ""
        out.append(f"<{tag}{of}>{cell}</{tag}>")
    return "<tr>" + "".join(out) + "</tr>"


def table(head, rows, text=1):
    return '<div class="wide"><table>' + row(map(escape, head), "th", text) \
        + "".join(rows) + "</table></div>"


def anchor(part, case):
    return escape("-".join((part + "/" + case).split()), quote=True)


def listed(texts):
    return "<ul>" + "".join(f"<li>{escape(t)}</li>" for t in texts) + "</ul>"


# ----------------------------------------------------------------------

def compared(parts):
    """(part, case, verdict) of all that can be won or lost."""
    for part in parts:
        for c in part.get("cases", []):
            if c.get("verdict"):
                yield part, c, c["verdict"]


def cell(s, unit):
    """The median, and the spread below it."""
    if s is None:
        return "–"
    return with_unit(s["median"], unit) + f"<small>{spread_of(s, unit)}</small>"


def verdict_rows(found):
    rows = []
    for part, c, v in found:
        ours = report_read.ours_of(c)
        peer = next(s for s in c["series"] if s["name"] == v["peer"])
        rows.append(row([
            f'<a href="#{anchor(part["name"], c["name"])}">'
            f'{escape(part["name"])}: {escape(c.get("title", c["name"]))}</a>',
            escape(v["peer"]),
            cell(ours, c["unit"]), cell(peer, c["unit"]), times_of(v)],
            text=2))
    return rows


VERDICT_HEAD = ["figure", "best peer", "Oriel", "peer", "times better"]


def in_short(part, lost):
    named = ", ".join(
        f"{escape(c.get('title', c['name']))} by {escape(v['peer'])} "
        f"({times_of(v)})" for _, c, v in lost[:6])
    more = f" and {len(lost) - 6} more" if len(lost) > 6 else ""
    return f"<li><b>{escape(part['name'])}</b>, {len(lost)}: {named}{more}</li>"


def summary(report):
    parts = report["parts"]
    found = list(compared(parts))
    by = {who: [f for f in found if f[2]["winner"] == who]
          for who in ("ours", "even", "peer")}
    by["peer"].sort(key=lambda f: f[2]["times"] or 0)
    out = ['<h2 id="summary">Summary</h2>']
    out.append(
        f"<p>Of {len(found)} figures that a peer has too, <b>Oriel is better "
        f"in {len(by['ours'])}</b>, <b>a peer is better in {len(by['peer'])}"
        f"</b>, and in {len(by['even'])} the rounds of both overlap, so that "
        "neither can be said to win. Each is held against the best of its "
        "peers in that figure.</p>")
    rows = []
    for part in parts:
        counts = [sum(f[0] is part for f in by[w])
                  for w in ("ours", "even", "peer")]
        state = part["why"] if part["why"] else ""
        missed = sum(not t["met"] for t in part.get("targets", []))
        rows.append(row([
            f'<a href="#{escape(part["name"])}">{escape(part["name"])}</a>',
            escape(part["title"]), *map(str, counts),
            f"{missed} of {len(part.get('targets', []))}",
            f'<span class="bad">{escape(state)}</span>' if state else "run"],
            text=2))
    out.append(table(["part", "", "Oriel better", "overlap", "peer better",
                      "targets missed", "state"], rows, 2))
    out.append('<h3 id="losses">Where a peer wins</h3>')
    if by["peer"]:
        out.append("<p>That is: also its worst round is better than our best "
                   "one. Times better are in brackets, at most six figures of "
                   "a part.</p><ul>")
        for part in parts:
            lost = [f for f in by["peer"] if f[0] is part]
            if lost:
                out.append(in_short(part, lost))
        out.append("</ul><details><summary>All of them</summary>")
        out.append(table(VERDICT_HEAD, verdict_rows(by["peer"]), 2)
                   + "</details>")
    else:
        out.append("<p>Nowhere in what was measured.</p>")
    worse = [f for f in by["even"] if f[2]["better"] == "peer"]
    if worse:
        out.append("<h3>Where a peer's median is better, but rounds "
                   f"overlap</h3><details><summary>{len(worse)} figures"
                   "</summary>")
        out.append(table(VERDICT_HEAD, verdict_rows(worse), 2) + "</details>")
    missed = [f"{p['name']}: {t['text']}" for p in parts
              for t in p.get("targets", []) if not t["met"]]
    out.append("<h3>Targets of the project that were missed</h3>")
    out.append(listed(missed) if missed else "<p>None.</p>")
    out.append('<h3 id="left-out">What was left out, or failed</h3>')
    gone = [f"{p['name']}: {p['why']}" for p in parts if p["why"]]
    gone += [f"{p['name']}: {t}" for p in parts
             for t in p.get("left_out", []) + p.get("failures", [])]
    gone += report["missing"]
    out.append(listed(gone) if gone else "<p>Nothing.</p>")
    return "".join(out)


def case_tables(part):
    """Cases whose series have the same names stand in one table."""
    groups = []
    for c in part["cases"]:
        names = [s["name"] for s in c["series"]]
        if not groups or groups[-1][0] != names:
            if groups and set(names) <= set(groups[-1][0]):
                groups[-1][1].append(c)
                continue
            groups.append((names, []))
        groups[-1][1].append(c)
    out = []
    for names, cases in groups:
        rows = []
        for c in cases:
            v = c.get("verdict")
            of = {s["name"]: s for s in c["series"]}
            label = f'<span id="{anchor(part["name"], c["name"])}">' \
                    f'{escape(c.get("title", c["name"]))}</span>'
            words = "" if not v else \
                f"{times_of(v)}<small>{WINNER[v['winner']]}</small>"
            rows.append(row([label] + [cell(of.get(n), c["unit"])
                                       for n in names] + [words],
                            classes=[""] * (1 + len(names))
                            + [v["winner"] if v else ""]))
        out.append(table(["figure"] + names + ["times better than the best "
                                               "peer"], rows))
    return "".join(out)


def part_html(part, plots):
    out = [f'<h2 id="{escape(part["name"])}">{escape(part["title"])}</h2>']
    if part["commands"]:
        out.append("<p>Repeat it in the build directory: " + " and ".join(
            f"<code>{escape(c)}</code>" for c in part["commands"]) + "</p>")
    passes = part["passes"]
    words = [{True: "all of it", False: "the fair subset"}.get(
        part.get("full"), ""), f"{part['seconds']:.0f} s"]
    if part.get("date"):
        words.append(f"{len(passes)} passes, ended "
                     + "; ".join(str(p["date"]) for p in passes)
                     if len(passes) > 1 else "ended " + part["date"])
    out.append(f'<p class="note">{escape(", ".join(w for w in words if w))}'
               "</p>")
    if part["why"]:
        out.append(f'<p class="bad">Not measured: {escape(part["why"])}</p>')
        return "".join(out)
    out += [f'<figure id="plot-{name}">{svg}</figure>' for name, svg in plots]
    if part["setup"]:
        out.append(table(["how", ""], [row([escape(k), escape(str(v))], text=2)
                                       for k, v in part["setup"].items()], 2))
    out.append(case_tables(part))
    for key, words in (("targets", "Targets"), ("left_out", "Left out"),
                       ("failures", "Failures")):
        if part[key]:
            texts = [("met: " if t["met"] else "MISSED: ") + t["text"]
                     if key == "targets" else t for t in part[key]]
            out.append(f"<h3>{words}</h3>" + listed(texts))
    return "".join(out)


def trial_of(report):
    return "ROUNDS was chosen for " + ", ".join(report["trial"])


def page(report, drawn):
    """drawn: name -> (part, claim, SVG)."""
    parts = report["parts"]
    nav = "".join(f'<a href="#{escape(n)}">{escape(n)}</a>' for n in
                  ["summary", "machine"] + [p["name"] for p in parts])
    body = [f"<h1>Oriel, measured</h1><p class=\"note\">"
            f"{escape(report['made'])}</p><nav>{nav}</nav>"]
    if report["trial"]:
        body.append(f'<p class="bad">A trial: {escape(trial_of(report))}. Its '
                    "figures are not to be quoted.</p>")
    if report["note"]:
        body.append(f'<p class="bad">{escape(report["note"])}</p>')
    body.append(
        "<p>Each figure is the median of its rounds, with the least and the "
        "largest below it. The rounds of what is compared are interleaved, so "
        "that what else the machine did met all of them; a part runs in "
        "several passes, with all others between, so that what a process was "
        "dealt, and how the machine drifts, is in the spread. What has one "
        "round says so: it is counted, not timed. Memory, durability, "
        "data and warm-up of each part stand above its table; they are the "
        "same for all in it, where nothing else is said.</p>")
    body.append(summary(report))
    body.append('<h2 id="machine">The machine</h2>')
    body.append(table(["", ""], [row([escape(k), escape(v)], text=2)
                                 for k, v in report["machine"]], 2))
    for part in parts:
        body.append(part_html(part, [
            (name, svg) for name, (of, _, svg) in drawn.items()
            if of == part["name"]]))
    return ('<!DOCTYPE html>\n<html lang="en" xmlns="http://www.w3.org/1999/'
            'xhtml"><head><meta charset="utf-8" /><title>Oriel, measured'
            '</title><meta name="viewport" content="width=device-width" />'
            f"<style>{STYLE}</style></head><body>" + "\n".join(body)
            + "</body></html>\n")
