/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages of a file with hooks are neither loaded nor written by a process that
 * has not given the same ones, also not to make room; and the hooks cannot be
 * changed while others have the file open, or the pool has dirty pages.
 */
#include "hooked.h"

static struct hooked hook = { .key = 77, .page_size = 4096 };
static struct hooked another = { .key = 78, .page_size = 4096 };
static steps *step;

static int
is_refused (int rc, const char *call)
{
  if (rc == -EACCES && strstr (oriel_error (), "hooks (id 0x4d)"))
    return 1;
  diag ("%s: %d: %s", call, rc, oriel_error ());
  return 0;
}

/* A process without hooks, beside one with. */
static int
stranger (void *unused)
{
  oriel_pool *pool = test_pool ();
  oriel_file *file = must_open_file (pool, scratch_file ("data"), 0);
  oriel_file *own = must_open_file (pool, scratch_file ("own"), ORIEL_CREATE);
  oriel_hooks hooks = hooks_of (&another);
  oriel_page page;
  int good = 1;
  char byte;

  (void) unused;
  good &= is_refused (oriel_pin (file, 500, ORIEL_READ, &page), "pin");
  good &= is_refused (oriel_pin (file, 600, ORIEL_WRITE | ORIEL_FRESH, &page),
                      "fresh pin");
  good &= is_refused (oriel_read (file, 500 * 4096, &byte, 1, NULL), "read");
  good &= is_refused (oriel_write (file, 500 * 4096, "x", 1), "write");
  good &= is_refused (oriel_prefetch (file, 400, 10), "prefetch");
  good &= is_refused (oriel_flush (file), "flush");
  good &= is_refused (oriel_sync (file), "sync");
  good &= page_is_stamped (pool, file, 0, 1);
  if (oriel_file_hooks (file, &hooks) != -EBUSY
      || oriel_file_hooks (file, NULL) != -EBUSY) {
    diag ("other hooks: %s", oriel_error ());
    good = 0;
  }
  /* More than the pool has room for. */
  for (uint64_t i = 0; i < 2000; i++)
    stamp_page (pool, own, i, 3);
  must (oriel_sync (own), "oriel_sync");
  must (oriel_file_close (own), "oriel_file_close");
  must (oriel_file_abandon (file), "oriel_file_abandon");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return good ? 0 : 1;
}

struct seen {
  uint64_t hooks, pages;
};

static void
see_file (void *arg, const oriel_file_info *info)
{
  struct seen *seen = arg;

  if (strstr (info->path, "/data")) {
    seen->hooks = info->hooks;
    seen->pages = info->pages;
  }
}

static struct seen
look (oriel_pool *pool)
{
  struct seen seen = { 0 };

  must (oriel_pool_files (pool, see_file, &seen), "oriel_pool_files");
  return seen;
}

/* Writes without hooks, and waits with the file open. */
static int
plain (void *unused)
{
  oriel_pool *pool = test_pool ();
  oriel_file *file = must_open_file (pool, scratch_file ("late"),
                                     ORIEL_CREATE);
  oriel_page page;
  int rc;

  (void) unused;
  stamp_page (pool, file, 0, 1);
  must (oriel_sync (file), "oriel_sync");
  go_to (step, 1);
  await (step, 2);
  rc = oriel_pin (file, 0, ORIEL_READ, &page);
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return rc == -EACCES ? 0 : 1;
}

int
main (void)
{
  const char *path = scratch_file ("data");
  oriel_hooks hooks = hooks_of (&another);
  oriel_pool *pool = test_pool ();
  oriel_file *file = must_open_file (pool, path, ORIEL_CREATE);
  oriel_page page;
  pid_t pid;

  step = shared_memory (sizeof *step);
  must_hook (file, &hook);
  stamp_page (pool, file, 500, 1);
  must (oriel_sync (file), "oriel_sync");
  must (oriel_pool_evict (pool, file), "oriel_pool_evict");
  for (uint64_t i = 0; i < 100; i++)
    stamp_page (pool, file, i, 1);
  is_int (in_child (stranger, NULL), 0, "one without hooks is refused, and finds "
          "room without writing");
  is_int ((long long) get_stats (pool).frames_dirty, 100,
          "our dirty pages are there");
  ok (look (pool).hooks == 77 && look (pool).pages >= 100,
      "who looks sees the file's pages and the id");

  is_rc (oriel_file_hooks (file, &hooks), -EBUSY,
         "with dirty pages the hooks cannot be changed");
  is_rc (oriel_file_hooks (file, NULL), -EBUSY, "nor ended");
  must_hook (file, &hook);
  must (oriel_sync (file), "oriel_sync");
  must (oriel_file_hooks (file, NULL), "oriel_file_hooks");
  ok (!page_is_stamped (pool, file, 3, 1),
      "when they are ended pages are as the store has them");
  must (oriel_file_hooks (file, &hooks), "oriel_file_hooks");
  is_rc (oriel_pin (file, 3, ORIEL_READ, &page), -EIO,
         "with others, pages of the first are read again, and damaged");

  must (oriel_file_close (file), "oriel_file_close");
  file = must_open_file (pool, path, 0);
  is_rc (oriel_pin (file, 3, ORIEL_READ, &page), -EACCES,
         "the id stays with the pool");
  must (oriel_file_close (file), "oriel_file_close");
  file = must_open_file (pool, path, ORIEL_DISCARD);
  must_hook (file, &hook);
  ok (hooked_is_stamped (file, 3, 1), "until it is opened to discard that");
  must (oriel_file_close (file), "oriel_file_close");

  pid = spawn (plain, NULL);
  await (step, 1);
  file = must_open_file (pool, scratch_file ("late"), 0);
  ok (page_is_stamped (pool, file, 0, 1), "a page that came without hooks");
  must_hook (file, &hook);
  is_rc (oriel_pin (file, 0, ORIEL_READ, &page), -EIO,
         "is read again when they are set");
  go_to (step, 2);
  is_int (reap (pid), 0, "and who has it open without is refused");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
