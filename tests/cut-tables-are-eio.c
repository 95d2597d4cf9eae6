/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Someone cuts the pool's tables away: nothing crashes and nothing hangs, every
 * call is -EIO and says why, files can be abandoned and the pool closed.  What is
 * left of the pool is refused by open, and removed by destroy with force.
 */
#include "cut.h"

struct world {
  oriel_pool *pool;
  oriel_file *file;
  atomic_int stop;
  atomic_int failed;
};

/* Uses pages until a call fails. */
static void *
user (void *arg)
{
  struct world *w = arg;

  for (uint64_t i = 0; !w->stop; i++) {
    uint64_t n = i * 7 % 900;
    oriel_page page;
    char buffer[4096];
    int rc = oriel_pin (w->file, n, i % 3 ? ORIEL_READ : ORIEL_WRITE, &page);
    int good;

    if (rc == 0) {
      good = is_stamped (page.data, 4096, 1, n);
      if (i % 3 == 0)
        oriel_dirty (&page, 0);
      rc = oriel_unpin (&page);
      if (rc == 0 && !good)
        return (void *) "a wrong page was not reported";
    }
    if (rc == 0 && i % 5 == 0)
      rc = oriel_flush (w->file);
    if (rc == 0) {
      rc = oriel_read (w->file, n * 4096, buffer, 4096, NULL);
      if (rc == 0 && !is_stamped (buffer, 4096, 1, n))
        return (void *) "a wrong copy was not reported";
    }
    if (rc != 0) {
      atomic_fetch_add (&w->failed, 1);
      return rc == -EIO ? NULL : (void *) strdup (oriel_error ());
    }
  }
  return NULL;
}

static void
calls_fail (struct world *w, oriel_page *pinned, struct oriel_view *seen)
{
  struct oriel_view view;
  oriel_stats stats = { .struct_size = sizeof stats };
  oriel_file *other;
  oriel_page page;
  char byte = 0;
  struct {
    const char *what;
    int rc;
  } calls[] = {
    { "dirty", oriel_dirty (pinned, 0) },
    { "unpin", oriel_unpin (pinned) },
    { "pin", oriel_pin (w->file, 0, ORIEL_READ, &page) },
    { "view", oriel_view (w->file, 0, 2, ORIEL_READ, &view) },
    { "view dirty", oriel_view_dirty (seen, seen->first, 1, 0) },
    { "view end", oriel_view_end (seen) },
    { "pin for writing", oriel_pin (w->file, 0, ORIEL_WRITE, &page) },
    { "read", oriel_read (w->file, 0, &byte, 1, NULL) },
    { "write", oriel_write (w->file, 0, &byte, 1) },
    { "flush", oriel_flush (w->file) },
    { "sync", oriel_sync (w->file) },
    { "truncate", oriel_file_truncate (w->file, 0) },
    { "refresh", oriel_file_refresh (w->file) },
    { "drop", oriel_file_drop (w->file) },
    { "drop pages", oriel_file_drop_pages (w->file, 0, 1) },
    { "file open", oriel_file_open (w->pool, scratch_file ("data"), 0, &other) },
    { "file close", oriel_file_close (w->file) },
    { "evict", oriel_pool_evict (w->pool, NULL) },
    { "trim", oriel_window_trim (w->pool) },
    { "stats", oriel_pool_stats (w->pool, &stats) },
    { "check", oriel_pool_check (w->pool, NULL, NULL) },
  };

  for (size_t i = 0; i < COUNT (calls); i++)
    is_int (calls[i].rc, -EIO, calls[i].what);
  ok (strstr (oriel_error (), "tables were cut") != NULL, "and the text says why");
  is_int (oriel_alive (w->pool, 1), 0, "no one is alive there");
}

/* size: what is left.  back: made as long as it was at once. */
static void
cut (uint32_t backend, size_t window, off_t size, int back)
{
  const char *path = pool_path ("test");
  oriel_options opt = test_options ();
  struct world w = { 0 };
  pthread_t thread[4];
  struct oriel_view view;
  oriel_page page;
  void *result;
  off_t whole;
  char byte;

  opt.slot_size = 16 * KiB;
  opt.window_size = window;
  opt.flags = ORIEL_HOLES;
  w.pool = open_window (&opt, backend);
  if (!w.pool)
    return;
  diag ("%s, cut to %lld%s", oriel_backend_name (backend), (long long) size,
        back ? " and extended" : "");
  make_stamped_file (scratch_file ("data"), 4096, 1000, 0, 1);
  w.file = must_open_file (w.pool, scratch_file ("data"), 0);
  page = must_pin (w.file, 950, ORIEL_WRITE);
  must (oriel_view (w.file, 960, 2, ORIEL_WRITE, &view), "oriel_view");
  for (int i = 0; i < 4; i++)
    pthread_create (&thread[i], NULL, user, &w);
  for (int i = 0; i < 200; i++)
    must (oriel_read (w.file, (uint64_t) i * 4096, &byte, 1, NULL),
          "oriel_read");
  whole = (off_t) plain_size (path);
  cut_file (path, size);
  if (back)
    cut_file (path, whole);
  for (int i = 0; i < 4; i++) {
    pthread_join (thread[i], &result);
    ok (!result, "a thread learns of it");
    if (result)
      diag ("%s", (char *) result);
  }
  memset (page.data, 1, 4096);
  calls_fail (&w, &page, &view);
  is_rc (oriel_file_abandon (w.file), 0, "abandon");
  is_rc (oriel_pool_close (w.pool), 0, "close");
  opt.flags = 0;
  is_rc (oriel_pool_open ("test", &opt, &w.pool), -EPROTO, "open refuses it");
  is_rc (oriel_pool_destroy ("test", pool_dir (), 1), 0,
         "destroy with force removes it");
}

int
main (void)
{
  for (size_t i = 0; i < COUNT (windows); i++) {
    cut (windows[i].backend, windows[i].window, 0, 0);
    cut (windows[i].backend, windows[i].window, 128 * KiB, 0);
    if (holes_fault ())
      cut (windows[i].backend, windows[i].window, 0, 1);
  }
  return done_testing ();
}
