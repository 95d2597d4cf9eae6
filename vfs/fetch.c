/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fetch.c - pointers into the window, for SQLite's xFetch
 *
 * A page that SQLite fetches is pinned, without a latch, until it gives it
 * back; fetched twice, it is pinned once.  Its content changes as that of a
 * mapped file would: not while SQLite's locks protect it.
 *
 * Only what is at hand is fetched: in the pool, and shown by a slot.  All else is
 * answered by "use xRead", which always works: it copies the page, which SQLite
 * then keeps in its own cache, and counts what is wanted often, so that the page
 * is loaded, or its extent gets a slot, and the next fetch finds it.
 *
 * HINTS.  The frame that had a page is remembered beyond the unfetch, in a table
 * by page number: the pool itself says whether it still has it.  So a page that
 * is fetched over and over costs no look into the page table, and yet holds no
 * frame and no slot between: nothing to give back when the process is idle, when
 * locks go, when pages are dropped.
 *
 * KEPT PAGES.  Those that are fetched time and again, as the upper pages of a tree
 * are, stay pinned between: to fetch such a page is to ask the pool whether the pin
 * still holds, which says what a new pin would (oriel_pin_holds()).  So a page is
 * kept for no time longer than it is right, whoever drops it or writes it, and a
 * kept one costs others nothing but its frame and slot.  A page that SQLite gives up
 * is kept if it was fetched twice within some hundred pages, and takes the place of
 * one that was not fetched lately; if all that are looked at were, it is not kept.
 * Kept pages are given back when SQLite's lock goes, or the lease that stands for it
 * (lease.c), by whoever gives that back: so those who are idle keep none, but for
 * who has a transaction open.
 *
 * BOUNDS.  Each fetched page keeps a frame in the pool and a slot in the window,
 * so a connection may have a quarter of the slots and the process half.  What
 * the process has is counted in a line that its threads share: a connection takes
 * GRANT of them at a time, and gives all back when it has none fetched; but GRANT
 * where there are many.
 *
 * SQLite may read some bytes behind a page whose content is corrupt, as its own
 * page buffers allow: BEYOND bytes behind what is fetched are in memory, too.  So
 * the last page of each slot, and pages as large as a slot, are for xRead.
 *
 * SQLite asks only where PRAGMA mmap_size, or its default, is above 0.  A VFS is
 * told of that too late to say more, so it is set when a connection is opened.
 *
 * No locks: a connection is used by one thread.  While its lease is IDLE, pages are
 * not in use, and kept ones are theirs who make the lease GOING.
 */
#include <stdlib.h>

#include "vfs.h"

#define BEYOND 256              /* as in SQLite's os_unix.c */
#define BUCKETS 128             /* SQLite holds some tens of pages, and so do we */
#define RECENT 256              /* pages that were given up of late */
#define GRANT 16
#define GRANT_KEPT_FROM 1024    /* of the process's bound */

/* Pages whose frame is remembered: as many as the pool has, so that all that is in
 * memory is found.  In 64 MiB with 4096 a point read took 4% longer. */
#define HINTS_MIN 64
#define HINTS_MAX 65536

/* Fetched again, a kept page stays for so many looks at it, of which each page that
 * would take a place makes LOOKS. */
#define CREDIT 16
#define LOOKS 2

/* Transactions after which all are given back, so that no page that is not fetched
 * again is kept for long: a pool that shrinks waits for it. */
#define TURNS 1024

/* What is at hand, or -EAGAIN. */
#define FLAGS (ORIEL_OPTIMISTIC | ORIEL_ANYTHREAD | ORIEL_SHOWN)

struct hint {
  uint32_t number;
  uint32_t frame;
};

struct vfs_fetched {
  struct vfs_fetched *next;     /* of the bucket, or of those that are free */
  unsigned uses;
  unsigned credit;              /* looks at it until another may take its place */
  bool kept;
  oriel_page page;
};

/* What a connection has for this, made at its first fetch. */
struct vfs_fetches {
  struct vfs_fetched *bucket[BUCKETS];
  struct vfs_fetched *free;
  uint32_t held;                /* pages in use that are not kept */
  uint32_t granted;             /* of the process's bound */
  /* Kept pages, also those in use. */
  struct vfs_fetched *kept[VFS_KEPT_MAX];
  uint32_t nkept;
  uint32_t quota;               /* of the process's bound; 0: none was asked for */
  uint32_t hand;                /* the one looked at last */
  uint32_t turns;               /* transactions that ended in a lease */
  uint32_t recent[RECENT];      /* by number */
  uint32_t mask;                /* hints less one */
  struct hint hint[];           /* by page number */
};

static struct vfs_fetches *
make (const struct vfs_pool *p)
{
  struct vfs_fetches *f;
  uint32_t n = HINTS_MIN;

  while (n < HINTS_MAX && n < p->frames)
    n *= 2;
  f = calloc (1, sizeof *f + n * sizeof *f->hint);
  if (f)
    f->mask = n - 1;
  return f;
}

static struct vfs_fetched **
find (struct vfs_fetches *f, uint64_t number)
{
  struct vfs_fetched **at = &f->bucket[number % BUCKETS];

  while (*at && (*at)->page.number != number)
    at = &(*at)->next;
  return at;
}

/* May one more be fetched? */
static bool
get_grant (struct vfs_connection *c)
{
  struct vfs_pool *p = c->shared->pool;
  uint32_t n = p->fetch_max < GRANT ? p->fetch_max : GRANT;

  if (c->fetches->held < c->fetches->granted)
    return true;
  if (c->fetches->granted + n > p->fetch_max || n == 0)
    return false;
  if (atomic_fetch_add (&p->fetched, n) + n > 2 * p->fetch_max)
    {
      atomic_fetch_sub (&p->fetched, n);
      return false;
    }
  c->fetches->granted += n;
  return true;
}

static void
return_grants (struct vfs_connection *c)
{
  atomic_fetch_sub (&c->shared->pool->fetched, c->fetches->granted);
  c->fetches->granted = 0;
}

static void
unpin (struct vfs_fetches *f, struct vfs_fetched *e)
{
  *find (f, e->page.number) = e->next;
  oriel_unpin (&e->page);
  e->next = f->free;
  f->free = e;
}

/* One page less that is in use and not kept. */
static void
drop_hold (struct vfs_connection *c)
{
  struct vfs_fetches *f = c->fetches;

  if (--f->held == 0
      && (f->granted > GRANT
          || c->shared->pool->fetch_max < GRANT_KEPT_FROM))
    return_grants (c);
}

static void
give_back (struct vfs_connection *c, struct vfs_fetched *e)
{
  unpin (c->fetches, e);
  drop_hold (c);
}

/* ------------------------------------------------------------------ */
/* Kept pages                                                         */

/* What the connection may keep.  Asked for once until all is given back. */
static bool
get_quota (struct vfs_connection *c)
{
  struct vfs_pool *p = c->shared->pool;
  struct vfs_fetches *f = c->fetches;

  if (f->quota > 0)
    return true;
  /* Without a lock, of an immutable file, they would be kept for ever. */
  if (p->keep_max == 0 || c->lock == SQLITE_LOCK_NONE
      || atomic_load_explicit (&p->kept, memory_order_relaxed) + p->keep_max
             > p->keep_all)
    return false;
  if (atomic_fetch_add (&p->kept, p->keep_max) + p->keep_max > p->keep_all)
    {
      atomic_fetch_sub (&p->kept, p->keep_max);
      return false;
    }
  f->quota = p->keep_max;
  return true;
}

/* A place for one more; NULL: there is none. */
static struct vfs_fetched **
find_place (struct vfs_fetches *f)
{
  if (f->nkept < f->quota)
    return &f->kept[f->nkept++];
  for (int i = 0; i < LOOKS; i++)
    {
      struct vfs_fetched *e;

      f->hand = (f->hand + 1) % f->nkept;
      e = f->kept[f->hand];
      if (e->uses == 0 && e->credit == 0)
        {
          unpin (f, e);
          return &f->kept[f->hand];
        }
      e->credit -= e->credit > 0;
    }
  return NULL;
}

/* SQLite has given the page up: keep it, if there is a place. */
static bool
keep (struct vfs_connection *c, struct vfs_fetched *e)
{
  struct vfs_fetches *f = c->fetches;
  uint32_t *recent = &f->recent[e->page.number % RECENT];
  struct vfs_fetched **place;

  if (*recent != (uint32_t) e->page.number)
    {
      *recent = (uint32_t) e->page.number;
      return false;
    }
  place = get_quota (c) ? find_place (f) : NULL;
  if (!place)
    return false;
  *place = e;
  e->kept = true;
  e->credit = 0;
  drop_hold (c);
  return true;
}

/* A kept page that is not in use.  false: its pin does not hold, and is gone; with
 * it all others, as a file was dropped, or a pool shrinks. */
static bool
use_again (struct vfs_connection *c, struct vfs_fetched *e)
{
  if (oriel_pin_holds (&e->page))
    {
      e->credit = CREDIT;
      return true;
    }
  vfs_fetch_return (c);
  return false;
}

void
vfs_fetch_turn (struct vfs_connection *c)
{
  if (c->fetches && ++c->fetches->turns % TURNS == 0)
    vfs_fetch_return (c);
}

void
vfs_fetch_return (struct vfs_connection *c)
{
  struct vfs_fetches *f = c->fetches;
  uint32_t left = 0;

  if (!f || f->quota == 0 || !vfs_has_pool (c))
    return;
  for (uint32_t i = 0; i < f->nkept; i++)
    if (f->kept[i]->uses > 0)
      f->kept[left++] = f->kept[i];
    else
      unpin (f, f->kept[i]);
  f->nkept = left;
  f->hand = 0;
  if (left > 0)
    return;
  atomic_fetch_sub (&c->shared->pool->kept, f->quota);
  f->quota = 0;
}

/* ------------------------------------------------------------------ */
/* Fetching                                                           */

/* Can the bytes up to end of the page be had, and BEYOND more? */
static bool
has_room (const struct vfs_pool *p, const oriel_page *page, uint64_t end)
{
  uint64_t at = (uintptr_t) page->data;

  if (end + BEYOND <= p->page_size)
    return true;
  /* All pages of a linear window can be seen: only the last has none behind. */
  if (p->slot_size == 0)
    return (uint64_t) page->frame + 1 < p->frames;
  return (at & (p->slot_size - 1)) + end + BEYOND <= p->slot_size;
}

static struct vfs_fetched *
pin (struct vfs_connection *c, uint64_t number, uint64_t end)
{
  struct vfs_fetches *f = c->fetches;
  struct hint *hint = &f->hint[number & f->mask];
  struct vfs_fetched *e = f->free;
  int r;

  if (!get_grant (c))
    return NULL;
  if (e)
    f->free = e->next;
  else if (!(e = malloc (sizeof *e)))
    return NULL;
  r = hint->number == number
          ? oriel_pin_hint (vfs_oriel (c), number, hint->frame, FLAGS, &e->page)
          : oriel_pin (vfs_oriel (c), number, FLAGS, &e->page);
  if (r < 0)
    {
      e->next = f->free;
      f->free = e;
      return NULL;
    }
  *hint = (struct hint){ (uint32_t) number, e->page.frame };
  e->uses = 0;
  e->kept = false;
  e->next = f->bucket[number % BUCKETS];
  f->bucket[number % BUCKETS] = e;
  f->held++;
  if (has_room (c->shared->pool, &e->page, end))
    return e;
  give_back (c, e);
  return NULL;
}

int
vfs_fetch (struct vfs_connection *c, sqlite3_int64 offset, int amount,
           void **data)
{
  uint64_t end = (uint64_t) offset + (uint64_t) amount;
  struct vfs_fetched *e;
  uint64_t size, number, in;

  *data = NULL;
  if ((uint64_t) c->mmap_limit < end
      || !(vfs_reads_log (c) || vfs_may_read (c)) || c->crowded
      || end > oriel_file_size (vfs_oriel (c)))
    return SQLITE_OK;
  /* A checkpoint, say, while the lease is kept. */
  if (c->read_marks == 0 && vfs_lease_is_idle (c))
    vfs_lease_end (c);
  size = c->shared->pool->page_size;
  number = (uint64_t) offset >> __builtin_ctzll (size);
  in = (uint64_t) offset & (size - 1);
  if (in + (uint64_t) amount > size)
    return SQLITE_OK;
  if (!c->fetches && !(c->fetches = make (c->shared->pool)))
    return SQLITE_OK;
  e = *find (c->fetches, number);
  if (e && e->uses == 0 && !use_again (c, e))
    e = NULL;
  if (!e)
    e = pin (c, number, in + (uint64_t) amount);
  else if (!has_room (c->shared->pool, &e->page, in + (uint64_t) amount))
    return SQLITE_OK;
  if (e)
    {
      c->nfetched += e->uses++ == 0;
      *data = (char *) e->page.data + in;
    }
  return SQLITE_OK;
}

int
vfs_unfetch (struct vfs_connection *c, sqlite3_int64 offset, void *data)
{
  struct vfs_fetched *e;

  /* Without data: drop all mappings.  SQLite has none in use then, and those that
   * we keep are looked at before it gets them again. */
  if (!data || !vfs_has_pool (c) || !c->fetches)
    return SQLITE_OK;
  e = *find (c->fetches,
             (uint64_t) offset >> __builtin_ctzll (c->shared->pool->page_size));
  if (!e || e->uses == 0 || --e->uses > 0)
    return SQLITE_OK;
  c->nfetched--;
  if (!e->kept && !keep (c, e))
    give_back (c, e);
  return SQLITE_OK;
}

void
vfs_fetch_raise (sqlite3 *db)
{
  sqlite3_file *file = NULL;
  const struct vfs_connection *c;

  if (sqlite3_file_control (db, "main", SQLITE_FCNTL_FILE_POINTER, &file)
          != SQLITE_OK
      || !vfs_file_is_ours (file))
    return;
  c = vfs_connection (file);
  /* As far as SQLite lets it; databases attached later have it, too.  It may
   * fail: then pages are copied. */
  if (c->shared && c->raise && c->mmap_limit == 0)
    sqlite3_exec (db, "PRAGMA mmap_size = 2147418112", NULL, NULL, NULL);
}

void
vfs_fetch_close (struct vfs_connection *c)
{
  struct vfs_fetches *f = c->fetches;

  if (!f)
    return;
  vfs_fetch_return (c);
  /* A forked child leaves the parent's pins alone. */
  for (int i = 0; i < BUCKETS; i++)
    while (f->bucket[i])
      {
        struct vfs_fetched *e = f->bucket[i];

        if (vfs_has_pool (c))
          oriel_unpin (&e->page);
        f->bucket[i] = e->next;
        free (e);
      }
  while (f->free)
    {
      struct vfs_fetched *e = f->free;

      f->free = e->next;
      free (e);
    }
  if (vfs_has_pool (c))
    {
      atomic_fetch_sub (&c->shared->pool->kept, f->quota);
      return_grants (c);
    }
  free (f);
  c->fetches = NULL;
}
