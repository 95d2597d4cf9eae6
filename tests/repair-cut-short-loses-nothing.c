/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who repairs after the dead is killed as well, at each step: the next one ends
 * what it began.  What a dead writer had committed before is the page again, with
 * its lsn, though the store has it not yet, and is written with the next sync.  What
 * it had evicted by half is no one's, also for who remembers where it was.  And a
 * repair touches nothing of one who lives: neither a frame that the dead was
 * only about to take, nor a file that it was only about to cut, nor a ledger that
 * is another's by then.
 */
#include "util.h"

#ifndef ORL_DEBUG

int
main (void)
{
  skip_all ("needs --enable-debug");
}

#else

#include "attach.h"
#include "frame.h"
#include "point.h"
#include "recover.h"
#include "sys.h"
#include "thread.h"

#define PAGES 10
#define PAGE 3                  /* that the dead was at */
#define LSN 7                   /* of what it had committed */

struct shared {
  steps step;
  _Atomic uint32_t frame;
};

static struct shared *shared;
static const char *data;
static oriel_pool *pool;
static oriel_file *file;

static int
log_is_durable (void *arg, uint64_t lsn)
{
  (void) arg, (void) lsn;
  return 0;
}

static void
attach (void)
{
  oriel_options opt = test_options ();

  opt.max_processes = 6;
  opt.store = ORIEL_STORE_POSIX;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, data, 0);
  must (oriel_file_on_flush_log (file, log_is_durable, NULL), "a log");
}

static void
begin (void)
{
  memset (shared, 0, sizeof *shared);
  make_stamped_file (data, 4096, PAGES, 0, 1);
  attach ();
}

static void
end (void)
{
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "no rule is broken");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

static void
commit (uint64_t tag, uint64_t lsn)
{
  oriel_page page = must_pin (file, PAGE, ORIEL_WRITE);

  stamp (page.data, 4096, tag, PAGE);
  must (oriel_dirty (&page, lsn), "oriel_dirty");
  must (oriel_unpin (&page), "oriel_unpin");
}

/* ------------------------------------------------------------------ */
/* A repair that is begun anew                                        */

static int
dies_changing (void *arg)
{
  oriel_page page;

  (void) arg;
  attach ();
  page = must_pin (file, PAGE, ORIEL_WRITE);
  memset (page.data, 0xee, 1000);
  must (oriel_dirty (&page, LSN + 1), "oriel_dirty");
  raise (SIGKILL);
  return 1;
}

static int
dies_flushing (void *arg)
{
  (void) arg;
  attach ();
  orl_point_arm ("flush.begun", 1);
  oriel_flush (file);
  return 1;
}

static int
repairs (void *point)
{
  orl_point_arm (point, 1);
  attach ();
  orl_recover (pool, 1 + pool->shm.geo.nthreads + pool->shm.proc,
               ORL_ALL_DEAD);
  return 1;
}

static void
is_repaired_twice (int (*dies) (void *), const char *point)
{
  unsigned char page[4096];
  uint32_t frame;
  oriel_page pin;

  begin ();
  commit (2, LSN);
  pin = must_pin (file, PAGE, ORIEL_OPTIMISTIC);
  frame = pin.frame;
  must (oriel_unpin (&pin), "oriel_unpin");
  is_int (in_child (dies, NULL), 128 + SIGKILL, "a process is killed");
  ok (in_child (repairs, (void *) (uintptr_t) point) == 128 + SIGKILL,
      "who repairs is, too, at %s", point);
  ok (page_is_stamped (pool, file, PAGE, 2), "the page is what it was");
  is_int ((long long) atomic_load (&pool->shm.frames[frame].lsn), LSN,
          "and its lsn");
  must (oriel_sync (file), "oriel_sync");
  plain_read (data, PAGE * 4096, page, sizeof page);
  ok (is_stamped (page, sizeof page, 2, PAGE), "a sync writes it");
  end ();
}

static int
dies_cutting (void *arg)
{
  (void) arg;
  attach ();
  orl_point_arm ("cut.checked", 1);
  oriel_file_truncate (file, 4096);
  return 1;
}

/* The dead one had not cut the store yet. */
static void
is_cut_twice (const char *point)
{
  unsigned char page[4096];
  oriel_page pin;
  bool zeroes;

  begin ();
  is_int (in_child (dies_cutting, NULL), 128 + SIGKILL,
          "a process is killed that cuts the file");
  ok (in_child (repairs, (void *) (uintptr_t) point) == 128 + SIGKILL,
      "who repairs is, too, at %s", point);
  ok (page_is_stamped (pool, file, 0, 1), "a page before the end stays");
  is_int ((long long) oriel_file_size (file), 4096, "the file is cut");
  stamp_page (pool, file, PAGES, 2);
  pin = must_pin (file, PAGE, ORIEL_READ);
  zeroes = is_zero (pin.data, 4096);
  must (oriel_unpin (&pin), "oriel_unpin");
  must (oriel_sync (file), "oriel_sync");
  plain_read (data, PAGE * 4096, page, sizeof page);
  ok (zeroes && is_zero (page, sizeof page),
      "longer again it has zeroes, in pool and store");
  end ();
}

/* ------------------------------------------------------------------ */
/* What is not the dead one's                                          */

static void
stop_here (const struct orl_point *point)
{
  struct orl_thread *me;

  if (strcmp (point->name, "work.begun") != 0)
    return;
  must (orl_thread_self (pool, &me), "orl_thread_self");
  atomic_store (&shared->frame, atomic_load (&me->ledger->work[0]));
  go_to (&shared->step, 1);
  pause ();
}

static int
is_about_to_evict (void *arg)
{
  (void) arg;
  attach ();
  orl_point_hook = stop_here;
  oriel_pool_evict (pool, NULL);
  return 1;
}

static void
frame_of_one_who_lives (void)
{
  struct orl_thread *me;
  uint32_t frame, has = 0;
  uint64_t word = 0;
  pid_t pid;

  diag ("a frame that the dead was about to take");
  begin ();
  for (uint64_t i = 0; i < PAGES; i++)
    page_is_stamped (pool, file, i, 1);
  must (orl_thread_self (pool, &me), "orl_thread_self");
  orl_thread_unstash (me);
  pid = spawn (is_about_to_evict, NULL);
  await (&shared->step, 1);
  frame = atomic_load (&shared->frame) - 1;
  if (frame >= pool->shm.geo.nframes)
    bail_out ("no frame");
  /* As an eviction does. */
  if (orl_work_begin (me->ledger, frame) == 0) {
    word = atomic_load (&pool->shm.frames[frame].state);
    has = orl_frame_move (&pool->shm.frames[frame], &word, ORL_EVICTING,
                          me->owner, 0, 0);
  }
  is_int (has, 1, "one who lives takes it");
  kill (pid, SIGKILL);
  reap (pid);
  orl_recover (pool, me->owner, ORL_ALL_DEAD);
  word = atomic_load (&pool->shm.frames[frame].state);
  ok (orl_state (word) == ORL_EVICTING && orl_state_owner (word) == me->owner,
      "the dead is repaired, and who lives has the frame");
  orl_frame_settle (&pool->shm.frames[frame], ORL_VALID, 0, 0, 0);
  orl_work_end (me->ledger, frame);
  end ();
}

static int
is_about_to_cut (void *arg)
{
  (void) arg;
  attach ();
  orl_point_arm ("cut.said", 1);
  oriel_file_truncate (file, 4096);
  return 1;
}

static int (*real_truncate) (int fd, off_t size);

static int
repair_and_fail (int fd, off_t size)
{
  struct orl_thread *me;

  (void) fd, (void) size;
  must (orl_thread_self (pool, &me), "orl_thread_self");
  ok (in_child (is_about_to_cut, NULL) == 128 + SIGKILL,
      "one who was about to cut the file, too, is killed");
  orl_recover (pool, me->owner, ORL_ALL_DEAD);
  return -EIO;
}

static void
cut_of_one_who_lives (void)
{
  int good = 0;

  diag ("a file that the dead was about to cut");
  begin ();
  for (uint64_t i = 0; i < PAGES; i++)
    page_is_stamped (pool, file, i, 1);
  real_truncate = orl_sys.ftruncate;
  orl_sys.ftruncate = repair_and_fail;
  is_rc (oriel_file_truncate (file, 2 * 4096), -EIO,
         "who was at it cannot");
  orl_sys.ftruncate = real_truncate;
  is_int ((long long) oriel_file_size (file), PAGES * 4096,
          "the file is as long as it was");
  for (uint64_t i = 0; i < PAGES; i++)
    good += page_is_stamped (pool, file, i, 1);
  is_int (good, PAGES, "and has each page");
  end ();
}

/* ------------------------------------------------------------------ */

static int
dies_evicting (void *arg)
{
  (void) arg;
  attach ();
  orl_point_arm ("evict.removed", 1);
  oriel_pool_evict (pool, NULL);
  return 1;
}

static void *
changes (void *arg)
{
  commit (2, 0);
  return arg;
}

/* This thread remembers the frame, which has the page's key still. */
static void
frame_out_of_the_table (void)
{
  struct orl_thread *me;
  uint32_t frame;
  oriel_page page;

  diag ("a frame that the dead had taken out of the table");
  begin ();
  page = must_pin (file, PAGE, ORIEL_READ);
  frame = page.frame;
  must (oriel_unpin (&page), "oriel_unpin");
  is_int (in_child (dies_evicting, NULL), 128 + SIGKILL, "a process is killed");
  must (orl_thread_self (pool, &me), "orl_thread_self");
  orl_recover (pool, me->owner, ORL_ALL_DEAD);
  is_int (orl_state (atomic_load (&pool->shm.frames[frame].state)), ORL_FREE,
          "the frame is free");
  in_thread (changes, NULL);
  ok (page_is_stamped (pool, file, PAGE, 2), "what is changed then is seen");
  end ();
}

/* ------------------------------------------------------------------ */

static int
dies_with_a_pin (void *arg)
{
  (void) arg;
  attach ();
  must_pin (file, 1, ORIEL_READ);
  raise (SIGKILL);
  return 1;
}

/* When the dead one's ledger is free it claims it, and writes. */
static int
comes_after (void *arg)
{
  oriel_page page;

  (void) arg;
  orl_point_hook = NULL;
  attach ();
  page = must_pin (file, PAGE, ORIEL_WRITE);
  memset (page.data, 0xee, 1000);
  go_to (&shared->step, 1);
  await (&shared->step, 2);
  stamp (page.data, 4096, 2, PAGE);
  must (oriel_dirty (&page, 0), "oriel_dirty");
  must (oriel_unpin (&page), "oriel_unpin");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return 0;
}

static pid_t heir;

static void
let_another_be_quicker (const struct orl_point *point)
{
  if (strcmp (point->name, "recover.said") != 0 || heir)
    return;
  heir = spawn (comes_after, NULL);
  await (&shared->step, 1);
}

static void
ledger_of_one_who_lives (void)
{
  struct orl_thread *me;
  oriel_page page;

  diag ("a ledger that was the dead one's");
  begin ();
  page_is_stamped (pool, file, PAGE, 1);
  must (orl_thread_self (pool, &me), "orl_thread_self");
  is_int (in_child (dies_with_a_pin, NULL), 128 + SIGKILL,
          "a process is killed");
  orl_point_hook = let_another_be_quicker;
  orl_recover (pool, me->owner, ORL_ALL_DEAD);
  orl_point_hook = NULL;
  is_rc (oriel_pin (file, PAGE, ORIEL_READ | ORIEL_NOWAIT, &page), -EAGAIN,
         "who has its ledger by then keeps its latch");
  go_to (&shared->step, 2);
  is_int (reap (heir), 0, "and ends its change");
  ok (page_is_stamped (pool, file, PAGE, 2), "which is in the page");
  end ();
}

int
main (void)
{
  static const char *const of_a_latch[] = {
    "recover.begin",        "recover.latch.found", "recover.latch.restored",
    "recover.latch.lsns",   "recover.latch",       "recover.latch.released",
    "recover.pin",          "recover.pins.done",   "recover.images.done",
  };
  static const char *const of_a_write[] = {
    "recover.begin", "recover.writing.marked", "recover.frame", "recover.end",
  };

  static const char *const of_a_cut[] = {
    "recover.begin", "cut.repair.void", "cut.sized", "cut.even", "recover.cut",
    "recover.cut.done",
  };

  shared = shared_memory (sizeof *shared);
  data = strdup (scratch_file ("data"));
  pool_dir ();
  for (size_t i = 0; i < COUNT (of_a_latch); i++)
    is_repaired_twice (dies_changing, of_a_latch[i]);
  for (size_t i = 0; i < COUNT (of_a_write); i++)
    is_repaired_twice (dies_flushing, of_a_write[i]);
  for (size_t i = 0; i < COUNT (of_a_cut); i++)
    is_cut_twice (of_a_cut[i]);
  frame_out_of_the_table ();
  frame_of_one_who_lives ();
  cut_of_one_who_lives ();
  ledger_of_one_who_lives ();
  return done_testing ();
}

#endif
