/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oriel_file_on_indoubt(): a page whose writer died without a before-image goes
 * to the callback, once, with what the dead one left; until then no one reads
 * it, and neither store nor eviction gets it, whoever dies, or restarts.
 */
#include "util.h"

#include "attach.h"
#include "frame.h"

#define LOST 3                  /* the page of the dead writer */
#define LSN 77

static uint64_t asked, seen_lsn;
static int seen_half;

static oriel_pool *
doubt_pool (void)
{
  oriel_options opt = test_options ();

  opt.pool_size = 64 * 4096;
  opt.window_size = 16 * 4096;
  opt.slot_size = 4096;
  return must_open_pool ("test", &opt);
}

/* As the engine's log has it: tag 2, and 3 of what was half-changed. */
static int
redo (void *arg, oriel_page *page, uint64_t lsn)
{
  oriel_pool *pool = arg;

  asked++;
  seen_lsn = lsn;
  seen_half = page->number == LOST && is_stamped (page->data, 2048, 3, LOST)
              && !is_stamped (page->data, 4096, 3, LOST);
  is_rc (oriel_unpin (&(oriel_page) { 0 }), -EINVAL, "asked");
  stamp (page->data, oriel_pool_page_size (pool), 3, page->number);
  is_rc (oriel_dirty (page, LSN), 0, "it may say up to where the log has it");
  return 0;
}

static int
refuse (void *arg, oriel_page *page, uint64_t lsn)
{
  (void) arg;
  (void) page;
  (void) lsn;
  asked++;
  return 1;
}

static int
die (void *arg, oriel_page *page, uint64_t lsn)
{
  (void) arg;
  (void) lsn;
  memset (page->data, 0, 100);
  raise (SIGKILL);
  return 0;
}

/* It asks for the page that it is asked about. */
static int
ask_back (void *arg, oriel_page *page, uint64_t lsn)
{
  oriel_page again;

  asked++;
  is_rc (oriel_pin (page->file, page->number, ORIEL_READ, &again), -EDEADLK,
         "the page itself is not to be had meanwhile");
  is_rc (oriel_pin (page->file, 1, ORIEL_READ, &again), 0, "another page is");
  is_rc (oriel_unpin (&again), 0, "and can be given back");
  is_int (oriel_pool_check (arg, NULL, NULL), 0, "the pool is in order");
  return redo (arg, page, lsn);
}

/* Change page LOST and the one behind it, as the log says, then half-change
 * LOST and die. */
static int
writes (void *arg)
{
  oriel_pool *pool = doubt_pool ();
  oriel_file *file = must_open_file (pool, scratch_file ("data"),
                                     ORIEL_NO_IMAGES);
  oriel_page page;

  if (arg)
    must (oriel_file_on_indoubt (file, refuse, NULL), "oriel_file_on_indoubt");
  for (uint64_t i = LOST; i < LOST + 2; i++) {
    page = must_pin (file, i, ORIEL_WRITE);
    stamp (page.data, 4096, 2, i);
    must (oriel_dirty (&page, LSN), "oriel_dirty");
    must (oriel_file_durable (file, LSN), "oriel_file_durable");
    must (oriel_unpin (&page), "oriel_unpin");
  }
  page = must_pin (file, LOST, ORIEL_WRITE);
  stamp (page.data, 2048, 3, LOST);
  raise (SIGKILL);
  return 0;
}

/* Half-change page LOST, which is clean, and die. */
static int
changes_clean (void *arg)
{
  oriel_pool *pool = doubt_pool ();
  oriel_file *file = must_open_file (pool, scratch_file ("data"),
                                     ORIEL_NO_IMAGES);
  oriel_page page;

  (void) arg;
  must (oriel_file_on_indoubt (file, refuse, NULL), "oriel_file_on_indoubt");
  page = must_pin (file, LOST, ORIEL_WRITE);
  stamp (page.data, 2048, 3, LOST);
  raise (SIGKILL);
  return 0;
}

static int
asks_and_dies (void *arg)
{
  oriel_pool *pool = doubt_pool ();
  oriel_file *file = must_open_file (pool, scratch_file ("data"), 0);
  oriel_page page;

  (void) arg;
  must (oriel_file_on_indoubt (file, die, NULL), "oriel_file_on_indoubt");
  oriel_pin (file, LOST, ORIEL_READ, &page);
  return 1;
}

static void
lose_page (void)
{
  make_stamped_file (scratch_file ("data"), 4096, 10, 0, 1);
  is_int (in_child (writes, "asks"), 128 + SIGKILL, "a writer dies");
  asked = 0;
}

/* It cannot be had. */
static void
is_in_doubt (oriel_pool *pool, oriel_file *file, const char *when)
{
  char bytes[4096];
  oriel_page page;
  int bad = 0;

  bad += oriel_pin (file, LOST, ORIEL_READ, &page) != -ENOTRECOVERABLE;
  bad += oriel_pin (file, LOST, ORIEL_WRITE, &page) != -ENOTRECOVERABLE;
  bad += oriel_pin (file, LOST, ORIEL_OPTIMISTIC, &page) != -ENOTRECOVERABLE;
  bad += oriel_pin (file, LOST, ORIEL_NOWAIT, &page) != -EAGAIN;
  bad += oriel_read (file, LOST * 4096, bytes, 10, NULL) != -ENOTRECOVERABLE;
  bad += oriel_write (file, LOST * 4096, bytes, 10) != -ENOTRECOVERABLE;
  is_int (bad, 0, when);
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "no rule is broken");
}

static void
give_up (oriel_pool *pool, oriel_file *file)
{
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
}

static void
destroy (void)
{
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

/* Restart: no one is left when the page is found; then who has no callback. */
static void
no_one_reads_it (void)
{
  char bytes[4096];
  oriel_pool *pool;
  oriel_file *file;

  lose_page ();
  pool = doubt_pool ();
  file = must_open_file (pool, scratch_file ("data"), 0);
  is_in_doubt (pool, file, "after a restart no one gets the page");
  ok (page_is_stamped (pool, file, LOST + 1, 2), "others do");
  is_rc (oriel_flush (file), -ENOTRECOVERABLE, "flush says that it is not all");
  is_rc (oriel_sync (file), -ENOTRECOVERABLE, "so does sync");
  plain_read (scratch_file ("data"), (LOST + 1) * 4096, bytes, 4096);
  ok (is_stamped (bytes, 4096, 2, LOST + 1), "but the other page is written");
  plain_read (scratch_file ("data"), LOST * 4096, bytes, 4096);
  ok (is_stamped (bytes, 4096, 1, LOST), "and the page in doubt is not");
  must (oriel_pool_evict (pool, NULL), "oriel_pool_evict");
  for (uint64_t i = 100; i < 300; i++) { /* more than the pool holds */
    oriel_page page = must_pin (file, i, ORIEL_READ);

    must (oriel_unpin (&page), "oriel_unpin");
  }
  is_in_doubt (pool, file, "eviction leaves it alone");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  pool = doubt_pool ();
  file = must_open_file (pool, scratch_file ("data"), 0);
  is_in_doubt (pool, file, "it stays so when all have closed");

  is_int (in_child (asks_and_dies, NULL), 128 + SIGKILL, "a callback's process "
          "dies in it");
  is_in_doubt (pool, file, "the page is in doubt still");
  must (oriel_file_on_indoubt (file, redo, pool), "oriel_file_on_indoubt");
  ok (page_is_stamped (pool, file, LOST, 3), "then another's callback is asked");
  is_int ((long long) asked, 1, "once");
  is_int (seen_half, 0, "it found what the other callback had left");
  give_up (pool, file);
  destroy ();
}

static void
callback_puts_it_right (void)
{
  char bytes[4096];
  oriel_pool *pool = doubt_pool ();
  oriel_file *file;
  oriel_page held;
  uint64_t version;

  make_stamped_file (scratch_file ("data"), 4096, 10, 0, 1);
  file = must_open_file (pool, scratch_file ("data"), 0);
  must (oriel_file_on_indoubt (file, ask_back, pool), "oriel_file_on_indoubt");
  held = must_pin (file, LOST, ORIEL_OPTIMISTIC);
  version = oriel_read_begin (&held);
  lose_page ();
  is_int ((long long) asked, 0, "a survivor has the page pinned");
  is_int (oriel_read_begin (&held) & 1, 1, "it learns that the page is gone");
  is_int (oriel_read_validate (&held, version), 0, "also from what it has read");
  must (oriel_unpin (&held), "oriel_unpin");
  is_rc (oriel_read (file, LOST * 4096, bytes, 4096, NULL), 0, "it reads");
  ok (is_stamped (bytes, 4096, 3, LOST), "the page as the callback made it");
  is_int ((long long) asked, 2, "which was called once");
  is_int (seen_half, 1, "and saw what the writer had left");
  is_int ((long long) seen_lsn, LSN, "and the position in the log");
  ok (page_is_stamped (pool, file, LOST, 3), "the page is as any other");
  is_int ((long long) asked, 2, "no one is asked again");
  is_rc (oriel_sync (file), 0, "sync");
  plain_read (scratch_file ("data"), LOST * 4096, bytes, 4096);
  ok (is_stamped (bytes, 4096, 3, LOST), "writes it");

  lose_page ();
  must (oriel_file_on_indoubt (file, redo, pool), "oriel_file_on_indoubt");
  is_rc (oriel_flush (file), 0, "flush asks, too");
  is_int ((long long) asked, 1, "once");
  plain_read (scratch_file ("data"), LOST * 4096, bytes, 4096);
  ok (is_stamped (bytes, 4096, 3, LOST), "and writes the page");
  give_up (pool, file);
  destroy ();
}

static void
doubt_ends_otherwise (void)
{
  oriel_pool *pool;
  oriel_file *file;

  lose_page ();
  pool = doubt_pool ();
  file = must_open_file (pool, scratch_file ("data"), 0);
  must (oriel_file_on_indoubt (file, refuse, NULL), "oriel_file_on_indoubt");
  ok (page_is_stamped (pool, file, LOST, 1), "a callback that does not want it "
      "gets the store's page");
  is_int ((long long) asked, 1, "it was asked");
  give_up (pool, file);
  destroy ();

  lose_page ();
  pool = doubt_pool ();
  file = must_open_file (pool, scratch_file ("data"), 0);
  stamp_page (pool, file, LOST, 5);
  ok (page_is_stamped (pool, file, LOST, 5), "a fresh page is beyond doubt");
  give_up (pool, file);
  destroy ();

  lose_page ();
  pool = doubt_pool ();
  file = must_open_file (pool, scratch_file ("data"), 0);
  must (oriel_file_on_indoubt (file, NULL, NULL), "oriel_file_on_indoubt");
  ok (page_is_stamped (pool, file, LOST, 1), "NULL: the store's page again");
  is_int (in_child (writes, NULL), 128 + SIGKILL, "a writer dies");
  ok (page_is_stamped (pool, file, LOST, 1), "from then on always");
  give_up (pool, file);
  destroy ();

  lose_page ();
  pool = doubt_pool ();
  file = must_open_file (pool, scratch_file ("data"), 0);
  must (oriel_file_drop (file), "oriel_file_drop");
  ok (page_is_stamped (pool, file, LOST, 1), "what is dropped is not in doubt");
  give_up (pool, file);
  destroy ();
}

/* Who latched the page only to find it in doubt, and died then, leaves an even
 * version. */
static void
even_version (void)
{
  oriel_pool *pool;
  oriel_file *file;
  struct orl_frame *f = NULL;

  lose_page ();
  pool = doubt_pool ();
  file = must_open_file (pool, scratch_file ("data"), 0);
  is_in_doubt (pool, file, "the page is in doubt");
  for (uint32_t i = 0; i < oriel_pool_frames (pool); i++)
    if (atomic_load (&pool->shm.frames[i].state) & ORL_INDOUBT)
      f = &pool->shm.frames[i];
  if (!f || !(atomic_load (&f->version) & 1))
    bail_out ("no frame has it");
  atomic_fetch_add (&f->version, 1);
  must (oriel_file_on_indoubt (file, redo, pool), "oriel_file_on_indoubt");
  ok (page_is_stamped (pool, file, LOST, 3), "latched in vain it is put right");
  is_int (atomic_load (&f->version) & 1, 0, "and readers take it for whole");
  give_up (pool, file);
  destroy ();
}

static int
redo_slowly (void *arg, oriel_page *page, uint64_t lsn)
{
  (void) lsn;
  asked++;
  usleep (1); /* a cancellation point */
  stamp (page->data, oriel_pool_page_size (arg), 3, page->number);
  return 0;
}

static int pinned;

static void *
pins_cancelled (void *arg)
{
  oriel_page page;

  pthread_cancel (pthread_self ());
  pinned = oriel_pin (arg, LOST, ORIEL_READ, &page) == 0;
  if (pinned)
    must (oriel_unpin (&page), "oriel_unpin");
  return NULL;
}

/* Though the dead one had not said that it is dirty, and though who asks the
 * engine is cancelled meanwhile. */
static void
clean_page (void)
{
  oriel_pool *pool;
  oriel_file *file;

  make_stamped_file (scratch_file ("data"), 4096, 10, 0, 1);
  is_int (in_child (changes_clean, NULL), 128 + SIGKILL,
          "a writer of a clean page dies");
  asked = 0;
  pool = doubt_pool ();
  file = must_open_file (pool, scratch_file ("data"), 0);
  is_in_doubt (pool, file, "the page is in doubt");
  must (oriel_pool_evict (pool, NULL), "oriel_pool_evict");
  for (uint64_t i = 100; i < 300; i++) { /* more than the pool holds */
    oriel_page page = must_pin (file, i, ORIEL_READ);

    must (oriel_unpin (&page), "oriel_unpin");
  }
  is_in_doubt (pool, file, "eviction leaves it alone");
  must (oriel_file_on_indoubt (file, redo_slowly, pool),
        "oriel_file_on_indoubt");
  pthread_join (start_thread (pins_cancelled, file), NULL);
  is_int (pinned, 1, "who is cancelled while the engine is asked goes on");
  ok (page_is_stamped (pool, file, LOST, 3), "the page is put right");
  is_int ((long long) asked, 1, "once");
  give_up (pool, file);
  destroy ();
}

static void
some_may_not (void)
{
  oriel_pool *pool = doubt_pool ();
  oriel_file *file = must_open_file (pool, scratch_file ("data"), ORIEL_RDONLY);

  is_rc (oriel_file_on_indoubt (file, redo, NULL), -EACCES, "read-only");
  must (oriel_file_close (file), "oriel_file_close");
  file = must_open_file (pool, scratch_file ("data"), ORIEL_FOREIGN);
  is_rc (oriel_file_on_indoubt (file, redo, NULL), -EINVAL, "foreign");
  is_rc (oriel_file_on_indoubt (NULL, redo, NULL), -EINVAL, "no file");
  give_up (pool, file);
  destroy ();
}

int
main (void)
{
  pool_dir (); /* the children's, too */
  no_one_reads_it ();
  callback_puts_it_right ();
  doubt_ends_otherwise ();
  even_version ();
  clean_page ();
  some_may_not ();
  return done_testing ();
}
