/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * While a process that truncates a file is stopped, the pages before the new end
 * are changed and flushed, other files' misses find room though the file has
 * dirty pages on both sides, and who wants a page behind the end for writing, or a
 * view of it, waits, or with ORIEL_NOWAIT is told to come again.
 */
#include "util.h"

#include "sys.h"

#define PAGES 60
#define END 30                  /* pages that stay */
#define OTHERS 600

static int (*real_ftruncate) (int fd, off_t size);
static steps *at;
static oriel_options options;
static int seen, zeroes;

static int
stop_here (int fd, off_t size)
{
  go_to (at, 1);
  await (at, 2);
  return real_ftruncate (fd, size);
}

static int
truncates (void *unused)
{
  oriel_pool *pool = must_open_pool ("test", &options);
  oriel_file *file = must_open_file (pool, scratch_file ("cut"), 0);

  (void) unused;
  orl_sys.ftruncate = stop_here;
  must (oriel_file_truncate (file, END * 4096), "oriel_file_truncate");
  must (oriel_file_abandon (file), "oriel_file_abandon");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return 0;
}

static void *
waits (void *arg)
{
  struct oriel_view view;

  must (oriel_view (arg, END - 1, 3, ORIEL_WRITE, &view), "oriel_view");
  seen = atomic_load (at);
  zeroes = is_zero ((char *) view.data + 4096, 2 * 4096);
  must (oriel_view_end (&view), "oriel_view_end");
  return NULL;
}

/* A thread waits for its view. */
static pthread_t
view_behind (oriel_file *file)
{
  struct oriel_view view;

  is_rc (oriel_view (file, END - 1, 2, ORIEL_WRITE | ORIEL_NOWAIT, &view),
         -EAGAIN, "nor is a view of it");
  is_rc (oriel_view (file, END - 2, 2, ORIEL_WRITE, &view), 0,
         "one of those before it is");
  must (oriel_view_end (&view), "oriel_view_end");
  is_rc (oriel_view (file, END - 1, 2, ORIEL_READ, &view), 0,
         "and one for reading");
  ok (is_stamped ((char *) view.data + 4096, 4096, 1, END),
      "which shows the page");
  must (oriel_view_end (&view), "oriel_view_end");
  return start_thread (waits, file);
}

int
main (void)
{
  pthread_t thread;
  oriel_pool *pool;
  oriel_file *file, *other;
  oriel_page page;
  char bytes[4096];
  int good = 0;
  pid_t pid;

  at = shared_memory (sizeof *at);
  real_ftruncate = orl_sys.ftruncate;
  options = test_options ();
  options.pool_size = 200 * 4096;
  make_stamped_file (scratch_file ("cut"), 4096, PAGES, 0, 1);
  pool = must_open_pool ("test", &options);
  file = must_open_file (pool, scratch_file ("cut"), 0);
  other = must_open_file (pool, scratch_file ("other"), ORIEL_CREATE);
  pid = spawn (truncates, NULL);
  await (at, 1);

  stamp_page (pool, file, 3, 2);
  is_rc (oriel_flush (file), 0, "a page before the end is flushed");
  plain_read (scratch_file ("cut"), 3 * 4096, bytes, sizeof bytes);
  ok (is_stamped (bytes, sizeof bytes, 2, 3), "and is in the store");
  is_rc (oriel_pin (file, END + 5, ORIEL_WRITE | ORIEL_NOWAIT, &page), -EAGAIN,
         "a page behind it is not to be had for writing");
  ok (page_is_stamped (pool, file, END + 5, 1)
          && page_is_stamped (pool, file, PAGES - 1, 1),
      "for reading it is");
  is_rc (oriel_pin (file, PAGES - 1, ORIEL_WRITE | ORIEL_NOWAIT, &page),
         -EAGAIN, "nor is the last one");
  page = must_pin (file, PAGES, ORIEL_READ);
  must (oriel_unpin (&page), "oriel_unpin");
  is_rc (oriel_pin (file, PAGES, ORIEL_WRITE | ORIEL_NOWAIT, &page), 0,
         "but that behind it is");
  must (oriel_unpin (&page), "oriel_unpin");
  for (uint64_t i = END - 2; i < END + 2; i++)
    if (!page_is_stamped (pool, file, i, 1))
      bail_out ("page %d", (int) i);
  thread = view_behind (file);
  usleep (20000); /* if it does not wait it is through by then */
  go_to (at, 2);
  is_int (reap (pid), 0, "the truncation ends");
  pthread_join (thread, NULL);
  is_int (seen, 2, "who wants to write there waited for it");
  ok (zeroes, "and finds zeroes");
  is_int ((long long) oriel_file_size (file), END * 4096, "the file is cut");
  is_int ((long long) plain_size (scratch_file ("cut")), END * 4096,
          "in the store, too");

  diag ("with dirty pages on both sides");
  for (uint64_t i = 0; i < PAGES; i++)
    stamp_page (pool, file, i, 3);
  go_to (at, 0);
  pid = spawn (truncates, NULL);
  await (at, 1);
  for (uint64_t i = 0; i < OTHERS; i++)
    stamp_page (pool, other, i, 4);
  for (uint64_t i = 0; i < OTHERS; i++)
    good += page_is_stamped (pool, other, i, 4);
  is_int (good, OTHERS, "another file's pages find room");
  for (uint64_t i = good = 0; i < END; i++) {
    plain_read (scratch_file ("cut"), (off_t) i * 4096, bytes, sizeof bytes);
    good += is_stamped (bytes, sizeof bytes, 3, i);
  }
  ok (good > 0, "also by writing %d of those before the end, whose neighbours "
                "are behind it", good);
  go_to (at, 2);
  is_int (reap (pid), 0, "the truncation ends");
  stamp_page (pool, file, END + 5, 5);
  is_int ((long long) oriel_file_size (file), (END + 6) * 4096,
          "what is written behind it then makes the file longer");
  is_rc (oriel_flush (file), 0, "flush");
  for (uint64_t i = good = 0; i < END + 6; i++) {
    plain_read (scratch_file ("cut"), (off_t) i * 4096, bytes, sizeof bytes);
    good += i < END         ? is_stamped (bytes, sizeof bytes, 3, i)
            : i < END + 5   ? is_zero (bytes, sizeof bytes)
                            : is_stamped (bytes, sizeof bytes, 5, i);
  }
  is_int (good, END + 6, "every page is right in the store");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_file_close (other), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
