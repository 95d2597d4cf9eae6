# SPDX-License-Identifier: BSD-2-Clause
"""The machine and what was measured on it, as a list of name and text.

What cannot be found out is said to be unknown: a report that leaves it out
would look like one for which it does not matter.
"""

import ctypes
import os
import platform
import re
import subprocess

UNKNOWN = "not to be found out here"


def read(path):
    try:
        with open(path, errors="replace") as f:
            return f.read()
    except OSError:
        return ""


def said_by(*command, cwd=None):
    """The first line that a program prints, or ''."""
    try:
        done = subprocess.run(command, capture_output=True, text=True,
                              timeout=20, cwd=cwd, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    lines = done.stdout.strip().splitlines()
    return lines[0] if done.returncode == 0 and lines else ""


def size(count):
    for unit in "bytes", "KiB", "MiB", "GiB", "TiB":
        if count < 1024 or unit == "TiB":
            return f"{count:.4g} {unit}"
        count /= 1024


def processor():
    info = read("/proc/cpuinfo")
    model = re.search(r"^model name\s*: (.*)$", info, re.M)
    text = f"{os.cpu_count()} of {model.group(1) if model else UNKNOWN}"
    flags = re.search(r"^flags\s*: (.*)$", info, re.M)
    if flags and "hypervisor" in flags.group(1).split():
        text += ", in a virtual machine"
    return f"{text}, {platform.machine()}"


def caches():
    found = []
    base = "/sys/devices/system/cpu/cpu0/cache"
    for index in sorted(os.listdir(base)) if os.path.isdir(base) else []:
        parts = [read(f"{base}/{index}/{n}").strip()
                 for n in ("level", "type", "size")]
        if all(parts) and parts[1] != "Instruction":
            found.append(f"L{parts[0]} {parts[2]}")
    return ", ".join(found) or UNKNOWN


def governor():
    text = read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").strip()
    return text or UNKNOWN + " (virtual machines have none)"


def memory():
    total = re.search(r"MemTotal:\s*(\d+) kB", read("/proc/meminfo"))
    swap = re.search(r"SwapTotal:\s*(\d+) kB", read("/proc/meminfo"))
    if not total:
        return UNKNOWN
    return f"{size(int(total.group(1)) * 1024)}, swap " \
           f"{size(int(swap.group(1)) * 1024) if swap else UNKNOWN}"


def huge_pages():
    names = ("enabled", "shmem_enabled")
    chosen = [re.search(r"\[(.*?)\]",
                        read("/sys/kernel/mm/transparent_hugepage/" + n))
              for n in names]
    return ", ".join(f"{n}: {c.group(1) if c else UNKNOWN}"
                     for n, c in zip(names, chosen))


def mount_of(path):
    """Its file system, from where, and its options."""
    try:
        device = os.stat(path).st_dev
    except OSError:
        return UNKNOWN
    number = f"{os.major(device)}:{os.minor(device)}"
    for line in read("/proc/self/mountinfo").splitlines():
        fields, _, rest = line.partition(" - ")
        if fields.split()[2] == number:
            kind, source, _ = rest.split(" ", 2)
            return f"{kind} on {source}, {fields.split()[5]}"
    return UNKNOWN


def shared_memory():
    try:
        fs = os.statvfs(os.environ.get("ORIEL_DIR") or "/dev/shm")
    except OSError:
        return UNKNOWN
    return f"{size(fs.f_blocks * fs.f_frsize)}, of which " \
           f"{size(fs.f_bavail * fs.f_frsize)} free"


def loaded(build):
    """The libraries that the benchmarks are linked with: name -> path."""
    found = {}
    for name in "bench-kv", "bench-micro", "bench-sqlite":
        for path in f"{build}/bench/.libs/{name}", f"{build}/bench/{name}":
            if not os.path.exists(path):
                continue
            try:
                text = subprocess.run(["ldd", path], capture_output=True,
                                      text=True, timeout=20,
                                      check=False).stdout
            except (OSError, subprocess.TimeoutExpired):
                continue
            for lib, where in re.findall(r"^\s*(\S+) => (/\S+)", text, re.M):
                found[lib] = where
    return found


def version_of(path, symbol, arguments=0):
    try:
        call = getattr(ctypes.CDLL(path), symbol)
    except (OSError, AttributeError):
        return UNKNOWN
    call.restype = ctypes.c_char_p
    return (call(*[None] * arguments) or b"").decode() or UNKNOWN


def peers(build):
    libraries = loaded(build)
    rows = []
    for name, prefix, symbol, arguments in (
            ("SQLite", "libsqlite3", "sqlite3_libversion", 0),
            ("LMDB", "liblmdb", "mdb_version", 3),
            ("Berkeley DB", "libdb", "db_version", 3)):
        path = next((p for lib, p in libraries.items()
                     if lib.startswith(prefix)), None)
        rows.append((name, version_of(path, symbol, arguments) if path
                     else "not there: configure did not find it"))
    rows.append(("fio", said_by("fio", "--version") or "not there"))
    return rows


def source_of(source):
    what = said_by("git", "describe", "--always", "--dirty", "--tags",
                   cwd=source)
    return what or "not a clone"


def describe(build, source, flags):
    disk = os.environ.get("TMPDIR") or "/var/tmp"
    return [
        ("processor", processor()), ("caches", caches()),
        ("governor", governor()), ("memory", memory()),
        ("kernel", f"{platform.system()} {platform.release()}"),
        ("huge pages", huge_pages()),
        (f"file system of {disk}", mount_of(disk)),
        ("/dev/shm" if not os.environ.get("ORIEL_DIR")
         else os.environ["ORIEL_DIR"], shared_memory()),
        ("root", "yes" if os.geteuid() == 0 else
         "no: what needs it is left out"),
        ("Oriel", source_of(source)), ("compiler", flags or UNKNOWN),
        *peers(build),
    ]
