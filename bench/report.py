#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Oriel's benchmarks, run one after the other, and a report of all of them.

Commands:
  run       run the parts, then write the report
  write     write the report of what was run before
  pictures  put the report's main plots and figures into the source tree
  agree     hold it against another report: which figures lie apart

report_run.py has the parts and runs them, report_read.py reads what they found
and says who won, report_machine.py describes the machine, report_plot.py draws,
report_page.py makes the page, report_readme.py the pictures of README.md,
report_agree.py compares runs.
"""

import argparse
import json
import os
import shlex
import signal
import sys
import time

import report_agree
import report_machine
import report_page
import report_plot
import report_read
import report_readme
import report_run


def run_of(path):
    """How it went, of a pass; {} if it is not known."""
    try:
        found = json.loads(report_run.text_of(path + ".run") or "{}")
    except ValueError:
        found = {}
    return found if isinstance(found, dict) else {}


def document_of(name, path, run):
    """What a pass found, or None, and why it is not all."""
    text = report_run.text_of(path + ".json")
    if not text:
        return None, run.get("why") or "it wrote nothing"
    try:
        return report_read.document(
            name, text, report_run.text_of(path + ".log")), run.get("why")
    except (ValueError, KeyError, TypeError) as error:
        return None, f"what it wrote cannot be read: {error!r}"


def part_of(part, results):
    """What there is of a part: a document, or why there is none."""
    made = {"name": part.name, "title": part.title, "why": None, "setup": {},
            "cases": [], "targets": [], "left_out": [], "failures": [],
            "date": None, "seconds": 0, "full": None, "rounds": 0,
            "commands": [], "passes": []}
    documents, reasons = [], []
    for path in report_run.runs_of(results, part.name):
        run = run_of(path)
        document, why = document_of(part.name, path, run)
        if document:
            documents.append(document)
        if why:
            reasons.append((len(made["passes"]) + 1, why))
        made["passes"].append({k: run.get(k)
                               for k in ("date", "seconds", "load")})
        made["date"] = made["date"] or run.get("date")
        made["seconds"] += run.get("seconds") or 0
        made["full"] = run.get("full")
        made["rounds"] = run.get("rounds") or made["rounds"]
        command = shlex.join(run.get("command", [])) \
            or (document or {}).get("command", "")
        if command and command not in made["commands"]:
            made["commands"].append(command)
    if not documents:
        made["why"] = reasons[0][1] if reasons else "it was not run"
        return made
    doc = report_read.merged(documents)
    for key in "setup", "cases", "targets", "left_out", "failures":
        made[key] = doc[key]
    made["failures"] = [f"pass {n}: {why}" for n, why in reasons] \
        + made["failures"]
    if part.name == "eviction" \
       and report_run.text_of(os.path.join(results, "traces.log")):
        made["left_out"].append("traces of SQLite: recording them failed, as "
                                "traces.log says")
    for c in made["cases"]:
        c["verdict"] = report_read.verdict(c)
    return made


def write(args):
    parts = [part_of(p, args.results) for p in report_run.PARTS]
    drawn, missing = report_plot.draw_all(
        {p["name"]: p for p in parts if p["cases"]}, args.gnuplot)
    winners = [c["verdict"]["winner"] for p in parts for c in p["cases"]
               if c["verdict"]]
    report = {
        "made": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()),
        "note": args.note,
        # With rounds that somebody chose: it shows that all works, no more.
        "trial": [p["name"] for p in parts if p["rounds"]],
        "machine": report_machine.describe(args.build, args.source,
                                           args.compiler),
        "summary": {who: winners.count(who)
                    for who in ("ours", "even", "peer")},
        "parts": parts, "missing": missing,
        "plots": [{"name": n, "part": p, "claim": c}
                  for n, (p, c, _) in drawn.items()],
    }
    # Files of their own: somebody may have the old report open.
    for path, text in (
            (args.output + ".json", json.dumps(report, indent=1) + "\n"),
            (args.output + ".html", report_page.page(report, drawn))):
        with open(path + ".new", "w", encoding="utf-8") as f:
            f.write(text)
        os.rename(path + ".new", path)
    plots = os.path.join(args.results, "plots")
    os.makedirs(plots, exist_ok=True)
    for name, (_, _, svg) in drawn.items():
        with open(os.path.join(plots, name + ".svg"), "w",
                  encoding="utf-8") as f:
            f.write(svg + "\n")
    print(os.path.abspath(args.output + ".html"))


def run(args):
    known = {p.name for p in report_run.PARTS}
    for name in args.parts:
        if name not in known:
            sys.exit(f"report.py: there is no part {name}; there are "
                     + ", ".join(sorted(known)))
    failed = report_run.run(args.build, args.source, args.results, args.full,
                            args.rounds, args.parts)
    for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
        signal.signal(number, signal.SIG_DFL)
    write(args)
    if report_run.stopped:
        return 128 + report_run.stopped
    if failed:
        print(f"report.py: {failed} of the parts failed: see the report",
              file=sys.stderr)
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["run", "write", "pictures", "agree"])
    parser.add_argument("parts", nargs="*", metavar="PART",
                        help="run: only these; agree: the other report's "
                             "JSON")
    parser.add_argument("--build", default=".", help="build directory")
    parser.add_argument("--source", default=".", help="source directory")
    parser.add_argument("--results", default="bench/out/report",
                        help="where parts leave what they found")
    parser.add_argument("--output", default="bench/report",
                        help="the report, without .html and .json")
    parser.add_argument("--gnuplot", default="gnuplot")
    parser.add_argument("--compiler", default="", help="to be shown")
    parser.add_argument("--note", default="", help="to be shown at the top")
    parser.add_argument("--full", action="store_true",
                        help="all of each part, in an hour or more")
    parser.add_argument("--rounds", type=int, default=0, metavar="N",
                        help="N of each part: to see that it works")
    args = parser.parse_intermixed_args()
    if args.command == "run":
        return run(args)
    if args.command == "pictures":
        return report_readme.pictures(args)
    if args.command == "agree":
        return report_agree.agree(args)
    write(args)
    return 0


if __name__ == "__main__":
    sys.exit(main())
