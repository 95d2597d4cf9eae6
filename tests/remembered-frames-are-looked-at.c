/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread remembers in which frames it found pages.  That is never believed: when
 * the frame has another page since, or none, when the page or its file was dropped,
 * when the pool has shrunk, when the file's place in the pool is another's, when
 * another pool took this one's place, and when the thread ends, a pin shows what
 * it should.
 */
#include "util.h"

#include "pin-hit.h"

#define PAGE 4096
#define PAGES 1000
#define FRAMES 256
#define NUMBER 5                /* of the page that is remembered */

static oriel_pool *pool;
static oriel_file *file;
static unsigned flags;          /* ORIEL_READ, ORIEL_OPTIMISTIC */

static const char *
data (void)
{
  return scratch_file ("data");
}

/* A small pool with a linear window, of which nothing is remembered. */
static void
begin (const char *name, unsigned file_flags)
{
  oriel_options opt = test_options ();

  opt.pool_size = FRAMES * PAGE;
  opt.max_size = opt.pool_size;
  opt.max_files = 1;
  opt.backend = ORIEL_BACKEND_LINEAR;
  make_stamped_file (data (), PAGE, PAGES, 0, 1);
  pool = must_open_pool (name, &opt);
  file = must_open_file (pool, data (), file_flags);
}

static void
end (const char *name)
{
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy (name, pool_dir (), 0), "oriel_pool_destroy");
}

/* Where the page is; this thread knows it from now on. */
static uint32_t
remember (uint64_t number)
{
  struct orl_recent *recent;
  oriel_page page;

  for (int i = 0; i < 3; i++) {
    page = must_pin (file, number, flags);
    must (oriel_unpin (&page), "oriel_unpin");
  }
  recent = orl_recent_at (orl_thread_cache.thread, file, number);
  if (recent->number != number || recent->frame != page.frame)
    bail_out ("the thread does not remember page %d", (int) number);
  return page.frame;
}

static int
shows (uint64_t number, uint64_t tag)
{
  oriel_page page = must_pin (file, number, flags);
  int good = is_stamped (page.data, PAGE, tag, number);

  must (oriel_unpin (&page), "oriel_unpin");
  return good;
}

/* Behind the pool's back. */
static void
change_file (void)
{
  char page[PAGE];

  stamp (page, PAGE, 2, NUMBER);
  plain_write (data (), (off_t) NUMBER * PAGE, page, PAGE);
}

/* Use other pages until one of them is in the frame. */
static void *
reuse (void *frame)
{
  for (uint64_t i = 0; i < 20 * PAGES; i++) {
    uint64_t number = NUMBER + 1 + i % (PAGES - NUMBER - 1);
    oriel_page page = must_pin (file, number, ORIEL_READ);
    bool there = page.frame == *(uint32_t *) frame;

    must (oriel_unpin (&page), "oriel_unpin");
    if (there)
      return NULL;
  }
  bail_out ("no other page came into the frame");
}

static void
frame_with_another_page (void)
{
  uint32_t frame;

  begin ("test", 0);
  frame = remember (NUMBER);
  in_thread (reuse, &frame);
  ok (shows (NUMBER, 1), "another page has the frame");
  end ("test");
}

static void
page_with_the_same_lower_bits (void)
{
  oriel_page page;

  begin ("test", 0);
  remember (NUMBER);
  page = must_pin (file, NUMBER + (UINT64_C (1) << 32), flags);
  ok (is_zero (page.data, PAGE), "a page 2^32 behind it is another");
  must (oriel_unpin (&page), "oriel_unpin");
  end ("test");
}

static void
frame_without_page (void)
{
  begin ("test", ORIEL_FOREIGN);
  remember (NUMBER);
  change_file ();
  must (oriel_pool_evict (pool, file), "oriel_pool_evict");
  ok (shows (NUMBER, 2), "the page was evicted");
  end ("test");
}

static void
dropped_page (void)
{
  begin ("test", ORIEL_FOREIGN);
  remember (NUMBER);
  change_file ();
  must (oriel_file_drop_pages (file, NUMBER, 1), "oriel_file_drop_pages");
  ok (shows (NUMBER, 2), "the page was dropped");
  end ("test");
}

static void
dropped_file (void)
{
  begin ("test", ORIEL_FOREIGN);
  remember (NUMBER);
  change_file ();
  must (oriel_file_drop (file), "oriel_file_drop");
  ok (shows (NUMBER, 2), "the file was dropped");
  end ("test");
}

static void
other_file_in_its_place (void)
{
  uint32_t index;

  begin ("test", 0);
  remember (NUMBER);
  index = file->index;
  must (oriel_file_close (file), "oriel_file_close");
  make_stamped_file (scratch_file ("other"), PAGE, PAGES, 0, 3);
  file = must_open_file (pool, scratch_file ("other"), 0);
  is_int (file->index, index, "there is one place for files");
  ok (shows (NUMBER, 3), "another file has it");
  end ("test");
}

static void
pool_that_shrank (void)
{
  uint64_t number = 0;

  begin ("test", 0);
  while (remember (number) < FRAMES / 2)
    if (++number == PAGES)
      bail_out ("no page is in the upper half of the pool");
  must (oriel_pool_resize (pool, FRAMES / 2 * PAGE), "oriel_pool_resize");
  ok (shows (number, 1), "the frame is no more");
  must (oriel_pool_resize (pool, FRAMES * PAGE), "oriel_pool_resize");
  ok (shows (number, 1), "and is again");
  ok (remember (number) < FRAMES, "in the pool");
  end ("test");
}

static steps step;

/* Use both; what the thread has of the first is gone when it uses the second. */
static void *
use_both (void *arg)
{
  oriel_page page;

  (void) arg;
  remember (NUMBER);
  go_to (&step, 1);
  await (&step, 2);
  page = must_pin (file, NUMBER, flags);
  ok (is_stamped (page.data, PAGE, 1, NUMBER), "the pool is another");
  is_int ((long long) get_stats (pool).pins, 1, "which knows of the pin");
  must (oriel_unpin (&page), "oriel_unpin");
  return NULL;
}

/* Its memory is likely to be where the first pool had it. */
static void
pool_in_the_place_of_another (void)
{
  pthread_t thread;

  begin ("first", 0);
  go_to (&step, 0);
  thread = start_thread (use_both, NULL);
  await (&step, 1);
  end ("first");
  begin ("second", 0);
  go_to (&step, 2);
  pthread_join (thread, NULL);
  end ("second");
}

/* In the destructor of a thread that has ended for the pool: what is pinned is
 * safe. */
static void
pin_late (void *arg)
{
  oriel_page page = must_pin (file, NUMBER, flags);

  change_file ();
  must (oriel_pool_evict (pool, file), "oriel_pool_evict");
  *(bool *) arg = shows (NUMBER, 1);
  must (oriel_unpin (&page), "oriel_unpin");
}

static pthread_key_t key;

static void *
use_and_end (void *arg)
{
  remember (NUMBER);
  pthread_setspecific (key, arg);
  return NULL;
}

static void
thread_that_has_ended (void)
{
  bool good = false;

  begin ("test", ORIEL_FOREIGN);
  /* behind the pool's key, so that its destructor runs after the pool's */
  if (pthread_key_create (&key, pin_late))
    bail_out ("pthread_key_create");
  in_thread (use_and_end, &good);
  pthread_key_delete (key);
  ok (good, "the thread had ended");
  end ("test");
}

/* Its lower bits are those of the page that is remembered. */
static void
no_such_page (void)
{
  oriel_page page;

  is_rc (oriel_pin (file, NUMBER + (UINT64_C (1) << 60), flags, &page), -EFBIG,
         "no file has a page 2^60 behind it");
}

/* Where a hit has more to look at than the frame, it goes the other way. */
static void
windows_and_fences (void)
{
  oriel_options opt = test_options ();

  begin ("test", 0);
  ok (file->base == pool->window->base, "a linear window is known by its base");
  remember (NUMBER);
  no_such_page ();
  end ("test");

  opt.flags = ORIEL_FENCE;
  opt.backend = ORIEL_BACKEND_LINEAR;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, data (), 0);
  ok (!file->base, "not in a pool with fences");
  remember (NUMBER);
  ok (shows (NUMBER, 1), "which remembers, too");
  no_such_page ();
  end ("test");

  opt.flags = 0;
  opt.backend = ORIEL_BACKEND_MMAP;
  opt.window_size = MiB;
  opt.slot_size = 16 * KiB;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, data (), 0);
  ok (!file->base, "nor in one that is seen through slots");
  remember (NUMBER);
  for (uint64_t i = 0; i < PAGES; i++)
    shows (i, 1);
  ok (shows (NUMBER, 1), "where the page may be in another slot");
  no_such_page ();
  end ("test");
}

int
main (void)
{
  static const struct {
    unsigned flags;
    const char *name;
  } kind[] = { { ORIEL_OPTIMISTIC, "optimistic" }, { ORIEL_READ, "latched" } };

  for (size_t i = 0; i < COUNT (kind); i++) {
    diag ("pins that are %s", kind[i].name);
    flags = kind[i].flags;
    frame_with_another_page ();
    page_with_the_same_lower_bits ();
    frame_without_page ();
    dropped_page ();
    dropped_file ();
    other_file_in_its_place ();
    pool_that_shrank ();
    pool_in_the_place_of_another ();
    thread_that_has_ended ();
    windows_and_fences ();
  }
  return done_testing ();
}
