# SPDX-License-Identifier: BSD-2-Clause
"""The parts of a report, and how they are run.

A part is one program, which interleaves its own rounds.  All parts run one after
the other, and that more than once: what differs from one process to the next, and
from one quarter of an hour to the next, would not show in the rounds of one process
that follow each other, and their spread would be told too small.

Pass N of a part leaves NAME.N.json, NAME.N.log and NAME.N.run (how it went) in the
directory of results, of which report.py makes the report: what was run before,
alone or interrupted, counts as well.
"""

import collections
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

# passes: options of the fair subset, for each pass; None: not in this one.  full:
# options of all of it, which is one pass.  limit: seconds after which a pass of the
# subset is ended; all of it may take TIMES_FULL times as long.
Part = collections.namedtuple("Part", "name program passes full limit title")

WINDOW = ["--rounds", "2", "--only", "^processes/|^zipf/|^vectored/|"
          "mmap/.*/small|(memcpy|pread)/.*/small", "many", "zipf", "swaps"]
WINDOW_MANY = ["--only", "^processes/", "many"]  # which has one round
# Without tpcc-full; and what takes little time, more often.
SQLITE_SHORT = ["--rounds", "1", "--seconds", "0.5", "--cases",
                "point,select1,select2,mixed"]
SQLITE = SQLITE_SHORT[:-1] + [SQLITE_SHORT[-1] + ",tpcc,writers,larger,memory,"
                              "killed,load"]
DEMO = ["--compare", "--warehouses", "2", "--terminals", "2", "--pool-size",
        "64M", "--window", "8M"]
KV = ["--rounds", "1", "--only", "^(memory-processes|durable|larger|ycsb-.)$",
      "short"]


def at(which, options):
    """The same options in these passes."""
    return [options if n in which else None for n in range(1, max(which) + 1)]


PARTS = [
    Part("micro", "bench-micro", at((1, 3, 5), ["--rounds", "2"]), [], 120,
         "A page that is in memory"),
    Part("window", "bench-window", [None, WINDOW, None, WINDOW, WINDOW_MANY],
         [], 150,
         "Windows smaller than the pool"),
    Part("view", "bench-view", at((1, 4), ["--rounds", "5"]), [], 60,
         "A run of pages as one range of memory"),
    Part("restart", "bench-restart", at((2, 4), ["--rounds", "2", "64"]),
         ["--rounds", "3"], 60, "A pool whose processes were all killed"),
    Part("checkpoint", "bench-checkpoint", at((1, 4), ["--rounds", "4"]), [],
         60, "Pins while a checkpoint writes"),
    Part("io", "bench-io", at((2, 4), ["--rounds", "2"]), [], 90,
         "Pages from the disk"),
    # Nothing is timed: each round would be as the first.
    Part("eviction", "bench-eviction", at((2,), []), [], 150,
         "Hit ratios of eviction"),
    Part("sqlite", "bench-sqlite", [SQLITE, SQLITE_SHORT, SQLITE, SQLITE_SHORT,
                                     SQLITE],
         ["--rounds", "5"], 200, "SQLite on the VFS, and on its own"),
    Part("tpcc", "oriel-tpcc",
         at((2, 4), DEMO + ["--rounds", "2", "--seconds", "4"]),
         DEMO + ["--rounds", "3", "--seconds", "30"], 120,
         "TPC-C on SQLite, with a window of an eighth of the pool"),
    Part("tpcb", "bench-tpcb",
         at((1, 4), ["--rounds", "2", "--seconds", "2"]),
         ["--rounds", "5", "--branches", "10", "--pool-size", "64M"], 90,
         "TPC-B on SQLite"),
    Part("tpch", "bench-tpch", at((1, 4), ["--rounds", "3"]),
         ["--rounds", "5", "--scale", "0.1", "--pool-size", "256M"], 90,
         "Analytical queries on SQLite, after TPC-H"),
    Part("kv", "bench-kv", at((1, 2, 3, 5), KV), [], 240,
         "A key-value store, beside LMDB and Berkeley DB"),
]

TIMES_FULL = 12
SECONDS = 1140                  # that the subset takes at most

stopped = 0                     # the signal that ended it, or 0


def stop(number, frame):
    global stopped
    stopped = number


def text_of(path):
    try:
        with open(path, errors="replace") as f:
            return f.read()
    except OSError:
        return ""


def clock(seconds):
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def end(child):
    """It may clean up; then it ends with all that it has started."""
    for number, seconds in (signal.SIGINT, 8), (signal.SIGKILL, 5):
        try:
            os.killpg(child.pid, number)
            child.wait(seconds)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            pass


def run_one(command, env, log, limit, show):
    """Its exit status; None: it was ended, by us."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                             stderr=log, env=env, start_new_session=True)
    begun = time.monotonic()
    while True:
        try:
            return child.wait(0.5)
        except subprocess.TimeoutExpired:
            show()
        if stopped or time.monotonic() - begun > limit:
            end(child)
            return None


class Run:
    """One pass over the parts.  rounds: so many of each part, not its own; 0: as
    the part has it."""

    def __init__(self, build, results, full, rounds):
        self.build, self.results, self.full = build, results, full
        self.rounds = rounds
        self.begun = time.monotonic()
        self.took = {}          # (part, its options): seconds
        self.tty = sys.stderr.isatty()

    def say(self, text, last=True):
        if self.tty:
            sys.stderr.write("\r" + text + "\033[K" + ("\n" if last else ""))
        elif last:
            sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def spent(self):
        return time.monotonic() - self.begun

    def path(self, part, number, suffix):
        return os.path.join(self.results, f"{part.name}.{number}{suffix}")

    def program(self, part):
        return os.path.join(self.build, "bench", part.program)

    def passes(self, part):
        """(number, options) of each."""
        # The last one counts; what is counted and not timed has no rounds.
        last = ["--rounds", str(self.rounds)] \
            if self.rounds and part.name != "eviction" else []
        if self.full:
            return [(1, part.full + last)]
        return [(n + 1, options + last)
                for n, options in enumerate(part.passes) if options is not None]

    def forget(self, part):
        """What was run before."""
        for path in runs_of(self.results, part.name):
            for suffix in ".run", ".json", ".new", ".log":
                if os.path.exists(path + suffix):
                    os.unlink(path + suffix)

    def arguments(self, part, options):
        """For the user to repeat it; and what is run, without --json."""
        shown = ["bench/" + part.program] + options
        run = [self.program(part)] + options
        if part.program == "bench-eviction":
            traces = sorted(glob.glob(os.path.join(
                self.build, "bench", "out", "*.trace")))
            run += traces
            shown += [os.path.relpath(t, self.build) for t in traces]
        return shown, run

    def record(self, part, number, shown, status, why, begun):
        with open(self.path(part, number, ".run"), "w") as f:
            json.dump({"command": shown, "status": status, "why": why,
                       "full": self.full, "rounds": self.rounds,
                       "seconds": round(time.monotonic() - begun, 1),
                       "date": time.strftime("%Y-%m-%d %H:%M:%S UTC",
                                             time.gmtime()),
                       "load": os.getloadavg()[0]}, f)

    def traces(self, source, env):
        """Of SQLite, for eviction, unless they are there."""
        self.say("recording traces for eviction, if there are none")
        out = os.path.join(self.build, "bench", "out")
        os.makedirs(out, exist_ok=True)
        script = os.path.join(source, "bench", "bench-eviction.sh")
        path = os.path.join(self.results, "traces.log")
        with open(path, "w") as log:
            status = run_one(["sh", script, os.path.join(self.build, "bench"),
                              out], env, log, 120, lambda: None)
        lines = text_of(path).strip().splitlines()
        if status == 0:
            os.unlink(path)     # it is there where something is left out
        else:
            self.say("they were not recorded: "
                     + (lines[-1] if lines else "no reason"))

    def one(self, part, number, options, head, env):
        """A pass of a part: whether it went well."""
        limit = part.limit * TIMES_FULL if self.full else \
            min(part.limit, int(SECONDS - self.spent()))
        shown, command = self.arguments(part, options)
        begun = time.monotonic()
        new, log_path = (self.path(part, number, s) for s in (".new", ".log"))

        def show():
            self.say(f"{head}, {clock(time.monotonic() - begun)} of at most "
                     f"{clock(limit)}, {clock(self.spent())} in all", False)

        def done(status, why, text):
            self.record(part, number, shown, status, why, begun)
            self.say(f"{head}: {text}")

        if not os.access(self.program(part), os.X_OK):
            done(None, f"bench/{part.program} was not built: configure says "
                 "what it needs", "left out, not built")
            return True
        # One that was as long before would not end, and its figures be lost.
        if limit < 1 + self.took.get((part.name, *options), 0):
            done(None, f"of {SECONDS} s for all parts too few were left",
                 "no time left")
            # What there is has fewer rounds.
            return bool(glob.glob(self.path(part, "*", ".json")))
        self.say(head, not self.tty)
        os.sync()               # it pays for no part that was before it
        with open(log_path, "w") as log:
            status = run_one(command + ["--json=" + new], env, log, limit,
                             show)
        good = status in (0, 3) and os.path.exists(new)
        why = None
        # A program that failed in one case may have figures of the others.
        if status is not None and os.path.exists(new):
            os.rename(new, self.path(part, number, ".json"))
        if not good:
            lines = text_of(log_path).strip().splitlines()
            why = "interrupted" if stopped else \
                f"took more than {limit} s" if status is None else \
                f"exit status {status}: {lines[-1] if lines else 'no reason'}"
        self.took[(part.name, *options)] = time.monotonic() - begun
        done(status, why, f"{'done' if good else why}, "
             f"{clock(time.monotonic() - begun)}")
        return good


def runs_of(results, name):
    """The passes of a part, in their order: paths without a suffix."""
    there = os.listdir(results) if os.path.isdir(results) else []
    found = [re.fullmatch(rf"({re.escape(name)}\.(\d+))\.(?:run|json|new)", f)
             for f in there]
    numbered = sorted({(int(m[2]), m[1]) for m in found if m})
    return [os.path.join(results, stem) for _, stem in numbered]


def run(build, source, results, full, rounds, names):
    """All parts, or those named.  How many passes failed."""
    parts = [p for p in PARTS if not names or p.name in names]
    failed = 0
    run_ = Run(build, results, full, rounds)
    os.makedirs(results, exist_ok=True)
    for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
        signal.signal(number, stop)
    # Files, databases and pools of our own, gone with us however a part ends.
    disk = tempfile.mkdtemp(prefix="oriel-bench-",
                            dir=os.environ.get("TMPDIR") or "/var/tmp")
    pools = tempfile.mkdtemp(prefix="oriel-bench-",
                             dir=os.environ.get("ORIEL_DIR") or "/dev/shm")
    env = dict(os.environ, TMPDIR=disk, ORIEL_DIR=pools)
    todo = sorted(((number, which, options) for which, part in enumerate(parts)
                   for number, options in run_.passes(part)),
                  key=lambda t: t[:2])
    try:
        if any(p.name == "eviction" for p in parts):
            run_.traces(source, env)
        for i, (number, which, options) in enumerate(todo):
            if stopped:
                break
            part = parts[which]
            if number == run_.passes(part)[0][0]:
                run_.forget(part)
            failed += not run_.one(
                part, number, options,
                f"[{i + 1}/{len(todo)}] {part.name}: {part.title}", env)
    finally:
        shutil.rmtree(disk, ignore_errors=True)
        shutil.rmtree(pools, ignore_errors=True)
    return failed
