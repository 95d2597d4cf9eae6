/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread that is cancelled goes on until its call has returned, whatever that
 * waits for: none is a cancellation point.  So others find no lock that is
 * held, no page half-read, and no file that cannot be closed.
 *
 * A thread with a cancellation pending is as good as one that is cancelled at
 * the first point that it comes to.
 */
#include "util.h"

#include <stdbool.h>

#include "double-write.h"
#include "store.h"
#include "sys.h"

#define PAGE 4096
#define PAGES 300

static oriel_pool *pool;
static oriel_file *file;
static const char *path;
static const char *last;        /* the call that was begun last */
static bool through;
static unsigned failures;

static const struct mode {
  const char *name;
  uint32_t store;
  uint32_t torn;
  size_t window;                /* 0: linear */
} modes[] = {
  { "linear window, io_uring", ORIEL_STORE_AUTO, ORIEL_TORN_NONE, 0 },
  { "swapped window, double-write area", ORIEL_STORE_POSIX,
    ORIEL_TORN_DOUBLE, 64 * KiB },
  { "mapped file", ORIEL_STORE_PMEM, ORIEL_TORN_NONE, 0 },
};

static const struct mode *mode;

static int
flush_log (void *arg, uint64_t lsn)
{
  (void) arg, (void) lsn;
  usleep (1); /* a cancellation point */
  return 0;
}

static int
hook (void *arg, uint64_t number, void *data, size_t length)
{
  (void) arg, (void) number, (void) data, (void) length;
  usleep (1);
  return 0;
}

static void
see_file (void *arg, const oriel_file_info *info)
{
  (void) arg, (void) info;
  usleep (1);
}

static void
call (const char *what, int rc)
{
  if (rc < 0 && failures++ == 0)
    diag ("%s: %d: %s", what, rc, oriel_error ());
}

#define CALL(expression)                                                      \
  do {                                                                        \
    last = #expression;                                                       \
    call (last, expression);                                                  \
  } while (0)

static int
change_all (void)
{
  for (uint64_t i = 0; i < PAGES; i++)
    stamp_page (pool, file, i, 2);
  return 0;
}

static int
read_all (void)
{
  for (uint64_t i = 0; i < PAGES; i++)
    failures += !page_is_stamped (pool, file, i, 2);
  return 0;
}

static int
log_some (void)
{
  oriel_page page = must_pin (file, 5, ORIEL_WRITE);

  must (oriel_dirty (&page, 100), "oriel_dirty");
  must (oriel_unpin (&page), "oriel_unpin");
  return 0;
}

static int
view (void)
{
  struct oriel_view v;
  int rc = oriel_view (file, 20, 30, ORIEL_READ, &v);

  return rc < 0 ? rc : oriel_view_end (&v);
}

static oriel_options
options (void)
{
  oriel_options opt = test_options ();

  opt.pool_size = 128 * PAGE;
  opt.max_size = 256 * PAGE;
  opt.window_size = mode->window;
  opt.slot_size = 16 * KiB;
  opt.store = mode->store;
  opt.dirty_high = 300;
  opt.flags |= ORIEL_WRITEBACK;
  return opt;
}

static int
open_all (void)
{
  oriel_hooks hooks = { .struct_size = sizeof hooks, .id = 7,
                        .after_read = hook, .before_write = hook };
  oriel_options opt = options ();
  oriel_file_options how;

  oriel_file_options_init (&how);
  how.torn = mode->torn;
  how.flags = ORIEL_CREATE;
  must (open_with_room ("test", &opt, &pool), "oriel_pool_open");
  must (oriel_file_open_with (pool, path, &how, &file), "oriel_file_open");
  must (oriel_file_hooks (file, &hooks), "oriel_file_hooks");
  return oriel_file_on_flush_log (file, flush_log, NULL);
}

static int
stats (void)
{
  oriel_stats s = { .struct_size = sizeof s };

  return oriel_pool_stats (pool, &s);
}

static void *
work (void *arg)
{
  static char some[3 * PAGE];

  pthread_cancel (pthread_self ());
  CALL (open_all ());
  CALL (change_all ());
  CALL (oriel_flush (file));
  CALL (read_all ());
  CALL (oriel_pool_evict (pool, NULL));
  CALL (oriel_prefetch (file, 10, 60));
  CALL (read_all ());
  CALL (oriel_read (file, 77, some, 2 * PAGE, NULL));
  CALL (view ());
  CALL (log_some ());
  CALL (oriel_sync (file));
  CALL (log_some ());
  CALL (oriel_checkpoint (pool, NULL, NULL));
  CALL (oriel_writeback (pool, NULL));
  CALL (oriel_file_truncate (file, (PAGES + 9) * PAGE));
  CALL (oriel_pool_resize (pool, 256 * PAGE));
  CALL (oriel_pool_resize (pool, 64 * PAGE));
  CALL (oriel_file_drop_pages (file, 3, 4));
  CALL (oriel_file_drop (file));
  CALL (read_all ());
  CALL (oriel_pool_check (pool, NULL, NULL));
  CALL (oriel_pool_files (pool, see_file, NULL));
  CALL (stats ());
  CALL (oriel_file_close (file));
  CALL (oriel_pool_close (pool));
  CALL (open_all ());
  last = "nothing";
  through = true;
  pthread_testcancel ();
  return arg;
}

static void
all_calls (void)
{
  pthread_t thread;
  void *end;

  through = false;
  failures = 0;
  pthread_create (&thread, NULL, work, NULL);
  pthread_join (thread, &end);
  if (!ok (through, "%s: no call is a cancellation point", mode->name)) {
    diag ("it ended in %s", last);
    _exit (1);
  }
  ok (end == PTHREAD_CANCELED, "but the thread is cancelled");
  is_int (failures, 0, "no call failed");
  must (read_all (), "read_all");
  is_int (failures, 0, "others have its pages");
  is_rc (oriel_file_close (file), 0, "and can close the file");
  is_rc (oriel_pool_close (pool), 0, "and the pool");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
  unlink (path);
}

/* ------------------------------------------------------------------ */
/* One waits for what another waits for in the kernel                 */

static int (*real_wait) (struct io_uring *ring);
static steps step;

static int
wait_long (struct io_uring *ring)
{
  orl_sys.uring_wait = real_wait;
  await (&step, 1);
  return real_wait (ring);
}

static void *
wait_first (void *arg)
{
  oriel_page page = must_pin (file, 0, ORIEL_READ);

  must (oriel_unpin (&page), "oriel_unpin");
  return arg;
}

static void *
wait_second (void *arg)
{
  oriel_page page;

  pthread_cancel (pthread_self ());
  must (oriel_pin (file, 20, ORIEL_READ, &page), "oriel_pin");
  must (oriel_unpin (&page), "oriel_unpin");
  through = true;
  return arg;
}

/* Whoever waits for all; meanwhile the other may come to wait for that one. */
static void *
let_go (void *arg)
{
  usleep (50000);
  go_to (&step, 1);
  return arg;
}

static void
two_wait (void)
{
  pthread_t first, second, third;

  mode = &modes[0];
  make_stamped_file (path, PAGE, PAGES, 0, 2);
  must (open_all (), "open_all");
  if (get_stats (pool).store != ORIEL_STORE_URING) {
    skip ("there is no io_uring here");
    return;
  }
  must (oriel_pool_evict (pool, NULL), "oriel_pool_evict");
  real_wait = orl_sys.uring_wait;
  orl_sys.uring_wait = wait_long;
  must (oriel_prefetch (file, 0, 32), "oriel_prefetch");
  through = false;
  first = start_thread (wait_first, NULL);
  third = start_thread (let_go, NULL);
  second = start_thread (wait_second, NULL);
  pthread_join (second, NULL);
  pthread_join (third, NULL);
  pthread_join (first, NULL);
  ok (through, "nor is a wait for who waits");
  is_rc (oriel_file_close (file), 0, "the file can be closed");
  is_rc (oriel_pool_close (pool), 0, "and the pool");
}

int
main (void)
{
  if (sanitized ())
    skip_all ("a sanitizer does not know of threads that are cancelled");
  path = strdup (scratch_file ("data"));
  pool_dir ();
  for (size_t m = 0; m < COUNT (modes); m++) {
    mode = &modes[m];
    if ((mode->torn == ORIEL_TORN_DOUBLE && !orl_dw_works ())
        || (mode->store == ORIEL_STORE_PMEM && !orl_store_pmem_works ()))
      continue;
    all_calls ();
  }
  two_wait ();
  return done_testing ();
}
