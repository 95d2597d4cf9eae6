/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A window that may not be locked whole is -EPERM at open, and the text says
 * how much it takes; that much is enough, for any number of swaps.  When the limit
 * sinks later no slot is shown, and nothing is lost; with ORIEL_TRY_LOCK all
 * goes on unlocked, and the statistics say so.
 */
#include "window.h"

#include <sys/resource.h>

#define NOBODY 65534
#define PAGES 1024
#define ROUNDS 3000

static uint32_t backend;
static const char *residency;

/* CAP_IPC_LOCK goes with root; the limit comes first, while it may be raised. */
static void
become_limited (uint64_t bytes)
{
  struct rlimit limit = { bytes, geteuid () == 0 ? bytes + 1 : bytes };

  if (setrlimit (RLIMIT_MEMLOCK, &limit) < 0
      || (geteuid () == 0
          && (setgid (NOBODY) < 0 || setuid (NOBODY) < 0)))
    _exit (99);
}

static void
set_soft (uint64_t bytes)
{
  struct rlimit limit;

  getrlimit (RLIMIT_MEMLOCK, &limit);
  limit.rlim_cur = bytes;
  if (setrlimit (RLIMIT_MEMLOCK, &limit) < 0)
    _exit (98);
}

static oriel_options
options (void)
{
  oriel_options opt = test_options ();

  opt.window_size = 512 * KiB;
  opt.slot_size = 16 * KiB;
  opt.max_processes = 4;
  opt.max_threads = 4;
  opt.max_files = 4;
  opt.backend = backend;
  if (backend == ORIEL_BACKEND_LINEAR)
    opt.window_size = 0;
  must (oriel_options_set (&opt, "residency", residency), "residency");
  return opt;
}

struct report {
  int rc;
  unsigned long long bytes;
  char text[400];
};

static struct report *report;

static int
is_refused (void *arg)
{
  oriel_options opt;
  oriel_pool *pool;

  become_limited (*(uint64_t *) arg);
  opt = options ();
  report->rc = oriel_pool_open ("test", &opt, &pool);
  snprintf (report->text, sizeof report->text, "%s", oriel_error ());
  if (sscanf (report->text, "residency: %llu bytes", &report->bytes) != 1)
    return 1;
  return strstr (report->text, "RLIMIT_MEMLOCK") ? 0 : 2;
}

static int
falls_back (void *arg)
{
  oriel_options opt;
  oriel_pool *pool;

  become_limited (*(uint64_t *) arg);
  opt = options ();
  must (oriel_options_set (&opt, "try_lock", "1"), "try_lock");
  pool = must_open_pool ("test", &opt);
  if (get_stats (pool).residency != ORIEL_RESIDENCY_NONE
      || get_stats (pool).locked_bytes != 0)
    return 1;
  oriel_pool_close (pool);
  return 0;
}

static int
is_right (oriel_pool *pool, oriel_file *file, uint64_t number)
{
  return page_is_stamped (pool, file, number, 5);
}

static int
suffices (void *arg)
{
  oriel_options opt;
  oriel_pool *pool;
  oriel_file *file;
  uint64_t state = 1;

  become_limited (*(uint64_t *) arg);
  opt = options ();
  if (oriel_pool_open ("test", &opt, &pool) < 0)
    return 1;
  file = must_open_file (pool, path_in (pool_dir (), "data"), ORIEL_CREATE);
  for (uint64_t i = 0; i < PAGES; i++)
    stamp_page (pool, file, i, 5);
  for (int i = 0; i < ROUNDS; i++) {
    oriel_page page;
    uint64_t number = next_random (&state) % PAGES;

    if (oriel_pin (file, number, ORIEL_WRITE, &page) < 0)
      return 2;
    if (!is_stamped (page.data, 4096, 5, number))
      return 3;
    oriel_unpin (&page);
  }
  return get_stats (pool).residency == opt.residency ? 0 : 4;
}

/* The soft limit sinks to nothing after open. */
static int
sinks (void *arg)
{
  uint64_t enough = *(uint64_t *) arg;
  oriel_options opt;
  oriel_pool *pool;
  oriel_file *file;
  oriel_page page;
  int refused = 0, right = 0, r;

  become_limited (enough);
  opt = options ();
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, path_in (pool_dir (), "data"), ORIEL_CREATE);
  for (uint64_t i = 0; i < PAGES; i++)
    stamp_page (pool, file, i, 5);
  set_soft (4096);
  for (uint64_t i = 0; i < PAGES; i += 4) {
    r = oriel_pin (file, i, ORIEL_WRITE, &page);
    if (r == -ENOMEM && strstr (oriel_error (), "RLIMIT_MEMLOCK"))
      refused++;
    else if (r < 0)
      return 1;
    else
      oriel_unpin (&page);
    right += is_right (pool, file, i);
  }
  if (refused < (int) PAGES / 8 || right != PAGES / 4)
    return 2;
  set_soft (enough);
  for (uint64_t i = 0; i < PAGES; i++) {
    page = must_pin (file, i, ORIEL_WRITE);
    if (!is_stamped (page.data, 4096, 5, i))
      return 3;
    oriel_unpin (&page);
  }
  return get_stats (pool).residency == opt.residency ? 0 : 4;
}

static int
sinks_and_goes_on (void *arg)
{
  oriel_options opt;
  oriel_pool *pool;
  oriel_file *file;
  oriel_page page;

  become_limited (*(uint64_t *) arg);
  opt = options ();
  opt.flags |= ORIEL_TRY_LOCK;
  pool = must_open_pool ("test", &opt);
  if (get_stats (pool).residency != opt.residency)
    return 1;
  file = must_open_file (pool, path_in (pool_dir (), "data"), ORIEL_CREATE);
  for (uint64_t i = 0; i < PAGES; i++)
    stamp_page (pool, file, i, 5);
  set_soft (4096);
  for (uint64_t i = 0; i < PAGES; i++) {
    page = must_pin (file, i, ORIEL_WRITE);
    if (!is_stamped (page.data, 4096, 5, i))
      return 2;
    oriel_unpin (&page);
  }
  return get_stats (pool).residency == ORIEL_RESIDENCY_NONE ? 0 : 3;
}

/* A pool of the user's own for each. */
static int
as_user (int (*fn) (void *), uint64_t bytes)
{
  int code = in_child (fn, &bytes);

  unlink (pool_path ("test"));
  unlink (path_in (pool_dir (), "data"));
  return code;
}

static void
try (uint32_t with, const char *how)
{
  uint64_t need;
  const char *name = oriel_backend_name (with);

  backend = with;
  residency = how;
  diag ("%s, %s", name, how);
  memset (report, 0, sizeof *report);
  is_int (as_user (is_refused, 64 * KiB), 0, "64 KiB are too little");
  is_int (report->rc, -EPERM, "which is -EPERM at open");
  ok (report->bytes > 0, "the text tells how much is: %s", report->text);
  is_int (as_user (is_refused, 0), 0, "and so are none");
  is_int (report->rc, -EPERM, "likewise");
  need = (report->bytes + 4095) / 4096 * 4096;
  is_int (as_user (is_refused, need - 4096), 0, "and a page less than that");
  is_int (as_user (suffices, need), 0, "that is enough, for all swaps");
  is_int (as_user (falls_back, 64 * KiB), 0, "with try_lock it opens unlocked");
  if (with == ORIEL_BACKEND_LINEAR)
    return;
  is_int (as_user (sinks, need), 0,
          "when the limit sinks no slot is shown, and none is lost");
  is_int (as_user (sinks_and_goes_on, need), 0, "or it goes on unlocked");
}

int
main (void)
{
  static const uint32_t backends[] = {
    ORIEL_BACKEND_EMULATED, ORIEL_BACKEND_MMAP, ORIEL_BACKEND_LINEAR,
  };
  oriel_options opt;

  if (sanitized ())
    skip_all ("sanitizers lock nothing");
  report = shared_memory (sizeof *report);
  chmod (pool_dir (), 01777);
  for (size_t i = 0; i < COUNT (backends); i++) {
    oriel_pool *pool;

    residency = "none";
    opt = options ();
    if (backends[i] != ORIEL_BACKEND_LINEAR
        && !(pool = open_window (&opt, backends[i])))
      continue;
    if (backends[i] != ORIEL_BACKEND_LINEAR)
      end_window (pool);
    try (backends[i], "locked");
    if (locks_on_fault ())
      try (backends[i], "onfault");
  }
  return done_testing ();
}
