/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oriel_view() gives all pages or says why not, and then nothing stays pinned and
 * its area is as free as before.
 */
#include <stdbool.h>

#include "faults.h"
#include "window.h"

#define PAGES 600

static oriel_pool *pool;
static oriel_file *file;

static void
refuse (uint64_t first, uint64_t count, unsigned flags, int error,
        const char *what)
{
  uint64_t pins = get_stats (pool).pins;
  struct oriel_view view;

  is_rc (oriel_view (file, first, count, flags, &view), error, what);
  is_int ((long long) get_stats (pool).pins, (long long) pins,
          "and no page is pinned by it");
}

/* How many views of n pages there can be at once; the error of the next. */
static int
fill_area (uint64_t n, int *error)
{
  static struct oriel_view view[5000];
  int count = 0;

  while ((*error = oriel_view (file, 0, n, ORIEL_READ, &view[count])) == 0)
    count++;
  for (int i = 0; i < count; i++)
    must (oriel_view_end (&view[i]), "oriel_view_end");
  return count;
}

static void *
view_most (void *arg)
{
  *(int *) arg = oriel_view (file, 0, ORIEL_THREAD_PINS, ORIEL_READ,
                             &(struct oriel_view){ 0 });
  return NULL;
}

struct holder {
  steps step;
  int rc;
};

static void *
hold_view (void *arg)
{
  struct holder *h = arg;
  struct oriel_view view;

  h->rc = oriel_view (file, 0, ORIEL_THREAD_PINS, ORIEL_READ, &view);
  go_to (&h->step, 1);
  await (&h->step, 2);
  if (h->rc == 0)
    h->rc = oriel_view_end (&view);
  return NULL;
}

/* The area has 1024 pages here, as the pool. */
static void
area_is_full (void)
{
  struct holder h[2] = { 0 };
  pthread_t thread[2];

  for (int i = 0; i < 2; i++) {
    thread[i] = start_thread (hold_view, &h[i]);
    await (&h[i].step, 1);
    is_rc (h[i].rc, 0, "a view of all that a thread can have");
  }
  refuse (0, 129, ORIEL_READ, -ENOBUFS, "more than the area has left");
  ok (strstr (oriel_error (), "area") != NULL, "which is said");
  for (int i = 0; i < 2; i++) {
    go_to (&h[i].step, 2);
    pthread_join (thread[i], NULL);
    is_rc (h[i].rc, 0, "which ends");
  }
}

/* A thread loses its views when it ends, and the area has them back. */
static void
threads_end (void)
{
  int good = 0;

  for (int i = 0; i < 40; i++) {
    int rc = -1;

    in_thread (view_most, &rc);
    good += rc == 0;
  }
  is_int (good, 40, "threads that end with their views give them back");
  is_int ((long long) get_stats (pool).pins, 0, "and unpin them");
}

static void
limits (void)
{
  oriel_page page;
  int error;

  refuse (0, 0, 0, -EINVAL, "no pages");
  refuse (UINT64_MAX, 2, 0, -EINVAL, "pages that overflow");
  refuse (UINT64_C (1) << 60, 2, 0, -EFBIG, "pages that no file can have");
  refuse (0, 2, ORIEL_FRESH | ORIEL_WRITE, -EINVAL, "a flag that it has not");
  refuse (0, ORIEL_THREAD_PINS + 1, 0, -E2BIG,
          "more than a thread can have pinned");
  is_rc (oriel_view (NULL, 0, 1, 0, &(struct oriel_view){ 0 }), -EINVAL,
         "no file");
  is_rc (oriel_view (file, 0, 1, 0, NULL), -EINVAL, "nowhere to say it");
  is_rc (oriel_view_end (&(struct oriel_view){ 0 }), -EINVAL, "no view to end");
  is_rc (oriel_view_dirty (NULL, 0, 1, 0), -EINVAL, "no view to dirty");
  is_int (fill_area (64, &error), ORIEL_THREAD_PINS / 64,
          "as many as the thread has pins");
  is_int (error, -ENOBUFS, "and no more");
  refuse (500, 2, ORIEL_READ | ORIEL_NOWAIT, -EAGAIN,
          "pages that would have to be read");
  must (oriel_pin (file, 7, ORIEL_WRITE, &page), "oriel_pin");
  refuse (0, 10, ORIEL_READ, -EDEADLK, "a page that this thread has latched");
  refuse (0, 10, ORIEL_WRITE, -EDEADLK, "also for writing");
  must (oriel_unpin (&page), "oriel_unpin");
  threads_end ();
  area_is_full ();
}

/* The first read of the store that comes for the pages fails. */
static void
io_error (void)
{
  struct oriel_view view;

  must (oriel_pool_evict (pool, file), "oriel_pool_evict");
  fault_arm (&(struct fault){ "preadv", EIO }, 1, true);
  is_rc (oriel_view (file, 100, 50, ORIEL_READ, &view), -EIO, "the store fails");
  fault_disarm ();
  is_int ((long long) get_stats (pool).pins, 0, "no page stays pinned");
  must (oriel_view (file, 100, 50, ORIEL_READ, &view), "oriel_view");
  ok (is_stamped ((char *) view.data + 49 * 4096, 4096, 1, 149),
      "and the next one has all");
  must (oriel_view_end (&view), "oriel_view_end");
}

/* The kernel refuses to map. */
static void
no_memory (void)
{
  struct oriel_view view;
  oriel_page page;

  for (uint64_t i = 0; i < 100; i++) {
    must (oriel_pin (file, i * 37 % 100, ORIEL_READ, &page), "oriel_pin");
    must (oriel_unpin (&page), "oriel_unpin");
  }
  for (unsigned at = 1; at < 20; at += 6) {
    fault_arm (&(struct fault){ "mmap", ENOMEM }, at, false);
    refuse (0, 90, ORIEL_READ, -ENOMEM, "no memory to map by");
    fault_disarm ();
  }
  for (int i = 0; i < 100; i++) {
    must (oriel_view (file, 0, 90, ORIEL_READ, &view), "oriel_view");
    must (oriel_view_end (&view), "oriel_view_end");
  }
  ok (1, "and the area has lost nothing by it");
}

int
main (void)
{
  oriel_options opt = test_options ();

  fault_wrap ();
  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  opt.store = ORIEL_STORE_POSIX;
  opt.slot_size = 16 * KiB;
  opt.window_size = 128 * KiB;
  opt.backend = ORIEL_BACKEND_MMAP;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), 0);
  limits ();
  io_error ();
  no_memory ();
  must (oriel_file_close (file), "oriel_file_close");
  file = must_open_file (pool, scratch_file ("data"), ORIEL_RDONLY);
  refuse (0, 2, ORIEL_WRITE, -EACCES, "for writing, read-only");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");

  opt.pool_size = 100 * 4096;
  opt.window_size = 0;
  opt.backend = ORIEL_BACKEND_AUTO;
  pool = must_open_pool ("small", &opt);
  file = must_open_file (pool, scratch_file ("data"), 0);
  refuse (0, 101, ORIEL_READ, -E2BIG, "more pages than the pool has");
  refuse (0, 20, ORIEL_WRITE, -ENOBUFS, "more than can be written at once");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");

  opt.page_size = 1024;
  pool = must_open_pool ("tiny", &opt);
  file = must_open_file (pool, scratch_file ("data"), 0);
  refuse (0, 2, ORIEL_READ, -EOPNOTSUPP, "pages that cannot be mapped alone");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
