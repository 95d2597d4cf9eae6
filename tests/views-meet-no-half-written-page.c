/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A view waits for one who writes a page of it, and that one dies, and leaves no
 * before-image: the view has the page as the store has it, or as the engine's
 * callback made it, and the others stay as they were.
 */
#include "util.h"

#define FIRST 4
#define COUNT_OF 3

struct viewer {
  oriel_pool *pool;
  oriel_file *file;
  unsigned flags;
  struct oriel_view view;
  int rc;
};

static steps *at;
static uint64_t asked;

static int
redo (void *arg, oriel_page *page, uint64_t lsn)
{
  (void) arg;
  (void) lsn;
  asked++;
  stamp (page->data, 4096, 3, page->number);
  return 0;
}

/* Half-changes the page, and stays there. */
static int
writes (void *arg)
{
  oriel_pool *pool = test_pool ();
  oriel_file *file = must_open_file (pool, scratch_file ("data"),
                                     ORIEL_NO_IMAGES);
  oriel_page page = must_pin (file, *(uint64_t *) arg, ORIEL_WRITE);

  memset (page.data, 'x', 2000);
  go_to (at, 1);
  for (;;)
    pause ();
  return 0;
}

static void *
views (void *arg)
{
  struct viewer *v = arg;

  v->rc = oriel_view (v->file, FIRST, COUNT_OF, v->flags, &v->view);
  go_to (at, 2);
  if (v->rc == 0)
    await (at, 3);
  if (v->rc == 0)
    v->rc = oriel_view_end (&v->view);
  return NULL;
}

static void
try (uint64_t number, unsigned flags, int callback)
{
  struct viewer v = { .pool = test_pool (), .flags = flags };
  pthread_t thread;
  uint64_t waits;
  pid_t pid;

  diag ("page %d, %s, %s", (int) number, flags ? "for writing" : "for reading",
        callback ? "with a callback" : "without");
  make_stamped_file (scratch_file ("data"), 4096, 10, 0, 1);
  v.file = must_open_file (v.pool, scratch_file ("data"), 0);
  if (callback)
    must (oriel_file_on_indoubt (v.file, redo, NULL), "oriel_file_on_indoubt");
  asked = 0;
  go_to (at, 0);
  pid = spawn (writes, &number);
  await (at, 1);
  waits = get_stats (v.pool).latch_waits;
  thread = start_thread (views, &v);
  while (get_stats (v.pool).latch_waits == waits)
    usleep (200);
  kill (pid, SIGKILL);
  is_int (reap (pid), 128 + SIGKILL, "who writes is killed");
  await (at, 2);
  is_rc (v.rc, 0, "the view is to be had");
  for (uint64_t i = 0; v.rc == 0 && i < COUNT_OF; i++)
    ok (is_stamped ((char *) v.view.data + i * 4096, 4096,
                    callback && FIRST + i == number ? 3 : 1, FIRST + i),
        "page %d is whole", (int) (FIRST + i));
  is_int ((long long) get_stats (v.pool).pins, v.rc == 0 ? COUNT_OF : 0,
          "each is pinned once");
  is_int ((long long) asked, callback, "the callback was asked if there is one");
  go_to (at, 3);
  pthread_join (thread, NULL);
  is_rc (v.rc, 0, "the view ends");
  is_int ((long long) get_stats (v.pool).pins, 0, "nothing stays pinned");
  is_int (oriel_pool_check (v.pool, NULL, NULL), 0, "the pool is in order");
  must (oriel_file_abandon (v.file), "oriel_file_abandon");
  must (oriel_pool_close (v.pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

int
main (void)
{
  at = shared_memory (sizeof *at);
  pool_dir (); /* the children's, too */
  for (int callback = 0; callback < 2; callback++)
    for (uint64_t number = FIRST; number < FIRST + COUNT_OF; number += 2) {
      try (number, ORIEL_READ, callback);
      try (number, ORIEL_WRITE, callback);
    }
  return done_testing ();
}
