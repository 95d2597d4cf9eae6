#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
run.py - SQLite's tests on Oriel and on stock, compared name by name

For make check-sqlite, after build.sh has made the programs.  Each file of
tests is a process of its own, as a user without privileges (attach.test, for
one, does not work as root), in a directory of its own on tmpfs; all that run
on Oriel at once share a pool.  A test that fails on Oriel and not on stock, and
is not in the file expected-failures, makes a "not ok"; so does a file that has
fewer tests on Oriel than on stock.
"""

import argparse
import concurrent.futures
import fnmatch
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

# Outside of veryquick: crashes, I/O errors, threads, locks, the shared memory
# of the log.
FULL = """
    autovacuum_ioerr2 backup backup_ioerr btreefault crash crash2 crash3 crash4
    crash5 crash6 crash7 delete3 incrblob_err incrvacuum_ioerr indexfault ioerr
    ioerr2 ioerr3 ioerr4 ioerr5 ioerr6 misc7 mmap4 mmapfault mutex2 notify2
    pagerfault pagerfault2 pagerfault3 savepoint4 savepoint6 shared_err
    snapshot_fault sysfault thread001 thread002 thread003 thread004 thread005
    trans2 vacuum3 walcrash walcrash2 walcrash3 walfault walfault2 walprotocol
    walrofault walslow walthread writecrash
    """.split()

# A part that takes some minutes, for each change: whatever goes by the VFS, and
# nothing that a busy machine can make fail.
QUICK = """
    alter altertab attach attach2 autovacuum* avfs avtrans backup backup[24]
    bigfile* bigrow blob btreefault cacheflush cachespill conflict corrupt
    corrupt[AB]* crash[2-8] dbdata dbpage delete* exclusive* external_reader
    fkey2 hook incrblob* incrvacuum* index index2 insert* interrupt interrupt2
    io io? ioerr* journal* jrnlmode* lock lock[2-5] malloc3 memsubsys* misc[1-5]
    mmap[1-3] mmapfault multiplex* nolock oserror? pager[1-4] pagerfault3
    pagesize pcache pcache2 quota* readonly rollback* savepoint savepoint[257]
    select1 select2 shared shared2 shmlock snapshot* superlock sync sync2 syscall
    sysfault tempdb tempfault temptable tkt-* trans trans3 trigger1 unixexcl
    update* uri vacuum vacuum[1-5] view wal wal[124-9]* walbak walbig walcksum
    walfault walfault2 walhook walmode walnoshm waloverwrite walpersist walro*
    walshared withM zerodamage
    fuzzcheck-* kvtest-* speedtest1-* threadtest3-cgt_pager_1
    """.split()

# It locks one mark alone that another connection has read by: busy if that is
# a lease, as a reader then takes another mark.
ENVIRONMENT = {"shmlock.test": {"ORIEL_LEASE": "0"}}

# Why a database may be opened without the pool.
GOOD_REASONS = r"nolock=1|Is a directory|being replaced or deleted"

PRIVILEGED = os.geteuid() == 0
SHM = "/dev/shm"

# (name, commands, what they must print, also on stock?).  With stock, what
# matches must be the same.  {source} is SQLite's source, {vfs} the VFS.
PROGRAMS = [
    ("speedtest1-" + name,
     ["speedtest1 --verify --size 10 --vfs {vfs} %s test.db" % more],
     r"^Verification Hash: .*$", True)
    for name, more in (
        ("delete", "--journal delete"), ("wal", "--journal wal"),
        ("mmap", "--journal wal --mmap 100000000 --cachesize 20"),
        ("512", "--journal persist --pagesize 512"),
        ("65536", "--journal truncate --pagesize 65536"))
] + [
    ("kvtest-" + mode,
     ["kvtest init test.db --count 2000 --size 8000 --variance 7000",
      "kvtest run test.db --count 2000 --blob-api --random --jmode " + mode,
      "kvtest run test.db --count 2000 --update --multitrans --jmode " + mode,
      "kvtest run test.db --count 2000 --mmap 100000000 --integrity-check",
      "kvtest stat test.db"],
     r"^(?:[Ii]ntegrity-check: *ok|Number of entries: *2000)$", True)
    for mode in ("delete", "wal")
] + [
    ("fuzzcheck-%d" % i,
     ["fuzzcheck --native-vfs {source}/test/fuzzdata%d.db" % i],
     r"^fuzzcheck: 0 errors out of [1-9]\d* tests", True)
    for i in (1, 3, 4, 6, 8)
] + [
    ("mptest-%s-%s" % (test, mode),
     ["mptester test.db {source}/mptest/%s.test --vfs {vfs}"
      " --journalmode %s" % (test, mode)],
     r"^Summary: 0 errors out of [1-9]\d* tests$", False)
    for test in ("crash01", "multiwrite01", "config01", "config02")
    for mode in ("DELETE", "TRUNCATE", "PERSIST", "WAL")
    # These change page sizes and journal modes: with a log they fail on stock.
    if mode != "WAL" or not test.startswith("config")
] + [
    ("threadtest3-" + test, ["threadtest3 " + test],
     r"^0 errors out of 1 tests$", False)
    for test in """
        walthread1 walthread2 walthread3 walthread4 walthread5 cgt_pager_1
        dynamic_triggers checkpoint_starvation_1 checkpoint_starvation_2
        create_drop_index_1 lookaside1 vacuum1 stress1 stress2 shared1
        """.split()
]

# Left out unless FULL: they take long, by waiting or by working.
SLOW = ["mptest-crash01-TRUNCATE", "mptest-crash01-PERSIST",
        "mptest-config02-*",
        "threadtest3-walthread[234]", "threadtest3-dynamic_triggers",
        "threadtest3-checkpoint_starvation_2", "threadtest3-stress?",
        "threadtest3-lookaside1"]


class Outcome:
    """What one program said."""

    def __init__(self, status, text, seconds):
        self.status = status
        self.text = text
        self.seconds = seconds
        m = re.findall(r"^(\d+) errors out of (\d+) tests", text, re.M)
        self.tests = int(m[-1][1]) if m else 0
        self.failed = set(re.findall(r"^! (\S+) (?:expected|got):", text, re.M))
        m = re.findall(r"^!Failures on these tests: (.*)$", text, re.M)
        if m:
            self.failed.update(m[-1].split())
        if self.tests == 0 and status == 0:
            self.failed.add("no-summary")
        if status < 0:
            self.failed.add("ended-by-" + signal.Signals(-status).name)
        elif status != 0 and not self.failed:
            self.failed.add("exit-%d" % status)


class Runner:
    def __init__(self, options):
        self.options = options
        self.work = tempfile.mkdtemp(prefix="oriel-sqlite-",
                                     dir=options.tmp or self.roomy())
        os.chmod(self.work, 0o755)
        self.logs = os.path.join(options.build, "logs")
        shutil.rmtree(self.logs, ignore_errors=True)
        self.source = os.path.join(self.work, "source")
        shutil.copytree(os.path.join(options.build, "source"), self.source,
                        ignore=shutil.ignore_patterns("www"), symlinks=True)
        for which in ("oriel", "stock"):
            os.makedirs(os.path.join(self.logs, which))
            shutil.copytree(os.path.join(options.build, which),
                            os.path.join(self.work, which),
                            ignore=shutil.ignore_patterns(".libs"))
        self.patch()
        self.pool = tempfile.mkdtemp(prefix="oriel-sqlite-", dir=SHM)
        self.give(self.pool)
        # Docker's /dev/shm has 64 MB.
        self.pool_size = "64M" if room(SHM) > 100 << 20 else "24M"
        self.number = self.passed = self.failed = self.skipped = 0
        self.stale = []
        self.running = set()
        self.stopped = False

    def patch(self):
        """Three have a look at the VFS's name, and do nothing; one looks at
        the log a thousand times within a transaction, and would end there."""
        for name, old, new in (
                ("test/mmap2.test", '|| [test_syscall defaultvfs] != "unix"',
                 ""),
                ("test/syscall.test", '[test_syscall defaultvfs] != "unix"',
                 "0"),
                ("test/walcrash2.test", "file size test.db-wal\n"
                 "  } [wal_file_size 16 1024]", "set x x\n  } x"),
                ("mptest/config01.test", "--if vfsname() GLOB 'unix'",
                 "--if 1")):
            path = os.path.join(self.source, name)
            with open(path) as f:
                text = f.read()
            if old not in text:
                sys.exit("%s is not as expected: %s" % (name, old))
            with open(path, "w") as f:
                f.write(text.replace(old, new))

    def directory(self, name):
        """A new directory that the tests' user owns."""
        path = os.path.join(self.work, name)
        os.mkdir(path, 0o700)
        self.give(path)
        return path

    def give(self, path):
        if PRIVILEGED:
            user = pwd.getpwnam(self.options.user)
            os.chown(path, user.pw_uid, user.pw_gid)

    @staticmethod
    def roomy():
        """Memory, if there is enough of it."""
        return SHM if room(SHM) > 600 << 20 else tempfile.gettempdir()

    def run(self, which, name, arguments, limit, cwd=None, more=None):
        """Run program arguments[0] of which; its Outcome, logged as name."""
        if self.stopped:
            sys.exit(1)
        log = os.path.join(self.logs, which, name + ".log")
        messages = self.pool + "/" + which + "-" + name + ".messages"
        own = cwd is None
        if own:
            cwd = self.directory(which + "-" + name)
        # mmap_size is what a test sets, or SQLite's default, as on stock.
        env = dict(os.environ, LC_ALL="C", HOME=cwd, ORIEL_DIR=self.pool,
                   ORIEL_POOL="suite", ORIEL_POOL_SIZE=self.pool_size,
                   ORIEL_FETCH="0", ORIEL_TEST_LOG=messages, **(more or {}))
        env.pop("ORIEL_VFS_DEFAULT", None)
        command = [os.path.join(self.work, which, arguments[0])] \
            + arguments[1:]
        who = {}
        if PRIVILEGED:
            user = pwd.getpwnam(self.options.user)
            who = dict(user=user.pw_uid, group=user.pw_gid, extra_groups=[])
        started = time.monotonic()
        with open(log, "wb") as out:
            p = subprocess.Popen(command, cwd=cwd, env=env, stdout=out,
                                 stdin=subprocess.DEVNULL,
                                 stderr=subprocess.STDOUT,
                                 start_new_session=True, **who)
            self.running.add(p)
            try:
                status = p.wait(limit)
                late = False
            except subprocess.TimeoutExpired:
                late = True
            # Those that it started and left behind, too.
            self.running.discard(p)
            self.kill(p)
            if late:
                status = p.wait()
        with open(log, "rb") as out:
            text = out.read().decode("utf-8", "replace")
        outcome = Outcome(status, text, time.monotonic() - started)
        if late:
            outcome.failed = {"time-limit-of-%d-s" % limit}
        # Nothing is shown if the pool is not used, but with a reason.
        if os.path.exists(messages):
            with open(messages, errors="replace") as lines:
                said = lines.read()
            with open(log, "a") as out:
                out.write(said)
            if any("is not used" in line and not re.search(GOOD_REASONS, line)
                   for line in said.splitlines()):
                outcome.failed.add("pool-not-used")
            os.unlink(messages)
        if own:
            shutil.rmtree(cwd, ignore_errors=True)
        return outcome

    # ----------------------------------------------------------------

    @staticmethod
    def kill(p):
        try:
            os.killpg(p.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def close(self):
        """Leave nothing behind, also when interrupted."""
        self.stopped = True
        for p in list(self.running):
            self.kill(p)
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.rmtree(self.pool, ignore_errors=True)

    def say(self, good, what, why=()):
        self.number += 1
        if good:
            self.passed += 1
        else:
            self.failed += 1
        print("%sok %d - %s" % ("" if good else "not ", self.number, what))
        for line in why:
            print("# " + line)
        sys.stdout.flush()

    @staticmethod
    def differences(oriel, stock, patterns):
        """What is not as expected."""
        why = []
        for test in sorted(oriel.failed - stock.failed):
            if not matches(test, patterns):
                why.append("fails on Oriel only: " + test)
        if oriel.tests < stock.tests and "fewer-tests" not in patterns:
            why.append("fewer tests on Oriel")
        return why

    def compare(self, name, oriel, stock, patterns):
        """One line for a file that both have run."""
        why = self.differences(oriel, stock, patterns)
        good = not why
        for pattern in patterns:
            if pattern == "fewer-tests" and oriel.tests < stock.tests:
                continue
            if not fnmatch.filter(oriel.failed, pattern):
                self.stale.append("%s %s" % (name, pattern))
        for test in sorted(oriel.failed & stock.failed):
            why.append("fails on both: " + test)
        self.say(good, "%s: %d tests (stock %d), %.1f s (stock %.1f), "
                 "%d failed (stock %d)"
                 % (name, oriel.tests, stock.tests, oriel.seconds,
                    stock.seconds, len(oriel.failed), len(stock.failed)), why)

    def all(self, function, items, jobs):
        """(name, result) of function (item), some at once, as they end."""
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            futures = {pool.submit(function, i): i[0] for i in items}
            try:
                for future in concurrent.futures.as_completed(futures):
                    yield futures[future], future.result()
            except BaseException:
                self.close()
                pool.shutdown(cancel_futures=True)
                raise

    def files(self, names, expected):
        """names: (name, set of tests) pairs."""
        def both(item):
            name, suite = item
            limit = self.options.limit
            arguments = ["testfixture", self.source
                         + "/test/permutations.test", suite, name]
            return [self.run(which, name, arguments, limit,
                             more=ENVIRONMENT.get(name))
                    for which in ("oriel", "stock")]

        tests = [0, 0]
        again = []
        for name, (oriel, stock) in self.all(both, names, self.options.jobs):
            tests[0] += oriel.tests
            tests[1] += stock.tests
            patterns = expected.get(name, {})
            why = self.differences(oriel, stock, patterns)
            if why and self.options.again:
                print("# once more, alone: %s: %s" % (name, "; ".join(why)))
                again.append(name)
            else:
                self.compare(name, oriel, stock, patterns)
        for name in again:
            oriel, stock = both((name, dict(names)[name]))
            self.compare(name, oriel, stock, expected.get(name, {}))
        print("# %d files, %d tests on Oriel, %d on stock"
              % (len(names), tests[0], tests[1]))

    def programs(self, programs):
        """Each in one process at a time; most wait more than they work."""
        def run_all(program, which):
            name, commands, pattern, _ = program
            cwd = self.directory(which + "-" + name)
            vfs = "oriel" if which == "oriel" else "unix"
            seen, failed, seconds = [], [], 0
            for i, command in enumerate(commands):
                words = command.format(source=self.source, vfs=vfs).split()
                o = self.run(which, "%s.%d" % (name, i), words,
                             self.options.limit, cwd)
                seen += re.findall(pattern, o.text.replace("\r", "\n"), re.M)
                seconds += o.seconds
                # They have no summary as testfixture's.
                failed += sorted(o.failed - {"no-summary"})
            shutil.rmtree(cwd, ignore_errors=True)
            return seen, failed, seconds

        def judge(program):
            _, _, _, with_stock = program
            seen, failed, seconds = run_all(program, "oriel")
            why = ["Oriel: " + f for f in failed]
            if not seen:
                why.append("Oriel: not what was expected; see the log")
            if with_stock or why:
                stock, failed, _ = run_all(program, "stock")
                if stock != seen:
                    why.append("Oriel: %s, stock: %s" % (seen, stock))
                if failed:
                    why += ["stock, too: " + f for f in failed]
            return why, seconds

        for name, (why, seconds) in self.all(judge, programs,
                                             2 * self.options.jobs):
            self.say(not why, "%s, %.1f s" % (name, seconds), why)

    def names_of(self, suite):
        """The files of one of SQLite's sets."""
        script = self.directory("names") + "/names.tcl"
        with open(script, "w") as out:
            out.write("set argv0 %s/test/x\nsource %s/test/permutations.test\n"
                      "array set s $testspec(%s)\n"
                      "foreach f $s(-files) { puts \"NAME [file tail $f]\" }\n"
                      % (self.source, self.source, suite))
        os.chmod(script, 0o644)
        o = self.run("stock", "names", ["testfixture", script], 60)
        return sorted(re.findall(r"^NAME (\S+)$", o.text, re.M))


def room(path):
    """Bytes that are free there."""
    return shutil.disk_usage(path).free


def read_expected(path):
    """{file: {pattern: reason}}"""
    expected = {}
    with open(path) as lines:
        for line in lines:
            line = line.strip()
            if line and not line.startswith("#"):
                name, pattern, reason = line.split(None, 2)
                expected.setdefault(name, {})[pattern] = reason
    return expected


def matches(name, patterns):
    return any(fnmatch.fnmatchcase(name, p) for p in patterns)


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", help="where build.sh has worked")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--limit", type=int, default=1800,
                        help="seconds for one process")
    parser.add_argument("--files", default="", help="patterns of files and programs")
    parser.add_argument("--full", action="store_true",
                        help="crashes, I/O errors, threads and locks, too")
    parser.add_argument("--quick", action="store_true",
                        help="a part that takes some minutes")
    parser.add_argument("--again", action="store_true",
                        help="run what fails once more, with nothing beside it")
    parser.add_argument("--user", default="nobody")
    parser.add_argument("--tmp", help="without it, " + SHM
                        + " if that has room")
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
    started = time.monotonic()
    runner = Runner(options)
    try:
        expected = read_expected(os.path.join(here, "expected-failures"))
        quick = runner.names_of("veryquick")
        names = [(n, "veryquick") for n in quick]
        names += [(n, "full") for n in (f + ".test" for f in FULL)
                  if n not in quick]
        programs = PROGRAMS
        if options.files or options.quick:
            wanted = options.files.split() or QUICK
            names = [n for n in names if matches(n[0], wanted)
                     or matches(n[0][:-len(".test")], wanted)]
            programs = [p for p in PROGRAMS if matches(p[0], wanted)]
        elif not options.full:
            names = [n for n in names if n[1] == "veryquick"]
            programs = [p for p in PROGRAMS if not matches(p[0], SLOW)]
        runner.files(names, expected)
        runner.programs(programs)
    finally:
        runner.close()
    print("1..%d" % runner.number)
    for line in runner.stale:
        print("# expected to fail, and does not: " + line)
    print("# %d passed, %d failed, %d skipped, in %d s"
          % (runner.passed, runner.failed, runner.skipped,
             time.monotonic() - started))
    return 0 if runner.failed == 0 and runner.passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
