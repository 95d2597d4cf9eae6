/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * window-test.c - the tests of windows and of the fault path in one program
 *
 * Linked statically, also as process 1 of an initramfs that holds nothing: it
 * mounts what it needs and restarts the machine at its end, at which an emulator
 * exits.  It prints TAP.  Without arguments all parts run, else those named.
 *
 * Its parts are programs of tests/, compiled with another name for main() (see
 * static_tests in tests/local.mk), and swaps (), which measures.  Each runs in
 * a child; what it prints stands indented before its line.
 */
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>

#include "util.h"

#define PAGE ((size_t) 4096)
#define POOL (16 * MiB)
#define SWAPS 20000

/* The parts: PART (function, name). */
#define PART(function, name) int function (void);
#include "parts.h"
#undef PART

static int swaps (void);

static const struct part {
  int (*run) (void);
  const char *name;
} parts[] = {
#define PART(function, name) { function, name },
#include "parts.h"
#undef PART
  { swaps, "swaps-show-the-right-page-on-each-backend" },
};

/* ------------------------------------------------------------------ */
/* Swaps: right, counted, timed                                       */

static long
count_vmas (void)
{
  FILE *f = fopen ("/proc/self/maps", "r");
  long n = 0;

  for (int c; f && (c = getc (f)) != EOF;)
    n += c == '\n';
  if (f)
    fclose (f);
  return n;
}

/* Swap a slot with every access but the rare one that meets its page: pages in
 * random order, one of each slot's extent, of which the window has an 8th. */
static void
try_swaps (uint32_t backend, uint32_t slot_size)
{
  const char *name = oriel_backend_name (backend);
  uint64_t seed = 1, extents = POOL / slot_size / 2, per = slot_size / PAGE;
  unsigned bad = 0, reads = SWAPS;
  oriel_options opt = test_options ();
  oriel_stats before, after;
  oriel_pool *pool;
  oriel_file *file;
  oriel_page page;
  long vmas = count_vmas ();
  double start;
  int rc;

  opt.pool_size = POOL;
  opt.slot_size = slot_size;
  opt.window_size = backend == ORIEL_BACKEND_LINEAR ? POOL : POOL / 16;
  opt.backend = backend;
  rc = oriel_pool_open ("test", &opt, &pool);
  if (rc == -EOPNOTSUPP) {
    diag ("backend %s: %s", name, oriel_error ());
    skip ("the kernel lacks this backend");
    return;
  }
  must (rc, "oriel_pool_open");
  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  for (uint64_t i = 0; i < extents * per; i++) {
    page = must_pin (file, i, ORIEL_WRITE | ORIEL_FRESH);
    *(uint64_t *) page.data = i + 1;
    must (oriel_dirty (&page, 0), "oriel_dirty");
    must (oriel_unpin (&page), "oriel_unpin");
  }
  before = get_stats (pool);
  start = seconds_now ();
  for (unsigned i = 0; i < reads; i++) {
    uint64_t number = next_random (&seed) % extents * per;

    /* Latched for reading, it could be a copy. */
    page = must_pin (file, number, ORIEL_OPTIMISTIC);
    bad += *(uint64_t *) page.data != number + 1;
    must (oriel_unpin (&page), "oriel_unpin");
  }
  start = seconds_now () - start;
  after = get_stats (pool);
  is_int (bad, 0, "every page is the right one");
  is_int (after.backend, backend, name);
  after.swaps -= before.swaps;
  if (backend == ORIEL_BACKEND_LINEAR)
    is_int ((long long) after.swaps, 0, "a linear window swaps nothing");
  else
    ok (after.swaps > SWAPS / 2, "slots were swapped");
  if (backend == ORIEL_BACKEND_NATIVE || backend == ORIEL_BACKEND_LINEAR)
    is_int ((long long) after.vmas, 1, "the window is one VMA");
  diag ("backend %s, slots of %u: %llu swaps, %.0f ns a swap (%.0f a read); "
        "VMAs of the process %ld before, %ld after, of the window %d",
        name, slot_size, (unsigned long long) after.swaps,
        after.swaps ? start * 1e9 / (double) after.swaps : 0.0,
        start * 1e9 / reads, vmas, count_vmas (), (int) after.vmas);
  must (oriel_file_drop (file), "oriel_file_drop");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

static int
swaps (void)
{
  static const uint32_t backends[] = {
    ORIEL_BACKEND_NATIVE, ORIEL_BACKEND_EMULATED, ORIEL_BACKEND_MMAP,
    ORIEL_BACKEND_LINEAR
  };

  for (size_t i = 0; i < COUNT (backends); i++) {
    try_swaps (backends[i], 4096);
    try_swaps (backends[i], 65536);
  }
  return done_testing ();
}

/* ------------------------------------------------------------------ */
/* Parts                                                              */

/* Copy what a part prints, indented; *skipped: why it has nothing to show. */
static void
relay (FILE *from, char *skipped, size_t size)
{
  char line[1024];

  while (fgets (line, sizeof line, from)) {
    const char *why = strstr (line, "# SKIP ");

    if (strncmp (line, "1..0", 4) == 0)
      snprintf (skipped, size, "%s", why ? why + 7 : "\n");
    printf ("    %s", line);
    fflush (stdout);
  }
}

static void
run_part (const struct part *part)
{
  char skipped[256] = "";
  int ends[2], status = 0;
  double start = seconds_now ();
  pid_t pid, got;
  FILE *from;

  if (pipe2 (ends, O_CLOEXEC) < 0 || !(from = fdopen (ends[0], "r")))
    bail_out ("pipe: %s", strerror (errno));
  fflush (stdout);
  pid = fork ();
  if (pid < 0)
    bail_out ("fork: %s", strerror (errno));
  if (pid == 0) {
    dup2 (ends[1], 1);
    dup2 (ends[1], 2);
    setvbuf (stdout, NULL, _IOLBF, 0);
    tap_run = tap_bad = 0;
    exit (part->run ());
  }
  close (ends[1]);
  relay (from, skipped, sizeof skipped);
  fclose (from);
  /* Process 1 inherits others' children, too. */
  while ((got = waitpid (-1, &status, 0)) != pid)
    if (got < 0 && errno != EINTR)
      bail_out ("waitpid: %s", strerror (errno));
  if (skipped[0])
    printf ("ok %d - %s # SKIP %s", ++tap_run, part->name, skipped);
  else if (!ok (WIFEXITED (status) && WEXITSTATUS (status) == 0, "%s",
                part->name))
    diag ("exit status 0x%x", status);
  diag ("%.1f s", seconds_now () - start);
}

/* ------------------------------------------------------------------ */
/* Process 1                                                          */

static void
mount_on (const char *type, const char *dir)
{
  mkdir (dir, 0755);
  if (mount (type, dir, type, 0, NULL) < 0)
    diag ("%s cannot be mounted on %s: %s", type, dir, strerror (errno));
}

/* The kernel has given us a root, perhaps empty. */
static void
be_init (void)
{
  int fd;

  mkdir ("/dev", 0755);
  /* Not all kernels have a devtmpfs. */
  mount ("devtmpfs", "/dev", "devtmpfs", 0, NULL);
  mknod ("/dev/console", S_IFCHR | 0600, makedev (5, 1));
  mknod ("/dev/null", S_IFCHR | 0666, makedev (1, 3));
  fd = open ("/dev/console", O_RDWR);
  for (int i = 0; fd >= 0 && i < 3; i++)
    dup2 (fd, i);
  if (fd > 2)
    close (fd);
  if (access ("/proc/self", F_OK) < 0)
    mount_on ("proc", "/proc");
  mount_on ("tmpfs", "/dev/shm");
  mount_on ("tmpfs", "/tmp");
}

static void
end_init (void)
{
  fflush (stdout);
  sync ();
  reboot (RB_AUTOBOOT);
  reboot (RB_POWER_OFF);
  for (;;)
    pause ();
}

static bool
is_named (char **argv, const struct part *part)
{
  while (*argv && strcmp (*argv, part->name) != 0)
    argv++;
  return *argv != NULL;
}

int
main (int argc, char **argv)
{
  bool init = getpid () == 1;
  bool all = true;
  struct utsname name;
  int rc;

  (void) argc;
  if (init) {
    be_init ();
    setenv ("ORIEL_POISON", "1", 0);
    setenv ("ORIEL_QUICK", "1", 0); /* emulators are slow */
  }
  setenv ("ORIEL_TEST_TIMEOUT", "600", 0);
  uname (&name);
  diag ("Linux %s %s, %d bits, oriel %s", name.release, name.machine,
        (int) sizeof (void *) * 8, oriel_version ());
  /* A boot loader's words, too, are arguments of process 1. */
  for (size_t i = 0; i < COUNT (parts); i++)
    all = all && !is_named (argv, &parts[i]);
  for (size_t i = 0; i < COUNT (parts); i++)
    if (all || is_named (argv, &parts[i]))
      run_part (&parts[i]);
  rc = done_testing ();
  if (init)
    end_init ();
  return rc;
}
