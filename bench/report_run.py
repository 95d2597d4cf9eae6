# SPDX-License-Identifier: BSD-2-Clause
"""The parts of a report, and how they are run.

A part is one program, which interleaves its own rounds; parts run one after the
other.  Each leaves NAME.json, NAME.log and NAME.run (how it went) in the
directory of results, of which report.py makes the report: what was run before,
alone or interrupted, counts as well.
"""

import collections
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

# options: of the fair subset; full: of all of it.  limit: seconds after which
# the subset is ended; all of it may take TIMES_FULL times as long.
Part = collections.namedtuple("Part", "name program options full limit title")

DEMO = ["--compare", "--warehouses", "2", "--terminals", "2", "--pool-size",
        "64M", "--window", "8M", "--rounds", "3"]

PARTS = [
    Part("micro", "bench-micro", ["--rounds", "5"], [], 150,
         "A page that is in memory"),
    Part("window", "bench-window",
         ["--rounds", "5", "--only", "^processes/|^zipf/|^vectored/|"
          "mmap/.*/small|(memcpy|pread)/.*/small", "many", "zipf", "swaps"],
         [], 180, "Windows smaller than the pool"),
    Part("view", "bench-view", ["--rounds", "11"], [], 60,
         "A run of pages as one range of memory"),
    Part("restart", "bench-restart", ["--rounds", "3", "64"],
         ["--rounds", "3"], 60, "A pool whose processes were all killed"),
    Part("checkpoint", "bench-checkpoint", ["--rounds", "7"], [], 60,
         "Pins while a checkpoint writes"),
    Part("io", "bench-io", ["--rounds", "3"], [], 120, "Pages from the disk"),
    Part("eviction", "bench-eviction", [], [], 150, "Hit ratios of eviction"),
    Part("sqlite", "bench-sqlite", ["--rounds", "3", "--seconds", "0.5"],
         ["--rounds", "5"], 360, "SQLite on the VFS, and on its own"),
    Part("tpcc", "oriel-tpcc", DEMO + ["--seconds", "6"],
         DEMO + ["--seconds", "30"], 150,
         "TPC-C on SQLite, with a window of an eighth of the pool"),
    Part("tpcb", "bench-tpcb", ["--rounds", "3"],
         ["--rounds", "5", "--branches", "10", "--pool-size", "64M"], 120,
         "TPC-B on SQLite"),
    Part("tpch", "bench-tpch", ["--rounds", "3"],
         ["--rounds", "5", "--scale", "0.1", "--pool-size", "256M"], 150,
         "Analytical queries on SQLite, after TPC-H"),
    Part("kv", "bench-kv", ["--rounds", "3", "short"], [], 330,
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
    """One pass over the parts."""

    def __init__(self, build, results, full):
        self.build, self.results, self.full = build, results, full
        self.begun = time.monotonic()
        self.tty = sys.stderr.isatty()

    def say(self, text, last=True):
        if self.tty:
            sys.stderr.write("\r" + text + "\033[K" + ("\n" if last else ""))
        elif last:
            sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def spent(self):
        return time.monotonic() - self.begun

    def path(self, part, suffix):
        return os.path.join(self.results, part.name + suffix)

    def program(self, part):
        return os.path.join(self.build, "bench", part.program)

    def arguments(self, part):
        """For the user to repeat it; and ours, with where the JSON goes."""
        options = list(part.full if self.full else part.options)
        shown = ["bench/" + part.program] + options
        run = [self.program(part)] + options
        if part.program == "bench-eviction":
            traces = sorted(glob.glob(os.path.join(
                self.build, "bench", "out", "*.trace")))
            run += traces
            shown += [os.path.relpath(t, self.build) for t in traces]
        return shown, run + ["--json=" + self.path(part, ".new")]

    def record(self, part, shown, status, why, begun):
        with open(self.path(part, ".run"), "w") as f:
            json.dump({"command": shown, "status": status, "why": why,
                       "full": self.full, "seconds": round(
                           time.monotonic() - begun, 1),
                       "date": time.strftime("%Y-%m-%d %H:%M:%S UTC",
                                             time.gmtime()),
                       "load": os.getloadavg()[0]}, f)

    def one(self, part, number, total, env):
        limit = part.limit * TIMES_FULL if self.full else \
            min(part.limit, int(SECONDS - self.spent()))
        shown, command = self.arguments(part)
        begun = time.monotonic()
        head = f"[{number}/{total}] {part.name}: {part.title}"
        json_path, new = self.path(part, ".json"), self.path(part, ".new")

        def show():
            self.say(f"{head}, {clock(time.monotonic() - begun)} of at most "
                     f"{clock(limit)}, {clock(self.spent())} in all", False)

        for path in json_path, new:
            if os.path.exists(path):
                os.unlink(path)
        if not os.access(self.program(part), os.X_OK):
            self.record(part, shown, None, f"bench/{part.program} was not "
                        "built: configure says what it needs", begun)
            self.say(f"{head}: left out, not built")
            return True
        if limit < 1:
            self.record(part, shown, None, f"the {SECONDS} s for all parts "
                        "were spent before", begun)
            self.say(f"{head}: no time left")
            return False
        self.say(head, not self.tty)
        with open(self.path(part, ".log"), "w") as log:
            status = run_one(command, env, log, limit, show)
        good = status in (0, 3) and os.path.exists(new)
        why = None
        # A program that failed in one case may have figures of the others.
        if status is not None and os.path.exists(new):
            os.rename(new, json_path)
        if not good:
            lines = text_of(self.path(part, ".log")).strip().splitlines()
            why = "interrupted" if stopped else \
                f"took more than {limit} s" if status is None else \
                f"exit status {status}: {lines[-1] if lines else 'no reason'}"
        self.record(part, shown, status, why, begun)
        self.say(f"{head}: {'done' if good else why}, "
                 f"{clock(time.monotonic() - begun)}")
        return good


def run(build, source, results, full, names):
    """All parts, or those named.  How many failed."""
    parts = [p for p in PARTS if not names or p.name in names]
    failed = 0
    run_ = Run(build, results, full)
    os.makedirs(results, exist_ok=True)
    for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
        signal.signal(number, stop)
    # Files, databases and pools of our own, gone with us however a part ends.
    disk = tempfile.mkdtemp(prefix="oriel-bench-",
                            dir=os.environ.get("TMPDIR") or "/var/tmp")
    pools = tempfile.mkdtemp(prefix="oriel-bench-",
                             dir=os.environ.get("ORIEL_DIR") or "/dev/shm")
    env = dict(os.environ, TMPDIR=disk, ORIEL_DIR=pools)
    try:
        if any(p.name == "eviction" for p in parts):
            run_.say("recording traces for eviction, if there are none")
            out = os.path.join(build, "bench", "out")
            os.makedirs(out, exist_ok=True)
            script = os.path.join(source, "bench", "bench-eviction.sh")
            with open(os.path.join(results, "traces.log"), "w") as log:
                run_one(["sh", script, os.path.join(build, "bench"), out], env,
                        log, 120, lambda: None)
        for i, part in enumerate(parts):
            if stopped:
                break
            failed += not run_.one(part, i + 1, len(parts), env)
    finally:
        shutil.rmtree(disk, ignore_errors=True)
        shutil.rmtree(pools, ignore_errors=True)
    return failed
